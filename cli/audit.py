"""`paritrana audit`: export what the audit store holds, and verify such a folder with nothing else at hand."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from cli import audit_compare, audit_explain, audit_lists, audit_live, audit_proof, audit_replay
from cli.addresses import address_of
from cli.asking import token_of
from cli.audit_folder import folder_of
from cli.output import AsJson, Finding, WrongUse, show, show_progress
from cli.service import Login
from cli.wanted import province_code, season_code
from kernel.tlog.encodings import Malformed
from kernel.tlog.notes import SignedNote, VerifierKey
from schemas.topics import SERVICES
from services.audit.client import AuditClient, LedgerClient
from services.audit.excerpts import Excerpt
from services.audit.export import NotExported, Result, export
from services.audit.persons import NotNamed, asked_names, lines_of_names, persons_in
from services.audit.report import Given
from services.audit.report_page import report_page
from services.audit.report_text import report_lines
from services.audit.target import target_of
from services.audit.verify import verify

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="For auditors: export, and verify offline.")

for _beside in (audit_replay, audit_explain, audit_compare, audit_proof, audit_lists, audit_live):
    _beside.add_to(app)

_SHOWN: Final = 50
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class ReportLanguage(StrEnum):
    """The language of a report for people."""

    INDONESIAN = "id"
    ENGLISH = "en"


_POINT: Final = re.compile(r"(?P<stream>[a-z]+(?:/[A-Za-z0-9._-]+)+)@(?P<version>[1-9][0-9]{0,8})")


def register(program: typer.Typer) -> None:
    """Add the commands, those of the modules beside this one too."""
    program.add_typer(app, name="audit")


@app.command("export")
def export_command(
    folder: Annotated[
        Path, typer.Argument(help="An empty folder, or one that is made; or a file that ends with .tar.zst.")
    ],
    *,
    season: Annotated[str | None, typer.Option(help="Only this season's part of the log, for example 2021.")] = None,
    province: Annotated[
        str | None, typer.Option(help="Of the season only this province, two digits; 00 for the nation.")
    ] = None,
    nomination: Annotated[str | None, typer.Option(help="Of the season only what concerns this nomination.")] = None,
    token: Annotated[
        str | None,
        typer.Option(help="An auditor's token; else PARITRANA_TOKEN, else that of `paritrana login`."),
    ] = None,
    login: Login = None,
    url: Annotated[
        str | None,
        typer.Option(help="Where the audit service answers; else PARITRANA_AUDIT_URL, else as the stack says."),
    ] = None,
    at_least: Annotated[
        list[str] | None, typer.Option(help="Wait until the store has this event, as STREAM@VERSION; repeatable.")
    ] = None,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for events that are still on their way.")] = 30.0,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier export.")] = False,
    without_facts: Annotated[
        bool,
        typer.Option("--without-facts", help="Leave out other systems' facts; measured figures go unchecked."),
    ] = False,
    names: Annotated[
        Path | None,
        typer.Option(
            "--names", metavar="FILE", help="Ask identity for names too, and write them apart; each is kept as an act."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write every event of the audit store, or a part of them, into FOLDER, and print the digest of its manifest.

    Keep the digest apart from the folder: `audit verify --digest` then shows that nothing was made anew.

    The export has offices and pseudonyms. --names is for an auditor of every season; identity keeps who was told whose.

    Example: paritrana audit export ./export-2021 --login auditor

    Example: paritrana audit export ./gorontalo.tar.zst --season 2021 --province 75 --login auditor

    Example: paritrana audit export ./export-2021 --login auditor --names ./names-2021.jsonl
    """
    excerpt = _excerpt(season, province, nomination)
    points = [_point(text) for text in at_least or ()]
    if token is not None and login is not None:
        raise WrongUse("--token and --login both say who asks: leave one out")
    bearer = token_of(login) if token is None else token

    def say(line: str) -> None:
        show_progress(line, as_json=as_json)

    _check_apart("--names", names, folder)
    try:
        with ExitStack() as opened:
            target = opened.enter_context(target_of(folder, replace=force, say=say))
            client = opened.enter_context(closing(AuditClient(address_of("audit", url), bearer, patience=wait)))

            def ledger() -> LedgerClient:
                return opened.enter_context(closing(LedgerClient(address_of("scoring"), bearer, patience=wait)))

            wanted = ledger if excerpt is None and not without_facts else None
            _wait_for(client, points, time.monotonic() + wait)
            result = export(client, target, say, wait=wait, excerpt=excerpt, ledger=wanted)
            if names is not None:
                named = _write_names(names, target, bearer)
                say(f"{named} persons are named in {names}: keep it apart from the export")
    except (NotExported, NotNamed, OSError) as error:
        raise WrongUse(str(error)) from None
    show(_exported_json(result, folder), _exported_lines(result, folder), as_json=as_json)
    if result.open_ends:
        raise Finding(
            f"{len(result.open_ends)} cited events did not arrive in the store; the first: {result.open_ends[0]}"
        )


def _excerpt(season: str | None, province: str | None, nomination: str | None) -> Excerpt | None:
    """Return which part is asked for, None for everything. Raises WrongUse."""
    if season is None and (province or nomination):
        raise WrongUse("--province and --nomination are parts of a season: say which with --season")
    if province is not None and nomination is not None:
        raise WrongUse("--province and --nomination are two parts: leave one out")
    if season is None:
        return None
    if nomination is not None and not _UUID.fullmatch(nomination):
        raise WrongUse(f"--nomination {nomination!r} is no id of a nomination: paritrana audit replay lists them")
    return Excerpt(season_code(season), province_code(province), nomination)


