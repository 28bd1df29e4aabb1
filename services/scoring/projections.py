"""Rankings as they stand or were sealed: the read rows of every stage, folded from raw documents.

A ranking is folded per committee stream (`2020/75`: a season in a province, or `2020/00` for the nation), since
recusals and removals reach over all rankings of the place. Marks count once their sheet is submitted, and a submission
holds the whole sheet, so single marks are not read at all; a sheet's event is a few dictionary steps, and fractions are
made only for the nominees that changed, when rows are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction
from typing import Any, Final, NamedTuple

import orjson

from kernel.log import Recorded
from kernel.reactor import Table
from schemas.envelope import Event
from schemas.exact import fraction_text, parse_fraction
from schemas.nomination import (
    AppealDecided,
    CandidateNominated,
    CommitteeFormed,
    ConflictDeclared,
    ConflictLifted,
    DecisionReviewed,
    MemberAppointed,
    MemberRemoved,
    NominationEliminated,
    NominationReinstated,
    NominationRejected,
    NominationWithdrawn,
    RankingAnnounced,
    StageAdvanced,
    StageAdvanceWithdrawn,
    StageFrozen,
    StageUnfrozen,
)
from schemas.regions import NATION
from schemas.scoring import (
    AspectScoreRevised,
    CorrectionImpactFound,
    IndicatorMeasured,
    PinnedAspect,
    PinnedRules,
    RankingSealed,
    RankingSuperseded,
    ScoreSheetSubmitted,
    ScoreSheetVoided,
    ScoringClosed,
    ScoringExtended,
    ScoringOpened,
)
from services.scoring.domain.indicator import measured_aspects, on_scale
from services.scoring.domain.ranking import Entrant, Evaluation, Marks, Rules, Standings, Tie, millionths
from services.scoring.domain.ranking import Place as RankedPlace
from services.scoring.domain.received import Belonging, Committee, Interest, Nominee, Seat, Term
from services.scoring.domain.seal import exclusion, recusals_of
from services.scoring.domain.sheet import Status

Json = dict[str, Any]
Row = tuple[Any, ...]


def types_of(*models: type[Event]) -> frozenset[str]:
    """Return the type names of event models."""
    return frozenset(model.type_name() for model in models)


def _text(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def group_of(season: str, province: str) -> str:
    """Return the group that a place's rankings are folded in."""
    return f"{season}/{province}"


def ranking_of(at: Mapping[str, str]) -> str:
    """Return the ranking stream of a stage as raw data has it."""
    return f"ranking/{at['season']}/{at['tier']}/{at['province']}/{at['category']}/{at['stage']}"


# --- one stage -----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class FiledMarks:
    """A sheet as it was filed: marks are the texts of the events, None where an aspect does not apply."""

    status: Status = "draft"
    marks: dict[str, str | None] = field(default_factory=dict)
    sample: bool = False

    def as_counted(self) -> Marks:
        """Return the marks as the ranking takes them."""
        return {aspect: None if mark is None else millionths(mark) for aspect, mark in self.marks.items()}


@dataclass(slots=True)
class _Shown:
    """What of an evaluation is shown, kept with it, and the row it was last shown in at the place known then."""

    evaluation: Evaluation
    total: str | None
    shown: str | None
    aspects: str
    recusals: str
    known: tuple[Any, ...] = ()
    row: Row = ()


