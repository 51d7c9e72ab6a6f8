"""Taking one's data along: a link that soon ends, to everything that is held and no secret."""

import asyncio
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from structlog.testing import capture_logs
from tortoise.fields.base import OnDelete

from models import Device, OneTimeToken, Role, Session, Totp, User
from services.accounts import held
from tests.clock import ManualClock
from tests.porchlight import LOGIN, PASSWORD, Person, Porchlight
from tests.staff import id_of, staff
from tests.traces import KEPT, PARTED, actions, ask_for_deletion, drain, filled, letters, tables

EXPORT = "mutation { exportMyData { url expiresAt } }"
SUSPEND = 'mutation($id: ID!) { suspendUser(userId: $id, reason: "stolen") { __typename } }'
RESTORE = "mutation($id: ID!) { restoreUser(userId: $id) { __typename } }"
SECOND = timedelta(seconds=1)

# Tables without a section of their own, and why.
NOT_EXPORTED = {
    "items": "the catalogue, which is about nobody",
    "item_vectors": "as above",
    "embedding_spaces": "models of vectors, about nobody",
    "embedding_processes": "as above",
    "serving_space": "as above",
    "catalogue_revisions": "one number, about nobody",
    "plan_spends": "sums of everybody on a plan",
    "collaborative_models": "which items go together for at least three people, about nobody",
    "keys": "ours",
    "request_minutes": "how many answers there were, about nobody",
    "clock": "one number, about nobody",
    "recommendation_days": "how often slots of lists were seen and opened, by anybody",
    "event_days": "counts of a day, of which none names anybody",
    "kpi_days": "counts of days, about nobody",
    "schedule_runs": "how recurring work went, about nobody",
    "retention_weeks": "counts of weeks, about nobody",
    "departed_trials": "days of trials whose accounts are gone, which lead to nobody",
    "feature_flags": "how features are rolled out, for everybody",
    "fraud_keys": "locks of sign-ups: keyed hashes without an owner, gone after a day",
    "fraud_list_entries": "what the staff knows of a keyed hash; the owner is who wrote it",
}


