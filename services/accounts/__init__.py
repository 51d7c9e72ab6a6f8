"""Accounts: registering, signing in and out, and what their owners and administrators do with them."""

from services.accounts.administration import (
    AccountClosed,
    AddressNotProven,
    LastAdministrator,
    assign_role,
    make_administrator,
    restore,
    suspend,
)
from services.accounts.browsing import users
from services.accounts.deletion import (
    DELETION,
    cancel_deletion,
    cancel_deletion_by_token,
    delete,
    request_deletion,
)
from services.accounts.export import Export, find_export, open_export, request_export, written
from services.accounts.links import InvalidLink
from services.accounts.registration import EmailTaken, InvalidEmail, InvalidPassword, register
from services.accounts.signing_in import AccountSuspended, InvalidCredentials, SignedIn, login, logout

__all__ = [
    "DELETION",
    "AccountClosed",
    "AccountSuspended",
    "AddressNotProven",
    "EmailTaken",
    "Export",
    "InvalidCredentials",
    "InvalidEmail",
    "InvalidLink",
    "InvalidPassword",
    "LastAdministrator",
    "SignedIn",
    "assign_role",
    "cancel_deletion",
    "cancel_deletion_by_token",
    "delete",
    "find_export",
    "login",
    "logout",
    "make_administrator",
    "open_export",
    "register",
    "request_deletion",
    "request_export",
    "restore",
    "suspend",
    "users",
    "written",
]
