"""Registering, signing in and out, and the viewer."""

from typing import Annotated

import strawberry

from schema.accounts import User
from schema.accounts.signing_in import (
    LoginInput,
    LoginResult,
    LoginSuccess,
    RegisterInput,
    RegisterResult,
    RegisterSuccess,
)
from schema.context import Info
from schema.devices import device_of
from schema.directives import Public, RateLimit, RateLimitKey, guards
from schema.sessions import Tokens
from schema.trials import Trial
from services import accounts


@strawberry.type
class SigningInQuery:
    """Who is asking."""

    @strawberry.field(extensions=guards(Public()), description="The viewer; null, without an error, for nobody.")
    async def me(self, info: Info) -> User | None:
        viewer = info.context.viewer
        return User.of(viewer.user) if viewer else None


@strawberry.type
class SigningInMutation:
    """Coming and going."""

    @strawberry.mutation(
        extensions=guards(Public(), RateLimit(max=20, window=60, by=RateLimitKey.IP)),
        description="Make an account, begin its trial and its first session. The caller becomes the viewer.",
    )
    async def register(
        self,
        info: Info,
        input: Annotated[RegisterInput, strawberry.argument(description="Who registers.")],  # ruff: ignore[builtin-argument-shadowing] -- the contract's word
    ) -> RegisterResult | None:
        signed_in, trial = await accounts.register(
            info.context.app,
            email=input.email,
            password=input.password,
            name=input.name,
            device=device_of(info.context, input.device),
            client=info.context.client,
            challenge_answer=input.challenge_answer,
            payment_method=input.payment_method,
            form_seconds=input.form_seconds,
        )
        return RegisterSuccess(
            user=User.of(signed_in.user),
            trial=Trial.of(trial, info.context.now) if trial else None,
            tokens=Tokens.handed(info.context, signed_in.tokens),
            device_token=info.context.enter(signed_in),
        )

    @strawberry.mutation(
        extensions=guards(
            Public(),
            RateLimit(max=10, window=60, by=RateLimitKey.IP),  # by CLIENT, accounts of one's own would buy more tries
        ),
        description="Begin a session. The caller becomes the viewer.",
    )
    async def login(
        self,
        info: Info,
        input: Annotated[LoginInput, strawberry.argument(description="Who signs in.")],  # ruff: ignore[builtin-argument-shadowing] -- the contract's word
    ) -> LoginResult | None:
        signed_in = await accounts.login(
            info.context.app,
            email=input.email,
            password=input.password,
            device=device_of(info.context, input.device),
            client=info.context.client,
            challenge_answer=input.challenge_answer,
        )
        return LoginSuccess.of(info.context, signed_in)

    @strawberry.mutation(
        extensions=guards(Public()),
        description="End the viewer's session on every device it serves. In cookie mode also one whose access token "
        "has run out, and the cookies go in any case. UNAUTHENTICATED for nobody.",
    )
    async def logout(self, info: Info) -> bool | None:
        context = info.context
        token = context.cookies.refresh if context.cookies else None
        await accounts.logout(context.app, context.viewer, refresh_token=token, client=context.client)
        context.leave()
        return True
