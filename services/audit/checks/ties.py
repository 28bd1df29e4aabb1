"""Ties broken by people: by an order that was voted, or by a lot that everybody can draw again from its seed."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from services.audit.checks.stages import held_faults
from services.audit.checks.telling import Fault, after, told
from services.audit.checks.ways import left_empty
from services.audit.meetings import Decided, Kept, Motion
from services.audit.record import Record
from services.audit.rules import Rules

Json = Mapping[str, Any]


def broken(record: Record, seal: str, moment: str) -> list[Json]:
    """Return the ties on a seal that were broken before a moment, whichever meeting did it, in order."""
    found = [
        (decided.event.time, decided.motion.opened.data)
        for decided in record.decisions()
        if decided.motion is not None
        and decided.motion.opened.name == "TieMotionOpened"
        and decided.motion.opened.data["seal"] == seal
        and decided.carried
        and decided.event.time < moment
    ]
    return [said for _, said in sorted(found, key=lambda one: one[0])]


def effective_ranks(standings: Iterable[Json], ties: Iterable[Json]) -> dict[str, int]:
    """Return every ranked nominee's rank, best first: who shared rank r holds r, r+1, … in the order chosen."""
    ranks = {row["nomination"]: row["rank"] for row in standings}
    for tie in ties:
        ranks.update({nomination: tie["rank"] + place for place, nomination in enumerate(tie["order"])})
    return dict(sorted(ranks.items(), key=lambda item: item[1]))


def draw(seed: str, nominations: Collection[str]) -> list[str]:
    """Return nominations in the order that a lot gives them."""
    return sorted(nominations, key=lambda one: hashlib.sha256(f"{seed}/{one}".encode()).digest())


def tie_faults(decided: Decided, motion: Motion, seal: Kept, rules: Rules, record: Record) -> Iterator[str]:
    """Check that a tie was one, was put in its turn, and was not broken before."""
    said, moment = motion.opened.data, motion.opened.time
    if decided.event.data["results"]:
        yield "breaking a tie moves nobody, and it lists results"
    yield from held_faults(decided.at, moment, record)
    yield from held_faults(decided.at, decided.event.time, record)
    sharing = [row["nomination"] for row in seal.data["standings"] if row["rank"] == said["rank"]]
    tied = [one for one in sharing if one in said["order"] or not left_empty(record, one, after(moment))]
    if len(tied) < 2 or sorted(said["order"]) != sorted(tied):
        yield f"its `order` is not of those who share rank {said['rank']}"
    # Who puts or closes a question on a tie reads the body's other meetings, as who draws does.
    if any(tie["rank"] == said["rank"] for tie in broken(record, seal.id, decided.event.time)):
        yield f"the tie at rank {said['rank']} was broken before"
    yield from _method_faults(said, seal, rules, moment, record)
    if said["method"] == "vote" and any(
        _drew_for(one, said, decided.event.time) for _, one in _draws_of(decided, record)
    ):
        yield "a lot had been drawn for them, and they were voted on"
    if said["method"] == "lot":
        yield from _lot_faults(motion)


def _method_faults(said: Json, seal: Kept, rules: Rules, moment: str, record: Record) -> Iterator[str]:
    methods = [rule for rule in rules.ranking(seal.data["at"]).tie_break if rule in ("vote", "lot")]
    if said["method"] not in methods:
        yield f"the rules break no tie by {said['method']}"
        return
    tried = {one["method"] for one in _decided(record, moment) if _on(one, seal.id, said["rank"])}
    for method in methods[: methods.index(said["method"])]:
        if method not in tried:
            yield f"the rules break a tie by {method} before they do by {said['method']}"


def _on(said: Json, seal: str, rank: int) -> bool:
    return bool(said["seal"] == seal and said["rank"] == rank)


def _decided(record: Record, moment: str) -> Iterator[Json]:
    """Yield every question on a tie that was decided on before a moment, however: a way that was put was not tried."""
    for decided in record.decisions():
        motion = decided.motion
        if motion is not None and motion.opened.name == "TieMotionOpened" and decided.event.time < moment:
            yield motion.opened.data


def _draws_of(decided: Decided, record: Record) -> Iterator[tuple[tuple[str, ...], Kept]]:
    """Yield every draw for the stage of a decision."""
    whose = decided.at
    stage = (whose["season"], whose["province"], whose["category"], whose["stage"])
    return (one for one in _draws(record) if one[0] == stage)


def _drew_for(opened: Kept, said: Json, moment: str) -> bool:
    """Tell whether a lot was drawn before a moment among nominees of whom a question is."""
    return opened.time < moment and set(said["order"]) <= set(opened.data["order"])


def _lot_faults(motion: Motion) -> Iterator[str]:
    if motion.votes or motion.on_paper:
        yield "nobody votes on a lot"


# --- draws ---------------------------------------------------------------------------------------------------------


def draws_faults(record: Record) -> Iterator[Fault]:
    """Check every lot where it was drawn, decided on or not: its order is its seed's, and nobody is drawn for anew."""
    drawn = list(_draws(record))
    for at, opened in drawn:
        others = [one for where, one in drawn if where == at and one is not opened]
        yield from told("decision", opened.place, _draw_faults(opened, others))


def _draws(record: Record) -> Iterator[tuple[tuple[str, ...], Kept]]:
    """Yield every draw with the stage that it was for, whichever meeting drew."""
    for meeting in record.meetings.values():
        for motion in meeting.motions.values():
            if motion.by_lot and meeting.convened is not None:
                whose, item = meeting.convened.data, motion.opened.data["item"]
                yield (whose["season"], whose["province"], item["category"], item["stage"]), motion.opened


def _draw_faults(opened: Kept, others: Iterable[Kept]) -> Iterator[str]:
    said = opened.data
    if said.get("seed") is None or list(said["order"]) != draw(said["seed"], said["order"]):
        yield "its order is not the one that the lot's seed gives"
    earlier = [one for one in others if one.data.get("seed") and _drew_for_them_before(one, opened)]
    first = min((one.time for one in earlier), default="")
    if earlier and said.get("seed") not in {one.data["seed"] for one in earlier if one.time == first}:
        yield "the same nominees were drawn for before, with another seed"


def _drew_for_them_before(one: Kept, other: Kept) -> bool:
    """Tell whether a draw came before another one among its nominees.

    Draws for a stage are of one log, and each is recorded no earlier than all that were there: whoever draws reads the
    body's other meetings, and an append is no earlier than what it rests on. So their times order them as the log does,
    however near they lie. Of two at the same instant either may be the first; for the same nominees their seeds agree.
    """
    theirs, own = set(one.data["order"]), set(other.data["order"])
    if one.point.stream == other.point.stream:
        return one.point.version < other.point.version and own <= theirs
    return own <= theirs if one.time < other.time else one.time == other.time and own == theirs
