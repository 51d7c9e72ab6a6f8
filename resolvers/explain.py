"""Prints the Python that an operation is compiled to: `make explain QUERY='{ me { id } }'`."""

import json
import sys
from pathlib import Path

from graphql import GraphQLError, GraphQLSchema, parse, validate

from engine.engine import Engine
from engine.errors import Unsupported
from resolvers.root import build_schema

USAGE = """Say which: make explain QUERY='{ me { id } }', or QUERY=@file.
Values that it needs are given as VARIABLES='{"first": 3}'."""


class UnexplainedError(Exception):
    """There is no code to show; the message says why."""


def explain(schema: GraphQLSchema, query: str, variables: str = "") -> str:
    """The generated source of an operation, which is a text or the name of a file after an @.

    Raises UnexplainedError for what is no valid operation or is not compiled.
    """
    if not query.strip():
        raise UnexplainedError(USAGE)
    try:
        text = Path(query[1:]).read_text(encoding="utf-8") if query.startswith("@") else query
        document = parse(text)
        values = json.loads(variables) if variables.strip() else {}
    except (OSError, UnicodeDecodeError, GraphQLError, json.JSONDecodeError) as error:
        raise UnexplainedError(str(error)) from error
    if errors := validate(schema, document):
        raise UnexplainedError("\n".join(error.message for error in errors))
    try:
        return Engine(schema).source(document, None, values)
    except Unsupported as unsupported:
        raise UnexplainedError(f"graphql-core executes it: {unsupported.reason} (engine/README.md)") from unsupported


def main(query: str = "", variables: str = "") -> int:
    """Print the source, or on the error stream why there is none. The exit code says which it was."""
    schema = build_schema()._schema  # ruff: ignore[private-member-access] -- Strawberry gives no other way to it
    try:
        sys.stdout.write(explain(schema, query, variables))
    except UnexplainedError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
