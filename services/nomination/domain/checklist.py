"""What the secretary must know before a meeting, item by item: what is in order, what is not yet, and what to do next.

It is a forecast: everything is judged again when a command comes. Sheets that are not filed before a seal are scoring's
to tell, since only scoring sees them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from schemas.envelope import Stage, wire_instant
from schemas.nomination import AgendaItem
from schemas.regions import UnknownRegion, region
from schemas.rulebook import Rulebook
from services.nomination.domain.award import holding
from services.nomination.domain.committee import Seat, candidates_of
from services.nomination.domain.deciding import pending_motion, proposed_now
from services.nomination.domain.entering import check_enterable
from services.nomination.domain.evidence import Evidence, broken_ties, citable_now, decided_by, rules_of, stage_rules
from services.nomination.domain.late_conflicts import late_conflicts
from services.nomination.domain.local_time import begin_of, day_of
from services.nomination.domain.lost_votes import lost_votes
from services.nomination.domain.motion import effective_ranks, free_to_vote, recused_on, tied_at_cut
from services.nomination.domain.nomination import FiledLate, Nomination, Unnominated, candidate_of
from services.nomination.domain.plenary import DecideAppeal, Motion, Setting, earliest_day
from services.nomination.domain.ranking import Seal
from services.nomination.domain.readiness import behind, path_awards, unverified, upstream
from services.nomination.domain.refusals import Refused
from services.nomination.domain.ties import competing_at, methods_of, sharing

Json = dict[str, Any]


def checklist(setting: Setting, evidence: Mapping[AgendaItem, Evidence], now: datetime) -> Json:
    """Return the meeting's term and notice, who is there, and for every item of its agenda what is known of it.

    Args:
        setting: the meeting, its rules and its committee.
        evidence: what is known of each item of the agenda.
        now: the instant of asking.
    """
    plenary = setting.plenary
    return {
        "plenary": plenary.id,
        "season": plenary.season,
        "tier": plenary.tier,
        "province": plenary.province,
        "body": plenary.body,
        "scheduled": wire_instant(plenary.scheduled),
        "begun": setting.rules.notice_days is None or now >= plenary.scheduled,
        "adjourned": plenary.adjourned,
        "term": _term(setting, now),
        "notice": _notice(setting),
        "present": [_held(seat, person) for seat, person in _seats(setting) if person in plenary.present],
        "items": [_Item(setting, item, evidence[item], now).document() for item in plenary.agenda],
    }


def _seats(setting: Setting) -> list[tuple[Seat, str]]:
    """Return the taken seats of the meeting's body with their holders, in order."""
    return sorted(setting.formed.holders.items())


def _held(seat: Seat, person: str) -> Json:
    return {"person": person, "office": seat.office, "seat": seat.number}


def _term(setting: Setting, now: datetime) -> Json:
    """Say by which decree and until when the body sits, and whether the meeting's day, or today, is within its term."""
    formed = setting.formed
    day = _meeting_day(setting, now)
    term = formed.term_at(day)
    return {
        "decree": term.decree,
        "from": term.first.isoformat(),
        "until": term.last.isoformat(),
        "holds": formed.in_office(day),
    }


def _meeting_day(setting: Setting, now: datetime) -> date:
    """Return the day, by the place's own time, that the meeting was convened for, or today while it still goes on."""
    plenary = setting.plenary
    moment = plenary.scheduled if plenary.adjourned else max(plenary.scheduled, now)
    return day_of(moment, setting.season.rulebook.zone(plenary.province))


def _notice(setting: Setting) -> Json:
    """Say how many whole days of notice the body takes, and whether the meeting was convened with them."""
    days, plenary = setting.rules.notice_days, setting.plenary
    if days is None:
        return {"days": None, "earliest": None, "kept": True}
    zone = setting.season.rulebook.zone(plenary.province)
    earliest = earliest_day(days, plenary.convened, zone)
    return {
        "days": days,
        "earliest": earliest.isoformat(),
        "kept": plenary.scheduled >= begin_of(earliest, zone),
    }


