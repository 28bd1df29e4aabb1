"""The golden examples: a small award told from its first event on, written once and kept for ever.

`python -m tests.contract.story` writes the examples that are missing below `schemas/examples/` and never touches one
that is there: a golden document is what an old build wrote. To add an example, add a line at the end of the story.
Everything is fixed (ids, salts, times, and keys that sign nothing but these examples), so the story is the same
wherever it is told.

Regions are real and carry their official codes; companies, marks, standings and persons are samples.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kernel.canonical import Ed25519Signer, Json, canonical, data_hash, envelope_of, instant, leaf_hash, parse_canonical
from schemas import nomination as n
from schemas import notifications as m
from schemas import scoring as s
from schemas import service as v
from schemas import superseded as old
from schemas.codec import CODEC
from schemas.envelope import Event, Stage, StreamPoint
from schemas.exact import fraction_text, round_exact
from schemas.generate import ROOT, event_path
from schemas.registry import schema_uri
from schemas.rulebook import Rulebook, rulebook_content, rulebook_hash
from schemas.rulebook_file import read_rulebook
from schemas.topics import EVENT_TOPICS, SERVICES, source_of, topic_of
from tests.contract.procedure import the_procedure

EXAMPLES: Final = ROOT / "examples"
KEYS: Final = EXAMPLES / "keys.json"
_OWNER: Final = {topic.name: topic.owner for topic in EVENT_TOPICS}


@dataclass(frozen=True, slots=True)
class Line:
    """One event of the story: who recorded what, when, in which office."""

    time: datetime
    stream: str
    event: Event
    actor: str
    office: str | None
    cause: str | None


def signer_of(service: str) -> Ed25519Signer:
    """Return the key that signs a service's golden examples and nothing else."""
    return Ed25519Signer(Ed25519PrivateKey.from_private_bytes(_digest(f"golden key of {service}")))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _hex(text: str) -> str:
    return _digest(text).hex()


def person(name: str) -> str:
    """Return a sample person's pseudonym."""
    return str(uuid5(NAMESPACE_URL, f"urn:paritrana:golden:{name}"))


