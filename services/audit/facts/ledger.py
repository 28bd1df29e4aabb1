"""The exported ledger, held to what the record says of it: every batch by its root, every figure by its facts.

A file has one partition's facts, batch after batch in the order of their versions, each batch in the order of its
offsets. A batch is what a signed `FactsIngested` told of, so that no fact can be added, taken away or changed; and
since every batch is here, who measures anew knows that no fact about the nominee was left out. Files are read twice:
once for the roots and for which dues and payments bear on a nominee, since a correction may come long before what it
corrects, and once more for the facts themselves. Only facts that bear on a nominee are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any, Final

from kernel.merkle import GrowingRoot
from services.audit.checks.telling import Fault, told
from services.audit.checks.ways import candidate_of
from services.audit.facts.fact import Fact, Family, NoFact, fact_of, leaf_of
from services.audit.facts.figures import figure_of
from services.audit.findings import Place
from services.audit.folder import Line, fact_file, ingest_stream_of
from services.audit.indicators import Measurement
from services.audit.record import Batch, Record

_COMPARED: Final = ("numerator", "denominator", "ratio", "lack", "missing_months", "facts", "digest")


class Ledger:
    """Reads the files of facts, each with `survey` and then each with `collect`; says afterwards what does not fit."""

    def __init__(self, record: Record) -> None:
        """Hold the files to what was kept of the events."""
        self._record = record
        self._batches: dict[str, dict[int, Batch]] = {}
        """The batches that brought facts, by stream and version, in their order."""
        for point, batch in sorted(record.batches.items()):
            if batch.applied:
                self._batches.setdefault(point.stream, {})[point.version] = batch
        self._subjects = {one.whose[2] for kept in record.indicators.values() for one in kept.measurements}
        self._families: dict[str, set[Family]] = {}
        """By nominee, the dues and payments that have a fact about it."""
        self._wanted: set[Family] = set()
        self._seen: set[str] = set()
        self._found: list[Fault] = []
        self._bearing: dict[str, list[Fact]] = {}
        self._by_family: dict[Family, list[Fact]] = {}

    def survey(self, path: str, lines: Iterable[Line]) -> None:
        """Hold every batch of a file to its root, and note which dues and payments bear on a nominee."""
        stream = ingest_stream_of(path)
        self._seen.add(stream)
        wrong: list[Fault] = []
        expected = self._batches.get(stream, {})
        versions = iter(expected)
        batch, root, read, begins = next(versions, 0), GrowingRoot(), 0, 1
        for line in lines:
            read += 1
            if line.fault is not None:
                wrong.append(("ledger", Place(path, line.number), line.fault))
                continue
            leaf = leaf_of(line.raw)
            self._note(path, line, stream, leaf)
            root.add(leaf)
            if batch in expected and root.count == expected[batch].applied:
                if root.root.hex() != expected[batch].root:
                    what = f"the facts up to line {line.number} are not those of the batch: their root is another"
                    wrong.append(("ledger", Place(path, begins, stream, batch), what))
                batch, root, begins = next(versions, 0), GrowingRoot(), line.number + 1
        if read != (due := sum(one.applied for one in expected.values())):
            said = f"it has {read} facts; the events of {stream} tell of {due}"
            wrong = [*wrong[:1], ("ledger", Place(path), said)]  # what follows a line too many or too few is no batch
        self._found += wrong

    def collect(self, path: str, lines: Iterable[Line]) -> None:
        """Keep the facts of a file that bear on a nominee."""
        stream = ingest_stream_of(path)
        places = (version for version, one in self._batches.get(stream, {}).items() for _ in range(one.applied))
        for line in lines:
            version = next(places, 0)
            try:
                fact = fact_of(line.raw, leaf_of(line.raw), stream, version)
                family, subject = fact.family, fact.subject
            except (NoFact, KeyError):
                continue
            if family in self._wanted:
                self._by_family.setdefault(family, []).append(fact)
            elif family is None and subject in self._subjects:
                self._bearing.setdefault(subject, []).append(fact)

    def faults(self) -> Iterator[Fault]:
        """Return what was found in the files, and every figure that is not what its facts give."""
        yield from self._found
        for stream in sorted(self._batches.keys() - self._seen):
            yield "ledger", Place(fact_file(stream)), f"the facts that {stream} tells of are not here"
        for nomination, indicator in self._record.indicators.items():
            kind = (candidate_of(self._record, nomination) or {}).get("kind", "")
            for one in indicator.measurements:
                yield from told("figure", one.place, self._figure_faults(one, kind))

    def _note(self, path: str, line: Line, stream: str, leaf: bytes) -> None:
        try:
            fact = fact_of(line.raw, leaf, stream, 0)
            if fact.family is not None and fact.subject in self._subjects:
                self._families.setdefault(fact.subject, set()).add(fact.family)
                self._wanted.add(fact.family)
        except (NoFact, KeyError):
            self._found.append(("ledger", Place(path, line.number), "it is no fact of a ledger"))

    def _figure_faults(self, one: Measurement, kind: str) -> Iterator[str]:
        season, _, subject = one.whose
        measure = self._record.rules(season, one.rulebook_version).measure(one.measure)
        found = figure_of(measure, subject, kind, self._within(subject, one.basis))
        for name in _COMPARED:
            said, here = getattr(one, name), getattr(found, name)
            if isinstance(here, Fraction) and said is not None:
                said = Fraction(said)
            if said != here:
                yield f"`{name}` is {_told(said)}; the facts in this folder give {_told(here)}"

    def _within(self, subject: str, basis: Mapping[str, int]) -> list[Fact]:
        """Return the facts that bear on a nominee, of batches up to those that a measurement names."""
        given = list(self._bearing.get(subject, ()))
        for family in self._families.get(subject, ()):
            given += self._by_family.get(family, ())
        return [fact for fact in given if fact.batch <= basis.get(fact.stream, 0)]


def _told(value: Any) -> str:
    return "nothing" if value is None else ", ".join(value) or "none" if isinstance(value, tuple) else str(value)
