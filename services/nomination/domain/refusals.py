"""Every refusal of the nomination service: its stable code, what it says and how to go on, in both languages.

A refusal is data, so that each can be listed, translated and tested one by one. Sentences may name values in braces;
`refuse` fills them in. A thing that does not exist (404) is no attempt at anything and is not recorded.

Inside the domain a rule that does not hold raises `Refused`, and `decides` turns it into the decision's answer, so a
decision reads as the list of its rules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Final, NamedTuple, ParamSpec, TypeVar

from kernel.decider import FieldFault, Refusal, Text

FORBIDDEN: Final = 403
NOT_FOUND: Final = 404
CONFLICT: Final = 409
UNFIT: Final = 422


P = ParamSpec("P")
R = TypeVar("R")


class Refused(Exception):
    """A rule does not hold; never leaves the domain."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


def decides(function: Callable[P, R]) -> Callable[P, R | Refusal]:
    """Return the function with its refusals as answers."""

    @wraps(function)
    def decided(*args: P.args, **kwargs: P.kwargs) -> R | Refusal:
        try:
            return function(*args, **kwargs)
        except Refused as refused:
            return refused.refusal

    return decided


class Rule(NamedTuple):
    """One refusal: its HTTP status, why, and the remedy."""

    status: int
    why: Text
    remedy: Text


def refuse(rule_code: str, path: str, value: object = None, **words: object) -> Refused:
    """Return the refusal of a rule about the command's field `path`, its sentences filled with `words` and `value`."""
    rule = RULES[rule_code]
    filled = {"value": value, **words}
    fault = FieldFault(path, None if value is None else str(value), _fill(rule.remedy, filled))
    recorded = rule.status != NOT_FOUND
    return Refused(Refusal(rule_code, _fill(rule.why, filled), rule.status, (fault,), recorded=recorded))


def _fill(text: Text, words: Mapping[str, object]) -> Text:
    return Text(en=text.en.format_map(words), id=text.id.format_map(words))


def _rule(status: int, en: str, id_: str, remedy_en: str, remedy_id: str) -> Rule:
    return Rule(status, Text(en, id_), Text(remedy_en, remedy_id))


_SEASONS: Final = {
    "season-already-open": _rule(
        CONFLICT,
        "The season {value} is open already.",
        "Musim {value} sudah dibuka.",
        "Open another season, or amend this one's rulebook.",
        "Buka musim lain, atau ubah juknis musim ini.",
    ),
    "season-unknown": _rule(
        NOT_FOUND,
        "There is no season {value}.",
        "Tidak ada musim {value}.",
        "Name an open season; /v1/public/seasons lists them.",
        "Sebut musim yang sudah dibuka; lihat /v1/public/seasons.",
    ),
}

