"""What the program prints from data shows itself and does nothing: lines, JSON, tables, and errors."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table

from cli.console import SafeConsole
from cli.output import end_with_error, show, show_progress, visible, visible_all

ESCAPE = "a\x1b]0;title\x9cb"
SHOWN = "a\ufffd]0;title\ufffdb"


@given(st.text())
def test_a_visible_text_is_as_long_and_visible_again(text: str) -> None:
    assert len(visible(text)) == len(text)
    assert visible(visible(text)) == visible(text)


@pytest.mark.parametrize("text", ["Kabupaten Bone Bolango", "Kota Padang — 1 = ½", "Ōsaka · 東京", "é e\u0301"])
def test_what_can_be_read_stays(text: str) -> None:
    assert visible(text) == text


def test_lines_and_progress_are_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    show({}, [ESCAPE, "two\nlines"], as_json=False)
    show_progress(ESCAPE, as_json=False)
    assert capsys.readouterr().out == f"{SHOWN}\ntwo\ufffdlines\n{SHOWN}\n"


def test_an_error_is_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        end_with_error(ValueError(ESCAPE), 2)
    assert capsys.readouterr().err == f"paritrana: {SHOWN}\n"


@given(st.text())
def test_json_keeps_the_value_and_is_harmless(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", written := io.StringIO())
        show({"name": text}, (), as_json=True)
        show_progress("p", as_json=True, name=text)
    document, last = written.getvalue().rstrip("\n").rsplit("\n", 1)
    assert json.loads(document)["name"] == json.loads(last)["name"] == text
    assert all(visible(line) == line for line in written.getvalue().split("\n"))


def test_a_lone_surrogate_in_json_is_replaced(capsys: pytest.CaptureFixture[str]) -> None:
    show({"name": json.loads('"a\\ud800"'), "kept": [1, None]}, (), as_json=True)
    assert json.loads(capsys.readouterr().out) == {"name": "a\ufffd", "kept": [1, None]}


def test_every_text_of_a_value_is_made_visible() -> None:
    assert visible_all({"a\r": ["b\n", 1, None, {"c": "d\u202e"}]}) == {
        "a\ufffd": ["b\ufffd", 1, None, {"c": "d\ufffd"}]
    }


def test_a_table_keeps_its_own_colours_and_no_other_escape() -> None:
    table = Table("name")
    table.add_row(ESCAPE)
    written = io.StringIO()
    console = SafeConsole(file=written, force_terminal=True, width=80, color_system="standard", highlight=False)
    console.print(table, f"[red]{ESCAPE}[/]")
    assert written.getvalue().count(SHOWN) == 2
    assert "\x1b]" not in written.getvalue()
    assert f"\x1b[31m{SHOWN}\x1b[0m" in written.getvalue()
