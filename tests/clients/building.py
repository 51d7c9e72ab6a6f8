"""The clients of docs/clients.md, taken out of the page as they are printed, compiled, checked and bundled."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.node import installed

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
PAGE = ROOT / "docs" / "clients.md"
SCHEMA = ROOT / "schema" / "schema.graphql"
FOLDER = HERE / "build"
BLOCK = re.compile(r"```(?:ts|js|json)\n// (?P<name>[\w./-]+)\n(?P<text>.*?)```", re.DOTALL)


def printed() -> dict[str, str]:
    """The files of the page, by their names."""
    return {block["name"]: block["text"] for block in BLOCK.finditer(PAGE.read_text(encoding="utf-8"))}


@dataclass(frozen=True)
class Project:
    """The files of the page in a folder, and the programs that work on them."""

    node: Path
    folder: Path

    def run(self, *arguments: str | Path, within: float = 60) -> str:
        """What a script of Node prints; it must succeed. In the folder, where every path begins."""
        done = subprocess.run(
            [self.node, *arguments], cwd=self.folder, capture_output=True, text=True, timeout=within, check=False
        )
        assert done.returncode == 0, f"{arguments}\n{done.stdout}{done.stderr}"
        return done.stdout

    def tool(self, package: str, *arguments: str) -> str:
        """What a program of an installed package prints."""
        return self.run(HERE / "node_modules" / package, *arguments)

    def bundle(self, platform: str, *scripts: str) -> None:
        """Make scripts of ours ready to run, in Node or in a browser, with all that they import."""
        self.run(HERE / "bundle.mjs", platform, *(HERE / f"{script}.ts" for script in scripts))


def built() -> Project:
    """The project, made anew: what each program generates is there, and the scripts that hold conversations."""
    project = Project(installed(HERE), FOLDER)
    shutil.rmtree(FOLDER, ignore_errors=True)
    for name, text in printed().items():
        (FOLDER / name).parent.mkdir(parents=True, exist_ok=True)
        (FOLDER / name).write_text(text, encoding="utf-8")
    shutil.copy(SCHEMA, FOLDER / "schema.graphql")
    (FOLDER / "relay" / "__generated__").mkdir()
    project.tool("relay-compiler/cli.js")
    project.tool("@graphql-codegen/cli/cjs/bin.js", "--config", "codegen.mjs")
    project.run("facts.mjs")
    project.bundle("node", "conversation", "ids", "walk")
    project.bundle("browser", "tour")
    return project
