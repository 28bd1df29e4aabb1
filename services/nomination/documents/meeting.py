"""The minutes of a plenary put into words, from the events of its stream and of what they cite.

The stream is read and not its projection, since the minutes end with the version and hash of the stream's head: what is
printed is just what stands up to there. Who sits in the body is told as of the end of the meeting, whoever came later.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from kernel.decider import Happened
from schemas.nomination import (
    AdmissionDecided,
    AdmissionMotionOpened,
    AgendaItem,
    AppealDecided,
    AppealMotionOpened,
    AttendanceRecorded,
    BallotConfirmed,
    BallotTallied,
    CandidateNominated,
    CertificateRevoked,
    MinutesCorrected,
    MotionOpened,
    NominationEliminated,
    PlenaryAdjourned,
    PlenaryConvened,
    PlenaryDecided,
    PrizeAwarded,
    RankingTabled,
    RankLeftVacant,
    StageAdvanced,
    StageAdvanceWithdrawn,
    StageUnfrozen,
    Tally,
    TieMotionOpened,
    VerdictFigure,
    VoteCast,
    WinnerDeclared,
    WinnerWithdrawn,
)
from schemas.rulebook import Body, Majority, Rulebook
from schemas.scoring import RankingSealed, Standing, TieBreak, Unrankable
from services.nomination.documents.indonesian import (
    BASES,
    ELIMINATED,
    FALLEN,
    MODES,
    OUTCOMES,
    TIE_RULES,
    UNRANKABLE,
    VERDICTS,
    VOTES,
    LocalTime,
    day,
    decimal,
    figure,
    place_name,
    weekday,
)
from services.nomination.documents.sheets import (
    Attendant,
    Corrigendum,
    Fact,
    ItemSheet,
    MinutesSheet,
    MotionSheet,
    Proof,
    RankLine,
    Signature,
    Tabling,
    VoteLine,
)

Opening = MotionOpened | TieMotionOpened | AdmissionMotionOpened | AppealMotionOpened
Decided = PlenaryDecided | AdmissionDecided
Former = Mapping[str, int | None]
"""The sealed rank of each nomination before a verdict; those who shared one have the same. None: it had none."""
_DASH: Final = "\u2013"
_ERASED: Final = "(data dihapus)"
_NO_VOTE: Final = " (tanpa suara)"


# --- what happened -------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class MotionRecord:
    """One motion: how it was put, counted and decided."""

    opened: Opening
    time: datetime
    votes: list[VoteCast] = field(default_factory=list)
    tallied: BallotTallied | None = None
    confirmed: list[BallotConfirmed] = field(default_factory=list)
    decided: Decided | None = None
    closed: datetime | None = None

    @property
    def seed(self) -> str | None:
        """Return what an order was drawn from by lot, None for a question that is voted on."""
        return self.opened.seed if isinstance(self.opened, TieMotionOpened) else None

    @property
    def nominations(self) -> set[str]:
        """Return every nomination that the question names."""
        match self.opened:
            case MotionOpened():
                return {*self.opened.advancing, *self.opened.eliminated}
            case TieMotionOpened():
                return set(self.opened.order)
            case AdmissionMotionOpened() | AppealMotionOpened():
                return {self.opened.nomination}


@dataclass(slots=True)
class MeetingRecord:
    """A meeting as its stream tells it, in the order of the events."""

    convened: PlenaryConvened
    called: datetime
    """When the meeting was convened, which is before it was held."""
    attendance: list[tuple[datetime, AttendanceRecorded]] = field(default_factory=list)
    tabled: list[tuple[datetime, RankingTabled]] = field(default_factory=list)
    motions: dict[int, MotionRecord] = field(default_factory=dict)
    corrigenda: list[tuple[datetime, MinutesCorrected]] = field(default_factory=list)
    adjourned: datetime | None = None

    @property
    def persons(self) -> set[str]:
        """Return everybody whom the minutes name beside the holders of seats."""
        found = {event.person for _, event in self.attendance}
        for motion in self.motions.values():
            found |= {vote.person for vote in motion.votes} | {one.person for one in motion.confirmed}
            found |= set(motion.decided.quorum.recused if motion.decided else ())
        return found

    @property
    def results(self) -> list[tuple[str, int]]:
        """Return where the events stand that the decisions led to."""
        decided = (motion.decided for motion in self.motions.values())
        return [(point.stream, point.version) for one in decided if one for point in one.results]

    def present_at(self, moment: datetime) -> frozenset[str]:
        """Return who was there at an instant."""
        there: set[str] = set()
        for time, event in self.attendance:
            if time <= moment:
                (there.add if event.present else there.discard)(event.person)
        return frozenset(there)


def record_of(history: Iterable[Happened]) -> MeetingRecord | None:
    """Return what a plenary's stream tells, None when it tells of no meeting."""
    record: MeetingRecord | None = None
    for happened in history:
        if isinstance(happened.event, PlenaryConvened):
            record = MeetingRecord(happened.event, happened.time)
        elif record is not None:
            _take(record, happened.event, happened.time)
    return record


