"""`status` says how each part is now, not how it was; `down` says what stays."""

from __future__ import annotations

import dataclasses
import json
import socket
import time
from pathlib import Path

import pytest

from cli.output import Finding
from deploy.local import clocks, health
from deploy.local.letters import Letters
from schemas.topics import CONTRIBUTIONS
from tests.unit.cli.fake_stack import FakeService, FakeStack, run

AWAY = {"database": {"ok": False, "why": "ConnectionRefusedError: refused"}, "task:relay": {"ok": True, "why": "runs"}}


def state_of(output: str, name: str) -> str:
    line = next(line for line in output.splitlines() if line.startswith(f"{name} "))
    return line.split(maxsplit=4)[4]


def test_all_ready_ends_with_0(stack: FakeStack) -> None:
    ended = run("status")
    assert ended.exit_code == 0, ended.exception
    assert [state_of(ended.output, name) for name in stack.services] == ["ready"] * 4
    assert stack.services["scoring"].asked == ["GET /health/ready"]


def test_a_service_that_is_not_ready_says_which_check_and_why(stack: FakeStack) -> None:
    stack.services["scoring"].answers["/health/ready"] = (503, {"status": "unready", "checks": AWAY})
    ended = run("status")
    assert isinstance(ended.exception, Finding)
    assert str(ended.exception) == f"not ready: scoring; see the logs in {stack.data / 'log'}"
    assert state_of(ended.output, "scoring") == "unready: database (ConnectionRefusedError: refused)"
    assert state_of(ended.output, "audit") == "ready"
    found = json.loads(run("status", "--json").output)
    [scoring] = [part for part in found["parts"] if part["name"] == "scoring"]
    assert (found["ready"], scoring["state"]) == (False, "unready")


def test_a_paused_topic_is_told_though_ingest_is_ready(stack: FakeStack) -> None:
    why = "ingests 12 partitions; paused: bpjs.contributions.v1 (paritrana ingest status)"
    checks = {"ingest": {"ok": True, "why": why}, "database": {"ok": True, "why": "answers"}}
    stack.services["scoring"].answers["/health/ready"] = (200, {"status": "ready", "checks": checks})
    ended = run("status")
    assert ended.exit_code == 0
    assert state_of(ended.output, "scoring") == f"ready: {why}"


@pytest.mark.parametrize("said", [b"no JSON", {"title": "another"}, {"checks": ["another"]}])
def test_what_answers_something_else_is_not_ready(stack: FakeStack, said: object) -> None:
    stack.services["audit"].answers["/health/ready"] = (500, said)
    assert state_of(run("status").output, "audit") == "unready: it answered 500"


def test_a_process_that_is_gone_is_told_with_why_and_how_often(stack: FakeStack) -> None:
    stack.known["audit"] = {"pid": None, "restarts": 7, "why": "audit did not start: no room", "state": "starting"}
    ended = run("status")
    assert isinstance(ended.exception, Finding)
    line = next(line for line in ended.output.splitlines() if line.startswith("audit "))
    assert line.split()[1:3] == ["None", "7"]
    assert line.endswith("no answer: audit did not start: no room")
    assert stack.services["audit"].asked == []


