"""What a season came to, as the services tell it, and whether it is what the script says.

Rankings are read from scoring, announced results and plenaries from nomination. Totals are compared as the exact
fractions they are; where one differs, the play has failed, however close it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from cli.play.client import Client, Json, Unexpected
from cli.play.script import Code, Place, Round, Script
from schemas.envelope import Stage
from schemas.rulebook import Rulebook

AUDITOR = "auditor"


@dataclass(frozen=True, slots=True)
class Decided:
    """How one stage of one category ended at a place."""

    at: Stage
    expected: Round
    ranking: Json
    """The sealed ranking, as scoring shows it."""
    announced: Json
    """The announced result, as nomination shows it to the public."""
    motion: Json
    """The plenary's motion with its votes and decision, as nomination shows it."""

    @property
    def outcomes(self) -> dict[str, str]:
        """Return what was announced of each nomination: advanced, eliminated or winner."""
        return {line["nomination"]: line["outcome"] for line in self.announced["lines"]}


@dataclass(frozen=True, slots=True)
class Reviewed:
    """How an appeal ended."""

    shown: Json
    """The appeal as nomination shows it, with its comparison."""
    announced: Json
    """The corrected result."""


@dataclass(slots=True)
class Played:
    """What a season came to."""

    script: Script
    rulebook: Rulebook
    nominations: dict[Code, str] = field(default_factory=dict)
    """Nomination ids by candidate."""
    contacts: dict[Code, str] = field(default_factory=dict)
    """The contacts' persons' ids by candidate."""
    plenaries: dict[tuple[str, str], str] = field(default_factory=dict)
    """Plenary ids by province and body."""
    slots: dict[Code, datetime] = field(default_factory=dict)
    """When each finalist is heard, by candidate."""
    appeal: str = ""
    """The appeal's id; empty in a season without."""
    reviewed: str = ""
    """The plenary that decided the appeal."""
    verdict: Reviewed | None = None
    """How the appeal ended."""
    certificates: list[Json] = field(default_factory=list)
    """Every certificate, revoked ones too, in the order of their issue."""
    decided: list[Decided] = field(default_factory=list)
    standing: dict[str, Json] = field(default_factory=dict)
    """Every nomination by its id, as nomination shows it at the end."""
    refused: Json | None = None
    """The problem document of the mark that was refused."""
    repeated: Json | None = None
    """The receipt of the nomination that was sent twice, the same both times."""

    def named(self, code: Code) -> str:
        """Return a candidate's name."""
        return next(one.name for one in self.script.nominees if one.code == code)


async def read_back(played: Played, client: Client) -> None:
    """Read what came out, and compare it with the script. Raises Unexpected."""
    season = played.script.season
    ours = [stream for stream in client.heads if stream.split("/")[1] == season]
    awards = [stream for stream in ours if stream.startswith("award/")]
    nominations = [f"nomination/{one}" for one in played.nominations.values()]
    await asyncio.gather(
        client.folded("nomination", f"/v1/public/results/{season}"),
        client.arrived(AUDITOR, "nomination", "/v1/plenaries", awards),
        client.arrived(AUDITOR, "nomination", "/v1/nominations", nominations),
        client.arrived(AUDITOR, "scoring", "/v1/rankings", [one for one in ours if one.startswith("ranking/")]),
    )
    results = await client.read_all(None, "nomination", f"/v1/public/results/{season}")
    announced: dict[Stage, Json] = {}
    for result in results:
        # What an appeal corrects is announced again: the first announcement is the seal's.
        announced.setdefault(Stage.model_validate(result["at"]), result)
    for place in played.script.places:
        plenary = await client.read(
            AUDITOR, "nomination", f"/v1/plenaries/{played.plenaries[place.province, place.body]}"
        )
        for number, round_ in enumerate(place.stages):
            at = round_.at(season, place)
            path = f"/v1/rankings/{at.season}/{at.tier}/{at.province}/{at.category}/{at.stage}"
            ranking = await client.read(AUDITOR, "scoring", path)
            played.decided.append(Decided(at, round_, ranking, announced[at], plenary["motions"][number]))
    found = await client.read_all(AUDITOR, "nomination", "/v1/nominations", season=season)
    played.standing = {one["nomination"]: one for one in found}
    if played.script.nation is not None:
        await _read_centre(played, client, results)
    found_wrong = [
        *(line for one in played.decided for line in differences(one)),
        *_endings(played),
        *_of_the_centre(played),
    ]
    if found_wrong:
        raise Unexpected(f"season {season} came out otherwise than its script says: {'; '.join(found_wrong[:5])}")


