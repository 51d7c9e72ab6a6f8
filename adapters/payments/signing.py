"""Whether a webhook is the provider's: Stripe's scheme v1, an HMAC over the moment of sending and the raw body.

The SDK's own check takes one secret, asks the machine's clock, and lets what comes from the future pass.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable
from datetime import datetime, timedelta

TOLERANCE = timedelta(minutes=5)
"""How far the moment of sending may be from now, to both sides: what was listened to cannot be sent again later."""
LONGEST_HEADER = 4096
_MOMENT = re.compile(r"[0-9]{1,12}", re.ASCII)


def is_signed(body: bytes, header: str, secrets: Iterable[str], now: datetime) -> bool:
    """Whether one of the secrets has signed the body, within the tolerance of now."""
    parts = [part.strip().partition("=")[::2] for part in header[:LONGEST_HEADER].split(",")]
    moments = [value for name, value in parts if name == "t"]
    if len(moments) != 1 or not _MOMENT.fullmatch(moments[0]):
        return False
    if abs(now.timestamp() - int(moments[0])) > TOLERANCE.total_seconds():
        return False
    given = [value.encode(errors="replace") for name, value in parts if name == "v1"]
    made = [signature(body, int(moments[0]), secret).encode() for secret in secrets]
    return any(hmac.compare_digest(one, other) for one in given for other in made)


def signature(body: bytes, moment: int, secret: str) -> str:
    """The signature in scheme v1 of a body sent at `moment`, in seconds since 1970."""
    return hmac.new(secret.encode(), b"%d." % moment + body, hashlib.sha256).hexdigest()
