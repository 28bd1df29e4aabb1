"""What the nomination service says: seasons, committees, nominations, plenaries, announcements.

Persons are pseudonyms (their names and addresses are identity's, and erasable); reasons are salted digests of texts
that lie beside the events. Field meanings: instants are UTC, marks and totals exact decimals or fractions as strings.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from schemas.envelope import (
    CategoryCode,
    CleanName,
    Event,
    Exact,
    Hex64,
    Instant,
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
from schemas.scoring import Standing, Unrankable

Vote = Literal["for", "against", "abstain"]
Count = Annotated[int, Field(ge=0)]
Rank = Annotated[int, Field(ge=1)]
RegionCode = Annotated[str, Field(pattern=r"^[0-9]{2}(\.[0-9]{2})?$")]
EmployerNumber = Annotated[str, Field(pattern=r"^[A-Z0-9][A-Z0-9.-]{0,31}$")]
Ballot = Literal["open", "paper"]


class NominationEvent(Event):
    """An event of the nomination service."""

    context: ClassVar[str] = "nomination"


# --- seasons -------------------------------------------------------------------------------------------------------


class SeasonOpened(NominationEvent):
    """A season begins under the rulebook that the same append publishes."""

    signed: ClassVar[bool] = True
    season: SeasonCode
    title: CleanName
    rulebook_version: Version
    rulebook_hash: Hex64


class RulebookPublished(NominationEvent):
    """The season's rules, whole. `content` is `schemas.rulebook.rulebook_content`, `hash` its SHA-256."""

    signed: ClassVar[bool] = True
    season: SeasonCode
    version: Version
    hash: Hex64
    content: dict[str, Any]


class RulebookAmended(NominationEvent):
    """A new version of the season's rules; what was opened, sealed or decided under an older one stays under it."""

    signed: ClassVar[bool] = True
    season: SeasonCode
    version: Version
    hash: Hex64
    content: dict[str, Any]
    reason_digest: Hex64


class DeadlineExtended(NominationEvent):
    """The window for nominations closes later, in one province (`province`) or, without one, everywhere.

    Windows of scoring are extended by `ScoringExtended` on the stage's own stream.
    """

    signed: ClassVar[bool] = True
    season: SeasonCode
    window: Literal["nomination"]
    province: ProvinceCode | None = None
    until: Instant
    reason_digest: Hex64


class SeasonFrozen(NominationEvent):
    """Nothing of the season can be changed until it is unfrozen; it took two administrators (`first`, `second`)."""

    signed: ClassVar[bool] = True
    season: SeasonCode
    first: Uuid
    second: Uuid
    reason_digest: Hex64


class SeasonUnfrozen(NominationEvent):
    """The season goes on; it took two administrators."""

    signed: ClassVar[bool] = True
    season: SeasonCode
    first: Uuid
    second: Uuid
    reason_digest: Hex64


class SeasonClosed(NominationEvent):
    """The season is over for good; it took two administrators."""

    signed: ClassVar[bool] = True
    season: SeasonCode
    first: Uuid
    second: Uuid
    reason_digest: Hex64 | None = None


# --- committees ----------------------------------------------------------------------------------------------------


class CommitteeFormed(NominationEvent):
    """A body of the rulebook is formed for a province (`00`: the nation) by decree, for a term.

    Said again of a formed body, it gives the body another decree and term; who sits in it stays.
    """

    season: SeasonCode
    province: ProvinceCode
    body: Slug
    decree: CleanName
    term_from: date
    term_until: date


class MemberAppointed(NominationEvent):
    """A person takes a seat of an office in a body; `employer` and `government` are whom the person belongs to."""

    season: SeasonCode
    province: ProvinceCode
    body: Slug
    office: Slug
    seat: Annotated[int, Field(ge=1)]
    person: Uuid
    employer: EmployerNumber | None = None
    government: RegionCode | None = None


class MemberRemoved(NominationEvent):
    """A person leaves the seat; sheets filed before stay in the record."""

    season: SeasonCode
    province: ProvinceCode
    body: Slug
    office: Slug
    seat: Annotated[int, Field(ge=1)]
    person: Uuid
    reason_digest: Hex64


class ConflictDeclared(NominationEvent):
    """A member has an interest in a candidate (`nomination`) or a whole category; recusal reaches back."""

    season: SeasonCode
    province: ProvinceCode
    body: Slug
    person: Uuid
    category: CategoryCode
    nomination: Uuid | None = None
    kind: Literal["own-institution", "ownership", "family", "other"]
    reason_digest: Hex64


