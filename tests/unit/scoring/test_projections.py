"""The read rows: what they show, and that they say what a seal of the same history would say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.canonical import instant
from kernel.decider import Emit, Position, Refusal
from kernel.log import Recorded
from schemas.envelope import Event
from schemas.nomination import (
    AppealDecided,
    ConflictDeclared,
    ConflictLifted,
    DecisionReviewed,
    MemberAppointed,
    MemberRemoved,
    NominationAmended,
    NominationEliminated,
    NominationRejected,
    NominationWithdrawn,
    RankingAnnounced,
    StageAdvanced,
    StageAdvanceWithdrawn,
    StageFrozen,
    StageUnfrozen,
)
from schemas.registry import read_event
from schemas.scoring import (
    AspectScored,
    AspectScoreRevised,
    CorrectionImpactFound,
    PinnedRules,
    RankingSealed,
    RankingSuperseded,
    ScoreSheetSubmitted,
    ScoreSheetVoided,
    ScoringClosed,
    ScoringExtended,
)
from services.scoring.domain.indicator import INDICATOR, indicator_stream
from services.scoring.domain.received import COMMITTEE, NOMINATION, Nomination
from services.scoring.domain.seal import FiledSheet, Inputs, SealRanking, decide_seal
from services.scoring.domain.sheet import SHEET, sheet_stream
from services.scoring.domain.stage import RANKING
from services.scoring.progress import SheetProjection, StageMemberProjection
from services.scoring.projections import RankingProjection
from tests.unit.scoring.given import (
    AFTER,
    AT,
    BODY,
    CLOSES,
    DIGEST,
    MEASURE,
    N1,
    N2,
    N3,
    NATIONAL,
    NOW,
    TERM,
    a_candidate,
    a_season,
    an_id,
    aspect,
    happened,
    mark,
    measured,
    measured_aspect,
    nominated,
    opened,
    pinned,
    weighted,
)

MEMBERS = [an_id(f"member {number}") for number in range(3)]
COLUMNS = RankingProjection.table.columns
GROUP = "2020/75"


class Log:
    """A history in the order it was appended, as the kernel hands it to projections."""

    def __init__(self) -> None:
        self.recorded: list[Recorded] = []
        self.versions: dict[str, int] = {}

    def add(self, stream: str, *events: Event) -> None:
        for event in events:
            version = self.versions[stream] = self.versions.get(stream, 0) + 1
            number = len(self.recorded) + 1
            time = instant(NOW + timedelta(seconds=number))
            document = orjson.dumps({"time": time, "data": event.to_data()}).decode()
            id_ = an_id(f"{stream} {version}")
            self.recorded.append(
                Recorded(Position(1, number, number), stream, version, id_, event.type_name(), True, b"", document)
            )

    def rows(self, group: str = GROUP) -> list[dict[str, Any]]:
        """Return the read rows of a group, the heading of each ranking first."""
        projection = RankingProjection()
        state = projection.initial(group)
        for event in self.recorded:
            if event.type in projection.types and group in projection.groups(event):
                state = projection.fold(state, event, group)
        rows = [dict(zip(COLUMNS, row, strict=True)) for row in projection.rows(group, state)]
        return sorted(rows, key=lambda row: (row["ranking"], row["place"]))


def scored(nomination: str, member: str, code: str, value: str | None) -> AspectScored:
    return AspectScored(nomination=nomination, at=AT, member=member, mark=mark(code, value))


def submitted(nomination: str, member: str, **marks: str | None) -> ScoreSheetSubmitted:
    return ScoreSheetSubmitted(
        nomination=nomination,
        at=AT,
        body=BODY,
        office="ketua-apindo",
        member=member,
        marks=tuple(mark(code, value) for code, value in marks.items()),
        rulebook_version=1,
    )


def appointed(seat: int, person: str, **also: str) -> MemberAppointed:
    return MemberAppointed(
        season="2020", province="75", body=BODY, office="ketua-apindo", seat=seat, person=person, **also
    )


def removed(seat: int, person: str) -> MemberRemoved:
    return MemberRemoved(
        season="2020", province="75", body=BODY, office="ketua-apindo", seat=seat, person=person, reason_digest=DIGEST
    )


def conflict(person: str, nomination: str | None) -> ConflictDeclared:
    return ConflictDeclared(
        season="2020",
        province="75",
        body=BODY,
        person=person,
        category="KABKOTA",
        nomination=nomination,
        kind="other",
        reason_digest=DIGEST,
    )


def lifted(person: str, nomination: str | None) -> ConflictLifted:
    return ConflictLifted(**conflict(person, nomination).model_dump(exclude={"kind"}))


def advanced(nomination: str) -> StageAdvanced:
    return StageAdvanced(
        nomination=nomination, left=AT, reached=NATIONAL, rank=1, plenary=an_id("p"), motion=1, seal=an_id("s")
    )


def returned(nomination: str) -> StageAdvanceWithdrawn:
    return StageAdvanceWithdrawn(
        nomination=nomination,
        left=NATIONAL,
        returned=AT,
        appeal=an_id("appeal"),
        plenary=an_id("p"),
        motion=2,
        seal=an_id("s"),
    )


def begun(rules: PinnedRules | None = None) -> Log:
    log = Log()
    log.add("committee/2020/75", *(appointed(seat, person) for seat, person in enumerate(MEMBERS, start=1)))
    for id_, code in ((N1, "75.03"), (N2, "75.71")):
        log.add(f"nomination/{id_}", nominated(id_, code))
    log.add(AT.ranking, opened(rules))
    return log


def file(log: Log, nomination: str, member: str, **marks: str | None) -> None:
    stream = sheet_stream(nomination, AT, member)
    log.add(stream, *(scored(nomination, member, code, value) for code, value in marks.items()))
    log.add(stream, submitted(nomination, member, **marks))


def table(rows: Iterable[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    return [
        (row["nomination"], row["rank"], row["total"], row["reason"], row["status"]) for row in rows if row["place"]
    ]


# --- rankings ------------------------------------------------------------------------------------------------------


def test_only_submitted_sheets_count_and_provisional_standings_say_so():
    log = begun()
    file(log, N1, MEMBERS[0], kebijakan="80", kinerja="70")
    log.add(sheet_stream(N2, AT, MEMBERS[0]), scored(N2, MEMBERS[0], "kebijakan", "100"))
    assert table(log.rows()) == [
        (N1, 1, "75/1", None, "provisional"),
        (N2, None, None, "too-few-sheets", "provisional"),
    ]
    heading = orjson.loads(log.rows()[0]["heading"])
    assert (heading["state"], heading["rulebook_version"]) == ("open", 1)


def test_there_is_no_row_before_the_stage_opens():
    log = Log()
    log.add(f"nomination/{N1}", nominated())
    assert log.rows() == []


def test_a_seal_fixes_the_rows_whatever_comes_later():
    log = begun()
    file(log, N1, MEMBERS[0], kebijakan="80", kinerja="70")
    log.add(AT.ranking, ScoringClosed(at=AT))
    log.add(AT.ranking, seal_of(log))
    sealed = log.rows()
    log.add("committee/2020/75", conflict(MEMBERS[0], N1))
    log.add(f"nomination/{N2}", NominationWithdrawn(nomination=N2, at=AT, reason_digest=DIGEST))
    assert log.rows() == sealed
    assert {row["status"] for row in sealed} == {"sealed"}
    assert sealed[0]["seal"] == log.recorded[-3].id


def test_a_superseding_seal_takes_its_place():
    log = begun()
    file(log, N1, MEMBERS[0], kebijakan="80", kinerja="70")
    log.add(AT.ranking, ScoringClosed(at=AT))
    log.add(AT.ranking, seal_of(log))
    first = log.rows()[0]["seal"]
    log.add("committee/2020/75", conflict(MEMBERS[0], N1))
    again = seal_of(log)
    log.add(AT.ranking, RankingSuperseded(at=AT, seal=first, order=an_id("order")), again)
    assert [row[3] for row in table(log.rows())] == ["too-few-sheets", "too-few-sheets"]
    assert log.rows()[0]["seal"] == log.recorded[-1].id != first


def test_an_announcement_shows_only_on_the_seal_it_is_of():
    log = begun()
    log.add(AT.ranking, ScoringClosed(at=AT))
    log.add(AT.ranking, seal_of(log))
    seal, digest = log.recorded[-1].id, log.rows()[0]["digest"]
    log.add(
        AT.award,
        RankingAnnounced(at=AT, plenary=an_id("p"), motion=1, seal=an_id("other"), digest=digest, lines=()),
    )
    assert log.rows()[0]["announced"] is None
    log.add(AT.award, RankingAnnounced(at=AT, plenary=an_id("p"), motion=1, seal=seal, digest=digest, lines=()))
    assert log.rows()[0]["announced"] is not None


def at_the_nation() -> Log:
    """Return a history in which a nominee comes to a national stage with a figure that its province sealed."""
    carried = {"tier": "provincial", "stage": "seleksi", "aspect": "kinerja"}
    rules = pinned(aspect("kinerja", "1/2", "carried", carried=carried), aspect("wawancara", "1/2"))
    log = begun()
    file(log, N1, MEMBERS[0], kebijakan="80", kinerja="70")
    log.add(AT.ranking, ScoringClosed(at=AT))
    log.add(AT.ranking, seal_of(log))
    log.add(
        f"nomination/{N1}",
        StageAdvanced(nomination=N1, left=AT, reached=NATIONAL, rank=1, plenary=an_id("p"), motion=1, seal=an_id("s")),
    )
    log.add(NATIONAL.ranking, opened(rules, NATIONAL))
    log.add("committee/2020/00", appointed(1, MEMBERS[0]).model_copy(update={"province": "00"}))
    stream = sheet_stream(N1, NATIONAL, MEMBERS[0])
    log.add(stream, submitted(N1, MEMBERS[0], wawancara="90").model_copy(update={"at": NATIONAL}))
    return log


def test_what_a_province_sealed_is_carried_to_the_nation():
    rows = at_the_nation().rows("2020/00")
    assert table(rows) == [(N1, 1, "80/1", None, "provisional")]
    assert rows[1]["name"] == "Kabupaten Bone Bolango"


@given(st.permutations(["award", "award", "one", "two"]))
def test_the_last_verdict_counts_in_whatever_order_streams_arrive_once_its_figures_are_here(order):
    """Each stream keeps its order, the award's that of the verdicts; between streams nothing does."""
    log = at_the_nation()
    verdicts = {appeal: verdict(appeal, value) for appeal, value in (("one", "50/1"), ("two", "60/1"))}
    totals = {None: "80/1", "one": "70/1", "two": "75/1"}
    reviews, arrived = iter(verdicts.items()), set()
    last = counted = None
    for stream in order:
        if stream == "award":
            last, (_, reviewed) = next(reviews)
            log.add(AT.award, reviewed)
        else:
            log.add(f"appeal/{an_id(stream)}", verdicts[stream][0])
            arrived.add(stream)
        counted = last if last in arrived else counted
        assert table(log.rows("2020/00")) == [(N1, 1, totals[counted], None, "provisional")]
    assert counted == "two"


