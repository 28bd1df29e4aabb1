"""`paritrana scores import`: file one's own score sheets from a table, row by row, as often as it takes.

Every row goes through the same HTTP route as a sheet that is typed in, so every rule holds and every refusal is
recorded. A row's command id follows from what it sends, and what is filed already is not sent: sent twice, a table
files nothing twice, and after a broken connection the same command goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import httpx
import typer

from cli.asking import Scoring, checked, pages, scoring_at, token_of
from cli.output import AsJson, Finding, WrongUse, show
from cli.score_table import Fault, Row, read_table
from cli.stages import assign_scorers, extend_scoring
from schemas.exact import Locale
from schemas.regions import TABLES, AmbiguousName, UnknownRegion, fold_name, resolve

Json = dict[str, Any]
Outcome = Literal["filed", "unchanged", "would-file", "refused", "not-sent"]
_WORDS: Final[Mapping[Outcome, str]] = {
    "filed": "filed",
    "unchanged": "filed before, nothing sent",
    "would-file": "would be filed",
    "refused": "REFUSED",
    "not-sent": "not sent",
}
_KEY_DIGITS: Final = 40


def register(app: typer.Typer) -> None:
    """Add the commands."""
    scores = typer.Typer(
        help="Score sheets: file one's own from a table, draw scorers, extend deadlines.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    scores.callback()(_of_scores)
    scores.command(
        "import",
        help="File your own score sheets from a CSV or XLSX table, one nominee a row.\n\n"
        "Columns: nomination or candidate (code or official name), and one for each aspect by its code; "
        "n/a marks an aspect that does not apply; an empty cell files no mark, and the report names it. "
        "What is filed already is not filed again.\n\n"
        "Example: paritrana scores import nilai.csv --locale id --dry-run",
        no_args_is_help=True,
    )(import_scores)
    scores.command(
        "assign",
        help="Draw who scores whom where the rulebook asks for it, as the secretary of the place.\n\n"
        "Example: paritrana scores assign --season 2025 --category UMK --stage seleksi --province 81 "
        "--login sekretaris-81",
        no_args_is_help=True,
    )(assign_scorers)
    scores.command(
        "extend",
        help="Let sheets of a stage be received until later, as its secretary or the season's administrator.\n\n"
        "Example: paritrana scores extend --season 2020 --category KABKOTA --stage seleksi --province 75 "
        '--until 2021-03-02T16:00:00+08:00 --reason "Banjir" --login sekretaris-75',
        no_args_is_help=True,
    )(extend_scoring)
    app.add_typer(scores, name="scores")


def _of_scores() -> None:
    """File score sheets, draw scorers, extend deadlines."""


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a row: whose sheet it is, how many marks were sent, and every fault with its cell."""

    row: int
    outcome: Outcome
    sheet: Json | None = None
    marks: int = 0
    faults: tuple[Json, ...] = ()
    blank: tuple[Json, ...] = ()
    """The aspects whose cells are empty, and what that means: it is neither 0 nor `n/a`."""


def import_scores(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The table (CSV in UTF-8, or XLSX).")],
    *,
    locale: Annotated[str, typer.Option("--locale", help="How decimals are written: id (87,5) or en (87.5).")] = "id",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only check the table; nothing is filed.")] = False,
    draft: Annotated[bool, typer.Option("--draft", help="File the marks without handing the sheets in.")] = False,
    season: Annotated[str | None, typer.Option("--season", help="Only sheets of this season.")] = None,
    category: Annotated[str | None, typer.Option("--category", help="Only sheets of this category.")] = None,
    login: Annotated[
        str | None, typer.Option("--login", help="A development person; else whoever signed in by `login`.")
    ] = None,
    scoring: Scoring = None,
    as_json: AsJson = False,
) -> None:
    """Read the table, file each row that is not filed yet, and report every row."""
    spoken = _locale(locale)
    rows = read_table(file, spoken)
    with scoring_at(scoring, token_of(login), spoken) as client:
        desk = _desk(client, season, category)
        # A refusal names all that is wrong with a row, also where another cell keeps it from being sent.
        # Of an empty cell it is told only where the aspect is one to mark.
        rules = _rules(client, desk) if dry_run or any(row.faults or row.blank for row in rows) else {}
        filing = Filing(client, desk, spoken, rules, dry_run=dry_run, submit=not draft)
        reports = list(filing.run(rows))
    _tell(file, reports, filing, as_json=as_json)


