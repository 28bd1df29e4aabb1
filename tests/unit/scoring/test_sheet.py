"""Given a stage, a member and a sheet; when a mark is filed, revised, handed in, voided or read; then what happens."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from kernel.decider import Refusal
from schemas.rulebook_file import read_rulebook
from schemas.scoring import (
    AspectScored,
    AspectScoreRevised,
    MarksSeen,
    ScoreSheetSubmitted,
    ScoreSheetVoided,
    SheetRead,
)
from services.scoring.domain.received import Belonging, Committee, Interest, Season, Seat, Unknown
from services.scoring.domain.sheet import (
    Circumstances,
    FileMarks,
    ReviseMark,
    Sheet,
    SubmitSheet,
    VoidSheet,
    WrittenMark,
    decide_file,
    decide_read,
    decide_revise,
    decide_submit,
    decide_void,
    locate,
    sheet_stream,
)
from services.scoring.domain.stage import Sealed, Unopened, pin
from tests.unit.scoring.given import (
    AFTER,
    AT,
    BODY,
    CLERK,
    CLOSES,
    DIGEST,
    MEMBER,
    N1,
    N2,
    NATIONAL,
    NOW,
    OPENS,
    STRANGER,
    a_closed,
    a_committee,
    a_nomination,
    a_sheet,
    an_id,
    an_interest,
    an_open,
    aspect,
    circumstances,
    drawn,
    events,
    extended,
    mark,
    pinned,
    refusal,
    seen_by,
)


def scored(code: str = "kebijakan", value: str | None = "80", **also: Any) -> AspectScored:
    return AspectScored(nomination=N1, at=AT, member=MEMBER, mark=mark(code, value), **also)


def submitted(**marks: str | None) -> ScoreSheetSubmitted:
    return ScoreSheetSubmitted(
        nomination=N1,
        at=AT,
        body=BODY,
        office="ketua-apindo",
        member=MEMBER,
        marks=tuple(mark(code, value) for code, value in (marks or {"kebijakan": "80", "kinerja": "70"}).items()),
        rulebook_version=1,
    )


def voided() -> ScoreSheetVoided:
    return ScoreSheetVoided(nomination=N1, at=AT, member=MEMBER, reason_digest=DIGEST)


def filing(*marks: tuple[str, str | None], **changed: Any) -> FileMarks:
    written = tuple(WrittenMark(code, text, f"marks.{code}") for code, text in marks)
    usual: dict[str, Any] = {"member": MEMBER, "marks": written, "locale": "en", "received": NOW}
    return FileMarks(**(usual | changed))


def revising(code: str = "kebijakan", text: str | None = "85", **changed: Any) -> ReviseMark:
    usual: dict[str, Any] = {
        "member": MEMBER,
        "mark": WrittenMark(code, text, "mark"),
        "locale": "en",
        "reason_digest": DIGEST,
        "received": NOW,
    }
    return ReviseMark(**(usual | changed))


def submitting(**changed: Any) -> SubmitSheet:
    usual: dict[str, Any] = {"member": MEMBER, "received": NOW}
    return SubmitSheet(**(usual | changed))


def voiding(**changed: Any) -> VoidSheet:
    usual: dict[str, Any] = {"member": MEMBER, "reason_digest": DIGEST, "received": NOW}
    return VoidSheet(**(usual | changed))


# --- filing --------------------------------------------------------------------------------------------------------


def test_a_mark_is_filed_on_the_members_sheet():
    decision = decide_file(circumstances(), filing(("kebijakan", "87.5"), sample=True))
    assert events(decision) == [scored(value="87.5", sample=True)]
    assert not isinstance(decision, Refusal)
    assert decision[0].stream == sheet_stream(N1, AT, MEMBER) == f"sheet/{N1}/provincial-seleksi/{MEMBER}"


def test_several_marks_are_filed_in_one_command_each_an_event():
    found = events(decide_file(circumstances(), filing(("kebijakan", "80"), ("kinerja", None))))
    assert found == [scored(), scored("kinerja", None)]


def test_a_whole_sheet_is_filed_and_handed_in_at_once():
    found = events(decide_file(circumstances(), filing(("kinerja", "70"), ("kebijakan", "80"), submit=True)))
    assert found == [scored("kinerja", "70"), scored(), submitted()]


def test_a_voided_sheet_is_begun_anew_without_its_old_marks():
    sheet = a_sheet(scored(sample=True), submitted(), voided(), scored("kinerja", "60"))
    assert sheet == Sheet("draft", {"kinerja": mark("kinerja", "60")}, sample=False, at=AT)


@pytest.mark.parametrize(
    ("locale", "text", "value"),
    [("en", "87.5", "87.5"), ("id", "87,5", "87.5"), ("id", "87", "87"), ("en", "0", "0"), ("en", "100", "100")],
)
def test_a_mark_follows_the_locale_of_its_channel(locale, text, value):
    found = events(decide_file(circumstances(), filing(("kebijakan", text), locale=locale)))
    assert found[0].mark.mark == Decimal(value)


@pytest.mark.parametrize(
    ("code", "written", "locale"),
    [
        ("not-a-number", ("kebijakan", "87,5"), "en"),
        ("not-a-number", ("kebijakan", "87.5"), "id"),
        ("not-a-number", ("kebijakan", "1.250"), "id"),
        ("not-a-number", ("kebijakan", "delapan"), "id"),
        ("not-a-number", ("kebijakan", ""), "en"),
        ("not-a-number", ("kebijakan", "NaN"), "en"),
        ("out-of-scale", ("kebijakan", "100.5"), "en"),
        ("out-of-scale", ("kebijakan", "-0.5"), "en"),
        ("off-step", ("kebijakan", "80.25"), "en"),
        ("off-step", ("kebijakan", "80.50000000000000000001"), "en"),
        ("unknown-aspect", ("wawancara", "80"), "en"),
    ],
)
def test_a_mark_that_is_no_mark_is_refused_with_field_value_and_remedy(code, written, locale):
    found = refusal(decide_file(circumstances(), filing(written, locale=locale)))
    assert (found.code, found.status) == (code, 422)
    assert found.faults[0].path == f"marks.{written[0]}"
    assert found.faults[0].value == (written[0] if code == "unknown-aspect" else written[1])


def test_an_interview_mark_for_a_category_without_interview_names_the_aspects_it_has():
    remedy = refusal(decide_file(circumstances(), filing(("wawancara", "80")))).faults[0].remedy
    assert "wawancara" in remedy.en
    assert "KABKOTA" in remedy.en
    assert "kebijakan, kinerja" in remedy.en
    assert "kebijakan, kinerja" in remedy.id


def test_micro_companies_have_no_interview_mark_in_2020():
    """The season's own rulebook: UMKM is verified on compliance and performance and is interviewed nowhere."""
    read = read_rulebook((Path(__file__).parents[3] / "rulebooks" / "2020.yaml").read_bytes())
    assert read.rulebook is not None
    stage = read.rulebook.stage("national", "UMKM", "verifikasi")
    rules = pin(read.rulebook, stage).model_copy(update={"scoring_offices": ("ketua-apindo",)})
    at = NATIONAL.model_copy(update={"category": "UMKM"})
    given = circumstances(at=at, ranking=an_open(rules), nomination=a_nomination(N1, at))
    found = refusal(decide_file(given, filing(("wawancara", "80"))))
    assert (found.code, found.faults[0].value) == ("unknown-aspect", "wawancara")
    assert "UMKM has no aspect wawancara" in found.faults[0].remedy.en
    assert "UMKM tidak memiliki aspek wawancara" in found.faults[0].remedy.id


