"""What a rulebook must be beyond the shape of its parts: sums, references, paths, windows, and a mark on every value.

The checks are pure and find everything at once. They work on the parts that could be read, so that a file with one
broken rubric still hears of its circular stages; a reference to a part that is there but broken is no finding.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from difflib import get_close_matches
from fractions import Fraction
from typing import Any, Final, Generic, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from schemas.facts import FIRST_MONTH
from schemas.regions import TABLES, UnknownRegion, region
from schemas.rulebook import (
    BUILT_IN_KINDS,
    MARKS,
    NOTIFIED,
    Aspect,
    Body,
    Calendar,
    Category,
    Certificate,
    Kind,
    Measure,
    Node,
    Notice,
    Prize,
    Regions,
    Rubric,
    Rulebook,
    Scale,
    Stage,
    StageId,
    Window,
    begins_as,
    marks,
)

Path = tuple[str | int, ...]
_M = TypeVar("_M", bound=BaseModel)
_OF_MONTHS: Final = frozenset({"compliance-points", "obliged-months", "months-covered", "amount-due", "amount-paid"})
"""Quantities of an employer's months, which count once they are due."""
_OF_CHANNELS: Final = frozenset({"digital-transactions", "transactions"})
MARK_DECIMALS: Final = 6
"""How many decimals a mark has at most, as events carry it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: where, which (a key of `schemas.rulebook_messages`), and the figures it names."""

    path: Path
    code: str
    values: Mapping[str, object]


def _found(path: Path, code: str, **values: object) -> Finding:
    return Finding(path, code, values)


@dataclass(frozen=True, slots=True)
class Items(Generic[_M]):
    """The readable entries of one list of the file, by index, and the codes of all its entries, readable or not."""

    name: str
    readable: Mapping[int, _M]
    codes: frozenset[str]

    def at(self) -> Iterator[tuple[Path, _M]]:
        """Yield each readable entry with its path."""
        for index, item in self.readable.items():
            yield (self.name, index), item

    def get(self, code: str) -> _M | None:
        """Return the readable entry of a code."""
        return next((item for item in self.readable.values() if getattr(item, "code", None) == code), None)


@dataclass(frozen=True, slots=True)
class Parts:
    """The readable parts of a rulebook."""

    calendar: Calendar | None
    regions: Regions | None
    sources: frozenset[str]
    kinds: Items[Kind]
    categories: Items[Category]
    bodies: Items[Body]
    stages: Items[Stage]
    rubrics: Items[Rubric]
    measures: Items[Measure]
    prizes: Items[Prize]
    certificates: Items[Certificate]
    notices: Items[Notice]
    nodes: tuple[tuple[Path, Node], ...]
    """All readable top entries, for their marks."""
    stage_ids: frozenset[StageId]
    whole: bool
    """Whether every part is readable."""

    def stage(self, address: StageId) -> Stage | None:
        """Return the readable stage of an address."""
        return next((stage for stage in self.stages.readable.values() if stage.id == address), None)


# --- reading parts -------------------------------------------------------------------------------------------------


def _read(model: type[_M], raw: object) -> _M | None:
    try:
        return model.model_validate(raw)
    except ValidationError:
        return None


def _items(model: type[_M], name: str, raw: Mapping[str, Any]) -> Items[_M]:
    entries = raw.get(name)
    entries = entries if isinstance(entries, (list, tuple)) else []
    readable = {index: item for index, entry in enumerate(entries) if (item := _read(model, entry)) is not None}
    codes = {entry["code"] for entry in entries if isinstance(entry, dict) and isinstance(entry.get("code"), str)}
    return Items(name, readable, frozenset(codes))


def _stage_ids(raw: Mapping[str, Any]) -> frozenset[StageId]:
    entries = raw.get("stages")
    ids = set()
    for entry in entries if isinstance(entries, (list, tuple)) else []:
        if isinstance(entry, dict):
            tier, category, code = (entry.get(name) for name in ("tier", "category", "code"))
            if isinstance(tier, str) and isinstance(category, str) and isinstance(code, str):
                ids.add(StageId(tier, category, code))
    return frozenset(ids)


