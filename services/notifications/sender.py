"""Mail what is to be mailed, from one active replica: single messages, and the day's digests.

A 4xx answer, a server or an identity that is away: tried again later, with growing pauses up to an hour, for about four
days (RFC 5321 section 4.5.4.1). A 5xx answer or a person without an address: given up, as NotificationFailed. What must
hold of every message, whatever it goes by, is in `outbox`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import asyncpg
import structlog

from services.notifications.delivery import Recipient
from services.notifications.directory import Addressee, Directory
from services.notifications.domain.templates import DIGEST
from services.notifications.mail import MailServer, ServerAway, Session, compose, is_address
from services.notifications.outbox import SQL, Bell, Due, Outbox
from services.notifications.texts import Letter, Locale, write_digest, write_letter

_MOST_ATTEMPTS: Final = 105
"""With pauses of 5 s, 10 s … 1 h: a little over four days."""
_LONGEST_DIGEST: Final = 512 << 10
"""In characters: servers refuse a mail of several megabytes, and with it all that it holds."""
_LOG = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Written:
    """A letter, and of a digest what it holds: each message with the SHA-256 of what it says."""

    letter: Letter
    held: tuple[tuple[Recipient, str], ...] = ()


@dataclass(slots=True)
class MailSender:
    """Takes due intents and concludes each; `wake` makes it look at once."""

    outbox: Outbox
    directory: Directory
    server: MailServer
    _bell: Bell = field(default_factory=Bell)

    def wake(self) -> None:
        """Look for due intents now."""
        self._bell.ring()

    async def run(self) -> None:
        """Send until cancelled."""
        try:
            await self._bell.follow(self.round, "mail")
        finally:
            await self.directory.close()

    async def round(self) -> int:
        """Conclude or postpone what is due, one batch; return how many intents were routed or looked at.

        Raises ServerAway or DirectoryAway when nothing could be sent.
        """
        routed = await self.outbox.route()
        fresh, looked_at = await self.outbox.due("mail")
        if fresh:
            found = await self.directory.find(one.recipient.person for one in fresh)
            writable = [
                one
                for one in fresh
                if await self.outbox.of(one, self._can_be_written(one, found.get(one.recipient.person)))
            ]
            if writable:
                await self._send_all(writable, found)
        return routed + looked_at

    async def _can_be_written(self, one: Due, found: Addressee | None) -> bool:
        if found is None or found.address is None or not is_address(found.address):
            await self.outbox.fail(one, "no-address")
            return False
        return True

    async def _send_all(self, due: list[Due], found: Mapping[UUID, Addressee]) -> None:
        async with self.server.session() as session:
            for one in due:
                await self.outbox.of(one, self._send(session, one, found[one.recipient.person]))

    async def _send(self, session: Session, one: Due, to: Addressee) -> None:
        try:
            written = await self._written(one, to.locale)
        except LookupError as error:
            _LOG.error("a message cannot be written", message=str(one.message), reason=str(error))
            await self.outbox.postpone(one)
            return
        try:
            await self._hand_over(session, one, to, written)
        except ServerAway:
            await self._later(one)
            raise

    async def _written(self, one: Due, locale: Locale) -> Written:
        if one.contents.template != DIGEST:
            return Written(write_letter(one.contents, one.rulebook, locale))
        letters: list[Letter] = []
        held: list[tuple[Recipient, str]] = []
        room = _LONGEST_DIGEST
        for row in await self.outbox.pool.fetch(SQL["in_digest"], one.message):
            told = await self._in_digest(row, locale)
            if told is None:
                continue
            room -= len(told[1].core)
            if letters and room < 0:
                await self.outbox.pool.execute(SQL["send_alone"], row["message_id"])
                continue
            letters.append(told[1])
            held.append((told[0], told[1].digest))
        if not letters:
            raise LookupError("nothing of the digest can be written")
        return Written(write_digest(letters, one.contents, locale), tuple(held))

    async def _in_digest(self, row: asyncpg.Record, locale: Locale) -> tuple[Recipient, Letter] | None:
        """Return a message of a digest; one that cannot be written leaves it, and goes (or waits) by itself."""
        try:
            due = await self.outbox.read(row)
            return due.recipient, write_letter(due.contents, due.rulebook, locale)
        except (LookupError, ValueError, TypeError):
            _LOG.exception("a message cannot be written into a digest", message=str(row["message_id"]))
            await self.outbox.pool.execute(SQL["send_alone"], row["message_id"])
            return None

    async def _hand_over(self, session: Session, one: Due, to: Addressee, written: Written) -> None:
        address, letter = to.address or "", written.letter
        mail = compose(
            letter,
            one.message,
            sender=self.server.sender,
            name=to.name,
            address=address,
            template=one.recipient.template,
            now=self.outbox.clock.now(),
        )
        outcome = await session.send(mail, address)
        match outcome.verdict:
            case "accepted":
                await self.outbox.sent(one, "mail", letter.digest, written.held)
            case "refused":
                await self.outbox.fail(one, "refused")
            case "later":
                await self._later(one)

    async def _later(self, one: Due) -> None:
        """Try again later, for some days; also what breaks the conversation off each time, and may arrive each time."""
        if one.attempts + 1 >= _MOST_ATTEMPTS:
            await self.outbox.fail(one, "refused")
        else:
            await self.outbox.postpone(one)
