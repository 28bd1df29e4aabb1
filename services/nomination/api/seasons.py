"""Seasons over HTTP: opened, amended, extended, frozen and closed by administrators, shown to everybody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Depends
from pydantic import BeforeValidator, Field, StringConstraints, TypeAdapter, ValidationError, WithJsonSchema

from kernel.canonical import Json
from kernel.commands import Program
from kernel.decider import FieldFault, Text
from kernel.http import CommandRequest, answer
from kernel.paging import Paged, page_of
from kernel.problems import Unfit, forbidden, invalid, not_found
from kernel.reads import AtLeastPosition, Here
from kernel.service import Service
from kernel.tokens import Person, require_second
from schemas.envelope import ProvinceCode
from schemas.rulebook import LOCAL_PATTERN, Assumed, ClosingSecond, Rulebook, Source, provenance
from schemas.rulebook_file import read_rulebook
from services.nomination.api.parts import (
    SQL,
    AdminCommand,
    Body,
    DryRun,
    Reason,
    ReasonBody,
    SeasonPath,
    bodies_of,
    named,
    position_of,
    rehearsed,
)
from services.nomination.domain.amending import AmendRulebook
from services.nomination.domain.season import ByTwo, ExtendNomination
from services.nomination.programs import seasons as programs
from services.nomination.rights import administers, check_administers
from services.nomination.texts import digest_of_reason

router = APIRouter()


_SEASON: Final = "/v1/seasons/{season}"
_NO_REASON: Final = "0" * 64
"""Stands for the digest of a reason where nothing is done and so none is kept."""
_LAST_SECOND: Final = TypeAdapter[datetime](ClosingSecond)


def _last_second(value: Any) -> datetime:
    """Read a local date, meaning its last second, or a local date and time, as rulebooks write them."""
    if isinstance(value, str):
        try:
            return _LAST_SECOND.validate_python(value)
        except ValidationError:
            pass
    raise Unfit(
        "Send a local date or date and time as text, for example 2021-02-28 or 2021-02-28T16:00.",
        "Kirim tanggal atau tanggal dan jam setempat sebagai teks, misalnya 2021-02-28 atau 2021-02-28T16:00.",
    )


async def _administering(command: AdminCommand, season: SeasonPath) -> CommandRequest:
    """Return a command on a season by one of its administrators; raise a 403 for those of other seasons only."""
    check_administers(command.person, season)
    return command


SeasonCommand = Annotated[CommandRequest, Depends(_administering)]


class SeasonBody(Body):
    """A season's rulebook, as the text of its YAML file."""

    rulebook: Annotated[str, StringConstraints(min_length=1, max_length=262_144)]


class AmendmentBody(SeasonBody):
    """The next version of a season's rulebook, and why."""

    reason: Reason


class ExtensionBody(Body):
    """Until when nominations are received, and why."""

    until: Annotated[
        datetime,
        BeforeValidator(_last_second),
        WithJsonSchema({"type": "string", "pattern": LOCAL_PATTERN}),
        Field(
            description="Local date, its last second included, or date and time: the province's, else the nation's.",
            examples=["2021-02-28", "2021-02-28T16:00"],
        ),
    ]
    province: Annotated[ProvinceCode | None, Field(description="Only this province; left out: everywhere.")] = None
    reason: Reason


@router.post("/v1/seasons", tags=["seasons"], summary="Open a season with its rulebook")
async def open_season(here: Here, command: AdminCommand, body: SeasonBody, *, dry_run: DryRun = False) -> Json:
    """Open the season that the rulebook names and publish the rulebook, both or neither."""
    # Reading a file with all its checks takes a while; other requests go on meanwhile.
    rulebook = await asyncio.to_thread(_rulebook, body.rulebook)
    check_administers(command.person, rulebook.season)
    ask, program = command.ask("season-admin"), programs.opening(rulebook)
    if dry_run:
        return {**rehearsed(await here.executor.rehearse(ask, program)), "season": rulebook.season}
    return named(await here.executor.execute(ask, program), "season")


@router.post(f"{_SEASON}/amend", tags=["seasons"], summary="Amend a season's rulebook")
async def amend_season(
    here: Here, command: SeasonCommand, season: SeasonPath, body: AmendmentBody, *, dry_run: DryRun = False
) -> Json:
    """Publish the next version of the rulebook; sheets, seals and decisions stay under theirs."""
    rulebook = await asyncio.to_thread(_rulebook, body.rulebook)
    ask = command.ask("season-admin")
    if dry_run:
        rehearsal = programs.amending(AmendRulebook(season, rulebook, _NO_REASON))
        return {**rehearsed(await here.executor.rehearse(ask, rehearsal)), "season": season}
    digest = await digest_of_reason(here, command, body.reason)
    return named(await here.executor.execute(ask, programs.amending(AmendRulebook(season, rulebook, digest))), "season")


@router.post(f"{_SEASON}/extend", tags=["seasons"], summary="Extend the window for nominations")
async def extend_season(here: Here, command: SeasonCommand, season: SeasonPath, body: ExtensionBody) -> Json:
    """Let nominations be received until later, everywhere or in one province; a window is never shortened.

    Not where every first stage is closed or sealed, so that nobody could be nominated. Where just some are, nominations
    into these are refused.
    """
    extending = ExtendNomination(
        season=season,
        province=body.province,
        until=body.until,
        received=command.received,
        reason_digest=await digest_of_reason(here, command, body.reason),
    )
    return answer(await here.executor.execute(command.ask("season-admin"), programs.extending(extending)))


