"""Which facts of the ledger count: corrections, reversals, duplicates and revisions resolved over the set.

The ledger is a set of facts that never change. What counts is a function of that set: of each fact's content and its
own time, never of when or in which order it arrived, and saying a fact twice says nothing more. The rules:

- A **first fact** is a due or a payment. A correction or reversal belongs to the first fact of its own publisher whose
  id it names; until that one is there, it waits and counts nothing, and so does one that names any other fact.
- Of a first fact's **corrections** the one with the highest revision counts, then the latest, then the greatest id.
  What it leaves out stays as it was said first; its employer and month are the right ones. Other corrections of the
  same fact add nothing, whatever they say.
- A **reversal** is final: the first fact never was, and no correction brings it back.
- **One payment** counts of those that a publisher said under one bank reference for one employer: the earliest by its
  own time, then the least id. That is judged after corrections and reversals, so a corrected reference is another
  payment, and a payment that was moved to another employer is none of this one's any more.
- Of several **reports** of one state (registration, coverage, assistance, use of digital channels) the last counts: by
  the day that it is about (registrations: their time), then revision, time and id.

Within a topic and a month an id is one fact; what is said on another topic under the same id is another fact, which no
correction or reversal can name. Should a publisher use an id in several months, each fact counts. A correction that
names the id belongs to the earliest of them; a reversal reverses all: using an id again brings nothing back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final, Literal, NamedTuple

import msgspec
from msgspec import Raw, Struct

from schemas.facts import (
    FACT_TYPES,
    AssistanceReported,
    ContributionCorrected,
    ContributionDue,
    ContributionPaid,
    ContributionReversed,
    CoverageReported,
    DigitalChannelUsed,
    EmployerRegistered,
    Fact,
)
from schemas.topics import CONTRIBUTIONS, COVERAGE

Key = tuple[str, str]
"""A publisher and the id of one of its first facts."""
State = Literal["counted", "duplicate-payment", "corrected", "reversed", "superseded", "waiting"]
Awaited = Literal["target", "registration"]

_FIRST: Final = (ContributionDue, ContributionPaid)
_SOURCE: Final = "/bpjs/"


class FactName(NamedTuple):
    """What a fact is called: its publisher and the publisher's id of it."""

    publisher: str
    id: str


class LedgerFact(NamedTuple):
    """A fact as the ledger has it."""

    publisher: str
    id: str
    kind: str
    """The name of its model, for example `ContributionPaid`."""
    subject: str
    """The employer's number or the region's code."""
    month: str
    """The month that it is about, YYYY-MM."""
    target: str | None
    """The id of the fact that it corrects or reverses."""
    time: datetime
    leaf: bytes
    """The RFC 6962 leaf hash of its canonical document: what it is identified by here."""
    data: Fact

    @property
    def name(self) -> FactName:
        """Return what it is called, in its topic."""
        return FactName(self.publisher, self.id)

    @property
    def topic(self) -> str:
        """Return where it lies: what is about an employer on contributions, what is about a region on coverage."""
        return COVERAGE if getattr(self.data, "employer", None) is None else CONTRIBUTIONS


class _Document(Struct):
    data: Raw
    id: str
    source: str
    time: datetime
    type: str


_document: Final = msgspec.json.Decoder(_Document)
_DATA: Final = {name: (model, msgspec.json.Decoder(model)) for name, model in FACT_TYPES.items()}


def ledger_fact(document: bytes | str) -> LedgerFact:
    """Return the fact that a canonical document of the ledger is (`schemas.fact_reading.ReadFact.document`).

    Raises msgspec.DecodeError or LookupError for any other text: the ledger holds none.
    """
    text = document.encode() if isinstance(document, str) else document
    said = _document.decode(text)
    model, decoder = _DATA[said.type]
    data: Any = decoder.decode(said.data)
    return LedgerFact(
        publisher=said.source.removeprefix(_SOURCE),
        id=said.id,
        kind=model.__name__,
        subject=getattr(data, "employer", None) or data.region,
        month=_month(data, said.time),
        target=getattr(data, "corrects", None) or getattr(data, "reverses", None),
        time=said.time,
        leaf=hashlib.sha256(b"\x00" + text).digest(),
        data=data,
    )


def _month(data: Any, time: datetime) -> str:
    """Return a fact's month as `schemas.fact_reading` does: its own, its day's, or else its time's in UTC."""
    if (month := getattr(data, "month", None)) is not None:
        return str(month)
    return (getattr(data, "as_of", None) or time.astimezone(UTC)).isoformat()[:7]