def _take(record: MeetingRecord, event: Any, time: datetime) -> None:
    match event:
        case AttendanceRecorded():
            record.attendance.append((time, event))
        case RankingTabled():
            record.tabled.append((time, event))
        case MotionOpened() | TieMotionOpened() | AdmissionMotionOpened() | AppealMotionOpened():
            record.motions[event.motion] = MotionRecord(event, time)
        case MinutesCorrected():
            record.corrigenda.append((time, event))
        case PlenaryAdjourned():
            record.adjourned = time
        case VoteCast() | BallotTallied() | BallotConfirmed() | PlenaryDecided() | AdmissionDecided():
            _count(record.motions[event.motion], event, time)
        case _:
            # Minutes tell of a meeting; what else its stream may come to hold has its own document.
            return


def _count(motion: MotionRecord, event: VoteCast | BallotTallied | BallotConfirmed | Decided, time: datetime) -> None:
    match event:
        case VoteCast():
            motion.votes.append(event)
        case BallotTallied():
            motion.tallied, motion.confirmed = event, []
        case BallotConfirmed():
            motion.confirmed.append(event)
        case _:
            motion.decided, motion.closed = event, time


# --- what it cites -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Holder:
    """Who sat in a seat at the end of the meeting."""

    office: str
    seat: int
    person: str


@dataclass(frozen=True, slots=True)
class Marks:
    """Whose marks on a nominee a seal counts, or leaves out, otherwise than a later conflict would have it."""

    person: str
    nomination: str
    counted: bool


@dataclass(frozen=True, slots=True)
class Fallen:
    """A vote that stands no more, so that its motion is void, and what its member may not vote for any longer.

    `by` and `since` tell who recorded a conflict or took the seat, and when; None where an appointment stated it.
    `later` says that this came after the vote.
    """

    person: str
    cause: str
    cast: datetime | None
    by: str | None
    since: datetime | None
    later: bool


@dataclass(frozen=True, slots=True)
class Head:
    """The last event of the meeting's stream: its version, and its hash in hex."""

    version: int
    hash: str


@dataclass(frozen=True, slots=True)
class Cited:
    """What the minutes cite beside the meeting's own stream.

    `names` has no entry for who was erased, `candidates` the official name of each nomination, `texts` those of the
    corrigenda by digest (None: erased), `results` the events that decisions led to by stream and version, `appeals` the
    number that each appeal has in its award, `grounds` the digest of each appeal's reason, `keys` the SHA-256 of the
    raw public keys that signed here.
    """

    rules: Rulebook
    decree: str
    holders: Sequence[Holder]
    names: Mapping[str, str]
    seals: Mapping[str, RankingSealed]
    candidates: Mapping[str, str]
    results: Mapping[tuple[str, int], Any]
    appeals: Mapping[str, int]
    texts: Mapping[str, str | None]
    head: Head
    keys: Sequence[str]
    address: str
    """Where the minutes are read again."""
    others: Sequence[MeetingRecord] = ()
    """The other meetings of the body, whose ties stay broken here."""
    conflicting: Mapping[str, Sequence[Marks]] = field(default_factory=dict)
    """By seal, the marks that conflicts after it would have changed, as these stood at the end of the meeting."""
    recused: Mapping[int, Collection[str]] = field(default_factory=dict)
    """By the number of a motion that was not decided, who could take no part in it at the end of the meeting."""
    fallen: Mapping[int, Sequence[Fallen]] = field(default_factory=dict)
    """By the number of a motion that was not decided, the votes that did not stand at the end of the meeting."""
    grounds: Mapping[str, str] = field(default_factory=dict)


