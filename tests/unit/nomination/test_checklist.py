"""Specs of the secretary's checklist: what a meeting lacks, and what to do next, item by item."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pytest

from kernel.decider import Emit
from schemas.nomination import AgendaItem
from schemas.scoring import ScoringClosed
from services.nomination.domain.checklist import checklist, place_name
from services.nomination.domain.committee import (
    AppointMember,
    Belonging,
    LiftConflict,
    appoint_member,
    lift_conflict,
)
from services.nomination.domain.plenary import Plenary, Setting
from services.nomination.domain.season import Season
from tests.unit.nomination.appealing import APPEAL_ID, DISMISSED, Hearing, contested, decided_on, to
from tests.unit.nomination.assembly import (
    MEMBER,
    Assembly,
    at_noon,
    convened,
    gathered,
    national,
    seated,
    with_body,
    with_ties,
    with_verification,
)
from tests.unit.nomination.scene import (
    AT,
    BODY,
    GORONTALO,
    PLENARY_ID,
    REASON,
    REGENCIES,
    SECRETARY,
    VOTING_OFFICES,
    person,
    refused,
)

BESAR = AgendaItem(category="BESAR", stage="seleksi")


def checked(scene: Assembly | Hearing, id_: str = PLENARY_ID) -> dict[str, Any]:
    plenary, season, committee = scene.meeting(id_)
    assert isinstance(plenary, Plenary)
    assert isinstance(season, Season)
    setting = Setting(plenary, season, season.rulebook.body(plenary.body), committee)
    evidence = {item: scene.evidence(plenary.stage(item)) for item in plenary.agenda}
    return checklist(setting, evidence, scene.clock)


def first(scene: Assembly | Hearing, id_: str = PLENARY_ID) -> dict[str, Any]:
    item: dict[str, Any] = checked(scene, id_)["items"][0]
    assert item["next"]["en"]
    assert item["next"]["id"]
    return item


def next_of(scene: Assembly | Hearing) -> str:
    return str(first(scene)["next"]["code"])


def test_it_says_by_which_decree_until_when_and_with_which_notice():
    scene = seated(with_body(notice_days=3))
    scene.clock = at_noon(1)
    scene.given(scene.convene(scheduled=at_noon(5)))
    found = checked(scene)
    assert found["term"] == {"decree": "SK 12/2021", "from": "2021-01-01", "until": "2021-12-31", "holds": True}
    assert found["notice"] == {"days": 3, "earliest": "2021-03-05", "kept": True}
    assert (found["begun"], found["adjourned"]) == (False, False)


def test_a_body_without_notice_keeps_any():
    scene = seated()
    scene.given(scene.convene())
    assert checked(scene)["notice"] == {"days": None, "earliest": None, "kept": True}


def test_the_last_day_of_the_term_is_within_it():
    scene = seated()
    scene.given(scene.convene(scheduled=at_noon(31, 12)))
    assert checked(scene)["term"]["holds"] is True


def test_a_meeting_that_outlasts_the_term_waits_for_a_renewal():
    scene, _ = gathered(1)
    scene.clock = at_noon(1, 1).replace(year=2022)
    assert (checked(scene)["term"]["holds"], next_of(scene)) == (False, "renew")
    scene.given(scene.form(decree="SK 1/2022", term_from=date(2022, 1, 1), term_until=date(2022, 6, 30)))
    assert (checked(scene)["term"]["holds"], next_of(scene)) == (True, "propose")
    scene.given(scene.adjourn())
    assert checked(scene)["term"]["decree"] == "SK 12/2021"


def test_a_place_whose_next_stage_is_decided_is_told_so():
    scene, _ = gathered(1)
    plenary, season, committee = scene.meeting()
    assert isinstance(plenary, Plenary)
    assert isinstance(season, Season)
    known = scene.evidence(AT)
    assert known.ahead is not None
    late = replace(known, ahead=replace(known.ahead, decided=True))
    setting = Setting(plenary, season, season.rulebook.body(plenary.body), committee)
    (item,) = checklist(setting, {plenary.agenda[0]: late}, scene.clock)["items"]
    assert (item["next"]["code"], item["proposal"]["why"]["code"]) == ("too-late", "next-stage-decided")


def test_the_nation_is_told_which_provinces_are_behind_and_what_follows():
    scene, ids = gathered(1, 2)
    season = scene.season()
    assert isinstance(season, Season)
    scene.given(scene.form("tim-verifikasi", "00"))
    scene.given(scene.appoint("ketua-tim", MEMBER, body="tim-verifikasi", province="00"))
    nation, item = person("nation"), national()
    scene.given(scene.convene(plenary=nation, body="tim-verifikasi", province="00", agenda=(item,)))
    (told,) = first(scene, nation)["behind"]
    assert (told["place"], told["stage"]["province"]) == ("Provinsi Gorontalo", GORONTALO)
    assert sorted(told["nominations"]) == sorted(ids)
    assert "nobody goes on from there" in told["en"]
    assert "tidak ada calon dari sana" in told["id"]
    assert first(scene)["behind"] == []
    assert place_name("99", season.rulebook) == "99"


@pytest.mark.parametrize("scheduled", ["0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59+00:00"])
def test_the_ends_of_the_calendar_are_outside_of_every_term(scheduled):
    refused(seated().convene(scheduled=datetime.fromisoformat(scheduled)), "outside-term", "scheduled")


def test_the_quorum_is_forecast_on_all_seats_with_who_is_recused():
    scene, ids = convened(1, 2)
    scene.given(scene.declare(MEMBER, ids[1]))
    scene.all_attend(VOTING_OFFICES[:2])
    assert first(scene)["quorum"] == {
        "seats": 9,
        "filled": 8,
        "vacant": 1,
        "recused": [{"person": MEMBER, "office": "ketua-spsi", "seat": 1}],
        "required": 6,
        "present": 2,
        "may_stay_away": 1,
        "possible": True,
    }


def test_too_few_seats_for_any_quorum_are_told_first():
    scene, _ = convened(1)
    for office in VOTING_OFFICES[1:4]:
        scene.given(scene.remove(person(office)))
    # The seal is older than the removals, so it is stale only for scoring; nobody is left to decide on it.
    quorum = first(scene)["quorum"]
    assert (quorum["possible"], quorum["may_stay_away"]) == (False, 0)
    assert next_of(scene) == "gather"


def test_where_all_seats_are_filled_and_too_many_recused_nobody_can_be_appointed():
    scene, ids = convened(1)
    for office in VOTING_OFFICES[1:4]:
        scene.given(scene.declare(person(office), ids[0]))
    # With the ninth seat six could vote, as many as the quorum takes.
    assert next_of(scene) == "gather"
    scene.given(scene.declare(person(VOTING_OFFICES[4]), ids[0]))
    item = first(scene)
    assert (item["quorum"]["possible"], item["next"]["code"]) == (False, "replace")
    assert "replace members" in item["next"]["en"]


def test_a_quorum_that_is_missing_is_told_before_tabling_and_while_a_motion_is_open():
    scene, _ = convened(1)
    assert next_of(scene) == "attend"
    scene.all_attend()
    assert next_of(scene) == "table"
    scene.given(scene.table())
    scene.given(scene.move())
    scene.leave(VOTING_OFFICES[:3])
    item = first(scene)
    assert (item["motion"], item["quorum"]["present"], item["next"]["code"]) == (1, 5, "attend")
    assert "The quorum is missing" in item["next"]["en"]
    scene.given(scene.attend(person(VOTING_OFFICES[0])))
    assert next_of(scene) == "decide"


def test_a_motion_on_an_appeal_waits_for_its_quorum_too():
    scene, _ = contested(90, 80, 70)
    scene.given(scene.put(to(85)))
    for office in VOTING_OFFICES[:3]:
        scene.given(scene.attend(person(office), present=False))
    assert next_of(scene) == "attend"


def test_the_unrankable_are_named_in_a_meeting_on_an_appeal_too():
    scene, ids = decided_on(90, 80, 70, few=[2])
    scene.given(scene.lodge(ids[2]))
    item = first(scene)
    assert ids[2] not in [one["nomination"] for one in item["nominees"]]
    (row,) = item["unrankable"]
    assert (row["nomination"], row["name"]) == (ids[2], "Kabupaten Gorontalo")


def test_without_a_seal_it_is_to_be_sealed_and_late_nominations_come_first():
    scene = seated()
    scene.nominated(REGENCIES[0])
    scene.given(scene.convene(agenda=(AgendaItem(category="KABKOTA", stage="seleksi"), BESAR)))
    assert first(scene)["seal"] is None
    assert next_of(scene) == "seal"
    late = scene.filed_late()
    assert [one["nomination"] for one in first(scene)["late"]] == [late]
    assert next_of(scene) == "admit-or-seal"
    assert checked(scene)["items"][1]["late"] == []


def test_a_late_nomination_that_nobody_can_admit_any_more_does_not_keep_from_sealing():
    scene = seated()
    scene.nominated(REGENCIES[0])
    scene.filed_late()
    scene.given(scene.convene())
    assert first(scene)["late"][0]["why"] is None
    scene.record([Emit(AT.ranking, ScoringClosed(at=AT))])
    assert first(scene)["late"][0]["why"]["code"] == "entry-closed"
    assert next_of(scene) == "seal"


def test_who_is_there_is_told_by_seat_and_only_as_long_as_it_is_held():
    scene, _ = convened(1)
    assert checked(scene)["present"] == []
    scene.all_attend(VOTING_OFFICES[:3])
    scene.given(scene.attend(person(VOTING_OFFICES[1]), present=False))
    scene.given(scene.remove(person(VOTING_OFFICES[2])))
    assert checked(scene)["present"] == [{"person": person(VOTING_OFFICES[0]), "office": VOTING_OFFICES[0], "seat": 1}]


def test_a_seal_that_cannot_be_cited_says_why():
    scene, _ = convened(1, 2)
    scene.streams[AT.ranking].clear()
    scene.seal([], digest="0" * 64)
    found = first(scene)
    assert (found["seal"]["citable"], found["seal"]["why"]["code"]) == (False, "seal-digest-wrong")
    assert found["next"]["code"] == "reseal"


def test_the_unrankable_are_told_with_their_reason():
    scene, ids = convened(1, unrankable=1)
    (row,) = first(scene)["unrankable"]
    assert (row["nomination"], row["reason"]) == (ids[1], "too-few-sheets")


def sheet(nomination: str, member: str) -> str:
    return f"sheet/{nomination}/provincial-seleksi/{member}"


def sealed_with_sheets(*, lifted: bool = False) -> tuple[Assembly, list[str]]:
    """Return a meeting on a seal that counts two members' sheets on two nominees, but for one that is recused."""
    scene = seated()
    ids = scene.nominated(*REGENCIES[:2])
    if lifted:
        scene.given(scene.declare(MEMBER, ids[0]))
    streams = [sheet(one, member) for one in ids for member in (MEMBER, person(VOTING_OFFICES[0]))]
    recused = [one for one in streams if lifted and one == sheet(ids[0], MEMBER)]
    scene.seal(
        [(ids[0], 1), (ids[1], 2)],
        counted=tuple({"stream": one, "version": 3} for one in streams if one not in recused),
        excluded=tuple({"stream": one, "version": 3, "reason": "recused"} for one in recused),
    )
    scene.given(scene.convene())
    return scene, ids