@dataclass(slots=True)
class Board:
    """The ranking of one stage: who competes, what was filed, and the rows, kept until something changes."""

    at: Json
    ranking: str
    opened: Json | None = None
    pinned: PinnedRules | None = None
    standings: Standings | None = None
    measured: tuple[PinnedAspect, ...] = ()
    """The aspects that are taken from other systems' facts."""
    closed: bool = False
    extensions: list[Json] = field(default_factory=list)
    """What moved the deadline, in order: until when, from when, and when that was recorded."""
    freezes: set[str] = field(default_factory=set)
    """The open appeals that hold the stage."""
    seal: Json | None = None
    """Id, version, time and data of the current seal."""
    corrections: dict[tuple[str, str], Json] = field(default_factory=dict)
    """What was told last of facts that came after the current seal, by nomination and measure."""
    announced: Json | None = None
    competing: set[str] = field(default_factory=set)
    sheets: dict[str, dict[str, FiledMarks]] = field(default_factory=dict)
    """Filed sheets by nomination and member."""
    dirty: set[str] = field(default_factory=set)
    kept_rows: list[Row] | None = None
    kept_shown: dict[str, _Shown] = field(default_factory=dict)

    def touch(self, nomination: str) -> None:
        """Note that a nominee must be evaluated anew."""
        self.dirty.add(nomination)
        self.kept_rows = None

    def touch_all(self) -> None:
        """Note that every nominee must be evaluated anew."""
        self.dirty |= self.competing | self.sheets.keys()
        self.kept_rows = None

    def filed(self, nomination: str, member: str) -> FiledMarks:
        """Return a member's sheet, a new one if there is none."""
        sheets = self.sheets.get(nomination)
        if sheets is None:
            sheets = self.sheets[nomination] = {}
        filed = sheets.get(member)
        if filed is None:
            filed = sheets[member] = FiledMarks()
        return filed

    @property
    def state(self) -> str:
        """Return where the stage stands: open, closed or sealed."""
        if self.seal is not None:
            return "sealed"
        return "closed" if self.closed else "open"


@dataclass(slots=True)
class Place:
    """All rankings of a season in a province or in the nation."""

    season: str
    boards: dict[tuple[str, str, str], Board] = field(default_factory=dict)
    """By tier, category and stage."""
    committee: Committee = field(default_factory=Committee)
    entrants: dict[str, Entrant] = field(default_factory=dict)
    nominees: dict[str, Nominee] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    """Names as they were nominated; what was amended since is put in their place by who reads the rows."""
    ways: dict[str, list[Board]] = field(default_factory=dict)
    """The rankings of this place that are on a nominee's way."""
    measured: dict[str, dict[tuple[str, str], Fraction]] = field(default_factory=dict)
    """The ratios of nominees by measure and definition; without one they are unmeasured."""
    passed: dict[tuple[str, str, str], dict[str, Fraction]] = field(default_factory=dict)
    """Sealed aggregates by tier, stage and nomination, for what later stages carry."""
    passed_by: dict[str, list[tuple[str, str, str]]] = field(default_factory=dict)
    """Which of them a ranking's current seal made."""
    reviewed: dict[str, list[str]] = field(default_factory=dict)
    """The upheld appeals by ranking, as the award's stream has them."""
    verdicts: dict[str, dict[tuple[str, str, str], dict[str, Fraction]]] = field(default_factory=dict)
    """The corrected aggregates of each upheld appeal, by tier, stage and nomination."""
    set_by: dict[str, tuple[tuple[str, str, str], dict[str, Fraction]]] = field(default_factory=dict)
    """Of each upheld appeal, whose aggregates it set itself, and which."""
    corrected: dict[tuple[str, str, str], list[str]] = field(default_factory=dict)
    """By tier, stage and nomination, the upheld appeals against the ranking that are known, in their order."""

    def figures_at(self, key: tuple[str, str, str]) -> dict[str, Fraction]:
        """Return what a later stage carries of a nominee, as a seal does (`services.scoring.domain.seal.corrected`)."""
        appeals = self.corrected.get(key, ())
        found = dict(self.passed.get(key) or (self.verdicts[appeals[-1]][key] if appeals else {}))
        for appeal in appeals:
            whose, figures = self.set_by[appeal]
            found |= figures if whose == key else {}
        return found

    def board(self, at: Mapping[str, str]) -> Board:
        """Return the ranking of a stage, a new one if there is none."""
        key = (at["tier"], at["category"], at["stage"])
        board = self.boards.get(key)
        if board is None:
            board = self.boards[key] = Board(dict(at), ranking_of(at))
        return board


# --- rankings ------------------------------------------------------------------------------------------------------

_COMMITTEE_TYPES: Final = types_of(CommitteeFormed, MemberAppointed, MemberRemoved, ConflictDeclared, ConflictLifted)
_SHEET_TYPES: Final = types_of(AspectScoreRevised, ScoreSheetSubmitted, ScoreSheetVoided)
_NOMINATED: Final = CandidateNominated.type_name()
_ADVANCED: Final = StageAdvanced.type_name()
_RETURNED: Final = StageAdvanceWithdrawn.type_name()
_SEALED: Final = RankingSealed.type_name()
_VERDICT_TYPES: Final = types_of(AppealDecided, DecisionReviewed)
_MEASURED: Final = IndicatorMeasured.type_name()
_FREEZE_TYPES: Final = types_of(StageFrozen, StageUnfrozen)
_STAGE_FIELDS: Final = {_NOMINATED: ("entry",), _ADVANCED: ("reached", "left"), _RETURNED: ("returned", "left")}
"""Where an event says which stages it is about, if not in `at`."""


