"""Fold what was received into whom to tell, and commit the intent to tell them: the handler `notifications/intents`.

It keeps, with its checkpoint, what it takes to know who is concerned (rulebooks, nominees, seats, meetings, deadlines)
and what each person chose, whether it may act or not; intents it makes only for what follows its `ReactionEnabled`. A
notice about a nomination, or under a rulebook, that is still on its way (another partition) waits as a row until that
is here; and what a decision says to the people of nominees waits so until its results are announced. Folded again from
the start it forgets first what it knew, so that it tells what it told before, under the same message ids: a rebuild or
a replay sends nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, assert_never
from uuid import UUID

import orjson

from kernel.decider import Happened
from kernel.log import Connection
from kernel.reactor import Effects, Live, Write
from kernel.sql import queries
from schemas.nomination import (
    AppealDecided,
    CandidateNominated,
    ConflictDeclared,
    ConflictLifted,
    DeadlineExtended,
    MemberAppointed,
    MinutesCorrected,
    NominationFiledLate,
    RankingAnnounced,
    RulebookAmended,
    RulebookPublished,
    SeasonClosed,
    SeasonFrozen,
    SeasonUnfrozen,
    StageFrozen,
    StageUnfrozen,
)
from schemas.notifications import SubscriptionChanged
from schemas.rulebook import Rulebook
from schemas.scoring import FactsReported, ScorersAssigned, ScoringClosed, ScoringExtended, ScoringOpened
from services.notifications.domain.calls import calls_of
from services.notifications.domain.intents import Intent, Notice, intents_of
from services.notifications.domain.known import Cited, Decision, Known, Nominee, Plenary, Seat, SeatKey
from services.notifications.domain.telling import (
    ARRIVING,
    OF_BODY,
    OF_MANY,
    OF_NOMINEE,
    OF_SEASON,
    WIDE,
    Wide,
    decision_of,
    learn,
    notices_of,
    wide_of,
)

SQL: Final = queries(Path(__file__).with_name("queries.sql"))
_TOLD: Final = (*OF_NOMINEE, *OF_MANY, *OF_BODY, *OF_SEASON, FactsReported)
_NOTED: Final = (
    RulebookPublished, SeasonClosed, ScoringOpened, ScoringClosed, SubscriptionChanged,
)  # fmt: skip
_WHOLE_CATEGORY: Final = UUID(int=0)
_DECIDED: Final = (RankingAnnounced, AppealDecided)
"""What makes results public, or may be what was made public."""


class IntentHandler:
    """The handler; `committed` is called after every commit, so that the senders look at once."""

    name: str = "notifications/intents"
    types: frozenset[str] = frozenset(model.type_name() for model in (*_TOLD, *_NOTED))
    pace: float = 0.0

    def __init__(self, committed: Callable[[], None]) -> None:
        self._committed = committed
        self._rulebooks: dict[tuple[str, int], Rulebook] = {}

    def settled(self, committed: bool) -> None:  # noqa: FBT001 - the kernel's protocol
        """Wake the senders; what is cached does not depend on the outcome."""
        if committed:
            self._committed()

    async def prepare(self, batch: Sequence[Live], read: Connection) -> Effects:
        """Return the rows that a batch leads to."""
        first = min(live.happened.position for live in batch)
        row = await read.fetchrow(SQL["began"])
        began = None if row is None else tuple(row)
        again = began is not None and any(tuple(live.happened.position) == began for live in batch)
        fold = Fold() if again else await self._loaded(batch, read)
        if again:
            fold.write("forget")
        if began is None or tuple(first) < began:
            fold.write("begin", *first)
        for live in batch:
            fold.take(live)
        return Effects(writes=fold.writes)

    async def _loaded(self, batch: Sequence[Live], read: Connection) -> Fold:
        """Return a fold that knows what the batch needs."""
        events = [live.happened.event for live in batch]
        known = Known()
        await _load_decisions(known, events, read)
        arriving = [*_arriving(events), *map(_announcement_of, known.decisions)]
        arriving += [_announcement_of((event.plenary, event.motion)) for event in events if isinstance(event, _DECIDED)]
        waiting: dict[str, list[Notice]] = {}
        for row in await read.fetch(SQL["waiting_for"], list(dict.fromkeys(arriving))):
            waiting.setdefault(row["needs"], []).append(Notice.of(orjson.loads(row["notice"])))
        held = [notice for notices in waiting.values() for notice in notices]
        await _load_nominees(known, events, held, read)
        seasons = {*_seasons(events), *(notice.season for notice in held if notice.season)}
        seasons |= {nominee.season for nominee in known.nominees.values()}
        await self._load_rulebooks(known, sorted(seasons), read)
        for row in await read.fetch(SQL["known_seats"], sorted(seasons)):
            key = SeatKey(row["season"], row["province"], row["body"], row["office"], row["seat"])
            known.seats[key] = Seat(key, str(row["person"]), row["held"])
        await _load_meetings(known, batch, read)
        rankings = [event.at.ranking for event in events if isinstance(event, RankingAnnounced)]
        known.announced.update(row["ranking"] for row in await read.fetch(SQL["known_announced"], rankings))
        return Fold(known, waiting, await _load_wide(batch, read))

    async def _load_rulebooks(self, known: Known, seasons: list[str], read: Connection) -> None:
        for row in await read.fetch(SQL["known_rulebooks"], seasons):
            key = (row["season"], row["version"])
            if key not in self._rulebooks:
                self._rulebooks[key] = Rulebook.from_content(orjson.loads(row["rulebook"]))
            known.rulebooks[row["season"]] = self._rulebooks[key]


# --- what a batch needs --------------------------------------------------------------------------------------------


def _arriving(events: Iterable[Any]) -> Iterator[str]:
    """Return what notices may wait for, of what the events bring."""
    for event in events:
        if isinstance(event, CandidateNominated | NominationFiledLate):
            yield f"nomination/{event.nomination}"
        elif isinstance(event, RulebookPublished | RulebookAmended):
            yield f"season/{event.season}"


def _mentioned(event: Any) -> Iterator[str]:
    """Return the nominations that an event names and tells of."""
    if isinstance(event, RankingAnnounced):
        yield from (line.nomination for line in event.lines)
    elif isinstance(event, AppealDecided):
        yield from (event.nomination, *(shift.nomination for shift in event.comparison or ()))
    elif isinstance(event, _TOLD) and getattr(event, "nomination", None):
        yield event.nomination


def _seasons(events: Iterable[Any]) -> Iterator[str]:
    for event in events:
        for stage in (getattr(event, name, None) for name in ("at", "entry", "left")):
            if stage is not None:
                yield stage.season
        if hasattr(event, "season"):
            yield event.season


def _announcement_of(cited: Cited) -> str:
    """Return what results wait for until their decision is announced."""
    plenary, motion = cited
    return f"motion/{plenary}/{motion}"


async def _load_decisions(known: Known, events: Iterable[Any], read: Connection) -> None:
    """Load what was announced, of the decisions that the events cite and of all others on the same seals."""
    plenaries, seals = set[UUID](), set[UUID]()
    for event in events:
        if (cited := decision_of(event)) is not None:
            plenaries.add(UUID(cited[0]))
        if isinstance(event, _DECIDED):
            plenaries.add(UUID(event.plenary))
            seals.add(UUID(event.seal))
    if not plenaries:
        return
    for row in await read.fetch(SQL["known_motions"], sorted(plenaries), sorted(seals)):
        cited = (str(row["plenary"]), row["motion"])
        known.decisions[cited] = Decision(cited, str(row["seal"]), row["verdict"], row["announced"])


async def _load_nominees(known: Known, events: list[Any], held: Iterable[Notice], read: Connection) -> None:
    asked = {one for event in events for one in _mentioned(event)} | {one for notice in held for one in notice.about}
    whole = sorted({season for event in events if isinstance(event, WIDE) for season in _seasons((event,))})
    if not asked and not whole:
        return
    for row in await read.fetch(SQL["known_nominations"], [UUID(one) for one in asked], whole):
        nominee = _nominee_of(row)
        known.nominees[nominee.nomination] = nominee


def _nominee_of(row: Mapping[str, Any]) -> Nominee:
    return Nominee(
        nomination=str(row["nomination"]),
        nominated_by=str(row["nominated_by"]),
        contact=str(row["contact"]),
        candidate=row["candidate"],
        season=row["season"],
        home=row["home"],
        at=row["at"],
        since=row["since"],
        standing=row["standing"],
        sample=row["sample"],
        kind=row["kind"],
        code=row["code"],
        body=row["body"],
        mend_until=row["mend_until"],
        interview=row["interview"],
        heard_at=row["heard_at"],
    )


async def _load_meetings(known: Known, batch: Sequence[Live], read: Connection) -> None:
    """Load the meetings that are corrected, and those to come of bodies that somebody joins."""
    told = [(live.happened, live.happened.event) for live in batch]
    asked = [UUID(event.plenary) for _, event in told if isinstance(event, MinutesCorrected)]
    joined = [(happened.time, event.season) for happened, event in told if isinstance(event, MemberAppointed)]
    if not asked and not joined:
        return
    since = min((time for time, _ in joined), default=told[0][0].time)
    for row in await read.fetch(SQL["known_plenaries"], asked, [season for _, season in joined], since):
        known.plenaries[str(row["plenary"])] = Plenary(
            plenary=str(row["plenary"]),
            season=row["season"],
            province=row["province"],
            body=row["body"],
            scheduled=row["scheduled"],
            agenda=tuple((category, stage) for category, stage in orjson.loads(row["agenda"])),
            cause=str(row["cause"]),
            recorded=row["recorded"],
        )


async def _load_wide(batch: Sequence[Live], read: Connection) -> list[Wide]:
    """Load what was said to all, and was recorded after what brings nominees now."""
    arriving = [live.happened for live in batch if isinstance(live.happened.event, ARRIVING)]
    if not arriving:
        return []
    seasons = sorted(_seasons(happened.event for happened in arriving))
    rows = await read.fetch(SQL["known_wide"], seasons, min(happened.time for happened in arriving))
    return [
        Wide(
            Notice.of(orjson.loads(row["notice"])),
            None if row["stages"] is None else tuple(row["stages"]),
            row["home"],
        )
        for row in rows
    ]


# --- folding -------------------------------------------------------------------------------------------------------


class Fold:
    """One batch folded onto what is known, in the log's order; `writes` are the rows that it leads to."""

    def __init__(
        self,
        known: Known | None = None,
        waiting: dict[str, list[Notice]] | None = None,
        wide: Iterable[Wide] = (),
    ) -> None:
        """Begin with what is known, what waits for what, and what was said to all of a stage or season."""
        self._known = known or Known()
        self._waiting = waiting or {}
        self._wide = list(wide)
        self.writes: list[Write] = []

    def take(self, live: Live) -> None:
        """Tell of an event, as far as may be acted on it, and keep what it says."""
        happened = live.happened
        decision = decision_of(happened.event)
        notices = notices_of(happened, self._known) if live.acting or decision is not None else []
        changed = learn(happened, self._known)
        self._keep(changed)
        self._note(happened)
        if decision is not None and not self._known.is_public(decision):
            notices = self._hold(notices, decision)
        for notice in notices if live.acting else ():
            self._tell(notice)
            if isinstance(happened.event, WIDE):
                self._tell_widely(wide_of(happened.event, notice))
        if isinstance(changed, Decision):
            self._tell_announced(changed, acting=live.acting)
        if isinstance(happened.event, ARRIVING) and isinstance(changed, Nominee):
            self._tell_late(changed)
        for needs in _arriving((happened.event,)):
            self._tell_what_waited(needs)

    def _tell_what_waited(self, needs: str) -> None:
        for notice in self._no_longer_waits(needs):
            self._tell(notice)

    def _no_longer_waits(self, needs: str) -> list[Notice]:
        held = self._waiting.pop(needs, [])
        if held:
            self.write("end_waiting", needs)
        return held

    def _hold(self, notices: Iterable[Notice], decision: Cited) -> list[Notice]:
        """Keep what a decision says to the people of nominees for its announcement; return what others are told now.

        It is kept of a decision that may not be acted on too: its announcement may be one that may.
        """
        now: list[Notice] = []
        for notice in notices:
            self._wait(_announcement_of(decision), replace(notice, nominees_only=True))
            now.append(replace(notice, others_only=True))
        return now

    def _tell_announced(self, changed: Decision, *, acting: bool) -> None:
        """Tell what waited for an announcement, of every decision on the same seal that is public by now."""
        for decision in self._known.public_on(changed.seal):
            for notice in self._no_longer_waits(_announcement_of(decision)):
                if acting:
                    self._tell(notice)

    def _tell_widely(self, wide: Wide) -> None:
        self._wide.append(wide)
        self.write("put_wide", *_wide_row(wide))

    def _tell_late(self, nominee: Nominee) -> None:
        """Tell the people of a nominee what was said to all before it was received, and concerns it."""
        for wide in self._wide:
            if (notice := wide.told_late(nominee)) is not None:
                self._tell(notice)

    def _tell(self, notice: Notice) -> None:
        told = intents_of(notice, self._known)
        for intent in told.intents:
            self.write("put_intent", *intent_row(intent))
        for call in calls_of(notice, self._known):
            self.write("put_call", call.id, call.role, _json(call.document()), notice.recorded)
        for needs, later in told.waits:
            self._wait(needs, later)

    def _wait(self, needs: str, notice: Notice) -> None:
        self._waiting.setdefault(needs, []).append(notice)
        self.write("put_waiting", *_waiting_row(needs, notice))

    def _keep(self, changed: Nominee | Seat | Plenary | Decision | None) -> None:
        match changed:
            case None:
                return
            case Nominee():
                self.write("put_nomination", *_nominee_row(changed))
            case Seat(key=key):
                belongs = (changed.employer, changed.government)
                self.write("put_seat", *key, UUID(changed.person), changed.held, *belongs)
            case Plenary():
                self.write("put_plenary", *_plenary_row(changed))
            case Decision(cited=(plenary, motion)):
                self.write("put_motion", UUID(plenary), motion, UUID(changed.seal), changed.verdict, changed.announced)
            case _:
                assert_never(changed)

    def _note(self, happened: Happened) -> None:
        """Keep what deadlines and choices are reckoned from."""
        match event := happened.event:
            case RulebookPublished() | RulebookAmended():
                self._known.rulebooks[event.season] = Rulebook.from_content(event.content)
                self.write("put_season", event.season, event.version, orjson.dumps(event.content).decode())
            case SeasonFrozen() | SeasonUnfrozen() | SeasonClosed():
                self.write("freeze_season", event.season, not isinstance(event, SeasonUnfrozen))
            case DeadlineExtended():
                self.write("put_extension", event.season, event.province or "", event.until)
            case ConflictDeclared() | ConflictLifted():
                what = "put_conflict" if isinstance(event, ConflictDeclared) else "end_conflict"
                self.write(what, *_conflict_row(event))
            case RankingAnnounced() | StageFrozen() | StageUnfrozen():
                self._note_appeals(event)
            case ScoringOpened() | ScoringExtended() | ScoringClosed() | ScorersAssigned():
                self._note_stage(event)
            case SubscriptionChanged():
                self._choose(event, happened.version)
            case _:
                return

    def _note_appeals(self, event: RankingAnnounced | StageFrozen | StageUnfrozen) -> None:
        match event:
            case RankingAnnounced():
                out = [UUID(line.nomination) for line in event.lines if line.outcome == "eliminated"]
                self.write("put_announced", event.at.ranking, event.at.season, out, event.appeals_until)
            case StageFrozen():
                for stage in event.stages:
                    self.write("put_freeze", UUID(event.appeal), stage.ranking)
            case StageUnfrozen():
                self.write("end_freezes", UUID(event.appeal))
            case _:
                assert_never(event)

    def _note_stage(self, event: ScoringOpened | ScoringExtended | ScoringClosed | ScorersAssigned) -> None:
        ranking = event.at.ranking
        match event:
            case ScoringOpened():
                self.write("put_stage", *_stage_row(event))
            case ScoringExtended():
                self.write("extend_stage", ranking, event.until)
            case ScoringClosed():
                self.write("close_stage", ranking)
            case ScorersAssigned():
                for one in event.assignments:
                    for member in one.members:
                        self.write("put_assigned", ranking, UUID(one.nomination), UUID(member))
            case _:
                assert_never(event)

    def _choose(self, event: SubscriptionChanged, version: int) -> None:
        person = UUID(event.person)
        chosen = {choice.group: choice.channel for choice in event.channels}
        groups = [chosen[group] for group in ("steps", "deadlines", "meetings", "results", "appeals")]
        webhook = (event.webhook, event.previous)
        self.write("drop_replaced", person, version, *webhook)
        self.write("put_subscription", person, version, *groups, event.zone, *webhook, event.previous_until)
        self.write("reroute", person)

    def write(self, query: str, *arguments: Any) -> None:
        """Add a statement to what is committed with the checkpoint."""
        self.writes.append((SQL[query], arguments))


