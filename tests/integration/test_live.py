"""Continuous verification on a real database and broker: each thing that can be wrong is found, and told apart."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import orjson
import pytest
import pytest_asyncio
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from fastapi import FastAPI
from joserfc.jwk import OKPKey
from prometheus_client import CollectorRegistry

from kernel.broker import Broker, DeliveryMeasures, Record
from kernel.clock import SystemClock
from kernel.feed import document_hash
from kernel.http import create_api
from kernel.keys import note_key
from kernel.log import NO_HEAD, Append, Entry, Wake, append, read_heads
from kernel.receiver import Receiver
from kernel.tokens import Grant, LocalJwks, Person, TokenVerifier, issue, service_person
from schemas.topics import NOMINATION
from services.audit.app import create_service
from services.audit.live import feeds as feeds_module
from services.audit.live.alarms import NEWEST, Alarm, Alarms
from services.audit.live.asking import FeedClient
from services.audit.live.feeds import Feed
from services.audit.live.kinds import KINDS
from services.audit.live.signing import Log, Signers
from services.audit.live.topics import Topics
from services.audit.live.tree import Tree
from services.audit.live.watch import odd
from services.audit.log.checkpoints import Asked
from services.audit.settings import AuditSettings
from services.signer.app import create_app
from services.wiring import feed_of
from tests.conftest import DatabaseFactory, TopicFactory
from tests.support.delivery import Chain, produce, record_of, until, wire_for
from tests.support.log import ORIGIN, LogUnderTest, chains, running, signer_settings
from tests.support.serving import serving
from tests.unit.audit.test_lists import LISTS, read_log

KEY = OKPKey.generate_key("Ed25519", parameters={"kid": "test", "use": "sig"})
VERIFIER = TokenVerifier(LocalJwks(lambda: {"keys": [KEY.as_dict(private=False)]}))
LATER = datetime(2100, 1, 1, tzinfo=UTC)


def token(*grants: Grant, person: str | None = None) -> str:
    return issue(KEY, Person(person or str(uuid4()), grants), lifetime=600).token


def service_token(service: str) -> str:
    return token(Grant.of("service"), person=service_person(service))


@dataclass
class Store:
    """A database with a log that is written by hand."""

    owner_url: str
    pool: asyncpg.Pool[Any]
    own: bool

    async def take(self, entries: Iterable[Entry]) -> None:
        async with self.pool.acquire() as connection:
            for entry in entries:
                head = (await read_heads(connection, [entry.stream])).get(entry.stream, NO_HEAD)
                times = {entry.stream: datetime.now(UTC)}
                await append(connection, Append([entry], {entry.stream: head}, times, own=self.own))

    async def tamper(self, statement: str, *arguments: Any) -> None:
        """Do as a superuser can, whom no trigger holds."""
        connection = await asyncpg.connect(self.owner_url)
        try:
            for table in ("events", "heads"):
                await connection.execute(f"alter table {table} disable trigger user")
            assert await connection.execute(statement, *arguments) != "UPDATE 0"
        finally:
            await connection.close()

    async def published(self) -> None:
        """Say that the broker has acknowledged everything, as the relay does."""
        await self.pool.execute(
            "update relay_checkpoint set (epoch, xid, position) = "
            "(select epoch, xid, position from events order by epoch desc, events.xid desc, position desc limit 1)"
        )


@dataclass
class Sides:
    """A service with its feed, and the audit's store with what looks at both."""

    service: Store
    audit: Store
    feed: Feed
    alarms: Alarms
    url: str
    secret: Path
    http: httpx.AsyncClient = field(default_factory=lambda: httpx.AsyncClient(trust_env=False))

    async def look(self, read_up_to: datetime | None = None) -> None:
        await self.feed.look({} if read_up_to is None else {NOMINATION: read_up_to})

    async def both(self, entries: Sequence[Entry]) -> None:
        await self.service.take(entries)
        await self.audit.take(entries)

    async def told(self, *, ended: bool = False) -> dict[tuple[str, str], Alarm]:
        return {(one.kind, one.place): one for one in await self.alarms.before(NEWEST, 1000, ended=ended)}

    async def kinds(self) -> set[str]:
        return {kind for kind, _ in await self.told()}

    async def ask(self, bearer: str, query: str = "") -> httpx.Response:
        return await self.http.get(f"{self.url}/v1/feed{query}", headers={"Authorization": f"Bearer {bearer}"})


