"""The three answers of a replay: a state, the difference between two, the standings at every decision. Plain JSON.

Nothing in an answer depends on when, where or by whom it is made, so that two of one folder are the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.audit.record import Record
from services.audit.replay.between import arrivals, changes
from services.audit.replay.decided import decisions_of
from services.audit.replay.moments import Moment
from services.audit.replay.past import FOREVER, KINDS, Past, Reader, as_json
from services.audit.replay.reading import Folder
from services.audit.replay.state import Shown, state_of, ways_of

Json = Mapping[str, Any]


def replayed(folder: Folder, moment: Moment, shown: Shown, *, effective: bool = False) -> dict[str, Any]:
    """Return the state at a moment: as recorded by then, or as known now. Raises Damaged."""
    (past,) = Reader(folder, effective=effective).at(moment.instant)
    with folder.sound():
        said: dict[str, Any] = {
            "as_of": moment.as_json(),
            "mode": _mode(effective=effective),
            "counted": past.counted_json(),
        }
        if effective:
            said["counted_beyond"] = [as_json(one) for one in sorted(past.later, key=lambda one: one.order)]
        return said | state_of(past, shown)


def _mode(*, effective: bool) -> str:
    return "effective" if effective else "recorded"


def compared(folder: Folder, first: Moment, second: Moment, shown: Shown, *, effective: bool = False) -> dict[str, Any]:
    """Return what was recorded after one moment up to another, and what differs between the two. Raises Damaged."""
    before, after = Reader(folder, effective=effective).at(first.instant, second.instant)
    with folder.sound():
        states = [state_of(past, shown, closed=True) for past in (before, after)]
        arrived = arrivals(folder, first.instant, second.instant, shown, _asked(after.record, shown))
        return {
            "as_of": first.as_json(),
            "until": second.as_json(),
            "mode": _mode(effective=effective),
            "counted": before.counted_json(),
            "counted_until": after.counted_json(),
            "arrived": arrived,
            "changed": changes(*states),
        }


def _asked(record: Record, shown: Shown) -> dict[str, bool]:
    """Return of every nomination, meeting and appeal whether it is asked for: their streams do not say."""
    found = {nomination: shown.path(way.path) for nomination, way in ways_of(record).items()}
    for event in record.kind("nomination", "NominationFiledLate"):
        found.setdefault(event.data["nomination"], shown.stage(event.data["entry"]))
    for stream, meeting in record.meetings.items():
        if meeting.convened is not None:
            said = meeting.convened.data
            place = {"season": said["season"], "province": said["province"]}
            items = [{**place, "category": item["category"]} for item in said["agenda"]]
            found[stream.partition("/")[2]] = any(shown.stage(item) for item in items)
    for event in record.kind("appeal", "AppealLodged"):
        found[event.data["appeal"]] = shown.stage(event.data["at"])
    return found


def decided(folder: Folder, moment: Moment | None, shown: Shown) -> dict[str, Any]:
    """Return the standings at every decision, up to a moment if one is given. Raises Damaged."""
    past: Past
    kinds = [kind for kind in KINDS if kind not in ("indicator", "sheet")]
    (past,) = Reader(folder, voting=True, kinds=kinds).at(moment.instant if moment else FOREVER)
    with folder.sound():
        said: dict[str, Any] = {} if moment is None else {"as_of": moment.as_json()}
        return said | {"counted": past.counted_json(), "decisions": decisions_of(past.record, shown)}
