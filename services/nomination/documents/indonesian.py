"""How dates, hours, places and the award's terms are written in Indonesian documents."""

from __future__ import annotations

from datetime import date, datetime
from math import gcd
from typing import Final
from zoneinfo import ZoneInfo

from schemas.exact import parse_fraction, round_exact
from schemas.regions import NATION, ZONES, UnknownRegion, region
from schemas.rulebook import Rulebook

_MONTHS: Final = (
    "Januari", "Februari", "Maret", "April", "Mei", "Juni",
    "Juli", "Agustus", "September", "Oktober", "November", "Desember",
)  # fmt: skip
_DAYS: Final = ("Senin", "Selasa", "Rabu", "Kamis", "Jumat", "Sabtu", "Minggu")

MODES: Final = {"in-person": "Hadir langsung", "remote": "Daring"}
VOTES: Final = {"for": "Setuju", "against": "Tidak setuju", "abstain": "Abstain"}
OUTCOMES: Final = {"carried": "DISETUJUI", "lost": "TIDAK DISETUJUI"}
BASES: Final = {
    "seats": "seluruh kursi",
    "present": "anggota yang hadir dan berhak memberikan suara",
    "cast": "suara setuju dan tidak setuju",
}
UNRANKABLE: Final = {
    "too-few-sheets": "lembar penilaian kurang",
    "aspect-unmarked": "ada aspek yang belum dinilai",
    "unmeasured": "ada aspek yang tidak terukur",
    "not-carried": "nilai tahap sebelumnya tidak ada",
    "withdrawn": "mengundurkan diri",
}
TIE_RULES: Final = {
    "aspect": "nilai aspek",
    "nomination-instant": "waktu pengusulan",
    "candidate-code": "kode calon",
    "lot": "undian",
    "vote": "pemungutan suara",
}
ELIMINATED: Final = {"below-quota": "di bawah kuota", "unrankable": "tidak dapat diperingkat"}
FALLEN: Final = {
    "declared": "anggota itu menyatakan sendiri benturan kepentingannya{when}.",
    "recorded": "benturan kepentingannya dicatat{by}{when}, bukan oleh anggota itu sendiri.",
    "own-interest": "pengangkatannya menyebut salah satu calon sebagai tempat kerja atau pemerintahannya sendiri.",
    "removed": "kursinya dicabut{by}{when}.",
}
VERDICTS: Final = {"upheld": "dikabulkan", "dismissed": "ditolak"}
_LONGEST_FRACTION: Final = 32
_MOST_PLACES: Final = 6


def day(of: date) -> str:
    """Return a date as it is written, for example `6 Januari 2021`."""
    return f"{of.day} {_MONTHS[of.month - 1]} {of.year}"


def weekday(of: date) -> str:
    """Return the name of a date's day."""
    return _DAYS[of.weekday()]


class LocalTime:
    """Instants in the zone of a place."""

    def __init__(self, rules: Rulebook, province: str) -> None:
        """Write in the zone of a province, or of the nation (`00`)."""
        zone = rules.zone(province)
        self._zone, self._name = ZoneInfo(zone), ZONES[zone]

    def day(self, moment: datetime) -> date:
        """Return the local day of an instant."""
        return moment.astimezone(self._zone).date()

    def hour(self, moment: datetime) -> str:
        """Return the local hour, for example `10.30 WITA`."""
        return f"{moment.astimezone(self._zone):%H.%M} {self._name}"

    def moment(self, moment: datetime) -> str:
        """Return day and hour, for example `Rabu, 6 Januari 2021, pukul 10.30 WITA`."""
        local = self.day(moment)
        return f"{weekday(local)}, {day(local)}, pukul {self.hour(moment)}"


def place_name(rules: Rulebook, province: str) -> str:
    """Return a province's official name with its kind, `Tingkat Nasional` for the nation."""
    if province == NATION:
        return "Tingkat Nasional"
    try:
        return region(province, rules.regions.table).name
    except UnknownRegion:
        return f"Provinsi {province}"


def decimal(shown: str) -> str:
    """Return a decimal with the comma that Indonesian writes."""
    return shown.replace(".", ",")


def figure(ratio: str) -> str:
    """Return an exact value as people write it: `199/2` is `99,5`; what no decimal states is `262/3 (±87,33)`."""
    exact = parse_fraction(ratio)
    rest, places = exact.denominator, 0
    while (common := gcd(rest, 10)) > 1:
        rest, places = rest // common, places + 1
    if rest == 1 and places <= _MOST_PLACES:
        return decimal(round_exact(exact, places, "half-up"))
    near = decimal(round_exact(exact, 2, "half-up"))
    return f"{ratio} (±{near})" if len(ratio) <= _LONGEST_FRACTION else f"±{near}"