def first_of(fact: LedgerFact) -> Key:
    """Return the first fact that a contribution fact belongs to: itself, or what it corrects or reverses."""
    return fact.publisher, fact.target or fact.id


def by_subject(facts: Iterable[LedgerFact]) -> dict[str, list[LedgerFact]]:
    """Return the facts about each employer or region, with those that share a first fact with one of them."""
    belonging: dict[Key, list[LedgerFact]] = {}
    known = list(facts)
    for fact in known:
        if fact.kind in NAMING_KINDS:
            belonging.setdefault(first_of(fact), []).append(fact)
    found: dict[str, dict[bytes, LedgerFact]] = {}
    for fact in known:
        related = belonging[first_of(fact)] if fact.kind in NAMING_KINDS else [fact]
        found.setdefault(fact.subject, {}).update((one.leaf, one) for one in related)
    return {subject: list(own.values()) for subject, own in found.items()}


# --- dues and payments ---------------------------------------------------------------------------------------------


class Contribution(NamedTuple):
    """A due or a payment as it reads after its corrections."""

    employer: str
    month: str
    amount: int
    paid_on: date | None
    """Of a payment: the bank's value date. Of a due: None."""
    bank_reference: str | None
    first: LedgerFact
    correction: LedgerFact | None

    @property
    def facts(self) -> tuple[FactName, ...]:
        """Return what it rests on: the first fact, and the correction that counts."""
        return (self.first.name,) if self.correction is None else (self.first.name, self.correction.name)


class _Held(NamedTuple):
    """Facts on contributions, sorted by what they belong to. Of corrections and reversals only what counts is kept."""

    firsts: dict[Key, LedgerFact]
    others: list[LedgerFact]
    """First facts that share their id with an earlier one; no correction can name them, and a reversal names all."""
    corrections: dict[Key, LedgerFact]
    reversals: dict[Key, LedgerFact]


def distinct(facts: Iterable[LedgerFact]) -> list[LedgerFact]:
    """Return the facts, each once."""
    return list({fact.leaf: fact for fact in facts}.values())


def _revision(fact: LedgerFact) -> tuple[Any, ...]:
    said: Any = fact.data
    return said.revision, fact.time, fact.id, fact.leaf


def _age(fact: LedgerFact) -> tuple[Any, ...]:
    return fact.time, fact.id, fact.leaf


def _hold(facts: Iterable[LedgerFact]) -> _Held:
    firsts: dict[Key, LedgerFact] = {}
    others: list[LedgerFact] = []
    corrections: dict[Key, LedgerFact] = {}
    reversals: dict[Key, LedgerFact] = {}
    for fact in facts:
        key = first_of(fact)
        if isinstance(fact.data, _FIRST):
            known = firsts.get(key)
            if known is None:
                firsts[key] = fact
            else:
                firsts[key], other = (fact, known) if _age(fact) < _age(known) else (known, fact)
                others.append(other)
        elif isinstance(fact.data, ContributionCorrected):
            known = corrections.get(key)
            if known is None or _revision(known) < _revision(fact):
                corrections[key] = fact
        elif isinstance(fact.data, ContributionReversed):
            known = reversals.get(key)
            if known is None or _age(fact) < _age(known):
                reversals[key] = fact
    return _Held(firsts, others, corrections, reversals)


def _read(held: _Held) -> list[Contribution]:
    """Return dues and payments as they read, without those reversed; payments said twice are among them twice."""
    read = [
        _corrected(fact, held.corrections.get(key)) for key, fact in held.firsts.items() if key not in held.reversals
    ]
    read += [_corrected(fact, None) for fact in held.others if first_of(fact) not in held.reversals]
    return read


def _corrected(first: LedgerFact, correction: LedgerFact | None) -> Contribution:
    said: Any = first.data
    paid_on, reference = getattr(said, "paid_on", None), getattr(said, "bank_reference", None)
    if correction is None:
        return Contribution(said.employer, said.month, said.amount, paid_on, reference, first, None)
    right: Any = correction.data
    amount = said.amount if right.amount is None else right.amount
    if paid_on is not None:  # of a due no correction makes a payment
        paid_on, reference = right.paid_on or paid_on, right.bank_reference or reference
    return Contribution(right.employer, right.month, amount, paid_on, reference, first, correction)


class _Said(NamedTuple):
    """What counts, and which payment each duplicate is one of (by the leaf of its first fact)."""

    counted: list[Contribution]
    duplicates: dict[bytes, Contribution]


