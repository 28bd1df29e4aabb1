"""What is read of the sandbox: what the gate said of a message that somebody tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from kernel.canonical import Json
from kernel.service import Service
from schemas.topics import SANDBOX
from services.scoring.ledger_reads import fault_of, place_document
from services.scoring.sandbox import SQL


async def verdicts_on(here: Service, name: tuple[str, str], topics: Sequence[str], *, whole: bool) -> list[Json]:
    """Return what was said of messages of a name, in the sandboxes of topics, the newest first; `whole`: with content.

    At most 100 of them.
    """
    rows = await here.pool.fetch(SQL["of_name"], *name, _sandboxes(topics))
    return [_verdict(row, whole=whole) for row in rows]


async def latest_verdicts(
    here: Service,
    topics: Sequence[str],
    publisher: str | None,
    after: Sequence[Any] | None,
    limit: int,
    *,
    whole: bool,
) -> list[Json]:
    """Return the newest verdicts of the sandboxes of topics, after the key of one."""
    key = after or (None, None, None, None)
    rows = await here.pool.fetch(SQL["latest"], _sandboxes(topics), publisher, *key, limit)
    return [_verdict(row, whole=whole) for row in rows]


def _sandboxes(topics: Sequence[str]) -> list[str]:
    return [f"{topic}{SANDBOX}" for topic in topics]


def _verdict(row: Mapping[str, Any], *, whole: bool) -> Json:
    """Return a verdict in the words of the dry run, and the place of the message."""
    told = place_document(row)
    if row["document"] is None:
        return told | {"accepted": False, "fault": fault_of(row)}
    names = {"publisher": "publisher", "id": "id", "type": "kind", "subject": "subject", "month": "month"}
    fact = {name: row[column] for name, column in names.items()} | {"target": row["target"]}
    if whole:
        fact["document"] = orjson.loads(row["document"])
    return told | {"accepted": True, "fact": fact}