@pytest.fixture(autouse=True)  # ruff: ignore[pytest-fixture-autouse] -- jobs are done when the tests say so
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers leave the jobs alone."""
    monkeypatch.setattr("server.working", lambda _: nullcontext())


async def exported(porchlight: Porchlight, person: Person) -> str:
    """The path of a new link."""
    data = (await porchlight.ask(EXPORT, token=person.access_token))["exportMyData"]
    assert data["url"].startswith("http://localhost:8000/exports/")
    return str(data["url"].removeprefix("http://localhost:8000"))


async def download(porchlight: Porchlight, path: str) -> httpx.Response:
    return await porchlight.http.get(path)


async def test_export_holds_everything_that_is_held(porchlight: Porchlight) -> None:
    """Each table has a section with this person's rows and nobody else's, and no secret is in it."""
    person, other = await filled(porchlight, "ada@example.com"), await filled(porchlight, "grace@example.com")
    answer = await download(porchlight, await exported(porchlight, person))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-disposition"] == 'attachment; filename="porchlight-export.json"'
    data = answer.json()
    assert (data.pop("format"), data.pop("exportedAt")) == ("porchlight-export/1", "2026-03-02T09:00:00+00:00")
    assert list(data) == [section.name for section in held.SECTIONS]
    assert {name: bool(rows) for name, rows in data.items()} == dict.fromkeys(data, True)
    assert data["account"] == [
        {
            "id": person.user_id, "email": "ada@example.com", "emailVerifiedAt": None, "name": None, "locale": None,
            "timezone": None, "role": "USER", "createdAt": "2026-03-02T09:00:00+00:00", "suspendedAt": None,
            "deletionAt": None, "analyticsConsent": True, "personalization": True,
        }
    ]  # fmt: skip
    assert [row["item"] for row in data["interactions"]] == ["a-walk"] * 3
    assert data["events"][-1]["action"] == "account.exported"
    assert other.email not in answer.text
    assert f"f-{other.email}" not in answer.text
    with porchlight.app.database.bound():
        [token, device] = await OneTimeToken.filter(user_id=person.user_id, purpose="EXPORT"), await Device.first()
        user, totp = await User.get(id=person.user_id), await Totp.get(user_id=person.user_id)
    assert device is not None
    secrets = [token[0].key_hash, device.key_hash, user.password_hash, totp.sealed_secret, "c0de", person.refresh_token]
    assert [secret for secret in secrets if secret in answer.text] == []


async def test_letters_that_name_the_address_alone_are_told(porchlight: Porchlight) -> None:
    """Links are asked for without signing in: the letters are held all the same, each told to whose address it is."""
    person, other = await porchlight.register(), await porchlight.register("grace@example.com")
    for email in (person.email, other.email, other.email.upper()):
        await porchlight.ask("mutation($e: String!) { requestMagicLink(email: $e) }", {"e": email})
    data = (await download(porchlight, await exported(porchlight, person))).json()
    assert [letter["letter"] for letter in data["letters"]].count("magic_link") == 1


async def test_staff_that_acted_are_not_told(porchlight: Porchlight) -> None:
    """What they did is, and why, but neither who they are nor from where; the owner's own acts are told in full."""
    person, admin = await porchlight.register(), await staff(porchlight, Role.ADMIN)
    await porchlight.ask(
        'mutation($id: ID!) { extendTrial(userId: $id, days: 3, reason: "kind") { __typename } }',
        {"id": id_of(person)},
        token=admin.access_token,
    )
    events = (await download(porchlight, await exported(porchlight, person))).json()["events"]
    told = {event["action"]: (event["actorId"], event["ip"], event["data"].get("reason")) for event in events}
    assert told == {
        "account.registered": (person.user_id, "127.0.0.1", None),
        "trial.extended": (None, None, "kind"),
        "account.exported": (person.user_id, "127.0.0.1", None),
    }


def test_every_table_is_exported_and_deleted() -> None:
    """Or stands in a list with the reason: who adds a table about people is told here what is missing."""
    exported = {model for section in held.SECTIONS for model in section.models}
    silent = {model._meta.db_table for model in tables()} - {model._meta.db_table for model in exported}
    assert silent == set(NOT_EXPORTED)
    people = [model for model in tables() if "user_id" in model._meta.fields_map]
    going = {
        model._meta.db_table
        for model in people
        if (field := model._meta.fields_map.get("user")) and getattr(field, "on_delete", None) is OnDelete.CASCADE
    }
    assert {model._meta.db_table for model in people} - going == {*KEPT, *PARTED}
    assert all([*NOT_EXPORTED.values(), *KEPT.values()])


