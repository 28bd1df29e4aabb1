"""Given a closed stage and its streams; when it is sealed; then the standings, what they rest on, and every refusal."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.canonical import canonical, data_hash
from schemas.envelope import StreamPoint
from schemas.nomination import Candidate
from schemas.scoring import (
    AspectAggregate,
    CarriedAspect,
    RankingSealed,
    RankingSuperseded,
    Recusal,
    ScoringClosed,
    Standing,
    standings_digest,
)
from services.scoring.domain.indicator import INDICATOR, Indicator, indicator_stream
from services.scoring.domain.received import (
    Award,
    Belonging,
    Committee,
    Interest,
    Nomination,
    Order,
    Season,
    Seat,
    Unheard,
    Verdict,
)
from services.scoring.domain.seal import (
    FiledSheet,
    Inputs,
    SealRanking,
    carried_sources,
    decide_seal,
)
from services.scoring.domain.sheet import Sheet, sheet_stream
from services.scoring.domain.stage import RANKING, Sealed, Unopened
from tests.unit.scoring.given import (
    AFTER,
    AT,
    BODY,
    CLERK,
    CLOSES,
    MEMBER,
    N1,
    N2,
    N3,
    NATIONAL,
    TERM,
    a_closed,
    a_committee,
    a_nomination,
    a_season,
    an_id,
    an_interest,
    an_open,
    aspect,
    events,
    extended,
    happened,
    mark,
    measured,
    measured_aspect,
    opened,
    pinned,
    refusal,
)

OTHER = an_id("other member")
GONE = an_id("removed member")


def filed(nomination: str, member: str = MEMBER, status: Any = "submitted", **marks: str | None) -> FiledSheet:
    given = {code: mark(code, value) for code, value in (marks or {"kebijakan": "80", "kinerja": "70"}).items()}
    return FiledSheet(sheet_stream(nomination, AT, member), 3, nomination, member, Sheet(status, given, at=AT))


def inputs(**changed: Any) -> Inputs:
    usual: dict[str, Any] = {
        "season": a_season(),
        "ranking": a_closed(),
        "committee": replace(a_committee(MEMBER, OTHER), version=5),
        "nominations": (a_nomination(N2), a_nomination(N1)),
        "sheets": (filed(N1), filed(N2, kebijakan="90", kinerja="70")),
        "versions": {"season/2020": 2, "committee/2020/75": 5, f"nomination/{N1}": 1, f"nomination/{N2}": 1},
    }
    return Inputs(**(usual | changed))


def sealing(**changed: Any) -> SealRanking:
    usual: dict[str, Any] = {"at": AT, "person": CLERK, "received": AFTER}
    return SealRanking(**(usual | changed))


def ordered(order: Order) -> tuple[Award, ...]:
    """Return awards of which one gives an order to seal the stage anew."""
    return Award(), Award(orders={AT.ranking: order})


def seal_of(given_inputs: Inputs) -> RankingSealed:
    (event,) = events(decide_seal(given_inputs, sealing()))
    assert isinstance(event, RankingSealed)
    return event


def sealed_state(**changed: Any) -> Sealed:
    state = RANKING.fold(happened(AT.ranking, [opened(), ScoringClosed(at=AT), seal_of(inputs(**changed))]))
    assert isinstance(state, Sealed)
    return state


# --- what a seal says ----------------------------------------------------------------------------------------------


def test_a_seal_holds_the_standings_as_exact_fractions():
    event = seal_of(inputs())
    assert [(one.nomination, one.rank, one.total, one.shown) for one in event.standings] == [
        (N2, 1, "80/1", "80.00"),
        (N1, 2, "75/1", "75.00"),
    ]
    assert event.unrankable == ()
    assert event.digest == standings_digest(event.standings, ())


def test_a_seal_names_its_basis_and_every_sheet_at_its_version():
    event = seal_of(inputs())
    assert event.basis.nominations == (N1, N2)
    assert event.basis.streams == (
        StreamPoint(stream="committee/2020/75", version=5),
        StreamPoint(stream=f"nomination/{N1}", version=1),
        StreamPoint(stream=f"nomination/{N2}", version=1),
        StreamPoint(stream="season/2020", version=2),
    )
    assert [(one.stream, one.version) for one in event.counted] == [
        (sheet_stream(N1, AT, MEMBER), 3),
        (sheet_stream(N2, AT, MEMBER), 3),
    ]


def test_only_those_who_reached_the_stage_and_still_compete_are_ranked():
    others = (
        a_nomination(N2, standing="withdrawn"),
        a_nomination(N3, NATIONAL),
        a_nomination(an_id("out"), standing="eliminated"),
    )
    event = seal_of(inputs(nominations=(a_nomination(N1), *others)))
    assert event.basis.nominations == (N1,)
    assert [one.nomination for one in event.standings] == [N1]
    assert [(one.stream, one.reason) for one in event.excluded] == [(sheet_stream(N2, AT, MEMBER), "not-eligible")]
    assert all(point.stream != f"nomination/{N2}" for point in event.basis.streams)


def removed(marks: str) -> dict[str, Any]:
    committee = a_committee(MEMBER, GONE).remove(Seat(BODY, "ketua-apindo", 2), GONE)
    return {"committee": committee, "ranking": a_closed(pinned(marks_of_removed=marks)), "sheets": (filed(N1, GONE),)}


@pytest.mark.parametrize(
    ("reason", "changed"),
    [
        ("voided", {"sheets": (filed(N1, status="voided"),)}),
        ("not-submitted", {"sheets": (filed(N1, status="draft"),)}),
        ("recused", {"committee": an_interest(a_committee(), N1), "sheets": (filed(N1),)}),
        ("recused", {"committee": an_interest(a_committee()), "sheets": (filed(N1),)}),
        ("removed", removed("kept-uncounted")),
    ],
)
def test_a_sheet_that_does_not_count_is_named_with_its_reason(reason, changed):
    event = seal_of(inputs(nominations=(a_nomination(N1),), **changed))
    assert [one.reason for one in event.excluded] == [reason]
    assert event.counted == ()
    assert [(one.nomination, one.reason) for one in event.unrankable] == [(N1, "too-few-sheets")]


def test_marks_of_a_removed_member_count_where_the_rulebook_says_so():
    assert len(seal_of(inputs(nominations=(a_nomination(N1),), **removed("counted"))).counted) == 1


def test_a_removed_member_who_sits_again_counts_again():
    committee = a_committee(MEMBER).remove(Seat(BODY, "ketua-apindo", 1), MEMBER)
    again = committee.appoint(Seat(BODY, "ketua-apindo", 1), MEMBER)
    assert len(seal_of(inputs(committee=again)).counted) == 2


def test_a_scorer_who_was_removed_and_sits_on_as_a_clerk_was_removed():
    committee = a_committee(MEMBER, GONE).remove(Seat(BODY, "ketua-apindo", 2), GONE)
    clerk = committee.appoint(Seat(BODY, "sekretaris-panitia", 2), GONE)
    event = seal_of(inputs(nominations=(a_nomination(N1),), **{**removed("kept-uncounted"), "committee": clerk}))
    assert [one.reason for one in event.excluded] == ["removed"]


def test_recusal_reaches_only_the_nomination_it_is_about():
    event = seal_of(inputs(committee=an_interest(a_committee(), N1)))
    assert [one.stream for one in event.counted] == [sheet_stream(N2, AT, MEMBER)]


def test_a_sample_nominee_or_a_sample_mark_makes_a_standing_a_sample_and_the_seal_too():
    sample_sheet = FiledSheet(filed(N1).stream, 3, N1, MEMBER, Sheet("submitted", filed(N1).sheet.marks, sample=True))
    event = seal_of(inputs(sheets=(sample_sheet, filed(N2))))
    assert {one.nomination: one.sample for one in event.standings} == {N1: True, N2: False}
    assert event.sample
    assert not seal_of(inputs()).sample
    assert seal_of(inputs(nominations=(a_nomination(N1, sample=True),), sheets=())).unrankable[0].sample


@given(st.permutations([filed(N1), filed(N1, OTHER, kebijakan="33.5", kinerja="1"), filed(N2), filed(N3)]))
def test_the_order_in_which_streams_were_loaded_changes_nothing(sheets):
    nominations = (a_nomination(N3), a_nomination(N1), a_nomination(N2))
    assert seal_of(inputs(sheets=tuple(sheets), nominations=nominations)) == seal_of(
        inputs(sheets=tuple(reversed(sheets)), nominations=tuple(reversed(nominations)))
    )


def test_the_digest_is_that_of_the_canonical_json():
    event = seal_of(inputs(nominations=(a_nomination(N1, code="75.03"), a_nomination(N2))))
    said = event.to_data()
    assert event.digest == data_hash(canonical({"standings": said["standings"], "unrankable": said["unrankable"]}))


@given(st.text(min_size=1, max_size=30).filter(lambda text: text.isprintable()))
def test_the_digest_follows_rfc_8785_for_any_text(text):
    one = Standing(nomination=N1, candidate=text, rank=1, total="1/1", shown="1", aspects=())
    said = {"standings": [one.model_dump(mode="json", exclude_none=True)], "unrankable": []}
    assert standings_digest([one], []) == data_hash(canonical(said))


# --- recusals ------------------------------------------------------------------------------------------------------


def belonging(**whom: str) -> Committee:
    """Return a committee of two, of whom the first belongs to somebody."""
    return a_committee(MEMBER, OTHER).appoint(Seat(BODY, "ketua-apindo", 1), MEMBER, Belonging(**whom))


def test_a_seal_lists_every_member_who_takes_no_part_and_why():
    rules = pinned(own_government="refused", conflict_scope="candidate")
    committee = an_interest(belonging(government="75.03"), N2)
    nominations = (a_nomination(N2, code="75.71"), a_nomination(N1, code="75.03"))
    event = seal_of(inputs(ranking=a_closed(rules), committee=committee, nominations=nominations))
    assert event.recusals == (
        Recusal(member=MEMBER, nomination=N1, reason="own-government"),
        Recusal(member=MEMBER, nomination=N2, reason="declared"),
    )
    assert [one.reason for one in event.excluded] == ["recused", "recused"]


def test_what_is_flagged_is_listed_and_counts():
    event = seal_of(inputs(ranking=a_closed(pinned(own_government="flagged")), committee=belonging(government="75.03")))
    flagged = {one.nomination for one in event.recusals or () if one.flagged and one.reason == "own-government"}
    assert flagged == {N1, N2}, "both candidates of the usual inputs are 75.03"
    assert len(event.counted) == 2


def test_ones_own_employer_is_known_by_its_number():
    employer = Candidate(kind="employer", code="09012345", name="PT Contoh", size_class="large", region="75.71")
    nomination = Nomination(N1, employer, CLOSES, (AT,))
    rules = a_closed(pinned(own_employer="refused"))
    own, namesake = belonging(employer="09012345"), belonging(government="09012345")
    event = seal_of(inputs(ranking=rules, committee=own, nominations=(nomination,), sheets=(filed(N1),)))
    assert [one.reason for one in event.recusals or ()] == ["own-employer"]
    assert [one.reason for one in event.excluded] == ["recused"]
    assert seal_of(inputs(ranking=rules, committee=namesake, nominations=(nomination,))).recusals == ()


def test_marks_count_again_once_the_interest_is_lifted():
    lifted = an_interest(a_committee(), N1).lift(MEMBER, Interest("KABKOTA", N1))
    event = seal_of(inputs(committee=lifted))
    assert (event.excluded, event.recusals) == ((), ())


def test_who_has_left_is_not_listed_though_its_marks_stay_excluded():
    committee = an_interest(a_committee(MEMBER, OTHER), N1).remove(Seat(BODY, "ketua-apindo", 1), MEMBER)
    event = seal_of(inputs(ranking=a_closed(pinned(marks_of_removed="counted")), committee=committee))
    assert event.recusals == ()
    assert [(one.stream, one.reason) for one in event.excluded] == [(sheet_stream(N1, AT, MEMBER), "recused")]


def test_an_advance_that_was_withdrawn_leaves_the_later_ranking_and_its_marks_stay_in_the_record():
    back = a_nomination(N1, AT, NATIONAL).fall_back(AT)
    event = seal_of_national((back, a_nomination(N2, NATIONAL)))
    assert event.basis.nominations == (N2,)
    assert [(one.stream, one.reason) for one in event.excluded] == [
        (sheet_stream(N1, NATIONAL, MEMBER), "not-eligible")
    ]


def seal_of_national(nominations: tuple[Nomination, ...]) -> RankingSealed:
    marks = filed(N1).sheet
    sheets = tuple(FiledSheet(sheet_stream(one.id, NATIONAL, MEMBER), 3, one.id, MEMBER, marks) for one in nominations)
    (event,) = events(decide_seal(inputs(nominations=nominations, sheets=sheets), sealing(at=NATIONAL)))
    assert isinstance(event, RankingSealed)
    return event


def test_an_unrankable_nominee_keeps_the_aggregates_it_has():
    event = seal_of(inputs(sheets=(filed(N1, kebijakan="80", kinerja=None), filed(N2))))
    (one,) = event.unrankable
    assert (one.reason, one.aspect) == ("aspect-unmarked", "kinerja")
    assert one.aspects == (AspectAggregate(aspect="kebijakan", value="80/1", sheets=1),)
    assert seal_of(inputs(sheets=())).unrankable[0].aspects == ()


# --- carried aspects -----------------------------------------------------------------------------------------------

CARRYING = pinned(
    aspect("kinerja", "2/3", "carried", carried=CarriedAspect(tier="provincial", stage="seleksi", aspect="kinerja")),
    aspect("wawancara", "1/3"),
)


def test_a_carried_aspect_is_taken_exactly_from_the_seal_of_the_stage_that_was_passed():
    earlier = sealed_state(
        nominations=(a_nomination(N1),),
        sheets=(
            filed(N1, kebijakan="1", kinerja="80"),
            filed(N1, OTHER, kebijakan="1", kinerja="80.5"),
            filed(N1, an_id("third"), kebijakan="1", kinerja="81.5"),
        ),
        committee=a_committee(MEMBER, OTHER, an_id("third")),
    )
    nomination = a_nomination(N1, AT, NATIONAL)
    assert carried_sources([nomination], CARRYING) == {AT.ranking}
    at_national = Inputs(
        season=a_season(),
        ranking=a_closed(CARRYING),
        committee=a_committee(),
        nominations=(nomination, a_nomination(N2, NATIONAL)),
        sheets=(filed(N1, wawancara="90"), filed(N2, wawancara="90")),
        versions={},
        carried={AT.ranking: earlier},
    )
    (event,) = events(decide_seal(at_national, sealing(at=NATIONAL)))
    assert [(one.nomination, one.total) for one in event.standings] == [(N1, f"{(2 * Fraction(242, 3) + 90) / 3}")]
    assert [(one.nomination, one.reason, one.aspect) for one in event.unrankable] == [(N2, "not-carried", "kinerja")]
    assert event.basis.carried == (StreamPoint(stream=AT.ranking, version=3),)


def at_national(**changed: Any) -> Inputs:
    """Return what a national stage is sealed from, to which two come with the figures of the province's seal."""
    nominations = (a_nomination(N1, AT, NATIONAL), a_nomination(N2, AT, NATIONAL))
    usual: dict[str, Any] = {
        "season": a_season(),
        "ranking": a_closed(CARRYING),
        "committee": a_committee(),
        "nominations": nominations,
        "sheets": (filed(N1, wawancara="90"), filed(N2, wawancara="90")),
        "versions": {AT.award: 4},
        "carried": {AT.ranking: sealed_state(sheets=(filed(N1, kebijakan="1", kinerja="80"), filed(N2)))},
    }
    return Inputs(**(usual | changed))


