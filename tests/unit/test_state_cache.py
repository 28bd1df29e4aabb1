"""What the executor keeps of streams between commands: the latest, and nothing of what is not there."""

from __future__ import annotations

from datetime import UTC, datetime

from kernel.commands import Kept, StateCache
from kernel.decider import Aggregate
from kernel.log import NO_HEAD, Head

COUNT = Aggregate[int](initial=lambda: 0, evolve=lambda state, _event: state + 1, kind="sheet")
NOW = datetime(2021, 1, 1, tzinfo=UTC)


def kept(version: int) -> Kept:
    return Kept(version, Head(version, b"h", NOW))


def test_what_a_slow_read_brings_back_does_not_replace_what_was_committed_meanwhile():
    cache = StateCache()
    cache.put(COUNT, "sheet/a", kept(5))
    cache.put(COUNT, "sheet/a", kept(4))
    assert cache.get(COUNT, "sheet/a") == kept(5)
    cache.put(COUNT, "sheet/a", kept(6))
    assert cache.get(COUNT, "sheet/a") == kept(6)


def test_after_a_conflict_what_is_read_is_kept_whatever_it_is():
    cache = StateCache()
    cache.put(COUNT, "sheet/a", kept(5))
    cache.drop(COUNT, "sheet/a")
    cache.put(COUNT, "sheet/a", Kept(0, NO_HEAD))
    assert cache.get(COUNT, "sheet/a") == Kept(0, NO_HEAD)
