"""`paritrana plenary checklist`: what a meeting still lacks, and what is left to score before it.

Two services know it: nomination the meeting (notice, quorum, seals, ties, appeals), scoring the sheets that are not
filed. Both are asked over HTTP with the token of `--login`, of PARITRANA_TOKEN or of `paritrana login`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
import typer

from cli.addresses import address_of
from cli.login import token_for
from cli.output import AsJson, WrongUse, show
from schemas.regions import NATION, TABLES, ZONES, zone_of

_TIMEOUT: Final = 30.0

Json = dict[str, Any]
Nomination = Annotated[
    str | None,
    typer.Option(
        "--nomination", help="Where nomination answers; else PARITRANA_NOMINATION_URL, else as the stack says."
    ),
]
Scoring = Annotated[
    str | None,
    typer.Option("--scoring", help="Where scoring answers; else PARITRANA_SCORING_URL, else as the stack says."),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    plenary = typer.Typer(help="Plenaries: what they lack.", no_args_is_help=True, rich_markup_mode=None)
    plenary.callback()(_of_plenaries)
    plenary.command(
        "checklist",
        help="Show for every item of a plenary's agenda what is in order, what is not, and what to do next.\n\n"
        "Example: paritrana plenary checklist 018f3a52-7c1e-7d43-9a55-0c1f2b7c9d10 --login sekretaris-75",
        no_args_is_help=True,
    )(show_checklist)
    app.add_typer(plenary, name="plenary")


def _of_plenaries() -> None:
    """See what plenaries lack."""


def show_checklist(
    plenary: Annotated[str, typer.Argument(metavar="PLENARY", help="The plenary's id.")],
    login: Annotated[
        str | None, typer.Option("--login", help="A development person; else whoever signed in by `login`.")
    ] = None,
    nomination: Nomination = None,
    scoring: Scoring = None,
    as_json: AsJson = False,
) -> None:
    """Show both services' checklists of a meeting."""
    id_ = _id(plenary)
    token = token_for(login) if login else os.environ.get("PARITRANA_TOKEN") or token_for()
    with _client(address_of("nomination", nomination), token) as asked:
        found = _asked(asked, "nomination", f"/v1/plenaries/{id_}/checklist")
        if found.status_code != httpx.codes.OK:
            raise WrongUse(_problem(found))
        meeting: Json = found.json()
    with _client(address_of("scoring", scoring), token) as asked:
        for item in meeting["items"]:
            item["scoring"] = _scoring(asked, meeting, item["item"])
    show(meeting, _lines(meeting), as_json=as_json)


def _id(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise WrongUse(f"{text!r} is no plenary: send the id from the receipt of its convening") from None


# --- asking --------------------------------------------------------------------------------------------------------


def _client(url: str, token: str) -> httpx.Client:
    return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=_TIMEOUT, trust_env=False)


def _asked(client: httpx.Client, service: str, path: str) -> httpx.Response:
    try:
        return client.get(path)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise WrongUse(
            f"{service} does not answer at {client.base_url} ({type(error).__name__}): start the stack with "
            f"`paritrana up`, or correct PARITRANA_{service.upper()}_URL"
        ) from None


def _scoring(client: httpx.Client, meeting: Mapping[str, Any], item: Mapping[str, Any]) -> Json:
    """Return scoring's checklist of an item's stage, or why it gives none: it is not opened, or not for the caller."""
    at = (meeting["season"], meeting["tier"], meeting["province"], item["category"], item["stage"])
    answer = _asked(client, "scoring", f"/v1/rankings/{'/'.join(at)}/checklist")
    if answer.status_code != httpx.codes.OK:
        return {"why": _problem(answer)}
    found: Json = answer.json()
    return found


def _problem(answer: httpx.Response) -> str:
    """Return why something was refused, in one line."""
    try:
        said = answer.json()
    except ValueError:
        said = {}
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        return f"{said.get('detail', '')} Run `paritrana login` again.".strip()
    return str(said.get("detail") or said.get("title") or f"status {answer.status_code}")


# --- showing -------------------------------------------------------------------------------------------------------


def _lines(meeting: Mapping[str, Any]) -> Iterator[str]:
    """Yield the checklist for people: the meeting, then every item, what lacks before what is to be done next."""
    term, notice = meeting["term"], meeting["notice"]
    place = "nation" if meeting["province"] == "00" else f"province {meeting['province']}"
    when = _local(meeting["scheduled"], meeting["province"])
    yield f"{meeting['season']} {meeting['body']} · {place} · {when}"
    yield f"  term      {term['from']} to {term['until']}{'' if term['holds'] else ': the meeting is outside of it'}"
    if notice["days"] is not None:
        kept = "kept" if notice["kept"] else f"not kept: {notice['earliest']} is the first day"
        yield f"  notice    {notice['days']} whole days, {kept}"
    yield from _present(meeting)
    for item in meeting["items"]:
        yield ""
        yield f"{item['item']['category']}/{item['item']['stage']}: {item['next']['en']}"
        yield from _known(item, meeting)
        yield from _unscored(item["scoring"])


def _local(moment: str, province: str) -> str:
    """Return an instant on the clocks of its province; of the nation's meetings, which all may join, on all three."""
    zones = [zone_of(province, TABLES[-1])] if province != NATION else list(ZONES)
    utc = datetime.fromisoformat(moment)
    return " = ".join(f"{utc.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M} {ZONES[zone]}" for zone in zones)