def test_a_conflict_after_the_seal_is_told_with_the_marks_that_count_in_spite_of_it():
    scene, ids = sealed_with_sheets()
    assert first(scene)["conflicts"] == []
    scene.given(scene.declare(MEMBER, ids[1]))
    (told,) = first(scene)["conflicts"]
    assert (told["person"], told["nomination"], told["candidate"], told["counts"]) == (
        MEMBER, ids[1], REGENCIES[1], True,
    )  # fmt: skip
    assert "their marks count in the sealed ranking" in told["en"]
    assert "tetap dihitung dalam peringkat yang disegel" in told["id"]


def test_a_conflict_with_a_whole_category_after_the_seal_is_told_for_every_nominee_whom_the_member_marked():
    scene, ids = sealed_with_sheets()
    scene.given(scene.declare(MEMBER))
    told = first(scene)["conflicts"]
    assert sorted((one["person"], one["nomination"]) for one in told) == sorted((MEMBER, one) for one in ids)


@pytest.mark.parametrize(("by", "cause"), [(MEMBER, "declared"), (SECRETARY.person, "recorded")])
def test_a_vote_that_a_later_conflict_voids_is_told_with_who_recorded_it(by, cause):
    scene, ids = gathered(1, 2)
    scene.given(scene.move())
    scene.given(scene.vote(MEMBER, "against"))
    assert first(scene)["lost_votes"] == []
    scene.given(scene.declare(MEMBER, ids[0], actor=by, recorder=by != MEMBER), actor=by)
    (lost,) = first(scene)["lost_votes"]
    told = {name: lost[name] for name in ("motion", "person", "cause", "recorded_by", "after_vote")}
    assert told == {"motion": 1, "person": MEMBER, "cause": cause, "recorded_by": by, "after_vote": True}
    assert lost["cast"] < lost["since"]
    assert "the motion is void" in lost["en"]
    assert "usul gugur" in lost["id"]
    assert next_of(scene) == "propose"
    lift = LiftConflict("2020", GORONTALO, BODY, MEMBER, MEMBER, "KABKOTA", ids[0], REASON)
    scene.given(lift_conflict(lift, scene.season(), scene.committee(), {}))
    assert first(scene)["lost_votes"] == []


