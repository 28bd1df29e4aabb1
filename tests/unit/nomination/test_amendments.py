"""Specs of amendments: the next version of a season's rules, which takes nothing away that is in use."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.decider import Decision, Refusal
from schemas.nomination import PlenaryDecided, RulebookAmended
from schemas.rulebook import Rulebook, rulebook_hash
from services.nomination.domain.amending import AmendRulebook, amend_rulebook
from services.nomination.domain.season import Season
from tests.unit.nomination.amended import Content, amended, body_in, office_in, with_title
from tests.unit.nomination.scene import (
    AT,
    BODY,
    ITEM,
    REASON,
    VOTING_OFFICES,
    Scene,
    accepted,
    convened,
    opened,
    person,
    refused,
    rulebook,
    seated,
)


def amend(scene: Scene, rules: Rulebook, season: str = "2020") -> Decision:
    return amend_rulebook(AmendRulebook(season, rules, REASON), scene.season(season))


def test_an_amendment_is_the_next_version_of_the_same_season():
    scene, rules = opened(), amended(with_title)
    (event,) = scene.given(amend(scene, rules))
    assert isinstance(event, RulebookAmended)
    assert (event.version, event.hash, event.reason_digest) == (2, rulebook_hash(rules), REASON)
    season = scene.season()
    assert isinstance(season, Season)
    assert season.rulebook == rules
    assert season.rulebooks[1] == rulebook()


def test_no_amendment_without_a_season():
    refused(amend(Scene(), amended(with_title)), "season-unknown", "season")


def test_an_amendment_is_of_the_same_season():
    other = amended(lambda content: content.update(season="2020-ulang"))
    refused(amend(opened(), other), "rulebook-of-another-season", "rulebook.season")


@pytest.mark.parametrize("version", [1, 3])
def test_an_amendment_is_the_version_after_the_present_one(version):
    refused(amend(opened(), amended(with_title, version)), "version-not-next", "rulebook.version")


def test_of_two_amendments_at_once_the_second_is_told_so():
    scene = opened()
    scene.given(amend(scene, amended(with_title)))
    refused(amend(scene, amended(lambda content: content["calendar"].update(zone="Asia/Makassar"))),
            "version-not-next", "rulebook.version")  # fmt: skip


def test_an_amendment_changes_something():
    refused(amend(opened(), amended()), "rulebook-unchanged", "rulebook")


def test_the_table_of_regions_stays():
    other = amended(lambda content: content["regions"].update(table="kemendagri-2025"))
    refused(amend(opened(), other), "region-table-changed", "rulebook.regions.table")


def _without(name: str, code: str) -> Callable[[Content], None]:
    return lambda content: content.update({name: [one for one in content[name] if one["code"] != code]})


def _no_stages_of(content):
    content["stages"] = [one for one in content["stages"] if one["category"] != "UMKM"]


def _hand_over(content):
    """Give the stage that regencies and cities enter to a body of its own."""
    content["bodies"].append({**body_in(content, BODY), "code": "panitia-baru"})
    _entry(content)["body"] = "panitia-baru"


def _past_the_desk(content):
    _entry(content)["next"] = {"tier": "national", "stage": "wawancara"}


def _entry(content: Content) -> Content:
    stages: list[Content] = content["stages"]
    return next(one for one in stages if (one["tier"], one["category"]) == ("provincial", ITEM.category))


def _no_ninth(content):
    body = body_in(content, BODY)
    body["offices"] = [one for one in body["offices"] if one["code"] != "anggota-kesembilan"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_without("categories", "UMKM"), "categories[UMKM]"),
        (_without("bodies", "dewan-juri"), "bodies[dewan-juri]"),
        (_no_stages_of, "stages[provincial/UMKM/seleksi]"),
        (_hand_over, "stages[provincial/KABKOTA/seleksi].body"),
        (_past_the_desk, "stages[provincial/KABKOTA/seleksi].next"),
        (lambda content: _entry(content).pop("next"), "stages[provincial/KABKOTA/seleksi].next"),
        (_no_ninth, f"bodies[{BODY}].offices[anggota-kesembilan]"),
        (lambda content: body_in(content, BODY).update(tier="national"), f"bodies[{BODY}].tier"),
        (
            lambda content: office_in(content, BODY, "ketua-spsi").update(role="clerk"),
            f"bodies[{BODY}].offices[ketua-spsi].role",
        ),
        (
            lambda content: office_in(content, BODY, "sekretaris-panitia").update(role="member"),
            f"bodies[{BODY}].offices[sekretaris-panitia].role",
        ),
    ],
)
def test_an_amendment_takes_nothing_away(change, told):
    refusal = refused(amend(opened(), amended(change)), "amendment-takes-away", "rulebook")
    assert told in (refusal.faults[0].value or "").split(", ")


def test_an_office_keeps_its_seats():
    more = amended(lambda content: office_in(content, BODY, "anggota-kesembilan").update(seats=2))
    scene = opened()
    scene.given(amend(scene, more))
    fewer = amended(lambda content: office_in(content, BODY, "anggota-kesembilan").update(seats=1), 3)
    refusal = refused(amend(scene, fewer), "amendment-takes-away", "rulebook")
    assert refusal.faults[0].value == f"bodies[{BODY}].offices[anggota-kesembilan].seats"


def test_what_is_added_can_be_used_at_once():
    def more_seats(content):
        office_in(content, BODY, "anggota-kesembilan")["seats"] = 2

    scene = seated()
    scene.given(scene.appoint("anggota-kesembilan", person("ninth")))
    refused(scene.appoint("anggota-kesembilan", person("tenth"), 2), "seat-unknown", "seat")
    scene.given(amend(scene, amended(more_seats)))
    scene.given(scene.appoint("anggota-kesembilan", person("tenth"), 2))


def with_two_more(content):
    """Add a second seat to an office and an office of its own; the body then has eleven seats and not nine."""
    office_in(content, BODY, "anggota-kesembilan")["seats"] = 2
    title = {"id": "Ketua Kadin", "en": "Chair of the chamber"}
    body_in(content, BODY)["offices"].append({"code": "ketua-kadin", "role": "member", "seats": 1, "title": title})


LATER_SEATS = (("anggota-kesembilan", 2), ("ketua-kadin", 1))


def joined_since_the_seal() -> Scene:
    """Return a meeting on a seal of version 1 in which two sit whose seats version 2 has added; all are present."""
    scene, _ = convened(1, 2, 3)
    scene.given(amend(scene, amended(with_two_more)))
    for office, seat in LATER_SEATS:
        scene.given(scene.appoint(office, person(office), seat))
    scene.all_attend([*VOTING_OFFICES, *(office for office, _ in LATER_SEATS)])
    scene.given(scene.table())
    scene.given(scene.move())
    return scene


@pytest.mark.parametrize(("office", "seat"), LATER_SEATS)
def test_who_sits_by_a_later_version_takes_no_part_in_a_motion_on_an_older_seal(office, seat):
    scene = joined_since_the_seal()
    refusal = refused(scene.vote(person(office)), "seat-of-later-rules", "actor")
    assert f"{office} {seat}" in refusal.detail.en
    assert "version 1" in refusal.detail.en


def test_seats_that_were_added_since_do_not_count_on_an_older_seal():
    scene = joined_since_the_seal()
    scene.all_vote()
    decided = scene.given(scene.decide())[0]
    assert isinstance(decided, PlenaryDecided)
    assert (decided.quorum.seats, decided.quorum.present, decided.rulebook_version) == (9, 8, 1)
    assert decided.tally.votes_for == 8


def test_who_sits_by_the_newest_version_votes_on_what_was_sealed_under_it():
    scene = joined_since_the_seal()
    ids = list(scene.nominations())
    season = scene.season()
    assert isinstance(season, Season)
    scene.supersede(scene.last(AT.ranking).id)
    ranks = [(id_, rank) for rank, id_ in enumerate(ids, start=1)]
    scene.seal(ranks, rulebook_version=2, rulebook_hash=season.hashes[2])
    scene.given(scene.table())
    scene.given(scene.move())
    for office, _ in LATER_SEATS:
        accepted(scene.vote(person(office), motion=2))


@st.composite
def _changes(draw):
    """Return a change of any bodies, offices and seats, categories and stages, taken away or added."""
    dropped = draw(st.sets(st.sampled_from(["bodies", "categories", "stages", "offices"])))
    picks = draw(st.lists(st.integers(0, 30), min_size=4, max_size=4))
    seats = draw(st.integers(-1, 2))

    def change(content):
        for name, pick in zip(("bodies", "categories", "stages"), picks, strict=False):
            if name in dropped and len(content[name]) > 1:
                del content[name][pick % len(content[name])]
        body = content["bodies"][picks[3] % len(content["bodies"])]
        office = body["offices"][picks[0] % len(body["offices"])]
        office["seats"] = max(1, office["seats"] + seats)
        if "offices" in dropped and len(body["offices"]) > 1:
            body["offices"].remove(office)

    return change


@settings(max_examples=60)
@given(_changes())
def test_whatever_is_accepted_every_body_office_and_seat_is_still_there(change):
    scene, rules = opened(), amended(change)
    if isinstance(amend(scene, rules), Refusal):
        return
    for body in rulebook().bodies:
        for office in body.offices:
            assert rules.body(body.code).office(office.code).seats >= office.seats
    after = {stage.id: (stage.body, stage.next) for stage in rules.stages}
    assert {stage.id: (stage.body, stage.next) for stage in rulebook().stages}.items() <= after.items()
