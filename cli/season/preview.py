"""What a rulebook would make of a season, before it is sent; and what one version changes of another.

Windows are told in local time, which is what a rulebook states, and in UTC, which is what counts: one line for each of
WIB, WITA and WIT where provinces decide, the nation's own where the nation does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from schemas.regions import NATION, ZONES, region_table
from schemas.rulebook import Body, Rulebook, Stage, StageAspect, Window

Json = dict[str, Any]
_NAMED_BY: Final = (("tier", "category", "code"), ("code",), ("province",))
"""What tells the items of a rulebook's lists apart, whatever their order: stages, all that has a code, quotas."""


# --- what a rulebook would make -------------------------------------------------------------------------------------


def preview(rulebook: Rulebook) -> Json:
    """Return what the season would be, as JSON values."""
    provinces = _one_province_a_zone(rulebook)
    return {
        "nominations": _window(rulebook, rulebook.calendar.nomination, provinces),
        "paths": [
            {
                "category": category.code,
                "title": category.title.en,
                "admits": [*category.admits],
                "size_classes": [*(category.size_classes or ())],
                "stages": [_stage(rulebook, stage, provinces) for stage in _path(rulebook, category.code)],
            }
            for category in rulebook.categories
        ],
        "bodies": [_body(body) for body in rulebook.bodies],
        "appeals": {
            "by": [*rulebook.appeals.by],
            "days": rulebook.appeals.days,
            "freezes_downstream": rulebook.appeals.freezes_downstream,
        },
        "prizes": [
            {
                "tier": prize.tier,
                "categories": [*prize.categories],
                "rank": prize.rank,
                "id": prize.prize.id,
                "en": prize.prize.en,
            }
            for prize in rulebook.prizes
        ],
        "certificates": [
            {
                "certificate": one.code,
                "title": one.title.en,
                "tier": one.tier,
                "given_to": one.given_to,
                "stage": one.stage,
            }
            for one in rulebook.certificates
        ],
        "notices": [{"event": notice.event, "to": [*notice.to]} for notice in rulebook.notices],
    }


def _path(rulebook: Rulebook, category: str) -> Iterator[Stage]:
    """Yield a category's stages from the entry on; the reader has refused paths that do not end."""
    stage: Stage | None = rulebook.entry_stage(category)
    while stage is not None:
        yield stage
        stage = rulebook.next_stage(stage)


def _stage(rulebook: Rulebook, stage: Stage, provinces: Mapping[str, str]) -> Json:
    body = rulebook.body(stage)
    places = provinces if stage.tier == "provincial" else {ZONES[rulebook.calendar.zone]: NATION}
    return {
        "tier": stage.tier,
        "stage": stage.code,
        "body": body.code,
        "seats": body.seats,
        "quorum": body.quorum.needed(body.seats),
        "majority": _majority(body),
        "quota": stage.quota.places,
        "own_quotas": {own.province: own.places for own in stage.quota.provinces or ()},
        "scoring": _window(rulebook, stage.scoring, places),
        "days_to_mend": stage.verification.days_to_mend if stage.verification else None,
        "interview_minutes": stage.interview.minutes if stage.interview else None,
        "scorers_drawn": stage.assignment.per_nominee if stage.assignment else None,
        "weights": [_weight(aspect) for aspect in rulebook.rubric(stage).aspects],
    }


def _weight(aspect: StageAspect) -> Json:
    """Return an aspect's weight as the rulebook has it, and its exact part of the stage's total."""
    return {
        "aspect": aspect.code,
        "weight": format(aspect.weight, "f"),
        "share": str(aspect.share),
        "origin": aspect.origin,
    }


def _body(body: Body) -> Json:
    return {
        "body": body.code,
        "tier": body.tier,
        "seats": body.seats,
        "offices": {office.code: office.seats for office in body.voting_offices},
        "clerks": [office.code for office in body.offices if office.role == "clerk"],
        "notice_days": body.notice_days,
    }


def _majority(body: Body) -> str:
    share = body.majority.fraction
    return f"{'more than' if body.majority.strict else 'at least'} {share} of {body.majority.base}"


def _window(rulebook: Rulebook, window: Window, places: Mapping[str, str]) -> Json:
    """Return a window in local time, and in UTC for a place of each zone."""
    return {
        "opens": _local(window.opens),
        "closes": _local(window.closes),
        "utc": {
            zone: {
                "opens": _utc(rulebook.opens_utc(window, place)),
                "closes": _utc(rulebook.deadline_utc(window, place)),
            }
            for zone, place in places.items()
        },
    }


def _one_province_a_zone(rulebook: Rulebook) -> dict[str, str]:
    """Return a province of every zone, by what people call the zone, from west to east."""
    regions = region_table(rulebook.regions.table).regions.values()
    found = {one.zone: one.province for one in regions if one.kind == "province"}
    return {name: found[zone] for zone, name in ZONES.items() if zone in found}


