"""Argon2id off the event loop, in a bounded pool that sheds load instead of queueing without end (ADR 0055)."""

import asyncio
import base64
import math
import os
import secrets
import sys
import threading
import time
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
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
USUAL = 0.05
"""Seconds that a hash takes, as long as none was measured."""
REMEMBERED = 0.1
"""The weight of the latest hash in how long they take."""
SOONEST, LONGEST = 1.0, 10.0
"""Seconds after which whoever was refused is asked back at the earliest and at the latest."""
NICER = 10
"""How much hashing stands back for everything else that wants a processor: about a tenth of its share."""
NICEST = 19


class Place:
    """Room for one in a pool: what runs in it runs whatever the others do.

    It is free when who took it has left it and its threads are done, however impatient a caller is.
    """

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool
        self._held = 1

    async def run(self, work: Callable[..., T], *arguments: Any) -> T:
        """What `work` gives, done in a thread."""
        future = asyncio.get_running_loop().run_in_executor(self._pool.threads, self._pool.timed, work, *arguments)
        self._held += 1
        future.add_done_callback(self.leave)
        return await asyncio.shield(future)

    def leave(self, _: object = None) -> None:
        """One hold less: of who took the place, or of a thread."""
        self._held -= 1
        if not self._held:
            self._pool.pending -= 1


class Pool:
    """Threads, and how much work may run in them or wait for them."""

    def __init__(self, threads: int, name: str, begin: Callable[[], None] | None = None) -> None:
        self.threads = ThreadPoolExecutor(max_workers=threads, thread_name_prefix=name, initializer=begin)
        self.room = threads * (1 + QUEUE_PER_WORKER)
        self.pending = 0
        """Places that are taken."""
        self._count = threads
        self._seconds = USUAL
        self._asked_back = 0.0
        """When the last one that was refused is asked back."""

    @asynccontextmanager
    async def place(self) -> AsyncGenerator[Place]:
        """Room for as long as the context lasts. Raises Unavailable when the pool is full.

        Who is refused is told whole seconds, since clients count in these, and is told so once the rest has passed.
        """
        if self.pending >= self.room:
            rest, whole = math.modf(self._back_in())
            await asyncio.sleep(rest)
            raise Unavailable("Too many sign-ins at once. Try again shortly.", retry_after=whole)
        self.pending += 1
        place = Place(self)
        try:
            yield place
        finally:
            place.leave()

    async def run(self, work: Callable[..., T], *arguments: Any) -> T:
        """What `work` gives, done in a thread. Raises Unavailable when the pool is full."""
        async with self.place() as place:
            return await place.run(work, *arguments)

    def timed(self, work: Callable[..., T], *arguments: Any) -> T:
        """What `work` gives. How long it took is remembered."""
        began = time.monotonic()
        try:
            return work(*arguments)
        finally:
            self._seconds += REMEMBERED * (time.monotonic() - began - self._seconds)

    def close(self) -> None:
        """Let running work end and take no more."""
        self.threads.shutdown(wait=True, cancel_futures=True)

    def _back_in(self) -> float:
        """Seconds after which who is refused should ask again: each when one more could be served.

        A crowd that is sent away together would otherwise come back together, be refused together, and have everybody
        else wait each time. More than can be served in LONGEST are spread over that.
        """
        now, step = time.monotonic(), self._seconds / self._count
        self._asked_back = max(self._asked_back, now + SOONEST) + step
        if self._asked_back > now + LONGEST:
            self._asked_back = now + SOONEST + step
        return self._asked_back - now


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

    def place(self) -> AbstractAsyncContextManager[Place]:
        """Room for one to be hashed, for as long as the context lasts: who is refused costs no more than this.

        Hold it across what is our own alone, never while a client or a vendor may take their time. Raises Unavailable
        when the pool is full.
        """
        return self._hashing.place()

    async def verify(self, password: str, stored: str | None, place: Place | None = None) -> bool:
        """Whether `password` is the one behind `stored`.

        Without a stored hash it takes the same work and the answer is no, so that the time tells nothing about
        whether an account exists. Raises Unavailable when the pool is full and no place is held.
        """
        run = (place or self._hashing).run
        return await run(self._verify, stored or self._decoy, normalised(password[: MAX_LENGTH + 1]))

    async def run(self, work: Callable[..., T], *arguments: Any) -> T:
        """What `work` gives, off the loop: for what thinks long about a password. Raises Unavailable as hashes do.

        It has a bound of its own: who chooses many weak passwords keeps nobody from signing in. It holds Python's lock,
        and has a thread that does not stand back: who waited for it with the lock in hand would have the loop wait too.
        """
        return await self._thinking.run(work, *arguments)

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
