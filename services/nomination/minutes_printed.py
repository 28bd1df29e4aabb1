"""Minutes as they are printed: gathers from the log what the sheet cites, as it stood when the meeting ended.

`projections.minutes_read` has the minutes as they are read by programs: the record in the words of its events. The
sheet is laid out from decoded events, with names, tables and sentences, and is marked while the meeting goes on.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kernel.codec import Codec, happened
from kernel.decider import Happened, Position
from kernel.log import Connection, Recorded, read_stream, recorded
from kernel.persons import Directory
from kernel.service import Service
from schemas.nomination import (
    AppealDecided,
    AppealLodged,
    AppealMotionOpened,
    Candidate,
    DecisionContested,
    PlenaryAdjourned,
)
from schemas.rulebook import Rulebook
from schemas.scoring import RankingSealed
from schemas.service import ServiceKeyPublished
from services.nomination.api.parts import SQL
from services.nomination.documents.meeting import (
    Cited,
    Fallen,
    Head,
    Holder,
    Marks,
    MeetingRecord,
    Opening,
    minutes_of,
    record_of,
)
from services.nomination.documents.sheets import MinutesSheet
from services.nomination.domain.appeal import appeal_stream
from services.nomination.domain.committee import COMMITTEE, Committee, committee_stream
from services.nomination.domain.late_conflicts import late_conflicts
from services.nomination.domain.local_time import day_of
from services.nomination.domain.lost_votes import lost_votes
from services.nomination.domain.nomination import NOMINATION, candidate_of, nomination_stream
from services.nomination.domain.plenary import PLENARY, Motion, Plenary, plenary_stream
from services.nomination.domain.season import SEASON, Season, known, season_stream


@dataclass(frozen=True, slots=True)
class _Gathered:
    """What one look at the log gives: the meeting's events, and those that it cites."""

    record: MeetingRecord
    events: list[Recorded]
    rules: Rulebook
    season: Season
    meeting: Plenary
    committee: Committee
    seals: Mapping[str, RankingSealed]
    results: Mapping[tuple[str, int], Any]
    appeals: Mapping[str, int]
    grounds: Mapping[str, str]
    texts: Mapping[str, str | None]
    keys: tuple[str, ...]
    others: tuple[MeetingRecord, ...]


async def printed_minutes(service: Service, directory: Directory, plenary: str, address: str) -> MinutesSheet | None:
    """Return the sheet of a plenary's minutes, None when there is no such plenary. Raises DirectoryAway.

    `address` is where the minutes are read again.
    """
    async with service.pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        found = await _gather(connection, service.parts.codec, plenary)
    if found is None:
        return None
    record, last = found.record, found.events[-1]
    body = found.committee.bodies[record.convened.body]
    zone = found.rules.zone(record.convened.province)
    holders = [Holder(seat.office, seat.number, person) for seat, person in body.holders.items()]
    nominees = await _candidates(service, _nominations(found))
    conflicting = {seal: [*_conflicting(said, found, nominees)] for seal, said in found.seals.items()}
    late = {one.person for listed in conflicting.values() for one in listed}
    open_ = found.meeting.undecided
    fallen = {motion.number: [*_fallen(motion, found, nominees)] for motion in open_}
    late |= {who for listed in fallen.values() for one in listed for who in (one.person, one.by) if who}
    recused = {motion.number: sorted(_recused(motion, found, nominees)) for motion in open_}
    late |= {person for persons in recused.values() for person in persons}
    cited = Cited(
        rules=found.rules,
        decree=body.term_at(day_of(record.convened.scheduled, zone)).decree,
        holders=holders,
        names=await directory.names({*record.persons, *late, *(one.person for one in holders)}),
        seals=found.seals,
        candidates={id_: candidate.name for id_, candidate in nominees.items()},
        results=found.results,
        appeals=found.appeals,
        grounds=found.grounds,
        texts=found.texts,
        head=Head(last.version, last.hash.hex()),
        keys=found.keys or (hashlib.sha256(service.signer.public_key).hexdigest(),),
        address=address,
        others=found.others,
        conflicting=conflicting,
        recused=recused,
        fallen={number: listed for number, listed in fallen.items() if listed},
    )
    return minutes_of(record, cited)


