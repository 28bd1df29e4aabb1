"""`paritrana season open` without a service: a good file, a wrong one, and what it says when nothing can be reached."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from schemas.rulebook import rulebook_hash
from tests.unit.nomination.scene import rulebook

ROOT = Path(__file__).parents[3]
FILE = ROOT / "rulebooks" / "2020.yaml"


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cli.main", "season", "open", *arguments]
    return subprocess.run(
        command,
        cwd=ROOT,
        env={"PATH": "", "HOME": "/nonexistent", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_dry_run_checks_the_file_and_sends_nothing():
    done = run(str(FILE), "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    said = orjson.loads(done.stdout)
    assert (said["season"], said["hash"], said["opened"]) == ("2020", rulebook_hash(rulebook()), False)
    assert said["categories"] == ["PROVINSI", "KABKOTA", "BESAR", "MENENGAH", "UMKM"]
    assert 0 < said["assumed"] < said["values"]


def test_a_wrong_file_is_told_by_line_and_ends_with_2(tmp_path):
    text = FILE.read_text("utf-8").replace("places: 7", "places: seven")
    line = next(number for number, row in enumerate(text.splitlines(), start=1) if "places: seven" in row)
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(text, "utf-8")
    done = run(str(wrong), "--dry-run")
    assert done.returncode == 2
    assert f"{wrong}:{line}: stages[0].quota.places: " in done.stderr + done.stdout
    assert len(done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [((str(ROOT / "nothing.yaml"),), "cannot be read"), ((str(FILE),), "use `paritrana login`")],
)
def test_what_is_missing_is_one_line_and_2(arguments, said):
    done = run(*arguments)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert said in done.stderr
