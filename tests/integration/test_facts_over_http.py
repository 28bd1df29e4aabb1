"""Facts over HTTP on a real database: what became of one, of a month, of a day, of a batch; and repairs, published.

Ingest is not run here: what it would have written is planted, by its own ledger.
"""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlencode

import orjson
import pytest
import pytest_asyncio
from aiokafka import TopicPartition

from kernel.broker import Broker, Record
from kernel.canonical import leaf_hash, uuid7
from kernel.commands import Ask, Receipt
from kernel.decider import Aggregate, Emit, Loader
from kernel.ledger import Batch
from kernel.merkle import root_of
from kernel.tokens import Grant
from schemas.fact_reading import ReadFact
from schemas.nomination import Candidate, CandidateNominated
from schemas.rulebook import definition_of
from schemas.topics import CONTRIBUTIONS, COVERAGE
from services.audit.client import LedgerClient
from services.audit.export import NotExported
from services.scoring import repairs as room
from services.scoring.domain.indicator import INDICATOR, indicator_stream
from services.scoring.domain.repair import CONTENT_TYPE
from services.scoring.ledger import FactLedger, RefusedFact
from services.scoring.measuring import _ledgered
from services.scoring.repairs import RepairSender
from tests.conftest import TopicFactory
from tests.integration.test_scoring import MEASURE, RULEBOOK, Caller, World, measures, world
from tests.support.delivery import records_of
from tests.support.facts import due, message, paid, registered
from tests.support.serving import serving
from tests.unit.scoring.given import AT, an_id, measured

__all__ = ["measures", "world"]  # fixtures

NPP = "NPP-1"
DAY = datetime(2021, 4, 20, 8, tzinfo=UTC)
PLACE = TopicPartition(CONTRIBUTIONS, 3)


class Said(NamedTuple):
    """A record as the client hands it over."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    timestamp: int = 0


@dataclass
class Ledger:
    """Plants batches as ingest writes them."""

    world: World
    offset: int = 0
    ledger: FactLedger = field(default_factory=FactLedger)

    async def takes(self, *records: Record, place: TopicPartition = PLACE) -> int:
        """Write a batch and its event; return the event's version."""
        service, now = self.world.service, self.world.clock.now()
        batch: Batch[ReadFact] = Batch(place, self.offset)
        batch.first, batch.records = self.offset, len(records)
        for record in records:
            said = Said(place.topic, place.partition, self.offset, record.key, record.value, record.headers)
            found = self.ledger.judge(said, now)
            if isinstance(found, ReadFact):
                batch.facts.append((said, found))
            else:
                batch.letters.append(found)
            batch.last = self.offset
            self.offset += 1
        async with service.pool.acquire() as connection, connection.transaction():
            (entered,) = await self.ledger.enter(connection, [batch], doubtful=True)
            stream = self.ledger.stream(place)

            async def program(load: Loader) -> Sequence[Emit]:
                await load.load(Aggregate(int, lambda state, _happened: state), stream)
                return [Emit(stream, entered.event)]

            receipt = await service.executor.execute(Ask("system", "ingest", uuid7(), b"", now), program)
            assert isinstance(receipt, Receipt)
            version = receipt.events[0].version
            await self.ledger.write(connection, [entered], [version], now)
        return version


@pytest_asyncio.fixture
async def ledger(world: World) -> AsyncIterator[Ledger]:
    world.clock.moment = DAY
    yield Ledger(world)


def publisher(world: World, topic: str = "bpjs.contributions", name: str = "publisher") -> Caller:
    return world.person(an_id(name), Grant.of("publisher", publisher=topic))


def operator(world: World, name: str = "operator") -> Caller:
    return world.person(an_id(name), Grant.of("operator"))


async def state_of(caller: Caller, id_: str) -> tuple[str, str | None]:
    fact = (await caller.does("GET", f"/v1/facts/sipp/{id_}"))["facts"][0]
    return fact["state"], fact["by"] and fact["by"]["id"]


def known(employer: str, obliged_from: str) -> Record:
    """An employer that was registered before the year that the measures of 2020 count."""
    data = {"employer": employer, "size_class": "large", "region": "75.71", "obliged_from": obliged_from}
    return message("EmployerRegistered", f"reg-{employer}", data, time="2020-01-02T03:00:00Z")


def correction(id_: str, corrects: str, **data: Any) -> Record:
    said = {"employer": NPP, "month": "2021-03", "corrects": corrects, "revision": 1, **data}
    return message("ContributionCorrected", id_, said)


def reversal(id_: str, reverses: str) -> Record:
    return message("ContributionReversed", id_, {"employer": NPP, "month": "2021-03", "reverses": reverses})


