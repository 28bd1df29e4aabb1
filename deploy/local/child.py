"""One child process that cannot outlive the program that started it.

The embedded stack must leave nothing behind, whatever ends it. On Linux the kernel itself signals a child when the
thread that started it is gone (`PR_SET_PDEATHSIG`, prctl(2)), so children are started by the main thread only. Each
child leads a session of its own: Ctrl-C in a terminal reaches the supervisor alone, which then stops them in order.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_POLL_SECONDS: Final = 0.02


class StackError(Exception):
    """What keeps the stack from running, as one clear line for the person who started it."""


@dataclass(frozen=True, slots=True)
class Account:
    """The operating system's user a child runs as; both numbers are the system's."""

    uid: int
    gid: int


def _die_with_parent(death_signal: signal.Signals) -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def tie() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return tie


class Child:
    """A started process; its output goes to `log`, appended.

    `death_signal` is what it gets when its starter dies, `account` whom it runs as (None: the same user).
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        account: Account | None = None,
        death_signal: signal.Signals = signal.SIGKILL,
        folder: Path | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self.started_at = time.monotonic()
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self._process: subprocess.Popen[bytes] = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=None if environment is None else dict(environment),
                cwd=folder,
                start_new_session=True,
                # One prctl call, which takes no lock: safe beside threads.
                preexec_fn=_die_with_parent(death_signal),  # noqa: PLW1509
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs. Reaps the process."""
        return self._process.poll()

    @property
    def running(self) -> bool:
        """Whether it still runs."""
        return self.exit_code is None

    def send(self, what: signal.Signals) -> None:
        """Send a signal, unless it is already gone."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(what)

    async def ended(self) -> int:
        """Wait until it is gone and return its exit code."""
        # Polled, for the process may have been started under another event loop.
        while (code := self.exit_code) is None:  # noqa: ASYNC110
            await asyncio.sleep(_POLL_SECONDS)
        return code

    async def stop(self, how: signal.Signals = signal.SIGTERM, *, grace: float = 15.0) -> int:
        """Ask it to stop, kill it after `grace` seconds, and return its exit code."""
        self.send(how)
        try:
            return await asyncio.wait_for(self.ended(), grace)
        except TimeoutError:
            return await self.kill()

    async def kill(self) -> int:
        """Kill it at once (SIGKILL) and wait until it is gone."""
        self.send(signal.SIGKILL)
        return await self.ended()

    def last_line(self) -> str:
        """Return the last line it wrote, to say why it ended."""
        try:
            lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return ""
        return next((line.strip() for line in reversed(lines) if line.strip()), "")
