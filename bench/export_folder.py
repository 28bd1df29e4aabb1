"""Writes a folder as `audit export` does, from streams that are told one after another, and with the log's tree.

Every document is written by the kernel's own writer, chained, and signed with real keys where its type is signed, as
the services do. Envelopes wait in a file of their own until all are there, since the log has them in the order of
recorded time and the files in that of streams.
"""

from __future__ import annotations

import hashlib
import tempfile
from base64 import b64encode
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kernel.canonical import Ed25519Signer, Json, canonical, instant, uuid7, write_document
from kernel.decider import Happened
from kernel.keys import note_key
from kernel.tlog.checkpoints import Checkpoint
from kernel.tlog.tiles import WIDTH, Bundle, write_bundle
from kernel.tlog.trees import GrowingTree, leaf_hash
from schemas.codec import CODEC
from schemas.envelope import Event
from schemas.topics import EVENT_TOPICS, source_of
from services.audit.folder import CHECKPOINT, FORMAT, HEADS, KEYS, MANIFEST, file_of

_ORIGIN: Final = "bench.example/log"
_OWNERS: Final = {topic.name: topic.owner for topic in EVENT_TOPICS}
Said = tuple[datetime, Event, str | None]
"""An event, when it was recorded, and the id of its cause."""


class Made(NamedTuple):
    """What was made: events, how many of them are signed, bytes of events and of the log's entries, and the digest."""

    events: int
    signed: int
    size: int
    entries: int
    digest: str


class _Entry(NamedTuple):
    """Where an envelope waits, and when it was recorded; those of one moment are in the order of writing."""

    time: str
    begin: int
    size: int


@dataclass(slots=True)
class ExportFolder:
    """Takes streams, which come in the order of their names within each kind. Use `made` at the end."""

    root: Path
    open_files: ExitStack
    services: Iterable[str]
    files: dict[str, BinaryIO] = field(default_factory=dict)
    heads: list[tuple[str, int, bytes]] = field(default_factory=list)
    entries: list[_Entry] = field(default_factory=list)
    signers: dict[str, Ed25519Signer] = field(init=False)
    signed: int = 0
    _envelopes: BinaryIO = field(init=False)
    _waiting: int = 0

    def __post_init__(self) -> None:
        """Make a key for every service."""
        self.signers = {name: Ed25519Signer(Ed25519PrivateKey.generate()) for name in self.services}
        self._envelopes = self.open_files.enter_context(tempfile.TemporaryFile(dir=self.root))  # noqa: SIM115

    def stream(self, name: str, said: Iterable[Said], actor: str) -> list[Happened]:
        """Write a stream whole; return what happened."""
        path = file_of(name)
        owner, file = _OWNERS[path.split("/")[1]], self._file(path)
        last, happened = b"", []
        for version, (moment, event, cause) in enumerate(said, start=1):
            attributes = _attributes(name, version, last, moment, cause, owner, actor)
            id_, last, document = self._write(attributes, event, owner)
            file.write(document + b"\n")
            happened.append(Happened(event, id_, name, version, moment, actor))
        self.heads.append((name, len(happened), last))
        return happened

    def _write(self, attributes: Json, event: Event, owner: str) -> tuple[str, bytes, bytes]:
        written = CODEC.write(event)
        attributes |= {"type": written.type, "dataschema": written.schema, "source": source_of(owner)}
        self.signed += written.signed
        sealed = write_document(attributes, written.data, self.signers[owner] if written.signed else None)
        envelope = canonical(attributes)
        self._envelopes.write(envelope)
        self.entries.append(_Entry(attributes["time"], self._waiting, len(envelope)))
        self._waiting += len(envelope)
        return sealed.id, sealed.hash, sealed.document.encode()

    def _file(self, path: str) -> BinaryIO:
        if path not in self.files:
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            self.files[path] = self.open_files.enter_context((self.root / path).open("wb"))
        return self.files[path]

    def made(self, moment: datetime) -> Made:
        """Write what stands beside the events, the manifest last."""
        for file in self.files.values():
            file.flush()
        self._write_tree()
        lines = (canonical({"stream": name, "version": end, "hash": last.hex()}) for name, end, last in self.heads)
        ordered = sorted(zip(self.heads, lines, strict=True))
        (self.root / HEADS).write_bytes(b"".join(line + b"\n" for _, line in ordered))
        beside = [HEADS, CHECKPOINT, *(path.relative_to(self.root).as_posix() for path in (self.root / KEYS).iterdir())]
        listed = [_listed(self.root, path) for path in sorted([*self.files, *beside])]
        keys = [
            {"service": name, "key_id": one.key_id, "public_key": b64encode(one.public_key).decode()}
            for name, one in sorted(self.signers.items())
        ]
        manifest = canonical(
            {
                "format": FORMAT,
                "tool": "bench",
                "made": instant(moment),
                "position": f"log:{len(self.entries)}",
                "events": len(self.entries),
                "streams": len(self.heads),
                "keys": keys,
                "files": listed,
            }
        )
        (self.root / MANIFEST).write_bytes(manifest + b"\n")
        size = sum(one["bytes"] for one in listed if one["path"] in self.files)
        digest = hashlib.sha256(manifest + b"\n").hexdigest()
        return Made(len(self.entries), self.signed, size, self._waiting, digest)

    def _write_tree(self) -> None:
        with tempfile.TemporaryDirectory(prefix="paritrana-bench-") as folder:
            key = note_key(Path(folder) / "log.key", _ORIGIN)
        tree = GrowingTree()
        for number, entries in enumerate(self._bundles()):
            self._tile(Bundle(number, len(entries)).path, write_bundle(entries))
            for tile, raw in tree.append([leaf_hash(entry) for entry in entries]):
                self._tile(tile.path, raw)
        for tile, raw in tree.partial():
            self._tile(tile.path, raw)
        (self.root / CHECKPOINT).write_bytes(Checkpoint(_ORIGIN, tree.size, tree.root).signed(key).raw)
        self._tile(f"{KEYS}/{key.verifier.key_id.hex()}.vkey", key.verifier.text.encode() + b"\n")

    def _bundles(self) -> Iterator[list[bytes]]:
        self._envelopes.flush()
        ordered = sorted(self.entries)
        for start in range(0, len(ordered), WIDTH):
            yield [self._envelope(entry) for entry in ordered[start : start + WIDTH]]

    def _envelope(self, entry: _Entry) -> bytes:
        self._envelopes.seek(entry.begin)
        return self._envelopes.read(entry.size)

    def _tile(self, path: str, raw: bytes) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(raw)


def _attributes(
    name: str, version: int, last: bytes, moment: datetime, cause: str | None, owner: str, actor: str
) -> Json:
    attributes: Json = {
        "specversion": "1.0",
        "id": uuid7(),
        "source": source_of(owner),
        "time": instant(moment),
        "subject": name,
        "streamversion": version,
        "actor": actor,
        "commandid": uuid7(),
        "correlationid": uuid7(),
    }
    return attributes | ({"prevhash": last.hex()} if last else {}) | ({"causationid": cause} if cause else {})


def _listed(folder: Path, path: str) -> dict[str, Any]:
    digest, size, lines = hashlib.sha256(), 0, 0
    with (folder / path).open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
            size += len(chunk)
            lines += chunk.count(b"\n")
    return {"path": path, "bytes": size, "sha256": digest.hexdigest(), "lines": lines}
