"""`paritrana audit`: export what the audit store holds, and verify such a folder with nothing else at hand."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Annotated, Final

import typer

from cli import audit_compare, audit_explain, audit_replay
from cli.addresses import address_of
from cli.asking import token_of
from cli.audit_folder import folder_of
from cli.output import AsJson, Finding, WrongUse, show, show_progress
from cli.service import Login
from cli.wanted import province_code, season_code
from kernel.tlog.encodings import Malformed
from kernel.tlog.notes import SignedNote, VerifierKey
from services.audit.client import AuditClient
from services.audit.excerpts import Excerpt
from services.audit.export import NotExported, Result, export
from services.audit.target import target_of
from services.audit.verify import Report, verify

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="For auditors: export, and verify offline.")

for _beside in (audit_replay, audit_explain, audit_compare):
    _beside.add_to(app)

_SHOWN: Final = 50
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
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
    as_json: AsJson = False,
) -> None:
    """Write every event of the audit store, or a part of them, into FOLDER, and print the digest of its manifest.

    Keep the digest apart from the folder: `audit verify --digest` then shows that nothing was made anew.

    Example: paritrana audit export ./export-2021 --login auditor

    Example: paritrana audit export ./gorontalo.tar.zst --season 2021 --province 75 --login auditor
    """
    excerpt = _excerpt(season, province, nomination)
    points = [_point(text) for text in at_least or ()]
    if token is not None and login is not None:
        raise WrongUse("--token and --login both say who asks: leave one out")
    bearer = token_of(login) if token is None else token

    def say(line: str) -> None:
        show_progress(line, as_json=as_json)

    try:
        with (
            target_of(folder, replace=force, say=say) as target,
            closing(AuditClient(address_of("audit", url), bearer, patience=wait)) as client,
        ):
            _wait_for(client, points, time.monotonic() + wait)
            result = export(client, target, say, wait=wait, excerpt=excerpt)
    except (NotExported, OSError) as error:
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
    as_json: AsJson = False,
) -> None:
    """Verify an exported folder offline: with no database, no broker and no network.

    Example: paritrana audit verify ./export-2021 --digest 4f1c…
    """
    if digest is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", digest):
        raise WrongUse("--digest must be the 64 hex digits that `paritrana audit export` printed")
    keys = [_verifier_key(text) for text in vkey or ()]
    earlier = [_kept_checkpoint(path) for path in checkpoint or ()]
    try:
        with folder_of(folder) as opened:
            report = verify(opened, digest and digest.lower(), keys=keys, earlier=earlier)
    except OSError as error:
        raise WrongUse(f"the folder cannot be verified: {error}; make room for temporary files and try again") from None
    show(report.as_json(), _report_lines(report), as_json=as_json)
    if not report.good:
        number = "1 finding" if report.found == 1 else f"{report.found} findings"
        raise Finding(f"{number}: the export is not what was recorded, or it is damaged")


def _verifier_key(text: str) -> VerifierKey:
    try:
        return VerifierKey.parse(text)
    except Malformed as error:
        raise WrongUse(f"--vkey is no verifier key: {error}") from None


def _kept_checkpoint(path: Path) -> SignedNote:
    try:
        return SignedNote.parse(path.read_bytes())
    except (OSError, Malformed) as error:
        raise WrongUse(f"--checkpoint {path} is no checkpoint: {error}") from None


def _report_lines(report: Report) -> Iterator[str]:
    if report.part is not None:
        yield f"PART {report.part.named}: {report.withheld} of the log's entries are withheld"
    for finding in report.findings[:_SHOWN]:
        yield f"FOUND {finding}"
    if report.found > _SHOWN:
        yield f"… and {report.found - _SHOWN} more; --json shows {len(report.findings)}"
    for remark in report.remarks[:_SHOWN]:
        yield f"REMARK {remark}"
    if (remarked := len(report.remarks) + report.remarks_left_out) > _SHOWN:
        yield f"… and {remarked - _SHOWN} remarks more; --json shows {len(report.remarks)}"
    yield f"{report.events} events, {report.streams} streams, {report.signatures} signatures checked"
    yield f"{report.rankings} sealed rankings and {report.decisions} decisions recomputed"
    yield from (f"key of {key['service']}: {key['key_id']} ({key['public_key']})" for key in report.keys)
    if report.checkpoint is not None:
        yield f"checkpoint {report.checkpoint}" + (" (by the given key)" if report.keys_given else "")
    yield from (
        f"{check.check.number:>2} {check.state:<15} {check.check.name.en}" + (f": {check.why.en}" if check.why else "")
        for check in report.checks
    )
    if report.digest is not None:
        yield f"digest {report.digest}" + (" (as given)" if report.digest_given and report.good else "")
    yield from (f"not seen: {line}" for line in report.unseen)
    if report.good:
        yield "nothing was found"
