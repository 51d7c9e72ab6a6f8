"""What text of people's may hold."""

_JOINERS = dict.fromkeys((0x200C, 0x200D))
"""Signs without a shape that spelling needs: the first parts letters in Persian, the second joins emoji to one."""


def printable(text: str) -> bool:
    """Whether a text can be seen, apart from what joins or parts its signs. Joiners alone are no text."""
    seen = text.translate(_JOINERS)
    return seen.isprintable() and bool(seen) == bool(text)
