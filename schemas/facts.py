"""What other BPJS systems say: facts about employers and regions, which the measured aspects rest on.

A fact is a CloudEvents 1.0 message that a publisher puts on its topic, in binary or in structured mode (CloudEvents
Kafka protocol binding 1.0.2); `schemas.fact_reading` takes either. It is no event of ours: it has no stream, no version
and no salt, and its id is the publisher's own. Money is in whole rupiah, a month is `YYYY-MM`, a date `YYYY-MM-DD`;
there are no floats. Unknown fields are passed over, so an optional field may be added; nothing else may change.

Facts are said for good: what was wrong is corrected by another fact (`ContributionCorrected`, or the same report with a
higher `revision`), and what was said by mistake is reversed. What counts is a function of the set of all facts, never
of the order in which they arrived.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final

from msgspec import Meta, Struct

from schemas.topics import CONTRIBUTIONS, COVERAGE

FACT_PREFIX: Final = "id.go.bpjsketenagakerjaan"
MOST_RUPIAH: Final = 10**15
MOST_WORKERS: Final = 10**9
MOST_TRANSACTIONS: Final = 10**12
FIRST_MONTH: Final = "2014-01"
"""BPJS Ketenagakerjaan began on 1 January 2014: no fact is about an earlier month."""
MONTHS_AHEAD: Final = 12
"""How far after a fact's own time the month may lie that it is about: contributions can be paid in advance."""


def _text(pattern: str, most: int, description: str, *examples: str) -> Meta:
    """Say what a text is. `schemas.fact_reading` holds it to the pattern: all texts of a fact at once; it is cheaper.

    msgspec's own check also takes a trailing line feed for a match.
    """
    return Meta(
        max_length=most, description=description, examples=list(examples), extra_json_schema={"pattern": pattern}
    )


