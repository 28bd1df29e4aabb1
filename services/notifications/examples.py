"""Sample values for a message of each kind, as a season's own rulebook would have them.

A preview is read by who opens a season, to see whether its rules are meant so. So stages, kinds of candidate, ranks
and days are the rulebook's; and of what the rulebook does not have (interviews, certificates, ...) there is no example.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from kernel.canonical import instant
from schemas.regions import NATION, NATION_ZONE
from schemas.rulebook import Rulebook, Stage
from schemas.topics import CONTRIBUTIONS
from services.notifications.domain.days import DAYS_AHEAD, Kind
from services.notifications.domain.templates import Template
from services.notifications.texts import Contents

_FIRST: Final = UUID(int=0)
_SECOND: Final = UUID(int=1)
_PROVINCE: Final = "75"
_NAMES: Final = {"province": "Provinsi", "regency": "Kabupaten", "city": "Kota", "employer": "PT"}


def example(template: Template, rulebook: Rulebook) -> Contents:
    """Return invented contents for a template under a rulebook; raise LookupError where it can send no such message."""
    here = _Example(rulebook, _stage_of(template, rulebook))
    params = here.params(template)
    return Contents(
        template=template,
        params=params,
        nominations=(str(_FIRST), str(_SECOND)) if "lines" in params else (str(_FIRST),),
        names=here.names(),
        sample=True,
        recorded=here.announced,
        message=_FIRST,
    )


# --- where ---------------------------------------------------------------------------------------------------------


Takes = Callable[[Rulebook, Stage], bool]
"""Tells of a stage whether a message is sent there under a rulebook."""


def _stage_of(template: Template, rulebook: Rulebook) -> Stage:
    """Return a stage in which such a message is sent; what can come from anywhere, from one that is not the last."""
    takes = _TAKES.get(template)
    stages = sorted(rulebook.stages, key=lambda stage: stage.next is None)
    found = next((stage for stage in stages if takes is None or takes(rulebook, stage)), None)
    if found is None:
        raise LookupError(f"under this rulebook there is no message {template!r}")
    return found


def _is_entry(rulebook: Rulebook, stage: Stage) -> bool:
    return stage == rulebook.entry_stage(stage.category)


def _is_verified(_: Rulebook, stage: Stage) -> bool:
    return stage.verification is not None


def _is_heard(_: Rulebook, stage: Stage) -> bool:
    return stage.interview is not None


def _goes_on(_: Rulebook, stage: Stage) -> bool:
    return stage.next is not None


def _ends_path(_: Rulebook, stage: Stage) -> bool:
    return stage.next is None


def _is_held(rulebook: Rulebook, stage: Stage) -> bool:
    return rulebook.appeals.freezes_downstream and stage.next is not None


def _is_assigned(_: Rulebook, stage: Stage) -> bool:
    return stage.assignment is not None


def _has_figures(rulebook: Rulebook, _: Stage) -> bool:
    return bool(rulebook.measures)


def _has_certificates(rulebook: Rulebook, _: Stage) -> bool:
    return bool(rulebook.certificates)


def _brings_prize(rulebook: Rulebook, stage: Stage) -> bool:
    """Tell of the first prize, which `_Example` names."""
    return any(stage.category in one.categories and _ends(stage, one.tier) for one in rulebook.prizes[:1])


def _brings_certificate(rulebook: Rulebook, stage: Stage) -> bool:
    """Tell of the first certificate, which `_Example` names: of who wins the tier, or reaches its stage."""
    return any(
        _ends(stage, one.tier) if one.stage is None else (stage.tier, stage.code) == (one.tier, one.stage)
        for one in rulebook.certificates[:1]
    )


def _ends(stage: Stage, tier: str) -> bool:
    return stage.tier == tier and (stage.next is None or stage.next.tier != tier)


_TAKES: Final[Mapping[Template, Takes]] = {
    "nominated": _is_entry,
    "filed-late": _is_entry,
    "disputed": _has_figures,
    "dispute-filed": _has_figures,
    "returned": _is_verified,
    "resubmitted": _is_verified,
    "verified": _is_verified,
    "rejected": _is_verified,
    "interview-scheduled": _is_heard,
    "interview-moved": _is_heard,
    "assigned": _is_assigned,
    "advanced": _goes_on,
    "advance-withdrawn": _goes_on,
    "stage-frozen": _is_held,
    "stage-unfrozen": _is_held,
    "won": _ends_path,
    "win-withdrawn": _ends_path,
    "prize": _brings_prize,
    "certificate": _brings_certificate,
    "certificate-revoked": _has_certificates,
}
"""Of which stage there is an example of a message; of any, where nothing is said."""


# --- what ----------------------------------------------------------------------------------------------------------


class _Example:
    """The values of one stage: scored until its deadline, decided and announced at that instant."""

    def __init__(self, rulebook: Rulebook, stage: Stage) -> None:
        self._rulebook = rulebook
        self._stage = stage
        self._place = _PROVINCE if stage.tier == "provincial" else NATION
        self.announced = rulebook.deadline_utc(stage.scoring, self._place)

    def names(self) -> dict[str, str]:
        """Return two candidates of kinds that the category admits."""
        admits = self._rulebook.category(self._stage.category).admits
        first, second = _called(self._rulebook, admits[0]), _called(self._rulebook, admits[-1])
        if first == second:
            first, second = f"{first} Satu", f"{second} Dua"
        return {str(_FIRST): first, str(_SECOND): second}

    def params(self, template: Template) -> Mapping[str, Any]:
        """Return the parameters of a template: each of its own, and of those that several have what it takes."""
        found = self._own().get(template, {})
        return found if "body" in found else found | {"at": self._at(self._stage)}

    def _own(self) -> Mapping[Template, dict[str, Any]]:
        rulebook, stage, quota = self._rulebook, self._stage, self._quota
        window_ends = instant(rulebook.deadline_utc(rulebook.calendar.nomination, _PROVINCE))
        following = self._at(rulebook.next_stage(stage) or stage)
        appealable = {"lines": self._lines(), "appeals_until": instant(self._appeals_until())}
        seat = {"province": self._place, "body": stage.body, "office": rulebook.body(stage).offices[0].code}
        conflict = seat | {"category": stage.category}
        prize = rulebook.prizes[0] if rulebook.prizes else None
        return {
            **dict.fromkeys(("disputed", "dispute-filed"), self._measure()),
            "season-opened": {"homes": [_PROVINCE]},
            "rulebook-amended": {"version": 2},
            "facts-report": {"report": self._report()},
            "returned": {"defects": ["evidence", "contact"], "until": instant(self._mend_until(stage))},
            "advanced": {"reached": following, "rank": 1},
            "advance-withdrawn": {"reached": following},
            "eliminated": {"rank": quota + 1, "reason": "below-quota"},
            "announced": appealable,
            "corrected": appealable,
            "won": {"rank": 1},
            "win-withdrawn": {"rank": 1},
            "prize": {"rank": prize.rank, "prize": {"id": prize.prize.id, "en": prize.prize.en}} if prize else {},
            "certificate": self._certificate(),
            "certificate-revoked": {"number": "CONTOH/0001"},
            "interview-scheduled": self._interview("remote"),
            "interview-moved": self._interview("in-person"),
            "nominations-extended": {"until": window_ends},
            "scoring-extended": {"until": instant(self.announced)},
            "assigned": {"own": [{"sheets": 14}]},
            "appeal-lodged": {"capacity": rulebook.appeals.by[0]},
            "stage-frozen": {"stages": [following]},
            "stage-unfrozen": {"stages": [following]},
            "appeal-decided": {"outcome": "upheld", "own": [self._shift()]},
            "reminder": self._reminder(),
            **dict.fromkeys(("appointed", "succeeded", "removed"), seat),
            **dict.fromkeys(("conflict-declared", "conflict-lifted"), conflict),
            "convened": self._meeting(),
            "minutes-corrected": self._meeting() | {"number": 1},
        }

    @property
    def _quota(self) -> int:
        return self._rulebook.quota(self._stage, self._place)

    def _at(self, stage: Stage) -> dict[str, str]:
        place = _PROVINCE if stage.tier == "provincial" else NATION
        return {"tier": stage.tier, "province": place, "category": stage.category, "stage": stage.code}

    def _lines(self) -> list[dict[str, Any]]:
        outcome = "winner" if self._stage.next is None else "advanced"
        return [
            {"nomination": str(_FIRST), "rank": 1, "outcome": outcome},
            {"nomination": str(_SECOND), "rank": self._quota + 1, "outcome": "eliminated"},
        ]

    def _shift(self) -> dict[str, Any]:
        """Return a nominee that enters the quota of this stage by a verdict."""
        quota = self._quota
        return {"nomination": str(_FIRST), "before": quota + 1, "after": quota, "change": "enters"}

    def _measure(self) -> dict[str, Any]:
        measures = self._rulebook.measures
        return {"measure": measures[0].code} if measures else {}

    def _report(self) -> dict[str, Any]:
        """Return a day on which there was something of everything."""
        day = self.announced.astimezone(ZoneInfo(NATION_ZONE)).date()
        season, code = self._rulebook.season, self._measure().get("measure", "contoh")
        return {
            "topic": CONTRIBUTIONS,
            "day": day.isoformat(),
            "records": 500,
            "applied": 490,
            "duplicates": 8,
            "refused": 2,
            "publishers": [{"publisher": "contoh", "reasons": [{"reason": "wrong-field", "count": 2}]}],
            "first_refused": [{"partition": 3, "offset": offset, "reason": "wrong-field"} for offset in (1207, 1208)],
            "refused_days": [{"day": day.isoformat(), "count": 2}],
            "missing": [{"season": season, "employers": 12, "months": 30, "unregistered": 1}],
            "disputed": [{"season": season, "candidate": "00000000", "aspect": "contoh", "measure": code}],
        }

    def _certificate(self) -> dict[str, Any]:
        granted = self._rulebook.certificates
        there = self.announced.astimezone(ZoneInfo(self._rulebook.zone(self._place)))
        dated = {"number": "CONTOH/0001", "dated": there.date().isoformat()}
        return {"kind": granted[0].code, **dated} if granted else {}

    def _interview(self, mode: str) -> dict[str, Any]:
        interview = self._stage.interview
        begins = self._hearing(self._stage)
        ends = begins + timedelta(minutes=interview.minutes if interview else 0)
        return {"begins": instant(begins), "ends": instant(ends), "mode": mode}

    def _meeting(self) -> dict[str, Any]:
        stage = self._stage
        agenda = [{"category": stage.category, "stage": stage.code}]
        scheduled = self.announced + timedelta(days=self._rulebook.body(stage).notice_days or 0)
        return {"province": self._place, "body": stage.body, "scheduled": instant(scheduled), "agenda": agenda}

    # --- deadlines -------------------------------------------------------------------------------------------------

    def _appeals_until(self) -> datetime:
        """Return the last instant of the appeal window: the day of the announcement is the first of its days."""
        return self._day_ends(self.announced, self._rulebook.appeals.days - 1, self._place)

    def _mend_until(self, stage: Stage) -> datetime:
        days = stage.verification.days_to_mend if stage.verification else 0
        place = self._at(stage)["province"]
        return self._day_ends(self._rulebook.opens_utc(stage.scoring, place), days, place)

    def _day_ends(self, since: datetime, days: int, place: str) -> datetime:
        zone = ZoneInfo(self._rulebook.zone(place))
        day = since.astimezone(zone).date() + timedelta(days=days)
        return datetime.combine(day, time.max, zone).astimezone(UTC)

    def _reminder(self) -> dict[str, Any]:
        """Return a reminder of each kind of deadline that the season has."""
        items = [item for kind in DAYS_AHEAD if (item := self._item(kind)) is not None]
        return {"count": len(items), "items": items}

    def _item(self, kind: Kind) -> dict[str, Any] | None:
        rulebook = self._rulebook
        match kind:
            case "nominations":
                until = rulebook.deadline_utc(rulebook.calendar.nomination, _PROVINCE)
                return {"kind": kind, "province": _PROVINCE, "count": 14, "until": instant(until), "nominations": []}
            case "sheets":
                return self._line(kind, self._stage, self.announced, named=False)
            case "appeal":
                return self._line(kind, self._stage, self._appeals_until())
            case "mending":
                mended = next((one for one in rulebook.stages if _is_verified(rulebook, one)), None)
                return None if mended is None else self._line(kind, mended, self._mend_until(mended))
            case _:
                heard = next((one for one in rulebook.stages if _is_heard(rulebook, one)), None)
                return None if heard is None else self._line(kind, heard, self._hearing(heard))

    def _hearing(self, stage: Stage) -> datetime:
        """Return the ninth hour of the first day of a stage."""
        return self._rulebook.opens_utc(stage.scoring, self._at(stage)["province"]) + timedelta(hours=9)

    def _line(self, kind: Kind, stage: Stage, until: datetime, *, named: bool = True) -> dict[str, Any]:
        at = self._at(stage)
        about = [str(_FIRST)] if named else []
        return {
            "kind": kind,
            "province": at["province"],
            "count": 14,
            "until": instant(until),
            "nominations": about,
            "at": at,
        }


def _called(rulebook: Rulebook, kind: str) -> str:
    return f"{_NAMES[kind] if kind in _NAMES else rulebook.kind(kind).title.id} Contoh"
