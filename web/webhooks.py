"""`POST /webhooks/stripe`: what the payment provider tells us, taken as soon as it is written down."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from services.billing import inbox
from web.answers import json_answer, problem
from web.requests import BadRequestError, read_body

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from services.app import App

LARGEST = 262_144
"""Bytes of an event; Stripe's have at most some 60 kB."""


class Webhooks:
    """The inbox, over one app."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def receive(self, request: Request) -> Response:
        """200 once the event is written down, whether now or before; the sender tries again after anything else."""
        try:
            body = await read_body(request, LARGEST)
        except BadRequestError as error:
            return problem(error.status, error.code, error.message)
        try:
            await inbox.receive(self._app, body, request.headers.get("stripe-signature", ""))
        except inbox.NotOurs as error:
            return problem(HTTPStatus.BAD_REQUEST, "BAD_USER_INPUT", error.message)
        return json_answer({"received": True})
