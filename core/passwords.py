"""Argon2id off the event loop, in a bounded pool that sheds load instead of queueing without end (ADR 0055)."""

import asyncio
import base64
import os
import secrets
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import structlog
from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from core.errors import Unavailable
from core.password_rules import MAX_LENGTH, normalised

log = structlog.get_logger(__name__)

T = TypeVar("T")

QUEUE_PER_WORKER = 16
"""Hashes that may wait for one worker; at 50 ms each, the last one waits 0.8 s."""
NICER = 10
"""How much hashing stands back for everything else that wants a processor: about a tenth of its share."""
NICEST = 19


class Pool:
    """Threads, and how much work may run in them or wait for them."""

    def __init__(self, threads: int, name: str, begin: Callable[[], None] | None = None) -> None:
        self._threads = ThreadPoolExecutor(max_workers=threads, thread_name_prefix=name, initializer=begin)
        self.room = threads * (1 + QUEUE_PER_WORKER)
        self.pending = 0

    def require_room(self) -> None:
        """Raise Unavailable when the pool is full."""
        if self.pending >= self.room:
            raise Unavailable("Too many sign-ins at once. Try again shortly.", retry_after=1.0)

    async def run(self, work: Callable[..., T], *arguments: Any) -> T:
        """What `work` gives, done in a thread. Raises Unavailable when the pool is full."""
        self.require_room()
        self.pending += 1
        future = asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)
        future.add_done_callback(self._done)
        return await asyncio.shield(future)

    def close(self) -> None:
        """Let running work end and take no more."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _done(self, _: object) -> None:
        """Give the place back when the thread is done, not when an impatient caller is."""
        self.pending -= 1


class Passwords:
    """Hashes and verifies with Argon2id. `memory` is in KiB, `pool` in threads."""

    def __init__(self, *, memory: int, time: int, parallelism: int, pool: int) -> None:
        self._hasher = PasswordHasher(time_cost=time, memory_cost=memory, parallelism=parallelism, type=Type.ID)
        self._hashing = Pool(pool, "argon2", stand_back)
        self._thinking = Pool(1, "passwords")
        self._decoy = self.unusable()

    async def hash(self, password: str) -> str:
        """The PHC string of a password, in its normalised form. Raises Unavailable when the pool is full."""
        return await self._hashing.run(self._hasher.hash, normalised(password))

    async def verify(self, password: str, stored: str | None) -> bool:
        """Whether `password` is the one behind `stored`.

        Without a stored hash it takes the same work and the answer is no, so that the time tells nothing about
        whether an account exists. Raises Unavailable when the pool is full.
        """
        return await self._hashing.run(self._verify, stored or self._decoy, normalised(password[: MAX_LENGTH + 1]))

    async def run(self, work: Callable[..., T], *arguments: Any) -> T:
        """What `work` gives, off the loop: for what thinks long about a password. Raises Unavailable as hashes do.

        It has a bound of its own: who chooses many weak passwords keeps nobody from signing in. It holds Python's lock,
        and has a thread that does not stand back: who waited for it with the lock in hand would have the loop wait too.
        """
        return await self._thinking.run(work, *arguments)

    def require_room(self) -> None:
        """Raise Unavailable when nothing more is hashed: better than after reading and counting for who is refused."""
        self._hashing.require_room()

    @property
    def pending(self) -> int:
        """Hashes that run or wait for a thread."""
        return self._hashing.pending

    def unusable(self) -> str:
        """A hash of today's parameters that no password has: as dear to verify as any, and never the right one."""

        def noise(size: int) -> str:
            return base64.b64encode(secrets.token_bytes(size)).rstrip(b"=").decode()

        cost = self._hasher
        parameters = f"m={cost.memory_cost},t={cost.time_cost},p={cost.parallelism}"
        return f"$argon2id$v=19${parameters}${noise(cost.salt_len)}${noise(cost.hash_len)}"

    def outdated(self, stored: str) -> bool:
        """Whether `stored` was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    def close(self) -> None:
        """Let running hashes end and take no more."""
        for pool in (self._hashing, self._thinking):
            pool.close()

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False


def stand_back() -> None:
    """Have this thread take a processor only where nothing else asks for much of it.

    Linux knows the niceness of each thread, and lets anybody raise their own, unless a filter of system calls forbids
    it: then threads stay as they are. Elsewhere it is the whole process's.
    """
    if sys.platform == "linux":
        thread = threading.get_native_id()
        try:
            os.setpriority(os.PRIO_PROCESS, thread, min(NICEST, os.getpriority(os.PRIO_PROCESS, thread) + NICER))
        except OSError as error:
            log.warning("passwords.not_nice", error=str(error))
