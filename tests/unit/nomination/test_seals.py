"""Specs of received seals: what makes one stale, what does not, and that a new one is ordered once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from kernel.decider import Decision, Emit
from schemas.envelope import Stage, StreamPoint
from schemas.nomination import ResealOrdered
from schemas.scoring import Basis, CorrectionImpactFound, Move
from services.nomination.domain.committee import committee_stream
from services.nomination.domain.refusals import Refused
from services.nomination.domain.seal import citable, judge_seal
from services.nomination.domain.season import Season
from tests.unit.nomination.appealing import DESK, DISMISSED, Hearing, contested, to
from tests.unit.nomination.scene import AT, CHAIR, Scene, accepted, person, seated


def judging(scene: Scene, seal: str, at: Stage = AT) -> Decision:
    states = (scene.ranking(at), scene.award(at), scene.committee(at.province), scene.nominations(), scene.awards())
    return judge_seal(seal, *states)


def judged(scene: Scene, seal: str) -> list[ResealOrdered]:
    decision = judging(scene, seal)
    return [emit.event for emit in accepted(decision)]


def nominated() -> tuple[Scene, list[str]]:
    scene = seated()
    return scene, scene.nominated("75.03", "75.71")


def test_a_seal_that_saw_everything_is_left_alone():
    scene, ids = nominated()
    assert judged(scene, scene.seal([(ids[0], 1), (ids[1], 2)])) == []


def test_a_withdrawal_that_the_seal_missed_makes_it_stale():
    scene, ids = nominated()
    basis = scene.basis()
    scene.given(scene.withdraw(ids[1]))
    (order,) = judged(scene, scene.seal([(ids[0], 1), (ids[1], 2)], basis=basis))
    assert (order.ranking, order.superfluous, order.missing) == (AT.ranking, (ids[1],), ())


def test_a_withdrawal_after_the_seal_came_orders_nothing():
    scene, ids = nominated()
    seal = scene.seal([(ids[0], 1), (ids[1], 2)])
    scene.given(scene.withdraw(ids[1]))
    assert judged(scene, seal) == []


def test_a_nomination_that_the_seal_missed_makes_it_stale():
    scene, ids = nominated()
    basis = scene.basis()
    (late,) = scene.nominated("75.01")
    (order,) = judged(scene, scene.seal([(ids[0], 1), (ids[1], 2)], basis=basis))
    assert order.missing == (late,)


def test_a_nomination_after_the_seal_came_as_older_builds_took_it_is_not_missed():
    scene, ids = nominated()
    entering = accepted(scene.nominate("75.01"))
    seal = scene.seal([(ids[0], 1), (ids[1], 2)])
    scene.record(entering)
    assert judged(scene, seal) == []


def test_a_conflict_that_the_seal_missed_makes_it_stale():
    scene, ids = nominated()
    basis = scene.basis()
    scene.given(scene.declare(CHAIR, ids[0]))
    (order,) = judged(scene, scene.seal([(ids[0], 1), (ids[1], 2)], basis=basis))
    stream = committee_stream("2020", "75")
    assert order.stale == (StreamPoint(stream=stream, version=scene.version(stream)),)


def test_a_removal_and_an_appointment_that_the_seal_missed_make_it_stale():
    scene, ids = nominated()
    basis = scene.basis()
    scene.given(scene.remove(CHAIR))
    scene.given(scene.appoint("sekretaris-daerah", person("new")))
    (order,) = judged(scene, scene.seal([(ids[0], 1), (ids[1], 2)], basis=basis))
    assert len(order.stale) == 2


def test_a_conflict_after_the_seal_came_orders_nothing():
    scene, ids = nominated()
    seal = scene.seal([(ids[0], 1), (ids[1], 2)])
    scene.given(scene.declare(CHAIR, ids[0]))
    assert judged(scene, seal) == []


def test_a_conflict_between_the_seal_and_its_arrival_orders_nothing_either():
    scene, ids = nominated()
    basis, sealed = scene.basis(), scene.clock
    scene.given(scene.declare(CHAIR, ids[0]))
    scene.clock = sealed - timedelta(seconds=1)
    assert judged(scene, scene.seal([(ids[0], 1), (ids[1], 2)], basis=basis)) == []


def test_a_new_seal_misses_nothing_of_the_committee_but_what_the_first_one_missed():
    scene, ids = nominated()
    basis, stream = scene.basis(), committee_stream("2020", "75")
    scene.given(scene.declare(CHAIR, ids[0]))
    missed = scene.version(stream)
    first = scene.seal([(ids[0], 1), (ids[1], 2)], basis=basis)
    scene.given(scene.remove(person("ketua-spsi")))
    (order,) = judged(scene, first)
    assert [point.version for point in order.stale] == [missed]
    scene.supersede(first)
    (again,) = judged(scene, scene.seal([(ids[0], 1), (ids[1], 2)], basis=basis))
    assert again.stale == order.stale
    scene.supersede(scene.last(AT.ranking).id)
    heard = (StreamPoint(stream=stream, version=missed),)
    assert (
        judged(scene, scene.seal([(ids[0], 1), (ids[1], 2)], basis=basis.model_copy(update={"streams": heard}))) == []
    )


def test_a_seal_that_names_no_committee_saw_none():
    scene, ids = nominated()
    basis = Basis(nominations=tuple(ids), streams=())
    (order,) = judged(scene, scene.seal([(ids[0], 1), (ids[1], 2)], basis=basis))
    assert len(order.stale) == 8


def test_forming_a_body_changes_no_ranking():
    scene, _ = nominated()
    versions = [change.version for change in scene.committee().changes]
    assert versions == list(range(2, scene.version(committee_stream("2020", "75")) + 1))


def test_a_new_seal_is_ordered_once():
    scene, ids = nominated()
    basis = scene.basis()
    scene.given(scene.withdraw(ids[1]))
    seal = scene.seal([(ids[0], 1), (ids[1], 2)], basis=basis)
    scene.given(judging(scene, seal))
    assert judged(scene, seal) == []


def test_a_superseded_seal_is_not_judged():
    scene, ids = nominated()
    basis = scene.basis()
    scene.given(scene.withdraw(ids[1]))
    seal = scene.seal([(ids[0], 1), (ids[1], 2)], basis=basis)
    scene.supersede(seal)
    assert judged(scene, seal) == []


def test_the_seal_after_the_order_saw_everything():
    scene, ids = nominated()
    basis = scene.basis()
    scene.given(scene.withdraw(ids[1]))
    first = scene.seal([(ids[0], 1), (ids[1], 2)], basis=basis)
    scene.given(judging(scene, first))
    scene.supersede(first)
    assert judged(scene, scene.seal([(ids[0], 1)])) == []


# --- verdicts on figures that a seal carries -----------------------------------------------------------------------


def carrying(scene: Hearing, *, from_: Stage = AT, seen: int = 0) -> Basis:
    """Return the basis of a seal that carries figures, and saw the award of their stage at a version."""
    basis = scene.basis(DESK)
    known = (StreamPoint(stream=from_.award, version=seen),) if seen else ()
    carried = (StreamPoint(stream=from_.ranking, version=1),)
    return basis.model_copy(update={"streams": (*basis.streams, *known), "carried": carried})


def test_a_verdict_that_a_seal_missed_makes_it_stale_when_it_carries_its_figures():
    scene, ids = contested(90, 80, 70, by=1)
    seen = scene.version(AT.award)
    scene.judge(to(85))
    ranks = [(ids[0], 1), (ids[1], 2)]
    review = StreamPoint(stream=AT.award, version=seen + 1)
    for basis in (carrying(scene, seen=seen), carrying(scene)):
        seal = scene.seal(ranks, at=DESK, basis=basis)
        (order,) = accepted(judging(scene, seal, DESK))
        assert (order.event.seal, order.event.stale, order.event.missing) == (seal, (review,), ())
        _refuses(scene, seal)
    for basis in (carrying(scene, seen=seen + 1), carrying(scene, from_=DESK), scene.basis(DESK)):
        assert judging(scene, scene.seal(ranks, at=DESK, basis=basis), DESK) == ()


def _refuses(scene: Hearing, seal: str) -> None:
    """Check that no meeting may rest on a seal, though the order to make it anew has not come yet."""
    current, season = scene.ranking(DESK).current, scene.season()
    assert current is not None
    assert current.id == seal
    assert isinstance(season, Season)
    states = (scene.award(DESK), scene.committee("00"), scene.nominations())
    with pytest.raises(Refused) as refused:
        citable(current, scene.ranking(DESK), season, *states, scene.awards())
    assert refused.value.refusal.code == "seal-stale"
    assert AT.award in refused.value.refusal.detail.en


def test_of_two_verdicts_the_last_must_have_been_seen():
    scene, ids = contested(90, 80, 70, by=1)
    scene.judge(to(85))
    seen = scene.version(AT.award)
    scene.given(scene.lodge(ids[0], appeal := person("another")))
    scene.judge(to(95), appeal)
    ranks = [(ids[0], 1), (ids[1], 2)]
    (order,) = accepted(judging(scene, scene.seal(ranks, at=DESK, basis=carrying(scene, seen=seen)), DESK))
    assert [point.version for point in order.event.stale] == [scene.award().corrected[-1].version]


def test_a_dismissal_and_a_verdict_after_the_seal_came_order_nothing():
    scene, ids = contested(90, 80, 70, by=2)
    seen = scene.version(AT.award)
    scene.judge(DISMISSED)
    seal = scene.seal([(ids[0], 1), (ids[1], 2)], at=DESK, basis=carrying(scene, seen=seen))
    assert judging(scene, seal, DESK) == ()
    scene.given(scene.lodge(ids[1], appeal := person("another")))
    scene.judge(to(85), appeal)
    current = replace(scene.ranking(DESK), superseded=frozenset())
    assert current.seal(seal) == current.current
    assert judging(scene, seal, DESK) == (), "the verdict ordered by itself what it had to"


# --- measured figures ----------------------------------------------------------------------------------------------


def test_what_was_measured_is_scorings_own_and_makes_no_seal_stale():
    scene, ids = nominated()
    measured = (StreamPoint(stream=f"indicator/{ids[0]}", version=7),)
    basis = scene.basis().model_copy(update={"measured": measured})
    assert judged(scene, scene.seal([(ids[0], 1), (ids[1], 2)], basis=basis)) == []


def test_what_later_facts_would_have_changed_leaves_the_seal_as_it_is():
    scene, ids = nominated()
    seal = scene.seal([(ids[0], 1), (ids[1], 2)])
    before = scene.ranking(AT)
    told = CorrectionImpactFound(
        at=AT,
        seal=seal,
        nomination=ids[1],
        measure="kepatuhan-iuran",
        indicator=StreamPoint(stream=f"indicator/{ids[1]}", version=2),
        before="1/2",
        after="1/1",
        moves=(Move(nomination=ids[1], rank_before=2, rank_after=1),),
    )
    scene.record([Emit(AT.ranking, told)])
    assert scene.ranking(AT) == before
    assert judged(scene, seal) == []
