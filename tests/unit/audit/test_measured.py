"""Measured figures, verified: an honest stage has no fault, and what its facts cannot have given is found."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Any

import pytest

from kernel.commands import Program
from kernel.decider import Aggregate, Decision, Refusal
from schemas.envelope import StreamPoint
from schemas.nomination import ResealOrdered, SeasonClosed
from schemas.rulebook import Rulebook, definition_of
from schemas.scoring import CorrectionImpactFound, FactsIngested, IndicatorMeasured, RankingSealed
from services.scoring.domain.indicator import indicator_stream
from services.scoring.programs import after_measurement, after_seal
from tests.unit.audit.exported import forged
from tests.unit.audit.forging import added, codes, events_of, of, rules, said, verified, without
from tests.unit.audit.played import Play, person

DESK = "ranking/2020/provincial/75/KABKOTA/seleksi"
CODES = ("75.03", "75.71", "75.01", "75.02")
FIRST, SECOND, THIRD, FOURTH = (person(f"nomination {code}") for code in CODES)
MEASURE = "kepatuhan-iuran"
BATCH = "ingest/bpjs.contributions.v1/0"
Data = dict[str, Any]


@cache
def measuring() -> Rulebook:
    """Return the shipped rulebook with one of the governments' aspects measured, on a scale of its own."""
    content = rules().model_dump(mode="json", exclude_none=True)
    for rubric in content["rubrics"]:
        for aspect in rubric["aspects"]:
            if aspect["code"] == "kinerja" and aspect["origin"] == "judged":
                aspect |= {"origin": "measured", "measure": MEASURE}
                aspect["scale"] |= {"least": "20", "greatest": "100"}
    return Rulebook.from_content(content)


def batch(number: int = 1, **changed: Any) -> FactsIngested:
    counts = {"records": 10, "applied": 8, "duplicates": 1, "refused": 1}
    offsets = {"first": 10 * number, "last": 10 * number + 9}
    place = {"topic": "bpjs.contributions.v1", "partition": 0, "root": f"{number:064x}"}
    return FactsIngested.model_validate({**place, **offsets, **counts, **changed})


def measured(nomination: str, figures: tuple[str, str, str] | None, **changed: Any) -> IndicatorMeasured:
    """Return a measurement: numerator, denominator and ratio, or the lack of all."""
    names = ("numerator", "denominator", "ratio")
    whose = dict(zip((FIRST, SECOND, THIRD, FOURTH), CODES, strict=True))
    said: Data = {
        "nomination": nomination,
        "season": "2020",
        "province": "75",
        "candidate": whose[nomination],
        "measure": MEASURE,
        "definition": definition_of(measuring().measure(MEASURE)),
        "rulebook_version": 1,
        "facts": 12,
        "digest": "d" * 64,
        "basis": (StreamPoint(stream=BATCH, version=1),),
        **(dict(zip(names, figures, strict=True)) if figures else {"lack": "no-facts"}),
    }
    return IndicatorMeasured.model_validate(said | changed)


class Measuring(Play):
    """A season in which facts come in, and scoring tells what they change after a seal."""

    def measure(self, nomination: str, *figures: tuple[str, str, str] | None) -> None:
        for one in figures:
            self.say(indicator_stream(nomination), measured(nomination, one))
            self.react(after_measurement(nomination))

    def react(self, program: Program) -> None:
        decision = self._decided(program)
        if decision:
            self.record(decision)

    def _decided(self, program: Program) -> Decision:
        work = program(self)
        try:
            work.send(None)  # type: ignore[attr-defined]
        except StopIteration as done:
            found: Decision = done.value
            assert not isinstance(found, Refusal)
            return found
        raise AssertionError("a program in memory has nothing to wait for")

    async def load(self, aggregate: Aggregate[Any], stream: str, *, guard: bool = True) -> Any:
        del guard
        return self.fold(aggregate, stream)


