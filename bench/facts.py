"""Facts as a publisher sends them, in any number: payments of a month, with the publisher's ids in the order of time.

They are sent with librdkafka, keyed and hashed as every Kafka client does it, before anything is timed.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from typing import Any, Final

import orjson
from confluent_kafka import Producer

from schemas.facts import ContributionPaid, Fact, fact_type

EMPLOYERS: Final = 20_000
MONTH: Final = "2021-01"
ASCENDING: Final = "sipp"
SCATTERING: Final = "bank"
"""The publisher whose ids ascend, and the one whose ids are in no order."""
TIME: Final = "2021-02-01T03:00:00Z"
PAID_ON: Final = "2021-01-28"
_AT_ONCE: Final = 5_000
Message = tuple[bytes, bytes, list[tuple[str, str | bytes | None]]]
"""Key, value, headers."""


def payments(count: int, *, seed: int, first: int = 0, scattered: bool = False) -> Iterator[Message]:
    """Yield so many payments in binary mode, of as many employers as a large province has.

    Their ids ascend, as most systems' do, from `first` on; `scattered` ones are of another system and in no order.
    """
    draw = random.Random(seed)
    headers = _headers(SCATTERING if scattered else ASCENDING)
    for number in range(first, first + count):
        employer = f"{draw.randrange(EMPLOYERS) * 4999 % 100_000_000:08d}"
        value = (
            f'{{"employer":"{employer}","month":"{MONTH}","amount":{draw.randrange(1, 10**7)},'
            f'"paid_on":"{PAID_ON}","bank_reference":"BRI-{number:010d}"}}'
        )
        yield employer.encode(), value.encode(), [("ce_id", identify(number, scattered=scattered).encode()), *headers]


def _headers(
    publisher: str, model: type[Fact] = ContributionPaid, time: str = TIME
) -> list[tuple[str, str | bytes | None]]:
    return [
        ("ce_specversion", b"1.0"),
        ("ce_source", f"/bpjs/{publisher}".encode()),
        ("ce_type", fact_type(model).encode()),
        ("ce_time", time.encode()),
        ("content-type", b"application/json"),
    ]


def identify(number: int, *, scattered: bool) -> str:
    """Return the id of a payment."""
    return hashlib.sha256(b"%d" % number).hexdigest()[:32] if scattered else f"paid-{number:012d}"


def about(model: type[Fact], employer: str, id_: str, said: dict[str, Any], *, time: str = TIME) -> Message:
    """Return one fact about an employer."""
    headers = [*_headers(ASCENDING, model, time), ("ce_id", id_.encode())]
    return employer.encode(), orjson.dumps({"employer": employer, **said}), headers


def producer(servers: str, *, linger_ms: int) -> Producer:
    """Return a client as a publisher should set it up."""
    return Producer(
        {
            "bootstrap.servers": servers,
            "enable.idempotence": True,
            "linger.ms": linger_ms,
            "batch.size": 512 * 1024,
            "queue.buffering.max.messages": 100_000,
            "partitioner": "murmur2_random",
        }
    )


def publish(servers: str, topic: str, messages: Iterator[Message]) -> int:
    """Send messages and return how many, once all of them are acknowledged. Raises RuntimeError for one that is not."""
    failed: list[Any] = []
    client = producer(servers, linger_ms=20)
    count = 0
    for key, value, headers in messages:
        while True:
            try:
                client.produce(topic, value, key, headers=headers, on_delivery=_note(failed))
                break
            except BufferError:
                client.poll(0.1)
        count += 1
        if count % _AT_ONCE == 0:
            client.poll(0)
    client.flush(120)
    if failed or len(client):
        raise RuntimeError(f"{len(failed) + len(client)} facts were not acknowledged: {failed[:1]}")
    return count


def _note(failed: list[Any]) -> Any:
    def noted(error: Any, _message: Any) -> None:
        if error is not None:
            failed.append(error)

    return noted
