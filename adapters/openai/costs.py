"""Whether a question may have been billed: written down by what sends it, read by who asks it."""

from contextvars import ContextVar


class Costs:
    """Whether one question, its retry included, may have been billed."""

    possible = False


COSTS: ContextVar[Costs | None] = ContextVar("costs", default=None)
"""Those of the question that is asked in this context."""
