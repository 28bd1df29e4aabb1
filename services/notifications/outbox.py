"""The messages that are due, and how each is concluded, whichever channel it goes by.

The order is: the intent is committed (`handler`), the channel accepts the message, NotificationDelivered is appended,
the intent is marked. A process that dies after the channel accepted and before the append sends the message again when
it is back, under the same id, and nothing here can know better: that is the crash window of mail and of webhooks. After
the append nothing is sent again, marked or not, since the command that appended is remembered under the message id; a
store restored from a backup takes that back from the topic. A replica that lost the lead in mid-sending is in the same
window.

A message that fails by itself, at whatever, is told, tried again later with growing pauses, and stops no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeVar
from uuid import UUID, uuid5

import asyncpg
import orjson
import structlog
from prometheus_client import CollectorRegistry, Counter

from kernel.cancellation import end_if_cancelled
from kernel.clock import Clock
from kernel.commands import Ask, Executor, Receipt
from kernel.problems import store_is_away
from kernel.sql import queries
from schemas.notifications import NotificationDelivered, NotificationFailed
from schemas.rulebook import Rulebook
from services.notifications.delivery import Reason, Recipient, ask_of, delivered, failed, program_of, was_delivered
from services.notifications.directory import DirectoryAway
from services.notifications.domain.days import is_over
from services.notifications.domain.templates import DIGEST, LEGAL_TEMPLATES, RULES
from services.notifications.mail import ServerAway, message_id_of
from services.notifications.texts import Contents

SQL: Final = queries(Path(__file__).with_name("queries.sql"))
BATCH: Final = 50
_FIRST_PAUSE: Final = 5.0
_LONGEST_PAUSE: Final = 3600.0
_IDLE_SECONDS: Final = 2.0
_AWAY_SECONDS: Final = 2.0
_LOG = structlog.get_logger(__name__)
AWAY: Final = (ServerAway, DirectoryAway)
T = TypeVar("T")
State = Literal["sent", "failed", "omitted"]
Route = Literal["mail", "webhook"]
_TEMPLATES: Final = list(RULES)
_GROUPS: Final = [RULES[template].group for template in _TEMPLATES]


def pause_after(attempts: int) -> float:
    """Return for how many seconds to leave a message after so many attempts."""
    return min(_FIRST_PAUSE * (1 << min(attempts, 20)), _LONGEST_PAUSE)


@dataclass(frozen=True, slots=True)
class Due:
    """An intent whose time has come. `failing` is for how many seconds it has been tried in vain."""

    message: UUID
    recipient: Recipient
    contents: Contents
    rulebook: Rulebook | None
    """None where the message is of no season."""
    attempts: int
    failing: float
    channel: Route


class NotRecorded(Exception):
    """The event of a message could not be appended now; the message is not sent again by this process."""


@dataclass(slots=True)
class Outbox:
    """Gives due messages out and concludes each, once; shared by all senders of a process."""

    pool: asyncpg.Pool
    executor: Executor
    clock: Clock
    domain: str
    outcomes: Counter
    _rulebooks: dict[tuple[str, int], Rulebook] = field(default_factory=dict)
    _accepted: dict[UUID, tuple[NotificationDelivered | NotificationFailed, ...]] = field(default_factory=dict)
    """Messages that their channel took and whose events are not appended yet."""

    async def route(self) -> int:
        """Choose the channel of what has none yet, as its person wants it now; return how many messages that were."""
        rows = await self.pool.fetch(SQL["route"], _TEMPLATES, _GROUPS, 10 * BATCH)
        for row in rows:
            if row["state"] == "omitted":
                self.outcomes.labels(row["template"], "omitted").inc()
        return len(rows)

    async def due(self, channel: Route, limit: int = BATCH) -> tuple[list[Due], int]:
        """Return what can be sent by a channel now and was not concluded before, and how many were looked at."""
        rows = await self.pool.fetch(SQL["due_intents"], channel, limit)
        due = [
            one
            for row in rows
            if (one := await self._apart(row["message_id"], row["template"], row["attempts"], self.read(row)))
        ]
        return [one for one in due if await self.of(one, self._needs_nothing(one)) is False], len(rows)

    async def read(self, row: asyncpg.Record) -> Due:
        """Return the message of a row: what it says, under its season's rulebook if it is of a season."""
        names = await self.pool.fetch(SQL["names"], row["nominations"])
        contents = Contents(
            template=row["template"],
            params=orjson.loads(row["params"]),
            nominations=tuple(str(one) for one in row["nominations"]),
            names={str(one["nomination"]): one["candidate"] for one in names},
            sample=row["sample"],
            recorded=row["recorded"],
            message=row["message_id"],
        )
        season = row["season"]
        rulebook = None if season is None else await self._rulebook(season, row["rulebook_version"])
        told = (row["attempts"], row["failing"] or 0.0, row["channel"])
        return Due(row["message_id"], self._recipient(row), contents, rulebook, *told)

    def _recipient(self, row: asyncpg.Record) -> Recipient:
        return Recipient(row["person"], row["cause"], row["template"], message_id_of(row["message_id"], self.domain))

    async def _rulebook(self, season: str, version: int | None) -> Rulebook:
        kept = None if version is None else self._rulebooks.get((season, version))
        if kept is None:
            row = await self.pool.fetchrow(SQL["season"], season)
            if row is None:
                raise LookupError(f"the rulebook of {season} is being read again")
            kept = Rulebook.from_content(orjson.loads(row["rulebook"]))
            self._rulebooks[season, row["version"]] = kept
        return kept

    # --- one message apart from all others -------------------------------------------------------------------------

    async def of(self, one: Due, work: Awaitable[T]) -> T | None:
        """Do what concerns one message; when that fails for a reason of its own, leave the message for later."""
        return await self._apart(one.message, one.recipient.template, one.attempts, work)

    async def _apart(self, message: UUID, template: str, attempts: int, work: Awaitable[T]) -> T | None:
        try:
            return await work
        except (*AWAY, NotRecorded):
            raise
        except Exception as error:
            if store_is_away(error):
                raise
            _LOG.exception("a message failed", message=str(message))
            await self._later(message, template, attempts)
            return None

    async def _done_before(self, one: Due) -> bool:
        """Settle a message that was concluded already, or that its channel took from this process."""
        async with self.pool.acquire() as connection:
            receipt = await self.executor.remembered(connection, self._ask(one))
        if isinstance(receipt, Receipt):
            await self._settle(one, "sent" if was_delivered(receipt) else "failed")
            return True
        if (events := self._accepted.get(one.message)) is not None:
            await self._conclude(one, events)
            return True
        return False

    async def _needs_nothing(self, one: Due) -> bool:
        """Settle a message that was concluded before, or a reminder whose day is over."""
        if await self._done_before(one):
            return True
        if one.contents.template == "reminder" and is_over(one.contents.params, self.clock.now()):
            await self._settle(one, "omitted")
            return True
        return False

    # --- concluding ------------------------------------------------------------------------------------------------

    async def sent(self, one: Due, channel: Route, digest: str, held: Sequence[tuple[Recipient, str]] = ()) -> None:
        """Record that the channel took a message, and what a digest held: each with the SHA-256 of what it said."""
        events = (
            delivered(one.recipient, digest, channel),
            *(delivered(recipient, said, "digest") for recipient, said in held),
        )
        self._accepted[one.message] = events
        await self._conclude(one, events)

    async def _conclude(self, one: Due, events: Sequence[NotificationDelivered | NotificationFailed]) -> None:
        await self._record(one, events)
        await self._settle(one, "sent")
        self._accepted.pop(one.message, None)

    async def fail(self, one: Due, reason: Reason, channel: Route = "mail") -> None:
        """Record that a message is given up, and of a digest all that it held."""
        held = await self.pool.fetch(SQL["in_digest"], one.message) if one.contents.template == DIGEST else []
        lost = (one.recipient, *map(self._recipient, held))
        await self._record(one, [failed(recipient, reason, channel) for recipient in lost])
        await self._settle(one, "failed")

    async def _record(self, one: Due, events: Sequence[NotificationDelivered | NotificationFailed]) -> None:
        receipt = await self.executor.execute(self._ask(one), program_of(events))
        if not isinstance(receipt, Receipt):
            raise NotRecorded(f"{one.recipient.message_id}: {receipt.code}")

    def _ask(self, one: Due) -> Ask:
        return ask_of(one.message, one.recipient, received=self.clock.now(), not_before=one.contents.recorded)

    async def _settle(self, one: Due, state: State) -> None:
        if state == "failed" and one.channel == "webhook" and one.recipient.template in LEGAL_TEMPLATES:
            # A legal notice must reach its person.
            await self.pool.execute(SQL["mail_instead"], one.message, uuid5(one.message, "mail"))
        await self.pool.execute(SQL["settle_intent"], one.message, state)
        self.outcomes.labels(one.recipient.template, state).inc()

    async def reroute(self, one: Due, channel: Route | None = None) -> None:
        """Let a message go by another channel: the given one, or what its person wants now."""
        await self.pool.execute(SQL["reroute_one"], one.message, channel)

    async def postpone(self, one: Due, pause: float | None = None) -> None:
        """Leave a message for later: for some seconds, or for as long as its attempts say."""
        await self._later(one.message, one.recipient.template, one.attempts, pause)

    async def _later(self, message: UUID, template: str, attempts: int, pause: float | None = None) -> None:
        await self.pool.execute(SQL["postpone_intent"], message, pause_after(attempts) if pause is None else pause)
        self.outcomes.labels(template, "postponed").inc()


class Bell:
    """Wakes senders: each waits for a ring, or for a while at most."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Let whoever waits look now."""
        self._rung.set()

    def clear(self) -> None:
        """Forget the rings so far, before looking."""
        self._rung.clear()

    async def follow(self, look: Callable[[], Awaitable[int]], what: str) -> None:
        """Look until cancelled: again at once while something is found, a little later while a server is away."""
        while True:
            end_if_cancelled()
            self.clear()
            try:
                found = await look()
            except AWAY as error:
                _LOG.warning("waits for a server", what=what, reason=str(error))
                await asyncio.sleep(_AWAY_SECONDS)
                continue
            if not found:
                await self.wait()

    async def wait(self, seconds: float = _IDLE_SECONDS) -> None:
        """Wait for a ring, at most for some seconds."""
        try:
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        except TimeoutError:
            return


def outcomes_counter(registry: CollectorRegistry) -> Counter:
    """Return the counter of what became of messages, by template and outcome."""
    return Counter("paritrana_mails", "Messages by what became of them.", ("template", "outcome"), registry=registry)