def _parts(raw: Mapping[str, Any], *, whole: bool) -> Parts:
    singles: list[tuple[Path, Node]] = []
    for name, field in Rulebook.model_fields.items():
        model = field.annotation
        if isinstance(model, type) and issubclass(model, Node) and (node := _read(model, raw.get(name))) is not None:
            singles.append(((name,), node))
    found = {path[0]: node for path, node in singles}
    calendar, regions, sources = found.get("calendar"), found.get("regions"), raw.get("sources")
    kinds = _items(Kind, "kinds", raw)
    categories, bodies = _items(Category, "categories", raw), _items(Body, "bodies", raw)
    stages, rubrics = _items(Stage, "stages", raw), _items(Rubric, "rubrics", raw)
    measures, prizes = _items(Measure, "measures", raw), _items(Prize, "prizes", raw)
    certificates, notices = _items(Certificate, "certificates", raw), _items(Notice, "notices", raw)
    lists = (kinds, categories, bodies, stages, rubrics, measures, prizes, certificates, notices)
    return Parts(
        calendar=calendar if isinstance(calendar, Calendar) else None,
        regions=regions if isinstance(regions, Regions) else None,
        sources=frozenset(str(code) for code in sources) if isinstance(sources, Mapping) else frozenset(),
        kinds=kinds,
        categories=categories,
        bodies=bodies,
        stages=stages,
        rubrics=rubrics,
        measures=measures,
        prizes=prizes,
        certificates=certificates,
        notices=notices,
        nodes=(*singles, *(place for items in lists for place in items.at())),
        stage_ids=_stage_ids(raw),
        whole=whole,
    )


def check_content(raw: object) -> tuple[Rulebook | None, tuple[Finding, ...]]:
    """Read a rulebook from JSON-like values and find all that is wrong with it; the rulebook is None if anything is."""
    try:
        rulebook = Rulebook.model_validate(raw)
    except ValidationError as refused:
        shape = tuple(_shape_finding(dict(error)) for error in refused.errors(include_url=False))
        more = _all_checks(_parts(raw, whole=False)) if isinstance(raw, Mapping) else ()
        return None, (*shape, *more)
    findings = tuple(_all_checks(_parts(raw if isinstance(raw, Mapping) else {}, whole=True)))
    return (None if findings else rulebook), findings


def _shape_finding(error: Mapping[str, Any]) -> Finding:
    location = tuple(step for step in error["loc"] if step != "[key]")  # pydantic's mark of a wrong key
    values = {"value": error.get("input"), "expected": "", **(error.get("ctx") or {})}
    for mark in MARKS & {"assumed"}:
        if mark in location:
            return Finding(location[: location.index(mark) + 1], "assumed_form", values)
    return Finding(location, str(error["type"]), values)


def check_rulebook(rulebook: Rulebook) -> tuple[Finding, ...]:
    """Find all that is wrong with a rulebook whose parts have the right shape."""
    return tuple(_all_checks(_parts(rulebook.model_dump(mode="json", exclude_none=True), whole=True)))


def _all_checks(parts: Parts) -> Iterator[Finding]:
    for check in _CHECKS:
        yield from check(parts)


# --- codes ---------------------------------------------------------------------------------------------------------


def _twice(places: Iterable[tuple[Path, Hashable]]) -> Iterator[Finding]:
    """Find each name that came before."""
    seen: set[Hashable] = set()
    for path, name in places:
        if name in seen:
            yield _found(path, "duplicate_code", value="/".join(map(str, name)) if isinstance(name, tuple) else name)
        seen.add(name)


def _listed(path: Path, names: Iterable[Hashable]) -> Iterator[tuple[Path, Hashable]]:
    for index, name in enumerate(names):
        yield (*path, index), name


