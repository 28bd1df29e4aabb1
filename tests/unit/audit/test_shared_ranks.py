"""Shared ranks over several meetings: a lot that is drawn again, a tie that is broken again, ranks vacant beside it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Any

import pytest

from schemas.envelope import Stage
from schemas.nomination import PlenaryDecided, RankLeftVacant, TieMotionOpened, Verdict
from schemas.rulebook import Rulebook
from services.audit.checks.ties import draw
from services.nomination.domain.ties import AskTie
from services.nomination.domain.verdict import AskAppeal
from tests.unit.audit.exported import Log, forged
from tests.unit.audit.forging import Change, added, codes, events_of, of, rules, said, time_of, verified
from tests.unit.audit.played import person
from tests.unit.audit.procedure import ALL, ASPECTS, SEED, Meeting, Procedure, marks

Data = dict[str, Any]

FIRST, SECOND, THIRD = (person(f"nomination {code}") for code in ("75.03", "75.71", "75.01"))
AWARD = "award/2020/provincial/75/KABKOTA"
AGAIN = "77" * 32
DRAWN_AGAIN = "the same nominees were drawn for before, with another seed"


def ending_in_the_province(shipped: Rulebook) -> Rulebook:
    """Return the shipped rulebook with one stage for regencies and cities, three places, and lots for all ties."""
    content = shipped.model_dump(mode="json", exclude_none=True)
    for rubric in content["rubrics"]:
        rubric["tie_break"] = ["lot"]
    stages = [one for one in content["stages"] if one["category"] != "KABKOTA" or one["code"] == "seleksi"]
    for stage in stages:
        if stage["category"] == "KABKOTA":
            del stage["next"]
            stage["quota"]["places"] = 3
    return Rulebook.from_content({**content, "stages": stages, "prizes": []})


class Short(Procedure):
    """A season whose path for regencies and cities is one stage."""

    def stage(self, index: int) -> Stage:
        """Return the one stage."""
        return super().stage(0)


def sealed(*values: str, rulebook: Rulebook) -> Short:
    """Return a season up to a seal of as many nominees as there are marks."""
    play = Short(rulebook)
    play.open_season()
    play.form("panitia-9", "75")
    names = (("75.03", "Kabupaten Bone Bolango"), ("75.71", "Kota Gorontalo"), ("75.01", "Kabupaten Gorontalo"))
    nominees = [play.nominate(code, name, play.stage(0)) for code, name in names[: len(values)]]
    play.open_stage(play.stage(0))
    for nomination, value in zip(nominees, values, strict=True):
        for member in play.members("panitia-9", "75")[:3]:
            play.score(play.stage(0), nomination, member, marks(value))
    play.seal(play.stage(0))
    return play


# --- lots over several meetings ------------------------------------------------------------------------------------

NAMES = ("one", "two", "three")


@cache
def drawn(names: tuple[str, str, str] = NAMES) -> Log:
    """Return a season in which three meetings draw for one tie, seconds apart, and the last of them decides on it."""
    content = ending_in_the_province(rules()).model_dump(mode="json", exclude_none=True)
    for stage in content["stages"]:
        stage["quota"]["places"] = 2
    play = sealed("90", "80", "80", rulebook=Rulebook.from_content(content))
    meetings = [Meeting(play, play.stage(0), name) for name in names]
    for meeting in meetings:
        meeting.table()
    lots = [
        meeting.put(AskTie(2, "lot", None, seed)) for meeting, seed in zip(meetings, (SEED, AGAIN, AGAIN), strict=True)
    ]
    meetings[-1].close(lots[-1])
    proposal = meetings[-1].put()
    meetings[-1].vote(proposal, *ALL)
    meetings[-1].close(proposal)
    return play.log


def plenary(name: str) -> str:
    return f"plenary/{person(name)}"


def seeded(seed: str) -> Callable[[Data], None]:
    """Return a change of a draw to another seed, with the order that this one gives."""
    return lambda data: data.update(seed=seed, order=draw(seed, data["order"]))


def all_of(*changes: Change) -> Change:
    def apply(*event: Any) -> None:
        for change in changes:
            change(*event)

    return apply


def drawn_again(*names: str) -> Change:
    return all_of(*(of("TieMotionOpened", seeded(AGAIN), plenary(name)) for name in names))


def test_a_lot_keeps_its_first_seed_in_every_meeting(tmp_path):
    log = drawn()
    seeds = {events_of(log, plenary(name), "TieMotionOpened")[0]["data"]["seed"] for name in NAMES}
    assert seeds == {SEED}
    assert said(verified(log, tmp_path)) == ""


@pytest.mark.parametrize("names", [NAMES, NAMES[::-1]])
@pytest.mark.parametrize("again", [(1,), (2,), (1, 2)])
def test_whoever_draws_again_is_found_however_soon_and_whether_it_was_decided_on(tmp_path, names, again):
    """By the order of the log, so not by that of the meetings' ids, nor only where seconds lie between the draws."""
    log = drawn(names)
    draws = [time_of(events_of(log, plenary(name), "TieMotionOpened")[0]) for name in names]
    assert draws[-1] - draws[0] < timedelta(seconds=10)
    report = verified(forged(log, drawn_again(*(names[one] for one in again))), tmp_path)
    found = {one.place.stream for one in report.findings if DRAWN_AGAIN in one.what}
    assert found == {plenary(names[one]) for one in again}


