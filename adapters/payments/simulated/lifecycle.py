"""What happens by itself as time passes, in the order in which it would have happened."""

from __future__ import annotations

from collections.abc import Callable

from adapters.payments.simulated.store import DUE, NOBODY, Docs, Document, Due

Step = Callable[[Docs, Document], None]

STEPS: dict[str, Step] = {}
MOST_STEPS = 100_000
"""Of one call: a subscription by the day has 1,095 renewals in three years."""


def moves(kind: str, due: Due) -> Callable[[Step], Step]:
    """Let a function do what is due with documents of a kind. `due` tells when that is, in Unix time, or None.

    After the step the document has to be saved, and due later or never.
    """

    def added(step: Step) -> Step:
        DUE[kind] = due
        STEPS[kind] = step
        return step

    return added


def advance(docs: Docs, now: int) -> int:
    """Do all that was due by `now`, each at its own second, and tell how many steps that were."""
    present, request, steps = docs.now, docs.request, 0
    docs.request = NOBODY
    while found := docs.next_due(now):
        steps += 1
        assert steps < MOST_STEPS, f"{found[1]['id']} never comes to rest."
        due, document = found
        docs.now = due
        STEPS[document["object"]](docs, document)
    docs.now, docs.request = present, request
    return steps
