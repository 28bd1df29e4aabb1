"""A repair is proposed by one person, agreed to by another, and held to what ingest would hold it to."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from kernel.canonical import instant, leaf_hash
from kernel.decider import Decision, Happened, Position, Refusal
from kernel.log import Recorded
from schemas.fact_reading import ReadFact, read_fact
from schemas.facts import CoverageReported, fact_type
from schemas.scoring import RepairApproved, RepairProposed
from schemas.topics import CONTRIBUTIONS, COVERAGE
from services.scoring.domain import refusals
from services.scoring.domain.repair import (
    CONTENT_TYPE,
    REPAIR,
    Approved,
    ApproveRepair,
    Chain,
    DeadLetter,
    Proposed,
    ProposeRepair,
    RepairState,
    Unproposed,
    decide_approve,
    decide_propose,
    first_repair,
    next_repair,
    published,
    repair_stream,
    replacement,
    unchecked,
)
from services.scoring.repairs import RepairProjection
from tests.unit.scoring.given import DIGEST, an_id, refusal

NOW = datetime(2021, 5, 1, tzinfo=UTC)
REPAIR_ID, OPERATOR, OTHER = an_id("repair"), an_id("operator"), an_id("other operator")
PAID: dict[str, Any] = {
    "specversion": "1.0",
    "id": "p-1",
    "source": "/bpjs/sipp",
    "type": "id.go.bpjsketenagakerjaan.ContributionPaid.v1",
    "time": "2021-04-14T09:30:00+07:00",
    "data": {
        "employer": "NPP-1", "month": "2021-03", "amount": 250000, "paid_on": "2021-04-13", "bank_reference": "B-1",
    },
}  # fmt: skip
LETTER = DeadLetter(CONTRIBUTIONS, 3, 1207, "sipp", "p-1", "wrong-field")


def a_fact(**changed: Any) -> ReadFact:
    found = replacement(CONTRIBUTIONS, {**PAID, **changed}, NOW)
    assert not isinstance(found, Refusal), found
    return found


def proposing(letter: DeadLetter = LETTER, fact: ReadFact | None = None, replaces: str | None = None) -> ProposeRepair:
    fact = fact or a_fact()
    return ProposeRepair(letter, fact, leaf_hash(fact.document).hex(), DIGEST, DIGEST, replaces)


FREE = Chain(None, Unproposed(), REPAIR_ID)


def propose(
    letter: DeadLetter = LETTER, fact: ReadFact | None = None, replaces: str | None = None, chain: Chain = FREE,
    held: tuple[str, ...] = (),
) -> Decision:  # fmt: skip
    return decide_propose(proposing(letter, fact, replaces), chain, held)


def approve(
    state: RepairState, command: ApproveRepair, last: str | None = REPAIR_ID, held: tuple[str, ...] = ()
) -> Decision:
    return decide_approve(state, command, last, held)


def approving(by: str = OTHER, topics: tuple[str, ...] = (CONTRIBUTIONS, COVERAGE)) -> ApproveRepair:
    return ApproveRepair(REPAIR_ID, by, topics)


def after(*events: tuple[RepairProposed | RepairApproved, str]) -> RepairState:
    return REPAIR.fold(
        Happened(event, an_id(f"event {number}"), repair_stream(REPAIR_ID), number, NOW, actor)
        for number, (event, actor) in enumerate(events, start=1)
    )


def proposed() -> RepairProposed:
    decided = propose()
    assert not isinstance(decided, Refusal)
    (emitted,) = decided
    assert emitted.stream == repair_stream(REPAIR_ID)
    event: RepairProposed = emitted.event
    return event


def test_a_proposal_names_the_letter_and_the_fact_by_its_leaf() -> None:
    event = proposed()
    assert (event.topic, event.partition, event.offset) == (CONTRIBUTIONS, 3, 1207)
    assert (event.publisher, event.fact, event.leaf) == ("sipp", "p-1", leaf_hash(a_fact().document).hex())


def test_another_person_agrees_to_just_that_fact() -> None:
    event = proposed()
    decided = approve(after((event, OPERATOR)), approving())
    assert not isinstance(decided, Refusal)
    (emitted,) = decided
    assert emitted.event == RepairApproved(repair=REPAIR_ID, leaf=event.leaf)
    state = after((event, OPERATOR), (emitted.event, OTHER))
    assert state == Approved(event, OPERATOR, OTHER)


def test_an_agreement_without_a_proposal_changes_nothing() -> None:
    assert after((RepairApproved(repair=REPAIR_ID, leaf=DIGEST), OTHER)) == Unproposed()


def test_what_is_published_is_read_as_the_very_fact_that_was_agreed_to() -> None:
    fact = a_fact()
    again = read_fact(CONTRIBUTIONS, b"NPP-1", published(fact.document), (CONTENT_TYPE,), NOW)
    assert again.document == fact.document


def test_a_fact_about_a_region_is_taken_on_the_topic_of_coverage() -> None:
    data = {
        "region": "75.71", "as_of": "2021-03-31", "wage_workers_covered": 1, "wage_workers_total": 2,
        "non_wage_workers_covered": 3, "non_wage_workers_total": 4,
    }  # fmt: skip
    said = {**PAID, "type": fact_type(CoverageReported), "data": data}
    found = replacement(COVERAGE, said, NOW)
    assert not isinstance(found, Refusal)
    assert found.subject == "75.71"


@pytest.mark.parametrize(
    ("changed", "field", "value"),
    [
        ({"data": {**PAID["data"], "amount": -1}}, "document.data.amount", "-1"),
        ({"data": {**PAID["data"], "month": "2021-13"}}, "document.data.month", '"2021-13"'),
        ({"data": "x"}, "document.data", '"x"'),
        ({"data": {**PAID["data"], "employer": 7}}, "document.data.employer", "7"),
        ({"id": ""}, "document.id", '""'),
        ({"source": "sipp"}, "document.source", "sipp"),
        ({"time": "2031-04-14T09:30:00+07:00"}, "document.time", "2031-04-14T09:30:00+07:00"),
        ({"type": "x"}, "document.type", "x"),
    ],
)
def test_what_ingest_would_refuse_is_not_proposed(changed: dict[str, Any], field: str, value: str) -> None:
    found = replacement(CONTRIBUTIONS, copy.deepcopy({**PAID, **changed}), NOW)
    assert isinstance(found, Refusal)
    assert (found.code, found.status) == ("repair-not-a-fact", 422)
    assert [(fault.path, fault.value) for fault in found.faults] == [(field, value)]


def test_a_fact_of_another_system_is_refused() -> None:
    found = refusal(propose(fact=a_fact(source="/bpjs/other")))
    assert (found.code, found.faults[0].path) == ("repair-of-another", "document.source")
    unknown = replace(LETTER, publisher=None, id=None)
    assert not isinstance(propose(unknown, a_fact(source="/bpjs/other")), Refusal)


def test_an_id_that_has_another_content_is_not_proposed_again() -> None:
    used = replace(LETTER, reason="used-id")
    assert refusal(propose(used)).code == "repair-keeps-used-id"
    assert not isinstance(propose(used, a_fact(id="p-2")), Refusal)


def test_what_the_ledger_holds_or_would_refuse_is_neither_proposed_nor_agreed_to() -> None:
    leaf = leaf_hash(a_fact().document).hex()
    state = after((proposed(), OPERATOR))
    for held, code in (((leaf,), "repair-in-ledger"), (("0" * 64,), "repair-keeps-used-id")):
        found = refusal(propose(held=held))
        assert (found.code, found.status, found.faults[0].path) == (code, 422, "document.id")
        found = refusal(approve(state, approving(), held=held))
        assert (found.code, found.faults[0].path) == (code, "path.repair")


def test_a_repair_is_about_whom_the_letter_was_about() -> None:
    bound = replace(LETTER, kind="ContributionPaid", subjects=("NPP-1", "NPP-9"))
    assert not isinstance(propose(bound), Refusal)
    victim = a_fact(data={**PAID["data"], "employer": "NPP-2"})
    found = refusal(propose(bound, victim))
    assert (found.code, found.status, found.faults[0].path) == ("repair-about-another", 422, "document.data.employer")
    assert "NPP-1 or NPP-9" in found.detail.en
    assert "pemberi kerja NPP-1 atau NPP-9" in found.detail.id
    assert not isinstance(propose(LETTER, victim), Refusal), "where the letter shows nothing, persons must look"
    region = refusals.repair_about_another(("75.71",), "75.72", of_region=True)
    assert (region.faults[0].path, "wilayah" in region.detail.id) == ("document.data.region", True)


def test_a_repair_is_of_the_letter_s_kind() -> None:
    said = {"employer": "NPP-1", "month": "2021-03", "reverses": "x"}
    other = a_fact(type="id.go.bpjsketenagakerjaan.ContributionReversed.v1", data=said)
    found = refusal(propose(replace(LETTER, kind="ContributionPaid"), other))
    assert (found.code, found.status, found.faults[0].path) == ("repair-of-another-kind", 422, "document.type")
    assert not isinstance(propose(LETTER, other), Refusal)


def test_what_the_letter_does_not_show_is_told() -> None:
    def fields(letter: DeadLetter | None) -> list[str]:
        return [one.field for one in unchecked(letter)]

    assert fields(None) == fields(LETTER) == ["subject", "kind"]
    assert fields(replace(LETTER, subjects=("NPP-1",))) == ["kind"]
    assert fields(replace(LETTER, subjects=("NPP-1",), kind="ContributionPaid")) == []


def test_a_letter_has_one_repair_at_a_time() -> None:
    event = proposed()
    waits = Chain(REPAIR_ID, after((event, OPERATOR)), an_id("next"))
    for named in (None, an_id("another")):
        found = refusal(propose(chain=waits, replaces=named))
        assert (found.code, found.faults[0].path) == ("letter-has-a-repair", "replaces")
        assert REPAIR_ID in found.detail.en
    decided = propose(chain=waits, replaces=REPAIR_ID)
    assert not isinstance(decided, Refusal)
    (emitted,) = decided
    assert (emitted.stream, emitted.event.repair, emitted.event.replaces) == (
        repair_stream(an_id("next")), an_id("next"), REPAIR_ID,
    )  # fmt: skip
    agreed = after((event, OPERATOR), (RepairApproved(repair=REPAIR_ID, leaf=event.leaf), OTHER))
    for named in (None, REPAIR_ID):
        found = refusal(propose(chain=Chain(REPAIR_ID, agreed, an_id("next")), replaces=named))
        assert (found.code, found.faults[0].path) == ("letter-repaired-before", "address")
    assert refusal(propose(replaces=REPAIR_ID)).code == "repair-replaces-none"


def test_what_was_replaced_is_not_agreed_to() -> None:
    state = after((proposed(), OPERATOR))
    for last in (an_id(an_id("next")), None):
        assert refusal(approve(state, approving(), last=last)).code == "repair-replaced"


def test_the_ids_of_a_letter_s_repairs_follow_from_its_address() -> None:
    first = first_repair(LETTER.address)
    line = [first, next_repair(first), next_repair(next_repair(first)), first_repair("bpjs.contributions.v1/3/1208")]
    assert len({*line}) == 4
    assert first == first_repair(LETTER.address)


def test_who_proposed_does_not_agree() -> None:
    assert refusal(approve(after((proposed(), OPERATOR)), approving(OPERATOR))).code == "own-repair"


def test_nobody_agrees_twice_or_to_nothing() -> None:
    event = proposed()
    both = after((event, OPERATOR), (RepairApproved(repair=REPAIR_ID, leaf=event.leaf), OTHER))
    assert refusal(approve(both, approving(an_id("third")))).code == "repair-approved-before"
    unknown = refusal(approve(Unproposed(), approving()))
    assert (unknown.code, unknown.status, unknown.recorded) == ("repair-unknown", 404, False)


def test_a_publisher_agrees_to_repairs_of_its_own_topic_only() -> None:
    state = after((proposed(), OPERATOR))
    assert isinstance(state, Proposed)
    found = refusal(approve(state, approving(topics=(COVERAGE,))))
    assert (found.code, found.status) == ("repair-of-another-topic", 403)
    assert not isinstance(approve(state, approving(topics=(CONTRIBUTIONS,))), Refusal)


def test_a_letter_that_is_not_there_is_no_attempt() -> None:
    found = refusals.letter_unknown(LETTER.address)
    assert (found.code, found.status, found.recorded) == ("letter-unknown", 404, False)
    assert found.faults[0].value == "bpjs.contributions.v1/3/1207"


def recorded(event: RepairProposed | RepairApproved, version: int, actor: str) -> Recorded:
    document = orjson.dumps({"actor": actor, "time": instant(NOW), "data": event.to_data()}).decode()
    where = (repair_stream(REPAIR_ID), version, an_id(f"event {version}"))
    return Recorded(Position(1, version, version), *where, event.type_name(), True, b"", document)


def test_the_read_row_follows_both_acts() -> None:
    projection, event = RepairProjection(), proposed()
    stream = repair_stream(REPAIR_ID)
    assert list(projection.rows(stream, projection.initial(stream))) == []
    state = projection.fold(projection.initial(stream), recorded(event, 1, OPERATOR), stream)
    (row,) = projection.rows(stream, state)
    assert (row[1:7], row[10], row[12:]) == (
        (REPAIR_ID, CONTRIBUTIONS, 3, 1207, "sipp", "p-1"), "proposed", (OPERATOR, None, None),
    )  # fmt: skip
    agreed = RepairApproved(repair=REPAIR_ID, leaf=event.leaf)
    (row,) = projection.rows(stream, projection.fold(state, recorded(agreed, 2, OTHER), stream))
    assert (row[10], row[12], row[14]) == ("approved", OPERATOR, OTHER)


def test_the_read_row_of_a_replaced_repair_says_so() -> None:
    projection, event, stream = RepairProjection(), proposed(), repair_stream(REPAIR_ID)
    other = replaces(event, an_id("next"))
    assert projection.groups(other) == (repair_stream(an_id("next")), stream)
    state = projection.fold(projection.initial(stream), recorded(event, 1, OPERATOR), stream)
    (row,) = projection.rows(stream, projection.fold(state, other, stream))
    assert row[10] == "replaced"
    assert list(projection.rows(stream, projection.fold({}, other, stream))) == []


def replaces(event: RepairProposed, by: str) -> Recorded:
    other = RepairProposed(**{**event.to_data(), "repair": by, "replaces": event.repair})
    return replace(recorded(other, 1, OPERATOR), stream=repair_stream(by))
