"""`docs/publisher.md` is followed as a newcomer would: every `sh` block in order, in one shell, on a real stack.

What it says one sees (its `text` blocks, where `…` stands for anything) must come out in that order. Where Go or a JDK
is missing, the blocks of that language are left out: `test_foreign_clients` says so.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

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
PAGE: Final = ROOT / "docs" / "publisher.md"
SERVICES: Final = ("identity", "scoring")
_NEEDS: Final = {"go run": "go", "java -cp": "javac"}
_JAVA_OPTIONS: Final = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"


def _can_run(block: str) -> bool:
    return all(shutil.which(tool) for words, tool in _NEEDS.items() if words in block)


@pytest.fixture(scope="module")
def reading() -> Iterator[tuple[int | None, str]]:
    """Follow the page once; give the exit code and all that was shown."""
    folder = temporary_folder("paritrana-test-publisher-guide-")
    try:
        yield run_apart(_read(folder))
    finally:
        remove_folder(folder)


async def _read(folder: Path) -> tuple[int | None, str]:
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    options = StackOptions(data=folder / "data", ports=ports, clock="test", services=SERVICES)
    TestClock.set_to(make_data_folder(options.data) / "clock.json", read_script(SEASONS[-1]).clock.decides)
    script = folder / "publisher.sh"
    script.write_text(script_of(each for each in blocks_of(PAGE, "sh") if _can_run(each[1])), "utf-8")
    async with Stack(options, say):
        return await follow(script, _desk(folder), _environment(options, folder))


def _desk(folder: Path) -> Path:
    """Make the folder that the reader sits in: this repository as far as the page uses it."""
    desk = folder / "desk"
    desk.mkdir()
    for name in ("deploy", "examples"):
        (desk / name).symlink_to(ROOT / name)
    (desk / ".venv").symlink_to(sys.prefix)
    return desk


def _environment(options: StackOptions, folder: Path) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PARITRANA_")}
    own = {"XDG_CONFIG_HOME": str(folder / "config"), "JDK_JAVA_OPTIONS": _JAVA_OPTIONS, "GOFLAGS": "-buildvcs=false"}
    return {**inherited, **environment_of(options), **own}


def test_every_command_of_the_page_does_its_work(reading: tuple[int | None, str]) -> None:
    code, shown = reading
    assert len(list(blocks_of(PAGE, "sh"))) > 8
    assert code == 0, shown


def test_what_the_page_says_one_sees_is_seen_in_that_order(reading: tuple[int | None, str]) -> None:
    said = [line for _, block in blocks_of(PAGE, "text") for line in block.splitlines()]
    assert len(said) > 15
    expected = not_seen(said, reading[1])
    assert expected is None, f"not seen, or not here: {expected}\n{reading[1]}"
