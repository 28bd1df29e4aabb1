"""Stages over HTTP: opened, scorers drawn, extended, closed, sealed; and the checklist that comes before."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Request
from pydantic import Field

from kernel.body import Moment
from kernel.canonical import Json
from kernel.decider import FieldFault, Text
from kernel.http import CommandRequest, answer, command_by
from kernel.persons import with_names
from kernel.problems import invalid, not_found
from kernel.reads import AtLeast, Here, wait_until_folded
from kernel.service import Service
from kernel.tokens import Person, require
from schemas.envelope import Stage
from services.scoring import programs
from services.scoring.api.parts import STAGE_PATH, At, Body, Reason, SecretaryCommand, digest_once, refuse_other_place
from services.scoring.checklist import Competitor, Picture, checklist, members_in
from services.scoring.domain.assignment import AssignScorers
from services.scoring.domain.indicator import INDICATOR, indicator_stream, is_measured
from services.scoring.domain.overrun import overrun
from services.scoring.domain.received import AWARD, COMMITTEE, Nominee, committee_stream
from services.scoring.domain.seal import SealRanking
from services.scoring.domain.stage import RANKING, CloseStage, ExtendScoring, OpenStage, Unopened
from services.scoring.reads import (
    SQL,
    awards_of_category,
    local_deadline,
    may_see_provisional,
    ranking_now,
    roll_of_stage,
    season_of,
    sheets_of_stage,
)

router = APIRouter()

_SEED_BYTES = 32


@router.post(f"/v1/rankings{STAGE_PATH}/open", tags=["stages"], summary="Open a stage for scoring")
async def open_stage(here: Here, command: SecretaryCommand, at: At) -> Json:
    """Pin the season's rulebook in force and let the body's members file sheets within the stage's window."""
    refuse_other_place(command.person, at)
    outcome = await here.executor.execute(command.ask("secretary"), programs.opening(OpenStage(at, command.received)))
    return answer(outcome)


@router.post(f"/v1/rankings{STAGE_PATH}/assign", tags=["stages"], summary="Draw who scores whom")
async def assign_scorers(here: Here, request: Request, command: SecretaryCommand, at: At) -> Json:
    """Draw members for every nominee that has fewer scorers than the rulebook asks for; what was drawn stays.

    The draw follows from its seed by SHA-256 alone, so anybody can repeat it. The service makes the seed: whoever could
    choose it could try seeds until the wanted members fall.
    """
    refuse_other_place(command.person, at)
    if (await request.body()).strip() not in (b"", b"{}", b"null"):
        remedy = Text("Send no body: nobody chooses the seed.", "Kirim tanpa isi: tidak ada yang memilih benih undian.")
        raise invalid((FieldFault("body", None, remedy),))

    async def roll(stage: Stage) -> list[str]:
        return await roll_of_stage(here, stage)

    assign = AssignScorers(at, command.actor, secrets.token_hex(_SEED_BYTES), command.received)
    return answer(await here.executor.execute(command.ask("secretary"), programs.assigning(assign, roll)))


class ExtensionBody(Body):
    """A later deadline and the reason for it."""

    until: Annotated[Moment, Field(description="The last second at which sheets are received, with its offset.")]
    reason: Reason


ExtenderCommand = Annotated[CommandRequest, Depends(command_by("secretary", "season-admin"))]


@router.post(f"/v1/rankings{STAGE_PATH}/extend", tags=["stages"], summary="Extend a stage's deadline, with a reason")
async def extend_stage(here: Here, command: ExtenderCommand, at: At, body: ExtensionBody) -> Json:
    """Let sheets be received until later, within the season and before the stage is closed; it is recorded.

    The answer's `warning` says (else null) that the next stage's window begins before the new deadline.
    """
    office = "season-admin" if command.person.may("season-admin", season=at.season) else "secretary"
    if office == "secretary":
        refuse_other_place(command.person, at)
    receipt = await _extended(here, command, at, body, office)
    warned = overrun(await season_of(here, at.season), at, body.until)
    return {**receipt, "warning": None if warned is None else {"en": warned.en, "id": warned.id}}


async def _extended(here: Service, command: CommandRequest, at: Stage, body: ExtensionBody, office: str) -> Json:
    digest = await digest_once(here, command, body.reason)
    if isinstance(digest, dict):
        return digest
    extend = ExtendScoring(at, command.actor, body.until, digest, command.received)
    return answer(await here.executor.execute(command.ask(office), programs.extending(extend)))


