"""Rankings that are easy to get wrong, each worked out by hand as exact fractions and sealed by the domain.

Every case says in its docstring how its figures come about, so that a reader can follow them with pencil and paper.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.rulebook import Rulebook
from schemas.rulebook_file import read_rulebook
from schemas.scoring import CarriedAspect, PinnedRules, RankingSealed, ScoringClosed, ScoringExtended
from services.scoring.domain.received import Belonging, Committee, Interest, Nomination, Seat
from services.scoring.domain.seal import FiledSheet, Inputs, SealRanking, decide_seal
from services.scoring.domain.sheet import (
    SHEET,
    FileMarks,
    Sheet,
    Status,
    WrittenMark,
    decide_file,
    sheet_stream,
)
from services.scoring.domain.stage import RANKING, Sealed, pin
from tests.unit.scoring.given import (
    AFTER,
    AT,
    BODY,
    CLERK,
    CLOSES,
    DIGEST,
    NATIONAL,
    OPENS,
    a_closed,
    a_committee,
    a_nomination,
    a_season,
    an_id,
    aspect,
    circumstances,
    events,
    extended,
    happened,
    mark,
    opened,
    pinned,
    refusal,
    weighted,
)

PANEL = [an_id(f"panel {number}") for number in range(6)]
A, B, C, D = sorted(an_id(f"nominee {number}") for number in range(4))
CODES = {A: "75.01", B: "75.02", C: "75.03", D: "75.71"}
Marks = Mapping[str, str | None]


def sheet(nomination: str, member: int, status: Status = "submitted", at: Any = AT, **marks: str | None) -> FiledSheet:
    given = {code: mark(code, value) for code, value in marks.items()}
    filed = Sheet(status, given, at=at)
    return FiledSheet(sheet_stream(nomination, at, PANEL[member]), 2, nomination, PANEL[member], filed)


def sheets(nomination: str, code: str, *values: str | None) -> list[FiledSheet]:
    """Return one sheet a member, each with one mark."""
    return [sheet(nomination, member, "submitted", AT, **{code: value}) for member, value in enumerate(values)]


def nominees(*ids: str) -> tuple[Nomination, ...]:
    """Return nominees, each nominated a day after the one before."""
    return tuple(
        a_nomination(id_, code=CODES[id_], nominated=OPENS + timedelta(days=day)) for day, id_ in enumerate(ids)
    )


def sealed(
    rules: PinnedRules, filed: Sequence[FiledSheet], *ids: str, committee: Committee | None = None
) -> RankingSealed:
    inputs = Inputs(
        a_closed(rules), committee or a_committee(*PANEL), nominees(*(ids or (A, B))), filed, {}, season=a_season()
    )
    (event,) = events(decide_seal(inputs, SealRanking(AT, CLERK, AFTER)))
    assert isinstance(event, RankingSealed)
    return event


def told(event: RankingSealed) -> list[tuple[int, str, str, str]]:
    return [(one.rank, one.nomination, one.total, one.shown) for one in event.standings]


def lacking(event: RankingSealed) -> list[tuple[str, str, str | None, int]]:
    return [(one.nomination, one.reason, one.aspect, one.sheets) for one in event.unrankable]


def ties(event: RankingSealed) -> list[tuple[str, str | None, str] | None]:
    return [(one.tie.rule, one.tie.aspect, one.tie.figure) if one.tie else None for one in event.standings]


# --- mean, median, trimmed mean ------------------------------------------------------------------------------------

AGGREGATES: list[tuple[str, tuple[str, ...], str, str]] = [
    # 80 + 85 + 91.5 = 256.5 over 3 is 85.5
    ("mean", ("80", "85", "91.5"), "171/2", "85.50"),
    # 256.5 + 90 = 346.5 over 4 is 86.625: half up
    ("mean", ("80", "85", "91.5", "90"), "693/8", "86.63"),
    # 346.5 + 70 = 416.5 over 5 is 83.3
    ("mean", ("80", "85", "91.5", "90", "70"), "833/10", "83.30"),
    # 416.5 + 100 = 516.5 over 6 is 1033/12 = 86.08333…
    ("mean", ("80", "85", "91.5", "90", "70", "100"), "1033/12", "86.08"),
    # In order 80, 85, 91.5
    ("median", ("91.5", "80", "85"), "85/1", "85.00"),
    # In order 80, 85, 90, 91.5: (85 + 90) / 2
    ("median", ("91.5", "80", "85", "90"), "175/2", "87.50"),
    # In order 70, 80, 85, 90, 91.5
    ("median", ("91.5", "80", "85", "90", "70"), "85/1", "85.00"),
    # In order 70, 80, 85, 90, 91.5, 100: (85 + 90) / 2
    ("median", ("91.5", "80", "85", "90", "70", "100"), "175/2", "87.50"),
    # One falls at each end from five sheets on; with three and four it is the mean
    ("trimmed-mean", ("80", "85", "91.5"), "171/2", "85.50"),
    ("trimmed-mean", ("80", "85", "91.5", "90"), "693/8", "86.63"),
    # 70 and 91.5 fall: 80 + 85 + 90 = 255 over 3
    ("trimmed-mean", ("80", "85", "91.5", "90", "70"), "85/1", "85.00"),
    # 70 and 100 fall: 80 + 85 + 90 + 91.5 = 346.5 over 4
    ("trimmed-mean", ("80", "85", "91.5", "90", "70", "100"), "693/8", "86.63"),
]


@pytest.mark.parametrize(("method", "marks", "total", "shown"), AGGREGATES)
def test_an_aggregate_over_three_to_six_sheets(method, marks, total, shown):
    rules = pinned(*weighted(x=1), method=method, trim=1, trim_from=5, least_sheets=3)
    assert told(sealed(rules, sheets(A, "x", *marks), A)) == [(1, A, total, shown)]


def test_what_does_not_apply_leaves_a_trimmed_mean_with_fewer_marks():
    """Six sheets, one of them without the aspect: five marks, 70 and 91.5 fall, 255 over 3; with another one, four."""
    rules = pinned(*weighted(x=1), method="trimmed-mean", trim=1, trim_from=5)
    five = sheets(A, "x", "80", "85", "91.5", "90", "70", None)
    assert told(sealed(rules, five, A)) == [(1, A, "85/1", "85.00")]
    # 80 + 85 + 91.5 + 90 = 346.5 over 4
    assert told(sealed(rules, sheets(A, "x", "80", "85", "91.5", "90", None, None), A)) == [(1, A, "693/8", "86.63")]


# --- weights of a part ---------------------------------------------------------------------------------------------


def test_the_weights_of_a_part_of_the_rubric_are_exact_relative_to_that_part():
    """The province of 2020 uses 25, 25 and 30 of a rubric of 100: 5/16, 5/16 and 3/8.

    Means 80, 70 and (90 + 90 + 91) / 3 = 271/3: (25·80 + 25·70 + 30·271/3) / 80 = (2000 + 1750 + 2710) / 80 = 323/4.
    """
    rules = pin(book(), book().stage("provincial", "KABKOTA", "seleksi"))
    assert [one.share for one in rules.aspects] == ["5/16", "5/16", "3/8"]
    rules = rules.model_copy(update={"scoring_offices": ("ketua-apindo",)})
    filed = [
        sheet(A, member, kebijakan="80", peraturan="70", kinerja=kinerja)
        for member, kinerja in enumerate(("90", "90", "91"))
    ]
    assert told(sealed(rules, filed, A)) == [(1, A, "323/4", "80.75")]


def book() -> Rulebook:
    read = read_rulebook((Path(__file__).parents[3] / "rulebooks" / "2020.yaml").read_bytes())
    assert read.rulebook is not None
    return read.rulebook


# --- ties ----------------------------------------------------------------------------------------------------------


def test_a_tie_that_hangs_on_a_third():
    """x weighs 1, y weighs 2. A: x = (80 + 80 + 81) / 3 = 241/3, y = 90: (241/3 + 180) / 3 = 781/9.

    B: x = 90, y = (85 + 85 + 85.5) / 3 = 511/6: (90 + 511/3) / 3 = 781/9 as well. The heavier y breaks it for A.
    """
    rules = pinned(*weighted(x=1, y=2))
    filed = [sheet(A, member, x=x, y="90") for member, x in enumerate(("80", "80", "81"))]
    filed += [sheet(B, member, x="90", y=y) for member, y in enumerate(("85", "85", "85.5"))]
    event = sealed(rules, filed)
    assert told(event) == [(1, A, "781/9", "86.78"), (2, B, "781/9", "86.78")]
    assert ties(event) == [("aspect", "y", "90/1"), ("aspect", "y", "511/6")]


def test_without_the_third_of_a_mark_there_is_no_tie():
    """As above, with B's last mark 85 instead of 85.5: 90 + 2·85 = 260 over 3 is 780/9, a ninth behind."""
    rules = pinned(*weighted(x=1, y=2))
    filed = [sheet(A, member, x=x, y="90") for member, x in enumerate(("80", "80", "81"))]
    filed += [sheet(B, member, x="90", y="85") for member in range(3)]
    event = sealed(rules, filed)
    assert told(event) == [(1, A, "781/9", "86.78"), (2, B, "260/3", "86.67")]
    assert ties(event) == [None, None]