def _local(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def _utc(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


# --- as lines -------------------------------------------------------------------------------------------------------


def preview_lines(shown: Json) -> Iterator[str]:
    """Yield what `preview` returned, for people."""
    yield f"  nominations {_span(shown['nominations'])}"
    yield from _utc_lines(shown["nominations"])
    for path in shown["paths"]:
        admits = ", ".join(path["admits"]) + (f" ({', '.join(path['size_classes'])})" if path["size_classes"] else "")
        yield f"  {path['category']}: {path['title']}; admits {admits}"
        for number, stage in enumerate(path["stages"], start=1):
            yield from _stage_lines(number, stage, last=number == len(path["stages"]))
    for body in shown["bodies"]:
        offices = ", ".join(f"{office} {seats}" for office, seats in body["offices"].items())
        clerks = ", ".join(body["clerks"])
        yield f"  {body['body']} ({body['tier']}): {body['seats']} seats: {offices}; record: {clerks}; {_notice(body)}"
    appeals = shown["appeals"]
    holds = "; later stages wait for the verdict" if appeals["freezes_downstream"] else ""
    yield f"  appeals by {', '.join(appeals['by'])} for {appeals['days']} days from the announcement{holds}"
    yield from _granted_lines(shown)


def _granted_lines(shown: Json) -> Iterator[str]:
    """Yield what winners and finalists are given, and who is told of what."""
    for prize in shown["prizes"]:
        categories = ", ".join(prize["categories"])
        yield f"  prize, {prize['tier']}, rank {prize['rank']} of {categories}: {prize['en']} ({prize['id']})"
    if not shown["prizes"]:
        yield "  no prizes"
    for one in shown["certificates"]:
        reached = f" who reach {one['stage']}" if one["stage"] else ""
        yield f"  certificate {one['certificate']}, {one['tier']}, to {one['given_to']}s{reached}: {one['title']}"
    if not shown["certificates"]:
        yield "  no certificates"
    for notice in shown["notices"]:
        yield f"  of {notice['event']} are told: {', '.join(notice['to'])}"
    yield f"  of {'every other event' if shown['notices'] else 'every event'} who is told by default"


def _notice(body: Json) -> str:
    days = body["notice_days"]
    return f"meetings called {days} {'day' if days == 1 else 'days'} ahead" if days else "meetings called at any time"


def _stage_lines(number: int, stage: Json, *, last: bool) -> Iterator[str]:
    own = ", ".join(f"{places} in {province}" for province, places in stage["own_quotas"].items())
    quota = f"{stage['quota']} {'win' if last else 'go on'}{f' ({own})' if own else ''}"
    deciding = f"{stage['body']}, {stage['seats']} seats, quorum {stage['quorum']}, carried by {stage['majority']}"
    yield f"    {number}. {stage['tier']} {stage['stage']}: {deciding}; {quota}"
    yield f"       scored {_span(stage['scoring'])}"
    yield from _utc_lines(stage["scoring"], "       ")
    steps = (
        ("days_to_mend", "verified; a returned nomination is to be mended within {} days"),
        ("interview_minutes", "interviews of {} minutes"),
        ("scorers_drawn", "{} scorers are drawn for each nominee"),
    )
    yield from (f"       {said.format(stage[step])}" for step, said in steps if stage[step] is not None)
    weights = (f"{one['aspect']} {one['weight']} ({one['share']}, {one['origin']})" for one in stage["weights"])
    yield f"       weights {', '.join(weights)}"


def _span(window: Json) -> str:
    return f"{window['opens']} to {window['closes']} local time"


def _utc_lines(window: Json, indent: str = "  ") -> Iterator[str]:
    for zone, span in window["utc"].items():
        yield f"{indent}  {zone:4} {span['opens']} to {span['closes']}"


# --- what changes ---------------------------------------------------------------------------------------------------


def differences(before: Json, after: Json) -> list[Json]:
    """Return what differs between two rulebooks' contents: path, old and new value (None: it is not there).

    Items of lists are told apart by their codes, so what was put before others does not make all of them look changed.
    """
    old, new = dict(_values(before)), dict(_values(after))
    paths = [*old, *(path for path in new if path not in old)]
    return [
        {"path": path, "old": old.get(path), "new": new.get(path)} for path in paths if old.get(path) != new.get(path)
    ]


def difference_lines(found: list[Json]) -> Iterator[str]:
    """Yield what `differences` returned, for people."""
    for each in found:
        yield f"  {each['path']}: {_said(each['old'])} -> {_said(each['new'])}"


def _said(value: Any) -> str:
    return "(nothing)" if value is None else ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _values(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value with its path; a list of plain values is one value."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _values(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        for index, item in enumerate(value):
            yield from _values(item, f"{path}[{_name(item, index)}]")
    else:
        yield path, value


def _name(item: Mapping[str, Any], index: int) -> str:
    for names in _NAMED_BY:
        if all(name in item for name in names):
            return "/".join(str(item[name]) for name in names)
    return str(index)
