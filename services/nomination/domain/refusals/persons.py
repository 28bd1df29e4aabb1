"""Refusals about persons whom a command brings in."""

from __future__ import annotations

from typing import Final

from services.nomination.domain.refusals.rule import UNFIT, rule

RULES: Final = {
    "person-unknown": rule(
        UNFIT,
        "No person is registered under the id {value}, or the person's data were erased.",
        "Tidak ada orang yang terdaftar dengan id {value}, atau datanya telah dihapus.",
        "Register the person first (POST /v1/persons at identity), or look the person up by login name "
        "(GET /v1/persons/lookup), and send the id that you are given.",
        "Daftarkan dahulu orang itu (POST /v1/persons pada layanan identitas), atau cari menurut nama masuknya "
        "(GET /v1/persons/lookup), lalu kirim id yang diberikan.",
    ),
}
