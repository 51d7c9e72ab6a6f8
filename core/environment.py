"""Where a program's settings come from: `.env`, the environment, and a secret of its own in development."""

import os
import secrets
from dataclasses import replace
from pathlib import Path

from dotenv import dotenv_values

from core.settings import Settings, read_settings

VAR = Path("var")


def load_settings() -> Settings:
    """The settings of this process. The environment wins over `.env`. Raises SettingsError."""
    from_file = {name: value or "" for name, value in dotenv_values(".env").items()}
    settings = read_settings({**from_file, **os.environ})
    if settings.secret_key:
        return settings
    return replace(settings, secret_key=(kept_secret(VAR / "secret_key"),))


def kept_secret(path: Path, *, size: int = 48) -> str:
    """The random secret in `path`, made of `size` bytes at the first call. Several processes may call at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(size))
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_text(encoding="ascii").strip()
