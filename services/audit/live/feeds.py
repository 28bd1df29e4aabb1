"""A service's own store beside what its topics brought here: the same events, each the same, in both.

The feed is read in its own order, each event once, soon after it happened; what was received is held to what the feed
has shown. Both are resumed by position. What one side has and the other lacks is in doubt, and written down, until it
is explained: *late* while it is on its way (with its age), *missing in the topic* once the service says that it was
acknowledged and the topic was read beyond that, *missing in the feed* once the feed, asked for that one event, has
none. Another hash is no doubt: it is told at once.

Beside that a round goes on in the order of stream and version, a page of both sides at a time: it comes past every
event again, so that what is changed, put in or taken out long afterwards is found too.

Memory is that of a page. With too much in doubt the feed is read no further until some of it is explained, so a store
that is made anew from its topics is compared as it fills.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import asyncpg

from kernel.clock import SystemClock
from kernel.decider import START, Position
from kernel.feed import FeedEvent, FeedPage
from kernel.log import SQL as LOG_SQL
from kernel.sql import columns
from schemas.topics import streams_of, topic_of
from services.audit.live.alarms import SQL, Alarms
from services.audit.live.asking import FeedAway, FeedClient

MOST_LATE: Final = 10_000
"""Events of a feed that may be in doubt before it is read no further."""
_PAGES: Final = 50
"""Pages of a feed that are read in one look at most."""
_RECEIVED: Final = 5_000
_ASKED: Final = 20
"""Events that a feed is asked for one by one in one look at most."""
_TOLD: Final = 1_000
_GRACE: Final = timedelta(seconds=60)
_ANSWERED: Final = timedelta(seconds=2)
"""From the broker's answer until a record can be read by everybody."""

LATE: Final = "late"
UNFED: Final = "unfed"


class Doubt(NamedTuple):
    """An event that one side has and the other lacks: where it stands on the side that has it."""

    stream: str
    version: int
    hash: str | None
    position: Position


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """What is known of one feed; `behind` are its events that had not come here, the oldest since `late_since`."""

    service: str
    compared: int
    behind: int
    late_since: datetime | None
    unfed: int
    rounds: int
    away: str | None

    @property
    def late_seconds(self) -> float:
        """Return for how long the oldest event that is behind has been waited for."""
        return 0.0 if self.late_since is None else (SystemClock().now() - self.late_since).total_seconds()


