"""Specs of who is named in what is read of a meeting."""

from __future__ import annotations

from services.nomination.api.naming import persons_in
from tests.unit.nomination.scene import person


def test_everybody_under_an_id_is_found_however_deep():
    quorum = {"seats": 9, "present": 7, "recused": [person("recused")]}
    motion = {"votes": [{"person": person("voter"), "vote": "for"}], "decision": {"quorum": quorum}, "counts": []}
    document = {"members": [{"person": person("member")}], "items": [{"motions": [motion]}], "adjourned": None}
    assert persons_in(document) == {person("member"), person("voter"), person("recused")}


def test_recused_seats_of_a_checklist_are_found_by_their_holders():
    document = {"items": [{"quorum": {"recused": [{"person": person("seated"), "office": "anggota", "seat": 1}]}}]}
    assert persons_in(document) == {person("seated")}


def test_who_is_no_person_is_not_named():
    assert (
        persons_in({"nomination": person("nomination"), "candidates": {person("nomination"): {"code": "75"}}}) == set()
    )
