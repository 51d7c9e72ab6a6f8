"""Stripe's errors, in Stripe's shapes and our words."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any


class StripeFault(Exception):
    """An answer that is an error. `content` is its body."""

    def __init__(self, status: HTTPStatus, message: str, kind: str = "invalid_request_error", **more: str) -> None:
        super().__init__(message)
        self.status = status
        self.content: dict[str, Any] = {"error": {"type": kind, "message": message, **more}}


def no_key() -> StripeFault:
    """Nobody is asking."""
    return StripeFault(HTTPStatus.UNAUTHORIZED, "Send a secret key as a bearer token: one that begins with sk_test_.")


def no_address(method: str, path: str) -> StripeFault:
    """Stripe's, or one that is not simulated."""
    return StripeFault(HTTPStatus.NOT_FOUND, f"Nothing answers {method} {path} here.")


def missing(kind: str, name: str) -> StripeFault:
    """There is no object of this id."""
    return StripeFault(
        HTTPStatus.NOT_FOUND, f"There is no {kind} {name}.", code="resource_missing", param="payment_method"
    )


def bad_parameter(code: str, param: str) -> StripeFault:
    """`code` is parameter_missing, parameter_unknown or parameter_invalid."""
    return StripeFault(HTTPStatus.BAD_REQUEST, f"{code}: {param}", code=code, param=param)


def bad_card(code: str, param: str, **more: str) -> StripeFault:
    """What the cardholder has to mend."""
    return StripeFault(HTTPStatus.PAYMENT_REQUIRED, f"The card: {code}.", "card_error", code=code, param=param, **more)
