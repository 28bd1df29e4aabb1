"""A category played from nomination to winners by the real domains, into a log that the real exporter exports.

Three stages of the shipped rulebook of 2020: the province's selection, the national verification, and the interview,
whose first aspects are carried. With a tie, a recusal that reaches back, a removed member, a voided sheet, a draft, a
nominee with too few sheets, a withdrawal, and votes against.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar
from uuid import NAMESPACE_OID, uuid5

from kernel.decider import Aggregate, Decision, Emit, Happened, Position, Refusal
from schemas.envelope import Stage
from schemas.nomination import (
    AgendaItem,
    AttendanceRecorded,
    Candidate,
    CandidateNominated,
    CommitteeFormed,
    ConflictDeclared,
    MemberAppointed,
    MemberRemoved,
    NominationVerified,
    NominationWithdrawn,
    Vote,
    VoteCast,
)
from schemas.rulebook import Rulebook
from schemas.scoring import AspectScored, AspectScoreRevised, Mark, ScoreSheetSubmitted, ScoreSheetVoided, ScoringClosed
from services.nomination.domain.announcing import Announce, announce
from services.nomination.domain.award import AWARD
from services.nomination.domain.committee import COMMITTEE
from services.nomination.domain.deciding import (
    DecideMotion,
    OpenMotion,
    TableRanking,
    decide_motion,
    open_motion,
    table_ranking,
)
from services.nomination.domain.evidence import Evidence
from services.nomination.domain.nomination import NOMINATION
from services.nomination.domain.plenary import PLENARY, Actor, Convene, convene
from services.nomination.domain.ranking import RANKING
from services.nomination.domain.season import SEASON, OpenSeason, open_season
from services.scoring.domain import received
from services.scoring.domain import stage as scoring
from services.scoring.domain.indicator import INDICATOR, indicator_stream, is_measured
from services.scoring.domain.seal import FiledSheet, Inputs, SealRanking, decide_seal
from services.scoring.domain.sheet import SHEET
from tests.unit.audit.exported import Log

S = TypeVar("S")
BEGIN = datetime(2021, 1, 10, 3, 0, tzinfo=UTC)
SALTED = "0" * 64
BODIES = {
    "panitia-9": ("sekretaris-daerah", "kepala-bpjs-ketenagakerjaan", "kepala-bps", "ketua-apindo", "ketua-spsi",
                  "kepala-dinas-tenaga-kerja", "kepala-dinas-koperasi-ukm",
                  "asisten-pemerintahan-kesra", "anggota-kesembilan"),
    "tim-verifikasi": ("ketua-tim", "verifikator", "verifikator", "verifikator"),
    "dewan-juri": ("ketua-juri", "juri", "juri", "juri"),
}  # fmt: skip


def person(name: str) -> str:
    """Return the pseudonym of somebody in the play."""
    return str(uuid5(NAMESPACE_OID, name))


def mark(aspect: str, value: str | None) -> Mark:
    """Return a mark."""
    return Mark.model_validate({"aspect": aspect} | ({} if value is None else {"mark": value}))


class Play:
    """A season as it is played: every event goes into the log, and is folded again for the next decision."""

    def __init__(self, rules: Rulebook) -> None:
        self.rules = rules
        self.log = Log(now=BEGIN)
        self.happened: dict[str, list[Happened]] = {}
        self.count = 0
        for service in ("nomination", "scoring"):
            self.log.open(service)

    # --- the log

    def record(self, decision: Decision) -> None:
        """Append an accepted decision as one transaction."""
        assert not isinstance(decision, Refusal), decision
        moment = self.log.now + timedelta(seconds=1)
        self.count += 1
        for index, emit in enumerate(decision):
            self.log.now = moment - timedelta(seconds=1)
            id_ = self.log.append(emit.stream, emit.event)
            stream = self.happened.setdefault(emit.stream, [])
            event = type(emit.event).model_validate(emit.event.to_data())
            position = Position(1, self.count, index)
            stream.append(Happened(event, id_, emit.stream, len(stream) + 1, moment, position=position))

    def say(self, stream: str, *events: Any) -> None:
        """Append events of one stream, each by itself."""
        for event in events:
            self.record([Emit(stream, event)])

    def fold(self, aggregate: Aggregate[S], stream: str) -> S:
        """Return the state of a stream."""
        return aggregate.fold(self.happened.get(stream, ()))

    def version(self, stream: str) -> int:
        return len(self.happened.get(stream, ()))

    # --- before the stages

    def open_season(self) -> None:
        season = OpenSeason(self.rules)
        self.record(open_season(season, self.fold(SEASON, "season/2020")))

    def form(self, body: str, province: str) -> None:
        """Form a body and fill its seats."""
        stream = f"committee/2020/{province}"
        term = {"term_from": date(2021, 1, 1), "term_until": date(2021, 12, 31)}
        self.say(stream, CommitteeFormed(season="2020", province=province, body=body, decree="SK 12/2021", **term))
        seats: dict[str, int] = {}
        for office in BODIES[body]:
            seats[office] = seats.get(office, 0) + 1
            who = person(f"{office} {seats[office]}")
            seat = {"office": office, "seat": seats[office], "person": who}
            self.say(stream, MemberAppointed(season="2020", province=province, body=body, **seat))

    def members(self, body: str, province: str) -> list[str]:
        """Return who sits in a body, in the order of appointment."""
        committee = self.fold(received.COMMITTEE, f"committee/2020/{province}")
        return [holder for seat, holder in committee.holders.items() if seat.body == body]

    def nominate(self, code: str, name: str, at: Stage, *, sample: bool = False) -> str:
        """Nominate a regency or city and return the nomination's id."""
        id_ = person(f"nomination {code}")
        candidate = Candidate(kind="city" if int(code[3:]) > 70 else "regency", code=code, name=name)
        people = {"nominating_body": "75", "nominated_by": person("secretariat"), "contact": person("contact")}
        event = CandidateNominated(nomination=id_, entry=at, candidate=candidate, sample=sample, **people)
        self.say(f"nomination/{id_}", event)
        return id_

    def stage(self, index: int) -> Stage:
        """Return a stage of the path, from 0."""
        step = self.rules.entry_stage("KABKOTA")
        for _ in range(index):
            following = self.rules.next_stage(step)
            assert following is not None
            step = following
        province = "75" if step.tier == "provincial" else "00"
        return Stage(season="2020", tier=step.tier, province=province, category="KABKOTA", stage=step.code)

    # --- scoring

    def open_stage(self, at: Stage) -> None:
        self.log.now = max(self.log.now, self.rules.opens_utc(self._stage_rules(at).scoring, at.province))
        ranking, season = self.fold(scoring.RANKING, at.ranking), self.fold(received.SEASON, "season/2020")
        committee = self.fold(received.COMMITTEE, received.committee_stream(at))
        self.record(scoring.decide_open(ranking, season, committee, scoring.OpenStage(at, self.log.now)))

    def _stage_rules(self, at: Stage) -> Any:
        return self.rules.stage(at.tier, at.category, at.stage)

    def score(
        self, at: Stage, nomination: str, member: str, marks: Mapping[str, str | None], *, submit: bool = True
    ) -> None:
        """File a sheet."""
        stream = f"sheet/{nomination}/{at.tier}-{at.stage}/{member}"
        whose = {"nomination": nomination, "at": at, "member": member}
        filed = [mark(aspect, value) for aspect, value in marks.items()]
        self.say(stream, *(AspectScored(mark=one, **whose) for one in filed))
        if submit:
            rest = {"body": self._stage_rules(at).body, "office": "verifikator", "rulebook_version": 1}
            self.say(stream, ScoreSheetSubmitted(marks=tuple(filed), **whose, **rest))

    def revise(self, at: Stage, nomination: str, member: str, aspect: str, before: str, after: str) -> None:
        change = {"mark": mark(aspect, after), "previous": mark(aspect, before), "reason_digest": SALTED}
        stream = f"sheet/{nomination}/{at.tier}-{at.stage}/{member}"
        self.say(stream, AspectScoreRevised(nomination=nomination, at=at, member=member, **change))

    def void(self, at: Stage, nomination: str, member: str) -> None:
        stream = f"sheet/{nomination}/{at.tier}-{at.stage}/{member}"
        self.say(stream, ScoreSheetVoided(nomination=nomination, at=at, member=member, reason_digest=SALTED))

    def seal(self, at: Stage) -> None:
        """Close and seal a stage with scoring's own domain."""
        ranking = self.fold(scoring.RANKING, at.ranking)
        assert isinstance(ranking, scoring.Begun)
        self.log.now = ranking.closes + timedelta(hours=1)
        self.say(at.ranking, ScoringClosed(at=at))
        self.seal_again(at)

    def seal_again(self, at: Stage) -> None:
        """Seal a closed stage, or seal it anew by an order, with scoring's own domain."""
        committee = received.committee_stream(at)
        ways = [self.fold(received.NOMINATION, stream) for stream in self.happened if stream.startswith("nomination/")]
        awards = {one: self.fold(received.AWARD, one) for one in self.happened if one.startswith("award/")}
        streams = ["season/2020", committee, *awards, *(one for one in self.happened if one.startswith("nomination/"))]
        earlier = {self.stage(index).ranking for index in range(3)} - {at.ranking}
        carries = any(aspect.origin == "carried" for aspect in self.rules.rubric(self._stage_rules(at)).aspects)
        ranking = self.fold(scoring.RANKING, at.ranking)
        assert isinstance(ranking, scoring.Begun)
        inputs = Inputs(
            ranking=ranking,
            committee=self.fold(received.COMMITTEE, committee),
            nominations=[one for one in ways if isinstance(one, received.Nomination)],
            sheets=self._sheets(at),
            versions={stream: self.version(stream) for stream in streams},
            carried={one: self.fold(scoring.RANKING, one) for one in earlier if self.version(one) and carries},
            verdicts={
                ranking: [self.fold(received.VERDICT, received.verdict_stream(appeal)) for appeal in appeals]
                for award in awards.values()
                for ranking, appeals in award.corrected.items()
                if ranking in earlier and carries
            },
            indicators={
                one.id: self.fold(INDICATOR, indicator_stream(one.id))
                for one in ways
                if isinstance(one, received.Nomination) and is_measured(ranking.opened.rules)
            },
            season=self.fold(received.SEASON, "season/2020"),
            awards=tuple(awards.values()),
        )
        # The secretary sits in no office of the body: such a person is identity's to judge.
        self.record(decide_seal(inputs, SealRanking(at, person("secretary"), self.log.now)))

    def _sheets(self, at: Stage) -> list[FiledSheet]:
        filed = []
        for stream in self.happened:
            kind, *parts = stream.split("/")
            if kind == "sheet" and parts[1] == f"{at.tier}-{at.stage}":
                filed.append(FiledSheet(stream, self.version(stream), parts[0], parts[2], self.fold(SHEET, stream)))
        return filed

    # --- the plenary

    def decide(self, at: Stage, votes: Sequence[Vote | None]) -> None:
        """Hold a meeting on a sealed ranking with these votes, in order of the members; None: there, and silent."""
        body = self._stage_rules(at).body
        plenary, item = person(f"plenary {at.ranking}"), AgendaItem(category=at.category, stage=at.stage)
        secretary, stream = Actor(person("secretary"), secretary=True), f"plenary/{person(f'plenary {at.ranking}')}"
        committee = self._committee(at)
        call = Convene(plenary, "2020", at.province, body, self.log.now, (item,), secretary, self.log.now)
        self.record(convene(call, self._season(), committee))
        members = self.members(body, at.province)
        for member in members[: len(votes)]:
            office = next(seat for seat, who in self._seats(body, at) if who == member)
            came = {"person": member, "office": office.office, "seat": office.number, "present": True}
            self.say(stream, AttendanceRecorded(plenary=plenary, **came))
        self.record(table_ranking(TableRanking(plenary, item, secretary, self.log.now), *self._meeting(stream, at)))
        self.record(open_motion(OpenMotion(plenary, item, secretary, self.log.now), *self._meeting(stream, at)))
        for member, vote in zip(members, votes, strict=False):
            if vote is None:
                continue
            office = next(seat for seat, who in self._seats(body, at) if who == member)
            self.say(stream, VoteCast(plenary=plenary, motion=1, person=member, office=office.office, vote=vote))
        chair = Actor(members[0])
        self.record(
            decide_motion(DecideMotion(plenary, 1, chair, self.log.now), *self._meeting(stream, at), self.version)
        )

    def announce(self, at: Stage) -> None:
        stream = f"plenary/{person(f'plenary {at.ranking}')}"
        chair = Actor(self.members(self._stage_rules(at).body, at.province)[0])
        command = Announce(stream.partition("/")[2], 1, chair, self.log.now)
        self.record(announce(command, *self._meeting(stream, at)))

    def _season(self) -> Any:
        return self.fold(SEASON, "season/2020")

    def _committee(self, at: Stage) -> Any:
        return self.fold(COMMITTEE, f"committee/2020/{at.province}")

    def _seats(self, body: str, at: Stage) -> list[tuple[Any, str]]:
        return list(self._committee(at).bodies[body].holders.items())

    def _meeting(self, stream: str, at: Stage) -> tuple[Any, Any, Any, Evidence]:
        ids = [one.partition("/")[2] for one in self.happened if one.startswith("nomination/")]
        ways = {id_: self.fold(NOMINATION, f"nomination/{id_}") for id_ in ids}
        awards = {one: self.fold(AWARD, one) for one in self.happened if one.startswith("award/")}
        evidence = Evidence(self.fold(RANKING, at.ranking), self.fold(AWARD, at.award), ways, awards)
        return self.fold(PLENARY, stream), self._season(), self._committee(at), evidence


