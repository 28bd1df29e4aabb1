"""Turn batches of facts into nominees' figures: the one writer of `indicator/…` streams.

A handler of the log. It follows which candidates are nominated and which measures their season's rulebook has, in any
version of it; when a batch says something of one of them, it is measured again from the whole ledger, as far as the log
tells of it by then, and a figure that came out otherwise is an event. What arrives within a moment is measured once.

Facts of batches that the handler has not read yet are not looked at, though they lie in the ledger already: so the
event can name exactly what it rests on, and whoever has the ledger can measure again.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from kernel.canonical import uuid7
from kernel.commands import Ask, Executor
from kernel.decider import Emit, Happened
from kernel.log import Connection, read_heads
from kernel.reactor import Effects, Live, Write
from kernel.sql import columns, queries
from schemas.envelope import StreamPoint
from schemas.exact import fraction_text
from schemas.nomination import (
    CandidateNominated,
    RulebookAmended,
    RulebookPublished,
    SeasonClosed,
)
from schemas.rulebook import Measure, Rulebook, definition_of
from schemas.scoring import FactsIngested, IndicatorMeasured
from services.scoring.domain.effective import NAMING_KINDS, by_subject
from services.scoring.domain.indicator import INDICATOR, Indicator, indicator_stream
from services.scoring.domain.measure import LedgerFact, Measurement, ledger_fact, measured
from services.scoring.domain.received import SEASON, Season
from services.scoring.ledger import first_day, ingest_stream

SQL: Final = queries(Path(__file__).with_name("measuring.sql"))
PACE: Final = 0.1
_AT_ONCE: Final = 200
"""Candidates whose facts are loaded together."""
_MANY: Final = 500
"""From so many candidates on, batches are read for whom they are about, instead of looking for each candidate."""
_FEW: Final = 2_000
"""Up to so many facts, corrections are looked for by each: that takes a look into every month that there is."""


class Watched(NamedTuple):
    """A nomination whose measures follow the facts, with the candidate that they are about."""

    nomination: str
    season: str
    province: str
    category: str
    kind: str
    candidate: str


class _Wording(NamedTuple):
    """A measure as a version of a rulebook words it, and the newest version that words it so."""

    measure: Measure
    definition: str
    version: int


@dataclass(slots=True)
class _Known:
    """What the handler keeps between batches of the log."""

    watched: dict[str, Watched]
    upto: dict[int, int]
    """By place, the last batch that the log told of."""
    places: dict[str, int]
    """Places by the stream of their batches."""


@dataclass(slots=True)
class _Round:
    """What one batch of the log asks for."""

    writes: list[Write] = field(default_factory=list)
    batches: list[tuple[int, int, FactsIngested]] = field(default_factory=list)
    read: dict[int, int] = field(default_factory=dict)
    """By place, the last batch that was read."""
    nominations: set[str] = field(default_factory=set)
    """To be measured whatever the batches say."""
    last: Happened | None = None
    """The newest event on which the handler may act."""


class Measuring:
    """Measures nominees anew when facts about them, or the rules, have changed."""

    name = "measuring"
    pace = PACE
    types = frozenset(
        model.type_name()
        for model in (
            FactsIngested, CandidateNominated, RulebookPublished, RulebookAmended, SeasonClosed,
        )
    )  # fmt: skip

    def __init__(self, executor: Executor) -> None:
        """Write as the service of `executor` does."""
        self._executor = executor
        self._kept: _Known | None = None
        self._wordings: dict[tuple[str, int], tuple[_Wording, ...]] = {}

    def settled(self, committed: bool) -> None:  # noqa: FBT001 - the kernel's protocol
        """Drop what is kept when it was not committed."""
        if not committed:
            self._kept = None

    async def prepare(self, batch: Sequence[Live], read: Connection) -> Effects:
        """Return the events of figures that came out otherwise, and what is to be remembered."""
        known = await self._known(read)
        asked = _Round()
        for live in batch:
            await self._take(known, asked, live, read)
        asked.writes += [(SQL["batch_measured"], batch_read) for batch_read in asked.read.items()]
        if asked.last is None:
            return Effects(writes=asked.writes)
        wanted = asked.nominations | await self._touched(known, asked, read)
        emits = await self._measured(known, sorted(wanted & known.watched.keys()), read)
        if not emits:
            return Effects(writes=asked.writes)
        heads = await read_heads(read, [emit.stream for emit in emits])
        ask = Ask(
            "system", f"reaction/{self.name}", uuid7(), b"", self._executor.clock.now(), causation=asked.last.id,
            not_before=asked.last.time,
        )  # fmt: skip
        return Effects(self._executor.written(ask, emits, heads).append, asked.writes)

    async def _known(self, read: Connection) -> _Known:
        if self._kept is None:
            rows = await read.fetch(SQL["measured_batches"])
            self._kept = _Known(
                {row["nomination"]: Watched(*row) for row in await read.fetch(SQL["watched"])},
                {row["place"]: row["batch"] for row in rows if row["batch"]},
                {ingest_stream(row["topic"], row["partition"]): row["place"] for row in rows},
            )
        return self._kept

    async def _take(self, known: _Known, asked: _Round, live: Live, read: Connection) -> None:
        happened = live.happened
        event: Any = happened.event
        if live.acting:
            asked.last = happened
        match event:
            case FactsIngested():
                await self._ingested(known, asked, happened, read)
            case CandidateNominated():
                at = event.entry
                candidate = event.candidate
                one = Watched(event.nomination, at.season, at.province, at.category, candidate.kind, candidate.code)
                _watch(known, asked, one)
            case RulebookPublished() | RulebookAmended():
                season = event.season
                asked.nominations |= {one.nomination for one in known.watched.values() if one.season == season}
            case SeasonClosed():
                for one in [one for one in known.watched.values() if one.season == event.season]:
                    del known.watched[one.nomination]
                asked.writes.append((SQL["unwatch"], (event.season,)))

    async def _ingested(self, known: _Known, asked: _Round, happened: Happened, read: Connection) -> None:
        place = known.places.get(happened.stream)
        if place is None:
            rows = await read.fetch(SQL["measured_batches"])
            known.places |= {ingest_stream(row["topic"], row["partition"]): row["place"] for row in rows}
            place = known.places[happened.stream]
        known.upto[place] = asked.read[place] = happened.version
        if happened.event.applied:
            asked.batches.append((place, happened.version, happened.event))

    async def _touched(self, known: _Known, asked: _Round, read: Connection) -> set[str]:
        """Return the nominations about whose candidates the batches said something, in whatever way."""
        if not asked.batches or not known.watched:
            return set()
        months = [
            first_day(month) for month in sorted({month for _, _, said in asked.batches for month in said.months})
        ]
        places, versions = [one[0] for one in asked.batches], [one[1] for one in asked.batches]
        subjects = list({one.candidate for one in known.watched.values()})
        rows = await read.fetch(SQL["corrected"], months, places, versions)
        if len(subjects) < _MANY:
            rows += await read.fetch(SQL["touched"], months, subjects, places, versions)
            rows += await read.fetch(SQL["awaited"], months, subjects, places, versions)
        else:
            of_batches = (months, places, versions, min(versions), max(versions))
            is_few = sum(said.applied for _, _, said in asked.batches) <= _FEW
            rows += await read.fetch(SQL["said_of"], *of_batches)
            rows += await read.fetch(SQL["awaited_from" if is_few else "awaited_in_bulk"], *of_batches)
        found = {row["subject"] for row in rows}
        return {one.nomination for one in known.watched.values() if one.candidate in found}

    # --- measuring -------------------------------------------------------------------------------------------------

    async def _measured(self, known: _Known, nominations: Sequence[str], read: Connection) -> list[Emit]:
        emits: list[Emit] = []
        for start in range(0, len(nominations), _AT_ONCE):
            some = [known.watched[one] for one in nominations[start : start + _AT_ONCE]]
            ledgered = await _ledgered({one.candidate for one in some}, known.upto, read)
            for one in some:
                emits += await self._of_one(known, one, ledgered)
        return emits

    async def _of_one(self, known: _Known, one: Watched, ledgered: _Ledgered) -> list[Emit]:
        wordings = await self._wordings_of(one.season)
        stream = indicator_stream(one.nomination)
        before: Indicator = await self._executor.state(INDICATOR, stream)
        facts = ledgered.by_subject.get(one.candidate, ())
        if not wordings or not (facts or before.version):
            return []
        basis = _basis(known, {ledgered.places[fact.leaf] for fact in facts})
        emits: list[Emit] = []
        for wording in wordings:
            found = measured(wording.measure, one.candidate, one.kind, facts)
            if _is_news(before, wording, found):
                emits.append(Emit(stream, _said(one, wording, found, basis)))
        return emits

    async def _wordings_of(self, season: str) -> tuple[_Wording, ...]:
        """Return every wording of every measure in any version of a season's rulebook: stages pin older ones."""
        state: Season = await self._executor.state(SEASON, f"season/{season}")
        kept = self._wordings.get((season, state.version))
        if kept is None:
            kept = self._wordings[season, state.version] = tuple(_wordings(state).values())
        return kept