def test_a_vote_of_who_was_removed_is_told_until_the_item_is_decided():
    scene, _ = gathered(1, 2)
    scene.given(scene.move())
    scene.given(scene.vote(MEMBER, "against"))
    scene.given(scene.remove(MEMBER), actor=SECRETARY.person)
    (lost,) = first(scene)["lost_votes"]
    assert (lost["cause"], lost["recorded_by"]) == ("removed", SECRETARY.person)
    scene.given(scene.move())
    for office in VOTING_OFFICES[:-1]:
        scene.given(scene.vote(person(office), motion=2))
    scene.given(scene.decide(motion=2))
    assert first(scene)["lost_votes"] == []


def test_a_vote_of_who_turns_out_to_belong_to_a_nominee_is_told():
    scene, _ = gathered(1, 2)
    scene.given(scene.move())
    scene.given(scene.vote(MEMBER, "against"))
    scene.given(scene.remove(MEMBER))
    own = Belonging(government=REGENCIES[0])
    again = AppointMember("2020", GORONTALO, BODY, VOTING_OFFICES[-1], 1, MEMBER, scene.clock, own)
    scene.given(appoint_member(again, scene.season(), scene.committee()))
    (lost,) = first(scene)["lost_votes"]
    assert (lost["cause"], lost["recorded_by"]) == ("own-interest", None)


