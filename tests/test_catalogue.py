import re
from collections import Counter
from itertools import combinations
from pathlib import Path
from statistics import mean
from typing import Any

import pytest
import yaml

CATALOGUE_FILE = Path(__file__).resolve().parent.parent / "catalogue.yaml"
KEBAB_CASE = re.compile(r"[a-z]+(?:-[a-z]+)*")

Catalogue = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    """What the file says."""
    document: Catalogue = yaml.safe_load(CATALOGUE_FILE.read_text(encoding="utf-8"))
    return document


def words(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation."""
    return re.findall(r"[^\W_]+(?:['-][^\W_]+)*", text.lower())


def runs(text: str, length: int) -> set[tuple[str, ...]]:
    """Every run of so many words in a row."""
    said = words(text)
    return {tuple(said[start : start + length]) for start in range(len(said) - length + 1)}


def repeated(values: list[str]) -> list[str]:
    """Those that occur more than once."""
    return [value for value, times in Counter(values).items() if times > 1]


def test_there_is_something_for_everybody(catalogue: Catalogue) -> None:
    """Twelve categories hold at least twenty items each, 240 in all, and each item belongs to one of the twelve."""
    sizes = Counter(item["category"] for item in catalogue["items"])
    assert len(catalogue["categories"]) == 12
    assert set(sizes) == {category["key"] for category in catalogue["categories"]}
    assert min(sizes.values()) >= 20
    assert sizes.total() >= 240


def test_entries_are_complete(catalogue: Catalogue) -> None:
    """Each category and each item has its fields, no others, and none of them is empty."""
    for category in catalogue["categories"]:
        assert list(category) == ["key", "name", "description"]
        assert all(category.values())
    for item in catalogue["items"]:
        assert list(item) == ["key", "category", "kind", "title", "summary", "tags"]
        assert all(item.values())


def test_keys_are_unique_kebab_case(catalogue: Catalogue) -> None:
    """A key is lower-case words joined by hyphens, and names one thing, be it a category or an item."""
    keys = [entry["key"] for entry in catalogue["categories"] + catalogue["items"]]
    assert repeated(keys) == []
    assert [key for key in keys if not KEBAB_CASE.fullmatch(key)] == []


def test_items_are_courses_and_guides(catalogue: Catalogue) -> None:
    """There is no third kind, and every category has both."""
    kinds = {(item["category"], item["kind"]) for item in catalogue["items"]}
    expected = {(category["key"], kind) for category in catalogue["categories"] for kind in ("course", "guide")}
    assert kinds == expected


def test_titles_are_short_and_unique(catalogue: Catalogue) -> None:
    """A title has three to eight words and no digit, so that none is a part of a series."""
    titles = [item["title"] for item in catalogue["items"]]
    assert repeated([title.casefold() for title in titles]) == []
    assert [title for title in titles if not 3 <= len(title.split()) <= 8] == []
    assert [title for title in titles if re.search(r"\d", title)] == []


def test_summaries_have_fifteen_to_sixty_words(catalogue: Catalogue) -> None:
    """A summary is long enough to say something and short enough for a card."""
    summaries = [item["summary"] for item in catalogue["items"]]
    assert [summary for summary in summaries if not 15 <= len(summary.split()) <= 60] == []


def test_tags_are_few_and_shared(catalogue: Catalogue) -> None:
    """An item has two to five different tags in kebab-case, and every tag connects it with another item."""
    for item in catalogue["items"]:
        assert 2 <= len(item["tags"]) <= 5, item["key"]
        assert repeated(item["tags"]) == [], item["key"]
    tags = Counter(tag for item in catalogue["items"] for tag in item["tags"])
    assert [tag for tag, times in tags.items() if times < 2 or not KEBAB_CASE.fullmatch(tag)] == []


def test_no_two_summaries_share_a_phrase(catalogue: Catalogue) -> None:
    """No run of six words occurs in two summaries, and so no summary occurs twice."""
    phrases = Counter(run for item in catalogue["items"] for run in runs(item["summary"], 6))
    assert [" ".join(phrase) for phrase, times in phrases.items() if times > 1] == []


def test_no_two_summaries_resemble_each_other(catalogue: Catalogue) -> None:
    """Jaccard similarity of the sets of words: below 0.4 for the closest pair, below 0.1 on average."""
    vocabularies = [set(words(item["summary"])) for item in catalogue["items"]]
    similarities = [len(one & other) / len(one | other) for one, other in combinations(vocabularies, 2)]
    assert max(similarities) < 0.4
    assert mean(similarities) < 0.1
