"""What may come over a connection, and what is answered: nobody smuggles, floods, dawdles or is answered twice."""

from __future__ import annotations

import contextlib
import re
import socket
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.support.trial import Trial


@pytest.fixture(scope="module")
def it() -> Iterator[Trial]:
    trial = Trial(long=True)
    trial.wait_ready()
    yield trial
    trial.stop()


@pytest.fixture(scope="module")
def hasty() -> Iterator[Trial]:
    trial = Trial(long=True, HEAD="0.2")
    trial.wait_ready()
    yield trial
    trial.stop()


LIVE = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def spoken(port: int, *pieces: bytes) -> bytes:
    """Say pieces on one connection and return all that is answered until it is hung up."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        answered = b""
        with contextlib.suppress(ConnectionError):  # the other side may hang up while we still speak
            for piece in pieces:
                connection.sendall(piece)
            while part := connection.recv(1 << 16):
                answered += part
        return answered


def statuses(answered: bytes) -> list[str]:
    return [found.decode() for found in re.findall(rb"HTTP/1\.1 (\d{3}) ", answered)]


def test_a_connection_carries_any_number_of_requests(it: Trial) -> None:
    wordy = LIVE.replace(b"Host: x", b"Host: x\r\nX-Padding: " + b"x" * 2000)
    assert statuses(spoken(it.port, *[wordy] * 100, LAST)) == ["200"] * 101


def test_requests_sent_before_the_answer_are_answered_in_turn(it: Trial) -> None:
    nothing = LIVE.replace(b"/health/live", b"/nothing").replace(b"Host: x", b"Host: x\r\nConnection: close")
    answered = spoken(it.port, LIVE + LIVE + nothing)
    assert statuses(answered) == ["200", "200", "404"]


@pytest.mark.parametrize("begin", [b"GET /", b"GET / HTTP/1.1\r\nHost: x\r\nX: "], ids=["path", "header"])
def test_a_head_that_is_too_long_is_given_up(it: Trial, begin: bytes) -> None:
    assert statuses(spoken(it.port, begin + b"x" * 60_000, b"x" * 10_000)) == ["400"]
    assert statuses(spoken(it.port, LAST)) == ["200"]


@pytest.mark.parametrize("begin", [b"", b"GET / HTTP/1.1\r\n", LIVE, LIVE + b"GET / HTTP/1.1\r\n"])
def test_a_head_that_does_not_come_is_not_waited_for(hasty: Trial, begin: bytes) -> None:
    answers = ["200"] * begin.count(b"live") + ["408"] * begin.endswith(b"GET / HTTP/1.1\r\n")
    assert statuses(spoken(hasty.port, begin)) == answers


def test_a_head_that_comes_in_small_pieces_has_no_longer(hasty: Trial) -> None:
    with socket.create_connection(("127.0.0.1", hasty.port), timeout=0.01) as connection:
        deadline = time.monotonic() + 20
        answered = b""
        while not answered and time.monotonic() < deadline:
            connection.sendall(b"x")
            with contextlib.suppress(TimeoutError):
                answered = connection.recv(1 << 16)
    assert statuses(answered) == ["408"]


def test_a_request_that_takes_longer_than_a_head_may_is_answered(hasty: Trial) -> None:
    slow = b"GET /v1/slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert statuses(spoken(hasty.port, slow)) == ["200"]


def put(body: bytes, *headers: bytes) -> bytes:
    lines = [b"POST /v1/put HTTP/1.1", b"Host: x", b"Content-Type: application/json", *headers]
    return b"\r\n".join([*lines, b"", body])


@pytest.mark.parametrize("upgrade", [b"h2c", b"websocket", b"TLS/1.0"])
@pytest.mark.parametrize("pieces", [1, 2])
def test_a_body_behind_an_upgrade_is_a_body_and_no_request(it: Trial, upgrade: bytes, pieces: int) -> None:
    body = b'{"a":1}'
    head = put(b"", b"Connection: Upgrade", b"Upgrade: " + upgrade, b"Content-Length: %d" % len(body))
    said = [head + body + LAST] if pieces == 1 else [head, body, LAST]
    answered = spoken(it.port, *said)
    assert statuses(answered) == ["200", "200"]
    assert b"\r\n\r\n7" in answered


def carried_out(it: Trial) -> int:
    return int(httpx.get(it.url("/v1/carried"), trust_env=False).json())


def test_what_comes_behind_a_command_does_not_answer_for_it(it: Trial) -> None:
    command = put(b"{}", b"Content-Length: 2")
    before = carried_out(it)
    assert statuses(spoken(it.port, command + command + b"garbage\r\n\r\n")) == ["200", "200", "400"]
    assert statuses(spoken(it.port, command, b"garbage\r\n\r\n")) == ["200", "400"]
    assert carried_out(it) == before + 3


@pytest.mark.parametrize("pieces", [1, 2])
def test_trailers_are_no_headers(it: Trial, pieces: int) -> None:
    head = b"POST /v1/put HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    said = [head + b"2\r\n{}\r\n0\r\n", b"Content-Type: application/json\r\n\r\n"]
    assert statuses(spoken(it.port, *(said if pieces == 2 else [b"".join(said)]))) == ["415"]


def test_trailers_have_an_end(it: Trial) -> None:
    head = put(b"2\r\n{}\r\n0\r\n", b"Transfer-Encoding: chunked")
    # No more than it takes: what is still under way when the other side hangs up resets the answer away.
    assert statuses(spoken(it.port, head, *[b"x: " + b"y" * 10_000 + b"\r\n"] * 7)) == ["400"]


@pytest.mark.parametrize("line", [b"GET / HTTP/2.0", b"GET / HTTP/0.9", b"GET /", b"DESCRIBE / RTSP/1.0"])
def test_other_versions_are_not_spoken(it: Trial, line: bytes) -> None:
    assert statuses(spoken(it.port, line + b"\r\nHost: x\r\n\r\n")) == ["400"]


@pytest.mark.parametrize(
    "head",
    [
        b"Host: x\r\nHost: y",
        b"X: y",
        b"Host: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked",
        b"Host: x\r\nTransfer-Encoding: chunked, identity",
        b"Host: x\r\nTransfer-Encoding: gzip, chunked",
        b"Host: x\r\nContent-Length: 1\r\nContent-Length: 2",
        b"Host: x\r\nContent-Length: +5",
        b"Host : x",
    ],
)
def test_a_request_that_two_readers_could_read_in_two_ways_is_refused(it: Trial, head: bytes) -> None:
    answered = spoken(it.port, b"POST /v1/slow HTTP/1.1\r\n" + head + b"\r\n\r\n0\r\n\r\n")
    assert statuses(answered) == ["400"]
    assert b"application/problem+json" in answered


def test_what_stops_being_http_in_its_body_is_refused_once(it: Trial) -> None:
    head = b"POST /v1/slow HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    answered = spoken(it.port, head + b"3\r\nabc\r\n", b"zz\r\n")
    assert statuses(answered) == ["400"]
