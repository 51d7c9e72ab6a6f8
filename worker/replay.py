"""`make fraud-replay`: what other rules would have decided about sign-ups, from the machine that runs the server."""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from core import program
from core.settings import Settings, SettingsError
from services.app import open_app
from services.fraud import Rules, RulesError, read_rules
from services.fraud.replay import Replayed, replay

LOOKS_BACK = timedelta(days=90)


async def replayed(settings: Settings, rules: Rules, since: datetime | None) -> list[str]:
    """The lines of the report."""
    async with open_app(settings) as app:
        start = since or app.clock.now() - LOOKS_BACK
        return _report(await replay(rules, since=start), app.fraud_rules.version, rules.version, start)


def _report(found: Replayed, before: str, after: str, since: datetime) -> list[str]:
    lines = [f"{found.total} sign-ups since {since:%Y-%m-%d}, judged by rules {after}; today's are {before}."]
    if found.passed_over:
        lines.append(f"{found.passed_over} more have features of another version.")
    lines.extend(
        f"  {old:<9} -> {new:<9} {count:>8}{'' if old is new else '  changed'}"
        for (old, new), count in sorted(found.moves.items())
    )
    return [*lines, f"{found.changed} would be decided otherwise."]


def rules_in(name: str) -> Rules:
    """The rule set of the file. Raises SettingsError."""
    if not name:
        raise SettingsError(["RULES: a file of rules, such as a changed copy of fraud-rules.yaml"])
    try:
        return read_rules(Path(name))
    except RulesError as error:
        raise SettingsError([f"RULES: {error}"]) from error


def day_of(text: str) -> datetime | None:
    """The beginning of a day in UTC; None when none is given. Raises SettingsError."""
    if not text:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise SettingsError(["SINCE: a day such as 2026-11-01 would be right"]) from error


def main(settings: Settings) -> int:
    """The exit status. Raises SettingsError, Unavailable."""
    name, day = (*sys.argv[1:3], "", "")[:2]
    print(*asyncio.run(replayed(settings, rules_in(name), day_of(day))), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(program.run(main))