def equal(*ids: str) -> list[FiledSheet]:
    return [sheet(id_, 0, x="80", y="80") for id_ in ids]


def test_the_earlier_nomination_breaks_a_tie():
    rules = pinned(*weighted(x=1, y=1), tie_break=("aspect", "nomination-instant", "vote"))
    event = sealed(rules, equal(A, B), B, A)
    assert told(event) == [(1, B, "80/1", "80.00"), (2, A, "80/1", "80.00")]
    assert ties(event)[0] == ("nomination-instant", None, "2021-02-01T00:00:00.000000Z")


def test_the_lesser_candidate_code_breaks_a_tie():
    rules = pinned(*weighted(x=1, y=1), tie_break=("candidate-code",))
    event = sealed(rules, equal(D, A), D, A)
    assert [(one.rank, one.nomination) for one in event.standings] == [(1, A), (2, D)]
    assert ties(event) == [("candidate-code", None, "75.01"), ("candidate-code", None, "75.71")]


@pytest.mark.parametrize("people", ["lot", "vote"])
def test_what_a_lot_or_a_vote_must_break_stays_tied_and_the_rank_after_it_is_left_out(people):
    """A and B share rank 1, C is third: 1, 1, 3."""
    rules = pinned(*weighted(x=1, y=1), tie_break=("aspect", people, "nomination-instant"))
    event = sealed(rules, [*equal(A, B), sheet(C, 0, x="79.5", y="80")], A, B, C)
    assert [(one.rank, one.shared, one.total) for one in event.standings] == [
        (1, True, "80/1"),
        (1, True, "80/1"),
        (3, False, "319/4"),
    ]


