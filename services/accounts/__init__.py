"""Accounts: registering, signing in and out, and what their owners and administrators do with them."""

from services.accounts.administration import make_administrator
from services.accounts.deletion import (
    DELETION,
    cancel_deletion,
    cancel_deletion_by_token,
    delete,
    request_deletion,
)
from services.accounts.export import Export, open_export, request_export, written
from services.accounts.registration import EmailTaken, InvalidEmail, InvalidPassword, register
from services.accounts.signing_in import AccountSuspended, InvalidCredentials, SignedIn, login, logout

__all__ = [
    "DELETION",
    "AccountSuspended",
    "EmailTaken",
    "Export",
    "InvalidCredentials",
    "InvalidEmail",
    "InvalidPassword",
    "SignedIn",
    "cancel_deletion",
    "cancel_deletion_by_token",
    "delete",
    "login",
    "logout",
    "make_administrator",
    "open_export",
    "register",
    "request_deletion",
    "request_export",
    "written",
]
