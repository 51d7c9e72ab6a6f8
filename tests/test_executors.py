"""Both executors run the whole suite."""

from __future__ import annotations

import pytest

from tests import executors
from tests.executors import executor_for
from tests.porchlight import Porchlight


def test_each_test_runs_under_both_executors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiled in one profile, interpreted in the other, the same in each run; a test of one profile is compiled."""
    monkeypatch.setattr(executors, "FORCED", "")
    monkeypatch.setattr(executors, "EVERYWHERE", "compiled")
    names = [f"test_x.py::test_{number}" for number in range(100)]
    chosen = [tuple(executor_for(name, profile) for profile in executors.PROFILES) for name in names]
    assert set(chosen) == {("compiled", "interpreted"), ("interpreted", "compiled")}
    assert 30 < chosen.count(("compiled", "interpreted")) < 70
    assert executor_for("test_x.py::test_0", "embedded") == executor_for("test_x.py::test_0", "embedded")
    assert {executor_for(name, "production", profiles=1) for name in names} == {"compiled"}


def test_one_executor_can_be_had_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """EXECUTOR decides, whatever the test."""
    monkeypatch.setattr(executors, "FORCED", "interpreted")
    monkeypatch.setattr(executors, "EVERYWHERE", "interpreted")
    found = {
        executor_for("test_x.py::test", profile, profiles=count) for profile in executors.PROFILES for count in (1, 2)
    }
    assert found == {"interpreted"}


@pytest.mark.parametrize("settings", ["embedded"], indirect=True)
def test_a_server_of_one_profile_is_compiled(porchlight: Porchlight) -> None:
    """Unless another executor is wanted for all."""
    assert porchlight.app.settings.graphql_executor == executors.EVERYWHERE


def test_a_server_of_both_profiles_has_its_executor(porchlight: Porchlight, request: pytest.FixtureRequest) -> None:
    """The one that follows from the name of the test."""
    profile = request.node.callspec.params["settings"]
    name = "test_executors.py::test_a_server_of_both_profiles_has_its_executor"
    assert porchlight.app.settings.graphql_executor == executor_for(name, profile)