def test_two_ties_one_after_the_other():
    """All of A to D total 80. x (weight 2) parts A and B (x = 90) from C and D (x = 75); the instant parts the pairs.

    A and B: (2·90 + 60) / 3 = 80. C and D: (2·75 + 90) / 3 = 80.
    """
    rules = pinned(*weighted(x=2, y=1))
    filed = [sheet(id_, 0, x="90", y="60") for id_ in (A, B)] + [sheet(id_, 0, x="75", y="90") for id_ in (C, D)]
    event = sealed(rules, filed, B, A, D, C)
    assert [(one.rank, one.nomination) for one in event.standings] == [(1, B), (2, A), (3, D), (4, C)]
    assert {one and one[0] for one in ties(event)} == {"nomination-instant"}


# --- sheets that are missing, do not apply, are voided ------------------------------------------------------------


def test_missing_sheets_make_a_nominee_unrankable_which_is_neither_zero_nor_last():
    """The rubric asks for three sheets; B has two of full marks."""
    rules = pinned(*weighted(x=1), least_sheets=3)
    event = sealed(rules, [*sheets(A, "x", "10", "10", "11"), *sheets(B, "x", "100", "100")])
    assert told(event) == [(1, A, "31/3", "10.33")]
    assert lacking(event) == [(B, "too-few-sheets", None, 2)]
    assert [(one.aspect, one.value, one.sheets) for one in event.unrankable[0].aspects or ()] == [("x", "100/1", 2)]