def test_what_a_verdict_corrected_is_carried_as_the_verdict_has_it():
    figures = {N1: {"kinerja": Fraction(200, 3)}, N2: {"kinerja": Fraction(75)}}
    verdict = Verdict("appeal/x", 2, figures, figures)
    (event,) = events(decide_seal(at_national(), sealing(at=NATIONAL)))
    assert [(one.nomination, one.total) for one in event.standings] == [(N1, "250/3"), (N2, "230/3")]
    corrected = at_national(verdicts={AT.ranking: [verdict]})
    (event,) = events(decide_seal(corrected, sealing(at=NATIONAL)))
    assert [(one.nomination, one.total) for one in event.standings] == [(N2, "80/1"), (N1, "670/9")]
    assert event.basis.carried == (
        StreamPoint(stream="appeal/x", version=2),
        StreamPoint(stream=AT.ranking, version=3),
    )
    assert event.basis.streams == (StreamPoint(stream=AT.award, version=4),)


def test_a_seal_waits_for_the_figures_of_a_verdict_of_which_it_has_heard():
    held = refusal(decide_seal(at_national(verdicts={AT.ranking: [Unheard()]}), sealing(at=NATIONAL)))
    assert (held.code, held.status) == ("verdict-on-its-way", 409)
    assert AT.ranking in held.detail.en
    assert AT.ranking in held.detail.id