class ConflictLifted(NominationEvent):
    """A declared conflict no longer holds, on the committee's word; it stays in the record."""

    season: SeasonCode
    province: ProvinceCode
    body: Slug
    person: Uuid
    category: CategoryCode
    nomination: Uuid | None = None
    reason_digest: Hex64


# --- nominations ---------------------------------------------------------------------------------------------------


class Candidate(Part):
    """Who competes, by its official code: a region, an employer (by its NPP), or what else the season's rulebook knows.

    `kind` is `province`, `regency`, `city`, `employer`, or one of the rulebook's `kinds`, such as `village`.
    """

    kind: Slug
    code: Annotated[str, Field(pattern=r"^[A-Z0-9][A-Z0-9.-]{0,31}$")]
    name: CleanName
    size_class: Literal["large", "medium", "small", "micro"] | None = None
    region: Annotated[str, Field(pattern=r"^[0-9]{2}(\.[0-9]{2})?$")] | None = None
    """The province, regency or city where it is at home; absent for a government of the region table."""
    sector: Slug | None = None
    """Its economic sector, one of the category's; absent where the category asks for none."""


class CandidateNominated(NominationEvent):
    """A candidate enters the first stage of its path. `sample` marks what no article or office vouches for."""

    schema_version: ClassVar[int] = 2
    nomination: Uuid
    entry: Stage
    candidate: Candidate
    nominating_body: Annotated[str, Field(pattern=r"^[0-9]{2}(\.[0-9]{2})?$")]
    """Region code of the government that nominates."""
    nominated_by: Uuid
    contact: Uuid
    sample: bool = False


class NominationFiledLate(NominationEvent):
    """A nomination came after its window; it competes only when a plenary admits it (then CandidateNominated)."""

    nomination: Uuid
    entry: Stage
    candidate: Candidate
    nominating_body: RegionCode
    nominated_by: Uuid
    contact: Uuid
    sample: bool = False
    reason_digest: Hex64


class NominationAmended(NominationEvent):
    """The nominating body corrects what it wrote. `candidate` keeps kind and code; both are the whole new values."""

    nomination: Uuid
    candidate: Candidate
    contact: Uuid
    reason_digest: Hex64


class EvidenceAttached(NominationEvent):
    """A document supports a nomination. Its bytes lie beside the events under their SHA-256 (`evidence`)."""

    nomination: Uuid
    evidence: Hex64
    media_type: Literal["application/pdf", "image/png", "image/jpeg"]
    size: Annotated[int, Field(ge=1)]
    kind: Literal["regulation", "policy", "report", "photo", "other"]
    number: CleanName | None = None
    """The document's own number, for example of a regulation."""
    dated: date | None = None
    title_digest: Hex64 | None = None


class FigureDisputed(NominationEvent):
    """The nominating body says that a measured figure is wrong; this goes to its publisher and changes no score."""

    nomination: Uuid
    aspect: Slug
    measure: Slug
    stated: Exact | None = None
    """What the figure should be, as the nominating body has it."""
    reason_digest: Hex64


class NominationVerified(NominationEvent):
    """The body of a stage with verification found the nomination in order."""

    nomination: Uuid
    at: Stage
    verifier: Uuid
    office: Slug


class Defect(Part):
    """One thing to mend: in which part of the nomination, and (beside the events) what."""

    part: Literal["candidate", "contact", "evidence", "figures", "other"]
    text_digest: Hex64


class NominationReturned(NominationEvent):
    """The body of a stage with verification hands a nomination back, to be mended by the last instant `until`."""

    nomination: Uuid
    at: Stage
    verifier: Uuid
    office: Slug
    defects: Annotated[tuple[Defect, ...], Field(min_length=1)]
    until: Instant


class NominationResubmitted(NominationEvent):
    """The nominating body says that the defects are mended."""

    nomination: Uuid
    at: Stage


class NominationRejected(NominationEvent):
    """The body of a stage with verification ends a nomination that cannot be verified."""

    signed: ClassVar[bool] = True
    nomination: Uuid
    at: Stage
    verifier: Uuid
    office: Slug
    reason_digest: Hex64


class InterviewScheduled(NominationEvent):
    """A nominee has an interview slot; a later one replaces it. The stream is the calendar of the body that hears."""

    nomination: Uuid
    at: Stage
    begins: Instant
    ends: Instant
    mode: Literal["in-person", "remote"]


class NominationWithdrawn(NominationEvent):
    """The nominating body takes a nomination back."""

    nomination: Uuid
    at: Stage
    reason_digest: Hex64


