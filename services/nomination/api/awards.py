"""Awards over HTTP: certificates issued, listed, printed and checked, and announced results for everybody."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

import orjson
from fastapi import APIRouter, Query, Request
from fastapi import Path as InPath

from kernel.canonical import Json, instant
from kernel.decider import Text
from kernel.http import answer
from kernel.paging import Paged, a_moment, page_of
from kernel.problems import not_found
from kernel.reads import AtLeast, AtLeastPosition, Here
from kernel.service import Service
from schemas.envelope import CategoryCode, Stage, Uuid
from schemas.rulebook import Category, Certificate, Rulebook
from services.nomination.api.parts import (
    SQL,
    InSeason,
    MeetingCommand,
    ProvincePath,
    Reader,
    SeasonPath,
    bodies_of,
    position_of,
)
from services.nomination.domain.award import Standing, standing_at
from services.nomination.domain.certificates import IssueCertificates
from services.nomination.domain.season import SEASON, known, season_stream
from services.nomination.programs import awards as programs
from services.nomination.rights import actor_at, office_at, visible_places

router = APIRouter()

TierPath = Annotated[Literal["provincial", "national"], InPath(description="The tier of the award.")]
CategoryPath = Annotated[CategoryCode, InPath(description="The category's code in the rulebook, for example KABKOTA.")]
CertificatePath = Annotated[Uuid, InPath(description="The certificate's id.")]
InCategory = Annotated[CategoryCode | None, Query(description="Only this category.")]


# --- certificates --------------------------------------------------------------------------------------------------


@router.post(
    "/v1/awards/{season}/{tier}/{province}/{category}/certificates",
    tags=["certificates"],
    summary="Issue the certificates that are due",
)
async def issue_certificates(
    here: Here,
    command: MeetingCommand,
    season: SeasonPath,
    tier: TierPath,
    province: ProvincePath,
    category: CategoryPath,
) -> Json:
    """Issue what is due to winners and finalists and not in force; nothing, when all of it is.

    By the office that publishes or the secretary, once the result of the path's last stage of the tier is announced.
    """
    asked = IssueCertificates(
        season, tier, province, category, actor_at(command.person, season, province), command.received
    )

    async def roll(last: Stage) -> tuple[str, ...]:
        rows = await here.pool.fetch(SQL["roll_of_stage"], last.season, last.category, last.province)
        return tuple(row["nomination"] for row in rows)

    rows = await here.pool.fetch(SQL["appeals_of_path"], season, category, province)
    program = programs.issuing(asked, roll, [row["appeal"] for row in rows])
    return answer(await here.executor.execute(command.ask(office_at(command.person, season, province)), program))


@router.get("/v1/certificates", tags=["certificates"], summary="List certificates")
async def list_certificates(
    here: Here,
    person: Reader,
    paged: Paged,
    season: InSeason = None,
    category: InCategory = None,
    at_least: AtLeast = None,
) -> Json:
    """List the certificates of one's places, of one's places' nominees, and one's own, in the order of their issue."""
    listing = f"certificates/{season}/{category}"
    after = paged.after(listing, a_moment, str, str)
    position = await position_of(here, "certificates", at_least, person)
    mine = sorted(person.scopes("contact", "nomination") or ())
    rows = await here.pool.fetch(
        SQL["certificates"],
        season,
        category,
        *(after or (None, None, None)),
        visible_places(person, season),
        mine,
        paged.limit + 1,
    )
    page = page_of(
        rows, paged, listing, lambda row: (instant(row["issued"]), row["number"], row["id"]), position=position
    )
    return bodies_of(page)


@router.get("/v1/public/certificates/{certificate}", tags=["public"], summary="Check a certificate")
async def check_certificate(here: Here, certificate: CertificatePath, at_least: AtLeastPosition = None) -> Json:
    """Say whether a certificate is in force, and what must be written on it; a revoked one says since when."""
    position = await position_of(here, "certificates", at_least, None)
    row = await here.pool.fetchrow(SQL["certificate"], certificate)
    if row is None:
        raise _no_certificate()
    body = orjson.loads(row["body"])
    return {**shown(body, await rules_of(here, body)), "position": position}


def _no_certificate() -> Exception:
    return not_found(Text("There is no such certificate.", "Piagam itu tidak ada."))


async def rules_of(here: Service, body: Json) -> Rulebook:
    """Return the rulebook that a certificate was issued under."""
    season = known(await here.executor.state(SEASON, season_stream(body["at"]["season"])))
    if season is None:
        raise _no_certificate()
    return season.rulebooks[body["rulebook_version"]]


_STATES: Final[dict[bool, Json]] = {
    False: {"status": "valid", "label": {"id": "Berlaku", "en": "Valid"}},
    True: {"status": "revoked", "label": {"id": "Dicabut", "en": "Revoked"}},
}


def shown(body: Json, rules: Rulebook) -> Json:
    """Return what everybody may know of a certificate: neither the nomination's id nor the appeal's."""
    at, revoked = body["at"], body["revoked"]
    kind = next(one for one in rules.certificates if one.code == body["kind"])
    return {
        "certificate": body["certificate"],
        "number": body["number"],
        "candidate": body["candidate"],
        "season": {"code": rules.season, "title": _both(rules)},
        "category": {"code": at["category"], "title": _both(rules.category(at["category"]))},
        "kind": {"code": kind.code, "title": _both(kind)},
        "given_to": body["given_to"],
        "tier": at["tier"],
        "province": at["province"],
        "rank": body.get("rank"),
        "dated": body["dated"],
        "sample": body["sample"],
        "revoked": revoked and revoked["time"],
        **_STATES[revoked is not None],
    }


def _both(titled: Rulebook | Category | Certificate) -> Json:
    return {"id": titled.title.id, "en": titled.title.en}


# --- results -------------------------------------------------------------------------------------------------------


_STANDINGS: Final[dict[Standing | Literal["replaced"], Json]] = {
    "provisional": {"standing": "provisional", "label": {"id": "Sementara", "en": "Provisional"}},
    "final": {"standing": "final", "label": {"id": "Final", "en": "Final"}},
    "replaced": {"standing": "replaced", "label": {"id": "Digantikan", "en": "Replaced"}},
}


@router.get("/v1/public/results/{season}", tags=["public"], summary="List announced results")
async def list_results(
    request: Request, here: Here, paged: Paged, season: SeasonPath, at_least: AtLeastPosition = None
) -> Json:
    """List announced results in the order of their announcement: ranks, candidates, outcomes, sample marks, digest.

    A result is provisional (Sementara) until its appeal window has ended. One that an upheld appeal corrected is
    replaced (Digantikan) as soon as the corrected one is announced, which `replaced_by` names.
    """
    listing = f"results/{season}"
    after = paged.after(listing, a_moment, str, str)
    position = await position_of(here, "results", at_least, None)
    rows = await here.pool.fetch(SQL["results"], season, *(after or (None, None, None)), paged.limit + 1)
    now: datetime = request.app.state.clock.now()
    page = page_of(
        rows, paged, listing, lambda row: (instant(row["announced"]), row["grp"], row["id"]), position=position
    )
    return {**page, "season": season, "items": [_shown(row, now) for row in page["items"]]}


def _shown(row: Any, now: datetime) -> Json:
    body: Json = orjson.loads(row["body"])
    standing = "replaced" if "replaced_by" in body else standing_at(row["appeals_until"], now)
    return {**body, **_STANDINGS[standing]}
