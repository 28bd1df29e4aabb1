"""What facts that came after a seal would have changed: told beside the seal, which they never move.

The sealed aggregates are ranked again with one nominee's measured figure as it is now. Every other figure stays as it
was sealed, and so does everything that was decided: the event says how the ranking would have stood, and, where that
follows from the ranking alone, who would have gone on and who would not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC
from fractions import Fraction
from itertools import groupby
from typing import Literal, NamedTuple

from schemas.envelope import StreamPoint
from schemas.exact import fraction_text, parse_fraction
from schemas.scoring import CorrectionImpactFound, Move, PinnedAspect, Standing, Unrankable
from services.scoring.domain.indicator import Indicator, indicator_stream, measured_aspects, on_scale
from services.scoring.domain.ranking import Aggregate, Entrant, Evaluation, Rules, evaluated, lacking, place
from services.scoring.domain.received import Award, Nomination, NominationState, Season
from services.scoring.domain.stage import RankingState, Sealed, cut_of

# --- what differs --------------------------------------------------------------------------------------------------


class Difference(NamedTuple):
    """A measure of a sealed nominee that gives another ratio now than the seal took, or than was told last."""

    measure: str
    version: int
    """Where the present measurement stands in the indicator's stream; 0 where the measure has none any more."""
    before: Fraction | None
    after: Fraction | None


def differences(ranking: RankingState, nomination: str, indicator: Indicator) -> Iterator[Difference]:
    """Yield what is to be told of a sealed nominee's measures; nothing is told twice.

    A ratio that is the sealed one again is told only after another one was.
    """
    if not isinstance(ranking, Sealed) or nomination not in ranking.sealed.basis.nominations:
        return
    taken = indicator.as_of(_version_taken(ranking, nomination))
    measures = {one.measure: one for one in measured_aspects(ranking.opened.rules.aspects) if one.measure}
    for measure, aspect in measures.items():
        now = indicator.measured(aspect)
        before, after = taken.ratio(aspect), None if now is None else now.ratio
        told = ranking.told.get((nomination, measure))
        known = before if told is None else _ratio(told.after)
        if now is not None and after != known:
            yield Difference(measure, now.version, before, after)


def _version_taken(ranking: Sealed, nomination: str) -> int:
    stream = indicator_stream(nomination)
    return next((one.version for one in ranking.sealed.basis.measured or () if one.stream == stream), 0)


def _ratio(text: str | None) -> Fraction | None:
    return None if text is None else parse_fraction(text)


def _text(ratio: Fraction | None) -> str | None:
    return None if ratio is None else fraction_text(ratio)


# --- what follows from it ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Field:
    """Whom a seal ranked, as scoring knows them now; the season's rules and the award, which tell who went on."""

    nominees: Mapping[str, NominationState]
    season: Season
    award: Award


def impact_of(ranking: Sealed, nomination: str, found: Difference, field: Field) -> CorrectionImpactFound:
    """Return what a seal would say with one measure of one nominee as it is now."""
    standings = ranking.sealed.standings
    totals = {one.nomination: one.total for one in standings}
    before = {one.nomination: one.rank for one in standings}
    places = place(ranking.rules, _evaluations(ranking, nomination, found, field.nominees))
    after = {one.evaluation.entrant.nomination: one for one in places}
    ranks = {one: each.rank for one, each in after.items()}
    told = [
        Move(
            nomination=one,
            rank_before=before.get(one),
            rank_after=ranks.get(one),
            total_before=totals.get(one),
            total_after=_text(after[one].evaluation.total) if one in after else None,
        )
        for one in (*ranks, *sorted(before.keys() - ranks.keys()))
    ]
    advance, fall = _outcomes(ranking, before, ranks, field)
    return CorrectionImpactFound(
        at=ranking.opened.at,
        seal=ranking.id,
        nomination=nomination,
        measure=found.measure,
        indicator=StreamPoint(stream=indicator_stream(nomination), version=found.version),
        before=_text(found.before),
        after=_text(found.after),
        moves=tuple(one for one in told if _moves(one)),
        would_advance=advance,
        would_fall=fall,
    )


def _moves(move: Move) -> bool:
    return (move.rank_before, move.total_before) != (move.rank_after, move.total_after)


