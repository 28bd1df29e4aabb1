"""Five rounds of `make crash`: a whole stack, killed in part under load, shows nothing of it afterwards."""

from __future__ import annotations

import random
import secrets
from itertools import islice

import pytest

from schemas.topics import SERVICES
from tests.crash.harness import DECIDING, OTHERS, STORES, Blow, blows, crash, say


@pytest.mark.timeout(1200)
async def test_five_rounds_lose_nothing_double_nothing_and_keep_the_order() -> None:
    outcome = await crash(5, secrets.randbelow(1_000_000), say)
    say(outcome.line)
    assert outcome.findings == [], outcome.line
    assert outcome.history.count("unknown") == 0
    assert outcome.history.count("accepted") > 100
    assert outcome.report.counted["mails"] > 10


def test_five_blows_hit_everything_there_is_to_hit_and_follow_from_the_seed() -> None:
    for seed in range(50):
        five = list(islice(blows(random.Random(seed)), 5))
        assert five == list(islice(blows(random.Random(seed)), 5))
        single = {blow.victims for blow in five if not blow.stopped}
        assert {("kafka",), ("postgresql",)} <= single
        for group in (DECIDING, OTHERS):
            assert any((victim,) in single for victim in group)
        assert any(blow.stopped or len(blow.victims) == 2 for blow in five)
        assert all(set(blow.victims) <= {*SERVICES, *OTHERS, *STORES} for blow in five)
    assert str(Blow(("kafka", "audit"), 1.0)) == "kill kafka and audit"
