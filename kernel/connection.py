"""HTTP/1.1 (RFC 9112) on a connection: uvicorn's protocol over h11, with the bounds and answers that it leaves out.

h11 reads strictly, one request after another, and drops trailers; it is slower than llhttp, which leaves all of that
to its user (docs/adr/0005). Added here: a head has a time to arrive in, only HTTP/1.0 and 1.1 are spoken, and what
cannot be read as HTTP gets a problem document and a count, as every other refusal does.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, Final

import h11
import orjson
import structlog
from uvicorn.protocols.http.h11_impl import H11Protocol

from kernel.problems import MEDIA_TYPE, Problem, head_too_slow, malformed_http

HEAD_SECONDS: Final = 30.0
"""How long a request's head may take to arrive; a body has as long again (`kernel.http.Limits`)."""
LONGEST_HEAD: Final = 65_536
"""Bytes of a request's head at most, as far as it comes in several pieces."""
_VERSIONS: Final = frozenset({b"1.0", b"1.1"})
_TWO_LENGTHS: Final = frozenset({b"content-length", b"transfer-encoding"})

_log = structlog.get_logger("process")


class _Http1(h11.Connection):
    """h11 without what it lets pass: other versions, for which it asks for no Host, and a body of two lengths."""

    def next_event(self) -> Any:
        """Return the next event. Raises RemoteProtocolError for what is not served."""
        event = super().next_event()
        if isinstance(event, h11.Request):
            if event.http_version not in _VERSIONS:
                raise h11.RemoteProtocolError("neither HTTP/1.0 nor HTTP/1.1")
            if {name for name, _ in event.headers} >= _TWO_LENGTHS:
                raise h11.RemoteProtocolError("both Content-Length and Transfer-Encoding")
        return event


class Connection(H11Protocol):
    """One connection of a client."""

    head_seconds = HEAD_SECONDS

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Take what uvicorn hands over."""
        super().__init__(*arguments, **options)
        self.conn = _Http1(h11.SERVER, LONGEST_HEAD)
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first head."""
        super().connection_made(transport)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._wait_no_longer()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Read on; while that ends within a head, it is waited for, and only so long."""
        super().handle_events()
        self._watch()

    def _watch(self) -> None:
        if self.conn.their_state is not h11.IDLE or self.transport.is_closing():
            self._wait_no_longer()
        elif self._patience is None:
            self._patience = self.loop.call_later(self.head_seconds, self._give_up)

    def _wait_no_longer(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _give_up(self) -> None:
        """Hang up on a head that does not come, with a word when some of it had."""
        self._patience = None
        if self.conn.trailing_data[0]:
            self._hang_up(head_too_slow(), "a head that did not end")
        else:
            self.transport.close()

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing: to offer another protocol is no fault, and whoever offers one is answered in this."""

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP request, and hang up; `msg` is for who reads logs."""
        self._hang_up(malformed_http(), msg)

    def _hang_up(self, problem: Problem, why: str) -> None:
        self.config.app.state.metrics.answered("", None, problem.status, 0.0)  # type: ignore[union-attr]
        _log.info("no HTTP request", said=why, client=self.client and self.client[0])
        body = orjson.dumps(problem.document("en"))
        headers = [*problem.headers.items(), ("Content-Type", MEDIA_TYPE), ("Content-Length", str(len(body)))]
        with contextlib.suppress(h11.LocalProtocolError):  # an answer was under way already
            self.transport.write(self.conn.send(h11.Response(status_code=problem.status, headers=headers)) or b"")
            self.transport.write(self.conn.send(h11.Data(data=body)) or b"")
            self.transport.write(self.conn.send(h11.EndOfMessage()) or b"")
        self.transport.close()
