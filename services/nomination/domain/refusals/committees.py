"""Refusals about committees: bodies, seats, terms and conflicts of interest."""

from __future__ import annotations

from typing import Final

from services.nomination.domain.refusals.rule import CONFLICT, FORBIDDEN, NOT_FOUND, UNFIT, rule

RULES: Final = {
    "body-unknown": rule(
        UNFIT,
        "The season's rulebook has no body {value}.",
        "Juknis musim ini tidak mengenal badan {value}.",
        "Name one of: {known}.",
        "Sebut salah satu dari: {known}.",
    ),
    "body-of-other-tier": rule(
        UNFIT,
        "A body of the {tier} tier cannot be formed for {value}.",
        "Badan tingkat {tier} tidak dapat dibentuk untuk {value}.",
        "Use 00 for national bodies and a province's code for provincial ones.",
        "Gunakan 00 untuk badan nasional dan kode provinsi untuk badan provinsi.",
    ),
    "province-unknown": rule(
        UNFIT,
        "{value} is no province of {table}.",
        "{value} bukan provinsi menurut {table}.",
        "Send the province's two-digit official code, for example 75.",
        "Kirim kode resmi provinsi dua angka, misalnya 75.",
    ),
    "committee-formed-already": rule(
        CONFLICT,
        "The body {value} is formed by the decree {decree} already.",
        "Badan {value} sudah dibentuk dengan surat keputusan {decree}.",
        "Appoint members to it; to renew it, name another decree with a later term.",
        "Angkat anggota ke badan itu; untuk memperpanjang, sebut surat keputusan lain dengan masa tugas lebih akhir.",
    ),
    "renewal-not-later": rule(
        CONFLICT,
        "The term would end on {value}, and the present one ends on {last}.",
        "Masa tugas akan berakhir pada {value}, padahal yang berlaku berakhir pada {last}.",
        "Send a last day after {last}.",
        "Kirim hari terakhir setelah {last}.",
    ),
    "term-over": rule(
        CONFLICT,
        "The term of the body {value} ended on {last}.",
        "Masa tugas badan {value} sudah berakhir pada {last}.",
        "Renew the body by another decree first.",
        "Perpanjang dahulu badan itu dengan surat keputusan lain.",
    ),
    "outside-term": rule(
        CONFLICT,
        "On {value} the body {body} is not in office; its term is {terms}.",
        "Pada {value} badan {body} tidak dalam masa tugas; masa tugasnya {terms}.",
        "Act or choose a day inside the term, or renew the body by another decree first.",
        "Bertindaklah atau pilih hari di dalam masa tugas, atau perpanjang dahulu badan itu dengan surat keputusan "
        "lain.",
    ),
    "government-unknown": rule(
        UNFIT,
        "{value} is no government of {table}.",
        "{value} bukan pemerintah daerah menurut {table}.",
        "Send the official code of the member's own government, for example 75 or 75.71, or leave it out.",
        "Kirim kode resmi pemerintah daerah anggota itu, misalnya 75 atau 75.71, atau kosongkan.",
    ),
    "committee-unknown": rule(
        NOT_FOUND,
        "The body {value} is not formed there.",
        "Badan {value} belum dibentuk di sana.",
        "Form it first, by decree.",
        "Bentuk dahulu dengan surat keputusan.",
    ),
    "term-reversed": rule(
        UNFIT,
        "The term ends on {value}, before it begins.",
        "Masa tugas berakhir pada {value}, sebelum dimulai.",
        "Send a last day that is not before {first}.",
        "Kirim hari terakhir yang tidak mendahului {first}.",
    ),
    "office-unknown": rule(
        UNFIT,
        "The body {body} has no office {value}.",
        "Badan {body} tidak mengenal jabatan {value}.",
        "Name one of: {known}.",
        "Sebut salah satu dari: {known}.",
    ),
    "seat-unknown": rule(
        UNFIT,
        "The office has no seat {value}.",
        "Jabatan itu tidak memiliki kursi {value}.",
        "Send a seat from 1 to {seats}.",
        "Kirim kursi 1 sampai {seats}.",
    ),
    "seat-taken": rule(
        CONFLICT,
        "Seat {value} of {office} is taken.",
        "Kursi {value} jabatan {office} sudah terisi.",
        "Name a free seat, or remove its holder first.",
        "Sebut kursi kosong, atau berhentikan pemegangnya dahulu.",
    ),
    "person-seated-already": rule(
        CONFLICT,
        "This person holds the office {office} in this body already.",
        "Orang ini sudah memegang jabatan {office} di badan ini.",
        "Name another person: one person has one seat.",
        "Sebut orang lain: satu orang satu kursi.",
    ),
    "person-not-seated": rule(
        CONFLICT,
        "This person holds no seat in the body {body}.",
        "Orang ini tidak memegang kursi di badan {body}.",
        "Name a seated member.",
        "Sebut anggota yang memegang kursi.",
    ),
    "office-has-no-vote": rule(
        CONFLICT,
        "The office {value} of the body {body} has a seat and no vote: its holder neither votes nor fills the quorum.",
        "Jabatan {value} pada badan {body} memegang kursi tanpa hak suara dan tidak dihitung dalam kuorum.",
        "Leave it to a member whose office votes.",
        "Serahkan kepada anggota yang jabatannya memiliki hak suara.",
    ),
    "not-for-another": rule(
        FORBIDDEN,
        "A member speaks for themselves only.",
        "Anggota hanya dapat bertindak atas namanya sendiri.",
        "Send your own person id, or ask the secretary of the committee.",
        "Kirim id Anda sendiri, atau minta sekretaris panitia.",
    ),
    "marks-seen": rule(
        FORBIDDEN,
        "You have seen marks of the stage {value}, which is not sealed: what you change here could take marks out of "
        "its ranking, or put them back.",
        "Anda sudah melihat nilai tahap {value} yang belum disegel: perubahan Anda di sini dapat mengeluarkan nilai "
        "dari peringkatnya, atau memasukkannya kembali.",
        "Let the member declare it, or somebody else of the secretariat who has not looked do it; or wait for the "
        "seal, after which it changes no mark.",
        "Minta anggota itu menyatakannya sendiri, atau orang lain di sekretariat yang belum melihat nilai; atau tunggu "
        "penyegelan, sesudah itu tidak ada nilai yang berubah.",
    ),
    "conflict-drawn-by": rule(
        CONFLICT,
        "Scorers of the stage {value} were drawn without this member because of this conflict.",
        "Penilai tahap {value} sudah diundi tanpa anggota ini karena benturan kepentingan tersebut.",
        "Lift it after the stage is sealed; until then it stands in the ranking.",
        "Cabut setelah tahap itu disegel; sampai saat itu tetap tercatat pada peringkat.",
    ),
    "category-unknown": rule(
        UNFIT,
        "The season's rulebook has no category {value}.",
        "Juknis musim ini tidak mengenal kategori {value}.",
        "Name one of: {known}.",
        "Sebut salah satu dari: {known}.",
    ),
    "nomination-of-another-category": rule(
        UNFIT,
        "This nomination does not compete in {category}.",
        "Usulan ini tidak bersaing dalam kategori {category}.",
        "Name a nomination of this season and category, or leave it out for the whole category.",
        "Sebut usulan pada musim dan kategori ini, atau kosongkan untuk seluruh kategori.",
    ),
    "conflict-declared-already": rule(
        CONFLICT,
        "This conflict of interest is declared already.",
        "Benturan kepentingan ini sudah dinyatakan.",
        "Nothing needs to be done.",
        "Tidak perlu tindakan lagi.",
    ),
    "conflict-not-declared": rule(
        CONFLICT,
        "No such conflict of interest is declared, or it is lifted already.",
        "Benturan kepentingan itu tidak pernah dinyatakan, atau sudah dicabut.",
        "Name the person, category and nomination as they were declared; the committee's record lists them.",
        "Sebut orang, kategori, dan usulan seperti saat dinyatakan; catatan panitia memuatnya.",
    ),
}