def played(*, decided: bool) -> Measuring:
    """Play a stage: sealed, decided on or not, and corrections after it, of which one is taken back."""
    season = Measuring(measuring())
    season.log.open("notifications")
    season.open_season()
    season.form("panitia-9", "75")
    desk = season.stage(0)
    for code in CODES:
        season.nominate(code, f"Kabupaten {code}", desk)
    season.say(BATCH, batch())
    season.measure(FIRST, ("11/1", "12/1", "11/12"))
    season.measure(SECOND, ("8/1", "12/1", "2/3"), ("9/1", "12/1", "3/4"))
    season.measure(THIRD, ("30/1", "12/1", "1/1"), ("6/1", "12/1", "1/2"))
    season.measure(FOURTH, None)
    season.open_stage(desk)
    for member in season.members("panitia-9", "75")[:3]:
        for nomination in (FIRST, SECOND, THIRD, FOURTH):
            season.score(desk, nomination, member, {"kebijakan": "80", "peraturan": "80"})
    season.seal(desk)
    if decided:
        season.decide(desk, ("for",) * 9)
    season.say(BATCH, batch(2))
    season.measure(THIRD, ("12/1", "12/1", "1/1"))
    season.measure(SECOND, ("12/1", "12/1", "1/1"), ("9/1", "12/1", "3/4"))
    season.measure(FOURTH, ("10/1", "12/1", "5/6"))
    return season


@cache
def play() -> Measuring:
    """Return a stage that was sealed and decided on before facts came."""
    return played(decided=True)


@cache
def again() -> Measuring:
    """Return a stage that was sealed anew after facts came: by an order for a nominee that the seal is said to miss."""
    season = played(decided=False)
    desk = season.stage(0)
    (seal,) = [one for one in season.happened[DESK] if isinstance(one.event, RankingSealed)]
    season.say(desk.award, ResealOrdered(ranking=DESK, seal=seal.id, stale=(), missing=(FIRST,)))
    season.seal_again(desk)
    season.react(after_seal(desk))
    return season


def impacts(played: Measuring) -> list[CorrectionImpactFound]:
    return [one.event for one in played.happened[DESK] if isinstance(one.event, CorrectionImpactFound)]


def test_a_stage_with_measured_figures_is_computed_anew_and_agrees(tmp_path):
    report = verified(play().log, tmp_path)
    assert said(report) == ""
    assert (report.rankings, report.decisions) == (1, 1)


def test_the_play_tells_what_it_is_to_tell():
    (sealed,) = [one.event for one in play().happened[DESK] if isinstance(one.event, RankingSealed)]
    assert [one.nomination for one in sealed.standings] == [FIRST, SECOND, THIRD]
    assert [one.reason for one in sealed.unrankable] == ["unmeasured"]
    assert [(one.nomination, one.after) for one in impacts(play())] == [
        (THIRD, "1/1"),
        (SECOND, "1/1"),
        (SECOND, "3/4"),
        (FOURTH, "5/6"),
    ]


def test_a_stage_sealed_anew_keeps_its_figures_and_agrees(tmp_path):
    report = verified(again().log, tmp_path)
    assert [finding.what for finding in report.findings if finding.code in ("seal", "impact", "indicator")] == []
    seals = events_of(again().log, DESK, "RankingSealed")
    assert len(seals) == 2
    assert seals[0]["data"]["basis"]["measured"] == seals[1]["data"]["basis"]["measured"]
    assert len(impacts(again())) == 6, "what had come by then is told of the new seal, but for what is the same again"