class RankingProjection:
    """Standings per stage: provisional of what is known now, sealed from the seal's own words.

    A heading row per stage (`nomination` empty, `place` 0) and a row per nominee: the ranked in order, then the
    unrankable.
    """

    name = "rankings"
    table = Table(
        "rankings",
        (
            "grp", "id", "ranking", "nomination", "place", "rank", "shared", "candidate", "name", "total", "shown",
            "aspects", "tie", "reason", "lacking", "sheets", "sample", "status", "seal", "digest", "announced",
            "heading", "recusals",
        ),
    )  # fmt: skip
    types = _COMMITTEE_TYPES | _SHEET_TYPES | _FREEZE_TYPES | _VERDICT_TYPES | types_of(
        CandidateNominated, StageAdvanced, StageAdvanceWithdrawn, NominationWithdrawn, NominationEliminated,
        NominationReinstated, NominationRejected, RankingAnnounced, ScoringOpened, ScoringExtended, ScoringClosed,
        RankingSealed, RankingSuperseded, IndicatorMeasured, CorrectionImpactFound,
    )  # fmt: skip

    def groups(self, event: Recorded) -> tuple[str, ...]:
        """Return the places that an event touches; what the nation carries or receives touches it too."""
        data: Json = event.doc["data"]
        type_ = event.type
        if type_ == _MEASURED:
            return (f"{data['season']}/{data['province']}", f"{data['season']}/{NATION}")
        if type_ in _SHEET_TYPES:
            at = data["at"]
            return (f"{at['season']}/{at['province']}",)
        if type_ in _COMMITTEE_TYPES:
            return (group_of(data["season"], data["province"]),)
        if type_ in _FREEZE_TYPES:
            return _places(data["stages"])
        places = _places([data[name] for name in _STAGE_FIELDS.get(type_, ("at",))])
        if type_ in (_NOMINATED, _SEALED) or type_ in _VERDICT_TYPES:
            return tuple(dict.fromkeys((*places, group_of(places[0].partition("/")[0], NATION))))
        return places

    def initial(self, group: str) -> Place:
        """Return a place where nothing has happened."""
        return Place(group.partition("/")[0])

    def fold(self, state: Place, event: Recorded, group: str) -> Place:
        """Fold an event into the place, in place."""
        _FOLDS[event.type](state, event, group)
        return state

    def rows(self, group: str, state: Place) -> Iterator[Row]:
        """Return a heading and a row per nominee, for every stage that was opened."""
        for board in state.boards.values():
            if board.opened is not None:
                if board.kept_rows is None:
                    board.kept_rows = list(_board_rows(group, state, board))
                yield from board.kept_rows


def _places(stages: Iterable[Json]) -> tuple[str, ...]:
    """Return the groups of some stages, each once."""
    return tuple(dict.fromkeys(group_of(at["season"], at["province"]) for at in stages))


_SAMPLE: Final = RankingProjection.table.columns.index("sample")


def _formed(state: Place, event: Recorded, _group: str) -> None:
    data = event.data
    term = Term(date.fromisoformat(data["term_from"]), date.fromisoformat(data["term_until"]))
    state.committee = state.committee.form(data["body"], term)


def _seat(data: Json) -> Seat:
    return Seat(data["body"], data["office"], data["seat"])


def _appointed(state: Place, event: Recorded, _group: str) -> None:
    data = event.data
    belonging = Belonging(data.get("employer"), data.get("government"))
    state.committee = state.committee.appoint(_seat(data), data["person"], belonging)
    if data["person"] in state.committee.belongings:
        # Whom a person belongs to counts in every body of the place.
        for board in state.boards.values():
            board.touch_all()
    _touch_body(state, data["body"])


