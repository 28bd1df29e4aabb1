"""What a log and its ingest tell about themselves: how far each is, what waits, what was refused, what collided."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class LogMeasures:
    """The measures of one service's log, on the registry that its `/metrics` shows."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the measures."""
        self._folded = Counter(
            "paritrana_folded_events", "Events that a handler has passed.", ("handler",), registry=registry
        )
        self._stalled = Gauge(
            "paritrana_stalled_streams",
            "Streams that a handler cannot read further; above 0 somebody must act.",
            ("handler",),
            registry=registry,
        )
        self._failures = Counter(
            "paritrana_handler_failures",
            "Failures of a handler, each followed by a new beginning at its checkpoint.",
            ("handler",),
            registry=registry,
        )
        self.conflicts = Counter(
            "paritrana_command_conflicts", "Decisions taken anew because a stream had moved.", registry=registry
        )
        self.gate_age = Gauge(
            "paritrana_log_gate_age_seconds",
            "Age of the oldest writer of the database instance; every reader of the log waits for it.",
            registry=registry,
        )

    def folded(self, handler: str, count: int) -> None:
        """Count events that a handler has passed."""
        self._folded.labels(handler).inc(count)

    def failed(self, handler: str) -> None:
        """Count a failure of a handler."""
        self._failures.labels(handler).inc()

    def stalled(self, handler: str, count: int) -> None:
        """Show how many streams a handler waits on."""
        self._stalled.labels(handler).set(count)


class IngestMeasures:
    """What ingest counts, on the registry of its process.

    What has happened never should be told as 0 from the start (`begin`): of a series that comes into being with its
    first event no increase is seen, and an alarm on it stays silent the first time.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register every measure."""

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"paritrana_ingest_{name}", text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"paritrana_ingest_{name}", text, labels, registry=registry)

        self.applied = counter("applied_facts", "Facts that went into the ledger.", "topic")
        self.duplicates = counter("duplicate_facts", "Facts that were there already.", "topic")
        self.refused = counter("refused_messages", "Messages that are no facts.", "topic", "reason", "publisher")
        self.batches = counter("batches", "Committed batches of one partition.", "topic")
        self.failures = counter("failures", "Batches that failed and were read again.", "kind")
        self.rewound = counter("rewinds", "Partitions read again from the earliest offset.", "topic", "reason")
        self.lost = counter("expired_records", "Records that the topic dropped before they were read.", "topic")
        self.lag = gauge("lag_records", "Records not yet taken.", "topic", "partition")
        self.oldest = gauge("oldest_seconds", "Age of the oldest record that is not taken.", "topic")
        self.assigned = gauge("assigned_partitions", "Partitions that this consumer has.")
        self.paused = gauge("paused", "1 while operators paused the topic.", "topic")
        self.batch_records = gauge("batch_limit_records", "Records that are taken at once at most.")
        self.seconds = Histogram(
            "paritrana_ingest_commit_seconds",
            "Seconds that a transaction of batches took.",
            buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
            registry=registry,
        )

    def begin(self, topics: Iterable[str], rewinds: Iterable[str], failures: Iterable[str]) -> None:
        """Let the series stand whose labels are known: by topic, why one is read anew, and what a batch fails by."""
        for topic in topics:
            for counted in (self.applied, self.duplicates, self.batches, self.lost):
                counted.labels(topic)
            for reason in rewinds:
                self.rewound.labels(topic, reason)
        for kind in failures:
            self.failures.labels(kind)