def verdict(appeal: str, value: str) -> tuple[AppealDecided, DecisionReviewed]:
    """Return the two events by which an upheld appeal sets a figure of the first nominee."""
    said = {"appeal": an_id(appeal), "at": AT, "seal": an_id("seal")}
    row = {"nomination": N1, "candidate": "75.03", "rank": 1, "total": value, "shown": "0"}
    figures = [{"aspect": "kinerja", "value": value}]
    decided = {
        **said,
        "nomination": N1,
        "plenary": an_id("p"),
        "motion": 1,
        "verdict": {"outcome": "upheld", "figures": figures},
        "before": DIGEST,
        "standings": [{**row, "aspects": [{**figures[0], "sheets": 0}]}],
    }
    reviewed = {**said, "outcome": "upheld", "digest": DIGEST}
    return AppealDecided.model_validate(decided), DecisionReviewed.model_validate(reviewed)


# --- measured figures ----------------------------------------------------------------------------------------------


def measuring() -> Log:
    """Return a stage with a measured aspect at which two were marked alike."""
    log = begun(pinned(measured_aspect(), aspect("kinerja", "1/2")))
    for id_ in (N1, N2):
        file(log, id_, MEMBERS[0], kinerja="70")
    return log


def test_a_measured_figure_shows_live_and_goes_when_the_nominee_is_unmeasured():
    log = measuring()
    assert [row[3] for row in table(log.rows())] == ["unmeasured", "unmeasured"]
    log.add(indicator_stream(N2), measured(N2, "1/2"))
    assert table(log.rows())[0] == (N2, 1, "60/1", None, "provisional")
    assert orjson.loads(log.rows()[1]["aspects"])[0] == {"aspect": "kepatuhan", "value": "50/1", "sheets": 0}
    log.add(indicator_stream(N1), measured(N1, "1/1"))
    assert [row[:3] for row in table(log.rows())] == [(N1, 1, "85/1"), (N2, 2, "60/1")]
    log.add(indicator_stream(N1), measured(N1, None))
    assert [row[:3] for row in table(log.rows())] == [(N2, 1, "60/1"), (N1, None, None)]
    assert log.rows()[2]["lacking"] == "kepatuhan"


