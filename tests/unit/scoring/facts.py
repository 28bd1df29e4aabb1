"""Facts of the ledger, as specifications of measuring say them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from msgspec import json

from schemas.fact_reading import read_fact
from schemas.facts import (
    AssistanceReported,
    ContributionCorrected,
    ContributionDue,
    ContributionPaid,
    ContributionReversed,
    CoverageReported,
    DigitalChannelUsed,
    EmployerRegistered,
    Fact,
    fact_type,
)
from schemas.rulebook import Measure
from schemas.topics import CONTRIBUTIONS, COVERAGE
from services.scoring.domain.measure import LedgerFact, ledger_fact

ANA, BUDI = "JKT-1", "MKS-2"
CITY = "75.71"
SAID = datetime(2025, 6, 1, tzinfo=UTC)
_NOW = datetime(2027, 1, 1, tzinfo=UTC)


def document(data: Any, id_: str, time: datetime = SAID, publisher: str = "sipp") -> bytes:
    """Return a fact's canonical document, as the gate for facts writes it."""
    region = getattr(data, "as_of", None) is not None and data.employer is None
    headers = {
        "specversion": "1.0", "id": id_, "source": f"/bpjs/{publisher}", "type": fact_type(type(data)),
        "time": time.isoformat(),
    }  # fmt: skip
    said = [("content-type", b"application/json"), *((f"ce_{name}", text.encode()) for name, text in headers.items())]
    key = data.region if region else data.employer
    return read_fact(COVERAGE if region else CONTRIBUTIONS, key.encode(), json.encode(data), said, _NOW).document


def fact(data: Fact, id_: str, time: datetime = SAID, publisher: str = "sipp") -> LedgerFact:
    return ledger_fact(document(data, id_, time, publisher))


def day(text: str) -> date:
    return date.fromisoformat(text)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def registered(employer: str = ANA, since: str = "2025-01", id_: str = "", **also: Any) -> LedgerFact:
    data = EmployerRegistered(employer=employer, size_class="large", region=CITY, obliged_from=since,
                              revision=also.pop("revision", 1))  # fmt: skip
    also.setdefault("time", at("2025-01-02"))  # known before any cut-off
    return fact(data, id_ or f"reg-{employer}", **also)


def owed(month: str, amount: int = 100, id_: str = "", employer: str = ANA, **also: Any) -> LedgerFact:
    return fact(ContributionDue(employer=employer, month=month, amount=amount), id_ or f"due-{month}", **also)


def paid(
    month: str, on: str, amount: int = 100, id_: str = "", employer: str = ANA, bank: str = "", **also: Any
) -> LedgerFact:
    name = id_ or f"pay-{month}"
    data = ContributionPaid(
        employer=employer, month=month, amount=amount, paid_on=day(on), bank_reference=bank or f"BANK-{name}"
    )
    also.setdefault("time", max(SAID, at(on)))
    return fact(data, name, **also)


def corrected(
    corrects: str, month: str, revision: int = 1, id_: str = "", employer: str = ANA, on: str = "", **also: Any
) -> LedgerFact:
    fields = {name: also.pop(name) for name in ("amount", "bank_reference") if name in also}
    data = ContributionCorrected(
        employer=employer, month=month, corrects=corrects, revision=revision, paid_on=day(on) if on else None, **fields
    )
    return fact(data, id_ or f"fix-{corrects}-{revision}", **also)


def taken_back(reverses: str, month: str, id_: str = "", employer: str = ANA, **also: Any) -> LedgerFact:
    return fact(
        ContributionReversed(employer=employer, month=month, reverses=reverses), id_ or f"rev-{reverses}", **also
    )


def covered(as_of: str, figures: tuple[int, int, int, int], id_: str, **also: Any) -> LedgerFact:
    """Say wage workers covered and in all, then others covered and in all."""
    whom = {name: also.pop(name) for name in ("region", "employer", "revision") if name in also}
    if not {"region", "employer"} & whom.keys():
        whom["region"] = CITY
    wage, wages, other, others = figures
    data = CoverageReported(
        as_of=day(as_of), wage_workers_covered=wage, wage_workers_total=wages, non_wage_workers_covered=other,
        non_wage_workers_total=others, **whom,
    )  # fmt: skip
    also.setdefault("time", max(SAID, at(as_of)))
    return fact(data, id_, **also)


def helped(as_of: str, assisted: int, id_: str, **also: Any) -> LedgerFact:
    said = {
        name: also.pop(name)
        for name in ("region", "employer", "revision", "vulnerable_workers_total", "non_wage_workers_assisted")
        if name in also
    }
    if not {"region", "employer"} & said.keys():
        said["region"] = CITY
    also.setdefault("time", max(SAID, at(as_of)))
    return fact(AssistanceReported(as_of=day(as_of), vulnerable_workers_assisted=assisted, **said), id_, **also)


def channels(month: str, digital: int, total: int, id_: str = "", revision: int = 1, **also: Any) -> LedgerFact:
    data = DigitalChannelUsed(
        employer=ANA, month=month, transactions=total, digital_transactions=digital, revision=revision
    )
    also.setdefault("time", max(SAID, at(f"{month}-28")))
    return fact(data, id_ or f"digital-{month}-{revision}", **also)


def measure(numerator: str = "compliance-points", denominator: str = "obliged-months", **changed: Any) -> Measure:
    """Return a measure of 2025's first months, up to April: due on the 15th of the next month."""
    said: dict[str, Any] = {
        "code": "ukuran",
        "title": {"id": "Ukuran", "en": "Measure"},
        "numerator": numerator,
        "denominator": denominator,
        "cut_off": "2025-05-31",
        "points": {"in_time": "1", "late": "0.5", "partly": "0.25", "unpaid": "0"},
        "due": {"day": 15, "on_rest_day": "stays", "holidays": []},
        **changed,
    }
    return Measure.model_validate({name: value for name, value in said.items() if value is not None})