def _codes_are_unique(parts: Parts) -> Iterator[Finding]:
    yield from _twice((path, kind.code) for path, kind in parts.kinds.at())
    yield from _twice((path, category.code) for path, category in parts.categories.at())
    yield from _twice((path, body.code) for path, body in parts.bodies.at())
    yield from _twice((path, rubric.code) for path, rubric in parts.rubrics.at())
    yield from _twice((path, measure.code) for path, measure in parts.measures.at())
    yield from _twice((path, certificate.code) for path, certificate in parts.certificates.at())
    yield from _twice((path, stage.id) for path, stage in parts.stages.at())
    yield from _twice((path, notice.event) for path, notice in parts.notices.at())
    yield from _twice(
        (path, (prize.tier, category, prize.rank)) for path, prize in parts.prizes.at() for category in prize.categories
    )
    for path, category in parts.categories.at():
        yield from _twice(_listed((*path, "sectors"), (sector.code for sector in category.sectors or ())))
    for path, body in parts.bodies.at():
        yield from _twice(_listed((*path, "offices"), (office.code for office in body.offices)))
    for path, rubric in parts.rubrics.at():
        yield from _twice(_listed((*path, "aspects"), (aspect.code for aspect in rubric.aspects)))
        yield from _twice(_listed((*path, "tie_break"), rubric.tie_break))
    for path, stage in parts.stages.at():
        yield from _twice(_listed((*path, "aspects"), stage.aspects or ()))
        yield from _twice(
            _listed((*path, "quota", "provinces"), (entry.province for entry in stage.quota.provinces or ()))
        )


# --- calendar, regions, kinds, categories --------------------------------------------------------------------------


def _windows(path: Path, window: Window) -> Iterator[Finding]:
    if window.opens >= window.closes:
        yield _found((*path, "closes"), "window_backwards", value=window.closes, other=window.opens)


def _calendar_is_ordered(parts: Parts) -> Iterator[Finding]:
    calendar = parts.calendar
    if calendar is None:
        return
    for field, earlier, later in (
        ("nomination_closes", calendar.opens, calendar.nomination_closes),
        ("closes", calendar.nomination_closes, calendar.closes),
    ):
        if earlier >= later:
            yield _found(("calendar", field), "window_backwards", value=later, other=earlier)
    if calendar.assessed:
        yield from _windows(("calendar", "assessed"), calendar.assessed)


def _regions_are_known(parts: Parts) -> Iterator[Finding]:
    if parts.regions is None:
        return
    table = parts.regions.table
    if table not in TABLES:
        yield _found(("regions", "table"), "unknown_table", value=table, expected=", ".join(TABLES))
        return
    for path, stage in parts.stages.at():
        for index, entry in enumerate(stage.quota.provinces or ()):
            place = (*path, "quota", "provinces", index, "province")
            try:
                region(entry.province, table)
            except UnknownRegion:
                yield _found(place, "unknown_province", value=entry.province, other=table)
            if stage.tier == "national":
                yield _found(place, "province_at_national", value=entry.province)


def _kinds_are_clear(parts: Parts) -> Iterator[Finding]:
    for path, kind in parts.kinds.at():
        if kind.code in BUILT_IN_KINDS:
            yield _found((*path, "code"), "kind_built_in", value=kind.code)
        if "#" not in kind.number:
            yield _found((*path, "number"), "number_fixed", value=kind.number)
        if (kind.home.follows == "from-code") != (kind.home.prefix is not None):
            yield _found((*path, "home", "prefix"), "home_prefix", value=kind.home.follows)
        elif kind.home.prefix and not begins_as(kind.number.replace("#", "0"), kind.home.prefix):
            yield _found((*path, "home", "prefix"), "prefix_elsewhere", value=kind.home.prefix, other=kind.number)


def _categories_are_clear(parts: Parts) -> Iterator[Finding]:
    known = (*BUILT_IN_KINDS, *sorted(parts.kinds.codes - set(BUILT_IN_KINDS)))
    for path, category in parts.categories.at():
        for index, kind in enumerate(category.admits):
            if kind not in known:
                yield _found((*path, "admits", index), "unknown_kind", value=kind, expected=", ".join(known))
        if ("employer" in category.admits) != bool(category.size_classes):
            yield _found((*path, "size_classes"), "size_classes", value=", ".join(category.admits))
        if parts.whole and not any(stage.category == category.code for _, stage in parts.stages.at()):
            yield _found((*path, "code"), "category_without_stage", value=category.code)


# --- bodies --------------------------------------------------------------------------------------------------------


