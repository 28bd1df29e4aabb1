"""Specs of verdicts: what may be put, what follows from it in one append, and what never happens."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.decider import Refusal
from schemas.envelope import StreamPoint
from schemas.nomination import (
    AgendaItem,
    AppealDecided,
    AppealLodged,
    AppealMotionOpened,
    CertificateIssued,
    CertificateRevoked,
    DecisionContested,
    DecisionReviewed,
    MotionOpened,
    NominationEliminated,
    NominationReinstated,
    NominationRejected,
    NominationReturned,
    PlenaryDecided,
    PrizeAwarded,
    RankingAnnounced,
    RankLeftVacant,
    ResealOrdered,
    StageAdvanced,
    StageAdvanceWithdrawn,
    StageUnfrozen,
    TieMotionOpened,
    Verdict,
    VerdictFigure,
    WinnerDeclared,
    WinnerWithdrawn,
)
from schemas.rulebook import Rulebook
from schemas.scoring import Basis, RankingSealed, standings_digest
from services.nomination.domain.nomination import Nomination
from services.nomination.domain.plenary import (
    Actor,
    Convene,
    DecideAppeal,
    Motion,
    Propose,
    RecordAttendance,
    convene,
    record_attendance,
)
from services.nomination.domain.ties import AskTie
from services.nomination.domain.verdict import corrected_announcement, verdict_results
from services.nomination.domain.voting import CastVote, cast_vote
from tests.unit.nomination.appealing import (
    APPEAL_ID,
    ASPECTS,
    DESK,
    DISMISSED,
    JURY,
    OTHER_APPEAL,
    Hearing,
    contested,
    decided_on,
    ending_here,
    every,
    honouring,
    one,
    tied_by_vote,
    to,
    upheld,
    verdict_of,
)
from tests.unit.nomination.assembly import SEED, with_verification
from tests.unit.nomination.scene import (
    AT,
    BODY,
    CHAIR,
    GORONTALO,
    ITEM,
    LATER,
    PLENARY_ID,
    REASON,
    REGENCIES,
    SECRETARY,
    VOTING_OFFICES,
    accepted,
    changed,
    person,
    refused,
    rulebook,
)


def figure(aspect: str = "kinerja", **also: Any) -> VerdictFigure:
    return VerdictFigure.model_validate({"aspect": aspect, **also})


def measured(aspect: str = "kinerja") -> Rulebook:
    """Return rules under which an aspect is measured and nobody marks it."""
    content = rulebook().model_dump(mode="json", exclude_none=True)
    for rubric in content["rubrics"]:
        for each in rubric["aspects"]:
            if each["code"] == aspect:
                each["origin"] = "measured"
    return changed(rulebook(), rubrics=content["rubrics"])


# --- putting a verdict ---------------------------------------------------------------------------------------------


def test_a_verdict_is_put_with_whom_it_affects():
    scene, ids = contested(90, 80, 70, 60)
    (opened,) = scene.given(scene.put(to(85)))
    assert isinstance(opened, AppealMotionOpened)
    assert (opened.motion, opened.item, opened.appeal, opened.nomination) == (2, ITEM, APPEAL_ID, ids[3])
    assert opened.affected == (ids[3], ids[1])
    current = scene.ranking().current
    assert current is not None
    assert opened.seal == current.id


def test_a_dismissal_affects_nobody():
    scene, _ = contested(90, 80, 70)
    (opened,) = scene.given(scene.put(DISMISSED, actor=Actor(CHAIR)))
    assert isinstance(opened, AppealMotionOpened)
    assert opened.affected == ()


def test_who_is_recused_on_whom_the_verdict_moves_does_not_vote():
    scene, ids = contested(90, 80, 70)
    member = person("ketua-spsi")
    scene.given(scene.declare(member, ids[1]))
    scene.given(scene.put(to(85)))
    refused(scene.vote(member, "for", 2), "recused", "actor")


def test_an_unknown_appeal_is_not_decided():
    scene, _ = decided_on(90, 80, 70)
    refused(scene.put(DISMISSED), "appeal-unknown", "appeal")


def test_a_decided_appeal_is_not_decided_again():
    scene, _ = contested(90, 80, 70)
    scene.given(scene.put(DISMISSED))
    motion = scene.plenary().motions[1]  # type: ignore[union-attr]
    scene.carry(2)
    refused(scene.put(to(85)), "appeal-decided", "appeal")
    # Another meeting may have had its own motion on it.
    setting = scene.setting()
    with pytest.raises(Exception, match="appeal-decided"):
        verdict_results(motion, setting, scene.case())


def test_a_meeting_of_another_body_does_not_decide():
    scene, _ = contested(90, 80, 70)
    scene.given(scene.form("dewan-juri", "00"))
    item = AgendaItem(category="KABKOTA", stage="wawancara")
    jury = Convene(person("jury meeting"), "2020", "00", "dewan-juri", LATER, (item,), SECRETARY, LATER)
    scene.given(convene(jury, scene.season(), scene.committee("00")))
    refusal = refused(scene.put(DISMISSED, item=item, plenary=jury.plenary), "appeal-of-another-body", "appeal")
    assert BODY in refusal.detail.en


def test_a_verdict_is_put_on_the_stage_that_is_contested():
    scene, _ = contested(90, 80, 70)
    item = AgendaItem(category="BESAR", stage="seleksi")
    both = Convene(person("both"), "2020", GORONTALO, BODY, LATER, (item, ITEM), SECRETARY, LATER)
    scene.given(convene(both, scene.season(), scene.committee()))
    refused(scene.put(DISMISSED, item=item, plenary=both.plenary), "appeal-of-another-stage", "item")


def test_the_contested_stage_is_on_the_agenda():
    scene, _ = contested(90, 80, 70)
    item = AgendaItem(category="BESAR", stage="seleksi")
    other = Convene(person("other meeting"), "2020", GORONTALO, BODY, LATER, (item,), SECRETARY, LATER)
    scene.given(convene(other, scene.season(), scene.committee()))
    refused(scene.put(DISMISSED, plenary=other.plenary), "item-not-on-agenda", "item")


def test_one_verdict_at_a_time():
    scene, ids = contested(90, 80, 70, 60)
    scene.given(scene.lodge(ids[2], OTHER_APPEAL))
    scene.given(scene.put(DISMISSED))
    refused(scene.put(to(85)), "motion-pending", "item")
    refused(scene.put(DISMISSED, OTHER_APPEAL), "motion-pending", "item")


def test_a_question_on_an_appeal_that_another_meeting_decided_keeps_no_other_waiting():
    scene, ids = contested(90, 80, 70, 60)
    scene.given(scene.lodge(ids[2], OTHER_APPEAL))
    scene.given(scene.put(DISMISSED))
    other = Convene(person("other meeting"), "2020", GORONTALO, BODY, LATER, (ITEM,), SECRETARY, scene.clock)
    scene.given(convene(other, scene.season(), scene.committee()))
    for office in VOTING_OFFICES:
        member = Actor(person(office))
        came = RecordAttendance(other.plenary, member.person, True, "remote", member, scene.clock)
        scene.given(record_attendance(came, *scene.meeting(other.plenary)))
    scene.given(scene.put(DISMISSED, plenary=other.plenary))
    for office in VOTING_OFFICES:
        vote = CastVote(other.plenary, 1, "for", Actor(person(office)), scene.clock)
        scene.given(cast_vote(vote, *scene.meeting(other.plenary), scene.ranking(), scene.nominations()))
    scene.given(scene.decide(plenary=other.plenary))
    scene.given(scene.put(DISMISSED, OTHER_APPEAL))
    assert verdict_of(scene.carry(3)).appeal == OTHER_APPEAL


def test_a_verdict_that_was_voted_down_leaves_the_appeal_open():
    scene, _ = contested(90, 80, 70)
    scene.given(scene.put(to(85)))
    (lost,) = scene.carry(2, "against")
    assert isinstance(lost, PlenaryDecided)
    assert (lost.outcome, lost.results) == ("lost", ())
    assert scene.award(DESK).holding(DESK) == (APPEAL_ID,)
    scene.given(scene.put(DISMISSED))
    assert verdict_of(scene.carry(3)).verdict == DISMISSED


# --- figures -------------------------------------------------------------------------------------------------------


def put(verdict: Verdict, rules: Rulebook | None = None) -> Any:
    scene, _ = contested(90, 80, 70, rules=rules)
    return scene.put(verdict)


def test_upheld_without_figures_is_refused():
    refused(put(Verdict(outcome="upheld")), "verdict-without-figures", "verdict.figures")


@pytest.mark.parametrize("also", [{"figures": (figure(value="1/1"),)}, {"order": (person("a"),)}])
def test_a_dismissal_changes_nothing(also):
    refused(put(Verdict.model_validate({"outcome": "dismissed", **also})), "figures-on-dismissal", "verdict.figures")


def test_figures_are_of_aspects_that_count_at_the_stage():
    verdict = upheld(kinerja="1/1", wawancara="80/1")
    refused(put(verdict), "aspect-not-at-stage", "verdict.figures[1].aspect")


def test_figures_are_of_the_aspect_that_the_appeal_contests_if_it_names_one():
    scene, ids = decided_on(90, 80, 70)
    scene.given(scene.lodge(ids[2], aspect="kinerja"))
    refusal = refused(scene.put(upheld(kinerja="80/1", peraturan="80/1")), "aspect-not-contested",
                      "verdict.figures[1].aspect")  # fmt: skip
    assert "kinerja" in refusal.detail.id
    accepted(scene.put(upheld(kinerja="80/1")))
    accepted(scene.put(DISMISSED))


def test_a_figure_is_named_once():
    verdict = upheld(figure(value="1/1"), kinerja="80/1")
    refused(put(verdict), "figure-repeated", "verdict.figures[1].aspect")


@pytest.mark.parametrize("also", [{}, {"value": "1/1", "marks": ["1", "1", "1"]}])
def test_a_figure_is_a_value_or_marks(also):
    refused(put(upheld(figure(**also))), "figure-not-one", "verdict.figures[0]")


@pytest.mark.parametrize("value", ["2/4", "00/1", "80/2"])
def test_a_value_is_an_exact_fraction_in_lowest_terms(value):
    refused(put(upheld(kinerja=value)), "figure-not-exact", "verdict.figures[0].value")


@pytest.mark.parametrize("value", ["-1/1000000", "100000001/1000000"])
def test_a_value_lies_on_the_scale(value):
    refused(put(upheld(kinerja=value)), "figure-off-scale", "verdict.figures[0].value")


@pytest.mark.parametrize("value", ["0/1", "100/1", "1/3"])
def test_the_ends_of_the_scale_and_what_is_off_the_step_are_values(value):
    assert not isinstance(put(upheld(kinerja=value)), Refusal)


@pytest.mark.parametrize("mark", ["100.5", "-0.5", "80.25"])
def test_marks_lie_on_the_scale_and_its_step(mark):
    verdict = upheld(figure(marks=["80", "80", mark]))
    refused(put(verdict), "mark-off-scale", "verdict.figures[0].marks[2]")


def test_marks_are_as_many_as_make_a_nominee_rankable():
    refused(put(upheld(figure(marks=["80", "80"]))), "marks-too-few", "verdict.figures[0].marks")


def test_an_aspect_that_nobody_judges_takes_a_value_and_no_marks():
    scene, ids = contested(90, 80, 70)
    seal = scene.ranking().current
    assert seal is not None
    rules = measured()
    scene = Hearing()
    scene.open(rules)
    scene.given(scene.form())
    scene.seat()
    ids = scene.nominated(*REGENCIES[:3])
    scene.seal((), standings=_of(seal.said, ids), digest=_digest_of(seal.said, ids))
    scene.given(scene.convene())
    scene.all_attend()
    scene.given(scene.table())
    scene.given(scene.move())
    scene.carry(1)
    scene.given(scene.announce())
    scene.given(scene.lodge(ids[2]))
    refused(scene.put(upheld(figure(marks=["80", "80", "80"]))), "marks-of-unjudged", "verdict.figures[0].marks")
    assert not isinstance(scene.put(upheld(kinerja="80/1")), Refusal)


def _of(said: RankingSealed, ids: list[str]) -> Any:
    return tuple(row.model_copy(update={"nomination": id_}) for row, id_ in zip(said.standings, ids, strict=True))


def _digest_of(said: RankingSealed, ids: list[str]) -> str:
    return standings_digest(_of(said, ids), ())


def test_marks_replace_all_counted_ones_and_are_aggregated_as_the_rubric_says():
    scene, ids = contested(90, 80, 70)
    decided = verdict_of(scene.judge(upheld(*(figure(each, marks=["80", "90", "85.5", "86"]) for each in ASPECTS))))
    row = next(row for row in decided.standings or () if row.nomination == ids[2])
    # (80 + 90 + 85.5 + 86) / 4 = 85 3/8
    assert [(each.value, each.sheets) for each in row.aspects] == [("683/8", 4)] * 3
    assert (row.total, row.shown, row.rank) == ("683/8", "85.38", 2)


def test_who_withdrew_since_gets_no_verdict_but_a_dismissal():
    scene, ids = contested(90, 80, 70, by=1)
    scene.given(scene.withdraw(ids[1]))
    refused(scene.put(to(95)), "appellant-withdrew", "verdict.outcome")
    assert verdict_of(scene.judge(DISMISSED)).verdict == DISMISSED


# --- dismissed -----------------------------------------------------------------------------------------------------


def test_a_dismissed_appeal_changes_nothing_but_the_unfreeze():
    scene, ids = contested(90, 80, 70)
    before = scene.ranking().current
    assert before is not None
    decided, dismissed, reviewed, unfrozen = scene.judge(DISMISSED)
    assert isinstance(decided, PlenaryDecided)
    assert isinstance(dismissed, AppealDecided)
    assert (dismissed.before, dismissed.after, dismissed.standings) == (before.said.digest, None, None)
    assert (dismissed.unrankable, dismissed.comparison) == (None, None)
    assert isinstance(reviewed, DecisionReviewed)
    assert (reviewed.outcome, reviewed.digest, reviewed.seal) == ("dismissed", before.said.digest, before.id)
    assert isinstance(unfrozen, StageUnfrozen)
    assert (unfrozen.at, unfrozen.stages) == (AT, (DESK, JURY))
    assert scene.has_advanced() == {ids[0], ids[1]}
    assert scene.award().contests == {}


# --- upheld, before the end of a path ------------------------------------------------------------------------------


def test_an_upheld_appeal_returns_who_leaves_and_advances_who_enters_in_the_append_that_decides():
    scene, ids = contested(90, 80, 70, 60)
    events = scene.judge(to(85))
    decided = one(events, PlenaryDecided)
    named = [(point.stream, point.version) for point in decided.results]
    written = [event for stream, version in named for event in [scene.streams[stream][version - 1].event]]
    assert written == events[1:]
    withdrawn = one(events, StageAdvanceWithdrawn)
    assert (withdrawn.nomination, withdrawn.left, withdrawn.returned) == (ids[1], DESK, AT)
    assert (withdrawn.rank, withdrawn.appeal, withdrawn.motion) == (3, APPEAL_ID, 2)
    advanced = one(events, StageAdvanced)
    assert (advanced.nomination, advanced.left, advanced.reached, advanced.rank) == (ids[3], AT, DESK, 2)
    assert scene.has_advanced() == {ids[0], ids[3]}
    returned = scene.nomination(ids[1])
    assert isinstance(returned, Nomination)
    assert (returned.at, returned.ending) == (AT, "eliminated")


def test_the_verdict_states_before_and_after_side_by_side():
    scene, ids = contested(90, 80, 70, 60)
    decided = verdict_of(scene.judge(to(85)))
    shifts = [(each.nomination, each.rank_before, each.rank_after, each.change) for each in decided.comparison or ()]
    assert shifts == [
        (ids[0], 1, 1, "none"),
        (ids[3], 4, 2, "enters"),
        (ids[1], 2, 3, "leaves"),
        (ids[2], 3, 4, "moves"),
    ]
    entering = (decided.comparison or ())[1]
    assert (entering.total_before, entering.total_after) == ("60/1", "85/1")


def test_an_upheld_appeal_may_change_no_outcome():
    scene, ids = contested(90, 80, 70)
    events = scene.judge(to(75))
    assert [type(event) for event in events] == [PlenaryDecided, AppealDecided, DecisionReviewed, StageUnfrozen]
    assert scene.has_advanced() == {ids[0], ids[1]}


def test_who_could_not_be_ranked_may_enter_by_a_verdict():
    scene, ids = contested(90, 80, 95, few=[2])
    decided = verdict_of(events := scene.judge(to(95)))
    assert decided.unrankable == ()
    assert one(events, StageAdvanced).nomination == ids[2]
    shift = (decided.comparison or ())[0]
    assert (shift.nomination, shift.rank_before, shift.total_before, shift.change) == (ids[2], None, None, "enters")


def test_who_still_cannot_be_ranked_is_compared_too():
    scene, ids = contested(90, 80, 95, few=[2])
    decided = verdict_of(scene.judge(upheld(kinerja="99/1")))
    last = (decided.comparison or ())[-1]
    assert (last.nomination, last.rank_after, last.change) == (ids[2], None, "none")


def test_the_seat_of_who_withdrew_stays_empty_and_nobody_moves_up():
    scene, ids = contested(90, 80, 70, 60)
    scene.given(scene.withdraw(ids[0]))
    events = scene.judge(to(75))
    assert every(events, StageAdvanced) == every(events, StageAdvanceWithdrawn) == []
    assert scene.has_advanced() == {ids[0], ids[1]}


def test_who_withdrew_and_falls_below_the_quota_stays_withdrawn():
    scene, ids = contested(90, 80, 70, 60)
    scene.given(scene.withdraw(ids[1]))
    assert one(scene.judge(to(85)), StageAdvanceWithdrawn).nomination == ids[1]
    state = scene.nomination(ids[1])
    assert isinstance(state, Nomination)
    assert (state.ending, state.at) == ("withdrawn", AT)
    # A later verdict that would bring it back gives its seat to nobody.
    scene.given(scene.lodge(ids[3], OTHER_APPEAL))
    events = scene.judge(to(10), OTHER_APPEAL)
    assert one(events, StageAdvanceWithdrawn).nomination == ids[3]
    assert every(events, StageAdvanced) == []


def rejected_at_the_centre(scene: Hearing, nomination: str) -> None:
    """Let the centre's verification end a nomination that advanced to it."""
    found = {"nomination": nomination, "at": DESK, "verifier": person("verifier"), "office": "verifikator"}
    scene.record_one(f"nomination/{nomination}", NominationRejected(**found, reason_digest=REASON))


