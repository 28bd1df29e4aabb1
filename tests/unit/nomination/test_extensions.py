"""Specs of extensions: the window for nominations closes later, somewhere or everywhere, and never earlier."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.decider import Decision, Emit, Refusal
from schemas.envelope import Stage
from schemas.nomination import DeadlineExtended
from schemas.scoring import ScoringClosed
from services.nomination.domain.season import ExtendNomination, Season, entries_in, extend_nomination, season_stream
from services.nomination.programs import seasons
from tests.unit.nomination.amended import SceneLoader
from tests.unit.nomination.scene import GORONTALO, REASON, Scene, accepted, opened, refused, rulebook

ACEH, PAPUA = "11", "91"
CLOSES = rulebook().calendar.nomination_closes
"""Local, in every province by its own time."""
ENDS = rulebook().calendar.closes
WITA, WIB, WIT = timedelta(hours=8), timedelta(hours=7), timedelta(hours=9)
WEEK = timedelta(days=7)
LAST_MICROSECONDS = timedelta(microseconds=999_999)


def extend(scene: Scene, until: datetime, province: str | None = GORONTALO, **also: Any) -> Decision:
    received = also.get("received", scene.clock)
    return extend_nomination(ExtendNomination("2020", province, until, received, REASON), scene.season())


def closes_in(scene: Scene, province: str) -> datetime:
    season = scene.season()
    assert isinstance(season, Season)
    return season.nomination_closes(province)


def utc(local: datetime, offset: timedelta) -> datetime:
    """Return a window's last instant, of its last second in local time."""
    return (local - offset).replace(tzinfo=UTC) + LAST_MICROSECONDS


def test_a_provinces_window_closes_later_by_its_own_time():
    scene = opened()
    (event,) = scene.given(extend(scene, CLOSES + WEEK))
    assert isinstance(event, DeadlineExtended)
    assert (event.window, event.province, event.until) == ("nomination", GORONTALO, utc(CLOSES + WEEK, WITA))
    assert closes_in(scene, GORONTALO) == utc(CLOSES + WEEK, WITA)
    assert closes_in(scene, ACEH) == utc(CLOSES, WIB)


def test_nominations_are_received_until_the_extended_end_and_no_longer():
    scene = opened()
    scene.given(extend(scene, CLOSES + WEEK))
    last = utc(CLOSES + WEEK, WITA)
    accepted(scene.nominate(received=last))
    refused(scene.nominate(received=last + timedelta(microseconds=1)), "window-closed", "season")


def test_without_a_province_it_is_extended_everywhere_by_the_nations_time():
    scene = opened()
    (event,) = scene.given(extend(scene, CLOSES + WEEK, None))
    assert isinstance(event, DeadlineExtended)
    assert event.province is None
    assert {closes_in(scene, place) for place in (ACEH, GORONTALO, PAPUA)} == {utc(CLOSES + WEEK, WIB)}


def test_an_extension_everywhere_shortens_nobodys_own():
    scene = opened()
    scene.given(extend(scene, CLOSES + 2 * WEEK, PAPUA))
    scene.given(extend(scene, CLOSES + WEEK, None))
    assert closes_in(scene, PAPUA) == utc(CLOSES + 2 * WEEK, WIT)
    assert closes_in(scene, ACEH) == utc(CLOSES + WEEK, WIB)


def test_a_window_that_is_over_can_be_opened_again():
    scene = opened()
    scene.given(extend(scene, CLOSES + WEEK, received=utc(CLOSES, WITA) + timedelta(days=1)))


def test_no_extension_without_a_season():
    refused(extend(Scene(), CLOSES + WEEK), "season-unknown", "season")


@pytest.mark.parametrize("province", ["77", "00"])
def test_an_extension_is_for_a_province_of_the_table(province):
    refused(extend(opened(), CLOSES + WEEK, province), "province-unknown", "province")


