"""Asking how flags stand for somebody who acts on the answer, which makes it an exposure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from adapters.flags import Reason

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from models.accounts import User
    from services.app import App
    from services.flags.declaring import Flag


@dataclass(frozen=True)
class Standing:
    """How a flag stands for somebody."""

    key: str
    enabled: bool
    variant: str | None


async def standing(
    app: App, user: User | None, plan: Callable[[], Awaitable[str]], keys: Sequence[str] | None = None
) -> list[Standing]:
    """How flags stand for a user or for who is nobody known: those of `keys` that there are, or all of them.

    `plan` gives the key of the user's plan; it is asked only when one of the flags is meant for plans. What the user
    may act on is noted as an exposure: where their bucket has decided, for or against.
    """
    declared = app.flags.declared
    chosen = (
        list(declared.values()) if keys is None else [declared[key] for key in dict.fromkeys(keys) if key in declared]
    )
    attributes = await _attributes(user, chosen, plan)
    return [await _met(app, flag, user, attributes) for flag in chosen]


async def is_on(app: App, key: str, user: User | None, plan: Callable[[], Awaitable[str]]) -> bool:
    """Whether a user has a flag; off when there is no such flag. It is an exposure."""
    return any(each.enabled for each in await standing(app, user, plan, [key]))


async def _attributes(user: User | None, flags: list[Flag], plan: Callable[[], Awaitable[str]]) -> dict[str, str]:
    if user is None:
        return {}
    attributes = {"role": str(user.role)}
    if any(flag.plans for flag in flags):
        attributes["plan"] = await plan()
    return attributes


async def _met(app: App, flag: Flag, user: User | None, attributes: dict[str, str]) -> Standing:
    resolution = await app.flags.evaluate(flag.key, None if user is None else str(user.id), attributes)
    if user is not None and flag.measured and resolution.reason is Reason.SPLIT:
        app.flags.exposures.note(user.id, flag.key, resolution, app.clock.now())
    return Standing(flag.key, resolution.enabled, resolution.variant)
