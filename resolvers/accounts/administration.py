"""What administrators and support see of accounts and do with them."""

from typing import Annotated

import strawberry

from core.cursors import decode_int_id
from core.errors import NotFound
from models.accounts import Role as RoleRow
from schema.accounts import Role, User
from schema.accounts.administration import (
    AssignRoleResult,
    AssignRoleSuccess,
    SuspendUserResult,
    SuspendUserSuccess,
    UserConnection,
)
from schema.connections import After, Before, First, Last
from schema.context import Info
from schema.directives import STAFF_CHANGES, Auth, RateLimit, guards
from services import accounts, audit
from services.pages import page_of

Whose = Annotated[strawberry.ID, strawberry.argument(description="Whose account.")]


@strawberry.type
class AdministrationQuery:
    """Finding accounts."""

    @strawberry.field(
        extensions=guards(Auth(RoleRow.SUPPORT), RateLimit(max=120, window=60)),
        description="All accounts, the newest first.",
    )
    async def users(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        search: Annotated[
            str | None,
            strawberry.argument(description="Part of an address or a name, in any case; at most 100 characters."),
        ] = None,
    ) -> UserConnection | None:
        return UserConnection.of(*await accounts.users(page_of(first, after, last, before), search=search))


@strawberry.type
class AdministrationMutation:
    """Roles, suspending, restoring."""

    @strawberry.mutation(
        extensions=guards(Auth(RoleRow.ADMIN, assurance=2, max_age=STAFF_CHANGES), RateLimit(max=60, window=60)),
        description="Give a user a role. Another one than they have signs them out everywhere. The last administrator "
        "stays one; a suspended account, or one that is going to be deleted, gets none (BAD_USER_INPUT).",
    )
    async def assign_role(
        self,
        info: Info,
        user_id: Whose,
        role: Annotated[Role, strawberry.argument(description="The role to have.")],
    ) -> AssignRoleResult | None:
        context = info.context
        user = await accounts.assign_role(
            context.app, _number(user_id), role, actor=context.signed_in.user, client=context.client
        )
        return AssignRoleSuccess(user=User.of(user))

    @strawberry.mutation(
        extensions=guards(Auth(RoleRow.SUPPORT, assurance=2, max_age=STAFF_CHANGES), RateLimit(max=60, window=60)),
        description="Close an account and sign it out everywhere. Support reaches accounts without a role.",
    )
    async def suspend_user(
        self,
        info: Info,
        user_id: Whose,
        reason: Annotated[
            str,
            strawberry.argument(description="Why, for the record, which the user may read; at most 500 characters."),
        ],
    ) -> SuspendUserResult | None:
        context = info.context
        user = await accounts.suspend(
            context.app,
            _number(user_id),
            reason=audit.checked_reason(reason),
            actor=context.signed_in.user,
            client=context.client,
        )
        return SuspendUserSuccess(user=User.of(user))

    @strawberry.mutation(
        extensions=guards(Auth(RoleRow.SUPPORT, assurance=2, max_age=STAFF_CHANGES), RateLimit(max=60, window=60)),
        description="Open a suspended account again. Support reaches accounts without a role.",
    )
    async def restore_user(self, info: Info, user_id: Whose) -> User | None:
        context = info.context
        user = await accounts.restore(
            context.app, _number(user_id), actor=context.signed_in.user, client=context.client
        )
        return User.of(user)


def _number(user_id: str) -> int:
    number = decode_int_id(user_id, "User")
    if number is None:
        raise NotFound
    return number
