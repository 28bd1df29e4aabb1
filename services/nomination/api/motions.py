"""Motions over HTTP: questions put in a meeting, voted on openly or on paper, decided and announced."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Annotated, Final, Literal, assert_never

from fastapi import APIRouter
from pydantic import Field

from kernel.canonical import Json
from kernel.decider import FieldFault, Text
from kernel.problems import Problem, invalid
from schemas.envelope import Uuid
from schemas.nomination import Ballot, Tally, Vote
from services.nomination.api.appeals import VerdictBody, asked_appeal
from services.nomination.api.meeting import MOTION, PLENARY, InMeeting
from services.nomination.api.parts import Body, ItemBody, MotionPath
from services.nomination.domain.admission import AskAdmission
from services.nomination.domain.announcing import Announce
from services.nomination.domain.deciding import Asked, AskProposal, DecideMotion, OpenMotion
from services.nomination.domain.ties import AskTie
from services.nomination.domain.voting import CastVote, ConfirmBallot, TallyBallot
from services.nomination.programs import plenaries as programs

router = APIRouter()

Kind = Literal["propose", "break-tie", "admit-late", "decide-appeal"]
Papers = Annotated[int, Field(ge=0, le=10_000)]
_SEED_BYTES: Final = 32
_FIELDS: Final[Mapping[Kind, frozenset[str]]] = {
    "propose": frozenset({"advancing"}),
    "break-tie": frozenset({"rank", "order", "method"}),
    "admit-late": frozenset({"nomination"}),
    "decide-appeal": frozenset({"appeal", "verdict"}),
}
"""What each kind of question is asked with, beside its item and ballot."""


class MotionBody(ItemBody):
    """The question to put, by its kind.

    `propose`: ranks 1 to the quota advance; `advancing`, if sent, must be just who the quota admits, in rank order.
    `break-tie`: those who share `rank` stand in this `order` (by vote), or as the lot falls (`method` lot, no order).
    `admit-late`: a `nomination` that was filed late competes.
    `decide-appeal`: the `appeal` is decided by this `verdict`.
    """

    kind: Kind = "propose"
    ballot: Annotated[Ballot, Field(description="`paper`: a secret vote, whose count two members confirm.")] = "open"
    advancing: Annotated[list[Uuid] | None, Field(max_length=1000)] = None
    rank: Annotated[int | None, Field(ge=1, le=10_000)] = None
    order: Annotated[list[Uuid] | None, Field(min_length=1, max_length=1000)] = None
    method: Literal["vote", "lot"] | None = None
    nomination: Uuid | None = None
    appeal: Uuid | None = None
    verdict: VerdictBody | None = None

    @property
    def asked(self) -> Asked:
        """Return the question; raise a 422 for what is missing or belongs to another kind."""
        self._refuse_strangers()
        match self.kind:
            case "propose":
                return AskProposal(None if self.advancing is None else tuple(self.advancing))
            case "break-tie":
                order = None if self.order is None else tuple(self.order)
                if self.rank is None:
                    raise _missing("rank", self.kind)
                if self.method is None:
                    raise _missing("method", self.kind)
                # Drawn here, since the domain asks nobody; it is used for a lot only, and only for the first one.
                return AskTie(self.rank, self.method, order, secrets.token_hex(_SEED_BYTES))
            case "admit-late":
                if self.nomination is None:
                    raise _missing("nomination", self.kind)
                return AskAdmission(self.nomination)
            case "decide-appeal":
                return asked_appeal(self.appeal, self.verdict)
            case _:
                assert_never(self.kind)

    def _refuse_strangers(self) -> None:
        """Refuse a field that belongs to another kind of question: who sends it means something else."""
        others = frozenset[str]().union(*_FIELDS.values()) - _FIELDS[self.kind]
        strange = next((name for name in sorted(others) if getattr(self, name) is not None), None)
        if strange is not None:
            remedy = Text(
                f"Leave it out: a motion of kind {self.kind} has no {strange}.",
                f"Hilangkan: usul jenis {self.kind} tidak memuat {strange}.",
            )
            raise invalid((FieldFault(strange, None, remedy),))


def _missing(name: str, kind: Kind) -> Problem:
    remedy = Text(f"Send it with a motion of kind {kind}.", f"Kirim bersama usul jenis {kind}.")
    return invalid((FieldFault(name, None, remedy),))


class VoteBody(Body):
    """An open vote."""

    vote: Vote


class TallyBody(Body):
    """The count of a secret vote on paper."""

    votes_for: Annotated[Papers, Field(alias="for")]
    against: Papers
    abstained: Papers
    invalid: Papers = 0

    @property
    def tally(self) -> Tally:
        """Return the valid papers as they are counted."""
        return Tally(votes_for=self.votes_for, votes_against=self.against, abstained=self.abstained)


class ConfirmBody(Body):
    """What the member saw counted; if sent, it must be what is stated, should that have changed meanwhile."""

    tally: TallyBody | None = None


@router.post(f"{PLENARY}/motions", tags=["plenaries"], summary="Open a motion")
async def open_motion(meeting: InMeeting, body: MotionBody) -> Json:
    """Put a question on an item, by chair or secretary, while there is a quorum for it; one at a time on an item.

    Propose that ranks 1 to the quota of the tabled seal advance and everybody else leaves; break a tie by vote or by
    lot, as the rubric has it; admit a nomination that was filed late; or decide an appeal.
    """
    asked = OpenMotion(meeting.plenary, body.item, meeting.actor, meeting.received, body.asked, body.ballot)
    return await meeting.do(programs.moving(asked, await meeting.roll()))


@router.post(f"{MOTION}/votes", tags=["plenaries"], summary="Vote on a motion")
async def cast_vote(meeting: InMeeting, motion: MotionPath, body: VoteBody) -> Json:
    """Vote openly, once, as a seated, present and unrecused member, while there is a quorum."""
    cast = CastVote(meeting.plenary, motion, body.vote, meeting.actor, meeting.received)
    return await meeting.do(programs.voting(cast))


@router.post(f"{MOTION}/tally", tags=["plenaries"], summary="State the count of a secret vote")
async def tally_ballot(meeting: InMeeting, motion: MotionPath, body: TallyBody) -> Json:
    """State the count of a vote on paper, by the secretary; another count replaces it and is confirmed anew."""
    stated = TallyBallot(meeting.plenary, motion, body.tally, body.invalid, meeting.actor, meeting.received)
    return await meeting.do(programs.tallying(stated))


@router.post(f"{MOTION}/confirm", tags=["plenaries"], summary="Confirm the count of a secret vote")
async def confirm_ballot(meeting: InMeeting, motion: MotionPath, body: ConfirmBody) -> Json:
    """Confirm the stated count as a seated, present and unrecused member; it takes two before it is decided on."""
    counted = body.tally
    confirmed = ConfirmBallot(
        meeting.plenary,
        motion,
        meeting.actor,
        meeting.received,
        None if counted is None else counted.tally,
        0 if counted is None else counted.invalid,
    )
    return await meeting.do(programs.confirming(confirmed))


@router.post(f"{MOTION}/decide", tags=["plenaries"], summary="Decide a motion")
async def decide_motion(meeting: InMeeting, motion: MotionPath) -> Json:
    """Close a motion by its votes; every candidate advances, wins, leaves or enters in the same append."""
    decided = DecideMotion(meeting.plenary, motion, meeting.actor, meeting.received)
    return await meeting.do(programs.deciding(decided, await meeting.roll()))


@router.post(f"{MOTION}/announce", tags=["plenaries"], summary="Announce a decided ranking")
async def announce(meeting: InMeeting, motion: MotionPath) -> Json:
    """Make a carried decision public, once, by the office that publishes; the appeal window opens."""
    announced = Announce(meeting.plenary, motion, meeting.actor, meeting.received)
    return await meeting.do(programs.announcing(announced, await meeting.roll()))
