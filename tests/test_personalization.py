"""What deeds are recorded and when, and saying no: to what is kept, to what it is used for, or to both."""

import asyncio

import pytest

from adapters.embeddings import Space
from core.settings import Settings
from models import AuditEvent, Interaction, InteractionKind, Interest, InterestSource, OnboardingStep
from services.recommendations import embed_interests, learn
from services.recommendations.profile import profile_of
from tests.porchlight import Person, Porchlight
from tests.test_profile import SET, Other, event, interests, items_in, record

SAY = """
mutation($enabled: Boolean!, $erase: Boolean) {
  setPersonalization(enabled: $enabled, erase: $erase) { personalization }
}
"""
RECORD = "mutation($e: [InteractionInput!]!) { recordInteractions(interactions: $e) { accepted } }"


@pytest.fixture(name="settings")
def stocked(stocked_settings: Settings) -> Settings:
    """The tests of this file run over the catalogue."""
    return stocked_settings


async def say(porchlight: Porchlight, person: Person, *, enabled: bool, erase: bool | None = None) -> None:
    data = await porchlight.ask(SAY, {"enabled": enabled, "erase": erase}, token=person.access_token)
    assert data == {"setPersonalization": {"personalization": enabled}}


async def test_late_deeds_take_their_place(porchlight: Porchlight) -> None:
    """By when they happened, in whichever order they come; before 90 days ago is 90 days ago. One key is one deed."""
    person, app = await porchlight.register(), porchlight.app
    first, second, third, old = await items_in(porchlight, "cooking", 4)
    told = [
        event(third, occurredAt="2026-03-02T08:00:00Z", idempotencyKey="k"),
        event(third, "DISLIKE", occurredAt="2026-03-02T08:30:00Z", idempotencyKey="k"),
        event(old, occurredAt="0001-01-01T00:00:00+14:00"),
    ]
    assert await record(porchlight, person, *told) == {"accepted": 2, "duplicates": 1, "ignored": 0}
    late = [
        event(first, occurredAt="2026-03-02T07:00:00Z"),
        event(second, "DISLIKE", occurredAt="2026-02-01T00:00:00Z"),
    ]
    await record(porchlight, person, *late)
    await record(porchlight, person, event(second, occurredAt="2026-01-01T00:00:00Z"))
    with app.database.bound():
        profile = await profile_of(app, person.user_id)
        moment = (await Interaction.get(item_id=old.id)).occurred_at.isoformat()
    assert [signal.item_id for signal in profile.history] == [third.id, first.id, old.id]
    assert profile.refused == {second.id}
    assert moment == "2025-12-02T09:00:00+00:00"


@pytest.mark.parametrize(
    "wrong",
    [{"idempotencyKey": ""}, {"idempotencyKey": "a\0"}, {"recommendationId": ""}, {"recommendationId": "a b\0"}],
)
async def test_odd_keys_are_refused(porchlight: Porchlight, wrong: dict[str, str]) -> None:
    """And nothing of the batch is kept."""
    person = await porchlight.register()
    [item] = await items_in(porchlight, "cooking", 1)
    events = [event(item), event(item, **wrong)]
    assert await porchlight.codes(RECORD, {"e": events}, token=person.access_token) == ["BAD_USER_INPUT"]
    with porchlight.app.database.bound():
        assert await Interaction.all().count() == 0


async def test_no_stops_keeping_and_using(porchlight: Porchlight) -> None:
    """Refusals alone are kept and heeded; a statement is kept and waits. A yes finds what was there before the no."""
    person, app = await porchlight.register(), porchlight.app
    saved = await items_in(porchlight, "cooking", 4)
    await record(porchlight, person, *map(event, saved[:2]))
    await say(porchlight, person, enabled=False)
    await say(porchlight, person, enabled=False)
    answer = await record(porchlight, person, event(saved[2]), event(saved[3], "DISLIKE"))
    assert answer == {"accepted": 1, "duplicates": 0, "ignored": 1}
    assert await record(porchlight, person, event(saved[2])) == {"accepted": 0, "duplicates": 0, "ignored": 1}
    await porchlight.ask(SET, {"topics": ["tea"]}, token=person.access_token)
    with app.database.bound():
        assert await learn(app, person.user_id, [("maps", 1.0)], InterestSource.IMAGE) == []
        profile = await profile_of(app, person.user_id)
        assert (profile.personalized, profile.interests, profile.history, profile.medoids) == (False, (), (), ())
        assert not profile.met
        assert profile.refused == {saved[3].id}
        assert await OnboardingStep.filter(step="open-recommendation").count() == 1
    assert await interests(porchlight, person) == [("tea", "STATED"), ("cooking", "BEHAVIOR")]
    await say(porchlight, person, enabled=True)
    with app.database.bound():
        profile = await profile_of(app, person.user_id)
        told = await AuditEvent.filter(action="account.personalization_changed").order_by("id")
    assert [signal.item_id for signal in profile.history] == [saved[1].id, saved[0].id]
    assert [each.topic for each in profile.interests] == ["tea", "cooking"]
    assert [(each.actor_id, each.data) for each in told] == [
        (person.user_id, {"enabled": False, "erased": False}), (person.user_id, {"enabled": True, "erased": False}),
    ]  # fmt: skip