def test_the_meeting_that_drew_first_is_none_that_drew_again(tmp_path):
    report = verified(forged(drawn(), drawn_again(NAMES[0])), tmp_path)
    found = {one.place.stream for one in report.findings if DRAWN_AGAIN in one.what}
    assert found == {plenary(name) for name in NAMES[1:]}


def test_a_draw_against_its_seed_is_found_where_nobody_decided_on_it(tmp_path):
    change = of("TieMotionOpened", lambda data: data["order"].reverse(), plenary(NAMES[1]))
    report = verified(forged(drawn(), change), tmp_path)
    (finding,) = report.findings
    assert "not the one that the lot's seed gives" in finding.what
    assert finding.place.stream == plenary(NAMES[1])


def test_a_draw_among_more_takes_a_new_seed_and_those_of_before_keep_theirs(tmp_path):
    log = drawn()
    told = events_of(log, plenary(NAMES[2]), "TieMotionOpened")[0]["data"]

    def another(seed: str, motion: int, *who: str) -> TieMotionOpened:
        order = tuple(draw(seed, who))
        return TieMotionOpened.model_validate({**told, "motion": motion, "order": order, "seed": seed})

    more = added(log, plenary(NAMES[2]), another(AGAIN, 3, FIRST, SECOND, THIRD))
    assert DRAWN_AGAIN not in said(verified(more, tmp_path / "more"))
    kept = added(more, plenary(NAMES[2]), another(SEED, 4, SECOND, THIRD))
    assert DRAWN_AGAIN not in said(verified(kept, tmp_path / "kept"))
    taken = added(more, plenary(NAMES[2]), another(AGAIN, 4, SECOND, THIRD))
    assert DRAWN_AGAIN in said(verified(taken, tmp_path / "taken"))


def test_a_tie_that_two_meetings_broke_is_found_though_both_had_put_it_before(tmp_path):
    log = drawn()
    decided = events_of(log, plenary(NAMES[2]), "PlenaryDecided")[0]
    again = PlenaryDecided.model_validate({**decided["data"], "plenary": person(NAMES[0])})
    report = verified(added(log, plenary(NAMES[0]), again, time_of(decided)), tmp_path)
    (finding,) = report.findings
    assert "the tie at rank 2 was broken before" in finding.what
    assert finding.place.stream == plenary(NAMES[0])


