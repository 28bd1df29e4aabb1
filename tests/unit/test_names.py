"""A name is what it looks like: nothing in it is hidden, reversed or empty to the eye."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from schemas.envelope import CleanName, WrittenName, begins_a_formula, clean_name, clean_text

NAME = TypeAdapter(CleanName)
WRITTEN = TypeAdapter(WrittenName)


@pytest.mark.parametrize(
    "name",
    [
        "PT Contoh Sejahtera, Tbk.",
        "Kabupaten Bone Bolango",
        "O'Brien & Søn (Persero)",
        "3M",
        "東京電力",
        "H. M. Ya'qub",
    ],
)
def test_a_plain_name_stays_as_it_is(name: str) -> None:
    assert NAME.validate_python(name) == name


@pytest.mark.parametrize(
    "code",
    [0x200B, 0x200D, 0x202E, 0x2028, 0x2029, 0x85, 0xAD, 0xFEFF, 0x3164, 0x115F, 0x1160, 0xFFA0, 0x2800, 0x180B,
     0xFE0F, 0xE0100, 0xE000, 0xFFFF, 0xE0041],
    ids=hex,
)  # fmt: skip
def test_a_character_that_nobody_sees_is_refused_by_its_number(code: int) -> None:
    for name in (f"PT A{chr(code)}B", chr(code), f"A{chr(code)}"):
        with pytest.raises(ValidationError, match=rf"U\+{code:04X}"):
            NAME.validate_python(name)


def test_half_a_surrogate_pair_is_no_name() -> None:
    with pytest.raises(ValueError, match="U\\+D800"):
        clean_name("A\ud800")


@pytest.mark.parametrize("name", [" A", "A ", "\u00a0A", "A\u3000"])
def test_blanks_around_a_name_are_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="white space"):
        NAME.validate_python(name)


@pytest.mark.parametrize("name", ["-", "…", "( )", "\u0301"])
def test_a_name_has_a_letter_or_digit(name: str) -> None:
    with pytest.raises(ValidationError, match="letter or digit"):
        NAME.validate_python(name)


def test_the_published_pattern_stays() -> None:
    assert NAME.json_schema() == {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[^\x00-\x1f\x7f]+$"}


FORMULAS = (
    '=HYPERLINK("http://example.org")',
    "=A1",
    "\t=A1",
    "@SUM(A1)",
    "-1+1",
    "+62",
    "+A1",
    "-$B$2*3",
    "+cmd|' /C calc'!A0",
    "-2+Data!A1",
    "+1+cmd|'x'!A",
)


@pytest.mark.parametrize("text", FORMULAS)
def test_what_a_spreadsheet_computes_is_no_name(text: str) -> None:
    assert begins_a_formula(text)
    if text.strip() == text:
        with pytest.raises(ValidationError, match="formula"):
            WRITTEN.validate_python(text)


@pytest.mark.parametrize(
    "name", ["@Home", "+62 Kopi (Ambon)", "-Toko Maju-", "+Plus! Mart", "PT A=B", "A (1+1)", "212 Mart", "@212 Mart"]
)
def test_an_honest_name_that_begins_with_a_sign_stays(name: str) -> None:
    assert WRITTEN.validate_python(name) == name


def test_what_an_event_holds_is_not_asked_again_whether_it_computes() -> None:
    assert NAME.validate_python("=A1") == "=A1"


@given(st.text(alphabet="+-@1A$(!|. ", max_size=255))
def test_a_row_of_signs_is_judged_at_once(text: str) -> None:
    begins_a_formula(f"+1{text}x x")


@pytest.mark.parametrize("code", [0x202E, 0x2066, 0x200B, 0xFEFF, 0x1B, 0x85], ids=hex)
def test_a_text_that_others_read_hides_and_turns_nothing(code: int) -> None:
    with pytest.raises(ValueError, match=rf"U\+{code:04X}"):
        clean_text(f"Nilai {chr(code)}79 seharusnya 97.")


def test_a_text_may_have_lines_and_tabs() -> None:
    text = "Nilai 97 tertulis 79.\r\n\n- dua\tkali: \u201csalah tulis\u201d \u2013 mohon dibetulkan"
    assert clean_text(text) == text
