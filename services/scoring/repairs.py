"""Repairs of dead letters: what is read of them, and the sender that publishes what two persons agreed to.

Published at least once: the sender takes what is approved and not yet noted as sent, so a fall in between publishes it
twice, and ingest takes it once. A read table that is made anew sends nothing again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg
import structlog

from kernel.broker import AWAY, Broker, Place, Publisher, Record
from kernel.canonical import leaf_hash
from kernel.clock import Clock
from kernel.commands import Executor
from kernel.lead import STORE_AWAY, Lead
from kernel.log import Recorded
from kernel.partition import partition_of
from kernel.process import Background
from kernel.reactor import Table
from kernel.service import Service
from kernel.sql import queries
from schemas.scoring import RepairApproved, RepairProposed
from services.scoring.domain.repair import CONTENT_TYPE, REPAIR, Approved, published, repair_stream
from services.scoring.projections import Json, Row, types_of

SQL: Final = queries(Path(__file__).with_name("fact_reads.sql"))
_IDLE_SECONDS: Final = 1.0
_APPROVED: Final = RepairApproved.type_name()
_log = structlog.get_logger("repairs")


class RepairProjection:
    """Each repair: which message it stands for, what is to be published instead, who proposed it and who agreed."""

    name = "repairs"
    table = Table(
        "repairs",
        (
            "grp", "id", "topic", "partition", "kafka_offset", "publisher", "fact", "leaf", "content_digest",
            "reason_digest", "status", "proposed", "proposed_by", "approved", "approved_by",
        ),
    )  # fmt: skip
    types = types_of(RepairProposed, RepairApproved)

    def groups(self, event: Recorded) -> tuple[str, ...]:
        """Return the repair's stream, each a group of its own, and that of the repair that it replaces."""
        replaced = event.data.get("replaces")
        return (event.stream,) if replaced is None else (event.stream, repair_stream(replaced))

    def initial(self, group: str) -> Json:  # noqa: ARG002 - every repair begins the same
        """Return a repair that nobody proposed."""
        return {}

    def fold(self, state: Json, event: Recorded, group: str) -> Json:
        """Take in the proposal, then the agreement, or that another one was proposed instead."""
        if event.stream != group:
            return state | {"replaced": True}
        who = {"time": event.attributes["time"], "actor": event.attributes["actor"]}
        return state | {"approved": who} if event.type == _APPROVED else {"said": event.data, "proposed": who}

    def rows(self, group: str, state: Json) -> Iterable[Row]:
        """Return the one row of a repair."""
        if "said" not in state:
            return
        said, proposed, approved = state["said"], state["proposed"], state.get("approved", {})
        waiting = "replaced" if state.get("replaced") else "proposed"
        yield (
            group, said["repair"], said["topic"], said["partition"], said["offset"], said["publisher"], said["fact"],
            said["leaf"], said["content_digest"], said["reason_digest"], "approved" if approved else waiting,
            proposed["time"], proposed["actor"], approved.get("time"), approved.get("actor"),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class RepairSender:
    """Publishes approved repairs; the headers say which message each stands for, and who proposed and agreed."""

    pool: asyncpg.Pool[Any]
    broker: Broker
    clock: Clock
    executor: Executor

    async def run(self) -> None:
        """Publish until cancelled; wait where broker or database are away."""
        while True:
            try:
                await self.round()
            except (*AWAY, *STORE_AWAY) as error:
                _log.warning("repairs wait", reason=type(error).__name__)
            await asyncio.sleep(_IDLE_SECONDS)

    async def round(self) -> int:
        """Publish what is approved and not sent; return how many. What has no topic waits until it is provisioned.

        Raises what an absent broker or database raises.
        """
        rows = await self.pool.fetch(SQL["repairs_to_send"])
        if not rows:
            return 0
        partitions = (await self.broker.cluster()).partitions
        there = [row for row in rows if row["topic"] in partitions and await self._is_agreed(row)]
        async with self.broker.publisher() as publisher:
            for row in there:
                await self._send(publisher, row, partitions[row["topic"]])
        return len(there)

    async def _is_agreed(self, row: asyncpg.Record) -> bool:
        """Tell whether the log says so too: whoever could alter the tables alone must not speak for a publisher."""
        state = await self.executor.state(REPAIR, repair_stream(row["id"]))
        agreed = isinstance(state, Approved) and state.proposed.leaf == leaf_hash(row["body"].encode()).hex()
        if not agreed:
            _log.error("a repair is not what two persons agreed to, and is not published", repair=row["id"])
        return agreed

    async def _send(self, publisher: Publisher, row: asyncpg.Record, partitions: int) -> None:
        key, now = row["subject"].encode(), self.clock.now()
        address = f"{row['topic']}/{row['partition']}/{row['kafka_offset']}"
        headers: list[tuple[str, bytes | None]] = [
            CONTENT_TYPE,
            ("repairs", address.encode()),
            ("repaired-by", f"{row['proposed_by']},{row['approved_by']}".encode()),
        ]
        place = Place(row["topic"], partition_of(key, partitions))
        record = Record(key, published(row["body"].encode()), headers)
        (sent,) = await publisher.send(place, [record], int(now.timestamp() * 1000))
        offset = await sent.offset()
        await self.pool.execute(SQL["repair_sent"], row["id"], place.partition, offset, now)
        _log.info("repair published", repair=row["id"], repairs=address, partition=place.partition, offset=offset)


def sending(service: Service) -> list[Background]:
    """Return the sender as work beside the requests, in one process at a time."""

    async def run() -> None:
        sender = RepairSender(service.pool, service.broker, service.clock, service.executor)
        await Lead(service.settings.database_url, f"{service.name}/repairs").run(sender.run)

    return [Background("repairs", run)]