def _once(read: Iterable[Contribution]) -> _Said:
    """Part payments said twice from what counts."""
    counted: list[Contribution] = []
    payments: dict[tuple[str, str, str], Contribution] = {}
    twice: list[tuple[tuple[str, str, str], Contribution]] = []
    for one in read:
        if one.bank_reference is None:
            counted.append(one)
            continue
        key = (one.first.publisher, one.employer, one.bank_reference)
        known = payments.get(key)
        if known is None:
            payments[key] = one
        else:
            payments[key], other = (one, known) if _age(one.first) < _age(known.first) else (known, one)
            twice.append((key, other))
    counted += payments.values()
    return _Said(counted, {other.first.leaf: payments[key] for key, other in twice})


def contributions(facts: Iterable[LedgerFact]) -> list[Contribution]:
    """Return the dues and payments that count, in no particular order; `facts` has each fact once."""
    return _once(_read(_hold(facts))).counted


def of_employer(facts: Iterable[LedgerFact], employer: str) -> list[LedgerFact]:
    """Return the facts on contributions that can bear on an employer: its own, and what belongs to one fact with them.

    A fact that a correction moved to another employer has facts of both; each of the two sees them all, so that what
    counts for an employer can be told from these alone, and is the same as told from the whole ledger.
    """
    given = [fact for fact in facts if fact.kind in CONTRIBUTION_KINDS]
    named = {first_of(fact) for fact in given if fact.subject == employer and fact.kind in NAMING_KINDS}
    return [
        fact
        for fact in given
        if (fact.subject == employer if fact.kind == EmployerRegistered.__name__ else first_of(fact) in named)
    ]


CONTRIBUTION_KINDS: Final = frozenset(
    model.__name__
    for model in (EmployerRegistered, ContributionDue, ContributionPaid, ContributionCorrected, ContributionReversed)
)
NAMING_KINDS: Final = CONTRIBUTION_KINDS - {EmployerRegistered.__name__}
"""First facts, and what names one."""


# --- reports -------------------------------------------------------------------------------------------------------


def last(reports: Iterable[LedgerFact], day: Callable[[LedgerFact], date | None] = lambda _: None) -> LedgerFact | None:
    """Return the report that counts of those of one state: the last by `day`, then by revision, time and id."""
    best: LedgerFact | None = None
    rank: tuple[Any, ...] = ()
    for fact in reports:
        mine = (day(fact) or date.min, *_revision(fact))
        if best is None or mine > rank:
            best, rank = fact, mine
    return best


def last_registration(facts: Iterable[LedgerFact], employer: str, before: datetime | None = None) -> LedgerFact | None:
    """Return an employer's registration that counts: the last by its time (before an instant), revision and id."""
    best: LedgerFact | None = None
    rank: tuple[Any, ...] = ()
    for fact in facts:
        if not isinstance(fact.data, EmployerRegistered) or fact.subject != employer:
            continue
        mine = (fact.time, *_revision(fact))
        if (before is None or fact.time < before) and (best is None or mine > rank):
            best, rank = fact, mine
    return best


def _state(fact: LedgerFact) -> tuple[Any, ...]:
    """Return what tells one state from another: whom it is about, and its day or month."""
    said: Any = fact.data
    match said:
        case CoverageReported() | AssistanceReported():
            return fact.kind, said.region is None, fact.subject, said.as_of
        case DigitalChannelUsed():
            return fact.kind, True, fact.subject, said.month
        case _:
            return fact.kind, True, fact.subject, None


def _reports(facts: Iterable[LedgerFact]) -> dict[tuple[Any, ...], LedgerFact]:
    """Return the report that counts of each state on each day, of the day itself."""
    kept: dict[tuple[Any, ...], LedgerFact] = {}
    for fact in facts:
        if fact.kind in REPORT_KINDS:
            state = _state(fact)
            known = kept.get(state)
            if known is None or _newer(fact, known):
                kept[state] = fact
    return kept


def _newer(fact: LedgerFact, known: LedgerFact) -> bool:
    if isinstance(fact.data, EmployerRegistered):
        return (fact.time, *_revision(fact)) > (known.time, *_revision(known))
    return _revision(fact) > _revision(known)