@pytest.mark.parametrize(("origin", "code"), [("measured", "aspect-measured"), ("carried", "aspect-carried")])
def test_a_measured_or_carried_aspect_cannot_be_typed_in(origin, code):
    rules = pinned(aspect("kepatuhan", "1/2", origin), aspect("kinerja", "1/2"))
    given = circumstances(ranking=an_open(rules))
    found = refusal(decide_file(given, filing(("kepatuhan", "80"))))
    assert (found.code, found.status) == (code, 422)


def test_all_faults_are_told_at_once_and_nothing_is_filed():
    found = refusal(decide_file(circumstances(), filing(("kebijakan", "101"), ("kinerja", "x"), ("sikap", "1"))))
    assert found.code == "marks-refused"
    assert [fault.path for fault in found.faults] == ["marks.kebijakan", "marks.kinerja", "marks.sikap"]


def test_an_aspect_is_filed_once():
    given = circumstances(sheet=a_sheet(scored()))
    assert refusal(decide_file(given, filing(("kebijakan", "80")))).code == "already-filed"
    twice = filing(("kinerja", "70"), ("kinerja", "71"))
    assert refusal(decide_file(given, twice)).code == "already-filed"


def test_a_submitted_sheet_takes_no_further_marks_but_revisions():
    given = circumstances(sheet=a_sheet(scored(), submitted()))
    assert refusal(decide_file(given, filing(("kinerja", "80")))).code == "already-submitted"


