"""What a person may choose, and what each change leaves behind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.decider import Happened, Refusal
from schemas.notifications import NotificationDelivered
from services.notifications.domain.subscription import (
    DELIVERIES,
    Choose,
    Deliveries,
    GiveUp,
    Rotate,
    Subscription,
    decide,
)
from services.notifications.domain.templates import GROUPS, LEGAL
from tests.unit.audit.exported import PERSON

NOW = datetime(2026, 5, 1, tzinfo=UTC)
A, B, C = "a" * 64, "b" * 64, "c" * 64
ALL_MAIL: dict[Any, Any] = dict.fromkeys(GROUPS, "mail")


def chosen(webhook: str | None = None, *, kept: Any = False, **channels: Any) -> Choose:
    return Choose(PERSON, ALL_MAIL | channels, "Asia/Jakarta", webhook, kept)


def after(*commands: Choose | Rotate | GiveUp) -> Subscription:
    state = Deliveries()
    for command in commands:
        decision = decide(state.subscription, command)
        assert not isinstance(decision, Refusal), decision
        for emit in decision:
            assert emit.stream == f"delivery/{PERSON}"
            state = DELIVERIES.evolve(state, Happened(emit.event, PERSON, emit.stream, 1, NOW))
    return state.subscription


def refused(state: Subscription, command: Choose | Rotate | GiveUp) -> Refusal:
    decision = decide(state, command)
    assert isinstance(decision, Refusal)
    assert decision.detail.en
    assert decision.detail.id
    return decision


def test_who_chose_nothing_is_written_to_by_mail():
    assert Subscription().channels == ALL_MAIL


@pytest.mark.parametrize("group", sorted(LEGAL))
def test_legal_notices_cannot_be_switched_off(group):
    refusal = refused(Subscription(), chosen(**{group: "none"}))
    assert (refusal.code, refusal.status, refusal.faults[0].path) == ("legal-notice", 422, f"channels.{group}")


@pytest.mark.parametrize("group", sorted(LEGAL))
@pytest.mark.parametrize("channel", ["mail", "webhook", "digest"])
def test_legal_notices_can_be_moved_to_another_channel(group, channel):
    assert after(chosen(A, **{group: channel})).channels[group] == channel


def test_a_webhook_is_needed_for_the_channel():
    refusal = refused(Subscription(), chosen(steps="webhook"))
    assert (refusal.code, refusal.status, refusal.faults[0].path) == ("webhook-missing", 422, "channels.steps")


def test_a_secret_cannot_be_replaced_without_a_webhook():
    assert refused(Subscription(), Rotate(PERSON, None, B, NOW)).code == "no-webhook"


def test_a_choice_that_rests_on_a_webhook_that_was_changed_meanwhile_is_refused():
    state = after(chosen(A))
    assert refused(state, chosen(B, kept=True)).code == "subscription-changed"
    assert refused(state, Rotate(PERSON, B, C, NOW)).code == "subscription-changed"


def test_the_same_choice_again_changes_nothing():
    state = after(chosen(A, steps="webhook"))
    assert decide(state, chosen(A, kept=True, steps="webhook")) == []
    assert decide(Subscription(), chosen()) == []


def test_after_a_rotation_both_secrets_are_valid_for_a_day():
    state = after(chosen(A), Rotate(PERSON, A, B, NOW))
    assert (state.webhook, state.previous, state.previous_until) == (B, A, NOW + timedelta(hours=24))
    # A choice in between keeps both; another URL begins with its own secret only.
    assert after(chosen(A), Rotate(PERSON, A, B, NOW), chosen(B, kept=True, steps="digest")).previous == A
    assert after(chosen(A), Rotate(PERSON, A, B, NOW), chosen(C)).previous is None


def test_a_webhook_that_is_gone_leaves_mail_in_its_place_and_the_rest_as_chosen():
    state = after(chosen(A, steps="webhook", results="webhook", meetings="digest"), GiveUp(PERSON, A))
    assert state.webhook is None
    assert state.channels == ALL_MAIL | {"meetings": "digest"}


def test_an_old_webhooks_end_does_not_end_the_new_one():
    assert decide(after(chosen(A, steps="webhook"), chosen(B, steps="webhook")), GiveUp(PERSON, A)) == []


def test_deliveries_are_remembered_by_their_ids():
    event = NotificationDelivered(
        person=PERSON, cause=PERSON, channel="digest", template="nominated", message_id="<1@x>", digest=A
    )
    state = DELIVERIES.evolve(Deliveries(), Happened(event, PERSON, f"delivery/{PERSON}", 1, NOW))
    assert state.concluded == {"<1@x>"}
    assert state.subscription == Subscription()


@given(
    st.lists(st.fixed_dictionaries({group: st.sampled_from(["mail", "webhook", "digest", "none"]) for group in GROUPS}))
)
def test_no_sequence_of_choices_switches_a_legal_notice_off(choices):
    state = Deliveries()
    for channels in choices:
        decision = decide(state.subscription, Choose(PERSON, channels, "Asia/Jayapura", A))
        if not isinstance(decision, Refusal):
            for emit in decision:
                state = DELIVERIES.evolve(state, Happened(emit.event, PERSON, emit.stream, 1, NOW))
    assert all(state.subscription.channels[group] != "none" for group in LEGAL)
