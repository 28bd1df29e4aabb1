"""`paritrana ledger verify`: hold every row of the ledger of facts to the signed event that tells of its batch.

It connects as the owner of scoring's database, whose password lies in the stack's data folder, reads one snapshot, and
writes nothing. `services.scoring.verifying` says what it finds.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable
from typing import Annotated, Any, Final

import asyncpg
import typer

from cli.output import AsJson, Finding, WrongUse, show, show_progress
from cli.stack import Data
from cli.stores import owner_url
from kernel.migrate import OUR_SCHEMA
from services.scoring.verifying import Fault, Scope, Verified, Wrong, verify

_MONTH: Final = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
_KEPT: Final = 1_000
"""How many faults are shown; all are counted."""
_SIGNATURES: Final = (
    "that the batches' events are ours is checked by the audit: `paritrana audit export`, `audit verify`"
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    ledger = typer.Typer(help="The ledger of facts.", no_args_is_help=True, rich_markup_mode=None)
    ledger.callback()(_of_ledger)
    ledger.command(
        "verify",
        help="Hold the ledger's rows to the events of their batches; exit 1 when anything is wrong.\n\n"
        "Example: paritrana ledger verify\n\n"
        "Example: paritrana ledger verify --month 2021-03\n\n"
        "Example: paritrana ledger verify --sample 200",
    )(verify_ledger)
    app.add_typer(ledger, name="ledger")


def _of_ledger() -> None:
    """Verify the ledger of facts."""


def verify_ledger(
    month: Annotated[str | None, typer.Option("--month", help="Only batches with facts about this month.")] = None,
    sample: Annotated[
        int | None, typer.Option("--sample", min=1, max=1_000_000, help="Only so many batches, drawn by a seed.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="The seed of an earlier sample.")] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Verify the ledger."""
    scope = _scope(month, sample, seed)
    kept: list[Fault] = []
    remarks: list[Fault] = []

    def found(fault: Fault) -> None:
        one = remarks if fault.what is Wrong.SETTLED else kept
        if len(one) < _KEPT:
            one.append(fault)
            if not as_json:
                show_progress(_line(fault), as_json=False)

    def told(count: Verified) -> None:
        show_progress(f"{count.rows} rows, {count.rate} a second", as_json=as_json)

    counted = asyncio.run(_verified(owner_url("scoring", data), found, told, scope))
    wrong = sum(counted.faults.values())
    shown = [f"{wrong - len(kept)} more are wrong, too many to show"] if wrong > len(kept) else []
    lines = [*shown, *_drawn(scope), f"{counted.rows} rows of {counted.batches} batches in {counted.seconds:.1f} s"]
    if not wrong:
        lines.append("every row is as it was told")
    if counted.remarks:
        ids = "an id was" if counted.remarks == 1 else f"{counted.remarks} ids were"
        lines.append(f"{ids} used in two months, of which no more than one fact counts: nothing is to be done")
    show(_told(scope, counted, kept, remarks), [*lines, _SIGNATURES], as_json=as_json)
    if wrong:
        kinds = ", ".join(f"{count} {what.value}" for what, count in sorted(counted.faults.items()))
        raise Finding(f"the ledger is not what was told: {kinds} (docs/operator.md says what to do)")


def _scope(month: str | None, sample: int | None, seed: int | None) -> Scope:
    if month is not None and not _MONTH.fullmatch(month):
        raise WrongUse(f"{month} is no month: write it as 2021-03")
    if month is not None and sample is not None:
        raise WrongUse("look at a month or at a sample, not both")
    if seed is not None and sample is None:
        raise WrongUse("a seed draws a sample: give --sample too")
    return Scope(month, sample, secrets.randbelow(1 << 32) if seed is None else seed)


def _drawn(scope: Scope) -> list[str]:
    if scope.sample is None:
        return []
    return [f"a sample by --seed {scope.seed}: ids that were used twice and rows that no batch has are not looked for"]


def _line(fault: Fault) -> str:
    place = fault.topic if fault.partition is None else f"{fault.topic}/{fault.partition}"
    batch = "" if fault.batch is None else f" batch {fault.batch}"
    offsets = "" if fault.first is None else f" offsets {fault.first} to {fault.last}"
    months = f" ({', '.join(fault.months)})" if fault.months else ""
    where = f"{place}{batch}{offsets}{months}".strip()
    return f"{fault.what.value}: {where}: {fault.detail}" if where else f"{fault.what.value}: {fault.detail}"


def _told(scope: Scope, counted: Verified, kept: list[Fault], remarks: list[Fault]) -> dict[str, Any]:
    return {
        "month": scope.month,
        "sample": scope.sample,
        "seed": None if scope.sample is None else scope.seed,
        "rows": counted.rows,
        "batches": counted.batches,
        "seconds": round(counted.seconds, 3),
        "wrong": {what.value: count for what, count in counted.faults.items()},
        "faults": [_fault(fault) for fault in kept],
        "remarks": [_fault(fault) for fault in remarks],
    }


def _fault(fault: Fault) -> dict[str, Any]:
    return {
        "what": fault.what.value,
        "topic": fault.topic,
        "partition": fault.partition,
        "batch": fault.batch,
        "first": fault.first,
        "last": fault.last,
        "months": list(fault.months),
        "detail": fault.detail,
    }


async def _verified(
    url: str, found: Callable[[Fault], None], told: Callable[[Verified], None], scope: Scope
) -> Verified:
    try:
        connection = await asyncpg.connect(url, timeout=10, server_settings={**OUR_SCHEMA})
        try:
            return await verify(connection, found, told, scope)
        finally:
            await connection.close()
    except (OSError, asyncpg.PostgresError, TimeoutError) as error:
        raise WrongUse(f"the database of scoring cannot be used ({error}): is the stack running?") from error
