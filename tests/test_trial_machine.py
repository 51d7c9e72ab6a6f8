"""Trials as a machine: any order of deeds, waiting and sweeping, on two processes, against a model in plain words."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import strategies
from hypothesis.stateful import invariant, precondition, rule

from core.emails import parse_email
from core.errors import Refusal
from models import AuditEvent, EndPolicy, Event, Role, Trial, TrialChange, User
from services import trials
from services.sessions import Client
from services.trials import has_access, seconds_left, trial_status
from tests.clock import START
from tests.machines import OverTwo, run
from tests.porchlight import settings_for

DAY = timedelta(days=1)
WAITS = [timedelta(seconds=1), timedelta(hours=7), DAY, 3 * DAY, 5 * DAY, 29 * DAY]
NAMES = {"ACTIVE": "running", "ENDING": "running"}


@dataclass(frozen=True)
class Plain:
    """What the rule says, with the time that is left instead of ends."""

    policy: EndPolicy
    since: datetime
    left: timedelta = 14 * DAY
    state: str = "running"
    """running, halted, over, bought or canceled; `since` is when `left` was right."""
    pauses: int = 0
    card: bool = False
    failed: datetime | None = None

    def at(self, now: datetime) -> "Plain":
        """What time makes of it."""
        plain, until = self, self.since + 30 * DAY
        if plain.state == "halted" and now >= until:
            plain = replace(plain, state="running", since=until)
        if plain.state in {"running", "canceled", "bought"} and now >= plain.since + plain.left:
            state = "over" if plain.state == "running" else plain.state
            plain = replace(plain, state=state, since=plain.since + plain.left, left=timedelta(0))
        elif plain.state in {"running", "canceled", "bought"}:
            plain = replace(plain, since=now, left=plain.left - (now - plain.since))
        return plain

    def name(self, now: datetime) -> str:
        """The status, with what is running in one word. `self` is as at `now`."""
        words = {"running": "running", "halted": "PAUSED", "bought": "CONVERTED", "canceled": "CANCELED"}
        if self.state != "over":
            return words[self.state]
        if self.policy in {EndPolicy.PAUSE, EndPolicy.CANCEL}:
            return {EndPolicy.PAUSE: "PAUSED", EndPolicy.CANCEL: "CANCELED"}[self.policy]
        if self.policy is not EndPolicy.BILL or not self.card:
            return "EXPIRED"
        if self.failed is not None:
            return "GRACE" if now < self.failed + 3 * DAY else "EXPIRED"
        return "CONVERTING" if now < self.since + 3 * DAY else "EXPIRED"


class Machine(OverTwo):
    """A trial, and what it should be."""

    def __init__(self) -> None:
        super().__init__()
        self.runner.run(self.clock.jump(START))
        self.runner.run(self._begin())

    async def _begin(self) -> None:
        app, number = self.apps[0], next(self.numbers)
        self.policy = list(EndPolicy)[number % 4]
        email = f"{number}@example.com"
        async with app.database.transaction():
            fields: dict[str, Any] = {"password_hash": "-", "created_at": START}
            self.user = await User.create(email=email, email_key=email, **fields)
            self.actor = await User.create(email=f"s{email}", email_key=f"s{email}", role=Role.SUPPORT, **fields)
            trial = await trials.begin(app, self.user, parse_email(email))
            assert trial is not None
            await Trial.filter(id=trial.id).update(end_policy=self.policy)
        self.pk, self.changes = trial.id, 1
        self.plain = Plain(self.policy, START)

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def do(self, name: str, expected: Plain | None) -> None:
        """Do it on either process; it should lead to `expected`, or be refused and change nothing."""
        app = self.apps[self.changes % 2]

        async def deed() -> bool:
            with app.database.bound():
                try:
                    await getattr(trials, name)(app, self.user)
                except Refusal:
                    return False
                return True

        assert self.runner.run(deed()) is (expected is not None), name
        self.follow(expected)

    def follow(self, expected: Plain | None) -> None:
        if expected is not None:
            self.plain, self.changes = expected, self.changes + 1

    @rule(wait=strategies.sampled_from(WAITS))
    def wait(self, wait: timedelta) -> None:
        self.runner.run(self.clock.jump(self.now + wait))
        self.plain = self.plain.at(self.now)

    @rule()
    def pause(self) -> None:
        may = self.plain.state == "running" and self.plain.pauses < 2
        self.do(
            "pause", replace(self.plain, state="halted", pauses=self.plain.pauses + 1, since=self.now) if may else None
        )

    @rule()
    def resume(self) -> None:
        may = self.plain.state == "halted"
        self.do("resume", replace(self.plain, state="running", since=self.now) if may else None)

    @precondition(lambda self: self.now > START + 2 * DAY)
    @rule()
    def cancel(self) -> None:
        plain, may = self.plain, self.plain.name(self.now) in {"running", "PAUSED", "GRACE"}
        left = plain.left if plain.state == "running" else timedelta(0)
        self.do("cancel", replace(plain, state="canceled", left=left, since=self.now) if may else None)

    @rule(days=strategies.sampled_from([1, 8]))
    def extend(self, days: int) -> None:
        plain, app = self.plain, self.apps[0]
        may = plain.name(self.now) not in {"CONVERTING", "CONVERTED", "CANCELED"}

        async def extended() -> bool:
            with app.database.bound():
                try:
                    await trials.extend(app, self.user.id, days, reason="-", actor=self.actor, client=Client())
                except Refusal:
                    return False
                return True

        assert self.runner.run(extended()) is may
        since = plain.since if plain.state == "halted" else self.now
        state = "running" if plain.state == "over" else plain.state
        self.follow(
            replace(plain, state=state, left=plain.left + days * DAY, since=since, failed=None) if may else None
        )

    async def _bill(self, name: str) -> int:
        app = self.apps[1]
        async with app.database.transaction():
            return int((await getattr(trials, name)(app, self.user.id)).version)

    @precondition(lambda self: self.now > START + 2 * DAY)
    @rule()
    def convert(self) -> None:
        self.runner.run(self._bill("convert"))
        if self.plain.state != "bought":
            self.follow(replace(self.plain, state="bought", since=self.now))

    @precondition(lambda self: self.plain.state == "running" and not self.plain.card)
    @rule()
    def card(self) -> None:
        self.runner.run(self._bill("payment_method_added"))
        self.follow(replace(self.plain, card=True))

    @rule()
    def charge_fails(self) -> None:
        self.runner.run(self._bill("charge_failed"))
        if self.plain.name(self.now) == "CONVERTING":
            self.follow(replace(self.plain, failed=self.now))

    @rule()
    def sweep(self) -> None:
        async def swept() -> int:
            with self.apps[0].database.bound():
                due = await Trial.filter(id=self.pk, due_at__lte=self.now).count()
                await trials.end_all(self.apps[0], {})
                assert not await Trial.filter(due_at__lte=self.now).exists()
                return due

        self.changes += self.runner.run(swept())

    @invariant()
    def it_is_what_it_should_be(self) -> None:
        self.runner.run(self._compare())

    async def _compare(self) -> None:
        with self.apps[0].database.bound():
            trial = await Trial.get(id=self.pk)
            name = self.plain.name(self.now)
            assert NAMES.get(trial_status(trial, self.now), trial_status(trial, self.now)) == name
            kept = self.plain.state in {"canceled", "bought"} and self.plain.left > timedelta(0)
            assert has_access(trial, self.now) is (kept or name in {"running", "CONVERTING", "GRACE"})
            if name in {"running", "PAUSED"}:
                assert seconds_left(trial, self.now) == self.plain.left.total_seconds()
            assert trial.version == self.changes == await TrialChange.filter(trial_id=self.pk).count()
            assert await Event.filter(user_id=self.user.id).count() == self.changes
            extensions = await TrialChange.filter(trial_id=self.pk, kind="EXTENDED").count()
            assert await AuditEvent.filter(user_id=self.user.id).count() == extensions


def test_any_order_of_deeds(database_url: str, tmp_path: Path) -> None:
    """Status, access, what is left, and one row of history and one event a change; staff's deeds are in the log."""
    run(Machine, settings_for(database_url, "", f"outbox://{tmp_path}"), examples=10, steps=25)
