"""An answer of a replay as lines for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Json = Mapping[str, Any]


def stage_text(at: Json | None) -> str:
    """Return a stage as one word: season/tier/province/category/stage."""
    return "no stage" if at is None else "/".join(str(at[one]) for one in _STAGE)


_STAGE = ("season", "tier", "province", "category", "stage")


def counted_lines(counted: Json) -> Iterator[str]:
    """Say which events an answer counted."""
    last = counted["last"]
    if last is None:
        yield "counted: no event had been recorded by then"
        return
    yield f"counted: {counted['events']} events; the last is {last['type']} {last['event']} of {last['time']}"
    yield f"         id {last['id']}, at {last['at']}"


def _moment_line(what: str, moment: Json) -> str:
    return f"{what} {moment['instant']} ({moment['asked']}: {moment['taken']})"


# --- a state -------------------------------------------------------------------------------------------------------


def state_lines(said: Json) -> Iterator[str]:
    """Say a state."""
    yield _moment_line("as of", said["as_of"])
    if said["mode"] == "effective":
        yield "EFFECTIVE: what was true then, as known now; docs/replay.md says what counts beyond what was recorded"
    else:
        yield "RECORDED: what had been recorded by then, and nothing that came later"
    yield from counted_lines(said["counted"])
    for one in said.get("counted_beyond", ()):
        yield f"counted beyond: {one['type']} {one['event']} of {one['time']}, at {one['at']}"
    if not said["seasons"]:
        yield "no season had been opened by then"
    for season in said["seasons"]:
        yield ""
        yield from _season_lines(season)


def _season_lines(season: Json) -> Iterator[str]:
    rules = f"rulebook version {season['rulebook_version']}"
    yield f"SEASON {season['season']} {season['title']}: {season['status']} since {season['since']}, {rules}"
    if "nominations" not in season:
        yield f"  it was closed: --season {season['season']} shows it"
        return
    names = {one["nomination"]: _name(one["candidate"]) for one in season["nominations"]}
    yield f"  NOMINATIONS: {len(season['nominations'])}"
    for one in season["nominations"]:
        by = one["by"]
        yield f"    {one['nomination']} {_name(one['candidate'])}: {stage_text(one['stage'])}, {one['status']}"
        yield f"      since {by['type']} {by['event']}"
    for one in season["committees"]:
        yield from _committee_lines(one)
    for one in season["rankings"]:
        yield from ranking_lines(one, names)
    for one in season["winners"]:
        yield f"  WINNER {stage_text(one['at'])}: rank {one['rank']}, {named(one['nomination'], names)} ({one['by']})"
    if season["status"] == "frozen":
        yield f"  FROZEN: the whole season, since {season['since']}"
    for one in season["freezes"]:
        stages = ", ".join(stage_text(at) for at in one["stages"])
        yield f"  FROZEN by the appeal {one['appeal']} since {one['since']}: {stages} ({one['by']})"
    for one in season["appeals_pending"]:
        about = f"of {named(one['nomination'], names)} at {stage_text(one['at'])}, lodged {one['lodged']}"
        later = f"; UPHELD LATER by {one['upheld_later']}" if one["upheld_later"] else ""
        yield f"  APPEAL PENDING {one['appeal']} {about} ({one['by']}){later}"


def _name(candidate: Json) -> str:
    return f"{candidate['code']} {candidate['name']}"


def named(nomination: str, names: Mapping[str, str]) -> str:
    """Return a nomination with its candidate."""
    return f"{nomination} {names[nomination]}" if nomination in names else nomination


def _committee_lines(one: Json) -> Iterator[str]:
    terms = ", ".join(f"{each['decree']}: {each['term_from']} to {each['term_until']}" for each in one["decrees"])
    office = "in office" if one["in_office"] else "NOT in office on that day"
    yield f"  COMMITTEE {one['province']} {one['body']}: {office} ({terms or 'no decree'})"
    for seat in one["seats"]:
        yield f"    {seat['office']} {seat['seat']}: {seat['person']} ({seat['by']})"
    for interest in one["interests"]:
        what = f"nomination {interest['nomination']}" if interest["nomination"] else f"category {interest['category']}"
        yield f"    interest of {interest['person']} in {what} ({interest['by']})"


def ranking_lines(one: Json, names: Mapping[str, str]) -> Iterator[str]:
    """Say one stage's standings."""
    kind = "PROVISIONAL, computed by the audit; nobody sealed it" if one["provisional"] else "as sealed"
    yield f"  RANKING {stage_text(one['at'])}: {one['status']}, {kind}; rulebook version {one['rulebook_version']}"
    yield from basis_lines(one)
    yield from standing_lines(one, names)


