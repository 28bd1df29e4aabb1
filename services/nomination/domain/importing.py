"""Nominating from a list: every row is a nomination of its own, and all good ones are one decision.

A row is judged by the same rules as a single nomination, and what is wrong is told at the cell that a person has to
change. With all-or-nothing one bad row stops all; with skip-bad the good ones are nominated. A candidate that is
nominated already is no fault: the same list sent twice nominates nobody twice, and says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Final, Literal, NamedTuple, assert_never, cast
from unicodedata import normalize

from pydantic import TypeAdapter, ValidationError

from kernel.decider import Decision, Emit, FieldFault, Refusal, Text
from schemas.envelope import UUID_PATTERN, CleanName, begins_a_formula
from schemas.regions import NATION, AmbiguousName, UnknownRegion, resolve
from schemas.rulebook import Rulebook, SizeClass
from services.nomination.domain.candidate import CandidateAsked
from services.nomination.domain.entering import check_enterable
from services.nomination.domain.nomination import (
    FiledLate,
    Nominate,
    Nomination,
    NominationState,
    Scopes,
    Settled,
    TakenBack,
    Unnominated,
    entered,
    nomination_stream,
    settle_nomination,
)
from services.nomination.domain.persons import PERSONS_AWAY, Register
from services.nomination.domain.ranking import Ranking
from services.nomination.domain.refusals import Refused, decides, refuse
from services.nomination.domain.season import SeasonState, opened
from services.nomination.domain.spreadsheet import COLUMNS, Cell, ErrorValue, Formula, Line, Value

Mode = Literal["all-or-nothing", "skip-bad"]
Status = Literal["nominated", "already", "bad", "skipped"]

KINDS: Final[Mapping[str, str]] = {
    "provinsi": "province", "kabupaten": "regency", "kota": "city", "pemberi kerja": "employer",
    "perusahaan": "employer",
}  # fmt: skip
"""The kinds of candidate as people write them, beside the rulebook's own words."""
SIZES: Final[Mapping[str, str]] = {"besar": "large", "menengah": "medium", "kecil": "small", "mikro": "micro"}
SAMPLES: Final[Mapping[str, bool]] = {
    "ya": True, "yes": True, "true": True, "1": True, "tidak": False, "no": False, "false": False, "0": False,
}  # fmt: skip
BAD_ROWS: Final = "import-has-bad-rows"
_LONGEST_SHOWN: Final = 80
_CODE: Final = re.compile(r"[A-Z0-9][A-Z0-9.-]{0,31}")
_NAME: Final = TypeAdapter[str](CleanName)
_HEADINGS: Final = {column.field: column.id for column in COLUMNS}
_BESIDE_THE_RULES: Final = frozenset({None, _HEADINGS["contact"], _HEADINGS["sample"]})
"""Headings of cells that the season's rules do not look at: a fault there hides none of the others."""

# What is to be written into a cell, by field.
_WANTED: Final[Mapping[str, Text]] = {
    "category": Text("a category of the season, for example KABKOTA", "kategori musim ini, misalnya KABKOTA"),
    "kind": Text("province, regency, city or employer", "provinsi, kabupaten, kota, atau pemberi kerja"),
    "code": Text(
        "the official region code (75.71) or the employer's number (NPP)",
        "kode wilayah resmi (75.71) atau nomor pendaftaran perusahaan (NPP)",
    ),
    "name": Text("the name in visible characters, at most 255", "nama dengan karakter yang tampak, paling banyak 255"),
    "size_class": Text("large, medium, small or micro", "besar, menengah, kecil, atau mikro"),
    "region": Text("the region's code (75.71) or official name", "kode (75.71) atau nama resmi wilayah"),
    "nominating_body": Text(
        "the code (75 or 75.71) or official name of the government that nominates",
        "kode (75 atau 75.71) atau nama resmi pemerintah daerah pengusul",
    ),
    "contact": Text(
        "the contact person's id, a UUID, as it was given when the person was registered",
        "id narahubung berupa UUID, seperti yang diberikan saat orang itu didaftarkan",
    ),
    "sample": Text("ya or tidak", "ya atau tidak"),
    "sector": Text("the code of a sector of the category", "kode sektor pada kategori itu"),
}


# --- commands and reports ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ImportList:
    """Nominate from a list, by a secretariat."""

    season: str
    lines: Sequence[Line]
    mode: Mode
    actor: str
    received: datetime
    scopes: Scopes
    register: Register
    """What identity said of the rows' contacts (`contacts_of`)."""


class CellFault(NamedTuple):
    """What is wrong with a row: at which cell and heading (None: at no single one), the value, why, and the remedy."""

    code: str
    cell: str | None
    heading: str | None
    value: str | None
    why: Text
    remedy: Text


