"""Corrigenda: what the minutes of a meeting say wrongly is corrected beside them and never in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kernel.decider import Emit
from schemas.nomination import MinutesCorrected
from services.nomination.domain.committee import Committee
from services.nomination.domain.plenary import (
    Actor,
    PlenaryState,
    check_office,
    meeting_of,
    offices_of,
    plenary_stream,
)
from services.nomination.domain.refusals import decides
from services.nomination.domain.season import SeasonState


@dataclass(frozen=True, slots=True)
class CorrectMinutes:
    """Correct the minutes; the text is kept beside the events under its digest."""

    plenary: str
    text_digest: str
    actor: Actor


@decides
def correct_minutes(
    command: CorrectMinutes, plenary: PlenaryState, season: SeasonState, committee: Committee
) -> Sequence[Emit]:
    """Number a corrigendum, by the secretary; the meeting may be over by then."""
    setting = meeting_of(command.plenary, plenary, season, committee)
    check_office(command.actor, setting.rules, setting.formed, offices_of(setting.rules, "clerk"))
    number = setting.plenary.corrections + 1
    corrected = MinutesCorrected(plenary=command.plenary, number=number, text_digest=command.text_digest)
    return (Emit(plenary_stream(command.plenary), corrected),)
