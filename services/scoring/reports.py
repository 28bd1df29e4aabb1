"""Report each day to those who publish facts: one process looks, once a day has ended, and appends what it brought.

Nothing is reported of a topic before the first fact was taken from it: until then nobody publishes there. When scoring
was away for a while, the days that passed are made up for; what is missing is said of the last of them only, since it
is read as it stands. Whom a report is sent to is notifications' matter.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

import structlog
from prometheus_client import Counter as Measure

from kernel.backoff import Pauses
from kernel.canonical import from_instant
from kernel.commands import Ask, Receipt
from kernel.decider import Decision, Loader, Position, Refusal
from kernel.lead import STORE_AWAY, Lead
from kernel.log import SQL as LOG_SQL
from kernel.log import Recorded
from kernel.process import Background
from kernel.reactor import Table
from kernel.service import Service
from kernel.sql import columns
from schemas.envelope import StreamPoint
from schemas.nomination import CandidateNominated, FigureDisputed
from schemas.regions import NATION_ZONE
from schemas.scoring import RefusedMessage, ReportedBatches, ReportedDispute
from schemas.topics import CONTRIBUTIONS, COVERAGE, OF_FACTS
from services.scoring.domain.report import (
    MOST_DISPUTES,
    MOST_PUBLISHERS,
    MOST_REFUSED,
    REPORT,
    ReportDay,
    Reported,
    day_to_report,
    decide_report,
    report_stream,
)
from services.scoring.ledger import ingest_stream
from services.scoring.ledger_reads import (
    SQL,
    Day,
    Span,
    batch_counts,
    day_of,
    first_from,
    measures_on_months,
    missing_months,
    portions,
)
from services.scoring.projections import Json, Row, types_of

_REPORTS: Final = UUID("1b1ec3bd-6d5a-5a0e-9d0b-6a7c1f3e2d84")
"""The namespace of the commands that report a day."""
_LOOK_SECONDS: Final = 2.0
_LONGEST_PAUSE: Final = 60.0
_LONG_SECONDS: Final = 60.0
_PAGE: Final = 200
_DAY: Final = timedelta(days=1)
_READ: Final = ("stage_members", "disputes")
"""The projections that a report is read from."""
_NOMINATED: Final = CandidateNominated.type_name()
_ZONE: Final = ZoneInfo(NATION_ZONE)
_log = structlog.get_logger("reports")


class DisputeProjection:
    """Each disputed figure, with whom it is about and the topic of the facts that it was measured from."""

    name = "disputes"
    table = Table("disputes", ("grp", "id", "topic", "season", "candidate", "aspect", "measure", "disputed"))
    types = types_of(CandidateNominated, FigureDisputed)

    def groups(self, event: Recorded) -> tuple[str, ...]:
        """Return the nomination's stream."""
        return (event.stream,)

    def initial(self, group: str) -> Json:  # noqa: ARG002 - every nomination begins the same
        """Return a nomination of which nothing is disputed."""
        return {"disputed": {}}

    def fold(self, state: Json, event: Recorded, group: str) -> Json:  # noqa: ARG002 - one nomination
        """Take in who is nominated, and each dispute."""
        data = event.data
        if event.type == _NOMINATED:
            candidate = data["candidate"]
            topic = CONTRIBUTIONS if candidate["kind"] == "employer" else COVERAGE
            return state | {"about": (topic, data["entry"]["season"], candidate["code"])}
        said = (data["aspect"], data["measure"], from_instant(event.attributes["time"]))
        return state | {"disputed": {**state["disputed"], event.version: said}}

    def rows(self, group: str, state: Json) -> Iterable[Row]:
        """Return a row for each dispute; its id is the place of the event."""
        for version, said in state["disputed"].items():
            yield group, f"{group}@{version}", *state["about"], *said


