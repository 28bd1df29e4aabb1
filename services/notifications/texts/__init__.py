"""Write a message's subject and body in Indonesian or English, from codes, the season's rulebook and official names.

The texts stand in `id.toml` and `en.toml` beside this module, with `$name` for a value (`string.Template`: nothing in
a value is ever a placeholder). Deadlines are told in the province's own zone. A body names no person, so the digest
that is recorded of it stays harmless when a person is erased.
"""

from __future__ import annotations

import tomllib
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from string import Template as Placeholders
from typing import Any, Final, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from schemas.regions import NATION, ZONES, UnknownRegion, region
from schemas.rulebook import Rulebook, Stage
from services.notifications.domain.intents import Template

Locale = Literal["id", "en"]
LOCALES: Final[tuple[Locale, ...]] = ("id", "en")
_UNPRINTABLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class Letter:
    """What a person reads: one line of subject, and the body in plain text."""

    subject: str
    body: str
    locale: Locale

    @property
    def digest(self) -> str:
        """Return the SHA-256 in hex of subject and body."""
        return sha256(f"{self.subject}\n{self.body}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Contents:
    """What a message says: `params` as the intent holds them, `names` the candidates' official names by nomination."""

    template: Template
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


def write_letter(contents: Contents, rulebook: Rulebook, locale: Locale) -> Letter:
    """Write a message under a season's rulebook. Raises LookupError for a stage that the rulebook does not have."""
    return _Writer(contents, rulebook, locale).letter()


@cache
def _texts(locale: Locale) -> Mapping[str, Any]:
    return tomllib.loads((Path(__file__).parent / f"{locale}.toml").read_text(encoding="utf-8"))


class _Writer:
    def __init__(self, contents: Contents, rulebook: Rulebook, locale: Locale) -> None:
        self._contents = contents
        self._rulebook = rulebook
        self._locale = locale
        self._texts = _texts(locale)

    def letter(self) -> Letter:
        """Return the whole message."""
        texts, contents = self._texts, self._contents
        values = self._values()
        own = texts[contents.template]
        body = self._filled(own["body"], values)
        footer = self._filled(texts["footer"], {"message": contents.message})
        note = texts["sample_note"] if contents.sample else ""
        subject = (texts["sample_subject"] if contents.sample else "") + self._filled(own["subject"], values)
        return Letter(plain(subject), f"{note}{texts['salutation']}{body}{footer}", self._locale)

    def _values(self) -> dict[str, object]:
        contents = self._contents
        at = contents.params["at"]
        values = {
            "season": self._rulebook.season,
            "candidates": ", ".join(contents.names[nomination] for nomination in contents.nominations),
            "category": self._said(self._rulebook.category(at["category"]).title),
            "stage": self._said(self._stage(at).title),
            "tier": self._tier(at),
            "rank": contents.params.get("rank"),
        }
        match contents.template:
            case "nominated":
                return values | self._window(at)
            case "advanced":
                reached = contents.params["reached"]
                following = {"next_stage": self._said(self._stage(reached).title), "next_tier": self._tier(reached)}
                return values | following | self._window(reached)
            case "eliminated":
                reason = self._texts["reasons"][contents.params["reason"]]
                return values | {"reason": self._filled(reason, values)}
            case "announced":
                return values | self._announcement(at)

    def _announcement(self, at: Mapping[str, str]) -> dict[str, object]:
        zone = self._rulebook.zone(at["province"])
        return {
            "announced": self._moment(self._contents.recorded, zone),
            "lines": _Lines("\n".join(self._lines())),
        }

    def _lines(self) -> Iterator[str]:
        own, outcomes = self._texts["announced"], self._texts["outcomes"]
        for line in self._contents.params["lines"]:
            values = {
                "rank": line["rank"],
                "candidate": self._contents.names[line["nomination"]],
                "outcome": outcomes[line["outcome"]],
            }
            yield self._filled(own["line_unranked" if line["rank"] is None else "line"], values)

    def _window(self, at: Mapping[str, str]) -> dict[str, object]:
        stage, zone = self._stage(at), self._rulebook.zone(at["province"])
        opens = self._rulebook.opens_utc(stage.scoring, at["province"])
        closes = self._rulebook.deadline_utc(stage.scoring, at["province"])
        return {"opens": self._moment(opens, zone), "closes": self._moment(closes, zone)}

    def _stage(self, at: Mapping[str, str]) -> Stage:
        return self._rulebook.stage(at["tier"], at["category"], at["stage"])

    def _tier(self, at: Mapping[str, str]) -> str:
        if at["province"] == NATION:
            return str(self._texts["nation"])
        try:
            province = region(at["province"], self._rulebook.regions.table).name.removeprefix("Provinsi ")
        except UnknownRegion:
            province = at["province"]
        return self._filled(self._texts["provincial"], {"province": province})

    def _said(self, text: Any) -> str:
        return str(text.id if self._locale == "id" else text.en)

    def _moment(self, moment: datetime, zone: str) -> str:
        there = moment.astimezone(ZoneInfo(zone))
        values = {
            "day": there.day,
            "month": self._texts["months"][there.month - 1],
            "year": there.year,
            "hour": f"{there.hour:02}",
            "minute": f"{there.minute:02}",
            "zone": ZONES[zone],
        }
        return self._filled(self._texts["moment"], values)

    def _filled(self, text: str, values: Mapping[str, object]) -> str:
        return Placeholders(text).substitute(
            {name: value if isinstance(value, _Lines) else plain(value) for name, value in values.items()}
        )


class _Lines(str):
    """Lines that were made plain one by one."""

    __slots__ = ()
