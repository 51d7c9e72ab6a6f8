"""Which executor a test runs with: the compiled one in one profile, graphql-core's in the other.

So each test that runs in both profiles runs under both executors in every run of CI. Which profile has which follows
from the test's name. EXECUTOR=compiled or EXECUTOR=interpreted decides for all tests.
"""

from __future__ import annotations

import os
from zlib import crc32

import pytest

PROFILES = ("embedded", "production")
EXECUTORS = ("compiled", "interpreted")
FORCED = os.environ.get("EXECUTOR", "")
EVERYWHERE = FORCED or "compiled"
"""What runs a test that is not run in both profiles."""

assert FORCED in {"", *EXECUTORS}, f"EXECUTOR={FORCED} is neither compiled nor interpreted."


def executor_for(test: str, profile: str, *, profiles: int = 2) -> str:
    """The executor of a test, named by file and function, in a profile."""
    if FORCED or profiles == 1:
        return EVERYWHERE
    return EXECUTORS[(crc32(test.encode()) + PROFILES.index(profile)) % 2]


def executor_of(request: pytest.FixtureRequest) -> str:
    """The executor of the test that asks for settings of a profile."""
    node = request.node
    test = f"{node.path.name}::{node.originalname}"
    return executor_for(test, request.param, profiles=len(_profiles(node, request.fixturename)))


def _profiles(node: pytest.Item, fixture: str | None) -> set[str]:
    """The profiles in which a test runs: both, unless it names them itself."""
    for mark in node.iter_markers("parametrize"):
        names, values = mark.args[0], mark.args[1]
        names = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
        if fixture in names:
            at = names.index(fixture)
            return {value if isinstance(value, str) else value[at] for value in values}
    return set(PROFILES)
