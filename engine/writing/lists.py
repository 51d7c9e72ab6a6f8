"""Lists: their items are completed one by one, and graphql-core completes each that is not as expected."""

from typing import TYPE_CHECKING

from graphql import get_nullable_type, is_non_null_type

from engine.fields import Selected
from engine.names import Locals, snake
from engine.writing.reading import Reading, conjunction
from engine.writing.values import AS_IT_IS, Value, indented

if TYPE_CHECKING:
    from engine.compiling import Compiler

LIST = "(type({0}) is list or type({0}) is tuple)"


def leaves(compiler: "Compiler", item: Value) -> Value:
    """Lists of scalars or enums that are all as expected."""
    name = compiler.helper("all_of", _all_of(item.test.format("value")))
    write = "[*{0}]" if item.write == AS_IT_IS else f"[{item.write.format('value')} for value in {{0}}]"
    return Value(f"{LIST} and {name}({{0}})", write)


def _all_of(test: str) -> list[str]:
    return [
        "def {name}(values):",
        "    for value in values:",
        f"        if not ({test}):",
        "            return False",
        "    return True",
        "",
        "",
    ]


def objects(compiler: "Compiler", field: Selected, item: Value) -> Value:
    """Lists of objects, most of which are as expected."""
    null = [] if is_non_null_type(field.item_type) else ["if value is None:", "    done.append(None)", "    continue"]
    name = compiler.names.new(snake(field.key))
    body = _completed(compiler, field, item) if item.complete else _read(compiler, field, item)
    compiler.add(
        [
            f"def {name}(run, values, path):",
            f'    """{field.coordinates}."""',
            "    done = []",
            "    late = []",
            "    values = iter(values)",
            "    try:",
            "        for value in values:",
            *indented([*null, *body], 3),
            "    except Exception:",
            "        run.abandon_items(done, late, values)",
            "        raise",
            "    return gathered_items(done, late) if late else done",
            "",
            "",
        ]
    )
    compiler.complete(field, (list, tuple), name)
    return Value(LIST, complete=f"{name}(run, {{0}}, {{1}})", done="type({0}) is list")


def _read(compiler: "Compiler", field: Selected, item: Value) -> list[str]:
    """Each item is read in one expression."""
    names = Locals()
    object_type = get_nullable_type(field.item_type)
    reading = Reading(compiler, names, "value", object_type)
    for child in compiler.subfields(object_type, field.details):
        reading.add_whole(child, names.of(child.key))
    conditions = [[item.test.format("value")], *([reading.condition()] if reading.sources else [])]
    return [
        "try:",
        "    expected = (",
        *indented(conjunction(conditions), 2),
        "    )",
        "except AttributeError:",
        "    expected = False",
        "if expected:",
        f"    done.append({reading.written()})",
        f"elif run.item({compiler.constant(field)}, value, done, path):",
        "    late.append(len(done) - 1)",
    ]


def _completed(compiler: "Compiler", field: Selected, item: Value) -> list[str]:
    """Each item is completed by a function."""
    assert item.complete is not None
    constant = compiler.constant(field)
    return [
        f"if not ({item.test.format('value')}):",
        f"    if run.item({constant}, value, done, path):",
        "        late.append(len(done) - 1)",
        "    continue",
        "index = len(done)",
        "try:",
        f"    value = {item.complete.format('value', '(path, index, None)')}",
        "except Exception as error:",
        f"    value = run.item_failed({constant}, error, path, index)",
        f"if not {item.done.format('value')} and run.is_awaitable(value):",
        f"    value = run.item_guarded({constant}, value, path, index)",
        "    late.append(index)",
        "done.append(value)",
    ]