def test_who_was_rejected_at_the_centre_and_falls_below_the_quota_stays_rejected_with_its_rank():
    scene, ids = contested(90, 80, 70, 60)
    rejected_at_the_centre(scene, ids[1])
    assert one(scene.judge(to(85)), StageAdvanceWithdrawn).nomination == ids[1]
    state = scene.nomination(ids[1])
    assert isinstance(state, Nomination)
    assert (state.ending, state.left_empty, state.at) == ("rejected", True, AT)
    (announced,) = scene.given(scene.announce(motion=2))
    assert isinstance(announced, RankingAnnounced)
    assert [(line.nomination, line.rank, line.outcome) for line in announced.lines] == [
        (ids[0], 1, "advanced"),
        (ids[3], 2, "advanced"),
        (ids[1], 3, "eliminated"),
        (ids[2], 4, "eliminated"),
    ]
    # A later verdict that makes its rank one within the quota gives the seat to nobody.
    scene.given(scene.lodge(ids[3], OTHER_APPEAL))
    events = scene.judge(to(10), OTHER_APPEAL)
    assert one(events, StageAdvanceWithdrawn).nomination == ids[3]
    assert every(events, StageAdvanced) == []
    (announced,) = scene.given(scene.announce(motion=3))
    assert isinstance(announced, RankingAnnounced)
    assert (announced.lines[1].nomination, announced.lines[1].outcome) == (ids[1], "eliminated")


