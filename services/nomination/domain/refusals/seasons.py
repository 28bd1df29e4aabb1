"""Refusals about seasons: their rules, windows and freezes."""

from __future__ import annotations

from typing import Final

from services.nomination.domain.refusals.rule import CONFLICT, NOT_FOUND, rule

RULES: Final = {
    "season-already-open": rule(
        CONFLICT,
        "The season {value} is open already.",
        "Musim {value} sudah dibuka.",
        "Open another season, or amend this one's rulebook.",
        "Buka musim lain, atau ubah juknis musim ini.",
    ),
    "season-unknown": rule(
        NOT_FOUND,
        "There is no season {value}.",
        "Tidak ada musim {value}.",
        "Name an open season; /v1/public/seasons lists them.",
        "Sebut musim yang sudah dibuka; lihat /v1/public/seasons.",
    ),
}
