"""Specs of entering a stage: in time or late, by hand or from a list, nobody enters whom nobody could score any more.

A province's window may be extended after its scoring is over, even after a decision. Who came in then would stand in no
seal, and compete for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from kernel.decider import Decision, Emit
from schemas.envelope import Stage
from schemas.nomination import AgendaItem, CandidateNominated
from schemas.scoring import ScoringClosed, ScoringExtended, ScoringOpened
from services.nomination.domain.candidate import CandidateAsked
from services.nomination.domain.importing import ImportList, Outcome
from services.nomination.domain.nomination import Nominate
from services.nomination.domain.persons import Register
from services.nomination.domain.season import ExtendNomination, extend_nomination
from services.nomination.programs import nominations
from tests.unit.nomination.amended import SceneLoader
from tests.unit.nomination.assembly import Assembly, seated
from tests.unit.nomination.handling_scene import EMPLOYER, Handled, handled, row
from tests.unit.nomination.scene import (
    AT,
    CONTACT,
    GORONTALO,
    ITEM,
    REASON,
    REGENCIES,
    Scene,
    accepted,
    carried,
    person,
    refused,
    rulebook,
)
from tests.unit.nomination.test_admissions import opening_as

RULES = rulebook()
CLOSES = RULES.deadline_utc(RULES.stage(AT.tier, AT.category, AT.stage).scoring, GORONTALO)
"""The last instant for sheets of the selection in Gorontalo."""
EXTENDED = datetime.fromisoformat("2021-06-01T23:59:59")
"""The last second of the extended window, by the province's own time."""
AFTER = CLOSES + timedelta(days=9)
TICK = timedelta(microseconds=1)
OWN = Stage(season="2020", tier="national", province="00", category="PROVINSI", stage="verifikasi")


def extended(scene: Handled) -> Handled:
    """Let Gorontalo's window close long after its scoring."""
    command = ExtendNomination("2020", GORONTALO, EXTENDED, scene.clock, REASON)
    scene.given(extend_nomination(command, scene.season()))
    return scene


def sealed(scene: Scene, at: Stage = AT) -> None:
    scene.seal([], at=at)


def closed(scene: Scene, at: Stage = AT) -> None:
    scene.record([Emit(at.ranking, ScoringClosed(at=at))])


def by_hand(scene: Handled) -> Decision:
    return scene.nominate("75.71", received=AFTER)


def by_its_own_secretariat(scene: Handled) -> Decision:
    return scene.nominate("75.71", nominating_body="75.71", scopes=frozenset({"75.71"}), received=AFTER)


def late(scene: Handled) -> Decision:
    return scene.file_late(received=AFTER)


ENTRIES = [
    pytest.param(by_hand, True, id="by hand"),
    pytest.param(by_its_own_secretariat, True, id="by the city itself"),
    pytest.param(late, False, id="late"),
]
Enter = Callable[[Handled], Decision]


def scene_for(*, in_window: bool) -> Handled:
    return extended(handled()) if in_window else handled()


# --- what is over --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("enter", "in_window"), ENTRIES)
def test_nobody_enters_a_sealed_stage(enter: Enter, in_window: bool):
    scene = scene_for(in_window=in_window)
    sealed(scene)
    refused(enter(scene), "entry-sealed", "category")


@pytest.mark.parametrize(("enter", "in_window"), ENTRIES)
def test_nobody_enters_a_closed_stage_though_its_deadline_were_still_to_come(enter: Enter, in_window: bool):
    scene = scene_for(in_window=in_window)
    scene.record([Emit(AT.ranking, opening_as(RULES, AFTER + timedelta(days=9)))])
    closed(scene)
    refused(enter(scene), "entry-closed", "category")


@pytest.mark.parametrize(("enter", "in_window"), ENTRIES)
def test_nobody_enters_after_the_last_instant_for_sheets_until_it_is_extended(enter: Enter, in_window: bool):
    scene = scene_for(in_window=in_window)
    refusal = refused(enter(scene), "scoring-over", "category")
    assert "WITA" in refusal.detail.id
    scene.record([Emit(AT.ranking, ScoringExtended(at=AT, previous=CLOSES, until=AFTER, reason_digest=REASON))])
    accepted(enter(scene))


def test_the_last_instant_for_sheets_is_included():
    scene = extended(handled())
    accepted(scene.nominate(received=CLOSES))
    refused(scene.nominate(received=CLOSES + TICK), "scoring-over", "category")


def test_the_last_instant_is_the_one_that_the_stage_was_opened_under():
    scene = extended(handled())
    opened = opening_as(RULES, CLOSES - timedelta(days=3))
    assert isinstance(opened, ScoringOpened)
    scene.record([Emit(AT.ranking, opened)])
    accepted(scene.nominate(received=opened.closes))
    refused(scene.nominate(received=opened.closes + TICK), "scoring-over", "category")


