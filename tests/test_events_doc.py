"""The page about events lists them all, with what they have, as the code says."""

from dataclasses import fields
from itertools import dropwhile, takewhile
from pathlib import Path

from services.analytics import CLIENT_EVENTS, SERVER_NAMES, Happened, Name, Outcome
from services.analytics.trial_events import OF_KIND, TrialChanged

PAGE = (Path(__file__).parent.parent / "docs/events.md").read_text(encoding="utf-8")


def classes(of: type[Happened] = Happened) -> list[type[Happened]]:
    """All events of the server."""
    return [each for kind in of.__subclasses__() for each in ([] if kind is TrialChanged else [kind]) + classes(kind)]


def rows(heading: str) -> list[str]:
    """The lines of the first table below a heading."""
    lines = dropwhile(lambda line: not line.startswith("|"), PAGE.partition(f"{heading}\n")[2].splitlines())
    return list(takewhile(lambda line: line.startswith("|"), lines))[2:]


def test_every_event_of_the_server_is_a_class_and_a_line() -> None:
    """One each: its name, its version, its properties, and what happened."""
    found = {each.name: each for each in classes()}
    assert len(found) == len(classes())
    assert found.keys() == SERVER_NAMES
    assert set(OF_KIND.values()) == set(TrialChanged.__subclasses__())
    told = rows("## What the server writes")
    assert [line.split("`")[1] for line in told] == [name for name in Name if name in SERVER_NAMES]
    for line in told:
        each = found[Name(line.split("`")[1])]
        properties = ", ".join(f"`{field.name}`" for field in fields(each))
        about = f"{(each.__doc__ or '').partition('. ')[0].partition('.')[0]}."
        cells = [f"`{each.name}`", str(each.revision), properties, " ".join(about.split())]
        assert line == f"| {' | '.join(cells)} |".replace("|  |", "| |")


def test_every_event_of_clients_is_told() -> None:
    """With each property and its rule."""
    expected = []
    for event in CLIENT_EVENTS.values():
        expected.append(f"| `{event.name}` | {event.version} | | {event.about} |")
        for name, rule in event.properties.items():
            optional = " (optional)" if rule.optional else ""
            expected.append(f"| | | `{name}`{optional} | {rule.about[:-1]}: {rule.kind.says}. |")
    assert rows("## What clients may tell") == expected


def test_every_outcome_is_told() -> None:
    """In the order of the code."""
    told = [line.split("`")[1] for line in rows("### Outcomes of sign-ins")]
    assert told == list(Outcome)
