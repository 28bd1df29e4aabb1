"""What both documents are made of: fonts, colours, texts that are never markup, a QR code, canvases without a clock.

Texts are set in Times, one of the fourteen fonts that every reader of PDF has. What Times cannot write is set in Vera,
which comes with reportlab; what neither can is written with its plain letter, since a document that cannot be made
helps nobody: the exact name stands in the record that the document cites.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any, Final
from xml.sax.saxutils import escape

import segno
from reportlab.lib.colors import HexColor
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Flowable, Paragraph

ROMAN: Final = "Times-Roman"
BOLD: Final = "Times-Bold"
ITALIC: Final = "Times-Italic"
MONO: Final = "Courier"
_VERA: Final = {False: "Vera", True: "VeraBd"}
for _name in _VERA.values():
    pdfmetrics.registerFont(TTFont(_name, f"{_name}.ttf"))
_IN_VERA: Final = frozenset(map(chr, pdfmetrics.getFont("Vera").face.charToGlyph))
# Apostrophes that people type in names, as the one that the fonts have.
_SAME: Final = {
    "\u02bc": "\u2019",
    "\u02bb": "\u2018",
    "\u02b9": "\u2019",
    "\u2032": "\u2019",
    "\u2010": "-",
    "\u2011": "-",
}

INK: Final = HexColor("#1b2733")
NAVY: Final = HexColor("#12355b")
GOLD: Final = HexColor("#a9812f")
GREY: Final = HexColor("#6b7480")
LINE: Final = HexColor("#b9c0c8")
SHADE: Final = HexColor("#eef1f4")
RED: Final = HexColor("#a3262a")


def _in_times(character: str) -> bool:
    try:
        character.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return True


def _writable(text: str) -> Iterator[str]:
    """Yield each character as one of the fonts can write it."""
    for character in unicodedata.normalize("NFC", text):
        same = _SAME.get(character, character)
        if _in_times(same) or same in _IN_VERA:
            yield same
        else:
            plain = "".join(each for each in unicodedata.normalize("NFKD", same) if _in_times(each))
            yield plain or "?"


def marked(text: str, *, bold: bool = False) -> str:
    """Return a text as a paragraph's markup: nothing of it is interpreted, and one font has all of its characters."""
    letters = "".join(_writable(text))
    if all(_in_times(letter) for letter in letters):
        return escape(letters)
    return f'<font face="{_VERA[bold]}">{escape(letters)}</font>'


def style(size: float, font: str = ROMAN, **more: Any) -> ParagraphStyle:
    """Return a paragraph's style; lines are a fifth higher than the letters, and long words break where they must."""
    given = {"leading": size * 1.22, "textColor": INK, "splitLongWords": 1, **more}
    return ParagraphStyle("paper", fontName=font, fontSize=size, **given)


def written(text: str, look: ParagraphStyle) -> Paragraph:
    """Return a text as a paragraph."""
    return Paragraph(marked(text, bold=look.fontName == BOLD), look)


class QrCode(Flowable):  # type: ignore[misc]  # reportlab ships no types
    """A QR code of a text, with the four empty modules around it that readers need."""

    BORDER: Final = 4

    def __init__(self, text: str, side: float) -> None:
        """Draw `text`, `side` points wide and high, border included."""
        super().__init__()
        self.matrix = matrix_of(text)
        self.width = self.height = side

    def draw(self) -> None:
        """Draw the dark modules; those in a row are one piece, so that no hair line parts them."""
        module = self.width / (len(self.matrix) + 2 * self.BORDER)
        self.canv.setFillColorRGB(1, 1, 1)
        self.canv.rect(0, 0, self.width, self.height, stroke=0, fill=1)
        self.canv.setFillColorRGB(0, 0, 0)
        for row, line in enumerate(self.matrix):
            y = self.height - (self.BORDER + row + 1) * module
            for first, last in _dark(line):
                self.canv.rect((self.BORDER + first) * module, y, (last - first) * module, module, stroke=0, fill=1)


def matrix_of(text: str) -> tuple[bytes, ...]:
    """Return the modules of a text's QR code, row by row, 1 for dark."""
    return tuple(bytes(row) for row in segno.make(text, error="m", micro=False).matrix)


def _dark(line: bytes) -> Iterable[tuple[int, int]]:
    at = 0
    for dark, run in groupby(line):
        length = len(list(run))
        if dark:
            yield at, at + length
        at += length
