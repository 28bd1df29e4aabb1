"""The whole procedure under whatever is asked in whatever order, by members, secretaries and strangers, early and late.

Every step runs the services' real programs; the checker holds every event to the rules of the procedure, and at the end
of a run the audit reads what was said. `paritrana test --long` runs it at length and prints what it came to.
"""

from __future__ import annotations

import sys
from collections import Counter
from datetime import date, timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from schemas.envelope import Stage
from schemas.nomination import Tally
from services.nomination.domain.admission import AskAdmission
from services.nomination.domain.committee import Belonging
from services.nomination.domain.deciding import AskProposal
from services.nomination.domain.ties import AskTie
from services.nomination.domain.verdict import AskAppeal
from tests.model.documents import audit
from tests.model.rules import ASPECTS, BODIES, BODY_OF, DESK, INTERVIEW, MARKS, SELECTION, STAGES, VERIFICATION
from tests.model.secretary import Secretary
from tests.model.world import CANDIDATES, CONTACT, DISMISSED, LAST, NOMINEES, SECRETARIAT, member, person, upheld

AT = st.sampled_from(STAGES)
BODY = st.sampled_from(BODIES)
SEAT = st.integers(0, 3)
VOTING = st.integers(0, 2)
NOMINEE = st.integers(0, len(NOMINEES) - 1)
LEVELS = st.lists(st.sampled_from(MARKS), min_size=1, max_size=4)
MARK = st.sampled_from((*MARKS, "50", None, "25", "101"))
MOTION = st.integers(1, 4)
MEETING = st.integers(0, 2)
BALLOT = st.sampled_from(("open", "open", "paper"))
KINDS = st.sets(st.sampled_from(("season", "committee", "nomination", "award", "ranking", "plenary", "appeal")))
BELONGINGS = (
    Belonging(),
    Belonging(),
    Belonging(government="75.71"),
    Belonging(employer="NPP1"),
    Belonging(government="75"),
)
TERM = st.sampled_from((LAST, LAST, date(2021, 3, 31), date(2021, 5, 31)))
BELONGING = st.sampled_from(BELONGINGS)
FREEZES = st.sampled_from((True, True, True, False))

MUST_BE_REACHED = (
    "AdmissionDecided", "TieMotionOpened", "BallotConfirmed", "ResealOrdered", "RankingSuperseded", "StageFrozen",
    "StageUnfrozen", "AppealDecided", "WinnerDeclared", "RankLeftVacant", "CertificateIssued", "InterviewScheduled",
)  # fmt: skip
"""What a long run must come to in some of its runs."""