def _watch(known: _Known, asked: _Round, one: Watched) -> None:
    known.watched[one.nomination] = one
    asked.writes.append((SQL["watch"], tuple(one)))
    asked.nominations.add(one.nomination)


def _wordings(season: Season) -> dict[tuple[str, str], _Wording]:
    found: dict[tuple[str, str], _Wording] = {}
    for version in sorted(season.versions):
        rulebook: Rulebook = season.rulebook(version)
        for measure in rulebook.measures:
            definition = definition_of(measure)
            found[measure.code, definition] = _Wording(measure, definition, version)
    return found


def _is_news(before: Indicator, wording: _Wording, found: Measurement) -> bool:
    """Tell whether a measurement says what was not said last; that nothing is known needs no saying at first."""
    last = before.latest.get((wording.measure.code, wording.definition))
    if last is None:
        return found.facts > 0
    return (last.ratio, last.lack, last.missing_months) != (found.ratio, found.lack, found.missing_months)


def _said(one: Watched, wording: _Wording, found: Measurement, basis: tuple[StreamPoint, ...]) -> IndicatorMeasured:
    return IndicatorMeasured(
        nomination=one.nomination,
        season=one.season,
        province=one.province,
        candidate=one.candidate,
        measure=wording.measure.code,
        definition=wording.definition,
        rulebook_version=wording.version,
        numerator=None if found.numerator is None else fraction_text(found.numerator),
        denominator=None if found.denominator is None else fraction_text(found.denominator),
        ratio=None if found.ratio is None else fraction_text(found.ratio),
        lack=found.lack,
        missing_months=found.missing_months,
        facts=found.facts,
        digest=found.digest,
        basis=basis,
    )


