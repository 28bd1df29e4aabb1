"""What must hold of the procedure whatever is asked, told from the raw events alone.

The checker folds every event by itself, in the order in which they were appended, and shares no code with the services.
It keeps two pictures of who sits where and who is recused: nomination's own, and what of it had reached scoring, since
a seal can only rest on what was known there. `take` is given every append, `deliver` every event that reached the other
service. Both raise AssertionError for what the rules forbid.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Any, Final
from zoneinfo import ZoneInfo

from kernel.decider import Happened
from schemas.envelope import Stage

NEVER: Final = datetime.max.replace(tzinfo=UTC)
LED_TO: Final = frozenset({
    "StageAdvanced", "StageAdvanceWithdrawn", "NominationEliminated", "WinnerDeclared", "WinnerWithdrawn",
    "RankLeftVacant", "PrizeAwarded", "CertificateRevoked", "AppealDecided", "DecisionReviewed", "StageUnfrozen",
    "NominationReinstated",
})  # fmt: skip
"""What happens by a carried decision only."""
IN_A_FROZEN_SEASON: Final = frozenset(
    ["AppealLodged", "DecisionContested", "StageFrozen", "SeasonUnfrozen", "SeasonClosed", "ResealOrdered"]
)
"""Appeals, whose windows do not wait; and what the service finds by itself of a seal that had arrived."""
LOOKS: Final = frozenset({"MarksSeen", "SheetRead"})
AROUND_A_MEETING: Final = ("PlenaryConvened", "PlenaryAdjourned", "MinutesCorrected")
NO_ACT_OF_A_BODY: Final = ("ScoringClosed", "RankingSuperseded", "SheetRead", "MarksSeen")
OPENS: Final = {
    "MotionOpened": "propose",
    "TieMotionOpened": "tie",
    "AdmissionMotionOpened": "admit",
    "AppealMotionOpened": "appeal",
}


def _name(happened: Happened) -> str:
    return type(happened.event).__name__


def _taken(winners: dict[str, int]) -> list[int]:
    """Return the ranks that winners take; who shares a rank takes as many as they are, from it on."""
    return [rank + more for rank, holders in Counter(winners.values()).items() for more in range(holders)]


def _day(province: str, moment: datetime) -> date:
    """Return the day of a moment in the model's province, or in the nation."""
    return moment.astimezone(ZoneInfo("Asia/Jakarta" if province == "00" else "Asia/Makassar")).date()


def _led(content: dict[str, Any]) -> dict[tuple[str, str, str], Any]:
    """Return by whom a rulebook's stages are decided, and where they lead."""
    stages = content.get("stages", ())
    return {
        (one["tier"], one["category"], one["code"]): (one["body"], *(one.get("next") or {}).values()) for one in stages
    }


# --- committees as events tell them --------------------------------------------------------------------------------


@dataclass
class Place:
    """Who sits where in a place, whom they belong to, and which interests are declared."""

    seats: dict[tuple[str, str, int], Any] = field(default_factory=dict)
    """The appointment by body, office and seat."""
    stated: dict[tuple[str, str], Any] = field(default_factory=dict)
    """The latest appointment by person and body: whom a person belongs to outlives the seat."""
    interests: set[tuple[str, str, str | None]] = field(default_factory=set)
    terms: list[tuple[str, date, date]] = field(default_factory=list)
    """Bodies with the first and the last day of a term."""
    version: int = 0
    """How many events of its stream were taken."""

    def take(self, happened: Happened) -> None:
        event = happened.event
        self.version += 1
        match _name(happened):
            case "MemberAppointed":
                seat = (event.body, event.office, event.seat)
                assert seat not in self.seats, "a seat is given twice"
                self.seats[seat] = self.stated[event.person, event.body] = event
            case "MemberRemoved":
                left = self.seats.pop((event.body, event.office, event.seat), None)
                assert left is not None, "nobody leaves a free seat"
                assert left.person == event.person, "somebody else's seat is vacated"
            case "ConflictDeclared":
                self.interests.add((event.person, event.category, event.nomination))
            case "ConflictLifted":
                self.interests.remove((event.person, event.category, event.nomination))
            case "CommitteeFormed":
                self.terms.append((event.body, event.term_from, event.term_until))
            case other:
                raise AssertionError(f"{other} on a committee's stream")

    def in_office(self, body: str, day: date) -> bool:
        """Tell whether a day lies in a term of a body."""
        return any(first <= day <= last for of, first, last in self.terms if of == body)

    def voting(self, body: str, clerks: Iterable[str]) -> set[str]:
        """Return who holds a seat that votes in a body."""
        free = set(clerks)
        return {one.person for (other, office, _), one in self.seats.items() if other == body and office not in free}

    def recused(self, category: str, nominees: Iterable[tuple[str, Any]]) -> set[str]:
        """Return who has an interest in the whole category or in one of these nominations, declared or by belonging."""
        found = {who for who, whose, which in self.interests if whose == category and which is None}
        for nomination, candidate in nominees:
            found |= {who for who, whose, which in self.interests if whose == category and which == nomination}
            for one in self.stated.values():
                own = one.employer if candidate.kind == "employer" else one.government
                if own is not None and own == candidate.code:
                    found.add(one.person)
        return found


# --- the rest ------------------------------------------------------------------------------------------------------


@dataclass
class Nominee:
    """Where a nomination stands, and how it ended if it did."""

    candidate: Any
    at: Stage
    path: list[Stage]
    ending: str | None = None
    found: dict[Stage, str] = field(default_factory=dict)
    """What the body of a stage said of it last."""


