"""What is known of the values that a field may have, as Python: `{0}` stands for a value and `{1}` for its path."""

from dataclasses import dataclass, replace

AS_IT_IS = "{0}"


@dataclass(frozen=True, slots=True)
class Value:
    """The values of a type that need none of graphql-core's care."""

    test: str
    """Whether one is such a value; testing has no effect."""
    write: str = AS_IT_IS
    """What is answered; writing has no effect and does not fail."""
    complete: str | None = None
    """What makes the answer, where that may fail or have to be awaited."""
    done: str = ""
    """Whether what was made is surely not awaitable."""
    effects: bool = True
    """Whether making it may run anybody's code, after which nothing that was read before can be relied upon."""

    def nullable(self) -> "Value":
        """The same for a type whose values may be null."""
        write = self.write if self.write == AS_IT_IS else f"(None if {{0}} is None else {self.write})"
        return replace(self, test=f"({{0}} is None or {self.test})", write=write)


def named(test: str, name: str, read: str) -> str:
    """The test of what is read, which also gives it its name."""
    before, after = test.split(AS_IT_IS, 1)
    alone = before.endswith("(") and after.startswith(")")
    return before + (f"{name} := {read}" if alone else f"({name} := {read})") + after.replace(AS_IT_IS, name)


def indented(lines: list[str], levels: int = 1) -> list[str]:
    """Lines some levels deeper."""
    return ["    " * levels + line for line in lines]
