"""What the scoring service says: rankings open and sealed, score sheets.

Marks travel on a topic that only scoring and audit read (`sheet/…`); a ranking's standings appear with its seal.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import Field, PlainSerializer

from schemas.envelope import (
    Event,
    Exact,
    Hex64,
    Instant,
    Month,
    Part,
    ProvinceCode,
    Ratio,
    SeasonCode,
    Slug,
    Stage,
    StreamName,
    StreamPoint,
    Uuid,
    Version,
)

Rank = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=0)]
ScaleFigure = Annotated[
    Decimal,
    Field(allow_inf_nan=False, max_digits=24, decimal_places=12),
    PlainSerializer(lambda number: format(number, "f"), return_type=str),
]
"""A figure of a scale, as fine as a rulebook may state it."""


class ScoringEvent(Event):
    """An event of the scoring service."""

    context: ClassVar[str] = "scoring"


class CarriedAspect(Part):
    """The earlier stage of the same category, and its aspect, whose exact aggregate is taken over."""

    tier: Literal["provincial", "national"]
    stage: Slug
    aspect: Slug


class PinnedAspect(Part):
    """An aspect as it counts at the stage: its exact share of the whole, its scale, and where its figure comes from."""

    code: Slug
    share: Ratio
    origin: Literal["judged", "measured", "carried"]
    least: ScaleFigure
    greatest: ScaleFigure
    step: ScaleFigure
    carried: CarriedAspect | None = None
    measure: Slug | None = None
    """Of a measured aspect: the measure whose ratio, on the scale from least to greatest, is its figure."""
    definition: Hex64 | None = None
    """Of a measured aspect: which wording of the measure counts here, as IndicatorMeasured names it."""


class PinnedRules(Part):
    """What of the rulebook makes this stage's ranking, so that an opened stage can be followed without the rest of it.

    It says nothing that the rulebook of `rulebook_hash` does not say; a reader who holds that can check it.
    """

    aspects: Annotated[tuple[PinnedAspect, ...], Field(min_length=1)]
    method: Literal["mean", "median", "trimmed-mean"]
    trim: Count = 0
    """How many marks fall at each end, where an aspect has `trim_from` marks or more."""
    trim_from: Count = 0
    complete_sheet: Literal["every-judged-aspect", "any-judged-aspect"]
    least_sheets: Annotated[int, Field(ge=1)]
    marks_of_removed: Literal["kept-uncounted", "counted"]
    tie_break: tuple[Literal["aspect", "nomination-instant", "candidate-code", "lot", "vote"], ...]
    places: Count
    rounding: Literal["half-up", "half-even", "half-down", "up", "down"]
    conflict_scope: Literal["candidate", "category"]
    scoring_offices: tuple[Slug, ...]
    sealing_offices: tuple[Slug, ...]
    per_nominee: Annotated[int, Field(ge=1)] | None = None
    """How many members score each nominee, drawn at random; absent, all do."""
    own_employer: Literal["refused", "flagged"] | None = None
    own_government: Literal["refused", "flagged"] | None = None


class ScoringOpened(ScoringEvent):
    """A stage may be scored. It pins the rulebook version and rubric, though newer ones come before the seal.

    `opens` and `closes` are the first and the last instant at which a sheet may be received.
    """

    at: Stage
    body: Slug
    rubric: Slug
    rulebook_version: Version
    rulebook_hash: Hex64
    opens: Instant
    closes: Instant
    rules: PinnedRules


class ScoringExtended(ScoringEvent):
    """Sheets of the stage may be received until later, by a recorded decision made before the stage was closed."""

    signed: ClassVar[bool] = True
    at: Stage
    previous: Instant
    until: Instant
    reason_digest: Hex64


class Assignment(Part):
    """Who is to score a nominee."""

    nomination: Uuid
    members: Annotated[tuple[Uuid, ...], Field(min_length=1)]


class ScorersAssigned(ScoringEvent):
    """Members were drawn for nominees that had too few. The draw can be repeated from `seed` and the committee."""

    at: Stage
    seed: Hex64
    per_nominee: Annotated[int, Field(ge=1)]
    assignments: Annotated[tuple[Assignment, ...], Field(min_length=1)]


class ScoringClosed(ScoringEvent):
    """No sheet of the stage may be filed or changed any more."""

    at: Stage


class Mark(Part):
    """One aspect's mark; `mark` is absent when the aspect does not apply, which is not a zero."""

    aspect: Slug
    mark: Exact | None = None


