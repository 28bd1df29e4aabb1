"""A season with a kind of candidate, categories, an aspect and a path that no code knows, from opening to winners.

The programs of nomination and scoring run as the services run them, over a log in memory, with nothing but the rulebook
of 2025; the log is then verified by the audit, which computes every ranking and decision anew, and folded by every
projection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from uuid import NAMESPACE_OID, uuid5

import orjson
import pytest

from kernel.commands import Program
from kernel.decider import Aggregate, Decision, Happened, Position, Refusal
from kernel.log import Recorded
from kernel.rebuild import Refold
from schemas.codec import CODEC
from schemas.envelope import Stage
from schemas.nomination import AgendaItem, CandidateNominated, RankingAnnounced, StageAdvanced, WinnerDeclared
from schemas.rulebook import Rulebook, Window
from schemas.rulebook_file import read_rulebook
from schemas.scoring import RankingSealed
from services.audit.verify import verify
from services.nomination.domain.announcing import Announce
from services.nomination.domain.candidate import CandidateAsked
from services.nomination.domain.committee import AppointMember, FormCommittee
from services.nomination.domain.deciding import DecideMotion, OpenMotion, TableRanking
from services.nomination.domain.nomination import Nominate
from services.nomination.domain.plenary import Actor, Convene, RecordAttendance
from services.nomination.domain.voting import CastVote
from services.nomination.programs import committees, nominations, plenaries, seasons
from services.nomination.programs.loading import RollOfPlace
from services.nomination.projections import PROJECTIONS as NOMINATION_PROJECTIONS
from services.nomination.projections.nominations import Nominations
from services.scoring import programs as scoring
from services.scoring.app import PROJECTIONS as SCORING_PROJECTIONS
from services.scoring.domain.seal import SealRanking
from services.scoring.domain.sheet import FileMarks, WrittenMark, decide_file
from services.scoring.domain.stage import CloseStage, OpenStage
from tests.unit.audit.exported import Log, write_export

S = TypeVar("S")
FILE = Path(__file__).parents[2] / "rulebooks" / "2025.yaml"
MALUKU = "81"
BODY = "panitia-9"
MEMBERS = (
    "sekretaris-daerah",
    "kepala-bpjs-ketenagakerjaan",
    "asisten-pemerintahan-kesra",
    "kepala-dinas-tenaga-kerja",
    "kepala-dinas-koperasi-ukm",
    "kepala-bps",
    "ketua-apindo",
)
VILLAGES = {
    "81.71.02.2001": "Desa Contoh Ambon",
    "81.72.01.2002": "Desa Contoh Tual",
    "81.08.03.2003": "Desa Contoh Letti",
    "81.04.05.1004": "Kelurahan Contoh Buru",
}
COMPANIES = {
    "KEUANGAN": {"CONTOH-81-K1": "keuangan", "CONTOH-81-K2": "keuangan"},
    "PERTANIAN": {"CONTOH-81-P1": "pertanian", "CONTOH-81-P2": "perikanan", "CONTOH-81-P3": "perkebunan"},
}
DESK = {
    "81.71.02.2001": {"perangkat-desa": "80", "cakupan-bpu": "70", "pekerja-rentan": "90"},
    "81.72.01.2002": {"perangkat-desa": "85", "cakupan-bpu": "75", "pekerja-rentan": "80"},
    "81.08.03.2003": {"perangkat-desa": "60", "cakupan-bpu": "60", "pekerja-rentan": "60.5"},
    "81.04.05.1004": {"perangkat-desa": "40", "cakupan-bpu": "95", "pekerja-rentan": "50"},
}
VISIT = {"81.71.02.2001": "70", "81.72.01.2002": "90", "81.08.03.2003": "95", "81.04.05.1004": "10"}
COVERAGE = {
    "CONTOH-81-K1": "88", "CONTOH-81-K2": "91.5",
    "CONTOH-81-P1": "70", "CONTOH-81-P2": "82", "CONTOH-81-P3": "64",
}  # fmt: skip


ALWAYS_SHOWN = {"seasons", "committees", "nominations", "plenaries", "results", "rankings", "sheets", "stage_members"}
"""Projections that no season is without, by name."""


def person(name: str) -> str:
    return str(uuid5(NAMESPACE_OID, name))


SECRETARY = Actor(person("sekretaris-panitia"), secretary=True)
CHAIR = Actor(person(MEMBERS[0]))


@cache
def rules() -> Rulebook:
    found = read_rulebook(FILE.read_bytes()).rulebook
    assert found is not None
    return found


def stage(category: str, code: str = "seleksi") -> Stage:
    return Stage(season="2025", tier="provincial", province=MALUKU, category=category, stage=code)


class Memory:
    """A log in memory in which programs load, decide and append, as `kernel.commands` has them do it."""

    def __init__(self) -> None:
        self.log = Log(now=datetime(2025, 1, 6, 3, tzinfo=UTC))
        self.streams: dict[str, list[Happened]] = {}
        self.order: list[tuple[str, int]] = []
        for service in ("nomination", "scoring"):
            self.log.open(service)

    async def load(self, aggregate: Aggregate[S], stream: str, *, guard: bool = True) -> S:
        return aggregate.fold(self.streams.get(stream, ()))

    def version(self, stream: str) -> int:
        return len(self.streams.get(stream, ()))

    def does(self, program: Program) -> list[Any]:
        """Run a program that must be accepted; return its events."""

        async def decided() -> Decision:
            return await program(self)

        decision = asyncio.run(decided())
        assert not isinstance(decision, Refusal), decision
        moment, number = self.log.now + timedelta(seconds=1), len(self.order)
        for emit in decision:
            self.log.now = moment - timedelta(seconds=1)
            id_ = self.log.append(emit.stream, emit.event)
            stream = self.streams.setdefault(emit.stream, [])
            event = type(emit.event).model_validate(emit.event.to_data())
            at = Position(1, number, len(self.order))
            stream.append(Happened(event, id_, emit.stream, len(stream) + 1, moment, position=at))
            self.order.append((emit.stream, len(stream)))
        return [emit.event for emit in decision]

    def every(self, model: type[S]) -> list[S]:
        """Return every event of a model, in the order in which they happened."""
        found = (self.streams[stream][version - 1].event for stream, version in self.order)
        return [event for event in found if isinstance(event, model)]

    def recorded(self) -> list[Recorded]:
        """Return the log as projections read it."""
        found = []
        for number, (stream, version) in enumerate(self.order, start=1):
            text = self.log.documents[stream][version - 1]
            document = orjson.loads(text)
            position = Position(1, number, number)
            found.append(Recorded(position, stream, version, document["id"], document["type"], True, b"", text))
        return found


class Season:
    """Maluku's season of 2025."""

    def __init__(self) -> None:
        self.memory = Memory()
        self.ids: dict[str, str] = {}
        self.categories: dict[str, str] = {}

    @property
    def now(self) -> datetime:
        return self.memory.log.now

    def opens(self) -> None:
        does = self.memory.does
        does(seasons.opening(rules()))
        term = (date(2025, 1, 1), date(2025, 12, 31))
        does(committees.forming(FormCommittee("2025", MALUKU, BODY, "Keputusan contoh 2025", *term)))
        for office in (*MEMBERS, "sekretaris-panitia"):
            does(
                committees.appointing(
                    AppointMember("2025", MALUKU, BODY, office, 1, person(office), self.now), person("secretariat")
                )
            )

    def nominates(self, category: str, asked: CandidateAsked) -> None:
        command = Nominate(
            "2025",
            category,
            asked,
            MALUKU,
            person("secretariat"),
            person("contact"),
            sample=True,
            received=self.now,
            scopes=frozenset({MALUKU}),
        )
        (event,) = self.memory.does(nominations.nominating(command))
        self.ids[str(asked.code)] = event.nomination
        self.categories[event.nomination] = category

    def scores(self, at: Stage, sheets: Mapping[str, Sequence[Mapping[str, str]]]) -> None:
        """Open a stage, and file the sheets of the first members for each candidate."""
        self.memory.log.now = max(self.now, rules().opens_utc(self._window(at), at.province))
        self.memory.does(scoring.opening(OpenStage(at, self.now)))
        for code, filed in sheets.items():
            for office, marks in zip(MEMBERS, filed, strict=False):
                self._files(at, self.ids[code], person(office), marks)

    def seals(self, at: Stage) -> None:
        """Close a stage after its deadline, and seal it."""
        self.memory.log.now = max(self.now, rules().deadline_utc(self._window(at), at.province) + timedelta(hours=1))
        self.memory.does(scoring.closing(CloseStage(at, self.now), self._awards))
        seal = SealRanking(at, SECRETARY.person, self.now)
        self.memory.does(scoring.sealing(seal, self._roll, self._sheets, self._awards))

    def _window(self, at: Stage) -> Window:
        return rules().stage(at.tier, at.category, at.stage).scoring

    def _files(self, at: Stage, nomination: str, member: str, marks: Mapping[str, str]) -> None:
        written = [WrittenMark(aspect, text, f"marks.{aspect}") for aspect, text in marks.items()]
        command = FileMarks(member, written, "en", self.now, submit=True, sample=True)
        decide = scoring.on_sheet(nomination, at.tier, at.stage, member, lambda given: decide_file(given, command))
        self.memory.does(decide)

    async def _roll(self, at: Stage) -> list[str]:
        return [id_ for id_, category in self.categories.items() if category == at.category]

    async def _awards(self, _at: Stage) -> list[str]:
        return [stream for stream in self.memory.streams if stream.startswith("award/")]

    async def _sheets(self, ids: Sequence[str], at: Stage) -> list[str]:
        wanted = tuple(f"sheet/{id_}/{at.tier}-{at.stage}/" for id_ in ids)
        return [stream for stream in self.memory.streams if stream.startswith(wanted)] if wanted else []

    def meets(self, *stages: Stage) -> None:
        """Hold a meeting on sealed rankings: all present, all for what the rulebook proposes, announced at once."""
        does, plenary = self.memory.does, person(f"plenary {stages}")
        items = tuple(AgendaItem(category=at.category, stage=at.stage) for at in stages)
        does(plenaries.convening(Convene(plenary, "2025", MALUKU, BODY, self.now, items, SECRETARY, self.now)))
        for office in MEMBERS:
            who = person(office)
            does(plenaries.attending(RecordAttendance(plenary, who, True, "in-person", Actor(who), self.now)))
        roll = RollOfPlace(list(self.categories.items()))
        for number, item in enumerate(items, start=1):
            does(plenaries.tabling(TableRanking(plenary, item, SECRETARY, self.now), roll))
            does(plenaries.moving(OpenMotion(plenary, item, SECRETARY, self.now), roll))
            for office in MEMBERS:
                does(plenaries.voting(CastVote(plenary, number, "for", Actor(person(office)), self.now)))
            does(plenaries.deciding(DecideMotion(plenary, number, CHAIR, self.now), roll))
            does(plenaries.announcing(Announce(plenary, number, CHAIR, self.now), roll))


