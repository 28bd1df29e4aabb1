"""Who is told of which event: the nominating body's person and the nominee's contact, each once, in codes only."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.decider import Happened
from schemas.envelope import Stage
from schemas.nomination import Announced, NominationEliminated, RankingAnnounced, StageAdvanced
from services.notifications.domain.intents import Intent, Told, intents_of, message_id
from services.notifications.domain.known import Known, Nominee
from services.notifications.domain.telling import notices_of
from services.notifications.domain.templates import RULES
from tests.unit.audit.exported import MEMBER, NOMINATION, PERSON, nominated
from tests.unit.notifications.given import rulebook

DESK = Stage(season="2020", tier="provincial", province="75", category="KABKOTA", stage="desk")
NATIONAL = Stage(season="2020", tier="national", province="00", category="KABKOTA", stage="verification")
OTHER = "018f0000-0000-7000-8000-000000000002"
CAUSE = "018f0000-0000-7000-8000-0000000000ff"
NOW = datetime(2021, 3, 1, tzinfo=UTC)
PLENARY = "018f0000-0000-7000-8000-0000000000aa"


def happened(event) -> Happened:
    return Happened(event=event, id=CAUSE, stream="any/one", version=1, time=NOW)


def advanced() -> StageAdvanced:
    return StageAdvanced(
        nomination=NOMINATION, left=DESK, reached=NATIONAL, rank=1, plenary=PLENARY, motion=1, seal=PLENARY
    )


def eliminated() -> NominationEliminated:
    return NominationEliminated(
        nomination=NOMINATION, at=DESK, reason="unrankable", plenary=PLENARY, motion=1, seal=PLENARY, sample=True
    )


def announced(*nominations: str) -> RankingAnnounced:
    lines = tuple(
        Announced(nomination=one, candidate="Kabupaten Bone Bolango", rank=rank, outcome="advanced")
        for rank, one in enumerate(nominations, start=1)
    )
    return RankingAnnounced(at=DESK, plenary=PLENARY, motion=1, seal=PLENARY, digest="0" * 64, lines=lines)


def nominee(nomination: str = NOMINATION, *, by: str = PERSON, contact: str = MEMBER) -> Nominee:
    return Nominee(nomination, by, contact, "Kabupaten Bone Bolango", "2020", "75", DESK.ranking, NOW)


def known(*nominees: Nominee) -> Known:
    return Known(rulebooks={"2020": rulebook()}, nominees={one.nomination: one for one in nominees})


def told(event, knows: Known) -> Told:
    (notice,) = notices_of(happened(event), knows)
    return intents_of(notice, knows)


def persons(intents: tuple[Intent, ...]) -> list[str]:
    return [intent.person for intent in intents]


@pytest.mark.parametrize(
    ("event", "template"),
    [
        (nominated(), "nominated"),
        (advanced(), "advanced"),
        (eliminated(), "eliminated"),
        (announced(NOMINATION), "announced"),
    ],
)
def test_both_persons_are_told_once_of_each_event(event, template):
    found = told(event, known(nominee()))
    assert persons(found.intents) == [PERSON, MEMBER]
    assert {intent.notice.template for intent in found.intents} == {template}
    assert RULES[template].event == type(event).__name__
    assert found.waits == ()


def test_a_person_in_both_roles_is_told_once():
    assert persons(told(nominated(), known(nominee(contact=PERSON))).intents) == [PERSON]


def test_a_person_of_several_announced_nominations_is_told_once():
    knows = known(nominee(), nominee(OTHER, by=PERSON, contact=PERSON))
    assert persons(told(announced(NOMINATION, OTHER), knows).intents) == [PERSON, MEMBER]


def test_what_is_not_known_yet_is_waited_for_and_the_others_are_told():
    found = told(announced(OTHER, NOMINATION), known(nominee()))
    assert [needs for needs, _ in found.waits] == [f"nomination/{OTHER}"]
    assert len(found.intents) == 2
    ((_, later),) = found.waits
    assert later.about == (OTHER,)
    assert later.document() == type(later).of(orjson.loads(orjson.dumps(later.document()))).document()


def test_without_its_rulebook_nobody_is_told_yet():
    found = told(nominated(), Known(nominees={NOMINATION: nominee()}))
    assert found.intents == ()
    assert [needs for needs, _ in found.waits] == ["season/2020"]


def test_message_ids_are_stable_and_of_their_own():
    assert message_id(CAUSE, PERSON, "nominated") == UUID("adb97069-d144-59d0-8ebe-3d0e1e562b23")
    every = itertools.product((CAUSE, OTHER), (PERSON, MEMBER), RULES)
    assert len({message_id(*one) for one in every}) == 2 * 2 * len(RULES)


@pytest.mark.parametrize("event", [nominated(), advanced(), eliminated(), announced(NOMINATION)])
def test_params_hold_codes_and_no_name(event):
    (notice,) = notices_of(happened(event), known(nominee()))
    text = orjson.dumps(notice.params).decode()
    assert "Bone Bolango" not in text
    assert PERSON not in text
    assert MEMBER not in text
    assert notice.season == "2020"
    assert notice.recorded == NOW


def test_sample_data_stays_marked():
    assert notices_of(happened(eliminated()), known(nominee()))[0].sample
    assert not notices_of(happened(advanced()), known(nominee()))[0].sample


@given(st.lists(st.sampled_from([NOMINATION, OTHER, PLENARY, CAUSE]), min_size=1, max_size=8), st.data())
def test_everybody_concerned_is_told_exactly_once_whatever_is_known(about, data):
    people = st.sampled_from([PERSON, MEMBER, OTHER])
    knows = known(
        *(
            nominee(one, by=data.draw(people), contact=data.draw(people))
            for one in data.draw(st.sets(st.sampled_from(about)))
        )
    )
    found = told(announced(*about), knows)
    concerned = (knows.nominees[one] for one in about if one in knows.nominees)
    assert sorted(persons(found.intents)) == sorted({p for one in concerned for p in (one.nominated_by, one.contact)})
    assert {needs for needs, _ in found.waits} == {f"nomination/{one}" for one in set(about) - knows.nominees.keys()}
    assert len({intent.message_id for intent in found.intents}) == len(found.intents)
