"""Changing and resetting passwords."""

from typing import Annotated

import strawberry

from schema.accounts.passwords import (
    ChangePasswordResult,
    ChangePasswordSuccess,
    ResetPasswordResult,
    ResetPasswordSuccess,
)
from schema.accounts.user import User
from schema.context import Info
from schema.directives import Auth, Public, RateLimit, RateLimitKey, guards
from schema.sessions import Tokens
from services.accounts import password_reset, passwords

NewPassword = Annotated[
    str,
    strawberry.argument(description="15 to 256 characters, 8 beside a second factor; of any kind, and hard to guess."),
]


@strawberry.type
class PasswordsMutation:
    """Setting passwords."""

    @strawberry.mutation(
        extensions=guards(Auth(assurance=2, max_age=600), RateLimit(max=10, window=900, by=RateLimitKey.VIEWER)),
        description=(
            "Set another password. Every other session ends, this one gets new tokens, links in older letters are void "
            "and no device is trusted any more."
        ),
    )
    async def change_password(
        self,
        info: Info,
        current_password: Annotated[str, strawberry.argument(description="The password until now.")],
        new_password: NewPassword,
    ) -> ChangePasswordResult | None:
        context = info.context
        changed = await passwords.change(
            context.app, context.signed_in, current=current_password, new=new_password, client=context.client
        )
        context.viewer = changed.viewer
        return ChangePasswordSuccess(user=User.of(changed.viewer.user), tokens=Tokens.handed(context, changed.tokens))

    @strawberry.mutation(
        extensions=guards(
            Public(),
            RateLimit(max=10, window=60, by=RateLimitKey.IP),
            RateLimit(max=5, window=900, by=RateLimitKey.ACCOUNT),
        ),
        description="Send a link to set a new password with, if there is such an account. Always true. A network that "
        "asks for many gets RATE_LIMITED with a `challenge` in its extensions, whose answer lets it pass.",
    )
    async def request_password_reset(
        self,
        info: Info,
        email: Annotated[str, strawberry.argument(description="The address of the account, in any case.")],
        challenge_answer: Annotated[
            str | None, strawberry.argument(description="The answer to a challenge, where one was asked for.")
        ] = None,
    ) -> bool | None:
        await password_reset.request(info.context.app, email, info.context.client, challenge_answer=challenge_answer)
        return True

    @strawberry.mutation(
        extensions=guards(Public(), RateLimit(max=10, window=60, by=RateLimitKey.IP)),
        description=(
            "Set a new password with the token of a letter, which works once, for 10 minutes; a password that is "
            "refused leaves it as it is. Every session ends, and nobody is signed in."
        ),
    )
    async def reset_password(
        self,
        info: Info,
        token: Annotated[str, strawberry.argument(description="From the link in the letter.")],
        new_password: NewPassword,
    ) -> ResetPasswordResult | None:
        user = await password_reset.reset(info.context.app, token, new_password, info.context.client)
        return ResetPasswordSuccess(email=user.email)
