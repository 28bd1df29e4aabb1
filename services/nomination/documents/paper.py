"""What both documents are made of: fonts, colours, texts that are never markup, a QR code, canvases without a clock.

Texts are set in Liberation Serif, which is as wide as Times and has every Latin letter with its marks, Greek and
Cyrillic. Its letters go into the document, so that it looks the same for every reader, now and in an archive; the font
lies beside this module with its licence (SIL OFL 1.1). For a letter of another script stands an empty box, and the
document says what that is: one that cannot be made helps nobody, and the exact name stands where it points to.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import escape

import segno
from reportlab.lib.colors import HexColor
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Flowable, Paragraph

ROMAN: Final = "Liberation-Serif"
BOLD: Final = "Liberation-Serif-Bold"
ITALIC: Final = "Liberation-Serif-Italic"
MONO: Final = "Courier"
"""For digests, which have no letters but a to f."""
_FONTS: Final = Path(__file__).with_name("fonts")
for _name, _file in ((ROMAN, "Regular"), (BOLD, "Bold"), (ITALIC, "Italic")):
    pdfmetrics.registerFont(TTFont(_name, _FONTS / f"LiberationSerif-{_file}.ttf"))
_LETTERS: Final = frozenset.intersection(
    *(frozenset(map(chr, pdfmetrics.getFont(name).face.charToGlyph)) for name in (ROMAN, BOLD, ITALIC))
)
REPLACEMENT: Final = "\u25a1"
REPLACED: Final = f"Tanda {REPLACEMENT} menggantikan huruf yang tidak tersedia pada fon dokumen ini; "
"""How a document begins to say what the box stands for."""

INK: Final = HexColor("#1b2733")
NAVY: Final = HexColor("#12355b")
GOLD: Final = HexColor("#a9812f")
GREY: Final = HexColor("#6b7480")
LINE: Final = HexColor("#b9c0c8")
SHADE: Final = HexColor("#eef1f4")
RED: Final = HexColor("#a3262a")


def printable(text: str) -> str:
    """Return a text as it can be written: composed where the font has the letter so, else with its marks apart."""
    return "".join(_written(character) for character in unicodedata.normalize("NFC", text))


def _written(character: str) -> str:
    if character.isspace():
        return " "
    if character in _LETTERS:
        return character
    apart = unicodedata.normalize("NFKD", character)
    return apart if _LETTERS.issuperset(apart) else REPLACEMENT


def is_whole(texts: Iterable[str]) -> bool:
    """Tell whether every letter of some texts can be written."""
    return not any(REPLACEMENT in printable(text) for text in texts)


def marked(text: str) -> str:
    """Return a text as a paragraph's markup: nothing of it is interpreted."""
    return escape(printable(text))


def style(size: float, font: str = ROMAN, **more: Any) -> ParagraphStyle:
    """Return a paragraph's style; lines are a fifth higher than the letters, and long words break where they must."""
    given = {"leading": size * 1.22, "textColor": INK, "splitLongWords": 1, **more}
    return ParagraphStyle("paper", fontName=font, fontSize=size, **given)


def written(text: str, look: ParagraphStyle) -> Paragraph:
    """Return a text as a paragraph."""
    return Paragraph(marked(text), look)


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
