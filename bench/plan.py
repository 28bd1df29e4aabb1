"""How much a bench measures: sizes and rounds of a full run and of a quick one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Plan:
    """Sizes in events, `rounds` in turns that count; `peers` tells whether the peers are measured too."""

    rounds: int
    peers: bool
    single: int
    """Commands in one turn of append_single."""
    single_peer: int
    batches: int
    """Batches in one turn of append_batch."""
    relay: int
    sequence: int
    rebuild: int
    rebuild_rounds: int
    rebuild_peer: int
    latency_seconds: float
    latency_rounds: int
    fact_latency_seconds: float
    fact_latency_rounds: int
    ingest: int
    """Facts in one turn of ingest."""
    ingest_rounds: int
    ingest_singly: int
    """Facts in one turn of the peer that takes one message a call."""
    growth: int
    """Facts in the large ledger."""
    growth_turn: int
    growth_rounds: int
    scale: int
    """Facts in the backlog that one and four consumers take."""
    scale_rounds: int
    audit: int
    """Events of the export that is verified and replayed."""
    audit_rounds: int


FULL: Final = Plan(
    rounds=9,
    peers=True,
    single=6_000,
    single_peer=1_600,
    batches=16,
    relay=30_000,
    sequence=30_000,
    rebuild=1_000_000,
    rebuild_rounds=3,
    rebuild_peer=4_000,
    latency_seconds=20.0,
    latency_rounds=3,
    fact_latency_seconds=20.0,
    fact_latency_rounds=3,
    ingest=200_000,
    ingest_rounds=3,
    ingest_singly=3_000,
    growth=10_000_000,
    growth_turn=50_000,
    growth_rounds=3,
    scale=1_000_000,
    scale_rounds=3,
    audit=1_000_000,
    audit_rounds=2,
)
QUICK: Final = Plan(
    rounds=3,
    peers=False,
    single=2_000,
    single_peer=0,
    batches=6,
    relay=8_000,
    sequence=10_000,
    rebuild=100_000,
    rebuild_rounds=3,
    rebuild_peer=0,
    latency_seconds=5.0,
    latency_rounds=3,
    fact_latency_seconds=5.0,
    fact_latency_rounds=1,
    ingest=60_000,
    ingest_rounds=3,
    ingest_singly=0,
    growth=1_000_000,
    growth_turn=20_000,
    growth_rounds=3,
    scale=200_000,
    scale_rounds=1,
    audit=30_000,
    audit_rounds=2,
)
