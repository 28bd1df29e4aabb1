"""A decided and announced ranking with real aggregates, and what happens to it by appeals.

Seals are made by scoring's own ranking from sheets of marks, so that a verdict's second computation is held against the
first. Appeals are decided in the meeting that took the contested decision, which goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any

from kernel.decider import Decision, Emit
from schemas.envelope import Event, Stage
from schemas.nomination import (
    AgendaItem,
    AppealDecided,
    CertificateIssued,
    Verdict,
    VerdictFigure,
    Vote,
)
from schemas.rulebook import Rulebook
from schemas.scoring import AspectAggregate, Unrankable, standings_digest
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
from services.nomination.domain.case import Case, contested_seal
from services.nomination.domain.certificates import IssueCertificates, Path, issue_certificates
from services.nomination.domain.deciding import DecideMotion, OpenMotion, decide_motion, open_motion
from services.nomination.domain.evidence import Evidence
from services.nomination.domain.nomination import Nomination
from services.nomination.domain.plenary import Actor, BreakTie, DecideAppeal, Plenary, Setting, setting_of
from services.nomination.domain.season import Season
from services.nomination.domain.verdict import AskAppeal
from services.nomination.domain.verification import Verify, verify
from services.scoring.domain.ranking import Entrant, Rules, evaluate, place, standing, unplaced, unrankable
from services.scoring.domain.stage import pin
from tests.unit.nomination.scene import (
    AT,
    CHAIR,
    CONTACT,
    GORONTALO,
    ITEM,
    PLENARY_ID,
    REASON,
    REGENCIES,
    SECRETARY,
    VOTING_OFFICES,
    Scene,
    person,
    rulebook,
)

ASPECTS = ("kebijakan", "peraturan", "kinerja")
DESK = AT.model_copy(update={"tier": "national", "province": "00", "stage": "verifikasi"})
JURY = DESK.model_copy(update={"stage": "wawancara"})
APPEAL_ID = person("appeal")
OTHER_APPEAL = person("other appeal")
DISMISSED = Verdict(outcome="dismissed")
SEALED_MARKS = 3
"""How many sheets each nominee has, as many as the rubric asks for."""


def upheld(*figures: VerdictFigure, **values: str) -> Verdict:
    """Return a verdict that sets values by aspect."""
    set_ = tuple(VerdictFigure(aspect=aspect, value=value) for aspect, value in values.items())
    return Verdict(outcome="upheld", figures=(*figures, *set_))


def to(value: int | str) -> Verdict:
    """Return a verdict that sets every aspect, and so the total, to a value."""
    exact = value if isinstance(value, str) else f"{value}/1"
    return upheld(**dict.fromkeys(ASPECTS, exact))


def ending_here(quota: int = 2) -> Rulebook:
    """Return rules under which the path of regencies and cities ends with the provincial selection."""
    content = rulebook().model_dump(mode="json", exclude_none=True)
    for stage in content["stages"]:
        if (stage["tier"], stage["category"]) == ("provincial", "KABKOTA"):
            stage.pop("next")
            stage["quota"]["places"] = quota
    return Rulebook.from_content(content)


def honouring() -> Rulebook:
    """Return rules under which the province gives prizes and certificates to the first two, and sends them on."""
    content = rulebook().model_dump(mode="json", exclude_none=True)
    named = {"tier": "provincial", "categories": ["KABKOTA"], "assumed": True}
    content["prizes"] = [{**named, "rank": rank, "prize": {"id": f"Juara {rank}", "en": "A prize"}} for rank in (1, 2)]
    winner = next(one for one in content["certificates"] if one["given_to"] == "winner")
    content["certificates"].append({**winner, "code": "piagam-provinsi", "tier": "provincial"})
    return Rulebook.from_content(content)


def tied_by_vote(rules: Rulebook | None = None) -> Rulebook:
    """Return rules under which only a vote parts equal totals."""
    content = (rules or rulebook()).model_dump(mode="json", exclude_none=True)
    for rubric in content["rubrics"]:
        rubric["tie_break"] = ["vote"]
    return Rulebook.from_content(content)


Marks = Mapping[str, int] | int


class Hearing(Scene):
    """A scene in which decisions are contested."""

    # --- seals with aggregates

    def rules(self) -> Rulebook:
        season = self.season()
        assert isinstance(season, Season)
        return season.rulebook

    def seal_marks(self, marks: Mapping[str, Marks], few: Iterable[str] = (), at: Stage = AT) -> str:
        """Seal what scoring makes of these marks, the same on every sheet; those with `few` lack a sheet."""
        pinned = pin(self.rules(), self.rules().stage(at.tier, at.category, at.stage))
        rules = Rules.of(pinned)
        found = []
        for nomination, given in marks.items():
            state = self.nomination(nomination)
            assert isinstance(state, Nomination)
            sheet = dict.fromkeys(ASPECTS, given) if isinstance(given, int) else given
            sheets = [{aspect: mark * 10**6 for aspect, mark in sheet.items()}] * SEALED_MARKS
            nominated = state.nominated.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            entrant = Entrant(nomination, state.candidate.code, nominated)
            found.append(evaluate(rules, entrant, sheets[nomination in few :], {}))
        standings = tuple(standing(rules, one) for one in place(rules, found))
        lacking = tuple(_with_aggregates(unrankable(one), one.aggregates) for one in unplaced(found))
        return self.seal(
            (), at=at, standings=standings, unrankable=lacking, digest=standings_digest(standings, lacking)
        )

    # --- appeals

    def cited(self, motion: int = 1) -> tuple[Plenary, str | None]:
        plenary = self.plenary()
        assert isinstance(plenary, Plenary)
        return plenary, contested_seal(plenary, motion)

    def decide_and_announce(self, *, announced: bool = True) -> None:
        """Hold the meeting that decides on the sealed ranking, and make its result public."""
        self.given(self.convene())
        self.all_attend()
        self.given(self.table())
        self.given(self.move())
        self.carry(1)
        if announced:
            self.given(self.announce())

    def lodge(self, nomination: str, appeal: str = APPEAL_ID, **also: Any) -> Decision:
        """Lodge an appeal as the nominee's contact, now."""
        asked = LodgeAppeal(
            appeal, nomination, PLENARY_ID, 1, None, CONTACT, frozenset(), REASON, received=self.clock
        )  # fmt: skip
        command = replace(asked, **also)
        plenary = self.plenary(command.plenary)
        motion = plenary.motion(command.motion) if isinstance(plenary, Plenary) else None
        contested = Contested(plenary)
        if isinstance(plenary, Plenary) and motion is not None:
            at = plenary.stage(motion.item)
            contested = Contested(plenary, self.award(at), self.rules())
        return lodge(command, self.nomination(command.nomination), self.season(), contested)

    def case(self, appeal: str = APPEAL_ID) -> Case:
        state = self.fold(APPEAL, appeal_stream(appeal))
        if not isinstance(state, Lodged | Decided):
            return Case(appeal)
        at = state.said.at
        contested = self.plenary(state.said.plenary)
        seal = contested_seal(contested, state.said.motion)
        stages = downstream(self.rules(), at)
        award, ahead = self.award(at), self.ahead(at)
        corrections = [self.fold(APPEAL, appeal_stream(one)) for one in award.corrections.get(seal or "", ())]
        return Case(
            id=appeal,
            appeal=state,
            contested=contested,
            ranking=self.ranking(at),
            corrections=tuple(one.decided for one in corrections if isinstance(one, Decided)),
            ties=self.broken(seal),
            awards={stage.award: self.award(stage) for stage in (at, *stages)},
            rankings={stage: self.ranking(stage) for stage in stages},
            nominations=self.nominations(),
            next_decided=ahead is not None and ahead.decided,
        )

    def broken(self, seal: str | None) -> tuple[BreakTie, ...]:
        plenary = self.plenary()
        motions = plenary.motions if isinstance(plenary, Plenary) else ()
        return tuple(
            motion.question
            for motion in motions
            if isinstance(motion.question, BreakTie) and (motion.seal, motion.outcome) == (seal, "carried")
        )

    def put(
        self,
        verdict: Verdict,
        appeal: str = APPEAL_ID,
        actor: Actor = SECRETARY,
        item: AgendaItem = ITEM,
        plenary: str = PLENARY_ID,
    ) -> Decision:
        """Put a verdict to a meeting."""
        command = OpenMotion(plenary, item, actor, self.clock, AskAppeal(appeal, verdict))
        meeting = self.plenary(plenary)
        at = meeting.stage(item) if isinstance(meeting, Plenary) else AT
        evidence = replace(self.evidence(at, plenary), case=self.case(appeal))
        return open_motion(command, *self.meeting(plenary), evidence)

    def _evidence_of(self, motion: int, plenary: str) -> Evidence:
        meeting = self.plenary(plenary)
        found = meeting.motion(motion) if isinstance(meeting, Plenary) else None
        at = meeting.stage(found.item) if isinstance(meeting, Plenary) and found else AT
        evidence = self.evidence(at, plenary)
        if found is not None and isinstance(found.question, DecideAppeal):
            return replace(evidence, case=self.case(found.question.appeal))
        return evidence

    def decide(self, actor: Actor | None = None, motion: int = 1, plenary: str = PLENARY_ID) -> Decision:
        command = DecideMotion(plenary, motion, actor or Actor(CHAIR), self.clock)
        return decide_motion(command, *self.meeting(plenary), self._evidence_of(motion, plenary), self.version)

    def announce(self, actor: Actor | None = None, motion: int = 1) -> Decision:
        command = Announce(PLENARY_ID, motion, actor or Actor(CHAIR), self.clock)
        return announce(command, *self.meeting(), self._evidence_of(motion, PLENARY_ID))

    def carry(self, motion: int, vote: Vote = "for") -> list[Event]:
        """Let everybody vote on a motion, and decide it."""
        for office in VOTING_OFFICES:
            self.given(self.vote(person(office), vote, motion))
        return self.given(self.decide(motion=motion))

    def judge(self, verdict: Verdict, appeal: str = APPEAL_ID) -> list[Event]:
        """Put a verdict and carry it."""
        (opened,) = self.given(self.put(verdict, appeal))
        return self.carry(opened.motion)  # type: ignore[attr-defined]

    def setting(self) -> Setting:
        """Return the meeting as a decision sees it."""
        return setting_of(PLENARY_ID, *self.meeting())

    # --- what stands

    def has_advanced(self) -> set[str]:
        """Return who stands beyond the provincial selection, or did when it withdrew."""
        states = [state for state in self.nominations().values() if isinstance(state, Nomination)]
        return {state.id for state in states if len(state.steps) > 1}

    def certify(self, nomination: str, at: Stage = JURY, rank: int | None = None, number: str = "1/2021") -> str:
        """Issue a certificate: a winner's with a rank, a finalist's without."""
        state = self.nomination(nomination)
        assert isinstance(state, Nomination)
        issued = CertificateIssued(
            certificate=person(f"certificate {number}"),
            number=number,
            kind="piagam",
            given_to="winner" if rank else "finalist",
            nomination=nomination,
            candidate=state.candidate.name,
            at=at,
            rank=rank,
            dated=date(2021, 3, 2),
            rulebook_version=1,
        )
        self.record_one(at.award, issued)
        return issued.certificate

    def verify(self, nomination: str) -> Decision:
        """Let a member of the province's body find a nomination in order."""
        contested_ = self.award().is_contested(AT)
        command = Verify(nomination, person(VOTING_OFFICES[1]), self.clock, contested=contested_)
        return verify(command, self.nomination(nomination), self.season(), self.committee())

    def issue(self) -> list[Event]:
        """Issue the certificates that are due in the province, by its chair."""
        ids = tuple(person(f"certificate {self.count}.{index}") for index in range(20))
        asked = IssueCertificates("2020", "provincial", GORONTALO, "KABKOTA", Actor(CHAIR), self.clock, ids)
        path = Path(self.award(), self.ranking(), self.nominations(), ())
        return self.given(issue_certificates(asked, self.season(), self.committee(), path))

    def record_one(self, stream: str, event: Event) -> None:
        self.record([Emit(stream, event)])


