"""A repair of a dead letter: one person proposes a fact instead, another one agrees, and only then it is published.

One stream per repair (`repair/…`). What was set aside is never edited: what is published is a new message, and it
counts as any fact does, by its own id.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, assert_never

from kernel.decider import Aggregate, Decision, Emit, Happened, Refusal
from schemas.fact_reading import STRUCTURED, FactFault, ReadFact, Refused, read_fact
from schemas.scoring import RepairApproved, RepairProposed
from schemas.topics import COVERAGE
from services.scoring.domain import refusals

RepairEvent = RepairProposed | RepairApproved
CONTENT_TYPE: Final = ("content-type", STRUCTURED.encode())


@dataclass(frozen=True, slots=True)
class Unproposed:
    """Nobody has proposed it."""


@dataclass(frozen=True, slots=True)
class Proposed:
    """It waits for a second person; `by` proposed it."""

    proposed: RepairProposed
    by: str


@dataclass(frozen=True, slots=True)
class Approved(Proposed):
    """Both agree: it is published."""

    approved_by: str


RepairState = Unproposed | Proposed | Approved


def _evolve(state: RepairState, happened: Happened) -> RepairState:
    event: RepairEvent = happened.event
    match event:
        case RepairProposed():
            return Proposed(event, happened.actor)
        case RepairApproved():
            return Approved(state.proposed, state.by, happened.actor) if isinstance(state, Proposed) else state
        case _:
            assert_never(event)


REPAIR: Final = Aggregate[RepairState](initial=Unproposed, evolve=_evolve, kind="repair")


def repair_stream(repair: str) -> str:
    """Return the stream of a repair."""
    return f"repair/{repair}"


# --- proposing -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was set aside as no fact: its place, and the system and id that it claimed, if it claimed any."""

    topic: str
    partition: int
    offset: int
    publisher: str | None
    id: str | None
    reason: str

    @property
    def address(self) -> str:
        """Return its place as `<topic>/<partition>/<offset>`."""
        return f"{self.topic}/{self.partition}/{self.offset}"


@dataclass(frozen=True, slots=True)
class ProposeRepair:
    """Propose a fact in place of a dead letter. Its text and the reason's lie beside the events."""

    repair: str
    letter: DeadLetter
    fact: ReadFact
    leaf: str
    content_digest: str
    reason_digest: str


def replacement(topic: str, document: Mapping[str, Any], now: datetime) -> ReadFact | Refusal:
    """Return the fact that a structured document is on a topic, or why it is none.

    It is held to what ingest would hold it to, so nobody agrees to what is then set aside again.
    """
    said = document.get("data")
    subject = said.get("region" if topic == COVERAGE else "employer") if isinstance(said, Mapping) else None
    value = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    try:
        return read_fact(topic, str(subject or "").encode(), value.encode(), (CONTENT_TYPE,), now)
    except Refused as refused:
        return _not_a_fact(refused.fault)


def _not_a_fact(fault: FactFault) -> Refusal:
    return refusals.repair_not_a_fact(fault.field, fault.value, fault.english, fault.indonesian)


def decide_propose(command: ProposeRepair) -> Decision:
    """Propose a repair, of a fact of the system that the message claimed to be from, if it claimed any."""
    letter, fact = command.letter, command.fact
    if letter.publisher not in (None, fact.publisher):
        return refusals.repair_of_another(letter.publisher or "", fact.publisher)
    if letter.reason == "used-id" and letter.id == fact.id:
        return refusals.repair_keeps_used_id(fact.id)
    proposed = RepairProposed(
        repair=command.repair,
        topic=letter.topic,
        partition=letter.partition,
        offset=letter.offset,
        publisher=fact.publisher,
        fact=fact.id,
        leaf=command.leaf,
        content_digest=command.content_digest,
        reason_digest=command.reason_digest,
    )
    return [Emit(repair_stream(command.repair), proposed)]


def published(document: bytes) -> bytes:
    """Return the message's value of a fact's canonical document: a CloudEvent in structured mode."""
    return b'{"specversion":"1.0",' + document.removeprefix(b"{")


# --- approving -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ApproveRepair:
    """Agree to a repair, as an operator or as the publisher of some topics."""

    repair: str
    by: str
    topics: Sequence[str]
    """The topics for which the person may agree."""


def decide_approve(state: RepairState, command: ApproveRepair) -> Decision:
    """Agree to what another person proposed."""
    match state:
        case Unproposed():
            return refusals.repair_unknown(command.repair)
        case Proposed() if state.proposed.topic not in command.topics:
            return refusals.repair_of_another_topic(state.proposed.topic)
        case Approved():
            return refusals.repair_approved_before(command.repair)
        case Proposed() if state.by == command.by:
            return refusals.own_repair(command.repair)
        case Proposed():
            approved = RepairApproved(repair=command.repair, leaf=state.proposed.leaf)
            return [Emit(repair_stream(command.repair), approved)]
        case _:
            assert_never(state)
