"""docs/conformance.md says how many probes there are; this counts them."""

import re
from collections.abc import Sized
from pathlib import Path

from tests.probes import test_forgery, test_input, test_leaks, test_slow, test_sockets
from tests.probes.documents import DOCUMENTS

PAPER = (Path(__file__).parents[2] / "docs" / "conformance.md").read_text(encoding="utf-8")
TABLES: list[Sized] = [
    DOCUMENTS,
    test_input.BODIES,
    test_input.REST,
    test_input.HEADS,
    test_input.INPUTS,
    test_forgery.FORGED,
    test_forgery.FOREIGN,
    test_forgery.TOKENS,
    test_leaks.IDS,
    test_leaks.HIDDEN,
    test_sockets.SHAKES,
    test_sockets.FRAMES,
    test_slow.ENDS_LATE,
]


def test_the_paper_counts_what_is_tried() -> None:
    """Each row as its table has it, and the sum; the guesses too."""
    _, _, section = PAPER.partition("\n## Attacks\n")
    rows = re.findall(r"^\|[^|]*\|[^|]*\| \**(\d+)\** \|$", section.partition("\n## ")[0], re.MULTILINE)
    counts = [len(table) for table in TABLES]
    assert [int(count) for count in rows] == [*counts, sum(counts)]
    words, shapes = len(test_leaks.WORDS), len(test_leaks.SHAPES)
    assert f"{words * shapes} guesses at the schema, of {words} words" in section
