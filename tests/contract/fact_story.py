"""Golden examples of facts, as a publisher's program of the day sends them: written once, decoded for ever.

`python -m tests.contract.fact_story` writes what is missing and touches nothing else: a committed example is what a
program somewhere sends today, and it must be taken tomorrow, with the same canonical document. A new field or another
way to write a fact is a new line at the end.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from schemas.fact_contract import EXAMPLES, ROOT, fact_name
from schemas.fact_reading import ReadFact, read_fact
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
from schemas.topics import CONTRIBUTIONS, COVERAGE

NOW: Final = datetime(2021, 12, 31, tzinfo=UTC)


@dataclass(frozen=True)
class Line:
    """One fact of the story; `what` is the last part of its file's name."""

    model: type[Fact]
    what: str
    id: str
    time: str
    data: dict[str, Any]
    topic: str = CONTRIBUTIONS


_E: Final = {"employer": "12345678"}
_MARCH: Final = {**_E, "month": "2021-03"}
_COVERED: Final = {
    "wage_workers_covered": 41_250, "wage_workers_total": 55_000,
    "non_wage_workers_covered": 18_400, "non_wage_workers_total": 92_000,
}  # fmt: skip

LINES: Final = (
    Line(EmployerRegistered, "first", "reg-12345678", "2021-01-04T08:15:00+07:00",
         {**_E, "size_class": "medium", "region": "75.71", "obliged_from": "2021-01"}),
    Line(EmployerRegistered, "moved", "reg-12345678.2", "2021-06-01T00:00:00Z",
         {**_E, "size_class": "large", "region": "75", "obliged_from": "2021-01", "revision": 2}),
    Line(ContributionDue, "month", "due-12345678-2021-03", "2021-04-01T00:00:00.000001+07:00",
         {**_MARCH, "amount": 1_500_000}),
    Line(ContributionDue, "nothing", "due-12345678-2021-04", "2021-05-01T00:00:00+09:00",
         {**_E, "month": "2021-04", "amount": 0}),
    Line(ContributionPaid, "part", "pay-0001", "2021-04-13T09:30:00+07:00",
         {**_MARCH, "amount": 1_000_000, "paid_on": "2021-04-13", "bank_reference": "BNI/2021/000123"}),
    Line(ContributionPaid, "rest", "SIPP:pay_0002", "2021-04-14T02:30:00.5Z",
         {**_MARCH, "amount": 500_000, "paid_on": "2021-04-14", "bank_reference": "BNI/2021/000124"}),
    Line(ContributionPaid, "ahead", "pay-0003", "2021-04-14T02:31:00Z",
         {"employer": "A-1.2", "month": "2022-04", "amount": 10**15, "paid_on": "2021-04-14",
          "bank_reference": "a:b_c-9"}),
    Line(ContributionCorrected, "amount", "fix-0001", "2021-04-20T10:00:00+08:00",
         {**_MARCH, "corrects": "due-12345678-2021-03", "revision": 1, "amount": 1_450_000}),
    Line(ContributionCorrected, "payment", "fix-0002", "2021-04-20T10:00:01+08:00",
         {**_MARCH, "corrects": "pay-0001", "revision": 2, "amount": 950_000, "paid_on": "2021-04-12",
          "bank_reference": "BNI/2021/000125"}),
    Line(ContributionCorrected, "month", "fix-0003", "2021-04-20T10:00:02+08:00",
         {**_E, "month": "2021-02", "corrects": "pay-0001", "revision": 3, "amount": None, "paid_on": None,
          "bank_reference": None}),
    Line(ContributionReversed, "payment", "rev-0001", "2021-04-21T10:00:00+07:00", {**_MARCH, "reverses": "pay-0002"}),
    Line(CoverageReported, "region", "cov-75.71-2021-06", "2021-07-01T07:00:00+08:00",
         {"as_of": "2021-06-30", **_COVERED, "region": "75.71"}, COVERAGE),
    Line(CoverageReported, "employer", "cov-12345678-2021-06", "2021-07-01T07:00:00+07:00",
         {"as_of": "2021-06-30", **_COVERED, **_E, "revision": 2}),
    Line(AssistanceReported, "region", "aid-75-2021-06", "2021-07-01T07:00:00+08:00",
         {"as_of": "2021-06-30", "vulnerable_workers_assisted": 1_200, "vulnerable_workers_total": 9_600,
          "non_wage_workers_assisted": 300, "region": "75"}, COVERAGE),
    Line(AssistanceReported, "employer", "aid-12345678-2021-06", "2021-07-01T07:00:00+07:00",
         {"as_of": "2021-06-30", "vulnerable_workers_assisted": 40, **_E, "revision": 3}),
    Line(DigitalChannelUsed, "month", "dig-12345678-2021-03", "2021-04-01T07:00:00+07:00",
         {**_MARCH, "transactions": 12, "digital_transactions": 9}),
    Line(DigitalChannelUsed, "again", "dig-12345678-2021-03.2", "2021-05-01T07:00:00+07:00",
         {**_MARCH, "transactions": 12, "digital_transactions": 12, "revision": 1_000_000}),
)  # fmt: skip


def named_records() -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield each line in each mode with its file: topic, key, headers and value of the record."""
    for line in LINES:
        attributes = {
            "specversion": "1.0", "id": line.id, "source": "/bpjs/sipp", "type": fact_type(line.model),
            "time": line.time,
        }  # fmt: skip
        record = {"topic": line.topic, "key": line.data["region" if line.topic == COVERAGE else "employer"]}
        name = f"{fact_name(line.model)}.{line.what}.json"
        headers = {"content-type": "application/json", **{f"ce_{key}": text for key, text in attributes.items()}}
        yield EXAMPLES / "binary" / name, {**record, "headers": headers, "value": line.data}
        headers = {"content-type": "application/cloudevents+json; charset=UTF-8"}
        value = {**attributes, "datacontenttype": "application/json", "data": line.data}
        yield EXAMPLES / "structured" / name, {**record, "headers": headers, "value": value}


def read_record(record: dict[str, Any]) -> ReadFact:
    """Return the fact that an example's record is. Raises Refused."""
    value = json.dumps(record["value"], ensure_ascii=False, separators=(",", ":")).encode()
    headers = [(name, text.encode()) for name, text in record["headers"].items()]
    return read_fact(record["topic"], record["key"].encode(), value, headers, NOW)


def write_missing() -> list[Path]:
    """Write the examples that are missing, each with the canonical document that it is kept as, and return them."""
    missing = [(path, record) for path, record in named_records() if not path.exists()]
    for path, record in missing:
        path.parent.mkdir(parents=True, exist_ok=True)
        whole = {**record, "document": read_record(record).document.decode()}
        path.write_text(json.dumps(whole, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return [path for path, _ in missing]


if __name__ == "__main__":
    for written in write_missing():
        print(f"written: {written.relative_to(ROOT.parent)}")  # noqa: T201 - its whole output
