"""Loopback ports: whether one is free, and free ones for tests.

A port inside the system's range for outgoing connections (from 32768 on Linux) cannot be bound again while clients
retry after a crash, so every port here stays below it.
"""

from __future__ import annotations

import random
import socket
from typing import Final

LOOPBACK: Final = "127.0.0.1"
_FIRST, _LAST = 20_000, 32_000
_drawn_from = range(_FIRST, _LAST)


def is_free(port: int) -> bool:
    """Say whether nothing listens on the loopback port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: a port whose last connections are in TIME_WAIT counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def keep_to(share: int, of: int) -> None:
    """Draw from one of `of` shares of the ports from now on, so that processes side by side never draw the same."""
    global _drawn_from  # noqa: PLW0603 - ports are the machine's, and what a process draws is the process's
    _drawn_from = range(_FIRST + share % of, _LAST, of)


def free_ports(count: int) -> tuple[int, ...]:
    """Return `count` different free ports between 20000 and 32000, chosen at random."""
    found: list[int] = []
    # Not for secrecy: two test runs side by side should rarely try the same port.
    candidates = random.SystemRandom().sample(_drawn_from, k=1_000)
    for port in candidates:
        if is_free(port):
            found.append(port)
        if len(found) == count:
            return tuple(found)
    raise OSError("no free port between 20000 and 32000")
