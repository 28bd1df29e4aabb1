"""What nomination's appointments grant: who holds a seat or is a nominee's contact may act as such.

Folds seats, contacts and the rulebook's offices in whatever order they arrive (they lie on different streams), and
after each batch settles the grants of everybody whom it touched: what follows is granted, what no longer follows is
taken back. Grants that an administrator gave are never touched. Tokens that were issued before keep what they hold
until they expire.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from kernel.log import Connection
from kernel.reactor import Effects, Live, Write
from schemas.nomination import (
    CandidateNominated,
    MemberAppointed,
    MemberRemoved,
    NominationAmended,
    RulebookAmended,
    RulebookPublished,
)
from services.identity.store import SQL

Json = Mapping[str, Any]
_FOLDED: Final = (
    RulebookPublished,
    RulebookAmended,
    MemberAppointed,
    MemberRemoved,
    CandidateNominated,
    NominationAmended,
)


class AppointmentHandler:
    """The handler; it only writes rows, so a replay grants what follows from the log and nothing else."""

    name: str = "identity/appointments"
    types: frozenset[str] = frozenset(model.type_name() for model in _FOLDED)
    pace: float = 0.0

    async def prepare(self, batch: Sequence[Live], read: Connection) -> Effects:
        """Return the rows that a batch leads to, and the settling of the grants that they touch."""
        writes: list[Write] = []
        touched: set[UUID] = set()
        seasons: set[str] = set()
        for live in batch:
            event = live.happened.event
            match event:
                case RulebookPublished() | RulebookAmended():
                    seasons.add(event.season)
                    writes += _offices(event.season, event.content)
                case MemberAppointed() | MemberRemoved():
                    touched.add(UUID(event.person))
                    writes.append(_seat(event))
                case CandidateNominated() | NominationAmended():
                    touched.add(UUID(event.contact))
                    touched |= {row["person_id"] for row in await read.fetch(SQL["find_contact"], event.nomination)}
                    writes.append((SQL["put_contact"], (UUID(event.nomination), UUID(event.contact))))
                case _:
                    continue
        return Effects(writes=[*writes, *_settling(sorted(touched), sorted(seasons))])

    def settled(self, committed: bool) -> None:  # noqa: FBT001 - the kernel's protocol
        """Nothing is cached."""


def _seat(event: MemberAppointed | MemberRemoved) -> Write:
    place = (event.season, event.province, event.body, event.office, event.seat, UUID(event.person))
    return SQL["put_seat" if isinstance(event, MemberAppointed) else "drop_seat"], place


def _settling(persons: Sequence[UUID], seasons: Sequence[str]) -> Iterator[Write]:
    if persons or seasons:
        for query in ("take_back_appointments", "grant_appointments"):
            yield SQL[query], (list(persons), list(seasons))


def _offices(season: str, content: Json) -> Iterator[Write]:
    """Yield the roles that every office of a rulebook brings."""
    yield SQL["drop_offices"], (season,)
    for body in content["bodies"]:
        for office in body["offices"]:
            roles = roles_of(office["role"], body["tier"], hears=_hears(content, body["code"]))
            yield SQL["put_office"], (season, body["code"], office["code"], list(roles))


def _hears(content: Json, body: str) -> bool:
    """Tell whether a body hears nominees in interviews."""
    return any(stage["body"] == body and "interview" in stage for stage in content["stages"])


def roles_of(office: str, tier: str, *, hears: bool) -> tuple[str, ...]:
    """Return the roles in tokens that an office of a role (chair, member, clerk) brings in a body of a tier."""
    if office == "clerk":
        return ("secretary",)
    sits = "member" if tier == "provincial" else "juror" if hears else "verifier"
    return (sits, "chair") if office == "chair" else (sits,)
