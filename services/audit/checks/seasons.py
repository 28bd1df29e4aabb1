"""Seasons: rulebook after rulebook, frozen and closed by two, and who was nominated when.

While a season is frozen, and once it is closed, nothing of it changes. What else happens (somebody reads a sheet, a
late seal is answered, later facts are told beside a seal, a refusal is recorded) changes nothing, and is let pass. So
is an appeal that is lodged while a season is frozen, since its window does not wait.

Scoring hears of a freeze when it is delivered. A seal names the version of the season that it saw, so that it is judged
by what scoring knew; whatever else it let pass within an hour of a freeze it may not have heard of, which is remarked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, NamedTuple

from kernel.canonical import from_instant
from services.audit.checks.telling import Fault, after, before, told
from services.audit.events import Document
from services.audit.meetings import Kept
from services.audit.record import Record
from services.audit.rules import Rules

Json = Mapping[str, Any]

_BY_TWO: Final = ("SeasonFrozen", "SeasonUnfrozen", "SeasonClosed")
_PASSING: Final = frozenset({"SheetRead", "MarksSeen", "ResealOrdered", "CorrectionImpactFound"})
_LODGING: Final = frozenset({"AppealLodged", "DecisionContested", "StageFrozen"})
_KINDS: Final = ("committee", "award", "ranking", "interview")


LATE: Final = timedelta(hours=1)
"""How long after a freeze scoring may not have heard of it."""


class Held(NamedTuple):
    """What happened in a season in spite of a hold; `late`: by a service that may not have heard of it."""

    what: str
    late: bool


@dataclass(slots=True)
class Hold:
    """From when to when (None: for good) nothing of a season was to change, and at which versions it says so."""

    begin: str
    version: int
    end: str | None = None
    end_version: int | None = None
    closed: bool = False
    _certain: tuple[str, str | None, str, str | None] | None = None

    def covers(self, moment: str) -> bool:
        """Tell whether a moment lies certainly inside."""
        if self._certain is None or self._certain[:2] != (self.begin, self.end):
            self._certain = (self.begin, self.end, after(self.begin), None if self.end is None else before(self.end))
        _, _, begin, end = self._certain
        return begin < moment and (end is None or moment < end)

    def was_seen(self, version: int) -> bool:
        """Tell whether the season is held at a version of its stream."""
        return self.version <= version and (self.end_version is None or version < self.end_version)


class Holds:
    """When seasons were frozen or closed, read before everything else; says what happened in spite of it."""

    def __init__(self) -> None:
        self._holds: dict[str, list[Hold]] = {}
        self._of_streams: dict[str, str] = {}

    def alike(self) -> Holds:
        """Return one that knows of the same holds, and of no stream whose it is."""
        made = Holds()
        made._holds = self._holds
        return made

    def read(self, event: Document) -> None:
        """Take an event of a season's stream, ahead of the others."""
        name, season = event.type.split(".")[-2], event.stream.partition("/")[2]
        holds = self._holds.setdefault(season, [])
        if name in ("SeasonFrozen", "SeasonClosed"):
            holds.append(Hold(event.time, event.version, closed=name == "SeasonClosed"))
        elif name == "SeasonUnfrozen" and holds and holds[-1].end is None:
            holds[-1].end, holds[-1].end_version = event.time, event.version

    def judge(self, event: Document) -> Held | None:
        """Return what is to be said of an event that was recorded while its season was held."""
        if not any(self._holds.values()):
            return None
        season, name = self._season(event), event.type.split(".")[-2]
        if season is None or name in _PASSING:
            return None
        holds = [hold for hold in self._holds.get(season, ()) if hold.closed or name not in _LODGING]
        if name == "RankingSealed":
            points = {point["stream"]: point["version"] for point in event.data["basis"]["streams"]}
            if any(hold.was_seen(points.get(f"season/{season}", 0)) for hold in holds):
                return Held(f"the season {season} was frozen or closed", late=False)
        found = [hold for hold in holds if hold.covers(event.time)]
        if not found:
            return None
        late = name == "RankingSealed" or all(_may_be_unheard(event, hold) for hold in found)
        also = ", of which scoring may not have heard" if late else ""
        return Held(f"the season {season} was frozen or closed{also}", late)

    def _season(self, event: Document) -> str | None:
        """Return the season that an event changes something of; None for what is of none."""
        kind, _, rest = event.stream.partition("/")
        if kind in _KINDS:
            return rest.partition("/")[0]
        if kind not in ("nomination", "plenary", "appeal", "sheet"):
            return None
        stage = event.data.get("at") or event.data.get("entry") or event.data.get("left")
        stated = stage["season"] if isinstance(stage, dict) else event.data.get("season")
        if kind == "sheet":
            return str(stated)
        # Only the first events of a nomination, a meeting or an appeal must say whose they are.
        return self._of_streams.setdefault(event.stream, str(stated)) if stated else self._of_streams.get(event.stream)


def _may_be_unheard(event: Document, hold: Hold) -> bool:
    by_scoring = event.stream.startswith(("sheet/", "ranking/"))
    return by_scoring and from_instant(event.time) - from_instant(hold.begin) <= LATE


# --- a season's own stream -----------------------------------------------------------------------------------------


def seasons_faults(record: Record) -> Iterator[Fault]:
    """Check every season's stream, and when candidates were nominated."""
    for stream in [one for one in record.streams if one.startswith("season/")]:
        yield from _stream_faults(record.of(stream), record)
    admitted = {point for decided in record.decisions() for point in decided.results if decided.carried}
    for event in record.kind("nomination", "CandidateNominated", "NominationFiledLate"):
        if event.name == "CandidateNominated" and record.of(event.point.stream, "NominationFiledLate"):
            if event.point not in admitted:
                yield "unjustified", event.place, "it was filed late, and no decision admits it"
        else:
            yield from told("season", event.place, _window_faults(event, record))


