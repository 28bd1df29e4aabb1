"""Free texts (reasons) lie beside the events under their salted digest; the event holds the digest only.

So a text can be erased by law while every proof still holds, and nobody can guess it from its digest.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

import asyncpg

from kernel.canonical import SALT_BYTES
from kernel.log import SQL


async def keep_text(pool: asyncpg.Pool[Any], text: str) -> str:
    """Keep a text and return its digest: the SHA-256, in hex, of the salt's bytes followed by the text in UTF-8.

    It is kept before the event that cites it, so that no digest is ever without its text; the text of a command that
    is then refused stays uncited.
    """
    salt = secrets.token_bytes(SALT_BYTES)
    digest = hashlib.sha256(salt + text.encode()).hexdigest()
    await pool.execute(SQL["remember_text"], digest, salt.hex(), text)
    return digest
