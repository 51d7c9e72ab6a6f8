"""Headers that are never folded. The library folds what is longer than a line as encoded words, also an address.

An encoded List-Unsubscribe is one that mailbox providers do not see. A line may have 998 characters: RFC 5322, 2.1.1.
"""

from __future__ import annotations

from email import policy
from email.headerregistry import BaseHeader, HeaderRegistry, UnstructuredHeader
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from email.message import EmailMessage
    from email.policy import EmailPolicy, Policy


class OneLine(UnstructuredHeader, BaseHeader):
    """A header in one line, however long."""

    def fold(self, *, policy: Policy) -> str:
        """The header as it is sent."""
        return f"{self.name}: {self}{policy.linesep}"


def unfolding() -> EmailPolicy[EmailMessage[Any, Any]]:
    """The library's policy, but for these headers."""
    registry = HeaderRegistry()
    for name in ("List-Unsubscribe", "Return-Path"):
        registry.map_to_type(name, OneLine)
    return policy.default.clone(header_factory=registry)


POLICY = unfolding()
