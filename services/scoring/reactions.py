"""What this service's own events make it do: facts that come after a seal are told beside it."""

from __future__ import annotations

from collections.abc import Iterable

from kernel.decider import Happened
from kernel.reactor import Demand
from schemas.scoring import IndicatorMeasured, RankingSealed
from services.scoring.programs import after_measurement, after_seal


class FindCorrectionImpacts:
    """Compares what is measured of a nominee with what the seals on its way took, and says what would be otherwise.

    A stage sealed anew keeps its first seal's figures, so a seal is compared too, with what had come by then.
    """

    name = "find-correction-impacts"
    types = frozenset({IndicatorMeasured.type_name(), RankingSealed.type_name()})

    def demands(self, event: Happened) -> Iterable[Demand]:
        """Demand a comparison: of a nominee's seals with its figures, or of a seal with its nominees'."""
        said: IndicatorMeasured | RankingSealed = event.event
        if isinstance(said, RankingSealed):
            return (Demand(event.stream, after_seal(said.at)),)
        return (Demand(event.stream, after_measurement(said.nomination)),)
