"""What publishers try: the dry run, the sandbox and a file, on a real ledger and broker; only the file counts."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import pytest_asyncio
from aiokafka import TopicPartition
from prometheus_client import CollectorRegistry

from kernel.broker import Broker, Record
from kernel.clock import SystemClock
from kernel.sql import columns
from kernel.tokens import Grant
from schemas.topics import CONTRIBUTIONS, COVERAGE, SANDBOX
from services.scoring import sandbox as sandbox_room
from services.scoring.sandbox import Sandbox, SandboxMeasures, Verdict, judge
from tests.conftest import TopicFactory
from tests.integration.test_facts_over_http import (
    DAY,
    NPP,
    Ledger,
    Said,
    correction,
    ledger,
    operator,
    publisher,
    reversal,
)
from tests.integration.test_scoring import Caller, measures, world
from tests.support.delivery import produce_in_transaction, produce_undecodable, until
from tests.support.facts import due, message, paid, publish, registered
from tests.support.whole import Whole, whole_system
from tests.unit.cli.fake_stack import run
from tests.unit.scoring.given import an_id

__all__ = ["ledger", "measures", "world"]  # fixtures

WORKERS = dict.fromkeys(
    ("wage_workers_covered", "wage_workers_total", "non_wage_workers_covered", "non_wage_workers_total"), 1
)


def sent(record: Record, topic: str = CONTRIBUTIONS) -> dict[str, Any]:
    """A record as the dry run is told of it."""
    assert record.value is not None
    headers = {name: None if said is None else said.decode() for name, said in record.headers}
    key = None if record.key is None else record.key.decode()
    return {"topic": topic, "key": key, "headers": headers, "value": record.value.decode()}


# --- the dry run ---------------------------------------------------------------------------------------------------


async def state_of_database(ledger: Ledger) -> list[tuple[Any, ...]]:
    pool = ledger.world.service.pool
    tables = ("events", "facts", "refused_facts", "places")
    return [(each, await pool.fetchval(f"select count(*) from {each}")) for each in tables]


async def test_a_dry_run_says_what_would_become_of_a_message_and_writes_nothing(ledger: Ledger) -> None:
    mine = publisher(ledger.world)
    known = paid(NPP, "2021-03", 100, "2021-04-10", id_="p-1", reference="B")
    await ledger.takes(registered(NPP), known)
    before = await state_of_database(ledger)

    async def asks(record: Record) -> tuple[str, str, str | None]:
        told = await mine.does("POST", "/v1/facts/check", sent(record))
        assert told["accepted"], told
        return told["status"], told["state"], told["waits_for"]

    assert await asks(due(NPP, "2021-03", 300)) == ("new", "counted", None)
    assert await asks(known) == ("duplicate", "counted", None)
    again = paid(NPP, "2021-03", 100, "2021-04-11", id_="p-2", reference="B", time="2021-04-20T04:00:00Z")
    assert await asks(again) == ("new", "duplicate-payment", None)
    assert await asks(due("NPP-9", "2021-03", 300)) == ("waiting", "waiting", "registration")
    assert await asks(registered("NPP-9")) == ("new", "counted", None)
    assert await asks(correction("c-7", "p-7")) == ("waiting", "waiting", "target")
    assert await asks(correction("c-1", "p-1", amount=90)) == ("new", "counted", None)
    assert await asks(correction("c-2", "p-1", employer="NPP-9")) == ("waiting", "waiting", "registration")
    assert await state_of_database(ledger) == before


async def test_a_dry_run_tells_the_fact_that_it_understood(ledger: Ledger) -> None:
    fixed = correction("c-1", "p-1", amount=90)
    told = await publisher(ledger.world).does("POST", "/v1/facts/check", sent(fixed))
    document = told["fact"].pop("document")
    assert told["fact"] == {
        "publisher": "sipp", "id": "c-1", "type": "ContributionCorrected", "subject": NPP, "month": "2021-03",
        "target": "p-1",
    }  # fmt: skip
    assert document["data"]["amount"] == 90
    structured = message("ContributionDue", "d-1", {"employer": NPP, "month": "2021-03", "amount": 5}, structured=True)
    assert (await publisher(ledger.world).does("POST", "/v1/facts/check", sent(structured)))["status"] == "waiting"


async def test_a_dry_run_says_the_fault_as_ingest_would(ledger: Ledger) -> None:
    mine = publisher(ledger.world)
    await ledger.takes(registered(NPP), paid(NPP, "2021-03", 100, "2021-04-10", id_="p-1"))
    told = await mine.does("POST", "/v1/facts/check", sent(paid(NPP, "2021-03", -5, "2021-04-10", id_="bad")))
    assert told["accepted"] is False
    assert [told["fault"][name] for name in ("reason", "field", "value")] == ["wrong-field", "data.amount", "-5"]
    assert told["fault"]["detail"]["id"].startswith("tulis rupiah bulat")
    other = await mine.does("POST", "/v1/facts/check", sent(paid(NPP, "2021-03", 101, "2021-04-10", id_="p-1")))
    assert (other["accepted"], other["status"], other["fault"]["reason"]) == (False, "used-id", "used-id")
    assert other["fact"]["id"] == "p-1"
    bare: dict[str, Any] = {"topic": CONTRIBUTIONS, "key": None, "headers": {}}
    assert (await mine.does("POST", "/v1/facts/check", bare))["fault"]["reason"] == "empty"
    large = bare | {"value": "x" * 70_000}
    assert (await mine.does("POST", "/v1/facts/check", large))["fault"]["reason"] == "too-large"
    noise = bare | {"headers": {"content-type": "application/cloudevents+json"}}
    raw = base64.b64encode(b"\xff\x00{").decode()
    assert (await mine.does("POST", "/v1/facts/check", noise | {"value_base64": raw}))["fault"]["reason"] == "not-json"


@pytest.mark.parametrize(
    "wrong",
    [
        {"topic": "bpjs.contributions.v1.sandbox"}, {"topic": "paritrana.scoring.v1"}, {"key": ""}, {"headers": []},
        {"headers": {"content-type": 5}}, {"value_base64": "e30="}, {"value": None, "value_base64": "?"}, {"more": 1},
        {"headers": {f"h{number}": "x" for number in range(101)}}, {"value": "x" * 200_000},
    ],
)  # fmt: skip
async def test_a_malformed_dry_run_is_a_problem(ledger: Ledger, wrong: dict[str, Any]) -> None:
    body = sent(due(NPP, "2021-03", 300)) | wrong
    assert (await publisher(ledger.world).fails(422, "invalid-request", "POST", "/v1/facts/check", body))["errors"]


async def test_a_dry_run_is_for_the_topic_s_publisher_and_operators(ledger: Ledger) -> None:
    world, body = ledger.world, sent(due(NPP, "2021-03", 300))
    assert (await operator(world).does("POST", "/v1/facts/check", body))["accepted"]
    await publisher(world, "bpjs.coverage").fails(403, "forbidden", "POST", "/v1/facts/check", body)
    await world.auditor.fails(403, "forbidden", "POST", "/v1/facts/check", body)
    await world.person(an_id("x")).fails(403, "forbidden", "POST", "/v1/facts/check", body)
    covered = message("CoverageReported", "c-1", WORKERS | {"region": "75.71", "as_of": "2021-01-01"})
    told = await publisher(world, "bpjs.coverage").does("POST", "/v1/facts/check", sent(covered, COVERAGE))
    assert (told["status"], told["fact"]["subject"]) == ("new", "75.71")


async def test_many_messages_are_asked_about_at_once_and_each_costs_only_itself(ledger: Ledger) -> None:
    world = ledger.world
    known = paid(NPP, "2021-03", 100, "2021-04-10", id_="p-1", reference="B")
    await ledger.takes(registered(NPP), known)
    before = await state_of_database(ledger)
    covered = message("CoverageReported", "c-1", WORKERS | {"region": "75.71", "as_of": "2021-01-01"})
    records = [
        known, paid(NPP, "2021-03", 101, "2021-04-10", id_="p-1"), paid(NPP, "2021-03", -5, "2021-04-10", id_="bad"),
        due(NPP, "2021-03", 300), due("NPP-9", "2021-03", 300), correction("c-1", "p-1", amount=90),
        correction("c-2", "p-1", employer="NPP-9"),
    ]  # fmt: skip
    body = {"messages": [*(sent(record) for record in records), sent(covered, COVERAGE)]}
    told = (await publisher(world).does("POST", "/v1/facts/checks", body))["verdicts"]
    assert [(one["accepted"], one.get("status"), one.get("state")) for one in told] == [
        (True, "duplicate", "counted"), (False, "used-id", None), (False, None, None), (True, "new", "counted"),
        (True, "waiting", "waiting"), (True, "new", "counted"), (True, "waiting", "waiting"),
        (False, "forbidden", None),
    ]  # fmt: skip
    assert [one.get("address") is not None for one in told] == [True, *[False] * 7]
    assert told[7]["fault"]["detail"] == {
        "en": f"You do not publish to {COVERAGE}.", "id": f"Anda bukan penerbit {COVERAGE}.",
    }  # fmt: skip
    for record, one in zip(records, told, strict=False):
        assert await publisher(world).does("POST", "/v1/facts/check", sent(record)) == one
    assert await state_of_database(ledger) == before


async def test_a_dry_run_says_what_waits_for_ever(ledger: Ledger) -> None:
    mine = publisher(ledger.world)
    await ledger.takes(
        registered(NPP), paid(NPP, "2021-03", 100, "2021-04-10", id_="p-1"), correction("c-1", "p-1", amount=90),
        reversal("r-1", "p-1"), paid(NPP, "2021-03", 100, "2021-04-10", id_="p-8", publisher="another"),
    )  # fmt: skip

    async def asks(record: Record) -> tuple[str | None, str | None]:
        told = await mine.does("POST", "/v1/facts/check", sent(record))
        vain = told["in_vain"]
        assert vain is None or vain["en"] != vain["id"]
        return told["waits_for"], vain and vain["en"]

    assert await asks(correction("c-2", "p-7")) == ("target", None)
    first = "name the due or payment that was said first, p-1"
    assert await asks(correction("c-2", "c-1")) == ("target", f"c-1 is a correction: {first}")
    assert await asks(reversal("r-2", "r-1")) == ("target", f"r-1 is a reversal: {first}")
    assert (await asks(correction("c-2", f"reg-{NPP}")))[1] == (
        f"reg-{NPP} is EmployerRegistered: name a due or a payment; a report gets a higher revision instead"
    )
    assert (await asks(reversal("r-2", "p-8")))[1] == (
        "p-8 is of another source, /bpjs/another: only that one may correct or reverse it"
    )


async def test_a_dry_run_holds_ids_apart_by_topic(ledger: Ledger) -> None:
    covered = WORKERS | {"region": "75.71", "as_of": "2021-03-31"}
    mine = publisher(ledger.world)
    await ledger.takes(message("CoverageReported", "x", covered), place=TopicPartition(COVERAGE, 0))
    await ledger.takes(registered(NPP))
    owed = due(NPP, "2021-03", 300, id_="x")
    told = await mine.does("POST", "/v1/facts/check", sent(owed))
    assert (told["status"], told["state"], told["address"]) == ("new", "counted", None)
    waiting = await mine.does("POST", "/v1/facts/check", sent(correction("c-x", "x", amount=5)))
    assert (waiting["waits_for"], waiting["in_vain"]) == ("target", None), "a due of this id may still come"
    await ledger.takes(owed)
    told = await mine.does("POST", "/v1/facts/check", sent(owed))
    assert (told["status"], told["address"].partition("/")[0]) == ("duplicate", CONTRIBUTIONS)
    of_region = publisher(ledger.world, COVERAGE)
    known = await of_region.does("POST", "/v1/facts/check", sent(message("CoverageReported", "x", covered), COVERAGE))
    assert (known["status"], known["address"].partition("/")[0]) == ("duplicate", COVERAGE)
    changed = message("CoverageReported", "x", covered | {"region": "75.03"})
    assert (await of_region.does("POST", "/v1/facts/check", sent(changed, COVERAGE)))["status"] == "used-id"


async def test_who_is_to_send_publishes_to_the_topic(ledger: Ledger) -> None:
    world, body = ledger.world, {"messages": [sent(due(NPP, "2021-03", 300))]}
    sending = body | {"sending": True}

    async def asks(caller: Caller, said: dict[str, Any]) -> bool:
        return bool((await caller.does("POST", "/v1/facts/checks", said))["verdicts"][0]["accepted"])

    assert [await asks(operator(world), each) for each in (body, sending)] == [True, False]
    assert await asks(publisher(world), sending)
    assert not await asks(publisher(world, "bpjs.coverage"), sending)
    await world.auditor.fails(403, "forbidden", "POST", "/v1/facts/checks", body)
    for wrong in ([], body["messages"] * 201, [{"topic": CONTRIBUTIONS}]):
        await publisher(world).fails(422, "invalid-request", "POST", "/v1/facts/checks", {"messages": wrong})


# --- the sandbox ---------------------------------------------------------------------------------------------------

TRIED = f"{CONTRIBUTIONS}{SANDBOX}"


@pytest_asyncio.fixture
async def tried(make_topic: TopicFactory) -> str:
    return await make_topic(TRIED, 2)


@asynccontextmanager
async def judging(servers: str, pool: Any, topic: str, prefix: str, group: str = "sandbox") -> AsyncIterator[Sandbox]:
    """Run one consumer of the sandbox, in short turns."""
    broker = Broker(servers, "test-sandbox")
    measures = SandboxMeasures(CollectorRegistry())
    sandbox = Sandbox(pool, broker, SystemClock(), measures, (topic,), f"{prefix}{group}", prefix)
    task = asyncio.create_task(sandbox.run())
    try:
        yield sandbox
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await broker.close()


def until_judged(pool: Any, count: int) -> Awaitable[Any]:
    async def judged() -> bool:
        return int(await pool.fetchval("select count(*) from sandbox_verdicts")) >= count

    return until(judged)


async def test_the_sandbox_judges_as_ingest_does_and_leaves_nothing_behind(
    ledger: Ledger, kafka_bootstrap: str, tried: str, topic_prefix: str
) -> None:
    pool = ledger.world.service.pool
    before = await state_of_database(ledger)
    good, bad = due(NPP, "2021-03", 300, id_="good"), paid(NPP, "2021-03", -5, "2021-04-10", id_="bad")
    await publish(kafka_bootstrap, tried, [good, bad, good._replace(value=None)], partitions=2)
    await produce_undecodable(Broker(kafka_bootstrap, "test"), tried, 0)
    await produce_undecodable(Broker(kafka_bootstrap, "test"), tried, 1)
    await publish(kafka_bootstrap, tried, [due(f"NPP-{number}", "2021-03", 1) for number in range(20)], partitions=2)
    async with judging(kafka_bootstrap, pool, tried, topic_prefix):
        await until_judged(pool, 25)
    rows = await pool.fetch("select coalesce(reason, 'accepted') as said, count(*) from sandbox_verdicts group by 1")
    assert {row["said"]: row["count"] for row in rows} == {
        "accepted": 21, "wrong-field": 1, "empty": 1, "undecodable": 2,
    }  # fmt: skip
    kept = await pool.fetch("select topic, partition, kafka_offset from sandbox_verdicts order by 1, 2, 3")
    # A group that noted nothing reads all of it again.
    async with judging(kafka_bootstrap, pool, tried, topic_prefix, "another") as again:
        await until(_took(again, 25))
    assert await pool.fetch("select topic, partition, kafka_offset from sandbox_verdicts order by 1, 2, 3") == kept
    assert await state_of_database(ledger) == before


async def test_the_sandbox_judges_what_was_committed_alone(
    ledger: Ledger, kafka_bootstrap: str, tried: str, topic_prefix: str
) -> None:
    for said, commit in (("back", False), ("for-good", True)):
        await produce_in_transaction(
            kafka_bootstrap, tried, [due(NPP, "2021-03", 300, id_=f"taken-{said}")], commit=commit
        )
    async with judging(kafka_bootstrap, ledger.world.service.pool, tried, topic_prefix):
        await until_judged(ledger.world.service.pool, 1)
    rows = await ledger.world.service.pool.fetch("select id from sandbox_verdicts")
    assert [row["id"] for row in rows] == ["taken-for-good"]


def _took(sandbox: Sandbox, count: int) -> Callable[[], Awaitable[bool]]:
    async def took() -> bool:
        (family,) = sandbox.measures.taken.collect()
        return sum(each.value for each in family.samples if each.name.endswith("_total")) >= count

    return took


async def test_a_sandbox_that_fails_pauses_and_stops_nothing(
    ledger: Ledger, kafka_bootstrap: str, tried: str, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = ledger.world.service.pool
    await publish(kafka_bootstrap, tried, [due(NPP, "2021-03", 300)], partitions=2)
    statement = sandbox_room.SQL["keep"]
    monkeypatch.setitem(sandbox_room.SQL, "keep", "select nothing from nowhere")
    async with judging(kafka_bootstrap, pool, tried, topic_prefix) as sandbox:

        async def failed() -> bool:
            (family,) = sandbox.measures.failures.collect()
            return any(each.value > 0 for each in family.samples)

        await until(failed)
        monkeypatch.setitem(sandbox_room.SQL, "keep", statement)
        await until_judged(pool, 1)


def verdict(
    offset: int, publisher: str = "sipp", *, partition: int = 0, amount: int = 5, topic: str = TRIED
) -> Verdict:
    record = paid(NPP, "2021-03", amount, "2021-04-10", id_=f"t-{offset}", publisher=publisher)
    return judge(Said(topic, partition, offset, record.key, record.value, record.headers), CONTRIBUTIONS, DAY)


async def keeps(ledger: Ledger, *verdicts: Verdict, at: datetime = DAY) -> None:
    await ledger.world.service.pool.execute(sandbox_room.SQL["keep"], *columns([each.row(at) for each in verdicts]))


async def test_the_sandbox_keeps_some_days_and_a_bounded_number(ledger: Ledger, kafka_bootstrap: str) -> None:
    world = ledger.world
    pool = world.service.pool
    sandbox = Sandbox(
        pool, Broker(kafka_bootstrap, "test"), world.clock, SandboxMeasures(CollectorRegistry()),
        most_of_a_publisher=3, most_of_all=7,
    )  # fmt: skip
    await keeps(ledger, *(verdict(number) for number in range(5)), at=DAY - timedelta(days=7, seconds=1))
    await sandbox.tidy()
    assert await pool.fetchval("select count(*) from sandbox_verdicts") == 0
    await keeps(ledger, *(verdict(number) for number in range(5)), at=DAY - timedelta(hours=1))
    sandbox._uncounted = 10_000
    await sandbox.tidy()
    rows = await pool.fetch("select kafka_offset from sandbox_verdicts order by 1")
    assert [row["kafka_offset"] for row in rows] == [2, 3, 4]
    await keeps(ledger, *(verdict(10 + number, f"other-{number}") for number in range(6)))
    sandbox._uncounted = 10_000
    await sandbox.tidy()
    rows = await pool.fetch("select kafka_offset from sandbox_verdicts order by 1")
    assert [row["kafka_offset"] for row in rows] == [4, 10, 11, 12, 13, 14, 15]


async def test_what_the_sandbox_said_is_read_by_name_and_as_a_list(ledger: Ledger) -> None:
    world = ledger.world
    mine, other, operates = publisher(world), publisher(world, "bpjs.coverage"), operator(world)
    await mine.fails(404, "not-found", "GET", "/v1/facts/sandbox/sipp/t-1")
    await keeps(ledger, verdict(1, amount=-5), verdict(2))
    await keeps(ledger, verdict(1, partition=1), verdict(3, "another"), at=DAY + timedelta(seconds=1))
    told = await mine.does("GET", "/v1/facts/sandbox/sipp/t-1")
    assert (told["publisher"], told["id"], told["accepted"]) == ("sipp", "t-1", True)
    newest, first = told["verdicts"]
    assert newest["address"] == f"{TRIED}/1/1"
    assert newest["fact"]["document"]["data"]["amount"] == 5
    assert (newest["fact"]["type"], newest["fact"]["month"]) == ("ContributionPaid", "2021-03")
    assert (first["accepted"], first["fault"]["field"], first["fault"]["value"]) == (False, "data.amount", "-5")
    page = await mine.does("GET", "/v1/facts/sandbox?limit=3")
    rest = await mine.does("GET", f"/v1/facts/sandbox?{urlencode({'limit': 3, 'cursor': page['next']})}")
    assert [one["address"] for one in (*page["items"], *rest["items"])] == [
        f"{TRIED}/1/1", f"{TRIED}/0/3", f"{TRIED}/0/2", f"{TRIED}/0/1",
    ]  # fmt: skip
    assert rest["next"] is None
    assert [one["id"] for one in (await mine.does("GET", "/v1/facts/sandbox?publisher=another"))["items"]] == ["t-3"]
    assert (await other.does("GET", "/v1/facts/sandbox"))["items"] == []
    await other.fails(404, "not-found", "GET", "/v1/facts/sandbox/sipp/t-1")
    seen = (await operates.does("GET", "/v1/facts/sandbox/sipp/t-2"))["verdicts"]
    assert "document" not in seen[0]["fact"], "counts, no content"


# --- the command ---------------------------------------------------------------------------------------------------


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def whole() -> AsyncIterator[Whole]:
    """Everything runs, and it is May 2021."""
    async with whole_system(datetime(2021, 5, 1, 3, tzinfo=UTC)) as system:
        yield system


def event(record: Record) -> dict[str, Any]:
    """A fact in structured mode."""
    said = {name.removeprefix("ce_"): (value or b"").decode() for name, value in record.headers}
    said.pop("content-type")
    return said | {"data": json.loads(record.value or b"")}


async def publishes(
    whole: Whole, folder: Path, monkeypatch: pytest.MonkeyPatch, *events: dict[str, Any], options: Sequence[str] = ()
) -> tuple[int, dict[str, Any]]:
    """Publish a file as the publisher of contributions and coverage; return the exit code and what was told."""
    file = folder / "facts.jsonl"
    file.write_text("".join(json.dumps(each) + "\n" for each in events))
    scopes = [Grant.of("publisher", publisher=each) for each in ("bpjs.contributions", "bpjs.coverage")]
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", whole.stack.bootstrap_servers)
    monkeypatch.setenv("PARITRANA_SCORING_URL", whole.url("scoring"))
    monkeypatch.setenv("PARITRANA_TOKEN", whole.token(*scopes))
    result = await asyncio.to_thread(run, "facts", "publish", str(file), "--json", *options)
    assert result.stdout, result.exception
    return result.exit_code, json.loads(result.stdout)


def statuses(told: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["id"], one["status"]) for one in told["facts"]]


@pytest.mark.asyncio(loop_scope="module")
async def test_a_file_is_tried_published_and_followed(
    whole: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def publish(*events: dict[str, Any], options: Sequence[str] = ()) -> Awaitable[tuple[int, dict[str, Any]]]:
        return publishes(whole, tmp_path, monkeypatch, *events, options=options)

    known, owed, orphan = (
        event(registered("NPP-1")),
        event(due("NPP-1", "2021-03", 300)),
        event(correction("c", "none")),
    )
    region = event(message("CoverageReported", "cov-1", WORKERS | {"region": "75.71", "as_of": "2021-01-01"}))
    code, told = await publish(known, owed, orphan, region, options=["--dry-run"])
    assert (code, statuses(told)) == (
        0, [("reg-NPP-1", "new"), ("due-NPP-1-2021-03", "waiting"), ("c", "waiting"), ("cov-1", "new")],
    )  # fmt: skip
    assert await whole.rows("scoring", "select from facts") == []
    code, told = await publish(known, owed, orphan, region)
    assert (code, statuses(told)) == (
        0, [("reg-NPP-1", "applied"), ("due-NPP-1-2021-03", "applied"), ("c", "waiting"), ("cov-1", "applied")],
    )  # fmt: skip
    again = event(due("NPP-1", "2021-03", 301))
    code, told = await publish(known, again)
    assert (code, statuses(told)) == (1, [("due-NPP-1-2021-03", "refused")]), "nothing was sent"
    assert told["facts"][0]["fault"]["reason"] == "used-id"
    code, told = await publish(known, again, options=["--skip-wrong"])
    assert (code, statuses(told)) == (1, [("reg-NPP-1", "duplicate"), ("due-NPP-1-2021-03", "refused")])
    assert [one["address"] is None for one in told["facts"]] == [False, True]
    code, told = await publish(known, again, options=["--sandbox"])
    assert (code, statuses(told)) == (0, [("reg-NPP-1", "accepted"), ("due-NPP-1-2021-03", "accepted")])
    assert {one["address"].split("/")[0] for one in told["facts"]} == {TRIED}
    assert [row["count"] for row in await whole.rows("scoring", "select count(*) from facts")] == [4]
    await whole.all_ready()
