"""A small log made with the kernel's own writer, exported with the real exporter: what the verifier is tried on."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kernel.canonical import Ed25519Signer, canonical, envelope_of, instant, uuid7, write_document
from kernel.tlog.checkpoints import Checkpoint
from kernel.tlog.notes import NoteKey
from kernel.tlog.successions import Succession
from kernel.tlog.tiles import WIDTH, Tile, bundles_of, write_bundle
from kernel.tlog.trees import GrowingTree, leaf_hash
from schemas.codec import CODEC
from schemas.envelope import Event, Stage
from schemas.nomination import Candidate, CandidateNominated, CommitteeFormed
from schemas.notifications import NotificationDelivered
from schemas.scoring import AspectScored, Mark
from schemas.service import ServiceKeyPublished, key_statement
from schemas.topics import source_of, topic_of
from services.audit.excerpts import Excerpt
from services.audit.export import Exported, Result, StoreStatus, export
from services.audit.folder import MANIFEST
from services.audit.selections import range_of

PERSON = "018f0000-0000-7000-8000-00000000000a"
MEMBER = "018f0000-0000-7000-8000-00000000000b"
NOMINATION = "018f0000-0000-7000-8000-000000000001"
STAGE = Stage(season="2020", tier="provincial", province="75", category="KABKOTA", stage="desk")
BEGIN = datetime(2021, 1, 6, tzinfo=UTC)


def owner_of(stream: str) -> str:
    """Return the service that writes a stream."""
    return {"paritrana.scores.v1": "scoring"}.get(topic_of(stream), topic_of(stream).split(".")[1])


class TreeOf:
    """The tree over some entries, as an export takes it."""

    def __init__(self, entries: Sequence[bytes], key: NoteKey) -> None:
        self._entries = list(entries)
        self.size = len(self._entries)
        self._tree = GrowingTree()
        self._tiles = self._tree.append(leaf_hash(entry) for entry in entries)
        self.note = Checkpoint(key.name, len(entries), self._tree.root).signed(key).raw
        self.keys = [key.verifier]
        self.successions: list[Succession] = []

    def tile(self, tile: Tile) -> bytes:
        return dict([*self._tiles, *self._tree.partial()])[tile]

    def files(self) -> Iterator[tuple[str, bytes]]:
        for tile, raw in (*self._tiles, *self._tree.partial()):
            yield tile.path, raw
        for bundle in bundles_of(len(self._entries)):
            start = bundle.number * WIDTH
            yield bundle.path, write_bundle(self._entries[start : start + bundle.width])


@dataclass
class Log:
    """Appends events as services do: enveloped, chained, signed; is a Source for the exporter."""

    documents: dict[str, list[str]] = field(default_factory=dict)
    signers: dict[str, Ed25519Signer] = field(default_factory=dict)
    hashes: dict[str, bytes] = field(default_factory=dict)
    now: datetime = BEGIN
    count: int = 0
    key: NoteKey | None = None
    """The log's own key: with one, exports hold the tree."""
    entries: list[bytes] = field(default_factory=list)
    """Every envelope in the order in which it was appended."""

    def open(self, service: str) -> None:
        """Publish a new key of a service, which signs from then on."""
        signer = self.signers[service] = Ed25519Signer(Ed25519PrivateKey.generate())
        key = b64encode(signer.public_key).decode()
        event = ServiceKeyPublished(
            service=service, key_id=signer.key_id, algorithm="Ed25519", use="events", public_key=key
        )
        self.append(f"service/{service}", event)

    def rotate(self, service: str, **changed: str | None) -> Ed25519Signer:
        """Publish the next key of a service under the signature of the one until now, which is returned.

        `changed` are fields of the event that say something else than they should.
        """
        before = self.signers[service]
        self.append(f"service/{service}", next_key(service, before, after := new_signer(), **changed), signed=True)
        self.signers[service] = after
        return before

    def append(
        self,
        stream: str,
        event: Event,
        *,
        cause: str | None = None,
        signed: bool | None = None,
        actor: str = PERSON,
        office: str | None = None,
    ) -> str:
        """Append an event and return its id."""
        written = CODEC.write(event)
        signed = written.signed if signed is None else signed
        return self.append_raw(
            stream, written.type, written.data, cause=cause, signed=signed, actor=actor, office=office
        )

    def append_raw(
        self,
        stream: str,
        type_name: str,
        data: dict[str, Any],
        *,
        cause: str | None = None,
        signed: bool = False,
        actor: str = PERSON,
        office: str | None = None,
    ) -> str:
        """Append data of a type as it is and return the event's id."""
        owner = owner_of(stream)
        held = self.documents.setdefault(stream, [])
        self.now += timedelta(seconds=1)
        attributes: dict[str, Any] = {
            "specversion": "1.0",
            "id": uuid7(),
            "source": source_of(owner),
            "type": type_name,
            "time": instant(self.now),
            "dataschema": f"urn:paritrana:schema:{type_name.removeprefix('id.go.paritrana.')}",
            "subject": stream,
            "streamversion": len(held) + 1,
            "actor": actor,
            "commandid": uuid7(),
        }
        if held:
            attributes["prevhash"] = self.hashes[stream].hex()
        if cause:
            attributes["causationid"] = cause
        if office:
            attributes["office"] = office
        sealed = write_document(attributes, dict(data), self.signers[owner] if signed else None)
        held.append(sealed.document)
        self.hashes[stream] = sealed.hash
        self.entries.append(envelope_of(orjson.loads(sealed.document)))
        self.count += 1
        return sealed.id

    def status(self) -> StoreStatus:
        """Return a status as the store gives it."""
        return StoreStatus(f"1-{700 + self.count}-{self.count}", self.count)

    def tree(self, until: str) -> TreeOf | None:
        """Return the tree over every event so far, when this log has a key."""
        return None if self.key is None else TreeOf(self.entries, self.key)

    def chosen(self, until: str, selections: Sequence[str], *, first: bool = False) -> Iterator[Exported]:
        """Return the events of chosen streams, as the store gives them, each with its leaf."""
        indexes = {leaf_hash(entry): index for index, entry in enumerate(self.entries)}
        ranges = [range_of(one) for one in selections]
        for stream in sorted(self.documents):
            if not any(lower <= stream < upper for lower, upper in ranges):
                continue
            for version, document in enumerate(self.documents[stream][: 1 if first else None], start=1):
                index = indexes[leaf_hash(envelope_of(orjson.loads(document)))]
                yield Exported(stream, version, document, index)

    def events(self, until: str) -> Iterator[Exported]:
        """Return every event in the order of the export."""
        for stream in sorted(self.documents):
            for version, document in enumerate(self.documents[stream], start=1):
                yield Exported(stream, version, document)


