"""The day's report to those who publish facts, on real databases: each day once, whoever looks, whatever was away.

Ingest is not run here (what it would have written is planted by its own ledger), nor are relay and receiver: what
scoring reports is taken into notifications' log as it stands.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from aiokafka import TopicPartition

from schemas.nomination import Candidate, CandidateNominated, FigureDisputed
from schemas.scoring import FactsReported
from schemas.topics import CONTRIBUTIONS, COVERAGE
from services.identity.development import person_id
from services.scoring.reports import Reporter
from tests.integration.test_facts_over_http import NPP, Ledger, known, ledger
from tests.integration.test_notifications import (
    NOMINATION,
    House,
    Mailbox,
    grants,
    hook,
    house,
    mailbox,
    nominated,
    published,
)
from tests.integration.test_scoring import World, measures, world
from tests.support.facts import due, message, paid, registered
from tests.support.webhook_receiver import WebhookReceiver
from tests.unit.scoring.given import AT, N1, an_id

__all__ = ["hook", "house", "ledger", "mailbox", "measures", "world"]  # fixtures

EVENING = datetime(2021, 4, 20, 16, 59, 59, tzinfo=UTC)
"""The last second of 20 April in WIB."""
MIDNIGHT = EVENING + timedelta(seconds=1)
OTHER_PLACE = TopicPartition(CONTRIBUTIONS, 5)
Json = dict[str, Any]


async def told(world: World, topic: str = CONTRIBUTIONS) -> list[Json]:
    """Return what the reports of a topic say, the oldest first."""
    rows = await world.service.pool.fetch(
        "select document from events where stream = $1 order by version", f"report/{topic}"
    )
    return [orjson.loads(row["document"])["data"] for row in rows]


async def looks(world: World) -> int:
    """Look as a process does that has just begun."""
    return await Reporter(world.service).round()


def bad(number: int) -> Any:
    return paid(NPP, "2021-13", 5, "2021-04-10", id_=f"bad-{number}")


async def test_a_day_is_reported_when_it_has_ended_and_once(ledger: Ledger) -> None:
    world = ledger.world
    world.clock.moment = EVENING
    await ledger.takes(registered(NPP), registered(NPP), bad(1), bad(2))
    await ledger.takes(message("ContributionPaid", "=1", {}, publisher="OTHER", key=NPP), place=OTHER_PLACE)
    assert await looks(world) == 0
    world.clock.moment = MIDNIGHT
    await ledger.takes(bad(3))
    assert await looks(world) == 1
    (report,) = await told(world)
    assert (report["day"], report["records"], report["applied"], report["duplicates"]) == ("2021-04-20", 5, 1, 1)
    assert report["batches"] == [{"partition": 3, "first": 1, "last": 1}, {"partition": 5, "first": 1, "last": 1}]
    assert report["publishers"] == [
        {"publisher": "sipp", "reasons": [{"reason": "wrong-field", "count": 2}]},
        {"reasons": [{"reason": "wrong-attribute", "count": 1}]},
    ]
    assert [(one["partition"], one["offset"]) for one in report["first_refused"]] == [(3, 2), (3, 3), (5, 4)]
    assert await looks(world) == 0, "another process finds it there"
    world.clock.moment = MIDNIGHT + timedelta(days=1)
    assert await looks(world) == 1
    assert (await told(world))[1]["batches"] == [{"partition": 3, "first": 2, "last": 2}]
    assert await told(world, COVERAGE) == []


async def test_days_that_passed_while_nobody_looked_are_made_up_for_each_by_itself(ledger: Ledger) -> None:
    world = ledger.world
    for day in (1, 2, 4, 20, 21):
        world.clock.moment = datetime(2021, 4, day, 8, tzinfo=UTC)
        await ledger.takes(bad(day))
    world.clock.moment = datetime(2021, 4, 23, 8, tzinfo=UTC)
    assert await looks(world) == 3
    days = [(one["day"], one["refused"]) for one in await told(world)]
    assert days == [("2021-04-16", 3), ("2021-04-20", 1), ("2021-04-21", 1)], "what lies far back is told together"
    lie = [[one["day"][-2:] for one in report["refused_days"]] for report in await told(world)]
    assert lie == [["01", "02", "04"], ["20"], ["21"]], "and each report says where it lies"


async def test_what_is_read_again_is_told_once(ledger: Ledger) -> None:
    world = ledger.world
    records = [bad(1), bad(2), registered(NPP)]
    await ledger.takes(*records)
    await ledger.takes(bad(3))
    ledger.offset = 0  # As after `paritrana ingest again`: a batch that lies before those before it.
    await ledger.takes(*records)
    world.clock.moment += timedelta(days=1)
    ledger.offset = 0
    await ledger.takes(*records)
    await looks(world)
    world.clock.moment += timedelta(days=1)
    await looks(world)
    told_of = [(one["refused"], one["refused_days"]) for one in await told(world)]
    assert told_of == [(5, [{"day": "2021-04-20", "count": 3}]), (2, [])]


async def test_a_topic_from_which_nothing_was_ever_taken_is_not_reported_on(ledger: Ledger) -> None:
    await _nominate(ledger.world, "NPP-1")
    ledger.world.clock.moment = datetime(2020, 6, 2, 8, tzinfo=UTC)
    assert await looks(ledger.world) == 0


async def _nominate(world: World, number: str) -> str:
    id_ = an_id(number)
    candidate = Candidate(kind="employer", code=number, name=f"PT {number}", region="75.71", sector="perikanan")
    nominated = CandidateNominated(
        nomination=id_, entry=AT.model_copy(update={"category": "BESAR"}), candidate=candidate, nominating_body="75",
        nominated_by=an_id("secretariat"), contact=an_id("contact"),
    )  # fmt: skip
    await world.nomination.says(f"nomination/{id_}", nominated)
    return id_


async def test_what_is_missing_is_told_of_the_last_day_while_it_can_still_be_sent(ledger: Ledger) -> None:
    world = ledger.world
    world.clock.moment = datetime(2020, 5, 30, 8, tzinfo=UTC)
    for number in ("NPP-1", "NPP-2", "NPP-3"):
        await _nominate(world, number)
    march = due("NPP-1", "2020-03", 300, time="2020-04-02T03:00:00Z")
    await ledger.takes(known("NPP-1", "2020-02"), march, known("NPP-3", "2020-12"))
    world.clock.moment = datetime(2020, 6, 2, 8, tzinfo=UTC)
    assert await looks(world) == 2
    first, last = await told(world)
    assert (first["day"], first["applied"], first["missing"]) == ("2020-05-30", 3, [])
    assert last["missing"] == [{"season": "2020", "employers": 1, "months": 2, "unregistered": 1}]
    assert (last["day"], last["records"]) == ("2020-06-01", 0)
    world.clock.moment = datetime(2021, 1, 2, 8, tzinfo=UTC)
    assert await looks(world) == 0, "the cut-off has passed"


@pytest.mark.parametrize("topic", [CONTRIBUTIONS, COVERAGE])
async def test_a_dispute_is_told_once_to_those_whose_facts_it_is_about(ledger: Ledger, topic: str) -> None:
    world = ledger.world
    disputed = {CONTRIBUTIONS: await _nominate(world, "NPP-1"), COVERAGE: N1}[topic]
    await ledger.takes(registered(NPP))
    region = {"region": "75.03", "as_of": "2021-04-01"}
    await ledger.takes(message("CoverageReported", "c-1", region, key="75.03"), place=TopicPartition(COVERAGE, 0))
    event = FigureDisputed(nomination=disputed, aspect="kinerja", measure="kepatuhan-iuran", reason_digest="0" * 64)
    await world.nomination.says(f"nomination/{disputed}", event)
    world.clock.moment = MIDNIGHT
    await looks(world)
    world.clock.moment = MIDNIGHT + timedelta(days=1)
    await looks(world)
    own = [one for report in await told(world, topic) for one in report["disputed"]]
    assert [(one["aspect"], one["season"]) for one in own] == [("kinerja", "2020")]
    assert own[0]["dispute"] == {"stream": f"nomination/{disputed}", "version": 2}
    assert own[0]["candidate"] == {CONTRIBUTIONS: "NPP-1", COVERAGE: "75.03"}[topic]
    (other,) = {CONTRIBUTIONS, COVERAGE} - {topic}
    assert [one for report in await told(world, other) for one in report["disputed"]] == []


async def test_what_is_recorded_after_its_day_was_reported_is_in_the_next_report(ledger: Ledger) -> None:
    world = ledger.world
    world.clock.moment = EVENING
    await ledger.takes(bad(1))
    world.clock.moment = MIDNIGHT
    assert await looks(world) == 1
    world.clock.moment = EVENING  # A batch that was on its way has another partition's earlier time.
    await ledger.takes(bad(2), place=OTHER_PLACE)
    world.clock.moment = MIDNIGHT + timedelta(hours=1)
    assert await looks(world) == 0
    world.clock.moment = MIDNIGHT + timedelta(days=1)
    assert await looks(world) == 1
    assert [(one["day"], one["refused"]) for one in await told(world)] == [("2021-04-20", 1), ("2021-04-21", 1)]


async def test_offsets_that_a_topic_had_before_are_not_those_of_its_batches_now(ledger: Ledger) -> None:
    world = ledger.world
    await ledger.takes(registered("NPP-5"), bad(1))
    world.clock.moment += timedelta(days=1)
    await looks(world)
    ledger.offset = 0  # The topic was made anew.
    await ledger.takes(bad(2), registered("NPP-6"), registered("NPP-7"))
    world.clock.moment += timedelta(days=1)
    await looks(world)
    last = (await told(world))[-1]
    assert (last["refused"], len(last["publishers"])) == (1, 1)
    assert [one["offset"] for one in last["first_refused"]] == [0]


# --- who is told ---------------------------------------------------------------------------------------------------

PUBLISHER = str(person_id("penerbit-iuran"))
RESTART = "update checkpoints set epoch = 0, xid = '0', position = 0, generation = generation + 1"


def templates(mails: list[Any]) -> list[str]:
    return [str(mail["X-Paritrana-Template"]) for mail in mails]


async def hears(house: House, reports: list[Json]) -> None:
    """Let notifications receive reports."""
    if "scoring" not in house.log.signers:
        house.log.open("scoring")
    for report in reports:
        await house.receive(f"report/{report['topic']}", FactsReported.model_validate(report))


async def test_a_refused_fact_is_mailed_the_next_day_to_each_publisher_of_its_topic_once(
    ledger: Ledger, house: House, mailbox: Mailbox
) -> None:
    world = ledger.world
    await house.enable()
    await grants(house, "panitia-75-2", "publisher", publisher="bpjs.contributions.v1")
    await grants(house, "panitia-75-3", "publisher", publisher="bpjs.contributions", season="2020")
    await ledger.takes(registered(NPP), bad(1))
    world.clock.moment += timedelta(days=1)
    await looks(world)
    reports = await told(world)
    await hears(house, reports)
    await house.settle()
    expected = ["panitia-75-2", "panitia-75-3", "penerbit-iuran"]
    assert sorted(mail["To"].addresses[0].username for mail in mailbox.kept) == expected
    assert set(templates(mailbox.kept)) == {"facts-report"}
    text = mailbox.to("penerbit-iuran")[0].get_content()
    assert f"{CONTRIBUTIONS}/3/1 (wrong-field)" in text
    assert "GET /v1/facts/report?day=2021-04-20" in text
    recorded = (await house.deliveries(PUBLISHER))[0]
    assert recorded.doc["causationid"] == orjson.loads(house.log.documents[f"report/{CONTRIBUTIONS}"][0])["id"]

    # A scoring process that begins anew reports nothing; a rebuild of notifications tells nobody, nor who is new.
    assert await looks(world) == 0
    await grants(house, "panitia-75-4", "publisher", publisher="bpjs.contributions")
    house.folder = house.new_folder()
    await house.owner(RESTART)
    await house.settle()
    assert len(mailbox.kept) == len(expected)

    # A day on which nothing was refused is reported, and mailed to nobody.
    world.clock.moment += timedelta(hours=1)
    await ledger.takes(registered("NPP-9"))
    world.clock.moment += timedelta(days=1)
    assert await looks(world) == 1
    await hears(house, (await told(world))[1:])
    await house.settle()
    assert len(mailbox.kept) == len(expected)


async def test_a_report_waits_for_the_digest_of_who_wants_one_beside_what_is_of_a_season(
    house: House, mailbox: Mailbox
) -> None:
    await house.chooses(PUBLISHER, None, steps="digest")
    await house.enable()
    await house.receive("season/2020", published())
    await house.receive(f"nomination/{NOMINATION}", nominated(by=PUBLISHER, contact=PUBLISHER))
    counts = dict.fromkeys(("applied", "duplicates"), 0)
    report = {"topic": CONTRIBUTIONS, "day": "2021-01-05", "records": 1, "refused": 1, **counts}
    await hears(house, [report])
    await house.settle()
    assert await house.states() == {"held": 2, "sent": 1}, "the secretariat has its mail"
    await house.day(datetime(2021, 1, 7, 11, tzinfo=UTC))
    (mail,) = mailbox.to("penerbit-iuran")
    assert templates([mail]) == ["digest"]
    assert CONTRIBUTIONS in mail.get_content()
    assert "Kabupaten Bone Bolango" in mail.get_content()
    told_of = [one.data["template"] for one in (await house.deliveries(PUBLISHER))[1:]]
    assert told_of == ["digest", "nominated", "facts-report"]


async def test_a_webhook_gets_a_report_of_no_season(house: House, hook: WebhookReceiver) -> None:
    await house.chooses(PUBLISHER, hook, steps="webhook")
    await house.enable()
    counts = dict.fromkeys(("applied", "duplicates"), 0)
    await hears(house, [{"topic": CONTRIBUTIONS, "day": "2021-01-05", "records": 1, "refused": 1, **counts}])
    await house.settle()
    (posted,) = hook.kept.values()
    assert (posted["type"], posted["data"]["season"]) == ("paritrana.facts-report", None)
