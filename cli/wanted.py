"""What a command line names of the award, in the forms of `schemas.envelope`: wrong forms are told before asking.

An answer "there is none" to a name that cannot exist would let its writer believe that it may come.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from cli.output import WrongUse
from schemas.envelope import CategoryCode, ProvinceCode, SeasonCode, Slug
from schemas.regions import NATION, TABLES, AmbiguousName, UnknownRegion, region, region_table, resolve
from schemas.rulebook import TIERS

_SEASON: Final = TypeAdapter[str](SeasonCode)
_CATEGORY: Final = TypeAdapter[str](CategoryCode)
_PROVINCE: Final = TypeAdapter[str](ProvinceCode)
_STAGE: Final = TypeAdapter[str](Slug)


def season_code(text: str) -> str:
    """Return a season's code; raise WrongUse with what to write instead."""
    if _fits(_SEASON, text):
        return text
    raise WrongUse(f"--season {text!r} is no season: write its year, 2022, with a suffix if it has one, 2022-ulang")


def category_code(text: str) -> str:
    """Return a category's code; raise WrongUse with what to write instead."""
    if _fits(_CATEGORY, text):
        return text
    advice = text.upper() if _fits(_CATEGORY, text.upper()) else "KABKOTA or another of the rulebook's codes"
    raise WrongUse(f"--category {text!r} is no category: categories are written in capitals; write {advice}")


def province_code(text: str | None) -> str | None:
    """Return a province's code, `00` for the nation; raise WrongUse with what to write instead."""
    if text is None or (_fits(_PROVINCE, text) and (text == NATION or any(_is_province(text, one) for one in TABLES))):
        return text
    meant = _meant(text)
    advice = f"write {meant}" if meant else f"write {NATION} for the nation, or a province's two digits, 75 or 81"
    raise WrongUse(f"--province {text!r} is no code of the official table: {advice}")


def tier_code(text: str | None) -> str | None:
    """Return a tier; raise WrongUse with what to write instead."""
    if text is None or text in TIERS:
        return text
    raise WrongUse(f"--tier {text!r} is no tier: write {' or '.join(TIERS)}")


def instant(option: str, text: str) -> str:
    """Return an instant that an option states with its zone; raise WrongUse with what to write instead."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise WrongUse(f"{option} {text!r} is no instant: write 2021-03-02T16:00:00+08:00") from None
    if moment.tzinfo is None:
        zones = f"{text}+07:00 for WIB, +08:00 for WITA, +09:00 for WIT, or {text}Z for UTC"
        raise WrongUse(f"{option} {text!r} lacks its zone: write {zones}")
    return moment.isoformat()


def stage_code(text: str | None) -> str | None:
    """Return a stage's code; raise WrongUse with what to write instead."""
    if text is None or _fits(_STAGE, text):
        return text
    raise WrongUse(f"--stage {text!r} is no stage: stages are written in small letters, for example seleksi")


def _fits(form: TypeAdapter[Any], text: str) -> bool:
    try:
        form.validate_python(text)
    except ValidationError:
        return False
    return True


def _is_province(code: str, table: str) -> bool:
    return code in region_table(table).regions


def _meant(name: str) -> str | None:
    """Return code and name of the province that a written name means, if it means one."""
    for table in reversed(TABLES):
        for spoken in (f"Provinsi {name}", name):
            try:
                found = resolve(spoken, table)
            except (AmbiguousName, UnknownRegion, ValueError):
                continue
            return f"{found.province} for {region(found.province, table).name}"
    return None
