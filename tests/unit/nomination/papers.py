"""Sheets to be printed: what an ordinary certificate says, and the minutes of a meeting that had much to decide."""

from __future__ import annotations

from typing import Any, Final

import pypdfium2
from PIL import Image

from services.nomination.documents.sheets import (
    Attendant,
    CertificateSheet,
    Corrigendum,
    Fact,
    ItemSheet,
    MinutesSheet,
    MotionSheet,
    Proof,
    RankLine,
    Signature,
    Tabling,
    VoteLine,
)

LONG: Final = ("Perkumpulan Pekerja Rentan & Nelayan <b>Teluk Tomini</b> Désa Bilungala " * 5)[:255]
OFFICES: Final = (
    ("Sekretaris Daerah Provinsi", "Drs. H. Darda Daraba, M.Si."),
    ("Kepala Kantor BPJS Ketenagakerjaan", "Hendra Elvian"),
    ("Asisten Bidang Pemerintahan dan Kesra", "Sukril Gobel"),
    ("Kepala Dinas Tenaga Kerja", "Wardoyo Pongoliu"),
    ("Kepala Dinas Koperasi dan UKM", "Risjon Kujiman Sunge"),
    ("Kepala BPS Provinsi", "Mukhamad Mukhanif"),
    ("Ketua Apindo", "Rahmad Ambo Ciłek"),
    ("Ketua SPSI", "1f0c2d3e (data dihapus)"),
    ("Anggota kesembilan", LONG[:120]),
)
DIGEST: Final = "3d5f0c8b1a2e4796b8c0d1e2f3a4958677f1e2d3c4b5a69788796a5b4c3d2e1f"
HASH: Final = "9c1185a5c5e9fc54612808977ee8f548b2258d31aa5ee4f1cb3d6b6d1f0c1a2b"
KEY: Final = "b7e23ec29af22b0b4e41da31e868d57226121c84b9b1a9b6f2a5b1e0c3d4f5a6"
NOMINEES: Final = (*(f"Kabupaten Contoh {number}" for number in range(1, 13)), "Kota Gorontalo", LONG)


def certificate(**also: Any) -> CertificateSheet:
    """Return a winner's certificate."""
    said: dict[str, Any] = {
        "award": "Paritrana Award 2020-2021",
        "title": "Piagam Pemenang",
        "number": "001/PIAGAM-PEMENANG/KABKOTA/PA-2020",
        "prize": "Bonus dan satu unit mobil",
        "candidate": "Kabupaten Bone Bolango",
        "honoured_as": "Pemenang Peringkat 1",
        "category": "Pemerintah Kabupaten/Kota",
        "level": "Tingkat Nasional",
        "place_and_date": "30 Juni 2021",
        "body": "Dewan Juri",
        "office": "Ketua dewan juri",
        "signer": "Prof. Dr. Siti Nurbaya Łęcka, M.Si.",
        "check_url": "https://paritrana.example.go.id/v1/public/certificates/01979a3b-7a52-7c3e-9d0b-5a3f1c2d4e6f",
    }
    return CertificateSheet(**{**said, **also})


def _votes(*votes: str) -> tuple[VoteLine, ...]:
    return tuple(
        VoteLine(office=office, name=name, vote=vote) for (office, name), vote in zip(OFFICES, votes, strict=True)
    )


def _counts(tally: str) -> tuple[Fact, ...]:
    return (
        Fact(label="Kuorum", text="hadir dan berhak 8 dari 9 kursi; diperlukan 6; tidak ikut serta 1"),
        Fact(label="Hasil suara", text=tally),
        Fact(label="Mayoritas", text="lebih dari 1/2 dari anggota yang hadir dan berhak memberikan suara"),
        Fact(label="Diputuskan", text="Selasa, 2 Maret 2021, pukul 11.12 WITA, juknis versi 1"),
    )


