"""Voting on a motion: openly, one by one; or secretly on paper, whose count two members confirm.

Both need the quorum of the item at that moment: present, unrecused members, counted anew. What is counted goes by the
rulebook that the motion's seal was made under: who holds a seat that only a later version has takes no part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from kernel.decider import Emit
from schemas.nomination import BallotConfirmed, BallotTallied, Quorum, Tally, Vote, VoteCast
from schemas.rulebook import Body
from services.nomination.domain.admission import check_waiting
from services.nomination.domain.committee import Committee
from services.nomination.domain.evidence import rules_of
from services.nomination.domain.motion import ballots, check_ballots, check_quorum, left_voters, quorum_of, recused_on
from services.nomination.domain.nomination import NominationState, Unnominated
from services.nomination.domain.plenary import (
    Actor,
    AdmitLate,
    BreakTie,
    DecideAppeal,
    Motion,
    Plenary,
    PlenaryState,
    Propose,
    Setting,
    check_office,
    in_session,
    offices_of,
    plenary_stream,
    voting_seat,
)
from services.nomination.domain.ranking import Ranking
from services.nomination.domain.refusals import decides, refuse
from services.nomination.domain.season import SeasonState


def rests_on_tabled(motion: Motion, plenary: Plenary) -> bool:
    """Tell whether a motion does not need the ranking that lies before the meeting, or rests on just that one."""
    match motion.question:
        case Propose() | BreakTie():
            tabled = plenary.tabled.get(motion.item)
            return tabled is not None and tabled.seal == motion.seal
        case AdmitLate() | DecideAppeal():
            return True
        case _:
            assert_never(motion.question)


def undecided(number: int, plenary: Plenary) -> Motion:
    """Return a motion that can still be voted on and decided: a newly tabled seal sets those on the old one aside."""
    motion = plenary.motion(number)
    if motion is None:
        raise refuse("motion-unknown", "motion", number)
    if motion.outcome is not None:
        raise refuse("motion-closed", "motion", number)
    if not rests_on_tabled(motion, plenary):
        raise refuse("seal-superseded", "motion", motion.seal)
    return motion


def is_lot(motion: Motion) -> bool:
    """Tell whether the motion is decided by lot, so that nobody votes on it."""
    return isinstance(motion.question, BreakTie) and motion.question.method == "lot"


@dataclass(frozen=True, slots=True)
class _Polled:
    """A motion under vote, with what counts for it now."""

    motion: Motion
    body: Body
    version: int
    """The version of the rulebook that `body` is of."""
    recused: frozenset[str]
    quorum: Quorum


def _polled(number: int, setting: Setting, ranking: Ranking, nominations: Mapping[str, NominationState]) -> _Polled:
    """Return a motion that is voted on, without asking for its quorum."""
    motion = undecided(number, setting.plenary)
    if is_lot(motion):
        raise refuse("lot-takes-no-votes", "motion", motion.number)
    if isinstance(motion.question, AdmitLate):
        late = motion.question.nomination
        check_waiting(late, nominations.get(late, Unnominated()), setting.plenary.stage(motion.item))
    rules = rules_of(motion.seal, setting, ranking)
    body = rules.body(setting.plenary.body)
    recused = recused_on(motion, setting.committee, rules, nominations)
    if left_voters(motion, body, setting.formed, recused):
        raise refuse("voters-changed", "motion", motion.number)
    return _Polled(
        motion, body, rules.version, recused, quorum_of(body, setting.formed, recused, setting.plenary.present)
    )


def _check_takes_part(person: str, polled: _Polled, setting: Setting) -> str:
    """Return the office of a seated, present member who is not recused on the motion; refuse others."""
    seat = voting_seat(person, setting.rules, setting.formed, "actor")
    if not polled.body.votes(seat.office, seat.number):
        raise refuse("seat-of-later-rules", "actor", seat.office, seat=seat.number, version=polled.version)
    if person in polled.recused:
        raise refuse("recused", "actor")
    if person not in setting.plenary.present:
        raise refuse("not-present", "actor")
    return seat.office


# --- open votes ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CastVote:
    """Vote openly on a motion."""

    plenary: str
    motion: int
    vote: Vote
    actor: Actor
    received: datetime


@decides
def cast_vote(
    command: CastVote,
    plenary: PlenaryState,
    season: SeasonState,
    committee: Committee,
    ranking: Ranking,
    nominations: Mapping[str, NominationState],
) -> Sequence[Emit]:
    """Count a vote of a seated, present member who is not recused on any candidate of the motion, once."""
    setting = in_session(command.plenary, plenary, season, committee, command.received)
    polled = _polled(command.motion, setting, ranking, nominations)
    motion, person = polled.motion, command.actor.person
    if motion.ballot == "paper":
        raise refuse("ballot-secret", "motion", motion.number)
    office = _check_takes_part(person, polled, setting)
    if person in motion.votes:
        raise refuse("voted-already", "motion", motion.number)
    check_quorum(polled.quorum, "motion")
    cast = VoteCast(plenary=command.plenary, motion=motion.number, person=person, office=office, vote=command.vote)
    return (Emit(plenary_stream(command.plenary), cast),)


# --- secret votes on paper -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TallyBallot:
    """State the count of a secret vote on paper."""

    plenary: str
    motion: int
    tally: Tally
    invalid: int
    actor: Actor
    received: datetime


@decides
def tally_ballot(
    command: TallyBallot,
    plenary: PlenaryState,
    season: SeasonState,
    committee: Committee,
    ranking: Ranking,
    nominations: Mapping[str, NominationState],
) -> Sequence[Emit]:
    """State a count, by the secretary. Another one replaces it and is confirmed anew; the same changes nothing."""
    setting = in_session(command.plenary, plenary, season, committee, command.received)
    check_office(command.actor, setting.rules, setting.formed, offices_of(setting.rules, "clerk"))
    polled = _polled(command.motion, setting, ranking, nominations)
    motion = polled.motion
    _check_on_paper(motion)
    check_quorum(polled.quorum, "motion")
    check_ballots(ballots(command.tally, command.invalid), polled.quorum.present, "tally")
    if (motion.tally, motion.invalid) == (command.tally, command.invalid) and _counted_now(motion, setting):
        return ()
    tallied = BallotTallied(plenary=command.plenary, motion=motion.number, tally=command.tally, invalid=command.invalid)
    return (Emit(plenary_stream(command.plenary), tallied),)


def _counted_now(motion: Motion, setting: Setting) -> bool:
    """Tell whether the count was stated of just those who are present now."""
    return motion.counted_among == setting.plenary.present


def _check_on_paper(motion: Motion) -> None:
    if motion.ballot != "paper":
        raise refuse("ballot-open", "motion", motion.number)


@dataclass(frozen=True, slots=True)
class ConfirmBallot:
    """Confirm the count of a secret vote on paper; `tally` and `invalid`, if given, are what the member saw counted."""

    plenary: str
    motion: int
    actor: Actor
    received: datetime
    tally: Tally | None = None
    invalid: int = 0


@decides
def confirm_ballot(
    command: ConfirmBallot,
    plenary: PlenaryState,
    season: SeasonState,
    committee: Committee,
    ranking: Ranking,
    nominations: Mapping[str, NominationState],
) -> Sequence[Emit]:
    """Confirm the stated count, once, as a seated, present and unrecused member other than who stated it."""
    setting = in_session(command.plenary, plenary, season, committee, command.received)
    polled = _polled(command.motion, setting, ranking, nominations)
    motion, person = polled.motion, command.actor.person
    _check_on_paper(motion)
    office = _check_takes_part(person, polled, setting)
    if motion.tally is None:
        raise refuse("ballot-uncounted", "motion", motion.number)
    if command.tally is not None and (command.tally, command.invalid) != (motion.tally, motion.invalid):
        raise refuse("tally-differs", "tally", _told(command.tally, command.invalid), stated=_stated(motion))
    if person == motion.teller:
        raise refuse("confirmed-by-teller", "actor", motion.number)
    if person in motion.confirmed:
        raise refuse("confirmed-already", "motion", motion.number)
    confirmed = BallotConfirmed(plenary=command.plenary, motion=motion.number, person=person, office=office)
    return (Emit(plenary_stream(command.plenary), confirmed),)


def _stated(motion: Motion) -> str:
    return "-" if motion.tally is None else _told(motion.tally, motion.invalid)


def _told(tally: Tally, invalid: int) -> str:
    """Return a count as for/against/abstained/invalid."""
    return f"{tally.votes_for}/{tally.votes_against}/{tally.abstained}/{invalid}"
