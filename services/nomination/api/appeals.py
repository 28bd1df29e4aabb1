"""Appeals over HTTP: lodged by a nominee's side, followed by those concerned, their outcomes open to everybody.

The verdict is put and decided in a plenary (`/v1/plenaries/{plenary}/motions`, kind `decide-appeal`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fractions import Fraction
from typing import Annotated, Any, Final, Literal

import orjson
from fastapi import APIRouter, Query
from fastapi import Path as InPath
from pydantic import Field, StringConstraints

from kernel.canonical import Json, instant, uuid7
from kernel.decider import FieldFault, Text
from kernel.paging import Paged, a_moment, page_of
from kernel.problems import invalid, not_found
from kernel.reads import AtLeast, AtLeastPosition, Here
from kernel.service import Service
from kernel.tokens import Person
from schemas.envelope import CategoryCode, Slug, Uuid
from schemas.exact import Locale, NotExact, fraction_text, parse_decimal
from schemas.nomination import Verdict, VerdictFigure
from services.nomination.api.parts import (
    SQL,
    AppealCommand,
    Body,
    InProvince,
    InSeason,
    Reader,
    Reason,
    SeasonPath,
    named,
    position_of,
)
from services.nomination.domain.appeal import LodgeAppeal
from services.nomination.domain.verdict import AskAppeal
from services.nomination.programs import appeals as programs
from services.nomination.rights import contact_of, is_of_place, may_see, provinces_of, visible_places
from services.nomination.texts import digest_of_reason

router = APIRouter()

_FRACTION: Final = re.compile(r"(-?[0-9]+)/(0*[1-9][0-9]*)")
FigureText = Annotated[
    str,
    StringConstraints(pattern=r"^-?[0-9]{1,24}(/0{0,8}[1-9][0-9]{0,23}|[.,][0-9]{1,12})?$"),
    Field(
        description="An exact value: a fraction such as 262/3, or a decimal in the stated locale.", examples=["262/3"]
    ),
]
MarkText = Annotated[
    str,
    StringConstraints(pattern=r"^-?[0-9]{1,12}([.,][0-9]{1,6})?$"),
    Field(description="A mark as text, written in the stated locale.", examples=["87.5"]),
]


# --- lodging -------------------------------------------------------------------------------------------------------


class AppealBody(Body):
    """What is contested, and why."""

    nomination: Uuid
    plenary: Annotated[Uuid, Field(description="The meeting that took the contested decision.")]
    motion: Annotated[int, Field(ge=1, le=100_000, description="The number of its motion.")]
    aspect: Annotated[Slug | None, Field(description="The contested aspect, if it is one.")] = None
    grounds: Reason


@router.post("/v1/appeals", tags=["appeals"], summary="Appeal against an announced decision")
async def lodge_appeal(here: Here, command: AppealCommand, body: AppealBody) -> Json:
    """Contest a decision within its window, as the nominee's contact or nominating body; later stages are held."""
    lodging = LodgeAppeal(
        appeal=uuid7(),
        nomination=body.nomination,
        plenary=body.plenary,
        motion=body.motion,
        aspect=body.aspect,
        actor=command.actor,
        scopes=provinces_of(command.person, "secretariat"),
        reason_digest=await digest_of_reason(here, command, body.grounds),
        received=command.received,
    )
    office = "contact" if command.person.may("contact", nomination=body.nomination) else "secretariat"
    return named(await here.executor.execute(command.ask(office), programs.lodging(lodging)), "appeal")


# --- the verdict, as a motion --------------------------------------------------------------------------------------


class FigureBody(Body):
    """One aspect as the verdict has it: its value, or the marks that replace all counted ones."""

    aspect: Slug
    value: FigureText | None = None
    marks: Annotated[list[MarkText] | None, Field(min_length=1, max_length=100)] = None


class VerdictBody(Body):
    """Whether the appeal is upheld, and then with which figures."""

    outcome: Literal["upheld", "dismissed"]
    figures: Annotated[list[FigureBody], Field(max_length=100)] = Field(default_factory=list)
    order: Annotated[
        list[Uuid] | None,
        Field(max_length=100, description="Best first, those who would share a rank at the cut; breaks that tie."),
    ] = None
    locale: Locale = "en"

    def said(self) -> Verdict:
        """Return the verdict; raise a 422 for a number that the locale cannot tell apart."""
        figures = [
            VerdictFigure(
                aspect=figure.aspect,
                value=None if figure.value is None else self._value(figure.value, f"{path}.value"),
                marks=None
                if figure.marks is None
                else tuple(
                    _decimal(text, self.locale, f"{path}.marks[{place}]") for place, text in enumerate(figure.marks)
                ),
            )
            for index, figure in enumerate(self.figures)
            for path in [f"verdict.figures[{index}]"]
        ]
        order = None if self.order is None else tuple(self.order)
        return Verdict(outcome=self.outcome, figures=tuple(figures), order=order)

    def _value(self, text: str, path: str) -> str:
        """Return a value in lowest terms."""
        fraction = _FRACTION.fullmatch(text)
        if fraction is not None:
            return fraction_text(Fraction(int(fraction[1]), int(fraction[2])))
        return fraction_text(_decimal(text, self.locale, path))


def _decimal(text: str, locale: Locale, path: str) -> Any:
    try:
        return parse_decimal(text, locale)
    except NotExact as error:
        mark = {"id": ",", "en": "."}[locale]
        remedy = Text(
            f"{error}.", f"Tulis angka tanpa tanda ribuan dan tanpa nol di depan, dengan {mark!r} untuk desimal."
        )
        raise invalid((FieldFault(path, text, remedy),)) from None


