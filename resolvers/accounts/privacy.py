"""Taking one's data along, and leaving."""

from typing import Annotated

import strawberry

from schema.accounts.privacy import DataExport, DeleteAccountResult, DeleteAccountSuccess
from schema.context import Info
from schema.directives import Auth, RateLimit, RateLimitKey, guards
from services import accounts


@strawberry.type
class PrivacyMutation:
    """What the law calls access and erasure."""

    @strawberry.mutation(
        extensions=guards(Auth(assurance=2, max_age=600), RateLimit(max=5, window=3600, by=RateLimitKey.VIEWER)),
        description="Make a link to a copy of everything that is held about the viewer. Older links stop working.",
    )
    async def export_my_data(self, info: Info) -> DataExport | None:
        context = info.context
        return DataExport.of(await accounts.request_export(context.app, context.signed_in, context.client))

    @strawberry.mutation(
        extensions=guards(Auth(assurance=2, max_age=600), RateLimit(max=5, window=900, by=RateLimitKey.VIEWER)),
        description=(
            "Have the viewer's account deleted in 14 days, with all that it holds. All other sessions end. What stays "
            "is a keyed hash of a trial that was used, and events that name the account by its number."
        ),
    )
    async def delete_account(
        self,
        info: Info,
        password: Annotated[
            str | None, strawberry.argument(description="The account's password; checked when it is given.")
        ] = None,
    ) -> DeleteAccountResult | None:
        context = info.context
        at = await accounts.request_deletion(context.app, context.signed_in, password, context.client)
        return DeleteAccountSuccess(deletion_at=at)

    @strawberry.mutation(
        extensions=guards(Auth()),
        description="Keep the account that is going to be deleted. False when it was not going to be.",
    )
    async def cancel_account_deletion(self, info: Info) -> bool | None:
        context = info.context
        return await accounts.cancel_deletion(context.app, context.signed_in, context.client)
