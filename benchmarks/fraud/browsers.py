"""What people surf with: machines, the headers of their browsers in their order, and what a page can tell of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from benchmarks.fraud.chance import Chance

CHROME, EDGE, SAFARI, FIREFOX, PHONE_SAFARI, PHONE_CHROME = "chrome", "edge", "safari", "firefox", "ios", "android"
DESKTOPS = {CHROME: 0.6, EDGE: 0.14, SAFARI: 0.16, FIREFOX: 0.1}
PHONES = {PHONE_SAFARI: 0.5, PHONE_CHROME: 0.5}
AT_DESK = 0.68
"""Share of sign-ups at a desktop."""
DISTINCT = 0.6
"""Share of desktops whose mark nobody else has; the others are of a common make. Open fingerprinting tells 40 to 60 %
of visitors apart."""
COMMON_DESKTOPS, COMMON_PHONES = 400, 300
"""How many makes (model, system, fonts) the common ones are of, the first ones sold more often."""
NO_MARK = 0.08
"""Share of browsers that give no mark, or another each time."""
FORGETFUL = 7
"""Days after which Safari forgets what a page has stored, when nobody visits it."""

SYSTEMS = {
    CHROME: ("Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10_15_7", "X11; Linux x86_64"),
    EDGE: ("Windows NT 10.0; Win64; x64",),
    SAFARI: ("Macintosh; Intel Mac OS X 10_15_7",),
    FIREFOX: ("Windows NT 10.0; Win64; x64", "X11; Linux x86_64", "Macintosh; Intel Mac OS X 10.15"),
    PHONE_SAFARI: ("iPhone; CPU iPhone OS 18_5 like Mac OS X", "iPhone; CPU iPhone OS 19_1 like Mac OS X"),
    PHONE_CHROME: ("Linux; Android 10; K",),
}
PLATFORMS = {"Win": "Windows", "Mac": "macOS", "X11": "Linux", "iPh": "iOS", "Lin": "Android"}
WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
APPLE = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/{version}.0"
FIRST_VERSIONS = {CHROME: 144, EDGE: 144, FIREFOX: 147, SAFARI: 19, PHONE_SAFARI: 19, PHONE_CHROME: 144}
"""Versions of January 2026. Chrome, Edge and Firefox bring another every four weeks."""

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Machine:
    """A computer or phone with its usual browser. `make` is what its mark is computed from."""

    kind: str
    system: str
    make: str
    locale: str
    timezone: str
    mark_days: float
    """How long its mark stays as it is: fonts, drivers and systems are updated."""
    marked: bool = True

    @property
    def forgets_after(self) -> int | None:
        """Days after which a page's storage is gone without a visit; None for never."""
        return FORGETFUL if self.kind in {SAFARI, PHONE_SAFARI} else None

    @property
    def platform(self) -> str:
        """The operating system."""
        return PLATFORMS[self.system[:3]]

    def mark(self, day: int) -> str | None:
        """What a page computes of it, on a day of the year: the same for machines of one make, locale and zone."""
        if not self.marked:
            return None
        told = f"{self.make}/{self.kind}/{self.locale}/{self.timezone}/{int(day / self.mark_days)}"
        return hashlib.sha256(told.encode()).hexdigest()[:32]

    def headers(self, at: datetime, origin: str) -> Headers:
        """What its browser sends with a page's request, in its order, without the content's."""
        version = FIRST_VERSIONS[self.kind]
        if self.kind in {CHROME, EDGE, PHONE_CHROME, FIREFOX}:
            version += at.timetuple().tm_yday // 28
        return _headers(self, version, origin)


@dataclass
class Profile:
    """A browser profile: what keeps the device token that a page stores. A private window is one that nobody reuses."""

    machine: Machine
    token: str | None = field(default=None, repr=False)
    seen_at: datetime | None = None

    def remembered(self, now: datetime) -> str | None:
        """The token that the page finds in its storage."""
        days = self.machine.forgets_after
        if days is not None and self.seen_at is not None and (now - self.seen_at).days >= days:
            return None
        return self.token

    def visited(self, now: datetime, token: str | None) -> None:
        """Keep what the page stores."""
        self.token, self.seen_at = token or self.token, now


