"""Verify an exported folder offline: no database, no broker, no network, and nothing of it believed.

Checked are the files against the manifest, every event by itself (`events`), every stream's chain and end, ids and
causes over all streams, and what decisions rest on (`decisions`); `checklist` numbers the checks. Of a part of the log
each is made as far as what it rests on is here (`withheld`). Files are read in parts (`segments`, `reading`), on one
processor or on several with the same findings in the same order; what is kept grows with the number of streams and of
open rankings, not with the bytes read. Without the manifest's digest, told on another way, a folder that was made anew
as a whole cannot be told from the one that was exported: the report says so.
"""

from __future__ import annotations

import gc
import hashlib
import os
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, TypeVar

from pydantic import ValidationError

from kernel.canonical import NotCanonical, parse_canonical
from kernel.tlog.encodings import to_base64
from kernel.tlog.notes import SignedNote, VerifierKey
from services.audit.beside import meanwhile
from services.audit.checklist import NO_CHECKPOINT, NO_FACTS, NO_MANIFEST, Said, outcomes
from services.audit.decisions import Decisions
from services.audit.ends import End, Ends
from services.audit.events import OWNERS, Document, Keys, Unusable, faults_of, parse, read
from services.audit.excerpts import Excerpt
from services.audit.facts.ledger import Ledger
from services.audit.findings import MOST_KEPT, Finding, Findings, Place
from services.audit.folder import (
    CHECKPOINT,
    HEADS,
    MANIFEST,
    MAX_MANIFEST,
    PLACES,
    HeadLine,
    Line,
    ListedFile,
    Manifest,
    Tally,
    chunks_of,
    is_allowed,
    is_event_file,
    is_fact_file,
    is_key_file,
    is_tile,
    lines_of,
    open_regular,
    paths_below,
)
from services.audit.folder import Unusable as UnusableFile
from services.audit.notes import CAUSE, ELSEWHERE, EVENT, TOLD, Causes, Doubled, Spot, Uncaused
from services.audit.part_tree import PartTree
from services.audit.places import unreadable
from services.audit.reading import CHAIN, KEY_PUBLISHED, ORDER, UNORDERED, Part, Reader, Told, chain_faults
from services.audit.report import Report
from services.audit.segments import SEGMENT, Segment, segments_of
from services.audit.subjects import looked_at
from services.audit.tree import Fault, Leaf
from services.audit.withheld import Withheld
from services.audit.workers import Later, read_parts

__all__ = ["Report", "verify"]

T = TypeVar("T")
_HEAD: Final = re.compile(rb'\{"hash":"([0-9a-f]{64})","stream":"([ !#-\[\]-~]*)","version":([1-9][0-9]{0,8})\}')
_OF_TREE: Final = ("checkpoint", "root", "leaves", "no-entry-more")
_UNFOLDED: Final = ("delivery/", "refusal/", "service/", "account/")
"""Kinds of streams of which nothing is kept for decisions: they may be read in two parts."""


