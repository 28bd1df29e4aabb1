"""How raw documents are read into rows."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from kernel.log import Recorded
from schemas.envelope import Event
from schemas.regions import ZONES

Json = dict[str, Any]
Row = tuple[Any, ...]


def types_of(*events: type[Event]) -> frozenset[str]:
    """Return the type names of event models."""
    return frozenset(event.type_name() for event in events)


def name_of(event: Recorded) -> str:
    """Return an event's name without context and version, as people write it."""
    return event.type.rsplit(".", 2)[-2]


def text_of(body: Json) -> str:
    """Return a document as JSON text with sorted keys."""
    return orjson.dumps(body, option=orjson.OPT_SORT_KEYS).decode("utf-8")


def moment(text: str) -> datetime:
    """Return the instant of its wire form."""
    return datetime.fromisoformat(text)


def local_times(begins: str, ends: str) -> Json:
    """Return a time on the clocks of the country's three zones: `{"WIB": {"begins": "2021-05-03 09:00", …}, …}`."""
    return {
        told: {
            name: f"{moment(text).astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"
            for name, text in (("begins", begins), ("ends", ends))
        }
        for zone, told in ZONES.items()
    }


def pick(data: Json, *names: str) -> Json:
    """Return those of the named fields that are there."""
    return {name: data[name] for name in names if name in data}
