"""A repair of a dead letter: what one person proposed is agreed to once, as it was proposed, and by another person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from services.audit.checks.telling import Fault, told
from services.audit.meetings import Kept
from services.audit.record import Record


def repair_faults(record: Record) -> Iterator[Fault]:
    """Check every repair's stream."""
    for stream in [one for one in record.streams if one.startswith("repair/")]:
        events = record.of(stream)
        for number, event in enumerate(events):
            yield from told("repair", event.place, _faults(event, events[:number]))


def _faults(event: Kept, earlier: Sequence[Kept]) -> Iterator[str]:
    if event.name == "RepairProposed":
        if earlier:
            yield "the repair was proposed before"
        return
    proposed = next((one for one in earlier if one.name == "RepairProposed"), None)
    if proposed is None:
        yield "nobody had proposed it"
        return
    if any(one.name == "RepairApproved" for one in earlier):
        yield "it was agreed to before"
    if event.actor == proposed.actor:
        yield "who proposed it agreed to it"
    if event.data["leaf"] != proposed.data["leaf"]:
        yield "another fact was agreed to than was proposed"
