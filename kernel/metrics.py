"""What a service counts about itself, in the Prometheus text format.

Every application has a registry of its own, so that several may live in one test process. Labels are bounded: routes
are templates, never paths, and unknown methods are one label.
"""

from __future__ import annotations

from typing import Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_LATENCIES: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The registry of one service and the measures that every service has; others register theirs in `registry`."""

    def __init__(self, service: str) -> None:
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        Info("paritrana_service", "Which service this is.", registry=self.registry).info({"service": service})
        self.requests = Counter(
            "paritrana_http_requests",
            "HTTP requests answered, by route template.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "paritrana_http_request_seconds",
            "Seconds from a request's first byte to its answer's last.",
            ("method", "route"),
            buckets=_LATENCIES,
            registry=self.registry,
        )
        self.ready = Gauge(
            "paritrana_ready", "1 when the last readiness check found nothing wrong.", registry=self.registry
        )
        self.task_up = Gauge(
            "paritrana_task_up", "1 while the background task runs.", ("task",), registry=self.registry
        )
        self.task_crashes = Counter(
            "paritrana_task_crashes", "Crashes of a background task.", ("task",), registry=self.registry
        )

    def answered(self, method: str, route: str | None, status: int, seconds: float) -> None:
        """Count one answered request; `route` is None when no route matched."""
        name = method if method in _METHODS else "other"
        template = route or "unmatched"
        self.requests.labels(name, template, str(status)).inc()
        self.seconds.labels(name, template).observe(seconds)

    def render(self) -> bytes:
        """Return everything in the text format, UTF-8."""
        return generate_latest(self.registry)