def test_a_seat_of_who_was_rejected_at_the_centre_is_parted_by_the_same_order_when_it_is_announced():
    scene, ids = contested(90, 80, 70, rules=tied_by_vote())
    rejected_at_the_centre(scene, ids[1])
    verdict = to(80).model_copy(update={"order": (ids[2], ids[1])})
    assert one(scene.judge(verdict), StageAdvanced).nomination == ids[2]
    (announced,) = scene.given(scene.announce(motion=2))
    assert isinstance(announced, RankingAnnounced)
    ranks = [(line.nomination, line.rank, line.outcome) for line in announced.lines]
    assert ranks == [(ids[0], 1, "advanced"), (ids[2], 2, "advanced"), (ids[1], 3, "eliminated")]


def test_a_second_verdict_on_a_ranking_starts_from_the_corrected_standings():
    scene, ids = contested(90, 80, 70, 60)
    scene.given(scene.lodge(ids[2], OTHER_APPEAL))
    first = verdict_of(scene.judge(to(85)))
    second = verdict_of(events := scene.judge(to(87), OTHER_APPEAL))
    assert second.before == first.after
    totals = [(row.nomination, row.total) for row in second.standings or ()]
    assert totals == [(ids[0], "90/1"), (ids[2], "87/1"), (ids[3], "85/1"), (ids[1], "80/1")]
    assert one(events, StageAdvanced).nomination == ids[2]
    assert one(events, StageAdvanceWithdrawn).nomination == ids[3]
    assert scene.has_advanced() == {ids[0], ids[2]}