# --- measured aspects ----------------------------------------------------------------------------------------------

MEASURING = pinned(measured_aspect(), aspect("kinerja", "1/2"))


def an_indicator(nomination: str, *ratios: str | None) -> Indicator:
    """Return what was measured of a nominee, one after another."""
    said = [measured(nomination, ratio) for ratio in ratios]
    return INDICATOR.fold(happened(indicator_stream(nomination), said))


def at_measured(**changed: Any) -> Inputs:
    """Return what a stage with a measured aspect is sealed from: two marked alike, of whom one was measured."""
    usual: dict[str, Any] = {
        "ranking": a_closed(MEASURING),
        "sheets": (filed(N1, kinerja="70"), filed(N2, kinerja="70")),
        "indicators": {N1: an_indicator(N1, "1/2", "2/3"), N2: Indicator()},
    }
    return inputs(**(usual | changed))


def test_a_measured_aspect_counts_exactly_and_the_seal_names_the_version_that_it_saw():
    event = seal_of(at_measured())
    assert [(one.nomination, one.total) for one in event.standings] == [(N1, "205/3")]
    assert event.standings[0].aspects == (
        AspectAggregate(aspect="kepatuhan", value="200/3", sheets=0),
        AspectAggregate(aspect="kinerja", value="70/1", sheets=1),
    )
    assert [(one.nomination, one.reason, one.aspect) for one in event.unrankable] == [(N2, "unmeasured", "kepatuhan")]
    assert event.basis.measured == (StreamPoint(stream=indicator_stream(N1), version=2),)
    assert seal_of(at_measured(indicators={})).basis.measured == ()
    assert seal_of(inputs()).basis.measured is None, "no aspect of that stage is measured"