NEXT: Final[Mapping[str, tuple[str, str]]] = {
    "closed": ("The meeting is over; the item was not decided.", "Sidang sudah ditutup; agenda ini belum diputus."),
    "done": ("Nothing is left to do.", "Tidak ada lagi yang perlu dilakukan."),
    "announce": ("Announce the decision.", "Umumkan keputusannya."),
    "renew": (
        "The body's term is over: have it renewed by another decree.",
        "Masa tugas badan ini sudah berakhir: perpanjang dengan surat keputusan lain.",
    ),
    "await-appeals": (
        "Wait: open appeals hold this stage.",
        "Tunggu: tahap ini dibekukan oleh sanggah yang belum diputus.",
    ),
    "admit-or-seal": (
        "Move on the nominations that were filed late, or have the ranking sealed without them.",
        "Putuskan usulan yang terlambat, atau mintalah penyegelan peringkat tanpa usulan itu.",
    ),
    "seal": ("Have the ranking sealed after its scoring deadline.", "Segel peringkat setelah batas waktu penilaian."),
    "reseal": ("The seal cannot be cited: have the ranking sealed anew.", "Segel tidak dapat dikutip: segel kembali."),
    "table": ("Table the sealed ranking.", "Ajukan peringkat yang disegel."),
    "decide": ("Close the open motion.", "Tutup usul yang masih terbuka."),
    "decide-appeal": (
        "An appeal against this stage is open: put a verdict as a motion, and vote on it.",
        "Ada sanggah atas hasil tahap ini: ajukan putusan sebagai usul, lalu pungut suara.",
    ),
    "break-tie": ("Break the tie at the cut first.", "Putuskan dahulu seri pada batas kuota."),
    "verify": ("Verify, return or reject the nominees named.", "Verifikasi, kembalikan, atau tolak calon tersebut."),
    "too-late": (
        "Tell the nominees: the next stage is decided already, so nobody can go on from here.",
        "Beri tahu para calon: tahap berikutnya sudah diputus, sehingga calon dari sini tidak dapat maju.",
    ),
    "gather": (
        "Too few unrecused seats are filled for a quorum: appoint members.",
        "Kursi tanpa benturan yang terisi tidak mencapai kuorum: angkat anggota.",
    ),
    "replace": (
        "Too many members are recused for a quorum: have conflicts lifted that hold no longer, or replace members.",
        "Terlalu banyak anggota terkena benturan: cabut benturan yang sudah tidak berlaku, atau ganti anggota.",
    ),
    "attend": (
        "The quorum is missing: record the attendance of more members who are not recused, or adjourn.",
        "Kuorum belum terpenuhi: catat kehadiran anggota lain yang tidak terkena benturan, atau tutup sidang.",
    ),
    "propose": ("Open the motion that proposes the ranks.", "Buka usul keputusan peringkat."),
    "await-upstream": (
        "Propose and vote; decide after the earlier results are announced and their appeal windows are over.",
        "Usulkan dan pungut suara; putuskan setelah hasil tahap sebelumnya diumumkan dan masa sanggahnya berakhir.",
    ),
}


CONFLICTS: Final[Mapping[bool, tuple[str, str]]] = {
    True: (
        "A conflict of interest came after the seal: their marks count in the sealed ranking.",
        "Benturan kepentingan timbul setelah penyegelan: nilainya tetap dihitung dalam peringkat yang disegel.",
    ),
    False: (
        "The conflict of interest was lifted after the seal: their marks do not count in the sealed ranking.",
        "Benturan kepentingan dicabut setelah penyegelan: nilainya tidak dihitung dalam peringkat yang disegel.",
    ),
}
"""What a conflict that was declared or lifted after a seal leaves as it was: the marks count (True), or they do not."""


LOST: Final[Mapping[str, tuple[str, str]]] = {
    "declared": (
        "They declared a conflict of interest after voting: the motion is void, and is put again.",
        "Anggota ini menyatakan benturan kepentingannya setelah memberi suara: usul gugur dan diajukan kembali.",
    ),
    "recorded": (
        "Another recorded a conflict of interest for them after they voted: the motion is void, and minutes say so.",
        "Benturan kepentingannya dicatat orang lain setelah ia memberi suara: usul gugur, dan berita acara memuatnya.",
    ),
    "own-interest": (
        "A nominee is their own employer or government by an appointment: the motion is void, and is put again.",
        "Menurut pengangkatannya salah satu calon adalah tempat kerja atau pemerintahannya sendiri: usul gugur.",
    ),
    "removed": (
        "They lost their seat after voting: the motion is void, and is put again.",
        "Kursi anggota ini dicabut setelah ia memberi suara: usul gugur dan diajukan kembali.",
    ),
}
"""Why an open vote stands no more, by what became of its member."""


BEHIND: Final = (
    "Not decided here yet. Once this stage is decided, nobody goes on from there: wait, or decide without it.",
    "Belum diputus di sini. Begitu tahap ini diputus, tidak ada calon dari sana yang maju: tunggu, atau putuskan.",
)
"""What follows for a place that has not decided the stage before."""


