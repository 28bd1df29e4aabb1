"""What ingest has never met is told as 0, so that an alarm on a rise sees the first time too."""

from __future__ import annotations

from typing import Any, cast

from prometheus_client import CollectorRegistry

from kernel.broker import Broker, DeliveryMeasures
from kernel.clock import SystemClock
from kernel.ingest import Ingester
from kernel.measures import IngestMeasures
from schemas.topics import OF_FACTS


def test_every_series_whose_labels_are_known_stands_at_0_from_the_start() -> None:
    registry = CollectorRegistry()
    Ingester[Any, Any](
        topics=OF_FACTS, group="test", executor=cast("Any", None), pool=cast("Any", None),
        broker=Broker("127.0.0.1:9", "test"), clock=SystemClock(), ledger=cast("Any", None),
        measures=IngestMeasures(registry), letters=DeliveryMeasures(registry),
    )  # fmt: skip

    def told(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"paritrana_ingest_{name}", labels)

    for topic in OF_FACTS:
        for name in ("applied_facts_total", "duplicate_facts_total", "batches_total", "expired_records_total"):
            assert told(name, topic=topic) == 0
        for reason in ("new-cluster", "topic-ends-earlier", "another-record"):
            assert told("rewinds_total", topic=topic, reason=reason) == 0
    for kind in ("StreamMoved", "PositionMoved", "TimeoutError", "QueryCanceledError"):
        assert told("failures_total", kind=kind) == 0
