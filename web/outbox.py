"""`/dev/outbox`: the mail that was sent, while the outbox folder serves and never in production."""

import asyncio
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from adapters.mail import OutboxMail

TEMPLATES = Path(__file__).parent / "templates"
SHOWN = 100
# A letter's HTML is shown in a frame without scripts, forms or our origin.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-src 'self'; frame-ancestors 'self'"


class OutboxPages:
    """A list, and a letter."""

    def __init__(self, mail: OutboxMail) -> None:
        self._mail = mail

    async def index(self, _: Request) -> Response:
        """The newest letters first."""
        letters = await asyncio.to_thread(self._mail.messages, SHOWN)
        return _page("outbox.html", letters=letters, letter=None)

    async def letter(self, request: Request) -> Response:
        """One letter. Raises a 404 for a name that is none."""
        letter = await asyncio.to_thread(self._mail.message, request.path_params["name"])
        if letter is None:
            raise HTTPException(404)
        return _page("outbox.html", letters=[], letter=letter)


def _page(template: str, **values: object) -> Response:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # ruff: ignore[import-outside-top-level] -- start time

    environment = Environment(loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, autoescape=True)
    return HTMLResponse(
        environment.get_template(template).render(values),
        headers={"Content-Security-Policy": POLICY, "Cache-Control": "no-store"},
    )