def test_a_motion_that_another_verdict_overtook_is_put_anew():
    """Two meetings: in one a verdict is put, in the other an appeal is upheld meanwhile."""
    scene, ids = contested(90, 80, 70, 60)
    scene.given(scene.lodge(ids[2], OTHER_APPEAL))
    (put_,) = scene.given(scene.put(to(85)))
    assert isinstance(put_, AppealMotionOpened)
    assert set(put_.affected) == {ids[3], ids[1]}
    scene.record_one("plenary/" + PLENARY_ID, put_.model_copy(update=_other(ids, 3)))
    scene.carry(3)
    for office in VOTING_OFFICES:
        scene.given(scene.vote(person(office), "for", 2))
    refusal = refused(scene.decide(motion=2), "verdict-outdated", "motion")
    assert ids[2] in refusal.detail.en
    (again,) = scene.given(scene.put(to(85)))
    assert isinstance(again, AppealMotionOpened)
    assert again.affected == (ids[3], ids[2])


def _other(ids: list[str], motion: int) -> dict[str, Any]:
    """Return what makes of a motion one on the other appeal, of rank 3, which it takes to rank 2."""
    return {
        "motion": motion,
        "appeal": OTHER_APPEAL,
        "nomination": ids[2],
        "verdict": to(83),
        "affected": (ids[2], ids[1]),
    }


@pytest.mark.parametrize("swap", [False, True])
def test_the_order_of_independent_appeals_does_not_matter(swap):
    scene, ids = contested(90, 80, 70, 60, 50)
    scene.given(scene.lodge(ids[2], OTHER_APPEAL))
    steps = [(to(85), APPEAL_ID), (to(82), OTHER_APPEAL)]
    last = [verdict_of(scene.judge(*step)) for step in (reversed(steps) if swap else steps)][-1]
    assert [(row.nomination, row.rank) for row in last.standings or ()] == [
        (ids[0], 1), (ids[4], 2), (ids[2], 3), (ids[1], 4), (ids[3], 5),
    ]  # fmt: skip
    assert scene.has_advanced() == {ids[0], ids[4]}


# --- ties at the cut -----------------------------------------------------------------------------------------------


def test_a_tie_at_the_cut_is_broken_by_the_vote_on_the_verdict():
    scene, ids = contested(90, 80, 70, rules=tied_by_vote())
    refusal = refused(scene.put(to(80)), "verdict-ties-at-the-cut", "verdict.order")
    assert "75.71" in refusal.detail.en
    wrong = to(80).model_copy(update={"order": (ids[0], ids[1])})
    refused(scene.put(wrong), "verdict-order-not-theirs", "verdict.order")
    for others in ((ids[2], ids[2], ids[1]), (ids[2], ids[1], ids[0])):
        refused(scene.put(to(80).model_copy(update={"order": others})), "verdict-order-not-theirs", "verdict.order")
    untied = to(79).model_copy(update={"order": (ids[2], ids[1])})
    refused(scene.put(untied), "verdict-order-not-theirs", "verdict.order")
    events = scene.judge(to(80).model_copy(update={"order": (ids[2], ids[1])}))
    advanced = one(events, StageAdvanced)
    assert (advanced.nomination, advanced.rank) == (ids[2], 2)
    assert (one(events, StageAdvanceWithdrawn).nomination, one(events, StageAdvanceWithdrawn).rank) == (ids[1], 3)
    scene.given(scene.announce(motion=2))
    lines = one([scene.last(AT.award).event], RankingAnnounced).lines
    assert [(line.nomination, line.rank) for line in lines] == [(ids[0], 1), (ids[2], 2), (ids[1], 3)]


def test_an_order_that_a_verdict_gave_stays_when_another_follows():
    scene, ids = contested(90, 80, 70, 60, by=2, rules=tied_by_vote())
    scene.given(scene.lodge(ids[3], OTHER_APPEAL))
    scene.judge(to(80).model_copy(update={"order": (ids[2], ids[1])}))
    events = scene.judge(to(65), OTHER_APPEAL)
    assert every(events, StageAdvanced) == every(events, StageAdvanceWithdrawn) == []
    assert scene.has_advanced() == {ids[0], ids[2]}


def test_a_tie_that_was_broken_before_stays_broken():
    scene = Hearing()
    scene.open(tied_by_vote())
    scene.given(scene.form())
    scene.seat()
    ids = scene.nominated(*REGENCIES[:4])
    seal = scene.seal_marks(dict(zip(ids, (90, 80, 80, 60), strict=True)))
    scene.given(scene.convene())
    scene.all_attend()
    scene.given(scene.table())
    # The tie's motion and the decision, as the room for ties records them.
    tie = TieMotionOpened(
        plenary=PLENARY_ID, motion=1, item=ITEM, seal=seal, rank=2, order=(ids[2], ids[1]), method="vote"
    )
    scene.record_one(f"plenary/{PLENARY_ID}", tie)
    _close(scene, seal, 1)
    proposed = Propose((ids[0], ids[2]), (ids[1], ids[3]))
    _decide_by_hand(scene, seal, proposed)
    scene.given(scene.announce(motion=2))
    scene.given(scene.lodge(ids[3], motion=2))
    (put_,) = scene.given(scene.put(to(70)))
    assert isinstance(put_, AppealMotionOpened)
    assert put_.affected == ()
    decided = verdict_of(scene.carry(3))
    assert scene.has_advanced() == {ids[0], ids[2]}
    # As they were announced: the seal's shared rank 2 was nobody's.
    shifts = [(each.nomination, each.rank_before, each.rank_after) for each in decided.comparison or ()]
    assert sorted(shifts, key=lambda shift: shift[1] or 0) == [
        (ids[0], 1, 1),
        (ids[2], 2, 2),
        (ids[1], 3, 3),
        (ids[3], 4, 4),
    ]


def parted(*marks: int, order: tuple[int, ...], gone: int | None = None) -> tuple[Hearing, list[str]]:
    """Return a scene in which a vote broke a tie, one of them withdrew then, and the ranking was decided on."""
    scene = Hearing()
    scene.open(tied_by_vote())
    scene.given(scene.form())
    scene.seat()
    ids = scene.nominated(*REGENCIES[: len(marks)])
    scene.seal_marks(dict(zip(ids, marks, strict=True)))
    scene.given(scene.convene())
    scene.all_attend()
    scene.given(scene.table())
    rank = 1 + sum(mark > marks[order[0]] for mark in marks)
    scene.given(scene.move(asked=AskTie(rank, "vote", tuple(ids[index] for index in order), SEED)))
    scene.carry(1)
    if gone is not None:
        scene.given(scene.withdraw(ids[gone]))
    scene.given(scene.move())
    scene.carry(2)
    scene.given(scene.announce(motion=2))
    return scene, ids


