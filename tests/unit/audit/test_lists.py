"""The two lists: who saw marks before a seal, and whose commands were refused, from a folder and with every filter."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import orjson
import pytest
from typer.testing import CliRunner

from cli.audit import app
from cli.output import WrongUse
from schemas.scoring import MarksSeen, SheetRead
from schemas.service import CommandRefused
from tests.unit.audit.exported import MEMBER, NOMINATION, PERSON, SHEET, STAGE, Log, scored, small_log, write_export

OTHER = "018f0000-0000-7000-8000-0000000000cc"
RANKING = "ranking/2020/provincial/75/KABKOTA/desk"
MINE = f"refusal/nomination/{PERSON}/2021-01-06"
OTHERS = f"refusal/scoring/{OTHER}/2021-01-06"


def read_log() -> Log:
    """Return a log in which a sheet was read twice, marks were seen, and three commands refused."""
    log = small_log()
    log.append(SHEET, scored(mark="88"), actor=MEMBER, office="kepala-bps")
    for reader, office in ((PERSON, "auditor"), (OTHER, "sekretaris-panitia")):
        read = SheetRead(nomination=NOMINATION, at=STAGE, member=MEMBER, reader=reader)
        log.append(SHEET, read, actor=reader, office=office)
    log.append(RANKING, MarksSeen(at=STAGE, reader=OTHER), actor=OTHER, office="sekretaris-panitia")
    refused_of: tuple[tuple[str, str, str, str | None], ...] = (
        ("nomination", MINE, PERSON, "secretariat"),
        ("nomination", MINE, PERSON, "secretariat"),
        ("scoring", OTHERS, OTHER, None),
    )
    for service, stream, actor, by in refused_of:
        refused = CommandRefused(service=service, route="POST /v1/x", code="nominated-already", fields=("candidate",))
        log.append(stream, refused, actor=actor, office=by)
    return log


_READS = [f"{SHEET}@5", f"{SHEET}@6", f"{RANKING}@1"]
_REFUSALS = [f"{MINE}@1", f"{MINE}@2", f"{OTHERS}@1"]
LISTS = {
    "of a season": ("reads?season=2020", _READS),
    "of another season": ("reads?season=2021", []),
    "by a person": (f"reads?person={OTHER}", _READS[1:]),
    "in an office": ("reads?office=auditor", _READS[:1]),
    "of a day": ("reads?day=2021-01-06", _READS),
    "of another day": ("reads?day=2021-01-07", []),
    "of both": (f"reads?person={OTHER}&office=auditor", []),
    "refused to a person": (f"refusals?person={PERSON}", _REFUSALS[:2]),
    "refused in an office": ("refusals?office=secretariat", _REFUSALS[:2]),
    "refused on a day": ("refusals?day=2021-01-06", _REFUSALS),
    "refused on another day": ("refusals?day=2021-01-05", []),
}
"""By what is asked: the route's query, and the events that it lists."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("lists") / "export"
    write_export(read_log(), made)
    return made


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


@pytest.mark.parametrize("what", LISTS)
def test_a_folder_lists_what_the_running_store_lists(folder: Path, what: str) -> None:
    path, expected = LISTS[what]
    name, _, query = path.partition("?")
    options = [part for key, value in parse_qsl(query) for part in (f"--{key}", value)]
    result = run(name, str(folder), *options, "--json")
    assert result.exit_code == 0
    assert [row["event"] for row in orjson.loads(result.stdout)[name]] == expected


def test_the_lines_say_who_in_which_office_saw_what_of_whom(folder: Path) -> None:
    said = run("reads", str(folder)).stdout.splitlines()
    sheet = f"read the sheet of kepala-bps {MEMBER} on {NOMINATION}, 2020/provincial/75/KABKOTA/desk"
    assert f"auditor {PERSON} {sheet}" in said[0]
    assert f"sekretaris-panitia {OTHER} saw marks of 2020/provincial/75/KABKOTA/desk" in said[2]
    assert said[3] == "3 in all"
    refused = run("refusals", str(folder)).stdout.splitlines()
    assert "secretariat" in refused[0]
    assert "POST /v1/x refused by nomination, nominated-already at candidate" in refused[0]
    assert "no office" in refused[2]
    assert run("reads", str(folder), "--season", "2021").stdout.startswith("nobody but its member")


@pytest.mark.parametrize(
    "arguments",
    [("reads", "--day", "yesterday"), ("refusals", "--person", "somebody"), ("reads", "--season", "x" * 99)],
)
def test_a_filter_that_cannot_be_meant_is_wrong_use(folder: Path, arguments: tuple[str, ...]) -> None:
    name, *options = arguments
    assert isinstance(run(name, str(folder), *options).exception, WrongUse)


def test_a_damaged_folder_is_a_finding_without_a_traceback(tmp_path: Path) -> None:
    made = tmp_path / "export"
    write_export(read_log(), made)
    for path in made.glob("events/*/refusal.jsonl"):
        path.write_bytes(path.read_bytes().replace(b'"route":', b'"r0ute":'))
    for path in made.glob("events/*/sheet.jsonl"):
        path.write_bytes(path.read_bytes()[:-20])
    for name in ("reads", "refusals"):
        result = run(name, str(made))
        assert "audit verify" in str(result.exception)
