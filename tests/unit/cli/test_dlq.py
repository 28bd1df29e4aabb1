"""`dlq` takes letters by the place of the original, says what cannot be published, and publishes nothing unasked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from cli import dlq
from cli.output import WrongUse
from deploy.local.replay import Kept, Wanted, parsed
from kernel.dead_letters import Letter, Reason
from schemas.topics import CONTRIBUTIONS, NOMINATION
from tests.unit.cli.fake_stack import run

AT = datetime(2021, 4, 13, 2, 30, tzinfo=UTC)
ADDRESS = f"{CONTRIBUTIONS}/3/1207"
LETTER = Letter(
    CONTRIBUTIONS, 3, 1207, b"NPP-1", b'{"amount": -1, "\xff": "\x1b[2J"}', (("ce_id", b"p-1"), ("reason", b"own")),
    "wrong-field", "write whole rupiah",
)  # fmt: skip
KEPT = Kept(LETTER, AT, "sipp", "p-1")


@pytest.fixture
def letters(monkeypatch: pytest.MonkeyPatch) -> list[Kept]:
    """What lies in the topics of dead letters, without a broker."""
    found = [KEPT]
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")

    async def newest(_broker: str, wanted: Wanted, limit: int) -> tuple[list[Kept], int]:
        fit = [kept for kept in found if wanted.takes(kept) and kept.letter.topic in wanted.topics]
        return fit[:limit], len(fit)

    async def replay(
        _broker: str, wanted: Wanted, agreed: Callable[[list[Kept]], Iterable[str]], _told: Callable[[int], None]
    ) -> int:
        return len({*agreed([kept for kept in found if wanted.takes(kept)])})

    monkeypatch.setattr(dlq, "newest", newest)
    monkeypatch.setattr(dlq, "replay", replay)
    return found


def aside(topic: str, offset: int, reason: str = "wrong-field", value: bytes | None = b"{}") -> Kept:
    return Kept(Letter(topic, 0, offset, b"k", value, (), reason, "why"), AT)


def test_a_letter_is_read_back_as_it_was_set_aside() -> None:
    record = LETTER.record()
    assert Letter.of(record.key, record.value, record.headers) == LETTER
    assert LETTER.address == ADDRESS
    assert LETTER.is_whole


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("reason", b"x"), ("detail", b""), ("topic", b"t"), ("partition", b"0")],
        [("reason", b"x"), ("detail", b""), ("topic", b"t"), ("partition", b"-1"), ("offset", b"1")],
        [("reason", b"x"), ("detail", b""), ("topic", b"t"), ("partition", b"0"), ("offset", None)],
    ],
)
def test_what_is_no_letter_is_told(headers: list[tuple[str, bytes | None]]) -> None:
    assert Letter.of(None, b"x", headers) is None


def test_a_letter_that_is_too_large_to_be_held_is_the_one_that_would_be_posted() -> None:
    large = replace(LETTER, value=bytes(2 << 20))
    assert large.light().record() == large.summary()
    assert not large.light().is_whole
    assert not replace(LETTER, headers=(("n", bytes(2 << 20)),)).light().is_whole
    assert LETTER.light() is LETTER


def test_a_letter_without_the_message_s_bytes_is_not_whole() -> None:
    summary = LETTER.summary()
    large = Letter.of(summary.key, summary.value, summary.headers)
    assert large is not None
    assert not large.is_whole
    assert not Letter("t", 0, 1, None, None, (), Reason.UNDECODABLE.value, "").is_whole
    assert Letter("t", 0, 1, b"k", None, (), "empty", "a tombstone is whole").is_whole


@pytest.mark.parametrize("text", ["", "x/1/2", f"{CONTRIBUTIONS}/1", f"{CONTRIBUTIONS}/01/2", f"{CONTRIBUTIONS}/1/-2"])
def test_what_is_no_address_is_refused(text: str, letters: list[Kept]) -> None:
    assert parsed(text) is None
    assert letters
    assert isinstance(run("dlq", "show", "--", text).exception, WrongUse)


def test_the_list_has_one_line_each_and_json_has_the_same(letters: list[Kept]) -> None:
    letters.append(aside(NOMINATION, 5, "wrong-chain"))
    lines = run("dlq", "list").output.splitlines()
    assert [line.split()[0] for line in lines] == ["address", ADDRESS, f"{NOMINATION}/0/5"]
    assert "wrong-field" in lines[1]
    assert "sipp" in lines[1]
    letters.append(aside(CONTRIBUTIONS, 9, "future-dated"))
    every = json.loads(run("dlq", "list", "--json").output)["letters"]
    assert {one["reason"]: one["is_refused_again"] for one in every} == {
        "wrong-field": True, "wrong-chain": None, "future-dated": False,
    }  # fmt: skip
    letters.pop()
    told = json.loads(run("dlq", "list", "--json", "--topic", CONTRIBUTIONS).output)
    assert told["count"] == 1
    assert [told["letters"][0][name] for name in ("address", "id", "can_be_replayed")] == [ADDRESS, "p-1", True]
    assert run("dlq", "list", "--publisher", "nobody").output == "no dead letters\n"
    assert "the newest 1 of 2" in run("dlq", "list", "--limit", "1").output
    assert isinstance(run("dlq", "list", "--topic", "x").exception, WrongUse)


def test_a_letter_is_shown_escaped_with_the_digest_of_its_value(letters: list[Kept]) -> None:
    shown = run("dlq", "show", ADDRESS).output
    assert "\x1b" not in shown
    assert r'{"amount": -1, "\xff": "\x1b[2J"}' in shown
    assert "header    reason: own" in shown
    told = json.loads(run("dlq", "show", ADDRESS, "--json").output)
    assert told["sha256"] == "5b8219235f1663dc7d1deaaa9d3e32e4881e8c540b441b7bd963789e07f9fde2"
    letters[:] = [aside(CONTRIBUTIONS, 9, value=b"x" * 5000)]
    large = json.loads(run("dlq", "show", f"{CONTRIBUTIONS}/0/9", "--json").output)
    assert (len(large["value"]), large["bytes"], large["is_cut"]) == (4096, 5000, True)
    letters.clear()
    assert "there is no dead letter" in str(run("dlq", "show", ADDRESS).exception)


def test_a_replay_is_confirmed_and_says_what_a_repair_is(letters: list[Kept]) -> None:
    assert letters
    refused = run("dlq", "replay", ADDRESS)
    assert "nothing was published" in str(refused.exception)
    done = run("dlq", "replay", ADDRESS, "--yes")
    assert done.exit_code == 0, done.exception
    assert "1 published again" in done.output
    assert "a repair is a new fact by its publisher" in done.output
    assert json.loads(run("dlq", "replay", ADDRESS, "--yes", "--json").output) == {
        "replayed": 1,
        "addresses": [ADDRESS],
    }


def test_only_whole_facts_are_replayed(letters: list[Kept]) -> None:
    letters += [aside(NOMINATION, 5), aside(CONTRIBUTIONS, 6, Reason.UNDECODABLE.value, None)]
    for address, why in ((f"{NOMINATION}/0/5", "re-read"), (f"{CONTRIBUTIONS}/0/6", "not in the letter")):
        assert why in str(run("dlq", "replay", ADDRESS, address, "--yes").exception)
    every: dict[str, Any] = json.loads(
        run("dlq", "replay", "--all", "--reason", "wrong-field", "--yes", "--json").output
    )
    assert every["addresses"] == [ADDRESS], "those of a reason that cannot be published are left out"
    nothing = run("dlq", "replay", "--all", "--reason", "used-id", "--yes")
    assert nothing.output == "there is nothing to publish\n"
    assert "there is no dead letter" in str(run("dlq", "replay", f"{CONTRIBUTIONS}/0/7", "--yes").exception)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--all"],
        ["--reason", "used-id"],
        [ADDRESS, "--all"],
        [ADDRESS, "--reason", "used-id"],
        ["--all", "--reason", "empty", "--topic", NOMINATION],
    ],
)
def test_a_replay_names_what_it_takes(arguments: list[str], letters: list[Kept]) -> None:
    assert letters
    assert isinstance(run("dlq", "replay", *arguments, "--yes").exception, WrongUse)
