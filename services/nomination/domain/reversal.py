"""What an upheld verdict changes, and the events by which it changes it.

The sealed inputs are ranked anew, changed by the verdict and by nothing that arrived since. Whoever enters or leaves
the quota moves, or at the end of a path wins or wins no longer; ranks, prizes and certificates that no longer hold are
given anew or taken back; later seals that rest on what changed are ordered anew. Nobody moves up into the seat of a
nominee who withdrew.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from kernel.decider import Emit
from schemas.envelope import Stage, wire_instant
from schemas.exact import fraction_text
from schemas.nomination import (
    CertificateRevoked,
    NominationEliminated,
    NominationReinstated,
    Shift,
    StageAdvanced,
    StageAdvanceWithdrawn,
    Verdict,
    WinnerDeclared,
    WinnerWithdrawn,
)
from schemas.rulebook import Rulebook, StageRubric
from schemas.scoring import AspectAggregate
from services.nomination.domain.appeal import downstream
from services.nomination.domain.award import Winner
from services.nomination.domain.case import Ground
from services.nomination.domain.nomination import Cited, Nomination, nomination_stream
from services.nomination.domain.refusals import refuse
from services.nomination.domain.reranking import Standings, aggregate, parted_ranks, rerank
from services.nomination.domain.seal import Stale, ordered_anew
from services.nomination.domain.winning import crown, vacated


@dataclass(frozen=True, slots=True)
class Reversal:
    """What an upheld appeal changes: the standings, and who holds a seat (advanced, or won) before and after.

    `former` and `ranks` are those of `before` and `after` once ties were broken, as they are announced; `held` maps
    those who hold a seat to their rank at the end of a tier, else to None; `due` those who are to hold one, in rank
    order, to their rank.
    """

    before: Standings
    after: Standings
    former: Mapping[str, int]
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


def reversal_of(verdict: Verdict, ground: Ground) -> Reversal | None:
    """Return what a verdict changes, None for a dismissal; raise Refused for a tie at the cut that nobody broke."""
    if verdict.outcome == "dismissed":
        return None
    before = ground.standings
    nominated = {
        id_: wire_instant(state.nominated)
        for id_, state in ground.case.nominations.items()
        if isinstance(state, Nomination)
    }
    after = rerank(ground.rubric, before, ground.nomination, _figures(verdict, ground.rubric), nominated)
    held = _held(before, ground)
    gone = _gone(after, held, ground)
    ranks, due = _due(after, gone, verdict.order, ground)
    return Reversal(before, after, parted_ranks(before.ranked, ground.orders, gone), ranks, held, due)


def _gone(standings: Standings, held: Mapping[str, int | None], ground: Ground) -> frozenset[str]:
    """Return who takes no seat any more."""
    return frozenset(one for one in standings.named if one not in held and not _may_enter(ground.state(one), ground.at))


def _held(standings: Standings, ground: Ground) -> Mapping[str, int | None]:
    """Return who of the ranked and unrankable has advanced from the stage, or won at it."""
    if ground.ends_path:
        return {winner.nomination: winner.rank for winner in ground.award.winners if winner.at == ground.at}
    states = [state for one in standings.named if (state := ground.state(one)) and has_advanced(state, ground.at)]
    return {state.id: ground.award.rank_of(state, ground.at) if ground.honours else None for state in states}


def has_advanced(state: Nomination | None, at: Stage) -> bool:
    """Tell whether a nominee went on from a stage, and was not returned to it."""
    return state is not None and any(step.stage == at for step in state.steps[:-1])


def _may_enter(state: Nomination | None, at: Stage) -> bool:
    """Tell whether a nominee can take a seat: nobody does who withdrew or was rejected, here or at a later stage."""
    return state is not None and state.at == at and not state.left_empty


def took_part(state: Nomination, at: Stage, cited: Cited) -> bool:
    """Tell whether a nominee held a seat when a verdict on a stage fell, or could get one."""
    return has_advanced(state, at) or _may_enter(state, at) or cited in state.outcomes


def _due(
    after: Standings, gone: Collection[str], order: tuple[str, ...] | None, ground: Ground
) -> tuple[Mapping[str, int], Mapping[str, int]]:
    """Return everybody's rank, and who is to hold a seat: ranks 1 to the quota, without those who are gone.

    Those who share the last rank within the quota and are more than the seats from it on stand as people put them: by a
    tie broken before, or by the order that the verdict proposes. Without either the verdict is refused.
    """
    present = set(after.named) - set(gone)
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


def comparison_of(reversal: Reversal) -> tuple[Shift, ...]:
    """Return every nominee before and after, in the new order, then those without a rank; by their announced ranks."""
    before, after = reversal.before, reversal.after
    shifts: list[Shift] = []
    for one in after.named:
        ranks = reversal.former.get(one), reversal.ranks.get(one)
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


def _figures(verdict: Verdict, rubric: StageRubric) -> Mapping[str, AspectAggregate]:
    """Return a verdict's figures as aggregates; a value that was set outright rests on no sheet."""
    found: dict[str, AspectAggregate] = {}
    for figure in verdict.figures:
        marks = figure.marks or ()
        value = figure.value or fraction_text(aggregate(rubric.aggregation, marks))
        found[figure.aspect] = AspectAggregate(aspect=figure.aspect, value=value, sheets=len(marks))
    return found


