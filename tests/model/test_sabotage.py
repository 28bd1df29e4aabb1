"""The model's checker must be able to fail: a season that was walked honestly, told again with one thing changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from functools import cache
from typing import Any

import pytest

from kernel.decider import Happened
from schemas.nomination import SeasonClosed, Tally
from tests.model.checker import Checker
from tests.model.test_walk import walked
from tests.model.world import person

NOBODY = Tally(votes_for=0, votes_against=0, abstained=0)
Change = Callable[[Happened], Happened | None]


@cache
def honest() -> list[tuple[str, list[Happened]]]:
    """Return what was appended and delivered in the scripted season."""
    return walked().checker.journal


def told_again(change: Change) -> None:
    """Hand the season to a fresh checker; `change` returns each event as it shall be told, None to leave it out."""
    checker = Checker()
    for to, events in honest():
        told = [one for one in map(change, events) if one is not None]
        if to:
            for one in told:
                checker.deliver(to, one)
        elif told:
            checker.take(told)


def only(name: str, change: Callable[[Any], dict[str, Any]], nth: int = 0) -> Change:
    """Return a change of the `nth` event of a kind."""
    seen: list[tuple[str, int]] = []

    def changed(happened: Happened) -> Happened:
        if type(happened.event).__name__ != name:
            return happened
        if (happened.stream, happened.version) not in seen:
            seen.append((happened.stream, happened.version))
        if seen.index((happened.stream, happened.version)) != nth:
            return happened
        return happened._replace(event=happened.event.model_copy(update=change(happened.event)))

    return changed


def without(name: str, **which: Any) -> Change:
    """Return a change that leaves events of a kind out, and moves up what follows in their streams."""
    gone: dict[str, list[int]] = {}

    def changed(happened: Happened) -> Happened | None:
        if type(happened.event).__name__ == name and which.items() <= vars(happened.event).items():
            if happened.version not in (left := gone.setdefault(happened.stream, [])):
                left.append(happened.version)
            return None
        earlier = sum(version < happened.version for version in gone.get(happened.stream, ()))
        return happened._replace(version=happened.version - earlier)

    return changed


def years_later(name: str) -> Change:
    """Return a change by which events of a kind happen when every term is over."""

    def changed(happened: Happened) -> Happened:
        late = type(happened.event).__name__ == name
        return happened._replace(time=happened.time + timedelta(days=700)) if late else happened

    return changed


def test_the_honest_season_passes() -> None:
    told_again(lambda one: one)


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("more advance than there are seats", lambda: only("RulebookPublished", lambda said: {"content": _one(said)})),
        ("a lot is lost", lambda: only("PlenaryDecided", lambda _: {"outcome": "lost", "results": ()})),
        ("before one that comes first", lambda: only("TieMotionOpened", lambda _: {"method": "vote", "seed": None})),
        ("votes are counted otherwise", lambda: only("PlenaryDecided", lambda _: {"tally": NOBODY}, 1)),
        ("list what it led to", lambda: only("PlenaryDecided", lambda _: {"results": ()}, 1)),
        ("quorum is counted otherwise", lambda: only("PlenaryDecided", lambda one: {"quorum": _more(one)}, 1)),
        ("nominated twice", lambda: only("CandidateNominated", lambda one: {"candidate": _bone_bolango(one)}, 1)),
        ("voted by an outsider", lambda: only("VoteCast", lambda _: {"person": person("stranger")})),
        ("without a quorum", lambda: without("AttendanceRecorded")),
        ("closed before the deadline", lambda: only("ScoringOpened", _long_open)),
        ("removed member", lambda: only("RankingSealed", lambda one: {"counted": _strangers(one)})),
        ("a sheet without a mark", lambda: only("ScoreSheetSubmitted", lambda one: {"marks": _unmarked(one)})),
        ("who was not drawn", lambda: only("ScorersAssigned", lambda one: {"assignments": one.assignments[:1]})),
        ("number is given twice", lambda: only("CertificateIssued", lambda one: {"number": _first()}, 1)),
        ("a certificate of no winner", lambda: only("CertificateIssued", lambda _: {"given_to": "winner", "rank": 9})),
        ("that was not verified", lambda: only("RulebookPublished", lambda said: {"content": _strict(said)})),
        ("announced than is held", lambda: only("RankingAnnounced", lambda one: {"lines": _one_down(one)})),
        ("a prize of another rank", lambda: only("DecisionReviewed", lambda _: {"places": None})),
        ("a prize of another rank", lambda: only("PrizeAwarded", lambda _: {"rank": 9})),
        ("are not 2 ranks", lambda: only("WinnerDeclared", lambda _: {"rank": 2})),
        ("a verdict on the earlier stage was announced", lambda: without("RankingAnnounced", **_verdict())),
        ("acts out of office", lambda: years_later("VoteCast")),
        ("scores out of office", lambda: only("CommitteeFormed", lambda _: {"term_until": date(2021, 2, 1)})),
        ("appeal after its window", lambda: only("RankingAnnounced", lambda one: {"appeals_until": _before(one)})),
    ],
)  # fmt: skip
def test_a_sabotaged_season_does_not(what: str, change: Callable[[], Change]) -> None:
    with pytest.raises(AssertionError, match=what):
        told_again(change())


def replayed() -> Checker:
    """Return a checker that has taken the honest season."""
    checker = Checker()
    for to, events in honest():
        if to:
            for one in events:
                checker.deliver(to, one)
        else:
            checker.take(events)
    return checker


def test_who_enters_a_stage_that_is_over_is_noticed() -> None:
    checker = replayed()
    first = next(one for _, events in honest() for one in events if type(one.event).__name__ == "CandidateNominated")
    late = person("late")
    candidate = first.event.candidate.model_copy(update={"code": "75.05"})
    entering = first.event.model_copy(update={"nomination": late, "candidate": candidate})
    with pytest.raises(AssertionError, match="of which scoring is over"):
        checker.take([first._replace(stream=f"nomination/{late}", version=1, event=entering)])


def until(name: str, nth: int = 0) -> tuple[Checker, list[Happened]]:
    """Return a checker that took the honest season before the `nth` event of a kind, and the append with that one."""
    checker, seen = Checker(), 0
    for to, events in honest():
        found = not to and any(type(one.event).__name__ == name for one in events)
        if found and seen == nth:
            return checker, events
        seen += found
        if to:
            for one in events:
                checker.deliver(to, one)
        else:
            checker.take(events)
    raise LookupError(f"the season has no {name} {nth}")


def test_a_tie_that_is_broken_again_is_noticed() -> None:
    checker, lot = until("PlenaryDecided")
    said = lot[0].event
    checker.parted.add((said.seal, checker.meetings[said.plenary].motions[said.motion].event.rank))
    with pytest.raises(AssertionError, match="a tie is broken twice"):
        checker.take(lot)


def test_a_stage_that_is_closed_while_an_appeal_holds_it_is_noticed() -> None:
    checker, closed = until("ScoringClosed")
    checker.known_holds["an appeal"] = (closed[0].event.at,)
    with pytest.raises(AssertionError, match="closed while an appeal holds the stage"):
        checker.take(closed)


def test_a_ranking_that_is_tabled_before_nobody_is_noticed() -> None:
    checker, tabled = until("RankingTabled")
    checker.meetings[tabled[0].event.plenary].present.clear()
    with pytest.raises(AssertionError, match="tabled before nobody"):
        checker.take(tabled)


def test_who_competes_where_nothing_is_left_to_decide_is_noticed() -> None:
    checker = replayed()
    checker.leaves_nobody_behind()
    left = next(one for one in checker.nominees.values() if one.ending == "eliminated")
    left.ending = None
    with pytest.raises(AssertionError, match="which is decided"):
        checker.leaves_nobody_behind()


@pytest.mark.parametrize("what", ["an appeal was open", "a verdict was announced", "can be appealed against"])
def test_a_season_that_is_closed_too_early_is_noticed(what: str) -> None:
    checker = replayed()
    award = next(one for one in checker.awards.values() if one.until)
    last = max(one.time for one in checker.all)
    if "open" in what:
        checker.appeals["an appeal"] = object()
    elif "verdict" in what:
        award.corrected.update(award.until)
    else:
        award.until.update(dict.fromkeys(award.until, last + timedelta(days=1)))
    opened = next(one for one in checker.all if type(one.event).__name__ == "SeasonOpened")
    said = {"season": "2020", "first": person("1"), "second": person("2"), "reason_digest": "ab" * 32}
    version = checker.ends[opened.stream][0] + 1
    with pytest.raises(AssertionError, match=what):
        checker.take([opened._replace(event=SeasonClosed(**said), version=version, time=last)])


def _one(said: Any) -> dict[str, Any]:
    """Return the rulebook's content with one seat for every stage."""
    stages = [{**one, "quota": {"places": 1}} for one in said.content["stages"]]
    return {**said.content, "stages": stages}


