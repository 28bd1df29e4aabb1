"""`paritrana season open`: open the season of a rulebook file, or show what it would be.

The file is checked here first, with the same reader that the service uses, so every error is told with its line before
anything is sent. The command's id follows from the file's bytes: sent twice, it opens nothing twice. A season in which
nobody could be nominated any more, by the clock of the stack that it is opened at, is refused here unless it is meant.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import typer

from cli.addresses import place_in, running_stack
from cli.output import AsJson, WrongUse, show
from cli.season.file import DryRun, RulebookFile, bytes_of, checked, rehearsed, summary_lines, summary_of, text_of
from cli.season.preview import preview, preview_lines
from cli.service import Login, Nomination, NominationUrl, Refused
from schemas.regions import NATION, region_table
from schemas.rulebook import Rulebook, Window
from schemas.rulebook_file import read_rulebook

_ALREADY_OPEN: Final = "season-already-open"


def open_season(
    file: RulebookFile,
    dry_run: DryRun = False,
    login: Login = None,
    past: Annotated[
        bool, typer.Option("--past", help="Open it although its nomination window is over by the stack's clock.")
    ] = False,
    nomination: NominationUrl = None,
    as_json: AsJson = False,
) -> None:
    """Check the file; unless `dry_run`, open the season as its administrator."""
    data = bytes_of(file)
    rulebook = checked(file, read_rulebook(data), as_json=as_json)
    summary, season = summary_of(rulebook), rulebook.season
    lines = summary_lines(file, summary)
    if dry_run:
        asked, told = rehearsed(login, nomination, lambda service: _send(service, file, season, data, dry_run="true"))
        if asked is not None and not past:
            _refuse_past(file, rulebook, _clock_at(asked.address))
        shown = preview(rulebook)
        said = {**summary, **shown, "opened": False, "rehearsed": asked is not None}
        show(said, [*lines, *preview_lines(shown), told, "nothing was sent"], as_json=as_json)
        return
    service = Nomination.as_person(login, nomination)
    if not past:
        _refuse_past(file, rulebook, _clock_at(service.address))
    receipt = _send(service, file, season, data)
    opened = f"season {season} is open since {receipt['time']}; see it with /v1/public/seasons"
    show({**summary, "opened": True, "receipt": receipt}, [*lines, opened], as_json=as_json)


def _send(service: Nomination, file: Path, season: str, data: bytes, **query: str) -> dict[str, Any]:
    key, body = hashlib.sha256(data).hexdigest(), {"rulebook": text_of(data)}
    try:
        return service.command("/v1/seasons", body, key, **query)
    except Refused as refused:
        if refused.code == _ALREADY_OPEN:
            raise WrongUse(_already_open(file, season, service.address)) from None
        raise


def _already_open(file: Path, season: str, address: str) -> str:
    return (
        f"season {season} is open already: see its rules at {address}/v1/public/seasons/{season}, write another "
        f"`season` in the file and open that, or raise its `version` and publish it by `paritrana season amend {file}`"
    )


# --- the clock ------------------------------------------------------------------------------------------------------


class _Clock(NamedTuple):
    """An instant, and whose it is."""

    now: datetime
    whose: str


def _clock_at(address: str) -> _Clock:
    """Return the clock of the stack whose nomination answers at `address`: a test clock, if it is an embedded one's."""
    found = running_stack()
    if found is None or place_in(found, "nomination") != address:
        return _Clock(datetime.now(UTC), "this machine's clock")
    clock = found["clock"]
    whose = "the stack's clock" if clock["name"] == "system" else "the stack's test clock"
    return _Clock(datetime.fromisoformat(clock["now"]), whose)


def _refuse_past(file: Path, rulebook: Rulebook, clock: _Clock) -> None:
    """Raise WrongUse when nobody can be nominated any more, anywhere, naming the date that is over."""
    calendar = rulebook.calendar
    if clock.now <= _last_instant(rulebook, calendar.nomination):
        return
    zone = ZoneInfo(calendar.zone)
    whole = clock.now > _last_instant(rulebook, Window(opens=calendar.opens, closes=calendar.closes))
    over, field = (calendar.closes, "closes") if whole else (calendar.nomination_closes, "nomination_closes")
    what = f"season {rulebook.season} is over" if whole else f"nominations for season {rulebook.season} are over"
    raise WrongUse(
        f"{what}: calendar.{field} is {over:%Y-%m-%d %H:%M:%S}, and {clock.whose} stands at "
        f"{clock.now.astimezone(zone):%Y-%m-%d %H:%M:%S} ({calendar.zone}); move the dates of calendar and stages in "
        f"{file}, and its season if that is open already, or open it as it is by --past"
    )


def _last_instant(rulebook: Rulebook, window: Window) -> datetime:
    """Return when a window is over in every province: it ends in each by that province's time."""
    provinces = {NATION, *(one.province for one in region_table(rulebook.regions.table).regions.values())}
    return max(rulebook.deadline_utc(window, province) for province in provinces)
