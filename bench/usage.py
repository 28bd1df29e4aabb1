"""What a measurement costs: processor seconds of client, database and broker, and the memory of processes.

Read from the operating system before and after. The database's work is done by one process a connection, so its figure
holds only while the connections of the measurement are open; whoever measures keeps them open.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import Final, Self

import psutil

from bench.ground import Ground
from bench.rows import Row

PER: Final = 10_000
"""Events that processor seconds are given for."""


@dataclass(frozen=True, slots=True)
class Cpu:
    """Processor seconds spent so far, or in a measurement, by this process, the database and the broker."""

    client: float
    database: float
    broker: float

    @classmethod
    def now(cls, ground: Ground) -> Self:
        """Return what was spent so far."""
        return cls(time.process_time(), cpu_seconds(ground.postgres_pid), cpu_seconds(ground.kafka_pid))

    def since(self, before: Cpu) -> Cpu:
        """Return what was spent since `before`."""
        return Cpu(
            self.client - before.client,
            max(0.0, self.database - before.database),
            max(0.0, self.broker - before.broker),
        )


def cpu_seconds(pid: int) -> float:
    """Return the user and system seconds of a process and its children that still run."""
    process = psutil.Process(pid)
    total = 0.0
    for each in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = each.cpu_times()
            total += times.user + times.system
    return total


def peak_megabytes(pid: int) -> float:
    """Return the greatest resident memory that a process ever had, in MB of a million bytes (Linux's VmHWM)."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:  # noqa: PTH123 - one line of a system file
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1_000_000
    return psutil.Process(pid).memory_info().rss / 1_000_000


def cpu_rows(name: str, ours: list[tuple[Cpu, int]], limit: list[tuple[Cpu, int]]) -> list[Row]:
    """Return a row for each of client, database and broker that worked: seconds per 10,000 events."""
    rows = []
    for part in ("client", "database", "broker"):
        values = [PER * getattr(cpu, part) / events for cpu, events in ours]
        limits = [PER * getattr(cpu, part) / events for cpu, events in limit]
        if part != "broker" or max(values) > 0.05:
            rows.append(Row.of(f"{name}_cpu_{part}", "s/10,000", values, limits=limits, smaller_is_better=True))
    return rows