def _evaluations(
    ranking: Sealed, nomination: str, found: Difference, nominees: Mapping[str, NominationState]
) -> Iterator[Evaluation]:
    """Yield every sealed nominee with its sealed aggregates, but for the changed ones of one nominee."""
    changed = [one for one in measured_aspects(ranking.opened.rules.aspects) if one.measure == found.measure]
    rows: tuple[Standing | Unrankable, ...] = (*ranking.sealed.standings, *ranking.sealed.unrankable)
    for row in rows:
        known = {one.aspect: Aggregate(one.aspect, parse_fraction(one.value), one.sheets) for one in row.aspects or ()}
        if row.nomination == nomination:
            known = _with(known, changed, found.after)
        yield _evaluation(ranking.rules, row, known, nominees.get(row.nomination), own=row.nomination == nomination)


def _with(
    known: Mapping[str, Aggregate], aspects: Iterable[PinnedAspect], ratio: Fraction | None
) -> dict[str, Aggregate]:
    changed = {one.code: one for one in aspects}
    kept = {code: aggregate for code, aggregate in known.items() if code not in changed}
    if ratio is None:
        return kept
    return kept | {code: Aggregate(code, on_scale(one, ratio), 0) for code, one in changed.items()}


def _evaluation(
    rules: Rules,
    row: Standing | Unrankable,
    known: Mapping[str, Aggregate],
    nominee: NominationState | None,
    *,
    own: bool,
) -> Evaluation:
    """Return a sealed row as the ranking takes it; of whom nothing changes, whoever had no rank gets none."""
    entrant = Entrant(row.nomination, row.candidate, _nominated(nominee), row.sample)
    aggregates = tuple(known[one.code] for one in rules.aspects if one.code in known)
    if isinstance(row, Standing):
        sheets = max((one.sheets for one in aggregates), default=0)
        return evaluated(rules, entrant, sheets, aggregates, lacking(rules, known))
    if row.reason == "withdrawn":  # older seals named those who had left; nothing lets them in again
        return Evaluation(entrant, row.sheets, aggregates, None)
    lack = lacking(rules, known) if own and row.reason != "too-few-sheets" else (row.reason, row.aspect)
    return evaluated(rules, entrant, row.sheets, aggregates, lack)


def _nominated(nominee: NominationState | None) -> str:
    if not isinstance(nominee, Nomination):
        return ""
    return nominee.nominated.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


# --- who would have gone on ----------------------------------------------------------------------------------------


class _Seat(NamedTuple):
    """What a ranking alone says of a nominee: within the quota, beyond it, or tied with others across its end."""

    where: Literal["in", "out", "tied"]
    among: frozenset[str] = frozenset()


def _seats(ranks: Mapping[str, int], quota: int) -> dict[str, _Seat]:
    seats: dict[str, _Seat] = {}
    for rank, group in groupby(sorted(ranks, key=lambda one: ranks[one]), key=lambda one: ranks[one]):
        among = frozenset(group)
        if rank > quota:
            seat = _Seat("out")
        elif rank + len(among) - 1 <= quota:
            seat = _Seat("in")
        else:
            seat = _Seat("tied", among)
        seats |= dict.fromkeys(among, seat)
    return seats


def _outcomes(
    ranking: Sealed, before: Mapping[str, int], after: Mapping[str, int], field: Field
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return who was eliminated and would have gone on, and who went on and would not, each in order of their ids.

    Only whom the change itself concerns: who stood within the quota, beyond it or in a tie across its end, and stands
    so still, stays as was decided. Of a tie across the end nothing is told: people would have broken it.
    """
    opened = ranking.opened
    cut = cut_of(field.season, opened)
    if cut is None:
        return (), ()
    was, would = _seats(before, cut.quota), _seats(after, cut.quota)
    nobody = _Seat("out")
    changed = sorted(one for one in before.keys() | after.keys() if was.get(one, nobody) != would.get(one, nobody))
    fates = {one: _fate(field.nominees.get(one), ranking, field.award, last=cut.ends_path) for one in changed}
    advance = (one for one in changed if would.get(one, nobody).where == "in" and fates[one] == "eliminated")
    fall = (one for one in changed if would.get(one, nobody).where == "out" and fates[one] == "went-on")
    return tuple(advance), tuple(fall)


def _fate(
    nominee: NominationState | None, ranking: Sealed, award: Award, *, last: bool
) -> Literal["went-on", "eliminated"] | None:
    """Return how a stage ended for a nominee, as far as scoring has heard; who left by its own will has no fate.

    Where a path ends, to win is to go on.
    """
    at = ranking.opened.at
    if not isinstance(nominee, Nomination) or at not in nominee.path:
        return None
    if nominee.now_at != at or (last and nominee.id in award.winners.get(at.ranking, ())):
        return "went-on"
    return "eliminated" if nominee.standing == "eliminated" else None