def test_what_was_measured_before_the_stage_opened_counts_and_another_wording_does_not():
    log = Log()
    log.add(f"nomination/{N1}", nominated(N1))
    log.add(indicator_stream(N1), measured(N1, "1/2"), measured(N1, "1/1", definition="f" * 64))
    log.add(AT.ranking, opened(pinned(measured_aspect(share="1/1"))))
    assert table(log.rows()) == [(N1, 1, "50/1", None, "provisional")]


def test_the_heading_says_by_which_measure_an_aspect_is_measured():
    assert [(one["aspect"], one["origin"], one["measure"]) for one in heading(measuring())["aspects"]] == [
        ("kepatuhan", "measured", MEASURE),
        ("kinerja", "judged", None),
    ]


def test_a_measurement_reaches_the_nation_where_its_nominee_stands():
    log = begun(pinned(measured_aspect(), aspect("kinerja", "1/2")))
    log.add(f"nomination/{N1}", advanced(N1))
    log.add(NATIONAL.ranking, opened(pinned(measured_aspect(share="1/1")), NATIONAL))
    log.add(indicator_stream(N1), measured(N1, "3/4"))
    assert table(log.rows("2020/00")) == [(N1, 1, "75/1", None, "provisional")]
    assert RankingProjection().groups(log.recorded[-1]) == ("2020/75", "2020/00")