async def test_a_fact_s_status_says_what_it_came_to(ledger: Ledger) -> None:
    world = ledger.world
    mine = publisher(world)
    await ledger.takes(paid(NPP, "2021-03", 100, "2021-04-10", id_="p-1", reference="B"), due(NPP, "2021-03", 300))
    waiting = await mine.does("GET", "/v1/facts/sipp/p-1")
    assert (waiting["status"], waiting["facts"][0]["waits_for"]) == ("waiting", "registration")
    await ledger.takes(
        registered(NPP), registered("NPP-2"),
        paid(NPP, "2021-03", 100, "2021-04-11", id_="p-2", reference="B"),
        paid(NPP, "2021-03", 50, "2021-04-11", id_="p-3"), correction("c-3", "p-3", amount=60),
        paid(NPP, "2021-03", 50, "2021-04-11", id_="p-4"), reversal("r-4", "p-4"),
        correction("c-9", "p-9"),
        # A payment of this employer that a correction moved to another one.
        paid(NPP, "2021-03", 70, "2021-04-11", id_="p-5"), correction("c-5", "p-5", employer="NPP-2"),
    )  # fmt: skip
    told = await mine.does("GET", "/v1/facts/sipp/p-1")
    assert told["status"] == "applied"
    assert told["facts"][0]["address"] == f"{CONTRIBUTIONS}/3/0"
    assert told["facts"][0]["batch"] == f"ingest/{CONTRIBUTIONS}/3@1"
    assert told["facts"][0]["document"]["data"]["amount"] == 100
    assert [await state_of(mine, id_) for id_ in ("p-1", "p-2", "p-3", "p-4", "p-5", "c-5")] == [
        ("counted", None), ("duplicate-payment", "p-1"), ("corrected", "c-3"), ("reversed", "r-4"),
        ("corrected", "c-5"), ("counted", None),
    ]  # fmt: skip
    parked = await mine.does("GET", "/v1/facts/sipp/c-9")
    assert (parked["status"], parked["facts"][0]["waits_for"]) == ("waiting", "target")


async def test_a_refused_message_is_told_with_field_and_value(ledger: Ledger) -> None:
    world = ledger.world
    await ledger.takes(paid(NPP, "2021-03", -5, "2021-04-10", id_="bad"))
    told = await publisher(world).does("GET", "/v1/facts/sipp/bad")
    assert (told["status"], told["facts"]) == ("refused", [])
    (refused,) = told["refused"]
    assert [refused[name] for name in ("reason", "field", "value", "offset")] == ["wrong-field", "data.amount", "-5", 0]
    assert refused["detail"]["id"].startswith("tulis rupiah bulat")
    await publisher(world).fails(404, "not-found", "GET", "/v1/facts/sipp/nothing")


async def test_each_sees_what_is_theirs(ledger: Ledger) -> None:
    world = ledger.world
    await ledger.takes(registered(NPP, id_="reg"), paid(NPP, "2021-03", -5, "2021-04-10", id_="bad"))
    other, audits, operates = publisher(world, "bpjs.coverage.v1"), world.auditor, operator(world)
    await other.fails(404, "not-found", "GET", "/v1/facts/sipp/reg")
    await other.fails(404, "not-found", "GET", f"/v1/employers/{NPP}/months/2021-03")
    assert (await audits.does("GET", "/v1/facts/sipp/reg"))["facts"][0]["document"]
    assert "document" not in (await operates.does("GET", "/v1/facts/sipp/reg"))["facts"][0], "counts, no content"
    await operates.fails(403, "forbidden", "GET", f"/v1/employers/{NPP}/months/2021-03")
    await operates.fails(403, "forbidden", "GET", f"/v1/ledger/batches/{CONTRIBUTIONS}/3/1")
    assert [each["topic"] for each in (await other.does("GET", "/v1/facts/report?day=2021-04-20"))["topics"]] == [
        COVERAGE
    ]
    once = world.person(an_id("once"), Grant.of("auditor", season="2020"))
    await once.fails(403, "forbidden", "GET", "/v1/facts/sipp/reg")


async def test_an_id_of_two_topics_is_a_fact_of_each(ledger: Ledger) -> None:
    world = ledger.world
    covered = message("CoverageReported", "x", COVERED | {"region": "75.71", "as_of": "2021-03-31"})
    await ledger.takes(covered, place=TopicPartition(COVERAGE, 0))
    await ledger.takes(registered(NPP), due(NPP, "2021-03", 300, id_="x"), correction("c-x", "x", amount=200))
    changed = message("CoverageReported", "x", COVERED | {"region": "75.03", "as_of": "2021-03-31"})
    await ledger.takes(changed, place=TopicPartition(COVERAGE, 0))

    async def sees(caller: Caller) -> list[tuple[str, str]]:
        told = await caller.does("GET", "/v1/facts/sipp/x")
        said = [(one["type"], one["state"]) for one in told["facts"]]
        return [*said, *(("refused", one["topic"]) for one in told["refused"])]

    report, owed, refused = ("CoverageReported", "counted"), ("ContributionDue", "corrected"), ("refused", COVERAGE)
    assert await sees(publisher(world)) == [owed]
    assert await sees(publisher(world, COVERAGE)) == [report, refused]
    both = world.person(
        an_id("both"), Grant.of("publisher", publisher=COVERAGE), Grant.of("publisher", publisher=CONTRIBUTIONS)
    )
    assert await sees(both) == await sees(world.auditor) == [owed, report, refused]
    month = await publisher(world).does("GET", f"/v1/employers/{NPP}/months/2021-03")
    assert (month["due"], {one["id"] for one in month["facts"]}) == (200, {"x", "c-x"})


