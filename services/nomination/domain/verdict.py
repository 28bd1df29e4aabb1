"""The verdict on an appeal: put as a motion to the body that decided, and everything that follows when it is carried.

An upheld appeal ranks the sealed inputs anew, changed by the verdict and by nothing that arrived since; a verdict on a
seal that was corrected before starts from the corrected standings. The same append moves whoever enters or leaves the
quota, takes back winners and certificates whose statement no longer holds, orders new seals downstream and lets go of
the stages that the appeal held. Nobody moves up into the seat of a nominee who withdrew.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from fractions import Fraction
from typing import assert_never

from kernel.decider import Emit
from schemas.envelope import Stage
from schemas.exact import NotExact, fraction_text, parse_fraction
from schemas.nomination import (
    AgendaItem,
    Announced,
    AppealDecided,
    AppealMotionOpened,
    Ballot,
    CertificateRevoked,
    DecisionReviewed,
    NominationEliminated,
    NominationReinstated,
    Place,
    ResealOrdered,
    Shift,
    StageAdvanced,
    StageAdvanceWithdrawn,
    StageUnfrozen,
    Verdict,
    VerdictFigure,
    WinnerDeclared,
    WinnerWithdrawn,
)
from schemas.rulebook import Rulebook, StageAspect, StageRubric
from schemas.rulebook import Stage as StageRules
from schemas.scoring import AspectAggregate, standings_digest
from services.nomination.domain.appeal import (
    AppealState,
    Decided,
    Lodged,
    NotLodged,
    appeal_stream,
    downstream,
)
from services.nomination.domain.award import Award, Winner, check_not_held
from services.nomination.domain.nomination import Cited, Nomination, NominationState, nomination_stream
from services.nomination.domain.plenary import (
    BreakTie,
    DecideAppeal,
    Motion,
    NotConvened,
    Plenary,
    PlenaryState,
    Setting,
    item_name,
)
from services.nomination.domain.refusals import refuse
from services.nomination.domain.reranking import Standings, aggregate, parted_ranks, rerank
from services.nomination.domain.seal import Ranking, Seal
from services.nomination.domain.season import Season
from services.nomination.domain.winning import crown, ends_tier, vacated

# --- what a decision on an appeal rests on -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Case:
    """An appeal and all that a decision on it rests on.

    Args:
        id: the appeal's id.
        appeal: the appeal.
        contested: the meeting that took the contested decision.
        ranking: the seals of the contested stage.
        corrections: the upheld appeals that corrected the contested seal before; the last one's standings count.
        ties: the ties on the contested seal that were broken by vote or lot.
        awards: by their streams, the award of the contested stage and those of the stages downstream.
        rankings: the seals of the stages downstream.
        nominations: everybody who stands or stood at the contested stage, or is named by its seals.
    """

    id: str
    appeal: AppealState = field(default_factory=NotLodged)
    contested: PlenaryState = field(default_factory=NotConvened)
    ranking: Ranking = field(default_factory=Ranking)
    corrections: tuple[AppealDecided, ...] = ()
    ties: tuple[BreakTie, ...] = ()
    awards: Mapping[str, Award] = field(default_factory=dict)
    rankings: Mapping[Stage, Ranking] = field(default_factory=dict)
    nominations: Mapping[str, NominationState] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Ground:
    """An open appeal with the seal and the rules that its decision rests on."""

    case: Case
    at: Stage
    nomination: str
    seal: Seal
    rules: Rulebook

    @property
    def award(self) -> Award:
        return self.case.awards[self.at.award]

    @property
    def stage(self) -> StageRules:
        return self.rules.stage(self.at.tier, self.at.category, self.at.stage)

    @property
    def rubric(self) -> StageRubric:
        return self.rules.rubric(self.stage)

    @property
    def quota(self) -> int:
        return self.rules.quota(self.stage, self.at.province)

    @property
    def ends_path(self) -> bool:
        return self.stage.next is None

    @property
    def honours(self) -> bool:
        """Tell whether ranks of the stage count for more than a seat: at the end of a tier, which may honour them."""
        return ends_tier(self.at, self.rules)

    @property
    def standings(self) -> Standings:
        """Return the standings that count now: the seal's, or those of the last upheld appeal against it."""
        said = self.case.corrections[-1] if self.case.corrections else self.seal.said
        return Standings(said.standings or (), said.unrankable or ())

    @property
    def orders(self) -> tuple[tuple[str, ...], ...]:
        """Return the orders that people gave to nominees who were tied, the latest verdict's first."""
        voted = [one.verdict.order for one in reversed(self.case.corrections) if one.verdict.order]
        return (*voted, *(tie.order for tie in self.case.ties))

    def state(self, nomination: str) -> Nomination | None:
        """Return a nominee's way."""
        state = self.case.nominations.get(nomination)
        return state if isinstance(state, Nomination) else None


