"""Who is told of an event: the nominating body's person and the nominee's contact, once each.

An intent is what is committed before anything is sent. Its message id is derived from the event, the person and the
template, so whatever is folded or sent again is the same message (RFC 5322 section 3.6.4 for the Message-ID that it
becomes). Intents hold codes and pseudonyms only; names are asked for when the message is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple, assert_never
from uuid import UUID, uuid5

from kernel.canonical import instant
from kernel.decider import Happened
from schemas.envelope import Stage
from schemas.nomination import Announced, CandidateNominated, NominationEliminated, RankingAnnounced, StageAdvanced

Template = Literal["nominated", "advanced", "eliminated", "announced"]
Role = Literal["nominating-body", "contact", "both"]
Announceable = CandidateNominated | StageAdvanced | NominationEliminated | RankingAnnounced

EVENT_OF: Final[Mapping[Template, str]] = {
    "nominated": "CandidateNominated",
    "advanced": "StageAdvanced",
    "eliminated": "NominationEliminated",
    "announced": "RankingAnnounced",
}
"""The event of each template, as a rulebook's `notices` name it."""


class Recipients(NamedTuple):
    """Whom a nomination's messages go to."""

    nominated_by: str
    contact: str

    def roles(self) -> Iterator[tuple[str, Role]]:
        """Return each person once, with the role that person is told in."""
        if self.nominated_by == self.contact:
            yield self.contact, "both"
        else:
            yield self.nominated_by, "nominating-body"
            yield self.contact, "contact"


@dataclass(frozen=True, slots=True)
class Notice:
    """What an event says to those whom it concerns. `about` are the nominations whose people are told."""

    cause: str
    template: Template
    season: str
    params: Mapping[str, Any]
    about: tuple[str, ...]
    sample: bool
    recorded: datetime


@dataclass(frozen=True, slots=True)
class Intent:
    """One person is to be told of one event."""

    message_id: UUID
    person: str
    role: Role
    notice: Notice


def message_id(cause: str, person: str, template: str) -> UUID:
    """Return the id of a message: a UUIDv5 in the namespace of its cause."""
    return uuid5(UUID(cause), f"{template} {person}")


def notice_of(happened: Happened) -> Notice:
    """Return what an event says, in codes."""
    event: Announceable = happened.event
    match event:
        case CandidateNominated():
            at, sample = event.entry, event.sample
            about: tuple[str, ...] = (event.nomination,)
            template: Template = "nominated"
            params: dict[str, Any] = {}
        case StageAdvanced():
            at, about, sample = event.left, (event.nomination,), event.sample
            template, params = "advanced", {"reached": _stage(event.reached), "rank": event.rank}
        case NominationEliminated():
            at, about, sample = event.at, (event.nomination,), event.sample
            template, params = "eliminated", {"rank": event.rank, "reason": event.reason}
        case RankingAnnounced():
            at, about, sample = event.at, tuple(one.nomination for one in event.lines), _any_sample(event)
            until = instant(event.appeals_until) if event.appeals_until else None
            template, params = "announced", {"lines": [_line(one) for one in event.lines], "appeals_until": until}
        case _:
            assert_never(event)
    return Notice(happened.id, template, at.season, params | {"at": _stage(at)}, about, sample, happened.time)


def _any_sample(event: RankingAnnounced) -> bool:
    return any(one.sample for one in event.lines)


def _line(one: Announced) -> dict[str, Any]:
    return {"nomination": one.nomination, "rank": one.rank, "outcome": one.outcome}


def _stage(at: Stage) -> dict[str, str]:
    return {"tier": at.tier, "province": at.province, "category": at.category, "stage": at.stage}


def intents_of(notice: Notice, known: Mapping[str, Recipients]) -> tuple[list[Intent], list[str]]:
    """Return whom a notice is sent to, each person once, and the nominations that are not known yet."""
    told: dict[str, Role] = {}
    missing: list[str] = []
    for nomination in dict.fromkeys(notice.about):
        recipients = known.get(nomination)
        if recipients is None:
            missing.append(nomination)
            continue
        for person, role in recipients.roles():
            told[person] = role if told.get(person, role) == role else "both"
    return list(_intents(notice, told.items())), missing


def _intents(notice: Notice, told: Iterable[tuple[str, Role]]) -> Iterator[Intent]:
    for person, role in told:
        yield Intent(message_id(notice.cause, person, notice.template), person, role, notice)
