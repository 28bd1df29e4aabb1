"""A season's rulebook (juknis): everything about the award that differs from year to year, as data.

The models follow the rulebook file of `interfaces.md` key by key. Each value says where it comes from: a node (a
mapping of the file) carries `source`, the code of an entry in `sources`, or `assumed: true`, and the mark covers the
node's values and descendants until a node below says otherwise. Where single values of a node differ, `assumed` lists
their names beside a `source`, or `sourced` maps them to theirs beside `assumed: true`. A value without a mark is an
error (`schemas.rulebook_checks`). Code reads plain values; `provenance` lists every value's mark.

Whatever has an order (categories, stages, aspects, offices) is a list, since events carry a rulebook as canonical
JSON, which sorts the keys of mappings. Weights, scales and points are exact decimals, written in quotes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, Final, Literal, NamedTuple, Protocol, Self, TypeVar
from zoneinfo import ZoneInfo

import orjson
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from schemas.envelope import CategoryCode, Month, ProvinceCode, SeasonCode, Slug, clean_name
from schemas.exact import RoundingMode
from schemas.regions import NATION, zone_of

Tier = Literal["provincial", "national"]
CandidateKind = Slug
"""One of `BUILT_IN_KINDS`, or the code of one of the rulebook's own `kinds`."""
SizeClass = Literal["large", "medium", "small", "micro"]
Origin = Literal["judged", "measured", "carried"]
TieRule = Literal["aspect", "nomination-instant", "candidate-code", "lot", "vote"]

TIERS: Final[tuple[Tier, ...]] = ("provincial", "national")
BUILT_IN_KINDS: Final = ("province", "regency", "city", "employer")
MARKS: Final = frozenset({"source", "assumed", "sourced"})
DECIMAL_PATTERN: Final = r"^(0|[1-9][0-9]{0,11})(\.[0-9]{1,12})?$"
RATIO_PATTERN: Final = r"^[1-9][0-9]{0,5}/[1-9][0-9]{0,5}$"
NUMBER_PATTERN: Final = r"^[#A-Z0-9][#A-Z0-9.-]{0,31}$"
LOCAL_PATTERN: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?)?$"


# --- values --------------------------------------------------------------------------------------------------------


def _decimal(value: object) -> Decimal:
    match value:
        case Decimal():
            return value
        case str() if re.fullmatch(DECIMAL_PATTERN, value):
            return Decimal(value)
        case str():
            raise PydanticCustomError("decimal_text", "write digits with a point, for example '12.5'")
        case _:
            raise PydanticCustomError("decimal_quoted", "quote decimals: write '12.5', not 12.5")


def _ratio(value: object) -> Fraction:
    if isinstance(value, Fraction):
        return value
    if not isinstance(value, str) or not re.fullmatch(RATIO_PATTERN, value):
        raise PydanticCustomError("ratio_text", "write a fraction in quotes, for example '2/3'")
    numerator, denominator = (int(part) for part in value.split("/"))
    if numerator > denominator:
        raise PydanticCustomError("ratio_above_one", "a fraction of the seats is at most '1/1'")
    return Fraction(numerator, denominator)


def _local(value: object, clock: time) -> datetime:
    """Read a local date, meaning the day's first or last second, or a local date and time to the second."""
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not re.fullmatch(LOCAL_PATTERN, value):
        raise PydanticCustomError("local_text", "write a local date, '2021-02-28', or date and time '2021-02-28T16:00'")
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise PydanticCustomError("local_impossible", "there is no such date or time") from None
    return datetime.combine(moment.date(), clock) if len(value) == len("2021-02-28") else moment


def _first_second(value: object) -> datetime:
    return _local(value, time(0, 0, 0))


def _last_second(value: object) -> datetime:
    return _local(value, time(23, 59, 59))


def _day(value: object) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        raise PydanticCustomError("day_text", "write a date as year-month-day, for example '2021-02-28'")
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise PydanticCustomError("local_impossible", "there is no such date or time") from None