def contested_seal(plenary: PlenaryState, motion: int) -> str | None:
    """Return the seal that a decision rests on, None when there is no such decision, or it rests on none."""
    found = plenary.motion(motion) if isinstance(plenary, Plenary) else None
    return found.seal if found is not None else None


def _ground(case: Case, season: Season) -> _Ground:
    """Return an open appeal's ground; refuse one that is decided, and a seal that is not what it was."""
    match case.appeal:
        case NotLodged():
            raise refuse("appeal-unknown", "appeal", case.id)
        case Decided():
            raise refuse("appeal-decided", "appeal", case.id)
        case Lodged(said):
            pass
        case _:
            assert_never(case.appeal)
    seal = case.ranking.seal(contested_seal(case.contested, said.motion))
    if seal is None:
        raise refuse("seal-unknown", "appeal", said.at.ranking, current="-")
    computed = standings_digest(seal.said.standings, seal.said.unrankable)
    if seal.said.digest != computed:
        raise refuse("seal-digest-wrong", "appeal", seal.said.digest, computed=computed)
    version = seal.said.rulebook_version
    if season.hashes.get(version) != seal.said.rulebook_hash:
        raise refuse("seal-under-other-rules", "appeal", seal.id, version=version)
    return _Ground(case, said.at, said.nomination, seal, season.rulebooks[version])


# --- the motion ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AskAppeal:
    """Ask whether an appeal is decided so."""

    appeal: str
    verdict: Verdict


def appeal_motion(
    asked: AskAppeal, item: AgendaItem, ballot: Ballot, setting: Setting, case: Case
) -> AppealMotionOpened:
    """Return the question on an appeal, for the body that took the contested decision; raise Refused."""
    ground = _ground(case, setting.season)
    _check_meeting(item, setting.plenary, ground)
    check_not_held(ground.at, ground.award)
    _check_pending(item, setting.plenary, ground)
    _check_verdict(asked.verdict, ground)
    reversal = _reversal(asked.verdict, ground)
    _check_verified(reversal, ground)
    return AppealMotionOpened(
        plenary=setting.plenary.id,
        motion=len(setting.plenary.motions) + 1,
        item=item,
        appeal=case.id,
        nomination=ground.nomination,
        seal=ground.seal.id,
        verdict=asked.verdict,
        affected=reversal.affected if reversal else (),
        ballot=ballot,
    )


def _check_meeting(item: AgendaItem, plenary: Plenary, ground: _Ground) -> None:
    """Refuse a meeting of another body or place than the one that decided, and an item other than what it decided."""
    at, body = ground.at, ground.stage.body
    contested = ground.case.contested
    place = (plenary.season, plenary.tier, plenary.province, plenary.body)
    decider = contested.body if isinstance(contested, Plenary) else body
    if place != (at.season, at.tier, at.province, decider):
        raise refuse("appeal-of-another-body", "appeal", decider, stage=f"{at.category}/{at.stage}", place=at.province)
    if plenary.stage(item) != at:
        raise refuse("appeal-of-another-stage", "item", item_name(item), stage=f"{at.category}/{at.stage}")
    if item not in plenary.agenda:
        known = ", ".join(item_name(found) for found in plenary.agenda)
        raise refuse("item-not-on-agenda", "item", item_name(item), known=known)


def _check_pending(item: AgendaItem, plenary: Plenary, ground: _Ground) -> None:
    """Refuse a second question on an item, unless another verdict made the first one's list of affected outdated."""
    for motion in plenary.motions:
        question = motion.question
        if motion.item != item or motion.outcome is not None or not isinstance(question, DecideAppeal):
            continue
        if question.appeal not in ground.award.contests:
            continue  # Another meeting has decided that appeal, so that this motion can never be.
        own = question.appeal == ground.case.id
        if not own or not _unnamed(motion, _reversal(question.verdict, ground)):
            raise refuse("motion-pending", "item", motion.number)


