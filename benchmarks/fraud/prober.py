"""Somebody who sees only answers, and goes on with what has worked: the adaptive family."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.fraud import mailboxes, networks
from benchmarks.fraud.mailboxes import Name

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from benchmarks.fraud.events import Attempt
    from benchmarks.fraud.operators import Means

PATIENCE = 2
"""Refusals in a row after which a way is given up for the next one."""


class Prober:
    """Begins with the cheapest way, leaves it when it no longer works, and comes back to the cheapest in the end."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._local = f"{mailboxes.local(means.chance, means.name)}{means.key[-4:]}"
        self._count = 0
        self._way = 0
        self._refused = 0
        self._ways: tuple[Callable[[], Attempt], ...] = (
            self._alias,
            self._private,
            self._through_vpn,
            self._another_machine,
            self._on_the_phone,
            self._own_domain,
            self._from_elsewhere,
        )
        self._domain = mailboxes.domain(means.chance)

    def attempt(self, at: datetime) -> Attempt:
        """The next try, by the way of the moment."""
        self._count += 1
        return self._ways[self._way]()

    def learn(self, *, granted: bool) -> None:
        """Stay with what works."""
        self._refused = 0 if granted else self._refused + 1
        if self._refused >= PATIENCE:
            self._way, self._refused = (self._way + 1) % len(self._ways), 0

    def _alias(self) -> Attempt:
        return self._means.sign_up(f"{self._local}+{self._count}@gmail.com", profile=self._means.own)

    def _private(self) -> Attempt:
        means = self._means
        return means.sign_up(self._mailbox(), profile=means.private_window(), ip=means.home.address())

    def _through_vpn(self) -> Attempt:
        means = self._means
        return means.sign_up(self._mailbox(), profile=means.private_window(), ip=networks.vpn(means.chance))

    def _another_machine(self) -> Attempt:
        means = self._means
        return means.sign_up(self._mailbox(), profile=means.fresh_profile(), ip=means.home.address())

    def _on_the_phone(self) -> Attempt:
        means = self._means
        return means.sign_up(self._mailbox(), profile=means.fresh_profile(), ip=networks.mobile(means.chance))

    def _own_domain(self) -> Attempt:
        means = self._means
        email = mailboxes.staff(means.chance, Name(means.chance), self._domain)
        return means.sign_up(email, profile=means.fresh_profile(), ip=networks.vpn(means.chance))

    def _from_elsewhere(self) -> Attempt:
        means = self._means
        return means.sign_up(self._mailbox(), profile=means.fresh_profile(), ip=networks.Home(means.chance).address())

    def _mailbox(self) -> str:
        """A mailbox that nobody else has: a clash would be another answer than the engine's."""
        local, _, where = self._means.other_mailbox().partition("@")
        return f"{local}{self._count}{self._means.key[-4:]}@{where}"
