"""A certificate put into words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from schemas.regions import NATION
from schemas.rulebook import Body, Rulebook
from services.nomination.documents.indonesian import LocalTime, day, place_name
from services.nomination.documents.sheets import CertificateSheet


def deciding_body(body: dict[str, Any], rules: Rulebook) -> Body:
    """Return the body that decides at the end of the path that a certificate is of; its head signs."""
    at = body["at"]
    return rules.body(rules.stages_for(at["category"], at["tier"])[-1])


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs: the office's code, and the name of its holder, None where it is vacant or the name was erased."""

    office: str
    name: str | None


def certificate_of(body: dict[str, Any], rules: Rulebook, signer: Signer, public_address: str) -> CertificateSheet:
    """Return the sheet of a certificate.

    Args:
        body: the certificate as `projections.certificates` shows it.
        rules: the rulebook that it was issued under.
        signer: who signs for the body that decided.
        public_address: where everybody may check it.
    """
    at, revoked = body["at"], body["revoked"]
    stage = rules.stage(at["tier"], at["category"], at["stage"])
    deciding = deciding_body(body, rules)
    national = at["province"] == NATION
    place = place_name(rules, at["province"])
    dated = day(date.fromisoformat(body["dated"]))
    rank = body.get("rank")
    prize = rules.prize(at["tier"], at["category"], rank) if rank else None
    return CertificateSheet(
        award=rules.title.id,
        title=rules.certificate(body["kind"]).title.id,
        number=body["number"],
        candidate=body["candidate"],
        honoured_as=f"Pemenang Peringkat {rank}" if rank else f"Finalis {stage.title.id}",
        category=rules.category(at["category"]).title.id,
        prize=prize.prize.id if prize else None,
        level=place if national else f"Tingkat {place}",
        place_and_date=dated if national else f"{place.removeprefix('Provinsi ')}, {dated}",
        body=deciding.title.id,
        office=deciding.office(signer.office).title.id,
        signer=signer.name,
        check_url=f"{public_address}/v1/public/certificates/{body['certificate']}",
        sample=body["sample"],
        revoked=day(LocalTime(rules, at["province"]).day(datetime.fromisoformat(revoked["time"]))) if revoked else None,
    )
