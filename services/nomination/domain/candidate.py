"""Who a nomination means: codes decide, names only find codes, and what could mean several is refused with the list.

Regions are the season's dated official table (`schemas.regions`); the name that is kept is the official one, whatever
customary form was sent. An employer is known by its number (NPP), its size class, and the region it is at home in. Of
the kinds that only the season's rulebook knows, villages for example, there is no table here: the code must have the
kind's form, and the name is what was sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from unicodedata import normalize

from schemas.nomination import Candidate
from schemas.regions import AmbiguousName, Region, UnknownRegion, region, resolve
from schemas.rulebook import CandidateKind, Category, Kind, Rulebook, SizeClass
from services.nomination.domain.refusals import refuse

GOVERNMENTS: Final[frozenset[CandidateKind]] = frozenset({"province", "regency", "city"})
"""The kinds that the official table names; of all others the nominator writes the name down."""


@dataclass(frozen=True, slots=True)
class CandidateAsked:
    """A candidate as it was written down: a government by code or name, all others by code, name and home region."""

    kind: CandidateKind
    code: str | None = None
    name: str | None = None
    size_class: SizeClass | None = None
    region: str | None = None
    sector: str | None = None


def settle_candidate(asked: CandidateAsked, category: Category, rules: Rulebook) -> Candidate:
    """Return the candidate under its official code and name; raise Refused when it is none of this category."""
    if asked.kind not in category.admits:
        admits = _listed(category.admits)
        raise refuse("kind-not-admitted", "candidate.kind", asked.kind, category=category.code, admits=admits)
    sector = _sector(asked.sector, category)
    table = rules.regions.table
    match asked.kind:
        case "province" | "regency" | "city":
            return _government(asked, table, sector)
        case "employer":
            return _employer(asked, category, table, sector)
        case _:
            return _declared(asked, rules.kind(asked.kind), table, sector)


def _sector(asked: str | None, category: Category) -> str | None:
    """Return the sector that the category asks for; None where it asks for none."""
    admitted = [sector.code for sector in category.sectors or ()]
    if not admitted and asked is not None:
        raise refuse("sector-not-asked", "candidate.sector", asked, category=category.code)
    if admitted and asked is None:
        raise refuse("sector-missing", "candidate.sector", category=category.code, admits=_listed(admitted))
    if asked is not None and asked not in admitted:
        admits = _listed(admitted)
        raise refuse("sector-not-admitted", "candidate.sector", asked, category=category.code, admits=admits)
    return asked


# --- governments ---------------------------------------------------------------------------------------------------


def _government(asked: CandidateAsked, table: str, sector: str | None) -> Candidate:
    surplus: tuple[tuple[str, str | None], ...] = (("size_class", asked.size_class), ("region", asked.region))
    for name, value in surplus:
        if value is not None:
            raise refuse("not-for-governments", f"candidate.{name}", value, field=name)
    found = _find(asked, table)
    if found.kind != asked.kind:
        raise refuse("kind-and-code-disagree", "candidate.kind", asked.kind, official=found.name, kind=found.kind)
    return Candidate(kind=found.kind, code=found.code, name=found.name, sector=sector)


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


# --- employers -----------------------------------------------------------------------------------------------------


def _employer(asked: CandidateAsked, category: Category, table: str, sector: str | None) -> Candidate:
    code, name, written = _stated(asked, "code", "name", "region", otherwise="employer-incomplete")
    admitted = category.size_classes or ()
    if asked.size_class is None:
        raise refuse("size-class-missing", "candidate.size_class", admits=_listed(admitted))
    if asked.size_class not in admitted:
        admits = _listed(admitted)
        raise refuse(
            "size-class-not-admitted", "candidate.size_class", asked.size_class, category=category.code, admits=admits
        )
    return Candidate(
        kind="employer",
        code=code,
        name=_clean(name),
        size_class=asked.size_class,
        region=_home(written, table).code,
        sector=sector,
    )


# --- kinds of the season's own -------------------------------------------------------------------------------------


def _declared(asked: CandidateAsked, kind: Kind, table: str, sector: str | None) -> Candidate:
    title = {"kind": kind.title.en, "jenis": kind.title.id}
    if asked.size_class is not None:
        raise refuse("not-for-kind", "candidate.size_class", asked.size_class, field="size_class", **title)
    code, name = _stated(asked, "code", "name", otherwise="kind-incomplete", **title)
    if not kind.fits(code):
        raise refuse("code-not-of-kind", "candidate.code", code, number=kind.number, **title)
    prefix = kind.home_in(code)
    if prefix is None:
        (written,) = _stated(asked, "region", otherwise="kind-incomplete", **title)
        home = _home(written, table)
    else:
        home = _home_of_code(code, prefix, asked.region, table)
    return Candidate(kind=kind.code, code=code, name=_clean(name), region=home.code, sector=sector)


def _home_of_code(code: str, prefix: str, written: str | None, table: str) -> Region:
    """Find the region that a code begins with; one that was written down beside it must be the same."""
    try:
        home = region(prefix, table)
    except UnknownRegion:
        raise refuse("home-unknown", "candidate.code", code, home=prefix, table=table) from None
    if written is not None and _home(written, table) != home:
        raise refuse("code-and-home-disagree", "candidate.region", written, code=code, official=_official(home))
    return home


# --- what they share -----------------------------------------------------------------------------------------------


def _stated(asked: CandidateAsked, *fields: str, otherwise: str, **words: str) -> list[str]:
    """Return what was written in fields that must not be left out."""
    written: Mapping[str, str | None] = {"code": asked.code, "name": asked.name, "region": asked.region}
    found: list[str] = []
    for field in fields:
        value = written[field]
        if value is None:
            raise refuse(otherwise, f"candidate.{field}", field=field, **words)
        found.append(value)
    return found


def _clean(name: str) -> str:
    """Return a name in composed Unicode, with single spaces."""
    return normalize("NFC", " ".join(name.split()))


def _home(written: str, table: str) -> Region:
    """Find a home region by its code or its name."""
    try:
        return region(written, table)
    except UnknownRegion:
        return _named(written, None, table, "candidate.region")


def _official(found: Region) -> str:
    return f"{found.name} ({found.code})"


def _listed(values: Iterable[str]) -> str:
    return ", ".join(values)