class StageAdvanced(NominationEvent):
    """A plenary's decision takes a nomination to the next stage. `reached` may be in another tier."""

    signed: ClassVar[bool] = True
    nomination: Uuid
    left: Stage
    reached: Stage
    rank: Annotated[int, Field(ge=1)]
    plenary: Uuid
    motion: Annotated[int, Field(ge=1)]
    seal: Uuid
    sample: bool = False


class NominationEliminated(NominationEvent):
    """A plenary's decision ends a nomination's way; `rank` is absent when it could not be ranked."""

    signed: ClassVar[bool] = True
    nomination: Uuid
    at: Stage
    rank: Annotated[int, Field(ge=1)] | None = None
    reason: Literal["below-quota", "unrankable"]
    plenary: Uuid
    motion: Annotated[int, Field(ge=1)]
    seal: Uuid
    sample: bool = False


class StageAdvanceWithdrawn(NominationEvent):
    """An upheld appeal returns a nomination that had advanced: it ends at the stage `returned`, below the quota."""

    signed: ClassVar[bool] = True
    nomination: Uuid
    left: Stage
    returned: Stage
    rank: Rank | None = None
    appeal: Uuid
    plenary: Uuid
    motion: Annotated[int, Field(ge=1)]
    seal: Uuid


class NominationReinstated(NominationEvent):
    """An upheld appeal takes back an elimination at the end of a path: the nomination is among the winners."""

    signed: ClassVar[bool] = True
    nomination: Uuid
    at: Stage
    appeal: Uuid
    plenary: Uuid
    motion: Annotated[int, Field(ge=1)]
    seal: Uuid


# --- plenaries -----------------------------------------------------------------------------------------------------


class AgendaItem(Part):
    """One ranking that the meeting is to decide on."""

    category: CategoryCode
    stage: Slug


class PlenaryConvened(NominationEvent):
    """A committee's meeting (sidang pleno) is called."""

    plenary: Uuid
    season: SeasonCode
    tier: Literal["provincial", "national"]
    province: ProvinceCode
    body: Slug
    scheduled: Instant
    agenda: tuple[AgendaItem, ...]


class AttendanceRecorded(NominationEvent):
    """A member came, or left (`present` false); quorum is counted anew for each item.

    Said again of who is present, with another `mode`, it corrects how the member attends.
    """

    plenary: Uuid
    person: Uuid
    office: Slug
    seat: Annotated[int, Field(ge=1)]
    present: bool
    mode: Literal["in-person", "remote"] = "in-person"


class RankingTabled(NominationEvent):
    """A sealed ranking is laid before the meeting, cited by the seal's event and digest."""

    plenary: Uuid
    item: AgendaItem
    ranking: StreamName
    seal: Uuid
    seal_version: Version
    digest: Hex64


class ResealOrdered(NominationEvent):
    """A seal's basis is stale: what it left out was already decided here when the seal arrived."""

    ranking: StreamName
    seal: Uuid
    stale: tuple[StreamPoint, ...]
    missing: tuple[Uuid, ...] = ()
    superfluous: tuple[Uuid, ...] = ()


class MotionOpened(NominationEvent):
    """A question is put: propose `advancing` (in rank order) and let `eliminated` go, on the strength of `seal`."""

    plenary: Uuid
    motion: Annotated[int, Field(ge=1)]
    item: AgendaItem
    kind: Literal["propose"]
    seal: Uuid
    advancing: tuple[Uuid, ...]
    eliminated: tuple[Uuid, ...]
    ballot: Ballot = "open"


class TieMotionOpened(NominationEvent):
    """A question is put: in which order those stand who share `rank` of a seal.

    By vote, `order` is what is proposed. By lot, it is sorted by the SHA-256 of `<seed>/<nomination>` without a vote.
    """

    plenary: Uuid
    motion: Annotated[int, Field(ge=1)]
    item: AgendaItem
    seal: Uuid
    rank: Rank
    order: Annotated[tuple[Uuid, ...], Field(min_length=2)]
    method: Literal["vote", "lot"]
    seed: Hex64 | None = None
    ballot: Ballot = "open"


class AdmissionMotionOpened(NominationEvent):
    """A question is put: admit a nomination that was filed late."""

    plenary: Uuid
    motion: Annotated[int, Field(ge=1)]
    item: AgendaItem
    nomination: Uuid
    ballot: Ballot = "open"


class VerdictFigure(Part):
    """One aspect as a verdict has it: its exact value, or the marks that replace all counted ones of the nominee."""

    aspect: Slug
    value: Ratio | None = None
    marks: tuple[Exact, ...] | None = None


