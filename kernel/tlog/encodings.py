"""One way to write bytes and numbers as text, so that a note, a path or a proof has one form and no second.

Base64 is RFC 4648, section 4, with its padding and with zeroes for the bits that it does not use. Numbers are ASCII
decimals without leading zeroes, at most 2⁶³-1: what Go's implementations take.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error
from typing import Final

HASH_BYTES: Final = 32
MAX_NUMBER: Final = 2**63 - 1

_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_SHOWN: Final = 60


class Malformed(ValueError):
    """A text or bytes that are not in the form that is specified; the message says where and what was expected."""


def shown(text: object) -> str:
    """Return what was found for a message: quoted, and cut where it is long, for anybody may have sent it."""
    quoted = ascii(text)
    return quoted if len(quoted) <= _SHOWN else f"{quoted[:_SHOWN]}…"


def to_base64(raw: bytes) -> str:
    """Return bytes in standard base64, padded."""
    return b64encode(raw).decode("ascii")


def from_base64(text: str, what: str) -> bytes:
    """Return the bytes of a base64 text. Raises Malformed unless `text` is the way to write them."""
    try:
        raw = b64decode(text, validate=True)
    except (Error, ValueError):
        raise Malformed(f"{what} is not standard base64: {shown(text)}") from None
    if to_base64(raw) != text:
        raise Malformed(f"{what} is base64 with wrong padding or stray bits: {shown(text)}")
    return raw


def hash_from_base64(text: str, what: str) -> bytes:
    """Return the SHA-256 hash that a base64 text says. Raises Malformed."""
    raw = from_base64(text, what)
    if len(raw) != HASH_BYTES:
        raise Malformed(f"{what} has {len(raw)} bytes; a SHA-256 hash has {HASH_BYTES}")
    return raw


def from_decimal(text: str, what: str) -> int:
    """Return the number that a decimal text says. Raises Malformed."""
    if _DECIMAL.fullmatch(text) is None:
        raise Malformed(f"{what} is {shown(text)}; write it in ASCII digits without leading zeroes or a sign")
    number = int(text)
    if number > MAX_NUMBER:
        raise Malformed(f"{what} is {number}, beyond 2^63-1")
    return number


def to_text(raw: bytes, what: str) -> str:
    """Return bytes as text. Raises Malformed unless they are UTF-8 without ASCII control characters but LF."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed(f"{what} is not UTF-8: byte {error.start}") from None
    check_characters(text, what)
    return text


_CONTROL: Final = re.compile("[\x00-\x09\x0b-\x1f]")


def check_characters(text: str, what: str) -> None:
    """Refuse ASCII control characters other than LF: among them the CR of a file that was saved under Windows."""
    found = _CONTROL.search(text)
    if found is not None:
        line = text.count("\n", 0, found.start()) + 1
        code = ord(found[0])
        hint = ": lines end in LF alone" if code == 0x0D else ""
        raise Malformed(f"{what} has the control character U+{code:04X} in line {line}{hint}")