class Procedure(RuleBasedStateMachine):
    """A season with one province and the nation."""

    runs: ClassVar[int] = 0
    reached: ClassVar[Counter[str]] = Counter()
    """In how many runs an event happened."""
    happened: ClassVar[Counter[str]] = Counter()
    refused: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.world = Secretary()
        self.decrees = 1

    @initialize(
        named=st.sets(NOMINEE, min_size=4), belonging=BELONGING, body=BODY, seat=VOTING, freezes=FREEZES, last=TERM
    )
    def begin(self, named: set[int], belonging: Belonging, body: str, seat: int, freezes: bool, last: date) -> None:
        """Open the season with bodies and nominees; one member may belong to a candidate, terms may end early."""
        world = self.world
        world.freezes = freezes
        world.found(last)
        world.replace(body, member(body, seat), person("neighbour"), belonging)
        for index in sorted(named):
            if index != 3:
                world.nominate(*CANDIDATES[index])
        world.deliver()

    def who(self, body: str, seat: int) -> str:
        """Return a member of a body as it sits now, its clerk, or somebody else."""
        seated = self.world.seated(body)
        return seated[seat] if seat < len(seated) else member(body, seat)

    def stage(self, index: int) -> Stage:
        """Return a stage at which somebody stands and nothing is carried, if there is one."""
        at = {one.at for one in self.world.checker.nominees.values() if one.ending is None}
        ready = [one for one in STAGES if one in at and one not in self.world.checker.carried]
        return (ready or list(STAGES))[index % len(ready or STAGES)]

    def meeting(self, index: int) -> tuple[str, Stage]:
        """Return one of the last meetings."""
        plenary, _, at = self.world.plenaries[-1 - index % len(self.world.plenaries)]
        return plenary, at

    # --- seasons

    @rule(selected=st.integers(1, 3), again=st.booleans())
    def amend(self, selected: int, again: bool) -> None:
        newest = max(self.world.checker.rules)
        self.world.amend(newest if again else newest + 1, selected)

    @rule(days=st.integers(-1, 20), everywhere=st.booleans())
    def extend_nomination(self, days: int, everywhere: bool) -> None:
        self.world.extend_nomination(self.world.now + timedelta(days=days), None if everywhere else "75")

    @rule(now=st.sampled_from((False, False, True)))
    def freeze(self, now: bool) -> None:
        if now:
            self.world.freeze()

    @precondition(lambda self: self.world.checker.frozen["nomination"])
    @rule()
    def unfreeze(self) -> None:
        self.world.unfreeze()

    @precondition(lambda self: {INTERVIEW, DESK} & self.world.checker.carried)
    @rule(late=st.sampled_from((False, False, True)), settled=st.booleans(), said=st.booleans())
    def close_season(self, late: bool, settled: bool, said: bool) -> None:
        """Close the season now or at its end, with appeals open or after they were heard, perhaps just announced."""
        for appeal in self.world.appeals if settled else ():
            self.world.hear(appeal, None)
        if late:
            self.world.wait_for_the_end()
        if said:
            self.world.publish_all()
        self.world.close_season()

    # --- committees

    @rule(body=BODY, later=st.booleans())
    def renew(self, body: str, later: bool) -> None:
        self.decrees += 1
        self.world.form(body, f"SK {self.decrees}/2021", date(2022, 1 + self.decrees % 12, 28 if later else 1))

    @rule(body=BODY, seat=SEAT, name=st.integers(0, 5), belonging=BELONGING)
    def appoint(self, body: str, seat: int, name: int, belonging: Belonging) -> None:
        self.world.appoint(body, seat, member(body, name), belonging)

    @rule(body=BODY, seat=SEAT, name=st.integers(3, 5), belonging=BELONGING, succeeds=st.booleans())
    def remove_or_replace(self, body: str, seat: int, name: int, belonging: Belonging, succeeds: bool) -> None:
        leaving = self.who(body, seat)
        if succeeds:
            self.world.replace(body, leaving, member(body, name), belonging)
        else:
            self.world.remove(body, leaving)

    @rule(body=BODY, seat=SEAT, nominee=NOMINEE, whole=st.sampled_from((False, False, False, True)), lift=st.booleans())
    def declare_or_lift(self, body: str, seat: int, nominee: int, whole: bool, lift: bool) -> None:
        act = self.world.lift if lift else self.world.declare
        act(body, self.who(body, seat), CANDIDATES[nominee][1], None if whole else NOMINEES[nominee])

    # --- nominations

    @rule(nominee=NOMINEE, late=st.booleans())
    def nominate(self, nominee: int, late: bool) -> None:
        (self.world.file_late if late else self.world.nominate)(*CANDIDATES[nominee])

    @rule(nominee=NOMINEE, seat=SEAT, what=st.sampled_from(("verify", "return_", "reject", "resubmit", "verify")))
    def check(self, nominee: int, seat: int, what: str) -> None:
        standing = self.world.standing(VERIFICATION) or NOMINEES
        id_ = standing[nominee % len(standing)]
        if what == "resubmit":
            self.world.resubmit(id_)
        else:
            getattr(self.world, what)(id_, self.who("tim-verifikasi", seat))

    @rule(nominee=NOMINEE, contact=st.sampled_from((CONTACT, person("another contact"))))
    def amend_nomination(self, nominee: int, contact: str) -> None:
        self.world.amend_nomination(NOMINEES[nominee], contact)

    @rule(nominee=NOMINEE)
    def withdraw(self, nominee: int) -> None:
        self.world.withdraw(NOMINEES[nominee])

    @rule(nominee=NOMINEE, minutes=st.integers(-30, 5000))
    def schedule(self, nominee: int, minutes: int) -> None:
        self.world.schedule(NOMINEES[nominee], self.world.now + timedelta(minutes=minutes))

    # --- stages and sheets

    @rule(
        at=AT, what=st.sampled_from(("open_stage", "close_stage", "seal", "assign", "extend")), days=st.integers(0, 9)
    )
    def run_stage(self, at: Stage, what: str, days: int) -> None:
        if what == "assign":
            self.world.assign(at, days)
        elif what == "extend":
            self.world.extend_stage(at, self.world.now + timedelta(days=days))
        else:
            getattr(self.world, what)(at)

    @rule(index=MEETING, nominee=NOMINEE, seat=SEAT, marks=st.lists(MARK, min_size=1, max_size=3), submit=st.booleans())
    def file(self, index: int, nominee: int, seat: int, marks: list[str | None], submit: bool) -> None:
        at = self.stage(index)
        filed = dict(zip(ASPECTS[at], marks, strict=False))
        self.world.file(NOMINEES[nominee], at, self.who(BODY_OF[at], seat), filed, submit=submit)

    @rule(
        index=MEETING,
        nominee=NOMINEE,
        seat=SEAT,
        mark=MARK,
        what=st.sampled_from(("revise", "void", "submit", "revise")),
    )
    def change(self, index: int, nominee: int, seat: int, mark: str | None, what: str) -> None:
        at = self.stage(index)
        whose = (NOMINEES[nominee], at, self.who(BODY_OF[at], seat))
        if what == "revise":
            self.world.revise(*whose, ASPECTS[at][0], mark)
        else:
            getattr(self.world, what)(*whose)

    # --- meetings

    @rule(at=AT)
    def convene(self, at: Stage) -> None:
        self.world.convene(at)

    @precondition(lambda self: self.world.plenaries)
    @rule(index=MEETING, seat=SEAT, present=st.booleans())
    def attend_or_leave(self, index: int, seat: int, present: bool) -> None:
        plenary, at = self.meeting(index)
        self.world.attend(plenary, self.who(BODY_OF[at], seat), present=present)

    @precondition(lambda self: self.world.plenaries)
    @rule(index=MEETING, ballot=BALLOT)
    def propose(self, index: int, ballot: str) -> None:
        plenary, at = self.meeting(index)
        self.world.table(plenary, at)
        self.world.move(plenary, at, AskProposal(), ballot)

    @precondition(lambda self: self.world.plenaries)
    @rule(index=MEETING, rank=st.integers(1, 3), lot=st.booleans(), turned=st.booleans(), ballot=BALLOT)
    def part(self, index: int, rank: int, lot: bool, turned: bool, ballot: str) -> None:
        """Ask in which order those stand who share a rank."""
        plenary, at = self.meeting(index)
        ranking = self.world.ranking(at)
        rows = ranking.seals[ranking.current].event.standings if ranking and ranking.current else ()
        tied = tuple(one.nomination for one in rows if one.rank == rank)
        seed = f"{rank:064x}"
        order = tied[::-1] if turned else tied
        self.world.move(
            plenary, at, AskTie(rank, "lot", None, seed) if lot else AskTie(rank, "vote", order, seed), ballot
        )

    @precondition(lambda self: self.world.plenaries)
    @rule(index=MEETING, nominee=NOMINEE, ballot=BALLOT)
    def ask_admission(self, index: int, nominee: int, ballot: str) -> None:
        plenary, at = self.meeting(index)
        self.world.move(plenary, at, AskAdmission(NOMINEES[nominee]), ballot)

    @precondition(lambda self: self.world.plenaries and self.world.appeals)
    @rule(index=MEETING, appeal=MEETING, mark=MARK, ballot=BALLOT)
    def ask_verdict(self, index: int, appeal: int, mark: str | None, ballot: str) -> None:
        plenary, at = self.meeting(index)
        id_ = self.world.appeals[appeal % len(self.world.appeals)]
        verdict = DISMISSED if mark is None else upheld({ASPECTS[at][0]: mark})
        self.world.move(plenary, at, AskAppeal(id_, verdict), ballot)

    @precondition(lambda self: self.world.plenaries)
    @rule(
        index=MEETING,
        motion=MOTION,
        votes=st.lists(st.sampled_from(("for", "against", "abstain")), min_size=4, max_size=4),
    )
    def vote(self, index: int, motion: int, votes: list[Any]) -> None:
        plenary, at = self.meeting(index)
        for seat, vote in enumerate(votes):
            self.world.vote(plenary, motion, self.who(BODY_OF[at], seat), vote)

    @precondition(lambda self: self.world.plenaries)
    @rule(index=MEETING, motion=MOTION, counts=st.tuples(*[st.integers(0, 3)] * 2), invalid=st.integers(0, 1))
    def count_papers(self, index: int, motion: int, counts: tuple[int, int], invalid: int) -> None:
        plenary, at = self.meeting(index)
        self.world.tally(plenary, motion, Tally(votes_for=counts[0], votes_against=counts[1], abstained=0), invalid)
        for seat in range(2):
            self.world.confirm(plenary, motion, self.who(BODY_OF[at], seat))

    @precondition(lambda self: self.world.plenaries)
    @rule(index=MEETING, motion=MOTION, seat=st.sampled_from((0, 0, 0, 1)))
    def decide(self, index: int, motion: int, seat: int) -> None:
        plenary, at = self.meeting(index)
        self.world.decide(plenary, motion, self.who(BODY_OF[at], seat))

    @precondition(lambda self: self.world.plenaries)
    @rule(index=MEETING, motion=MOTION, seat=st.sampled_from((0, 0, 0, 1)))
    def announce(self, index: int, motion: int, seat: int) -> None:
        plenary, at = self.meeting(index)
        self.world.announce(plenary, motion, self.who(BODY_OF[at], seat))

    @precondition(lambda self: self.world.plenaries)
    @rule(index=MEETING)
    def adjourn(self, index: int) -> None:
        self.world.adjourn(self.meeting(index)[0])

    # --- appeals and certificates

    @precondition(lambda self: self.world.checker.announced)
    @rule(index=MEETING, nominee=NOMINEE, who=st.sampled_from((CONTACT, SECRETARIAT.person, person("stranger"))))
    def lodge(self, index: int, nominee: int, who: str) -> None:
        said = self.world.checker.announced
        one = said[-1 - index % len(said)]
        scoped = who == SECRETARIAT.person
        self.world.lodge(NOMINEES[nominee], one.plenary, one.motion, who=who, scoped=scoped)

    @rule(at=AT)
    def certify(self, at: Stage) -> None:
        self.world.certify(at)

    # --- the clock and the wires

    @rule(hours=st.integers(1, 48))
    def wait(self, hours: int) -> None:
        self.world.now += timedelta(hours=hours)

    @rule()
    def wait_for_the_next_deadline(self) -> None:
        """Come to the last instant of what closes next."""
        checker = self.world.checker
        ends = [one.closes for one in checker.rankings.values() if not one.closed]
        ends += [until for award in checker.awards.values() for until in award.until.values()]
        later = [one for one in ends if one > self.world.now]
        if later:
            self.world.jump(min(later) - timedelta(seconds=20))

    @rule()
    def wait_for_windows(self) -> None:
        self.world.wait_for_windows()

    @rule(kinds=KINDS, most=st.integers(1, 9), judge=st.booleans())
    def deliver_some(self, kinds: set[str], most: int, judge: bool) -> None:
        self.world.deliver(kinds, most, judge=judge)

    @rule()
    def deliver_all(self) -> None:
        self.world.deliver()

    # --- what a secretary does

    @rule(index=MEETING, levels=LEVELS)
    def score_all(self, index: int, levels: list[str]) -> None:
        self.world.score_all(self.stage(index), levels)

    @rule(index=MEETING, informed=st.booleans())
    def close_and_seal(self, index: int, informed: bool) -> None:
        self.world.close_and_seal(self.stage(index), informed=informed)

    @rule(index=MEETING, seat=VOTING, nominee=st.integers(0, 3))
    def seal_behind(self, index: int, seat: int, nominee: int) -> None:
        """Seal a stage of which scoring does not know that a member has just declared an interest."""
        at = self.stage(index)
        standing = self.world.standing(at)
        if standing:
            who = self.who(BODY_OF[at], seat)
            self.world.declare(BODY_OF[at], who, at.category, standing[nominee % len(standing)])
        self.world.close_and_seal(at, informed=False)

    @rule(index=MEETING, seat=VOTING, nominee=st.integers(0, 3), remove=st.booleans())
    def look_and_meddle(self, index: int, seat: int, nominee: int, remove: bool) -> None:
        """Look at the marks of a stage, then keep a member's out of it, by an interest or a removal.

        Before nomination has heard of the look it takes both; the audit then finds them.
        """
        at = self.stage(index)
        body, standing = BODY_OF[at], self.world.standing(at)
        self.world.look(at)
        self.world.deliver({"ranking"})
        if remove:
            self.world.send_away(body, self.who(body, seat))
        elif standing:
            self.world.record_conflict(body, self.who(body, seat), at.category, standing[nominee % len(standing)])

    @precondition(
        lambda self: (
            self.world.ranking(SELECTION)
            and not self.world.ranking(VERIFICATION)
            and SELECTION not in self.world.checker.carried
        )
    )
    @rule(hurry=st.booleans())
    def go_ahead(self, hurry: bool) -> None:
        """Seal a stage before anybody has come there, or even decide it."""
        self.world.begin(VERIFICATION)
        self.world.close_and_seal(VERIFICATION)
        if hurry and (held := self.world.hold_meeting_until_motion(VERIFICATION)):
            self.world.decide_and_announce(held[0], VERIFICATION, held[1])

    @rule(index=MEETING, ballot=BALLOT)
    def hold_meeting_until_motion(self, index: int, ballot: str) -> None:
        self.world.hold_meeting_until_motion(self.stage(index), ballot)

    @rule(index=MEETING, motion=MOTION)
    def decide_and_announce(self, index: int, motion: int) -> None:
        if self.world.plenaries:
            plenary, at = self.meeting(index)
            number = min(motion, len(self.world.checker.meetings[plenary].motions))
            if number:
                self.world.decide_and_announce(plenary, at, number)

    @rule(index=MEETING, levels=LEVELS, ballot=BALLOT, patient=st.sampled_from((True, True, False)))
    def finish(self, index: int, levels: list[str], ballot: str, patient: bool) -> None:
        self.world.fill_seats(len(self.world.checker.all))
        self.world.finish(self.stage(index), levels, ballot, patient=patient)

    @rule()
    def publish_all(self) -> None:
        self.world.publish_all()

    @rule(levels=LEVELS)
    def finish_the_last(self, levels: list[str]) -> None:
        """Bring that stage to its end that is furthest on."""
        at = {one.at for one in self.world.checker.nominees.values() if one.ending is None}
        ready = [one for one in (INTERVIEW, VERIFICATION, SELECTION, DESK) if one in at - self.world.checker.carried]
        for appeal in self.world.appeals:
            self.world.hear(appeal, None)
        if ready:
            self.world.finish(ready[0], levels)

    @rule(nominee=st.integers(0, 3))
    def admit_late(self, nominee: int) -> None:
        self.world.thaw()
        closes = self.world.rules.deadline_utc(self.world.rules.calendar.nomination, "75")
        self.world.jump(closes + timedelta(minutes=1))
        self.world.file_late(*CANDIDATES[nominee])
        self.world.admit(NOMINEES[nominee])

    @rule(nominee=NOMINEE, everywhere=st.booleans())
    def reopen(self, nominee: int, everywhere: bool) -> None:
        """Extend the window, however far the stages are, and nominate into it."""
        self.world.thaw()
        self.world.extend_nomination(self.world.now + timedelta(days=9), None if everywhere else "75")
        self.world.nominate(*CANDIDATES[nominee])

    @precondition(lambda self: self.world.checker.announced)
    @rule(line=st.integers(0, 4))
    def contest(self, line: int) -> None:
        self.world.contest(line)

    @precondition(lambda self: self.world.checker.announced)
    @rule(mark=st.sampled_from(("100", "100", "50")), certified=st.booleans())
    def overturn(self, mark: str, certified: bool) -> None:
        self.world.thaw()
        if certified:
            for at in (SELECTION, INTERVIEW, DESK):
                self.world.certify(at)
        self.world.overturn(mark)

    @precondition(lambda self: self.world.appeals)
    @rule(appeal=MEETING, mark=st.sampled_from((*MARKS, "100", None)))
    def hear(self, appeal: int, mark: str | None) -> None:
        self.world.thaw()
        self.world.hear(self.world.appeals[-1 - appeal % len(self.world.appeals)], mark)

    @precondition(lambda self: {INTERVIEW, DESK} & self.world.checker.carried)
    @rule(at=st.sampled_from((INTERVIEW, DESK)))
    def certify_winners(self, at: Stage) -> None:
        self.world.thaw()
        self.world.certify(at)

    # --- what must hold

    @invariant()
    def nobody_is_left_behind(self) -> None:
        self.world.checker.leaves_nobody_behind()

    @invariant()
    def certificates_are_so(self) -> None:
        self.world.checker.holds_certificates()

    def teardown(self) -> None:
        """Let the audit read the run."""
        checker = self.world.checker
        for name in checker.seen:
            event(name)
        Procedure.runs += 1
        Procedure.reached.update(checker.seen.keys())
        Procedure.happened.update(checker.seen)
        Procedure.refused.update(self.world.refused)
        faults = audit(checker.all)
        assert not faults, "\n".join(f"{code} {place}: {what}" for code, place, what in faults)


LONG = settings.get_current_profile_name() == "long"
QUICK = settings(max_examples=25, stateful_step_count=30, derandomize=True)
SIZE = settings(
    settings.default if LONG else QUICK, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
)


@pytest.mark.timeout(3600 if LONG else 120)
def test_no_sequence_of_commands_breaks_the_procedure(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        run_state_machine_as_test(Procedure, settings=SIZE)
    finally:
        if LONG:
            with capsys.disabled():
                sys.stdout.write(told())
    if LONG:
        assert not [name for name in MUST_BE_REACHED if not Procedure.reached[name]]


def told() -> str:
    """Return in how many runs each event happened, how often, and what was refused."""
    lines = [f"\n{Procedure.runs} runs of at most {SIZE.stateful_step_count} steps"]
    for name, runs in Procedure.reached.most_common():
        lines.append(f"{runs:6} runs {Procedure.happened[name]:8} times  {name}")
    refusals = ", ".join(f"{code} {count}" for code, count in Procedure.refused.most_common())
    return "\n".join([*lines, f"refused: {refusals}\n"])
