"""A database full of people and items, the same in each run but for its times."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.operations import PASSWORD, SEED
from models.accounts import Role, User
from models.jobs import Job
from models.recommendations import (
    Interaction,
    InteractionKind,
    Interest,
    InterestSource,
    InterestVector,
    Item,
    ItemVector,
)
from models.sessions import Session
from models.trials import Trial
from services import recommendations, sessions
from services.app import App
from services.recommendations.entries import normalised

BATCH = 200
CATEGORIES = ("baking", "climbing", "drawing", "first-aid", "gardening", "guitar", "history", "knots", "maps", "stars")
TOPICS = ("slow mornings", "things to build with wood", "a garden for bees", "songs by the fire", "winter hikes")
WORDS = ("oak", "bread", "river", "chord", "compass", "lantern", "thread", "kettle", "orchard", "summit", "atlas")
STATED = 3
"""Interests of each person: two categories and one in their own words."""
REFUSED = 2
"""Items that each person has put aside."""
NEARNESS = 0.5
"""How much of an item's or an interest's direction is that of its category."""


@dataclass(frozen=True)
class Seeded:
    """Who is there: access tokens, and the addresses that sign in with PASSWORD."""

    tokens: list[str]
    emails: list[str]


async def seed(app: App, *, people: int, items: int) -> Seeded:
    """Write everything straight into the rows of an open app whose database is empty."""
    random = np.random.default_rng(SEED)
    await _leave_the_catalogue_out(app)
    directions = {name: random.standard_normal(app.embeddings.space.dimension) for name in (*CATEGORIES, *TOPICS)}
    await _items(app, random, directions, items)
    users = await _users(app, people)
    await _interests(app, random, directions, users)
    await _refusals(app, random, users, items)
    begun = await Session.all().order_by("id")
    return Seeded([sessions.tokens_of(app, session).access_token for session in begun], [user.email for user in users])


async def _leave_the_catalogue_out(app: App) -> None:
    """Mark the catalogue as brought in, so that the server does not put it in place of what is seeded."""
    await recommendations.announce(app)
    await Job.filter(kind=recommendations.PREPARE).update(due_at=None, done_at=app.clock.now())


async def _items(app: App, random: np.random.Generator, directions: dict[str, NDArray[Any]], count: int) -> None:
    now, space = app.clock.now(), app.embeddings.space
    rows = []
    for number in range(1, count + 1):
        category = CATEGORIES[number % len(CATEGORIES)]
        words = random.choice(WORDS, 24).tolist()
        title, summary = " ".join(words[:4]).capitalize(), " ".join(words[4:21]).capitalize() + "."
        row = Item(key=f"item-{number}", position=number, category=category, title=title, summary=summary)
        row.tags, row.search, row.created_at = words[21:], normalised(f"{title} {summary} {category}"), now
        rows.append(row)
    await Item.bulk_create(rows, batch_size=BATCH)
    vectors = [
        ItemVector(
            item_id=row.id,
            model=space.model,
            dimension=space.dimension,
            version=space.version,
            content="",
            vector=_near(directions[row.category], random),
        )
        for row in await Item.all().order_by("position")
    ]
    await ItemVector.bulk_create(vectors, batch_size=BATCH)


async def _users(app: App, count: int) -> list[User]:
    now = app.clock.now()
    password_hash = await app.passwords.hash(PASSWORD)
    emails = [f"person{number}@example.com" for number in range(1, count + 1)]
    rows = [
        User(email=email, email_key=email, password_hash=password_hash, role=Role.USER, created_at=now)
        for email in emails
    ]
    await User.bulk_create(rows, batch_size=BATCH)
    users = await User.filter(email__in=emails).order_by("id")
    began = [
        Session(
            key=f"{user.id:032x}",
            user_id=user.id,
            salt=bytes(16),
            counter=1,
            seen_counter=1,
            last_seen_at=now,
            created_at=now,
            rotated_at=now,
            expires_at=now + sessions.ABSOLUTE_LIFETIME,
        )
        for user in users
    ]
    await Session.bulk_create(began, batch_size=BATCH)
    trials = [
        Trial(
            user_id=user.id, person_key=user.email, plan_key=app.catalogue.trial_plan.key, started_at=now,
            ends_at=now + timedelta(days=14),
        )
        for user in users
    ]  # fmt: skip
    await Trial.bulk_create(trials, batch_size=BATCH)
    return users


async def _interests(
    app: App, random: np.random.Generator, directions: dict[str, NDArray[Any]], users: list[User]
) -> None:
    now, space = app.clock.now(), app.embeddings.space
    rows = [
        Interest(
            user_id=user.id,
            topic=topic,
            topic_key=topic,
            category=topic if topic in CATEGORIES else None,
            weight=1.0,
            source=InterestSource.STATED,
            created_at=now,
        )
        for user in users
        for topic in (*random.choice(CATEGORIES, STATED - 1, replace=False).tolist(), str(random.choice(TOPICS)))
    ]
    await Interest.bulk_create(rows, batch_size=BATCH)
    vectors = [
        InterestVector(
            interest_id=row.id,
            model=space.model,
            dimension=space.dimension,
            version=space.version,
            vector=_unit(directions[row.topic]),  # the same words have the same vector
        )
        for row in await Interest.all().order_by("id")
    ]
    await InterestVector.bulk_create(vectors, batch_size=BATCH)


async def _refusals(app: App, random: np.random.Generator, users: list[User], items: int) -> None:
    now = app.clock.now()
    ids = await Item.all().limit(items).values_list("id", flat=True)
    rows = [
        Interaction(
            user_id=user.id,
            item_id=item_id,
            kind=InteractionKind.DISLIKE,
            idempotency_key=f"seeded-{item_id}",
            batch="seeded",
            occurred_at=now,
            created_at=now,
        )
        for user in users
        for item_id in random.choice(ids, REFUSED, replace=False).tolist()
    ]
    await Interaction.bulk_create(rows, batch_size=BATCH)


def _near(direction: NDArray[Any], random: np.random.Generator) -> bytes:
    """A unit vector not far from `direction`, as rows keep it."""
    vector = NEARNESS * direction + (1 - NEARNESS) * random.standard_normal(len(direction))
    return _unit(vector)


def _unit(vector: NDArray[Any]) -> bytes:
    direction: bytes = (vector / np.linalg.norm(vector)).astype(np.float32).tobytes()
    return direction
