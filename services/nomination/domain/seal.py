"""Whether a stage's received seal may still be decided on, or has to be made anew.

A seal says what it rests on (its basis): the complete eligible set of nominations
and the versions of the streams that were read. It is stale when something ranking-relevant was appended here before
the seal was received and beyond its basis: such a seal is answered by ResealOrdered and cannot be tabled. Relevant are
who competes (CandidateNominated, NominationWithdrawn, StageAdvanced, NominationEliminated), whose marks count
(MemberAppointed, MemberRemoved, ConflictDeclared), verdicts on an earlier stage whose figures the seal carries
(DecisionReviewed), and orders to make the seal anew that it carries them from (ResealOrdered); a newer rulebook is not,
since a stage keeps the version that it was opened under. What was appended after the seal arrived changes nothing: a
withdrawal then leaves its seat empty, and a verdict orders every seal anew that its figures reach, however many stages
on.

The committee counts as it was when the stage was sealed first, by the recorded times of both events: by then the totals
were known, and whoever knows them could take marks out by a conflict or a removal. That holds for a change between the
seal and its receipt, and when the stage is sealed anew for another reason. A withdrawal between the seal and its
receipt came after it as well, and leaves its seat empty.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from kernel.decider import Emit
from schemas.envelope import StreamPoint
from schemas.nomination import ResealOrdered
from schemas.rulebook import Rulebook
from schemas.scoring import standings_digest
from services.nomination.domain.award import Award
from services.nomination.domain.committee import Committee, committee_stream
from services.nomination.domain.nomination import Nomination, NominationState
from services.nomination.domain.ranking import Ranking, Seal
from services.nomination.domain.refusals import refuse
from services.nomination.domain.season import Season

# --- staleness -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stale:
    """How a seal's basis differs from what was known here when it arrived; empty: it does not."""

    points: tuple[StreamPoint, ...] = ()
    missing: tuple[str, ...] = ()
    superfluous: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.points or self.missing or self.superfluous)

    def told(self) -> str:
        """Return the streams and nominations that differ, for a refusal."""
        points = [f"{point.stream} v{point.version}" for point in self.points]
        return ", ".join((*points, *self.missing, *self.superfluous))


def staleness(
    seal: Seal, committee: Committee, nominations: Mapping[str, NominationState], awards: Mapping[str, Award]
) -> Stale:
    """Compare a seal's basis with what stood in this service's log before it.

    Args:
        seal: the received seal.
        committee: the committee stream of the stage's place.
        nominations: every nomination that can have reached the stage, and every one that the basis names.
        awards: by stream, the awards of every stage that these have passed.
    """
    at, basis = seal.said.at, seal.said.basis
    eligible = {
        id_
        for id_, state in nominations.items()
        if isinstance(state, Nomination) and state.was_eligible(at, seal.position, seal.time)
    }
    known_to_have_left = {row.nomination for row in seal.said.unrankable if row.reason == "withdrawn"}
    named = set(basis.nominations)
    seen = {point.stream: point.version for point in basis.streams}
    stream = committee_stream(at.season, at.province)
    changes = tuple(
        StreamPoint(stream=stream, version=change.version)
        for change in committee.changes
        if change.version > seen.get(stream, 0)
        and change.position < seal.first.position
        and change.time <= seal.first.time
    )
    return Stale(
        points=(*changes, *_unheard(seal, seen, awards)),
        missing=tuple(sorted(eligible - named)),
        superfluous=tuple(sorted(named - eligible - known_to_have_left)),
    )


def _unheard(seal: Seal, seen: Mapping[str, int], awards: Mapping[str, Award]) -> Iterator[StreamPoint]:
    """Yield where awards tell of what changed a ranking which the seal carries from, and did not know of.

    That is a verdict on it, or an order to seal it anew. An order that scoring had not heard of finds fault with the
    very seal that was carried from: scoring makes no other one before it hears of the order, and none is ordered twice.
    """
    carried = {point.stream for point in seal.said.basis.carried}
    for stream, award in sorted(awards.items()):
        verdicts = [(one.version, one.position) for one in award.corrected if one.at.ranking in carried]
        orders = [(one.version, one.position) for one in award.orders if one.ranking in carried]
        for version, position in sorted((*verdicts, *orders)):
            if version > seen.get(stream, 0) and position < seal.position:
                yield StreamPoint(stream=stream, version=version)


def judge_seal(
    received: str,
    ranking: Ranking,
    award: Award,
    committee: Committee,
    nominations: Mapping[str, NominationState],
    awards: Mapping[str, Award],
) -> Sequence[Emit]:
    """Order a new seal when the received one is current and stale, once; otherwise do nothing."""
    seal = ranking.current
    if seal is None or seal.id != received or received in award.reseals:
        return ()
    stale = staleness(seal, committee, nominations, awards)
    if not stale:
        return ()
    return (ordered_anew(seal, stale),)


def ordered_anew(seal: Seal, stale: Stale) -> Emit:
    """Return the order to seal a ranking anew for what its seal left out or named though it was over."""
    at = seal.said.at
    order = ResealOrdered(
        ranking=at.ranking, seal=seal.id, stale=stale.points, missing=stale.missing, superfluous=stale.superfluous
    )
    return Emit(at.award, order)


# --- what a plenary may rest on ------------------------------------------------------------------------------------


def citable(
    seal: Seal,
    ranking: Ranking,
    season: Season,
    award: Award,
    committee: Committee,
    nominations: Mapping[str, NominationState],
    awards: Mapping[str, Award],
) -> Rulebook:
    """Return the rules that a seal was made under when a plenary may rest on it now; raise Refused."""
    said = seal.said
    current = ranking.current
    if current is None or seal.id != current.id:
        raise refuse("seal-superseded", "seal", seal.id)
    rules = unaltered(seal, season, "digest", "seal")
    stale = staleness(seal, committee, nominations, awards)
    if stale or seal.id in award.reseals:
        raise refuse("seal-stale", "seal", seal.id, stale=stale.told() or said.at.ranking)
    return rules


def unaltered(seal: Seal, season: Season, of_digest: str, of_rules: str) -> Rulebook:
    """Return the rules that a seal was made under when it is what it was; raise Refused, for the fields named."""
    said = seal.said
    computed = standings_digest(said.standings, said.unrankable)
    if said.digest != computed:
        raise refuse("seal-digest-wrong", of_digest, said.digest, computed=computed)
    if season.hashes.get(said.rulebook_version) != said.rulebook_hash:
        raise refuse("seal-under-other-rules", of_rules, seal.id, version=said.rulebook_version)
    return season.rulebooks[said.rulebook_version]
