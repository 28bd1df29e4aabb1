"""Every sealed ranking computed again under suppositions, stage after stage, beside what was sealed and decided.

Who would not have advanced is left out of the next stage, and who would have is put into it, with what it has: there
nobody marked it, so that it mostly cannot be ranked. Figures are carried from the supposed earlier rankings. Verdicts
keep what they set; they are not heard again. Ties that people broke are parted as they did, where they still are ties.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any, Final

from services.audit.checks.measured import measured_figures, pinned_measures, taken
from services.audit.checks.seals import Inputs
from services.audit.checks.ties import broken
from services.audit.checks.verdicts import parted_ranks
from services.audit.checks.ways import Way, left_empty, way_of
from services.audit.compare.supposed import Supposed
from services.audit.explain.sources import cited
from services.audit.indicators import indicator_stream
from services.audit.meetings import Decided, Kept
from services.audit.recompute import Nominee, StageRules, ranking
from services.audit.record import Record, ranking_of
from services.audit.replay.past import FOREVER
from services.audit.replay.standings import current, placed, point_text, sealed
from services.audit.replay.state import Shown
from services.audit.rules import Rules

Json = Mapping[str, Any]

MARK: Final = "COUNTERFACTUAL"
_LATEST: Final = 2**53


def counterfactual(record: Record, supposed: Supposed, shown: Shown) -> list[dict[str, Any]]:
    """Return every sealed ranking that is asked for, as it was and as it would have been, in the order of paths."""
    seals = [seal for stream in record.streams if (seal := _standing(record, stream)) is not None]
    seals.sort(key=lambda seal: (*_order(record, seal), seal.point.stream))
    world = _World(record, supposed)
    groups = [world.group(seal) for seal in seals]
    return [one for one in groups if shown.stage(one["at"])]


def _standing(record: Record, stream: str) -> Kept | None:
    if not stream.startswith("ranking/"):
        return None
    seal, stands = current(record, stream)
    return seal if stands else None


def _order(record: Record, seal: Kept) -> tuple[str, str, int]:
    """Return what puts the stages of a path in their order: how many follow one, the most first."""
    at = seal.data["at"]
    rules = record.rules(at["season"], seal.data["rulebook_version"])
    return at["season"], at["category"], -len(rules.downstream(at))


@dataclass
class Supposing(Inputs):
    """A seal's inputs with some left out or replaced."""

    supposed: Supposed = field(default_factory=Supposed)
    others: StageRules | None = None
    figures: Mapping[tuple[str, str], Mapping[str, Fraction]] = field(default_factory=dict)
    """By ranking and nomination: the aggregates that would have been sealed."""

    @cached_property
    def ranking(self) -> StageRules:
        """Return the supposed rules of the stage, or its own."""
        return self.others or self.rules.ranking(self.seal.data["at"])

    def entrant(self, nomination: str, way: Way) -> Nominee:
        """Return a nominee as it would have been ranked."""
        sheets = [
            sheet.at(one["version"])
            for one in self.seal.data["counted"]
            if (sheet := self._filed.get(one["stream"])) is not None
            and sheet.nomination == nomination
            and sheet.member not in self.supposed.without
        ]
        return Nominee(
            nomination=nomination,
            candidate=way.candidate["code"],
            nominated=way.begun.time,
            sample=way.sample or any(one.sample for one in sheets),
            sheets=[one.marks for one in sheets],
            given={**self._carried(nomination, way.path), **self._measured(nomination)},
        )

    def _measured(self, nomination: str) -> dict[str, Fraction]:
        """Return measured figures by the supposed rules, up to the seal's measurement or, late, the last one."""
        version = _LATEST if self.supposed.late else taken(self.seal).get(indicator_stream(nomination), 0)
        pinned = dict(pinned_measures(self.record, self.seal))
        if self.others is not None and self.supposed.rules is not None:
            measures = {one.code: one.measure for one in self.others.aspects if one.measure is not None}
            pinned = {code: (name, self.supposed.rules.definition(name)) for code, name in measures.items()}
        return measured_figures(self.ranking, pinned, self.record.indicator(nomination), version)

    def _earlier(self, ranking: str, nomination: str) -> dict[str, Fraction]:
        """Return figures of an earlier stage as they would have been; what verdicts set stays set."""
        own = super()._earlier(ranking, nomination)
        would = self.figures.get((ranking, nomination))
        if would is None:
            return own
        verdicts = [one.data["verdict"] for one in self._verdicts(ranking) if one.data["nomination"] == nomination]
        kept = {figure["aspect"] for verdict in verdicts for figure in verdict["figures"]}
        return {**would, **{code: value for code, value in own.items() if code in kept}}


