"""A certificate put into words."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from schemas.regions import NATION
from schemas.rulebook import Rulebook
from services.nomination.documents.indonesian import LocalTime, day, place_name
from services.nomination.documents.sheets import CertificateSheet


def certificate_of(body: dict[str, Any], rules: Rulebook, public_address: str) -> CertificateSheet:
    """Return the sheet of a certificate.

    Args:
        body: the certificate as `projections.certificates` shows it.
        rules: the rulebook that it was issued under.
        public_address: where everybody may check it.
    """
    at, revoked = body["at"], body["revoked"]
    stage = rules.stage(at["tier"], at["category"], at["stage"])
    deciding = rules.body(rules.stages_for(at["category"], at["tier"])[-1])
    national = at["province"] == NATION
    place = place_name(rules, at["province"])
    dated = day(date.fromisoformat(body["dated"]))
    return CertificateSheet(
        award=rules.title.id,
        number=body["number"],
        candidate=body["candidate"],
        honoured_as=f"Pemenang Peringkat {body['rank']}" if body.get("rank") else f"Finalis {stage.title.id}",
        category=rules.category(at["category"]).title.id,
        level=place if national else f"Tingkat {place}",
        place_and_date=dated if national else f"{place.removeprefix('Provinsi ')}, {dated}",
        body=deciding.title.id,
        office=deciding.office(deciding.publishes[0]).title.id,
        check_url=f"{public_address}/v1/public/certificates/{body['certificate']}",
        sample=body["sample"],
        revoked=day(LocalTime(rules, at["province"]).day(datetime.fromisoformat(revoked["time"]))) if revoked else None,
    )
