"""A category in which all happens that can: drawn scorers, an extension, a late nomination, ties, papers, appeals.

Under the shipped rulebook of 2020 with a few rules changed: four of the committee score each nominee, a tie is broken
by vote and then by lot, the centre verifies, and the jury hears nominees in slots and takes over the marks of the
province, which a verdict has corrected by then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from schemas.envelope import Stage
from schemas.nomination import (
    AgendaItem,
    AttendanceRecorded,
    Candidate,
    ConflictDeclared,
    ConflictLifted,
    NominationFiledLate,
    NominationVerified,
    Tally,
    Verdict,
    Vote,
)
from schemas.rulebook import Rulebook, Tier
from services.nomination.domain.admission import AskAdmission
from services.nomination.domain.announcing import Announce, announce
from services.nomination.domain.appeal import (
    APPEAL,
    Contested,
    Decided,
    LodgeAppeal,
    Lodged,
    appeal_stream,
    downstream,
    lodge,
)
from services.nomination.domain.award import AWARD
from services.nomination.domain.case import Case, contested_seal
from services.nomination.domain.certificates import IssueCertificates, Path, issue_certificates
from services.nomination.domain.deciding import (
    Asked,
    AskProposal,
    DecideMotion,
    OpenMotion,
    TableRanking,
    decide_motion,
    open_motion,
    table_ranking,
)
from services.nomination.domain.evidence import Evidence
from services.nomination.domain.interview import CALENDAR, ScheduleInterview, schedule, settle_slot
from services.nomination.domain.interview import Asked as AskedSlot
from services.nomination.domain.nomination import NOMINATION
from services.nomination.domain.plenary import PLENARY, Actor, BreakTie, Convene, DecideAppeal, Plenary, convene
from services.nomination.domain.ranking import RANKING
from services.nomination.domain.ties import AskTie
from services.nomination.domain.verdict import AskAppeal
from services.nomination.domain.voting import (
    CastVote,
    ConfirmBallot,
    TallyBallot,
    cast_vote,
    confirm_ballot,
    tally_ballot,
)
from services.scoring.domain import received
from services.scoring.domain import stage as scoring
from services.scoring.domain.assignment import AssignScorers, decide_assign
from tests.unit.audit.played import SALTED, Play, person

SECRETARY = Actor(person("secretary"), secretary=True)
ASPECTS = ("kebijakan", "peraturan", "kinerja")
SEED = "5e" * 32
ALL: tuple[Vote, ...] = ("for",) * 9


def rules_of_procedure(shipped: Rulebook) -> Rulebook:
    """Return the shipped rulebook with the rules that this category is played under."""
    content = shipped.model_dump(mode="json", exclude_none=True)
    for rubric in content["rubrics"]:
        rubric["tie_break"] = ["vote", "lot"]
    also = {
        ("provincial", "seleksi"): {"assignment": {"per_nominee": 4}},
        ("national", "verifikasi"): {"verification": {"days_to_mend": 5}},
        ("national", "wawancara"): {
            "interview": {"minutes": 45},
            "carries": {"tier": "provincial", "stage": "seleksi", "aspects": list(ASPECTS)},
        },
    }
    for stage in content["stages"]:
        if stage["category"] == "KABKOTA":
            stage.update(also[stage["tier"], stage["code"]])
    honour = {"tier": "provincial", "categories": ["KABKOTA"], "assumed": True}
    prizes = [{**honour, "rank": rank, "prize": {"id": f"Juara {rank}", "en": "A prize"}} for rank in (1, 2)]
    content["prizes"] = [*content["prizes"], *prizes]
    winner = next(one for one in content["certificates"] if one["given_to"] == "winner")
    content["certificates"].append({**winner, "code": "piagam-provinsi", "tier": "provincial"})
    return Rulebook.from_content(content)


class Procedure(Play):
    """A season whose meetings are held step by step."""

    # --- scoring

    def draw(self, at: Stage, seed: str = SEED) -> dict[str, set[str]]:
        """Draw scorers; return who was drawn for whom so far."""
        ways = [self.fold(received.NOMINATION, one) for one in self.happened if one.startswith("nomination/")]
        season, committee = self.fold(received.SEASON, "season/2020"), received.committee_stream(at)
        nominations = [one for one in ways if isinstance(one, received.Nomination)]
        command = AssignScorers(at, person("secretary"), seed, self.log.now)
        ranking = self.fold(scoring.RANKING, at.ranking)
        self.record(decide_assign(ranking, season, self.fold(received.COMMITTEE, committee), nominations, command))
        drawn = self.fold(scoring.RANKING, at.ranking)
        assert isinstance(drawn, scoring.Begun)
        return {nomination: set(members) for nomination, members in drawn.assigned.items()}

    def extend(self, at: Stage, until: datetime) -> None:
        """Move a stage's deadline."""
        ranking, committee = self.fold(scoring.RANKING, at.ranking), received.committee_stream(at)
        season = self.fold(received.SEASON, "season/2020")
        command = scoring.ExtendScoring(at, person("secretary"), until, SALTED, self.log.now)
        self.record(scoring.decide_extend(ranking, season, self.fold(received.COMMITTEE, committee), command))

    # --- nominations

    def file_late(self, code: str, name: str, at: Stage) -> str:
        """File a nomination after its window."""
        id_ = person(f"nomination {code}")
        people = {"nominating_body": "75", "nominated_by": person("secretariat"), "contact": person("contact")}
        candidate = Candidate(kind="regency", code=code, name=name)
        said = NominationFiledLate(nomination=id_, entry=at, candidate=candidate, reason_digest=SALTED, **people)
        self.say(f"nomination/{id_}", said)
        return id_

    # --- meetings

    def hold(self, at: Stage, name: str = "") -> Meeting:
        """Convene a meeting of a stage's body, with all its members."""
        return Meeting(self, at, name or f"plenary {at.ranking}")

    def evidence(self, at: Stage, plenary: str) -> Evidence:
        """Return what a decision of a meeting rests on."""
        *_, evidence = self._meeting(plenary, at)
        others = [one for one in self.happened if one.startswith("plenary/") and one != plenary]
        found = [self.fold(PLENARY, one) for one in others]
        elsewhere = tuple(
            motion
            for meeting in found
            if isinstance(meeting, Plenary)
            for motion in meeting.motions
            if isinstance(motion.question, BreakTie) and meeting.stage(motion.item) == at
        )
        return replace(evidence, elsewhere=elsewhere)

    # --- appeals

    def lodge(self, appeal: str, nomination: str, at: Stage, plenary: str, motion: int = 1) -> None:
        """Lodge an appeal as the nominee's contact."""
        received_ = self.log.now
        asked = LodgeAppeal(
            appeal, nomination, plenary, motion, None, person("contact"), frozenset(), SALTED, received_
        )  # fmt: skip
        contested = Contested(self.fold(PLENARY, f"plenary/{plenary}"), self.fold(AWARD, at.award), self.rules)
        self.record(lodge(asked, self.fold(NOMINATION, f"nomination/{nomination}"), self._season(), contested))

    def case(self, appeal: str) -> Case:
        """Return an appeal and all that a decision on it rests on."""
        state = self.fold(APPEAL, appeal_stream(appeal))
        assert isinstance(state, Lodged | Decided)
        at, stages = state.said.at, downstream(self.rules, state.said.at)
        contested = self.fold(PLENARY, f"plenary/{state.said.plenary}")
        assert isinstance(contested, Plenary)
        seal = contested_seal(contested, state.said.motion)
        award = self.fold(AWARD, at.award)
        corrections = [self.fold(APPEAL, appeal_stream(one)) for one in award.corrections.get(seal or "", ())]
        return Case(
            id=appeal,
            appeal=state,
            contested=contested,
            ranking=self.fold(RANKING, at.ranking),
            corrections=tuple(one.decided for one in corrections if isinstance(one, Decided)),
            ties=tuple(
                motion.question
                for motion in contested.motions
                if isinstance(motion.question, BreakTie) and (motion.seal, motion.outcome) == (seal, "carried")
            ),
            awards={stage.award: self.fold(AWARD, stage.award) for stage in (at, *stages)},
            rankings={stage: self.fold(RANKING, stage.ranking) for stage in stages},
            nominations=self._meeting("", at)[3].nominations,
        )

    # --- interviews

    def hear(self, nomination: str, at: Stage, begins: datetime) -> None:
        """Give a nominee a slot."""
        state, season = self.fold(NOMINATION, f"nomination/{nomination}"), self._season()
        asked = ScheduleInterview(nomination, begins, "remote", person("secretary"), None, self.log.now)
        settled = settle_slot(asked, state, season, self._committee(at), None)
        assert isinstance(settled, AskedSlot)
        self.record(schedule(settled, self.fold(CALENDAR, settled.stream), self._meeting("", at)[3].nominations))

    # --- certificates

    def certify(self, at: Stage) -> None:
        """Issue what is due at the end of a tier."""
        ids = tuple(person(f"certificate {self.count} {number}") for number in range(20))
        tier: Tier = "provincial" if at.tier == "provincial" else "national"
        asked = IssueCertificates("2020", tier, at.province, "KABKOTA", SECRETARY, self.log.now, ids)
        nominations = self._meeting("", at)[3].nominations
        path = Path(self.fold(AWARD, at.award), self.fold(RANKING, at.ranking), nominations)
        self.record(issue_certificates(asked, self._season(), self._committee(at), path))


