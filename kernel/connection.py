"""HTTP/1.1 (RFC 9112) on a connection: uvicorn's protocol over llhttp, with the bounds and answers that it leaves out.

llhttp takes a head of any length and a request for no host; both are refused here. What cannot be read as HTTP gets a
problem document and a count, as every other refusal does.
"""

from __future__ import annotations

from typing import Final

import orjson
import structlog
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from kernel.problems import MEDIA_TYPE, malformed_http

LONGEST_HEAD: Final = 65_536
"""Bytes of a request line and its headers at most."""

_log = structlog.get_logger("process")


class _Unreadable(ValueError):
    """The head says what no request may; llhttp's binding turns it into a parser's error, hence a 400."""


class Connection(HttpToolsProtocol):
    """One connection of a client."""

    _in_head = False
    """Whether a request has begun and its head has not ended."""
    _unended = 0
    """Bytes that came after the piece in which that head began."""

    def data_received(self, data: bytes) -> None:
        """Read on, but not a head without end."""
        going_on = self._in_head
        super().data_received(data)
        self._unended = self._unended + len(data) if going_on and self._in_head else 0
        if self._unended > LONGEST_HEAD and not self.transport.is_closing():
            self.send_400_response("a head without end")

    def on_message_begin(self) -> None:
        """Begin to read a head."""
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Begin with a request when its head is one."""
        length = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        hosts = sum(name == b"host" for name, _ in self.headers)
        if length > LONGEST_HEAD or hosts > 1 or (hosts == 0 and self.parser.get_http_version() == "1.1"):
            raise _Unreadable
        self._in_head = False
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP request, unless an answer is under way, and hang up; `msg` is for who reads logs."""
        problem = malformed_http()
        self.config.app.state.metrics.answered("", None, problem.status, 0.0)  # type: ignore[union-attr]
        _log.info("no HTTP request", said=msg, client=self.client and self.client[0])
        if not self._is_answering():
            body = orjson.dumps(problem.document("en"))
            headers = {**problem.headers, "Content-Type": MEDIA_TYPE, "Content-Length": len(body)}
            lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()
            self.transport.write(STATUS_LINE[problem.status] + lines + b"\r\n" + body)
        if self.cycle is not None:
            # Whoever waits for the rest of the request learns that none will come.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()

    def _is_answering(self) -> bool:
        cycle = self.cycle
        return bool(self.pipeline) or (cycle is not None and cycle.response_started and not cycle.response_complete)
