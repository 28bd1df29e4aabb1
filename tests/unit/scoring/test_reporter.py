"""A report that cannot be made is told to those who look after the system, since nobody asks for it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, cast

import asyncpg
import pytest
from prometheus_client import CollectorRegistry, Counter
from structlog.testing import capture_logs

from services.scoring import reports
from services.scoring.reports import Reporter


class _Failing(Reporter):
    async def round(self) -> int:
        raise asyncpg.TransactionTimeoutError("terminating connection due to transaction timeout")


@pytest.mark.parametrize(("seconds", "level"), [(60.0, "warning"), (0.0, "error")])
async def test_a_report_that_fails_for_long_is_an_error(
    monkeypatch: pytest.MonkeyPatch, seconds: float, level: str
) -> None:
    monkeypatch.setattr(reports, "_LONG_SECONDS", seconds)
    monkeypatch.setattr(reports, "_LOOK_SECONDS", 0.01)
    registry = CollectorRegistry()
    counted = Counter("failures", "Failures.", ("kind",), registry=registry)
    with capture_logs() as logs, suppress(TimeoutError):
        await asyncio.wait_for(_Failing(cast("Any", None), counted).run(), 0.2)
    assert (logs[-1]["event"], logs[-1]["log_level"]) == ("reports wait", level)
    assert registry.get_sample_value("failures_total", {"kind": "TransactionTimeoutError"}) == len(logs) > 1