class AspectScored(ScoringEvent):
    """A member files one mark. It counts once the sheet is submitted."""

    signed: ClassVar[bool] = True
    nomination: Uuid
    at: Stage
    member: Uuid
    mark: Mark
    sample: bool = False


class AspectScoreRevised(ScoringEvent):
    """A member changes a filed mark, with a reason; the old one stays in the record."""

    signed: ClassVar[bool] = True
    nomination: Uuid
    at: Stage
    member: Uuid
    mark: Mark
    previous: Mark
    reason_digest: Hex64
    sample: bool = False


class ScoreSheetSubmitted(ScoringEvent):
    """A member's sheet for one nomination is complete and counts. `marks` is the whole sheet as submitted."""

    signed: ClassVar[bool] = True
    nomination: Uuid
    at: Stage
    body: Slug
    office: Slug
    member: Uuid
    marks: tuple[Mark, ...]
    rulebook_version: Version
    sample: bool = False


class ScoreSheetVoided(ScoringEvent):
    """A sheet filed by mistake no longer counts; its marks stay in the record."""

    signed: ClassVar[bool] = True
    nomination: Uuid
    at: Stage
    member: Uuid
    reason_digest: Hex64


class SheetRead(ScoringEvent):
    """Somebody other than its member read a sheet before the seal."""

    nomination: Uuid
    at: Stage
    member: Uuid
    reader: Uuid


class MarksSeen(ScoringEvent):
    """Somebody saw marks or aggregates of a stage before its seal, once told: a person who did scores there no more."""

    at: Stage
    reader: Uuid


class TieBreak(Part):
    """What separated a nominee from those with the same total: the rule, and the figures it compared."""

    rule: Literal["aspect", "nomination-instant", "candidate-code", "lot", "vote"]
    aspect: Slug | None = None
    figure: str


class AspectAggregate(Part):
    """An aspect's exact aggregate over the counted sheets, and how many they were."""

    aspect: Slug
    value: Ratio
    sheets: Count


class Standing(Part):
    """One ranked nominee: exact total, the rounded figure that is shown, and what broke a tie."""

    nomination: Uuid
    candidate: str
    rank: Rank
    shared: bool = False
    total: Ratio
    shown: str
    aspects: tuple[AspectAggregate, ...]
    tie: TieBreak | None = None
    sample: bool = False


class Unrankable(Part):
    """A nominee without a rank: neither zero nor last."""

    nomination: Uuid
    candidate: str
    reason: Literal["too-few-sheets", "aspect-unmarked", "unmeasured", "not-carried", "withdrawn"]
    aspect: Slug | None = None
    sheets: Count = 0
    sample: bool = False
    aspects: tuple[AspectAggregate, ...] | None = None
    """The aggregates that are there; with what lacks, a verdict on an appeal can rank the nominee."""


class CountedSheet(Part):
    """A sheet that the ranking rests on, at the version it had."""

    stream: StreamName
    version: Version


class ExcludedSheet(Part):
    """A filed sheet that does not count, and why."""

    stream: StreamName
    version: Version
    reason: Literal["recused", "removed", "voided", "not-submitted", "not-eligible"]


class Basis(Part):
    """What the ranking was computed from: the complete eligible set, and the streams at the versions seen.

    `carried` are the seals whose exact aggregates were taken over, ranking streams at the version of the seal; and the
    verdicts that corrected them, appeal streams at the version of the decision, whose aggregates then count.
    """

    nominations: tuple[Uuid, ...]
    streams: tuple[StreamPoint, ...]
    carried: tuple[StreamPoint, ...] = ()
    measured: tuple[StreamPoint, ...] | None = None
    """The indicator streams at the versions that measured aspects were taken from; what comes later changes nothing.

    Absent where no aspect of the stage is measured."""


class Recusal(Part):
    """A member who takes no part in ranking a nominee, and why; `flagged` ones take part all the same."""

    member: Uuid
    nomination: Uuid
    reason: Literal["declared", "own-employer", "own-government"]
    flagged: bool = False


