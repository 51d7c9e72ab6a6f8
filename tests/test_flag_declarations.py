"""`flags.yaml`, checked at start: what is wrong is named. What OpenFeature's clients are answered."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from openfeature import api
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import Reason as TheirReason

from adapters.flags import Flags, OpenFeatureFlags, Reason, Resolution
from services.flags import FlagsError, read_flags
from services.flags.declaring import FLAGS_FILE

SCHEMA_FILE = Path(__file__).resolve().parent.parent / "schema" / "schema.graphql"
PLANS = ("free", "pro-monthly", "pro-yearly")
WRONG = {
    "flags: [{key: A, description: x}]": "A: small letters",
    "flags: [{key: 3, description: x}]": "3: small letters",
    "flags: [{key: a, description: x}, {key: a, description: x}]": "two flags have the same key",
    "flags: [{key: a, key: b, description: x}]": "a key stands twice",
    "flags: [{key: a}]": "a.description: a text",
    "flags: [{description: x}]": "KeyError: 'key'",
    "flags: [{key: a, description: 3}]": "a.description: a text",
    "flags: [{key: a, description: x, default: maybe}]": "a.default: on or off",
    "flags: [{key: a, description: x, measured: 1}]": "a.measured: on or off",
    "flags: [{key: a, description: x, targetting: x}]": "a.targetting: there is no such field",
    "flags: [{key: a, description: x, roles: [OWNER]}]": "a.roles: there is no OWNER",
    "flags: [{key: a, description: x, roles: ADMIN}]": "a.roles: a list",
    "flags: [{key: a, description: x, plans: [gold]}]": "a.plans: there is no gold",
    "flags: [{key: a, description: x, variants: {b: -1}}]": "a.variants.b: a whole number",
    "flags: [{key: a, description: x, variants: {b: 1.5}}]": "a.variants.b: a whole number",
    "flags: [{key: a, description: x, variants: {b: 0}}]": "a.variants: one of them",
    "flags: [{key: a, description: x, variants: {B: 1}}]": "a.variants.B: small letters",
    "flags: [{key: a, description: x, variants: [b]}]": "AttributeError",
    "flags: [{key: a, description: x, rollout_seed: s, variant_seed: s}]": "a.variant_seed: another one",
    "flags: [{key: a, description: x, rollout_seed: ' '}]": "a.rollout_seed: a text",
    "flags: []\nmore: 1": "flags, and nothing else",
    "flags: 3": "TypeError",
    "[": "ParserError",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_named(tmp_path: Path, text: str) -> None:
    """The flag and the field stand in the message."""
    file = tmp_path / "flags.yaml"
    file.write_text(text)
    with pytest.raises(FlagsError, match=re.escape(WRONG[text])) as error:
        read_flags(file, plans=PLANS)
    assert str(error.value).startswith("flags.yaml: ")
    assert error.value.message == str(error.value)  # what the program says when it does not start


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A server without it does not start."""
    with pytest.raises(FlagsError, match=r"^flags\.yaml: FileNotFoundError"):
        read_flags(tmp_path / "flags.yaml", plans=PLANS)


def test_a_flag_has_what_the_file_says(tmp_path: Path) -> None:
    """What is left out is off, for everybody, without variants, measured, with seeds of its own."""
    file = tmp_path / "flags.yaml"
    file.write_text(
        "flags:\n  - {key: a, description: A}\n  - {key: b, description: B, default: on, measured: off, roles: [ADMIN],"
        " plans: [free], variants: {x: 1, y: 0}, rollout_seed: r, variant_seed: v}\n"
    )
    a, b = read_flags(file, plans=PLANS).values()
    assert (a.default, a.measured, a.targeted, a.variants) == (False, True, False, {})
    assert (a.rollout_seed, a.variant_seed) == ("a.rollout", "a.variant")
    assert (b.default, b.measured, set(b.roles), set(b.plans)) == (True, False, {"ADMIN"}, {"free"})
    assert (b.variants, b.rollout_seed, b.variant_seed) == ({"x": 1, "y": 0}, "r", "v")
    assert a.is_meant_for({})
    assert [b.is_meant_for(each) for each in ({}, {"role": "ADMIN"}, {"role": "ADMIN", "plan": "free"})] == [
        False,
        False,
        True,
    ]


def test_the_flags_of_the_schema_are_declared() -> None:
    """Each `@flag(key:)`, and what such a field answers is nullable."""
    declared = read_flags(FLAGS_FILE, plans=PLANS)
    fields = re.findall(
        r"(\S+) (?:@\w+(?:\([^)]*\))? ?)*@flag\(key: \"([^\"]+)\"\)", SCHEMA_FILE.read_text(encoding="utf-8")
    )
    assert {key for _, key in fields} == {"plan-change-preview"} <= declared.keys()
    assert not [answer for answer, _ in fields if answer.endswith("!")]


def test_reasons_are_those_of_the_sdk() -> None:
    """Each is one of OpenFeature's words."""
    assert set(map(str, Reason)) <= set(map(str, TheirReason))


# ── OpenFeature ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_two_apps_of_a_process_share_nothing() -> None:
    """Each has a domain of its own in the SDK's one table; what is not open yet, or any more, is off."""
    one, other = OpenFeatureFlags(), OpenFeatureFlags()
    assert isinstance(one, Flags)
    off = Resolution(enabled=False, variant=None, reason=Reason.ERROR)
    asked: list[Any] = []

    def resolve(key: str, who: str | None, attributes: Mapping[str, str]) -> Resolution | None:
        asked.append((key, who, dict(attributes)))
        return Resolution(enabled=True, variant="a", reason=Reason.SPLIT) if key == "f" else None

    await one.open(resolve)
    assert await one.evaluate("f", "7", {"role": "USER"}) == Resolution(enabled=True, variant="a", reason=Reason.SPLIT)
    assert not (await other.evaluate("f", "7", {})).enabled
    await other.open(lambda *_: None)
    assert await other.evaluate("f", "7", {}) == off
    assert (await one.evaluate("f", None, {})).enabled
    assert asked == [("f", "7", {"role": "USER"}), ("f", None, {})]
    await one.close()
    assert await one.evaluate("f", "7", {}) == off
    await one.open(resolve)
    assert (await one.evaluate("f", "7", {})).enabled
    await one.close()
    await other.close()


async def test_any_client_of_the_sdk_is_answered() -> None:
    """A flag is on or off, as a text its variant, and no number; unknown ones and other types give the default."""
    answers = {
        "f": Resolution(enabled=True, variant="a", reason=Reason.SPLIT),
        "g": Resolution(enabled=True, variant=None, reason=Reason.STATIC),
    }
    flags = OpenFeatureFlags()
    await flags.open(lambda key, *_: answers.get(key))
    client = api.get_client(flags.domain)
    assert client.provider.get_metadata().name == "porchlight"
    assert [await client.get_string_value_async(key, "-") for key in "fgh"] == ["a", "-", "-"]
    assert [client.get_boolean_value(key, default_value=False) for key in "fgh"] == [True, True, False]
    details = await client.get_integer_details_async("f", 3)
    assert (details.value, details.error_code) == (3, ErrorCode.TYPE_MISMATCH)
    assert await client.get_float_value_async("f", 0.5) == 0.5
    assert await client.get_object_value_async("f", {"a": 1}) == {"a": 1}
    await flags.close()
