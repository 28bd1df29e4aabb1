"""A season's export as an auditor gets it, made without any service: what the verifier and a replay are measured on.

Provinces, committees of nine, nominees, opened stages, a sheet for every nominee and member, closed stages and their
seals, computed by scoring's own domain; and deliveries, each caused by an event, as many as bring the signed events to
54 in a hundred: in the seasons that the demo plays it is 52. Written by `export_folder`, with the log's tree.
The same number of events gives the same shapes, but for ids, salts and keys.
"""

from __future__ import annotations

import hashlib
import random
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid5

from bench.export_folder import ExportFolder, Made
from kernel.canonical import uuid7
from kernel.decider import Decision, Happened, Refusal
from schemas.envelope import Event, Stage
from schemas.nomination import Candidate, CandidateNominated, CommitteeFormed, MemberAppointed
from schemas.notifications import NotificationDelivered
from schemas.rulebook import Rulebook
from schemas.rulebook_file import read_rulebook
from schemas.scoring import AspectScored, Mark, ScoreSheetSubmitted, ScoringClosed
from schemas.service import ServiceKeyPublished
from services.nomination.domain.season import SEASON, OpenSeason, open_season
from services.scoring.domain import received, stage
from services.scoring.domain.seal import FiledSheet, Inputs, SealRanking, decide_seal
from services.scoring.domain.sheet import Sheet

_RULEBOOK: Final = Path(__file__).parent.parent / "rulebooks" / "2020.yaml"
_SEASON: Final = "2020"
_STREAM: Final = f"season/{_SEASON}"
_PROVINCES: Final = ("11", "12", "13", "14", "31", "32", "33", "34", "35", "36", "51", "64", "73", "75")
_CATEGORIES: Final = ("BESAR", "MENENGAH", "UMKM")
_SIZES: Final[Mapping[str, Any]] = {"BESAR": "large", "MENENGAH": "medium", "UMKM": "small"}
_BODY: Final = "panitia-9"
_FORMED: Final = datetime(2021, 1, 4, 2, tzinfo=UTC)
_NOMINATED: Final = datetime(2021, 1, 11, 2, tzinfo=UTC)
_OPENED: Final = datetime(2021, 2, 1, 2, tzinfo=UTC)
_SEALED: Final = datetime(2021, 3, 2, 2, tzinfo=UTC)
BEFORE_SEALS: Final = "2021-03-01T00:00:00Z"
"""When every sheet is filed and nothing sealed, so that a replay has to compute every standing."""
_TOLD: Final = datetime(2021, 3, 3, 2, tzinfo=UTC)
_EVENTS_A_NOMINEE: Final = 50
"""A nomination, nine sheets of three events, and twenty-two messages."""


@dataclass(slots=True)
class _Nominee:
    id: str
    at: Stage
    nominated: Happened


