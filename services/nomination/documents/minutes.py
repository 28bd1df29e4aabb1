"""The minutes of a plenary (berita acara), A4 upright; every page says which of how many it is, and of what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from io import BytesIO
from typing import Any, Final

from reportlab.lib.enums import TA_CENTER, TA_JUSTIFY
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    CondPageBreak,
    Flowable,
    Frame,
    HRFlowable,
    KeepTogether,
    PageTemplate,
    Spacer,
    Table,
    TableStyle,
)

from services.nomination.documents.paper import (
    BOLD,
    GREY,
    INK,
    ITALIC,
    LINE,
    MONO,
    NAVY,
    RED,
    REPLACED,
    ROMAN,
    SHADE,
    QrCode,
    is_whole,
    style,
    written,
)
from services.nomination.documents.sheets import (
    Attendant,
    Fact,
    ItemSheet,
    MinutesSheet,
    MotionSheet,
    Proof,
    RankLine,
    Signature,
    VoteLine,
)

WIDTH, HEIGHT = A4
SIDE, TOP, FOOT = 22 * mm, 19 * mm, 24 * mm
COLUMN: Final = WIDTH - 2 * SIDE
QR_SIDE: Final = 34 * mm

_HEADING = style(12.5, BOLD, alignment=TA_CENTER, textColor=NAVY)
_TITLE = style(16, BOLD, alignment=TA_CENTER, textColor=NAVY, spaceBefore=5, spaceAfter=2)
_CENTRED = style(10.5, alignment=TA_CENTER)
_TEXT = style(10.5, alignment=TA_JUSTIFY, leading=14)
_PLAIN = style(10.5, leading=13.5)
_POINT = style(10.5, leading=13.5, leftIndent=12)
_SECTION = style(11.5, BOLD, textColor=NAVY, spaceBefore=11, spaceAfter=4)
_ITEM = style(11, BOLD, spaceBefore=8, spaceAfter=3)
_MOTION = style(10.5, BOLD, spaceBefore=7, spaceAfter=2)
_CELL = style(9.2, leading=11)
_CELL_BOLD = style(9.2, BOLD, leading=11)
_HEAD_MIDDLE = style(9.2, BOLD, leading=11, alignment=TA_CENTER)
_CELL_MIDDLE = style(9.2, leading=11, alignment=TA_CENTER)
_SMALL = style(8.2, textColor=GREY, leading=10)
_CODE = style(7.6, MONO, leading=9.6)
_NOTE = style(9.5, ITALIC, textColor=GREY)
_DRAFT = style(10.5, BOLD, textColor=RED, alignment=TA_CENTER, spaceBefore=4, spaceAfter=4)
_NAME = style(10, BOLD, alignment=TA_CENTER, leading=12)
_OFFICE = style(10, alignment=TA_CENTER, leading=12)


def lay_out(sheet: MinutesSheet) -> bytes:
    """Return the minutes as PDF; the same bytes for the same sheet."""
    out = BytesIO()
    document = BaseDocTemplate(
        out,
        pagesize=A4,
        title=f"Berita Acara Sidang Pleno {sheet.number}",
        author=sheet.body,
        subject=f"{sheet.award}, {sheet.place}",
        lang="id",
        invariant=1,
        pageCompression=1,
    )
    frame = Frame(SIDE, FOOT, COLUMN, HEIGHT - TOP - FOOT, 0, 0, 0, 0)
    document.addPageTemplates([PageTemplate(frames=[frame])])
    document.build(list(_story(sheet)), canvasmaker=partial(_NumberedCanvas, sheet=sheet))
    return out.getvalue()


class _NumberedCanvas(Canvas):  # type: ignore[misc]  # reportlab ships no types
    """Holds its pages back until it knows how many they are."""

    def __init__(self, *args: Any, sheet: MinutesSheet, **given: Any) -> None:
        super().__init__(*args, **given)
        self._sheet = sheet
        self._held: list[dict[str, Any]] = []

    def showPage(self) -> None:  # noqa: N802 - reportlab's name
        self._held.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        for number, page in enumerate(self._held, start=1):
            self.__dict__.update(page)
            self._foot(number, len(self._held))
            super().showPage()
        super().save()

    def _foot(self, number: int, count: int) -> None:
        sheet = self._sheet
        if sheet.sample:
            self._watermark("DATA CONTOH")
        self.setStrokeColor(LINE)
        self.setLineWidth(0.6)
        self.line(SIDE, FOOT - 5 * mm, WIDTH - SIDE, FOOT - 5 * mm)
        self.setFillColor(GREY)
        self.setFont(ROMAN, 8)
        self.drawString(SIDE, FOOT - 9 * mm, f"Berita Acara Sidang Pleno {sheet.plenary}")
        self.drawString(SIDE, FOOT - 12.6 * mm, f"versi {sheet.proof.version}, hash {sheet.proof.hash[:16]}")
        self.drawRightString(WIDTH - SIDE, FOOT - 9 * mm, f"Halaman {number} dari {count}")
        self.setFillColor(INK)

    def _watermark(self, text: str) -> None:
        self.saveState()
        self.translate(WIDTH / 2, HEIGHT / 2)
        self.rotate(52)
        self.setFillColor(GREY, 0.1)
        self.setFont(BOLD, 84)
        self.drawCentredString(0, -25, text)
        self.restoreState()


# --- the text ------------------------------------------------------------------------------------------------------


def _story(sheet: MinutesSheet) -> Iterator[Flowable]:
    yield from _head(sheet)
    yield from _section("I. Kehadiran")
    yield _attendance(sheet.attendance)
    yield Spacer(0, 5)
    yield written(sheet.summary, _TEXT)
    yield from _section("II. Pembahasan dan keputusan")
    for number, item in enumerate(sheet.items, start=1):
        yield from _item(number, item)
    yield from _section("III. Ralat")
    if not sheet.corrigenda:
        yield written("Tidak ada ralat.", _PLAIN)
    for one in sheet.corrigenda:
        yield KeepTogether([written(f"Ralat {one.number}, {one.time}", _MOTION), written(one.text, _TEXT)])
    yield from _section("IV. Penutup")
    yield written(sheet.closing, _TEXT)
    if sheet.draft is None:
        yield from _signatures(sheet)
    yield CondPageBreak(75 * mm)
    yield from _section("V. Pemeriksaan")
    if not is_whole(sheet.texts()):
        yield written(f"{REPLACED}tulisan lengkapnya terdapat pada data yang dirujuk berita acara ini.", _TEXT)
        yield Spacer(0, 4)
    yield from _proof(sheet.proof)


def _head(sheet: MinutesSheet) -> Iterator[Flowable]:
    yield written(sheet.body.upper(), _HEADING)
    yield written(sheet.place.upper(), _HEADING)
    yield written(sheet.award, _CENTRED)
    yield HRFlowable(width="100%", thickness=1.6, color=NAVY, spaceBefore=5, spaceAfter=1.2)
    yield HRFlowable(width="100%", thickness=0.6, color=NAVY, spaceBefore=0, spaceAfter=8)
    yield written("BERITA ACARA SIDANG PLENO", _TITLE)
    yield written(f"Nomor: {sheet.number}", _CENTRED)
    if sheet.draft is not None:
        yield written(sheet.draft, _DRAFT)
    yield Spacer(0, 9)
    yield written(sheet.opening, _TEXT)
    yield Spacer(0, 5)
    yield _facts(sheet.facts)


def _section(title: str) -> Iterator[Flowable]:
    yield CondPageBreak(28 * mm)
    yield written(title, _SECTION)


def _facts(facts: Iterable[Fact]) -> Table:
    """Return labels and texts beside each other, without lines."""
    rows = [[written(fact.label, _PLAIN), written(":", _PLAIN), written(fact.text, _PLAIN)] for fact in facts]
    look = [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ("RIGHTPADDING", (0, 0), (-1, -1), 2),
        ("TOPPADDING", (0, 0), (-1, -1), 0.6),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 0.6),
    ]
    return Table(rows, colWidths=[36 * mm, 4 * mm, COLUMN - 40 * mm], style=TableStyle(look))


_RULED: Final = (
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ("LINEBELOW", (0, 0), (-1, -1), 0.4, LINE),
    ("BOX", (0, 0), (-1, -1), 0.6, LINE),
    ("BACKGROUND", (0, 0), (-1, 0), SHADE),
    ("LEFTPADDING", (0, 0), (-1, -1), 4),
    ("RIGHTPADDING", (0, 0), (-1, -1), 4),
    ("TOPPADDING", (0, 0), (-1, -1), 2),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
)


def _table(
    heads: Sequence[str], rows: Iterable[Sequence[Flowable]], widths: Sequence[float], middle: Sequence[str] = ()
) -> Table:
    """Return a ruled table whose head is repeated on every page; widths are shares of the column.

    `middle` are the heads of columns whose cells stand in the middle.
    """
    head = [written(text, _HEAD_MIDDLE if text in middle else _CELL_BOLD) for text in heads]
    body = [head, *(list(row) for row in rows)]
    return Table(
        body, colWidths=[share * COLUMN for share in widths], repeatRows=1, splitInRow=1, style=TableStyle(_RULED)
    )


def _attendance(attendance: Iterable[Attendant]) -> Table:
    rows = (
        (
            written(str(number), _CELL_MIDDLE),
            written(one.office, _CELL),
            written(one.name or "\u2013", _CELL),
            written(one.mode, _CELL),
            written(one.movements, _CELL),
        )
        for number, one in enumerate(attendance, start=1)
    )
    heads, widths = ("No.", "Jabatan", "Nama", "Cara", "Keterangan"), (0.06, 0.27, 0.27, 0.14, 0.26)
    return _table(heads, rows, widths, middle=("No.",))


def _item(number: int, item: ItemSheet) -> Iterator[Flowable]:
    yield CondPageBreak(30 * mm)
    yield written(f"{number}. {item.title}", _ITEM)
    if not item.tabled:
        yield written("Tidak ada peringkat tersegel yang diajukan ke sidang.", _NOTE)
    for tabling in item.tabled:
        text = f"Peringkat tersegel {tabling.seal} diajukan pada {tabling.time}, dengan digest:"
        yield KeepTogether([written(text, _PLAIN), written(tabling.digest, _CODE), Spacer(0, 3)])
    if item.ranking:
        yield _ranking(item.ranking)
    for sentence in item.notes:
        yield Spacer(0, 3)
        yield written(sentence, _PLAIN)
    if not item.motions:
        yield Spacer(0, 3)
        yield written("Tidak ada usul keputusan.", _NOTE)
    for motion in item.motions:
        yield from _motion(motion)


def _ranking(ranking: Iterable[RankLine]) -> Table:
    rows = (
        (
            written(line.rank, _CELL_MIDDLE),
            written(line.candidate, _CELL),
            written(line.total, _CELL_MIDDLE),
            written(line.note, _CELL),
        )
        for line in ranking
    )
    heads, widths = ("Peringkat", "Calon", "Nilai", "Catatan"), (0.12, 0.42, 0.12, 0.34)
    return _table(heads, rows, widths, middle=("Peringkat", "Nilai"))


def _motion(motion: MotionSheet) -> Iterator[Flowable]:
    yield CondPageBreak(32 * mm)
    yield written(motion.title, _MOTION)
    yield written(motion.question, _PLAIN)
    for point in motion.points:
        yield written(point, _POINT)
    if motion.votes:
        yield Spacer(0, 4)
        yield _votes(motion.votes)
    yield Spacer(0, 4)
    outcome = style(10.5, BOLD, textColor=RED if motion.carried is False else NAVY, spaceBefore=3)
    result = [_facts(motion.facts)] if motion.facts else []
    yield KeepTogether([*result, written(f"Keputusan: {motion.outcome}", outcome)])
    if motion.followed:
        first, *rest = (written(f"\u2022 {sentence}", _POINT) for sentence in motion.followed)
        yield KeepTogether([Spacer(0, 2), written("Dengan keputusan ini:", _PLAIN), first])
        yield from rest
    if motion.ranking:
        yield CondPageBreak(24 * mm)
        yield Spacer(0, 4)
        yield written("Peringkat menurut keputusan ini:", _PLAIN)
        yield Spacer(0, 2)
        yield _ranking(motion.ranking)


def _votes(votes: Iterable[VoteLine]) -> Table:
    rows = ((written(one.office, _CELL), written(one.name, _CELL), written(one.vote, _CELL)) for one in votes)
    return _table(("Jabatan", "Nama", "Suara"), rows, (0.38, 0.37, 0.25))


# --- signatures and proof ------------------------------------------------------------------------------------------


def _signatures(sheet: MinutesSheet) -> Iterator[Flowable]:
    yield Spacer(0, 8)
    yield from _signed_in_pairs(sheet.heads)
    if sheet.members:
        yield CondPageBreak(40 * mm)
        yield Spacer(0, 6)
        yield written("Anggota yang hadir", _MOTION)
        yield from _signed_in_pairs(sheet.members)


def _signed_in_pairs(signatures: Sequence[Signature]) -> Iterator[Flowable]:
    """Yield rows of two signatures each, none of which is torn by the end of a page."""
    look = TableStyle(
        [
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("ALIGN", (0, 0), (-1, -1), "CENTER"),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 13),
        ]
    )
    for first in range(0, len(signatures), 2):
        pair = [_signed(one) for one in signatures[first : first + 2]]
        if len(pair) == 1:
            pair.append([])
        yield KeepTogether([Table([pair], colWidths=[COLUMN / 2] * 2, style=look)])


def _signed(signature: Signature) -> list[Flowable]:
    line = HRFlowable(width="78%", thickness=0.6, color=INK, spaceBefore=0, spaceAfter=1)
    return [
        written(signature.office, _OFFICE),
        Spacer(0, 15 * mm),
        line,
        written(signature.name or "(tidak ada pejabat)", _NAME if signature.name else _OFFICE),
    ]


def _proof(proof: Proof) -> Iterator[Flowable]:
    """Yield what everybody can check the printed minutes against."""
    yield written(
        "Berita acara ini disusun dari log peristiwa. Cocokkan nilai di bawah ini dengan ekspor audit untuk memastikan "
        "bahwa isinya tidak berubah.",
        _TEXT,
    )
    yield Spacer(0, 5)
    rows = [
        *_proven("Aliran peristiwa", f"{proof.stream}, versi {proof.version}"),
        *_proven("Hash peristiwa terakhir (SHA-256)", proof.hash),
        *(line for seal in proof.seals for line in _proven(f"Digest peringkat: {seal.label}", seal.text)),
        *(line for key in proof.keys for line in _proven("Sidik jari kunci penanda tangan (SHA-256)", grouped(key))),
    ]
    look = TableStyle(
        [
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LEFTPADDING", (0, 0), (-1, -1), 0),
            ("RIGHTPADDING", (0, 0), (-1, -1), 4),
        ]
    )
    # One list in one cell could not be parted by the end of a page: the code stands beside the first values only.
    beside, below = rows[:8], rows[8:]
    yield Table([[beside, QrCode(proof.qr, QR_SIDE)]], colWidths=[COLUMN - QR_SIDE, QR_SIDE], style=look)
    yield from below


def _proven(label: str, value: str) -> list[Flowable]:
    return [written(label, _SMALL), written(value, style(7.6, MONO, leading=9.6, spaceAfter=5))]


def grouped(digest: str) -> str:
    """Return hex digits in groups of four, as people compare them."""
    return " ".join(digest[first : first + 4] for first in range(0, len(digest), 4))
