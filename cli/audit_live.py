"""`paritrana audit status` and `acknowledge`: what the running audit service holds, and what does not fit."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from itertools import islice
from typing import Annotated, Any, Final

import typer

from cli.output import AsJson, Finding, show
from cli.service import Audit, Login

_MOST: Final = 1000
"""Alarms that are shown at most."""
At = Annotated[
    str | None, typer.Option("--url", help="Where the audit service answers; else PARITRANA_AUDIT_URL, else the stack.")
]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        "status",
        help="Show what the audit service holds, how far the services' own stores were compared, and what does not "
        "fit.\n\nExits with 1 while an alarm stands for which nobody has answered.\n\n"
        "Example: paritrana audit status --login operator",
    )(status_command)
    app.command(
        "acknowledge",
        help="Answer for an alarm, as an operator: what it was, and what was done. The first answer is kept.\n\n"
        'Example: paritrana audit acknowledge 12 --reason "a test of ours on 3 May" --login operator',
        no_args_is_help=True,
    )(acknowledge_command)


def status_command(
    *,
    ended: Annotated[bool, typer.Option("--ended", help="Show alarms that ended or were answered for too.")] = False,
    login: Login = None,
    url: At = None,
    as_json: AsJson = False,
) -> None:
    """Show status and alarms."""
    audit = Audit.as_person(login, url)
    status = audit.read("/v1/status")
    alarms = list(islice(audit.pages("/v1/alarms", ended=str(ended).lower(), limit="200"), _MOST))
    show({"status": status, "alarms": alarms}, _lines(status, alarms), as_json=as_json)
    if status["alarms"]:
        number = "1 alarm stands" if status["alarms"] == 1 else f"{status['alarms']} alarms stand"
        raise Finding(f"{number}: do what it says, then paritrana audit acknowledge ALARM --reason …")


def _lines(status: dict[str, Any], alarms: list[dict[str, Any]]) -> Iterator[str]:
    log = status["log"]
    yield f"{status['events']} events in {status['streams']} streams; {status['waiting']} wait for one before them"
    yield f"log: {log['leaves']} leaves, {log['signed']} under the checkpoint signed {log['signed_at'] or 'never'}"
    for feed in status["feeds"]:
        since = f" since {feed['since']}" if feed["since"] else ""
        yield (
            f"{feed['service']}: {feed['behind']} events of its store have not come{since}, {feed['unfed']} came that "
            f"it has not shown; all compared {feed['rounds']} times"
        )
    for alarm in alarms:
        yield from _alarm_lines(alarm)
    if not alarms:
        yield "no alarm"


def _alarm_lines(alarm: dict[str, Any]) -> Iterator[str]:
    state = "ended" if alarm["ended"] else "ALARM"
    yield f"{state} {alarm['alarm']} {alarm['kind']} at {alarm['where']}, since {alarm['since']}: {alarm['said']}"
    yield f"  {alarm['what']['en']} {alarm['do']['en']}"
    yield f"  {alarm['what']['id']} {alarm['do']['id']}"
    if answer := alarm["acknowledged"]:
        yield f"  answered {answer['at']} by {answer['by']}: {answer['reason']}"


def acknowledge_command(
    alarm: Annotated[int, typer.Argument(min=1, help="The alarm's number, as `audit status` shows it.")],
    reason: Annotated[str, typer.Option("--reason", help="What it was, and what was done; it is kept.")],
    *,
    login: Login = None,
    url: At = None,
    as_json: AsJson = False,
) -> None:
    """Answer for an alarm."""
    answered = Audit.as_person(login, url).command(
        f"/v1/alarms/{alarm}/acknowledge", {"reason": reason}, str(uuid.uuid4())
    )
    show(answered, _alarm_lines(answered), as_json=as_json)
