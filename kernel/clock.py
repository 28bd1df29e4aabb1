"""The clock everything is recorded by, handed in and never asked for.

A decision may depend on the instant it was taken, so the instant is an input like any other. Two clocks exist:
the system's, and a test clock that lets the embedded stack play a season in a minute. The test clock is a small file
that every process of the machine reads, so all services agree on it to the microsecond; it is set through the
supervisor's loopback port, never moves backwards, and ticks with the machine's monotonic clock.
Events recorded under it say so (`clock: test`). Tokens and certificates always use the system's clock.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

LAST_YEAR: Final = 9000
"""The last year of an instant that anything can be reckoned from: what follows it must exist as well."""


class Clock(Protocol):
    """What tells the instant; `name` is `test` or `system`."""

    @property
    def name(self) -> str:
        """Say which clock this is."""
        ...

    def now(self) -> datetime:
        """Return the current instant, aware, in UTC, with microseconds."""
        ...


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The machine's clock."""

    name: str = "system"

    def now(self) -> datetime:
        """Return the machine's time in UTC."""
        return datetime.now(UTC)


class ClockMovedBackwards(ValueError):
    """The test clock was asked to go back; recorded time never does."""


@dataclass(frozen=True, slots=True)
class _Setting:
    base: datetime
    monotonic: float

    def at(self, monotonic: float) -> datetime:
        return self.base + timedelta(seconds=max(0.0, monotonic - self.monotonic))


class TestClock:
    """A clock shared by every process of one machine through the file at `path`.

    The file is JSON: `base` (ISO 8601 in UTC) and `monotonic` (seconds of CLOCK_MONOTONIC when it was set). After a
    reboot the monotonic clock starts again; `rebase` writes the last known instant anew.
    """

    __test__ = False
    name = "test"

    def __init__(self, path: Path) -> None:
        """Read the clock at `path`; the file must exist (see `set_to`)."""
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._setting: _Setting | None = None

    def now(self) -> datetime:
        """Return the set instant plus what has elapsed since it was set."""
        stat = self._path.stat()
        stamp = (stat.st_mtime_ns, stat.st_ino)
        if self._setting is None or stamp != self._stamp:
            self._setting, self._stamp = _read(self._path), stamp
        return self._setting.at(time.monotonic())

    @classmethod
    def set_to(cls, path: Path, instant: datetime, *, allow_back: bool = False) -> TestClock:
        """Set the clock file to `instant` atomically; refuse to go back unless `allow_back`."""
        instant = instant.astimezone(UTC)
        if path.exists() and not allow_back:
            current = cls(path).now()
            if instant < current:
                raise ClockMovedBackwards(
                    f"the test clock stands at {current.isoformat()} and cannot go back to {instant.isoformat()}"
                )
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
        fresh.write_text(json.dumps({"base": instant.isoformat(), "monotonic": time.monotonic()}), encoding="utf-8")
        fresh.chmod(0o644)
        fresh.replace(path)
        return cls(path)


def _read(path: Path) -> _Setting:
    raw = json.loads(path.read_text(encoding="utf-8"))
    return _Setting(datetime.fromisoformat(raw["base"]), float(raw["monotonic"]))


def clock_from(setting: str) -> Clock:
    """Return the clock that `PARITRANA_CLOCK` names: `system`, or `test:<path of the clock file>`."""
    if setting == "system":
        return SystemClock()
    kind, _, path = setting.partition(":")
    if kind == "test" and path:
        return TestClock(Path(path))
    raise ValueError(f"PARITRANA_CLOCK is {setting!r}; use 'system' or 'test:<path of the clock file>'")