async def test_a_region_s_report_hides_no_contribution_of_its_id_from_measures(ledger: Ledger) -> None:
    """A correction moved a payment to an employer; beside that one a region is measured whose report has its id."""
    covered = message("CoverageReported", "x", COVERED | {"region": "75.71", "as_of": "2021-03-31"})
    await ledger.takes(covered, place=TopicPartition(COVERAGE, 0))
    await ledger.takes(paid("NPP-2", "2021-03", 70, "2021-04-11", id_="x"), correction("c-x", "x", employer=NPP))
    async with ledger.world.service.pool.acquire() as connection:
        places = await connection.fetch("select place from places")
        found = await _ledgered([NPP, "75.71"], {row["place"]: 9 for row in places}, connection)
    assert {one.kind for one in found.by_subject[NPP]} == {"ContributionPaid", "ContributionCorrected"}
    assert [one.kind for one in found.by_subject["75.71"]] == ["CoverageReported"]


async def test_a_correction_is_measured_by_every_fact_of_the_id_that_it_names(ledger: Ledger) -> None:
    """An id in two months, of two employers: the correction belongs to the earlier one, whoever is measured beside."""
    await ledger.takes(
        due("NPP-2", "2021-02", 70, id_="x", time="2021-03-01T03:00:00Z"), due(NPP, "2021-03", 80, id_="x"),
        correction("c-x", "x", amount=60),
    )  # fmt: skip
    async with ledger.world.service.pool.acquire() as connection:
        places = await connection.fetch("select place from places")
        found = await _ledgered([NPP], {row["place"]: 9 for row in places}, connection)
    assert sorted((one.subject, one.month) for one in found.by_subject[NPP] if one.id == "x") == [
        (NPP, "2021-03"), ("NPP-2", "2021-02"),
    ]  # fmt: skip


COVERED = dict.fromkeys(
    ("wage_workers_covered", "wage_workers_total", "non_wage_workers_covered", "non_wage_workers_total"), 1
)


async def test_an_employer_s_month_has_its_facts_behind_it(ledger: Ledger) -> None:
    world = ledger.world
    mine = publisher(world)
    await mine.fails(404, "not-found", "GET", f"/v1/employers/{NPP}/months/2020-03")
    await ledger.takes(
        known(NPP, "2020-01"), due(NPP, "2020-03", 300),
        paid(NPP, "2020-03", 100, "2020-04-10", id_="p-1"), paid(NPP, "2020-03", 200, "2020-05-20", id_="p-2"),
        paid(NPP, "2020-04", 900, "2020-05-20", id_="p-3"),
    )  # fmt: skip
    told = await mine.does("GET", f"/v1/employers/{NPP}/months/2020-03")
    assert (told["due"], told["paid"]) == (300, 300)
    assert sorted(fact["id"] for fact in told["facts"]) == ["due-NPP-1-2020-03", "p-1", "p-2"]
    assert told["registration"]["document"]["data"]["obliged_from"] == "2020-01"
    assert {one["season"] for one in told["standings"]} == {"2020"}
    assert {(one["standing"], one["paid_in_time"]) for one in told["standings"]} == {("late", 100)}
    missing = await mine.does("GET", f"/v1/employers/{NPP}/months/2020-05")
    assert (missing["due"], missing["paid"], missing["facts"]) == (None, 0, [])
    assert {one["standing"] for one in missing["standings"]} == {"missing"}


