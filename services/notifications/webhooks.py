"""Post messages to people's webhooks by the Standard Webhooks specification, from one active replica.

`webhook-id` is the message's id and the same at every try, so a receiver can tell a message that it has; the timestamp
is that of the try, and the body never changes. 2xx is success. Anything else, an answer that takes too long and an
address that is not public are tried again with growing pauses for three days, and then given up; a legal notice is
mailed then. 410 ends the subscription: what was to go there is mailed. Redirects are not followed. A webhook that
fails holds up its own messages only: each is called by itself, some at a time.
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from http import HTTPStatus
from typing import Final, Literal
from uuid import UUID, uuid5

import httpx
import orjson
import structlog
from standardwebhooks.webhooks import Webhook

from kernel.canonical import instant
from kernel.commands import Ask
from kernel.decider import Decision, Loader
from services.notifications.addresses import AddressBook, AddressRefused, HostUnknown, Target
from services.notifications.directory import Addressee, Directory
from services.notifications.domain.subscription import DELIVERIES, GiveUp, decide, stream_of
from services.notifications.outbox import SQL, Bell, Due, Outbox
from services.notifications.texts import Letter, Locale, write_letter

SECONDS: Final = 15.0
"""From the resolving of the name to the end of the answer."""
_CONNECT_SECONDS: Final = 5.0
_MOST_BYTES: Final = 64 << 10
_GIVEN_UP_SECONDS: Final = 3 * 86_400.0
_FIRST_PAUSE: Final = 5.0
_LONGEST_PAUSE: Final = 6 * 3600.0
_AT_ONCE: Final = 16
_LOOKED_AT: Final = 200
_SECRET_BYTES: Final = 32
_LOG = structlog.get_logger(__name__)


def new_secret() -> str:
    """Return a fresh signing secret in the specification's form: `whsec_` and base64."""
    return "whsec_" + b64encode(secrets.token_bytes(_SECRET_BYTES)).decode("ascii")


def digest_of_endpoint(salt: bytes, url: str, secret: str) -> str:
    """Return what an event holds of a webhook: SHA-256 in hex of salt, URL, line feed and secret."""
    return sha256(salt + f"{url}\n{secret}".encode()).hexdigest()