def test_a_measurement_costs_no_ranking_anything_that_does_not_take_it():
    """What is not on the nominee's way, takes another wording, or is sealed keeps its rows as they are."""
    log, projection = measuring(), RankingProjection()
    log.add(AT.ranking, ScoringClosed(at=AT), seal_of(log))
    log.add(indicator_stream(N1), measured(N1, "3/4"))
    for name in (GROUP, "2020/00"):
        state = projection.initial(name)
        kept: list[Any] = []
        for event in log.recorded:
            if event.type in projection.types and name in projection.groups(event):
                kept = list(projection.rows(name, state))
                state = projection.fold(state, event, name)
        assert all(one is other for one, other in zip(kept, projection.rows(name, state), strict=True))


def test_what_facts_after_the_seal_would_have_changed_stands_beside_it_until_it_is_sealed_anew():
    log = measuring()
    log.add(indicator_stream(N1), measured(N1, "1/2"))
    log.add(AT.ranking, ScoringClosed(at=AT), seal_of(log))
    sealed = log.rows()
    assert heading(log)["corrections"] == []
    told = {
        "at": AT,
        "seal": sealed[0]["seal"],
        "nomination": N1,
        "measure": MEASURE,
        "indicator": {"stream": indicator_stream(N1), "version": 2},
        "before": "1/2",
        "after": "1/1",
        "moves": [{"nomination": N1, "rank_before": 1, "rank_after": 1, "total_before": "60/1", "total_after": "85/1"}],
    }
    log.add(AT.ranking, CorrectionImpactFound.model_validate(told))
    (found,) = heading(log)["corrections"]
    assert (found["nomination"], found["measure"], found["before"], found["after"]) == (N1, MEASURE, "1/2", "1/1")
    assert found["moves"] == told["moves"]
    assert log.rows()[1:] == sealed[1:]
    log.add(AT.ranking, CorrectionImpactFound.model_validate({**told, "after": "1/2", "moves": ()}))
    assert heading(log)["corrections"] == []
    log.add(AT.ranking, CorrectionImpactFound.model_validate(told))
    log.add(AT.ranking, RankingSuperseded(at=AT, seal=sealed[0]["seal"], order=an_id("order")), seal_of(log))
    assert heading(log)["corrections"] == []
    log.add(AT.ranking, CorrectionImpactFound.model_validate(told))
    assert heading(log)["corrections"] == [], "it is about the seal of before"


# --- extensions, freezes, and ways that turn back ------------------------------------------------------------------


def heading(log: Log, group: str = GROUP) -> dict[str, Any]:
    said: dict[str, Any] = orjson.loads(log.rows(group)[0]["heading"])
    return said


def test_an_extension_moves_the_deadline_that_is_shown_and_stays_in_the_record():
    log = begun()
    until = CLOSES + timedelta(days=1)
    log.add(AT.ranking, ScoringExtended(at=AT, previous=CLOSES, until=until, reason_digest=DIGEST))
    assert heading(log)["closes"] == instant(until)
    assert [(one["previous"], one["until"]) for one in heading(log)["extensions"]] == [
        (instant(CLOSES), instant(until))
    ]


