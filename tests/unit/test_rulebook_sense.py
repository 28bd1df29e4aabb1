"""Rulebooks of the right shape under which no season could be held as they say, and odd ones under which it could."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from schemas.rulebook import NOTIFIED
from schemas.rulebook_file import RulebookError, read_rulebook
from services.notifications.domain.templates import RULES
from tests.national.season2019 import rulebook as at_the_centre_only

FOLDER = Path(__file__).parents[2] / "rulebooks"
YEAR_2020 = (FOLDER / "2020.yaml").read_text(encoding="utf-8")

ENTRY = "scoring: {opens: 2021-02-01, closes: 2021-02-28, source: gorontalo-2021}"
SELECTION = f"quota: {{places: 2, assumed: true}}\n    {ENTRY}"
HEARD = "scoring: {opens: 2021-04-16, closes: 2021-05-31}\n    interview: {minutes: 45, assumed: true}"
CUT_OFF = "cut_off: 2020-12-31\n"
DUE = "    due: {day: 15, on_rest_day: next-working-day, holidays: [2020-01-01, 2020-12-25, 2021-01-01]}\n"
POINTS = '    points: {in_time: "1", late: "0.5", partly: "0.25", unpaid: "0"}\n'
MONTHLY = "numerator: compliance-points\n    denominator: obliged-months"
COVERAGE = "numerator: workers-covered\n    denominator: workers-total"
VOTE = "tie_break: [aspect, nomination-instant, vote]"
CERTIFICATE = "- {code: lain, title: {id: Lain, en: Other}, tier: provincial, given_to: winner, assumed: true}"


def errors_of(text: str) -> tuple[RulebookError, ...]:
    reading = read_rulebook(text.encode())
    assert (reading.rulebook is None) == bool(reading.errors)
    return reading.errors


def changed(old: str, new: str, nth: int = 1, text: str = YEAR_2020) -> tuple[str, int]:
    """Replace the `nth` occurrence; return the text and the line of the change."""
    start = [found.start() for found in re.finditer(re.escape(old), text)][nth - 1]
    return text[:start] + new + text[start + len(old) :], text[:start].count("\n") + 1


def example() -> str:
    """Return the rulebook of the page on rulebooks."""
    page = (FOLDER.parent / "docs" / "rulebook.md").read_text(encoding="utf-8")
    return "".join(re.findall(r"```yaml\n(.*?)```", page, re.DOTALL))


# --- what is refused -------------------------------------------------------------------------------------------------

FAULTS = [
    # old, new, which occurrence, lines below the start of the change, path, code, what the message says
    (
        ENTRY,
        "scoring: {opens: 2020-12-01, closes: 2021-01-30, source: gorontalo-2021}",
        1,
        0,
        "stages[2].scoring.closes",
        "closes_before_nominations",
        "nominations close 2021-01-31 23:59:59",
    ),
    (
        ENTRY,
        "scoring: {opens: 2020-12-01, closes: 2021-01-31T23:59:58, source: gorontalo-2021}",
        1,
        0,
        "stages[2].scoring.closes",
        "closes_before_nominations",
        "nobody could score the last ones",
    ),
    (
        "scoring: {opens: 2021-03-01, closes: 2021-04-15}",
        "scoring: {opens: 2020-12-01, closes: 2020-12-31}",
        1,
        0,
        "stages[0].scoring.closes",
        "closes_before_nominations",
        "let scoring of the first stage close later",
    ),
    (
        HEARD,
        HEARD.replace("2021-04-16, closes: 2021-05-31", "2021-04-16T09:00, closes: 2021-04-16T09:44:59"),
        1,
        1,
        "stages[1].interview.minutes",
        "interview_too_long",
        "no slot of 45 minutes fits into the stage's window of 44",
    ),
    (HEARD, HEARD.replace("45", "0"), 1, 1, "stages[1].interview.minutes", "greater_than_equal", "at least 5"),
    (
        "{method: mean}",
        "{method: trimmed-mean, trim: 1, from_sheets: 10}",
        1,
        0,
        "rubrics[0].aggregation.from_sheets",
        "trim_never",
        "at most 9 members score a nominee",
    ),
    (VOTE, "tie_break: [vote, aspect]", 1, 0, "rubrics[0].tie_break[1]", "tie_rule_never", "settled by vote"),
    (VOTE, "tie_break: [aspect]", 1, 0, "rubrics[0].tie_break", "tie_for_good", "add lot or vote"),
    (
        'step: "0.5"',
        'step: "0.0000005"',
        1,
        0,
        "rubrics[0].aspects[0].scale.step",
        "scale_too_fine",
        "at most 6 decimals",
    ),
    (
        'least: "0", greatest: "100", step: "0.5"',
        'least: "0.0000005", greatest: "100.0000005", step: "0.5"',
        1,
        0,
        "rubrics[0].aspects[0].scale.least",
        "scale_too_fine",
        "0.0000005",
    ),
    (
        'greatest: "100"',
        'greatest: "10"',
        2,
        0,
        "rubrics[0].aspects[1].scale",
        "scales_differ",
        "peraturan goes 0..10 and kebijakan 0..100",
    ),
    (
        'fraction: "1/2", strict: true',
        'fraction: "1/1", strict: true',
        1,
        0,
        "bodies[0].majority.strict",
        "majority_never",
        "write `strict: false`",
    ),
    (
        "  - tier: national\n    categories: [KABKOTA]",
        "  - tier: provincial\n    categories: [PROVINSI]",
        1,
        1,
        "prizes[0].categories[0]",
        "prize_tier",
        "PROVINSI has no stage at the provincial tier",
    ),
    ("    rank: 3\n", "    rank: 4\n", 1, 0, "prizes[2].rank", "prize_beyond_quota", "at most 3 win in KABKOTA"),
    (
        "event: RankingAnnounced",
        "event: RankingAnounced",
        1,
        0,
        "notices[3].event",
        "unknown_event",
        "write RankingAnnounced, or remove",
    ),
    (
        "event: StageAdvanced",
        "event: SheetSubmitted",
        1,
        0,
        "notices[1].event",
        "unknown_event",
        "nobody is told of an event SheetSubmitted",
    ),
    (
        SELECTION,
        f"{SELECTION}\n    assignment: {{per_nominee: 2, assumed: true}}",
        1,
        2,
        "stages[2].assignment.per_nominee",
        "assigned_too_few",
        "needs 3 counted sheets",
    ),
    (
        SELECTION,
        f"{SELECTION}\n    assignment: {{per_nominee: 10, assumed: true}}",
        1,
        2,
        "stages[2].assignment.per_nominee",
        "assigned_too_many",
        "10 members cannot be drawn from 9",
    ),
    (
        "carries: {tier: national, stage: verifikasi, aspects: [kebijakan",
        "carries: {tier: provincial, stage: seleksi, aspects: [kebijakan",
        1,
        0,
        "stages[1].carries.aspects[0]",
        "unknown_stage",
        "provincial/PROVINSI/seleksi",
    ),
    (POINTS, "", 1, -6, "measures[0].points", "compliance_rule", "compliance needs points"),
    (DUE, "", 1, -7, "measures[0].due", "months_rule", "needs due, the day on which they are due"),
    (
        f"{CUT_OFF}{POINTS}",
        f"{CUT_OFF}    first_month: 2013-12\n{POINTS}",
        1,
        1,
        "measures[0].first_month",
        "before_the_agency",
        "no fact is about 2013-12: the earliest month is 2014-01",
    ),
    (
        CUT_OFF,
        f"{CUT_OFF}    first_month: 2021-01\n",
        1,
        1,
        "measures[0].first_month",
        "month_after_cut_off",
        "2021-01, is after the cut-off",
    ),
    (
        CUT_OFF,
        f"{CUT_OFF}    first_month: 2020-12\n",
        1,
        1,
        "measures[0].first_month",
        "no_month_due",
        "2020-12, is due after the cut-off",
    ),
    (CUT_OFF, "cut_off: 2020-01-31\n", 1, -5, "measures[0].first_month", "no_month_due", "no month counts"),
    (CUT_OFF, "cut_off: 2021-07-01\n", 1, 0, "measures[0].cut_off", "after_season", "after the season closes"),
    (
        MONTHLY,
        f"{COVERAGE}\n    first_month: 2020-01",
        1,
        2,
        "measures[0].first_month",
        "not_of_months",
        "first_month means nothing here",
    ),
    (
        MONTHLY,
        f"{COVERAGE}\n    missing_months: unpaid",
        1,
        2,
        "measures[0].missing_months",
        "not_of_months",
        "missing_months means nothing here",
    ),
    ("code: peraturan", "code: kebijakan", 1, 0, "rubrics[0].aspects[1]", "duplicate_code", "kebijakan stands twice"),
]


@pytest.mark.parametrize(("old", "new", "nth", "below", "path", "code", "says"), FAULTS)
def test_a_rulebook_that_cannot_be_held_to_is_told_by_its_line(
    old: str, new: str, nth: int, below: int, path: str, code: str, says: str
) -> None:
    text, line = changed(old, new, nth)
    matching = [error for error in errors_of(text) if (error.code, error.path) == (code, path)]
    assert matching, errors_of(text)
    assert matching[0].line == line + below
    assert says in matching[0].message_en
    assert matching[0].message_id != matching[0].message_en


def test_appeals_have_a_day_at_least() -> None:
    found = re.search(r"^appeals:(?:.|\n)*?days: ([0-9]+)", YEAR_2020, re.MULTILINE)
    assert found is not None
    text = YEAR_2020[: found.start(1)] + "0" + YEAR_2020[found.end(1) :]
    (error,) = errors_of(text)
    assert (error.path, error.code) == ("appeals.days", "greater_than_equal")
    assert error.line == YEAR_2020[: found.start(1)].count("\n") + 1


def test_a_certificate_of_a_tier_without_stages_is_told() -> None:
    text, line = changed("certificates:\n", f"certificates:\n{CERTIFICATE}\n", text=at_the_centre_only())
    (error,) = errors_of(text)
    assert (error.path, error.code, error.line) == ("certificates[0].tier", "certificate_tier", line + 1)


def test_a_trimmed_mean_is_of_as_many_sheets_as_are_drawn() -> None:
    window = "scoring: {opens: 2026-07-01, closes: 2026-08-31}\n"
    text, _ = changed(window, f"{window}    assignment: {{per_nominee: 4}}\n", text=example())
    (error,) = errors_of(text)
    assert (error.path, error.code) == ("rubrics[0].aggregation.from_sheets", "trim_never")
    assert "at most 4 members" in error.message_en
    assert text.splitlines()[error.line - 1].strip().startswith("aggregation: {method: trimmed-mean")


# --- carried figures -------------------------------------------------------------------------------------------------

VISIT = "carried: {tier: provincial, stage: seleksi, aspect: perangkat-desa}"


def village(scale: str, step: str = "1") -> tuple[str, int]:
    """Return the page's rulebook with another scale for the villages' selection, whose figures their visit carries."""
    assert VISIT in example()
    old = 'weight: "100", scale: {least: "0", greatest: "100", step: "1"}'
    text, _ = changed(old, f'weight: "100", scale: {{least: "0", greatest: "{scale}", step: "{step}"}}', text=example())
    return text, text[: text.index("rubric: kunjungan-desa")].count("\n") + 1


def test_an_aspect_of_a_rubric_is_carried_from_one_of_the_same_scale() -> None:
    text, line = village("10")
    (error,) = errors_of(text)
    assert (error.code, error.path, error.line) == ("carried_scale", "stages[3].rubric", line)
    assert "seleksi-desa goes 0..100 here and 0..10 at provincial/DESA/seleksi" in error.message_en


@pytest.mark.parametrize(("greatest", "step"), [("100", "10"), ("100.0", "0.5")])
def test_marks_of_other_steps_are_carried(greatest: str, step: str) -> None:
    text, _ = village(greatest, step)
    assert errors_of(text) == ()


def test_what_a_stage_carries_has_the_scale_of_the_stage_that_scored_it() -> None:
    rubrics = YEAR_2020.partition("rubrics:\n")[2]
    first = rubrics[: rubrics.index("  - code: perusahaan\n")]
    coarse = first.replace("code: pemerintah-daerah", "code: lain").replace('greatest: "100"', 'greatest: "10"')
    text, _ = changed("rubrics:\n", f"rubrics:\n{coarse}")
    text, _ = changed("rubric: pemerintah-daerah", "rubric: lain", text=text)
    text, line = changed("carries: {", "carries: {", text=text)
    told = [(error.code, error.path, error.line) for error in errors_of(text)]
    assert told == [("carried_scale", f"stages[1].carries.aspects[{index}]", line) for index in range(3)]


@pytest.mark.parametrize("quantity", ["obliged-months", "months-covered", "amount-due", "amount-paid"])
@pytest.mark.parametrize("place", ["workers-covered", "workers-total"])
def test_every_quantity_of_months_needs_the_day_on_which_they_are_due(quantity: str, place: str) -> None:
    text, _ = changed(MONTHLY, COVERAGE.replace(place, quantity))
    assert errors_of(text) == ()
    text, _ = changed(DUE, "", text=text)
    assert [error.code for error in errors_of(text)] == ["months_rule"]


# --- what is only odd ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new"),
    [
        # scoring ends with nominations, and begins long before
        (ENTRY, "scoring: {opens: 2020-09-01, closes: 2021-01-31, source: gorontalo-2021}"),
        # a later stage's window is not nominations' concern, and one slot just fits
        (HEARD, HEARD.replace("2021-04-16, closes: 2021-05-31", "2021-04-16T09:00, closes: 2021-04-16T09:45")),
        # at the centre four seats never trim, in the provinces nine do
        ("{method: mean}", "{method: trimmed-mean, trim: 1, from_sheets: 9}"),
        # a lot always settles, so nobody will vote
        (VOTE, "tie_break: [aspect, lot, vote]"),
        (VOTE, "tie_break: [nomination-instant]"),
        # everybody must agree
        ('fraction: "1/2", strict: true', 'fraction: "1/1", strict: false'),
        # months from before the year of the cut-off, and the last one that can be due
        (CUT_OFF, f"{CUT_OFF}    first_month: 2019-01\n    missing_months: unmeasured\n"),
        (CUT_OFF, f"{CUT_OFF}    first_month: 2020-11\n"),
        # use of channels is known of the cut-off's own month; nothing of it is due
        (MONTHLY, "numerator: digital-transactions\n    denominator: transactions\n    first_month: 2020-12"),
        # another event that people are told of
        ("event: RankingAnnounced", "event: WinnerDeclared"),
    ],
)
def test_what_is_only_odd_is_accepted(old: str, new: str) -> None:
    text, _ = changed(old, new)
    assert errors_of(text) == ()


def test_a_prize_is_within_the_greatest_quota_of_a_province() -> None:
    prize = "- {tier: provincial, categories: [KABKOTA], rank: 3, prize: {id: Piala, en: A cup}, assumed: true}"
    text, _ = changed("prizes:\n", f"prizes:\n  {prize}\n")
    (error,) = errors_of(text)
    assert (error.code, error.path) == ("prize_beyond_quota", "prizes[0].rank")
    start = text.index("category: KABKOTA", text.index("category: KABKOTA", text.index("tier: provincial\n    cat")))
    more = 'quota: {places: 2, assumed: true, provinces: [{province: "75", places: 3, assumed: true}]}'
    text = text[:start] + text[start:].replace("quota: {places: 2, assumed: true}", more, 1)
    assert errors_of(text) == ()


def test_a_rulebook_names_the_events_that_people_are_told_of() -> None:
    told = {rule.event for rule in RULES.values()}
    # A reminder is no event; and when a season opens it has no nominee and no member yet whom a rulebook could name.
    assert told - {"FactsReported", "Reminder", "SeasonOpened"} == set(NOTIFIED)
    assert len(NOTIFIED) == len(set(NOTIFIED))


def test_aspects_that_no_stage_adds_up_may_have_other_scales() -> None:
    heard = "rubric: pemerintah\n    carries: {tier: provincial, stage: seleksi, aspects: [regulasi, kinerja]}\n"
    text, _ = changed('code: presentasi, title: {id: Presentasi, en: Presentation}, weight: "20", scale: {least: "0", '
                      'greatest: "100"', 'code: presentasi, title: {id: Presentasi, en: Presentation}, weight: "20", '
                      'scale: {least: "0", greatest: "10"', text=example())  # fmt: skip
    assert [error.code for error in errors_of(text)] == ["scales_differ"]
    text, _ = changed(heard, "rubric: pemerintah\n    aspects: [presentasi]\n", text=text)
    assert errors_of(text) == ()