def _locale(text: str) -> Locale:
    match text:
        case "id" | "en":
            return text
        case _:
            raise WrongUse(f"--locale {text!r} is none: write id for 87,5 or en for 87.5")


# --- one's own sheets ----------------------------------------------------------------------------------------------


def _desk(client: httpx.Client, season: str | None, category: str | None) -> list[Json]:
    """Return the sheets that one may file now."""
    found = pages(client, "/v1/sheets", {"season": season} if season else {})
    return [one for one in found if category in (None, one["ranking"].split("/")[4])]


def _rules(client: httpx.Client, desk: Sequence[Json]) -> dict[str, Json]:
    """Return what every ranking on the desk asks of a sheet, for a check ahead of filing."""
    wanted = {one["ranking"] for one in desk}
    seasons = sorted({one.split("/")[1] for one in wanted})
    headings = (heading for season in seasons for heading in pages(client, "/v1/rankings", {"season": season}))
    return {heading["ranking"]: heading for heading in headings if heading["ranking"] in wanted}


def _meant(row: Row, desk: Sequence[Json]) -> list[Json]:
    """Return the sheets of the desk that a row can mean."""
    if row.nomination is not None:
        return [one for one in desk if one["nomination"] == row.nomination]
    written = row.candidate or ""
    found = [one for one in desk if one["candidate"] == written.upper()]
    found = found or [one for one in desk if fold_name(one["name"]) == fold_name(written)]
    codes = set() if found else set(_region_codes(written))
    return found or [one for one in desk if one["candidate"] in codes]


def _region_codes(written: str) -> Iterator[str]:
    """Yield the codes of the region that a customary name means, such as Kab. Bone Bolango."""
    for table in TABLES:
        try:
            yield resolve(written, table).code
        except (AmbiguousName, UnknownRegion, ValueError):
            continue


# --- filing --------------------------------------------------------------------------------------------------------


class _Broken(Exception):
    """The service does not answer any more: what is left stays for the next time."""