@dataclass
class Motion:
    """A question of a meeting, its votes and papers."""

    kind: str
    event: Any
    votes: dict[str, str] = field(default_factory=dict)
    tally: Any = None
    teller: str | None = None
    among: set[str] = field(default_factory=set)
    confirmed: set[str] = field(default_factory=set)
    outcome: str | None = None

    @property
    def named(self) -> tuple[str, ...]:
        """Return the nominations that the question is about."""
        match self.kind:
            case "propose":
                return (*self.event.advancing, *self.event.eliminated)
            case "tie":
                named: tuple[str, ...] = self.event.order
                return named
            case "admit":
                return (self.event.nomination,)
            case _:
                return (self.event.nomination, *self.event.affected)


@dataclass
class Meeting:
    """A meeting: whom it is of, who is there, and its motions."""

    event: Any
    present: set[str] = field(default_factory=set)
    motions: dict[int, Motion] = field(default_factory=dict)
    over: bool = False

    def at(self, item: Any) -> Stage:
        here = self.event
        return Stage(
            season=here.season, tier=here.tier, province=here.province, category=item.category, stage=item.stage
        )


@dataclass
class Ranking:
    """A stage as scoring tells it."""

    opened: Any = None
    closes: datetime = NEVER
    closed: bool = False
    assigned: dict[str, set[str]] = field(default_factory=dict)
    seals: dict[str, Happened] = field(default_factory=dict)
    current: str | None = None
    heard: str | None = None
    """The seal that stands as far as nomination knows."""
    over: bool = False
    """Nomination has heard that it was closed or sealed."""
    lookers: set[str] = field(default_factory=set)
    """Who saw marks before the seal, as far as nomination knows."""
    received: set[str] = field(default_factory=set)
    """The seals that nomination received."""
    rests_on: int | None = None
    """The committee's version that scoring's last seal rests on: what it knew at the first, and what orders named."""
    first: Place | None = None
    """The committee by what nomination had recorded up to the first seal's time, when it was received."""


@dataclass
class Award:
    """Winners, vacant ranks, announcements and certificates of a path."""

    winners: dict[Stage, dict[str, int]] = field(default_factory=dict)
    vacant: dict[Stage, set[int]] = field(default_factory=dict)
    until: dict[Stage, datetime] = field(default_factory=dict)
    corrected: set[Stage] = field(default_factory=set)
    """Stages whose last verdict is not announced."""
    certificates: dict[str, Any] = field(default_factory=dict)