# --- rows ----------------------------------------------------------------------------------------------------------


def intent_row(intent: Intent) -> tuple[Any, ...]:
    """Return the arguments of `put_intent`."""
    notice = intent.notice
    return (
        intent.message_id,
        UUID(notice.cause),
        UUID(intent.person),
        notice.template,
        intent.season,
        _json(intent.params),
        [UUID(nomination) for nomination in intent.nominations],
        notice.sample,
        notice.recorded,
    )


def _waiting_row(needs: str, notice: Notice) -> tuple[Any, ...]:
    nomination = UUID(notice.about[0]) if len(notice.about) == 1 else None
    return (UUID(notice.cause), notice.template, needs, nomination, _json(notice.document()))


def _wide_row(wide: Wide) -> tuple[Any, ...]:
    notice, stages = wide.notice, None if wide.stages is None else list(wide.stages)
    return (UUID(notice.cause), notice.season, stages, wide.home, notice.recorded, _json(notice.document()))


def _nominee_row(nominee: Nominee) -> tuple[Any, ...]:
    return (
        UUID(nominee.nomination),
        UUID(nominee.nominated_by),
        UUID(nominee.contact),
        nominee.candidate,
        nominee.season,
        nominee.home,
        nominee.at,
        nominee.since,
        nominee.standing,
        nominee.sample,
        nominee.kind,
        nominee.code,
        nominee.body,
        nominee.mend_until,
        nominee.interview,
        nominee.heard_at,
    )


def _stage_row(event: ScoringOpened) -> tuple[Any, ...]:
    at, rules = event.at, event.rules
    place = (at.ranking, at.season, at.province, at.category)
    recused = (rules.conflict_scope == "category", rules.own_employer == "refused", rules.own_government == "refused")
    return (*place, event.body, list(rules.scoring_offices), event.closes, *recused)


def _plenary_row(plenary: Plenary) -> tuple[Any, ...]:
    head = (UUID(plenary.plenary), plenary.season, plenary.province, plenary.body, plenary.scheduled)
    return (*head, _json(plenary.agenda), UUID(plenary.cause), plenary.recorded)


def _conflict_row(event: ConflictDeclared | ConflictLifted) -> tuple[Any, ...]:
    nomination = UUID(event.nomination) if event.nomination else _WHOLE_CATEGORY
    return (event.season, event.province, event.body, UUID(event.person), event.category, nomination)


def _json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
