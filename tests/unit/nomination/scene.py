"""A season in memory for the specs: what happened so far, folded by the real aggregates, under the real rulebook.

`given` steps go through the same decisions as commands do, so a spec cannot start from a history that the rules would
not have allowed. Seals are scoring's, and are made here as scoring makes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from uuid import NAMESPACE_OID, uuid5

from kernel.decider import Aggregate, Decision, Emit, Happened, Position, Refusal
from schemas.envelope import Event, Stage, StreamPoint
from schemas.nomination import AgendaItem, NominationVerified, StageAdvanced, Vote
from schemas.rulebook import CandidateKind, Rulebook
from schemas.rulebook_file import read_rulebook
from schemas.scoring import Basis, RankingSealed, RankingSuperseded, Standing, Unrankable, standings_digest
from services.nomination.domain.announcing import Announce, announce
from services.nomination.domain.appeal import downstream
from services.nomination.domain.award import AWARD, Award
from services.nomination.domain.candidate import CandidateAsked
from services.nomination.domain.committee import (
    COMMITTEE,
    AppointMember,
    Committee,
    DeclareConflict,
    FormCommittee,
    RemoveMember,
    appoint_member,
    committee_stream,
    declare_conflict,
    form_committee,
    remove_member,
)
from services.nomination.domain.deciding import (
    DecideMotion,
    OpenMotion,
    TableRanking,
    decide_motion,
    open_motion,
    table_ranking,
)
from services.nomination.domain.evidence import Ahead, Evidence, decided_by
from services.nomination.domain.nomination import (
    NOMINATION,
    Nominate,
    Nomination,
    NominationState,
    Settled,
    Withdraw,
    nominate,
    nomination_stream,
    settle_nomination,
    withdraw,
)
from services.nomination.domain.plenary import (
    PLENARY,
    Actor,
    Adjourn,
    BreakTie,
    Convene,
    Mode,
    Motion,
    Plenary,
    PlenaryState,
    RecordAttendance,
    adjourn,
    convene,
    plenary_stream,
    record_attendance,
)
from services.nomination.domain.ranking import RANKING, Ranking
from services.nomination.domain.refusals import RULES
from services.nomination.domain.season import SEASON, OpenSeason, SeasonState, known, open_season, season_stream
from services.nomination.domain.voting import CastVote, cast_vote

S = TypeVar("S")

GORONTALO = "75"
BODY = "panitia-9"
ITEM = AgendaItem(category="KABKOTA", stage="seleksi")
AT = Stage(season="2020", tier="provincial", province=GORONTALO, category="KABKOTA", stage="seleksi")
IN_WINDOW = datetime(2021, 1, 6, 3, tzinfo=UTC)
LATER = datetime(2021, 3, 2, 3, tzinfo=UTC)
REASON = "ab" * 32
REGENCIES = ("75.03", "75.71", "75.01", "75.02", "75.04", "75.05")
VOTING_OFFICES = (
    "sekretaris-daerah",
    "kepala-bpjs-ketenagakerjaan",
    "asisten-pemerintahan-kesra",
    "kepala-dinas-tenaga-kerja",
    "kepala-dinas-koperasi-ukm",
    "kepala-bps",
    "ketua-apindo",
    "ketua-spsi",
)
"""Eight of nine seats: the ninth is left open, and counts for the quorum all the same."""


def person(name: str) -> str:
    """Return the pseudonym of a test's person."""
    return str(uuid5(NAMESPACE_OID, name))


CHAIR = person("sekretaris-daerah")
SECRETARY = Actor(person("sekretaris-75"), secretary=True)
CONTACT = person("contact")
PLENARY_ID = person("plenary")


@cache
def rulebook(season: int = 2020) -> Rulebook:
    """Return a shipped rulebook."""
    path = Path(__file__).parents[3] / "rulebooks" / f"{season}.yaml"
    read = read_rulebook(path.read_bytes()).rulebook
    assert read is not None
    return read


def changed(rules: Rulebook, **fields: Any) -> Rulebook:
    """Return the rulebook with some top values replaced."""
    return Rulebook.from_content({**rules.model_dump(mode="json", exclude_none=True), **fields})


