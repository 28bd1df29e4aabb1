"""Refusals about seasons: their rules, windows and freezes."""

from __future__ import annotations

from typing import Final

from services.nomination.domain.refusals.rule import CONFLICT, FORBIDDEN, NOT_FOUND, UNFIT, rule

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
    "season-frozen": rule(
        CONFLICT,
        "The season {value} is frozen: nothing of it can be changed for now.",
        "Musim {value} sedang dibekukan: untuk sementara tidak ada yang dapat diubah.",
        "Ask the season's administrators; two of them together unfreeze it.",
        "Hubungi administrator musim; dua administrator bersama-sama dapat mencabut pembekuan.",
    ),
    "season-closed": rule(
        CONFLICT,
        "The season {value} is closed for good.",
        "Musim {value} sudah ditutup untuk seterusnya.",
        "Ask the season's administrators about what is still open; its results stay at /v1/public/results/{value}.",
        "Tanyakan hal yang belum selesai kepada administrator musim; hasilnya tetap ada di /v1/public/results/{value}.",
    ),
    "season-not-frozen": rule(
        CONFLICT,
        "The season {value} is not frozen.",
        "Musim {value} tidak sedang dibekukan.",
        "Nothing needs to be done: it goes on.",
        "Tidak perlu tindakan: musim ini tetap berjalan.",
    ),
    "season-under-way": rule(
        CONFLICT,
        "The season {value} goes on until {ends}.",
        "Musim {value} masih berjalan sampai {ends}.",
        "Close it after that; to stop it before, freeze it.",
        "Tutup setelah saat itu; untuk menghentikannya sebelum itu, bekukan musim ini.",
    ),
    "season-under-appeal": rule(
        CONFLICT,
        "Appeals of the season {value} are not decided yet: {appeals}.",
        "Masih ada sanggah pada musim {value} yang belum diputus: {appeals}.",
        "Let the committees decide them in plenary first; in a closed season nothing can be decided any more.",
        "Mintalah panitia memutusnya dahulu dalam sidang pleno; setelah musim ditutup, tidak ada lagi yang dapat "
        "diputus.",
    ),
    "season-verdict-unannounced": rule(
        CONFLICT,
        "Appeals that were upheld corrected results of the season {value}, which are not announced as corrected: "
        "{results}.",
        "Sanggah yang dikabulkan mengoreksi hasil pada musim {value} yang belum diumumkan kembali: {results}.",
        "Have the verdicts announced, and close the season once the corrected results can no longer be appealed "
        "against.",
        "Mintalah pengumuman putusannya, lalu tutup musim setelah masa sanggah atas hasil koreksinya berakhir.",
    ),
    "season-appealable": rule(
        CONFLICT,
        "Results of the season {value} can still be appealed against: {results}.",
        "Hasil pada musim {value} masih dapat disanggah: {results}.",
        "Close it after {until}, when the last appeal window is over.",
        "Tutup setelah {until}, saat masa sanggah terakhir berakhir.",
    ),
    "two-persons-needed": rule(
        FORBIDDEN,
        "This takes two different administrators of the season.",
        "Tindakan ini memerlukan dua administrator musim yang berbeda.",
        "Let a second administrator sign in, and send that token in the header Second-Authorization.",
        "Minta administrator kedua masuk, lalu kirim tokennya pada header Second-Authorization.",
    ),
    "rulebook-of-another-season": rule(
        UNFIT,
        "This rulebook is of the season {value}, not of {season}.",
        "Juknis ini untuk musim {value}, bukan {season}.",
        "Send the rulebook of {season}, or amend the season {value}.",
        "Kirim juknis musim {season}, atau ubah juknis musim {value}.",
    ),
    "version-not-next": rule(
        CONFLICT,
        "An amendment is the next version, {next}; this rulebook says {value}.",
        "Perubahan juknis harus bernomor versi berikutnya, {next}; juknis ini menyebut {value}.",
        "Compare it with the newest version, which may be another's, and write `version: {next}`.",
        "Bandingkan dengan versi terbaru, yang mungkin dibuat orang lain, lalu tulis `version: {next}`.",
    ),
    "rulebook-unchanged": rule(
        CONFLICT,
        "This rulebook says the same as version {present}.",
        "Isi juknis ini sama dengan versi {present}.",
        "Change what is to be amended, or send nothing.",
        "Ubah hal yang hendak diperbarui, atau tidak perlu mengirim apa pun.",
    ),
    "region-table-changed": rule(
        CONFLICT,
        "The season counts regions by {present}; an amendment cannot change that to {value}.",
        "Musim ini memakai tabel wilayah {present}; perubahan juknis tidak dapat menggantinya dengan {value}.",
        "Write {present}: candidates and committees are kept under its codes.",
        "Tulis {present}: calon dan panitia tercatat dengan kode tabel itu.",
    ),
    "amendment-takes-away": rule(
        CONFLICT,
        "This amendment takes away or makes unusable what may be in use: {value}.",
        "Perubahan ini menghapus atau membuat tidak terpakai hal yang mungkin sedang digunakan: {value}.",
        "Keep these as they are, also which body decides on a stage, where it leads and that it verifies: committees "
        "and nominations live on.",
        "Pertahankan, juga badan yang memutus suatu tahap, tahap lanjutannya, dan verifikasinya, karena panitia dan "
        "usulan tetap berjalan.",
    ),
    "extension-not-later": rule(
        CONFLICT,
        "Nominations close at {closes} as it is; {value} is not later.",
        "Pengusulan saat ini ditutup pada {closes}; {value} tidak lebih akhir.",
        "Send a later date or time; a window is never shortened.",
        "Kirim tanggal atau waktu yang lebih akhir; masa pengusulan tidak pernah dipersingkat.",
    ),
    "extension-past": rule(
        CONFLICT,
        "{value} is over: it is {now}.",
        "{value} sudah lewat: sekarang {now}.",
        "Send a date or time that is still to come.",
        "Kirim tanggal atau waktu yang belum lewat.",
    ),
    "extension-opens-nothing": rule(
        CONFLICT,
        "Nominations until {value} could enter nothing: scoring of every first stage is closed or sealed there.",
        "Usulan sampai {value} tidak dapat masuk ke mana pun: penilaian semua tahap pertama di sana sudah ditutup atau "
        "disegel.",
        "Do not extend; who is missing can be nominated in the next season.",
        "Tidak perlu memperpanjang; calon yang tertinggal dapat diusulkan pada musim berikutnya.",
    ),
    "extension-after-season": rule(
        CONFLICT,
        "{value} is after the end of the season, {ends}.",
        "{value} melewati akhir musim, {ends}.",
        "Send a date or time inside the season, or amend its calendar first.",
        "Kirim tanggal atau waktu di dalam musim, atau ubah dahulu kalendernya.",
    ),
}