def service_app(pool: asyncpg.Pool[Any]) -> FastAPI:
    """Return an application with a service's feed, and identity's part in it."""
    app = create_api("nomination", title="test", clock=SystemClock(), verifier=VERIFIER)
    app.state.service_parts = SimpleNamespace(pool=pool)
    app.include_router(feed_of("nomination"))

    @app.post("/v1/service-token")
    async def sign_in(sent: dict[str, str]) -> dict[str, str]:
        assert sent == {"service": "audit", "secret": "open sesame"}
        return {"token": service_token("audit"), "expires": LATER.isoformat()}

    return app


@contextlib.asynccontextmanager
async def pool_of(url: str) -> AsyncIterator[asyncpg.Pool[Any]]:
    pool = await asyncpg.create_pool(url, min_size=1, max_size=6)
    try:
        yield pool
    finally:
        await pool.close()


@pytest_asyncio.fixture
async def sides(database: DatabaseFactory, tmp_path: Path) -> AsyncIterator[Sides]:
    mine, theirs = await database("nomination"), await database("audit")
    secret = tmp_path / "audit.secret"
    secret.write_text("open sesame\n")
    async with pool_of(mine.login_url) as one, pool_of(theirs.login_url) as other, serving(service_app(one)) as url:
        client, alarms = FeedClient(url, "audit", secret), Alarms(other)
        feed = Feed("nomination", url, client, other, alarms, grace=timedelta(0))
        found = Sides(
            Store(mine.owner_url, one, True), Store(theirs.owner_url, other, False), feed, alarms, url, secret
        )
        yield found
        await found.http.aclose()
        await client.close()


# --- the feed --------------------------------------------------------------------------------------------------------


async def test_a_feed_is_for_auditors_and_the_audit_service_alone(sides: Sides) -> None:
    assert (await sides.ask(token(Grant.of("auditor")))).status_code == 200
    assert (await sides.ask(service_token("audit"))).status_code == 200
    for bearer in (
        service_token("scoring"),
        token(Grant.of("service")),
        token(Grant.of("operator")),
        token(Grant.of("auditor", season="2021")),
        token(Grant.of("auditor", season="2021"), person=service_person("audit")),
    ):
        assert (await sides.ask(bearer)).status_code == 403


async def test_a_feed_has_own_events_only_each_with_the_hash_of_its_document(sides: Sides) -> None:
    entries, foreign = chains(3, 4), Chain("sheet/one", "scoring")
    await sides.service.take(entries)
    await Store(sides.service.owner_url, sides.service.pool, False).take([foreign.next()])
    page = (await sides.ask(service_token("audit"))).json()
    assert [(one["stream"], one["version"]) for one in page["items"]] == [(e.stream, e.version) for e in entries]
    assert [one["hash"] for one in page["items"]] == [entry.hash.hex() for entry in entries]
    assert page["seen"] == page["end"]
    assert page["published"] == "0-0-0"
    listed = (await sides.ask(service_token("audit"), "?order=stream&limit=5")).json()
    rest = (await sides.ask(service_token("audit"), f"?order=stream&cursor={listed['next']}")).json()
    assert [one["stream"] for one in listed["items"] + rest["items"]] == sorted(entry.stream for entry in entries)
    one = (await sides.ask(service_token("audit"), f"?stream={entries[0].stream}&limit=1")).json()
    assert one["items"][0]["version"] == 1
    assert one["next"]


async def test_a_feed_goes_on_past_others_events(sides: Sides) -> None:
    foreign = Store(sides.service.owner_url, sides.service.pool, False)
    await foreign.take(_sheets(60))
    await sides.service.take(chains(1, 1))
    seen, query = 0, "?limit=2"
    for _ in range(20):
        page = (await sides.ask(service_token("audit"), query)).json()
        seen += len(page["items"])
        if page["next"] is None:
            break
        query = f"?limit=2&cursor={page['next']}"
    assert seen == 1


def _sheets(count: int) -> list[Entry]:
    chain = Chain("sheet/one", "scoring")
    return [chain.next() for _ in range(count)]