def test_a_decided_stage_takes_nobody_though_the_window_is_extended():
    scene, _, _ = carried(1, 2)
    until = ExtendNomination("2020", GORONTALO, EXTENDED, scene.clock, REASON)
    scene.given(extend_nomination(until, scene.season()))
    refused(scene.nominate(REGENCIES[5], received=scene.clock), "entry-sealed", "category")


def test_who_was_nominated_before_is_told_so_also_when_the_stage_is_sealed():
    scene = extended(handled())
    scene.nominated("75.71")
    sealed(scene)
    refused(by_hand(scene), "nominated-already", "candidate")


@pytest.mark.parametrize("where", [{"province": "13"}, {"category": "BESAR"}])
def test_the_seal_of_another_place_or_category_does_not_matter(where: dict[str, str]):
    scene = handled()
    sealed(scene, AT.model_copy(update=where))
    accepted(scene.nominate())


def test_a_province_enters_the_centre_only_while_it_is_scored_there():
    scene = handled()
    gorontalo = CandidateAsked("province", GORONTALO)
    accepted(scene.nominate(candidate=gorontalo, category="PROVINSI"))
    sealed(scene, OWN)
    refused(scene.nominate(candidate=gorontalo, category="PROVINSI"), "entry-sealed", "category")


# --- lists ---------------------------------------------------------------------------------------------------------


def outcomes(scene: Handled, mode: str = "skip-bad") -> tuple[Outcome, ...]:
    large = row("NPP12345", "pemberi kerja", kategori="BESAR", nama=EMPLOYER.name, skala="besar", wilayah="75.71")
    imported = scene.import_rows(row("75.71"), row("75.03", "kabupaten"), large, mode=mode)
    if mode == "all-or-nothing":
        refused(imported.decision, "import-has-bad-rows", "body")
    else:
        nominated = [emit.event for emit in accepted(imported.decision)]
        assert [event.candidate.code for event in nominated] == ["NPP12345"]
    return imported.outcomes


@pytest.mark.parametrize("mode", ["skip-bad", "all-or-nothing"])
def test_a_row_of_a_sealed_stage_is_told_at_its_category(mode: str):
    scene = handled()
    scene.nominated("75.03")
    sealed(scene)
    bad, already, other = outcomes(scene, mode)
    (fault,) = bad.faults
    assert (bad.status, fault.code, fault.cell, fault.heading) == ("bad", "entry-sealed", "A2", "kategori")
    assert (already.status, already.standing) == ("already", "competing")
    assert other.status == ("nominated" if mode == "skip-bad" else "skipped")


# --- at the same moment --------------------------------------------------------------------------------------------


async def test_the_ranking_is_guarded_so_that_a_seal_that_comes_at_the_same_moment_is_noticed():
    scene = handled()
    asked = Nominate(
        "2020",
        ITEM.category,
        CandidateAsked("city", "75.71"),
        GORONTALO,
        person("secretariat"),
        CONTACT,
        sample=False,
        received=scene.clock,
        scopes=None,
    )
    loader = SceneLoader(scene)
    accepted(await nominations.nominating(asked)(loader))
    assert AT.ranking in loader.loaded


async def test_a_list_guards_the_ranking_of_every_stage_that_its_rows_enter():
    scene = handled()
    lines = scene.lines(row("75.71"), row("75.03", "kabupaten"))
    asked = ImportList("2020", lines, "skip-bad", person("secretariat"), scene.clock, None, Register())
    loader = SceneLoader(scene)
    accepted(await nominations.importing(asked, lambda _: None)(loader))
    assert [stream for stream in loader.loaded if stream.startswith("ranking/")] == [AT.ranking]


# --- admissions ----------------------------------------------------------------------------------------------------


def asked_to_admit() -> tuple[Assembly, str]:
    """Return a meeting that votes on a late nomination."""
    scene = seated()
    scene.nominated(*REGENCIES[:2])
    filed = scene.filed_late()
    scene.given(scene.convene())
    scene.all_attend()
    scene.given(scene.admit(filed))
    scene.all_vote()
    return scene, filed


def test_nobody_is_admitted_to_a_closed_stage_and_the_question_has_no_object_any_more():
    scene, filed = asked_to_admit()
    (_, entering) = accepted(scene.decide())
    assert isinstance(entering.event, CandidateNominated)
    closed(scene)
    refused(scene.decide(), "entry-closed", "item")
    refused(scene.admit(filed), "entry-closed", "item")
    scene.seal([(one, rank) for rank, one in enumerate(scene.nominations(), start=1) if one != filed])
    scene.given(scene.table())
    accepted(scene.move())


def test_a_superseded_seal_lets_nobody_in_before_the_next_arrives():
    scene, filed = asked_to_admit()
    scene.supersede(scene.seal([]))
    refused(scene.decide(), "entry-sealed", "item")
    refused(scene.admit(filed, item=AgendaItem(category="KABKOTA", stage="seleksi")), "entry-sealed", "item")