def company(code: str, sector: str) -> CandidateAsked:
    return CandidateAsked("employer", code, f"PT {code}", "medium", "81.71", sector)


@cache
def played() -> Season:
    """Return the season, played to the winners of villages and of two groups of sectors."""
    season = Season()
    season.opens()
    for code, name in VILLAGES.items():
        season.nominates("DESA", CandidateAsked("village", code, name))
    for category, companies in COMPANIES.items():
        for code, sector in companies.items():
            season.nominates(category, company(code, sector))
    # Seven sheets for each village, one of them far below and one far above: a trimmed mean drops both.
    desk = {
        code: [*[marks] * 5, dict.fromkeys(marks, "0"), dict.fromkeys(marks, "100")] for code, marks in DESK.items()
    }
    season.scores(stage("DESA"), desk)
    for category, companies in COMPANIES.items():
        sheets = {code: [{"cakupan-pu": COVERAGE[code], "pekerja-rentan": "50"}] * 3 for code in companies}
        season.scores(stage(category), sheets)
    desks = (stage("DESA"), stage("KEUANGAN"), stage("PERTANIAN"))
    for at in desks:
        season.seals(at)
    season.meets(*desks)
    season.scores(stage("DESA", "kunjungan"), {code: [{"inovasi-desa": VISIT[code]}] * 3 for code in VILLAGES})
    season.seals(stage("DESA", "kunjungan"))
    season.meets(stage("DESA", "kunjungan"))
    return season