class Verdict(Part):
    """What a motion proposes on an appeal; `figures` only when it is upheld."""

    outcome: Literal["upheld", "dismissed"]
    figures: tuple[VerdictFigure, ...] = ()
    order: tuple[Uuid, ...] | None = None
    """Best first, those who share a rank at the cut once ranked anew: the vote on the verdict breaks that tie too."""


class AppealMotionOpened(NominationEvent):
    """A question is put: decide an appeal so. `seal` is the seal that the contested decision rests on."""

    plenary: Uuid
    motion: Annotated[int, Field(ge=1)]
    item: AgendaItem
    appeal: Uuid
    nomination: Uuid
    seal: Uuid
    verdict: Verdict
    affected: tuple[Uuid, ...] = ()
    """Nominations whose outcome the verdict changes; who is recused on one of them does not vote."""
    ballot: Ballot = "open"


class VoteCast(NominationEvent):
    """One member's open vote on one motion."""

    signed: ClassVar[bool] = True
    plenary: Uuid
    motion: Annotated[int, Field(ge=1)]
    person: Uuid
    office: Slug
    vote: Vote


class Tally(Part):
    """Votes counted."""

    votes_for: Count
    votes_against: Count
    abstained: Count


class Quorum(Part):
    """Seats of the body (vacant and recused ones included), members present and free to vote, and how many it takes."""

    seats: Count
    present: Count
    required: Count
    recused: tuple[Uuid, ...] = ()


class BallotTallied(NominationEvent):
    """The secretary states the count of a secret vote on paper; it stands when two members have confirmed it."""

    signed: ClassVar[bool] = True
    plenary: Uuid
    motion: Annotated[int, Field(ge=1)]
    tally: Tally
    invalid: Count = 0


class BallotConfirmed(NominationEvent):
    """A member who was there confirms the count of a secret vote on paper."""

    signed: ClassVar[bool] = True
    plenary: Uuid
    motion: Annotated[int, Field(ge=1)]
    person: Uuid
    office: Slug


class PlenaryDecided(NominationEvent):
    """A motion on a seal is closed. `results` lists every event of the append, so readers act when they have all."""

    signed: ClassVar[bool] = True
    plenary: Uuid
    motion: Annotated[int, Field(ge=1)]
    item: AgendaItem
    outcome: Literal["carried", "lost"]
    tally: Tally
    quorum: Quorum
    seal: Uuid
    digest: Hex64
    rulebook_version: Version
    results: tuple[StreamPoint, ...]


class AdmissionDecided(NominationEvent):
    """A motion on a late nomination is closed; carried, CandidateNominated is among the `results`."""

    signed: ClassVar[bool] = True
    plenary: Uuid
    motion: Annotated[int, Field(ge=1)]
    item: AgendaItem
    nomination: Uuid
    outcome: Literal["carried", "lost"]
    tally: Tally
    quorum: Quorum
    rulebook_version: Version
    results: tuple[StreamPoint, ...]


class MinutesCorrected(NominationEvent):
    """A corrigendum to the minutes (berita acara); its text lies beside the events."""

    plenary: Uuid
    number: Annotated[int, Field(ge=1)]
    text_digest: Hex64


class PlenaryAdjourned(NominationEvent):
    """The meeting ends; nothing more can be tabled, moved or voted in it."""

    plenary: Uuid


# --- announcements and winners -------------------------------------------------------------------------------------


class Announced(Part):
    """One line of an announcement."""

    nomination: Uuid
    candidate: CleanName
    rank: Annotated[int, Field(ge=1)] | None = None
    outcome: Literal["advanced", "eliminated", "winner"]
    sample: bool = False


class RankingAnnounced(NominationEvent):
    """The decided ranking of a category's stage is made public; the appeal window opens."""

    at: Stage
    plenary: Uuid
    motion: Annotated[int, Field(ge=1)]
    seal: Uuid
    digest: Hex64
    lines: tuple[Announced, ...]
    appeals_until: Instant | None = None
    """The last instant of the appeal window; until then the result is provisional (Sementara)."""


class WinnerDeclared(NominationEvent):
    """A rank of the award is taken, by the decision on the last stage of the path."""

    signed: ClassVar[bool] = True
    nomination: Uuid
    at: Stage
    rank: Annotated[int, Field(ge=1)]
    plenary: Uuid
    motion: Annotated[int, Field(ge=1)]
    seal: Uuid
    sample: bool = False


class WinnerWithdrawn(NominationEvent):
    """An upheld appeal takes a declared rank back."""

    signed: ClassVar[bool] = True
    nomination: Uuid
    at: Stage
    rank: Rank
    appeal: Uuid
    plenary: Uuid
    motion: Annotated[int, Field(ge=1)]


