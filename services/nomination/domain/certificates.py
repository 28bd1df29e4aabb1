"""Certificates (piagam): what is due to winners and finalists, issued once each, and revoked when an appeal says so.

What is due follows from the rules that the path's last sealed ranking was made under. Issuing is idempotent by nature:
the command issues whatever is due and not yet in force, on the award's stream, whose count makes the numbers. The
appeal window need not have ended: an upheld appeal revokes what no longer holds, and then the command issues anew,
under a new number, what has become due.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from zoneinfo import ZoneInfo

from kernel.decider import Aggregate, Emit, Happened
from schemas.envelope import Stage
from schemas.nomination import AppealDecided, AppealLodged, CertificateIssued
from schemas.regions import NATION
from schemas.rulebook import Certificate as CertificateRules
from schemas.rulebook import Rulebook, Tier
from services.nomination.domain.award import Award
from services.nomination.domain.committee import Committee
from services.nomination.domain.nomination import Nomination, NominationState
from services.nomination.domain.plenary import Actor, check_office, offices_of
from services.nomination.domain.ranking import Ranking, Seal
from services.nomination.domain.refusals import decides, refuse
from services.nomination.domain.season import SeasonState, opened

# --- open appeals --------------------------------------------------------------------------------------------------


def _still_open(state: bool, happened: Happened) -> bool:  # noqa: FBT001 - the state of an appeal, as far as it matters here
    match happened.event:
        case AppealLodged():
            return True
        case AppealDecided():
            return False
        case _:
            return state


OPEN_APPEAL: Final = Aggregate[bool](initial=lambda: False, evolve=_still_open, kind="open-appeal")
"""Whether an appeal waits for its decision; streams `appeal/<id>`."""


# --- what is due ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Due:
    """A certificate that the rules grant: which, to whom, for reaching or winning at which stage."""

    kind: str
    given_to: Literal["winner", "finalist"]
    nomination: Nomination
    at: Stage
    rank: int | None


def last_stage(rules: Rulebook, tier: Tier, province: str, category: str) -> Stage | None:
    """Return the last stage of a category's path at a tier, in a province or the nation; None where there is none."""
    stages = rules.stages_for(category, tier)
    if not stages or (tier == "national") is not (province == NATION):
        return None
    return Stage(season=rules.season, tier=tier, province=province, category=category, stage=stages[-1].code)


def certificates_due(
    rules: Rulebook, last: Stage, award: Award, nominations: Mapping[str, NominationState]
) -> tuple[Due, ...]:
    """Return every certificate that a path grants: in the rulebook's order, winners by rank, finalists by their code.

    Args:
        rules: the rulebook that the path's last ranking was sealed under.
        last: the path's last stage of its tier. Where the path goes on in the next tier, who advanced there is who won.
        award: the award, with the winners that stand.
        nominations: every nomination that can have reached the path's stages. A finalist is who reached the stage, in
            whichever way it left it later: winners too, and those who withdrew.
    """
    known = sorted((one for one in nominations.values() if isinstance(one, Nomination)), key=_code)
    ranked = sorted(_ranked(last, award, known), key=lambda one: one[1])
    found: list[Due] = []
    for granted in rules.certificates:
        if granted.tier == last.tier and granted.given_to == "winner":
            found += (Due(granted.code, "winner", state, last, rank) for state, rank in ranked)
        elif granted.tier == last.tier:
            found += _finalists(granted, last, known)
    return tuple(found)


def _code(nomination: Nomination) -> str:
    return nomination.candidate.code


def _ranked(last: Stage, award: Award, known: Iterable[Nomination]) -> Iterator[tuple[Nomination, int]]:
    """Yield who won at the end of the path, or went on to the next tier, with the rank that it holds by now."""
    for state in known:
        rank = award.rank_of(state, last)
        if rank is not None:
            yield state, rank


