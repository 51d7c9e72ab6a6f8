"""GraphiQL at `GET /graphql` for browsers, from our own origin, where introspection answers.

`make graphiql` builds its scripts; until then a plain page says so. Whoever asks for JSON never meets this room.
"""

import asyncio
import re
from http import HTTPStatus
from pathlib import Path
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

from web.graphiql.build import BUILT
from web.pages import page
from web.requests import prefers_html

ADDRESS = "/static/graphiql"
MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
# As the build names files: by their content. Nothing else in the folder is served.
BUILT_NAME = re.compile(r"[\w.-]+-[A-Z0-9]{8}\.(?:css|js|svg)", re.ASCII)
SOURCES = (
    "default-src 'none'",
    "script-src 'self'",
    "worker-src 'self'",
    "connect-src 'self'",  # WebSockets of our origin too: Content Security Policy Level 3, section 6.7.2.8
    # The editor positions each line of text with a style attribute and writes its theme's colours into a style
    # element, both at run time: neither can bear a nonce or have a hash. Scripts need no such leave.
    "style-src 'self' 'unsafe-inline'",
    "font-src data:",  # the fonts stand inside the style sheet
    "img-src 'self' data:",  # as some of its icons do
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
)
OPERATION = {"query", "documentId", "extensions"}
"""Parameters of an operation, by its text or by an id."""
POLICY = "; ".join(SOURCES)


def graphiql_routes(*, offered: bool, folder: Path = BUILT) -> list[BaseRoute]:
    """The page and what it loads, built into `folder`; nothing at all where it is not `offered`.

    They stand before the route of `/graphql`, which answers whatever the page's own route leaves alone.
    """
    if not offered:
        return []
    graphiql = GraphiQL(folder)
    return [PageRoute("/graphql", graphiql.index), Route(f"{ADDRESS}/{{name}}", graphiql.file)]


class PageRoute(Route):
    """Matches those who would rather have a page than JSON, and bring no operation along."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] == "http" and scope["method"] in {"GET", "HEAD"}:
            request = Request(scope)
            if prefers_html(request.headers.get("accept")) and not OPERATION & request.query_params.keys():
                return super().matches(scope)
        return Match.NONE, {}


class GraphiQL:
    """The page and its files, over the folder of a build."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def index(self, _: Request) -> Response:
        """The page; a plain one while nothing is built."""
        built = await asyncio.to_thread(self._manifest)
        return page("graphiql.html", POLICY, headers={"Vary": "Accept"}, address=ADDRESS, built=built)

    async def file(self, request: Request) -> Response:
        """One file of the build, for browsers to keep. Raises a 404 for every other name."""
        name = request.path_params["name"]
        path = self._folder / name
        if not BUILT_NAME.fullmatch(name) or not await asyncio.to_thread(path.is_file):
            raise HTTPException(HTTPStatus.NOT_FOUND)
        # A worker is bound by the policy that its script came with.
        headers = {"Cache-Control": "public, max-age=31536000, immutable", "Content-Security-Policy": POLICY}
        return FileResponse(path, media_type=MEDIA_TYPES[path.suffix], headers=headers)

    def _manifest(self) -> dict[str, Any] | None:
        """The names of script, style and icon, as the build tells them; read anew, for it may follow the start."""
        try:
            names: dict[str, Any] = orjson.loads((self._folder / "manifest.json").read_bytes())
        except FileNotFoundError:
            return None
        return names
