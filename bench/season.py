"""Seasons of scoring as they lie in scoring's log: documents of the real form and size, made once and copied in.

Provinces, committees of nine, nominees, opened stages, and for every nominee and member a sheet: a mark for each
aspect, then the sheet as submitted. Every document is written by the kernel's own writer and chained as in production;
only the signature is a constant of the right size, since 80 µs an event would be most of the bench's time.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final, cast
from uuid import UUID

from kernel.canonical import Json, instant, uuid7, write_document
from kernel.decider import Position
from kernel.log import Connection
from schemas.codec import CODEC
from schemas.envelope import Event, Stage
from schemas.nomination import Candidate, CandidateNominated, CommitteeFormed, MemberAppointed
from schemas.scoring import AspectScored, PinnedRules, ScoreSheetSubmitted, ScoringOpened
from schemas.topics import source_of

MEMBERS: Final = 9
ASPECTS: Final = ("kebijakan", "peraturan", "kinerja")
EVENTS_A_SHEET: Final = len(ASPECTS) + 1
_BODY: Final = "panitia-9"
_OFFICE: Final = "kepala-bps"
_SEASONS: Final = ("2020", "2021", "2022")
_PROVINCES: Final = tuple(str(code) for code in range(11, 45))
_CATEGORIES: Final = ("KABKOTA", "BESAR", "MENENGAH", "UMKM")
_AT_ONCE: Final = 20_000
COLUMNS: Final = ("epoch", "xid", "stream", "version", "id", "type", "own", "hash", "document")
_FIRST_DAY: Final = datetime(2021, 2, 1, 2, tzinfo=UTC)
_RULES: Final = PinnedRules.model_validate(
    {
        "aspects": [
            {"code": code, "share": share, "origin": "judged", "least": "0", "greatest": "100", "step": "0.5"}
            for code, share in zip(ASPECTS, ("5/16", "5/16", "3/8"), strict=True)
        ],
        "method": "mean",
        "complete_sheet": "every-judged-aspect",
        "least_sheets": 3,
        "marks_of_removed": "kept-uncounted",
        "tie_break": ["aspect", "nomination-instant", "vote"],
        "places": 2,
        "rounding": "half-up",
        "conflict_scope": "candidate",
        "scoring_offices": [_OFFICE],
        "sealing_offices": ["sekretaris-panitia"],
    }
)

LogRow = tuple[str, int, str, str, bool, bytes, str]
"""Stream, version, id, type, own, hash, document."""


class _Stamp:
    """Signs everything with the same 64 bytes."""

    key_id = "3b30cbca9dad91cf"

    def sign(self, _message: bytes) -> bytes:
        """Return what has the size of a signature."""
        return bytes(64)


@dataclass(slots=True)
class _Stream:
    """Writes the events of one stream, one after another."""

    name: str
    service: str
    version: int = 0
    hash: bytes = b""

    def next(self, event: type[Event], data: Json, actor: str, time: str) -> LogRow:
        """Return the stream's next event."""
        type_name, schema, signed = _names(event)
        command = uuid7()
        attributes: Json = {
            "specversion": "1.0",
            "source": source_of(self.service),
            "time": time,
            "actor": actor,
            "office": _OFFICE,
            "commandid": command,
            "correlationid": command,
            "id": uuid7(),
            "type": type_name,
            "dataschema": schema,
            "subject": self.name,
            "streamversion": self.version + 1,
        }
        if self.version:
            attributes["prevhash"] = self.hash.hex()
        sealed = write_document(attributes, data, _STAMP if signed else None)
        self.version, self.hash = self.version + 1, sealed.hash
        own = self.service == "scoring"
        return self.name, self.version, sealed.id, type_name, own, sealed.hash, sealed.document


_STAMP: Final = _Stamp()
_NAMES: Final[dict[type[Event], tuple[str, str, bool]]] = {}


def _names(event: type[Event]) -> tuple[str, str, bool]:
    if event not in _NAMES:
        name = event.type_name()
        _NAMES[event] = name, f"urn:paritrana:schema:{name.removeprefix('id.go.paritrana.')}", event.signed
    return _NAMES[event]