def _unnamed(motion: Motion, reversal: _Reversal | None) -> set[str]:
    """Return whom a verdict affects by now and its motion does not name."""
    return set(reversal.affected if reversal else ()) - set(motion.nominations)


def _check_verified(reversal: _Reversal | None, ground: _Ground) -> None:
    """Refuse to let anybody go on from a stage with verification whom its body did not find in order there."""
    if reversal is None or ground.stage.verification is None:
        return
    states = [state for one in reversal.entering if (state := ground.state(one)) is not None]
    if missing := [state for state in states if not state.verified_at(ground.at)]:
        told = ", ".join(f"{state.candidate.name} ({state.id})" for state in missing)
        raise refuse("verdict-of-unverified", "verdict.outcome", told)


# --- figures -------------------------------------------------------------------------------------------------------


def _check_verdict(verdict: Verdict, ground: _Ground) -> None:
    """Refuse figures that the outcome, the stage, the scale or the step do not allow."""
    if verdict.outcome == "dismissed":
        if verdict.figures or verdict.order:
            raise refuse("figures-on-dismissal", "verdict.figures")
        return
    if not verdict.figures:
        raise refuse("verdict-without-figures", "verdict.figures")
    state = ground.state(ground.nomination)
    if state is None or state.ending == "withdrawn":
        raise refuse("appellant-withdrew", "verdict.outcome", ground.nomination)
    for index, figure in enumerate(verdict.figures):
        path = f"verdict.figures[{index}]"
        if figure.aspect in {one.aspect for one in verdict.figures[:index]}:
            raise refuse("figure-repeated", f"{path}.aspect", figure.aspect)
        _check_figure(figure, path, ground)


def _check_figure(figure: VerdictFigure, path: str, ground: _Ground) -> None:
    rubric = ground.rubric
    aspect = next((one for one in rubric.aspects if one.code == figure.aspect), None)
    if aspect is None:
        known = ", ".join(one.code for one in rubric.aspects)
        raise refuse("aspect-not-at-stage", f"{path}.aspect", figure.aspect, stage=ground.at.stage, known=known)
    if (figure.value is None) is (figure.marks is None):
        raise refuse("figure-not-one", path, figure.aspect)
    if figure.value is not None:
        _check_value(figure.value, f"{path}.value", aspect)
    if figure.marks is not None:
        _check_marks(figure, f"{path}.marks", aspect, rubric)


def _check_value(value: str, path: str, aspect: StageAspect) -> None:
    scale = aspect.scale
    try:
        exact = parse_fraction(value)
    except NotExact:
        raise refuse("figure-not-exact", path, value) from None
    if not Fraction(scale.least) <= exact <= Fraction(scale.greatest):
        raise refuse("figure-off-scale", path, value, least=scale.least, greatest=scale.greatest)


def _check_marks(figure: VerdictFigure, path: str, aspect: StageAspect, rubric: StageRubric) -> None:
    scale, marks = aspect.scale, figure.marks or ()
    if aspect.origin != "judged":
        raise refuse("marks-of-unjudged", path, aspect.code)
    for index, mark in enumerate(marks):
        if not scale.admits(mark):
            words = {"least": scale.least, "greatest": scale.greatest, "step": scale.step}
            raise refuse("mark-off-scale", f"{path}[{index}]", format(mark, "f"), **words)
    if len(marks) < rubric.least_sheets:
        raise refuse("marks-too-few", path, len(marks), least=rubric.least_sheets)


def _figures(verdict: Verdict, rubric: StageRubric) -> Mapping[str, AspectAggregate]:
    """Return a verdict's figures as aggregates; a value that was set outright rests on no sheet."""
    found: dict[str, AspectAggregate] = {}
    for figure in verdict.figures:
        marks = figure.marks or ()
        value = figure.value or fraction_text(aggregate(rubric.aggregation, marks))
        found[figure.aspect] = AspectAggregate(aspect=figure.aspect, value=value, sheets=len(marks))
    return found


