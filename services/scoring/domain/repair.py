"""A repair of a dead letter: one person proposes a fact instead, another one agrees, and only then it is published.

One stream per repair (`repair/…`). What was set aside is never edited: what is published is a new message, and it
counts as any fact does, by its own id.

A letter is repaired once. The id of its first repair follows from its address, that of the next one from the id of the
repair that it replaces: so the streams of a letter are a chain, the free one at its end is loaded with every act, and
two proposals, or an agreement and a replacement, cannot both be appended. A repair is about whom the letter was about
and of its kind, as far as the letter shows them; what it does not show is told to whoever agrees.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, assert_never
from uuid import UUID, uuid5

from kernel.decider import Aggregate, Decision, Emit, Happened, Refusal, Text
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


_LETTERS: Final = UUID("5f1c6a0e-8d0b-4c38-9a55-3f2f0e5f7a11")
_NEXT: Final = UUID("c7a2b9d4-61de-4f0f-8a3c-0b9e6d1f2c47")


def first_repair(letter: str) -> str:
    """Return the id of the first repair of the letter at an address."""
    return str(uuid5(_LETTERS, letter))


def next_repair(repair: str) -> str:
    """Return the id of the repair that can be proposed instead of another."""
    return str(uuid5(_NEXT, repair))


def address_of(proposed: RepairProposed) -> str:
    """Return the address of the letter that a repair is of."""
    return f"{proposed.topic}/{proposed.partition}/{proposed.offset}"


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
    kind: str | None = None
    """The kind that it claimed to be of; None where that cannot be read."""
    subjects: tuple[str, ...] = ()
    """Whom it can have been about, by its key and by its data; none where neither can be read."""

    @property
    def address(self) -> str:
        """Return its place as `<topic>/<partition>/<offset>`."""
        return f"{self.topic}/{self.partition}/{self.offset}"


@dataclass(frozen=True, slots=True)
class Unchecked:
    """What a repair could not be held to, since the letter does not show it."""

    field: str
    detail: Text


def unchecked(letter: DeadLetter | None) -> list[Unchecked]:
    """Return what whoever agrees must look at alone; without the letter, all of it."""
    found = []
    if letter is None or not letter.subjects:
        found.append(Unchecked("subject", _NO_SUBJECT))
    if letter is None or letter.kind is None:
        found.append(Unchecked("kind", _NO_KIND))
    return found


_NO_SUBJECT: Final = Text(
    en="The message does not show whom it was about: make sure that the repair is about the same employer or region.",
    id="Pesan itu tidak menunjukkan subjeknya: pastikan perbaikan ini tentang pemberi kerja atau wilayah yang sama.",
)
_NO_KIND: Final = Text(
    en="The message does not show of what kind it was: make sure that the repair is of the same kind.",
    id="Pesan itu tidak menunjukkan jenisnya: pastikan perbaikan ini berjenis sama.",
)


@dataclass(frozen=True, slots=True)
class ProposeRepair:
    """Propose a fact in place of a dead letter. Its text and the reason's lie beside the events."""

    letter: DeadLetter
    fact: ReadFact
    leaf: str
    content_digest: str
    reason_digest: str
    replaces: str | None = None
    """The repair of the same letter that it is proposed instead of."""


@dataclass(frozen=True, slots=True)
class Chain:
    """The repairs of a letter: the last that was proposed, if any, and the id of the next."""

    last: str | None
    state: RepairState
    free: str


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


def decide_propose(command: ProposeRepair, chain: Chain, held: Collection[str]) -> Decision:
    """Propose a repair: of what the message claimed to be, where it was not repaired, and of what the ledger lacks.

    `held` are the leaves of what the ledger holds under the fact's id.
    """
    letter, fact = command.letter, command.fact
    refused = _unbound(letter, fact) or _not_next(command, chain) or _refused_again(fact.id, command.leaf, held)
    if refused is not None:
        return refused
    if letter.reason == "used-id" and letter.id == fact.id:
        return refusals.repair_keeps_used_id(fact.id)
    proposed = RepairProposed(
        repair=chain.free,
        topic=letter.topic,
        partition=letter.partition,
        offset=letter.offset,
        publisher=fact.publisher,
        fact=fact.id,
        leaf=command.leaf,
        content_digest=command.content_digest,
        reason_digest=command.reason_digest,
        replaces=chain.last,
    )
    return [Emit(repair_stream(chain.free), proposed)]


def _unbound(letter: DeadLetter, fact: ReadFact) -> Refusal | None:
    """Refuse a fact that is not what the letter was to be, as far as the letter shows it."""
    if letter.publisher not in (None, fact.publisher):
        return refusals.repair_of_another(letter.publisher or "", fact.publisher)
    if letter.kind not in (None, fact.kind):
        return refusals.repair_of_another_kind(letter.kind or "", fact.kind)
    if letter.subjects and fact.subject not in letter.subjects:
        return refusals.repair_about_another(letter.subjects, fact.subject, of_region=letter.topic == COVERAGE)
    return None


def _not_next(command: ProposeRepair, chain: Chain) -> Refusal | None:
    """Refuse what is proposed beside another repair of the letter."""
    match chain.state:
        case Approved():
            return refusals.letter_repaired_before(command.letter.address, chain.last or "")
        case Proposed() if command.replaces != chain.last:
            return refusals.letter_has_a_repair(command.letter.address, chain.last or "")
        case Unproposed() if command.replaces is not None:
            return refusals.repair_replaces_none(command.replaces)
        case _:
            return None


def _refused_again(id_: str, leaf: str, held: Collection[str], path: str = "document.id") -> Refusal | None:
    """Refuse what the ledger would drop or refuse: it takes each id once."""
    if leaf in held:
        return refusals.repair_in_ledger(id_, path)
    return refusals.repair_keeps_used_id(id_, path) if held else None


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


def decide_approve(state: RepairState, command: ApproveRepair, last: str | None, held: Collection[str]) -> Decision:
    """Agree to what another person proposed, the last of the letter, and still lacking in the ledger."""
    match state:
        case Unproposed():
            return refusals.repair_unknown(command.repair)
        case Proposed() if state.proposed.topic not in command.topics:
            return refusals.repair_of_another_topic(state.proposed.topic)
        case Approved():
            return refusals.repair_approved_before(command.repair)
        case Proposed() if state.by == command.by:
            return refusals.own_repair(command.repair)
        case Proposed() if last != command.repair:
            return refusals.repair_replaced(command.repair, last)
        case Proposed():
            said = state.proposed
            approved = RepairApproved(repair=command.repair, leaf=said.leaf)
            refused = _refused_again(said.fact, said.leaf, held, "path.repair")
            return refused or [Emit(repair_stream(command.repair), approved)]
        case _:
            assert_never(state)