def _with_aggregates(row: Unrankable, aggregates: Iterable[tuple[str, Fraction, int]]) -> Unrankable:
    said = tuple(
        AspectAggregate(aspect=aspect, value=f"{value.numerator}/{value.denominator}", sheets=sheets)
        for aspect, value, sheets in aggregates
    )
    return row.model_copy(update={"aspects": said})


def decided_on(
    *marks: Marks, rules: Rulebook | None = None, few: Sequence[int] = (), announced: bool = True
) -> tuple[Hearing, list[str]]:
    """Return a scene whose ranking of these marks was decided and announced, and the nominations in the same order."""
    scene = Hearing()
    scene.open(rules)
    scene.given(scene.form())
    scene.seat()
    ids = scene.nominated(*REGENCIES[: len(marks)])
    scene.seal_marks(dict(zip(ids, marks, strict=True)), few=[ids[index] for index in few])
    scene.decide_and_announce(announced=announced)
    return scene, ids


def contested(*marks: Marks, by: int = -1, **also: Any) -> tuple[Hearing, list[str]]:
    """Return the same with an appeal of one nominee, the last if none is named."""
    scene, ids = decided_on(*marks, **also)
    scene.given(scene.lodge(ids[by]))
    return scene, ids


def one(events: Iterable[Event], kind: type[Any]) -> Any:
    """Return the only event of a kind."""
    (found,) = [event for event in events if isinstance(event, kind)]
    return found


def every(events: Iterable[Event], kind: type[Any]) -> list[Any]:
    """Return the events of a kind, in order."""
    return [event for event in events if isinstance(event, kind)]


def until(scene: Hearing) -> datetime:
    """Return the last instant of the appeal window of the first decision."""
    announced = scene.award().announcements[PLENARY_ID, 1].until
    assert announced is not None
    return announced


def verdict_of(events: Iterable[Event]) -> AppealDecided:
    """Return the decision on the appeal."""
    found: AppealDecided = one(events, AppealDecided)
    return found
