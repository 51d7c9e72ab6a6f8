"""Stripe's errors, in Stripe's shapes and our words."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any


class StripeFault(Exception):
    """An answer that is an error. `content` is its body; `kept` says whether what was done until then stays done."""

    kept = False

    def __init__(self, status: HTTPStatus, message: str, kind: str = "invalid_request_error", **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.content: dict[str, Any] = {"error": {"type": kind, "message": message, **more}}


def no_key() -> StripeFault:
    """Nobody is asking."""
    return StripeFault(HTTPStatus.UNAUTHORIZED, "Send a secret key as a bearer token: one that begins with sk_test_.")


def no_address(method: str, path: str) -> StripeFault:
    """Stripe's, or one that is not simulated."""
    return StripeFault(HTTPStatus.NOT_FOUND, f"Nothing answers {method} {path} here.")


def missing(kind: str, name: str, param: str = "id") -> StripeFault:
    """There is no object of this id."""
    return StripeFault(HTTPStatus.NOT_FOUND, f"There is no {kind} {name}.", code="resource_missing", param=param)


def bad_parameter(code: str, param: str) -> StripeFault:
    """`code` is parameter_missing, parameter_unknown, parameter_invalid, or what Stripe has beside."""
    return StripeFault(HTTPStatus.BAD_REQUEST, f"{code}: {param}", code=code, param=param)


def bad_request(message: str, code: str = "", param: str = "") -> StripeFault:
    """What cannot be done to an object as it is now."""
    more = {name: value for name, value in (("code", code), ("param", param)) if value}
    return StripeFault(HTTPStatus.BAD_REQUEST, message, **more)


def bad_card(code: str, param: str = "", **more: Any) -> StripeFault:
    """What the cardholder has to mend. What was written until then stays written: a decline leaves traces."""
    named = {"param": param} if param else {}
    fault = StripeFault(HTTPStatus.PAYMENT_REQUIRED, f"The card: {code}.", "card_error", code=code, **named, **more)
    fault.kept = True
    return fault


def other_request() -> StripeFault:
    """An idempotency key that another request has used."""
    return StripeFault(HTTPStatus.BAD_REQUEST, "This key was used with other parameters.", "idempotency_error")


def in_use() -> StripeFault:
    """An idempotency key whose first request has not been answered yet."""
    return StripeFault(
        HTTPStatus.CONFLICT, "A request with this key is under way.", "idempotency_error", code="idempotency_key_in_use"
    )


def injected(status: int, code: str | None) -> StripeFault:
    """What goes wrong because somebody wants it to."""
    kinds = {HTTPStatus.TOO_MANY_REQUESTS: "rate_limit", HTTPStatus.CONFLICT: "lock_timeout"}
    known = HTTPStatus(status)
    code = code or kinds.get(known)
    kind = "invalid_request_error" if known < HTTPStatus.INTERNAL_SERVER_ERROR else "api_error"
    return StripeFault(known, "Something went wrong on purpose.", kind, **({"code": code} if code else {}))
