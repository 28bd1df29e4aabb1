"""`paritrana season exceptions`: one list of all that went otherwise than the season's rules foresee."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final

import typer

from cli.output import AsJson, show
from cli.season.wanted import SeasonCode
from cli.service import Login, Nomination, NominationUrl

_STAGE: Final = ("season", "tier", "province", "category", "stage")


def list_exceptions(
    season: SeasonCode,
    kind: Annotated[
        str | None, typer.Option("--kind", help="extension, override, removal, amendment or freeze; else all.")
    ] = None,
    login: Login = None,
    nomination: NominationUrl = None,
    as_json: AsJson = False,
) -> None:
    """List extensions, overrides, removals, amendments and freezes in the order in which they were recorded."""
    service = Nomination.as_person(login, nomination)
    query = {"kind": kind} if kind else {}
    found = list(service.pages(f"/v1/seasons/{season}/exceptions", limit="200", **query))
    show({"season": season, "items": found}, _lines(season, found), as_json=as_json)


def _lines(season: str, found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for each in found:
        where = {None: "whole season", "00": "nation"}.get(each["province"], f"province {each['province']}")
        office = f" ({each['office']})" if each["office"] else ""
        yield f"{each['time']}  {each['kind']}  {each['event']}  {where}  by {each['actor']}{office}"
        yield f"    {'; '.join(_facts(each['what']))}"
        if each["reason"]:
            yield f"    reason: {each['reason']}"
        elif each["event"] == "ScoringExtended":
            # Reasons are erased where they were given, so scoring's are not copied to nomination.
            yield "    reason: kept by scoring, not shown here"
    yield f"season {season}: {len(found)} exception(s)"


def _facts(what: Mapping[str, Any]) -> Iterator[str]:
    for name, value in sorted(what.items()):
        yield f"{name} {_short(value)}"


def _short(value: Any) -> str:
    """Return a value in a few words: a stage as its address, a candidate by its name, a list by its size."""
    match value:
        case {"stage": _, "category": _}:
            return "/".join(str(value[part]) for part in _STAGE)
        case {"name": name}:
            return str(name)
        case Mapping():
            return ", ".join(f"{key} {_short(inner)}" for key, inner in sorted(value.items()))
        case list():
            return f"({len(value)})"
        case _:
            return str(value)
