"""The rule of refreshing as a machine: any order of tokens, devices and waiting, one by one and in parallel."""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

from hypothesis import strategies
from hypothesis.stateful import invariant, precondition, rule

from core.errors import Unauthenticated
from models import AuditEvent, Device, Job, Session, User
from services import access, sessions
from services.app import App
from services.sessions import PASSWORD, Client, InvalidToken, SessionRevoked, Tokens
from tests.clock import START
from tests.machines import OverTwo, run
from tests.porchlight import settings_for

WAITS = [0, 0, 1, 29, 30, 31, 31, 60, 599, 600, 3_600, 86_400, 86_401, 14 * 86_400]
DEVICES = ["same", "same", "same", "other", None]
BACK = [0, 0, 1, 1, 1, 2, 3]

waits = strategies.sampled_from(WAITS)

Act = tuple[str, int, str | None]
"""What somebody does: refreshes or asks, with the tokens of which number, from which device."""


@dataclass(frozen=True)
class Family:
    """What the rule knows of a session, in its own words."""

    began: datetime
    since: datetime
    current: int = 1
    parent: int = 0
    """The token that the current one was given for."""
    used: bool = False
    late: bool = False
    """Whether the parent came late."""
    killed: bool = False

    def over(self, now: datetime) -> bool:
        return self.killed or now - self.since >= timedelta(days=14) or now - self.began >= timedelta(days=90)

    def after(self, act: Act, now: datetime, expires: dict[int, datetime]) -> tuple["Family", int | str]:
        """What becomes of it, and the answer: the number of the tokens that are given, or a word."""
        deed, number, device = act
        if deed == "ask":
            return self._asked(number, now, expires)
        if self.over(now):
            return self, "refused"
        if number == self.current:
            return self._with_child_of(number, now, late=False)
        age = now - self.since
        if number == self.parent and age <= timedelta(seconds=30) and (device == "same" or not self.late):
            return self, self.current
        unspent = not self.used and not self.late and device == "same"
        if number == self.parent and timedelta(seconds=30) < age <= timedelta(hours=24) and unspent:
            return self._with_child_of(number, now, late=True)
        return replace(self, killed=True), "refused"

    def _asked(self, number: int, now: datetime, expires: dict[int, datetime]) -> tuple["Family", int | str]:
        if self.over(now) or now >= expires[number] or self.parent < number < self.current:
            return self, "refused"
        return replace(self, used=self.used or number == self.current), "answered"

    def _with_child_of(self, number: int, now: datetime, *, late: bool) -> tuple["Family", int | str]:
        child = self.current + 1
        return replace(self, current=child, parent=number, used=False, late=late, since=now), child


