"""The tour runs as it is printed: each command in order, each output compared."""

import re
import shutil
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.program import served

ROOT = Path(__file__).resolve().parent.parent
TOUR = ROOT / "docs" / "tour.md"
STEP = re.compile(r"```sh\n(?P<commands>.*?)```\n\n```(?:json|text)\n(?P<output>.*?)```", re.DOTALL)


@pytest.fixture
def address(tmp_path: Path) -> Generator[str]:
    """Where a server answers that was started as a user starts it, in an empty folder."""
    with served(tmp_path) as port:
        yield f"localhost:{port}"


def matches(printed: str, output: str) -> bool:
    """Whether `output` is what is printed, with anything in place of each ellipsis."""
    pattern = ".*?".join(re.escape(part) for part in printed.strip().split("…"))
    return re.fullmatch(pattern, output.strip()) is not None


def test_the_tour_runs_as_it_is_printed(address: str, tmp_path: Path) -> None:
    """With curl and a WebSocket client, one shell from beginning to end."""
    steps = [match.groupdict() for match in STEP.finditer(TOUR.read_text(encoding="utf-8"))]
    assert len(steps) == TOUR.read_text(encoding="utf-8").count("```sh\n") == 15
    mark = "-- end of step --"
    script = "\n".join(f"{step['commands']}\necho\necho '{mark}'" for step in steps)
    script = script.replace("localhost:8000", address).replace(".venv/bin/python", sys.executable)
    if not shutil.which("curl"):
        script = f'curl() {{ {sys.executable} {ROOT / "tests" / "curl.py"} "$@"; }}\n{script}'
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    outputs = done.stdout.split(f"\n{mark}\n")[:-1]
    for step, output in zip(steps, outputs, strict=True):
        assert matches(step["output"], output), f"{step['commands']}\n{output}"


def test_the_comparison_can_fail() -> None:
    """An ellipsis stands for anything on its line, and nothing else does."""
    assert matches("a…c", "abbc")
    assert not matches("a…c", "abbd")
    assert not matches("a", "a\nb")
