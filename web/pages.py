"""HTML pages: a template, and the policy of what it may load."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from services.languages import Phrase, Reader, reader_of
from services.languages.catalogues import translations

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
LONGEST_LANGUAGES = 200
"""Characters of an Accept-Language that are looked at."""


def reader_for(request: Request) -> Reader:
    """Who reads in the language that their browser asks for first; English where we have no such."""
    first = request.headers.get("accept-language", "")[:LONGEST_LANGUAGES].partition(",")[0]
    return reader_of(first.partition(";")[0].strip())


def page(
    template: str,
    policy: str,
    *,
    headers: Mapping[str, str] | None = None,
    reader: Reader | None = None,
    **values: object,
) -> Response:
    """A rendered template, which nobody may keep, under a content security policy; its phrases in a reader's words."""
    reader = reader or reader_of(None)
    told = {name: reader.tell(value) if isinstance(value, Phrase) else value for name, value in values.items()}
    return HTMLResponse(
        _environment(reader.language).get_template(template).render(told),
        headers={"Content-Security-Policy": policy, "Cache-Control": "no-store", **(headers or {})},
    )


@cache
def _environment(language: str) -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # ruff: ignore[import-outside-top-level] -- start time

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, autoescape=True, extensions=["jinja2.ext.i18n"]
    )
    environment.globals["language"] = language
    environment.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined]
    return environment


def form_page(template: str, status: HTTPStatus, **values: Any) -> Response:
    """A page of our own style that may send its form, and do nothing else."""
    nonce = secrets.token_urlsafe(16)
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; img-src data:; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )
    answer = page(template, policy, nonce=nonce, **values)
    answer.status_code = status
    return answer
