"""The function of a selection: reads what it can, and has graphql-core execute whatever is not as expected."""

from typing import TYPE_CHECKING

from graphql import GraphQLObjectType, is_non_null_type
from strawberry.types.field import StrawberryField

from engine.fields import Selected, Selection
from engine.inputs import arguments_source, direct_call
from engine.names import Locals, NamesOf
from engine.objects import MADE_OF
from engine.writing.reading import Reading
from engine.writing.values import AS_IT_IS, Value, indented

if TYPE_CHECKING:
    from engine.compiling import Compiler

META = {"__schema", "__type"}
"""Root fields that describe the schema. What they select is worth no code: tools ask for it, once."""


class SelectionWriter:
    """Writes one function."""

    def __init__(self, compiler: "Compiler", name: str, type_: GraphQLObjectType) -> None:
        self._compiler = compiler
        self._name = name
        self._type = type_
        self._locals = Locals()
        self._reading = Reading(compiler, self._locals, "source", type_)
        self._steps: list[list[str]] = []
        self._effects = False

    @property
    def sources(self) -> frozenset[type]:
        """The classes whose objects the function can read; empty for all."""
        return self._reading.sources

    def add(self, field: Selected) -> None:
        """A field, in the order of the answer."""
        if field.name == "__typename":
            self._reading.answer(field.key, repr(self._type.name))
            return
        local = self._locals.of(field.key)
        if field.name in META:
            self._introspect(field, local)
            return
        read = self._reading.read(field)
        if not self._effects and read is not None and read.pure:
            if self._compiler.is_read_whole(field):
                self._reading.add_whole(field, local)
                return
            value = self._compiler.value(field)
            if value is not None:
                self._reading.add(field, local, read, value)
                if value.complete is not None:
                    self._complete(field, local, value)
                return
        self._resolve(field, local, self._reading.python(read) if read and field.definition.resolve else None)

    def _introspect(self, field: Selected, local: str) -> None:
        constant = self._compiler.constant(field)
        self._steps.append(
            [
                f"# {field.coordinates}",
                f"{local} = run.interpret_field({constant}, source, path)",
                f"late = run.later(late, {constant}, {local})",
            ]
        )
        self._reading.answer(field.key, local)

    def _complete(self, field: Selected, local: str, value: Value) -> None:
        """What was read is completed in its turn."""
        assert value.complete is not None
        constant = self._compiler.constant(field)
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
        self._steps.append([f"# {field.coordinates}", *lines])
        self._effects |= value.effects

    def _resolve(self, field: Selected, local: str, read: str | None) -> None:
        """A field that is asked for in its turn."""
        constant, value = self._compiler.constant(field), self._compiler.value(field)
        first, call = ([], read) if read else self._call(field, constant)
        complete = [
            f"{local} = run.complete({constant}, {local}, path)",
            f"late = run.later(late, {constant}, {local})",
        ]
        if value is not None and value.complete is None:
            complete = [f"if not ({value.test.format(local)}):", *indented(complete)]
            if value.write != AS_IT_IS:
                complete += ["else:", f"    {local} = {value.write.format(local)}"]
        self._steps.append(
            [
                f"# {field.coordinates}",
                "try:",
                *indented([*first, f"{local} = {call}", *complete]),
                "except Exception as error:",
                f"    {local} = run.failed({constant}, error, path)",
            ]
        )
        self._reading.answer(field.key, local)
        self._effects = True

    def _call(self, field: Selected, constant: str) -> tuple[list[str], str]:
        """The lines that run first, and the expression that calls the resolver."""
        names, definition = NamesOf(self._compiler.names, field.name), field.definition
        if definition.resolve is None:
            return [], f"run.default({constant}, source, path)"
        given = arguments_source(
            definition, field.nodes[0], names, "run.variable_values.coerced", "run.variable_values"
        )
        made_of = definition.extensions.get(MADE_OF)
        direct = direct_call(made_of, definition) if isinstance(made_of, StrawberryField) else None
        info = f"run.info({constant}, path)"
        if direct is not None:
            lines, call = direct.write(given, names, "source", info)
            return [*lines], call
        resolve = names.constant(definition.resolve, "resolve")
        return [*given.lines], f"{resolve}(source, {info}{given.keywords})"

    def lines(self, selection: Selection) -> list[str]:
        """The function."""
        head = [f"def {self._name}(run, source, path):", f'    """{self._type.name}."""']
        if not self._steps:
            body = [f"return {self._reading.written()}"]
        else:
            body = [
                *self._reading.writes,
                "late = None",
                *self._guarded_steps(),
                f"data = {self._reading.named()}",
                "return data if late is None else gathered(data, late)",
            ]
        return [*head, *indented([*self._expected(selection), *body]), "", ""]

    def _guarded_steps(self) -> list[str]:
        """All steps. A later one that fails must not leave alone what an earlier one began."""
        steps = [line for step in self._steps for line in step]
        if len(self._steps) == 1:
            return steps
        return ["try:", *indented(steps), "except Exception:", "    run.abandon(late)", "    raise"]

    def _expected(self, selection: Selection) -> list[str]:
        if not selection.sources:
            return []
        constant = self._compiler.names.constant(selection, self._type.name)
        return [
            "try:",
            "    expected = (",
            *indented(self._reading.condition(), 2),
            "    )",
            "except AttributeError:",
            "    expected = False",
            "if not expected:",
            f"    return run.interpret({constant}, source, path)",
        ]
