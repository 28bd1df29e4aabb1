"""What every composition root hands to the kernel in the same way, made from the table of topics: wire and feed."""

from __future__ import annotations

from fastapi import APIRouter

from kernel.broker import Wire
from kernel.feed import feed_router
from schemas.document import fault_of
from schemas.topics import EVENT_TOPICS, source_of, streams_of, topic_of, topics_of

_SOURCES = {topic.name: source_of(topic.owner) for topic in EVENT_TOPICS}


def wire_of(service: str) -> Wire:
    """Return what `service` owns on the broker and how it tells what is whose."""
    return Wire(
        service=service,
        source=source_of(service),
        own_topics=topics_of(service),
        topic_of=topic_of,
        owner_source_of=_SOURCES.__getitem__,
        fault_of=fault_of,
    )


def feed_of(service: str) -> APIRouter:
    """Return the route by which auditors, and the audit service, compare the store of `service` with its topics."""
    return feed_router(streams_of(service), role="auditor", service="audit")
