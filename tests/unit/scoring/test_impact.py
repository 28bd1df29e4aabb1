"""Given a sealed stage and facts that came later; then what they would have changed is told once, and nothing moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kernel.commands import Program
from kernel.decider import Aggregate, Decision, Happened, Refusal
from schemas.envelope import Event, StreamPoint
from schemas.nomination import (
    NominationEliminated,
    NominationWithdrawn,
    RulebookPublished,
    StageAdvanced,
    WinnerDeclared,
    WinnerWithdrawn,
)
from schemas.rulebook import rulebook_content, rulebook_hash
from schemas.scoring import (
    CorrectionImpactFound,
    RankingSealed,
    RankingSuperseded,
    ScoreSheetSubmitted,
    ScoringClosed,
)
from services.scoring.domain.indicator import INDICATOR, indicator_stream
from services.scoring.domain.received import AWARD, NOMINATION, Nomination
from services.scoring.domain.seal import FiledSheet, Inputs, SealRanking, decide_seal
from services.scoring.domain.sheet import SHEET, sheet_stream
from services.scoring.domain.stage import RANKING, Sealed
from services.scoring.programs import after_measurement, after_seal
from services.scoring.reactions import FindCorrectionImpacts
from tests.unit.scoring.given import (
    AFTER,
    AT,
    BODY,
    DIGEST,
    MEMBER,
    N1,
    N2,
    N3,
    NATIONAL,
    a_committee,
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
)
from tests.unit.scoring.test_checklist import rulebook

CODES = {N1: "75.03", N2: "75.71", N3: "75.01"}
MEASURING = pinned(measured_aspect(), aspect("kinerja", "1/2"))


class Streams:
    """Scoring's log in memory: streams of events, and the loads of a program that were guarded."""

    def __init__(self) -> None:
        self.happened: dict[str, list[Happened]] = {}
        self.guarded: set[str] = set()

    def add(self, stream: str, *events: Event) -> None:
        told = [*(one.event for one in self.happened.get(stream, ())), *events]
        self.happened[stream] = happened(stream, told)

    async def load(self, aggregate: Aggregate[Any], stream: str, *, guard: bool = True) -> Any:
        if guard:
            self.guarded.add(stream)
        return aggregate.fold(self.happened.get(stream, ()))

    def version(self, stream: str) -> int:
        return len(self.happened.get(stream, ()))

    def decide(self, program: Program) -> Decision:
        work = program(self)
        try:
            work.send(None)  # type: ignore[attr-defined]
        except StopIteration as done:
            found: Decision = done.value
            return found
        raise AssertionError("a program in memory has nothing to wait for")

    def react(self, stream: str) -> list[CorrectionImpactFound]:
        """Let the reaction take a stream's last event; append what it says and return it."""
        told: list[CorrectionImpactFound] = []
        for demand in FindCorrectionImpacts().demands(self.happened[stream][-1]):
            decision = self.decide(demand.program)
            assert not isinstance(decision, Refusal)
            for emit in decision:
                self.add(emit.stream, emit.event)
                assert isinstance(emit.event, CorrectionImpactFound)
                assert emit.stream == emit.event.at.ranking
                told.append(emit.event)
        return told

    def measure(self, nomination: str, ratio: str | None, **changed: Any) -> list[CorrectionImpactFound]:
        """Measure a nominee, and let the reaction take it."""
        self.add(indicator_stream(nomination), measured(nomination, ratio, **changed))
        return self.react(indicator_stream(nomination))

    def seal(self) -> RankingSealed:
        """Seal the stage from what is here, and return what the seal says."""
        ways = [self.fold(NOMINATION, f"nomination/{one}") for one in CODES]
        sheets = [
            FiledSheet(stream, 1, stream.split("/")[1], MEMBER, self.fold(SHEET, stream))
            for stream in self.happened
            if stream.startswith("sheet/")
        ]
        inputs = Inputs(
            ranking=self.fold(RANKING, AT.ranking),
            committee=a_committee(MEMBER),
            nominations=[one for one in ways if isinstance(one, Nomination)],
            sheets=sheets,
            versions={},
            indicators={one: self.fold(INDICATOR, indicator_stream(one)) for one in CODES},
            season=a_season(),
            awards=(self.fold(AWARD, AT.award),),
        )
        decision = decide_seal(inputs, SealRanking(AT, an_id("clerk"), AFTER))
        assert not isinstance(decision, Refusal), decision
        self.add(AT.ranking, *(emit.event for emit in decision))
        sealed = decision[-1].event
        assert isinstance(sealed, RankingSealed)
        return sealed

    def fold(self, aggregate: Aggregate[Any], stream: str) -> Any:
        return aggregate.fold(self.happened.get(stream, ()))


