"""Specs of committees in mid-season: renewed, members replaced, conflicts lifted, one's own employer or government."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from kernel.decider import Decision, Emit, Refusal
from schemas.nomination import Candidate, CommitteeFormed, ConflictLifted, MemberAppointed, MemberRemoved
from schemas.scoring import Assignment, MarksSeen, ScorersAssigned
from services.nomination.domain.committee import (
    AppointMember,
    Belonging,
    LiftConflict,
    ReplaceMember,
    Seat,
    appoint_member,
    by_who_has_not_looked,
    candidates_of,
    lift_conflict,
    replace_member,
)
from services.nomination.domain.seal import staleness
from tests.unit.nomination.assembly import MEMBER, Assembly, gathered
from tests.unit.nomination.scene import (
    AT,
    BODY,
    CHAIR,
    GORONTALO,
    LATER,
    REASON,
    REGENCIES,
    Scene,
    accepted,
    moved,
    opened,
    person,
    refused,
    rulebook,
    seated,
)

NEW = person("new")
RULE = rulebook().conflicts
YEARS_END = datetime(2021, 12, 31, 15, 59, 59, 999_999, tzinfo=UTC)
"""The last instant of 2021 in Gorontalo (WITA)."""
NEXT_YEAR = YEARS_END + timedelta(microseconds=1)


def swap(scene: Scene, who: str = CHAIR, successor: str = NEW, **also: Any) -> Decision:
    asked = ReplaceMember("2020", GORONTALO, BODY, who, successor, scene.clock, REASON)
    return replace_member(replace(asked, **also), scene.season(), scene.committee())


def lift(scene: Scene, who: str, nomination: str | None = None, **also: Any) -> Decision:
    asked = LiftConflict("2020", GORONTALO, BODY, who, who, "KABKOTA", nomination, REASON)
    return lift_conflict(replace(asked, **also), scene.season(), scene.committee(), {AT: scene.ranking()})


def appoint(scene: Scene, **also: Any) -> Decision:
    asked = AppointMember("2020", GORONTALO, BODY, "anggota-kesembilan", 1, NEW, scene.clock)
    return appoint_member(replace(asked, **also), scene.season(), scene.committee())


def renew(scene: Scene, **also: Any) -> Decision:
    term = {"term_from": date(2022, 1, 1), "term_until": date(2022, 6, 30)}
    return scene.form(**{"decree": "SK 1/2022", **term, **also})


def recused(scene: Scene, *ids: str) -> frozenset[str]:
    return scene.committee().recused(RULE, "KABKOTA", candidates_of(ids, scene.nominations()))


# --- renewal and terms -----------------------------------------------------------------------------------------------


def test_a_formed_body_is_renewed_by_another_decree_and_who_sits_in_it_stays():
    scene = seated()
    before = scene.committee().bodies[BODY].holders
    (event,) = scene.given(renew(scene))
    assert isinstance(event, CommitteeFormed)
    body = scene.committee().bodies[BODY]
    assert body.holders == before
    assert [term.decree for term in body.terms] == ["SK 12/2021", "SK 1/2022"]


def test_the_same_decree_renews_nothing():
    scene = seated()
    refused(renew(scene, decree="SK 12/2021"), "committee-formed-already", "body")


def test_a_renewal_ends_later():
    refused(renew(seated(), term_until=date(2021, 12, 31), term_from=date(2021, 6, 1)),
            "renewal-not-later", "term_until")  # fmt: skip


@pytest.mark.parametrize("day", [datetime(2020, 12, 31, 15, 59, tzinfo=UTC), NEXT_YEAR])
def test_no_meeting_is_convened_for_a_day_outside_the_term(day):
    refused(seated().convene(scheduled=day), "outside-term", "scheduled")


@pytest.mark.parametrize("day", [datetime(2020, 12, 31, 16, 0, tzinfo=UTC), YEARS_END])
def test_the_terms_first_and_last_day_are_the_places_own(day):
    accepted(seated().convene(scheduled=day))


@pytest.mark.parametrize("moment", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
def test_no_instant_is_beyond_the_calendar(moment):
    refused(seated().convene(scheduled=moment), "outside-term", "scheduled")


def test_after_a_renewal_both_terms_count():
    scene = seated()
    scene.given(renew(scene))
    accepted(scene.convene(scheduled=LATER))
    accepted(scene.convene(scheduled=NEXT_YEAR))


DONE: dict[str, Callable[[Assembly], Decision]] = {
    "attend": lambda scene: scene.attend(MEMBER, present=False),
    "table": lambda scene: scene.table(),
    "move": lambda scene: scene.move(),
    "vote": lambda scene: scene.vote(MEMBER),
    "tally": lambda scene: scene.tally(5),
    "confirm": lambda scene: scene.confirm(MEMBER),
    "decide": lambda scene: scene.decide(),
}


@pytest.mark.parametrize("what", DONE)
def test_nothing_is_done_in_a_meeting_after_the_term_until_it_is_renewed(what):
    scene, _ = gathered(1, 2)
    scene.given(scene.move())
    do = DONE[what]
    scene.clock = YEARS_END
    assert code_of(do(scene)) != "outside-term"
    scene.clock = NEXT_YEAR
    refused(do(scene), "outside-term", "plenary")
    scene.given(renew(scene))
    assert code_of(do(scene)) != "outside-term"


def code_of(decision: Decision) -> str | None:
    return decision.code if isinstance(decision, Refusal) else None


def test_a_body_decides_only_within_its_term():
    scene, _ = gathered(1, 2)
    scene.given(scene.move())
    scene.all_vote()
    scene.clock = NEXT_YEAR
    refused(scene.decide(), "outside-term", "plenary")
    scene.given(renew(scene))
    accepted(scene.decide())


def test_what_was_decided_in_the_term_is_announced_and_put_on_record_after_it():
    scene, _ = gathered(1, 2)
    scene.given(scene.move())
    scene.all_vote()
    scene.given(scene.decide())
    scene.clock = NEXT_YEAR
    scene.given(scene.correct())
    scene.given(scene.adjourn())
    accepted(scene.announce())


def test_nobody_is_appointed_after_the_last_term():
    scene = seated()
    accepted(appoint(scene, received=YEARS_END))
    refused(appoint(scene, received=NEXT_YEAR), "term-over", "body")
    refused(swap(scene, received=NEXT_YEAR), "term-over", "body")
    scene.given(renew(scene))
    accepted(appoint(scene, received=NEXT_YEAR))


# --- replacement -----------------------------------------------------------------------------------------------------


def test_a_member_is_replaced_in_one_append():
    scene = seated()
    removed, appointed = scene.given(swap(scene, belonging=Belonging("NPP-1", "75.71")))
    assert isinstance(removed, MemberRemoved)
    assert isinstance(appointed, MemberAppointed)
    assert (removed.person, appointed.person) == (CHAIR, NEW)
    assert (removed.office, removed.seat) == (appointed.office, appointed.seat) == ("sekretaris-daerah", 1)
    assert (appointed.employer, appointed.government) == ("NPP-1", "75.71")
    assert scene.committee().bodies[BODY].seat_of(NEW) == Seat("sekretaris-daerah", 1)


def test_the_successor_does_not_vote_for_the_predecessor():
    scene, _ = moved(1, 2)
    scene.given(scene.vote(CHAIR))
    scene.given(swap(scene))
    refused(scene.vote(NEW), "voters-changed", "motion")
    scene.given(scene.move())
    refused(scene.vote(NEW, motion=2), "not-present", "actor")
    scene.given(scene.attend(NEW))
    accepted(scene.vote(NEW, motion=2))


def test_who_holds_no_seat_is_not_replaced():
    refused(swap(seated(), person("nobody")), "person-not-seated", "person")


@pytest.mark.parametrize("successor", [CHAIR, person("ketua-spsi")])
def test_a_successor_holds_no_seat_yet(successor):
    refused(swap(seated(), successor=successor), "person-seated-already", "successor")


def test_nobody_is_replaced_in_a_body_that_is_not_formed():
    refused(swap(opened()), "committee-unknown", "body")


def test_no_replacement_without_a_season():
    refused(swap(Scene()), "season-unknown", "season")


# --- whom a member belongs to ----------------------------------------------------------------------------------------


def test_a_members_government_is_one_of_the_table():
    refused(appoint(seated(), belonging=Belonging(None, "75.99")), "government-unknown", "government")
    refused(swap(seated(), belonging=Belonging(None, "77")), "government-unknown", "government")


def test_a_member_is_recused_on_the_own_government_and_on_no_other():
    scene = seated()
    city, regency = scene.nominated("75.71", "75.03")
    scene.given(appoint(scene, belonging=Belonging(None, "75.71")))
    assert RULE.own_government == "refused"
    assert recused(scene, city) == {NEW}
    assert recused(scene, regency) == frozenset()
    assert recused(scene, regency, city) == {NEW}


def test_the_own_government_is_itself_and_not_the_province():
    scene = seated()
    (city,) = scene.nominated("75.71")
    scene.given(appoint(scene, belonging=Belonging(None, "75")))
    assert recused(scene, city) == frozenset()


def test_where_the_rulebook_only_flags_nobody_is_recused():
    scene = seated()
    (city,) = scene.nominated("75.71")
    scene.given(appoint(scene, belonging=Belonging(None, "75.71")))
    flagging = RULE.model_copy(update={"own_government": "flagged"})
    candidates = candidates_of([city], scene.nominations())
    assert scene.committee().recused(flagging, "KABKOTA", candidates) == frozenset()


def test_an_employers_number_is_no_region_and_the_other_way_round():
    employer = Candidate(kind="employer", code="75.71", name="PT Contoh", size_class="large", region="75.71")
    city = Candidate(kind="city", code="75.71", name="Kota Gorontalo")
    of_employer, of_city = Belonging(employer="75.71"), Belonging(government="75.71")
    assert (of_employer.interest_in(employer), of_employer.interest_in(city)) == ("own-employer", None)
    assert (of_city.interest_in(city), of_city.interest_in(employer)) == ("own-government", None)


def test_whom_a_member_belongs_to_outlives_the_seat_until_another_appointment_says_otherwise():
    """The member may sit on in another body of the place, and marks that were filed are judged by it too."""
    scene = seated()
    (city,) = scene.nominated("75.71")
    scene.given(appoint(scene, belonging=Belonging(None, "75.71")))
    scene.given(scene.remove(NEW))
    assert recused(scene, city) == {NEW}
    scene.given(appoint(scene, belonging=Belonging(None, "75.03")))
    assert recused(scene, city) == frozenset()


def test_a_member_does_not_vote_on_the_own_government():
    scene, ids = moved(1, 2)
    own = REGENCIES[1]
    scene.given(appoint(scene, belonging=Belonging(None, own)))
    scene.given(scene.attend(NEW))
    assert recused(scene, ids[1]) == {NEW}
    refused(scene.vote(NEW), "recused", "actor")


def test_a_decision_counts_its_quorum_without_who_belongs_to_a_candidate():
    scene, _ = moved(1, 2)
    scene.given(appoint(scene, belonging=Belonging(None, REGENCIES[0])))
    scene.given(scene.attend(NEW))
    scene.all_vote()
    decided = scene.given(scene.decide())[0]
    assert decided.quorum.present == 8  # type: ignore[attr-defined]
    assert decided.quorum.recused == (NEW,)  # type: ignore[attr-defined]


# --- lifting a conflict ----------------------------------------------------------------------------------------------


def test_a_lifted_conflict_recuses_no_more():
    scene, ids = moved(1, 2)
    scene.given(scene.declare(CHAIR, ids[0]))
    refused(scene.vote(CHAIR), "recused", "actor")
    (event,) = scene.given(lift(scene, CHAIR, ids[0]))
    assert isinstance(event, ConflictLifted)
    accepted(scene.vote(CHAIR))


def test_the_secretary_may_lift_a_members_conflict():
    scene = seated()
    scene.given(scene.declare(CHAIR))
    accepted(lift(scene, CHAIR, actor=person("sekretaris-75"), recorder=True))


def test_a_member_does_not_lift_anothers():
    scene = seated()
    scene.given(scene.declare(CHAIR))
    refused(lift(scene, CHAIR, actor=person("ketua-spsi")), "not-for-another", "person")


def test_only_what_is_declared_can_be_lifted_and_once():
    scene = seated()
    (city,) = scene.nominated("75.71")
    refused(lift(scene, CHAIR), "conflict-not-declared", "nomination")
    scene.given(scene.declare(CHAIR))
    refused(lift(scene, CHAIR, city), "conflict-not-declared", "nomination")
    scene.given(lift(scene, CHAIR))
    refused(lift(scene, CHAIR), "conflict-not-declared", "nomination")


def test_a_lifted_conflict_can_be_declared_again():
    scene = seated()
    for _ in range(2):
        scene.given(scene.declare(CHAIR))
        scene.given(lift(scene, CHAIR))
    assert scene.committee().conflicts == ()


def test_a_lifting_that_the_seal_missed_makes_it_stale():
    scene = seated()
    ids = scene.nominated(*REGENCIES[:2])
    scene.given(scene.declare(CHAIR, ids[0]))
    basis = scene.basis()
    scene.given(lift(scene, CHAIR, ids[0]))
    scene.seal([(ids[0], 1), (ids[1], 2)], basis=basis)
    seal = scene.ranking().current
    assert seal is not None
    assert [
        point.version for point in staleness(seal, scene.committee(), scene.nominations(), scene.awards()).points
    ] == [scene.version(f"committee/2020/{GORONTALO}")]


def test_no_conflict_is_lifted_without_a_season_or_a_body():
    refused(lift(Scene(), CHAIR), "season-unknown", "season")
    refused(lift(opened(), CHAIR), "committee-unknown", "body")


def test_a_conflict_by_which_scorers_were_drawn_stands_until_the_seal():
    scene = seated()
    (city,) = scene.nominated("75.71")
    scene.given(scene.declare(CHAIR, city))
    others = Assignment(nomination=city, members=(person("ketua-spsi"),))
    draw = ScorersAssigned(at=AT, seed="ab" * 32, per_nominee=1, assignments=(others,))
    scene.record([Emit(AT.ranking, draw)])
    refused(lift(scene, CHAIR, city), "conflict-drawn-by", "nomination")
    scene.given(scene.declare(person("ketua-spsi"), city))
    accepted(lift(scene, person("ketua-spsi"), city))
    scene.seal([(city, 1)])
    accepted(lift(scene, CHAIR, city))


# --- who has seen marks ----------------------------------------------------------------------------------------------


LOOKER = person("sekretaris-75")


def looked(*, sealed: bool = False) -> tuple[Scene, str]:
    """Return a place whose secretary has seen the marks of its stage, and a nominee there."""
    scene = seated()
    (city,) = scene.nominated("75.71")
    scene.record([Emit(AT.ranking, MarksSeen(at=AT, reader=LOOKER))])
    if sealed:
        scene.seal([(city, 1)])
    return scene, city


CHANGES: dict[str, Callable[[Scene, str], Decision]] = {
    "appointing": lambda scene, _: appoint(scene),
    "removing": lambda scene, _: scene.remove(CHAIR),
    "replacing": lambda scene, _: swap(scene),
    "declaring": lambda scene, city: scene.declare(CHAIR, city, actor=LOOKER, recorder=True),
    "lifting": lambda scene, city: lift(scene, person("ketua-spsi"), city, actor=LOOKER, recorder=True),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_who_has_seen_marks_changes_nothing_by_which_they_could_fall_out(change):
    for sealed in (False, True):
        scene, city = looked(sealed=sealed)
        scene.given(scene.declare(person("ketua-spsi"), city))
        decision, rankings = change(scene, city), {AT: scene.ranking()}
        accepted(by_who_has_not_looked(decision, person("another"), rankings))
        if sealed:
            accepted(by_who_has_not_looked(decision, LOOKER, rankings))
        else:
            refused(by_who_has_not_looked(decision, LOOKER, rankings), "marks-seen", "stage")


def test_an_interest_of_ones_own_may_be_declared_whatever_one_has_seen():
    scene, city = looked()
    declared = scene.declare(CHAIR, city)
    seen = {AT: replace(scene.ranking(), readers=frozenset({CHAIR}))}
    accepted(by_who_has_not_looked(declared, CHAIR, seen, speaks_for=CHAIR))
    refused(by_who_has_not_looked(declared, CHAIR, seen), "marks-seen", "stage")


def test_a_change_that_is_refused_anyhow_says_why():
    scene, _ = looked()
    refused(by_who_has_not_looked(scene.remove(NEW), LOOKER, {AT: scene.ranking()}), "person-not-seated", "person")