def _bodies_can_decide(parts: Parts) -> Iterator[Finding]:
    for path, body in parts.bodies.at():
        chairs = sum(office.seats for office in body.offices if office.role == "chair")
        if chairs != 1:
            yield _found((*path, "offices"), "one_chair", value=chairs)
        if (body.quorum.fraction is None) == (body.quorum.count is None):
            yield _found((*path, "quorum"), "quorum_one_of")
        elif body.quorum.needed(body.seats) > body.seats:
            yield _found((*path, "quorum", "count"), "quorum_too_great", value=body.quorum.count, other=body.seats)
        if body.majority.strict and body.majority.fraction == 1:
            yield _found((*path, "majority", "strict"), "majority_never", value=body.majority.fraction)
        offices = {office.code for office in body.offices}
        for field in ("seals", "advances", "publishes"):
            for index, code in enumerate(getattr(body, field)):
                if code not in offices:
                    yield _found((*path, field, index), "unknown_office", value=code)


# --- rubrics and measures ------------------------------------------------------------------------------------------


def _rubrics_add_up(parts: Parts) -> Iterator[Finding]:
    for path, rubric in parts.rubrics.at():
        total = sum((aspect.weight for aspect in rubric.aspects), start=rubric.total * 0)
        if total != rubric.total:
            yield _found((*path, "total"), "weights_total", value=rubric.total, other=total)
        yield from _aggregation(path, rubric, parts)
        yield from _tie_break((*path, "tie_break"), rubric)
        for index, aspect in enumerate(rubric.aspects):
            yield from _aspect((*path, "aspects", index), aspect, parts)
        yield from _one_scale(path, rubric, parts)


def _one_scale(path: Path, rubric: Rubric, parts: Parts) -> Iterator[Finding]:
    """Find aspects that a stage adds up on different scales: figures are weighted as they are, so weights would lie."""
    together = [set(_part(stage, rubric)) for _, stage in parts.stages.at() if stage.rubric == rubric.code]
    for index, aspect in enumerate(rubric.aspects):
        for earlier in rubric.aspects[:index]:
            added = any({earlier.code, aspect.code} <= part for part in together)
            if added and not _counts_alike(earlier.scale, aspect.scale):
                scales = {"here": _range(aspect.scale), "there": _range(earlier.scale)}
                place = (*path, "aspects", index, "scale")
                yield _found(place, "scales_differ", value=aspect.code, other=earlier.code, **scales)
                break


def _aggregation(path: Path, rubric: Rubric, parts: Parts) -> Iterator[Finding]:
    way = rubric.aggregation
    if way.method != "trimmed-mean":
        if way.trim is not None or way.from_sheets is not None:
            yield _found((*path, "aggregation"), "trim_without_method", value=way.method)
    elif way.trim is None or way.from_sheets is None:
        yield _found((*path, "aggregation"), "trim_missing")
    elif way.from_sheets <= 2 * way.trim:
        yield _found(
            (*path, "aggregation", "from_sheets"), "trim_leaves_none", value=way.from_sheets, other=2 * way.trim + 1
        )
    else:
        most = _most_sheets(rubric, parts)
        if most is not None and way.from_sheets > most:
            yield _found((*path, "aggregation", "from_sheets"), "trim_never", value=way.from_sheets, other=most)


def _most_sheets(rubric: Rubric, parts: Parts) -> int | None:
    """Return how many members score a nominee under a rubric at most; None where no stage or no body tells it."""
    most: list[int] = []
    for _, stage in parts.stages.at():
        if stage.rubric == rubric.code:
            body = parts.bodies.get(stage.body)
            if body is None:
                return None
            most.append(min(body.seats, stage.assignment.per_nominee) if stage.assignment else body.seats)
    return max(most, default=None) if parts.whole else None


def _tie_break(path: Path, rubric: Rubric) -> Iterator[Finding]:
    """Find a rule that figures decide behind one that people take, and a tie-break that can leave a tie for good."""
    people = [index for index, rule in enumerate(rubric.tie_break) if rule in ("lot", "vote")]
    for index, rule in enumerate(rubric.tie_break):
        if people and index > people[0] and rule not in ("lot", "vote"):
            yield _found((*path, index), "tie_rule_never", value=rule, other=rubric.tie_break[people[0]])
    if set(rubric.tie_break) == {"aspect"}:
        yield _found(path, "tie_for_good", value="aspect")


