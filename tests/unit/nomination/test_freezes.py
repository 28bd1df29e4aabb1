"""Specs of freezing and closing a season by two persons: then every other command of the service is refused."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Callable
from datetime import datetime, timedelta
from importlib import import_module

import pytest

from kernel.commands import Program
from kernel.decider import Decision, Refusal
from schemas.envelope import Stage
from schemas.nomination import Defect, SeasonClosed, SeasonFrozen, SeasonUnfrozen, Tally
from schemas.regions import NATION
from schemas.rulebook import Window
from services.nomination import programs
from services.nomination.domain.amending import AmendRulebook
from services.nomination.domain.announcing import Announce
from services.nomination.domain.candidate import CandidateAsked
from services.nomination.domain.certificates import IssueCertificates
from services.nomination.domain.closing import awards_in, close_season
from services.nomination.domain.committee import (
    AppointMember,
    DeclareConflict,
    FormCommittee,
    LiftConflict,
    RemoveMember,
    ReplaceMember,
)
from services.nomination.domain.correcting import CorrectMinutes
from services.nomination.domain.deciding import DecideMotion, OpenMotion, TableRanking
from services.nomination.domain.handling import Amend, AttachEvidence, DisputeFigure
from services.nomination.domain.importing import Imported, ImportList
from services.nomination.domain.interview import ScheduleInterview
from services.nomination.domain.nomination import Handler, Nominate, Withdraw
from services.nomination.domain.persons import Register
from services.nomination.domain.plenary import Actor, Adjourn, Convene, RecordAttendance
from services.nomination.domain.season import (
    ByTwo,
    Closed,
    ExtendNomination,
    Frozen,
    OpenSeason,
    Season,
    begun,
    freeze_season,
    known,
    open_season,
    season_stream,
    unfreeze_season,
)
from services.nomination.domain.verification import Reject, Resubmit, Return, Verify
from services.nomination.domain.voting import CastVote, ConfirmBallot, TallyBallot
from services.nomination.programs import awards, committees, nominations, persons, plenaries, seasons
from services.nomination.programs.loading import RollOfPlace
from tests.unit.nomination.amended import SceneLoader, amended, with_title
from tests.unit.nomination.appealing import APPEAL_ID, DESK, DISMISSED, contested, decided_on, to
from tests.unit.nomination.scene import (
    AT,
    BODY,
    CHAIR,
    CONTACT,
    GORONTALO,
    IN_WINDOW,
    ITEM,
    LATER,
    PLENARY_ID,
    REASON,
    REGENCIES,
    SECRETARY,
    Scene,
    accepted,
    carried,
    moved,
    opened,
    person,
    refused,
    rulebook,
)

ADMIN, OTHER = person("admin"), person("admin2")
TOGETHER = ByTwo("2020", ADMIN, OTHER, REASON)
ALONE = ByTwo("2020", ADMIN, ADMIN, REASON)
CALENDAR = rulebook().calendar
WHOLE = Window(opens=CALENDAR.opens, closes=CALENDAR.closes)
LAST = rulebook().deadline_utc(WHOLE, "11")
"""The last instant of the season where it ends last, in the west."""
AFTER = LAST + timedelta(microseconds=1)


def frozen(scene: Scene) -> Scene:
    scene.given(freeze_season(TOGETHER, scene.season()))
    return scene


def closed(scene: Scene) -> Scene:
    scene.given(close_season(TOGETHER, scene.season(), AFTER))
    return scene


# --- freezing, unfreezing, closing -----------------------------------------------------------------------------------


def test_two_administrators_freeze_a_season():
    scene = opened()
    (event,) = scene.given(freeze_season(TOGETHER, scene.season()))
    assert isinstance(event, SeasonFrozen)
    assert (event.first, event.second, event.reason_digest) == (ADMIN, OTHER, REASON)
    assert isinstance(scene.season(), Frozen)


def test_a_frozen_season_can_still_be_looked_at():
    assert begun(frozen(opened()).season(), "2020").rulebook == rulebook()
    assert begun(closed(opened()).season(), "2020").rulebook == rulebook()


def test_two_administrators_unfreeze_it_and_all_is_as_before():
    before = opened().season()
    scene = frozen(opened())
    (event,) = scene.given(unfreeze_season(TOGETHER, scene.season()))
    assert isinstance(event, SeasonUnfrozen)
    assert scene.season() == before


def test_two_administrators_close_a_season_that_is_over():
    scene = opened()
    (event,) = scene.given(close_season(TOGETHER, scene.season(), AFTER))
    assert isinstance(event, SeasonClosed)
    assert (event.first, event.second, event.reason_digest) == (ADMIN, OTHER, REASON)
    assert isinstance(scene.season(), Closed)


@pytest.mark.parametrize("received", [IN_WINDOW, LAST])
def test_a_season_is_closed_when_its_last_window_is_over_everywhere(received: datetime):
    refused(close_season(TOGETHER, opened().season(), received), "season-under-way", "season")


async def close(scene: Scene, received: datetime = AFTER) -> Decision:
    loader = SceneLoader(scene)
    decision = await seasons.closing(TOGETHER, received)(loader)
    assert loader.loaded == {season_stream("2020"), *awards_in(scene.season())}, "what comes at once must be noticed"
    return decision


def test_every_award_that_a_season_can_have_is_known_by_its_rules():
    awards = awards_in(opened().season())
    assert len(awards) == 5 + 34 * 4
    assert {AT.award, DESK.award, "award/2020/national/00/PROVINSI"} <= set(awards)
    assert awards_in(Scene().season()) == ()


async def test_a_season_is_not_closed_while_an_appeal_is_open():
    scene, _ = contested(90, 80, 70)
    refusal = refused(await close(scene), "season-under-appeal", "season")
    assert APPEAL_ID in refusal.detail.id
    scene.judge(DISMISSED)
    (event,) = scene.given(await close(scene))
    assert isinstance(event, SeasonClosed)


async def test_a_season_is_not_closed_before_a_verdict_is_announced():
    scene, _ = contested(90, 80, 70)
    scene.judge(to(100))
    refusal = refused(await close(scene), "season-verdict-unannounced", "season")
    assert "provincial/75/KABKOTA/seleksi" in refusal.detail.id


async def test_a_season_is_not_closed_while_a_result_can_be_appealed_against():
    scene, _ = decided_on(90, 80, 70)
    until = AFTER + timedelta(days=3)
    announced = scene.last(AT.award)
    late = announced.event.model_copy(update={"appeals_until": until})
    scene.streams[AT.award][-1] = announced._replace(event=late)
    refusal = refused(await close(scene, until), "season-appealable", "season")
    assert "provincial/75/KABKOTA/seleksi" in refusal.detail.id
    assert "WIB" in refusal.faults[0].remedy.id
    accepted(await close(scene, until + timedelta(microseconds=1)))


def test_it_takes_two_different_persons():
    path = "header.Second-Authorization"
    refused(freeze_season(ALONE, opened().season()), "two-persons-needed", path)
    refused(unfreeze_season(ALONE, frozen(opened()).season()), "two-persons-needed", path)
    refused(close_season(ALONE, opened().season(), AFTER), "two-persons-needed", path)


def test_a_frozen_season_is_not_frozen_again_nor_closed():
    season = frozen(opened()).season()
    refused(freeze_season(TOGETHER, season), "season-frozen", "season")
    refused(close_season(TOGETHER, season, AFTER), "season-frozen", "season")


def test_what_is_not_frozen_is_not_unfrozen():
    refused(unfreeze_season(TOGETHER, opened().season()), "season-not-frozen", "season")


def test_a_closed_season_stays_closed():
    season = closed(opened()).season()
    refused(freeze_season(TOGETHER, season), "season-closed", "season")
    refused(unfreeze_season(TOGETHER, season), "season-closed", "season")
    refused(close_season(TOGETHER, season, AFTER), "season-closed", "season")
    refused(open_season(OpenSeason(rulebook()), season), "season-already-open", "rulebook")


def test_no_season_no_freeze():
    nothing = Scene().season()
    refused(freeze_season(TOGETHER, nothing), "season-unknown", "season")
    refused(unfreeze_season(TOGETHER, nothing), "season-unknown", "season")
    refused(close_season(TOGETHER, nothing, AFTER), "season-unknown", "season")


# --- every other command ---------------------------------------------------------------------------------------------


def _nominate(code: str) -> Nominate:
    candidate = CandidateAsked("regency", code)
    return Nominate(
        "2020", ITEM.category, candidate, GORONTALO, person("secretariat"), CONTACT, sample=False, received=IN_WINDOW,
        scopes=None,
    )  # fmt: skip


def _term() -> FormCommittee:
    day = rulebook().calendar.closes.date()
    return FormCommittee("2020", GORONTALO, BODY, "SK 99/2021", day, day + timedelta(days=30))


MEMBER = Actor(CHAIR)
PLACE = ("2020", GORONTALO, BODY)
ROLL = RollOfPlace()
TALLY = Tally(votes_for=5, votes_against=0, abstained=0)


HANDLER = Handler(person("secretariat"), None)


def unheard(_imported: Imported) -> None:
    """Nobody asks what became of the rows."""


async def kept() -> None:
    """The document is kept elsewhere."""


async def nobody(_at: Stage) -> tuple[str, ...]:
    return ()


HELD: dict[Callable[..., Program], Callable[[str], Program]] = {
    seasons.amending: lambda _: seasons.amending(AmendRulebook("2020", amended(with_title), REASON)),
    seasons.extending: lambda _: seasons.extending(
        ExtendNomination("2020", GORONTALO, CALENDAR.nomination_closes + timedelta(days=1), IN_WINDOW, REASON)
    ),
    seasons.freezing: lambda _: seasons.freezing(TOGETHER),
    seasons.closing: lambda _: seasons.closing(TOGETHER, AFTER),
    committees.forming: lambda _: committees.forming(_term()),
    committees.appointing: lambda _: committees.appointing(
        AppointMember(*PLACE, "anggota-kesembilan", 1, person("ninth"), IN_WINDOW), person("secretariat")
    ),
    committees.removing: lambda _: committees.removing(RemoveMember(*PLACE, CHAIR, REASON), person("secretariat")),
    committees.replacing: lambda _: committees.replacing(
        ReplaceMember(*PLACE, CHAIR, person("new"), IN_WINDOW, REASON), person("secretariat")
    ),
    committees.declaring: lambda id_: committees.declaring(
        DeclareConflict(*PLACE, CHAIR, CHAIR, ITEM.category, id_, "family", REASON)
    ),
    committees.lifting: lambda id_: committees.lifting(LiftConflict(*PLACE, CHAIR, CHAIR, ITEM.category, id_, REASON)),
    nominations.nominating: lambda _: nominations.nominating(_nominate(REGENCIES[-1])),
    nominations.withdrawing: lambda id_: nominations.withdrawing(Withdraw(id_, REASON, None)),
    nominations.filing_late: lambda _: nominations.filing_late(_nominate(REGENCIES[-1]), REASON),
    nominations.importing: lambda _: nominations.importing(
        ImportList("2020", (), "skip-bad", person("secretariat"), IN_WINDOW, None, Register()), unheard
    ),
    nominations.amending: lambda id_: nominations.amending(Amend(id_, HANDLER, IN_WINDOW, REASON, person("new"))),
    persons.bringing_in: lambda id_: persons.bringing_in(
        nominations.amending(Amend(id_, HANDLER, IN_WINDOW, REASON, person("new"))),
        {"contact": person("new")},
        Register(),
    ),
    nominations.attaching: lambda id_: nominations.attaching(
        AttachEvidence(id_, HANDLER, "ab" * 32, "application/pdf", 1, "report"), kept
    ),
    nominations.disputing: lambda id_: nominations.disputing(DisputeFigure(id_, HANDLER, "kinerja", REASON)),
    nominations.verifying: lambda id_: nominations.verifying(Verify(id_, CHAIR, IN_WINDOW)),
    nominations.returning: lambda id_: nominations.returning(
        Return(id_, CHAIR, IN_WINDOW, (Defect(part="evidence", text_digest=REASON),))
    ),
    nominations.rejecting: lambda id_: nominations.rejecting(Reject(id_, CHAIR, IN_WINDOW, REASON)),
    nominations.resubmitting: lambda id_: nominations.resubmitting(Resubmit(id_, HANDLER, IN_WINDOW)),
    nominations.scheduling: lambda id_: nominations.scheduling(
        ScheduleInterview(id_, LATER, "remote", SECRETARY.person, None, IN_WINDOW)
    ),
    plenaries.convening: lambda _: plenaries.convening(
        Convene(person("another"), *PLACE, LATER, (ITEM,), SECRETARY, IN_WINDOW)
    ),
    plenaries.attending: lambda _: plenaries.attending(
        RecordAttendance(PLENARY_ID, CHAIR, False, "in-person", MEMBER, LATER)
    ),
    plenaries.adjourning: lambda _: plenaries.adjourning(Adjourn(PLENARY_ID, SECRETARY)),
    plenaries.correcting: lambda _: plenaries.correcting(CorrectMinutes(PLENARY_ID, REASON, SECRETARY)),
    plenaries.voting: lambda _: plenaries.voting(CastVote(PLENARY_ID, 1, "for", MEMBER, LATER)),
    plenaries.tallying: lambda _: plenaries.tallying(TallyBallot(PLENARY_ID, 1, TALLY, 0, SECRETARY, LATER)),
    plenaries.confirming: lambda _: plenaries.confirming(ConfirmBallot(PLENARY_ID, 1, MEMBER, LATER)),
    plenaries.tabling: lambda _: plenaries.tabling(TableRanking(PLENARY_ID, ITEM, SECRETARY, LATER), ROLL),
    plenaries.moving: lambda _: plenaries.moving(OpenMotion(PLENARY_ID, ITEM, SECRETARY, LATER), ROLL),
    plenaries.deciding: lambda _: plenaries.deciding(DecideMotion(PLENARY_ID, 1, MEMBER, LATER), ROLL),
    plenaries.announcing: lambda _: plenaries.announcing(Announce(PLENARY_ID, 1, MEMBER, LATER), ROLL),
    awards.issuing: lambda _: awards.issuing(
        IssueCertificates("2020", "provincial", GORONTALO, ITEM.category, SECRETARY, LATER), nobody, ()
    ),
}
"""Every command, as it is asked in a season that is under way; of each a program for a nomination."""
NOT_HELD = {"opening", "unfreezing", "judging", "lodging"}
"""What opens a season or ends a freeze, an appeal, whose window does not wait for a freeze, and the reaction that asks
scoring for a new seal, which nobody asks again."""


def _programs() -> dict[str, Callable[..., Program]]:
    modules = [import_module(f"{programs.__name__}.{found.name}") for found in pkgutil.iter_modules(programs.__path__)]
    return {
        name: function
        for module in modules
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if not name.startswith("_")
        and function.__module__ == module.__name__
        and function.__annotations__.get("return") == "Program"
    }


def test_every_program_has_a_spec_here():
    missing = {name for name, program in _programs().items() if program not in HELD} - NOT_HELD
    assert not missing, "hold the command in a frozen season (`opened` or `held`), and add it to HELD"


@pytest.mark.parametrize("program", HELD, ids=lambda program: program.__name__)
async def test_nothing_else_is_done_while_a_season_is_frozen(program: Callable[..., Program]):
    scene, ids = moved(1, 2, 3)
    loader = SceneLoader(frozen(scene))
    decision = await HELD[program](ids[0])(loader)
    refused(decision, "season-frozen", "season")
    assert season_stream("2020") in loader.loaded, "a freeze that comes at the same moment must be noticed"


@pytest.mark.parametrize("program", HELD, ids=lambda program: program.__name__)
async def test_nothing_else_is_done_after_a_season_was_closed(program: Callable[..., Program]):
    scene, ids = moved(1, 2, 3)
    refused(await HELD[program](ids[0])(SceneLoader(closed(scene))), "season-closed", "season")


@pytest.mark.parametrize("program", HELD, ids=lambda program: program.__name__)
async def test_the_same_is_no_more_held_once_it_goes_on(program: Callable[..., Program]):
    scene, ids = moved(1, 2, 3)
    frozen(scene)
    scene.given(unfreeze_season(TOGETHER, scene.season()))
    decision = await HELD[program](ids[0])(SceneLoader(scene))
    assert not isinstance(decision, Refusal) or decision.code not in ("season-frozen", "season-closed")


def test_an_announced_decision_stays_as_it_is():
    scene, _, events = carried(1, 2)
    frozen(scene)
    assert events
    assert scene.award(AT).announced == frozenset()
    refused(scene.announce(), "season-frozen", "season")
    scene.given(unfreeze_season(TOGETHER, scene.season()))
    accepted(scene.announce())


def test_the_nations_season_ends_with_its_last_province():
    assert rulebook().deadline_utc(WHOLE, NATION) <= LAST
    assert isinstance(opened().season(), Season)


def test_a_season_that_is_stopped_or_over_is_still_known_to_who_reads():
    scene = Scene()
    assert known(scene.season()) is None
    scene.open()
    season = scene.season()
    assert known(season) is season
    assert known(frozen(scene).season()) == season
