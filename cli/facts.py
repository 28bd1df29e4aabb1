"""`paritrana facts publish`: facts of a file onto their topics, and what became of each.

For the smoke test of a publisher's system, and for a day that is sent by hand. Every line is judged first by the gate
that ingest uses, and nothing is sent while one is wrong. Then each is published as a publisher's own program would do
it, and its status is asked over HTTP until it has one. To publish a file twice does no harm: a fact counts once.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import httpx
import orjson
import typer

from cli.addresses import broker_address
from cli.asking import Scoring, asked, checked, scoring_at, token_of
from cli.fact_files import HEADERS, FileFact, facts_in, read_file
from cli.output import AsJson, Finding, WrongUse, show, table
from cli.service import Login, told_of
from kernel.broker import AWAY, Broker, Place, Record
from kernel.partition import partition_of
from schemas.fact_reading import ReadFact
from schemas.topics import CONTRIBUTIONS, COVERAGE, OF_FACTS, SANDBOX

_CLIENT: Final = "paritrana-facts"
_PAUSE: Final = 0.2
_UNANSWERED: Final = 16
"""After so many facts of a round that have no status yet, the rest is not asked about: they come in about in order."""
_COLUMNS: Final = ("line", "publisher", "id", "status", "why")
_CHECK: Final = "/v1/facts/check"
_BAD: Final = ("refused", "no answer")

Status = Literal["applied", "duplicate", "waiting", "refused", "new", "accepted", "no answer"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a fact, or in a dry run would."""

    status: Status
    why: str = ""
    fault: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """A fact that the broker acknowledged, and where it lies; the offset is -1 where the broker did not say it."""

    fact: FileFact
    topic: str
    partition: int
    offset: int

    @property
    def address(self) -> str | None:
        """Return its place as `<topic>/<partition>/<offset>`."""
        return None if self.offset < 0 else f"{self.topic}/{self.partition}/{self.offset}"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    facts = typer.Typer(help="Facts of other systems: publish a file.", no_args_is_help=True, rich_markup_mode=None)
    facts.callback()(_of_facts)
    facts.command(
        "publish",
        help="Publish CloudEvents of a file (JSON lines or a JSON array; - for standard input), and say what became of "
        "each; exit 1 when one was refused.\n\n"
        "Example: paritrana facts publish day.jsonl --dry-run\n\n"
        "Example: paritrana facts publish day.jsonl --sandbox\n\n"
        "Example: paritrana facts publish day.jsonl --login penerbit-iuran",
        no_args_is_help=True,
    )(publish)
    app.add_typer(facts, name="facts")


def _of_facts() -> None:
    """Publish facts."""


def publish(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON lines, or a JSON array; - for standard input.")],
    *,
    topic: Annotated[
        str | None, typer.Option("--topic", help=f"{' or '.join(OF_FACTS)}; else where each fact's type belongs.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Ask what would become of each; send nothing.")] = False,
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Send to the sandbox: judged as any, and of no effect.")
    ] = False,
    skip_wrong: Annotated[bool, typer.Option("--skip-wrong", help="Send the others though some are wrong.")] = False,
    timeout: Annotated[float, typer.Option("--timeout", min=0, max=3600, help="Seconds to wait for a status.")] = 60.0,
    scoring: Scoring = None,
    login: Login = None,
    as_json: AsJson = False,
) -> None:
    """Publish facts and say what became of each."""
    if dry_run and sandbox:
        raise WrongUse("a dry run sends nothing, not even to the sandbox: give --dry-run or --sandbox")
    if topic is not None and topic not in OF_FACTS:
        raise WrongUse(f"{topic} takes no facts: choose {CONTRIBUTIONS} or {COVERAGE}")
    name = "standard input" if str(file) == "-" else str(file)
    facts = facts_in(read_file(file), name, topic, datetime.now(UTC))
    outcomes = {one.number: _wrong(one) for one in facts if one.fact is None}
    good = [one for one in facts if one.fact is not None]
    places: dict[int, str | None] = {}
    if dry_run and good:
        with scoring_at(scoring, token_of(login)) as client:
            outcomes |= {one.number: _tried(client, one) for one in good}
    elif outcomes and not (skip_wrong or dry_run):
        _show(name, facts, outcomes, places, as_json=as_json)
        raise Finding(f"nothing was sent: correct {_count(outcomes, 'fact')}, or give --skip-wrong")
    elif good:
        with scoring_at(scoring, token_of(login)) as client:
            became = _tried_in_sandbox if sandbox else _became
            _await_right(client, _path(good[0], sandbox=sandbox))
            sent = _asked(_published(broker_address(), good, SANDBOX if sandbox else ""))
            places = {one.fact.number: one.address for one in sent}
            outcomes |= _followed(sent, lambda one: became(client, one), timeout)
    _show(name, facts, outcomes, places, as_json=as_json)
    _end(outcomes, timeout)


