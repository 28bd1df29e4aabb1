"""What was measured of a nominee, over HTTP: for whom it is about, so that a dispute can say what is wrong."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from kernel.canonical import Json
from kernel.decider import Text
from kernel.problems import not_found
from kernel.reads import Here
from schemas.envelope import Uuid
from services.scoring.domain.received import NOMINATION, Nomination
from services.scoring.nominee_reads import measures_of
from services.scoring.rights import MeasureReader, may_see_measures

router = APIRouter()

NominationPath = Annotated[Uuid, Path(description="The nomination's id.")]


@router.get(
    "/v1/nominations/{nomination}/measures", tags=["facts"], summary="Show what was measured of one's own nominee"
)
async def show_measures(here: Here, person: MeasureReader, nomination: NominationPath) -> Json:
    """Show a nominee's measured figures as they stand now, by measure, to its contact, its nominating body, auditors.

    Of each: what was last measured, in which wording of which version of the rulebook; `lack` where there is no ratio;
    the `aspects` of the stages it reached that take it, with the figure on their scale (exact, as 171/2); and, of an
    employer, the `months` behind it as the ledger has them now, in rupiah. `in_force` is the wording of the rulebook
    now. A measure of which no fact was ever there is not listed. Marks and ranks are not told here, and a seal keeps
    the figure that it took, whatever is measured later.
    """
    state = await here.executor.state(NOMINATION, f"nomination/{nomination}")
    if not isinstance(state, Nomination) or not may_see_measures(person, state):
        raise not_found(
            Text("There is no such nomination of yours.", "Tidak ada usulan itu di antara usulan Anda."),
        )
    return await measures_of(here, state)