@dataclass(frozen=True, slots=True)
class Judged:
    """A row by itself: the nomination that it asks for, or what is wrong with it.

    `unknown` is what is wrong with its contact; only where it nominates does that matter.
    """

    line: Line
    command: Nominate | None = None
    settled: Settled | None = None
    faults: tuple[CellFault, ...] = ()
    unknown: tuple[CellFault, ...] = ()

    @property
    def number(self) -> int:
        """Return the row's number, as the sheet counts."""
        return self.line.number


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a row. `standing` tells of one that was nominated before whether it still competes."""

    number: int
    status: Status
    settled: Settled | None = None
    standing: str | None = None
    faults: tuple[CellFault, ...] = ()

    @property
    def stream(self) -> str | None:
        """Return the stream that a nominated row is written to; None for any other."""
        return nomination_stream(self.settled.nomination) if self.settled and self.status == "nominated" else None

    def skipped(self) -> Outcome:
        """Return a good row's outcome when nothing is appended for it; that of any other is what it was."""
        return replace(self, status="skipped") if self.status == "nominated" else self


class Imported(NamedTuple):
    """The decision on a list, and what became of every row."""

    decision: Decision
    outcomes: tuple[Outcome, ...]


# --- deciding ------------------------------------------------------------------------------------------------------


def contacts_of(lines: Iterable[Line]) -> frozenset[str]:
    """Return the ids that rows name as contacts, whatever else they say."""
    found: set[str] = set()
    for line in lines:
        cell = line.cells.get("contact")
        try:
            found.add("" if cell is None or cell.blank else _contact(_written(cell.value)))
        except (Refused, _Unfit):
            continue
    return frozenset(found - {""})


@decides
def judge_list(command: ImportList, season: SeasonState) -> tuple[Judged, ...]:
    """Judge every row by itself, and refuse one that names the candidate of an earlier row again."""
    rules = opened(season, command.season).rulebook
    judged: list[Judged] = []
    first: dict[str, int] = {}
    for line in command.lines:
        one = _judge(line, command, season, rules)
        if one.settled is not None and (other := first.setdefault(one.settled.nomination, line.number)) != line.number:
            twice = refuse("candidate-twice", "candidate.code", one.settled.candidate.name, other=other)
            one = Judged(line, faults=tuple(_faults(twice, line)))
        judged.append(one)
    return tuple(judged)


def import_list(
    command: ImportList,
    judged: Sequence[Judged],
    states: Mapping[str, NominationState],
    rankings: Mapping[str, Ranking],
) -> Imported:
    """Nominate every good row that is new, all in one append; refuse all when one is bad and all are wanted.

    Args:
        command: the list.
        judged: its rows.
        states: the nominations that the rows ask for, by id.
        rankings: what is known of scoring in the stages that they would enter, by ranking.
    """
    outcomes = tuple(_outcome(one, states, rankings, command.received) for one in judged)
    bad = sum(outcome.status == "bad" for outcome in outcomes)
    if bad and command.mode == "all-or-nothing":
        refusal = refuse(BAD_ROWS, "body", bad, rows=len(outcomes)).refusal
        return Imported(refusal, tuple(outcome.skipped() for outcome in outcomes))
    if command.register.strangers is None and any(outcome.status == "nominated" for outcome in outcomes):
        return Imported(PERSONS_AWAY, tuple(outcome.skipped() for outcome in outcomes))
    emits = [
        Emit(nomination_stream(one.settled.nomination), entered(one.command, one.settled))
        for one, outcome in zip(judged, outcomes, strict=True)
        if outcome.status == "nominated" and one.command is not None and one.settled is not None
    ]
    return Imported(emits, outcomes)


def _outcome(
    one: Judged, states: Mapping[str, NominationState], rankings: Mapping[str, Ranking], received: datetime
) -> Outcome:
    """Return what becomes of a row; one that asks for what is nominated already is not judged by the stage any more."""
    if one.settled is None:
        return Outcome(one.number, "bad", faults=one.faults)
    match states[one.settled.nomination]:
        case Nomination(ending=ending):
            return Outcome(one.number, "already", one.settled, ending or "competing")
        case FiledLate():
            return Outcome(one.number, "already", one.settled, "filed-late")
        case TakenBack():
            return Outcome(one.number, "already", one.settled, "withdrawn")
        case Unnominated():
            pass
        case _:
            assert_never(states[one.settled.nomination])
    faults = (*_unenterable(one.line, one.settled, rankings, received), *one.unknown)
    if faults:
        return Outcome(one.number, "bad", faults=faults)
    return Outcome(one.number, "nominated", one.settled)


