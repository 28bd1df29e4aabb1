"""Daily reports to publishers, verified: each day once, each batch and dispute in one report, as the log has them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.envelope import StreamPoint
from schemas.nomination import FigureDisputed
from schemas.scoring import (
    FactsIngested,
    FactsReported,
    MissingFacts,
    RefusedFor,
    RefusedOf,
    RefusedOn,
    ReportedBatches,
    ReportedDispute,
)
from schemas.topics import CONTRIBUTIONS, COVERAGE
from tests.unit.audit.exported import NOMINATION, Log, forged, nominated
from tests.unit.audit.forging import codes, of, said, verified, without

DAY = date(2021, 1, 6)
MIDNIGHT = datetime(2021, 1, 6, 17, tzinfo=UTC)
"""The end of the day in WIB."""
STREAM = f"report/{COVERAGE}"
DISPUTED = StreamPoint(stream=f"nomination/{NOMINATION}", version=2)


def batch(partition: int, number: int, refused: int) -> FactsIngested:
    return FactsIngested(
        topic=COVERAGE, partition=partition, first=10 * number, last=10 * number + 9, records=10, applied=0,
        duplicates=10 - refused, refused=refused, root=hashlib.sha256(b"").hexdigest(),
    )  # fmt: skip


def report(days: int = 0, **told: Any) -> FactsReported:
    counts = dict.fromkeys(("records", "applied", "duplicates", "refused"), 0)
    return FactsReported.model_validate({"topic": COVERAGE, "day": DAY + timedelta(days=days), **counts, **told})


def dispute(topic: str = COVERAGE) -> FactsReported:
    told = ReportedDispute(
        dispute=DISPUTED, season="2020", candidate="75.01", aspect="kinerja", measure="kepatuhan-iuran"
    )
    return report(1, topic=topic, disputed=(told,))


def reported(*late: FactsReported) -> Log:
    """Return two days of reports, and what comes after them."""
    log = Log()
    for service in ("nomination", "scoring"):
        log.open(service)
    log.append(f"nomination/{NOMINATION}", nominated())
    for partition, number, refused in ((0, 1, 2), (0, 2, 0), (3, 1, 1)):
        log.append(f"ingest/{COVERAGE}/{partition}", batch(partition, number, refused))
    log.now = MIDNIGHT
    spans = (ReportedBatches(partition=0, first=1, last=2), ReportedBatches(partition=3, first=1, last=1))
    reasons = (RefusedOf(publisher="kepesertaan", reasons=(RefusedFor(reason="used-id", count=2),)),)
    counts = {"records": 30, "duplicates": 27, "refused": 3}
    days = (RefusedOn(day=DAY, count=2),)
    log.append(STREAM, report(0, batches=spans, publishers=reasons, refused_days=days, **counts))
    log.append(f"ingest/{COVERAGE}/0", batch(0, 3, 0))
    said_so = FigureDisputed(nomination=NOMINATION, aspect="kinerja", measure="kepatuhan-iuran", reason_digest="0" * 64)
    log.append(f"nomination/{NOMINATION}", said_so)
    log.now = MIDNIGHT + timedelta(days=1)
    missing = (MissingFacts(season="2020", employers=1, months=2, unregistered=0),)
    span = (ReportedBatches(partition=0, first=3, last=3),)
    disputed = dispute().disputed
    log.append(STREAM, report(1, batches=span, missing=missing, disputed=disputed, records=10, duplicates=10))
    log.now = MIDNIGHT + timedelta(days=2)
    for event in late:
        log.append(f"report/{event.topic}", event)
    return log


def test_honest_reports_are_found_in_order(tmp_path: Path) -> None:
    assert said(verified(reported(), tmp_path)) == ""


def _with(**changed: Any) -> Callable[[dict[str, Any]], object]:
    return lambda data: data.update(changed)


def _span(first: int, last: int) -> dict[str, Any]:
    return {"batches": [{"partition": 0, "first": first, "last": last}]}


@pytest.mark.parametrize(
    ("version", "change", "sentence"),
    [
        (2, _with(day=DAY.isoformat()), "its day is not after that of the report before it"),
        (2, _with(day="2021-01-08"), "its day had not ended"),
        (2, _with(**_span(2, 3)), "its batches of partition 0 do not go on where those before ended"),
        (2, _with(records=11), "its counts are not those of its batches"),
        (2, _with(refused=1), "its counts are not those of its batches"),
        (1, _with(**_span(1, 3)), "batch 3 of partition 0 was recorded after its day"),
        (1, _with(refused=1), "it gives reasons of more refusals than it counts"),
        (1, _with(refused_days=[]), "it gives days of other refusals than it gives reasons of"),
        (1, _with(refused_days=[{"day": DAY.isoformat(), "count": 1}] * 2), "are not in their order, each once"),
        (2, _with(**_span(3, 4)), "@4"),
        (2, lambda data: data["disputed"][0].update(aspect="kebijakan"), "otherwise than the dispute says"),
        (2, lambda data: data["disputed"][0].update(candidate="75.02"), "otherwise than the dispute says"),
        (2, lambda data: data["disputed"][0].update(season="2021"), "otherwise than the dispute says"),
        (2, lambda data: data["disputed"][0]["dispute"].update(version=1), "is no dispute of a figure"),
    ],
)
def test_what_a_report_cannot_say_is_found(
    version: int, change: Callable[[dict[str, Any]], object], sentence: str, tmp_path: Path
) -> None:
    told = verified(forged(reported(), of("FactsReported", change, STREAM, version)), tmp_path)
    assert sentence in said(told)


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        (report(2), "it tells nothing"),
        (dispute().model_copy(update={"day": DAY + timedelta(days=2)}), "was told before"),
        (dispute(CONTRIBUTIONS), "to those whose facts it is not about"),
        (dispute(CONTRIBUTIONS).model_copy(update={"day": DAY}), "it tells of a dispute of a later day"),
    ],
)
def test_a_report_that_should_not_be_is_found(event: FactsReported, sentence: str, tmp_path: Path) -> None:
    told = verified(reported(event), tmp_path)
    assert "report" in codes(told)
    assert sentence in said(told)


def test_a_report_on_another_stream_and_one_of_no_dispute_are_found(tmp_path: Path) -> None:
    elsewhere = forged(reported(), of("FactsReported", _with(topic=CONTRIBUTIONS), STREAM, 1))
    assert "stream" in codes(verified(elsewhere, tmp_path))
    assert "is not in the export" in said(verified(without(reported(), "FigureDisputed"), tmp_path / "without"))
