"""Cookie mode over HTTP: for browsers whose scripts shall never hold a token.

Cookies count only in a request that says so by a header of ours. A page of another origin cannot send that header
without the leave of CORS, so cookies alone make nobody act: that is the protection against forged requests.
"""

from datetime import datetime, timedelta

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from core.settings import Settings
from schema.cookies import Cookies

HEADER = "Porchlight-Session"
MODE = "cookie"
DEVICE_LIFETIME = timedelta(days=400)
"""The longest that browsers keep a cookie: RFC 6265bis, section 5.5."""


class CookieJar:
    """Reads and writes the cookies of one site. Over TLS they bear the prefix that ties them to this host."""

    def __init__(self, settings: Settings) -> None:
        self._secure = settings.public_url.startswith("https:")
        self._prefix = "__Host-" if self._secure else ""

    def read(self, request: Request) -> Cookies | None:
        """The request's cookies when it is in cookie mode."""
        if request.headers.get(HEADER, "").strip().lower() != MODE:
            return None
        access, refresh, device = (request.cookies.get(self._name(part)) for part in ("access", "refresh", "device"))
        return Cookies(access or None, refresh or None, device or None)

    def access_token(self, connection: HTTPConnection) -> str | None:
        """The access token that a socket's handshake brought along; its origin is checked elsewhere."""
        return connection.cookies.get(self._name("access")) or None

    def write(self, cookies: Cookies, response: Response, now: datetime) -> None:
        """Put what has changed into the answer."""
        if cookies.tokens is not None:
            tokens = cookies.tokens
            self._set(response, "access", tokens.access_token, tokens.access_token_expires_at - now)
            self._set(response, "refresh", tokens.refresh_token, tokens.refresh_token_expires_at - now)
        elif cookies.ended:
            for part in ("access", "refresh"):
                self._set(response, part, "", timedelta())
        if cookies.device_token is not None:
            self._set(response, "device", cookies.device_token, DEVICE_LIFETIME)

    def _set(self, response: Response, part: str, value: str, lifetime: timedelta) -> None:
        response.set_cookie(
            self._name(part),
            value,
            max_age=max(0, int(lifetime.total_seconds())),
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="lax",
        )

    def _name(self, part: str) -> str:
        return f"{self._prefix}porchlight-{part}"
