"""The rules of second factors as a machine: any order of enrolling, answering and waiting, alone and in parallel."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pyotp
from hypothesis import strategies
from hypothesis.stateful import invariant, rule

from core.errors import BadUserInput
from core.settings import Settings
from models import AuditEvent, Device, OneTimeToken, RecoveryCode, Session, Totp, User
from models.accounts import Role
from models.one_time_tokens import Purpose
from services.access import Viewer
from services.accounts import signing_in
from services.app import App
from services.devices import Description
from services.mfa import InvalidCode, MfaRequired, completing, recovery, stepping_up, totp
from services.mfa.proving import Answer
from services.sessions import PASSWORD, Client, InvalidToken
from tests.clock import START
from tests.machines import OverTwo, run

HERE = Client(ip="127.0.0.1")
WAITS = [1, 29, 30, 30, 30, 31, 60, 90, 120, 599, 600, 3600, 30 * 86_400]
RIGHT = ["now", "now", "next", "previous", "recovery", "recovery"]
WRONG = ["stale", "early", "replayed", "replayed", "waiting", "spent", "spent", "garbage"]
STEPS = {"now": 0, "next": 1, "previous": -1, "stale": -2, "early": 2}

kinds = strategies.sampled_from([*RIGHT, *WRONG])
mostly_right = strategies.sampled_from([*RIGHT, *RIGHT, "replayed", "spent", "garbage"])


@dataclass
class Half:
    """What is known of a half session."""

    token: str
    expires_at: datetime
    tries: int = 0
    over: bool = False


@dataclass
class Account:
    """What is known of an account, in the words of the rules."""

    secret: str | None = None
    waiting: str | None = None
    last_step: int = 0
    last_code: str = "000000"
    unused: list[str] = field(default_factory=list)
    spent: list[str] = field(default_factory=list)
    failures: int = 0
    retry_at: datetime | None = None
    trusted_until: datetime | None = None
    halves: list[Half] = field(default_factory=list)
    sessions: int = 1

    def may_look(self, now: datetime) -> bool:
        return self.failures < 100 and (self.retry_at is None or self.retry_at <= now)

    def count(self, now: datetime) -> None:
        self.failures += 1
        if self.failures >= 5:
            self.retry_at = now + timedelta(seconds=min(3600, 30 * 2 ** min(self.failures - 5, 7)))

    def left(self, now: datetime) -> int:
        return max(0, 5 - self.failures) if self.may_look(now) else 0

    def refused(self, now: datetime, left: int = 5) -> tuple[str, int, int | None]:
        """What a wrong answer is told."""
        wait = None
        if self.failures < 100 and self.retry_at is not None and self.retry_at > now:
            wait = int((self.retry_at - now).total_seconds())
        return ("wrong", min(self.left(now), left), wait)

    def half(self, back: int) -> Half:
        """A half session, counted back from the newest."""
        return self.halves[-1 - min(back, len(self.halves) - 1)]

    def step(self, code: str, now: datetime, secret: str | None) -> int | None:
        """The earliest step within reach whose code of `secret` this is."""
        present = int(now.timestamp()) // 30
        around = range(present - 1, present + 2)
        return next((n for n in around if secret and pyotp.TOTP(secret).generate_otp(n) == code), None)

    def is_right(self, code: str, now: datetime) -> bool:
        step = self.step(code, now, self.secret)
        return code in self.unused or (step is not None and step > self.last_step)

    def prove(self, code: str, now: datetime) -> bool:
        """Look at a factor, if one may be looked at; whether it was right."""
        if not self.may_look(now):
            return False
        self.count(now)
        if not self.is_right(code, now):
            return False
        if code in self.unused:
            self.unused.remove(code)
            self.spent.append(code)
        else:
            self.last_step, self.last_code = self.step(code, now, self.secret) or 0, code
        self.failures, self.retry_at = 0, None
        return True

    def forget(self) -> None:
        """What rested on factors that have changed."""
        self.trusted_until = None
        for half in self.halves:
            half.over = True


class Machine(OverTwo):
    """Two processes over one database, and an account.

    No rule has a precondition: what a race leaves differs from run to run, and rules must be drawn alike.
    """

    def __init__(self) -> None:
        super().__init__()
        self.runner.run(self.clock.jump(START))
        self.account = Account()
        self.turn = 0
        self.viewer, self.device = self.run(self._begin())
        self.do_without()

    async def _begin(self) -> tuple[Viewer, Description]:
        name = f"{next(self.numbers)}@example.com"
        user = await User.create(
            email=name, email_key=name, password_hash="-", role=Role.USER, created_at=self.clock.now()
        )
        signed_in = await signing_in.enter(self.app, user, Description(name="Firefox"), HERE, PASSWORD)
        return signed_in.viewer, Description(device_token=signed_in.device_token)

    def do_without(self) -> None:
        """What an account that has no factor is told, until it has one."""
        step_up = stepping_up.step_up(self.app, self.viewer, password=None, code="0", passkey=None, client=HERE)
        assert self.told(step_up) == "not now"
        assert self.told(totp.disable(self.app, self.viewer, "000000", HERE)) == "not now"
        assert self.told(recovery.regenerate(self.app, self.viewer, HERE)) == "not now"
        self.sign_in(on_device=False)
        self.enroll()
        self.sign_in(on_device=True)
        self.confirm("waiting", "garbage")
        self.be_patient()
        self.sign_in(on_device=False)

    # What the rules use.

    @property
    def app(self) -> App:
        """Each process in turn."""
        self.turn += 1
        return self.apps[self.turn % 2]

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def run(self, work: Any) -> Any:
        async def bound() -> Any:
            with self.apps[0].database.bound():
                return await work

        return self.runner.run(bound())

    def told(self, work: Any) -> Any:
        """What comes of it, a refusal as data."""
        try:
            return self.run(work)
        except InvalidCode as refusal:
            return ("wrong", refusal.attempts_left, refusal.retry_after)
        except InvalidToken:
            return "no half session"
        except BadUserInput:
            return "not now"

    def code(self, kind: str) -> str:
        """A code of a kind, as far as the account has such a one."""
        account = self.account
        if kind in STEPS and account.secret:
            return pyotp.TOTP(account.secret).at(self.now + timedelta(seconds=30 * STEPS[kind]))
        if kind == "waiting" and account.waiting:
            return pyotp.TOTP(account.waiting).at(self.now)
        found = {"replayed": [account.last_code], "recovery": account.unused, "spent": account.spent}.get(kind, [])
        return found[0] if found else "no code at all"

    # The rules.

    @rule(seconds=strategies.sampled_from(WAITS))
    def wait(self, seconds: int) -> None:
        self.runner.run(self.clock.advance(timedelta(seconds=seconds)))

    @rule()
    def be_patient(self) -> None:
        self.runner.run(self.clock.jump(max(self.now, self.account.retry_at or self.now)))

    @rule()
    def enroll(self) -> None:
        self.account.waiting = self.run(totp.enroll(self.app, self.viewer)).secret

    @rule(kind=strategies.sampled_from(["waiting", "waiting", "waiting", "now", "garbage"]), current=kinds)
    def confirm(self, kind: str, current: str) -> None:
        account, code = self.account, self.code(kind)
        other = self.code(current) if account.secret else None
        told = self.told(totp.confirm(self.app, self.viewer, code, other, HERE))
        step = account.step(code, self.now, account.waiting)
        if account.waiting is None:
            assert told == "not now"
        elif step is None or not account.may_look(self.now):
            if account.may_look(self.now):
                account.count(self.now)
            assert told == account.refused(self.now)
        elif other is not None and not account.prove(other, self.now):
            assert told == account.refused(self.now)
        else:
            assert len(set(told)) == 10
            account.secret, account.waiting, account.last_step, account.last_code = account.waiting, None, step, code
            account.spent, account.unused = [*account.unused, *account.spent], list(told)
            account.failures, account.retry_at = 0, None
            account.forget()

    @rule(on_device=strategies.booleans())
    def sign_in(self, *, on_device: bool) -> None:
        account, device = self.account, self.device if on_device else None
        trusted = on_device and account.trusted_until is not None and account.trusted_until > self.now
        try:
            session = self.run(signing_in.enter(self.app, self.viewer.user, device, HERE, PASSWORD)).session
        except MfaRequired as refusal:
            assert account.secret is not None
            assert not trusted
            account.halves.append(Half(refusal.mfa_token, self.now + timedelta(minutes=10)))
        else:
            assert account.secret is None or trusted
            assert session.assurance == 1
            account.sessions += 1

    @rule(kind=mostly_right, on_device=strategies.booleans(), trust=strategies.booleans())
    def sign_in_and_complete(self, kind: str, *, on_device: bool, trust: bool) -> None:
        self.sign_in(on_device=on_device)
        self.complete(kind, 0, trust=trust)

    @rule(kind=kinds, back=strategies.integers(0, 2), trust=strategies.booleans())
    def complete(self, kind: str, back: int, *, trust: bool) -> None:
        account, half, code = self.account, self.account.half(back), self.code(kind)
        told = self.told(completing.complete(self.app, half.token, Answer(code), trust_device=trust, client=HERE))
        if half.over or half.tries >= 5 or half.expires_at <= self.now:
            assert told == "no half session"
            return
        half.tries += 1
        if not account.prove(code, self.now):
            assert told == account.refused(self.now, 5 - half.tries)
            return
        assert (told.session.assurance, told.session.methods) == (2, "pwd otp mfa")
        half.over = True
        account.sessions += 1
        if trust and told.device_token == self.device.device_token:
            account.trusted_until = self.now + timedelta(days=30)

    @rule(kind=kinds)
    def step_up(self, kind: str) -> None:
        code = self.code(kind)
        work = stepping_up.step_up(self.app, self.viewer, password=None, code=code, passkey=None, client=HERE)
        told, account = self.told(work), self.account
        if account.prove(code, self.now):
            assert self.viewer.session.factor_at == self.now
        else:
            assert told == account.refused(self.now)

    @rule(kind=kinds)
    def disable(self, kind: str) -> None:
        code = self.code(kind)
        told = self.told(totp.disable(self.app, self.viewer, code, HERE))
        account = self.account
        if account.prove(code, self.now):
            account.spent, account.unused = [*account.unused, *account.spent], []
            account.secret = account.waiting = None
            account.forget()
            self.do_without()
        else:
            assert told == account.refused(self.now)

    @rule()
    def regenerate(self) -> None:
        told = self.told(recovery.regenerate(self.app, self.viewer, HERE))
        self.account.spent = [*self.account.unused, *self.account.spent]
        self.account.unused = told

    @rule(
        acts=strategies.lists(strategies.tuples(mostly_right, strategies.integers(0, 1)), min_size=2, max_size=5),
        fresh=strategies.integers(1, 2),
    )
    def sign_in_at_once(self, acts: list[tuple[str, int]], fresh: int) -> None:
        for _ in range(fresh):
            self.sign_in(on_device=False)
        self.complete_at_once(acts)

    @rule(acts=strategies.lists(strategies.tuples(kinds, strategies.integers(0, 1)), min_size=2, max_size=6))
    def complete_at_once(self, acts: list[tuple[str, int]]) -> None:
        """No half session and no code begins two sessions, no guess gets more looks than are free."""
        account, before = self.account, self.account.left(self.now)
        looks = before or int(account.may_look(self.now))
        given = [(self.account.half(back), self.code(kind)) for kind, back in acts]
        live = [not half.over and half.tries < 5 and half.expires_at > self.now for half, _ in given]
        right = [account.is_right(code, self.now) for _, code in given]
        answers, looked = self.run(self._at_once(given))
        winners = [place for place, answer in enumerate(answers) if isinstance(answer, signing_in.SignedIn)]
        assert all(live[place] and right[place] for place in winners)
        assert len({given[place][0].token for place in winners}) == len(winners)
        assert len({given[place][1] for place in winners}) == len(winners)
        if not winners:
            assert looked <= looks
            might = [live[place] and right[place] for place in range(len(acts))]
            assert not any(might) or looks < len(acts) or max(half.tries for half, _ in given) + len(acts) > 5
        account.sessions += len(winners)
        self.run(self._learn())

    async def _at_once(self, given: list[tuple[Half, str]]) -> tuple[list[Any], int]:
        looked = AuditEvent.filter(user_id=self.viewer.user.id, action="mfa.failed")
        before = [event.data["state"] for event in await looked].count("LOOKED")
        work = [
            completing.complete(self.app, half.token, Answer(code), trust_device=False, client=HERE)
            for half, code in given
        ]
        answers = await asyncio.gather(*work, return_exceptions=True)
        assert all(isinstance(answer, (signing_in.SignedIn, InvalidCode, InvalidToken)) for answer in answers), answers
        return list(answers), [event.data["state"] for event in await looked].count("LOOKED") - before

    async def _learn(self) -> None:
        """What a race may leave either way is read again: which codes were spent, and what they counted."""
        account, app, user_id = self.account, self.apps[0], self.viewer.user.id
        user = await User.get(id=user_id)
        account.failures, account.retry_at = user.factor_failures, user.factor_retry_at
        if account.secret:
            account.last_step = max(account.last_step, (await Totp.get(user_id=user_id)).last_step)
        hashes = {row.code_hash for row in await RecoveryCode.filter(user_id=user_id, used_at=None)}
        for code in list(account.unused):
            plain = recovery.written(code) or ""
            if app.keys.mac("recovery-code", f"{user_id}:{plain}").hex() not in hashes:
                account.unused.remove(code)
                account.spent.insert(0, code)
        for half in account.halves:
            row = await OneTimeToken.get(
                key_hash=app.keys.mac(f"one-time-token/{Purpose.MFA}", half.token).hex(), user_id=user_id
            )
            half.tries, half.over = row.attempts, row.used_at is not None

    @invariant()
    def the_rows_are_as_the_rules_say(self) -> None:
        self.run(self._compare())

    async def _compare(self) -> None:
        account, user_id = self.account, self.viewer.user.id
        user = await User.get(id=user_id)
        assert (user.factor_failures, user.factor_retry_at) == (account.failures, account.retry_at)
        assert await Session.filter(user_id=user_id).count() == account.sessions
        assert await RecoveryCode.filter(user_id=user_id, used_at=None).count() == len(account.unused)
        row = await Totp.get_or_none(user_id=user_id)
        assert (row is not None and row.confirmed_at is not None) == (account.secret is not None)
        if row is not None and row.confirmed_at is not None:
            assert row.last_step == account.last_step
        device = await Device.filter(user_id=user_id).order_by("id").first()
        assert device is not None
        assert device.trusted_until == account.trusted_until


def test_second_factors_keep_their_rules(settings: Settings) -> None:
    """The rules and the services agree after each step, and a race gives nobody more than they allow."""
    run(Machine, settings, examples=15, steps=25)