def verify(
    folder: Path,
    digest: str | None = None,
    *,
    keys: Sequence[VerifierKey] = (),
    earlier: Sequence[SignedNote] = (),
    service_keys: Mapping[str, Collection[str]] | None = None,
    workers: int | None = None,
    segment: int = SEGMENT,
) -> Report:
    """Verify the export in `folder`; `digest` is the SHA-256 in hex that `export` printed, if it is known.

    Never raises for what the folder holds. The caller has made sure that `folder` is a directory.

    Args:
        folder: the folder of an export.
        digest: the manifest's SHA-256, if it is known.
        keys: verifier keys of the log and of witnesses, from elsewhere; those in the folder when none is given.
        earlier: checkpoints that were kept before, which the log in the folder must continue.
        service_keys: ids of services' keys, from elsewhere; those of a service not named here begin with the first.
        workers: how many processes read; 1 is none but this one, and None as many as there are processors. The
            findings are the same.
        segment: bytes of a part at least.
    """
    with Causes() as causes, _uncollected():
        tree = PartTree(folder, keys, earlier)
        signing = Keys(service_keys)
        return _Verification(folder, digest, causes, tree, signing, workers or _processors(), segment).run()


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _uncollected() -> Iterator[None]:
    """Let the collector of cycles rest: what is kept has none, and grows too large to be looked through again."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


class _Verification:
    def __init__(
        self,
        folder: Path,
        digest: str | None,
        causes: Causes,
        tree: PartTree,
        keys: Keys,
        workers: int,
        segment: int,
    ) -> None:
        self._folder = folder
        self._digest = digest
        self._workers = workers
        self._beside = 1
        """How many processes do what is not reading: for little, to start them takes longer."""
        self._segment = segment
        self._found = Findings()
        self._remarks = Findings()
        self._causes = causes
        self._tree = tree
        self._tiles: list[str] = []
        self._keys = keys
        self._decisions = Decisions()
        self._ends = Ends()
        self._paths: list[str] = []
        self._types: Counter[str] = Counter()
        self._caused = 0
        self._files = 0
        self._facts_here = False
        self._withheld: Withheld | None = None
        """What a part of the log does not show; None of the whole."""
        self._cut = False
        """A stream that decisions rest on was read in two parts, so that it has to be folded anew."""
        self._report = Report(digest=None, digest_given=digest is not None)

    def run(self) -> Report:
        manifest = self._manifest()
        if manifest is not None and (part := manifest.part) is not None:
            excerpt = self._report.part = Excerpt(part.season, part.province, part.nomination)
            self._withheld = Withheld(excerpt, self._version_of)
        listed = self._listed(manifest)
        self._paths = list(listed)
        size = sum(entry.bytes for path, entry in listed.items() if entry is not None and is_event_file(path))
        self._beside = self._workers if size >= self._segment else 1
        self._read_ahead(listed)
        self._tree.replaced = self._keys.chains.by_place()
        tree = meanwhile(partial(self._tree_read, listed), self._beside)
        self._read_events(listed)
        for path, entry in listed.items():
            if path == HEADS:
                self._read_heads(entry)
            elif path == PLACES:
                self._read_places(entry)
            elif entry is not None and not (is_event_file(path) or is_fact_file(path)):
                self._read_plain(entry)
        self._check_tree(listed, tree)
        self._check_causes()
        self._check_decisions()
        self._check_facts(listed)
        for owner, key_id in self._keys.chains.missing():
            what = f"the given key {key_id} of {owner} is not published in this log"
            self._found.add("rotation", Place(MANIFEST), what)
        if manifest is not None:
            self._compare_manifest(manifest)
        return self._finish(manifest)

    def _finish(self, manifest: Manifest | None) -> Report:
        report = self._report
        report.streams = len(self._ends)
        report.findings = list(self._found)
        report.left_out = self._found.left_out
        report.remarks = list(self._remarks)
        report.remarks_left_out = self._remarks.left_out
        report.keys = self._keys.told()
        looked = looked_at(self._types) | {
            "files": self._files,
            "signatures": report.signatures,
            "chains": report.streams,
            "schema": report.events,
            "causes": self._caused + self._decisions.cites,
            "rankings": report.rankings,
            "decisions": report.decisions,
            "keys": len(report.keys),
        }
        tree = self._tree
        report.keys_given = bool(tree.trusted)
        report.signers = tree.signers
        if (at := tree.checkpoint) is not None:
            report.checkpoint = f"{at.origin} {at.size} {to_base64(at.root)}"
        looked |= {
            "checkpoint": tree.signatures,
            "root": int(tree.checkpoint is not None),
            "leaves": tree.entries,
            "no-entry-more": tree.entries,
            "rotations": self._keys.chains.rotations + tree.followed,
        }
        barred: dict[str, Said] = {}
        if tree.checkpoint is None:
            barred = dict.fromkeys(_OF_TREE, NO_CHECKPOINT)
        if looked["facts"] and not self._facts_here:
            barred["facts"] = NO_FACTS
            looked["facts"] = 0
        if manifest is None:
            barred["files"] = NO_MANIFEST
        if self._withheld is not None:
            if at is not None:
                report.withheld = max(at.size - report.events, 0)
            report.uncompared = tree.uncompared
            barred = self._withheld.barred(report.withheld) | barred
        report.checks = outcomes(looked, self._found.counts, barred)
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
            if is_tile(path):
                self._tiles.append(path)
                continue
            if manifest:
                self._found.add("added-file", Place(path), "the manifest does not list this")
            if is_allowed(path):
                listed[path] = None
        return dict(sorted(listed.items()))

    def _read_plain(self, entry: ListedFile) -> None:
        """Compare a file with the manifest without looking at its lines: nobody bounds how many they are."""
        for _ in self._read(entry.path, entry, chunks_of):
            continue

    def _read_places(self, entry: ListedFile | None) -> None:
        for line in self._lines(PLACES, entry):
            if (what := unreadable(line)) is not None:
                self._found.add("place", Place(PLACES, line.number), what)

    def _lines(self, path: str, entry: ListedFile | None) -> Iterator[Line]:
        """Read a file line by line to its end and compare it with what the manifest says of it."""
        return self._read(path, entry, lines_of)

    def _read(
        self, path: str, entry: ListedFile | None, parts: Callable[[BinaryIO, Tally], Iterator[T]]
    ) -> Iterator[T]:
        """Read a file in parts to its end and compare it with what the manifest says of it."""
        tally = Tally()
        try:
            source = open_regular(self._folder, path)
        except UnusableFile as error:
            self._found.add("file", Place(path), str(error))
            return
        with closing(source):
            try:
                yield from parts(source, tally)
            except OSError as error:
                self._found.add("file", Place(path, tally.lines + 1), f"it cannot be read: {error.strerror}")
                return
        self._compare_file(path, entry, tally)

    def _lines_again(self, path: str) -> Iterator[Line]:
        """Read a file once more; what is wrong with it was told the first time."""
        with suppress(UnusableFile, OSError), closing(open_regular(self._folder, path)) as source:
            yield from lines_of(source, Tally())

    def _compare_file(self, path: str, entry: ListedFile | None, tally: Tally) -> None:
        self._files += 1
        if entry is None:
            return
        if (tally.lines, tally.size) != (entry.lines, entry.bytes):
            said = f"it has {tally.lines} lines and {tally.size} bytes"
            self._found.add("file", Place(path), f"{said}; the manifest says {entry.lines} and {entry.bytes}")
        elif tally.digest.hexdigest() != entry.sha256:
            self._found.add("file", Place(path), "its content is not what the manifest's SHA-256 says")

    # --- events

    def _read_ahead(self, listed: Iterable[str]) -> None:
        """Read first what concerns every stream, faults aside: published keys, and when seasons were frozen."""
        for path in listed:
            owner = _owner_of(path)
            if owner and path.endswith("/service.jsonl"):
                for event in self._documents(path):
                    if event.type == KEY_PUBLISHED:
                        self._keys.take(event, owner)
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
            try:
                for line in lines_of(source, Tally()):
                    event = _parsed(line)
                    if event is not None:
                        yield event
            except OSError:
                return

    def _read_events(self, listed: dict[str, ListedFile | None]) -> None:
        """Read every file of events in parts, and put together what the parts say, in order."""
        reader = Reader(self._folder, self._keys, self._decisions)
        last: tuple[str, int] = ("", 0)
        for said in read_parts(reader, self._parts(listed), self._workers, self._segment):
            if isinstance(said, Part):
                last = self._absorb(said, last)
            else:
                said.say()
                last = ("", 0)
        if self._cut:
            self._fold_anew()

    def _parts(self, listed: dict[str, ListedFile | None]) -> Iterator[Segment | Later]:
        """Yield the parts of every file, and after them what has to be said of the file itself."""
        for number, (path, entry) in enumerate(listed.items()):
            if not is_event_file(path):
                continue
            owner, tally = _owner_of(path), Tally()
            if owner is None:
                yield Later(self._found.add, "path", Place(path), "it is named after a topic that is not known")
            try:
                source = open_regular(self._folder, path)
            except UnusableFile as error:
                yield Later(self._found.add, "file", Place(path), str(error))
                continue
            with closing(source):
                try:
                    yield from segments_of(source.read, path, number, owner, tally, self._segment)
                except OSError as error:
                    what = f"it cannot be read: {error.strerror}"
                    yield Later(self._found.add, "file", Place(path, tally.lines + 1), what)
                    continue
            yield Later(self._compare_file, path, entry, tally)

    def _absorb(self, part: Part, last: tuple[str, int]) -> tuple[str, int]:
        """Take what the next part says; return stream and version of the last line that could be read."""
        told, counts = part.told, part.counts
        between = [*self._out_of_order(part, last), *self._unchained(part)]
        if between:
            counts.update(one.finding.code for one in between)
            told = sorted([*told, *between], key=lambda one: (one.line, one.rank))
        self._found.extend((one.finding for one in told), counts)
        self._ends.update(part.ends)
        self._causes.take(part.notes)
        self._types.update(part.types)
        self._caused += part.caused
        self._report.events += part.lines
        self._report.signatures += part.signatures
        if part.decisions is not None:
            self._decisions.absorb(part.decisions)
        return part.last if part.begins else last

    def _out_of_order(self, part: Part, last: tuple[str, int]) -> Iterator[Told]:
        if part.begins is not None and part.begins[0] <= last:
            (stream, version), line = part.begins
            place = Place(part.segment.path, line, stream, version)
            yield Told(line, ORDER, Finding("order", place, UNORDERED))

    def _unchained(self, part: Part) -> Iterator[Told]:
        """Check how a part's streams follow what other parts said of them."""
        for first in part.firsts:
            before = self._ends.get(first.stream)
            place = Place(part.segment.path, first.line, first.stream, first.version)
            earlier = self._place(first.stream, before) if before else place
            for code, where, what in chain_faults(first, place, before, earlier):
                yield Told(first.line, CHAIN, Finding(code, where, what))
            if before is not None and not first.stream.startswith(_UNFOLDED):
                self._cut = True

    def _place(self, stream: str, end: End) -> Place:
        return Place(self._paths[end.file], end.line, stream, end.version)

    def _fold_anew(self) -> None:
        """Fold all events one after another: a folder whose streams lie apart is none that was exported."""
        anew = Decisions.foreseeing(self._decisions)
        for path in self._paths:
            owner = _owner_of(path)
            try:
                source = open_regular(self._folder, path) if owner else None
            except UnusableFile:
                continue
            if source is None or owner is None:
                continue
            with closing(source):
                for line in lines_of(source, Tally()):
                    event = _fitting(line, owner)
                    if event is not None:
                        anew.take(event, Place(path, line.number, event.stream, event.version))
        self._decisions = anew

    # --- the log's tree

    def _tree_read(self, listed: Iterable[str]) -> tuple[Sequence[Fault], PartTree]:
        """Hold the tree to its checkpoint, which needs nothing of the events but which keys took others' places."""
        if CHECKPOINT not in listed:
            what = "there are tiles and no checkpoint that says what they hold"
            faults = [("checkpoint", Place(path), what) for path in self._tiles]
            if self._tree.trusted or self._tree.known:
                what = "a key or a checkpoint was given, and this folder has no checkpoint: the log was left out of it"
                faults.append(("checkpoint", Place(CHECKPOINT), what))
            return faults, self._tree
        keys = [path for path in listed if is_key_file(path)]
        if self._withheld is None:
            return self._tree.run(keys, self._tiles), self._tree
        events = [path for path in listed if is_event_file(path)]
        return self._tree.run_part(keys, self._tiles, events), self._tree

    def _check_tree(self, listed: Iterable[str], read: Callable[[], tuple[Sequence[Fault], PartTree]]) -> None:
        """Tell what the tree says, and hold the ends of its streams to those of the events."""
        faults, self._tree = read()
        for fault in faults:
            self._found.add(*fault)
        if CHECKPOINT not in listed or self._withheld is not None:
            return
        if self._tree.checkpoint is None or self._tree.entries < self._tree.checkpoint.size:
            return
        for stream, leaf in self._tree.leaves.items():
            self._compare_leaf(stream, leaf)
        for stream, end in self._ends.items():
            if stream not in self._tree.leaves:
                self._found.add("leaf", self._place(stream, end), "the log has no entry of this stream")
        self._tree.leaves.clear()

    def _compare_leaf(self, stream: str, leaf: Leaf) -> None:
        end = self._ends.get(stream)
        if end is None:
            place = Place(CHECKPOINT, None, stream, leaf.version)
            self._found.add("entry", place, f"the log has entries of this stream up to index {leaf.at}; none is here")
        elif end.version < leaf.version:
            what = f"the log goes on to version {leaf.version} at index {leaf.at}; the stream ends here"
            self._found.add("entry", self._place(stream, end), what)
        elif end.version > leaf.version:
            what = f"the log has this stream up to version {leaf.version} at index {leaf.at}: this was added"
            self._found.add("leaf", self._place(stream, end), what)
        elif end.hash != leaf.hash:
            what = f"its envelope is not the log's entry {leaf.at}: one of the two, or one before, was changed"
            self._found.add("leaf", self._place(stream, end), what)

    # --- over all streams

    def _read_heads(self, entry: ListedFile | None) -> None:
        """Compare where streams end with where `heads.jsonl` says that they do."""
        before = ""
        unheard = dict.fromkeys(self._ends)
        for line in self._lines(HEADS, entry):
            try:
                stream, version, digest = _head(line)
            except Unusable as error:
                self._found.add("head", Place(HEADS, line.number), str(error))
                continue
            if stream <= before:
                place = Place(HEADS, line.number)
                self._found.add("order", place, "lines are in the order of streams; this one is not")
            before = stream
            unheard.pop(stream, None)
            end = self._ends.get(stream)
            if end is None or end.version != version or end.hash.hex() != digest:
                self._compare_head(stream, version, digest, Place(HEADS, line.number, stream, version))
        if self._report.digest is not None:
            for stream in unheard:
                place = self._place(stream, self._ends[stream])
                self._found.add("added-stream", place, f"{HEADS} does not know this stream")

    def _compare_head(self, stream: str, version: int, digest: str, place: Place) -> None:
        end = self._ends.get(stream)
        if end is None:
            self._found.add("missing-stream", place, "no event of this stream is here")
        elif end.version < version:
            what = f"the stream ends at version {end.version}, at {self._place(stream, end)}"
            self._found.add("missing-events", place, what)
        elif (end.version, end.hash.hex()) != (version, digest):
            what = f"the stream's last event is not the one of {HEADS}:{place.line}: one of the two was changed"
            self._found.add("head", self._place(stream, end), what)

    def _check_causes(self) -> None:
        faults, counts = self._causes.faults(MOST_KEPT, elsewhere=self._withheld is not None)
        if self._withheld is not None:
            self._withheld.skipped["causes"] += counts[ELSEWHERE]
        places = self._named({spot for fault in faults for spot in _spots(fault)}) if faults else {}
        told = [_told(fault, places) for fault in faults]
        self._found.extend(
            iter(told),
            Counter({"double-id": counts[EVENT], "cause": counts[CAUSE], "notification": counts[TOLD]}),
        )

    def _named(self, spots: Iterable[Spot]) -> dict[Spot, Place]:
        """Return the places of lines, with the streams and versions that they hold."""
        wanted: dict[int, list[int]] = {}
        for spot in sorted(spots):
            wanted.setdefault(spot.file, []).append(spot.line)
        found: dict[Spot, Place] = {}
        for file, lines in wanted.items():
            path, numbers = self._paths[file], set(lines)
            found |= {Spot(file, line): Place(path, line) for line in lines}
            with closing(open_regular(self._folder, path)) as source:
                for line in lines_of(source, Tally()):
                    event = _parsed(line) if line.number in numbers else None
                    if event is not None:
                        place = Place(path, line.number, event.stream, event.version)
                        found[Spot(file, line.number)] = place
        return found

    def _check_decisions(self) -> None:
        for place, what in self._decisions.citations(self._version_of, self._withheld):
            self._found.add("cited", place, what)
        for fault in self._decisions.faults(self._withheld, self._beside):
            self._found.add(*fault)
        for remark in self._decisions.remarks():
            self._remarks.add(*remark)
        self._report.rankings = self._decisions.rankings
        self._report.decisions = self._decisions.decided

    def _check_facts(self, listed: Mapping[str, ListedFile | None]) -> None:
        """Hold the facts of other systems to their batches, and every measured figure to its facts."""
        files = [path for path in listed if is_fact_file(path)]
        self._facts_here = bool(files)
        if not files:
            return
        ledger = Ledger(self._decisions.record)
        for path in files:
            ledger.survey(path, self._lines(path, listed[path]))
        for path in files:
            ledger.collect(path, self._lines_again(path))
        for fault in ledger.faults():
            self._found.add(*fault)

    def _version_of(self, stream: str) -> int:
        end = self._ends.get(stream)
        return end.version if end else 0

    def _compare_manifest(self, manifest: Manifest) -> None:
        place = Place(MANIFEST)
        if (manifest.events, manifest.streams) != (self._report.events, len(self._ends)):
            said = f"{manifest.events} events in {manifest.streams} streams"
            here = f"{self._report.events} in {len(self._ends)}"
            self._found.add("count", place, f"it says {said}; here are {here}")
        if [key.model_dump() for key in manifest.keys] != self._keys.listed():
            self._found.add("key", place, "the keys that it lists are not those published in the log")


