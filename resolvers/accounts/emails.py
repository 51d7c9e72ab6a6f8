"""Proving, changing and signing in by an e-mail address."""

from typing import Annotated

import strawberry

from core.errors import BadUserInput
from schema.accounts.emails import (
    CompleteMagicLinkResult,
    ConfirmEmailChangeResult,
    ConfirmEmailChangeSuccess,
    RequestEmailChangeResult,
    RequestEmailChangeSuccess,
    VerifyEmailResult,
    VerifyEmailSuccess,
)
from schema.accounts.signing_in import LoginSuccess
from schema.context import Info
from schema.devices import DeviceInput, device_of
from schema.directives import Auth, Public, RateLimit, RateLimitKey, guards
from services.accounts import email_change, magic_links, verification

Token = Annotated[str, strawberry.argument(description="From the link in the letter.")]
Email = Annotated[str, strawberry.argument(description="The address of the account, in any case.")]


@strawberry.type
class EmailsMutation:
    """What letters are asked for, and what their links do."""

    @strawberry.mutation(
        extensions=guards(Public(), RateLimit(max=20, window=60, by=RateLimitKey.IP)),
        description="Prove with a letter's token that its reader has the address. It works once, for 24 hours.",
    )
    async def verify_email(self, info: Info, token: Token) -> VerifyEmailResult | None:
        user = await verification.verify(info.context.app, token, info.context.client)
        return VerifyEmailSuccess(email=user.email)

    @strawberry.mutation(
        extensions=guards(Auth(), RateLimit(max=5, window=3600, by=RateLimitKey.VIEWER)),
        description="Send the viewer another link to prove their address. True also when that is done already.",
    )
    async def resend_verification_email(self, info: Info) -> bool | None:
        await verification.resend(info.context.app, info.context.signed_in)
        return True

    @strawberry.mutation(
        extensions=guards(Auth(assurance=2, max_age=600), RateLimit(max=5, window=3600, by=RateLimitKey.VIEWER)),
        description=(
            "Ask to move the account to another address: a letter there confirms it, a letter to the present one "
            "tells of it. The answer is the same when somebody else has the address, whose owner is told."
        ),
    )
    async def request_email_change(
        self, info: Info, new_email: Annotated[str, strawberry.argument(description="At most 254 characters.")]
    ) -> RequestEmailChangeResult | None:
        context = info.context
        email = await email_change.request(context.app, context.signed_in, new_email, context.client)
        return RequestEmailChangeSuccess(email=email)

    @strawberry.mutation(
        extensions=guards(Public(), RateLimit(max=20, window=60, by=RateLimitKey.IP)),
        description="Move the account to the address whose letter the token is from. It works once, for 10 minutes.",
    )
    async def confirm_email_change(self, info: Info, token: Token) -> ConfirmEmailChangeResult | None:
        user = await email_change.confirm(info.context.app, token, info.context.client)
        return ConfirmEmailChangeSuccess(email=user.email)

    @strawberry.mutation(
        extensions=guards(
            Public(),
            RateLimit(max=10, window=60, by=RateLimitKey.IP),
            RateLimit(max=5, window=900, by=RateLimitKey.ACCOUNT),
            RateLimit(max=20, window=86_400, by=RateLimitKey.ACCOUNT),
        ),
        description="Send a letter to sign in with, if there is such an account. Always true.",
    )
    async def request_magic_link(self, info: Info, email: Email) -> bool | None:
        await magic_links.request(info.context.app, email, info.context.client)
        return True

    @strawberry.mutation(
        extensions=guards(Public(), RateLimit(max=10, window=60, by=RateLimitKey.IP)),
        description=(
            "Begin a session with a letter: with the token of its link, or with its code and the address. A letter "
            "works once, for 10 minutes; its code may be tried five times. The caller becomes the viewer."
        ),
    )
    async def complete_magic_link(
        self,
        info: Info,
        token: Annotated[str | None, strawberry.argument(description="From the link in the letter.")] = None,
        email: Annotated[str | None, strawberry.argument(description="The address, when a code is given.")] = None,
        code: Annotated[str | None, strawberry.argument(description="The six digits of the letter.")] = None,
        device: Annotated[DeviceInput | None, strawberry.argument(description="Where the user signs in from.")] = None,
    ) -> CompleteMagicLinkResult | None:
        app, client = info.context.app, info.context.client
        described = device_of(info.context, device)
        if token is not None and email is None and code is None:
            signed_in = await magic_links.complete_by_link(app, token, described, client)
        elif token is None and email is not None and code is not None:
            signed_in = await magic_links.complete_by_code(app, email, code, described, client)
        else:
            raise BadUserInput("Give the token of the link, or email and code.")
        return LoginSuccess.of(info.context, signed_in)
