"""Events that clients tell: what is accepted, once each, by which clock, and with whose consent."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.errors import Unauthenticated
from models import AuditEvent, Event, User
from services import access, analytics
from services.analytics import CLIENT_EVENTS, Told, Tracked, keeping
from services.sessions import Client
from tests.clock import START, ManualClock
from tests.conftest import Start
from tests.porchlight import Person, Porchlight

TRACK = """mutation($events: [TrackEventInput!]!, $sentAt: DateTime) {
  trackEvents(events: $events, sentAt: $sentAt) { accepted duplicates dropped }
}"""
CONSENT = "mutation($yes: Boolean!) { setAnalyticsConsent(consent: $yes) { analyticsConsent } }"
PAGE = {"name": "page.viewed", "properties": {"path": "/plans"}}
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)


def page(key: str | None = None, **more: Any) -> dict[str, Any]:
    """A page that was shown."""
    return PAGE | {"idempotencyKey": key} | more


async def track(porchlight: Porchlight, person: Person, *events: dict[str, Any], **more: Any) -> tuple[int, ...]:
    """What became of a batch: accepted, duplicates, dropped."""
    variables = {"events": list(events), "sentAt": more.pop("sentAt", None)}
    done = (await porchlight.ask(TRACK, variables, token=person.access_token, **more))["trackEvents"]
    return done["accepted"], done["duplicates"], done["dropped"]


async def told(porchlight: Porchlight) -> list[Event]:
    """All that is stored of what clients told."""
    with porchlight.app.database.bound():
        return await Event.filter(name__in=list(CLIENT_EVENTS)).order_by("id")


async def faults(porchlight: Porchlight, person: Person, *events: dict[str, Any]) -> list[str]:
    """The messages that refuse a batch."""
    answer = (await porchlight.post(TRACK, {"events": list(events)}, token=person.access_token)).json()
    assert answer["data"] is None or answer["data"] == {"trackEvents": None}
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"BAD_USER_INPUT"}
    return [error["message"] for error in answer["errors"]]


def deep(levels: int) -> Any:
    """A list in a list, and so on."""
    return [deep(levels - 1)] if levels else []


async def test_who_has_not_signed_in_tells_nothing(porchlight: Porchlight) -> None:
    """Nor changes anybody's consent."""
    assert await porchlight.codes(TRACK, {"events": [page()]}) == ["UNAUTHENTICATED"]
    assert await porchlight.codes(CONSENT, {"yes": False}) == ["UNAUTHENTICATED"]
    assert await told(porchlight) == []


async def test_each_event_is_written_once(porchlight: Porchlight) -> None:
    """By user and key: twice in a batch or told again is a duplicate; keys are the user's; without one all count."""
    ada, grace = await porchlight.register(), await porchlight.register("grace@example.com")
    assert await track(porchlight, ada, page("a"), page("b"), page("a"), page(), page()) == (4, 1, 0)
    other = page("c", name="onboarding.started", properties=None)
    assert await track(porchlight, ada, page("b"), page("c"), other) == (1, 2, 0)
    assert await track(porchlight, grace, page("a"), page("b")) == (2, 0, 0)
    stored = await told(porchlight)
    assert sorted((row.user_id, row.idempotency_key or "") for row in stored) == sorted(
        [(ada.user_id, key) for key in ("a", "b", "c", "", "")] + [(grace.user_id, key) for key in ("a", "b")]
    )
    assert {(row.name, row.version, row.at, str(row.properties)) for row in stored} == {
        ("page.viewed", 1, START, "{'path': '/plans'}")
    }


async def test_a_batch_is_one_statement_besides_the_viewer(porchlight: Porchlight) -> None:
    """Whatever its size; two of them when all of it was known, one when nothing may be written."""
    person = await porchlight.register()
    counts = []
    events = [page(f"{n}", occurredAt=START.isoformat()) for n in range(500)]
    for batch in ([page("x")], events, events):
        with porchlight.counting_queries() as statements:
            await track(porchlight, person, *batch)
        counts.append(len(statements))
    for yes in (False, False, True):
        with porchlight.counting_queries() as statements:
            await porchlight.ask(CONSENT, {"yes": yes}, token=person.access_token)
        counts.append(len(statements))
    assert counts == [2, 2, 3, 5, 3, 4]
    with porchlight.counting_queries() as statements:
        assert await track(porchlight, person, *events, **{"Sec-GPC": "1"}) == (0, 0, 500)
    assert len(statements) == 1