def whole(rules: Rulebook) -> Play:
    """Return the whole category, played to its winners."""
    play = Play(rules)
    play.open_season()
    play.form("panitia-9", "75")
    play.form("tim-verifikasi", "00")
    play.form("dewan-juri", "00")
    desk, verification, interview = (play.stage(index) for index in range(3))
    nominees = [
        play.nominate(code, name, desk, sample=code == "75.71")
        for code, name in (
            ("75.03", "Kabupaten Bone Bolango"),
            ("75.71", "Kota Gorontalo"),
            ("75.01", "Kabupaten Gorontalo"),
            ("75.02", "Kabupaten Boalemo"),
            ("75.05", "Kabupaten Gorontalo Utara"),
        )
    ]
    _select(play, desk, nominees)
    _verify(play, verification, nominees[:2])
    _interview(play, interview, nominees[:2])
    return play


def _select(play: Play, at: Stage, nominees: Sequence[str]) -> None:
    play.open_stage(at)
    members = play.members("panitia-9", "75")
    first = {"kebijakan": "90", "peraturan": "80", "kinerja": "85.5"}
    # The same total by other aspects: 5/16 more here is 5/16 less there, so the tie-break must part them.
    second = {"kebijakan": "80", "peraturan": "90", "kinerja": "85.5"}
    for member in members[:4]:
        play.score(at, nominees[0], member, first)
        play.score(at, nominees[1], member, second)
    for member, value in zip(members[:3], ("70", "71", "73"), strict=True):
        play.score(at, nominees[2], member, dict.fromkeys(first, value))
    play.score(at, nominees[3], members[0], dict.fromkeys(first, "99"))
    # Who is recused, removed, withdraws, voids or does not submit does not count.
    for member in members[1:4]:
        play.score(at, nominees[4], member, dict.fromkeys(first, "60"))
    play.score(at, nominees[2], members[4], dict.fromkeys(first, "100"))
    play.score(at, nominees[2], members[5], dict.fromkeys(first, "100"))
    play.void(at, nominees[2], members[5])
    play.score(at, nominees[2], members[6], {"kebijakan": "100"}, submit=False)
    play.revise(at, nominees[2], members[0], "kinerja", "70", "72.25")
    committee = "committee/2020/75"
    interest = {"season": "2020", "province": "75", "body": "panitia-9", "reason_digest": SALTED}
    play.say(
        committee,
        ConflictDeclared(person=members[4], category="KABKOTA", nomination=nominees[2], kind="family", **interest),
        MemberRemoved(person=members[3], office="ketua-apindo", seat=1, **interest),
    )
    play.seal(at)
    play.say(f"nomination/{nominees[4]}", NominationWithdrawn(nomination=nominees[4], at=at, reason_digest=SALTED))
    play.decide(at, ("for", "for", "for", None, "against", "for", "abstain", "for"))
    play.announce(at)


def _verify(play: Play, at: Stage, nominees: Sequence[str]) -> None:
    play.open_stage(at)
    team = play.members("tim-verifikasi", "00")
    for nominee in nominees:
        found = {"at": at, "verifier": team[1], "office": "verifikator"}
        play.say(f"nomination/{nominee}", NominationVerified(nomination=nominee, **found))
    for member in team:
        play.score(at, nominees[0], member, {"kebijakan": "88", "peraturan": "81", "kinerja": "77.7"})
        play.score(at, nominees[1], member, {"kebijakan": "91", "peraturan": "82", "kinerja": "79"})
    play.seal(at)
    play.decide(at, ("for", "for", "for", "for"))
    play.announce(at)


def _interview(play: Play, at: Stage, nominees: Sequence[str]) -> None:
    play.open_stage(at)
    for index, member in enumerate(play.members("dewan-juri", "00")):
        play.score(at, nominees[0], member, {"wawancara": f"9{index}.5"})
        play.score(at, nominees[1], member, {"wawancara": f"6{index}"})
    play.seal(at)
    play.decide(at, ("for", "for", "for", "for"))
    play.announce(at)
