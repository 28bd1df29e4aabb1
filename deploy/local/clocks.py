"""Which clock a data folder was last run on, kept in the folder: one season cannot be recorded on two clocks.

A test clock stands in another year than the machine's. Were a folder run on the one and then on the other, some events
would lie in the future of the rest, and receivers set such events aside for good. So a stack that is about to start
its services notes the clock, and refuses another one from then on.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from deploy.local.child import StackError

NOTE: Final = "clock-of-record"
"""The file in the data folder: one line, as PARITRANA_CLOCK would say it."""
OWN_FILE: Final = "clock.json"
"""The file in the data folder that is the stack's own test clock."""


def file_of(clock: str, data: Path) -> Path | None:
    """Return the file of the test clock that PARITRANA_CLOCK names; None for the machine's clock."""
    kind, _, path = clock.partition(":")
    if kind == "system":
        return None
    return Path(path).absolute() if path else data / OWN_FILE


def last_clock(data: Path) -> str | None:
    """Return the clock that a folder was last run on; None when it does not say (as before there was a note)."""
    try:
        noted = (data / NOTE).read_text(encoding="utf-8").strip()
    except (FileNotFoundError, NotADirectoryError):
        noted = ""
    if noted in ("system", "test") or noted.startswith("test:"):
        return noted
    return None


def refuse_another(data: Path, clock: str) -> None:
    """Raise StackError when the folder was last run on another clock than the one it is to be started on."""
    last, wanted = last_clock(data), _named(clock, data)
    # Without a note, the file tells that there was a run on the test clock; not that it was the last.
    if last is None and wanted == "system" and (data / OWN_FILE).exists():
        raise StackError(
            f"the data folder {data} holds a test clock ({OWN_FILE}) and does not say which clock it was last run on, "
            f"and it is to start on {_told('system')}: start it by `{command(data, 'test')}`, choose another folder by "
            f"--data, or, if its last run was on the machine's clock, remove {data / OWN_FILE} and start again"
        )
    if last is not None and last != wanted:
        raise StackError(
            f"the data folder {data} was last run on {_told(last)}, and it is to start on {_told(wanted)}: events of "
            f"two clocks do not fit together; start it by `{command(data, last)}`, or choose another folder by --data"
        )


def remember(data: Path, clock: str) -> None:
    """Note the clock that services are about to record by."""
    fresh = data / f"{NOTE}.{os.getpid()}.new"
    fresh.write_text(f"{_named(clock, data)}\n", encoding="utf-8")
    fresh.replace(data / NOTE)


def command(data: Path, clock: str, options: Sequence[str] = ()) -> str:
    """Return the command that starts a stack in a folder on a clock."""
    words = ["paritrana", "up", *options, "--data", str(data)]
    return f"PARITRANA_CLOCK={shlex.quote(clock)} {shlex.join(words)}"


def _named(clock: str, data: Path) -> str:
    """Return a clock's one name: the folder's own test clock goes by `test`, so that the folder can be moved."""
    file = file_of(clock, data)
    if file is None:
        return "system"
    return "test" if file == data / OWN_FILE else f"test:{file}"


def _told(clock: str) -> str:
    what = "the machine's clock" if clock == "system" else "a test clock"
    return f"{what} (PARITRANA_CLOCK={shlex.quote(clock)})"
