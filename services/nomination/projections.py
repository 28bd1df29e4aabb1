"""What is shown of seasons, committees, nominations, plenaries and results: pure folds of raw documents to read rows.

Each row is what a GET answers, as JSON text, beside the columns that lists are filtered and ordered by. The folds read
documents and not models, so that a rebuild of a whole log stays cheap; field names are those of `schemas.nomination`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import orjson

from kernel.log import Recorded
from kernel.reactor import Table
from schemas.envelope import Event
from schemas.nomination import (
    AttendanceRecorded,
    CandidateNominated,
    CommitteeFormed,
    ConflictDeclared,
    MemberAppointed,
    MemberRemoved,
    MotionOpened,
    NominationEliminated,
    NominationWithdrawn,
    PlenaryAdjourned,
    PlenaryConvened,
    PlenaryDecided,
    RankingAnnounced,
    RankingTabled,
    RulebookAmended,
    RulebookPublished,
    SeasonOpened,
    StageAdvanced,
    VoteCast,
    WinnerDeclared,
)

Json = dict[str, Any]
Row = tuple[Any, ...]


def _types(*events: type[Event]) -> frozenset[str]:
    return frozenset(event.type_name() for event in events)


def _name(event: Recorded) -> str:
    """Return an event's name without context and version, as people write it."""
    return event.type.rsplit(".", 2)[-2]


def _text(body: Json) -> str:
    return orjson.dumps(body, option=orjson.OPT_SORT_KEYS).decode("utf-8")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _pick(data: Json, *names: str) -> Json:
    return {name: data[name] for name in names if name in data}


class Seasons:
    """Open seasons, one group each."""

    name = "seasons"
    table = Table("seasons", ("grp", "id", "rulebook", "body"))
    types = _types(SeasonOpened, RulebookPublished, RulebookAmended)

    def groups(self, event: Recorded) -> Iterable[str]:
        """Return the season."""
        return (event.data["season"],)

    def initial(self, group: str) -> Json:
        """Return a season of which nothing is known."""
        return {"season": group, "versions": []}

    def fold(self, state: Json, event: Recorded, _group: str) -> Json:
        """Take in the opening, or a version of the rulebook."""
        if _name(event) == "SeasonOpened":
            state["opened"] = event.attributes["time"]
            return state
        data = event.data
        shown = _pick(data, "version", "hash") | {"published": event.attributes["time"]}
        state["versions"].append(shown)
        state.update(version=data["version"], hash=data["hash"], content=data["content"])
        return state

    def rows(self, group: str, state: Json) -> Iterable[Row]:
        """Return the season's row, once its rules are known."""
        if "content" not in state:
            return ()
        content = state["content"]
        body = _pick(state, "season", "opened", "version", "hash", "versions") | {
            "title": _pick(content["title"], "id", "en"),
            "calendar": _pick(content["calendar"], "zone", "opens", "nomination_closes", "closes"),
            "categories": [
                {"code": category["code"], "title": _pick(category["title"], "id", "en"), "admits": category["admits"]}
                for category in content["categories"]
            ],
        }
        return ((group, state["season"], _text(content), _text(body)),)


class Committees:
    """The bodies of one place, one group per committee stream."""

    name = "committees"
    table = Table("committees", ("grp", "id", "season", "province", "body"))
    types = _types(CommitteeFormed, MemberAppointed, MemberRemoved, ConflictDeclared)

    def groups(self, event: Recorded) -> Iterable[str]:
        """Return the committee's stream."""
        return (event.stream,)

    def initial(self, _group: str) -> Json:
        """Return a place without bodies."""
        return {}

    def fold(self, state: Json, event: Recorded, _group: str) -> Json:
        """Take in who sits where and who declared what."""
        data = event.data
        match _name(event):
            case "CommitteeFormed":
                state[data["body"]] = _pick(data, "season", "province", "body", "decree", "term_from", "term_until") | {
                    "members": [],
                    "conflicts": [],
                }
            case "MemberAppointed":
                member = _pick(data, "office", "seat", "person") | {"since": event.attributes["time"]}
                state[data["body"]]["members"].append(member)
            case "MemberRemoved":
                body = state[data["body"]]
                body["members"] = [each for each in body["members"] if each["person"] != data["person"]]
            case "ConflictDeclared":
                conflict = _pick(data, "person", "category", "nomination", "kind") | {"since": event.attributes["time"]}
                state[data["body"]]["conflicts"].append(conflict)
        return state

    def rows(self, group: str, state: Json) -> Iterable[Row]:
        """Return one row per body."""
        for code, body in state.items():
            yield group, code, body["season"], body["province"], _text(body)


