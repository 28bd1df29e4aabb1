"""`plenary checklist` asks both services by their addresses, and says what lacks before what to do next."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cli.output import WrongUse
from tests.unit.cli.fake_stack import FakeStack, run

PLENARY = "018f3a52-7c1e-7d43-9a55-0c1f2b7c9d10"
PATH = f"/v1/plenaries/{PLENARY}/checklist"
SHEETS = "/v1/rankings/2020/provincial/75/KABKOTA/seleksi/checklist"
FORGED = "Kota\x1b[2J"


def meeting(**also: Any) -> dict[str, Any]:
    item = {
        "item": {"category": "KABKOTA", "stage": "seleksi"},
        "nominees": [
            {"nomination": "a", "candidate": "75.71", "name": FORGED},
            {"nomination": "b", "candidate": "75.03", "name": "Kabupaten Bone Bolango"},
        ],
        "seal": {"digest": "d" * 64, "citable": False, "why": {"en": "It is stale."}},
        "unrankable": [
            {"nomination": "b", "candidate": "75.03", "name": "Kabupaten Bone Bolango", "reason": "too-few-sheets"},
            {"nomination": "gone", "candidate": "75.05", "name": "Kabupaten Gorontalo Utara", "reason": "recused"},
        ],
        "conflicts": [{"person": "p", "nomination": "a", "counts": True, "en": "Their marks count.", "id": ""}],
        "lost_votes": [
            {"motion": 1, "person": "p", "cause": "recorded", "recorded_by": "q", "en": "Somebody else recorded it."},
            {"motion": 2, "person": "gone", "cause": "declared", "recorded_by": "gone", "en": "They declared it."},
        ],
        "quorum": {
            "seats": 9, "filled": 8, "required": 6, "present": 5, "may_stay_away": 1,
            "recused": [{"person": "p", "office": "ketua-spsi", "seat": 1}],
        },
        "ties": [
            {"rank": 2, "nominations": ["a", "b"], "at_cut": True, "order": None},
            {"rank": 4, "nominations": ["a", "c"], "at_cut": False, "order": ["c", "a"]},
        ],
        "unverified": [{"nomination": "a", "candidate": "75.71", "name": "Kota Gorontalo"}],
        "late": [
            {"nomination": "l", "candidate": "75.02", "name": "Kabupaten Boalemo", "why": None},
            {"nomination": "m", "candidate": "75.04", "name": "Kabupaten Pohuwato", "why": {"en": "It is closed."}},
        ],
        "held_by": ["an-appeal"],
        "upstream": [
            {
                "stage": {"tier": "provincial", "province": "75", "category": "KABKOTA", "stage": "seleksi"},
                "announced": True, "appeals_until": "2021-03-08T15:59:59.999999Z", "open": True,
            },
            {
                "stage": {"tier": "provincial", "province": "13", "category": "KABKOTA", "stage": "seleksi"},
                "announced": False, "appeals_until": None, "open": False,
            },
        ],
        "behind": [
            {
                "stage": {"tier": "provincial", "province": "13", "category": "KABKOTA", "stage": "seleksi"},
                "place": "Provinsi Sumatera Barat", "nominations": ["x", "y"], "en": "Nobody goes on from there.",
                "id": "",
            },
        ],
        "next": {"code": "reseal", "en": "Have it sealed anew.", "id": "Segel kembali."},
    }  # fmt: skip
    said = {
        "season": "2020", "tier": "provincial", "province": "75", "body": "panitia-9",
        "scheduled": "2021-03-05T02:00:00Z", "items": [item],
        "term": {"from": "2021-01-01", "until": "2021-12-31", "holds": False},
        "notice": {"days": 3, "earliest": "2021-03-06", "kept": False},
        "present": [
            {"person": "q", "office": "kepala-bps", "seat": 1}, {"person": "gone", "office": "ketua-apindo", "seat": 1}
        ],
        "names": "known", "persons": {"p": "Sri Rahayu", "q": "Budi\x1b[2J Santoso", "gone": None},
    }  # fmt: skip
    return {**said, **also}


SCORED = {
    "state": "open",
    "unfiled": 2,
    "members": [
        {"member": "m", "offices": ["kepala-bps"], "waiting": [{"name": "Kota Gorontalo", "status": "draft"}]},
        {"member": "n", "offices": ["ketua-apindo"], "waiting": []},
    ],
    "nominees": [
        {
            "name": "Kota Gorontalo",
            "candidate": "75.71",
            "rankable": False,
            "reason": "too-few-sheets",
            "unmeasured": [
                {"aspect": "kepatuhan", "lack": "month-missing", "missing_months": ["2020-03", "2020-04"]},
                {"aspect": "cakupan", "lack": "not-measured", "missing_months": []},
            ],
        }
    ],
    "names": "known",
    "persons": {"m": "Rina Pakaya", "n": "Hasan Dunggio"},
}


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARITRANA_TOKEN", "mine")


def test_both_services_are_asked_and_shown_together(stack: FakeStack):
    stack.services["nomination"].answers[PATH] = (200, meeting())
    stack.services["scoring"].answers[SHEETS] = (200, SCORED)
    ended = run("plenary", "checklist", PLENARY)
    assert ended.exit_code == 0, ended.exception
    said = ended.output
    for line in (
        "2020 panitia-9 · province 75 · 2021-03-05 10:00 WITA",
        "the meeting is outside of it",
        "3 whole days, not kept: 2021-03-06 is the first day",
        "KABKOTA/seleksi: Have it sealed anew.",
        "It is stale.",
        "6 of 9 seats; 8 filled, 1 recused, 5 present now, 1 may stay away",
        "present   Budi\ufffd[2J Santoso (kepala-bps)",
        "present   gone (ketua-apindo)",
        "recused   Sri Rahayu (ketua-spsi)",
        "conflict  Sri Rahayu, on Kota\ufffd[2J (75.71): Their marks count.",
        "lost vote Sri Rahayu on motion 1, by Budi\ufffd[2J Santoso: Somebody else recorded it.",
        "lost vote gone on motion 2: They declared it.",
        "rank 2 at the cut: Kota\ufffd[2J (75.71), Kabupaten Bone Bolango (75.03)",
        "rank 4: Kota\ufffd[2J (75.71), c; broken: c, Kota\ufffd[2J (75.71)",
        "Kabupaten Bone Bolango (75.03): too-few-sheets",
        "unranked  Kabupaten Gorontalo Utara (75.05): recused",
        "unverified Kota Gorontalo (75.71)",
        "Kabupaten Boalemo (75.02): waits to be admitted",
        "Kabupaten Pohuwato (75.04): It is closed.",
        "an-appeal holds the stage",
        "provincial/75/KABKOTA/seleksi can be appealed against until 2021-03-08 23:59 WITA",
        "provincial/13/KABKOTA/seleksi is not announced",
        "behind    Provinsi Sumatera Barat (13): 2 nominees",
        "behind    Nobody goes on from there.",
        "open; 2 sheets are not handed in",
        "Rina Pakaya (kepala-bps): Kota Gorontalo (draft)",
        "Kota Gorontalo (75.71): too-few-sheets",
        "unmeasured Kota Gorontalo: kepatuhan, no due was said for 2020-03, 2020-04",
        "unmeasured Kota Gorontalo: cakupan, nothing was measured yet",
    ):
        assert line in said
    assert "\x1b" not in said
    assert "ketua-apindo:" not in said
    assert "identity does not answer" not in said
    assert stack.services["nomination"].tokens[-1] == stack.services["scoring"].tokens[-1] == "Bearer mine"


def test_without_names_ids_are_shown_and_why(stack: FakeStack):
    persons = {"p": None, "q": None, "gone": None}
    stack.services["nomination"].answers[PATH] = (200, meeting(names="away", persons=persons))
    stack.services["scoring"].answers[SHEETS] = (200, SCORED)
    said = run("plenary", "checklist", PLENARY).output
    for line in ("present   q (kepala-bps)", "recused   p (ketua-spsi)", "identity does not answer; ask again"):
        assert line in said


def test_a_meeting_to_which_nobody_came_yet_says_so(stack: FakeStack):
    stack.services["nomination"].answers[PATH] = (200, meeting(present=[], items=[]))
    assert "present   nobody" in run("plenary", "checklist", PLENARY).output


def test_as_json_each_item_holds_scorings_answer(stack: FakeStack):
    stack.services["nomination"].answers[PATH] = (200, meeting())
    stack.services["scoring"].answers[SHEETS] = (200, SCORED)
    ended = run("plenary", "checklist", PLENARY, "--json")
    assert json.loads(ended.output)["items"][0]["scoring"] == SCORED


def test_what_scoring_does_not_show_is_said_and_the_rest_is_shown(stack: FakeStack):
    stack.services["nomination"].answers[PATH] = (200, meeting(notice={"days": None, "earliest": None, "kept": True}))
    stack.services["scoring"].answers[SHEETS] = (404, {"detail": "This stage was not opened for scoring."})
    ended = run("plenary", "checklist", PLENARY)
    assert ended.exit_code == 0
    assert "scoring   This stage was not opened for scoring." in ended.output
    assert "notice" not in ended.output


def test_a_development_person_may_ask(stack: FakeStack):
    stack.services["nomination"].answers[PATH] = (200, meeting(items=[]))
    ended = run("plenary", "checklist", PLENARY, "--login", "sekretaris-75")
    assert ended.exit_code == 0
    assert stack.services["nomination"].tokens[-1] == "Bearer a-token"


@pytest.mark.parametrize(
    ("status", "said", "told"),
    [
        (403, {"detail": "It is for the secretary."}, "It is for the secretary."),
        (404, {"title": "Not found"}, "Not found"),
        (401, {"detail": "The token has expired."}, "Run `paritrana login` again."),
        (500, b"no JSON", "status 500"),
    ],
)
def test_a_refusal_is_told_in_one_line(stack: FakeStack, status: int, said: Any, told: str):
    stack.services["nomination"].answers[PATH] = (status, said)
    ended = run("plenary", "checklist", PLENARY)
    assert isinstance(ended.exception, WrongUse)
    assert told in str(ended.exception)


def test_a_wrong_id_is_told_before_anything_is_asked(stack: FakeStack):
    ended = run("plenary", "checklist", "plenary-1")
    assert isinstance(ended.exception, WrongUse)
    assert stack.services["nomination"].asked == []


def test_a_service_that_does_not_answer_is_named(stack: FakeStack):
    ended = run("plenary", "checklist", PLENARY, "--nomination", "http://127.0.0.1:1")
    assert isinstance(ended.exception, WrongUse)
    assert "nomination does not answer at http://127.0.0.1:1" in str(ended.exception)
    assert stack.services["scoring"].asked == []


def test_the_nations_meetings_are_told_on_all_three_clocks(stack: FakeStack):
    stack.services["nomination"].answers[PATH] = (200, meeting(province="00", items=[]))
    ended = run("plenary", "checklist", PLENARY)
    assert "2021-03-05 09:00 WIB = 2021-03-05 10:00 WITA = 2021-03-05 11:00 WIT" in ended.output


def test_whose_sheets_lack_is_told_by_the_id_where_scoring_has_no_names(stack: FakeStack):
    stack.services["nomination"].answers[PATH] = (200, meeting())
    away = {**SCORED, "names": "away", "persons": {"m": None, "n": None}}
    stack.services["scoring"].answers[SHEETS] = (200, away)
    said = run("plenary", "checklist", PLENARY).output
    assert "sheets    m (kepala-bps): Kota Gorontalo (draft)" in said
    assert "identity does not answer scoring" in said
