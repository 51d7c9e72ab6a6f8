"""docs/security.md agrees with the code: each test that it names exists, each requirement has its row."""

import ast
import re
from pathlib import Path

import pytest
from strawberry.types.base import get_object_definition

from models import Role
from resolvers.root import Mutation, Query, Subscription
from schema.directives import STAFF_READS, Auth
from services.access import PERMISSIONS, Permission

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(test_\w+))?`")
ROW = re.compile(r"^\| ((?:\d+\.\d+\.\d+(?:, )?)+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)

# OWASP ASVS 5.0.0, levels 1 and 2: how many requirements of a section there are, less those of level 3.
SECTIONS = {
    "6.1": (3, ()), "6.2": (12, ()), "6.3": (8, (5, 6, 7, 8)), "6.4": (6, (5, 6)), "6.5": (8, (6, 7, 8)),
    "6.6": (4, (4,)), "6.7": (2, (1, 2)), "6.8": (4, ()),
    "7.1": (3, ()), "7.2": (4, ()), "7.3": (2, ()), "7.4": (5, ()), "7.5": (3, (3,)), "7.6": (2, ()),
    "8.1": (4, (3, 4)), "8.2": (4, (4,)), "8.3": (3, (2, 3)), "8.4": (2, (2,)),
    "9.1": (3, ()), "9.2": (4, ()),
    "10.1": (2, ()), "10.2": (3, (3,)), "10.3": (5, (5,)), "10.4": (16, (12, 13, 14, 15, 16)), "10.5": (5, ()),
    "10.6": (2, ()), "10.7": (3, ()),
}  # fmt: skip


def required() -> list[str]:
    """The numbers of all requirements that have to have a row."""
    return [
        f"{section}.{number}"
        for section, (count, third_level) in SECTIONS.items()
        for number in range(1, count + 1)
        if number not in third_level
    ]


def names_of(file: Path) -> set[str]:
    """The names of a file's functions."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_requirement_has_one_row() -> None:
    """Those of levels 1 and 2, each once."""
    assert len(required()) == 96
    assert sorted(number for row in ROW.findall(TEXT) for number in row[0].split(", ")) == sorted(required())


def test_every_row_names_a_test_or_its_reason() -> None:
    """A test, a section of the page, or why it is not claimed or does not apply."""
    for numbers, _, shown in ROW.findall(TEXT):
        reason = re.search(r"(?:not claimed|does not apply): \S+ \S+", shown)
        section = re.fullmatch(r"\[[^\]]+\]\(#[\w-]+\)", shown)
        assert NAMED.search(shown) or reason or section, numbers


@pytest.mark.parametrize(("file", "test"), sorted(set(NAMED.findall(TEXT))))
def test_what_is_named_exists(file: str, test: str) -> None:
    """A test that was renamed or removed takes its claim along."""
    assert (ROOT / file).is_file()
    if test:
        assert test in names_of(ROOT / file)


def test_sections_that_are_linked_exist() -> None:
    """Within the page."""
    titles = re.findall(r"^#+ (.+)$", TEXT, re.MULTILINE)
    headings = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
    assert set(re.findall(r"\]\(#([\w-]+)\)", TEXT)) <= headings


def test_the_table_of_permissions_is_the_code_s() -> None:
    """Who may what, role by role."""
    told = re.findall(r"^\| `(\w+)` \| (yes|–) \| (yes|–) \| (yes|–) \| (yes|–) \|", TEXT, re.MULTILINE)
    assert [row[0] for row in told] == list(Permission)
    for place, role in enumerate((Role.USER, Role.SUPPORT, Role.ANALYST, Role.ADMIN), start=1):
        assert {row[0] for row in told if row[place] == "yes"} == PERMISSIONS[role]


def test_how_fresh_a_proof_is_asked_is_what_guards_say() -> None:
    """Each root field that asks for assurance 2 stands in the row of its seconds; others' events ask for as many."""
    told = {
        (field, int(seconds.replace(",", "")))
        for seconds, fields in re.findall(r"^\| ([\d,]+) s \| ([^|]+) \|", TEXT, re.MULTILINE)
        for field in re.findall(r"`(\w+)`", fields)
    }
    guarded = {
        (re.sub(r"_(\w)", lambda match: match[1].upper(), field.python_name), guard.max_age)
        for root in (Query, Mutation, Subscription)
        for field in get_object_definition(root, strict=True).fields
        for guard in field.extensions
        if isinstance(guard, Auth) and guard.assurance > 1
    }
    assert told == guarded
    assert ("auditEvents", STAFF_READS) in told