def _season(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _plain(number: Decimal) -> str:
    return format(number, "f")


def _ratio_text(number: Fraction) -> str:
    return f"{number.numerator}/{number.denominator}"


def _seconds(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _text(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern})


_LocalJson = _text(LOCAL_PATTERN)
ExactDecimal = Annotated[
    Decimal, BeforeValidator(_decimal), PlainSerializer(_plain, return_type=str), _text(DECIMAL_PATTERN)
]
Share = Annotated[
    Fraction, BeforeValidator(_ratio), PlainSerializer(_ratio_text, return_type=str), _text(RATIO_PATTERN)
]
OpeningSecond = Annotated[
    datetime, BeforeValidator(_first_second), PlainSerializer(_seconds, return_type=str), _LocalJson
]
ClosingSecond = Annotated[
    datetime, BeforeValidator(_last_second), PlainSerializer(_seconds, return_type=str), _LocalJson
]
Day = Annotated[
    date,
    BeforeValidator(_day),
    PlainSerializer(date.isoformat, return_type=str),
    WithJsonSchema({"type": "string", "format": "date"}),
]
Season = Annotated[
    SeasonCode,
    BeforeValidator(_season),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": r"^[0-9]{4}(-[a-z0-9]{1,16})?$"}, {"type": "integer"}]}),
]
Whole = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]
Positive = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
Flag = Annotated[bool, Field(strict=True)]
Words = Annotated[
    str,
    StringConstraints(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]+$"),
    # As strict as a name, since a season's title becomes one in the event that opens it.
    AfterValidator(clean_name),
]
FieldName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{0,62}$")]


# --- provenance ----------------------------------------------------------------------------------------------------


class Source(BaseModel):
    """An article or a regulation that a value rests on: cited by outlet, title and date, never copied."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["article", "regulation"]
    outlet: Words
    title: Words
    date: Annotated[str, StringConstraints(pattern=r"^[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?$")]
    """As exact as the source itself is: a day, a month or a year."""
    place: Words | None = None


@dataclass(frozen=True, slots=True)
class Assumed:
    """The mark of a value that no article and no regulation states."""


ASSUMED: Final = Assumed()


class Node(BaseModel):
    """A mapping of the file, with the marks that say where its values come from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: Slug | None = None
    assumed: Literal[True] | tuple[FieldName, ...] | None = None
    sourced: dict[FieldName, Slug] | None = None

    def mark_of(self, field: str, inherited: str | Assumed | None) -> str | Assumed | None:
        """Return the mark of one of the node's own values: a source's code, assumed, or none."""
        if self.sourced and field in self.sourced:
            return self.sourced[field]
        if isinstance(self.assumed, tuple) and field in self.assumed:
            return ASSUMED
        return self.own_mark or inherited

    @property
    def own_mark(self) -> str | Assumed | None:
        """Return the mark that the node sets for itself and what lies below."""
        return ASSUMED if self.assumed is True else self.source


class Text(Node):
    """A text in the award's two languages."""

    id: Words
    en: Words


# --- calendar and regions ------------------------------------------------------------------------------------------


class Window(Node):
    """From the first to the last second, both included, in the local time of the province (or of the nation)."""

    opens: OpeningSecond
    closes: ClosingSecond


class Calendar(Node):
    """The season in local time. `zone` is the nation's; a province's own comes from the region table."""

    zone: Literal["Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura"]
    opens: OpeningSecond
    nomination_closes: ClosingSecond
    closes: ClosingSecond
    assessed: Window | None = None
    """The period whose deeds are judged."""

    @property
    def nomination(self) -> Window:
        """Return the window in which candidates may be nominated."""
        return Window(opens=self.opens, closes=self.nomination_closes)


class Regions(Node):
    """Which dated table of official regions the season uses, by its code in `schemas.regions.TABLES`."""

    table: Slug


