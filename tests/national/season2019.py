"""A national season of the size of 2019's, made from a seed: who is nominated, who marks whom how, who is recused.

The sizes are from the public record: 95 regencies and cities, 88 large, 99 medium and 34 small companies were judged;
7 provinces, 10 regencies and cities, 9 large and 9 medium companies reached the national interview. Everything else is
made up, and marked as sample. Marks are coarse on purpose, so that totals meet: ties are what is easy to get wrong.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import yaml

from schemas.regions import region_table
from tests.national.recount import Rules, Sheet

Json = dict[str, Any]

SEASON: Final = "2019"
SIZES: Final = {"PROVINSI": 34, "KABKOTA": 95, "BESAR": 88, "MENENGAH": 99, "UMKM": 34}
INTERVIEWED: Final = {"PROVINSI": 7, "KABKOTA": 10, "BESAR": 9, "MENENGAH": 9}
WINNERS: Final = 3
SCORERS: Final = 5
RULES: Final = {
    "PROVINSI": Rules({"kebijakan": 25, "peraturan": 25, "kinerja": 30}, "mean", 3),
    "KABKOTA": Rules({"kebijakan": 25, "peraturan": 25, "kinerja": 30}, "mean", 3),
    "BESAR": Rules({"kepatuhan": 40, "kinerja": 30}, "trimmed-mean", 3),
    "MENENGAH": Rules({"kepatuhan": 40, "kinerja": 30}, "trimmed-mean", 3),
    "UMKM": Rules({"kepatuhan": 60, "kinerja": 40}, "median", 3, first_come=False),
}
INTERVIEW_WEIGHT: Final = {"PROVINSI": 20, "KABKOTA": 20, "BESAR": 30, "MENENGAH": 30}
_METHODS: Final[dict[str, Json]] = {
    "pemerintah-daerah": {"method": "mean"},
    "perusahaan": {"method": "trimmed-mean", "trim": 1, "from_sheets": 5},
    "umkm": {"method": "median"},
}
_KINDS: Final = {"BESAR": ("large", "B"), "MENENGAH": ("medium", "M"), "UMKM": ("small", "U")}
_TABLE: Final = "kemendagri-2020"


@dataclass(frozen=True)
class Nominee:
    """One candidate: its category, what a nomination says of it, and the province that nominates."""

    category: str
    candidate: Json
    province: str

    @property
    def code(self) -> str:
        """Return the candidate's code."""
        return str(self.candidate["code"])


@dataclass
class Generated:
    """The season as the seed has it. Marks are by category, candidate's code and member (0 to 4)."""

    seed: int
    nominees: list[Nominee] = field(default_factory=list)
    desk: dict[str, dict[str, dict[int, Sheet]]] = field(default_factory=dict)
    conflicts: list[tuple[str, str, int]] = field(default_factory=list)
    """Category, candidate's code and member: declared after the sheets were filed."""
    withdrawn: set[str] = field(default_factory=set)
    """Codes of nominees that withdraw before the seal."""

    def of(self, category: str) -> list[Nominee]:
        """Return a category's nominees."""
        return [one for one in self.nominees if one.category == category]

    def counted(self, category: str) -> dict[str, Sequence[Sheet]]:
        """Return the sheets that count, by candidate's code, without those of the recused and of who withdrew."""
        recused = {(code, member) for of, code, member in self.conflicts if of == category}
        return {
            code: [sheet for member, sheet in sheets.items() if (code, member) not in recused]
            for code, sheets in self.desk[category].items()
            if code not in self.withdrawn
        }

    def interview(self, category: str, codes: Sequence[str]) -> dict[str, dict[int, Sheet]]:
        """Return the jury's sheets for the finalists, in any order of them."""
        found: dict[str, dict[int, Sheet]] = {}
        for code in codes:
            chance = random.Random(f"{self.seed}/interview/{category}/{code}")
            found[code] = {member: {"wawancara": Fraction(chance.randrange(140, 200), 2)} for member in range(SCORERS)}
        return found


