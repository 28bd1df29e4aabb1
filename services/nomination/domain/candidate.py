"""Who a nomination means: codes decide, names only find codes, and what could mean several is refused with the list.

Regions are the season's dated official table (`schemas.regions`); the name that is kept is the official one, whatever
customary form was sent. An employer is known by its number (NPP), its size class, and the region it is at home in.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from unicodedata import normalize

from schemas.nomination import Candidate
from schemas.regions import AmbiguousName, Region, UnknownRegion, region, resolve
from schemas.rulebook import CandidateKind, Category, Rulebook, SizeClass
from services.nomination.domain.refusals import refuse


@dataclass(frozen=True, slots=True)
class CandidateAsked:
    """A candidate as it was written down: a government by code or name, an employer by number, name and region."""

    kind: CandidateKind
    code: str | None = None
    name: str | None = None
    size_class: SizeClass | None = None
    region: str | None = None


def settle_candidate(asked: CandidateAsked, category: Category, rules: Rulebook) -> Candidate:
    """Return the candidate under its official code and name; raise Refused when it is none of this category."""
    if asked.kind not in category.admits:
        admits = _listed(category.admits)
        raise refuse("kind-not-admitted", "candidate.kind", asked.kind, category=category.code, admits=admits)
    table = rules.regions.table
    return _employer(asked, category, table) if asked.kind == "employer" else _government(asked, table)


def _government(asked: CandidateAsked, table: str) -> Candidate:
    surplus: tuple[tuple[str, str | None], ...] = (("size_class", asked.size_class), ("region", asked.region))
    for name, value in surplus:
        if value is not None:
            raise refuse("not-for-governments", f"candidate.{name}", value, field=name)
    found = _find(asked, table)
    if found.kind != asked.kind:
        raise refuse("kind-and-code-disagree", "candidate.kind", asked.kind, official=found.name, kind=found.kind)
    return Candidate(kind=found.kind, code=found.code, name=found.name)


def _find(asked: CandidateAsked, table: str) -> Region:
    """Find a government by its code, by its name, or by both when they agree."""
    if asked.code is None:
        if asked.name is None:
            raise refuse("candidate-unnamed", "candidate.code")
        return _named(asked.name, asked.kind, table, "candidate.name")
    try:
        found = region(asked.code, table)
    except UnknownRegion:
        raise refuse("region-unknown", "candidate.code", asked.code, table=table) from None
    if asked.name is not None and found not in _meanings(asked.name, table):
        raise refuse("code-and-name-disagree", "candidate.name", asked.name, code=found.code, official=_official(found))
    return found


def _named(name: str, kind: CandidateKind | None, table: str, path: str) -> Region:
    """Find the one region that a name means, taken with the kind that was stated beside it."""
    meanings = _meanings(name, table)
    fitting = [found for found in meanings if kind is None or found.kind == kind] or meanings
    if not fitting:
        raise refuse("region-unknown", path, name, table=table)
    if len(fitting) > 1:
        raise refuse("region-ambiguous", path, name, candidates="; ".join(_official(found) for found in fitting))
    return fitting[0]


def _meanings(name: str, table: str) -> list[Region]:
    try:
        return [resolve(name, table)]
    except AmbiguousName as ambiguous:
        return list(ambiguous.candidates)
    except ValueError:
        return []
    except UnknownRegion:
        return []


def _employer(asked: CandidateAsked, category: Category, table: str) -> Candidate:
    needed: tuple[tuple[Literal["code", "name", "region"], str | None], ...] = (
        ("code", asked.code),
        ("name", asked.name),
        ("region", asked.region),
    )
    for field, value in needed:
        if value is None:
            raise refuse("employer-incomplete", f"candidate.{field}", field=field)
    admitted = category.size_classes or ()
    if asked.size_class is None:
        raise refuse("size-class-missing", "candidate.size_class", admits=_listed(admitted))
    if asked.size_class not in admitted:
        admits = _listed(admitted)
        raise refuse(
            "size-class-not-admitted", "candidate.size_class", asked.size_class, category=category.code, admits=admits
        )
    home = _home(str(asked.region), table)
    name = normalize("NFC", " ".join(str(asked.name).split()))
    return Candidate(kind="employer", code=str(asked.code), name=name, size_class=asked.size_class, region=home.code)


def _home(written: str, table: str) -> Region:
    """Find an employer's region by its code or its name."""
    try:
        return region(written, table)
    except UnknownRegion:
        return _named(written, None, table, "candidate.region")


def _official(found: Region) -> str:
    return f"{found.name} ({found.code})"


def _listed(values: Iterable[str]) -> str:
    return ", ".join(values)