class _Season:
    """One season, told into a folder."""

    def __init__(self, folder: ExportFolder, nominees: int, seed: int) -> None:
        self._folder = folder
        self._nominees = nominees
        self._random = random.Random(seed)
        found = read_rulebook(_RULEBOOK.read_bytes()).rulebook
        assert found is not None  # noqa: S101 - the shipped rulebook is one
        self._rules: Rulebook = found
        self._secretary = self._id()
        self._told: list[tuple[str, str, datetime]] = []
        """Who is told of which event, when."""

    def tell(self) -> None:
        """Write everything."""
        for service in self._folder.signers:
            self._key(service)
        season = self._season()
        seats = {province: self._committee(province) for province in _PROVINCES}
        stages = [self._at(province, category) for province in _PROVINCES for category in _CATEGORIES]
        nominees = self._nominations(stages)
        filed = self._sheets(nominees, {province: held for province, (held, _) in seats.items()})
        for at in sorted(stages, key=lambda one: one.ranking):
            own = [one for one in nominees if one.at == at]
            self._ranking(at, season, seats[at.province][1], own, filed.get(at.ranking, []))
        self._deliveries()

    def _id(self) -> str:
        return str(UUID(int=self._random.getrandbits(128), version=4))

    def _at(self, province: str, category: str) -> Stage:
        return Stage(season=_SEASON, tier="provincial", province=province, category=category, stage="seleksi")

    def _key(self, service: str) -> None:
        signer = self._folder.signers[service]
        key = b64encode(signer.public_key).decode()
        event = ServiceKeyPublished(
            service=service, key_id=signer.key_id, algorithm="Ed25519", use="events", public_key=key
        )
        self._folder.stream(f"service/{service}", [(_FORMED, event, None)], "system")

    def _season(self) -> list[Happened]:
        emitted = _accepted(open_season(OpenSeason(self._rules), SEASON.fold([])))
        return self._folder.stream(_STREAM, [(_FORMED, one.event, None) for one in emitted], self._secretary)

    def _committee(self, province: str) -> tuple[list[tuple[str, str]], list[Happened]]:
        """Form a province's committee; return offices with who holds them, by person, and what happened."""
        place = {"season": _SEASON, "province": province, "body": _BODY}
        term = {"decree": "Keputusan contoh", "term_from": date(2021, 1, 1), "term_until": date(2021, 12, 31)}
        events: list[Event] = [CommitteeFormed(**place, **term)]
        held = []
        for office in _offices(self._rules):
            for seat in range(1, office.seats + 1):
                if office.role != "clerk":
                    person = self._id()
                    held.append((person, office.code))
                    events.append(MemberAppointed(**place, office=office.code, seat=seat, person=person))
        said = [(_FORMED + timedelta(hours=1), one, None) for one in events]
        return sorted(held), self._folder.stream(f"committee/{_SEASON}/{province}", said, self._secretary)

    def _nominations(self, stages: Sequence[Stage]) -> list[_Nominee]:
        nominees = []
        for number, id_ in enumerate(sorted(self._id() for _ in range(self._nominees))):
            at = stages[number % len(stages)]
            candidate = Candidate(
                kind="employer", code=f"CONTOH-{number}", name=f"PT Contoh {number}", size_class=_SIZES[at.category],
                region=f"{at.province}.01",
            )  # fmt: skip
            event = CandidateNominated(
                nomination=id_, entry=at, candidate=candidate, nominating_body=at.province, nominated_by=self._id(),
                contact=self._id(), sample=True,
            )  # fmt: skip
            moment = _NOMINATED + timedelta(seconds=self._random.randrange(1_000_000))
            happened = self._folder.stream(f"nomination/{id_}", [(moment, event, None)], event.nominated_by)
            nominees.append(_Nominee(id_, at, happened[0]))
            self._told += [(person, happened[0].id, moment) for person in (event.nominated_by, event.contact)]
        return nominees

    def _sheets(
        self, nominees: Iterable[_Nominee], seats: Mapping[str, Sequence[tuple[str, str]]]
    ) -> dict[str, list[FiledSheet]]:
        filed: dict[str, list[FiledSheet]] = {}
        for nominee in nominees:
            at = nominee.at
            for member, office in seats[at.province]:
                stream = f"sheet/{nominee.id}/{at.tier}-{at.stage}/{member}"
                marks = self._marks(at)
                of: dict[str, Any] = {"nomination": nominee.id, "at": at, "member": member, "sample": True}
                moment = _OPENED + timedelta(seconds=self._random.randrange(2_000_000))
                events: list[Event] = [AspectScored(mark=one, **of) for one in marks]
                events.append(
                    ScoreSheetSubmitted(marks=tuple(marks), body=_BODY, office=office, rulebook_version=1, **of)
                )
                said = [(moment + timedelta(seconds=20 * step), one, None) for step, one in enumerate(events)]
                filed_at = self._folder.stream(stream, said, member)[-1]
                sheet = Sheet("submitted", {one.aspect: one for one in marks}, True, at)
                filed.setdefault(at.ranking, []).append(FiledSheet(stream, len(said), nominee.id, member, sheet))
                self._told.append((member, nominee.nominated.id, nominee.nominated.time))
                self._told.append((member, filed_at.id, filed_at.time))
        return filed

    def _marks(self, at: Stage) -> list[Mark]:
        rules = self._rules.stage(at.tier, at.category, at.stage)
        rubric = self._rules.rubric(rules)
        judged = [one.code for one in rubric.aspects if one.origin == "judged"]
        wanted = [code for code in judged if rules.aspects is None or code in rules.aspects]
        return [
            Mark.model_validate({"aspect": code, "mark": f"{self._random.randrange(120, 201) / 2:g}"})
            for code in wanted
        ]

    def _ranking(
        self, at: Stage, season: Sequence[Happened], committee: Sequence[Happened], nominees: Sequence[_Nominee],
        filed: Sequence[FiledSheet],
    ) -> None:  # fmt: skip
        """Write a stage's ranking: opened, closed, and sealed by scoring's own domain."""
        known = received.SEASON.fold(season)
        sitting = received.COMMITTEE.fold(committee)
        opened = _accepted(
            stage.decide_open(
                stage.RANKING.fold([]), known, sitting, stage.OpenStage(at, _OPENED - timedelta(hours=12))
            )
        )
        begun = [
            *(Happened(one.event, uuid7(), at.ranking, 1, _OPENED - timedelta(hours=12)) for one in opened),
            Happened(ScoringClosed(at=at), uuid7(), at.ranking, 2, _SEALED),
        ]
        ways = [received.NOMINATION.fold([one.nominated]) for one in nominees]
        versions = {_STREAM: len(season), received.committee_stream(at): len(committee)}
        inputs = Inputs(
            ranking=stage.RANKING.fold(begun),
            committee=sitting,
            nominations=[one for one in ways if isinstance(one, received.Nomination)],
            sheets=filed,
            versions={**versions, **{f"nomination/{one.id}": 1 for one in nominees}},
            season=known,
        )
        sealed = _accepted(decide_seal(inputs, SealRanking(at, self._secretary, _SEALED)))
        said = [*((one.time, one.event, None) for one in begun), *((_SEALED, one.event, None) for one in sealed)]
        happened = self._folder.stream(at.ranking, said, self._secretary)
        for one in nominees:
            told = (one.nominated.event.contact, one.nominated.event.nominated_by)
            self._told += [(person, happened[-1].id, _SEALED) for person in told]

    def _deliveries(self) -> None:
        mine: dict[str, list[tuple[datetime, str]]] = {}
        for person, cause, moment in self._told:
            mine.setdefault(person, []).append((moment, cause))
        for person, told in sorted(mine.items()):
            self._folder.stream(f"delivery/{person}", self._messages(person, sorted(told)), "system")

    def _messages(
        self, person: str, told: Iterable[tuple[datetime, str]]
    ) -> Iterator[tuple[datetime, Event, str | None]]:
        for moment, cause in told:
            message = uuid5(UUID(cause), person)
            event = NotificationDelivered(
                person=person, cause=cause, channel="mail", template="nominated",
                message_id=f"<{message}@paritrana.invalid>", digest=hashlib.sha256(message.bytes).hexdigest(),
            )  # fmt: skip
            yield moment + timedelta(seconds=3), event, cause


def _offices(rules: Rulebook) -> Sequence[Any]:
    return next(one for one in rules.bodies if one.code == _BODY).offices


def _accepted(decision: Decision) -> Sequence[Any]:
    if isinstance(decision, Refusal):
        raise TypeError(f"the domain refuses what the bench asks: {decision.detail.en}")
    return decision


def make_export(folder: Path, events: int, seed: int = 20_210_202) -> Made:
    """Write an export of about so many events into an empty folder. Raises OSError where it cannot be written."""
    nominees = max(len(_PROVINCES) * len(_CATEGORIES), events // _EVENTS_A_NOMINEE)
    with ExitStack() as open_files:
        written = ExportFolder(folder, open_files, ("nomination", "scoring", "notifications"))
        _Season(written, nominees, seed).tell()
        return written.made(_TOLD)