def asked_appeal(appeal: str | None, verdict: VerdictBody | None) -> AskAppeal:
    """Return the question of a motion on an appeal; raise a 422 for what is missing."""
    if appeal is None or verdict is None:
        remedy = Text("Send it with a motion of kind decide-appeal.", "Kirim bersama usul jenis decide-appeal.")
        raise invalid((FieldFault("appeal" if appeal is None else "verdict", None, remedy),))
    return AskAppeal(appeal, verdict.said())


# --- reads ---------------------------------------------------------------------------------------------------------


@router.get("/v1/appeals", tags=["appeals"], summary="List appeals")
async def list_appeals(
    here: Here,
    person: Reader,
    paged: Paged,
    season: InSeason = None,
    province: InProvince = None,
    category: Annotated[CategoryCode | None, Query(description="Only this category.")] = None,
    at_least: AtLeast = None,
) -> Json:
    """List the appeals of one's places, and one's own, as they were lodged: their state, and which stages they hold."""
    listing = f"appeals/{season}/{province}/{category}"
    after = paged.after(listing, a_moment, str)
    position = await position_of(here, "appeals", at_least, person)
    contact = contact_of(person)
    rows = await here.pool.fetch(
        SQL["appeals"],
        season,
        province,
        category,
        *(after or (None, None)),
        None if contact is None else visible_places(person, season),
        person.id,
        contact or [],
        paged.limit + 1,
    )
    page = page_of(rows, paged, listing, lambda row: (instant(row["lodged"]), row["id"]), position=position)
    return {**page, "items": [_without_comparison(orjson.loads(row["body"])) for row in page["items"]]}


def _without_comparison(body: Json) -> Json:
    """Return an appeal as a list shows it; who wants to compare opens it."""
    if body["decision"] is not None:
        del body["decision"]["comparison"]
    return body


@router.get("/v1/appeals/{appeal}", tags=["appeals"], summary="Show an appeal")
async def show_appeal(
    here: Here,
    person: Reader,
    appeal: Annotated[Uuid, InPath(description="The appeal's id.")],
    at_least: AtLeast = None,
) -> Json:
    """Show an appeal: what it contests, which stages it holds until when, and its verdict with before and after.

    The grounds are for the people of the place, the appellant and auditors; erased by law, they are null.
    """
    position = await position_of(here, "appeals", at_least, person)
    row = await here.pool.fetchrow(SQL["appeal"], appeal)
    if row is None or not _may_see(person, row):
        raise not_found(Text("There is no such appeal in your places.", "Tidak ada sanggah itu di wilayah Anda."))
    body = orjson.loads(row["body"])
    if body["decision"] is not None:
        body["decision"]["comparison"] = await _named(here, body["decision"]["comparison"])
    grounds = {"grounds": {"digest": body["grounds"]}}
    if _is_concerned(person, row):
        grounds["grounds"]["text"] = row["grounds"]
    return {**body, **grounds, "position": position}


def _may_see(person: Person, row: Any) -> bool:
    places = [place for place in (row["province"], row["home"]) if place is not None]
    return any(may_see(person, place, row["season"]) for place in places) or _is_appellant(person, row)


def _is_appellant(person: Person, row: Any) -> bool:
    return person.id == row["appellant"] or person.may("contact", nomination=row["nomination"])


def _is_concerned(person: Person, row: Any) -> bool:
    places = [place for place in (row["province"], row["home"]) if place is not None]
    return (
        person.throughout("auditor", row["season"])
        or is_of_place(person, row["season"], *places)
        or _is_appellant(person, row)
    )


async def _named(here: Service, comparison: Iterable[Json]) -> list[Json]:
    """Return a comparison with the candidates' names."""
    shifts = list(comparison)
    rows = await here.pool.fetch(SQL["candidate_names"], [shift["nomination"] for shift in shifts])
    names = {row["id"]: row["name"] for row in rows}
    return [{**shift, "candidate": names.get(shift["nomination"])} for shift in shifts]


@router.get("/v1/public/appeals/{season}", tags=["public"], summary="List the appeals of a season")
async def list_public_appeals(here: Here, paged: Paged, season: SeasonPath, at_least: AtLeastPosition = None) -> Json:
    """List appeals by number and contested stage, with outcome and comparison once these are public; no persons.

    An upheld appeal is shown as open until the corrected ranking is announced.
    """
    listing = f"public-appeals/{season}"
    after = paged.after(listing, a_moment, str)
    position = await position_of(here, "appeals", at_least, None)
    rows = await here.pool.fetch(SQL["public_appeals"], season, *(after or (None, None)), paged.limit + 1)
    page = page_of(rows, paged, listing, lambda row: (instant(row["lodged"]), row["id"]), position=position)
    items = [await _public(here, orjson.loads(row["body"]), announced=row["announced"]) for row in page["items"]]
    return {**page, "season": season, "items": items}


async def _public(here: Service, body: Json, *, announced: bool) -> Json:
    """Return what everybody may know of an appeal."""
    shown = {"number": body["number"], "at": body["at"], "lodged": body["lodged"]}
    decision = body["decision"]
    if decision is None or (body["state"] == "upheld" and not announced):
        return {**shown, "state": "open", "decided": None, "comparison": []}
    comparison = await _named(here, decision["comparison"])
    return {**shown, "state": body["state"], "decided": decision["time"], "comparison": comparison}
