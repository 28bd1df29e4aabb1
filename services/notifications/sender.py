"""Send what was committed to be sent, from one active replica.

The order is: the intent is committed (`handler`), the mail server accepts the message, the event NotificationDelivered
is appended, the intent is marked. A process that dies after the server accepted and before the append sends the message
again when it is back, under the same Message-ID, and nothing here can know better: that is the crash window of mail.
After the append nothing is sent again, marked or not, since the command that appended is remembered under the message
id; a store restored from a backup takes that back from the topic. A replica that lost the lead in mid-sending is in the
same window.

A 4xx answer, a server or an identity that is away: tried again later, with growing pauses up to an hour, for about four
days (RFC 5321 section 4.5.4.1). A 5xx answer or a person without an address: given up, as NotificationFailed. A
message that fails by itself, at whatever, is told and tried again in the same way, and stops no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, TypeVar
from uuid import UUID

import asyncpg
import orjson
import structlog
from prometheus_client import CollectorRegistry, Counter

from kernel.clock import Clock
from kernel.commands import Ask, Executor, Receipt
from kernel.problems import store_is_away
from kernel.sql import queries
from schemas.rulebook import Rulebook
from services.notifications.delivery import Recipient, ask_of, delivered, failed, program_of, was_delivered
from services.notifications.directory import Addressee, Directory, DirectoryAway
from services.notifications.domain.intents import EVENT_OF
from services.notifications.mail import MailServer, ServerAway, Session, compose, is_address, message_id_of
from services.notifications.texts import Contents, Letter, write_letter

SQL: Final = queries(Path(__file__).with_name("queries.sql"))
BATCH: Final = 50
_FIRST_PAUSE: Final = 5.0
_LONGEST_PAUSE: Final = 3600.0
_MOST_ATTEMPTS: Final = 105
"""With pauses of 5 s, 10 s … 1 h: a little over four days."""
_IDLE_SECONDS: Final = 2.0
_AWAY_SECONDS: Final = 2.0
_LOG = structlog.get_logger(__name__)
_Away = (ServerAway, DirectoryAway)
T = TypeVar("T")
State = Literal["sent", "failed", "omitted"]


def pause_after(attempts: int) -> float:
    """Return for how many seconds to leave a message after so many attempts."""
    return min(_FIRST_PAUSE * (1 << min(attempts, 20)), _LONGEST_PAUSE)


@dataclass(frozen=True, slots=True)
class Due:
    """An intent whose time has come."""

    message: UUID
    recipient: Recipient
    role: str
    contents: Contents
    rulebook: Rulebook
    attempts: int


class NotRecorded(Exception):
    """The event of a message could not be appended now; the message is not sent again by this process."""


@dataclass(slots=True)
class MailSender:
    """Takes due intents and concludes each; `wake` makes it look at once."""

    pool: asyncpg.Pool
    executor: Executor
    clock: Clock
    directory: Directory
    server: MailServer
    domain: str
    outcomes: Counter
    _woken: asyncio.Event = field(default_factory=asyncio.Event)
    _rulebooks: dict[tuple[str, int], Rulebook] = field(default_factory=dict)
    _accepted: dict[UUID, str] = field(default_factory=dict)
    """Messages that the server took and whose event is not appended yet, with the letter's digest."""

    def wake(self) -> None:
        """Look for due intents now."""
        self._woken.set()

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            self._woken.clear()
            try:
                found = await self.round()
            except _Away as error:
                _LOG.warning("mail waits", reason=str(error))
                await asyncio.sleep(_AWAY_SECONDS)
                continue
            if not found:
                await self._idle()

    async def _idle(self) -> None:
        try:
            async with asyncio.timeout(_IDLE_SECONDS):
                await self._woken.wait()
        except TimeoutError:
            return

    async def round(self) -> int:
        """Conclude or postpone what is due, one batch; return how many intents that were.

        Raises ServerAway or DirectoryAway when nothing could be sent.
        """
        rows = await self.pool.fetch(SQL["due_intents"], BATCH)
        due = [
            one
            for row in rows
            if (one := await self._apart(row["message_id"], row["template"], row["attempts"], self._due(row)))
        ]
        fresh = [one for one in due if await self._of(one, self._done_before(one)) is False]
        if fresh:
            found = await self.directory.find(one.recipient.person for one in fresh)
            writable = [
                one for one in fresh if await self._of(one, self._can_be_written(one, found.get(one.recipient.person)))
            ]
            if writable:
                await self._send_all(writable, found)
        return len(rows)

    async def _of(self, one: Due, work: Awaitable[T]) -> T | None:
        return await self._apart(one.message, one.recipient.template, one.attempts, work)

    async def _apart(self, message: UUID, template: str, attempts: int, work: Awaitable[T]) -> T | None:
        """Do what concerns one message; when that fails for a reason of its own, leave the message for later."""
        try:
            return await work
        except (*_Away, NotRecorded):
            raise
        except Exception as error:
            if store_is_away(error):
                raise
            _LOG.exception("a message failed", message=str(message))
            await self._later(message, template, attempts)
            return None

    async def _due(self, row: asyncpg.Record) -> Due:
        names = {str(one["nomination"]): one["candidate"] for one in await self._names(row["nominations"])}
        contents = Contents(
            template=row["template"],
            params=orjson.loads(row["params"]),
            nominations=tuple(str(one) for one in row["nominations"]),
            names=names,
            sample=row["sample"],
            recorded=row["recorded"],
            message=row["message_id"],
        )
        header = message_id_of(row["message_id"], self.domain)
        recipient = Recipient(row["person"], row["cause"], row["template"], header)
        rulebook = await self._rulebook(row["season"], row["rulebook_version"])
        return Due(row["message_id"], recipient, row["role"], contents, rulebook, row["attempts"])

    async def _names(self, nominations: list[UUID]) -> list[asyncpg.Record]:
        found: list[asyncpg.Record] = await self.pool.fetch(SQL["names"], nominations)
        return found

    async def _rulebook(self, season: str, version: int) -> Rulebook:
        kept = self._rulebooks.get((season, version))
        if kept is None:
            row = await self.pool.fetchrow(SQL["season"], season)
            if row is None:
                raise AssertionError("an intent is due only when its season is here")
            kept = Rulebook.from_content(orjson.loads(row["rulebook"]))
            self._rulebooks[season, row["version"]] = kept
        return kept

    async def _done_before(self, one: Due) -> bool:
        """Settle a message that was concluded already, or that the rulebook tells nobody of."""
        async with self.pool.acquire() as connection:
            receipt = await self.executor.remembered(connection, self._ask(one))
        if isinstance(receipt, Receipt):
            await self._settle(one, "sent" if was_delivered(receipt) else "failed")
            return True
        if not _is_told(one):
            await self._settle(one, "omitted")
            return True
        if (digest := self._accepted.get(one.message)) is not None:
            await self._conclude_sent(one, digest)
            return True
        return False

    async def _can_be_written(self, one: Due, found: Addressee | None) -> bool:
        if found is None or found.address is None or not is_address(found.address):
            await self._fail(one, "no-address")
            return False
        return True

    async def _send_all(self, due: list[Due], found: Mapping[UUID, Addressee]) -> None:
        async with self.server.session() as session:
            for one in due:
                await self._of(one, self._send(session, one, found[one.recipient.person]))

    async def _send(self, session: Session, one: Due, to: Addressee) -> None:
        try:
            letter = write_letter(one.contents, one.rulebook, to.locale)
        except LookupError as error:
            _LOG.error("a message cannot be written", message=str(one.message), reason=str(error))
            await self._postpone(one)
            return
        try:
            await self._hand_over(session, one, to, letter)
        except ServerAway:
            await self._postpone(one)
            raise

    async def _hand_over(self, session: Session, one: Due, to: Addressee, letter: Letter) -> None:
        address = to.address or ""
        mail = compose(
            letter, one.message, sender=self.server.sender, name=to.name, address=address, now=datetime.now(UTC)
        )
        outcome = await session.send(mail, address)
        match outcome.verdict:
            case "accepted":
                self._accepted[one.message] = letter.digest
                await self._conclude_sent(one, letter.digest)
            case "refused":
                await self._fail(one, "refused")
            case "later" if one.attempts + 1 >= _MOST_ATTEMPTS:
                await self._fail(one, "refused")
            case "later":
                await self._postpone(one)

    async def _conclude_sent(self, one: Due, digest: str) -> None:
        await self._record(one, delivered(one.recipient, digest))
        await self._settle(one, "sent")
        self._accepted.pop(one.message, None)

    async def _fail(self, one: Due, reason: Literal["no-address", "refused"]) -> None:
        await self._record(one, failed(one.recipient, reason))
        await self._settle(one, "failed")

    async def _record(self, one: Due, event: Any) -> None:
        receipt = await self.executor.execute(self._ask(one), program_of(event))
        if not isinstance(receipt, Receipt):
            raise NotRecorded(f"{one.recipient.message_id}: {receipt.code}")

    def _ask(self, one: Due) -> Ask:
        return ask_of(one.message, one.recipient, received=self.clock.now(), not_before=one.contents.recorded)

    async def _settle(self, one: Due, state: State) -> None:
        await self.pool.execute(SQL["settle_intent"], one.message, state)
        self.outcomes.labels(one.recipient.template, state).inc()

    async def _postpone(self, one: Due) -> None:
        await self._later(one.message, one.recipient.template, one.attempts)

    async def _later(self, message: UUID, template: str, attempts: int) -> None:
        await self.pool.execute(SQL["postpone_intent"], message, pause_after(attempts))
        self.outcomes.labels(template, "postponed").inc()


def _is_told(one: Due) -> bool:
    """Tell whether the rulebook's notices name this event and the role in which the person is told."""
    event = EVENT_OF[one.contents.template]
    told = {role for notice in one.rulebook.notices if notice.event == event for role in notice.to}
    return bool(told) if one.role == "both" else one.role in told


def outcomes_counter(registry: CollectorRegistry) -> Counter:
    """Return the counter of what became of messages, by template and outcome."""
    return Counter("paritrana_mails", "Messages by what became of them.", ("template", "outcome"), registry=registry)
