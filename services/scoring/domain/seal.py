"""Sealing: the standings of a stage, computed from the streams themselves and closed by a hash.

The seal names all it rests on: the complete eligible set, every sheet counted or left out at the version it had, the
versions of the season, committee, award and nomination streams, the seals and verdicts that figures are carried from,
and what was measured of its nominees. So anyone can compute it again, and the plenary can tell when its basis has
passed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from fractions import Fraction
from typing import Literal, assert_never

from kernel.decider import Decision, Emit, Refusal
from schemas.envelope import Stage, StreamPoint
from schemas.scoring import (
    Basis,
    CountedSheet,
    ExcludedSheet,
    PinnedAspect,
    PinnedRules,
    RankingSealed,
    RankingSuperseded,
    Recusal,
    standings_digest,
)
from services.scoring.domain import refusals
from services.scoring.domain.indicator import NOTHING, Indicator, indicator_stream, is_measured, measured_figures
from services.scoring.domain.ranking import (
    Entrant,
    Marks,
    evaluate,
    in_millionths,
    place,
    standing,
    unplaced,
    unrankable,
)
from services.scoring.domain.received import (
    Award,
    Committee,
    Nomination,
    Nominee,
    Order,
    Season,
    Unheard,
    Verdict,
    VerdictState,
    committee_stream,
    holding,
)
from services.scoring.domain.sheet import Sheet, Status
from services.scoring.domain.stage import (
    Closed,
    Open,
    RankingState,
    Sealed,
    Unopened,
    held,
    office_refusal,
    term_refusal,
)

Exclusion = Literal["recused", "removed", "voided", "not-submitted", "not-eligible"]


@dataclass(frozen=True, slots=True)
class FiledSheet:
    """A sheet as it was loaded: its stream and version, whose it is, and where it stands."""

    stream: str
    version: int
    nomination: str
    member: str
    sheet: Sheet


@dataclass(frozen=True, slots=True)
class SealRanking:
    """Seal a stage, by a person in an office that may."""

    at: Stage
    person: str
    received: datetime


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that a seal rests on, each stream at the version it was loaded at.

    `nominations` may hold more than the eligible ones; `carried` are the states of the earlier stages' rankings that
    aspects are carried from, by their streams, and `verdicts` the upheld appeals against them in order, by the same.
    `indicators` are what was measured of nominees, by nomination, where the stage has measured aspects.
    """

    ranking: RankingState
    committee: Committee
    nominations: Sequence[Nomination]
    sheets: Sequence[FiledSheet]
    versions: Mapping[str, int]
    """Versions of the season, committee, award and nomination streams."""
    carried: Mapping[str, RankingState] = field(default_factory=dict)
    verdicts: Mapping[str, Sequence[VerdictState]] = field(default_factory=dict)
    indicators: Mapping[str, Indicator] = field(default_factory=dict)
    season: Season = field(default_factory=Season)
    awards: Sequence[Award] = ()
    """The category's awards in every tier and place of the season: a province's appeal can hold a national stage."""

    def order(self, ranking: str) -> Order | None:
        """Return the latest order to seal a ranking anew; only its own award gives any."""
        return next((found for award in self.awards if (found := award.orders.get(ranking))), None)

    def outdated(self, at: Stage, rules: PinnedRules) -> tuple[str, ...]:
        """Return the rankings that eligible nominees carry from whose seals an order finds stale, in their order."""
        sources = carried_sources([one for one in self.nominations if one.is_eligible(at)], rules)
        seals = {stream: state.id for stream, state in self.carried.items() if isinstance(state, Sealed)}
        orders = {stream: self.order(stream) for stream in sorted(sources & seals.keys())}
        return tuple(stream for stream, order in orders.items() if order is not None and order.seal == seals[stream])

    def appeals(self, at: Stage) -> tuple[str, ...]:
        """Return the appeals that hold a stage."""
        return holding(self.awards, at)


def decide_seal(inputs: Inputs, command: SealRanking) -> Decision:
    """Seal a closed stage that nothing holds; seal a sealed one anew only by an order that cites the seal it has."""
    at, ranking = command.at, inputs.ranking
    if isinstance(ranking, Unopened):
        return refusals.not_opened(at)
    if refusal := held(inputs.season, at):
        return refusal
    match ranking:
        case Open():
            if command.received > ranking.closes:
                return refusals.not_closed()
            return refusals.before_deadline(ranking.closes, inputs.season.zone(at.province))
        case Closed():
            refusal = _holds(inputs, ranking, command)
            return refusal or [Emit(at.ranking, _seal(inputs, ranking, at))]
        case Sealed():
            return _seal_anew(inputs, ranking, command)
        case _:
            assert_never(ranking)


def _holds(inputs: Inputs, ranking: Closed | Sealed, command: SealRanking) -> Refusal | None:
    """Refuse who may not seal, a body out of office, a stage that an appeal holds, and figures that are out of date.

    An appeal's figures and the word that it was upheld are two streams' to tell: one may arrive before the other. And
    a verdict reaches the stage after the next one by the next one's new seal: until that is made, what it says is old.
    """
    refusal = office_refusal(ranking, inputs.committee, command.person) or term_refusal(
        inputs.season, inputs.committee, command.at, ranking.opened.body, command.received
    )
    if refusal:
        return refusal
    if appeals := inputs.appeals(command.at):
        return refusals.appeal_pending(appeals)
    return _source_refusal(inputs, ranking.opened.rules, command.at)