class Meeting:
    """A meeting with all members of the body, the first of whom is its chair."""

    def __init__(self, play: Procedure, at: Stage, name: str) -> None:
        self.play, self.at, self.id = play, at, person(name)
        self.stream = f"plenary/{self.id}"
        self.item = AgendaItem(category=at.category, stage=at.stage)
        body = play.rules.stage(at.tier, at.category, at.stage).body
        call = Convene(self.id, "2020", at.province, body, self.now, (self.item,), SECRETARY, self.now)
        play.record(convene(call, play._season(), play._committee(at)))
        self.members = play.members(body, at.province)
        self.motions = 0
        seats = {who: seat for seat, who in play._seats(body, at)}
        for member in self.members:
            came = {"person": member, "office": seats[member].office, "seat": seats[member].number, "present": True}
            play.say(self.stream, AttendanceRecorded(plenary=self.id, **came))

    @property
    def now(self) -> datetime:
        return self.play.log.now

    def _parts(self) -> tuple[Any, Any, Any]:
        plenary, season, committee, _ = self.play._meeting(self.stream, self.at)
        return plenary, season, committee

    def _evidence(self, appeal: str | None = None) -> Evidence:
        evidence = self.play.evidence(self.at, self.stream)
        return replace(evidence, case=self.play.case(appeal)) if appeal else evidence

    def _of(self, motion: int) -> Evidence:
        found = self._parts()[0].motion(motion)
        question = found.question
        return self._evidence(question.appeal if isinstance(question, DecideAppeal) else None)

    def table(self) -> None:
        command = TableRanking(self.id, self.item, SECRETARY, self.now)
        self.play.record(table_ranking(command, *self._parts(), self._evidence()))

    def put(self, asked: Asked | None = None, ballot: Any = "open") -> int:
        """Put a question and return its number."""
        question = asked or AskProposal()
        command = OpenMotion(self.id, self.item, SECRETARY, self.now, question, ballot)
        evidence = self._evidence(question.appeal if isinstance(question, AskAppeal) else None)
        self.play.record(open_motion(command, *self._parts(), evidence))
        self.motions += 1
        return self.motions

    def vote(self, motion: int, *votes: Vote) -> None:
        ranking = self.play.fold(RANKING, self.at.ranking)
        for member, vote in zip(self.members, votes, strict=False):
            command = CastVote(self.id, motion, vote, Actor(member), self.now)
            self.play.record(cast_vote(command, *self._parts(), ranking, *self._candidates(cast_vote)))

    def _candidates(self, decide: Any) -> tuple[Any, ...]:
        """Return the nominations' states, for a decision that takes them."""
        takes = "nominations" in decide.__wrapped__.__annotations__
        return (self._evidence().nominations,) if takes else ()

    def count(self, motion: int, tally: tuple[int, int, int], *confirming: int, invalid: int = 0) -> None:
        """State a count of papers, and let members confirm it."""
        ranking = self.play.fold(RANKING, self.at.ranking)
        said = Tally(votes_for=tally[0], votes_against=tally[1], abstained=tally[2])
        command = TallyBallot(self.id, motion, said, invalid, SECRETARY, self.now)
        self.play.record(tally_ballot(command, *self._parts(), ranking, *self._candidates(tally_ballot)))
        for member in confirming:
            confirm = ConfirmBallot(self.id, motion, Actor(self.members[member]), self.now)
            self.play.record(confirm_ballot(confirm, *self._parts(), ranking, *self._candidates(confirm_ballot)))

    def close(self, motion: int) -> None:
        command = DecideMotion(self.id, motion, Actor(self.members[0]), self.now)
        self.play.record(decide_motion(command, *self._parts(), self._of(motion), self.play.version))

    def publish(self, motion: int) -> None:
        command = Announce(self.id, motion, Actor(self.members[0]), self.now)
        self.play.record(announce(command, *self._parts(), self._of(motion)))


