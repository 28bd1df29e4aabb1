"""How Indonesians write an instant: by the clocks of its place."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from schemas.regions import ZONES

_MONTHS: Final = (
    "Januari", "Februari", "Maret", "April", "Mei", "Juni",
    "Juli", "Agustus", "September", "Oktober", "November", "Desember",
)  # fmt: skip
_LAST_SECOND: Final = 59


def told(moment: datetime, zone: str, *, to_the_second: bool = False) -> str:
    """Return an instant as an Indonesian of the zone writes it, for example `31 Desember 2025 pukul 23.59 WIT`.

    A deadline includes its last second, so the first and the last second of a minute go without saying; any other is
    told, and with `to_the_second` those two as well.
    """
    local = moment.astimezone(ZoneInfo(zone))
    seconds = f".{local:%S}" if to_the_second or local.second not in (0, _LAST_SECOND) else ""
    return f"{local.day} {_MONTHS[local.month - 1]} {local.year} pukul {local:%H.%M}{seconds} {ZONES[zone]}"
