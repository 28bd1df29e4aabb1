"""`paritrana appeal …`: contest an announced decision, and follow what becomes of it.

The verdict itself is put and decided in a plenary. Which decision is contested follows from the nomination: the last
one that was announced about it, unless a plenary and a motion are named.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final
from uuid import UUID

import typer

from cli.output import AsJson, WrongUse, show
from cli.service import Login, Nomination, NominationUrl
from cli.wanted import category_code, province_code, season_code

_MOST: Final = "200"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    appeals = typer.Typer(help="Appeals: lodge one, follow them.", no_args_is_help=True, rich_markup_mode=None)
    appeals.callback()(_of_appeals)
    appeals.command(
        "lodge",
        help="Appeal against the last announced decision on a nomination, as its contact or nominating body.\n\n"
        'Example: paritrana appeal lodge 018f3a52-7c1e-7d43-9a55-0c1f2b7c9d10 --aspect kinerja --grounds "Nilai '
        'kinerja tidak memuat peserta bulan Desember." --login sekretariat-75',
        no_args_is_help=True,
    )(lodge_appeal)
    appeals.command(
        "list",
        help="List the appeals of your places, and your own.\n\n"
        "Example: paritrana appeal list --season 2020 --login auditor",
    )(list_appeals)
    appeals.command(
        "show",
        help="Show an appeal: what it contests, which stages it holds, and its verdict with before and after.\n\n"
        "Example: paritrana appeal show 018f3a52-7c1e-7d43-9a55-0c1f2b7c9d10 --login sekretaris-75",
        no_args_is_help=True,
    )(show_appeal)
    app.add_typer(appeals, name="appeal")


def _of_appeals() -> None:
    """Lodge and follow appeals."""


# --- lodging -------------------------------------------------------------------------------------------------------


def lodge_appeal(
    nomination_id: Annotated[str, typer.Argument(metavar="NOMINATION", help="The nomination's id.")],
    grounds: Annotated[str, typer.Option("--grounds", help="Why; kept beside the record.")],
    aspect: Annotated[str | None, typer.Option("--aspect", help="The contested aspect, if it is one.")] = None,
    plenary: Annotated[
        str | None, typer.Option("--plenary", help="The meeting that decided; left out: the last announced decision.")
    ] = None,
    motion: Annotated[int | None, typer.Option("--motion", min=1, help="The number of its motion.")] = None,
    login: Login = None,
    nomination: NominationUrl = None,
    as_json: AsJson = False,
) -> None:
    """Contest a decision."""
    if (plenary is None) is not (motion is None):
        raise WrongUse("--plenary and --motion belong together: name both, or neither for the last announced decision")
    id_ = _id(nomination_id, "nomination")
    service = Nomination.as_person(login, nomination)
    contested = (_id(plenary, "plenary"), motion) if plenary else _last_announced(service, id_)
    body = {"nomination": id_, "plenary": contested[0], "motion": contested[1], "grounds": grounds}
    body |= {} if aspect is None else {"aspect": aspect}
    # The command's id follows from what is contested and why: sent twice, it is lodged once.
    key = hashlib.sha256("\0".join(map(str, body.values())).encode("utf-8")).hexdigest()
    receipt = service.command("/v1/appeals", body, key)
    lines = [
        f"appeal {receipt['appeal']} is lodged since {receipt['time']}",
        f"the verdict falls in plenary; follow it: paritrana appeal show {receipt['appeal']}",
    ]
    show({**body, "appeal": receipt["appeal"], "receipt": receipt}, lines, as_json=as_json)


def _id(text: str, what: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise WrongUse(f"{text!r} is no {what}: send its id, as receipts and lists have it") from None


def _last_announced(service: Nomination, nomination: str) -> tuple[str, int]:
    """Return plenary and motion of the last announced decision on a nomination."""
    season = service.read(f"/v1/nominations/{nomination}")["stage"]["season"]
    results = service.pages(f"/v1/public/results/{season}", limit=_MOST)
    found = [one for one in results if any(line["nomination"] == nomination for line in one["lines"])]
    if not found:
        raise WrongUse(f"nothing is announced about {nomination} yet: an appeal is against an announced decision")
    return found[-1]["plenary"], found[-1]["motion"]


# --- following -----------------------------------------------------------------------------------------------------


def list_appeals(
    season: Annotated[str | None, typer.Option("--season", help="Only this season, for example 2022.")] = None,
    province: Annotated[str | None, typer.Option("--province", help="Only this place; 00 for the nation.")] = None,
    category: Annotated[str | None, typer.Option("--category", help="Only this category, for example KABKOTA.")] = None,
    login: Login = None,
    nomination: NominationUrl = None,
    as_json: AsJson = False,
) -> None:
    """List appeals as they were lodged."""
    query = {
        "season": season and season_code(season),
        "province": province_code(province),
        "category": category and category_code(category),
    }
    service = Nomination.as_person(login, nomination)
    wanted = {name: value for name, value in query.items() if value}
    found = list(service.pages("/v1/appeals", limit=_MOST, **wanted))
    show({"items": found}, _rows(found), as_json=as_json)


def _rows(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for one in found:
        yield f"{one['lodged']}  {one['state']:<9}  no. {one['number']} against {_stage(one['at'])}  {one['appeal']}"
    yield f"{len(found)} appeal(s)"


def _stage(at: Mapping[str, str]) -> str:
    return "/".join(at[part] for part in ("season", "tier", "province", "category", "stage"))


def show_appeal(
    appeal: Annotated[str, typer.Argument(metavar="APPEAL", help="The appeal's id.")],
    login: Login = None,
    nomination: NominationUrl = None,
    as_json: AsJson = False,
) -> None:
    """Show one appeal."""
    found = Nomination.as_person(login, nomination).read(f"/v1/appeals/{_id(appeal, 'appeal')}")
    show(found, _lines(found), as_json=as_json)


def _lines(appeal: Mapping[str, Any]) -> Iterator[str]:
    yield f"appeal no. {appeal['number']} against {_stage(appeal['at'])}: {appeal['state']}"
    yield f"  lodged    {appeal['lodged']} by the {appeal['capacity']} of {appeal['nomination']}"
    if appeal.get("aspect"):
        yield f"  aspect    {appeal['aspect']}"
    if grounds := appeal["grounds"].get("text"):
        yield f"  grounds   {grounds}"
    for hold in appeal["holds"]:
        stages = ", ".join(_stage(stage) for stage in hold["stages"])
        ended = "" if hold["until"] is None else f" (until {hold['until']})"
        yield f"  holds     {stages}{ended}"
    if (decision := appeal["decision"]) is not None:
        yield f"  decided   {decision['time']} in plenary {decision['plenary']}, motion {decision['motion']}"
        for row in decision["comparison"]:
            yield f"  {row['change']:<8}  {row['candidate']}: {_place(row['before'])} -> {_place(row['after'])}"
    for one in appeal["revoked"]:
        yield f"  revoked   certificate {one['number']}"


def _place(side: Mapping[str, Any]) -> str:
    return "no rank" if side["rank"] is None else f"rank {side['rank']} ({side['total']})"
