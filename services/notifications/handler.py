"""Fold what was received into whom to tell, and commit the intent to tell them: the handler `notifications/intents`.

It keeps, with its checkpoint, each season's rulebook and each nomination's people, whether it may act or not; intents
it makes only for what follows its `ReactionEnabled`, so a rebuild or a replay sends nothing. An announcement about a
nomination that is still on its way (another partition) waits as a row until that nomination is here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, cast
from uuid import UUID

import orjson

from kernel.log import Connection
from kernel.reactor import Effects, Live, Write
from kernel.sql import queries
from schemas.nomination import (
    CandidateNominated,
    NominationEliminated,
    RankingAnnounced,
    RulebookAmended,
    RulebookPublished,
    StageAdvanced,
)
from services.notifications.domain.intents import Intent, Notice, Recipients, Template, intents_of, notice_of

SQL: Final = queries(Path(__file__).with_name("queries.sql"))
_TOLD: Final = (CandidateNominated, StageAdvanced, NominationEliminated, RankingAnnounced)


class IntentHandler:
    """The handler; `committed` is called after every commit, so that the sender looks at once."""

    name: str = "notifications/intents"
    types: frozenset[str] = frozenset(model.type_name() for model in (*_TOLD, RulebookPublished, RulebookAmended))

    def __init__(self, committed: Callable[[], None]) -> None:
        self._committed = committed

    def settled(self, committed: bool) -> None:  # noqa: FBT001 - the kernel's protocol
        """Wake the sender; nothing is cached."""
        if committed:
            self._committed()

    async def prepare(self, batch: Sequence[Live], read: Connection) -> Effects:
        """Return the rows that a batch leads to."""
        fold = _Fold(await _known(batch, read), await _waiting(batch, read))
        for live in batch:
            fold.take(live)
        return Effects(writes=fold.writes)


class _Fold:
    """One batch folded onto what is known, in the log's order."""

    def __init__(self, known: dict[str, Recipients], waiting: dict[str, list[Notice]]) -> None:
        self._known = known
        self._waiting = waiting
        self.writes: list[Write] = []

    def take(self, live: Live) -> None:
        event = live.happened.event
        if isinstance(event, RulebookPublished | RulebookAmended):
            self._write("put_season", event.season, event.version, orjson.dumps(event.content).decode())
            return
        if isinstance(event, CandidateNominated):
            self._know(event)
        if live.acting and isinstance(event, _TOLD):
            self._tell(notice_of(live.happened))
        if isinstance(event, CandidateNominated):
            self._tell_what_waited(event.nomination)

    def _know(self, event: CandidateNominated) -> None:
        self._known.setdefault(event.nomination, Recipients(event.nominated_by, event.contact))
        people = (UUID(event.nominated_by), UUID(event.contact))
        self._write("put_nomination", UUID(event.nomination), *people, event.candidate.name)

    def _tell_what_waited(self, nomination: str) -> None:
        held = self._waiting.pop(nomination, [])
        for notice in held:
            self._tell(replace(notice, about=(nomination,)))
        if held:
            self._write("end_waiting", UUID(nomination))

    def _tell(self, notice: Notice) -> None:
        intents, missing = intents_of(notice, self._known)
        for intent in intents:
            self._write("put_intent", *_intent_row(intent))
        for nomination in missing:
            self._waiting.setdefault(nomination, []).append(notice)
            self._write("put_waiting", *_waiting_row(notice, nomination))

    def _write(self, query: str, *arguments: Any) -> None:
        self.writes.append((SQL[query], arguments))


def _intent_row(intent: Intent) -> tuple[Any, ...]:
    notice = intent.notice
    return (
        intent.message_id,
        UUID(notice.cause),
        UUID(intent.person),
        intent.role,
        notice.template,
        notice.season,
        _json(notice.params),
        _named(notice),
        notice.sample,
        notice.recorded,
    )


def _named(notice: Notice) -> list[UUID]:
    """Return every nomination that the message names, for which it waits."""
    lines = notice.params.get("lines")
    return [UUID(line["nomination"]) for line in lines] if lines else [UUID(one) for one in notice.about]


def _waiting_row(notice: Notice, nomination: str) -> tuple[Any, ...]:
    head = (UUID(notice.cause), UUID(nomination), notice.season, notice.template)
    return (*head, _json(notice.params), notice.sample, notice.recorded)


def _json(params: Any) -> str:
    return orjson.dumps(params, option=orjson.OPT_SORT_KEYS).decode()


async def _known(batch: Sequence[Live], read: Connection) -> dict[str, Recipients]:
    asked = {nomination for live in batch for nomination in _concerned(live)}
    rows = await read.fetch(SQL["known_nominations"], [UUID(nomination) for nomination in asked])
    return {str(row["nomination"]): Recipients(str(row["nominated_by"]), str(row["contact"])) for row in rows}


def _concerned(live: Live) -> Iterator[str]:
    event = live.happened.event
    if isinstance(event, _TOLD):
        yield from notice_of(live.happened).about


async def _waiting(batch: Sequence[Live], read: Connection) -> dict[str, list[Notice]]:
    nominated = [UUID(live.happened.event.nomination) for live in batch if _is_nominated(live)]
    held: dict[str, list[Notice]] = {}
    for row in await read.fetch(SQL["waiting_for"], nominated) if nominated else ():
        nomination = str(row["nomination"])
        notice = Notice(
            str(row["cause"]),
            cast("Template", row["template"]),
            row["season"],
            orjson.loads(row["params"]),
            (nomination,),
            row["sample"],
            row["recorded"],
        )
        held.setdefault(nomination, []).append(notice)
    return held


def _is_nominated(live: Live) -> bool:
    return isinstance(live.happened.event, CandidateNominated)
