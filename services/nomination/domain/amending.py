"""Amending a season's rulebook: a later version of the same season, which may add and change but take nothing away.

Sheets, seals and decisions stay pinned to the version that they were made under. Committees and nominations are not:
they live on under the newest one, so every category, body, stage, office and seat that the present version has must
still be there, under the same table of regions. A stage stays with its body and leads where it led: one that is sealed
under an earlier version is that version's body to decide, and who came from it stands where that version sent them. Nor
does it cease to verify: whoever a seal lets go on only when verified could not be verified any more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kernel.decider import Emit
from schemas.nomination import RulebookAmended
from schemas.rulebook import Body, Office, Rulebook, Stage, rulebook_content, rulebook_hash
from services.nomination.domain.refusals import decides, refuse
from services.nomination.domain.season import SeasonState, opened, season_stream


@dataclass(frozen=True, slots=True)
class AmendRulebook:
    """Publish the next version of a season's rulebook, which was read and checked."""

    season: str
    rulebook: Rulebook
    reason_digest: str


@decides
def amend_rulebook(command: AmendRulebook, state: SeasonState) -> Sequence[Emit]:
    """Publish the next version, when it changes something and takes away nothing that is in use."""
    season = opened(state, command.season)
    present, amended = season.rulebook, command.rulebook
    if amended.season != season.code:
        raise refuse("rulebook-of-another-season", "rulebook.season", amended.season, season=season.code)
    if amended.version != season.version + 1:
        raise refuse("version-not-next", "rulebook.version", amended.version, next=season.version + 1)
    content = rulebook_content(amended)
    if {**content, "version": present.version} == rulebook_content(present):
        raise refuse("rulebook-unchanged", "rulebook", present=present.version)
    if amended.regions.table != present.regions.table:
        table = amended.regions.table
        raise refuse("region-table-changed", "rulebook.regions.table", table, present=present.regions.table)
    if taken := ", ".join(taken_away(present, amended)):
        raise refuse("amendment-takes-away", "rulebook", taken)
    published = RulebookAmended(
        season=season.code,
        version=amended.version,
        hash=rulebook_hash(amended),
        content=content,
        reason_digest=command.reason_digest,
    )
    return (Emit(season_stream(season.code), published),)


def taken_away(present: Rulebook, amended: Rulebook) -> Iterator[str]:
    """Yield what of the present version is in use and is no more as it was, by its place in the file."""
    categories = {category.code for category in amended.categories}
    yield from (f"categories[{one.code}]" for one in present.categories if one.code not in categories)
    bodies = {body.code: body for body in amended.bodies}
    for body in present.bodies:
        yield from _taken_from(body, bodies.get(body.code))
    stages = {stage.id: stage for stage in amended.stages}
    for stage in present.stages:
        yield from _taken_from_stage(stage, stages.get(stage.id))


def _taken_from_stage(present: Stage, amended: Stage | None) -> Iterator[str]:
    """Yield a lost stage, or that another body decides on it, that it leads elsewhere, or verifies no more."""
    place = f"stages[{'/'.join(present.id)}]"
    if amended is None:
        yield place
        return
    if amended.body != present.body:
        yield f"{place}.body"
    if amended.next != present.next:
        yield f"{place}.next"
    if amended.verification is None and present.verification is not None:
        yield f"{place}.verification"


def _taken_from(present: Body, amended: Body | None) -> Iterator[str]:
    place = f"bodies[{present.code}]"
    if amended is None:
        yield place
        return
    if amended.tier != present.tier:
        yield f"{place}.tier"
    offices = {office.code: office for office in amended.offices}
    for office in present.offices:
        yield from _taken_from_office(f"{place}.offices[{office.code}]", office, offices.get(office.code))


def _taken_from_office(place: str, present: Office, amended: Office | None) -> Iterator[str]:
    """Yield a lost office or seats of it; a seat that keeps the record is none that votes, nor the other way round."""
    if amended is None:
        yield place
        return
    if amended.seats < present.seats:
        yield f"{place}.seats"
    if (amended.role == "clerk") is not (present.role == "clerk"):
        yield f"{place}.role"
