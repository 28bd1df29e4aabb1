"""Commands of operators on ingest and its ledger say what is wrong with how they are used, before they ask anything."""

from __future__ import annotations

import getpass
from pathlib import Path

import pytest

from cli.output import WrongUse
from cli.stores import account, owner_url
from tests.unit.cli.fake_stack import run


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("ingest", "pause", "--topic", "bpjs.payments.v1"), "choose one of bpjs.contributions.v1, bpjs.coverage.v1"),
        (("ingest", "resume", "--topic", "paritrana.scoring.v1"), "is no topic of facts"),
        (("ingest", "pause", "--reason", "x" * 501), "the reason has 501 characters"),
        (("ingest", "again", "--day", "13-04-2021"), "write it as 2021-04-13"),
        (("ingest", "again", "--day", "2021-02-30"), "write it as 2021-04-13"),
        (("ledger", "verify", "--month", "2021-13"), "write it as 2021-03"),
        (("ledger", "verify", "--month", "2021-03", "--sample", "5"), "a month or at a sample, not both"),
        (("ledger", "verify", "--seed", "5"), "give --sample too"),
    ],
)
def test_wrong_use_is_told_before_anything_is_asked(arguments: tuple[str, ...], says: str) -> None:
    result = run(*arguments)
    assert isinstance(result.exception, WrongUse)
    assert says in str(result.exception)


@pytest.mark.parametrize(
    "arguments",
    [("ingest", "pause"), ("ingest", "status"), ("ledger", "verify"), ("ingest", "again", "--day", "2021-04-13")],
)
def test_without_a_stack_it_is_said_what_is_missing(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARITRANA_DATA", str(tmp_path))
    result = run(*arguments)
    assert isinstance(result.exception, WrongUse)
    assert "password is not there" in str(result.exception) or "no stack runs here" in str(result.exception)


def test_a_database_is_where_it_was_set_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://admin:x@database:5432/postgres")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "paritrana_scoring_owner").write_text("s3cret\n")
    assert owner_url("scoring", tmp_path) == (
        "postgresql://paritrana_scoring_owner:s3cret@database:5432/paritrana_scoring"
    )


def test_an_act_is_noted_under_who_called_sudo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SUDO_USER", raising=False)
    assert account() == getpass.getuser()
    monkeypatch.setenv("SUDO_USER", "rina")
    assert account() == "rina"
