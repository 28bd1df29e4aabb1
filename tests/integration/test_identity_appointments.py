"""Grants follow appointments: whatever the order in which seats, offices and contacts arrive, and however often."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from kernel.decider import Happened
from kernel.reactor import Live
from schemas.envelope import Event, Stage
from schemas.nomination import (
    Candidate,
    CandidateNominated,
    CommitteeFormed,
    MemberAppointed,
    MemberRemoved,
    NominationAmended,
    RulebookPublished,
)
from schemas.rulebook import rulebook_content, rulebook_hash
from schemas.rulebook_file import read_rulebook
from services.identity.appointments import AppointmentHandler, roles_of

SALTED = "ab" * 32
CLERK, CHAIR, GONE, JUROR, FIRST_CONTACT, CONTACT = (str(uuid4()) for _ in range(6))
NOMINATION = str(uuid4())


def published() -> RulebookPublished:
    file = Path(__file__).parents[2] / "rulebooks" / "2020.yaml"
    rules = read_rulebook(file.read_bytes()).rulebook
    assert rules is not None
    content = rulebook_content(rules)
    for stage in content["stages"]:
        if stage["code"] == "wawancara":
            stage["interview"] = {"minutes": 45}
    return RulebookPublished(season="2020", version=1, hash=rulebook_hash(rules), content=content)


def seat(kind: type[MemberAppointed | MemberRemoved], province: str, body: str, office: str, who: str) -> Event:
    said: dict[str, Any] = {"season": "2020", "province": province, "body": body, "office": office, "seat": 1}
    return kind.model_validate({**said, "person": who, "reason_digest": SALTED})


def streams() -> list[list[Event]]:
    """Return the events by stream: each stream keeps its order, the streams come in any."""
    at = Stage(season="2020", tier="provincial", province="75", category="KABKOTA", stage="seleksi")
    candidate = Candidate(kind="city", code="75.71", name="Kota Gorontalo")
    return [
        [published()],
        [
            CommitteeFormed(
                season="2020", province="75", body="panitia-9", decree="contoh", term_from=date(2021, 1, 1),
                term_until=date(2021, 12, 31),
            ),
            seat(MemberAppointed, "75", "panitia-9", "sekretaris-panitia", CLERK),
            seat(MemberAppointed, "75", "panitia-9", "kepala-bps", GONE),
            seat(MemberAppointed, "75", "panitia-9", "sekretaris-daerah", CHAIR),
            seat(MemberRemoved, "75", "panitia-9", "kepala-bps", GONE),
        ],
        [seat(MemberAppointed, "00", "dewan-juri", "juri", JUROR)],
        [
            CandidateNominated(
                nomination=NOMINATION, entry=at, candidate=candidate, nominating_body="75", nominated_by=CLERK,
                contact=FIRST_CONTACT,
            ),
            NominationAmended(nomination=NOMINATION, candidate=candidate, contact=CONTACT, reason_digest=SALTED),
        ],
    ]  # fmt: skip


EXPECTED = {
    (CLERK, "secretary", "75", None),
    (CHAIR, "member", "75", None),
    (CHAIR, "chair", "75", None),
    (JUROR, "juror", "00", None),
    (CONTACT, "contact", None, NOMINATION),
}


STANDING = """
    select person_id, role, scope->>'committee' as committee, scope->>'nomination' as nomination from act
    where asked_by = 'appointment'
    group by person_id, role, scope
    having count(*) filter (where kind = 'granted') = count(*) filter (where kind = 'revoked') + 1
"""


def shuffled(chance: random.Random) -> list[Event]:
    left = streams()
    events: list[Event] = []
    while left := [stream for stream in left if stream]:
        events.append(chance.choice(left).pop(0))
    return events


async def fold(connection: asyncpg.Connection, events: Sequence[Event], chance: random.Random) -> None:
    """Hand the events to the handler in batches of any size, each batch in a transaction of its own."""
    handler = AppointmentHandler()
    todo = list(events)
    while todo:
        batch, todo = todo[: (size := chance.randint(1, 4))], todo[size:]
        live = [Live(Happened(event, str(uuid4()), "s", 1, datetime.now(UTC)), acting=False) for event in batch]
        effects = await handler.prepare(
            [one for one in live if one.happened.event.type_name() in handler.types], connection
        )
        async with connection.transaction():
            for statement, arguments in effects.writes:
                await connection.execute(statement, *arguments)


@pytest.mark.parametrize("seed", range(8))
async def test_grants_are_the_same_in_whatever_order_the_streams_arrive(database, seed):
    _, login_url = await database("identity")
    connection = await asyncpg.connect(login_url)
    chance = random.Random(seed)
    try:
        await connection.executemany(
            "insert into person (id, name, registered_by) values ($1, 'Contoh', 'test')",
            [(UUID(one),) for one in (CLERK, CHAIR, GONE, JUROR, FIRST_CONTACT, CONTACT)],
        )
        by_hand = "insert into role_grant (person_id, role, committee, origin) values ($1, 'member', '13', $2)"
        await connection.execute(by_hand, UUID(GONE), CHAIR)
        events = shuffled(chance)
        await fold(connection, events, chance)
        await fold(connection, shuffled(chance) if seed % 2 else events, chance)
        rows = await connection.fetch("select person_id, role, committee, nomination from role_grant")
        kept = await connection.fetch(STANDING)
    finally:
        await connection.close()
    found = {(str(row["person_id"]), row["role"], row["committee"], row["nomination"]) for row in rows}
    assert found == EXPECTED | {(GONE, "member", "13", None)}, "what an administrator granted stays"
    said = {(str(row["person_id"]), row["role"], row["committee"], row["nomination"]) for row in kept}
    assert said == EXPECTED, "what was granted and not revoked stands as the kept acts tell it"


async def test_nothing_is_granted_to_whom_identity_does_not_know_or_has_erased(database):
    _, login_url = await database("identity")
    connection = await asyncpg.connect(login_url)
    try:
        erased = "insert into person (id, registered_by, erased_at) values ($1, 'test', now())"
        await connection.execute(erased, UUID(CHAIR))
        await fold(connection, shuffled(random.Random(0)), random.Random(0))
        assert await connection.fetchval("select count(*) from role_grant") == 0
    finally:
        await connection.close()


def test_an_office_brings_the_roles_of_its_body():
    assert roles_of("clerk", "national", hears=False) == ("secretary",)
    assert roles_of("member", "provincial", hears=False) == ("member",)
    assert roles_of("chair", "provincial", hears=True) == ("member", "chair")
    assert roles_of("member", "national", hears=False) == ("verifier",)
    assert roles_of("chair", "national", hears=True) == ("juror", "chair")
