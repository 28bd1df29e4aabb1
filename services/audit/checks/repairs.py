"""A repair of a dead letter: what one person proposed is agreed to once, as it was proposed, and by another person.

A letter has one repair: another one is proposed in place of the first by name, and then the first is never agreed to.
Whom the letter was about and of what kind it was stands in no event: that a repair is held to it, nobody checks here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from services.audit.checks.telling import Fault, told
from services.audit.meetings import Kept
from services.audit.record import Record


def repair_faults(record: Record) -> Iterator[Fault]:
    """Check every repair's stream, and each beside the others of its letter."""
    yield from _crossed(record)
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


def _crossed(record: Record) -> Iterator[Fault]:
    approved = {one.data["repair"] for one in record.kind("repair", "RepairApproved")}
    letters: dict[tuple[Any, ...], list[Kept]] = {}
    for one in sorted(record.kind("repair", "RepairProposed"), key=lambda one: (one.time, one.point)):
        data = one.data
        letters.setdefault((data["topic"], data["partition"], data["offset"]), []).append(one)
    for of_letter in letters.values():
        line = _line(of_letter)
        for one in of_letter:
            yield from told("repair", one.place, _beside(one, line, approved))


def _line(of_letter: Sequence[Kept]) -> list[str]:
    """Return the repairs of a letter from the first on, each followed by the one that replaces it."""
    following: dict[str | None, str] = {}
    for one in of_letter:
        following.setdefault(one.data.get("replaces"), one.data["repair"])
    line: list[str] = []
    at = following.get(None)
    while at is not None and at not in line:
        line.append(at)
        at = following.get(at)
    return line


def _beside(one: Kept, line: Sequence[str], approved: Collection[str]) -> Iterator[str]:
    """Say what is wrong with a proposal beside the others of its letter."""
    replaces = one.data.get("replaces")
    if one.data["repair"] not in line:
        if replaces is None:
            yield "the letter has another repair, which this one does not replace"
        else:
            yield f"it replaces {replaces}, which is no repair of its letter, or was replaced before"
    if replaces in approved:
        yield f"it replaces {replaces}, which was agreed to"