def marks(value: str) -> dict[str, str | None]:
    """Return one mark for every aspect."""
    return dict.fromkeys(ASPECTS, value)


def procedure(rules: Rulebook) -> Procedure:
    """Return the category, played to its certificates."""
    play = Procedure(rules_of_procedure(rules))
    play.open_season()
    play.form("panitia-9", "75")
    play.form("tim-verifikasi", "00")
    play.form("dewan-juri", "00")
    desk = play.stage(0)
    nominees = [
        play.nominate(code, name, desk)
        for code, name in (
            ("75.03", "Kabupaten Bone Bolango"),
            ("75.71", "Kota Gorontalo"),
            ("75.01", "Kabupaten Gorontalo"),
        )
    ]
    play.open_stage(desk)
    play.log.now += timedelta(days=2)
    nominees.append(_admit(play, desk))
    _score(play, desk, nominees)
    _decide_desk(play, desk, nominees)
    _appeal(play, desk, nominees)
    _centre(play, nominees)
    play.certify(play.stage(2))
    return play


def _admit(play: Procedure, desk: Stage) -> str:
    late = play.file_late("75.02", "Kabupaten Boalemo", desk)
    meeting = play.hold(desk, "admission")
    motion = meeting.put(AskAdmission(late))
    meeting.vote(motion, *ALL)
    meeting.close(motion)
    return late


