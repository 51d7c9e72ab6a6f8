"""First steps: done by facts or by word, each once, and complete when nothing is left."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from core.cursors import encode_id
from core.errors import NotFound
from models import Event, Item, OnboardingStep, Purpose, Role
from services import onboarding, one_time_tokens
from tests.clock import START, ManualClock
from tests.porchlight import Person, Porchlight
from tests.staff import staff

MINE = "{ me { onboarding { steps { key done } progress completedAt } } }"
COMPLETE = "mutation($key: String!) { completeOnboardingStep(key: $key) { steps { key done } progress completedAt } }"
INTERESTS = "mutation($topics: [String!]!) { setInterests(topics: $topics) { topic } }"
INTERACT = "mutation($all: [InteractionInput!]!) { recordInteractions(interactions: $all) { accepted } }"
VERIFY = "mutation($token: String!) { verifyEmail(token: $token) { __typename } }"


async def mine(porchlight: Porchlight, person: Person) -> tuple[set[str], float, str | None]:
    """Which steps are done, the progress, and since when nothing is left."""
    told = (await porchlight.ask(MINE, token=person.access_token))["me"]["onboarding"]
    return {step["key"] for step in told["steps"] if step["done"]}, told["progress"], told["completedAt"]


async def interact(porchlight: Porchlight, person: Person, *kinds: str) -> None:
    """Do something with the one item that there is."""
    values: Any = {"position": 1, "category": "c", "title": "t", "summary": "s", "tags": [], "search": "t"}
    with porchlight.app.database.bound():
        item, _ = await Item.get_or_create(key="k", defaults={**values, "created_at": START})
    told = [{"itemId": encode_id("Item", item.id), "kind": kind} for kind in kinds]
    await porchlight.ask(INTERACT, {"all": told}, token=person.access_token)


async def prove(porchlight: Porchlight, person: Person) -> None:
    """Open the link of the letter that asks for it."""
    mine: Any = {"user_id": person.user_id, "address": person.email}
    with porchlight.app.database.bound():
        token = await one_time_tokens.issue(porchlight.app, Purpose.VERIFY_EMAIL, lifetime=timedelta(hours=1), **mine)
    assert (await porchlight.ask(VERIFY, {"token": token}))["verifyEmail"]["__typename"] == "VerifyEmailSuccess"


async def told_of(porchlight: Porchlight, user_id: int) -> list[tuple[str, str | None]]:
    """The events of somebody's onboarding."""
    with porchlight.app.database.bound():
        rows = await Event.filter(user_id=user_id, name__startswith="onboarding.").order_by("id")
    return [(row.name, row.properties.get("step")) for row in rows]


async def test_nobody_else_sees_or_does_steps(porchlight: Porchlight) -> None:
    """The anonymous caller is asked to sign in; another person finds nobody; the staff that may sees."""
    assert await porchlight.codes(COMPLETE, {"key": "take-tour"}) == ["UNAUTHENTICATED"]
    person, other = await porchlight.register(), await porchlight.register("grace@example.com")
    support = await staff(porchlight, Role.SUPPORT)
    query = "query($id: ID!) { node(id: $id) { ... on User { onboarding { progress } } } }"
    given = {"id": person.registered["user"]["id"]}
    assert await porchlight.ask(query, given, token=other.access_token) == {"node": None}
    assert (await porchlight.ask(query, given, token=support.access_token))["node"]["onboarding"] == {"progress": 0.0}


