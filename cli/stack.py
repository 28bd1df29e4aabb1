"""`paritrana up`, `down`, `status`, `settings`, `provision` and `clock set`: the embedded stack for operators.

`up` stays in the foreground and stops in order on Ctrl-C; with `--detach` it goes on in the background, and `down`
stops it. Everything is read from the settings that `paritrana settings` lists.
"""

from __future__ import annotations

import asyncio
import dataclasses
import importlib
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic_settings import BaseSettings

from cli.output import AsJson, Finding, WrongUse, show, show_progress, table
from deploy.local.child import StackError
from deploy.local.control import Control, NotRunning
from deploy.local.folders import keep_secret, make_data_folder, private_folder
from deploy.local.settings import SETTINGS, StackOptions, data_folder, environment_of, options_from
from deploy.local.stores import await_broker, await_database
from deploy.local.stores import provision as provision_stores
from deploy.local.supervisor import Stack, run_until_stopped
from kernel.settings import ServiceSettings, describe
from schemas.topics import SERVICES

Data = Annotated[
    Path | None, typer.Option("--data", help="The stack's data folder; else PARITRANA_DATA, else one per user.")
]
_PARTS = ("name", "state", "pid", "restarts", "url")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("up", help="Start the stack and run it.\n\nExample: paritrana up --mail-sink")(up)
    app.command("down", help="Stop the stack of a data folder.\n\nExample: paritrana down")(down)
    app.command(
        "status", help="Show what runs; exit 1 when something is not ready.\n\nExample: paritrana status --json"
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
    ingest: Annotated[int, typer.Option(min=0, max=8, help="How many fact consumers; this version has none.")] = 0,
    mail_sink: Annotated[bool, typer.Option("--mail-sink", help="Keep mail in the data folder, send none.")] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Go on in the background once ready.")] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Start broker, database and services, and run them until told to stop."""
    if ingest:
        raise WrongUse("this version has no fact consumers yet: leave --ingest out")
    options = dataclasses.replace(options_from(os.environ, data=data), scoring=scoring, mail_sink=mail_sink)
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
        last = ""
        while True:
            ended = process.poll() is not None
            for line in lines:
                if last:
                    say(last)
                last = line.strip()
            if ended:
                raise StackError(last.removeprefix("paritrana: "))
            try:
                found = await Control(data).status()
            except NotRunning:
                found = {}
            if found.get("ready") and found["supervisor"] == process.pid:
                return found
            await asyncio.sleep(0.2)


def down(data: Data = None, as_json: AsJson = False) -> None:
    """Stop the stack and wait until everything is gone."""
    folder = data_folder(os.environ, data)
    try:
        asyncio.run(Control(folder).stop())
    except NotRunning as nothing:
        show({"stopped": False}, [str(nothing)], as_json=as_json)
    else:
        show({"stopped": True}, ["stopped"], as_json=as_json)


def status(data: Data = None, as_json: AsJson = False) -> None:
    """Show every part, where it answers, and how often it was started again."""
    try:
        found = asyncio.run(Control(data_folder(os.environ, data)).status())
    except NotRunning as nothing:
        raise Finding(str(nothing)) from nothing
    head = [f"data   {found['data']}", f"clock  {found['clock']['name']}  {found['clock']['now']}", ""]
    show(found, [*head, *table(found["parts"], _PARTS)], as_json=as_json)
    if not found["ready"]:
        raise Finding("not everything is ready: see the logs in " + str(Path(found["data"]) / "log"))


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
