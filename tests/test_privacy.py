"""Leaving: who may, when it happens, what is deleted, what stays and why."""

import asyncio
import json
from contextlib import nullcontext
from datetime import timedelta
from email.message import EmailMessage
from typing import Any
from unittest.mock import AsyncMock

import pytest
from structlog.testing import capture_logs

from adapters.mail import MailRejected
from core.errors import PorchlightError, Unavailable
from models import (
    AuditEvent,
    Job,
    OneTimeToken,
    Purpose,
    Role,
    Session,
    Trial,
    TrialClaim,
    User,
)  # fmt: skip
from services import accounts, jobs, notifications, one_time_tokens, pruning
from services.sessions import Client, InvalidToken
from tests.clock import START, ManualClock
from tests.conftest import Start
from tests.letters_by_hand import send, waiting
from tests.porchlight import LOGIN, PASSWORD, Person, Porchlight
from tests.services.valkey import until
from tests.staff import id_of, staff
from tests.traces import DELETE, KEPT, actions, ask_for_deletion, drain, filled, letters, tables
from worker.loop import Worker
from worker.tasks import TASKS

ME = "{ me { email } }"
EXPORT = "mutation { exportMyData { url expiresAt } }"
CANCEL = "mutation { cancelAccountDeletion }"
ASK_FOR_LINKS = "mutation($e: String!) { requestMagicLink(email: $e) requestPasswordReset(email: $e) }"
GRACE = timedelta(days=14)
SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)  # ruff: ignore[pytest-fixture-autouse] -- jobs are done when the tests say so
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers leave the jobs alone."""
    monkeypatch.setattr("server.working", lambda _: nullcontext())


async def user_of(porchlight: Porchlight, person: Person) -> User | None:
    with porchlight.app.database.bound():
        return await User.get_or_none(id=person.user_id)


async def sign_in(porchlight: Porchlight, person: Person) -> str:
    """An access token of another session."""
    result = (await porchlight.ask(LOGIN, {"input": {"email": person.email, "password": PASSWORD}}))["login"]
    assert result["__typename"] == "LoginSuccess", result
    return str(result["tokens"]["accessToken"])


@pytest.mark.parametrize("query", [DELETE, CANCEL, EXPORT])
async def test_nobody_may_ask(porchlight: Porchlight, query: str) -> None:
    """Without having signed in."""
    assert await porchlight.codes(query) == ["UNAUTHENTICATED"]


@pytest.mark.parametrize("query", [DELETE, EXPORT])
async def test_who_signed_in_a_while_ago_confirms_first(porchlight: Porchlight, clock: ManualClock, query: str) -> None:
    """A token that was copied from an open browser neither takes the data along nor deletes it."""
    person = await porchlight.register()
    await clock.advance(timedelta(seconds=601))
    token = (await porchlight.refresh(person.refresh_token))["tokens"]["accessToken"]
    assert await porchlight.codes(query, token=token) == ["STEP_UP_REQUIRED"]
    assert (await user_of(porchlight, person)).deletion_at is None  # type: ignore[union-attr]
    assert await actions(porchlight) == []


async def test_wrong_password_deletes_nothing(porchlight: Porchlight) -> None:
    """It is an answer, as at signing in, and tries are counted; nothing else changes."""
    person = await porchlight.register()
    other = await sign_in(porchlight, person)
    for _ in range(5):
        result = await ask_for_deletion(porchlight, person.access_token, "a wrong one")
        assert result["__typename"] == "InvalidCredentials"
    assert await porchlight.codes(DELETE, {"password": PASSWORD}, token=person.access_token) == ["RATE_LIMITED"]
    assert (await user_of(porchlight, person)).deletion_at is None  # type: ignore[union-attr]
    assert (await porchlight.post(ME, token=other)).status_code == 200
    assert set(await actions(porchlight)) == {"account.sign_in_failed"}


async def test_deletion_is_set_for_two_weeks_later(porchlight: Porchlight) -> None:
    """All other sessions end, a letter offers to keep the account, and asking again changes nothing."""
    person = await porchlight.register()
    other = await sign_in(porchlight, person)
    stranger = await porchlight.register("grace@example.com")
    answer = await ask_for_deletion(porchlight, person.access_token, PASSWORD)
    assert answer == {"__typename": "DeleteAccountSuccess", "deletionAt": "2026-03-16T09:00:00+00:00"}
    await porchlight.clock.advance(SECOND)
    assert await ask_for_deletion(porchlight, person.access_token) == answer
    assert (await porchlight.post(ME, token=other)).status_code == 401
    for token in (person.access_token, stranger.access_token):
        assert (await porchlight.post(ME, token=token)).status_code == 200
    pending = "{ me { deletionAt } }"
    told = [await porchlight.ask(pending, token=who.access_token) for who in (person, stranger)]
    assert told == [{"me": {"deletionAt": "2026-03-16T09:00:00+00:00"}}, {"me": {"deletionAt": None}}]
    await drain(porchlight)
    [letter] = [letter for letter in letters(porchlight) if letter["Subject"] == "Your account is going to be deleted"]
    assert letter["To"] == person.email
    text = letter.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert (
        "It will be deleted: Monday, March 16, 2026 at 9:00\N{NO-BREAK SPACE}AM (UTC)\r\nWhat stays: a keyed hash"
        in text
    )
    assert "What stays: a keyed hash that tells that you have had a trial" in text
    assert "/links/cancel-deletion?token=" in text
    assert await actions(porchlight) == ["account.deletion_requested"]
    with porchlight.app.database.bound():
        assert await Job.filter(kind="account.deletion").count() == 1


async def test_requests_at_once_are_one(start: Start) -> None:
    """On two processes too: one moment, one event."""
    doors = [await start(), await start()]
    person = await doors[0].register()
    answers = await asyncio.gather(*(ask_for_deletion(doors[n % 2], person.access_token) for n in range(4)))
    assert len({answer["deletionAt"] for answer in answers}) == 1
    assert await actions(doors[0]) == ["account.deletion_requested"]


async def test_request_that_meets_a_change_looks_again(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """A role that is given at that moment refuses it, an account that goes at that moment signs its owner out."""
    person = await porchlight.register()
    verify = porchlight.app.passwords.verify
    changes: list[Any] = [
        lambda which: which.update(role=Role.SUPPORT),
        lambda which: which.delete(),
    ]

    async def verify_then_change(password: str, stored: str | None, *held: Any) -> bool:
        await changes.pop(0)(User.filter(id=person.user_id))
        return await verify(password, stored, *held)

    monkeypatch.setattr(porchlight.app.passwords, "verify", verify_then_change)
    asked = {"password": PASSWORD}
    assert await porchlight.codes(DELETE, asked, token=person.access_token) == ["BAD_USER_INPUT"]
    with porchlight.app.database.bound():
        await User.filter(id=person.user_id).update(role=Role.USER)
    assert await porchlight.codes(DELETE, asked, token=person.access_token) == ["UNAUTHENTICATED"]
    assert await actions(porchlight) == []


async def test_staff_give_their_role_back_first(porchlight: Porchlight) -> None:
    """So the last administrator cannot vanish."""
    person = await porchlight.register()
    with porchlight.app.database.bound():
        await User.filter(id=person.user_id).update(role=Role.ADMIN)
        await Session.filter(user_id=person.user_id).update(assurance=2, factor_at=START)
    answer = (await porchlight.post(DELETE, token=person.access_token)).json()
    assert (
        answer["errors"][0]["message"] == "This account has a role. Give the role back first, then delete the account."
    )
    assert (await user_of(porchlight, person)).deletion_at is None  # type: ignore[union-attr]


async def test_owner_thinks_better_of_it(porchlight: Porchlight, clock: ManualClock) -> None:
    """Signing in works until the last second, and so does keeping the account; the job then finds nothing to do."""
    person = await porchlight.register()
    await ask_for_deletion(porchlight, person.access_token)
    await drain(porchlight)
    await clock.advance(GRACE - SECOND)
    token = await sign_in(porchlight, person)
    assert await porchlight.ask(CANCEL, token=token) == {"cancelAccountDeletion": True}
    assert await porchlight.ask(CANCEL, token=token) == {"cancelAccountDeletion": False}
    await clock.advance(SECOND)
    await drain(porchlight)
    assert await porchlight.ask(ME, token=token) == {"me": {"email": person.email}}
    assert await actions(porchlight) == ["account.deletion_requested", "account.deletion_canceled"]
    with porchlight.app.database.bound():
        assert await OneTimeToken.filter(purpose=Purpose.CANCEL_DELETION, used_at=None).count() == 0


async def test_first_request_that_was_taken_back_deletes_nothing(porchlight: Porchlight, clock: ManualClock) -> None:
    """The job of an earlier request leaves a later one its full two weeks."""
    person = await porchlight.register()
    await ask_for_deletion(porchlight, person.access_token)
    await porchlight.ask(CANCEL, token=person.access_token)
    await clock.advance(timedelta(minutes=5))
    again = await ask_for_deletion(porchlight, person.access_token)
    assert again["deletionAt"] == "2026-03-16T09:05:00+00:00"
    await clock.advance(GRACE - timedelta(minutes=5))
    await drain(porchlight)
    assert await user_of(porchlight, person) is not None
    await clock.advance(timedelta(minutes=5))
    await drain(porchlight)
    assert await user_of(porchlight, person) is None


async def test_letter_keeps_the_account_without_signing_in(porchlight: Porchlight, clock: ManualClock) -> None:
    """Its token works once, for the request that it was sent for, while there is time; any other is refused."""
    person = await porchlight.register()
    app = porchlight.app

    async def keep(token: str) -> bool:
        with app.database.bound():
            try:
                await accounts.cancel_deletion_by_token(app, token, Client())
            except InvalidToken:
                return False
        return True

    async def token(moment: str, purpose: Purpose = Purpose.CANCEL_DELETION) -> str:
        with app.database.bound():
            return await one_time_tokens.issue(
                app, purpose, lifetime=timedelta(days=30), user_id=person.user_id, data={"deletion_at": moment}
            )

    at = (await ask_for_deletion(porchlight, person.access_token))["deletionAt"]
    earlier, foreign, genuine, late = (
        await token("2026-03-15T09:00:00+00:00"), await token(at, Purpose.MAGIC_LINK), await token(at), await token(at),
    )  # fmt: skip
    assert [await keep(text) for text in ("", "x", earlier, foreign)] == [False] * 4
    assert (await user_of(porchlight, person)).deletion_at is not None  # type: ignore[union-attr]
    assert await asyncio.gather(*(keep(genuine) for _ in range(3))) in (
        [True, False, False], [False, True, False], [False, False, True],
    )  # fmt: skip
    assert (await user_of(porchlight, person)).deletion_at is None  # type: ignore[union-attr]
    assert await keep(late) is False
    at = (await ask_for_deletion(porchlight, person.access_token))["deletionAt"]
    late = await token(at)
    await clock.advance(GRACE)
    assert await keep(late) is False


async def test_account_counts_as_deleted_when_its_time_has_come(porchlight: Porchlight, clock: ManualClock) -> None:
    """Also while no worker runs: neither signing in nor an open session nor taking it back works."""
    person = await porchlight.register()
    await ask_for_deletion(porchlight, person.access_token)
    await clock.advance(GRACE - SECOND)
    token = await sign_in(porchlight, person)
    await clock.advance(SECOND)
    assert (await porchlight.post(ME, token=token)).status_code == 401
    refused = await porchlight.ask(LOGIN, {"input": {"email": person.email, "password": PASSWORD}})
    assert refused["login"]["__typename"] == "InvalidCredentials"
    assert await user_of(porchlight, person) is not None


async def test_a_role_does_not_call_a_deletion_off(porchlight: Porchlight, clock: ManualClock) -> None:
    """Who is going to be deleted gets none, and is deleted when the time has come."""
    admin, person = await staff(porchlight, Role.ADMIN), await porchlight.register()
    await ask_for_deletion(porchlight, person.access_token)
    assign = "mutation($user: ID!) { assignRole(userId: $user, role: ANALYST) { __typename } }"
    given = {"user": id_of(person)}
    assert await porchlight.codes(assign, given, token=admin.access_token) == ["BAD_USER_INPUT"]
    await clock.advance(GRACE)
    await drain(porchlight)
    assert await user_of(porchlight, person) is None
    assert (await actions(porchlight))[-1] == "account.deleted"


async def rows_of(person: Person) -> dict[str, int]:
    """How many rows each table has that name the user, as the database finds them."""
    found = {}
    for model in tables():
        names = [name for name in model._meta.fields_map if name in {"user_id", "actor_id"}]
        if model is User:
            found["users"] = await User.filter(id=person.user_id).count()
        elif model is Job:
            found["jobs"] = sum(job.payload.get("user_id") == person.user_id for job in await Job.all())
        elif names:
            by = "user_id" if "user_id" in names else "trial__user_id"
            found[model._meta.db_table] = await model.filter(**{by: person.user_id}).count()
    return found


async def test_deletion_leaves_nothing_but_what_it_says(porchlight: Porchlight, clock: ManualClock) -> None:
    """Every table is looked at: another person's rows stay, and of this one a claim and events without an address."""
    person, other = await filled(porchlight, "ada@example.com"), await filled(porchlight, "grace@example.com")
    await drain(porchlight)
    with porchlight.app.database.bound():
        before = await rows_of(person)
        assert {name for name, count in before.items() if not count} == set()
        others = await rows_of(other)
    await ask_for_deletion(porchlight, person.access_token)
    await clock.advance(GRACE - SECOND)
    await drain(porchlight)
    assert await user_of(porchlight, person) is not None
    await clock.advance(SECOND)
    await drain(porchlight)
    with porchlight.app.database.bound():
        after = await rows_of(person)
        assert {name for name, count in after.items() if count} == {*KEPT, "jobs"}
        assert [job.kind for job in await Job.all() if job.payload.get("user_id") == person.user_id] == [
            accounts.DELETION
        ]
        left = await rows_of(other)
        assert left.pop("mail_deliveries") > others.pop("mail_deliveries")  # time has passed for them too
        assert left == others
        assert await OneTimeToken.filter(address=person.email).count() == 0
        told = [json.dumps([event.data, event.subject]) for event in await AuditEvent.all()]
        told += [json.dumps([job.payload, job.dedup_key, job.last_error]) for job in await Job.all()]
    assert [text for text in told if "ada@" in text] == []
    told = [letter["To"] for letter in letters(porchlight) if letter["Subject"] == "Your account has been deleted"]
    assert told == [person.email]
    assert (await actions(porchlight))[-1] == "account.deleted"