class Nominations:
    """Nominations with the history of their stages, one group each."""

    name = "nominations"
    table = Table(
        "nominations",
        ("grp", "id", "season", "province", "category", "tier", "place", "stage", "status", "nominated", "body"),
    )
    types = _types(CandidateNominated, StageAdvanced, NominationEliminated, NominationWithdrawn, WinnerDeclared)

    def groups(self, event: Recorded) -> Iterable[str]:
        """Return the nomination, also of a WinnerDeclared on its award's stream."""
        return (event.data["nomination"],)

    def initial(self, _group: str) -> Json:
        """Return a nomination of which nothing is known."""
        return {}

    def fold(self, state: Json, event: Recorded, _group: str) -> Json:
        """Take in the nomination and each step of its way."""
        data, happened = event.data, _name(event)
        step = {"event": happened, "time": event.attributes["time"]}
        step |= _pick(data, "entry", "left", "reached", "at", "rank", "reason", "plenary", "motion")
        match happened:
            case "CandidateNominated":
                state |= _pick(data, "nomination", "candidate", "nominating_body", "nominated_by", "contact")
                state |= {"sample": data.get("sample", False), "stage": data["entry"], "status": "competing"}
                state |= {"nominated": event.attributes["time"], "history": []}
            case "StageAdvanced":
                state["stage"] = data["reached"]
            case "NominationEliminated":
                state["status"] = "eliminated"
            case "NominationWithdrawn":
                state["status"] = "withdrawn"
            case "WinnerDeclared":
                state |= {"status": "winner", "rank": data["rank"]}
        state["history"].append(step)
        return state

    def rows(self, group: str, state: Json) -> Iterable[Row]:
        """Return the nomination's row."""
        stage, candidate = state["stage"], state["candidate"]
        home = (candidate.get("region") or candidate["code"])[:2]
        place = (stage["category"], stage["tier"], stage["province"], stage["stage"])
        moment = _moment(state["nominated"])
        return ((group, group, stage["season"], home, *place, state["status"], moment, _text(state)),)


class Plenaries:
    """Meetings with their whole record, one group each."""

    name = "plenaries"
    table = Table("plenaries", ("grp", "id", "season", "province", "scheduled", "body"))
    types = _types(
        PlenaryConvened,
        AttendanceRecorded,
        RankingTabled,
        MotionOpened,
        VoteCast,
        PlenaryDecided,
        PlenaryAdjourned,
        RankingAnnounced,
    )

    def groups(self, event: Recorded) -> Iterable[str]:
        """Return the plenary, also of a RankingAnnounced on its award's stream."""
        return (event.data["plenary"],)

    def initial(self, _group: str) -> Json:
        """Return a meeting of which nothing is known."""
        return {}

    def fold(self, state: Json, event: Recorded, _group: str) -> Json:
        """Take in one event of the meeting, in the words of the event."""
        data, time = event.data, event.attributes["time"]
        match _name(event):
            case "PlenaryConvened":
                state |= _pick(data, "plenary", "season", "tier", "province", "body", "scheduled", "agenda")
                state |= {"convened": time, "attendance": [], "tabled": [], "motions": [], "adjourned": None}
            case "AttendanceRecorded":
                others = [each for each in state["attendance"] if each["person"] != data["person"]]
                here = _pick(data, "person", "office", "seat", "present", "mode") | {"time": time}
                state["attendance"] = [*others, here]
            case "RankingTabled":
                tabled = _pick(data, "item", "ranking", "seal", "seal_version", "digest") | {"time": time}
                state["tabled"].append(tabled)
            case "MotionOpened":
                motion = _pick(data, "motion", "item", "kind", "seal", "advancing", "eliminated")
                state["motions"].append(motion | {"opened": time, "votes": [], "decision": None, "announced": None})
            case "VoteCast":
                vote = _pick(data, "person", "office", "vote") | {"time": time}
                _motion(state, data)["votes"].append(vote)
            case "PlenaryDecided":
                decision = _pick(data, "outcome", "tally", "quorum", "digest", "rulebook_version", "results")
                _motion(state, data)["decision"] = decision | {"time": time}
            case "RankingAnnounced":
                _motion(state, data)["announced"] = time
            case "PlenaryAdjourned":
                state["adjourned"] = time
        return state

    def rows(self, group: str, state: Json) -> Iterable[Row]:
        """Return the meeting's row."""
        return ((group, group, state["season"], state["province"], _moment(state["scheduled"]), _text(state)),)


def _motion(state: Json, data: Json) -> Json:
    motion: Json = state["motions"][data["motion"] - 1]
    return motion


class Results:
    """What was announced, one group per award stream."""

    name = "results"
    table = Table("results", ("grp", "id", "season", "announced", "appeals_until", "body"))
    types = _types(RankingAnnounced)

    def groups(self, event: Recorded) -> Iterable[str]:
        """Return the award's stream."""
        return (event.stream,)

    def initial(self, _group: str) -> Json:
        """Return an award of which nothing was announced."""
        return {}

    def fold(self, state: Json, event: Recorded, _group: str) -> Json:
        """Take in an announcement."""
        data = event.data
        shown = _pick(data, "at", "plenary", "motion", "seal", "digest", "lines", "appeals_until")
        state[event.id] = shown | {"announced": event.attributes["time"]}
        return state

    def rows(self, group: str, state: Json) -> Iterable[Row]:
        """Return one row per announcement."""
        for announcement, body in state.items():
            until = body.get("appeals_until")
            appeals = _moment(until) if until else None
            yield group, announcement, body["at"]["season"], _moment(body["announced"]), appeals, _text(body)


PROJECTIONS: Final = (Seasons(), Committees(), Nominations(), Plenaries(), Results())
