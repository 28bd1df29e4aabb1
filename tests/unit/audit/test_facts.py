"""The facts behind the figures: measured anew as the service measures, and whatever was done to them is found."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest

from kernel.canonical import leaf_hash
from kernel.merkle import root_of
from schemas.envelope import StreamPoint
from schemas.exact import fraction_text
from schemas.rulebook import Rulebook, definition_of
from schemas.scoring import FactsIngested, IndicatorMeasured
from services.audit.export import export
from services.audit.facts.fact import fact_of, leaf_of
from services.audit.facts.figures import figure_of
from services.audit.verify import Report, verify
from services.scoring.domain.indicator import indicator_stream
from services.scoring.domain.measure import ledger_fact, measured
from tests.unit.audit.exported import Log, forged, rewrite_manifest
from tests.unit.audit.forging import codes, of, rules
from tests.unit.audit.played import Play, person
from tests.unit.scoring.facts import ANA, BUDI, CITY, covered, document
from tests.unit.scoring.test_measure import a_ledger, a_measure

TOPIC: Final = "bpjs.coverage.v1"
STREAM: Final = f"ingest/{TOPIC}/0"
FILE: Final = Path("facts") / TOPIC / "0.jsonl"
NOMINEE: Final = "75.71"
OTHER: Final = "75.03"
CODE: Final = "cakupan"
MEASURE: Final = {
    "code": CODE, "title": {"id": "Cakupan", "en": "Coverage"}, "numerator": "workers-covered",
    "denominator": "workers-total", "cap": "1", "cut_off": "2020-12-31",
}  # fmt: skip


# --- figures -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(12))
def test_a_figure_is_what_the_service_measures_from_the_same_facts(seed: int) -> None:
    random = Random(seed)
    for _ in range(100):
        said, rule = a_ledger(random), a_measure(random)
        subject, kind = random.choice([(ANA, "employer"), (BUDI, "employer"), (CITY, "city"), (ANA, "village")])
        mine = figure_of(
            rule.model_dump(mode="json", exclude_none=True),
            subject,
            kind,
            [fact_of(line, leaf_of(line), STREAM, 1) for line in said],
        )
        theirs = measured(rule, subject, kind, [ledger_fact(line) for line in said])
        assert tuple(getattr(mine, name) for name in theirs._fields) == tuple(theirs)


# --- a ledger in an export -----------------------------------------------------------------------------------------


def report(region: str, workers: int, id_: str, as_of: str = "2020-12-15") -> bytes:
    time = datetime(2020, 12, 20, tzinfo=UTC)
    fact = covered(as_of, (workers, 600, 0, 400), id_, region=region, time=time)
    return document(fact.data, fact.id, time)


BATCHES: Final = (
    (report(NOMINEE, 300, "a"), report(OTHER, 100, "b"), report(NOMINEE, 200, "c", "2020-11-30")),
    (report(NOMINEE, 450, "d", "2020-12-16"), report(OTHER, 500, "e")),
)


class Ledger:
    """The ledger that scoring keeps, as the export asks it."""

    def __init__(self, batches: Sequence[Sequence[bytes]] = BATCHES) -> None:
        self.batches = batches

    def batch(self, stream: str, version: int) -> Sequence[str]:
        assert stream == STREAM
        return [one.decode() for one in self.batches[version - 1]]


@cache
def season() -> Play:
    """Play a season in which two batches of facts measure one nominee twice."""
    content = rules().model_dump(mode="json", exclude_none=True)
    content["measures"] = [*content["measures"], MEASURE]
    rulebook = Rulebook.from_content(content)
    play = Play(rulebook)
    play.open_season()
    play.form("panitia-9", "75")
    play.nominate(NOMINEE, "Kota Gorontalo", play.stage(0))
    for number, batch in enumerate(BATCHES, 1):
        root = root_of([leaf_hash(one) for one in batch]).hex()
        place = {"topic": TOPIC, "partition": 0, "first": 10 * number, "last": 10 * number + 9}
        counts = {"records": len(batch), "applied": len(batch), "duplicates": 0, "refused": 0}
        play.say(STREAM, FactsIngested(**place, **counts, root=root, months=("2020-12",)))
        play.say(indicator_stream(person(f"nomination {NOMINEE}")), _measured(rulebook, number))
    return play


def _measured(rulebook: Rulebook, upto: int) -> IndicatorMeasured:
    measure = rulebook.measure(CODE)
    assert measure is not None
    facts = [ledger_fact(one) for batch in BATCHES[:upto] for one in batch]
    found = measured(measure, NOMINEE, "city", facts)
    assert found.numerator
    assert found.denominator
    assert found.ratio
    return IndicatorMeasured(
        nomination=person(f"nomination {NOMINEE}"), season="2020", province="75", candidate=NOMINEE, measure=CODE,
        definition=definition_of(measure), rulebook_version=1, numerator=fraction_text(found.numerator),
        denominator=fraction_text(found.denominator), ratio=fraction_text(found.ratio), facts=found.facts,
        digest=found.digest, basis=(StreamPoint(stream=STREAM, version=upto),),
    )  # fmt: skip


def verified(folder: Path, ledger: Ledger | None, log: Log | None = None) -> Report:
    made = folder / "export"
    made.mkdir()
    result = export(log or season().log, made, lambda _line: None, wait=0, ledger=(lambda: ledger) if ledger else None)
    return verify(made, result.digest)


def facts_check(found: Report) -> tuple[str, int, int]:
    (one,) = [one for one in found.checks if one.check.key == "facts"]
    return one.state, one.looked_at, one.found


def test_every_figure_is_measured_anew_from_the_exported_facts(tmp_path: Path) -> None:
    found = verified(tmp_path, Ledger())
    assert found.good, found.findings
    assert facts_check(found) == ("passed", 2, 0)


def test_without_the_facts_their_check_cannot_be_made_and_says_so(tmp_path: Path) -> None:
    found = verified(tmp_path, None)
    assert found.good, found.findings
    assert facts_check(found) == ("not-checkable", 0, 0)


@pytest.mark.parametrize(
    ("batches", "where"),
    [
        (((BATCHES[0][0], report(OTHER, 101, "b"), BATCHES[0][2]), BATCHES[1]), f"{FILE}:1"),
        ((BATCHES[0][:2], BATCHES[1]), f"{FILE}"),
        ((BATCHES[0], (*BATCHES[1], report(NOMINEE, 599, "z"))), f"{FILE}"),
        ((BATCHES[0], BATCHES[1][::-1]), f"{FILE}:4"),
        ((BATCHES[1], BATCHES[0]), f"{FILE}"),
        (((*BATCHES[0], BATCHES[1][0]), BATCHES[1][1:]), None),
    ],
    ids=["changed", "taken away", "added", "swapped", "batches swapped", "moved to another batch"],
)
def test_a_ledger_that_was_changed_is_found(tmp_path: Path, batches: Any, where: str | None) -> None:
    found = verified(tmp_path, Ledger(batches))
    if where is None:  # the lines are the same; which batch they are of, the events say
        assert found.good
        return
    assert "ledger" in codes(found)
    assert facts_check(found)[0] == "failed"
    assert any(str(one.place).startswith(where) for one in found.findings if one.code == "ledger"), found.findings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("numerator", "451/1"), ("denominator", "999/1"), ("ratio", "1/1"), ("facts", 4), ("digest", "0" * 64),
        ("missing_months", ("2020-01",)), ("basis", [{"stream": STREAM, "version": 1}]),
    ],
)  # fmt: skip
def test_a_figure_that_its_facts_do_not_give_is_found(tmp_path: Path, name: str, value: Any) -> None:
    """The service that measures holds its key: what it signed is computed anew all the same."""
    change = of("IndicatorMeasured", lambda data: data.__setitem__(name, value), version=2)
    found = verified(tmp_path, Ledger(), forged(season().log, change))
    assert "figure" in codes(found), found.findings
    assert all(one.place.version == 2 for one in found.findings if one.code == "figure")


def test_lines_that_are_no_facts_are_found_and_located(tmp_path: Path) -> None:
    verified(tmp_path, Ledger())
    folder = tmp_path / "export"
    whole = (folder / FILE).read_bytes().splitlines()
    lines = [b"", b"[]", b'{"type":1}', b"\xff", b'{"data":{},"id":"x","source":"/bpjs/sipp"}']
    for number, line in enumerate(lines, 1):
        (folder / FILE).write_bytes(b"\n".join([*whole[: number % 5], line, *whole[number % 5 + 1 :]]) + b"\n")
        found = verify(folder)
        assert {"ledger", "file"} <= codes(found), (line, found.findings)


def test_facts_of_a_partition_that_no_event_tells_of_are_found(tmp_path: Path) -> None:
    verified(tmp_path, Ledger())
    folder = tmp_path / "export"
    (folder / "facts" / TOPIC / "1.jsonl").write_bytes(BATCHES[0][0] + b"\n")
    assert {"added-file", "ledger"} <= codes(verify(folder))


def test_facts_taken_away_with_the_manifest_made_anew_are_missed(tmp_path: Path) -> None:
    verified(tmp_path, Ledger())
    folder = tmp_path / "export"
    (folder / FILE).rename(folder / "facts" / TOPIC / "1.jsonl")
    rewrite_manifest(folder)
    assert any("are not here" in one.what for one in verify(folder).findings if one.code == "ledger")


def test_the_digest_of_a_figure_is_that_of_its_facts_leaves() -> None:
    """As docs/auditor.md tells auditors who count with tools of their own."""
    leaves = sorted(leaf_hash(one) for one in (BATCHES[0][0], BATCHES[0][2]))
    event = _measured(Rulebook.from_content(season_content()), 1)
    assert (event.facts, event.digest) == (2, hashlib.sha256(b"".join(leaves)).hexdigest())


def season_content() -> dict[str, Any]:
    content = rules().model_dump(mode="json", exclude_none=True)
    return content | {"measures": [*content["measures"], MEASURE]}
