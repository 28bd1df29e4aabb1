"""Specs of what the minutes say of a meeting: who was there, what was put, how it was voted on, what followed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from kernel.decider import Emit
from schemas.nomination import (
    AdmissionDecided,
    AdmissionMotionOpened,
    AppealDecided,
    AppealMotionOpened,
    BallotConfirmed,
    BallotTallied,
    CandidateNominated,
    CertificateRevoked,
    MinutesCorrected,
    NominationEliminated,
    PlenaryDecided,
    Quorum,
    RankLeftVacant,
    Shift,
    StageUnfrozen,
    Tally,
    TieMotionOpened,
    Verdict,
    VerdictFigure,
    WinnerWithdrawn,
)
from schemas.scoring import Unrankable
from services.nomination.documents.indonesian import figure
from services.nomination.documents.meeting import (
    Cited,
    Fallen,
    Head,
    Holder,
    Marks,
    MotionRecord,
    minutes_of,
    record_of,
)
from services.nomination.documents.sheets import MinutesSheet
from services.nomination.domain.nomination import Nomination
from services.nomination.domain.ranking import RANKING
from tests.unit.nomination.award_scene import FINAL, won
from tests.unit.nomination.scene import (
    AT,
    CHAIR,
    ITEM,
    PLENARY_ID,
    VOTING_OFFICES,
    Scene,
    carried,
    moved,
    person,
    rulebook,
    with_quota,
)

STREAM = f"plenary/{PLENARY_ID}"
NAMES = {person(office): f"Nama {office}" for office in VOTING_OFFICES}
APPEAL = person("appeal")


def add(scene: Scene, *events: Any) -> None:
    scene.record(Emit(STREAM, event) for event in events)


def cited_of(scene: Scene, **also: Any) -> Cited:
    """Return what the minutes of a scene's meeting cite, all of it from the scene's own streams."""
    record = record_of(scene.streams[STREAM])
    assert record is not None
    province = record.convened.province
    body = scene.committee(province).bodies[record.convened.body]
    rankings = {event.ranking: event.seal for _, event in record.tabled}
    seals = {
        seal: found.said
        for stream, seal in rankings.items()
        if (found := next(one for one in _ranking(scene, stream) if one.id == seal))
    }
    told = {
        "rules": rulebook(),
        "decree": body.terms[-1].decree,
        "holders": [Holder(seat.office, seat.number, who) for seat, who in body.holders.items()],
        "names": NAMES,
        "seals": seals,
        "candidates": {
            id_: state.candidate.name for id_, state in scene.nominations().items() if isinstance(state, Nomination)
        },
        "results": {(one.stream, one.version): one.event for events in scene.streams.values() for one in events},
        "appeals": {},
        "texts": {},
        "head": Head(scene.version(STREAM), "ab" * 32),
        "keys": ["cd" * 32],
        "address": "https://example.org/minutes.pdf",
    }
    return Cited(**{**told, **also})


def _ranking(scene: Scene, stream: str) -> Iterable[Any]:
    return scene.fold(RANKING, stream).seals


def minutes(scene: Scene, **also: Any) -> MinutesSheet:
    record = record_of(scene.streams[STREAM])
    assert record is not None
    return minutes_of(record, cited_of(scene, **also))


def decision(motion: int, outcome: str = "carried", recused: tuple[str, ...] = ()) -> dict[str, Any]:
    quorum = Quorum(seats=9, present=7, required=6, recused=recused)
    tally = Tally(votes_for=5, votes_against=1, abstained=1)
    common = {"plenary": PLENARY_ID, "motion": motion, "item": ITEM, "outcome": outcome, "results": ()}
    return {**common, "tally": tally, "quorum": quorum, "rulebook_version": 1}


def test_a_stream_without_a_meeting_has_no_minutes():
    assert record_of(()) is None


def test_the_head_says_which_body_met_where_under_which_decree():
    scene, _, _ = carried(1, 2, 3)
    scene.given(scene.adjourn())
    sheet = minutes(scene)
    assert (sheet.body, sheet.place) == ("Panitia Provinsi (Panitia 9)", "Provinsi Gorontalo")
    facts = {fact.label: fact.text for fact in sheet.facts}
    assert facts["Dasar pembentukan"] == "SK 12/2021"
    # 03.00 UTC is 11.00 in Gorontalo.
    assert facts["Diundang"] == "Rabu, 6 Januari 2021, pukul 11.00 WITA"
    assert facts["Dijadwalkan"] == "Selasa, 2 Maret 2021, pukul 11.00 WITA"
    assert sheet.draft is None
    assert "Sidang ditutup pada Rabu, 6 Januari 2021" in sheet.closing


def test_the_attendance_lists_every_seat_with_who_came_and_left():
    scene, _ = moved(1, 2)
    member = person("ketua-spsi")
    scene.given(scene.attend(member, present=False))
    scene.given(scene.remove(person("ketua-apindo")))
    by_office = {one.office: one for one in minutes(scene).attendance}
    assert len(by_office) == 10  # nine seats, and who sat in one before being removed
    spsi, ninth = by_office["Ketua SPSI"], by_office["Anggota kesembilan (belum ditentukan)"]
    assert (spsi.name, spsi.mode) == ("Nama ketua-spsi", "Hadir langsung")
    assert spsi.movements.startswith("hadir 11.00 WITA; keluar 11.00 WITA")
    assert (ninth.name, ninth.movements) == (None, "kursi kosong")
    assert by_office["Ketua Apindo (sebelum diganti)"].name == "Nama ketua-apindo"
    assert by_office["Ketua Apindo"].name is None


def test_a_corrected_mode_stands_in_place_of_the_one_before():
    scene, _ = moved(1)
    member = person("ketua-spsi")
    scene.given(scene.attend(member, mode="remote"))
    told = {one.office: one for one in minutes(scene).attendance}["Ketua SPSI"]
    assert told.mode == "Daring"
    assert told.movements == "hadir 11.00 WITA; cara hadir dibetulkan 11.00 WITA: Daring"
    scene.given(scene.attend(member, present=False))
    scene.given(scene.attend(member, mode="in-person"))
    assert {one.office: one for one in minutes(scene).attendance}["Ketua SPSI"].mode == "Daring, Hadir langsung"


def test_who_did_not_come_is_listed_as_absent():
    scene, _, _ = carried(1)
    sheet = minutes(scene, holders=[*cited_of(scene).holders, Holder("anggota-kesembilan", 1, person("late"))])
    assert sheet.attendance[-1].movements == "tidak hadir"


def test_an_erased_person_is_office_and_pseudonym():
    scene, _, _ = carried(1)
    sheet = minutes(scene, names={})
    assert sheet.attendance[0].name == f"{CHAIR[:8]} (data dihapus)"


def test_a_tabled_ranking_is_printed_from_its_seal():
    scene, ids, _ = carried(1, 2, 3)
    (item,) = minutes(scene).items
    assert item.title == "Pemerintah Kabupaten/Kota, tahap Seleksi tingkat provinsi"
    assert item.tabled[0].digest == scene.ranking().seals[0].said.digest
    assert [line.rank for line in item.ranking] == ["1", "2", "3"]
    assert item.ranking[1].candidate == "Kota Gorontalo"
    assert minutes(scene, candidates={}).items[0].ranking[1].candidate == ids[1][:8]


def test_what_parted_a_tie_and_why_one_has_no_rank_is_noted():
    scene, _ = moved(1, 2, unrankable=1)
    (seal,) = cited_of(scene).seals.values()
    content = seal.to_data()
    content["standings"][0] |= {"tie": {"rule": "aspect", "aspect": "kinerja", "figure": "43/50"}, "sample": True}
    content["standings"][1] |= {"shared": True, "tie": {"rule": "lot", "figure": "f" * 64}}
    content["unrankable"][0] |= {"reason": "aspect-unmarked", "aspect": "kinerja"}
    told = {scene.ranking().seals[0].id: type(seal).model_validate(content)}
    first, second, last = minutes(scene, seals=told).items[0].ranking
    assert first.note == "seri diurai menurut nilai aspek Kinerja: 0,86; data contoh"
    assert second.note == f"peringkat bersama; seri diurai menurut undian: {'f' * 16}\u2026"
    assert (last.rank, last.total) == ("\u2013", "\u2013")
    assert last.note == "tidak diperingkat: ada aspek yang belum dinilai (Kinerja)"


def test_a_motion_has_its_votes_tally_majority_and_what_followed():
    scene, _, _ = carried(1, 2, 3)
    (motion,) = minutes(scene).items[0].motions
    assert motion.question.endswith("yang berikut maju ke tahap Verifikasi dan validasi:")
    assert motion.points == (
        "1. Kabupaten Bone Bolango",
        "2. Kota Gorontalo",
        "Tidak melanjutkan: Kabupaten Gorontalo",
    )
    assert {vote.vote for vote in motion.votes} == {"Setuju"}
    assert len(motion.votes) == 8
    facts = {fact.label: fact.text for fact in motion.facts}
    assert facts["Hasil suara"] == "setuju 8, tidak setuju 0, abstain 0"
    assert facts["Kuorum"] == "hadir dan berhak 8 dari 9 kursi; diperlukan 6"
    assert facts["Mayoritas"] == "lebih dari 1/2 dari anggota yang hadir dan berhak memberikan suara"
    assert motion.outcome == "DISETUJUI"
    assert motion.followed == (
        "Kabupaten Bone Bolango (peringkat 1) maju ke tahap Verifikasi dan validasi.",
        "Kota Gorontalo (peringkat 2) maju ke tahap Verifikasi dan validasi.",
        "Kabupaten Gorontalo tidak melanjutkan (peringkat 3, di bawah kuota).",
    )


def test_winners_prizes_and_vacant_ranks_are_among_what_followed():
    scene, _, _ = won(1, 2)
    (motion,) = minutes(scene).items[0].motions
    assert motion.followed == (
        "Kabupaten Bone Bolango ditetapkan sebagai pemenang peringkat 1.",
        "Kota Gorontalo ditetapkan sebagai pemenang peringkat 2.",
        "Kabupaten Bone Bolango menerima Bonus dan satu unit mobil (peringkat 1).",
        "Kota Gorontalo menerima Bonus (peringkat 2).",
        "Peringkat 3 dibiarkan kosong.",
    )
    assert minutes(scene).place == "Tingkat Nasional"


def test_votes_abstentions_recusals_silence_and_absence_are_told_apart():
    scene, _ = moved(1, 2, rules=with_quota(1))
    scene.given(scene.declare(person("ketua-spsi")))
    scene.given(scene.attend(person("ketua-apindo"), present=False))
    silent = "kepala-bps"
    votes = [o for o in VOTING_OFFICES if o not in {"ketua-spsi", "ketua-apindo", silent}]
    scene.given(scene.vote(person(votes[0]), "against"))
    scene.given(scene.vote(person(votes[1]), "abstain"))
    for office in votes[2:]:
        scene.given(scene.vote(person(office)))
    scene.given(scene.decide())
    said = {vote.name.removeprefix("Nama "): vote.vote for vote in minutes(scene).items[0].motions[0].votes}
    assert said[votes[0]] == "Tidak setuju"
    assert said[votes[1]] == "Abstain"
    assert said["ketua-spsi"] == "Tidak ikut serta (benturan kepentingan)"
    assert said["ketua-apindo"] == "Tidak hadir"
    assert said[silent] == "Tidak memberikan suara"


def test_an_undecided_motion_says_so_and_the_minutes_are_a_draft():
    scene, _ = moved(1)
    sheet = minutes(scene)
    assert sheet.items[0].motions[0].outcome == "BELUM DIPUTUSKAN"
    assert sheet.items[0].motions[0].carried is None
    assert sheet.draft is not None
    assert "tidak untuk ditandatangani" in sheet.closing


def test_a_motion_that_became_void_says_whose_vote_fell_away_and_who_saw_to_it():
    scene, _ = moved(1, 2)
    silenced, open_, gone = (person(office) for office in VOTING_OFFICES[5:])
    for voter in (silenced, open_, gone):
        scene.given(scene.vote(voter, "against"))
    when = scene.clock
    fallen = [
        Fallen(silenced, "recorded", when, CHAIR, when, later=True),
        Fallen(open_, "declared", when, open_, when, later=True),
        Fallen(gone, "removed", None, None, None, later=False),
        Fallen(gone, "own-interest", when, None, None, later=True),
    ]
    motion = minutes(scene, fallen={1: fallen}, recused={1: [silenced, open_]}).items[0].motions[0]
    assert (motion.outcome, motion.carried) == ("GUGUR, TIDAK DIPUTUSKAN", None)
    votes = {vote.name: vote.vote for vote in motion.votes}
    assert votes["Nama kepala-bps"] == "Tidak setuju (tidak berlaku lagi)"
    on = " pada Rabu, 6 Januari 2021, pukul 11.00 WITA"
    *causes, effect = [fact.text.removeprefix("Nama ").replace(on, " @") for fact in motion.facts]
    assert causes == [
        (
            "kepala-bps memberikan suara @; setelah itu benturan kepentingannya dicatat oleh Nama sekretaris-daerah @, "
            "bukan oleh anggota itu sendiri."
        ),
        "ketua-apindo memberikan suara @; setelah itu anggota itu menyatakan sendiri benturan kepentingannya @.",
        "ketua-spsi memberikan suara; kursinya dicabut.",
        (
            "ketua-spsi memberikan suara @; setelah itu pengangkatannya menyebut salah satu calon sebagai tempat kerja "
            "atau pemerintahannya sendiri."
        ),
    ]
    assert effect.startswith("Suara yang terkumpul tidak berlaku")


def test_a_decided_motion_is_not_void_whatever_came_later():
    scene, _, _ = carried(1)
    late = Fallen(person("ketua-spsi"), "declared", None, None, None, later=True)
    (motion,) = minutes(scene, fallen={1: [late]}, recused={1: [late.person]}).items[0].motions
    assert motion.outcome == "DISETUJUI"
    assert {vote.vote for vote in motion.votes} == {"Setuju"}


def test_a_recused_member_who_left_is_recused_and_not_absent_though_nothing_was_decided():
    scene, _ = moved(1)
    member = person("ketua-spsi")
    scene.given(scene.attend(member, present=False))
    motion = minutes(scene, recused={1: [member]}).items[0].motions[0]
    assert {vote.name: vote.vote for vote in motion.votes}["Nama ketua-spsi"] == (
        "Tidak ikut serta (benturan kepentingan)"
    )
    assert motion.outcome == "BELUM DIPUTUSKAN"


@pytest.mark.parametrize("how", [{"ballot": "paper", "method": "vote"}, {"method": "lot", "seed": "5e" * 32}])
def test_who_is_recused_is_named_where_no_votes_are_listed(how):
    scene, ids = moved(1, 2)
    seal = scene.ranking().seals[0]
    tie = TieMotionOpened(plenary=PLENARY_ID, motion=2, item=ITEM, seal=seal.id, rank=1, order=tuple(ids), **how)
    gone = (person("ketua-spsi"), person("stranger"))
    add(scene, tie, PlenaryDecided(**decision(2, recused=gone), seal=seal.id, digest=seal.said.digest))
    motion = minutes(scene).items[0].motions[1]
    said = {fact.label: fact.text for fact in motion.facts}["Tidak ikut serta"]
    named = f"Nama ketua-spsi (Ketua SPSI), {person('stranger')[:8]} (data dihapus): benturan kepentingan"
    assert said == named


def test_a_tie_broken_on_paper_names_count_and_who_confirmed_it():
    scene, ids = moved(1, 2)
    seal = scene.ranking().seals[0]
    add(
        scene,
        TieMotionOpened(
            plenary=PLENARY_ID, motion=2, item=ITEM, seal=seal.id, rank=1, order=tuple(ids), method="vote",
            ballot="paper",
        ),
        BallotTallied(
            plenary=PLENARY_ID, motion=2, tally=Tally(votes_for=5, votes_against=1, abstained=1), invalid=1
        ),
        *(
            BallotConfirmed(plenary=PLENARY_ID, motion=2, person=person(office), office=office)
            for office in ("ketua-apindo", "ketua-spsi")
        ),
        PlenaryDecided(**decision(2), seal=seal.id, digest=seal.said.digest),
    )  # fmt: skip
    motion = minutes(scene).items[0].motions[1]
    assert motion.question == "Mengurai seri pada peringkat 1 melalui pemungutan suara, dengan urutan:"
    assert motion.points == ("1. Kabupaten Bone Bolango", "2. Kota Gorontalo")
    assert motion.votes == ()
    facts = {fact.label: fact.text for fact in motion.facts}
    assert facts["Penghitungan"] == "setuju 5, tidak setuju 1, abstain 1; tidak sah 1"
    assert facts["Disahkan oleh"] == "Nama ketua-apindo (Ketua Apindo), Nama ketua-spsi (Ketua SPSI)"


def test_a_lot_is_no_vote_and_its_minutes_say_what_it_was_drawn_from():
    scene, ids = moved(1, 2)
    seal, seed = scene.ranking().seals[0], "5e" * 32
    tie = TieMotionOpened(
        plenary=PLENARY_ID, motion=2, item=ITEM, seal=seal.id, rank=1, order=tuple(ids), method="lot", seed=seed
    )
    add(scene, tie, PlenaryDecided(**decision(2), seal=seal.id, digest=seal.said.digest))
    motion = minutes(scene).items[0].motions[1]
    assert motion.question == "Mengurai seri pada peringkat 1 melalui undian, dengan urutan:"
    assert motion.points == ("1. Kabupaten Bone Bolango", "2. Kota Gorontalo")
    facts = {fact.label: fact.text for fact in motion.facts}
    assert facts["Cara"] == "Undian, tanpa pemungutan suara"
    assert facts["Benih undian"] == seed
    assert not {"Hasil suara", "Mayoritas"} & facts.keys()
    assert (motion.votes, motion.outcome) == ((), "SERI DIURAI DENGAN UNDIAN")


def test_a_tie_that_another_meeting_broke_is_told_with_the_ranking_that_both_tabled():
    scene, ids = moved(1, 2)
    seal = scene.ranking().seals[0]
    record = record_of(scene.streams[STREAM])
    other = record_of(scene.streams[STREAM])
    assert record is not None
    assert other is not None
    other.convened = other.convened.model_copy(update={"plenary": person("another meeting")})
    tie = TieMotionOpened(
        plenary=person("another meeting"), motion=1, item=ITEM, seal=seal.id, rank=1, order=tuple(ids), method="lot",
        seed="5e" * 32,
    )  # fmt: skip
    decided = PlenaryDecided(**decision(1), seal=seal.id, digest=seal.said.digest)
    other.motions = {1: MotionRecord(tie, record.called, decided=decided, closed=record.called)}
    (sentence,) = minutes(scene, others=[other]).items[0].notes
    assert "peringkat 1 sudah diurai dengan undian dalam sidang lain" in sentence
    assert sentence.endswith("dengan urutan: Kabupaten Bone Bolango, Kota Gorontalo.")
    undecided = replace(other, motions={1: MotionRecord(tie, record.called)})
    elsewhere = replace(other, motions={1: replace(other.motions[1], opened=tie.model_copy(update={"seal": APPEAL}))})
    assert minutes(scene, others=[undecided, elsewhere]).items[0].notes == ()


def test_conflicts_after_the_seal_are_told_with_the_ranking():
    scene, ids = moved(1, 2)
    seal = scene.ranking().seals[0].id
    marks = [Marks(person("ketua-apindo"), ids[0], True), Marks(person("ketua-spsi"), ids[1], False)]
    counted, left_out = minutes(scene, conflicting={seal: marks}).items[0].notes
    begin = "Benturan kepentingan Nama"
    assert counted == (
        f"{begin} ketua-apindo dengan Kabupaten Bone Bolango timbul setelah penyegelan; nilainya tetap dihitung."
    )
    assert left_out == f"{begin} ketua-spsi dengan Kota Gorontalo dicabut setelah penyegelan; nilainya tidak dihitung."
    assert minutes(scene, conflicting={APPEAL: marks}).items[0].notes == ()


def test_a_count_that_nobody_confirmed_says_so():
    scene, _ = moved(1)
    seal = scene.ranking().seals[0].id
    tie = TieMotionOpened(
        plenary=PLENARY_ID, motion=2, item=ITEM, seal=seal, rank=1, order=(person("a"), person("b")), method="vote",
        ballot="paper",
    )  # fmt: skip
    tally = Tally(votes_for=1, votes_against=0, abstained=0)
    add(scene, tie, BallotTallied(plenary=PLENARY_ID, motion=2, tally=tally))
    motion = minutes(scene).items[0].motions[1]
    assert "melalui pemungutan suara" in motion.question
    assert {fact.label: fact.text for fact in motion.facts}["Disahkan oleh"] == "belum disahkan"


def test_a_late_nomination_that_is_admitted():
    scene, ids = moved(1)
    nominated = scene.streams[f"nomination/{ids[0]}"][0].event
    assert isinstance(nominated, CandidateNominated)
    point = {"stream": f"nomination/{ids[0]}", "version": 1}
    add(
        scene,
        AdmissionMotionOpened(plenary=PLENARY_ID, motion=2, item=ITEM, nomination=ids[0]),
        AdmissionDecided(**{**decision(2), "results": (point,)}, nomination=ids[0]),
    )
    motion = minutes(scene).items[0].motions[1]
    assert motion.question == "Menerima usulan terlambat atas nama Kabupaten Bone Bolango."
    assert motion.followed == ("Kabupaten Bone Bolango diterima sebagai peserta.",)


def test_a_decided_appeal():
    scene, ids = moved(1, 2)
    seal = scene.ranking().seals[0]
    verdict = Verdict(
        outcome="upheld",
        figures=(VerdictFigure(aspect="kinerja", value="4/5"), VerdictFigure(aspect="kebijakan", marks=("87.5", "88"))),
    )
    cited = {"plenary": PLENARY_ID, "motion": 2}
    told = [
        WinnerWithdrawn(nomination=ids[0], at=FINAL, rank=1, appeal=APPEAL, **cited),
        RankLeftVacant(at=FINAL, rank=1, **cited),
        NominationEliminated(nomination=ids[1], at=FINAL, reason="unrankable", seal=seal.id, **cited),
        CertificateRevoked(certificate=person("c"), number="001/X", nomination=ids[0], appeal=APPEAL),
        StageUnfrozen(at=AT, stages=(FINAL,), appeal=APPEAL),
        StageUnfrozen(at=FINAL, stages=(FINAL,), appeal=APPEAL),
    ]
    results = tuple({"stream": "award/2020/national/00/KABKOTA", "version": at} for at in range(1, len(told) + 1))
    add(
        scene,
        AppealMotionOpened(
            plenary=PLENARY_ID, motion=2, item=ITEM, appeal=APPEAL, nomination=ids[0], seal=seal.id, verdict=verdict
        ),
        PlenaryDecided(
            **{**decision(2, recused=(person("ketua-spsi"),)), "results": results},
            seal=seal.id,
            digest=seal.said.digest,
        ),
    )
    found = dict(zip(((one["stream"], one["version"]) for one in results), told, strict=True))
    told_by = {"results": found, "appeals": {APPEAL: 3}, "grounds": {APPEAL: "ce" * 32}}
    motion = minutes(scene, **told_by).items[0].motions[1]
    assert {fact.label: fact.text for fact in motion.facts}["Digest alasan sanggah"] == "ce" * 32
    assert motion.question == "Memutuskan sanggah nomor 3 atas nama Kabupaten Bone Bolango: dikabulkan."
    assert motion.points == ("Nilai baru aspek Kinerja: 0,8", "Nilai baru aspek Kebijakan: 87,5; 88")
    assert motion.followed == (
        "Penetapan Kabupaten Bone Bolango pada peringkat 1 dibatalkan.",
        "Peringkat 1 dibiarkan kosong.",
        "Kota Gorontalo tidak melanjutkan (tidak dapat diperingkat).",
        "Piagam 001/X dicabut.",
        "Sanggah ini tidak lagi membekukan tahap Wawancara.",
    )
    assert "tidak ikut serta 1" in {fact.label: fact.text for fact in motion.facts}["Kuorum"]


def test_a_verdict_shows_the_ranking_that_it_made_and_the_ranks_before():
    scene, ids = moved(1, 2)
    seal = scene.ranking().seals[0]
    first, second = seal.said.standings
    rows = (first.model_copy(update={"rank": 2}), second.model_copy(update={"rank": 1, "shown": "99.50"}))
    left = Unrankable(nomination=person("late"), candidate="75.04", reason="withdrawn", sample=False)
    verdict = Verdict(outcome="upheld", figures=(VerdictFigure(aspect="kinerja", value="199/2"),))
    decided = AppealDecided(
        appeal=APPEAL, nomination=ids[1], at=AT, plenary=PLENARY_ID, motion=2, seal=seal.id, verdict=verdict,
        before=seal.said.digest, standings=rows, unrankable=(left,), comparison=(
            Shift(nomination=ids[0], rank_before=1, rank_after=2, change="moves"),
            Shift(nomination=ids[1], rank_before=2, rank_after=1, change="moves"),
            Shift(nomination=left.nomination, rank_before=2, change="leaves"),
        ),
    )  # fmt: skip
    add(
        scene,
        AppealMotionOpened(
            plenary=PLENARY_ID, motion=2, item=ITEM, appeal=APPEAL, nomination=ids[1], seal=seal.id, verdict=verdict
        ),
        PlenaryDecided(
            **{**decision(2), "results": ({"stream": "appeal/x", "version": 2},)},
            seal=seal.id,
            digest=seal.said.digest,
        ),
    )
    motion = minutes(scene, results={("appeal/x", 2): decided}, appeals={APPEAL: 3}).items[0].motions[1]
    assert motion.points == ("Nilai baru aspek Kinerja: 99,5",)
    assert motion.followed == ("Sanggah nomor 3 atas nama Kota Gorontalo dikabulkan.",)
    assert [(line.rank, line.candidate, line.note) for line in motion.ranking] == [
        ("1", "Kota Gorontalo", "semula peringkat bersama 2"),
        ("2", "Kabupaten Bone Bolango", "semula peringkat 1"),
        ("\u2013", "75.04", "semula peringkat bersama 2; tidak diperingkat: mengundurkan diri"),
    ]


@pytest.mark.parametrize(
    ("ratio", "shown"),
    [("199/2", "99,5"), ("88/1", "88"), ("1/20", "0,05"), ("262/3", "262/3 (±87,33)"), ("1/6", "1/6 (±0,17)")],
)
def test_exact_figures_are_written_as_people_write_them(ratio, shown):
    assert figure(ratio) == shown


@pytest.mark.parametrize("sample", [False, True])
def test_a_meeting_on_an_appeal_says_that_its_marks_are_samples_though_it_tabled_nothing(sample):
    scene, ids = moved(1, 2)
    seal = scene.ranking().seals[0]
    rows = tuple(row.model_copy(update={"sample": sample}) for row in seal.said.standings)
    verdict = Verdict(outcome="upheld", figures=(VerdictFigure(aspect="kinerja", value="4/5"),))
    decided = AppealDecided(
        appeal=APPEAL, nomination=ids[0], at=AT, plenary=PLENARY_ID, motion=1, seal=seal.id, verdict=verdict,
        before=seal.said.digest, standings=rows,
    )  # fmt: skip
    assert minutes(scene, seals={}, results={("appeal/x", 2): decided}).sample is sample


@pytest.mark.parametrize(
    ("texts", "said"), [({"ab" * 32: "Nama diperbaiki."}, "Nama diperbaiki."), ({}, "Teks ralat (data dihapus)")]
)
def test_corrigenda_follow_with_their_texts_while_these_are_there(texts, said):
    scene, _, _ = carried(1)
    add(scene, MinutesCorrected(plenary=PLENARY_ID, number=1, text_digest="ab" * 32))
    (one,) = minutes(scene, texts=texts).corrigenda
    assert (one.number, one.text) == (1, said)


def test_chair_and_secretary_sign_and_then_the_members_who_came():
    scene, _, _ = carried(1)
    sheet = minutes(scene)
    assert [(one.office, one.name) for one in sheet.heads] == [
        ("Sekretaris Daerah Provinsi", "Nama sekretaris-daerah"),
        ("Sekretaris panitia", None),
    ]
    assert [one.name for one in sheet.members] == [f"Nama {office}" for office in VOTING_OFFICES[1:]]


def test_the_proof_cites_head_seals_and_keys():
    scene, _, _ = carried(1)
    proof = minutes(scene).proof
    assert (proof.stream, proof.version, proof.hash) == (STREAM, scene.version(STREAM), "ab" * 32)
    assert [seal.text for seal in proof.seals] == [scene.ranking().seals[0].said.digest]
    assert proof.keys == ("cd" * 32,)
    assert proof.qr == f"https://example.org/minutes.pdf#{scene.version(STREAM)}.{'ab' * 32}"
