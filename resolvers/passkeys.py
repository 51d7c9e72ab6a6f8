"""Making, using, naming and removing passkeys."""

from typing import Annotated

import strawberry
from strawberry.scalars import JSON

from core.cursors import decode_int_id
from schema.accounts.passkeys import FinishPasskeySignInResult, StartPasskeySignInResult, StartPasskeySignInSuccess
from schema.accounts.signing_in import LoginSuccess
from schema.context import Info
from schema.devices import DeviceInput, device_of
from schema.directives import Auth, Public, RateLimit, RateLimitKey, guards
from schema.passkeys import (
    FinishPasskeyRegistrationResult,
    FinishPasskeyRegistrationSuccess,
    Passkey,
    StartPasskeyRegistrationResult,
    StartPasskeyRegistrationSuccess,
)
from services.accounts import passkeys as signing_in
from services.mfa import passkeys

Name = Annotated[str | None, strawberry.argument(description="What to call it, at most 100 characters.")]
Credential = Annotated[
    JSON, strawberry.argument(description="What the browser gave, as `PublicKeyCredential.toJSON()` writes it.")
]
PasskeyId = Annotated[strawberry.ID, strawberry.argument(description="One of the viewer's passkeys.")]


@strawberry.type
class PasskeysMutation:
    """The two ceremonies, and what owners do with their passkeys."""

    @strawberry.mutation(
        extensions=guards(Auth(assurance=2, max_age=600, adds_factor=True), RateLimit(max=20, window=600)),
        description="Begin to add a passkey: the options for `navigator.credentials.create()`, good for five minutes.",
    )
    async def start_passkey_registration(self, info: Info, name: Name = None) -> StartPasskeyRegistrationResult | None:
        begun = await passkeys.begin_registration(info.context.app, info.context.signed_in, name)
        return StartPasskeyRegistrationSuccess.of(begun)

    @strawberry.mutation(
        # The challenge proves the step-up: it was given out to this session behind it, minutes ago.
        extensions=guards(Auth(), RateLimit(max=20, window=600)),
        description="Add the passkey that the browser has made. In the same session as it was begun.",
    )
    async def finish_passkey_registration(
        self, info: Info, credential: Credential, name: Name = None
    ) -> FinishPasskeyRegistrationResult | None:
        context = info.context
        enrolled = await passkeys.finish_registration(
            context.app, context.signed_in, credential, name=name, client=context.client
        )
        return FinishPasskeyRegistrationSuccess.of(enrolled)

    @strawberry.mutation(
        extensions=guards(Public(), RateLimit(max=30, window=60, by=RateLimitKey.IP)),
        description="Begin to use a passkey: the options for `navigator.credentials.get()`, good for five minutes.",
    )
    async def start_passkey_sign_in(
        self,
        info: Info,
        mfa_token: Annotated[
            str | None,
            strawberry.argument(description="Of a sign-in that asks for a second factor: names its owner's passkeys."),
        ] = None,
    ) -> StartPasskeySignInResult | None:
        viewer = info.context.viewer
        begun = await passkeys.begin_sign_in(info.context.app, viewer.user if viewer else None, mfa_token)
        return StartPasskeySignInSuccess.of(begun)

    @strawberry.mutation(
        extensions=guards(Public(), RateLimit(max=20, window=60, by=RateLimitKey.IP)),
        description="Begin a session with a passkey, which counts as two factors. The caller becomes the viewer.",
    )
    async def finish_passkey_sign_in(
        self,
        info: Info,
        credential: Credential,
        device: Annotated[DeviceInput | None, strawberry.argument(description="Where the user signs in from.")] = None,
    ) -> FinishPasskeySignInResult | None:
        signed_in = await signing_in.sign_in(
            info.context.app,
            credential,
            device=device_of(info.context, device),
            client=info.context.client,
        )
        return LoginSuccess.of(info.context, signed_in)

    @strawberry.mutation(
        extensions=guards(Auth(), RateLimit(max=60, window=60)), description="Call a passkey of the viewer's by a name."
    )
    async def rename_passkey(
        self,
        info: Info,
        id: PasskeyId,  # ruff: ignore[builtin-argument-shadowing] -- the contract's word
        name: Annotated[str, strawberry.argument(description="1 to 100 characters.")],
    ) -> Passkey | None:
        return Passkey.of(await passkeys.rename(info.context.signed_in.user, decode_int_id(id, "Passkey"), name))

    @strawberry.mutation(
        extensions=guards(Auth(assurance=2, max_age=600)),
        description="Take a passkey of the viewer's away. The last second factor stays where the account needs one.",
    )
    async def remove_passkey(
        self,
        info: Info,
        id: PasskeyId,  # ruff: ignore[builtin-argument-shadowing] -- the contract's word
    ) -> bool | None:
        context, passkey_id = info.context, decode_int_id(id, "Passkey")
        await passkeys.remove(context.app, context.signed_in.user, passkey_id, context.client)
        return True
