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
from services.notifications.domain.intents import EVENT_OF, Recipients, intents_of, message_id, notice_of
from tests.unit.audit.exported import MEMBER, NOMINATION, PERSON, nominated

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


KNOWN = {NOMINATION: Recipients(PERSON, MEMBER)}


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
    intents, missing = intents_of(notice_of(happened(event)), KNOWN)
    assert [(intent.person, intent.role) for intent in intents] == [(PERSON, "nominating-body"), (MEMBER, "contact")]
    assert {intent.notice.template for intent in intents} == {template}
    assert EVENT_OF[template] == type(event).__name__
    assert missing == []


def test_a_person_in_both_roles_is_told_once():
    intents, _ = intents_of(notice_of(happened(nominated())), {NOMINATION: Recipients(PERSON, PERSON)})
    assert [(intent.person, intent.role) for intent in intents] == [(PERSON, "both")]


def test_a_person_of_several_announced_nominations_is_told_once():
    known = {NOMINATION: Recipients(PERSON, MEMBER), OTHER: Recipients(PERSON, PERSON)}
    intents, _ = intents_of(notice_of(happened(announced(NOMINATION, OTHER))), known)
    assert [(intent.person, intent.role) for intent in intents] == [(PERSON, "both"), (MEMBER, "contact")]


def test_what_is_not_known_yet_is_named_and_the_others_are_told():
    intents, missing = intents_of(notice_of(happened(announced(OTHER, NOMINATION))), KNOWN)
    assert missing == [OTHER]
    assert len(intents) == 2


def test_message_ids_are_stable_and_of_their_own():
    assert message_id(CAUSE, PERSON, "nominated") == UUID("adb97069-d144-59d0-8ebe-3d0e1e562b23")
    every = itertools.product((CAUSE, OTHER), (PERSON, MEMBER), EVENT_OF)
    assert len({message_id(*one) for one in every}) == 2 * 2 * 4


@pytest.mark.parametrize("event", [nominated(), advanced(), eliminated(), announced(NOMINATION)])
def test_params_hold_codes_and_no_name(event):
    notice = notice_of(happened(event))
    text = orjson.dumps(notice.params).decode()
    assert "Bone Bolango" not in text
    assert PERSON not in text
    assert MEMBER not in text
    assert notice.season == "2020"
    assert notice.recorded == NOW


def test_sample_data_stays_marked():
    assert notice_of(happened(eliminated())).sample
    assert not notice_of(happened(advanced())).sample


@given(st.lists(st.sampled_from([NOMINATION, OTHER, PLENARY, CAUSE]), min_size=1, max_size=8), st.data())
def test_everybody_concerned_is_told_exactly_once_whatever_is_known(about, data):
    persons = st.sampled_from([PERSON, MEMBER, OTHER])
    known = {
        one: Recipients(data.draw(persons), data.draw(persons)) for one in data.draw(st.sets(st.sampled_from(about)))
    }
    intents, missing = intents_of(notice_of(happened(announced(*about))), known)
    told = [intent.person for intent in intents]
    assert sorted(told) == sorted({person for one in about if one in known for person in known[one]})
    assert set(missing) == set(about) - set(known)
    assert len({intent.message_id for intent in intents}) == len(intents)
