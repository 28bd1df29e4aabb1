"""The day's report to those who publish facts, on a real database: each day once, whoever looks, whatever was away."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from aiokafka import TopicPartition

from schemas.nomination import Candidate, CandidateNominated, FigureDisputed
from schemas.topics import CONTRIBUTIONS, COVERAGE
from services.scoring.reports import Reporter
from tests.integration.test_facts_over_http import NPP, Ledger, known, ledger
from tests.integration.test_scoring import World, measures, world
from tests.support.facts import due, message, paid, registered
from tests.unit.scoring.given import AT, N1, an_id

__all__ = ["ledger", "measures", "world"]  # fixtures

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