def test_nobody_moves_up_into_the_place_that_a_broken_tie_gave_to_who_withdrew_then():
    scene, ids = parted(90, 80, 80, 80, order=(1, 2, 3), gone=1)
    assert scene.has_advanced() == {ids[0]}
    scene.given(scene.lodge(ids[0], motion=2))
    (opened,) = scene.given(scene.put(to(95)))
    assert isinstance(opened, AppealMotionOpened)
    assert opened.affected == ()
    scene.carry(3)
    assert scene.has_advanced() == {ids[0]}


def test_who_withdrew_behind_the_others_of_a_broken_tie_leaves_them_their_places():
    scene, ids = parted(90, 80, 80, order=(2, 1), gone=1)
    scene.given(scene.lodge(ids[2], motion=2))
    assert every(scene.judge(to(85)), StageAdvanceWithdrawn) == []
    assert scene.has_advanced() == {ids[0], ids[2]}


def _close(scene: Hearing, seal: str, motion: int, results: tuple[StreamPoint, ...] = ()) -> None:
    current = scene.ranking().seal(seal)
    assert current is not None
    closed = {
        "plenary": PLENARY_ID,
        "motion": motion,
        "item": ITEM,
        "outcome": "carried",
        "tally": {"votes_for": 8, "votes_against": 0, "abstained": 0},
        "quorum": {"seats": 9, "present": 8, "required": 6},
        "seal": seal,
        "digest": current.said.digest,
        "rulebook_version": 1,
        "results": results,
    }
    scene.record_one(f"plenary/{PLENARY_ID}", PlenaryDecided.model_validate(closed))


def _decide_by_hand(scene: Hearing, seal: str, proposed: Propose) -> None:
    opened = MotionOpened(
        plenary=PLENARY_ID,
        motion=2,
        item=ITEM,
        kind="propose",
        seal=seal,
        advancing=proposed.advancing,
        eliminated=proposed.eliminated,
    )
    scene.record_one(f"plenary/{PLENARY_ID}", opened)
    common = {"plenary": PLENARY_ID, "motion": 2, "seal": seal}
    for rank, each in enumerate(proposed.advancing, 1):
        advanced = StageAdvanced.model_validate(
            {"nomination": each, "left": AT, "reached": DESK, "rank": rank, **common}
        )
        scene.record_one(f"nomination/{each}", advanced)
    for each in proposed.eliminated:
        left = NominationEliminated.model_validate(
            {"nomination": each, "at": AT, "rank": 3, "reason": "below-quota", **common}
        )
        scene.record_one(f"nomination/{each}", left)
    _close(scene, seal, 2)


# --- stages with verification --------------------------------------------------------------------------------------


def verified_before() -> tuple[Hearing, list[str]]:
    """Return a scene whose first two were verified and went on, with an open appeal of the third."""
    scene = Hearing()
    scene.open(with_verification())
    scene.given(scene.form())
    scene.seat()
    ids = scene.nominated(*REGENCIES[:3])
    for each in ids[:2]:
        scene.given(scene.verify(each))
    scene.seal_marks(dict(zip(ids, (90, 80, 70), strict=True)))
    scene.given(scene.convene())
    scene.all_attend()
    scene.given(scene.table())
    scene.given(scene.move())
    scene.carry(1)
    scene.given(scene.announce())
    scene.given(scene.lodge(ids[2]))
    return scene, ids


def test_nobody_goes_on_unverified_by_a_verdict_and_may_be_verified_for_it():
    scene, ids = verified_before()
    refusal = refused(scene.put(to(85)), "verdict-of-unverified", "verdict.outcome")
    assert ids[2] in str(refusal.faults[0].value)
    assert not isinstance(scene.put(to(75)), Refusal)
    scene.given(scene.verify(ids[2]))
    assert one(scene.judge(to(85)), StageAdvanced).nomination == ids[2]


def test_who_is_handed_back_after_a_verdict_was_put_does_not_go_on_by_it():
    scene, ids = verified_before()
    scene.given(scene.verify(ids[2]))
    scene.given(scene.put(to(85)))
    state = scene.nomination(ids[2])
    assert isinstance(state, Nomination)
    found = {"nomination": ids[2], "at": AT, "verifier": person("kepala-bps"), "office": "kepala-bps"}
    defects = [{"part": "evidence", "text_digest": "ab" * 32}]
    back = NominationReturned.model_validate({**found, "defects": defects, "until": scene.clock})
    scene.record_one(f"nomination/{ids[2]}", back)
    for office in VOTING_OFFICES:
        scene.given(scene.vote(person(office), "for", 2))
    refused(scene.decide(motion=2), "verdict-of-unverified", "verdict.outcome")


# --- downstream ----------------------------------------------------------------------------------------------------


def test_current_seals_downstream_are_ordered_anew_with_who_lacks_and_who_is_too_many():
    scene, ids = contested(90, 80, 70)
    desk = scene.seal([(ids[0], 1), (ids[1], 2)], at=DESK)
    jury = scene.seal([(ids[1], 1)], at=JURY, basis=Basis(nominations=(ids[1],), streams=()))
    orders = every(scene.judge(to(85)), ResealOrdered)
    assert [(each.ranking, each.seal, each.missing, each.superfluous, each.stale) for each in orders] == [
        (DESK.ranking, desk, (ids[2],), (ids[1],), ()),
        (JURY.ranking, jury, (), (ids[1],), ()),
    ]
    assert scene.award(DESK).reseals == {desk, jury}


def test_a_seal_that_carries_a_changed_figure_is_ordered_anew():
    content = rulebook().model_dump(mode="json", exclude_none=True)
    for stage in content["stages"]:
        if (stage["category"], stage["code"]) == ("KABKOTA", "verifikasi"):
            stage["carries"] = {"tier": "provincial", "stage": "seleksi", "aspects": ["kinerja"]}
    scene, ids = contested(90, 80, 70, by=0, rules=changed(rulebook(), stages=content["stages"]))
    desk = scene.seal([(ids[0], 1), (ids[1], 2)], at=DESK)
    scene.judge(upheld(kebijakan="91/1"))
    assert scene.award(DESK).reseals == frozenset()
    scene.given(scene.lodge(ids[0], OTHER_APPEAL))
    order = one(scene.judge(upheld(kinerja="91/1"), OTHER_APPEAL), ResealOrdered)
    assert (order.seal, order.missing, order.superfluous) == (desk, (), ())