_COMMITTEES: Final = {
    "body-unknown": _rule(
        UNFIT,
        "The season's rulebook has no body {value}.",
        "Juknis musim ini tidak mengenal badan {value}.",
        "Name one of: {known}.",
        "Sebut salah satu dari: {known}.",
    ),
    "body-of-other-tier": _rule(
        UNFIT,
        "A body of the {tier} tier cannot be formed for {value}.",
        "Badan tingkat {tier} tidak dapat dibentuk untuk {value}.",
        "Use 00 for national bodies and a province's code for provincial ones.",
        "Gunakan 00 untuk badan nasional dan kode provinsi untuk badan provinsi.",
    ),
    "province-unknown": _rule(
        UNFIT,
        "{value} is no province of {table}.",
        "{value} bukan provinsi menurut {table}.",
        "Send the province's two-digit official code, for example 75.",
        "Kirim kode resmi provinsi dua angka, misalnya 75.",
    ),
    "committee-formed-already": _rule(
        CONFLICT,
        "The body {value} is formed already.",
        "Badan {value} sudah dibentuk.",
        "Appoint members to it instead.",
        "Angkat anggota ke badan itu.",
    ),
    "committee-unknown": _rule(
        NOT_FOUND,
        "The body {value} is not formed there.",
        "Badan {value} belum dibentuk di sana.",
        "Form it first, by decree.",
        "Bentuk dahulu dengan surat keputusan.",
    ),
    "term-reversed": _rule(
        UNFIT,
        "The term ends on {value}, before it begins.",
        "Masa tugas berakhir pada {value}, sebelum dimulai.",
        "Send a last day that is not before {first}.",
        "Kirim hari terakhir yang tidak mendahului {first}.",
    ),
    "office-unknown": _rule(
        UNFIT,
        "The body {body} has no office {value}.",
        "Badan {body} tidak mengenal jabatan {value}.",
        "Name one of: {known}.",
        "Sebut salah satu dari: {known}.",
    ),
    "seat-unknown": _rule(
        UNFIT,
        "The office has no seat {value}.",
        "Jabatan itu tidak memiliki kursi {value}.",
        "Send a seat from 1 to {seats}.",
        "Kirim kursi 1 sampai {seats}.",
    ),
    "seat-taken": _rule(
        CONFLICT,
        "Seat {value} of {office} is taken.",
        "Kursi {value} jabatan {office} sudah terisi.",
        "Name a free seat, or remove its holder first.",
        "Sebut kursi kosong, atau berhentikan pemegangnya dahulu.",
    ),
    "person-seated-already": _rule(
        CONFLICT,
        "This person holds the office {office} in this body already.",
        "Orang ini sudah memegang jabatan {office} di badan ini.",
        "Name another person: one person has one seat.",
        "Sebut orang lain: satu orang satu kursi.",
    ),
    "person-not-seated": _rule(
        CONFLICT,
        "This person holds no seat in the body {body}.",
        "Orang ini tidak memegang kursi di badan {body}.",
        "Name a seated member.",
        "Sebut anggota yang memegang kursi.",
    ),
    "not-for-another": _rule(
        FORBIDDEN,
        "A member speaks for themselves only.",
        "Anggota hanya dapat bertindak atas namanya sendiri.",
        "Send your own person id, or ask the secretary of the committee.",
        "Kirim id Anda sendiri, atau minta sekretaris panitia.",
    ),
    "category-unknown": _rule(
        UNFIT,
        "The season's rulebook has no category {value}.",
        "Juknis musim ini tidak mengenal kategori {value}.",
        "Name one of: {known}.",
        "Sebut salah satu dari: {known}.",
    ),
    "nomination-of-another-category": _rule(
        UNFIT,
        "This nomination does not compete in {category}.",
        "Usulan ini tidak bersaing dalam kategori {category}.",
        "Name a nomination of this season and category, or leave it out for the whole category.",
        "Sebut usulan pada musim dan kategori ini, atau kosongkan untuk seluruh kategori.",
    ),
    "conflict-declared-already": _rule(
        CONFLICT,
        "This conflict of interest is declared already.",
        "Benturan kepentingan ini sudah dinyatakan.",
        "Nothing needs to be done.",
        "Tidak perlu tindakan lagi.",
    ),
}

