"""Specs of the words that people read: one term for one thing, in refusals and in the checklist of a plenary."""

from __future__ import annotations

import re

import pytest

from services.nomination.domain.checklist import CONFLICTS, NEXT
from services.nomination.domain.refusals import RULES

SAID = {
    **{code: f"{rule.why.id} {rule.remedy.id}" for code, rule in RULES.items()},
    **{f"next: {code}": indonesian for code, (_, indonesian) in NEXT.items()},
    **{f"conflict: {counts}": indonesian for counts, (_, indonesian) in CONFLICTS.items()},
}
"""Every Indonesian sentence, by where it stands."""


@pytest.mark.parametrize(
    ("other", "term"),
    [
        ("sanggahan", "sanggah, and masa sanggah"),
        ("kandidat", "calon"),
        ("jendela", "masa pengusulan, or jadwal"),
    ],
)
def test_one_thing_has_one_word(other: str, term: str):
    found = {where: said for where, said in SAID.items() if re.search(rf"\b{other}", said, re.IGNORECASE)}
    assert not found, f"say {term}"
