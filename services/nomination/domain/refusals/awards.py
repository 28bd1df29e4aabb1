"""Refusals about announcements, winners and certificates."""

from __future__ import annotations

from typing import Final

from services.nomination.domain.refusals.rule import CONFLICT, NOT_FOUND, rule

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
    "award-unknown": rule(
        NOT_FOUND,
        "The season's rulebook has no path {value}.",
        "Juknis musim ini tidak memiliki jalur {value}.",
        "Send a tier, a province (00 for the national tier) and a category that the rulebook has together.",
        "Kirim tingkat, provinsi (00 untuk tingkat nasional), dan kategori yang memang ada dalam juknis.",
    ),
    "certificates-before-announcement": rule(
        CONFLICT,
        "The result of the last stage of {value}, {stage}, is not announced.",
        "Hasil tahap terakhir {value}, yaitu {stage}, belum diumumkan.",
        "Announce the decision on that stage first; certificates follow it.",
        "Umumkan dahulu keputusan tahap itu; piagam diterbitkan sesudahnya.",
    ),
    "certificates-before-verdict": rule(
        CONFLICT,
        "An appeal that was upheld corrected a result on the path {value}, and the corrected result is not announced.",
        "Sanggah yang dikabulkan mengoreksi hasil pada jalur {value}, tetapi hasil koreksinya belum diumumkan.",
        "Announce the verdict first; certificates follow it.",
        "Umumkan dahulu putusan sanggah itu; piagam diterbitkan sesudahnya.",
    ),
    "certificates-under-appeal": rule(
        CONFLICT,
        "An appeal on the path {value} is not decided yet: {appeals}.",
        "Sanggah pada jalur {value} belum diputus: {appeals}.",
        "Let a plenary decide the appeal; then issue the certificates.",
        "Putuskan sanggah itu dalam sidang pleno, lalu terbitkan piagam.",
    ),
}
