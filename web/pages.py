"""HTML pages: a template, and the policy of what it may load."""

from collections.abc import Mapping
from pathlib import Path

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
