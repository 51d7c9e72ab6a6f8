"""Accounts: registering, signing in and out, and what their owners and administrators do with them."""

from services.accounts.administration import (
    AccountClosed,
    LastAdministrator,
    assign_role,
    make_administrator,
    restore,
    suspend,
)
from services.accounts.browsing import users
from services.accounts.registration import EmailTaken, InvalidEmail, InvalidPassword, register
from services.accounts.signing_in import AccountSuspended, InvalidCredentials, SignedIn, login, logout

__all__ = [
    "AccountClosed",
    "AccountSuspended",
    "EmailTaken",
    "InvalidCredentials",
    "InvalidEmail",
    "InvalidPassword",
    "LastAdministrator",
    "SignedIn",
    "assign_role",
    "login",
    "logout",
    "make_administrator",
    "register",
    "restore",
    "suspend",
    "users",
]
