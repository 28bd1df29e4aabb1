"""A service as a real process: it starts or says why not in one line, restarts what crashes, drains on SIGTERM."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from deploy.local.ports import free_ports
from kernel.clock import SystemClock
from kernel.http import create_api
from kernel.process import Background, kept, open_pool
from kernel.settings import ServiceSettings, SettingsError, StartFailed, describe
from tests.support.trial import Trial


@pytest.fixture
def trial() -> Iterator[Callable[..., Trial]]:
    made: list[Trial] = []

    def make(**environment: Any) -> Trial:
        made.append(Trial(**environment))
        return made[-1]

    yield make
    for each in made:
        each.stop()


def test_sigterm_lets_the_request_in_flight_finish_and_ends_with_0(trial) -> None:
    service = trial()
    service.wait_ready()
    with socket.create_connection(("127.0.0.1", service.port)) as connection:
        connection.sendall(b"GET /v1/slow HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
        assert service.process.stdout is not None
        while "working" not in service.process.stdout.readline():
            assert service.process.poll() is None
        service.process.send_signal(signal.SIGTERM)
        received = b"".join(iter(lambda: connection.recv(4096), b""))
    assert received.startswith(b"HTTP/1.1 200")
    assert received.endswith(b'"done"')
    code, out, err = service.ends()
    assert (code, err) == (0, "")
    assert "closed" in out
    lines = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    assert {"stopping", "stopped"} <= {line["event"] for line in lines}
    assert {line["service"] for line in lines} == {"trial"}


def test_ten_megabytes_get_their_answer_and_the_service_goes_on(trial) -> None:
    service = trial()
    service.wait_ready()
    for content in (b" " * 10_000_000, iter([b" " * 100_000] * 100)):
        answered = httpx.post(
            service.url("/v1/slow"), content=content, headers={"Content-Type": "application/json"}, trust_env=False
        )
        assert answered.status_code == 413
        assert answered.json()["type"] == "/problems/body-too-large"
    assert httpx.get(service.url("/v1/slow"), trust_env=False).json() == "done"


def test_a_task_that_ignores_its_end_does_not_keep_the_process(trial) -> None:
    service = trial(HANG="1", DRAIN="1")
    service.wait_ready()
    service.process.send_signal(signal.SIGTERM)
    started = time.monotonic()
    code, _, err = service.ends()
    assert time.monotonic() - started < 5
    assert code == 1
    assert err.count("\n") == 1


def test_a_port_in_use_is_one_line_that_names_it_and_exit_2(trial) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free_ports(1)[0]))
        taken.listen()
        port = str(taken.getsockname()[1])
        code, _, err = trial(PARITRANA_PORT=port).ends()
    assert code == 2
    assert err.count("\n") == 1
    assert f"port {port}" in err


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"PARITRANA_PORT": "many"}, "PARITRANA_PORT 'many' is wrong"),
        ({"PARITRANA_PORT": "0"}, "PARITRANA_PORT '0' is wrong"),
        ({"DATABASE_URL": ""}, "DATABASE_URL is not set"),
        ({"DATABASE_URL": "mysql://u:hidden@h/x"}, "DATABASE_URL is wrong: must be a URL like postgresql://"),
        ({"PARITRANA_CLOCK": "sundial"}, "PARITRANA_CLOCK 'sundial' is wrong"),
        ({"KAFKA_BOOTSTRAP_SERVERS": "kafka"}, "must be host:port"),
        ({"PARITRANA_METRICS_NETWORKS": "all"}, "PARITRANA_METRICS_NETWORKS"),
    ],
)
def test_a_wrong_setting_is_one_line(monkeypatch, environment, says) -> None:
    for name, value in {"DATABASE_URL": "postgresql://u@h/x", "PARITRANA_PORT": "9", **environment}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        ServiceSettings.load()
    assert says in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_a_missing_setting_ends_the_process_with_one_line_and_2(trial) -> None:
    code, out, err = trial(DATABASE_URL="").ends()
    assert (code, out) == (2, "")
    assert err.startswith("trial: DATABASE_URL is not set")
    assert err.count("\n") == 1


def test_a_missing_database_ends_the_process_with_one_line_and_2(trial) -> None:
    code, _, err = trial(NO_DATABASE="1").ends()
    assert code == 2
    assert err.count("\n") == 1
    assert "127.0.0.1:1/trial" in err
    assert "hidden" not in err


async def test_a_pool_waits_only_as_long_as_it_is_told() -> None:
    started = time.monotonic()
    with pytest.raises(StartFailed, match=r"did not answer within 0\.2 s"):
        await open_pool("postgresql://u@127.0.0.1:1/x", service="t", wait=0.2)
    assert time.monotonic() - started < 5


def test_settings_describe_themselves() -> None:
    described = {setting.name: setting for setting in describe(ServiceSettings)}
    assert described["DATABASE_URL"].default is None
    assert described["PARITRANA_IDENTITY_URL"].default == "http://127.0.0.1:8085"
    assert all(setting.description for setting in described.values())


async def test_a_crashed_task_makes_the_service_unready_and_comes_back() -> None:
    app = create_api("trial", title="Trial", clock=SystemClock())
    crashes, runs = asyncio.Event(), asyncio.Event()
    attempts = 0

    async def relay() -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            await crashes.wait()
            raise ConnectionResetError("broker")
        runs.set()
        await asyncio.Event().wait()

    async def finishes() -> None:
        return

    async def checks(client: httpx.AsyncClient) -> Any:
        return (await client.get("/health/ready")).json()["checks"]

    async with (
        kept(app, [Background("relay", relay), Background("once", finishes)]),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t") as client,
    ):
        await asyncio.sleep(0)
        assert (await checks(client))["task:relay"]["ok"]
        crashes.set()
        while (found := (await checks(client))["task:relay"])["ok"]:  # noqa: ASYNC110 - asked as an operator asks
            await asyncio.sleep(0)
        assert found["why"] == "ConnectionResetError: broker"
        await runs.wait()
        assert (await checks(client)) == {
            "task:relay": {"ok": True, "why": "runs"},
            "task:once": {"ok": True, "why": "done"},
        }
        text = (await client.get("/metrics")).text
        assert 'paritrana_task_crashes_total{task="relay"} 1.0' in text
        assert 'paritrana_task_up{task="relay"} 1.0' in text
        assert 'paritrana_task_up{task="once"} 0.0' in text
