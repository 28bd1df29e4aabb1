"""What a secretary does to bring a place forward: many commands in the order in which an office gives them.

Fifty random steps seldom come as far as an interview, an appeal or a certificate; with these they do. Nothing here is
beside the rules: every command goes through its program, and what is refused is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from kernel.decider import Refusal
from schemas.envelope import Stage
from schemas.nomination import Tally
from schemas.rulebook import Rulebook, Window
from services.nomination.domain.admission import AskAdmission
from services.nomination.domain.deciding import Asked
from services.nomination.domain.ties import AskTie
from services.nomination.domain.verdict import AskAppeal
from tests.model.rules import (
    ASPECTS,
    BODIES,
    BODY_OF,
    DESK,
    INTERVIEW,
    PLACE_OF,
    PROVINCE,
    SEATS,
    SELECTION,
    VERIFICATION,
    rulebook,
)
from tests.model.world import (
    COMPANIES,
    DISMISSED,
    LAST,
    PACE,
    REGENCIES,
    World,
    member,
    upheld,
)

SEED = "5e" * 32
_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Secretary(World):
    """A world whose secretary knows the way."""

    # --- what is there

    @property
    def rules(self) -> Rulebook:
        """Return the first version's rules; what the model reads of them never changes."""
        return rulebook()

    def standing(self, at: Stage) -> list[str]:
        """Return who stands at a stage."""
        return [id_ for id_, one in self.checker.nominees.items() if one.ending is None and one.at == at]

    def seated(self, body: str) -> list[str]:
        """Return who holds the seats that vote, the chair first if there is one."""
        place = self.checker.places.get(PROVINCE if body == "panitia-9" else "00")
        seats = place.seats if place else {}
        found = (seats.get((body, *seat)) for seat in SEATS[body])
        return [one.person for one in found if one is not None]

    def ranking(self, at: Stage) -> Any:
        return self.checker.rankings.get(at.ranking)

    def jump(self, to: datetime) -> None:
        """Let the clock come to an instant, unless it is past."""
        self.now = max(self.now, to)

    def thaw(self) -> None:
        """Let a frozen season go on."""
        if self.checker.frozen["nomination"]:
            self.unfreeze()

    # --- a season's beginning

    def found(self, last: date = LAST) -> None:
        """Open the season, form its bodies until a day and fill their seats."""
        self.open_season()
        for body in BODIES:
            self.form(body, last=last)
            for seat in range(3):
                self.appoint(body, seat, member(body, seat))
        self.deliver()

    def hold_office(self, body: str) -> None:
        """Renew a body whose term is over, as far as the secretary sees."""
        place = self.checker.places.get(PLACE_OF[body])
        if place and not place.in_office(body, self.now.date()):
            self.form(body, f"SK {len(self.checker.all)}/2021", LAST)

    def fill_seats(self, number: int) -> None:
        """Give every free seat to somebody new."""
        for body in BODIES:
            self.hold_office(body)
            held = {(office, seat) for other, office, seat in self._seats(body) if other == body}
            for index, seat in enumerate(SEATS[body]):
                if seat not in held:
                    self.appoint(body, index, member(f"{body} {number}", index))

    def _seats(self, body: str) -> list[tuple[str, str, int]]:
        place = self.checker.places.get(PROVINCE if body == "panitia-9" else "00")
        return [*place.seats] if place else []

    def nominate_all(self) -> None:
        """Nominate whoever is in time."""
        for candidate in (*REGENCIES, *COMPANIES):
            self.nominate(candidate, "KABKOTA" if candidate in REGENCIES else "UMKM")

    # --- a stage

    def begin(self, at: Stage) -> None:
        """Open a stage, once its window has begun; the two of the province begin together."""
        stage = self.rules.stage(at.tier, at.category, at.stage)
        self.jump(self.rules.opens_utc(stage.scoring, at.province))
        self.deliver()
        for one in (SELECTION, DESK) if at in (SELECTION, DESK) else (at,):
            if self.ranking(one) is None:
                self.open_stage(one)
        self.deliver()

    def score_all(self, at: Stage, levels: Sequence[str]) -> None:
        """Let every member hand in a sheet for everybody who stands; `levels` are the marks, nominee by nominee."""
        self.begin(at)
        ranking = self.ranking(at)
        if ranking is None:
            return
        if self.now > ranking.closes and not ranking.closed:
            self.extend_stage(at, self.now + timedelta(days=3))
        self.assign(at, len(self.checker.all))
        for index, nominee in enumerate(self.standing(at)):
            level = levels[index % len(levels)]
            for who in self.seated(BODY_OF[at]):
                self.file(nominee, at, who, dict.fromkeys(ASPECTS[at], level))
        self.deliver()

    def close_and_seal(self, at: Stage, *, informed: bool = True) -> None:
        """Wait for the deadline, close the stage, and seal it; anew, where that was ordered.

        Unless `informed`, scoring seals what it knows, and only then hears what nomination has said.
        """
        ranking = self.ranking(at)
        if ranking is None:
            return
        self.jump(ranking.closes + PACE)
        if informed:
            self.deliver()
        self.close_stage(at)
        self.seal(at)
        self.deliver()

    def wait_for_windows(self) -> None:
        """Let every appeal window run out."""
        for award in self.checker.awards.values():
            for until in award.until.values():
                self.jump(until + PACE)

    def wait_for_the_end(self) -> None:
        """Let the season's last window run out, in every zone."""
        calendar = self.rules.calendar
        whole = Window(opens=calendar.opens, closes=calendar.closes)
        self.jump(self.rules.deadline_utc(whole, PROVINCE) + timedelta(days=1))

    # --- a meeting

    def meeting(self, at: Stage) -> str | None:
        """Return a meeting about a stage that goes on and in which its members are; None where none can be called."""
        self.hold_office(BODY_OF[at])
        going_on = [id_ for id_, _, about in self.plenaries if about == at and not self.checker.meetings[id_].over]
        if not going_on:
            if isinstance(self.convene(at), Refusal):
                return None
            self.now += 2 * PACE
            going_on = [self.plenaries[-1][0]]
        for who in self.seated(BODY_OF[at]):
            self.attend(going_on[-1], who)
        return going_on[-1]

    def put(self, plenary: str, at: Stage, asked: Asked | None = None, ballot: str = "open") -> int | None:
        """Put a question; return its number, None when it was refused."""
        outcome = self.move(plenary, at, asked, ballot)
        return None if isinstance(outcome, Refusal) else len(self.checker.meetings[plenary].motions)

    def carry(self, plenary: str, at: Stage, motion: int) -> bool:
        """Let everybody vote for a motion, or count papers for it, and the chair close it; tell whether it did."""
        seated = self.seated(BODY_OF[at])
        put = self.checker.meetings[plenary].motions[motion]
        if put.event.ballot == "paper":
            self.tally(plenary, motion, Tally(votes_for=2, votes_against=0, abstained=0))
        for who in seated:
            if put.event.ballot == "paper":
                self.confirm(plenary, motion, who)
            else:
                self.vote(plenary, motion, who, "for")
        return any(not isinstance(self.decide(plenary, motion, who), Refusal) for who in seated[:1])

    def publish(self, plenary: str, at: Stage, motion: int) -> None:
        """Announce what was decided."""
        for who in self.seated(BODY_OF[at])[:1]:
            self.announce(plenary, motion, who)
        self.deliver()

    def verify_all(self, at: Stage) -> None:
        """Find everybody in order who stands at a stage."""
        for nominee in self.standing(at):
            self.resubmit(nominee)
            for who in self.seated(BODY_OF[at]):
                if not isinstance(self.verify(nominee, who), Refusal):
                    break

    def break_ties(self, plenary: str, at: Stage) -> None:
        """Part everybody who shares a rank of the seal, by lot where the rubric has one and else by vote."""
        ranking = self.ranking(at)
        if ranking is None or ranking.current is None:
            return
        rows = [one for one in ranking.seals[ranking.current].event.standings if one.nomination in self.standing(at)]
        for rank in sorted({one.rank for one in rows}):
            tied = tuple(one.nomination for one in rows if one.rank == rank)
            asked = AskTie(rank, "vote", tied, SEED) if at == DESK else AskTie(rank, "lot", None, SEED)
            if len(tied) > 1 and (motion := self.put(plenary, at, asked)) is not None:
                self.carry(plenary, at, motion)

    def hold_meeting_until_motion(self, at: Stage, ballot: str = "open") -> tuple[str, int] | None:
        """Call a meeting and bring it to the question who advances."""
        if (plenary := self.meeting(at)) is None:
            return None
        if at == VERIFICATION:
            self.verify_all(at)
        self.table(plenary, at)
        self.break_ties(plenary, at)
        motion = self.put(plenary, at, None, ballot)
        return None if motion is None else (plenary, motion)

    def decide_and_announce(self, plenary: str, at: Stage, motion: int) -> None:
        """Carry a motion and make its result public."""
        if self.carry(plenary, at, motion):
            self.publish(plenary, at, motion)

    def finish(self, at: Stage, levels: Sequence[str], ballot: str = "open", *, patient: bool = True) -> None:
        """Bring a stage from its opening to its announcement; unless `patient`, before windows end, and unannounced."""
        self.thaw()
        if at == INTERVIEW:
            self._give_slots()
        self.score_all(at, levels)
        self.close_and_seal(at)
        if patient:
            self.wait_for_windows()
        put = self.hold_meeting_until_motion(at, ballot)
        if put is not None and patient:
            self.decide_and_announce(put[0], at, put[1])
        elif put is not None:
            self.carry(put[0], at, put[1])

    def publish_all(self) -> None:
        """Announce whatever was carried."""
        for id_, _, at in self.plenaries:
            for number, motion in self.checker.meetings[id_].motions.items():
                if motion.outcome == "carried" and motion.kind in ("propose", "appeal"):
                    self.publish(id_, at, number)

    def _give_slots(self) -> None:
        stage = self.rules.stage(INTERVIEW.tier, INTERVIEW.category, INTERVIEW.stage)
        first = max(self.now, self.rules.opens_utc(stage.scoring, INTERVIEW.province)) + timedelta(hours=1)
        for index, nominee in enumerate(self.standing(INTERVIEW)):
            self.schedule(nominee, first + timedelta(hours=index))

    # --- late nominations and appeals

    def admit(self, nominee: str) -> None:
        """Let the body of its first stage admit a late nomination."""
        filed = self.checker.late.get(nominee)
        if filed is None or (plenary := self.meeting(filed.entry)) is None:
            return
        motion = self.put(plenary, filed.entry, AskAdmission(nominee))
        if motion is not None:
            self.carry(plenary, filed.entry, motion)

    def contest(self, line: int) -> None:
        """Lodge an appeal against what was announced last."""
        told = [one for one in self.checker.announced if one.lines]
        if told:
            last = told[-1]
            nominee = last.lines[line % len(last.lines)].nomination
            self.lodge(nominee, last.plenary, last.motion)

    def overturn(self, mark: str) -> None:
        """Contest what was announced last for who stands lowest in it, and hear that at once."""
        before = len(self.appeals)
        self.contest(-1)
        for appeal in self.appeals[before:]:
            self.hear(appeal, mark)

    def hear(self, appeal: str, mark: str | None) -> None:
        """Decide an open appeal: upheld with this mark for every aspect, or without one dismissed."""
        said = self.checker.appeals.get(appeal)
        if said is None:
            return
        at, verdict = said.at, DISMISSED
        figures: Mapping[str, str] = dict.fromkeys(ASPECTS[at], mark or "")
        if mark is not None:
            verdict = upheld(figures)
        if (plenary := self.meeting(at)) is None:
            return
        outcome = self.move(plenary, at, AskAppeal(appeal, verdict))
        if isinstance(outcome, Refusal) and outcome.code == "verdict-ties-at-the-cut":
            order = sorted(_ID.findall(outcome.faults[0].remedy.en))
            outcome = self.move(plenary, at, AskAppeal(appeal, upheld(figures, order)))
        if isinstance(outcome, Refusal):
            return
        motion = len(self.checker.meetings[plenary].motions)
        self.decide_and_announce(plenary, at, motion)