def _removed(state: Place, event: Recorded, _group: str) -> None:
    state.committee = state.committee.remove(_seat(event.data), event.data["person"])
    _touch_body(state, event.data["body"])


def _touch_body(state: Place, body: str) -> None:
    for board in state.boards.values():
        if board.opened is not None and board.opened["body"] == body:
            board.touch_all()


def _conflict(state: Place, event: Recorded, _group: str) -> None:
    interest = _interest(event.data)
    state.committee = state.committee.declare(event.data["person"], interest)
    _touch_category(state, interest.category)


def _lifted(state: Place, event: Recorded, _group: str) -> None:
    interest = _interest(event.data)
    state.committee = state.committee.lift(event.data["person"], interest)
    _touch_category(state, interest.category)


def _interest(data: Json) -> Interest:
    return Interest(data["category"], data.get("nomination"))


def _touch_category(state: Place, category: str) -> None:
    for board in state.boards.values():
        if board.at["category"] == category:
            board.touch_all()


def _nominated(state: Place, event: Recorded, group: str) -> None:
    data = event.data
    nomination, candidate, entry = data["nomination"], data["candidate"], data["entry"]
    time = event.attributes["time"]
    state.entrants[nomination] = Entrant(nomination, candidate["code"], time, bool(data.get("sample")))
    state.nominees[nomination] = Nominee(nomination, entry["category"], candidate["kind"], candidate["code"])
    state.names[nomination] = candidate["name"]
    if group_of(entry["season"], entry["province"]) == group:
        state.ways[nomination] = [state.board(entry)]
        _compete(state, nomination)


def _compete(state: Place, nomination: str) -> None:
    """Let a nominee compete in every ranking of this place on its way."""
    for board in state.ways.get(nomination, ()):
        board.competing.add(nomination)
        board.touch(nomination)


def _drop_out(state: Place, nomination: str) -> None:
    """Take a nominee out of every ranking of this place; what was sealed stays as it was sealed."""
    for board in state.ways.get(nomination, ()):
        board.competing.discard(nomination)
        board.touch(nomination)


def _advanced(state: Place, event: Recorded, group: str) -> None:
    reached, nomination = event.data["reached"], event.data["nomination"]
    if group_of(reached["season"], reached["province"]) == group:
        way = state.ways.setdefault(nomination, [])
        board = state.board(reached)
        if all(other is not board for other in way):
            way.append(board)
    _compete(state, nomination)


def _left(state: Place, event: Recorded, _group: str) -> None:
    _drop_out(state, event.data["nomination"])


def _back(state: Place, event: Recorded, _group: str) -> None:
    _compete(state, event.data["nomination"])


def _returned(state: Place, event: Recorded, group: str) -> None:
    """Take a nominee out, and what lies after the stage it returns to off its way, so that it cannot compete there."""
    returned, nomination = event.data["returned"], event.data["nomination"]
    _drop_out(state, nomination)
    way = state.ways.get(nomination, [])
    kept = 0
    if group_of(returned["season"], returned["province"]) == group:
        board = state.board(returned)
        kept = next((number for number, other in enumerate(way, start=1) if other is board), len(way))
    state.ways[nomination] = way[:kept]


def _frozen(state: Place, event: Recorded, group: str) -> None:
    for board in _boards_here(state, event, group):
        board.freezes.add(event.data["appeal"])
        board.kept_rows = None


def _unfrozen(state: Place, event: Recorded, group: str) -> None:
    for board in _boards_here(state, event, group):
        board.freezes.discard(event.data["appeal"])
        board.kept_rows = None


def _boards_here(state: Place, event: Recorded, group: str) -> Iterator[Board]:
    for at in event.data["stages"]:
        if group_of(at["season"], at["province"]) == group:
            yield state.board(at)


def _announced(state: Place, event: Recorded, _group: str) -> None:
    board = state.board(event.data["at"])
    said = {"seal": event.data["seal"], "time": event.attributes["time"]}
    if board.announced is None or board.announced["seal"] != said["seal"]:  # not what a verdict made of it since
        board.announced = said
    board.kept_rows = None


def _opened(state: Place, event: Recorded, _group: str) -> None:
    board = state.board(event.data["at"])
    board.opened = event.data
    board.pinned = PinnedRules.model_validate(event.data["rules"])
    board.standings = Standings(Rules.of(board.pinned))
    board.measured = tuple(measured_aspects(board.pinned.aspects))
    board.touch_all()