def _strict(said: Any) -> dict[str, Any]:
    """Return the rulebook's content with every stage verifying."""
    return {**said.content, "stages": [{**one, "verification": {"days_to_mend": 1}} for one in said.content["stages"]]}


def _more(one: Any) -> Any:
    return one.quorum.model_copy(update={"present": 9})


def _bone_bolango(one: Any) -> Any:
    return one.candidate.model_copy(update={"code": "75.01", "kind": "regency"})


def _long_open(one: Any) -> dict[str, Any]:
    return {"closes": one.closes + timedelta(days=200)}


def _strangers(one: Any) -> Any:
    first, *rest = one.counted
    stream = "/".join([*first.stream.split("/")[:3], person("stranger")])
    return (first.model_copy(update={"stream": stream}), *rest)


def _unmarked(one: Any) -> Any:
    return tuple(mark.model_copy(update={"mark": None}) for mark in one.marks)


def _first() -> str:
    issued = [one for _, events in honest() for one in events if type(one.event).__name__ == "CertificateIssued"]
    number: str = issued[0].event.number
    return number


def _one_down(one: Any) -> Any:
    first, *rest = one.lines
    return (first.model_copy(update={"rank": first.rank + 1}), *rest)


def _verdict() -> dict[str, Any]:
    """Return the first verdict as its announcement cites it."""
    decided = [one.event for _, events in honest() for one in events if type(one.event).__name__ == "AppealDecided"]
    return {"plenary": decided[0].plenary, "motion": decided[0].motion}


def _before(one: Any) -> Any:
    return one.appeals_until - timedelta(days=30)
