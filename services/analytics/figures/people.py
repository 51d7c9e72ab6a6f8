"""Who counts in figures: neither the staff, nor test accounts, nor fraud."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.app import App

RESERVED = ("example.com", "example.net", "example.org", "example", "invalid", "localhost", "test")
"""Domains that belong to nobody, with all below them: RFC 2606, RFC 6761. The demo account is in one of them."""

_FRAUD = """EXISTS (
  SELECT 1 FROM fraud_assessments a LEFT JOIN fraud_cases k ON k.assessment_id = a.id
  WHERE a.user_id = {user}.id
    AND (k.status = 'CONFIRMED' OR (a.decision = 'BLOCK' AND COALESCE(k.status, '') <> 'DISMISSED'))
)"""


def counts(app: App, user: str) -> str:
    """That a row of `users`, by its alias, counts, in SQL: as things are at the moment of asking."""
    return f"{user}.role = 'USER' AND NOT ({is_test(app, f'{user}.email_key')}) AND NOT {_FRAUD.format(user=user)}"


def is_test(app: App, address: str) -> str:
    """That the address in a column is one of tests, in SQL. The domains are our own constants and checked settings."""
    domains = (*RESERVED, *app.settings.test_domains)
    return " OR ".join(f"{address} LIKE '%{mark}{domain}'" for domain in domains for mark in "@.")
