"""Pauses between attempts that fail in a row: what is away is asked again soon, and then ever less often."""

from __future__ import annotations

import asyncio
import time


class Pauses:
    """Pauses that double from `first` up to `longest` seconds, and begin anew after an attempt that held for `held`."""

    def __init__(self, first: float, longest: float, *, held: float | None = None) -> None:
        """Begin with the first pause; without `held` an attempt that held for the longest pause was a good one."""
        self._first = first
        self._longest = longest
        self._held = longest if held is None else held
        self._next = first
        self._began = time.monotonic()

    def begin(self) -> None:
        """Note that an attempt begins."""
        self._began = time.monotonic()

    async def rest(self) -> None:
        """Pause after an attempt that has ended."""
        pause = self._first if time.monotonic() - self._began > self._held else self._next
        self._next = min(2 * pause, self._longest)
        await asyncio.sleep(pause)
