"""Events as the log gives them to projections: raw documents, one after the other."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from kernel.canonical import instant, write_document
from kernel.decider import Position
from kernel.log import Recorded
from schemas.envelope import Event
from schemas.registry import schema_uri
from tests.unit.nomination.scene import person

BEGAN = datetime(2021, 1, 6, tzinfo=UTC)


def recorded(history: Iterable[tuple[str, Event]]) -> list[Recorded]:
    """Return events as the log gives them, each a second after the one before."""
    found: list[Recorded] = []
    versions: dict[str, int] = {}
    for index, (stream, event) in enumerate(history):
        versions[stream] = versions.get(stream, 0) + 1
        name = event.type_name()
        attributes: dict[str, Any] = {
            "specversion": "1.0",
            "id": person(f"event {index}"),
            "source": "/paritrana/test",
            "type": name,
            "time": instant(BEGAN + timedelta(seconds=index)),
            "dataschema": schema_uri(name),
            "subject": stream,
            "streamversion": versions[stream],
            "actor": person("actor"),
            "office": "season-admin",
        }
        sealed = write_document(attributes, event.to_data(), None)
        at = Position(1, index + 1, index + 1)
        document = sealed.document
        found.append(Recorded(at, stream, versions[stream], attributes["id"], name, True, sealed.hash, document))
    return found