def test_superseded_seals_and_those_ordered_anew_before_are_left_alone():
    scene, ids = contested(90, 80, 70)
    desk = scene.seal([(ids[0], 1), (ids[1], 2)], at=DESK)
    scene.supersede(desk, DESK)
    jury = scene.seal([(ids[1], 1)], at=JURY)
    scene.record_one(JURY.award, ResealOrdered(ranking=JURY.ranking, seal=jury, stale=()))
    assert every(scene.judge(to(85)), ResealOrdered) == []


def test_who_falls_below_the_quota_loses_what_was_won_and_certified_downstream():
    scene, ids = contested(90, 80, 70)
    kept = scene.certify(ids[0], number="1/2021")
    lost = scene.certify(ids[1], number="2/2021")
    decision = {"plenary": person("jury"), "motion": 1, "seal": person("seal")}
    for rank, each in enumerate(ids[:2], 1):
        won = WinnerDeclared.model_validate({"nomination": each, "at": JURY, "rank": rank, **decision})
        scene.record_one(JURY.award, won)
    events = scene.judge(to(85))
    revoked = one(events, CertificateRevoked)
    assert (revoked.certificate, revoked.number, revoked.nomination) == (lost, "2/2021", ids[1])
    withdrawn = one(events, WinnerWithdrawn)
    assert (withdrawn.nomination, withdrawn.at, withdrawn.rank) == (ids[1], JURY, 2)
    award = scene.award(JURY)
    assert [(each.id, each.revoked) for each in award.certificates] == [(kept, False), (lost, True)]
    assert [each.nomination for each in award.winners] == [ids[0]]


def test_where_nothing_waits_for_a_verdict_what_was_won_meanwhile_falls_and_nobody_moves_up():
    """The rulebook freezes nothing downstream: the path has come to its end when the appeal is upheld."""
    content = rulebook().model_dump(mode="json", exclude_none=True)
    scene, ids = decided_on(
        90, 80, 70, rules=changed(rulebook(), appeals={**content["appeals"], "freezes_downstream": False})
    )  # fmt: skip
    common = {"plenary": person("centre"), "motion": 1, "seal": scene.seal([(ids[0], 1), (ids[1], 2)], at=DESK)}
    for rank, each in enumerate(ids[:2], 1):
        moved = {"nomination": each, "left": DESK, "reached": JURY, "rank": rank, **common}
        scene.record_one(f"nomination/{each}", StageAdvanced.model_validate(moved))
    for rank, each in enumerate(ids[:2], 1):
        won = {"nomination": each, "at": JURY, "rank": rank, **common}
        scene.record_one(JURY.award, WinnerDeclared.model_validate(won))
    (appealed, contest) = scene.given(scene.lodge(ids[2]))
    assert (appealed.type_name(), contest.type_name()) == (AppealLodged.type_name(), DecisionContested.type_name())
    events = scene.judge(to(85))
    returned = one(events, StageAdvanceWithdrawn)
    assert (returned.nomination, returned.left, returned.returned) == (ids[1], JURY, AT)
    assert one(events, StageAdvanced).reached == DESK
    assert (one(events, WinnerWithdrawn).rank, one(events, RankLeftVacant).rank) == (2, 2)
    assert every(events, StageUnfrozen) == []
    award = scene.award(JURY)
    assert [(each.nomination, each.rank) for each in award.winners] == [(ids[0], 1)]
    assert award.vacant == {(JURY, 2)}
    entered = scene.nomination(ids[2])
    assert isinstance(entered, Nomination)
    assert entered.competes_at(DESK)


def test_the_only_winner_of_a_path_leaves_a_vacant_rank_and_no_path_to_be_decided_again():
    scene, ids = contested(90, 80, 70)
    won = {"nomination": ids[1], "at": JURY, "rank": 1, "plenary": person("jury"), "motion": 1, "seal": person("seal")}
    scene.record_one(JURY.award, WinnerDeclared.model_validate(won))
    assert one(scene.judge(to(85)), RankLeftVacant).at == JURY
    assert (scene.award(JURY).winners, scene.award(JURY).has_winners_of(JURY)) == ((), True)


def test_a_revoked_certificate_is_not_revoked_again():
    scene, ids = contested(90, 80, 70)
    lost = scene.certify(ids[1])
    gone = CertificateRevoked(certificate=lost, number="1/2021", nomination=ids[1], appeal=OTHER_APPEAL)
    scene.record_one(JURY.award, gone)
    assert every(scene.judge(to(85)), CertificateRevoked) == []


# --- upheld, at the end of a path ----------------------------------------------------------------------------------


def test_winners_are_taken_back_and_declared_anew_when_their_rank_changes():
    scene, ids = contested(90, 80, 70, 60, rules=ending_here(3))
    kept = scene.certify(ids[3], AT, number="9/2021")
    first = scene.certify(ids[0], AT, 1, "1/2021")
    second = scene.certify(ids[1], AT, 2, "2/2021")
    events = scene.judge(to(85))
    assert [(each.nomination, each.rank) for each in every(events, WinnerWithdrawn)] == [(ids[1], 2), (ids[2], 3)]
    assert [(each.nomination, each.rank) for each in every(events, WinnerDeclared)] == [(ids[3], 2), (ids[1], 3)]
    assert [(each.nomination, each.rank) for each in every(events, NominationEliminated)] == [(ids[2], 4)]
    assert [each.certificate for each in every(events, CertificateRevoked)] == [second]
    assert every(events, RankLeftVacant) == []
    award = scene.award()
    assert sorted((each.rank, each.nomination) for each in award.winners) == [(1, ids[0]), (2, ids[3]), (3, ids[1])]
    assert {each.id for each in award.certificates if not each.revoked} == {first, kept}


def test_who_was_eliminated_and_wins_by_an_appeal_is_no_longer_eliminated():
    scene, ids = contested(90, 80, 70, rules=ending_here())
    events = scene.judge(to(85))
    assert one(events, NominationReinstated).nomination == ids[2]
    state = scene.nomination(ids[2])
    assert isinstance(state, Nomination)
    assert state.competes_at(AT)
    # A later verdict that takes the rank back ends its way, as that of any winner.
    scene.given(scene.lodge(ids[1], OTHER_APPEAL))
    events = scene.judge(to(95), OTHER_APPEAL)
    assert one(events, NominationEliminated).nomination == ids[2]
    assert [each.nomination for each in every(events, NominationReinstated)] == [ids[1]]
    assert [(each.nomination, each.rank) for each in scene.award().winners] == [(ids[1], 1), (ids[0], 2)]


def test_winners_who_swap_ranks_are_affected():
    scene, ids = contested(90, 80, 70, by=1, rules=ending_here())
    (opened,) = scene.given(scene.put(to(95)))
    assert isinstance(opened, AppealMotionOpened)
    assert opened.affected == (ids[1], ids[0])
    scene.carry(2)
    assert [(each.nomination, each.rank) for each in scene.award().winners] == [(ids[1], 1), (ids[0], 2)]


