"""The README names what exists: every setting, and no path or link that is not there."""

from __future__ import annotations

import json
import re

import pytest
from typer.testing import CliRunner

from cli.checks import REPOSITORY
from cli.main import build

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
PATHS = sorted(
    set(re.findall(r"`((?:cli|deploy|docs|kernel|rulebooks|schemas|services|tests)/[A-Za-z0-9_./-]*)`", README))
)
SETTINGS = [one["setting"] for one in json.loads(CliRunner().invoke(build(), ["settings", "--json"]).output)]
LINKS = sorted(set(re.findall(r"\]\(([^)#:]+)\)", README)))


@pytest.mark.parametrize("path", [*PATHS, *LINKS])
def test_a_path_exists(path: str) -> None:
    assert (REPOSITORY / path).exists()


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_is_named(name: str) -> None:
    assert f"`{name}`" in README
