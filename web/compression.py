"""Answers in fewer bytes, where their length tells nobody anything (ADR 0059).

Whoever can have somebody's browser ask, put text of their own into the answer and see how long it is, learns letter by
letter what else stands there. So whoever calls this sees to it that no secret does, and that no cookie has asked.
"""

import zlib
from functools import lru_cache

from starlette.responses import Response

from web.requests import REPEATED, offers_in

SMALLEST = 1_400
"""Bytes: what is shorter goes in one packet either way."""
LEVEL = 4
"""Of zlib: 24 kB of a list become 9.5 in 0.2 ms; the highest saves 1 % more in twice the time."""
ENCODING = "gzip"


def compress(response: Response, accepted: str | None) -> None:
    """Compress an answer where it is long enough, and the client takes it so."""
    if len(response.body) < SMALLEST or not accepts_gzip(accepted):
        return
    packing = zlib.compressobj(LEVEL, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    response.body = packing.compress(response.body) + packing.flush()
    response.headers["Content-Length"] = str(len(response.body))
    response.headers["Content-Encoding"] = ENCODING


def accepts_gzip(accepted: str | None) -> bool:
    """Whether an Accept-Encoding header names gzip, or anything."""
    if not accepted:
        return False
    return _accepts(accepted) if len(accepted) <= REPEATED else _accepts.__wrapped__(accepted)


@lru_cache(256)
def _accepts(accepted: str) -> bool:
    offers = offers_in(accepted)
    return offers.get(ENCODING, offers.get("*", 0.0)) > 0
