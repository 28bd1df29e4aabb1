"""`paritrana up`, `down`, `status`, `settings`, `provision` and `clock set`: the embedded stack for operators.

`up` stays in the foreground and stops in order on Ctrl-C; with `--detach` it goes on in the background, and `down`
stops it. Everything is read from the settings that `paritrana settings` lists.
"""

from __future__ import annotations

import asyncio
import dataclasses
import importlib
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Annotated, Any

import typer
from pydantic_settings import BaseSettings

from cli.output import AsJson, Finding, WrongUse, show, show_progress, table
from deploy.local import clocks
from deploy.local.child import StackError
from deploy.local.control import Control, NotRunning
from deploy.local.folders import keep_secret, make_data_folder, private_folder
from deploy.local.health import ask_all
from deploy.local.letters import dead_letters
from deploy.local.settings import SETTINGS, StackOptions, data_folder, environment_of, options_from
from deploy.local.stores import await_broker, await_database
from deploy.local.stores import provision as provision_stores
from deploy.local.supervisor import Stack, run_until_stopped
from kernel.dead_letters import Reason
from kernel.settings import ServiceSettings, describe
from schemas.topics import FACT_TOPICS, OF_FACTS, SERVICES

Data = Annotated[
    Path | None, typer.Option("--data", help="The stack's data folder; else PARITRANA_DATA, else one per user.")
]
_KEPT = ("_PORT", "_WEBHOOK_NETWORKS")
_ERROR = "paritrana: "
"""How the line begins that says why a command ended."""
_CONSUMERS = max(topic.partitions for topic in FACT_TOPICS)
"""Consumers of facts at most: one for each partition of the topic that has the most."""
_PARTS = ("name", "pid", "restarts", "url", "state")
_LETTERS = ("set aside from", "messages", "newest", "reason", "address", "detail")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("up", help="Start the stack and run it.\n\nExample: paritrana up --mail-sink")(up)
    app.command("down", help="Stop the stack of a data folder.\n\nExample: paritrana down")(down)
    app.command(
        "status",
        help="Show what runs, and what receivers set aside; exit 1 when something is not ready.\n\n"
        "Example: paritrana status --json",
    )(status)
    app.command("settings", help="List every setting, its meaning and default.\n\nExample: paritrana settings")(
        settings
    )
    app.command(
        "provision",
        help="Make databases, roles and topics where broker and database are given.\n\n"
        "Passwords of the login roles are taken from PARITRANA_<SERVICE>_PASSWORD.\n\nExample: paritrana provision",
    )(provision)
    clock = typer.Typer(no_args_is_help=True, help="The embedded stack's test clock.", rich_markup_mode=None)
    clock.command("set", help="Move the test clock forward.\n\nExample: paritrana clock set 2021-07-01T08:00:00+07:00")(
        clock_set
    )
    app.add_typer(clock, name="clock")


