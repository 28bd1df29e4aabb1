"""Who signed in at one stack stays signed in there, whatever happens at another."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cli.output import WrongUse
from cli.sessions import keep_session, session_file, session_of, signed_in
from tests.unit.cli.fake_stack import NO_ITEMS, FakeStack, fake_stack, run

URL = "http://127.0.0.1:8085"


def session(token: str, *, hours: int = 1) -> dict[str, str]:
    return {"token": token, "login": "auditor", "expires": (datetime.now(UTC) + timedelta(hours=hours)).isoformat()}


def test_a_login_at_one_stack_leaves_the_login_at_another(
    stack: FakeStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("login", "auditor").exit_code == 0
    with fake_stack(tmp_path / "other") as other:
        other.services["identity"].answers["/v1/sign-in"] = (200, {**session("other"), "token": "other"})
        monkeypatch.setenv("PARITRANA_DATA", str(other.data))
        missing = run("token").exception
        assert isinstance(missing, WrongUse)
        assert "nobody is signed in at" in str(missing)
        assert f"signed in at other stacks: {stack.services['identity'].url} (data folder {stack.data})" in str(missing)
        assert run("login", "auditor").exit_code == 0
        assert run("token").output == "other\n"
    monkeypatch.setenv("PARITRANA_DATA", str(stack.data))
    assert run("token").output == "a-token\n"
    assert len(stack.services["identity"].asked) == 1


def test_the_token_of_another_stack_is_not_sent(
    stack: FakeStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("login", "auditor").exit_code == 0
    with fake_stack(tmp_path / "other") as other:
        other.services["scoring"].answers["/v1/public/rankings"] = (200, NO_ITEMS)
        monkeypatch.setenv("PARITRANA_DATA", str(other.data))
        run("ranking", "show", "--season", "2022", "--category", "UMKM")
        assert other.services["scoring"].tokens == [""]


def test_two_stacks_one_after_the_other_at_one_place_are_two(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PARITRANA_DATA", str(tmp_path / "first"))
    keep_session(URL, session("first"))
    monkeypatch.setenv("PARITRANA_DATA", str(tmp_path / "second"))
    assert signed_in(URL) is None
    keep_session(URL, session("second"))
    monkeypatch.setenv("PARITRANA_DATA", str(tmp_path / "first"))
    assert session_of(URL)["token"] == "first"


def test_a_session_is_for_its_user_alone_and_no_other_is_left(home: Path) -> None:
    old = home / "config" / "paritrana" / "session.json"
    old.parent.mkdir(parents=True)
    old.write_text("{}")
    keep_session("http://gone:1", session("gone", hours=-1))
    file = keep_session(URL, session("kept"))
    assert file == session_file(URL)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert [each.name for each in file.parent.iterdir()] == [file.name]
    assert not old.exists()


def test_an_expired_session_says_so() -> None:
    keep_session(URL, session("old", hours=-1))
    with pytest.raises(WrongUse, match="the token of auditor has expired: use `paritrana login auditor`"):
        signed_in(URL)


@pytest.mark.parametrize("content", ["", "[]", "null", '{"token": 1}', '{"expires": "yesterday"}'])
def test_a_damaged_session_is_none(content: str) -> None:
    file = keep_session(URL, session("whole"))
    file.write_text(content)
    assert signed_in(URL) is None
    file.write_text(json.dumps({**session("whole"), "identity": URL, "data": "d", "expires": "2020-01-01"}))
    assert signed_in(URL) is None