def _aspect(path: Path, aspect: Aspect, parts: Parts) -> Iterator[Finding]:
    if aspect.weight == 0:
        yield _found((*path, "weight"), "weight_zero", value=aspect.weight)
    yield from _scale((*path, "scale"), aspect.scale)
    if (aspect.origin == "measured") != (aspect.measure is not None):
        yield _found((*path, "measure"), "measure_with_origin", value=aspect.origin)
    elif aspect.measure is not None and aspect.measure not in parts.measures.codes:
        yield _found((*path, "measure"), "unknown_measure", value=aspect.measure)
    if (aspect.origin == "carried") != (aspect.carried is not None):
        yield _found((*path, "carried"), "carried_with_origin", value=aspect.origin)


def _scale(path: Path, scale: Scale) -> Iterator[Finding]:
    if scale.least >= scale.greatest:
        yield _found((*path, "greatest"), "scale_backwards", value=scale.greatest, other=scale.least)
    elif scale.step == 0 or (Fraction(scale.greatest) - Fraction(scale.least)) % Fraction(scale.step) != 0:
        yield _found((*path, "step"), "scale_step", value=scale.step, other=scale.greatest - scale.least)
    for field in ("least", "step"):
        figure: Decimal = getattr(scale, field)
        if figure != round(figure, MARK_DECIMALS):
            yield _found((*path, field), "scale_too_fine", value=format(figure, "f"), other=MARK_DECIMALS)


def _measures_are_whole(parts: Parts) -> Iterator[Finding]:
    for path, measure in parts.measures.at():
        quantities: set[str] = {measure.numerator, measure.denominator}
        if measure.cap is not None and measure.cap == 0:
            yield _found((*path, "cap"), "cap_zero", value=measure.cap)
        if "compliance-points" in quantities and measure.points is None:
            yield _found((*path, "points"), "compliance_rule", value="points")
        if quantities & _OF_MONTHS and measure.due is None:
            yield _found((*path, "due"), "months_rule", value="due")
        if measure.missing_months is not None and not quantities & _OF_MONTHS:
            yield _found((*path, "missing_months"), "not_of_months", value="missing_months")
        if measure.first_month is not None and not quantities & (_OF_MONTHS | _OF_CHANNELS):
            yield _found((*path, "first_month"), "not_of_months", value="first_month")
        if parts.calendar is not None and measure.cut_off > parts.calendar.closes:
            yield _found((*path, "cut_off"), "after_season", value=measure.cut_off, other=parts.calendar.closes)
        yield from _first_month(path, measure, quantities)


def _first_month(path: Path, measure: Measure, quantities: set[str]) -> Iterator[Finding]:
    """Find a first month that no fact is about, and one after which no month can count: nobody would be measured."""
    year, final = measure.cut_off.isoformat()[:4], measure.cut_off.isoformat()[:7]
    first = measure.first_month or f"{year}-01"
    if measure.first_month is not None and first < FIRST_MONTH:
        yield _found((*path, "first_month"), "before_the_agency", value=first, other=FIRST_MONTH)
    elif measure.first_month is not None and first > final:
        yield _found((*path, "first_month"), "month_after_cut_off", value=first, other=measure.cut_off)
    elif quantities & _OF_MONTHS and first >= final:
        # A month is due in the next one.
        yield _found((*path, "first_month"), "no_month_due", value=first, other=measure.cut_off)


# --- stages --------------------------------------------------------------------------------------------------------


def _stages_refer(parts: Parts) -> Iterator[Finding]:
    for path, stage in parts.stages.at():
        if stage.category not in parts.categories.codes:
            yield _found((*path, "category"), "unknown_category", value=stage.category)
        if stage.body not in parts.bodies.codes:
            yield _found((*path, "body"), "unknown_body", value=stage.body)
        if stage.rubric not in parts.rubrics.codes:
            yield _found((*path, "rubric"), "unknown_rubric", value=stage.rubric)
        body, rubric = parts.bodies.get(stage.body), parts.rubrics.get(stage.rubric)
        if body and body.tier != stage.tier:
            yield _found((*path, "body"), "body_tier", value=stage.body, other=stage.tier)
        if body and rubric and body.seats < rubric.least_sheets:
            yield _found((*path, "rubric"), "too_few_seats", value=rubric.least_sheets, other=body.seats)
        if rubric:
            yield from _stage_aspects(path, stage, rubric, parts)
        if stage.assignment:
            yield from _assignment((*path, "assignment", "per_nominee"), stage.assignment.per_nominee, body, rubric)
        yield from _windows((*path, "scoring"), stage.scoring)
        yield from _interview(path, stage)
        yield from _inside_season(path, stage, parts.calendar)


