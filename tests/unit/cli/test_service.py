"""How a service's refusal becomes one line: what it says and what to send instead."""

from __future__ import annotations

from cli.service import told_of

FROZEN = {
    "type": "/problems/season-frozen",
    "title": "Aturan tidak mengizinkan ini",
    "detail": "Musim 2020 sedang dibekukan.",
    "errors": [{"field": "season", "remedy": "Hubungi administrator musim."}],
}


def test_a_refusal_says_why_before_what_to_do():
    said = "Aturan tidak mengizinkan ini: Musim 2020 sedang dibekukan. Hubungi administrator musim."
    assert told_of(FROZEN, 409) == said


def test_fields_that_are_not_well_formed_are_named():
    problem = {
        "type": "/problems/invalid-request",
        "title": "Some fields must be changed",
        "detail": "See `errors` for each field and what to send.",
        "errors": [
            {"field": "body.reason", "remedy": "Send at least 1 characters."},
            {"field": "body.until", "remedy": "Send an instant."},
        ],
    }
    assert told_of(problem, 422) == (
        "Some fields must be changed: body.reason: Send at least 1 characters.; body.until: Send an instant."
    )


def test_what_has_no_remedy_is_told_by_its_detail_or_its_status():
    assert told_of({"title": "Away", "detail": "Ask again."}, 503) == "Away: Ask again."
    assert told_of({}, 503) == "refused: 503"
    bare = {"title": "No list", "errors": [{"field": "J1", "remedy": "Remove the column."}]}
    assert told_of(bare, 422) == "No list: J1: Remove the column."