def ranked(season: Season, at: Stage) -> list[tuple[str, int, Fraction]]:
    """Return the standings of a stage's seal by the candidates' codes."""
    (sealed,) = [event for event in season.memory.every(RankingSealed) if event.at == at]
    assert sealed.unrankable == ()
    return [(one.candidate, one.rank, Fraction(one.total)) for one in sealed.standings]


# --- what came of it -----------------------------------------------------------------------------------------------


def test_villages_and_companies_by_sector_are_nominated():
    nominated = played().memory.every(CandidateNominated)
    assert [event.candidate.code for event in nominated] == [*VILLAGES, *(one for c in COMPANIES.values() for one in c)]
    assert {event.candidate.sector for event in nominated if event.entry.category == "PERTANIAN"} == {
        "pertanian", "perikanan", "perkebunan",
    }  # fmt: skip
    assert {event.candidate.region for event in nominated if event.entry.category == "DESA"} == {
        "81.71", "81.72", "81.08", "81.04",
    }  # fmt: skip


def test_the_desk_ranks_villages_by_its_part_of_the_rubric():
    """Worked out by hand: weights 25, 25 and 30 of 80, the lowest and the highest mark of seven left out."""
    assert ranked(played(), stage("DESA")) == [
        ("81.71.02.2001", 1, Fraction(25 * 80 + 25 * 70 + 30 * 90, 80)),
        ("81.72.01.2002", 2, Fraction(25 * 85 + 25 * 75 + 30 * 80, 80)),
        ("81.04.05.1004", 3, Fraction(25 * 40 + 25 * 95 + 30 * 50, 80)),
        ("81.08.03.2003", 4, Fraction(25 * 60 * 2 + 30 * 60, 80) + Fraction(30, 160)),
    ]


