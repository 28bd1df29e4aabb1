"""Looks at everything in turn, at an interval, in the one process that leads; what fails is told and tried again.

What is found goes into the alarms; how far each look is, into measures, which every process shows of itself. The
alarms that stand are counted by every process, from the database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from kernel.broker import AWAY
from kernel.cancellation import end_if_cancelled
from kernel.dead_letters import Letter, Reason
from kernel.inbox import Arrival
from kernel.lead import STORE_AWAY, Lead
from kernel.receiver import Odd
from services.audit.live.alarms import Alarms
from services.audit.live.feeds import Feed
from services.audit.live.signing import Log, Signers
from services.audit.live.topics import Topics
from services.audit.live.tree import Tree

_log = structlog.get_logger("live")


class LiveMeasures:
    """What continuous verification tells about itself, on the registry of the audit service."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register every measure."""

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"paritrana_audit_{name}", text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"paritrana_audit_{name}", text, labels, registry=registry)

        self.alarms = gauge("alarms", "Alarms that stand and that nobody has answered for.", "kind")
        self.looked_at = gauge("looked_seconds", "When everything was looked at last (seconds since 1970).")
        self.failures = counter("look_failures", "Looks that failed, by what was looked at.", "look")
        self.feed_events = gauge("feed_compared_events", "Events of a feed that this process has compared.", "service")
        self.feed_behind = gauge("feed_behind_events", "Events of a feed that have not come by its topics.", "service")
        self.feed_late = gauge("feed_behind_seconds", "Since when the oldest of them has been waited for.", "service")
        self.feed_unfed = gauge("feed_unfed_events", "Events received that the feed has not shown yet.", "service")
        self.feed_rounds = gauge("feed_rounds", "How often all of a feed was compared.", "service")
        self.feed_away = gauge("feed_away", "1 while a feed cannot be read.", "service")
        self.begins = gauge("topic_begins_at", "First offset of a topic; above 0 records were removed.", "topic")
        self.leaves = gauge("tree_compared_leaves", "Leaves that this process has compared with their events.")
        self.tree_rounds = gauge("tree_rounds", "How often all of the tree was compared.")
        self.unsigned = gauge("unsigned_seconds", "How long events have waited for a checkpoint.")


@dataclass(slots=True)
class Watch:
    """Continuous verification of one audit store."""

    feeds: Sequence[Feed]
    topics: Topics
    tree: Tree
    log: Log
    signers: Signers
    alarms: Alarms
    lead: Lead
    measures: LiveMeasures
    seconds: float

    async def run(self) -> None:
        """Look until cancelled, whenever this process leads; count the alarms in any case."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._count_for_ever(), name="alarms")
            group.create_task(self.lead.run(self._look_for_ever), name="look")

    async def _look_for_ever(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(self.seconds)

    async def look(self) -> None:
        """Look at everything once."""
        await self._one("topics", self.topics.look)
        await self._one("log", self.log.look)
        await self._one("signers", self.signers.look)
        for feed in self.feeds:
            await self._one(f"feed of {feed.service}", lambda feed=feed: feed.look(self.topics.read_up_to))  # type: ignore[misc]
        await self._one("tree", self.tree.look)
        self._measure()

    async def _one(self, name: str, look: Callable[[], Awaitable[None]]) -> None:
        try:
            await look()
        except (*AWAY, *STORE_AWAY) as error:
            end_if_cancelled()
            self.measures.failures.labels(name).inc()
            _log.warning("a look failed", look=name, error=repr(error))

    def _measure(self) -> None:
        measures = self.measures
        measures.looked_at.set_to_current_time()
        for feed in self.feeds:
            status = feed.status
            measures.feed_events.labels(feed.service).set(status.compared)
            measures.feed_behind.labels(feed.service).set(status.behind)
            measures.feed_late.labels(feed.service).set(status.late_seconds)
            measures.feed_unfed.labels(feed.service).set(status.unfed)
            measures.feed_rounds.labels(feed.service).set(status.rounds)
            measures.feed_away.labels(feed.service).set(status.away is not None)
        for topic, begins in self.topics.begins.items():
            measures.begins.labels(topic).set(begins)
        measures.leaves.set(self.tree.compared)
        measures.tree_rounds.set(self.tree.rounds)
        measures.unsigned.set(self.signers.unsigned_seconds)

    async def _count_for_ever(self) -> None:
        while True:
            try:
                for kind, count in (await self.alarms.standing()).items():
                    self.measures.alarms.labels(kind).set(count)
            except STORE_AWAY as error:
                end_if_cancelled()
                _log.warning("the alarms are not counted", error=repr(error))
            await asyncio.sleep(self.seconds)


def odd(alarms: Alarms) -> Odd:
    """Return what the receiver tells of forks and of messages that are no events, before it passes them."""

    async def tell(forks: Sequence[Arrival], letters: Sequence[Letter]) -> None:
        await alarms.found("fork", {f"{one.stream}@{one.version}": _lies(one) for one in forks})
        chains = [one for one in letters if one.reason == Reason.WRONG_CHAIN]
        others = [one for one in letters if one.reason != Reason.WRONG_CHAIN]
        await alarms.found("chain", {one.address: one.detail for one in chains})
        await alarms.found("stranger", {one.address: f"{one.reason}: {one.detail}" for one in others})

    return tell


def _lies(one: Arrival) -> str:
    return f"{one.topic}/{one.partition}/{one.offset} has another event, of the hash {one.hash.hex()}"
