"""HTML pages: a template, and the policy of what it may load."""

import secrets
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from starlette.responses import HTMLResponse, Response

TEMPLATES = Path(__file__).parent / "templates"


def page(template: str, policy: str, *, headers: Mapping[str, str] | None = None, **values: object) -> Response:
    """A rendered template, which nobody may keep, under a content security policy."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # ruff: ignore[import-outside-top-level] -- start time

    environment = Environment(loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, autoescape=True)
    return HTMLResponse(
        environment.get_template(template).render(values),
        headers={"Content-Security-Policy": policy, "Cache-Control": "no-store", **(headers or {})},
    )


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
