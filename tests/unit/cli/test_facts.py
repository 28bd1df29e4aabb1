"""`facts publish` judges a file line by line before anything is sent, and says what became of each fact."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cli import facts as room
from cli.fact_asking import Sent, progress
from cli.fact_files import FileFact, facts_in
from cli.output import WrongUse
from schemas.fact_reading import FactFault
from schemas.topics import CONTRIBUTIONS, COVERAGE
from tests.unit.cli.fake_stack import FakeStack, run

NOW = datetime(2021, 5, 1, tzinfo=UTC)
DUE = {"employer": "NPP-1", "month": "2021-03", "amount": 300}
WORKERS = dict.fromkeys(
    ("wage_workers_covered", "wage_workers_total", "non_wage_workers_covered", "non_wage_workers_total"), 1
)


def event(id_: str, kind: str = "ContributionDue", data: dict[str, Any] | None = None, **other: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0", "id": id_, "source": "/bpjs/sipp", "type": f"id.go.bpjsketenagakerjaan.{kind}.v1",
        "time": "2021-04-20T10:00:00+07:00", "data": DUE if data is None else data, **other,
    }  # fmt: skip


def lines(*events: Any) -> bytes:
    return b"".join(each if isinstance(each, bytes) else json.dumps(each).encode() + b"\n" for each in events)


def fault(one: FileFact) -> FactFault:
    assert isinstance(one.judged, FactFault), one
    return one.judged


# --- the file ------------------------------------------------------------------------------------------------------


def test_each_line_is_a_fact_and_is_sent_as_it_stands() -> None:
    spaced = json.dumps(event("d-2"), indent=None, separators=(" , ", " : ")).encode()
    found = facts_in(b"\xef\xbb\xbf" + lines(event("d-1"), b"\n", spaced + b"\r\n"), "f", None, NOW)
    assert [(one.number, one.line, one.name) for one in found] == [(1, 1, ("sipp", "d-1")), (2, 3, ("sipp", "d-2"))]
    assert (found[1].topic, found[1].key, found[1].value) == (CONTRIBUTIONS, b"NPP-1", spaced)


def test_an_array_and_one_event_over_lines_are_read_too() -> None:
    array = json.dumps([event("d-1"), event("d-2")], indent=2).encode()
    found = facts_in(array, "f", None, NOW)
    assert [one.name[1] for one in found] == ["d-1", "d-2"]
    assert [one.line for one in found] == [2, 1 + array[: array.index(b'"d-2"')].count(b"\n") - 2]
    compact = json.dumps([event("d-1"), event("d-2")]).encode()
    assert [(one.number, one.line) for one in facts_in(compact, "f", None, NOW)] == [(1, 1), (2, 1)]
    (one,) = facts_in(b"\n\n" + json.dumps(event("d-1"), indent=2).encode(), "f", None, NOW)
    assert (one.line, one.name[1]) == (3, "d-1")


@pytest.mark.parametrize(
    ("kind", "data", "topic", "key"),
    [
        ("ContributionDue", DUE, CONTRIBUTIONS, b"NPP-1"),
        ("CoverageReported", WORKERS | {"region": "75.71", "as_of": "2021-01-01"}, COVERAGE, b"75.71"),
        ("CoverageReported", WORKERS | {"employer": "NPP-1", "as_of": "2021-01-01"}, CONTRIBUTIONS, b"NPP-1"),
    ],
)
def test_a_fact_goes_where_its_type_belongs(kind: str, data: dict[str, Any], topic: str, key: bytes) -> None:
    (one,) = facts_in(lines(event("x-1", kind, data)), "f", None, NOW)
    assert (one.topic, one.key) == (topic, key)
    assert one.fact is not None


def test_what_is_wrong_is_told_by_its_line() -> None:
    found = facts_in(
        lines(
            event("d-1"), b"{half\n", b"[1]\n", event("d-2", data=DUE | {"amount": -5}), event("d-3", "Nothing"),
            event("d-4", data={"month": "2021-03", "amount": 5}), event("d-5", time="2199-01-01T00:00:00Z"),
            event("d-1", data=DUE | {"amount": 301}), event("d-1"), event("d-6") | {"data": 5},
        ), "f", None, NOW,
    )  # fmt: skip
    assert [(one.line, fault(one).reason.value) for one in found if one.fact is None and one.line != 3] == [
        (2, "not-json"), (4, "wrong-field"), (5, "unknown-type"), (6, "missing-field"), (7, "future-dated"),
        (8, "used-id"), (10, "wrong-field"),
    ]  # fmt: skip
    assert fault(found[2]).english, "a list is no event"
    (one,) = facts_in(lines(event("d-1")), "f", COVERAGE, NOW)
    assert fault(one).reason == "wrong-topic"


def test_an_id_is_one_fact_of_a_file_in_whichever_month() -> None:
    found = facts_in(
        lines(
            event("d-1"), event("d-1", data=DUE | {"month": "2021-02"}), event("d-1"),
            event("d-1", data=DUE | {"month": "2021-02"}, source="/bpjs/other"),
        ), "f", None, NOW,
    )  # fmt: skip
    assert [one.fact is None for one in found] == [False, True, False, False]
    assert (fault(found[1]).reason, fault(found[1]).value) == ("used-id", "d-1")


def test_an_id_is_one_fact_of_each_topic_in_a_file() -> None:
    covered = WORKERS | {"as_of": "2021-03-31"}
    found = facts_in(
        lines(
            event("d-1"), event("d-1", "CoverageReported", covered | {"region": "75.71"}),
            event("d-1", "CoverageReported", covered | {"employer": "NPP-1"}),
        ), "f", None, NOW,
    )  # fmt: skip
    assert [one.fact is None for one in found] == [False, False, True]


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "no facts"), (b"\n \n", "no facts"), (b"[]", "no facts"), (b"[{}\n{}]", "f:2: the array is no JSON"),
        (b"[{},\n{]", "f:2: the array is no JSON"), (b"[{}", "f:1: the array is no JSON"),
        (b"[{}]\n{}", "f:2: nothing"), (b"[\n\xff]", "f:2: this is no UTF-8"), (b"[" * 100_000, "nested too deep"),
        (b"[" + b"9" * 5000 + b"]", "a number is too long"),
    ],
)  # fmt: skip
def test_a_file_without_facts_or_a_broken_array_is_refused(raw: bytes, says: str) -> None:
    with pytest.raises(WrongUse, match="f") as raised:
        facts_in(raw, "f", None, NOW)
    assert says in str(raised.value)


# --- the command ---------------------------------------------------------------------------------------------------


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[FileFact]:
    """What would have been published."""
    found: list[FileFact] = []

    async def published(_servers: str, facts: Sequence[FileFact], suffix: str) -> list[Sent]:
        found.extend(facts)
        return [Sent(one, one.topic + suffix, 0, number) for number, one in enumerate(facts)]

    monkeypatch.setattr(room, "_published", published)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("PARITRANA_TOKEN", "a-token")
    return found


CHECKS = "/v1/facts/checks"
FAULT = {
    "reason": "used-id",
    "field": "id",
    "value": "d-4",
    "detail": {"en": "this id was used", "id": "sudah dipakai"},
}


def verdict(status: str = "new", state: str = "counted", offset: int | None = None, **other: Any) -> dict[str, Any]:
    address = None if offset is None else f"{CONTRIBUTIONS}/0/{offset}"
    return {
        "accepted": True, "status": status, "state": state, "by": None, "waits_for": None, "address": address, **other,
    }  # fmt: skip


def wrong(**other: Any) -> dict[str, Any]:
    return {"accepted": False, "fault": FAULT | other}


def answers(stack: FakeStack, before: dict[str, Any], after: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """Have scoring say of each id what it would become, and what became of it once everything was asked about."""
    asked: list[dict[str, Any]] = []
    known: set[str] = set()

    def said(sent: bytes) -> Any:
        body = json.loads(sent)
        asked.append(body)
        ids = [json.loads(one["value"])["id"] for one in body["messages"]]
        told = [(after or {}).get(id_) if id_ in known else before.get(id_) for id_ in ids]
        known.update(ids)
        return {"verdicts": [one or verdict() for one in told]}

    stack.services["scoring"].answers[CHECKS] = (200, said)
    return asked


def test_nothing_is_sent_while_a_line_is_wrong(stack: FakeStack, sent: list[FileFact], tmp_path: Path) -> None:
    file = tmp_path / "day.jsonl"
    file.write_bytes(lines(event("d-1"), event("d-2", data=DUE | {"amount": -5}), event("d-4")))
    asked = answers(stack, {"d-4": wrong()}, {"d-1": verdict("duplicate", offset=0)})
    result = run("facts", "publish", str(file))
    assert result.exit_code == 1
    assert f"{file}:2" in result.stdout
    assert "data.amount '-5'" in result.stdout
    assert "used-id: id 'd-4': this id was used" in result.stdout, "what only the ledger knows is asked before"
    assert "nothing was sent: correct 2 facts" in str(result.exception)
    assert sent == []
    assert [(one["sending"], len(one["messages"])) for one in asked] == [(True, 2)]
    answers(stack, {"d-4": wrong()}, {"d-1": verdict("duplicate", offset=0)})
    told = json.loads(run("facts", "publish", str(file), "--skip-wrong", "--json").stdout)
    assert [one.name[1] for one in sent] == ["d-1"]
    assert told["counts"] == {"applied": 1, "refused": 2}


def test_each_fact_is_followed_until_it_has_a_status(stack: FakeStack, sent: list[FileFact], tmp_path: Path) -> None:
    file = tmp_path / "day.jsonl"
    file.write_bytes(lines(*(event(f"d-{number}") for number in range(1, 7))))
    after = {
        "d-1": verdict("duplicate", offset=0), "d-2": verdict("duplicate", offset=77),
        "d-3": verdict("duplicate", "waiting", 2, waits_for="target", in_vain={"en": "name another"}), "d-4": wrong(),
    }  # fmt: skip
    answers(stack, {}, after)
    late = {"address": f"{CONTRIBUTIONS}/0/5", **FAULT, "reason": "future-dated"}
    stack.services["scoring"].answers["/v1/facts/sipp/d-6"] = (200, {"refused": [late | {"address": "x"}, late]})
    result = run("facts", "publish", str(file), "--timeout", "0", "--json")
    told = json.loads(result.stdout)
    assert [(one["id"], one["status"], one["why"]) for one in told["facts"]] == [
        ("d-1", "applied", ""),
        ("d-2", "duplicate", f"first at {CONTRIBUTIONS}/0/77"),
        ("d-3", "waiting", "waits for its target, and in vain: name another"),
        ("d-4", "refused", "used-id: id 'd-4': this id was used"),
        ("d-5", "no answer", ""),
        ("d-6", "refused", "future-dated: id 'd-4': this id was used"),
    ]
    assert result.exit_code == 1
    assert len(sent) == 6


def test_a_dry_run_asks_and_sends_nothing(stack: FakeStack, sent: list[FileFact], tmp_path: Path) -> None:
    file = tmp_path / "day.jsonl"
    file.write_bytes(lines(event("d-1")))
    asked = answers(stack, {"d-1": verdict(state="duplicate-payment", by={"publisher": "sipp", "id": "d-0"})})
    result = run("facts", "publish", str(file), "--dry-run")
    assert result.exit_code == 0, result.output
    assert "duplicate-payment: sipp/d-0" in result.stdout
    assert "1 new" in result.stdout
    assert [(one["sending"], one["messages"][0]["key"]) for one in asked] == [(False, "NPP-1")]
    assert sent == []


def test_a_long_file_is_asked_about_in_parts(stack: FakeStack, sent: list[FileFact], tmp_path: Path) -> None:
    file = tmp_path / "year.jsonl"
    long: dict[str, Any] = {"note": "x" * 50_000}
    file.write_bytes(lines(*(event(f"d-{n}") for n in range(450)), *(event(f"l-{n}", **long) for n in range(20))))
    asked = answers(stack, {})
    told = json.loads(run("facts", "publish", str(file), "--dry-run", "--json").stdout)
    assert told["counts"] == {"new": 470}
    assert [len(one["messages"]) for one in asked][:2] == [200, 200]
    assert sum(len(one["messages"]) for one in asked) == 470
    assert max(map(len, stack.services["scoring"].sent)) < 1 << 20, "what scoring takes at most"


@pytest.mark.parametrize("terminal", [True, False])
def test_how_far_a_long_file_is_stands_on_a_terminal_only(terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: terminal)
    monkeypatch.setattr(sys, "stderr", stream)
    for count in (200, 3000):
        progress("asked about", count, 3000)
    progress("asked about", 100, 100)
    assert stream.getvalue() == ("\rasked about 200 of 3,000\rasked about 3,000 of 3,000\n" if terminal else "")


def test_a_fact_of_another_s_topic_costs_only_itself(stack: FakeStack, sent: list[FileFact], tmp_path: Path) -> None:
    file = tmp_path / "day.jsonl"
    region = WORKERS | {"region": "75.71", "as_of": "2021-01-01"}
    file.write_bytes(lines(event("d-1"), event("c-1", "CoverageReported", region)))
    detail = {"en": f"You do not publish to {COVERAGE}.", "id": "tidak"}
    forbidden = wrong(reason="forbidden", field="topic", value=COVERAGE, detail=detail)
    answers(stack, {"c-1": forbidden})
    told = json.loads(run("facts", "publish", str(file), "--dry-run", "--json").stdout)
    assert [(one["id"], one["status"]) for one in told["facts"]] == [("d-1", "new"), ("c-1", "refused")]
    for options in ((), ("--sandbox",)):
        answers(stack, {"c-1": forbidden})
        result = run("facts", "publish", str(file), *options)
        assert result.exit_code == 1
        assert f"You do not publish to {COVERAGE}" in result.stdout
    assert sent == []


def test_the_sandbox_says_what_it_made_of_each(stack: FakeStack, sent: list[FileFact], tmp_path: Path) -> None:
    file = tmp_path / "day.jsonl"
    file.write_bytes(lines(event("d-1"), event("d-2")))
    answers(stack, {"d-1": wrong()})  # used in the ledger, of which nothing is said in the sandbox
    detail = {"en": "write whole rupiah", "id": "tulis rupiah bulat"}
    fault = {"reason": "wrong-field", "field": "data.amount", "value": "-5", "detail": detail}
    verdicts = [
        {
            "address": f"{CONTRIBUTIONS}.sandbox/0/1",
            "topic": f"{CONTRIBUTIONS}.sandbox",
            "publisher": "sipp",
            "id": "d-2",
            "accepted": False,
            "fault": fault,
        },
        *(
            {"address": f"{topic}/0/{offset}", "topic": topic, "publisher": "sipp", "id": id_, "accepted": True}
            for topic, offset, id_ in (
                (f"{CONTRIBUTIONS}.sandbox", 0, "d-1"),
                (f"{CONTRIBUTIONS}.sandbox", 9, "d-2"),
            )
        ),
    ]
    stack.services["scoring"].answers["/v1/facts/sandbox"] = (200, {"items": verdicts, "next": None})
    told = json.loads(run("facts", "publish", str(file), "--sandbox", "--json").stdout)
    assert [(one["id"], one["status"], one["address"]) for one in told["facts"]] == [
        ("d-1", "accepted", f"{CONTRIBUTIONS}.sandbox/0/0"),
        ("d-2", "refused", f"{CONTRIBUTIONS}.sandbox/0/1"),
    ]
    assert isinstance(run("facts", "publish", str(file), "--sandbox", "--dry-run").exception, WrongUse)


def test_who_may_not_ask_sends_nothing(stack: FakeStack, sent: list[FileFact], tmp_path: Path) -> None:
    file = tmp_path / "day.jsonl"
    file.write_bytes(lines(event("d-1")))
    stack.services["scoring"].answers[CHECKS] = (403, {"title": "no", "detail": "not you"})
    result = run("facts", "publish", str(file))
    assert isinstance(result.exception, WrongUse)
    assert "not you" in str(result.exception)
    assert sent == []


def test_a_topic_is_one_of_facts(tmp_path: Path) -> None:
    result = run("facts", "publish", str(tmp_path / "none"), "--topic", "paritrana.scoring.v1")
    assert "takes no facts" in str(result.exception)
