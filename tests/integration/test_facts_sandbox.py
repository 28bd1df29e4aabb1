"""What publishers try: the dry run of a message over HTTP, against a real ledger that it leaves as it is."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from kernel.broker import Record
from kernel.tokens import Grant
from schemas.topics import CONTRIBUTIONS, COVERAGE
from tests.integration.test_facts_over_http import NPP, Ledger, correction, ledger, operator, publisher
from tests.integration.test_scoring import measures, world
from tests.support.facts import due, message, paid, registered
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
    assert (code, statuses(told)) == (1, [("reg-NPP-1", "duplicate"), ("due-NPP-1-2021-03", "refused")])
    assert told["facts"][1]["fault"]["reason"] == "used-id"
    assert await whole.unready() == {}