def test_not_applicable_is_left_out_and_is_no_zero():
    """x: (90 + 80) / 2 = 85 over two sheets, the third does not apply; y: (60 + 70 + 71) / 3 = 67. (85 + 67) / 2."""
    filed = [sheet(A, m, x=x, y=y) for m, (x, y) in enumerate((("90", "60"), ("80", "70"), (None, "71")))]
    event = sealed(pinned(*weighted(x=1, y=1)), filed, A)
    assert told(event) == [(1, A, "76/1", "76.00")]
    assert [(one.aspect, one.value, one.sheets) for one in event.standings[0].aspects] == [
        ("x", "85/1", 2),
        ("y", "67/1", 3),
    ]


def test_an_aspect_that_applies_to_nobody_makes_unrankable_and_names_itself():
    event = sealed(pinned(*weighted(x=1, y=1)), [sheet(A, m, x="90", y=None) for m in range(3)], A)
    assert lacking(event) == [(A, "aspect-unmarked", "y", 3)]


def test_a_voided_sheet_does_not_count():
    """80 and 90 count, the voided 10 does not: 85."""
    event = sealed(pinned(*weighted(x=1)), [*sheets(A, "x", "80", "90"), sheet(A, 2, "voided", x="10")], A)
    assert told(event) == [(1, A, "85/1", "85.00")]
    assert [one.reason for one in event.excluded] == ["voided"]


# --- people --------------------------------------------------------------------------------------------------------

GONE = a_committee(*PANEL).remove(Seat(BODY, "ketua-apindo", 3), PANEL[2])


@pytest.mark.parametrize(
    ("rule", "total", "shown"),
    [
        # 80 and 85 count: 165 over 2
        ("kept-uncounted", "165/2", "82.50"),
        # 80, 85 and the removed member's 91 count: 256 over 3
        ("counted", "256/3", "85.33"),
    ],
)
def test_a_removed_members_marks_count_as_the_rulebook_says(rule, total, shown):
    event = sealed(pinned(*weighted(x=1), marks_of_removed=rule), sheets(A, "x", "80", "85", "91"), A, committee=GONE)
    assert told(event) == [(1, A, total, shown)]
    assert [one.reason for one in event.excluded] == (["removed"] if rule == "kept-uncounted" else [])


def test_a_recusal_reaches_back_over_filed_marks_and_only_within_its_scope():
    """Without the recused 100, A has 80 and 81: 161/2. B keeps all three: (70 + 71 + 100) / 3 = 241/3."""
    filed = [*sheets(A, "x", "80", "81", "100"), *sheets(B, "x", "70", "71", "100")]
    committee = a_committee(*PANEL).declare(PANEL[2], Interest("KABKOTA", A))
    event = sealed(pinned(*weighted(x=1)), filed, committee=committee)
    assert told(event) == [(1, A, "161/2", "80.50"), (2, B, "241/3", "80.33")]
    assert [(one.nomination, one.member, one.reason) for one in event.recusals or ()] == [(A, PANEL[2], "declared")]


def test_where_one_interest_recuses_from_the_whole_category_nobody_keeps_the_marks():
    """80 and 81 for A, 70 and 71 for B."""
    filed = [*sheets(A, "x", "80", "81", "100"), *sheets(B, "x", "70", "71", "100")]
    committee = a_committee(*PANEL).declare(PANEL[2], Interest("KABKOTA", A))
    event = sealed(pinned(*weighted(x=1), conflict_scope="category"), filed, committee=committee)
    assert told(event) == [(1, A, "161/2", "80.50"), (2, B, "141/2", "70.50")]