def _conflicting(said: RankingSealed, found: _Gathered, nominees: Mapping[str, Candidate]) -> Iterator[Marks]:
    for late in late_conflicts(said, found.committee, found.rules.conflicts, nominees):
        yield Marks(late.person, late.nomination, late.counts)


def _rules_of(motion: Motion, found: _Gathered) -> Rulebook:
    """Return the rules that a motion goes by: its seal's, where its seal is known here."""
    said = found.seals.get(motion.seal or "")
    return found.season.rulebook if said is None else found.season.rulebooks[said.rulebook_version]


def _recused(motion: Motion, found: _Gathered, nominees: Mapping[str, Candidate]) -> set[str]:
    """Return who sat in the body at the end of the meeting and could take no part in a motion."""
    named = {one: nominees.get(one) for one in motion.nominations}
    recused = found.committee.recused(_rules_of(motion, found).conflicts, motion.item.category, named)
    return set(recused) & set(found.committee.bodies[found.meeting.body].holders.values())


def _fallen(motion: Motion, found: _Gathered, nominees: Mapping[str, Candidate]) -> Iterator[Fallen]:
    for lost in lost_votes(motion, found.meeting, _rules_of(motion, found), found.committee, nominees):
        yield Fallen(lost.person, lost.cause, lost.cast, lost.by, lost.since, lost.later)


async def _gather(connection: Connection, codec: Codec, plenary: str) -> _Gathered | None:
    events = await read_stream(connection, plenary_stream(plenary))
    record = record_of(happened(event, codec) for event in events)
    if record is None:
        return None
    end = _end_of(events, codec)
    convened = record.convened
    season = known(SEASON.fold(await _until(connection, codec, season_stream(convened.season), end)))
    meeting = PLENARY.fold(happened(event, codec) for event in events)
    committees = await _until(connection, codec, committee_stream(convened.season, convened.province), end)
    if season is None or not isinstance(meeting, Plenary):
        return None
    decided = [motion.decided.rulebook_version for motion in record.motions.values() if motion.decided]
    return _Gathered(
        record=record,
        events=events,
        rules=season.rulebooks[max(decided)] if decided else season.rulebook,
        season=season,
        meeting=meeting,
        committee=COMMITTEE.fold(committees),
        seals=await _seals(connection, codec, record),
        results=await _at(connection, codec, record.results),
        appeals=await _appeals(connection, codec, record),
        grounds=await _grounds(connection, codec, record),
        texts=await _texts(connection, record),
        keys=await _keys(connection, events),
        others=tuple([one async for one in _others(connection, codec, plenary)]),
    )


async def _others(connection: Connection, codec: Codec, plenary: str) -> AsyncIterator[MeetingRecord]:
    """Yield the other meetings of the body."""
    rows = await connection.fetch(SQL["meetings_beside"], plenary)
    for other in dict.fromkeys(row["plenary"] for row in rows):
        record = record_of(happened(event, codec) for event in await read_stream(connection, plenary_stream(other)))
        if record is not None:
            yield record


def _end_of(events: list[Recorded], codec: Codec) -> Position:
    """Return where the meeting ended, or has come to: corrigenda come later, when others may sit in the body."""
    for event in events:
        if isinstance(happened(event, codec).event, PlenaryAdjourned):
            return event.position
    return events[-1].position


async def _until(connection: Connection, codec: Codec, stream: str, end: Position) -> list[Happened]:
    return [happened(event, codec) for event in await read_stream(connection, stream) if event.position <= end]