def _source_refusal(inputs: Inputs, rules: PinnedRules, at: Stage) -> Refusal | None:
    unheard = [stream for stream, said in inputs.verdicts.items() if any(isinstance(one, Unheard) for one in said)]
    if unheard:
        return refusals.verdict_on_its_way(unheard)
    outdated = inputs.outdated(at, rules)
    return refusals.source_to_be_sealed_anew(outdated) if outdated else None


def _seal_anew(inputs: Inputs, ranking: Sealed, command: SealRanking) -> Decision:
    order = inputs.order(command.at.ranking)
    if order is None or order.seal != ranking.id:
        return refusals.already_sealed(ranking.id)
    if refusal := _holds(inputs, ranking, command):
        return refusal
    superseded = RankingSuperseded(at=command.at, seal=ranking.id, order=order.id)
    stream = command.at.ranking
    return [Emit(stream, superseded), Emit(stream, _seal(_as_first_known(inputs, ranking, order), ranking, command.at))]


def _as_first_known(inputs: Inputs, ranking: Sealed, order: Order) -> Inputs:
    """Return the inputs with the committee as the seal before knew it, but for what the order says that it missed.

    Whoever has seen the totals could else take marks out of them, by a conflict or a removal before the next seal. So
    it is with facts of other systems: a nominee keeps what was measured of it when a seal first named it.
    """
    stream = committee_stream(ranking.opened.at)
    seen = max([point.version for point in ranking.sealed.basis.streams if point.stream == stream], default=0)
    committee = inputs.committee.as_of(max(seen, order.committee))
    indicators = {
        one: found.as_of(ranking.measured.get(one, found.version)) for one, found in inputs.indicators.items()
    }
    versions = {**inputs.versions, stream: committee.version}
    return replace(inputs, committee=committee, indicators=indicators, versions=versions)


def _seal(inputs: Inputs, ranking: Closed | Sealed, at: Stage) -> RankingSealed:
    opened, rules = ranking.opened, ranking.rules
    eligible = sorted((one for one in inputs.nominations if one.is_eligible(at)), key=lambda one: one.id)
    counted, excluded = _sort_out(inputs, opened.body, opened.rules, {one.id: one.nominee for one in eligible})
    sheets: dict[str, list[Sheet]] = {}
    for filed in counted:
        sheets.setdefault(filed.nomination, []).append(filed.sheet)
    figures = _figures(inputs)
    evaluations = [
        evaluate(
            rules,
            entrant_of(one, sheets.get(one.id, ())),
            [marks_of(sheet) for sheet in sheets.get(one.id, ())],
            {
                **carried_figures(one, opened.rules, at, figures),
                **measured_figures(opened.rules, inputs.indicators.get(one.id, NOTHING)),
            },
        )
        for one in eligible
    ]
    standings = tuple(standing(rules, one) for one in place(rules, evaluations))
    without = tuple(unrankable(one) for one in unplaced(evaluations))
    return RankingSealed(
        at=at,
        rulebook_version=opened.rulebook_version,
        rulebook_hash=opened.rulebook_hash,
        standings=standings,
        unrankable=without,
        counted=tuple(CountedSheet(stream=one.stream, version=one.version) for one in counted),
        excluded=tuple(
            ExcludedSheet(stream=one.stream, version=one.version, reason=reason) for one, reason in excluded
        ),
        basis=_basis(inputs, eligible, opened.rules),
        digest=standings_digest(standings, without),
        sample=any(one.entrant.sample for one in evaluations),
        recusals=recusals_of(inputs.committee, opened.body, opened.rules, [one.nominee for one in eligible]),
    )


def _sort_out(
    inputs: Inputs, body: str, rules: PinnedRules, eligible: Mapping[str, Nominee]
) -> tuple[list[FiledSheet], list[tuple[FiledSheet, Exclusion]]]:
    """Part the filed sheets into those that count and those that do not, each in the order of their streams."""
    counted: list[FiledSheet] = []
    excluded: list[tuple[FiledSheet, Exclusion]] = []
    for filed in sorted(inputs.sheets, key=lambda one: one.stream):
        nominee = eligible.get(filed.nomination)
        reason: Exclusion | None = (
            exclusion(filed.sheet.status, inputs.committee, body, rules, filed.member, nominee)
            if nominee is not None
            else "not-eligible"
        )
        if reason is None:
            counted.append(filed)
        else:
            excluded.append((filed, reason))
    return counted, excluded


