"""What servers under test do once and not in each test: each of thousands of tests starts one."""

import gc
from collections.abc import Callable, Generator
from contextlib import contextmanager
from copy import copy
from itertools import product
from typing import Any

import pytest
from tortoise.apps import Apps
from tortoise.models import MetaInfo

from adapters.database import Database
from models import ScheduleRun
from services import app, schedule
from tests.clock import START
from worker.schedule import SCHEDULE

CHANGED = ("filters", "db_native_fields", "db_default_fields", "db_complex_fields")
"""What Tortoise makes of a model for one dialect, in a dictionary and lists that it fills again for the next one."""
BUILT = ("basetable", "basequery", "basequery_all_fields", *CHANGED)
"""All of what it makes of a model for one dialect."""


async def begin(url: str) -> None:
    """Let the schedule of a migrated database have begun at START: its first jobs have long been done."""
    database = Database(url)
    await database.open()
    try:
        with database.bound():
            await ScheduleRun.bulk_create(
                ScheduleRun(
                    kind=each.kind, every=int(each.every.total_seconds()), slot_at=schedule.slot_of(START, each.every)
                )
                for each in SCHEDULE
            )
    finally:
        await database.close()


def read_once(patch: pytest.MonkeyPatch) -> None:
    """Each file of declarations that an app reads at its start is read once: nobody changes what it says."""
    for name in ("read_catalogue", "read_flags", "read_intents", "read_prices", "read_rules"):
        patch.setattr(app, name, _kept(getattr(app, name)))


def _kept(read: Callable[..., Any]) -> Callable[..., Any]:
    found: list[tuple[dict[str, Any], Any]] = []

    def reading(*path: Any, **told: Any) -> Any:
        if path:  # a file of a test
            return read(*path, **told)
        if not found or found[0][0] != told:
            found[:] = [(told, read(**told))]
        return found[0][1]

    return reading


def built_once(patch: pytest.MonkeyPatch) -> None:
    """Tortoise makes its queries and filters once for a dialect and a set of models, whatever connects afterwards."""
    kept: dict[Any, list[tuple[MetaInfo, dict[str, Any]]]] = {}
    build = Apps._build_initial_querysets

    def building(apps: Apps) -> None:
        metas = [model._meta for models in apps.apps.values() for model in models.values()]
        key = (metas[0].db.query_class, *(meta._model for meta in metas))
        if key not in kept:
            for meta, name in product(metas, CHANGED):
                setattr(meta, name, copy(getattr(meta, name)))
            build(apps)
            kept[key] = [(meta, {name: getattr(meta, name) for name in BUILT}) for meta in metas]
        for meta, built in kept[key]:
            for name, value in built.items():
                setattr(meta, name, value)

    patch.setattr(Apps, "_build_initial_querysets", building)


@contextmanager
def looked_through_once() -> Generator[None]:
    """Python's look for cycles passes over what there is now: it took a tenth of the time that tests take."""
    thresholds = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
