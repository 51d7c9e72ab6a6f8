"""The allow and deny lists: what the staff knows goes before what signals say, until it expires.

An entry keeps a keyed hash of what it names. A DENY weighs as one family of signals does; an ALLOW lets pass.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from core.emails import InvalidEmail, parse_email
from core.errors import BadUserInput, Forbidden
from core.networks import network_of
from models.fraud import FraudListEntry
from services import access, audit
from services.access import Permission
from services.audit import Action

if TYPE_CHECKING:
    from models.accounts import User
    from services.app import App
    from services.sessions import Client

LONGEST_DAYS = 365
MOST = 500
"""Entries that are shown at once."""
LONGEST_VALUE = 320


class ListKind(StrEnum):
    """What an entry names, by the name of the identifier that is compared."""

    PERSON = "PERSON"
    DOMAIN = "DOMAIN"
    NETWORK = "NETWORK"


class ListVerdict(StrEnum):
    """What an entry does."""

    ALLOW = "ALLOW"
    DENY = "DENY"


async def put(
    app: App,
    *,
    kind: ListKind,
    value: str,
    verdict: ListVerdict,
    reason: str,
    days: int,
    actor: User,
    client: Client,
) -> FraudListEntry:
    """Write an entry, in the place of the one that names the same. Raises Forbidden, BadUserInput."""
    _require(actor)
    if not 1 <= days <= LONGEST_DAYS:
        raise BadUserInput(f"days is from 1 to {LONGEST_DAYS}.")
    named, hint = normalised(kind, value)
    async with app.database.transaction():
        row = await keep(
            app, kind=kind, named=named, hint=hint, verdict=verdict, reason=reason, days=days, owner_id=actor.id
        )
        await _record(app, row, "put", actor, client)
    return row


async def let_pass(app: App, email: str, case_id: int, *, days: int, actor: User, client: Client) -> None:
    """Let somebody who was refused by mistake pass once, inside the caller's transaction, and write it down.

    What the staff had said of the address gives way, so that a DENY does not refuse them again; an ALLOW stays.
    """
    named, hint = normalised(ListKind.PERSON, email)
    hashed, now = value_hash(app, ListKind.PERSON, named), app.clock.now()
    before = await FraudListEntry.get_or_none(kind=ListKind.PERSON, value_hash=hashed, expires_at__gt=now)
    if before is not None and before.verdict == ListVerdict.ALLOW and before.case_id is None:
        return
    row = await keep(
        app,
        kind=ListKind.PERSON,
        named=named,
        hint=hint,
        verdict=ListVerdict.ALLOW,
        reason=f"Case {case_id} was dismissed.",
        days=days,
        owner_id=actor.id,
        case_id=case_id,
    )
    await _record(app, row, "put", actor, client, before=before.verdict if before else None)


async def keep(
    app: App,
    *,
    kind: ListKind,
    named: str,
    hint: str,
    verdict: ListVerdict,
    reason: str,
    days: int,
    owner_id: int,
    case_id: int | None = None,
) -> FraudListEntry:
    """Write an entry inside the caller's transaction. One statement decides between two who write the same one.

    That of a dismissed case is used up by one sign-up.
    """
    now = app.clock.now()
    row = FraudListEntry(
        kind=kind,
        value_hash=value_hash(app, kind, named),
        hint=hint,
        verdict=verdict,
        reason=reason,
        owner_id=owner_id,
        case_id=case_id,
        created_at=now,
        expires_at=now + timedelta(days=days),
    )
    await FraudListEntry.bulk_create(
        [row],
        on_conflict=["kind", "value_hash"],
        update_fields=["hint", "verdict", "reason", "owner_id", "case_id", "created_at", "expires_at"],
    )
    return await FraudListEntry.get(kind=kind, value_hash=row.value_hash)


async def remove(app: App, entry_id: int, *, actor: User, client: Client) -> bool:
    """Take an entry off the lists; whether it was there. Raises Forbidden."""
    _require(actor)
    async with app.database.transaction():
        row = await FraudListEntry.filter(id=entry_id).select_for_update().first()
        removed = row is not None and bool(await FraudListEntry.filter(id=entry_id).delete())
        if row is not None and removed:
            await _record(app, row, "removed", actor, client)
    return removed


async def standing(app: App, actor: User) -> list[FraudListEntry]:
    """The entries that have not expired, the newest first, `MOST` of them. Raises Forbidden."""
    _require(actor)
    return await FraudListEntry.filter(expires_at__gt=app.clock.now()).order_by("-id").limit(MOST)


def value_hash(app: App, kind: ListKind, named: str) -> str:
    """What an entry keeps of what it names: a keyed hash, which is never rotated."""
    return app.keys.identity("fraud-list", f"{kind}:{named}")


def normalised(kind: ListKind, value: str) -> tuple[str, str]:
    """What is compared, and what is shown of it. Raises BadUserInput."""
    text = value.strip()
    if not 1 <= len(text) <= LONGEST_VALUE:
        raise BadUserInput(f"value has from 1 to {LONGEST_VALUE} characters.")
    if kind is ListKind.NETWORK:
        try:
            network = network_of(str(ip_address(text.partition("/")[0])))
        except ValueError as error:
            raise BadUserInput("value is an IP address.") from error
        return network, network
    try:
        email = parse_email(text if kind is ListKind.PERSON else f"someone@{text.removeprefix('@')}")
    except InvalidEmail as error:
        raise BadUserInput("value is an address or a domain, as kind says.") from error
    local, _, domain = email.person.rpartition("@")
    return (email.person, f"{local[:1]}…@{domain}") if kind is ListKind.PERSON else (domain, domain)


async def _record(app: App, row: FraudListEntry, act: str, actor: User, client: Client, **more: Any) -> None:
    await audit.record(
        app,
        Action.FRAUD_LIST_CHANGED,
        actor=actor,
        subject=f"FraudListEntry:{row.id}",
        client=client,
        act=act,
        kind=row.kind,
        verdict=row.verdict,
        reason=row.reason,
        **more,
    )


def _require(actor: User) -> None:
    if not access.has_permission(actor, Permission.REVIEW_FRAUD):
        raise Forbidden
