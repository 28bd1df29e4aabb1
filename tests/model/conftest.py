"""The long run of the model is a Hypothesis profile, chosen on the command line before the tests are read."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile(
    "long", deadline=None, print_blob=True, max_examples=500, stateful_step_count=50, database=None, derandomize=False
)