def _spots(fault: Doubled | Uncaused) -> tuple[Spot, ...]:
    return (fault.spot, fault.first) if isinstance(fault, Doubled) else (fault.spot,)


def _told(fault: Doubled | Uncaused, places: dict[Spot, Place]) -> Finding:
    place = places[fault.spot]
    if isinstance(fault, Doubled):
        return Finding("double-id", place, f"the event id {fault.id} is also that of {places[fault.first]}")
    if fault.told:
        return Finding("notification", place, f"it tells of {fault.id}, which is no event of this export")
    if fault.late:
        return Finding("cause", place, f"the event is recorded before its cause {fault.id}")
    return Finding("cause", place, f"its cause {fault.id} is not in the export")


def _owner_of(path: str) -> str | None:
    return OWNERS.get(path.split("/")[1]) if is_event_file(path) else None


def _parsed(line: Line) -> Document | None:
    try:
        return None if line.fault else parse(line.raw)
    except Unusable:
        return None


def _fitting(line: Line, owner: str) -> Document | None:
    """Return the event of a line when its data fits its model."""
    try:
        found = None if line.fault else read(line.raw)
    except Unusable:
        return None
    if found is None or any(code in ("type", "data") for code, _ in faults_of(found.event, owner, None)):
        return None
    return found.event


def _head(line: Line) -> tuple[str, int, str]:
    """Return stream, version and hash of a line of `heads.jsonl`. Raises Unusable."""
    if line.fault is not None:
        raise Unusable(line.fault)
    if (plain := _HEAD.fullmatch(line.raw)) is not None:
        return plain[2].decode(), int(plain[3]), plain[1].decode()
    try:
        head = HeadLine.model_validate(parse_canonical(line.raw))
    except NotCanonical as error:
        raise Unusable(str(error)) from None
    except (ValidationError, RecursionError, TypeError):
        raise Unusable('a head is {"hash":…,"stream":…,"version":…}') from None
    return head.stream, head.version, head.hash
