"""The jobs that fit, and the processes that follow: what is learnt, what is forgotten, what is refused."""

from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from core.settings import Settings
from models import CollaborativeModel, Interaction, InteractionKind, Item, User
from services.app import App
from services.recommendations import collaborative
from services.recommendations.collaborative import working
from tests.clock import ManualClock
from tests.conftest import Start
from tests.porchlight import Porchlight
from tests.services.valkey import until
from worker.schedule import SCHEDULE
from worker.tasks import TASKS


@dataclass(frozen=True)
class Seen:
    """An item of a history."""

    item_id: int
    weight: float = 1.0


@pytest.fixture(autouse=True)  # ruff: ignore[pytest-fixture-autouse] -- models are fitted when the tests say so
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers leave the jobs alone."""
    monkeypatch.setattr("server.working", lambda _: nullcontext())


@pytest.fixture(name="settings")
def stocked(stocked_settings: Settings) -> Settings:
    """The tests of this file run over the catalogue."""
    return stocked_settings


async def people(app: App, count: int) -> list[int]:
    """Numbers of so many new users."""
    now = app.clock.now()
    await User.bulk_create(
        [
            User(email=f"u{n}@example.com", email_key=f"u{n}@example.com", password_hash="-", created_at=now)
            for n in range(count)
        ]
    )
    return [user.id for user in await User.filter(email__startswith="u").order_by("id")]


async def happened(
    app: App, users: list[int], items: list[int], kind: InteractionKind = InteractionKind.SAVE, *, minutes: int = 0
) -> None:
    """Each of the users did so with each of the items, so long after now."""
    at = app.clock.now() + timedelta(minutes=minutes)
    key = f"{kind}:{minutes}"
    await Interaction.bulk_create(
        [
            Interaction(
                user_id=user, item_id=item, kind=kind, idempotency_key=f"{item}:{key}", batch="-", occurred_at=at,
                created_at=at,
            )
            for user in users
            for item in items
        ]
    )  # fmt: skip


async def item_ids() -> list[int]:
    found: Any = await Item.all().order_by("id").values_list("id", flat=True)
    return list(found)


def ranked(app: App, item: int) -> list[int]:
    return [each for each, _, _ in app.collaborative.rank([Seen(item)], limit=99)]


async def test_every_process_ranks_by_what_people_did(porchlight: Porchlight, start: Start, clock: ManualClock) -> None:
    """What several liked together, unless they refused it later; a screen says nothing, nor what left the catalogue."""
    app, other = porchlight.app, (await start()).app
    with app.database.bound():
        assert not app.collaborative.ready
        assert app.collaborative.rank([Seen(1)], limit=9) == []
        assert app.collaborative.popular(9) == []
        await collaborative.fit(app, {})
        assert await CollaborativeModel.all().count() == 0
        users, items = await people(app, 8), await item_ids()
        a, b, refused, viewed, gone, c, d = items[:7]
        await happened(app, users[:4], [a, b, refused, gone])
        await happened(app, users[:4], [viewed], InteractionKind.VIEW)
        await happened(app, users[:4], [refused], InteractionKind.DISMISS, minutes=1)
        await happened(app, users[4:], [c], InteractionKind.CLICK)
        await happened(app, users[4:], [d], InteractionKind.COMPLETE)
        await Item.filter(id=gone).update(retired_at=clock.now())
        await collaborative.fit(app, {})
        for each in (app, other):
            await until(lambda each=each: each.collaborative.ready)  # type: ignore[misc]
            assert ranked(each, a) == [b]
            assert ranked(each, d) == [c]
            assert [item for item, _ in each.collaborative.popular(9)] == [a, b, c, d]
            assert ranked(each, refused) == ranked(each, viewed) == ranked(each, gone) == []
        row = await CollaborativeModel.get()
        assert (row.kind, row.items, row.people, row.interactions) == ("ease", 4, 8, 24)
        assert row.fitted_at == clock.now()


async def test_who_leaves_is_forgotten_at_the_next_fit(porchlight: Porchlight) -> None:
    """Two of four are gone: too few are left to tell. With everybody gone nothing is known; two models are kept."""
    app = porchlight.app
    with app.database.bound():
        users, (a, b, *_) = await people(app, 4), await item_ids()
        await happened(app, users, [a, b])
        await collaborative.fit(app, {})
        await until(lambda: ranked(app, a) == [b])
        await User.filter(id__in=users[:2]).delete()
        await collaborative.fit(app, {})
        await until(lambda: ranked(app, a) == [])
        await User.filter(id__in=users).delete()
        await collaborative.fit(app, {})
        await until(lambda: not app.collaborative.ready)
        assert [row.people for row in await CollaborativeModel.all().order_by("id")] == [2, 0]


async def test_who_has_opted_out_teaches_nothing(porchlight: Porchlight) -> None:
    """From the next fit on: what three people did is too little without one of them."""
    app = porchlight.app
    with app.database.bound():
        users, items = await people(app, 3), (await item_ids())[:2]
        await happened(app, users, items)
        await collaborative.fit(app, {})
        await app.collaborative.load()
        assert ranked(app, items[0]) == [items[1]]
        await User.filter(id=users[0]).update(personalization=False)
        await collaborative.fit(app, {})
        await app.collaborative.load()
        assert ranked(app, items[0]) == []


async def test_what_cannot_be_read_is_refused_and_the_last_one_serves(porchlight: Porchlight, start: Start) -> None:
    """Damaged, of another format, or no model at all: logged once each, and a new process takes the one before."""
    app = porchlight.app
    with app.database.bound():
        users, (a, b, *_) = await people(app, 3), await item_ids()
        await happened(app, users, [a, b])
        await collaborative.fit(app, {})
        await until(lambda: app.collaborative.ready)
        good = await CollaborativeModel.get()
        told = {name: getattr(good, name) for name in good._meta.fields_map if name != "id"}
        nothing = {"content": b"nothing", "sha256": "26e4b5a3ac1c5e2ae4e9cf5f0b5f7f7b"}
        with capture_logs() as logs:
            await CollaborativeModel.create(**{**told, "format": 99})
            await app.collaborative.load()
            await CollaborativeModel.create(**{**told, **nothing})
            await app.collaborative.load()
            await app.collaborative.load()
            assert ranked(app, a) == [b]
            late = (await start()).app
            await until(lambda: late.collaborative.ready)
        refusals = [line["reason"] for line in logs if line["event"] == "collaborative.refused"]
        assert sorted(refusals) == sorted(2 * ["Its format is 99, ours 1.", "Its content is not what was written."])
        assert ranked(late, a) == [b]


async def test_content_that_is_no_model_is_refused(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where its hash is right; and a table that cannot be read leaves what was known, told once."""
    app = porchlight.app
    with app.database.bound():
        monkeypatch.setattr("services.recommendations.collaborative.following.LOOK_EVERY", 0.01)
        users, (a, b, *_) = await people(app, 3), await item_ids()
        await happened(app, users, [a, b])
        await collaborative.fit(app, {})
        await until(lambda: app.collaborative.ready)
        monkeypatch.setattr(working, "_fitted", lambda _: working.Fitted("ease", 1, 1, 1, b"nothing"))
        with capture_logs() as logs:
            await collaborative.fit(app, {})
            await until(lambda: any(line["event"] == "collaborative.refused" for line in logs))
        assert ranked(app, a) == [b]
        looks = 0

        async def failing() -> None:  # ruff: ignore[unused-async] -- it stands for one that waits
            nonlocal looks
            looks += 1
            raise OSError("The database does not answer.")

        monkeypatch.setattr(app.collaborative, "load", failing)
        with capture_logs() as logs:
            app.collaborative._stale.set()
            await until(lambda: looks >= 3)
        assert [line["reason"] for line in logs if line["event"] == "collaborative.not_read"] == [
            "The database does not answer."
        ]
        monkeypatch.undo()
        await until(lambda: not app.collaborative._lost)
        assert ranked(app, a) == [b]


