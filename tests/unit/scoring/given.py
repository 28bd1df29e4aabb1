"""What the specifications of scoring begin with: a stage, its rules, a committee, nominations, and happened events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID, uuid5

from kernel.decider import Emit, Happened, Refusal
from schemas.envelope import Stage
from schemas.exact import fraction_text
from schemas.nomination import Candidate, CandidateNominated
from schemas.scoring import IndicatorMeasured, Mark, PinnedAspect, PinnedRules, ScoringOpened
from services.scoring.domain.ranking import Rules
from services.scoring.domain.received import Committee, Interest, Nomination, Nominee, Season, Seat, Term
from services.scoring.domain.sheet import SHEET, Circumstances, Sheet
from services.scoring.domain.stage import Closed, Open

NAMESPACE = UUID("1c9f1b1a-6f0d-4f7e-8a55-1f2a3b4c5d6e")
AT = Stage(season="2020", tier="provincial", province="75", category="KABKOTA", stage="seleksi")
NATIONAL = Stage(season="2020", tier="national", province="00", category="KABKOTA", stage="verifikasi")
BODY = "panitia-9"
OPENS = datetime(2021, 2, 1, tzinfo=UTC)
CLOSES = datetime(2021, 2, 28, 15, 59, 59, 999_999, tzinfo=UTC)
NOW = datetime(2021, 2, 10, 8, tzinfo=UTC)
AFTER = CLOSES + timedelta(microseconds=1)
DIGEST = "d" * 64


def an_id(name: str) -> str:
    """Return the same id for the same name."""
    return str(uuid5(NAMESPACE, name))


MEMBER, CLERK, STRANGER = an_id("member"), an_id("clerk"), an_id("stranger")
N1, N2, N3 = sorted(an_id(f"nomination {number}") for number in (1, 2, 3))


def aspect(code: str, share: str = "1/1", origin: str = "judged", step: str = "0.5", **also: Any) -> PinnedAspect:
    return PinnedAspect.model_validate(
        {"code": code, "share": share, "origin": origin, "least": "0", "greatest": "100", "step": step, **also}
    )


MEASURE, DEFINITION = "kepatuhan-iuran", "e" * 64


def measured_aspect(code: str = "kepatuhan", share: str = "1/2", **also: Any) -> PinnedAspect:
    """Return an aspect that is measured."""
    return aspect(code, share, "measured", **{"measure": MEASURE, "definition": DEFINITION, **also})


def measured(nomination: str = N1, ratio: str | None = "1/2", **changed: Any) -> IndicatorMeasured:
    """Return a measurement: of one of two, unless another ratio is given; without one no fact was there."""
    figures = {"ratio": ratio, "numerator": ratio, "denominator": "1/1"} if ratio else {"lack": "no-facts"}
    said: dict[str, Any] = {
        "nomination": nomination,
        "season": "2020",
        "province": "75",
        "candidate": "75.03",
        "measure": MEASURE,
        "definition": DEFINITION,
        "rulebook_version": 1,
        "facts": 3,
        "digest": DIGEST,
        "basis": (),
        **figures,
    }
    return IndicatorMeasured.model_validate(said | changed)


def pinned(*aspects: PinnedAspect, **changed: Any) -> PinnedRules:
    """Return rules: two judged aspects of equal weight unless others are given."""
    said: dict[str, Any] = {
        "aspects": aspects or (aspect("kebijakan", "1/2"), aspect("kinerja", "1/2")),
        "method": "mean",
        "complete_sheet": "every-judged-aspect",
        "least_sheets": 1,
        "marks_of_removed": "kept-uncounted",
        "tie_break": ("aspect", "nomination-instant", "vote"),
        "places": 2,
        "rounding": "half-up",
        "conflict_scope": "candidate",
        "scoring_offices": ("sekretaris-daerah", "ketua-apindo"),
        "sealing_offices": ("sekretaris-panitia",),
    }
    return PinnedRules.model_validate(said | changed)


def weighted(**weights: int) -> tuple[PinnedAspect, ...]:
    """Return judged aspects with these relative weights."""
    whole = sum(weights.values())
    return tuple(aspect(code, fraction_text(Fraction(weight, whole))) for code, weight in weights.items())


def opened(rules: PinnedRules | None = None, at: Stage = AT) -> ScoringOpened:
    return ScoringOpened(
        at=at,
        body=BODY,
        rubric="pemerintah-daerah",
        rulebook_version=1,
        rulebook_hash=DIGEST,
        opens=OPENS,
        closes=CLOSES,
        rules=rules or pinned(),
    )


def an_open(rules: PinnedRules | None = None) -> Open:
    event = opened(rules)
    return Open(event, Rules.of(event.rules), event.closes, {})


def drawn(*members: str, nomination: str = N1, per_nominee: int = 2) -> Open:
    """Return an open stage that has scorers drawn: these for a nomination."""
    event = opened(pinned(per_nominee=per_nominee))
    assigned = {nomination: frozenset(members)} if members else {}
    return Open(event, Rules.of(event.rules), event.closes, assigned)


def seen_by(ranking: Open, *readers: str) -> Open:
    """Return an open stage of which these have seen marks."""
    return replace(ranking, readers=frozenset(readers))


def extended(until: datetime) -> Open:
    """Return an open stage whose deadline was moved."""
    event = opened()
    return Open(event, Rules.of(event.rules), until, {})


def a_closed(rules: PinnedRules | None = None) -> Closed:
    event = opened(rules)
    return Closed(event, Rules.of(event.rules), event.closes, {})


TERM = Term(date(2021, 1, 1), date(2021, 12, 31))
RULES: dict[str, Any] = {"calendar": {"zone": "Asia/Jakarta"}, "regions": {"table": "kemendagri-2020"}}
"""What of a season's rulebook tells the zones."""