class RankLeftVacant(NominationEvent):
    """A rank within the quota has no winner: its nominee withdrew after the seal, or fewer could be ranked."""

    signed: ClassVar[bool] = True
    at: Stage
    rank: Rank
    plenary: Uuid
    motion: Annotated[int, Field(ge=1)]


class PrizeText(Part):
    """A prize in the award's two languages, as the rulebook has it."""

    id: CleanName
    en: CleanName


class PrizeAwarded(NominationEvent):
    """A winner's rank brings a prize."""

    signed: ClassVar[bool] = True
    nomination: Uuid
    at: Stage
    rank: Rank
    prize: PrizeText
    plenary: Uuid
    motion: Annotated[int, Field(ge=1)]


class CertificateIssued(NominationEvent):
    """A certificate (piagam) is made out to a winner or a finalist. `number` is printed on it and unique."""

    signed: ClassVar[bool] = True
    certificate: Uuid
    number: CleanName
    kind: Slug
    """The certificate's code in the rulebook."""
    given_to: Literal["winner", "finalist"]
    nomination: Uuid
    candidate: CleanName
    at: Stage
    rank: Rank | None = None
    dated: date
    rulebook_version: Version
    sample: bool = False


class CertificateRevoked(NominationEvent):
    """A certificate no longer holds: an appeal changed what it says."""

    signed: ClassVar[bool] = True
    certificate: Uuid
    number: CleanName
    nomination: Uuid
    appeal: Uuid


# --- appeals -------------------------------------------------------------------------------------------------------


class AppealLodged(NominationEvent):
    """A nominee's contact or nominating body contests an announced decision (`plenary`, `motion`) within its window."""

    appeal: Uuid
    nomination: Uuid
    at: Stage
    plenary: Uuid
    motion: Annotated[int, Field(ge=1)]
    by: Uuid
    capacity: Literal["contact", "nominating-body"]
    aspect: Slug | None = None
    """The contested aspect, if it is one."""
    reason_digest: Hex64


class StageFrozen(NominationEvent):
    """An appeal against a decision on `at` holds these later stages of its category until it is decided."""

    at: Stage
    stages: Annotated[tuple[Stage, ...], Field(min_length=1)]
    appeal: Uuid


class StageUnfrozen(NominationEvent):
    """The appeal is decided and no longer holds these stages; others may."""

    at: Stage
    stages: Annotated[tuple[Stage, ...], Field(min_length=1)]
    appeal: Uuid


class Shift(Part):
    """One nominee before and after a verdict. Ranks are absent where it could not be ranked."""

    nomination: Uuid
    rank_before: Rank | None = None
    rank_after: Rank | None = None
    total_before: Ratio | None = None
    total_after: Ratio | None = None
    change: Literal["none", "enters", "leaves", "moves"]


class AppealDecided(NominationEvent):
    """A plenary decided an appeal. Upheld, `standings` and `unrankable` are the sealed inputs ranked anew.

    `before` is the digest of the standings that were contested, `after` that of the new ones.
    """

    signed: ClassVar[bool] = True
    appeal: Uuid
    nomination: Uuid
    at: Stage
    plenary: Uuid
    motion: Annotated[int, Field(ge=1)]
    seal: Uuid
    verdict: Verdict
    before: Hex64
    after: Hex64 | None = None
    standings: tuple[Standing, ...] | None = None
    unrankable: tuple[Unrankable, ...] | None = None
    comparison: tuple[Shift, ...] | None = None


class DecisionContested(NominationEvent):
    """An announced decision has an open appeal against it, by this nominee; `number` counts the appeals of this award.

    It stands on the stream of the contested decision's award, so that a nominee has one open appeal against a decision.
    """

    at: Stage
    plenary: Uuid
    motion: Annotated[int, Field(ge=1)]
    nomination: Uuid
    appeal: Uuid
    number: Annotated[int, Field(ge=1)]


class Place(Part):
    """A nominee within the quota, with the rank that it holds once ties are broken."""

    nomination: Uuid
    rank: Rank


class DecisionReviewed(NominationEvent):
    """An appeal against a decision is decided. Upheld, the standings of AppealDecided stand in place of the seal's.

    `digest` is that of the standings that count from now on; a later verdict on the same seal starts from them.
    """

    signed: ClassVar[bool] = True
    at: Stage
    appeal: Uuid
    seal: Uuid
    outcome: Literal["upheld", "dismissed"]
    digest: Hex64
    places: tuple[Place, ...] | None = None
    """Upheld: who has advanced or won from now on, best first, also those who only change their rank by it."""
