"""A season's script: who nominates whom, what each member writes, and what must come out of it.

The scripts are the YAML files beside this module, one a season, with their sources. Nothing in them is computed:
standings are written down beforehand, so that a play either agrees with them or fails.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Annotated, Final, Literal
from uuid import UUID

import yaml
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from schemas.envelope import Stage
from schemas.regions import NATION
from services.identity.development import person_id

SEASONS: Final = ("2020", "2021", "2022")
JURY: Final = "dewan-juri"
_HERE: Final = Path(__file__).parent
_NO_SHEET: Final = "-"

Code = str
"""A candidate's code: a region's, or an employer's number."""
Outcome = Literal["advanced", "eliminated", "winner"]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Fact(_Strict):
    """What an article says, by the code that the rulebook cites it under."""

    source: str
    says: str


class Dates(_Strict):
    """When what is done at the provinces, on the test clock."""

    opens: AwareDatetime
    nominates: AwareDatetime
    scores: AwareDatetime
    decides: AwareDatetime


class NationalDates(_Strict):
    """When what is done at the centre."""

    verifies: AwareDatetime
    mends: AwareDatetime
    scores: AwareDatetime
    decides: AwareDatetime
    invites: AwareDatetime
    hears: AwareDatetime
    """The first slot begins; the others follow on the same day and the next ones."""
    judges: AwareDatetime
    chooses: AwareDatetime
    appeals: AwareDatetime
    reviews: AwareDatetime


class Nominee(_Strict):
    """One candidate to nominate. `given`: an article names it; all others are samples."""

    category: str
    kind: Literal["province", "regency", "city", "employer"]
    code: Code
    name: str
    size_class: str | None = None
    region: str | None = None
    given: bool = False
    contact_reads: Literal["id", "en"] = "id"
    sent_twice: bool = False
    """The secretariat sends this nomination twice, with the same Idempotency-Key."""

    @property
    def candidate(self) -> dict[str, str]:
        """Return the candidate as a nomination's body has it."""
        named = {"kind": self.kind, "code": self.code, "name": self.name}
        return (
            named
            if self.kind != "employer"
            else {**named, "size_class": self.size_class or "", "region": self.region or ""}
        )


class Tie(_Strict):
    """What must have parted this nominee from others of the same total."""

    rule: str
    aspect: str | None = None
    figure: str


class Standing(_Strict):
    """One line that must come out; `given` says that an article states the rank."""

    candidate: Code
    rank: int
    total: str
    shown: str
    outcome: Outcome
    tie: Tie | None = None
    given: Literal["rank"] | None = None


class Unranked(_Strict):
    """A nominee that must come out without a rank."""

    candidate: Code
    reason: str
    sheets: int


class Round(_Strict):
    """One stage of one category at a place: the marks by candidate, aspect and seat, and what comes of them."""

    category: str
    stage: str
    marks: dict[Code, dict[str, str]]
    standings: tuple[Standing, ...]
    unrankable: tuple[Unranked, ...] = ()
    recused_sheets: int = 0
    """How many filed sheets must be left out because their members are recused."""

    def sheets(self, candidate: Code) -> Iterator[tuple[int, dict[str, str]]]:
        """Yield the seats that file a sheet for a candidate, counted from 0, with their marks by aspect."""
        columns = {aspect: text.split() for aspect, text in self.marks[candidate].items()}
        for seat in range(len(next(iter(columns.values())))):
            marks = {aspect: column[seat] for aspect, column in columns.items() if column[seat] != _NO_SHEET}
            if marks:
                yield seat, marks

    def at(self, season: str, place: Place) -> Stage:
        """Return the stage's address in a season."""
        return Stage(season=season, tier=place.tier, province=place.province, category=self.category, stage=self.stage)

    def outcome(self, candidate: Code) -> Outcome:
        """Return how the stage ends for a candidate."""
        return next((line.outcome for line in self.standings if line.candidate == candidate), "eliminated")


class RefusedMark(_Strict):
    """A mark off its scale, which a member sends first and which is refused."""

    category: str
    candidate: Code
    office: str
    aspect: str
    mark: str


