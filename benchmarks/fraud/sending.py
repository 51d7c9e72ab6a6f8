"""One registration from the form to the last answer: every challenge is really solved, by everybody."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import Any

import altcha
from altcha.v2 import Challenge

from benchmarks.fraud.browsers import scripted
from benchmarks.fraud.events import Attempt, Outcome, SignUp, day_of
from benchmarks.fraud.inputs import Form, granted_in_full
from benchmarks.fraud.site import PUBLIC_URL, Site

CHALLENGES = 3
"""How many challenges in a row somebody bears with."""
CODE = re.compile(r"\b(\d{3}) ?(\d{3})\b")


@dataclass
class Work:
    """Proofs of work that were done."""

    solved: int = 0
    seconds: float = field(default=0.0)

    def solve(self, parameters: dict[str, Any]) -> str:
        """The answer to a challenge, computed here and now."""
        began = time.perf_counter()
        challenge = Challenge.from_dict(parameters)
        solution = altcha.solve_challenge(challenge)
        if solution is None:
            raise RuntimeError("A challenge has no solution.")
        self.solved += 1
        self.seconds += time.perf_counter() - began
        return altcha.Payload(challenge, solution).to_base64()


@dataclass
class Sender:
    """Fills in forms at one site."""

    site: Site
    form: Form
    work: Work = field(default_factory=Work)
    codes: int = 0
    """Codes that were read from letters."""

    async def send(self, event: SignUp) -> tuple[Attempt, Outcome]:
        """Sign up, at the event's time."""
        self.site.clock.at = event.at
        attempt = event.attempt()
        asked: list[str] = []
        answer = await self._answered(event, attempt, None)
        while answer["__typename"] == "ChallengeRequired" and len(asked) < CHALLENGES:
            asked.append(answer["kind"])
            solution = await self._solution(attempt, answer)
            if solution is None:
                break
            answer = await self._answered(event, attempt, solution)
        trial = answer.get("trial")
        granted = granted_in_full(trial)
        attempt.profile.visited(event.at, answer.get("deviceToken"))
        event.learn(granted=granted)
        return attempt, Outcome(answer["__typename"], trial is not None, granted, tuple(asked))

    async def _answered(self, event: SignUp, attempt: Attempt, solution: str | None) -> dict[str, Any]:
        if attempt.scripted:
            headers = scripted(attempt.scripted)
        else:
            headers = attempt.profile.machine.headers(event.at, PUBLIC_URL)
        variables = self.form.filled(event, attempt, day_of(event.at), solution)
        data = await self.site.ask(self.form.query, variables, ip=attempt.ip, headers=headers)
        answer: dict[str, Any] = data["register"]
        return answer

    async def _solution(self, attempt: Attempt, challenge: dict[str, Any]) -> str | None:
        """What solves a challenge; None where its letter has not come: to an address that takes none."""
        if challenge["kind"] == "PROOF_OF_WORK":
            return self.work.solve(challenge["parameters"])
        found = CODE.search(await self.site.letter(attempt.email))
        if not found:
            return None
        self.codes += 1
        return "".join(found.groups())