# --- what it changes -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Reversal:
    """What an upheld appeal changes: the standings, and who holds a seat (advanced, or won) before and after.

    `ranks` are those of `after` once ties were broken; `held` maps those who hold a seat to their rank at the end of a
    tier, else to None; `due` those who are to hold one, in rank order, to their rank.
    """

    before: Standings
    after: Standings
    ranks: Mapping[str, int]
    held: Mapping[str, int | None]
    due: Mapping[str, int]

    @property
    def entering(self) -> tuple[str, ...]:
        """Return who gets a seat, in rank order."""
        return tuple(one for one in self.due if one not in self.held)

    @property
    def leaving(self) -> tuple[str, ...]:
        """Return who loses one, by id."""
        return tuple(sorted(one for one in self.held if one not in self.due))

    @property
    def moving(self) -> tuple[str, ...]:
        """Return those who keep a seat and whose rank of a tier changes, in rank order."""
        return tuple(one for one, rank in self.due.items() if self.held.get(one) not in (None, rank))

    @property
    def taking(self) -> Mapping[str, int]:
        """Return those who get a seat or another rank, in rank order, with the rank."""
        changed = {*self.entering, *self.moving}
        return {one: rank for one, rank in self.due.items() if one in changed}

    @property
    def affected(self) -> tuple[str, ...]:
        """Return everybody whose outcome changes."""
        return (*self.entering, *self.moving, *self.leaving)


def _reversal(verdict: Verdict, ground: _Ground) -> _Reversal | None:
    """Return what a verdict changes, None for a dismissal; raise Refused for a tie at the cut that nobody broke."""
    if verdict.outcome == "dismissed":
        return None
    before = ground.standings
    nominated = {
        id_: state.nominated.astimezone(UTC).isoformat(timespec="microseconds")[:26] + "Z"
        for id_, state in ground.case.nominations.items()
        if isinstance(state, Nomination)
    }
    after = rerank(ground.rubric, before, ground.nomination, _figures(verdict, ground.rubric), nominated)
    held = _held(before, ground)
    ranks, due = _due(after, held, verdict.order, ground)
    return _Reversal(before, after, ranks, held, due)


def _held(standings: Standings, ground: _Ground) -> Mapping[str, int | None]:
    """Return who of the ranked and unrankable has advanced from the stage, or won at it."""
    if ground.ends_path:
        return {winner.nomination: winner.rank for winner in ground.award.winners if winner.at == ground.at}
    states = [state for one in standings.named if (state := ground.state(one)) and _has_advanced(state, ground.at)]
    return {state.id: ground.award.rank_of(state, ground.at) if ground.honours else None for state in states}


def _has_advanced(state: Nomination | None, at: Stage) -> bool:
    return state is not None and any(step.stage == at for step in state.steps[:-1])


def _may_enter(state: Nomination | None, at: Stage) -> bool:
    """Tell whether a nominee can take a seat: nobody does who withdrew or was rejected, here or at a later stage."""
    return state is not None and state.at == at and not state.left_empty


def _took_part(state: Nomination, at: Stage, cited: Cited) -> bool:
    """Tell whether a nominee held a seat when a verdict on a stage fell, or could get one."""
    return _has_advanced(state, at) or _may_enter(state, at) or cited in state.outcomes


def _due(
    after: Standings, held: Mapping[str, int | None], order: tuple[str, ...] | None, ground: _Ground
) -> tuple[Mapping[str, int], Mapping[str, int]]:
    """Return everybody's rank, and who is to hold a seat: ranks 1 to the quota, without those who are gone.

    Those who share the last rank within the quota and are more than the seats from it on stand as people put them: by a
    tie broken before, or by the order that the verdict proposes. Without either the verdict is refused.
    """
    present = {one for one in after.named if one in held or _may_enter(ground.state(one), ground.at)}
    gone = set(after.named) - present
    ranks = parted_ranks(after.ranked, ground.orders, gone)
    tied = _tied_at_cut(ranks, present, ground.quota)
    if order is not None and not (tied and sorted(tied) == sorted(order)):
        raise refuse("verdict-order-not-theirs", "verdict.order", expected=", ".join(tied) or "-")
    if tied and order is None:
        names = ", ".join(row.candidate for row in after.ranked if row.nomination in tied)
        words = {"tied": names, "places": ground.quota - ranks[tied[0]] + 1, "expected": ", ".join(tied)}
        raise refuse("verdict-ties-at-the-cut", "verdict.order", ranks[tied[0]], **words)
    if order is not None:
        ranks = parted_ranks(after.ranked, (order, *ground.orders), gone)
    return ranks, {one: rank for one, rank in ranks.items() if rank <= ground.quota and one in present}


def _tied_at_cut(ranks: Mapping[str, int], present: Collection[str], quota: int) -> list[str]:
    """Return those who share the last rank within the quota, when they are more than the seats from it on."""
    within = {one: rank for one, rank in ranks.items() if one in present and rank <= quota}
    last = max(within.values(), default=0)
    tied = [one for one, rank in within.items() if rank == last]
    return tied if len(tied) > quota - last + 1 else []