def exclusion(
    status: Status, committee: Committee, body: str, rules: PinnedRules, member: str, nominee: Nominee
) -> Exclusion | None:
    """Return why an eligible nominee's sheet does not count, None if it does.

    Recusal reaches back over filed marks, within its scope only, and ends with the interest; what is only flagged
    excludes nothing. Whether a removed member's marks count is the rulebook's to say; who sits on in an office that
    does not score was removed as a scorer.
    """
    match status:
        case "voided":
            return "voided"
        case "blank" | "draft":
            return "not-submitted"
        case "submitted":
            pass
        case _:
            assert_never(status)
    if committee.is_recused(member, nominee, rules):
        return "recused"
    if rules.marks_of_removed != "counted" and member not in committee.scorers_of(body, rules.scoring_offices):
        return "removed"
    return None


def recusals_of(
    committee: Committee, body: str, rules: PinnedRules, nominees: Iterable[Nominee]
) -> tuple[Recusal, ...]:
    """Return who of a body's scoring members takes no part in ranking whom, and every reason; the flagged ones too."""
    members = committee.scorers_of(body, rules.scoring_offices)
    return tuple(
        Recusal(member=member, nomination=nominee.nomination, reason=ground.reason, flagged=ground.flagged)
        for nominee in nominees
        for member in members
        for ground in committee.grounds(member, nominee, rules)
    )


def marks_of(sheet: Sheet) -> Marks:
    """Return a sheet's marks as the ranking takes them."""
    return {aspect: in_millionths(mark.mark) for aspect, mark in sheet.marks.items()}


def entrant_of(nomination: Nomination, sheets: Iterable[Sheet]) -> Entrant:
    """Return a nomination as the ranking sees it; a sample nominee or a sample mark makes its standing a sample."""
    nominated = nomination.nominated.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    sample = nomination.sample or any(sheet.sample for sheet in sheets)
    return Entrant(nomination.id, nomination.candidate.code, nominated, sample)


# --- carried aspects -----------------------------------------------------------------------------------------------


def carried_sources(nominations: Iterable[Nomination], rules: PinnedRules) -> set[str]:
    """Return the ranking streams that the nominees' carried aspects come from."""
    return {
        at.ranking
        for one in nominations
        for aspect in rules.aspects
        if (at := _carried_from(one, aspect)) is not None
    }  # fmt: skip


Figures = Mapping[str, Mapping[str, Fraction]]
"""Exact aggregates by nomination and aspect."""


def carried_figures(
    nomination: Nomination, rules: PinnedRules, at: Stage, carried: Mapping[str, Figures]
) -> dict[str, Fraction]:
    """Return a nominee's carried figures: the exact aggregates of the stages it passed, by their ranking streams."""
    figures: dict[str, Fraction] = {}
    for aspect in rules.aspects:
        source = _carried_from(nomination, aspect)
        if aspect.carried is None or source is None or source == at:
            continue
        value = carried.get(source.ranking, {}).get(nomination.id, {}).get(aspect.carried.aspect)
        if value is not None:
            figures[aspect.code] = value
    return figures


def _figures(inputs: Inputs) -> dict[str, Figures]:
    """Return what earlier rankings come to: as they were sealed last, and as upheld appeals corrected them."""
    found: dict[str, Figures] = {}
    for stream, state in inputs.carried.items():
        if isinstance(state, Sealed):
            verdicts = [one for one in inputs.verdicts.get(stream, ()) if isinstance(one, Verdict)]
            found[stream] = corrected(state.figures, verdicts)
    return found


def corrected(sealed: Figures, verdicts: Sequence[Verdict]) -> Figures:
    """Return a ranking's figures as its upheld appeals, in their order, left them.

    What a verdict set stays set when the stage is sealed anew for another reason; all other figures are then the new
    seal's. Whoever that seal does not rank, being out when it was made or short of sheets, has what the last verdict
    ranked it by.
    """
    found = {**(verdicts[-1].figures if verdicts else {}), **sealed}
    for verdict in verdicts:
        found |= {one: {**found.get(one, {}), **figures} for one, figures in verdict.own.items()}
    return found


def _carried_from(nomination: Nomination, aspect: PinnedAspect) -> Stage | None:
    return nomination.reached(aspect.carried.tier, aspect.carried.stage) if aspect.carried else None


# --- basis and digest ----------------------------------------------------------------------------------------------


def _basis(inputs: Inputs, eligible: Sequence[Nomination], rules: PinnedRules) -> Basis:
    kept = {f"nomination/{one.id}" for one in eligible}
    streams = {
        stream: version
        for stream, version in inputs.versions.items()
        if version and (stream in kept or not stream.startswith("nomination/"))
    }
    carried = {stream: state.version for stream, state in inputs.carried.items() if isinstance(state, Sealed)}
    verdicts = [one for said in inputs.verdicts.values() for one in said]
    carried |= {one.stream: one.version for one in verdicts if isinstance(one, Verdict)}
    indicators = {one.id: inputs.indicators.get(one.id, NOTHING) for one in eligible}
    measured = {indicator_stream(one): found.version for one, found in indicators.items() if found.version}
    return Basis(
        nominations=tuple(one.id for one in eligible),
        streams=_points(streams),
        carried=_points(carried),
        measured=_points(measured) if is_measured(rules) else None,
    )


def _points(versions: Mapping[str, int]) -> tuple[StreamPoint, ...]:
    return tuple(StreamPoint(stream=stream, version=version) for stream, version in sorted(versions.items()))