def _assignment(path: Path, count: int, body: Body | None, rubric: Rubric | None) -> Iterator[Finding]:
    if body and count > body.seats:
        yield _found(path, "assigned_too_many", value=count, other=body.seats)
    if rubric and count < rubric.least_sheets:
        yield _found(path, "assigned_too_few", value=count, other=rubric.least_sheets)


def _interview(path: Path, stage: Stage) -> Iterator[Finding]:
    """Find slots of which not one fits into the stage's window."""
    window = stage.scoring.closes - stage.scoring.opens
    if stage.interview and timedelta(0) < window < timedelta(minutes=stage.interview.minutes):
        minutes = window // timedelta(minutes=1)
        yield _found(
            (*path, "interview", "minutes"), "interview_too_long", value=stage.interview.minutes, other=minutes
        )


def _inside_season(path: Path, stage: Stage, calendar: Calendar | None) -> Iterator[Finding]:
    if calendar is None:
        return
    if stage.scoring.opens < calendar.opens:
        yield _found((*path, "scoring", "opens"), "before_season", value=stage.scoring.opens, other=calendar.opens)
    if stage.scoring.closes > calendar.closes:
        yield _found((*path, "scoring", "closes"), "after_season", value=stage.scoring.closes, other=calendar.closes)


def _part(stage: Stage, rubric: Rubric) -> tuple[str, ...]:
    return stage.aspects if stage.aspects is not None else tuple(aspect.code for aspect in rubric.aspects)


class _Taken(NamedTuple):
    """What a stage takes over: where the file says so, from which stage, which aspect there, and for which one here."""

    place: Path
    address: StageId
    code: str
    aspect: Aspect


def _stage_aspects(path: Path, stage: Stage, rubric: Rubric, parts: Parts) -> Iterator[Finding]:
    known = {aspect.code for aspect in rubric.aspects}
    if stage.aspects == ():
        yield _found((*path, "aspects"), "no_aspects")
    for index, code in enumerate(stage.aspects or ()):
        if code not in known:
            yield _found((*path, "aspects", index), "unknown_aspect", value=code, other=rubric.code)
    for index, code in enumerate(stage.carries.aspects if stage.carries else ()):
        if code not in _part(stage, rubric):
            yield _found((*path, "carries", "aspects", index), "unknown_aspect", value=code, other=rubric.code)
    for taken in _taken_over(path, stage, rubric):
        yield from _carried(taken, stage, parts)


def _taken_over(path: Path, stage: Stage, rubric: Rubric) -> Iterator[_Taken]:
    """Yield what a stage carries, by its own word and by its rubric's."""
    part = _part(stage, rubric)
    aspects = {aspect.code: aspect for aspect in rubric.aspects if aspect.code in part}
    if stage.carries:
        address = StageId(stage.carries.tier, stage.category, stage.carries.stage)
        for index, code in enumerate(stage.carries.aspects):
            if code in aspects:
                yield _Taken((*path, "carries", "aspects", index), address, code, aspects[code])
    for aspect in aspects.values():
        if source := aspect.carried:
            address = StageId(source.tier, stage.category, source.stage)
            yield _Taken((*path, "rubric"), address, source.aspect, aspect)


def _carried(taken: _Taken, stage: Stage, parts: Parts) -> Iterator[Finding]:
    told = "/".join(taken.address)
    if taken.address not in parts.stage_ids:
        yield _found(taken.place, "unknown_stage", value=told)
        return
    earlier = parts.stage(taken.address)
    if earlier is None:
        return
    if stage.id not in _path_from(earlier, parts)[1:]:
        yield _found(taken.place, "carried_from_later", value=told)
    rubric = parts.rubrics.get(earlier.rubric)
    if rubric is None:
        return
    if taken.code not in _part(earlier, rubric):
        yield _found(taken.place, "carried_not_scored", value=taken.code, other=told)
    there = next((one.scale for one in rubric.aspects if one.code == taken.code), taken.aspect.scale)
    if not _counts_alike(there, taken.aspect.scale):
        scales = {"here": _range(taken.aspect.scale), "there": _range(there)}
        yield _found(taken.place, "carried_scale", value=taken.aspect.code, other=told, **scales)


