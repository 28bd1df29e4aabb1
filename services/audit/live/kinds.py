"""What can be wrong, in words for the person who has to act: what it means, and what to do first.

Some of it passes by itself when its cause does, and such an alarm ends then. What was found once does not unhappen, so
its alarm stands until somebody answers for it by name, and is kept with what was said.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from kernel.decider import Text


class Kind(NamedTuple):
    """One kind of alarm. `stays` where it does not end by itself."""

    what: Text
    do: Text
    stays: bool = False


_GUIDE_EN: Final = "docs/operator.md, “When the audit raises an alarm”, has the steps."
_GUIDE_ID: Final = "Langkahnya ada di docs/operator.md, “When the audit raises an alarm”."


def _kind(what: tuple[str, str], do: tuple[str, str], *, stays: bool = False) -> Kind:
    return Kind(Text(*what), Text(f"{do[0]} {_GUIDE_EN}", f"{do[1]} {_GUIDE_ID}"), stays)


KINDS: Final[Mapping[str, Kind]] = {
    "gap": _kind(
        (
            "An event of a stream is missing in its topic; later ones wait for it.",
            "Sebuah peristiwa tidak ada di topiknya; yang sesudahnya menunggu.",
        ),
        (
            "Look whether the owning service publishes; if it does, the topic has lost a record.",
            "Periksa apakah layanan pemiliknya menerbitkan; jika ya, topik kehilangan sebuah rekaman.",
        ),
    ),
    "fork": _kind(
        (
            "A topic has two different events under one version of a stream; the one that came first is kept.",
            "Topik memuat dua peristiwa berbeda dengan satu versi; yang pertama datang disimpan.",
        ),
        (
            "Find out which of the two the service's own feed has, and who could write to the topic.",
            "Cari tahu mana yang ada di umpan layanan itu sendiri, dan siapa yang dapat menulis ke topik.",
        ),
        stays=True,
    ),
    "chain": _kind(
        (
            "An event does not name the hash of the one before it: the stream's chain is broken.",
            "Sebuah peristiwa tidak menyebut hash peristiwa sebelumnya: rantai alirannya putus.",
        ),
        (
            "Compare the event with the service's feed; where it lies in the topic it was set aside.",
            "Bandingkan dengan umpan layanan; rekaman di topik telah disisihkan.",
        ),
        stays=True,
    ),
    "stranger": _kind(
        (
            "A message in an event topic is no event of the topic's owner; it was set aside.",
            "Sebuah pesan di topik peristiwa bukan peristiwa pemilik topik; pesan itu disisihkan.",
        ),
        (
            "Find out who could write to the topic; nobody but its service should.",
            "Cari tahu siapa yang dapat menulis ke topik; hanya layanannya yang boleh.",
        ),
        stays=True,
    ),
    "late": _kind(
        (
            "A service has events that it has not published for more than a minute.",
            "Sebuah layanan memiliki peristiwa yang belum diterbitkan selama lebih dari satu menit.",
        ),
        (
            "Look at the service's relay and at the broker; nothing is lost while the service's database is there.",
            "Periksa relay layanan dan broker; tidak ada yang hilang selama basis data layanan masih ada.",
        ),
    ),
    "missing-in-topic": _kind(
        (
            "A service says that it published an event, and its topic does not have it.",
            "Layanan menyatakan telah menerbitkan sebuah peristiwa, tetapi topiknya tidak memuatnya.",
        ),
        (
            "Keep the broker's files; start the service anew, which publishes again what its topics lack.",
            "Simpan berkas broker; mulai ulang layanan, yang menerbitkan kembali apa yang hilang dari topiknya.",
        ),
    ),
    "missing-in-feed": _kind(
        (
            "A topic has an event that its service's own store does not have.",
            "Topik memuat peristiwa yang tidak ada di penyimpanan layanannya sendiri.",
        ),
        (
            "Somebody wrote to the topic, or took the event out of the database: compare both with a backup.",
            "Seseorang menulis ke topik, atau menghapus peristiwa dari basis data: bandingkan dengan cadangan.",
        ),
        stays=True,
    ),
    "differs": _kind(
        (
            "An event in a service's store is not the one that it published under this version.",
            "Peristiwa di penyimpanan layanan bukan yang diterbitkannya dengan versi ini.",
        ),
        (
            "The database or the topic was changed: keep both as they are, and compare them with a backup.",
            "Basis data atau topik telah diubah: simpan keduanya apa adanya, dan bandingkan dengan cadangan.",
        ),
        stays=True,
    ),
    "feed-away": _kind(
        (
            "A service's feed cannot be read, so its store is not compared with its topics.",
            "Umpan sebuah layanan tidak dapat dibaca, sehingga penyimpanannya tidak dibandingkan dengan topiknya.",
        ),
        (
            "See that the service and identity answer, and that the audit service has its secret.",
            "Pastikan layanan itu dan identity menjawab, dan layanan audit memiliki rahasianya.",
        ),
    ),
    "topic-begins": _kind(
        (
            "A topic that is kept for ever no longer begins at offset 0: records were removed.",
            "Topik yang harus disimpan selamanya tidak lagi dimulai dari offset 0: rekaman telah dihapus.",
        ),
        (
            "Set the topic's retention right and find out who removed them; the audit's store still has the events.",
            "Betulkan retensi topik dan cari tahu siapa yang menghapus; penyimpanan audit masih memuatnya.",
        ),
    ),
    "topic-gone": _kind(
        (
            "A topic of events does not exist any more.",
            "Sebuah topik peristiwa sudah tidak ada.",
        ),
        (
            "Provision it anew and start its service anew, which publishes all of it again.",
            "Buat kembali topik itu dan mulai ulang layanannya, yang menerbitkan semuanya kembali.",
        ),
    ),
    "tree-differs": _kind(
        (
            "The audit's tree and its stored events are not the same.",
            "Pohon audit dan peristiwa yang disimpannya tidak sama.",
        ),
        (
            "The audit's database was changed: keep it, and make another from the topics.",
            "Basis data audit telah diubah: simpan, dan buat yang baru dari topik.",
        ),
        stays=True,
    ),
    "log-stands": _kind(
        (
            "The audit's log stands still: its topic does not fit the tree or the events.",
            "Log audit berhenti: topiknya tidak sesuai dengan pohon atau peristiwanya.",
        ),
        (
            "Nothing is signed any more until a person has decided which of them is right.",
            "Tidak ada lagi yang ditandatangani sampai seseorang memutuskan mana yang benar.",
        ),
    ),
    "log-waits": _kind(
        (
            "The audit's log waits for an event that was sequenced and has not been received.",
            "Log audit menunggu peristiwa yang sudah diurutkan tetapi belum diterima.",
        ),
        (
            "See that the audit receives the topic of that stream.",
            "Pastikan audit menerima topik aliran itu.",
        ),
    ),
    "checkpoint-old": _kind(
        (
            "Events have waited for more than the promised minute to be under a signed checkpoint.",
            "Peristiwa telah menunggu lebih dari satu menit yang dijanjikan untuk masuk checkpoint.",
        ),
        (
            "See that the signer answers, and read why it does not sign in the log of the audit service.",
            "Pastikan penanda tangan menjawab, dan baca alasannya di catatan layanan audit.",
        ),
    ),
    "signer-away": _kind(
        (
            "The log's signer does not answer, or does not sign.",
            "Penanda tangan log tidak menjawab, atau tidak menandatangani.",
        ),
        (
            "Start it; what waits is signed when it is back. Events go on meanwhile.",
            "Jalankan kembali; yang menunggu ditandatangani setelah itu. Peristiwa tetap berjalan.",
        ),
    ),
    "witness-away": _kind(
        (
            "A witness of the log does not answer, or does not sign.",
            "Saksi log tidak menjawab, atau tidak menandatangani.",
        ),
        (
            "Tell those who run it; checkpoints are served without its line meanwhile.",
            "Beri tahu pengelolanya; sementara itu checkpoint disajikan tanpa barisnya.",
        ),
    ),
}
