"""Spans of batches are read in portions that one query can count."""

from __future__ import annotations

from services.scoring.ledger_reads import portions


def test_spans_are_cut_into_portions_that_lose_and_double_nothing() -> None:
    spans = [("a", 1, 6), ("b", 3, 3), ("c", 2, 4), ("d", 1, 2)]
    assert list(portions(spans, 3)) == [[("a", 1, 4)], [("a", 4, 6), ("c", 2, 3)], [("c", 3, 4), ("d", 1, 2)]]
    assert list(portions(spans, 100)) == [[("a", 1, 6), ("c", 2, 4), ("d", 1, 2)]]
    assert list(portions([("b", 3, 3)], 3)) == []