# --- measurements


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data.update(candidate="75.05"), "another candidate"),
        (lambda data: data.update(province="13"), "not of the season and the province"),
        (lambda data: data.update(definition="f" * 64), "`definition` is not that"),
        (lambda data: data.update(measure="cakupan"), "no measure cakupan"),
        (lambda data: data.update(rulebook_version=2), "has no version 2"),
        (lambda data: data.update(ratio="12/11"), "at most the measure's cap"),
        (lambda data: data.update(numerator="10/1"), "at most the measure's cap"),
        (lambda data: data.update(numerator="22/2"), "lowest terms"),
        (lambda data: data.update(lack="no-facts"), "neither a ratio nor a lack"),
        (lambda data: data.pop("ratio"), "neither a ratio nor a lack"),
        (lambda data: data.pop("denominator"), "without a numerator and a denominator"),
        (lambda data: data.update(denominator="0/1"), "without a numerator and a denominator"),
    ],
)
def test_a_measurement_that_its_figures_and_the_rules_do_not_give_is_found(
    tmp_path, change: Callable[[Data], object], words: str
):
    report = verified(forged(play().log, of("IndicatorMeasured", change, indicator_stream(FIRST))), tmp_path)
    assert any(words in one.what for one in report.findings if one.code == "indicator"), said(report)


def test_a_ratio_above_the_cap_is_found(tmp_path):
    change = of("IndicatorMeasured", lambda data: data.update(ratio="5/2"), indicator_stream(THIRD), 1)
    assert "indicator" in codes(verified(forged(play().log, change), tmp_path))


def test_a_measurement_on_another_nominees_stream_or_from_a_batch_that_is_not_there_is_found(tmp_path):
    strange = added(play().log, indicator_stream(FIRST), measured(SECOND, ("1/1", "2/1", "1/2")))
    assert "stream" in codes(verified(strange, tmp_path / "stream"))
    batch_of = of("IndicatorMeasured", lambda data: data["basis"][0].update(version=9))
    assert "cited" in codes(verified(forged(play().log, batch_of), tmp_path / "batch"))


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.update(records=11),
        lambda data: data.update(applied=0, records=2),
        lambda data: data.update(root=hashlib.sha256(b"").hexdigest()),
        lambda data: data.update(last=data["first"]),
        lambda data: data.update(partition=1),
    ],
)
def test_a_batch_that_cannot_be_is_found(tmp_path, change):
    report = verified(forged(play().log, of("FactsIngested", change)), tmp_path)
    assert codes(report) & {"ingest", "stream"}


# --- what a seal took


def of_the_basis(change: Callable[[list[Data]], object]) -> Callable[[Data], object]:
    return lambda data: change(data["basis"]["measured"])


def older(measured: list[Data]) -> None:
    next(one for one in measured if one["version"] == 2)["version"] = 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (of_the_basis(older), "more had been measured before it"),
        (of_the_basis(lambda points: points.pop(0)), "more had been measured before it"),
        (of_the_basis(lambda points: points[0].update(version=99)), "not in the export"),
        (of_the_basis(lambda points: points.append(points[0])), "twice"),
        (of_the_basis(lambda points: points[0].update(stream=f"indicator/{person('nobody')}")), "does not rank"),
        (of_the_basis(lambda points: [one.update(version=3) for one in points]), "recorded after it"),
        (lambda data: data["standings"][0]["aspects"][2].update(value="100/1"), "computed anew"),
        (lambda data: data["unrankable"][0].update(reason="aspect-unmarked"), "computed anew"),
    ],
)
def test_a_seal_that_what_was_measured_does_not_give_is_found(tmp_path, change, words):
    report = verified(forged(play().log, of("RankingSealed", change)), tmp_path)
    assert any(words in one.what for one in report.findings if one.place.stream == DESK), said(report)


def test_a_seal_made_anew_with_later_figures_is_found(tmp_path):
    version = [one.version for one in again().happened[DESK] if isinstance(one.event, RankingSealed)][-1]
    later = of_the_basis(lambda points: [one.update(version=one["version"] + 1) for one in points])
    change = of("RankingSealed", later, DESK, version)
    report = verified(forged(again().log, change), tmp_path)
    assert any("the seal that named it first took" in one.what for one in report.findings), said(report)


def pins(change: Callable[[Data], object]) -> Callable[[Data], object]:
    return lambda data: [change(one) for one in data["rules"]["aspects"] if one["origin"] == "measured"]


