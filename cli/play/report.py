"""What a play came to, for people: rankings with what made them, mails, where to look, what the audit found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from email.message import EmailMessage
from itertools import groupby

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from cli.play.client import Json
from cli.play.outcome import Decided, Played
from schemas.envelope import Stage
from schemas.regions import NATION, region
from schemas.rulebook import Source

_WIDTH = 132
"""Columns where no terminal says how many it has."""
_DIGEST = 12
"""Hex digits of a digest that a table shows; --json has all 64."""


def console_for_people() -> Console:
    """Return the terminal, or wide plain text where the output goes to a file."""
    plain = Console(highlight=False)
    return plain if plain.is_terminal else Console(highlight=False, width=_WIDTH)


# --- seasons -------------------------------------------------------------------------------------------------------


def cited(source: Source) -> str:
    """Return an article's or a regulation's outlet, title and date."""
    return f"{source.outlet}, {source.title}, {source.date}"


def show_season(console: Console, played: Played) -> None:
    """Show what the articles give of a season, and every ranking that was sealed and decided."""
    script, rules = played.script, played.rulebook
    console.print()
    console.rule(f"[bold]{rules.title.id} / {rules.title.en}" if rules.title.id != rules.title.en else rules.title.id)
    for fact in script.facts:
        console.print(f"[green]article[/] {fact.says}", Text(f"  ({cited(rules.sources[fact.source])})", style="dim"))
    ordered = sorted(played.decided, key=lambda one: (one.at.tier == "national", one.at.category, one.at.province))
    for (_, category, _), group in groupby(ordered, key=lambda one: (one.at.tier, one.at.category, one.at.stage)):
        console.print(_table(played, category, list(group)))
    _show_incidents(console, played)


def _table(played: Played, category: str, decided: Sequence[Decided]) -> Table:
    at, rules = decided[0].at, played.rulebook
    stage = rules.stage(at.tier, at.category, at.stage)
    table = Table(
        title=f"{at.season} · {rules.category(category).title.id} · {stage.title.id}",
        title_justify="left",
        caption="sample: no article gives these marks; rank*: given by an article; seal: first digits of its digest",
        caption_justify="left",
    )
    for name, justify in (("place", "left"), ("rank", "right"), ("candidate", "left"), ("total", "right")):
        table.add_column(name, justify="right" if justify == "right" else "left", no_wrap=name != "candidate")
    for name in ("exact", "tie broken by", "outcome", "", "seal"):
        table.add_column(name, no_wrap=name not in ("tie broken by", "outcome"))
    for one in decided:
        for row in _rows(played, one):
            table.add_row(*row)
        table.add_section()
    return table


def _rows(played: Played, one: Decided) -> Iterable[tuple[str, ...]]:
    place, seal = _place(one.at, played), one.ranking["seal"]["digest"][:_DIGEST]
    given = {line.candidate for line in one.expected.standings if line.given == "rank"}
    for line in one.ranking["standings"]:
        rank = f"{line['rank']}{'*' if line['candidate'] in given else ''}{'=' if line['shared'] else ''}"
        sample, outcome = "sample" if line["sample"] else "", one.outcomes[line["nomination"]]
        yield place, rank, line["name"], line["shown"], line["total"], _tie(line["tie"]), outcome, sample, seal
        place, seal = "", ""
    for line in one.ranking["unrankable"]:
        why = f"{line['reason']} ({line['sheets']})"
        sample, outcome = "sample" if line["sample"] else "", one.outcomes[line["nomination"]]
        yield place, "-", line["name"], "-", "-", why, outcome, sample, seal
        place, seal = "", ""


def _place(at: Stage, played: Played) -> str:
    if at.province == NATION:
        return "nation"
    return region(at.province, played.rulebook.regions.table).name.removeprefix("Provinsi ")


def _tie(tie: Json | None) -> str:
    if tie is None:
        return ""
    return f"{tie['rule']} {tie.get('aspect') or ''} {tie['figure']}".replace("  ", " ")


def _show_incidents(console: Console, played: Played) -> None:
    """Show what was refused, repeated and recused on the way."""
    if played.repeated is not None:
        console.print("[cyan]sent twice[/]  the same nomination, the same Idempotency-Key: one event, the same receipt")
    if played.refused is not None:
        error = played.refused["errors"][0]
        said = f"{error['field']} = {error['value']}: {error['remedy']}"
        console.print(f"[cyan]refused[/]     {played.refused['title']} — {said}")
    for one in played.decided:
        quorum = one.motion["decision"]["quorum"]
        for person in quorum["recused"]:
            console.print(
                f"[cyan]recused[/]     {one.at.category}, {_place(one.at, played)}: {person} has an interest; "
                f"{quorum['present']} of {quorum['seats']} seats are present and free to vote, "
                f"{quorum['required']} are needed"
            )


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
        console.print(Panel(Text(f"{head}\n\n{letter.get_content().strip()}"), title="one mail in full"))


# --- where to look, and the audit ----------------------------------------------------------------------------------


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
