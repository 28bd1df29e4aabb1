"""The terminal for tables and colours: what comes from data is made harmless before rich adds its own escapes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from cli.output import visible


class SafeConsole(Console):
    """A rich console whose texts hold no control and no bidirectional character but the ends of lines."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Make a string a text as rich does, made visible first: a cell is measured by what will be shown."""
        return super().render_str(_lines(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render as rich does, with every text made visible that was no string."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(_lines(segment.text), segment.style)


def _lines(text: str) -> str:
    return "\n".join(visible(line) for line in text.split("\n"))
