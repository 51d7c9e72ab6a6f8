"""Defaults of arguments and fields of input objects: one object for all requests, as graphql-core's are."""

from typing import Any

from graphql import GraphQLArgument, GraphQLInputField
from graphql.utilities.coerce_input_value import coerce_default_value


class Refused(Exception):
    """No code is written: the value does not fit, or the code would not be sure. graphql-core is asked instead."""


def default_of(field: GraphQLArgument | GraphQLInputField) -> Any:
    """The coerced default, Undefined where there is none. Raises Refused for one that does not fit its type."""
    try:
        return coerce_default_value(field)
    except Exception as error:
        raise Refused from error