def with_quota(places: int) -> Rulebook:
    """Return the rulebook with another quota for the provincial selection of regencies and cities."""
    content = rulebook().model_dump(mode="json", exclude_none=True)
    for stage in content["stages"]:
        if (stage["tier"], stage["category"]) == ("provincial", "KABKOTA"):
            stage["quota"]["places"] = places
    return Rulebook.from_content(content)


def accepted(decision: Decision) -> Sequence[Emit]:
    """Return the events of a decision that was not refused."""
    assert not isinstance(decision, Refusal), decision
    return decision


def refused(decision: Decision | Settled, code: str, path: str) -> Refusal:
    """Return the refusal, which must be this one about this field, said and remedied in both languages."""
    assert isinstance(decision, Refusal), decision
    fault = decision.faults[0]
    assert (decision.code, fault.path) == (code, path)
    for sentence in (decision.detail.en, decision.detail.id, fault.remedy.en, fault.remedy.id):
        assert sentence
        assert "{" not in sentence
        assert "None" not in sentence
    assert decision.status == RULES[code].status
    assert decision.recorded is (decision.status != 404)
    return decision


class Scene:
    """What happened so far, by stream."""

    def __init__(self) -> None:
        self.streams: dict[str, list[Happened]] = {}
        self._folded: dict[tuple[int, str], tuple[int, Happened | None, Any]] = {}
        self.clock = IN_WINDOW
        self.count = 0

    # --- history

    def record(self, emits: Iterable[Emit], actor: str | None = None) -> None:
        """Append events as one transaction, of an actor if it matters."""
        by = {} if actor is None else {"actor": actor}
        self.count += 1
        self.clock += timedelta(seconds=1)
        for index, emit in enumerate(emits):
            stream = self.streams.setdefault(emit.stream, [])
            event = type(emit.event).model_validate(emit.event.to_data())
            id_ = person(f"event {self.count}.{index}")
            position = Position(1, self.count, self.count * 100 + index)
            stream.append(Happened(event, id_, emit.stream, len(stream) + 1, self.clock, position=position, **by))

    def given(self, decision: Decision, actor: str | None = None) -> list[Event]:
        """Append an accepted decision and return its events."""
        emits = accepted(decision)
        self.record(emits, actor)
        return [emit.event for emit in emits]

    def fold(self, aggregate: Aggregate[S], stream: str) -> S:
        """Return a stream's state; only what is new of it is folded."""
        events, key = self.streams.get(stream, []), (id(aggregate), stream)
        seen, last, state = self._folded.get(key, (0, None, None))
        if seen > len(events) or (seen and events[seen - 1] is not last):
            seen, state = 0, None  # a spec has taken something out of the stream
        folded = aggregate.fold(events[seen:], state)
        self._folded[key] = (len(events), events[-1] if events else None, folded)
        return folded

    def version(self, stream: str) -> int:
        """Return how many events a stream has."""
        return len(self.streams.get(stream, ()))

    def last(self, stream: str) -> Happened:
        """Return a stream's last event."""
        return self.streams[stream][-1]

    # --- states

    def season(self, code: str = "2020") -> SeasonState:
        return self.fold(SEASON, season_stream(code))

    def committee(self, province: str = GORONTALO) -> Committee:
        return self.fold(COMMITTEE, committee_stream("2020", province))

    def nomination(self, id_: str) -> NominationState:
        return self.fold(NOMINATION, nomination_stream(id_))

    def nominations(self) -> dict[str, NominationState]:
        ids = [stream.partition("/")[2] for stream in self.streams if stream.startswith("nomination/")]
        return {id_: self.nomination(id_) for id_ in ids}

    def plenary(self, id_: str = PLENARY_ID) -> PlenaryState:
        return self.fold(PLENARY, plenary_stream(id_))

    def meeting(self, id_: str = PLENARY_ID) -> tuple[PlenaryState, SeasonState, Committee]:
        plenary = self.plenary(id_)
        province = plenary.province if isinstance(plenary, Plenary) else GORONTALO
        return plenary, self.season(), self.committee(province)

    def ranking(self, at: Stage = AT) -> Ranking:
        return self.fold(RANKING, at.ranking)

    def award(self, at: Stage = AT) -> Award:
        return self.fold(AWARD, at.award)

    def evidence(self, at: Stage = AT, plenary: str = PLENARY_ID) -> Evidence:
        """Return what a decision of a meeting rests on, as the programs load it."""
        ties, ahead = self.ties_elsewhere(at, plenary), self.ahead(at)
        return Evidence(self.ranking(at), self.award(at), self.nominations(), self.awards(), ties, ahead=ahead)

    def awards(self) -> dict[str, Award]:
        """Return every award by its stream."""
        return {stream: self.fold(AWARD, stream) for stream in self.streams if stream.startswith("award/")}

    def ahead(self, at: Stage) -> Ahead | None:
        """Return the stage that the best of another enter, with whether any meeting has decided it."""
        season = known(self.season())
        is_known = season is not None and (at.tier, at.category, at.stage) in {one.id for one in season.rulebook.stages}
        for stage in downstream(season.rulebook, at)[:1] if season and is_known else ():
            item = AgendaItem(category=stage.category, stage=stage.stage)
            ids = [stream.partition("/")[2] for stream in self.streams if stream.startswith("plenary/")]
            meetings = [one for one in map(self.plenary, ids) if isinstance(one, Plenary)]
            decided = any(one.stage(item) == stage and decided_by(item, one) for one in meetings)
            return Ahead(stage, self.ranking(stage), self.award(stage), decided)
        return None

    def ties_elsewhere(self, at: Stage, plenary: str) -> tuple[Motion, ...]:
        """Return the motions on ties at a stage that other meetings put."""
        ids = [stream.partition("/")[2] for stream in self.streams if stream.startswith("plenary/")]
        others = [self.plenary(id_) for id_ in sorted(ids) if id_ != plenary]
        return tuple(
            motion
            for other in others
            if isinstance(other, Plenary)
            for motion in other.motions
            if isinstance(motion.question, BreakTie) and other.stage(motion.item) == at
        )

    # --- seasons and committees

    def open(self, rules: Rulebook | None = None) -> list[Event]:
        return self.given(open_season(OpenSeason(rules or rulebook()), self.season()))

    def form(self, body: str = BODY, province: str = GORONTALO, **also: Any) -> Decision:
        asked = FormCommittee("2020", province, body, "SK 12/2021", date(2021, 1, 1), date(2021, 12, 31))
        return form_committee(replace(asked, **also), self.season(also.get("season", "2020")), self.committee(province))

    def appoint(self, office: str, who: str, seat: int = 1, body: str = BODY, province: str = GORONTALO) -> Decision:
        command = AppointMember("2020", province, body, office, seat, who, self.clock)
        return appoint_member(command, self.season(), self.committee(province))

    def remove(self, who: str, body: str = BODY) -> Decision:
        return remove_member(RemoveMember("2020", GORONTALO, body, who, REASON), self.season(), self.committee())

    def declare(self, who: str, nomination: str | None = None, **also: Any) -> Decision:
        asked = DeclareConflict("2020", GORONTALO, BODY, who, who, "KABKOTA", nomination, "family", REASON)
        state = self.nomination(nomination) if nomination else None
        return declare_conflict(replace(asked, **also), self.season(), self.committee(), state)

    def seat(self, offices: Iterable[str] = VOTING_OFFICES) -> None:
        for office in offices:
            self.given(self.appoint(office, person(office)))

    # --- nominations

    def nominate(self, code: str = "75.71", **also: Any) -> Decision:
        kind: CandidateKind = "city" if int(code[3:]) > 70 else "regency"
        asked = Nominate(
            "2020",
            "KABKOTA",
            CandidateAsked(kind, code),
            GORONTALO,
            person("secretariat"),
            CONTACT,
            sample=False,
            received=IN_WINDOW,
            scopes=frozenset({GORONTALO}),
        )
        command = replace(asked, **also)
        settled = settle_nomination(command, self.season(command.season))
        if isinstance(settled, Refusal):
            return settled
        return nominate(command, settled, self.nomination(settled.nomination), self.ranking(settled.entry))

    def nominated(self, *codes: str) -> list[str]:
        """Nominate regencies and cities; return the nominations' ids."""
        ids = []
        for code in codes:
            (event,) = self.given(self.nominate(code))
            ids.append(event.nomination)  # type: ignore[attr-defined]
        return ids

    def withdraw(self, id_: str, **also: Any) -> Decision:
        state = self.nomination(id_)
        won = isinstance(state, Nomination) and self.award(state.at).won(id_)
        return withdraw(replace(Withdraw(id_, REASON, frozenset({GORONTALO}), won=won), **also), state)

    def advanced(self, id_: str, *stages: Stage) -> None:
        """Take a nomination on, as plenaries would have."""
        for reached in stages:
            state = self.nomination(id_)
            assert isinstance(state, Nomination)
            event = StageAdvanced(
                nomination=id_,
                left=state.at,
                reached=reached,
                rank=1,
                plenary=person("plenary"),
                motion=len(state.steps),
                seal=person("seal"),
            )
            self.record([Emit(nomination_stream(id_), event)])

    # --- seals

    def basis(self, at: Stage = AT) -> Basis:
        """Return what a seal made now would rest on."""
        now = Position(9, 0, 0)
        eligible = sorted(
            id_
            for id_, state in self.nominations().items()
            if isinstance(state, Nomination) and state.was_eligible(at, now, self.clock)
        )
        streams = [committee_stream(at.season, at.province), season_stream(at.season)]
        points = [
            StreamPoint(stream=stream, version=self.version(stream)) for stream in streams if self.version(stream)
        ]
        return Basis(nominations=tuple(eligible), streams=tuple(points))

    def seal(self, ranks: Sequence[tuple[str, int]], without: Sequence[str] = (), at: Stage = AT, **also: Any) -> str:
        """Receive a seal of these ranks, and of those `without` one; return its id."""
        standings = tuple(
            Standing(nomination=id_, candidate=id_[:8], rank=rank, total=f"{100 - rank}/1", shown="0.00", aspects=())
            for id_, rank in ranks
        )
        unrankable: tuple[Unrankable, ...] = also.get("unrankable") or tuple(
            Unrankable(nomination=id_, candidate=id_[:8], reason="too-few-sheets") for id_ in without
        )
        said = {
            "at": at,
            "rulebook_version": 1,
            "rulebook_hash": next(iter(self.season().hashes.values())),  # type: ignore[union-attr]
            "standings": standings,
            "unrankable": unrankable,
            "counted": (),
            "excluded": (),
            "basis": self.basis(at),
            "digest": standings_digest(standings, unrankable),
        }
        self.record([Emit(at.ranking, RankingSealed.model_validate({**said, **also}))])
        return self.last(at.ranking).id

    def supersede(self, seal: str, at: Stage = AT) -> None:
        self.record([Emit(at.ranking, RankingSuperseded(at=at, seal=seal, order=person("order")))])

    # --- plenaries

    def convene(
        self,
        actor: Actor = SECRETARY,
        agenda: tuple[AgendaItem, ...] = (ITEM,),
        beside: Iterable[str] = (),
        **also: Any,
    ) -> Decision:
        asked = Convene(PLENARY_ID, "2020", GORONTALO, BODY, LATER, agenda, actor, self.clock)
        command = replace(asked, **also)
        others = [self.plenary(one) for one in beside]
        return convene(command, self.season(command.season), self.committee(command.province), others)

    def attend(
        self, who: str, actor: Actor | None = None, *, present: bool = True, mode: Mode | None = None
    ) -> Decision:
        command = RecordAttendance(PLENARY_ID, who, present, mode, actor or Actor(who), self.clock)
        return record_attendance(command, *self.meeting())

    def all_attend(self, offices: Iterable[str] = VOTING_OFFICES) -> None:
        for office in offices:
            self.given(self.attend(person(office)))

    def table(self, actor: Actor = SECRETARY, item: AgendaItem = ITEM, **also: Any) -> Decision:
        command = replace(TableRanking(PLENARY_ID, item, actor, self.clock), **also)
        return table_ranking(command, *self.meeting(), self.evidence(self._at(item)))

    def move(self, actor: Actor = SECRETARY, item: AgendaItem = ITEM, **also: Any) -> Decision:
        command = replace(OpenMotion(PLENARY_ID, item, actor, self.clock), **also)
        return open_motion(command, *self.meeting(), self.evidence(self._at(item)))

    def vote(self, who: str, vote: Vote = "for", motion: int = 1) -> Decision:
        command = CastVote(PLENARY_ID, motion, vote, Actor(who), self.clock)
        return cast_vote(command, *self.meeting(), self.ranking(self._at(self._item(motion))), self.nominations())

    def all_vote(self, *votes: tuple[str, Vote]) -> None:
        for office, vote in votes or [(office, "for") for office in VOTING_OFFICES]:
            self.given(self.vote(person(office), vote))

    def decide(self, actor: Actor | None = None, motion: int = 1, plenary: str = PLENARY_ID) -> Decision:
        command = DecideMotion(plenary, motion, actor or Actor(CHAIR), self.clock)
        evidence = self.evidence(self._at(self._item(motion)), plenary)
        return decide_motion(command, *self.meeting(plenary), evidence, self.version)

    def announce(self, actor: Actor | None = None, motion: int = 1) -> Decision:
        command = Announce(PLENARY_ID, motion, actor or Actor(CHAIR), self.clock)
        return announce(command, *self.meeting(), self.evidence(self._at(self._item(motion))))

    def find_in_order(self, ids: Sequence[str], at: Stage) -> None:
        """Let somebody verify nominations at a stage."""
        for id_ in ids:
            verified = NominationVerified(nomination=id_, at=at, verifier=person("verifier"), office="verifikator")
            self.record([Emit(nomination_stream(id_), verified)])

    def publish(self, actor: Actor, meeting: str) -> None:
        """Announce what was decided first and let the appeal window pass, so that the next stage can be decided.

        The announcement is of a meeting of this name: the scene's next meeting takes over the one id of its verbs.
        """
        (announced,) = accepted(self.announce(actor))
        event = announced.event.model_copy(update={"plenary": person(meeting)})
        self.record([Emit(announced.stream, event)])
        self.clock += timedelta(days=8)

    def adjourn(self, actor: Actor = SECRETARY) -> Decision:
        return adjourn(Adjourn(PLENARY_ID, actor), *self.meeting())

    def _item(self, motion: int) -> AgendaItem:
        plenary = self.plenary()
        found = plenary.motion(motion) if isinstance(plenary, Plenary) else None
        return found.item if found else ITEM

    def _at(self, item: AgendaItem) -> Stage:
        plenary = self.plenary()
        return plenary.stage(item) if isinstance(plenary, Plenary) else AT


