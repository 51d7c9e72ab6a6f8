"""The closed vocabulary, and the words of a caption that stand for it."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parent / "vocabulary.yaml"
LONGEST_PHRASE = 3
"""Words of a caption that are looked at together."""
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Vocabulary:
    """All tags there are. `subjects` are categories and tags of the catalogue; the others tell how it looks."""

    version: int
    subjects: frozenset[str]
    styles: frozenset[str]
    colours: frozenset[str]
    phrases: Mapping[tuple[str, ...], str]

    @property
    def tags(self) -> frozenset[str]:
        """Every tag."""
        return self.subjects | self.styles | self.colours

    def in_words(self, text: str) -> list[str]:
        """The tags that the words of a text stand for, each once, in their order; longer phrases before shorter."""
        words = _words(text)
        found: dict[str, None] = {}
        place = 0
        while place < len(words):
            for length in range(min(LONGEST_PHRASE, len(words) - place), 0, -1):
                tag = self.phrases.get(tuple(words[place : place + length]))
                if tag:
                    found[tag] = None
                    place += length
                    break
            else:
                place += 1
        return list(found)


@cache
def read_vocabulary() -> Vocabulary:
    """The vocabulary of the file that lies beside this."""
    from core.strict_yaml import read_yaml  # ruff: ignore[import-outside-top-level] -- start time

    document = read_yaml(FILE)
    return Vocabulary(
        version=document["version"],
        subjects=frozenset(document["categories"]) | frozenset(document["tags"]),
        styles=frozenset(document["styles"]),
        colours=frozenset(document["colours"]),
        phrases=dict(_phrases(document)),
    )


def _phrases(document: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Further words first, so that a key that is another one's word keeps its own meaning."""
    entries = [entry for kind in ("colours", "styles", "categories", "tags") for entry in document[kind].items()]
    yield from ((tuple(_words(word)), key) for key, words in entries for word in words)
    yield from ((tuple(_words(key)), key) for key, _ in entries)


def _words(text: str) -> list[str]:
    """The words of a text in one spelling, without case and without the plural."""
    return [_singular(word) for word in _WORD.findall(unicodedata.normalize("NFKC", text).casefold())]


def _singular(word: str) -> str:
    if len(word) > len("ties") and word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-1] if len(word) > len("gas") and word.endswith("s") and not word.endswith("ss") else word