def test_a_freeze_is_shown_on_the_stages_it_holds_until_its_appeal_is_decided():
    log = begun()
    log.add(NATIONAL.ranking, opened(at=NATIONAL))
    held: dict[str, Any] = {"at": AT, "stages": (NATIONAL,), "appeal": an_id("appeal")}
    log.add(AT.award, StageFrozen(**held))
    assert heading(log, "2020/00")["frozen_by"] == [an_id("appeal")]
    assert heading(log)["frozen_by"] == []
    log.add(AT.award, StageUnfrozen(**held))
    assert heading(log, "2020/00")["frozen_by"] == []


def national(log: Log) -> list[str]:
    return [row["nomination"] for row in log.rows("2020/00") if row["place"]]


def test_a_withdrawn_advance_leaves_the_later_ranking_and_a_new_one_brings_it_back_with_its_marks():
    log = begun()
    log.add(NATIONAL.ranking, opened(at=NATIONAL))
    log.add("committee/2020/00", appointed(1, MEMBERS[0]).model_copy(update={"province": "00"}))
    log.add(f"nomination/{N1}", advanced(N1))
    stream = sheet_stream(N1, NATIONAL, MEMBERS[0])
    marks = {"kebijakan": "80", "kinerja": "70"}
    log.add(stream, submitted(N1, MEMBERS[0], **marks).model_copy(update={"at": NATIONAL}))
    before = log.rows("2020/00")
    assert table(before) == [(N1, 1, "75/1", None, "provisional")]
    log.add(f"nomination/{N1}", returned(N1))
    assert national(log) == []
    assert N1 not in [row["nomination"] for row in log.rows()]
    log.add(f"nomination/{N1}", advanced(N1))
    assert table(log.rows("2020/00")) == table(before)
    assert N1 in [row["nomination"] for row in log.rows()]


def test_who_is_rejected_is_out_of_every_ranking_of_the_place():
    log = begun()
    interview = NATIONAL.model_copy(update={"stage": "wawancara"})
    for at in (NATIONAL, interview):
        log.add(at.ranking, opened(at=at))
    log.add(f"nomination/{N1}", advanced(N1))
    log.add(f"nomination/{N1}", advanced(N1).model_copy(update={"left": NATIONAL, "reached": interview}))
    assert national(log) == [N1, N1]
    rejected = NominationRejected(
        nomination=N1, at=interview, verifier=MEMBERS[0], office="verifikator", reason_digest=DIGEST
    )
    log.add(f"nomination/{N1}", rejected)
    assert national(log) == []


def test_whom_a_member_belongs_to_by_another_body_counts_here_too():
    log = begun(pinned(own_government="refused"))
    file(log, N1, MEMBERS[0], kebijakan="80", kinerja="70")
    other = appointed(1, MEMBERS[0], government="75.03").model_copy(update={"body": "tim-verifikasi"})
    log.add("committee/2020/75", other)
    assert [row[3] for row in table(log.rows())] == ["too-few-sheets", "too-few-sheets"]


def test_a_sample_mark_makes_a_row_a_sample():
    log = begun()
    stream = sheet_stream(N1, AT, MEMBERS[0])
    marks = {"kebijakan": "80", "kinerja": "70"}
    log.add(stream, submitted(N1, MEMBERS[0], **marks).model_copy(update={"sample": True}))
    assert [row["sample"] for row in log.rows()] == [True, True, False]


# --- the same as a seal --------------------------------------------------------------------------------------------


def states_of(log: Log) -> dict[str, list[Any]]:
    """Return every stream's history as models."""
    streams: dict[str, list[Any]] = {}
    for event in log.recorded:
        streams.setdefault(event.stream, []).append(read_event(event.type, event.data))
    return streams