async def test_no_topic_goes_to_a_vendor_after_a_no(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither by a statement nor by the job for another space; of who said yes, a statement's own topics alone."""
    person, other = await porchlight.register(), await porchlight.register("grace@example.com")
    app, statement, job = porchlight.app, Other(), Other()
    with app.database.bound():
        for each in (person, other):
            await learn(app, each.user_id, [("maps", 1.0)], InterestSource.IMAGE)
    await say(porchlight, person, enabled=False)
    monkeypatch.setattr(type(app), "embeddings", statement)
    await porchlight.ask(SET, {"topics": ["tea"]}, token=person.access_token)
    assert statement.texts == []
    await porchlight.ask(SET, {"topics": ["wine"]}, token=other.access_token)
    assert statement.texts == ["wine"]
    monkeypatch.undo()
    job.space = Space("another", 2, "1")
    with app.database.bound():
        await embed_interests(app, job)
    assert sorted(job.texts) == ["maps", "wine"]


async def test_what_was_learnt_is_forgotten_on_demand(porchlight: Porchlight) -> None:
    """Deeds, and topics of any source, whether one says no or yes; not what was stated, refused or erased."""
    person, other = await porchlight.register(), await porchlight.register("grace@example.com")
    app = porchlight.app
    saved = await items_in(porchlight, "cooking")
    for each in (person, other):
        await record(porchlight, each, *map(event, saved[:2]), event(saved[2], "DISMISS"))
        await porchlight.ask(SET, {"topics": ["tea"]}, token=each.access_token)
        with app.database.bound():
            await learn(app, each.user_id, [("maps", 1.0)], InterestSource.IMAGE)
        await porchlight.ask('mutation { removeInterest(topic: "wine") { topic } }', token=each.access_token)
    for enabled in (False, True):
        await say(porchlight, person, enabled=enabled, erase=True)
        with app.database.bound():
            assert [row.kind for row in await Interaction.filter(user_id=person.user_id)] == [InteractionKind.DISMISS]
            rows = await Interest.filter(user_id=person.user_id).order_by("topic")
            assert [(row.topic, row.erased_at is None) for row in rows] == [("tea", True), ("wine", False)]
            assert await Interaction.filter(user_id=other.user_id).count() == 3
            assert await Interest.filter(user_id=other.user_id).count() == 4
    await say(porchlight, person, enabled=True)
    with app.database.bound():
        assert await AuditEvent.filter(action="account.personalization_changed").count() == 2


async def test_what_comes_with_a_no_is_before_it_or_not_kept(porchlight: Porchlight) -> None:
    """Batches that are under way while the no is said: afterwards nothing of them is there."""
    person = await porchlight.register()
    saved = await items_in(porchlight, "cooking")
    await asyncio.gather(
        *(record(porchlight, person, *map(event, saved)) for _ in range(6)),
        say(porchlight, person, enabled=False, erase=True),
        *(record(porchlight, person, *map(event, saved)) for _ in range(6)),
    )
    with porchlight.app.database.bound():
        assert await Interaction.all().count() == 0
        assert await Interest.all().count() == 0


async def test_only_the_owner_says_so(porchlight: Porchlight) -> None:
    """Nobody without a token; everybody is personalized until they say no."""
    person = await porchlight.register()
    assert await porchlight.codes(SAY, {"enabled": False}) == ["UNAUTHENTICATED"]
    assert await porchlight.ask("{ me { personalization } }", token=person.access_token) == {
        "me": {"personalization": True}
    }