def new_signer() -> Ed25519Signer:
    """Return a new key."""
    return Ed25519Signer(Ed25519PrivateKey.generate())


def next_key(service: str, before: Ed25519Signer, after: Ed25519Signer, **changed: str | None) -> ServiceKeyPublished:
    """Return the event by which one key of a service takes the place of another; `changed` says otherwise."""
    key = b64encode(after.public_key).decode()
    proof = b64encode(after.sign(key_statement(service, after.key_id, key, before.key_id))).decode()
    said = {"key_id": after.key_id, "public_key": key, "replaces": before.key_id, "proof": proof, **changed}
    return ServiceKeyPublished.model_validate({"service": service, "algorithm": "Ed25519", "use": "events", **said})


def nominated(nomination: str = NOMINATION, *, code: str = "75.01") -> CandidateNominated:
    """Return the nomination of a local government."""
    return CandidateNominated(
        nomination=nomination,
        entry=STAGE,
        candidate=Candidate(kind="regency", code=code, name="Kabupaten Bone Bolango"),
        nominating_body="75",
        nominated_by=PERSON,
        contact=MEMBER,
        sample=True,
    )


def scored(nomination: str = NOMINATION, mark: str = "87.5") -> AspectScored:
    """Return one filed mark."""
    filed = Mark.model_validate({"aspect": "policy", "mark": mark})
    return AspectScored(nomination=nomination, at=STAGE, member=MEMBER, mark=filed, sample=True)


SHEET = f"sheet/{NOMINATION}/provincial-desk/{MEMBER}"
DELIVERY = f"delivery/{PERSON}"


def small_log() -> Log:
    """Return a log of a nomination, three marks and two deliveries."""
    log = Log()
    for service in ("nomination", "scoring", "notifications"):
        log.open(service)
    log.append(
        "committee/2020/75",
        CommitteeFormed(
            season="2020",
            province="75",
            body="panitia-9",
            decree="SK 1/2020",
            term_from=BEGIN.date(),
            term_until=BEGIN.date(),
        ),
    )
    cause = log.append(f"nomination/{NOMINATION}", nominated())
    for mark in ("80", "85", "87.5"):
        log.append(SHEET, scored(mark=mark))
    for template in ("nominated", "announced"):
        log.append(DELIVERY, delivered(cause, template), cause=cause)
    return log