BAD: list[tuple[dict[str, Any], str]] = [
    (page(name="page.seen"), "name is no event that clients tell."),
    (page(name=""), "name is no event that clients tell."),
    (page(name="trial.converted"), "name is an event that the server writes."),
    (page(""), "idempotencyKey has from 1 to 100 printable characters."),
    (page("k" * 101), "idempotencyKey has from 1 to 100 printable characters."),
    (page("a\0b"), "idempotencyKey has from 1 to 100 printable characters."),
    (page(properties=[1]), "properties is an object."),
    (page(properties="path"), "properties is an object."),
    (page(properties=None), "properties.path is missing."),
    (page(properties={"path": "/", "email": "a", "x": {}}), "properties may have path, from, seconds, and nothing"),
    (page(name="onboarding.started"), "properties is empty for this event."),
    (page(properties={"path": {"a": [[[{}]]]}}), "properties.path is a path of at most 300"),
    (page(properties={"path": None}), "properties.path is a path of at most 300"),
    (page(properties={"path": "/a\0b"}), "properties.path is a path of at most 300"),
    (page(properties={"path": "/a?email=ada@example.com"}), "properties.path is a path of at most 300"),
    (page(properties={"path": "plans"}), "properties.path is a path of at most 300"),
    (page(properties={"path": "/" + "a" * 300}), "properties.path is a path of at most 300"),
    (page(properties={"path": "/", "seconds": True}), "properties.seconds is a number from 0 to 86,400."),
    (page(properties={"path": "/", "seconds": 86_400.1}), "properties.seconds is a number from 0 to 86,400."),
    (page(properties={"path": "/", "seconds": -1}), "properties.seconds is a number from 0 to 86,400."),
    (page(properties={"path": "/", "seconds": 2**63}), "properties.seconds is a number from 0 to 86,400."),
    (page(properties={"path": "/", "seconds": "1"}), "properties.seconds is a number from 0 to 86,400."),
    (page(name="checkout.viewed", properties={"plan": "Pro Monthly"}), "properties.plan is a key of at most 64"),
    (page(properties=dict.fromkeys(("path", "from"), "/" + "\U0001f600" * 299)), "properties have at most 2,048"),
]  # fmt: skip


async def test_what_is_wrong_is_named_and_nothing_is_written(porchlight: Porchlight) -> None:
    """By the place in the batch and the field, though 499 others be right; only 1 to 500 events are taken."""
    person = await porchlight.register()
    for wrong, message in BAD:
        [said] = await faults(porchlight, person, page("right"), wrong)
        assert said.startswith(f"events[1].{message}"), said
    right = [page(f"{n}") for n in range(499)]
    [said] = await faults(porchlight, person, *right, page(properties={"path": 7}))
    assert said.startswith("events[499].properties.path is a path")
    for number in (0, 501):
        assert await faults(porchlight, person, *[page()] * number) == ["There are from 1 to 500 events."]
    answer = (await porchlight.post(TRACK, {"events": [page(properties=deep(900))]}, token=person.access_token)).json()
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["QUERY_TOO_COMPLEX"]
    assert await told(porchlight) == []


@pytest.mark.parametrize("value", [r'"\ud800"', r'"/\ud800"', "NaN", "Infinity", "-1e999", "1e999", "1" * 400])
async def test_what_json_cannot_hold_is_refused(porchlight: Porchlight, value: str) -> None:
    """Halves of characters, no numbers, and numbers without end: by the door or by the check, never by the database."""
    person = await porchlight.register()
    headers = {"Authorization": f"Bearer {person.access_token}", "Content-Type": "application/json"}
    for field in ("path", "seconds"):
        body = json.dumps({"query": TRACK, "variables": {"events": [page(properties={"path": "/", field: "?"})]}})
        answer = await porchlight.http.post("/graphql", content=body.replace('"?"', value), headers=headers)
        assert answer.status_code in {200, 400}
        assert answer.json().get("data") in (None, {"trackEvents": None})
        assert all(error["extensions"]["code"].startswith("BAD_") for error in answer.json()["errors"]), answer.text
    assert await told(porchlight) == []


