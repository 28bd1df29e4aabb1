"""Passwords: Argon2id (RFC 9106), checked in constant work, and a limit on guessing."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from argon2.profiles import RFC_9106_LOW_MEMORY

LONGEST_PASSWORD: Final = 1024


class Passwords:
    """Hashes and checks passwords beside the event loop, a few at a time: each takes 64 MiB outside of development."""

    def __init__(self, *, cheap: bool) -> None:
        """Use RFC 9106's second recommended parameters; `cheap` ones are for development persons only."""
        self._hasher = (
            PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)
            if cheap
            else PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
        )
        self._at_once = asyncio.Semaphore(2)
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        """Return a salted hash."""
        async with self._at_once:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def matches(self, password_hash: str | None, password: str) -> bool:
        """Tell whether the password is right; None, for no such account, is never right but takes as long."""
        if self._nobody is None:
            self._nobody = await self.hash("nobody's password")
        async with self._at_once:
            matched = await asyncio.to_thread(self._verify, password_hash or self._nobody, password)
        return matched and password_hash is not None

    def _verify(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (Argon2Error, InvalidHashError):
            return False

    def is_outdated(self, password_hash: str) -> bool:
        """Tell whether the hash has other parameters than new ones get."""
        return self._hasher.check_needs_rehash(password_hash)


class Attempts:
    """Counts failed attempts per key in a sliding window, in this process, for at most `size` keys.

    An attempt counts from its start, so that many at once do not slip through, and is taken back when it succeeds.
    """

    def __init__(
        self, *, most: int, seconds: float, size: int = 10_000, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most
        self._seconds = seconds
        self._size = size
        self._monotonic = monotonic
        self._failed: OrderedDict[str, list[float]] = OrderedDict()

    def begin(self, key: str) -> float:
        """Count an attempt; return 0, or the seconds to wait when there were too many."""
        now = self._monotonic()
        recent = [at for at in self._failed.pop(key, []) if now - at < self._seconds]
        self._failed[key] = recent
        if len(recent) >= self._most:
            return max(0.001, recent[0] + self._seconds - now)
        recent.append(now)
        if len(self._failed) > self._size:
            self._failed.popitem(last=False)
        return 0.0

    def succeeded(self, key: str) -> None:
        """Forget the failed attempts of a key."""
        self._failed.pop(key, None)

    def took_back(self, key: str) -> None:
        """Take back the latest attempt of a key, leaving the failed ones."""
        recent = self._failed.get(key)
        if recent:
            recent.pop()
