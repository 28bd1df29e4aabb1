"""The numbered checks of a verification: what each proves, which findings are its own, and how it ended.

A number, a key and a finding's code never change once published, since auditors cite them; a new check takes the next
number. Each check ends in one of four states: `passed`, `failed`, `not-applicable` (the folder holds nothing of the
kind) or `not-checkable` (what it needs is not in the folder), so that nobody takes silence for an approval.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

State = Literal["passed", "failed", "not-applicable", "not-checkable"]
Language = Literal["id", "en"]


class Said(NamedTuple):
    """A text in Indonesian and English."""

    id: str
    en: str

    def in_(self, language: Language) -> str:
        """Return it in one language."""
        return self.id if language == "id" else self.en


@dataclass(frozen=True, slots=True)
class Check:
    """One check: its number and key for ever, what it is called and proves, what it counts, and its findings' codes."""

    number: int
    key: str
    name: Said
    proves: Said
    unit: Said
    codes: tuple[str, ...]

    @property
    def remedy(self) -> Said:
        """What an auditor does about a finding of this check."""
        return REMEDIES.get(self.key, _EVENT)


CHECKS: Final = (
    Check(
        1, "files",
        Said("Berkas dan manifes", "Files and manifest"),
        Said(
            "Folder ini berisi tepat berkas yang dicatat manifesnya, byte demi byte, dan manifesnya sesuai sidik yang "
            "diberikan.",
            "The folder holds just the files that its manifest lists, byte for byte, and the manifest has the given "
            "digest.",
        ),
        Said("berkas", "files"),
        ("manifest", "digest", "path", "added-file", "file", "count", "place"),
    ),
    Check(
        2, "signatures",
        Said("Tanda tangan", "Signatures"),
        Said(
            "Setiap peristiwa yang harus ditandatangani memuat tanda tangan layanannya, dengan kunci yang diterbitkan "
            "dalam log ini; tidak ada yang disisipkan kemudian oleh pemegang basis data saja.",
            "Every event that must be signed carries its service's signature, by a key that was published in this log; "
            "nobody who holds only the database inserted one afterwards.",
        ),
        Said("tanda tangan", "signatures"),
        ("signature", "unknown-key"),
    ),
    Check(
        3, "checkpoint",
        Said("Tanda tangan titik periksa", "Checkpoint signature"),
        Said(
            "Titik periksa log ditandatangani dengan kunci log, yang berada terpisah dari layanan.",
            "The log's checkpoint is signed by the log's key, which lies apart from the services.",
        ),
        Said("tanda tangan", "signatures"),
        ("checkpoint",),
    ),
    Check(
        4, "root",
        Said("Akar pohon", "Tree root"),
        Said(
            "Akar RFC 6962 yang dihitung dari entri folder ini sama dengan akar pada titik periksa.",
            "The RFC 6962 root computed from this folder's entries is the one of the checkpoint.",
        ),
        Said("akar", "roots"),
        ("root", "tile"),
    ),
    Check(
        5, "leaves",
        Said("Setiap daun", "Every leaf"),
        Said(
            "Sampul setiap peristiwa di folder ini adalah entri log pada tempatnya.",
            "The envelope of every event in this folder is the log's entry at its place.",
        ),
        Said("daun", "leaves"),
        ("leaf",),
    ),
    Check(
        6, "no-entry-more",
        Said("Tidak ada entri lebih", "No entry more"),
        Said(
            "Log tidak memuat entri yang peristiwanya tidak ada di folder ini, juga tidak setelah ukuran titik "
            "periksa.",
            "The log holds no entry whose event is not in this folder, nor any after the checkpoint's size.",
        ),
        Said("entri", "entries"),
        ("entry",),
    ),
    Check(
        7, "chains",
        Said("Rantai dan versi tiap alur", "Chains and versions of every stream"),
        Said(
            "Setiap alur dimulai dari versi 1 tanpa celah, setiap peristiwa menyebut hash peristiwa sebelumnya, waktu "
            "tidak mundur, dan alur berakhir di tempat yang dicatat heads.jsonl.",
            "Every stream begins at version 1 and has no gap, every event names the hash of the one before, times "
            "never "
            "go back, and the stream ends where heads.jsonl says.",
        ),
        Said("alur", "streams"),
        ("version", "chain", "time", "order", "head", "missing-stream", "missing-events", "added-stream", "double-id"),
    ),
    Check(
        8, "schema",
        Said("Skema setiap peristiwa", "Schema of every event"),
        Said(
            "Byte setiap peristiwa kanonis, sampulnya lengkap, datanya sesuai hash dan model jenisnya, dan peristiwa "
            "itu "
            "berada di topik dan alurnya sendiri.",
            "The bytes of every event are canonical, its envelope is whole, its data fits its hash and its type's "
            "model, "
            "and it stands in its own topic and stream.",
        ),
        Said("peristiwa", "events"),
        ("line", "document", "source", "type", "data", "topic", "stream"),
    ),
    Check(
        9, "causes",
        Said("Sebab", "Causes"),
        Said(
            "Tidak ada akibat tanpa sebab: sebab dan dasar yang disebut peristiwa ada di sini, dan tercatat lebih "
            "dulu.",
            "No effect without its cause: what an event names as its cause or basis is here, and was recorded before.",
        ),
        Said("sebab dan kutipan", "causes and citations"),
        ("cause", "cited"),
    ),
    Check(
        10, "rankings",
        Said("Peringkat tersegel", "Sealed rankings"),
        Said(
            "Setiap peringkat tersegel dihitung ulang dari lembar nilai, komite, dan juknis yang menjadi dasarnya, "
            "oleh "
            "program kedua; setiap lembar nilai ditulis oleh yang berhak dan pada waktunya.",
            "Every sealed ranking is computed anew from the sheets, the committee and the rulebook it rests on, by a "
            "second program; every sheet was written by whom and when it could be.",
        ),
        Said("peringkat", "rankings"),
        ("seal", "sheet", "scoring"),
    ),
    Check(
        11, "decisions",
        Said("Suara dan kuorum", "Tallies and quorums"),
        Said(
            "Suara, kuorum, dan mayoritas setiap putusan pleno dihitung ulang dari kehadiran dan suara yang tercatat.",
            "Votes, quorum and majority of every plenary's decision are counted anew from the recorded attendance and "
            "votes.",
        ),
        Said("putusan", "decisions"),
        ("decision",),
    ),
    Check(
        12, "advances",
        Said("Kelanjutan yang diputuskan", "Advances justified"),
        Said(
            "Setiap StageAdvanced, dan segala yang hanya terjadi karena putusan, tercantum sebagai hasil suatu putusan "
            "dan sesuai jalannya nominasi.",
            "Every StageAdvanced, and all that happens by decisions only, is listed as a result of a decision, and "
            "fits "
            "the nomination's way.",
        ),
        Said("kelanjutan", "advances"),
        ("unjustified", "nomination"),
    ),
    Check(
        13, "refusals",
        Said("Penolakan", "Refusals"),
        Said(
            "Setiap perintah yang ditolak menyebut kode penolakan yang dikenal layanannya dan berada di alur pelakunya "
            "sendiri. Apakah aturan itu memang tidak terpenuhi tidak terlihat di log, karena nilai yang ditolak tidak "
            "disimpan.",
            "Every refused command names a code that its service knows, on its actor's own stream. Whether the rule "
            "indeed did not hold is not in the log, since refused values are not kept.",
        ),
        Said("penolakan", "refusals"),
        ("refusal",),
    ),
    Check(
        14, "notifications",
        Said("Pemberitahuan", "Notifications"),
        Said(
            "Setiap pemberitahuan disebabkan oleh peristiwa di log ini, atau oleh jam (ringkasan, pengingat), dan "
            "diselesaikan satu kali.",
            "Every notification was caused by an event of this log, or by the clock (digests, reminders), and was "
            "concluded once.",
        ),
        Said("pemberitahuan", "notifications"),
        ("notification",),
    ),
    Check(
        15, "measured",
        Said("Angka terukur", "Measured figures"),
        Said(
            "Setiap rasio terukur adalah pembilang dibagi penyebutnya menurut ukuran di juknis, segel mengambil "
            "pengukuran yang ada, dan dampak fakta kemudian dihitung ulang.",
            "Every measured ratio is its numerator over its denominator by the rulebook's measure, seals took the "
            "measurement that was there, and the impact of later facts is computed anew.",
        ),
        Said("pengukuran", "measurements"),
        ("indicator", "impact"),
    ),
    Check(
        16, "facts",
        Said("Fakta di balik angka", "Facts behind the figures"),
        Said(
            "Setiap kumpulan fakta sama dengan yang dicatat peristiwanya, dan setiap pengukuran dihitung ulang dari "
            "fakta tentang peserta itu.",
            "Every batch of facts is the one that its event told of, and every measurement is computed anew from the "
            "facts about the nominee.",
        ),
        Said("pengukuran", "measurements"),
        ("ledger", "figure"),
    ),
    Check(
        17, "keys",
        Said("Kunci", "Keys"),
        Said(
            "Kunci penanda tangan diterbitkan oleh layanannya sendiri dalam log ini, dan manifes mencantumkan kunci "
            "yang "
            "sama.",
            "The keys that sign were published by their own services in this log, and the manifest lists the same "
            "ones.",
        ),
        Said("kunci", "keys"),
        ("key",),
    ),
    Check(
        18, "procedure",
        Said("Tata cara", "Procedure"),
        Said(
            "Musim, juknis, komite, verifikasi, wawancara, sanggah, pengumuman, dan piagam mengikuti juknis, waktu, "
            "dan "
            "urutannya.",
            "Seasons, rulebooks, committees, verification, interviews, appeals, announcements and certificates follow "
            "the rulebook, their times and their order.",
        ),
        Said("langkah", "steps"),
        (
            "season", "rulebook", "committee", "verification", "interview", "appeal", "announcement", "certificate",
            "late",
        ),
    ),
    Check(
        19, "reports",
        Said("Kumpulan fakta, perbaikan, laporan", "Batches of facts, repairs, reports"),
        Said(
            "Hitungan setiap kumpulan fakta saling cocok, perbaikan disetujui orang kedua, dan laporan harian kepada "
            "penerbit memuat setiap kumpulan dan keberatan tepat satu kali.",
            "The counts of every batch of facts fit each other, a repair was agreed to by a second person, and daily "
            "reports to publishers tell of every batch and dispute once.",
        ),
        Said("peristiwa", "events"),
        ("ingest", "repair", "report"),
    ),
    Check(
        20, "rotations",
        Said("Pergantian kunci", "Changes of keys"),
        Said(
            "Setiap kunci setelah kunci pertama suatu layanan ditandatangani oleh kunci sebelumnya dan membuktikan "
            "dirinya sendiri, kunci yang diganti tidak lagi menandatangani, dan setiap kunci log setelah yang pertama "
            "disahkan oleh kunci log sebelumnya; pemegang basis data saja tidak dapat membawa kuncinya sendiri.",
            "Every key after a service's first is countersigned by the one before and proves itself, a key that was "
            "replaced signs no more, and every key of the log after its first is vouched for by the log's key before; "
            "nobody who holds only the database can bring in a key of their own.",
        ),
        Said("pergantian", "changes"),
        ("rotation", "retired-key", "succession"),
    ),
)  # fmt: skip

