"""Sealed rankings and decisions are computed anew, and one that its own inputs do not give is found.

The forgeries here are those of a service that holds its key: every hash and signature fits.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.canonical import canonical
from schemas.exact import round_exact
from schemas.rulebook import Rulebook
from services.audit.recompute import Nominee, NoSuchRule, aggregate, ranking, rounded, stage_rules
from services.scoring.domain.ranking import Entrant, Rules, evaluate, millionths, place, standing, unplaced, unrankable
from services.scoring.domain.stage import pin
from tests.unit.audit.exported import forged
from tests.unit.audit.forging import Change, codes, of, rules, said, verified
from tests.unit.audit.played import Play, person, whole

DESK = "ranking/2020/provincial/75/KABKOTA/seleksi"


@cache
def play() -> Play:
    return whole(rules())


# --- a whole category


def test_a_whole_category_is_computed_anew_and_agrees(tmp_path):
    report = verified(play().log, tmp_path)
    assert said(report) == ""
    assert (report.rankings, report.decisions) == (3, 3)


def test_forging_nothing_is_nothing(tmp_path):
    assert verified(forged(play().log, lambda *_: None), tmp_path).good


# --- seals


def resealed(change: Callable[[dict[str, Any]], object]) -> Change:
    """Return a change of the desk's seal, with the digest made to fit (and every citation of the digest)."""
    digests: dict[str, str] = {}

    def apply(where: str, _number: int, type_name: str, data: dict[str, Any]) -> None:
        if type_name == "RankingSealed" and where == DESK:
            before = data["digest"]
            change(data)
            content = {"standings": data["standings"], "unrankable": data["unrankable"]}
            data["digest"] = digests[before] = hashlib.sha256(canonical(content)).hexdigest()

    return apply


def swap_ranks(data: dict[str, Any]) -> None:
    first, second = data["standings"][:2]
    for name in ("nomination", "candidate"):
        first[name], second[name] = second[name], first[name]


def drop_counted(data: dict[str, Any]) -> None:
    del data["counted"][0]


def exclude_one(data: dict[str, Any]) -> None:
    data["excluded"].append({**data["counted"].pop(0), "reason": "recused"})


def count_the_recused(data: dict[str, Any]) -> None:
    excluded = next(one for one in data["excluded"] if one["reason"] == "recused")
    data["excluded"].remove(excluded)
    del excluded["reason"]
    data["counted"].append(excluded)


def forget_a_nominee(data: dict[str, Any]) -> None:
    data["unrankable"].pop()


def raise_a_total(data: dict[str, Any]) -> None:
    data["standings"][0]["total"] = "87/1"


def hide_the_tie(data: dict[str, Any]) -> None:
    del data["standings"][0]["tie"]


def older_sheet(data: dict[str, Any]) -> None:
    # One sheet was revised after it was submitted: the ranking must rest on the revision.
    for one in data["counted"]:
        if one["version"] == 5:
            one["version"] = 4


@pytest.mark.parametrize(
    "change",
    [
        swap_ranks,
        drop_counted,
        exclude_one,
        count_the_recused,
        forget_a_nominee,
        raise_a_total,
        hide_the_tie,
        older_sheet,
        lambda data: data["standings"][0].update(shown="85.20"),
        lambda data: data["standings"][0].update(rank=2),
        lambda data: data["standings"][1].update(sample=False),
        lambda data: data["basis"]["nominations"].pop(),
        lambda data: data["counted"].append(data["counted"][0]),
        lambda data: data.update(rulebook_hash="0" * 64),
    ],
)
def test_a_seal_that_its_inputs_do_not_give_is_found(tmp_path, change):
    report = verified(forged(play().log, resealed(change)), tmp_path)
    seals = [finding for finding in report.findings if finding.code == "seal"]
    assert seals
    assert all(finding.place.stream == DESK for finding in seals)


def test_a_digest_that_does_not_fit_is_found(tmp_path):
    report = verified(
        forged(play().log, of("RankingSealed", lambda data: data.update(digest="0" * 64), DESK)), tmp_path
    )
    assert "`digest` is not the SHA-256" in said(report)


def test_a_mark_that_was_changed_with_its_seal_left_alone_is_found(tmp_path):
    def raised(data: dict[str, Any]) -> None:
        for one in data["marks"]:
            one["mark"] = "100"

    sheet = f"sheet/{person('nomination 75.01')}"
    report = verified(forged(play().log, of("ScoreSheetSubmitted", raised, sheet)), tmp_path)
    assert "seal" in codes(report)
    assert "computed anew" in said(report)


def test_a_stage_opened_under_other_rules_is_found(tmp_path):
    change = of("ScoringOpened", lambda data: data.update(closes="2031-01-01T00:00:00.000000Z"), DESK)
    assert "before its scoring deadline" in said(verified(forged(play().log, change), tmp_path))


def test_a_rulebook_that_is_not_its_hash_is_found(tmp_path):
    def cheaper(data: dict[str, Any]) -> None:
        data["content"]["rubrics"][0]["least_sheets"] = 1

    report = verified(forged(play().log, of("RulebookPublished", cheaper)), tmp_path)
    assert "`hash` is not the SHA-256" in said(report)