class Home(Node):
    """How a candidate's home region follows: stated beside its code, or from the region's code that it begins with.

    `prefix` is the form of that region's code: `##` a province, `##.##` a regency or city.
    """

    follows: Literal["from-code", "stated"]
    prefix: Literal["##", "##.##"] | None = None


class Kind(Node):
    """A kind of candidate that the season knows beside regions of its table and employers.

    `number` is the form of its official code: `#` stands for a digit, everything else for itself, so a village of
    Kemendagri's table is `##.##.##.####`. It is compared character by character, never as a pattern of any other kind.
    """

    code: Slug
    title: Text
    number: Annotated[str, StringConstraints(pattern=NUMBER_PATTERN)]
    home: Home

    def fits(self, code: str) -> bool:
        """Tell whether a code has the form of this kind's."""
        return len(code) == len(self.number) and begins_as(code, self.number)

    def home_in(self, code: str) -> str | None:
        """Return the region's code that a fitting code begins with; None where the home is stated."""
        return code[: len(self.home.prefix)] if self.home.prefix else None


def begins_as(text: str, form: str) -> bool:
    """Tell whether a text begins with what a form says, `#` standing for a digit."""
    return len(text) >= len(form) and all(
        own in "0123456789" if said == "#" else own == said for own, said in zip(text, form, strict=False)
    )


class Sector(Node):
    """An economic sector that the candidates of a category state."""

    code: Slug
    title: Text


class Category(Node):
    """A category, the kinds of candidate it admits and, for employers, their size classes.

    With `sectors`, every candidate states one of them.
    """

    code: CategoryCode
    title: Text
    admits: Annotated[tuple[CandidateKind, ...], Field(min_length=1)]
    size_classes: tuple[SizeClass, ...] | None = None
    sectors: Annotated[tuple[Sector, ...], Field(min_length=1)] | None = None


# --- bodies --------------------------------------------------------------------------------------------------------


class Office(Node):
    """An office of a body: chair and members sit and vote; a clerk keeps the record and holds no seat."""

    code: Slug
    title: Text
    role: Literal["chair", "member", "clerk"]
    seats: Annotated[int, Field(strict=True, ge=1, le=100)]