async def test_a_day_s_report_counts_and_pages_what_was_refused(ledger: Ledger) -> None:
    world = ledger.world
    mine = publisher(world)
    world.clock.moment = datetime(2021, 4, 18, 16, 59, 59, tzinfo=UTC)  # 23.59.59 WIB
    await ledger.takes(registered("NPP-0"), paid(NPP, "2021-03", -1, "2021-04-10", id_="yesterday"))
    world.clock.moment = datetime(2021, 4, 18, 17, tzinfo=UTC)
    said = "2021-04-18T03:00:00Z"
    bad = [paid(NPP, "2021-13", 5, "2021-04-10", id_=f"bad-{number}", time=said) for number in range(3)]
    await ledger.takes(registered(NPP), registered(NPP), *bad)
    await ledger.takes(message("ContributionPaid", "=1", {}, publisher="OTHER", key="NPP-1"))
    report = await mine.does("GET", "/v1/facts/report?day=2021-04-19&limit=2")
    assert report["topics"] == [
        {"topic": CONTRIBUTIONS, "batches": 2, "records": 6, "applied": 1, "duplicates": 1, "refused": 4}
    ]
    assert report["publishers"] == [
        {"publisher": None, "refused": 1, "reasons": {"wrong-attribute": 1}},
        {"publisher": "sipp", "refused": 3, "reasons": {"wrong-field": 3}},
    ]
    assert [one["id"] for one in report["items"]] == ["bad-0", "bad-1"]
    rest = await mine.does("GET", f"/v1/facts/report?{urlencode({'day': '2021-04-19', 'cursor': report['next']})}")
    assert [one["field"] for one in rest["items"]] == ["data.month", "ce_id"]
    assert rest["next"] is None
    sipp = await mine.does("GET", "/v1/facts/report?day=2021-04-19&publisher=sipp")
    assert len(sipp["items"]) == 3
    assert (report["unrecognised"], sipp["unrecognised"]) == (1, 1)
    unknown = dict.fromkeys(("batches", "records", "applied", "duplicates"))
    assert sipp["topics"] == [{"topic": CONTRIBUTIONS, **unknown, "refused": 3}]
    assert (await mine.does("GET", "/v1/facts/report?day=2021-04-21"))["topics"][0]["batches"] == 0


async def test_what_is_read_again_is_refused_once_in_a_report(ledger: Ledger) -> None:
    mine, records = publisher(ledger.world), [registered(NPP), paid(NPP, "2021-13", 5, "2021-04-10", id_="bad")]
    for day in ("2021-04-20", "2021-04-21"):
        for _ in range(2):
            ledger.offset = 0  # As after `paritrana ingest again`.
            await ledger.takes(*records)
        report = await mine.does("GET", f"/v1/facts/report?day={day}")
        refused = 1 if day == "2021-04-20" else 0
        assert [(one["records"], one["refused"]) for one in report["topics"]] == [(4, refused)]
        assert [one["refused"] for one in report["publishers"]] == [1] * refused
        ledger.world.clock.moment += timedelta(days=1)


async def test_a_day_s_report_is_a_table_too(ledger: Ledger) -> None:
    world = ledger.world
    await ledger.takes(paid(NPP, "2021-03", -5, "2021-04-10", id_="bad"))
    answer = await world.client.get(
        "/v1/facts/report?day=2021-04-20",
        headers={"Authorization": f"Bearer {publisher(world).token}", "Accept": "text/csv"},
    )
    assert answer.headers["content-type"].startswith("text/csv")
    head, row = csv.reader(io.StringIO(answer.text))
    told = dict(zip(head, row, strict=True))
    assert (told["offset"], told["reason"], told["value"]) == ("0", "wrong-field", "'-5"), "no formula of a spreadsheet"


async def test_a_nominated_employer_sees_its_months_without_the_facts_behind(ledger: Ledger) -> None:
    world, id_ = ledger.world, an_id(NPP)
    candidate = Candidate(kind="employer", code=NPP, name="PT Tepi Laut", region="75.71", sector="perikanan")
    nominated = CandidateNominated(
        nomination=id_, entry=AT.model_copy(update={"category": "BESAR"}), candidate=candidate, nominating_body="75.71",
        nominated_by=an_id("secretariat"), contact=an_id("contact"),
    )  # fmt: skip
    await world.nomination.says(f"nomination/{id_}", nominated)
    await ledger.takes(
        known(NPP, "2020-02"), due(NPP, "2020-02", 300), paid(NPP, "2020-02", 300, "2020-05-20", id_="p-1"),
        due(NPP, "2020-04", 300), paid(NPP, "2020-04", 100, "2020-05-10", id_="p-2"),
    )  # fmt: skip
    measure = next(one for one in RULEBOOK.measures if one.code == MEASURE)
    said = measured(
        id_, "1/4", candidate=NPP, definition=definition_of(measure), missing_months=("2020-03",), numerator="3/4",
        denominator="3/1",
    )  # fmt: skip

    async def program(load: Loader) -> Sequence[Emit]:
        await load.load(INDICATOR, indicator_stream(id_))
        return [Emit(indicator_stream(id_), said)]

    await world.service.executor.execute(Ask("system", "test", uuid7(), b"", world.clock.now()), program)
    town = world.person(an_id("town"), Grant.of("secretariat", province="75.71"))
    (one,) = (await town.does("GET", f"/v1/nominations/{id_}/measures"))["measures"]
    assert (one["ratio"], one["missing_months"], one["in_force"]) == ("1/4", ["2020-03"], True)
    names = ("month", "due_on", "due", "paid", "paid_in_time", "standing")
    assert [tuple(month[name] for name in names) for month in one["months"][:3]] == [
        ("2020-02", "2020-03-16", 300, 300, 0, "late"),
        ("2020-03", "2020-04-15", None, 0, 0, "missing"),
        ("2020-04", "2020-05-15", 300, 100, 100, "partly"),
    ]
    assert "document" not in orjson.dumps(one).decode()
    assert "p-1" not in orjson.dumps(one).decode(), "whose payments they are is their publisher's to tell"


