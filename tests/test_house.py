"""The rules of the house that no linter knows: sizes, markers, papers that agree with the code."""

import ast
import hashlib
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from core.settings import VARIABLES, Settings, read_settings

ROOT = Path(__file__).resolve().parent.parent
FILE_LINES, FUNCTION_LINES = 300, 40
TEST_FILE_LINES, TEST_FUNCTION_LINES = 600, 60

# What may be larger, and why: "services/trials.py" for a file, "services/trials.py::start" for a function.
LARGER: dict[str, str] = {}

# Tests that may be left out, and why: "tests/test_vectors.py".
MAY_BE_LEFT_OUT: dict[str, str] = {}

LOCKS = ["requirements", "requirements-dev", "requirements-node", "requirements-browser"]

# The contract that docs/contract.graphql repeats. A new contract changes this line and the copy in one commit.
CONTRACT_SHA256 = "5da444520fd05ca436310ef0aa2f01568cca8de0ad85bbff1f0af451931d239f"

# Each pattern is spelled so that it does not match its own line.
MARKER = re.compile(r"\b(?:TO[D]O|FIX[M]E|X[X]X|HAC[K])\b")
LEFT_OUT = re.compile(r"\bpytest\.(?:mark\.)?(?:ski[p]|xfai[l]|importorski[p])")
SILENCED = re.compile(
    r"#\s*(?:noq[a]\b"
    r"|type:\s*ignor[e](?!\[[\w, -]+\])"
    r"|ruff:\s*(?:noq[a]|(?:file-)?ignor[e](?!\[[\w, -]+\] -- \S)|disabl[e](?!\[[\w, -]+\] -- \S)))"
)
SELF_AWARE = re.compile(r"\b(?:is_testin[g]|PYTEST_CURRENT_TES[T])\b")
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:(?:root|work)\b|(?:home|Users)/\w)")
LINK = re.compile(r"\]\(\s*<?([^)\s>]+)>?[^)]*\)")
FENCED = re.compile(r"^(```|~~~).*?^\1", re.DOTALL | re.MULTILINE)
NAMED_FILE = re.compile(
    r"(?<![\w./-])((?:adapters|benchmarks|core|docs|engine|loaders|migrations|models|resolvers|schema|services|tests|web"
    r"|worker)/[\w/]*(?:\.(?:py|md|graphql|html|txt)(?:::\w+)?)?)(?![\w*.<{-])"
)
VARIABLE_LINE = re.compile(r"^#?([A-Z][A-Z0-9_]*)=(.*)$", re.MULTILINE)
HELPED_TARGET = re.compile(r"^([a-z][a-z-]*):.*## (.+)$", re.MULTILINE)


