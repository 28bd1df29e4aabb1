"""The official regions of Indonesia, by date: codes, names and zones, and how a written name finds its region.

Codes and names are the Ministry of Home Affairs' (Kemendagri: kode wilayah, `75` a province, `75.01` a regency,
`75.71` a city), in one table per state of the country: 34 provinces until 2022, 38 after. Codes decide, names only find
codes: a province, a regency and a city may share one name, so a name without its kind is refused with the candidates.
Zones are those of Keputusan Presiden 41/1987: WIB, WITA and WIT, kept as IANA names.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Final, Literal

RegionKind = Literal["province", "regency", "city"]

NATION: Final = "00"
NATION_ZONE: Final = "Asia/Jakarta"
MAX_NAME: Final = 255
ZONES: Final[Mapping[str, str]] = {"Asia/Jakarta": "WIB", "Asia/Makassar": "WITA", "Asia/Jayapura": "WIT"}


@dataclass(frozen=True, slots=True)
class Region:
    """One province, regency or city of a dated table; `name` is the official one, with its kind."""

    code: str
    kind: RegionKind
    name: str
    zone: str

    @property
    def province(self) -> str:
        """Return the two-digit code of the province that the region is, or lies in."""
        return self.code[:2]


@dataclass(frozen=True, slots=True)
class RegionTable:
    """A state of the country: in force from `since` until the day before `until`, by the decree named in `title`."""

    code: str
    title: str
    since: date
    until: date | None
    regions: Mapping[str, Region]


class UnknownRegion(LookupError):
    """No region of the table has this code or name."""


class AmbiguousName(LookupError):
    """A name fits several regions, or does not say its kind; `candidates` are what it could mean."""

    def __init__(self, name: str, candidates: tuple[Region, ...]) -> None:
        self.name = name
        self.candidates = candidates
        listed = ", ".join(f"{region.name} ({region.code})" for region in candidates)
        super().__init__(f"{name!r} does not say which region is meant; write one of: {listed}")


# `since` is the first day the table is meant for; the second begins with the law that made the 38th province (29/2022).
_EDITIONS: Final[Mapping[str, tuple[str, date, date | None]]] = {
    "kemendagri-2020": (
        "Permendagri 72/2019 as revised by Kepmendagri 146.1-4717/2020: 34 provinces",
        date(2020, 1, 1),
        date(2022, 12, 8),
    ),
    "kemendagri-2025": ("Kepmendagri 300.2.2-2430/2025: 38 provinces", date(2022, 12, 8), None),
}
TABLES: Final = tuple(_EDITIONS)

_APOSTROPHES: Final = str.maketrans(dict.fromkeys("\u2018\u2019\u201b\u02bc\u02bb\u02b9\u2032\u0060\u00b4\uff07", "'"))
_KINDS: Final[Mapping[RegionKind, str]] = {"province": "Provinsi", "regency": "Kabupaten", "city": "Kota"}
_PREFIXES: Final[Mapping[str, RegionKind]] = {
    "provinsi": "province", "propinsi": "province", "prov.": "province", "prov": "province", "pemprov": "province",
    "kabupaten": "regency", "kab.": "regency", "kab": "regency", "pemkab": "regency",
    "kota": "city", "pemkot": "city", "pemko": "city",
}  # fmt: skip
_ABBREVIATED: Final = re.compile(r"\bkep(\.|\b) ?")
_ADMINISTRATIVE: Final = re.compile(r"^(administrasi|adm\.?) ")


def fold_name(name: str) -> str:
    """Return the spelling under which names are compared.

    Composed and decomposed Unicode are one, and so are the apostrophe's variants, letter case and runs of spaces;
    accents stay. Raises ValueError for a name that is not 1 to 255 code points, or that holds control characters.
    """
    clean = " ".join(unicodedata.normalize("NFC", name).split())
    if not 1 <= len(clean) <= MAX_NAME:
        raise ValueError(f"a name has 1 to {MAX_NAME} code points, this one has {len(clean)}")
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in clean):
        raise ValueError("a name holds no control characters")
    return unicodedata.normalize("NFC", clean.casefold().translate(_APOSTROPHES))


def _bare(folded: str) -> str:
    """Reduce a folded name without its kind to what identifies it: no hyphens, no customary abbreviations."""
    spaced = " ".join(folded.replace("-", " ").split())
    return _ABBREVIATED.sub("kepulauan ", _ADMINISTRATIVE.sub("", spaced)).strip()


def _split_kind(folded: str) -> tuple[RegionKind | None, str]:
    """Part a folded name into the kind it states, if any, and the rest."""
    first, _, rest = folded.removeprefix("pemerintah ").partition(" ")
    kind = _PREFIXES.get(first)
    return (kind, _bare(rest)) if kind and rest else (None, _bare(folded))


def _rows(name: str) -> Iterable[Mapping[str, str]]:
    text = (files("schemas") / "regions" / f"{name}.csv").read_text(encoding="utf-8")
    return csv.DictReader(text.splitlines())


@cache
def region_table(table: str) -> RegionTable:
    """Return the dated table of this code, one of `TABLES`. Raises UnknownRegion."""
    if table not in _EDITIONS:
        raise UnknownRegion(f"there is no region table {table!r}: use one of {', '.join(TABLES)}")
    title, since, until = _EDITIONS[table]
    rows = list(_rows(table))
    zones = {row["code"]: row["zone"] for row in rows if row["kind"] == "province"}
    return RegionTable(table, title, since, until, {row["code"]: _region(row, zones) for row in rows})


def _region(row: Mapping[str, str], zones: Mapping[str, str]) -> Region:
    kind: RegionKind = "province" if row["kind"] == "province" else "city" if row["kind"] == "city" else "regency"
    name = f"{_KINDS[kind]} {row['name']}" if kind == "province" else row["name"]
    return Region(row["code"], kind, name, zones[row["code"][:2]])


@cache
def _names(table: str) -> Mapping[tuple[RegionKind, str], Region]:
    """Index a table by kind and bare name: official names first, then former and customary ones."""
    index: dict[tuple[RegionKind, str], Region] = {}
    official: dict[str, Region] = {}
    for found in region_table(table).regions.values():
        kind, bare = _split_kind(fold_name(found.name))
        index[kind or found.kind, bare] = found
        official[found.name] = found
    for row in _rows("aliases"):
        if target := official.get(row["name"]):
            index.setdefault((target.kind, _split_kind(fold_name(row["alias"]))[1]), target)
    return index


@cache
def _spoken(table: str) -> Mapping[str, Region]:
    """Index the aliases that state their kind by another word than a kind's (DKI Jakarta, DI Yogyakarta)."""
    official = {found.name: found for found in region_table(table).regions.values()}
    return {fold_name(row["alias"]): official[row["name"]] for row in _rows("aliases") if row["why"] == "title"}


