"""`paritrana dlq list|show|replay`: what was set aside, why, and its original bytes published again.

A replay helps when what refused a message was wrong or not ready: a build that could not read it, a rule that was
mended, a clock that was behind. A message that was wrong itself is refused again. It is never edited here: its
publisher sends another fact, or an operator proposes one that a second person approves (`POST /v1/facts/repairs`).
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Coroutine, Sequence
from typing import Annotated, Any, Final, TypeVar

import typer

from cli.addresses import broker_address
from cli.output import AsJson, WrongUse, show, show_progress, table, visible
from cli.stack import Data
from deploy.local.replay import KEPT, Kept, Wanted, newest, parsed, refusals, replay
from kernel.broker import AWAY
from schemas.fact_reading import FactReason
from schemas.topics import OF_FACTS

T = TypeVar("T")
_SHOWN: Final = 4096
"""Bytes of a value that are shown."""
_COLUMNS: Final = ("address", "set aside", "reason", "publisher", "id", "detail")
_REPAIR: Final = (
    "a message that is wrong itself is refused again: a repair is a new fact by its publisher, or one that a second "
    "person approves (docs/operator.md)"
)
_PASSING: Final = (FactReason.FUTURE_DATED,)
"""What may be gone by itself when a message is published again; else only what judges it can have been mended."""

Topic = Annotated[str | None, typer.Option("--topic", help="Only letters of this topic, as bpjs.contributions.v1.")]
Reason = Annotated[str | None, typer.Option("--reason", help="Only letters set aside for this reason, as used-id.")]
Publisher = Annotated[
    str | None, typer.Option("--publisher", help="Only facts whose source says that this system sent them.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    dlq = typer.Typer(help="Dead letters: list, show, replay.", no_args_is_help=True, rich_markup_mode=None)
    dlq.callback()(_of_letters)
    dlq.command(
        "list",
        help="List what was set aside, the newest first.\n\nExample: paritrana dlq list --reason wrong-field",
    )(list_letters)
    dlq.command(
        "show",
        help="Show one letter: where it came from, why it was set aside, and what it holds.\n\n"
        "Example: paritrana dlq show bpjs.contributions.v1/3/1207",
        no_args_is_help=True,
    )(show_letter)
    dlq.command(
        "replay",
        help="Publish the original bytes of facts again, to the partition that they came from.\n\n"
        "Example: paritrana dlq replay bpjs.contributions.v1/3/1207\n\n"
        "Example: paritrana dlq replay --all --reason future-dated --yes",
        no_args_is_help=True,
    )(replay_letters)
    app.add_typer(dlq, name="dlq")


def _of_letters() -> None:
    """List, show and replay dead letters."""


# --- list ----------------------------------------------------------------------------------------------------------


def list_letters(
    topic: Topic = None,
    reason: Reason = None,
    publisher: Publisher = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many at most.")] = 50,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """List dead letters."""
    wanted = Wanted(_known(topic), reason, publisher)
    found, count = _asked(newest(broker_address(data), wanted, limit))
    value = {"count": count, "letters": [_told(kept) for kept in found]}
    rows = [_row(kept) for kept in found]
    lines = table(rows, _COLUMNS) if rows else ["no dead letters"]
    if count > len(found):
        lines.append(f"the newest {len(found)} of {count}: narrow them down, or give --limit")
    show(value, lines, as_json=as_json)


def _row(kept: Kept) -> dict[str, str]:
    letter = kept.letter
    return {
        "address": letter.address,
        "set aside": kept.at.isoformat(timespec="seconds"),
        "reason": letter.reason,
        "publisher": kept.publisher or "-",
        "id": kept.id or "-",
        "detail": letter.detail,
    }


def _told(kept: Kept) -> dict[str, Any]:
    letter = kept.letter
    return {
        "address": letter.address,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "set_aside": kept.at.isoformat(),
        "reason": letter.reason,
        "detail": letter.detail,
        "publisher": kept.publisher,
        "id": kept.id,
        "can_be_replayed": kept.refusal is None,
        "is_refused_again": None if kept.refusal else letter.reason not in _PASSING,
    }


# --- show ----------------------------------------------------------------------------------------------------------


def show_letter(
    address: Annotated[str, typer.Argument(help="<topic>/<partition>/<offset>, as `dlq list` has it.")],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Show a dead letter."""
    wanted = Wanted(addresses=frozenset({_address(address)}))
    found, _ = _asked(newest(broker_address(data), wanted, 1))
    if not found:
        raise _not_there([address])
    (kept,) = found
    letter, size = kept.letter, len(kept.letter.value or b"")
    digest = None if letter.value is None else hashlib.sha256(letter.value).hexdigest()
    shown = None if letter.value is None else _escaped(letter.value[:_SHOWN])
    value = {
        **_told(kept),
        "key": None if letter.key is None else _escaped(letter.key),
        "headers": [[name, None if said is None else _escaped(said)] for name, said in letter.headers],
        "value": shown,
        "bytes": size,
        "is_cut": size > _SHOWN,
        "sha256": digest,
    }
    lines = [
        f"{letter.address}: {letter.reason}, set aside {kept.at.isoformat(timespec='seconds')}",
        letter.detail,
        f"publisher {kept.publisher or '-'}   id {kept.id or '-'}",
        f"key       {_or_none(letter.key)}",
        *(f"header    {name}: {_or_none(said)}" for name, said in letter.headers),
        f"value     {'none' if shown is None else shown}{' …' if size > _SHOWN else ''}",
        f"bytes     {size}",
        f"sha256    {digest or '-'}",
        kept.refusal or f"publish it again: paritrana dlq replay {letter.address}",
        *([_REPAIR] if kept.refusal is None else []),
    ]
    show(value, lines, as_json=as_json)


