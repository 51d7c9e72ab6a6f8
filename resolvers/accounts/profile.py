"""What users say of themselves."""

from typing import Annotated

import strawberry

from schema.accounts.user import User
from schema.context import Info
from schema.directives import Auth, RateLimit, RateLimitKey, guards
from services.accounts import profile


@strawberry.type
class ProfileMutation:
    """Changing one's own profile."""

    @strawberry.mutation(
        extensions=guards(Auth(), RateLimit(max=30, window=60, by=RateLimitKey.VIEWER)),
        description="Change what is given of the viewer's profile. What is left out stays, null clears it.",
    )
    async def update_profile(
        self,
        info: Info,
        name: Annotated[
            str | None, strawberry.argument(description="Display name, at most 100 characters.")
        ] = strawberry.UNSET,
        locale: Annotated[
            str | None, strawberry.argument(description="BCP 47 tag, such as `de-AT`.")
        ] = strawberry.UNSET,
        timezone: Annotated[
            str | None, strawberry.argument(description="IANA name, such as `Europe/Vienna`.")
        ] = strawberry.UNSET,
    ) -> User | None:
        arguments = {"name": name, "locale": locale, "timezone": timezone}
        given = {key: value for key, value in arguments.items() if value is not strawberry.UNSET}
        user = await profile.update(info.context.app, info.context.signed_in, given, info.context.client)
        return User.of(user)