@dataclass(frozen=True, slots=True)
class _Item:
    """One item of the agenda, with all that is known of it."""

    setting: Setting
    item: AgendaItem
    evidence: Evidence
    now: datetime

    @property
    def at(self) -> Stage:
        return self.setting.plenary.stage(self.item)

    @property
    def seal(self) -> Seal | None:
        """Return the seal that the item was decided on, before that the current one."""
        decided = decided_by(self.item, self.setting.plenary)
        ranking = self.evidence.ranking
        return ranking.current if decided is None else ranking.seal(decided.seal)

    @property
    def rules(self) -> Rulebook:
        """Return the rules that the item goes by: the seal's, before it the season's newest."""
        season, seal = self.setting.season, self.seal
        return season.rulebook if seal is None else season.rulebooks.get(seal.said.rulebook_version, season.rulebook)

    @property
    def standing(self) -> list[Nomination]:
        return list(self.evidence.standing(self.at))

    def document(self) -> Json:
        """Return what is known of the item, and what is to be done next."""
        known = {
            "item": {"category": self.item.category, "stage": self.item.stage},
            "nominees": [_named(state) for state in self.standing],
            "seal": self._seal(),
            "unrankable": list(self._unrankable()),
            "conflicts": list(self._conflicts()),
            "lost_votes": list(self._lost_votes()),
            "quorum": self._quorum(),
            "ties": list(self._ties()),
            "unverified": [_named(state) for state in self._unverified()],
            "proposal": self._proposal(),
            "late": [self._waiting(state) for state in self._late()],
            "held_by": list(holding(self.at, *path_awards(self.evidence))),
            "upstream": list(self._upstream()),
            "behind": list(self._behind()),
            "appeals": list(self._appeals()),
            "motion": self._motion(),
            "decided": self._decided(),
        }
        code = self._next(known)
        english, indonesian = NEXT[code]
        return {**known, "next": {"code": code, "en": english, "id": indonesian}}

    # --- what is there

    def _seal(self) -> Json | None:
        seal = self.seal
        if seal is None:
            return None
        said = {"seal": seal.id, "digest": seal.said.digest, "rulebook_version": seal.said.rulebook_version}
        tabled = self.setting.plenary.tabled.get(self.item)
        why = None if self._decided() else _why(lambda: self._cite(seal))
        is_tabled = tabled is not None and tabled.seal == seal.id
        return {**said, "tabled": is_tabled, "citable": why is None, "why": why}

    def _cite(self, seal: Seal) -> None:
        setting, known = self.setting, self.evidence
        citable_now(seal, setting, known)

    def _unrankable(self) -> Iterator[Json]:
        for row in self.seal.said.unrankable if self.seal else ():
            known = candidate_of(self.evidence.nominations.get(row.nomination, Unnominated()))
            said = {"nomination": row.nomination, "candidate": row.candidate, "name": known.name if known else None}
            yield {**said, "reason": row.reason, "aspect": row.aspect, "sheets": row.sheets}

    def _conflicts(self) -> Iterator[Json]:
        """Yield whose marks the seal counts though they are recused now, or leaves out though they no longer are."""
        seal = self.seal
        if seal is None or self._decided():
            return
        known = self.evidence.nominations
        candidates = candidates_of(known, known)
        for late in late_conflicts(seal.said, self.setting.committee, self.rules.conflicts, candidates):
            english, indonesian = CONFLICTS[late.counts]
            state = known.get(late.nomination)
            nominee = _named(state) if isinstance(state, Nomination) else {"nomination": late.nomination}
            yield {"person": late.person, **nominee, "counts": late.counts, "en": english, "id": indonesian}

    def _lost_votes(self) -> Iterator[Json]:
        """Yield the open votes that stand no more, who saw to it, and when, as long as there is something to decide."""
        plenary, known = self.setting.plenary, self.evidence.nominations
        candidates = candidates_of(known, known)
        for motion in (one for one in plenary.motions if one.item == self.item and self._is_wanted(one)):
            rules = rules_of(motion.seal, self.setting, self.evidence.ranking)
            for lost in lost_votes(motion, plenary, rules, self.setting.committee, candidates):
                english, indonesian = LOST[lost.cause]
                yield {
                    "motion": motion.number,
                    "person": lost.person,
                    "cause": lost.cause,
                    "recorded_by": lost.by,
                    "cast": None if lost.cast is None else wire_instant(lost.cast),
                    "since": None if lost.since is None else wire_instant(lost.since),
                    "after_vote": lost.later,
                    "en": english,
                    "id": indonesian,
                }

    def _is_wanted(self, motion: Motion) -> bool:
        """Tell whether what a motion asks is not decided otherwise: the item, or the appeal that it is about."""
        if isinstance(motion.question, DecideAppeal):
            return motion.question.appeal in self.evidence.award.contests_of(self.at)
        return decided_by(self.item, self.setting.plenary) is None

    def _quorum(self) -> Json:
        """Forecast the quorum of the motion on everybody who stands here: how many members may stay away."""
        candidates = {state.id: state.candidate for state in self.standing}
        recused = self.setting.committee.recused(self.rules.conflicts, self.item.category, candidates)
        return self._quorum_without(recused, self.rules)

    def _quorum_without(self, recused: frozenset[str], rules: Rulebook) -> Json:
        setting = self.setting
        body = rules.body(setting.plenary.body)
        voting = free_to_vote(body, setting.formed, ())
        free = free_to_vote(body, setting.formed, recused)
        required = body.quorum.needed(body.seats)
        return {
            "seats": body.seats,
            "filled": len(voting),
            "vacant": body.seats - len(voting),
            "recused": [_held(seat, person) for seat, person in _seats(setting) if person in voting - free],
            "required": required,
            "present": len(free & setting.plenary.present),
            "may_stay_away": max(0, len(free) - required),
            "possible": len(free) >= required,
        }

    def _ties(self) -> Iterator[Json]:
        """Yield every rank that is shared by those who still compete, whether it lies at the cut, and how it fell."""
        seal = self.seal
        if seal is None or self._decided():
            return
        at, rules = self.at, self.rules
        broken = broken_ties(seal.id, self.item, self.setting.plenary, self.evidence)
        orders = {tie.rank: tie for tie in broken}
        competing = competing_at(seal, at, self.evidence)
        quota = rules.quota(stage_rules(rules, at), at.province)
        ranks = effective_ranks(seal.said, broken)
        cut = tied_at_cut([rank for one, rank in ranks.items() if one in competing], quota)
        for rank in sorted({row.rank for row in seal.said.standings}):
            tied = sharing(seal.said, rank, competing)
            if tied:
                tie = orders.get(rank)
                yield {
                    "rank": rank,
                    "nominations": list(tied),
                    "at_cut": rank == cut,
                    "methods": list(methods_of(rules, at)),
                    "order": None if tie is None else list(tie.order),
                }

    def _unverified(self) -> tuple[Nomination, ...]:
        """Return who is not verified: everybody who stands here, before the seal tells who would advance."""
        if self._decided():
            return ()
        return unverified(self.at, self.rules, self.standing)

    def _proposal(self) -> Json | None:
        """Return who would advance and who would leave, or why that cannot be proposed yet."""
        seal = self.seal
        if seal is None or self._decided():
            return None
        try:
            found = proposed_now(self.item, seal, self.rules, self.setting.plenary, self.evidence)
        except Refused as refused:
            return {"advancing": [], "eliminated": [], "why": _told(refused)}
        return {"advancing": list(found.advancing), "eliminated": list(found.eliminated), "why": None}

    def _late(self) -> Iterator[FiledLate]:
        for state in self.evidence.nominations.values():
            if isinstance(state, FiledLate) and state.filed.entry == self.at:
                yield state

    def _waiting(self, state: FiledLate) -> Json:
        """Return who was filed late, and why no meeting can admit it now; None: one can."""
        candidate = state.candidate
        rules = self.setting.season.rulebook
        why = _why(lambda: check_enterable(self.at, self.evidence.ranking, rules, self.now, "item"))
        return {"nomination": state.id, "candidate": candidate.code, "name": candidate.name, "why": why}

    def _upstream(self) -> Iterator[Json]:
        if not self.rules.appeals.freezes_downstream:
            return
        for earlier in upstream(self.at, self.rules, self.evidence):
            yield {
                "stage": earlier.stage.model_dump(mode="json"),
                "announced": earlier.announced,
                "appeals_until": None if earlier.until is None else wire_instant(earlier.until),
                "open": earlier.is_open(self.now),
            }

    def _behind(self) -> Iterator[Json]:
        """Yield which places have not decided the stage before, and what follows from deciding without them."""
        if self._decided():
            return
        for one in behind(self.at, self.rules, self.evidence):
            name = place_name(one.stage.province, self.rules)
            english, indonesian = BEHIND
            yield {
                "stage": one.stage.model_dump(mode="json"),
                "place": name,
                "nominations": list(one.nominations),
                "en": english,
                "id": indonesian,
            }

    def _appeals(self) -> Iterator[Json]:
        """Yield every open appeal against what was announced of the stage, with the motion on it if it is put here."""
        for appeal, contest in self.evidence.award.contests_of(self.at).items():
            yield {"appeal": appeal, "nomination": contest.nomination, "motion": self._put(appeal)}

    def _put(self, appeal: str) -> int | None:
        motions = (one for one in self.setting.plenary.motions if one.item == self.item and one.outcome is None)
        on_it = (one for one in motions if isinstance(one.question, DecideAppeal) and one.question.appeal == appeal)
        return next((one.number for one in on_it), None)

    def _motion(self) -> int | None:
        pending = pending_motion(self.item, self.setting, self.evidence)
        if pending is not None:
            return pending.number
        return next((one["motion"] for one in self._appeals() if one["motion"] is not None), None)

    def _decided(self) -> Json | None:
        """Return the last verdict here, or the motion that decided who goes on; a dismissal has nothing to announce."""
        plenary = self.setting.plenary
        motion = self._verdict() or decided_by(self.item, plenary)
        if motion is None:
            return None
        said = motion.question
        dismissed = isinstance(said, DecideAppeal) and said.verdict.outcome == "dismissed"
        announced = dismissed or (plenary.id, motion.number) in self.evidence.award.announced
        return {"motion": motion.number, "announced": announced}

    def _verdict(self) -> Motion | None:
        carried = (one for one in self.setting.plenary.motions if one.item == self.item and one.outcome == "carried")
        verdicts = [one for one in carried if isinstance(one.question, DecideAppeal)]
        return verdicts[-1] if verdicts else None

    # --- what is to be done

    def _next(self, known: Json) -> str:
        """Return the code of what is to be done next, the first thing that is not in order."""
        if known["decided"] and not known["decided"]["announced"]:
            return "announce"
        if known["appeals"] and not self.setting.plenary.adjourned:
            return self._closing(known["motion"]) if known["motion"] is not None else "decide-appeal"
        if known["decided"]:
            return "done"
        if self.setting.plenary.adjourned:
            return "closed"
        why = (known["proposal"] or {}).get("why") or {}
        lacking = _lacking(known["quorum"])
        steps = (
            ("renew", not self.setting.formed.in_office(_meeting_day(self.setting, self.now))),
            ("await-appeals", bool(known["held_by"])),
            (self._closing(known["motion"]), known["motion"] is not None),
            ("admit-or-seal", known["seal"] is None and any(one["why"] is None for one in known["late"])),
            ("seal", known["seal"] is None),
            ("reseal", known["seal"] is not None and not known["seal"]["citable"]),
            ("too-late", self.evidence.ahead is not None and self.evidence.ahead.decided),
            (lacking or "", lacking is not None),
            ("table", known["seal"] is not None and not known["seal"]["tabled"]),
            ("break-tie", why.get("code") == "tie-at-the-cut"),
            ("verify", why.get("code") == "nominees-unverified"),
            ("await-upstream", any(one["open"] or not one["announced"] for one in known["upstream"])),
        )
        return next((code for code, holds in steps if holds), "propose")

    def _closing(self, number: int | None) -> str:
        """Return what an open motion waits for: the quorum that it takes, else to be closed."""
        motion = None if number is None else self.setting.plenary.motion(number)
        if motion is None:
            return "decide"
        rules = rules_of(motion.seal, self.setting, self.evidence.ranking)
        recused = recused_on(motion, self.setting.committee, rules, self.evidence.nominations)
        return _lacking(self._quorum_without(recused, rules)) or "decide"


def place_name(province: str, rules: Rulebook) -> str:
    """Return a province's official name, the code itself where the rulebook's table has none."""
    try:
        return region(province, rules.regions.table).name
    except UnknownRegion:
        return province


def _lacking(quorum: Json) -> str | None:
    """Return what is done about a quorum that is not there, None when it is.

    Members are appointed where that fills enough seats; where it does not, too many are recused.
    """
    if quorum["present"] >= quorum["required"]:
        return None
    if quorum["possible"]:
        return "attend"
    free = quorum["filled"] - len(quorum["recused"])
    return "gather" if free + quorum["vacant"] >= quorum["required"] else "replace"


def _why(check: Callable[[], object]) -> Json | None:
    """Return why something is refused, None when it is not."""
    try:
        check()
    except Refused as refused:
        return _told(refused)
    return None


def _told(refused: Refused) -> Json:
    refusal = refused.refusal
    return {"code": refusal.code, "en": refusal.detail.en, "id": refusal.detail.id}


def _named(state: Nomination) -> Json:
    return {"nomination": state.id, "candidate": state.candidate.code, "name": state.candidate.name}