_NOMINATIONS: Final = {
    "candidate-unnamed": _rule(
        UNFIT,
        "The candidate has neither a code nor a name.",
        "Calon tidak memiliki kode maupun nama.",
        "Send the official region code, the official name, or both.",
        "Kirim kode wilayah resmi, nama resmi, atau keduanya.",
    ),
    "region-unknown": _rule(
        UNFIT,
        "{value} is no region of {table}.",
        "{value} bukan wilayah menurut {table}.",
        "Send an official code or name, for example 75.71 or Kota Gorontalo.",
        "Kirim kode atau nama resmi, misalnya 75.71 atau Kota Gorontalo.",
    ),
    "region-ambiguous": _rule(
        UNFIT,
        "{value} can mean several regions.",
        "{value} dapat berarti beberapa wilayah.",
        "Send one of: {candidates}.",
        "Kirim salah satu dari: {candidates}.",
    ),
    "code-and-name-disagree": _rule(
        UNFIT,
        "The name {value} is not that of {code}, which is {official}.",
        "Nama {value} bukan nama {code}, yaitu {official}.",
        "Send {official}, or the code of the region you mean.",
        "Kirim {official}, atau kode wilayah yang dimaksud.",
    ),
    "kind-and-code-disagree": _rule(
        UNFIT,
        "{official} is not of the kind {value}.",
        "{official} bukan berjenis {value}.",
        "Send the kind {kind}, or another code.",
        "Kirim jenis {kind}, atau kode lain.",
    ),
    "kind-not-admitted": _rule(
        UNFIT,
        "The category {category} does not admit the kind {value}.",
        "Kategori {category} tidak menerima jenis {value}.",
        "This category admits: {admits}.",
        "Kategori ini menerima: {admits}.",
    ),
    "size-class-missing": _rule(
        UNFIT,
        "An employer needs its size class.",
        "Pemberi kerja perlu kelas skala usaha.",
        "Send one of: {admits}.",
        "Kirim salah satu dari: {admits}.",
    ),
    "size-class-not-admitted": _rule(
        UNFIT,
        "The category {category} does not admit the size class {value}.",
        "Kategori {category} tidak menerima kelas skala {value}.",
        "This category admits: {admits}.",
        "Kategori ini menerima: {admits}.",
    ),
    "not-for-governments": _rule(
        UNFIT,
        "A government has no {field}.",
        "Pemerintah daerah tidak memiliki {field}.",
        "Leave this field out.",
        "Hilangkan isian ini.",
    ),
    "employer-incomplete": _rule(
        UNFIT,
        "An employer needs its number (NPP), name and region.",
        "Pemberi kerja perlu NPP, nama, dan wilayah.",
        "Add the field {field}.",
        "Tambahkan isian {field}.",
    ),
    "nominating-body-outside": _rule(
        FORBIDDEN,
        "You do not nominate for {value}.",
        "Anda tidak mengusulkan atas nama {value}.",
        "Send a government of your own province: {scopes}.",
        "Kirim pemerintah di provinsi Anda sendiri: {scopes}.",
    ),
    "candidate-outside": _rule(
        UNFIT,
        "{name} does not lie in the province {province} that nominates it.",
        "{name} tidak berada di provinsi {province} yang mengusulkannya.",
        "Nominate candidates of your own province.",
        "Usulkan calon dari provinsi Anda sendiri.",
    ),
    "nation-nominates-provinces": _rule(
        UNFIT,
        "The nation nominates provinces only, not a {value}.",
        "Tingkat pusat hanya mengusulkan provinsi, bukan {value}.",
        "Let the province's secretariat nominate it.",
        "Biarkan sekretariat provinsi yang mengusulkannya.",
    ),
    "window-not-open": _rule(
        CONFLICT,
        "Nominations open at {value}.",
        "Pengusulan dibuka pada {value}.",
        "Send it from then on, until {closes}.",
        "Kirim mulai saat itu, sampai {closes}.",
    ),
    "window-closed": _rule(
        CONFLICT,
        "Nominations closed at {value}; this one was received at {received}.",
        "Pengusulan ditutup pada {value}; usulan ini diterima pada {received}.",
        "Turn to the season's administrator: this version takes no nomination after the window.",
        "Hubungi administrator musim: versi ini tidak menerima usulan setelah jendela ditutup.",
    ),
    "nominated-already": _rule(
        CONFLICT,
        "{value} is nominated in this season and category already.",
        "{value} sudah diusulkan pada musim dan kategori ini.",
        "See /v1/nominations/{nomination}.",
        "Lihat /v1/nominations/{nomination}.",
    ),
    "nomination-unknown": _rule(
        NOT_FOUND,
        "There is no nomination {value}.",
        "Tidak ada usulan {value}.",
        "Send the id from the nomination's receipt or from /v1/nominations.",
        "Kirim id dari tanda terima usulan atau dari /v1/nominations.",
    ),
    "not-nominating-body": _rule(
        FORBIDDEN,
        "Only the secretariat that nominated may take the nomination back.",
        "Hanya sekretariat pengusul yang dapat menarik usulan.",
        "Ask the secretariat of {province}.",
        "Hubungi sekretariat {province}.",
    ),
    "nomination-ended": _rule(
        CONFLICT,
        "The nomination no longer competes: {ending}.",
        "Usulan ini tidak lagi bersaing: {ending}.",
        "Nothing can be taken back now.",
        "Tidak ada lagi yang dapat ditarik.",
    ),
}

