"""Whom batches are about is found in the same way whether few candidates are followed or very many."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any, cast

import asyncpg
import pytest

from services.scoring import measuring
from services.scoring.ledger import first_day
from services.scoring.measuring import Measuring, Watched
from tests.support.ledger import pool, urls

__all__ = ["pool", "urls"]

MARCH = "2021-03"
BEFORE, NOW = 1, 2
"""A batch that was measured, and the one that is looked at."""
FACTS = (
    # batch, id, whom it is about, what it corrects
    (BEFORE, "a-1", "A", None),
    (BEFORE, "b-2", "B", "d-9"),
    (BEFORE, "c-1", "C", None),
    (BEFORE, "e-1", "E", "nothing"),
    (NOW, "a-2", "A", None),
    (NOW, "c-2", "F", "c-1"),
    (NOW, "d-9", "D", None),
)


async def _plant(pool: asyncpg.Pool, facts: Any) -> None:
    await pool.execute("select ensure_month($1)", date(2021, 3, 1))
    await pool.executemany(
        "insert into facts (month, kafka_offset, batch, place, publisher, id, kind, subject, target, document)"
        " values ($1, $2, $3, 1, 'sipp', $4, 'ContributionPaid', $5, $6, '{}')",
        [(first_day(MARCH), number, *fact[:1], *fact[1:]) for number, fact in enumerate(facts)],
    )


@pytest.mark.parametrize(("many", "few"), [(500, 2_000), (0, 2_000), (0, 0)], ids=["few", "many", "many-in-bulk"])
async def test_whom_a_batch_is_about_is_found_in_every_way(
    pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch, many: int, few: int
) -> None:
    monkeypatch.setattr(measuring, "_MANY", many)
    monkeypatch.setattr(measuring, "_FEW", few)
    await _plant(pool, FACTS)
    watched = {name: Watched(name, "2021", "75", "BESAR", "employer", name) for name in "ABCDE"}
    known = measuring._Known(watched, {1: NOW}, {})
    said = SimpleNamespace(months=(MARCH,), applied=3)
    asked = measuring._Round(batches=[(1, NOW, cast("Any", said))])
    found = await Measuring(cast("Any", None))._touched(known, asked, cast("Any", pool))
    assert found == {"A", "B", "C", "D"}, "told of, corrected or waiting: all but E"