def file(streams: Streams, nomination: str, **marks: str) -> None:
    submitted = ScoreSheetSubmitted(
        nomination=nomination,
        at=AT,
        body=BODY,
        office="ketua-apindo",
        member=MEMBER,
        marks=tuple(mark(code, value) for code, value in marks.items()),
        rulebook_version=1,
    )
    streams.add(sheet_stream(nomination, AT, MEMBER), submitted)


def sealed(ratios: Mapping[str, str | None] | None = None, marks: str = "70", places: int = 1) -> Streams:
    """Return a sealed stage of three who were marked alike, so that what was measured orders them: N1, N2, N3."""
    streams, rules = Streams(), rulebook(places)
    published = {"season": "2020", "version": 1, "hash": rulebook_hash(rules), "content": rulebook_content(rules)}
    streams.add("season/2020", RulebookPublished.model_validate(published))
    for id_, code in CODES.items():
        streams.add(f"nomination/{id_}", nominated(id_, code))
        file(streams, id_, kinerja=marks)
    for id_, ratio in (ratios or {N1: "3/4", N2: "1/2", N3: "1/4"}).items():
        streams.add(indicator_stream(id_), measured(id_, ratio))
    streams.add(AT.ranking, opened(MEASURING), ScoringClosed(at=AT))
    streams.seal()
    return streams


def decided(streams: Streams, advancing: Sequence[str]) -> None:
    """Let these advance and eliminate the others."""
    seal = streams.happened[AT.ranking][-1].id
    for rank, id_ in enumerate(CODES, start=1):
        which = {"nomination": id_, "plenary": an_id("p"), "motion": 1, "seal": seal}
        if id_ in advancing:
            streams.add(f"nomination/{id_}", StageAdvanced(left=AT, reached=NATIONAL, rank=rank, **which))
        else:
            streams.add(f"nomination/{id_}", NominationEliminated(at=AT, reason="below-quota", **which))


def moves(told: CorrectionImpactFound) -> list[tuple[Any, ...]]:
    return [(one.nomination, one.rank_before, one.rank_after, one.total_before, one.total_after) for one in told.moves]


# --- what is told --------------------------------------------------------------------------------------------------


def test_another_ratio_after_the_seal_tells_who_would_move_and_by_how_much():
    streams = sealed()
    seal = streams.happened[AT.ranking][-1]
    (told,) = streams.measure(N2, "1/1")
    assert (told.at, told.seal, told.nomination, told.measure) == (AT, seal.id, N2, "kepatuhan-iuran")
    assert told.indicator == StreamPoint(stream=indicator_stream(N2), version=2)
    assert (told.before, told.after) == ("1/2", "1/1")
    assert moves(told) == [(N2, 2, 1, "60/1", "85/1"), (N1, 1, 2, "145/2", "145/2")]
    state = streams.fold(RANKING, AT.ranking)
    assert isinstance(state, Sealed)
    assert (state.id, state.sealed) == (seal.id, seal.event)


def test_a_total_that_changes_without_a_rank_is_told_too():
    (told,) = sealed().measure(N1, "7/8")
    assert moves(told) == [(N1, 1, 1, "145/2", "315/4")]


def test_who_was_unmeasured_and_is_measured_now_would_have_a_rank():
    streams = sealed({N1: "3/4", N2: "1/2"})
    (told,) = streams.measure(N3, "1/1")
    assert (told.before, told.after) == (None, "1/1")
    assert moves(told)[0] == (N3, None, 1, None, "85/1")


def test_who_is_measured_no_more_would_have_none():
    (told,) = sealed().measure(N1, None)
    assert (told.before, told.after) == ("3/4", None)
    assert moves(told) == [
        (N2, 2, 1, "60/1", "60/1"),
        (N3, 3, 2, "95/2", "95/2"),
        (N1, 1, None, "145/2", None),
    ]


def test_who_lacks_marks_too_gets_no_rank_by_a_figure():
    (told,) = sealed_without_a_sheet().measure(N3, "1/1")
    assert moves(told) == []


def sealed_without_a_sheet() -> Streams:
    """Return a sealed stage at which one has no sheet."""
    streams = Streams()
    for id_, code in CODES.items():
        streams.add(f"nomination/{id_}", nominated(id_, code))
    file(streams, N1, kinerja="70")
    streams.add(AT.ranking, opened(MEASURING), ScoringClosed(at=AT))
    streams.seal()
    return streams