def test_a_new_winner_gets_the_prize_of_the_rank():
    content = ending_here().model_dump(mode="json", exclude_none=True)
    prize = {"tier": "provincial", "categories": ["KABKOTA"], "rank": 2, "prize": {"id": "Trofi", "en": "A trophy"}}
    rules = Rulebook.from_content({**content, "prizes": [prize]})
    scene, ids = contested(90, 80, 70, rules=rules)
    awarded = one(scene.judge(to(85)), PrizeAwarded)
    assert (awarded.nomination, awarded.rank, awarded.prize.id) == (ids[2], 2, "Trofi")


def test_a_rank_that_nobody_holds_any_longer_is_left_vacant():
    """Rank 2 withdrew before the decision; the verdict pushes its empty seat down to rank 3."""
    scene = Hearing()
    scene.open(ending_here(3))
    scene.given(scene.form())
    scene.seat()
    ids = scene.nominated(*REGENCIES[:4])
    scene.seal_marks(dict(zip(ids, (90, 80, 70, 60), strict=True)))
    scene.given(scene.withdraw(ids[1]))
    scene.given(scene.convene())
    scene.all_attend()
    scene.given(scene.table())
    scene.given(scene.move())
    scene.carry(1)
    scene.given(scene.announce())
    scene.given(scene.lodge(ids[3]))
    events = scene.judge(to(95))
    assert [(each.nomination, each.rank) for each in every(events, WinnerDeclared)] == [(ids[3], 1), (ids[0], 2)]
    assert [each.rank for each in every(events, RankLeftVacant)] == [3]
    assert scene.award().vacant == {(AT, 3)}
    assert scene.award().has_winners_of(AT)


def test_a_vacant_rank_that_winners_share_away_is_vacant_no_longer_until_they_part_again():
    scene, ids = contested(90, 80, few=[1], rules=tied_by_vote(ending_here(2)))
    assert scene.award().vacant == {(AT, 2)}
    events = scene.judge(to(90))
    assert [(each.nomination, each.rank) for each in every(events, WinnerDeclared)] == [(ids[1], 1)]
    assert every(events, RankLeftVacant) == []
    assert scene.award().vacant == frozenset()
    scene.given(scene.lodge(ids[1], OTHER_APPEAL))
    events = scene.judge(to(80), OTHER_APPEAL)
    assert [(each.nomination, each.rank) for each in every(events, WinnerDeclared)] == [(ids[1], 2)]
    assert scene.award().vacant == frozenset()


# --- upheld, where a province honours whom it sends on -------------------------------------------------------------


def test_who_enters_receives_the_prize_of_the_rank_and_so_does_whoever_moves():
    scene, ids = contested(90, 80, 70, rules=honouring())
    (opened,) = scene.given(scene.put(to(95)))
    assert isinstance(opened, AppealMotionOpened)
    assert opened.affected == (ids[2], ids[0], ids[1])
    events = scene.carry(2)
    prizes = [(each.nomination, each.rank, each.prize.id) for each in every(events, PrizeAwarded)]
    assert prizes == [(ids[2], 1, "Juara 1"), (ids[0], 2, "Juara 2")]
    places = [(each.nomination, each.rank) for each in one(events, DecisionReviewed).places]
    assert places == [(ids[2], 1), (ids[0], 2)]
    assert every(events, RankLeftVacant) == []


def test_who_only_moves_stays_where_it_stands_and_is_certified_with_the_new_rank():
    scene, ids = contested(90, 80, 70, by=1, rules=honouring())
    events = scene.judge(to(95))
    assert every(events, StageAdvanced) == every(events, StageAdvanceWithdrawn) == []
    assert [(each.nomination, each.rank) for each in every(events, PrizeAwarded)] == [(ids[1], 1), (ids[0], 2)]
    scene.given(scene.announce(motion=2))
    certificates = scene.issue()
    assert [(each.nomination, each.rank) for each in every(certificates, CertificateIssued)] == [
        (ids[1], 1), (ids[0], 2),
    ]  # fmt: skip
    # A later verdict starts from the ranks that this one left.
    scene.given(scene.lodge(ids[1], OTHER_APPEAL, motion=2))
    events = scene.judge(to(85), OTHER_APPEAL)
    assert [(each.nomination, each.rank) for each in every(events, PrizeAwarded)] == [(ids[0], 1), (ids[1], 2)]
    assert len(every(events, CertificateRevoked)) == 2


def test_certificates_that_state_another_rank_are_revoked_and_those_of_later_stages_stay():
    scene, ids = decided_on(90, 80, 70, rules=honouring())
    issued = every(scene.issue(), CertificateIssued)
    kept = scene.certify(ids[0], JURY)
    scene.given(scene.lodge(ids[1]))
    revoked = every(scene.judge(to(95)), CertificateRevoked)
    assert {each.certificate for each in revoked} == {each.certificate for each in issued}
    assert kept not in {each.certificate for each in revoked}


def test_ranks_inside_a_tier_bring_nothing():
    content = honouring().model_dump(mode="json", exclude_none=True)
    desk = next(one for one in content["stages"] if (one["category"], one["tier"]) == ("KABKOTA", "provincial"))
    last = {**desk, "code": "rapat", "order": desk["order"] + 1}
    content["stages"].append(last)
    desk["next"] = {"tier": "provincial", "stage": "rapat"}
    scene, ids = contested(90, 80, 70, by=1, rules=Rulebook.from_content(content))
    (opened,) = scene.given(scene.put(to(95)))
    assert isinstance(opened, AppealMotionOpened)
    assert opened.affected == ()
    events = scene.carry(2)
    assert every(events, PrizeAwarded) == []
    assert [(each.nomination, each.rank) for each in one(events, DecisionReviewed).places] == [(ids[1], 1), (ids[0], 2)]


# --- announcing ----------------------------------------------------------------------------------------------------


def test_the_corrected_ranking_is_announced_with_new_ranks_and_outcomes():
    scene, ids = contested(90, 80, 70, 95, few=[3], by=2)
    decided = verdict_of(scene.judge(to(85)))
    (announced,) = scene.given(scene.announce(motion=2))
    assert isinstance(announced, RankingAnnounced)
    assert (announced.digest, announced.motion) == (decided.after, 2)
    assert [(line.nomination, line.rank, line.outcome) for line in announced.lines] == [
        (ids[0], 1, "advanced"),
        (ids[2], 2, "advanced"),
        (ids[1], 3, "eliminated"),
        (ids[3], None, "eliminated"),
    ]
    refused(scene.announce(motion=2), "announced-already", "motion")


def test_who_withdrew_at_the_stage_is_not_in_the_corrected_announcement():
    scene = Hearing()
    scene.open()
    scene.given(scene.form())
    scene.seat()
    ids = scene.nominated(*REGENCIES[:4])
    scene.seal_marks(dict(zip(ids, (90, 80, 70, 60), strict=True)))
    scene.given(scene.withdraw(ids[1]))
    scene.given(scene.convene())
    scene.all_attend()
    scene.given(scene.table())
    scene.given(scene.move())
    scene.carry(1)
    scene.given(scene.announce())
    scene.given(scene.lodge(ids[2]))
    scene.judge(to(95))
    (announced,) = scene.given(scene.announce(motion=2))
    assert isinstance(announced, RankingAnnounced)
    assert [line.nomination for line in announced.lines] == [ids[2], ids[0], ids[3]]


