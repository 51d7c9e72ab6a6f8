"""`python -m adapters.database migrate | pending | make NAME | empty NAME | downgrade TARGET`, on DATABASE_URL."""

import argparse
import asyncio
import sys

from adapters.database.history import pending
from adapters.database.migrating import downgrade, make, make_empty, migrate
from core.environment import load_settings
from core.errors import PorchlightError
from core.settings import SettingsError


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m adapters.database", description="The schema of DATABASE_URL.")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("migrate", help="apply what is pending")
    up.add_argument("target", nargs="?", help="the last migration to apply; all by default")
    commands.add_parser("pending", help="list what is pending; status 1 if anything is")
    new = commands.add_parser("make", help="write the migration that the models ask for")
    new.add_argument("name")
    empty = commands.add_parser("empty", help="write a migration to be filled in by hand")
    empty.add_argument("name")
    down = commands.add_parser("downgrade", help="undo the migrations after TARGET")
    down.add_argument("target", help="a migration, or zero")
    return parser


def main(arguments: list[str], url: str) -> int:
    """Run one command and give its exit status."""
    asked = _parser().parse_args(arguments)
    match asked.command:
        case "migrate":
            return _say(asyncio.run(migrate(url, asked.target)), "Nothing to apply.")
        case "downgrade":
            return _say(asyncio.run(downgrade(url, asked.target)), "Nothing to undo.")
        case "pending":
            names = asyncio.run(pending(url))
            return _say(names, "Nothing is pending.") or bool(names)
        case "make":
            file = asyncio.run(make(asked.name))
            return _say([str(file)] if file else [], "The models ask for nothing.")
        case _:
            return _say([str(make_empty(asked.name))], "")


def _say(lines: list[str], otherwise: str) -> int:
    sys.stdout.write("".join(f"{line}\n" for line in lines or [otherwise]))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:], load_settings().database_url))
    except SettingsError as error:
        sys.exit("\n".join(error.problems))
    except PorchlightError as error:
        sys.exit(error.message)
    except LookupError as error:  # a target that names none of the migrations
        sys.exit(str(error))
