"""Reasons lie beside the events under their salted digest; an event holds the digest only.

So a text can be erased by law while every proof still holds, and nobody can guess it from its digest.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Iterator

from kernel.canonical import SALT_BYTES, Json
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


async def with_texts(service: Service, documents: Iterable[Json], statement: str) -> list[Json]:
    """Return documents with the texts that they cite, each beside its digest; one that was erased by law is null.

    `reason_digest` gets a `reason` beside it, `text_digest` a `text`, at any depth. `statement` gives texts by digests.
    """
    shown = list(documents)
    digests = {digest for document in shown for _, _, digest in _cited(document)}
    rows = await service.pool.fetch(statement, sorted(digests)) if digests else []
    texts = {row["digest"]: row["body"] for row in rows}
    for document in shown:
        for holder, name, digest in list(_cited(document)):
            holder[name] = texts.get(digest)
    return shown


def _cited(value: Json | list[Json]) -> Iterator[tuple[Json, str, str]]:
    """Yield every mapping that cites a text, the name that the text gets in it, and its digest."""
    if isinstance(value, list):
        for each in value:
            yield from _cited(each)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key.endswith("_digest") and isinstance(inner, str):
                yield value, key.removesuffix("_digest"), inner
            else:
                yield from _cited(inner)
