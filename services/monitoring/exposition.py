"""All figures as Prometheus reads them: of this process, of those beside it, and of what they share."""

from __future__ import annotations

import asyncio
import re
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from prometheus_client import Metric

    from services.app import App

CONTENT_TYPE = CONTENT_TYPE_LATEST
TURN = 0.002
"""Seconds of writing after which others have a turn. Each turn may take them long: more would keep a scrape waiting."""
_SAMPLE = re.compile(rb"^([A-Za-z_:][A-Za-z0-9_:]*)(\{)?", re.MULTILINE)
_FAMILY = re.compile(rb"^# HELP ", re.MULTILINE)


class _One(Collector):
    """A registry of one family."""

    def __init__(self, family: Metric) -> None:
        self._family = family

    def collect(self) -> Iterable[Metric]:
        return (self._family,)


async def own(app: App) -> bytes:
    """The figures of this process alone. Writing them takes some ten milliseconds, so others have turns meanwhile."""
    told, begun = [], monotonic()
    for family in app.metrics.registry.collect():
        told.append(generate_latest(_One(family)))
        if monotonic() - begun >= TURN:
            await asyncio.sleep(0)
            begun = monotonic()
    return b"".join(told)


async def exposition(app: App) -> bytes:
    """Prometheus text. With several processes each sample of theirs has the label `process`; the rest has none."""
    shared = await app.stored.exposition(app)
    if app.siblings is None:
        return await own(app) + shared
    told = await app.siblings.ask_all()
    together = await asyncio.to_thread(merged, told)
    return together + shared + _answering(len(told), app.settings.workers)


def merged(texts: Mapping[str, bytes]) -> bytes:
    """Several processes' texts as one, in which each family stands once, as the format wants it."""
    families: dict[bytes, list[bytes]] = {}
    for process, text in texts.items():
        for family in _FAMILY.split(text)[1:]:
            title, kind, samples = family.split(b"\n", 2)
            known = families.setdefault(title.split(b" ", 1)[0], [b"# HELP %s\n%s\n" % (title, kind)])
            known.append(_SAMPLE.sub(partial(_labelled, process.encode()), samples))
    return b"".join(part for family in families.values() for part in family)


def _labelled(process: bytes, sample: re.Match[bytes]) -> bytes:
    return b'%s{process="%s"%s' % (sample[1], process, b"," if sample[2] else b"}")


def _answering(answering: int, expected: int) -> bytes:
    """How many processes there are, and how many should be."""
    return (
        b"# HELP porchlight_processes Processes of this server: answering now, and expected.\n"
        b"# TYPE porchlight_processes gauge\n"
        b'porchlight_processes{state="answering"} %d.0\nporchlight_processes{state="expected"} %d.0\n'
        % (answering, expected)
    )