async def test_deletion_forgets_letters_that_name_the_address_alone(
    porchlight: Porchlight, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Links are asked for without signing in: those letters go too, done, given up or due, and nobody else's."""
    person, other = await porchlight.register(), await porchlight.register("grace@example.com")
    at = (await ask_for_deletion(porchlight, person.access_token))["deletionAt"]
    await clock.advance(GRACE - timedelta(minutes=5))
    await porchlight.ask(ASK_FOR_LINKS, {"e": other.email})
    await porchlight.ask(ASK_FOR_LINKS, {"e": person.email})
    await drain(porchlight)
    monkeypatch.setattr(porchlight.app.mail, "send", AsyncMock(side_effect=MailRejected(550, "no such user")))
    await clock.advance(timedelta(minutes=1))
    await porchlight.ask(ASK_FOR_LINKS, {"e": person.email})
    await drain(porchlight)
    await clock.advance(timedelta(minutes=4))
    await porchlight.ask(ASK_FOR_LINKS, {"e": person.email})
    with porchlight.app.database.bound():
        states = [
            (job.done_at is not None, job.dead_at is not None)
            for job in await Job.all()
            if job.payload.get("address") == person.email
        ]
        assert sorted(states) == [(False, False)] * 2 + [(False, True)] * 2 + [(True, False)] * 2
        await accounts.delete(porchlight.app, {"user_id": person.user_id, "deletion_at": at})
        left = [job for job in await Job.all() if "address" in job.payload]
        assert [job.payload["address"] for job in left] == [other.email] * 2
        told = [job.dedup_key for job in await Job.all() if person.email in json.dumps([job.payload, job.last_error])]
        assert told == [f"{notifications.FAREWELL_KEYS}{person.user_id}"]


async def test_deletion_may_run_twice(porchlight: Porchlight, clock: ManualClock) -> None:
    """At the same time too: one event and one letter."""
    person = await porchlight.register()
    at = (await ask_for_deletion(porchlight, person.access_token))["deletionAt"]
    await clock.advance(GRACE)
    payload = {"user_id": person.user_id, "deletion_at": at}
    with porchlight.app.database.bound():
        await asyncio.gather(*(accounts.delete(porchlight.app, payload) for _ in range(3)))
        await accounts.delete(porchlight.app, payload)
    await drain(porchlight)
    assert (await actions(porchlight)).count("account.deleted") == 1
    assert [letter["Subject"] for letter in letters(porchlight)].count("Your account has been deleted") == 1


async def test_deleted_sessions_are_refused_everywhere(start: Start, clock: ManualClock) -> None:
    """The bus tells every process to look at the user's sessions anew."""
    one, two = await start(), await start()
    told: list[str] = []
    one.app.bus.subscribe("users.changed", told.append)
    person = await one.register()
    await ask_for_deletion(one, person.access_token)
    await clock.advance(GRACE)
    await drain(one)
    await until(lambda: told == [str(person.user_id)] * 2)
    refused = await two.refresh(person.refresh_token)
    assert refused["__typename"] == "InvalidToken"


async def test_person_who_comes_back_has_no_second_trial(porchlight: Porchlight, clock: ManualClock) -> None:
    """A keyed hash of who they are stays: under any spelling of the address the new account has no trial."""
    person = await porchlight.register("Ada.L@gmail.com")
    assert person.registered["trial"] is not None
    await ask_for_deletion(porchlight, person.access_token)
    await clock.advance(GRACE)
    await drain(porchlight)
    again = await porchlight.register("adal+new@googlemail.com")
    assert again.registered["trial"] is None
    with porchlight.app.database.bound():
        [claim] = await TrialClaim.all()
    assert (claim.user_id, len(claim.person_hash)) == (person.user_id, 64)
    assert (await porchlight.register("grace@example.com")).registered["trial"] is not None


async def test_trial_from_before_the_claims_is_claimed_at_deletion(porchlight: Porchlight, clock: ManualClock) -> None:
    """Its person has no second one either, however often they come and go."""
    person = await porchlight.register()
    with porchlight.app.database.bound():
        await TrialClaim.all().delete()
    for number in range(2):
        await ask_for_deletion(porchlight, person.access_token)
        await clock.advance(GRACE)
        await drain(porchlight)
        person = await porchlight.register(f"ada+{number}@example.com")
        assert person.registered["trial"] is None


async def test_registrations_of_one_person_at_once_give_one_trial(start: Start) -> None:
    """Claim and trial are one transaction: who loses has neither, and nothing is left half-way."""
    doors = [await start(), await start()]
    people = await asyncio.gather(*(doors[n % 2].register(f"ada+{n}@example.com") for n in range(4)))
    assert sum(person.registered["trial"] is not None for person in people) == 1
    with doors[0].app.database.bound():
        assert await TrialClaim.all().values_list("user_id") == await Trial.all().values_list("user_id")


@pytest.mark.parametrize("error", [MailRejected(550, "no such user ada@example.com"), Unavailable()])
async def test_last_letter_forgets_its_address_also_when_it_fails(
    porchlight: Porchlight, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, error: PorchlightError
) -> None:
    """What is refused is given up, what may succeed is tried for a day; then the address is gone all the same."""
    person = await porchlight.register()
    await ask_for_deletion(porchlight, person.access_token)
    await drain(porchlight)
    await clock.advance(GRACE)

    async def refuse(_: EmailMessage) -> None:
        await asyncio.sleep(0)
        raise error

    monkeypatch.setattr(porchlight.app.mail, "send", refuse)
    tries = 0
    with porchlight.app.database.bound():
        await Worker(porchlight.app, TASKS).drain()
        [job] = await waiting("farewell")
        while job.dead_at is None:
            tries += 1
            assert job.payload["to"] == [person.email, person.email]
            await clock.advance(timedelta(hours=8))
            await Worker(porchlight.app, TASKS).drain()
            await job.refresh_from_db()
    assert tries == (0 if isinstance(error, MailRejected) else jobs.MAX_ATTEMPTS - 1)
    assert "ada@" not in json.dumps([job.payload, job.last_error])
    with porchlight.app.database.bound():
        await send(porchlight.app, "farewell", {"number": person.user_id})


@pytest.mark.parametrize("fault", [RuntimeError("cannot write to ada@example.com"), TimeoutError()])
async def test_last_letter_that_fails_unforeseen_is_forgotten(
    porchlight: Porchlight, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    """Nobody can answer for what broke: the job goes with the address that it holds, but not while it may succeed."""
    person = await porchlight.register()
    await ask_for_deletion(porchlight, person.access_token)
    await drain(porchlight)
    await clock.advance(GRACE)
    monkeypatch.setattr(porchlight.app.mail, "send", AsyncMock(side_effect=fault))
    for name in ("UNFORESEEN_ATTEMPTS", "MAX_ATTEMPTS"):  # of a fault of ours, and of what takes too long
        monkeypatch.setattr(jobs, name, 3)
    with porchlight.app.database.bound(), capture_logs():
        kept: list[Job] = []
        for _ in range(3):
            await Worker(porchlight.app, TASKS).drain()
            await pruning.prune_jobs(porchlight.app, {})
            kept = await waiting("farewell")
            assert [(job.payload["to"], job.dead_at) for job in kept] in ([], [([person.email] * 2, None)])
            await clock.advance(timedelta(hours=8))
        assert await waiting("farewell") == []
        left = [json.dumps([job.payload, job.dedup_key, job.last_error]) for job in await Job.all()]
    assert [text for text in left if "ada@" in text] == []
