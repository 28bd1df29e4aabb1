"""Minutes (berita acara) as programs read them: what a meeting's record says of itself, what it rests on and led to.

`minutes_printed` has the sheet that people sign, made of the same events with its own tables and sentences.

A pure fold of raw documents, as the other records are, but of one meeting and made when it is asked for: the meeting's
own stream, its committee's, and the events that the meeting names. The head of the meeting's stream stands in it, so
that a print can be checked against the log; nothing that happened after that head changes what is said here but the
official names of candidates, and texts that were erased.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from kernel.log import Recorded
from schemas.rulebook import Rulebook
from services.nomination.projections.documents import Json, name_of, pick
from services.nomination.projections.plenaries import Plenaries

Point = tuple[str, int]
"""A stream and the version of one event of it."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What minutes are made of, beside the meeting's own stream."""

    committee: Sequence[Recorded] = ()
    """The committee stream of the meeting's place."""
    named: Mapping[Point, Recorded] = field(default_factory=dict)
    """The events that the meeting names: its tabled seals, and what its decisions led to."""
    texts: Mapping[str, Json] = field(default_factory=dict)
    """The texts of corrigenda by digest: `body` (null when erased) and `salt`."""
    candidates: Mapping[str, Json] = field(default_factory=dict)
    """Code and official name of the candidates, by nomination."""


def record_of(meeting: Iterable[Recorded]) -> Json:
    """Return the record of a meeting from its own stream."""
    plenaries, state = Plenaries(), Plenaries().initial("")
    for event in meeting:
        state = plenaries.fold(state, event, "")
    return state


def named_points(record: Json) -> list[Point]:
    """Return the places of the events that a meeting's record names."""
    tabled = [(one["ranking"], one["seal_version"]) for one in record["tabled"]]
    decisions = [motion["decision"] for motion in record["motions"] if motion["decision"]]
    results = [(point["stream"], point["version"]) for decision in decisions for point in decision["results"]]
    return list(dict.fromkeys([*tabled, *results]))


def nominations_in(record: Json, named: Mapping[Point, Recorded]) -> set[str]:
    """Return the nominations that a meeting was about."""
    found: set[str] = set()
    for event in named.values():
        if name_of(event) == "RankingSealed":
            found.update(row["nomination"] for row in (*event.data["standings"], *event.data["unrankable"]))
        elif "nomination" in event.data:
            found.add(event.data["nomination"])
    for motion in record["motions"]:
        found.update((*motion.get("order", ()), *motion.get("advancing", ()), *motion.get("eliminated", ())))
        found.update((*motion.get("affected", ()), *((motion["nomination"],) if "nomination" in motion else ())))
    return found


def minutes_of(meeting: Sequence[Recorded], rules: Rulebook, sources: Sources) -> Json:
    """Return the minutes of a meeting from its stream and what it names.

    Args:
        meeting: the events of the meeting's stream, all of them.
        rules: the season's rulebook, for the titles of the body and its offices.
        sources: what the meeting names.
    """
    record, last = record_of(meeting), meeting[-1]
    ended = max(event.attributes["time"] for event in meeting if name_of(event) != "MinutesCorrected")
    body = rules.body(record["body"])
    said = pick(record, "plenary", "season", "tier", "province", "body", "convened", "scheduled", "agenda", "adjourned")
    return {
        **said,
        "title": pick(body.title.model_dump(mode="json"), "id", "en"),
        "zone": rules.zone(record["province"]),
        "offices": {
            office.code: {"role": office.role, **pick(office.title.model_dump(mode="json"), "id", "en")}
            for office in body.offices
        },
        **_committee(record, sources.committee, ended),
        "attendance": record["comings"],
        "items": [_item(item, record, sources) for item in record["agenda"]],
        "candidates": dict(sorted(sources.candidates.items())),
        "corrigenda": [_corrigendum(one, sources.texts) for one in record["corrigenda"]],
        "head": {"stream": last.stream, "version": last.version, "hash": last.hash.hex()},
    }


