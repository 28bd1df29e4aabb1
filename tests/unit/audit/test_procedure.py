"""The whole procedure, verified: an honest category has no fault, and every rule that is broken in it is found."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest

from schemas.envelope import Stage, StreamPoint
from schemas.nomination import (
    AgendaItem,
    AppealLodged,
    BallotConfirmed,
    CertificateRevoked,
    ConflictDeclared,
    DecisionReviewed,
    MotionOpened,
    NominationReinstated,
    NominationReturned,
    NominationVerified,
    PlenaryConvened,
    PlenaryDecided,
    RankLeftVacant,
    ResealOrdered,
    StageAdvanceWithdrawn,
    VoteCast,
    WinnerDeclared,
    WinnerWithdrawn,
)
from schemas.scoring import AspectScored, AspectScoreRevised, MarksSeen, RankingSealed
from services.audit.checks.ties import draw
from services.audit.checks.verdicts import digest_of, parted_ranks
from tests.unit.audit.exported import PERSON, Log, forged
from tests.unit.audit.forging import added, begun, codes, events_of, of, rules, said, time_of, verified, where, without
from tests.unit.audit.played import SALTED, mark, person
from tests.unit.audit.procedure import Procedure, procedure

DESK = "ranking/2020/provincial/75/KABKOTA/seleksi"
PLENARY = f"plenary/{person('plenary ' + DESK)}"
APPEALS = f"plenary/{person('appeals')}"
ADMISSION = f"plenary/{person('admission')}"
VERIFYING = "ranking/2020/national/00/KABKOTA/verifikasi"
PROVINCE = "award/2020/provincial/75/KABKOTA"
NATION = "award/2020/national/00/KABKOTA"
FIRST, SECOND, THIRD, LATE = (person(f"nomination {code}") for code in ("75.03", "75.71", "75.01", "75.02"))
UPHELD = f"appeal/{person('appeal 2')}"
PANEL = "committee/2020/75"
SELECTION = Stage(season="2020", tier="provincial", province="75", category="KABKOTA", stage="seleksi")

Data = dict[str, Any]


@cache
def play() -> Procedure:
    return procedure(rules())


def test_a_category_with_everything_in_it_is_found_in_order(tmp_path):
    report = verified(play().log, tmp_path)
    assert said(report) == ""
    assert (report.rankings, report.decisions) == (3, 8)


def by_lot(data: Data) -> bool:
    return bool(data["method"] == "lot")


def other_seed(data: Data) -> None:
    seeds = (f"{number:064x}" for number in range(99))
    data["seed"] = next(seed for seed in seeds if draw(seed, data["order"]) != data["order"])


def corrected(data: Data) -> bool:
    return bool(data["verdict"]["outcome"] == "upheld")


def upheld(change: Callable[[Data], object]) -> Callable[[Data], object]:
    return lambda data: change(data) if corrected(data) else None


def level_with_second(data: Data) -> None:
    """Give the last the marks of two who share rank 2, of whom one advanced by lot."""
    for figure in data["verdict"]["figures"]:
        figure.pop("value", None)
        figure["marks"] = ["80", "80", "80"]


def verifying_in_the_province(data: Data) -> None:
    for stage in data["content"]["stages"]:
        if (stage["category"], stage["tier"]) == ("KABKOTA", "provincial"):
            stage["verification"] = {"days_to_mend": 5}


def swap_members(data: Data) -> None:
    first, second = data["assignments"][:2]
    first["members"], second["members"] = second["members"], first["members"]


def at_verification(data: Data) -> bool:
    return bool(data["at"]["stage"] == "verifikasi")


def older_committee(data: Data) -> None:
    for point in data["basis"]["streams"]:
        if point["stream"].startswith("committee/"):
            point["version"] -= 1


JURY = "ranking/2020/national/00/KABKOTA/wawancara"


def carried_of_before(data: Data) -> None:
    """Let a seal know of no verdict, and take the one's whom it corrected from the seal before it."""
    basis = data["basis"]
    basis["carried"] = [one for one in basis["carried"] if not one["stream"].startswith("appeal/")]
    basis["streams"] = [one for one in basis["streams"] if not one["stream"].startswith("award/")]
    sealed_figures(data)


def sealed_figures(data: Data) -> None:
    """Let a seal take the figures of who appealed as they were sealed, and rank anew with these."""
    row = next(one for one in data["standings"] if one["nomination"] == LATE)
    for aspect in row["aspects"]:
        aspect["value"] = {"wawancara": aspect["value"]}.get(aspect["aspect"], "70/1")
    row.update(total="681/10", shown="68.10")
    data["digest"] = digest_of(data["standings"], data["unrankable"])


def dismissed_verdict(data: Data) -> None:
    for point in data["basis"]["carried"]:
        if point["stream"] == UPHELD:
            point["stream"] = f"appeal/{person('appeal 1')}"


def moved_slot(data: Data) -> None:
    data.update(begins="2021-07-01T00:00:00.000000Z", ends="2021-07-01T00:45:00.000000Z")


def same_slot(data: Data) -> None:
    data.update(begins="2021-05-01T00:00:00.000000Z", ends="2021-05-01T00:45:00.000000Z")