def opened(rules: Rulebook | None = None) -> Scene:
    """Return a scene with an open season."""
    scene = Scene()
    scene.open(rules)
    return scene


def seated(rules: Rulebook | None = None) -> Scene:
    """Return a scene with an open season and a committee of eight in nine seats."""
    scene = opened(rules)
    scene.given(scene.form())
    scene.seat()
    return scene


def convened(*ranks: int, rules: Rulebook | None = None, unrankable: int = 0) -> tuple[Scene, list[str]]:
    """Return a scene whose plenary is convened on a sealed ranking of these ranks, and the nominations by rank."""
    scene = seated(rules)
    ids = scene.nominated(*REGENCIES[: len(ranks) + unrankable])
    scene.seal(list(zip(ids, ranks, strict=False)), ids[len(ranks) :])
    scene.given(scene.convene())
    return scene, ids


def moved(*ranks: int, rules: Rulebook | None = None, unrankable: int = 0) -> tuple[Scene, list[str]]:
    """Return the same with everybody present, the ranking tabled and a motion open."""
    scene, ids = convened(*ranks, rules=rules, unrankable=unrankable)
    scene.all_attend()
    scene.given(scene.table())
    scene.given(scene.move())
    return scene, ids


def carried(*ranks: int, rules: Rulebook | None = None) -> tuple[Scene, list[str], list[Event]]:
    """Return the same with the motion carried, and what the decision emitted."""
    scene, ids = moved(*ranks, rules=rules)
    scene.all_vote()
    return scene, ids, scene.given(scene.decide())
