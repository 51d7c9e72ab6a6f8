"""Pages over HTTP: a plain ASGI application that finds the place, keeps strangers' forms out, and renders."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from adapters.payments.simulated.faults import StripeFault
from adapters.payments.simulated.pages import checkout, invoices, portal, words
from adapters.payments.simulated.pages.visits import (
    PREFIX,
    Answer,
    Moved,
    Place,
    ProblemError,
    Shown,
    Visit,
    notice,
    unknown,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, MutableMapping

    from jinja2 import Environment

    from adapters.payments.simulated.server import SimulatedStripe

    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

TEMPLATES = Path(__file__).parent / "templates"
LARGEST, FIELDS = 16_384, 12
"""Bytes and members of a form; ours have six."""
HOST = re.compile(r"[\w.:\[\]-]+", re.ASCII)
ID = r"(?P<id>[\w.-]{1,255})"
PLACES = (
    Place(f"/checkout/{ID}", checkout.show, checkout.act, checkout.show),
    Place(f"/checkout/{ID}/authenticate", checkout.show_bank, checkout.act_at_bank, checkout.show),
    Place(f"/invoices/{ID}(?:/pdf)?", invoices.show, invoices.act, invoices.show),
    Place(f"/invoices/{ID}/authenticate", invoices.show_bank, invoices.act_at_bank, invoices.show),
    Place(f"/authenticate/{ID}", invoices.show_intent, invoices.act_on_intent, invoices.show_intent),
    Place(f"/portal/{ID}", portal.show, portal.act, portal.show),
    Place(f"/portal/{ID}/authenticate", portal.show_bank, portal.act_at_bank, portal.show),
)


class Pages:
    """The pages over one server's documents, at whatever address ends in `PREFIX` and what is below it."""

    def __init__(self, site: SimulatedStripe) -> None:
        self._site = site

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        found = _found(scope["path"])
        if found is None:
            answer: Answer = unknown()
        elif scope["method"] in {"GET", "HEAD"}:
            answer = self._within(found[0].show, found[1], {}, None)
        elif scope["method"] == "POST":
            answer = self._acted(*found, headers, await _body(receive))
        else:
            answer = notice(
                "Not like this", "Pages are read, and forms are sent.", status=HTTPStatus.METHOD_NOT_ALLOWED
            )
        await _send(send, answer)

    def _acted(self, place: Place, name: str, headers: dict[str, str], body: bytes | None) -> Answer:
        """What a form leads to: it is done wholly, or the page says why not."""
        if not _is_own(headers):
            return notice("Not from here", "The form was sent from another site.", status=HTTPStatus.FORBIDDEN)
        form = _form(body)
        if form is None:
            return notice("Not readable", "This is not the form of the page.", status=HTTPStatus.BAD_REQUEST)
        try:
            return self._within(place.act, name, form, None)
        except ProblemError as error:
            problem = str(error)
        except StripeFault as fault:
            problem = words.problem(fault)
        return self._within(place.again, name, form, problem)

    def _within(self, step: Callable[[Visit], Answer], name: str, form: dict[str, str], problem: str | None) -> Answer:
        """One step in one transaction, at a moment at which all that was due has happened."""
        self._site.advance()
        with self._site.store.change(self._site.now()) as docs:
            answer = step(Visit(docs, name, form))
        if problem is None or isinstance(answer, Moved):
            return answer
        values = {**answer.values, "problem": problem}
        return Shown(answer.template, values, HTTPStatus.UNPROCESSABLE_ENTITY, answer.leads_to)


def _found(path: str) -> tuple[Place, str] | None:
    """The place of an address, and the id in it."""
    rest = path.partition(PREFIX)[2]
    for place in PLACES:
        match = re.fullmatch(place.pattern, rest, re.ASCII)
        if match:
            return place, match["id"]
    return None


def _is_own(headers: dict[str, str]) -> bool:
    """Whether a form stands on our own page, as far as the browser says."""
    origin, site = headers.get("origin", "null"), headers.get("sec-fetch-site", "same-origin")
    own = origin == "null" or urlsplit(origin).netloc == headers.get("host")
    return own and site in {"same-origin", "none"}


def _form(body: bytes | None) -> dict[str, str] | None:
    """The members of a form; None for what is none."""
    try:
        pairs = parse_qsl((body or b"\xff").decode("ascii"), True, errors="strict", max_num_fields=FIELDS)  # ruff: ignore[boolean-positional-value-in-call] -- blank values are kept
    except ValueError:
        return None
    return dict(pairs)


async def _body(receive: Receive) -> bytes | None:
    """The body of a request; None for one that is too large."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > LARGEST:
            return None
    return body


async def _send(send: Send, answer: Answer) -> None:
    headers = {"cache-control": "no-store", "referrer-policy": "no-referrer", "x-content-type-options": "nosniff"}
    if isinstance(answer, Moved):
        status, body = HTTPStatus.SEE_OTHER, b""
        headers["location"] = answer.address
    else:
        nonce = secrets.token_urlsafe(16)
        status, body = HTTPStatus(answer.status), _rendered(answer, nonce)
        parts = [urlsplit(address) for address in answer.leads_to if address]
        origins = {f"{part.scheme}://{part.netloc}" for part in parts if HOST.fullmatch(part.netloc)}
        headers["content-type"] = "text/html; charset=utf-8"
        headers["content-security-policy"] = (
            f"default-src 'none'; style-src 'nonce-{nonce}'; img-src data:; base-uri 'none'; frame-ancestors 'none'; "
            + " ".join(["form-action 'self'", *sorted(origins)])
        )
    headers["content-length"] = str(len(body))
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def _rendered(page: Shown, nonce: str) -> bytes:
    values = {"problem": None, **page.values, "nonce": nonce}
    return _templates().get_template(page.template).render(values).encode()


@cache
def _templates() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # ruff: ignore[import-outside-top-level] -- start time

    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
