"""The bodies of a place, who sits and sat in them, who has an interest."""

from __future__ import annotations

from collections.abc import Iterable

from kernel.log import Recorded
from kernel.reactor import Table
from schemas.nomination import (
    CommitteeFormed,
    ConflictDeclared,
    ConflictLifted,
    MemberAppointed,
    MemberRemoved,
)
from services.nomination.projections.documents import Json, Row, name_of, pick, text_of, types_of


class Committees:
    """The bodies of one place, one group per committee stream."""

    name = "committees"
    table = Table("committees", ("grp", "id", "season", "province", "body"))
    types = types_of(CommitteeFormed, MemberAppointed, MemberRemoved, ConflictDeclared, ConflictLifted)

    def groups(self, event: Recorded) -> Iterable[str]:
        """Return the committee's stream."""
        return (event.stream,)

    def initial(self, _group: str) -> Json:
        """Return a place without bodies."""
        return {}

    def fold(self, state: Json, event: Recorded, _group: str) -> Json:
        """Take in who sits where and who declared what."""
        data, time = event.data, event.attributes["time"]
        match name_of(event):
            case "CommitteeFormed":
                _form(state, data, time)
            case "MemberAppointed":
                member = pick(data, "office", "seat", "person", "employer", "government") | {"since": time}
                state[data["body"]]["members"].append(member)
            case "MemberRemoved":
                body = state[data["body"]]
                gone = [each | {"until": time} for each in body["members"] if each["person"] == data["person"]]
                body["members"] = [each for each in body["members"] if each["person"] != data["person"]]
                body["former"] += gone
            case "ConflictDeclared":
                conflict = pick(data, "person", "category", "nomination", "kind") | {"since": time, "lifted": None}
                state[data["body"]]["conflicts"].append(conflict)
            case "ConflictLifted":
                _lift(state, data, time)
        return state

    def rows(self, group: str, state: Json) -> Iterable[Row]:
        """Return one row per body."""
        for code, body in state.items():
            yield group, code, body["season"], body["province"], text_of(body)


def _form(state: Json, data: Json, time: str) -> None:
    """Take in a decree: the first one forms the body, a later one renews it."""
    decree = pick(data, "decree", "term_from", "term_until")
    begun: Json = {"decrees": [], "members": [], "former": [], "conflicts": []}
    body = state.setdefault(data["body"], pick(data, "season", "province", "body") | begun)
    body |= decree
    body["decrees"].append(decree | {"since": time})


def _lift(state: Json, data: Json, time: str) -> None:
    """Mark a declared interest as lifted, in whichever body of the place it was declared: it is the person's."""
    named = (data["person"], data["category"], data.get("nomination"))
    for body in state.values():
        for each in body["conflicts"]:
            if each["lifted"] is None and (each["person"], each["category"], each.get("nomination")) == named:
                each["lifted"] = time
