"""A meeting in memory with every kind of question: ties, late nominations, votes on paper, earlier stages, appeals."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from kernel.decider import Decision, Emit
from schemas.envelope import Stage
from schemas.nomination import (
    AgendaItem,
    Candidate,
    NominationFiledLate,
    StageFrozen,
    StageUnfrozen,
    Tally,
)
from schemas.rulebook import Rulebook
from services.nomination.domain.admission import AskAdmission
from services.nomination.domain.correcting import CorrectMinutes, correct_minutes
from services.nomination.domain.nomination import nomination_id, nomination_stream
from services.nomination.domain.plenary import Actor
from services.nomination.domain.ties import AskTie, Method
from services.nomination.domain.voting import (
    CastVote,
    ConfirmBallot,
    TallyBallot,
    cast_vote,
    confirm_ballot,
    tally_ballot,
)
from tests.unit.nomination.scene import (
    AT,
    CONTACT,
    GORONTALO,
    ITEM,
    PLENARY_ID,
    REASON,
    REGENCIES,
    SECRETARY,
    VOTING_OFFICES,
    Scene,
    person,
    rulebook,
)

SEED = "5e" * 32
FIRST, SECOND = (person(office) for office in VOTING_OFFICES[1:3])
MEMBER = person(VOTING_OFFICES[-1])


class Assembly(Scene):
    """A scene whose meeting knows every verb."""

    def tie(
        self, rank: int, order: tuple[str, ...] | None, method: Method = "vote", seed: str = SEED, **also: Any
    ) -> Decision:
        return self.move(asked=AskTie(rank, method, order, seed), **also)

    def lot(self, rank: int, seed: str = SEED, **also: Any) -> Decision:
        return self.tie(rank, None, "lot", seed, **also)

    def admit(self, nomination: str, **also: Any) -> Decision:
        return self.move(asked=AskAdmission(nomination), **also)

    def tally(
        self, votes_for: int, against: int = 0, abstained: int = 0, invalid: int = 0, motion: int = 1, **also: Any
    ) -> Decision:
        tally = Tally(votes_for=votes_for, votes_against=against, abstained=abstained)
        command = replace(TallyBallot(PLENARY_ID, motion, tally, invalid, SECRETARY, self.clock), **also)
        return tally_ballot(command, *self.meeting(), self.ranking(), self.nominations())

    def confirm(self, who: str, motion: int = 1, **also: Any) -> Decision:
        command = replace(ConfirmBallot(PLENARY_ID, motion, Actor(who), self.clock), **also)
        return confirm_ballot(command, *self.meeting(), self.ranking(), self.nominations())

    def correct(self, actor: Actor = SECRETARY) -> Decision:
        return correct_minutes(CorrectMinutes(PLENARY_ID, REASON, actor), *self.meeting())

    def vote_in(self, plenary: str, who: str, motion: int = 1) -> Decision:
        command = CastVote(plenary, motion, "for", Actor(who), self.clock)
        return cast_vote(command, *self.meeting(plenary), self.ranking(), self.nominations())

    def filed_late(self, code: str = REGENCIES[5], at: Stage = AT) -> str:
        """File a nomination after its window; return its id."""
        kind = "city" if int(code[3:]) > 70 else "regency"
        candidate = Candidate(kind=kind, code=code, name=f"Kabupaten {code}", region=code)
        id_ = nomination_id(at.season, at.category, candidate)
        filed = NominationFiledLate(
            nomination=id_,
            entry=at,
            candidate=candidate,
            nominating_body=GORONTALO,
            nominated_by=person("secretariat"),
            contact=CONTACT,
            reason_digest=REASON,
        )
        self.record([Emit(nomination_stream(id_), filed)])
        return id_

    def verify(self, *ids: str, at: Stage = AT) -> None:
        self.find_in_order(ids, at)

    def freeze(self, held: Stage, appeal: str, contested: Stage = AT) -> None:
        self.record([Emit(contested.award, StageFrozen(at=contested, stages=(held,), appeal=appeal))])

    def unfreeze(self, held: Stage, appeal: str, contested: Stage = AT) -> None:
        self.record([Emit(contested.award, StageUnfrozen(at=contested, stages=(held,), appeal=appeal))])

    def leave(self, offices: Iterable[str]) -> None:
        for office in offices:
            self.given(self.attend(person(office), present=False))

    def elsewhere(self, plenary: str, tabled: bool = True) -> None:
        """Take the meeting so far as another one's of this id, and begin a second one with everybody present."""
        stream = self.streams.pop(f"plenary/{PLENARY_ID}")
        self.streams[f"plenary/{plenary}"] = [
            happened._replace(event=happened.event.model_copy(update={"plenary": plenary})) for happened in stream
        ]
        self.given(self.convene())
        self.all_attend()
        if tabled:
            self.given(self.table())


