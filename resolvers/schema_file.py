"""The printed schema: `make schema` writes it, a test holds it against the code."""

from pathlib import Path

from strawberry.printer import print_schema

from resolvers.root import build_schema

PRINTED = Path(__file__).resolve().parent.parent / "schema" / "schema.graphql"


def printed_schema() -> str:
    """The schema in SDL, as it is committed."""
    return print_schema(build_schema()) + "\n"


if __name__ == "__main__":
    PRINTED.write_text(printed_schema(), encoding="utf-8")