def a_season() -> Season:
    """Return a season whose rules are known as far as its zones."""
    return Season(1, content=RULES)


def a_committee(*members: str, term: Term = TERM) -> Committee:
    """Return Panitia 9 in office with its clerk and these members (MEMBER if none are given)."""
    committee = Committee().form(BODY, term).appoint(Seat(BODY, "sekretaris-panitia", 1), CLERK)
    for number, member in enumerate(members or (MEMBER,), start=1):
        committee = committee.appoint(Seat(BODY, "ketua-apindo", number), member)
    return committee


def an_interest(committee: Committee, nomination: str | None = None, category: str = "KABKOTA") -> Committee:
    return committee.declare(MEMBER, Interest(category, nomination))


def a_candidate(code: str = "75.03", name: str = "Kabupaten Bone Bolango") -> Candidate:
    return Candidate(kind="regency", code=code, name=name)


def a_nomination(
    id_: str = N1, *path: Stage, code: str = "75.03", nominated: datetime = OPENS, **changed: Any
) -> Nomination:
    return Nomination(id_, a_candidate(code), nominated, path or (AT,), **changed)


def nominee(id_: str = N1, code: str = "75.03", kind: str = "regency", category: str = "KABKOTA") -> Nominee:
    return Nominee(id_, category, kind, code)


def nominated(id_: str = N1, code: str = "75.03", entry: Stage = AT, *, sample: bool = False) -> CandidateNominated:
    return CandidateNominated(
        nomination=id_,
        entry=entry,
        candidate=a_candidate(code),
        nominating_body="75",
        nominated_by=an_id("secretariat"),
        contact=an_id("contact"),
        sample=sample,
    )


def mark(code: str, value: str | None) -> Mark:
    return Mark(aspect=code, mark=None if value is None else Decimal(value))


def happened(stream: str, events: Iterable[Any], time: datetime = NOW) -> list[Happened]:
    """Return a stream's history, each event with an id of its own."""
    return [
        Happened(event=event, id=an_id(f"{stream} {version}"), stream=stream, version=version, time=time)
        for version, event in enumerate(events, start=1)
    ]


def a_sheet(*events: Any) -> Sheet:
    return SHEET.fold(happened("sheet/x", events))


def circumstances(**changed: Any) -> Circumstances:
    """Return what a member sees who may score a nomination now."""
    usual: dict[str, Any] = {
        "at": AT,
        "ranking": an_open(),
        "committee": a_committee(),
        "nomination": a_nomination(),
        "sheet": Sheet(),
        "season": a_season(),
    }
    return Circumstances(**(usual | changed))


def events(decision: Sequence[Emit] | Refusal) -> list[Any]:
    """Return the events of a decision; fail on a refusal."""
    assert not isinstance(decision, Refusal), decision
    return [emit.event for emit in decision]


def refusal(decision: Sequence[Emit] | Refusal) -> Refusal:
    """Return a decision's refusal, which speaks both languages and names field and remedy; fail on events."""
    assert isinstance(decision, Refusal), decision
    assert decision.detail.en != decision.detail.id
    assert decision.faults, decision.code
    for fault in decision.faults:
        assert fault.path
        assert fault.remedy.en
        assert fault.remedy.id
        assert fault.remedy.en != fault.remedy.id
    return decision