class Quorum(Node):
    """How many seats must be filled by present, unrecused members; stated on all seats, vacant ones included."""

    fraction: Share | None = None
    count: Positive | None = None

    def needed(self, seats: int) -> int:
        """Return the least number of present members of a body with this many seats."""
        if self.count is not None:
            return self.count
        share = (self.fraction or Fraction(1)) * seats
        return -(-share.numerator // share.denominator)


class Majority(Node):
    """The share of its base that votes for; `strict` means more than the share, else at least."""

    fraction: Share
    strict: Flag
    base: Literal["seats", "present", "cast"]
    """All seats; the members present; or the votes for and against, abstentions left out."""

    def carries(self, votes_for: int, base: int) -> bool:
        """Tell whether this many votes for, of this many in the base, carry a motion. An empty base carries none."""
        needed = self.fraction * base
        return base > 0 and (votes_for > needed if self.strict else votes_for >= needed)


class Body(Node):
    """A deciding body: its offices, when it may decide, and which offices act for it."""

    code: Slug
    title: Text
    tier: Tier
    offices: Annotated[tuple[Office, ...], Field(min_length=1)]
    quorum: Quorum
    majority: Majority
    seals: Annotated[tuple[Slug, ...], Field(min_length=1)]
    """Codes of the offices that may seal a ranking; likewise `advances` and `publishes`."""
    advances: Annotated[tuple[Slug, ...], Field(min_length=1)]
    publishes: Annotated[tuple[Slug, ...], Field(min_length=1)]
    notice_days: Whole | None = None
    """How many whole days ahead a meeting is convened at least; absent, none."""

    @property
    def seats(self) -> int:
        """Return how many seats vote, vacant ones included."""
        return sum(office.seats for office in self.voting_offices)

    @property
    def voting_offices(self) -> tuple[Office, ...]:
        """Return the offices whose holders score and vote."""
        return tuple(office for office in self.offices if office.role != "clerk")

    def votes(self, office: str, seat: int) -> bool:
        """Tell whether a seat, counted from 1, is one of those that vote: a later version may have added it."""
        return any(one.code == office and seat <= one.seats for one in self.voting_offices)

    def office(self, code: str) -> Office:
        """Return an office by its code. Raises LookupError."""
        return _one(self.offices, code, "office")


# --- stages --------------------------------------------------------------------------------------------------------


class StageId(NamedTuple):
    """The address of a stage in its season."""

    tier: str
    category: str
    stage: str


class ProvinceQuota(Node):
    """A province's own quota."""

    province: ProvinceCode
    places: Positive


class Quota(Node):
    """How many advance from a stage (at the last stage: win), and the provinces where it is another number."""

    places: Positive
    provinces: tuple[ProvinceQuota, ...] | None = None


class NextStage(Node):
    """Where the advanced go: another stage of the same category."""

    tier: Tier
    stage: Slug


class Carries(Node):
    """Aspects that a stage takes over, as exact aggregates of an earlier sealed stage of the same category."""

    tier: Tier
    stage: Slug
    aspects: Annotated[tuple[Slug, ...], Field(min_length=1)]


class Assignment(Node):
    """How many members score each nominee, drawn at random and balanced; without it, all members score all."""

    per_nominee: Positive


class Verification(Node):
    """Nominations are checked by the stage's body before any may advance; a returned one has some days to be mended."""

    days_to_mend: Annotated[int, Field(strict=True, ge=1, le=366)]


class Interview(Node):
    """Nominees are heard, one at a time, in slots of some minutes."""

    minutes: Annotated[int, Field(strict=True, ge=5, le=480)]


class Stage(Node):
    """One step of a category's path: who decides on which aspects, when it is scored, how many advance."""

    tier: Tier
    category: CategoryCode
    code: Slug
    title: Text
    order: Positive
    next: NextStage | None = None
    """Absent at the end of the path, whose standings make the winners."""
    body: Slug
    rubric: Slug
    aspects: tuple[Slug, ...] | None = None
    """The part of the rubric that counts here; absent, the whole."""
    carries: Carries | None = None
    quota: Quota
    scoring: Window
    assignment: Assignment | None = None
    verification: Verification | None = None
    interview: Interview | None = None

    @property
    def id(self) -> StageId:
        """Return the stage's address."""
        return StageId(self.tier, self.category, self.code)


# --- rubrics -------------------------------------------------------------------------------------------------------


class Scale(Node):
    """The marks on offer: from the least to the greatest, by steps."""

    least: ExactDecimal
    greatest: ExactDecimal
    step: ExactDecimal

    def admits(self, mark: Decimal) -> bool:
        """Tell whether a mark lies on the scale."""
        return (
            self.least <= mark <= self.greatest and (Fraction(mark) - Fraction(self.least)) % Fraction(self.step) == 0
        )


class CarriedFrom(Node):
    """The earlier stage of the same category, and its aspect, whose exact aggregate is taken over."""

    tier: Tier
    stage: Slug
    aspect: Slug


class Aspect(Node):
    """One aspect: its weight, scale, and whether people judge it, facts measure it, or a stage hands it on."""

    code: Slug
    title: Text
    weight: ExactDecimal
    scale: Scale
    origin: Origin
    measure: Slug | None = None
    carried: CarriedFrom | None = None


class Aggregation(Node):
    """How an aspect's marks become one figure; a trimmed mean drops `trim` marks at each end from `from_sheets` on."""

    method: Literal["mean", "median", "trimmed-mean"]
    trim: Positive | None = None
    from_sheets: Positive | None = None


class Rounding(Node):
    """The one rounding, of the figure that is shown; standings keep the fraction."""

    places: Annotated[int, Field(strict=True, ge=0, le=12)]
    mode: RoundingMode


class Rubric(Node):
    """The aspects of a category and the rules that make a ranking of marks."""

    code: Slug
    title: Text
    total: ExactDecimal
    """The sum that the weights must have."""
    aspects: Annotated[tuple[Aspect, ...], Field(min_length=1)]
    aggregation: Aggregation
    complete_sheet: Literal["every-judged-aspect", "any-judged-aspect"]
    """What a sheet must hold before it can be submitted."""
    least_sheets: Positive
    """The fewest counted sheets that make a nominee rankable."""
    marks_of_removed: Literal["kept-uncounted", "counted"]
    """Whether marks filed before a member's removal count."""
    tie_break: Annotated[tuple[TieRule, ...], Field(min_length=1)]
    rounding: Rounding

    def aspect(self, code: str) -> Aspect:
        """Return an aspect by its code. Raises LookupError."""
        return _one(self.aspects, code, "aspect")


@dataclass(frozen=True, slots=True)
class StageAspect:
    """An aspect as it counts at one stage; `share` is its weight exactly relative to the stage's part of the rubric."""

    code: str
    title: Text
    weight: Decimal
    share: Fraction
    scale: Scale
    origin: Origin
    measure: str | None
    carried: CarriedFrom | None


@dataclass(frozen=True, slots=True)
class StageRubric:
    """A rubric as one stage uses it: the stage's part, carried aspects resolved, shares that add up to one."""

    code: str
    aspects: tuple[StageAspect, ...]
    aggregation: Aggregation
    complete_sheet: Literal["every-judged-aspect", "any-judged-aspect"]
    least_sheets: int
    marks_of_removed: Literal["kept-uncounted", "counted"]
    tie_break: tuple[TieRule, ...]
    rounding: Rounding

    @property
    def judged(self) -> tuple[StageAspect, ...]:
        """Return the aspects that members mark at this stage."""
        return tuple(aspect for aspect in self.aspects if aspect.origin == "judged")

    def aspect(self, code: str) -> StageAspect:
        """Return an aspect by its code. Raises LookupError."""
        return _one(self.aspects, code, "aspect")


# --- measures ------------------------------------------------------------------------------------------------------

Quantity = Literal[
    "compliance-points", "obliged-months", "months-covered", "amount-due", "amount-paid", "workers-covered",
    "workers-total", "wage-workers-covered", "non-wage-workers-covered", "non-wage-workers-assisted",
    "non-wage-workers-total", "vulnerable-workers-assisted", "vulnerable-workers-total", "digital-transactions",
    "transactions",
]  # fmt: skip


class Points(Node):
    """Points of an obliged month, by how it was paid."""

    in_time: ExactDecimal
    late: ExactDecimal
    partly: ExactDecimal
    unpaid: ExactDecimal


class DueDay(Node):
    """When a month's contribution is due: a day of the next month, clamped to its end, moved off days of rest."""

    day: Annotated[int, Field(strict=True, ge=1, le=31)]
    on_rest_day: Literal["next-working-day", "previous-working-day", "stays"]
    holidays: tuple[Day, ...]


class Measure(Node):
    """A figure taken from facts of other systems: numerator over denominator, capped, up to the cut-off."""

    code: Slug
    title: Text
    numerator: Quantity
    denominator: Quantity
    cap: ExactDecimal | None = None
    """The greatest ratio that counts; absent, none."""
    cut_off: ClosingSecond
    points: Points | None = None
    due: DueDay | None = None
    first_month: Month | None = None
    """The first month that counts; absent, January of the cut-off's year."""
    missing_months: Literal["left-out", "unpaid", "unmeasured"] | None = None
    """What becomes of an obliged month for which no due was said; absent, it is left out of both figures."""


# --- conduct -------------------------------------------------------------------------------------------------------


class Conflicts(Node):
    """How far a declared interest recuses, and whether one's own employer or government is refused or flagged."""

    scope: Literal["candidate", "category"]
    own_employer: Literal["refused", "flagged"]
    own_government: Literal["refused", "flagged"]


class Appeals(Node):
    """Who may appeal, and for how many days from the announcement, its own day and the last one included."""

    by: Annotated[tuple[Literal["contact", "nominating-body"], ...], Field(min_length=1)]
    days: Annotated[int, Field(strict=True, ge=1, le=366)]
    freezes_downstream: Flag


class Prize(Node):
    """What a rank brings, in the categories of a tier."""

    tier: Tier
    categories: Annotated[tuple[CategoryCode, ...], Field(min_length=1)]
    rank: Positive
    prize: Text


class Certificate(Node):
    """A certificate (piagam): for winners, or for all who reach a stage as finalists, winners too."""

    code: Slug
    title: Text
    tier: Tier
    given_to: Literal["winner", "finalist"]
    stage: Slug | None = None
    """For finalists: the stage that they reached."""


NOTIFIED: Final = (
    "AdmissionDecided", "AppealDecided", "AppealLodged", "CandidateNominated", "CertificateIssued",
    "CertificateRevoked", "ConflictDeclared", "ConflictLifted", "DeadlineExtended", "FigureDisputed",
    "InterviewScheduled", "MemberAppointed", "MemberRemoved", "MinutesCorrected", "NominationAmended",
    "NominationEliminated", "NominationFiledLate", "NominationRejected", "NominationResubmitted",
    "NominationReturned", "NominationVerified", "NominationWithdrawn", "PlenaryConvened", "PrizeAwarded",
    "RankingAnnounced", "RulebookAmended", "ScorersAssigned", "ScoringExtended", "SeasonFrozen", "SeasonUnfrozen",
    "StageAdvanceWithdrawn", "StageAdvanced", "StageFrozen", "StageUnfrozen", "WinnerDeclared", "WinnerWithdrawn",
)  # fmt: skip
"""The events that people are told of, and a rulebook's notices may name; a test holds notifications' table to them."""


class Notice(Node):
    """Who is told of an event."""

    event: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Za-z]{2,63}$")]
    to: Annotated[tuple[Literal["contact", "nominating-body", "members"], ...], Field(min_length=1)]


