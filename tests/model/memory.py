"""Both services in memory: the real programs and decisions over logs of plain lists, delivered when it is asked for.

A store is one service's local log: its own events and those it received, in one order. A program is run as the kernel
runs it (load, decide, append all or nothing under the versions it loaded), without a database. What one store appends
reaches the other when `deliver` is called, each stream in its order, so that a model can let one lag behind the other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from uuid import NAMESPACE_OID, uuid5

from kernel.commands import Program
from kernel.decider import Aggregate, Decision, Happened, Loader, Position, Refusal

S = TypeVar("S")


def at_once(work: Coroutine[Any, Any, S]) -> S:
    """Return what a coroutine returns that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as done:
        found: S = done.value
        return found
    work.close()
    raise AssertionError("a program in memory has nothing to wait for")


@dataclass
class Store:
    """One service's log."""

    service: str
    streams: dict[str, list[Happened]] = field(default_factory=dict)
    outbox: deque[Happened] = field(default_factory=deque)
    history: list[Happened] = field(default_factory=list)
    """Own events in the order of the log."""
    count: int = 0
    _folded: dict[tuple[int, str], tuple[int, Any]] = field(default_factory=dict)

    def state(self, aggregate: Aggregate[S], stream: str) -> S:
        """Return the folded state of a stream; only what is new of it is folded."""
        events = self.streams.get(stream, [])
        seen, state = self._folded.get((id(aggregate), stream), (0, None))
        folded: S = aggregate.fold(events[seen:], aggregate.initial() if seen == 0 else state)
        self._folded[id(aggregate), stream] = (len(events), folded)
        return folded

    def version(self, stream: str) -> int:
        """Return how many events a stream has here."""
        return len(self.streams.get(stream, ()))

    def decide(self, program: Program) -> Decision:
        """Return what a program decides now."""
        return at_once(program(_Loading(self)))  # type: ignore[arg-type]

    def execute(self, program: Program, actor: str, received: datetime) -> Refusal | list[Happened]:
        """Decide and append; the recorded time is the latest of the receipt and of what was written to."""
        decision = self.decide(program)
        return decision if isinstance(decision, Refusal) else self.append(decision, actor, received)

    def append(self, emits: Sequence[Any], actor: str, received: datetime) -> list[Happened]:
        """Append events as one transaction."""
        self.count += 1
        ends = [self.streams[emit.stream][-1].time for emit in emits if self.streams.get(emit.stream)]
        time = max([received, *ends])
        done = []
        for index, (stream, event) in enumerate(emits):
            version = self.version(stream) + 1
            read = type(event).model_validate(event.to_data())
            id_ = str(uuid5(NAMESPACE_OID, f"{stream}@{version}"))
            happened = Happened(read, id_, stream, version, time, actor, None, Position(1, self.count, index))
            self.streams.setdefault(stream, []).append(happened)
            self.outbox.append(happened)
            self.history.append(happened)
            done.append(happened)
        return done

    def receive(self, happened: Happened) -> Happened:
        """Put another service's event into this log, at a place of its own."""
        self.count += 1
        here = happened._replace(position=Position(1, self.count, 0))
        assert here.version == self.version(here.stream) + 1, "delivery keeps a stream's order"
        self.streams.setdefault(here.stream, []).append(here)
        return here

    def of(self, prefix: str) -> list[str]:
        """Return the streams whose names begin so, sorted."""
        return sorted(stream for stream in self.streams if stream.startswith(prefix))


class _Loading(Loader):
    """What a program loads of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def load(self, aggregate: Aggregate[S], stream: str, *, guard: bool = True) -> S:
        del guard
        return self._store.state(aggregate, stream)

    def version(self, stream: str) -> int:
        return self._store.version(stream)