async def test_missing_months_are_told_before_the_cut_off(ledger: Ledger) -> None:
    world = ledger.world
    mine = publisher(world)
    for number in ("NPP-0", "NPP-1", "NPP-2"):
        id_ = an_id(number)
        entry = AT.model_copy(update={"category": "BESAR"})
        candidate = Candidate(kind="employer", code=number, name=f"PT {number}", region="75.71", sector="perikanan")
        nominated = CandidateNominated(
            nomination=id_, entry=entry, candidate=candidate, nominating_body="75",
            nominated_by=an_id("secretariat"), contact=an_id("contact"),
        )  # fmt: skip
        await world.nomination.says(f"nomination/{id_}", nominated)
        assert await world.service.reached("stage_members", await world.position(f"nomination/{id_}"))
    await ledger.takes(known("NPP-0", "2020-12"), known("NPP-1", "2020-02"), due("NPP-1", "2020-03", 300))
    told = await mine.does("GET", "/v1/facts/missing?day=2020-06-01")
    assert told["items"] == [
        {"season": "2020", "employer": "NPP-1", "registered": True, "months": ["2020-02", "2020-04"]},
        {"season": "2020", "employer": "NPP-2", "registered": False, "months": []},
    ]
    first = await mine.does("GET", "/v1/facts/missing?day=2020-06-01&limit=1")
    rest = await mine.does("GET", f"/v1/facts/missing?{urlencode({'day': '2020-06-01', 'cursor': first['next']})}")
    assert [one["employer"] for one in (*first["items"], *rest["items"])] == ["NPP-1", "NPP-2"]
    assert (await publisher(world, "bpjs.coverage").does("GET", "/v1/facts/missing?day=2020-06-01"))["items"] == []
    assert (told["final"], told["seasons_to_come"]) == (True, [])
    early = await mine.does("GET", "/v1/facts/missing?day=2019-12-31")
    assert (early["items"], early["seasons_to_come"]) == ([], ["2020"])
    world.clock.moment = datetime(2020, 6, 1, 16, 59, 59, tzinfo=UTC)
    assert (await mine.does("GET", "/v1/facts/missing?day=2020-06-01"))["final"] is False, "the day has not ended"
    answer = await world.client.get(
        "/v1/facts/missing?day=2020-06-01", headers={"Authorization": f"Bearer {mine.token}", "Accept": "text/csv"}
    )
    assert [",".join(row) for row in csv.reader(io.StringIO(answer.text))] == [
        "season,employer,registered,month", "2020,NPP-1,true,2020-02", "2020,NPP-1,true,2020-04", "2020,NPP-2,false,",
    ]  # fmt: skip
    assert 'missing-2020-06-01-so-far.csv"' in answer.headers["content-disposition"]


async def test_an_auditor_recomputes_a_batch_s_root(ledger: Ledger) -> None:
    world = ledger.world
    version = await ledger.takes(
        *(paid(NPP, f"2021-0{month}", 100, "2021-04-10", id_=f"p-{month}") for month in (3, 1, 2)),
        paid(NPP, "2021-03", -1, "2021-04-10", id_="bad"),
    )
    told = await world.auditor.does("GET", f"/v1/ledger/batches/{CONTRIBUTIONS}/3/{version}")
    assert [orjson.loads(document)["id"] for document in told["documents"]] == ["p-3", "p-1", "p-2"]
    root = root_of(leaf_hash(document.encode()) for document in told["documents"]).hex()
    assert root == told["event"]["data"]["root"]
    await world.auditor.fails(404, "not-found", "GET", f"/v1/ledger/batches/{CONTRIBUTIONS}/3/99")
    async with serving(world.service.app) as url:
        with closing(LedgerClient(url, world.auditor.token, patience=5)) as exported:
            taken = await asyncio.to_thread(exported.batch, f"ingest/{CONTRIBUTIONS}/3", version)
            assert taken == told["documents"], "an export takes the same"
            with pytest.raises(NotExported, match=r"answered .*/99 with 404"):
                await asyncio.to_thread(exported.batch, f"ingest/{CONTRIBUTIONS}/3", 99)


# --- repairs -------------------------------------------------------------------------------------------------------

