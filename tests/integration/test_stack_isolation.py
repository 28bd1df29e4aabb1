"""Every test has a database and topics of its own, and a service's login can do little."""

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from tests.conftest import DatabaseFactory, TopicFactory


async def test_a_fresh_database_is_migrated_and_empty(database: DatabaseFactory) -> None:
    first, second = await database("scoring"), await database("scoring")
    assert first.login_url != second.login_url
    connection = await asyncpg.connect(first.login_url)
    try:
        assert await connection.fetchval("SELECT count(*) FROM events") == 0
        assert await connection.fetchval("SHOW transaction_timeout") == "5s"
    finally:
        await connection.close()


async def test_every_role_looks_in_our_schema_only(database: DatabaseFactory) -> None:
    for url in await database("scoring"):
        connection = await asyncpg.connect(url)
        try:
            assert await connection.fetchval("SHOW search_path") == "public, pg_temp"
        finally:
            await connection.close()


async def test_a_login_owns_nothing_and_cannot_read_how_it_was_migrated(database: DatabaseFactory) -> None:
    connection = await asyncpg.connect((await database("scoring")).login_url)
    try:
        owned = await connection.fetchval("SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole")
        assert owned == 0
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch("SELECT * FROM schema_migration")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("CREATE TABLE mine (id int)")
    finally:
        await connection.close()


async def test_a_service_cannot_enter_another_services_database(database: DatabaseFactory) -> None:
    own, other = await database("scoring"), await database("nomination")
    across = own.login_url.rsplit("/", 1)[0] + "/" + other.login_url.rsplit("/", 1)[1]
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(across)


async def test_a_topic_of_its_own_carries_a_message(kafka_bootstrap: str, make_topic: TopicFactory) -> None:
    topic = await make_topic("round-trip", partitions=2)
    producer = AIOKafkaProducer(bootstrap_servers=kafka_bootstrap, acks="all")
    await producer.start()
    try:
        await producer.send_and_wait(topic, b"value", key=b"key")
    finally:
        await producer.stop()
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka_bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        message = await consumer.getone()
    finally:
        await consumer.stop()
    assert (message.key, message.value) == (b"key", b"value")
