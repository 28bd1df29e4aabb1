"""The bodies of a place, who sits in them, who has an interest."""

from __future__ import annotations

from collections.abc import Iterable

from kernel.log import Recorded
from kernel.reactor import Table
from schemas.nomination import (
    CommitteeFormed,
    ConflictDeclared,
    MemberAppointed,
    MemberRemoved,
)
from services.nomination.projections.documents import Json, Row, name_of, pick, text_of, types_of


class Committees:
    """The bodies of one place, one group per committee stream."""

    name = "committees"
    table = Table("committees", ("grp", "id", "season", "province", "body"))
    types = types_of(CommitteeFormed, MemberAppointed, MemberRemoved, ConflictDeclared)

    def groups(self, event: Recorded) -> Iterable[str]:
        """Return the committee's stream."""
        return (event.stream,)

    def initial(self, _group: str) -> Json:
        """Return a place without bodies."""
        return {}

    def fold(self, state: Json, event: Recorded, _group: str) -> Json:
        """Take in who sits where and who declared what."""
        data = event.data
        match name_of(event):
            case "CommitteeFormed":
                state[data["body"]] = pick(data, "season", "province", "body", "decree", "term_from", "term_until") | {
                    "members": [],
                    "conflicts": [],
                }
            case "MemberAppointed":
                member = pick(data, "office", "seat", "person") | {"since": event.attributes["time"]}
                state[data["body"]]["members"].append(member)
            case "MemberRemoved":
                body = state[data["body"]]
                body["members"] = [each for each in body["members"] if each["person"] != data["person"]]
            case "ConflictDeclared":
                conflict = pick(data, "person", "category", "nomination", "kind") | {"since": event.attributes["time"]}
                state[data["body"]]["conflicts"].append(conflict)
        return state

    def rows(self, group: str, state: Json) -> Iterable[Row]:
        """Return one row per body."""
        for code, body in state.items():
            yield group, code, body["season"], body["province"], text_of(body)
