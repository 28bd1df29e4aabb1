"""Admitting a nomination that was filed late: a plenary votes on it as long as its stage can be entered.

Until its deadline a stage is scored, so who is admitted can be scored like everybody else. A deadline that has passed
can be extended as long as the stage is not closed; the question waits for that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from schemas.envelope import Stage
from schemas.nomination import AdmissionMotionOpened, AgendaItem, Ballot, CandidateNominated
from services.nomination.domain.entering import check_enterable
from services.nomination.domain.evidence import Evidence
from services.nomination.domain.nomination import FiledLate, NominationState, TakenBack, Unnominated
from services.nomination.domain.plenary import Setting
from services.nomination.domain.refusals import refuse


@dataclass(frozen=True, slots=True)
class AskAdmission:
    """Ask whether a nomination that was filed late shall compete."""

    nomination: str


def admission_motion(
    asked: AskAdmission, item: AgendaItem, ballot: Ballot, setting: Setting, evidence: Evidence, received: datetime
) -> AdmissionMotionOpened:
    """Return the question whether a late nomination competes; raise Refused."""
    waiting_at(asked.nomination, item, setting, evidence, received)
    return AdmissionMotionOpened(
        plenary=setting.plenary.id,
        motion=len(setting.plenary.motions) + 1,
        item=item,
        nomination=asked.nomination,
        ballot=ballot,
    )


def waiting_at(
    nomination: str, item: AgendaItem, setting: Setting, evidence: Evidence, received: datetime
) -> FiledLate:
    """Return a nomination that waits to be admitted to an item's stage and could still be scored; raise Refused."""
    at = setting.plenary.stage(item)
    state = check_waiting(nomination, evidence.nominations.get(nomination, Unnominated()), at)
    check_enterable(at, evidence.ranking, setting.season.rulebook, received, "item")
    return state


def check_waiting(nomination: str, state: NominationState, at: Stage) -> FiledLate:
    """Return a nomination that was filed late for a stage, and neither admitted nor taken back; raise Refused."""
    if isinstance(state, Unnominated):
        raise refuse("nomination-unknown", "nomination", nomination)
    if isinstance(state, TakenBack):
        raise refuse("late-taken-back", "nomination", nomination)
    if not isinstance(state, FiledLate) or state.filed.entry != at:
        raise refuse("not-filed-late", "nomination", nomination, stage=f"{at.category}/{at.stage}")
    return state


def is_waiting(nomination: str, evidence: Evidence) -> bool:
    """Tell whether a nomination still waits and its stage is not over, so that it may yet be admitted."""
    return isinstance(evidence.nominations.get(nomination), FiledLate) and not evidence.ranking.is_over


def admitted(state: FiledLate) -> CandidateNominated:
    """Return what lets a nomination compete that was filed late: all that it said when it was filed."""
    filed = state.filed
    return CandidateNominated(
        nomination=filed.nomination,
        entry=filed.entry,
        candidate=filed.candidate,
        nominating_body=filed.nominating_body,
        nominated_by=filed.nominated_by,
        contact=filed.contact,
        sample=filed.sample,
    )