def test_parts_that_hang_are_waited_for_once_and_boundedly(stack: FakeStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        # It listens, and nobody ever takes a connection.
        for name in ("nomination", "scoring", "audit"):
            stack.known[name] = {"url": f"http://127.0.0.1:{hanging.getsockname()[1]}"}
        began = time.monotonic()
        ended = run("status")
        assert time.monotonic() - began < 1.4
    assert [state_of(ended.output, name) for name in ("nomination", "audit")] == ["no answer: not within 0.5 s"] * 2


@pytest.mark.parametrize("scheme", ["", "smtp://"])
def test_stores_and_mail_are_ready_when_they_take_a_connection(stack: FakeStack, scheme: str) -> None:
    stack.services["postgresql"] = store = FakeService()
    stack.known["postgresql"] = {"url": f"{scheme}{store.url.removeprefix('http://')}"}
    assert state_of(run("status").output, "postgresql") == "ready"
    store.close()
    ended = run("status")
    assert isinstance(ended.exception, Finding)
    assert state_of(ended.output, "postgresql") == "no answer: ConnectionRefusedError"


LETTERS = [
    Letters(
        "paritrana.nomination.v1", 12, "2026-03-01T03:00:00+00:00", "future-dated", "the time is later",
        "paritrana.nomination.v1/2/17",
    ),
    Letters(
        "paritrana.scores.v1", 1, "2026-03-01T02:00:00+00:00", "unknown", "odd \x1b[31m", "paritrana.scores.v1/?/?",
        each_once=False,
    ),
]  # fmt: skip


def found_by(monkeypatch: pytest.MonkeyPatch, letters: list[Letters] | None) -> list[str]:
    asked: list[str] = []

    async def found(bootstrap_servers: str) -> list[Letters] | None:
        asked.append(bootstrap_servers)
        return letters

    monkeypatch.setattr("cli.stack.dead_letters", found)
    return asked


def test_what_receivers_set_aside_is_told_with_where_to_look(stack: FakeStack, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = found_by(monkeypatch, LETTERS)
    ended = run("status")
    # A letter that is no event of ours harms nothing, and lies there for long: all is ready.
    assert ended.exit_code == 0
    assert asked == ["127.0.0.1:1"]
    _, told = ended.output.split("\nDEAD LETTERS: ")
    _, head, first, second, look, late = told.splitlines()
    assert head.split() == ["set", "aside", "from", "messages", "newest", "reason", "address", "detail"]
    assert first.split(maxsplit=5) == [
        "paritrana.nomination.v1",
        "12",
        *dataclasses.astuple(LETTERS[0])[2:4],
        "paritrana.nomination.v1/2/17",
        "the time is later",
    ]
    assert "\x1b" not in second
    assert look == f"which, by which service and why: grep 'dead letter' {stack.data / 'log'}/*.log"
    assert "a service's clock was behind, and it lacks them for good" in late
    assert json.loads(run("status", "--json").output)["dead_letters"][0] == dataclasses.asdict(LETTERS[0])
    assert "at most 1 " in second
    assert "future-dated" not in told_of(monkeypatch, LETTERS[1:])


def test_refused_facts_are_told_apart_from_events_of_ours(stack: FakeStack, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = Letters(CONTRIBUTIONS, 7, "2026-03-01T03:00:00+00:00", "wrong-field", "odd", f"{CONTRIBUTIONS}/3/1207")
    output = told_of(monkeypatch, [facts])
    assert "events of ours" not in output
    title, _, row, look = output.split("\n\n")[-1].splitlines()
    assert title == "REFUSED FACTS: messages that ingest did not take for facts"
    assert row.split()[1] == "7"
    assert f" {CONTRIBUTIONS}/3/1207 " in row
    assert look == "which, of whom and why: paritrana dlq list"
    assert "DEAD LETTERS" in told_of(monkeypatch, [facts, *LETTERS])


def told_of(monkeypatch: pytest.MonkeyPatch, letters: list[Letters] | None) -> str:
    found_by(monkeypatch, letters)
    return run("status").output


def test_of_no_dead_letters_nothing_is_told_and_of_no_answer_it_is(
    stack: FakeStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "DEAD" not in told_of(monkeypatch, [])
    assert told_of(monkeypatch, None).endswith("DEAD LETTERS are not known: the broker does not answer\n")
    assert json.loads(run("status", "--json").output)["dead_letters"] is None


def test_down_says_where_the_data_stays_and_how_to_remove_it(stack: FakeStack) -> None:
    ended = run("down")
    stopped, stays = ended.output.splitlines()
    assert stopped == "stopped"
    assert stays.startswith(f"its data, keys and passwords stay in {stack.data} for the next `paritrana up`; ")
    assert stays.endswith(f"to remove them: rm -r {stack.data}")
    assert stack.data.is_dir()
    assert json.loads(run("down", "--json").output) == {
        "stopped": True,
        "data": str(stack.data),
        "again": "paritrana up",
    }


def test_down_says_with_which_clock_the_folder_starts_again(stack: FakeStack) -> None:
    clocks.remember(stack.data, "test")
    stack.services |= {"scoring-2": FakeService(), "ingest": FakeService(), "mail-sink": FakeService()}
    stack.known |= {"scoring-2": {}, "ingest": {}, "mail-sink": {}}
    again = f"PARITRANA_CLOCK=test paritrana up --scoring 2 --mail-sink --data {stack.data}"
    assert run("down").output.splitlines()[-1] == f"it starts again on the same clock only: {again}"
    assert json.loads(run("down", "--json").output)["again"] == again


def test_down_of_a_stopped_stack_names_its_clock_too(tmp_path: Path) -> None:
    clocks.remember(tmp_path, "system")
    last = run("down", "--data", str(tmp_path)).output.splitlines()[-1]
    assert last.endswith(f"PARITRANA_CLOCK=system paritrana up --data {tmp_path}")


def test_down_of_a_stopped_stack_names_its_data_and_quotes_it(tmp_path: Path) -> None:
    assert len(run("down", "--data", str(tmp_path / "none")).output.splitlines()) == 1
    folder = tmp_path / "two words"
    (folder / "keys").mkdir(parents=True)
    nothing, stays = run("down", "--data", str(folder)).output.splitlines()
    assert "no stack runs in" in nothing
    assert stays.endswith(f"rm -r '{folder}'")
