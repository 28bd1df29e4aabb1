"""Every topic of the system: its one owner, its retention, its key.

A stream's name tells its topic, and a topic has one service that may write to it; the relay, the receiver, the
provisioning and the AsyncAPI documents all read this table, so none of them can disagree.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

FOR_EVER: Final = -1
DAY_MS: Final = 86_400_000
DEAD_LETTER_DAYS: Final = 90


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic: `owner` is the only writer, `streams` the first segments of the stream names it carries."""

    name: str
    owner: str
    partitions: int
    retention_ms: int
    key: str
    readers: str
    streams: tuple[str, ...] = ()


NOMINATION: Final = "paritrana.nomination.v1"
SCORING: Final = "paritrana.scoring.v1"
SCORES: Final = "paritrana.scores.v1"
NOTIFICATIONS: Final = "paritrana.notifications.v1"
IDENTITY: Final = "paritrana.identity.v1"
AUDIT: Final = "paritrana.audit.v1"
LOG: Final = "paritrana.log.v1"
CONTRIBUTIONS: Final = "bpjs.contributions.v1"
COVERAGE: Final = "bpjs.coverage.v1"

SERVICES: Final = ("identity", "nomination", "scoring", "notifications", "audit")

# `service/<name>` and `refusal/<service>/…` streams live in the topic of the service they name: its first one here.
EVENT_TOPICS: Final = (
    Topic(
        NOMINATION, "nomination", 4, FOR_EVER, "stream", "all services",
        ("season", "committee", "nomination", "interview", "plenary", "appeal", "award"),
    ),
    Topic(
        SCORING, "scoring", 4, FOR_EVER, "stream", "all services",
        ("ranking", "indicator", "ingest", "repair", "report"),
    ),
    Topic(SCORES, "scoring", 4, FOR_EVER, "stream", "scoring and audit", ("sheet",)),
    Topic(NOTIFICATIONS, "notifications", 2, FOR_EVER, "stream", "all services", ("delivery",)),
    Topic(IDENTITY, "identity", 1, FOR_EVER, "stream", "all services", ("account",)),
    Topic(AUDIT, "audit", 1, FOR_EVER, "stream", "all services", ()),
)  # fmt: skip

LOG_TOPIC: Final = Topic(LOG, "audit", 1, FOR_EVER, "none", "audit")
"""The order in which events follow one another in the audit's log; it holds no events itself."""

FACT_TOPICS: Final = (
    Topic(CONTRIBUTIONS, "publishers", 12, 730 * DAY_MS, "employer number (NPP)", "scoring"),
    Topic(COVERAGE, "publishers", 4, 730 * DAY_MS, "region code", "scoring"),
)

OF_FACTS: Final = tuple(topic.name for topic in FACT_TOPICS)
"""The names of the topics that other systems write facts to."""


SANDBOX: Final = ".sandbox"
SANDBOX_TOPICS: Final = tuple(
    Topic(f"{topic.name}{SANDBOX}", topic.owner, 2, 7 * DAY_MS, topic.key, topic.readers) for topic in FACT_TOPICS
)
"""Where other systems try what they send: judged and told, and of no effect."""
OF_SANDBOX: Final = tuple(topic.name for topic in SANDBOX_TOPICS)


def facts_of(systems: Collection[str] | None) -> list[str]:
    """Return the topics of facts that publishing systems write to: each named as the topic, with or without version.

    None stands for every system.
    """
    return [name for name in OF_FACTS if systems is None or name in systems or name.rpartition(".")[0] in systems]


def _dead_letters(topic: Topic) -> Topic:
    return Topic(f"{topic.name}.dead-letter", "receivers", 1, DEAD_LETTER_DAYS * DAY_MS, "as received", "operators")


TOPICS: Final = (
    *EVENT_TOPICS,
    LOG_TOPIC,
    *FACT_TOPICS,
    *SANDBOX_TOPICS,
    *(_dead_letters(topic) for topic in (*EVENT_TOPICS, *FACT_TOPICS)),
)

_BY_STREAM: Final = {segment: topic for topic in EVENT_TOPICS for segment in topic.streams}
_BY_SERVICE: Final = {service: next(topic for topic in EVENT_TOPICS if topic.owner == service) for service in SERVICES}


def topic_of(stream: str) -> str:
    """Return the name of the one topic that `stream` lives in; raise ValueError for a name of no known kind."""
    kind, _, rest = stream.partition("/")
    if kind in _BY_STREAM and rest:
        return _BY_STREAM[kind].name
    if kind in ("service", "refusal"):
        owner = rest.partition("/")[0]
        if owner in _BY_SERVICE:
            return _BY_SERVICE[owner].name
    raise ValueError(f"the stream {stream!r} belongs to no topic")


def topics_of(service: str) -> tuple[str, ...]:
    """Return the names of the event topics that `service` owns."""
    return tuple(topic.name for topic in EVENT_TOPICS if topic.owner == service)


def streams_of(service: str) -> tuple[str, ...]:
    """Return how the names of a service's streams begin, up to a slash or their end, in order."""
    kinds = [kind for topic in EVENT_TOPICS if topic.owner == service for kind in topic.streams]
    return tuple(sorted((*kinds, f"refusal/{service}", f"service/{service}")))


def source_of(service: str) -> str:
    """Return the CloudEvents `source` of a service's events: a URI reference."""
    return f"/paritrana/{service}"
