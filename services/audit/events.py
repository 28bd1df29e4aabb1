"""Checks of one event by itself: canonical bytes, envelope, data hash, model, signature.

The rules are those of the event document (`schemas.document`, RFC 8785 narrowed, RFC 6962 leaf hashes, RFC 8032
signatures). Each check yields `(code, sentence)` for whatever is wrong, and goes on.
"""

from __future__ import annotations

import re
from base64 import b64encode
from binascii import a2b_base64
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Final, NamedTuple

import orjson
from pydantic import ValidationError

from kernel.canonical import (
    Json,
    NotCanonical,
    canonical,
    check_profile,
    envelope_of,
    from_instant,
    leaf_hash,
    parse_canonical,
    signature_holds,
)
from schemas.document import fault_of, is_plain_envelope, must_be_signed, plain_fault_of
from schemas.envelope import UUID_PATTERN
from schemas.registry import UnknownEvent, UnreadableEvent, event_models, read_event
from schemas.topics import EVENT_TOPICS, source_of
from schemas.upcasters import UPCASTERS, upcast
from services.audit.signatures import holds
from services.audit.trust import Chains, Publication

Fault = tuple[str, str]

OWNERS: Final = {topic.name: topic.owner for topic in EVENT_TOPICS}
_UUID: Final = re.compile(UUID_PATTERN)
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
_STREAM: Final = re.compile(r"[a-z]+(/[A-Za-z0-9._-]+)+")
_LONGEST_STREAM: Final = 255


class Unusable(Exception):
    """A line that is no event document at all: it cannot be placed in any stream."""


@dataclass(slots=True)
class Document:
    """One parsed event: what the chain and the decisions need of it, and its RFC 6962 leaf hash.

    Nothing changes it; it is not frozen because that makes it several times as slow to make, once for every event.
    """

    doc: Json
    hash: bytes
    id: str
    type: str
    stream: str
    version: int
    time: str
    cause: str | None

    @property
    def data(self) -> Json:
        """Return the event's own fields and its salt."""
        data: Json = self.doc["data"]
        return data

    def as_newest(self) -> Document:
        """Return the event as the newest version of its type says it; what is checked of its bytes is not in there."""
        if self.type not in UPCASTERS:
            return self
        type_name, data = upcast(self.type, self.data)
        return replace(self, type=type_name, doc=self.doc | {"data": data})


class Read(NamedTuple):
    """An event as it was read: what its document's form says against it, and the bytes that its signature is of.

    `signed` is None where those bytes have to be made of the document.
    """

    event: Document
    fault: str | None
    signed: bytes | None


_DATA: Final = b'"data":'
_AFTER_DATA: Final = b',"datahash":"'
_SIGNATURE: Final = b'"signature":"'
_SIGNATURE_BYTES: Final = len(_SIGNATURE) + 88 + len('",')


def read(raw: bytes) -> Read:
    """Return the event in `raw`, looked at once where it has the form that events have; raise Unusable as `parse`."""
    found = _read_plain(raw)
    if found is not None:
        return found
    event = parse(raw)
    return Read(event, fault_of(event.doc), None)


def _read_plain(raw: bytes) -> Read | None:  # noqa: PLR0911 - each way out is another form than the usual
    """Return what `parse` and `fault_of` find in an event of the usual form, None for any other.

    The envelope's bytes are those of the line without its data, since no text can hold the names beside it: quotes
    inside of one are escaped. So only the data has to be written again to see that the whole line is canonical.
    """
    begin, end = raw.find(_DATA), raw.rfind(_AFTER_DATA)
    if not 0 < begin < end:
        return None
    envelope, data_bytes = raw[:begin] + raw[end + 1 :], raw[begin + len(_DATA) : end]
    try:
        if not is_plain_envelope(envelope.decode("ascii")):
            return None
        doc = orjson.loads(envelope)
        data = orjson.loads(data_bytes)
    except (UnicodeDecodeError, orjson.JSONDecodeError):
        return None
    try:
        check_profile(data, "$.data", 1)
    except NotCanonical:
        return None
    if type(data) is not dict or canonical(data) != data_bytes:
        return None
    doc["data"] = data
    fault = plain_fault_of(doc, data_bytes)
    if fault is not None:
        return None  # rare, and looked at once more, for the first fault of several
    signed = None
    if "signature" in doc:
        place = envelope.rfind(_SIGNATURE)
        signed = envelope[:place] + envelope[place + _SIGNATURE_BYTES :]
    event = Document(
        doc, leaf_hash(envelope), doc["id"], doc["type"], doc["subject"], doc["streamversion"], doc["time"],
        doc.get("causationid"),
    )  # fmt: skip
    return Read(event, None, signed)


