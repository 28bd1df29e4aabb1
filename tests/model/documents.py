"""What the model's services said, as the audit's own checker takes it: an honest history has no fault."""

from __future__ import annotations

from collections.abc import Iterable

from kernel.canonical import instant
from kernel.decider import Happened
from services.audit.checks.telling import Fault
from services.audit.decisions import Decisions
from services.audit.events import Document
from services.audit.findings import Place


def document_of(happened: Happened) -> Document:
    """Return an event as the audit reads it; bytes, hashes and signatures are other tests' to check."""
    type_name, time = type(happened.event).type_name(), instant(happened.time)
    doc = {
        "id": happened.id,
        "type": type_name,
        "subject": happened.stream,
        "streamversion": happened.version,
        "time": time,
        "actor": happened.actor,
        "data": happened.event.to_data(),
    }
    return Document(doc, b"", happened.id, type_name, happened.stream, happened.version, time, None)


def audit(events: Iterable[Happened]) -> list[Fault]:
    """Return every fault that the audit finds in what was said, but those of the model's own lag."""
    return [one for one in audit_strictly(events) if not _is_of_the_lag(one)]


def audit_strictly(events: Iterable[Happened]) -> list[Fault]:
    """Return every fault that the audit finds in what was said, read stream by stream as an export is."""
    decisions = Decisions()
    documents = sorted((document_of(one) for one in events), key=lambda one: (one.stream, one.version))
    for document in documents:
        if document.stream.startswith("season/"):
            decisions.foresee(document)
    for document in documents:
        file = f"events/{document.stream.partition('/')[0]}.jsonl"
        decisions.take(document, Place(file, None, document.stream, document.version))
    return list(decisions.faults())


def _is_of_the_lag(fault: Fault) -> bool:
    """Tell whether a fault is the model's own doing: one service had not heard for long what the other said.

    The audit lets an hour pass for that; here a delivery may take days, and the model's own checker holds scoring to
    what it had heard. What a seal had heard of the audit knows by itself; when nomination heard of a seal that it had
    to order anew, it does not know.
    """
    code, place, what = fault
    if code == "decision" and what.startswith("it does not order ranking/"):
        return True
    by_scoring = (place.stream or "").startswith(("sheet/", "ranking/"))
    return by_scoring and code == "season" and what.endswith("was frozen or closed")