def _basis(known: _Known, places: Container[int]) -> tuple[StreamPoint, ...]:
    streams = sorted((stream, place) for stream, place in known.places.items() if place in places)
    return tuple(StreamPoint(stream=stream, version=known.upto[place]) for stream, place in streams)


class _Ledgered(NamedTuple):
    """Facts by the subject that they bear on, and the place of each by its leaf."""

    by_subject: Mapping[str, Sequence[LedgerFact]]
    places: Mapping[bytes, int]


async def _ledgered(candidates: Iterable[str], upto: Mapping[int, int], read: Connection) -> _Ledgered:
    """Load the facts about candidates, and what they correct and are corrected by.

    What is corrected is asked for even where a fact of its id is there: another month may have one too, of whomever,
    and what counts must not hang on who is measured beside.
    """
    within = (list(upto), list(upto.values()))
    own = await read.fetch(SQL["facts_about"], list(candidates), *within)
    naming = [row for row in own if row["kind"] in NAMING_KINDS]
    names = {(row["publisher"], row["target"] or row["id"]) for row in naming}
    correcting = await read.fetch(SQL["facts_correcting"], *columns(names), *within) if names else []
    corrected = {(row["publisher"], row["target"]) for row in [*naming, *correcting] if row["target"] is not None}
    named = await read.fetch(SQL["facts_named"], *columns(corrected), *within) if corrected else []
    rows = [*own, *correcting, *named]
    found = {row["document"]: (ledger_fact(row["document"]), row["place"]) for row in rows}
    places = {fact.leaf: place for fact, place in found.values()}
    return _Ledgered(by_subject(fact for fact, _ in found.values()), places)