def _counts_alike(one: Scale, other: Scale) -> bool:
    """Tell whether a figure means the same on two scales: it is taken over exactly, and nothing converts it.

    Steps may differ: a figure is an aggregate of marks, and lies between them.
    """
    return (one.least, one.greatest) == (other.least, other.greatest)


def _range(scale: Scale) -> str:
    return f"{scale.least:f}..{scale.greatest:f}"


def _path_from(stage: Stage, parts: Parts) -> list[StageId]:
    """Follow `next` from a stage until the end, an unknown stage, or one seen before (which is then listed twice)."""
    path = [stage.id]
    current: Stage | None = stage
    while current is not None and current.next is not None:
        path.append(StageId(current.next.tier, current.category, current.next.stage))
        if path[-1] in path[:-1]:
            break
        current = parts.stage(path[-1])
    return path


def _stages_lead_on(parts: Parts) -> Iterator[Finding]:
    told: set[StageId] = set()
    for path, stage in parts.stages.at():
        way = _path_from(stage, parts)
        if way[-1] in way[:-1] and stage.id in way[1:] and stage.id not in told:
            told.update(way)
            yield _found((*path, "next"), "stage_cycle", value=" → ".join("/".join(step) for step in way))
        if stage.next is None or stage.id in told:
            continue
        address = StageId(stage.next.tier, stage.category, stage.next.stage)
        if address not in parts.stage_ids:
            yield _found((*path, "next"), "unknown_stage", value="/".join(address))
        elif following := parts.stage(address):
            yield from _follows((*path, "next"), stage, following)


def _follows(place: Path, stage: Stage, following: Stage) -> Iterator[Finding]:
    if (stage.tier, following.tier) == ("national", "provincial"):
        yield _found(place, "tier_backwards", value="/".join(following.id))
    if following.order <= stage.order:
        yield _found(place, "order_backwards", value=following.order, other=stage.order)
    if following.scoring.opens <= stage.scoring.closes:
        yield _found(place, "windows_overlap", value=following.scoring.opens, other=stage.scoring.closes)


def _one_way_in(parts: Parts) -> Iterator[Finding]:
    """Every stage of a category but the first is entered from another one, and only from one."""
    if not parts.whole:
        return
    entered: Counter[StageId] = Counter(
        StageId(stage.next.tier, stage.category, stage.next.stage) for _, stage in parts.stages.at() if stage.next
    )
    firsts: Counter[str] = Counter()
    for path, stage in parts.stages.at():
        if not entered[stage.id]:
            firsts[stage.category] += 1
            if firsts[stage.category] > 1:
                yield _found((*path, "code"), "stage_unreachable", value="/".join(stage.id))
        elif entered[stage.id] > 1:
            yield _found((*path, "code"), "stage_entered_twice", value="/".join(stage.id))


def _entries_are_scored(parts: Parts) -> Iterator[Finding]:
    """Find a path's first stage that is scored no longer when nominations close: nobody could mark the last ones."""
    if not parts.whole or parts.calendar is None:
        return
    entered = {StageId(one.next.tier, one.category, one.next.stage) for _, one in parts.stages.at() if one.next}
    until = parts.calendar.nomination_closes
    for path, stage in parts.stages.at():
        if stage.id not in entered and stage.scoring.closes < until:
            yield _found(
                (*path, "scoring", "closes"), "closes_before_nominations", value=stage.scoring.closes, other=until
            )


# --- prizes and certificates ---------------------------------------------------------------------------------------


