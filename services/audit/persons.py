"""Names beside pseudonyms, for who may see them: asked of identity person by person, and never written into an export.

A name can be erased by law, a log cannot forget. So names lie in a file of their own, apart from the folder: without it
everything is shown by office and pseudonym, and who has to forget a name removes a file that no check knows of.
Identity keeps who was told whose name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import httpx
import msgspec

from kernel.canonical import canonical
from services.audit.findings import printable
from services.audit.folder import Tally, is_event_file, lines_of, open_regular, paths_below

_UUID: Final = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_NAMING: Final = (
    *("actor", "by", "confirmed_by", "contact", "member", "nominated_by", "person", "reader", "recorded_by"),
    *("registered_by", "replaces", "successor", "teller", "verifier"),
)
"""Members of an event that hold a person; ids of anything else found there are unknown to identity."""
_PERSON: Final = re.compile(rf'"(?:{"|".join(_NAMING)})":"({_UUID})"'.encode())
_SHOWN: Final = re.compile(rf"(?<= )({_UUID})(?=[ :,\]]|$)")
_MOST_IDS: Final = 200
_SECONDS: Final = 30.0
ERASED: Final = "dihapus / erased"


class NotNamed(Exception):
    """Names cannot be had; the message says why and what to do."""


class Named(msgspec.Struct, forbid_unknown_fields=True):
    """One person as identity tells of it."""

    person: str
    name: str | None
    erased: bool


_decoder: Final = msgspec.json.Decoder(Named)


class _Row(msgspec.Struct):
    id: str
    name: str | None
    erased: bool


class _Told(msgspec.Struct):
    persons: list[_Row]


def persons_in(folder: Path) -> list[str]:
    """Return the pseudonyms of everybody whom the events of an exported folder name, in order."""
    found: set[str] = set()
    for path in filter(is_event_file, paths_below(folder)):
        with closing(open_regular(folder, path)) as source:
            for line in lines_of(source, Tally()):
                found.update(match.decode() for match in _PERSON.findall(line.raw))
    return sorted(found)


def asked_names(identity: str, token: str, persons: Sequence[str]) -> Iterator[Named]:
    """Ask identity for names as an auditor. Raises NotNamed."""
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=identity, headers=headers, timeout=_SECONDS, trust_env=False) as client:
        for first in range(0, len(persons), _MOST_IDS):
            ids = ",".join(persons[first : first + _MOST_IDS])
            try:
                answer = client.get("/v1/persons/names", params={"ids": ids})
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise NotNamed(f"identity does not answer at {identity} ({type(error).__name__}): start it") from None
            if answer.status_code != httpx.codes.OK:
                raise NotNamed(
                    f"identity answered {answer.status_code}: names are told to an auditor of every season, signed in"
                )
            try:
                told = msgspec.json.decode(answer.content, type=_Told)
            except msgspec.DecodeError:
                raise NotNamed(f"what answers at {identity} is not identity: correct PARITRANA_IDENTITY_URL") from None
            yield from (Named(row.id, row.name, row.erased) for row in told.persons)


def lines_of_names(named: Iterable[Named]) -> Iterator[bytes]:
    """Yield the lines of a file of names."""
    for one in named:
        yield canonical({"erased": one.erased, "name": one.name, "person": one.person}) + b"\n"


def read_names(file: Path) -> dict[str, str]:
    """Return the names in such a file by pseudonym, `ERASED` for who was erased. Raises NotNamed."""
    found: dict[str, str] = {}
    try:
        with file.open("rb") as source:
            for line in lines_of(source, Tally()):
                one = _decoder.decode(line.raw)
                found[one.person] = ERASED if one.erased or one.name is None else printable(one.name)
    except OSError as error:
        raise NotNamed(f"{file} cannot be read: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NotNamed(f"{file} is no file of names, as audit export --names makes it: {error}") from None
    return found


def with_names(lines: Iterable[str], names: Mapping[str, str]) -> Iterator[str]:
    """Yield lines with the name behind each pseudonym that stands as a word, and none inside names of streams."""
    for line in lines:
        yield _SHOWN.sub(lambda found: f"{found[1]} ({names[found[1]]})" if found[1] in names else found[1], line)