_ANEW: Final = Said(
    "Bandingkan sidik folder ini dengan yang Anda simpan, dan ambil ekspor baru dengan `audit export`. Bila ekspor "
    "baru bersih, salinan ini yang rusak atau diubah; bila tidak, penyimpanannya sendiri yang berubah: tanyakan kepada "
    "operator dengan menyebut tempat di bawah ini.",
    "Compare this folder's digest with the one you kept, and take a new export with `audit export`. If the new one is "
    "clean, this copy was damaged or changed; if it is not, the store itself was: ask the operators, naming the places "
    "below.",
)
_KEY: Final = Said(
    "Bandingkan id kunci dengan yang tercetak pada berita acara dan dengan `GET /v1/log/keys`. Kunci yang tidak "
    "dikenal berarti orang lain yang menandatangani: jangan percayai folder ini, dan laporkan.",
    "Compare the key's id with the one on printed minutes and with `GET /v1/log/keys`. A key that nobody knows means "
    "that somebody else signed: do not trust this folder, and report it.",
)
_SERVICE_KEY: Final = Said(
    "Tanyakan id kunci layanan itu kepada pengelola melalui jalan lain (berita acara, catatan pergantian kunci), lalu "
    "ulangi dengan --service-key LAYANAN:ID. Kunci yang tidak mereka kenal berarti orang lain yang menandatangani: "
    "jangan percayai folder ini, dan laporkan.",
    "Ask the operators for the id of the service's key on another way (minutes, their note of the change), and verify "
    "again with --service-key SERVICE:ID. A key that they do not know means that somebody else signed: do not trust "
    "this folder, and report it.",
)
_TREE: Final = Said(
    "Simpan folder ini sebagai bukti, ambil titik periksa dari saksi atau dari berita acara, dan ulangi dengan "
    "--checkpoint. Dua akar untuk satu ukuran berarti dua sejarah diceritakan: laporkan kepada pemegang kunci saksi.",
    "Keep this folder as evidence, take a checkpoint from a witness or from printed minutes, and verify again with "
    "--checkpoint. Two roots of one size mean that two histories were told: report it to those who hold the witnesses' "
    "keys.",
)
_EVENT: Final = Said(
    "Buka berkas pada baris yang disebut dan bandingkan peristiwanya dengan alurnya; bila tanda tangan dan pohon "
    "lolos, layanan sendiri yang mencatatnya begitu: mintalah penjelasan tertulis dari pemilik layanan.",
    "Open the file at the line that is named and compare the event with its stream. If signatures and tree passed, the "
    "service itself recorded it so: ask its owner to explain in writing.",
)
_COUNTED: Final = Said(
    "Jalankan `audit explain` untuk nominasi yang disebut dan `audit replay --decisions` untuk rapatnya, lalu ajukan "
    "kepada pleno: hasil yang tidak mengikuti catatan hanya dapat diperbaiki oleh putusan.",
    "Run `audit explain` for the nomination that is named and `audit replay --decisions` for its meeting, and bring it "
    "to the plenary: what does not follow from the record can only be put right by a decision.",
)
_FACTS: Final = Said(
    "Mintalah kepada pemilik buku besar fakta kumpulan yang disebut pada tempat di bawah ini, dan hitung ulang.",
    "Ask the owners of the ledger of facts for the batches that are named at the places below, and count again.",
)
REMEDIES: Final[Mapping[str, Said]] = {
    "files": _ANEW, "signatures": _SERVICE_KEY, "checkpoint": _KEY, "root": _TREE, "leaves": _TREE,
    "no-entry-more": _TREE,
    "chains": _ANEW, "schema": _EVENT, "causes": _EVENT, "rankings": _COUNTED, "decisions": _COUNTED,
    "advances": _COUNTED, "refusals": _EVENT, "notifications": _EVENT, "measured": _FACTS, "facts": _FACTS,
    "keys": _SERVICE_KEY, "procedure": _COUNTED, "reports": _FACTS, "rotations": _SERVICE_KEY,
}  # fmt: skip
"""What to do about a finding, by the key of its check."""

