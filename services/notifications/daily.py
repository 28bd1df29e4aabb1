"""What the clock brings, from one active replica: the daily digest, and reminders before deadlines.

It looks by the service's clock, which may be a test clock that jumps: only the present day counts. It acts only while
the fold is at the end of the log and enabled, so what a rebuild or a replay passes through reminds nobody. What it
commits are intents with ids of person and day, so they are sent once, like all others.

Who has handed in which sheets is on a topic that only scoring and audit read, and scoring gives it to people of the
place only. So members are reminded of the nominees that they are to score at a stage, by how many they are, whether
they handed in or not; recused ones are left out, and the text says that what is done needs nothing more.

Of the window for nominations are reminded, for each province, to whom identity gave the role of a secretariat there,
who nominated in the season and who did in the last one before it, and the secretary of the province's committee, also
when nobody has nominated yet. Of what a nominee must do are reminded its contact, who nominated it, and the secretariat
of its nominating body. While identity does not say who that is nobody is reminded; the same hour tries again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg
import orjson
import structlog

from kernel.clock import Clock
from kernel.commands import Executor
from kernel.decider import Position
from kernel.log import SQL as LOG_SQL
from kernel.reactor import SQL as REACTOR_SQL
from schemas.regions import NATION, NATION_ZONE, region_table
from schemas.rulebook import Rulebook
from services.notifications.directory import Directory, DirectoryAway
from services.notifications.domain.calls import Holder
from services.notifications.domain.days import (
    FURTHEST,
    Deadline,
    Kind,
    Looks,
    digest_id,
    is_past,
    last_digest,
    named_in,
    reminders_of,
)
from services.notifications.domain.intents import place
from services.notifications.domain.known import stage_of
from services.notifications.domain.subscription import DELIVERIES, stream_of
from services.notifications.domain.templates import DIGEST
from services.notifications.handler import IntentHandler
from services.notifications.mail import message_id_of
from services.notifications.outbox import SQL

_LOOK_SECONDS: Final = 2.0
_DAY: Final = timedelta(days=1)
_LOG = structlog.get_logger(__name__)
_MOST_IN_A_DIGEST: Final = 500
_OF_NOMINEES: Final[tuple[tuple[str, Kind], ...]] = (
    ("mending_due", "mending"), ("interviews_due", "interview"), ("appeals_due", "appeal"),
)  # fmt: skip


@dataclass(slots=True)
class Daily:
    """Commits what a day brings; `wake` tells the senders when it has."""

    pool: asyncpg.Pool
    executor: Executor
    clock: Clock
    directory: Directory
    domain: str
    digest_hour: int
    _looks: Looks = field(default_factory=Looks)
    _rulebooks: dict[tuple[str, int], Rulebook] = field(default_factory=dict)

    async def run(self) -> None:
        """Look every few seconds until cancelled."""
        try:
            while True:
                try:
                    await self.round()
                except DirectoryAway as error:
                    _LOG.warning("reminders wait", reason=str(error))
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            await self.directory.close()

    async def round(self) -> int:
        """Commit what the present instant brings; return how many messages that were. Raises DirectoryAway."""
        if not await self._is_up_to_date():
            return 0
        now = self.clock.now()
        return await self._digests(now) + await self._reminders(now)

    async def _is_up_to_date(self) -> bool:
        """Tell whether the fold may act and has come to the end of the log."""
        last = await self.pool.fetchrow(LOG_SQL["last_appended"])
        row = await self.pool.fetchrow(REACTOR_SQL["checkpoint"], IntentHandler.name)
        if row is None or row["enabled_epoch"] == 0 or last is None:
            return False
        return Position(*tuple(row)[:3]) >= Position(*tuple(last))

    # --- the digest ------------------------------------------------------------------------------------------------

    async def _digests(self, now: datetime) -> int:
        made = 0
        for row in await self.pool.fetch(SQL["held"]):
            due = last_digest(now, row["zone"] or NATION_ZONE, self.digest_hour)
            if row["oldest"] <= due:
                made += await self._digest(row["person"], due)
        return made

    async def _digest(self, person: UUID, due: datetime) -> int:
        """Put what a person's day held into one digest, in one transaction; nothing when the day had its digest."""
        rows = await self.pool.fetch(SQL["held_of"], person, due, _MOST_IN_A_DIGEST)
        fresh = await self._to_be_told(person, rows)
        if not fresh:
            return 0
        message = digest_id(person, due.date())
        names = sorted({nomination for row in fresh for nomination in row["nominations"]})
        params = _json({"day": due.date().isoformat()})
        season = max((row["season"] for row in fresh if row["season"]), default=None)
        sample = any(row["sample"] for row in fresh)
        head = (message, person, DIGEST, season, params, names, sample, max(row["recorded"] for row in fresh))
        async with self.pool.acquire() as connection, connection.transaction():
            if await connection.fetchval(SQL["put_day"], *head, "mail", True) is None:
                return 0
            await connection.execute(SQL["put_into_digest"], [row["message_id"] for row in fresh], message)
        return 1

    async def _to_be_told(self, person: UUID, rows: list[asyncpg.Record]) -> list[asyncpg.Record]:
        """Return what was not delivered before (a store that was restored may hold it still) and has not passed."""
        state, now = await self.executor.state(DELIVERIES, stream_of(str(person))), self.clock.now()
        left = {row["message_id"]: row for row in rows}
        done = [one for one in left if message_id_of(one, self.domain) in state.concluded]
        past = [one for one, row in left.items() if row["reminder"] and is_past(orjson.loads(row["reminder"]), now)]
        for settled, how in ((done, "sent"), (past, "omitted")):
            if settled:
                await self.pool.execute(SQL["settle_held"], settled, how)
        return [row for one, row in left.items() if one not in {*done, *past}]

    # --- reminders -------------------------------------------------------------------------------------------------

    async def _reminders(self, now: datetime) -> int:
        """Remind whose day has begun, each person once a day."""
        if not (days := self._looks.fresh(now)):
            return 0
        made = 0
        for season, deadlines in (await self._deadlines(now)).items():
            made += await self._remind(season, deadlines, days, now)
        self._looks.done(days, now)
        return made

    async def _remind(self, season: str, deadlines: list[Deadline], days: Mapping[str, date], now: datetime) -> int:
        persons = {deadline.person for deadline in deadlines}
        zones = {row["person"]: row["zone"] for row in await self.pool.fetch(SQL["zones"], list(persons))}
        made = 0
        for one in reminders_of(season, deadlines, zones, days, now):
            said = (one.season, _json(one.params()), named_in(one.deadlines))
            row = (one.message, one.person, "reminder", *said, False, now, None, False)
            made += await self.pool.fetchval(SQL["put_day"], *row) is not None
        return made

    async def _deadlines(self, now: datetime) -> dict[str, list[Deadline]]:
        """Return the deadlines that people may be reminded of soon, by season; of seasons that are not frozen."""
        windows = {row["season"]: self._window(row) for row in await self.pool.fetch(SQL["seasons_on"])}
        found: dict[str, list[Deadline]] = {season: [] for season in windows}
        for row in await self.pool.fetch(SQL["nominating"], *_secretaries(windows.values())):
            if (season := row["season"]) in windows:
                found[season].append(windows[season].deadline(row["person"], row["province"]))
        span = (now, now + FURTHEST)
        for row in await self.pool.fetch(SQL["sheets_due"], *span):
            found[row["season"]].append(_sheets(row, windows[row["season"]].rulebook))
        waiting = [(kind, row) for query, kind in _OF_NOMINEES for row in await self.pool.fetch(SQL[query], *span)]
        near = [window for window in windows.values() if window.is_near(now)]
        secretariats = await self.directory.holders("secretariat") if near or waiting else []
        for window in near:
            found[window.season] += window.of_secretariats(secretariats)
        for kind, row in waiting:
            rulebook = windows[row["season"]].rulebook
            for person in _people_of(row, secretariats):
                found[row["season"]].append(_of_nominee(row, person, kind, rulebook))
        return found

    def _window(self, row: asyncpg.Record) -> _Window:
        return _Window(row["season"], self._rulebook(row), orjson.loads(row["extensions"]))

    def _rulebook(self, row: asyncpg.Record) -> Rulebook:
        key = (row["season"], row["version"])
        if key not in self._rulebooks:
            self._rulebooks[key] = Rulebook.from_content(orjson.loads(row["rulebook"]))
        return self._rulebooks[key]