async def _read_centre(played: Played, client: Client, results: list[Json]) -> None:
    """Read how the appeal ended, and the certificates; each is also checked as anybody can check it."""
    season = played.script.season
    appeal = f"appeal/{played.appeal}"
    awards = [one for one in client.heads if one.startswith(f"award/{season}/")]
    await asyncio.gather(
        client.arrived(AUDITOR, "nomination", "/v1/appeals", [appeal]),
        client.arrived(AUDITOR, "nomination", "/v1/certificates", awards),
    )
    shown = await client.read(AUDITOR, "nomination", f"/v1/appeals/{played.appeal}")
    played.verdict = Reviewed(shown, next(one for one in results if one["plenary"] == played.reviewed))
    played.certificates = await client.read_all(AUDITOR, "nomination", "/v1/certificates", season=season)
    checks = (
        client.read(None, "nomination", f"/v1/public/certificates/{one['certificate']}") for one in played.certificates
    )
    for one, checked in zip(played.certificates, await asyncio.gather(*checks), strict=True):
        if (checked["status"] == "valid") is not (one["revoked"] is None):
            raise Unexpected(f"the certificate {one['number']} is {checked['status']} to the public")


def _of_the_centre(played: Played) -> Iterator[str]:
    """Say how the verdict on the appeal and the certificates differ from the script."""
    nation, verdict = played.script.nation, played.verdict
    if nation is None or verdict is None:
        return
    codes = {nomination: code for code, nomination in played.nominations.items()}
    totals = {row["nomination"]: row["after"] for row in verdict.shown["decision"]["comparison"]}
    found = [
        (codes[line["nomination"]], line["rank"], totals[line["nomination"]]["total"], line["outcome"])
        for line in verdict.announced["lines"]
    ]
    expected = [(one.candidate, one.rank, one.total, one.outcome) for one in nation.appeal.standings]
    if (verdict.shown["state"], found) != ("upheld", expected):
        yield f"the appeal is {verdict.shown['state']}: expected {expected}, found {found}"
    revoked = sum(one["revoked"] is not None for one in played.certificates)
    counts = len(played.certificates) - revoked, revoked
    wanted = nation.certificates, nation.appeal.revoked
    if counts != wanted:
        yield f"certificates in force and revoked: expected {wanted}, found {counts}"


def differences(one: Decided) -> Iterator[str]:
    """Say how a sealed ranking and its announcement differ from the script."""
    where, ranking, seal = f"{one.at.category} at {one.at.province}", one.ranking, one.ranking.get("seal")
    if seal is None or not seal["sample"] or one.announced["digest"] != seal["digest"]:
        yield f"{where} is not sealed, not marked a sample, or announced under another seal"
        return
    excluded = [each["reason"] for each in seal["excluded"]]
    if excluded != ["recused"] * one.expected.recused_sheets:
        yield f"{where}: expected {one.expected.recused_sheets} sheets of recused members left out, found {excluded}"
    expected = [
        (line.candidate, line.rank, line.total, line.shown, line.tie and line.tie.model_dump(), line.outcome)
        for line in one.expected.standings
    ]
    found = [
        (line["candidate"], line["rank"], line["total"], line["shown"], line["tie"], one.outcomes[line["nomination"]])
        for line in ranking["standings"]
    ]
    for wanted, came in zip(expected, found, strict=False):
        if wanted != came:
            yield f"{where}: expected {wanted}, found {came}"
    if len(expected) != len(found):
        yield f"{where}: expected {len(expected)} ranked, found {len(found)}"
    unranked = [(line.candidate, line.reason, line.sheets) for line in one.expected.unrankable]
    left_out = [(line["candidate"], line["reason"], line["sheets"]) for line in ranking["unrankable"]]
    if unranked != left_out:
        yield f"{where}: expected without a rank {unranked}, found {left_out}"
    if one.motion["decision"]["outcome"] != "carried":
        yield f"{where}: the motion was {one.motion['decision']['outcome']}"


def _endings(played: Played) -> Iterator[str]:
    """Say which nominations stand elsewhere at the end than the last round that the script has of them says."""
    nation = played.script.nation
    rejected = None if nation is None else nation.rejected.candidate
    for code, nomination in played.nominations.items():
        if code == rejected:
            if played.standing[nomination]["status"] != "rejected":
                yield f"{code} is {played.standing[nomination]['status']}, and should be rejected"
            continue
        place, round_ = _last_round(played.script, code)
        outcome = round_.outcome(code)
        found = played.standing[nomination]
        at = round_.at(played.script.season, place)
        status = {"advanced": "competing", "eliminated": "eliminated", "winner": "winner"}[outcome]
        moved_on = Stage.model_validate(found["stage"]) != at
        if found["status"] != status or moved_on is not (outcome == "advanced"):
            yield f"{code} is {found['status']} at {found['stage']['stage']}, and should be {outcome} from {at.stage}"


def _last_round(script: Script, code: Code) -> tuple[Place, Round]:
    return [(place, round_) for place in script.places for round_ in place.stages if code in round_.marks][-1]