def parse(raw: bytes) -> Document:
    """Return the event in `raw`; raise Unusable when its bytes or its place in a stream cannot be read."""
    try:
        doc = parse_canonical(raw)
    except NotCanonical as error:
        raise Unusable(str(error)) from None
    except (RecursionError, TypeError):
        raise Unusable("the document is nested too deeply") from None
    stream, version = doc.get("subject"), doc.get("streamversion")
    if not isinstance(stream, str) or len(stream) > _LONGEST_STREAM or not _STREAM.fullmatch(stream):
        raise Unusable("the document names no stream in `subject`")
    if type(version) is not int or version < 1:
        raise Unusable("the document has no `streamversion` from 1 on")
    id_, time, cause = (doc.get(name) for name in ("id", "time", "causationid"))
    if not isinstance(id_, str) or not _UUID.fullmatch(id_):
        raise Unusable("the document has no UUID in `id`")
    if not isinstance(time, str) or not _is_instant(time):
        raise Unusable("the document has no instant in `time`, such as 2021-02-20T23:59:00.000000Z")
    if cause is not None and not (isinstance(cause, str) and _UUID.fullmatch(cause)):
        raise Unusable("`causationid` is no UUID")
    if not isinstance(doc.get("type"), str) or not isinstance(doc.get("data"), dict):
        raise Unusable("the document has no `type` or no `data`")
    return Document(doc, leaf_hash(envelope_of(doc)), id_, doc["type"], stream, version, time, cause)


def _is_instant(text: str) -> bool:
    if not _TIME.fullmatch(text):
        return False
    try:
        from_instant(text)
    except ValueError:
        return False
    return True


_SOURCES: Final = {owner: source_of(owner) for owner in OWNERS.values()}


@cache
def _validator(type_name: str) -> Callable[[Json], object] | None:
    """Return what validates the data of a type that has never had another version, None for any other."""
    model = event_models().get(type_name)
    return None if model is None or type_name in UPCASTERS else model.__pydantic_validator__.validate_python


def faults_of(event: Document, owner: str, wrong: str | None) -> Iterator[Fault]:
    """Check what an event says by itself; `wrong` is what its document's form says against it (`fault_of`)."""
    if wrong:
        yield "document", wrong
    if event.doc.get("source") != _SOURCES[owner]:
        yield "source", f"only {owner} writes to this topic"
    try:
        if (validate := _validator(event.type)) is not None:
            validate(event.data)
            return
    except ValidationError:
        pass  # read once more, for the sentence
    try:
        read_event(event.type, event.data)
    except UnknownEvent as error:
        yield "type", f"{error}: a newer version of this program may know it"
    except UnreadableEvent as error:
        yield "data", str(error)


class Keys:
    """The keys by which a log's events are signed: those that services published and that `trust` finds their own."""

    def __init__(self, given: Mapping[str, Collection[str]] | None = None) -> None:
        """Know no key yet but by the ids in `given`, by service, which the auditor had from elsewhere."""
        self.chains = Chains(given or {})
        self._settled = False
        self._known: dict[tuple[str, str], bytes] = {}
        self._no_longer: dict[tuple[str, str], str] = {}

    def take(self, event: Document, owner: str) -> None:
        """Take a ServiceKeyPublished in a topic of `owner`; they come in the order of their stream."""
        self.chains.take(_publication(event), owner)
        self._settled = False

    def published_faults(self, event: Document, owner: str) -> Iterator[Fault]:
        """Return what is wrong with a ServiceKeyPublished, once all were taken."""
        return self.chains.faults(_publication(event), owner)

    def listed(self) -> list[dict[str, str]]:
        """Return the keys as a manifest lists them, in order, whoever vouches for them."""
        return [
            {"service": service, "key_id": key_id, "public_key": b64encode(public).decode()}
            for service, key_id, public, _ in self.chains.listed()
        ]

    def told(self) -> list[dict[str, str]]:
        """Return the keys as a report tells them: with why each is trusted, or `none`."""
        trust = [why for *_, why in self.chains.listed()]
        return [{**key, "trust": why} for key, why in zip(self.listed(), trust, strict=True)]

    def _settle(self) -> None:
        self._known, self._no_longer = self.chains.trusted(), self.chains.no_longer()
        self._settled = True

    def faults(self, event: Document, owner: str, signed: bytes | None) -> Iterator[Fault]:
        """Check the signature of an event that has one, over `signed` where that is at hand."""
        key_id = event.doc.get("signaturekey")
        if "signature" not in event.doc:
            if must_be_signed(event.type):
                yield "signature", "it has no signature, and events of its type have one"
            return
        if not self._settled:
            self._settle()
        public = self._known.get((owner, key_id)) if isinstance(key_id, str) else None
        if public is None or key_id is None:
            yield "unknown-key", self._unknown(owner, key_id)
        elif not (signature_holds(event.doc, public) if signed is None else self._holds(event.doc, public, signed)):
            yield "signature", "the signature does not fit the envelope: it was changed after it was signed"
        elif self._no_longer and (until := self._no_longer.get((owner, key_id))) is not None and event.time > until:
            yield "retired-key", f"it was recorded after {until}, when another key had taken the place of {key_id}"

    def _unknown(self, owner: str, key_id: object) -> str:
        if self.chains.knows(owner, key_id):
            return f"the signing key {key_id!r} was published for {owner}, and no key of {owner} vouches for it"
        return f"the signing key {key_id!r} was not published by {owner} in this log"

    @staticmethod
    def _holds(doc: Json, public: bytes, signed: bytes) -> bool:
        """Tell what `signature_holds` tells, of bytes that are at hand."""
        return holds(public, a2b_base64(doc["signature"]), signed)


def _publication(event: Document) -> Publication:
    return Publication(event.stream, event.version, event.time, event.doc)
