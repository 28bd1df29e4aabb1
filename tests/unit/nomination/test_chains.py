"""Specs of figures carried over several stages: which seals a verdict reaches, and what carries from an old seal."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.envelope import Stage, StreamPoint
from schemas.nomination import ResealOrdered
from schemas.rulebook import Rulebook
from schemas.scoring import Basis
from services.audit.checks.verdicts import stages_reached
from services.audit.rules import Rules
from services.nomination.domain.refusals import Refused
from services.nomination.domain.reversal import stages_carrying
from services.nomination.domain.seal import citable, judge_seal
from services.nomination.domain.season import Season
from tests.unit.nomination.appealing import ASPECTS, DESK, JURY, Hearing, contested, every, upheld
from tests.unit.nomination.scene import AT, accepted, rulebook


def chained(second: Any = (), third: Any = (), *, over: bool = False) -> Rulebook:
    """Return rules under which the second stage takes aspects over from the first, and the third from the second.

    With `over` the third takes them from the first, over the head of the second.
    """
    content = rulebook().model_dump(mode="json", exclude_none=True)
    for rubric in content["rubrics"]:
        for aspect in rubric["aspects"]:
            aspect.pop("carried", None)
    first, middle = ({"tier": at.tier, "stage": at.stage} for at in (AT, DESK))
    sources = {"verifikasi": (first, second), "wawancara": (first if over else middle, third)}
    for stage in content["stages"]:
        stage.pop("carries", None)
        source, aspects = sources.get(stage["code"], ({}, ()))
        if stage["category"] == "KABKOTA" and aspects:
            stage["carries"] = {**source, "aspects": sorted(aspects), "assumed": True}
    return Rulebook.from_content(content)


def sealed(rules: Rulebook) -> tuple[Hearing, list[str]]:
    """Return a contested selection whose first nominee is sealed at both later stages, and both seals."""
    scene, ids = contested(90, 80, 70, by=0, rules=rules)
    named = Basis(nominations=tuple(ids[:2]), streams=())
    return scene, [scene.seal([(ids[0], 1), (ids[1], 2)], at=at, basis=named) for at in (DESK, JURY)]


def ordered(scene: Hearing, **figures: str) -> list[str]:
    return [order.seal for order in every(scene.judge(upheld(**figures)), ResealOrdered)]


def test_a_verdict_reaches_the_third_stage_by_what_the_second_carries():
    scene, seals = sealed(chained({"kinerja"}, {"kinerja"}))
    assert ordered(scene, kinerja="91/1") == seals


@pytest.mark.parametrize(
    ("second", "third", "over", "reached"),
    [
        ((), {"kinerja"}, False, []),
        ({"kebijakan"}, {"kinerja"}, False, []),
        ({"kinerja"}, {"kebijakan"}, False, [0]),
        ({"kinerja"}, (), False, [0]),
        ((), {"kinerja"}, True, [1]),
        ({"kinerja"}, {"kinerja"}, True, [0, 1]),
    ],
)
def test_only_the_seals_that_a_figure_reaches_are_ordered_anew(second, third, over, reached):
    scene, seals = sealed(chained(second, third, over=over))
    assert ordered(scene, kinerja="91/1") == [seals[index] for index in reached]


def test_the_third_stage_is_ordered_though_the_seconds_seal_was_ordered_before():
    scene, (desk, jury) = sealed(chained({"kinerja"}, {"kinerja"}))
    scene.record_one(DESK.award, ResealOrdered(ranking=DESK.ranking, seal=desk, stale=()))
    assert ordered(scene, kinerja="91/1") == [jury]


def test_a_third_stage_that_does_not_name_the_appellant_stands():
    scene, ids = contested(90, 80, 70, by=0, rules=chained({"kinerja"}, {"kinerja"}))
    desk = scene.seal([(ids[0], 1), (ids[1], 2)], at=DESK)
    scene.seal([(ids[1], 1)], at=JURY, basis=Basis(nominations=(ids[1],), streams=()))
    assert ordered(scene, kinerja="91/1") == [desk]


# --- the closure ---------------------------------------------------------------------------------------------------

aspects = st.frozensets(st.sampled_from(ASPECTS))


@given(aspects, aspects, st.booleans(), aspects)
def test_what_is_reached_is_what_was_changed_and_handed_on_and_the_audit_says_the_same(second, third, over, changed):
    rules = chained(second, third, over=over)
    handed = changed if over else changed & second
    expected = [at for at, held in ((DESK, changed & second), (JURY, handed & third)) if held]
    assert list(stages_carrying(rules, AT, changed)) == expected
    content = rules.model_dump(mode="json", exclude_none=True)
    audited = stages_reached(Rules(1, "", content), AT.model_dump(), changed)
    assert [Stage.model_validate(at) for at in audited] == expected


# --- orders that a seal had not heard of ---------------------------------------------------------------------------


def carrying(scene: Hearing, seen: int) -> Basis:
    """Return the basis of an interview's seal that carries from the verification's, and saw their award so far."""
    basis = scene.basis(JURY)
    streams = [point for point in basis.streams if point.stream != DESK.award]
    known = [StreamPoint(stream=DESK.award, version=seen)] if seen else []
    carried = (StreamPoint(stream=DESK.ranking, version=1),)
    return basis.model_copy(update={"streams": (*streams, *known), "carried": carried})


def judging(scene: Hearing, seal: str) -> list[ResealOrdered]:
    states = (scene.ranking(JURY), scene.award(JURY), scene.committee("00"), scene.nominations(), scene.awards())
    return [emit.event for emit in accepted(judge_seal(seal, *states))]


def at_the_interview() -> tuple[Hearing, list[str]]:
    """Return a scene whose third stage takes over what the second took over, and its nominations."""
    return contested(90, 80, 70, by=0, rules=chained({"kinerja"}, {"kinerja"}))


def test_a_seal_that_carries_from_one_ordered_anew_without_its_knowing_is_ordered_too_and_cannot_be_tabled():
    scene, ids = at_the_interview()
    desk = scene.seal([(ids[0], 1), (ids[1], 2)], at=DESK)
    seen = scene.version(DESK.award)
    scene.record_one(DESK.award, ResealOrdered(ranking=DESK.ranking, seal=desk, stale=()))
    told = StreamPoint(stream=DESK.award, version=seen + 1)
    seal = scene.seal([(ids[0], 1), (ids[1], 2)], at=JURY, basis=carrying(scene, seen))
    current, season = scene.ranking(JURY).current, scene.season()
    assert current is not None
    assert isinstance(season, Season)
    states = (scene.award(JURY), scene.committee("00"), scene.nominations(), scene.awards())
    with pytest.raises(Refused) as refused:
        citable(current, scene.ranking(JURY), season, *states)
    assert refused.value.refusal.code == "seal-stale"
    (order,) = judging(scene, seal)
    assert (order.seal, order.stale) == (seal, (told,))


def test_an_order_that_the_seal_knew_or_that_came_after_it_or_concerns_another_ranking_orders_nothing():
    scene, ids = at_the_interview()
    desk = scene.seal([(ids[0], 1), (ids[1], 2)], at=DESK)
    ranks = [(ids[0], 1), (ids[1], 2)]
    before = scene.version(DESK.award)
    early = scene.seal(ranks, at=JURY, basis=carrying(scene, before))
    scene.record_one(DESK.award, ResealOrdered(ranking=DESK.ranking, seal=desk, stale=()))
    assert judging(scene, early) == []
    scene.record_one(JURY.award, ResealOrdered(ranking=JURY.ranking, seal=early, stale=()))
    scene.supersede(early, JURY)
    seen = scene.version(DESK.award)
    assert judging(scene, scene.seal(ranks, at=JURY, basis=carrying(scene, seen))) == []
    assert {order.ranking for order in scene.award(DESK).orders} == {DESK.ranking, JURY.ranking}
