"""The answer of a comparison as plain JSON. It is returned and nothing else: nothing of it is written anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from services.audit.compare.counterfactual import MARK, counterfactual
from services.audit.compare.supposed import Supposed, members_left_out, rules_in
from services.audit.replay.past import whole
from services.audit.replay.reading import Folder
from services.audit.replay.state import Shown


def compared(folder: Folder, shown: Shown, *, rulebook: Path | None, without: list[str], late: bool) -> dict[str, Any]:
    """Return every sealed ranking as it was and as it would have been. Raises NotSupposable and Damaged."""
    past = whole(folder)
    season, rules = (None, None) if rulebook is None else rules_in(rulebook, past.record)
    with folder.sound():
        supposed = Supposed(rules, season, members_left_out(without, past.record), late)
        return {
            "mark": MARK,
            "official": False,
            "supposed": supposed.as_json(),
            "counted": past.counted_json(),
            "groups": counterfactual(past.record, supposed, shown),
        }