@dataclass(slots=True)
class Seasons:
    """A generator of events, the same ones for the same seed but for ids and salts."""

    seed: int
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        """Begin the sequence of random numbers."""
        self._random = random.Random(self.seed)

    def events(self, count: int) -> Iterator[LogRow]:
        """Yield `count` events: all that sheets rest on, then the sheets of all stages side by side."""
        stages = [
            (season, province, category) for season in _SEASONS for province in _PROVINCES for category in _CATEGORIES
        ]
        nominees = max(1, count // len(stages) // (MEMBERS * EVENTS_A_SHEET + 1) + 1)
        return islice(self._all(stages, nominees), count)

    def sheets(self, count: int) -> Iterator[LogRow]:
        """Yield `count` events of sheets alone, of nominees of their own."""
        at = _stage("2021", "13", "KABKOTA")
        members = [self._id() for _ in range(MEMBERS)]

        def endless() -> Iterator[LogRow]:
            while True:
                nomination = self._id()
                for member in members:
                    yield from self._sheet(at, nomination, member)

        return islice(endless(), count)

    def _all(self, stages: list[tuple[str, str, str]], nominees: int) -> Iterator[LogRow]:
        members: dict[tuple[str, str], list[str]] = {}
        for season, province, _ in stages:
            if (season, province) not in members:
                members[season, province] = [self._id() for _ in range(MEMBERS)]
                yield from self._committee(season, province, members[season, province])
        for stage in stages:
            yield self._opening(_stage(*stage))
        for _ in range(nominees):
            chosen = [(_stage(*stage), self._id(), members[stage[:2]]) for stage in stages]
            for number, (at, nomination, _seated) in enumerate(chosen):
                yield self._nomination(at, nomination, number)
            for seat in range(MEMBERS):
                for at, nomination, seated in chosen:
                    yield from self._sheet(at, nomination, seated[seat])

    def _committee(self, season: str, province: str, members: list[str]) -> Iterator[LogRow]:
        stream = _Stream(f"committee/{season}/{province}", "nomination")
        place = {"season": season, "province": province, "body": _BODY}
        formed = {"decree": "Keputusan contoh", "term_from": "2021-01-04", "term_until": "2021-12-31"}
        yield stream.next(CommitteeFormed, place | formed, members[0], instant(_FIRST_DAY))
        for seat, person in enumerate(members, start=1):
            data = place | {"office": _OFFICE, "seat": seat, "person": person}
            yield stream.next(MemberAppointed, data, members[0], instant(_FIRST_DAY))

    def _opening(self, at: Json) -> LogRow:
        opened = ScoringOpened(
            at=Stage.model_validate(at),
            body=_BODY,
            rubric="pemerintah-daerah",
            rulebook_version=1,
            rulebook_hash="0" * 64,
            opens=_FIRST_DAY,
            closes=_FIRST_DAY + timedelta(days=28),
            rules=_RULES,
        )
        stream = _Stream(
            f"ranking/{at['season']}/{at['tier']}/{at['province']}/{at['category']}/{at['stage']}", "scoring"
        )
        return stream.next(ScoringOpened, CODEC.write(opened).data, self._id(), instant(_FIRST_DAY))

    def _nomination(self, at: Json, nomination: str, number: int) -> LogRow:
        nominated = CandidateNominated(
            nomination=nomination,
            entry=Stage.model_validate(at),
            candidate=Candidate(
                kind="employer", code=f"CONTOH-{number}", name=f"PT Contoh {number}", size_class="large"
            ),
            nominating_body=at["province"],
            nominated_by=self._id(),
            contact=self._id(),
            sample=True,
        )
        stream = _Stream(f"nomination/{nomination}", "nomination")
        return stream.next(CandidateNominated, CODEC.write(nominated).data, self._id(), self._moment())

    def _sheet(self, at: Json, nomination: str, member: str) -> Iterator[LogRow]:
        stream = _Stream(f"sheet/{nomination}/{at['tier']}-{at['stage']}/{member}", "scoring")
        marks = [{"aspect": aspect, "mark": f"{self._random.randrange(120, 201) / 2:g}"} for aspect in ASPECTS]
        of = {"nomination": nomination, "at": at, "member": member, "sample": True}
        for mark in marks:
            yield stream.next(AspectScored, of | {"mark": mark}, member, self._moment())
        whole = of | {"body": _BODY, "office": _OFFICE, "marks": marks, "rulebook_version": 1}
        yield stream.next(ScoreSheetSubmitted, whole, member, self._moment())

    def _id(self) -> str:
        return str(UUID(int=self._random.getrandbits(128), version=4))

    def _moment(self) -> str:
        return instant(_FIRST_DAY + timedelta(seconds=self._random.randrange(2_000_000)))


def _stage(season: str, province: str, category: str) -> Json:
    return {"season": season, "tier": "provincial", "province": province, "category": category, "stage": "seleksi"}


async def copy_in(owner: Connection, events: Iterator[LogRow]) -> Position:
    """Copy events into the log as one transaction's, by the owner's `connection`; return the position of the last.

    The caller opens the transaction.
    """
    xid = cast("int", await owner.fetchval("select pg_current_xact_id()"))
    head: tuple[Any, ...] = (1, xid)
    while part := [head + event for event in islice(events, _AT_ONCE)]:
        await owner.copy_records_to_table("events", records=part, columns=COLUMNS)
    return Position(1, xid, cast("int", await owner.fetchval("select max(position) from events")))
