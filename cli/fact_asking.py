"""How `paritrana facts publish` asks scoring about the facts of a file: many at once, in requests of a bounded size.

What would become of facts and what became of them is one question: once a fact is in the ledger, the answer says where.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import httpx
import orjson

from cli.asking import checked
from cli.fact_files import HEADERS, FileFact
from cli.output import WrongUse
from cli.service import told_of

AT_ONCE: Final = 200
"""Messages that `/v1/facts/checks` takes in one request, and rows of a page of what the sandbox said."""
_BYTES_AT_ONCE: Final = 900_000
"""Of a request's body, which may have 1 MiB."""
_CHECKS: Final = "/v1/facts/checks"
_JSON: Final = {"Content-Type": "application/json"}

Status = Literal["applied", "duplicate", "waiting", "refused", "new", "accepted", "no answer"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a fact, or in a dry run would."""

    status: Status
    why: str = ""
    fault: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """A fact that the broker acknowledged, and where it lies; the offset is -1 where the broker did not say it."""

    fact: FileFact
    topic: str
    partition: int
    offset: int

    @property
    def address(self) -> str | None:
        """Return its place as `<topic>/<partition>/<offset>`."""
        return None if self.offset < 0 else f"{self.topic}/{self.partition}/{self.offset}"


def refused(fault: dict[str, Any]) -> Outcome:
    """Return the outcome of a fact with a fault."""
    shown = {name: fault[name] for name in ("reason", "field", "value", "detail")}
    value = f" {shown['value']!r}" if shown["value"] else ""
    return Outcome("refused", f"{shown['reason']}: {shown['field']}{value}: {shown['detail']['en']}", shown)


def why(said: dict[str, Any]) -> str:
    """Return why a fact is not simply counted; nothing where it is."""
    if said["state"] == "waiting":
        vain = said.get("in_vain")
        return f"waits for its {said['waits_for']}" + (f", and in vain: {vain['en']}" if vain else "")
    if said["state"] == "counted":
        return ""
    by = said["by"]
    return said["state"] if by is None else f"{said['state']}: {by['publisher']}/{by['id']}"


# --- before anything is sent ---------------------------------------------------------------------------------------


def tried(client: httpx.Client, facts: Sequence[FileFact], *, sending: bool) -> dict[int, Outcome]:
    """Ask what would become of facts; `sending`: of which those are refused, too, that one does not publish."""
    found: dict[int, Outcome] = {}
    for part in _parts(facts):
        try:
            answer = client.post(_CHECKS, content=_body(part, sending=sending), headers=_JSON)
        except httpx.HTTPError as error:
            raise WrongUse(f"scoring does not answer at {client.base_url} ({type(error).__name__})") from None
        verdicts = checked(answer)["verdicts"]
        found |= {one.number: _would_be(said) for (one, _), said in zip(part, verdicts, strict=True)}
        progress("asked about", len(found), len(facts))
    return found


def _would_be(said: dict[str, Any]) -> Outcome:
    return Outcome(said["status"], why(said)) if said["accepted"] else refused(said["fault"])


_Part = list[tuple[FileFact, bytes]]
"""Facts that are asked about together, each with the message that it is."""


def _parts(facts: Sequence[FileFact]) -> Iterator[_Part]:
    """Yield the facts in parts that one request may hold."""
    part: _Part = []
    size = 0
    for one in facts:
        message = _message(one)
        if part and (len(part) == AT_ONCE or size + len(message) > _BYTES_AT_ONCE):
            yield part
            part, size = [], 0
        part.append((one, message))
        size += len(message) + 1
    if part:
        yield part


def _message(one: FileFact) -> bytes:
    return orjson.dumps(
        {
            "topic": one.topic,
            "key": one.key.decode(),
            "headers": {header: None if said is None else said.decode() for header, said in HEADERS},
            "value": one.value.decode(),
        }
    )


def _body(part: _Part, *, sending: bool) -> bytes:
    messages = b",".join(message for _, message in part)
    return b'{"sending":%b,"messages":[%b]}' % (b"true" if sending else b"false", messages)


# --- after it was sent ---------------------------------------------------------------------------------------------


def became(client: httpx.Client, sent: Sequence[Sent]) -> dict[int, Outcome]:
    """Return what became of those of the facts of which that is known.

    They come in about in the order in which they were sent: after a part that has few of them, none is asked about.
    """
    by_number = {one.fact.number: one for one in sent}
    found: dict[int, Outcome] = {}
    for part in _parts([one.fact for one in sent]):
        said = _answer(client, "POST", _CHECKS, content=_body(part, sending=True), headers=_JSON)
        verdicts = [] if said is None else said["verdicts"]
        known = {
            one.number: _became(by_number[one.number], each) for (one, _), each in zip(part, verdicts, strict=False)
        }
        found |= {number: outcome for number, outcome in known.items() if outcome is not None}
        if sum(outcome is not None for outcome in known.values()) * 2 < len(part):
            break
    return found


def _became(one: Sent, said: dict[str, Any]) -> Outcome | None:
    """Return what became of a fact by its verdict, None while the ledger does not have it."""
    if not said["accepted"]:
        return refused(said["fault"])
    if said["status"] != "duplicate":
        return None
    if one.address == said["address"]:
        return Outcome("waiting" if said["state"] == "waiting" else "applied", why(said))
    # It lay there already, so what was sent is dropped whenever it is reached.
    return Outcome("applied" if one.address is None else "duplicate", f"first at {said['address']}")


def set_aside(client: httpx.Client, one: Sent) -> Outcome | None:
    """Return why a message was refused, None when it was not: of what no verdict tells, as a clock that was behind."""
    publisher, id_ = one.fact.name
    said = _answer(client, "GET", f"/v1/facts/{publisher}/{id_}")
    return next((refused(each) for each in (said or {}).get("refused", ()) if each["address"] == one.address), None)


def rehearsed(client: httpx.Client, sent: Sequence[Sent]) -> dict[int, Outcome]:
    """Return what the sandbox said of facts, as far as it did: by the pages of what it said last."""
    by_address = {one.address: one for one in sent if one.address is not None}
    by_name = {(one.topic, *one.fact.name): one for one in sent if one.address is None}
    found: dict[int, Outcome] = {}
    query: dict[str, str] = {"limit": str(AT_ONCE)}
    for _ in range(len(sent) // AT_ONCE + 2):
        page = _answer(client, "GET", "/v1/facts/sandbox", params=query)
        for said in () if page is None else page["items"]:
            one = by_address.get(said["address"]) or by_name.get((said["topic"], said["publisher"], said["id"]))
            if one is not None:
                outcome = Outcome("accepted") if said["accepted"] else refused(said["fault"])
                found.setdefault(one.fact.number, outcome)
        if page is None or page["next"] is None or len(found) == len(sent):
            break
        query = {**query, "cursor": page["next"]}
    return found


def _answer(client: httpx.Client, method: str, path: str, **sent: Any) -> dict[str, Any] | None:
    """Return what is said, None while nothing is; what was sent is asked about again after any pause."""
    try:
        answer = client.request(method, path, **sent)
    except httpx.HTTPError:
        return None
    if answer.status_code in {httpx.codes.NOT_FOUND, httpx.codes.SERVICE_UNAVAILABLE}:
        return None
    if answer.status_code != httpx.codes.OK:
        raise WrongUse(f"everything was sent, yet no status can be read at {client.base_url}: {_problem(answer)}")
    said: dict[str, Any] = answer.json()
    return said


def _problem(answer: httpx.Response) -> str:
    try:
        return told_of(answer.json(), answer.status_code)
    except ValueError:
        return str(answer.status_code)


def progress(what: str, count: int, of: int) -> None:
    """Say on a terminal how far a long file is; nothing of it reaches a file or a pipe."""
    if of > AT_ONCE and sys.stderr.isatty():
        sys.stderr.write(f"\r{what} {count:,} of {of:,}" + ("\n" if count >= of else ""))
        sys.stderr.flush()