async def test_a_model_is_fitted_when_enough_is_new(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred judgements, or a twentieth of what the last one knew; read in chunks, whatever their size."""
    app = porchlight.app
    with app.database.bound():
        monkeypatch.setattr(working, "CHUNK", 7)
        monkeypatch.setattr(working, "NEW_ENOUGH", 6)
        users, (a, b, c, *_) = await people(app, 3), await item_ids()
        await happened(app, users, [a, b, c], InteractionKind.VIEW)
        await happened(app, users[:2], [a, b])
        await collaborative.fit_when_worth_it(app, {})
        assert await CollaborativeModel.exists() is False
        await happened(app, users[2:], [a, b])
        await collaborative.fit_when_worth_it(app, {})
        await collaborative.fit_when_worth_it(app, {})
        assert [row.interactions for row in await CollaborativeModel.all()] == [6]
        await happened(app, users, [c, b], InteractionKind.CLICK)
        await collaborative.fit_when_worth_it(app, {})
        assert [row.interactions for row in await CollaborativeModel.all().order_by("id")] == [6, 12]
        await until(lambda: ranked(app, a) == [b, c])
        monkeypatch.setattr(working, "MOST_READ", 7)
        await collaborative.fit(app, {})
        assert (await CollaborativeModel.all().order_by("-id").first().values("interactions"))["interactions"] == 7


def test_both_jobs_are_scheduled() -> None:
    """Every hour, and a look every minute."""
    every = {each.kind: each.every for each in SCHEDULE}
    assert every[collaborative.FIT] == timedelta(hours=1)
    assert every[collaborative.LOOK] == timedelta(minutes=1)
    assert {collaborative.FIT, collaborative.LOOK} <= TASKS.keys()
