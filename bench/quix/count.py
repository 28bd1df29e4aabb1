"""Count facts by employer with Quix Streams, as its documentation shows a stateful count, and say how long it took.

Run by the interpreter of an environment of its own: `count.py BROKER TOPIC GROUP FACTS FOLDER`.
"""

import json
import sys
import time
from typing import Any

from quixstreams import Application


class Watch:
    """Notes when the first fact came."""

    began = 0.0


def count(value: dict[str, Any], state: Any) -> dict[str, Any]:
    """Count one fact of its employer."""
    if not Watch.began:
        Watch.began = time.monotonic()
    total = state.get("total", 0) + 1
    state.set("total", total)
    return {"employer": value["employer"], "total": total}


def main() -> None:
    """Run until so many facts were counted."""
    broker, topic, group, facts, folder = sys.argv[1:]
    app = Application(
        broker_address=broker,
        consumer_group=group,
        auto_offset_reset="earliest",
        state_dir=folder,
        commit_every=5_000,
        loglevel="ERROR",
    )
    frame = app.dataframe(app.topic(topic, value_deserializer="json"))
    frame = frame.apply(count, stateful=True)
    app.run(frame, count=int(facts), timeout=60.0, collect=False)
    print(json.dumps({"facts": int(facts), "seconds": time.monotonic() - Watch.began}))  # noqa: T201 - its answer


if __name__ == "__main__":
    main()