def event_id(time: datetime, stream: str, version: int) -> str:
    """Return a UUIDv7 of the event's time whose random part is fixed by its place."""
    value = int(time.timestamp() * 1000) << 80 | int.from_bytes(_digest(f"{stream} {version}")[:10], "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    text = f"{value:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


class Story:
    """Collects lines; `tell` says one and returns its id, `versions` how long each stream is by then."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.versions: dict[str, int] = {}
        self.time = datetime(2021, 1, 4, 1, 0, tzinfo=UTC)

    def at(self, year: int, month: int, day: int, hour: int = 2) -> None:
        """Move the clock on to an hour in UTC (Gorontalo is eight hours ahead)."""
        self.time = datetime(year, month, day, hour, tzinfo=UTC)

    def tell(
        self,
        stream: str,
        event: Event,
        actor: str = "system",
        office: str | None = None,
        *,
        cause: str | None = None,
        together: bool = False,
    ) -> str:
        """Say that `event` happened, a minute after the last one or `together` with it, and return its id."""
        if not together:
            self.time += timedelta(minutes=1)
        version = self.versions[stream] = self.versions.get(stream, 0) + 1
        self.lines.append(Line(self.time, stream, event, actor, office, cause))
        return event_id(self.time, stream, version)  # fmt: skip

    def point(self, stream: str) -> StreamPoint:
        """Return where a stream stands."""
        return StreamPoint(stream=stream, version=self.versions[stream])


SEASON: Final = "2020"
CHAIR: Final = person("sekretaris-daerah")
CLERK: Final = person("sekretaris-panitia")
SECRETARIAT: Final = person("sekretariat provinsi gorontalo")
ADMIN: Final = person("season-admin")
CONTACT: Final = person("kontak kabupaten bone bolango")
OFFICES: Final = (
    "sekretaris-daerah", "kepala-bpjs-ketenagakerjaan", "asisten-pemerintahan-kesra", "kepala-dinas-tenaga-kerja",
    "kepala-dinas-koperasi-ukm", "kepala-bps",
)  # fmt: skip
SELECTION: Final = Stage(season=SEASON, tier="provincial", province="75", category="KABKOTA", stage="seleksi")
NATIONAL: Final = Stage(season=SEASON, tier="national", province="00", category="KABKOTA", stage="verifikasi")
INTERVIEW: Final = Stage(season=SEASON, tier="national", province="00", category="KABKOTA", stage="wawancara")
SHARES: Final = {"kebijakan": Fraction(5, 16), "peraturan": Fraction(5, 16), "kinerja": Fraction(3, 8)}
BONE_BOLANGO: Final = n.Candidate(kind="regency", code="75.03", name="Kabupaten Bone Bolango")
KOTA_GORONTALO: Final = n.Candidate(kind="city", code="75.71", name="Kota Gorontalo")
MEDIUM: Final = n.Candidate(
    kind="employer", code="17000042", name="PT Contoh Teluk Tomini", size_class="medium", region="75.71"
)
MICRO: Final = n.Candidate(
    kind="employer", code="17000077", name="UD Contoh Karawo", size_class="micro", region="75.03"
)


def nomination_of(category: str, candidate: n.Candidate) -> str:
    """Return the nomination's id."""
    return person(f"{SEASON}/{category}/{candidate.kind}/{candidate.code}")


BONE: Final = nomination_of("KABKOTA", BONE_BOLANGO)
KOTA: Final = nomination_of("KABKOTA", KOTA_GORONTALO)
MARKS: Final[dict[str, tuple[tuple[str, str, str], ...]]] = {
    BONE: (("88", "90", "92.5"), ("86", "89.5", "91"), ("90", "88", "94")),
    KOTA: (("84", "86", "88"), ("85", "85.5", "87"), ("83", "88", "86.5")),
}
"""Marks for policy, regulation and performance, of the first three members, for each of the two nominees."""
NAMES: Final = {BONE: BONE_BOLANGO, KOTA: KOTA_GORONTALO}


def told() -> Story:
    """Tell the whole story."""
    story = Story()
    _services(story)
    rules = _season(story)
    _committee(story)
    _nominations(story)
    seal, digest = _scoring(story, rules)
    _plenary(story, seal, digest)
    _afterwards(story, seal)
    the_procedure(story, seal, digest)
    company = _another_year(story)
    _facts(story, company)
    _a_repair(story)
    _a_report(story)
    _another_key(story)
    return story


def _services(story: Story) -> None:
    for service in SERVICES:
        signer = signer_of(service)
        key = v.ServiceKeyPublished(
            service=service, key_id=signer.key_id, algorithm="Ed25519", use="events",
            public_key=b64encode(signer.public_key).decode(),
        )  # fmt: skip
        story.tell(f"service/{service}", key)
    story.tell("service/nomination", v.ReactionEnabled(service="nomination", handler="order-reseal"))
    story.tell("service/nomination", v.EpochOpened(service="nomination", epoch=2, reason="restored"))


def _season(story: Story) -> Rulebook:
    """Open the season of 2020 and 2021 and amend its rulebook once."""
    file = (ROOT.parent / "rulebooks" / "2020.yaml").read_bytes()
    first, second = (_rules(file.replace(b"\nversion: 1\n", b"\nversion: %d\n" % version)) for version in (1, 2))
    stream = f"season/{SEASON}"
    opened = n.SeasonOpened(season=SEASON, title=first.title.id, rulebook_version=1, rulebook_hash=rulebook_hash(first))
    story.tell(stream, opened, ADMIN, "season-admin")
    published = n.RulebookPublished(
        season=SEASON, version=1, hash=rulebook_hash(first), content=rulebook_content(first)
    )
    story.tell(stream, published, ADMIN, "season-admin", together=True)
    amended = n.RulebookAmended(
        season=SEASON, version=2, hash=rulebook_hash(second), content=rulebook_content(second),
        reason_digest=_hex("a reason"),
    )  # fmt: skip
    story.tell(stream, amended, ADMIN, "season-admin")
    return second


def _rules(file: bytes) -> Rulebook:
    reading = read_rulebook(file)
    if reading.rulebook is None:
        raise ValueError(f"rulebooks/2020.yaml: {reading.errors[0]}")
    return reading.rulebook


def _committee(story: Story) -> None:
    story.at(2021, 1, 5)
    place: Any = {"season": SEASON, "province": "75", "body": "panitia-9"}
    stream = f"committee/{SEASON}/75"
    formed = n.CommitteeFormed(
        **place, decree="SK Gubernur (contoh)", term_from=date(2021, 1, 1), term_until=date(2021, 12, 31)
    )
    story.tell(stream, formed, SECRETARIAT, "secretariat")
    for office in (*OFFICES, "ketua-apindo", "sekretaris-panitia"):
        seat: Any = place | {"office": office, "seat": 1, "person": person(office)}
        story.tell(stream, n.MemberAppointed(**seat), SECRETARIAT, "secretariat")
    leaves = n.MemberRemoved(
        **place, office="ketua-apindo", seat=1, person=person("ketua-apindo"), reason_digest=_hex("a reason")
    )
    story.tell(stream, leaves, SECRETARIAT, "secretariat")
    conflict = n.ConflictDeclared(
        **place, person=person("kepala-bps"), category="UMKM", nomination=nomination_of("UMKM", MICRO), kind="family",
        reason_digest=_hex("a reason"),
    )  # fmt: skip
    story.tell(stream, conflict, person("kepala-bps"), "member")


def _nominations(story: Story) -> None:
    story.at(2021, 1, 6)
    entered = (
        ("KABKOTA", BONE_BOLANGO, False), ("KABKOTA", KOTA_GORONTALO, False), ("MENENGAH", MEDIUM, True),
        ("UMKM", MICRO, True),
    )  # fmt: skip
    for category, candidate, sample in entered:
        nomination = nomination_of(category, candidate)
        # Told as the build of the day wrote it: in the first version, which knew no other kinds.
        nominated = old.CandidateNominated(
            nomination=nomination, entry=SELECTION.model_copy(update={"category": category}),
            candidate=old.Candidate.model_validate(candidate.model_dump()),
            nominating_body="75", nominated_by=SECRETARIAT,
            contact=CONTACT if candidate is BONE_BOLANGO else person(f"kontak {candidate.name}"), sample=sample,
        )  # fmt: skip
        cause = story.tell(f"nomination/{nomination}", nominated, SECRETARIAT, "secretariat")
        if candidate is BONE_BOLANGO:
            _mail(story, CONTACT, cause)
    withdrawn = n.NominationWithdrawn(
        nomination=nomination_of("MENENGAH", MEDIUM),
        at=SELECTION.model_copy(update={"category": "MENENGAH"}),
        reason_digest=_hex("a reason"),
    )
    story.tell(f"nomination/{withdrawn.nomination}", withdrawn, SECRETARIAT, "secretariat")
    refusals = f"refusal/nomination/{SECRETARIAT}/2021-01-06"
    for closing in (False, True):
        refused = v.CommandRefused(
            service="nomination", route="POST /v1/nominations", code="nominated-already", fields=("candidate",),
            closing=closing,
        )  # fmt: skip
        story.tell(refusals, refused, SECRETARIAT, "secretariat")


def _mail(story: Story, to: str, cause: str) -> None:
    key = _hex(f"{cause} {to}")[:32]
    delivered = m.NotificationDelivered(
        person=to, cause=cause, channel="mail", template="candidate-nominated",
        message_id=f"<{key}@paritrana.invalid>", digest=_hex("a letter"),
    )  # fmt: skip
    story.tell(f"delivery/{to}", delivered, cause=cause)
    stranger = person("kontak tanpa alamat")
    failed = m.NotificationFailed(
        person=stranger, cause=cause, channel="mail", template="candidate-nominated",
        message_id=f"<{key[::-1]}@paritrana.invalid>", reason="no-address",
    )  # fmt: skip
    story.tell(f"delivery/{stranger}", failed, cause=cause)


def _scoring(story: Story, rules: Rulebook) -> tuple[str, str]:
    """Open, score, seal, order a new seal and give it; return the standing seal's event id and digest."""
    stage, award = SELECTION.ranking, SELECTION.award
    story.at(2021, 2, 1)
    opened = s.ScoringOpened(
        at=SELECTION, body="panitia-9", rubric="pemerintah-daerah", rulebook_version=2,
        rulebook_hash=rulebook_hash(rules), opens=datetime(2021, 1, 31, 16, tzinfo=UTC),
        closes=datetime(2021, 2, 28, 15, 59, 59, 999_999, tzinfo=UTC), rules=_pinned(),
    )  # fmt: skip
    story.tell(stage, opened)
    _sheets(story)
    story.at(2021, 2, 28, 17)
    story.tell(stage, s.ScoringClosed(at=SELECTION))
    first = _sealed(story, rules, complete=False)
    stale = story.tell(stage, first, CLERK, "sekretaris-panitia")
    order = n.ResealOrdered(
        ranking=stage, seal=stale, stale=(StreamPoint(stream=f"nomination/{KOTA}", version=1),), missing=(KOTA,)
    )
    ordered = story.tell(award, order, cause=stale)
    story.tell(stage, s.RankingSuperseded(at=SELECTION, seal=stale, order=ordered), cause=ordered)
    second = _sealed(story, rules, complete=True)
    return story.tell(stage, second, CLERK, "sekretaris-panitia"), second.digest


def _pinned() -> s.PinnedRules:
    aspects = tuple(
        s.PinnedAspect(
            code=code, share=fraction_text(share), origin="judged", least=Decimal(0), greatest=Decimal(100),
            step=Decimal("0.5"),
        )
        for code, share in SHARES.items()
    )  # fmt: skip
    return s.PinnedRules(
        aspects=aspects, method="mean", complete_sheet="every-judged-aspect", least_sheets=3,
        marks_of_removed="kept-uncounted", tie_break=("aspect", "nomination-instant", "vote"), places=2,
        rounding="half-up", conflict_scope="candidate", scoring_offices=OFFICES,
        sealing_offices=("sekretaris-panitia",),
    )  # fmt: skip


def _sheet(nominee: str, member: str) -> str:
    return f"sheet/{nominee}/{SELECTION.stage}/{member}"


def _filed(nominee: str, office: str, marks: tuple[str, str, str]) -> s.ScoreSheetSubmitted:
    filed = tuple(s.Mark(aspect=code, mark=Decimal(mark)) for code, mark in zip(SHARES, marks, strict=True))
    return s.ScoreSheetSubmitted(
        nomination=nominee, at=SELECTION, body="panitia-9", office=office, member=person(office), marks=filed,
        rulebook_version=2, sample=True,
    )  # fmt: skip


def _sheets(story: Story) -> None:
    for nominee, sheets in MARKS.items():
        for office, marks in zip(OFFICES, sheets, strict=False):
            stream = _sheet(nominee, person(office))
            if (nominee, office) == (BONE, OFFICES[0]):
                _marks_one_by_one(story, stream)
            story.tell(stream, _filed(nominee, office, marks), person(office), office)
    office = OFFICES[3]
    by_mistake = _sheet(KOTA, person(office))
    story.tell(by_mistake, _filed(KOTA, office, ("8.5", "8.6", "8.8")), person(office), office)
    voided = s.ScoreSheetVoided(nomination=KOTA, at=SELECTION, member=person(office), reason_digest=_hex("a reason"))
    story.tell(by_mistake, voided, person(office), office)
    read = s.SheetRead(nomination=BONE, at=SELECTION, member=CHAIR, reader=CLERK)
    story.tell(_sheet(BONE, CHAIR), read, CLERK, "sekretaris-panitia")


def _marks_one_by_one(story: Story, stream: str) -> None:
    base: Any = {"nomination": BONE, "at": SELECTION, "member": CHAIR, "sample": True}
    office = OFFICES[0]
    for code, mark in zip(SHARES, ("80", "90", "92.5"), strict=True):
        story.tell(stream, s.AspectScored(**base, mark=s.Mark(aspect=code, mark=Decimal(mark))), CHAIR, office)
    revised = s.AspectScoreRevised(
        **base, mark=s.Mark(aspect="kebijakan", mark=Decimal(88)),
        previous=s.Mark(aspect="kebijakan", mark=Decimal(80)), reason_digest=_hex("a reason"),
    )  # fmt: skip
    story.tell(stream, revised, CHAIR, office)


def _standing(nominee: str, rank: int) -> s.Standing:
    means = {
        code: sum(map(Fraction, column), Fraction(0)) / 3
        for code, column in zip(SHARES, zip(*MARKS[nominee], strict=True), strict=True)
    }
    aspects = tuple(s.AspectAggregate(aspect=code, value=fraction_text(mean), sheets=3) for code, mean in means.items())
    total = sum((SHARES[code] * mean for code, mean in means.items()), Fraction(0))
    return s.Standing(
        nomination=nominee, candidate=NAMES[nominee].code, rank=rank, total=fraction_text(total),
        shown=round_exact(total, 2, "half-up"),
        aspects=aspects, sample=True,
    )  # fmt: skip


def _sealed(story: Story, rules: Rulebook, *, complete: bool) -> s.RankingSealed:
    """Return a seal; an incomplete one has overlooked Kota Gorontalo and leaves it without a rank."""
    ranked = (BONE, KOTA) if complete else (BONE,)
    standings = tuple(_standing(nominee, rank) for rank, nominee in enumerate(ranked, start=1))
    unrankable = () if complete else (
        s.Unrankable(nomination=KOTA, candidate=KOTA_GORONTALO.code, reason="too-few-sheets", sample=True),
    )  # fmt: skip
    counted = sorted(_sheet(nominee, person(office)) for nominee in ranked for office in OFFICES[:3])
    read = sorted((f"season/{SEASON}", f"committee/{SEASON}/75", *(f"nomination/{nominee}" for nominee in ranked)))
    judged = {"standings": standings, "unrankable": unrankable}
    digest = data_hash(canonical({key: [part.model_dump(mode="json", exclude_none=True) for part in parts]
                                  for key, parts in judged.items()}))  # fmt: skip
    return s.RankingSealed(
        at=SELECTION, rulebook_version=2, rulebook_hash=rulebook_hash(rules), standings=standings,
        unrankable=unrankable,
        counted=tuple(s.CountedSheet(stream=stream, version=story.versions[stream]) for stream in counted),
        excluded=(s.ExcludedSheet(stream=_sheet(KOTA, person(OFFICES[3])), version=2, reason="voided"),),
        basis=s.Basis(
            nominations=ranked,
            streams=tuple(story.point(stream) for stream in read),
        ),
        digest=digest, sample=True,
    )  # fmt: skip


def _plenary(story: Story, seal: str, digest: str) -> None:
    story.at(2021, 3, 2)
    plenary = person("plenary of 2 March 2021")
    stream, item = f"plenary/{plenary}", n.AgendaItem(category="KABKOTA", stage="seleksi")
    convened = n.PlenaryConvened(
        plenary=plenary, season=SEASON, tier="provincial", province="75", body="panitia-9",
        scheduled=datetime(2021, 3, 2, 2, tzinfo=UTC), agenda=(item,),
    )  # fmt: skip
    story.tell(stream, convened, CLERK, "sekretaris-panitia")
    for office in OFFICES:
        came = n.AttendanceRecorded(plenary=plenary, person=person(office), office=office, seat=1, present=True)
        story.tell(stream, came, CLERK, "sekretaris-panitia")
    tabled = n.RankingTabled(
        plenary=plenary, item=item, ranking=SELECTION.ranking, seal=seal,
        seal_version=story.versions[SELECTION.ranking], digest=digest,
    )  # fmt: skip
    story.tell(stream, tabled, CLERK, "sekretaris-panitia")
    motion = n.MotionOpened(
        plenary=plenary, motion=1, item=item, kind="propose", seal=seal, advancing=(BONE, KOTA), eliminated=()
    )
    story.tell(stream, motion, CHAIR, OFFICES[0])
    for office in OFFICES:
        vote: n.Vote = "abstain" if office == "kepala-bps" else "for"
        cast = n.VoteCast(plenary=plenary, motion=1, person=person(office), office=office, vote=vote)
        story.tell(stream, cast, person(office), office)
    results = tuple(StreamPoint(stream=f"nomination/{nominee}", version=2) for nominee in (BONE, KOTA))
    decided = n.PlenaryDecided(
        plenary=plenary, motion=1, item=item, outcome="carried",
        tally=n.Tally(votes_for=5, votes_against=0, abstained=1),
        quorum=n.Quorum(seats=9, present=6, required=6), seal=seal, digest=digest, rulebook_version=2, results=results,
    )  # fmt: skip
    story.tell(stream, decided, CHAIR, OFFICES[0])
    for rank, nominee in enumerate((BONE, KOTA), start=1):
        advanced = n.StageAdvanced(
            nomination=nominee, left=SELECTION, reached=NATIONAL, rank=rank, plenary=plenary, motion=1, seal=seal,
            sample=True,
        )  # fmt: skip
        story.tell(f"nomination/{nominee}", advanced, CHAIR, OFFICES[0], together=True)
    announced = n.RankingAnnounced(
        at=SELECTION, plenary=plenary, motion=1, seal=seal, digest=digest,
        appeals_until=datetime(2021, 3, 9, 15, 59, 59, 999_999, tzinfo=UTC),
        lines=tuple(
            n.Announced(nomination=nominee, candidate=NAMES[nominee].name, rank=rank, outcome="advanced", sample=True)
            for rank, nominee in enumerate((BONE, KOTA), start=1)
        ),
    )  # fmt: skip
    story.tell(SELECTION.award, announced, CHAIR, OFFICES[0])
    story.tell(stream, n.PlenaryAdjourned(plenary=plenary), CHAIR, OFFICES[0])


def _afterwards(story: Story, seal: str) -> None:
    """An unranked micro company leaves; at the end of May Bone Bolango is declared (its rank is a sample)."""
    micro = nomination_of("UMKM", MICRO)
    eliminated = n.NominationEliminated(
        nomination=micro, at=SELECTION.model_copy(update={"category": "UMKM"}), reason="unrankable",
        plenary=person("plenary of 2 March 2021"), motion=2, seal=seal, sample=True,
    )  # fmt: skip
    story.tell(f"nomination/{micro}", eliminated, CHAIR, OFFICES[0])
    story.at(2021, 5, 31)
    winner = n.WinnerDeclared(
        nomination=BONE, at=INTERVIEW, rank=2, plenary=person("plenary of the jury"), motion=1, seal=seal, sample=True
    )
    story.tell(INTERVIEW.award, winner, person("ketua-juri"), "ketua-juri")


def _another_year(story: Story) -> str:
    """In 2025 a village and a company by its sector are nominated: only that year's rules know of them.

    Returns the company's nomination.
    """
    story.at(2025, 2, 3)
    entered = (
        ("DESA", n.Candidate(kind="village", code="81.71.02.2001", name="Desa Contoh Ambon", region="81.71")),
        ("PERTANIAN", n.Candidate(
            kind="employer", code="17000099", name="PT Contoh Laut", size_class="medium", region="81.07",
            sector="perikanan",
        )),
    )  # fmt: skip
    for category, candidate in entered:
        nomination = person(f"2025/{category}/{candidate.kind}/{candidate.code}")
        nominated = n.CandidateNominated(
            nomination=nomination,
            entry=Stage(season="2025", tier="provincial", province="81", category=category, stage="seleksi"),
            candidate=candidate, nominating_body="81", nominated_by=person("sekretariat provinsi maluku"),
            contact=person(f"kontak {candidate.name}"), sample=True,
        )  # fmt: skip
        story.tell(f"nomination/{nomination}", nominated, nominated.nominated_by, "secretariat")
    return nomination


def _facts(story: Story, company: str) -> None:
    """The company is measured from two batches of facts, sealed, and measured again: nothing that was sealed moves."""
    at = Stage(season="2025", tier="provincial", province="81", category="PERTANIAN", stage="seleksi")
    batches, indicator = "ingest/bpjs.contributions.v1/3", f"indicator/{company}"
    story.tell(indicator, _measured(company, None, 0))
    for number, applied in enumerate((480, 0), start=1):
        batch = s.FactsIngested(
            topic="bpjs.contributions.v1", partition=3, first=500 * number, last=500 * number + 499, records=500,
            applied=applied, duplicates=498 - applied, refused=2,
            root=_hex("canonical facts") if applied else hashlib.sha256(b"").hexdigest(),
            months=("2025-01", "2025-02") if applied else (),
        )  # fmt: skip
        story.tell(batches, batch)
    taken = story.tell(indicator, _measured(company, Fraction(3, 2), 1))
    sealed = _sealed_by_measure(company, at)
    opened = s.ScoringOpened(
        at=at, body="panitia-9", rubric="badan-usaha", rulebook_version=2, rulebook_hash=sealed.rulebook_hash,
        opens=datetime(2025, 2, 28, 15, tzinfo=UTC), closes=datetime(2025, 3, 28, 14, 59, 59, 999_999, tzinfo=UTC),
        rules=_pinned().model_copy(update={"aspects": (_measured_aspect(),), "least_sheets": 1}),
    )  # fmt: skip
    story.at(2025, 3, 1)
    story.tell(at.ranking, opened)
    story.at(2025, 3, 28, 15)
    story.tell(at.ranking, s.ScoringClosed(at=at))
    seal = story.tell(at.ranking, sealed, person("sekretaris panitia maluku"), "sekretaris-panitia", cause=taken)
    later = story.tell(indicator, _measured(company, Fraction(2), 2))
    impact = s.CorrectionImpactFound(
        at=at, seal=seal, nomination=company, measure="kepatuhan-iuran",
        indicator=StreamPoint(stream=indicator, version=3), before="3/4", after="1/1",
        moves=(s.Move(nomination=company, rank_before=1, rank_after=1, total_before="75/1", total_after="100/1"),),
    )  # fmt: skip
    story.tell(at.ranking, impact, cause=later)


def _measured(company: str, points: Fraction | None, batch: int) -> s.IndicatorMeasured:
    """Return what a company's two obliged months came to, by the batches up to one; without facts it is unmeasured."""
    known: dict[str, Any] = {"lack": "no-facts"}
    if points is not None:
        figures = {"numerator": points, "denominator": Fraction(2), "ratio": points / 2}
        known = {name: fraction_text(figure) for name, figure in figures.items()}
    return s.IndicatorMeasured(
        nomination=company, season="2025", province="81", candidate="17000099", measure="kepatuhan-iuran",
        definition=_measured_aspect().definition or "", rulebook_version=2, facts=4 if batch else 0,
        digest=_hex(f"facts of batch {batch}"),
        basis=(StreamPoint(stream="ingest/bpjs.contributions.v1/3", version=batch),) if batch else (), **known,
    )  # fmt: skip


def _measured_aspect() -> s.PinnedAspect:
    return s.PinnedAspect(
        code="kepatuhan", share="1/1", origin="measured", least=Decimal(0), greatest=Decimal(100), step=Decimal("0.5"),
        measure="kepatuhan-iuran", definition=_hex("the measure's wording"),
    )  # fmt: skip


def _sealed_by_measure(company: str, at: Stage) -> s.RankingSealed:
    figure = s.AspectAggregate(aspect="kepatuhan", value="75/1", sheets=0)
    standing = s.Standing(
        nomination=company, candidate="17000099", rank=1, total="75/1", shown="75.00", aspects=(figure,), sample=True
    )
    basis = s.Basis(
        nominations=(company,), streams=(StreamPoint(stream=f"nomination/{company}", version=1),),
        measured=(StreamPoint(stream=f"indicator/{company}", version=2),),
    )  # fmt: skip
    return s.RankingSealed(
        at=at, rulebook_version=2, rulebook_hash=_hex("rules of 2025 that measure"), standings=(standing,),
        unrankable=(), counted=(), excluded=(), basis=basis, digest=s.standings_digest((standing,), ()), sample=True,
        recusals=(),
    )  # fmt: skip


def _a_repair(story: Story) -> None:
    """Put a fact in place of a message whose amount was negative: one operator proposes it, the publisher agrees."""
    story.at(2025, 4, 14)
    repair, leaf = person("a repair"), _hex("a fact's leaf")
    proposed = s.RepairProposed(
        repair=repair, topic="bpjs.contributions.v1", partition=3, offset=1207, publisher="sipp", fact="p-2025-000017",
        leaf=leaf, content_digest=_hex("a fact's text"), reason_digest=_hex("why it is repaired"),
    )  # fmt: skip
    story.tell(f"repair/{repair}", proposed, person("operator"), "operator")
    approved = s.RepairApproved(repair=repair, leaf=leaf)
    story.tell(f"repair/{repair}", approved, person("penerbit iuran"), "publisher")


def _a_report(story: Story) -> None:
    """Report a day to publishers: what was refused until then and what nobody has said, and a figure in dispute."""
    story.at(2025, 4, 14, 17)
    topic = "bpjs.contributions.v1"
    reported = s.FactsReported(
        topic=topic, day=date(2025, 4, 14), batches=(s.ReportedBatches(partition=3, first=1, last=2),),
        records=1000, applied=480, duplicates=516, refused=4,
        publishers=(
            s.RefusedOf(publisher="sipp", reasons=(s.RefusedFor(reason="wrong-field", count=3),)),
            s.RefusedOf(reasons=(s.RefusedFor(reason="not-json", count=1),)),
        ),
        first_refused=(
            s.RefusedMessage(partition=3, offset=517, reason="wrong-field"),
            s.RefusedMessage(partition=3, offset=519, reason="not-json"),
        ),
        missing=(s.MissingFacts(season="2025", employers=1, months=2, unregistered=0),),
    )  # fmt: skip
    story.tell(f"report/{topic}", reported)
    number = next(number for number, line in enumerate(story.lines) if isinstance(line.event, n.FigureDisputed))
    line = story.lines[number]
    version = sum(one.stream == line.stream for one in story.lines[: number + 1])
    disputed = s.ReportedDispute(
        dispute=StreamPoint(stream=line.stream, version=version), season="2020", candidate=BONE_BOLANGO.code,
        aspect="kinerja", measure="kepatuhan-iuran",
    )  # fmt: skip
    none = dict.fromkeys(("records", "applied", "duplicates", "refused"), 0)
    coverage = s.FactsReported(topic="bpjs.coverage.v1", day=date(2025, 4, 14), disputed=(disputed,), **none)
    story.tell("report/bpjs.coverage.v1", coverage)


def _another_key(story: Story) -> None:
    """Let nomination sign with another key, for which the one until now vouches."""
    story.at(2025, 4, 15)
    before, after = signer_of("nomination"), signer_of("nomination, the second")
    public = b64encode(after.public_key).decode()
    proof = after.sign(v.key_statement("nomination", after.key_id, public, before.key_id))
    key = v.ServiceKeyPublished(
        service="nomination", key_id=after.key_id, algorithm="Ed25519", use="events", public_key=public,
        replaces=before.key_id, proof=b64encode(proof).decode(),
    )  # fmt: skip
    story.tell("service/nomination", key)


# --- files ---------------------------------------------------------------------------------------------------------


def examples() -> dict[Path, bytes]:
    """Return every committed golden example by its path."""
    return {path: path.read_bytes() for path in sorted(EXAMPLES.glob("*/*.json"))}


def named_lines() -> Iterator[tuple[Path, Line]]:
    """Yield each line with its file: `<Name>.v1.json` for the first of its type, then `<Name>.v1.2.json` and so on."""
    seen: dict[str, int] = {}
    for line in told().lines:
        name = event_path(line.event.type_name())
        seen[name] = number = seen.get(name, 0) + 1
        yield EXAMPLES / f"{name}{'' if number == 1 else f'.{number}'}.json", line


def written(line: Line, head: Json | None) -> bytes:
    """Return the canonical document of a line after `head`, the stream's last document."""
    version = head["streamversion"] + 1 if head else 1
    service = _OWNER[topic_of(line.stream)]
    type_name = line.event.type_name()
    data = line.event.to_data() | {"salt": _hex(f"salt of {line.stream} {version}")[:32]}
    command = person(f"command of {line.actor} at {line.time}")
    document: Json = {
        "specversion": "1.0", "id": event_id(line.time, line.stream, version), "source": source_of(service),
        "type": type_name, "time": instant(line.time), "dataschema": schema_uri(type_name), "subject": line.stream,
        "streamversion": version, "actor": line.actor, "commandid": command, "correlationid": command,
        "datahash": data_hash(canonical(data)),
    }  # fmt: skip
    if head:
        document["prevhash"] = leaf_hash(envelope_of(head)).hex()
    if line.office:
        document["office"] = line.office
    if line.cause:
        document["causationid"] = document["correlationid"] = line.cause
    if line.event.context != "service":
        document["clock"] = "test"
    if CODEC.write(line.event).signed:
        signer = signer_of(service)
        document["signaturekey"] = signer.key_id
        document["signature"] = b64encode(signer.sign(canonical(document))).decode()
    return canonical(document | {"data": data})


def _version(document: Json) -> int:
    version: int = document["streamversion"]
    return version


def write_missing() -> list[Path]:
    """Write the examples that are not there yet, each after the last one of its stream; return their paths."""
    heads: dict[str, Json] = {}
    for raw in examples().values():
        document = parse_canonical(raw)
        heads[document["subject"]] = max(document, heads.get(document["subject"], document), key=_version)
    made: list[Path] = []
    for path, line in named_lines():
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(written(line, heads.get(line.stream)))
            heads[line.stream] = parse_canonical(path.read_bytes())
            made.append(path)
    keys = {
        signer.key_id: {"service": service, "algorithm": "Ed25519", "public_key": b64encode(signer.public_key).decode()}
        for service in SERVICES
        for signer in (signer_of(service),)
    }
    note = "Public keys of the golden examples. The private ones are public too: they sign nothing else."
    KEYS.write_text(json.dumps({"note": note, "keys": keys}, indent=2) + "\n", encoding="utf-8")
    return made


if __name__ == "__main__":
    for made_now in write_missing():
        print(f"written: {made_now.relative_to(ROOT.parent)}")  # noqa: T201 - its whole output
