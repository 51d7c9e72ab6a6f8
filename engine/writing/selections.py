"""The function of a selection: reads what it can, and has graphql-core execute whatever is not as expected."""

from typing import TYPE_CHECKING

from graphql import GraphQLObjectType, is_non_null_type

from engine.fields import Selected, Selection
from engine.names import Locals
from engine.objects import read_of, sources_of
from engine.writing.values import Value

if TYPE_CHECKING:
    from engine.compiling import Compiler

META = {"__schema", "__type"}
"""Root fields that describe the schema. What they select is worth no code: it is asked once, by tools."""


class SelectionWriter:
    """Writes one function."""

    def __init__(self, compiler: "Compiler", name: str, type_: GraphQLObjectType) -> None:
        self._compiler = compiler
        self._names = compiler.names
        self._name = name
        self._type = type_
        self._sources = sources_of(type_)
        self._locals = Locals()
        self._reads: list[str] = []
        self._tests: list[str] = []
        self._steps: list[str] = []
        self._data: list[str] = []
        self.effects = False

    @property
    def sources(self) -> frozenset[type]:
        """The classes that the function can read; empty for all."""
        return frozenset(self._sources if self._reads else ())

    def add(self, field: Selected) -> None:
        """A field, in the order of the answer."""
        if field.name == "__typename":
            self._data.append(f"{field.key!r}: {self._type.name!r}")
            return
        local = self._locals.of(field.key)
        constant = self._names.constant(field.key, field)
        if field.name in META:
            self._introspect(field, local, constant)
            return
        value = self._compiler.value(field, constant)
        read = read_of(field.definition, field.name, self._sources)
        if read is not None and read[1] and value is not None and not self.effects:
            self._read(field, local, constant, read[0], value)
        else:
            self._resolve(field, local, constant, read[0] if read else None, value)

    def _introspect(self, field: Selected, local: str, constant: str) -> None:
        self._steps += [
            f"# {field.coordinates}",
            f"{local} = run.interpret_field({constant}, source, path)",
            f"late = run.later(late, {constant}, {local})",
        ]
        self._data.append(f"{field.key!r}: {local}")

    def _read(self, field: Selected, local: str, constant: str, read: str, value: Value) -> None:
        """A field that is read before anything happens."""
        self._reads.append(f"{local} = {read}  # {field.coordinates}")
        self._tests.append(value.test.format(local))
        self._data.append(f"{field.key!r}: {value.write.format(local)}")
        if value.complete is None:
            return
        path = f"(path, {field.key!r}, {field.parent.name!r})"
        lines = [
            "try:",
            f"    {local} = {value.complete.format(local, path)}",
            "except Exception as error:",
            f"    {local} = run.failed({constant}, error, path)",
            f"if not {value.done.format(local)}:",
            f"    late = run.guard(late, {constant}, {local}, path)",
        ]
        if not is_non_null_type(field.type):
            lines = [f"if {local} is not None:", *indented(lines)]
        self._steps += [f"# {field.coordinates}", *lines]
        self.effects |= value.effects

    def _resolve(self, field: Selected, local: str, constant: str, read: str | None, value: Value | None) -> None:
        """A field that is asked for in its turn."""
        info = ""
        self._steps.append(f"# {field.coordinates}")
        if read is None and field.definition.resolve is None:
            read = f"run.default({constant}, source, path)"
        elif read is None:
            info = ", info"
            read = self._call(field, constant)
            self._steps.append(f"info = run.info({constant}, path)")
        finish = [
            f"{local} = run.finish({constant}, {local}, path{info})",
            f"late = run.later(late, {constant}, {local})",
        ]
        if value is not None and value.complete is None:
            test = f"not ({value.test.format(local)})"
            finish = [f"if {test}:", *indented(finish)]
            if value.write != "{0}":
                finish += ["else:", f"    {local} = {value.write.format(local)}"]
        self._steps += [
            "try:",
            *indented([f"{local} = {read}", *finish]),
            "except Exception as error:",
            f"    {local} = run.failed({constant}, error, path)",
        ]
        self._data.append(f"{field.key!r}: {local}")
        self.effects = True

    def _call(self, field: Selected, constant: str) -> str:
        resolve = self._names.constant(f"resolve_{field.name}", field.definition.resolve)
        asked = field.definition.args or field.nodes[0].arguments
        arguments = f", **run.arguments({constant})" if asked else ""
        return f"{resolve}(source, info{arguments})"

    def lines(self, selection: Selection) -> list[str]:
        """The function."""
        body: list[str] = []
        if self._reads:
            constant = self._names.constant(self._name, selection)
            body += [
                "try:",
                *indented(self._reads),
                "    expected = (",
                *indented(indented([self._tests[0], *(f"and {test}" for test in self._tests[1:])])),
                "    )",
                "except AttributeError:",
                "    expected = False",
                "if not expected:",
                f"    return run.interpret({constant}, source, path)",
            ]
        data = "{" + ", ".join(self._data) + "}"
        if self._steps:
            body += [
                "late = None",
                "try:",
                *indented(self._steps),
                "except Exception:",
                "    run.abandon(late)",
                "    raise",
                f"data = {data}",
                "return data if late is None else gathered(data, late)",
            ]
        else:
            body.append(f"return {data}")
        return [f"def {self._name}(run, source, path):", f'    """{self._type.name}."""', *indented(body), "", ""]


def indented(lines: list[str]) -> list[str]:
    """Lines one level deeper."""
    return ["    " + line for line in lines]
