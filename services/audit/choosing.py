"""What a part of the log holds: a season, what one province did in it, or what concerns one nomination.

A part holds whole streams, chosen by what was recorded: the keys that sign, the season with its rulebook, the bodies,
meetings, rankings, awards and appeals of the place, the nominations with their sheets, and what seals and measurements
cite. Deliveries, refusals, reports to publishers and other seasons are withheld.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Protocol

from schemas.envelope import Event
from schemas.nomination import (
    AppealLodged,
    CandidateNominated,
    NominationFiledLate,
    PlenaryConvened,
    StageAdvanced,
)
from schemas.scoring import IndicatorMeasured, RankingSealed
from services.audit.decisions import cited
from services.audit.events import Document
from services.audit.excerpts import NATION, Excerpt
from services.audit.findings import Place
from services.audit.meetings import OPENINGS, Motion
from services.audit.record import award_of, kept_of, ranking_of
from services.audit.selections import in_order

Json = Mapping[str, Any]
_KEYS: Final = "service/*"
_BASES: Final = (RankingSealed.type_name(), IndicatorMeasured.type_name())


class NoSuchPart(Exception):
    """The log holds nothing of what was asked for; the message says what to do."""


class Reader(Protocol):
    """Reads the events of chosen streams, those of one stream one after another."""

    def __call__(self, selections: Iterable[str], *, first: bool = False) -> Iterator[Document]:
        """Yield the events, or only the first of each stream."""
        ...


def streams_of(excerpt: Excerpt, read: Reader) -> list[str]:
    """Return the streams that a part holds, as choices in order. Raises NoSuchPart."""
    if not any(True for _ in read([f"season/{excerpt.season}"], first=True)):
        raise NoSuchPart(f"the log has no season {excerpt.season}: give the code of one that was opened")
    found = {_KEYS, f"season/{excerpt.season}"}
    found |= _of_nomination(excerpt, read) if excerpt.nomination else _of_place(excerpt, read)
    rankings = [one for one in found if one.startswith("ranking/")]
    measured = [one for one in found if one.startswith("indicator/")]
    if excerpt.nomination is None:
        found |= set(_bases(read(in_order(rankings))))
    found |= set(_bases(read(in_order(measured))))
    return in_order(found)


# --- a season or a province -------------------------------------------------------------------------------------------


def _of_place(excerpt: Excerpt, read: Reader) -> set[str]:
    season, province = excerpt.season, excerpt.province
    place = "*" if province is None else f"{province}/*"
    found = {f"interview/{season}/{place}", f"committee/{season}/*"}
    for tier in ("national", "provincial"):
        if province is None or (province == NATION) is (tier == "national"):
            found |= {f"{kind}/{season}/{tier}/{place}" for kind in ("ranking", "award")}
    if province not in (None, NATION):
        # Whoever goes on to the nation is verified by its committee, and an appeal in the province holds its stages.
        found = found - {f"committee/{season}/*"} | {f"committee/{season}/{one}" for one in (province, NATION)}
        found.add(f"award/{season}/national/*")
    found |= {event.stream for event in read(["plenary/*"], first=True) if _in(excerpt, PlenaryConvened, event)}
    lodged = Excerpt(season) if province == NATION else excerpt  # whoever appeals in a province may hold the nation
    found |= {event.stream for event in read(["appeal/*"], first=True) if _in(lodged, AppealLodged, event, "at")}
    sheets = {None: "", NATION: "national-"}.get(province, "provincial-")
    for nomination in _nominations(excerpt, read):
        found |= {f"nomination/{nomination}", f"indicator/{nomination}", f"sheet/{nomination}/{sheets}*"}
    return found


def _in(excerpt: Excerpt, kind: type[Event], event: Document, at: str | None = None) -> bool:
    """Tell whether an event of a kind is of the place."""
    event = event.as_newest()
    if event.type != kind.type_name():
        return False
    said = event.data[at] if at else event.data
    return said["season"] == excerpt.season and excerpt.province in (None, said["province"])


def _nominations(excerpt: Excerpt, read: Reader) -> set[str]:
    """Return the nominations that stood at the place."""
    return {
        event.data["nomination"]
        for event in read(["nomination/*"])
        for at in _reached(event)
        if at["season"] == excerpt.season and excerpt.province in (None, at["province"])
    }


def _reached(event: Document) -> list[Json]:
    """Return the stage that an event brings a nomination to, if it does."""
    newest = event.as_newest()
    if newest.type in (CandidateNominated.type_name(), NominationFiledLate.type_name()):
        return [newest.data["entry"]]
    return [newest.data["reached"]] if newest.type == StageAdvanced.type_name() else []


# --- a nomination -----------------------------------------------------------------------------------------------------


def _of_nomination(excerpt: Excerpt, read: Reader) -> set[str]:
    """Return what concerns a nomination: of the rankings that it stood in, not the sheets of the others."""
    own = f"nomination/{excerpt.nomination}"
    if not any(at["season"] == excerpt.season for event in read([own], first=True) for at in _reached(event)):
        raise NoSuchPart(
            f"the log has no {excerpt.named}: give the id of one, as paritrana audit replay lists them, and its season"
        )
    found = {own, f"indicator/{excerpt.nomination}", f"sheet/{excerpt.nomination}/*"}
    for event in read([own]):
        for at in _reached(event):
            found |= {f"committee/{at['season']}/{at['province']}", ranking_of(at), award_of(at)}
            found.add(f"interview/{at['season']}/{at['province']}/*")
    found |= {event.stream for event in read(["plenary/*"]) if excerpt.nomination in _asked_about(event)}
    for event in read(["appeal/*"], first=True):
        newest = event.as_newest()
        if newest.type == AppealLodged.type_name() and newest.data["nomination"] == excerpt.nomination:
            found.add(event.stream)
    return found


def _asked_about(event: Document) -> list[str]:
    """Return the nominations that a question before a meeting is about."""
    newest = event.as_newest()
    if newest.type.split(".")[-2] not in OPENINGS:
        return []
    return Motion(kept_of(newest, Place(""))).nominations


# --- what is cited ----------------------------------------------------------------------------------------------------


def _bases(events: Iterable[Document]) -> Iterator[str]:
    """Return the streams that seals and measurements rest on."""
    for event in events:
        newest = event.as_newest()
        if newest.type in _BASES:
            yield from (point.stream for point in cited(newest.type, newest.data))