# --- the rulebook --------------------------------------------------------------------------------------------------


class Rulebook(BaseModel):
    """A season's rules, whole. Lookups raise LookupError for what the rulebook does not have."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    season: Season
    version: Positive
    title: Text
    sources: dict[Slug, Source]
    calendar: Calendar
    regions: Regions
    kinds: tuple[Kind, ...] | None = None
    """Kinds of candidate beside the built-in ones."""
    categories: Annotated[tuple[Category, ...], Field(min_length=1)]
    bodies: Annotated[tuple[Body, ...], Field(min_length=1)]
    stages: Annotated[tuple[Stage, ...], Field(min_length=1)]
    rubrics: Annotated[tuple[Rubric, ...], Field(min_length=1)]
    measures: tuple[Measure, ...]
    conflicts: Conflicts
    appeals: Appeals
    prizes: tuple[Prize, ...]
    certificates: tuple[Certificate, ...]
    notices: tuple[Notice, ...]

    def kind(self, code: str) -> Kind:
        """Return a kind of candidate of the rulebook's own by its code."""
        return _one(self.kinds or (), code, "kind")

    def category(self, code: str) -> Category:
        """Return a category by its code."""
        return _one(self.categories, code, "category")

    def measure(self, code: str) -> Measure:
        """Return a measure by its code."""
        return _one(self.measures, code, "measure")

    def stage(self, tier: str, category: str, stage: str) -> Stage:
        """Return a stage by its address."""
        for candidate in self.stages_for(category, tier):
            if candidate.code == stage:
                return candidate
        raise LookupError(f"the rulebook {self.season} has no stage {tier}/{category}/{stage}")

    def stages_for(self, category: str, tier: str) -> tuple[Stage, ...]:
        """Return a category's stages at a tier, in order; none where its path has no such tier."""
        found = (stage for stage in self.stages if (stage.category, stage.tier) == (category, tier))
        return tuple(sorted(found, key=lambda stage: stage.order))

    def first_stage(self, category: str, tier: str) -> Stage:
        """Return a category's first stage at a tier."""
        stages = self.stages_for(category, tier)
        if not stages:
            raise LookupError(f"the rulebook {self.season} has no stage of {category} at the {tier} tier")
        return stages[0]

    def entry_stage(self, category: str) -> Stage:
        """Return the stage at which a category's path starts, at whichever tier that is."""
        tier: Tier = "provincial" if self.stages_for(category, "provincial") else "national"
        return self.first_stage(category, tier)

    def next_stage(self, stage: Stage) -> Stage | None:
        """Return the stage that the advanced enter; None at the end of the path."""
        return self.stage(stage.next.tier, stage.category, stage.next.stage) if stage.next else None

    def stages_before(self, stage: Stage) -> tuple[Stage, ...]:
        """Return the stages whose best enter a stage, in the rulebook's order."""
        return tuple(one for one in self.stages if (following := self.next_stage(one)) and following.id == stage.id)

    def body(self, stage: Stage | str) -> Body:
        """Return the body that decides on a stage, or the body of a code."""
        return _one(self.bodies, stage.body if isinstance(stage, Stage) else stage, "body")

    def quota(self, stage: Stage, province: str) -> int:
        """Return how many advance from a stage in a province (`00`: the nation)."""
        own = {entry.province: entry.places for entry in stage.quota.provinces or ()}
        return own.get(province, stage.quota.places)

    def rubric(self, stage: Stage) -> StageRubric:
        """Return the rubric as the stage uses it, with exact shares of the stage's part."""
        rubric = _one(self.rubrics, stage.rubric, "rubric")
        part = [rubric.aspect(code) for code in stage.aspects] if stage.aspects else list(rubric.aspects)
        whole = sum((Fraction(aspect.weight) for aspect in part), Fraction(0))
        return StageRubric(
            code=rubric.code,
            aspects=tuple(_at_stage(aspect, stage, whole) for aspect in part),
            aggregation=rubric.aggregation,
            complete_sheet=rubric.complete_sheet,
            least_sheets=rubric.least_sheets,
            marks_of_removed=rubric.marks_of_removed,
            tie_break=rubric.tie_break,
            rounding=rubric.rounding,
        )

    def prize(self, tier: str, category: str, rank: int) -> Prize | None:
        """Return what a rank brings, or None."""
        for prize in self.prizes:
            if prize.tier == tier and category in prize.categories and prize.rank == rank:
                return prize
        return None

    def certificate(self, code: str) -> Certificate:
        """Return a certificate by its code."""
        return _one(self.certificates, code, "certificate")

    def zone(self, province: str) -> str:
        """Return the IANA zone that counts in a province, or in the nation (`00`)."""
        return self.calendar.zone if province == NATION else zone_of(province, self.regions.table)

    def opens_utc(self, window: Window, province: str) -> datetime:
        """Return the first instant of a window in a province, in UTC."""
        return window.opens.replace(tzinfo=ZoneInfo(self.zone(province))).astimezone(UTC)

    def deadline_utc(self, window: Window, province: str) -> datetime:
        """Return the last instant of a window in a province, in UTC: its last second to the microsecond, included."""
        end = window.closes.replace(tzinfo=ZoneInfo(self.zone(province))).astimezone(UTC)
        return end + timedelta(microseconds=999_999)

    @classmethod
    def from_content(cls, content: Mapping[str, Any]) -> Self:
        """Read the content that an event carries. Raises pydantic's ValidationError."""
        return cls.model_validate(content)