def delivered(cause: str, template: str) -> NotificationDelivered:
    """Return a delivery that `cause` led to."""
    return NotificationDelivered(
        person=PERSON,
        cause=cause,
        channel="mail",
        template=template,
        message_id=f"<{uuid7()}@paritrana.invalid>",
        digest=hashlib.sha256(template.encode()).hexdigest(),
    )


def write_export(log: Log, folder: Path, excerpt: Excerpt | None = None) -> Result:
    """Export a log, or a part of it, into a fresh folder with the real exporter."""
    folder.mkdir(parents=True)
    return export(log, folder, lambda _line: None, wait=0, excerpt=excerpt)


def event_files(folder: Path) -> list[Path]:
    """Return the files of events of an export."""
    return sorted((folder / "events").glob("*/*.jsonl"))


def rewrite_manifest(folder: Path) -> str:
    """Make heads and manifest anew to fit the events that are there, as a forger would; return the new digest."""
    manifest = orjson.loads((folder / MANIFEST).read_bytes())
    heads: dict[str, bytes] = {}
    for path in event_files(folder):
        for line in path.read_bytes().splitlines():
            heads[orjson.loads(line)["subject"]] = head_line(line)
    (folder / "heads.jsonl").write_bytes(b"".join(heads[stream] + b"\n" for stream in sorted(heads)))
    facts = (folder / "facts").glob("*/*.jsonl")
    listed = [*event_files(folder), *facts, folder / "README.md", folder / "heads.jsonl"]
    manifest["files"] = sorted((_listed(folder, path) for path in listed), key=lambda entry: entry["path"])
    manifest["streams"] = len(heads)
    manifest["events"] = sum(len(path.read_bytes().splitlines()) for path in event_files(folder))
    raw = canonical(manifest) + b"\n"
    (folder / MANIFEST).write_bytes(raw)
    return hashlib.sha256(raw).hexdigest()


def change_manifest(folder: Path, change: Callable[[dict[str, Any]], object]) -> str:
    """Change the manifest of a folder; return its new digest."""
    manifest = orjson.loads((folder / MANIFEST).read_bytes())
    change(manifest)
    raw = canonical(manifest) + b"\n"
    (folder / MANIFEST).write_bytes(raw)
    return hashlib.sha256(raw).hexdigest()


def relist(folder: Path) -> str:
    """Make heads and the manifest's list anew to fit what is there, the log's tree as it is; return the new digest."""
    heads: dict[str, bytes] = {}
    for path in event_files(folder):
        for line in path.read_bytes().splitlines():
            heads[orjson.loads(line)["subject"]] = head_line(line)
    (folder / "heads.jsonl").write_bytes(b"".join(heads[stream] + b"\n" for stream in sorted(heads)))

    def change(manifest: dict[str, Any]) -> None:
        manifest["files"] = [_listed(folder, folder / entry["path"]) for entry in manifest["files"]]
        manifest["streams"] = len(heads)
        manifest["events"] = sum(len(path.read_bytes().splitlines()) for path in event_files(folder))

    return change_manifest(folder, change)


def head_line(line: bytes) -> bytes:
    """Return the head that a line of events, as its stream's last, would have."""
    doc = orjson.loads(line)
    envelope = canonical({key: value for key, value in doc.items() if key != "data"})
    digest = hashlib.sha256(b"\x00" + envelope).hexdigest()
    return canonical({"stream": doc["subject"], "version": doc["streamversion"], "hash": digest})


def _listed(folder: Path, path: Path) -> dict[str, Any]:
    raw = path.read_bytes()
    return {
        "path": path.relative_to(folder).as_posix(),
        "bytes": len(raw),
        "sha256": hashlib.sha256(raw).hexdigest(),
        "lines": raw.count(b"\n"),
    }


def forged(log: Log, change: Callable[[str, int, str, dict[str, Any]], None]) -> Log:
    """Return the log as services that hold their keys would have written it with other data, ids and times kept.

    `change` is given stream, version, the type's name and the data, which it may change in place.
    """
    made = Log(signers=log.signers, now=log.now, count=log.count)
    for stream, documents in log.documents.items():
        for number, document in enumerate(documents, start=1):
            attributes = orjson.loads(document)
            data = attributes.pop("data")
            signed = attributes.pop("signature", None) is not None
            for name in ("datahash", "signaturekey", "prevhash"):
                attributes.pop(name, None)
            if number > 1:
                attributes["prevhash"] = made.hashes[stream].hex()
            change(stream, number, attributes["type"].split(".")[-2], data)
            sealed = write_document(attributes, data, log.signers[owner_of(stream)] if signed else None)
            made.documents.setdefault(stream, []).append(sealed.document)
            made.hashes[stream] = sealed.hash
    return made