async def test_link_is_for_a_quarter_of_an_hour_and_five_downloads(porchlight: Porchlight, clock: ManualClock) -> None:
    """Then it is as unknown as any other; a new one ends those before; asking is counted, written down and told."""
    person = await porchlight.register()
    first = await exported(porchlight, person)
    path = await exported(porchlight, person)
    assert (await download(porchlight, first)).status_code == 404
    answers = await asyncio.gather(*(download(porchlight, path) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [404] * 3
    path = await exported(porchlight, person)
    await clock.advance(timedelta(minutes=15) - SECOND)
    assert (await download(porchlight, path)).status_code == 200
    await clock.advance(SECOND)
    missing = await download(porchlight, path)
    assert (missing.status_code, missing.json()["code"]) == (404, "NOT_FOUND")
    for other in ("/exports/x", "/exports/" + "x" * 500, "/exports/", "/exports/%00"):
        assert (await download(porchlight, other)).status_code == 404
    await drain(porchlight)
    assert await actions(porchlight) == ["account.exported"] * 3
    assert [letter["Subject"] for letter in letters(porchlight)].count("Your data has been exported") == 3


async def test_looking_is_no_download(porchlight: Porchlight) -> None:
    """HEAD answers as GET would, without a body, and spends nothing, however often a program looks ahead."""
    person = await porchlight.register()
    path = await exported(porchlight, person)
    looks = [await porchlight.http.head(path) for _ in range(6)]
    assert [(look.status_code, look.content) for look in looks] == [(200, b"")] * 6
    answers = [await download(porchlight, path) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200] * 5
    names = ("content-type", "content-disposition", "cache-control")
    assert [looks[0].headers[name] for name in names] == [answers[0].headers[name] for name in names]
    assert [(await ask(path)).status_code for ask in (porchlight.http.head, porchlight.http.get)] == [404] * 2


async def test_links_are_counted(porchlight: Porchlight) -> None:
    """Five an hour: reading everything costs."""
    person = await porchlight.register()
    for _ in range(5):
        await exported(porchlight, person)
    assert await porchlight.codes(EXPORT, token=person.access_token) == ["RATE_LIMITED"]


async def test_link_ends_with_the_session_but_for_a_suspension(porchlight: Porchlight) -> None:
    """Who is signed out has lost it, a thief too, and a suspension gives it back to nobody; it only ends no link."""
    person, admin = await porchlight.register(), await staff(porchlight, Role.ADMIN)
    thief = (await porchlight.ask(LOGIN, {"input": {"email": person.email, "password": PASSWORD}}))["login"]
    stolen = await exported(porchlight, replace(person, access_token=thief["tokens"]["accessToken"]))
    assert (await download(porchlight, stolen)).status_code == 200
    await porchlight.ask("mutation { revokeOtherSessions }", token=person.access_token)
    assert (await download(porchlight, stolen)).status_code == 404
    await porchlight.ask(SUSPEND, {"id": id_of(person)}, token=admin.access_token)
    assert (await download(porchlight, stolen)).status_code == 404


async def test_who_is_suspended_may_have_their_data(porchlight: Porchlight) -> None:
    """By the link that they had already, as long as they are suspended, or it would outlive the session."""
    person, admin = await porchlight.register(), await staff(porchlight, Role.ADMIN)
    path = await exported(porchlight, person)
    await porchlight.ask(SUSPEND, {"id": id_of(person)}, token=admin.access_token)
    assert (await download(porchlight, path)).status_code == 200
    await porchlight.ask(RESTORE, {"id": id_of(person)}, token=admin.access_token)
    assert (await download(porchlight, path)).status_code == 404
    with porchlight.app.database.bound():
        await Session.filter(user_id=person.user_id).delete()
    assert (await download(porchlight, path)).status_code == 404


async def test_links_stand_in_no_log(porchlight: Porchlight) -> None:
    """The path ends in a token: the log says that there was one."""
    person = await porchlight.register()
    path = await exported(porchlight, person)
    with capture_logs() as logs:
        assert (await download(porchlight, path)).status_code == 200
    [request] = [log for log in logs if log["event"] == "http.request"]
    assert request["path"] == "/exports/…"
    assert path.rpartition("/")[2] not in str(logs)


async def test_much_is_read_in_batches(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each batch is a query, and between them others have their turn; nothing is lost or told twice."""
    monkeypatch.setattr(held, "BATCH", 2)
    person = await filled(porchlight, "ada@example.com")
    path = await exported(porchlight, person)
    with porchlight.counting_queries() as statements:
        data = (await download(porchlight, path)).json()
    assert [row["idempotencyKey"] for row in data["interactions"]] == ["0", "1", "2"]
    assert len(data["events"]) == len({row["at"] + row["action"] for row in data["events"]}) == 2
    assert len([statement for statement in statements if 'FROM "interactions"' in statement]) == 3


async def test_known_numbers_of_queries(porchlight: Porchlight) -> None:
    """Asking for a link, and asking for deletion: viewer, factors, and what each of them writes."""
    person = await porchlight.register()
    with porchlight.counting_queries() as statements:
        await exported(porchlight, person)
    assert len(statements) == 10
    with porchlight.counting_queries() as statements:
        await ask_for_deletion(porchlight, person.access_token)
    assert len(statements) == 9
