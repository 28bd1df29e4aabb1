"""Measure in turns: the system, its limit and its peer, again and again in one run.

Other programs on the machine slow down whatever is measured at that moment. Measured in turns, all of them meet the
same weather, and the medians of several rounds can be compared; one after the other they could not.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from bench.ground import Ground
from bench.usage import Cpu


class Stopwatch:
    """Times what is done inside `with watch:`, in seconds and processor seconds; what is made ready stays outside."""

    def __init__(self, ground: Ground) -> None:
        """Measure the processes of `ground` and this one."""
        self._ground = ground
        self.seconds = 0.0
        self.cpu = Cpu(0.0, 0.0, 0.0)

    def __enter__(self) -> Self:
        """Begin."""
        gc.collect()
        self._cpu_before, self._began = Cpu.now(self._ground), time.perf_counter()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """End."""
        self.seconds = time.perf_counter() - self._began
        self.cpu = Cpu.now(self._ground).since(self._cpu_before)


Work = Callable[[Stopwatch], Awaitable[int]]
"""Does its work inside the stopwatch and returns how many events it took care of."""


@dataclass(slots=True)
class Turns:
    """The turns of one kind of work: events a second, and what they cost."""

    rates: list[float] = field(default_factory=list)
    costs: list[tuple[Cpu, int]] = field(default_factory=list)


async def take_turns(ground: Ground, rounds: int, works: Mapping[str, Work]) -> dict[str, Turns]:
    """Do each work once a round, in the given order; return the turns by name.

    Before the first round every work is done once without being counted: connections are opened and plans are made.
    """
    turns = {name: Turns() for name in works}
    for number in range(rounds + 1):
        for name, work in works.items():
            watch = Stopwatch(ground)
            events = await work(watch)
            if number:
                turns[name].rates.append(events / watch.seconds)
                turns[name].costs.append((watch.cpu, events))
    return turns