def retry_after(attempts: int) -> float:
    """Return for how many seconds to leave a webhook after so many tries in vain: 5 s, 20 s … up to 6 h."""
    return min(_FIRST_PAUSE * (1 << min(2 * attempts, 40)), _LONGEST_PAUSE)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A person's webhook. `digest` is what events know it by, `former` the secret that was replaced, while it signs."""

    digest: str
    url: str
    secret: str
    former: str | None = None

    def signatures(self, message: str, at: datetime, body: str) -> str:
        """Return the signatures of a try, one for each valid secret, with spaces between."""
        valid = (secret for secret in (self.secret, self.former) if secret is not None)
        return " ".join(Webhook(secret).sign(message, at, body) for secret in valid)


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a try."""

    verdict: Literal["accepted", "gone", "unanswered", "address-refused"]
    why: str = ""


def body_of(due: Due, letter: Letter) -> str:
    """Return the JSON that is posted: the same at every try."""
    contents = due.contents
    data = {
        "message": str(due.message),
        "template": contents.template,
        "cause": str(due.recipient.cause),
        "season": None if due.rulebook is None else due.rulebook.season,
        "nominations": list(contents.nominations),
        "sample": contents.sample,
        "language": letter.locale,
        "subject": letter.subject,
        "text": letter.body,
    }
    document = {"type": f"paritrana.{contents.template}", "timestamp": instant(contents.recorded), "data": data}
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS).decode()


# --- one call ------------------------------------------------------------------------------------------------------


class Caller:
    """Calls webhooks, over fresh connections: nothing is shared between two of them."""

    def __init__(self, book: AddressBook, tls: ssl.SSLContext | None = None, seconds: float = SECONDS) -> None:
        """Reach what `book` admits, verify servers by `tls`, and wait for `seconds` at most."""
        self._book = book
        self._tls = tls or ssl.create_default_context()
        self._seconds = seconds
        self._client: httpx.AsyncClient | None = None

    def _open(self) -> httpx.AsyncClient:
        if self._client is None or self._client.is_closed:
            self._client = httpx.AsyncClient(
                verify=self._tls,
                timeout=httpx.Timeout(self._seconds, connect=min(_CONNECT_SECONDS, self._seconds)),
                limits=httpx.Limits(max_connections=_AT_ONCE, max_keepalive_connections=0),
                follow_redirects=False,
                trust_env=False,
            )
        return self._client

    async def close(self) -> None:
        """End what is open; the next call begins anew."""
        if self._client is not None:
            await self._client.aclose()

    async def post(self, endpoint: Endpoint, message: str, body: str) -> Answer:
        """Post a message once and return what became of it."""
        try:
            async with asyncio.timeout(self._seconds):
                target = await self._book.target(endpoint.url)
                return _judged(await self._post(target, endpoint, message, body))
        except HostUnknown as error:
            return Answer("unanswered", str(error))
        except AddressRefused as error:
            return Answer("address-refused", str(error))
        except TimeoutError:
            return Answer("unanswered", f"no answer within {self._seconds:g} s")
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            return Answer("unanswered", f"{type(error).__name__}: {error}")

    async def _post(self, target: Target, endpoint: Endpoint, message: str, body: str) -> int:
        """Return the status of the first address that takes a connection; its body is read up to a limit."""
        at = datetime.now(UTC)
        headers = {
            "Host": target.authority,
            "Content-Type": "application/json",
            "User-Agent": "Paritrana-Webhooks/1",
            "webhook-id": message,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": endpoint.signatures(message, at, body),
        }
        *others, last = target.addresses
        for address in others:
            try:
                return await self._send(target, target.url_at(address), headers, body)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return await self._send(target, target.url_at(last), headers, body)

    async def _send(self, target: Target, url: str, headers: Mapping[str, str], body: str) -> int:
        # The URL holds the checked address; the certificate must still be the named host's.
        extensions = {"sni_hostname": target.host}
        async with self._open().stream("POST", url, headers=headers, content=body, extensions=extensions) as answer:
            read = 0
            async for part in answer.aiter_raw():
                read += len(part)
                if read > _MOST_BYTES:
                    break
            return answer.status_code


def _judged(status: int) -> Answer:
    if 200 <= status < 300:
        return Answer("accepted")
    return Answer("gone" if status == HTTPStatus.GONE else "unanswered", f"status {status}")


# --- sending -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class WebhookSender:
    """Takes due intents whose persons chose a webhook, and concludes each; `wake` makes it look at once."""

    outbox: Outbox
    directory: Directory
    caller: Caller
    _bell: Bell = field(default_factory=Bell)

    def wake(self) -> None:
        """Look for due intents now."""
        self._bell.ring()

    async def run(self) -> None:
        """Send until cancelled."""
        try:
            await self._bell.follow(self.round, "webhooks")
        finally:
            await self.directory.close()
            await self.caller.close()

    async def round(self) -> int:
        """Conclude or postpone what is due, one batch; return how many intents were routed or looked at.

        Raises DirectoryAway when nobody's language is known.
        """
        routed = await self.outbox.route()
        fresh, looked_at = await self.outbox.due("webhook", _LOOKED_AT)
        if fresh:
            persons = {one.recipient.person for one in fresh}
            found = await self.directory.find(persons)
            if erased := [person for person, one in found.items() if one.erased]:
                await self.outbox.pool.execute(SQL["erase_endpoints"], erased)
            endpoints = await self._endpoints(persons)
            limit = asyncio.Semaphore(_AT_ONCE)
            calls = [
                self._to_person(
                    limit,
                    [one for one in fresh if one.recipient.person == person],
                    found.get(person),
                    endpoints.get(person),
                )
                for person in persons
            ]
            # Each person's calls run to their end, whatever becomes of the others'.
            for outcome in await asyncio.gather(*calls, return_exceptions=True):
                if outcome is not None:
                    raise outcome
        return routed + looked_at

    async def _endpoints(self, persons: set[UUID]) -> dict[UUID, Endpoint]:
        rows = await self.outbox.pool.fetch(SQL["webhooks"], list(persons), self.outbox.clock.now())
        return {row["person"]: Endpoint(row["digest"], row["url"], row["secret"], row["former"]) for row in rows}

    async def _to_person(
        self, limit: asyncio.Semaphore, due: Sequence[Due], to: Addressee | None, endpoint: Endpoint | None
    ) -> None:
        """Post a person's messages one after another, until one is not taken."""
        async with limit:
            for one in due:
                if not await self.outbox.of(one, self._send(one, to, endpoint)):
                    return

    async def _send(self, one: Due, to: Addressee | None, endpoint: Endpoint | None) -> bool:
        """Post one message; tell whether the next may be tried."""
        if endpoint is None:
            await self.outbox.reroute(one)
            return True
        locale: Locale = to.locale if to else "id"
        body = body_of(one, write_letter(one.contents, one.rulebook, locale))
        answer = await self.caller.post(endpoint, str(one.message), body)
        match answer.verdict:
            case "accepted":
                await self.outbox.sent(one, "webhook", sha256(body.encode()).hexdigest())
                await self.outbox.pool.execute(SQL["webhook_answers"], one.recipient.person)
                return True
            case "gone":
                await self._give_up(one, endpoint)
                return False
            case "unanswered" | "address-refused":
                _LOG.info("a webhook did not take a message", message=str(one.message), reason=answer.why)
                await self._failed(one, answer.verdict)
                return False

    async def _failed(self, one: Due, reason: Literal["unanswered", "address-refused"]) -> None:
        if one.failing < _GIVEN_UP_SECONDS:
            pause = retry_after(one.attempts)
            await self.outbox.postpone(one, pause)
            await self.outbox.pool.execute(SQL["postpone_webhook"], one.recipient.person, pause)
            return
        await self.outbox.fail(one, reason, "webhook")

    async def _give_up(self, one: Due, endpoint: Endpoint) -> None:
        """Record that the webhook is gone; the fold of that sends what waits for it another way, this message too."""
        person = str(one.recipient.person)
        stream = stream_of(person)

        async def program(loader: Loader) -> Decision:
            state = await loader.load(DELIVERIES, stream)
            return decide(state.subscription, GiveUp(person, endpoint.digest))

        key = str(uuid5(one.message, endpoint.digest))
        ask = Ask("system", "webhook-gone", key, sha256(key.encode()).digest(), self.outbox.clock.now())
        await self.outbox.executor.execute(ask, program)
        await self.outbox.reroute(one, "mail")