def minutes(**also: Any) -> MinutesSheet:
    """Return the minutes of nine members on fourteen nominees, with five motions and two corrigenda."""
    everybody = _votes(*["Setuju"] * 6, "Tidak setuju", "Abstain", "Tidak ikut serta (benturan kepentingan)")
    ranking = tuple(
        RankLine(
            rank=str(rank),
            candidate=name,
            total=f"{95 - rank},{rank:02}",
            note="seri diurai menurut nilai aspek Kinerja: 43/50" if rank == 2 else "",
        )
        for rank, name in enumerate(NOMINEES[:13], start=1)
    )
    left = RankLine(
        rank="\u2013", candidate=NOMINEES[13], total="\u2013", note="tidak diperingkat: lembar penilaian kurang"
    )
    motions = (
        MotionSheet(
            title="Usul keputusan 1",
            question="Menerima usulan terlambat atas nama Kota Gorontalo.",
            votes=everybody,
            facts=_counts("setuju 6, tidak setuju 1, abstain 1"),
            outcome="DISETUJUI",
            carried=True,
            followed=("Kota Gorontalo diterima sebagai peserta.",),
        ),
        MotionSheet(
            title="Usul keputusan 2",
            question="Mengurai seri pada peringkat 4 melalui pemungutan suara, dengan urutan:",
            points=("1. Kabupaten Contoh 5", "2. Kabupaten Contoh 4"),
            facts=(
                Fact(label="Cara", text="Pemungutan suara tertulis dan rahasia"),
                Fact(label="Penghitungan", text="setuju 3, tidak setuju 5, abstain 0; tidak sah 1"),
                Fact(
                    label="Disahkan oleh",
                    text=f"{OFFICES[1][1]} ({OFFICES[1][0]}), {OFFICES[2][1]} ({OFFICES[2][0]})",
                ),
                *_counts("setuju 3, tidak setuju 5, abstain 0"),
            ),
            outcome="TIDAK DISETUJUI",
            carried=False,
        ),
        MotionSheet(
            title="Usul keputusan 3",
            question="Mengusulkan agar, menurut urutan peringkat, yang berikut maju ke tahap Verifikasi dan validasi:",
            points=(
                *(f"{place}. {name}" for place, name in enumerate(NOMINEES[:4], start=1)),
                f"Tidak melanjutkan: {', '.join(NOMINEES[4:])}",
            ),
            votes=everybody,
            facts=_counts("setuju 6, tidak setuju 1, abstain 1"),
            outcome="DISETUJUI",
            carried=True,
            followed=tuple(
                f"{name} (peringkat {rank}) maju ke tahap Verifikasi dan validasi."
                for rank, name in enumerate(NOMINEES[:4], start=1)
            )
            + tuple(f"{name} tidak melanjutkan (di bawah kuota)." for name in NOMINEES[4:]),
        ),
    )
    items = (
        ItemSheet(
            title="Pemerintah Kabupaten/Kota, tahap Seleksi tingkat provinsi",
            tabled=(
                Tabling(
                    time="Selasa, 2 Maret 2021, pukul 10.05 WITA",
                    seal="0197a1b2-0000-7000-8000-000000000001",
                    digest=DIGEST,
                ),
            ),
            ranking=(*ranking, left),
            motions=motions,
        ),
        ItemSheet(
            title="Perusahaan Besar, tahap Seleksi tingkat provinsi",
            motions=(
                MotionSheet(
                    title="Usul keputusan 4",
                    question="Memutuskan sanggah nomor 1 atas nama Kabupaten Contoh 7: dikabulkan.",
                    points=("Nilai baru aspek Kinerja: 87,5; 88",),
                    votes=everybody,
                    outcome="BELUM DIPUTUSKAN",
                ),
            ),
        ),
        ItemSheet(title="Usaha Mikro dan Kecil, tahap Seleksi tingkat provinsi"),
    )
    said: dict[str, Any] = {
        "award": "Paritrana Award 2020-2021",
        "body": "Panitia Provinsi (Panitia 9)",
        "place": "Provinsi Gorontalo",
        "plenary": "0197a1b2-1c2d-7e3f-8a4b-5c6d7e8f9a0b",
        "number": "BA-5C6D7E8F9A0B",
        "opening": "Pada hari Selasa, tanggal 2 Maret 2021, pukul 10.00 WITA, dijadwalkan sidang pleno Panitia "
        "Provinsi (Panitia 9), Provinsi Gorontalo, dalam rangka Paritrana Award 2020-2021. Jalannya sidang, "
        "sebagaimana tercatat dalam log peristiwa, adalah sebagai berikut.",
        "facts": (
            Fact(label="Dasar pembentukan", text="Keputusan Gubernur Gorontalo Nomor 12/2021"),
            Fact(label="Dijadwalkan", text="Selasa, 2 Maret 2021, pukul 10.00 WITA"),
            Fact(label="Ditutup", text="Selasa, 2 Maret 2021, pukul 12.40 WITA"),
            Fact(label="Agenda", text="; ".join(item.title for item in items)),
        ),
        "attendance": tuple(
            Attendant(
                office=office,
                name=None if index == 7 else name,
                mode={3: "Daring", 7: "\u2013"}.get(index, "Hadir langsung"),
                movements="kursi kosong" if index == 7 else "hadir 09.58 WITA; keluar 11.20 WITA; hadir 11.31 WITA",
            )
            for index, (office, name) in enumerate(OFFICES)
        ),
        "summary": "Jumlah kursi 9, terisi 8, kosong 1; 8 anggota tercatat hadir.",
        "items": items,
        "corrigenda": (
            Corrigendum(number=1, time="Rabu, 3 Maret 2021, pukul 08.00 WITA", text="Nama pada butir 5 diperbaiki."),
            Corrigendum(number=2, time="Kamis, 4 Maret 2021, pukul 08.00 WITA", text="Teks ralat (data dihapus)"),
        ),
        "closing": "Sidang ditutup pada Selasa, 2 Maret 2021, pukul 12.40 WITA. Demikian berita acara ini dibuat "
        "dengan sebenarnya untuk dipergunakan sebagaimana mestinya.",
        "heads": (
            Signature(office="Sekretaris Daerah Provinsi", name=OFFICES[0][1]),
            Signature(office="Sekretaris panitia (tanpa suara)", name=None),
        ),
        "members": tuple(Signature(office=office, name=name) for office, name in (*OFFICES[1:7], OFFICES[8])),
        "proof": Proof(
            stream="plenary/0197a1b2-1c2d-7e3f-8a4b-5c6d7e8f9a0b",
            version=42,
            hash=HASH,
            seals=(Fact(label="Pemerintah Kabupaten/Kota, tahap Seleksi tingkat provinsi", text=DIGEST),),
            keys=(KEY,),
            qr=f"https://paritrana.example.go.id/v1/plenaries/0197a1b2-1c2d-7e3f-8a4b-5c6d7e8f9a0b/minutes.pdf#42.{HASH}",
        ),
    }  # fmt: skip
    return MinutesSheet(**{**said, **also})


def pictures(pdf: bytes, scale: float = 2.0) -> list[Image.Image]:
    """Return the pages of a PDF as pictures, `scale` pixels to the point."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        return [page.render(scale=scale).to_pil().convert("L") for page in document]
    finally:
        document.close()
