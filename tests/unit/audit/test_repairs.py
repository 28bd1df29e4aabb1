"""A repair of a dead letter, verified: two persons, one proposal, one agreement, and the same fact in both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from schemas.envelope import Event
from schemas.scoring import RepairApproved, RepairProposed
from tests.unit.audit.exported import Log, forged
from tests.unit.audit.forging import codes, of, said, verified, without
from tests.unit.audit.played import person

REPAIR = person("a repair")
STREAM = f"repair/{REPAIR}"
LEAF = "a" * 64
PROPOSED = RepairProposed(
    repair=REPAIR, topic="bpjs.contributions.v1", partition=3, offset=1207, publisher="sipp", fact="p-1", leaf=LEAF,
    content_digest="b" * 64, reason_digest="c" * 64,
)  # fmt: skip
APPROVED = RepairApproved(repair=REPAIR, leaf=LEAF)


def told(*events: tuple[Event, str]) -> Log:
    log = Log()
    log.open("scoring")
    for event, actor in events:
        repair = event.to_data()["repair"]
        log.append(f"repair/{repair}", event, actor=actor)
    return log


def another(name: str, replaces: str | None = None, **changed: Any) -> RepairProposed:
    return RepairProposed(**{**PROPOSED.to_data(), "repair": person(name), "replaces": replaces, **changed})


HONEST = ((PROPOSED, person("operator")), (APPROVED, person("publisher")))


def test_an_honest_repair_is_found_in_order(tmp_path: Path) -> None:
    assert said(verified(told(*HONEST), tmp_path)) == ""
    assert said(verified(told(HONEST[0]), tmp_path / "waiting")) == "", "one that waits is no fault"


@pytest.mark.parametrize(
    ("log", "sentence"),
    [
        (told(HONEST[0], (APPROVED, person("operator"))), "who proposed it agreed to it"),
        (told(HONEST[1]), "nobody had proposed it"),
        (told(*HONEST, (APPROVED, person("another"))), "it was agreed to before"),
        (told(*HONEST, HONEST[0]), "the repair was proposed before"),
        (
            told(HONEST[0], (RepairApproved(repair=REPAIR, leaf="d" * 64), person("publisher"))),
            "another fact was agreed to than was proposed",
        ),
    ],
)
def test_what_breaks_the_rule_is_found(log: Log, sentence: str, tmp_path: Path) -> None:
    report = verified(log, tmp_path)
    assert "repair" in codes(report)
    assert sentence in said(report)


BY = person("operator")
SECOND, THIRD = person("second"), person("third")


def test_a_letter_s_repairs_are_one_line_and_the_last_of_it_is_agreed_to(tmp_path: Path) -> None:
    line = ((PROPOSED, BY), (another("second", REPAIR), BY), (another("third", SECOND), BY))
    agreed = (RepairApproved(repair=THIRD, leaf=LEAF), person("publisher"))
    assert said(verified(told(*line, agreed), tmp_path)) == ""
    apart = another("second", offset=1208)
    assert said(verified(told(*HONEST, (apart, BY)), tmp_path / "apart")) == "", "another letter has repairs of its own"


@pytest.mark.parametrize(
    ("events", "sentence"),
    [
        ((*HONEST, (another("second"), BY)), "the letter has another repair, which this one does not replace"),
        ((*HONEST, (another("second", REPAIR), BY)), f"it replaces {REPAIR}, which was agreed to"),
        (((PROPOSED, BY), (another("second", THIRD), BY)), f"it replaces {THIRD}, which is no repair of its letter"),
        (
            ((PROPOSED, BY), (another("second", REPAIR), BY), (another("third", REPAIR), BY)),
            f"it replaces {REPAIR}, which is no repair of its letter, or was replaced before",
        ),
        (((another("second", THIRD), BY), (another("third", SECOND), BY)), "which is no repair of its letter"),
        (((PROPOSED, BY), (another("second", REPAIR, offset=1208), BY)), "which is no repair of its letter"),
    ],
)
def test_a_letter_that_is_repaired_twice_is_found(
    events: tuple[tuple[Event, str], ...], sentence: str, tmp_path: Path
) -> None:
    report = verified(told(*events), tmp_path)
    assert "repair" in codes(report)
    assert sentence in said(report)


def test_an_agreement_on_another_stream_is_found(tmp_path: Path) -> None:
    elsewhere = forged(told(*HONEST), of("RepairApproved", lambda data: data.update(repair=person("another"))))
    assert "stream" in codes(verified(elsewhere, tmp_path))
    assert "nobody had proposed it" in said(verified(without(told(*HONEST), "RepairProposed"), tmp_path / "without"))
