"""Certificates, in force or revoked."""

from __future__ import annotations

from collections.abc import Iterable

from kernel.log import Recorded
from kernel.reactor import Table
from schemas.nomination import CertificateIssued, CertificateRevoked
from services.nomination.projections.documents import Json, Row, moment, name_of, pick, text_of, types_of


class Certificates:
    """Certificates, one group per award stream; a revoked one stays, so that it can be checked for ever."""

    name = "certificates"
    table = Table(
        "certificates", ("grp", "id", "season", "place", "category", "nomination", "number", "issued", "body")
    )
    types = types_of(CertificateIssued, CertificateRevoked)

    def groups(self, event: Recorded) -> Iterable[str]:
        """Return the award's stream."""
        return (event.stream,)

    def initial(self, _group: str) -> Json:
        """Return an award without certificates."""
        return {}

    def fold(self, state: Json, event: Recorded, _group: str) -> Json:
        """Take in that a certificate was issued, or revoked."""
        data, time = event.data, event.attributes["time"]
        match name_of(event):
            case "CertificateIssued":
                shown = pick(data, "certificate", "number", "kind", "given_to", "nomination", "candidate", "at", "rank")
                shown |= pick(data, "dated", "rulebook_version") | {"sample": data.get("sample", False)}
                state[data["certificate"]] = shown | {"issued": time, "revoked": None}
            case "CertificateRevoked":
                state[data["certificate"]]["revoked"] = {"time": time, "appeal": data["appeal"]}
        return state

    def rows(self, group: str, state: Json) -> Iterable[Row]:
        """Return one row per certificate."""
        for certificate, body in state.items():
            at = body["at"]
            where = (at["season"], at["province"], at["category"], body["nomination"])
            yield group, certificate, *where, body["number"], moment(body["issued"]), text_of(body)
