"""A sheet becomes a PDF in a short-lived process of its own, so that nothing that is laid out can hold up the service.

The process is given no environment but where to find this package: neither passwords nor keys. It bounds its own memory
and time; its time by the wall clock, the size of what it hands back, and how many there are at once are bounded here.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path
from typing import Final, Literal

from services.nomination.documents.sheets import CertificateSheet, MinutesSheet

_ROOT: Final = Path(__file__).parents[3]
_SECONDS: Final = 20.0
_LARGEST_SHEET: Final = 4 * 1024 * 1024
_LARGEST_PDF: Final = 16 * 1024 * 1024
_AT_ONCE: Final = 2

Kind = Literal["certificate", "minutes"]


class NotRendered(Exception):
    """A document could not be made: too large, too slow, or its process failed."""


class Renderer:
    """Lays sheets out, two at a time; the others wait their turn."""

    def __init__(self, seconds: float = _SECONDS) -> None:
        """Give each document this much time."""
        self._seconds = seconds
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def certificate(self, sheet: CertificateSheet) -> bytes:
        """Return a certificate as PDF. Raises NotRendered."""
        return await self._render("certificate", sheet)

    async def minutes(self, sheet: MinutesSheet) -> bytes:
        """Return a meeting's minutes as PDF. Raises NotRendered."""
        return await self._render("minutes", sheet)

    async def _render(self, kind: Kind, sheet: CertificateSheet | MinutesSheet) -> bytes:
        said = sheet.model_dump_json().encode("utf-8")
        if len(said) > _LARGEST_SHEET:
            raise NotRendered(f"the sheet has {len(said)} bytes")
        async with self._places:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", __package__, kind,
                stdin=PIPE, stdout=PIPE, stderr=DEVNULL, cwd=_ROOT,
                env={"PYTHONPATH": str(_ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
            )  # fmt: skip
            try:
                async with asyncio.timeout(self._seconds):
                    return await _converse(process, said)
            except TimeoutError:
                raise NotRendered(f"no {kind} within {self._seconds:g} s") from None
            finally:
                await _end(process)


async def _converse(process: Process, said: bytes) -> bytes:
    """Hand the sheet in and take the PDF, both at once, since either pipe may be full."""
    pdf, _ = await asyncio.gather(_take(process), _give(process, said))
    if await process.wait() != 0 or not pdf.startswith(b"%PDF-"):
        raise NotRendered(f"its process ended with {process.returncode}")
    return pdf


async def _give(process: Process, said: bytes) -> None:
    pipe = process.stdin
    if pipe is None:
        raise AssertionError("the process was started with a pipe")
    try:
        pipe.write(said)
        await pipe.drain()
        pipe.close()
        await pipe.wait_closed()
    except (BrokenPipeError, ConnectionResetError):
        return  # it ended before it had read all; how it ended says why


async def _take(process: Process) -> bytes:
    pipe = process.stdout
    if pipe is None:
        raise AssertionError("the process was started with a pipe")
    taken = bytearray()
    while piece := await pipe.read(65_536):
        taken += piece
        if len(taken) > _LARGEST_PDF:
            raise NotRendered(f"it has more than {_LARGEST_PDF} bytes")
    return bytes(taken)


async def _end(process: Process) -> None:
    if process.returncode is None:
        process.kill()
        await process.wait()
