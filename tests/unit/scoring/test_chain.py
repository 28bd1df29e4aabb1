"""A figure that is carried over two stages, worked out by hand: what an upheld appeal on the first does to the third.

Policy (`kebijakan`) is judged at the province alone, carried to the centre's verification, and from there to the
interview. N1 had 80, 80 and 81 for it: 241/3. A verdict sets it to 271/3.

- Verification: policy weighs 2, performance (`kinerja`), which is judged there, 1. N1 has 90: 2/3 x 241/3 + 1/3 x 90 =
  752/9, and by the verdict 2/3 x 271/3 + 30 = 812/9.
- Interview: policy and performance weigh 1 each, the interview 2. N1 has 70 there: (241/3 + 90 + 140) / 4 = 931/12, and
  by the verdict (271/3 + 230) / 4 = 961/12.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

from kernel.decider import Decision
from schemas.envelope import Stage, StreamPoint
from schemas.scoring import CarriedAspect, PinnedRules, ScoringClosed
from services.scoring.domain.ranking import Rules
from services.scoring.domain.received import Award, Order, Verdict
from services.scoring.domain.seal import FiledSheet, Inputs, SealRanking, corrected, decide_seal
from services.scoring.domain.sheet import Sheet, sheet_stream
from services.scoring.domain.stage import RANKING, Closed, Sealed
from tests.unit.scoring.given import (
    AFTER,
    AT,
    CLERK,
    CLOSES,
    MEMBER,
    N1,
    N2,
    NATIONAL,
    a_committee,
    a_nomination,
    a_season,
    an_id,
    aspect,
    events,
    happened,
    mark,
    opened,
    pinned,
    refusal,
)

INTERVIEW = NATIONAL.model_copy(update={"stage": "wawancara"})
PANEL = (MEMBER, an_id("second"), an_id("third"))
APPEAL = an_id("appeal")
DECIDED = {N1: {"kebijakan": Fraction(271, 3)}}
VERDICT = Verdict(f"appeal/{APPEAL}", 2, DECIDED, DECIDED)
REVIEWED = Award(corrected={AT.ranking: (APPEAL,)})
WAY = a_nomination(N1, AT, NATIONAL, INTERVIEW)


def carried(code: str, share: str, source: Stage) -> Any:
    origin = CarriedAspect(tier=source.tier, stage=source.stage, aspect=code)
    return aspect(code, share, "carried", carried=origin)


SELECTING = pinned(aspect("kebijakan"))
VERIFYING = pinned(carried("kebijakan", "2/3", AT), aspect("kinerja", "1/3"))
HEARING = pinned(carried("kebijakan", "1/4", NATIONAL), carried("kinerja", "1/4", NATIONAL), aspect("wawancara", "1/2"))
DIRECT = pinned(carried("kebijakan", "1/4", AT), carried("kinerja", "1/4", NATIONAL), aspect("wawancara", "1/2"))


def closed(at: Stage, rules: PinnedRules) -> Closed:
    event = opened(rules, at)
    return Closed(event, Rules.of(event.rules), CLOSES, {})


def sheets(at: Stage, code: str, *marks: str) -> tuple[FiledSheet, ...]:
    return tuple(
        FiledSheet(sheet_stream(N1, at, who), 2, N1, who, Sheet("submitted", {code: mark(code, text)}, at=at))
        for who, text in zip(PANEL, marks, strict=False)
    )


FILED = {
    AT: sheets(AT, "kebijakan", "80", "80", "81"),
    NATIONAL: sheets(NATIONAL, "kinerja", "90"),
    INTERVIEW: sheets(INTERVIEW, "wawancara", "70"),
}


def seal(at: Stage, rules: PinnedRules, sources: Mapping[str, Any], ranking: Any = None, **also: Any) -> Decision:
    """Seal a stage with these earlier seals."""
    given = Inputs(
        ranking=ranking or closed(at, rules),
        committee=a_committee(*PANEL),
        nominations=(WAY,),
        sheets=FILED.get(at, ()),
        versions={},
        carried=sources,
        season=a_season(),
    )
    return decide_seal(replace(given, **also), SealRanking(at, CLERK, AFTER))


def sealed(at: Stage, rules: PinnedRules, decision: Decision) -> Sealed:
    """Return the stage as a decision sealed it, for the first time or anew; its ids tell the two apart."""
    said = events(decision)
    history = [opened(rules, at), ScoringClosed(at=at)]
    if len(said) > 1:
        history += events(seal(at, rules, {AT.ranking: selection()}))
    state = RANKING.fold(happened(at.ranking, [*history, *said]))
    assert isinstance(state, Sealed)
    return state


def selection() -> Sealed:
    return sealed(AT, SELECTING, seal(AT, SELECTING, {}))


def verification() -> Sealed:
    return sealed(NATIONAL, VERIFYING, seal(NATIONAL, VERIFYING, {AT.ranking: selection()}))


def reviewed(old: Sealed) -> tuple[Award, Award]:
    """Return both awards once the verdict has fallen: the province's, and the nation's with its order."""
    return REVIEWED, Award(orders={NATIONAL.ranking: Order(an_id("order"), old.id)})


def verified_anew(old: Sealed) -> Sealed:
    also = {"verdicts": {AT.ranking: [VERDICT]}, "awards": reviewed(old), "ranking": old}
    return sealed(NATIONAL, VERIFYING, seal(NATIONAL, VERIFYING, {AT.ranking: selection()}, **also))


def total(decision: Decision) -> str:
    (row,) = events(decision)[-1].standings
    figure: str = row.total
    return figure


def test_without_an_appeal_the_third_stage_carries_what_the_second_did():
    old = verification()
    assert old.figures == {N1: {"kebijakan": Fraction(241, 3), "kinerja": Fraction(90)}}
    assert old.sealed.standings[0].total == "752/9"
    decision = seal(INTERVIEW, HEARING, {NATIONAL.ranking: old})
    assert total(decision) == "931/12"
    assert events(decision)[0].basis.carried == (StreamPoint(stream=NATIONAL.ranking, version=3),)


def test_while_the_second_stage_is_to_be_sealed_anew_the_third_is_not_sealed():
    """The verdict reaches the interview only by the second stage's new seal; until then its figure is 241/3."""
    old = verification()
    found = refusal(seal(INTERVIEW, HEARING, {NATIONAL.ranking: old}, awards=reviewed(old)))
    assert (found.code, found.status) == ("source-to-be-sealed-anew", 409)
    assert found.faults[0].value == NATIONAL.ranking


