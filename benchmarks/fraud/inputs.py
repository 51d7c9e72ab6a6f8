"""What is handed to `register`, and what is asked of its answer, by what this server's schema offers.

The one place that knows the names of optional inputs: what a schema lacks is left out, and said.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.fraud.browsers import Machine
    from benchmarks.fraud.events import Attempt, SignUp
    from benchmarks.fraud.site import Site

PASSWORD = "orchard-lantern-quartz-71-meadow"  # ruff: ignore[hardcoded-password-string] -- of accounts that live for one run
PROGRAMS_PLATFORM = "Linux"

PROBE = """
query Probe {
  input: __type(name: "RegisterInput") { inputFields { name } }
  device: __type(name: "DeviceInput") { inputFields { name } }
  result: __type(name: "RegisterResult") { possibleTypes { name } }
  trial: __type(name: "Trial") { fields { name } }
}
"""
REGISTER = """
mutation Register($input: RegisterInput!) {
  register(input: $input) {
    __typename
    ... on ChallengeRequired { kind parameters }
    ... on RegisterSuccess { deviceToken trial { plan { features { feature limit } } USAGE } }
  }
}
"""
USAGE = "usage { key limit }"

OPTIONAL: dict[str, Callable[[Attempt], Any]] = {
    "paymentMethod": lambda attempt: attempt.card and f"pm_card_{attempt.card}",
    "formSeconds": lambda attempt: round(attempt.seconds, 1),
    "formMilliseconds": lambda attempt: round(attempt.seconds * 1000),
}
"""Inputs that a server may offer, of RegisterInput or DeviceInput, and what is said there. Of `form…` one is enough."""


@dataclass(frozen=True)
class Form:
    """The registration form of one server."""

    inputs: frozenset[str]
    device: frozenset[str]
    measured: bool
    """Whether a trial tells what it gives; otherwise having one is having all of it."""

    @property
    def query(self) -> str:
        """The mutation."""
        return REGISTER.replace("USAGE", USAGE if self.measured else "")

    @property
    def missing(self) -> list[str]:
        """What this server does not ask for, though people could say it."""
        offered = self.inputs | self.device
        lacking = [name for name in OPTIONAL if name not in offered and not name.startswith("form")]
        if not any(name.startswith("form") for name in offered & OPTIONAL.keys()):
            lacking.append("form…")
        return lacking + ([] if self.measured else ["Trial.usage"])

    def filled(self, event: SignUp, attempt: Attempt, day: int, answer: str | None = None) -> dict[str, Any]:
        """The variables of a registration."""
        said = {"email": attempt.email, "password": PASSWORD, "name": attempt.name, "challengeAnswer": answer}
        token = attempt.profile.remembered(event.at)
        device = {"deviceToken": token, **_told(attempt.profile.machine, day)} if not attempt.scripted else {}
        for name, value in OPTIONAL.items():
            if name in self.inputs:
                said[name] = value(attempt)
            elif name in self.device and not attempt.scripted:
                device[name] = value(attempt)
        return {"input": _without_nulls({**said, "device": _without_nulls(device)})}


def _told(machine: Machine, day: int) -> dict[str, str | None]:
    return {
        "fingerprint": machine.mark(day),
        "platform": machine.platform,
        "locale": machine.locale,
        "timezone": machine.timezone,
    }


def _without_nulls(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in (None, {})}


async def form_of(site: Site) -> Form:
    """Ask the server what it offers."""
    found = await site.ask(PROBE, {}, ip="127.0.0.1", headers=())
    inputs, device = ({entry["name"] for entry in found[name]["inputFields"]} for name in ("input", "device"))
    measured = "usage" in {entry["name"] for entry in found["trial"]["fields"]}
    return Form(frozenset(inputs), frozenset(device), measured)


def granted_in_full(trial: dict[str, Any] | None) -> bool:
    """Whether a trial gives each quota of its plan. Raises RuntimeError when the server cannot tell."""
    if trial is None:
        return False
    if "usage" not in trial:
        return True
    given = {meter["key"]: meter["limit"] for meter in trial["usage"] or ()}
    limits = {entry["feature"]: entry["limit"] for entry in trial["plan"]["features"] if entry["limit"] is not None}
    compared = given.keys() & limits.keys()
    if not compared:
        raise RuntimeError("The server does not tell what a trial gives.")
    return all(given[key] is None or given[key] >= limits[key] for key in compared)
