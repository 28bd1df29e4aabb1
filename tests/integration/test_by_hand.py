"""`docs/by-hand.md` and `by-hand-nation.md` are run as their reader would: every `sh` block in order, in one shell.

What they say one sees (their `text` blocks, where `…` stands for anything) must come out in that order, and the season
must end as they say. The stack is a real one with the services that they speak to, and its clock stands where the demo
leaves it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from cli.play.script import SEASONS, read_script
from deploy.local.folders import make_data_folder
from deploy.local.ports import free_ports
from deploy.local.settings import PORTS, StackOptions, environment_of
from deploy.local.supervisor import Stack
from kernel.clock import TestClock
from tests.support.pages import blocks_of, follow, not_seen, script_of
from tests.support.stack import remove_folder, run_apart, say, temporary_folder

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = tuple(ROOT / "docs" / name for name in ("by-hand.md", "by-hand-nation.md"))
SERVICES: Final = ("identity", "nomination", "scoring")
SEASON: Final = "2024-latihan"


def blocks(language: str) -> list[tuple[str, str]]:
    """Return the fenced blocks of a language of all pages, each with its page and line."""
    return [block for page in PAGES for block in blocks_of(page, language)]


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of following the pages."""

    code: int | None
    shown: str
    results: dict[str, Any]
    papers: dict[str, bytes]
    """How each PDF begins that was written."""


@pytest.fixture(scope="module")
def reading() -> Iterator[Reading]:
    """Follow the pages once."""
    folder = temporary_folder("paritrana-test-by-hand-")
    try:
        yield run_apart(_read(folder))
    finally:
        remove_folder(folder)


async def _read(folder: Path) -> Reading:
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    options = StackOptions(data=folder / "data", ports=ports, clock="test", services=SERVICES)
    TestClock.set_to(make_data_folder(options.data) / "clock.json", read_script(SEASONS[-1]).clock.decides)
    async with Stack(options, say) as stack:
        desk = _desk(folder)
        code, shown = await follow(desk / "by-hand.sh", desk, _environment(options, folder))
        async with httpx.AsyncClient(trust_env=False) as http:
            answer = await http.get(f"{stack.urls['nomination']}/v1/public/results/{SEASON}")
    papers = {file.name: file.read_bytes()[:5] for file in (folder / "desk").glob("*.pdf")}
    return Reading(code, shown, answer.json(), papers)


def _desk(folder: Path) -> Path:
    """Make the folder that the reader sits in: this repository as far as the pages use it, and what they write."""
    desk = folder / "desk"
    desk.mkdir()
    (desk / "rulebooks").symlink_to(ROOT / "rulebooks")
    (desk / ".venv").symlink_to(sys.prefix)
    (desk / "by-hand.sh").write_text(script_of(blocks("sh")), "utf-8")
    return desk


def _environment(options: StackOptions, folder: Path) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PARITRANA_")}
    return {**inherited, **environment_of(options), "XDG_CONFIG_HOME": str(folder / "config"), "COLUMNS": "160"}


def test_every_command_of_the_pages_does_its_work(reading: Reading) -> None:
    assert len(blocks("sh")) > 8
    assert reading.code == 0, reading.shown


def test_what_the_pages_say_one_sees_is_seen_in_that_order(reading: Reading) -> None:
    said = [line for _, block in blocks("text") for line in block.splitlines()]
    assert len(said) > 10
    expected = not_seen(said, reading.shown)
    assert expected is None, f"not seen, or not here: {expected}\n{reading.shown}"


def test_the_province_puts_kota_ambon_first_and_the_appeal_kota_tual(reading: Reading) -> None:
    results = {(one["at"]["stage"], number): one for number, one in enumerate(reading.results["items"])}
    places = [
        (stage, [(line["rank"], line["candidate"], line["outcome"]) for line in result["lines"]])
        for (stage, _), result in results.items()
    ]
    ambon, tual = "Kota Ambon", "Kota Tual"
    assert places == [
        ("seleksi", [(1, ambon, "advanced"), (2, tual, "advanced")]),
        ("verifikasi", [(1, ambon, "advanced"), (2, tual, "advanced")]),
        ("wawancara", [(1, ambon, "winner"), (2, tual, "winner")]),
        ("wawancara", [(1, tual, "winner"), (2, ambon, "winner")]),
    ]
    assert all(line["sample"] for result in results.values() for line in result["lines"])


def test_what_the_pages_fetch_are_pdfs(reading: Reading) -> None:
    assert {name: start for name, start in reading.papers.items() if start != b"%PDF-"} == {}
    assert set(reading.papers) == {"piagam.pdf", "berita-acara.pdf", "peraturan.pdf"}
