"""Histories of the model and of plays as folders of the real exporter: what the offline answers are tried on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from kernel.canonical import envelope_of, instant, parse_canonical, uuid7, write_document
from kernel.decider import Happened
from schemas.codec import CODEC
from schemas.topics import source_of
from tests.contract.story import told, written
from tests.model.test_walk import walked
from tests.unit.audit.exported import Log, owner_of, write_export


def folders_of(
    logs: Mapping[str, Callable[[], Log]], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """Return what gives the folder of a history by its name, each made once."""

    @cache
    def made(name: str) -> Path:
        folder = tmp_path_factory.mktemp("history") / "export"
        write_export(logs[name](), folder)
        return folder

    return made


def log_of(events: Iterable[Happened]) -> Log:
    """Return what was said as the services would have stored it, with the ids and times that it has."""
    log = Log()
    for service in ("nomination", "scoring", "notifications"):
        log.open(service)
    for one in sorted(events, key=lambda one: (one.stream, one.version)):
        written, owner = CODEC.write(one.event), owner_of(one.stream)
        held = log.documents.setdefault(one.stream, [])
        attributes: dict[str, Any] = {
            "specversion": "1.0",
            "id": one.id,
            "source": source_of(owner),
            "type": written.type,
            "time": instant(one.time),
            "dataschema": f"urn:paritrana:schema:{written.type.removeprefix('id.go.paritrana.')}",
            "subject": one.stream,
            "streamversion": one.version,
            "actor": one.actor,
            "commandid": uuid7(),
        }
        if held:
            attributes["prevhash"] = log.hashes[one.stream].hex()
        signer = log.signers[owner] if written.signed else None
        sealed = write_document(attributes, dict(written.data), signer)
        held.append(sealed.document)
        log.entries.append(envelope_of(parse_canonical(sealed.document.encode())))
        log.hashes[one.stream] = sealed.hash
        log.count += 1
    return log


def export_of(events: Iterable[Happened], folder: Path) -> Path:
    """Export a history into a fresh folder."""
    write_export(log_of(events), folder)
    return folder


def story_log() -> Log:
    """Return the contract's golden story, as its examples hold it."""
    log = Log()
    heads: dict[str, Any] = {}
    for line in told().lines:
        raw = written(line, heads.get(line.stream))
        heads[line.stream] = parse_canonical(raw)
        log.documents.setdefault(line.stream, []).append(raw.decode())
        log.count += 1
    return log


@cache
def walk() -> list[Happened]:
    """Return the model's scripted season."""
    return list(walked().checker.all)