FactId = Annotated[
    str,
    _text(
        r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$",
        64,
        "The id of a fact, the publisher's own: never used for another content.",
        "pay-2021-03-000123",
    ),
]
Employer = Annotated[str, _text(r"^[A-Z0-9][A-Z0-9.-]{0,31}$", 32, "The employer's number (NPP).", "12345678")]
Region = Annotated[
    str,
    _text(
        r"^[0-9]{2}(\.[0-9]{2})?$",
        5,
        "Kemendagri's code of a province (75) or of a regency or city (75.71).",
        "75",
        "75.71",
    ),
]
Month = Annotated[str, _text(r"^[0-9]{4}-(0[1-9]|1[0-2])$", 7, "A month as YYYY-MM.", "2021-03")]
Day = Annotated[
    date,
    Meta(
        description="A day as YYYY-MM-DD.",
        examples=["2021-04-13"],
        extra_json_schema={"pattern": r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"},
    ),
]
Rupiah = Annotated[int, Meta(ge=0, le=MOST_RUPIAH, description="Whole rupiah.", examples=[1_500_000])]
Paid = Annotated[int, Meta(ge=1, le=MOST_RUPIAH, description="Whole rupiah.", examples=[1_500_000])]
Workers = Annotated[int, Meta(ge=0, le=MOST_WORKERS, description="A number of workers.", examples=[25_000])]
Transactions = Annotated[int, Meta(ge=0, le=MOST_TRANSACTIONS, description="A number of transactions.", examples=[12])]
Revision = Annotated[
    int,
    Meta(
        ge=1,
        le=1_000_000,
        description="Counts up with each new version of one statement; the highest counts.",
        examples=[2],
    ),
]
BankReference = Annotated[
    str,
    _text(
        r"^[A-Za-z0-9][A-Za-z0-9./:_-]{0,63}$",
        64,
        "The bank's own reference of the payment: the same reference is the same payment.",
        "BNI/2021/000123",
    ),
]
SizeClass = Annotated[str, _text(r"^(large|medium|small|micro)$", 6, "large, medium, small or micro.", "medium")]


class Fact(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The base of every fact's data."""


class EmployerRegistered(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """An employer is registered: its size class, its region, and the first month it owes contributions for."""

    employer: Employer
    size_class: SizeClass
    region: Region
    """Where it is at home."""
    obliged_from: Month
    """The first month that it owes contributions for, at most a year after the fact's time."""
    revision: Revision = 1


class ContributionDue(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What an employer owes for a month."""

    employer: Employer
    month: Month
    """The month that is owed for, at most a year after the fact's time."""
    amount: Rupiah
    """What is owed; 0 where nothing is."""


class ContributionPaid(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A payment for a month, on the bank's value date. Several payments for a month add up."""

    employer: Employer
    month: Month
    """The month that is paid for, at most a year after the fact's time."""
    amount: Paid
    """What was paid."""
    paid_on: Day
    """The bank's value date, not after the fact's time."""
    bank_reference: BankReference


class ContributionCorrected(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """An earlier due or payment was wrong: this is how it should read. The highest revision counts.

    `employer` and `month` are the right ones, though they are unchanged; another field that is left out stays as it
    was said first. It may arrive before what it corrects.
    """

    employer: Employer
    month: Month
    """The month as it should read, at most a year after the fact's time."""
    corrects: FactId
    """The id of the due or payment that was said first, of the same publisher."""
    revision: Revision
    amount: Rupiah | None = None
    """What should have been said."""
    paid_on: Day | None = None
    """The value date that should have been said, not after the fact's time."""
    bank_reference: BankReference | None = None


class ContributionReversed(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """An earlier due or payment never was. That is final: no correction brings it back, whenever it arrives."""

    employer: Employer
    month: Month
    """The month of what is reversed."""
    reverses: FactId
    """The id of the due or payment that was said first, of the same publisher."""


class CoverageReported(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """How many workers are covered on a day, wage workers (PU) and others (BPU), of a region or of an employer."""

    as_of: Day
    """The day that is counted, not after the fact's time."""
    wage_workers_covered: Workers
    """Wage workers (PU) who are covered, no more than there are."""
    wage_workers_total: Workers
    """All wage workers (PU)."""
    non_wage_workers_covered: Workers
    """Other workers (BPU) who are covered, no more than there are."""
    non_wage_workers_total: Workers
    """All other workers (BPU)."""
    region: Region | None = None
    """Whom it is about, on the topic of coverage."""
    employer: Employer | None = None
    """Whom it is about, on the topic of contributions."""
    revision: Revision = 1


class AssistanceReported(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """How many vulnerable workers a region or an employer helps with their contributions on a day."""

    as_of: Day
    """The day that is counted, not after the fact's time."""
    vulnerable_workers_assisted: Workers
    """Vulnerable workers who are helped, no more than there are, where that is said."""
    vulnerable_workers_total: Workers | None = None
    """All vulnerable workers."""
    non_wage_workers_assisted: Workers | None = None
    """Other workers (BPU) who are helped."""
    region: Region | None = None
    """Whom it is about, on the topic of coverage."""
    employer: Employer | None = None
    """Whom it is about, on the topic of contributions."""
    revision: Revision = 1


class DigitalChannelUsed(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """How many of an employer's transactions in a month went through a digital channel."""

    employer: Employer
    month: Month
    """The month that is counted."""
    transactions: Transactions
    digital_transactions: Transactions
    """Those of the transactions that went through a digital channel, no more than all."""
    revision: Revision = 1


MODELS: Final[tuple[type[Fact], ...]] = (
    EmployerRegistered,
    ContributionDue,
    ContributionPaid,
    ContributionCorrected,
    ContributionReversed,
    CoverageReported,
    AssistanceReported,
    DigitalChannelUsed,
)
TOPICS_OF: Final[dict[type[Fact], tuple[str, ...]]] = {
    EmployerRegistered: (CONTRIBUTIONS,),
    ContributionDue: (CONTRIBUTIONS,),
    ContributionPaid: (CONTRIBUTIONS,),
    ContributionCorrected: (CONTRIBUTIONS,),
    ContributionReversed: (CONTRIBUTIONS,),
    CoverageReported: (CONTRIBUTIONS, COVERAGE),
    AssistanceReported: (CONTRIBUTIONS, COVERAGE),
    DigitalChannelUsed: (CONTRIBUTIONS,),
}
"""Facts about an employer lie in the topic of contributions, facts about a region in the topic of coverage."""


def fact_type(model: type[Fact], version: int = 1) -> str:
    """Return the CloudEvents `type` of a fact, for example `id.go.bpjsketenagakerjaan.ContributionPaid.v1`."""
    return f"{FACT_PREFIX}.{model.__name__}.v{version}"


FACT_TYPES: Final[dict[str, type[Fact]]] = {fact_type(model): model for model in MODELS}
