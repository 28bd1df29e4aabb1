"""A folder as large as asked for, shaped as an export: `python -m tests.support.big_export DIR EVENTS`.

One season of all provinces, nothing sealed yet, so that every standing must be computed: about seven events in ten are
marks and sheets, one in five a delivery. It is written as bytes without chains and signatures, which a replay does not
read: it measures, and verifies nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import NAMESPACE_OID, uuid5

from kernel.canonical import canonical, instant
from schemas.regions import region_table
from schemas.rulebook import rulebook_content, rulebook_hash
from schemas.rulebook_file import read_rulebook
from schemas.topics import source_of
from services.audit.folder import file_of
from services.audit.rules import Rules

SEASON: Final = "2020"
BEGIN: Final = datetime(2021, 1, 10, 3, 0, tzinfo=UTC)
_HASH: Final = "ab" * 32
_SALT: Final = "cd" * 16
_SIGNATURE: Final = "A" * 86 + "=="
_MEMBERS: Final = 9
Line = tuple[str, int, bytes]


def _id(*parts: object) -> str:
    return str(uuid5(NAMESPACE_OID, "/".join(str(one) for one in parts)))


class Made:
    """Writes events of a made season, stream by stream."""

    def __init__(self, nominees: int) -> None:
        path = Path(__file__).parents[2] / "rulebooks" / "2020.yaml"
        book = read_rulebook(path.read_bytes()).rulebook
        assert book is not None
        self.content, self.hash = rulebook_content(book), rulebook_hash(book)
        self.rules = Rules(1, self.hash, self.content)
        self.entries = [one for one in self.content["stages"] if one["code"] == "seleksi"]
        table = region_table(self.content["regions"]["table"])
        self.provinces = sorted({code[:2] for code in table.regions})
        self.nominees = nominees
        self.count = 0

    def line(self, stream: str, version: int, kind: str, data: dict[str, Any], service: str = "scoring") -> Line:
        """Return an event as a line."""
        self.count += 1
        name = f"id.go.paritrana.{kind}"
        doc = {
            "actor": _id("actor", stream),
            "commandid": _id(stream, version, "command"),
            "data": {**data, "salt": _SALT},
            "datahash": _HASH,
            "dataschema": f"urn:paritrana:schema:{kind}",
            "id": _id(stream, version),
            "prevhash": _HASH,
            "signature": _SIGNATURE,
            "signaturekey": "0123456789abcdef",
            "source": source_of(service),
            "specversion": "1.0",
            "streamversion": version,
            "subject": stream,
            "time": instant(BEGIN + timedelta(seconds=self.count)),
            "type": name,
        }
        return stream, version, canonical(doc)

    def season(self) -> Iterator[Line]:
        stream = f"season/{SEASON}"
        rules = {"season": SEASON, "version": 1, "hash": self.hash}
        opened = {"season": SEASON, "title": "A made season", "rulebook_version": 1, "rulebook_hash": self.hash}
        yield self.line(stream, 1, "nomination.SeasonOpened.v1", opened, "nomination")
        published = {**rules, "content": self.content}
        yield self.line(stream, 2, "nomination.RulebookPublished.v1", published, "nomination")

    def committees(self) -> Iterator[Line]:
        offices = [office["code"] for office in self.rules.body("panitia-9")["offices"] if office["role"] != "clerk"]
        for province in self.provinces:
            stream = f"committee/{SEASON}/{province}"
            common = {"season": SEASON, "province": province, "body": "panitia-9"}
            term = {"decree": "SK 1/2021", "term_from": "2021-01-01", "term_until": "2021-12-31"}
            yield self.line(stream, 1, "nomination.CommitteeFormed.v1", {**common, **term}, "nomination")
            for number, office in enumerate(offices[:_MEMBERS]):
                seat = {"office": office, "seat": 1, "person": _id(province, number)}
                yield self.line(stream, number + 2, "nomination.MemberAppointed.v1", {**common, **seat}, "nomination")

    def stages(self) -> Iterator[tuple[dict[str, str], dict[str, Any]]]:
        """Yield every stage that is scored, with its rules."""
        for province in self.provinces:
            for entry in self.entries:
                at = {"season": SEASON, "tier": "provincial", "province": province}
                yield {**at, "category": entry["category"], "stage": entry["code"]}, entry

    def nominations(self) -> Iterator[Line]:
        for at, _ in self.stages():
            for number in range(self.nominees):
                nomination = _id(at["province"], at["category"], number)
                data = {
                    "nomination": nomination,
                    "entry": at,
                    "candidate": {"kind": "employer", "code": f"NPP{number}", "name": f"Perusahaan {number}"},
                    "nominating_body": at["province"],
                    "nominated_by": _id("secretariat"),
                    "contact": _id("contact"),
                    "sample": False,
                }
                stream = f"nomination/{nomination}"
                yield self.line(stream, 1, "nomination.CandidateNominated.v2", data, "nomination")

    def rankings(self) -> Iterator[Line]:
        for at, entry in self.stages():
            opens, closes = self.rules.scoring(at)
            stream = f"ranking/{SEASON}/provincial/{at['province']}/{at['category']}/{at['stage']}"
            data = {
                "at": at,
                "body": entry["body"],
                "rubric": entry["rubric"],
                "rulebook_version": 1,
                "rulebook_hash": self.hash,
                "opens": opens,
                "closes": closes,
                "rules": {"aspects": []},
            }
            yield self.line(stream, 1, "scoring.ScoringOpened.v1", data)

    def sheets(self) -> Iterator[Line]:
        for at, entry in self.stages():
            aspects = [one.code for one in self.rules.ranking(at).aspects if one.origin == "judged"]
            for number in range(self.nominees):
                nomination = _id(at["province"], at["category"], number)
                for seat in range(_MEMBERS):
                    yield from self._sheet(at, entry, nomination, seat, aspects, number)

    def _sheet(
        self, at: dict[str, str], entry: dict[str, Any], nomination: str, seat: int, aspects: list[str], number: int
    ) -> Iterator[Line]:
        member = _id(at["province"], seat)
        stream = f"sheet/{nomination}/provincial-{at['stage']}/{member}"
        whose = {"nomination": nomination, "at": at, "member": member}
        marks = [{"aspect": one, "mark": f"{50 + (number * 7 + seat * 3) % 50}.5"} for one in aspects]
        for version, mark in enumerate(marks, start=1):
            yield self.line(stream, version, "scoring.AspectScored.v1", {**whose, "mark": mark, "sample": False})
        submitted = {"body": entry["body"], "office": "anggota", "marks": marks, "rulebook_version": 1}
        said = {**whose, **submitted, "sample": False}
        yield self.line(stream, len(marks) + 1, "scoring.ScoreSheetSubmitted.v1", said)

    def deliveries(self, count: int) -> Iterator[Line]:
        for number in range(count):
            data = {
                "person": _id("person", number),
                "cause": _id("cause", number),
                "channel": "mail",
                "template": "nominated",
                "message_id": f"<{_id('mail', number)}@paritrana.invalid>",
                "digest": _HASH,
            }
            stream = f"delivery/{data['person']}"
            yield self.line(stream, 1, "notifications.NotificationDelivered.v1", data, "notifications")


def make(folder: Path, events: int) -> int:
    """Make a folder of at least so many events; return how many it has."""
    probe = Made(1)
    each = sum(1 for _ in (*probe.nominations(), *probe.sheets()))
    made = Made(max(1, -(-events * 8 // (each * 10))))
    kinds = (made.season, made.committees, made.nominations, made.rankings, made.sheets)
    files = [_write(folder, sorted(lines())) for lines in kinds]
    files.append(_write(folder, sorted(made.deliveries(max(1, events - made.count)))))
    manifest = {"files": sorted(files, key=lambda one: str(one["path"])), "events": made.count}
    (folder / "manifest.json").write_bytes(canonical(manifest) + b"\n")
    return made.count


def _write(folder: Path, lines: list[Line]) -> dict[str, Any]:
    name = file_of(lines[0][0])
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    raw = b"".join(line + b"\n" for _, _, line in lines)
    path.write_bytes(raw)
    return {"path": name, "bytes": len(raw)}


if __name__ == "__main__":
    sys.stdout.write(f"{make(Path(sys.argv[1]), int(sys.argv[2]))} events\n")
