"""`make restore`: brings a backup into an empty database, and sees that it is whole. docs/operations.md."""

import asyncio
import json
import sys
from pathlib import Path

from adapters.database.dumps import load, put_back, remains
from adapters.database.history import on_disk
from adapters.database.migrating import migrate
from core import program
from core.settings import Settings
from services import audit
from services.app import open_app
from worker.audit import head_of
from worker.backup import MANIFEST, BackupError, Manifest, digest, files_of, kept_beside


async def restore(settings: Settings, folder: Path) -> list[str]:
    """What there is to say after a backup was restored. Raises BackupError, DumpError, BrokenChainError."""
    manifest = checked(folder)
    database = next((folder / name for name in manifest.files if name.startswith("database.")), None)
    if database is None:
        raise BackupError(f"{folder} holds no database.")
    if (database.suffix == ".dump") == settings.database_url.startswith("sqlite"):
        raise BackupError(f"{database.name} is not a backup of such a database as DATABASE_URL names.")
    await load(settings.database_url, database)
    await asyncio.to_thread(_beside, settings, folder)
    migrated = await migrate(settings.database_url)
    async with open_app(settings) as app:
        end = await audit.verify(app, head_of(manifest.audit_head))
    lines = [f"{folder} of {manifest.made_at} is restored, and SECRET_KEY opens its keys."]
    lines += [f"Migrated to {migrated[-1]}."] if migrated else []
    return [*lines, f"{end.sequence} events of the audit log are as they were written.", *AFTERWARDS]


AFTERWARDS = (
    "What happened since then is not in it: sessions that ended may live again, and letters that were sent may be sent",
    "once more. docs/operations.md says what to do about it before anybody is let in.",
)


def checked(folder: Path) -> Manifest:
    """What a backup says of itself, after all of it was found to be there. Raises BackupError."""
    try:
        manifest = Manifest(**json.loads((folder / MANIFEST).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise BackupError(f"{folder} is not a backup that was completed: {error}") from error
    found = {str(file.relative_to(folder)): digest(file) for file in files_of(folder)}
    if wrong := sorted(name for name in manifest.files | found if manifest.files.get(name) != found.get(name)):
        raise BackupError(f"These files of {folder} are not what they were: {', '.join(wrong)}.")
    if manifest.migration not in on_disk("migrations"):
        raise BackupError(f"{folder} was made by a newer release: its last migration is {manifest.migration}.")
    return manifest


def _beside(settings: Settings, folder: Path) -> None:
    """Put back what lay beside the database, where nothing lies yet."""
    for name, place in kept_beside(settings).items():
        for file in files_of(folder / name) if (folder / name).is_dir() else [folder / name]:
            there = place / file.relative_to(folder / name)
            if file.is_file() and not remains(there):
                put_back(file, there)


def main(settings: Settings) -> int:
    """The exit status. Raises SettingsError, BackupError, DumpError, Unavailable."""
    print(*asyncio.run(restore(settings, Path(sys.argv[1]))), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(program.run(main))