def _extended(state: Place, event: Recorded, _group: str) -> None:
    data = event.data
    board = state.board(data["at"])
    time = event.attributes["time"]
    board.extensions.append({"previous": data["previous"], "until": data["until"], "time": time})
    board.kept_rows = None


def _closed(state: Place, event: Recorded, _group: str) -> None:
    board = state.board(event.data["at"])
    board.closed = True
    board.kept_rows = None


def _sealed(state: Place, event: Recorded, group: str) -> None:
    data = event.data
    at = data["at"]
    for key in state.passed_by.pop(event.stream, ()):
        state.passed.pop(key, None)
    passed = state.passed_by[event.stream] = []
    for standing in data["standings"]:
        key = (at["tier"], at["stage"], standing["nomination"])
        state.passed[key] = {one["aspect"]: parse_fraction(one["value"]) for one in standing["aspects"]}
        passed.append(key)
    _touch_carrying(state)
    if group_of(at["season"], at["province"]) == group:
        board = state.board(at)
        board.seal = {"id": event.id, "version": event.version, "time": event.attributes["time"], "data": data}
        board.corrections.clear()
        board.kept_rows = None


def _touch_carrying(state: Place) -> None:
    for board in state.boards.values():
        if board.pinned is not None and any(aspect.carried for aspect in board.pinned.aspects):
            board.touch_all()


def _reviewed(state: Place, event: Recorded, _group: str) -> None:
    data = event.data
    if data["outcome"] == "upheld":
        state.reviewed.setdefault(ranking_of(data["at"]), []).append(data["appeal"])
        _correct(state, data["at"])


def _upheld(state: Place, event: Recorded, _group: str) -> None:
    data = event.data
    at = data["at"]
    if data.get("standings") is not None:
        state.verdicts[data["appeal"]] = {
            (at["tier"], at["stage"], row["nomination"]): {
                one["aspect"]: parse_fraction(one["value"]) for one in row["aspects"]
            }
            for row in data["standings"]
        }
        whose = (at["tier"], at["stage"], data["nomination"])
        row, set_ = state.verdicts[data["appeal"]].get(whose, {}), {one["aspect"] for one in data["verdict"]["figures"]}
        state.set_by[data["appeal"]] = whose, {aspect: value for aspect, value in row.items() if aspect in set_}
        _correct(state, at)


def _correct(state: Place, at: Json) -> None:
    """Let verdicts count once both are known: which is the last one on their ranking, and its figures."""
    reviewed = state.reviewed.get(ranking_of(at), [])
    known = [one for one in reviewed if one in state.verdicts]
    if known and known[-1] == reviewed[-1]:
        state.corrected |= dict.fromkeys(state.verdicts[known[-1]], known)
        _touch_carrying(state)


def _measured(state: Place, event: Recorded, _group: str) -> None:
    """Keep a nominee's ratio; only the rankings on its way that take it and are not sealed are computed anew."""
    data = event.doc["data"]
    nomination, key, text = data["nomination"], (data["measure"], data["definition"]), data.get("ratio")
    known = state.measured.get(nomination)
    if known is None:
        known = state.measured[nomination] = {}
    ratio = None if text is None else parse_fraction(text)
    if known.get(key) == ratio:
        return
    if ratio is None:
        del known[key]
    else:
        known[key] = ratio
    for board in state.ways.get(nomination, ()):
        if board.seal is None and any((one.measure, one.definition) == key for one in board.measured):
            board.touch(nomination)


def _corrected_since(state: Place, event: Recorded, _group: str) -> None:
    data = event.data
    board = state.board(data["at"])
    if board.seal is not None and board.seal["id"] == data["seal"]:
        board.corrections[data["nomination"], data["measure"]] = {**data, "time": event.attributes["time"]}
        board.kept_rows = None


def _superseded(state: Place, event: Recorded, _group: str) -> None:
    board = state.board(event.data["at"])
    board.seal = None
    board.touch_all()


def _revised(state: Place, event: Recorded, _group: str) -> None:
    data = event.doc["data"]
    board = state.board(data["at"])
    filed = board.filed(data["nomination"], data["member"])
    if filed.status == "submitted":
        mark = data["mark"]
        filed.marks[mark["aspect"]] = mark.get("mark")
        filed.sample = filed.sample or bool(data.get("sample"))
        board.touch(data["nomination"])


