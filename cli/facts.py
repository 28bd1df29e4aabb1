"""`paritrana facts publish`: facts of a file onto their topics, and what became of each.

For the smoke test of a publisher's system, and for a day that is sent by hand. Every line is judged first, by the gate
that ingest uses and then by scoring, which knows the ledger and whose topics these are; nothing is sent while one is
wrong. Then each is published as a publisher's own program would do it, and scoring is asked until it has a status. To
publish a file twice does no harm: a fact counts once.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import httpx
import typer

from cli.addresses import broker_address
from cli.asking import Scoring, scoring_at, token_of
from cli.fact_asking import Outcome, Sent, became, progress, refused, rehearsed, set_aside, tried
from cli.fact_files import HEADERS, FileFact, facts_in, read_file
from cli.output import AsJson, Finding, WrongUse, show, table
from cli.service import Login
from kernel.broker import AWAY, Broker, Place, Record
from kernel.partition import partition_of
from schemas.fact_reading import FactReason, ReadFact
from schemas.topics import CONTRIBUTIONS, COVERAGE, OF_FACTS, SANDBOX

_CLIENT: Final = "paritrana-facts"
_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 2.0
"""Between two looks; while nothing new is known each pause is twice the one before, up to this."""
_LOOKED_AT: Final = 16
"""Of so many facts without a status it is asked one by one, at the end, whether they were refused."""
_COLUMNS: Final = ("line", "publisher", "id", "status", "why")
_BAD: Final = ("refused", "no answer")


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
    if good:
        with scoring_at(scoring, token_of(login)) as client:
            would = tried(client, good, sending=not (dry_run or sandbox))
            outcomes |= {number: one for number, one in would.items() if dry_run or _stops(one, sandbox=sandbox)}
            good = [one for one in good if one.number not in outcomes]
            if good and not dry_run and (skip_wrong or not outcomes):
                sent = _asked(_published(broker_address(), good, SANDBOX if sandbox else ""))
                places = {one.fact.number: one.address for one in sent}
                outcomes |= _became_of(client, sent, timeout, sandbox=sandbox)
    _show(name, facts, outcomes, places, as_json=as_json)
    if not (dry_run or skip_wrong or places):
        raise Finding(f"nothing was sent: correct {_count(outcomes, 'fact')}, or give --skip-wrong")
    _end(outcomes, timeout)


def _stops(one: Outcome, *, sandbox: bool) -> bool:
    """Tell whether a fact is not to be sent; an id that the ledger has may be tried in the sandbox all the same."""
    return one.fault is not None and not (sandbox and one.fault["reason"] == FactReason.USED_ID)


def _became_of(client: httpx.Client, sent: Sequence[Sent], timeout: float, *, sandbox: bool) -> dict[int, Outcome]:
    if sandbox:
        return _followed(sent, lambda left: rehearsed(client, left), lambda _: None, timeout)
    return _followed(sent, lambda left: became(client, left), lambda one: set_aside(client, one), timeout)


# --- what is said --------------------------------------------------------------------------------------------------


def _wrong(one: FileFact) -> Outcome:
    fault = one.judged
    if isinstance(fault, ReadFact):
        raise TypeError("only what is wrong is asked about")
    return refused(fault.document)


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
    wrong, silent = ({number: one for number, one in outcomes.items() if one.status == bad} for bad in _BAD)
    if wrong:
        raise Finding(f"{_count(wrong, 'fact')} refused: correct what is said there, and publish again")
    if silent:
        raise Finding(
            f"{_count(silent, 'fact')} without a status after {timeout:g} s: see `paritrana status` for ingest; to "
            "publish the file again does no harm"
        )


def _count(some: dict[int, Any], what: str) -> str:
    return f"{len(some)} {what}{'' if len(some) == 1 else 's'}"


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


_Look = Callable[[Sequence[Sent]], dict[int, Outcome]]
"""Tells what became of those of some facts of which that is known."""


def _followed(
    sent: Sequence[Sent], look: _Look, last_look: Callable[[Sent], Outcome | None], timeout: float
) -> dict[int, Outcome]:
    """Look until every fact has a status, or the time is over; return each by its number."""
    found: dict[int, Outcome] = {}
    left, deadline, pause = list(sent), time.monotonic() + timeout, _PAUSE
    while left:
        news = look(left)
        found |= news
        pause = _PAUSE if news else min(2 * pause, _LONGEST_PAUSE)
        left = [one for one in left if one.fact.number not in found]
        progress("known of", len(found), len(sent))
        if left and time.monotonic() >= deadline:
            break
        if left:
            time.sleep(pause)
    unknown = {one.fact.number: None if place >= _LOOKED_AT else last_look(one) for place, one in enumerate(left)}
    return found | {number: outcome or Outcome("no answer") for number, outcome in unknown.items()}