def test_the_visit_carries_the_desk_and_adds_what_only_villages_are_asked():
    """Three sheets, so nothing is trimmed; 80 of 100 are the desk's aspects, 20 the visit's."""
    assert ranked(played(), stage("DESA", "kunjungan")) == [
        ("81.72.01.2002", 1, Fraction(25 * 85 + 25 * 75 + 30 * 80 + 20 * 90, 100)),
        ("81.71.02.2001", 2, Fraction(25 * 80 + 25 * 70 + 30 * 90 + 20 * 70, 100)),
        ("81.08.03.2003", 3, Fraction(25 * 60 * 2, 100) + Fraction(30 * 121, 200) + Fraction(20 * 95, 100)),
        ("81.04.05.1004", 4, Fraction(25 * 40 + 25 * 95 + 30 * 50 + 20 * 10, 100)),
    ]


def test_each_group_of_sectors_has_its_own_winner():
    assert ranked(played(), stage("KEUANGAN"))[0] == ("CONTOH-81-K2", 1, Fraction(915 * 6 + 500 * 4, 100))
    assert ranked(played(), stage("PERTANIAN"))[0] == ("CONTOH-81-P2", 1, Fraction(820 * 6 + 500 * 4, 100))


def test_winners_are_declared_where_the_path_ends_and_all_villages_reach_the_visit():
    season = played()
    codes = {id_: code for code, id_ in season.ids.items()}
    declared = [(one.at.category, one.rank, codes[one.nomination]) for one in season.memory.every(WinnerDeclared)]
    assert sorted(declared) == [
        ("DESA", 1, "81.72.01.2002"),
        ("DESA", 2, "81.71.02.2001"),
        ("DESA", 3, "81.08.03.2003"),
        ("KEUANGAN", 1, "CONTOH-81-K2"),
        ("PERTANIAN", 1, "CONTOH-81-P2"),
    ]
    advanced = season.memory.every(StageAdvanced)
    assert {codes[one.nomination] for one in advanced} == set(VILLAGES)
    assert {one.reached for one in advanced} == {stage("DESA", "kunjungan")}
    assert [event.at for event in season.memory.every(RankingAnnounced)] == [
        stage("DESA"), stage("KEUANGAN"), stage("PERTANIAN"), stage("DESA", "kunjungan"),
    ]  # fmt: skip


def test_the_audit_computes_the_season_anew_and_agrees(tmp_path: Path):
    log = played().memory.log
    result = write_export(log, tmp_path / "export")
    report = verify(tmp_path / "export", result.digest)
    assert report.findings == []
    assert (report.rankings, report.decisions) == (4, 4)


@pytest.mark.parametrize(
    "projection", [*NOMINATION_PROJECTIONS, *SCORING_PROJECTIONS], ids=lambda projection: projection.name
)
def test_every_projection_shows_the_season(projection):
    fold: Refold[Any] = Refold(projection, CODEC)
    fold.take(event for event in played().memory.recorded() if event.type in fold.versions.stored)
    # Of certificates, appeals and the like this season has none.
    assert list(fold.rows()) or projection.name not in {
        "seasons",
        "committees",
        "nominations",
        "plenaries",
        "results",
        "rankings",
        "sheets",
        "stage_members",
    }


BODY_COLUMN = Nominations.table.columns.index("body")


def test_a_village_and_its_sectors_neighbours_are_shown_as_they_were_nominated():
    fold: Refold[Any] = Refold(Nominations(), CODEC)
    fold.take(event for event in played().memory.recorded() if event.type in fold.versions.stored)
    shown = {body["candidate"]["code"]: body for row in fold.rows() for body in (orjson.loads(row[BODY_COLUMN]),)}
    assert shown["81.72.01.2002"]["candidate"] == {
        "kind": "village", "code": "81.72.01.2002", "name": "Desa Contoh Tual", "region": "81.72",
    }  # fmt: skip
    assert shown["81.72.01.2002"]["status"] == "winner"
    assert shown["CONTOH-81-P2"]["candidate"]["sector"] == "perikanan"