def takes_place_of(other: LedgerFact, fact: LedgerFact) -> bool:
    """Tell whether a fact counts no more since another is there, which says the same thing later or takes it back.

    Looks at no third fact: whatever order the others come in, what was taken back or said later stays so.
    """
    if fact.kind in REPORT_KINDS:
        return other.kind == fact.kind and _state(other) == _state(fact) and _newer(other, fact)
    if other.publisher != fact.publisher or other.target != (fact.target or fact.id):
        return False
    is_reversal = isinstance(other.data, ContributionReversed)
    if isinstance(fact.data, ContributionCorrected):
        return is_reversal or (isinstance(other.data, ContributionCorrected) and _revision(other) > _revision(fact))
    return is_reversal and isinstance(fact.data, _FIRST)


REPORT_KINDS: Final = frozenset(
    model.__name__ for model in (EmployerRegistered, CoverageReported, AssistanceReported, DigitalChannelUsed)
)


# --- the whole set -------------------------------------------------------------------------------------------------


class Effective(NamedTuple):
    """What a set of facts comes to, each list in an order of its own that is the same for every order of the facts."""

    dues: tuple[Contribution, ...]
    payments: tuple[Contribution, ...]
    reports: tuple[LedgerFact, ...]
    """The report that counts of each state: the last registration, and of each day or month the last revision."""


def effective(facts: Iterable[LedgerFact]) -> Effective:
    """Return what a set of facts comes to."""
    given = distinct(facts)
    counted = sorted(contributions(given), key=lambda one: (one.employer, one.month, *_age(one.first)))
    return Effective(
        dues=tuple(one for one in counted if one.paid_on is None),
        payments=tuple(one for one in counted if one.paid_on is not None),
        reports=tuple(sorted(_reports(given).values(), key=lambda fact: (fact.kind, fact.subject, *_age(fact)))),
    )


class Place(NamedTuple):
    """A fact's place in the set."""

    state: State
    by: FactName | None = None
    """What it is a duplicate of, or was corrected, reversed or superseded by."""
    waits_for: Awaited | None = None
    """Of a waiting one: the fact that it corrects or reverses, or the employer's registration."""


_COUNTED: Final = Place("counted")
_NO_TARGET: Final = Place("waiting", waits_for="target")
_NO_EMPLOYER: Final = Place("waiting", waits_for="registration")


def places(facts: Iterable[LedgerFact]) -> dict[bytes, Place]:
    """Return each fact's place in the set, by its leaf.

    Of a corrected fact the correction that counts has the place that the fact would have. To be right about one fact,
    the set needs the facts of its employer (of all employers, where a correction moved it) and what `of_employer` adds.
    """
    given = distinct(facts)
    held = _hold(given)
    read = _read(held)
    duplicates = _once(read).duplicates
    registered = {fact.subject for fact in given if isinstance(fact.data, EmployerRegistered)}
    found = {(one.correction or one.first).leaf: _of(one, duplicates, registered) for one in read}
    reports = _reports(given)
    for fact in given:
        if fact.leaf not in found:
            found[fact.leaf] = _of_report(fact, reports) if fact.kind in REPORT_KINDS else _beside(fact, held)
    return found


def _of(one: Contribution, duplicates: Mapping[bytes, Contribution], registered: set[str]) -> Place:
    if (same := duplicates.get(one.first.leaf)) is not None:
        return Place("duplicate-payment", same.first.name)
    return _COUNTED if one.employer in registered else _NO_EMPLOYER


def _of_report(fact: LedgerFact, reports: Mapping[tuple[Any, ...], LedgerFact]) -> Place:
    kept = reports[_state(fact)]
    return _COUNTED if kept.leaf == fact.leaf else Place("superseded", kept.name)


def _beside(fact: LedgerFact, held: _Held) -> Place:
    """Return the place of a fact on contributions that is not itself what counts."""
    key = first_of(fact)
    reversal, correction = held.reversals.get(key), held.corrections.get(key)
    if key not in held.firsts:
        return _NO_TARGET
    if isinstance(fact.data, ContributionReversed):
        return _COUNTED if reversal is None or reversal.leaf == fact.leaf else Place("superseded", reversal.name)
    if reversal is not None:
        return Place("reversed", reversal.name)
    if correction is None:
        raise AssertionError("a due or payment that nothing corrects or reverses counts by itself")
    return Place("superseded" if isinstance(fact.data, ContributionCorrected) else "corrected", correction.name)


def digest(facts: Sequence[LedgerFact]) -> str:
    """Return which facts these are: the hex SHA-256 of their leaf hashes, sorted and joined."""
    return hashlib.sha256(b"".join(sorted(fact.leaf for fact in facts))).hexdigest()
