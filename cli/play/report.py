"""What a play came to, for people: rankings with what made them, mails, where to look, what the audit found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from email.message import EmailMessage
from itertools import groupby
from pathlib import Path
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from cli.console import SafeConsole
from cli.play.client import Json
from cli.play.outcome import Decided, Played
from schemas.envelope import Stage
from schemas.regions import NATION, region
from schemas.rulebook import Source

_WIDTH: Final = 140
"""Columns where no terminal says how many it has."""
_DIGEST: Final = 12
"""Hex digits of a digest that a table shows; --json has all 64."""
_COLUMNS: Final = ("place", "rank", "candidate", "total", "exact", "tie broken by", "outcome", "", "votes", "seal")


def console_for_people() -> Console:
    """Return the terminal, or wide plain text where the output goes to a file."""
    plain = SafeConsole(highlight=False)
    return plain if plain.is_terminal else SafeConsole(highlight=False, width=_WIDTH)


# --- seasons -------------------------------------------------------------------------------------------------------


def cited(source: Source) -> str:
    """Return an article's or a regulation's outlet, title and date."""
    return f"{source.outlet}, {source.title}, {source.date}"


def show_legend(console: Console) -> None:
    """Say how to read the tables, once."""
    console.print()
    console.print("sample   no article gives these marks, nor the rank that they lead to")
    console.print("*        this rank is given by an article, only its marks are samples")
    console.print("exact    the total as the fraction that ranks; rounding happens once, for the shown one")
    console.print("votes    for, of the present and free to vote; in brackets the quorum and all seats")
    console.print("seal     the first digits of the sealed ranking's digest; --json has all of it")


def show_season(console: Console, played: Played) -> None:
    """Show what the articles give of a season, and every ranking that was sealed and decided."""
    script, rules = played.script, played.rulebook
    console.print()
    console.rule(f"[bold]{rules.title.id}")
    for code, facts in groupby(script.facts, key=lambda fact: fact.source):
        for fact in facts:
            console.print(f"[green]article[/]  {fact.says}")
        console.print(Padding(Text(cited(rules.sources[code]), style="dim"), (0, 0, 0, 9)))
    for _, group in groupby(sorted(played.decided, key=lambda one: _order(played, one)), key=_stage):
        console.print()
        console.print(_table(played, list(group)))
    _show_incidents(console, played)
    _show_centre(console, played)


def _order(played: Played, one: Decided) -> tuple[bool, int, bool, str]:
    """Order by tier, then as the rulebook lists categories; the place with most nominees comes first."""
    categories = [category.code for category in played.rulebook.categories]
    alone = len(one.expected.marks) == 1
    return one.at.tier == "national", categories.index(one.at.category), alone, one.at.province


def _stage(one: Decided) -> tuple[str, str, str]:
    return one.at.tier, one.at.category, one.at.stage


def _table(played: Played, decided: Sequence[Decided]) -> Table:
    at, rules = decided[0].at, played.rulebook
    category, stage = rules.category(at.category), rules.stage(at.tier, at.category, at.stage)
    title = f"[bold]{at.season}  {category.title.id}, {stage.title.id}"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for name in _COLUMNS:
        right, folds = name in ("rank", "total"), name in ("place", "tie broken by")
        table.add_column(name, justify="right" if right else "left", no_wrap=not folds)
    for one in decided:
        for row in _rows(played, one):
            table.add_row(*row)
    return table


def _rows(played: Played, one: Decided) -> Iterable[tuple[str, ...]]:
    place = _place(one.at, played)
    last = _votes(one.motion["decision"]), one.ranking["seal"]["digest"][:_DIGEST]
    given = {line.candidate for line in one.expected.standings if line.given == "rank"}
    for line in one.ranking["standings"]:
        rank = f"{line['rank']}{'=' if line['shared'] else ''}{'*' if line['candidate'] in given else ''}"
        shown = (rank, line["name"], line["shown"], line["total"], _tie(line["tie"]))
        yield (place, *shown, one.outcomes[line["nomination"]], _sample(line), *last)
        place, last = "", ("", "")
    for line in one.ranking["unrankable"]:
        shown = ("-", line["name"], "-", "-", f"{line['reason']} ({line['sheets']})")
        yield (place, *shown, one.outcomes[line["nomination"]], _sample(line), *last)
        place, last = "", ("", "")


def _sample(line: Json) -> str:
    return "sample" if line["sample"] else ""


def _votes(decision: Json) -> str:
    tally, quorum = decision["tally"], decision["quorum"]
    return f"{tally['votes_for']} of {quorum['present']} ({quorum['required']} of {quorum['seats']})"


def _place(at: Stage, played: Played) -> str:
    if at.province == NATION:
        return "nation"
    return region(at.province, played.rulebook.regions.table).name.removeprefix("Provinsi ")


def _tie(tie: Json | None) -> str:
    """Return what parted a nominee from others of the same total, and its own figure there."""
    return "" if tie is None else " ".join(filter(None, (tie.get("aspect") or tie["rule"], tie["figure"])))


def _show_incidents(console: Console, played: Played) -> None:
    """Show what was repeated, refused and recused on the way."""
    if played.repeated is not None:
        event = played.repeated["events"][0]
        said = f"one nomination, twice with the same Idempotency-Key: one event ({event['id']}), the same receipt"
        console.print(f"[cyan]repeated[/] {said}")
    if played.refused is not None:
        error, code = played.refused["errors"][0], played.refused["type"].rpartition("/")[2]
        console.print(f"[cyan]refused[/]  {code}: {error['field']} = {error['value']}: {error['remedy']}")
    for one in played.decided:
        excluded = len(one.ranking["seal"]["excluded"])
        for person in one.motion["decision"]["quorum"]["recused"]:
            said = f"declared an interest in {one.at.category} after scoring: {excluded} sheet left out, no vote"
            console.print(f"[cyan]recused[/]  {_holder(played, one.at, person)} {said}")


def _holder(played: Played, at: Stage, person: str) -> str:
    """Return the office that a person holds at a place, as the rulebook names it."""
    body = played.rulebook.stage(at.tier, at.category, at.stage).body
    place = next(one for one in played.script.places if (one.province, one.body) == (at.province, body))
    seat = next(seat for seat in place.seats if str(seat.person) == person)
    return f"{played.rulebook.body(place.body).office(seat.office).title.id}, {_place(at, played)},"


def _show_centre(console: Console, played: Played) -> None:
    """Show what the centre did beside ranking: verification, interviews, the appeal, certificates."""
    nation, verdict = played.script.nation, played.verdict
    if nation is None or verdict is None:
        return
    handed, rejected = nation.handed_back, nation.rejected
    console.print(f"[cyan]returned[/] {played.named(handed.candidate)}: {handed.defect} Mended in time, and verified")
    console.print(f"[cyan]rejected[/] {played.named(rejected.candidate)}: {rejected.reason}")
    first, last = min(played.slots.values()), max(played.slots.values())
    console.print(
        f"[cyan]heard[/]    {len(played.slots)} finalists, {first:%d/%m/%Y %H.%M} to {last:%d/%m/%Y %H.%M} WIB"
    )
    console.print(f"[cyan]appeal[/]   {played.named(nation.appeal.candidate)}: {nation.appeal.grounds} Upheld:")
    for row in verdict.shown["decision"]["comparison"]:
        before, after = row["before"], row["after"]
        said = f"rank {before['rank']} ({before['total']}) becomes rank {after['rank']} ({after['total']})"
        console.print(f"         {row['candidate']}: {said}")
    for one in played.certificates:
        if one["revoked"] is not None:
            anew = next(
                each["number"]
                for each in played.certificates
                if (each["nomination"], each["kind"], each["revoked"]) == (one["nomination"], one["kind"], None)
            )
            console.print(f"[cyan]revoked[/]  {one['number']} of {one['candidate']}; issued anew as {anew}")


# --- mails ---------------------------------------------------------------------------------------------------------


def show_mails(console: Console, counts: Mapping[str, int], letters: Sequence[EmailMessage]) -> None:
    """Show how many mails of each kind were sent, and some of them in full."""
    console.print()
    console.rule("[bold]Mails")
    table = Table()
    table.add_column("template")
    table.add_column("sent", justify="right")
    for template, count in sorted(counts.items()):
        table.add_row(template, str(count))
    table.add_section()
    table.add_row("all", str(sum(counts.values())))
    console.print(table)
    for letter in letters:
        head = "\n".join(f"{name}: {letter[name]}" for name in ("To", "Subject", "Message-ID", "Content-Language"))
        text = Text(f"{head}\n\n{letter.get_content().strip()}")
        console.print(Panel(text, title=f"one in full: {letter['Content-Language']}", width=100))


# --- papers, where to look, and the audit -----------------------------------------------------------------------------


def show_papers(console: Console, papers: Sequence[Path]) -> None:
    """Show where the certificates and minutes lie."""
    console.print()
    console.rule("[bold]Documents")
    for kind, what in (("piagam", "certificates (piagam)"), ("berita-acara", "minutes (berita acara)")):
        found = [file for file in papers if file.name.startswith(kind)]
        console.print(f"{len(found):>3} {what} as PDF, for example {found[-1]}")


def show_places(console: Console, urls: Mapping[str, str], *, running: bool) -> None:
    """Show where every part answers, or did."""
    console.print()
    console.rule("[bold]Where to look" if running else "[bold]Where to look, while it runs (KEEP=1)")
    table = Table()
    for name in ("part", "address", "API document", "measures"):
        table.add_column(name, no_wrap=True)
    for name, url in urls.items():
        serves = url.startswith("http")
        table.add_row(name, url, f"{url}/openapi.json" if serves else "", f"{url}/metrics" if serves else "")
    console.print(table)


def show_audit(console: Console, audit: Json) -> None:
    """Show what was exported and what its verification found."""
    console.print()
    console.rule("[bold]Audit")
    console.print(f"exported   {audit['events']} events in {audit['streams']} streams to {audit['folder']}")
    console.print(f"digest     {audit['digest']}")
    console.print(
        f"verified   {audit['signatures']} signatures, {audit['rankings']} sealed rankings and "
        f"{audit['decisions']} decisions recomputed: [green]nothing was found[/]"
    )
