"""`/links/<purpose>?token=…`: the pages that letters lead to. They ask first: only a POST changes anything."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from core.errors import BadUserInput, RateLimited, Unavailable
from core.networks import network_of
from core.password_rules import InvalidPassword
from services.languages import Phrase, Reader, phrase
from services.sessions import InvalidToken
from web.client import client_of
from web.link_actions import ACTIONS, Action
from web.pages import form_page, reader_for
from web.requests import BadRequestError, read_body

if TYPE_CHECKING:
    from services.app import App
    from services.sessions import Client

TOKEN = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
FORM = "application/x-www-form-urlencoded"
FIELDS = 4
"""Members of a form that are read; ours have two."""
LIMIT, WINDOW = 20, 60.0
"""Forms that one network may send in so many seconds."""
DEAD = phrase("This link does not work any more. It may have expired, been used, or been replaced by a newer one.")


class LinkPages:
    """The page of each purpose, and what its button does."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def ask(self, request: Request) -> Response:
        """The page with its button. It looks nothing up: the page is the same for every token."""
        action, reader = _action(request), reader_for(request)
        token = request.query_params.get("token", "")
        if not TOKEN.fullmatch(token):
            return _dead(action, reader, HTTPStatus.BAD_REQUEST)
        return _page(action, reader, token=token)

    async def act(self, request: Request) -> Response:
        """Do what the link is for, and tell how it went."""
        action = _action(request)
        if action.handle is None:
            raise HTTPException(HTTPStatus.METHOD_NOT_ALLOWED, headers={"Allow": "GET, HEAD"})
        if not self._is_ours(request):
            raise HTTPException(HTTPStatus.FORBIDDEN, "The form was sent from another site.")
        try:
            form = await _form(request)
        except BadRequestError as error:
            raise HTTPException(error.status, error.message) from error
        client = client_of(request, self._app.settings.trusted_proxies)
        return await self._answer(action, reader_for(request), form, client)

    async def _answer(self, action: Action, reader: Reader, form: dict[str, str], client: Client) -> Response:
        token = form.get("token", "")
        try:
            await self._count(client)
            if not TOKEN.fullmatch(token):
                return _dead(action, reader, HTTPStatus.BAD_REQUEST)
            assert action.handle is not None
            done = await action.handle(self._app, token, form, client)
        except InvalidToken:
            return _dead(action, reader, HTTPStatus.GONE)
        except (InvalidPassword, BadUserInput) as error:
            return _page(action, reader, status=HTTPStatus.UNPROCESSABLE_ENTITY, token=token, problem=error.message)
        except (RateLimited, Unavailable) as error:
            limited = isinstance(error, RateLimited)
            status = HTTPStatus.TOO_MANY_REQUESTS if limited else HTTPStatus.SERVICE_UNAVAILABLE
            answer = _page(
                action, reader, status=status, token=token, problem=f"{error.message} Try again in a moment."
            )
            answer.headers["Retry-After"] = str(max(1, -int(-error.retry_after // 1)))
            return answer
        return _page(action, reader, outcome=done)

    async def _count(self, client: Client) -> None:
        """Raise RateLimited when this network has sent too many forms."""
        if not self._app.settings.rate_limits:
            return
        key = f"links:network:{network_of(client.ip)}"
        retry_after = await self._app.limits.hit(key, limit=LIMIT, window=WINDOW)
        if retry_after > 0:
            raise RateLimited(retry_after)

    def _is_ours(self, request: Request) -> bool:
        """Whether the form stands on our own page, as far as the browser says.

        Our pages send no referrer, so that their own Origin is `null`; `Sec-Fetch-Site` tells them apart.
        """
        origin = request.headers.get("origin", "null")
        site = request.headers.get("sec-fetch-site", "same-origin")
        return site in {"same-origin", "none"} and (origin == "null" or origin in self._app.settings.origins)


def _action(request: Request) -> Action:
    """What the address is for. Raises a 404 for no purpose of ours."""
    action = ACTIONS.get(request.path_params["purpose"])
    if action is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return action


async def _form(request: Request) -> dict[str, str]:
    """The first value of each member of the form. Raises BadRequestError."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise BadRequestError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"The body is a form: {FORM}.")
    try:
        text = (await read_body(request)).decode("ascii")
        members = parse_qs(text, keep_blank_values=True, errors="strict", max_num_fields=FIELDS)
    except ValueError as error:
        raise BadRequestError(HTTPStatus.BAD_REQUEST, "The form cannot be read.") from error
    return {name: values[0] for name, values in members.items()}


def _dead(action: Action, reader: Reader, status: HTTPStatus) -> Response:
    return _page(action, reader, status=status, outcome=DEAD)


def _page(
    action: Action,
    reader: Reader,
    *,
    status: HTTPStatus = HTTPStatus.OK,
    token: str = "",
    outcome: Phrase | None = None,
    problem: str | None = None,
) -> Response:
    return form_page(
        "link.html",
        status,
        reader=reader,
        action=action,
        title=action.title,
        sentence=action.sentence,
        button=action.button,
        token=token,
        outcome=outcome,
        problem=problem,
        alive=status == HTTPStatus.OK,
    )
