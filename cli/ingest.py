"""`paritrana ingest pause|resume|status|again`: stop and go on, see how far it is, read a day a second time.

They connect as the owner of scoring's database, whose password lies in the stack's data folder, and ask the broker; no
service has to run. Each act is noted in that database with the account that gave the command. Consumers learn of it
within a second or so (`services.scoring.operating` says why that is safe while they run).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar
from zoneinfo import ZoneInfo

import asyncpg
import typer

from cli.addresses import broker_address, running_stack
from cli.output import AsJson, WrongUse, show, table, visible
from cli.stack import Data
from cli.stores import account, owner_url
from kernel.broker import AWAY
from kernel.log import Connection
from kernel.migrate import OUR_SCHEMA
from schemas.regions import NATION_ZONE
from schemas.topics import OF_FACTS
from services.scoring.ingest import GROUP
from services.scoring.operating import Again, IngestState, PartitionState, day_again, ingest_state, move_back, switch

T = TypeVar("T")
_ZONE: Final = ZoneInfo(NATION_ZONE)
_LONGEST: Final = 500
_COLUMNS: Final = ("topic", "partition", "next", "end", "lag", "oldest waiting", "consumer")
_REFUSED: Final = ("topic", "reason", "publisher", "refused")

Topic = Annotated[str | None, typer.Option("--topic", help="Only this topic, as bpjs.contributions.v1; else all.")]
Why = Annotated[str, typer.Option("--reason", help="Why, for those who come after; it is kept.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    ingest = typer.Typer(
        help="Ingest of facts: pause, resume, status, a day again.", no_args_is_help=True, rich_markup_mode=None
    )
    ingest.callback()(_of_ingest)
    ingest.command(
        "pause",
        help="Let no consumer read a topic any further, until it is resumed.\n\n"
        'Example: paritrana ingest pause --topic bpjs.coverage.v1 --reason "sipp sends March again"',
    )(pause)
    ingest.command("resume", help="Let a paused topic be read on.\n\nExample: paritrana ingest resume")(resume)
    ingest.command(
        "status",
        help="Show how far each partition is, who reads it, and what was refused today.\n\n"
        "Example: paritrana ingest status --json",
    )(status)
    ingest.command(
        "again",
        help="Read again what came since the start of a day (WIB); what is in the ledger already is dropped.\n\n"
        "Example: paritrana ingest again --day 2021-04-13 --topic bpjs.contributions.v1",
        no_args_is_help=True,
    )(again)
    app.add_typer(ingest, name="ingest")


def _of_ingest() -> None:
    """Pause, resume and watch ingest; read a day again."""


# --- pause and resume ----------------------------------------------------------------------------------------------


def pause(topic: Topic = None, reason: Why = "", data: Data = None, as_json: AsJson = False) -> None:
    """Pause topics."""
    _switch(topic, reason, data, paused=True, as_json=as_json)


def resume(topic: Topic = None, reason: Why = "", data: Data = None, as_json: AsJson = False) -> None:
    """Resume topics."""
    _switch(topic, reason, data, paused=False, as_json=as_json)


def _switch(topic: str | None, reason: str, data: Path | None, *, paused: bool, as_json: bool) -> None:
    topics, why = _topics(topic), _said(reason)

    async def work(connection: Connection) -> list[str]:
        return await switch(connection, topics, account(), why, paused=paused)

    changed = _asked(data, work)
    noted = "was paused already; the reason is noted" if why else "was paused already"
    state, already = ("paused", noted) if paused else ("resumed", "was not paused")
    lines = [f"{name}: {state if name in changed else already}" for name in topics]
    if changed and paused:
        lines.append("consumers stop within a second or so; what waits stays on the broker")
    show({"changed": changed, "paused": paused}, lines, as_json=as_json)


# --- status --------------------------------------------------------------------------------------------------------


def status(topic: Topic = None, data: Data = None, as_json: AsJson = False) -> None:
    """Show how far ingest is."""
    topics, servers, now = _topics(topic), broker_address(data), _now(data)

    async def work(connection: Connection) -> IngestState:
        return await ingest_state(connection, servers, topics, GROUP, now)

    found = _asked(data, work)
    show(_told(found, topics), _lines(found), as_json=as_json)


def _told(found: IngestState, topics: Sequence[str]) -> dict[str, Any]:
    return {
        "topics": [
            {
                "topic": topic,
                "paused": topic in found.paused,
                "switched": {**found.paused[topic]} if topic in found.paused else None,
                "lag": sum(one.lag for one in found.partitions if one.topic == topic),
                "partitions": [_partition(one) for one in found.partitions if one.topic == topic],
            }
            for topic in topics
        ],
        "consumers": list(found.consumers),
        "day": found.day.isoformat(),
        "refused": [dict(row) for row in found.refused],
    }


def _partition(one: PartitionState) -> dict[str, Any]:
    return {
        "partition": one.partition,
        "next": one.next,
        "end": one.end,
        "lag": one.lag,
        "oldest_waiting": one.oldest,
        "consumer": one.consumer,
    }


def _lines(found: IngestState) -> list[str]:
    rows = [
        {
            "topic": one.topic,
            "partition": one.partition,
            "next": "-" if one.next is None else one.next,
            "end": one.end,
            "lag": one.lag,
            "oldest waiting": _local(one.oldest),
            "consumer": one.consumer or "-",
        }
        for one in found.partitions
    ]
    lines = table(rows, _COLUMNS) if rows else ["no topic of facts is there: `paritrana up` makes them"]
    lines += ["", f"consumers: {len(found.consumers)}, records that wait: {sum(one.lag for one in found.partitions)}"]
    for topic, said in found.paused.items():
        who = f" by {said['who']} since {_local(said['at'])}" if said["who"] else ""
        lines.append(f"{topic} is paused{who}" + (f": {said['said']}" if said["said"] else ""))
    lines.append("")
    if not found.refused:
        return [*lines, f"nothing was refused on {found.day}"]
    refused = [
        {**row, "publisher": row["publisher"] or "unknown", "refused": row["count"]} for row in found.refused
    ]  # fmt: skip
    return [*lines, f"refused on {found.day} (`paritrana dlq list` has the messages)", *table(refused, _REFUSED)]


def _local(moment: datetime | None) -> str:
    return "-" if moment is None else f"{moment.astimezone(_ZONE):%Y-%m-%d %H:%M:%S} WIB"


# --- a day again ---------------------------------------------------------------------------------------------------


def again(
    day: Annotated[str, typer.Option("--day", help="From the start of this day by the nation's clock (WIB).")],
    topic: Topic = None,
    reason: Why = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Read again what came since the start of a day."""
    wanted, topics, why, servers = _day(day), _topics(topic), _said(reason), broker_address(data)

    async def plan(connection: Connection) -> Again:
        return await day_again(connection, servers, topics, wanted)

    found = _asked(data, plan)
    if found.records and not yes:
        _confirm(found)

    async def move(connection: Connection) -> int:
        return await move_back(connection, found, account(), why) if found.records else 0

    count = _asked(data, move)
    lines = [f"{count} records are read again; what the ledger has already is dropped", *_cut(found)]
    if not count:
        lines = [f"nothing was taken since {wanted} began: there is nothing to read again", *_cut(found)]
    value = {
        "records": count,
        "positions": [
            {"topic": step.topic, "partition": step.partition, "from": step.position, "to": step.start}
            for step in found.steps if step.records
        ],
    }  # fmt: skip
    show(value, lines, as_json=as_json)