@router.post(f"/v1/rankings{STAGE_PATH}/close", tags=["stages"], summary="Close a stage after its deadline")
async def close_stage(here: Here, command: SecretaryCommand, at: At) -> Json:
    """End the filing of sheets; not before the deadline, its last second included, nor while an appeal holds the stage.

    Whom a verdict lets in is marked here, and the deadline of a closed stage can be extended no more.
    """
    refuse_other_place(command.person, at)

    async def awards(stage: Stage) -> list[str]:
        return await awards_of_category(here, stage)

    closing = programs.closing(CloseStage(at, command.received), awards)
    return answer(await here.executor.execute(command.ask("secretary"), closing))


@router.post(f"/v1/rankings{STAGE_PATH}/seal", tags=["stages"], summary="Seal a closed stage's ranking")
async def seal_ranking(here: Here, command: SecretaryCommand, at: At) -> Json:
    """Compute the standings from the streams themselves and close them by a hash.

    A sealed ranking is sealed anew only after an order that cites its seal.
    """
    refuse_other_place(command.person, at)

    async def roll(stage: Stage) -> list[str]:
        return await roll_of_stage(here, stage)

    async def sheets(nominations: Sequence[str], stage: Stage) -> list[str]:
        return await sheets_of_stage(here, nominations, stage)

    async def awards(stage: Stage) -> list[str]:
        return await awards_of_category(here, stage)

    program = programs.sealing(SealRanking(at, command.actor, command.received), roll, sheets, awards)
    outcome = await here.executor.execute(command.ask("secretary"), program)
    return answer(outcome)


# --- the checklist -------------------------------------------------------------------------------------------------


@router.get(f"/v1/rankings{STAGE_PATH}/checklist", tags=["stages"], summary="Show what is left before the seal")
async def show_checklist(
    here: Here,
    request: Request,
    person: Annotated[Person, Depends(require("secretary", "auditor"))],
    at: At,
    at_least: AtLeast = None,
) -> Json:
    """Show who has not filed, who cannot be ranked and why, who is recused, and whether a tie stands at the cut.

    It holds no marks and no aggregates; whether a tie stands is told before the seal only to auditors, and to a
    secretary who has read the provisional ranking.
    Members are ids; `persons` has the names that identity knows.
    """
    if not person.throughout("auditor", at.season):
        refuse_other_place(person, at)
    for projection in ("rankings", "stage_members", "sheets"):
        await wait_until_folded(here, projection, at_least, person)
    position = str(await here.position("rankings"))
    heading, *lines = await ranking_now(here, at)
    said: Json = orjson.loads(heading["heading"])
    picture = await _picture(here, at, lines)
    with_ties = heading["seal"] is not None or (
        _has_seen(person, picture) and await may_see_provisional(here, person, said)
    )
    told = checklist(picture, with_ties=with_ties)
    return {
        **await with_names(request.app.state.directory, told, members_in(told)),
        "closes": said["closes"],
        **local_deadline(said["closes"], picture.season, at.province),
        "position": position,
    }


def _has_seen(person: Person, picture: Picture) -> bool:
    return person.throughout("auditor", picture.at.season) or person.id in picture.ranking.readers


async def _picture(here: Service, at: Stage, lines: Sequence[Json]) -> Picture:
    """Return what is known of a stage now; raise a 404 when it was never opened."""
    ranking = await here.executor.state(RANKING, at.ranking)
    if isinstance(ranking, Unopened):
        raise not_found(Text("This stage was not opened for scoring.", "Tahap ini belum dibuka untuk penilaian."))
    competing = await here.pool.fetch(SQL["competing"], at.ranking)
    sheets = await here.pool.fetch(SQL["sheets_of_ranking"], at.ranking)
    awards = [await here.executor.state(AWARD, stream) for stream in await awards_of_category(here, at)]
    unranked = [
        line["nomination"] for line in lines if line["reason"] is not None and is_measured(ranking.opened.rules)
    ]
    return Picture(
        at=at,
        ranking=ranking,
        season=await season_of(here, at.season),
        committee=await here.executor.state(COMMITTEE, committee_stream(at)),
        competing=[
            Competitor(Nominee(row["nomination"], at.category, row["kind"], row["candidate"]), row["name"])
            for row in competing
        ],
        sheets={(row["nomination"], row["member"]): row["status"] for row in sheets},
        lines=lines,
        appeals=sorted({appeal for award in awards for appeal in award.holding(at)}),
        indicators={one: await here.executor.state(INDICATOR, indicator_stream(one)) for one in unranked},
    )
