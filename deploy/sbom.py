"""`make sbom`: what Porchlight consists of, as CycloneDX in build/: the server's wheels and the scripts of GraphiQL.

CycloneDX's own tool lists what is installed; what the lock of the server does not name is left out of it.
"""

import json
import re
import subprocess  # ruff: ignore[suspicious-subprocess-import] -- npm and CycloneDX's tool are programs
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from web.graphiql.build import FRONTEND, node_and_npm

ROOT = Path(__file__).resolve().parent.parent
WHEELS, SCRIPTS = "porchlight.cdx.json", "graphiql.cdx.json"
PINNED = re.compile(r"^([\w.-]+)(?:\[[\w,-]+\])?==", re.MULTILINE)

Bill = dict[str, Any]


def wheels() -> Bill:
    """The bill of what the server runs on."""
    command = [
        sys.executable,
        "-m",
        "cyclonedx_py",
        "environment",
        "--output-reproducible",
        "--no-validate",
        "--of=JSON",
    ]
    listed: Bill = json.loads(_output([*command, sys.executable], ROOT))
    pinned = {
        canonicalize_name(name) for name in PINNED.findall((ROOT / "requirements.txt").read_text(encoding="utf-8"))
    }
    kept = [each for each in listed["components"] if canonicalize_name(each["name"]) in pinned]
    named = {each["bom-ref"] for each in kept}
    edges = [each for each in listed["dependencies"] if each["ref"] in named]
    top = {"type": "application", "bom-ref": "porchlight", "name": "porchlight", "version": version()}
    listed["metadata"]["component"] = top
    return {**listed, "components": kept, "dependencies": [{"ref": "porchlight", "dependsOn": sorted(named)}, *edges]}


def scripts() -> Bill:
    """The bill of what is bundled into GraphiQL's page, as npm reads it from the lock."""
    _, npm = node_and_npm()
    with tempfile.TemporaryDirectory() as folder:
        for name in ("package.json", "package-lock.json"):
            read = json.loads((FRONTEND / name).read_text(encoding="utf-8"))
            read["version"] = version()  # npm makes no bill of what has none
            Path(folder, name).write_text(json.dumps(read), encoding="utf-8")
        command = [*npm, "sbom", "--package-lock-only", "--sbom-format=cyclonedx", "--legacy-peer-deps"]
        listed: Bill = json.loads(_output(command, Path(folder)))
    return listed


def version() -> str:
    """The version of this tree."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])


def _output(command: list[str | Path], folder: Path) -> str:
    done = subprocess.run(  # ruff: ignore[subprocess-without-shell-equals-true] -- each command is written here
        command, cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def main() -> int:
    """Write both bills; the exit status."""
    folder = ROOT / "build"
    folder.mkdir(exist_ok=True)
    for name, bill in ((WHEELS, wheels()), (SCRIPTS, scripts())):
        (folder / name).write_text(json.dumps(bill, indent=2) + "\n", encoding="utf-8")
        print(f"build/{name}: {len(bill['components'])} components.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
