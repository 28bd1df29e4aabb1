"""The certificate (piagam) on one page, A4 across."""

from __future__ import annotations

from io import BytesIO
from typing import Final

from reportlab.lib.enums import TA_CENTER
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph

from services.nomination.documents.paper import (
    BOLD,
    GOLD,
    GREY,
    INK,
    ITALIC,
    NAVY,
    RED,
    REPLACED,
    ROMAN,
    QrCode,
    is_whole,
    printable,
    style,
    written,
)
from services.nomination.documents.sheets import CertificateSheet

WIDTH, HEIGHT = landscape(A4)
QR_SIDE: Final = 30 * mm
QR_AT: Final = (21 * mm, 25 * mm)
"""Where the QR code's lower left corner lies, from that of the page."""
_MIDDLE: Final = WIDTH / 2
_COLUMN: Final = 222 * mm


def lay_out(sheet: CertificateSheet) -> bytes:
    """Return the certificate as PDF; the same bytes for the same sheet."""
    out = BytesIO()
    canvas = Canvas(out, pagesize=(WIDTH, HEIGHT), invariant=1, pageCompression=1, lang="id")
    canvas.setTitle(f"Piagam {sheet.number}")
    canvas.setSubject(f"{sheet.candidate}: {sheet.honoured_as}")
    canvas.setAuthor(sheet.body)
    _frame(canvas)
    if sheet.revoked is not None:
        _watermark(canvas, "DICABUT", RED, 0.16)
    elif sheet.sample:
        _watermark(canvas, "DATA CONTOH", GREY, 0.15)
    _words(canvas, sheet)
    _check(canvas, sheet)
    _signature(canvas, sheet)
    canvas.showPage()
    canvas.save()
    return out.getvalue()


def _frame(canvas: Canvas) -> None:
    """Draw two frames, the inner one with hollow corners."""
    canvas.setStrokeColor(NAVY)
    canvas.setLineWidth(2.6)
    canvas.rect(9 * mm, 9 * mm, WIDTH - 18 * mm, HEIGHT - 18 * mm)
    canvas.setStrokeColor(GOLD)
    canvas.setLineWidth(1.1)
    left, low, right, high, hollow = 13 * mm, 13 * mm, WIDTH - 13 * mm, HEIGHT - 13 * mm, 8 * mm
    path = canvas.beginPath()
    path.moveTo(left + hollow, low)
    path.lineTo(right - hollow, low)
    path.arcTo(right - hollow, low - hollow, right + hollow, low + hollow, 180, -90)
    path.lineTo(right, high - hollow)
    path.arcTo(right - hollow, high - hollow, right + hollow, high + hollow, 270, -90)
    path.lineTo(left + hollow, high)
    path.arcTo(left - hollow, high - hollow, left + hollow, high + hollow, 0, -90)
    path.lineTo(left, low + hollow)
    path.arcTo(left - hollow, low - hollow, left + hollow, low + hollow, 90, -90)
    canvas.drawPath(path)
    canvas.setFillColor(GOLD)
    for x in (left + 2.2 * mm, right - 2.2 * mm):
        for y in (low + 2.2 * mm, high - 2.2 * mm):
            canvas.circle(x, y, 1.1 * mm, stroke=0, fill=1)


def _watermark(canvas: Canvas, text: str, colour: object, alpha: float) -> None:
    canvas.saveState()
    canvas.translate(_MIDDLE, HEIGHT / 2)
    canvas.rotate(24)
    canvas.setFillColor(colour, alpha)
    canvas.setFont(BOLD, 92)
    canvas.drawCentredString(0, -28, text)
    canvas.restoreState()


def _words(canvas: Canvas, sheet: CertificateSheet) -> None:
    """Set who is honoured for what, down the middle."""
    _spaced(canvas, sheet.body.upper(), HEIGHT - 31 * mm, 12.5, BOLD, 1.2)
    canvas.setFillColor(NAVY)
    _spaced(canvas, sheet.title.upper(), HEIGHT - 48 * mm, 34, BOLD, 3.4)
    _rule(canvas, HEIGHT - 53.5 * mm)
    _centred(canvas, sheet.award, HEIGHT - 56 * mm, 12 * mm, 17, ROMAN)
    _centred(canvas, f"Nomor: {sheet.number}", HEIGHT - 66 * mm, 8 * mm, 11, ROMAN)
    _centred(canvas, "diberikan kepada", HEIGHT - 76 * mm, 8 * mm, 13.5, ITALIC)
    _centred(canvas, sheet.candidate, HEIGHT - 84 * mm, 27 * mm, 30, BOLD, NAVY)
    _centred(canvas, "sebagai", HEIGHT - 111 * mm, 7 * mm, 13.5, ITALIC)
    _centred(canvas, sheet.honoured_as, HEIGHT - 118.5 * mm, 13 * mm, 21, BOLD)
    category = f"Kategori {sheet.category}" + (f" \u2013 Hadiah: {sheet.prize}" if sheet.prize else "")
    _centred(canvas, category, HEIGHT - 131 * mm, 10 * mm, 14, ROMAN)
    _centred(canvas, sheet.level, HEIGHT - 139 * mm, 9 * mm, 12.5, ROMAN)


