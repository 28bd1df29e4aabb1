"""`ranking show` refuses names that cannot exist before it asks, and shows none that acts on the terminal."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import pytest

from cli.output import Finding, WrongUse
from tests.unit.cli.fake_stack import FakeStack, run

RIGHT = {"--season": "2022", "--category": "KABKOTA", "--province": "75"}
STAGE = "/2022/provincial/75/KABKOTA/seleksi"
FORGED = "Kota\x1b[2J\r\nDemak\u202eX\u2066\x9b\x7f\u2028"
HARMLESS = "Kota\ufffd[2J\ufffd\ufffdDemak\ufffdX\ufffd\ufffd\ufffd\ufffd"


@pytest.mark.parametrize(
    ("option", "value", "advice"),
    [
        ("--province", "Gorontalo", "write 75 for Provinsi Gorontalo"),
        ("--province", "7", "a province's two digits"),
        ("--province", "77", "a province's two digits"),
        ("--province", "75.71", "a province's two digits"),
        ("--category", "kabkota", "write KABKOTA"),
        ("--season", "20x9", "write its year"),
        ("--season", "2022\n", "write its year"),
        ("--tier", "province", "write provincial or national"),
        ("--stage", "Seleksi", "small letters"),
    ],
)
def test_a_wrong_form_is_told_before_anything_is_asked(stack: FakeStack, option: str, value: str, advice: str) -> None:
    given = {**RIGHT, option: value}
    ended = run("ranking", "show", *(part for pair in given.items() for part in pair))
    assert isinstance(ended.exception, WrongUse)
    assert str(ended.exception).startswith(f"{option} {value!r} is no ")
    assert advice in str(ended.exception)
    assert stack.services["scoring"].asked == []


@pytest.fixture
def forged(stack: FakeStack) -> None:
    """A ranking whose names came from somebody who had the broker."""
    at = {"season": "2022", "category": "KABKOTA", "tier": "provincial", "province": "75", "stage": "seleksi"}
    line = {"rank": 1, "shared": False, "name": FORGED, "candidate": "75.71", "sample": False}
    ranking = {"at": at, "announced": FORGED, "digest": "d", "standings": [line]}
    headings = {"items": [{"at": at, "ranking": f"ranking{STAGE}"}], "next": None}
    stack.services["scoring"].answers |= {
        "/v1/public/rankings": (200, headings),
        f"/v1/public/rankings{STAGE}": (200, ranking),
    }


def show(*more: str) -> str:
    ended = run("ranking", "show", *(part for pair in RIGHT.items() for part in pair), *more)
    assert ended.exit_code == 0, ended.exception
    return ended.output


@pytest.mark.usefixtures("forged")
def test_a_forged_name_is_shown_and_does_nothing() -> None:
    said = show()
    assert HARMLESS in said
    assert f"announced {HARMLESS} · digest d" in said.splitlines()
    assert [
        character for character in said if unicodedata.category(character) in ("Cc", "Cf") and character != "\n"
    ] == []


@pytest.mark.usefixtures("forged")
def test_as_json_a_forged_name_is_whole_and_does_nothing() -> None:
    said = show("--json")
    assert json.loads(said)[0]["standings"][0]["name"] == FORGED
    assert [
        character for character in said if unicodedata.category(character) in ("Cc", "Cf", "Zl") and character != "\n"
    ] == []


def test_login_shows_what_that_person_may_see(stack: FakeStack) -> None:
    stack.services["scoring"].answers |= {"/v1/rankings": (200, {"items": [], "next": None})}
    ended = run("ranking", "show", *(part for pair in RIGHT.items() for part in pair), "--login", "auditor")
    assert isinstance(ended.exception, Finding)
    assert stack.services["scoring"].tokens == ["Bearer a-token"]


def ranked(nomination: str, name: str, rank: int, value: str) -> dict[str, Any]:
    aspects = [{"aspect": "kepatuhan", "value": value, "sheets": 0}]
    shown = {"shared": False, "shown": "1.00", "total": "1/1", "tie": None, "sample": False, "recusals": []}
    return {"nomination": nomination, "name": name, "candidate": "1", "rank": rank, "aspects": aspects, **shown}


def test_measured_figures_are_shown_and_what_facts_after_the_seal_would_have_changed(stack: FakeStack) -> None:
    at = {"season": "2022", "category": "KABKOTA", "tier": "provincial", "province": "75", "stage": "seleksi"}
    lacking = {"nomination": "c", "name": "Kota C", "candidate": "3", "reason": "unmeasured", "aspect": "kepatuhan"}
    told = {
        "nomination": "b",
        "measure": "kepatuhan-iuran",
        "before": "1/2",
        "moves": [
            {"nomination": "b", "rank_before": 2, "total_before": "1/1"},
            {"nomination": "c", "rank_before": 3, "rank_after": 2, "total_before": "1/1", "total_after": "1/1"},
        ],
        "would_advance": ["c"],
        "would_fall": ["b"],
    }
    aspect = {
        "aspect": "kepatuhan",
        "origin": "measured",
        "measure": "kepatuhan-iuran",
        "least": "0",
        "greatest": "100",
    }
    ranking = {
        "at": at,
        "status": "sealed",
        "seal": {"time": "then", "digest": "d"},
        "aspects": [aspect, {"aspect": "kinerja", "origin": "judged"}],
        "standings": [ranked("a", "Kota A", 1, "75/1"), ranked("b", "Kota B", 2, "50/1")],
        "unrankable": [{**lacking, "sheets": 1, "aspects": [], "sample": False, "recusals": []}],
        "corrections": [told],
    }
    headings = {"items": [{"at": at, "ranking": f"ranking{STAGE}"}], "next": None}
    stack.services["scoring"].answers |= {
        "/v1/rankings": (200, headings),
        f"/v1/rankings{STAGE}": (200, ranking),
    }
    said = show("--login", "auditor").splitlines()
    for line in (
        "   - Kota C (3): unrankable, kepatuhan is unmeasured",
        "   kepatuhan is measured (kepatuhan-iuran), from 0 to 100",
        "   · Kota A (1): 75/1",
        "   · Kota C (3): unmeasured",
        "   ! Kota B (1): kepatuhan-iuran was 1/2 when sealed, unmeasured now; the seal stands",
        "     Kota B (1): rank 2 → none, total 1/1 → none",
        "     Kota C (3): rank 3 → 2, total 1/1 → 1/1",
        "     Kota C (3) would have gone on",
        "     Kota B (1) would not have gone on",
    ):
        assert line in said
