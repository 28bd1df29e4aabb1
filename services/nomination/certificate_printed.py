"""A certificate as it is printed: finds in the log who held the office that signs when it was issued.

Committees change later, and a certificate that is printed again says what it said: the holder at issue. The name is
identity's; where it was erased, or nobody held the office, the office stands alone below the line.
"""

from __future__ import annotations

from typing import Any

from kernel.codec import happened
from kernel.decider import Position
from kernel.log import Connection, read_stream
from kernel.persons import Directory
from kernel.service import Service
from schemas.nomination import CertificateIssued
from schemas.rulebook import Body, Rulebook
from services.nomination.documents.award import Signer, certificate_of, deciding_body
from services.nomination.documents.sheets import CertificateSheet
from services.nomination.domain.committee import COMMITTEE, FormedBody, committee_stream


async def printed_certificate(
    service: Service, directory: Directory, body: dict[str, Any], rules: Rulebook, public_address: str
) -> CertificateSheet:
    """Return the sheet of a certificate. Raises DirectoryAway.

    Args:
        service: whose log it stands in.
        directory: who knows names.
        body: the certificate as `projections.certificates` shows it.
        rules: the rulebook that it was issued under.
        public_address: where everybody may check it.
    """
    deciding = deciding_body(body, rules)
    async with service.pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        formed = await _formed_at_issue(connection, service, body, deciding)
    office, person = _head(deciding, formed)
    names = await directory.names((person,)) if person is not None else {}
    return certificate_of(body, rules, Signer(office, names.get(person or "")), public_address)


def _head(deciding: Body, formed: FormedBody | None) -> tuple[str, str | None]:
    """Return the office that signs and its holder: the first of those that publish that somebody holds."""
    for office in deciding.publishes:
        held = [] if formed is None else [seat for seat in formed.holders if seat.office == office]
        if formed is not None and held:
            return office, formed.holders[min(held, key=lambda seat: seat.number)]
    return deciding.publishes[0], None


async def _formed_at_issue(
    connection: Connection, service: Service, body: dict[str, Any], deciding: Body
) -> FormedBody | None:
    at, codec = body["at"], service.parts.codec
    award = f"award/{at['season']}/{at['tier']}/{at['province']}/{at['category']}"
    issued: Position | None = None
    for recorded in await read_stream(connection, award):
        event = happened(recorded, codec).event
        if isinstance(event, CertificateIssued) and event.certificate == body["certificate"]:
            issued = recorded.position
    events = await read_stream(connection, committee_stream(at["season"], at["province"]))
    history = (happened(event, codec) for event in events if issued is not None and event.position < issued)
    return COMMITTEE.fold(history).bodies.get(deciding.code)
