"""`/dev/outbox`: the mail that was sent, while the outbox folder serves and never in production."""

import asyncio

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from adapters.mail import OutboxMail
from web.pages import page

SHOWN = 100
# A letter's HTML is shown in a frame without scripts, forms or our origin.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-src 'self'; frame-ancestors 'self'"


class OutboxPages:
    """A list, and a letter."""

    def __init__(self, mail: OutboxMail, hosts: frozenset[str]) -> None:
        self._mail = mail
        self._hosts = hosts

    async def index(self, request: Request) -> Response:
        """The newest letters first. Raises a 404 for a host that is not ours."""
        self._require_own_host(request)
        letters = await asyncio.to_thread(self._mail.messages, SHOWN)
        return page("outbox.html", POLICY, letters=letters, letter=None)

    async def letter(self, request: Request) -> Response:
        """One letter. Raises a 404 for a name that is none."""
        self._require_own_host(request)
        letter = await asyncio.to_thread(self._mail.message, request.path_params["name"])
        if letter is None:
            raise HTTPException(404)
        return page("outbox.html", POLICY, letters=[], letter=letter)

    def _require_own_host(self, request: Request) -> None:
        """A foreign name that points to this machine (DNS rebinding) must not let its page read the letters."""
        if request.url.hostname not in self._hosts:
            raise HTTPException(404)
