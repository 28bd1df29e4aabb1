"""What of a season went otherwise than its rules foresee: extensions, overrides, removals, amendments, freezes.

One list for those who answer for the season and those who audit it. Each stream is a group of its own: the first event
of a meeting or a nomination says which season and place its later ones belong to, so a rebuild finds the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal, NamedTuple

from kernel.log import Recorded
from kernel.reactor import Table
from schemas.nomination import (
    AdmissionDecided,
    CandidateNominated,
    ConflictLifted,
    DeadlineExtended,
    MemberRemoved,
    MinutesCorrected,
    NominationAmended,
    NominationFiledLate,
    NominationRejected,
    PlenaryConvened,
    ResealOrdered,
    RulebookAmended,
    SeasonFrozen,
    SeasonUnfrozen,
)
from schemas.regions import NATION
from schemas.scoring import RankingSuperseded, ScoringExtended
from services.nomination.projections.documents import Json, Row, moment, name_of, pick, text_of, types_of

Kind = Literal["extension", "override", "removal", "amendment", "freeze"]
KINDS: Final[tuple[Kind, ...]] = ("extension", "override", "removal", "amendment", "freeze")


class _Told(NamedTuple):
    """How an event is told: its kind, and the fields that say what was done."""

    kind: Kind
    fields: tuple[str, ...]


_TOLD: Final[Mapping[str, _Told]] = {
    "DeadlineExtended": _Told("extension", ("window", "until")),
    "ScoringExtended": _Told("extension", ("at", "previous", "until")),
    "ConflictLifted": _Told("override", ("body", "person", "category", "nomination")),
    "NominationFiledLate": _Told("override", ("nomination", "entry", "candidate", "nominating_body")),
    "AdmissionDecided": _Told("override", ("plenary", "motion", "nomination", "outcome", "tally")),
    "ResealOrdered": _Told("override", ("ranking", "seal", "stale", "missing", "superfluous")),
    "RankingSuperseded": _Told("override", ("at", "seal", "order")),
    "MinutesCorrected": _Told("override", ("plenary", "number")),
    "MemberRemoved": _Told("removal", ("body", "office", "seat", "person")),
    "NominationRejected": _Told("removal", ("nomination", "at")),
    "RulebookAmended": _Told("amendment", ("version", "hash")),
    "NominationAmended": _Told("amendment", ("nomination", "candidate")),
    "SeasonFrozen": _Told("freeze", ("first", "second")),
    "SeasonUnfrozen": _Told("freeze", ("first", "second")),
}


class Exceptions:
    """The exceptions of a stream, one group each."""

    name = "exceptions"
    table = Table("exceptions", ("grp", "id", "season", "province", "kind", "recorded", "reason", "body"))
    types = types_of(
        # These say where the later events of their streams belong.
        PlenaryConvened,
        CandidateNominated,
        DeadlineExtended,
        ScoringExtended,
        ConflictLifted,
        NominationFiledLate,
        AdmissionDecided,
        ResealOrdered,
        RankingSuperseded,
        MinutesCorrected,
        MemberRemoved,
        NominationRejected,
        RulebookAmended,
        NominationAmended,
        SeasonFrozen,
        SeasonUnfrozen,
    )

    def groups(self, event: Recorded) -> Iterable[str]:
        """Return the stream."""
        return (event.stream,)

    def initial(self, _group: str) -> Json:
        """Return a stream without exceptions, of no place yet."""
        return {"place": None, "told": []}

    def fold(self, state: Json, event: Recorded, _group: str) -> Json:
        """Take in where the stream belongs, and an exception."""
        happened, data = name_of(event), event.data
        state["place"] = _place(happened, data) or state["place"]
        if happened in _TOLD:
            season, province = _season_wide(happened, data) or state["place"]
            state["told"].append(
                {
                    "id": event.id,
                    "season": season,
                    "province": province,
                    "kind": _TOLD[happened].kind,
                    "event": happened,
                    "time": event.attributes["time"],
                    "actor": event.attributes["actor"],
                    "office": event.attributes.get("office"),
                    "stream": event.stream,
                    "what": pick(data, *_TOLD[happened].fields),
                    "reason": data.get("reason_digest") or data.get("text_digest"),
                }
            )
        return state

    def rows(self, group: str, state: Json) -> Iterable[Row]:
        """Return one row per exception."""
        for told in state["told"]:
            body = {name: value for name, value in told.items() if name != "reason"}
            keys = (told["season"], told["province"], told["kind"], moment(told["time"]), told["reason"])
            yield group, told["id"], *keys, text_of(body)


def _season_wide(happened: str, data: Json) -> tuple[str, str | None] | None:
    """Return the season of an exception on its own stream, with the province when it is for that one only."""
    if happened in ("DeadlineExtended", "RulebookAmended", "SeasonFrozen", "SeasonUnfrozen"):
        return data["season"], data.get("province")
    return None


def _place(happened: str, data: Json) -> tuple[str, str] | None:
    """Return the season and province (`00`: the nation) that an event says its stream belongs to."""
    match happened:
        case "PlenaryConvened" | "ConflictLifted" | "MemberRemoved":
            return data["season"], data["province"]
        case "CandidateNominated" | "NominationFiledLate":
            candidate = data["candidate"]
            return data["entry"]["season"], (candidate.get("region") or candidate["code"])[:2]
        case "ScoringExtended" | "RankingSuperseded":
            return data["at"]["season"], data["at"]["province"]
        case "ResealOrdered":
            _, season, tier, province, *_ = data["ranking"].split("/")
            return season, NATION if tier == "national" else province
        case _:
            return None