def region(code: str, table: str) -> Region:
    """Return the region of an official code (`75`, `75.71`). Raises UnknownRegion."""
    try:
        return region_table(table).regions[code]
    except KeyError:
        raise UnknownRegion(f"{code!r} is no region of {table}: codes are written 75 or 75.71") from None


def resolve(name: str, table: str) -> Region:
    """Find the region that a written name means: official, customary short form, or a former name.

    Raises AmbiguousName (with the candidates) for a name without its kind, UnknownRegion for one that fits nothing,
    ValueError for one that is no clean name.
    """
    folded = fold_name(name)
    if titled := _spoken(table).get(folded):
        return titled
    index = _names(table)
    kind, bare = _split_kind(folded)
    if kind is not None and (found := index.get((kind, bare))):
        return found
    whole = _bare(folded)
    candidates = {found.code: found for (_, form), found in index.items() if form in (bare, whole)}
    if candidates:
        raise AmbiguousName(name, tuple(candidates[code] for code in sorted(candidates)))
    raise UnknownRegion(
        f"{name!r} is no region of {table}: write the official name, for example Kabupaten Bone Bolango"
    )


def zone_of(province: str, table: str) -> str:
    """Return the IANA zone of a province's official time; `00`, the nation, keeps Jakarta's. Raises UnknownRegion."""
    if province == NATION:
        return NATION_ZONE
    return region(province, table).zone
