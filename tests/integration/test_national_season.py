"""A national season of 2019's size through the real stack, and a simple recount that must agree on every rank.

350 nominees of five categories are nominated by their provinces, scored by five members each, recused from, withdrawn,
sealed, decided on, interviewed and declared, all over HTTP. Nothing of the system computes what is expected here:
`tests.national.recount` does. The seed is printed; PARITRANA_TEST_SEED sets another.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Iterable, Mapping
from datetime import datetime
from fractions import Fraction
from typing import Any, Final

import pytest

from kernel.tokens import Grant
from tests.national import season2019
from tests.national.recount import Ranked, Rules, Sheet, figure, recount
from tests.national.season2019 import INTERVIEW_WEIGHT, INTERVIEWED, RULES, SCORERS, SEASON, WINNERS, Generated
from tests.support.stack import run_apart, say
from tests.support.whole import Json, Whole, person_of, whole_system

NOMINATES: Final = datetime.fromisoformat("2019-02-11T09:00:00+07:00")
SCORES: Final = datetime.fromisoformat("2019-04-08T09:00:00+07:00")
DECIDES: Final = datetime.fromisoformat("2019-06-03T09:00:00+07:00")
INTERVIEWS: Final = datetime.fromisoformat("2019-07-08T09:00:00+07:00")
JUDGES: Final = datetime.fromisoformat("2019-08-05T09:00:00+07:00")
BODIES: Final = {
    "tim-verifikasi": ("ketua-tim", "verifikator", "sekretaris-tim", "verifier"),
    "dewan-juri": ("ketua-juri", "juri", "sekretaris-juri", "juror"),
}
AT_ONCE: Final = 12


def seat_of(body: str, member: int) -> tuple[str, int]:
    """Return the office and seat of a body's member, counted from 0; the first leads."""
    chair, other, *_ = BODIES[body]
    return (chair, 1) if member == 0 else (other, member)


