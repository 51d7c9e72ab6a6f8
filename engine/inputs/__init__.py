"""Variables, arguments and Strawberry's conversion of arguments as generated code. graphql-core is the measure."""

from engine.inputs.arguments import Argument, ArgumentsSource, arguments_source
from engine.inputs.direct import DirectArgument, DirectCall, direct_call
from engine.inputs.names import Constants, Names
from engine.inputs.variables import VariablesReader, variables_reader

__all__ = [
    "Argument",
    "ArgumentsSource",
    "Constants",
    "DirectArgument",
    "DirectCall",
    "Names",
    "VariablesReader",
    "arguments_source",
    "direct_call",
    "variables_reader",
]
