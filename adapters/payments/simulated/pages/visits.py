"""What a page is asked and answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from adapters.payments.simulated.store import Docs

PREFIX = "/simulated-stripe"


class ProblemError(Exception):
    """What the visitor has to know before they try again. Nothing of what they asked for was done."""


@dataclass(frozen=True)
class Visit:
    """One request: the id in its address, and its form. Whatever is done to the documents is one transaction."""

    docs: Docs
    id: str
    form: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Shown:
    """A page. `leads_to` are the addresses elsewhere that its form may end at."""

    template: str
    values: dict[str, Any]
    status: int = HTTPStatus.OK
    leads_to: tuple[str | None, ...] = ()


@dataclass(frozen=True)
class Moved:
    """On to another address, by GET."""

    address: str


Answer = Shown | Moved


@dataclass(frozen=True)
class Place:
    """An address: what it shows, what its form does, and what shows the problem when that cannot be done."""

    pattern: str
    show: Callable[[Visit], Answer]
    act: Callable[[Visit], Answer]
    again: Callable[[Visit], Answer]


def notice(title: str, sentence: str, link: str | None = None, status: int = HTTPStatus.OK) -> Shown:
    """A page that says one thing, and leads on."""
    return Shown("notice.html", {"title": title, "sentence": sentence, "link": link}, status)


def unknown() -> Shown:
    """There is nothing at this address."""
    return notice("Nothing here", "This page does not exist, or not any more.", status=HTTPStatus.NOT_FOUND)
