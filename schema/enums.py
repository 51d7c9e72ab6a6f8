"""Enums of the API, whose values are described one by one."""

from enum import Enum
from typing import Any

import strawberry


def described(enum: type[Enum], description: str, values: dict[str, str], *, name: str | None = None) -> Any:
    """`enum` as a GraphQL enum, under its own name or `name`; `values` holds a sentence for each of its names."""
    graphql_enum: Any = strawberry.enum(enum, name=name, description=description)
    for value in graphql_enum.__strawberry_definition__.values:
        value.description = values[value.name]
    return graphql_enum
