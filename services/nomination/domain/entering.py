"""Entering a stage: nobody does whom nobody could score there any more.

Who comes after scoring is in no seal, so that no meeting can decide on it: it would compete for ever. Therefore
whoever comes into the first stage of a path meets the same check, in time or from a list, filed late or admitted by a
plenary. It rests on the stage's ranking as this service received it, whose stream is guarded: of an entry and a seal
that come at the same moment one is first. An entry that was first and that the seal left out has the ranking sealed
anew (`seal`).
"""

from __future__ import annotations

from datetime import datetime

from schemas.envelope import Stage
from schemas.rulebook import Rulebook
from services.nomination.domain.local_time import told
from services.nomination.domain.ranking import Ranking
from services.nomination.domain.refusals import refuse


def check_enterable(at: Stage, ranking: Ranking, rules: Rulebook, received: datetime, path: str) -> None:
    """Refuse to let anybody into a stage that is sealed or closed, or whose last instant for sheets has passed.

    Args:
        at: the stage.
        ranking: what is known of its scoring.
        rules: the season's newest rules, by which it would be opened if it was not yet.
        received: when it was asked.
        path: the field of the command that names the stage.
    """
    if ranking.seals:
        raise refuse("entry-sealed", path, at.ranking)
    if ranking.closed:
        raise refuse("entry-closed", path, at.ranking)
    stage = rules.stage(at.tier, at.category, at.stage)
    closes = ranking.closes or rules.deadline_utc(stage.scoring, at.province)
    if received > closes:
        raise refuse("scoring-over", path, at.ranking, closes=told(closes, rules.zone(at.province)))
