"""What is known of the values that a field may have, as Python."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Value:
    """The values of a type that need none of graphql-core's care."""

    test: str
    """Whether one is such a value; testing has no effect."""
    write: str = "{0}"
    """What is answered; writing has no effect and does not fail."""
    complete: str | None = None
    """What makes the answer, where that may fail or have to be awaited."""
    done: str = ""
    """Whether what was made is surely not awaitable."""
    effects: bool = False
    """Whether making it may run anybody's code."""

    def nullable(self) -> "Value":
        """The same for a type whose values may be null."""
        write = self.write if self.write == "{0}" else f"(None if {{0}} is None else {self.write})"
        return Value(f"({{0}} is None or {self.test})", write, self.complete, self.done, self.effects)
