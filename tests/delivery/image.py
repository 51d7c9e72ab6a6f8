"""What the Dockerfile makes, as far as it can be had without an engine: its last stage read, its tree laid out."""

import compileall
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from fnmatch import translate
from pathlib import Path
from py_compile import PycInvalidationMode

ROOT = Path(__file__).resolve().parent.parent.parent
DOCKERFILE = ROOT / "deploy/docker/Dockerfile"
NO_POWERS = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs")
"""What `cap_drop: [ALL]` leaves of root: somebody who may write where the permissions say so, and nowhere else."""


@dataclass(frozen=True)
class LastStage:
    """What is said of the image that runs."""

    environment: dict[str, str]
    user: str
    folder: str
    command: list[str]
    health: list[str]
    copied: list[str]


def last_stage() -> LastStage:
    """The Dockerfile's last stage."""
    stage = DOCKERFILE.read_text().replace("\\\n", " ").rpartition("\nFROM ")[2]
    said = re.findall(r"^([A-Z]+) +(.+)$", stage, re.MULTILINE)
    last = dict(said)
    return LastStage(
        environment=dict(re.findall(r"(\w+)=(\S+)", last["ENV"])),
        user=last["USER"],
        folder=last["WORKDIR"],
        command=json.loads(last["CMD"]),
        health=json.loads(last["HEALTHCHECK"].partition("CMD ")[2]),
        copied=[rest for word, rest in said if word == "COPY"],
    )


def in_context(name: str) -> bool:
    """Whether .dockerignore lets a file in: the last line that matches it or a folder above it decides."""
    parts = name.split("/")
    paths = ["/".join(parts[:length]) for length in range(1, len(parts) + 1)]
    inside = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        if any(_pattern(pattern.removeprefix("!")).fullmatch(path) for path in paths):
            inside = pattern.startswith("!")
    return inside


def _pattern(glob: str) -> re.Pattern[str]:
    anywhere = glob.startswith("**/")
    middle = translate(glob.removeprefix("**/")).replace(".*", "[^/]*")
    return re.compile(f"(?:.*/)?{middle}" if anywhere else middle)


def lay_out(folder: Path, files: list[str]) -> None:
    """Put the tree into `folder` as the image has it: what .dockerignore lets in, compiled, not to be written to."""
    for name in filter(in_context, files):
        if not name.startswith("web/graphiql/frontend/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    compileall.compile_dir(folder, quiet=1, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)
    (folder / "var").mkdir()
    for path in [folder, *folder.rglob("*")]:
        if path.name != "var":
            path.chmod(0o555 if path.is_dir() else 0o444)


def listing(folder: Path) -> dict[str, int]:
    """Every file of a tree, with the time of its last change."""
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*")}


def started(command: list[str], folder: Path, environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    """A command in a container's place: `python` is this interpreter, nothing of our own environment is known."""
    powers = NO_POWERS if os.geteuid() == 0 else ()
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    with log.open("ab") as written:
        return subprocess.Popen(
            [*powers, *command],
            cwd=folder,
            env={**environment, "PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=subprocess.STDOUT,
        )
