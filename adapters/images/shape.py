"""What a file of a picture is made of, counted without decoding it.

Pillow looks at each segment of a file in Python as soon as it opens it, and a progressive JPEG may have any number of
scans, each of which goes over all pixels: both can keep a thread busy for minutes with a file that is small.
"""

import re

from adapters.images.picture import Unusable

MOST_SEGMENTS = 10_000
"""A PNG of 10 MB in pieces of 4 kB, which is what some write, has 2,560."""
MOST_SCANS = 64
"""Cameras and editors write about ten."""

JPEG, PNG, WEBP = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF"
_SCAN, _END = b"\xff\xda", b"\xff\xd9"
_MARK = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""What is no pixel: between those, 0 and D0 to D7 after FF stand for themselves, and further FF fill."""
_LONG = 0xC0
"""The least mark after which a length stands. What is below is nothing, and read over."""
_BARE = 0xD8
"""Above it, the one that has none: a picture begins."""
TOO_MANY = "The picture is made of too many pieces. Save it again with another program."


def hold_shape(raw: bytes) -> None:
    """Raise Unusable for a file in more pieces than an honest program writes, and for one of no kind that we take."""
    if raw.startswith(JPEG):
        busy = _segments(raw) > MOST_SEGMENTS or _many_scans(raw)
    elif raw.startswith(PNG):
        busy = _pieces(raw, 8, 12, "big", first=0) > MOST_SEGMENTS
    elif raw.startswith(WEBP) and raw[8:12] == b"WEBP":
        busy = _pieces(raw, 12, 8, "little", first=4) > MOST_SEGMENTS
    else:
        raise Unusable("A picture is a JPEG, a PNG or a WebP.")
    if busy:
        raise Unusable(TOO_MANY)


def _segments(raw: bytes) -> int:
    """Segments of a JPEG before its first scan, at most one more than there may be. Fill bytes count as segments."""
    place, count = 2, 0
    while place + 4 <= len(raw) and raw[place : place + 2] != _SCAN and count <= MOST_SEGMENTS:
        count += 1
        filled = raw[place] != JPEG[0] or raw[place + 1] == JPEG[0]
        place += 1 if filled else 2 + int.from_bytes(raw[place + 2 : place + 4], "big")
    return count


def _many_scans(raw: bytes) -> bool:
    """Whether a JPEG has too many scans, or other segments between them.

    It goes from mark to mark as libjpeg does, up to the end of the picture: neither a preview in its head nor what
    stands behind it, as the film of a telephone, is counted along.
    """
    place, scans, count = 2, 0, 0
    while (found := _MARK.search(raw, place)) and found[0] != _END:
        scans, count = scans + (found[0] == _SCAN), count + 1
        if scans > MOST_SCANS or count > MOST_SEGMENTS:
            return True
        place, mark = found.end(), found[0][1]
        if mark >= _LONG and mark != _BARE:
            place += max(2, int.from_bytes(raw[place : place + 2], "big"))
    return False


def _pieces(raw: bytes, place: int, overhead: int, order: str, *, first: int) -> int:
    """Pieces of a file whose pieces tell their lengths at `first`, at most one more than there may be."""
    count = 0
    while place + overhead <= len(raw) and count <= MOST_SEGMENTS:
        count += 1
        length = int.from_bytes(raw[place + first : place + first + 4], "big" if order == "big" else "little")
        place += overhead + length
    return count
