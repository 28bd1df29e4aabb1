"""A mail server on loopback that keeps what it gets: one `.eml` file a message, named by its Message-ID (RFC 5322).

The demo shows what would have been sent, and the crash check counts it: a Message-ID that comes again gets a second
file (`<id>.2.eml`), so a doubled mail cannot hide. `python -m deploy.local.mail_sink FOLDER PORT` runs it.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import sys
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Final

from aiosmtpd.smtp import SMTP

from deploy.local.ports import LOOPBACK

_PLAIN: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.@_-")
_LONGEST_NAME: Final = 200


def stored_messages(folder: Path) -> list[EmailMessage]:
    """Return the messages kept in `folder`, in the order they came."""
    files = sorted(folder.glob("*.eml"), key=lambda path: (path.stat().st_mtime_ns, path.name))
    return [message_from_bytes(path.read_bytes(), policy=policy.default) for path in files]


class _Keeper:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def handle_DATA(self, _server: SMTP, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        content = bytes(envelope.content)
        recipients = ", ".join(envelope.rcpt_tos)
        _keep(self._folder, _name_of(content), f"X-Envelope-To: {recipients}\r\n".encode() + content)
        return "250 kept"


def _name_of(content: bytes) -> str:
    message_id = str(message_from_bytes(content, policy=policy.default).get("Message-ID", "")).strip().strip("<>")
    if message_id and len(message_id) <= _LONGEST_NAME and set(message_id) <= _PLAIN:
        return message_id
    return hashlib.sha256(message_id.encode() or content).hexdigest()


def _keep(folder: Path, name: str, content: bytes) -> None:
    fresh = folder / f".{name}.{os.getpid()}.new"
    fresh.write_bytes(content)
    target, number = folder / f"{name}.eml", 1
    while True:
        try:
            # A link refuses to replace, so two at once cannot hide each other.
            target.hardlink_to(fresh)
            break
        except FileExistsError:
            number += 1
            target = folder / f"{name}.{number}.eml"
    fresh.unlink()


async def serve(folder: Path, port: int) -> None:
    """Keep mail in `folder` until SIGTERM or SIGINT."""
    folder.mkdir(parents=True, exist_ok=True)
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    keeper = _Keeper(folder)
    server = await loop.create_server(
        lambda: SMTP(keeper, hostname="localhost", enable_SMTPUTF8=True, loop=loop), LOOPBACK, port
    )
    async with server:
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2])))
