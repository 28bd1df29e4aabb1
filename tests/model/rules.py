"""A small rulebook for the model: the shipped one of 2020, cut down until a whole season fits into fifty steps.

One province and the nation; bodies of three seats that vote and a clerk; regencies and cities go through three stages,
small companies win by their desk ranking. Marks are on a scale of three, so ties are frequent.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from schemas.envelope import Stage
from schemas.rulebook import Rulebook
from schemas.rulebook_checks import check_content
from schemas.rulebook_file import read_rulebook

SEASON = "2020"
PROVINCE = "75"
NATION = "00"
BODIES = ("panitia-9", "tim-verifikasi", "dewan-juri")
PLACE_OF = {"panitia-9": PROVINCE, "tim-verifikasi": NATION, "dewan-juri": NATION}
SEATS = {
    "panitia-9": (("sekretaris-daerah", 1), ("kepala-bps", 1), ("ketua-spsi", 1)),
    "tim-verifikasi": (("ketua-tim", 1), ("verifikator", 1), ("verifikator", 2)),
    "dewan-juri": (("ketua-juri", 1), ("juri", 1), ("juri", 2)),
}
"""The seats that vote, the chair's first."""
CLERK = {"panitia-9": "sekretaris-panitia", "tim-verifikasi": "sekretaris-tim", "dewan-juri": "sekretaris-juri"}


def _at(tier: str, category: str, stage: str) -> Stage:
    province = PROVINCE if tier == "provincial" else NATION
    return Stage(season=SEASON, tier=tier, province=province, category=category, stage=stage)


SELECTION = _at("provincial", "KABKOTA", "seleksi")
VERIFICATION = _at("national", "KABKOTA", "verifikasi")
INTERVIEW = _at("national", "KABKOTA", "wawancara")
DESK = _at("provincial", "UMKM", "seleksi")
STAGES = (SELECTION, VERIFICATION, INTERVIEW, DESK)
BODY_OF = {SELECTION: "panitia-9", VERIFICATION: "tim-verifikasi", INTERVIEW: "dewan-juri", DESK: "panitia-9"}
ASPECTS = {
    SELECTION: ("kebijakan", "peraturan", "kinerja"),
    VERIFICATION: ("peraturan", "kinerja"),
    INTERVIEW: ("wawancara",),
    DESK: ("kepatuhan", "kinerja"),
}
"""What members mark at a stage; the rest is carried, policy from the province through to the interview."""
MARKS = ("0", "50", "100")
_QUOTA = {SELECTION: 2, VERIFICATION: 2, INTERVIEW: 1, DESK: 2}


def _stage(content: dict[str, Any]) -> Stage:
    return _at(content["tier"], content["category"], content["code"])


def _cut_body(body: dict[str, Any]) -> None:
    kept = {office for office, _ in SEATS[body["code"]]}
    body["offices"] = [one for one in body["offices"] if one["code"] in kept or one["role"] == "clerk"]
    for office in body["offices"]:
        if office["seats"] > 1:
            office["seats"] = 2


def _cut_stage(stage: dict[str, Any]) -> None:
    at = _stage(stage)
    stage["quota"] = {"places": _QUOTA[at], "assumed": True}
    if at == VERIFICATION:
        stage |= {"verification": {"days_to_mend": 5, "assumed": True}}
        stage |= {"assignment": {"per_nominee": 2, "assumed": True}}
        stage |= {"carries": {"tier": "provincial", "stage": "seleksi", "aspects": ["kebijakan"], "assumed": True}}
    elif at == INTERVIEW:
        stage |= {"interview": {"minutes": 45, "assumed": True}}
    elif at == DESK:
        del stage["next"]


def _cut_rubric(rubric: dict[str, Any]) -> None:
    rubric["least_sheets"] = 2
    rubric["tie_break"] = ["aspect", "vote"] if rubric["code"] == "umkm" else ["aspect", "lot", "vote"]
    for aspect in rubric["aspects"]:
        aspect["scale"] |= {"least": "0", "greatest": "100", "step": "50"}


@cache
def _content() -> dict[str, Any]:
    """Return the cut content of the shipped rulebook."""
    path = Path(__file__).parents[2] / "rulebooks" / "2020.yaml"
    shipped = read_rulebook(path.read_bytes()).rulebook
    assert shipped is not None
    content = shipped.model_dump(mode="json", exclude_none=True)
    content["categories"] = [one for one in content["categories"] if one["code"] in ("KABKOTA", "UMKM")]
    content["rubrics"] = [one for one in content["rubrics"] if one["code"] in ("pemerintah-daerah", "umkm")]
    stages = [one for one in content["stages"] if one["category"] in ("KABKOTA", "UMKM")]
    content["stages"] = [one for one in stages if _stage(one) in STAGES]
    content["prizes"] = [
        {"tier": at.tier, "categories": [at.category], "rank": rank, "prize": {"id": "Trofi", "en": "A trophy"}}
        | {"assumed": True}
        for at, rank in ((SELECTION, 1), (SELECTION, 2), (INTERVIEW, 1), (DESK, 1))
    ]
    desk = {"code": "piagam-umkm", "title": {"id": "Piagam UMKM", "en": "Certificate of a small company"}}
    content["certificates"] += [{**desk, "tier": "provincial", "given_to": "winner", "assumed": True}]
    for body in content["bodies"]:
        _cut_body(body)
    for stage in content["stages"]:
        _cut_stage(stage)
    for rubric in content["rubrics"]:
        _cut_rubric(rubric)
    return content


@cache
def rulebook(version: int = 1, selected: int = 2, *, freezes: bool = True) -> Rulebook:
    """Return a version of the rulebook: how many advance from the selection, whether appeals hold what follows."""
    stages = [
        {**one, "quota": {"places": selected, "assumed": True}} if _stage(one) == SELECTION else one
        for one in _content()["stages"]
    ]
    appeals = {**_content()["appeals"], "freezes_downstream": freezes}
    prizes = [one for one in _content()["prizes"] if one["tier"] != SELECTION.tier or one["rank"] <= selected]
    changed = {"version": version, "stages": stages, "appeals": appeals, "prizes": prizes}
    read, found = check_content({**_content(), **changed})
    assert read is not None, found
    return read
