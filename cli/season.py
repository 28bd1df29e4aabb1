"""`paritrana season open`: check a rulebook file and open its season.

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

import httpx
import typer

from cli.addresses import address_of, place_in, running_stack
from cli.login import token_for
from cli.output import AsJson, WrongUse, show
from schemas.regions import NATION, region_table
from schemas.rulebook import Assumed, Rulebook, Window, provenance, rulebook_hash
from schemas.rulebook_file import Reading, read_rulebook

_TIMEOUT: Final = 30.0
_ALREADY_OPEN: Final = "season-already-open"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    season = typer.Typer(help="Open seasons under their rulebooks.", no_args_is_help=True, rich_markup_mode=None)
    season.callback()(_of_seasons)
    season.command(
        "open",
        help="Check a rulebook file and open its season.\n\n"
        "Example: paritrana season open rulebooks/2020.yaml --login admin",
        no_args_is_help=True,
    )(open_season)
    app.add_typer(season, name="season")


def _of_seasons() -> None:
    """Open seasons under their rulebooks."""


def open_season(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The rulebook (YAML).")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only check the file; nothing is sent.")] = False,
    login: Annotated[
        str | None, typer.Option("--login", help="A development person; else whoever signed in by `login`.")
    ] = None,
    past: Annotated[
        bool, typer.Option("--past", help="Open it although its nomination window is over by the stack's clock.")
    ] = False,
    nomination: Annotated[
        str | None,
        typer.Option(
            "--nomination", help="Where nomination answers; else PARITRANA_NOMINATION_URL, else as the stack says."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check the file; unless `dry_run`, open the season as its administrator."""
    data = _bytes(file)
    rulebook = _checked(file, read_rulebook(data), as_json=as_json)
    summary = _summary(rulebook)
    if dry_run:
        show({**summary, "opened": False}, [*_lines(file, summary), "nothing was sent"], as_json=as_json)
        return
    address, token = address_of("nomination", nomination), token_for(login)
    if not past:
        _refuse_past(file, rulebook, _clock_at(address))
    receipt = _send(rulebook.season, data, token, address)
    opened = f"season {summary['season']} is open since {receipt['time']}; see it with /v1/public/seasons"
    show({**summary, "opened": True, "receipt": receipt}, [*_lines(file, summary), opened], as_json=as_json)


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise WrongUse(f"{file} cannot be read: {error.strerror}") from None


def _checked(file: Path, reading: Reading, *, as_json: bool) -> Rulebook:
    """Return the rulebook; otherwise show every error with its line, and end with the first one."""
    if reading.rulebook is not None:
        return reading.rulebook
    errors = [
        {"line": each.line, "path": each.path, "code": each.code, "en": each.message_en, "id": each.message_id}
        for each in reading.errors
    ]
    told = [f"{file}:{each.line}: {each.path or 'file'}: {each.message_en}" for each in reading.errors]
    show({"file": str(file), "errors": errors}, told[1:], as_json=as_json)
    more = f" (and {len(told) - 1} more)" if len(told) > 1 else ""
    raise WrongUse(f"{told[0]}{more}")


def _summary(rulebook: Rulebook) -> dict[str, Any]:
    marks = provenance(rulebook).values()
    return {
        "season": rulebook.season,
        "version": rulebook.version,
        "hash": rulebook_hash(rulebook),
        "title": {"id": rulebook.title.id, "en": rulebook.title.en},
        "categories": [category.code for category in rulebook.categories],
        "stages": len(rulebook.stages),
        "values": len(marks),
        "assumed": sum(isinstance(mark, Assumed) for mark in marks),
    }


def _lines(file: Path, summary: dict[str, Any]) -> list[str]:
    return [
        f"{file}: {summary['title']['en']}, version {summary['version']}, {summary['hash']}",
        f"  {', '.join(summary['categories'])}; {summary['stages']} stages",
        f"  {summary['assumed']} of {summary['values']} values are assumed, the others have a source",
    ]


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


# --- sending --------------------------------------------------------------------------------------------------------


def _send(season: str, data: bytes, token: str, address: str) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": hashlib.sha256(data).hexdigest()}
    body = {"rulebook": data.decode("utf-8-sig")}
    try:
        answer = httpx.post(f"{address}/v1/seasons", json=body, headers=headers, timeout=_TIMEOUT, trust_env=False)
        said: dict[str, Any] = answer.json()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise WrongUse(
            f"nomination does not answer at {address} ({type(error).__name__}): start the stack with `paritrana up`"
        ) from None
    except ValueError:
        raise WrongUse(f"what answers at {address} is not nomination; correct PARITRANA_NOMINATION_URL") from None
    if str(said.get("type", "")).rpartition("/")[2] == _ALREADY_OPEN:
        raise WrongUse(_already_open(season, address))
    if answer.status_code != httpx.codes.OK:
        raise WrongUse(f"{said.get('title', 'refused')}: {said.get('detail', answer.status_code)}")
    return said


def _already_open(season: str, address: str) -> str:
    return (
        f"season {season} is open already: see its rules at {address}/v1/public/seasons/{season}, or write another "
        "`season` in the file and open that; an amendment is a new version of the rulebook, which this version of the "
        "program cannot record"
    )
