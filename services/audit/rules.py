"""A season's rules as the checks ask for them: read from a published rulebook's plain JSON, in a second way on purpose.

A stage is written as events write it: season, tier, province, category and stage. Instants are the wire's own texts,
which sort as time does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from fractions import Fraction
from typing import Any, Final
from zoneinfo import ZoneInfo

from kernel.canonical import canonical, from_instant, instant
from schemas.regions import NATION, zone_of
from services.audit.recompute import StageRules, one_of, stage_rules

Json = Mapping[str, Any]

LAST: Final = timedelta(microseconds=999_999)
"""A deadline includes its last second."""


@dataclass(frozen=True, slots=True)
class Rules:
    """One version of a season's rulebook. Lookups raise LookupError for what it does not have."""

    version: int
    hash: str
    content: Json

    def stage(self, at: Json) -> Json:
        """Return what the rulebook says of a stage."""
        return one_of(self.content["stages"], "stage", tier=at["tier"], category=at["category"], code=at["stage"])

    def ranking(self, at: Json) -> StageRules:
        """Return what makes a stage's ranking."""
        return stage_rules(self.content, at["tier"], at["category"], at["stage"])

    def measure(self, code: str) -> Json:
        """Return a measure."""
        return one_of(self.content["measures"], "measure", code=code)

    def definition(self, code: str) -> str:
        """Return the SHA-256 of a measure's canonical content."""
        return hashlib.sha256(canonical(self.measure(code))).hexdigest()

    def body(self, code: str) -> Json:
        """Return a body."""
        return one_of(self.content["bodies"], "body", code=code)

    def voting(self, code: str) -> list[str]:
        """Return the codes of the offices of a body that score and vote."""
        return list(self.voting_seats(code))

    def voting_seats(self, code: str) -> dict[str, int]:
        """Return how many seats each office of a body has that scores and votes."""
        return {office["code"]: office["seats"] for office in self.body(code)["offices"] if office["role"] != "clerk"}

    def seats(self, code: str) -> int:
        """Return how many seats of a body vote, vacant ones included."""
        return sum(self.voting_seats(code).values())

    def required(self, code: str) -> int:
        """Return how many seats of a body must be filled for a quorum."""
        quorum = self.body(code)["quorum"]
        if quorum.get("count") is not None:
            return int(quorum["count"])
        share = Fraction(quorum.get("fraction") or 1) * self.seats(code)
        return -(-share.numerator // share.denominator)

    def carries(self, code: str, votes_for: int, base: int) -> bool:
        """Tell whether this many votes of this many are a majority of a body."""
        majority = self.body(code)["majority"]
        needed = Fraction(majority["fraction"]) * base
        return base > 0 and (votes_for > needed if majority["strict"] else votes_for >= needed)

    def following(self, at: Json) -> Json | None:
        """Return the stage that those who advance enter, None at the end of a path."""
        following = self.stage(at).get("next")
        if following is None:
            return None
        province = NATION if following["tier"] == "national" else at["province"]
        return {**at, "tier": following["tier"], "province": province, "stage": following["stage"]}

    def downstream(self, at: Json) -> list[Json]:
        """Return the stages after one, in the order in which they are reached."""
        found: list[Json] = []
        following = self.following(at)
        while following is not None and following not in found:
            found.append(following)
            following = self.following(following)
        return found

    def ends_tier(self, at: Json) -> bool:
        """Tell whether nothing of the same tier follows a stage."""
        following = self.stage(at).get("next")
        return following is None or following["tier"] != at["tier"]

    def prize(self, at: Json, rank: int) -> Json | None:
        """Return the text of what a rank brings, None for a rank without a prize."""
        for prize in self.content["prizes"]:
            if (prize["tier"], prize["rank"]) == (at["tier"], rank) and at["category"] in prize["categories"]:
                return {language: prize["prize"][language] for language in ("id", "en")}
        return None

    def zone(self, province: str) -> ZoneInfo:
        """Return the zone whose clocks count in a province, or in the nation."""
        calendar, regions = self.content["calendar"], self.content["regions"]
        return ZoneInfo(calendar["zone"] if province == NATION else zone_of(province, regions["table"]))

    def first(self, local: str, province: str) -> str:
        """Return the instant of a local date and time in a province."""
        return instant(datetime.fromisoformat(local).replace(tzinfo=self.zone(province)))

    def last(self, local: str, province: str) -> str:
        """Return the last instant of the second that a local date and time names."""
        return instant(datetime.fromisoformat(local).replace(tzinfo=self.zone(province)).astimezone(UTC) + LAST)

    def scoring(self, at: Json) -> tuple[str, str]:
        """Return the first and the last instant of a stage's window for sheets, extensions left out."""
        window = self.stage(at)["scoring"]
        return self.first(window["opens"], at["province"]), self.last(window["closes"], at["province"])

    def nomination(self, province: str) -> tuple[str, str]:
        """Return the first and the last instant of a province's window for nominations, extensions left out."""
        calendar = self.content["calendar"]
        return self.first(calendar["opens"], province), self.last(calendar["nomination_closes"], province)

    def end_of_day(self, province: str, moment: str, days: int) -> str:
        """Return the last instant of a province's day that comes some days after the day of a moment."""
        zone = self.zone(province)
        day = from_instant(moment).astimezone(zone).date() + timedelta(days=days)
        return instant(datetime.combine(day, time(23, 59, 59, 999_999), zone))

    def appeals_until(self, province: str, announced: str) -> str:
        """Return the last instant to appeal against what was announced at an instant; its own day is the first."""
        return self.end_of_day(province, announced, self.content["appeals"]["days"] - 1)
