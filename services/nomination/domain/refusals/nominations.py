"""Refusals about nominations: candidates, windows, evidence, verification, interviews."""

from __future__ import annotations

from typing import Final

from services.nomination.domain.refusals.rule import CONFLICT, FORBIDDEN, NOT_FOUND, UNFIT, rule

RULES: Final = {
    "candidate-unnamed": rule(
        UNFIT,
        "The candidate has neither a code nor a name.",
        "Calon tidak memiliki kode maupun nama.",
        "Send the official region code, the official name, or both.",
        "Kirim kode wilayah resmi, nama resmi, atau keduanya.",
    ),
    "region-unknown": rule(
        UNFIT,
        "{value} is no region of {table}.",
        "{value} bukan wilayah menurut {table}.",
        "Send an official code or name, for example 75.71 or Kota Gorontalo.",
        "Kirim kode atau nama resmi, misalnya 75.71 atau Kota Gorontalo.",
    ),
    "region-ambiguous": rule(
        UNFIT,
        "{value} can mean several regions.",
        "{value} dapat berarti beberapa wilayah.",
        "Send one of: {candidates}.",
        "Kirim salah satu dari: {candidates}.",
    ),
    "code-and-name-disagree": rule(
        UNFIT,
        "The name {value} is not that of {code}, which is {official}.",
        "Nama {value} bukan nama {code}, yaitu {official}.",
        "Send {official}, or the code of the region you mean.",
        "Kirim {official}, atau kode wilayah yang dimaksud.",
    ),
    "kind-and-code-disagree": rule(
        UNFIT,
        "{official} is not of the kind {value}.",
        "{official} bukan berjenis {value}.",
        "Send the kind {kind}, or another code.",
        "Kirim jenis {kind}, atau kode lain.",
    ),
    "kind-not-admitted": rule(
        UNFIT,
        "The category {category} does not admit the kind {value}.",
        "Kategori {category} tidak menerima jenis {value}.",
        "This category admits: {admits}.",
        "Kategori ini menerima: {admits}.",
    ),
    "size-class-missing": rule(
        UNFIT,
        "An employer needs its size class.",
        "Pemberi kerja perlu kelas skala usaha.",
        "Send one of: {admits}.",
        "Kirim salah satu dari: {admits}.",
    ),
    "size-class-not-admitted": rule(
        UNFIT,
        "The category {category} does not admit the size class {value}.",
        "Kategori {category} tidak menerima kelas skala {value}.",
        "This category admits: {admits}.",
        "Kategori ini menerima: {admits}.",
    ),
    "not-for-governments": rule(
        UNFIT,
        "A government has no {field}.",
        "Pemerintah daerah tidak memiliki {field}.",
        "Leave this field out.",
        "Hilangkan isian ini.",
    ),
    "employer-incomplete": rule(
        UNFIT,
        "An employer needs its number (NPP), name and region.",
        "Pemberi kerja perlu NPP, nama, dan wilayah.",
        "Add the field {field}.",
        "Tambahkan isian {field}.",
    ),
    "nominating-body-outside": rule(
        FORBIDDEN,
        "You do not nominate for {value}.",
        "Anda tidak mengusulkan atas nama {value}.",
        "Send a government of your own province: {scopes}.",
        "Kirim pemerintah di provinsi Anda sendiri: {scopes}.",
    ),
    "candidate-outside": rule(
        UNFIT,
        "{name} does not lie in the province {province} that nominates it.",
        "{name} tidak berada di provinsi {province} yang mengusulkannya.",
        "Nominate candidates of your own province.",
        "Usulkan calon dari provinsi Anda sendiri.",
    ),
    "nation-nominates-provinces": rule(
        UNFIT,
        "The nation nominates provinces only, not a {value}.",
        "Tingkat pusat hanya mengusulkan provinsi, bukan {value}.",
        "Let the province's secretariat nominate it.",
        "Biarkan sekretariat provinsi yang mengusulkannya.",
    ),
    "window-not-open": rule(
        CONFLICT,
        "Nominations open at {value}.",
        "Pengusulan dibuka pada {value}.",
        "Send it from then on, until {closes}.",
        "Kirim mulai saat itu, sampai {closes}.",
    ),
    "window-closed": rule(
        CONFLICT,
        "Nominations closed at {value}; this one was received at {received}.",
        "Pengusulan ditutup pada {value}; usulan ini diterima pada {received}.",
        "Turn to the season's administrator: this version takes no nomination after the window.",
        "Hubungi administrator musim: versi ini tidak menerima usulan setelah jendela ditutup.",
    ),
    "nominated-already": rule(
        CONFLICT,
        "{value} is nominated in this season and category already.",
        "{value} sudah diusulkan pada musim dan kategori ini.",
        "See /v1/nominations/{nomination}.",
        "Lihat /v1/nominations/{nomination}.",
    ),
    "nomination-unknown": rule(
        NOT_FOUND,
        "There is no nomination {value}.",
        "Tidak ada usulan {value}.",
        "Send the id from the nomination's receipt or from /v1/nominations.",
        "Kirim id dari tanda terima usulan atau dari /v1/nominations.",
    ),
    "not-nominating-body": rule(
        FORBIDDEN,
        "Only the secretariat that nominated may take the nomination back.",
        "Hanya sekretariat pengusul yang dapat menarik usulan.",
        "Ask the secretariat of {province}.",
        "Hubungi sekretariat {province}.",
    ),
    "nomination-ended": rule(
        CONFLICT,
        "The nomination no longer competes: {ending}.",
        "Usulan ini tidak lagi bersaing: {ending}.",
        "Nothing can be taken back now.",
        "Tidak ada lagi yang dapat ditarik.",
    ),
}
