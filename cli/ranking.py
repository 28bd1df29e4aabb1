"""`paritrana ranking show`: a ranking as its reader may see it, now or as of an instant.

It asks the scoring service's public HTTP API with the token of `--login`, of PARITRANA_TOKEN or of `paritrana login`;
without one it shows what was announced, which is open to all. Deadlines are said in the place's own zone.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

import httpx
import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from cli.asking import Scoring, asked, checked, pages, scoring_at, token_if_any, token_of
from cli.console import SafeConsole
from cli.output import AsJson, Finding, WrongUse, show, visible_all
from cli.wanted import category_code, instant, province_code, season_code, stage_code, tier_code

_WIDTH: Final = 160
"""Columns of a table that goes into a file or a pipe."""
_FORBIDDEN: Final = 403


def register(app: typer.Typer) -> None:
    """Add the commands."""
    rankings = typer.Typer(help="Rankings: provisional, sealed, announced.", no_args_is_help=True)
    rankings.callback()(_nothing_before_a_command)
    rankings.command(
        "show",
        help="Show rankings, as far as you may see them.\n\n"
        "Example: paritrana ranking show --season 2022 --category KABKOTA --province 81",
    )(show_rankings)
    app.add_typer(rankings, name="ranking")


def _nothing_before_a_command() -> None:
    """Show rankings."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rankings are asked for; what is None is open."""

    season: str
    category: str
    province: str | None
    tier: str | None
    stage: str | None

    def fits(self, at: Mapping[str, str]) -> bool:
        """Tell whether a stage is one of them."""
        asked = {"category": self.category, "province": self.province, "tier": self.tier, "stage": self.stage}
        return at["season"] == self.season and all(value is None or at[name] == value for name, value in asked.items())


def show_rankings(
    *,
    season: Annotated[str, typer.Option("--season", help="The season, for example 2022.")],
    category: Annotated[str, typer.Option("--category", help="PROVINSI, KABKOTA, BESAR, MENENGAH, UMKM or another.")],
    province: Annotated[
        str | None, typer.Option("--province", help="Two digits of the official table; 00 for the nation.")
    ] = None,
    tier: Annotated[str | None, typer.Option("--tier", help="provincial or national.")] = None,
    stage: Annotated[str | None, typer.Option("--stage", help="A stage of the rulebook.")] = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="As of this instant, for example 2022-09-01T12:00:00+09:00.")
    ] = None,
    login: Annotated[
        str | None, typer.Option("--login", help="A development person; else whoever signed in by `login`.")
    ] = None,
    scoring: Scoring = None,
    as_json: AsJson = False,
) -> None:
    """Show every ranking that fits and that the caller may see."""
    wanted = Wanted(
        season_code(season), category_code(category), province_code(province), tier_code(tier), stage_code(stage)
    )
    with scoring_at(scoring, token_of(login) if login else token_if_any()) as client:
        found = list(_rankings(client, wanted, None if as_of is None else instant("--as-of", as_of)))
    if not found:
        raise Finding(
            f"no ranking of {category} in {season} is there for you to see: it is not opened, or not announced yet"
        )
    if as_json:
        show(found, (), as_json=True)
        return
    console = SafeConsole(width=None if sys.stdout.isatty() else _WIDTH, markup=False, highlight=False)
    for ranking in found:
        # Before it is laid out: a name's end of line would begin a line of its own.
        for part in _parts(visible_all(ranking)):
            console.print(part)


# --- asking --------------------------------------------------------------------------------------------------------


def _rankings(client: httpx.Client, wanted: Wanted, as_of: str | None) -> Iterator[dict[str, Any]]:
    """Yield the rankings that fit; raise WrongUse when all that fit are closed to the caller."""
    public = "Authorization" not in client.headers
    if public and as_of is not None:
        raise WrongUse("--as-of needs a token: run `paritrana login` first, or set PARITRANA_TOKEN")
    base = "/v1/public/rankings" if public else "/v1/rankings"
    closed = ""
    shown = False
    for heading in pages(client, base, {"season": wanted.season}):
        if not wanted.fits(heading["at"]):
            continue
        answer = asked(client, base + heading["ranking"].removeprefix("ranking"), {"as_of": as_of} if as_of else {})
        if answer.status_code == _FORBIDDEN:
            closed = str(answer.json().get("detail", "this ranking is closed to you"))
        elif answer.status_code != httpx.codes.NOT_FOUND:
            shown = True
            yield checked(answer)
    if closed and not shown:
        raise WrongUse(closed)


# --- showing -------------------------------------------------------------------------------------------------------


