"""`make backup`: writes down what a lost machine would take along, while everything runs on. docs/operations.md."""

import asyncio
import hashlib
import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import unquote

from adapters.database import open_database
from adapters.database.dumps import copy_sqlite, dump
from adapters.database.history import applied
from adapters.payments.opening import SIMULATED_FILE
from core import program
from core.clock import SystemClock
from core.errors import PorchlightError
from core.settings import Settings
from services import audit

MANIFEST = "manifest.json"
SIMULATED, OUTBOX = "simulated-stripe.sqlite3", "outbox"
BLOCK = 1 << 20


class BackupError(PorchlightError):
    """A backup cannot be made there, or is not whole."""


@dataclass(frozen=True)
class Manifest:
    """What a backup says of itself. `files` are their SHA-256 by name; `audit_head` is older than the database."""

    made_at: str
    migration: str
    audit_head: str
    files: dict[str, str]


async def back_up(settings: Settings, to: Path) -> Path:
    """Make a backup below the folder `to`; its own folder, complete or not there. Raises BackupError, DumpError."""
    migrations = await applied(settings.database_url)
    if not migrations:
        raise BackupError("The database of DATABASE_URL has no tables of ours: there is nothing to keep.")
    now = SystemClock().now()
    done = to / f"porchlight-{now:%Y%m%dT%H%M%SZ}"
    unfinished = done.with_suffix(".unfinished")
    if done.exists():
        raise BackupError(f"{done} is there already.")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        unfinished.mkdir(parents=True, mode=0o700)
        await _write(settings, unfinished, now.isoformat(), max(migrations))
        unfinished.rename(done)
    except BaseException as error:  # half a dump holds as much about people as a whole one
        shutil.rmtree(unfinished, ignore_errors=True)
        if isinstance(error, OSError):  # a full disk, a folder that is not to be had
            raise BackupError(f"{done} was not written: {error}.") from error
        raise
    return done


async def _write(settings: Settings, folder: Path, made_at: str, migration: str) -> None:
    head = await _audit_head(settings)
    await dump(settings.database_url, folder)
    await asyncio.to_thread(_beside, settings, folder)
    digests = {str(file.relative_to(folder)): digest(file) for file in files_of(folder)}
    manifest = Manifest(made_at, migration, head, digests)
    (folder / MANIFEST).write_text(json.dumps(asdict(manifest), indent=2) + "\n", encoding="utf-8")


def kept_beside(settings: Settings) -> dict[str, Path]:
    """What is embedded and is no part of the database: the outbox, and what simulated payments remember."""
    kept = {}
    if settings.mail_url.startswith("outbox://"):
        kept[OUTBOX] = Path(unquote(settings.mail_url.removeprefix("outbox://")))
    if settings.payments_url.startswith("simulated://"):
        kept[SIMULATED] = Path(settings.payments_url.removeprefix("simulated://") or SIMULATED_FILE)
    return kept


def files_of(folder: Path) -> Iterator[Path]:
    """The files of a backup, but for what it says of itself."""
    return (file for file in sorted(folder.rglob("*")) if file.is_file() and file.name != MANIFEST)


def digest(file: Path) -> str:
    """The SHA-256 of a file."""
    with file.open("rb") as read:
        return hashlib.file_digest(read, "sha256").hexdigest()


def _beside(settings: Settings, folder: Path) -> None:
    for name, source in kept_beside(settings).items():
        if source.is_dir():
            unfinished = shutil.ignore_patterns(".*")  # letters that are being written are gone the moment after
            shutil.copytree(source, folder / name, ignore=unfinished)
        elif source.is_file():
            copy_sqlite(source, folder / name)


async def _audit_head(settings: Settings) -> str:
    """The end of the audit chain, read before the database is: a whole copy goes through it."""
    database = open_database(settings.database_url, pool_size=1)
    await database.open()
    try:
        with database.bound():
            head = await audit.head()
            return str(head) if head.sequence else ""
    finally:
        await database.close()


def main(settings: Settings) -> int:
    """The exit status. Raises SettingsError, BackupError, DumpError, Unavailable."""
    made = asyncio.run(back_up(settings, Path(sys.argv[1])))
    print(f"{made} is complete. Keep it elsewhere, and SECRET_KEY apart from it: without it nothing sealed is read.")
    return 0


if __name__ == "__main__":
    sys.exit(program.run(main))