def test_ties_are_parted_as_a_seal_parts_them():
    """By the aspects first, then by the instant of the nomination; what remains tied shares a rank."""
    (told,) = sealed().measure(N2, "3/4")
    assert moves(told) == [(N2, 2, 1, "60/1", "145/2")]


# --- when it is told -----------------------------------------------------------------------------------------------


def test_nothing_is_told_of_the_sealed_ratio_or_of_what_the_stage_does_not_take():
    streams = sealed()
    assert streams.measure(N1, "3/4") == []
    assert streams.measure(N1, "1/1", definition="f" * 64) == []
    assert streams.measure(N1, "1/1", measure="cakupan") == []


def test_the_same_is_not_told_twice_and_what_is_the_sealed_again_is_told_once():
    streams = sealed()
    assert len(streams.measure(N2, "1/1")) == 1
    assert streams.react(indicator_stream(N2)) == []
    assert streams.measure(N2, "1/1") == []
    (again,) = streams.measure(N2, "1/2")
    assert (again.before, again.after, again.moves) == ("1/2", "1/2", ())
    assert again.indicator.version == 4
    assert streams.measure(N2, "1/2") == []
    assert len(streams.measure(N2, "1/1")) == 1


def test_measurements_in_a_row_are_told_of_as_the_last():
    streams = sealed()
    streams.add(indicator_stream(N2), measured(N2, "1/1"))
    assert [one.after for one in streams.measure(N2, "7/8")] == ["7/8"]


def test_what_is_measured_before_the_seal_is_in_it_and_is_told_of_nowhere():
    streams = sealed()
    assert streams.react(AT.ranking) == []
    before = Streams()
    before.add(f"nomination/{N1}", nominated(N1))
    before.add(AT.ranking, opened(MEASURING))
    assert before.measure(N1, "1/2") == []


def test_of_a_nomination_that_is_not_known_here_nothing_is_told():
    assert Streams().measure(N1, "1/2") == []


def test_every_sealed_stage_on_the_way_is_compared():
    streams = sealed()
    decided(streams, [N1])
    streams.add(NATIONAL.ranking, opened(pinned(measured_aspect(share="1/1")), NATIONAL), ScoringClosed(at=NATIONAL))
    at_province = streams.happened[AT.ranking][-1].event
    row = at_province.standings[0].model_copy(update={"total": "75/1"})
    of_the_nation = {"at": NATIONAL, "standings": (row,), "unrankable": (), "counted": ()}
    basis = at_province.basis.model_copy(update={"nominations": (N1,), "measured": at_province.basis.measured})
    streams.add(NATIONAL.ranking, at_province.model_copy(update={**of_the_nation, "basis": basis}))
    assert [one.at for one in streams.measure(N1, "7/8")] == [AT, NATIONAL]


def test_what_a_decision_rests_on_is_guarded():
    streams = sealed()
    streams.measure(N2, "1/1")
    nominations = {f"nomination/{one}" for one in CODES}
    assert streams.guarded == {AT.ranking, AT.award, "season/2020", indicator_stream(N2), *nominations}


def test_sealed_anew_with_the_first_figures_it_is_told_of_the_new_seal_what_came_since():
    streams = sealed()
    first = streams.happened[AT.ranking][-1]
    assert len(streams.measure(N2, "1/1")) == 1
    superseded = RankingSuperseded(at=AT, seal=first.id, order=an_id("order"))
    streams.add(AT.ranking, superseded, first.event)
    (told,) = streams.react(AT.ranking)
    assert (told.seal, told.nomination, told.after) == (streams.happened[AT.ranking][-2].id, N2, "1/1")
    assert streams.decide(after_seal(AT)) == []
    assert streams.decide(after_measurement(N2)) == []


# --- who would have gone on ----------------------------------------------------------------------------------------


def test_who_was_eliminated_would_have_gone_on_and_who_went_on_would_not():
    streams = sealed()
    decided(streams, [N1])
    (told,) = streams.measure(N2, "1/1")
    assert (told.would_advance, told.would_fall) == ((N2,), (N1,))


def test_a_stage_that_nobody_decided_on_has_nobody_who_went_on_or_was_eliminated():
    (told,) = sealed().measure(N2, "1/1")
    assert (told.would_advance, told.would_fall) == ((), ())


def test_within_the_quota_ranks_alone_change_nothing():
    streams = sealed(places=2)
    decided(streams, [N1, N2])
    (told,) = streams.measure(N2, "1/1")
    assert moves(told)
    assert (told.would_advance, told.would_fall) == ((), ())