# --- vacant ranks --------------------------------------------------------------------------------------------------


def award(log: Log, name: str) -> list[int]:
    return [one["data"]["rank"] for one in events_of(log, AWARD, name)]


@cache
def won(*values: str, verdicts: tuple[str, ...] = ()) -> Log:
    """Return a season with three places and two nominees, of whom the second appeals once for each verdict's mark."""
    play = sealed(*values, rulebook=ending_in_the_province(rules()))
    at = play.stage(0)
    meeting = play.hold(at)
    meeting.table()
    proposal = meeting.put()
    meeting.vote(proposal, *ALL)
    meeting.close(proposal)
    meeting.publish(proposal)
    for number, value in enumerate(verdicts):
        appeal, contested, motion = person(f"appeal {number}"), person(f"plenary {at.ranking}"), proposal
        play.lodge(appeal, SECOND, at, contested, motion)
        play.log.now += timedelta(hours=1)
        hearing = play.hold(at, f"hearing {number}")
        figures = [{"aspect": aspect, "value": f"{value}/1"} for aspect in ASPECTS]
        upheld = hearing.put(AskAppeal(appeal, Verdict.model_validate({"outcome": "upheld", "figures": figures})))
        hearing.vote(upheld, *ALL)
        hearing.close(upheld)
    return play.log


def left_vacant(log: Log, rank: int, decision: str) -> Log:
    """Return the log with one more rank left vacant by the last decision of a meeting, which lists it."""
    version = len(events_of(log, AWARD)) + 1
    decided = events_of(log, decision, "PlenaryDecided")[-1]
    by = {name: decided["data"][name] for name in ("plenary", "motion")}
    at = events_of(log, AWARD, "WinnerDeclared")[0]["data"]["at"]
    vacant = RankLeftVacant.model_validate({"at": at, "rank": rank, **by})
    listed = of(
        "PlenaryDecided",
        lambda data: data["results"].append({"stream": AWARD, "version": version}),
        decision,
        decided["streamversion"],
    )
    return forged(added(log, AWARD, vacant, time_of(decided)), listed)


HEARING, LATER = plenary("hearing 0"), plenary("hearing 1")


@pytest.mark.parametrize(
    ("values", "verdicts", "declared"),
    [
        # who came to share rank 1 leaves the second rank as taken as it was
        (("90", "80"), ("90",), [1, 2, 1]),
        # who shared it alone is second
        (("90", "90"), ("80",), [1, 1, 2]),
        # there and back again
        (("90", "80"), ("90", "80"), [1, 2, 1, 2]),
    ],
)
def test_two_who_share_a_rank_and_the_vacant_ones_are_as_many_as_the_quota(tmp_path, values, verdicts, declared):
    log = won(*values, verdicts=verdicts)
    assert award(log, "WinnerDeclared") == declared
    assert award(log, "RankLeftVacant") == [3]
    assert said(verified(log, tmp_path)) == ""


@pytest.mark.parametrize("rank", [2, 3])
@pytest.mark.parametrize(
    ("values", "verdicts", "decision"),
    [
        (("90", "90"), (), f"plenary/{person('plenary ranking/2020/provincial/75/KABKOTA/seleksi')}"),
        (("90", "80"), ("90",), HEARING),
        (("90", "90"), ("80",), HEARING),
        (("90", "80"), ("90", "80"), LATER),
        (("90", "80"), ("80", "90"), LATER),
    ],
)
def test_a_rank_left_vacant_beside_those_who_share_it_is_found(tmp_path, values, verdicts, decision, rank):
    log = left_vacant(won(*values, verdicts=verdicts), rank, decision)
    report = verified(log, tmp_path)
    assert codes(report) == {"decision"}
    assert {one.place.stream for one in report.findings} == {decision}
    assert f"its result {AWARD}@{len(events_of(log, AWARD))} is not what the motion and the seal give" in said(report)