def _committee(record: Json, committee: Sequence[Recorded], ended: str) -> Json:
    """Return decree and term, who sat in the body while the meeting went on, and who had declared an interest."""
    found: Json = {"decree": None, "term_from": None, "term_until": None, "members": [], "recusals": []}
    categories = {item["category"] for item in record["agenda"]}
    for event in committee:
        data, time = event.data, event.attributes["time"]
        if time > ended:
            break
        match name_of(event):
            case "CommitteeFormed" if data["body"] == record["body"]:
                found |= pick(data, "decree", "term_from", "term_until")
            case "MemberAppointed" if data["body"] == record["body"]:
                found["members"].append(pick(data, "office", "seat", "person") | {"since": time, "until": None})
            case "MemberRemoved" if data["body"] == record["body"]:
                _end(found["members"], data["person"], time)
            case "ConflictDeclared" if data["category"] in categories:
                declared = pick(data, "person", "category", "nomination", "kind") | {"declared": time}
                declared["recorded_by"] = event.attributes["actor"]
                found["recusals"].append({"nomination": None, **declared})
            case "ConflictLifted":
                found["recusals"] = [one for one in found["recusals"] if not _is_lifted(one, data)]
    found["members"] = [one for one in found["members"] if one["until"] is None or one["until"] > record["convened"]]
    return found


def _end(members: Iterable[Json], person: str, time: str) -> None:
    for member in members:
        if member["person"] == person and member["until"] is None:
            member["until"] = time


def _is_lifted(recusal: Json, lifted: Json) -> bool:
    asked = (lifted["person"], lifted["category"], lifted.get("nomination"))
    return (recusal["person"], recusal["category"], recusal["nomination"]) == asked


def _item(item: Json, record: Json, sources: Sources) -> Json:
    """Return what was tabled and decided on one item."""
    tabled = [one for one in record["tabled"] if one["item"] == item]
    motions = [one for one in record["motions"] if one["item"] == item]
    return {
        "item": item,
        "tabled": [_tabled(one, sources.named) for one in tabled],
        "motions": [_motion(one, sources.named) for one in motions],
    }


def _tabled(tabled: Json, named: Mapping[Point, Recorded]) -> Json:
    """Return a tabled seal with its standings."""
    said = pick(tabled, "seal", "ranking", "seal_version", "digest", "time")
    seal = named.get((tabled["ranking"], tabled["seal_version"]))
    standings = seal.data["standings"] if seal else []
    unrankable = seal.data["unrankable"] if seal else []
    return {
        **said,
        "standings": [
            pick(row, "nomination", "candidate", "rank", "shared", "total", "shown", "tie") for row in standings
        ],
        "unrankable": [pick(row, "nomination", "candidate", "reason", "aspect", "sheets") for row in unrankable],
    }


def _motion(motion: Json, named: Mapping[Point, Recorded]) -> Json:
    """Return a motion with its decision, whose results say what they are."""
    said = {name: value for name, value in motion.items() if name not in ("item", "announced")}
    if motion["decision"] is None:
        return said
    results = [
        _result(point, named.get((point["stream"], point["version"]))) for point in motion["decision"]["results"]
    ]
    return {**said, "decision": {**motion["decision"], "results": results}}


def _result(point: Json, event: Recorded | None) -> Json:
    if event is None:
        return point
    return {
        **point,
        "event": name_of(event),
        **pick(event.data, "nomination", "rank", "reason", "at", "left", "reached"),
    }


def _corrigendum(corrigendum: Json, texts: Mapping[str, Json]) -> Json:
    """Return a corrigendum with its text, null when it was erased, and the salt that its digest was made with."""
    text = texts.get(corrigendum["text_digest"], {})
    return {**corrigendum, "text": text.get("body"), "salt": text.get("salt")}