def _unenterable(
    line: Line, settled: Settled, rankings: Mapping[str, Ranking], received: datetime
) -> Iterator[CellFault]:
    """Yield why nobody can enter the first stage of a row's category any more."""
    try:
        check_enterable(settled.entry, rankings[settled.entry.ranking], settled.rules, received, "category")
    except Refused as refused:
        yield from _faults(refused, line)


# --- one row -------------------------------------------------------------------------------------------------------


def _judge(line: Line, command: ImportList, season: SeasonState, rules: Rulebook) -> Judged:
    faults: list[CellFault] = []
    for stray in line.stray:
        shown = _shown(stray.value)
        refused = refuse("cell-without-heading", "", shown).refusal
        (fault,) = refused.faults
        faults.append(CellFault(refused.code, stray.name, None, shown, refused.detail, fault.remedy))
    read = _Reading(line, rules, faults)
    asked = _asked(read, command)
    unknown = _unknown(asked, command, line)
    if not {fault.heading for fault in faults} <= _BESIDE_THE_RULES:
        return Judged(line, faults=(*faults, *unknown))
    settled = settle_nomination(asked, season)
    if isinstance(settled, Refusal):
        faults.extend(_faults(Refused(settled), line))
    if faults or isinstance(settled, Refusal):
        return Judged(line, faults=(*faults, *unknown))
    return Judged(line, asked, settled, unknown=unknown)


def _unknown(asked: Nominate, command: ImportList, line: Line) -> tuple[CellFault, ...]:
    """Return what is wrong with a row's contact: identity does not know that person."""
    if command.register.knows(asked.contact):
        return ()
    return tuple(_faults(refuse("person-unknown", "contact", asked.contact), line))


def _asked(read: _Reading, command: ImportList) -> Nominate:
    """Return the nomination that a row asks for; what is wrong with its cells is kept by the reading."""
    kind = read.needed("kind", _kind) or ""
    code = _employer_number if kind == "employer" else _region_code
    if read.blank("code") and read.blank("name"):
        read.fail(refuse("candidate-unnamed", "candidate.code"))
    candidate = CandidateAsked(
        kind=kind,
        code=read.given("code", code),
        name=read.given("name", _name),
        size_class=cast("SizeClass | None", read.given("size_class", _size)),
        region=read.given("region", _region),
        sector=read.given("sector", _sector),
    )
    return Nominate(
        season=command.season,
        category=read.needed("category", read.category) or "",
        candidate=candidate,
        nominating_body=read.needed("nominating_body", read.body) or "",
        actor=command.actor,
        contact=read.needed("contact", _contact) or "",
        sample=read.given("sample", _sample) == "ya",
        received=command.received,
        scopes=command.scopes,
    )


Reader = Callable[[Value], str]


@dataclass(frozen=True, slots=True)
class _Reading:
    """One row being read: what is wrong with each cell is noted, so that a person is told of all at once."""

    line: Line
    rules: Rulebook
    faults: list[CellFault]

    def blank(self, field: str) -> bool:
        """Tell whether the row says nothing in a field."""
        cell = self.line.cells.get(field)
        return cell is None or cell.blank

    def given(self, field: str, read: Reader) -> str | None:
        """Return what a cell says, None when it is empty or wrong."""
        cell = self.line.cells.get(field)
        if cell is None or cell.blank:
            return None
        try:
            return read(_written(cell.value))
        except Refused as refused:
            self._note(field, cell, refused)
        except _Unfit:
            self._note(field, cell, _unfit("cell-unfit", field, cell.value))
        return None

    def needed(self, field: str, read: Reader) -> str | None:
        """Return what a cell says that must say something."""
        if self.blank(field):
            self._note(field, self.line.cells.get(field), _unfit("cell-empty", field, None))
            return None
        return self.given(field, read)

    def fail(self, refused: Refused) -> None:
        """Note what is wrong with the row."""
        self.faults.extend(_faults(refused, self.line))

    def _note(self, field: str, cell: Cell | None, refused: Refused) -> None:
        refusal = refused.refusal
        (fault,) = refusal.faults
        name = cell.name if cell is not None else None
        self.faults.append(
            CellFault(refusal.code, name, _HEADINGS[field], fault.value, refusal.detail, fault.remedy)
        )  # fmt: skip

    def category(self, value: Value) -> str:
        """Find the category by its code or title; what is none is judged by the season's rules."""
        text = _text(value)
        for category in self.rules.categories:
            if text.casefold() in (
                category.code.casefold(),
                category.title.id.casefold(),
                category.title.en.casefold(),
            ):
                return category.code
        return text

    def body(self, value: Value) -> str:
        """Find the government that nominates, by its code or its name."""
        text = _region(value)
        if text[0].isdigit() or text == NATION:
            return text
        table = self.rules.regions.table
        try:
            return resolve(text, table).code
        except AmbiguousName as ambiguous:
            meanings = "; ".join(f"{found.name} ({found.code})" for found in ambiguous.candidates)
            raise refuse("region-ambiguous", "nominating_body", text, candidates=meanings) from None
        except (UnknownRegion, ValueError):
            raise refuse("region-unknown", "nominating_body", text, table=table) from None


