"""Checks of one event by itself: canonical bytes, envelope, data hash, model, signature; and of its place in a stream.

The rules are those of the event document (`schemas.document`, RFC 8785 narrowed, RFC 6962 leaf hashes, RFC 8032
signatures). Each check yields `(code, sentence)` for whatever is wrong, and goes on.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from kernel.canonical import (
    Json,
    NotCanonical,
    envelope_of,
    from_instant,
    leaf_hash,
    parse_canonical,
    signature_holds,
)
from schemas.document import fault_of
from schemas.envelope import UUID_PATTERN
from schemas.registry import UnknownEvent, UnreadableEvent, read_event
from schemas.topics import EVENT_TOPICS, source_of
from schemas.upcasters import UPCASTERS, upcast
from services.audit.findings import Place

Fault = tuple[str, str]

OWNERS: Final = {topic.name: topic.owner for topic in EVENT_TOPICS}
_UUID: Final = re.compile(UUID_PATTERN)
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
_STREAM: Final = re.compile(r"[a-z]+(/[A-Za-z0-9._-]+)+")
_LONGEST_STREAM: Final = 255


class Unusable(Exception):
    """A line that is no event document at all: it cannot be placed in any stream."""


@dataclass(frozen=True, slots=True)
class Document:
    """One parsed event: what the chain and the decisions need of it, and its RFC 6962 leaf hash."""

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


def faults_of(event: Document, owner: str) -> Iterator[Fault]:
    """Check what an event says by itself: its envelope and data's hash, and that its data fits its model."""
    if wrong := fault_of(event.doc):
        yield "document", wrong
    if event.doc.get("source") != source_of(owner):
        yield "source", f"only {owner} writes to this topic"
    try:
        read_event(event.type, event.data)
    except UnknownEvent as error:
        yield "type", f"{error}: a newer version of this program may know it"
    except UnreadableEvent as error:
        yield "data", str(error)


def _key_id(public: bytes, use: object) -> str:
    """Return the id of a published key: a token key's is its thumbprint (RFC 7638), an event key's is shorter."""
    if use == "tokens":
        x = urlsafe_b64encode(public).rstrip(b"=").decode()
        thumb = hashlib.sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'.encode()).digest()
        return urlsafe_b64encode(thumb).rstrip(b"=").decode()
    return hashlib.sha256(public).hexdigest()[:16]


@dataclass(slots=True)
class Keys:
    """The public keys that services published for signing events, by service and key id."""

    known: dict[tuple[str, str], bytes] = field(default_factory=dict)

    def take(self, owner: str, data: Json) -> str | None:
        """Take the data of a ServiceKeyPublished in a topic of `owner`; return what is wrong with it, if anything."""
        try:
            public = b64decode(data["public_key"], validate=True)
            service, key_id, use = data["service"], data["key_id"], data["use"]
        except (KeyError, TypeError, ValueError):
            return "the published key cannot be read"
        if service != owner:
            return f"the key of {service!r} is published in a stream of {owner}"
        if len(public) != 32 or key_id != _key_id(public, use):
            return "the key id is not the one that follows from the key"
        if use == "events":
            self.known[owner, key_id] = public
        return None

    def listed(self) -> list[dict[str, str]]:
        """Return the keys as a manifest lists them, in order."""
        return [
            {"service": service, "key_id": key_id, "public_key": b64encode(public).decode()}
            for (service, key_id), public in sorted(self.known.items())
        ]

    def faults(self, event: Document, owner: str) -> Iterator[Fault]:
        """Check the signature of an event that has one; `schemas.document` says which must."""
        key_id = event.doc.get("signaturekey")
        if "signature" not in event.doc:
            return
        public = self.known.get((owner, key_id)) if isinstance(key_id, str) else None
        if public is None:
            yield "unknown-key", f"the signing key {key_id!r} was not published by {owner} in this log"
        elif not signature_holds(event.doc, public):
            yield "signature", "the signature does not fit the envelope: it was changed after it was signed"


@dataclass(frozen=True, slots=True)
class End:
    """The last event of a stream, as far as it was read."""

    version: int
    hash: bytes
    time: str
    place: Place


class Chains:
    """Every stream's chain: versions from 1 without a gap, each event naming the leaf hash of the one before."""

    def __init__(self) -> None:
        self.ends: dict[str, End] = {}

    def take(self, event: Document, place: Place) -> Iterator[tuple[str, Place, str]]:
        """Check an event against the end of its stream, which then is this event."""
        before = self.ends.get(event.stream)
        self.ends[event.stream] = End(event.version, event.hash, event.time, place)
        expected = before.version + 1 if before else 1
        if event.version != expected:
            yield "version", place, _misplaced(event.version, expected)
        elif before and event.doc.get("prevhash") != before.hash.hex():
            # Told at the event before: had this one been changed, its own leaf hash would not fit what follows it.
            what = f"its leaf hash is not the `prevhash` of the next event ({place}): an envelope was changed"
            yield "chain", before.place, what
        if before and event.time < before.time and event.version > before.version:
            yield "time", place, f"the event is recorded before version {before.version} of its stream"


def _misplaced(version: int, expected: int) -> str:
    if version < expected:
        return f"version {version} stands where version {expected} belongs: it is here twice, or was moved"
    if version == expected + 1:
        return f"version {expected} is missing"
    return f"versions {expected} to {version - 1} are missing"
