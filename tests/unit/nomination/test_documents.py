"""Specs of printed documents: what is on them, that they stay whole, and that the same sheet gives the same bytes."""

from __future__ import annotations

import re
import unicodedata
from io import BytesIO
from typing import Any

import pytest
from pypdf import PdfReader
from reportlab.lib.units import mm

from services.nomination.documents import certificate as piagam
from services.nomination.documents import minutes as berita_acara
from services.nomination.documents.paper import REPLACEMENT, QrCode, marked, matrix_of
from services.nomination.documents.render import NotRendered, Renderer
from tests.unit.nomination.papers import DIGEST, HASH, KEY, LONG, NOMINEES, OFFICES, certificate, minutes, pictures

SCALE = 4.0
WHITE = 250


def text_of(pdf: bytes) -> list[str]:
    """Return the text of each page, its spaces made one."""
    return [re.sub(r"\s+", " ", page.extract_text()) for page in PdfReader(BytesIO(pdf)).pages]


def shows_qr(pixels: bytes, width: int, matrix: tuple[bytes, ...], left: float, top: float, side: float) -> bool:
    """Tell whether grey pixels show a QR code at this place: every module is sampled in its middle."""
    module = side / (len(matrix) + 2 * QrCode.BORDER)
    for row, line in enumerate(matrix):
        y = int(top + (QrCode.BORDER + row + 0.5) * module)
        for column, dark in enumerate(line):
            x = int(left + (QrCode.BORDER + column + 0.5) * module)
            if (pixels[y * width + x] < 128) != bool(dark):
                return False
    return True


# --- certificates --------------------------------------------------------------------------------------------------


def test_a_certificate_says_who_is_honoured_as_what():
    sheet = certificate()
    (text,) = text_of(piagam.lay_out(sheet))
    for said in (
        "PIAGAM PEMENANG", sheet.award, f"Nomor: {sheet.number}", "diberikan kepada", sheet.candidate, "sebagai",
        sheet.honoured_as, f"Kategori {sheet.category} \u2013 Hadiah: {sheet.prize}", sheet.level, sheet.place_and_date,
        sheet.body, sheet.office,
    ):  # fmt: skip
        assert said in text
    assert sheet.check_url in text.replace(" ", "")
    assert "CONTOH" not in text
    assert "DICABUT" not in text


def test_its_qr_code_is_the_address_where_it_is_checked():
    sheet = certificate()
    (picture,) = pictures(piagam.lay_out(sheet), SCALE)
    left, bottom = piagam.QR_AT
    side = piagam.QR_SIDE * SCALE
    top = picture.height - bottom * SCALE - side
    pixels, width = picture.tobytes(), picture.width
    assert shows_qr(pixels, width, matrix_of(sheet.check_url), left * SCALE, top, side)
    assert not shows_qr(pixels, width, matrix_of(f"{sheet.check_url[:-1]}0"), left * SCALE, top, side)


@pytest.mark.parametrize("name", [LONG, "W" * 255, "i" * 255, "Ñ" * 255, "Č" * 255, "漢" * 255, "</para>&amp;<b>" * 17])
def test_no_name_breaks_the_frame(name):
    sheet = certificate(candidate=name, office=name, signer=name, number=f"001/{'X' * 200}", category=name, body=name)
    (picture,) = pictures(piagam.lay_out(sheet))
    edge = int(9 * mm * 2) - 4
    inner = picture.copy()
    inner.paste(255, (edge, edge, picture.width - edge, picture.height - edge))
    assert inner.getextrema()[0] > WHITE  # type: ignore[operator]
    # Between the two frames is nothing but the frames' own corners.
    band = picture.crop((int(10.5 * mm * 2), int(30 * mm * 2), int(12.5 * mm * 2), int(180 * mm * 2)))
    assert band.getextrema()[0] > WHITE  # type: ignore[operator]


def test_nobodys_markup_is_interpreted():
    (text,) = text_of(piagam.lay_out(certificate(candidate="PT <b>Maju</b> & <font size=90>Jaya</font> &lt;")))
    assert "PT <b>Maju</b> & <font size=90>Jaya</font> &lt;" in text