def _confirm(found: Again) -> None:
    """Say what is read again, and raise WrongUse unless that is agreed to."""
    for step in found.steps:
        if step.records:
            place = f"{step.topic}/{step.partition}"
            typer.echo(visible(f"{place}: {step.records} records, from {step.start} to {step.position}"), err=True)
    for line in _cut(found):
        typer.echo(visible(line), err=True)
    try:
        if typer.confirm(f"Read {found.records} records again?", err=True):
            return
    except typer.Abort:
        typer.echo("", err=True)
    raise WrongUse("no position was moved: agree, or give --yes")


def _cut(found: Again) -> list[str]:
    lines = [
        f"{step.topic}/{step.partition} holds nothing before {step.first}: what was dropped by age is not read again"
        for step in found.steps if step.is_cut and step.records
    ]  # fmt: skip
    return lines + [
        f"{place.topic}/{place.partition} has a position of another cluster: ingest begins there anew by itself"
        for place in found.strange
    ]


# --- what the commands share ---------------------------------------------------------------------------------------


def _topics(topic: str | None) -> list[str]:
    if topic is not None and topic not in OF_FACTS:
        raise WrongUse(f"{topic} is no topic of facts: choose one of {', '.join(OF_FACTS)}")
    return list(OF_FACTS) if topic is None else [topic]


def _said(reason: str) -> str:
    if len(reason) > _LONGEST:
        raise WrongUse(f"the reason has {len(reason)} characters: at most {_LONGEST}")
    return reason.replace("\0", "")


def _day(text: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError as error:
        raise WrongUse(f"{text} is no day: write it as 2021-04-13") from error


def _now(data: Path | None) -> datetime:
    """Return the time by the clock that facts are received by: the running stack's, else this machine's."""
    found = running_stack(data)
    return datetime.now(UTC) if found is None else datetime.fromisoformat(found["clock"]["now"])


def _asked(data: Path | None, work: Callable[[Connection], Awaitable[T]]) -> T:
    url = owner_url("scoring", data)

    async def run() -> T:
        try:
            connection = await asyncpg.connect(url, timeout=10, server_settings={**OUR_SCHEMA})
        except (OSError, asyncpg.PostgresError, TimeoutError) as error:
            raise WrongUse(f"the database of scoring cannot be used ({error}): is the stack running?") from error
        try:
            return await work(connection)
        except asyncpg.PostgresError as error:
            raise WrongUse(f"the database of scoring refused: {error}") from error
        except AWAY as error:
            raise WrongUse(f"the broker does not answer ({type(error).__name__}): is the stack running?") from error
        finally:
            await connection.close()

    return asyncio.run(run())
