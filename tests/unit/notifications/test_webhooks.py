"""One call of a webhook: signed, to a checked address, verified by the name, and never waited for too long."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from standardwebhooks.webhooks import Webhook

from services.notifications.addresses import AddressBook
from services.notifications.webhooks import Caller, Endpoint, new_secret, retry_after

LOOPBACK = (ip_network("127.0.0.0/8"),)
HOST = "hooks.example.org"
BODY = '{"type":"paritrana.nominated"}'
OK = b"HTTP/1.1 204 No Content\r\n\r\n"


class Server:
    """A server that answers every request with the same bytes, and keeps what it was sent."""

    def __init__(self, answer: bytes = OK, *, endless: bytes = b"") -> None:
        self.answer = answer
        self.endless = endless
        self.requests: list[bytes] = []
        self.sent = 0
        self.port = 0

    @asynccontextmanager
    async def running(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        async with server:
            self.port = server.sockets[0].getsockname()[1]
            yield self.port

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            self.requests.append(head + await reader.readexactly(len(BODY)))
            writer.write(self.answer)
            while self.endless:
                writer.write(self.endless)
                self.sent += len(self.endless)
                await writer.drain()
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    def headers(self) -> dict[str, str]:
        lines = self.requests[-1].partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
        return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


def certificate(folder: Path, host: str = HOST) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return the contexts of a server with a certificate for `host`, and of a client that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(secret + made.public_bytes(Encoding.PEM))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    client = ssl.create_default_context()
    client.load_verify_locations(cadata=made.public_bytes(Encoding.PEM).decode())
    return server, client


def caller(*addresses: str, tls: ssl.SSLContext | None = None, seconds: float = 30.0) -> Caller:
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return addresses or ("127.0.0.1",)

    return Caller(AddressBook(LOOPBACK, resolve), tls, seconds)


def endpoint(port: int, scheme: str = "http", host: str = HOST, **secrets: str) -> Endpoint:
    return Endpoint("0" * 64, f"{scheme}://{host}:{port}/hook", **{"secret": new_secret()} | secrets)


async def test_a_call_is_signed_as_the_specification_says_and_asks_for_the_named_host():
    server = Server()
    async with server.running() as port:
        called = endpoint(port)
        answer = await caller().post(called, "one", BODY)
    assert answer.verdict == "accepted"
    headers = server.headers()
    assert headers["host"] == f"{HOST}:{port}"
    assert headers["webhook-id"] == "one"
    assert Webhook(called.secret).verify(BODY, headers) == {"type": "paritrana.nominated"}


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch):
    """It would resolve the name again, and reach what the check refused."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    server = Server()
    async with server.running() as port:
        answer = await caller().post(endpoint(port), "one", BODY)
    assert answer.verdict == "accepted"
    assert server.headers()["host"] == f"{HOST}:{port}"


async def test_a_rotated_secret_signs_beside_the_new_one():
    server, former = Server(), new_secret()
    async with server.running() as port:
        called = endpoint(port, former=former)
        await caller().post(called, "one", BODY)
    for secret in (called.secret, former):
        assert Webhook(secret).verify(BODY, server.headers())


async def test_a_server_is_verified_by_the_name_though_it_is_reached_by_its_address(tmp_path):
    server = Server()
    serving, trusting = certificate(tmp_path)
    async with server.running(serving) as port:
        answers = [
            await caller(tls=trusting).post(endpoint(port, "https"), "one", BODY),
            await caller(tls=trusting).post(endpoint(port, "https", "other.example.org"), "two", BODY),
            await caller().post(endpoint(port, "https"), "three", BODY),
        ]
    assert [answer.verdict for answer in answers] == ["accepted", "unanswered", "unanswered"]
    assert len(server.requests) == 1


async def test_the_next_address_is_tried_when_one_takes_no_connection():
    server = Server()
    async with server.running() as port:
        answer = await caller("127.0.0.2", "127.0.0.1").post(endpoint(port), "one", BODY)
    assert answer.verdict == "accepted"
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        ("200 OK", "accepted"), ("201 Created", "accepted"), ("299 Odd", "accepted"), ("410 Gone", "gone"),
        ("404 Not Found", "unanswered"), ("500 Fault", "unanswered"), ("302 Found", "unanswered"),
        ("308 Permanent", "unanswered"), ("429 Slow", "unanswered"), ("599 Odd", "unanswered"),
    ],
)  # fmt: skip
async def test_only_2xx_is_success_and_only_410_is_the_end(status, verdict):
    server = Server(f"HTTP/1.1 {status}\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n".encode())
    async with server.running() as port:
        answer = await caller().post(endpoint(port), "one", BODY)
    assert answer.verdict == verdict
    assert len(server.requests) == 1


async def test_an_endless_answer_is_not_read_to_its_end():
    server = Server(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n", endless=b"x" * 4096)
    async with server.running() as port:
        answer = await caller().post(endpoint(port), "one", BODY)
    assert answer.verdict == "accepted"
    assert server.sent < 64 << 20


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200", b"no such protocol\r\n\r\n", b"HTTP/1.1 200 OK\r\nx: "])
async def test_an_answer_that_is_none_is_tried_again(said):
    server = Server(said)
    async with server.running() as port:
        answer = await caller(seconds=0.5).post(endpoint(port), "one", BODY)
    assert answer.verdict == "unanswered"


async def test_a_private_address_is_not_connected():
    server = Server()
    async with server.running() as port:
        answer = await Caller(AddressBook()).post(endpoint(port, host="127.0.0.1"), "one", BODY)
    assert answer.verdict == "address-refused"
    assert server.requests == []


async def test_a_name_that_is_not_found_now_did_not_answer():
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        raise OSError("no such name")

    answer = await Caller(AddressBook(resolve=resolve)).post(endpoint(443, "https"), "one", BODY)
    assert answer.verdict == "unanswered"


def test_secrets_are_of_the_specifications_form_and_never_the_same():
    made = {new_secret() for _ in range(100)}
    assert len(made) == 100
    assert all(secret.startswith("whsec_") and Webhook(secret) for secret in made)


def test_pauses_grow_to_six_hours():
    assert [retry_after(attempts) for attempts in range(4)] == [5, 20, 80, 320]
    assert retry_after(1000) == 6 * 3600