def test_after_the_second_stages_new_seal_the_third_has_the_verdicts_figure():
    old = verification()
    new = verified_anew(old)
    assert new.id != old.id
    assert new.sealed.standings[0].total == "812/9"
    assert {one.stream for one in new.sealed.basis.carried} == {AT.ranking, VERDICT.stream}
    decision = seal(INTERVIEW, HEARING, {NATIONAL.ranking: new}, awards=reviewed(old))
    assert total(decision) == "961/12"
    assert events(decision)[0].basis.carried == (StreamPoint(stream=NATIONAL.ranking, version=new.version),)


def test_the_third_stage_is_sealed_anew_only_after_the_second():
    old = verification()
    first = sealed(INTERVIEW, HEARING, seal(INTERVIEW, HEARING, {NATIONAL.ranking: old}))
    orders = {NATIONAL.ranking: Order(an_id("order"), old.id), INTERVIEW.ranking: Order(an_id("order 2"), first.id)}
    awards = (REVIEWED, Award(orders=orders))
    early = seal(INTERVIEW, HEARING, {NATIONAL.ranking: old}, ranking=first, awards=awards)
    assert refusal(early).code == "source-to-be-sealed-anew"
    again = seal(INTERVIEW, HEARING, {NATIONAL.ranking: verified_anew(old)}, ranking=first, awards=awards)
    assert total(again) == "961/12"


def test_a_figure_that_is_carried_directly_from_the_first_stage_is_the_verdicts_at_once():
    """Policy comes from the province itself, performance from verification, whose seal stands: (271/3 + 230) / 4."""
    sources = {AT.ranking: selection(), NATIONAL.ranking: verification()}
    assert total(seal(INTERVIEW, DIRECT, sources)) == "931/12"
    decision = seal(INTERVIEW, DIRECT, sources, verdicts={AT.ranking: [VERDICT]}, awards=(REVIEWED,))
    assert total(decision) == "961/12"
    cited = {one.stream for one in events(decision)[0].basis.carried}
    assert cited == {AT.ranking, NATIONAL.ranking, VERDICT.stream}


def test_an_order_holds_nobody_up_for_whom_nothing_is_carried_from_that_ranking():
    """Another province's ranking is to be sealed anew, but whom it sent on has withdrawn: its figures count nowhere."""
    other = AT.model_copy(update={"province": "81"})
    gone = a_nomination(an_id("gone"), other, NATIONAL, standing="withdrawn")
    elsewhere = sealed(other, SELECTING, seal(other, SELECTING, {}, nominations=(), sheets=()))
    awards = (Award(orders={other.ranking: Order(an_id("order"), elsewhere.id)}),)
    sources = {AT.ranking: selection(), other.ranking: elsewhere}
    here = a_nomination(N1, AT, NATIONAL)
    assert total(seal(NATIONAL, VERIFYING, sources, nominations=(here, gone), awards=awards)) == "752/9"
    back = replace(gone, standing="competing")
    waiting = seal(NATIONAL, VERIFYING, sources, nominations=(here, back), awards=awards)
    assert refusal(waiting).code == "source-to-be-sealed-anew"


def test_after_a_verdict_on_the_second_stage_and_its_new_seal_the_third_carries_of_each_what_counts():
    """Performance is the second stage's verdict's, policy the new seal's, which has it by the first's: 271/3 and 60."""
    old = verification()
    new = verified_anew(old)
    later = Verdict(
        "appeal/second", 2, {N1: {**old.figures[N1], "kinerja": Fraction(60)}}, {N1: {"kinerja": Fraction(60)}}
    )
    decision = seal(INTERVIEW, HEARING, {NATIONAL.ranking: new}, verdicts={NATIONAL.ranking: [later]})
    (row,) = events(decision)[-1].standings
    carried_ = {one.aspect: one.value for one in row.aspects if one.aspect != "wawancara"}
    assert carried_ == {"kebijakan": "271/3", "kinerja": "60/1"}


def test_every_verdict_keeps_its_own_figures_and_who_is_in_no_seal_has_the_last_ones():
    """Two verdicts on the first seal; in the new one the first nominee has other figures, and the second is gone."""
    first = Verdict("appeal/1", 2, {N1: {"a": Fraction(2), "b": Fraction(1)}}, {N1: {"a": Fraction(2)}})
    rows = {N1: {"a": Fraction(2), "b": Fraction(3)}, N2: {"a": Fraction(4), "b": Fraction(5)}}
    last = Verdict("appeal/2", 2, rows, {N1: {"b": Fraction(3)}})
    anew = {N1: {"a": Fraction(7), "b": Fraction(8), "c": Fraction(9)}}
    own = {"a": Fraction(2), "b": Fraction(3), "c": Fraction(9)}
    assert corrected(anew, [first, last]) == {N1: own, N2: rows[N2]}
    assert corrected(anew, []) == anew
