"""What is said about a wrong rulebook, in English and Indonesian: what is wrong, with its value, and what to write.

Keys are the codes of `schemas.rulebook_checks`, of `schemas.rulebook_file`, and pydantic's error types.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SHOWN: Final = 80
"""A value is shown up to this many characters."""

_MESSAGES: Final[Mapping[str, tuple[str, str]]] = {
    # the file
    "too_large": (
        "the file has {value} bytes; a rulebook has at most {other}: is this the right file?",
        "berkas berukuran {value} byte; juknis paling besar {other}: apakah berkasnya benar?",
    ),
    "not_utf8": (
        "the file is not UTF-8 text: save it as UTF-8 (is it a spreadsheet or a document?)",
        "berkas bukan teks UTF-8: simpan sebagai UTF-8 (apakah ini lembar kerja atau dokumen?)",
    ),
    "control_character": (
        "the character {value} is not allowed in a rulebook: remove it",
        "karakter {value} tidak boleh ada dalam juknis: hapus",
    ),
    "yaml": (
        "this is not YAML: {value}; compare indentation (spaces), colons, brackets and quotes with the line above",
        "ini bukan YAML: {value}; periksa indentasi (spasi), titik dua, kurung, dan kutip di sini dan di baris atasnya",
    ),
    "too_deep": (
        "lists and mappings are nested too deeply: a rulebook needs fewer than 50 levels",
        "daftar dan pemetaan bersarang terlalu dalam: juknis cukup kurang dari 50 tingkat",
    ),
    "too_many": (
        "more than {value} entries: a rulebook has far fewer; is this the right file?",
        "lebih dari {value} entri: juknis jauh lebih sedikit; apakah berkasnya benar?",
    ),
    "alias": (
        "aliases (*{value}) are not allowed: write the value out",
        "alias (*{value}) tidak diperbolehkan: tuliskan nilainya",
    ),
    "tag": ("the tag {value} is not allowed: remove it", "tag {value} tidak diperbolehkan: hapus"),
    "empty": ("the file is empty: start from a rulebook of an earlier season", "berkas kosong: mulai dari juknis lama"),
    "duplicate_key": (
        "the key {value} stands here a second time: keep one",
        "kunci {value} tertulis dua kali: pertahankan satu",
    ),
    "key_not_text": ("the key {value} is not a text: put it in quotes", "kunci {value} bukan teks: beri tanda kutip"),
    "float_bare": (
        "quote decimals: write '{value}' with quotes, so that the figure stays exact",
        "beri tanda kutip pada desimal: tulis '{value}' dengan kutip agar angkanya tetap persis",
    ),
    # shape (pydantic's error types)
    "missing": ("the value is missing: add it", "nilai belum ada: tambahkan"),
    "extra_forbidden": (
        "a rulebook has no such key: check its spelling, or remove it",
        "juknis tidak mengenal kunci ini: periksa ejaannya, atau hapus",
    ),
    "string_type": ("{value} is not a text: put it in quotes", "{value} bukan teks: beri tanda kutip"),
    "string_unicode": (
        "the text holds characters that cannot be stored",
        "teks memuat karakter yang tak bisa disimpan",
    ),
    "string_pattern_mismatch": (
        "{value} does not have the form that is needed: {pattern}",
        "bentuk {value} tidak sesuai: {pattern}",
    ),
    "string_too_short": ("the text is empty: write something", "teks kosong: isilah"),
    "string_too_long": (
        "the text is too long: at most {max_length} characters",
        "teks terlalu panjang: paling banyak {max_length} karakter",
    ),
    "int_type": (
        "{value} is not a whole number: write one without quotes",
        "{value} bukan bilangan bulat: tulis tanpa kutip",
    ),
    "bool_type": ("{value} is neither true nor false", "{value} bukan true atau false"),
    "literal_error": (
        "{value} is not on offer: write one of {expected}",
        "{value} tidak tersedia: pilih salah satu dari {expected}",
    ),
    "greater_than_equal": ("{value} is too small: at least {ge}", "{value} terlalu kecil: paling sedikit {ge}"),
    "less_than_equal": ("{value} is too great: at most {le}", "{value} terlalu besar: paling banyak {le}"),
    "too_short": (
        "the list has too few entries that can be read: at least {min_length}",
        "isi daftar yang terbaca terlalu sedikit: paling sedikit {min_length}",
    ),
    "tuple_type": ("{value} is not a list", "{value} bukan daftar"),
    "dict_type": ("{value} is not a mapping of keys to values", "{value} bukan pemetaan kunci ke nilai"),
    "model_type": ("{value} is not a mapping of keys to values", "{value} bukan pemetaan kunci ke nilai"),
    "decimal_text": (
        "{value} is not a decimal: write digits with a point, for example '12.5'",
        "{value} bukan desimal: tulis angka dengan titik, misalnya '12.5'",
    ),
    "decimal_quoted": (
        "quote decimals: write '{value}' with quotes",
        "beri tanda kutip pada desimal: tulis '{value}' dengan kutip",
    ),
    "ratio_text": (
        "{value} is not a fraction: write it in quotes, for example '2/3'",
        "{value} bukan pecahan: tulis dengan kutip, misalnya '2/3'",
    ),
    "ratio_above_one": (
        "{value} is more than the whole: at most '1/1'",
        "{value} melebihi keseluruhan: paling banyak '1/1'",
    ),
    "local_text": (
        "{value} is not a local date: write 2021-02-28, or 2021-02-28T16:00",
        "{value} bukan tanggal setempat: tulis 2021-02-28, atau 2021-02-28T16:00",
    ),
    "local_impossible": (
        "there is no such date or time as {value}: write one of the calendar, and hours up to 23:59",
        "tanggal atau jam {value} tidak ada: tulis yang ada di kalender, dengan jam sampai 23:59",
    ),
    "day_text": ("{value} is not a date: write 2021-02-28", "{value} bukan tanggal: tulis 2021-02-28"),
    "assumed_form": (
        "write `assumed: true`, or a list of the names of this entry's values",
        "tulis `assumed: true`, atau daftar nama nilai pada entri ini",
    ),
    # sense
    "duplicate_code": (
        "{value} stands twice in this list: codes are unique",
        "{value} tertulis dua kali: kode harus unik",
    ),
    "window_backwards": (
        "{value} is not after {other}: put the later one last",
        "{value} tidak setelah {other}: urutkan",
    ),
    "unknown_table": (
        "there is no region table {value}: use one of {expected}",
        "tidak ada tabel wilayah {value}: pilih {expected}",
    ),
    "unknown_province": (
        "{value} is no province of {other}: write its code, for example '75'",
        "{value} bukan provinsi dalam {other}: tulis kodenya, misalnya '75'",
    ),
    "province_at_national": (
        "a national stage has one quota: remove the province {value}",
        "tahap nasional punya satu kuota: hapus provinsi {value}",
    ),
    "size_classes": (
        "size classes belong to employers, and employers need them (this admits {value})",
        "kelas ukuran hanya untuk dan wajib bagi pemberi kerja (ini menerima {value})",
    ),
    "kind_built_in": (
        "{value} is a kind of candidate that every season has: remove the entry, or call it something else",
        "{value} adalah jenis calon yang ada di setiap musim: hapus entri ini, atau beri nama lain",
    ),
    "number_fixed": (
        "the form {value} has no digit to fill in: write # for each digit, for example '##.##.##.####'",
        "bentuk {value} tidak punya angka yang dapat diisi: tulis # untuk setiap angka, misalnya '##.##.##.####'",
    ),
    "home_prefix": (
        "a home from the code names its prefix, a stated one has none (this one is {value})",
        "wilayah dari kode menyebut prefix, yang dinyatakan (stated) tidak memilikinya (ini {value})",
    ),
    "prefix_elsewhere": (
        "the form {other} does not begin with {value}: choose the prefix that it begins with",
        "bentuk {other} tidak diawali {value}: pilih prefix yang menjadi awalannya",
    ),
    "unknown_kind": (
        "there is no kind of candidate {value}: write one of {expected}, or declare it under kinds",
        "tidak ada jenis calon {value}: pilih salah satu dari {expected}, atau nyatakan di bawah kinds",
    ),
    "category_without_stage": (
        "the category {value} has no stage: add one, or remove the category",
        "kategori {value} tidak punya tahap: tambahkan, atau hapus kategorinya",
    ),
    "one_chair": (
        "a body has exactly one chair's seat, this one has {value}",
        "sebuah badan punya tepat satu kursi ketua, ini {value}",
    ),
    "quorum_one_of": (
        "state the quorum as a fraction or as a count, one of them",
        "nyatakan kuorum sebagai fraction atau count, salah satu",
    ),
    "quorum_too_great": (
        "the quorum {value} exceeds the {other} voting seats: lower it",
        "kuorum {value} melebihi {other} kursi bersuara: turunkan",
    ),
    "majority_never": (
        "no vote is more than all of them ({value}): lower the fraction, or write `strict: false`",
        "tidak ada suara yang melebihi seluruhnya ({value}): turunkan pecahannya, atau tulis `strict: false`",
    ),
    "unknown_office": (
        "the body has no office {value}: use the code of one listed above",
        "badan ini tidak punya jabatan {value}: pakai kode yang terdaftar",
    ),
    "weights_total": (
        "the weights add up to {other}, not to the declared {value}: correct one of them",
        "bobot berjumlah {other}, bukan {value} seperti dinyatakan: perbaiki",
    ),
    "trim_without_method": (
        "the method {value} takes no trim: remove it, or write trimmed-mean",
        "metode {value} tidak memakai trim: hapus, atau tulis trimmed-mean",
    ),
    "trim_missing": (
        "a trimmed mean needs trim and from_sheets: add both",
        "trimmed-mean memerlukan trim dan from_sheets: tambahkan keduanya",
    ),
    "trim_leaves_none": (
        "trimming from {value} sheets on leaves none to count: at least {other}",
        "pemangkasan mulai {value} lembar tidak menyisakan apa pun: paling sedikit {other}",
    ),
    "trim_never": (
        "at most {other} members score a nominee, so nothing would be trimmed from {value} sheets on: lower it",
        "paling banyak {other} anggota menilai satu calon, sehingga {value} lembar tak pernah tercapai: turunkan",
    ),
    "tie_rule_never": (
        "whatever is still tied is settled by {other}, so {value} would never apply: put it before, or remove it",
        "yang masih seri diputus melalui {other}, sehingga {value} tak pernah berlaku: letakkan sebelumnya, atau hapus",
    ),
    "tie_for_good": (
        "nominees of equal aspects would stay tied, and nobody could decide who advances: add lot or vote at the end",
        "calon yang sama di semua aspek tetap seri, tak ada yang dapat memutus: tambahkan lot atau vote di akhir",
    ),
    "weight_zero": (
        "an aspect without weight decides nothing: give it one, or remove it",
        "aspek tanpa bobot tidak menentukan apa pun: beri bobot, atau hapus",
    ),
    "scale_backwards": (
        "the greatest mark {value} is not above the least, {other}",
        "nilai tertinggi {value} tidak di atas yang terendah, {other}",
    ),
    "scale_step": (
        "the step {value} does not divide the range {other}: choose one that does",
        "langkah {value} tidak membagi habis rentang {other}: pilih yang membagi",
    ),
    "scale_too_fine": (
        "marks have at most {other} decimals, so nobody could give one on this scale: write {value} more coarsely",
        "nilai paling banyak {other} desimal, sehingga skala ini tidak dapat dipakai: tulis {value} lebih kasar",
    ),
    "scales_differ": (
        "{value} goes {here} and {other} {there}: figures are weighted as they are, so give all aspects one scale",
        "{value} berskala {here} dan {other} {there}: nilai dibobot apa adanya, jadi samakan skala semua aspek",
    ),
    "measure_with_origin": (
        "a measure belongs to a measured aspect and to no other (this one is {value})",
        "measure hanya untuk aspek measured (ini {value})",
    ),
    "carried_with_origin": (
        "`carried` belongs to a carried aspect and to no other (this one is {value})",
        "`carried` hanya untuk aspek carried (ini {value})",
    ),
    "unknown_measure": (
        "there is no measure {value}: declare it under measures",
        "tidak ada measure {value}: nyatakan di bawah measures",
    ),
    "cap_zero": (
        "a cap of zero measures nothing: raise it, or remove it",
        "batas nol tidak mengukur apa pun: naikkan, atau hapus",
    ),
    "compliance_rule": ("compliance needs {value}: add it", "kepatuhan memerlukan {value}: tambahkan"),
    "months_rule": (
        "a figure of an employer's months needs {value}, the day on which they are due: add it",
        "angka tentang bulan iuran memerlukan {value}, yaitu hari jatuh temponya: tambahkan",
    ),
    "not_of_months": (
        "{value} means nothing here: neither figure is counted by months; remove it",
        "{value} tidak berarti di sini: kedua angkanya tidak dihitung per bulan; hapus",
    ),
    "before_the_agency": (
        "no fact is about {value}: the earliest month is {other}",
        "tidak ada fakta tentang {value}: bulan paling awal {other}",
    ),
    "month_after_cut_off": (
        "the first month, {value}, is after the cut-off, {other}: write an earlier one",
        "bulan pertama, {value}, setelah batas waktu data, {other}: tulis bulan yang lebih awal",
    ),
    "no_month_due": (
        "no month counts: the first, {value}, is due after the cut-off, {other}; write an earlier one",
        "tidak ada bulan yang dihitung: yang pertama, {value}, jatuh tempo setelah batas waktu, {other}; awalkan",
    ),
    "unknown_category": (
        "there is no category {value}: declare it under categories",
        "tidak ada kategori {value}: nyatakan di bawah categories",
    ),
    "unknown_body": (
        "there is no body {value}: declare it under bodies",
        "tidak ada badan {value}: nyatakan di bawah bodies",
    ),
    "unknown_rubric": (
        "there is no rubric {value}: declare it under rubrics",
        "tidak ada rubrik {value}: nyatakan di bawah rubrics",
    ),
    "unknown_aspect": (
        "the stage's part of rubric {other} has no aspect {value}",
        "bagian rubrik {other} pada tahap ini tidak punya aspek {value}",
    ),
    "unknown_stage": (
        "there is no stage {value}: declare it under stages, or correct this",
        "tidak ada tahap {value}: nyatakan di bawah stages, atau perbaiki",
    ),
    "no_aspects": (
        "a stage needs an aspect: list some, or remove the key to use the whole rubric",
        "tahap memerlukan aspek: daftarkan, atau hapus kunci ini untuk memakai seluruh rubrik",
    ),
    "body_tier": (
        "the body {value} does not decide at the {other} tier: choose another",
        "badan {value} tidak memutus di tingkat {other}: pilih yang lain",
    ),
    "too_few_seats": (
        "the rubric needs {value} counted sheets, the body has only {other} voting seats",
        "rubrik memerlukan {value} lembar, badan hanya punya {other} kursi bersuara",
    ),
    "assigned_too_many": (
        "{value} members cannot be drawn from {other} voting seats",
        "{value} anggota tidak dapat diundi dari {other} kursi bersuara",
    ),
    "assigned_too_few": (
        "a nominee needs {other} counted sheets, and only {value} members would score it",
        "calon memerlukan {other} lembar, sedangkan hanya {value} anggota yang menilai",
    ),
    "interview_too_long": (
        "no slot of {value} minutes fits into the stage's window of {other}: shorten the slot, or lengthen the window",
        "slot {value} menit tidak muat dalam jendela tahap ({other} menit): persingkat slot, atau perpanjang jendela",
    ),
    "closes_before_nominations": (
        "nominations close {other}, and nobody could score the last ones: let scoring of the first stage close later",
        "pengusulan ditutup {other}, dan calon terakhir tidak dapat dinilai: tutup penilaian tahap pertama setelahnya",
    ),
    "before_season": ("{value} is before the season opens, {other}", "{value} sebelum musim dibuka, {other}"),
    "after_season": ("{value} is after the season closes, {other}", "{value} setelah musim ditutup, {other}"),
    "carried_from_later": (
        "{value} does not lead to this stage: carry from an earlier one",
        "{value} tidak menuju tahap ini: ambil dari tahap sebelumnya",
    ),
    "carried_not_scored": ("the aspect {value} is not scored at {other}", "aspek {value} tidak dinilai pada {other}"),
    "carried_scale": (
        "{value} goes {here} here and {there} at {other}, and nothing converts what is carried: give both one scale",
        "{value} berskala {here} di sini dan {there} pada {other}, dan nilai bawaan tidak dikonversi: samakan skalanya",
    ),
    "stage_cycle": (
        "the stages go round in a circle: {value}; let one of them end",
        "tahap berputar: {value}; akhiri salah satunya",
    ),
    "tier_backwards": (
        "a path does not go back from the nation to a province: {value}",
        "jalur tidak kembali dari nasional ke provinsi: {value}",
    ),
    "order_backwards": (
        "the next stage's order {value} is not after {other}",
        "urutan tahap berikut {value} tidak setelah {other}",
    ),
    "windows_overlap": (
        "the next stage opens {value}, not after this one closes, {other}",
        "tahap berikut dibuka {value}, tidak setelah tahap ini ditutup, {other}",
    ),
    "stage_unreachable": (
        "no stage leads to {value}, and the category has a first stage already",
        "tidak ada tahap yang menuju {value}, dan kategori sudah punya tahap awal",
    ),
    "stage_entered_twice": (
        "several stages lead to {value}: a path does not fork",
        "beberapa tahap menuju {value}: jalur tidak bercabang",
    ),
    "prize_tier": (
        "the category {value} has no stage at the {other} tier, so nobody wins there: remove it from the prize",
        "kategori {value} tidak punya tahap di tingkat {other}, sehingga tidak ada pemenangnya: hapus dari hadiah ini",
    ),
    "prize_beyond_quota": (
        "at most {most} win in {other} at this tier, so nobody holds rank {value}: remove the prize or raise the quota",
        "pemenang {other} di tingkat ini paling banyak {most}; peringkat {value} tak terisi: hapus atau naikkan kuota",
    ),
    "unknown_event": (
        "nobody is told of an event {value}: write {expected}, or remove the notice",
        "tidak ada pemberitahuan tentang peristiwa {value}: tulis {expected}, atau hapus entri ini",
    ),
    "certificate_tier": (
        "no category has a stage at the {value} tier, so nobody would get this certificate: remove it",
        "tidak ada kategori dengan tahap di tingkat {value}, sehingga piagam ini tidak pernah diberikan: hapus",
    ),
    "certificate_stage": (
        "a finalist's certificate names its stage, a winner's none (this is for a {value})",
        "piagam finalis menyebut tahapnya, piagam pemenang tidak (ini untuk {value})",
    ),
    "source_and_assumed": (
        "this entry is both sourced ({value}) and assumed: keep one, or list the assumed values",
        "entri ini bersumber ({value}) sekaligus asumsi: pilih satu, atau daftarkan nilai yang diasumsikan",
    ),
    "mark_names_nothing": (
        "this entry has no value {value}: correct the name",
        "entri ini tidak punya nilai {value}: perbaiki namanya",
    ),
    "unknown_source": (
        "there is no source {value}: add it under sources",
        "tidak ada sumber {value}: tambahkan di bawah sources",
    ),
    "no_provenance": (
        "these values have neither source nor assumed: {value}; add `source: CODE` (of sources) or `assumed: true`",
        "nilai berikut tanpa source atau assumed: {value}; tambahkan `source: KODE` (di sources) atau `assumed: true`",
    ),
}
_OTHER: Final = ("{value} is not valid here", "{value} tidak sah di sini")


def _shown(value: object) -> str:
    """Show a value in at most `SHOWN` characters, unprintable ones escaped."""
    match value:
        case dict():
            text = "{…}"
        case list() | tuple():
            text = "[…]"
        case None:
            text = "(kosong/empty)"
        case _:
            text = str(value)[: SHOWN + 1]
    text = "".join(letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in text)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def message(code: str, values: Mapping[str, object]) -> tuple[str, str]:
    """Return what is said of a finding, in English and in Indonesian."""
    english, indonesian = _MESSAGES.get(code, _OTHER)
    shown = _Shown({name: _full(name, value) for name, value in values.items()})
    return english.format_map(shown), indonesian.format_map(shown)


class _Shown(dict[str, str]):
    """Values to fill in; one that the finding does not have is left blank."""

    def __missing__(self, key: str) -> str:
        return ""


def _full(name: str, value: object) -> str:
    """Cut what a file says; what we say ourselves is whole."""
    return _shown(value) if name in ("value", "other") and not isinstance(value, Mapping) else str(value)[:400]