def _at_stage(aspect: Aspect, stage: Stage, whole: Fraction) -> StageAspect:
    carried = aspect.carried
    if stage.carries and aspect.code in stage.carries.aspects:
        carried = CarriedFrom(tier=stage.carries.tier, stage=stage.carries.stage, aspect=aspect.code)
    return StageAspect(
        code=aspect.code,
        title=aspect.title,
        weight=aspect.weight,
        share=Fraction(aspect.weight) / whole,
        scale=aspect.scale,
        origin="carried" if carried else aspect.origin,
        measure=None if carried else aspect.measure,
        carried=carried,
    )


class _Coded(Protocol):
    @property
    def code(self) -> str: ...


_C = TypeVar("_C", bound=_Coded)


def _one(items: Iterable[_C], code: str, what: str) -> _C:
    for item in items:
        if item.code == code:
            return item
    raise LookupError(f"the rulebook has no {what} {code!r}")


# --- content and provenance ----------------------------------------------------------------------------------------


def rulebook_content(rulebook: Rulebook) -> dict[str, Any]:
    """Return the rulebook as JSON values without floats: what events carry and `Rulebook.from_content` reads back."""
    return rulebook.model_dump(mode="json", exclude_none=True)


def rulebook_hash(rulebook: Rulebook) -> str:
    """Return the SHA-256, in lowercase hex, of the content as canonical JSON (sorted keys, UTF-8, no spaces)."""
    return hashlib.sha256(orjson.dumps(rulebook_content(rulebook), option=orjson.OPT_SORT_KEYS)).hexdigest()


