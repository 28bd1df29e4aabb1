"""The dry run: what ingest would make of a message, said to its publisher before it is sent.

The message is judged by the gate that ingest judges by, and then held against the ledger as it is now. Nothing is
written, so the answer is no promise: what others send meanwhile may change it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import orjson

from kernel.canonical import Json
from kernel.service import Service
from kernel.sql import columns
from schemas.fact_reading import FactFault, ReadFact, Refused, read_fact, used_id
from schemas.facts import ContributionCorrected
from schemas.topics import CONTRIBUTIONS
from services.scoring.domain.effective import CONTRIBUTION_KINDS, NAMING_KINDS, Key, LedgerFact, by_subject, first_of
from services.scoring.domain.measure import ledger_fact, places
from services.scoring.ledger import SQL as LEDGER_SQL
from services.scoring.ledger import first_day
from services.scoring.ledger_reads import SQL, Around, Held, around

_CORRECTION: Final = ContributionCorrected.__name__


@dataclass(frozen=True, slots=True)
class Said:
    """A message as it would be sent."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes | None]


@dataclass(frozen=True, slots=True)
class _Ledger:
    """What the ledger holds around some facts."""

    leaves: Mapping[tuple[str, str, str, str], bytes]
    """The leaf of what it holds under the names of these facts: topic, month, publisher, id."""
    held: Around
    named: Mapping[Key, Sequence[Held]]
    """What has the name of a first fact, and what corrects or reverses it."""
    about: Mapping[str, Sequence[LedgerFact]]
    """The facts about each employer or region, and those that bear on them."""


async def dry_run(here: Service, said: Said, now: datetime) -> Json:
    """Return what ingest would make of a message that it received now."""
    (found,) = await dry_runs(here, [said], now)
    return found


async def dry_runs(here: Service, messages: Sequence[Said], now: datetime) -> list[Json]:
    """Return of each message what ingest would make of it: each against the ledger, none against the others here."""
    judged = [_judged(said, now) for said in messages]
    ledger = await _ledger(here, [one for one in judged if isinstance(one, ReadFact)])
    return [
        _of_fact(one, ledger) if isinstance(one, ReadFact) else {"accepted": False, "fault": one.document}
        for one in judged
    ]


def _judged(said: Said, now: datetime) -> ReadFact | FactFault:
    try:
        return read_fact(said.topic, said.key, said.value, said.headers.items(), now)
    except Refused as refused:
        return refused.fault


async def _ledger(here: Service, facts: Sequence[ReadFact]) -> _Ledger:
    """Read what is around facts.

    What one corrects may be another employer's by now, or never have been its own: that one's facts are read too.
    """
    mine = [ledger_fact(fact.document) for fact in facts]
    ids: dict[tuple[str, str, str], set[str]] = {}
    for one in mine:
        ids.setdefault((one.topic, one.month, one.publisher), set()).add(one.id)
    leaves = {
        (topic, month, publisher, row["id"]): row["leaf"]
        for (topic, month, publisher), own in ids.items()
        for row in await here.pool.fetch(LEDGER_SQL["known"], topic, first_day(month), publisher, sorted(own))
    }
    keys = sorted({first_of(one) for one in mine if one.kind in NAMING_KINDS})
    named: dict[Key, list[Held]] = {}
    for row in await here.pool.fetch(SQL["facts_named"], *columns(keys, 2)) if keys else ():
        held = Held.of(row)
        if held.fact.topic != CONTRIBUTIONS:
            continue  # The name is another fact's there, which nothing corrects or reverses.
        for key in {first_of(held.fact), (held.fact.publisher, held.fact.id)}:
            named.setdefault(key, []).append(held)
    subjects = {one.subject for one in mine} | {held.fact.subject for each in named.values() for held in each}
    kinds = {one.kind for one in mine} | (CONTRIBUTION_KINDS if keys else set())
    around_them = await around(here, subjects, sorted(kinds)) if mine else {}
    return _Ledger(leaves, around_them, named, by_subject(one.fact for one in around_them.values()))


def _of_fact(fact: ReadFact, ledger: _Ledger) -> Json:
    mine = ledger_fact(fact.document)
    known = ledger.leaves.get((mine.topic, mine.month, mine.publisher, mine.id))
    if known not in {None, mine.leaf}:
        told = {"fact": fact_document(fact), "status": "used-id", "fault": used_id(fact).document}
        return {"accepted": False, **told}
    named = ledger.named.get(first_of(mine), ()) if mine.kind in NAMING_KINDS else ()
    subjects = {mine.subject, *(held.fact.subject for held in named)}
    place = places([mine, *(one for subject in subjects for one in ledger.about.get(subject, ()))])[mine.leaf]
    waits = place.state == "waiting"
    held = ledger.held.get(mine.leaf)
    return {
        "accepted": True,
        "fact": fact_document(fact),
        "status": "duplicate" if known is not None else "waiting" if waits else "new",
        "state": place.state,
        "by": None if place.by is None else {"publisher": place.by.publisher, "id": place.by.id},
        "waits_for": place.waits_for,
        "in_vain": _in_vain(mine, named, ledger) if place.waits_for == "target" else None,
        "address": None if held is None else held.address,
    }


def _in_vain(mine: LedgerFact, named: Sequence[Held], ledger: _Ledger) -> Json | None:
    """Return why a correction or reversal would wait for ever, as far as the ledger tells: what it names is there.

    Another fact than a due or payment is its target never; nor is another source's fact, whoever names it.
    """
    target = next((one.fact for one in named if one.fact.name == (mine.publisher, mine.target)), None)
    if target is not None and target.target is not None:
        said = ("a correction", "sebuah koreksi") if target.kind == _CORRECTION else ("a reversal", "sebuah pembatalan")
        return {
            "en": f"{target.id} is {said[0]}: name the due or payment that was said first, {target.target}",
            "id": f"{target.id} adalah {said[1]}: sebutkan iuran terutang atau pembayaran pertamanya, {target.target}",
        }
    if target is not None:
        return {
            "en": f"{target.id} is {target.kind}: name a due or a payment; a report gets a higher revision instead",
            "id": f"{target.id} adalah {target.kind}: sebutkan iuran terutang atau pembayaran; untuk laporan, kirim "
            "revisi yang lebih tinggi",
        }
    about = [one for one in ledger.about.get(mine.subject, ()) if one.topic == mine.topic]
    others = sorted(one.publisher for one in about if one.id == mine.target)
    if others:
        return {
            "en": f"{mine.target} is of another source, /bpjs/{others[0]}: only that one may correct or reverse it",
            "id": f"{mine.target} berasal dari sumber lain, /bpjs/{others[0]}: hanya sumber itu yang boleh mengoreksi "
            "atau membatalkannya",
        }
    return None


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