# --- the comparison --------------------------------------------------------------------------------------------------


async def test_what_is_the_same_on_both_sides_raises_nothing_and_is_compared_once(sides: Sides) -> None:
    await sides.both(chains(20, 12))
    for _ in range(5):
        await sides.look()
    assert await sides.told() == {}
    status = sides.feed.status
    assert (status.behind, status.unfed, status.away) == (0, 0, None)
    assert status.rounds >= 1
    stood = await sides.audit.pool.fetchrow("select position, received_position from feeds")
    await sides.look()
    assert await sides.audit.pool.fetchrow("select position, received_position from feeds") == stood


async def test_an_event_on_its_way_is_late_with_its_age_and_no_more_once_it_came(sides: Sides) -> None:
    entries = chains(2, 3)
    await sides.both(entries[:-1])
    await sides.service.take(entries[-1:])
    sides.feed.grace = timedelta(hours=1)
    await sides.look(LATER)
    assert await sides.told() == {}
    assert sides.feed.status.behind == 1
    assert sides.feed.status.late_seconds > 0
    sides.feed.grace = timedelta(0)
    await sides.look(LATER)
    assert await sides.kinds() == {"late"}, "the service has not published it: whatever was read, it is not missing"
    await sides.audit.take(entries[-1:])
    await sides.look()
    assert await sides.told() == {}
    assert sides.feed.status.behind == 0
    assert (await sides.told(ended=True))["late", "nomination"].ended is not None


async def test_what_was_acknowledged_and_is_not_in_the_topic_is_missing_there(sides: Sides) -> None:
    entries = chains(2, 3)
    await sides.both(entries[:-1])
    await sides.service.take(entries[-1:])
    await sides.service.published()
    for _ in range(2):
        await sides.look(datetime(2000, 1, 1, tzinfo=UTC))
    assert await sides.kinds() == {"late"}, "the topic was not read beyond it yet"
    await sides.look(LATER)
    assert await sides.kinds() == {"missing-in-topic"}
    await sides.audit.take(entries[-1:])
    await sides.look(LATER)
    assert await sides.told() == {}


async def test_what_waits_for_the_one_before_it_is_not_missing(sides: Sides) -> None:
    entries = chains(1, 2)
    await sides.service.take(entries)
    await sides.service.published()
    await sides.audit.pool.execute(
        "insert into held (stream, version, topic, partition, topic_offset, document) values ($1, 2, 't', 0, 0, '{}')",
        entries[1].stream,
    )
    await sides.look(LATER)
    await sides.look(LATER)
    assert list(await sides.told()) == [("missing-in-topic", f"{entries[0].stream}@1")]


@pytest.mark.parametrize("part", ["data", "envelope"])
async def test_an_event_that_was_changed_in_the_database_differs(sides: Sides, part: str) -> None:
    entries = chains(3, 3)
    await sides.both(entries)
    await sides.look()
    old, new = ('"number":2', '"number":7') if part == "data" else ('"source":"', '"source":"/x')
    await sides.service.tamper(
        "update events set document = replace(document, $1, $2) where stream = $3 and version = 2", old, new,
        entries[0].stream,
    )  # fmt: skip
    await sides.look()
    ((kind, place),) = await sides.told()
    assert (kind, place) == ("differs", f"{entries[0].stream}@2")


async def test_another_event_under_a_version_differs_at_once(sides: Sides) -> None:
    chain = Chain("nomination/one")
    first = chain.next()
    await sides.both([first])
    await sides.service.take([chain.fork(data={"number": 7})])
    await sides.audit.take([chain.next()])
    await sides.look()
    assert set(await sides.told()) == {("differs", "nomination/one@2")}


async def test_what_only_the_topic_has_is_missing_in_the_feed_until_somebody_answers(sides: Sides) -> None:
    entries = chains(2, 3)
    await sides.both(entries)
    await sides.look()
    forged = Chain("nomination/forged")
    await sides.audit.take([forged.next()])
    for _ in range(2):
        await sides.look()
    (((kind, place), alarm),) = (await sides.told()).items()
    assert (kind, place) == ("missing-in-feed", "nomination/forged@1")
    assert alarm.ended is None
    answered = await sides.alarms.acknowledge(alarm.alarm, str(UUID(int=1)), "a test")
    assert answered is not None
    assert (answered.reason, answered.ended) == ("a test", answered.acknowledged)
    for _ in range(3):
        await sides.look()
    assert await sides.told() == {}, "it is the same again: somebody has answered for it"
    again = await sides.alarms.acknowledge(alarm.alarm, str(UUID(int=2)), "another answer")
    assert again is not None
    assert again.reason == "a test", "the first answer stands"


