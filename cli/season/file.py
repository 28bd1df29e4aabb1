"""A rulebook file as the commands take it: checked here first, then rehearsed by the service, where one answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.output import WrongUse, show
from cli.service import Nomination, NotReached
from schemas.rulebook import Assumed, Rulebook, provenance, rulebook_hash
from schemas.rulebook_file import Reading

RulebookFile = Annotated[Path, typer.Argument(metavar="FILE", help="The rulebook (YAML).")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only check the file and show what it would do.")]


def bytes_of(file: Path) -> bytes:
    """Return what is in the file; raise WrongUse when it cannot be read."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise WrongUse(f"{file} cannot be read: {error.strerror}") from None


def checked(file: Path, reading: Reading, *, as_json: bool) -> Rulebook:
    """Return the rulebook; otherwise show every error with its line, in their order, and end with how many they are."""
    if reading.rulebook is not None:
        return reading.rulebook
    errors = [
        {"line": each.line, "path": each.path, "code": each.code, "en": each.message_en, "id": each.message_id}
        for each in reading.errors
    ]
    told = [f"{file}:{each.line}: {each.path or 'file'}: {each.message_en}" for each in reading.errors]
    if len(told) == 1:
        show({"file": str(file), "errors": errors}, (), as_json=as_json)
        raise WrongUse(told[0])
    show({"file": str(file), "errors": errors}, told, as_json=as_json)
    raise WrongUse(f"{file} has {len(told)} errors: correct them from the first on, one may lead to others")


def summary_of(rulebook: Rulebook) -> dict[str, Any]:
    """Return what a rulebook is, in short."""
    marks = provenance(rulebook).values()
    return {
        "season": rulebook.season,
        "version": rulebook.version,
        "hash": rulebook_hash(rulebook),
        "title": {"id": rulebook.title.id, "en": rulebook.title.en},
        "categories": [category.code for category in rulebook.categories],
        "stages": len(rulebook.stages),
        "values": len(marks),
        "assumed": sum(isinstance(mark, Assumed) for mark in marks),
    }


def summary_lines(file: Path, summary: dict[str, Any]) -> list[str]:
    """Return the summary for people."""
    return [
        f"{file}: {summary['title']['en']}, version {summary['version']}, {summary['hash']}",
        f"  {', '.join(summary['categories'])}; {summary['stages']} stages",
        f"  {summary['assumed']} of {summary['values']} values are assumed, the others have a source",
    ]


def text_of(data: bytes) -> str:
    """Return the file's text as it is sent."""
    return data.decode("utf-8-sig")


def rehearsed(
    login: str | None, given: str | None, rehearse: Callable[[Nomination], dict[str, Any]]
) -> tuple[Nomination | None, str]:
    """Let the service rehearse a command; return whom it was asked of, None where nobody can be, and a line.

    A dry run is of use without a stack too, so that none answers is no error; that it would be refused is one.
    """
    try:
        service = Nomination.as_person(login, given)
    except WrongUse as missing:
        return None, f"the file is good; no service was asked: {missing}"
    try:
        rehearsal = rehearse(service)
    except NotReached as away:
        return None, f"the file is good; no service was asked: {away}"
    events = ", ".join(str(each["type"]).rsplit(".", 2)[-2] for each in rehearsal.get("events", ()))
    return service, f"the service at {service.address} would accept it and record {events}"
