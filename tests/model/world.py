"""The whole procedure as people ask for it: every command of both services, run by its real program, over two logs.

What one service says reaches the other when it is delivered, so either can be behind. Every command ends accepted or in
a typed refusal, and whatever happened is handed to the checker, which knows nothing of the services.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from kernel.commands import Program
from kernel.decider import Decision, Happened, Refusal
from schemas.envelope import Stage
from schemas.nomination import AgendaItem, Defect, Tally, Verdict, Vote
from schemas.scoring import RankingSealed
from services.nomination.domain.amending import AmendRulebook
from services.nomination.domain.announcing import Announce
from services.nomination.domain.appeal import LodgeAppeal
from services.nomination.domain.candidate import CandidateAsked
from services.nomination.domain.certificates import IssueCertificates
from services.nomination.domain.committee import (
    AppointMember,
    Belonging,
    DeclareConflict,
    FormCommittee,
    LiftConflict,
    RemoveMember,
    ReplaceMember,
)
from services.nomination.domain.deciding import Asked, AskProposal, DecideMotion, OpenMotion, TableRanking
from services.nomination.domain.handling import Amend
from services.nomination.domain.interview import ScheduleInterview
from services.nomination.domain.nomination import Handler, Nominate, Withdraw, nomination_id
from services.nomination.domain.plenary import Actor, Adjourn, Convene, RecordAttendance
from services.nomination.domain.season import ByTwo, ExtendNomination
from services.nomination.domain.verification import Reject, Resubmit, Return, Verify
from services.nomination.domain.voting import CastVote, ConfirmBallot, TallyBallot
from services.nomination.programs import appeals, awards, committees, nominations, plenaries, seals, seasons
from services.nomination.programs.loading import RollOfPlace
from services.scoring import programs as scoring
from services.scoring.domain.assignment import AssignScorers
from services.scoring.domain.seal import SealRanking
from services.scoring.domain.sheet import (
    Circumstances,
    FileMarks,
    ReviseMark,
    SubmitSheet,
    VoidSheet,
    WrittenMark,
    decide_file,
    decide_revise,
    decide_submit,
    decide_void,
)
from services.scoring.domain.stage import CloseStage, ExtendScoring, OpenStage
from tests.model.checker import Checker
from tests.model.memory import Store
from tests.model.rules import BODY_OF, CLERK, NATION, PLACE_OF, PROVINCE, SEASON, SEATS, rulebook

Outcome = Refusal | list[Happened]
BEGIN = datetime(2021, 1, 10, 3, 0, tzinfo=UTC)
PACE = timedelta(seconds=20)
"""How long every command takes."""
REASON = "ab" * 32
LAST = date(2021, 12, 31)
"""The last day of a term that is long enough."""
GOVERNMENTS = frozenset({PROVINCE})


def person(name: str) -> str:
    """Return the pseudonym of a person of the model, or any id that is made of a name."""
    return str(uuid5(NAMESPACE_OID, name))


SECRETARY = Actor(person("secretary"), secretary=True)
DEPUTY = Actor(person("deputy"), secretary=True)
"""A secretary too, who looks at marks before they are sealed."""
SECRETARIAT = Handler(person("secretariat"), GOVERNMENTS)
CONTACT = person("contact")
REGENCIES = tuple(
    CandidateAsked("city" if code == "75.71" else "regency", code) for code in ("75.01", "75.02", "75.71")
)
LATECOMER = CandidateAsked("regency", "75.03")
COMPANIES = tuple(
    CandidateAsked("employer", f"NPP{number}", f"Usaha {number}", "small", "75.71") for number in ("1", "2", "3")
)
CANDIDATES = (*((one, "KABKOTA") for one in (*REGENCIES, LATECOMER)), *((one, "UMKM") for one in COMPANIES))
"""Every candidate of the model with its category; the fourth regency files late when it is let."""


def id_of(candidate: CandidateAsked, category: str) -> str:
    """Return the id that a candidate's nomination has."""
    named = type("Named", (), {"kind": candidate.kind, "code": candidate.code})
    return nomination_id(SEASON, category, named)  # type: ignore[arg-type]


NOMINEES = tuple(id_of(*one) for one in CANDIDATES)


