"""From a publisher's message to a nominee's place: facts over the broker, measured, ranked, sealed, corrected."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from fractions import Fraction
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from kernel.broker import Record
from kernel.tokens import Grant
from schemas.nomination import NominationAmended, RulebookAmended
from schemas.rulebook import Measure, Rulebook, rulebook_content, rulebook_hash
from services.scoring.domain.indicator import indicator_stream
from services.scoring.domain.measure import ledger_fact, measured
from tests.conftest import TopicFactory
from tests.integration.test_scoring import RANKING, RULEBOOK, World, sheet, shown, world
from tests.support.delivery import until
from tests.support.facts import Consumer, message, publish, until_taken
from tests.unit.scoring.given import DIGEST, N1, N2, N3, a_candidate, an_id

__all__ = ["world"]

TOPIC = "bpjs.coverage.v1"
MEASURE = {
    "code": "cakupan", "title": {"id": "Cakupan", "en": "Coverage"}, "numerator": "workers-covered",
    "denominator": "workers-total", "cap": "1", "cut_off": "2020-12-31",
}  # fmt: skip


def _rules() -> Rulebook:
    """Return the rulebook's second version: what governments perform is their coverage."""
    content = rulebook_content(RULEBOOK) | {"version": 2}
    content["measures"] = [*content["measures"], MEASURE]
    for rubric in content["rubrics"]:
        for one in rubric["aspects"]:
            if one["code"] == "kinerja" and one["origin"] == "judged":
                one |= {"origin": "measured", "measure": "cakupan"}
    return Rulebook.from_content(content)


def coverage(region: str, covered: int, *, revision: int = 1, as_of: str = "2020-12-15") -> Record:
    """Return a report that so many of a thousand workers are covered."""
    data = {
        "region": region, "as_of": as_of, "wage_workers_covered": covered, "wage_workers_total": 600,
        "non_wage_workers_covered": 0, "non_wage_workers_total": 400, "revision": revision,
    }  # fmt: skip
    return message("CoverageReported", f"c-{region}-{as_of}-{revision}-{covered}", data, time="2020-12-20T01:00:00Z")


@pytest.fixture
def measures() -> bool:
    """Figures are measured from the ledger."""
    return True


@pytest_asyncio.fixture
async def feed(world: World, make_topic: TopicFactory, kafka_bootstrap: str, topic_prefix: str) -> AsyncIterator[Any]:
    """A consumer over the world's ledger, and what publishes to it."""
    await make_topic(f"{TOPIC}.dead-letter")
    topic = await make_topic(TOPIC, 2)
    consumer = Consumer(
        kafka_bootstrap, world.service.pool, (topic,), f"{topic_prefix}ingest", topic_prefix,
        clock=world.clock, signer=world.service.signer,
    )  # fmt: skip
    sent = 0

    async def send(*records: Record) -> None:
        nonlocal sent
        await publish(kafka_bootstrap, topic, records, partitions=2)
        sent += len(records)
        await until_taken(world.service.pool, sent)
        world.service.wake.ring()

    async with consumer.running():
        yield send


async def _amend(world: World) -> None:
    rules = _rules()
    content, digest = rulebook_content(rules), rulebook_hash(rules)
    amended = RulebookAmended(season="2020", version=2, hash=digest, content=content, reason_digest=DIGEST)
    await world.nomination.says("season/2020", amended)


async def _ratios(world: World, nomination: str) -> list[str | None]:
    rows: list[asyncpg.Record] = await world.service.pool.fetch(
        "select document::json #>> '{data,ratio}' as ratio from events where stream = $1 order by version",
        indicator_stream(nomination),
    )
    return [row["ratio"] for row in rows]


