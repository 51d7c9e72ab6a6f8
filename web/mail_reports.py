"""`POST /webhooks/mail`: a mail server or a provider hands over a report that came back, as it is, for a secret."""

from __future__ import annotations

import hmac
from http import HTTPStatus
from typing import TYPE_CHECKING

from services.notifications import returns
from services.notifications.reports import LARGEST
from web.answers import json_answer, problem
from web.requests import BadRequestError, read_body

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from services.app import App


class MailReports:
    """The door of reports, over one app."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def receive(self, request: Request) -> Response:
        """200 with what became of it. Sending it again helps after 5xx alone: what cannot be read stays so."""
        if not self._is_let_in(request):
            self._app.metrics.mail_reports.labels("refused").inc()
            answer = problem(HTTPStatus.UNAUTHORIZED, "UNAUTHENTICATED", "Reports come with a secret of ours.")
            answer.headers["WWW-Authenticate"] = "Bearer"
            return answer
        try:
            body = await read_body(request, LARGEST)
        except BadRequestError as error:
            return problem(error.status, error.code, error.message)
        outcome = await returns.receive(self._app, body)
        self._app.metrics.mail_reports.labels(outcome).inc()
        return json_answer({"outcome": outcome})

    def _is_let_in(self, request: Request) -> bool:
        """Whether one of our secrets is given. Without any, nobody is let in. All are compared, each to its end."""
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        found = [
            hmac.compare_digest(secret.encode(), given.encode()) for secret in self._app.settings.mail_webhook_secret
        ]
        return scheme.lower() == "bearer" and any(found)
