"""Who holds a role of identity's is told of what concerns it: a secretariat of its own, a publisher of its figures."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.nomination import (
    CandidateNominated,
    DeadlineExtended,
    FigureDisputed,
    NominationVerified,
    RulebookAmended,
    SeasonFrozen,
    SeasonOpened,
)
from schemas.rulebook import Notice as Listed
from schemas.rulebook import rulebook_content, rulebook_hash
from schemas.scoring import FactsReported
from services.notifications.domain.calls import Call, Holder, calls_of, intents_of_call
from services.notifications.domain.intents import Intent, intents_of
from services.notifications.domain.known import Known, Nominee
from services.notifications.domain.telling import learn, notices_of
from services.notifications.texts import LOCALES, Contents, write_letter
from tests.unit.notifications.given import rulebook
from tests.unit.notifications.test_telling import (
    BODY,
    CANDIDATE,
    CAUSE,
    CHAIR,
    CLERK,
    CONTACT_A,
    DESK,
    EVENTS,
    MEMBER,
    NO_HASH,
    NOW,
    OTHER_CAUSE,
    A,
    B,
    happened,
    knowing,
)

PROVINCE, CITY, ELSEWHERE, PAPUA, PUBLISHER, OTHER_PUBLISHER = (
    f"018f0000-0000-7000-8000-0000000000c{number}" for number in range(6)
)
HOLDERS = [
    Holder(PROVINCE, "75"),
    Holder(CITY, "75.71"),
    Holder(ELSEWHERE, "13"),
    Holder(PAPUA, "91"),
    Holder(PUBLISHER, "bpjs.coverage"),
    Holder(OTHER_PUBLISHER, "bpjs.contributions.v1"),
]
OPENED = SeasonOpened(season="2020", title="Paritrana", rulebook_version=1, rulebook_hash=NO_HASH)
AMENDED = RulebookAmended(
    season="2020", version=2, hash=rulebook_hash(rulebook()), content=rulebook_content(rulebook()),
    reason_digest=NO_HASH,
)  # fmt: skip
DISPUTED = FigureDisputed(nomination=A, aspect="kinerja", measure=rulebook().measures[0].code, reason_digest=NO_HASH)
EXTENDED: dict[str, Any] = {"season": "2020", "window": "nomination", "until": NOW, "reason_digest": NO_HASH}


def knowing_bodies() -> Known:
    """What `knowing` knows: one nominee of the province, one of a city in it."""
    known = knowing()
    known.nominees[A] = with_body(known, A, "75")
    known.nominees[B] = with_body(known, B, "75.71")
    return known


def with_body(known: Known, nomination: str, body: str, kind: str = "regency") -> Nominee:
    return replace(known.nominees[nomination], body=body, kind=kind)


def called(event: Any, known: Known | None = None) -> list[Intent]:
    """Return what an event sends to those whom only identity knows; the calls go through their table."""
    known = known or knowing_bodies()
    notices = notices_of(happened(event), known)
    learn(happened(event), known)
    calls = [Call.of(orjson.loads(orjson.dumps(each.document()))) for one in notices for each in calls_of(one, known)]
    assert len({call.id for call in calls}) == len(calls)
    return [intent for call in calls for intent in intents_of_call(call, _holders(call))]


def _holders(call: Call) -> list[Holder]:
    return [holder for holder in HOLDERS if holder.place.startswith("bpjs") is (call.role == "publisher")]


def told(event: Any, known: Known | None = None) -> dict[str, set[str]]:
    """Return whom an event reaches by a role, by template."""
    found: dict[str, set[str]] = {}
    for intent in called(event, known):
        found.setdefault(intent.notice.template, set()).add(intent.person)
    return found


SECRETARIATS = {PROVINCE, CITY, ELSEWHERE, PAPUA}


@pytest.mark.parametrize(
    ("event", "whom"),
    [
        (OPENED, {"season-opened": SECRETARIATS}),
        (AMENDED, {"rulebook-amended": SECRETARIATS}),
        (DeadlineExtended(**EXTENDED), {"nominations-extended": SECRETARIATS}),
        (DeadlineExtended(**EXTENDED, province="75"), {"nominations-extended": {PROVINCE, CITY}}),
        (
            SeasonFrozen(season="2020", first=CAUSE, second=OTHER_CAUSE, reason_digest=NO_HASH),
            {"season-frozen": SECRETARIATS},
        ),
        (DISPUTED, {"disputed": {PROVINCE}, "dispute-filed": {PUBLISHER}}),
        (NominationVerified(nomination=B, at=DESK, verifier=MEMBER, office="kepala-bps"), {"verified": {CITY}}),
    ],
)
def test_whom_a_role_tells(event: Any, whom: dict[str, set[str]]):
    assert told(event) == whom


def test_an_employers_figures_come_from_another_publisher():
    known = knowing_bodies()
    known.nominees[A] = with_body(known, A, "75", "employer")
    assert told(DISPUTED, known)["dispute-filed"] == {OTHER_PUBLISHER}


def test_an_amended_rulebook_is_told_to_the_bodies_too():
    known = knowing_bodies()
    (notice,) = notices_of(happened(AMENDED), known)
    assert {one.person for one in intents_of(notice, known).intents} == {CHAIR, MEMBER, CLERK}


def test_a_season_that_opens_is_told_when_its_rules_are_here():
    known = Known()
    (notice,) = notices_of(happened(OPENED), known)
    assert calls_of(notice, known) == []
    assert [needs for needs, _ in intents_of(notice, known).waits] == ["season/2020"]
    known.rulebooks["2020"] = rulebook()
    assert len(calls_of(notice, known)) == 1


def test_a_dispute_of_a_nominee_that_is_not_here_waits_for_it():
    known = Known(rulebooks={"2020": rulebook()})
    for notice in notices_of(happened(DISPUTED), known):
        assert calls_of(notice, known) == []
        ((needs, later),) = intents_of(notice, known).waits
        assert needs == f"nomination/{A}"
        assert len(calls_of(later, knowing_bodies())) == 1


def test_who_holds_the_role_in_another_season_is_not_told():
    (notice,) = notices_of(happened(OPENED), knowing())
    (call,) = calls_of(notice, knowing())
    holders = [Holder(PROVINCE, "75", "2019"), Holder(CITY, "75.71", "2020")]
    assert [intent.person for intent in intents_of_call(call, holders)] == [CITY]


def test_a_secretariat_reads_of_its_own_nominees_only():
    frozen = next(event for event, template, _ in EVENTS if template == "stage-frozen")
    assert {intent.person: intent.nominations for intent in called(frozen)} == {PROVINCE: (A,), CITY: (B,)}


def test_who_nominated_and_is_of_the_secretariat_has_one_message():
    known = knowing_bodies()
    event = NominationVerified(nomination=A, at=DESK, verifier=MEMBER, office="kepala-bps")
    (notice,) = notices_of(happened(event), known)
    (call,) = calls_of(notice, known)
    by_event = {intent.person: intent for intent in intents_of(notice, known).intents}
    (by_role,) = intents_of_call(call, [Holder(BODY, "75")])
    assert by_role.message_id == by_event[BODY].message_id
    assert (by_role.params, by_role.nominations) == (by_event[BODY].params, by_event[BODY].nominations)


def test_a_rulebook_that_tells_the_contact_only_tells_no_secretariat():
    known = knowing_bodies()
    listed = (Listed(event="NominationVerified", to=("contact",), assumed=True),)
    known.rulebooks["2020"] = rulebook().model_copy(update={"notices": listed})
    assert told(NominationVerified(nomination=A, at=DESK, verifier=MEMBER, office="kepala-bps"), known) == {}


def test_a_nominee_that_comes_late_is_told_of_to_its_own_secretariat_and_not_again_to_all():
    known = knowing_bodies()
    (notice,) = notices_of(happened(DeadlineExtended(**EXTENDED)), known)
    first = calls_of(notice, known)
    arrived = CandidateNominated(
        nomination=OTHER_CAUSE, entry=DESK, candidate=CANDIDATE, nominating_body="75.71", nominated_by=BODY,
        contact=CONTACT_A,
    )  # fmt: skip
    learn(happened(arrived, time=NOW - timedelta(hours=1)), known)
    late = replace(notice, about=(OTHER_CAUSE,), bodies=(), nominees_only=True)
    (call,) = calls_of(late, known)
    assert call.bodies == ((OTHER_CAUSE, "75.71"),)
    assert call.id not in {one.id for one in first}


@pytest.mark.parametrize("locale", LOCALES)
def test_each_government_reads_the_window_by_its_own_clock(locale: str):
    known = knowing()
    read = {intent.person: letter(intent, known, locale) for intent in called(OPENED, known)}
    assert "WITA" in read[PROVINCE]
    assert "WIB" not in read[PROVINCE]
    assert "WIB" in read[ELSEWHERE]
    assert "WIT" in read[PAPUA]
    extended = {one.person: letter(one, known, locale) for one in called(DeadlineExtended(**EXTENDED), known)}
    assert {person: re_zone(text) for person, text in extended.items()} == {
        PROVINCE: "WITA", CITY: "WITA", ELSEWHERE: "WIB", PAPUA: "WIT",
    }  # fmt: skip


def test_who_speaks_for_governments_of_two_zones_reads_both_windows():
    (notice,) = notices_of(happened(OPENED), knowing())
    (call,) = calls_of(notice, knowing())
    (intent,) = intents_of_call(call, [Holder(PROVINCE, "75"), Holder(PROVINCE, "13.71")])
    text = letter(intent, knowing(), "id")
    assert "provinsi Gorontalo" in text
    assert "provinsi Sumatera Barat" in text


def re_zone(text: str) -> str:
    return next(zone for zone in ("WITA", "WIB", "WIT") if zone in text)


def letter(intent: Intent, known: Known, locale: Any) -> str:
    names = {one: known.nominees[one].candidate for one in intent.nominations}
    notice = intent.notice
    said = Contents(
        notice.template, intent.params, intent.nominations, names, notice.sample, notice.recorded, intent.message_id
    )
    return write_letter(said, rulebook(), locale).body


_PLACES = st.sampled_from(["75", "75.71", "75.03", "13", "13.71"])
_PEOPLE = st.sampled_from([PROVINCE, CITY, ELSEWHERE, PAPUA])


@given(
    st.dictionaries(st.sampled_from([A, B, OTHER_CAUSE]), _PLACES, min_size=1),
    st.lists(st.tuples(_PEOPLE, _PLACES), max_size=8),
)
def test_whatever_is_held_each_is_told_once_and_of_own_nominees_only(bodies: dict[str, str], held: Any):
    (notice,) = notices_of(happened(OPENED), knowing())
    call = Call(notice, "2020", "secretariat", tuple(bodies.items()))
    intents = intents_of_call(call, [Holder(*one) for one in held])
    assert len({intent.person for intent in intents}) == len(intents)
    for intent in intents:
        mine = {place for person, place in held if person == intent.person}
        assert set(intent.nominations) == {one for one, body in bodies.items() if body in mine}
        assert intent.nominations
    assert {one.person for one in intents} == {person for person, place in held if place in bodies.values()}


def test_a_secretariat_of_a_province_that_the_season_does_not_know_is_told_of_nothing():
    (notice,) = notices_of(happened(OPENED), knowing())
    holders = [Holder(PROVINCE, "75"), Holder(CITY, "96"), Holder(PAPUA, "00")]
    (call,) = calls_of(notice, knowing())
    assert {intent.person for intent in intents_of_call(call, holders)} == {PROVINCE, PAPUA}
    younger = knowing()
    younger.rulebooks["2020"] = rulebook("2025")
    (call,) = calls_of(notice, younger)
    assert {intent.person for intent in intents_of_call(call, holders)} == {PROVINCE, CITY, PAPUA}


# --- a day of facts ------------------------------------------------------------------------------------------------


def reported(topic: str = "bpjs.coverage.v1", **told_: Any) -> FactsReported:
    counts = dict.fromkeys(("records", "applied", "duplicates", "refused"), 0)
    return FactsReported.model_validate({"topic": topic, "day": "2021-04-20", **counts, **told_})


REFUSED: dict[str, Any] = {
    "records": 3,
    "refused": 3,
    "publishers": [
        {"publisher": "sipp", "reasons": [{"reason": "used-id", "count": 2}]},
        {"reasons": [{"reason": "not-json", "count": 1}]},
    ],
    "first_refused": [{"partition": 3, "offset": 17, "reason": "used-id"}],
}
MISSING: dict[str, Any] = {"missing": [{"season": "2025", "employers": 1, "months": 2, "unregistered": 0}]}
OF_FIGURE = {"dispute": {"stream": f"nomination/{A}", "version": 2}, "season": "2025", "candidate": "NPP-1"}
IN_DISPUTE: dict[str, Any] = {"disputed": [{**OF_FIGURE, "aspect": "kinerja", "measure": "kepatuhan-iuran"}]}


@pytest.mark.parametrize("told_", [REFUSED, MISSING, IN_DISPUTE])
def test_a_report_is_told_to_the_publishers_of_its_topic_in_whatever_season(told_: dict[str, Any]):
    for topic, publisher in (("bpjs.coverage.v1", PUBLISHER), ("bpjs.contributions.v1", OTHER_PUBLISHER)):
        (intent,) = called(reported(topic, **told_), Known())
        assert (intent.person, intent.season, intent.nominations) == (publisher, None, ())
    (notice,) = notices_of(happened(reported(**told_)), Known())
    (call,) = calls_of(notice, Known())
    assert [one.person for one in intents_of_call(call, [Holder(CITY, "bpjs.coverage", "2019")])] == [CITY]
    assert intents_of(notice, Known()).waits == ()


def test_a_day_that_asks_nothing_of_anybody_is_told_to_nobody():
    assert notices_of(happened(reported(records=5, applied=5)), Known()) == []


@pytest.mark.parametrize(
    ("locale", "sentences"),
    [
        ("en", ("20 April 2021", "- sipp: used-id 2", "bpjs.coverage.v1/3/17 (used-id)", "1 employer with months")),
        ("id", ("20 April 2021", "- sipp: used-id 2", "(2 bulan)", "musim 2025, NPP-1: aspek kinerja", "keberatan")),
    ],
)
def test_a_report_says_what_is_to_be_done_and_only_of_what_there_is(locale: Any, sentences: tuple[str, ...]):
    every = reported(**REFUSED, **MISSING, **IN_DISPUTE)
    text = letter_of_no_season(every, locale)
    assert all(sentence in text for sentence in sentences)
    paths = ("/v1/facts/report?day=2021-04-20", "/v1/facts/missing?day=2021-04-20", "/v1/disputes")
    assert all(path in text for path in paths)
    for part, path in zip((REFUSED, MISSING, IN_DISPUTE), paths, strict=True):
        alone = letter_of_no_season(reported(**part), locale)
        assert [one for one in paths if one in alone] == [path]
        assert "None" not in alone


def test_a_report_counts_each_refused_message_once_and_names_the_days_on_which_they_lie():
    days = [{"day": "2021-04-18", "count": 1}, {"day": "2021-04-20", "count": 2}]
    text = letter_of_no_season(reported(**REFUSED | {"refused": 25, "refused_days": days}), "id")
    assert "3 pesan ditolak" in text
    assert "25" not in text
    links = [line for line in text.splitlines() if "/v1/facts/report" in line]
    assert links == [
        "- 1 pesan ditolak: GET /v1/facts/report?day=2021-04-18",
        "- 2 pesan ditolak: GET /v1/facts/report?day=2021-04-20",
    ]


def test_a_day_on_which_refused_messages_were_only_read_again_is_told_to_nobody():
    assert notices_of(happened(reported(records=3, refused=3, refused_days=[])), Known()) == []


def letter_of_no_season(event: FactsReported, locale: Any) -> str:
    (intent,) = called(event, Known())
    notice = intent.notice
    said = Contents(notice.template, intent.params, (), {}, notice.sample, notice.recorded, intent.message_id)
    written = write_letter(said, None, locale)
    return f"{written.subject}\n{written.body}"


def test_what_is_of_a_season_cannot_be_written_without_one():
    said = Contents("season-frozen", {}, (), {}, sample=False, recorded=NOW, message=UUID(int=1))
    with pytest.raises((LookupError, KeyError)):
        write_letter(said, None, "id")
