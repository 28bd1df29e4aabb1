"""The development persons of the embedded stack: one of every role, with ids that scripts can work out.

They exist only where PARITRANA_EMBEDDED is set. All have one password, made at first start and kept in the keys
folder. Nobody among them is a real person.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from kernel.tokens import Grant
from schemas.regions import NATION, TABLES, region_table

ORIGIN: Final = "development"
SEATS: Final = 9
NATIONAL_SEATS: Final = 5


@dataclass(frozen=True, slots=True)
class FirstPerson:
    """A person made at first start, who can sign in by `login`."""

    login: str
    name: str
    grants: tuple[Grant, ...]
    email: str | None = None

    @property
    def id(self) -> uuid.UUID:
        """Return the id, the same on every machine."""
        return person_id(self.login)


def person_id(login: str) -> uuid.UUID:
    """Return the id of the development person who signs in by `login`."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"paritrana:person:{login}")


def development_persons() -> tuple[FirstPerson, ...]:
    """Return all of them: administration, publishers of facts, every province's people, the national bodies.

    Provinces are those of every table, since each season has its own; one that has several names is called by its
    latest.
    """
    regions = (each for table in TABLES for each in region_table(table).regions.values())
    provinces = {each.code: each.name for each in regions if each.kind == "province"}
    committees = (one for code, name in provinces.items() for one in _provincial(code, name))
    return (*_administration(), *_national(), *committees)


def _person(login: str, name: str, *grants: Grant) -> FirstPerson:
    """Return a development person, with an address that no mail server of the world delivers to."""
    return FirstPerson(login, name, grants, f"{login}@paritrana.example")


def _administration() -> Iterable[FirstPerson]:
    yield _person("admin", "Administrator Musim", Grant.of("season-admin"))
    yield _person("admin2", "Administrator Musim Kedua", Grant.of("season-admin"))
    yield _person("auditor", "Auditor", Grant.of("auditor"))
    yield _person("operator", "Operator", Grant.of("operator"))
    yield _person("operator2", "Operator Kedua", Grant.of("operator"))
    yield _person("penerbit-iuran", "Penerbit Fakta Iuran", Grant.of("publisher", publisher="bpjs.contributions"))
    yield _person(
        "penerbit-kepesertaan", "Penerbit Fakta Kepesertaan", Grant.of("publisher", publisher="bpjs.coverage")
    )


def _national() -> Iterable[FirstPerson]:
    for seat in range(1, NATIONAL_SEATS + 1):
        yield _person(f"verifikator-{seat}", f"Verifikator Nasional {seat}", Grant.of("verifier", committee=NATION))
        yield _person(f"juri-{seat}", f"Juri Nasional {seat}", Grant.of("juror", committee=NATION))
    yield _person("ketua-nasional", "Ketua Nasional", Grant.of("chair", committee=NATION))
    yield _person("sekretaris-nasional", "Sekretaris Nasional", Grant.of("secretary", committee=NATION))


def _provincial(code: str, name: str) -> Iterable[FirstPerson]:
    yield _person(f"sekretariat-{code}", f"Sekretariat Daerah {name}", Grant.of("secretariat", province=code))
    yield _person(f"sekretaris-{code}", f"Sekretaris Panitia {name}", Grant.of("secretary", committee=code))
    for seat in range(1, SEATS + 1):
        member = Grant.of("member", committee=code)
        grants = (member, Grant.of("chair", committee=code)) if seat == 1 else (member,)
        yield _person(f"panitia-{code}-{seat}", f"Anggota Panitia {name} {seat}", *grants)