def test_a_command_that_files_nothing_is_refused():
    assert refusal(decide_file(circumstances(), filing())).code == "nothing-to-file"


# --- who may, where and when: the same for every command about a sheet ---------------------------------------------


def belonging(**whom: str) -> Committee:
    """Return a committee whose member belongs to somebody."""
    return a_committee().appoint(Seat(BODY, "ketua-apindo", 1), MEMBER, Belonging(**whom))


LEFT = a_committee().remove(Seat(BODY, "ketua-apindo", 1), MEMBER)
NOT_NOW: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("scoring-not-opened", {"ranking": Unopened()}, {}),
    ("scoring-closed", {"ranking": a_closed()}, {}),
    ("not-open-yet", {}, {"received": OPENS - timedelta(microseconds=1)}),
    ("deadline-passed", {}, {"received": AFTER}),
    ("deadline-passed", {"ranking": a_closed()}, {"received": AFTER}),
    ("not-a-member", {}, {"member": STRANGER}),
    ("office-without-sheet", {}, {"member": CLERK}),
    (
        "member-removed",
        {"committee": a_committee().remove(next(iter(a_committee().holders)), CLERK)},
        {"member": CLERK},
    ),
    ("recused", {"committee": an_interest(a_committee(), N1)}, {}),
    ("recused", {"committee": an_interest(a_committee())}, {}),
    ("nomination-withdrawn", {"nomination": a_nomination(standing="withdrawn")}, {}),
    ("nomination-eliminated", {"nomination": a_nomination(standing="eliminated")}, {}),
    ("nomination-rejected", {"nomination": a_nomination(standing="rejected")}, {}),
    ("nomination-eliminated", {"at": NATIONAL, "nomination": a_nomination(N1, AT, NATIONAL).fall_back(AT)}, {}),
    ("recused", {"committee": belonging(government="75.03"), "ranking": an_open(pinned(own_government="refused"))}, {}),
    ("season-frozen", {"season": Season(1, hold="frozen")}, {}),
    ("season-closed", {"season": Season(1, hold="closed")}, {}),
    ("not-drawn-yet", {"ranking": drawn()}, {}),
    ("not-drawn-yet", {"ranking": drawn(MEMBER, nomination=N2)}, {}),
    ("not-assigned", {"ranking": drawn(STRANGER)}, {}),
    ("marks-seen", {"ranking": seen_by(an_open(), MEMBER)}, {}),
    ("deadline-passed", {"ranking": extended(CLOSES + timedelta(days=1))}, {"received": AFTER + timedelta(days=1)}),
    ("nomination-not-at-stage", {"nomination": a_nomination(N1, AT, NATIONAL)}, {}),
]


@pytest.mark.parametrize(("code", "given", "command"), NOT_NOW)
def test_every_command_about_a_sheet_is_refused_alike(code, given, command):
    draft = circumstances(sheet=a_sheet(scored(), scored("kinerja", "70")), **given)
    assert refusal(decide_file(draft, filing(("kebijakan", "1"), **command))).code == code
    assert refusal(decide_revise(draft, revising(**command))).code == code
    assert refusal(decide_submit(draft, submitting(**command))).code == code
    assert refusal(decide_void(draft, voiding(**command))).code == code


@pytest.mark.parametrize("received", [OPENS, CLOSES, CLOSES.replace(microsecond=0)])
def test_the_window_includes_its_first_and_its_last_second(received):
    assert events(decide_file(circumstances(), filing(("kebijakan", "80"), received=received)))


def test_a_sheet_between_the_old_and_the_new_deadline_is_received_after_an_extension():
    later = CLOSES + timedelta(days=1)
    assert refusal(decide_file(circumstances(), filing(("kebijakan", "80"), received=later))).code == "deadline-passed"
    given = circumstances(ranking=extended(later))
    assert events(decide_file(given, filing(("kebijakan", "80"), received=later)))


def test_whoever_was_drawn_scores():
    given = circumstances(ranking=drawn(STRANGER, MEMBER))
    assert events(decide_file(given, filing(("kebijakan", "80"))))


def test_a_drawn_member_who_is_recused_since_is_told_so():
    given = circumstances(ranking=drawn(MEMBER), committee=an_interest(a_committee(), N1))
    assert refusal(decide_file(given, filing(("kebijakan", "80")))).code == "recused"


