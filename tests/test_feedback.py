"""How satisfied people are: one answer a person and window, the first, within bounds."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.errors import BadUserInput, NotFound
from models import Event, Feedback, Role
from services import feedback
from services.feedback import Answer, window_of
from services.measuring import BUCKETS_MS
from tests.clock import START, ManualClock
from tests.porchlight import Person, Porchlight
from tests.staff import staff

SUBMIT = "mutation($input: SubmitFeedbackInput!) { submitFeedback(input: $input) { accepted } }"
KPIS = "{ kpis { key value sampleSize pending responseRate verdict } }"
TRACK = "mutation($events: [TrackEventInput!]!) { trackEvents(events: $events) { accepted } }"
LATER = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=30 * (window_of(START) + 1)) - START


async def submit(porchlight: Porchlight, person: Person, score: int, **more: Any) -> bool:
    """Whether it counts."""
    answer = await porchlight.ask(SUBMIT, {"input": {"score": score, **more}}, token=person.access_token)
    accepted: bool = answer["submitFeedback"]["accepted"]
    return accepted


async def stored(porchlight: Porchlight) -> list[tuple[Any, ...]]:
    """The answers that count."""
    with porchlight.app.database.bound():
        rows: Any = await Feedback.all().order_by("id").values_list("user_id", "score", "comment", "surface", "at")
    return list(rows)


async def test_anonymous_callers_say_nothing(porchlight: Porchlight) -> None:
    """Who says how satisfied they are is somebody."""
    assert await porchlight.codes(SUBMIT, {"input": {"score": 5}}) == ["UNAUTHENTICATED"]
    assert await stored(porchlight) == []


async def test_one_answer_a_person_and_window(porchlight: Porchlight, clock: ManualClock) -> None:
    """The first one counts; the same one told again is accepted, any other one is not; the next window is a new one."""
    person, other = await porchlight.register(), await porchlight.register("grace@example.com")
    assert await submit(porchlight, person, 4, comment="  Good,\r\n\tmostly. ", surface="settings")
    assert await submit(porchlight, person, 4, comment="Good,\n\tmostly.", surface="settings")
    assert not await submit(porchlight, person, 5, comment="Good,\n\tmostly.", surface="settings")
    assert await submit(porchlight, other, 1, comment=" ")
    with porchlight.app.database.bound():
        for moment, counts in ((LATER - timedelta(seconds=1), False), (timedelta(seconds=1), True)):
            await clock.advance(moment)
            assert await feedback.submit(porchlight.app, person.user_id, Answer(5)) is counts
    assert await stored(porchlight) == [
        (person.user_id, 4, "Good,\n\tmostly.", "settings", START),
        (other.user_id, 1, None, None, START),
        (person.user_id, 5, None, None, START + LATER),
    ]
    with porchlight.app.database.bound():
        events = await Event.filter(name="feedback.submitted").order_by("id")
    assert [(event.user_id, event.properties) for event in events] == [
        (person.user_id, {"score": 4, "surface": "settings"}),
        (other.user_id, {"score": 1, "surface": None}),
        (person.user_id, {"score": 5, "surface": None}),
    ]


@pytest.mark.parametrize(
    "given",
    [
        {"score": 0},
        {"score": 6},
        {"score": -(2**31)},
        {"score": 5, "comment": "x" * 2001},
        {"score": 5, "comment": "a\0b"},
        {"score": 5, "surface": ""},
        {"score": 5, "surface": "x" * 65},
        {"score": 5, "surface": "Settings page"},
    ],
)
def test_answers_are_bounded(given: dict[str, Any]) -> None:
    """Scores from 1 to 5, comments of 2,000 characters, names of places."""
    with pytest.raises(BadUserInput):
        Answer(**given)
    assert Answer(5, "e\u0301" * 2000, "a" * 64).comment == "\u00e9" * 2000


async def test_ten_answers_at_once_are_one(porchlight: Porchlight) -> None:
    """The database sees to it, and one event is written."""
    person = await porchlight.register()
    answers = await asyncio.gather(*(submit(porchlight, person, 1 + number % 5) for number in range(10)))
    assert answers.count(True) == 2  # the first one, and the other one that says the same
    assert len(await stored(porchlight)) == 1
    with porchlight.app.database.bound():
        assert await Event.filter(name="feedback.submitted").count() == 1
    assert await porchlight.codes(SUBMIT, {"input": {"score": 9}}, token=person.access_token) == ["BAD_USER_INPUT"]


async def test_answers_of_nobody_are_not_found(porchlight: Porchlight) -> None:
    """When an account is deleted while it answers."""
    with porchlight.app.database.bound(), pytest.raises(NotFound):
        await feedback.submit(porchlight.app, 999, Answer(5))


async def test_known_numbers_of_queries(porchlight: Porchlight) -> None:
    """The viewer, the answer and its event; told again, the viewer, the try, and a look at what stands."""
    person = await porchlight.register()
    for count in (3, 3):
        with porchlight.counting_queries() as statements:
            await submit(porchlight, person, 5)
        assert len(statements) == count, statements


async def test_who_is_asked_and_answers(porchlight: Porchlight) -> None:
    """Through the front door: two are asked, twice each, and one of them says how satisfied they are."""
    people = [await porchlight.register(f"{name}@gmail.com") for name in ("ada", "grace")]
    prompted = [
        {"name": "feedback.prompted", "properties": {"surface": "settings"}, "idempotencyKey": f"{n}"} for n in (1, 2)
    ]
    for person in people:
        told = await porchlight.ask(TRACK, {"events": prompted}, token=person.access_token)
        assert told["trackEvents"] == {"accepted": 2}
    answer = {"input": {"score": 4, "surface": "settings"}}
    assert (await porchlight.ask(SUBMIT, answer, token=people[0].access_token))["submitFeedback"] == {"accepted": True}
    await porchlight.app.measuring.flush()
    analyst = await staff(porchlight, Role.ANALYST)
    found = {kpi["key"]: kpi for kpi in (await porchlight.ask(KPIS, token=analyst.access_token))["kpis"]}
    nothing_yet = {"verdict": "NOT_ENOUGH_DATA"}
    assert found["satisfaction"] == {
        "key": "satisfaction", "value": 4.0, "sampleSize": 1, "pending": 0, "responseRate": 0.5, **nothing_yet
    }  # fmt: skip
    assert found["onboarding_completion"] == {
        "key": "onboarding_completion", "value": None, "sampleSize": 0, "pending": 2, "responseRate": None,
        **nothing_yet,
    }  # fmt: skip
    assert (found["availability"]["value"], found["availability"]["sampleSize"]) == (1.0, 5)
    assert found["latency_p95"]["value"] in BUCKETS_MS
