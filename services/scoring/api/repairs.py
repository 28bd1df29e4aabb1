"""Repairs of dead letters over HTTP: an operator proposes a fact instead, a second person agrees, then it is published.

The second person is another operator or the publisher of the topic. A publisher needs none of this for a fact of its
own: it sends another message.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Path, Query
from pydantic import Field, StringConstraints

from kernel.canonical import Json, instant, leaf_hash
from kernel.decider import Refusal
from kernel.http import CommandRequest, answer, command_by
from kernel.paging import Paged, page_of
from kernel.problems import not_found, refused
from kernel.reads import AtLeast, Here, wait_until_folded
from kernel.service import Service
from kernel.tokens import Person, require_throughout
from schemas.envelope import Uuid
from schemas.fact_reading import ReadFact
from schemas.topics import OF_FACTS
from services.scoring import programs
from services.scoring.api.parts import Body, Reason, digest_once
from services.scoring.domain import refusals
from services.scoring.domain.repair import (
    REPAIR,
    ApproveRepair,
    DeadLetter,
    Proposed,
    ProposeRepair,
    repair_stream,
    replacement,
    unchecked,
)
from services.scoring.ledger_reads import SQL, refused_document
from services.scoring.rights import FactReader, topics_mended, topics_refused
from services.scoring.texts import keep_text

router = APIRouter()

RepairPath = Annotated[Uuid, Path(description="The repair, as its proposal answered.")]
Address = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9.-]{1,100}/(0|[1-9][0-9]{0,8})/(0|[1-9][0-9]{0,17})$"),
    Field(
        description="The place of the message that was set aside, as <topic>/<partition>/<offset>.",
        examples=["bpjs.contributions.v1/3/1207"],
    ),
]


class RepairBody(Body):
    """Which message is repaired, the whole fact instead of it, and why."""

    address: Address
    document: Annotated[
        dict[str, Any],
        Field(description="The fact as a CloudEvent in structured mode: specversion, id, source, type, time, data."),
    ]
    reason: Reason
    replaces: Annotated[
        Uuid | None, Field(description="The repair of the same message that this one is proposed instead of.")
    ] = None


OperatorCommand = Annotated[CommandRequest, Depends(command_by("operator"))]
ApproverCommand = Annotated[CommandRequest, Depends(command_by("operator", "publisher"))]


@router.post("/v1/facts/repairs", tags=["facts"], summary="Propose a fact in place of a dead letter")
async def propose_repair(
    here: Here,
    command: OperatorCommand,
    body: RepairBody,
    _throughout: Annotated[Person, Depends(require_throughout("operator"))],
) -> Json:
    """Propose what should have been sent. Nothing is published before a second person agrees.

    `unchecked` says what of the message could not be read, so that nobody but persons can hold the repair to it.
    """
    letter = await _letter(here, body.address)
    fact = replacement(letter.topic, body.document, command.received)
    if isinstance(fact, Refusal):
        raise refused(fact)
    reason = await digest_once(here, command, body.reason)
    if isinstance(reason, dict):
        return {**_named(reason), **_unchecked(letter)}
    proposed = await _proposed(here, command, letter, fact, reason, body.replaces)
    return {**_named(answer(proposed)), **_unchecked(letter)}


async def _proposed(
    here: Service, command: CommandRequest, letter: DeadLetter, fact: ReadFact, reason: str, replaces: str | None
) -> Any:
    proposing = ProposeRepair(
        letter=letter,
        fact=fact,
        leaf=leaf_hash(fact.document).hex(),
        content_digest=await keep_text(here.pool, fact.document.decode()),
        reason_digest=reason,
        replaces=replaces,
    )
    return await here.executor.execute(command.ask("operator"), programs.proposing_repair(proposing, _held(here)))


def _held(here: Service) -> programs.HeldLeaves:
    async def held(topic: str, publisher: str, id_: str) -> set[str]:
        return {row["leaf"] for row in await here.pool.fetch(SQL["fact"], publisher, id_, [topic])}

    return held


async def _letter(here: Service, address: str) -> DeadLetter:
    topic, partition, offset = address.split("/")
    row = None
    if topic in OF_FACTS:
        row = await here.pool.fetchrow(SQL["dead_letter"], topic, int(partition), int(offset))
    if row is None:
        raise refused(refusals.letter_unknown(address))
    return _letter_of(row)


def _letter_of(row: Mapping[str, Any]) -> DeadLetter:
    subjects = tuple((row["subjects"] or "").split())
    place = (row["topic"], row["partition"], row["kafka_offset"])
    return DeadLetter(*place, row["publisher"], row["id"], row["reason"], row["kind"], subjects)


def _unchecked(letter: DeadLetter | None) -> Json:
    return {
        "unchecked": [
            {"field": one.field, "detail": {"en": one.detail.en, "id": one.detail.id}} for one in unchecked(letter)
        ]
    }


def _named(receipt: Json) -> Json:
    return {"repair": receipt["events"][0]["stream"].partition("/")[2], **receipt}


@router.post("/v1/facts/repairs/{repair}/approve", tags=["facts"], summary="Agree to a repair that another proposed")
async def approve_repair(here: Here, command: ApproverCommand, repair: RepairPath) -> Json:
    """Agree as another operator, or as the publisher of the topic; the fact is then published to it.

    `unchecked` says what of the message could not be read, and so was held to nothing.
    """
    topics = topics_mended(command.person)
    office = "operator" if command.person.throughout("operator") else "publisher"
    approving = ApproveRepair(repair, command.actor, topics)
    program = programs.approving_repair(approving, _held(here))
    receipt = _named(answer(await here.executor.execute(command.ask(office), program)))
    state = await here.executor.state(REPAIR, repair_stream(repair))
    if not isinstance(state, Proposed):
        return receipt
    said = state.proposed
    row = await here.pool.fetchrow(SQL["dead_letter"], said.topic, said.partition, said.offset)
    return {**receipt, **_unchecked(None if row is None else _letter_of(row))}


# --- reading -------------------------------------------------------------------------------------------------------


@router.get("/v1/facts/repairs", tags=["facts"], summary="List repairs")
async def list_repairs(
    here: Here,
    person: FactReader,
    paged: Paged,
    waiting: Annotated[bool, Query(description="Only those that wait for a second person.")] = False,  # noqa: FBT002
    at_least: AtLeast = None,
) -> Json:
    """List the repairs of one's topics, the oldest first."""
    await wait_until_folded(here, "repairs", at_least, person)
    topics = topics_refused(person)
    listing = f"repairs/{waiting}"
    after = paged.after(listing, str, str) or (None, None)
    position = str(await here.position("repairs"))
    rows = await here.pool.fetch(SQL["repairs"], topics, waiting, *after, paged.limit + 1)
    became = await _became(here, [row["repair"] for row in rows])
    items = [_document(dict(row), became.get(row["repair"])) for row in rows]
    return page_of(items, paged, listing, lambda one: (one["proposed"], one["repair"]), position=position)


