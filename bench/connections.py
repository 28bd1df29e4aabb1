"""HTTP over connections that stay open, as thin as can be, so that the client's own work is not what is measured.

It speaks the part of RFC 9112 that the services answer with: a status line, headers with a Content-Length, a body.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length:"

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Connections:
    """Open connections to one service; a request takes a free one and waits for one when there is none."""

    def __init__(self, url: str, count: int) -> None:
        """Connect to `url` so many times."""
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._count = count
        self._free: asyncio.Queue[Ends] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        """Open all."""
        for _ in range(self._count):
            self._free.put_nowait(await asyncio.open_connection(self._host, self._port))
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Close those that are free, which at the end are all."""
        while not self._free.empty():
            _, writer = self._free.get_nowait()
            writer.close()

    async def ask(self, method: str, path: str, token: str, *, body: bytes = b"", key: str = "") -> bytes:
        """Send a request and return the body of its answer; raise OSError when it is not answered with 200."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self._host}", f"Authorization: Bearer {token}"]
        if method == "POST":
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}", f"Idempotency-Key: {key}"]
        reader, writer = await self._free.get()
        if reader.at_eof():  # the service closes what is not used for some seconds
            writer.close()
            reader, writer = await asyncio.open_connection(self._host, self._port)
        writer.write("\r\n".join(lines).encode() + _END + body)
        head = await reader.readuntil(_END)
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(_LENGTH))
        answer = await reader.readexactly(int(length.removeprefix(_LENGTH)))
        self._free.put_nowait((reader, writer))
        status = head.split(b" ", maxsplit=2)[1]
        if status != b"200":
            raise OSError(f"{method} {path} was answered with {status.decode()}: {answer.decode()[:300]}")
        return answer
