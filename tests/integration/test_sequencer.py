"""The audit's log on a real database and broker: every event once, the same root whatever breaks, and never two."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from kernel.broker import Broker, Place, Record
from kernel.canonical import canonical
from kernel.keys import note_key
from kernel.settings import StartFailed
from kernel.tlog.checkpoints import Checkpoint, opened
from kernel.tlog.notes import COSIGNATURE, NoteKey
from kernel.tlog.tiles import Tile, tiles_of
from kernel.tlog.trees import root_from
from services.audit.log.checkpoints import Asked
from services.audit.log.leaves import Leaf, records_of
from services.audit.log.store import LogStore
from services.signer.app import create_app
from services.signer.book import Book
from services.signer.settings import SignerSettings
from tests.conftest import DatabaseFactory, TopicFactory
from tests.support.delivery import until
from tests.support.log import ORIGIN, LogUnderTest, chains, running, serving, signer_settings

MakeLog = Callable[..., Awaitable[LogUnderTest]]


@pytest_asyncio.fixture
async def make_log(
    database: DatabaseFactory, make_topic: TopicFactory, kafka_bootstrap: str, tmp_path: Path
) -> AsyncIterator[MakeLog]:
    """Make databases that keep one log: they share topic, keys and signer."""
    sequencer = note_key(tmp_path / "keys" / "sequencer.key", f"{ORIGIN}/sequencer")
    topic = await make_topic("log")
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(
            serving(create_app(signer_settings(tmp_path / "signer", sequencer.verifier)))
        )
        vkeys = [note_key(tmp_path / "signer" / "one.key", ORIGIN).verifier]

        async def make() -> LogUnderTest:
            urls = await database("audit")
            pool = await asyncpg.create_pool(urls.login_url, min_size=1, max_size=6)
            stack.push_async_callback(pool.close)
            broker = Broker(kafka_bootstrap, "test")
            stack.push_async_callback(broker.close)
            return LogUnderTest(pool, urls.login_url, broker, topic, tmp_path / "keys", url, vkeys)

        yield make


@pytest_asyncio.fixture
async def log(make_log: MakeLog) -> LogUnderTest:
    return await make_log()


async def has(log: LogUnderTest, size: int) -> None:
    async def reached() -> bool:
        return (await log.store.end()).size >= size

    await until(reached)


async def signed(log: LogUnderTest, size: int) -> Checkpoint:
    async def reached() -> Checkpoint | None:
        newest = await log.signed()
        return newest if newest and newest.size >= size else None

    found: Checkpoint = await until(reached)
    return found


async def test_every_event_becomes_a_leaf_once_and_the_root_is_signed(log: LogUnderTest) -> None:
    entries = chains(40, 20)
    await log.receive(entries[:500])
    async with running(log.sequencer()):
        await has(log, 500)
        await log.receive(entries[500:])
        checkpoint = await signed(log, 800)
    hashes = await log.hashes()
    assert sorted(hashes) == sorted(entry.hash for entry in entries)
    assert checkpoint == Checkpoint(ORIGIN, 800, await log.root())
    for tile in tiles_of(800):
        assert await log.store.tile(tile) is not None
    assert root_from(800, await log.store.tiles(tiles_of(800))) == checkpoint.root
    assert await log.store.tile(Tile(0, 0)) == b"".join(hashes[:256])
    assert await log.store.tile(Tile(0, 3, 32)) == b"".join(hashes[768:])
    assert await log.store.tile(Tile(0, 3, 33)) is None


async def test_each_stream_has_its_events_in_its_order(log: LogUnderTest) -> None:
    await log.receive(chains(7, 30))
    async with running(log.sequencer(most=50)):
        await has(log, 210)
    seen: dict[str, int] = {}
    for leaf in await log.store.leaves(0, 210):
        assert leaf.version == seen.get(leaf.stream, 0) + 1
        seen[leaf.stream] = leaf.version


async def test_a_lost_database_comes_to_the_same_root_from_the_topics(log: LogUnderTest, make_log: MakeLog) -> None:
    entries = chains(30, 12)
    await log.receive(entries)
    async with running(log.sequencer(most=100)):
        before = await signed(log, 360)
    other = await make_log()
    # What is received again comes in another order, stream by stream; some of it late.
    again = sorted(entries, key=lambda entry: (entry.stream, entry.version))
    await other.receive(again[:200])
    async with running(other.sequencer(most=77)):
        await other.receive(again[200:])
        await has(other, 360)
    assert await other.hashes() == await log.hashes()
    assert await other.root() == before.root


async def test_a_lost_topic_is_written_again_and_leads_to_the_same_root(
    log: LogUnderTest, make_log: MakeLog, make_topic: TopicFactory
) -> None:
    entries = chains(11, 30)
    await log.receive(entries[:300])
    async with running(log.sequencer(most=90)):
        before = await signed(log, 300)
    empty = await make_topic("log-made-anew")
    async with running(log.sequencer(topic=empty)):
        await log.receive(entries[300:])
        after = await signed(log, 330)
    third = replace(await make_log(), topic=empty)
    await third.receive(entries)
    async with running(third.sequencer()):
        await has(third, 330)
    hashes = await third.hashes()
    assert hashes == await log.hashes()
    assert after.root == await third.root()
    assert before.root != after.root


async def test_a_database_from_a_backup_takes_up_a_record_that_goes_beyond_it(
    log: LogUnderTest, make_log: MakeLog, make_topic: TopicFactory
) -> None:
    entries = chains(5, 60)
    await log.receive(entries)
    async with running(log.sequencer(most=1000)):
        await has(log, 300)
    backup = await make_log()
    await backup.receive(entries[:290])
    async with running(backup.sequencer(topic=await make_topic("as-it-was-then"), most=70)):
        await has(backup, 290)
    await backup.receive(entries[290:])
    async with running(backup.sequencer(topic=log.topic)):
        await has(backup, 300)
    assert await backup.hashes() == await log.hashes()


async def test_two_that_believe_to_lead_write_one_log(log: LogUnderTest) -> None:
    entries = chains(50, 20)
    rivals = [log.sequencer(lead=f"rival-{number}", most=64) for number in range(2)]
    async with running(rivals[0]), running(rivals[1]):
        for start in range(0, 1000, 100):
            await log.receive(entries[start : start + 100])
        await has(log, 1000)
        checkpoint = await signed(log, 1000)
    assert sorted(await log.hashes()) == sorted(entry.hash for entry in entries)
    assert checkpoint.root == await log.root()


async def test_a_record_with_another_hash_stands_the_log_still(log: LogUnderTest) -> None:
    entries = chains(3, 3)
    await log.receive(entries)
    forged = [Leaf(entry.stream, entry.version, b"\x07" * 32) for entry in entries[:3]]
    await _write(log, *records_of(0, forged))
    sequencer = log.sequencer()
    async with running(sequencer):
        await until(lambda: _stands(sequencer))
    assert "another hash" in sequencer.check()[1]
    assert (await log.store.end()).size == 0
    assert await log.signed() is None


async def _stands(sequencer: Any) -> bool:
    return not sequencer.check()[0]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe",
        b"{}",
        b"[" * 100_000,
        canonical({"index": -1, "leaves": [["nomination/0000", 1, "00" * 32]]}),
        canonical({"index": 0, "leaves": []}),
        canonical({"index": 0, "leaves": [["nomination/0000", 0, "00" * 32]]}),
        canonical({"index": 0, "leaves": [["nomination/0000", 1, "AB" * 32]]}),
        canonical({"index": 5, "leaves": [["nomination/0000", 1, "00" * 32]]}),
        canonical({"index": 0, "leaves": [["nomination/0000", 2, "00" * 32]]}),
        canonical({"index": 0, "leaves": [["nomination/0000", 1, "00" * 32]], "more": 1}),
    ],
    ids=range(11),
)
async def test_what_is_no_record_or_does_not_follow_is_passed_over(log: LogUnderTest, raw: bytes) -> None:
    entries = chains(2, 2)
    await log.receive(entries)
    await _write(log, raw)
    async with running(log.sequencer()):
        await has(log, 4)
    assert await log.hashes() == [entry.hash for entry in entries]


async def _write(log: LogUnderTest, *values: bytes) -> None:
    async with log.broker.publisher() as publisher:
        sent = await publisher.send(Place(log.topic, 0), [Record(None, value, []) for value in values], 1)
        for each in sent:
            await each.offset()


class Crash(Exception):
    """The process ends here."""


class Crashing(LogStore):
    """A store that ends the process before or after one of its writes."""

    def __init__(self, pool: Any, step: str, when: str) -> None:
        super().__init__(pool)
        self._step, self._when, self.crashed = step, when, False

    async def integrate(self, *given: Any) -> None:
        await self._do("integrate", super().integrate(*given))

    async def passed(self, *given: Any) -> None:
        await self._do("passed", super().passed(*given))

    async def sign(self, *given: Any) -> bool:
        kept: bool = await self._do("sign", super().sign(*given))
        return kept

    async def _do(self, step: str, work: Any) -> Any:
        if step == self._step and self._when == "before":
            work.close()
            self.crashed = True
            raise Crash
        result = await work
        if step == self._step:
            self.crashed = True
            raise Crash
        return result


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", ["integrate", "passed", "sign"])
async def test_a_crash_between_two_durable_steps_loses_and_doubles_nothing(
    log: LogUnderTest, step: str, when: str
) -> None:
    entries = chains(9, 30)
    await log.receive(entries[:200])
    crashing = Crashing(log.pool, step, when)
    with pytest.raises(ExceptionGroup):
        await asyncio.wait_for(log.sequencer(store=crashing, most=120).run(), 20)
    assert crashing.crashed
    await log.receive(entries[200:])
    async with running(log.sequencer(most=64)):
        checkpoint = await signed(log, 270)
    assert sorted(await log.hashes()) == sorted(entry.hash for entry in entries)
    assert checkpoint.root == await log.root()


async def test_every_checkpoint_that_was_signed_is_consistent_with_the_next(log: LogUnderTest) -> None:
    entries = chains(20, 30)
    decisive = frozenset({entries[0].type})
    async with running(log.sequencer(decisive=decisive, most=37)):
        draw = random.Random(4)
        at = 0
        while at < len(entries):
            step = draw.randint(1, 90)
            await log.receive(entries[at : at + step])
            at += step
            await signed(log, min(at, len(entries)))
    kept = await log.store.checkpoints(0, 1000)
    assert len(kept) > 5
    hashes = await log.hashes()
    for one in kept:
        checkpoint = opened(one.note.encode(), log.vkeys).checkpoint
        tiles = await log.store.tiles(tiles_of(checkpoint.size))
        assert root_from(checkpoint.size, tiles) == checkpoint.root
        assert len(hashes) >= checkpoint.size


async def test_a_signer_that_is_away_holds_up_no_leaf_and_is_asked_again(log: LogUnderTest) -> None:
    entries = chains(4, 4)
    away = replace(log, signer_url="http://127.0.0.1:9")
    await log.receive(entries)
    async with running(away.sequencer()):
        await has(log, 16)
    assert await log.signed() is None
    async with running(log.sequencer()):
        assert (await signed(log, 16)).root == await log.root()


# --- the signer -------------------------------------------------------------------------------------------------------


async def test_a_witness_adds_its_line_and_the_checkpoint_is_served_with_it(log: LogUnderTest, tmp_path: Path) -> None:
    folder = tmp_path / "witness"
    folder.mkdir()
    key = NoteKey.generate("witness.example", COSIGNATURE)
    (folder / "one.key").write_text(key.text)
    settings = SignerSettings(folder=folder, submitters=tuple(log.vkeys), port=1)
    await log.receive(chains(5, 5))
    async with serving(create_app(settings)) as url:
        async with running(log.sequencer(witnesses=[Asked(url, [key.verifier])])):

            async def witnessed() -> bool:
                newest = await log.store.newest()
                return newest is not None and newest.size == 25 and "witness.example" in newest.note

            await until(witnessed)
        newest = await log.store.newest()
        assert newest is not None
        found = opened(newest.note.encode(), [*log.vkeys, key.verifier])
        assert {one.key.name for one in found.verified} == {ORIGIN, "witness.example"}


def test_two_signers_cannot_hold_one_folder(tmp_path: Path) -> None:
    settings = signer_settings(tmp_path)
    book = Book(settings.folder)
    with pytest.raises(StartFailed, match="another signer holds"):
        Book(settings.folder)
    book.close()
