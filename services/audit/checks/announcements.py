"""What is made public: a decided ranking with everybody's outcome, and until when it can be appealed against."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from services.audit.checks.telling import Fault, after, before, told
from services.audit.checks.ties import broken
from services.audit.checks.verdicts import corrections, parted_ranks
from services.audit.checks.ways import Way, way_of, ways_until
from services.audit.meetings import Decided, Kept
from services.audit.record import Record
from services.audit.rules import Rules

Json = Mapping[str, Any]
Line = tuple[str, int | None, str]

_OUTCOMES: Final = {"StageAdvanced": "advanced", "NominationEliminated": "eliminated", "WinnerDeclared": "winner"}


def announcements_faults(record: Record) -> Iterator[Fault]:
    """Check every announcement against the decision that it makes public."""
    seen: set[tuple[str, int]] = set()
    for announced in record.kind("award", "RankingAnnounced"):
        yield from told("announcement", announced.place, _announcement_faults(announced, record))
        cited = (announced.data["plenary"], announced.data["motion"])
        if cited in seen:
            yield "announcement", announced.place, "the decision was announced before"
        seen.add(cited)


def decision_of(record: Record, cited: Json) -> Decided:
    """Return the carried decision that an event cites. Raises LookupError."""
    meeting = record.meetings.get(f"plenary/{cited['plenary']}")
    for decided in meeting.decided if meeting else ():
        if decided.event.data["motion"] == cited["motion"] and decided.carried:
            return decided
    raise LookupError(f"no decision {cited['motion']} of the plenary {cited['plenary']} was carried")


def _announcement_faults(announced: Kept, record: Record) -> Iterator[str]:
    said = announced.data
    decided = decision_of(record, said)
    if decided.event.time > after(announced.time):
        yield "it was announced before it was decided"
    if said["at"] != decided.at:
        yield "the decision is on another stage"
    opened = decided.motion.opened.name if decided.motion else ""
    if opened not in ("MotionOpened", "AppealMotionOpened"):
        yield "the decision moves nobody, so that there is nothing to announce"
        return
    seal = record.seals[decided.event.data["seal"]]
    rules = record.rules(said["at"]["season"], decided.event.data["rulebook_version"])
    if said["seal"] != decided.event.data["seal"]:
        yield "`seal` is not that of the decision"
    if opened == "MotionOpened":
        digest, own = decided.event.data["digest"], _decided_lines(decided, record)
    else:
        digest, own = _corrected(decided, announced, seal, rules, record)
    if said["digest"] != digest:
        yield "`digest` is not that of the decision"
    lines = {(line["nomination"], line.get("rank"), line["outcome"]) for line in said["lines"]}
    if lines != own or len(lines) != len(said["lines"]):
        yield "its lines are not what the decision led to"
    yield from _names_faults(announced, record)
    yield from _window_faults(announced, rules)


def _decided_lines(decided: Decided, record: Record) -> set[Line]:
    found = [record.caused[point] for point in decided.results if point in record.caused]
    moves = [one for one in found if one.name in _OUTCOMES]
    return {(one.data["nomination"], one.data.get("rank"), _OUTCOMES[one.name]) for one in moves}


def _corrected(decided: Decided, announced: Kept, seal: Kept, rules: Rules, record: Record) -> tuple[str, set[Line]]:
    """Return the digest and lines of a ranking as a verdict left it. Raises LookupError when it changed nothing."""
    said = next(record.caused[one] for one in decided.results if record.caused[one].name == "AppealDecided")
    if said.data.get("standings") is None:
        raise LookupError("the appeal was dismissed, so that nothing is to be announced")
    corrected = corrections(record, seal.id, announced.time)
    if corrected and corrected[-1].id != said.id:
        raise LookupError("a later verdict corrected the ranking again")
    orders = [one.data["verdict"].get("order") for one in reversed(corrected)]
    ties = [tie["order"] for tie in broken(record, seal.id, announced.time)]
    rows = [*said.data["standings"], *said.data["unrankable"]]
    ways = {row["nomination"]: ways_until(record, row["nomination"], announced.time) for row in rows}
    disposals = {one: _disposals(one, announced, record) for one in ways}
    gone = {one for one, way in ways.items() if way is None or not _took_part(way, decided, disposals[one])}
    ranks = parted_ranks(said.data["standings"], [order for order in (*orders, *ties) if order], gone)
    lines: set[Line] = set()
    for one, way in ways.items():
        left = way is None or way.ending in ("withdrawn", "rejected")
        if way is None or (left and seal.id not in [event.data["seal"] for event in disposals[one]]):
            continue
        lines.add((one, ranks.get(one), _standing(one, way, decided.at, announced, rules, record)))
    return str(said.data["after"]), lines


def _disposals(nomination: str, announced: Kept, record: Record) -> list[Kept]:
    """Return by which decisions it was disposed of a nominee until an announcement."""
    found = record.of(f"nomination/{nomination}", "StageAdvanced", "StageAdvanceWithdrawn", "NominationEliminated")
    return [one for one in found if one.time < announced.time]


def _took_part(way: Way, decided: Decided, disposals: list[Kept]) -> bool:
    """Tell whether a nominee held a seat when a verdict fell, or could get one."""
    cited = [(event.data["plenary"], event.data["motion"]) for event in disposals]
    may_enter = way.at == decided.at and way.ending not in ("withdrawn", "rejected")
    return way.has_left(decided.at) or may_enter or tuple(decided.cited.values()) in cited


def _standing(nomination: str, way: Way, at: Json, announced: Kept, rules: Rules, record: Record) -> str:
    if rules.following(at) is not None:
        return "advanced" if way.has_left(at) else "eliminated"
    won = False
    for event in record.of(announced.point.stream, "WinnerDeclared", "WinnerWithdrawn"):
        if event.point.version < announced.point.version and event.data["nomination"] == nomination:
            won = event.name == "WinnerDeclared" if event.data["at"] == at else won
    return "winner" if won else "eliminated"


def _names_faults(announced: Kept, record: Record) -> Iterator[str]:
    for line in announced.data["lines"]:
        way = way_of(record, line["nomination"], lambda event: event.time <= after(announced.time))
        if way is None or line["candidate"] not in way.names:
            yield f"{line['nomination']} does not bear the name {line['candidate']!r}"


def _window_faults(announced: Kept, rules: Rules) -> Iterator[str]:
    until = announced.data.get("appeals_until")
    if until is None:
        return
    moments = (announced.time, before(announced.time))
    own = [rules.appeals_until(announced.data["at"]["province"], moment) for moment in moments]
    if until not in own:
        yield f"it can be appealed against until {own[0]} by the rules, not until {until}"