# --- the events ----------------------------------------------------------------------------------------------------


def changes_of(reversal: Reversal, cited: Cited, aspects: frozenset[str], ground: Ground) -> Iterator[Emit]:
    """Yield who leaves and who enters, which certificates fall, and which later seals are to be made anew."""
    if ground.ends_path:
        yield from _crowned(reversal, cited, ground)
    else:
        yield from _returned(reversal, cited, ground)
        yield from _advanced(reversal, cited, ground)
        yield from crown(ground.at, ground.rules, reversal.taking, cited)
    yield from _revoked(reversal, ground)
    yield from _resealed(reversal, aspects, ground)


def _returned(reversal: Reversal, cited: Cited, ground: Ground) -> Iterator[Emit]:
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


def _vacated(reversal: Reversal, cited: Cited, ground: Ground) -> Iterator[Emit]:
    """Yield the ranks at the end of the path that nobody takes any more: nobody moves up into them either."""
    for stage in ground.case.rankings:
        winners = [winner for winner in ground.case.awards[stage.award].winners if winner.at == stage]
        kept = [winner.rank for winner in winners if winner.nomination not in reversal.leaving]
        yield from vacated(stage, (winner.rank for winner in winners), kept, cited)


def _advanced(reversal: Reversal, cited: Cited, ground: Ground) -> Iterator[Emit]:
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


def _crowned(reversal: Reversal, cited: Cited, ground: Ground) -> Iterator[Emit]:
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


def _reinstated(reversal: Reversal, cited: Cited, ground: Ground) -> Iterator[Emit]:
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


def _dethroned(winner: Winner, cited: Cited, ground: Ground) -> Emit:
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


def _winner(nomination: str, rank: int, cited: Cited, ground: Ground) -> Emit:
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


def _revoked(reversal: Reversal, ground: Ground) -> Iterator[Emit]:
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


def _resealed(reversal: Reversal, aspects: frozenset[str], ground: Ground) -> Iterator[Emit]:
    """Yield an order for every current seal downstream that names who left, lacks who entered, or carries a figure.

    Whoever leaves loses every later stage, so that each seal is looked through for it; who enters gets into the next
    one only, and reaches those after it by a decision there.
    """
    following = next(iter(ground.case.rankings), None)
    carrying = stages_carrying(ground.rules, ground.at, aspects)
    for stage, ranking in ground.case.rankings.items():
        seal = ranking.current
        if seal is None or seal.id in ground.case.awards[stage.award].reseals:
            continue
        named = set(seal.said.basis.nominations)
        missing = tuple(sorted(set(reversal.entering) - named)) if stage == following else ()
        superfluous = tuple(sorted(set(reversal.leaving) & named))
        if missing or superfluous or (ground.nomination in named and stage in carrying):
            yield ordered_anew(seal, Stale(missing=missing, superfluous=superfluous))


def stages_carrying(rules: Rulebook, at: Stage, aspects: Collection[str]) -> tuple[Stage, ...]:
    """Return the later stages, in path order, that take over a changed figure of a stage: from it, or one from another.

    A figure that a stage takes over changed is changed there too, and so for whoever takes it over from there.
    """
    changed = {(at.tier, at.stage, aspect) for aspect in aspects}
    found: list[Stage] = []
    for stage in downstream(rules, at):
        rubric = rules.rubric(rules.stage(stage.tier, stage.category, stage.stage))
        taken = {
            (stage.tier, stage.stage, one.code)
            for one in rubric.aspects
            if one.carried is not None and (one.carried.tier, one.carried.stage, one.carried.aspect) in changed
        }
        if taken:
            found.append(stage)
            changed |= taken
    return tuple(found)