class Interest(_Strict):
    """An interest that a member declares after having filed a sheet: the sheet stays in the record, uncounted."""

    category: str
    candidate: Code
    office: str
    kind: str


class Term(_Strict):
    """The first and the last day in office."""

    first: Annotated[date, Field(alias="from")]
    last: Annotated[date, Field(alias="until")]


class Seat(_Strict):
    """Who sits where."""

    office: str
    number: int
    login: str

    @property
    def person(self) -> UUID:
        """Return the development person's id."""
        return person_id(self.login)


class Place(_Strict):
    """A body of a province, or of the nation (`00`): who sits there, its nominees, its rounds."""

    province: str
    body: str
    decree: str
    term: Term
    seats_of: Annotated[tuple[str, ...], Field(alias="seats")]
    nominations: tuple[Nominee, ...]
    refused_mark: RefusedMark | None = None
    conflict: Interest | None = None
    stages: tuple[Round, ...]

    @property
    def tier(self) -> Literal["provincial", "national"]:
        """Return the tier that the place belongs to."""
        return "national" if self.province == NATION else "provincial"

    @property
    def seats(self) -> tuple[Seat, ...]:
        """Return the seats in the order of the marks' columns; an office with several seats is counted through."""
        offices = self.seats_of
        return tuple(
            Seat(office=office, number=offices[: index + 1].count(office), login=self._login(index))
            for index, office in enumerate(offices)
        )

    def seat(self, office: str) -> Seat:
        """Return the first seat of an office. Raises StopIteration."""
        return next(seat for seat in self.seats if seat.office == office)

    @property
    def secretary(self) -> str:
        """Return the login of who keeps the record."""
        return "sekretaris-nasional" if self.province == NATION else f"sekretaris-{self.province}"

    @property
    def secretariat(self) -> str:
        """Return the login of who nominates."""
        return f"sekretariat-{self.province}"

    def _login(self, index: int) -> str:
        if self.province != NATION:
            return f"panitia-{self.province}-{index + 1}"
        if self.body == JURY:
            return f"juri-{index + 1}"
        return "ketua-nasional" if index == 0 else f"verifikator-{index}"


class Document(_Strict):
    """A document that the nominating body attaches when it mends a nomination."""

    kind: Literal["regulation", "report", "photo", "letter", "other"]
    number: str
    title: str


class Handed(_Strict):
    """A nomination that verification hands back, and the document that mends it."""

    candidate: Code
    part: Literal["candidate", "contact", "evidence", "figures", "other"]
    defect: str
    document: Document


class Rejected(_Strict):
    """A nomination that verification ends."""

    candidate: Code
    reason: str


class Contested(_Strict):
    """An appeal that is upheld: the marks that count instead, and what must come out of the re-ranking."""

    category: str
    stage: str
    candidate: Code
    aspect: str
    grounds: str
    marks: tuple[str, ...]
    standings: tuple[Standing, ...]
    revoked: int
    """How many certificates say something else then, and are issued anew."""


class Nation(_Strict):
    """The national tier: who verifies, who hears, who appeals, and how many certificates it ends with."""

    clock: NationalDates
    verifiers: Place
    handed_back: Handed
    rejected: Rejected
    jury: Place
    appeal: Contested
    certificates: int
    """How many are in force at the end."""


class Script(_Strict):
    """One season."""

    season: str
    rulebook: str
    facts: tuple[Fact, ...]
    clock: Dates
    provinces: tuple[Place, ...]
    nation: Nation | None = None

    @property
    def places(self) -> tuple[Place, ...]:
        """Return all places, the nation's bodies last."""
        nation = () if self.nation is None else (self.nation.verifiers, self.nation.jury)
        return (*self.provinces, *nation)

    @property
    def nominees(self) -> tuple[Nominee, ...]:
        """Return everybody who is nominated."""
        return tuple(one for place in self.places for one in place.nominations)


def read_script(season: str) -> Script:
    """Return a season's script. Raises ValidationError for a file that is none."""
    return Script.model_validate(yaml.safe_load((_HERE / f"{season}.yaml").read_text(encoding="utf-8")))