FORGERIES = {
    # --- ties
    "a lot against its seed": (where("TieMotionOpened", by_lot, lambda data: data["order"].reverse()), "lot's seed"),
    "a lot with another seed": (where("TieMotionOpened", by_lot, other_seed), "lot's seed"),
    "a lot without a seed": (where("TieMotionOpened", by_lot, lambda data: data.pop("seed")), "lot's seed"),
    "a tie where there is none": (where("TieMotionOpened", by_lot, lambda data: data.update(rank=1)), "share rank 1"),
    "a lot out of turn": (
        of("TieMotionOpened", lambda data: data.update(rank=1), PLENARY, 12),
        "before they do by lot",
    ),
    "an unlisted way": (
        of("RulebookPublished", lambda data: [one.update(tie_break=["vote"]) for one in data["content"]["rubrics"]]),
        "the rules break no tie by lot",
    ),
    "votes on a lot": (of("BallotTallied", lambda data: data.update(motion=2), PLENARY), "voted on in this way"),
    "a tie that moves somebody": (
        of("PlenaryDecided", lambda data: data["results"].append({"stream": NATION, "version": 1}), PLENARY, 22),
        "moves nobody",
    ),
    "an effective rank": (of("NominationEliminated", lambda data: data.update(rank=2), "nomination/"), "is not what"),
    "an effective rank of who advances": (of("StageAdvanced", lambda data: data.update(rank=1)), "is not what"),
    "a tie without votes": (of("VoteCast", lambda data: data.update(vote="for"), PLENARY), "its tally"),
    # --- papers
    "a count that was not stated": (
        of("BallotTallied", lambda data: data["tally"].update(votes_for=7), PLENARY),
        "its tally",
    ),
    "one who confirms twice": (
        of("BallotConfirmed", lambda data: data.update(person=play().members("panitia-9", "75")[1]), PLENARY),
        "had confirmed it before",
    ),
    "one who confirms an own count": (
        of("BallotConfirmed", lambda data: data.update(person=PERSON), PLENARY),
        "had stated the count",
    ),
    "too many papers": (
        of("BallotTallied", lambda data: data.update(invalid=9), PLENARY),
        "more than there were voters",
    ),
    "an open vote on paper": (
        of("MotionOpened", lambda data: data.update(ballot="open"), PLENARY),
        "not voted on in this way",
    ),
    # --- late nominations
    "another one is admitted": (
        of("CandidateNominated", lambda data: data["candidate"].update(name="Kabupaten Lain"), f"nomination/{LATE}"),
        "it is not what was filed late",
    ),
    "an admission that was lost": (of("AdmissionDecided", lambda data: data.update(outcome="lost")), "its outcome"),
    "an admission without result": (
        of("AdmissionDecided", lambda data: data["results"].clear()),
        "no decision admits it",
    ),
    "an admission of another": (
        of("AdmissionDecided", lambda data: data.update(nomination=FIRST)),
        "`nomination` is not",
    ),
    "an admission under other rules": (
        of("AdmissionDecided", lambda data: data.update(rulebook_version=2)),
        "`rulebook_version` is not the season's newest",
    ),
    "an admission of whom nobody could score": (
        of("ScoringOpened", lambda data: data.update(closes="2021-01-31T00:00:00.000000Z"), DESK),
        "nobody could score it any more: scoring had ended at 2021-01-31",
    ),
    "filed for another stage": (
        of("NominationFiledLate", lambda data: data["entry"].update(category="BESAR")),
        "was not filed late for this stage",
    ),
    # --- appeals
    "a stranger appeals": (of("AppealLodged", lambda data: data.update(by=person("x"))), "nominee's contact"),
    "an appeal of another stage": (
        of("AppealLodged", lambda data: data["at"].update(stage="wawancara"), UPHELD),
        "of another stage",
    ),
    "an appeal by who was not decided on": (
        of("AppealLodged", lambda data: data.update(nomination=person("x")), UPHELD),
        "did not dispose of this nominee",
    ),
    "an aspect that does not count": (of("AppealLodged", lambda data: data.update(aspect="x")), "does not count"),
    "an appeal against what was not announced": (
        of("AppealLodged", lambda data: data.update(motion=1), UPHELD),
        "was not announced",
    ),
    "a window that is too short": (
        of("RankingAnnounced", lambda data: data.update(appeals_until="2021-03-01T00:00:00.000000Z"), PROVINCE),
        "can be appealed against until",
    ),
    "an appeal after its window": (
        of("RankingAnnounced", lambda data: data.update(appeals_until="2021-03-01T00:00:00.000000Z"), PROVINCE),
        "lodged after the window",
    ),
    "a stage that is not frozen": (of("StageFrozen", lambda data: data["stages"].pop()), "hold just the stages"),
    "stages let go that were not held": (of("StageUnfrozen", lambda data: data["stages"].pop()), "did not hold these"),
    "a stage that is never let go": (
        of("StageUnfrozen", lambda data: data.update(appeal=person("x")), NATION),
        "held the stage",
    ),
    "a contest miscounted": (of("DecisionContested", lambda data: data.update(number=7)), "is not the next"),
    "a contest of another": (
        of("DecisionContested", lambda data: data.update(motion=9)),
        "does not say that the decision",
    ),
    "a verdict's digest before": (
        of("AppealDecided", lambda data: data.update(before="0" * 64)),
        "is not what the motion",
    ),
    "a verdict's digest after": (
        of("AppealDecided", lambda data: data.update(after="0" * 64), UPHELD),
        "is not what the motion",
    ),
    "a verdict's standings": (
        of("AppealDecided", lambda data: data["standings"][0].update(rank=2), UPHELD),
        "is not what the motion",
    ),
    "a verdict's comparison": (
        of("AppealDecided", lambda data: data["comparison"][0].update(change="none"), UPHELD),
        "is not what the motion",
    ),
    "a review's digest": (of("DecisionReviewed", lambda data: data.update(digest="0" * 64)), "is not what the motion"),
    "a rank that stays as it was announced first": (
        of("DecisionReviewed", lambda data: data["places"][1].update(rank=1) if "places" in data else None, PROVINCE),
        "is not what the motion",
    ),
    "ranks that a verdict does not tell": (
        of("DecisionReviewed", lambda data: data.pop("places", None), PROVINCE),
        "is not what the motion",
    ),
    "the prize of who enters given to another": (
        where("PrizeAwarded", lambda data: data["nomination"] == LATE, lambda data: data.update(nomination=SECOND)),
        "is not what the motion",
    ),
    "one who goes on by a verdict unverified": (
        of("RulebookPublished", verifying_in_the_province),
        f"{LATE} goes on, and was not verified",
    ),
    "a verdict other than voted": (
        of("AppealDecided", lambda data: data["verdict"]["figures"][0].update(marks=["1", "1", "1"]), UPHELD),
        "is not what the motion",
    ),
    "a verdict with other marks": (
        of("AppealMotionOpened", upheld(lambda data: data["verdict"]["figures"][0].update(marks=["1", "1", "1"]))),
        "is not what the motion",
    ),
    "a verdict with an order of who shares no rank": (
        of("AppealMotionOpened", upheld(lambda data: data["verdict"].update(order=[FIRST, SECOND]))),
        "does not put just those in an order who would share a rank",
    ),
    "a verdict that leaves a tie at the cut": (
        of("AppealMotionOpened", upheld(level_with_second), APPEALS),
        "does not put just those in an order who would share a rank",
    ),
    "a verdict on an aspect that is not contested": (
        of("AppealLodged", lambda data: data.update(aspect="kinerja"), UPHELD),
        "its verdict changes kebijakan, and the appeal contests kinerja",
    ),
    "a verdict off the scale": (
        of("AppealMotionOpened", upheld(lambda data: data["verdict"]["figures"][2].update(value="101/1"))),
        "is not on its scale",
    ),
    "a verdict off the step": (
        of("AppealMotionOpened", upheld(lambda data: data["verdict"]["figures"][0].update(marks=["1.1", "1", "1"]))),
        "is not on its scale",
    ),
    "a verdict of too few marks": (
        of("AppealMotionOpened", upheld(lambda data: data["verdict"]["figures"][0]["marks"].pop())),
        "are too few",
    ),
    "an upheld appeal without figures": (
        of("AppealMotionOpened", upheld(lambda data: data["verdict"].update(figures=[]))),
        "upheld with figures",
    ),
    "affected ones that are not named": (
        of("AppealMotionOpened", lambda data: data["affected"].clear()),
        "does not name everybody",
    ),
    "an appeal that was never lodged": (
        of("AppealMotionOpened", lambda data: data.update(appeal=person("x")), APPEALS),
        "was never lodged",
    ),
    "a verdict of another seal": (
        of("AppealMotionOpened", lambda data: data.update(seal=person("x"))),
        "`seal` is not",
    ),
    "an advance that is not withdrawn": (
        of("PlenaryDecided", lambda data: data["results"].pop(2), APPEALS),
        "no decision lists this",
    ),
    "the withdrawn advance of another": (
        of("StageAdvanceWithdrawn", lambda data: data.update(rank=1)),
        "is not what the motion",
    ),
    "who enters by another rank": (
        of("StageAdvanced", lambda data: data.update(rank=2), f"nomination/{LATE}"),
        "is not what the motion",
    ),
    "corrected lines": (
        of("RankingAnnounced", lambda data: data["lines"][0].update(outcome="eliminated"), PROVINCE),
        "its lines are not",
    ),
    "a corrected digest": (
        of("RankingAnnounced", lambda data: data.update(digest="0" * 64), PROVINCE),
        "`digest` is not",
    ),
    "a name in public": (
        of("RankingAnnounced", lambda data: data["lines"][0].update(candidate="Kota X"), PROVINCE),
        "does not bear the name",
    ),
    # --- the order of stages
    "a stage before that could be contested": (
        of("RankingAnnounced", lambda data: data.update(appeals_until="2021-12-31T00:00:00.000000Z"), PROVINCE),
        "could be appealed against until",
    ),
    "a stage before that was not announced": (
        of("RankingAnnounced", lambda data: data["at"].update(stage="x"), PROVINCE),
        "was not announced",
    ),
    # --- scoring
    "a deadline that was extended further": (
        of("ScoringExtended", lambda data: data.update(until="2021-12-31T00:00:00.000000Z")),
        "before its scoring deadline",
    ),
    "an extension that is none": (
        of("ScoringExtended", lambda data: data.update(until="2021-02-01T00:00:00.000000Z")),
        "not extended to a later instant",
    ),
    "an extension of another deadline": (
        of("ScoringExtended", lambda data: data.update(previous="2021-02-01T00:00:00.000000Z")),
        "`previous` is not",
    ),
    "a draw by another seed": (of("ScorersAssigned", lambda data: data.update(seed="0" * 64)), "the seed draws"),
    "a draw that was changed": (of("ScorersAssigned", swap_members), "the seed draws"),
    "a draw of fewer": (of("ScorersAssigned", lambda data: data.update(per_nominee=3)), "`per_nominee` is not"),
    "a sheet of who was not drawn": (
        of("ScorersAssigned", lambda data: data["assignments"][0]["members"].pop()),
        "was not drawn for this nominee",
    ),
    "a recusal that is not shown": (
        of("ConflictLifted", lambda data: data.update(nomination=SECOND)),
        "`recusals` are",
    ),
    "a recusal that is shown for nothing": (
        of(
            "RankingSealed",
            lambda data: data["recusals"].append({"member": person("x"), "nomination": FIRST, "reason": "declared"}),
            DESK,
        ),
        "`recusals` are",
    ),
    "one's own government": (
        of("MemberAppointed", lambda data: data.update(government="75.03"), "committee/2020/75"),
        "by the rules it is recused",
    ),
    "pinned sheets": (of("ScoringOpened", lambda data: data["rules"].update(least_sheets=1)), "pinned `least_sheets`"),
    "pinned aspects": (
        of("ScoringOpened", lambda data: data["rules"]["aspects"][0].update(share="1/2")),
        "pinned aspects",
    ),
    "a window of its own": (
        of("ScoringOpened", lambda data: data.update(opens="2021-01-01T00:00:00.000000Z")),
        "not the window of the rules",
    ),
    "marks before the window": (
        of("ScoringOpened", lambda data: data.update(opens="2021-12-01T00:00:00.000000Z")),
        "before the stage was open",
    ),
    "marks after the window": (
        where("ScoringOpened", at_verification, lambda data: data.update(closes="2021-03-02T00:00:00.000000Z")),
        "after the stage's deadline",
    ),
    "a nominee whom the seal leaves out": (
        of("RankingSealed", lambda data: data["basis"]["nominations"].pop(), DESK),
        "who competed at the stage",
    ),
    "a nominee whom the seal names": (
        of(
            "RankingSealed",
            lambda data: data["basis"]["nominations"].append(SECOND),
            NATION.replace("award", "ranking"),
        ),
        "who did not compete at the stage",
    ),
    "a committee of before": (of("RankingSealed", older_committee, DESK), "a change of the committee before it"),
    # --- carried figures
    "a figure as it was before the verdict": (
        of("RankingSealed", sealed_figures, JURY),
        "computed anew",
    ),
    "a verdict that is not heard of": (
        of("RankingSealed", carried_of_before, JURY),
        f"does not know of a verdict before it on {DESK}",
    ),
    "the verdict on another appeal": (
        of("RankingSealed", dismissed_verdict, JURY),
        "are not those on the rankings",
    ),
    "a verdict that is not named": (
        of("RankingSealed", lambda data: data["basis"]["carried"].pop(0), JURY),
        "are not those on the rankings",
    ),
    "another standing in the verdict": (
        of("AppealDecided", lambda data: data["standings"][0]["aspects"][2].update(value="99/1"), UPHELD),
        "standing 2 is",
    ),
    # --- certificates
    "a certificate's rank": (
        where("CertificateIssued", lambda data: "rank" in data, lambda data: data.update(rank=3)),
        "does not hold rank 3",
    ),
    "a certificate with the rank of before a verdict": (
        where(
            "CertificateIssued",
            lambda data: (data["nomination"], data["kind"], data.get("rank")) == (FIRST, "piagam-provinsi", 2),
            lambda data: data.update(rank=1),
        ),
        "does not hold rank 1",
    ),
    "a finalist who was none": (
        where("CertificateIssued", lambda data: "rank" not in data, lambda data: data.update(nomination=SECOND)),
        "did not reach the stage",
    ),
    "a number given twice": (
        of("CertificateIssued", lambda data: data.update(number="001/PIAGAM-PEMENANG/KABKOTA/PA-2020")),
        "was given before",
    ),
    "a certificate's day": (of("CertificateIssued", lambda data: data.update(dated="2021-01-01")), "on another day"),
    "a certificate's name": (of("CertificateIssued", lambda data: data.update(candidate="Kota X")), "bear the name"),
    "a certificate of another kind": (
        of("CertificateIssued", lambda data: data.update(given_to="winner")),
        "grant this certificate to others",
    ),
    "a certificate before the announcement": (
        of("RankingAnnounced", lambda data: data["at"].update(stage="x"), NATION),
        "was not announced",
    ),
    "a certificate under other rules": (
        of("CertificateIssued", lambda data: data.update(kind="piagam-x")),
        "the rulebook has no certificate",
    ),
    # --- verification
    "a verifier who is none": (
        of("NominationVerified", lambda data: data.update(verifier=person("x"))),
        "held no seat",
    ),
    "a verifier in another office": (of("NominationVerified", lambda data: data.update(office="juri")), "held no seat"),
    "verified elsewhere": (
        of("NominationVerified", lambda data: data["at"].update(stage="wawancara")),
        "was not verified",
    ),
    # --- interviews
    "a slot of another length": (
        of("InterviewScheduled", lambda data: data.update(ends="2021-05-31T00:00:00.000000Z")),
        "the slot is not of 45 minutes",
    ),
    "a slot outside of the window": (
        of("InterviewScheduled", moved_slot),
        "outside of the stage's window",
    ),
    "two slots at once": (of("InterviewScheduled", same_slot), "the body hears"),
    "a slot for who stands elsewhere": (
        of("InterviewScheduled", lambda data: data.update(nomination=SECOND)),
        "did not stand at the stage",
    ),
    "a slot at a stage that hears nobody": (
        of("InterviewScheduled", lambda data: data["at"].update(stage="verifikasi")),
        "the stage hears nobody",
    ),
    # --- terms in office
    "a meeting after the term": (
        of("CommitteeFormed", lambda data: data.update(term_until="2021-01-31"), "committee/2020/75"),
        "panitia-9 was not in office on",
    ),
    "a verifier after the term": (
        of("CommitteeFormed", lambda data: data.update(term_until="2021-01-31"), "committee/2020/00"),
        "tim-verifikasi was not in office on",
    ),
    "a stage opened before the term": (
        of("CommitteeFormed", lambda data: data.update(term_from="2021-02-02"), "committee/2020/75"),
        "ranking/2020/provincial/75/KABKOTA/seleksi@1: panitia-9 was not in office on 2021-02-01",
    ),
    "a draw and sheets before the term": (
        of("CommitteeFormed", lambda data: data.update(term_from="2021-02-04"), "committee/2020/75"),
        "ranking/2020/provincial/75/KABKOTA/seleksi@2: panitia-9 was not in office on 2021-02-03",
    ),
    "a seal after the term": (
        of("CommitteeFormed", lambda data: data.update(term_until="2021-02-28"), "committee/2020/75"),
        "panitia-9 was not in office on 2021-03-",
    ),
    "a sheet after the term": (
        of("CommitteeFormed", lambda data: data.update(term_until="2021-02-02"), "committee/2020/75"),
        "/provincial-seleksi/",
    ),
    # --- ways and streams
    "an advance from elsewhere": (
        of("StageAdvanced", lambda data: data["left"].update(stage="wawancara"), f"nomination/{FIRST}"),
        "did not stand at the stage that it leaves",
    ),
    "an event of another stream": (
        of("StageAdvanced", lambda data: data.update(nomination=SECOND), f"nomination/{FIRST}"),
        "this is an event of nomination/",
    ),
    # --- meetings
    "an item that was not on the agenda": (
        of("PlenaryConvened", lambda data: data["agenda"].clear()),
        "not on the agenda",
    ),
    "a ranking that was tabled before nobody": (
        of("AttendanceRecorded", lambda data: data.update(present=False), PLENARY),
        "a ranking was laid before a meeting at which nobody was present",
    ),
    "a ranking that was not tabled": (
        of("RankingTabled", lambda data: data.update(seal=person("x")), PLENARY),
        "does not lie before the meeting",
    ),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forgery_is_found(tmp_path, name):
    change, words = FORGERIES[name]
    report = verified(forged(play().log, change), tmp_path)
    assert words in said(report)
    assert all(finding.place.stream and finding.place.line for finding in report.findings)


def seal_of() -> Data:
    return events_of(play().log, DESK, "RankingSealed")[0]


def decided_appeal() -> Data:
    found: Data = events_of(play().log, UPHELD, "AppealDecided")[0]["data"]
    return found


def decided(motion: int) -> Data:
    found = events_of(play().log, PLENARY, "PlenaryDecided")
    return next(one for one in found if one["data"]["motion"] == motion)


BY_NOBODY: Data = {"appeal": person("x"), "plenary": person("x"), "motion": 1}
VERIFICATION = Stage(season="2020", tier="national", province="00", category="KABKOTA", stage="verifikasi")
INTERVIEW = VERIFICATION.model_copy(update={"stage": "wawancara"})


@pytest.mark.parametrize(
    ("stream", "event"),
    [
        (
            f"nomination/{FIRST}",
            StageAdvanceWithdrawn(
                nomination=FIRST, left=INTERVIEW, returned=VERIFICATION, seal=person("x"), **BY_NOBODY
            ),
        ),
        (
            f"nomination/{SECOND}",
            NominationReinstated(nomination=SECOND, at=SELECTION, seal=person("x"), **BY_NOBODY),
        ),
        (NATION, WinnerWithdrawn(nomination=FIRST, at=INTERVIEW, rank=1, **BY_NOBODY)),
        (NATION, RankLeftVacant(at=INTERVIEW, rank=2, plenary=person("x"), motion=1)),
    ],
)
def test_what_only_a_decision_brings_is_found_without_one(tmp_path, stream, event):
    report = verified(added(play().log, stream, event), tmp_path)
    assert codes(report) == {"unjustified"}
    assert report.findings[0].place.stream == stream


def test_a_certificate_that_no_appeal_revokes_is_found(tmp_path):
    issued = events_of(play().log, NATION, "CertificateIssued")[0]["data"]
    told = {name: issued[name] for name in ("certificate", "number", "nomination")}
    report = verified(added(play().log, NATION, CertificateRevoked(appeal=person("x"), **told)), tmp_path)
    assert codes(report) == {"unjustified"}
    other = CertificateRevoked(appeal=person("x"), **{**told, "number": "7"})
    assert "no such certificate" in said(verified(added(play().log, NATION, other), tmp_path / "other"))


def test_a_count_that_one_member_confirmed_is_found(tmp_path):
    second = play().members("panitia-9", "75")[3]
    report = verified(without(play().log, "BallotConfirmed", lambda data: data["person"] == second), tmp_path)
    assert "was not confirmed by 2 members" in said(report)


def test_a_vote_after_the_decision_is_found(tmp_path):
    member = play().members("panitia-9", "75")[0]
    cast = VoteCast(plenary=person("appeals"), motion=1, person=member, office="sekretaris-daerah", vote="for")
    assert "was decided before" in said(verified(added(play().log, APPEALS, cast), tmp_path))
    confirmed = BallotConfirmed(plenary=person("appeals"), motion=2, person=person("x"), office="ketua-spsi")
    assert "was not present" in said(verified(added(play().log, APPEALS, confirmed), tmp_path / "other"))


def test_an_appeal_lodged_late_or_twice_is_found(tmp_path):
    lodged = events_of(play().log, UPHELD, "AppealLodged")[0]["data"]
    again = AppealLodged.model_validate({**lodged, "appeal": person("appeal 3")})
    report = verified(added(play().log, f"appeal/{person('appeal 3')}", again), tmp_path)
    assert "lodged after the window" in said(report)
    assert "does not hold just the stages" in said(report)
    report = verified(added(play().log, UPHELD, AppealLodged.model_validate(lodged)), tmp_path / "other")
    assert "an appeal is lodged once" in said(report)


def test_a_stage_sealed_anew_without_an_order_is_found(tmp_path):
    again = RankingSealed.model_validate(seal_of()["data"])
    assert "sealed anew without an order" in said(verified(added(play().log, DESK, again), tmp_path))


def conflicted(log: Log, member: str, moment: datetime | None = None) -> Log:
    """Return a log with one more conflict on the committee's stream, declared by `PERSON`."""
    declared = ConflictDeclared(
        season=SELECTION.season,
        province=SELECTION.province,
        body="panitia-9",
        person=member,
        category="KABKOTA",
        nomination=FIRST,
        kind="other",
        reason_digest=SALTED,
    )
    return added(log, PANEL, declared, moment)


def conflict_after_the_totals() -> tuple[Log, StreamPoint]:
    """Return the log with a conflict after all seals, and where it stands."""
    log = conflicted(play().log, play().members("panitia-9", "75")[0])
    return log, StreamPoint(stream=PANEL, version=len(events_of(log, PANEL)))


def test_a_conflict_that_somebody_records_for_another_after_seeing_marks_is_found(tmp_path):
    opened = time_of(events_of(play().log, DESK, "ScoringOpened")[0])
    log = begun(play().log, DESK, MarksSeen(at=SELECTION, reader=PERSON), opened)
    there = f"{PANEL}@{len(events_of(log, PANEL)) + 1}: it is by somebody who had seen marks of {DESK}"
    member = play().members("panitia-9", "75")[0]
    later = opened + timedelta(hours=1)
    assert there in said(verified(conflicted(log, member, later), tmp_path))
    assert there not in said(verified(conflicted(log, PERSON, later), tmp_path / "own"))
    assert there not in said(verified(conflicted(log, member), tmp_path / "after the seal"))


def test_a_new_seal_that_takes_up_what_the_committee_did_once_the_totals_were_known_is_found(tmp_path):
    log, late = conflict_after_the_totals()
    first = seal_of()["data"]
    streams = [
        {**one, "version": late.version} if one["stream"] == late.stream else one for one in first["basis"]["streams"]
    ]
    again = RankingSealed.model_validate({**first, "basis": {**first["basis"], "streams": streams}})
    report = verified(added(log, DESK, again), tmp_path)
    assert f"the seal knows the committee at version {late.version}; the seal before knew" in said(report)


def test_an_order_for_what_the_committee_did_once_the_totals_were_known_is_found(tmp_path):
    log, late = conflict_after_the_totals()
    order = ResealOrdered(ranking=DESK, seal=seal_of()["id"], stale=(late,))
    report = verified(added(log, PROVINCE, order), tmp_path)
    assert "it names a change of the committee that came after the totals were known" in said(report)


def test_a_decision_on_a_seal_that_was_to_be_made_anew_is_found(tmp_path):
    order = ResealOrdered(ranking=DESK, seal=seal_of()["id"], stale=())
    early = time_of(events_of(play().log, PROVINCE)[0]) - timedelta(hours=6)
    report = verified(begun(play().log, PROVINCE, order, early), tmp_path)
    assert "was replaced before, or ordered to be made anew" in said(report)


def test_an_order_to_seal_anew_what_is_no_seal_is_found(tmp_path):
    order = ResealOrdered(ranking=DESK, seal=person("x"), stale=())
    report = verified(added(play().log, PROVINCE, order), tmp_path)
    assert codes(report) == {"seal"}
    assert "no seal of its ranking" in said(report)


def test_a_seal_is_judged_by_the_appeals_that_it_had_heard_of(tmp_path):
    """Scoring seals a held stage in spite of the appeal, or because word of it had not arrived: no fault of its own."""
    held = of("StageUnfrozen", lambda data: data.update(appeal=person("x")), NATION)
    report = verified(forged(play().log, held), tmp_path / "heard")
    seals = [one for one in report.findings if one.code == "seal" and "held the stage" in one.what]
    assert {one.place.stream for one in seals} == {VERIFYING, JURY}

    def unheard(stream: str, version: int, name: str, data: Data) -> None:
        held(stream, version, name, data)
        if name == "RankingSealed":
            streams = data["basis"]["streams"]
            data["basis"]["streams"] = [one for one in streams if one["stream"] != NATION]

    report = verified(forged(play().log, unheard), tmp_path / "unheard")
    assert not [one for one in report.findings if one.code == "seal" and "held the stage" in one.what]
    assert {one.place.stream for one in report.remarks} == {VERIFYING, JURY}
    assert all("without having heard of the appeal" in one.what for one in report.remarks)
    assert {one.code for one in report.findings if "held the stage" in one.what} >= {"decision", "announcement"}


def test_winners_who_are_declared_twice_are_found(tmp_path):
    early = time_of(events_of(play().log, NATION)[0]) - timedelta(hours=6)
    decided_so = {"plenary": person("x"), "motion": 1, "seal": person("x")}
    won = WinnerDeclared(nomination=FIRST, at=INTERVIEW, rank=1, **decided_so)
    assert "were declared before" in said(verified(begun(play().log, NATION, won, early), tmp_path))


def test_going_on_before_a_verdict_is_announced_is_found(tmp_path):
    verdict, at = decided_appeal()["motion"], SELECTION.model_dump()
    log = without(play().log, "RankingAnnounced", lambda data: (data["motion"], data["at"]) == (verdict, at))
    assert "a verdict on the stage before, provincial/75/KABKOTA/seleksi, was not announced" in said(
        verified(log, tmp_path)
    )


def test_a_certificate_before_a_verdict_is_announced_is_found(tmp_path):
    early = time_of(events_of(play().log, NATION)[0]) - timedelta(hours=6)
    corrected_ = DecisionReviewed(at=INTERVIEW, appeal=person("x"), seal=person("x"), outcome="upheld", digest=SALTED)
    report = verified(begun(play().log, NATION, corrected_, early), tmp_path)
    assert "a verdict on the path was not announced" in said(report)


def with_decision(at: Stage, moment: datetime) -> Log:
    """Return the log with one more decision, of a meeting that sends nobody on from a stage."""
    meeting, item = person("elsewhere"), AgendaItem(category=at.category, stage=at.stage)
    body = "panitia-9" if at.tier == "provincial" else "tim-verifikasi"
    whose = {"season": at.season, "tier": at.tier, "province": at.province, "body": body}
    said_ = {"plenary": meeting, "motion": 1, "item": item, "seal": person("x")}
    log = play().log
    for event in (
        PlenaryConvened.model_validate({"plenary": meeting, "scheduled": moment, "agenda": (item,), **whose}),
        MotionOpened.model_validate({"kind": "propose", "advancing": (), "eliminated": (), **said_}),
        PlenaryDecided.model_validate({**decided(3)["data"], "results": (), **said_}),
    ):
        log = added(log, f"plenary/{meeting}", event, moment)
    return log


def test_going_on_before_another_place_announced_is_found_though_nobody_came_from_there(tmp_path):
    early = time_of(events_of(play().log, VERIFYING)[0])
    log = with_decision(SELECTION.model_copy(update={"province": "76"}), early)
    assert "the stage before, provincial/76/KABKOTA/seleksi, was not announced" in said(verified(log, tmp_path))


def test_sending_somebody_on_to_a_stage_that_was_decided_is_found(tmp_path):
    early = time_of(decided(3)) - timedelta(hours=1)
    report = verified(with_decision(VERIFICATION, early), tmp_path)
    assert "the next stage, which its best would enter, was decided before" in said(report)


def test_a_next_stage_that_was_sealed_before_and_is_not_sealed_anew_is_found(tmp_path):
    early = time_of(decided(3)) - timedelta(hours=1)
    nobody = {"standings": (), "unrankable": (), "counted": (), "excluded": (), "recusals": ()}
    basis = {**seal_of()["data"]["basis"], "nominations": ()}
    seal = RankingSealed.model_validate({**seal_of()["data"], "at": VERIFICATION, "basis": basis, **nobody})
    report = verified(begun(play().log, VERIFYING, seal, early), tmp_path)
    assert f"it does not order {VERIFYING} to be sealed anew" in said(report)


def test_an_order_to_seal_a_next_stage_anew_for_nothing_is_found(tmp_path):
    early = time_of(events_of(play().log, PROVINCE)[0]) - timedelta(hours=6)
    order = ResealOrdered(ranking=VERIFYING, seal=person("x"), stale=())
    listed = of(
        "PlenaryDecided",
        lambda data: data["results"].append({"stream": NATION, "version": 1}),
        PLENARY,
        decided(3)["streamversion"],
    )
    report = verified(forged(begun(play().log, NATION, order, early), listed), tmp_path)
    assert f"its order to seal {VERIFYING} anew is not what the decision gives" in said(report)
    order = ResealOrdered(ranking=NATION.replace("award", "ranking") + "/wawancara", seal=person("x"), stale=())
    report = verified(forged(begun(play().log, NATION, order, early), listed), tmp_path / "other")
    assert "it orders a seal anew that does not rest on it" in said(report)


def test_a_mark_of_who_had_seen_others_marks_is_found(tmp_path):
    opened = time_of(events_of(play().log, DESK, "ScoringOpened")[0])
    filed = next(one for one in play().log.documents if one.startswith(f"sheet/{FIRST}/provincial-seleksi/"))
    member = filed.split("/")[-1]
    report = verified(begun(play().log, DESK, MarksSeen(at=SELECTION, reader=member), opened), tmp_path)
    assert "its member had seen marks of the stage before" in said(report)
    assert filed in {finding.place.stream for finding in report.findings}
    seen = MarksSeen(at=SELECTION, reader=person("a reader"))
    assert "had seen marks" not in said(verified(begun(play().log, DESK, seen, opened), tmp_path / "other"))


def test_a_sheet_that_was_handed_in_without_a_mark_is_found(tmp_path):
    filed = next(one for one in play().log.documents if one.startswith(f"sheet/{FIRST}/provincial-seleksi/"))
    emptied = of("ScoreSheetSubmitted", lambda data: [one.pop("mark") for one in data["marks"]], filed)
    report = verified(forged(play().log, emptied), tmp_path)
    assert "handed in without a mark" in said(report)
    assert filed in {finding.place.stream for finding in report.findings}


def test_a_sheet_that_a_revision_leaves_without_a_mark_is_found(tmp_path):
    filed = next(one for one in play().log.documents if one.startswith(f"sheet/{FIRST}/provincial-seleksi/"))
    (handed_in,) = events_of(play().log, filed, "ScoreSheetSubmitted")
    first = handed_in["data"]["marks"][0]

    def but_one(data: dict[str, Any]) -> None:
        for one in data["marks"][1:]:
            one.pop("mark", None)

    one_left = of("ScoreSheetSubmitted", but_one, filed)
    whose = {"nomination": FIRST, "at": SELECTION, "member": handed_in["data"]["member"]}
    before, after = mark(first["aspect"], first["mark"]), mark(first["aspect"], None)
    change = AspectScoreRevised(mark=after, previous=before, reason_digest=SALTED, **whose)
    log = added(play().log, filed, change, time_of(handed_in) + timedelta(minutes=1))
    assert "left without one" not in said(verified(forged(play().log, one_left), tmp_path))
    assert "left without one" in said(verified(forged(log, one_left), tmp_path / "other"))


def test_a_sheet_of_a_member_who_was_not_drawn_is_found(tmp_path):
    assigned = events_of(play().log, DESK, "ScorersAssigned")[0]
    drawn = next(one["members"] for one in assigned["data"]["assignments"] if one["nomination"] == FIRST)
    member = next(one for one in play().members("panitia-9", "75") if one not in drawn)
    filed = AspectScored(nomination=FIRST, at=SELECTION, member=member, mark=mark("kinerja", "1"))
    stream = f"sheet/{FIRST}/provincial-seleksi/{member}"
    log = added(play().log, stream, filed, time_of(assigned) + timedelta(hours=1))
    report = verified(log, tmp_path)
    assert {"sheet", "seal"} == codes(report)
    assert "its member was not drawn" in said(report)
    assert stream in {finding.place.stream for finding in report.findings}


def test_a_nominee_verified_twice_or_handed_back_for_other_days_is_found(tmp_path):
    team = play().members("tim-verifikasi", "00")
    found = {"nomination": FIRST, "at": VERIFICATION, "verifier": team[1], "office": "verifikator"}
    report = verified(added(play().log, f"nomination/{FIRST}", NominationVerified(**found)), tmp_path)
    assert {"verification", "nomination"} == codes(report)
    defects = ({"part": "other", "text_digest": SALTED},)
    back = NominationReturned.model_validate({**found, "defects": defects, "until": datetime(2022, 1, 1, tzinfo=UTC)})
    report = verified(added(play().log, f"nomination/{FIRST}", back), tmp_path / "other")
    assert "`until` is not the end of the days" in said(report)


def test_who_is_gone_keeps_the_place_that_an_order_gave():
    rows = [{"nomination": one, "rank": rank} for one, rank in (("a", 1), ("x", 2), ("y", 2), ("z", 2))]
    assert parted_ranks(rows, [("x", "y", "z")], {"x"}) == {"a": 1, "x": 2, "y": 3, "z": 4}
    assert parted_ranks(rows, [("z", "y")], {"x"}) == {"a": 1, "x": 2, "z": 2, "y": 3}
    assert parted_ranks(rows, [("z", "y")], ()) == {"a": 1, "x": 2, "y": 2, "z": 2}
    assert parted_ranks(rows[:3], [("y", "b"), ("x", "y")], {"x"}) == {"a": 1, "x": 2, "y": 3}