class _World:
    """What would have been, as far as it is worked out: aggregates, and who would have entered which stage."""

    def __init__(self, record: Record, supposed: Supposed) -> None:
        self._record = record
        self._supposed = supposed
        self._figures: dict[tuple[str, str], dict[str, Fraction]] = {}
        self._entering: dict[str, set[str]] = {}
        self._leaving: dict[str, set[str]] = {}

    def group(self, seal: Kept) -> dict[str, Any]:
        """Return a ranking as it was and as it would have been."""
        record, at = self._record, seal.data["at"]
        own = record.rules(at["season"], seal.data["rulebook_version"])
        was = self._was(seal, own)
        said = {"mark": MARK, "at": dict(at), "seal": cited(seal), "was": was}
        rules = self._supposed.rules_of(at["season"]) or own
        try:
            stage = rules.ranking(at)
        except LookupError as error:
            return {**said, "would": None, "why_not": f"supposed rulebook: {error}", "differences": []}
        would = self._would(seal, own, rules, stage)
        return {**said, "would": would, "why_not": None, "differences": _differences(was, would)}

    # --- as it was

    def _was(self, seal: Kept, rules: Rules) -> dict[str, Any]:
        at, decided = seal.data["at"], self._decided(seal)
        asked = {} if decided is None or decided.motion is None else decided.motion.opened.data
        return {
            # The seal itself, with the ties as they were broken in the end; verdicts are named and not mixed in.
            **_as_sealed(self._record, seal),
            "quota": rules.ranking(at).quota(at["province"]),
            "ends_path": rules.following(at) is None,
            "decided": None if decided is None else cited(decided.event),
            "advancing": list(asked.get("advancing", ())),
            "verdicts_after": sealed(self._record, seal)["verdicts"],
        }

    def _decided(self, seal: Kept) -> Decided | None:
        """Return the carried decision on who advances by a seal."""
        found = [
            one
            for one in self._record.decisions()
            if one.carried and one.event.data.get("seal") == seal.id and one.motion is not None
        ]
        return next((one for one in found if one.motion and one.motion.opened.name == "MotionOpened"), None)

    # --- as it would have been

    def _would(self, seal: Kept, own: Rules, rules: Rules, stage: StageRules) -> dict[str, Any]:
        record, at, stream = self._record, seal.data["at"], seal.point.stream
        others = None if rules is own else stage
        inputs = Supposing(seal, record, own, supposed=self._supposed, others=others, figures=self._figures)
        named = set(seal.data["basis"]["nominations"]) - self._leaving.get(stream, set())
        named |= self._entering.get(stream, set())
        ways = {one: way for one in sorted(named) if (way := way_of(record, one)) is not None}
        standings, unrankable = ranking(stage, [inputs.entrant(one, way) for one, way in ways.items()])
        places = parted_ranks(standings, [tie["order"] for tie in broken(record, seal.id, FOREVER)], ())
        quota = stage.quota(at["province"])
        rows = placed(standings, places)
        inside, undecided = self._seats(seal, rows, quota)
        self._remember(seal, rules, [*standings, *unrankable], inside, undecided)
        return {
            "standings": rows,
            "unrankable": unrankable,
            "quota": quota,
            "ends_path": rules.following(at) is None,
            "advancing": inside,
            "undecided": undecided,
            "entered": sorted(self._entering.get(stream, set()) - set(seal.data["basis"]["nominations"])),
            "stayed_out": sorted(self._leaving.get(stream, set())),
        }

    def _seats(self, seal: Kept, rows: Sequence[Json], quota: int) -> tuple[list[str], list[str]]:
        """Return who would be within the quota, and who would share the place across its end, for people to part."""
        decided = self._decided(seal)
        moment = FOREVER if decided is None else decided.event.time
        sharing: dict[int, list[str]] = {}
        for row in rows:
            sharing.setdefault(row["place"], []).append(row["nomination"])
        inside: list[str] = []
        undecided: list[str] = []
        for place, tied in sharing.items():
            if place <= quota:
                (undecided if place + len(tied) - 1 > quota else inside).extend(tied)
        return [one for one in inside if not left_empty(self._record, one, moment)], undecided

    def _remember(
        self, seal: Kept, rules: Rules, rows: Iterable[Json], inside: Sequence[str], undecided: Sequence[str]
    ) -> None:
        at, stream = seal.data["at"], seal.point.stream
        for row in rows:
            figures = {one["aspect"]: Fraction(one["value"]) for one in row.get("aspects") or ()}
            self._figures[stream, row["nomination"]] = figures
        decided, following = self._decided(seal), rules.following(at)
        if decided is None or decided.motion is None or following is None:
            return
        ahead = set(decided.motion.opened.data["advancing"])
        would = {*inside, *(one for one in undecided if one in ahead)}
        came = {one for one in ahead if _came_by(self._record, one, decided)}
        self._leaving.setdefault(ranking_of(following), set()).update(came - would)
        self._entering.setdefault(ranking_of(following), set()).update(would - ahead)