class RankingSealed(ScoringEvent):
    """The standings of a stage, closed by a hash. `digest` is the SHA-256 of canonical standings and unrankable."""

    signed: ClassVar[bool] = True
    at: Stage
    rulebook_version: Version
    rulebook_hash: Hex64
    standings: tuple[Standing, ...]
    unrankable: tuple[Unrankable, ...]
    counted: tuple[CountedSheet, ...]
    excluded: tuple[ExcludedSheet, ...]
    basis: Basis
    digest: Hex64
    sample: bool = False
    recusals: tuple[Recusal, ...] | None = None


class RankingSuperseded(ScoringEvent):
    """A seal is replaced by order; the old one stays readable and can no longer be tabled."""

    signed: ClassVar[bool] = True
    at: Stage
    seal: Uuid
    order: Uuid


# --- facts of other systems ----------------------------------------------------------------------------------------


class FactsIngested(ScoringEvent):
    """A batch of one partition's facts went into the ledger. It was known before, and the ledger is held to it.

    `root` is the RFC 6962 Merkle root over the canonical documents of the facts that were new, in the order of their
    offsets; of none it is the SHA-256 of nothing. `records` = `applied` + `duplicates` + `refused`.
    """

    signed: ClassVar[bool] = True
    topic: Annotated[str, Field(pattern=r"^[a-z0-9.-]{1,249}$")]
    partition: Count
    first: Count
    """The offset of the batch's first record."""
    last: Count
    """The offset of its last; offsets in between that hold no record (transaction markers) are none of `records`."""
    records: Count
    applied: Count
    duplicates: Count
    refused: Count
    root: Hex64
    months: tuple[Month, ...] = ()
    """The months that the new facts are about."""


class RepairProposed(ScoringEvent):
    """An operator proposes a fact in place of a message that was set aside as a dead letter. Nothing is published yet.

    The address is that of the message that was set aside. The fact lies beside the events under `content_digest`, as
    the reason does under `reason_digest`.
    """

    signed: ClassVar[bool] = True
    repair: Uuid
    topic: Annotated[str, Field(pattern=r"^[a-z0-9.-]{1,249}$")]
    partition: Count
    offset: Count
    publisher: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,30}$")]
    """The system whose fact it is."""
    fact: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$")]
    """The fact's id."""
    leaf: Hex64
    """The RFC 6962 leaf hash of the fact's canonical document, as the roots of FactsIngested hold it."""
    content_digest: Hex64
    reason_digest: Hex64
    replaces: Uuid | None = None
    """The repair of the same letter that nobody had agreed to and that this one is proposed instead of."""


class RepairApproved(ScoringEvent):
    """A second person, another operator or the publisher of the topic, agrees to a repair: now it is published."""

    signed: ClassVar[bool] = True
    repair: Uuid
    leaf: Hex64
    """That of the proposal: this and no other fact was agreed to."""


class ReportedBatches(Part):
    """Batches that a report counts: the FactsIngested events of a partition from one version to another."""

    partition: Count
    first: Version
    last: Version


class RefusedFor(Part):
    """How many messages were refused for a reason."""

    reason: Slug
    count: Annotated[int, Field(ge=1)]


class RefusedOf(Part):
    """What was refused of a system, as the messages claim to be from it."""

    publisher: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,30}$")] | None = None
    """Absent: of messages that claim none that could be one, and of all systems beyond those that a report names."""
    reasons: Annotated[tuple[RefusedFor, ...], Field(min_length=1)]


class RefusedMessage(Part):
    """Where a refused message lies in the topic, and why it was refused."""

    partition: Count
    offset: Count
    reason: Slug


class RefusedOn(Part):
    """How many of the refused messages were refused on a day, by the nation's clocks; the day's report has them."""

    day: date
    count: Annotated[int, Field(ge=1)]


class MissingFacts(Part):
    """Of a season's employers that compete: how many have months of which no due was said, and how many are unknown."""

    season: SeasonCode
    employers: Count
    months: Count
    """Those of all these employers together."""
    unregistered: Count
    """Employers that no fact registers; they owe no month so far."""


class ReportedDispute(Part):
    """A measured figure that was disputed: where its FigureDisputed event is, whom it is about, and what."""

    dispute: StreamPoint
    season: SeasonCode
    candidate: Annotated[str, Field(min_length=1, max_length=64)]
    aspect: Slug
    measure: Slug


