"""Any object by its global id."""

from collections.abc import Awaitable, Callable
from typing import Annotated

import strawberry

from core.cursors import decode_id, int_key
from core.errors import Rejection
from schema.accounts import User
from schema.audit import AuditEvent, require_sight_of_events
from schema.billing import Plan
from schema.context import Context, Info
from schema.devices import Device
from schema.directives import Public, guards
from schema.fraud import FraudCase, require_sight_of_cases
from schema.nodes import Node
from schema.passkeys import Passkey
from schema.purchases import Invoice, PlanSubscription
from schema.recommendations import Item
from schema.sessions import Session
from schema.trials import Trial
from schema.webhooks import WebhookEvent, require_sight_of_webhooks
from services import audit, recommendations, sessions
from services.billing import replaying
from services.fraud import cases
from services.mfa import passkeys


async def _user(context: Context, key: str) -> Node | None:
    number = int_key(key)
    if number is None:
        return None
    context.require_sight_of(number)
    if context.is_viewer(number):
        return User.of(context.signed_in.user)
    row = await context.loaders.user_by_id.load(number)
    return User.of(row) if row else None


async def _audit_event(context: Context, key: str) -> Node | None:
    number = int_key(key)
    row = await audit.event(number) if number and context.viewer else None
    if row is None:
        return None
    await require_sight_of_events(context, row.user_id)
    return AuditEvent.of(row)


async def _trial(context: Context, key: str) -> Node | None:
    number = int_key(key)
    row = await context.loaders.trial_by_id.load(number) if number else None
    if row is None:
        return None
    context.require_sight_of(row.user_id)
    return Trial.of(row, context.now)


async def _session(context: Context, key: str) -> Node | None:
    number = int_key(key)
    row = await context.loaders.session_by_id.load(number) if number else None
    if row is None or not sessions.is_live(row, context.now):
        return None
    context.require_sight_of(row.user_id)
    return Session.of(row, context.viewer)


async def _device(context: Context, key: str) -> Node | None:
    number = int_key(key)
    row = await context.loaders.device_by_id.load(number) if number else None
    if row is None:
        return None
    context.require_sight_of(row.user_id)
    return Device.of(row, context.now)


async def _fraud_case(context: Context, key: str) -> Node | None:
    number = int_key(key)
    if number is None:
        return None
    await require_sight_of_cases(context)
    row = await cases.find(number)
    return FraudCase.of(row) if row else None


async def _webhook_event(context: Context, key: str) -> Node | None:
    number = int_key(key)
    if number is None:
        return None
    await require_sight_of_webhooks(context)
    row = await replaying.find(number)
    return WebhookEvent.of(row) if row else None


async def _passkey(context: Context, key: str) -> Node | None:
    number = int_key(key)
    row = await passkeys.find(number) if number else None
    if row is None:
        return None
    context.require_sight_of(row.user_id)
    return Passkey.of(row)


async def _plan(context: Context, key: str) -> Node | None:
    plan = context.app.catalogue.plans.get(key)
    return Plan.of(plan) if plan else None


async def _plan_subscription(context: Context, key: str) -> Node | None:
    number = int_key(key)
    row = await context.loaders.subscription_by_id.load(number) if number else None
    if row is None:
        return None
    context.require_sight_of(row.user_id)
    return PlanSubscription.of(row)


async def _invoice(context: Context, key: str) -> Node | None:
    number = int_key(key)
    row = await context.loaders.invoice_by_id.load(number) if number else None
    if row is None or row.user_id is None:
        return None
    context.require_sight_of(row.user_id)
    return Invoice.of(row)


async def _item(context: Context, key: str) -> Node | None:
    number = int_key(key)
    row = await recommendations.item(context.app, number) if number else None
    return Item.of(row) if row else None


BY_TYPE: dict[str, Callable[[Context, str], Awaitable[Node | None]]] = {
    "User": _user,
    "Session": _session,
    "Device": _device,
    "AuditEvent": _audit_event,
    "Trial": _trial,
    "Passkey": _passkey,
    "FraudCase": _fraud_case,
    "WebhookEvent": _webhook_event,
    "Plan": _plan,
    "PlanSubscription": _plan_subscription,
    "Invoice": _invoice,
    "Item": _item,
}


@strawberry.type
class NodesQuery:
    """Objects by id."""

    @strawberry.field(
        extensions=guards(Public()),
        description="An object by its global id; null for an id that is unknown, malformed or somebody else's, and for "
        "staff who would have to use a second factor first: the lists tell them so.",
    )
    async def node(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The global id.")],  # ruff: ignore[builtin-argument-shadowing] -- the contract's word
    ) -> Node | None:
        decoded = decode_id(id)
        if decoded is None or decoded[0] not in BY_TYPE:
            return None
        try:
            return await BY_TYPE[decoded[0]](info.context, decoded[1])
        except Rejection:
            return None