def test_who_lacks_the_figure_is_unrankable_and_the_seal_names_what_said_so():
    event = seal_of(at_measured(indicators={N1: an_indicator(N1, "1/2", None), N2: an_indicator(N2, "1/1")}))
    assert [one.nomination for one in event.standings] == [N2]
    assert [(one.nomination, one.reason) for one in event.unrankable] == [(N1, "unmeasured")]
    assert [(one.stream, one.version) for one in event.basis.measured or ()] == [
        (indicator_stream(N1), 2),
        (indicator_stream(N2), 1),
    ]


def test_who_is_not_ranked_is_not_named_among_the_measured():
    nominations = (a_nomination(N1), a_nomination(N2, standing="withdrawn"))
    indicators = {N1: an_indicator(N1, "1/2"), N2: an_indicator(N2, "1/2")}
    event = seal_of(at_measured(nominations=nominations, indicators=indicators))
    assert [one.stream for one in event.basis.measured or ()] == [indicator_stream(N1)]


def sealed_measured(**changed: Any) -> Sealed:
    """Return a stage with a measured aspect once it was sealed, and sealed anew from each of these inputs."""
    history: list[Any] = [opened(MEASURING), ScoringClosed(at=AT), seal_of(at_measured(**changed))]
    state = RANKING.fold(happened(AT.ranking, history))
    assert isinstance(state, Sealed)
    return state


