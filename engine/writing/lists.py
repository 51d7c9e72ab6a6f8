"""The function of a list: completes each item, and has graphql-core complete whatever is not as expected."""

from typing import TYPE_CHECKING

from graphql import is_non_null_type

from engine.fields import Selected
from engine.writing.values import Value

if TYPE_CHECKING:
    from engine.compiling import Compiler

LIST = "(type({0}) is list or type({0}) is tuple)"


def leaves(compiler: "Compiler", item: Value) -> Value:
    """Lists of scalars or enums that are all as expected."""
    test = compiler.helper("all_of", _all_of(item.test.format("value")))
    write = "list({0})" if item.write == "{0}" else f"[{item.write.format('value')} for value in {{0}}]"
    return Value(f"{LIST} and {test}({{0}})", write)


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


def objects(compiler: "Compiler", field: Selected, constant: str, item: Value) -> Value:
    """Lists of objects, most of which are as expected."""
    assert item.complete is not None
    item_type = compiler.item_type(field)
    type_ = compiler.names.constant(f"{field.key}_item", item_type)
    null = [] if is_non_null_type(item_type) else ["if value is None:", "    done.append(None)", "    continue"]
    name = compiler.names.new(compiler.spelled(field.key))
    compiler.add(
        [
            f"def {name}(run, values, path):",
            f'    """{field.coordinates}."""',
            "    done = []",
            "    late = []",
            "    values = iter(values)",
            "    try:",
            "        for value in values:",
            *("            " + line for line in null),
            f"            if not ({item.test.format('value')}):",
            f"                if run.item({constant}, {type_}, value, done, path):",
            "                    late.append(len(done) - 1)",
            "                continue",
            "            try:",
            f"                value = {item.complete.format('value', '(path, len(done), None)')}",
            "            except Exception as error:",
            f"                value = run.item_failed({constant}, {type_}, error, path, len(done))",
            f"            if not {item.done.format('value')} and value is not None:",
            f"                value = run.item_guarded({constant}, {type_}, value, path, len(done))",
            "                late.append(len(done))",
            "            done.append(value)",
            "    except Exception:",
            "        run.abandon_items(done, late, values)",
            "        raise",
            "    return gathered_items(done, late) if late else done",
            "",
            "",
        ]
    )
    compiler.complete(field, (list, tuple), name)
    return Value(LIST, complete=f"{name}(run, {{0}}, {{1}})", done="type({0}) is list", effects=item.effects)