class Season:
    """The season while it is played."""

    def __init__(self, whole: Whole, made: Generated) -> None:
        self.whole = whole
        self.made = made
        self.ids: dict[str, str] = {}
        self.nominated: dict[str, datetime] = {}
        self.gate = asyncio.Semaphore(AT_ONCE)
        self.clerk = whole.token(Grant.of("secretary", committee="00"), person=person_of("sekretaris-nasional"))
        self.admin = whole.token(Grant.of("season-admin"))
        self.members = {
            body: [
                whole.token(
                    Grant.of(role, committee="00"),
                    *([Grant.of("chair", committee="00")] if member == 0 else []),
                    person=person_of(f"{body}-{member}"),
                )
                for member in range(SCORERS)
            ]
            for body, (_, _, _, role) in BODIES.items()
        }

    async def all(self, tasks: Iterable[Awaitable[Any]]) -> list[Any]:
        """Do things side by side, some at a time."""

        async def one(task: Awaitable[Any]) -> Any:
            async with self.gate:
                return await task

        return await asyncio.gather(*(one(task) for task in tasks))

    async def does(self, token: str, service: str, path: str, body: Json | None = None) -> Json:
        return await self.whole.does(token, service, "POST", path, body)

    # --- until the desk ranking

    async def begin(self) -> None:
        whole = self.whole
        await self.does(self.admin, "nomination", "/v1/seasons", {"rulebook": season2019.rulebook()})
        for body, (chair, other, clerk, _) in BODIES.items():
            formed = {"season": SEASON, "province": "00", "body": body, "decree": "Keputusan contoh 2019"}
            term = {"term_from": "2019-01-01", "term_until": "2019-12-31"}
            await self.does(self.admin, "nomination", "/v1/committees", formed | term)
            path = f"/v1/committees/{SEASON}/00/{body}/members"
            seats = [(*seat_of(body, member), f"{body}-{member}") for member in range(SCORERS)]
            await whole.knows(*(person_of(person) for _, _, person in seats), person_of("sekretaris-nasional"))
            for office, seat, person in (*seats, (clerk, 1, "sekretaris-nasional")):
                sent = {"office": office, "seat": seat, "person": person_of(person)}
                await self.does(self.admin, "nomination", path, sent)
            assert {chair, other} == {office for office, _, _ in seats}
        tokens = {one.province: whole.secretariat(one.province) for one in self.made.nominees}
        await whole.knows(*(person_of(f"contact-{one.code}") for one in self.made.nominees))
        receipts = await self.all(
            self.does(
                tokens[one.province],
                "nomination",
                "/v1/nominations",
                {
                    "season": SEASON,
                    "category": one.category,
                    "candidate": one.candidate,
                    "nominating_body": one.province,
                    "contact": person_of(f"contact-{one.code}"),
                    "sample": True,
                },
            )
            for one in self.made.nominees
        )
        for one, receipt in zip(self.made.nominees, receipts, strict=True):
            self.ids[one.code] = receipt["nomination"]
            self.nominated[one.code] = datetime.fromisoformat(receipt["time"])

    async def score_desk(self) -> None:
        self.whole.stack.set_clock(SCORES)
        await self.whole.arrived("scoring", *self.whole.heads)
        await self.all(self.of_ranking(category, "verifikasi", "open") for category in RULES)
        await self.file("verifikasi", "tim-verifikasi", self.made.desk)
        for category, code, member in self.made.conflicts:
            sent = {"category": category, "nomination": self.ids[code], "kind": "family", "reason": "contoh"}
            token = self.members["tim-verifikasi"][member]
            await self.does(token, "nomination", f"/v1/committees/{SEASON}/00/tim-verifikasi/conflicts", sent)
        for code in self.made.withdrawn:
            province = next(one.province for one in self.made.nominees if one.code == code)
            path = f"/v1/nominations/{self.ids[code]}/withdraw"
            await self.does(self.whole.secretariat(province), "nomination", path, {"reason": "contoh"})

    async def verify(self, codes: Iterable[str]) -> None:
        """Find nominations in order, by the head of the team, who is recused on nobody."""
        head = self.members["tim-verifikasi"][0]
        paths = (f"/v1/nominations/{self.ids[code]}/verify" for code in codes)
        await self.all(self.does(head, "nomination", path) for path in paths)

    async def file(self, stage: str, body: str, desks: Mapping[str, Mapping[str, Mapping[int, Sheet]]]) -> None:
        await self.all(
            self.does(
                self.members[body][member],
                "scoring",
                f"/v1/sheets/{self.ids[code]}/national/{stage}",
                {
                    "marks": {aspect: None if mark is None else f"{float(mark):g}" for aspect, mark in sheet.items()},
                    "submit": True,
                    "sample": True,
                },
            )
            for desk in desks.values()
            for code, sheets in desk.items()
            for member, sheet in sheets.items()
        )

    async def of_ranking(self, category: str, stage: str, verb: str) -> Json:
        path = f"/v1/rankings/{SEASON}/national/00/{category}/{stage}/{verb}"
        return await self.does(self.clerk, "scoring", path)

    # --- sealing and deciding

    async def seal(self, stage: str, categories: Iterable[str]) -> dict[str, Json]:
        await self.whole.arrived("scoring", *self.whole.heads_of("nomination", "committee", "season", "award"))
        sealed = {}
        for category in categories:
            await self.of_ranking(category, stage, "close")
            await self.of_ranking(category, stage, "seal")
            path = f"/v1/rankings/{SEASON}/national/00/{category}/{stage}?at_least="
            head = self.whole.heads[f"ranking/{SEASON}/national/00/{category}/{stage}"]
            path += f"ranking/{SEASON}/national/00/{category}/{stage}@{head}"
            sealed[category] = (await self.whole.ask(self.clerk, "scoring", "GET", path)).json()
        return sealed

    async def decide(self, stage: str, body: str, categories: Iterable[str], tied: Mapping[str, list[Ranked]]) -> None:
        """Hold one meeting on all categories; break the ties at the cut in the order of the nominees' codes."""
        items = [{"category": category, "stage": stage} for category in categories]
        convened = await self.does(
            self.clerk,
            "nomination",
            "/v1/plenaries",
            {
                "season": SEASON,
                "province": "00",
                "body": body,
                "scheduled": self.whole.now().isoformat(),
                "agenda": items,
            },
        )
        meeting = f"/v1/plenaries/{convened['plenary']}"
        for token in self.members[body]:
            await self.does(token, "nomination", f"{meeting}/attendance", {})
        rankings = [f"ranking/{SEASON}/national/00/{item['category']}/{stage}" for item in items]
        await self.whole.arrived("nomination", *rankings)
        number = 0
        for item in items:
            await self.does(self.clerk, "nomination", f"{meeting}/table", item)
            if group := tied.get(item["category"]):
                number += 1
                order = [self.ids[one.nominee] for one in sorted(group, key=lambda one: one.nominee)]
                question = {"kind": "break-tie", "rank": group[0].rank, "order": order, "method": "vote"}
                await self.does(self.members[body][0], "nomination", f"{meeting}/motions", item | question)
                await self._vote_and_decide(body, item["category"], meeting, number)
            number += 1
            await self.does(self.members[body][0], "nomination", f"{meeting}/motions", item)
            await self._vote_and_decide(body, item["category"], meeting, number)
            await self.does(self.members[body][0], "nomination", f"{meeting}/motions/{number}/announce")
        await self.does(self.clerk, "nomination", f"{meeting}/adjourn")

    async def _vote_and_decide(self, body: str, category: str, meeting: str, number: int) -> None:
        for member, token in enumerate(self.members[body]):
            answer = await self.whole.ask(
                token, "nomination", "POST", f"{meeting}/motions/{number}/votes", {"vote": "for"}
            )
            recused = body == "tim-verifikasi" and any(
                (of, who) == (category, member) for of, _, who in self.made.conflicts
            )
            assert answer.is_success or (recused and answer.json()["type"].endswith("recused")), answer.text
        await self.does(self.members[body][0], "nomination", f"{meeting}/motions/{number}/decide")


def at_the_cut(ranked: list[Ranked], places: int) -> list[Ranked]:
    """Return those who share the last rank within the quota when they are more than the places left."""
    within = [one for one in ranked if one.rank <= places]
    last = [one for one in within if one.rank == within[-1].rank]
    return last if len(within) > places else []