def generate(seed: int) -> Generated:
    """Return the season of a seed."""
    chance = random.Random(seed)
    made = Generated(seed, list(_nominees(chance)))
    for category in SIZES:
        made.desk[category] = {one.code: _sheets(chance, category) for one in made.of(category)}
        _let_some_meet(chance, made.desk[category])
        codes = [one.code for one in made.of(category)]
        # One member of five a category: with two recused, no quorum of two thirds would be left.
        member = chance.randrange(1, SCORERS)
        made.conflicts += [(category, code, member) for code in chance.sample(codes, 3)]
        made.withdrawn.add(chance.choice(codes))
    return made


def _nominees(chance: random.Random) -> Iterator[Nominee]:
    regions = [one for one in region_table(_TABLE).regions.values() if one.kind != "province"]
    provinces = [one for one in region_table(_TABLE).regions.values() if one.kind == "province"]
    for one in chance.sample(provinces, SIZES["PROVINSI"]):
        yield Nominee("PROVINSI", {"kind": one.kind, "code": one.code}, one.code)
    for one in chance.sample(regions, SIZES["KABKOTA"]):
        yield Nominee("KABKOTA", {"kind": one.kind, "code": one.code}, one.code[:2])
    for category, (size_class, letter) in _KINDS.items():
        for number in range(SIZES[category]):
            home = chance.choice(regions).code
            candidate = {
                "kind": "employer",
                "code": f"CONTOH-2019-{letter}{number:03}",
                "name": f"PT Contoh {category.title()} {number}",
                "size_class": size_class,
                "region": home,
            }
            yield Nominee(category, candidate, home[:2])


def _sheets(chance: random.Random, category: str) -> dict[int, Sheet]:
    """Return a nominee's sheets: some members file none, some aspects do not apply."""
    level = chance.randrange(120, 190)
    members = [member for member in range(SCORERS) if chance.random() > 0.06]
    sheets: dict[int, Sheet] = {}
    for member in members:
        marks: dict[str, Fraction | None] = {
            aspect: Fraction(min(200, level + chance.randrange(-8, 9)), 2) for aspect in RULES[category].weights
        }
        if chance.random() < 0.03:
            marks[chance.choice(list(marks))] = None
        sheets[member] = marks
    return sheets


def _let_some_meet(chance: random.Random, desk: dict[str, dict[int, Sheet]]) -> None:
    """Give every tenth nominee the sheets of another, member by member, so that some remain tied to the end."""
    codes = list(desk)
    for code in chance.sample(codes, len(codes) // 10):
        desk[code] = dict(desk[chance.choice(codes)])


# --- the rulebook ---------------------------------------------------------------------------------------------------


def rulebook() -> str:
    """Return the season's rulebook file: the national stages of 2020's, with 2019's sizes."""
    file = Path(__file__).parents[2] / "rulebooks" / "2020.yaml"
    content: Json = yaml.safe_load(file.read_text("utf-8"))
    content |= {"season": 2019, "title": {"id": "Paritrana Award 2019", "en": "Paritrana Award 2019", "assumed": True}}
    content["calendar"] |= {
        "opens": "2019-01-01", "nomination_closes": "2019-03-31", "closes": "2019-12-31",
        "assessed": {"opens": "2018-01-01", "closes": "2018-12-31"},
    }  # fmt: skip
    content["bodies"] = [body for body in content["bodies"] if body["tier"] == "national"]
    content["stages"] = [_stage(stage) for stage in content["stages"] if stage["tier"] == "national"]
    for rubric in content["rubrics"]:
        rubric["aggregation"] = _METHODS[rubric["code"]]
        if rubric["code"] == "umkm":
            rubric["tie_break"] = ["aspect", "vote"]
    content["measures"] = []
    return yaml.safe_dump(content, allow_unicode=True, sort_keys=False)


def _stage(stage: Json) -> Json:
    desk, category = stage["code"] == "verifikasi", stage["category"]
    window = ("2019-04-01", "2019-05-31") if desk else ("2019-07-01", "2019-07-31")
    places = INTERVIEWED.get(category, WINNERS) if desk else WINNERS
    return stage | {
        "order": 1 if desk else 2,
        "quota": {"places": places, "assumed": True},
        "scoring": {"opens": window[0], "closes": window[1]},
    }