def test_a_lifted_interest_lets_the_marks_count_again():
    """80, 81 and 100 again: 261 over 3."""
    interest = Interest("KABKOTA", A)
    committee = a_committee(*PANEL).declare(PANEL[2], interest).lift(PANEL[2], interest)
    event = sealed(pinned(*weighted(x=1)), sheets(A, "x", "80", "81", "100"), A, committee=committee)
    assert told(event) == [(1, A, "87/1", "87.00")]


def test_ones_own_government_is_refused_or_flagged_as_the_rulebook_says():
    """Refused: 80 and 81, 161/2. Flagged: 80, 81 and 100, 87; both show the member."""
    committee = a_committee(*PANEL).appoint(Seat(BODY, "ketua-apindo", 3), PANEL[2], Belonging(government="75.01"))
    filed = sheets(A, "x", "80", "81", "100")
    for rule, total in (("refused", "161/2"), ("flagged", "87/1")):
        event = sealed(pinned(*weighted(x=1), own_government=rule), filed, A, committee=committee)
        assert [one.total for one in event.standings] == [total]
        assert [(one.reason, one.flagged) for one in event.recusals or ()] == [("own-government", rule == "flagged")]


# --- carried aspects -----------------------------------------------------------------------------------------------


def test_a_carried_aspect_keeps_its_third():
    """x was sealed as 241/3 and weighs 4, the interview is 90 and weighs 1: (964/3 + 90) / 5 = 1234/15."""
    earlier = sealed(pinned(*weighted(x=1)), sheets(A, "x", "80", "80", "81"), A)
    passed = RANKING.fold(happened(AT.ranking, [opened(), ScoringClosed(at=AT), earlier]))
    assert isinstance(passed, Sealed)
    carried = CarriedAspect(tier="provincial", stage="seleksi", aspect="x")
    rules = pinned(aspect("x", "4/5", "carried", carried=carried), aspect("wawancara", "1/5"))
    inputs = Inputs(
        ranking=a_closed(rules),
        committee=a_committee(*PANEL),
        nominations=(a_nomination(A, AT, NATIONAL),),
        sheets=[sheet(A, 0, at=NATIONAL, wawancara="90")],
        versions={},
        carried={AT.ranking: passed},
        season=a_season(),
    )
    (event,) = events(decide_seal(inputs, SealRanking(NATIONAL, CLERK, AFTER)))
    assert told(event) == [(1, A, "1234/15", "82.27")]


# --- deadlines -----------------------------------------------------------------------------------------------------


def test_a_stage_is_sealed_only_after_its_extended_deadline():
    """The deadline is moved by a day: a sheet of the last instant counts, and only after it the stage is sealed.

    The late sheet has 80 and 91, of equal weight: 171/2.
    """
    until = CLOSES + timedelta(days=1)
    given = circumstances(ranking=extended(until), committee=a_committee(PANEL[0]), nomination=nominees(A)[0])
    marks = (WrittenMark("kebijakan", "80", "m"), WrittenMark("kinerja", "91", "m"))
    late = events(decide_file(given, FileMarks(PANEL[0], marks, "en", until, submit=True)))
    stream = sheet_stream(A, AT, PANEL[0])
    filed = [FiledSheet(stream, len(late), A, PANEL[0], SHEET.fold(happened(stream, late)))]
    inputs = Inputs(extended(until), a_committee(*PANEL), nominees(A), filed, {}, season=a_season())
    assert refusal(decide_seal(inputs, SealRanking(AT, CLERK, until))).code == "before-deadline"
    extension = ScoringExtended(at=AT, previous=CLOSES, until=until, reason_digest=DIGEST)
    closed = RANKING.fold(happened(AT.ranking, [opened(), extension, ScoringClosed(at=AT)]))
    (event,) = events(decide_seal(replace(inputs, ranking=closed), SealRanking(AT, CLERK, until)))
    assert told(event) == [(1, A, "171/2", "85.50")]
