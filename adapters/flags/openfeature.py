"""Flags by the OpenFeature SDK, with a provider of our own behind it.

The SDK keeps providers in one table of the process. Each app has a domain of its own there, so that two apps in a
process, as tests run them, never see each other's flags.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import FlagResolutionDetails
from openfeature.flag_evaluation import Reason as SdkReason
from openfeature.provider import AbstractProvider, Metadata

from adapters.flags.port import Reason, Resolution

if TYPE_CHECKING:
    from collections.abc import Mapping

    from adapters.flags.port import Resolve


class OpenFeatureFlags:
    """One app's flags. Hooks that the process gives to the SDK see every evaluation."""

    def __init__(self) -> None:
        self.domain = f"porchlight-{secrets.token_hex(8)}"
        self._client = api.get_client(self.domain)

    async def open(self, resolve: Resolve) -> None:
        # `set_provider` would make the provider ready in a thread: until then the SDK serves defaults.
        api.set_provider_and_wait(DeclaredProvider(resolve), self.domain)

    async def close(self) -> None:
        api.set_provider_and_wait(_NOTHING, self.domain)

    async def evaluate(self, key: str, who: str | None, attributes: Mapping[str, str]) -> Resolution:
        context = EvaluationContext(targeting_key=who, attributes=attributes)
        details = await self._client.get_boolean_details_async(key, default_value=False, evaluation_context=context)
        if details.error_code is not None:  # the SDK's async path leaves the provider's value where it found a fault
            return Resolution(enabled=False, variant=None, reason=Reason.ERROR)
        reason = str(details.reason)
        known = Reason(reason) if reason in set(Reason) else Reason.STATIC
        return Resolution(enabled=details.value, variant=details.variant, reason=known)


class DeclaredProvider(AbstractProvider):
    """Answers from `resolve`, which reads memory: the SDK's async methods need nothing to wait for.

    A flag is on or off, and as a text it is its variant. It is neither a number nor an object.
    """

    def __init__(self, resolve: Resolve) -> None:
        super().__init__()
        self._resolve = resolve

    def get_metadata(self) -> Metadata:
        return Metadata(name="porchlight")

    def resolve_boolean_details(
        self,
        flag_key: str,
        default_value: bool,  # ruff: ignore[boolean-type-hint-positional-argument] -- OpenFeature's form
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[bool]:
        resolution = self._resolution(flag_key, evaluation_context)
        if resolution is None:
            return _not_found(default_value)
        return FlagResolutionDetails(
            resolution.enabled, reason=SdkReason(resolution.reason), variant=resolution.variant
        )

    async def resolve_boolean_details_async(
        self,
        flag_key: str,
        default_value: bool,  # ruff: ignore[boolean-type-hint-positional-argument] -- OpenFeature's form
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[bool]:
        return self.resolve_boolean_details(flag_key, default_value, evaluation_context)

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        resolution = self._resolution(flag_key, evaluation_context)
        if resolution is None:
            return _not_found(default_value)
        value = default_value if resolution.variant is None else resolution.variant
        return FlagResolutionDetails(value, reason=SdkReason(resolution.reason), variant=resolution.variant)

    async def resolve_string_details_async(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        return self.resolve_string_details(flag_key, default_value, evaluation_context)

    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[int]:
        return _mismatch(default_value)

    def resolve_float_details(
        self, flag_key: str, default_value: float, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[float]:
        return _mismatch(default_value)

    def resolve_object_details(
        self, flag_key: str, default_value: Any, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[Any]:
        return _mismatch(default_value)

    def _resolution(self, key: str, context: EvaluationContext | None) -> Resolution | None:
        context = context or EvaluationContext()
        attributes = {name: value for name, value in context.attributes.items() if isinstance(value, str)}
        return self._resolve(key, context.targeting_key, attributes)


def _not_found(default: Any) -> FlagResolutionDetails[Any]:
    return FlagResolutionDetails(
        default, reason=SdkReason.ERROR, error_code=ErrorCode.FLAG_NOT_FOUND, error_message="There is no such flag."
    )


def _mismatch(default: Any) -> FlagResolutionDetails[Any]:
    return FlagResolutionDetails(
        default,
        reason=SdkReason.ERROR,
        error_code=ErrorCode.TYPE_MISMATCH,
        error_message="A flag is on or off, or a text: its variant.",
    )


_NOTHING = DeclaredProvider(lambda *_: None)
"""What the domain of a closed app has: it knows of no flag."""