def changed_content(change: Any) -> Rulebook:
    """Return the rulebook of 2020 with a change of its content."""
    content = rulebook().model_dump(mode="json", exclude_none=True)
    change(content)
    return Rulebook.from_content(content)


def with_ties(*rules: str, quota: int = 2) -> Rulebook:
    """Return a rulebook whose rubrics break ties so, with a quota for the provincial selection."""

    def change(content: Any) -> None:
        for rubric in content["rubrics"]:
            rubric["tie_break"] = list(rules)
        for stage in content["stages"]:
            if (stage["tier"], stage["category"]) == ("provincial", "KABKOTA"):
                stage["quota"]["places"] = quota

    return changed_content(change)


def with_body(**fields: Any) -> Rulebook:
    """Return a rulebook with other values of the provincial body."""
    return changed_content(lambda content: content["bodies"][0].update(fields))


def with_verification() -> Rulebook:
    """Return a rulebook whose provincial selection verifies."""

    def change(content: Any) -> None:
        for stage in content["stages"]:
            if (stage["tier"], stage["category"]) == ("provincial", "KABKOTA"):
                stage["verification"] = {"days_to_mend": 3, "assumed": True}

    return changed_content(change)


def seated(rules: Rulebook | None = None) -> Assembly:
    """Return a scene with an open season and eight members in nine seats."""
    scene = Assembly()
    scene.open(rules)
    scene.given(scene.form())
    scene.seat()
    return scene


def convened(*ranks: int, rules: Rulebook | None = None, unrankable: int = 0) -> tuple[Assembly, list[str]]:
    """Return a scene whose meeting is convened on a seal of these ranks."""
    scene = seated(rules)
    ids = scene.nominated(*REGENCIES[: len(ranks) + unrankable])
    scene.seal(list(zip(ids, ranks, strict=False)), ids[len(ranks) :])
    scene.given(scene.convene())
    return scene, ids


def gathered(*ranks: int, rules: Rulebook | None = None, unrankable: int = 0) -> tuple[Assembly, list[str]]:
    """Return the same with everybody present and the seal tabled."""
    scene, ids = convened(*ranks, rules=rules, unrankable=unrankable)
    scene.all_attend()
    scene.given(scene.table())
    return scene, ids


def on_paper(*ranks: int, rules: Rulebook | None = None) -> tuple[Assembly, list[str]]:
    """Return the same with a motion that is voted on by paper."""
    scene, ids = gathered(*ranks, rules=rules)
    scene.given(scene.move(ballot="paper"))
    return scene, ids


def national(item: AgendaItem = ITEM) -> AgendaItem:
    """Return the next stage of an item's category, at the centre."""
    return AgendaItem(category=item.category, stage="verifikasi")


def at_noon(day: int, month: int = 3) -> datetime:
    """Return noon in Gorontalo (WITA) on a day of 2021."""
    return datetime.fromisoformat(f"2021-{month:02}-{day:02}T12:00:00+08:00")