def test_who_withdrew_at_the_next_stage_keeps_the_rank_of_a_broken_tie_and_so_do_the_others():
    scene, ids = parted(80, 80, 70, 60, order=(0, 1))
    scene.given(scene.withdraw(ids[0]))
    scene.given(scene.lodge(ids[3], motion=2))
    scene.judge(to(65))
    (announced,) = scene.given(scene.announce(motion=3))
    assert isinstance(announced, RankingAnnounced)
    assert [(line.nomination, line.rank) for line in announced.lines] == [
        (ids[0], 1), (ids[1], 2), (ids[2], 3), (ids[3], 4),
    ]  # fmt: skip


def test_a_dismissal_leaves_nothing_to_announce():
    scene, _ = contested(90, 80, 70)
    scene.judge(DISMISSED)
    refused(scene.announce(motion=2), "verdict-changes-nothing", "motion")


def test_standings_that_were_corrected_again_are_announced_with_the_last_verdict():
    scene, ids = contested(90, 80, 70, 60)
    scene.given(scene.lodge(ids[2], OTHER_APPEAL))
    scene.judge(to(85))
    scene.judge(to(87), OTHER_APPEAL)
    assert OTHER_APPEAL in refused(scene.announce(motion=2), "verdict-superseded", "motion").faults[0].remedy.en
    scene.given(scene.announce(motion=3))


def test_an_open_appeal_has_no_corrected_ranking():
    scene, _ = contested(90, 80, 70)
    with pytest.raises(Exception, match="appeal-unknown"):
        corrected_announcement(scene.case())


# --- what a verdict rests on ---------------------------------------------------------------------------------------


def test_a_seal_that_is_not_what_it_was_is_not_ranked_anew():
    scene, _ = contested(90, 80, 70)
    _forge(scene, digest="0" * 64)
    refused(scene.put(to(85)), "seal-digest-wrong", "appeal")


def test_a_seal_under_rules_that_are_not_the_seasons_is_not_ranked_anew():
    scene, _ = contested(90, 80, 70)
    _forge(scene, rulebook_hash="0" * 64)
    refused(scene.put(to(85)), "seal-under-other-rules", "appeal")


def _forge(scene: Hearing, **changed_: Any) -> None:
    stream = scene.streams[AT.ranking]
    stream[0] = stream[0]._replace(event=stream[0].event.model_copy(update=changed_))


def test_a_seal_that_is_not_known_here_is_not_ranked_anew():
    scene, _ = contested(90, 80, 70)
    del scene.streams[AT.ranking]
    refused(scene.put(to(85)), "seal-unknown", "appeal")


def test_only_a_verdict_has_the_results_of_one():
    scene, _ = contested(90, 80, 70)
    motion = Motion(1, ITEM, None, Propose((), ()))
    with pytest.raises(TypeError, match="no verdict"):
        verdict_results(motion, scene.setting(), scene.case())


# --- properties ----------------------------------------------------------------------------------------------------

MARKS = st.lists(st.integers(0, 6).map(lambda n: n * 10), min_size=2, max_size=6)
VERDICTS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 12).map(lambda n: n * 5), st.booleans()), max_size=4)


@given(marks=MARKS, quota=st.integers(1, 4), verdicts=VERDICTS, gone=st.sets(st.integers(0, 5)), ends=st.booleans())
@settings(max_examples=30)
def test_after_every_verdict_just_the_first_ranks_hold_a_seat(marks, quota, verdicts, gone, ends):
    scene, ids = decided_on(*marks, rules=_with_quota(quota, ends=ends))
    for number, (index, value, is_upheld) in enumerate(verdicts):
        nominee = ids[index % len(ids)]
        appeal = person(f"appeal {number}")
        if isinstance(lodged := scene.lodge(nominee, appeal), Refusal):
            assert lodged.code in ("appeal-after-withdrawal", "appeal-dismissed")
            continue
        scene.record(lodged)
        if number in gone and not isinstance(left := scene.withdraw(ids[(index + 1) % len(ids)]), Refusal):
            scene.record(left)
        before = _seats(scene)
        events = scene.judge(to(value) if is_upheld else DISMISSED, appeal)
        verdict = verdict_of(events)
        if is_upheld:
            _check_seats(scene, verdict, quota)
        else:
            assert _seats(scene) == before
            assert {type(event) for event in events} <= {PlenaryDecided, AppealDecided, DecisionReviewed, StageUnfrozen}
        assert scene.award(DESK).freezes == {}
        assert scene.award().contests == {}


def _with_quota(places: int, *, ends: bool) -> Rulebook:
    content = ending_here(places).model_dump(mode="json", exclude_none=True)
    if not ends:
        for stage in content["stages"]:
            if (stage["tier"], stage["category"]) == ("provincial", "KABKOTA"):
                stage["next"] = {"tier": "national", "stage": "verifikasi"}
    return Rulebook.from_content(content)


def _seats(scene: Hearing) -> list[str]:
    return [*sorted(scene.has_advanced()), *sorted(each.nomination for each in scene.award().winners)]


def _check_seats(scene: Hearing, verdict: AppealDecided, quota: int) -> None:
    """Those within the quota who still compete hold the seats, each once, and nobody else does."""
    seats = _seats(scene)
    assert len(seats) == len(set(seats))
    within = {row.nomination for row in verdict.standings or () if row.rank <= quota}
    states = {each: scene.nomination(each) for each in within}
    stay_away = {
        each for each, state in states.items() if isinstance(state, Nomination) and state.ending == "withdrawn"
    }
    assert within - stay_away <= set(seats) <= within
    assert len(seats) <= quota
    ranks = {row.nomination: row.rank for row in verdict.standings or ()}
    award = scene.award()
    assert all(each.rank == ranks[each.nomination] for each in award.winners)
    assert not award.has_winners_of(AT) or len(award.winners) + len(award.vacant) == quota


@given(
    marks=st.lists(st.integers(0, 20).map(lambda n: n * 5), min_size=4, max_size=6, unique=True),
    values=st.lists(st.integers(0, 100), min_size=2, max_size=2, unique=True),
)
@settings(max_examples=15)
def test_two_verdicts_lead_to_the_same_in_either_order(marks, values):
    ends = []
    for order in ((0, 1), (1, 0)):
        scene, ids = decided_on(*marks)
        last = None
        for index in order:
            appeal = person(f"appeal {index}")
            scene.given(scene.lodge(ids[index], appeal))
            last = verdict_of(scene.judge(to(values[index]), appeal))
        assert last is not None
        ends.append((last.after, _seats(scene)))
    assert ends[0] == ends[1]


def test_a_motion_is_decided_only_with_its_case():
    scene, _ = contested(90, 80, 70)
    scene.given(scene.put(DISMISSED))
    question = scene.plenary().motions[1].question  # type: ignore[union-attr]
    assert isinstance(question, DecideAppeal)
    assert question.verdict == DISMISSED
    refused(scene.decide(motion=2, actor=SECRETARY), "not-in-office", "actor")