def _submitted(state: Place, event: Recorded, _group: str) -> None:
    data = event.doc["data"]
    board = state.board(data["at"])
    filed = board.filed(data["nomination"], data["member"])
    filed.status = "submitted"
    filed.marks = {mark["aspect"]: mark.get("mark") for mark in data["marks"]}
    filed.sample = bool(data.get("sample"))
    board.touch(data["nomination"])


def _voided(state: Place, event: Recorded, _group: str) -> None:
    data = event.doc["data"]
    board = state.board(data["at"])
    board.filed(data["nomination"], data["member"]).status = "voided"
    board.touch(data["nomination"])


_FOLDS: Final[Mapping[str, Callable[[Place, Recorded, str], None]]] = {
    CommitteeFormed.type_name(): _formed,
    MemberAppointed.type_name(): _appointed,
    MemberRemoved.type_name(): _removed,
    ConflictDeclared.type_name(): _conflict,
    ConflictLifted.type_name(): _lifted,
    CandidateNominated.type_name(): _nominated,
    StageAdvanced.type_name(): _advanced,
    NominationWithdrawn.type_name(): _left,
    NominationEliminated.type_name(): _left,
    NominationRejected.type_name(): _left,
    NominationReinstated.type_name(): _back,
    StageAdvanceWithdrawn.type_name(): _returned,
    StageFrozen.type_name(): _frozen,
    StageUnfrozen.type_name(): _unfrozen,
    AppealDecided.type_name(): _upheld,
    DecisionReviewed.type_name(): _reviewed,
    RankingAnnounced.type_name(): _announced,
    ScoringOpened.type_name(): _opened,
    ScoringExtended.type_name(): _extended,
    ScoringClosed.type_name(): _closed,
    RankingSealed.type_name(): _sealed,
    RankingSuperseded.type_name(): _superseded,
    IndicatorMeasured.type_name(): _measured,
    CorrectionImpactFound.type_name(): _corrected_since,
    AspectScoreRevised.type_name(): _revised,
    ScoreSheetSubmitted.type_name(): _submitted,
    ScoreSheetVoided.type_name(): _voided,
}


# --- rows ----------------------------------------------------------------------------------------------------------


def _board_rows(group: str, state: Place, board: Board) -> Iterator[Row]:
    opened, pinned, standings = board.opened, board.pinned, board.standings
    if opened is None or pinned is None or standings is None:
        return
    name = f"{board.at['tier']}/{board.at['category']}/{board.at['stage']}"
    heading = _text(_heading(board, opened))
    seal, announced = board.seal, _announcement(board)
    if seal is None:
        _refresh(state, board, opened["body"], pinned, standings)
        rows = list(_provisional(group, name, state, board, standings))
        sample = any(row[_SAMPLE] for row in rows)
        yield (
            group, name, board.ranking, "", 0, None, False, "", "", None, None, None,
            None, None, None, 0, sample, board.state, None, None, None, heading, None,
        )  # fmt: skip
        yield from rows
        return
    digest = seal["data"]["digest"]
    yield (
        group, name, board.ranking, "", 0, None, False, "", "", None, None, None,
        None, None, None, 0, seal["data"]["sample"], "sealed", seal["id"], digest, announced, heading, None,
    )  # fmt: skip
    for place, line in enumerate(_as_sealed(seal), start=1):
        yield (
            group, f"{name}/{line.nomination}", board.ranking, line.nomination, place, line.rank, line.shared,
            line.candidate, state.names.get(line.nomination, line.candidate), line.total, line.shown, line.aspects,
            line.tie, line.reason, line.lacking, line.sheets, line.sample, "sealed", seal["id"], digest, announced,
            None, line.recusals,
        )  # fmt: skip


class _Line(NamedTuple):
    """A sealed nominee's row without what all rows of the stage share."""

    nomination: str
    candidate: str
    rank: int | None
    shared: bool
    total: str | None
    shown: str | None
    aspects: str
    tie: str | None
    reason: str | None
    lacking: str | None
    sheets: int
    sample: bool
    recusals: str