def _finalists(granted: CertificateRules, last: Stage, reached: Iterable[Nomination]) -> Iterator[Due]:
    """Yield a certificate for everybody who reached its stage; for nobody, where the path does not pass there."""
    at = last.model_copy(update={"stage": granted.stage})
    for state in reached:
        if any(step.stage == at for step in state.steps):
            yield Due(granted.code, "finalist", state, at, None)


# --- issuing -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class IssueCertificates:
    """Issue what is due of a category's path in a tier and place; `ids` are as many as there may be certificates."""

    season: str
    tier: Tier
    province: str
    category: str
    actor: Actor
    received: datetime
    ids: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Return the path as people write it."""
        return f"{self.season}/{self.tier}/{self.province}/{self.category}"


@dataclass(frozen=True, slots=True)
class Path:
    """What stands on a path: its award, the rankings of its last stage, its nominations, its undecided appeals."""

    award: Award
    ranking: Ranking
    nominations: Mapping[str, NominationState]
    open_appeals: Collection[str] = ()


@decides
def issue_certificates(
    command: IssueCertificates, season: SeasonState, committee: Committee, path: Path
) -> Sequence[Emit]:
    """Issue what is due and not in force, by an office that publishes or the secretary, once all is announced.

    That is the decision on the path's last stage, and every verdict that corrected a result of the path.

    Nothing, when everything due was issued before.
    """
    known = opened(season, command.season)
    last = last_stage(known.rulebook, command.tier, command.province, command.category)
    if last is None:
        raise refuse("award-unknown", "category", command.name)
    seal = path.ranking.seal(path.award.announced_seal(last))
    body = known.rulebook.body(known.rulebook.stage(last.tier, last.category, last.stage))
    formed = committee.formed(body.code)
    check_office(command.actor, body, formed, (*body.publishes, *offices_of(body, "clerk")))
    if seal is None:
        raise refuse("certificates-before-announcement", "category", command.name, stage=last.stage)
    if held := sorted({*path.award.freezes, *path.award.contests, *path.open_appeals}):
        raise refuse("certificates-under-appeal", "category", command.name, appeals=", ".join(held))
    if path.award.unannounced:
        raise refuse("certificates-before-verdict", "category", command.name)
    rules = known.rulebooks[seal.said.rulebook_version]
    in_force = {(one.kind, one.nomination) for one in path.award.certificates if not one.revoked}
    due = certificates_due(rules, last, path.award, path.nominations)
    missing = [one for one in due if (one.kind, one.nomination.id) not in in_force]
    return tuple(_issued(missing, command, seal, rules, path.award))


def _issued(
    missing: Iterable[Due], command: IssueCertificates, seal: Seal, rules: Rulebook, award: Award
) -> Iterator[Emit]:
    path = seal.said.at
    dated = command.received.astimezone(ZoneInfo(rules.zone(path.province))).date()
    counts = Counter(one.kind for one in award.certificates)
    for id_, due in zip(command.ids, missing, strict=False):
        counts[due.kind] += 1
        certificate = CertificateIssued(
            certificate=id_,
            number=number_of(counts[due.kind], due.kind, path),
            kind=due.kind,
            given_to=due.given_to,
            nomination=due.nomination.id,
            candidate=due.nomination.candidate.name,
            at=due.at,
            rank=due.rank,
            dated=dated,
            rulebook_version=rules.version,
            sample=due.nomination.sample or seal.said.sample,
        )
        yield Emit(path.award, certificate)


def number_of(count: int, kind: str, path: Stage) -> str:
    """Return the number that is printed on the `count`th certificate of a kind on its award's stream.

    `001/PIAGAM-PEMENANG/KABKOTA/PA-2020` of the nation, `001/PIAGAM-PEMENANG/KABKOTA/PROV-81/PA-2022` of a province:
    a number is never given twice in a season, since revoked certificates are counted too.
    """
    place = () if path.province == NATION else (f"PROV-{path.province}",)
    return "/".join((f"{count:03}", kind.upper(), path.category, *place, f"PA-{path.season}"))