def seal_of(log: Log) -> RankingSealed:
    """Return the seal that the domain would make of a history."""
    streams = states_of(log)
    ranking = RANKING.fold(happened(AT.ranking, [*streams[AT.ranking][:1], ScoringClosed(at=AT)]))
    nominations: list[Nomination] = []
    for stream, events in streams.items():
        if stream.startswith("nomination/"):
            times = [one for one in log.recorded if one.stream == stream]
            history = [
                one._replace(time=recorded.time) for one, recorded in zip(happened(stream, events), times, strict=True)
            ]
            state = NOMINATION.fold(history)
            assert isinstance(state, Nomination)
            nominations.append(state)
    sheets = [
        FiledSheet(
            stream, len(events), stream.split("/")[1], stream.split("/")[3], SHEET.fold(happened(stream, events))
        )
        for stream, events in streams.items()
        if stream.startswith("sheet/")
    ]
    committee = COMMITTEE.fold(happened("committee/2020/75", streams["committee/2020/75"])).form(BODY, TERM)
    indicators = {
        one.id: INDICATOR.fold(happened(stream, streams.get(stream, ())))
        for one in nominations
        for stream in [indicator_stream(one.id)]
    }
    inputs = Inputs(
        ranking, committee, nominations, sheets, dict(log.versions), indicators=indicators, season=a_season()
    )
    decision = decide_seal(inputs, SealRanking(AT, an_id("clerk"), AFTER))
    assert not isinstance(decision, Refusal)
    emit: Emit = decision[0]
    assert isinstance(emit.event, RankingSealed)
    return emit.event


NOMINEES = [N1, N2, N3]
MEASURED = measured_aspect(share="1/4", least="10")
halves = st.integers(0, 20).map(lambda half: str(half / 2))
steps = st.lists(
    st.one_of(
        st.tuples(st.just("file"), st.sampled_from(NOMINEES), st.sampled_from(MEMBERS), halves, halves),
        st.tuples(st.just("draft"), st.sampled_from(NOMINEES), st.sampled_from(MEMBERS), halves),
        st.tuples(st.just("revise"), st.sampled_from(NOMINEES), st.sampled_from(MEMBERS), halves),
        st.tuples(st.just("void"), st.sampled_from(NOMINEES), st.sampled_from(MEMBERS)),
        st.tuples(st.just("conflict"), st.sampled_from(MEMBERS), st.sampled_from([*NOMINEES, None])),
        st.tuples(st.just("remove"), st.sampled_from([1, 2, 3])),
        st.tuples(st.just("lift"), st.sampled_from(MEMBERS), st.sampled_from([*NOMINEES, None])),
        st.tuples(st.just("appoint"), st.sampled_from([1, 2, 3]), st.sampled_from([None, "75.03", "75.71", "75"])),
        st.tuples(st.just("reject"), st.sampled_from(NOMINEES)),
        st.tuples(st.just("advance"), st.sampled_from(NOMINEES)),
        st.tuples(st.just("return"), st.sampled_from(NOMINEES)),
        st.tuples(st.just("withdraw"), st.sampled_from(NOMINEES)),
        st.tuples(st.just("eliminate"), st.sampled_from(NOMINEES)),
        st.tuples(st.just("measure"), st.sampled_from(NOMINEES), st.sampled_from([None, "1/3", "1/2", "1/1"])),
    ),
    max_size=25,
)
thirds = weighted(kebijakan=1, kinerja=2)
rules_st = st.builds(
    lambda measures, **changed: pinned(
        *(thirds if not measures else (aspect("kebijakan", "1/2"), aspect("kinerja", "1/4"), MEASURED)), **changed
    ),
    st.booleans(),
    marks_of_removed=st.sampled_from(["counted", "kept-uncounted"]),
    conflict_scope=st.sampled_from(["candidate", "category"]),
    method=st.sampled_from(["mean", "median"]),
    own_government=st.sampled_from([None, "refused", "flagged"]),
)


def play(log: Log, step: Sequence[Any]) -> None:
    """Append what a step says, where the domain would have let it pass."""
    if step[0] in ("file", "draft", "revise", "void"):
        play_on_sheet(log, step)
    else:
        play_beside(log, step)


def play_on_sheet(log: Log, step: Sequence[Any]) -> None:
    match step:
        case ("file", nomination, member, one, two):
            if _status(log, nomination, member) != "submitted":
                file(log, nomination, member, kebijakan=one, kinerja=two)
        case ("draft", nomination, member, one):
            if _status(log, nomination, member) != "submitted":
                log.add(sheet_stream(nomination, AT, member), scored(nomination, member, "kebijakan", one))
        case ("revise", nomination, member, one):
            if _status(log, nomination, member) in ("draft", "submitted"):
                revised = AspectScoreRevised(
                    nomination=nomination,
                    at=AT,
                    member=member,
                    mark=mark("kebijakan", one),
                    previous=mark("kebijakan", None),
                    reason_digest=DIGEST,
                )
                log.add(sheet_stream(nomination, AT, member), revised)
        case ("void", nomination, member):
            if _status(log, nomination, member) in ("draft", "submitted"):
                voided = ScoreSheetVoided(nomination=nomination, at=AT, member=member, reason_digest=DIGEST)
                log.add(sheet_stream(nomination, AT, member), voided)
        case _:
            raise AssertionError(step)


