"""Every refusal of the nomination service: its stable code, what it says and how to go on, in both languages.

A refusal is data, so that each can be listed, translated and tested one by one. Sentences may name values in braces;
`refuse` fills them in. A thing that does not exist (404) is no attempt at anything and is not recorded.

Inside the domain a rule that does not hold raises `Refused`, and `decides` turns it into the decision's answer, so a
decision reads as the list of its rules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Final, ParamSpec, TypeVar

from kernel.decider import FieldFault, Refusal, Text
from services.nomination.domain.refusals import appeals, awards, committees, nominations, persons, plenaries, seasons
from services.nomination.domain.refusals.rule import NOT_FOUND, Rule

P = ParamSpec("P")
R = TypeVar("R")


class Refused(Exception):
    """A rule does not hold; never leaves the domain."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


def decides(function: Callable[P, R]) -> Callable[P, R | Refusal]:
    """Return the function with its refusals as answers."""

    @wraps(function)
    def decided(*args: P.args, **kwargs: P.kwargs) -> R | Refusal:
        try:
            return function(*args, **kwargs)
        except Refused as refused:
            return refused.refusal

    return decided


def refuse(rule_code: str, path: str, value: object = None, **words: object) -> Refused:
    """Return the refusal of a rule about the command's field `path`, its sentences filled with `words` and `value`."""
    rule = RULES[rule_code]
    filled = {"value": value, **words}
    fault = FieldFault(path, None if value is None else str(value), _fill(rule.remedy, filled))
    recorded = rule.status != NOT_FOUND
    return Refused(Refusal(rule_code, _fill(rule.why, filled), rule.status, (fault,), recorded=recorded))


def _fill(text: Text, words: Mapping[str, object]) -> Text:
    return Text(en=text.en.format_map(words), id=text.id.format_map(words))


RULES: Final[Mapping[str, Rule]] = {
    **seasons.RULES,
    **committees.RULES,
    **persons.RULES,
    **nominations.RULES,
    **plenaries.RULES,
    **appeals.RULES,
    **awards.RULES,
}