def test_a_rulebook_that_is_none_is_found_and_what_rests_on_it_too(tmp_path):
    report = verified(forged(play().log, of("RulebookPublished", lambda data: data.update(content={"a": 1}))), tmp_path)
    assert {"rulebook", "seal", "decision"} <= codes(report)


# --- decisions

PLENARY = f"plenary/{person('plenary ' + DESK)}"


def decided(change: Callable[[dict[str, Any]], object]) -> Change:
    return of("PlenaryDecided", change, PLENARY)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (decided(lambda data: data["tally"].update(votes_for=6)), "its tally"),
        (decided(lambda data: data["tally"].update(votes_against=0)), "its tally"),
        (decided(lambda data: data["quorum"].update(present=8)), "its quorum"),
        (decided(lambda data: data["quorum"].update(required=5)), "its quorum"),
        (decided(lambda data: data["quorum"].update(recused=[])), "its quorum"),
        (decided(lambda data: data.update(outcome="lost")), "its outcome"),
        (decided(lambda data: data.update(seal=person("no seal"))), "is not here"),
        (decided(lambda data: data.update(digest="1" * 64)), "`digest` is not that"),
        (decided(lambda data: data["results"].pop()), "has no result for"),
        (decided(lambda data: data.update(motion=2)), "never opened"),
        (of("VoteCast", lambda data: data.update(vote="against"), PLENARY), "its tally"),
        (of("VoteCast", lambda data: data.update(person=person("nobody")), PLENARY), "could take part no more"),
        (of("AttendanceRecorded", lambda data: data.update(present=False), PLENARY), "its quorum"),
        (of("MotionOpened", lambda data: data["advancing"].reverse(), PLENARY), "`advancing` is not what"),
        (of("MotionOpened", lambda data: data["eliminated"].pop(), PLENARY), "`eliminated` is not what"),
        (of("MotionOpened", lambda data: data.update(advancing=[], eliminated=[]), PLENARY), "concerns nobody"),
        (of("PlenaryConvened", lambda data: data.update(body="dewan-juri"), PLENARY), "to decide"),
        (of("StageAdvanced", lambda data: data.update(rank=3)), "is not what the motion and the seal give"),
        (of("StageAdvanced", lambda data: data["reached"].update(stage="wawancara")), "is not what the motion"),
        (of("NominationEliminated", lambda data: data.update(reason="below-quota")), "is not what the motion"),
        (of("WinnerDeclared", lambda data: data.update(rank=1)), "is not what the motion and the seal give"),
        (of("PrizeAwarded", lambda data: data.update(rank=2)), "is not what the motion and the seal give"),
        (
            of("PrizeAwarded", lambda data: data["prize"].update(id="Dua unit mobil")),
            "is not what the motion and the seal give",
        ),
        (of("RankLeftVacant", lambda data: data.update(rank=1)), "is not what the motion and the seal give"),
        (of("RankingAnnounced", lambda data: data["lines"].pop()), "its lines are not"),
        (of("RankingAnnounced", lambda data: data["lines"][0].update(rank=4)), "its lines are not"),
        (of("RankingAnnounced", lambda data: data.update(motion=7)), "no decision"),
        (of("MemberAppointed", lambda data: data.update(body="other"), "committee/2020/75"), "its quorum"),
    ],
)
def test_a_decision_that_does_not_follow_is_found(tmp_path, change, words):
    report = verified(forged(play().log, change), tmp_path)
    assert words in said(report)
    assert codes(report) <= {"decision", "announcement", "seal", "unjustified", "nomination"}


def test_an_advance_that_no_decision_lists_is_found(tmp_path):
    played = whole(rules())
    stream = f"nomination/{person('nomination 75.02')}"
    favoured = played.happened[f"nomination/{person('nomination 75.03')}"][1].event
    played.say(stream, favoured.model_copy(update={"nomination": person("nomination 75.02")}))
    report = verified(played.log, tmp_path)
    assert codes(report) == {"unjustified"}
    assert report.findings[0].place.stream == stream


def test_a_motion_decided_twice_is_found(tmp_path):
    played = whole(rules())
    played.say(
        PLENARY, next(one.event for one in played.happened[PLENARY] if type(one.event).__name__ == "PlenaryDecided")
    )
    assert "decided before" in said(verified(played.log, tmp_path))


def test_a_sheet_in_a_stream_of_another_is_found(tmp_path):
    played = whole(rules())
    sheet = next(stream for stream in played.happened if stream.startswith("sheet/"))
    played.say(sheet.rpartition("/")[0] + "/" + person("nobody"), played.happened[sheet][0].event)
    assert "sheet" in codes(verified(played.log, tmp_path))


def test_a_sheet_that_the_seal_conceals_is_found(tmp_path):
    def concealed(where: str, number: int, name: str, data: dict[str, Any]) -> None:
        if name == "RankingSealed" and where == DESK:
            data["excluded"] = [one for one in data["excluded"] if one["reason"] != "recused"]

    assert "neither counted nor left out" in said(verified(forged(play().log, concealed), tmp_path))


