"""Refusals about appeals: windows, who may appeal, verdicts, and stages that an appeal holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from services.nomination.domain.refusals.rule import Rule

RULES: Final[Mapping[str, Rule]] = {}
