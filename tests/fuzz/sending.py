"""Cases of schemathesis, sent, and what is wrong with their answers."""

import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import SkipTest

import requests
import schemathesis
from graphql.language import StringValueNode
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from tests.fuzz.rest import REST
from tests.fuzz.serving import Served
from tests.probes.attacker import INTERNAL

SCHEMA = Path(__file__).parents[2] / "schema" / "schema.graphql"
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
ROOTS = ("Query.", "Mutation.")
ENDING = {
    f"Mutation.{name}"
    for name in ("logout", "revokeOtherSessions", "deleteAccount", "revokeSession", "changePassword", "assignRole")
}
ONE_ANSWER = 20.0
"""Seconds after which an answer is missing."""


@dataclass
class Report:
    """What was sent, and what should not have come back."""

    sent: int = 0
    told: Counter[str] = field(default_factory=Counter)
    """Codes of answers; `ok` for those without an error."""
    faults: list[str] = field(default_factory=list)


def codes_of(content: Any) -> list[str]:
    """The codes of an answer: `None` for an error without one."""
    if not isinstance(content, dict):
        return []
    if "errors" in content:
        return [str(error.get("extensions", {}).get("code")) for error in content["errors"]]
    return [str(content["code"])] if "code" in content else []


def wrong_with(answer: requests.Response) -> list[str]:
    """What no answer may be: a failure of ours, internal text, an error without a code."""
    try:
        codes = codes_of(answer.json())
    except ValueError:
        codes = []
    wrong = [match[0] for match in INTERNAL.finditer(answer.text)] if codes else []
    wrong += [code for code in codes if code in {"INTERNAL", "None"}]
    if answer.status_code >= 500:
        wrong.append(f"status {answer.status_code}")
    is_page = answer.headers.get("content-type", "").startswith("text/html")
    return wrong + (["no code"] if answer.status_code >= 400 and not codes and not is_page else [])


class Fuzzer:
    """Sends cases to one server, some of each operation, everything that follows from one number."""

    def __init__(self, served: Served, number: int, *, each: int) -> None:
        self.report = Report()
        self._served = served
        self._number = number
        self._each = each
        self._session = requests.Session()

    def run(self, seconds: float, *, rounds: int = 1_000_000) -> Report:
        """Send to operations in a mixed order, again and again, until the time or the rounds are over.

        What ends the session of whoever asks comes last.
        """
        end, operations = time.monotonic() + seconds, [*_operations()]
        mixed = random.Random(self._number)  # ruff: ignore[suspicious-non-cryptographic-random-usage] -- an order that can be had again
        for _ in range(rounds):
            mixed.shuffle(operations)
            for operation in sorted(operations, key=lambda operation: operation.label in ENDING):
                if time.monotonic() > end:
                    return self.report
                for mode in MODES:
                    self._send_some(operation, mode, mixed.randrange(2**32))
        return self.report

    def _send_some(self, operation: Any, mode: GenerationMode, number: int) -> None:
        @seed(number)
        @settings(
            max_examples=self._each,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode), token=st.sampled_from(self._served.tokens))
        def send(case: Any, token: str | None) -> None:
            self._send(case, token)

        with suppress(Unsatisfiable, SkipTest):  # an operation that takes nothing cannot be asked wrongly
            send()

    def _send(self, case: Any, token: str | None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        graphql = "/graphql" if case.operation.label.startswith(ROOTS) else ""
        asked = case.as_transport_kwargs(base_url=self._served.url + graphql)
        headers = {**asked.pop("headers", {}), **headers}
        answer = self._session.request(headers=headers, timeout=ONE_ANSWER, **asked)
        self.report.sent += 1
        self.report.told.update(_told(answer))
        if wrong := wrong_with(answer):
            self.report.faults.append(f"{wrong}: {case.method} {case.path} {case.body!r} → {answer.text[:500]}")


def _told(answer: requests.Response) -> set[str]:
    try:
        return set(codes_of(answer.json())) or {"ok"}
    except ValueError:
        return {str(answer.status_code)}


def _operations() -> Iterator[Any]:
    """Each operation of GraphQL and REST."""
    texts = st.text(max_size=20).map(lambda text: StringValueNode(value=text))
    for name in ("DateTime", "JSON", "Upload"):
        schemathesis.graphql.scalar(name, texts)
    schemas: list[Any] = [schemathesis.graphql.from_path(SCHEMA), schemathesis.openapi.from_dict(REST)]
    for schema in schemas:
        for found in schema.get_all_operations():
            yield found.ok()
