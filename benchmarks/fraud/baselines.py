"""Simple rules on the same stream, and controls: what the world gives away by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from ipaddress import ip_address, ip_network

from benchmarks.fraud.chance import Chance
from benchmarks.fraud.dev_families import APPS
from benchmarks.fraud.events import Result, Role, day_of
from benchmarks.fraud.figures import Point, area, point
from benchmarks.fraud.mailboxes import DISPOSABLE
from benchmarks.fraud.world import mailbox

LISTED = frozenset((*DISPOSABLE, *APPS))
"""A list that knows every disposable domain which anybody finds: better than any real one."""
PER_DEVICE = 3
TOO_EASY = 0.8
"""Share of later trials that no single signal may find by itself, at one false positive in a hundred."""
FEW = 0.01

Key = Callable[[Result], str | None]


def email_of(result: Result) -> str:
    """The mailbox behind an address."""
    return mailbox(result.attempt.email)


def mark_of(result: Result) -> str | None:
    """What a page computes of the machine."""
    return None if result.attempt.scripted else result.attempt.profile.machine.mark(day_of(result.event.at))


def profile_of(result: Result) -> str | None:
    """The browser profile, as a cookie tells it that is never cleared."""
    return None if result.attempt.scripted else str(id(result.attempt.profile))


def network_of(result: Result) -> str:
    """The /24 or /64."""
    bits = 24 if ip_address(result.attempt.ip).version == 4 else 64  # ruff: ignore[magic-value-comparison] -- IPv4
    return str(ip_network(f"{result.attempt.ip}/{bits}", strict=False))


def is_listed(result: Result) -> bool:
    """Whether the domain, or the one above it, is a disposable one on the list."""
    parts = result.attempt.email.rpartition("@")[2].split(".")
    return any(".".join(parts[start:]) in LISTED for start in range(len(parts) - 1))


SIGNALS: dict[str, tuple[Key, int]] = {
    "mailbox seen before": (email_of, 1),
    "card seen before": (lambda result: result.attempt.card, 1),
    "browser profile seen before": (profile_of, 1),
    "mark seen before": (mark_of, 1),
    "address seen before": (lambda result: result.attempt.ip, 1),
    "network seen before": (network_of, 1),
    "domain seen five times": (lambda result: result.attempt.email.rpartition("@")[2], 5),
}


def baselines(results: list[Result]) -> list[Point]:
    """Rules that products ship or that are published."""
    of_device = _seen(results, mark_of, PER_DEVICE)
    email, card = (_seen(results, *SIGNALS[name]) for name in ("mailbox seen before", "card seen before"))
    return [
        point("disposable list only", results, is_listed),
        point("three accounts per device", results, _in(of_device)),
        point("Polar: e-mail or card", results, _in(email | card)),
    ]


def single_signals(results: list[Result]) -> Iterator[Point]:
    """What each signal finds by itself, when everything is refused that shows it."""
    for name, (key, least) in SIGNALS.items():
        yield point(name, results, _in(_seen(results, key, least)))
    yield point("domain on a list", results, is_listed)


def too_easy(points: Iterable[Point]) -> list[str]:
    """Signals that find too much by themselves: with one, the figure would say little about an engine."""
    return [one.name for one in points if one.recall.value > TOO_EASY and one.false.value <= FEW]


def shuffled(results: list[Result], seed: int) -> tuple[Point, float]:
    """Decisions and the score's area when labels are dealt anew: what chance gives."""
    judged = [result for result in results if result.event.role in {Role.LATER, Role.OWED}]
    events = Chance(seed, "shuffle").shuffled([result.event for result in judged])
    dealt = [
        replace(result, event=replace(result.event, role=event.role, group=event.group))
        for result, event in zip(judged, events, strict=True)
    ]
    return point("labels shuffled", dealt, lambda result: not result.outcome.granted), area(dealt)


def _seen(results: list[Result], key: Key, least: int) -> set[int]:
    """Which results show a key that as many earlier ones have shown."""
    counts: Counter[str] = Counter()
    found = set()
    for result in results:
        value = key(result)
        if value is None:
            continue
        if counts[value] >= least:
            found.add(id(result))
        counts[value] += 1
    return found


def _in(found: set[int]) -> Callable[[Result], bool]:
    return lambda result: id(result) in found