def test_who_left_by_its_own_will_would_not_have_gone_on():
    streams = sealed()
    streams.add(f"nomination/{N2}", NominationWithdrawn(nomination=N2, at=AT, reason_digest=DIGEST))
    streams.add(
        f"nomination/{N1}",
        StageAdvanced(nomination=N1, left=AT, reached=NATIONAL, rank=1, plenary=an_id("p"), motion=1, seal=an_id("s")),
    )
    (told,) = streams.measure(N2, "1/1")
    assert (told.would_advance, told.would_fall) == ((), (N1,))


def test_what_people_decided_between_tied_nominees_stays_as_long_as_they_stay_tied():
    streams = sealed({N1: "3/4", N2: "3/4", N3: "1/4"})
    decided(streams, [N2])
    (told,) = streams.measure(N3, "1/2")
    assert (told.would_advance, told.would_fall) == ((), ())
    (told,) = streams.measure(N1, "7/8")
    assert (told.would_advance, told.would_fall) == ((N1,), (N2,))


def test_of_a_new_tie_across_the_quotas_end_nothing_is_told():
    streams = sealed()
    decided(streams, [N1])
    tied = MEASURING.model_copy(update={"tie_break": ("vote",)})
    streams.happened[AT.ranking][0] = streams.happened[AT.ranking][0]._replace(event=opened(tied))
    (told,) = streams.measure(N2, "3/4")
    assert moves(told) == [(N2, 2, 1, "60/1", "145/2")]
    assert (told.would_advance, told.would_fall) == ((), ())


def test_where_the_path_ends_to_win_is_to_go_on():
    won = WinnerDeclared(nomination=N1, at=AT, rank=1, plenary=an_id("p"), motion=1, seal=an_id("s"))
    award = AWARD.fold(happened(AT.award, [won]))
    assert award.winners == {AT.ranking: frozenset({N1})}
    lost = WinnerWithdrawn(nomination=N1, at=AT, rank=1, appeal=an_id("a"), plenary=an_id("p"), motion=2)
    assert AWARD.fold(happened(AT.award, [won, lost])).winners == {AT.ranking: frozenset()}
    streams = sealed()
    rules = rulebook()
    stages = tuple(one.model_copy(update={"next": None}) if one.code == "seleksi" else one for one in rules.stages)
    ending = rules.model_copy(update={"stages": stages})
    published = {"season": "2020", "version": 1, "hash": DIGEST, "content": rulebook_content(ending)}
    streams.happened["season/2020"] = happened("season/2020", [RulebookPublished.model_validate(published)])
    streams.add(AT.award, won)
    seal = {"plenary": an_id("p"), "motion": 1, "seal": an_id("s")}
    streams.add(f"nomination/{N2}", NominationEliminated(nomination=N2, at=AT, reason="below-quota", **seal))
    (told,) = streams.measure(N2, "1/1")
    assert (told.would_advance, told.would_fall) == ((N2,), (N1,))


# --- always --------------------------------------------------------------------------------------------------------

ratios = st.sampled_from([None, "0/1", "1/3", "1/2", "2/3", "1/1"])


@given(st.lists(ratios, min_size=3, max_size=3), ratios)
def test_the_ranking_that_is_told_is_the_one_that_a_seal_would_have_made(first, then):
    given_first = dict(zip(CODES, first, strict=True))
    streams = sealed(given_first)
    said = streams.happened[AT.ranking][-1].event
    told = streams.measure(N2, then)
    assert bool(told) is (first[1] != then)
    would = sealed({**given_first, N2: then}).happened[AT.ranking][-1].event
    after = {one.nomination: (one.rank, one.total) for one in would.standings}
    ranks = {one.nomination: (one.rank, one.total) for one in said.standings}
    for one in told[0].moves if told else ():
        assert ranks.get(one.nomination, (None, None)) == (one.rank_before, one.total_before)
        ranks[one.nomination] = (one.rank_after, one.total_after)
    assert {one: place for one, place in ranks.items() if place != (None, None)} == after


@given(st.lists(ratios, max_size=8))
def test_what_was_told_last_is_what_differs_now(measurements):
    streams = sealed()
    for ratio in measurements:
        streams.measure(N2, ratio)
    state = streams.fold(RANKING, AT.ranking)
    told = state.told.get((N2, "kepatuhan-iuran"))
    last = measurements[-1] if measurements else "1/2"
    assert (told.after if told else "1/2") == last
    assert len({(one.event.seal, one.event.indicator) for one in streams.happened[AT.ranking][3:]}) == len(
        streams.happened[AT.ranking][3:]
    )
