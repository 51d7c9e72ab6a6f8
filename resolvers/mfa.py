"""Second factors: setting them up, giving them, doing without them."""

from typing import Annotated

import strawberry
from strawberry.scalars import JSON

from schema.accounts import User
from schema.accounts.signing_in import LoginSuccess
from schema.context import Info
from schema.directives import Auth, Public, RateLimit, RateLimitKey, guards
from schema.mfa import (
    CompleteMfaResult,
    ConfirmTotpResult,
    ConfirmTotpSuccess,
    DisableMfaResult,
    DisableMfaSuccess,
    RegenerateRecoveryCodesSuccess,
    StepUpInput,
    StepUpResult,
    StepUpSuccess,
    TotpEnrollment,
)
from services.mfa import completing, recovery, stepping_up, totp
from services.mfa.proving import Answer

Code = Annotated[str, strawberry.argument(description="Six digits of the app, or a recovery code.")]


@strawberry.type
class MfaMutation:
    """Adding, asking for and removing second factors."""

    @strawberry.mutation(
        extensions=guards(Public(), RateLimit(max=10, window=60, by=RateLimitKey.IP)),
        description="Complete a sign-in with a second factor: a code or a passkey. The caller becomes the viewer.",
    )
    async def complete_mfa(
        self,
        info: Info,
        mfa_token: Annotated[str, strawberry.argument(description="From `MfaRequired`.")],
        code: Annotated[
            str | None, strawberry.argument(description="Six digits of the app, or a recovery code; or give a passkey.")
        ] = None,
        passkey: Annotated[
            JSON | None, strawberry.argument(description="What the browser's WebAuthn call has returned.")
        ] = None,
        trust_device: Annotated[
            bool | None, strawberry.argument(description="Ask for no second factor on this device for 30 days.")
        ] = None,
    ) -> CompleteMfaResult | None:
        signed_in = await completing.complete(
            info.context.app,
            mfa_token,
            Answer(code, passkey),
            trust_device=bool(trust_device),
            client=info.context.client,
        )
        return LoginSuccess.of(info.context, signed_in)

    @strawberry.mutation(
        extensions=guards(
            Auth(assurance=2, max_age=600, adds_factor=True), RateLimit(max=10, window=60, by=RateLimitKey.VIEWER)
        ),
        description="A new seed for an authenticator app. It counts once `confirmTotp` has seen a code of it; an app "
        "that is in use stays so until then. Staff who have no second factor yet may add their first one.",
    )
    async def enroll_totp(self, info: Info) -> TotpEnrollment | None:
        return TotpEnrollment.of(await totp.enroll(info.context.app, info.context.signed_in))

    @strawberry.mutation(
        extensions=guards(
            Auth(assurance=2, max_age=600, adds_factor=True), RateLimit(max=10, window=60, by=RateLimitKey.VIEWER)
        ),
        description="Take the app of `enrollTotp` into use. Gives ten new recovery codes, which void those of before.",
    )
    async def confirm_totp(
        self,
        info: Info,
        code: Annotated[str, strawberry.argument(description="Six digits of the new app.")],
        current_code: Annotated[
            str | None,
            strawberry.argument(
                description="Where an app is in use: a code of it, or a recovery code. The new one takes its place."
            ),
        ] = None,
    ) -> ConfirmTotpResult | None:
        context = info.context
        codes = await totp.confirm(context.app, context.signed_in, code, current_code, context.client)
        return ConfirmTotpSuccess(recovery_codes=codes)

    @strawberry.mutation(
        extensions=guards(Auth(assurance=2, max_age=600), RateLimit(max=10, window=60, by=RateLimitKey.VIEWER)),
        description="Remove the authenticator app and the recovery codes. Passkeys stay, and go on being asked for; "
        "each is removed on its own. Sessions stay; devices are no longer trusted.",
    )
    async def disable_mfa(self, info: Info, code: Code) -> DisableMfaResult | None:
        context = info.context
        await totp.disable(context.app, context.signed_in, code, context.client)
        return DisableMfaSuccess(user=User.of(context.signed_in.user))

    @strawberry.mutation(
        extensions=guards(Auth(assurance=2, max_age=600), RateLimit(max=10, window=60, by=RateLimitKey.VIEWER)),
        description="Ten new recovery codes; those of before are void.",
    )
    async def regenerate_recovery_codes(self, info: Info) -> RegenerateRecoveryCodesSuccess | None:
        codes = await recovery.regenerate(info.context.app, info.context.signed_in, info.context.client)
        return RegenerateRecoveryCodesSuccess(recovery_codes=codes)

    @strawberry.mutation(
        extensions=guards(Auth(), RateLimit(max=10, window=60, by=RateLimitKey.VIEWER)),
        description="Show again who you are, for what asks for a step-up: with the password or, where the account has "
        "a second factor, with that.",
    )
    async def step_up(
        self,
        info: Info,
        input: Annotated[StepUpInput, strawberry.argument(description="Exactly one of the three.")],  # ruff: ignore[builtin-argument-shadowing] -- the contract's word
    ) -> StepUpResult | None:
        stepped_up = await stepping_up.step_up(
            info.context.app,
            info.context.signed_in,
            password=input.password,
            code=input.code,
            passkey=input.passkey,
            client=info.context.client,
        )
        return StepUpSuccess.of(info.context, stepped_up)