def sealed_anew(ranking: Sealed, **changed: Any) -> RankingSealed:
    order = Order(an_id("order"), ranking.id)
    _, sealed = events(decide_seal(at_measured(ranking=ranking, awards=ordered(order), **changed), sealing()))
    assert isinstance(sealed, RankingSealed)
    return sealed


def test_sealed_anew_each_nominee_keeps_what_was_measured_when_a_seal_first_named_it():
    late = a_nomination(N3)
    nominations = (a_nomination(N1), a_nomination(N2), late)
    now = {N1: an_indicator(N1, "1/2", "2/3", "1/1"), N2: an_indicator(N2, "1/1"), N3: an_indicator(N3, "1/4", "1/2")}
    sheets = (filed(N1, kinerja="70"), filed(N2, kinerja="70"), filed(N3, kinerja="70"))
    ranking = sealed_measured()
    sealed = sealed_anew(ranking, nominations=nominations, indicators=now, sheets=sheets)
    assert [(one.nomination, one.aspects[0].value) for one in sealed.standings] == [(N1, "200/3"), (N3, "50/1")]
    assert [(one.nomination, one.reason) for one in sealed.unrankable] == [(N2, "unmeasured")]
    assert sealed.basis.measured == tuple(
        StreamPoint(stream=stream, version=2) for stream in sorted((indicator_stream(N1), indicator_stream(N3)))
    )


