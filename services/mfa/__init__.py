"""Second factors: which ones an account has, and how each is added, asked for and taken away.

What signs in stands apart in `completing` and `stepping_up`, which know accounts; accounts know what is named here.
"""

from services.mfa.attempts import InvalidCode, reopen
from services.mfa.factors import MfaMethod, has_factor, methods_of
from services.mfa.half_sessions import MfaRequired
from services.mfa.trusting import distrust_all, is_trusted

__all__ = [
    "InvalidCode",
    "MfaMethod",
    "MfaRequired",
    "distrust_all",
    "has_factor",
    "is_trusted",
    "methods_of",
    "reopen",
]