async def test_an_event_that_was_taken_out_of_the_database_is_missed_by_the_round(sides: Sides) -> None:
    entries = chains(3, 3)
    await sides.both(entries)
    await sides.look()
    await sides.service.tamper("delete from events where stream = $1 and version = 3", entries[0].stream)
    for _ in range(3):
        await sides.look()
    assert set(await sides.told()) == {("missing-in-feed", f"{entries[0].stream}@3")}


async def test_an_event_that_the_feed_passes_over_is_told_when_it_is_read(sides: Sides) -> None:
    entries = chains(1, 3)
    await sides.service.take(entries)
    await sides.service.tamper("delete from events where version = 2")
    await sides.look()
    assert ("missing-in-feed", f"{entries[0].stream}@2") in await sides.told()


async def test_a_service_that_does_not_answer_is_told_and_compared_on_when_it_does(sides: Sides) -> None:
    await sides.both(chains(2, 2))
    good, sides.feed.url = sides.feed.url, "http://127.0.0.1:1"
    await sides.look()
    await sides.look()
    assert await sides.kinds() == {"feed-away"}
    sides.feed.url = good
    await sides.look()
    assert await sides.told() == {}
    assert sides.feed.status.compared > 0


async def test_a_secret_that_is_not_there_is_said(sides: Sides) -> None:
    sides.feed.client = FeedClient(sides.url, "audit", sides.secret.with_name("nothing"))
    await sides.look()
    ((_, alarm),) = (await sides.told()).items()
    assert "FileNotFoundError" in alarm.said


async def test_with_too_much_in_doubt_the_feed_waits_and_goes_on_later(
    sides: Sides, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds_module, "MOST_LATE", 300)
    sides.feed.grace = timedelta(hours=1)
    entries = chains(100, 10)
    await sides.service.take(entries)
    await sides.look()
    assert sides.feed.status.behind <= 300 + 2 * 200, "a page of each kind of reading more at most"
    await sides.audit.take(entries)
    for _ in range(10):
        await sides.look()
    assert (sides.feed.status.behind, sides.feed.status.unfed) == (0, 0)
    assert await sides.told() == {}


async def test_another_database_is_compared_from_its_beginning(sides: Sides, database: DatabaseFactory) -> None:
    entries = chains(10, 5)
    await sides.both(entries)
    await sides.look()
    urls = await database("nomination")
    async with pool_of(urls.login_url) as pool, serving(service_app(pool)) as url:
        fresh = Store(urls.owner_url, pool, True)
        await fresh.take(entries[:20])
        await sides.audit.pool.execute("update feeds set epoch = 9")
        sides.feed.url = url
        await sides.look()
        row = await sides.audit.pool.fetchrow("select epoch from feeds")
        assert row is not None
        assert row["epoch"] < 9
        assert {place for kind, place in await sides.told() if kind != "missing-in-feed"} == set()


# --- topics ----------------------------------------------------------------------------------------------------------


async def test_a_topic_that_no_longer_begins_at_0_or_is_gone_raises_an_alarm(
    sides: Sides, make_topic: TopicFactory, kafka_bootstrap: str
) -> None:
    topic = await make_topic("events", 2)
    broker = Broker(kafka_bootstrap, "test")
    try:
        for number in range(3):
            await produce(broker, topic, Record(b"k", b"%d" % number, []), partition=1)
        topics = Topics([topic, "no-such-topic"], [topic], broker, sides.audit.pool, sides.alarms)
        await topics.look()
        assert set(await sides.told()) == {("topic-gone", "no-such-topic")}
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap)
        await admin.start()
        await admin.delete_records({TopicPartition(topic, 1): RecordsToDelete(before_offset=2)})
        await admin.close()
        topics.names = [topic]
        await topics.look()
        ((place, alarm),) = (await sides.told()).items()
        assert place == ("topic-begins", f"{topic}/1")
        assert alarm.said == "it begins at offset 2"
        assert topics.begins == {topic: 2}
    finally:
        await broker.close()