async def test_moments_are_moved_to_our_clock(porchlight: Porchlight) -> None:
    """By how long before the sending something was; nothing is in the future, and after 7 days it is dropped."""
    person = await porchlight.register()

    def at(moment: datetime, key: str) -> dict[str, Any]:
        return page(key, occurredAt=moment.isoformat())

    now, wrong = START, START.replace(year=1980)
    assert await track(
        porchlight, person, at(now - 7 * DAY, "7 d"), at(now - 7 * DAY - SECOND, "old"), at(now + 9000 * DAY, "later"),
        at((now - SECOND).replace(tzinfo=None), "naive"),
        at(datetime(1, 1, 1, tzinfo=UTC), "first"), at(datetime(9999, 12, 31, tzinfo=UTC), "last"),
    ) == (4, 0, 2)  # fmt: skip
    sent = {"sentAt": wrong.isoformat()}
    batch = [at(wrong - DAY, "80"), at(wrong + SECOND, "80+"), at(now, "80++")]
    assert await track(porchlight, person, *batch, **sent) == (3, 0, 0)
    least = {"sentAt": "0001-01-01T00:00:00+14:00"}
    assert await track(porchlight, person, at(datetime(9999, 12, 31, tzinfo=UTC), "most"), **least) == (1, 0, 0)
    assert {row.idempotency_key: now - row.at for row in await told(porchlight)} == {
        "7 d": 7 * DAY, "later": 0 * DAY, "naive": SECOND, "last": 0 * DAY, "80": DAY, "80+": 0 * DAY, "80++": 0 * DAY,
        "most": 0 * DAY,
    }  # fmt: skip


async def test_the_same_batch_many_times_at_once(start: Start) -> None:
    """On two servers, in any order: each event is accepted by one call, and no call waits for another without end."""
    first = await start()
    servers = [first, first if first.app.database.dialect == "sqlite" else await start()]
    person = await first.register()
    batch = [page(f"{n}") for n in range(100)]
    orders = [batch, batch[::-1], batch[50:] + batch[:50], batch + batch]
    done = await asyncio.gather(*(track(servers[n % 2], person, *orders[n % 4]) for n in range(16)))
    assert sum(accepted for accepted, _, _ in done) == 100
    assert sum(map(sum, done)) == 4 * (100 + 100 + 100 + 200)
    assert len(await told(first)) == 100


async def test_what_comes_again_after_its_key_has_gone(porchlight: Porchlight, clock: ManualClock) -> None:
    """With its moment it is too old by then; without one nothing tells it from a new one."""
    person = await porchlight.register()
    app, batch = (
        porchlight.app,
        [Told("page.viewed", {"path": "/"}, START, "a"), Told("onboarding.started", {}, None, "b")],
    )
    with app.database.bound():
        viewer = await access.authenticate(app, person.access_token)
        assert await analytics.track(app, viewer, batch, Client()) == Tracked(2, 0, 0)
        await clock.advance(6 * DAY)
        assert await analytics.track(app, viewer, batch, Client()) == Tracked(0, 2, 0)
        await clock.advance(90 * DAY)
        await keeping.roll(app, {})
        await keeping.prune(app, {})
        assert await analytics.track(app, viewer, batch, Client()) == Tracked(1, 0, 1)
        assert await analytics.track(app, viewer, batch[:1], Client()) == Tracked(0, 0, 1)


