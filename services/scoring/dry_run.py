"""The dry run: what ingest would make of a message, said to its publisher before it is sent.

The message is judged by the gate that ingest judges by, and then held against the ledger as it is now. Nothing is
written, so the answer is no promise: what others send meanwhile may change it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import orjson

from kernel.canonical import Json, leaf_hash
from kernel.service import Service
from kernel.sql import columns
from schemas.fact_reading import FactFault, ReadFact, Refused, read_fact, used_id
from services.scoring.domain.effective import CONTRIBUTION_KINDS, NAMING_KINDS, Place, first_of
from services.scoring.domain.measure import ledger_fact, places
from services.scoring.ledger import SQL as LEDGER_SQL
from services.scoring.ledger import first_day
from services.scoring.ledger_reads import SQL, Held, around

_KINDS: Final = sorted(CONTRIBUTION_KINDS)


@dataclass(frozen=True, slots=True)
class Said:
    """A message as it would be sent."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes | None]


async def dry_run(here: Service, said: Said, now: datetime) -> Json:
    """Return what ingest would make of a message that it received now."""
    try:
        fact = read_fact(said.topic, said.key, said.value, said.headers.items(), now)
    except Refused as refused:
        return {"accepted": False, "fault": fault_document(refused.fault)}
    leaf = leaf_hash(fact.document)
    there = await here.pool.fetchrow(LEDGER_SQL["known"], first_day(fact.month), fact.publisher, [fact.id])
    if there is not None and there["leaf"] != leaf:
        told = {"fact": fact_document(fact), "status": "used-id", "fault": fault_document(used_id(fact))}
        return {"accepted": False, **told}
    place = await _place(here, fact, leaf)
    waits = place.state == "waiting"
    return {
        "accepted": True,
        "fact": fact_document(fact),
        "status": "duplicate" if there is not None else "waiting" if waits else "new",
        "state": place.state,
        "by": None if place.by is None else {"publisher": place.by.publisher, "id": place.by.id},
        "waits_for": place.waits_for,
    }


async def _place(here: Service, fact: ReadFact, leaf: bytes) -> Place:
    """Return the place that a fact has, or would have, among those of the ledger.

    What it corrects may be another employer's by now, or never have been its own: that one's facts are looked at too.
    """
    mine = ledger_fact(fact.document)
    if mine.kind in NAMING_KINDS:
        named = [Held.of(row) for row in await here.pool.fetch(SQL["facts_named"], *columns([first_of(mine)]))]
        held = await around(here, {mine.subject, *(one.fact.subject for one in named)}, _KINDS)
    else:
        held = await around(here, {mine.subject}, [mine.kind])
    return places([*(one.fact for one in held.values()), mine])[leaf]


def fact_document(fact: ReadFact) -> Json:
    """Return a fact as it is told to whoever sent it."""
    return {
        "publisher": fact.publisher,
        "id": fact.id,
        "type": fact.kind,
        "subject": fact.subject,
        "month": fact.month,
        "target": fact.target,
        "document": orjson.loads(fact.document),
    }


def fault_document(fault: FactFault) -> Json:
    """Return a fault as it is told to people: where, what stands there, and what to write instead."""
    return {
        "reason": fault.reason.value,
        "field": fault.field,
        "value": fault.value,
        "detail": {"en": fault.english, "id": fault.indonesian},
    }
