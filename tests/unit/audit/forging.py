"""Forgeries of a service that holds its key: data changed, events added or taken away; hashes and signatures fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from kernel.canonical import from_instant, write_document
from schemas.envelope import Event
from schemas.rulebook import Rulebook
from schemas.rulebook_file import read_rulebook
from services.audit.verify import Report, verify
from tests.unit.audit.exported import Log, forged, owner_of, write_export

Change = Callable[[str, int, str, dict[str, Any]], None]


@cache
def rules() -> Rulebook:
    """Return the shipped rulebook of 2020."""
    found = read_rulebook((Path(__file__).parents[3] / "rulebooks" / "2020.yaml").read_bytes()).rulebook
    assert found is not None
    return found


def verified(log: Log, folder: Path) -> Report:
    """Export a log and verify it."""
    result = write_export(log, folder / "export")
    return verify(folder / "export", result.digest)


def codes(report: Report) -> set[str]:
    """Return the codes of what was found."""
    return {finding.code for finding in report.findings}


def said(report: Report) -> str:
    """Return what was found, as it is printed."""
    return "\n".join(str(finding) for finding in report.findings)


def of(name: str, change: Callable[[dict[str, Any]], object], stream: str = "", version: int = 0) -> Change:
    """Return a change of every event of a type, or of one."""

    def apply(where: str, number: int, type_name: str, data: dict[str, Any]) -> None:
        if type_name == name and (not stream or where.startswith(stream)) and version in (0, number):
            change(data)

    return apply


def where(name: str, fits: Callable[[dict[str, Any]], object], change: Callable[[dict[str, Any]], object]) -> Change:
    """Return a change of the events of a type that fit."""
    return of(name, lambda data: change(data) if fits(data) else None)


def added(log: Log, stream: str, event: Event, moment: datetime | None = None) -> Log:
    """Return the log with one more event at a stream's end, recorded at a moment or at the log's end."""
    made = forged(log, lambda *_: None)
    made.now = moment or made.now
    made.append(stream, event)
    return made


def without(log: Log, name: str, fits: Callable[[dict[str, Any]], object] = lambda _: True) -> Log:
    """Return the log without the events of a type that fit; those after them move up."""
    made = Log(signers=log.signers, now=log.now, count=log.count)
    for stream, documents in log.documents.items():
        _continued(made, stream, (one for one in documents if not _is(one, name, fits)))
    return made


def begun(log: Log, stream: str, event: Event, moment: datetime) -> Log:
    """Return the log with one more event at a stream's begin; those after it move down."""
    made = Log(signers=log.signers, now=moment, count=log.count)
    made.append(stream, event)
    for each, documents in log.documents.items():
        _continued(made, each, documents)
    made.now = log.now
    return made


def _is(document: str, name: str, fits: Callable[[dict[str, Any]], object]) -> bool:
    attributes = orjson.loads(document)
    return attributes["type"].split(".")[-2] == name and bool(fits(attributes["data"]))


def _continued(made: Log, stream: str, documents: Iterable[str]) -> None:
    """Write documents again after what a stream has."""
    for document in documents:
        attributes = orjson.loads(document)
        data = attributes.pop("data")
        signed = attributes.pop("signature", None) is not None
        for part in ("datahash", "signaturekey", "prevhash"):
            attributes.pop(part, None)
        held = made.documents.setdefault(stream, [])
        attributes["streamversion"] = len(held) + 1
        if held:
            attributes["prevhash"] = made.hashes[stream].hex()
        sealed = write_document(attributes, data, made.signers[owner_of(stream)] if signed else None)
        held.append(sealed.document)
        made.hashes[stream] = sealed.hash


def events_of(log: Log, stream: str, name: str = "") -> list[dict[str, Any]]:
    """Return the documents of a stream, of one type or of all."""
    documents = [orjson.loads(document) for document in log.documents.get(stream, ())]
    return [one for one in documents if not name or one["type"].split(".")[-2] == name]


def time_of(document: dict[str, Any]) -> datetime:
    """Return a document's recorded time."""
    return from_instant(document["time"])