def member(body: str, seat: int) -> str:
    """Return who sits first in a body's voting seat, counted from 0; 3 is its clerk."""
    return person(f"{body} {seat}")


def item_of(at: Stage) -> AgendaItem:
    """Return a stage as an item of an agenda."""
    return AgendaItem(category=at.category, stage=at.stage)


class World:
    """Both services, the clock, and what was refused."""

    def __init__(self) -> None:
        self.nomination = Store("nomination")
        self.scoring = Store("scoring")
        self.checker = Checker()
        self.now = BEGIN
        self.unjudged: deque[Happened] = deque()
        self.refused: Counter[str] = Counter()
        self.plenaries: list[tuple[str, str, Stage]] = []
        """Every meeting convened: its id, its body, and the stage it is about."""
        self.appeals: list[str] = []
        self.freezes = True
        """Whether this season's appeals hold the stages downstream."""

    # --- running

    def ask(self, store: Store, program: Program, actor: str) -> Outcome:
        """Run a program; what is neither accepted nor refused with a code and a remedy is an error of the service."""
        outcome = store.execute(program, actor, self.now)
        self.now += PACE
        if isinstance(outcome, Refusal):
            assert outcome.code, outcome
            assert 400 <= outcome.status < 500, outcome
            for sentence in (outcome.detail, *(fault.remedy for fault in outcome.faults)):
                assert sentence.en, outcome
                assert sentence.id, outcome
            self.refused[outcome.code] += 1
            return outcome
        self.checker.take(outcome)
        return outcome

    def say(self, program: Program, actor: str = "") -> Outcome:
        """Run one of nomination's programs."""
        return self.ask(self.nomination, program, actor or SECRETARY.person)

    def score(self, program: Program, actor: str = "") -> Outcome:
        """Run one of scoring's programs."""
        return self.ask(self.scoring, program, actor or SECRETARY.person)

    # --- delivery

    def deliver(self, kinds: Iterable[str] | None = None, most: int | None = None, *, judge: bool = True) -> int:
        """Hand over what either service said, each stream in its order; `kinds` are the streams' first segments.

        Sheets stay where they are. Unless `judge`, nomination judges received seals later.
        """
        pairs = ((self.nomination, self.scoring), (self.scoring, self.nomination))
        moved = sum(self._hand_over(source, target, kinds, most) for source, target in pairs)
        if judge:
            self.judge()
        return moved

    def _hand_over(self, source: Store, target: Store, kinds: Iterable[str] | None, most: int | None) -> int:
        wanted = None if kinds is None else set(kinds)
        left: deque[Happened] = deque()
        moved = 0
        for happened in source.outbox:
            kind = happened.stream.partition("/")[0]
            if kind == "sheet":
                continue
            if (wanted is not None and kind not in wanted) or (most is not None and moved >= most):
                left.append(happened)
                continue
            received = target.receive(happened)
            self.checker.deliver(target.service, received)
            moved += 1
            if target is self.nomination and isinstance(happened.event, RankingSealed):
                self.unjudged.append(received)
        source.outbox = left
        return moved

    def judge(self) -> None:
        """Let nomination judge every seal that it received and did not judge."""
        while self.unjudged:
            seal = self.unjudged.popleft()
            self.say(seals.judging(seal.id, seal.event.at, self._roll), "system")

    # --- what the services look up

    def _entered(self, store: Store) -> Iterable[tuple[str, Stage]]:
        for stream in store.of("nomination/"):
            yield stream.partition("/")[2], store.streams[stream][0].event.entry

    async def _roll(self, at: Stage) -> list[str]:
        return self._reach(self.nomination, at)

    async def _roll_of_scoring(self, at: Stage) -> list[str]:
        return self._reach(self.scoring, at)

    def _reach(self, store: Store, at: Stage) -> list[str]:
        entered = [(id_, entry) for id_, entry in self._entered(store) if entry.category == at.category]
        return [id_ for id_, entry in entered if at.province in (NATION, entry.province)]

    def _roll_of(self, plenary: str) -> RollOfPlace:
        whose = {id_: (body, at) for id_, body, at in self.plenaries}
        body = whose.get(plenary, ("", None))[0]
        others = [(id_, item_of(at)) for id_, other, at in self.plenaries if other == body and id_ != plenary]
        ahead = [(id_, item_of(at)) for id_, _, at in self.plenaries]
        return RollOfPlace([(id_, entry.category) for id_, entry in self._entered(self.nomination)], others, ahead)

    async def _sheets(self, nominations_: Sequence[str], at: Stage) -> list[str]:
        wanted, stage = set(nominations_), f"{at.tier}-{at.stage}"
        found = (one.split("/") for one in self.scoring.of("sheet/"))
        return ["/".join(one) for one in found if one[1] in wanted and one[2] == stage]

    async def _awards(self, at: Stage) -> list[str]:
        return [one for one in self.scoring.of(f"award/{at.season}/") if one.split("/")[4] == at.category]

    # --- seasons

    def open_season(self) -> Outcome:
        return self.say(seasons.opening(rulebook(freezes=self.freezes)))

    def amend(self, version: int, selected: int) -> Outcome:
        return self.say(
            seasons.amending(AmendRulebook(SEASON, rulebook(version, selected, freezes=self.freezes), REASON))
        )

    def extend_nomination(self, until: datetime, province: str | None) -> Outcome:
        # The deadline is a second of the place's own time, which needs no zone here.
        local = until.replace(tzinfo=None, microsecond=0)
        return self.say(seasons.extending(ExtendNomination(SEASON, province, local, self.now, REASON)))

    def freeze(self) -> Outcome:
        return self.say(seasons.freezing(self._two()))

    def unfreeze(self) -> Outcome:
        return self.say(seasons.unfreezing(self._two()))

    def close_season(self) -> Outcome:
        return self.say(seasons.closing(self._two(), self.now))

    def _two(self) -> ByTwo:
        return ByTwo(SEASON, person("admin 1"), person("admin 2"), REASON)

    # --- committees

    def form(self, body: str, decree: str = "SK 1/2021", last: date = LAST) -> Outcome:
        asked = FormCommittee(SEASON, PLACE_OF[body], body, decree, date(2021, 1, 1), last)
        return self.say(committees.forming(asked))

    def appoint(self, body: str, seat: int, who: str, belonging: Belonging | None = None) -> Outcome:
        office, number = (CLERK[body], 1) if seat == 3 else SEATS[body][seat]
        asked = AppointMember(
            SEASON, PLACE_OF[body], body, office, number, who, self.now, belonging or Belonging()
        )  # fmt: skip
        return self.say(committees.appointing(asked, SECRETARY.person))

    def remove(self, body: str, who: str) -> Outcome:
        return self.say(committees.removing(RemoveMember(SEASON, PLACE_OF[body], body, who, REASON), SECRETARY.person))

    def replace(self, body: str, who: str, successor: str, belonging: Belonging | None = None) -> Outcome:
        asked = ReplaceMember(SEASON, PLACE_OF[body], body, who, successor, self.now, REASON)
        return self.say(committees.replacing(replace(asked, belonging=belonging or Belonging()), SECRETARY.person))

    def declare(self, body: str, who: str, category: str, nominee: str | None) -> Outcome:
        asked = DeclareConflict(SEASON, PLACE_OF[body], body, who, who, category, nominee, "family", REASON)
        return self.say(committees.declaring(asked), who)

    def look(self, at: Stage) -> Outcome:
        return self.score(scoring.seeing(at, DEPUTY.person), DEPUTY.person)

    def record_conflict(self, body: str, who: str, category: str, nominee: str | None) -> Outcome:
        """Record a member's interest, as the deputy."""
        asked = DeclareConflict(
            SEASON, PLACE_OF[body], body, DEPUTY.person, who, category, nominee, "family", REASON, recorder=True
        )
        return self.say(committees.declaring(asked), DEPUTY.person)

    def send_away(self, body: str, who: str) -> Outcome:
        """Remove a member, as the deputy."""
        asked = RemoveMember(SEASON, PLACE_OF[body], body, who, REASON)
        return self.say(committees.removing(asked, DEPUTY.person), DEPUTY.person)

    def lift(self, body: str, who: str, category: str, nominee: str | None) -> Outcome:
        asked = LiftConflict(SEASON, PLACE_OF[body], body, who, who, category, nominee, REASON)
        return self.say(committees.lifting(asked), who)

    # --- nominations

    def _nominate(self, candidate: CandidateAsked, category: str) -> Nominate:
        who = {"actor": SECRETARIAT.person, "contact": CONTACT, "scopes": GOVERNMENTS}
        return Nominate(
            SEASON, category, candidate, PROVINCE, **who, sample=False, received=self.now  # type: ignore[arg-type]
        )  # fmt: skip

    def nominate(self, candidate: CandidateAsked, category: str) -> Outcome:
        return self.say(nominations.nominating(self._nominate(candidate, category)))

    def file_late(self, candidate: CandidateAsked, category: str) -> Outcome:
        return self.say(nominations.filing_late(self._nominate(candidate, category), REASON))

    def amend_nomination(self, nominee: str, contact: str) -> Outcome:
        return self.say(nominations.amending(Amend(nominee, SECRETARIAT, self.now, REASON, contact)))

    def withdraw(self, nominee: str) -> Outcome:
        return self.say(nominations.withdrawing(Withdraw(nominee, REASON, GOVERNMENTS)))

    def verify(self, nominee: str, who: str) -> Outcome:
        return self.say(nominations.verifying(Verify(nominee, who, self.now)), who)

    def return_(self, nominee: str, who: str) -> Outcome:
        defects = (Defect(part="evidence", text_digest=REASON),)
        return self.say(nominations.returning(Return(nominee, who, self.now, defects)), who)

    def resubmit(self, nominee: str) -> Outcome:
        return self.say(nominations.resubmitting(Resubmit(nominee, SECRETARIAT, self.now)))

    def reject(self, nominee: str, who: str) -> Outcome:
        return self.say(nominations.rejecting(Reject(nominee, who, self.now, REASON)), who)

    def schedule(self, nominee: str, begins: datetime) -> Outcome:
        asked = ScheduleInterview(nominee, begins, "in-person", SECRETARY.person, None, self.now)
        return self.say(nominations.scheduling(asked))

    # --- stages and sheets

    def open_stage(self, at: Stage) -> Outcome:
        return self.score(scoring.opening(OpenStage(at, self.now)))

    def extend_stage(self, at: Stage, until: datetime) -> Outcome:
        asked = ExtendScoring(at, SECRETARY.person, until, REASON, self.now)
        return self.score(scoring.extending(asked))

    def assign(self, at: Stage, seed: int) -> Outcome:
        asked = AssignScorers(at, SECRETARY.person, f"{seed:064x}", self.now)
        return self.score(scoring.assigning(asked, self._roll_of_scoring))

    def close_stage(self, at: Stage) -> Outcome:
        return self.score(scoring.closing(CloseStage(at, self.now), self._awards))

    def seal(self, at: Stage) -> Outcome:
        asked = SealRanking(at, SECRETARY.person, self.now)
        return self.score(scoring.sealing(asked, self._roll_of_scoring, self._sheets, self._awards))

    def _on_sheet(self, nominee: str, at: Stage, who: str, decide: Callable[[Circumstances], Decision]) -> Outcome:
        return self.score(scoring.on_sheet(nominee, at.tier, at.stage, who, decide), who)

    def file(
        self, nominee: str, at: Stage, who: str, marks: Mapping[str, str | None], *, submit: bool = True
    ) -> Outcome:
        written = [WrittenMark(aspect, text, f"marks[{index}]") for index, (aspect, text) in enumerate(marks.items())]
        asked = FileMarks(who, written, "en", self.now, submit)
        return self._on_sheet(nominee, at, who, lambda given: decide_file(given, asked))

    def submit(self, nominee: str, at: Stage, who: str) -> Outcome:
        asked = SubmitSheet(who, self.now)
        return self._on_sheet(nominee, at, who, lambda given: decide_submit(given, asked))

    def revise(self, nominee: str, at: Stage, who: str, aspect: str, mark: str | None) -> Outcome:
        asked = ReviseMark(who, WrittenMark(aspect, mark, "mark"), "en", REASON, self.now)
        return self._on_sheet(nominee, at, who, lambda given: decide_revise(given, asked))

    def void(self, nominee: str, at: Stage, who: str) -> Outcome:
        asked = VoidSheet(who, REASON, self.now)
        return self._on_sheet(nominee, at, who, lambda given: decide_void(given, asked))

    # --- meetings

    def convene(self, at: Stage) -> Outcome:
        """Call a meeting about a stage; when it is accepted, it is the last of `plenaries`."""
        id_, body = person(f"plenary {len(self.plenaries) + 1}"), BODY_OF[at]
        when = self.now + PACE
        asked = Convene(id_, SEASON, at.province, body, when, (item_of(at),), SECRETARY, self.now)
        outcome = self.say(plenaries.convening(asked))
        if not isinstance(outcome, Refusal):
            self.plenaries.append((id_, body, at))
        return outcome

    def attend(self, plenary: str, who: str, *, present: bool = True) -> Outcome:
        asked = RecordAttendance(plenary, who, present, "in-person", SECRETARY, self.now)
        return self.say(plenaries.attending(asked))

    def table(self, plenary: str, at: Stage) -> Outcome:
        asked = TableRanking(plenary, item_of(at), SECRETARY, self.now)
        return self.say(plenaries.tabling(asked, self._roll_of(plenary)))

    def move(self, plenary: str, at: Stage, asked: Asked | None = None, ballot: Any = "open") -> Outcome:
        command = OpenMotion(plenary, item_of(at), SECRETARY, self.now, asked or AskProposal(), ballot)
        return self.say(plenaries.moving(command, self._roll_of(plenary)))

    def vote(self, plenary: str, motion: int, who: str, vote: Vote) -> Outcome:
        return self.say(plenaries.voting(CastVote(plenary, motion, vote, Actor(who), self.now)), who)

    def tally(self, plenary: str, motion: int, tally: Tally, invalid: int = 0) -> Outcome:
        return self.say(plenaries.tallying(TallyBallot(plenary, motion, tally, invalid, SECRETARY, self.now)))

    def confirm(self, plenary: str, motion: int, who: str) -> Outcome:
        return self.say(plenaries.confirming(ConfirmBallot(plenary, motion, Actor(who), self.now)), who)

    def decide(self, plenary: str, motion: int, who: str) -> Outcome:
        asked = DecideMotion(plenary, motion, Actor(who), self.now)
        return self.say(plenaries.deciding(asked, self._roll_of(plenary)), who)

    def announce(self, plenary: str, motion: int, who: str) -> Outcome:
        asked = Announce(plenary, motion, Actor(who), self.now)
        return self.say(plenaries.announcing(asked, self._roll_of(plenary)), who)

    def adjourn(self, plenary: str) -> Outcome:
        return self.say(plenaries.adjourning(Adjourn(plenary, SECRETARY)))

    # --- appeals and certificates

    def lodge(self, nominee: str, plenary: str, motion: int, *, who: str = CONTACT, scoped: bool = False) -> Outcome:
        """Lodge an appeal; when it is accepted, it is the last of `appeals`."""
        id_ = person(f"appeal {len(self.appeals) + 1}")
        scopes = GOVERNMENTS if scoped else frozenset[str]()
        asked = LodgeAppeal(id_, nominee, plenary, motion, None, who, scopes, REASON, self.now)
        outcome = self.say(appeals.lodging(asked), who)
        if not isinstance(outcome, Refusal):
            self.appeals.append(id_)
        return outcome

    def certify(self, at: Stage) -> Outcome:
        asked = IssueCertificates(SEASON, at.tier, at.province, at.category, SECRETARY, self.now)  # type: ignore[arg-type]
        streams = (self.nomination.streams[f"appeal/{one}"][0].event for one in self.appeals)
        here = [one for one in streams if one.at.category == at.category]
        path = [one.appeal for one in here if at.province in (NATION, one.at.province)]
        return self.say(awards.issuing(asked, self._roll, path))


def upheld(figures: Mapping[str, str], order: Sequence[str] | None = None) -> Verdict:
    """Return a verdict that replaces a nominee's marks by one mark an aspect, of as many sheets as it takes."""
    listed = [{"aspect": aspect, "marks": [mark, mark]} for aspect, mark in figures.items()]
    return Verdict.model_validate({"outcome": "upheld", "figures": listed, "order": order})


DISMISSED = Verdict(outcome="dismissed")