def _comparison(reversal: _Reversal) -> tuple[Shift, ...]:
    """Return every nominee before and after, in the new order, then those without a rank."""
    before, after = reversal.before, reversal.after
    shifts: list[Shift] = []
    for one in after.named:
        ranks = before.rank_of(one), after.rank_of(one)
        moves = "moves" if ranks[0] != ranks[1] else "none"
        enters, leaves = one in reversal.entering, one in reversal.leaving
        shift = {
            "nomination": one,
            "rank_before": ranks[0],
            "rank_after": ranks[1],
            "total_before": before.total_of(one),
            "total_after": after.total_of(one),
            "change": "enters" if enters else "leaves" if leaves else moves,
        }
        shifts.append(Shift.model_validate(shift))
    return tuple(shifts)


# --- results -------------------------------------------------------------------------------------------------------


def verdict_results(motion: Motion, setting: Setting, case: Case) -> tuple[Emit, ...]:
    """Return everything that a carried motion on an appeal leads to, for the append that closes it; raise Refused."""
    if not isinstance(motion.question, DecideAppeal):
        raise TypeError(f"motion {motion.number} puts no verdict")
    verdict = motion.question.verdict
    ground = _ground(case, setting.season)
    check_not_held(ground.at, ground.award)
    _check_verdict(verdict, ground)
    reversal = _reversal(verdict, ground)
    _check_verified(reversal, ground)
    if unnamed := _unnamed(motion, reversal):
        raise refuse("verdict-outdated", "motion", motion.number, nominations=", ".join(sorted(unnamed)))
    cited = (setting.plenary.id, motion.number)
    decided = _decided(verdict, reversal, cited, ground)
    changes = _changes(reversal, cited, _changed_aspects(verdict), ground) if reversal else ()
    return (*decided, *changes, *_unfrozen(ground))


def _decided(verdict: Verdict, reversal: _Reversal | None, cited: Cited, ground: _Ground) -> Iterator[Emit]:
    """Yield the decision on the appeal's own stream, and on that of the contested award."""
    before = ground.standings.digest
    anew = (
        {
            "after": reversal.after.digest,
            "standings": reversal.after.ranked,
            "unrankable": reversal.after.unrankable,
            "comparison": _comparison(reversal),
        }
        if reversal
        else {}
    )
    decided = {
        "appeal": ground.case.id,
        "nomination": ground.nomination,
        "at": ground.at,
        "plenary": cited[0],
        "motion": cited[1],
        "seal": ground.seal.id,
        "verdict": verdict,
        "before": before,
        **anew,
    }
    yield Emit(appeal_stream(ground.case.id), AppealDecided.model_validate(decided))
    reviewed = DecisionReviewed(
        at=ground.at,
        appeal=ground.case.id,
        seal=ground.seal.id,
        outcome=verdict.outcome,
        digest=reversal.after.digest if reversal else before,
        places=tuple(Place(nomination=one, rank=rank) for one, rank in reversal.due.items()) if reversal else None,
    )
    yield Emit(ground.at.award, reviewed)


def _changed_aspects(verdict: Verdict) -> frozenset[str]:
    return frozenset(figure.aspect for figure in verdict.figures)


def _changes(reversal: _Reversal, cited: Cited, aspects: frozenset[str], ground: _Ground) -> Iterator[Emit]:
    """Yield who leaves and who enters, which certificates fall, and which later seals are to be made anew."""
    if ground.ends_path:
        yield from _crowned(reversal, cited, ground)
    else:
        yield from _returned(reversal, cited, ground)
        yield from _advanced(reversal, cited, ground)
        yield from crown(ground.at, ground.rules, reversal.taking, cited)
    yield from _revoked(reversal, ground)
    yield from _resealed(reversal, aspects, ground)


def _returned(reversal: _Reversal, cited: Cited, ground: _Ground) -> Iterator[Emit]:
    """Yield those who had advanced and fall below the quota; what they won later falls with it."""
    plenary, motion = cited
    for one in reversal.leaving:
        state = ground.state(one)
        if state is None:
            continue
        withdrawn = StageAdvanceWithdrawn(
            nomination=one,
            left=state.at,
            returned=ground.at,
            rank=reversal.ranks.get(one),
            appeal=ground.case.id,
            plenary=plenary,
            motion=motion,
            seal=ground.seal.id,
        )
        yield Emit(nomination_stream(one), withdrawn)
        for award in ground.case.awards.values():
            for winner in award.winners:
                if winner.nomination == one and winner.at in ground.case.rankings:
                    yield _dethroned(winner, cited, ground)
    yield from _vacated(reversal, cited, ground)


