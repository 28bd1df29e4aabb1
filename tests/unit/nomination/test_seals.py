"""Specs of received seals: what makes one stale, what does not, and that a new one is ordered once."""

from __future__ import annotations

from schemas.envelope import StreamPoint
from schemas.nomination import ResealOrdered
from schemas.scoring import Basis
from services.nomination.domain.committee import committee_stream
from services.nomination.domain.seal import judge_seal
from tests.unit.nomination.scene import AT, CHAIR, Scene, accepted, person, seated


def judged(scene: Scene, seal: str) -> list[ResealOrdered]:
    decision = judge_seal(seal, scene.ranking(), scene.award(), scene.committee(), scene.nominations())
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


def test_a_nomination_after_the_seal_came_is_not_missed():
    scene, ids = nominated()
    seal = scene.seal([(ids[0], 1), (ids[1], 2)])
    scene.nominated("75.01")
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
    scene.given(judge_seal(seal, scene.ranking(), scene.award(), scene.committee(), scene.nominations()))
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
    scene.given(judge_seal(first, scene.ranking(), scene.award(), scene.committee(), scene.nominations()))
    scene.supersede(first)
    assert judged(scene, scene.seal([(ids[0], 1)])) == []