@pytest.mark.parametrize(
    ("rules", "whom", "recused"),
    [
        ({"own_government": "refused"}, {"government": "75.03"}, True),
        ({"own_government": "flagged"}, {"government": "75.03"}, False),
        ({}, {"government": "75.03"}, False),
        ({"own_government": "refused"}, {"government": "75"}, False),
        ({"own_government": "refused"}, {"employer": "75.03"}, False),
        ({"own_employer": "refused"}, {"government": "75.03"}, False),
    ],
)
def test_ones_own_government_is_itself_and_not_its_province(rules, whom, recused):
    given = circumstances(ranking=an_open(pinned(**rules)), committee=belonging(**whom))
    decided = decide_file(given, filing(("kebijakan", "80")))
    if recused:
        found = refusal(decided)
        assert (found.code, found.faults[0].value) == ("recused", "own-government")
        assert "your own government" in found.detail.en
    else:
        assert events(decided)


def test_an_interest_that_was_lifted_keeps_nobody():
    committee = an_interest(a_committee(), N1).lift(MEMBER, Interest("KABKOTA", N1))
    assert events(decide_file(circumstances(committee=committee), filing(("kebijakan", "80"))))


def test_an_interest_in_another_nomination_or_category_recuses_nobody_here():
    for committee in (an_interest(a_committee(), N2), an_interest(a_committee(), None, "BESAR")):
        assert events(decide_file(circumstances(committee=committee), filing(("kebijakan", "80"))))


def test_an_interest_in_one_candidate_recuses_from_the_category_where_the_rulebook_says_so():
    given = circumstances(committee=an_interest(a_committee(), N2), ranking=an_open(pinned(conflict_scope="category")))
    assert refusal(decide_file(given, filing(("kebijakan", "80")))).code == "recused"


# --- revising ------------------------------------------------------------------------------------------------------


def test_a_revision_keeps_the_old_mark_and_the_digest_of_its_reason():
    given = circumstances(sheet=a_sheet(scored()))
    assert events(decide_revise(given, revising(sample=True))) == [
        AspectScoreRevised(
            nomination=N1,
            at=AT,
            member=MEMBER,
            mark=mark("kebijakan", "85"),
            previous=mark("kebijakan", "80"),
            reason_digest=DIGEST,
            sample=True,
        )
    ]


def test_a_revision_of_a_submitted_sheet_counts_at_once():
    sheet = a_sheet(scored(), scored("kinerja", "70"), submitted())
    revised = events(decide_revise(circumstances(sheet=sheet), revising()))
    after = a_sheet(scored(), scored("kinerja", "70"), submitted(), *revised)
    assert after.status == "submitted"
    assert after.marks == {"kebijakan": mark("kebijakan", "85"), "kinerja": mark("kinerja", "70")}


def test_a_mark_left_out_of_a_submitted_sheet_can_be_added_by_revision():
    sheet = a_sheet(scored(), submitted(kebijakan="80"))
    found = events(decide_revise(circumstances(sheet=sheet), revising("kinerja", "70")))
    assert found[0].previous == mark("kinerja", None)


@pytest.mark.parametrize(
    ("code", "sheet", "command"),
    [
        ("nothing-to-revise", Sheet(), revising()),
        ("nothing-to-revise", a_sheet(scored()), revising("kinerja")),
        ("nothing-to-revise", a_sheet(scored(), voided()), revising()),
        ("mark-unchanged", a_sheet(scored()), revising(text="80.0")),
        ("mark-unchanged", a_sheet(scored(value=None)), revising(text=None)),
        ("out-of-scale", a_sheet(scored()), revising(text="200")),
        ("unknown-aspect", a_sheet(scored()), revising("sikap")),
    ],
)
def test_a_revision_that_changes_nothing_it_may_is_refused(code, sheet, command):
    assert refusal(decide_revise(circumstances(sheet=sheet), command)).code == code


# --- handing in ----------------------------------------------------------------------------------------------------


def test_a_complete_sheet_is_handed_in_with_its_marks_in_the_order_of_the_rubric():
    sheet = a_sheet(scored("kinerja", "70", sample=True), scored())
    found = events(decide_submit(circumstances(sheet=sheet), submitting()))
    assert found == [submitted().model_copy(update={"sample": True})]


def test_what_does_not_apply_is_marked_and_completes_a_sheet():
    sheet = a_sheet(scored(), scored("kinerja", None))
    assert events(decide_submit(circumstances(sheet=sheet), submitting()))[0].marks[1] == mark("kinerja", None)


def test_an_incomplete_sheet_names_what_it_lacks():
    found = refusal(decide_submit(circumstances(sheet=a_sheet(scored())), submitting()))
    assert found.code == "sheet-incomplete"
    assert [fault.path for fault in found.faults] == ["marks.kinerja"]