# --- what is said --------------------------------------------------------------------------------------------------


def _wrong(one: FileFact) -> Outcome:
    fault = one.judged
    if isinstance(fault, ReadFact):
        raise TypeError("only what is wrong is asked about")
    detail = {"en": fault.english, "id": fault.indonesian}
    return _refused({"reason": fault.reason.value, "field": fault.field, "value": fault.value, "detail": detail})


def _refused(fault: dict[str, Any]) -> Outcome:
    shown = {name: fault[name] for name in ("reason", "field", "value", "detail")}
    value = f" {shown['value']!r}" if shown["value"] else ""
    return Outcome("refused", f"{shown['reason']}: {shown['field']}{value}: {shown['detail']['en']}", shown)


def _show(
    name: str,
    facts: Sequence[FileFact],
    outcomes: dict[int, Outcome],
    places: dict[int, str | None],
    *,
    as_json: bool,
) -> None:
    """Print what became of every fact that something became of, in the file's order, and how many of each."""
    told = [(one, outcomes[one.number]) for one in facts if one.number in outcomes]
    counts = Counter(outcome.status for _, outcome in told)
    value = {
        "file": name,
        "counts": dict(sorted(counts.items())),
        "facts": [
            {
                "number": one.number, "line": one.line, "topic": one.topic, "publisher": one.name[0], "id": one.name[1],
                "status": outcome.status, "why": outcome.why, "fault": outcome.fault, "address": places.get(one.number),
            }
            for one, outcome in told
        ],
    }  # fmt: skip
    rows = [
        {
            "line": f"{name}:{one.line}", "publisher": one.name[0] or "-", "id": one.name[1] or "-",
            "status": outcome.status, "why": outcome.why,
        }
        for one, outcome in told
    ]  # fmt: skip
    summary = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    show(value, [*table(rows, _COLUMNS), summary], as_json=as_json)


def _end(outcomes: dict[int, Outcome], timeout: float) -> None:
    """Raise Finding when something was refused or has no status."""
    refused, silent = ({number: one for number, one in outcomes.items() if one.status == bad} for bad in _BAD)
    if refused:
        raise Finding(f"{_count(refused, 'fact')} refused: correct what is said there, and publish again")
    if silent:
        raise Finding(
            f"{_count(silent, 'fact')} without a status after {timeout:g} s: see `paritrana status` for ingest; to "
            "publish the file again does no harm"
        )


def _count(some: dict[int, Any], what: str) -> str:
    return f"{len(some)} {what}{'' if len(some) == 1 else 's'}"


# --- the dry run ---------------------------------------------------------------------------------------------------


def _tried(client: httpx.Client, one: FileFact) -> Outcome:
    """Ask what would become of a fact."""
    message = {
        "topic": one.topic,
        "key": one.key.decode(),
        "headers": {header: None if said is None else said.decode() for header, said in HEADERS},
        "value": one.value.decode(),
    }
    try:
        said = checked(client.post(_CHECK, json=message))
    except httpx.HTTPError as error:
        raise WrongUse(f"scoring does not answer at {client.base_url} ({type(error).__name__})") from None
    if not said["accepted"]:
        return _refused(said["fault"])
    return Outcome(said["status"], _why(said))


def _why(said: dict[str, Any]) -> str:
    """Return why a fact is not simply counted; nothing where it is."""
    if said["state"] == "waiting":
        return f"waits for its {said['waits_for']}"
    if said["state"] == "counted":
        return ""
    by = said["by"]
    return said["state"] if by is None else f"{said['state']}: {by['publisher']}/{by['id']}"


# --- sending -------------------------------------------------------------------------------------------------------


