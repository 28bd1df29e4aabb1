"""What a secretary looks at before closing and sealing a stage: who has not filed, who cannot be ranked, who is tied.

A pure picture of what is known now. It holds no mark and no aggregate; what follows from aggregates (whether a tie
stands at the cut, and between whom) is left out for a reader who has a sheet or a vote in the stage.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import orjson

from kernel.canonical import Json
from schemas.envelope import Stage
from services.scoring.domain.assignment import eligible_scorers
from services.scoring.domain.indicator import NOTHING, Indicator
from services.scoring.domain.received import Committee, Nominee, Season
from services.scoring.domain.seal import recusals_of
from services.scoring.domain.stage import Closed, Open, Sealed, cut_of

_PEOPLE_BREAK: Final = ("lot", "vote")
_UNFILED: Final = ("blank", "draft", "voided")


class Competitor(NamedTuple):
    """A nominee that stands at the stage now."""

    nominee: Nominee
    name: str


@dataclass(frozen=True, slots=True)
class Picture:
    """What a checklist is drawn from.

    `sheets` are the statuses by nomination and member; `lines` the ranking's rows as they stand, without the heading.
    """

    at: Stage
    ranking: Open | Closed | Sealed
    season: Season
    committee: Committee
    competing: Sequence[Competitor]
    sheets: Mapping[tuple[str, str], str]
    lines: Sequence[Mapping[str, Any]]
    appeals: Sequence[str]
    indicators: Mapping[str, Indicator] = field(default_factory=dict)
    """What was measured of nominees without a rank, by nomination."""

    @property
    def scorers(self) -> tuple[str, ...]:
        """Return who sits in the body and scores."""
        rules = self.ranking.opened.rules
        return self.committee.scorers_of(self.ranking.opened.body, rules.scoring_offices)

    @property
    def is_judged(self) -> bool:
        """Tell whether members mark anything at the stage."""
        return any(aspect.origin == "judged" for aspect in self.ranking.opened.rules.aspects)

    def due(self) -> dict[str, tuple[str, ...]]:
        """Return for each competing nominee the members who are to file a sheet for it: none where all is measured."""
        if not self.is_judged:
            return {one.nominee.nomination: () for one in self.competing}
        free = eligible_scorers(self.ranking, self.committee, [one.nominee for one in self.competing])
        if self.ranking.opened.rules.per_nominee is None:
            return free
        assigned = self.ranking.assigned
        return {id_: tuple(one for one in members if one in assigned.get(id_, ())) for id_, members in free.items()}


def checklist(picture: Picture, *, with_ties: bool) -> Json:
    """Return the checklist as a document; without `with_ties` nothing in it follows from an aggregate."""
    opened, rules = picture.ranking.opened, picture.ranking.opened.rules
    due = picture.due()
    return {
        "at": picture.at.model_dump(mode="json"),
        "state": _state(picture.ranking),
        "body": opened.body,
        "frozen": {"season": picture.season.hold, "appeals": list(picture.appeals)},
        "members": [_member(picture, member, due) for member in picture.scorers],
        "nominees": [_nominee(picture, one, due[one.nominee.nomination]) for one in picture.competing],
        "unfiled": sum(1 for id_, members in due.items() for one in members if _status(picture, id_, one) in _UNFILED),
        "least_sheets": rules.least_sheets if picture.is_judged else 0,
        "per_nominee": rules.per_nominee,
        "cut": _cut(picture) if with_ties else {"quota": _quota(picture), "withheld": True},
    }


def _state(ranking: Open | Closed | Sealed) -> str:
    return {Open: "open", Closed: "closed", Sealed: "sealed"}[type(ranking)]


def _status(picture: Picture, nomination: str, member: str) -> str:
    return picture.sheets.get((nomination, member), "blank")


# --- members -------------------------------------------------------------------------------------------------------


def _member(picture: Picture, member: str, due: Mapping[str, Iterable[str]]) -> Json:
    """Return how far one member has come: what is handed in, and every nominee that waits for its sheet."""
    mine = [one for one in picture.competing if member in due[one.nominee.nomination]]
    counts = Counter(_status(picture, one.nominee.nomination, member) for one in mine)
    return {
        "member": member,
        "offices": list(picture.committee.offices_of(picture.ranking.opened.body, member)),
        "due": len(mine),
        "submitted": counts["submitted"],
        "waiting": [
            {**_named(one), "status": status}
            for one in mine
            if (status := _status(picture, one.nominee.nomination, member)) in _UNFILED
        ],
    }


def _named(one: Competitor) -> Json:
    return {"nomination": one.nominee.nomination, "candidate": one.nominee.code, "name": one.name}


# --- nominees ------------------------------------------------------------------------------------------------------


def _nominee(picture: Picture, one: Competitor, due: Sequence[str]) -> Json:
    """Return whether a nominee could be ranked now and why not, whether enough score it, and who is recused.

    `submitted` of `scorers` have handed in; `sheets` are those that count, which can be more: the rulebook may count
    the sheets of members who left.
    """
    opened = picture.ranking.opened
    line = next((line for line in picture.lines if line["nomination"] == one.nominee.nomination), None)
    recusals = recusals_of(picture.committee, opened.body, opened.rules, [one.nominee])
    wanted = opened.rules.per_nominee
    return {
        **_named(one),
        "rankable": line is not None and line["reason"] is None,
        "reason": None if line is None else line["reason"],
        "aspect": None if line is None else line["lacking"],
        "unmeasured": [] if line is None or line["reason"] is None else list(_unmeasured(picture, one)),
        "sheets": 0 if line is None else line["sheets"],
        "scorers": len(due),
        "submitted": sum(1 for member in due if _status(picture, one.nominee.nomination, member) == "submitted"),
        "scorers_short": max(0, wanted - len(due)) if wanted is not None and picture.is_judged else 0,
        "recusals": [{"member": each.member, "reason": each.reason, "flagged": each.flagged} for each in recusals],
    }


def _unmeasured(picture: Picture, one: Competitor) -> Iterator[Json]:
    """Yield which measured aspects of a nominee have no figure, and why: `not-measured` where nothing was said yet.

    A sealed stage shows what its seal took, whatever was measured since.
    """
    id_ = one.nominee.nomination
    indicator = picture.indicators.get(id_, NOTHING)
    if isinstance(picture.ranking, Sealed):
        indicator = indicator.as_of(picture.ranking.measured.get(id_, indicator.version))
    for aspect in picture.ranking.opened.rules.aspects:
        found = indicator.measured(aspect)
        if aspect.origin == "measured" and (found is None or found.ratio is None):
            yield {
                "aspect": aspect.code,
                "measure": aspect.measure,
                "lack": (found and found.lack) or "not-measured",
                "missing_months": [] if found is None else list(found.missing_months),
            }


# --- the cut -------------------------------------------------------------------------------------------------------


def _quota(picture: Picture) -> int | None:
    cut = cut_of(picture.season, picture.ranking.opened)
    return None if cut is None else cut.quota


def _cut(picture: Picture) -> Json:
    """Return whether those around the quota's last place are tied, what would break it next, or what has parted them.

    With no more ranked nominees than places there is no cut to be tied at.
    """
    quota = _quota(picture)
    ranked = [line for line in picture.lines if line["rank"] is not None]
    said: Json = {"quota": quota, "ranked": len(ranked), "tied": False}
    if quota is None or len(ranked) <= quota:
        return said
    last, first = ranked[quota - 1], ranked[quota]
    if last["rank"] != first["rank"]:
        equal = last["total"] == first["total"]
        return said | {"parted_by": [_parted(line) for line in (last, first)] if equal else []}
    return said | {
        "tied": True,
        "rank": last["rank"],
        "places_left": quota - (last["rank"] - 1),
        "among": [_who(line) for line in ranked if line["rank"] == last["rank"]],
        "next": next_rule(picture.ranking.opened.rules.tie_break),
    }


def next_rule(tie_break: Sequence[str]) -> str:
    """Return what breaks a tie that the rules have left: the first that people must take; without one, a vote."""
    return next((rule for rule in tie_break if rule in _PEOPLE_BREAK), "vote")


def _who(line: Mapping[str, Any]) -> Json:
    return {name: line[name] for name in ("nomination", "candidate", "name")}


def _parted(line: Mapping[str, Any]) -> Json:
    """Return the last rule that parted a nominee from others of its total, without the figures that were compared."""
    tie = orjson.loads(line["tie"])
    return {**_who(line), "rule": tie["rule"], "aspect": tie.get("aspect")}


def members_in(document: Any) -> set[str]:
    """Return the ids of everybody in a document: all that stands under `member`."""
    if isinstance(document, list):
        return set().union(*map(members_in, document))
    if not isinstance(document, dict):
        return set()
    own = {document["member"]} if isinstance(document.get("member"), str) else set()
    return own.union(*map(members_in, document.values()))
