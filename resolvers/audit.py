"""The audit log, for administrators."""

from typing import Annotated

import strawberry

from core.cursors import decode_int_id
from core.errors import NotFound
from models.accounts import Role
from schema.audit import AuditEventConnection
from schema.connections import After, Before, First, Last
from schema.context import Info
from schema.directives import STAFF_READS, Auth, RateLimit, guards
from services import audit
from services.pages import page_of


@strawberry.type
class AuditQuery:
    """What happened."""

    @strawberry.field(
        extensions=guards(Auth(Role.ADMIN, assurance=2, max_age=STAFF_READS), RateLimit(max=120, window=60)),
        description="What happened to all accounts, the newest first.",
    )
    async def audit_events(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        action: Annotated[
            str | None, strawberry.argument(description="Events of this kind alone, such as `account.signed_in`.")
        ] = None,
        user_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="Events of this account alone.")
        ] = None,
    ) -> AuditEventConnection | None:
        number = decode_int_id(user_id, "User") if user_id is not None else None
        if user_id is not None and number is None:
            raise NotFound
        page = page_of(first, after, last, before)
        return AuditEventConnection.of(*await audit.events(page, user_id=number, action=action))
