import asyncio

import pytest

from core.passwords import Passwords


class SlowHashes:
    """From now on, what hashes a password says so by `begun`, and goes on once `gate` is open."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.gate = asyncio.Event(), asyncio.Event()
        hash_of = Passwords.hash

        async def slow(passwords: Passwords, password: str) -> str:
            self.begun.set()
            await self.gate.wait()
            return await hash_of(passwords, password)

        monkeypatch.setattr(Passwords, "hash", slow)
