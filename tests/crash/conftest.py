"""Two services on the run's broker and database, for schedules that force one interleaving."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from schemas.topics import AUDIT, NOMINATION
from tests.conftest import DatabaseFactory, TopicFactory
from tests.crash.two_logs import TwoLogs, side
from tests.support.delivery import wire_for


@pytest_asyncio.fixture
async def two_logs(
    database: DatabaseFactory, kafka_bootstrap: str, topic_prefix: str, make_topic: TopicFactory
) -> AsyncIterator[TwoLogs]:
    """Nomination's log, and audit's, which receives it."""
    topic = await make_topic(NOMINATION, 2)
    await make_topic(NOMINATION + ".dead-letter", 1)
    await make_topic(AUDIT, 1)
    sender = await side(database, kafka_bootstrap, wire_for("nomination", topic_prefix))
    copy = await side(database, kafka_bootstrap, wire_for("audit", topic_prefix), (topic,))
    yield TwoLogs(sender, copy)
    for each in (sender, copy):
        await each.broker.close()
        await each.pool.close()
