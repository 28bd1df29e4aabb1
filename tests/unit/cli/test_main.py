"""One command reads its own module only, and is the same as among all."""

from __future__ import annotations

import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from cli.main import build


def offered(app: typer.Typer) -> set[str]:
    """Return the names of a program's commands, and of its groups of commands."""
    command = typer.main.get_command(app)
    return set(command.list_commands(typer.Context(command)))  # type: ignore[attr-defined]


ALL = sorted(offered(build()))


@pytest.mark.parametrize("command", ALL)
def test_a_command_is_found_by_its_name_without_the_others(command: str) -> None:
    alone = build(command)
    assert command in offered(alone)
    assert len(offered(alone)) < len(ALL)
    told = [CliRunner().invoke(app, [command, "--help"]).output for app in (alone, build())]
    assert told[0] == told[1] != ""


@pytest.mark.parametrize("unknown", [None, "--help", "nonsense", "output", "main", "play"])
def test_what_is_no_command_is_answered_by_the_whole_program(unknown: str | None) -> None:
    assert offered(build(unknown)) == set(ALL)


def test_a_light_command_reads_nothing_heavy() -> None:
    program = "import sys; from cli.main import build; build('login'); print(*sys.modules)"
    read = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"openpyxl", "aiokafka", "fastapi", "reportlab"} & set(read)