def test_one_mark_is_enough_where_the_rubric_says_so():
    given = circumstances(sheet=a_sheet(scored()), ranking=an_open(pinned(complete_sheet="any-judged-aspect")))
    assert events(decide_submit(given, submitting())) == [submitted(kebijakan="80")]


@pytest.mark.parametrize(
    ("code", "sheet"),
    [
        ("nothing-to-submit", Sheet()),
        ("nothing-to-submit", a_sheet(scored(), voided())),
        ("nothing-to-submit", a_sheet(scored("kebijakan", None), scored("kinerja", None))),
        ("already-submitted", a_sheet(scored(), submitted())),
    ],
)
def test_a_sheet_is_handed_in_once_and_not_empty(code, sheet):
    assert refusal(decide_submit(circumstances(sheet=sheet), submitting())).code == code


def test_a_sheet_that_was_handed_in_keeps_its_last_mark():
    given = circumstances(sheet=a_sheet(scored(), scored("kinerja", None), submitted(kebijakan="80", kinerja=None)))
    assert refusal(decide_revise(given, revising("kebijakan", None))).code == "last-mark"
    assert events(decide_revise(given, revising("kinerja", "70")))
    both = circumstances(sheet=a_sheet(scored(), scored("kinerja", "70"), submitted()))
    assert events(decide_revise(both, revising("kebijakan", None)))


# --- voiding -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sheet", [a_sheet(scored()), a_sheet(scored(), submitted())])
def test_a_sheet_filed_by_mistake_is_voided(sheet):
    assert events(decide_void(circumstances(sheet=sheet), voiding())) == [voided()]


@pytest.mark.parametrize("sheet", [Sheet(), a_sheet(scored(), voided())])
def test_there_must_be_a_sheet_to_void(sheet):
    assert refusal(decide_void(circumstances(sheet=sheet), voiding())).code == "nothing-to-void"


# --- reading -------------------------------------------------------------------------------------------------------


def reading(given: Circumstances, reader: str) -> Any:
    return decide_read(given, MEMBER, reader)


def test_the_read_of_an_unsealed_sheet_is_recorded():
    given = circumstances(sheet=a_sheet(scored()))
    read = SheetRead(nomination=N1, at=AT, member=MEMBER, reader=CLERK)
    assert events(reading(given, CLERK)) == [read, MarksSeen(at=AT, reader=CLERK)]
    seen = circumstances(sheet=a_sheet(scored()), ranking=seen_by(an_open(), CLERK))
    assert events(reading(seen, CLERK)) == [read]
    assert a_sheet(scored(), SheetRead(nomination=N1, at=AT, member=MEMBER, reader=CLERK)) == a_sheet(scored())


def test_ones_own_sheet_and_a_sealed_one_are_read_without_a_trace():
    assert events(reading(circumstances(sheet=a_sheet(scored())), MEMBER)) == []
    closed = a_closed()
    sealed = Sealed(closed.opened, closed.rules, CLOSES, {}, an_id("seal"), 3, None, {})  # type: ignore[arg-type] # not looked at
    assert events(reading(circumstances(sheet=a_sheet(scored()), ranking=sealed), CLERK)) == []


def test_a_sheet_that_nobody_filed_is_not_there():
    assert refusal(reading(circumstances(), CLERK)).status == 404


# --- finding the stage ---------------------------------------------------------------------------------------------


def test_the_stage_is_found_on_the_nominations_way():
    nomination = a_nomination(N1, AT, NATIONAL)
    assert locate(nomination, N1, "provincial", "seleksi") == (nomination, AT)
    assert locate(nomination, N1, "national", "verifikasi") == (nomination, NATIONAL)


def test_a_sheet_at_a_stage_that_an_appeal_took_back_is_still_found():
    nomination = a_nomination(N1, AT, NATIONAL).fall_back(AT)
    assert locate(nomination, N1, "national", "verifikasi") == (nomination, NATIONAL)
    sheet = a_sheet(scored())
    given = circumstances(at=NATIONAL, nomination=nomination, sheet=sheet, season=Season(1, hold="frozen"))
    assert events(reading(given, CLERK))


def test_a_stage_that_was_not_reached_and_an_unknown_nomination_are_refused():
    elsewhere = locate(a_nomination(), N1, "national", "verifikasi")
    assert isinstance(elsewhere, Refusal)
    assert refusal(elsewhere).code == "nomination-not-at-stage"
    unknown = locate(Unknown(), N1, "national", "verifikasi")
    assert isinstance(unknown, Refusal)
    assert (unknown.code, unknown.status, unknown.recorded) == ("nomination-unknown", 404, False)