@pytest.mark.parametrize("until", [CLOSES, CLOSES - WEEK, datetime(1, 1, 1)])  # noqa: DTZ001 - local, as rulebooks are
def test_an_extension_is_later_than_the_present_end(until):
    refused(extend(opened(), until), "extension-not-later", "until")


def test_an_extension_is_later_than_the_last_one():
    scene = opened()
    scene.given(extend(scene, CLOSES + WEEK))
    refused(extend(scene, CLOSES + WEEK), "extension-not-later", "until")
    refused(extend(scene, CLOSES + timedelta(days=1)), "extension-not-later", "until")


def test_an_extension_is_still_to_come():
    refused(extend(opened(), CLOSES + WEEK, received=utc(CLOSES + 2 * WEEK, WITA)), "extension-past", "until")


@pytest.mark.parametrize("until", [ENDS + timedelta(seconds=1), datetime(9999, 12, 31, 23, 59, 59)])  # noqa: DTZ001
def test_an_extension_is_inside_the_season(until):
    refused(extend(opened(), until), "extension-after-season", "until")


def test_an_extension_may_reach_the_seasons_last_second():
    accepted(extend(opened(), ENDS))


@settings(max_examples=50)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([None, ACEH, GORONTALO, PAPUA]),
            st.integers(-30, 200).map(lambda days: CLOSES + timedelta(days=days)),
        ),
        max_size=6,
    )
)
def test_no_sequence_of_extensions_makes_any_window_shorter(asked):
    scene = opened()
    for province, until in asked:
        before = {place: closes_in(scene, place) for place in (ACEH, GORONTALO, PAPUA)}
        decision = extend(scene, until, province)
        if not isinstance(decision, Refusal):
            scene.given(decision)
        assert all(closes_in(scene, place) >= end for place, end in before.items())


# --- what an extension opens ---------------------------------------------------------------------------------------


async def extend_by_program(scene: Scene, province: str | None) -> Decision:
    asked = ExtendNomination("2020", province, CLOSES + WEEK, scene.clock, REASON)
    loader = SceneLoader(scene)
    decision = await seasons.extending(asked)(loader)
    assert loader.loaded == {season_stream("2020")}, "hundreds of rankings need no guard: what is over stays so"
    return decision


def over(scene: Scene, *stages: Stage) -> None:
    """Let scoring close the first of some stages and seal the others."""
    for index, at in enumerate(stages):
        if index:
            scene.seal([], at=at)
        else:
            scene.record([Emit(at.ranking, ScoringClosed(at=at))])


def test_a_provinces_candidates_enter_the_first_stage_of_every_category():
    entries = entries_in(opened().season(), GORONTALO)
    assert [(one.tier, one.province, one.category, one.stage) for one in entries] == [
        ("national", "00", "PROVINSI", "verifikasi"),
        *(("provincial", GORONTALO, category, "seleksi") for category in ("KABKOTA", "BESAR", "MENENGAH", "UMKM")),
    ]
    everywhere = entries_in(opened().season(), None)
    assert len(everywhere) == len(set(everywhere)) == 1 + 34 * 4
    assert entries_in(Scene().season(), GORONTALO) == ()


@pytest.mark.parametrize("province", [GORONTALO, None])
async def test_an_extension_opens_something(province: str | None):
    scene = opened()
    *some, last = entries_in(scene.season(), province)
    over(scene, *some)
    accepted(await extend_by_program(scene, province))
    over(scene, last)
    refused(await extend_by_program(scene, province), "extension-opens-nothing", "until")


async def test_what_is_over_in_one_place_does_not_keep_another_from_an_extension():
    scene = opened()
    over(scene, *entries_in(scene.season(), GORONTALO))
    refused(await extend_by_program(scene, GORONTALO), "extension-opens-nothing", "until")
    accepted(await extend_by_program(scene, ACEH))
    accepted(await extend_by_program(scene, None))
