"""The REST endpoints as OpenAPI, for what makes cases of it: none is served, for none is promised."""

from typing import Any

TEXT = {"type": "string"}
DEVICE = dict.fromkeys(("device_token", "fingerprint", "name", "platform", "locale", "timezone"), TEXT)
REGISTRATION = {
    "type": "object",
    "required": ["email", "password"],
    "additionalProperties": False,
    "properties": {
        "email": {"type": "string", "format": "email"},
        "password": TEXT,
        "challenge_answer": TEXT,
        "payment_method": TEXT,
        "form_seconds": {"type": "number"},
        "device_info": {"type": "object", "additionalProperties": False, "properties": DEVICE},
    },
}
LINK_FORM = {"type": "object", "properties": {"token": TEXT, "password": TEXT}}
ANYTHING = {"default": {"description": "Any answer."}}


def _parameter(name: str, place: str) -> dict[str, Any]:
    return {"name": name, "in": place, "required": place == "path", "schema": TEXT}


def _taking(media_type: str, schema: dict[str, Any], *parameters: dict[str, Any]) -> dict[str, Any]:
    body = {"required": True, "content": {media_type: {"schema": schema}}}
    return {"parameters": list(parameters), "requestBody": body, "responses": ANYTHING}


def _asking(*parameters: dict[str, Any]) -> dict[str, Any]:
    return {"parameters": list(parameters), "responses": ANYTHING}


REST: dict[str, Any] = {
    "openapi": "3.0.3",
    "info": {"title": "Porchlight beside GraphQL", "version": "1"},
    "paths": {
        "/auth/register": {"post": _taking("application/json", REGISTRATION)},
        "/webhooks/stripe": {
            "post": _taking("application/json", {"type": "object"}, _parameter("Stripe-Signature", "header"))
        },
        "/webhooks/mail": {"post": _taking("text/plain", TEXT, _parameter("Authorization", "header"))},
        "/links/unsubscribe": {
            "get": _asking(_parameter("token", "query")),
            "post": _taking("application/x-www-form-urlencoded", LINK_FORM, _parameter("token", "query")),
        },
        "/links/{purpose}": {
            "get": _asking(_parameter("purpose", "path"), _parameter("token", "query")),
            "post": _taking("application/x-www-form-urlencoded", LINK_FORM, _parameter("purpose", "path")),
        },
        "/links/verify-email": {"post": _taking("application/x-www-form-urlencoded", LINK_FORM)},
        "/exports/{token}": {"get": _asking(_parameter("token", "path"))},
        "/graphql": {"get": _asking(*(_parameter(name, "query") for name in ("query", "variables", "operationName")))},
        "/readyz": {"get": _asking()},
        "/.well-known/jwks.json": {"get": _asking()},
    },
}