async def _seals(connection: Connection, codec: Codec, record: MeetingRecord) -> dict[str, RankingSealed]:
    points = {(event.ranking, event.seal_version): event.seal for _, event in record.tabled}
    found = await _at(connection, codec, points)
    return {points[point]: event for point, event in found.items() if isinstance(event, RankingSealed)}


async def _appeals(connection: Connection, codec: Codec, record: MeetingRecord) -> dict[str, int]:
    """Return the number of each appeal that the meeting dealt with, as its award counts them."""
    said, numbers = record.convened, dict[str, int]()
    for category in {one.opened.item.category for one in record.motions.values() if _is_appeal(one.opened)}:
        award = f"award/{said.season}/{said.tier}/{said.province}/{category}"
        for event in await read_stream(connection, award):
            contested = happened(event, codec).event
            if isinstance(contested, DecisionContested):
                numbers[contested.appeal] = contested.number
    return numbers


async def _grounds(connection: Connection, codec: Codec, record: MeetingRecord) -> dict[str, str]:
    """Return the digest of the grounds of each appeal that the meeting dealt with, as it was lodged."""
    opened = (one.opened for one in record.motions.values())
    streams = {appeal_stream(one.appeal): one.appeal for one in opened if isinstance(one, AppealMotionOpened)}
    lodged = await _at(connection, codec, [(stream, 1) for stream in streams])
    return {
        streams[stream]: event.reason_digest for (stream, _), event in lodged.items() if isinstance(event, AppealLodged)
    }


def _is_appeal(opened: Opening) -> bool:
    return isinstance(opened, AppealMotionOpened)


async def _at(connection: Connection, codec: Codec, points: Iterable[tuple[str, int]]) -> dict[tuple[str, int], Any]:
    """Return the events that stand at these streams and versions."""
    wanted = list(points)
    rows = await connection.fetch(SQL["events_at"], [one[0] for one in wanted], [one[1] for one in wanted])
    events = [recorded(row) for row in rows]
    return {(event.stream, event.version): happened(event, codec).event for event in events}


async def _texts(connection: Connection, record: MeetingRecord) -> dict[str, str | None]:
    digests = [event.text_digest for _, event in record.corrigenda]
    rows = await connection.fetch(SQL["texts_by_digest"], digests)
    return {row["digest"]: row["body"] for row in rows}


async def _keys(connection: Connection, events: Iterable[Recorded]) -> tuple[str, ...]:
    """Return the SHA-256, in hex, of each raw public key that signed here, in the order of their first use."""
    used = dict.fromkeys(event.doc["signaturekey"] for event in events if "signaturekey" in event.doc)
    published = {
        event.data["key_id"]: event.data["public_key"]
        for event in await read_stream(connection, "service/nomination")
        if event.type == ServiceKeyPublished.type_name()
    }
    return tuple(hashlib.sha256(b64decode(published[key])).hexdigest() for key in used if key in published)


def _nominations(found: _Gathered) -> set[str]:
    """Return every nomination that the minutes name."""
    named: set[str] = set()
    for seal in found.seals.values():
        named |= {row.nomination for row in seal.standings} | {row.nomination for row in seal.unrankable}
    for motion in found.record.motions.values():
        named |= motion.nominations
    # An appeal moves others than the one who appealed, and its meeting need not have tabled their ranking.
    for event in found.results.values():
        if isinstance(event, AppealDecided):
            named |= {row.nomination for row in event.standings or ()} | {
                row.nomination for row in event.unrankable or ()
            }
    return named | {event.nomination for event in found.results.values() if getattr(event, "nomination", None)}


async def _candidates(service: Service, nominations: Iterable[str]) -> dict[str, Candidate]:
    """Return the candidate of each nomination that names one."""
    found: dict[str, Candidate] = {}
    for nomination in sorted(nominations):
        candidate = candidate_of(await service.executor.state(NOMINATION, nomination_stream(nomination)))
        if candidate is not None:
            found[nomination] = candidate
    return found
