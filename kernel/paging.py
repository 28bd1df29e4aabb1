"""Lists in pages, by a cursor that says after which key to go on.

A cursor is opaque to callers: base64url of canonical JSON, with a checksum bound to the list it belongs to. It grants
nothing, as every page is read under the caller's own rights, so it is checked and not signed: one that was altered,
cut, taken from another list, or made up with a checksum of its own is a 400 that says to start again.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any, Final, TypeVar

import orjson
from fastapi import Depends, Query

from kernel.decider import FieldFault, Text
from kernel.problems import Problem

Key = tuple[str | int, ...]
Row = TypeVar("Row")

DEFAULT_LIMIT: Final = 50
GREATEST_LIMIT: Final = 200
_CHECKSUM: Final = 6
_LONGEST_CURSOR: Final = 2048
_INTEGERS: Final = 1 << 63


@dataclass(frozen=True, slots=True)
class PageRequest:
    """How many rows are asked for, and after which cursor."""

    limit: int
    cursor: str | None

    def after(self, listing: str, *parts: Callable[[Any], Any]) -> tuple[Any, ...] | None:
        """Return the key to go on after, None for the first page.

        Args:
            listing: names the list and its filters; a cursor of another listing is refused.
            parts: what each part of the key is: `str`, `int`, or what reads it from its text (`a_moment`, `UUID`) and
                raises ValueError for a text that was never given out.
        """
        return None if self.cursor is None else _decode(self.cursor, listing, parts)


async def page_request(
    limit: Annotated[int, Query(ge=1, le=GREATEST_LIMIT, description="How many rows at most.")] = DEFAULT_LIMIT,
    cursor: Annotated[
        str | None, Query(max_length=_LONGEST_CURSOR, description="The `next` of the page before.")
    ] = None,
) -> PageRequest:
    """Return what a list's query asks for."""
    return PageRequest(limit, cursor)


Paged = Annotated[PageRequest, Depends(page_request)]


def a_moment(text: str) -> datetime:
    """Return the instant of a key's part; raise ValueError for a text that is none."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("an instant has its zone")
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("the instant is outside of the calendar") from error


def page_of(
    rows: Sequence[Row], request: PageRequest, listing: str, key: Callable[[Row], Key], **also: Any
) -> dict[str, Any]:
    """Return `{items, next}` of at most `limit` rows; `next` is null on the last page.

    Args:
        rows: up to `limit` + 1 rows in the list's order; the one over tells that more follow.
        request: what was asked for.
        listing: as in `PageRequest.after`.
        key: gives a row's place in the order.
        also: further members of the answer, as a projection's position.
    """
    shown = rows[: request.limit]
    more = len(rows) > request.limit
    return {**also, "items": list(shown), "next": encode(key(shown[-1]), listing) if more else None}


def encode(key: Key, listing: str) -> str:
    """Return the cursor that goes on after `key` in `listing`."""
    payload = orjson.dumps(key)
    return base64.urlsafe_b64encode(_checksum(payload, listing) + payload).rstrip(b"=").decode("ascii")


def _decode(cursor: str, listing: str, parts: tuple[Callable[[Any], Any], ...]) -> tuple[Any, ...]:
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        payload = raw[_CHECKSUM:]
        key = orjson.loads(payload)
    except (binascii.Error, ValueError):
        raise _invalid_cursor() from None
    if not isinstance(key, list) or encode(tuple(key), listing) != cursor:
        raise _invalid_cursor()
    if len(key) != len(parts):
        raise _invalid_cursor()
    return tuple(_read(part, written) for part, written in zip(parts, key, strict=True))


def _read(part: Callable[[Any], Any], written: Any) -> Any:
    """Return one part of a key as its list reads it: an integer of PostgreSQL's, or made of a text without NUL."""
    if part is int:
        fits = type(written) is int and -_INTEGERS <= written < _INTEGERS
    else:
        fits = isinstance(written, str) and "\0" not in written
    try:
        if fits:
            return part(written)
    except ValueError:
        pass
    raise _invalid_cursor()


def _checksum(payload: bytes, listing: str) -> bytes:
    return hashlib.sha256(listing.encode() + b"\0" + payload).digest()[:_CHECKSUM]


def _invalid_cursor() -> Problem:
    remedy = Text(
        "Send the `next` of the page before as it is, or leave `cursor` out to start again.",
        "Kirim `next` dari halaman sebelumnya apa adanya, atau hilangkan `cursor` untuk mulai lagi.",
    )
    return Problem(
        HTTPStatus.BAD_REQUEST,
        "invalid-cursor",
        Text("This cursor does not belong to this list", "Kursor ini bukan milik daftar ini"),
        remedy,
        errors=(FieldFault("query.cursor", None, remedy),),
    )