def machine(chance: Chance, locale: str, timezone: str, *, phone: bool | None = None) -> Machine:
    """Somebody's machine."""
    phone = not chance.happens(AT_DESK) if phone is None else phone
    kind = chance.by_share(PHONES if phone else DESKTOPS)
    if phone:
        make = f"phone-{chance.common(range(COMMON_PHONES))}"
    elif chance.happens(DISTINCT):
        make = f"own-{chance.text('0123456789abcdef', 16)}"
    else:
        make = f"desktop-{chance.common(range(COMMON_DESKTOPS))}"
    return Machine(
        kind=kind,
        system=chance.of(SYSTEMS[kind]),
        make=make,
        locale=locale,
        timezone=timezone,
        mark_days=chance.of((45.0, 90.0, 180.0, 365.0)),
        marked=not chance.happens(NO_MARK),
    )


def _headers(machine: Machine, version: int, origin: str) -> Headers:
    language = f"{machine.locale},{machine.locale[:2]};q=0.9,en;q=0.8"
    page = origin + "/"
    if machine.kind == FIREFOX:
        agent = f"Mozilla/5.0 ({machine.system}; rv:{version}.0) Gecko/20100101 Firefox/{version}.0"
        return (
            ("User-Agent", agent), ("Accept", "*/*"), ("Accept-Language", language),
            ("Accept-Encoding", "gzip, deflate, br, zstd"), ("Referer", page), ("Origin", origin),
            ("Sec-Fetch-Dest", "empty"), ("Sec-Fetch-Mode", "cors"), ("Sec-Fetch-Site", "same-origin"),
        )  # fmt: skip
    if machine.kind in {SAFARI, PHONE_SAFARI}:
        phone = " Mobile/15E148" if machine.kind == PHONE_SAFARI else ""
        agent = f"Mozilla/5.0 ({machine.system}) {APPLE.format(version=version)}{phone} Safari/605.1.15"
        return (
            ("Accept", "*/*"), ("Sec-Fetch-Site", "same-origin"), ("Accept-Language", language),
            ("Accept-Encoding", "gzip, deflate, br"), ("Sec-Fetch-Mode", "cors"), ("Origin", origin),
            ("User-Agent", agent), ("Referer", page), ("Sec-Fetch-Dest", "empty"),
        )  # fmt: skip
    mobile = machine.kind == PHONE_CHROME
    suffix = f" Edg/{version}.0.0.0" if machine.kind == EDGE else ""
    agent = f"Mozilla/5.0 ({machine.system}) {WEBKIT} Chrome/{version}.0.0.0{' Mobile' * mobile} Safari/537.36{suffix}"
    brand = "Microsoft Edge" if machine.kind == EDGE else "Google Chrome"
    return (
        ("sec-ch-ua-platform", f'"{machine.platform}"'), ("User-Agent", agent),
        ("sec-ch-ua", f'"Chromium";v="{version}", "{brand}";v="{version}", "Not?A_Brand";v="24"'),
        ("sec-ch-ua-mobile", f"?{int(mobile)}"), ("Accept", "*/*"), ("Origin", origin),
        ("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Mode", "cors"), ("Sec-Fetch-Dest", "empty"),
        ("Referer", page), ("Accept-Encoding", "gzip, deflate, br, zstd"), ("Accept-Language", language),
    )  # fmt: skip


def scripted(kind: str) -> Headers:
    """What a program sends that does not pretend to be a browser."""
    agents = {"requests": "python-requests/2.32.5", "node": "node", "go": "Go-http-client/1.1"}
    return (("User-Agent", agents[kind]), ("Accept-Encoding", "gzip, deflate"), ("Accept", "*/*"))