async def test_how_far_a_topic_was_read_is_an_instant_before_its_end_was_looked_up(
    sides: Sides, make_topic: TopicFactory, kafka_bootstrap: str
) -> None:
    topic = await make_topic("events", 1)
    broker = Broker(kafka_bootstrap, "test")
    try:
        await produce(broker, topic, Record(b"k", b"v", []), partition=0)
        topics = Topics([topic], [topic], broker, sides.audit.pool, sides.alarms)
        begun = datetime.now(UTC)
        await topics.look()
        await topics.look()
        assert topics.read_up_to == {}, "nothing was received yet"
        await sides.audit.pool.execute(
            "insert into received (topic, partition, next_offset, cluster) values ($1, 0, 1, 'c')", topic
        )
        await topics.look()
        assert begun <= topics.read_up_to[topic] <= datetime.now(UTC)
    finally:
        await broker.close()


async def test_forks_broken_chains_and_strangers_in_a_topic_are_alarms_before_they_are_passed(
    database: DatabaseFactory, make_topic: TopicFactory, topic_prefix: str, kafka_bootstrap: str
) -> None:
    topic = await make_topic(NOMINATION, 1)
    await make_topic(NOMINATION + ".dead-letter", 1)
    urls = await database("audit")
    broker = Broker(kafka_bootstrap, "test")
    async with pool_of(urls.login_url) as pool:
        alarms = Alarms(pool)
        chain, other = Chain("nomination/one"), Chain("nomination/two")
        fork, first = chain.fork(data={"number": 9}), chain.next()
        astray = Chain("nomination/three")
        astray.next()
        wrong = astray.next(prevhash="0" * 64)
        begin = Chain("nomination/three").next()
        for record in (record_of(first), record_of(fork), record_of(other.next()), record_of(begin), record_of(wrong)):
            await produce(broker, topic, record, partition=0)
        await produce(broker, topic, Record(b"nobody", b"no event", []), partition=0)
        receiver = Receiver(
            wire_for("audit", topic_prefix), (topic,), pool, broker, SystemClock(), Wake(),
            DeliveryMeasures(CollectorRegistry()), group=topic_prefix + "group", look=0.05, odd=odd(alarms),
        )  # fmt: skip
        task = asyncio.create_task(receiver.run())
        try:

            async def told() -> set[tuple[str, str]] | None:
                found = {(one.kind, one.place) for one in await alarms.before(NEWEST, 100, ended=False)}
                return found if len(found) >= 3 else None

            assert await until(told) == {
                ("fork", "nomination/one@1"),
                ("chain", f"{topic}/0/4"),
                ("stranger", f"{topic}/0/5"),
            }
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await broker.close()


async def test_a_gap_is_told_after_half_a_minute_and_ends_with_its_event(sides: Sides) -> None:
    chain = Chain("nomination/one")
    first = chain.next()
    log = Log(lambda: None, ORIGIN, sides.audit.pool, sides.alarms)
    await sides.audit.pool.execute(
        "insert into held (stream, version, topic, partition, topic_offset, document) values ($1, 2, 't', 0, 0, '{}')",
        chain.stream,
    )
    await log.look()
    assert await sides.told() == {}
    owner = await asyncpg.connect(sides.audit.owner_url)
    await owner.execute("update held set since = since - interval '31 s'")
    await owner.close()
    await log.look()
    assert set(await sides.told()) == {("gap", chain.stream)}
    await sides.audit.take([first])
    await log.look()
    assert await sides.told() == {}


async def test_a_log_that_stands_or_waits_is_told(sides: Sides) -> None:
    sequencer: Any = SimpleNamespace(stands="leaf 3 is another", awaits="season/2021@2")
    await Log(lambda: sequencer, ORIGIN, sides.audit.pool, sides.alarms).look()
    assert set(await sides.told()) == {("log-stands", ORIGIN), ("log-waits", ORIGIN)}


# --- tree and signers -------------------------------------------------------------------------------------------------