@dataclass(slots=True)
class Feed:
    """Compares one service."""

    service: str
    url: str
    client: FeedClient
    pool: asyncpg.Pool[Any]
    alarms: Alarms
    grace: timedelta = _GRACE
    status: FeedStatus = field(init=False)
    _compared: int = field(init=False, default=0)
    _away_since: datetime | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        """Begin with nothing known."""
        self.status = FeedStatus(self.service, 0, 0, None, 0, 0, None)

    async def look(self, read_up_to: Mapping[str, datetime]) -> None:
        """Compare what is new, go on with the round, and see what is still in doubt.

        Args:
            read_up_to: by topic, an instant so that all that lay in the topic then has been received.
        """
        now = SystemClock().now()
        away = None
        try:
            await self._new(now)
            await self._round(now)
            await self._explain_unfed(now)
            self._away_since = None
        except FeedAway as error:
            away = str(error)
            self._away_since = self._away_since or now
        await self._explain_late(now, read_up_to)
        await self._tell_away(now, away)
        await self._measure(away)

    async def _row(self) -> Any:
        """Return how far the feed was compared."""
        await self.pool.execute(SQL["begin_feed"], self.service)
        return await self.pool.fetchrow(SQL["feed"], self.service)

    # --- what is new -------------------------------------------------------------------------------------------------

    async def _new(self, now: datetime) -> None:
        row = await self._row()
        position, received = Position(*tuple(row)[:3]), Position(*tuple(row)[3:6])
        # Read before the feed: whatever is here by now was in its service's store before.
        end = await self.pool.fetchrow(LOG_SQL["end_of_log"])
        if await self._read_feed(position, now):
            await self._hold_received(received, Position(*tuple(end)) if end else START, now)

    async def _read_feed(self, position: Position, now: datetime) -> bool:
        """Read a feed on; tell whether its end was reached."""
        late = await self.pool.fetchval(SQL["count_doubts"], self.service, LATE)
        for _ in range(_PAGES):
            if late >= MOST_LATE:
                return False
            page = await self.client.after(self.url, position)
            if Position.parse(page.end) < position:
                # Another database: it is compared from its beginning.
                position = START
                page = await self.client.after(self.url, position)
            late += await self._compare(page.items, now)
            await self._continuous(page.items)
            if page.seen is not None:
                position = Position.parse(page.seen)
            await self.pool.execute(SQL["read_feed"], self.service, *position)
            await self._note_published(page, now)
            if page.next is None:
                return True
        return False

    async def _compare(self, items: Sequence[FeedEvent], now: datetime) -> int:
        """Hold events of the feed to those here; return how many are not here."""
        here = await self._hashes((item.stream, item.version) for item in items)
        late: list[Doubt] = []
        others: dict[str, str] = {}
        for item in items:
            held = here.get((item.stream, item.version))
            if item.hash is None:
                others[_point(item)] = f"{self.service} has a document whose data does not fit its own digest"
            elif held is None:
                late.append(Doubt(item.stream, item.version, item.hash, Position.parse(item.position)))
            elif held != item.hash:
                others[_point(item)] = f"{self.service} has {item.hash}, received was {held}"
        self._compared += len(items)
        await self.alarms.found("differs", others)
        await self._doubt(LATE, late, now)
        return len(late)

    async def _continuous(self, items: Sequence[FeedEvent]) -> None:
        """See that the feed shows every version of a stream, and note up to which it did."""
        rows = await self.pool.fetch(SQL["fed"], list({item.stream for item in items}))
        ends: dict[str, int] = {row["stream"]: row["version"] for row in rows}
        lost: dict[str, str] = {}
        for item in items:
            before = ends.get(item.stream, 0)
            if item.version > before + 1:
                what = f"the feed goes on with version {item.version} after {before}"
                lost[f"{item.stream}@{before + 1}"] = what
            ends[item.stream] = max(before, item.version)
        await self.alarms.found("missing-in-feed", lost)
        await self.pool.execute(SQL["seen_in_feed"], *columns(ends.items(), 2))

    async def _note_published(self, page: FeedPage, now: datetime) -> None:
        await self.pool.execute(SQL["published"], self.service, now, *Position.parse(page.published))

    async def _hold_received(self, after: Position, end: Position, now: datetime) -> None:
        """Hold what was received to what the feed has shown, up to where was received before it was read."""
        while after < end:
            rows = await self.pool.fetch(SQL["newly_received"], *after, *end, _RECEIVED)
            if not rows:
                return
            unfed = [_doubt_of(row) for row in rows if not row["own"] and row["version"] > row["fed"]]
            own_topic = [doubt for doubt in unfed if self._owns(doubt.stream)]
            await self._doubt(UNFED, own_topic, now)
            after = Position(*tuple(rows[-1])[:3])
            await self.pool.execute(SQL["read_received"], self.service, *after)

    def _owns(self, stream: str) -> bool:
        return any(stream == kind or stream.startswith(f"{kind}/") for kind in streams_of(self.service))

    # --- the round ---------------------------------------------------------------------------------------------------

    async def _round(self, now: datetime) -> None:
        """Hold one page of both sides, in the order of stream and version, to each other."""
        row = await self._row()
        stream, version = row["round_stream"], row["round_version"]
        page = await self.client.after_event(self.url, stream, version)
        await self._compare(page.items, now)
        last = (page.items[-1].stream, page.items[-1].version) if page.items and page.next else None
        await self._extra((stream, version), last, page.items, row, now)

    async def _extra(
        self,
        first: tuple[str, int],
        last: tuple[str, int] | None,
        items: Sequence[FeedEvent],
        row: Any,
        now: datetime,
    ) -> None:
        """Doubt what is here between two events and is not in the feed's page, and go on behind it.

        Only what the feed must have shown by now is doubted: what was received up to where `_new` got.
        """
        known = {(item.stream, item.version) for item in items}
        compared = Position(*tuple(row)[3:6])
        most = 4 * len(items) + _RECEIVED
        until = last or ("~", 0)
        kinds = list(streams_of(self.service))
        rows = await self.pool.fetch(SQL["between"], *first, *until, kinds, most)
        extra = [_doubt_of(each) for each in rows if (each["stream"], each["version"]) not in known]
        await self._doubt(UNFED, [doubt for doubt in extra if doubt.position <= compared], now)
        if len(rows) == most:
            last = (rows[-1]["stream"], rows[-1]["version"])
        await self.pool.execute(SQL["read_round"], self.service, *(last or ("", 0)), int(last is None))

    # --- doubts ------------------------------------------------------------------------------------------------------

    async def _explain_unfed(self, now: datetime) -> None:
        """Ask the feed for events that it did not show."""
        missing: dict[str, str] = {}
        others: dict[str, str] = {}
        settled: list[tuple[str, int]] = []
        for row in await self.pool.fetch(SQL["doubts"], self.service, UNFED, _ASKED):
            found = await self.client.one(self.url, row["stream"], row["version"])
            place = f"{row['stream']}@{row['version']}"
            if found == "" and now - row["since"] <= self.grace / 2:
                continue  # a service that was restored takes back what it lacks
            if found == "":
                missing[place] = f"{topic_of(row['stream'])} has it with the hash {row['hash']}"
            elif found != row["hash"]:
                others[place] = f"{self.service} has {found}, received was {row['hash']}"
            settled.append((row["stream"], row["version"]))
        await self.alarms.found("missing-in-feed", missing)
        await self.alarms.found("differs", others)
        await self._settle(settled)

    async def _explain_late(self, now: datetime, read_up_to: Mapping[str, datetime]) -> None:
        """See which late events have come, and tell of those that are late for too long, or are not in the topic."""
        rows = await self.pool.fetch(SQL["doubts"], self.service, LATE, MOST_LATE)
        here = await self._hashes((row["stream"], row["version"]) for row in rows)
        held = await self._held(row["stream"] for row in rows)
        settled: list[tuple[str, int]] = []
        others: dict[str, str] = {}
        late: list[Any] = []
        missing: dict[str, str] = {}
        for row in rows:
            at = (row["stream"], row["version"])
            if at in here:
                settled.append(at)
                if here[at] != row["hash"]:
                    others[f"{at[0]}@{at[1]}"] = f"{self.service} has {row['hash']}, received was {here[at]}"
            elif at in held:
                continue  # it came, and waits for the one before it
            elif (topic := self._lacking(row, read_up_to)) is not None:
                missing[f"{at[0]}@{at[1]}"] = f"{self.service} has it, and {topic} was read to its end"
            elif now - row["since"] > self.grace:
                late.append(row)
        await self.alarms.found("differs", others)
        await self._settle(settled)
        await self._stand("missing-in-topic", missing)
        what = f"{len(late)} events, the first {late[0]['stream']}@{late[0]['version']}" if late else ""
        await self.alarms.stand("late", {self.service: what} if late else {}, within=self.service)

    def _lacking(self, row: Any, read_up_to: Mapping[str, datetime]) -> str | None:
        """Return the topic that should have an event by now and was read beyond, None while it may still come."""
        topic = topic_of(row["stream"])
        reached = read_up_to.get(topic)
        gone = row["published"] is not None and reached is not None and reached > row["published"] + _ANSWERED
        return topic if gone else None

    async def _stand(self, kind: str, places: Mapping[str, str]) -> None:
        """Note what is so at this service's streams, and end what is so no more."""
        await self.alarms.found(kind, dict(list(places.items())[:_TOLD]))
        for begins in streams_of(self.service):
            await self.pool.execute(SQL["over"], kind, begins, list(places))

    async def _doubt(self, kind: str, doubts: Sequence[Doubt], now: datetime) -> None:
        if doubts:
            rows = columns((one.stream, one.version, one.hash, *one.position) for one in doubts)
            await self.pool.execute(SQL["doubt"], self.service, kind, now, *rows)

    async def _settle(self, settled: Sequence[tuple[str, int]]) -> None:
        if settled:
            await self.pool.execute(SQL["settle"], self.service, *columns(settled))

    async def _hashes(self, points: Iterable[tuple[str, int]]) -> dict[tuple[str, int], str]:
        rows = await self.pool.fetch(SQL["hashes"], *columns(points, 2))
        return {(row["stream"], row["version"]): row["hash"] for row in rows}

    async def _held(self, streams: Iterable[str]) -> set[tuple[str, int]]:
        rows = await self.pool.fetch(SQL["held"], list(set(streams)))
        return {(row["stream"], row["version"]) for row in rows}

    # --- what is told ------------------------------------------------------------------------------------------------

    async def _tell_away(self, now: datetime, away: str | None) -> None:
        if away is not None and self._away_since is not None and now - self._away_since < self.grace:
            return
        await self.alarms.stand("feed-away", {self.service: away} if away else {}, within=self.service)

    async def _measure(self, away: str | None) -> None:
        late: Any = await self.pool.fetchrow(SQL["count_doubts"], self.service, LATE)
        unfed: Any = await self.pool.fetchrow(SQL["count_doubts"], self.service, UNFED)
        rounds = (await self._row())["rounds"]
        self.status = FeedStatus(
            self.service, self._compared, late["events"], late["since"], unfed["events"], rounds, away
        )


def _doubt_of(row: Any) -> Doubt:
    return Doubt(row["stream"], row["version"], row["hash"], Position(row["epoch"], row["xid"], row["position"]))


def _point(item: FeedEvent) -> str:
    return f"{item.stream}@{item.version}"