_PLENARIES: Final = {
    "agenda-repeated": _rule(
        UNFIT,
        "The agenda names {value} twice.",
        "Agenda menyebut {value} dua kali.",
        "Name every category and stage once.",
        "Sebut setiap kategori dan tahap satu kali.",
    ),
    "stage-unknown": _rule(
        UNFIT,
        "The rulebook has no stage {value} at the {tier} tier.",
        "Juknis tidak mengenal tahap {value} pada tingkat {tier}.",
        "Name a category and stage of the rulebook.",
        "Sebut kategori dan tahap yang ada di juknis.",
    ),
    "stage-of-another-body": _rule(
        UNFIT,
        "The stage {value} is decided by the body {body}.",
        "Tahap {value} diputuskan oleh badan {body}.",
        "Convene that body.",
        "Panggil sidang badan tersebut.",
    ),
    "not-in-office": _rule(
        FORBIDDEN,
        "This is for the office {offices} of the body {body}.",
        "Ini adalah wewenang jabatan {offices} pada badan {body}.",
        "Ask the holder of that office.",
        "Hubungi pemegang jabatan tersebut.",
    ),
    "plenary-unknown": _rule(
        NOT_FOUND,
        "There is no plenary {value}.",
        "Tidak ada sidang pleno {value}.",
        "Send the id from the receipt of its convening.",
        "Kirim id dari tanda terima pemanggilannya.",
    ),
    "plenary-adjourned": _rule(
        CONFLICT,
        "The plenary is adjourned.",
        "Sidang pleno sudah ditutup.",
        "Convene another one.",
        "Panggil sidang baru.",
    ),
    "item-not-on-agenda": _rule(
        UNFIT,
        "{value} is not on the agenda.",
        "{value} tidak ada dalam agenda.",
        "Name one of: {known}.",
        "Sebut salah satu dari: {known}.",
    ),
    "ranking-unsealed": _rule(
        CONFLICT,
        "The ranking {value} is not sealed.",
        "Peringkat {value} belum disegel.",
        "Seal it first, after its scoring deadline.",
        "Segel dahulu, setelah batas waktu penilaian.",
    ),
    "seal-unknown": _rule(
        UNFIT,
        "The ranking has no seal {value}.",
        "Peringkat tidak memiliki segel {value}.",
        "Cite the current seal, {current}.",
        "Kutip segel yang berlaku, {current}.",
    ),
    "seal-superseded": _rule(
        CONFLICT,
        "The seal {value} was superseded.",
        "Segel {value} sudah digantikan.",
        "Table the current seal.",
        "Ajukan segel yang berlaku.",
    ),
    "seal-stale": _rule(
        CONFLICT,
        "The seal {value} does not rest on what was decided here before it arrived: {stale}.",
        "Segel {value} tidak memuat keputusan yang lebih dulu diambil di sini: {stale}.",
        "Wait for the new seal that is ordered, and table that one.",
        "Tunggu segel baru yang telah diminta, lalu ajukan segel itu.",
    ),
    "seal-digest-wrong": _rule(
        CONFLICT,
        "The digest {value} is not that of the sealed standings, {computed}.",
        "Digest {value} bukan digest peringkat yang disegel, {computed}.",
        "Cite the digest that the seal states; if it states this one, tell the auditors.",
        "Kutip digest yang tertera pada segel; bila segel memuat digest ini, beri tahu auditor.",
    ),
    "seal-under-other-rules": _rule(
        CONFLICT,
        "The seal {value} cites rulebook version {version}, which is not the season's.",
        "Segel {value} mengutip juknis versi {version} yang bukan milik musim ini.",
        "Tell the auditors; do not decide on this seal.",
        "Beri tahu auditor; jangan memutus berdasarkan segel ini.",
    ),
    "seal-tabled-already": _rule(
        CONFLICT,
        "The seal {value} lies before the meeting already.",
        "Segel {value} sudah diajukan ke sidang.",
        "Open the motion on it.",
        "Buka usul keputusan atasnya.",
    ),
    "not-tabled": _rule(
        CONFLICT,
        "No current ranking of {value} lies before the meeting.",
        "Belum ada peringkat {value} yang berlaku di hadapan sidang.",
        "Table its sealed ranking first.",
        "Ajukan dahulu peringkat yang disegel.",
    ),
    "motion-pending": _rule(
        CONFLICT,
        "Motion {value} on this item is open.",
        "Usul keputusan {value} atas agenda ini masih terbuka.",
        "Decide it first.",
        "Putuskan dahulu.",
    ),
    "item-decided": _rule(
        CONFLICT,
        "{value} is decided already.",
        "{value} sudah diputus.",
        "Nothing is left to move on this item.",
        "Tidak ada lagi yang dapat diusulkan pada agenda ini.",
    ),
    "tie-at-the-cut": _rule(
        CONFLICT,
        "A tie at the cut must be broken by vote: {tied} share rank {value} and {places} place(s) are left.",
        "Seri pada batas kuota harus diputus dengan pemungutan suara: {tied} berbagi peringkat {value} "
        "dan tersisa {places} tempat.",
        "Let the committee break the tie; the system does not choose.",
        "Biarkan panitia memutus seri; sistem tidak memilih.",
    ),
    "advancing-not-by-rank": _rule(
        UNFIT,
        "Those who advance are ranks 1 to {quota} of the seal, in order, and nobody else.",
        "Yang maju adalah peringkat 1 sampai {quota} pada segel, berurutan, tanpa pengecualian.",
        "Send them in this order: {expected}; or leave `advancing` out.",
        "Kirim dengan urutan ini: {expected}; atau hilangkan `advancing`.",
    ),
    "motion-unknown": _rule(
        NOT_FOUND,
        "The plenary has no motion {value}.",
        "Sidang ini tidak memiliki usul keputusan {value}.",
        "Send a motion's number from the plenary's record.",
        "Kirim nomor usul keputusan dari catatan sidang.",
    ),
    "motion-closed": _rule(
        CONFLICT,
        "Motion {value} is decided.",
        "Usul keputusan {value} sudah diputus.",
        "It takes no further votes or decisions.",
        "Tidak menerima suara atau keputusan lagi.",
    ),
    "not-present": _rule(
        CONFLICT,
        "You are not recorded as present.",
        "Anda belum tercatat hadir.",
        "Record your attendance first.",
        "Catat kehadiran dahulu.",
    ),
    "recused": _rule(
        FORBIDDEN,
        "You are recused on this motion: a conflict of interest with one of its candidates is declared.",
        "Anda tidak ikut memutus usul ini: ada benturan kepentingan dengan salah satu calonnya.",
        "You take no part in this item; you may in others.",
        "Anda tidak ikut pada agenda ini; pada agenda lain boleh.",
    ),
    "voted-already": _rule(
        CONFLICT,
        "You voted on motion {value} already.",
        "Anda sudah memberikan suara pada usul keputusan {value}.",
        "A vote is cast once and stands.",
        "Suara diberikan satu kali dan tetap.",
    ),
    "no-quorum": _rule(
        CONFLICT,
        "There is no quorum: {value} of {seats} seats are filled by present, unrecused members; it takes {required}.",
        "Kuorum tidak terpenuhi: {value} dari {seats} kursi diisi anggota hadir tanpa benturan; perlu {required}.",
        "Record the attendance of more members, or adjourn.",
        "Catat kehadiran anggota lain, atau tutup sidang.",
    ),
    "stage-left": _rule(
        CONFLICT,
        "The nomination {value} has left this stage by another decision.",
        "Usulan {value} sudah meninggalkan tahap ini melalui keputusan lain.",
        "See that decision; this motion has no object any more.",
        "Lihat keputusan itu; usul ini tidak lagi memiliki objek.",
    ),
    "winners-declared-already": _rule(
        CONFLICT,
        "The winners of {value} are declared already.",
        "Pemenang {value} sudah ditetapkan.",
        "See that decision; this motion has no object any more.",
        "Lihat keputusan itu; usul ini tidak lagi memiliki objek.",
    ),
}

_AWARDS: Final = {
    "motion-not-carried": _rule(
        CONFLICT,
        "Motion {value} is not carried.",
        "Usul keputusan {value} belum disetujui.",
        "Announce a carried motion.",
        "Umumkan usul keputusan yang disetujui.",
    ),
    "announced-already": _rule(
        CONFLICT,
        "The result of {value} is announced already.",
        "Hasil {value} sudah diumumkan.",
        "An announcement is made once; see /v1/public/results/{season}.",
        "Pengumuman dilakukan satu kali; lihat /v1/public/results/{season}.",
    ),
}

RULES: Final[Mapping[str, Rule]] = {**_SEASONS, **_COMMITTEES, **_NOMINATIONS, **_PLENARIES, **_AWARDS}
