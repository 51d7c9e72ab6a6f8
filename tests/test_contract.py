"""The contract with the frontend is kept, all of it."""

from pathlib import Path

from graphql import build_schema
from graphql.utilities import find_breaking_changes

from resolvers.schema_file import printed_schema

CONTRACT = Path(__file__).resolve().parent.parent / "docs" / "contract.graphql"


def test_the_schema_has_all_that_the_contract_has() -> None:
    """Whatever a client of the contract may ask for is there, with its names and types."""
    contract = build_schema(CONTRACT.read_text(encoding="utf-8"))
    assert find_breaking_changes(contract, build_schema(printed_schema())) == []
