"""The development persons: somebody of every office, for every province of every table of regions."""

from __future__ import annotations

import pytest

from schemas.regions import TABLES, region_table
from services.identity.development import SEATS, development_persons, person_id


@pytest.mark.parametrize("table", TABLES)
def test_every_province_of_a_table_has_its_secretariat_secretary_and_committee(table: str) -> None:
    logins = {one.login for one in development_persons()}
    for region in region_table(table).regions.values():
        if region.kind == "province":
            seats = {f"panitia-{region.code}-{seat}" for seat in range(1, SEATS + 1)}
            assert logins >= {f"sekretariat-{region.code}", f"sekretaris-{region.code}", *seats}


def test_everybody_is_there_once_with_an_id_that_scripts_can_work_out() -> None:
    persons = development_persons()
    assert len({one.login for one in persons}) == len({one.id for one in persons}) == len(persons)
    assert all(one.id == person_id(one.login) for one in persons)
    assert "Papua Barat Daya" in next(one.name for one in persons if one.login == "sekretaris-96")