class _Unfit(Exception):
    """A cell does not say what its column is for."""


def _unfit(code: str, field: str, value: Value) -> Refused:
    wanted = _WANTED[field]
    shown = None if value is None else _shown(value)
    return refuse(code, field, shown, wanted_en=wanted.en, wanted_id=wanted.id)


def _faults(refused: Refused, line: Line) -> Iterable[CellFault]:
    """Yield a refusal's faults at the cells that they are about."""
    refusal = refused.refusal
    for fault in refusal.faults:
        cell, heading = _place(fault, line)
        value = None if fault.value is None else _shown(fault.value)
        yield CellFault(refusal.code, cell, heading, value, refusal.detail, fault.remedy)


def _place(fault: FieldFault, line: Line) -> tuple[str | None, str | None]:
    """Return the cell and heading that a fault is about; a candidate without a code is named by its name."""
    field = fault.path.removeprefix("candidate.")
    if field not in _HEADINGS:
        return None, None
    code, name = line.cells.get("code"), line.cells.get("name")
    if field == "code" and (code is None or code.blank) and name is not None and not name.blank:
        field = "name"
    cell = line.cells.get(field)
    return (None if cell is None else cell.name), _HEADINGS[field]


# --- one cell ------------------------------------------------------------------------------------------------------


def _written(value: Value) -> Value:
    """Return a cell's value when it was written and not computed; raise Refused."""
    match value:
        case Formula(text):
            raise refuse("cell-formula", "", _shown(text))
        case ErrorValue(text):
            raise refuse("cell-error", "", _shown(text))
        case str() if begins_a_formula(value):
            raise refuse("cell-formula", "", _shown(value))
        case datetime() | date() | time() | timedelta():
            raise refuse("code-as-date", "", _shown(value))
        case _:
            return value


def _text(value: Value) -> str:
    if not isinstance(value, str):
        raise _Unfit
    return " ".join(value.split())


def _kind(value: Value) -> str:
    word = _text(value).casefold()
    return KINDS.get(word, word)


def _size(value: Value) -> str:
    word = _text(value).casefold()
    return SIZES.get(word, word)


def _sector(value: Value) -> str:
    return _text(value).casefold()


def _name(value: Value) -> str:
    try:
        return _NAME.validate_python(normalize("NFC", _text(value)))
    except ValidationError:
        raise _Unfit from None


def _employer_number(value: Value) -> str:
    """Read an NPP; one that became a number may have lost its leading zeros."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        raise refuse("code-as-number", "code", value)
    text = _text(value)
    if not _CODE.fullmatch(text):
        raise _Unfit
    return text


def _region_code(value: Value) -> str:
    text = _region(value)
    if not _CODE.fullmatch(text):
        raise _Unfit
    return text


def _region(value: Value) -> str:
    """Read a region's code or name. A number is taken only when no other code can have become it."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise _Unfit
    if isinstance(value, (int, float)):
        return _code_of_number(value)
    text = _text(value)
    if text[0].isdigit() and not re.fullmatch(r"[0-9]{2}(\.[0-9]+)*", text):
        raise _Unfit
    return text


def _code_of_number(number: float) -> str:
    """Return the code that a number was: `75` and `75.71` say it whole, `75.7` was 75.70 or 75.07 or another."""
    written = str(int(number)) if float(number).is_integer() and abs(number) < 1000 else repr(number)
    if re.fullmatch(r"[1-9][0-9](\.[0-9][1-9])?", written):
        return written
    raise refuse("code-as-number", "code", written)


def _contact(value: Value) -> str:
    text = _text(value).lower()
    if not re.fullmatch(UUID_PATTERN, text):
        raise _Unfit
    return text


def _sample(value: Value) -> str:
    word = "1" if value is True or value == 1 else "0" if value is False or value == 0 else _text(value).casefold()
    if word not in SAMPLES:
        raise _Unfit
    return "ya" if SAMPLES[word] else "tidak"


def _shown(value: Value) -> str:
    """Return a value as a report shows it, cut where it is long."""
    match value:
        case Formula(text) | ErrorValue(text):
            shown = text
        case datetime() | date():
            shown = value.isoformat()
        case _:
            shown = str(value)
    return shown if len(shown) <= _LONGEST_SHOWN else f"{shown[:_LONGEST_SHOWN]}…"