class Checker:
    """Folds both services' events and holds them to the rules of the procedure."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.all: list[Happened] = []
        self.journal: list[tuple[str, list[Happened]]] = []
        """Every append (`""`) and every delivery, with the service that it reached, in order."""
        self.ends: dict[str, tuple[int, datetime]] = {}
        self.rules: dict[int, dict[str, Any]] = {}
        self.places: dict[str, Place] = {}
        self.known: dict[str, Place] = {}
        """Places as far as scoring knows them."""
        self.frozen = {"nomination": False, "scoring": False}
        self.nominees: dict[str, Nominee] = {}
        self.keys: dict[tuple[str, ...], str] = {}
        self.late: dict[str, Any] = {}
        self.taken_back: set[str] = set()
        """Those filed late that were taken back before anybody admitted them."""
        self.meetings: dict[str, Meeting] = {}
        self.rankings: dict[str, Ranking] = {}
        self.sheets: dict[str, dict[str, Any]] = {}
        """The marks of every sheet that is handed in, by its stream."""
        self.awards: dict[str, Award] = {}
        self.holds: dict[str, tuple[Stage, ...]] = {}
        self.known_holds: dict[str, tuple[Stage, ...]] = {}
        self.appeals: dict[str, Any] = {}
        self.verdicts: dict[str, Any] = {}
        """Every upheld appeal as it was decided."""
        self.corrected: dict[str, list[str]] = {}
        """The last upheld appeal by ranking; what scoring knows of it is kept apart."""
        self.known_corrected: dict[str, list[str]] = {}
        self.advanced: dict[Stage, dict[str, int]] = {}
        """Who holds a seat of the stage after this one by a decision, with its rank, whatever became of it later."""
        self.numbers: set[str] = set()
        self.lots: list[tuple[Stage, Any]] = []
        """Every lot that was drawn, in order."""
        self.parted: set[tuple[str, int]] = set()
        """Every tie that was broken, by seal and rank."""
        self.tried: set[tuple[str, int, str]] = set()
        """Every way to break a tie that was decided on, carried or lost, by seal and rank."""
        self.carried: set[Stage] = set()
        self.ordered: set[str] = set()
        """Seals that are to be made anew."""
        self.known_ordered: set[str] = set()
        """Those of them that scoring knows of."""
        self.announced: list[Any] = []

    # --- taking

    def take(self, appended: Sequence[Happened]) -> None:
        """Take one append, whole."""
        self.journal.append(("", [*appended]))
        names = [_name(one) for one in appended]
        self._chained(appended)
        self._thawed(appended)
        self._in_office(appended)
        decisions = [one for one in appended if _name(one) in ("PlenaryDecided", "AdmissionDecided")]
        assert len(decisions) <= 1, "two decisions in one append"
        if decisions:
            self._listed(decisions[0], appended)
            self._decision(decisions[0], appended)
        else:
            assert not set(names) & LED_TO, f"{names} without a decision"
        for one in appended:
            self.seen[_name(one)] += 1
            self.all.append(one)
            if _name(one) == "ResealOrdered":
                self.ordered.add(one.event.seal)
            self._fold(one)
        if decisions:
            self._after(decisions[0])
        for one in appended:
            if _name(one) == "PrizeAwarded":
                assert self._rank(one.event.nomination, one.event.at) == one.event.rank, "a prize of another rank"

    def deliver(self, to: str, happened: Happened) -> None:
        """Take that an event reached the other service."""
        self.journal.append((to, [happened]))
        if to == "nomination":
            self._heard(happened)
        else:
            self._reached_scoring(happened)

    def _reached_scoring(self, happened: Happened) -> None:
        match _name(happened):
            case "SeasonFrozen" | "SeasonClosed":
                self.frozen["scoring"] = True
            case "SeasonUnfrozen":
                self.frozen["scoring"] = False
            case "StageFrozen":
                self._hold(self.known_holds, happened.event)
            case "StageUnfrozen":
                self.known_holds.pop(self._key(happened.event), None)
            case "DecisionReviewed":
                self._reviewed(self.known_corrected, happened.event)
            case "ResealOrdered":
                self.known_ordered.add(happened.event.seal)
            case _ if happened.stream.startswith("committee/"):
                self.known.setdefault(happened.stream.split("/")[2], Place()).take(happened)
            case _:
                pass

    def _heard(self, happened: Happened) -> None:
        """Take that nomination was told of a ranking."""
        at = happened.event.at
        ranking = self.rankings[at.ranking]
        match _name(happened):
            case "ScoringClosed":
                ranking.over = True
            case "RankingSealed":
                ranking.over, ranking.heard = True, happened.id
                ranking.received.add(happened.id)
                if ranking.first is None:
                    ranking.first = self._place_where(at.province, lambda one: one.time <= happened.time)
            case "RankingSuperseded":
                ranking.heard = None
            case "MarksSeen":
                ranking.lookers.add(happened.event.reader)
            case _:
                pass

    def _chained(self, appended: Sequence[Happened]) -> None:
        for one in appended:
            version, time = self.ends.get(one.stream, (0, one.time))
            assert one.version == version + 1, f"{one.stream} goes from {version} to {one.version}"
            assert one.time >= time, f"{one.stream} goes back in time"
            self.ends[one.stream] = (one.version, one.time)

    def _thawed(self, appended: Sequence[Happened]) -> None:
        for one in appended:
            service = "scoring" if one.stream.split("/")[0] in ("ranking", "sheet") else "nomination"
            allowed = IN_A_FROZEN_SEASON if service == "nomination" else LOOKS
            assert not self.frozen[service] or _name(one) in allowed, f"{_name(one)} in a frozen season"

    def _in_office(self, appended: Sequence[Happened]) -> None:
        """Check that meetings are held, nominations judged and rankings made by bodies on a day of their terms.

        Scoring is held to the decrees that it knew.
        """
        for one in appended:
            if one.stream.startswith("plenary/") and _name(one) not in AROUND_A_MEETING:
                meeting = self.meetings[one.event.plenary].event
                province, body = meeting.province, meeting.body
            elif _name(one) in ("NominationVerified", "NominationReturned", "NominationRejected"):
                province, body = one.event.at.province, self._rules_of(one.event.at, max(self.rules))["body"]
            elif one.stream.startswith(("ranking/", "sheet/")) and _name(one) not in NO_ACT_OF_A_BODY:
                at = one.event.at
                known = self.known.get(at.province, Place())
                body = self._rules_of(at, max(self.rules))["body"]
                assert known.in_office(body, _day(at.province, one.time)), f"{body} scores out of office"
                continue
            else:
                continue
            assert self._place(province).in_office(body, _day(province, one.time)), f"{body} acts out of office"

    # --- folding

    def _place(self, province: str) -> Place:
        return self.places.setdefault(province, Place())

    def _place_where(self, province: str, counts: Callable[[Happened], bool]) -> Place:
        """Return a place's committees by the recorded events that count."""
        place = Place()
        for one in self.all:
            kind, _, where = one.stream.partition("/")
            if kind == "committee" and where.endswith(f"/{province}") and counts(one):
                place.take(one)
        return place

    @staticmethod
    def _key(event: Any) -> str:
        return f"{event.appeal}/{event.stages[0].award}"

    def _hold(self, holds: dict[str, tuple[Stage, ...]], event: Any) -> None:
        holds[self._key(event)] = event.stages

    @staticmethod
    def _reviewed(corrected: dict[str, list[str]], event: Any) -> None:
        if event.outcome == "upheld":
            corrected.setdefault(event.at.ranking, []).append(event.appeal)

    def _placed(self, event: Any) -> None:
        """Take in which ranks a verdict leaves to those who had advanced."""
        ahead = self.advanced.get(event.at, {})
        ahead |= {one.nomination: one.rank for one in event.places or () if one.nomination in ahead}

    def _award(self, happened: Happened) -> Award:
        return self.awards.setdefault(happened.stream, Award())

    def _fold(self, happened: Happened) -> None:
        kind = happened.stream.split("/")[0]
        fold: Callable[[Happened], None] = {
            "season": self._fold_season,
            "committee": self._fold_committee,
            "nomination": self._fold_nomination,
            "plenary": self._fold_plenary,
            "award": self._fold_award,
            "appeal": self._fold_appeal,
            "ranking": self._fold_ranking,
            "sheet": self._fold_sheet,
        }.get(kind, lambda _: None)
        fold(happened)

    def _fold_committee(self, happened: Happened) -> None:
        event, province = happened.event, happened.stream.split("/")[2]
        self._place(province).take(happened)
        if _name(happened) == "CommitteeFormed":
            return
        if _name(happened) == "ConflictDeclared" and event.person == happened.actor:
            return
        category = getattr(event, "category", None)
        for ranking in self.rankings.values():
            at = ranking.opened.at if ranking.opened else None
            if at and at.province == province and category in (None, at.category) and not ranking.received:
                assert happened.actor not in ranking.lookers, "who has looked changes what counts"

    def _fold_season(self, happened: Happened) -> None:
        event = happened.event
        match _name(happened):
            case "RulebookPublished" | "RulebookAmended":
                before, after = (_led(one) for one in (self._content() if self.rules else {}, event.content))
                assert before.items() <= after.items(), "a stage changes its body or where it leads"
                self.rules[event.version] = event.content
            case "SeasonFrozen" | "SeasonClosed":
                if _name(happened) == "SeasonClosed":
                    self._over(happened.time)
                self.frozen["nomination"] = True
            case "SeasonUnfrozen":
                self.frozen["nomination"] = False
            case _:
                pass

    def _over(self, now: datetime) -> None:
        """Check that nothing of the season waits for anybody."""
        assert not [one for one in self.appeals.values() if one is not None], "closed while an appeal was open"
        for award in self.awards.values():
            assert not award.corrected, "closed before a verdict was announced"
            assert all(now > until for until in award.until.values()), "closed while a result can be appealed against"

    def _fold_waiting(self, event: Any, name: str) -> None:
        """Fold what is done with a nomination that was filed late and waits."""
        assert event.nomination in self.late, f"{name} of what was never filed"
        assert event.nomination not in self.taken_back, f"{name} after it was taken back"
        assert name in ("NominationAmended", "NominationWithdrawn"), f"{name} before it was admitted"
        if name == "NominationWithdrawn":
            self.taken_back.add(event.nomination)

    def _fold_nomination(self, happened: Happened) -> None:
        event, name = happened.event, _name(happened)
        if name in ("CandidateNominated", "NominationFiledLate"):
            self._fold_entry(happened, name)
        elif event.nomination in self.nominees:
            self._fold_way(event, name)
        else:
            self._fold_waiting(event, name)

    def _fold_entry(self, happened: Happened, name: str) -> None:
        event = happened.event
        ranking = self.rankings.get(event.entry.ranking, Ranking())
        assert not ranking.over, f"{name} into a stage of which scoring is over"
        assert happened.time <= ranking.closes, f"{name} when nobody could score it any more"
        key = (event.entry.season, event.entry.category, event.candidate.kind, event.candidate.code)
        assert self.keys.setdefault(key, event.nomination) == event.nomination, "a candidate is nominated twice"
        if name == "NominationFiledLate":
            assert event.nomination not in self.late, "filed late twice"
            self.late[event.nomination] = event
            return
        assert event.nomination not in self.nominees, "nominated twice"
        assert event.nomination not in self.taken_back, "admitted after it was taken back"
        self.nominees[event.nomination] = Nominee(event.candidate, event.entry, [event.entry])

    def _fold_way(self, event: Any, name: str) -> None:
        nominee = self.nominees[event.nomination]
        match name:
            case "NominationAmended":
                nominee.candidate = event.candidate
            case "NominationWithdrawn" | "NominationRejected" | "NominationEliminated":
                assert nominee.ending is None, f"{name} after {nominee.ending}"
                nominee.ending = name.removeprefix("Nomination").lower()
            case "NominationVerified" | "NominationReturned" | "NominationResubmitted":
                contested = any(one is not None and one.at == event.at for one in self.appeals.values())
                assert nominee.at == event.at, f"{name} elsewhere"
                assert nominee.ending is None or (contested and nominee.ending == "eliminated"), f"{name} when over"
                nominee.found[event.at] = name
            case "NominationReinstated":
                assert nominee.ending == "eliminated", f"reinstated after {nominee.ending}"
                nominee.ending = None
            case "StageAdvanced":
                nominee.at, nominee.ending = event.reached, None
                nominee.path.append(event.reached)
                self.advanced.setdefault(event.left, {})[event.nomination] = event.rank
            case "StageAdvanceWithdrawn":
                del self.advanced[event.returned][event.nomination]
                later = nominee.path[nominee.path.index(event.returned) + 1 :]
                for one in later:
                    self.advanced.get(one, {}).pop(event.nomination, None)
                nominee.at = event.returned
                nominee.path = nominee.path[: nominee.path.index(event.returned) + 1]
                nominee.ending = nominee.ending if nominee.ending in ("withdrawn", "rejected") else "eliminated"
            case _:
                pass

    def _fold_plenary(self, happened: Happened) -> None:
        event, name = happened.event, _name(happened)
        if name == "PlenaryConvened":
            self.meetings[event.plenary] = Meeting(event)
            return
        meeting = self.meetings[event.plenary]
        assert not meeting.over or name == "MinutesCorrected", f"{name} after the meeting"
        if name in OPENS:
            assert event.motion == len(meeting.motions) + 1, "motions are not numbered on"
            self._opened(meeting, Motion(OPENS[name], event))
            meeting.motions[event.motion] = Motion(OPENS[name], event)
            return
        match name:
            case "AttendanceRecorded":
                (meeting.present.add if event.present else meeting.present.discard)(event.person)
            case "RankingTabled":
                assert meeting.present, "tabled before nobody"
                self._tabled(meeting.at(event.item), event)
            case "VoteCast":
                self._voted(meeting, meeting.motions[event.motion], event)
            case "BallotTallied":
                motion = meeting.motions[event.motion]
                motion.tally, motion.among, motion.confirmed = event, set(meeting.present), set()
                motion.teller = happened.actor
            case "BallotConfirmed":
                motion = meeting.motions[event.motion]
                assert event.person not in motion.confirmed, "confirmed twice"
                assert event.person != motion.teller, "confirmed by who stated it"
                assert event.person in self._free(meeting, motion) & meeting.present, "confirmed by an outsider"
                motion.confirmed.add(event.person)
            case "PlenaryDecided" | "AdmissionDecided":
                meeting.motions[event.motion].outcome = event.outcome
            case "PlenaryAdjourned":
                meeting.over = True
            case _:
                pass

    def _announced(self, event: Any) -> None:
        self.announced.append(event)
        for line in event.lines:
            held = self._rank(line.nomination, event.at)
            assert line.outcome == "eliminated" or line.rank == held, "another rank is announced than is held"

    def _fold_award(self, happened: Happened) -> None:
        event, award = happened.event, self._award(happened)
        match _name(happened):
            case "StageFrozen":
                self._hold(self.holds, event)
            case "StageUnfrozen":
                assert self.holds.pop(self._key(event), None), "nothing was held"
            case "RankingAnnounced" | "DecisionReviewed":
                self._told(event, award)
            case "WinnerDeclared":
                winners = award.winners.setdefault(event.at, {})
                assert event.nomination not in winners, "a winner twice"
                winners[event.nomination] = event.rank
                award.vacant.setdefault(event.at, set()).difference_update(_taken(winners))
            case "WinnerWithdrawn":
                assert award.winners[event.at].pop(event.nomination) == event.rank, "another rank is taken back"
            case "RankLeftVacant":
                award.vacant.setdefault(event.at, set()).add(event.rank)
            case "CertificateIssued":
                self._certificate(event, award)
            case "CertificateRevoked":
                assert award.certificates.pop(event.certificate).number == event.number, "another number is revoked"
            case _:
                pass

    def _told(self, event: Any, award: Award) -> None:
        """Fold what was made public, or that a verdict is still to be."""
        if hasattr(event, "appeals_until"):
            self._announced(event)
            award.corrected.discard(event.at)
            award.until[event.at] = max(event.appeals_until, award.until.get(event.at, event.appeals_until))
            return
        self._reviewed(self.corrected, event)
        self._placed(event)
        if event.outcome == "upheld":
            award.corrected.add(event.at)

    def _fold_appeal(self, happened: Happened) -> None:
        event = happened.event
        match _name(happened):
            case "AppealLodged":
                until = self.awards[event.at.award].until.get(event.at)
                assert until is not None, "an appeal against what is not announced"
                assert happened.time <= until, "an appeal after its window"
                open_ = [one for one in self.appeals.values() if one is not None]
                same = [one for one in open_ if (one.plenary, one.motion) == (event.plenary, event.motion)]
                assert event.nomination not in {one.nomination for one in same}, "two open appeals of a nominee"
                self.appeals[event.appeal] = event
            case "AppealDecided":
                assert self.appeals.get(event.appeal) is not None, "decided twice"
                self.appeals[event.appeal] = None
                if event.verdict.outcome == "upheld":
                    self.verdicts[event.appeal] = event
            case _:
                pass

    # --- sheets and rankings

    def _fold_sheet(self, happened: Happened) -> None:
        event, sheet = happened.event, self.sheets.get(happened.stream)
        match _name(happened):
            case "ScoreSheetSubmitted":
                sheet = self.sheets[happened.stream] = {one.aspect: one.mark for one in event.marks}
            case "AspectScoreRevised" if sheet is not None:
                sheet[event.mark.aspect] = event.mark.mark
            case "ScoreSheetVoided":
                self.sheets.pop(happened.stream, None)
                return
            case _:
                return
        assert sheet is None or any(mark is not None for mark in sheet.values()), "a sheet without a mark is handed in"

    def _fold_ranking(self, happened: Happened) -> None:
        event, ranking = happened.event, self.rankings.setdefault(happened.stream, Ranking())
        match _name(happened):
            case "ScoringOpened":
                assert ranking.opened is None, "opened twice"
                ranking.opened, ranking.closes = event, event.closes
            case "ScoringExtended":
                assert not ranking.closed, "extended after it was closed"
                assert event.until > ranking.closes, "a deadline that is brought forward"
                ranking.closes = event.until
            case "ScorersAssigned":
                for one in event.assignments:
                    ranking.assigned.setdefault(one.nomination, set()).update(one.members)
            case "ScoringClosed":
                assert happened.time > ranking.closes, "closed before the deadline"
                assert not self._known_held(event.at), "closed while an appeal holds the stage"
                ranking.closed = True
            case "RankingSuperseded":
                assert ranking.current == event.seal, "another seal is superseded"
                ranking.current = None
            case "RankingSealed":
                assert ranking.current is None, "sealed twice"
                self._sealed(happened, ranking)
                ranking.seals[happened.id] = happened
                ranking.current = happened.id
            case _:
                pass

    def _known_held(self, at: Stage) -> bool:
        """Tell whether an appeal holds a stage, as far as scoring knows."""
        return any(at in stages for stages in self.known_holds.values())

    def _sealed(self, happened: Happened, ranking: Ranking) -> None:
        seal = happened.event
        assert ranking.closed, "sealed while sheets come in"
        assert happened.time > ranking.closes, "sealed before the deadline"
        assert not self._known_held(seal.at), "sealed while an appeal holds the stage"
        self._counted(seal, ranking, self._rested_on(seal.at, ranking), "as scoring knew")
        named = [row.nomination for row in (*seal.standings, *seal.unrankable)]
        assert sorted(named) == sorted(set(named)), "a nominee stands twice"
        assert sorted(named) == sorted(seal.basis.nominations), "who is eligible is not who is ranked"
        self._carries(seal, self.known_corrected, "as scoring knew")
        for before, after in pairwise(seal.standings):
            assert before.rank <= after.rank, "standings out of order"

    def _rested_on(self, at: Stage, ranking: Ranking) -> Place:
        """Return the committee that a new seal is to rest on: as it was known at the first, and as its order adds."""
        stream, known = f"committee/{at.season}/{at.province}", self.known.get(at.province, Place()).version
        if ranking.rests_on is None:
            ranking.rests_on = known
        else:
            last = [*ranking.seals][-1]
            orders = [one.event.stale for one in self.all if _name(one) == "ResealOrdered" and one.event.seal == last]
            named = [point.version for stale in orders for point in stale if point.stream == stream]
            ranking.rests_on = max([ranking.rests_on, *(version for version in named if version <= known)])
        upto = ranking.rests_on
        return self._place_where(at.province, lambda one: one.version <= upto)

    def _counted(self, seal: Any, ranking: Ranking, place: Place, when: str) -> None:
        """Check that no sheet counts of a recused, removed or unassigned member."""
        body, pinned = ranking.opened.body, ranking.opened.rules
        seated = place.voting(body, self._clerks(body))
        streams = [one.stream for one in seal.counted]
        assert len(streams) == len(set(streams)), "a sheet counts twice"
        for stream in streams:
            _, nomination, _, member = stream.split("/")
            assert member in seated, f"a sheet of a removed member counts, {when}"
            nominee = [(nomination, self.nominees[nomination].candidate)]
            assert member not in place.recused(seal.at.category, nominee), f"a recused member's sheet counts, {when}"
            drawn = ranking.assigned.get(nomination, set())
            assert pinned.per_nominee is None or member in drawn, "a sheet of who was not drawn counts"

    def _carries(self, seal: Any, corrected: dict[str, list[str]], when: str) -> None:
        """Check that every carried figure is that of the earlier seal, or of the last verdict on its ranking."""
        carried = [one for one in self.rankings[seal.at.ranking].opened.rules.aspects if one.carried is not None]
        versions = {point.stream: point.version for point in seal.basis.carried}
        for row in (*seal.standings, *seal.unrankable):
            path = self.nominees[row.nomination].path
            figures = {one.aspect: one.value for one in row.aspects or ()}
            for aspect in carried:
                passed = [at for at in path if (at.tier, at.stage) == (aspect.carried.tier, aspect.carried.stage)]
                rows = self._rows(passed[-1].ranking, versions, corrected) if passed else {}
                if passed and when == "as scoring knew":
                    current = self.rankings[passed[-1].ranking].current
                    assert current not in self.known_ordered, "carried from a seal that was to be made anew"
                own = rows.get(row.nomination, {}).get(aspect.carried.aspect)
                assert figures.get(aspect.code) == own, f"{aspect.code} is carried otherwise, {when}"

    def _rows(
        self, ranking: str, versions: dict[str, int], corrected: dict[str, list[str]]
    ) -> dict[str, dict[str, str]]:
        """Return the figures that count of an earlier ranking: the carried seal's, but for those that verdicts set."""
        seals = [one.event for one in self.rankings[ranking].seals.values() if one.version == versions.get(ranking)]
        verdicts = [self.verdicts[one] for one in corrected.get(ranking, ())]
        said = [*verdicts[-1:], *seals]
        rows = {row.nomination: {one.aspect: one.value for one in row.aspects} for one in said for row in one.standings}
        for one in verdicts:
            decided = {row.nomination: {each.aspect: each.value for each in row.aspects} for row in one.standings}
            own = decided.get(one.nomination, {})
            for figure in one.verdict.figures:
                if figure.aspect in own:
                    rows.setdefault(one.nomination, {})[figure.aspect] = own[figure.aspect]
        return rows

    def _content(self, version: int | None = None) -> dict[str, Any]:
        return self.rules[max(self.rules) if version is None else version]

    def _body(self, code: str, version: int | None = None) -> dict[str, Any]:
        found: dict[str, Any] = next(one for one in self._content(version)["bodies"] if one["code"] == code)
        return found

    def _clerks(self, body: str) -> list[str]:
        return [one["code"] for one in self._body(body)["offices"] if one["role"] == "clerk"]

    def _rules_of(self, at: Stage, version: int) -> dict[str, Any]:
        stages = self._content(version)["stages"]
        where = (at.tier, at.category, at.stage)
        found: dict[str, Any] = next(one for one in stages if (one["tier"], one["category"], one["code"]) == where)
        return found

    # --- meetings

    def _held(self, at: Stage) -> bool:
        return any(at in stages for stages in self.holds.values())

    def _tabled(self, at: Stage, event: Any) -> None:
        ranking = self.rankings[at.ranking]
        assert not self._held(at), "tabled while an appeal holds the stage"
        assert event.seal in ranking.received, "tabled before it was received"
        assert ranking.seals[event.seal].event.digest == event.digest, "another digest is tabled"

    def _opened(self, meeting: Meeting, motion: Motion) -> None:
        at = meeting.at(motion.event.item)
        if motion.kind == "tie" and motion.event.method == "lot":
            among = set(motion.event.order)
            first = [one.seed for where, one in self.lots if where == at and among <= set(one.order)]
            assert motion.event.seed in (first or [motion.event.seed])[:1], "the same nominees are drawn for twice"
            self.lots.append((at, motion.event))
        if motion.kind == "tie":
            assert not self._skipped(at, motion.event), "a way to break a tie is put before one that comes first"
        if motion.kind == "tie" and motion.event.method == "vote":
            assert not self._drawn(at, motion), "a vote is put on who was drawn for"
        if motion.kind in ("propose", "tie"):
            assert not self._held(at), "a question is put while an appeal holds the stage"
        quorum = len(self._free(meeting, motion) & meeting.present)
        assert quorum >= self._required(meeting), "a motion is put without a quorum"

    def _skipped(self, at: Stage, event: Any) -> list[str]:
        """Return the ways that the rubric puts before the one that is put, and that were not decided on."""
        version = self.rankings[at.ranking].seals[event.seal].event.rulebook_version
        code = self._rules_of(at, version)["rubric"]
        rubric = next(one for one in self._content(version)["rubrics"] if one["code"] == code)
        ways = [one for one in rubric["tie_break"] if one in ("lot", "vote")]
        return [one for one in ways[: ways.index(event.method)] if (event.seal, event.rank, one) not in self.tried]

    def _drawn(self, at: Stage, motion: Motion) -> bool:
        """Tell whether a lot was drawn for all of those whom a question on a tie is about."""
        return any(where == at and set(motion.event.order) <= set(one.order) for where, one in self.lots)

    def _free(self, meeting: Meeting, motion: Motion) -> set[str]:
        """Return who may vote on a motion, present or not."""
        place, body = self._place(meeting.event.province), meeting.event.body
        candidates = [
            (one, self.nominees[one].candidate if one in self.nominees else self.late[one].candidate)
            for one in motion.named
        ]
        return place.voting(body, self._clerks(body)) - place.recused(motion.event.item.category, candidates)

    def _required(self, meeting: Meeting) -> int:
        seats: int = sum(one["seats"] for one in self._body(meeting.event.body)["offices"] if one["role"] != "clerk")
        return -(-seats * 2 // 3)

    def _voted(self, meeting: Meeting, motion: Motion, event: Any) -> None:
        assert event.person not in motion.votes, "voted twice"
        assert motion.outcome is None, "voted after the decision"
        assert event.person in self._free(meeting, motion) & meeting.present, "voted by an outsider"
        motion.votes[event.person] = event.vote

    # --- decisions

    def _listed(self, decision: Happened, appended: Sequence[Happened]) -> None:
        """Check that a decision lists what it led to, all of it and nothing else."""
        led = [(one.stream, one.version) for one in appended if one is not decision]
        listed = [(one.stream, one.version) for one in decision.event.results]
        assert sorted(led) == sorted(listed), "a decision does not list what it led to"
        assert not led or decision.event.outcome == "carried", "a lost motion led to something"

    def _decision(self, decision: Happened, appended: Sequence[Happened]) -> None:
        event = decision.event
        meeting = self.meetings[event.plenary]
        motion, at = meeting.motions[event.motion], meeting.at(event.item)
        assert motion.outcome is None, "decided twice"
        self._counted_votes(event, meeting, motion)
        if motion.kind == "propose":
            self._proposal(decision, meeting, motion, at)
        if motion.kind in ("propose", "tie"):
            assert not self._held(at), "a question is decided while an appeal holds the stage"
            assert event.seal in self.rankings[at.ranking].received, "decided on an unknown seal"
        if motion.kind == "tie":
            self.tried.add((event.seal, motion.event.rank, motion.event.method))
        if motion.kind == "tie" and event.outcome == "carried":
            assert (event.seal, motion.event.rank) not in self.parted, "a tie is broken twice"
            assert motion.event.method == "lot" or not self._drawn(at, motion), "who was drawn for is voted on"
            self.parted.add((event.seal, motion.event.rank))
        self._ordered(appended)
        upheld = any(_name(one) == "AppealDecided" and one.event.verdict.outcome == "upheld" for one in appended)
        for one in appended:
            if _name(one) in ("StageAdvanced", "WinnerDeclared"):
                self._ahead(one.event, at, revived=upheld)
                if "verification" in self._rules_of(at, event.rulebook_version):
                    found = self.nominees[one.event.nomination].found.get(at)
                    assert found == "NominationVerified", "a nominee goes on that was not verified"

    def _ordered(self, appended: Sequence[Happened]) -> None:
        """Check that a seal which somebody enters too late for is ordered anew in the same append."""
        orders = {one.event.seal: one.event for one in appended if _name(one) == "ResealOrdered"}
        for one in appended:
            ranking = self.rankings.get(one.event.reached.ranking) if _name(one) == "StageAdvanced" else None
            seal = ranking.heard if ranking else None
            if ranking and seal and seal not in self.ordered:
                named = ranking.seals[seal].event.basis.nominations
                missing = orders[seal].missing if seal in orders else ()
                assert one.event.nomination in (*named, *missing), "a seal that lacks who enters is not ordered anew"

    def _counted_votes(self, event: Any, meeting: Meeting, motion: Motion) -> None:
        free = self._free(meeting, motion)
        here = free & meeting.present
        assert len(here) >= self._required(meeting), "decided without a quorum"
        assert event.quorum.present == len(here), "the quorum is counted otherwise"
        assert not set(event.quorum.recused) & free, "a recused member is free to vote"
        if getattr(motion.event, "method", "vote") == "lot":
            assert event.outcome == "carried", "a lot is lost"
            return
        if motion.event.ballot == "paper":
            assert len(motion.confirmed & free) >= 2, "a count that two did not confirm"
            tally, voted = motion.tally.tally, free & motion.among
            assert tally == event.tally, "another count is decided on"
            papers = tally.votes_for + tally.votes_against + tally.abstained + motion.tally.invalid
            assert papers <= len(voted), "more papers than members"
        else:
            voted = set(motion.votes)
            assert voted <= free, "decided by votes of which one stands no more"
            counted = Counter(motion.votes[one] for one in voted)
            tally = event.tally
            said = (tally.votes_for, tally.votes_against, tally.abstained)
            assert said == (counted["for"], counted["against"], counted["abstain"]), "votes are counted otherwise"
        majority = tally.votes_for * 2 > len(here | voted)
        assert event.outcome == ("carried" if majority else "lost"), "the majority says otherwise"

    def _proposal(self, decision: Happened, meeting: Meeting, motion: Motion, at: Stage) -> None:
        event, ranking = decision.event, self.rankings[at.ranking]
        assert ranking.seals[event.seal].event.rulebook_version == event.rulebook_version, "under other rules"
        if self._content()["appeals"]["freezes_downstream"]:
            self._upstream(decision, at)
        self._carries(ranking.seals[event.seal].event, self.corrected, "as a verdict has it")
        if event.outcome != "carried":
            return
        assert ranking.seals[event.seal].event.basis.nominations, "nobody is decided on"
        assert at not in self.carried, "two proposals are carried for a stage"
        assert self._next(at) not in self.carried, "somebody is sent on to a stage that is decided"
        self.carried.add(at)
        assert ranking.first is not None, "decided before a seal was received"
        self._counted(ranking.seals[event.seal].event, ranking, ranking.first, "as it was sealed first")

    def _upstream(self, decision: Happened, at: Stage) -> None:
        """Check that every earlier stage is announced, verdicts included, and past its window, whoever came from it."""
        for before in self.carried:
            if self._next(before) == at:
                award = self.awards.get(before.award, Award())
                until = award.until.get(before)
                assert until is not None, "decided before the earlier stage was announced"
                assert before not in award.corrected, "decided before a verdict on the earlier stage was announced"
                assert decision.time > until, "decided while the earlier stage can be appealed against"

    def _next(self, at: Stage) -> Stage | None:
        """Return the stage that the best of another enter."""
        following = self._rules_of(at, max(self.rules)).get("next")
        if following is None:
            return None
        province = "00" if following["tier"] == "national" else at.province
        return Stage(
            season=at.season,
            tier=following["tier"],
            province=province,
            category=at.category,
            stage=following["stage"],
        )

    def _ahead(self, event: Any, at: Stage, *, revived: bool) -> None:
        """Check that who advances or wins competes, or was eliminated there and is revived by an appeal."""
        nominee = self.nominees[event.nomination]
        allowed = (None, "eliminated") if revived else (None,)
        assert nominee.ending in allowed, f"a nominee that was {nominee.ending} goes on"
        assert nominee.at == at, "a nominee goes on from where it does not stand"

    def _after(self, decision: Happened) -> None:
        """Check quotas and ranks after a decision."""
        event = decision.event
        if not hasattr(event, "seal"):
            return
        meeting = self.meetings[event.plenary]
        at = meeting.at(event.item)
        rules = self._rules_of(at, event.rulebook_version)
        quota = rules["quota"]["places"]
        assert len(self.advanced.get(at, ())) <= quota, "more advance than there are seats"
        for one in self.carried:
            rules = self._rules_of(one, event.rulebook_version)
            if rules.get("next") is None:
                award, places = self.awards[one.award], rules["quota"]["places"]
                winners = award.winners.get(one, {})
                self._filled(winners, award.vacant.get(one, set()), places)
                assert all(self.nominees[who].ending is None for who in winners), "a winner whose way has ended"

    @staticmethod
    def _filled(winners: dict[str, int], vacant: set[int], quota: int) -> None:
        """Check that winners and vacant ranks fill the quota."""
        covered = _taken(winners)
        assert len(covered) == len(set(covered)), "winners take one rank twice"
        assert sorted([*covered, *vacant]) == list(range(1, quota + 1)), f"{winners} and {vacant} are not {quota} ranks"

    def leaves_nobody_behind(self) -> None:
        """Check that nobody competes where nothing is left to decide, except who has won there."""
        for id_, nominee in self.nominees.items():
            if nominee.ending is None and nominee.at in self.carried:
                winners = self.awards.get(nominee.at.award, Award()).winners.get(nominee.at, {})
                assert id_ in winners, f"{id_} competes at {nominee.at.ranking}, which is decided"

    # --- certificates

    def _certificate(self, event: Any, award: Award) -> None:
        assert event.number not in self.numbers, "a number is given twice"
        self.numbers.add(event.number)
        twins = [(one.kind, one.nomination) for one in award.certificates.values()]
        assert (event.kind, event.nomination) not in twins, "two certificates of a kind in force"
        award.certificates[event.certificate] = event
        assert self._is_so(event), f"a certificate of no {event.given_to}"
        assert not award.corrected, "a certificate before a verdict was announced"

    def _is_so(self, certificate: Any) -> bool:
        """Tell whether a certificate's statement holds: who goes on to the next tier is who won in the province."""
        at, whose = certificate.at, certificate.nomination
        if certificate.given_to == "finalist":
            return at in self.nominees[whose].path
        return bool(self._rank(whose, at) == certificate.rank)

    def _rank(self, nomination: str, at: Stage) -> int | None:
        """Return the rank by which a nominee has gone on from a stage or won there, as verdicts left it."""
        won = self.awards[at.award].winners.get(at, {}) if at.award in self.awards else {}
        return {**self.advanced.get(at, {}), **won}.get(nomination)

    def holds_certificates(self) -> None:
        """Check that every certificate in force says what is so, unless an appeal on the path is open."""
        if any(one is not None for one in self.appeals.values()):
            return
        for award in self.awards.values():
            for one in award.certificates.values():
                assert self._is_so(one), f"{one.number} is not so"
