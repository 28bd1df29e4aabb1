"""An explanation as lines that can be read aloud: each sentence with the event that it rests on and where it lies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from services.audit.replay.telling import counted_lines, stage_text

Json = Mapping[str, Any]

_REASONS = {
    "too-few-sheets": "fewer sheets count than the rubric asks for",
    "aspect-unmarked": "no counted sheet marks an aspect",
    "unmeasured": "an aspect is not measured",
    "not-carried": "an aspect has no figure at the earlier stage",
    "withdrawn": "the nomination was withdrawn",
}
_EXCLUDED = {
    "recused": "its member is recused on this nominee",
    "removed": "its member had lost the seat when the ranking was sealed",
    "voided": "it was voided",
    "not-submitted": "it was not submitted",
    "not-eligible": "the nominee did not compete any more",
}


def explanation_lines(said: Json) -> Iterator[str]:
    """Say why a nominee stands where it stands."""
    candidate = said["candidate"]
    whose = "" if candidate is None else f": {candidate['code']} {candidate['name']}"
    yield f"NOMINATION {said['nomination']}{whose} ({said['status']})"
    yield from counted_lines(said["counted"])
    yield from _log_lines(said)
    yield "way:"
    for step in said["way"]:
        yield f"  {step['time']} {step['type']}{_step(step['says'])} [{where(step)}]"
    for stage in said["stages"]:
        yield ""
        yield from _stage_lines(stage)
    yield ""
    yield from _withheld_lines(said)


def _withheld_lines(said: Json) -> Iterator[str]:
    """Say what the explanation does without: it is not in the log, and may have been erased."""
    yield "WITHHELD: the names of persons, who are pseudonyms here"
    for event, texts in sorted(_texts_in(said)):
        for name, digest in sorted(texts):
            yield f"          the words of the {name.removesuffix('_digest')} in {event}, known by the digest {digest}"


def _texts_in(value: Any) -> set[tuple[str, tuple[tuple[str, str], ...]]]:
    if isinstance(value, list):
        return set().union(*map(_texts_in, value))
    if not isinstance(value, dict):
        return set()
    own = {(value["event"], tuple(value["withheld"].items()))} if "withheld" in value and "event" in value else set()
    return own.union(*map(_texts_in, value.values()))


def _log_lines(said: Json) -> Iterator[str]:
    """Say what the places behind each statement rest on."""
    log = said.get("log")
    if log is not None:
        yield f"log: {log['origin']}, {log['size']} leaves, root {log['root']}"
        yield f"     {len(log['proofs'])} events are cited below, each shown to be the leaf that is named of this root"
    elif "log" in said:
        yield "log: there is no checkpoint in this folder, so that no event can be shown to be a leaf"
    if "log" in said:
        yield "     topic/partition/offset is where the audit service read an event: its word, which nothing proves"


def figure_text(number: str) -> str:
    """Return an exact fraction as people write it: a whole number without its denominator of one."""
    return number.removesuffix("/1")


def where(event: Json) -> str:
    """Return where an event lies: stream and version, id, line of the folder, place on Kafka, leaf of the log."""
    read = "" if event.get("offset") is None else f", {event['topic']}/{event['partition']}/{event['offset']}"
    leaf = "" if event.get("leaf") is None else f", leaf {event['leaf']}"
    return f"{event['event']} id {event['id']}, {event['found']}{read}{leaf}"


def _step(says: Json) -> str:
    stages = {"entry": "at", "at": "at", "left": "from", "reached": "to", "returned": "back to"}
    told = [f"{word} {stage_text(says[name])}" for name, word in stages.items() if name in says]
    told += [f"{name} {says[name]}" for name in ("rank", "reason") if name in says]
    return " " + ", ".join(told) if told else ""


def _stage_lines(stage: Json) -> Iterator[str]:
    yield f"STAGE {stage_text(stage['at'])}"
    if stage["opened"] is None:
        yield "  it was never opened for scoring, so that there is no rank"
    elif not stage["seals"]:
        yield f"  opened for scoring [{where(stage['opened'])}] and no seal names the nominee, so that there is no rank"
        yield "  paritrana audit replay --as-of shows what would be provisional"
    for seal in stage["seals"]:
        yield from _seal_lines(seal)
    for appeal in stage["appeals"]:
        yield from _appeal_lines(appeal)


def _seal_lines(said: Json) -> Iterator[str]:
    seal, result = said["seal"], said["result"]
    yield f"  SEALED {seal['time']} [{where(seal)}]"
    if said["superseded"] is not None:
        yield f"    this seal was replaced [{where(said['superseded'])}]; the next one counts"
    if "rank" in result:
        shared = ", shared" if result["shared"] else ""
        total = figure_text(result["total"])
        yield f"    rank {result['rank']} of {said['nominees']}{shared}: {result['shown']} = {total}"
    else:
        about = f" ({result['aspect']})" if "aspect" in result else ""
        yield f"    unrankable: {_REASONS.get(result.get('reason', ''), 'it is not said why')}{about}"
    yield from _rules_lines(said["rules"])
    yield from _sheet_lines(said)
    for aspect in said["aspects"]:
        yield from _aspect_lines(aspect, said["rules"])
    yield from _arithmetic_lines(said["arithmetic"], said["rules"])
    yield from _tie_lines(said["ties"], said["rules"])
    for decision in said["decisions"]:
        yield from _decision_lines(decision)


def _rules_lines(rules: Json) -> Iterator[str]:
    published = "it is not here" if rules["published"] is None else where(rules["published"])
    yield f"    rules: rubric {rules['rubric']} of rulebook version {rules['rulebook_version']} [{published}]"
    if rules["pinned"] is not None:
        yield f"      pinned when the stage was opened [{where(rules['pinned'])}]"
    yield f"      marks are taken together by their {_method(rules)}"
    yield f"      at least {rules['least_sheets']} sheets must count"
    yield f"      rounded once, to {rules['rounding']['places']} places, {rules['rounding']['mode']}"
    yield f"      equals are parted by {', '.join(rules['tie_break']) or 'nothing'}; {rules['quota']} advance"


def _method(rules: Json) -> str:
    if rules["method"] != "trimmed-mean":
        return str(rules["method"])
    return f"trimmed mean: from {rules['trim_from']} marks on, {rules['trim']} fall at each end"


def _sheet_lines(said: Json) -> Iterator[str]:
    counted, excluded = said["sheets"]["counted"], said["sheets"]["excluded"]
    yield f"    sheets: {len(counted)} counted, {len(excluded)} left out"
    for one in counted:
        submitted = one["submitted"]
        lies = f"{one['sheet']}@{one['version']}" if submitted is None else f"submitted {where(submitted)}"
        yield f"      counted: {one['office']} {one['member']} [{lies}]"
    for one in excluded:
        why = _EXCLUDED.get(one["reason"], one["reason"])
        yield f"      left out: {one['sheet']}@{one['version']}: {why}"
        for event in one["because"]:
            yield f"        by {event['type']} [{where(event)}]"
    for one in said["recusals"]:
        flagged = ", flagged only: the member takes part" if one["flagged"] else ""
        yield f"      recusal: member {one['member']}, {one['reason']}{flagged}"


def _aspect_lines(aspect: Json, rules: Json) -> Iterator[str]:
    figure = "no figure" if aspect["figure"] is None else f"figure {figure_text(aspect['figure'])}"
    yield f"    ASPECT {aspect['aspect']} ({aspect['origin']}): {figure}"
    weight, whole, share = (figure_text(aspect[name]) for name in ("weight", "of", "share"))
    yield f"      weight {weight} of {whole} = {share}"
    match aspect["origin"]:
        case "judged":
            yield from _judged_lines(aspect, rules)
        case "measured":
            yield from _measured_lines(aspect["measured"])
        case _:
            yield from _carried_lines(aspect["carried"])
    if aspect["points"] is not None:
        yield f"      points: {share} x {figure_text(aspect['figure'])} = {figure_text(aspect['points'])}"


def _judged_lines(aspect: Json, rules: Json) -> Iterator[str]:
    for one in aspect["marks"]:
        mark = "does not apply" if one["mark"] is None else one["mark"]
        yield f"      {one['office']} {one['member']}: {mark} [{where(one['given'])}]"
        for earlier in one["earlier"]:
            yield f"        before it was {earlier['mark']} [{where(earlier)}]"
    if aspect["figure"] is None:
        return
    marks, dropped = (", ".join(figure_text(one) for one in aspect[name]) for name in ("sorted", "dropped"))
    without = f", without {dropped}" if dropped else ""
    yield f"      {rules['method']} of {marks}{without} = {figure_text(aspect['figure'])}"


def _measured_lines(measured: Json | None) -> Iterator[str]:
    if measured is None:
        yield "      nothing had been measured by the wording that the stage pinned"
        return
    yield f"      measured by {measured['measure']} [{where(measured)}]"
    if "ratio" in measured:
        share = figure_text(measured["ratio"])
        least, greatest = (figure_text(measured["scale"][end]) for end in ("least", "greatest"))
        numerator, denominator = (figure_text(measured[name]) for name in ("numerator", "denominator"))
        yield f"      {numerator} over {denominator}, at most the measure's cap: {share}"
        yield f"      on the scale: {least} x (1 - {share}) + {greatest} x {share}"
    else:
        yield f"      unmeasured: {measured['lack']}"
    yield f"      from {measured['facts']} facts with the digest {measured['digest']}, read up to:"
    for batch in measured["batches"]:
        if batch["here"]:
            facts = batch["facts"]
            offsets = f"{facts['topic']}/{facts['partition']} offsets {facts['first']} to {facts['last']}"
            yield f"        {offsets}, root {facts['root']} [{where(batch)}]"
        else:
            yield f"        {batch['event']}, which is not here"


def _carried_lines(carried: Json) -> Iterator[str]:
    yield f"      carried from {carried['aspect']} of {carried['tier']} {carried['stage']}, explained at that stage"
    for one in carried["from"]:
        yield f"        {one['type']} [{where(one)}]"


def _arithmetic_lines(said: Json, rules: Json) -> Iterator[str]:
    if said["total"] is None:
        lacking = ", ".join(said["lacking"])
        yield f"    TOTAL none{': there is no figure for ' + lacking if lacking else ''}"
    else:
        terms = [" x ".join(figure_text(one) for one in term) for term in said["terms"]]
        yield f"    TOTAL {' + '.join(terms)} = {figure_text(said['total'])}"
        rounding = rules["rounding"]
        yield f"      rounded {rounding['mode']} to {rounding['places']} places: {said['shown']}"
    if not said["agrees"]:
        yield "      THIS IS NOT WHAT WAS SEALED: run paritrana audit verify, which tells such findings"


def _tie_lines(ties: Json | None, rules: Json) -> Iterator[str]:
    if ties is None:
        return
    yield f"    EQUALS: {len(ties['equals'])} have this total; the rules part them by {', '.join(rules['tie_break'])}"
    for one in ties["equals"]:
        tie = one["parted_by"]
        by = "not parted" if tie is None else f"parted by {tie['rule']} {tie.get('aspect', '')}: {tie['figure']}"
        place = f", then place {one['place']}" if one["place"] != one["rank"] else ""
        yield f"      {one['nomination']} {one['candidate']}: rank {one['rank']}, {by}{place}"
    for one in ties["by_people"]:
        seed = f" with the seed {one['seed']}" if "seed" in one else ""
        yield f"      by {one['method']}{seed}, {one['outcome']}: {', '.join(one['order'])} [{where(one['decision'])}]"
        yield from _vote_lines(one)


def _decision_lines(said: Json) -> Iterator[str]:
    proposed = {"advancing": "the nominee was to advance", "eliminated": "the nominee was to leave"}
    what = proposed.get(said["proposed"] or "", "the motion does not name the nominee")
    yield f"    DECIDED {said['decision']['time']}: {what}; {said['outcome']} [{where(said['decision'])}]"
    yield from _decided_lines(said)


def _decided_lines(said: Json) -> Iterator[str]:
    """Say the count, who voted how, and what came of a decision."""
    tally, quorum = said["tally"], said["quorum"]
    votes = f"{tally['votes_for']} for, {tally['votes_against']} against, {tally['abstained']} abstained"
    yield f"      {votes}; {quorum['present']} present of {quorum['seats']} seats, {quorum['required']} required"
    yield from _vote_lines(said)
    for one in said["results"]:
        if not one.get("here", True):
            yield f"      result: {one['event']}, which is not here"
        else:
            rank = f" rank {one['rank']}" if "rank" in one else ""
            reason = f" ({one['reason']})" if "reason" in one else ""
            yield f"      result: {one['type']}{rank}{reason} [{where(one)}]"
    for one in said["announced"]:
        until = one["appeals_until"] or "no appeal is possible"
        yield f"      announced {one['time']}, appeals until {until} [{where(one)}]"


def _vote_lines(said: Json) -> Iterator[str]:
    for one in said["votes"]:
        yield f"      {one['office']} {one['member']} voted {one['vote']} [{where(one)}]"
    for one in said["paper"]:
        yield f"      secret, on paper: {one['type']} [{where(one)}]"


def _appeal_lines(said: Json) -> Iterator[str]:
    whose = "the nominee's own appeal" if said["own"] else f"an appeal of {said['by']}, which changes the place"
    about = f" about {said['aspect']}" if said["aspect"] else ""
    yield f"  APPEAL {said['appeal']}: {whose}{about} [{where(said['lodged'])}]"
    if said["decided"] is None:
        yield "    no verdict yet"
        return
    yield f"    {said['outcome']} [{where(said['decided'])}]"
    for figure in said["figures"]:
        given = figure.get("value") or f"marks {', '.join(figure.get('marks') or ())}"
        yield f"    {figure['aspect']} becomes {given}"
    if said["arithmetic"] is not None:
        yield from _corrected_lines(said["arithmetic"])
    shift = said["shift"]
    if shift is not None:
        before, after = (
            f"rank {shift.get(f'rank_{when}', 'none')} with {shift.get(f'total_{when}', 'no total')}"
            for when in ("before", "after")
        )
        yield f"    the nominee: {before}; then {after} ({shift['change']})"
    if said["heard"] is not None:
        heard = said["heard"]
        yield f"    DECIDED {heard['decision']['time']}; {heard['outcome']} [{where(heard['decision'])}]"
        yield from _decided_lines(heard)
    if said["counts"]:
        yield "    its standings count from then on"


def _corrected_lines(said: Json) -> Iterator[str]:
    for one in said["set"]:
        if one["method"] is not None:
            yield f"      their {one['method']} is {figure_text(one['figure'])}"
    terms = [" x ".join(figure_text(part) for part in term) for term in said["terms"]]
    rounding = f"rounded {said['rounding']['mode']} to {said['rounding']['places']} places: {said['shown']}"
    yield f"    TOTAL after it {' + '.join(terms)} = {figure_text(said['total'])}; {rounding}"
    if not said["agrees"]:
        yield "      THIS IS NOT WHAT THE VERDICT SAYS: run paritrana audit verify, which tells such findings"