@dataclass(slots=True)
class Filing:
    """Files rows one after another."""

    client: httpx.Client
    desk: Sequence[Json]
    locale: Locale
    rules: Mapping[str, Json]
    """By ranking: its aspects with their scales, and what makes a sheet complete."""
    dry_run: bool
    submit: bool
    broken: str = ""
    seen: dict[tuple[str, str], int] = field(default_factory=dict)

    def run(self, rows: Sequence[Row]) -> Iterator[Report]:
        """Yield what becomes of each row; once the service is lost, the others are not sent."""
        for row in rows:
            if self.broken:
                yield Report(row.number, "not-sent")
                continue
            try:
                yield self._one(row)
            except _Broken as error:
                self.broken = str(error)
                yield Report(row.number, "not-sent")

    def _one(self, row: Row) -> Report:
        meant = _meant(row, self.desk)
        faults = [*row.faults, *([_not_one(row, meant)] if len(meant) != 1 else ())]
        if faults:
            more = self._foreseen(row, meant[0], row.marks) if len(meant) == 1 else ()
            blank = self._blank(row, meant[0], {}) if len(meant) == 1 else ()
            return Report(row.number, "refused", faults=tuple(map(self._said, (*faults, *more))), blank=tuple(blank))
        (sheet,) = meant
        twice = self.seen.setdefault((sheet["ranking"], sheet["nomination"]), row.number)
        if twice != row.number:
            return Report(row.number, "refused", sheet, faults=(self._said(_twice(row, twice)),))
        return self._file(row, sheet)

    def _file(self, row: Row, sheet: Json) -> Report:
        kept = self._kept(sheet)
        return replace(self._report(row, sheet, kept), blank=tuple(self._blank(row, sheet, kept["marks"])))

    def _report(self, row: Row, sheet: Json, kept: Json) -> Report:
        same = {aspect for aspect, mark in row.marks.items() if aspect in kept["marks"] and _is(kept, aspect, mark)}
        left = {aspect: mark for aspect, mark in row.marks.items() if aspect not in same}
        handed_in = kept["status"] == "submitted" or not self.submit
        if not left and handed_in:
            return Report(row.number, "unchanged", sheet)
        if self.dry_run:
            faults = tuple(self._said(fault) for fault in self._ahead(row, sheet, kept, left))
            return Report(row.number, "refused" if faults else "would-file", sheet, 0 if faults else len(left), faults)
        answer = self._send(sheet, kept, left)
        if answer.status_code == httpx.codes.OK:
            return Report(row.number, "filed", sheet, len(left))
        return Report(row.number, "refused", sheet, faults=tuple(self._refused(row, answer)))

    def _kept(self, sheet: Json) -> Json:
        """Return one's sheet as it is filed: its status and its marks."""
        answer = self._asked("GET", _path(sheet))
        if answer.status_code == httpx.codes.NOT_FOUND:
            return {"status": "blank", "marks": {}}
        said = checked(answer)
        live = said["status"] in ("draft", "submitted")
        marks = {one["aspect"]: one.get("mark") for one in said["marks"]} if live else {}
        return {"status": said["status"], "marks": marks}

    def _send(self, sheet: Json, kept: Json, marks: Mapping[str, str | None]) -> httpx.Response:
        body = {"marks": dict(marks), "locale": "en", "submit": self.submit}
        # A sheet that was voided since may be filed with the same marks again: that is another command.
        again = sheet["changed"] if kept["status"] == "voided" else None
        named = json.dumps([_path(sheet), body, again], sort_keys=True)
        key = f"scores-import-{hashlib.sha256(named.encode()).hexdigest()[:_KEY_DIGITS]}"
        return self._asked("POST", _path(sheet), body, {"Idempotency-Key": key})

    def _asked(
        self, method: str, path: str, body: Json | None = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        try:
            answer = self.client.request(method, path, json=body, headers=headers)
        except httpx.HTTPError as error:
            raise _Broken(f"scoring does not answer any more ({type(error).__name__})") from None
        if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR or answer.status_code in (401, 429):
            raise _Broken(f"scoring answered {answer.status_code}")
        return answer

    def _blank(self, row: Row, sheet: Json, filed: Mapping[str, str | None]) -> Iterator[Json]:
        """Yield the aspects that a row leaves blank, with their cells and what becomes of each."""
        judged = _judged(self.rules.get(sheet["ranking"], {}))
        for aspect, cell in row.blank.items():
            if aspect in judged:
                en, indonesian = _KEPT if aspect in filed else _UNMARKED
                yield {"aspect": aspect, "cell": cell, "means": indonesian if self.locale == "id" else en}

    # --- faults

    def _said(self, fault: Fault) -> Json:
        remedy = fault.id if self.locale == "id" else fault.en
        return {"code": fault.code, "cell": fault.cell, "value": fault.value, "remedy": remedy}

    def _refused(self, row: Row, answer: httpx.Response) -> Iterator[Json]:
        """Yield the service's own words, each with the cell that it is about."""
        problem: Json = answer.json()
        code = str(problem.get("type", "")).rpartition("/")[2]
        for error in problem.get("errors") or [{"field": "", "remedy": problem.get("detail", "")}]:
            aspect = str(error["field"]).removeprefix("marks.")
            words = error["remedy"] if aspect in row.cells else f"{problem.get('detail', '')} {error['remedy']}".strip()
            sent = row.marks.get(aspect)
            # What was sent has a point; it is told as the table writes it.
            value = _written(sent, self.locale) if sent and sent == error.get("value") else error.get("value") or ""
            yield {"code": code, "cell": row.cells.get(aspect, str(row.number)), "value": value, "remedy": words}

    def _ahead(self, row: Row, sheet: Json, kept: Json, left: Mapping[str, str | None]) -> Iterator[Fault]:
        """Yield what the service would say of a row that cannot be filed, in its own words, nothing if it can."""
        if kept["status"] == "submitted":
            yield _handed_in(row)
            return
        found = list(self._foreseen(row, sheet, left))
        found += [_filed_before(row, aspect, left[aspect], self.locale) for aspect in left if aspect in kept["marks"]]
        if found:
            codes = {fault.code for fault in found}
            yield from (fault if len(codes) == 1 else replace(fault, code="marks-refused") for fault in found)
        elif self.submit:
            yield from self._incomplete(row, sheet, {**kept["marks"], **left})

    def _incomplete(self, row: Row, sheet: Json, marked: Mapping[str, str | None]) -> Iterator[Fault]:
        """Yield what a sheet lacks to be handed in: one mark at least, and as many aspects as the rubric asks for."""
        rules = self.rules.get(sheet["ranking"], {})
        missing = [one for one in _judged(rules) if one not in marked]
        if all(mark is None for mark in marked.values()):
            yield _empty(row, missing or _judged(rules))
        elif rules.get("complete_sheet") == "every-judged-aspect":
            yield from (_lacking(row, missing) for _ in missing)

    def _foreseen(self, row: Row, sheet: Json, marks: Mapping[str, str | None]) -> Iterator[Fault]:
        """Yield what the service would refuse of the marks themselves."""
        rules = self.rules.get(sheet["ranking"], {})
        known = {one["aspect"]: one for one in rules.get("aspects", ())}
        for aspect, mark in marks.items():
            found = known.get(aspect)
            if found is None:
                yield _no_such(row, aspect, sheet, _judged(rules))
            elif found["origin"] != "judged":
                yield _not_marked(row, aspect, mark, found["origin"], self.locale)
            elif mark is not None and (fault := _off_scale(row, aspect, mark, found, self.locale)):
                yield fault


_KEPT: Final = (
    "Left blank: what was filed before stays.",
    "Dikosongkan: isian yang sudah ada tidak berubah.",
)
_UNMARKED: Final = (
    "Left blank: this row gives no mark for it, which is neither 0 nor `n/a`; write `n/a` if it does not apply.",
    "Dikosongkan: baris ini tidak memberi nilai, yang bukan 0 dan bukan `n/a`; tulis `n/a` bila tidak berlaku.",
)


def _path(sheet: Json) -> str:
    return f"/v1/sheets/{sheet['nomination']}/{sheet['tier']}/{sheet['stage']}"


def _is(kept: Json, aspect: str, mark: str | None) -> bool:
    """Tell whether a mark is the one that is filed: 87.5 and 87.50 are one mark."""
    filed = kept["marks"][aspect]
    return filed is mark is None or (filed is not None and mark is not None and Decimal(filed) == Decimal(mark))


def _written(mark: object, locale: Locale) -> str:
    """Return a number as people write it in a locale, without zeros that say nothing."""
    text = format(Decimal(str(mark)), "f")
    plain = text.rstrip("0").rstrip(".") if "." in text else text
    return plain.replace(".", ",") if locale == "id" else plain


def _judged(rules: Json) -> list[str]:
    """Return the aspects that are marked."""
    return [one["aspect"] for one in rules.get("aspects", ()) if one["origin"] == "judged"]


def _not_one(row: Row, meant: Sequence[Json]) -> Fault:
    written = row.nomination or row.candidate or ""
    if not meant:
        return Fault(
            "not-on-your-desk",
            row.place,
            written,
            "No sheet of yours that is open now is about this; see /v1/sheets for those that are.",
            "Tidak ada lembar Anda yang sedang terbuka untuk baris ini; lihat daftar lembar nilai Anda.",
        )
    listed = ", ".join(f"{one['nomination']} ({one['ranking'].removeprefix('ranking/')})" for one in meant)
    return Fault(
        "several-sheets",
        row.place,
        written,
        f"This means several of your sheets; write the nomination's id, or use --season or --category: {listed}",
        f"Baris ini cocok dengan beberapa lembar; tulis nomor usulan, atau pakai --season atau --category: {listed}",
    )


def _twice(row: Row, first: int) -> Fault:
    return Fault(
        "twice-in-table",
        row.place,
        row.nomination or row.candidate or "",
        f"Row {first} is about the same nominee; keep one of them.",
        f"Baris {first} tentang calon yang sama; sisakan salah satu.",
    )


# What follows is said in the words of scoring's refusals, so that a dry run and the real one agree.


def _no_such(row: Row, aspect: str, sheet: Json, judged: Sequence[str]) -> Fault:
    _, season, _, _, category, stage = sheet["ranking"].split("/")
    marked = ", ".join(judged)
    return Fault(
        "unknown-aspect",
        row.cells[aspect],
        aspect,
        f"{category} has no aspect {aspect} at the stage {stage} in {season}; mark: {marked}.",
        f"{category} tidak memiliki aspek {aspect} pada tahap {stage} tahun {season}; nilailah: {marked}.",
    )


def _not_marked(row: Row, aspect: str, mark: str | None, origin: str, locale: Locale) -> Fault:
    value = "" if mark is None else _written(mark, locale)
    if origin == "measured":
        said = (
            "Leave this aspect out: it is measured from published facts.",
            "Hilangkan aspek ini: nilainya diukur dari data yang diterbitkan.",
        )
    else:
        said = (
            "Leave this aspect out: it is carried from an earlier sealed stage.",
            "Hilangkan aspek ini: nilainya dibawa dari tahap sebelumnya yang sudah disegel.",
        )
    return Fault(f"aspect-{origin}", row.cells[aspect], value, *said)


def _off_scale(row: Row, aspect: str, mark: str, found: Json, locale: Locale) -> Fault | None:
    """Return the fault of a mark beside the scale or between its steps, None for one on it."""
    least, greatest, step = (Decimal(found[name]) for name in ("least", "greatest", "step"))
    low, high, by = (_written(number, "en") for number in (least, greatest, step))
    rendah, tinggi, langkah = (_written(number, "id") for number in (least, greatest, step))
    place, value = row.cells[aspect], _written(mark, locale)
    if not least <= Decimal(mark) <= greatest:
        said = (f"Give a mark from {low} to {high}.", f"Beri nilai dari {rendah} sampai {tinggi}.")
        return Fault("out-of-scale", place, value, *said)
    if (Fraction(mark) - Fraction(least)) % Fraction(step):
        said = (
            f"Give {low} or a mark in steps of {by} above it.",
            f"Beri {rendah} atau kelipatan {langkah} di atasnya.",
        )
        return Fault("off-step", place, value, *said)
    return None


def _filed_before(row: Row, aspect: str, mark: str | None, locale: Locale) -> Fault:
    return Fault(
        "already-filed",
        row.cells[aspect],
        "" if mark is None else _written(mark, locale),
        "This aspect is marked already: revise the mark, with a reason.",
        "Aspek ini sudah dinilai: revisi nilainya, dengan alasan.",
    )


def _handed_in(row: Row) -> Fault:
    return Fault(
        "already-submitted",
        str(row.number),
        "",
        "This sheet is handed in already. Revise single marks with a reason, or void the sheet and begin anew.",
        "Lembar nilai ini sudah diserahkan. Revisi nilai satu per satu dengan alasan, atau batalkan lembar dan mulai "
        "lagi.",
    )


def _empty(row: Row, missing: Sequence[str]) -> Fault:
    lacking = ", ".join(missing)
    return Fault(
        "nothing-to-submit",
        str(row.number),
        "",
        f"The sheet has no marks. Mark at least one of: {lacking}; or leave the sheet unsent, and declare a conflict "
        "if you have one.",
        f"Lembar nilai ini belum berisi nilai. Nilailah paling sedikit satu dari: {lacking}; atau jangan serahkan "
        "lembar ini, dan nyatakan benturan kepentingan bila ada.",
    )


def _lacking(row: Row, missing: Sequence[str]) -> Fault:
    lacking = ", ".join(missing)
    return Fault(
        "sheet-incomplete",
        str(row.number),
        "",
        f"The sheet lacks marks for: {lacking}. Mark this aspect, or state that it does not apply.",
        f"Lembar nilai belum menilai: {lacking}. Nilailah aspek ini, atau nyatakan tidak berlaku.",
    )


# --- telling -------------------------------------------------------------------------------------------------------


def _tell(file: Path, reports: Sequence[Report], filing: Filing, *, as_json: bool) -> None:
    """Print the report; raise Finding when rows were refused, and WrongUse when the service was lost on the way."""
    counts = {outcome: sum(report.outcome == outcome for report in reports) for outcome in _WORDS}
    summary = ", ".join(f"{count} {_WORDS[outcome]}" for outcome, count in counts.items() if count)
    document: Json = {"file": str(file), "dry_run": filing.dry_run, "counts": counts}
    document["rows"] = [_row_document(report) for report in reports]
    show(document, [line for report in reports for line in _lines(report)] + [f"{file}: {summary}"], as_json=as_json)
    if filing.broken:
        raise WrongUse(f"{filing.broken}: {counts['not-sent']} rows were not sent; run the same command again")
    if counts["refused"]:
        raise Finding(f"{counts['refused']} of {len(reports)} rows were refused; correct them and send the file again")


def _row_document(report: Report) -> Json:
    sheet = report.sheet or {}
    said: Json = {"row": report.row, "outcome": report.outcome, "marks": report.marks, "errors": list(report.faults)}
    said["blank"] = list(report.blank)
    for name in ("nomination", "candidate", "name", "tier", "stage"):
        said[name] = sheet.get(name)
    return said


def _lines(report: Report) -> Iterator[str]:
    whom = f" {report.sheet['name']} ({report.sheet['candidate']})" if report.sheet else ""
    marks = f", {report.marks} marks" if report.marks else ""
    yield f"row {report.row}{whom}: {_WORDS[report.outcome]}{marks}"
    for fault in report.faults:
        value = f" {fault['value']!r}" if fault["value"] else ""
        yield f"   {fault['cell']}{value}: {fault['remedy']}"
    for one in report.blank:
        yield f"   {one['cell']} {one['aspect']}: {one['means']}"
