"""Reasons lie beside the events under their salted digest; an event holds the digest only.

So a text can be erased by law while every proof still holds, and nobody can guess it from its digest.
"""

from __future__ import annotations

import hashlib
import secrets

from kernel.canonical import SALT_BYTES
from kernel.http import CommandRequest
from kernel.log import SQL
from kernel.service import Service


async def digest_of_reason(service: Service, command: CommandRequest, reason: str) -> str:
    """Keep a command's reason and return its digest: SHA-256, in hex, of the salt's bytes and the text in UTF-8.

    The text is kept before the event that cites it, so no digest is ever without its text; that of a refused command
    stays uncited. A repeated command keeps nothing again: its first answer is given whatever digest it brings.
    """
    salt = secrets.token_bytes(SALT_BYTES)
    digest = hashlib.sha256(salt + reason.encode("utf-8")).hexdigest()
    async with service.pool.acquire() as connection:
        if await service.executor.remembered(connection, command.ask()) is None:
            await connection.execute(SQL["remember_text"], digest, salt.hex(), reason)
    return digest