def play_beside(log: Log, step: Sequence[Any]) -> None:
    match step:
        case ("conflict", member, nomination):
            log.add("committee/2020/75", conflict(member, nomination))
        case ("remove", seat):
            log.add("committee/2020/75", removed(seat, MEMBERS[seat - 1]))
        case ("lift", member, nomination):
            log.add("committee/2020/75", lifted(member, nomination))
        case ("appoint", seat, government):
            also = {"government": government} if government else {}
            log.add("committee/2020/75", appointed(seat, MEMBERS[seat - 1], **also))
        case (("reject" | "advance" | "return") as what, nomination):
            play_on_the_way(log, what, nomination)
        case ("withdraw", nomination):
            log.add(f"nomination/{nomination}", NominationWithdrawn(nomination=nomination, at=AT, reason_digest=DIGEST))
        case ("eliminate", nomination):
            eliminated = NominationEliminated(
                nomination=nomination, at=AT, reason="below-quota", plenary=an_id("p"), motion=1, seal=an_id("s")
            )
            log.add(f"nomination/{nomination}", eliminated)
        case ("measure", nomination, ratio):
            log.add(indicator_stream(nomination), measured(nomination, ratio))
        case _:
            raise AssertionError(step)


def play_on_the_way(log: Log, what: str, nomination: str) -> None:
    stream = f"nomination/{nomination}"
    state = NOMINATION.fold(happened(stream, states_of(log).get(stream, ())))
    assert isinstance(state, Nomination)
    if what == "reject":
        rejected = NominationRejected(
            nomination=nomination, at=state.now_at, verifier=MEMBERS[0], office="verifikator", reason_digest=DIGEST
        )
        log.add(stream, *([rejected] if state.now_at == AT else []))
    elif what == "advance" and state.now_at == AT:
        log.add(stream, advanced(nomination))
    elif what == "return" and state.now_at == NATIONAL:
        log.add(stream, returned(nomination))


def _status(log: Log, nomination: str, member: str) -> str:
    stream = sheet_stream(nomination, AT, member)
    return SHEET.fold(happened(stream, states_of(log).get(stream, ()))).status


@settings(max_examples=80)
@given(rules_st, steps)
def test_provisional_rows_say_what_a_seal_of_the_same_history_says(rules, played):
    log = begun(rules)
    log.add(f"nomination/{N3}", nominated(N3, "75.01"))
    for step in played:
        play(log, step)
    seal = seal_of(log)
    rows = [row for row in log.rows() if row["place"]]
    assert [
        (row["nomination"], row["rank"], row["shared"], row["total"], row["shown"], orjson.loads(row["aspects"]))
        for row in rows
        if row["rank"] is not None
    ] == [
        (
            one.nomination, one.rank, one.shared, one.total, one.shown,
            [each.model_dump(mode="json") for each in one.aspects],
        )
        for one in seal.standings
    ]  # fmt: skip
    ties = [orjson.loads(row["tie"]) if row["tie"] else None for row in rows if row["rank"] is not None]
    assert ties == [one.tie.model_dump(mode="json", exclude_none=True) if one.tie else None for one in seal.standings]
    assert [
        (row["nomination"], row["reason"], row["sheets"], orjson.loads(row["aspects"]))
        for row in rows
        if row["rank"] is None
    ] == [
        (one.nomination, one.reason, one.sheets, [each.model_dump(mode="json") for each in one.aspects or ()])
        for one in seal.unrankable
    ]
    assert sorted(
        (row["nomination"], one["member"], one["reason"], one["flagged"])
        for row in rows
        for one in orjson.loads(row["recusals"])
    ) == sorted((one.nomination, one.member, one.reason, one.flagged) for one in seal.recusals or ())
    log.add(AT.ranking, ScoringClosed(at=AT), seal)
    assert [_figures(row) for row in log.rows() if row["place"]] == [_figures(row) for row in rows]


def _figures(row: Mapping[str, Any]) -> list[Any]:
    """Return what a row says of its nominee, sealed or not."""
    names = ("nomination", "place", "rank", "shared", "total", "shown", "aspects", "tie", "reason", "lacking", "sample")
    return [*(row[name] for name in names), sorted(orjson.loads(row["recusals"]), key=str)]


