"""Properties: whatever is asked in whatever order, what was accepted keeps the award's rules."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import event as observe
from hypothesis import given, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from kernel.decider import Decision, Refusal
from schemas.nomination import (
    AttendanceRecorded,
    ConflictDeclared,
    MotionOpened,
    NominationEliminated,
    NominationWithdrawn,
    PlenaryDecided,
    StageAdvanced,
    VoteCast,
)
from services.nomination.domain.motion import proposal
from services.nomination.domain.nomination import Nomination
from services.nomination.domain.plenary import Actor, Plenary
from services.nomination.domain.refusals import (
    RULES,
    Refused,
    appeals,
    awards,
    committees,
    nominations,
    persons,
    plenaries,
    refuse,
    seasons,
)
from tests.unit.nomination.scene import (
    BODY,
    CHAIR,
    PLENARY_ID,
    REGENCIES,
    SECRETARY,
    VOTING_OFFICES,
    Scene,
    person,
    seated,
    with_quota,
)

QUOTA = 2
PEOPLE = st.sampled_from([person(office) for office in VOTING_OFFICES])
# Few enough to be recused or removed that the others may still make a quorum.
SOME = st.sampled_from([person(office) for office in VOTING_OFFICES[-3:]])
RANKS = st.lists(st.integers(1, 40), min_size=len(REGENCIES), max_size=len(REGENCIES))
CANDIDATES = st.integers(0, len(REGENCIES) - 1)


class Committee(RuleBasedStateMachine):
    """A committee that asks for anything at any time; refusals change nothing."""

    scene: Scene

    @initialize()
    def begin(self) -> None:
        self.scene = seated(with_quota(QUOTA))
        self.scene.nominated(*REGENCIES[:4])
        self.scene.given(self.scene.convene())

    def ask(self, decision: Decision) -> None:
        if isinstance(decision, Refusal):
            note(decision.code)
            assert decision.code in RULES
        elif decision:
            self.scene.record(decision)
            for emit in decision:
                observe(type(emit.event).__name__)

    def id_of(self, index: int) -> str:
        ids = sorted(self.scene.nominations())
        return ids[index % len(ids)] if ids else person("nothing")

    @rule(index=CANDIDATES)
    def nominate(self, index: int) -> None:
        self.ask(self.scene.nominate(REGENCIES[index]))

    @rule(index=CANDIDATES)
    def withdraw(self, index: int) -> None:
        self.ask(self.scene.withdraw(self.id_of(index)))

    @rule(ranks=RANKS, rankable=CANDIDATES)
    def seal(self, ranks: list[int], rankable: int) -> None:
        """Seal the eligible in a standard competition ranking, the last of them perhaps unrankable."""
        eligible = list(self.scene.basis().nominations)
        scores = dict(zip(eligible[: rankable + 1], ranks, strict=False))
        standings = [(id_, 1 + sum(other < score for other in scores.values())) for id_, score in scores.items()]
        current = self.scene.ranking().current
        if current is not None:
            self.scene.supersede(current.id)
        self.scene.seal(standings, eligible[rankable + 1 :])

    @rule(who=SOME)
    def remove(self, who: str) -> None:
        self.ask(self.scene.remove(who))

    @rule(office=st.sampled_from(VOTING_OFFICES))
    def appoint(self, office: str) -> None:
        self.ask(self.scene.appoint(office, person(office)))

    @rule(who=SOME, index=CANDIDATES, whole=st.booleans())
    def declare(self, who: str, index: int, whole: bool) -> None:
        self.ask(self.scene.declare(who, None if whole else self.id_of(index)))

    @rule(who=PEOPLE, present=st.booleans())
    def attend(self, who: str, present: bool) -> None:
        self.ask(self.scene.attend(who, SECRETARY, present=present))

    @rule()
    def all_arrive(self) -> None:
        for office in VOTING_OFFICES:
            self.ask(self.scene.attend(person(office)))

    @rule()
    def table(self) -> None:
        self.ask(self.scene.table())

    @rule()
    def move(self) -> None:
        self.ask(self.scene.move())

    @rule(who=PEOPLE, vote=st.sampled_from(["for", "against", "abstain"]), motion=st.integers(1, 3))
    def vote(self, who: str, vote: str, motion: int) -> None:
        self.ask(self.scene.vote(who, vote, motion))  # type: ignore[arg-type]

    @rule(motion=st.integers(1, 3))
    def all_vote(self, motion: int) -> None:
        for office in VOTING_OFFICES:
            self.ask(self.scene.vote(person(office), "for", motion))

    @rule(motion=st.integers(1, 3))
    def decide(self, motion: int) -> None:
        self.ask(self.scene.decide(Actor(CHAIR), motion))

    @rule(ranks=st.permutations(range(len(REGENCIES))), rankable=CANDIDATES)
    def hold_the_meeting(self, ranks: list[int], rankable: int) -> None:
        """Seal, table, vote and decide at once, so that histories go on behind a decision."""
        self.seal(ranks, rankable)
        self.all_arrive()
        self.table()
        self.move()
        plenary = self.scene.plenary()
        number = len(plenary.motions) if isinstance(plenary, Plenary) else 1
        self.all_vote(number)
        self.decide(number)

    # --- what always holds

    def events(self, kind: str) -> list[Any]:
        streams = [stream for name, stream in self.scene.streams.items() if name.startswith(kind)]
        return [happened.event for stream in streams for happened in stream]

    @invariant()
    def the_quota_is_never_exceeded(self) -> None:
        if hasattr(self, "scene"):
            advanced = [event for event in self.events("nomination/") if isinstance(event, StageAdvanced)]
            assert len(advanced) <= QUOTA
            for event in self.events("plenary/"):
                assert not isinstance(event, MotionOpened) or len(event.advancing) <= QUOTA

    @invariant()
    def nobody_votes_twice_and_only_while_present(self) -> None:
        if not hasattr(self, "scene"):
            return
        present: set[str] = set()
        votes: Counter[tuple[int, str]] = Counter()
        for happened in self.scene.streams.get(f"plenary/{PLENARY_ID}", ()):
            event = happened.event
            if isinstance(event, AttendanceRecorded):
                (present.add if event.present else present.discard)(event.person)
            if isinstance(event, VoteCast):
                assert event.person in present
                votes[event.motion, event.person] += 1
        assert not votes or max(votes.values()) == 1

    @invariant()
    def every_decision_had_its_quorum_and_counted_no_recused_vote(self) -> None:
        if not hasattr(self, "scene"):
            return
        for event in self.events("plenary/"):
            if isinstance(event, PlenaryDecided):
                assert event.quorum.present >= event.quorum.required
                assert event.quorum.seats == 9
                counted = event.tally.votes_for + event.tally.votes_against + event.tally.abstained
                assert counted <= event.quorum.seats - len(event.quorum.recused)

    @invariant()
    def the_record_names_just_what_the_decision_led_to(self) -> None:
        if not hasattr(self, "scene"):
            return
        for event in self.events("plenary/"):
            if not isinstance(event, PlenaryDecided):
                continue
            for point in event.results:
                result = self.scene.streams[point.stream][point.version - 1].event
                assert isinstance(result, (StageAdvanced, NominationEliminated))
                assert (result.plenary, result.motion) == (event.plenary, event.motion)

    @invariant()
    def a_nomination_ends_once_and_goes_nowhere_afterwards(self) -> None:
        if not hasattr(self, "scene"):
            return
        for name, stream in self.scene.streams.items():
            if name.startswith("nomination/"):
                ends = [isinstance(it.event, NominationWithdrawn | NominationEliminated) for it in stream]
                assert sum(ends[:-1]) == 0
        codes = [state.candidate.code for state in self.scene.nominations().values() if isinstance(state, Nomination)]
        assert len(codes) == len(set(codes))

    @invariant()
    def one_person_has_one_seat(self) -> None:
        if hasattr(self, "scene"):
            holders = list(self.scene.committee().bodies[BODY].holders.values())
            assert len(holders) == len(set(holders))
            conflicts = [event for event in self.events("committee/") if isinstance(event, ConflictDeclared)]
            assert len({(it.person, it.category, it.nomination) for it in conflicts}) == len(conflicts)


CommitteeTest = Committee.TestCase
CommitteeTest.settings = settings(max_examples=60, stateful_step_count=40)


@given(
    scores=st.lists(st.integers(0, 5), max_size=8),
    quota=st.integers(1, 5),
    gone=st.sets(st.integers(0, 7)),
)
def test_a_proposal_holds_whole_ranks_in_order_within_the_quota(scores: list[int], quota: int, gone: set[int]) -> None:
    scene = Scene()
    scene.open()
    ids = [person(f"nominee {index}") for index in range(len(scores))]
    ranks = [1 + sum(other > score for other in scores) for score in scores]
    scene.seal(list(zip(ids, ranks, strict=True)))
    seal = scene.ranking().current
    assert seal is not None
    competing = [id_ for index, id_ in enumerate(ids) if index not in gone]
    rank_of = dict(zip(ids, ranks, strict=True))
    try:
        found = proposal(seal.said, quota, competing)
    except Refused:
        assert sum(rank_of[id_] <= quota for id_ in competing) > 1
        return
    assert len(found.advancing) <= quota
    assert [rank_of[id_] for id_ in found.advancing] == sorted(rank_of[id_] for id_ in found.advancing)
    assert {*found.advancing, *found.eliminated} == set(competing)
    assert all(rank_of[id_] <= quota for id_ in found.advancing)
    assert all(rank_of[id_] > quota for id_ in found.eliminated)


def test_every_refusal_has_a_spec():
    specs = "".join(path.read_text("utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    rooms = (seasons, committees, persons, nominations, plenaries, appeals, awards)
    assert len(RULES) == sum(len(room.RULES) for room in rooms), "a code is defined in two rooms"
    assert [code for code in RULES if f'"{code}"' not in specs] == []


def test_a_refusal_of_what_does_not_exist_is_no_attempt():
    assert refuse("season-unknown", "season", "1999").refusal.recorded is False
    assert refuse("seat-taken", "seat", 1, office="ketua").refusal.recorded is True
