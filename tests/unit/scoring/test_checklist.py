"""Given a stage as it stands; when its secretary looks before the seal; then what is left, and nothing of the marks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest

from schemas.rulebook import Rulebook, rulebook_content
from schemas.rulebook_file import read_rulebook
from schemas.scoring import IndicatorMeasured
from services.scoring.checklist import Competitor, Picture, checklist, next_rule
from services.scoring.domain.indicator import INDICATOR, Indicator, indicator_stream
from services.scoring.domain.received import Season, Seat
from services.scoring.domain.stage import Sealed
from tests.unit.scoring.given import (
    AT,
    BODY,
    CLERK,
    MEASURE,
    MEMBER,
    N1,
    N2,
    N3,
    a_closed,
    a_committee,
    an_id,
    an_interest,
    an_open,
    aspect,
    drawn,
    happened,
    measured,
    measured_aspect,
    nominee,
    pinned,
)

OTHER = an_id("other member")


@cache
def rulebook(places: int = 1) -> Rulebook:
    read = read_rulebook((Path(__file__).parents[3] / "rulebooks" / "2020.yaml").read_bytes())
    assert read.rulebook is not None
    quota = read.rulebook.stages[0].quota.model_copy(update={"places": places, "provinces": None})
    stages = tuple(one.model_copy(update={"quota": quota}) for one in read.rulebook.stages)
    return read.rulebook.model_copy(update={"stages": stages})


def season(places: int = 1, **changed: Any) -> Season:
    content = rulebook_content(rulebook(places))
    return Season(1, "f" * 64, content, versions={1: content}, **changed)


def line(nomination: str, rank: int | None = None, total: str | None = None, **changed: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {
        "nomination": nomination,
        "candidate": "75.03",
        "name": f"Name of {nomination}",
        "rank": rank,
        "total": total,
        "tie": None,
        "reason": None if rank else "too-few-sheets",
        "lacking": None,
        "sheets": 2,
    }
    return usual | changed


def picture(lines: Sequence[dict[str, Any]] = (), **changed: Any) -> Picture:
    usual: dict[str, Any] = {
        "at": AT,
        "ranking": an_open(),
        "season": season(),
        "committee": a_committee(MEMBER, OTHER),
        "competing": [Competitor(nominee(id_), f"Name of {id_}") for id_ in (N1, N2)],
        "sheets": {},
        "lines": lines,
        "appeals": (),
    }
    return Picture(**(usual | changed))


def listed(picture: Picture) -> dict[str, Any]:
    return checklist(picture, with_ties=True)


# --- members and nominees ------------------------------------------------------------------------------------------


def test_each_member_is_listed_with_what_waits_for_its_sheet():
    found = listed(picture(sheets={(N1, MEMBER): "submitted", (N2, MEMBER): "draft", (N1, OTHER): "voided"}))
    members = {one["member"]: one for one in found["members"]}
    assert (members[MEMBER]["due"], members[MEMBER]["submitted"]) == (2, 1)
    assert [(one["nomination"], one["status"]) for one in members[MEMBER]["waiting"]] == [(N2, "draft")]
    assert [(one["nomination"], one["status"]) for one in members[OTHER]["waiting"]] == [(N1, "voided"), (N2, "blank")]
    assert members[OTHER]["offices"] == ["ketua-apindo"]
    assert found["unfiled"] == 3


def test_who_is_recused_owes_no_sheet_and_is_shown_beside_the_nominee():
    found = listed(picture(committee=an_interest(a_committee(MEMBER, OTHER), N1)))
    members = {one["member"]: one["due"] for one in found["members"]}
    assert members == {MEMBER: 1, OTHER: 2}
    assert found["nominees"][0]["recusals"] == [{"member": MEMBER, "reason": "declared", "flagged": False}]
    assert found["nominees"][1]["recusals"] == []


def test_who_has_left_is_not_waited_for():
    committee = a_committee(MEMBER, OTHER).remove(Seat(BODY, "ketua-apindo", 2), OTHER)
    assert [one["member"] for one in listed(picture(committee=committee))["members"]] == [MEMBER]


def test_each_nominee_says_whether_it_could_be_ranked_now_and_why_not():
    found = listed(picture([line(N1, 1, "80/1"), line(N2, reason="aspect-unmarked", lacking="kinerja")]))
    assert [(one["rankable"], one["reason"], one["aspect"], one["sheets"]) for one in found["nominees"]] == [
        (True, None, None, 2),
        (False, "aspect-unmarked", "kinerja", 2),
    ]


def test_drawn_members_owe_sheets_and_a_nominee_short_of_scorers_says_so():
    found = listed(picture(ranking=drawn(MEMBER, OTHER)))
    assert {one["member"]: one["due"] for one in found["members"]} == {MEMBER: 1, OTHER: 1}
    assert [(one["scorers"], one["scorers_short"]) for one in found["nominees"]] == [(2, 0), (0, 2)]
    assert found["per_nominee"] == 2


def test_a_drawn_member_who_is_recused_since_leaves_a_gap():
    found = listed(picture(ranking=drawn(MEMBER, OTHER), committee=an_interest(a_committee(MEMBER, OTHER), N1)))
    assert (found["nominees"][0]["scorers"], found["nominees"][0]["scorers_short"]) == (1, 1)


def test_of_the_scorers_only_those_who_are_waited_for_are_counted_as_having_handed_in():
    """The second member has left with a sheet that the rulebook counts: two sheets count, and one of one is in."""
    gone = a_committee(MEMBER, OTHER).remove(Seat(BODY, "ketua-apindo", 2), OTHER)
    handed_in = {(N1, MEMBER): "submitted", (N1, OTHER): "submitted", (N1, CLERK): "submitted"}
    found = listed(picture([line(N1, 1, "80/1")], committee=gone, sheets=handed_in))["nominees"][0]
    assert (found["submitted"], found["scorers"], found["sheets"]) == (1, 1, 2)


def test_who_is_appointed_after_the_draw_and_who_is_replaced_are_counted_by_the_draw():
    """Two were drawn. One is replaced: the successor owes nothing until it is drawn, and the nominee lacks a scorer."""
    successor = an_id("successor")
    committee = a_committee(MEMBER, OTHER).appoint(Seat(BODY, "ketua-apindo", 2), successor)
    found = listed(picture(ranking=drawn(MEMBER, OTHER), committee=committee, sheets={(N1, OTHER): "submitted"}))
    assert {one["member"]: one["due"] for one in found["members"]} == {MEMBER: 1, successor: 0}
    one = found["nominees"][0]
    assert (one["submitted"], one["scorers"], one["scorers_short"]) == (0, 1, 1)
    assert found["unfiled"] == 1


def test_who_is_recused_is_not_counted_though_its_sheet_was_handed_in():
    committee = an_interest(a_committee(MEMBER, OTHER), N1)
    found = listed(picture(committee=committee, sheets={(N1, MEMBER): "submitted"}))["nominees"][0]
    assert (found["submitted"], found["scorers"]) == (0, 1)


def test_what_is_frozen_is_said():
    found = listed(picture(season=season(hold="frozen"), appeals=(an_id("appeal"),)))
    assert found["frozen"] == {"season": "frozen", "appeals": [an_id("appeal")]}


@pytest.mark.parametrize(("ranking", "state"), [(an_open(), "open"), (a_closed(), "closed")])
def test_where_the_stage_stands_is_said(ranking, state):
    assert listed(picture(ranking=ranking))["state"] == state


MEASURING = pinned(measured_aspect(), aspect("kinerja", "1/2"))


def indicators(*said: IndicatorMeasured) -> dict[str, Indicator]:
    return {N1: INDICATOR.fold(happened(indicator_stream(N1), said))}


def test_who_is_unmeasured_is_told_why():
    missing = measured(ratio=None, lack="month-missing", missing_months=("2020-03",))
    lines = (line(N1, reason="unmeasured", lacking="kepatuhan"), line(N2, reason="too-few-sheets"), line(N3, 1, "1/1"))
    found = listed(picture(lines, ranking=an_open(MEASURING), indicators=indicators(missing)))
    lacks = {one["nomination"]: one["unmeasured"] for one in found["nominees"]}
    said = {"aspect": "kepatuhan", "measure": MEASURE}
    assert lacks == {
        N1: [{**said, "lack": "month-missing", "missing_months": ["2020-03"]}],
        N2: [{**said, "lack": "not-measured", "missing_months": []}],
    }


def test_who_has_the_figure_and_lacks_marks_is_not_unmeasured():
    found = listed(picture((line(N1),), ranking=an_open(MEASURING), indicators=indicators(measured())))
    assert [one["unmeasured"] for one in found["nominees"]] == [[], []]


def test_a_stage_of_before_whose_aspect_pinned_no_measure_says_that_nothing_was_measured():
    old = pinned(aspect("kepatuhan", "1/2", "measured"), aspect("kinerja", "1/2"))
    lines = (line(N1, reason="unmeasured", lacking="kepatuhan"),)
    (told,) = listed(picture(lines, ranking=an_open(old), indicators=indicators(measured())))["nominees"][0][
        "unmeasured"
    ]
    assert (told["measure"], told["lack"]) == (None, "not-measured")


def test_a_sealed_stage_tells_what_its_seal_took():
    closed = a_closed(MEASURING)
    sealed = Sealed(
        closed.opened,
        closed.rules,
        closed.closes,
        {},
        an_id("seal"),
        3,
        None,  # type: ignore[arg-type]
        {},
        measured={N1: 1},
    )
    lines = (line(N1, reason="unmeasured", lacking="kepatuhan"),)
    found = listed(picture(lines, ranking=sealed, indicators=indicators(measured(ratio=None), measured())))
    assert [one["lack"] for one in found["nominees"][0]["unmeasured"]] == ["no-facts"]


# --- the cut -------------------------------------------------------------------------------------------------------

TIED = [line(N1, 1, "80/1"), line(N2, 2, "75/1"), line(N3, 2, "75/1")]


def test_a_tie_at_the_cut_names_who_is_tied_and_what_would_break_it():
    cut = listed(picture(TIED, season=season(2)))["cut"]
    assert (cut["tied"], cut["rank"], cut["places_left"], cut["next"]) == (True, 2, 1, "vote")
    assert [one["nomination"] for one in cut["among"]] == [N2, N3]


@pytest.mark.parametrize(
    ("tie_break", "next_"),
    [
        (("aspect", "lot", "vote"), "lot"),
        (("aspect", "vote", "lot"), "vote"),
        (("aspect",), "vote"),
    ],
)
def test_the_first_rule_that_people_must_take_breaks_what_is_left(tie_break, next_):
    assert next_rule(tie_break) == next_


@pytest.mark.parametrize("places", [1, 3, 4])
def test_a_tie_beside_the_cut_is_none_at_it(places):
    assert listed(picture(TIED, season=season(places)))["cut"]["tied"] is False


def test_what_parted_equals_at_the_cut_is_said_without_the_figures():
    tie = orjson.dumps({"rule": "aspect", "aspect": "kinerja", "figure": "81/1"}).decode()
    lines = [line(N1, 1, "80/1", tie=tie), line(N2, 2, "80/1", tie=tie)]
    cut = listed(picture(lines))["cut"]
    assert [(one["nomination"], one["rule"], one["aspect"]) for one in cut["parted_by"]] == [
        (N1, "aspect", "kinerja"),
        (N2, "aspect", "kinerja"),
    ]
    assert "81/1" not in str(cut)


def test_who_scores_learns_nothing_that_follows_from_aggregates():
    found = checklist(picture(TIED, season=season(2)), with_ties=False)
    assert found["cut"] == {"quota": 2, "withheld": True}
    assert "80/1" not in str(found)
    assert "75/1" not in str(listed(picture(TIED, season=season(2))))


def test_the_quota_is_that_of_the_version_that_the_stage_pinned():
    newer = rulebook_content(rulebook(3))
    both = Season(2, "f" * 64, newer, versions={1: rulebook_content(rulebook(2)), 2: newer})
    assert listed(picture(TIED, season=both))["cut"]["quota"] == 2


def test_a_stage_that_only_measures_needs_no_sheets():
    measured = pinned(pinned().aspects[0].model_copy(update={"origin": "measured"}))
    found = listed(picture(ranking=an_open(measured)))
    assert (found["least_sheets"], found["unfiled"]) == (0, 0)
    assert [one["due"] for one in found["members"]] == [0, 0]
