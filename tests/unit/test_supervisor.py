"""What does not come back is counted and says why: a loop of restarts cannot look like a part that never fell."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import socket
import sys
from pathlib import Path

import pytest

from deploy.local import supervisor
from deploy.local.child import Child, StackError
from deploy.local.ports import LOOPBACK, free_ports
from deploy.local.settings import PORTS, REPLICA_STEP, StackOptions
from deploy.local.supervisor import Stack, _Running, listening
from tests.unit.cli.fake_stack import run


class Falling:
    """A part whose process ends at once; it comes back at the third attempt."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._attempts = 0
        self.child: Child | None = Child("falling", [sys.executable, "-c", "raise SystemExit(3)"], log=log)

    async def start(self) -> None:
        self._attempts += 1
        if self._attempts < 3:
            raise StackError(f"falling did not start: no room ({self._attempts})")
        self.child = Child("falling", ["sleep", "60"], log=self._log)

    async def stop(self) -> None:
        """Unused."""

    async def kill(self) -> None:
        if self.child is not None:
            await self.child.kill()


async def test_every_attempt_to_start_again_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "_BACK_OFF_SECONDS", (0.02,))
    seen: list[tuple[int, str]] = []
    stack = Stack(StackOptions(data=tmp_path), say=lambda _line: seen.append((running.restarts, running.why)))
    unit = Falling(tmp_path / "log")
    running = stack._running["falling"] = _Running(unit, "url", asyncio.Event())
    watcher = asyncio.create_task(stack._watch("falling", running))
    await asyncio.wait_for(running.ready.wait(), 20)
    watcher.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watcher
    await unit.kill()
    assert seen[0] == (0, "it ended (exit code 3) and is started again")
    assert (1, "falling did not start: no room (1)") in seen
    assert (2, "falling did not start: no room (2)") in seen
    assert seen[-1] == (3, "")
    [part] = stack.status()["parts"]
    assert (part["state"], part["restarts"], part["why"]) == ("ready", 3, "")


def test_as_many_consumers_as_partitions_of_contributions_can_be_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[StackOptions] = []

    async def start(options: StackOptions, *_: object) -> None:
        started.append(options)

    monkeypatch.setattr("cli.stack.run_until_stopped", start)
    data = str(tmp_path / "data")
    assert run("up", "--ingest", "12", "--data", data).exit_code == 0
    assert run("up", "--ingest", "13", "--data", data).exit_code == 2
    [options] = started
    options = dataclasses.replace(options, ports={name: port for name, (_, port) in PORTS.items()}, scoring=8)
    ports = [port for port, _ in listening(options)]
    assert options.consumers == 12
    assert len(ports) == len(set(ports)), "no two listen on one port"


def test_every_port_that_is_taken_is_named_at_once(tmp_path: Path) -> None:
    first, *free = free_ports(len(PORTS) + 1)
    ports = dict(zip(PORTS, free, strict=True)) | {"scoring": first}
    options = StackOptions(tmp_path / "data", ports, scoring=2)
    with contextlib.ExitStack() as taken:
        for port in (ports["kafka"], ports["identity"], ports["mail-sink"], first + REPLICA_STEP):
            held = taken.enter_context(socket.socket())
            held.bind((LOOPBACK, port))
            held.listen()
        with pytest.raises(StackError) as told:
            Stack(options, lambda _: None)._check_ports()
    said = str(told.value)
    assert "\n" not in said
    for port, what in ((ports["kafka"], "kafka"), (ports["identity"], "identity"), (first + REPLICA_STEP, "scoring")):
        assert f"{port} (for {what}, {PORTS[what][0]})" in said
    # Without a mail sink nobody listens there.
    assert str(ports["mail-sink"]) not in said
