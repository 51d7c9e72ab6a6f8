"""Passkeys (W3C Web Authentication, Level 3): made, used, kept and taken away."""

from services.mfa.passkeys.ceremonies import Ceremony
from services.mfa.passkeys.enrolment import (
    Enrolled,
    InvalidPasskey,
    TooManyPasskeys,
    begin_registration,
    finish_registration,
)
from services.mfa.passkeys.keeping import find, remove, rename
from services.mfa.passkeys.using import NotProvenError, begin_sign_in, prove, verify

__all__ = [
    "Ceremony",
    "Enrolled",
    "InvalidPasskey",
    "NotProvenError",
    "TooManyPasskeys",
    "begin_registration",
    "begin_sign_in",
    "find",
    "finish_registration",
    "prove",
    "remove",
    "rename",
    "verify",
]