async def test_no_means_no(porchlight: Porchlight) -> None:
    """It deletes what clients have told and drops what comes; what the server writes stays. Said twice, it is once."""
    ada, grace = await porchlight.register(), await porchlight.register("grace@example.com")
    for person in (ada, grace):
        await track(porchlight, person, page("a"))
    for _ in range(2):
        said = await porchlight.ask(CONSENT, {"yes": False}, token=ada.access_token)
        assert said == {"setAnalyticsConsent": {"analyticsConsent": False}}
    assert await track(porchlight, ada, page("a"), page("b")) == (0, 0, 2)
    assert await track(porchlight, ada, page("c"), **{"Sec-GPC": "0"}) == (0, 0, 1)
    assert [row.user_id for row in await told(porchlight)] == [grace.user_id]
    assert len(await faults(porchlight, ada, page(name="x"))) == 1
    with porchlight.app.database.bound():
        assert await Event.filter(user_id=ada.user_id).count() == 2  # that they registered, and that their trial began
        changed = await AuditEvent.filter(action="account.consent_changed")
    assert [(row.actor_id, row.data) for row in changed] == [(ada.user_id, {"analytics": False})]
    assert (await porchlight.ask(CONSENT, {"yes": True}, token=ada.access_token))["setAnalyticsConsent"] == {
        "analyticsConsent": True
    }
    assert await track(porchlight, ada, page("a")) == (1, 0, 0)
    assert await track(porchlight, ada, page("b"), **{"Sec-GPC": "1"}) == (0, 0, 1)


async def test_consent_is_told_to_its_owner(porchlight: Porchlight) -> None:
    """Yes, until they say otherwise."""
    person = await porchlight.register()
    me = (await porchlight.ask("{ me { analyticsConsent } }", token=person.access_token))["me"]
    assert me == {"analyticsConsent": True}


async def overtaken(porchlight: Porchlight, person: Person, change: Callable[[], Awaitable[object]]) -> Tracked:
    """What becomes of a batch whose sender is changed at the moment at which it is written: it has to wait for that."""
    app = porchlight.app
    with app.database.bound():
        viewer, elsewhere = await access.authenticate(app, person.access_token), copy_context()
        async with app.database.transaction():
            await change()
            batch = [Told("page.viewed", {"path": "/"}, None, "k"), Told("onboarding.started")]
            writing = asyncio.create_task(analytics.track(app, viewer, batch, Client()), context=elsewhere)
            done, _ = await asyncio.wait([writing], timeout=0.1)
            assert not done
        return await writing


async def test_a_batch_in_flight_heeds_a_no_and_a_deletion(porchlight: Porchlight) -> None:
    """Its request had read that the viewer consents, and is there: it writes nothing, and is no error."""
    person = await porchlight.register()
    for change, outcome in (
        (lambda: User.all().update(analytics_consent=False), Tracked(0, 0, 2)),
        (lambda: User.all().update(name="Ada"), Tracked(2, 0, 0)),
        (lambda: User.all().delete(), Tracked(0, 0, 2)),
    ):
        with porchlight.app.database.bound():
            await User.all().update(analytics_consent=True)
        assert await overtaken(porchlight, person, change) == outcome
    assert await told(porchlight) == []


async def test_a_no_among_many_batches_leaves_nothing(porchlight: Porchlight) -> None:
    """Whichever came first: what was accepted is deleted, the rest is dropped."""
    person = await porchlight.register()
    calls = [track(porchlight, person, *(page(f"{n}.{i}") for i in range(50))) for n in range(12)]
    refusal = porchlight.ask(CONSENT, {"yes": False}, token=person.access_token)
    done = await asyncio.gather(*calls[:6], refusal, *calls[6:])
    assert sum(sum(each) for each in done if isinstance(each, tuple)) == 600
    assert await told(porchlight) == []


async def test_who_is_deleted_meanwhile_changes_no_consent(porchlight: Porchlight) -> None:
    """A session that was read before it ended."""
    person = await porchlight.register()
    with porchlight.app.database.bound():
        viewer = await access.authenticate(porchlight.app, person.access_token)
        await User.all().delete()
        with pytest.raises(Unauthenticated):
            await analytics.set_consent(porchlight.app, viewer, Client(), consents=False)