@dataclass(slots=True)
class Reporter:
    """Reports the days that have ended, each topic's by itself."""

    service: Service
    failures: Measure | None = None
    _done: dict[str, date] = field(default_factory=dict)
    """Up to which day each topic was looked at."""

    async def run(self) -> None:
        """Look every few seconds until cancelled; wait where the database is away, or a report takes it too long.

        Nobody asks for a report, so nobody would find that it cannot be made: what goes on for a minute is an error.
        """
        waiting = Pauses(_LOOK_SECONDS, _LONGEST_PAUSE)
        since: float | None = None
        while True:
            try:
                await self.round()
            except STORE_AWAY as error:
                since = time.monotonic() if since is None else since
                if self.failures is not None:
                    self.failures.labels(type(error).__name__).inc()
                is_long = time.monotonic() - since > _LONG_SECONDS
                tell = _log.error if is_long else _log.warning
                tell("reports wait", reason=type(error).__name__, seconds=round(time.monotonic() - since))
                await waiting.rest()
            else:
                waiting, since = Pauses(_LOOK_SECONDS, _LONGEST_PAUSE), None
                await asyncio.sleep(_LOOK_SECONDS)

    async def round(self) -> int:
        """Report what has ended and was not looked at; return how many reports that were."""
        last = self.service.clock.now().astimezone(_ZONE).date() - _DAY
        due = [topic for topic in OF_FACTS if self._done.get(topic) != last]
        if not due or not await self._is_folded():
            return 0
        made = 0
        for topic in due:
            made += await self._topic(topic, last)
        return made

    async def _is_folded(self) -> bool:
        """Wait a moment until what is read has come to the present end of the log; tell if it has."""
        newest = await self.service.pool.fetchrow(LOG_SQL["last_appended"])
        if newest is None:
            return False
        end = str(Position(*tuple(newest)))
        return all([await self.service.reached(projection, end) for projection in _READ])

    async def _topic(self, topic: str, last: date) -> int:
        """Report what has ended of a topic; it was looked at when nothing is left, unless others write too fast."""
        heads = await self._heads(topic)
        made = 0
        while heads:
            state = await self.service.executor.state(REPORT, report_stream(topic))
            day = day_to_report(state, last, await self._waiting(topic, state, heads))
            if day is None and (state.day is None or state.day < last):
                day = last  # Something may be missing of a day on which nothing came.
            if day is None:
                break
            answer = await self._report(await self._of_day(topic, day, state, heads, missing=day == last))
            if isinstance(answer, Refusal):
                return made
            if not answer.events:
                break
            made += 1
        self._done[topic] = last
        return made

    async def _heads(self, topic: str) -> dict[int, int]:
        """Return how many batches each partition of a topic has."""
        prefix = ingest_stream(topic, 0)[:-1]
        rows = await self.service.pool.fetch(SQL["ingest_heads"])
        return {
            int(row["stream"].removeprefix(prefix)): row["version"] for row in rows if row["stream"].startswith(prefix)
        }

    async def _waiting(self, topic: str, state: Reported, heads: Mapping[int, int]) -> list[date]:
        """Return on which days the first batch of each partition was recorded that no report counts, and dispute."""
        pool = self.service.pool
        spans = [
            (ingest_stream(topic, partition), state.upto.get(partition, 0) + 1)
            for partition, head in heads.items()
            if state.upto.get(partition, 0) < head
        ]
        rows = await pool.fetch(SQL["batch_times"], *columns(spans, 2))
        disputes = await pool.fetch(SQL["disputes"], topic, list(state.disputes), 1)
        return [
            *(day_of(from_instant(row["time"])) for row in rows),
            *(day_of(row["disputed"]) for row in disputes),
        ]

    async def _of_day(
        self, topic: str, day: date, state: Reported, heads: Mapping[int, int], *, missing: bool
    ) -> ReportDay:
        """Return what a day brought that no report has told."""
        here, the_day = self.service, Day(day)
        streams = {ingest_stream(topic, partition): head for partition, head in heads.items()}
        ends = await first_from(here, streams, the_day.ends)
        batches = [
            ReportedBatches(partition=partition, first=first, last=after - 1)
            for partition in sorted(heads)
            if (first := state.upto.get(partition, 0) + 1) < (after := ends[ingest_stream(topic, partition)])
        ]
        spans = [(ingest_stream(topic, one.partition), one.first, one.last + 1) for one in batches]
        counts = (await batch_counts(here, spans))[topic]
        within = columns(await self._offsets(spans), 4)
        refused = await here.pool.fetch(SQL["refused_within"], topic, *within, NATION_ZONE, MOST_PUBLISHERS)
        first_refused = await here.pool.fetch(SQL["first_refused_within"], topic, *within, MOST_REFUSED)
        days: Counter[date] = Counter()
        for row in refused:
            days[row["day"]] += row["count"]
        disputes = await here.pool.fetch(SQL["disputes"], topic, list(state.disputes), MOST_DISPUTES)
        return ReportDay(
            topic,
            day,
            batches,
            records=counts["records"],
            applied=counts["applied"],
            duplicates=counts["duplicates"],
            refusals=counts["refused"],
            refused=[(row["publisher"], row["reason"], row["count"]) for row in refused],
            first_refused=[RefusedMessage(partition=row[0], offset=row[1], reason=row[2]) for row in first_refused],
            refused_days=sorted(days.items()),
            missing=await self._missing(day) if missing and topic == CONTRIBUTIONS else (),
            disputed=[_dispute(row) for row in disputes if row["disputed"] < the_day.ends],
        )

    async def _offsets(self, spans: Iterable[Span]) -> list[tuple[int, int, int, datetime]]:
        """Return of each partition between which offsets batches lie, and when the first of them was recorded."""
        found: dict[int, tuple[int, int, datetime]] = {}
        for some in portions(spans):
            asked = columns([(stream, first, after - 1) for stream, first, after in some], 3)
            for partition, first, last, since in await self.service.pool.fetch(SQL["batch_offsets"], *asked):
                known = found.get(partition, (first, last, since))
                found[partition] = min(known[0], first), max(known[1], last), min(known[2], since)
        return [(partition, *span) for partition, span in found.items()]

    async def _missing(self, day: date) -> list[tuple[str, bool, int]]:
        """Return what is missing of employers that compete, while a measure of their season still takes facts."""
        here = self.service
        measures = await measures_on_months(here)
        seasons = {season for season, measure in measures if measure.cut_off.date() >= day}
        found: list[tuple[str, bool, int]] = []
        for season in sorted(seasons):
            key: Sequence[str | None] = (None, None)
            while rows := await here.pool.fetch(SQL["nominated_employers"], season, *key, _PAGE):
                page = await missing_months(here, [(row["season"], row["candidate"]) for row in rows], day)
                found += [(one["season"], one["registered"], len(one["months"])) for one in page]
                key = (rows[-1]["season"], rows[-1]["candidate"])
        return found

    async def _report(self, command: ReportDay) -> Receipt | Refusal:
        """Append the report of a day, if there is anything to tell."""
        stream = report_stream(command.topic)

        async def program(load: Loader) -> Decision:
            return decide_report(await load.load(REPORT, stream), command)

        said = f"{command.topic} {command.day.isoformat()}"
        key, digest = str(uuid5(_REPORTS, said)), sha256(said.encode()).digest()
        ask = Ask("system", "report", key, digest, self.service.clock.now())
        return await self.service.executor.execute(ask, program)


def _dispute(row: Any) -> ReportedDispute:
    return ReportedDispute(
        dispute=StreamPoint(stream=row["grp"], version=int(row["id"].rpartition("@")[2])),
        season=row["season"],
        candidate=row["candidate"],
        aspect=row["aspect"],
        measure=row["measure"],
    )


def reporting(service: Service) -> Background:
    """Return the reporter as work beside the requests, in one process at a time."""
    failures = Measure(
        "paritrana_report_failures",
        "Times that the day's reports to publishers could not be made.",
        ("kind",),
        registry=service.app.state.metrics.registry,
    )

    async def run() -> None:
        await Lead(service.settings.database_url, f"{service.name}/reports").run(Reporter(service, failures).run)

    return Background("reports", run)
