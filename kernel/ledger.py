"""What ingest asks of a ledger: what a fact is, where it is kept, and what becomes of a batch.

`kernel.ingest` knows how facts come from the broker and when they are committed; what they say is a service's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from aiokafka import TopicPartition

from kernel.dead_letters import Letter
from kernel.inbox import Message
from kernel.log import Connection

F = TypeVar("F")


class Batch(Generic[F]):
    """What was read of one partition, in offset order: facts, and letters for what is none."""

    __slots__ = (
        "bytes", "digest", "facts", "first", "following", "last", "letters", "place", "placed", "records", "start",
    )  # fmt: skip

    def __init__(self, place: TopicPartition, start: int, placed: object = None) -> None:
        """Begin a batch of a partition at the position `start`, read since it was `placed`."""
        self.place = place
        self.start = start
        self.placed = placed
        self.first = self.last = -1
        self.following = start
        self.records = 0
        self.bytes = 0
        """How large the values are that were read, of what is not held any more too."""
        self.digest: bytes | None = None
        self.facts: list[tuple[Message, F]] = []
        """Each fact with the message that it was."""
        self.letters: list[Letter] = []


class Entered(Protocol):
    """What becomes of a batch: its event, and how many facts are new."""

    @property
    def event(self) -> Any:
        """The event that tells of the batch."""
        ...

    @property
    def applied(self) -> int:
        """How many facts are new."""
        ...

    @property
    def duplicates(self) -> int:
        """How many were there already."""
        ...

    @property
    def letters(self) -> Sequence[Letter]:
        """Facts that are refused for what the ledger holds already."""
        ...

    @property
    def refusals(self) -> Sequence[tuple[str, str]]:
        """Reason and publisher of everything of the batch that is refused."""
        ...


E = TypeVar("E", bound=Entered)


class Ledger(Protocol[F, E]):
    """What a fact is and where it is kept."""

    def judge(self, message: Message, now: datetime) -> F | Letter:
        """Return the fact that a message is, or the letter of one that is none. Never raises."""
        ...

    def stream(self, place: TopicPartition) -> str:
        """Return the stream on which a partition's batches are told."""
        ...

    async def enter(self, connection: Connection, batches: Sequence[Batch[F]], *, doubtful: bool) -> list[E]:
        """Return what each batch adds, read outside of any transaction.

        Without `doubtful` the facts are taken to be new unless the batch itself repeats one; if the ledger holds one
        after all, `write` fails by UniqueViolationError and this is asked again, with it.
        """
        ...

    async def write(self, connection: Connection, entered: Sequence[E], versions: Sequence[int], now: datetime) -> None:
        """Write what is new, within the transaction that appended the events at `versions` of their streams."""
        ...

    async def paused(self, connection: Connection) -> frozenset[str]:
        """Return the topics that operators paused."""
        ...
