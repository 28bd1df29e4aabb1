"""Given a season, a committee and a ranking; when a stage is opened or closed; then what happens."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from kernel.canonical import canonical, data_hash
from schemas.envelope import Stage
from schemas.rulebook import Assignment, Rulebook, definition_of, rulebook_content, rulebook_hash
from schemas.rulebook_file import read_rulebook
from schemas.scoring import RankingSuperseded, ScoringClosed, ScoringExtended, ScoringOpened
from services.scoring.domain.received import Award, Committee, Season
from services.scoring.domain.stage import (
    RANKING,
    Closed,
    CloseStage,
    ExtendScoring,
    Open,
    OpenStage,
    Unopened,
    decide_close,
    decide_extend,
    decide_open,
    office_refusal,
    pin,
)
from tests.unit.scoring.given import (
    AFTER,
    AT,
    BODY,
    CLERK,
    CLOSES,
    DIGEST,
    MEMBER,
    NOW,
    STRANGER,
    TERM,
    a_closed,
    a_committee,
    an_id,
    an_open,
    events,
    extended,
    happened,
    opened,
    refusal,
)

_READ = read_rulebook((Path(__file__).parents[3] / "rulebooks" / "2020.yaml").read_bytes())
assert _READ.rulebook is not None, _READ.errors
RULEBOOK = _READ.rulebook
SEASON = Season(1, rulebook_hash(RULEBOOK), rulebook_content(RULEBOOK))
DAY = timedelta(days=1)
FORMED = Committee().form(BODY, TERM).form("tim-verifikasi", TERM).form("dewan-juri", TERM)


def opening(at: Stage = AT, received: datetime = NOW) -> OpenStage:
    return OpenStage(at, received)


def stage(**changed: Any) -> Stage:
    return AT.model_copy(update=changed)


# --- opening -------------------------------------------------------------------------------------------------------


def test_a_stage_opens_under_the_rulebook_in_force_and_pins_it():
    (event,) = events(decide_open(Unopened(), SEASON, FORMED, opening()))
    assert isinstance(event, ScoringOpened)
    assert (event.at, event.body, event.rubric) == (AT, BODY, "pemerintah-daerah")
    assert (event.rulebook_version, event.rulebook_hash) == (1, rulebook_hash(RULEBOOK))
    assert [(one.code, one.share) for one in event.rules.aspects] == [
        ("kebijakan", "5/16"),
        ("peraturan", "5/16"),
        ("kinerja", "3/8"),
    ]
    assert "sekretaris-panitia" not in event.rules.scoring_offices
    assert len(event.rules.scoring_offices) == 9
    assert event.rules.sealing_offices == ("sekretaris-panitia",)
    assert (event.rules.own_employer, event.rules.own_government) == ("refused", "refused")
    assert event.rules.per_nominee is None


def test_a_stage_with_an_assignment_pins_how_many_members_score_each_nominee():
    stages = tuple(one.model_copy(update={"assignment": Assignment(per_nominee=3)}) for one in RULEBOOK.stages)
    assert {pin(RULEBOOK, one).per_nominee for one in stages} == {3}


def test_the_window_is_that_of_the_provinces_own_zone_with_its_last_second():
    """Gorontalo is on WITA, eight hours ahead of UTC: 1 to 28 February 2021."""
    (event,) = events(decide_open(Unopened(), SEASON, FORMED, opening()))
    assert event.opens == datetime(2021, 1, 31, 16, tzinfo=UTC)
    assert event.closes == datetime(2021, 2, 28, 15, 59, 59, 999_999, tzinfo=UTC)


def test_the_interview_carries_the_verified_aspects_and_judges_its_own():
    at = Stage(season="2020", tier="national", province="00", category="KABKOTA", stage="wawancara")
    (event,) = events(decide_open(Unopened(), SEASON, FORMED, opening(at)))
    carried = {one.code: one.carried for one in event.rules.aspects}
    assert [one.origin for one in event.rules.aspects] == ["carried", "carried", "carried", "judged"]
    assert carried["kinerja"] is not None
    assert (carried["kinerja"].stage, carried["kinerja"].aspect) == ("verifikasi", "kinerja")
    assert sum(Fraction(one.share) for one in event.rules.aspects) == 1


def test_a_measured_aspect_pins_its_measure_and_how_that_is_worded():
    content = rulebook_content(RULEBOOK)
    for rubric in content["rubrics"]:
        for one in rubric["aspects"]:
            if one["code"] == "kepatuhan":
                one |= {"origin": "measured", "measure": "kepatuhan-iuran"}
    rules = Rulebook.from_content(content)
    stage_of_companies = rules.entry_stage("UMKM")
    pins = {one.code: (one.origin, one.measure, one.definition) for one in pin(rules, stage_of_companies).aspects}
    definition = definition_of(rules.measure("kepatuhan-iuran"))
    assert pins == {
        "kepatuhan": ("measured", "kepatuhan-iuran", definition),
        "kinerja": ("judged", None, None),
    }
    (said,) = content["measures"]
    assert definition == data_hash(canonical(said))
    said["cap"] = "1.5"
    assert definition_of(Rulebook.from_content(content).measure("kepatuhan-iuran")) != definition


def test_every_stage_of_the_rulebook_can_be_pinned():
    for one in RULEBOOK.stages:
        assert sum(Fraction(aspect.share) for aspect in pin(RULEBOOK, one).aspects) == 1


@pytest.mark.parametrize(
    ("code", "state", "season", "committee", "command"),
    [
        ("season-unknown", Unopened(), Season(), FORMED, opening()),
        ("season-frozen", Unopened(), replace(SEASON, hold="frozen"), FORMED, opening()),
        ("season-closed", Unopened(), replace(SEASON, hold="closed"), FORMED, opening()),
        ("already-open", an_open(), SEASON, FORMED, opening()),
        ("already-open", a_closed(), SEASON, FORMED, opening()),
        ("stage-unknown", Unopened(), SEASON, FORMED, opening(stage(category="UMKM", stage="wawancara"))),
        ("stage-unknown", Unopened(), SEASON, FORMED, opening(stage(category="PROVINSI"))),
        ("stage-unknown", Unopened(), SEASON, FORMED, opening(stage(province="00"))),
        ("stage-unknown", Unopened(), SEASON, FORMED, opening(stage(tier="national", stage="verifikasi"))),
        ("body-not-formed", Unopened(), SEASON, Committee(), opening()),
        ("window-over", Unopened(), SEASON, FORMED, opening(received=CLOSES + timedelta(microseconds=1))),
    ],
)
def test_a_stage_that_cannot_open_is_refused(code, state, season, committee, command):
    assert refusal(decide_open(state, season, committee, command)).code == code


def test_micro_companies_have_no_interview_in_2020_and_the_refusal_lists_what_there_is():
    umkm = opening(Stage(season="2020", tier="national", province="00", category="UMKM", stage="wawancara"))
    found = refusal(decide_open(Unopened(), SEASON, FORMED, umkm))
    assert found.faults[0].value == "wawancara"
    assert "national/UMKM/verifikasi" in found.faults[0].remedy.en


# --- closing -------------------------------------------------------------------------------------------------------


def test_an_open_stage_closes_after_its_deadline():
    assert events(decide_close(an_open(), SEASON, (), CloseStage(AT, AFTER))) == [ScoringClosed(at=AT)]


@pytest.mark.parametrize(
    ("code", "state", "season", "received"),
    [
        ("before-deadline", an_open(), SEASON, CLOSES),
        ("before-deadline", extended(CLOSES + DAY), SEASON, CLOSES + DAY),
        ("scoring-not-opened", Unopened(), SEASON, AFTER),
        ("already-closed", a_closed(), SEASON, AFTER),
        ("season-frozen", an_open(), replace(SEASON, hold="frozen"), AFTER),
        ("season-closed", an_open(), replace(SEASON, hold="closed"), AFTER),
    ],
)
def test_a_stage_that_cannot_close_is_refused(code, state, season, received):
    assert refusal(decide_close(state, season, (), CloseStage(AT, received))).code == code


def test_a_stage_that_an_appeal_holds_is_closed_after_the_verdict():
    """Whom the verdict lets in must be marked, and a closed stage can be extended no more."""
    held = Award(freezes={"appeal": frozenset({AT})})
    for awards in ((held,), (Award(), held)):
        found = refusal(decide_close(an_open(), SEASON, awards, CloseStage(AT, AFTER)))
        assert (found.code, found.faults[0].value) == ("stage-frozen", "appeal")
    elsewhere = Award(freezes={"appeal": frozenset({AT.model_copy(update={"category": "BESAR"})}), "over": frozenset()})
    assert events(decide_close(an_open(), SEASON, (elsewhere,), CloseStage(AT, AFTER)))


# --- extending -----------------------------------------------------------------------------------------------------


def extending(until: datetime = CLOSES + DAY, received: datetime = NOW, person: str = CLERK) -> ExtendScoring:
    return ExtendScoring(AT, person, until, DIGEST, received)


@pytest.mark.parametrize("received", [NOW, AFTER, CLOSES + DAY - timedelta(seconds=1)])
def test_a_deadline_is_moved_before_it_or_shortly_after_while_nobody_has_closed_the_stage(received):
    until = (CLOSES + DAY).replace(microsecond=0)
    (event,) = events(decide_extend(an_open(), SEASON, a_committee(), extending(until, received)))
    assert event == ScoringExtended(at=AT, previous=CLOSES, until=CLOSES + DAY, reason_digest=DIGEST)


def test_a_second_extension_goes_on_from_the_first():
    state = RANKING.fold(
        happened(
            AT.ranking,
            [opened(), ScoringExtended(at=AT, previous=CLOSES, until=CLOSES + DAY, reason_digest=DIGEST)],
        )
    )
    (event,) = events(decide_extend(state, SEASON, a_committee(), extending(CLOSES + 2 * DAY)))
    assert event.previous == CLOSES + DAY


def test_a_stage_is_extended_to_the_last_second_of_the_season_in_its_own_zone():
    """The season of 2020 ends with 30 June 2021; Gorontalo is on WITA, eight hours ahead of UTC."""
    last = datetime(2021, 6, 30, 15, 59, 59, tzinfo=UTC)
    assert events(decide_extend(an_open(), SEASON, a_committee(), extending(last)))
    beyond = refusal(decide_extend(an_open(), SEASON, a_committee(), extending(last + timedelta(seconds=1))))
    assert beyond.code == "extension-beyond-season"


@pytest.mark.parametrize(
    ("code", "state", "season", "command"),
    [
        ("scoring-not-opened", Unopened(), SEASON, extending()),
        ("closed-before-extension", a_closed(), SEASON, extending()),
        ("season-frozen", an_open(), replace(SEASON, hold="frozen"), extending()),
        ("season-closed", an_open(), replace(SEASON, hold="closed"), extending()),
        ("not-the-office", an_open(), SEASON, extending(person=MEMBER)),
        ("extension-not-later", an_open(), SEASON, extending(CLOSES)),
        ("extension-not-later", an_open(), SEASON, extending(CLOSES + DAY, CLOSES + DAY)),
        ("extension-not-later", extended(CLOSES + DAY), SEASON, extending(CLOSES + DAY)),
        ("extension-beyond-season", an_open(), SEASON, extending(CLOSES + 300 * DAY)),
    ],
)
def test_an_extension_that_is_none_is_refused(code, state, season, command):
    assert refusal(decide_extend(state, season, a_committee(), command)).code == code


# --- the stream ----------------------------------------------------------------------------------------------------


def test_the_stream_folds_to_where_the_stage_stands():
    history = happened(AT.ranking, [opened(), ScoringClosed(at=AT)])
    assert isinstance(RANKING.fold(history[:1]), Open)
    assert isinstance(RANKING.fold(history), Closed)
    superseded = RankingSuperseded(at=AT, seal=an_id("seal"), order=an_id("order"))
    assert isinstance(RANKING.fold(happened(AT.ranking, [opened(), ScoringClosed(at=AT), superseded])), Closed)


def test_who_scores_in_a_body_does_not_act_for_it():
    committee = a_committee()
    found = office_refusal(a_closed(), committee, MEMBER)
    assert found is not None
    assert found.code == "not-the-office"
    assert office_refusal(a_closed(), committee, CLERK) is None
    assert office_refusal(a_closed(), committee, STRANGER) is None
