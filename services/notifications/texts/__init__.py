"""Write a message's subject and body in Indonesian or English, from codes, the season's rulebook and official names.

The texts stand in `id.toml` and `en.toml` beside this module, with `$name` for a value (`string.Template`: nothing in
a value is ever a placeholder). What a message holds decides which values there are: each parameter of an intent has a
writer here. Deadlines are told in the zone that counts, the province's own or the nation's, and in that of the reader's
province where it is another one; meetings between provinces in all three. A body names no person, so the digest that is
recorded of it stays harmless when a person is erased.
"""

from __future__ import annotations

import tomllib
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from string import Template as Placeholders
from typing import Any, Final, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from kernel.canonical import from_instant
from schemas.regions import NATION, NATION_ZONE, ZONES, UnknownRegion, region
from schemas.rulebook import Rulebook, Stage
from services.notifications.domain.templates import DIGEST, LEGAL_TEMPLATES

Locale = Literal["id", "en"]
LOCALES: Final[tuple[Locale, ...]] = ("id", "en")
_UNPRINTABLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class Letter:
    """What a person reads: one line of subject, and the body in plain text; `core` is the body without its frame."""

    subject: str
    body: str
    locale: Locale
    core: str = ""

    @property
    def digest(self) -> str:
        """Return the SHA-256 in hex of subject and body."""
        return sha256(f"{self.subject}\n{self.body}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Contents:
    """What a message says: `params` as the intent holds them, `names` the candidates' official names by nomination."""

    template: str
    params: Mapping[str, Any]
    nominations: tuple[str, ...]
    names: Mapping[str, str]
    sample: bool
    recorded: datetime
    message: UUID


def plain(value: object) -> str:
    """Return a value as one line: whatever breaks lines, hides or reverses text becomes a space."""
    letters = (" " if unicodedata.category(letter) in _UNPRINTABLE else letter for letter in str(value))
    return " ".join("".join(letters).split())


def write_letter(contents: Contents, rulebook: Rulebook | None, locale: Locale) -> Letter:
    """Write a message under a season's rulebook, or of no season. Raises LookupError for what the rulebook lacks."""
    return _Writer(contents, rulebook, locale).letter()


def write_digest(letters: Sequence[Letter], contents: Contents, locale: Locale) -> Letter:
    """Write the day's digest of some letters; `contents` are its own: its id, its day, and whether it holds samples."""
    texts = _texts(locale)
    own = texts[DIGEST]
    items = (
        _filled(own["item"], {"number": number, "subject": letter.subject, "core": _Lines(letter.core)})
        for number, letter in enumerate(letters, start=1)
    )
    day = _day(texts, date.fromisoformat(contents.params["day"]))
    values = {"count": _counted(texts, "messages", len(letters)), "day": day, "items": _Lines("\n\n".join(items))}
    return _framed(texts, contents, locale, _filled(own["subject"], values), _filled(own["body"], values))


@cache
def _texts(locale: Locale) -> Mapping[str, Any]:
    return tomllib.loads((Path(__file__).parent / f"{locale}.toml").read_text(encoding="utf-8"))


class _Lines(str):
    """Lines that were made plain one by one."""

    __slots__ = ()


def _filled(text: str, values: Mapping[str, object]) -> str:
    return Placeholders(text).substitute(
        {name: value if isinstance(value, _Lines) else plain(value) for name, value in values.items()}
    )


def _framed(texts: Mapping[str, Any], contents: Contents, locale: Locale, subject: str, core: str) -> Letter:
    choice = texts["choices"]["legal" if contents.template in LEGAL_TEMPLATES else "free"]
    footer = _filled(texts["footer"], {"message": contents.message, "choice": choice})
    note = texts["sample_note"] if contents.sample else ""
    mark = texts["sample_subject"] if contents.sample else ""
    return Letter(plain(mark + subject), f"{note}{texts['salutation']}{core}{footer}", locale, core)


def _day(texts: Mapping[str, Any], day: date) -> str:
    return _filled(texts["day"], {"day": day.day, "month": texts["months"][day.month - 1], "year": day.year})


def _counted(texts: Mapping[str, Any], what: str, count: int) -> str:
    one, more = texts["counts"][what]
    return _filled(one if count == 1 else more, {"count": count})


Values = dict[str, object]


class _Writer:
    def __init__(self, contents: Contents, rulebook: Rulebook | None, locale: Locale) -> None:
        self._contents = contents
        self._params = contents.params
        self._book = rulebook
        self._locale = locale
        self._texts = _texts(locale)
        self._own = self._texts[contents.template]

    def letter(self) -> Letter:
        """Return the whole message."""
        values = self._values()
        subject, core = _filled(self._own["subject"], values), _filled(self._own["body"], values)
        return _framed(self._texts, self._contents, self._locale, subject, core)

    # --- values ----------------------------------------------------------------------------------------------------

    @property
    def _rulebook(self) -> Rulebook:
        if self._book is None:
            raise LookupError("the message is of no season")
        return self._book

    def _values(self) -> Values:
        contents = self._contents
        names = [contents.names[nomination] for nomination in contents.nominations]
        book = self._book
        values: Values = {} if book is None else {"season": book.season, "title": self._said(book.title)}
        values |= {
            "candidates": ", ".join(names),
            # What a conflict or the like is about: some nominees, or else the whole category.
            "subject": ", ".join(names) or self._texts["whole_category"],
            "announced": self._moment(contents.recorded, self._zone),
        }
        for name, value in self._params.items():
            writer = _WRITERS.get(name)
            if writer is not None:
                values |= writer(self, value)
        return values

    @property
    def _province(self) -> str:
        at, (home, *_) = self._params.get("at"), self._params.get("homes") or (NATION,)
        return str(at["province"] if at else self._params.get("province", home))

    @property
    def _zone(self) -> str:
        return NATION_ZONE if self._book is None else self._book.zone(self._province)

    def stage_at(self, at: Mapping[str, str]) -> Values:
        return {
            "category": self._category(at["category"]),
            "stage": self._said(self._stage(at).title),
            "tier": self._tier(at["province"]),
            **self._window(at),
        }

    def stage_reached(self, at: Mapping[str, str]) -> Values:
        return {
            "next_stage": self._said(self._stage(at).title),
            "next_tier": self._tier(at["province"]),
            **{f"next_{name}": value for name, value in self._window(at).items()},
        }

    def _window(self, at: Mapping[str, str]) -> Values:
        stage, zone = self._stage(at), self._rulebook.zone(at["province"])
        opens = self._rulebook.opens_utc(stage.scoring, at["province"])
        closes = self._rulebook.deadline_utc(stage.scoring, at["province"])
        return {"opens": self._time(opens, zone), "closes": self._time(closes, zone)}

    def place(self, province: str) -> Values:
        return {"place": self._tier(province)}

    def body(self, code: str) -> Values:
        return {"body": self._said(self._rulebook.body(code).title)}

    def office(self, code: str) -> Values:
        return {"office": self._said(self._rulebook.body(self._params["body"]).office(code).title)}

    def category(self, code: str) -> Values:
        return {"category": self._category(code)}

    def until(self, until: str) -> Values:
        return {"until": self._time(from_instant(until), self._zone)}

    def appeals_until(self, until: str | None) -> Values:
        # The announcement's own text; a result that cannot be appealed says nothing of it.
        if until is None:
            return {"appeals": ""}
        who = (self._texts["capacities"][one] for one in self._rulebook.appeals.by)
        values = {"until": self._time(from_instant(until), self._zone), "appellants": self._texts["or"].join(who)}
        return {"appeals": _Lines("\n\n" + _filled(self._texts["appeals_until"], values))}

    def scheduled(self, scheduled: str) -> Values:
        return {"scheduled": self._moment(from_instant(scheduled), self._zone)}

    def begins(self, begins: str) -> Values:
        return {"begins": self._in_all_zones(from_instant(begins))}

    def ends(self, ends: str) -> Values:
        return {"ends": self._in_all_zones(from_instant(ends))}

    def dated(self, dated: str) -> Values:
        return {"dated": _day(self._texts, date.fromisoformat(dated))}

    def reason(self, reason: str) -> Values:
        return {"reason": _filled(self._texts["reasons"][reason], {"rank": self._params.get("rank")})}

    def measure(self, code: str) -> Values:
        measure = self._rulebook.measure(code)
        return {"measure": self._said(measure.title), "cut_off": _day(self._texts, measure.cut_off.date())}

    def season_at(self, homes: Iterable[str]) -> Values:
        """Write when governments of some provinces may nominate, each by its own clock, and in which categories."""
        window = self._rulebook.calendar.nomination
        lines = (
            _filled(
                self._texts["window"],
                {
                    "place": self._tier(home),
                    "opens": self._moment(self._rulebook.opens_utc(window, home), self._rulebook.zone(home)),
                    "closes": self._moment(self._rulebook.deadline_utc(window, home), self._rulebook.zone(home)),
                },
            )
            for home in homes
        )
        categories = (f"- {self._said(category.title)}" for category in self._rulebook.categories)
        return {"windows": self._listed(lines), "categories": self._listed(map(plain, categories))}

    def certificate(self, code: str) -> Values:
        for certificate in self._rulebook.certificates:
            if certificate.code == code:
                return {"kind": self._said(certificate.title)}
        raise LookupError(f"the rulebook has no certificate {code!r}")

    def prize(self, prize: Mapping[str, str]) -> Values:
        return {"prize": prize[self._locale]}

    def mode(self, mode: str) -> Values:
        return {"mode": self._texts["modes"][mode]}

    def verdict(self, outcome: str) -> Values:
        return {"outcome": self._texts["verdicts"][outcome]}

    def capacity(self, capacity: str) -> Values:
        return {"capacity": self._texts["capacities"][capacity]}

    def ranking(self, lines: Iterable[Mapping[str, Any]]) -> Values:
        return {"lines": self._listed(self._ranked(line) for line in lines)}

    def _ranked(self, line: Mapping[str, Any]) -> str:
        own = self._texts["ranking"]
        values = {
            "rank": line["rank"],
            "candidate": self._contents.names[line["nomination"]],
            "outcome": self._texts["outcomes"][line["outcome"]],
        }
        return _filled(own["line_unranked" if line["rank"] is None else "line"], values)

    def agenda(self, items: Iterable[Mapping[str, str]]) -> Values:
        return {"agenda": self._listed(self._item(number, item) for number, item in enumerate(items, start=1))}

    def _item(self, number: int, item: Mapping[str, str]) -> str:
        tiers = ("national",) if self._province == NATION else ("provincial", "national")
        stages = (stage for tier in tiers for stage in self._rulebook.stages_for(item["category"], tier))
        title = next((self._said(stage.title) for stage in stages if stage.code == item["stage"]), item["stage"])
        values = {"number": number, "category": self._category(item["category"]), "stage": title}
        return _filled(self._texts["agenda_item"], values)

    def stages(self, stages: Iterable[Mapping[str, str]]) -> Values:
        lines = (
            _filled(
                self._texts["stage_item"],
                {"stage": self._said(self._stage(at).title), "tier": self._tier(at["province"])},
            )
            for at in stages
        )
        return {"stages": self._listed(lines)}

    def defects(self, parts: Iterable[str]) -> Values:
        return {"defects": self._listed(f"- {self._texts['parts'][part]}" for part in parts)}

    def own(self, own: Iterable[Mapping[str, Any]]) -> Values:
        """Write what only this person is told: a number of sheets, or the change of each own nominee's rank."""
        own = list(own)
        sheets = sum(each.get("sheets", 0) for each in own)
        shifts = [self._shift(each) for each in own if "change" in each]
        text = "\n\n" + "\n".join(shifts) if shifts else ""
        return {"sheets": _counted(self._texts, "nominees", sheets), "shifts": _Lines(text)}

    def _shift(self, shift: Mapping[str, Any]) -> str:
        unranked = self._texts["unranked"]
        values = {
            "candidate": self._contents.names[shift["nomination"]],
            "before": unranked if shift["before"] is None else shift["before"],
            "after": unranked if shift["after"] is None else shift["after"],
        }
        return _filled(self._texts["changes"][shift["change"]], values)

    def deadlines(self, count: int) -> Values:
        return {"count": _counted(self._texts, "deadlines", count)}

    def reminders(self, items: Iterable[Mapping[str, Any]]) -> Values:
        return {"items": _Lines("\n\n".join(self._reminded(item) for item in items))}

    def _reminded(self, item: Mapping[str, Any]) -> str:
        """Write one deadline of a reminder: the texts of its kind, in the zone of its place."""
        at, zone = item.get("at"), self._rulebook.zone(item["province"])
        values: Values = {
            "season": self._rulebook.season,
            "candidates": ", ".join(self._contents.names[one] for one in item.get("nominations", ())),
            "count": _counted(self._texts, "nominees", item.get("count", 0)),
            "place": self._tier(item["province"]),
            "until": self._time(from_instant(item["until"]), zone, [item["home"]] if "home" in item else []),
            "begins": self._in_all_zones(from_instant(item["until"])),
        }
        if at:
            values |= {"category": self._category(at["category"]), "stage": self._said(self._stage(at).title)}
        return _filled(self._own[item["kind"]], values)

    # --- a day's report to those who publish facts -----------------------------------------------------------------

    def report(self, told: Mapping[str, Any]) -> Values:
        """Write what a day brought and what is to be done, in parts; one of which there is nothing is left out."""
        day = date.fromisoformat(told["day"])
        counts = {name: told[name] for name in ("records", "applied", "duplicates", "refused")}
        values: Values = {"topic": told["topic"], "day": _day(self._texts, day), "date": day.isoformat(), **counts}
        missing = sum(one["employers"] + one["unregistered"] for one in told["missing"])
        counted = (("refused", told["refused"]), ("missing", missing), ("disputed", len(told["disputed"])))
        summary = ", ".join(_counted(self._texts, name, count) for name, count in counted if count)
        written = (_filled(self._own[name], {**values, **part}) for name, part in self._report_parts(told))
        return values | {"summary": summary, "parts": _Lines("\n\n".join(written))}

    def _report_parts(self, told: Mapping[str, Any]) -> Iterator[tuple[str, Values]]:
        own = self._own
        systems = (
            _filled(
                own["system_line"],
                {
                    "publisher": of["publisher"] or own["no_system"],
                    "reasons": ", ".join(f"{one['reason']} {one['count']}" for one in of["reasons"]),
                },
            )
            for of in told["publishers"]
        )
        places = (_filled(own["place_line"], {"topic": told["topic"], **one}) for one in told["first_refused"])
        if told["refused"]:
            links = self._listed(self._days_of(told))
            yield "refused_part", {"lines": self._listed(systems), "places": self._listed(places), "links": links}
        if told["missing"]:
            yield "missing_part", {"lines": self._listed(self._missing(one) for one in told["missing"])}
        if told["disputed"]:
            lines = self._listed(_filled(own["disputed_line"], one) for one in told["disputed"])
            yield "disputed_part", {"lines": lines}

    def _days_of(self, told: Mapping[str, Any]) -> Iterator[str]:
        """Yield a line for each day on which messages were refused: a report may make up for days that passed."""
        days = told.get("refused_days") or [{"day": told["day"], "count": told["refused"]}]
        for one in days:
            count = _counted(self._texts, "refused", one["count"])
            yield _filled(self._own["link_line"], {"count": count, "date": one["day"]})

    def _missing(self, one: Mapping[str, Any]) -> str:
        said = {
            name: _counted(self._texts, f"of_{name}", one[name]) for name in ("employers", "months", "unregistered")
        }
        return _filled(self._own["missing_line"], {"season": one["season"], **said})

    # --- words -----------------------------------------------------------------------------------------------------

    def _listed(self, lines: Iterable[str]) -> _Lines:
        return _Lines("\n".join(lines))

    def _stage(self, at: Mapping[str, str]) -> Stage:
        return self._rulebook.stage(at["tier"], at["category"], at["stage"])

    def _category(self, code: str) -> str:
        return self._said(self._rulebook.category(code).title)

    def _tier(self, province: str) -> str:
        if province == NATION:
            return str(self._texts["nation"])
        try:
            name = region(province, self._rulebook.regions.table).name.removeprefix("Provinsi ")
        except UnknownRegion:
            name = province
        return _filled(self._texts["provincial"], {"province": name})

    def _said(self, text: Any) -> str:
        return str(text.id if self._locale == "id" else text.en)

    def _moment(self, moment: datetime, zone: str) -> str:
        there = moment.astimezone(ZoneInfo(zone))
        return _filled(
            self._texts["moment"], {"day": _day(self._texts, there.date()), "clock": self._clock(there, zone)}
        )

    def _time(self, moment: datetime, zone: str, homes: Iterable[str] | None = None) -> str:
        """Write an instant in the zone that counts and, where the reader acts for provinces in another, in theirs."""
        homes = self._params.get("homes", ()) if homes is None else homes
        zones = dict.fromkeys(self._rulebook.zone(home) for home in homes)
        there = [self._moment(moment, home) for home in zones if home != zone]
        text = self._moment(moment, zone)
        return _filled(self._texts["elsewhere"], {"moment": text, "there": " / ".join(there)}) if there else text

    def _clock(self, there: datetime, zone: str) -> str:
        values = {"hour": f"{there.hour:02}", "minute": f"{there.minute:02}", "zone": ZONES[zone]}
        return _filled(self._texts["clock"], values)

    def _in_all_zones(self, moment: datetime) -> str:
        return " / ".join(self._zoned(moment))

    def _zoned(self, moment: datetime) -> Iterator[str]:
        """Tell an instant in WIB, WITA and WIT; the day once, and again where it is another one."""
        last: date | None = None
        for zone in ZONES:
            there = moment.astimezone(ZoneInfo(zone))
            yield self._clock(there, zone) if there.date() == last else self._moment(moment, zone)
            last = there.date()


_WRITERS: Final[Mapping[str, Callable[[_Writer, Any], Values]]] = {
    "at": _Writer.stage_at,
    "reached": _Writer.stage_reached,
    "province": _Writer.place,
    "body": _Writer.body,
    "office": _Writer.office,
    "category": _Writer.category,
    "until": _Writer.until,
    "appeals_until": _Writer.appeals_until,
    "scheduled": _Writer.scheduled,
    "begins": _Writer.begins,
    "ends": _Writer.ends,
    "dated": _Writer.dated,
    "rank": lambda _, rank: {"rank": rank},
    "version": lambda _, version: {"version": version},
    "homes": _Writer.season_at,
    "number": lambda _, number: {"number": number},
    "count": _Writer.deadlines,
    "reason": _Writer.reason,
    "measure": _Writer.measure,
    "kind": _Writer.certificate,
    "prize": _Writer.prize,
    "mode": _Writer.mode,
    "outcome": _Writer.verdict,
    "capacity": _Writer.capacity,
    "lines": _Writer.ranking,
    "agenda": _Writer.agenda,
    "stages": _Writer.stages,
    "defects": _Writer.defects,
    "own": _Writer.own,
    "report": _Writer.report,
    "items": _Writer.reminders,
}
"""What each parameter of an intent says, by its name."""
