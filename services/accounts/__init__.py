"""Accounts: registering, signing in and out, and what their owners and administrators do with them."""

from services.accounts.administration import make_administrator
from services.accounts.links import InvalidLink
from services.accounts.magic_links import InvalidCode
from services.accounts.registration import EmailTaken, InvalidEmail, InvalidPassword, register
from services.accounts.signing_in import AccountSuspended, InvalidCredentials, SignedIn, login, logout

__all__ = [
    "AccountSuspended",
    "EmailTaken",
    "InvalidCode",
    "InvalidCredentials",
    "InvalidEmail",
    "InvalidLink",
    "InvalidPassword",
    "SignedIn",
    "login",
    "logout",
    "make_administrator",
    "register",
]
