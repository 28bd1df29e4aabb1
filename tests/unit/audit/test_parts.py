"""A folder that is read in parts by several processes has the findings, and their order, of one read by one process."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernel.tlog.notes import NoteKey
from schemas.document import fault_of
from services.audit.events import Unusable, parse, read
from services.audit.verify import verify
from tests.unit.audit.exported import Log, event_files, write_export
from tests.unit.audit.forging import rules
from tests.unit.audit.played import whole

SMALL = 3_000
"""Bytes of a part, so that the file of sheets has dozens of them."""


@cache
def log() -> Log:
    return whole(rules()).log


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made: Path = tmp_path_factory.mktemp("parts") / "export"
    write_export(replace(log(), key=NoteKey.generate("test.example/log")), made)
    return made


def test_parts_and_processes_change_nothing(folder):
    once = verify(folder, workers=1).as_json()
    assert once["good"]
    assert verify(folder, workers=1, segment=SMALL).as_json() == once
    assert verify(folder, workers=2, segment=SMALL).as_json() == once


@st.composite
def damages(draw: st.DrawFn) -> tuple[int, int, str]:
    """Return which file and line is damaged, and how."""
    return draw(st.integers(0, 99)), draw(st.integers(0, 9_999)), draw(st.sampled_from(sorted(DAMAGES)))


def _swapped(lines: list[bytes], at: int) -> list[bytes]:
    return [*lines[:at], *lines[at + 1 : at + 2], lines[at], *lines[at + 2 :]]


DAMAGES: dict[str, Callable[[list[bytes], int], list[bytes]]] = {
    "removed": lambda lines, at: [*lines[:at], *lines[at + 1 :]],
    "doubled": lambda lines, at: [*lines[: at + 1], *lines[at:]],
    "swapped": _swapped,
    "moved to the end": lambda lines, at: [*lines[:at], *lines[at + 1 :], lines[at]],
    "changed": lambda lines, at: [*lines[:at], lines[at].replace(b"0", b"1", 1), *lines[at + 1 :]],
    "garbage": lambda lines, at: [*lines[:at], b"garbage\n", *lines[at:]],
    "joined": lambda lines, at: [*lines[:at], lines[at][:-1], *lines[at + 1 :]],
    "turned round": lambda lines, at: lines[::-1],
}


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(several=st.lists(damages(), min_size=1, max_size=3))
def test_damage_is_told_alike_by_one_process_and_by_several(folder, tmp_path_factory, several):
    copy = tmp_path_factory.mktemp("damaged") / "export"
    shutil.copytree(folder, copy)
    for file, at, how in several:
        path = event_files(copy)[file % len(event_files(copy))]
        lines = path.read_bytes().splitlines(keepends=True)
        if lines:
            path.write_bytes(b"".join(DAMAGES[how](lines, at % len(lines))))
    one = verify(copy, workers=1, segment=SMALL).as_json()
    assert verify(copy, workers=2, segment=SMALL).as_json() == one
    shutil.rmtree(copy.parent)


@pytest.mark.parametrize("path", ["heads.jsonl", "tile/entries/000", "tile/0/000", "checkpoint"])
def test_what_lies_beside_the_events_is_told_alike_too(folder, tmp_path, path):
    copy = tmp_path / "export"
    shutil.copytree(folder, copy)
    damaged = next(one for one in sorted(copy.rglob("*")) if str(one.relative_to(copy)).startswith(path))
    damaged = damaged if damaged.is_file() else next(one for one in damaged.rglob("*") if one.is_file())
    raw = damaged.read_bytes()
    at = len(raw) // 2
    damaged.write_bytes(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
    one = verify(copy, workers=1, segment=SMALL).as_json()
    assert not one["good"]
    assert verify(copy, workers=2, segment=SMALL).as_json() == one


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_an_event_read_at_a_glance_is_the_one_that_is_read_closely(data):
    documents = [one for listed in log().documents.values() for one in listed]
    raw = bytearray(data.draw(st.sampled_from(documents)).encode())
    for _ in range(data.draw(st.integers(0, 2))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + data.draw(st.integers(0, 1))] = data.draw(st.binary(max_size=2))
    try:
        closely = parse(bytes(raw))
    except Unusable:
        with pytest.raises(Unusable):
            read(bytes(raw))
        return
    found = read(bytes(raw))
    assert found.event == closely
    assert found.fault == fault_of(closely.doc)
