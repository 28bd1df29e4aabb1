"""The newest event of a log, and whether a clock is behind it.

Recorded time never goes back. A clock that is behind the log would record events before their causes, take genuine
events of other services for ones of the future, and set them aside; so nothing is written or received until it has
come up. How far it may be behind is what receivers allow between two clocks.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from kernel.inbox import SKEW
from kernel.log import SQL, Connection


class Newest(NamedTuple):
    """The event with the latest recorded time: its stream, its version there, and that time."""

    stream: str
    version: int
    time: datetime


async def newest_event(connection: Connection) -> Newest | None:
    """Return the newest event of a log, own or received; None when it is empty."""
    row = await connection.fetchrow(SQL["newest"])
    return Newest(*tuple(row)) if row else None


def lateness(newest: Newest | None, now: datetime) -> str | None:
    """Say how far a clock that reads `now` is behind the newest event; None when that is within the tolerance."""
    if newest is None or newest.time - now <= SKEW:
        return None
    behind = timedelta(seconds=round((newest.time - now).total_seconds()))
    return (
        f"the clock reads {now.isoformat(timespec='seconds')} and is {behind} behind the newest event "
        f"({newest.stream}, version {newest.version}, recorded {newest.time.isoformat(timespec='seconds')})"
    )