def test_a_conflict_of_a_member_without_a_sheet_in_the_seal_changes_no_marks():
    scene, ids = sealed_with_sheets()
    scene.given(scene.declare(person(VOTING_OFFICES[1]), ids[0]))
    assert first(scene)["conflicts"] == []


def test_a_conflict_that_the_seal_heeds_is_told_once_it_is_lifted():
    scene, ids = sealed_with_sheets(lifted=True)
    assert first(scene)["conflicts"] == []
    lift = LiftConflict("2020", GORONTALO, BODY, MEMBER, MEMBER, "KABKOTA", ids[0], REASON)
    scene.given(lift_conflict(lift, scene.season(), scene.committee(), {}))
    (told,) = first(scene)["conflicts"]
    assert (told["person"], told["nomination"], told["counts"]) == (MEMBER, ids[0], False)
    assert "do not count" in told["en"]


def test_a_tie_at_the_cut_is_told_and_how_it_fell():
    scene, ids = gathered(1, 2, 2)
    (tie,) = first(scene)["ties"]
    assert tie == {"rank": 2, "nominations": ids[1:], "at_cut": True, "methods": ["vote"], "order": None}
    assert next_of(scene) == "break-tie"
    scene.given(scene.tie(2, (ids[2], ids[1])))
    assert next_of(scene) == "decide"
    scene.all_vote()
    scene.given(scene.decide())
    (tie,) = first(scene)["ties"]
    assert (tie["at_cut"], tie["order"]) == (False, [ids[2], ids[1]])
    assert next_of(scene) == "propose"