def _vacated(reversal: _Reversal, cited: Cited, ground: _Ground) -> Iterator[Emit]:
    """Yield the ranks at the end of the path that nobody takes any more: nobody moves up into them either."""
    for stage in ground.case.rankings:
        winners = [winner for winner in ground.case.awards[stage.award].winners if winner.at == stage]
        kept = [winner.rank for winner in winners if winner.nomination not in reversal.leaving]
        yield from vacated(stage, (winner.rank for winner in winners), kept, cited)


def _advanced(reversal: _Reversal, cited: Cited, ground: _Ground) -> Iterator[Emit]:
    """Yield those who are within the quota now and were not, in rank order."""
    plenary, motion = cited
    reached = downstream(ground.rules, ground.at)[0]
    for one in reversal.entering:
        state = ground.state(one)
        advanced = StageAdvanced(
            nomination=one,
            left=ground.at,
            reached=reached,
            rank=reversal.due[one],
            plenary=plenary,
            motion=motion,
            seal=ground.seal.id,
            sample=ground.seal.said.sample or (state is not None and state.sample),
        )
        yield Emit(nomination_stream(one), advanced)


def _crowned(reversal: _Reversal, cited: Cited, ground: _Ground) -> Iterator[Emit]:
    """Yield the winners who lose their rank, then those who take one, their prizes, and the ranks that nobody takes."""
    plenary, motion = cited
    at = ground.at
    for winner in ground.award.winners:
        if winner.at == at and winner.nomination in (*reversal.leaving, *reversal.moving):
            yield _dethroned(winner, cited, ground)
    for one in reversal.leaving:
        state = ground.state(one)
        if state is not None and state.competes:
            eliminated = NominationEliminated(
                nomination=one,
                at=at,
                rank=reversal.ranks.get(one),
                reason="below-quota",
                plenary=plenary,
                motion=motion,
                seal=ground.seal.id,
                sample=state.sample or ground.seal.said.sample,
            )
            yield Emit(nomination_stream(one), eliminated)
    yield from _reinstated(reversal, cited, ground)
    taking = reversal.taking
    yield from (_winner(one, rank, cited, ground) for one, rank in taking.items())
    kept = [rank for one, rank in reversal.due.items() if one not in taking]
    vacant = [rank for where, rank in ground.award.vacant if where == at]
    yield from crown(at, ground.rules, taking, cited, kept, vacant)


def _reinstated(reversal: _Reversal, cited: Cited, ground: _Ground) -> Iterator[Emit]:
    """Yield who was eliminated and wins now: its way has not ended."""
    plenary, motion = cited
    for one in reversal.entering:
        state = ground.state(one)
        if state is not None and not state.competes:
            back = NominationReinstated(
                nomination=one,
                at=ground.at,
                appeal=ground.case.id,
                plenary=plenary,
                motion=motion,
                seal=ground.seal.id,
            )
            yield Emit(nomination_stream(one), back)


def _dethroned(winner: Winner, cited: Cited, ground: _Ground) -> Emit:
    plenary, motion = cited
    withdrawn = WinnerWithdrawn(
        nomination=winner.nomination,
        at=winner.at,
        rank=winner.rank,
        appeal=ground.case.id,
        plenary=plenary,
        motion=motion,
    )
    return Emit(winner.at.award, withdrawn)


def _winner(nomination: str, rank: int, cited: Cited, ground: _Ground) -> Emit:
    plenary, motion = cited
    state = ground.state(nomination)
    declared = WinnerDeclared(
        nomination=nomination,
        at=ground.at,
        rank=rank,
        plenary=plenary,
        motion=motion,
        seal=ground.seal.id,
        sample=ground.seal.said.sample or (state is not None and state.sample),
    )
    return Emit(ground.at.award, declared)


