"""A workbook (ECMA-376) from a stranger, looked through within bounds before a reader makes objects of it.

A workbook is a ZIP archive of XML: a few bytes can unpack without end, markup becomes objects, and a document type
becomes entities. So every part is unpacked once, counted and forgotten; what is too much or no workbook is refused, and
only what is left is given to a reader of spreadsheets. Who reads decides what is said of it.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator
from typing import Final, Literal

MOST_PARTS: Final = 500
MOST_UNPACKED: Final = 16 * (1 << 20)
MOST_MARKUP: Final = 300_000
"""How many times `<` may stand in a workbook: a list of 2,000 rows has fewer than 100,000."""
LAST_ROW: Final = 10_000
LAST_COLUMN: Final = 256
"""Cells beyond these make a reader invent all that lie before them."""
_CHUNK: Final = 1 << 16
_LEGACY: Final = b"\xd0\xcf\x11\xe0"
"""How older workbooks, and those with a password, begin."""
_DOCTYPES: Final = tuple("<!DOCTYPE".encode(coding) for coding in ("ascii", "utf-16-le", "utf-16-be"))

Fault = Literal["legacy", "no-workbook", "too-much"]


class UnfitWorkbook(Exception):
    """Bytes that are not to be read as a workbook; `fault` says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self.fault: Fault = fault


def check_workbook(data: bytes) -> None:
    """Unpack every part once, keeping nothing; raise UnfitWorkbook for what is no workbook or more than a list needs.

    It takes time, so it is not for an event loop.
    """
    if data.startswith(_LEGACY):
        raise UnfitWorkbook("legacy")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
            if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > MOST_UNPACKED:
                raise UnfitWorkbook("too-much")
            if any(part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for part in parts):
                raise UnfitWorkbook("no-workbook")
            _unpack(chunk for part in parts for chunk in _chunks(archive, part))
    except (zipfile.BadZipFile, zipfile.LargeZipFile, OSError, RuntimeError, EOFError, ValueError, NotImplementedError):
        raise UnfitWorkbook("no-workbook") from None


def _chunks(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> Iterator[bytes]:
    with archive.open(part) as opened:
        while chunk := opened.read(_CHUNK):
            yield chunk


def _unpack(chunks: Iterable[bytes]) -> None:
    size = markup = 0
    tail = b""
    for chunk in chunks:
        size += len(chunk)
        markup += chunk.count(b"<")
        if size > MOST_UNPACKED or markup > MOST_MARKUP:
            raise UnfitWorkbook("too-much")
        if any(doctype in tail + chunk for doctype in _DOCTYPES):
            raise UnfitWorkbook("no-workbook")
        tail = chunk[-32:]
