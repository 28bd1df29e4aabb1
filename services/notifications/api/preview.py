"""What a message looks like: written with sample values, marked so, under a season's rulebook; nothing is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from kernel.canonical import instant
from kernel.decider import Text
from kernel.problems import not_found
from kernel.reads import Here
from kernel.tokens import Person, require
from schemas.envelope import SeasonCode
from schemas.rulebook import Rulebook
from schemas.rulebook import Stage as StageRules
from services.notifications.api.parts import SQL
from services.notifications.domain.templates import RULES, Template
from services.notifications.texts import Contents, Locale, write_letter

_PREVIEWED: Final = UUID(int=0)
_OTHER: Final = UUID(int=1)
_PROVINCE: Final = "75"
router = APIRouter(prefix="/v1")


class Preview(BaseModel):
    """A message as it would be written, and the group that people choose a channel for."""

    template: Template
    group: str
    event: str
    subject: str
    body: str
    locale: Locale


@router.get("/preview/{template}", tags=["preview"], summary="Show what a message looks like")
async def preview(
    template: Template,
    _: Annotated[Person, Depends(require("season-admin", "secretary", "auditor"))],
    here: Here,
    lang: Annotated[Locale, Query(description="The language.")] = "id",
    season: Annotated[SeasonCode | None, Query(description="Whose rulebook; else the newest.")] = None,
) -> Preview:
    """Show a message as it would be written for invented candidates under a season's rulebook; nothing is sent."""
    row = await (here.pool.fetchrow(SQL["season"], season) if season else here.pool.fetchrow(SQL["newest_season"]))
    if row is None:
        raise not_found(
            Text(
                "No rulebook of such a season was received yet; open a season first.",
                "Belum ada juknis musim itu; buka musim terlebih dahulu.",
            )
        )
    rulebook = Rulebook.from_content(orjson.loads(row["rulebook"]))
    try:
        letter = write_letter(example(template, rulebook), rulebook, lang)
    except LookupError:
        # A prize, a certificate or a measure that this season does not have.
        raise not_found(
            Text("There is no such message under this rulebook.", "Pesan ini tidak ada menurut juknis tersebut.")
        ) from None
    rule = RULES[template]
    told = {"subject": letter.subject, "body": letter.body, "locale": lang}
    return Preview(template=template, group=rule.group, event=rule.event, **told)


# --- sample values -------------------------------------------------------------------------------------------------


def example(template: Template, rulebook: Rulebook) -> Contents:
    """Return invented contents for a template, in stages and bodies that the rulebook has."""
    first, second = str(_PREVIEWED), str(_OTHER)
    params = _params(template, rulebook)
    return Contents(
        template=template,
        params=params,
        nominations=(first, second) if "lines" in params else (first,),
        names={first: "Kabupaten Contoh", second: "Kota Contoh"},
        sample=True,
        recorded=rulebook.opens_utc(rulebook.calendar.nomination, "00"),
        message=_PREVIEWED,
    )


def _params(template: Template, rulebook: Rulebook) -> Mapping[str, Any]:
    """Return the parameters of a template: each of its own, and of those that several have what it takes."""
    stage = next((stage for stage in rulebook.stages if stage.next is not None), rulebook.stages[0])
    following = rulebook.next_stage(stage) or stage
    when = instant(rulebook.deadline_utc(stage.scoring, _at(stage)["province"]))
    own: Mapping[Template, dict[str, Any]] = {
        **dict.fromkeys(
            ("disputed", "dispute-filed"), {"measure": rulebook.measures[0].code} if rulebook.measures else {}
        ),
        "season-opened": {"homes": [_PROVINCE]},
        "rulebook-amended": {"version": 2},
        "returned": {"defects": ["evidence", "contact"], "until": when},
        "advanced": {"reached": _at(following), "rank": 1},
        "advance-withdrawn": {"reached": _at(following)},
        "eliminated": {"rank": 5, "reason": "below-quota"},
        "announced": {"lines": _lines(), "appeals_until": when},
        "corrected": {"lines": _lines(), "appeals_until": when},
        "won": {"rank": 1},
        "win-withdrawn": {"rank": 1},
        "prize": {"rank": 1, "prize": _prize(rulebook)},
        "certificate": {"kind": _certificate(rulebook), "number": "CONTOH/0001", "dated": when[:10]},
        "certificate-revoked": {"number": "CONTOH/0001"},
        "interview-scheduled": {"begins": when, "ends": when, "mode": "remote"},
        "interview-moved": {"begins": when, "ends": when, "mode": "in-person"},
        "nominations-extended": {"until": when},
        "scoring-extended": {"until": when},
        "assigned": {"own": [{"sheets": 14}]},
        "appeal-lodged": {"capacity": "nominating-body"},
        "stage-frozen": {"stages": [_at(following)]},
        "stage-unfrozen": {"stages": [_at(following)]},
        "appeal-decided": {"outcome": "upheld", "own": [_shift()]},
        "reminder": {"count": 5, "items": [_item(kind, stage, when) for kind in _KINDS]},
        **dict.fromkeys(("appointed", "succeeded", "removed"), _seat(rulebook, stage)),
        **dict.fromkeys(
            ("conflict-declared", "conflict-lifted"), _seat(rulebook, stage) | {"category": stage.category}
        ),
        "convened": _meeting(stage, when),
        "minutes-corrected": _meeting(stage, when) | {"number": 1},
    }
    found = own.get(template, {})
    return found if "body" in found else found | {"at": _at(stage)}


_KINDS: Final = ("sheets", "nominations", "mending", "appeal", "interview")


def _at(stage: StageRules) -> dict[str, str]:
    return {"tier": stage.tier, "province": _place(stage), "category": stage.category, "stage": stage.code}


def _place(stage: StageRules) -> str:
    return _PROVINCE if stage.tier == "provincial" else "00"


def _lines() -> list[dict[str, Any]]:
    return [
        {"nomination": str(_PREVIEWED), "rank": 1, "outcome": "advanced"},
        {"nomination": str(_OTHER), "rank": None, "outcome": "eliminated"},
    ]


def _shift() -> dict[str, Any]:
    return {"nomination": str(_PREVIEWED), "before": 5, "after": 4, "change": "enters"}


def _item(kind: str, stage: StageRules, when: str) -> dict[str, Any]:
    nominations = [] if kind in ("sheets", "nominations") else [str(_PREVIEWED)]
    at = {} if kind == "nominations" else {"at": _at(stage)}
    return {"kind": kind, "province": _place(stage), "count": 14, "until": when, "nominations": nominations, **at}


def _seat(rulebook: Rulebook, stage: StageRules) -> dict[str, Any]:
    return {"province": _place(stage), "body": stage.body, "office": rulebook.body(stage).offices[0].code}


def _meeting(stage: StageRules, when: str) -> dict[str, Any]:
    agenda = [{"category": stage.category, "stage": stage.code}]
    return {"province": _place(stage), "body": stage.body, "scheduled": when, "agenda": agenda}


def _prize(rulebook: Rulebook) -> dict[str, str]:
    prize = rulebook.prizes[0].prize if rulebook.prizes else rulebook.title
    return {"id": prize.id, "en": prize.en}


def _certificate(rulebook: Rulebook) -> str:
    return rulebook.certificates[0].code if rulebook.certificates else ""