def _rule(canvas: Canvas, y: float) -> None:
    canvas.setStrokeColor(GOLD)
    canvas.setLineWidth(0.9)
    canvas.line(_MIDDLE - 46 * mm, y, _MIDDLE - 3 * mm, y)
    canvas.line(_MIDDLE + 3 * mm, y, _MIDDLE + 46 * mm, y)
    canvas.saveState()
    canvas.translate(_MIDDLE, y)
    canvas.rotate(45)
    canvas.setFillColor(GOLD)
    canvas.rect(-1.1 * mm, -1.1 * mm, 2.2 * mm, 2.2 * mm, stroke=0, fill=1)
    canvas.restoreState()


def _spaced(canvas: Canvas, text: str, y: float, size: float, font: str, space: float) -> None:
    """Set a line with space between its letters, smaller where it would not fit."""
    text = printable(text)
    spaced = fitting(text, _COLUMN, 1.6 * size, size, font, GREY if space < 2 else NAVY)
    if spaced.style.fontSize < size:
        spaced.drawOn(canvas, _MIDDLE - _COLUMN / 2, y - 0.3 * spaced.style.fontSize)
        return
    width = canvas.stringWidth(text, font, size) + space * (len(text) - 1)
    canvas.saveState()  # the space between letters would stay for all that is written later
    canvas.setFillColor(GREY if space < 2 else NAVY)
    line = canvas.beginText(_MIDDLE - width / 2, y)
    line.setFont(font, size)
    line.setCharSpace(space)
    line.textOut(text)
    canvas.drawText(line)
    canvas.restoreState()


def _centred(
    canvas: Canvas, text: str, top: float, height: float, size: float, font: str, colour: object = INK
) -> None:
    """Set a text in the middle of a box that begins at `top`, smaller where it would not fit."""
    paragraph = fitting(text, _COLUMN, height, size, font, colour)
    paragraph.drawOn(canvas, _MIDDLE - _COLUMN / 2, top - (height + paragraph.height) / 2)


def fitting(text: str, width: float, height: float, size: float, font: str, colour: object = INK) -> Paragraph:
    """Return a text as a centred paragraph, as large as it can be up to `size` within a width and height."""
    while True:
        paragraph = written(text, _look(size, font, colour))
        _, needed = paragraph.wrap(width, height)
        if needed <= height or size <= 5:
            return paragraph
        size -= 0.5


def _look(size: float, font: str, colour: object) -> ParagraphStyle:
    return style(size, font, alignment=TA_CENTER, textColor=colour, leading=size * 1.15)


def _check(canvas: Canvas, sheet: CertificateSheet) -> None:
    """Draw the QR code, and beside it the same address in letters."""
    x, y = QR_AT
    QrCode(sheet.check_url, QR_SIDE).drawOn(canvas, x, y)
    said = "Keaslian piagam ini dapat diperiksa dengan memindai kode QR atau membuka alamat di bawah ini."
    if not is_whole(sheet.texts()):
        said += f" {REPLACED}nama resminya tercantum pada alamat itu."
    note = written(said, style(8))
    address = written(sheet.check_url, style(7.2, textColor=GREY))
    width = 126 * mm
    _, high = address.wrap(width, 40 * mm)
    _, higher = note.wrap(width, 40 * mm)
    base = y + QR_SIDE / 2 - (high + higher) / 2
    address.drawOn(canvas, x + QR_SIDE + 2 * mm, base)
    note.drawOn(canvas, x + QR_SIDE + 2 * mm, base + high + 1.5)
    if sheet.revoked is not None:
        _label(canvas, f"DICABUT TANGGAL {sheet.revoked.upper()}", RED)
    elif sheet.sample:
        _label(canvas, "DATA CONTOH", GREY)


def _label(canvas: Canvas, text: str, colour: object) -> None:
    canvas.setFillColor(colour)
    canvas.setFont(BOLD, 9.5)
    canvas.drawRightString(WIDTH - 22 * mm, HEIGHT - 22 * mm, text)


def _signature(canvas: Canvas, sheet: CertificateSheet) -> None:
    """Leave room for a signature below place, date and body, above the name and the office of who signs."""
    width, middle = 84 * mm, WIDTH - 66 * mm
    named = sheet.signer is not None
    below = [(sheet.office, 22.2 * mm if named else 28 * mm, 7 * mm, ROMAN if named else BOLD, 11.0 if named else 12.0)]
    if sheet.signer is not None:
        below.insert(0, (sheet.signer, 28 * mm, 6 * mm, BOLD, 12.0))
    for text, top, height, font, size in (
        (sheet.place_and_date, 60 * mm, 5.5 * mm, ROMAN, 12.0),
        (sheet.body, 54.5 * mm, 8.5 * mm, ROMAN, 12.0),
        *below,
    ):
        paragraph = fitting(text, width, height, size, font)
        paragraph.drawOn(canvas, middle - width / 2, top - paragraph.height)
    canvas.setStrokeColor(INK)
    canvas.setLineWidth(0.7)
    canvas.line(middle - 36 * mm, 29 * mm, middle + 36 * mm, 29 * mm)