# --- two implementations, one result

MARKS = st.none() | st.decimals(min_value=0, max_value=100, places=2).map(lambda mark: format(mark, "f"))
CODES = ("kebijakan", "peraturan", "kinerja", "wawancara")


@st.composite
def contests(draw: st.DrawFn) -> tuple[dict[str, Any], list[Nominee]]:
    """Draw a rulebook's content with any rubric, and nominees with any sheets."""
    content, rubric = copy.deepcopy(_interview_only())
    for aspect in rubric["aspects"]:
        aspect["weight"] = str(draw(st.integers(1, 4)))
    rubric["total"] = str(sum(int(aspect["weight"]) for aspect in rubric["aspects"]))
    method = draw(st.sampled_from(["mean", "median", "trimmed-mean"]))
    rubric["aggregation"].update(method=method)
    if method == "trimmed-mean":
        rubric["aggregation"].update(trim=draw(st.integers(1, 2)), from_sheets=draw(st.integers(1, 5)))
    rubric["least_sheets"] = draw(st.integers(1, 3))
    order = draw(st.permutations(["aspect", "nomination-instant", "candidate-code", "vote"]))
    rubric["tie_break"] = order[: draw(st.integers(1, 4))]
    rubric["rounding"].update(
        places=draw(st.integers(0, 3)),
        mode=draw(st.sampled_from(["half-up", "half-even", "half-down", "up", "down"])),
    )
    few = st.sampled_from(["50", "50.5", "60", None])
    marks = draw(st.sampled_from([MARKS, few]))
    count = draw(st.integers(1, 7))
    return content, [_nominee(draw, index, marks) for index in range(count)]


@cache
def _interview_only() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the rulebook's content with nothing but the interview of regencies and cities, and its rubric."""
    content = rules().model_dump(mode="json", exclude_none=True)
    stage = next(one for one in content["stages"] if (one["category"], one["code"]) == ("KABKOTA", "wawancara"))
    rubric = next(one for one in content["rubrics"] if one["code"] == stage["rubric"])
    content["bodies"] = [one for one in content["bodies"] if one["code"] == stage["body"]]
    return content | {"stages": [stage], "rubrics": [rubric]}, rubric


def _nominee(draw: st.DrawFn, index: int, marks: st.SearchStrategy[str | None]) -> Nominee:
    sheets = draw(st.lists(st.fixed_dictionaries({"wawancara": marks}), max_size=5))
    figures = st.fractions(min_value=0, max_value=100, max_denominator=6)
    carried = {code: draw(figures) for code in CODES[:3] if draw(st.integers(0, 9))}
    return Nominee(
        nomination=person(f"nominee {draw(st.integers(0, 10**6))} {index}"),
        candidate=f"75.{draw(st.integers(1, 2)):02}",
        nominated=f"2021-01-0{draw(st.integers(1, 2))}T00:00:00.000000Z",
        sample=draw(st.booleans()),
        sheets=sheets,
        given=carried,
    )


def in_whole(sheet: Mapping[str, str | None]) -> dict[str, int | None]:
    return {code: None if mark is None else millionths(mark) for code, mark in sheet.items()}


@settings(max_examples=200)
@given(contests())
def test_two_rankings_written_apart_agree(contest):
    content, nominees = contest
    book = Rulebook.from_content(content)
    pinned = Rules.of(pin(book, book.stage("national", "KABKOTA", "wawancara")))
    evaluations = [
        evaluate(
            pinned,
            Entrant(one.nomination, one.candidate, one.nominated, one.sample),
            [
                {code: None if mark is None else millionths(mark) for code, mark in sheet.items()}
                for sheet in one.sheets
            ],
            one.given,
        )
        for one in nominees
    ]
    theirs = [standing(pinned, one).model_dump(mode="json", exclude_none=True) for one in place(pinned, evaluations)]
    without = [unrankable(one).model_dump(mode="json", exclude_none=True) for one in unplaced(evaluations)]
    ours = ranking(stage_rules(content, "national", "KABKOTA", "wawancara"), nominees)
    assert ours == (theirs, without)


@given(
    st.fractions(min_value=-1000, max_value=1000),
    st.integers(0, 6),
    st.sampled_from(["half-up", "half-even", "half-down", "up", "down"]),
)
def test_two_roundings_written_apart_agree(number, places, mode):
    assert rounded(number, places, mode) == round_exact(number, places, mode)


def test_a_trimmed_mean_by_hand():
    found = stage_rules(rules().model_dump(mode="json", exclude_none=True), "national", "KABKOTA", "wawancara")
    assert aggregate(found, [Fraction(1), Fraction(2), Fraction(6)]) == 3


def test_what_the_rulebook_lacks_is_said():
    with pytest.raises(NoSuchRule, match="stage national, KABKOTA, none"):
        stage_rules(rules().model_dump(mode="json"), "national", "KABKOTA", "none")