@pytest.mark.parametrize(
    "change",
    [
        pins(lambda aspect: aspect.update(definition="f" * 64)),
        pins(lambda aspect: aspect.update(measure="cakupan")),
        pins(lambda aspect: aspect.pop("definition")),
        pins(lambda aspect: (aspect.pop("definition"), aspect.pop("measure"))),
        lambda data: data["rules"]["aspects"][0].update(measure=MEASURE, definition="f" * 64),
    ],
)
def test_a_stage_that_pinned_another_measure_is_found(tmp_path, change):
    report = verified(forged(play().log, of("ScoringOpened", change)), tmp_path)
    assert any("its pinned measure of" in one.what for one in report.findings), said(report)


def test_a_stage_that_takes_no_measure_and_names_figures_is_found(tmp_path):
    change = of("ScoringOpened", pins(lambda aspect: (aspect.pop("definition"), aspect.pop("measure"))))
    report = verified(forged(play().log, change), tmp_path)
    assert any("its stage takes none" in one.what for one in report.findings), said(report)


# --- what came after


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data.update(seal=person("no seal")), "the seal that stood"),
        (lambda data: data.update(nomination=person("nobody")), "does not rank the nominee"),
        (lambda data: data["indicator"].update(version=2), "was in the seal"),
        (lambda data: data["indicator"].update(version=9), "not in the export"),
        (lambda data: data["indicator"].update(stream=indicator_stream(FIRST)), "another's figures"),
        (lambda data: data.update(measure="cakupan"), "does not take"),
        (lambda data: data.update(before="1/3"), "`before` is not"),
        (lambda data: data.update(after="7/8"), "`after` is not"),
        (lambda data: data["moves"].pop(), "its moves are"),
        (lambda data: data["moves"].append(data["moves"][0]), "its moves are"),
        (lambda data: data["moves"][0].update(rank_after=2), "its moves are"),
        (lambda data: data["moves"][0].update(total_after="1/1"), "its moves are"),
        (lambda data: data.update(would_advance=[SECOND]), "nothing of that follows"),
        (lambda data: data.update(would_fall=[FIRST]), "nothing of that follows"),
    ],
)
def test_what_is_told_of_later_facts_and_does_not_follow_is_found(tmp_path, change, words):
    version = 1 + next(
        index
        for index, one in enumerate(play().happened[DESK])
        if isinstance(one.event, CorrectionImpactFound) and one.event.nomination == THIRD
    )
    report = verified(forged(play().log, of("CorrectionImpactFound", change, DESK, version)), tmp_path)
    assert any(words in one.what for one in report.findings if one.place.stream == DESK), said(report)


def test_what_is_told_twice_is_found(tmp_path):
    last = play().happened[DESK][-1].event
    report = verified(added(play().log, DESK, last), tmp_path)
    assert any("was not told before" in one.what for one in report.findings), said(report)


def test_an_outcome_that_was_not_otherwise_decided_is_found(tmp_path):
    """Without the elimination nobody was kept from going on."""
    fourth = [one for one in impacts(play()) if one.nomination == FOURTH]
    assert fourth
    told = [one for one in impacts(play()) if one.would_advance or one.would_fall]
    assert told, "the play has an outcome that would be otherwise"
    name = told[0].would_advance[0] if told[0].would_advance else told[0].would_fall[0]
    kind = "NominationEliminated" if told[0].would_advance else "StageAdvanced"
    report = verified(without(play().log, kind, lambda data: data["nomination"] == name), tmp_path)
    assert any("nothing else was decided" in one.what for one in report.findings), said(report)


def test_what_is_told_in_a_closed_season_changes_nothing_and_is_let_pass(tmp_path):
    season = played(decided=True)
    by_two = {"first": person("one"), "second": person("two"), "reason_digest": "d" * 64}
    season.say("season/2020", SeasonClosed.model_validate({"season": "2020", **by_two}))
    season.log.now += timedelta(hours=2)
    season.measure(FIRST, ("6/1", "12/1", "1/2"))
    report = verified(season.log, tmp_path)
    assert len(impacts(season)) == 5
    assert [one.what for one in report.findings if one.place.stream != "season/2020"] == []
    assert report.remarks == []
