"""Refusals about announcements, winners and certificates."""

from __future__ import annotations

from typing import Final

from services.nomination.domain.refusals.rule import CONFLICT, rule

RULES: Final = {
    "motion-not-carried": rule(
        CONFLICT,
        "Motion {value} is not carried.",
        "Usul keputusan {value} belum disetujui.",
        "Announce a carried motion.",
        "Umumkan usul keputusan yang disetujui.",
    ),
    "announced-already": rule(
        CONFLICT,
        "The result of {value} is announced already.",
        "Hasil {value} sudah diumumkan.",
        "An announcement is made once; see /v1/public/results/{season}.",
        "Pengumuman dilakukan satu kali; lihat /v1/public/results/{season}.",
    ),
}