def _score(play: Procedure, desk: Stage, nominees: Sequence[str]) -> None:
    whose = {"season": "2020", "province": "75", "body": "panitia-9", "category": "KABKOTA"}
    interest = {"person": play.members("panitia-9", "75")[7], "nomination": nominees[0], "reason_digest": SALTED}
    play.say("committee/2020/75", ConflictDeclared(kind="other", **whose, **interest))
    drawn = play.draw(desk)
    play.say("committee/2020/75", ConflictLifted(**whose, **interest))
    for nomination, value in zip(nominees, ("90", "80", "80", "70"), strict=True):
        for member in sorted(drawn[nomination]):
            play.score(desk, nomination, member, marks(value))
    play.extend(desk, play.log.now + timedelta(days=30))
    play.seal(desk)


def _decide_desk(play: Procedure, desk: Stage, nominees: Sequence[str]) -> None:
    """Rank 2 is shared by two, and there is one seat: a vote that is lost, then a lot, then a proposal on paper."""
    meeting = play.hold(desk)
    meeting.table()
    by_vote = meeting.put(AskTie(2, "vote", (nominees[2], nominees[1]), SEED))
    meeting.vote(by_vote, "for", "against", "against", "against", "against", "abstain", "against")
    meeting.close(by_vote)
    by_lot = meeting.put(AskTie(2, "lot", None, SEED))
    meeting.close(by_lot)
    proposal = meeting.put(ballot="paper")
    meeting.count(proposal, (5, 1, 1), 1, 2)
    meeting.count(proposal, (6, 1, 1), 1, 3, invalid=1)
    meeting.close(proposal)
    meeting.publish(proposal)
    play.certify(desk)


def _appeal(play: Procedure, desk: Stage, nominees: Sequence[str]) -> None:
    """Two appeals: one is dismissed, the other takes the last to the first rank, and the second one out.

    The first one moves to rank 2, so that what the province had certified of both is revoked and issued anew.
    """
    first, second = person("appeal 1"), person("appeal 2")
    contested = person(f"plenary {desk.ranking}")
    play.lodge(first, nominees[0], desk, contested, motion=3)
    play.lodge(second, nominees[3], desk, contested, motion=3)
    play.log.now += timedelta(days=1)
    meeting = play.hold(desk, "appeals")
    dismissed = meeting.put(AskAppeal(first, Verdict(outcome="dismissed")))
    meeting.vote(dismissed, *ALL)
    meeting.close(dismissed)
    figures = [{"aspect": aspect, "marks": ["95", "94", "96"]} for aspect in ASPECTS[:2]]
    figures.append({"aspect": ASPECTS[2], "value": "100/1"})
    verdict = Verdict.model_validate({"outcome": "upheld", "figures": figures})
    upheld = meeting.put(AskAppeal(second, verdict))
    meeting.vote(upheld, *ALL)
    meeting.close(upheld)
    meeting.publish(upheld)
    play.certify(desk)


def _centre(play: Procedure, nominees: Sequence[str]) -> None:
    """Those two who hold the province's seats are verified, heard, and win."""
    going_on = [nominees[0], nominees[3]]
    verification, interview = play.stage(1), play.stage(2)
    play.open_stage(verification)
    play.log.now += timedelta(days=30)
    team = play.members("tim-verifikasi", "00")
    for nomination in going_on:
        found = {"at": verification, "verifier": team[1], "office": "verifikator"}
        play.say(f"nomination/{nomination}", NominationVerified(nomination=nomination, **found))
        for member in team:
            play.score(verification, nomination, member, marks("80" if nomination == going_on[0] else "85"))
    play.seal(verification)
    _carry(play, verification)
    play.open_stage(interview)
    begin = play.log.now + timedelta(days=2)
    for index, nomination in enumerate(going_on):
        play.hear(nomination, interview, begin + timedelta(hours=index))
    play.hear(going_on[0], interview, begin + timedelta(minutes=15))
    play.log.now += timedelta(days=3)
    for nomination, value in zip(going_on, ("95", "60.5"), strict=True):
        for member in play.members("dewan-juri", "00"):
            play.score(interview, nomination, member, {"wawancara": value})
    play.seal(interview)
    _carry(play, interview)


def _carry(play: Procedure, at: Stage) -> None:
    meeting = play.hold(at)
    meeting.table()
    motion = meeting.put()
    meeting.vote(motion, *ALL)
    meeting.close(motion)
    meeting.publish(motion)
    play.log.now += timedelta(days=10)
