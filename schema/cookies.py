"""Cookie mode: what a browser's cookies brought, and what they will hold after the answer."""

from dataclasses import dataclass

from services import sessions


@dataclass
class Cookies:
    """The cookies of one request. A client that asks for them gets no token as data."""

    access: str | None = None
    refresh: str | None = None
    device: str | None = None
    tokens: sessions.Tokens | None = None
    """To be set with the answer."""
    device_token: str | None = None
    """To be set with the answer."""
    ended: bool = False
    """Whether the answer takes the session's cookies away."""

    def keep(self, tokens: sessions.Tokens) -> None:
        """Set these tokens with the answer."""
        self.tokens, self.ended = tokens, False

    def end(self) -> None:
        """Take the session's cookies away with the answer."""
        self.tokens, self.ended = None, True