def test_a_third_seal_keeps_what_the_second_first_took():
    nominations = (a_nomination(N1), a_nomination(N3))
    first = sealed_measured(nominations=(a_nomination(N1),), indicators={N1: an_indicator(N1, "1/2")})
    seen = {N1: an_indicator(N1, "1/2", "1/1"), N3: an_indicator(N3, "1/4")}
    sheets = (filed(N1, kinerja="70"), filed(N3, kinerja="70"))
    second = sealed_anew(first, nominations=nominations, indicators=seen, sheets=sheets)
    superseded = RankingSuperseded(at=AT, seal=first.id, order=an_id("order"))
    state = RANKING.fold(
        happened(AT.ranking, [opened(MEASURING), ScoringClosed(at=AT), first.sealed, superseded, second])
    )
    assert isinstance(state, Sealed)
    assert state.measured == {N1: 1, N3: 1}
    now = {N1: an_indicator(N1, "1/2", "1/1"), N3: an_indicator(N3, "1/4", "1/1")}
    assert sealed_anew(state, nominations=nominations, indicators=now, sheets=sheets).standings == second.standings


# --- refusals ------------------------------------------------------------------------------------------------------


def frozen(*appeals: str) -> Award:
    """Return an award in which these appeals hold the stage."""
    return Award(freezes={an_id(appeal): frozenset({AT, NATIONAL}) for appeal in appeals})


@pytest.mark.parametrize(
    ("code", "changed", "command"),
    [
        ("scoring-not-opened", {"ranking": Unopened()}, {}),
        ("before-deadline", {"ranking": an_open()}, {"received": CLOSES}),
        ("scoring-not-closed", {"ranking": an_open()}, {}),
        ("before-deadline", {"ranking": extended(AFTER)}, {"received": AFTER}),
        ("not-the-office", {}, {"person": MEMBER}),
        ("season-frozen", {"season": Season(1, hold="frozen")}, {}),
        ("season-closed", {"season": Season(1, hold="closed")}, {}),
        ("stage-frozen", {"awards": (Award(), frozen("appeal"))}, {}),
    ],
)
def test_a_stage_that_cannot_be_sealed_is_refused(code, changed, command):
    assert refusal(decide_seal(inputs(**changed), sealing(**command))).code == code


