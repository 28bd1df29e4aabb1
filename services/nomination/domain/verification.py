"""Verification and validation: a stage's body finds a nomination in order, hands it back to be mended, or rejects it.

One member of the body speaks for it, if seated with a vote and not recused on the nomination; every finding is an
event that names who. A nomination that was handed back lies with its nominating body until it is resubmitted or the
deadline has passed: the last second of the day that many days from now, in the time of the stage's place. What was
verified may be handed back again while it stands at the stage, so until the plenary decides. While an appeal against
that decision is open, also those whom it eliminated are judged: a verdict lets nobody advance who is not verified.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from kernel.decider import Emit
from schemas.nomination import (
    Defect,
    NominationRejected,
    NominationResubmitted,
    NominationReturned,
    NominationVerified,
)
from schemas.rulebook import Rulebook, Verification
from services.nomination.domain.checks import Check, Returned, Verified
from services.nomination.domain.committee import Committee, check_in_office
from services.nomination.domain.local_time import day_of, end_of, told
from services.nomination.domain.nomination import (
    Handler,
    Nomination,
    NominationState,
    check_nominating_body,
    nomination_stream,
    under_way,
)
from services.nomination.domain.plenary import voting_seat
from services.nomination.domain.refusals import decides, refuse
from services.nomination.domain.season import SeasonState, opened


@dataclass(frozen=True, slots=True)
class Verify:
    """Find a nomination in order where it stands; `person` is the verifier."""

    nomination: str
    person: str
    received: datetime
    won: bool = False
    contested: bool = False


@dataclass(frozen=True, slots=True)
class Return:
    """Hand a nomination back with what is to be mended."""

    nomination: str
    person: str
    received: datetime
    defects: tuple[Defect, ...]
    won: bool = False
    contested: bool = False
    sealed: bool = False
    """The stage's ranking is sealed, and so known."""


@dataclass(frozen=True, slots=True)
class Reject:
    """End a nomination that cannot be verified."""

    nomination: str
    person: str
    received: datetime
    reason_digest: str
    won: bool = False


@dataclass(frozen=True, slots=True)
class Resubmit:
    """Say that the defects are mended."""

    nomination: str
    handler: Handler
    received: datetime
    won: bool = False
    contested: bool = False


@dataclass(frozen=True, slots=True)
class _Case:
    """A nomination at a stage that verifies: how far the check has come, by which rules, and who judges."""

    nomination: Nomination
    rules: Rulebook
    verification: Verification
    check: Check
    office: str = ""

    def lies_with_its_body(self, received: datetime) -> datetime | None:
        """Return until when it may still be mended elsewhere, None when that is over or was never asked."""
        return self.check.until if isinstance(self.check, Returned) and received <= self.check.until else None

    def told(self, moment: datetime) -> str:
        """Return an instant as the place reads it."""
        return told(moment, self.rules.zone(self.nomination.at.province))


@decides
def verify(command: Verify, state: NominationState, season: SeasonState, committee: Committee) -> Sequence[Emit]:
    """Find a nomination in order; one that was handed back first has to come again."""
    case = _judged(command, state, season, committee)
    standing = case.nomination
    if isinstance(case.check, Verified):
        raise refuse("verified-already", "nomination", standing.id)
    if isinstance(case.check, Returned):
        raise refuse("not-resubmitted", "nomination", standing.id, until=case.told(case.check.until))
    verified = NominationVerified(
        nomination=standing.id, at=standing.at, verifier=command.person, office=case.office
    )  # fmt: skip
    return (Emit(nomination_stream(standing.id), verified),)


@decides
def return_nomination(
    command: Return, state: NominationState, season: SeasonState, committee: Committee
) -> Sequence[Emit]:
    """Hand a nomination back with its defects and a deadline; again only after that, or when it came back.

    Not one that was verified, once its rank is known: a single member could end so whoever stands first.
    """
    case = _judged(command, state, season, committee)
    standing = case.nomination
    if command.sealed and isinstance(case.check, Verified):
        raise refuse("verified-and-sealed", "nomination", standing.id)
    if (until := case.lies_with_its_body(command.received)) is not None:
        raise refuse("returned-already", "nomination", standing.id, until=case.told(until))
    returned = NominationReturned(
        nomination=standing.id,
        at=standing.at,
        verifier=command.person,
        office=case.office,
        defects=command.defects,
        until=_until(command.received, case),
    )
    return (Emit(nomination_stream(standing.id), returned),)


def _until(received: datetime, case: _Case) -> datetime:
    """Return the last instant for mending: the end, in the place's zone, of the day that many days from today."""
    zone = case.rules.zone(case.nomination.at.province)
    return end_of(day_of(received, zone) + timedelta(days=case.verification.days_to_mend), zone)


@decides
def resubmit(command: Resubmit, state: NominationState, season: SeasonState) -> Sequence[Emit]:
    """Hand a mended nomination in again, by its nominating body, before the deadline."""
    standing = under_way(command.nomination, state, won=command.won, contested=command.contested)
    check_nominating_body(command.handler.scopes, standing)
    case = _case(standing, season)
    if not isinstance(case.check, Returned):
        raise refuse("not-returned", "nomination", standing.id)
    if command.received > case.check.until:
        raise refuse("mended-too-late", "nomination", standing.id, until=case.told(case.check.until))
    return (Emit(nomination_stream(standing.id), NominationResubmitted(nomination=standing.id, at=standing.at)),)


@decides
def reject(command: Reject, state: NominationState, season: SeasonState, committee: Committee) -> Sequence[Emit]:
    """End a nomination: one that was handed back only after its deadline or when it came back in vain."""
    case = _judged(command, state, season, committee)
    standing = case.nomination
    if (until := case.lies_with_its_body(command.received)) is not None:
        raise refuse("rejected-too-early", "nomination", standing.id, until=case.told(until))
    if isinstance(case.check, Verified):
        raise refuse("verified-not-rejected", "nomination", standing.id)
    rejected = NominationRejected(
        nomination=standing.id,
        at=standing.at,
        verifier=command.person,
        office=case.office,
        reason_digest=command.reason_digest,
    )
    return (Emit(nomination_stream(standing.id), rejected),)


def _case(standing: Nomination, season: SeasonState, office: str = "") -> _Case:
    """Return a nomination's check at the stage where it stands; refuse where nothing is verified."""
    at = standing.at
    rules = opened(season, at.season).rulebook
    verification = rules.stage(at.tier, at.category, at.stage).verification
    if verification is None:
        raise refuse("stage-without-verification", "nomination", f"{at.category}/{at.stage}")
    return _Case(standing, rules, verification, standing.check_at(at), office)


def _judged(
    command: Verify | Return | Reject, state: NominationState, season: SeasonState, committee: Committee
) -> _Case:
    """Return the case before a member of the stage's body in office, who is seated with a vote and not recused."""
    contested = not isinstance(command, Reject) and command.contested
    standing = under_way(command.nomination, state, won=command.won, contested=contested)
    case = _case(standing, season)
    at, rules = standing.at, case.rules
    body = rules.body(rules.stage(at.tier, at.category, at.stage))
    formed = committee.formed(body.code)
    check_in_office(formed, command.received, rules.zone(at.province), "nomination")
    seat = voting_seat(command.person, body, formed, "actor")
    if command.person in committee.recused(rules.conflicts, at.category, {standing.id: standing.candidate}):
        raise refuse("recused-on-nomination", "actor", standing.candidate.name)
    return _case(standing, season, seat.office)