def definition_of(measure: Measure) -> str:
    """Return which wording of a measure this is: the SHA-256, in lowercase hex, of its content as canonical JSON.

    Two versions of a rulebook that word a measure alike, sources included, define it alike.
    """
    content = measure.model_dump(mode="json", exclude_none=True)
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


def marks(part: Rulebook | Node, path: str = "") -> Iterator[tuple[str, str | Assumed | None]]:
    """Yield every value's path (`rubrics[0].aspects[1].weight`) with its mark: a source's code, assumed, or none.

    Season and version name the rulebook and need no mark; an empty list at the top states nothing.
    """
    if isinstance(part, Node):
        yield from _node_marks(part, path, None)
        return
    for field in type(part).model_fields:
        if field not in ("season", "version", "sources") and (value := getattr(part, field)) not in (None, ()):
            yield from _marks(value, field, None)


def _node_marks(node: Node, path: str, inherited: str | Assumed | None) -> Iterator[tuple[str, str | Assumed | None]]:
    for field in type(node).model_fields:
        value = getattr(node, field)
        if field not in MARKS and value is not None:
            yield from _marks(value, f"{path}.{field}" if path else field, node.mark_of(field, inherited))


def _marks(value: object, path: str, mark: str | Assumed | None) -> Iterator[tuple[str, str | Assumed | None]]:
    if isinstance(value, Node):
        yield from _node_marks(value, path, mark)
    elif isinstance(value, tuple) and value:
        for index, item in enumerate(value):
            yield from _marks(item, f"{path}[{index}]", mark)
    else:
        yield path, mark


def provenance(rulebook: Rulebook) -> dict[str, Source | Assumed]:
    """Return where every value comes from, by its path. Raises ValueError when one has no mark or an unknown source."""
    found: dict[str, Source | Assumed] = {}
    for path, mark in marks(rulebook):
        match mark:
            case Assumed():
                found[path] = mark
            case str() if mark in rulebook.sources:
                found[path] = rulebook.sources[mark]
            case _:
                raise ValueError(f"{path} has no provenance: add source or assumed")
    return found


def rulebook_json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the rulebook file."""
    schema = Rulebook.model_json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "rulebook.schema.json",
        **schema,
    }
