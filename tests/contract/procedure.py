"""The golden examples of the whole procedure: what happens beside the straight way that `story` tells first.

A late nomination is admitted, a tie is broken, a secret vote is counted, an appeal changes an order, certificates are
issued and revoked, and the season ends. Added at the end of the story, in the order in which it was written.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from schemas import nomination as n
from schemas import notifications as m
from schemas import scoring as s
from schemas.envelope import Stage, StreamPoint

if TYPE_CHECKING:
    from tests.contract.story import Story

POHUWATO: Final = n.Candidate(kind="regency", code="75.04", name="Kabupaten Pohuwato")


def the_procedure(story: Story, seal: str, digest: str) -> None:
    """Tell the rest of the season."""
    _Procedure(story, seal, digest).tell()


class _Procedure:
    """The season goes on after the first plenary; `seal` is what was decided on there."""

    def __init__(self, story: Story, seal: str, digest: str) -> None:
        from tests.contract import story as said  # noqa: PLC0415 - it tells this chapter, and lends its persons

        self.said = said
        self.story = story
        self.seal = seal
        self.digest = digest
        self.at = said.SELECTION
        self.item = n.AgendaItem(category="KABKOTA", stage="seleksi")
        self.late = said.nomination_of("KABKOTA", POHUWATO)
        self.appeal = said.person("appeal of Kota Gorontalo")
        self.plenary = said.person("plenary of 12 June 2021")
        self.reason = said._hex("a reason")

    def tell(self) -> None:
        self._late_nomination()
        self._handled()
        self._conflict_lifted()
        self._assigned()
        self._second_meeting()
        self._appealed()
        self._awarded()
        self._season_ends()
        self._reinstated()

    def _person(self, name: str) -> str:
        return self.said.person(name)

    def _late_nomination(self) -> None:
        said = self.said
        self.story.at(2021, 6, 3)
        season = f"season/{said.SEASON}"
        extended = n.DeadlineExtended(
            season=said.SEASON, window="nomination", province="75",
            until=datetime(2021, 6, 5, 15, 59, 59, 999_999, tzinfo=UTC), reason_digest=self.reason,
        )  # fmt: skip
        self.story.tell(season, extended, said.ADMIN, "season-admin")
        filed = n.NominationFiledLate(
            nomination=self.late, entry=self.at, candidate=POHUWATO, nominating_body="75",
            nominated_by=said.SECRETARIAT, contact=self._person("kontak kabupaten pohuwato"), sample=True,
            reason_digest=self.reason,
        )  # fmt: skip
        self.story.tell(f"nomination/{self.late}", filed, said.SECRETARIAT, "secretariat")

    def _handled(self) -> None:
        """Documents, a dispute, verification and an interview of Bone Bolango, and a rejection of a micro company."""
        said, story = self.said, self.story
        stream = f"nomination/{said.BONE}"
        base: Any = {"nomination": said.BONE}
        amended = n.NominationAmended(
            **base, candidate=said.BONE_BOLANGO, contact=self._person("kontak baru"), reason_digest=self.reason
        )
        story.tell(stream, amended, said.SECRETARIAT, "secretariat")
        attached = n.EvidenceAttached(
            **base, evidence=said._hex("a regulation"), media_type="application/pdf", size=48_211, kind="regulation",
            number="Peraturan Bupati (contoh) 1/2021", dated=date(2021, 1, 6), title_digest=said._hex("a title"),
        )  # fmt: skip
        story.tell(stream, attached, said.SECRETARIAT, "secretariat")
        disputed = n.FigureDisputed(
            **base, aspect="kinerja", measure="kepatuhan-iuran", stated=Decimal("0.97"), reason_digest=self.reason
        )
        story.tell(stream, disputed, said.SECRETARIAT, "secretariat")
        verifier, office = self._person("verifikator"), "verifikator"
        checked: Any = {**base, "at": said.NATIONAL, "verifier": verifier, "office": office}
        returned = n.NominationReturned(
            **checked, defects=(n.Defect(part="evidence", text_digest=said._hex("a defect")),),
            until=datetime(2021, 6, 17, 16, 59, 59, 999_999, tzinfo=UTC),
        )  # fmt: skip
        story.tell(stream, returned, verifier, office)
        story.tell(stream, n.NominationResubmitted(**base, at=said.NATIONAL), said.SECRETARIAT, "secretariat")
        story.tell(stream, n.NominationVerified(**checked), verifier, office)
        slot = n.InterviewScheduled(
            **base, at=said.INTERVIEW, begins=datetime(2021, 6, 29, 2, tzinfo=UTC),
            ends=datetime(2021, 6, 29, 2, 45, tzinfo=UTC), mode="remote",
        )  # fmt: skip
        calendar = f"interview/{said.SEASON}/00/dewan-juri"
        story.tell(calendar, slot, self._person("sekretaris-juri"), "sekretaris-juri")
        medium = said.nomination_of("MENENGAH", said.MEDIUM)
        rejected = n.NominationRejected(
            nomination=medium, at=said.NATIONAL.model_copy(update={"category": "MENENGAH"}), verifier=verifier,
            office=office, reason_digest=self.reason,
        )  # fmt: skip
        story.tell(f"nomination/{medium}", rejected, verifier, office)

    def _conflict_lifted(self) -> None:
        said = self.said
        lifted = n.ConflictLifted(
            season=said.SEASON, province="75", body="panitia-9", person=self._person("kepala-bps"), category="UMKM",
            nomination=said.nomination_of("UMKM", said.MICRO), reason_digest=self.reason,
        )  # fmt: skip
        self.story.tell(f"committee/{said.SEASON}/75", lifted, said.CLERK, "sekretaris-panitia")

    def _assigned(self) -> None:
        """At the centre members are drawn, the window is extended, and the secretary looks at what is known so far."""
        said = self.said
        ranking = said.NATIONAL.ranking
        drawn = s.ScorersAssigned(
            at=said.NATIONAL, seed=said._hex("a seed"), per_nominee=2,
            assignments=(
                s.Assignment(nomination=said.BONE, members=(self._person("verifikator"), self._person("ketua-tim"))),
            ),
        )  # fmt: skip
        self.story.tell(ranking, drawn, self._person("sekretaris-tim"), "sekretaris-tim")
        extended = s.ScoringExtended(
            at=said.NATIONAL, previous=datetime(2021, 6, 30, 16, 59, 59, 999_999, tzinfo=UTC),
            until=datetime(2021, 7, 7, 16, 59, 59, 999_999, tzinfo=UTC), reason_digest=self.reason,
        )  # fmt: skip
        self.story.tell(ranking, extended, self._person("sekretaris-tim"), "sekretaris-tim")
        seen = s.MarksSeen(at=said.NATIONAL, reader=self._person("sekretaris-tim"))
        self.story.tell(ranking, seen, self._person("sekretaris-tim"), "sekretaris-tim")

    def _second_meeting(self) -> None:
        """Admit the late nomination by a secret vote, and break a tie by lot."""
        said, story = self.said, self.story
        story.at(2021, 6, 12)
        stream = f"plenary/{self.plenary}"
        convened = n.PlenaryConvened(
            plenary=self.plenary, season=said.SEASON, tier="provincial", province="75", body="panitia-9",
            scheduled=datetime(2021, 6, 12, 2, tzinfo=UTC), agenda=(self.item,),
        )  # fmt: skip
        story.tell(stream, convened, said.CLERK, "sekretaris-panitia")
        put = n.AdmissionMotionOpened(
            plenary=self.plenary, motion=1, item=self.item, nomination=self.late, ballot="paper"
        )
        story.tell(stream, put, said.CHAIR, said.OFFICES[0])
        tally = n.Tally(votes_for=5, votes_against=1, abstained=0)
        counted = n.BallotTallied(plenary=self.plenary, motion=1, tally=tally)
        story.tell(stream, counted, said.CLERK, "sekretaris-panitia")
        for office in said.OFFICES[1:3]:
            confirmed = n.BallotConfirmed(plenary=self.plenary, motion=1, person=self._person(office), office=office)
            story.tell(stream, confirmed, self._person(office), office)
        admitted = n.AdmissionDecided(
            plenary=self.plenary, motion=1, item=self.item, nomination=self.late, outcome="carried", tally=tally,
            quorum=n.Quorum(seats=9, present=6, required=6), rulebook_version=2,
            results=(StreamPoint(stream=f"nomination/{self.late}", version=2),),
        )  # fmt: skip
        story.tell(stream, admitted, said.CHAIR, said.OFFICES[0])
        nominated = n.CandidateNominated(
            nomination=self.late, entry=self.at, candidate=POHUWATO, nominating_body="75",
            nominated_by=said.SECRETARIAT, contact=self._person("kontak kabupaten pohuwato"), sample=True,
        )  # fmt: skip
        story.tell(f"nomination/{self.late}", nominated, said.CHAIR, said.OFFICES[0], together=True)
        drawn = n.TieMotionOpened(
            plenary=self.plenary, motion=2, item=self.item, seal=self.seal, rank=1, order=(said.KOTA, said.BONE),
            method="lot", seed=said._hex("a lot"),
        )  # fmt: skip
        story.tell(stream, drawn, said.CHAIR, said.OFFICES[0])
        corrected = n.MinutesCorrected(plenary=self.plenary, number=1, text_digest=said._hex("a corrigendum"))
        story.tell(stream, corrected, said.CLERK, "sekretaris-panitia")

    def _appealed(self) -> None:
        """Kota Gorontalo contests the first decision; upheld, it goes ahead and Bone Bolango is returned."""
        said, story = self.said, self.story
        first = self._person("plenary of 2 March 2021")
        stream, held = f"appeal/{self.appeal}", (said.NATIONAL, said.INTERVIEW)
        lodged = n.AppealLodged(
            appeal=self.appeal, nomination=said.KOTA, at=self.at, plenary=first, motion=1, by=said.SECRETARIAT,
            capacity="nominating-body", aspect="kinerja", reason_digest=self.reason,
        )  # fmt: skip
        story.tell(stream, lodged, said.SECRETARIAT, "secretariat")
        frozen = n.StageFrozen(at=self.at, stages=held, appeal=self.appeal)
        contested = n.DecisionContested(
            at=self.at, plenary=first, motion=1, nomination=said.KOTA, appeal=self.appeal, number=1
        )
        story.tell(self.at.award, contested, said.SECRETARIAT, "secretariat", together=True)
        story.tell(said.NATIONAL.award, frozen, said.SECRETARIAT, "secretariat", together=True)
        verdict = n.Verdict(outcome="upheld", figures=(n.VerdictFigure(aspect="kinerja", value="98/1"),))
        put = n.AppealMotionOpened(
            plenary=self.plenary, motion=3, item=self.item, appeal=self.appeal, nomination=said.KOTA, seal=self.seal,
            verdict=verdict, affected=(said.BONE,),
        )  # fmt: skip
        story.tell(f"plenary/{self.plenary}", put, said.CHAIR, said.OFFICES[0])
        before = {nominee: said._standing(nominee, rank) for rank, nominee in enumerate((said.BONE, said.KOTA), 1)}
        standings = tuple(said._standing(nominee, rank) for rank, nominee in enumerate((said.KOTA, said.BONE), 1))
        decided = n.AppealDecided(
            appeal=self.appeal, nomination=said.KOTA, at=self.at, plenary=self.plenary, motion=3, seal=self.seal,
            verdict=verdict, before=self.digest, after=s.standings_digest(standings, ()), standings=standings,
            unrankable=(),
            comparison=tuple(
                n.Shift(
                    nomination=one.nomination, rank_before=before[one.nomination].rank, rank_after=one.rank,
                    total_before=before[one.nomination].total, total_after=one.total,
                    change="enters" if one.nomination == said.KOTA else "leaves",
                )
                for one in standings
            ),
        )  # fmt: skip
        story.tell(stream, decided, said.CHAIR, said.OFFICES[0])
        reviewed = n.DecisionReviewed(
            at=self.at, appeal=self.appeal, seal=self.seal, outcome="upheld", digest=s.standings_digest(standings, ())
        )
        story.tell(self.at.award, reviewed, said.CHAIR, said.OFFICES[0], together=True)
        returned = n.StageAdvanceWithdrawn(
            nomination=said.BONE, left=said.NATIONAL, returned=self.at, rank=2, appeal=self.appeal,
            plenary=self.plenary, motion=3, seal=self.seal,
        )  # fmt: skip
        story.tell(f"nomination/{said.BONE}", returned, said.CHAIR, said.OFFICES[0], together=True)
        free = n.StageUnfrozen(at=self.at, stages=held, appeal=self.appeal)
        story.tell(said.NATIONAL.award, free, said.CHAIR, said.OFFICES[0], together=True)

    def _awarded(self) -> None:
        """Prizes and certificates; a rank is taken back, and its certificate revoked."""
        said, story = self.said, self.story
        story.at(2021, 6, 22)
        jury, stream = self._person("ketua-juri"), said.INTERVIEW.award
        at: Stage = said.INTERVIEW
        by: Any = {"plenary": self._person("plenary of the jury"), "motion": 1}
        prize = n.PrizeText(id="Trofi", en="A trophy")
        story.tell(stream, n.PrizeAwarded(nomination=said.BONE, at=at, rank=2, prize=prize, **by), jury, "ketua-juri")
        story.tell(stream, n.RankLeftVacant(at=at, rank=3, **by), jury, "ketua-juri")
        certificate, number = self._person("certificate of Bone Bolango"), "001/PIAGAM-PEMENANG/KABKOTA/PA-2020"
        issued = n.CertificateIssued(
            certificate=certificate, number=number, kind="piagam-pemenang", given_to="winner", nomination=said.BONE,
            candidate=said.BONE_BOLANGO.name, at=at, rank=2, dated=date(2021, 6, 22), rulebook_version=2, sample=True,
        )  # fmt: skip
        story.tell(stream, issued, jury, "ketua-juri")
        withdrawn = n.WinnerWithdrawn(nomination=said.BONE, at=at, rank=2, appeal=self.appeal, **by)
        story.tell(stream, withdrawn, jury, "ketua-juri")
        revoked = n.CertificateRevoked(certificate=certificate, number=number, nomination=said.BONE, appeal=self.appeal)
        story.tell(stream, revoked, jury, "ketua-juri", together=True)

    def _season_ends(self) -> None:
        said, story = self.said, self.story
        story.at(2021, 7, 1)
        stream = f"season/{said.SEASON}"
        two: Any = {"season": said.SEASON, "first": said.ADMIN, "second": self._person("second season-admin")}
        story.tell(stream, n.SeasonFrozen(**two, reason_digest=self.reason), said.ADMIN, "season-admin")
        story.tell(stream, n.SeasonUnfrozen(**two, reason_digest=self.reason), said.ADMIN, "season-admin")
        story.tell(stream, n.SeasonClosed(**two), said.ADMIN, "season-admin")
        chosen = m.SubscriptionChanged(
            person=said.CONTACT, reason="chosen", channels=(m.ChannelChoice(group="deadlines", channel="digest"),),
            zone="Asia/Makassar",
        )  # fmt: skip
        story.tell(f"delivery/{said.CONTACT}", chosen, said.CONTACT, "contact")

    def _reinstated(self) -> None:
        """By a verdict on the jury's ranking a nominee wins who was eliminated."""
        said, story = self.said, self.story
        by: Any = {"appeal": self.appeal, "plenary": self._person("plenary of the jury"), "motion": 2}
        back = n.NominationReinstated(nomination=said.BONE, at=said.INTERVIEW, seal=self.seal, **by)
        story.tell(f"nomination/{said.BONE}", back, self._person("ketua-juri"), "ketua-juri")