def _refresh(state: Place, board: Board, body: str, pinned: PinnedRules, standings: Standings) -> None:
    """Evaluate the nominees that changed."""
    for nomination in board.dirty:
        entrant, nominee = state.entrants.get(nomination), state.nominees.get(nomination)
        if entrant is None or nominee is None or nomination not in board.competing:
            standings.drop(nomination)
            continue
        counted = [
            filed
            for member, filed in board.sheets.get(nomination, {}).items()
            if exclusion(filed.status, state.committee, body, pinned, member, nominee) is None
        ]
        if any(filed.sample for filed in counted):
            entrant = replace(entrant, sample=True)
        figures = _carried(state, pinned, nomination) | _taken(state, board, nomination)
        standings.put(entrant, [filed.as_counted() for filed in counted], figures)
    board.dirty.clear()


def _taken(state: Place, board: Board, nomination: str) -> dict[str, Fraction]:
    """Return a nominee's measured figures, by aspect."""
    known = state.measured.get(nomination, {}) if board.measured else {}
    ratios = ((one, known.get((one.measure or "", one.definition or ""))) for one in board.measured)
    return {one.code: on_scale(one, ratio) for one, ratio in ratios if ratio is not None}


def _carried(state: Place, pinned: PinnedRules, nomination: str) -> dict[str, Fraction]:
    figures: dict[str, Fraction] = {}
    for aspect in pinned.aspects:
        if aspect.carried is not None:
            key = (aspect.carried.tier, aspect.carried.stage, nomination)
            passed = state.figures_at(key)
            if aspect.carried.aspect in passed:
                figures[aspect.code] = passed[aspect.carried.aspect]
    return figures


def _provisional(group: str, name: str, state: Place, board: Board, standings: Standings) -> Iterator[Row]:
    """Return the nominees' rows; a row is made anew only where the nominee's figures or place changed."""
    rules, kept = standings.rules, board.kept_shown
    places = standings.places()
    for number, place in enumerate(places, start=1):
        evaluation = place.evaluation
        shown = kept.get(evaluation.entrant.nomination)
        if shown is None or shown.evaluation is not evaluation:
            shown = kept[evaluation.entrant.nomination] = _show(rules, evaluation, _recused(state, board, evaluation))
        known = (number, place.rank, place.shared, place.tie)
        if shown.known != known:
            shown.known = known
            shown.row = _row(group, name, state, board, shown, place)
        yield shown.row
    for number, evaluation in enumerate(standings.unplaced(), start=len(places) + 1):
        shown = kept.get(evaluation.entrant.nomination)
        if shown is None or shown.evaluation is not evaluation:
            shown = kept[evaluation.entrant.nomination] = _show(rules, evaluation, _recused(state, board, evaluation))
        if shown.known != (number,):
            shown.known = (number,)
            shown.row = _row(group, name, state, board, shown, None)
        yield shown.row


def _recused(state: Place, board: Board, evaluation: Evaluation) -> str:
    """Return who takes no part in ranking a nominee, and why."""
    committee, pinned, opened = state.committee, board.pinned, board.opened
    if pinned is None or opened is None or not (committee.interests or committee.belongings):
        return "[]"
    found = recusals_of(committee, opened["body"], pinned, [state.nominees[evaluation.entrant.nomination]])
    return _text([{"member": one.member, "reason": one.reason, "flagged": one.flagged} for one in found])


def _show(rules: Rules, evaluation: Evaluation, recusals: str) -> _Shown:
    """Return what is shown of an evaluation, made once per evaluation."""
    total = evaluation.total
    aspects = [
        {"aspect": one, "value": fraction_text(value), "sheets": sheets} for one, value, sheets in evaluation.aggregates
    ]
    return _Shown(
        evaluation,
        None if total is None else fraction_text(total),
        None if total is None else rules.shown(total),
        _text(aspects),
        recusals,
    )