async def test_steps_are_done_by_what_they_ask_for(porchlight: Porchlight, clock: ManualClock) -> None:
    """Each once, with an event, and the one that leaves nothing completes it; what is done stays so."""
    person = await porchlight.register()
    assert await mine(porchlight, person) == (set(), 0.0, None)
    await porchlight.ask(INTERESTS, {"topics": []}, token=person.access_token)
    await interact(porchlight, person, "VIEW", "DISLIKE")
    assert await mine(porchlight, person) == (set(), 0.0, None)
    await prove(porchlight, person)
    await interact(porchlight, person, "VIEW", "CLICK")
    done, progress, completed_at = await mine(porchlight, person)
    assert (done, completed_at) == ({"verify-email", "open-recommendation"}, None)
    assert progress == pytest.approx(2 / 3)
    await clock.advance(timedelta(minutes=2))
    await porchlight.ask(INTERESTS, {"topics": ["walks"]}, token=person.access_token)
    whole = ({"verify-email", "open-recommendation", "choose-interests"}, 1.0, "2026-03-02T09:02:00+00:00")
    assert await mine(porchlight, person) == whole
    await clock.advance(timedelta(minutes=2))
    await porchlight.ask(INTERESTS, {"topics": []}, token=person.access_token)
    await interact(porchlight, person, "CLICK")
    assert await mine(porchlight, person) == whole
    assert await told_of(porchlight, person.user_id) == [
        ("onboarding.step_completed", "verify-email"),
        ("onboarding.step_completed", "open-recommendation"),
        ("onboarding.step_completed", "choose-interests"),
        ("onboarding.completed", None),
    ]


async def test_a_step_without_a_fact_is_told(porchlight: Porchlight) -> None:
    """Once; it is optional, so it completes nothing. Others cannot be claimed, and what is none is refused."""
    person = await porchlight.register()
    for _ in range(2):
        told = await porchlight.ask(COMPLETE, {"key": "take-tour"}, token=person.access_token)
        assert told["completeOnboardingStep"] == {
            "steps": [{"key": step.key, "done": step.key == "take-tour"} for step in onboarding.STEPS],
            "progress": 0.0,
            "completedAt": None,
        }
    for key in ("verify-email", "nothing", ""):
        assert await porchlight.codes(COMPLETE, {"key": key}, token=person.access_token) == ["BAD_USER_INPUT"]
    assert await told_of(porchlight, person.user_id) == [("onboarding.step_completed", "take-tour")]
    await prove(porchlight, person)
    told = await porchlight.ask(COMPLETE, {"key": "verify-email"}, token=person.access_token)
    assert told["completeOnboardingStep"]["progress"] == pytest.approx(1 / 3)


async def test_last_steps_at_once_complete_it_once(porchlight: Porchlight) -> None:
    """Whoever is second sees what the first one has done, however close they are."""
    people = [await porchlight.register(f"p{number}@example.com") for number in range(4)]
    for person in people:
        await prove(porchlight, person)
    await interact(porchlight, people[0], "VIEW")
    asks = [
        *(interact(porchlight, person, kind) for person in people for kind in ("CLICK", "SAVE")),
        *(porchlight.ask(INTERESTS, {"topics": ["walks"]}, token=person.access_token) for person in people),
    ]
    await asyncio.gather(*asks)
    for person in people:
        assert sorted(await told_of(porchlight, person.user_id), key=str) == [
            ("onboarding.completed", None),
            *(
                ("onboarding.step_completed", key)
                for key in ("choose-interests", "open-recommendation", "verify-email")
            ),
        ]


async def test_a_step_of_nobody_is_not_found(porchlight: Porchlight) -> None:
    """When an account is deleted while it tells of a step."""
    with porchlight.app.database.bound():
        with pytest.raises(NotFound):
            await onboarding.tell(porchlight.app, 999, "take-tour")
        assert await OnboardingStep.all().count() == 0


async def test_known_numbers_of_queries(porchlight: Porchlight) -> None:
    """Telling of a step, telling of it again, and the steps of many in one query."""
    person, support = await porchlight.register(), await staff(porchlight, Role.SUPPORT)
    for count in (6, 3):
        with porchlight.counting_queries() as statements:
            await porchlight.ask(COMPLETE, {"key": "take-tour"}, token=person.access_token)
        assert len(statements) == count, statements
    with porchlight.counting_queries() as statements:
        await porchlight.ask(
            "{ users(first: 9) { edges { node { onboarding { progress } } } } }", token=support.access_token
        )
    assert len([each for each in statements if "onboarding_steps" in each]) == 1
