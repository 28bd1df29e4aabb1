"""`paritrana audit reads` and `refusals`: who saw marks before a seal, and whose commands were refused, in a folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated, Any
from uuid import UUID

import typer

from cli.audit_folder import ExportFolder, OnlySeason, answered
from cli.output import AsJson, WrongUse, show
from cli.wanted import season_code
from services.audit.live.exported import reads_in, refusals_in
from services.audit.live.lists import Wanted

OnlyPerson = Annotated[str | None, typer.Option("--person", help="Show one person only, by pseudonym.")]
OnlyOffice = Annotated[str | None, typer.Option("--office", help="Show one office or role only, for example auditor.")]
OnlyDay = Annotated[str | None, typer.Option("--day", help="Show one day of western Indonesia only: 2021-02-20.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        "reads",
        help="List who saw a sheet, or marks of a stage, before its seal: office, pseudonym, instant, stage.\n\n"
        "The folder is read and nothing else; names are in no export.\n\n"
        "Example: paritrana audit reads ./export-2021 --season 2021 --office sekretaris-panitia",
        no_args_is_help=True,
    )(reads_command)
    app.command(
        "refusals",
        help="List commands that were refused to people who may give them: by which rule, never with the value.\n\n"
        "Above 100 a day a person's further ones are only counted; the last one that is listed says so.\n\n"
        "Example: paritrana audit refusals ./export-2021 --day 2021-02-08 --json",
        no_args_is_help=True,
    )(refusals_command)


def reads_command(
    folder: ExportFolder,
    *,
    season: OnlySeason = None,
    person: OnlyPerson = None,
    office: OnlyOffice = None,
    day: OnlyDay = None,
    as_json: AsJson = False,
) -> None:
    """List reads before the seal."""
    wanted = _wanted(None if season is None else season_code(season), person, office, day)
    with answered(folder) as source:
        rows = reads_in(source, wanted)
    show({"reads": rows}, _told(rows, _read_line, "nobody but its member saw a sheet before the seal"), as_json=as_json)


def refusals_command(
    folder: ExportFolder,
    *,
    person: OnlyPerson = None,
    office: OnlyOffice = None,
    day: OnlyDay = None,
    as_json: AsJson = False,
) -> None:
    """List refused commands."""
    with answered(folder) as source:
        if source.part is not None:
            raise WrongUse(f"{folder} is a part of the log, and no part holds refusals: ask a whole export")
        rows = refusals_in(source, _wanted(None, person, office, day))
    show({"refusals": rows}, _told(rows, _refusal_line, "no command was refused"), as_json=as_json)


def _wanted(season: str | None, person: str | None, office: str | None, day: str | None) -> Wanted:
    try:
        found = None if day is None else date.fromisoformat(day)
    except ValueError:
        raise WrongUse(f"--day {day!r} is wrong: write a day, for example 2021-02-20") from None
    try:
        who = None if person is None else str(UUID(person))
    except ValueError:
        raise WrongUse(f"--person {person!r} is wrong: give the pseudonym, a UUID, that the list shows") from None
    return Wanted(season, who, office, found)


def _told(rows: list[dict[str, Any]], line: Any, none: str) -> Iterator[str]:
    yield from map(line, rows)
    yield f"{len(rows)} in all" if rows else f"{none}, as far as was asked"


def _read_line(row: Mapping[str, Any]) -> str:
    stage = "/".join(str(row[part]) for part in ("season", "tier", "province", "category", "stage"))
    who = f"{row['office'] or 'no office'} {row['person']}"
    if row["saw"] == "marks":
        return f"{row['time']} {who} saw marks of {stage} ({row['event']})"
    of = f"{row['member_office'] or 'member'} {row['member']} on {row['nomination']}"
    return f"{row['time']} {who} read the sheet of {of}, {stage} ({row['event']})"


def _refusal_line(row: Mapping[str, Any]) -> str:
    fields = f" at {', '.join(row['fields'])}" if row["fields"] else ""
    closing = "; later ones of that day were only counted" if row["closing"] else ""
    who = f"{row['office'] or 'no office'} {row['person']}"
    return f"{row['time']} {who}: {row['route']} refused by {row['service']}, {row['code']}{fields}{closing}"