@router.get("/v1/facts/repairs/{repair}", tags=["facts"], summary="Show a repair")
async def show_repair(here: Here, person: FactReader, repair: RepairPath, at_least: AtLeast = None) -> Json:
    """Show what was set aside and why, what is proposed instead, and by whom, before one agrees to it.

    `document` and `reason` are null where they were erased by law; `published` once the fact is in its topic. `status`
    is proposed, replaced, approved, published, and then what became of the message: applied, duplicate or refused.
    """
    await wait_until_folded(here, "repairs", at_least, person)
    topics = topics_refused(person)
    position = str(await here.position("repairs"))
    row = await here.pool.fetchrow(SQL["repair"], repair)
    if row is None or row["topic"] not in topics:
        raise not_found(refusals.repair_unknown(repair).detail)
    letter = await here.pool.fetchrow(SQL["dead_letter"], row["topic"], row["partition"], row["kafka_offset"])
    said = dict(row)
    document, why = said.pop("document"), said.pop("why")
    became = (await _became(here, [repair])).get(repair)
    return {
        **_document(said, became),
        "document": None if document is None else {"specversion": "1.0", **orjson.loads(document)},
        "reason": why,
        "refused": None if letter is None else refused_document(letter),
        "published": None if became is None else _published(became),
        **_unchecked(None if letter is None else _letter_of(letter)),
        "position": position,
    }


async def _became(here: Service, repairs: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
    """Return what is known of the messages of those repairs that were published."""
    return {row["repair"]: row for row in await here.pool.fetch(SQL["became"], repairs)}


def _document(row: dict[str, Any], became: Mapping[str, Any] | None) -> Json:
    address = f"{row.pop('topic')}/{row.pop('partition')}/{row.pop('kafka_offset')}"
    status = row.pop("status") if became is None else _status(became)
    return {"repair": row.pop("repair"), "address": address, **row, "status": status}


def _status(became: Mapping[str, Any]) -> str:
    """Return what became of a published message: the ledger is asked first, since a refused one may be taken later."""
    if became["held_offset"] is not None:
        here = (became["held_partition"], became["held_offset"]) == (became["partition"], became["kafka_offset"])
        return "applied" if here else "duplicate"
    return "refused" if became["reason"] is not None or became["is_read"] else "published"


def _published(became: Mapping[str, Any]) -> Json:
    """Return where a repair was published, where the ledger holds its fact, and why it was refused where it was.

    Why is null of a refusal whose letter was removed by age.
    """
    topic, held = became["topic"], became["held_offset"]
    is_refused = held is None and became["reason"] is not None
    return {
        "address": f"{topic}/{became['partition']}/{became['kafka_offset']}",
        "at": instant(became["sent"]),
        "held": None if held is None else f"{topic}/{became['held_partition']}/{held}",
        "refused": refused_document(became) if is_refused else None,
    }
