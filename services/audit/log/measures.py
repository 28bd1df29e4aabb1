"""What the sequencer tells about itself, on the registry of the audit service."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class SequencerMeasures:
    """The measures of one log."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register every measure."""

        def counter(name: str, text: str) -> Counter:
            return Counter(f"paritrana_log_{name}", text, registry=registry)

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"paritrana_log_{name}", text, registry=registry)

        self.size = gauge("leaves", "Events in the log.")
        self.sequenced = counter("sequenced_events", "Events put into the log by this process.")
        self.signed = gauge("signed_leaves", "Events under the newest checkpoint.")
        self.signed_at = gauge("signed_seconds", "When the newest checkpoint was signed (seconds since 1970).")
        self.unsigned = gauge("unsigned_leaves", "Events that wait for a signature which the signer did not give.")
        self.void = counter("void_records", "Records of the log's topic that do not count.")
        self.rewound = counter("rewinds", "How often the topic was read from its beginning.")
        self.begins = gauge("topic_begins_at", "First offset of the log's topic; above 0 records were removed.")
        self.awaiting = gauge("awaits_event", "1 while the log waits for an event for more than 30 s; an alarm.")
        self.forked = gauge("forked", "1 while the topic does not fit the tree or the events; an alarm.")
