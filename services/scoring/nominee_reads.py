"""What is read of a nominee's measured figures: the last by each measure and wording, where it counts, and its months.

The facts behind are not told: they are their publishers'. An employer's months are computed when they are asked, from
the ledger as it is then, by the function that measures.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import orjson

from kernel.canonical import Json
from kernel.service import Service
from schemas.exact import fraction_text
from schemas.rulebook import Measure
from schemas.scoring import PinnedAspect
from services.scoring.domain.effective import CONTRIBUTION_KINDS, LedgerFact
from services.scoring.domain.indicator import INDICATOR, Indicator, indicator_stream, measured_aspects, on_scale
from services.scoring.domain.measure import EMPLOYER, MONTHS, EmployerMonth, definition_of
from services.scoring.domain.received import Nomination, Season
from services.scoring.domain.stage import RANKING, Begun, pin
from services.scoring.ledger_reads import SQL, around, months_by
from services.scoring.reads import season_of

_TOLD: Final = (
    "measure", "definition", "rulebook_version", "numerator", "denominator", "ratio", "lack", "missing_months", "facts",
    "digest", "basis",
)  # fmt: skip


async def measures_of(here: Service, nomination: Nomination) -> Json:
    """Return what was last measured of a nominee, by each measure and wording of it, in the measures' order."""
    indicator = await here.executor.state(INDICATOR, indicator_stream(nomination.id))
    season = await season_of(here, nomination.now_at.season)
    versions = sorted(one.version for one in indicator.latest.values())
    rows = await here.pool.fetch(SQL["measured_at"], indicator_stream(nomination.id), versions)
    events = [orjson.loads(row["document"]) for row in rows]
    aspects = await _aspects(here, nomination, season)
    facts = await _facts(here, nomination)
    measures = [_told(event, nomination, indicator, season, aspects, facts) for event in events]
    return {
        "nomination": nomination.id,
        "season": nomination.now_at.season,
        "candidate": nomination.candidate.model_dump(mode="json", include={"kind", "code", "name"}),
        "measures": sorted(measures, key=lambda one: (one["measure"], one["rulebook_version"])),
    }


_Aspects = Sequence[tuple[Json, PinnedAspect]]
"""Measured aspects, each with the stage that takes it."""


async def _aspects(here: Service, nomination: Nomination, season: Season) -> _Aspects:
    """Return the measured aspects of the stages on a nomination's way: as they pinned them, or would pin them now."""
    found: list[tuple[Json, PinnedAspect]] = []
    rulebook = season.rulebook()
    for at in nomination.path:
        ranking = await here.executor.state(RANKING, at.ranking)
        if isinstance(ranking, Begun):
            rules = ranking.opened.rules
        else:
            rules = pin(rulebook, rulebook.stage(at.tier, at.category, at.stage))
        stage = {"tier": at.tier, "stage": at.stage}
        found += [(stage, aspect) for aspect in measured_aspects(rules.aspects)]
    return found


async def _facts(here: Service, nomination: Nomination) -> Sequence[LedgerFact]:
    if nomination.candidate.kind != EMPLOYER:
        return ()
    held = await around(here, [nomination.candidate.code], sorted(CONTRIBUTION_KINDS))
    return [one.fact for one in held.values()]


def _told(
    event: Json,
    nomination: Nomination,
    indicator: Indicator,
    season: Season,
    aspects: _Aspects,
    facts: Sequence[LedgerFact],
) -> Json:
    data = event["data"]
    measure = season.rulebook(data["rulebook_version"]).measure(data["measure"])
    in_force = {definition_of(one) for one in season.rulebook().measures if one.code == measure.code}
    mine = [(at, one) for at, one in aspects if (one.measure, one.definition) == (measure.code, data["definition"])]
    return {
        **{name: data.get(name) for name in _TOLD},
        "missing_months": data.get("missing_months", []),
        "in_force": data["definition"] in in_force,
        "measured": event["time"],
        "aspects": [at | _figure(aspect, indicator) for at, aspect in mine],
        "months": list(_months(measure, nomination.candidate.code, facts)),
    }


def _figure(aspect: PinnedAspect, indicator: Indicator) -> Json:
    ratio = indicator.ratio(aspect)
    return {
        "aspect": aspect.code,
        "least": str(aspect.least),
        "greatest": str(aspect.greatest),
        "figure": None if ratio is None else fraction_text(on_scale(aspect, ratio)),
    }


def _months(measure: Measure, employer: str, facts: Sequence[LedgerFact]) -> Iterator[Json]:
    if not {measure.numerator, measure.denominator} & MONTHS:
        return
    months: Iterable[EmployerMonth] = months_by(facts, employer, measure, measure.cut_off.date())
    for one in months:
        yield {
            "month": one.month,
            "due_on": one.due_on.isoformat(),
            "due": one.due,
            "paid": one.paid,
            "paid_in_time": one.paid_in_time,
            "standing": one.standing.replace("_", "-"),
        }