# --- by two persons -------------------------------------------------------------------------------------------------


async def _second_administrator(
    season: SeasonPath, second: Annotated[Person, Depends(require_second("season-admin"))]
) -> Person:
    """Return the second administrator of a command that takes two; a 403 Problem for one of other seasons only."""
    if not administers(second, season):
        raise forbidden(
            Text(
                "The second person is no administrator of this season; a second one has to take part.",
                "Orang kedua bukan administrator musim ini; diperlukan administrator musim kedua.",
            )
        )
    return second


class _Together:
    """A command on a season by two administrators."""

    def __init__(
        self,
        here: Here,
        command: SeasonCommand,
        second: Annotated[Person, Depends(_second_administrator)],
        season: SeasonPath,
        body: ReasonBody,
    ) -> None:
        self.here, self.command, self.second, self.season, self.reason = here, command, second, season, body.reason

    async def do(self, program: Callable[[ByTwo], Program]) -> Json:
        """Execute what a program makes of the command, and return its receipt."""
        digest = await digest_of_reason(self.here, self.command, self.reason)
        by_two = ByTwo(self.season, self.command.actor, self.second.id, digest)
        return answer(await self.here.executor.execute(self.command.ask("season-admin"), program(by_two)))


Together = Annotated[_Together, Depends()]


@router.post(f"{_SEASON}/freeze", tags=["seasons"], summary="Freeze a season, by two administrators")
async def freeze_season(together: Together) -> Json:
    """Stop everything of the season until it is unfrozen, whatever is under way."""
    return await together.do(programs.freezing)


@router.post(f"{_SEASON}/unfreeze", tags=["seasons"], summary="Unfreeze a season, by two administrators")
async def unfreeze_season(together: Together) -> Json:
    """Let a frozen season go on."""
    return await together.do(programs.unfreezing)


@router.post(f"{_SEASON}/close", tags=["seasons"], summary="Close a season, by two administrators")
async def close_season(together: Together) -> Json:
    """End the season for good, once its calendar is over everywhere.

    Not while an appeal is open, a result can still be appealed against, or a verdict is not announced.
    """
    return await together.do(lambda by_two: programs.closing(by_two, together.command.received))


# --- rulebooks and reads --------------------------------------------------------------------------------------------


def _rulebook(text: str) -> Rulebook:
    """Read a rulebook file; raise a 422 with every error and its line."""
    reading = read_rulebook(text.encode("utf-8"))
    if reading.rulebook is not None:
        return reading.rulebook
    raise invalid(
        [
            FieldFault(
                f"rulebook:{error.line}{':' if error.path else ''}{error.path}",
                None,
                Text(f"Line {error.line}: {error.message_en}", f"Baris {error.line}: {error.message_id}"),
            )
            for error in reading.errors
        ],
        Text("The rulebook cannot be used; see `errors`.", "Juknis tidak dapat dipakai; lihat `errors`."),
    )


@router.get("/v1/public/seasons", tags=["public"], summary="List open seasons")
async def list_seasons(here: Here, paged: Paged, at_least: AtLeastPosition = None) -> Json:
    """List the seasons with calendar and categories."""
    after = paged.after("seasons", str)
    position = await position_of(here, "seasons", at_least, None)
    rows = await here.pool.fetch(SQL["seasons"], after and after[0], paged.limit + 1)
    return bodies_of(page_of(rows, paged, "seasons", lambda row: (row["id"],), position=position))


@router.get("/v1/public/seasons/{season}", tags=["public"], summary="Show a season")
async def show_season(here: Here, season: SeasonPath, at_least: AtLeastPosition = None) -> Json:
    """Show a season's title, standing, calendar with extensions, categories, and the versions of its rulebook."""
    position = await position_of(here, "seasons", at_least, None)
    return {**orjson.loads((await _season(here, season))["body"]), "position": position}


@router.get("/v1/public/seasons/{season}/rulebook", tags=["public"], summary="Show a season's rulebook")
async def show_rulebook(here: Here, season: SeasonPath, at_least: AtLeastPosition = None) -> Json:
    """Show the newest rulebook whole, its hash, and where every value comes from or that it is assumed."""
    position = await position_of(here, "seasons", at_least, None)
    row = await _season(here, season)
    content = orjson.loads(row["rulebook"])
    body = orjson.loads(row["body"])
    marks = {path: _mark(mark) for path, mark in provenance(Rulebook.from_content(content)).items()}
    return {
        "season": season,
        "version": body["version"],
        "hash": body["hash"],
        "content": content,
        "provenance": marks,
        "position": position,
    }


async def _season(here: Service, season: str) -> Any:
    row = await here.pool.fetchrow(SQL["season"], season)
    if row is None:
        raise not_found(Text("There is no such season.", "Tidak ada musim itu."))
    return row


def _mark(mark: Source | Assumed) -> Json:
    return (
        {"assumed": True} if isinstance(mark, Assumed) else {"source": mark.model_dump(mode="json", exclude_none=True)}
    )