@pytest.mark.parametrize("name", ["Désa Ñusa Tenggara", "Ciłek Šahabat", "Ma\u2019ruf", "Bu\u00e9 \u20ac"])
def test_names_are_written_as_they_are(name):
    (text,) = text_of(piagam.lay_out(certificate(candidate=name)))
    assert name in text


@pytest.mark.parametrize(
    "name",
    [
        "Ṭāhā Ma\u02bcruf",
        "Nguyễn Thị Hằng",
        "Ćwikła Ğül Þórður",
        "Ἀθηνᾶ Παπαδοπούλου",
        "Щербаков Їжак",
        "G\u0303uarani\u0303",
    ],
)
def test_every_latin_letter_greek_and_cyrillic_is_written_as_it_is(name):
    (text,) = text_of(piagam.lay_out(certificate(candidate=name, signer=name, body=name)))
    assert unicodedata.normalize("NFC", text).count(unicodedata.normalize("NFC", name)) == 3
    assert REPLACEMENT not in text
    closing = " ".join(text_of(berita_acara.lay_out(minutes(closing=name))))
    assert unicodedata.normalize("NFC", name) in unicodedata.normalize("NFC", closing)


def test_what_the_font_has_only_apart_is_written_apart_and_the_rest_as_a_box():
    assert marked("ﬃ G\u0303 \u6f22 \u0639\U0001f600\n<") == f"ffi G\u0303 {REPLACEMENT} {REPLACEMENT * 2} &lt;"


def test_a_document_with_a_box_says_what_it_stands_for_and_no_other_does():
    for whole in (certificate(), certificate(candidate="Ṭāhā")):
        assert REPLACEMENT not in text_of(piagam.lay_out(whole))[0]
    (text,) = text_of(piagam.lay_out(certificate(candidate="\u6f22 Jaya")))
    assert f"Tanda {REPLACEMENT} menggantikan huruf" in text
    assert "nama resminya tercantum pada alamat itu" in text
    assert "menggantikan huruf" not in " ".join(text_of(berita_acara.lay_out(minutes())))
    assert "menggantikan huruf" in " ".join(text_of(berita_acara.lay_out(minutes(closing="\u6f22"))))


def test_the_font_lies_in_the_document_and_nothing_is_set_in_one_that_is_not_there():
    for pdf in (piagam.lay_out(certificate()), berita_acara.lay_out(minutes())):
        for page in PdfReader(BytesIO(pdf)).pages:
            resources: Any = page["/Resources"]
            fonts = [font.get_object() for font in resources["/Font"].values()]
            embedded = {str(font["/BaseFont"]) for font in fonts if "/FontFile2" in font.get("/FontDescriptor", {})}
            used = {str(font["/BaseFont"]) for font in fonts}
            assert {name.rpartition("+")[2] for name in embedded} <= {
                "LiberationSerif", "LiberationSerif-Bold", "LiberationSerif-Italic"
            }  # fmt: skip
            assert used - embedded <= {"/Courier", "/Helvetica"}


def test_who_signs_stands_below_the_line_above_the_office():
    (text,) = text_of(piagam.lay_out(certificate(signer="Dr. Rahmat Gobel", office="Ketua Panitia 9")))
    assert "Dr. Rahmat Gobel Ketua Panitia 9" in text
    (without,) = text_of(piagam.lay_out(certificate(signer=None, office="Ketua Panitia 9")))
    assert "Ketua Panitia 9" in without


def test_a_sample_says_so():
    (text,) = text_of(piagam.lay_out(certificate(sample=True)))
    assert text.count("DATA CONTOH") == 2


def test_a_revoked_one_says_so():
    (text,) = text_of(piagam.lay_out(certificate(sample=True, revoked="2 Juli 2021")))
    assert "DICABUT TANGGAL 2 JULI 2021" in text


# --- minutes -------------------------------------------------------------------------------------------------------


