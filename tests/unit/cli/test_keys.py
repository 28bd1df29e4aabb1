"""`paritrana keys`: every key whole or not at all, private, and never another than said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

import cli.keys
from cli.output import WrongUse
from kernel.keys import begins_anew, event_signer, next_key_file, note_key, stored_signer

PROGRAM = typer.Typer()
cli.keys.register(PROGRAM)


@PROGRAM.callback()
def several() -> None:
    """Keep the group's name in the command, as the whole program does."""


def run(*arguments: str) -> Result:
    return CliRunner().invoke(PROGRAM, ["keys", *arguments])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    keys = tmp_path / "keys"
    event_signer(keys, "nomination")
    monkeypatch.setenv("PARITRANA_KEYS", str(keys))
    return keys


def test_rotate_makes_the_next_key_beside_the_one_in_use_and_only_once(folder: Path) -> None:
    current = event_signer(folder, "nomination").key_id
    told = run("rotate", "nomination", "--json")
    assert told.exit_code == 0, told.output
    following = stored_signer(next_key_file(folder, "nomination"))
    assert following is not None
    assert json.loads(told.stdout) == {
        "service": "nomination", "key_id": following.key_id, "folder": str(folder), "lost": False
    }  # fmt: skip
    assert event_signer(folder, "nomination").key_id == current != following.key_id
    assert next_key_file(folder, "nomination").stat().st_mode & 0o777 == 0o600
    again = run("rotate", "nomination")
    assert f"the key {following.key_id} of nomination waits already" in again.output
    assert not list(folder.glob("*.new"))


def test_rotate_where_there_is_no_key_says_how_a_lost_one_is_replaced(folder: Path) -> None:
    ended = run("rotate", "scoring")
    assert isinstance(ended.exception, WrongUse)
    assert "holds no key of scoring; if the key of scoring is lost for good, say --lost" in str(ended.exception)
    assert not list(folder.glob("scoring*"))


def test_a_lost_key_is_begun_anew_by_the_key_that_lies_there_or_a_new_one(folder: Path) -> None:
    told = run("rotate", "scoring", "--lost")
    key_id = event_signer(folder, "scoring").key_id
    assert f"scoring begins anew with the key {key_id}" in told.output
    assert begins_anew(folder, "scoring", key_id)
    assert not begins_anew(folder, "scoring", "00" * 8)
    run("rotate", "scoring", "--lost")
    assert begins_anew(folder, "scoring", event_signer(folder, "scoring").key_id)


def test_a_lost_key_is_not_said_while_a_change_of_keys_is_under_way(folder: Path) -> None:
    run("rotate", "nomination")
    ended = run("rotate", "nomination", "--lost")
    assert isinstance(ended.exception, WrongUse)
    assert "waits to take the place of the key in use" in str(ended.exception)


@pytest.mark.parametrize("arguments", [("nobody",), ("../nomination",), ("nomination", "--keys", "/nonexistent")])
def test_what_is_no_service_or_no_folder_is_a_wrong_use(folder: Path, arguments: tuple[str, ...]) -> None:
    assert isinstance(run("rotate", *arguments).exception, WrongUse)


def test_a_key_that_is_none_is_told_in_one_line(folder: Path) -> None:
    (folder / "nomination.events.pem").write_text("none")
    ended = run("rotate", "nomination")
    assert isinstance(ended.exception, WrongUse)
    assert "cannot be used" in str(ended.exception)


def test_the_data_folders_keys_are_taken_when_none_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARITRANA_DATA", str(tmp_path / "data"))
    event_signer(tmp_path / "data" / "keys", "audit")
    assert run("rotate", "audit").exit_code == 0
    assert next_key_file(tmp_path / "data" / "keys", "audit").exists()


def test_succeed_makes_key_and_note_and_prints_what_to_tell(tmp_path: Path) -> None:
    first = note_key(tmp_path / "log.key", "test.example/log").verifier
    told = run("succeed", str(tmp_path / "log.key"), str(tmp_path / "log-2.key"), "--json")
    assert told.exit_code == 0, told.output
    said = json.loads(told.stdout)
    assert said["follows"] == first.text
    assert said["verifier_key"] == note_key(tmp_path / "log-2.key", "test.example/log").verifier.text
    assert Path(said["succession"]).read_text().startswith("paritrana log key succession v1\ntest.example/log\n")


def test_succeed_without_the_key_before_is_a_wrong_use(tmp_path: Path) -> None:
    ended = run("succeed", str(tmp_path / "log.key"), str(tmp_path / "log-2.key"))
    assert isinstance(ended.exception, WrongUse)
    assert not list(tmp_path.glob("log*"))


def test_the_operators_guide_prints_commands_that_work_in_their_order(folder: Path, tmp_path: Path) -> None:
    guide = Path(__file__).parents[3] / "docs" / "operator.md"
    printed = [line.strip() for line in guide.read_text("utf-8").splitlines() if line.startswith("    ")]
    commands = [line for line in printed if line.startswith("paritrana keys ")]
    assert len(commands) == 4
    signer = tmp_path / "srv" / "signer"
    note_key(signer / "log.key", "audit.paritrana.example/log")
    for command in commands:
        if "--lost" in command:
            next_key_file(folder, "nomination").replace(folder / "nomination.events.pem")  # as the service does
        if " make " in command:
            (signer / "log-2027.key").unlink()
        ended = run(*command.replace("/srv/signer", str(signer)).split()[2:])
        assert ended.exit_code == 0, (command, ended.exception)
