"""A file of facts: CloudEvents in structured mode, one a line or in a JSON array, judged by the gate of ingest.

Each fact is sent as its bytes stand in the file, so what is judged here is what the gate at the other end judges.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from cli.output import WrongUse
from schemas.fact_reading import STRUCTURED, FactFault, ReadFact, Refused, claimed, read_fact, used_id
from schemas.facts import FACT_TYPES, TOPICS_OF
from schemas.topics import CONTRIBUTIONS, COVERAGE

MOST_BYTES: Final = 64 << 20
HEADERS: Final[tuple[tuple[str, bytes | None], ...]] = (("content-type", STRUCTURED.encode()),)
_BLANK: Final = b" \t\r\n"
_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class FileFact:
    """One fact of a file as it would be sent, and what the gate says of it: a fact, or a fault."""

    number: int
    """Which of the file's facts it is, from 1."""
    line: int
    """Where it begins in the file, from 1."""
    topic: str
    key: bytes
    value: bytes
    judged: ReadFact | FactFault

    @property
    def fact(self) -> ReadFact | None:
        """Return the fact that it is, None for one that is wrong."""
        return self.judged if isinstance(self.judged, ReadFact) else None

    @property
    def name(self) -> tuple[str | None, str | None]:
        """Return the publisher and the id that it has, or claims."""
        fact = self.fact
        return claimed(self.value, HEADERS) if fact is None else (fact.publisher, fact.id)


def read_file(file: Path) -> bytes:
    """Return what is in a file, or for `-` on standard input; raise WrongUse when it cannot be read."""
    try:
        if str(file) == "-":
            raw = sys.stdin.buffer.read(MOST_BYTES + 1)
        else:
            with file.open("rb") as opened:
                raw = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise WrongUse(f"{file} cannot be read: {error.strerror}") from None
    if len(raw) > MOST_BYTES:
        raise WrongUse(f"{file} has more than {MOST_BYTES >> 20} MiB: publish it in parts")
    return raw


def facts_in(raw: bytes, name: str, topic: str | None, now: datetime) -> list[FileFact]:
    """Return the facts of a file, each judged as ingest would at `now`, and against those before it.

    Args:
        raw: what is in the file.
        name: what the file is called in messages.
        topic: where they are to be sent; None for where the type of each belongs.
        now: the time.

    Raises WrongUse for a file without facts and for an array that is no JSON.
    """
    found: list[FileFact] = []
    known: dict[tuple[str, str, str], bytes] = {}
    for line, value in _documents(raw.removeprefix(_BOM), name):
        said = _parsed(value)
        where = topic or topic_of(said)
        key = key_of(where, said)
        judged = _judged(where, key, value, now)
        if isinstance(judged, ReadFact):
            # In another month, too: there both would count, and what names the id would belong to one of them.
            first = known.setdefault((where, judged.publisher, judged.id), judged.document)
            judged = judged if first == judged.document else used_id(judged)
        found.append(FileFact(len(found) + 1, line, where, key, value, judged))
    if not found:
        raise WrongUse(f"{name} has no facts: write one CloudEvent a line, or a JSON array of them")
    return found


def topic_of(said: Mapping[str, Any]) -> str:
    """Return the topic that a fact's type belongs to; the gate refuses there what belongs nowhere."""
    kind = said.get("type")
    topics = TOPICS_OF[FACT_TYPES[kind]] if isinstance(kind, str) and kind in FACT_TYPES else (CONTRIBUTIONS,)
    # A report that may be of either is a region's unless it says an employer.
    return topics[0] if len(topics) == 1 or "employer" in _data(said) else COVERAGE


def key_of(topic: str, said: Mapping[str, Any]) -> bytes:
    """Return the key that a fact has on a topic: whom it is about; empty where it does not say so."""
    subject = _data(said).get("region" if topic == COVERAGE else "employer")
    return subject.encode(errors="replace") if isinstance(subject, str) else b""


def _data(said: Mapping[str, Any]) -> Mapping[str, Any]:
    data = said.get("data")
    return data if isinstance(data, Mapping) else {}


def _judged(topic: str, key: bytes, value: bytes, now: datetime) -> ReadFact | FactFault:
    try:
        return read_fact(topic, key, value, HEADERS, now)
    except Refused as refused:
        return refused.fault


def _parsed(value: bytes) -> Mapping[str, Any]:
    try:
        said = json.loads(value)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _documents(raw: bytes, name: str) -> Iterator[tuple[int, bytes]]:
    """Yield the line and the bytes of each document: the members of an array, one object over lines, or each line."""
    start = raw.lstrip(_BLANK)
    if start.startswith(b"["):
        yield from _members(raw, name)
    elif _parsed(raw):
        yield 1 + raw[: len(raw) - len(start)].count(b"\n"), raw.strip(_BLANK)
    else:
        for number, line in enumerate(raw.split(b"\n"), 1):
            if value := line.strip(_BLANK):
                yield number, value


def _members(raw: bytes, name: str) -> Iterator[tuple[int, bytes]]:
    """Yield the members of an array as they stand in the file."""
    text = _text(raw, name)
    decoder = json.JSONDecoder()
    at, line, counted = _skip(text, text.index("[") + 1), 1, 0
    while not text.startswith("]", at):
        line, counted = line + text.count("\n", counted, at), at
        try:
            _, end = decoder.raw_decode(text, at)
        except RecursionError:
            raise WrongUse(f"{name}:{line}: this is nested too deep for a fact") from None
        except ValueError as error:
            where = error.lineno if isinstance(error, json.JSONDecodeError) else line
            why = error.msg if isinstance(error, json.JSONDecodeError) else "a number is too long"
            raise WrongUse(f"{name}:{where}: the array is no JSON: {why}") from None
        yield line, text[at:end].encode()
        at = _skip(text, end)
        if text.startswith(",", at):
            at = _skip(text, at + 1)
        elif not text.startswith("]", at):
            raise WrongUse(f"{name}:{1 + text.count(chr(10), 0, at)}: the array is no JSON: write a comma or ] here")
    at = _skip(text, at + 1)
    if at < len(text):
        raise WrongUse(f"{name}:{1 + text.count(chr(10), 0, at)}: nothing may follow the array")


def _text(raw: bytes, name: str) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        line = 1 + raw.count(b"\n", 0, error.start)
        raise WrongUse(f"{name}:{line}: this is no UTF-8: save the file as UTF-8") from None


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at
