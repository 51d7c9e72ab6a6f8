"""`/links/unsubscribe?token=…`: the way out of a topic of letters, for people and for the programs they read mail with.

RFC 8058: a GET changes nothing and asks, a POST does it, without a cookie, a sign-in or another question. A mailbox
provider's own button posts `List-Unsubscribe=One-Click` to the address of the letter's header; our page's button posts
the token of its form.
"""

from __future__ import annotations

import math
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from starlette.exceptions import HTTPException

from core.errors import RateLimited
from core.tokens import InvalidTokenError
from services.notifications import unsubscribing
from web.answers import problem
from web.client import client_of
from web.links import FIELDS, FORM
from web.pages import form_page
from web.requests import BadRequestError, read_body
from web.unsubscribing_words import words_for

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from services.app import App

LARGEST = 8_192
"""Bytes of a form: the token has about 70, and what surrounds it in multipart/form-data a few hundred."""
LIMIT, WINDOW = 20, 60.0
"""Clicks that one reader has in so many seconds."""


class Unsubscribing:
    """The page, and what its button and the mailbox provider's do."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def ask(self, request: Request) -> Response:
        """The page with its button. No database is asked: it is the same for everybody's token."""
        words, token = words_for(request), request.query_params.get("token", "")
        try:
            _, topic = unsubscribing.read(self._app, token)
        except InvalidTokenError:
            return form_page("unsubscribe.html", HTTPStatus.BAD_REQUEST, **words.dead())
        return form_page("unsubscribe.html", HTTPStatus.OK, **words.question(topic, token))

    async def act(self, request: Request) -> Response:
        """Switch the topic off. A second time it is off already, and the answer is the same.

        No cookie is looked at, so that no other site can send a form that has more behind it than the token it knows.
        """
        words = words_for(request)
        client = client_of(request, self._app.settings.trusted_proxies)
        try:
            token = await _token(request)
            user_id, topic = unsubscribing.read(self._app, token)
            await self._count(user_id)
            await unsubscribing.unsubscribe(self._app, token, client)
        except BadRequestError as error:
            raise HTTPException(error.status, error.message) from error
        except InvalidTokenError:
            return form_page("unsubscribe.html", HTTPStatus.BAD_REQUEST, **words.dead())
        except RateLimited as error:
            return problem(
                HTTPStatus.TOO_MANY_REQUESTS, error.code, error.message, retryAfter=math.ceil(error.retry_after)
            )
        return form_page("unsubscribe.html", HTTPStatus.OK, **words.done(topic))

    async def _count(self, user_id: int) -> None:
        """Raise RateLimited for a reader who does nothing else. By networks it is not counted: a provider has few."""
        if not self._app.settings.rate_limits:
            return
        retry_after = await self._app.limits.hit(f"unsubscribe:{user_id}", limit=LIMIT, window=WINDOW)
        if retry_after > 0:
            raise RateLimited(retry_after)


async def _token(request: Request) -> str:
    """The token of our page's form, else that of the address: what one click posts says nothing more.

    Its body may be a form of either kind; of what is not ours nothing is read. Raises BadRequestError.
    """
    body = await read_body(request, LARGEST)
    given = request.query_params.get("token", "")
    if given or request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        return given
    try:
        members = parse_qs(body.decode("ascii"), errors="strict", max_num_fields=FIELDS)
    except ValueError as error:
        raise BadRequestError(HTTPStatus.BAD_REQUEST, "The form cannot be read.") from error
    return members.get("token", [""])[0]
