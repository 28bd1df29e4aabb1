"""The verdict on an appeal: put as a motion to the body that decided, and everything that follows when it is carried.

An upheld appeal ranks the sealed inputs anew (`reversal`); a verdict on a seal that was corrected before starts from
the corrected standings. The same append decides the appeal, moves whoever enters or leaves the quota, and lets go of
the stages that the appeal held.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from kernel.decider import Emit
from schemas.exact import NotExact, parse_fraction
from schemas.nomination import (
    AgendaItem,
    Announced,
    AppealDecided,
    AppealMotionOpened,
    Ballot,
    DecisionReviewed,
    Place,
    StageUnfrozen,
    Verdict,
    VerdictFigure,
)
from schemas.rulebook import StageAspect, StageRubric
from services.nomination.domain.appeal import Decided, appeal_stream
from services.nomination.domain.award import Award, check_not_held
from services.nomination.domain.case import Case, Ground, ground_of
from services.nomination.domain.motion import left_voters, recused_on
from services.nomination.domain.nomination import Cited, Nomination
from services.nomination.domain.plenary import DecideAppeal, Motion, Plenary, Setting, item_name
from services.nomination.domain.refusals import Refused, refuse
from services.nomination.domain.reranking import parted_ranks
from services.nomination.domain.reversal import (
    Reversal,
    changes_of,
    comparison_of,
    has_advanced,
    reversal_of,
    took_part,
)

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
    ground = ground_of(case, setting.season)
    _check_meeting(item, setting.plenary, ground)
    check_not_held(ground.at, ground.award)
    _check_pending(item, setting, ground)
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


def _check_meeting(item: AgendaItem, plenary: Plenary, ground: Ground) -> None:
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


def _check_pending(item: AgendaItem, setting: Setting, ground: Ground) -> None:
    """Refuse a second question on an item, unless what the first one asks about this appeal can be carried no more."""
    for motion in setting.plenary.motions:
        question = motion.question
        if motion.item != item or motion.outcome is not None or not isinstance(question, DecideAppeal):
            continue
        if question.appeal not in ground.award.contests:
            continue  # Another meeting has decided that appeal, so that this motion can never be.
        recused = recused_on(motion, setting.committee, ground.rules, ground.case.nominations)
        if left_voters(motion, ground.rules.body(setting.plenary.body), setting.formed, recused):
            continue
        own = question.appeal == ground.case.id
        if not own or not _is_void(motion, question.verdict, ground):
            raise refuse("motion-pending", "item", motion.number)


def _is_void(motion: Motion, verdict: Verdict, ground: Ground) -> bool:
    """Tell whether a motion that was put rightly cannot be carried any more.

    The appellant withdrew, the next stage was decided, or another verdict changed what this one leads to.
    """
    try:
        return bool(_unnamed(motion, _reversal(verdict, ground)))
    except Refused:
        return True


def _reversal(verdict: Verdict, ground: Ground) -> Reversal | None:
    """Return what a verdict changes, None for a dismissal; raise Refused for one that the rules do not allow."""
    _check_verdict(verdict, ground)
    reversal = reversal_of(verdict, ground)
    if reversal is not None and reversal.entering and ground.case.next_decided:
        raise refuse("verdict-too-late", "verdict.outcome", _told(_entering(reversal, ground)))
    return reversal


def _unnamed(motion: Motion, reversal: Reversal | None) -> set[str]:
    """Return whom a verdict affects by now and its motion does not name."""
    return set(reversal.affected if reversal else ()) - set(motion.nominations)


def _check_verified(reversal: Reversal | None, ground: Ground) -> None:
    """Refuse to let anybody go on from a stage with verification whom its body did not find in order there."""
    if reversal is None or ground.stage.verification is None:
        return
    if missing := [state for state in _entering(reversal, ground) if not state.verified_at(ground.at)]:
        raise refuse("verdict-of-unverified", "verdict.outcome", _told(missing))


def _entering(reversal: Reversal, ground: Ground) -> list[Nomination]:
    return [state for one in reversal.entering if (state := ground.state(one)) is not None]


def _told(states: Iterable[Nomination]) -> str:
    return ", ".join(f"{state.candidate.name} ({state.id})" for state in states)


# --- figures -------------------------------------------------------------------------------------------------------


def _check_verdict(verdict: Verdict, ground: Ground) -> None:
    """Refuse figures that the outcome, the appeal, the stage, the scale or the step do not allow."""
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


def _check_figure(figure: VerdictFigure, path: str, ground: Ground) -> None:
    rubric = ground.rubric
    aspect = next((one for one in rubric.aspects if one.code == figure.aspect), None)
    if aspect is None:
        known = ", ".join(one.code for one in rubric.aspects)
        raise refuse("aspect-not-at-stage", f"{path}.aspect", figure.aspect, stage=ground.at.stage, known=known)
    if ground.aspect not in (None, figure.aspect):
        raise refuse("aspect-not-contested", f"{path}.aspect", figure.aspect, contested=ground.aspect)
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


# --- results -------------------------------------------------------------------------------------------------------


def verdict_results(motion: Motion, setting: Setting, case: Case) -> tuple[Emit, ...]:
    """Return everything that a carried motion on an appeal leads to, for the append that closes it; raise Refused."""
    if not isinstance(motion.question, DecideAppeal):
        raise TypeError(f"motion {motion.number} puts no verdict")
    verdict = motion.question.verdict
    ground = ground_of(case, setting.season)
    check_not_held(ground.at, ground.award)
    reversal = _reversal(verdict, ground)
    _check_verified(reversal, ground)
    if unnamed := _unnamed(motion, reversal):
        raise refuse("verdict-outdated", "motion", motion.number, nominations=", ".join(sorted(unnamed)))
    cited = (setting.plenary.id, motion.number)
    decided = _decided(verdict, reversal, cited, ground)
    changes = changes_of(reversal, cited, _changed_aspects(verdict), ground) if reversal else ()
    return (*decided, *changes, *_unfrozen(ground))


def _decided(verdict: Verdict, reversal: Reversal | None, cited: Cited, ground: Ground) -> Iterator[Emit]:
    """Yield the decision on the appeal's own stream, and on that of the contested award."""
    before = ground.standings.digest
    anew = (
        {
            "after": reversal.after.digest,
            "standings": reversal.after.ranked,
            "unrankable": reversal.after.unrankable,
            "comparison": comparison_of(reversal),
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


def _unfrozen(ground: Ground) -> Iterator[Emit]:
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
    gone = {one for one, state in states.items() if not took_part(state, decided.at, cited)}
    ranks = parted_ranks(decided.standings or (), (*orders, *(tie.order for tie in case.ties)), gone)
    winners = {winner.nomination for winner in award.winners if winner.at == decided.at}
    unranked = [row.nomination for row in decided.unrankable or ()]
    seal = case.ranking.seal(decided.seal)
    for one in (*ranks, *unranked):
        state = states.get(one)
        if state is None or (state.left_empty and decided.seal not in state.decided_on):
            continue
        advanced = has_advanced(state, decided.at)
        yield Announced(
            nomination=one,
            candidate=state.candidate.name,
            rank=ranks.get(one),
            outcome="winner" if one in winners else "advanced" if advanced else "eliminated",
            sample=state.sample or (seal is not None and seal.said.sample),
        )
