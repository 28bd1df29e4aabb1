"""Verify an exported folder offline: no database, no broker, no network, and nothing of it believed.

Checked are the files against the manifest, every event by itself (`events`), every stream's chain and end, ids and
causes over all streams, and what decisions rest on (`decisions`). Files are read line by line; what is kept grows with
the number of streams and of open rankings, not with the number of events. Without the manifest's digest, told on
another way, a folder that was made anew as a whole cannot be told from the one that was exported: the report says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from kernel.canonical import NotCanonical, parse_canonical
from schemas.service import ServiceKeyPublished
from services.audit.causes import Causes, Doubled
from services.audit.decisions import Decisions
from services.audit.events import OWNERS, Chains, Document, End, Keys, Unusable, faults_of, parse
from services.audit.findings import Finding, Findings, Place
from services.audit.folder import (
    HEADS,
    MANIFEST,
    MAX_MANIFEST,
    HeadLine,
    Line,
    ListedFile,
    Manifest,
    Tally,
    file_of,
    is_allowed,
    is_event_file,
    lines_of,
    open_regular,
    paths_below,
)
from services.audit.folder import Unusable as UnusableFile

_KEY_PUBLISHED: Final = ServiceKeyPublished.type_name()


@dataclass(slots=True)
class Report:
    """What a verification did and found."""

    digest: str | None
    digest_given: bool
    events: int = 0
    streams: int = 0
    signatures: int = 0
    rankings: int = 0
    decisions: int = 0
    keys: list[dict[str, str]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    left_out: int = 0
    remarks: list[Finding] = field(default_factory=list)
    """What an auditor should know of and is no fault: a service had not heard yet of what it acted against."""
    remarks_left_out: int = 0

    @property
    def found(self) -> int:
        """Return how many findings there are, those left out of the list included."""
        return len(self.findings) + self.left_out

    @property
    def good(self) -> bool:
        """Tell whether nothing was found."""
        return not self.findings

    @property
    def unseen(self) -> list[str]:
        """Say what this verification could not see."""
        said = [
            "Whether the persons behind the pseudonyms are who they say, and whether a score is deserved.",
            "Events that the services never published, or published after this export.",
        ]
        if not self.digest_given:
            said.insert(
                0,
                "Without --digest: an export that was made anew as a whole, with its own manifest, heads and keys, or "
                "whose newest events were cut off before the manifest was made. Pass the digest that `audit export` "
                "printed, from where you kept it, and compare the key ids above with those you know.",
            )
        return said

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        return {
            "good": self.good,
            "digest": self.digest,
            "digest_given": self.digest_given,
            "events": self.events,
            "streams": self.streams,
            "signatures": self.signatures,
            "rankings": self.rankings,
            "decisions": self.decisions,
            "keys": self.keys,
            "findings": [finding.as_json() for finding in self.findings],
            "findings_left_out": self.left_out,
            "remarks": [remark.as_json() for remark in self.remarks],
            "remarks_left_out": self.remarks_left_out,
            "unseen": self.unseen,
        }


def verify(folder: Path, digest: str | None = None) -> Report:
    """Verify the export in `folder`; `digest` is the SHA-256 in hex that `export` printed, if it is known.

    Never raises for what the folder holds. The caller has made sure that `folder` is a directory.
    """
    with Causes() as causes:
        return _Verification(folder, digest, causes).run()


class _Verification:
    def __init__(self, folder: Path, digest: str | None, causes: Causes) -> None:
        self._folder = folder
        self._digest = digest
        self._found = Findings()
        self._remarks = Findings()
        self._causes = causes
        self._chains = Chains()
        self._keys = Keys()
        self._decisions = Decisions()
        self._heads: dict[str, tuple[HeadLine, Place]] = {}
        self._report = Report(digest=None, digest_given=digest is not None)

    def run(self) -> Report:
        manifest = self._manifest()
        listed = self._listed(manifest)
        self._read_ahead(listed)
        for path, entry in listed.items():
            if is_event_file(path):
                self._read_events(path, entry)
            elif path == HEADS:
                self._read_heads(entry)
            elif entry is not None:
                self._read_plain(entry)
        self._compare_heads()
        self._check_causes()
        self._check_decisions()
        if manifest is not None:
            self._compare_manifest(manifest)
        return self._finish()

    def _finish(self) -> Report:
        report = self._report
        report.streams = len(self._chains.ends)
        report.findings = list(self._found)
        report.left_out = self._found.left_out
        report.remarks = list(self._remarks)
        report.remarks_left_out = self._remarks.left_out
        report.keys = self._keys.listed()
        return report

    # --- the manifest and its files

    def _manifest(self) -> Manifest | None:
        place = Place(MANIFEST)
        try:
            with closing(open_regular(self._folder, MANIFEST)) as source:
                raw = source.read(MAX_MANIFEST + 1)
        except UnusableFile as error:
            self._found.add("manifest", place, f"{error}; without it no head and no file can be compared")
            return None
        if len(raw) > MAX_MANIFEST:
            self._found.add("manifest", place, f"it is longer than {MAX_MANIFEST} bytes")
            return None
        self._report.digest = hashlib.sha256(raw).hexdigest()
        if self._digest is not None and self._digest != self._report.digest:
            self._found.add("digest", place, f"its digest is {self._report.digest}, not the given {self._digest}")
        try:
            return Manifest.model_validate(parse_canonical(raw.removesuffix(b"\n")))
        except NotCanonical as error:
            self._found.add("manifest", place, str(error))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(step) for step in first["loc"])
            self._found.add("manifest", place, f"{where}: {first['msg']}")
        except (RecursionError, TypeError):
            self._found.add("manifest", place, "it is nested too deeply")
        return None

    def _listed(self, manifest: Manifest | None) -> dict[str, ListedFile | None]:
        """Return the files to read, those on disk that the manifest does not list included."""
        place = Place(MANIFEST)
        listed: dict[str, ListedFile | None] = {}
        for entry in manifest.files if manifest else ():
            if not is_allowed(entry.path):
                self._found.add("path", place, f"it lists {entry.path!r}, which no export holds; it was not opened")
            elif entry.path in listed:
                self._found.add("path", place, f"it lists {entry.path!r} twice")
            else:
                listed[entry.path] = entry
        if manifest and HEADS not in listed:
            self._found.add("manifest", place, f"it does not list {HEADS}")
        for path in paths_below(self._folder):
            if path == MANIFEST or path in listed:
                continue
            if manifest:
                self._found.add("added-file", Place(path), "the manifest does not list this")
            if is_allowed(path):
                listed[path] = None
        return dict(sorted(listed.items()))

    def _read_plain(self, entry: ListedFile) -> None:
        for _ in self._lines(entry.path, entry):
            continue

    def _lines(self, path: str, entry: ListedFile | None) -> Iterator[Line]:
        """Read a file to its end and compare it with what the manifest says of it."""
        tally = Tally()
        try:
            source = open_regular(self._folder, path)
        except UnusableFile as error:
            self._found.add("file", Place(path), str(error))
            return
        with closing(source):
            try:
                yield from lines_of(source, tally)
            except OSError as error:
                self._found.add("file", Place(path, tally.lines + 1), f"it cannot be read: {error.strerror}")
                return
        if entry is None:
            return
        if (tally.lines, tally.size) != (entry.lines, entry.bytes):
            said = f"it has {tally.lines} lines and {tally.size} bytes"
            self._found.add("file", Place(path), f"{said}; the manifest says {entry.lines} and {entry.bytes}")
        elif tally.digest.hexdigest() != entry.sha256:
            self._found.add("file", Place(path), "its content is not what the manifest's SHA-256 says")

    # --- events

    def _read_ahead(self, listed: dict[str, ListedFile | None]) -> None:
        """Read first what concerns every stream, faults aside: published keys, and when seasons were frozen."""
        for path in listed:
            owner = _owner_of(path)
            if owner and path.endswith("/service.jsonl"):
                for event in self._documents(path):
                    if event.type == _KEY_PUBLISHED:
                        self._keys.take(owner, event.data)
            elif owner and path.endswith("/season.jsonl"):
                for event in self._documents(path):
                    self._decisions.foresee(event)

    def _documents(self, path: str) -> Iterator[Document]:
        """Yield what can be read of a file; what cannot is told in the main pass."""
        try:
            source = open_regular(self._folder, path)
        except UnusableFile:
            return
        with closing(source):
            for line in lines_of(source, Tally()):
                event = _parsed(line)
                if event is not None:
                    yield event

    def _read_events(self, path: str, entry: ListedFile | None) -> None:
        owner = _owner_of(path)
        if owner is None:
            self._found.add("path", Place(path), "it is named after a topic that is not known")
        before: tuple[str, int] = ("", 0)
        for line in self._lines(path, entry):
            self._report.events += 1
            place = Place(path, line.number)
            if line.fault is not None:
                self._found.add("line", place, line.fault)
                continue
            try:
                event = parse(line.raw)
            except Unusable as error:
                self._found.add("document", place, str(error))
                continue
            place = Place(path, line.number, event.stream, event.version)
            if (event.stream, event.version) <= before:
                self._found.add("order", place, "lines are in the order of stream and version; this one is not")
            before = (event.stream, event.version)
            self._check_event(event, place, owner)

    def _check_event(self, event: Document, place: Place, owner: str | None) -> None:
        found = self._found
        if _file_of(event.stream) != place.file:
            found.add("topic", place, "this stream does not belong in this file")
        for fault in self._chains.take(event, place):
            found.add(*fault)
        self._causes.take(event.id, event.cause, event.time, place)
        if owner is None:
            return
        faults = [*faults_of(event, owner), *self._keys.faults(event, owner)]
        for code, what in faults:
            found.add(code, place, what)
        if event.type == _KEY_PUBLISHED and (wrong := Keys().take(owner, event.data)):
            found.add("key", place, wrong)
        self._report.signatures += "signature" in event.doc
        if not any(code in ("type", "data") for code, _ in faults):
            self._decisions.take(event, place)

    # --- over all streams

    def _read_heads(self, entry: ListedFile | None) -> None:
        before = ""
        for line in self._lines(HEADS, entry):
            place = Place(HEADS, line.number)
            try:
                head = _head(line)
            except Unusable as error:
                self._found.add("head", place, str(error))
                continue
            if head.stream <= before:
                self._found.add("order", place, "lines are in the order of streams; this one is not")
            before = head.stream
            self._heads[head.stream] = (head, Place(HEADS, line.number, head.stream, head.version))

    def _compare_heads(self) -> None:
        ends = self._chains.ends
        for stream, (head, place) in self._heads.items():
            end = ends.get(stream)
            if end is None:
                self._found.add("missing-stream", place, "no event of this stream is here")
            elif end.version < head.version:
                self._found.add("missing-events", place, f"the stream ends at version {end.version}, at {end.place}")
            elif (end.version, end.hash.hex()) != (head.version, head.hash):
                what = f"the stream's last event is not the one of {HEADS}:{place.line}: one of the two was changed"
                self._found.add("head", end.place, what)
        for stream, end in ends.items():
            if self._report.digest is not None and stream not in self._heads:
                self._found.add("added-stream", end.place, f"{HEADS} does not know this stream")

    def _check_causes(self) -> None:
        for fault in self._causes.faults():
            if isinstance(fault, Doubled):
                self._found.add("double-id", fault.place, f"the event id {fault.id} is also that of {fault.first}")
            elif fault.late:
                self._found.add("cause", fault.place, f"the event is recorded before its cause {fault.cause}")
            else:
                self._found.add("cause", fault.place, f"its cause {fault.cause} is not in the export")

    def _check_decisions(self) -> None:
        for place, what in self._decisions.citations(self._version_of):
            self._found.add("cited", place, what)
        for fault in self._decisions.faults():
            self._found.add(*fault)
        for remark in self._decisions.remarks():
            self._remarks.add(*remark)
        self._report.rankings = self._decisions.rankings
        self._report.decisions = self._decisions.decided

    def _version_of(self, stream: str) -> int:
        end: End | None = self._chains.ends.get(stream)
        return end.version if end else 0

    def _compare_manifest(self, manifest: Manifest) -> None:
        place = Place(MANIFEST)
        if (manifest.events, manifest.streams) != (self._report.events, len(self._chains.ends)):
            said = f"{manifest.events} events in {manifest.streams} streams"
            here = f"{self._report.events} in {len(self._chains.ends)}"
            self._found.add("count", place, f"it says {said}; here are {here}")
        if [key.model_dump() for key in manifest.keys] != self._keys.listed():
            self._found.add("key", place, "the keys that it lists are not those published in the log")


def _owner_of(path: str) -> str | None:
    return OWNERS.get(path.split("/")[1]) if is_event_file(path) else None


def _file_of(stream: str) -> str | None:
    try:
        return file_of(stream)
    except ValueError:
        return None


def _parsed(line: Line) -> Document | None:
    try:
        return None if line.fault else parse(line.raw)
    except Unusable:
        return None


def _head(line: Line) -> HeadLine:
    if line.fault is not None:
        raise Unusable(line.fault)
    try:
        return HeadLine.model_validate(parse_canonical(line.raw))
    except NotCanonical as error:
        raise Unusable(str(error)) from None
    except (ValidationError, RecursionError, TypeError):
        raise Unusable('a head is {"hash":…,"stream":…,"version":…}') from None