class Machine(OverTwo):
    """Two processes over one database, and a session."""

    def __init__(self) -> None:
        super().__init__()
        self.runner.run(self.clock.jump(START))
        self.begin_again()

    @precondition(lambda self: self.family.over(self.clock.now()))
    @rule()
    def begin_again(self) -> None:
        self.session, self.device_tokens = self.runner.run(self._begin())
        now = self.clock.now()
        self.family = Family(began=now, since=now)
        self.tokens = {1: sessions.tokens_of(self.apps[0], self.session)}

    async def _begin(self) -> tuple[Session, dict[str | None, str | None]]:
        app, number, now = self.apps[0], next(self.numbers), self.clock.now()
        async with app.database.transaction():
            user = await User.create(
                email=f"{number}@example.com", email_key=f"{number}@example.com", password_hash="-", created_at=now
            )
            tokens: dict[str | None, str] = {name: f"{name}-{number}" for name in ("same", "other")}
            device, _ = [
                await Device.create(
                    user=user,
                    key_hash=app.keys.mac("device-token", token).hex(),
                    name=name,
                    first_seen_at=now,
                    last_seen_at=now,
                )
                for name, token in tokens.items()
            ]
            session, _ = await sessions.start(app, user, device, Client(), PASSWORD)
        return session, {**tokens, None: None}

    @precondition(lambda self: not self.family.over(self.clock.now()))
    @rule(
        used=strategies.booleans(),
        late=strategies.lists(
            strategies.tuples(
                strategies.sampled_from([30, 31, 86_400]), strategies.sampled_from(["same", "same", None])
            ),
            min_size=1,
            max_size=3,
        ),
    )
    def lose_the_answer(self, *, used: bool, late: list[tuple[int, str | None]]) -> None:
        """The current token is shown, and shown again, whether or not somebody uses the answer."""
        shown = self.family.current
        self._all_at_once([("refresh", shown, "same")])
        if used:
            self._all_at_once([("ask", self.family.current, None)])
        for seconds, device in late:
            self._wait(seconds)
            self._all_at_once([("refresh", shown, device)])

    @rule(wait=waits, back=strategies.sampled_from(BACK), device=strategies.sampled_from(DEVICES))
    def refresh(self, wait: int, back: int, device: str | None) -> None:
        self._wait(wait)
        self._all_at_once([("refresh", self._number(back), device)])

    @rule(wait=waits, back=strategies.sampled_from(BACK))
    def ask(self, wait: int, back: int) -> None:
        self._wait(wait)
        self._all_at_once([("ask", self._number(back), None)])

    @precondition(lambda self: not self.family.over(self.clock.now()))
    @rule(
        wait=waits,
        acts=strategies.lists(
            strategies.tuples(
                strategies.sampled_from(["refresh", "refresh", "ask"]),
                strategies.sampled_from([0, 1]),
                strategies.sampled_from(DEVICES),
            ),
            min_size=2,
            max_size=4,
        ),
    )
    def all_at_once(self, wait: int, acts: list[Act]) -> None:
        """Some order of them, one by one, explains what each was answered and what became of the row."""
        self._wait(wait)
        self._all_at_once([(deed, self._number(back), device) for deed, back, device in acts])

    @rule(back=strategies.integers(-1, 3))
    def forge(self, back: int) -> None:
        """A number without its proof changes nothing."""
        version, key, _, mac = self.tokens[1].refresh_token.split(".")
        forged = f"{version}.{key}.{max(2, self.family.current - back)}.{mac}"
        assert self.runner.run(self._refresh(self.apps[0], forged, "same")) == "forged"

    @invariant()
    def the_row_is_as_the_rule_says(self) -> None:
        row, evidence = self.runner.run(self._stored())
        family = self.family
        assert (row.counter, row.resumed) == (family.current, family.late)
        assert (row.previous_counter or 0) == family.parent
        assert (row.seen_counter >= row.counter) == (family.used or family.current == 1)
        assert (row.revoked_reason == "TOKEN_REUSED") == family.killed
        assert evidence == ((1, 1) if family.killed else (0, 0))

    def _wait(self, seconds: int) -> None:
        self.runner.run(self.clock.advance(timedelta(seconds=seconds)))

    def _all_at_once(self, acts: list[Act]) -> None:
        now = self.clock.now()
        expires = {number: tokens.access_token_expires_at for number, tokens in self.tokens.items()}
        answers, row = self.runner.run(self._done(acts))
        given = [answer if isinstance(answer, str) else self._numbered(answer) for answer in answers]
        for order in permutations(range(len(acts))):
            family, told = self.family, dict[int, int | str]()
            for place in order:
                family, told[place] = family.after(acts[place], now, expires)
            same_row = (family.current, family.killed) == (row.counter, row.revoked_at is not None)
            if same_row and [told[place] for place in range(len(acts))] == given:
                self.family = family
                return
        raise AssertionError(f"{acts} of {self.family} were answered {given}")

    async def _done(self, acts: list[Act]) -> tuple[list[Tokens | str], Session]:
        with self.apps[0].database.bound():
            answers = await asyncio.gather(
                *(self._act(self.apps[place % 2], act) for place, act in enumerate(acts)),
            )
            return answers, await Session.get(id=self.session.id)

    async def _act(self, app: App, act: Act) -> Tokens | str:
        deed, number, device = act
        with app.database.bound():
            if deed == "refresh":
                return await self._refresh(app, self.tokens[number].refresh_token, device)
            try:
                await access.authenticate(app, self.tokens[number].access_token)
            except Unauthenticated:
                return "refused"
            return "answered"

    async def _refresh(self, app: App, token: str, device: str | None) -> Tokens | str:
        with app.database.bound():
            try:
                return await sessions.refresh(app, token, device_token=self.device_tokens[device])
            except SessionRevoked:
                return "refused"
            except InvalidToken:
                return "forged"

    async def _stored(self) -> tuple[Session, tuple[int, int]]:
        with self.apps[0].database.bound():
            row = await Session.get(id=self.session.id)
            events = await AuditEvent.filter(action="session.token_reused", subject=f"Session:{row.id}").count()
            letters = await Job.filter(dedup_key=f"mail.notice:token_reused:{row.id}").count()
            return row, (events, letters)

    def _number(self, back: int) -> int:
        """The number of tokens that were given out, counted back from the newest."""
        return sorted(self.tokens, reverse=True)[min(back, len(self.tokens) - 1)]

    def _numbered(self, tokens: Tokens) -> int:
        """The number of tokens, which are always the same for one number."""
        number = int(tokens.refresh_token.split(".")[2])
        assert self.tokens.setdefault(number, tokens) == tokens
        return number


def test_refreshing_keeps_its_rule(sqlite_url: str, tmp_path: Any) -> None:
    """The rule and the service agree after each step, and what comes at once is as if it came in some order."""
    run(Machine, settings_for(sqlite_url, "", f"outbox://{tmp_path / 'outbox'}"), examples=30, steps=30)