BY_CODE: Final[Mapping[str, Check]] = {code: check for check in CHECKS for code in check.codes}
"""Which check a finding belongs to, by its code."""

NO_CHECKPOINT: Final = Said("tidak ada titik periksa di folder ini", "no checkpoint in this folder")
NO_FACTS: Final = Said("tidak ada fakta di folder ini", "no facts in this folder")
NO_EVENT: Final = Said("tidak ada peristiwa yang terbaca", "no event could be read")
NO_MANIFEST: Final = Said("tidak ada manifes yang terbaca", "no manifest could be read")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a check ended: its state, how much it looked at, how many findings are its own, and why it was not done."""

    check: Check
    state: State
    looked_at: int
    found: int
    why: Said | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the outcome as JSON values; texts in English, as findings are."""
        told = {
            "number": self.check.number,
            "key": self.check.key,
            "name": self.check.name.en,
            "proves": self.check.proves.en,
            "state": self.state,
            "looked_at": self.looked_at,
            "unit": self.check.unit.en,
            "findings": self.found,
        }
        if self.state == "failed":
            told["remedy"] = self.check.remedy.en
        return told if self.why is None else {**told, "why": self.why.en}


def outcomes(looked_at: Mapping[str, int], found: Mapping[str, int], barred: Mapping[str, Said]) -> list[Outcome]:
    """Return how every check ended, in the order of their numbers.

    Args:
        looked_at: how much each check looked at, by its key; nothing where absent.
        found: how many findings there are, by code.
        barred: why a check could not be made, by its key.
    """
    return [_outcome(check, looked_at.get(check.key, 0), found, barred.get(check.key)) for check in CHECKS]


def _outcome(check: Check, looked_at: int, found: Mapping[str, int], why: Said | None) -> Outcome:
    own = sum(found.get(code, 0) for code in check.codes)
    if own:
        return Outcome(check, "failed", looked_at, own)
    if why is not None:
        return Outcome(check, "not-checkable", looked_at, 0, why)
    return Outcome(check, "passed" if looked_at else "not-applicable", looked_at, 0)
