"""A nomination that comes after its window: it is filed, and competes only when a plenary admits it.

The window decides on which side a nomination falls: while it is open there is nothing late. Once scoring of the stage
where the path begins is over in that place, nobody can be admitted to it any more, and so nothing is filed. Until it is
admitted, who filed it may correct it or take it back; what it says when the plenary decides is what competes.
"""

from __future__ import annotations

from collections.abc import Sequence

from kernel.decider import Emit
from schemas.nomination import NominationFiledLate
from services.nomination.domain.entering import check_enterable
from services.nomination.domain.nomination import (
    Nominate,
    NominationState,
    Settled,
    check_first,
    nomination_stream,
    province_of,
    settled_candidate,
    window_refusal,
)
from services.nomination.domain.ranking import Ranking
from services.nomination.domain.refusals import Refused, decides, refuse
from services.nomination.domain.season import SeasonState, opened


@decides
def settle_late(command: Nominate, season: SeasonState) -> Settled:
    """Check a late nomination against the season's rules; its window must have closed."""
    settled = settled_candidate(command, season)
    outside = window_refusal(command.received, province_of(settled.candidate), opened(season, command.season))
    if outside is None:
        raise refuse("window-still-open", "season", command.season)
    if outside.code != "window-closed":
        raise Refused(outside)
    return settled


@decides
def file_late(
    command: Nominate, settled: Settled, state: NominationState, ranking: Ranking, reason_digest: str
) -> Sequence[Emit]:
    """File a nomination late, once, as long as it could still be scored in the stage that it would enter."""
    check_first(settled, state)
    check_enterable(settled.entry, ranking, settled.rules, command.received, "category")
    filed = NominationFiledLate(
        nomination=settled.nomination,
        entry=settled.entry,
        candidate=settled.candidate,
        nominating_body=command.nominating_body,
        nominated_by=command.actor,
        contact=command.contact,
        sample=command.sample,
        reason_digest=reason_digest,
    )
    return (Emit(nomination_stream(settled.nomination), filed),)
