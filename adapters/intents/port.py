"""What we ask of a second opinion."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable


@dataclass(frozen=True)
class Option:
    """One of the names that may be chosen. `slots` says in words what may stand in each."""

    name: str
    examples: tuple[str, ...]
    slots: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Choice:
    """The name that was chosen, what the slots are said to hold, and the tokens of question and answer.

    The name is one of the options'. What stands in slots is whatever a model wrote: it is to be checked.
    """

    name: str
    slots: Mapping[str, str]
    input_tokens: int
    output_tokens: int


@runtime_checkable
class Intents(Protocol):
    """Chooses one of a list of names for an utterance."""

    @property
    def name(self) -> str:
        """What it is called where an answer tells who resolved it."""
        ...

    @property
    def model(self) -> str:
        """What is asked; empty when nobody is."""
        ...

    @property
    def asks(self) -> bool:
        """Whether there is anybody to ask. False: what we found ourselves stands, and nothing is missing."""
        ...

    @property
    def ready(self) -> bool:
        """Whether asking is worth it now: not while a vendor that kept failing is left alone."""
        ...

    def most_tokens(self, options: Sequence[Option]) -> int:
        """The most tokens that one question with these options can cost."""
        ...

    async def choose(self, text: str, options: Sequence[Option], *, caller: str, deadline: float) -> Choice:
        """The option that suits `text`, of at most 500 characters. `caller` stands for who wrote it, and names nobody.

        Raises Unavailable when there is no answer that can be read within `deadline` seconds, and Refused.
        """
        ...