FACT: dict[str, Any] = {
    "specversion": "1.0", "id": "bad", "source": "/bpjs/sipp", "type": "id.go.bpjsketenagakerjaan.ContributionPaid.v1",
    "time": "2021-04-20T10:00:00+07:00",
    "data": {"employer": NPP, "month": "2021-03", "amount": 5, "paid_on": "2021-04-10", "bank_reference": "B-1"},
}  # fmt: skip
PROPOSAL: dict[str, Any] = {"address": f"{CONTRIBUTIONS}/3/0", "document": FACT, "reason": "The sign was wrong."}


async def proposed(ledger: Ledger) -> str:
    await ledger.takes(paid(NPP, "2021-03", -5, "2021-04-10", id_="bad"))
    receipt = await operator(ledger.world).does("POST", "/v1/facts/repairs", PROPOSAL)
    return str(receipt["repair"])


async def test_a_repair_takes_two_persons_and_both_are_recorded(ledger: Ledger) -> None:
    world = ledger.world
    repair = await proposed(ledger)
    proposer, mine = operator(world), publisher(world)
    await proposer.fails(409, "own-repair", "POST", f"/v1/facts/repairs/{repair}/approve")
    await publisher(world, "bpjs.coverage").fails(
        403, "repair-of-another-topic", "POST", f"/v1/facts/repairs/{repair}/approve"
    )
    receipt = await mine.does("POST", f"/v1/facts/repairs/{repair}/approve")
    assert await world.types(f"repair/{repair}") == ["RepairProposed", "RepairApproved"]
    assert (await world.last(f"repair/{repair}"))["office"] == "publisher"
    await operator(world, "other").fails(409, "repair-approved-before", "POST", f"/v1/facts/repairs/{repair}/approve")
    shown = await mine.does("GET", f"/v1/facts/repairs/{repair}?at_least={receipt['position']}")
    assert (shown["status"], shown["document"]["data"], shown["reason"]) == (
        "approved",
        FACT["data"],
        "The sign was wrong.",
    )
    assert (shown["refused"]["value"], shown["published"]) == ("-5", None)
    assert (shown["proposed_by"], shown["approved_by"]) == (an_id("operator"), an_id("publisher"))
    assert [one["repair"] for one in (await mine.does("GET", "/v1/facts/repairs"))["items"]] == [repair]
    assert (await mine.does("GET", "/v1/facts/repairs?waiting=true"))["items"] == []
    assert (await publisher(world, "bpjs.coverage").does("GET", "/v1/facts/repairs"))["items"] == []
    await publisher(world, "bpjs.coverage").fails(404, "not-found", "GET", f"/v1/facts/repairs/{repair}")


async def test_a_proposal_is_held_to_what_was_refused(ledger: Ledger) -> None:
    world = ledger.world
    await ledger.takes(paid(NPP, "2021-03", -5, "2021-04-10", id_="bad"), registered(NPP))
    one = operator(world)
    for address in (f"{CONTRIBUTIONS}/3/1", f"{CONTRIBUTIONS}/4/0", "paritrana.scoring.v1/0/0"):
        await one.fails(404, "letter-unknown", "POST", "/v1/facts/repairs", PROPOSAL | {"address": address})
    wrong = FACT | {"data": FACT["data"] | {"amount": 0}}
    problem = await one.fails(422, "repair-not-a-fact", "POST", "/v1/facts/repairs", PROPOSAL | {"document": wrong})
    assert problem["errors"][0]["field"] == "document.data.amount"
    other = PROPOSAL | {"document": FACT | {"source": "/bpjs/other"}}
    await one.fails(422, "repair-of-another", "POST", "/v1/facts/repairs", other)
    await one.fails(404, "repair-unknown", "POST", f"/v1/facts/repairs/{an_id('none')}/approve")
    first = await one.asks("POST", "/v1/facts/repairs", PROPOSAL, key="same")
    again = await one.asks("POST", "/v1/facts/repairs", PROPOSAL, key="same")
    assert first.json()["repair"] == again.json()["repair"]


