"""The contract with the frontend: what is built keeps it, and what is not built yet is written down."""

from pathlib import Path

from graphql import GraphQLSchema, build_schema
from graphql.utilities import find_breaking_changes

from resolvers.schema_file import printed_schema

DOCS = Path(__file__).resolve().parent.parent / "docs"
CONTRACT = DOCS / "contract.graphql"
NOT_YET = DOCS / "not-yet.txt"


def breaking(contract: GraphQLSchema, schema: GraphQLSchema) -> list[str]:
    """What a client of the contract would miss, one line each."""
    return sorted(change.description for change in find_breaking_changes(contract, schema))


def not_yet() -> list[str]:
    """What is written down as not built yet."""
    lines = NOT_YET.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_the_schema_breaks_the_contract_only_where_it_is_not_built_yet() -> None:
    """The list is exact: it holds nothing that has been built since, and nothing else is missing."""
    contract = build_schema(CONTRACT.read_text(encoding="utf-8"))
    assert not_yet() == breaking(contract, build_schema(printed_schema()))


def test_nothing_that_is_built_has_changed_its_type() -> None:
    """What is missing may be missing; what is there has the contract's names and types."""
    assert [line for line in not_yet() if " was removed" not in line] == []


def test_the_list_is_in_order() -> None:
    """So that two branches that shorten it meet in the fewest places."""
    assert not_yet() == sorted(set(not_yet()))