def _secretaries(windows: Iterable[_Window]) -> tuple[list[str], list[str], list[str]]:
    """Return the offices that keep a province's record, as columns: season, body, office."""
    found = [
        (window.season, body.code, office.code)
        for window in windows
        for body in window.rulebook.bodies
        if body.tier == "provincial"
        for office in body.offices
        if office.role == "clerk"
    ]
    seasons, bodies, offices = ([one[column] for one in found] for column in range(3))
    return seasons, bodies, offices


@dataclass(frozen=True, slots=True)
class _Window:
    """A season's window for nominations: as its rulebook has it, or extended (by province, an empty one everywhere)."""

    season: str
    rulebook: Rulebook
    extensions: Mapping[str, str]

    def closes(self, province: str) -> datetime:
        """Return until when nominations of a province are received."""
        later = [datetime.fromisoformat(self.extensions[at]) for at in ("", province) if at in self.extensions]
        return max([self.rulebook.deadline_utc(self.rulebook.calendar.nomination, province), *later])

    def is_near(self, now: datetime) -> bool:
        """Tell whether it may close soon in some province; no zone is a day from another."""
        ends = (self.closes(province) for province in (NATION, *filter(None, self.extensions)))
        return any(now - _DAY <= end <= now + FURTHEST + _DAY for end in ends)

    def of_secretariats(self, holders: Iterable[Holder]) -> Iterator[Deadline]:
        """Return it as the deadline of every secretariat of the season's provinces."""
        known = region_table(self.rulebook.regions.table).regions
        for holder in holders:
            province = holder.place[:2]
            if holder.season in (None, self.season) and province in known:
                yield self.deadline(UUID(holder.person), province)

    def deadline(self, person: UUID, province: str) -> Deadline:
        """Return it as a person's deadline."""
        zone = self.rulebook.zone(province)
        return Deadline(person, "nominations", self.closes(province), zone, {"province": province})


def _people_of(row: asyncpg.Record, secretariats: Iterable[Holder]) -> set[UUID]:
    """Return who has to act for a nominee: its contact, who nominated it, the secretariat of its nominating body."""
    of_body = {
        UUID(one.person) for one in secretariats if one.place == row["body"] and one.season in (None, row["season"])
    }
    return {row["nominated_by"], row["contact"]} | of_body


def _sheets(row: asyncpg.Record, rulebook: Rulebook) -> Deadline:
    item = {"province": row["province"], "at": place(stage_of(row["ranking"])), "count": len(row["nominations"])}
    zone = rulebook.zone(row["province"])
    return Deadline(row["person"], "sheets", row["closes"], zone, item, tuple(row["nominations"]), names=False)


def _of_nominee(row: asyncpg.Record, person: UUID, kind: Kind, rulebook: Rulebook) -> Deadline:
    at = stage_of(row["at"])
    item = {"province": at.province, "at": place(at), "home": row["home"]}
    return Deadline(person, kind, row["until"], rulebook.zone(at.province), item, (row["nomination"],))


def _json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
