"""Properties of meetings: whatever is asked in whatever order, ties, papers and late nominations keep the rules."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from schemas.nomination import (
    AdmissionDecided,
    AdmissionMotionOpened,
    BallotConfirmed,
    BallotTallied,
    CandidateNominated,
    MotionOpened,
    NominationEliminated,
    NominationFiledLate,
    PlenaryDecided,
    StageAdvanced,
    TieMotionOpened,
    VoteCast,
)
from services.nomination.domain.plenary import Actor, Plenary
from services.nomination.domain.ties import draw
from tests.unit.nomination.assembly import Assembly, seated, with_ties
from tests.unit.nomination.scene import CHAIR, PLENARY_ID, REGENCIES, VOTING_OFFICES, person
from tests.unit.nomination.test_invariants import CANDIDATES, QUOTA, Committee

MOTIONS = st.integers(1, 4)
FEW_RANKS = st.lists(st.integers(1, 3), min_size=len(REGENCIES), max_size=len(REGENCIES))


class Meeting(Committee):
    """A committee that asks for every kind of question, by vote, by paper and by lot."""

    scene: Assembly

    @initialize()
    def begin(self) -> None:
        self.scene = seated(with_ties("vote", "lot", quota=QUOTA))
        self.scene.nominated(*REGENCIES[:4])
        self.scene.filed_late("75.99")  # nobody files it in time, as the others may be
        self.scene.given(self.scene.convene())

    @property
    def motions(self) -> int:
        plenary = self.scene.plenary()
        return len(plenary.motions) if isinstance(plenary, Plenary) else 0

    @rule(ranks=FEW_RANKS)
    def seal_a_tie(self, ranks: list[int]) -> None:
        self.seal(ranks, len(REGENCIES))
        self.table()

    @rule(rank=st.integers(1, 3), paper=st.booleans(), turned=st.booleans())
    def break_tie(self, rank: int, paper: bool, turned: bool) -> None:
        """Ask for a vote on the order of whoever is tied by the seal."""
        seal = self.scene.ranking().current
        rows = seal.said.standings if seal else ()
        order = tuple(row.nomination for row in rows if row.rank == rank)
        ballot = "paper" if paper else "open"
        self.ask(self.scene.tie(rank, order[::-1] if turned else order, ballot=ballot))

    @rule(rank=st.integers(1, 3), seed=st.integers(0, 3))
    def draw_lots(self, rank: int, seed: int) -> None:
        self.ask(self.scene.lot(rank, f"{seed:064x}"))

    @rule()
    def move_on_paper(self) -> None:
        self.ask(self.scene.move(ballot="paper"))

    @rule(index=CANDIDATES)
    def admit(self, index: int) -> None:
        self.ask(self.scene.admit(self.id_of(index)))

    @rule(votes=st.integers(0, 8), against=st.integers(0, 3), invalid=st.integers(0, 2), motion=MOTIONS)
    def tally(self, votes: int, against: int, invalid: int, motion: int) -> None:
        self.ask(self.scene.tally(votes, against, 0, invalid, motion))

    @rule(office=st.sampled_from(VOTING_OFFICES), motion=MOTIONS)
    def confirm(self, office: str, motion: int) -> None:
        self.ask(self.scene.confirm(person(office), motion))

    @rule(ranks=FEW_RANKS, votes=st.integers(3, 8), turned=st.booleans(), paper=st.booleans(), ends=st.booleans())
    def hold_the_meeting(self, ranks: list[int], votes: int, turned: bool, paper: bool, ends: bool) -> None:
        """Seal ties and bring them to their end, and perhaps the meeting, so that histories go on behind it."""
        self.all_arrive()
        self.seal_a_tie(ranks)
        for rank in (1, 2, 3):
            before = self.motions
            self.break_tie(rank, paper, turned)
            if self.motions > before:
                self.settle(paper, votes)
                self.draw_lots(rank, votes)
                self.ask(self.scene.decide(Actor(CHAIR), self.motions))
        if ends:
            self.ask(self.scene.move(ballot="paper" if paper else "open"))
            self.settle(paper, votes)

    def settle(self, paper: bool, votes: int) -> None:
        """Let as many vote for the last motion, and decide it."""
        if paper:
            self.settle_on_paper(votes)
            return
        for office in VOTING_OFFICES[:votes]:
            self.ask(self.scene.vote(person(office), "for", self.motions))
        self.decide(self.motions)

    @rule(index=CANDIDATES, votes=st.integers(3, 8))
    def settle_an_admission(self, index: int, votes: int) -> None:
        seal = self.scene.ranking().current
        if seal is not None:
            self.scene.supersede(seal.id)
        self.all_arrive()
        before = self.motions
        self.admit(index)
        if self.motions > before:
            self.settle(False, votes)

    @rule(votes=st.integers(0, 8))
    def settle_on_paper(self, votes: int) -> None:
        number = self.motions
        self.ask(self.scene.tally(votes, motion=number))
        for office in VOTING_OFFICES[:3]:
            self.ask(self.scene.confirm(person(office), number))
        self.ask(self.scene.decide(Actor(CHAIR), number))

    @rule()
    def settle_openly(self) -> None:
        self.all_arrive()
        self.move()
        self.all_vote(self.motions)
        self.decide(self.motions)

    # --- what always holds

    def of_motion(self) -> dict[int, list[Any]]:
        """Return the events of each motion, its opening first."""
        found: dict[int, list[Any]] = {}
        for happened in self.scene.streams.get(f"plenary/{PLENARY_ID}", ()):
            number = getattr(happened.event, "motion", None)
            if number is not None:
                found.setdefault(number, []).append(happened.event)
        return found

    @invariant()
    def who_advances_has_a_rank_within_the_quota_and_who_leaves_none(self) -> None:
        if not hasattr(self, "scene"):
            return
        for event in self.events("nomination/"):
            if isinstance(event, StageAdvanced):
                assert event.rank <= QUOTA
            if isinstance(event, NominationEliminated):
                assert event.rank is None or event.rank > QUOTA

    @invariant()
    def on_a_seal_a_tie_is_broken_once(self) -> None:
        if not hasattr(self, "scene"):
            return
        carried: Counter[tuple[str, int]] = Counter()
        for opening, *events in self.of_motion().values():
            if isinstance(opening, TieMotionOpened):
                decided = [event for event in events if isinstance(event, PlenaryDecided)]
                carried[opening.seal, opening.rank] += sum(event.outcome == "carried" for event in decided)
                assert all(event.results == () for event in decided)
        assert not carried or max(carried.values()) <= 1

    @invariant()
    def the_same_nominees_are_drawn_for_once_and_nobody_votes_on_it(self) -> None:
        if not hasattr(self, "scene"):
            return
        lots = [one for one in self.of_motion().values() if isinstance(one[0], TieMotionOpened) and one[0].seed]
        drawn: dict[frozenset[str], str] = {}
        for opening, *events in lots:
            assert opening.order == draw(opening.seed, opening.order)
            assert drawn.setdefault(frozenset(opening.order), opening.seed) == opening.seed
            assert not any(isinstance(event, VoteCast | BallotTallied) for event in events)

    @invariant()
    def papers_and_open_votes_are_never_mixed_and_papers_are_confirmed_by_two(self) -> None:
        if not hasattr(self, "scene"):
            return
        for opening, *events in self.of_motion().values():
            on_paper = opening.ballot == "paper"
            assert not any(isinstance(event, VoteCast) for event in events if on_paper)
            assert on_paper or not any(isinstance(event, BallotTallied | BallotConfirmed) for event in events)
            confirmed: set[str] = set()
            for event in events:
                if isinstance(event, BallotTallied):
                    confirmed = set()
                if isinstance(event, BallotConfirmed):
                    assert event.person not in confirmed
                    confirmed.add(event.person)
                if isinstance(event, PlenaryDecided | AdmissionDecided) and on_paper:
                    assert len(confirmed) >= 2

    @invariant()
    def one_question_at_a_time_and_none_after_the_proposal_is_carried(self) -> None:
        if not hasattr(self, "scene"):
            return
        done = False
        for opening, *events in self.of_motion().values():
            assert not done
            decided = [event for event in events if isinstance(event, PlenaryDecided | AdmissionDecided)]
            assert len(decided) <= 1
            done = isinstance(opening, MotionOpened) and bool(decided) and decided[0].outcome == "carried"

    @invariant()
    def who_was_late_competes_only_when_admitted(self) -> None:
        if not hasattr(self, "scene"):
            return
        late = {event.nomination for event in self.events("nomination/") if isinstance(event, NominationFiledLate)}
        entered = {event.nomination for event in self.events("nomination/") if isinstance(event, CandidateNominated)}
        admitted = {
            opening.nomination
            for opening, *events in self.of_motion().values()
            if isinstance(opening, AdmissionMotionOpened)
            and any(isinstance(event, AdmissionDecided) and event.outcome == "carried" for event in events)
        }
        assert late & entered == admitted


MeetingTest = Meeting.TestCase
MeetingTest.settings = settings(max_examples=60, stateful_step_count=40)
