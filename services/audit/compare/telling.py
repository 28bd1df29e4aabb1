"""A counterfactual as lines, each marked, so that none can be quoted as if it had been."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from services.audit.compare.counterfactual import MARK
from services.audit.explain.telling import figure_text, where
from services.audit.replay.telling import counted_lines, stage_text

Json = Mapping[str, Any]


def comparison_lines(said: Json) -> Iterator[str]:
    """Say what would have been beside what was; every line begins with the mark."""
    for line in _lines(said):
        yield f"{MARK} {line}".rstrip()


def _lines(said: Json) -> Iterator[str]:
    supposed = said["supposed"]
    yield "this was neither sealed nor decided; it is written nowhere and says nothing official"
    if supposed["rulebook"] is not None:
        yield f"supposed: the rulebook with the hash {supposed['rulebook']['hash']} in {supposed['rulebook']['season']}"
    for member in supposed["without"]:
        yield f"supposed: no sheet of {member} counts"
    if supposed["late"]:
        yield "supposed: what was measured after the seals had been measured before them"
    yield from counted_lines(said["counted"])
    if not said["groups"]:
        yield "no ranking is sealed there"
    for one in said["groups"]:
        yield ""
        yield from _group_lines(one)


def _group_lines(one: Json) -> Iterator[str]:
    was, would = one["was"], one["would"]
    yield f"RANKING {stage_text(one['at'])} [{where(one['seal'])}]"
    if would is None:
        yield f"  nothing can be supposed: {one['why_not']}"
        return
    if was["verdicts_after"]:
        yield f"  verdicts came after this seal, and are not repeated here: {', '.join(was['verdicts_after'])}"
    for nomination in would["entered"]:
        yield f"  {nomination} would have come to this stage, where nobody marked it"
    for nomination in would["stayed_out"]:
        yield f"  {nomination} would not have come to this stage"
    if was["quota"] != would["quota"]:
        yield f"  quota: was {was['quota']}, would be {would['quota']}"
    if not one["differences"]:
        yield "  nothing would differ"
    for each in one["differences"]:
        yield f"  {each['nomination']}: was {_side(each['was'])}, {each['seat_was']}"
        yield f"    would be {_side(each['would'])}, {each['seat_would']}"


def _side(row: Json | None) -> str:
    if row is None:
        return "not there"
    if "place" in row:
        return f"place {row['place']} with {row['shown']} = {figure_text(row['total'])}"
    return f"unrankable ({' '.join(str(value) for value in row.values())})"