@settings(max_examples=40)
@given(rules_st, steps)
def test_rows_asked_for_after_every_event_end_as_rows_asked_for_once(rules, played):
    log = begun(rules)
    for step in played:
        if N3 not in step:
            play(log, step)
    projection = RankingProjection()
    state = projection.initial(GROUP)
    kept: list[Any] = []
    for event in log.recorded:
        if event.type in projection.types and GROUP in projection.groups(event):
            state = projection.fold(state, event, GROUP)
            kept = list(projection.rows(GROUP, state))
    assert (
        sorted((dict(zip(COLUMNS, row, strict=True)) for row in kept), key=lambda row: int(row["place"])) == log.rows()
    )


# --- sheets and stage members --------------------------------------------------------------------------------------


def folded(projection: Any, log: Log, stream: str) -> list[dict[str, Any]]:
    state = projection.initial(stream)
    for event in log.recorded:
        if event.type in projection.types and stream in projection.groups(event):
            state = projection.fold(state, event, stream)
    return [dict(zip(projection.table.columns, row, strict=True)) for row in projection.rows(stream, state)]


def test_the_progress_of_a_sheet_shows_how_many_marks_and_none_of_them():
    log, stream = begun(), sheet_stream(N1, AT, MEMBERS[0])
    assert folded(SheetProjection(), log, stream) == []
    log.add(stream, scored(N1, MEMBERS[0], "kebijakan", "87.5"))
    (row,) = folded(SheetProjection(), log, stream)
    assert (row["status"], row["filed"], row["member"], row["ranking"]) == ("draft", 1, MEMBERS[0], AT.ranking)
    assert "87.5" not in str(row)
    log.add(stream, submitted(N1, MEMBERS[0], kebijakan="87.5"))
    assert folded(SheetProjection(), log, stream)[0]["status"] == "submitted"
    log.add(stream, ScoreSheetVoided(nomination=N1, at=AT, member=MEMBERS[0], reason_digest=DIGEST))
    assert folded(SheetProjection(), log, stream)[0]["status"] == "voided"
    log.add(stream, scored(N1, MEMBERS[0], "kinerja", "1"))
    (row,) = folded(SheetProjection(), log, stream)
    assert (row["status"], row["filed"]) == ("draft", 1)


def test_stage_members_are_where_they_are_and_were_where_they_were():
    log, stream = begun(), f"nomination/{N1}"
    log.add(
        stream,
        StageAdvanced(nomination=N1, left=AT, reached=NATIONAL, rank=1, plenary=an_id("p"), motion=1, seal=an_id("s")),
    )
    assert [(row["id"], row["here"]) for row in folded(StageMemberProjection(), log, stream)] == [
        (AT.ranking, False),
        (NATIONAL.ranking, True),
    ]
    log.add(stream, NominationWithdrawn(nomination=N1, at=NATIONAL, reason_digest=DIGEST))
    assert {row["standing"] for row in folded(StageMemberProjection(), log, stream)} == {"withdrawn"}


def test_a_stage_member_has_its_amended_name_and_what_an_appeal_took_back_stays_listed():
    log, stream = begun(), f"nomination/{N1}"
    amended = NominationAmended(
        nomination=N1, candidate=a_candidate(name="Bone Bolango"), contact=an_id("contact"), reason_digest=DIGEST
    )
    log.add(stream, advanced(N1), amended, returned(N1))
    rows = folded(StageMemberProjection(), log, stream)
    assert [(row["id"], row["here"], row["standing"], row["name"], row["kind"]) for row in rows] == [
        (AT.ranking, True, "eliminated", "Bone Bolango", "regency"),
        (NATIONAL.ranking, False, "eliminated", "Bone Bolango", "regency"),
    ]
    log.add(stream, advanced(N1))
    assert [(row["id"], row["here"], row["standing"]) for row in folded(StageMemberProjection(), log, stream)] == [
        (AT.ranking, False, "competing"),
        (NATIONAL.ranking, True, "competing"),
    ]


def test_who_is_rejected_is_nobodys_to_score():
    log, stream = begun(), f"nomination/{N1}"
    log.add(
        stream,
        NominationRejected(nomination=N1, at=AT, verifier=MEMBERS[0], office="verifikator", reason_digest=DIGEST),
    )
    assert [row["standing"] for row in folded(StageMemberProjection(), log, stream)] == ["rejected"]
