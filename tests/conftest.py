"""What every test may ask for: a database of its own, a topic of its own, on a real server and a real broker."""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
import pytest_asyncio
import structlog
from hypothesis import HealthCheck, settings

from deploy.local import ports
from tests.support.stack import DatabaseUrls, SharedKafka, SharedPostgres

# The same examples in every run, and none judged by how long it took: the suite passes or fails for what the code does.
settings.register_profile(
    "suite", derandomize=True, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("search", settings.get_profile("suite"), derandomize=False)
settings.load_profile("suite")

DatabaseFactory = Callable[[str], Awaitable[DatabaseUrls]]
TopicFactory = Callable[..., Awaitable[str]]

# Not structlog's own way, which writes every local value out with a traceback: that takes seconds for each.
structlog.configure(processors=[structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer()])


def pytest_configure() -> None:
    """Let each of several workers side by side draw ports of its own."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if worker:
        ports.keep_to(int(worker.removeprefix("gw")), of=int(os.environ["PYTEST_XDIST_WORKER_COUNT"]))


@pytest.fixture(scope="session")
def shared_postgres() -> Iterator[SharedPostgres]:
    """The one database server of the run, or of each worker of it; started when first asked for."""
    server = SharedPostgres()
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def shared_kafka() -> Iterator[SharedKafka]:
    """The one broker of the run, or of each worker of it; started when first asked for."""
    broker = SharedKafka()
    try:
        broker.start()
        yield broker
    finally:
        broker.stop()


@pytest.fixture(scope="session")
def postgres_admin_url(shared_postgres: SharedPostgres) -> str:
    """The administrator's URL of the run's database server."""
    return shared_postgres.admin_url


@pytest.fixture(scope="session")
def kafka_bootstrap(shared_kafka: SharedKafka) -> str:
    """The bootstrap servers of the run's broker."""
    return shared_kafka.bootstrap_servers


@pytest_asyncio.fixture
async def database(shared_postgres: SharedPostgres) -> AsyncIterator[DatabaseFactory]:
    """Make fresh migrated databases: `owner_url, login_url = await database("scoring")`; dropped after the test."""
    made: list[str] = []

    async def make(service: str) -> DatabaseUrls:
        fresh = await shared_postgres.fresh_database(service)
        made.append(fresh.name)
        return DatabaseUrls(fresh.owner_url, fresh.login_url)

    yield make
    for name in made:
        await shared_postgres.drop(name)


@pytest.fixture
def topic_prefix() -> str:
    """A prefix that makes a topic's name, or a consumer group's, unique to the test."""
    return f"test-{secrets.token_hex(4)}."


@pytest.fixture
def make_topic(shared_kafka: SharedKafka, topic_prefix: str) -> TopicFactory:
    """Make a topic of the test's own, kept for ever: `name = await make_topic("scores", partitions=4)`."""

    async def make(suffix: str, partitions: int = 1) -> str:
        return await shared_kafka.make_topic(topic_prefix + suffix, partitions)

    return make