async def test_facts_measure_nominees_live_and_only_what_changed_is_told(world: World, feed: Any) -> None:
    await feed(coverage("75.71", 500), coverage("75.03", 300), coverage("13.71", 100))
    await _amend(world)

    async def both() -> bool:
        return bool(await _ratios(world, N2)) and bool(await _ratios(world, N1))

    await until(both)
    assert (await _ratios(world, N2), await _ratios(world, N1)) == (["1/2"], ["3/10"])
    assert await _ratios(world, N3) == [], "nobody said anything of Boalemo"
    await world.secretary.does("POST", f"{RANKING}/open")
    for number in range(3):
        for nomination in (N1, N2):
            given = {"marks": {"kebijakan": "80", "peraturan": "80"}, "submit": True, "locale": "en"}
            await world.member(number).does("POST", sheet(nomination), given)
    # The same again, and an older report: nothing is new.
    await feed(coverage("75.71", 500), coverage("75.71", 700 // 2, as_of="2020-11-30"))
    await feed(coverage("75.71", 550, revision=2))

    async def again() -> bool:
        return len(await _ratios(world, N2)) > 1

    await until(again)
    assert await _ratios(world, N2) == ["1/2", "11/20"]
    found = await shown(world.auditor, world, stream=indicator_stream(N2))
    assert [one["nomination"] for one in found["standings"]] == [N2, N1]


_OF_KOTA_GORONTALO = """
    select f.document from facts f
    join places p using (place)
    join unnest($1::text[], $2::int[]) as b(stream, batch)
      on b.stream = 'ingest/' || p.topic || '/' || p.partition and f.batch <= b.batch
    where f.subject = '75.71'
"""


async def test_anyone_with_the_ledger_measures_the_same(world: World, feed: Any) -> None:
    await _amend(world)
    await feed(coverage("75.71", 500))

    async def there() -> bool:
        return bool(await _ratios(world, N2))

    await until(there)
    said = (await world.last(indicator_stream(N2)))["data"]
    batches = [one["stream"] for one in said["basis"]], [one["version"] for one in said["basis"]]
    rows = await world.service.pool.fetch(_OF_KOTA_GORONTALO, *batches)
    facts = [ledger_fact(row["document"]) for row in rows]
    found = measured(Measure.model_validate(MEASURE), "75.71", "city", facts)
    leaves = b"".join(sorted(hashlib.sha256(b"\0" + row["document"].encode()).digest() for row in rows))
    assert (said["ratio"], said["facts"], said["digest"]) == ("1/2", 1, hashlib.sha256(leaves).hexdigest())
    assert (found.ratio, found.digest) == (Fraction(1, 2), said["digest"])


async def test_a_nominee_sees_its_own_figures_and_no_others(world: World, feed: Any) -> None:
    await _amend(world)
    await feed(coverage("75.71", 500), coverage("75.03", 300))

    async def both() -> bool:
        return bool(await _ratios(world, N2)) and bool(await _ratios(world, N1))

    await until(both)
    contact = world.person(an_id("contact"), Grant.of("contact", nomination=N2))
    path = f"/v1/nominations/{N2}/measures"
    told = await contact.does("GET", path)
    assert (told["season"], told["candidate"]["code"]) == ("2020", "75.71")
    (one,) = told["measures"]
    assert [one[name] for name in ("measure", "numerator", "denominator", "ratio", "lack", "facts", "in_force")] == [
        "cakupan", "500/1", "1000/1", "1/2", None, 1, True,
    ]  # fmt: skip
    at = {"tier": "provincial", "stage": "seleksi"}
    assert one["aspects"] == [at | {"aspect": "kinerja", "least": "0", "greatest": "100", "figure": "50/1"}]
    assert (one["months"], one["missing_months"]) == ([], [])
    assert one["digest"] == (await world.last(indicator_stream(N2)))["data"]["digest"]
    for scope in ({"province": "75"}, {"province": "75", "season": "2020"}):
        assert await world.person(an_id("secretariat"), Grant.of("secretariat", **scope)).does("GET", path) == told
    assert await world.auditor.does("GET", path) == told
    strangers = (
        Grant.of("secretariat", province="13"), Grant.of("secretariat", province="75", season="2019"),
        # Nominated by the province: a city that did not nominate is no nominating body, though it is the candidate.
        Grant.of("secretariat", province="75.71"),
        Grant.of("contact", nomination=N2),
    )  # fmt: skip
    for grant in strangers:
        await world.person(an_id("stranger"), grant).fails(404, "not-found", "GET", path)
    await world.secretary.fails(403, "forbidden", "GET", path)
    await world.person(an_id("publisher"), Grant.of("publisher")).fails(403, "forbidden", "GET", path)
    await contact.fails(404, "not-found", "GET", f"/v1/nominations/{an_id('nothing')}/measures")
    unmeasured = world.person(an_id("contact"), Grant.of("contact", nomination=N3))
    assert (await unmeasured.does("GET", f"/v1/nominations/{N3}/measures"))["measures"] == []
    amended = NominationAmended(
        nomination=N2, candidate=a_candidate("75.71"), contact=an_id("another"), reason_digest=DIGEST
    )
    await world.nomination.says(f"nomination/{N2}", amended)
    await contact.fails(404, "not-found", "GET", path)


async def test_a_stage_that_pinned_another_wording_shows_where_each_counts(world: World, feed: Any) -> None:
    await _amend(world)
    await feed(coverage("75.71", 500, as_of="2020-11-15"), coverage("75.71", 600))
    await world.secretary.does("POST", f"{RANKING}/open")
    content = rulebook_content(_rules()) | {"version": 3}
    content["measures"] = [*content["measures"][:-1], MEASURE | {"cut_off": "2020-11-30"}]
    rules = Rulebook.from_content(content)
    content, digest = rulebook_content(rules), rulebook_hash(rules)
    amended = RulebookAmended(season="2020", version=3, hash=digest, content=content, reason_digest=DIGEST)
    await world.nomination.says("season/2020", amended)

    async def twice() -> bool:
        return len(await _ratios(world, N2)) > 1

    await until(twice)
    measures = (await world.auditor.does("GET", f"/v1/nominations/{N2}/measures"))["measures"]
    found = [
        (one["rulebook_version"], one["ratio"], one["in_force"], [each["figure"] for each in one["aspects"]])
        for one in measures
    ]
    assert found == [(2, "3/5", False, ["60/1"]), (3, "1/2", True, [])]
