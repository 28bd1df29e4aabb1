"""How much each check looked at, told from how many events of each type were read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from services.audit.record import (
    APPEAL,
    AWARD,
    CAUSED,
    COMMITTEE,
    DISPUTE,
    INDICATOR,
    INGEST,
    REPAIR,
    REPORT,
    SEASON,
    TERM,
    WAY,
)

_SUBJECTS: Final[Mapping[str, tuple[str, ...]]] = {
    "advances": CAUSED,
    "refusals": ("CommandRefused",),
    "notifications": ("NotificationDelivered", "NotificationFailed"),
    "measured": (*INDICATOR, "CorrectionImpactFound"),
    "facts": INDICATOR,
    "procedure": (*SEASON, *TERM, *COMMITTEE, *WAY, *AWARD, *APPEAL, "InterviewScheduled"),
    "reports": (*INGEST, *REPAIR, *REPORT, *DISPUTE),
}


def looked_at(types: Mapping[str, int]) -> dict[str, int]:
    """Return how many events each check is about, by its key, from the counts by type."""
    names: Counter[str] = Counter()
    for type_name, count in types.items():
        names[type_name.rpartition(".v")[0].rpartition(".")[2]] += count
    return {key: sum(names[name] for name in set(subjects)) for key, subjects in _SUBJECTS.items()}