def _row(group: str, name: str, state: Place, board: Board, shown: _Shown, place: RankedPlace | None) -> Row:
    """Return a nominee's row: with a place when it is ranked, else with what it lacks."""
    evaluation = shown.evaluation
    entrant = evaluation.entrant
    rank, shared, tie = (place.rank, place.shared, _tie(place.tie)) if place else (None, False, None)
    return (
        group, f"{name}/{entrant.nomination}", board.ranking, entrant.nomination, shown.known[0], rank, shared,
        entrant.candidate, state.names.get(entrant.nomination, entrant.candidate), shown.total, shown.shown,
        shown.aspects, tie, evaluation.lack, evaluation.lacking, evaluation.sheets, entrant.sample, "provisional",
        None, None, None, None, shown.recusals,
    )  # fmt: skip


def _tie(tie: Tie | None) -> str | None:
    if tie is None:
        return None
    return _text({"rule": tie.rule, "figure": tie.figure} | ({"aspect": tie.aspect} if tie.aspect else {}))


def _as_sealed(seal: Json) -> Iterator[_Line]:
    data = seal["data"]
    recusals: dict[str, list[Json]] = {}
    for one in data.get("recusals", ()):
        said = {"member": one["member"], "reason": one["reason"], "flagged": one["flagged"]}
        recusals.setdefault(one["nomination"], []).append(said)
    for one in data["standings"]:
        sheets = max((aspect["sheets"] for aspect in one["aspects"]), default=0)
        yield _Line(
            one["nomination"], one["candidate"], one["rank"], one["shared"], one["total"], one["shown"],
            _text(one["aspects"]), _text(one["tie"]) if "tie" in one else None, None, None, sheets, one["sample"],
            _text(recusals.get(one["nomination"], [])),
        )  # fmt: skip
    for one in data["unrankable"]:
        yield _Line(
            one["nomination"], one["candidate"], None, False, None, None, _text(one.get("aspects", [])), None,
            one["reason"], one.get("aspect"), one["sheets"], one["sample"],
            _text(recusals.get(one["nomination"], [])),
        )  # fmt: skip


def _announcement(board: Board) -> str | None:
    """Return when the current seal was announced, None if it was not."""
    if board.announced is None or board.seal is None or board.announced["seal"] != board.seal["id"]:
        return None
    time: str = board.announced["time"]
    return time


def _heading(board: Board, opened: Json) -> Json:
    """Return what is said of a stage above its standings."""
    rules = opened["rules"]
    heading: Json = {
        "at": board.at,
        "state": board.state,
        "body": opened["body"],
        "rubric": opened["rubric"],
        "rulebook_version": opened["rulebook_version"],
        "rulebook_hash": opened["rulebook_hash"],
        "opens": opened["opens"],
        "closes": board.extensions[-1]["until"] if board.extensions else opened["closes"],
        "extensions": board.extensions,
        "frozen_by": sorted(board.freezes),
        "aspects": [
            {
                "aspect": one["code"],
                "share": one["share"],
                "origin": one["origin"],
                "least": one["least"],
                "greatest": one["greatest"],
                "step": one["step"],
                "measure": one.get("measure"),
            }
            for one in rules["aspects"]
        ],
        "tie_break": rules["tie_break"],
        "scorers": rules["scoring_offices"],
        "conflict_scope": rules["conflict_scope"],
        "own_employer": rules.get("own_employer"),
        "own_government": rules.get("own_government"),
        "per_nominee": rules.get("per_nominee"),
        "least_sheets": rules["least_sheets"],
        "complete_sheet": rules["complete_sheet"],
    }
    if board.seal is not None:
        data = board.seal["data"]
        heading["seal"] = {
            "id": board.seal["id"],
            "version": board.seal["version"],
            "time": board.seal["time"],
            "digest": data["digest"],
            "counted": len(data["counted"]),
            "excluded": [{"stream": one["stream"], "reason": one["reason"]} for one in data["excluded"]],
            "sample": data["sample"],
        }
        heading["corrections"] = [_correction(one) for _, one in sorted(board.corrections.items()) if _differs(one)]
    return heading


def _differs(told: Json) -> bool:
    """Tell whether a figure is another one than the sealed; it may have become the same again."""
    return bool(told.get("before") != told.get("after"))


def _correction(told: Json) -> Json:
    """Return what facts after the seal would have changed; they changed nothing."""
    return {
        "nomination": told["nomination"],
        "measure": told["measure"],
        "before": told.get("before"),
        "after": told.get("after"),
        "time": told["time"],
        "moves": told["moves"],
        "would_advance": told["would_advance"],
        "would_fall": told["would_fall"],
    }
