"""Send a month of one employer and a region's coverage as facts: `publish.py BOOTSTRAP [CONTRIBUTIONS [COVERAGE]]`.

Needs confluent-kafka 2 and nothing of Paritrana's. Ends with 0 only when the broker has acknowledged every fact.
The employer, the region's figures and the payments are invented.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

SOURCE = "/bpjs/sipp"  # your system: /bpjs/ and the name that was agreed with you
TYPES = "id.go.bpjsketenagakerjaan"
WAIT_SECONDS = 30
USAGE = "usage: publish.py BOOTSTRAP [CONTRIBUTIONS-TOPIC [COVERAGE-TOPIC]]"

EMPLOYER = "90000017"
REGION = "75.71"


@dataclass(frozen=True)
class Fact:
    """One fact. `id` comes from your own records, so that the same fact has the same id whenever it is sent.

    That makes resending safe: the same id with the same content counts once, however often it arrives. A fresh random
    id for each attempt would turn a retry after a crash into a second fact.
    """

    kind: str
    id: str
    time: str  # when your system came to know it, with the zone; not when it is sent
    data: dict[str, Any]  # amounts are ints: whole rupiah, never floats or texts
    structured: bool = False

    @property
    def attributes(self) -> dict[str, str]:
        """Return the CloudEvents attributes."""
        names = {"type": f"{TYPES}.{self.kind}.v1", "id": self.id, "source": SOURCE, "time": self.time}
        return {"specversion": "1.0", **names}

    @property
    def key(self) -> str:
        """Return whom it is about: the employer, or the region. Another key is refused."""
        return str(self.data.get("employer") or self.data["region"])

    def message(self) -> dict[str, Any]:
        """Return key, headers and value, in the binary or in the structured mode of CloudEvents; either is fine."""
        if self.structured:
            headers = {"content-type": "application/cloudevents+json"}
            value = {**self.attributes, "data": self.data}
        else:
            headers = {f"ce_{name}": text for name, text in self.attributes.items()}
            headers["content-type"] = "application/json"
            value = self.data
        return {"key": self.key, "headers": headers, "value": json.dumps(value).encode()}


REGISTERED = Fact(
    "EmployerRegistered",
    f"registration-{EMPLOYER}-1",
    "2021-01-04T09:00:00+07:00",
    {"employer": EMPLOYER, "size_class": "medium", "region": REGION, "obliged_from": "2021-01"},
)
DUE = Fact(
    "ContributionDue",
    f"due-{EMPLOYER}-2021-03",
    "2021-04-01T06:00:00+07:00",
    {"employer": EMPLOYER, "month": "2021-03", "amount": 12_500_000},
)
PAID = Fact(
    "ContributionPaid",
    "payment-2021-000017",
    "2021-04-13T10:15:00+07:00",
    {
        "employer": EMPLOYER,
        "month": "2021-03",
        "amount": 12_000_000,
        "paid_on": "2021-04-13",
        "bank_reference": "BRI/20210413/000017",
    },
)
REST_PAID = Fact(
    "ContributionPaid",
    "payment-2021-000042",
    "2021-04-15T14:40:00+07:00",
    {
        "employer": EMPLOYER,
        "month": "2021-03",
        "amount": 1_000_000,
        "paid_on": "2021-04-15",
        "bank_reference": "BRI/20210415/000042",
    },
    structured=True,
)
# The first payment had been typed wrongly. A fact is never changed: another one says how it should read.
CORRECTED = Fact(
    "ContributionCorrected",
    "correction-2021-000003",
    "2021-04-16T08:00:00+07:00",
    {"employer": EMPLOYER, "month": "2021-03", "corrects": PAID.id, "revision": 1, "amount": 11_500_000},
)
COVERED = Fact(
    "CoverageReported",
    f"coverage-{REGION}-2021-03-31-1",
    "2021-04-05T09:00:00+07:00",
    {
        "region": REGION,
        "as_of": "2021-03-31",
        "wage_workers_covered": 61_250,
        "wage_workers_total": 80_400,
        "non_wage_workers_covered": 9_100,
        "non_wage_workers_total": 35_000,
    },
)


def producer(bootstrap: str) -> Producer:
    """Return a producer that loses nothing and doubles nothing."""
    return Producer({
        "bootstrap.servers": bootstrap,
        "client.id": "sipp",
        # Acknowledged means that every in-sync replica has it: one broker's death then loses nothing.
        "acks": "all",
        # The client's own retries are neither doubled nor reordered.
        "enable.idempotence": True,
        # How Kafka's Java client chooses the partition of a key. librdkafka has another default, and the facts about
        # one employer would lie in two partitions, depending on who sent them.
        "partitioner": "murmur2_random",
        "compression.type": "lz4",
        "delivery.timeout.ms": WAIT_SECONDS * 1000,
    })  # fmt: skip


@dataclass
class Outcome:
    """What the broker said of each fact; `send` is done when it has spoken of all."""

    failed: list[str] = field(default_factory=list)

    def hear(self, fact: Fact, error: KafkaError | None, message: Message) -> None:
        """Note an acknowledgement, or that there is none."""
        if error is not None:
            self.failed.append(f"{fact.kind} {fact.id}: {error.str()}")
            return
        print(f"{fact.kind} {fact.id}: {message.topic()}/{message.partition()}/{message.offset()}", flush=True)


def send(bootstrap: str, facts: list[tuple[str, Fact]]) -> Outcome:
    """Send each fact to its topic and wait for every acknowledgement."""
    outcome, sender = Outcome(), producer(bootstrap)
    for topic, fact in facts:
        sender.produce(topic, **fact.message(), on_delivery=partial(outcome.hear, fact))
        sender.poll(0)
    waiting = sender.flush(WAIT_SECONDS + 5)
    if waiting:
        outcome.failed.append(f"{waiting} facts: no word from the broker")
    return outcome


def main(arguments: list[str]) -> int:
    """Send the facts; return 0 when all are acknowledged."""
    if not 1 <= len(arguments) <= 3:
        print(USAGE, file=sys.stderr)
        return 2
    bootstrap = arguments[0]
    contributions = arguments[1] if len(arguments) > 1 else "bpjs.contributions.v1"
    coverage = arguments[2] if len(arguments) > 2 else "bpjs.coverage.v1"
    facts = [(contributions, fact) for fact in (REGISTERED, DUE, PAID, REST_PAID, CORRECTED)]
    try:
        outcome = send(bootstrap, [*facts, (coverage, COVERED)])
    except (KafkaException, BufferError) as error:
        print(f"not acknowledged: not all of it was sent: {error}", file=sys.stderr)
        return 1
    for line in outcome.failed:
        print(f"not acknowledged: {line}", file=sys.stderr)
    # What was not acknowledged may have been written all the same. Send everything again: that is always right.
    return 1 if outcome.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