def up(
    scoring: Annotated[int, typer.Option(min=1, max=8, help="How many scoring API processes.")] = 1,
    ingest: Annotated[int, typer.Option(min=0, max=_CONSUMERS, help="How many fact consumers.")] = 1,
    mail_sink: Annotated[bool, typer.Option("--mail-sink", help="Keep mail in the data folder, send none.")] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Go on in the background once ready.")] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Start broker, database and services, and run them until told to stop."""
    options = dataclasses.replace(
        options_from(os.environ, data=data), scoring=scoring, ingest=ingest, mail_sink=mail_sink
    )
    if detach:
        found = asyncio.run(launch(options, lambda line: show_progress(line, as_json=as_json)))
        show_progress("running in the background: stop it with `paritrana down`", as_json=as_json, status=found)
        return
    asyncio.run(
        run_until_stopped(
            options, lambda line: show_progress(line, as_json=as_json), lambda stack: _announce(stack, as_json=as_json)
        )
    )


def _announce(stack: Stack, *, as_json: bool) -> None:
    found = stack.status()
    if as_json:
        show_progress("ready", as_json=True, status=found)
    else:
        show(
            found, ["", *table(found["parts"], _PARTS), "", "ready; Ctrl-C or `paritrana down` stops it"], as_json=False
        )


async def launch(options: StackOptions, say: Callable[[str], None]) -> dict[str, Any]:
    """Start a stack in the background and return its status once it is ready.

    Raises StackError with the line that says why it could not start. It is stopped by `Control(data).stop()`.
    """
    data = make_data_folder(options.data)
    log = private_folder(data / "log") / "up.log"
    return await _follow(_background(options, log), log, data, say)


def _background(options: StackOptions, log: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "cli.main", "up", "--scoring", str(options.scoring)]
    command += ["--ingest", str(options.ingest)]
    with log.open("wb") as output:
        return subprocess.Popen(
            [*command, *(["--mail-sink"] if options.mail_sink else [])],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment_of(options), "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )


async def _follow(
    process: subprocess.Popen[bytes], log: Path, data: Path, say: Callable[[str], None]
) -> dict[str, Any]:
    with log.open(encoding="utf-8", errors="replace") as lines:
        progress = _Progress(lines, say)
        while True:
            ended = process.poll() is not None
            progress.tell()
            if ended:
                raise StackError(progress.last.removeprefix(_ERROR) or f"it ended without a word (log: {log})")
            try:
                found = await Control(data).status()
            except NotRunning:
                found = {}
            if found.get("ready") and found["supervisor"] == process.pid:
                progress.tell()
                return found
            await asyncio.sleep(0.2)


class _Progress:
    """The lines of an `up` in the background, said as they are written, up to what it says when all is ready."""

    def __init__(self, lines: IO[str], say: Callable[[str], None]) -> None:
        self.last = ""
        self._lines = lines
        self._say = say
        self._rest = ""
        self._announced = False

    def tell(self) -> None:
        """Say every whole line that was written since; why it ended is left to who asked."""
        *whole, self._rest = (self._rest + self._lines.read()).split("\n")
        for line in map(str.strip, whole):
            # An empty line stands before the announcement, which is for the foreground.
            self._announced = self._announced or not line
            if not self._announced and not line.startswith(_ERROR):
                self._say(line)
            self.last = line or self.last


def down(data: Data = None, as_json: AsJson = False) -> None:
    """Stop the stack and wait until everything is gone."""
    folder = data_folder(os.environ, data)
    options: list[str] = []
    try:
        options = asyncio.run(_stop(Control(folder)))
    except NotRunning as nothing:
        stopped, said = False, str(nothing)
    else:
        stopped, said = True, "stopped"
    if not (folder.is_dir() and any(folder.iterdir())):
        show({"stopped": stopped, "data": None, "again": None}, [said], as_json=as_json)
        return
    clock = clocks.last_clock(folder)
    again = "paritrana up" if clock is None else clocks.command(folder, clock, options)
    again = " ".join([*_settings(), again])
    show(
        {"stopped": stopped, "data": str(folder), "again": again},
        [said, *_what_stays(folder, clock, again)],
        as_json=as_json,
    )


def _settings() -> list[str]:
    """Return the settings of this environment that say where a stack listens and sends, for its next start."""
    kept = [name for name in sorted(os.environ) if name.startswith("PARITRANA_") and name.endswith(_KEPT)]
    return [f"{name}={shlex.quote(os.environ[name])}" for name in kept]


async def _stop(control: Control) -> list[str]:
    """Stop the stack, and return the options of `up` that it ran with."""
    names = [part["name"] for part in (await control.status())["parts"]]
    await control.stop()
    scoring, ingest = (sum(name.partition("-")[0] == part for name in names) for part in ("scoring", "ingest"))
    return [
        *(["--scoring", str(scoring)] if scoring > 1 else []),
        *(["--ingest", str(ingest)] if ingest != 1 else []),
        *(["--mail-sink"] if "mail-sink" in names else []),
    ]


def _what_stays(folder: Path, clock: str | None, again: str) -> list[str]:
    stays = (
        f"its data, keys and passwords stay in {folder} for the next `paritrana up`; "
        f"to remove them: rm -r {shlex.quote(str(folder))}"
    )
    return [stays, *([] if clock is None else [f"it starts again on the same clock only: {again}"])]


def status(data: Data = None, as_json: AsJson = False) -> None:
    """Show how every part says it is now, where it answers, how often it was started again, and what was set aside."""
    try:
        found = asyncio.run(_status_now(data_folder(os.environ, data)))
    except NotRunning as nothing:
        raise Finding(str(nothing)) from nothing
    rows = [{**part, "state": ": ".join(filter(None, (part["state"], part["why"])))} for part in found["parts"]]
    head = [f"data   {found['data']}", f"clock  {found['clock']['name']}  {found['clock']['now']}", ""]
    show(found, [*head, *table(rows, _PARTS), *_letters_told(found)], as_json=as_json)
    if not found["ready"]:
        raise Finding(_not_ready(found))


async def _status_now(folder: Path) -> dict[str, Any]:
    """Return what the supervisor knows, with each part's own word on how it is."""
    found = await Control(folder).status()
    healths, letters = await asyncio.gather(ask_all(found["parts"]), dead_letters(found["kafka"]))
    parts = [
        {**part, "state": health.state, "why": health.why} for part, health in zip(found["parts"], healths, strict=True)
    ]
    # The supervisor's word counts too: while it starts, parts are still missing.
    ready = found["ready"] and all(part["state"] == "ready" for part in parts)
    set_aside = None if letters is None else [dataclasses.asdict(each) for each in letters]
    return {**found, "parts": parts, "ready": ready, "dead_letters": set_aside}


def _letters_told(found: dict[str, Any]) -> list[str]:
    """Say what lies in the topics of dead letters and where to look; nothing when they are empty.

    What is no event of ours and what is no fact are told apart: one may be a loss of ours, the other is its sender's.

    It does not end the command with 1: what another program wrote to a topic lies there for 90 days and harms nothing.
    """
    letters = found["dead_letters"]
    if letters is None:
        return ["", "DEAD LETTERS are not known: the broker does not answer"]
    if not letters:
        return []
    facts, events = ([each for each in letters if (each["topic"] in OF_FACTS) is of] for of in (True, False))
    return [*_events_told(found, events), *_facts_told(facts)]


def _letter_lines(letters: list[dict[str, Any]]) -> list[str]:
    rows = [
        {
            "set aside from": each["topic"],
            "messages": each["count"] if each["each_once"] else f"at most {each['count']}",
            **each,
        }
        for each in letters
    ]
    return table(rows, _LETTERS)


def _facts_told(letters: list[dict[str, Any]]) -> list[str]:
    if not letters:
        return []
    look = "which, of whom and why: paritrana dlq list"
    return ["", "REFUSED FACTS: messages that ingest did not take for facts", *_letter_lines(letters), look]


def _events_told(found: dict[str, Any], letters: list[dict[str, Any]]) -> list[str]:
    if not letters:
        return []
    lines = _letter_lines(letters)
    log = Path(found["data"]) / "log"
    look = [f"which, by which service and why: grep 'dead letter' {shlex.quote(str(log))}/*.log"]
    if any(each["reason"] == Reason.FUTURE_DATED for each in letters):
        look.append(
            "future-dated: where these are events of ours, a service's clock was behind, and it lacks them for good"
        )
    return ["", "DEAD LETTERS: messages that receivers did not take for events of ours", *lines, *look]


def _not_ready(found: dict[str, Any]) -> str:
    names = ", ".join(part["name"] for part in found["parts"] if part["state"] != "ready")
    what = f"not ready: {names}" if names else "not everything is ready yet"
    return f"{what}; see the logs in {Path(found['data']) / 'log'}"


def settings(as_json: AsJson = False) -> None:
    """List every setting: the stack's, and those that each service adds."""
    rows = [{"setting": one.name, "default": one.default or "-", "meaning": one.meaning} for one in SETTINGS]
    known = {one.name for one in SETTINGS}
    rows += [
        {"setting": one.name, "default": one.default or "-", "meaning": one.description}
        for one in describe(*_service_settings())
        if one.name not in known
    ]
    show(rows, table(rows, ("setting", "default", "meaning")), as_json=as_json)


def _service_settings() -> list[type[BaseSettings]]:
    found: list[type[BaseSettings]] = [ServiceSettings]
    for service in SERVICES:
        if find_spec(f"services.{service}.settings") is not None:
            module = importlib.import_module(f"services.{service}.settings")
            found += [
                each for each in vars(module).values() if isinstance(each, type) and issubclass(each, ServiceSettings)
            ]
    return found


def provision(data: Data = None, as_json: AsJson = False) -> None:
    """Make databases, roles and topics on the given broker and database."""
    options = options_from(os.environ, data=data)
    if options.kafka is None or options.database_url is None:
        raise WrongUse("set KAFKA_BOOTSTRAP_SERVERS and DATABASE_URL (an administrator's): `up` does this by itself")
    secrets = make_data_folder(options.data) / "secrets"
    for service in SERVICES:
        given = os.environ.get(f"PARITRANA_{service.upper()}_PASSWORD")
        if given:
            keep_secret(secrets / f"paritrana_{service}", given)
    asyncio.run(_provision(options.database_url, options.kafka, options.wait_seconds, secrets))
    show({"provisioned": list(SERVICES)}, ["databases, roles and topics are there"], as_json=as_json)


async def _provision(database_url: str, kafka: str, wait_seconds: float, secrets: Path) -> None:
    def quiet(_line: str) -> None:
        """Say nothing: nobody watches a one-shot container."""

    await await_database(database_url, wait_seconds, quiet)
    await await_broker(kafka, wait_seconds, quiet)
    await provision_stores(database_url, kafka, secrets)


def clock_set(
    instant: Annotated[str, typer.Argument(help="An instant with its zone, as 2021-07-01T08:00:00+07:00.")],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Set the running stack's test clock."""
    now = asyncio.run(Control(data_folder(os.environ, data)).set_clock(instant))
    show({"now": now}, [f"the test clock stands at {now}"], as_json=as_json)
