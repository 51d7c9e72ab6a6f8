"""Where a program's settings come from: `.env`, the environment, and a secret of its own in development."""

import fcntl
import os
import re
import secrets
from dataclasses import replace
from pathlib import Path

from dotenv import dotenv_values

from core.settings import Settings, SettingsError, read_settings

VAR = Path("var")
_KEPT = re.compile(rb"[A-Za-z0-9_-]+")


def load_settings() -> Settings:
    """The settings of this process. The environment wins over `.env`. Raises SettingsError."""
    settings = read_settings({**_dot_env(), **os.environ})
    if settings.secret_key:
        return settings
    file = VAR / "secret_key"
    try:
        return replace(settings, secret_key=(kept_secret(file),))
    except OSError as error:
        message = (
            f"SECRET_KEY: {file} cannot be kept ({error.strerror}); a folder to write to, or a key, would be right"
        )
        raise SettingsError([message]) from error


def kept_secret(path: Path, *, size: int = 48) -> str:
    """The random secret in `path`, made of `size` bytes at the first call. Several processes may call at once.

    A file that holds less than such a secret, as after a crash or on a full disk, is written anew: an empty key
    would let anybody sign. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # until the file is closed
        os.fchmod(file.fileno(), 0o600)
        kept = file.read().strip()
        fresh = secrets.token_urlsafe(size)
        if len(kept) >= len(fresh) and _KEPT.fullmatch(kept):
            return kept.decode("ascii")
        file.seek(0)
        file.truncate()
        file.write(fresh.encode("ascii"))
        file.flush()
        os.fsync(file.fileno())
        return fresh


def _dot_env() -> dict[str, str]:
    try:
        return {name: value or "" for name, value in dotenv_values(".env").items()}
    except (OSError, ValueError) as error:
        raise SettingsError([f".env: cannot be read ({error}); lines of NAME=value in UTF-8 would be right"]) from error
