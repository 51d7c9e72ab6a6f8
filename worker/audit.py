"""`make audit-verify`: goes through the audit log, from the machine that runs the server."""

import asyncio
import re
import sys
from datetime import datetime, timedelta

from core import program
from core.settings import Settings, SettingsError
from services import audit
from services.app import open_app
from services.audit import BrokenChainError, Head

PATIENCE = timedelta(minutes=2)
"""How long an event may wait for its place before something must be wrong."""
_HEAD = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})", re.ASCII)


async def report(settings: Settings, kept: Head | None) -> list[str]:
    """What there is to say of a log that nobody has changed. Raises BrokenChainError."""
    async with open_app(settings) as app:
        end = await audit.verify(app, kept)
        count, since = await audit.waiting()
        return [*_chained(end), *_waiting(count, since, app.clock.now())]


def _chained(end: Head) -> list[str]:
    if not end.sequence:
        return ["No event has a place in the audit log yet."]
    return [
        f"{end.sequence} events of the audit log are as they were written.",
        "Keep its head elsewhere, to see later that its end was not cut off or written anew:",
        f"  make audit-verify HEAD={end}",
    ]


def _waiting(count: int, since: datetime | None, now: datetime) -> list[str]:
    lines = [f"{count} more wait for their place."] if count else []
    if since is not None and now - since > PATIENCE:
        lines.append(f"The oldest has waited since {since:%Y-%m-%d %H:%M:%S} UTC: does a worker run?")
    return lines


def head_of(text: str) -> Head | None:
    """The head that was kept, or None when none is given. Raises SettingsError."""
    if not text:
        return None
    match = _HEAD.fullmatch(text)
    if match is None:
        raise SettingsError(["HEAD: a number, a colon and 64 hexadecimal digits, as make audit-verify prints it"])
    return Head(int(match[1]), match[2])


def main(settings: Settings) -> int:
    """The exit status: 0 when nothing was changed, 1 for the first event that was. Raises SettingsError."""
    kept = head_of("".join(sys.argv[1:2]))
    try:
        print(*asyncio.run(report(settings, kept)), sep="\n")
    except BrokenChainError as error:
        print(f"The audit log has been changed. {error.message}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(program.run(main))
