"""Alarms: kept in the database, so that every process tells the same, and a restart forgets none.

A row stands for one kind at one place. It is seen again as often as somebody looks, and says since when it is so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import asyncpg
import structlog

from kernel.sql import columns, queries
from services.audit.live.kinds import KINDS

SQL: Final = queries(Path(__file__).with_name("queries.sql"))
MOST_OF_A_KIND: Final = 1000
"""Alarms of one kind that stand at most: where there are more, they say no more than these."""
STAYING: Final = tuple(name for name, kind in KINDS.items() if kind.stays)
NEWEST: Final = 2**62
"""Greater than the number of any alarm."""

_log = structlog.get_logger("alarms")


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm as it is kept; times are the database's."""

    alarm: int
    kind: str
    place: str
    said: str
    since: datetime
    seen: datetime
    ended: datetime | None
    acknowledged: datetime | None
    acknowledged_by: str | None
    reason: str | None


class Alarms:
    """The alarms of one audit store."""

    def __init__(self, pool: asyncpg.Pool[Any]) -> None:
        """Use the audit service's database."""
        self._pool = pool

    async def found(self, kind: str, places: Mapping[str, str]) -> None:
        """Note what was found, by place, with what is known of each."""
        if not places:
            return
        rows = [(kind, place, said) for place, said in list(places.items())[:MOST_OF_A_KIND]]
        noted = await self._pool.fetch(SQL["found"], *columns(rows), KINDS[kind].stays, MOST_OF_A_KIND)
        for row in noted:
            if row["fresh"]:
                _log.error("alarm", kind=kind, place=row["place"], said=places[row["place"]])

    async def stand(self, kind: str, places: Mapping[str, str], *, within: str = "") -> None:
        """Note what is so now of a kind that passes, and end what is so no more, among places that begin `within`."""
        await self.found(kind, places)
        await self._pool.execute(SQL["over"], kind, within, list(places))

    async def acknowledge(self, alarm: int, by: str, reason: str) -> Alarm | None:
        """Note who answers for an alarm; the first answer stands. None where there is no such alarm."""
        await self._pool.execute(SQL["acknowledge"], alarm, by, reason, list(STAYING))
        row = await self._pool.fetchrow(SQL["alarm"], alarm)
        return None if row is None else Alarm(*row)

    async def before(self, alarm: int, most: int, *, ended: bool) -> list[Alarm]:
        """Return alarms older than one of them, the newest first; those that ended only when asked for."""
        return [Alarm(*row) for row in await self._pool.fetch(SQL["alarms"], alarm, ended, most)]

    async def standing(self) -> dict[str, int]:
        """Return how many alarms stand that nobody has answered for, by every kind there is."""
        rows = await self._pool.fetch(SQL["standing"])
        return dict.fromkeys(KINDS, 0) | {row["kind"]: row["count"] for row in rows}
