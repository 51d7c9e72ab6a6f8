"""Headers that tell a browser what it may do with an answer, and with the site that it came from (ADR 0061)."""

from collections.abc import Iterable

from core.settings import Settings

Header = tuple[bytes, bytes]

EVERYWHERE: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
DATA: Header = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
"""The policy of what is no page: shown as one all the same, it loads and runs nothing."""
PAGES: tuple[Header, ...] = (
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"),
)
"""What only pages have to say. They bring their own content security policy."""
TLS_ONLY: Header = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
"""A year, as ASVS 3.4.1 has it. Kept to production: elsewhere the name is often localhost, which others share."""
BARE: tuple[Header, ...] = (*EVERYWHERE, DATA)
"""Those of what is refused before any application has seen it."""


class Protection:
    """The headers of one site's answers."""

    def __init__(self, settings: Settings) -> None:
        always = [*EVERYWHERE]
        if settings.production and settings.public_url.startswith("https:"):
            always.append(TLS_ONLY)
        self._pages = (*always, *PAGES)
        self._data = (*always, DATA)

    def of(self, headers: Iterable[Header]) -> tuple[Header, ...]:
        """What to add to an answer with these headers: a page is what has a policy."""
        for name, _ in headers:
            if name == DATA[0]:
                return self._pages
        return self._data
