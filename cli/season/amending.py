"""`paritrana season amend`: publish the next version of a season's rulebook, or show what it would change."""

from __future__ import annotations

import hashlib
from typing import Any

from cli.output import AsJson, show
from cli.season.file import DryRun, RulebookFile, bytes_of, checked, rehearsed, summary_lines, summary_of, text_of
from cli.season.preview import difference_lines, differences, preview, preview_lines
from cli.service import Login, Nomination, NominationUrl, Why
from schemas.rulebook import Rulebook, rulebook_content
from schemas.rulebook_file import read_rulebook


def amend_season(
    file: RulebookFile,
    reason: Why,
    dry_run: DryRun = False,
    login: Login = None,
    nomination: NominationUrl = None,
    as_json: AsJson = False,
) -> None:
    """Check the file; unless `dry_run`, publish it as the next version of its season's rulebook."""
    data = bytes_of(file)
    rulebook = checked(file, read_rulebook(data), as_json=as_json)
    summary, season = summary_of(rulebook), rulebook.season
    lines = summary_lines(file, summary)
    if dry_run:
        asked, told = rehearsed(login, nomination, lambda service: _send(service, season, data, reason, dry_run="true"))
        changes = None if asked is None else _changes(asked, rulebook)
        shown = preview(rulebook)
        said = {**summary, **shown, "amended": False, "changes": changes}
        show(said, [*lines, *preview_lines(shown), *_change_lines(changes), told, "nothing was sent"], as_json=as_json)
        return
    service = Nomination.as_person(login, nomination)
    changes = _changes(service, rulebook)
    receipt = _send(service, season, data, reason)
    line = (
        f"season {season} is under version {summary['version']} since {receipt['time']}; what was opened before stays"
    )
    said = {**summary, "amended": True, "changes": changes, "receipt": receipt}
    show(said, [*lines, *_change_lines(changes), line], as_json=as_json)


def _send(service: Nomination, season: str, data: bytes, reason: str, **query: str) -> dict[str, Any]:
    # The command's id follows from what is sent: sent twice, nothing is done twice.
    key = hashlib.sha256(data + b"\0" + reason.encode("utf-8")).hexdigest()
    body = {"rulebook": text_of(data), "reason": reason}
    return service.command(f"/v1/seasons/{season}/amend", body, key, **query)


def _changes(service: Nomination, rulebook: Rulebook) -> list[dict[str, Any]]:
    """Return what the rulebook changes of the season's newest version."""
    present = service.read(f"/v1/public/seasons/{rulebook.season}/rulebook")
    return differences(present["content"], rulebook_content(rulebook))


def _change_lines(changes: list[dict[str, Any]] | None) -> list[str]:
    return [] if changes is None else [f"  {len(changes)} value(s) change:", *difference_lines(changes)]
