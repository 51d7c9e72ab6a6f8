"""The evaluation: what it reads, how it splits, and that on made-up people the recommender is where it should be."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.evaluation import __main__ as command
from benchmarks.evaluation.measuring import measured
from benchmarks.evaluation.reading import Ratings, UnreadableRatings, read
from benchmarks.evaluation.splits import cold, last_one, random_split, splits, time_split
from benchmarks.evaluation.synthetic import write

# NDCG@10 of what serves, on the people who never were.
SERVED = {
    "random 80/10/10": 0.3985,
    "time-ordered": 0.5290,
    "leave-last-out": 0.1554,
    "cold, 0 known": 0.3462,
    "cold, 1 known": 0.4191,
    "cold, 5 known": 0.4858,
    "cold, 20 known": 0.4310,
}
ROWS = [("b", "x", 5, 30), ("a", "y", 3, 10), ("a", "x", 4, 20)]


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Ratings:
    """The people who never were."""
    return read(write(tmp_path_factory.mktemp("ratings") / "synthetic.csv"))


@pytest.mark.parametrize(
    ("head", "delimiter"),
    [
        ("user,item,rating,timestamp", ","),
        ("userId;movieId;rating;timestamp", ";"),
        ("user_id:token\titem_id:token\trating:float\ttimestamp:float", "\t"),
        ("", "\t"),
        ("", "::"),
        ("", ","),
    ],
)
def test_ratings_are_read_in_many_forms(tmp_path: Path, head: str, delimiter: str) -> None:
    """With or without a header, by any usual delimiter: in the order of time, each pair once."""
    rows = [*ROWS, ("a", "x", 1, 90)]
    lines = [delimiter.join(map(str, row)) for row in rows]
    (tmp_path / "ratings").write_text("\n".join([head, *lines] if head else lines))
    ratings = read(tmp_path / "ratings")
    assert ratings.people.tolist() == [0, 0, 1]
    assert ratings.items.tolist() == [1, 0, 0]
    assert ratings.times.tolist() == [10.0, 20.0, 30.0]
    assert (ratings.person_count, ratings.item_count, ratings.bad) == (2, 2, ())
    assert read(tmp_path / "ratings", min_rating=4).people.tolist() == [0, 1]


def test_bad_lines_are_told_by_number(tmp_path: Path) -> None:
    """They are left out, and nothing else is."""
    lines = ["user,rating,item", "a,1,x", "a,many,x", "b,nan,x", ",1,x", "a,1", "", '"c",1,"x,y"', "b,2,x"]
    (tmp_path / "r.csv").write_text("\n".join(lines))
    ratings = read(tmp_path / "r.csv")
    assert [line.split(":")[0] for line in ratings.bad] == ["line 3", "line 4", "line 5", "line 6", "line 7"]
    assert (ratings.person_count, ratings.item_count) == (3, 2)


@pytest.mark.parametrize("content", ["", "user,item,rating\n", "one\ntwo\n", "a,b,c\nd,e,f\n"])
def test_a_file_without_ratings_is_refused(tmp_path: Path, content: str) -> None:
    """With a reason."""
    (tmp_path / "r.csv").write_text(content)
    with pytest.raises(UnreadableRatings):
        read(tmp_path / "r.csv")


def test_no_split_lets_the_model_know_what_is_hidden(synthetic: Ratings) -> None:
    """What is to be found was neither fitted to nor known; the sizes are what their names say; a seed repeats."""
    for split in [*splits(synthetic, 1), *splits(synthetic, 1, validation=True)]:
        fitted = set(zip(synthetic.people[split.fitted], synthetic.items[split.fitted], strict=True))
        hidden = {(person, item) for person, items in split.hidden.items() for item in items}
        known = {(person, item) for person, items in split.known.items() for item in items}
        assert not hidden & (fitted | known)
        assert hidden
    count = len(synthetic.people)
    assert random_split(synthetic, 1).fitted.sum() == pytest.approx(0.9 * count, rel=0.01)
    assert random_split(synthetic, 1, validation=True).fitted.sum() == pytest.approx(0.8 * count, rel=0.02)
    assert (random_split(synthetic, 1).fitted == random_split(synthetic, 1).fitted).all()
    assert (random_split(synthetic, 1).fitted != random_split(synthetic, 2).fitted).any()
    cut = time_split(synthetic).fitted
    assert synthetic.times[cut].max() <= synthetic.times[~cut].min()
    for validation, left in ((False, 1), (True, 2)):
        last = last_one(synthetic, validation=validation)
        assert {len(items) for items in last.hidden.values()} == {1}
        assert last.fitted.sum() == count - left * synthetic.person_count
    people = [set(split.hidden) for split in cold(synthetic, 1) if split.name == "cold, 5 known"]
    assert sum(map(len, people)) == len(set.union(*people)) == synthetic.person_count


def test_the_recommender_is_ahead_within_noise(synthetic: Ratings) -> None:
    """Nobody beats what serves by more than noise under any protocol, and the figures are those of this code."""
    figures = {(each.protocol, each.ranker): each for each in measured(synthetic, splits(synthetic, 1), 1)}
    for (protocol, _), other in figures.items():
        served = figures[protocol, "Porchlight"]
        assert served.ndcg >= other.ndcg - served.spread, other
        assert served.recall >= 0.9 * other.recall, other
    assert figures["cold, 1 known", "Porchlight"].ndcg > 1.03 * figures["cold, 1 known", "EASE"].ndcg
    assert figures["random 80/10/10", "Porchlight"].ndcg > 1.9 * figures["random 80/10/10", "popularity"].ndcg
    served = {protocol: each.ndcg for (protocol, ranker), each in figures.items() if ranker == "Porchlight"}
    assert served == pytest.approx(SERVED, abs=0.01)


def test_the_command_prints_a_table_or_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same figures either way, with the hash of the data; a file that cannot be read is said and leaves with 2."""
    rng = np.random.default_rng(1)
    rows = [f"{who},{what},1,{rng.integers(1000)}" for who in range(30) for what in rng.permutation(20)[:9]]
    (tmp_path / "r.csv").write_text("\n".join(["user,item,rating,timestamp", *rows, *["bad"] * 12]))
    monkeypatch.setattr(sys, "argv", ["eval", str(tmp_path / "r.csv")])
    assert command.main() == 0
    table = capsys.readouterr()
    monkeypatch.setattr(sys, "argv", ["eval", str(tmp_path / "r.csv"), "--json"])
    assert command.main() == 0
    found = json.loads(capsys.readouterr().out)
    assert found["sha256"] in table.out
    assert (found["ratings"], found["people"], found["bad_lines"]) == (270, 30, 12)
    assert {each["ranker"] for each in found["figures"]} == {"popularity", "ItemKNN", "EASE", "Porchlight"}
    assert len(table.out.splitlines()) == 2 + len(found["figures"])
    assert "line 272: 1 fields, 4 are needed" in table.err
    assert "2 more lines are left out" in table.err
    monkeypatch.setattr(sys, "argv", ["eval", str(tmp_path / "nothing.csv")])
    assert command.main() == 2
    assert "nothing.csv" in capsys.readouterr().err
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "measured", lambda *_: [])
    monkeypatch.setattr(sys, "argv", ["eval", "synthetic"])
    assert command.main() == 0
    assert (tmp_path / "var" / "synthetic-ratings.csv").exists()