def tracked(*patterns: str) -> list[str]:
    """Files that are committed or about to be, by git pathspec."""
    # A checkout may belong to another user than the one who runs the tests.
    command = ["git", "-c", "safe.directory=*", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--"]
    listed = subprocess.run([*command, *patterns], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return sorted({name for name in listed.split("\0") if name and (ROOT / name).is_file()})


def text(name: str) -> str:
    """What a file says."""
    return (ROOT / name).read_text(encoding="utf-8")


def written() -> Iterator[tuple[str, str]]:
    """Name and text of each text file in the tree, but for what is built or locked by a tool."""
    for name in tracked(":!requirements*.txt", ":!web/static", ":!docs/contract.graphql"):
        content = (ROOT / name).read_bytes()
        if b"\0" not in content:
            yield name, content.decode("utf-8")


def python_files() -> list[str]:
    """Every Python file but migrations, which are made by a command and never touched again."""
    return tracked("*.py", ":!migrations/0*.py")


def found(pattern: re.Pattern[str], name: str, content: str) -> list[str]:
    """Each line of a file in which the pattern is found, as `file:line: text`."""
    lines = enumerate(content.splitlines(), start=1)
    return [f"{name}:{number}: {line.strip()}" for number, line in lines if pattern.search(line)]


def function_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function from `def` to its end, without its docstring."""
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    if ast.get_docstring(node, clean=False) is None:
        return lines
    docstring = node.body[0]
    return lines - ((docstring.end_lineno or docstring.lineno) - docstring.lineno + 1)


def too_large() -> Iterator[str]:
    """What passes the limits: `file`, or `file::function`."""
    for name in python_files():
        in_tests = name.startswith("tests/")
        content = text(name)
        if len(content.splitlines()) > (TEST_FILE_LINES if in_tests else FILE_LINES):
            yield name
        limit = TEST_FUNCTION_LINES if in_tests else FUNCTION_LINES
        for node in ast.walk(ast.parse(content)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and function_lines(node) > limit:
                yield f"{name}::{node.name}"


def requirements(name: str) -> Iterator[Requirement]:
    """What an .in file asks for, with the files that it includes."""
    for line in text(name).splitlines():
        asked = re.sub(r"(^|\s)#.*", "", line).strip()
        if asked.startswith("-r "):
            yield from requirements(asked.removeprefix("-r ").strip())
        elif asked:
            yield Requirement(asked)


def locked(name: str) -> dict[str, set[str]]:
    """Versions that a lock file pins, by canonical name: several where they differ by platform."""
    pins: dict[str, set[str]] = {}
    for pinned in re.finditer(r"^([\w.-]+)(?:\[[\w,-]+\])?==([^\s;]+)", text(name), re.MULTILINE):
        pins.setdefault(canonicalize_name(pinned[1]), set()).add(pinned[2])
    return pins


def example_settings() -> dict[str, str]:
    """Variables of .env.example with the values that they would have without their `#`."""
    return {line[1]: line[2] for line in VARIABLE_LINE.finditer(text(".env.example"))}


def test_files_and_functions_fit_a_screen() -> None:
    """Nothing is larger than the limits but what is listed with its reason, and the list holds nothing else."""
    assert sorted(too_large()) == sorted(LARGER)
    assert all(LARGER.values())


def test_docstring_does_not_count_towards_a_function() -> None:
    """A function of four lines, two of which are its docstring, counts as two."""
    tree = ast.parse('def ring():\n    """One.\n    Two."""\n    return 1\n')
    assert isinstance(tree.body[0], ast.FunctionDef)
    assert function_lines(tree.body[0]) == 2


def test_nothing_is_left_for_later() -> None:
    """No marker of unfinished work stands in any file."""
    assert [line for name, content in written() for line in found(MARKER, name, content)] == []


def test_no_test_is_left_out() -> None:
    """Tests that are not run are listed with their reason, and the list holds nothing else."""
    leaving_out = {name for name in tracked("*.py") if LEFT_OUT.search(text(name))}
    assert leaving_out == set(MAY_BE_LEFT_OUT)
    assert all(MAY_BE_LEFT_OUT.values())


def test_no_check_is_silenced_without_a_reason() -> None:
    """Type errors are ignored by code, and lint rules by name with the reason on the line."""
    assert [line for name in tracked("*.py") for line in found(SILENCED, name, text(name))] == []


@pytest.mark.parametrize(
    "comment",
    ["noq" + "a", "noq" + "a: S101", "type: " + "ignore", "type: " + "ignore[]", "ruff: " + "ignore[assert]"],
)
def test_silencing_without_a_name_or_a_reason_is_found(comment: str) -> None:
    """Neither everything at once, nor a lint rule without a word about it."""
    assert SILENCED.search(f"x = 1  # {comment}")


@pytest.mark.parametrize(
    "comment", ["type: " + "ignore[import-untyped]", "ruff: " + "ignore[assert] -- narrows the type"]
)
def test_silencing_by_name_passes(comment: str) -> None:
    """The code of a type error says enough; a lint rule has its reason on its line."""
    assert not SILENCED.search(f"x = 1  # {comment}")


def test_no_code_asks_whether_it_is_being_tested() -> None:
    """Tests hand in other ports and another clock instead."""
    assert [line for name in tracked("*.py") for line in found(SELF_AWARE, name, text(name))] == []


def test_no_file_names_a_path_of_one_machine() -> None:
    """A clone anywhere works like a clone here."""
    assert [line for name, content in written() for line in found(MACHINE_PATH, name, content)] == []


@pytest.mark.parametrize("path", ["/ro" + "ot/.cache", "/ho" + "me/ada/x", "/wo" + "rk/main", "/Us" + "ers/ada"])
def test_paths_into_folders_of_one_machine_are_found(path: str) -> None:
    """Absolute paths of people and of build machines."""
    assert MACHINE_PATH.search(f'open("{path}")')


@pytest.mark.parametrize(
    "path", ["docs/wo" + "rk/x", "./ro" + "ot.py", "https://example.com/wo" + "rk", "/wo" + "rkers", "/ho" + "mepage"]
)
def test_other_paths_pass(path: str) -> None:
    """Relative paths, addresses and words that only begin alike."""
    assert not MACHINE_PATH.search(f'open("{path}")')


def test_every_module_says_what_it_is_for() -> None:
    """Each module and each room opens with a docstring."""
    silent = [
        name
        for name in python_files()
        if not name.startswith(("tests/", "migrations/")) and not ast.get_docstring(ast.parse(text(name)))
    ]
    assert silent == []


def test_every_room_is_a_package_with_a_docstring() -> None:
    """A folder with Python files has an `__init__.py` that says what the room is for."""
    rooms = {name.split("/")[0] for name in python_files() if "/" in name} - {"tests", "benchmarks", "docs", "deploy"}
    without = [room for room in sorted(rooms) if not (ROOT / room / "__init__.py").is_file()]
    assert without == []
    assert [room for room in sorted(rooms) if not ast.get_docstring(ast.parse(text(f"{room}/__init__.py")))] == []


def test_example_environment_documents_every_setting() -> None:
    """.env.example names the settings that are read, each once, and no others."""
    names = [line[1] for line in VARIABLE_LINE.finditer(text(".env.example"))]
    assert sorted(names) == sorted(VARIABLES)


def test_example_environment_holds_the_defaults() -> None:
    """Taking every `#` away from .env.example changes nothing."""
    assert read_settings(example_settings()) == Settings()


def test_papers_name_files_that_are_there() -> None:
    """But for decisions, which are not edited, and the noun that the checklist adds."""
    papers = tracked("*.md", ":!docs/adr/0*.md", ":!docs/adding-a-noun.md")
    named = ((name, path) for name in papers for path in NAMED_FILE.findall(text(name)))
    assert [f"{name}: {path}" for name, path in named if not (ROOT / path.split("::")[0]).exists()] == []


def test_contract_is_copied_byte_for_byte() -> None:
    """docs/contract.graphql is the recorded contract, and the shared one where that lies beside the repository."""
    copy = (ROOT / "docs/contract.graphql").read_bytes()
    assert hashlib.sha256(copy).hexdigest() == CONTRACT_SHA256
    shared = ROOT.parent / "shared/contract/schema.graphql"
    assert not shared.is_file() or shared.read_bytes() == copy


def test_make_alone_explains_every_target() -> None:
    """Bare `make` prints each target with its sentence, and each target that people call has one."""
    makefile = text("Makefile")
    helped = dict(HELPED_TARGET.findall(makefile))
    outer = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    printed = subprocess.run(["make"], cwd=ROOT, env=outer, check=True, capture_output=True, text=True).stdout
    assert dict(line.split(maxsplit=2)[1:] for line in printed.splitlines()) == helped
    called = {name for line in re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE) for name in line.split()}
    assert called - {"runtime", "development", "browser", "chromium", "graphiql"} == set(helped)


def test_links_between_papers_lead_somewhere() -> None:
    """Each relative link in a Markdown file names a file or a folder of the tree."""
    broken = []
    for name in tracked("*.md"):
        for target in LINK.findall(FENCED.sub("", text(name))):
            path = target.split("#")[0]
            if path and not re.match(r"[a-z]+:", path) and not (ROOT / name).parent.joinpath(path).exists():
                broken.append(f"{name}: {target}")
    assert broken == []


def test_every_decision_is_listed() -> None:
    """The index of decisions links each of them."""
    decisions = {Path(name).name for name in tracked("docs/adr/[0-9]*.md")}
    assert decisions == set(re.findall(r"\((\d{4}-[\w-]+\.md)\)", text("docs/adr/README.md")))
    assert decisions


def test_every_paper_is_in_the_index() -> None:
    """docs/README.md links each file that lies beside it."""
    papers = {Path(name).name for name in tracked(":(glob)docs/*")} - {"README.md"}
    assert papers <= set(LINK.findall(text("docs/README.md")))


@pytest.mark.parametrize("name", LOCKS)
def test_lock_is_in_step_with_what_is_asked_for(name: str) -> None:
    """Each requirement is locked at a version that meets it; `make lock` mends this."""
    pins = locked(f"{name}.txt")
    unmet = [
        str(asked)
        for asked in requirements(f"{name}.in")
        if not list(asked.specifier.filter(pins.get(canonicalize_name(asked.name), ()), prereleases=True))
    ]
    assert unmet == []


@pytest.mark.parametrize("name", LOCKS)
def test_lock_holds_hashes_and_no_address(name: str) -> None:
    """Every pin has a hash, and nothing says where packages come from."""
    content = text(f"{name}.txt")
    assert "://" not in content
    assert "--find-links" not in content
    entries = re.split(r"\n(?=\S)", content)
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_development_installs_what_runs() -> None:
    """The server's versions are those that the tests run on, so one installation serves both."""
    runtime, development = locked("requirements.txt"), locked("requirements-dev.txt")
    assert {name: development.get(name) for name in runtime} == runtime
