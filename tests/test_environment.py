import multiprocessing
import re
import stat
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest

from core import program
from core.environment import kept_secret, load_settings
from core.settings import VARIABLES, Settings, SettingsError

SECRET = re.compile(r"[A-Za-z0-9_-]{64}")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to start in, and an empty environment."""
    monkeypatch.chdir(tmp_path)
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    return tmp_path


def test_dot_env_is_read_and_the_environment_wins(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line of .env counts unless the environment says otherwise; `#` begins a comment, quotes are taken off."""
    (folder / ".env").write_text("# mine\nPORT=8100\nLOG_LEVEL='debug'\nexport GRAPHIQL=off\nRATE_LIMITS\n")
    monkeypatch.setenv("LOG_LEVEL", "error")
    settings = load_settings()
    assert (settings.port, settings.log_level, settings.graphiql, settings.rate_limits) == (8100, "error", "off", True)


def test_empty_variable_hides_the_line_of_dot_env(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Setting a variable to nothing is the way back to its default."""
    (folder / ".env").write_text("PORT=8100\n")
    monkeypatch.setenv("PORT", "")
    assert load_settings().port == 8000


def test_dot_env_that_is_no_text_is_named(folder: Path) -> None:
    """Bytes that are no UTF-8 stop the start with a sentence."""
    (folder / ".env").write_bytes(b"PORT=\xff\xfe\n")
    with pytest.raises(SettingsError, match=r"^\.env: cannot be read") as caught:
        load_settings()
    assert caught.value.problems[0].endswith("lines of NAME=value in UTF-8 would be right")


def test_secret_is_made_once_and_is_private(folder: Path) -> None:
    """Development gets a key of its own, which later starts find again and nobody else may read."""
    first = load_settings().secret_key
    file = folder / "var" / "secret_key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert SECRET.fullmatch(first[0])
    assert load_settings().secret_key == first
    assert [entry.name for entry in (folder / "var").iterdir()] == ["secret_key"]


def test_given_secret_is_used_and_none_is_made(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With SECRET_KEY nothing is written."""
    monkeypatch.setenv("SECRET_KEY", "k" * 40)
    assert load_settings().secret_key == ("k" * 40,)
    assert not (folder / "var").exists()


@pytest.mark.parametrize(
    "left", [b"", b"\n", b"abc", b"A" * 63, b"\0" * 64, b"\xff" * 64, b"A" * 32 + b" " + b"A" * 32]
)
def test_file_without_a_whole_secret_is_written_anew(folder: Path, left: bytes) -> None:
    """A crash or a full disk leaves no empty key behind, with which anybody could sign."""
    file = folder / "secret"
    file.write_bytes(left)
    secret = kept_secret(file)
    assert SECRET.fullmatch(secret)
    assert file.read_text() == secret
    assert kept_secret(file) == secret


def test_secret_that_others_could_read_becomes_private(folder: Path) -> None:
    """A file that was copied without care keeps its secret and loses its readers."""
    file = folder / "secret"
    file.write_text("A" * 64 + "\n")
    file.chmod(0o644)
    assert kept_secret(file) == "A" * 64
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_threads_agree_on_one_secret(folder: Path) -> None:
    """Whoever comes first makes it, for 32 at once."""
    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(kept_secret, [folder / "secret"] * 32))) == 1


def test_processes_agree_on_one_secret(folder: Path) -> None:
    """Over an empty file too, which each of them finds wanting."""
    (folder / "secret").touch()
    with ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert len(set(pool.map(kept_secret, [folder / "secret"] * 12))) == 1


def test_secret_that_cannot_be_kept_is_a_problem_of_the_settings(folder: Path) -> None:
    """A file where the folder should be stops the start with a sentence."""
    (folder / "var").touch()
    with pytest.raises(SettingsError) as caught:
        load_settings()
    reason = "cannot be kept (File exists); a folder to write to, or a key, would be right"
    assert caught.value.problems == [f"SECRET_KEY: var/secret_key {reason}"]


def test_interrupted_program_says_nothing(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C before there is anything to stop: the usual status and no trace."""

    def interrupted(_: Settings) -> int:
        raise KeyboardInterrupt

    assert program.run(interrupted) == 130
    assert (folder / "var").is_dir()
    assert capfd.readouterr() == ("", "")