def _revoked(reversal: _Reversal, ground: _Ground) -> Iterator[Emit]:
    """Yield the certificates in force that say of a nominee what no longer holds.

    Whoever loses a seat also loses what was issued for a stage downstream; who changes the rank only what states it.
    """
    leaving, moving = set(reversal.leaving), set(reversal.moving)
    for stream, award in ground.case.awards.items():
        for one in award.certificates:
            beyond = one.nomination in leaving and one.at in ground.case.rankings
            as_winner = one.nomination in leaving | moving and (one.given_to, one.at) == ("winner", ground.at)
            if not one.revoked and (beyond or as_winner):
                revoked = CertificateRevoked(
                    certificate=one.id, number=one.number, nomination=one.nomination, appeal=ground.case.id
                )
                yield Emit(stream, revoked)


def _resealed(reversal: _Reversal, aspects: frozenset[str], ground: _Ground) -> Iterator[Emit]:
    """Yield an order for every current seal downstream that names who left, lacks who entered, or carries a figure."""
    following = next(iter(ground.case.rankings), None)
    for stage, ranking in ground.case.rankings.items():
        seal = ranking.current
        if seal is None or seal.id in ground.case.awards[stage.award].reseals:
            continue
        named = set(seal.said.basis.nominations)
        missing = tuple(sorted(set(reversal.entering) - named)) if stage == following else ()
        superfluous = tuple(sorted(set(reversal.leaving) & named))
        if missing or superfluous or (ground.nomination in named and _carries(stage, aspects, ground)):
            order = ResealOrdered(
                ranking=stage.ranking, seal=seal.id, stale=(), missing=missing, superfluous=superfluous
            )
            yield Emit(stage.award, order)


def _carries(stage: Stage, aspects: frozenset[str], ground: _Ground) -> bool:
    """Tell whether a later stage takes over a changed figure of the contested one."""
    rubric = ground.rules.rubric(ground.rules.stage(stage.tier, stage.category, stage.stage))
    return any(
        one.carried is not None
        and (one.carried.tier, one.carried.stage) == (ground.at.tier, ground.at.stage)
        and one.carried.aspect in aspects
        for one in rubric.aspects
    )


def _unfrozen(ground: _Ground) -> Iterator[Emit]:
    """Yield the end of every hold that this appeal has; other appeals may still hold the same stages."""
    for stream, award in ground.case.awards.items():
        if (stages := award.freezes.get(ground.case.id)) is not None:
            yield Emit(stream, StageUnfrozen(at=ground.at, stages=stages, appeal=ground.case.id))


# --- the corrected announcement ------------------------------------------------------------------------------------


def corrected_announcement(case: Case) -> tuple[str, tuple[Announced, ...]]:
    """Return the digest and the lines of a ranking as a carried verdict left it; raise Refused.

    A dismissed appeal changes nothing that was announced, and standings that a later verdict corrected again are
    announced with that one.
    """
    if not isinstance(case.appeal, Decided):
        raise refuse("appeal-unknown", "motion", case.id)
    decided = case.appeal.decided
    if decided.after is None or decided.standings is None:
        raise refuse("verdict-changes-nothing", "motion", decided.motion)
    award = case.awards[decided.at.award]
    *_, last = award.corrections[decided.seal]
    if last != case.id:
        raise refuse("verdict-superseded", "motion", decided.motion, appeal=last)
    return decided.after, tuple(_lines(decided, award, case))


def _lines(decided: AppealDecided, award: Award, case: Case) -> Iterator[Announced]:
    """Yield one line for everybody of whom it was disposed, ranked first; who left the stage empty has none."""
    orders = [one.verdict.order for one in reversed(case.corrections) if one.verdict.order]
    cited = (decided.plenary, decided.motion)
    states = {one: state for one, state in case.nominations.items() if isinstance(state, Nomination)}
    gone = {one for one, state in states.items() if not _took_part(state, decided.at, cited)}
    ranks = parted_ranks(decided.standings or (), (*orders, *(tie.order for tie in case.ties)), gone)
    winners = {winner.nomination for winner in award.winners if winner.at == decided.at}
    unranked = [row.nomination for row in decided.unrankable or ()]
    seal = case.ranking.seal(decided.seal)
    for one in (*ranks, *unranked):
        state = states.get(one)
        if state is None or (state.left_empty and decided.seal not in state.decided_on):
            continue
        advanced = _has_advanced(state, decided.at)
        yield Announced(
            nomination=one,
            candidate=state.candidate.name,
            rank=ranks.get(one),
            outcome="winner" if one in winners else "advanced" if advanced else "eliminated",
            sample=state.sample or (seal is not None and seal.said.sample),
        )