@pytest_asyncio.fixture
async def log(
    database: DatabaseFactory, make_topic: TopicFactory, kafka_bootstrap: str, tmp_path: Path
) -> AsyncIterator[tuple[LogUnderTest, Store]]:
    sequencer = note_key(tmp_path / "keys" / "sequencer.key", f"{ORIGIN}/sequencer")
    urls = await database("audit")
    broker = Broker(kafka_bootstrap, "test")
    app = create_app(signer_settings(tmp_path / "signer", sequencer.verifier))
    async with pool_of(urls.login_url) as pool, serving(app) as url:
        vkeys = [note_key(tmp_path / "signer" / "one.key", ORIGIN).verifier]
        topic = await make_topic("log")
        yield (
            LogUnderTest(pool, urls.login_url, broker, topic, tmp_path / "keys", url, vkeys),
            Store(urls.owner_url, pool, False),
        )
        await broker.close()


async def sequenced(log: LogUnderTest, count: int) -> None:
    await log.receive(chains(count // 10, 10))
    async with running(log.sequencer()):

        async def signed() -> bool:
            found = await log.signed()
            return found is not None and found.size == count

        await until(signed)


_EVENT = "where stream = 'nomination/0007' and version = 4"
_HASHES = "update log_tiles set hashes = sha256('x') || substring(hashes from 33) where level"
TAMPERED = {
    "an event's data": f"update events set document = replace(document, '\"number\":4', '\"number\":5') {_EVENT}",
    "an event's envelope": f'update events set document = replace(document, \'"id":"\', \'"id":"f\') {_EVENT}',
    "an event's hash": f"update events set hash = sha256('x') {_EVENT}",
    "an event": f"delete from events {_EVENT}",
    "a tile": f"{_HASHES} = 0 and number = 2",
    "a tile above": f"{_HASHES} = 1",
}


@pytest.mark.parametrize("what", TAMPERED)
async def test_what_is_changed_in_the_audits_own_database_is_found(log: tuple[LogUnderTest, Store], what: str) -> None:
    under_test, store = log
    await sequenced(under_test, 1000)
    alarms = Alarms(under_test.pool)
    tree = Tree(under_test.store, under_test.pool, alarms)
    await tree.look()
    assert (tree.compared, tree.rounds) == (1000, 1)
    assert await alarms.before(NEWEST, 10, ended=True) == []
    owner = await asyncpg.connect(store.owner_url)
    try:
        for table in ("events", "log_tiles"):
            await owner.execute(f"alter table {table} disable trigger user")
        assert (await owner.execute(TAMPERED[what])).split()[-1] != "0"
    finally:
        await owner.close()
    await tree.look()
    assert "tree-differs" in {one.kind for one in await alarms.before(NEWEST, 10, ended=False)}


async def test_a_signer_that_is_away_and_a_checkpoint_that_is_old_are_told_and_end(
    log: tuple[LogUnderTest, Store],
) -> None:
    under_test, _ = log
    alarms = Alarms(under_test.pool)
    sequencer = under_test.sequencer(witnesses=[Asked("http://127.0.0.1:1", ())])
    signing = sequencer.signing
    signing.signer.url, good = "http://127.0.0.1:1", signing.signer.url
    signers = Signers(under_test.store, signing, alarms, promised=timedelta(0))
    await signers.look()
    assert {one.kind for one in await alarms.before(NEWEST, 10, ended=False)} == {"signer-away", "witness-away"}
    async with running(sequencer):
        await under_test.receive(chains(3, 2))

        async def waits() -> bool:
            return (await under_test.store.end()).size == 6

        await until(waits)
        await signers.look()
        await signers.look()
        standing = {one.kind: one for one in await alarms.before(NEWEST, 10, ended=False)}
        assert set(standing) == {"signer-away", "witness-away", "checkpoint-old"}
        assert standing["checkpoint-old"].said.startswith("6 events")
        signing.signer.url = good

        async def settled() -> bool:
            await signers.look()
            return {one.kind for one in await alarms.before(NEWEST, 10, ended=False)} == {"witness-away"}

        await until(settled)
    await signers.close()


# --- what is told ----------------------------------------------------------------------------------------------------


@pytest_asyncio.fixture
async def api(database: DatabaseFactory, tmp_path: Path) -> AsyncIterator[tuple[Alarms, httpx.AsyncClient, Store]]:
    urls = await database("audit")
    service = create_service(AuditSettings.load(database_url=urls.login_url, keys=tmp_path / "keys", embedded=True))
    service.app.state.verifier = VERIFIER
    async with serving(service.app) as url, httpx.AsyncClient(base_url=url, trust_env=False) as client:
        yield Alarms(service.pool), client, Store(urls.owner_url, service.pool, False)


def headers(role: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(Grant.of(role), person=str(UUID(int=7)))}", "Idempotency-Key": "one"}


async def test_alarms_are_listed_with_what_to_do_and_answered_for_by_operators(api: Any) -> None:
    alarms, client, _ = api
    await alarms.found("fork", {f"nomination/{number}@1": "another" for number in range(3)})
    await alarms.stand("late", {"scoring": "12 events"})
    listed = (await client.get("/v1/alarms?limit=3", headers=headers("operator"))).json()
    rest = (await client.get(f"/v1/alarms?cursor={listed['next']}", headers=headers("auditor"))).json()
    found = {one["where"]: one for one in listed["items"] + rest["items"]}
    assert list(found) == ["scoring", "nomination/2@1", "nomination/1@1", "nomination/0@1"]
    assert found["scoring"]["ends_by_itself"] is True
    assert all(one["what"].keys() == {"en", "id"} == one["do"].keys() for one in found.values())
    path = f"/v1/alarms/{found['nomination/1@1']['alarm']}/acknowledge"
    assert (await client.post(path, json={"reason": "x"}, headers=headers("auditor"))).status_code == 403
    answered = (await client.post(path, json={"reason": "a test"}, headers=headers("operator"))).json()
    assert answered["acknowledged"]["by"] == str(UUID(int=7))
    assert (await client.get("/v1/status", headers=headers("operator"))).json()["alarms"] == 3
    late = f"/v1/alarms/{found['scoring']['alarm']}/acknowledge"
    answered = (await client.post(late, json={"reason": "known"}, headers=headers("operator"))).json()
    assert answered["ended"] is None, "it ends when it is no longer so"
    assert (await client.get("/v1/status", headers=headers("operator"))).json()["alarms"] == 2
    await alarms.stand("late", {})
    await alarms.stand("late", {"scoring": "3 events"})
    assert (await client.get("/v1/status", headers=headers("operator"))).json()["alarms"] == 3, "it is so again"
    missing = await client.post("/v1/alarms/99/acknowledge", json={"reason": "x"}, headers=headers("operator"))
    assert missing.status_code == 404


async def test_no_more_alarms_of_a_kind_are_kept_than_anybody_reads(api: Any) -> None:
    alarms, _, _ = api
    for start in range(0, 3000, 500):
        await alarms.found("stranger", {f"t/0/{number}": "x" for number in range(start, start + 500)})
    assert (await alarms.standing())["stranger"] <= 1499


def test_every_kind_says_what_and_what_to_do_in_both_languages() -> None:
    for kind in KINDS.values():
        for text in (kind.what, kind.do):
            assert text.en
            assert text.id
            assert text.en != text.id


async def test_reads_and_refusals_are_listed_by_filters_in_pages(api: Any) -> None:
    _, client, store = api

    async def listed(path: str) -> list[dict[str, Any]]:
        found, cursor = [], ""
        while True:
            page = (await client.get(f"{path}{cursor}", headers=headers("auditor"))).json()
            found += page["items"]
            if page["next"] is None:
                return found
            cursor = f"&cursor={page['next']}"

    log = read_log()
    for stream, documents in log.documents.items():
        await store.take(
            Entry(stream, version, doc["id"], doc["type"], bytes.fromhex(document_hash(text) or ""), text)
            for version, (text, doc) in enumerate(((text, orjson.loads(text)) for text in documents), 1)
        )
    for name, (query, expected) in LISTS.items():
        found = await listed(f"/v1/{query}&limit=1")
        assert [one["event"] for one in found] == expected, name
    (first, *_) = await listed("/v1/reads?season=2020")
    assert (first["saw"], first["office"], first["member_office"]) == ("sheet", "auditor", "kepala-bps")
    for path in ("/v1/reads", "/v1/refusals"):
        assert (await client.get(path, headers=headers("operator"))).status_code == 403