def test_the_minutes_hold_names_votes_tallies_digest_and_fingerprint():
    pages = text_of(berita_acara.lay_out(minutes()))
    text = " ".join(pages)
    for said in (
        "BERITA ACARA SIDANG PLENO", "Nomor: BA-5C6D7E8F9A0B", "Keputusan Gubernur Gorontalo Nomor 12/2021",
        "hadir 09.58 WITA", "kursi kosong", "Daring", "setuju 6, tidak setuju 1, abstain 1", "Keputusan: DISETUJUI",
        "Keputusan: TIDAK DISETUJUI", "lebih dari 1/2 dari anggota yang hadir", "tidak sah 1", "(data dihapus)",
        "benturan kepentingan", "Ralat 2", "versi 42", DIGEST, HASH, "(tidak ada pejabat)",
    ):  # fmt: skip
        assert said in text, said
    for office, name in OFFICES[:7]:
        assert office in text
        assert name in text
    for name in NOMINEES[:13]:
        assert name in text
    assert KEY in text.replace(" ", "")


def test_every_page_says_which_of_how_many_it_is_and_of_what():
    sheet = minutes()
    pages = text_of(berita_acara.lay_out(sheet))
    assert len(pages) >= 4
    for number, page in enumerate(pages, start=1):
        assert f"Halaman {number} dari {len(pages)}" in page
        assert sheet.plenary in page
        assert HASH[:16] in page


def test_their_qr_code_names_the_version_and_hash():
    sheet = minutes()
    picture = pictures(berita_acara.lay_out(sheet), SCALE)[-1]
    left = (berita_acara.SIDE + berita_acara.COLUMN - berita_acara.QR_SIDE) * SCALE
    side = berita_acara.QR_SIDE * SCALE
    matrix, pixels, width = matrix_of(sheet.proof.qr), picture.tobytes(), picture.width
    assert any(shows_qr(pixels, width, matrix, left, top, side) for top in range(int(picture.height - side)))


@pytest.mark.parametrize("name", [LONG, "W" * 255, "Č" * 255, "漢" * 255])
def test_no_name_breaks_the_margins(name):
    votes = [{"office": name, "name": name, "vote": "Setuju"}]
    ranking = [{"rank": "1", "candidate": name, "total": "100,00", "note": name}] * 20
    motion = {"title": name, "question": name, "points": [name], "votes": votes, "outcome": "X", "followed": [name] * 9}
    sheet = minutes(
        body=name, place=name, award=name, opening=name, closing=name, summary=name,
        facts=[{"label": name, "text": name}], heads=[{"office": name, "name": name}],
        attendance=[{"office": name, "name": name, "mode": "Daring", "movements": name}] * 9,
        items=[{"title": name, "ranking": ranking, "motions": [motion]}],
        corrigenda=[{"number": 1, "time": "kemarin", "text": name * 8}],
    )  # fmt: skip
    for picture in pictures(berita_acara.lay_out(sheet), 1.0):
        margin = int(berita_acara.SIDE) - 3
        inner = picture.copy()
        inner.paste(255, (margin, 0, picture.width - margin, picture.height))
        assert inner.getextrema()[0] > WHITE  # type: ignore[operator]


def test_a_meeting_that_goes_on_is_marked_and_so_is_a_sample():
    pages = text_of(berita_acara.lay_out(minutes(draft="Sidang belum ditutup.", sample=True)))
    assert "Sidang belum ditutup." in pages[0]
    assert "Anggota yang hadir" not in " ".join(pages), "a draft is not to be signed"
    assert all("DATA CONTOH" in page for page in pages)


# --- in a process of their own -------------------------------------------------------------------------------------


async def test_the_same_sheet_gives_the_same_bytes_in_every_process():
    renderer = Renderer()
    assert await renderer.certificate(certificate()) == piagam.lay_out(certificate())
    assert await renderer.minutes(minutes()) == berita_acara.lay_out(minutes())


async def test_a_document_that_takes_too_long_is_not_made():
    with pytest.raises(NotRendered, match="within"):
        await Renderer(seconds=0.01).certificate(certificate())


async def test_a_sheet_that_is_too_large_is_not_made():
    with pytest.raises(NotRendered, match="bytes"):
        await Renderer().minutes(minutes(closing="x" * 5_000_000))


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
async def test_a_document_whose_process_fails_is_not_made():
    broken = minutes().model_copy(update={"items": "not a list"})
    with pytest.raises(NotRendered, match="ended with 1"):
        await Renderer().minutes(broken)
