"""What is left of a picture: its pixels."""

from dataclasses import dataclass, field

from core.errors import PorchlightError

LARGEST_FILE = 10 * 1024 * 1024
"""Bytes."""


class Unusable(PorchlightError):
    """The file is no picture that we take. The message says what would be right."""


@dataclass(frozen=True)
class Picture:
    """A picture made anew: upright, in colour, with nothing of the file but what can be seen."""

    jpeg: bytes = field(repr=False)
    fingerprint: str
    """SHA-256 of its size and its pixels, in hexadecimal: the same for each file that shows the same."""
    sample: bytes = field(repr=False)
    """A very small copy: red, green and blue of each of its pixels."""
