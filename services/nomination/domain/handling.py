"""What a nominating body and a nominee's contact do with a nomination while it competes.

They correct what was written, attach documents, and say that a measured figure is wrong. Nothing of it changes a score
by itself: a disputed figure goes back to its publisher.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final, Literal

from kernel.decider import Emit
from schemas.exact import Locale, NotExact, parse_decimal
from schemas.nomination import Candidate, EvidenceAttached, FigureDisputed, NominationAmended
from schemas.rulebook import Measure, Rulebook, SizeClass, StageAspect
from services.nomination.domain.candidate import GOVERNMENTS, CandidateAsked, settle_candidate
from services.nomination.domain.nomination import (
    FiledLate,
    Handler,
    Nomination,
    NominationState,
    Written,
    check_handler,
    check_nominating_body,
    check_nominator,
    nomination_stream,
    province_of,
    under_way,
    window_refusal,
    written,
)
from services.nomination.domain.refusals import decides, refuse
from services.nomination.domain.season import Season, SeasonState, opened

MediaType = Literal["application/pdf", "image/png", "image/jpeg"]
EvidenceKind = Literal["regulation", "policy", "report", "photo", "other"]
MOST_DOCUMENTS: Final = 50
"""How many documents one nomination carries at most."""


# --- amending ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Correction:
    """What of a candidate that no official table names is written anew; None: it stays."""

    name: str | None = None
    size_class: SizeClass | None = None
    region: str | None = None

    def told(self) -> tuple[tuple[str, str | None], ...]:
        """Return the fields with what is to stand in them."""
        return (("name", self.name), ("size_class", self.size_class), ("region", self.region))


@dataclass(frozen=True, slots=True)
class Amend:
    """Correct a nomination: its contact, or what its nominator wrote down of a candidate that is no government.

    An employer has a name, a size class and a region; a candidate of the rulebook's own kinds has a name, and a region
    where the code does not tell it. They are corrected within the window, or as long as what was filed late is not
    admitted.
    """

    nomination: str
    handler: Handler
    received: datetime
    reason_digest: str
    contact: str | None = None
    candidate: Correction = Correction()
    won: bool = False
    contested: bool = False


@decides
def amend(command: Amend, state: NominationState, season: SeasonState) -> Sequence[Emit]:
    """Write a nomination anew, by its nominating body; nothing when it says so already."""
    standing = written(command.nomination, state, won=command.won, contested=command.contested)
    check_nominating_body(command.handler.scopes, standing)
    candidate = _amended(command, standing, opened(season, standing.at.season))
    contact = command.contact or standing.contact
    if (candidate, contact) == (standing.candidate, standing.contact):
        return ()
    amended = NominationAmended(
        nomination=standing.id, candidate=candidate, contact=contact, reason_digest=command.reason_digest
    )
    return (Emit(nomination_stream(standing.id), amended),)


def _amended(command: Amend, standing: Written, season: Season) -> Candidate:
    """Return the candidate as corrected; kind and code stay, and so does whose it is to nominate."""
    known, rules = standing.candidate, season.rulebook
    wanted = next(((name, value) for name, value in command.candidate.told() if value is not None), None)
    if wanted is None:
        return known
    path, value = f"candidate.{wanted[0]}", wanted[1]
    if known.kind in GOVERNMENTS:
        raise refuse("governments-not-amended", path, value)
    said = command.candidate
    asked = CandidateAsked(
        known.kind,
        known.code,
        said.name or known.name,
        said.size_class or known.size_class,
        said.region or known.region,
        known.sector,
    )
    corrected = settle_candidate(asked, rules.category(standing.at.category), rules)
    if corrected == known:
        return known
    closed = window_refusal(command.received, province_of(known), season)
    if closed is not None and not isinstance(standing, FiledLate):
        raise refuse("amended-too-late", path, value, window=closed.faults[0].value)
    check_nominator(standing.nominating_body, command.handler.scopes, corrected, rules)
    return corrected


# --- evidence ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AttachEvidence:
    """Support a nomination by a document, known by the SHA-256 of its bytes."""

    nomination: str
    handler: Handler
    evidence: str
    media_type: MediaType
    size: int
    kind: EvidenceKind
    number: str | None = None
    dated: date | None = None
    title_digest: str | None = None
    won: bool = False
    contested: bool = False


@decides
def attach_evidence(command: AttachEvidence, state: NominationState, season: SeasonState) -> Sequence[Emit]:
    """Attach a document, by the nominating body or the contact, once."""
    standing = under_way(command.nomination, state, won=command.won, contested=command.contested)
    check_handler(command.handler, standing)
    opened(season, standing.entry.season)
    if command.evidence in standing.evidence:
        raise refuse("evidence-attached-already", "body", command.evidence)
    if len(standing.evidence) >= MOST_DOCUMENTS:
        raise refuse("evidence-full", "body", most=MOST_DOCUMENTS)
    attached = EvidenceAttached(
        nomination=standing.id,
        evidence=command.evidence,
        media_type=command.media_type,
        size=command.size,
        kind=command.kind,
        number=command.number,
        dated=command.dated,
        title_digest=command.title_digest,
    )
    return (Emit(nomination_stream(standing.id), attached),)


# --- disputes ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DisputeFigure:
    """Say that a measured figure is wrong. `stated` is what it should be, as written in `locale`."""

    nomination: str
    handler: Handler
    aspect: str
    reason_digest: str
    stated: str | None = None
    locale: Locale = "id"
    won: bool = False


@decides
def dispute_figure(command: DisputeFigure, state: NominationState, season: SeasonState) -> Sequence[Emit]:
    """Hand a figure back to its publisher, by the nominating body or the contact; no score changes by it.

    Nothing when the same figure was asked for already. Without a figure every dispute is told: its reason is all that
    it says.
    """
    standing = under_way(command.nomination, state, won=command.won)
    check_handler(command.handler, standing)
    rules = opened(season, standing.entry.season).rulebook
    aspect, measure = _measured(command.aspect, standing, rules)
    stated = None if command.stated is None else _figure(command.stated, command.locale, aspect, measure)
    if stated is not None and (standing.at, command.aspect, stated) in standing.disputed:
        return ()
    disputed = FigureDisputed(
        nomination=standing.id,
        aspect=command.aspect,
        measure=measure.code,
        stated=stated,
        reason_digest=command.reason_digest,
    )
    return (Emit(nomination_stream(standing.id), disputed),)


def _measured(code: str, standing: Nomination, rules: Rulebook) -> tuple[StageAspect, Measure]:
    """Return a measured aspect of the stage where a nomination stands, and the measure behind it."""
    at = standing.at
    rubric = rules.rubric(rules.stage(at.tier, at.category, at.stage))
    measured = {aspect.code: aspect for aspect in rubric.aspects if aspect.origin == "measured"}
    aspect = measured.get(code)
    if aspect is None or aspect.measure is None:
        known = ", ".join(measured)
        raise refuse("aspect-not-measured", "aspect", code, stage=at.stage, known=known or "-")
    return aspect, rules.measure(aspect.measure)


def _figure(text: str, locale: Locale, aspect: StageAspect, measure: Measure) -> Decimal:
    """Read a figure as its locale writes it, as exact as an event holds it: 12 digits and 6 decimals.

    It must be one that the measure can have on the aspect's scale: without a cap there is no greatest one.
    """
    mark = "," if locale == "id" else "."
    try:
        number = parse_decimal(text, locale)
    except NotExact:
        raise refuse("figure-unreadable", "stated", text, mark=mark) from None
    whole, _, decimals = format(number, "f").partition(".")
    if number < 0 or len(whole) > 12 or len(decimals) > 6:
        raise refuse("figure-unreadable", "stated", text, mark=mark)
    least, greatest = aspect.scale.least, aspect.scale.greatest
    most = None if measure.cap is None else least + measure.cap * (greatest - least)
    if number < least or (most is not None and number > most):
        en, id_ = _span(least, most)
        raise refuse("stated-off-scale", "stated", text, aspect=aspect.code, span=en, span_id=id_)
    return number


def _span(least: Decimal, most: Decimal | None) -> tuple[str, str]:
    """Return from where to where a figure lies, in English and Indonesian."""
    if most is None:
        return f"{_plain(least)} or more", f"{_plain(least).replace('.', ',')} atau lebih"
    en = f"from {_plain(least)} to {_plain(most)}"
    return en, en.replace("from", "dari").replace("to", "sampai dengan").replace(".", ",")


def _plain(number: Decimal) -> str:
    return format(number.normalize(), "f")