def _awards_refer(parts: Parts) -> Iterator[Finding]:
    for path, prize in parts.prizes.at():
        for index, code in enumerate(prize.categories):
            if code not in parts.categories.codes:
                yield _found((*path, "categories", index), "unknown_category", value=code)
            elif parts.whole and not any((one.tier, one.category) == (prize.tier, code) for one in parts.stage_ids):
                yield _found((*path, "categories", index), "prize_tier", value=code, other=prize.tier)
        yield from _prize_is_won((*path, "rank"), prize, parts)
    stages = {(address.tier, address.stage) for address in parts.stage_ids}
    for path, certificate in parts.certificates.at():
        if (certificate.given_to == "finalist") != (certificate.stage is not None):
            yield _found((*path, "stage"), "certificate_stage", value=certificate.given_to)
        elif certificate.stage and (certificate.tier, certificate.stage) not in stages:
            yield _found((*path, "stage"), "unknown_stage", value=f"{certificate.tier}/{certificate.stage}")
        elif not any(tier == certificate.tier for tier, _ in stages) and parts.whole:
            yield _found((*path, "tier"), "certificate_tier", value=certificate.tier)


def _prize_is_won(place: Path, prize: Prize, parts: Parts) -> Iterator[Finding]:
    """Find a prize for a rank that no quota of one of its categories reaches: nobody could win it."""
    if not parts.whole:
        return
    for code in prize.categories:
        most = _most_winners(code, prize.tier, parts)
        if most is not None and prize.rank > most:
            yield _found(place, "prize_beyond_quota", value=prize.rank, other=code, most=most)


def _most_winners(category: str, tier: str, parts: Parts) -> int | None:
    """Return how many a category's last stage at a tier lets win, where most do; None where it has no stage there."""
    stages = [stage for _, stage in parts.stages.at() if (stage.category, stage.tier) == (category, tier)]
    if not stages:
        return None
    quota = max(stages, key=lambda stage: stage.order).quota
    return max((quota.places, *(entry.places for entry in quota.provinces or ())))


# --- notices -------------------------------------------------------------------------------------------------------


def _notices_are_of_events(parts: Parts) -> Iterator[Finding]:
    """Find a notice of what nobody is ever told of, most often a name that was written wrongly."""
    for path, notice in parts.notices.at():
        if notice.event not in NOTIFIED:
            near = get_close_matches(notice.event, NOTIFIED, n=1)
            yield _found((*path, "event"), "unknown_event", value=notice.event, expected=", ".join(near or NOTIFIED))


# --- provenance ----------------------------------------------------------------------------------------------------


def _nodes_below(path: Path, value: object) -> Iterator[tuple[Path, Node]]:
    if isinstance(value, Node):
        yield path, value
        for field in type(value).model_fields:
            if field not in MARKS:
                yield from _nodes_below((*path, field), getattr(value, field))
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _nodes_below((*path, index), item)


def _marks_are_sound(parts: Parts) -> Iterator[Finding]:
    for top, entry in parts.nodes:
        for path, node in _nodes_below(top, entry):
            yield from _own_marks(path, node, parts.sources)
        yield from _unmarked(top, entry)


def _own_marks(path: Path, node: Node, sources: frozenset[str]) -> Iterator[Finding]:
    if node.assumed is True and node.source is not None:
        yield _found((*path, "assumed"), "source_and_assumed", value=node.source)
    named = [("assumed", name) for name in node.assumed] if isinstance(node.assumed, tuple) else []
    named += [("sourced", name) for name in node.sourced or ()]
    fields = type(node).model_fields.keys() - MARKS
    for mark, name in named:
        if name not in fields or getattr(node, name) is None:
            yield _found((*path, mark), "mark_names_nothing", value=name)
    for mark, code in [("source", node.source), *(("sourced", code) for code in (node.sourced or {}).values())]:
        if code is not None and code not in sources:
            yield _found((*path, mark), "unknown_source", value=code)


def _unmarked(top: Path, entry: Node) -> Iterator[Finding]:
    bare = [path for path, mark in marks(entry) if mark is None]
    if bare:
        shown = ", ".join(bare[:5]) + (f" … ({len(bare)})" if len(bare) > 5 else "")
        yield _found(top, "no_provenance", value=shown)


_CHECKS: Final[tuple[Callable[[Parts], Iterator[Finding]], ...]] = (
    _codes_are_unique,
    _calendar_is_ordered,
    _regions_are_known,
    _kinds_are_clear,
    _categories_are_clear,
    _bodies_can_decide,
    _rubrics_add_up,
    _measures_are_whole,
    _stages_refer,
    _stages_lead_on,
    _one_way_in,
    _entries_are_scored,
    _awards_refer,
    _notices_are_of_events,
    _marks_are_sound,
)
