"""A name is what it looks like: nothing in it is hidden, reversed or empty to the eye."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from schemas.envelope import CleanName, clean_name

NAME = TypeAdapter(CleanName)


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
