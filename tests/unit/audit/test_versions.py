"""A log with events of an old version beside those of the newest: everything that folds it says the same of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest
from prometheus_client import CollectorRegistry

from kernel.canonical import write_document
from kernel.codec import Versions, happened
from kernel.decider import Position
from kernel.log import Recorded
from kernel.measures import LogMeasures
from kernel.reactor import HandlerFolder
from kernel.rebuild import Refold
from schemas.codec import CODEC
from schemas.nomination import CandidateNominated, StageAdvanced
from schemas.registry import schema_uri
from services.audit.verify import Report, verify
from services.nomination.domain.nomination import NOMINATION
from services.nomination.projections import PROJECTIONS as NOMINATION_PROJECTIONS
from services.notifications.handler import IntentHandler
from services.scoring.app import PROJECTIONS as SCORING_PROJECTIONS
from services.scoring.domain import received
from tests.unit.audit.exported import Log, owner_of, write_export
from tests.unit.audit.played import whole
from tests.unit.nomination.scene import rulebook

SECOND = CandidateNominated.type_name()
FIRST = SECOND.replace(".v2", ".v1")
PROJECTIONS = (*NOMINATION_PROJECTIONS, *SCORING_PROJECTIONS)


ALWAYS_SHOWN = {"seasons", "committees", "nominations", "plenaries", "results", "rankings", "sheets", "stage_members"}
"""Projections that no season is without, by name."""


@cache
def played() -> Log:
    return whole(rulebook()).log


def as_before(
    log: Log, nominations: Callable[[int], bool], change: Callable[[dict[str, Any]], None] | None = None
) -> Log:
    """Return a log in which an old build wrote some of the nominations, ids, times and data kept."""
    made = Log(signers=log.signers, now=log.now, count=log.count)
    count = 0
    for stream, documents in log.documents.items():
        for document in documents:
            attributes = orjson.loads(document)
            data = attributes.pop("data")
            signed = attributes.pop("signature", None) is not None
            for name in ("datahash", "signaturekey"):
                attributes.pop(name, None)
            if attributes.pop("prevhash", None):
                attributes["prevhash"] = made.hashes[stream].hex()
            if attributes["type"] == SECOND:
                if nominations(count):
                    attributes |= {"type": FIRST, "dataschema": schema_uri(FIRST)}
                    (change or (lambda _data: None))(data)
                count += 1
            sealed = write_document(attributes, data, log.signers[owner_of(stream)] if signed else None)
            made.documents.setdefault(stream, []).append(sealed.document)
            made.hashes[stream] = sealed.hash
    return made


OLD = {"all": lambda _number: True, "every second": lambda number: number % 2 == 0}


def recorded(log: Log) -> list[Recorded]:
    """Return a log's events as a service's own log has them, in the order in which they were written."""
    found = [orjson.loads(document) | {"_": document} for documents in log.documents.values() for document in documents]
    found.sort(key=lambda document: document["id"])
    return [
        Recorded(Position(1, at, at), one["subject"], one["streamversion"], one["id"], one["type"], True, b"", one["_"])
        for at, one in enumerate(found, start=1)
    ]  # fmt: skip


def types_in(log: Log) -> set[str]:
    return {event.type for event in recorded(log)}


@pytest.mark.parametrize("old", OLD)
@pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda projection: projection.name)
def test_every_projection_has_the_same_rows(projection, old):
    rows = []
    for log in (played(), as_before(played(), OLD[old])):
        fold: Refold[Any] = Refold(projection, CODEC)
        fold.take(event for event in recorded(log) if event.type in fold.versions.stored)
        rows.append(sorted(map(repr, fold.rows())))
    # Of certificates, appeals and the like this category has none.
    assert rows[0] or projection.name not in {
        "seasons",
        "committees",
        "nominations",
        "plenaries",
        "results",
        "rankings",
        "sheets",
        "stage_members",
    }
    assert rows[0] == rows[1]


def test_such_a_log_has_both_versions():
    assert {FIRST, SECOND} <= types_in(as_before(played(), OLD["every second"]))
    assert SECOND not in types_in(as_before(played(), OLD["all"]))


@pytest.mark.parametrize("aggregate", [NOMINATION, received.NOMINATION])
def test_every_aggregate_has_the_same_state(aggregate):
    states = []
    for log in (played(), as_before(played(), OLD["all"])):
        streams: dict[str, list[Recorded]] = {}
        for event in recorded(log):
            streams.setdefault(event.stream, []).append(event)
        states.append(
            {
                stream: aggregate.fold(happened(event, CODEC) for event in events)
                for stream, events in streams.items()
                if stream.startswith("nomination/")
            }
        )
    assert states[0]
    assert states[0] == states[1]


def test_a_handler_that_asks_for_the_newest_is_given_the_old_as_the_newest():
    folder = HandlerFolder(IntentHandler(lambda: None), CODEC, LogMeasures(CollectorRegistry()))
    news, olds = (
        [happened(event, CODEC) for event in recorded(log) if folder.reads(event) and "Nominated" in event.type]
        for log in (played(), as_before(played(), OLD["all"]))
    )
    assert news
    assert news == olds
    assert {type(one.event) for one in olds} == {CandidateNominated}


def test_the_audit_finds_the_same_decisions_and_nothing_wrong(tmp_path: Path):
    reports = [verified(log, tmp_path / name) for name, log in (("new", played()), ("old", _mixed()))]
    assert [report.findings for report in reports] == [[], []]
    assert [(report.rankings, report.decisions) for report in reports] == [(3, 3), (3, 3)]


def test_an_old_event_is_held_to_the_shape_that_it_was_written_under(tmp_path: Path):
    def to_village(data: dict[str, Any]) -> None:
        data["candidate"] |= {"kind": "village", "code": "75.71.01.2001", "region": "75.71"}

    report = verified(as_before(played(), lambda number: number == 0, to_village), tmp_path / "village")
    told = [(finding.code, finding.what) for finding in report.findings if finding.code == "data"]
    assert len(told) == 1
    assert told[0][1].startswith(f"{FIRST}: candidate.kind")


def test_an_old_events_bytes_are_proved_and_not_what_was_brought_up(tmp_path: Path):
    """Another name in an old event breaks its hash, though what was brought up of it would be a good event."""
    log = _mixed()
    stream = next(event.stream for event in recorded(log) if event.type == FIRST)
    log.documents[stream][0] = log.documents[stream][0].replace('"name":"K', '"name":"X', 1)
    report = verified(log, tmp_path / "changed")
    assert "document" in {finding.code for finding in report.findings}


def _mixed() -> Log:
    return as_before(played(), OLD["every second"])


def verified(log: Log, folder: Path) -> Report:
    result = write_export(log, folder)
    return verify(folder, result.digest)


# --- what a fold is given ------------------------------------------------------------------------------------------


def test_a_fold_is_given_the_stored_bytes_with_what_they_mean_today():
    (old, *_) = [event for event in recorded(_mixed()) if event.type == FIRST]
    given = Versions(frozenset({SECOND}), CODEC).newest(old)
    assert given.type == SECOND
    assert (given.id, given.stream, given.version, given.position) == (old.id, old.stream, old.version, old.position)
    assert (given.document, given.hash) == (old.document, old.hash)
    assert given.attributes["type"] == FIRST
    assert given.data == old.data
    assert old.type == FIRST


def test_types_without_older_versions_cost_nothing():
    versions = Versions(frozenset({StageAdvanced.type_name()}), CODEC)
    events: Sequence[Recorded] = recorded(played())
    assert versions.stored == {StageAdvanced.type_name()}
    assert versions.newest_of(events) is events


def test_what_is_new_is_handed_on_as_it_is():
    versions = Versions(frozenset({SECOND}), CODEC)
    events = [event for event in recorded(_mixed()) if event.type in versions.stored]
    given = list(versions.newest_of(events))
    assert {event.type for event in given} == {SECOND}
    assert all(one is other for one, other in zip(events, given, strict=True) if one.type == SECOND)
    assert [event.id for event in given] == [event.id for event in events]


def test_who_asks_for_an_old_version_by_name_gets_it_as_it_was():
    versions = Versions(frozenset({FIRST}), CODEC)
    events = [event for event in recorded(_mixed()) if event.type in versions.stored]
    assert {event.type for event in versions.newest_of(events)} == {FIRST}