def minutes_of(record: MeetingRecord, cited: Cited) -> MinutesSheet:
    """Return the sheet of a meeting's minutes."""
    return _Minutes(record, cited).sheet()


class _Minutes:
    """One meeting's minutes while they are written."""

    def __init__(self, record: MeetingRecord, cited: Cited) -> None:
        self.record, self.cited, self.rules = record, cited, cited.rules
        self.convened = record.convened
        self.body: Body = self.rules.body(self.convened.body)
        self.at = LocalTime(self.rules, self.convened.province)
        self.place = place_name(self.rules, self.convened.province)

    def sheet(self) -> MinutesSheet:
        convened, head = self.convened, self.cited.head
        attendance = tuple(self._attendance())
        return MinutesSheet(
            award=self.rules.title.id,
            body=self.body.title.id,
            place=self.place,
            plenary=convened.plenary,
            number=f"BA-{convened.plenary[-12:].upper()}",
            opening=self._opening(),
            facts=tuple(self._facts()),
            draft=None if self.record.adjourned else "Sidang belum ditutup. Dokumen ini mencatat keadaan sementara.",
            attendance=attendance,
            summary=self._summary(),
            items=tuple(self._item(item) for item in convened.agenda),
            corrigenda=tuple(self._corrigenda()),
            closing=self._closing(),
            heads=tuple(self._heads()),
            members=tuple(self._members()),
            proof=Proof(
                stream=f"plenary/{convened.plenary}",
                version=head.version,
                hash=head.hash,
                seals=tuple(
                    Fact(label=self._item_title(item), text=tabled.digest)
                    for item, tabled in self._last_tabled().items()
                ),
                keys=tuple(self.cited.keys),
                qr=f"{self.cited.address}#{head.version}.{head.hash}",
            ),
            sample=self._rests_on_samples(),
        )

    def _rests_on_samples(self) -> bool:
        """Tell whether a ranking that was laid before the meeting, or that its verdicts made, holds sample marks."""
        verdicts = (event for event in self.cited.results.values() if isinstance(event, AppealDecided))
        seals = self.cited.seals.values()
        standings = (*(seal.standings for seal in seals), *(verdict.standings or () for verdict in verdicts))
        return any(seal.sample for seal in seals) or any(row.sample for rows in standings for row in rows)

    # --- the meeting

    def _opening(self) -> str:
        moment = self.convened.scheduled
        local = self.at.day(moment)
        return (
            f"Pada hari {weekday(local)}, tanggal {day(local)}, pukul {self.at.hour(moment)}, dijadwalkan sidang pleno "
            f"{self.body.title.id}, {self.place}, dalam rangka {self.rules.title.id}. Jalannya sidang, sebagaimana "
            "tercatat dalam log peristiwa, adalah sebagai berikut."
        )

    def _facts(self) -> Iterator[Fact]:
        record = self.record
        yield Fact(label="Dasar pembentukan", text=self.cited.decree)
        yield Fact(label="Diundang", text=self.at.moment(record.called))
        yield Fact(label="Dijadwalkan", text=self.at.moment(self.convened.scheduled))
        if record.attendance:
            yield Fact(label="Kehadiran pertama", text=self.at.moment(record.attendance[0][0]))
        closed = self.at.moment(record.adjourned) if record.adjourned else "belum ditutup"
        yield Fact(label="Ditutup", text=closed)
        agenda = "; ".join(self._item_title(item) for item in self.convened.agenda)
        yield Fact(label="Agenda", text=agenda)

    def _closing(self) -> str:
        if self.record.adjourned is None:
            return "Berita acara ini belum final dan tidak untuk ditandatangani."
        return (
            f"Sidang ditutup pada {self.at.moment(self.record.adjourned)}. Demikian berita acara ini dibuat dengan "
            "sebenarnya untuk dipergunakan sebagaimana mestinya."
        )

    def _name(self, person: str, office: str | None = None) -> str:
        """Return a person's name; who was erased is the office and the pseudonym."""
        known = self.cited.names.get(person)
        if known:
            return known
        return " ".join(part for part in (office, person[:8], _ERASED) if part)

    def _office(self, code: str) -> str:
        return next((office.title.id for office in self.body.offices if office.code == code), code)

    def _attendance(self) -> Iterator[Attendant]:
        """Yield one line per seat that votes, then one for everybody who came in a seat that is another's by now."""
        seated = {(one.office, one.seat): one.person for one in self.cited.holders}
        shown = set()
        for office in self.body.voting_offices:
            for seat in range(1, office.seats + 1):
                person = seated.get((office.code, seat))
                title = office.title.id if office.seats == 1 else f"{office.title.id} ({seat})"
                if person is None:
                    yield Attendant(office=title, name=None, mode=_DASH, movements="kursi kosong")
                else:
                    shown.add(person)
                    yield self._attendant(title, person)
        for person, office_code in {event.person: event.office for _, event in self.record.attendance}.items():
            if person not in shown:
                yield self._attendant(f"{self._office(office_code)} (sebelum diganti)", person)

    def _attendant(self, title: str, person: str) -> Attendant:
        mine = [(time, event) for time, event in self.record.attendance if event.person == person]
        if not mine:
            return Attendant(office=title, name=self._name(person), mode=_DASH, movements="tidak hadir")
        stays: list[str] = []
        moves: list[str] = []
        here = False
        for time, event in mine:
            hour, mode = self.at.hour(time), MODES[event.mode]
            if here and event.present:
                stays[-1] = mode
                moves.append(f"cara hadir dibetulkan {hour}: {mode}")
            else:
                stays += [mode] if event.present else []
                moves.append(f"{'hadir' if event.present else 'keluar'} {hour}")
            here = event.present
        modes = ", ".join(dict.fromkeys(stays))
        return Attendant(office=title, name=self._name(person), mode=modes, movements="; ".join(moves))

    def _summary(self) -> str:
        seats = self.body.seats
        came = len({event.person for _, event in self.record.attendance if event.present})
        holders = sum(self.body.votes(one.office, one.seat) for one in self.cited.holders)
        return (
            f"Jumlah kursi {seats}, terisi {holders}, kosong {seats - holders}; {came} anggota tercatat hadir. Kuorum "
            f"paling sedikit {self.body.quorum.needed(seats)} anggota, dihitung dari seluruh kursi (termasuk yang "
            "kosong dan yang tidak ikut serta karena benturan kepentingan) untuk setiap usul keputusan."
        )

    def _heads(self) -> Iterator[Signature]:
        for role in ("chair", "clerk"):
            for office in self.body.offices:
                if office.role == role:
                    yield self._signature(office.code)

    def _signature(self, office: str) -> Signature:
        person = next((one.person for one in self.cited.holders if one.office == office), None)
        return Signature(office=self._signing(office), name=None if person is None else self._name(person))

    def _signing(self, office: str) -> str:
        """Return an office as it stands above a signature, where it is no matter that it does not vote."""
        return self._office(office).removesuffix(_NO_VOTE)

    def _members(self) -> Iterator[Signature]:
        heads = {office.code for office in self.body.offices if office.role != "member"}
        came = {event.person: event.office for _, event in self.record.attendance if event.present}
        order = [office.code for office in self.body.offices]
        for person, office in sorted(
            came.items(), key=lambda one: order.index(one[1]) if one[1] in order else len(order)
        ):
            if office not in heads:
                yield Signature(office=self._signing(office), name=self._name(person))

    def _corrigenda(self) -> Iterator[Corrigendum]:
        for time, event in self.record.corrigenda:
            text = self.cited.texts.get(event.text_digest)
            yield Corrigendum(number=event.number, time=self.at.moment(time), text=text or f"Teks ralat {_ERASED}")

    # --- items

    def _item_title(self, item: AgendaItem) -> str:
        stage = self.rules.stage(self.convened.tier, item.category, item.stage)
        return f"{self.rules.category(item.category).title.id}, tahap {stage.title.id}"

    def _last_tabled(self) -> dict[AgendaItem, RankingTabled]:
        return {event.item: event for _, event in self.record.tabled}

    def _item(self, item: AgendaItem) -> ItemSheet:
        tabled = [(time, event) for time, event in self.record.tabled if event.item == item]
        seal = self.cited.seals.get(tabled[-1][1].seal) if tabled else None
        motions = (motion for motion in self.record.motions.values() if motion.opened.item == item)
        seals = {event.seal for _, event in tabled}
        return ItemSheet(
            title=self._item_title(item),
            tabled=tuple(
                Tabling(time=self.at.moment(time), seal=event.seal, digest=event.digest) for time, event in tabled
            ),
            ranking=() if seal is None else tuple(self._ranking(seal.standings, seal.unrankable, item)),
            notes=(
                *self._late(tabled[-1][1].seal if tabled else ""),
                *(sentence for other in self.cited.others for sentence in self._broken(other, seals)),
            ),
            motions=tuple(self._motion(motion) for motion in motions),
        )

    def _late(self, seal: str) -> Iterator[str]:
        """Yield the conflicts that a seal does not know."""
        for marks in self.cited.conflicting.get(seal, ()):
            who, nominee = self._name(marks.person), self._candidate(marks.nomination)
            if marks.counted:
                yield f"Benturan kepentingan {who} dengan {nominee} timbul setelah penyegelan; nilainya tetap dihitung."
            else:
                yield (
                    f"Benturan kepentingan {who} dengan {nominee} dicabut setelah penyegelan; nilainya tidak dihitung."
                )

    def _broken(self, other: MeetingRecord, seals: Collection[str]) -> Iterator[str]:
        """Yield the ties of tabled rankings that another meeting had broken before this one ended."""
        for motion in other.motions.values():
            tie, decided, closed = motion.opened, motion.decided, motion.closed
            if not isinstance(tie, TieMotionOpened) or decided is None or closed is None:
                continue
            if tie.seal in seals and decided.outcome == "carried" and closed <= (self.record.adjourned or closed):
                how = "dengan undian" if tie.method == "lot" else "dengan pemungutan suara"
                order = ", ".join(map(self._candidate, tie.order))
                yield (
                    f"Seri pada peringkat {tie.rank} sudah diurai {how} dalam sidang lain (BA-"
                    f"{other.convened.plenary[-12:].upper()}) pada {self.at.moment(closed)}, dengan urutan: {order}."
                )

    def _ranking(
        self,
        standings: Iterable[Standing],
        unrankable: Iterable[Unrankable],
        item: AgendaItem,
        former: Former | None = None,
    ) -> Iterator[RankLine]:
        """Yield standings, then who has no rank; `former` are the ranks that each had before, where they are told."""
        for row in sorted(standings, key=lambda one: one.rank):
            note = "; ".join([*self._before(row.nomination, row.rank, former), *self._notes(row, item)])
            yield RankLine(rank=str(row.rank), candidate=self._named(row), total=decimal(row.shown), note=note)
        for left in unrankable:
            note = "; ".join([*self._before(left.nomination, None, former), self._why(left, item)])
            yield RankLine(rank=_DASH, candidate=self._named(left), total=_DASH, note=note)

    def _before(self, nomination: str, rank: int | None, former: Former | None) -> Iterator[str]:
        if former is None or (before := former.get(nomination, rank)) == rank:
            return
        shared = " bersama" if list(former.values()).count(before) > 1 else ""
        yield "semula tidak diperingkat" if before is None else f"semula peringkat{shared} {before}"

    def _named(self, row: Standing | Unrankable) -> str:
        return self.cited.candidates.get(row.nomination, row.candidate)

    def _notes(self, row: Standing, item: AgendaItem) -> Iterator[str]:
        if row.shared:
            yield "peringkat bersama"
        if row.tie is not None:
            aspect = f" {self._aspect(row.tie.aspect, item)}" if row.tie.aspect else ""
            yield f"seri diurai menurut {TIE_RULES[row.tie.rule]}{aspect}: {self._parted(row.tie)}"
        if row.sample:
            yield "data contoh"

    def _parted(self, tie: TieBreak) -> str:
        """Return the figure that parted a tie; an instant, a code or a lot's digits are told as they are."""
        if tie.rule == "aspect":
            return figure(tie.figure)
        return tie.figure if len(tie.figure) <= 32 else f"{tie.figure[:16]}\u2026"

    def _why(self, row: Unrankable, item: AgendaItem) -> str:
        aspect = f" ({self._aspect(row.aspect, item)})" if row.aspect else ""
        return f"tidak diperingkat: {UNRANKABLE[row.reason]}{aspect}"

    def _aspect(self, code: str, item: AgendaItem) -> str:
        rubric = self.rules.rubric(self.rules.stage(self.convened.tier, item.category, item.stage))
        return next((aspect.title.id for aspect in rubric.aspects if aspect.code == code), code)

    # --- motions

    def _motion(self, motion: MotionRecord) -> MotionSheet:
        question, points = self._question(motion.opened)
        decided = motion.decided
        return MotionSheet(
            title=f"Usul keputusan {motion.opened.motion}",
            question=question,
            points=tuple(points),
            votes=tuple(self._votes(motion)),
            facts=tuple(self._counts(motion)),
            outcome=self._outcome(motion),
            carried=None if decided is None else decided.outcome == "carried",
            followed=() if decided is None else tuple(self._followed(decided)),
            ranking=() if decided is None else tuple(self._ranked_anew(decided)),
        )

    def _outcome(self, motion: MotionRecord) -> str:
        if motion.decided is None:
            return "GUGUR, TIDAK DIPUTUSKAN" if self._fallen(motion) else "BELUM DIPUTUSKAN"
        drawn = motion.seed is not None and motion.decided.outcome == "carried"
        return "SERI DIURAI DENGAN UNDIAN" if drawn else OUTCOMES[motion.decided.outcome]

    def _ranked_anew(self, decided: Decided) -> Iterator[RankLine]:
        """Yield the ranking that a verdict made of the sealed one, with the rank that each had before."""
        for point in decided.results:
            event = self.cited.results.get((point.stream, point.version))
            if isinstance(event, AppealDecided) and event.standings is not None:
                yield from self._ranking(event.standings, event.unrankable or (), decided.item, _former(event))

    def _question(self, opened: Opening) -> tuple[str, list[str]]:
        match opened:
            case MotionOpened():
                return self._proposal(opened)
            case TieMotionOpened():
                how = "melalui pemungutan suara" if opened.method == "vote" else "melalui undian"
                order = [f"{place}. {self._candidate(one)}" for place, one in enumerate(opened.order, start=1)]
                return f"Mengurai seri pada peringkat {opened.rank} {how}, dengan urutan:", order
            case AdmissionMotionOpened():
                return f"Menerima usulan terlambat atas nama {self._candidate(opened.nomination)}.", []
            case AppealMotionOpened():
                figures = [self._figure(one, opened.item) for one in opened.verdict.figures]
                said = VERDICTS[opened.verdict.outcome]
                name, appeal = self._candidate(opened.nomination), self._appeal(opened.appeal)
                return f"Memutuskan {appeal} atas nama {name}: {said}.", figures

    def _figure(self, said: VerdictFigure, item: AgendaItem) -> str:
        if said.value is not None:
            shown = figure(said.value)
        else:
            shown = "; ".join(decimal(format(mark, "f")) for mark in said.marks or ())
        return f"Nilai baru aspek {self._aspect(said.aspect, item)}: {shown}"

    def _appeal(self, appeal: str) -> str:
        """Name an appeal by its number in the award; ids that were made one after the other begin alike."""
        number = self.cited.appeals.get(appeal)
        return f"sanggah {appeal}" if number is None else f"sanggah nomor {number}"

    def _proposal(self, opened: MotionOpened) -> tuple[str, list[str]]:
        stage = self.rules.stage(self.convened.tier, opened.item.category, opened.item.stage)
        following = self.rules.next_stage(stage)
        ahead = "ditetapkan sebagai pemenang" if following is None else f"maju ke tahap {following.title.id}"
        points = [f"{place}. {self._candidate(one)}" for place, one in enumerate(opened.advancing, start=1)]
        if not points:
            points = ["(tidak ada)"]
        rest = [f"Tidak melanjutkan: {', '.join(map(self._candidate, opened.eliminated))}"] if opened.eliminated else []
        return f"Mengusulkan agar, menurut urutan peringkat, yang berikut {ahead}:", [*points, *rest]

    def _candidate(self, nomination: str) -> str:
        return self.cited.candidates.get(nomination, nomination[:8])

    def _votes(self, motion: MotionRecord) -> Iterator[VoteLine]:
        """Yield how everybody took part who sat in a voting seat or voted: by vote, recusal, silence or absence."""
        if motion.opened.ballot == "paper" or motion.seed is not None:
            return
        cast = {vote.person: vote for vote in motion.votes}
        recused, fallen = self._recused(motion), {one.person for one in self._fallen(motion)}
        voting = (one for one in self.cited.holders if self.body.votes(one.office, one.seat))
        offices = {one.person: one.office for one in voting}
        offices |= {vote.person: vote.office for vote in motion.votes}
        present = self.record.present_at(motion.closed or datetime.max.replace(tzinfo=motion.time.tzinfo))
        order = [office.code for office in self.body.offices]
        for person, office in sorted(offices.items(), key=lambda one: order.index(one[1]) if one[1] in order else 99):
            if person in fallen:
                said = f"{VOTES[cast[person].vote]} (tidak berlaku lagi)"
            elif person in recused:
                said = "Tidak ikut serta (benturan kepentingan)"
            elif person in cast:
                said = VOTES[cast[person].vote]
            else:
                said = "Tidak memberikan suara" if person in present else "Tidak hadir"
            yield VoteLine(office=self._office(office), name=self._name(person), vote=said)

    def _fallen(self, motion: MotionRecord) -> Sequence[Fallen]:
        """Return the votes by which an undecided motion became void."""
        return () if motion.decided else self.cited.fallen.get(motion.opened.motion, ())

    def _recused(self, motion: MotionRecord) -> Collection[str]:
        """Return who took no part in a motion: as it was decided, or as it stood at the end of the meeting."""
        if motion.decided is not None:
            return motion.decided.quorum.recused
        return self.cited.recused.get(motion.opened.motion, ())

    def _left_out(self, motion: MotionRecord) -> Iterator[Fact]:
        """Yield who took no part in a motion whose votes are not listed by name."""
        by_name = motion.opened.ballot != "paper" and motion.seed is None
        if not by_name and (recused := self._recused(motion)):
            offices = {one.person: self._office(one.office) for one in self.cited.holders}
            who = (f"{self._name(one)} ({offices[one]})" if one in offices else self._name(one) for one in recused)
            yield Fact(label="Tidak ikut serta", text=f"{', '.join(who)}: benturan kepentingan")

    def _void(self, motion: MotionRecord) -> Iterator[Fact]:
        """Yield why a motion became void: whose vote stands no more, who saw to it, and that it came after the vote."""
        for one in self._fallen(motion):
            cast = "" if one.cast is None else f" pada {self.at.moment(one.cast)}"
            why = f"setelah itu {self._why_not(one)}" if one.later else self._why_not(one)
            yield Fact(label="Sebab gugur", text=f"{self._name(one.person)} memberikan suara{cast}; {why}")
        if self._fallen(motion):
            text = "Suara yang terkumpul tidak berlaku; usul ini diajukan kembali kepada anggota yang masih berhak."
            yield Fact(label="Akibat", text=text)

    def _why_not(self, fallen: Fallen) -> str:
        """Return why a vote stands no more."""
        by = f" oleh {self._name(fallen.by)}" if fallen.by else ""
        when = f" pada {self.at.moment(fallen.since)}" if fallen.since else ""
        return FALLEN[fallen.cause].format(by=by, when=when)

    def _counts(self, motion: MotionRecord) -> Iterator[Fact]:
        opened = motion.opened
        if isinstance(opened, AppealMotionOpened) and (digest := self.cited.grounds.get(opened.appeal)):
            yield Fact(label="Digest alasan sanggah", text=digest)
        yield from self._void(motion)
        if motion.seed is not None:
            yield Fact(label="Cara", text="Undian, tanpa pemungutan suara")
            yield Fact(label="Benih undian", text=motion.seed)
            yield Fact(
                label="Urutan", text="menurut SHA-256 dari \u201cbenih/ID usulan\u201d; siapa pun dapat mengulanginya"
            )
        if motion.opened.ballot == "paper":
            yield Fact(label="Cara", text="Pemungutan suara tertulis dan rahasia")
            if (tallied := motion.tallied) is not None:
                count = f"{_tally(tallied.tally)}; tidak sah {tallied.invalid}"
                yield Fact(label="Penghitungan", text=count)
                who = ", ".join(f"{self._name(one.person)} ({self._office(one.office)})" for one in motion.confirmed)
                yield Fact(label="Disahkan oleh", text=who or "belum disahkan")
        yield from self._left_out(motion)
        if (decided := motion.decided) is None:
            return
        quorum = decided.quorum
        yield Fact(
            label="Kuorum",
            text=f"hadir dan berhak {quorum.present} dari {quorum.seats} kursi; diperlukan {quorum.required}"
            + (f"; tidak ikut serta {len(quorum.recused)}" if quorum.recused else ""),
        )
        if motion.seed is None:
            yield Fact(label="Hasil suara", text=_tally(decided.tally))
            yield Fact(label="Mayoritas", text=_majority(self.body.majority))
        if motion.closed is not None:
            yield Fact(
                label="Diputuskan", text=f"{self.at.moment(motion.closed)}, juknis versi {decided.rulebook_version}"
            )

    # --- what followed

    def _followed(self, decided: Decided) -> Iterator[str]:
        """Yield what a decision led to; what several awards are told in the same words is said once."""
        said = (self._sentence(self.cited.results.get((point.stream, point.version))) for point in decided.results)
        yield from dict.fromkeys(sentence for sentence in said if sentence is not None)

    def _sentence(self, event: Any) -> str | None:  # noqa: C901, PLR0911 - one line per kind of event
        match event:
            case StageAdvanced():
                reached = self.rules.stage(event.reached.tier, event.reached.category, event.reached.stage)
                return f"{self._candidate(event.nomination)} (peringkat {event.rank}) maju ke tahap {reached.title.id}."
            case WinnerDeclared():
                return f"{self._candidate(event.nomination)} ditetapkan sebagai pemenang peringkat {event.rank}."
            case NominationEliminated():
                rank = f"peringkat {event.rank}, " if event.rank else ""
                return f"{self._candidate(event.nomination)} tidak melanjutkan ({rank}{ELIMINATED[event.reason]})."
            case PrizeAwarded():
                return f"{self._candidate(event.nomination)} menerima {event.prize.id} (peringkat {event.rank})."
            case RankLeftVacant():
                return f"Peringkat {event.rank} dibiarkan kosong."
            case CandidateNominated():
                return f"{event.candidate.name} diterima sebagai peserta."
            case StageAdvanceWithdrawn():
                return f"{self._candidate(event.nomination)} dikembalikan dari tahap berikutnya."
            case WinnerWithdrawn():
                return f"Penetapan {self._candidate(event.nomination)} pada peringkat {event.rank} dibatalkan."
            case CertificateRevoked():
                return f"Piagam {event.number} dicabut."
            case AppealDecided():
                name, said = self._candidate(event.nomination), VERDICTS[event.verdict.outcome]
                return f"{self._appeal(event.appeal).capitalize()} atas nama {name} {said}."
            case StageUnfrozen():
                held = ", ".join(self.rules.stage(at.tier, at.category, at.stage).title.id for at in event.stages)
                return f"Sanggah ini tidak lagi membekukan tahap {held}."
            case _:
                return None


def _former(said: AppealDecided) -> Former:
    return {one.nomination: one.rank_before for one in said.comparison or ()}


def _tally(tally: Tally) -> str:
    return f"setuju {tally.votes_for}, tidak setuju {tally.votes_against}, abstain {tally.abstained}"


def _majority(majority: Majority) -> str:
    share = f"{majority.fraction.numerator}/{majority.fraction.denominator}"
    return f"{'lebih dari' if majority.strict else 'paling sedikit'} {share} dari {BASES[majority.base]}"