async def test_a_letter_has_one_repair_about_whom_it_was_about(ledger: Ledger) -> None:
    world = ledger.world
    first = await proposed(ledger)
    one, other = operator(world), operator(world, "other")
    problem = await other.fails(409, "letter-has-a-repair", "POST", "/v1/facts/repairs", PROPOSAL)
    assert first in str(problem["errors"])
    victim = FACT | {"id": "x-1", "data": FACT["data"] | {"employer": "NPP-2"}}
    await other.fails(422, "repair-about-another", "POST", "/v1/facts/repairs", PROPOSAL | {"document": victim})
    said = {"employer": NPP, "month": "2021-03", "reverses": "p-1"}
    reversing = FACT | {"id": "x-2", "type": FACT["type"].replace("Paid", "Reversed"), "data": said}
    await other.fails(422, "repair-of-another-kind", "POST", "/v1/facts/repairs", PROPOSAL | {"document": reversing})
    better = PROPOSAL | {"document": FACT | {"data": FACT["data"] | {"amount": 6}}, "replaces": first}
    second = await other.does("POST", "/v1/facts/repairs", better)
    assert second["unchecked"] == []
    await publisher(world).fails(409, "repair-replaced", "POST", f"/v1/facts/repairs/{first}/approve")
    agreed = await one.does("POST", f"/v1/facts/repairs/{second['repair']}/approve")
    assert agreed["unchecked"] == []
    again = PROPOSAL | {"replaces": second["repair"]}
    await one.fails(409, "letter-repaired-before", "POST", "/v1/facts/repairs", again)
    await one.fails(409, "repair-replaces-none", "POST", "/v1/facts/repairs", await of_other_letter(ledger, first))
    listed = await one.does("GET", f"/v1/facts/repairs?at_least={agreed['position']}")
    status = {each["repair"]: each["status"] for each in listed["items"]}
    assert status == {first: "replaced", second["repair"]: "approved"}
    assert (await one.does("GET", "/v1/facts/repairs?waiting=true"))["items"] == []


async def of_other_letter(ledger: Ledger, replaces: str) -> dict[str, Any]:
    address = f"{CONTRIBUTIONS}/3/{ledger.offset}"
    await ledger.takes(paid(NPP, "2021-03", -5, "2021-04-10", id_="bad-2"))
    return PROPOSAL | {"address": address, "document": FACT | {"id": "x-3"}, "replaces": replaces}


async def test_of_two_proposals_at_once_one_is_taken(ledger: Ledger) -> None:
    world = ledger.world
    await ledger.takes(paid(NPP, "2021-03", -5, "2021-04-10", id_="bad"))
    asked = [operator(world, f"operator {number}").asks("POST", "/v1/facts/repairs", PROPOSAL) for number in range(6)]
    answers = await asyncio.gather(*asked)
    assert sorted(answer.status_code for answer in answers) == [200, *[409] * 5]


async def test_what_a_letter_does_not_show_is_told_to_whoever_agrees(ledger: Ledger) -> None:
    world = ledger.world
    await ledger.takes(Record(None, b"{", [("content-type", b"application/cloudevents+json")]))
    receipt = await operator(world).does("POST", "/v1/facts/repairs", PROPOSAL)
    assert [one["field"] for one in receipt["unchecked"]] == ["subject", "kind"]
    path = f"/v1/facts/repairs/{receipt['repair']}"
    shown = await publisher(world).does("GET", f"{path}?at_least={receipt['position']}")
    assert shown["unchecked"] == receipt["unchecked"]
    agreed = await publisher(world).does("POST", f"{path}/approve")
    assert agreed["unchecked"] == receipt["unchecked"]
    assert {*agreed["unchecked"][0]["detail"]} == {"en", "id"}


async def test_what_the_ledger_has_is_not_proposed_and_not_agreed_to(ledger: Ledger) -> None:
    world = ledger.world
    one, other = operator(world), operator(world, "other")
    repair = await proposed(ledger)
    await ledger.takes(
        paid(NPP, "2021-03", 7, "2021-04-10", id_="bad"), paid(NPP, "2021-02", -5, "2021-04-10", id_="b")
    )
    await other.fails(422, "repair-keeps-used-id", "POST", f"/v1/facts/repairs/{repair}/approve")
    elsewhere = PROPOSAL | {"address": f"{CONTRIBUTIONS}/3/2"}
    await one.fails(422, "repair-keeps-used-id", "POST", "/v1/facts/repairs", elsewhere)
    in_another_month = FACT | {"data": FACT["data"] | {"month": "2021-02"}}
    await one.fails(
        422, "repair-keeps-used-id", "POST", "/v1/facts/repairs", elsewhere | {"document": in_another_month}
    )
    same = FACT | {"id": "same", "data": FACT["data"] | {"amount": 9}}
    said = message("ContributionPaid", "same", same["data"], time=FACT["time"])
    await ledger.takes(said)
    await one.fails(422, "repair-in-ledger", "POST", "/v1/facts/repairs", elsewhere | {"document": same})


def as_sent(document: dict[str, Any]) -> Record:
    """Return a fact as the sender of repairs publishes it."""
    value = orjson.dumps(document)
    return Record(document["data"]["employer"].encode(), value, [CONTENT_TYPE])


async def approved(ledger: Ledger, id_: str) -> tuple[str, dict[str, Any]]:
    """Have a letter, and a repair of it that is agreed to; return the repair and its fact."""
    world, address = ledger.world, f"{CONTRIBUTIONS}/3/{ledger.offset}"
    await ledger.takes(paid(NPP, "2021-03", -5, "2021-04-10", id_=id_))
    document = FACT | {"id": id_}
    proposal = PROPOSAL | {"address": address, "document": document}
    repair = (await operator(world).does("POST", "/v1/facts/repairs", proposal))["repair"]
    receipt = await operator(world, "other").does("POST", f"/v1/facts/repairs/{repair}/approve")
    assert await world.service.reached("repairs", receipt["position"])
    return str(repair), document


