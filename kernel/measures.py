"""What a log tells about itself: how far each handler is, what waits, how often commands collided."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


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
