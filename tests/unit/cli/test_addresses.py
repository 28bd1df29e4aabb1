"""With nothing but PARITRANA_DATA, every command speaks to the stack that runs there, and to no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.addresses import address_of, database_place
from cli.checks import REPOSITORY
from cli.output import WrongUse
from tests.unit.cli.fake_stack import NO_ITEMS, FakeService, FakeStack, fake_stack, run

RULEBOOK = str(REPOSITORY / "rulebooks" / "2020.yaml")


def test_login_and_token_ask_the_stack_that_runs_in_the_data_folder(stack: FakeStack) -> None:
    assert run("token", "auditor").output == "a-token\n"
    assert run("login", "admin").exit_code == 0
    assert stack.services["identity"].asked == ["POST /v1/sign-in"] * 2


def test_season_open_asks_the_stack_that_runs_in_the_data_folder(stack: FakeStack) -> None:
    stack.services["nomination"].answers["/v1/seasons"] = (200, {"time": "2021-01-06T00:00:00Z"})
    ended = run("season", "open", RULEBOOK, "--login", "admin")
    assert ended.exit_code == 0, ended.exception
    assert stack.services["nomination"].tokens == ["Bearer a-token"]


def test_ranking_show_asks_the_stack_that_runs_in_the_data_folder(stack: FakeStack) -> None:
    stack.services["scoring"].answers["/v1/public/rankings"] = (200, NO_ITEMS)
    assert "not announced yet" in str(run("ranking", "show", "--season", "2022", "--category", "UMKM").exception)
    assert stack.services["scoring"].asked == ["GET /v1/public/rankings"]


def test_audit_export_asks_the_stack_that_runs_in_the_data_folder(stack: FakeStack, tmp_path: Path) -> None:
    run("audit", "export", str(tmp_path / "export"), "--token", "t", "--wait", "0")
    assert stack.services["audit"].asked == ["GET /v1/status"]


def test_audit_export_asks_as_the_person_that_login_names(
    stack: FakeStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARITRANA_TOKEN", "of-somebody-else")
    run("audit", "export", str(tmp_path / "export"), "--login", "auditor", "--wait", "0")
    assert stack.services["audit"].tokens == ["Bearer a-token"]


def test_audit_export_asks_with_the_token_of_the_environment(
    stack: FakeStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARITRANA_TOKEN", "set")
    run("audit", "export", str(tmp_path / "export"), "--wait", "0")
    assert stack.services["audit"].tokens == ["Bearer set"]


def test_audit_export_is_told_once_who_asks(stack: FakeStack, tmp_path: Path) -> None:
    ended = run("audit", "export", str(tmp_path / "export"), "--login", "auditor", "--token", "t")
    assert "leave one out" in str(ended.exception)
    assert stack.services["audit"].asked == []


def test_a_url_that_was_given_or_set_is_taken(stack: FakeStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARITRANA_SCORING_URL", "http://elsewhere:1/")
    assert address_of("scoring") == "http://elsewhere:1"
    assert address_of("scoring", "http://given:2") == "http://given:2"
    assert address_of("nomination") == stack.services["nomination"].url


def test_a_port_that_was_set_counts_unless_the_named_stack_says_otherwise(
    stack: FakeStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = stack.services["scoring"].url.rpartition(":")[2]
    monkeypatch.setenv("PARITRANA_SCORING_PORT", port)
    assert address_of("scoring") == stack.services["scoring"].url
    monkeypatch.setenv("PARITRANA_SCORING_PORT", "1")
    with pytest.raises(WrongUse, match="unset PARITRANA_SCORING_PORT"):
        address_of("scoring")
    monkeypatch.delenv("PARITRANA_DATA")
    assert address_of("scoring") == "http://127.0.0.1:1"


def test_the_password_of_a_stack_that_does_not_run_goes_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARITRANA_DATA", str(tmp_path / "stopped"))
    with fake_stack(tmp_path / "stopped"):
        pass
    ended = run("token", "admin")
    assert isinstance(ended.exception, WrongUse)
    assert str(ended.exception) == (
        f"no stack runs in {tmp_path / 'stopped'}: start one with `paritrana up`, "
        "or say where identity answers by PARITRANA_IDENTITY_URL"
    )


def test_where_no_folder_is_named_loopback_stays_the_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("deploy.local.settings.default_data_folder", lambda: tmp_path / "default")
    assert address_of("scoring") == "http://127.0.0.1:8082"
    with fake_stack(tmp_path / "default") as running:
        assert address_of("scoring") == running.services["scoring"].url


def test_what_the_stack_does_not_run_is_told(stack: FakeStack) -> None:
    with pytest.raises(WrongUse, match=r"does not run notifications, or not yet: .* by PARITRANA_NOTIFICATIONS_URL"):
        address_of("notifications")
    with pytest.raises(WrongUse, match=r"does not run postgresql, or not yet: .* by DATABASE_URL"):
        database_place()


def test_the_database_of_rebuild_is_the_running_one(stack: FakeStack, tmp_path: Path) -> None:
    stack.services["postgresql"] = FakeService()
    stack.known["postgresql"] = {"url": "127.0.0.1:15432"}
    assert database_place() == database_place(tmp_path / "data") == "127.0.0.1:15432"