def _point(text: str) -> tuple[str, int]:
    match = _POINT.fullmatch(text)
    if match is None:
        raise WrongUse(f"--at-least {text!r} is wrong: write STREAM@VERSION, for example season/2021@2")
    return match["stream"], int(match["version"])


def _wait_for(client: AuditClient, points: Iterable[tuple[str, int]], deadline: float) -> None:
    for stream, version in points:
        while not client.holds(stream, version):
            if time.monotonic() >= deadline:
                raise NotExported(f"the store has not received {stream}@{version} in time: try again, or --wait longer")
            time.sleep(0.2)


def _exported_json(result: Result, folder: Path) -> dict[str, object]:
    return {
        "folder": str(folder),
        "digest": result.digest,
        "events": result.events,
        "streams": result.streams,
        "position": result.position,
        "withheld": result.withheld,
        "open_ends": list(result.open_ends),
    }


def _exported_lines(result: Result, folder: Path) -> Iterator[str]:
    yield f"{result.events} events in {result.streams} streams, up to position {result.position}"
    if result.withheld:
        yield f"{result.withheld} entries of the log are withheld: this is a part, and says so"
    yield from (f"not in the store: {line}" for line in result.open_ends[:_SHOWN])
    yield f"digest {result.digest}"
    yield f"next: paritrana audit verify {folder} --digest {result.digest}"


@app.command("verify")
def verify_command(
    folder: Annotated[Path, typer.Argument(help="The folder or .tar.zst of an export.")],
    digest: Annotated[str | None, typer.Option(help="The digest that the export printed, 64 hex digits.")] = None,
    vkey: Annotated[
        list[str] | None,
        typer.Option(help="A verifier key of the log or of a witness that you have from elsewhere; repeatable."),
    ] = None,
    checkpoint: Annotated[
        list[Path] | None, typer.Option(help="A checkpoint that you kept, which the log must continue; repeatable.")
    ] = None,
    service_key: Annotated[
        list[str] | None,
        typer.Option(help="A key of a service whose id you have from elsewhere, as SERVICE:ID; repeatable."),
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write the report as a page too, to print and sign.")
    ] = None,
    language: Annotated[
        ReportLanguage, typer.Option("--lang", help="Of the lines and of the page; JSON is English.")
    ] = ReportLanguage.ENGLISH,
    as_json: AsJson = False,
) -> None:
    """Verify an exported folder offline: with no database, no broker and no network.

    Example: paritrana audit verify ./export-2021 --digest 4f1c…

    Example: paritrana audit verify ./export-2021 --html laporan.html --lang id
    """
    if digest is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", digest):
        raise WrongUse("--digest must be the 64 hex digits that `paritrana audit export` printed")
    keys = [_verifier_key(text) for text in vkey or ()]
    earlier = [_kept_checkpoint(path) for path in checkpoint or ()]
    pins = _service_keys(service_key or ())
    try:
        _check_apart("--html", html, folder)
        with folder_of(folder) as opened:
            report = verify(opened, digest and digest.lower(), keys=keys, earlier=earlier, service_keys=pins)
    except OSError as error:
        raise WrongUse(f"the folder cannot be verified: {error}; make room for temporary files and try again") from None
    report.given = Given(digest, tuple(vkey or ()), tuple(_in_one_line(note) for note in earlier))
    if html is not None:
        _write_page(html, report_page(report, language.value))
    show(report.as_json(), report_lines(report, language.value), as_json=as_json)
    if not report.good:
        number = "1 finding" if report.found == 1 else f"{report.found} findings"
        raise Finding(f"{number}: the export is not what was recorded, or it is damaged")


def _check_apart(option: str, file: Path | None, folder: Path) -> None:
    """Refuse a file that is there already, or that would lie in the folder: the next look would find it there."""
    if file is None:
        return
    if file.resolve().is_relative_to(folder.resolve()):
        raise WrongUse(f"{option} {file} lies in the folder of the export: give a file elsewhere")
    if file.exists():
        raise WrongUse(f"{option} {file} is there already: give another name, or remove it")


def _write_names(file: Path, folder: Path, token: str) -> int:
    """Ask for the names of everybody in an export, and write them for the owner alone; return how many there are."""
    named = list(asked_names(address_of("identity"), token, persons_in(folder)))
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
        target.writelines(lines_of_names(named))
    return len(named)


def _write_page(file: Path, page: str) -> None:
    try:
        with file.open("x", encoding="utf-8") as target:
            target.write(page)
    except OSError as error:
        raise WrongUse(f"--html {file} cannot be written: {error.strerror}") from None


def _in_one_line(note: SignedNote) -> str:
    return " ".join(note.text.split("\n")[:3])


def _verifier_key(text: str) -> VerifierKey:
    try:
        return VerifierKey.parse(text)
    except Malformed as error:
        raise WrongUse(f"--vkey is no verifier key: {error}") from None


def _service_keys(texts: Iterable[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for text in texts:
        service, _, key_id = text.partition(":")
        if service not in SERVICES or not re.fullmatch(r"[0-9a-f]{16}", key_id):
            raise WrongUse(
                f"--service-key {text!r} is wrong: write SERVICE:ID, a service of {', '.join(SERVICES)} and the 16 hex "
                "digits of a key's id"
            )
        found.setdefault(service, set()).add(key_id)
    return found


def _kept_checkpoint(path: Path) -> SignedNote:
    try:
        return SignedNote.parse(path.read_bytes())
    except (OSError, Malformed) as error:
        raise WrongUse(f"--checkpoint {path} is no checkpoint: {error}") from None
