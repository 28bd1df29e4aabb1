"""What happens in a season while it is frozen, after it was closed, or outside of its windows is found."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from schemas.envelope import Stage
from schemas.nomination import (
    AppealLodged,
    Candidate,
    CommitteeFormed,
    DeadlineExtended,
    NominationAmended,
    NominationFiledLate,
    NominationResubmitted,
    NominationWithdrawn,
    PlenaryConvened,
    SeasonFrozen,
    SeasonUnfrozen,
)
from schemas.rulebook import Rulebook
from schemas.scoring import AspectScored, SheetRead
from services.nomination.domain.amending import AmendRulebook, amend_rulebook
from services.nomination.domain.closing import close_season
from services.nomination.domain.season import (
    ByTwo,
    ExtendNomination,
    extend_nomination,
    freeze_season,
    unfreeze_season,
)
from tests.unit.audit.exported import forged
from tests.unit.audit.forging import codes, of, rules, said, verified
from tests.unit.audit.played import SALTED, Play, mark, person

SEASON = "season/2020"
AT = Stage(season="2020", tier="provincial", province="75", category="KABKOTA", stage="seleksi")
BY = ByTwo("2020", person("first"), person("second"), SALTED)


class Seasons(Play):
    """A season that is amended, extended, frozen and closed."""

    def freeze(self) -> None:
        self.record(freeze_season(BY, self._season()))

    def unfreeze(self) -> None:
        self.record(unfreeze_season(BY, self._season()))

    def close(self) -> None:
        self.log.now = datetime(2021, 7, 2, tzinfo=UTC)
        self.record(close_season(BY, self._season(), self.log.now))

    def amend(self) -> None:
        content = {**self.rules.model_dump(mode="json", exclude_none=True), "version": 2}
        content["stages"][0]["quota"]["places"] = 9
        self.record(amend_rulebook(AmendRulebook("2020", Rulebook.from_content(content), SALTED), self._season()))

    def extend(self, until: datetime, province: str | None = None) -> None:
        command = ExtendNomination("2020", province, until, self.log.now, SALTED)
        self.record(extend_nomination(command, self._season()))

    def pass_(self, **time: float) -> None:
        self.log.now += timedelta(**time)


def season() -> Seasons:
    play = Seasons(rules())
    play.open_season()
    return play


def eventful() -> Seasons:
    """Return a season with everything: a later window used, an amendment, a freeze in which a sheet was read."""
    play = season()
    play.nominate("75.03", "Kabupaten Bone Bolango", AT)
    play.extend(datetime(2021, 2, 10, 23, 59, 59))  # noqa: DTZ001 - a local time, as it is asked
    play.extend(datetime(2021, 2, 20, 23, 59, 59), "75")  # noqa: DTZ001
    play.log.now = datetime(2021, 2, 15, tzinfo=UTC)
    play.nominate("75.71", "Kota Gorontalo", AT)
    play.amend()
    play.freeze()
    play.pass_(hours=1)
    read = {"nomination": person("nomination 75.03"), "at": AT, "member": person("m"), "reader": person("r")}
    play.say(f"sheet/{read['nomination']}/provincial-seleksi/{read['member']}", SheetRead.model_validate(read))
    play.pass_(hours=1)
    play.unfreeze()
    play.say(f"nomination/{person('nomination 75.71')}", withdrawn("75.71"))
    play.close()
    return play


def withdrawn(code: str) -> NominationWithdrawn:
    return NominationWithdrawn(nomination=person(f"nomination {code}"), at=AT, reason_digest=SALTED)


def test_an_eventful_season_is_found_in_order(tmp_path):
    assert said(verified(eventful().log, tmp_path)) == ""


def say_withdrawn(play: Seasons) -> None:
    play.say(f"nomination/{person('nomination 75.03')}", withdrawn("75.03"))


def say_formed(play: Seasons) -> None:
    term = {"term_from": date(2021, 1, 1), "term_until": date(2021, 12, 31)}
    formed = CommitteeFormed(season="2020", province="75", body="panitia-9", decree="SK 12/2021", **term)
    play.say("committee/2020/75", formed)


def say_convened(play: Seasons) -> None:
    place: dict[str, Any] = {"season": "2020", "tier": "provincial", "province": "75", "body": "panitia-9"}
    convened = PlenaryConvened(plenary=person("p"), scheduled=play.log.now, agenda=(), **place)
    play.say(f"plenary/{person('p')}", convened)


def say_appeal(play: Seasons) -> None:
    lodged = AppealLodged(
        appeal=person("a"),
        nomination=person("nomination 75.03"),
        at=AT,
        plenary=person("p"),
        motion=1,
        by=person("contact"),
        capacity="contact",
        reason_digest=SALTED,
    )
    play.say(f"appeal/{person('a')}", lodged)


@pytest.mark.parametrize(
    ("how", "change"),
    [
        *[("frozen", change) for change in (say_withdrawn, say_formed, say_convened)],
        *[("closed", change) for change in (say_withdrawn, say_formed, say_convened, say_appeal)],
    ],
)
def test_what_happens_in_a_season_that_is_held_is_found(tmp_path, change: Callable[[Seasons], None], how):
    play = season()
    play.nominate("75.03", "Kabupaten Bone Bolango", AT)
    (play.freeze if how == "frozen" else play.close)()
    play.pass_(minutes=1)
    change(play)
    play.pass_(minutes=1)
    if how == "frozen":
        play.unfreeze()
    report = verified(play.log, tmp_path)
    assert "the season 2020 was frozen or closed" in said(report)
    found = next(finding for finding in report.findings if "was frozen or closed" in finding.what)
    assert found.place.stream is not None
    assert not found.place.stream.startswith("season/")


def test_an_appeal_is_taken_while_a_season_is_frozen(tmp_path):
    play = season()
    play.nominate("75.03", "Kabupaten Bone Bolango", AT)
    play.freeze()
    play.pass_(minutes=1)
    say_appeal(play)
    play.pass_(minutes=1)
    play.unfreeze()
    assert "was frozen or closed" not in said(verified(play.log, tmp_path))


def test_what_lies_a_few_seconds_beside_a_freeze_may_have_come_before_it(tmp_path):
    play = season()
    play.nominate("75.03", "Kabupaten Bone Bolango", AT)
    play.freeze()
    say_withdrawn(play)
    assert said(verified(play.log, tmp_path)) == ""


@pytest.mark.parametrize(("minutes", "faulty"), [(5, False), (59, False), (61, True)])
def test_what_scoring_lets_pass_soon_after_a_freeze_is_remarked_and_later_a_fault(tmp_path, minutes, faulty):
    """It hears of a freeze when that is delivered; what it took until then the record cannot tell from what it knew."""
    play = season()
    play.nominate("75.03", "Kabupaten Bone Bolango", AT)
    play.freeze()
    play.pass_(minutes=minutes)
    stream = f"sheet/{person('nomination 75.03')}/provincial-seleksi/{person('m')}"
    filed_mark = {"nomination": person("nomination 75.03"), "at": AT, "member": person("m")}
    play.say(stream, AspectScored(mark=mark("kinerja", "80"), **filed_mark))
    report = verified(play.log, tmp_path)
    assert ("was frozen or closed" in said(report)) is faulty
    assert report.good is not faulty
    remarks = [(remark.code, remark.place.stream) for remark in report.remarks]
    assert remarks == ([] if faulty else [("late", stream)])
    assert report.as_json()["remarks"] == [remark.as_json() for remark in report.remarks]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (of("SeasonFrozen", lambda data: data.update(second=data["first"])), "takes two administrators"),
        (of("SeasonUnfrozen", lambda data: data.update(second=data["first"])), "takes two administrators"),
        (of("SeasonClosed", lambda data: data.update(second=data["first"])), "takes two administrators"),
        (of("RulebookAmended", lambda data: data.update(version=3)), "the version after 1 is 2, not 3"),
        (of("RulebookAmended", lambda data: data["content"].update(version=7)), "of another season or version"),
        (
            of("RulebookAmended", lambda data: data["content"]["stages"][0].update(body="panitia-lain")),
            "`body` of the stage",
        ),
        (of("RulebookAmended", lambda data: data["content"]["stages"][0].pop("next")), "`next` of the stage"),
        (
            of("DeadlineExtended", lambda data: data.update(until="2021-01-10T00:00:00.000000Z")),
            "which is not earlier",
        ),
        (
            of("DeadlineExtended", lambda data: data.update(until="2021-02-10T16:59:59.999999Z")),
            "outside of the window",
        ),
        (of("DeadlineExtended", lambda data: data.update(province="33")), "outside of the window"),
        (of("CandidateNominated", lambda data: data["entry"].update(stage="x")), "begins at another stage"),
    ],
)
def test_a_season_that_was_tampered_with_is_found(tmp_path, change, words):
    report = verified(forged(eventful().log, change), tmp_path)
    assert words in said(report)


def test_what_a_closed_or_frozen_season_says_of_itself_is_found(tmp_path):
    play = eventful()
    play.pass_(days=1)
    play.say(SEASON, SeasonUnfrozen(season="2020", first=person("a"), second=person("b"), reason_digest=SALTED))
    assert "the season was closed" in said(verified(play.log, tmp_path))


def test_a_season_closed_before_its_end_or_frozen_twice_is_found(tmp_path):
    play = season()
    again = SeasonFrozen(season="2020", first=person("a"), second=person("b"), reason_digest=SALTED)
    play.say(SEASON, again, again)
    assert "the season was frozen" in said(verified(play.log, tmp_path))
    late = {"closes": "2029-12-31T23:59:59"}
    change = of("RulebookAmended", lambda data: data["content"]["calendar"].update(late))
    assert "was closed before its end" in said(verified(forged(eventful().log, change), tmp_path / "closed"))


def test_a_season_closed_while_an_appeal_was_open_is_found(tmp_path):
    play = season()
    play.log.now = datetime(2021, 6, 30, tzinfo=UTC)
    say_appeal(play)
    play.close()
    assert "was not decided when the season was closed" in said(verified(play.log, tmp_path))


def filed(play: Seasons) -> None:
    candidate = Candidate(kind="regency", code="75.02", name="Kabupaten Boalemo")
    late = NominationFiledLate(
        nomination=person("late"),
        entry=AT,
        candidate=candidate,
        nominating_body="75",
        nominated_by=person("secretariat"),
        contact=person("contact"),
        reason_digest=SALTED,
    )
    play.say(f"nomination/{person('late')}", late)


def test_a_nomination_out_of_its_window_is_found(tmp_path):
    play = season()
    play.log.now = datetime(2021, 1, 31, 16, 0, 5, tzinfo=UTC)  # five seconds after midnight in Gorontalo
    play.nominate("75.03", "Kabupaten Bone Bolango", AT)
    assert said(verified(play.log, tmp_path / "near")) == ""
    play.pass_(minutes=1)
    play.nominate("75.71", "Kota Gorontalo", AT)
    report = verified(play.log, tmp_path / "late")
    assert codes(report) == {"season"}
    assert "outside of the window" in said(report)
    early = Seasons(rules())
    early.log.now = datetime(2020, 8, 1, tzinfo=UTC)
    early.open_season()
    early.nominate("75.71", "Kota Gorontalo", AT)
    assert "outside of the window" in said(verified(early.log, tmp_path / "early"))


def corrected(play: Seasons, name: str = "Kabupaten Boalemo", code: str = "75.02") -> None:
    """Correct what was filed late."""
    said = NominationAmended(
        nomination=person("late"),
        candidate=Candidate(kind="regency", code=code, name=name),
        contact=person("another"),
        reason_digest=SALTED,
    )
    play.say(f"nomination/{person('late')}", said)


def taken_back(play: Seasons, at: Stage = AT) -> None:
    said = NominationWithdrawn(nomination=person("late"), at=at, reason_digest=SALTED)
    play.say(f"nomination/{person('late')}", said)


def waiting() -> Seasons:
    """Return a season in which a nomination was filed late."""
    play = season()
    play.log.now = datetime(2021, 2, 1, tzinfo=UTC)
    filed(play)
    return play


def test_what_was_filed_late_may_be_corrected_and_taken_back(tmp_path):
    play = waiting()
    corrected(play)
    taken_back(play)
    assert said(verified(play.log, tmp_path)) == ""


def test_what_cannot_be_done_with_what_waits_is_found(tmp_path):
    play = waiting()
    corrected(play, code="75.03")
    assert "it names another candidate" in said(verified(play.log, tmp_path / "another"))
    play = waiting()
    taken_back(play)
    corrected(play)
    assert "it was taken back before" in said(verified(play.log, tmp_path / "after"))
    play = waiting()
    taken_back(play, AT.model_copy(update={"category": "BESAR"}))
    assert "it was not filed for this stage" in said(verified(play.log, tmp_path / "elsewhere"))
    play = waiting()
    play.say(f"nomination/{person('late')}", NominationResubmitted(nomination=person("late"), at=AT))
    assert "nothing admits it before" in said(verified(play.log, tmp_path / "resubmitted"))


def test_what_was_filed_late_while_the_window_was_open_is_found(tmp_path):
    play = season()
    filed(play)
    assert "while the window was open" in said(verified(play.log, tmp_path / "open"))
    play = season()
    play.log.now = datetime(2021, 2, 1, tzinfo=UTC)
    filed(play)
    assert said(verified(play.log, tmp_path / "over")) == ""
    extended = {"season": "2020", "window": "nomination", "reason_digest": SALTED}
    play = season()
    play.say(SEASON, DeadlineExtended.model_validate({**extended, "until": datetime(2021, 3, 1, tzinfo=UTC)}))
    play.log.now = datetime(2021, 2, 1, tzinfo=UTC)
    filed(play)
    assert "while the window was open" in said(verified(play.log, tmp_path / "extended"))