async def test_a_repair_s_status_tells_what_became_of_its_message(ledger: Ledger) -> None:
    world, pool = ledger.world, ledger.world.service.pool

    async def noted(repair: str) -> None:
        await pool.execute("insert into repairs_sent values ($1, 3, $2, now())", repair, ledger.offset)

    async def shown(repair: str) -> tuple[str, Any]:
        one = await operator(world).does("GET", f"/v1/facts/repairs/{repair}")
        return one["status"], one["published"]

    applied, fact = await approved(ledger, "a-1")
    assert await shown(applied) == ("approved", None)
    await noted(applied)
    status, told = await shown(applied)
    assert (status, told["held"], told["refused"]) == ("published", None, None), "ingest has not been there"
    await ledger.takes(as_sent(fact))
    status, told = await shown(applied)
    assert (status, told["held"], told["refused"]) == ("applied", told["address"], None)

    duplicate, fact = await approved(ledger, "b-1")
    earlier = f"{CONTRIBUTIONS}/3/{ledger.offset}"
    await ledger.takes(as_sent(fact))
    await noted(duplicate)
    await ledger.takes(as_sent(fact))
    status, told = await shown(duplicate)
    assert (status, told["held"], told["refused"]) == ("duplicate", earlier, None)

    refused, fact = await approved(ledger, "c-1")
    await ledger.takes(as_sent(fact | {"data": fact["data"] | {"amount": 6}}))
    await noted(refused)
    await ledger.takes(as_sent(fact))
    status, told = await shown(refused)
    assert (status, told["held"], told["refused"]["reason"]) == ("refused", None, "used-id")
    assert told["refused"]["address"] == told["address"]

    forgotten, _ = await approved(ledger, "d-1")
    await noted(forgotten)
    await pool.execute("insert into received values ($1, 3, $2, null, 'test')", CONTRIBUTIONS, ledger.offset + 1)
    status, told = await shown(forgotten)
    assert (status, told["refused"]) == ("refused", None), "its letter was removed by age"
    listed = await operator(world).does("GET", "/v1/facts/repairs")
    assert sorted(one["status"] for one in listed["items"]) == ["applied", "duplicate", "refused", "refused"]


async def forged(pool: Any, repair: str) -> None:
    """Make another repair of an agreed one in the tables, as the service's login could, in nobody's log."""
    body = orjson.dumps(FACT | {"id": "forged-1"}).decode()
    await pool.execute("insert into texts (digest, salt, body) values ('forged', 's', $1)", body)
    await pool.execute(
        "insert into repairs select grp, 'forged', topic, partition, kafka_offset, publisher, fact, leaf, 'forged',"
        " reason_digest, status, proposed, proposed_by, approved, approved_by from repairs where id = $1",
        repair,
    )


async def test_what_two_persons_agreed_to_is_published_once(
    ledger: Ledger, kafka_bootstrap: str, make_topic: TopicFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = ledger.world
    topic = await make_topic("repaired", 4)
    statement = room.SQL["repairs_to_send"].replace("r.topic,", f"'{topic}' as topic,", 1)
    monkeypatch.setitem(room.SQL, "repairs_to_send", statement)
    repair = await proposed(ledger)
    broker = Broker(kafka_bootstrap, "test")
    sender = RepairSender(world.service.pool, broker, world.clock, world.service.executor)
    assert await sender.round() == 0, "nobody agreed yet"
    receipt = await operator(world, "other").does("POST", f"/v1/facts/repairs/{repair}/approve")
    assert await world.service.reached("repairs", receipt["position"])
    await forged(world.service.pool, repair)
    assert await sender.round() == 1, "what only the tables say is not published"
    assert await sender.round() == 0
    (record,) = await records_of(broker, topic)
    headers = dict(record.headers)
    assert record.key == NPP.encode()
    assert headers["repairs"] == f"{topic}/3/0".encode()
    assert headers["repaired-by"] == f"{an_id('operator')},{an_id('other')}".encode()
    said = Said(CONTRIBUTIONS, 0, 0, record.key, record.value, (CONTENT_TYPE,))
    read = FactLedger().judge(said, DAY + timedelta(days=1))
    assert not isinstance(read, RefusedFact)
    assert orjson.loads(record.value)["data"] == FACT["data"]
    shown = await operator(world).does("GET", f"/v1/facts/repairs/{repair}")
    assert shown["published"]["address"] == f"{CONTRIBUTIONS}/{record.partition}/{record.offset}"
    await broker.close()
