"""Disputed figures, for the publishers of the facts that they were measured from."""

from __future__ import annotations

from collections.abc import Iterable

from kernel.log import Recorded
from kernel.reactor import Table
from schemas.nomination import CandidateNominated, FigureDisputed, NominationAmended
from schemas.topics import CONTRIBUTIONS, COVERAGE
from services.nomination.projections.documents import Json, Row, moment, name_of, pick, text_of, types_of


class Disputes:
    """Disputed figures, one group per nomination."""

    name = "disputes"
    table = Table(
        "disputes", ("grp", "id", "season", "province", "nominating_body", "home", "publisher", "disputed", "body")
    )
    types = types_of(CandidateNominated, NominationAmended, FigureDisputed)

    def groups(self, event: Recorded) -> Iterable[str]:
        """Return the nomination."""
        return (event.data["nomination"],)

    def initial(self, _group: str) -> Json:
        """Return a nomination without disputes."""
        return {"disputes": {}}

    def fold(self, state: Json, event: Recorded, _group: str) -> Json:
        """Take in who competes, and each dispute."""
        data = event.data
        match name_of(event):
            case "CandidateNominated":
                state |= pick(data, "candidate", "nominating_body") | {"season": data["entry"]["season"]}
            case "NominationAmended":
                state |= pick(data, "candidate")
            case "FigureDisputed":
                shown = pick(data, "nomination", "aspect", "measure", "stated", "reason_digest")
                state["disputes"][event.id] = shown | {"disputed": event.attributes["time"]}
        return state

    def rows(self, group: str, state: Json) -> Iterable[Row]:
        """Return one row per dispute. Facts about employers are one topic's, facts about regions the other's."""
        for id_, dispute in state["disputes"].items():
            candidate = state["candidate"]
            home = candidate.get("region") or candidate["code"]
            publisher = CONTRIBUTIONS if candidate["kind"] == "employer" else COVERAGE
            whose = pick(state, "season", "nominating_body", "candidate")
            body = dispute | whose | {"dispute": id_, "publisher": publisher}
            places = (state["season"], home[:2], state["nominating_body"], home)
            yield group, id_, *places, publisher, moment(dispute["disputed"]), text_of(body)
