"""The embedded stack starts, survives `kill -9` of its stores, keeps what was acknowledged, leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from deploy.local.child import StackError
from deploy.local.control import Control, NotRunning
from deploy.local.mail_sink import stored_messages
from deploy.local.ports import free_ports, is_free
from deploy.local.provision import provision_databases, provision_topics
from deploy.local.settings import PORTS, StackOptions, environment_of
from deploy.local.supervisor import Stack
from schemas.topics import AUDIT, SERVICES
from tests.support.stack import remove_folder, say, temporary_folder

pytestmark = pytest.mark.timeout(400, func_only=False)


@pytest.fixture
def options() -> Iterator[StackOptions]:
    """A stack of its own, without services: broker, database and mail sink."""
    folder = temporary_folder()
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    yield StackOptions(data=folder / "data", ports=ports, clock="test", mail_sink=True, services=())
    remove_folder(folder)


async def test_stores_come_back_after_a_kill_with_all_that_was_acknowledged(options: StackOptions) -> None:
    lines: list[str] = []
    async with Stack(options, say=lines.append) as stack:
        assert set(stack.pids()) == {"postgresql", "kafka", "mail-sink"}
        await _commit(stack.admin_url, 1)
        await _publish(stack.bootstrap_servers, b"1")
        for name in ("postgresql", "kafka", "mail-sink"):
            before = stack.pids()[name]
            stack.kill(name)
            await stack.ready(name)
            assert stack.pids()[name] != before
        await _commit(stack.admin_url, 2)
        await _publish(stack.bootstrap_servers, b"2")
        assert await _committed(stack.admin_url) == [1, 2]
        assert await _published(stack.bootstrap_servers) == [b"1", b"2"]
        assert [part["restarts"] for part in stack.status()["parts"]] == [1, 1, 1]
        assert any("postgresql ended (signal SIGKILL)" in line for line in lines)
        await _speaks_to_its_owner_alone(stack, options)
        left = list(stack.pids().values())
    _nothing_is_left(left, options)
    await _starts_again_with_what_it_had(options)


async def _speaks_to_its_owner_alone(stack: Stack, options: StackOptions) -> None:
    with pytest.raises(StackError, match="is in use by process"):
        await Stack(options).start()
    control = Control(options.data)
    assert (await control.status())["ready"]
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert datetime.fromisoformat(await control.set_clock(tomorrow)) >= tomorrow
    with pytest.raises(StackError, match="cannot go back"):
        await control.set_clock(tomorrow - timedelta(hours=1))
    with pytest.raises(StackError, match="no instant"):
        await control.set_clock("tomorrow")
    with pytest.raises(StackError, match="too late a year"):
        await control.set_clock("9999-12-31T23:59:59Z")
    secret = options.data / "secrets" / "control"
    kept = secret.read_text()
    secret.write_text("another")
    with pytest.raises(StackError, match="secret is wrong"):
        await control.stop()
    secret.write_text(kept)
    assert not stack.stop_requested.is_set()
    assert oct(secret.stat().st_mode & 0o777) == "0o600"
    for part in ("keys", "secrets", "log", "mail", "kafka", "postgresql/cluster"):
        assert oct((options.data / part).stat().st_mode & 0o777) == "0o700", part


async def _starts_again_with_what_it_had(options: StackOptions) -> None:
    secrets = {path.name: path.read_text() for path in (options.data / "secrets").iterdir()}
    async with Stack(options) as stack:
        assert await _committed(stack.admin_url) == [1, 2]
        assert await _published(stack.bootstrap_servers) == [b"1", b"2"]
        assert {path.name: path.read_text() for path in (options.data / "secrets").iterdir()} == secrets
        assert await provision_topics(stack.bootstrap_servers) == ()
        again = await provision_databases(stack.admin_url, options.data / "secrets")
        assert set(again) == set(SERVICES)
        assert stack.clock_file is not None
        assert datetime.fromisoformat(stack.status()["clock"]["now"]) > datetime.now(UTC) + timedelta(hours=23)
    with pytest.raises(NotRunning, match="paritrana up"):
        await Control(options.data).status()


def _nothing_is_left(pids: list[int], options: StackOptions) -> None:
    assert not [pid for pid in pids if psutil.pid_exists(pid)]
    assert not [port for port in options.ports.values() if not is_free(port)]


async def _commit(url: str, value: int) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("CREATE TABLE IF NOT EXISTS kept (value int)")
        await connection.execute("INSERT INTO kept VALUES ($1)", value)
    finally:
        await connection.close()


async def _committed(url: str) -> list[int]:
    connection = await asyncpg.connect(url)
    try:
        return [record["value"] for record in await connection.fetch("SELECT value FROM kept ORDER BY value")]
    finally:
        await connection.close()


async def _publish(servers: str, value: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=servers, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        await producer.send_and_wait(AUDIT, value, partition=0)
    finally:
        await producer.stop()


async def _published(servers: str) -> list[bytes]:
    consumer = AIOKafkaConsumer(bootstrap_servers=servers, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partition = TopicPartition(AUDIT, 0)
        consumer.assign([partition])
        end = (await consumer.end_offsets([partition]))[partition]
        found = []
        while await consumer.position(partition) < end:
            found.append((await consumer.getone()).value)
        return found
    finally:
        await consumer.stop()


_RUN = """
import asyncio, json, sys
from deploy.local.settings import StackOptions
from deploy.local.supervisor import run_until_stopped
from pathlib import Path
given = json.loads(sys.argv[1])
options = StackOptions(data=Path(given["data"]), ports=given["ports"], mail_sink=True, services=())
asyncio.run(run_until_stopped(options, lambda line: None, lambda stack: print(json.dumps(stack.pids()), flush=True)))
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_nothing_outlives_the_supervisor(options: StackOptions, how: signal.Signals) -> None:
    given = json.dumps({"data": str(options.data), "ports": dict(options.ports)})
    with subprocess.Popen([sys.executable, "-c", _RUN, given], stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        pids = json.loads(supervisor.stdout.readline())
        assert len(pids) == 3
        supervisor.send_signal(how)
        code = supervisor.wait(60)
    assert code == (0 if how is signal.SIGINT else -signal.SIGKILL)
    deadline = time.monotonic() + 30
    while any(psutil.pid_exists(pid) for pid in pids.values()) and time.monotonic() < deadline:
        time.sleep(0.05)
    _nothing_is_left(list(pids.values()), options)


def _up(options: StackOptions, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli.main", "up"],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment_of(options), "PARITRANA_WAIT_SECONDS": "1", **settings},
    )


def _is_one_clear_line(result: subprocess.CompletedProcess[str], *words: str) -> None:
    lines = result.stderr.splitlines()
    say(result.stderr)
    assert result.returncode == 2
    assert len(lines) == 1
    assert all(word in lines[0] for word in words)


def test_a_port_in_use_is_one_line_that_names_it_and_its_setting(options: StackOptions) -> None:
    import socket  # noqa: PLC0415 - only here

    with closing(socket.create_server(("127.0.0.1", options.ports["kafka"]))):
        result = _up(options)
    _is_one_clear_line(result, str(options.ports["kafka"]), "PARITRANA_KAFKA_PORT")


def test_a_missing_database_is_one_line_after_a_bounded_wait(options: StackOptions) -> None:
    url = f"postgresql://admin:secret-word@127.0.0.1:{options.ports['postgresql']}/postgres"
    result = _up(options, DATABASE_URL=url, KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
    _is_one_clear_line(result, f"127.0.0.1:{options.ports['postgresql']}", "DATABASE_URL")
    assert "secret-word" not in result.stderr + result.stdout


def test_a_missing_broker_is_one_line_after_a_bounded_wait(options: StackOptions, postgres_admin_url: str) -> None:
    servers = f"127.0.0.1:{options.ports['kafka']}"
    result = _up(options, DATABASE_URL=postgres_admin_url, KAFKA_BOOTSTRAP_SERVERS=servers)
    _is_one_clear_line(result, servers, "KAFKA_BOOTSTRAP_SERVERS")


@pytest.mark.parametrize(("setting", "value"), [("PARITRANA_KAFKA_PORT", "many"), ("PARITRANA_CLOCK", "mine")])
def test_a_malformed_setting_is_one_line_that_names_it(options: StackOptions, setting: str, value: str) -> None:
    _is_one_clear_line(_up(options, **{setting: value}), setting, value)


def test_the_mail_sink_keeps_every_message_and_hides_no_double(tmp_path: Path) -> None:
    port, mail = free_ports(1)[0], tmp_path / "mail"
    sink = subprocess.Popen([sys.executable, "-m", "deploy.local.mail_sink", str(mail), str(port)])
    try:
        _send_three(port)
    finally:
        sink.terminate()
        sink.wait(10)
    assert sorted(path.name for path in mail.glob("*.eml")) == ["a@x.test.2.eml", "a@x.test.eml", "b@x.test.eml"]
    assert {str(message["X-Envelope-To"]) for message in stored_messages(mail)} == {"to@x.test"}


def _send_three(port: int) -> None:
    import smtplib  # noqa: PLC0415 - only here

    deadline = time.monotonic() + 20
    while is_free(port) and time.monotonic() < deadline:
        time.sleep(0.02)
    with smtplib.SMTP("127.0.0.1", port) as server:
        for message_id in ("a", "a", "b"):
            server.sendmail("from@x.test", ["to@x.test"], f"Message-ID: <{message_id}@x.test>\r\n\r\nHalo\r\n")