def test_a_tie_above_the_cut_is_told_and_needs_nothing():
    scene, _ = gathered(1, 1, 3, rules=with_ties("lot", "vote"))
    (tie,) = first(scene)["ties"]
    assert (tie["at_cut"], tie["methods"]) == (False, ["lot", "vote"])
    assert next_of(scene) == "propose"


def test_who_is_not_verified_is_named():
    scene, ids = gathered(1, rules=with_verification())
    assert [one["nomination"] for one in first(scene)["unverified"]] == ids
    assert next_of(scene) == "verify"
    assert first(scene)["proposal"]["why"]["code"] == "nominees-unverified"
    scene.verify(ids[0])
    assert first(scene)["unverified"] == []
    assert first(scene)["proposal"] == {"advancing": ids, "eliminated": [], "why": None}


def test_who_would_not_advance_holds_nothing_up_unverified():
    scene, ids = gathered(1, 2, 3, rules=with_verification())
    scene.verify(*ids[:2])
    assert [one["nomination"] for one in first(scene)["unverified"]] == ids[2:]
    assert next_of(scene) == "propose"


def test_appeals_that_hold_the_stage_are_named():
    scene, _ = gathered(1)
    scene.freeze(AT, person("appeal"))
    assert first(scene)["held_by"] == [person("appeal")]
    assert next_of(scene) == "await-appeals"


def test_from_tabling_to_the_announcement_it_says_what_comes_next():
    scene, _ = convened(1, 2)
    scene.all_attend()
    assert next_of(scene) == "table"
    scene.given(scene.table())
    assert next_of(scene) == "propose"
    scene.given(scene.move())
    assert (next_of(scene), first(scene)["motion"]) == ("decide", 1)
    scene.all_vote()
    scene.given(scene.decide())
    assert (next_of(scene), first(scene)["decided"]) == ("announce", {"motion": 1, "announced": False})
    scene.given(scene.announce())
    assert (next_of(scene), first(scene)["decided"]) == ("done", {"motion": 1, "announced": True})


def test_an_open_appeal_is_put_decided_and_when_it_is_upheld_announced():
    scene, ids = contested(90, 80, 70)
    assert (next_of(scene), first(scene)["motion"]) == ("decide-appeal", None)
    (put,) = scene.given(scene.put(to(85)))
    open_ = [{"appeal": APPEAL_ID, "nomination": ids[2], "motion": put.motion}]  # type: ignore[attr-defined]
    assert (next_of(scene), first(scene)["motion"], first(scene)["appeals"]) == ("decide", 2, open_)
    scene.carry(2)
    assert (next_of(scene), first(scene)["appeals"]) == ("announce", [])
    scene.given(scene.announce(motion=2))
    assert next_of(scene) == "done"


def test_a_dismissed_appeal_leaves_nothing_to_announce():
    scene, _ = contested(90, 80, 70)
    scene.judge(DISMISSED)
    assert (next_of(scene), first(scene)["decided"]) == ("done", {"motion": 2, "announced": True})


def test_another_meeting_that_hears_an_appeal_is_not_sent_back_to_the_ranking():
    scene, _ = contested(90, 80, 70)
    scene.given(scene.convene(plenary=(other := person("other meeting"))))
    assert first(scene, other)["next"]["code"] == "decide-appeal"


def test_a_closed_meeting_decides_no_more():
    scene, _ = gathered(1)
    scene.given(scene.adjourn())
    assert next_of(scene) == "closed"
    assert checked(scene)["body"] == BODY
