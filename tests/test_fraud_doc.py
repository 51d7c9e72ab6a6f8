"""The page about fraud: its tables are what the code has."""

import re
from pathlib import Path

from benchmarks.fraud.report import BEGIN, END
from services.fraud import Decision
from services.fraud.signals import SIGNALS

PAGE = (Path(__file__).parent.parent / "docs/fraud.md").read_text(encoding="utf-8")


def test_the_table_of_signals_is_that_of_the_code() -> None:
    """Each code with its family and its sentence, in the order of the code, and no others."""
    rows = re.findall(r"^\| `(\w+)` \| ([a-z]+) \| (.+) \|$", PAGE, re.MULTILINE)
    assert rows == [(signal.code, signal.family.value, signal.explanation) for signal in SIGNALS]


def test_the_table_of_decisions_has_all_of_them() -> None:
    """Each once."""
    rows = re.findall(r"^\| `(\w+)` \| .+ \| (?:yes|no) \|$", PAGE, re.MULTILINE)
    assert sorted(rows) == sorted(Decision)


def test_figures_have_their_place() -> None:
    """What `benchmarks.fraud --write` puts there stands between two marks at the end."""
    assert PAGE.count(BEGIN) == PAGE.count(END) == 1
    assert PAGE.index(BEGIN) < PAGE.index(END)
    assert PAGE.endswith(f"{END}\n")
