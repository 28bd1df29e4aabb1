"""The shape of every decision: states folded from events, and a pure choice between events and a refusal.

`decide(states, command) -> Decision` asks nobody: time, ids and the actor arrive in the command. History is folded by
`evolve(state, happened) -> state`. The kernel loads, retries and appends around both (`kernel.commands`), and
projections fold the raw documents (`kernel.reactor`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

S = TypeVar("S")


class Position(NamedTuple):
    """Where an event stands in a service's local log; compares in the log's order."""

    epoch: int
    xid: int
    sequence: int

    def __str__(self) -> str:
        """Return the opaque form handed to clients, `epoch-xid-sequence`."""
        return f"{self.epoch}-{self.xid}-{self.sequence}"

    @classmethod
    def parse(cls, text: str) -> Position:
        """Return the position of its text form; raise ValueError for anything else."""
        parts = text.split("-")
        if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) < 20 for part in parts):
            raise ValueError(f"{text!r} is no position; pass back the one you were given, such as 1-761-42")
        return cls(*(int(part) for part in parts))


START = Position(0, 0, 0)


class Happened(NamedTuple):
    """One event of history with what its envelope says. `event` is the model; `time` is the recorded time."""

    event: Any
    id: str
    stream: str
    version: int
    time: datetime
    actor: str = "system"
    office: str | None = None
    position: Position = START


@dataclass(frozen=True, slots=True)
class Text:
    """A sentence for people, in both languages."""

    en: str
    id: str


@dataclass(frozen=True, slots=True)
class FieldFault:
    """One field of a command that is wrong: its path, the value given, and what to change."""

    path: str
    value: str | None
    remedy: Text


@dataclass(frozen=True, slots=True)
class Refusal:
    """A command that the rules do not allow. `code` is stable; `status` is the HTTP answer it becomes."""

    code: str
    detail: Text
    status: int = 409
    faults: tuple[FieldFault, ...] = ()
    recorded: bool = True
    """False for what is no attempt at all, such as a thing that does not exist (404)."""


class Emit(NamedTuple):
    """An event to append to a stream."""

    stream: str
    event: Any


Decision = Sequence[Emit] | Refusal


@dataclass(frozen=True)
class Aggregate(Generic[S]):
    """How one kind of stream is folded."""

    initial: Callable[[], S]
    evolve: Callable[[S, Happened], S]
    kind: str = field(default="")

    def fold(self, history: Iterable[Happened], state: S | None = None) -> S:
        """Return the state after `history`, from `state` or from the beginning."""
        return reduce(self.evolve, history, self.initial() if state is None else state)


class Loader(Protocol):
    """What a decision may read: streams of the local log, own and received.

    Every stream loaded is guarded: if it has moved when the events are appended, the decision is taken anew.
    """

    async def load(self, aggregate: Aggregate[S], stream: str, *, guard: bool = True) -> S:
        """Return the folded state of `stream` (the initial state when it does not exist)."""
        ...

    def version(self, stream: str) -> int:
        """Return the version at which `stream` was loaded (0: it does not exist)."""
        ...