def _present(meeting: Mapping[str, Any]) -> Iterator[str]:
    """Yield who is recorded as present, by office, and that names are missing where identity did not give them."""
    if not meeting["present"]:
        yield "  present   nobody"
    for one in meeting["present"]:
        yield f"  present   {_person(one, meeting)}"
    if meeting["names"] == "away":
        yield "  names     not known now: identity does not answer; ask again in a moment"


def _person(one: Mapping[str, Any], meeting: Mapping[str, Any]) -> str:
    """Return the holder of a seat: by name, where that is unknown or was erased by the pseudonymous id."""
    return f"{meeting['persons'].get(one['person']) or one['person']} ({one['office']})"


def _known(item: Mapping[str, Any], meeting: Mapping[str, Any]) -> Iterator[str]:
    # Whom a meeting on an appeal is about has moved on, so that it does not stand among the stage's nominees any more.
    known = (*item["nominees"], *item["unrankable"], *item["conflicts"])
    names = {one["nomination"]: f"{one['name']} ({one['candidate']})" for one in known if one.get("name")}
    seal, quorum = item["seal"], item["quorum"]
    if seal is None:
        yield "  seal      none"
    else:
        yield f"  seal      {seal['digest']}{'' if seal['citable'] else ': ' + seal['why']['en']}"
    yield (
        f"  quorum    {quorum['required']} of {quorum['seats']} seats; {quorum['filled']} filled, "
        f"{len(quorum['recused'])} recused, {quorum['present']} present now, {quorum['may_stay_away']} may stay away"
    )
    for one in quorum["recused"]:
        yield f"  recused   {_person(one, meeting)}"
    for one in item["conflicts"]:
        name = meeting["persons"].get(one["person"]) or one["person"]
        yield f"  conflict  {name}, on {_name(names, one['nomination'])}: {one['en']}"
    for one in item["lost_votes"]:
        name = meeting["persons"].get(one["person"]) or one["person"]
        who = one["recorded_by"]
        by = "" if who in (None, one["person"]) else f", by {meeting['persons'].get(who) or who}"
        yield f"  lost vote {name} on motion {one['motion']}{by}: {one['en']}"
    for tie in item["ties"]:
        fell = "" if tie["order"] is None else f"; broken: {', '.join(_name(names, one) for one in tie['order'])}"
        who = ", ".join(_name(names, one) for one in tie["nominations"])
        yield f"  tie       rank {tie['rank']}{' at the cut' if tie['at_cut'] else ''}: {who}{fell}"
    for one in item["unrankable"]:
        yield f"  unranked  {_name(names, one['nomination'])}: {one['reason']}"
    for one in item["unverified"]:
        yield f"  unverified {one['name']} ({one['candidate']})"
    for one in item["late"]:
        why = "waits to be admitted" if one["why"] is None else one["why"]["en"]
        yield f"  late      {one['name']} ({one['candidate']}): {why}"
    for appeal in item["held_by"]:
        yield f"  appeal    {appeal} holds the stage"
    yield from _upstream(item["upstream"], meeting["province"])
    yield from _behind(item["behind"])


def _name(names: Mapping[str, str], nomination: str) -> str:
    return names.get(nomination, nomination)


def _upstream(earlier: list[Json], province: str) -> Iterator[str]:
    for one in earlier:
        stage = one["stage"]
        name = f"{stage['tier']}/{stage['province']}/{stage['category']}/{stage['stage']}"
        if not one["announced"]:
            yield f"  before    {name} is not announced"
        elif one["open"]:
            yield f"  before    {name} can be appealed against until {_local(one['appeals_until'], province)}"


def _behind(places: list[Json]) -> Iterator[str]:
    """Yield which places have not decided the stage before; what follows from that is the same for all."""
    for one in places:
        yield f"  behind    {one['place']} ({one['stage']['province']}): {len(one['nominations'])} nominees"
    if places:
        yield f"  behind    {places[0]['en']}"


def _unscored(scoring: Mapping[str, Any]) -> Iterator[str]:
    """Yield what scoring says: its state, who has sheets to hand in, and who cannot be ranked yet."""
    if "why" in scoring:
        yield f"  scoring   {scoring['why']}"
        return
    yield f"  scoring   {scoring['state']}; {scoring['unfiled']} sheets are not handed in"
    if scoring.get("names") == "away":
        yield "  names     of members not known now: identity does not answer scoring; ask again in a moment"
    for member in scoring["members"]:
        if member["waiting"]:
            waiting = ", ".join(f"{one['name']} ({one['status']})" for one in member["waiting"])
            name = scoring.get("persons", {}).get(member["member"]) or member["member"]
            yield f"  sheets    {name} ({', '.join(member['offices'])}): {waiting}"
    for one in scoring["nominees"]:
        if not one["rankable"]:
            yield f"  not yet   {one['name']} ({one['candidate']}): {one['reason']}"
            yield from (f"  unmeasured {one['name']}: {_lack(each)}" for each in one.get("unmeasured", ()))


def _lack(unmeasured: Mapping[str, Any]) -> str:
    """Say why an aspect has no measured figure."""
    months = ", ".join(unmeasured["missing_months"])
    why = {
        "not-measured": "nothing was measured yet",
        "not-registered": "no fact registers the candidate",
        "no-facts": "no facts about the candidate",
        "month-missing": f"no due was said for {months or 'a month'}",
        "denominator-zero": "its denominator is zero",
    }[unmeasured["lack"]]
    return f"{unmeasured['aspect']}, {why}"