async def _published(servers: str, facts: Sequence[FileFact], suffix: str) -> list[Sent]:
    """Publish facts, each keyed by whom it is about, and return when all are acknowledged.

    `suffix` stands behind the topic of each: nothing, or that of its sandbox.
    """
    broker = Broker(servers, _CLIENT)
    try:
        partitions = (await broker.cluster()).partitions
    finally:
        await broker.close()
    by_place: dict[Place, list[FileFact]] = {}
    for one in facts:
        topic = one.topic + suffix
        if topic not in partitions:
            raise WrongUse(f"the broker at {servers} has no topic {topic}: run `paritrana provision`")
        by_place.setdefault(Place(topic, partition_of(one.key, partitions[topic])), []).append(one)
    now = time.time_ns() // 1_000_000
    sent: list[Sent] = []
    async with broker.publisher() as publisher:
        queued = [
            (own, await publisher.send(place, [Record(one.key, one.value, list(HEADERS)) for one in own], now))
            for place, own in by_place.items()
        ]
        for own, batches in queued:
            left = iter(own)
            for batch in batches:
                first = await batch.offset()
                offsets = [-1 if first < 0 else first + number for number in range(batch.count)]
                sent += [Sent(next(left), *batch.place, offset) for offset in offsets]
    return sorted(sent, key=lambda one: one.fact.number)


def _asked(sending: Any) -> list[Sent]:
    try:
        sent: list[Sent] = asyncio.run(sending)
    except AWAY as error:
        raise WrongUse(
            f"the broker does not acknowledge ({type(error).__name__}): is the stack running? Some facts may have been "
            "taken; to publish the file again does no harm"
        ) from error
    return sent


# --- what became of them -------------------------------------------------------------------------------------------


def _await_right(client: httpx.Client, path: str) -> None:
    """Ask for a status before anything is sent; raise WrongUse for who may not."""
    answer = asked(client, path, {})
    if answer.status_code != httpx.codes.NOT_FOUND:
        checked(answer)


def _path(one: FileFact, *, sandbox: bool = False) -> str:
    """Return where the status of a fact is asked for."""
    publisher, id_ = one.name
    return f"/v1/facts/{'sandbox/' if sandbox else ''}{publisher}/{id_}"


def _followed(sent: Iterable[Sent], became: Callable[[Sent], Outcome | None], timeout: float) -> dict[int, Outcome]:
    """Ask until every fact has a status, or the time is over; return each by its number."""
    found: dict[int, Outcome] = {}
    left, deadline = list(sent), time.monotonic() + timeout
    while left:
        still: list[Sent] = []
        for one in left:
            outcome = became(one) if len(still) < _UNANSWERED else None
            if outcome is None:
                still.append(one)
            else:
                found[one.fact.number] = outcome
        left = still
        if left and time.monotonic() >= deadline:
            break
        if left:
            time.sleep(_PAUSE)
    return found | {one.fact.number: Outcome("no answer") for one in left}


def _became(client: httpx.Client, one: Sent) -> Outcome | None:
    """Return what became of a fact, None while that is not known."""
    said = _answer(client, _path(one.fact))
    if said is None:
        return None
    for refused in said["refused"]:
        if refused["address"] == one.address:
            return _refused(refused)
    fact = one.fact.fact
    if fact is None:
        raise TypeError("only what passed the gate was sent")
    for there in said["facts"]:
        if there["address"] == one.address:
            status: Status = "waiting" if there["state"] == "waiting" else "applied"
            return Outcome(status, _why(there))
        if there["month"] == fact.month and there.get("document") == orjson.loads(fact.document):
            # It lies there already, so what was sent is dropped whenever it is reached.
            return Outcome("applied" if one.address is None else "duplicate", f"first at {there['address']}")
    return None


def _tried_in_sandbox(client: httpx.Client, one: Sent) -> Outcome | None:
    """Return what the sandbox said of a fact, None while it said nothing."""
    said = _answer(client, _path(one.fact, sandbox=True))
    for verdict in () if said is None else said["verdicts"]:
        if one.address in {None, verdict["address"]}:
            return Outcome("accepted") if verdict["accepted"] else _refused(verdict["fault"])
    return None


def _answer(client: httpx.Client, path: str) -> dict[str, Any] | None:
    """Return what is said at a path, None while nothing is; what was sent is asked about again after any pause."""
    try:
        answer = client.get(path)
    except httpx.HTTPError:
        return None
    if answer.status_code in {httpx.codes.NOT_FOUND, httpx.codes.SERVICE_UNAVAILABLE}:
        return None
    if answer.status_code != httpx.codes.OK:
        raise WrongUse(f"everything was sent, yet no status can be read: {_problem(answer)}")
    said: dict[str, Any] = answer.json()
    return said


def _problem(answer: httpx.Response) -> str:
    try:
        return told_of(answer.json(), answer.status_code)
    except ValueError:
        return str(answer.status_code)