def goes_on(ranked: list[Ranked], places: int) -> list[str]:
    """Return who goes on: the first `places`, a tie at the cut broken in the order of the nominees' codes."""
    order = sorted(ranked, key=lambda one: (one.rank, one.nominee))
    return [one.nominee for one in order[:places]]


def same(said: Json, ids: Mapping[str, str], ranked: list[Ranked], unrankable: Mapping[str, str]) -> None:
    """Hold a sealed ranking to the recount, rank by rank and fraction by fraction."""
    told = {line["nomination"]: (line["rank"], Fraction(line["total"])) for line in said["standings"]}
    assert told == {ids[one.nominee]: (one.rank, one.total) for one in ranked}
    assert {line["nomination"]: line["reason"] for line in said["unrankable"]} == {
        ids[code]: reason for code, reason in unrankable.items()
    }


async def play(seed: int) -> None:
    """Play the season of a seed and hold every sealed ranking and every outcome to the recount."""
    made = season2019.generate(seed)
    async with whole_system(NOMINATES) as whole:
        season = Season(whole, made)
        await season.begin()
        await season.score_desk()
        desk = {category: recount(RULES[category], made.counted(category), {}, season.nominated) for category in RULES}
        places = {category: INTERVIEWED.get(category, WINNERS) for category in RULES}
        finalists = {category: goes_on(ranked, places[category]) for category, (ranked, _) in desk.items()}
        await season.verify(code for codes in finalists.values() for code in codes)
        whole.stack.set_clock(DECIDES)
        sealed = await season.seal("verifikasi", RULES)
        for category, (ranked, unrankable) in desk.items():
            same(sealed[category], season.ids, ranked, unrankable)
        tied = {category: at_the_cut(ranked, places[category]) for category, (ranked, _) in desk.items()}
        await season.decide("verifikasi", "tim-verifikasi", RULES, tied)

        whole.stack.set_clock(INTERVIEWS)
        await whole.arrived("scoring", *whole.heads_of("nomination"))
        heard = {category: made.interview(category, finalists[category]) for category in INTERVIEWED}
        await season.all(season.of_ranking(category, "wawancara", "open") for category in INTERVIEWED)
        await season.file("wawancara", "dewan-juri", heard)
        whole.stack.set_clock(JUDGES)
        sealed = await season.seal("wawancara", INTERVIEWED)
        winners: dict[str, list[str]] = {"UMKM": finalists["UMKM"]}
        ties: dict[str, list[Ranked]] = {}
        for category in INTERVIEWED:
            ranked, unrankable = _final(season, category, finalists[category], heard[category])
            same(sealed[category], season.ids, ranked, unrankable)
            ties[category] = at_the_cut(ranked, WINNERS)
            winners[category] = goes_on(ranked, WINNERS)
        await season.decide("wawancara", "dewan-juri", INTERVIEWED, ties)
        await _compare_outcomes(season, finalists, winners)


def _final(
    season: Season, category: str, finalists: list[str], heard: Mapping[str, Mapping[int, Sheet]]
) -> tuple[list[Ranked], dict[str, str]]:
    """Recount the interview: the desk's aspects are carried exactly, the jury's marks weigh beside them."""
    desk = RULES[category]
    rules = Rules({**desk.weights, "wawancara": INTERVIEW_WEIGHT[category]}, desk.method, desk.least_sheets)
    counted = season.made.counted(category)
    carried = {code: _figures(desk, counted[code]) for code in finalists}
    return recount(rules, {code: list(heard[code].values()) for code in finalists}, carried, season.nominated)


def _figures(rules: Rules, sheets: Iterable[Sheet]) -> dict[str, Fraction]:
    held = list(sheets)
    return {
        aspect: figure([mark for sheet in held if (mark := sheet.get(aspect)) is not None], rules.method)
        for aspect in rules.weights
    }


async def _compare_outcomes(
    season: Season, finalists: Mapping[str, list[str]], winners: Mapping[str, list[str]]
) -> None:
    """Hold every nomination's stage and status to what the recount says it must be."""
    whole = season.whole
    heads = [f"nomination/{id_}" for id_ in season.ids.values()]
    await whole.folded("nomination", "/v1/nominations", season.admin, *heads)
    told = await whole.read_all(season.admin, "nomination", f"/v1/nominations?season={SEASON}")
    found = {one["candidate"]["code"]: (one["stage"]["stage"], one["status"]) for one in told}
    expected = {}
    for one in season.made.nominees:
        heard = one.category in INTERVIEWED and one.code in finalists[one.category]
        status = "withdrawn" if one.code in season.made.withdrawn else "eliminated"
        if one.code in winners[one.category]:
            status = "winner"
        expected[one.code] = ("wawancara" if heard else "verifikasi", status)
    assert found == expected


@pytest.mark.timeout(900)
def test_a_simple_recount_agrees_on_every_rank_of_a_national_season():
    seed = int(os.environ.get("PARITRANA_TEST_SEED", "2019"))
    say(f"seed {seed}")
    run_apart(play(seed))
