"""`paritrana demo`: the embedded stack with a test clock, three seasons played on it, and what came of them.

It starts everything in a data folder of its own, plays the seasons of `cli/play` through the public APIs, shows
rankings and mails, exports the audit store and verifies the export, prints some certificates and minutes, and stops
with nothing but these left behind. It ends with 1 as soon as anything comes out otherwise than the scripts say.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import secrets
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, closing
from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from cli.output import AsJson, Finding, WrongUse, show_progress
from cli.play import report
from cli.play.client import Client, Json, Unexpected, until
from cli.play.outcome import AUDITOR, Played
from cli.play.papers import print_papers
from cli.play.script import SEASONS, read_script
from cli.play.seasons import play
from cli.stack import launch
from deploy.local import clocks
from deploy.local.control import Control, NotRunning
from deploy.local.folders import can_enter, database_account, make_data_folder
from deploy.local.settings import StackOptions, options_from
from deploy.local.supervisor import Stack
from kernel.clock import TestClock
from services.audit.client import AuditClient, LedgerClient
from services.audit.export import NotExported, export, prepare_folder
from services.audit.verify import verify
from services.identity.settings import PASSWORD_FILE

Say = Callable[[str], None]
_OPERATOR: Final = "operator"
_MOST: Final = "200"
"""Items a page."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo", help="Play three real seasons on a stack of its own.\n\nExample: paritrana demo --keep")(demo)


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave the stack running in the background.")] = False,
    export_to: Annotated[
        Path | None, typer.Option("--export", metavar="DIR", help="Leave the audit export in DIR, an empty folder.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Start the stack, play the seasons, show what came out, verify the audit export, and stop."""
    began = time.monotonic()

    def say(line: str) -> None:
        seconds = time.monotonic() - began
        show_progress(line if as_json else f"{seconds:6.1f} s  {line}", as_json=as_json)

    folder = _export_folder(export_to)
    data, kept = _fresh_data_folder(), False
    try:
        shown = asyncio.run(_run(_options(data), folder, say, keep=keep))
        kept = keep
    except Unexpected as error:
        raise Finding(str(error)) from None
    finally:
        if not kept:
            shutil.rmtree(data, ignore_errors=True)
    if folder is None and not kept:
        shown.audit["folder"] = "a temporary folder (EXPORT=DIR, or --export DIR, leaves it in DIR)"
    _conclude(shown, data if keep else None, time.monotonic() - began, as_json=as_json)


# --- folders and options -------------------------------------------------------------------------------------------


def _export_folder(given: Path | None) -> Path | None:
    """See now, and not after the play, that the export can be left where it is wanted."""
    if given is None:
        return None
    folder = given.expanduser().absolute()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise WrongUse(f"{folder} is not empty: choose another folder for the export")
    except OSError as error:
        raise WrongUse(f"{folder} cannot be used for the export: {error.strerror}") from None
    return folder


def _fresh_data_folder() -> Path:
    """Return an empty data folder: PARITRANA_DATA, if set, else a temporary one that the database's user can enter."""
    if given := os.environ.get("PARITRANA_DATA"):
        folder = make_data_folder(Path(given))
        if any(folder.iterdir()):
            raise WrongUse(f"{folder} is not empty: the demo needs a fresh data folder; unset PARITRANA_DATA")
        return folder
    account = database_account()
    for base in (None, "/var/tmp"):  # noqa: S108 - a folder with a random name is made in it
        folder = Path(tempfile.mkdtemp(prefix="paritrana-demo-", dir=base))
        folder.chmod(0o755)
        if account is None or can_enter(folder, account):
            return folder
        folder.rmdir()
    raise WrongUse("the database's user can enter no temporary folder: set PARITRANA_DATA to a folder that it can")


def _options(data: Path) -> StackOptions:
    """Return the options of a stack with a mail sink and a test clock."""
    wind_clock(data)
    return dataclasses.replace(options_from(os.environ, data=data), clock="test", mail_sink=True)


def wind_clock(data: Path) -> None:
    """Let a stack's test clock begin a day before the first season: it never goes back."""
    TestClock.set_to(data / clocks.OWN_FILE, read_script(SEASONS[0]).clock.opens - timedelta(days=1))


# --- running -------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True)
class Shown:
    """What the demo shows at its end."""

    seasons: list[Played]
    mails: Mapping[str, int]
    letters: list[EmailMessage]
    urls: Mapping[str, str]
    audit: Json
    commands: int
    papers: list[Path]
    """Certificates and minutes, as PDF."""


async def _run(options: StackOptions, folder: Path | None, say: Say, *, keep: bool) -> Shown:
    async with _ended_by_signals(), _stack(options, say, keep=keep) as urls:
        return await play_all(options.data, urls, folder, say, None if keep else _papers_folder(folder))


def _papers_folder(export_to: Path | None) -> Path:
    """Return where the papers stay when the data folder goes with the stack: beside the export, or a fresh folder.

    Nothing is made yet, since the play may fail.
    """
    if export_to is not None:
        return export_to.with_name(f"{export_to.name}-documents")
    return Path(tempfile.gettempdir()) / f"paritrana-demo-documents-{secrets.token_hex(4)}"


@asynccontextmanager
async def _stack(options: StackOptions, say: Say, *, keep: bool) -> AsyncIterator[Mapping[str, str]]:
    """Run a stack and give where its parts answer; with `keep`, it goes on in the background unless the play fails."""
    if not keep:
        async with Stack(options, say) as stack:
            yield stack.urls
        return
    try:
        status = await launch(options, say)
        yield {part["name"]: part["url"] for part in status["parts"]}
    except BaseException:
        with contextlib.suppress(NotRunning):
            await Control(options.data).stop()
        raise


@asynccontextmanager
async def _ended_by_signals() -> AsyncIterator[None]:
    """Let SIGTERM and SIGHUP end the play in order, as Ctrl-C does."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    caught: list[signal.Signals] = []

    def end(which: signal.Signals) -> None:
        caught.append(which)
        if task is not None:
            task.cancel()

    for which in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(which, end, which)
    try:
        yield
    except asyncio.CancelledError:
        if caught:
            raise Unexpected(f"ended by {caught[0].name} before the end") from None
        raise


async def play_all(
    data: Path, urls: Mapping[str, str], folder: Path | None, say: Say, papers: Path | None = None
) -> Shown:
    """Play every season on a running stack, and return what came out.

    Args:
        data: the stack's data folder.
        urls: where each part answers.
        folder: where the audit export is left; None for `export` in the data folder.
        say: takes one line of progress.
        papers: where certificates and minutes are left; None for `documents` in the data folder.

    Raises Unexpected when anything differs from the scripts.
    """
    control, password = Control(data), (data / "keys" / PASSWORD_FILE).read_text(encoding="utf-8").strip()
    played: list[Played] = []
    async with Client(urls, password) as client:
        for season in SEASONS:
            say(f"season {season}")
            played.append(await play(read_script(season), client, _clock_of(control), say))
        mails = await _await_mails(client, data / "mail", played, say)
        audit = await _audit(client, sum(mails.values()), folder or data / "export", say)
        printed = await _print(client, played, papers or data / "documents", say)
    letters = _one_in_both_languages(_kept_mails(data / "mail"))
    return Shown(played, mails, letters, urls, audit, client.commands, printed)


async def _print(client: Client, played: list[Played], folder: Path, say: Say) -> list[Path]:
    """Print the papers of every season that ends with certificates."""
    say("printing some certificates and minutes")
    return [file for season in played if season.certificates for file in await print_papers(season, client, folder)]


def _clock_of(control: Control) -> Callable[[datetime], Any]:
    return control.set_clock


# --- mails ---------------------------------------------------------------------------------------------------------


def mails_expected(played: list[Played]) -> dict[str, int]:
    """Return how many mails the plays must lead to, by template: one for each event and person told of it.

    Committees, meetings and the calendar lead to more, which are counted by no hand.
    """
    counts = dict.fromkeys(("nominated", "advanced", "eliminated", "announced"), 0)
    for season in played:
        secretariats = {id_: one["nominated_by"] for id_, one in season.standing.items()}
        counts["nominated"] += 2 * len(season.nominations)
        for decided in season.decided:
            outcomes = decided.outcomes
            counts["advanced"] += 2 * list(outcomes.values()).count("advanced")
            counts["eliminated"] += 2 * list(outcomes.values()).count("eliminated")
            # Every contact, and each secretariat once however many of its nominees are in the ranking.
            counts["announced"] += len(outcomes) + len({secretariats[id_] for id_ in outcomes})
    return counts


async def _await_mails(client: Client, folder: Path, played: list[Played], say: Say) -> dict[str, int]:
    """Wait until every mail is sent, and see that none is missing, doubled or one too many."""
    expected = mails_expected(played)
    say(f"waiting until {sum(expected.values())} mails to nominees, and all others, are sent")
    found: dict[str, int] = {}

    async def sent() -> bool:
        counts = (await client.read(_OPERATOR, "notifications", "/v1/deliveries"))["counts"]
        found.update({one["template"]: one["messages"] for one in counts if one["state"] == "sent"})
        counted = all(found.get(template, 0) >= count for template, count in expected.items())
        return counted and all(one["state"] != "pending" for one in counts)

    await until("not every mail was sent", sent)
    counted = {template: found.get(template, 0) for template in expected}
    if counted != expected:
        raise Unexpected(f"the mails sent are {counted}, and should be {expected}")
    kept, total = [str(message["Message-ID"]) for message in _kept_mails(folder)], sum(found.values())
    if len(kept) != total or len(set(kept)) != total:
        raise Unexpected(f"the mail sink holds {len(kept)} mails with {len(set(kept))} Message-IDs, expected {total}")
    return found


def _kept_mails(folder: Path) -> list[EmailMessage]:
    # The mail sink's library belongs to the embedded stack: where only services are installed, the program starts too.
    from deploy.local.mail_sink import stored_messages  # noqa: PLC0415

    return stored_messages(folder)


def _one_in_both_languages(messages: list[EmailMessage]) -> list[EmailMessage]:
    """Return one advancement as its Indonesian and its English reader got it."""
    by_subject = (("id", "Lolos ke tahap berikutnya: Kabupaten Bone Bolango"), ("en", "Advanced to the next stage"))
    return [
        next(one for one in messages if one["Content-Language"] == language and text in str(one["Subject"]))
        for language, text in by_subject
    ]


# --- the audit -----------------------------------------------------------------------------------------------------


async def _audit(client: Client, mails: int, folder: Path, say: Say) -> Json:
    """Export the audit store once it has every command's events and every mail's, and verify the export offline."""
    say("waiting until the audit store has everything")

    async def complete() -> bool:
        heads = await client.read_all(AUDITOR, "audit", "/v1/heads", limit=_MOST)
        found = {one["stream"]: one["version"] for one in heads}
        told = sum(version for stream, version in found.items() if stream.startswith("delivery/"))
        return told >= mails and all(found.get(stream, 0) >= version for stream, version in client.heads.items())

    await until("the audit store lacks events", complete)
    token = await client.token(AUDITOR)
    return await asyncio.to_thread(_export_and_verify, client.urls, token, folder, say)


def _export_and_verify(urls: Mapping[str, str], token: str, folder: Path, say: Say) -> Json:
    try:
        prepare_folder(folder, replace=False)
        with (
            closing(AuditClient(urls["audit"], token, patience=30.0)) as source,
            closing(LedgerClient(urls["scoring"], token, patience=30.0)) as ledger,
        ):
            result = export(source, folder, say, ledger=lambda: ledger)
    except NotExported as error:
        raise Unexpected(str(error)) from None
    say(f"verifying the export of {result.events} events")
    found = verify(folder, result.digest)
    if result.open_ends or not found.good:
        first = found.findings[0] if found.findings else result.open_ends[0]
        raise Unexpected(f"the audit found {found.found + len(result.open_ends)} faults; the first: {first}")
    return {
        "folder": str(folder),
        "digest": result.digest,
        "events": found.events,
        "streams": found.streams,
        "signatures": found.signatures,
        "rankings": found.rankings,
        "decisions": found.decisions,
    }


# --- showing -------------------------------------------------------------------------------------------------------


def _conclude(shown: Shown, kept: Path | None, seconds: float, *, as_json: bool) -> None:
    if as_json:
        show_progress("done", as_json=True, **_document(shown, seconds))
        return
    console = report.console_for_people()
    report.show_legend(console)
    for played in shown.seasons:
        report.show_season(console, played)
    report.show_mails(console, shown.mails, shown.letters)
    report.show_papers(console, shown.papers)
    report.show_places(console, shown.urls, running=kept is not None)
    report.show_audit(console, shown.audit)
    console.print()
    console.print(f"{shown.commands} commands came out as the scripts say; {seconds:.0f} s from start to end")
    if kept is None:
        console.print("everything but the documents is stopped and removed; KEEP=1 (--keep) leaves it running")
    else:
        console.print(f"the stack goes on; the other commands find it by: export PARITRANA_DATA={kept}")
        console.print(
            "look: paritrana status; paritrana login auditor; paritrana ranking show --season 2020 --category KABKOTA"
        )
        console.print("stop: paritrana down")
        again = clocks.command(kept, "test", ["--mail-sink"])
        console.print(f"start it again, on its test clock only: {again}", soft_wrap=True)


def _document(shown: Shown, seconds: float) -> Json:
    rankings = [
        {"ranking": one.ranking, "announced": one.announced} for played in shown.seasons for one in played.decided
    ]
    return {
        "rankings": rankings,
        "mails": dict(shown.mails),
        "urls": dict(shown.urls),
        "audit": shown.audit,
        "commands": shown.commands,
        "documents": [str(file) for file in shown.papers],
        "seconds": round(seconds, 1),
    }
