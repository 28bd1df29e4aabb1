"""One message as RFC 5322 has it, and the way it goes to the mail server (SMTP, RFC 5321).

Nothing of a name or a text can become a header or an address: values are made plain before, the `email` package's own
policy refuses line breaks in a header, and an address must have the form of one. A mail's date is that of the clock
of record: a mail of a season that is played on a test clock lies beside the day that it speaks of.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final, Literal
from urllib.parse import unquote, urlsplit
from uuid import UUID

import aiosmtplib

from services.notifications.texts import Letter, plain

_SECONDS: Final = 15.0
_ADDRESS: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
_LONGEST_ADDRESS: Final = 254
_LONGEST_NAME: Final = 100
_LONGEST_SUBJECT: Final = 200
_SENDER_NAME: Final = "Paritrana Award"
_PERMANENT: Final = 500


class ServerAway(Exception):
    """The mail server cannot be reached, or broke off; try later."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a message: accepted, to be tried again (4xx), or refused for good (5xx)."""

    verdict: Literal["accepted", "later", "refused"]
    code: int = 250


def is_address(text: str) -> bool:
    """Tell whether a text has the form of a mail address that any server takes (ASCII, RFC 5321 lengths)."""
    return len(text) <= _LONGEST_ADDRESS and ".." not in text and _ADDRESS.fullmatch(text) is not None


def message_id_of(message: UUID, domain: str) -> str:
    """Return the Message-ID header of a message: the same whenever it is sent."""
    return f"<{message}@{domain}>"


def compose(
    letter: Letter, message: UUID, *, sender: str, name: str, address: str, template: str, now: datetime
) -> EmailMessage:
    """Return the whole message.

    Args:
        letter: what it says.
        message: its id.
        sender: the sending address; its domain ends Message-ID and List-Id.
        name: the recipient's name, which may be anything.
        address: the recipient's address; `is_address` holds for it.
        template: what kind of message it is, for people who sort their mail by it.
        now: the instant by the clock of record.
    """
    domain = sender.rpartition("@")[2]
    mail = EmailMessage()
    mail["Message-ID"] = message_id_of(message, domain)
    mail["Date"] = format_datetime(now)
    mail["From"] = Address(_SENDER_NAME, addr_spec=sender)
    mail["To"] = Address(_header(name, _LONGEST_NAME), addr_spec=address)
    mail["Subject"] = _header(letter.subject, _LONGEST_SUBJECT)
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Paritrana-Template"] = template
    mail["List-Id"] = f"{_SENDER_NAME} <notices.{domain}>"
    mail.set_content(letter.body)
    mail["Content-Language"] = letter.locale
    return mail


def _header(text: str, longest: int) -> str:
    """Return a text that a header can hold.

    The `email` package decodes RFC 2047's encoded words in what it is given, line breaks within them too, and writes
    those into the message; so no encoded word may be left in a name or a subject.
    """
    return plain(text)[:longest].replace("=?", "= ?")


class Session:
    """An open conversation with the mail server."""

    def __init__(self, client: aiosmtplib.SMTP, sender: str) -> None:
        self._client = client
        self._sender = sender

    async def send(self, mail: EmailMessage, address: str) -> Outcome:
        """Hand one message over. Raises ServerAway when the server broke off; whether it took it is then not known."""
        try:
            await self._client.send_message(mail, sender=self._sender, recipients=[address])
        except aiosmtplib.SMTPRecipientsRefused as error:
            return await self._refused(max(one.code for one in error.recipients))
        except aiosmtplib.SMTPResponseException as error:
            return await self._refused(error.code)
        except (aiosmtplib.SMTPException, OSError) as error:
            raise ServerAway(f"{type(error).__name__}: {error}") from error
        return Outcome("accepted")

    async def _refused(self, code: int) -> Outcome:
        if self._client.is_connected:
            try:
                await self._client.rset()
            except (aiosmtplib.SMTPException, OSError):
                self._client.close()
        return Outcome("refused" if code >= _PERMANENT else "later", code)


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail goes: `smtp://` (with STARTTLS where the server offers it) or `smtps://`, with an optional login."""

    url: str
    sender: str

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """Open a conversation. Raises ServerAway."""
        parts = urlsplit(self.url)
        client = aiosmtplib.SMTP(
            hostname=parts.hostname,
            port=parts.port or (465 if parts.scheme == "smtps" else 25),
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            use_tls=parts.scheme == "smtps",
            timeout=_SECONDS,
            tls_context=ssl.create_default_context(),
        )
        try:
            await client.connect()
        except (aiosmtplib.SMTPException, OSError) as error:
            client.close()
            raise ServerAway(f"{type(error).__name__}: {error}") from error
        try:
            yield Session(client, self.sender)
        finally:
            await _quit(client)


async def _quit(client: aiosmtplib.SMTP) -> None:
    try:
        if client.is_connected:
            await client.quit()
    except (aiosmtplib.SMTPException, OSError):
        client.close()
