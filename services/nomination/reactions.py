"""What scoring's events make this service do: a seal that missed something decided here is answered at once."""

from __future__ import annotations

from collections.abc import Iterable

from kernel.decider import Happened
from kernel.reactor import Demand
from schemas.scoring import RankingSealed
from services.nomination.programs.loading import Roll
from services.nomination.programs.seals import judging


class OrderReseals:
    """Compares every received seal's basis with what stood here before it, and orders a new seal when it is stale."""

    name = "order-reseals"
    types = frozenset({RankingSealed.type_name()})

    def __init__(self, roll: Roll) -> None:
        """Judge with `roll`, which gives every nomination that can have reached a stage."""
        self._roll = roll

    def demands(self, event: Happened) -> Iterable[Demand]:
        """Demand a judgement, on the stream of the stage's award."""
        sealed: RankingSealed = event.event
        return (Demand(sealed.at.award, judging(event.id, sealed.at, self._roll)),)