def _escaped(raw: bytes) -> str:
    """Return bytes as a text that loses nothing: what is no plain ASCII, and the backslash, as Python writes it."""
    return raw.decode("latin-1").encode("unicode_escape").decode("ascii")


def _or_none(raw: bytes | None) -> str:
    return "none" if raw is None else _escaped(raw)


# --- replay --------------------------------------------------------------------------------------------------------


def replay_letters(
    addresses: Annotated[list[str] | None, typer.Argument(help="Which, as `dlq list` has them.")] = None,
    every: Annotated[
        bool, typer.Option("--all", help="All of a --reason (and of a --topic, of a --publisher).")
    ] = False,
    topic: Topic = None,
    reason: Reason = None,
    publisher: Publisher = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Publish facts again as they came."""
    wanted = _wanted(addresses or [], (topic, reason, publisher), every=every)
    agreed: list[str] = []

    def agree(found: list[Kept]) -> list[str]:
        fit = _fit(wanted, found)
        if fit and not yes:
            _confirm(fit)
        agreed.extend(kept.letter.address for kept in fit)
        return agreed

    def told(count: int) -> None:
        show_progress(f"{count} published", as_json=as_json)

    count = _asked(replay(broker_address(data), wanted, agree, told))
    lines = [f"{count} published again as they came; what ingest has already is not counted twice", _REPAIR]
    show(
        {"replayed": count, "addresses": agreed},
        lines if count else ["there is nothing to publish"],
        as_json=as_json,
    )


def _wanted(addresses: Sequence[str], narrowed: tuple[str | None, str | None, str | None], *, every: bool) -> Wanted:
    topic, reason, publisher = narrowed
    if addresses:
        if every or any(narrowed):
            raise WrongUse("name addresses, or take all of a reason by --all --reason, not both")
        return Wanted(addresses=frozenset(map(_address, addresses)))
    if not every or reason is None:
        raise WrongUse("name the letters by their addresses, or give --all and --reason; `paritrana dlq list` has both")
    known = _known(topic)
    if known is not None and known not in OF_FACTS:
        raise WrongUse(f"{known} holds events of ours, which are re-read and never replayed")
    return Wanted(known, reason, publisher)


def _fit(wanted: Wanted, found: list[Kept]) -> list[Kept]:
    """Return what can be published; raise WrongUse when one that was named cannot, or is not there."""
    if wanted.addresses is not None:
        if missing := wanted.addresses - {kept.letter.address for kept in found}:
            raise _not_there(sorted(missing))
        if why := refusals(found):
            raise WrongUse(f"nothing was published: {why[0]}")
    return [kept for kept in found if kept.refusal is None]


def _confirm(found: list[Kept]) -> None:
    """Say what is about to be published, and raise WrongUse unless that is agreed to."""
    counted = Counter((kept.letter.topic, kept.publisher or "unknown") for kept in found)
    for (topic, publisher), count in sorted(counted.items()):
        typer.echo(visible(f"{topic}: {count} of {publisher}"), err=True)
    typer.echo(_REPAIR, err=True)
    try:
        if typer.confirm(f"Publish {len(found)} again?", err=True):
            return
    except typer.Abort:
        typer.echo("", err=True)
    raise WrongUse("nothing was published: agree, or give --yes")


# --- the broker ----------------------------------------------------------------------------------------------------


def _asked(asking: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(asking)
    except AWAY as error:
        raise WrongUse(f"the broker does not answer ({type(error).__name__}): is the stack running?") from error


def _known(topic: str | None) -> str | None:
    if topic is not None and topic not in KEPT:
        raise WrongUse(f"no letters are kept of {topic}: choose one of {', '.join(KEPT)}")
    return topic


def _address(text: str) -> str:
    if parsed(text) is None:
        raise WrongUse(f"{text} is no address: write <topic>/<partition>/<offset>, as `paritrana dlq list` has it")
    return text


def _not_there(addresses: Sequence[str]) -> WrongUse:
    return WrongUse(
        f"there is no dead letter {', '.join(addresses)}: `paritrana dlq list` has them; one is kept for 90 days"
    )
