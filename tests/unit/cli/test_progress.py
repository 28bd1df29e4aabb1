"""A stack that starts in the background says what it does when it does it; the demo says where its export is."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli import demo
from cli.stack import _follow, _Progress
from deploy.local.child import StackError
from tests.unit.cli.fake_stack import run


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "up.log"


def test_starting_is_said_when_it_is_written_and_not_with_the_next_line(log: Path) -> None:
    said: list[str] = []
    with log.open("w") as written, log.open() as lines:
        progress = _Progress(lines, said.append)
        for text, expected in (
            ("starting identity\n", ["starting identity"]),
            ("identity is rea", []),
            ("dy\nstarting audit\n", ["identity is ready", "starting audit"]),
            ("audit is ready\n\nname  pid\n\nready; Ctrl-C stops it\n", ["audit is ready"]),
        ):
            said.clear()
            written.write(text)
            written.flush()
            progress.tell()
            assert said == expected


@pytest.fixture
def ended() -> Iterator[subprocess.Popen[bytes]]:
    """A process that is over."""
    with subprocess.Popen(["true"]) as process:
        process.wait()
        yield process


async def test_why_it_did_not_start_is_raised_and_not_said(
    log: Path, tmp_path: Path, ended: subprocess.Popen[bytes]
) -> None:
    said: list[str] = []
    log.write_text("starting kafka\nparitrana: port 9092 (for kafka) is in use\n")
    with pytest.raises(StackError, match=r"^port 9092 \(for kafka\) is in use$"):
        await _follow(ended, log, tmp_path, said.append)
    log.write_text("")
    with pytest.raises(StackError, match="ended without a word"):
        await _follow(ended, log, tmp_path, said.append)
    assert said == ["starting kafka"]


@pytest.mark.parametrize("keep", [True, False])
def test_the_demo_says_where_its_export_truly_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, keep: bool
) -> None:
    async def played(options: Any, folder: Path | None, _say: Any, **_: Any) -> demo.Shown:
        audit = {"folder": str(folder or options.data / "export")}
        return demo.Shown([], {}, [], {}, audit, 0, [])

    data = tmp_path / "data"
    data.mkdir()
    monkeypatch.setenv("PARITRANA_DATA", str(data))
    monkeypatch.setattr(demo, "_run", played)
    concluded: list[demo.Shown] = []
    monkeypatch.setattr(demo, "_conclude", lambda shown, *_, **__: concluded.append(shown))
    monkeypatch.setattr(demo, "make_data_folder", lambda folder: folder)
    ended = run("demo", *(["--keep"] if keep else []))
    assert ended.exit_code == 0, ended.exception
    [shown] = concluded
    assert (shown.audit["folder"] == str(data / "export")) is keep
    assert shown.audit["folder"].startswith("a temporary folder") is not keep