def _stream_faults(events: list[Kept], record: Record) -> Iterator[Fault]:
    version, held = 0, ""
    for event in events:
        yield from told("season", event.place, _event_faults(event, version, held, record))
        if event.name in ("RulebookPublished", "RulebookAmended"):
            version = event.data["version"]
        if event.name in _BY_TWO:
            held = {"SeasonFrozen": "frozen", "SeasonUnfrozen": "", "SeasonClosed": "closed"}[event.name]


def _event_faults(event: Kept, version: int, held: str, record: Record) -> Iterator[str]:
    said = event.data
    if (event.name == "SeasonUnfrozen") is not (held == "frozen"):
        yield f"the season was {held or 'not frozen'}"
    if event.name in _BY_TWO and said["first"] == said["second"]:
        yield "it takes two administrators, and both are one"
    yield from _version_faults(event, version)
    if event.name == "RulebookAmended":
        yield from _moved_faults(event, record.rules(said["season"], version))
    if event.name == "SeasonClosed":
        rules = record.rules(said["season"], version)
        if event.time <= rules.last(rules.content["calendar"]["closes"], "00"):
            yield "the season was closed before its end"
        yield from _open_appeals(event, record)
    if event.name == "DeadlineExtended":
        rules = record.rules(said["season"], version)
        closes = _closes(rules, said.get("province"), _extensions(event, record))
        if said["until"] <= closes:
            yield f"the window closes at {closes} already, which is not earlier"


def _open_appeals(closed: Kept, record: Record) -> Iterator[str]:
    """Say which appeals certainly waited for their decision when their season was closed for good."""
    for lodged in record.kind("appeal", "AppealLodged"):
        decided = record.of(lodged.point.stream, "AppealDecided")
        waits = lodged.time <= before(closed.time) and not any(one.time <= after(closed.time) for one in decided)
        if lodged.data["at"]["season"] == closed.data["season"] and waits:
            yield f"the appeal {lodged.data['appeal']} was not decided when the season was closed"


def _version_faults(event: Kept, version: int) -> Iterator[str]:
    said = event.data
    if event.name == "RulebookPublished" and version:
        yield "the season's rulebook was published before"
    if event.name == "RulebookAmended" and said["version"] != version + 1:
        yield f"the version after {version} is {version + 1}, not {said['version']}"
    content = said.get("content")
    if content is not None and (content.get("season"), content.get("version")) != (said["season"], said["version"]):
        yield "its content is that of another season or version"


def _moved_faults(amended: Kept, before_: Rules) -> Iterator[str]:
    """Check that every stage is still there, stays with its body and leads where it led."""
    stages = {_stage_of(one): one for one in amended.data["content"]["stages"]}
    for stage in before_.content["stages"]:
        after_ = stages.get(_stage_of(stage), {})
        for part in ("body", "next"):
            if after_.get(part) != stage.get(part):
                yield f"`{part}` of the stage {'/'.join(_stage_of(stage))} is not what it was"


def _stage_of(stage: Json) -> tuple[str, str, str]:
    return stage["tier"], stage["category"], stage["code"]


def _extensions(event: Kept, record: Record) -> list[Kept]:
    earlier = record.of(event.point.stream, "DeadlineExtended")
    return [one for one in earlier if one.point.version < event.point.version]


def _closes(rules: Rules, province: str | None, extensions: list[Kept]) -> str:
    """Return the last instant for nominations in a province; None is everywhere, counted in the nation's time."""
    extended = [one.data["until"] for one in extensions if one.data.get("province") in (None, province)]
    return str(max([rules.nomination(province or "00")[1], *extended]))


def _window_faults(event: Kept, record: Record) -> Iterator[str]:
    """Check that a candidate was nominated within its province's window, or filed late after it."""
    season = event.data["entry"]["season"]
    possible = record.rules_at(season, before(event.time), after(event.time))
    if not possible:
        if record.of(f"season/{season}"):
            yield "the season was not open"
        return
    candidate = event.data["candidate"]
    province = (candidate.get("region") or candidate["code"])[:2]
    extensions = record.of(f"season/{season}", "DeadlineExtended")
    if event.name == "NominationFiledLate":
        certain = [one for one in extensions if one.time <= before(event.time)]
        if all(event.time <= _closes(rules, province, certain) for rules in possible):
            yield "it was filed late while the window was open"
        return
    known = [one for one in extensions if one.time <= after(event.time)]
    windows = [(rules.nomination(province)[0], _closes(rules, province, known)) for rules in possible]
    if all(not opens <= event.time or before(event.time) > closes for opens, closes in windows):
        yield f"it was nominated outside of the window, from {windows[0][0]} to {windows[0][1]}"
    entries = [_entry(rules, event.data["entry"]["category"]) for rules in possible]
    if all((event.data["entry"]["tier"], event.data["entry"]["stage"]) != entry for entry in entries):
        yield "the category's path begins at another stage"


def _entry(rules: Rules, category: str) -> tuple[str, str] | None:
    stages = [one for one in rules.content["stages"] if one["category"] == category]
    provincial = [one for one in stages if one["tier"] == "provincial"]
    first = min(provincial or stages, key=lambda one: one["order"], default=None)
    return None if first is None else (first["tier"], first["code"])