def _came_by(record: Record, nomination: str, decided: Decided) -> bool:
    """Tell whether a nominee advanced by a decision itself, and not by a verdict later."""
    advanced = record.of(f"nomination/{nomination}", "StageAdvanced")
    cited_by = (decided.event.data["plenary"], decided.event.data["motion"])
    return any((one.data["plenary"], one.data["motion"]) == cited_by for one in advanced)


def _as_sealed(record: Record, seal: Kept) -> dict[str, Any]:
    places = parted_ranks(seal.data["standings"], [tie["order"] for tie in broken(record, seal.id, FOREVER)], ())
    return {
        "standings": placed(seal.data["standings"], places),
        "unrankable": list(seal.data["unrankable"]),
        "event": point_text(seal.point),
    }


def _differences(was: Json, would: Json) -> list[dict[str, Any]]:
    """Return every nominee whose place, total or seat differs, by its place as it was."""
    sides = [_rows(one) for one in (was, would)]
    found = []
    for nomination in sorted(sides[0].keys() | sides[1].keys()):
        before, after = (side.get(nomination) for side in sides)
        seats = [_seat(nomination, one) for one in (was, would)]
        if before != after or seats[0] != seats[1]:
            found.append(
                {"nomination": nomination, "was": before, "would": after, "seat_was": seats[0], "seat_would": seats[1]}
            )
    return sorted(found, key=lambda one: ((one["was"] or {}).get("place", _LATEST), one["nomination"]))


def _rows(side: Json) -> dict[str, Json]:
    ranked = {
        row["nomination"]: {"place": row["place"], "total": row["total"], "shown": row["shown"]}
        for row in side["standings"]
    }
    lacking = {
        row["nomination"]: {name: row[name] for name in ("reason", "aspect") if name in row}
        for row in side["unrankable"]
    }
    return {**ranked, **lacking}


def _seat(nomination: str, side: Json) -> str:
    if nomination in side["advancing"]:
        return "wins" if side["ends_path"] else "advances"
    if nomination in side.get("undecided", ()):
        return "tied across the quota, for people to part"
    if side.get("decided", True) is None:
        return "not decided"
    return "does not win" if side["ends_path"] else "does not advance"
