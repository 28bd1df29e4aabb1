"""A short `make crash FACTS=n`: consumers killed while they ingest lose nothing and double nothing."""

from __future__ import annotations

import secrets

import pytest

from tests.crash.facts import crash_ingest
from tests.crash.harness import say


@pytest.mark.timeout(400)
async def test_two_killed_consumers_lose_nothing_and_double_nothing() -> None:
    outcome = await crash_ingest(60_000, 2, secrets.randbelow(1_000_000), say)
    say(outcome.line)
    assert outcome.findings == [], outcome.line
    assert outcome.kills > 0, "every kill came when all was taken already"
    assert outcome.told.poison > 200
    assert outcome.told.records > outcome.told.facts + outcome.told.poison