def test_a_seal_waits_for_the_last_open_appeal_and_the_refusal_names_them():
    held = refusal(decide_seal(inputs(awards=(frozen("one", "two"), frozen("two"))), sealing()))
    assert all(an_id(name) in held.detail.en and an_id(name) in held.detail.id for name in ("one", "two"))
    elsewhere = Award(freezes={an_id("one"): frozenset({NATIONAL})})
    assert seal_of(inputs(awards=(elsewhere,))) == seal_of(inputs())


def test_a_stage_that_is_held_is_not_sealed_anew_either():
    ranking = sealed_state()
    awards = (*ordered(Order(an_id("order"), ranking.id)), frozen("appeal"))
    assert refusal(decide_seal(inputs(ranking=ranking, awards=awards), sealing())).code == "stage-frozen"


def test_a_seal_is_replaced_only_by_an_order_that_cites_it():
    ranking = sealed_state()
    assert refusal(decide_seal(inputs(ranking=ranking), sealing())).code == "already-sealed"
    other = Order(an_id("order"), an_id("another seal"))
    assert refusal(decide_seal(inputs(ranking=ranking, awards=ordered(other)), sealing())).code == "already-sealed"
    order = Order(an_id("order"), ranking.id)
    assert (
        refusal(decide_seal(inputs(ranking=ranking, awards=ordered(order)), sealing(person=MEMBER))).code
        == "not-the-office"
    )
    superseded, sealed = events(decide_seal(inputs(ranking=ranking, awards=ordered(order)), sealing()))
    assert superseded == RankingSuperseded(at=AT, seal=ranking.id, order=order.id)
    assert sealed == seal_of(inputs())


def later(committee: Committee, **changed: Any) -> Committee:
    """Return a committee one event later."""
    return replace(committee, **changed, version=committee.version + 1, before=committee)


def recused_since(version: int) -> Committee:
    """Return the committee of `inputs` with the member's interest as the event of a version, and one event more."""
    committee = replace(a_committee(MEMBER, OTHER), version=version - 1)
    return later(later(committee, interests=an_interest(committee, N1).interests))


@pytest.mark.parametrize(
    ("missed", "version", "left_out"),
    [(0, 5, []), (6, 6, [filed(N1).stream]), (7, 7, [filed(N1).stream])],
    ids=["ordered for another reason", "the seal missed it", "the seal missed what followed it too"],
)
def test_a_stage_sealed_anew_takes_the_committee_as_it_was_but_for_what_the_order_names(missed, version, left_out):
    ranking = sealed_state()
    order = Order(an_id("order"), ranking.id, missed)
    given_now = inputs(
        ranking=ranking,
        awards=ordered(order),
        committee=recused_since(6),
        versions={**inputs().versions, "committee/2020/75": 7},
    )
    _, sealed = events(decide_seal(given_now, sealing()))
    assert [one.stream for one in sealed.excluded] == left_out
    assert StreamPoint(stream="committee/2020/75", version=version) in sealed.basis.streams
    assert bool(sealed.recusals) is bool(left_out)


def test_a_stage_sealed_anew_before_the_committees_change_arrives_says_which_version_it_had():
    ranking = sealed_state()
    order = Order(an_id("order"), ranking.id, 9)
    _, sealed = events(decide_seal(inputs(ranking=ranking, awards=ordered(order)), sealing()))
    assert StreamPoint(stream="committee/2020/75", version=5) in sealed.basis.streams


def test_a_seal_without_nominees_is_a_seal_of_nothing():
    event = seal_of(inputs(nominations=(), sheets=(), committee=Committee().form(BODY, TERM)))
    assert (event.standings, event.unrankable, event.basis.nominations) == ((), (), ())
