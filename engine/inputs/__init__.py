"""Variables, arguments and Strawberry's conversion of arguments as generated code. graphql-core is the measure."""

from engine.inputs.arguments import Argument, ArgumentsSource, arguments_source
from engine.inputs.names import Constants, Names
from engine.inputs.variables import VariablesReader, variables_reader

__all__ = [
    "Argument",
    "ArgumentsSource",
    "Constants",
    "Names",
    "VariablesReader",
    "arguments_source",
    "variables_reader",
]