def _parts(ranking: dict[str, Any]) -> Iterator[Table | Text | str]:
    """Yield a ranking's title, its table, and what is unrankable."""
    at = ranking["at"]
    place = "nation" if at["province"] == "00" else f"province {at['province']}"
    yield Text(f"\n{at['season']} {at['category']} · {at['tier']} · {place} · {at['stage']}", style="bold")
    yield _status(ranking)
    table = Table(box=SIMPLE_HEAD)
    public = "status" not in ranking
    for column in ("rank", "candidate", *(() if public else ("shown", "exact", "tie broken by")), "sample"):
        table.add_column(column, justify="right" if column in ("rank", "shown") else "left")
    for one in ranking["standings"]:
        rank = f"{one['rank']}{' =' if one['shared'] else ''}"
        figures = () if public else (one["shown"], one["total"], _tie(one["tie"]))
        cells = (rank, _candidate(one), *figures, "sample" if one["sample"] else "")
        table.add_row(*(Text(cell) for cell in cells))
    yield table
    for one in ranking.get("unrankable", ()):
        yield f"   - {_candidate(one)}: {_lack(one)}{' · sample' if one['sample'] else ''}"
    for one in (*ranking["standings"], *ranking.get("unrankable", ())):
        for recusal in one.get("recusals", ()):
            yield f"   · {_candidate(one)}: {_recusal(recusal)}"
    yield from _measured(ranking)
    yield from _corrections(ranking)


def _measured(ranking: dict[str, Any]) -> Iterator[str]:
    """Say which aspects are taken from other systems' facts, and each nominee's figure: nobody types them in."""
    for aspect in ranking.get("aspects", ()):
        if aspect["origin"] != "measured":
            continue
        measure = aspect.get("measure") or "no measure"
        yield f"   {aspect['aspect']} is measured ({measure}), from {aspect['least']} to {aspect['greatest']}"
        for one in (*ranking["standings"], *ranking.get("unrankable", ())):
            value = next((found["value"] for found in one["aspects"] if found["aspect"] == aspect["aspect"]), None)
            yield f"   · {_candidate(one)}: {value or 'unmeasured'}"


def _corrections(ranking: dict[str, Any]) -> Iterator[str]:
    """Say what facts that came after the seal would have changed, and that they changed nothing."""
    if not ranking.get("corrections"):
        return
    names = {one["nomination"]: _candidate(one) for one in (*ranking["standings"], *ranking["unrankable"])}
    for told in ranking["corrections"]:
        ratios = f"{told.get('before') or 'unmeasured'} when sealed, {told.get('after') or 'unmeasured'} now"
        yield f"   ! {_named(names, told['nomination'])}: {told['measure']} was {ratios}; the seal stands"
        for move in told["moves"]:
            ranks = [str(move.get(name) or "none") for name in ("rank_before", "rank_after")]
            totals = [str(move.get(name) or "none") for name in ("total_before", "total_after")]
            yield f"     {_named(names, move['nomination'])}: rank {' → '.join(ranks)}, total {' → '.join(totals)}"
        for words, whose in (("would have", told["would_advance"]), ("would not have", told["would_fall"])):
            yield from (f"     {_named(names, one)} {words} gone on" for one in whose)


def _named(names: Mapping[str, str], nomination: str) -> str:
    return names.get(nomination, nomination)


def _status(ranking: dict[str, Any]) -> str:
    as_of = f" as of {ranking['as_of']}{'' if ranking['final'] else ' (not final)'}" if "as_of" in ranking else ""
    if "status" not in ranking:
        return f"announced {ranking['announced']} · digest {ranking['digest']}"
    if ranking["status"] == "sealed":
        seal = ranking["seal"]
        return f"sealed {seal['time']} · digest {seal['digest']}{as_of}"
    closes = f" · sheets until {ranking['closes_local']} {ranking['zone']}" if "closes_local" in ranking else ""
    frozen = f" · frozen by {len(ranking['frozen_by'])} appeal(s)" if ranking.get("frozen_by") else ""
    if as_of:
        return f"PROVISIONAL{as_of}{closes}{frozen}"
    return f"PROVISIONAL ({ranking['state']}), of what is known now{closes}{frozen}"


def _candidate(one: dict[str, Any]) -> str:
    return f"{one['name']} ({one['candidate']})"


def _tie(tie: dict[str, Any] | None) -> str:
    if tie is None:
        return ""
    return f"{tie.get('aspect', tie['rule'])}: {tie['figure']}"


def _recusal(recusal: dict[str, Any]) -> str:
    """Say who takes no part in ranking a nominee and why; who is only flagged takes part all the same."""
    reason = {
        "declared": "declared an interest",
        "own-employer": "works for the candidate",
        "own-government": "serves that government",
    }[recusal["reason"]]
    word = "flagged, takes part" if recusal["flagged"] else "recused"
    return f"{recusal['member']} {word} ({reason})"


def _lack(one: dict[str, Any]) -> str:
    """Say why a nominee has no rank, which is neither zero nor last."""
    aspect = one.get("aspect")
    return {
        "too-few-sheets": f"unrankable, too few sheets ({one['sheets']})",
        "aspect-unmarked": f"unrankable, nobody marked {aspect}",
        "unmeasured": f"unrankable, {aspect} is unmeasured",
        "not-carried": f"unrankable, no earlier stage hands on {aspect}",
        "withdrawn": "withdrawn",
    }[one["reason"]]