class FactsReported(ScoringEvent):
    """What a day brought for those who publish on a topic of facts: once a day, of days that brought anything.

    A batch is counted by the day on which it was recorded, and in one report only: `batches` go on where those of the
    report before ended. What was recorded on a day and is known later, or lies back too far, is in the next report.
    """

    signed: ClassVar[bool] = True
    topic: Annotated[str, Field(pattern=r"^[a-z0-9.-]{1,249}$")]
    day: date
    """By the nation's clocks (WIB); it has ended."""
    batches: tuple[ReportedBatches, ...] = ()
    records: Count
    applied: Count
    duplicates: Count
    refused: Count
    publishers: tuple[RefusedOf, ...] = ()
    """As far as it is still kept why messages were refused."""
    first_refused: tuple[RefusedMessage, ...] = ()
    """The first of them; all are in the report of the day over HTTP."""
    refused_days: tuple[RefusedOn, ...] | None = None
    """On which days they were refused, each message once: a batch that is read again counts it in `refused` again.

    Absent: as for `publishers`, it is not known, or the report is of before it was told.
    """
    missing: tuple[MissingFacts, ...] = ()
    """As it was when the day was reported; of a day that is reported late it is not said."""
    disputed: tuple[ReportedDispute, ...] = ()
    """Each dispute is in one report."""


Lack = Literal["not-registered", "no-facts", "month-missing", "denominator-zero"]


class IndicatorMeasured(ScoringEvent):
    """A nominee's figure by a measure of the rulebook has changed: computed from the facts of the ledger, exactly.

    The facts are those about the candidate in the batches of `basis` and before them; `facts` says how many of them
    the measure looked at, and `digest` which: the SHA-256 of their RFC 6962 leaf hashes, sorted and joined. Without a
    `ratio` the nominee is unmeasured, and `lack` says why.
    """

    signed: ClassVar[bool] = True
    nomination: Uuid
    season: SeasonCode
    province: ProvinceCode
    """Where it was nominated."""
    candidate: Annotated[str, Field(min_length=1, max_length=64)]
    """The employer's number or the region's code."""
    measure: Slug
    definition: Hex64
    """SHA-256 of the measure's canonical content in the rulebook: two versions that word it alike define it alike."""
    rulebook_version: Version
    numerator: Ratio | None = None
    denominator: Ratio | None = None
    ratio: Ratio | None = None
    """Numerator over denominator, at most the measure's cap."""
    lack: Lack | None = None
    missing_months: tuple[Month, ...] = ()
    """Obliged months for which no due was said."""
    facts: Count
    digest: Hex64
    basis: tuple[StreamPoint, ...]
    """The batches, `ingest/…` streams at their versions, up to which facts were read. A stream not named gave none."""


class Move(Part):
    """A nominee's place as it was sealed, and as it would be; absent where it has none."""

    nomination: Uuid
    rank_before: Rank | None = None
    rank_after: Rank | None = None
    total_before: Ratio | None = None
    total_after: Ratio | None = None


class CorrectionImpactFound(ScoringEvent):
    """Facts that came after a seal would have made another ranking. Nothing that was decided changes.

    `moves` are the nominees whose rank or total would differ. `would_advance` are those who did not go on from the
    stage and would have been within its quota, `would_fall` those who did and would not.
    """

    signed: ClassVar[bool] = True
    at: Stage
    seal: Uuid
    nomination: Uuid
    measure: Slug
    indicator: StreamPoint
    """The measurement that differs from the sealed one."""
    before: Ratio | None = None
    after: Ratio | None = None
    moves: tuple[Move, ...]
    would_advance: tuple[Uuid, ...] = ()
    would_fall: tuple[Uuid, ...] = ()


def standings_digest(standings: Iterable[Standing], unrankable: Iterable[Unrankable]) -> str:
    """Return what `RankingSealed.digest` states: the hex SHA-256 of both lists as canonical JSON.

    Keys are ASCII and there are no floats, so sorted keys without spaces are the canonical form (RFC 8785).
    """
    said = {
        "standings": [one.model_dump(mode="json", exclude_none=True) for one in standings],
        "unrankable": [one.model_dump(mode="json", exclude_none=True) for one in unrankable],
    }
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