def basis_lines(one: Json) -> Iterator[str]:
    """Say what standings rest on."""
    if one["provisional"]:
        left_out = ", ".join(f"{count} {reason}" for reason, count in one["excluded_sheets"].items())
        yield f"    {one['counted_sheets']} sheets counted; left out: {left_out or 'none'}"
        yield f"    sheets are received until {one['scored_until']}"
        return
    seal = one["seal"]
    yield f"    sealed {seal['time']} by {seal['event']}, digest {seal['digest']}"
    for verdict in one["verdicts"]:
        yield f"    corrected by the verdict {verdict}"


def standing_lines(one: Json, names: Mapping[str, str]) -> Iterator[str]:
    """Say who stands where."""
    for row in one["standings"]:
        tie = row.get("tie")
        parted = "" if tie is None else f"; parted by {tie['rule']} {tie.get('aspect', '')} {tie['figure']}"
        shared = f"; rank {row['rank']} was shared" if row["shared"] else ""
        who = named(row["nomination"], names)
        yield f"    {row['place']:>3}. {who}: {row['shown']} = {row['total']}{parted}{shared}"
    for row in one["unrankable"]:
        why = " ".join(str(row[part]) for part in ("reason", "aspect") if part in row)
        yield f"      -. {named(row['nomination'], names)}: unrankable, {why}, {row['sheets']} sheets"


# --- two states ----------------------------------------------------------------------------------------------------


def change_lines(said: Json) -> Iterator[str]:
    """Say what came between two moments."""
    yield _moment_line("after", said["as_of"])
    yield _moment_line("up to", said["until"])
    yield from counted_lines(said["counted_until"])
    count = sum(len(one["events"]) for one in said["arrived"])
    yield f"ARRIVED: {count} events in {len(said['arrived'])} streams"
    for one in said["arrived"]:
        kinds = Counter(event["type"] for event in one["events"])
        first, last = one["events"][0], one["events"][-1]
        kinds_text = ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items()))
        yield f"  {one['stream']}@{first['version']}..{last['version']}: {kinds_text}"
        yield f"    {first['time']} to {last['time']}, at {one['file']}:{first['line']}..{last['line']}"
        yield f"    by {', '.join(_actors(one['events']))}"
    for name, changes in said["changed"].items():
        yield f"CHANGED {name}: {len(changes)}"
        for one in changes:
            (key,) = [value for part, value in one.items() if part not in ("before", "after")]
            yield f"  {key}: {_brief(one['before'])} -> {_brief(one['after'])}"


def _actors(events: Iterable[Json]) -> list[str]:
    """Return who wrote, each once: the office, if it is said, and the pseudonym."""
    return sorted({f"{one['office'] or 'no office'} {one['actor'] or 'nobody'}" for one in events})


def _brief(value: Any) -> str:
    if value is None:
        return "absent"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {one}" for name, one in value.items() if one is not None)
    return str(value)


# --- decisions -----------------------------------------------------------------------------------------------------


def decision_lines(said: Json) -> Iterator[str]:
    """Say the standings at every decision."""
    if "as_of" in said:
        yield _moment_line("decisions up to", said["as_of"])
    yield from counted_lines(said["counted"])
    yield f"DECISIONS: {len(said['decisions'])}"
    for one in said["decisions"]:
        yield ""
        yield f"{one['time']} {stage_text(one['at'])}: on {one['kind']}, {one['outcome']}"
        yield f"  {one['decision']} motion {one['motion']}, id {one['id']}, at {one['found']}"
        yield f"  votes {_brief(one['tally'])}; {_quorum(one['quorum'])}; rulebook version {one['rulebook_version']}"
        if "seal" in one:
            yield from basis_lines(one)
            yield from standing_lines(one, {})
        for result in one["results"]:
            told = " ".join(str(result[part]) for part in ("nomination", "rank", "reason") if part in result)
            yield f"  -> {result['type'] or 'an event that is not here'} {told} ({result['event']})"


def _quorum(quorum: Json) -> str:
    recused = f", recused {', '.join(quorum['recused'])}" if quorum.get("recused") else ""
    return f"quorum {quorum['present']} of {quorum['seats']} seats, {quorum['required']} required{recused}"
