"""Verification and validation over HTTP, at the stages whose rules have it."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import Field

from kernel.canonical import Json
from kernel.http import CommandRequest, answer
from kernel.reads import Here
from kernel.service import Service
from schemas.nomination import Defect
from services.nomination.api.handling import committee_office_there, handler_of
from services.nomination.api.parts import Body, MeetingCommand, NominationPath, Reason, ReasonBody, SecretariatCommand
from services.nomination.domain.verification import Reject, Resubmit, Return, Verify
from services.nomination.programs import nominations as programs
from services.nomination.texts import digest_of_reason

router = APIRouter()
_NOMINATION = "/v1/nominations/{nomination}"


class DefectBody(Body):
    """One thing to mend."""

    part: Literal["candidate", "contact", "evidence", "figures", "other"]
    text: Reason


class ReturnBody(Body):
    """What is to be mended."""

    defects: Annotated[list[DefectBody], Field(min_length=1, max_length=50)]


@router.post(f"{_NOMINATION}/verify", tags=["verification"], summary="Find a nomination in order")
async def verify(here: Here, command: MeetingCommand, nomination: NominationPath) -> Json:
    """Verify a nomination where it stands, as a voting member of the stage's body who is not recused on it."""
    verifying = Verify(nomination, command.actor, command.received)
    ask = command.ask(await committee_office_there(here, command.person, nomination))
    return answer(await here.executor.execute(ask, programs.verifying(verifying)))


@router.post(f"{_NOMINATION}/return", tags=["verification"], summary="Hand a nomination back to be mended")
async def return_nomination(here: Here, command: MeetingCommand, nomination: NominationPath, body: ReturnBody) -> Json:
    """Return a nomination with its defects; the deadline follows from the rulebook's days to mend."""
    returning = Return(nomination, command.actor, command.received, await _defects(here, command, body))
    ask = command.ask(await committee_office_there(here, command.person, nomination))
    return answer(await here.executor.execute(ask, programs.returning(returning)))


async def _defects(here: Service, command: CommandRequest, body: ReturnBody) -> tuple[Defect, ...]:
    """Keep what each defect says beside the events."""
    return tuple(
        [
            Defect(part=defect.part, text_digest=await digest_of_reason(here, command, defect.text))
            for defect in body.defects
        ]
    )


@router.post(f"{_NOMINATION}/resubmit", tags=["verification"], summary="Hand a mended nomination in again")
async def resubmit(here: Here, command: SecretariatCommand, nomination: NominationPath) -> Json:
    """Say that the defects are mended, as the secretariat that nominated, before the deadline."""
    resubmitting = Resubmit(nomination, handler_of(command.person), command.received)
    return answer(await here.executor.execute(command.ask("secretariat"), programs.resubmitting(resubmitting)))


@router.post(f"{_NOMINATION}/reject", tags=["verification"], summary="End a nomination that cannot be verified")
async def reject(here: Here, command: MeetingCommand, nomination: NominationPath, body: ReasonBody) -> Json:
    """Reject a nomination; a returned one only after its deadline, or when it was resubmitted in vain."""
    digest = await digest_of_reason(here, command, body.reason)
    rejecting = Reject(nomination, command.actor, command.received, digest)
    ask = command.ask(await committee_office_there(here, command.person, nomination))
    return answer(await here.executor.execute(ask, programs.rejecting(rejecting)))
