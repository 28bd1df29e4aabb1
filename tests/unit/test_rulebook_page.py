"""The page of a rulebook's keys: it has every key of the models with its values, and its examples are a rulebook."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic import BaseModel

from cli.checks import REPOSITORY
from schemas import rulebook as models
from schemas.regions import TABLES
from schemas.rulebook import MARKS, Rulebook, Source
from schemas.rulebook_file import read_rulebook

PAGE = (REPOSITORY / "docs" / "rulebook.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^##+ ([^\n]+)\n(.*?)(?=^##+ |\Z)", PAGE, re.MULTILINE | re.DOTALL))
ROW = re.compile(r"^\| `([a-z_]+)` \| (yes|no) \| (.+) \|$", re.MULTILINE)
EXAMPLE = "".join(re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
OF_SECTION: dict[str, type[BaseModel]] = {
    "The rulebook": Rulebook,
    "Text": models.Text,
    "Sources": Source,
    "Calendar": models.Calendar,
    "Window": models.Window,
    "Regions": models.Regions,
    "Kinds": models.Kind,
    "Home": models.Home,
    "Categories": models.Category,
    "Sectors": models.Sector,
    "Bodies": models.Body,
    "Offices": models.Office,
    "Quorum": models.Quorum,
    "Majority": models.Majority,
    "Stages": models.Stage,
    "Next stage": models.NextStage,
    "Carries": models.Carries,
    "Quota": models.Quota,
    "Quota of a province": models.ProvinceQuota,
    "Assignment": models.Assignment,
    "Verification": models.Verification,
    "Interview": models.Interview,
    "Rubrics": models.Rubric,
    "Aspects": models.Aspect,
    "Scale": models.Scale,
    "Carried": models.CarriedFrom,
    "Aggregation": models.Aggregation,
    "Rounding": models.Rounding,
    "Measures": models.Measure,
    "Points": models.Points,
    "Due day": models.DueDay,
    "Conflicts": models.Conflicts,
    "Appeals": models.Appeals,
    "Prizes": models.Prize,
    "Certificates": models.Certificate,
    "Notices": models.Notice,
}


def parts(annotation: Any) -> Iterator[Any]:
    yield annotation
    for part in get_args(annotation):
        yield from parts(part)


def models_in(model: type[BaseModel]) -> set[type[BaseModel]]:
    found = {model}
    for field in model.model_fields.values():
        for part in parts(field.annotation):
            if isinstance(part, type) and issubclass(part, BaseModel) and part is not model:
                found |= models_in(part)
    return found


def test_every_part_of_a_rulebook_has_a_section() -> None:
    assert set(OF_SECTION.values()) == models_in(Rulebook)


@pytest.mark.parametrize("section", OF_SECTION)
def test_a_section_has_every_key_and_says_whether_it_may_be_left_out(section: str) -> None:
    fields = {name: field for name, field in OF_SECTION[section].model_fields.items() if name not in MARKS}
    told = {name: optional == "yes" for name, optional, _ in ROW.findall(SECTIONS[section])}
    assert told == {name: not field.is_required() for name, field in fields.items()}


@pytest.mark.parametrize("section", OF_SECTION)
def test_a_section_has_every_value_on_offer(section: str) -> None:
    told = {name: words for name, _, words in ROW.findall(SECTIONS[section])}
    for name, field in OF_SECTION[section].model_fields.items():
        if name in MARKS:
            continue
        for part in parts(field.annotation):
            if get_origin(part) is Literal:
                missing = [value for value in get_args(part) if f"`{value}`" not in told[name].replace('"', "")]
                assert not missing, f"{section}: {name}"


def test_the_marks_are_told() -> None:
    assert {name for name, _, _ in ROW.findall(SECTIONS["Where values come from"])} == MARKS


def test_the_region_tables_are_told() -> None:
    assert all(f"`{table}`" in SECTIONS["Regions"] for table in TABLES)


def test_the_examples_are_one_rulebook() -> None:
    reading = read_rulebook(EXAMPLE.encode())
    assert [f"{error.line} {error.path}: {error.message_en}" for error in reading.errors] == []


def test_the_examples_show_every_key() -> None:
    keys = {name for model in OF_SECTION.values() for name in model.model_fields}
    shown = set(re.findall(r"([a-z_]+):", EXAMPLE))
    assert keys - shown == set()


@pytest.mark.parametrize("anchor", sorted(set(re.findall(r"\]\(#([a-z-]+)\)", PAGE))))
def test_a_link_leads_to_a_section(anchor: str) -> None:
    assert anchor in {title.lower().replace(" ", "-") for title in SECTIONS}
