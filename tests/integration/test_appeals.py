"""Appeals over HTTP on a real database: lodged, decided in plenary, shown to those concerned and to the public."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from kernel.tokens import Grant
from schemas.scoring import AspectAggregate, RankingSealed, Standing, standings_digest
from tests.integration.test_nomination import (
    AFTER,
    CONTACT,
    ITEM,
    World,
    begun,
    world,
)
from tests.unit.nomination.appealing import ASPECTS, DESK
from tests.unit.nomination.scene import AT, REGENCIES, VOTING_OFFICES, person, rulebook

__all__ = ["begun", "world"]

GROUNDS = "Nilai kinerja tidak memuat peserta bulan Desember."
UPHELD = {"outcome": "upheld", "figures": [{"aspect": each, "value": "88,25"} for each in ASPECTS], "locale": "id"}


def verdict(appeal: str, **also: Any) -> dict[str, Any]:
    return {**ITEM, "kind": "decide-appeal", "appeal": appeal, "verdict": {**UPHELD, **also}}


async def decided(world: World, count: int = 4) -> tuple[str, list[str]]:
    """Decide and announce a ranking with aggregates 90, 80, 70 …; return the meeting's path and the nominations."""
    ids = await world.nominated(*REGENCIES[:count])
    world.clock.moment = AFTER
    standings = tuple(
        Standing(
            nomination=id_,
            candidate=REGENCIES[index],
            rank=index + 1,
            total=f"{90 - 10 * index}/1",
            shown=f"{90 - 10 * index}.00",
            aspects=tuple(AspectAggregate(aspect=aspect, value=f"{90 - 10 * index}/1", sheets=3) for aspect in ASPECTS),
        )
        for index, id_ in enumerate(ids)
    )
    season = await world.last("season/2020")
    sealed = RankingSealed(
        at=AT,
        rulebook_version=1,
        rulebook_hash=season["data"]["hash"],
        standings=standings,
        unrankable=(),
        counted=(),
        excluded=(),
        basis=await world.basis(ids),
        digest=standings_digest(standings, ()),
    )
    await world.receives(AT.ranking, sealed)
    path = await world.motion()
    await world.chair.posts(f"{path}/motions/1/decide")
    await world.chair.posts(f"{path}/motions/1/announce")
    return path, ids


def contact_of(world: World, nomination: str) -> Any:
    return world.person(CONTACT, Grant.of("contact", nomination=nomination))


def appeal_against(path: str, nomination: str, **also: Any) -> dict[str, Any]:
    return {"nomination": nomination, "plenary": path.rpartition("/")[2], "motion": 1, "grounds": GROUNDS, **also}


async def voted(world: World, path: str, motion: int) -> None:
    for office in VOTING_OFFICES:
        await world.member(office).posts(f"{path}/motions/{motion}/votes", {"vote": "for"})


async def test_an_appeal_goes_from_its_grounds_to_a_corrected_announcement(begun: World):
    path, ids = await decided(begun)
    contact = contact_of(begun, ids[3])
    lodged = await contact.posts("/v1/appeals", appeal_against(path, ids[3]))
    appeal = lodged["appeal"]
    assert await begun.types(f"appeal/{appeal}") == ["AppealLodged"]
    assert await begun.types(DESK.award) == ["StageFrozen"]

    shown = await begun.secretary.reads(f"/v1/appeals/{appeal}", at_least=lodged["position"])
    assert (shown["state"], shown["number"]) == ("open", 1)
    assert shown["grounds"]["text"] == GROUNDS
    (hold,) = shown["holds"]
    assert ([stage["stage"] for stage in hold["stages"]], hold["until"]) == (["verifikasi", "wawancara"], None)

    await begun.secretary.posts(f"{path}/motions", verdict(appeal))
    await voted(begun, path, 2)
    receipt = await begun.chair.posts(f"{path}/motions/2/decide")
    names = [event["type"].split(".")[-2] for event in receipt["events"]]
    assert names == [
        "PlenaryDecided",
        "AppealDecided",
        "DecisionReviewed",
        "StageAdvanceWithdrawn",
        "StageAdvanced",
        "StageUnfrozen",
    ]
    record = await begun.last(f"plenary/{path.rpartition('/')[2]}")
    points = [(event["stream"], event["version"]) for event in receipt["events"][1:]]
    assert [(point["stream"], point["version"]) for point in record["data"]["results"]] == points

    shown = await contact.reads(f"/v1/appeals/{appeal}", at_least=receipt["position"])
    assert shown["state"] == "upheld"
    assert shown["holds"][0]["until"] is not None
    rows = [
        (row["candidate"], row["before"]["rank"], row["after"]["rank"], row["after"]["shown"], row["change"])
        for row in shown["decision"]["comparison"]
    ]
    assert rows[1] == ("Kabupaten Boalemo", 4, 2, "88.25", "enters")
    assert [row[-1] for row in rows] == ["none", "enters", "leaves", "moves"]

    public = await begun.client.get("/v1/public/appeals/2020", params={"at_least": receipt["position"]})
    (item,) = public.json()["items"]
    assert (item["state"], item["comparison"]) == ("open", [])  # not before the corrected ranking is announced
    announced = await begun.chair.posts(f"{path}/motions/2/announce")
    results = (await begun.client.get("/v1/public/results/2020", params={"at_least": announced["position"]})).json()
    lines = [(line["nomination"], line["rank"], line["outcome"]) for line in results["items"][1]["lines"]]
    assert lines[:2] == [(ids[0], 1, "advanced"), (ids[3], 2, "advanced")]
    assert [one["standing"] for one in results["items"]] == ["replaced", "provisional"]
    assert results["items"][0]["replaced_by"] == {"plenary": results["items"][1]["plenary"], "motion": 2}
    public = await begun.client.get("/v1/public/appeals/2020", params={"at_least": announced["position"]})
    (item,) = public.json()["items"]
    assert (item["number"], item["state"], item["at"]["stage"]) == (1, "upheld", "seleksi")
    assert [row["change"] for row in item["comparison"]] == ["none", "enters", "leaves", "moves"]
    assert CONTACT not in public.text


async def test_a_verdict_on_another_aspect_than_the_contested_one_is_refused(begun: World):
    path, ids = await decided(begun)
    lodged = await contact_of(begun, ids[3]).posts("/v1/appeals", appeal_against(path, ids[3], aspect="kinerja"))
    shown = await begun.secretary.reads(f"/v1/appeals/{lodged['appeal']}", at_least=lodged["position"])
    assert shown["aspect"] == "kinerja"
    problem = await begun.secretary.fails(
        422, "aspect-not-contested", "POST", f"{path}/motions", verdict(lodged["appeal"])
    )
    assert problem["errors"][0]["field"] == "verdict.figures[0].aspect"


async def test_a_dismissal_is_public_at_once(begun: World):
    path, ids = await decided(begun)
    lodged = await begun.secretariat.posts("/v1/appeals", appeal_against(path, ids[2]))
    await begun.secretary.posts(f"{path}/motions", verdict(lodged["appeal"], outcome="dismissed", figures=[]))
    await voted(begun, path, 2)
    receipt = await begun.chair.posts(f"{path}/motions/2/decide")
    public = await begun.client.get("/v1/public/appeals/2020", params={"at_least": receipt["position"]})
    (item,) = public.json()["items"]
    assert (item["state"], item["comparison"]) == ("dismissed", [])
    await begun.chair.fails(409, "verdict-changes-nothing", "POST", f"{path}/motions/2/announce")


async def test_of_two_appeals_of_one_nominee_at_once_one_is_lodged(begun: World):
    path, ids = await decided(begun)
    body = appeal_against(path, ids[2])
    asked = [contact_of(begun, ids[2]), begun.secretariat] * 3
    answers = await asyncio.gather(*(each.asks("POST", "/v1/appeals", body) for each in asked))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409, 409]
    assert (await begun.types(DESK.award)).count("StageFrozen") == 1


async def test_of_two_who_decide_an_appeal_at_once_one_wins(begun: World):
    path, ids = await decided(begun)
    lodged = await begun.secretariat.posts("/v1/appeals", appeal_against(path, ids[3]))
    await begun.secretary.posts(f"{path}/motions", verdict(lodged["appeal"]))
    await voted(begun, path, 2)
    answers = await asyncio.gather(*(begun.chair.asks("POST", f"{path}/motions/2/decide") for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409]
    assert await begun.types(f"appeal/{lodged['appeal']}") == ["AppealLodged", "AppealDecided"]


async def test_two_appeals_on_one_ranking_decided_at_once_start_from_each_other(begun: World):
    """In two meetings at once: whoever comes second ranks what the first left, or is told to put the verdict anew."""
    path, ids = await decided(begun)
    paths = [path, await begun.convene()]
    appeals = []
    for nominee, meeting in zip((ids[3], ids[2]), paths, strict=True):
        lodged = await begun.secretariat.posts("/v1/appeals", appeal_against(path, nominee))
        appeals.append(lodged["appeal"])
        await begun.secretary.posts(f"{meeting}/motions", verdict(lodged["appeal"]))
    motions = (2, 1)
    for meeting, motion in zip(paths, motions, strict=True):
        await voted(begun, meeting, motion)
    answers = await asyncio.gather(
        *(
            begun.chair.asks("POST", f"{meeting}/motions/{motion}/decide")
            for meeting, motion in zip(paths, motions, strict=True)
        )
    )
    assert 200 in {answer.status_code for answer in answers}
    kept = [await begun.last(f"appeal/{appeal}") for appeal in appeals]
    digests = [(one["data"]["before"], one["data"].get("after")) for one in kept if "verdict" in one["data"]]
    assert len({before for before, _ in digests}) == len(digests)


async def test_an_appeal_ends_with_its_windows_last_instant(begun: World):
    path, ids = await decided(begun)
    begun.clock.moment = AFTER + timedelta(days=8)
    body = appeal_against(path, ids[2])
    await begun.secretariat.fails(409, "appeal-window-closed", "POST", "/v1/appeals", body)
    stranger = begun.person(person("stranger"), Grant.of("contact", nomination=ids[2]))
    await stranger.fails(403, "appeal-by-stranger", "POST", "/v1/appeals", body)
    await begun.member("ketua-spsi").fails(403, "forbidden", "POST", "/v1/appeals", body)


async def test_appeals_are_for_those_concerned(begun: World):
    path, ids = await decided(begun)
    lodged = await contact_of(begun, ids[3]).posts("/v1/appeals", appeal_against(path, ids[3]))
    appeal, position = lodged["appeal"], lodged["position"]
    elsewhere = begun.person(person("elsewhere"), Grant.of("secretary", committee="73"))
    await elsewhere.fails(404, "not-found", "GET", f"/v1/appeals/{appeal}?at_least={position}")
    assert (await elsewhere.reads("/v1/appeals"))["items"] == []
    other_contact = begun.person(person("other"), Grant.of("contact", nomination=ids[2]))
    await other_contact.fails(404, "not-found", "GET", f"/v1/appeals/{appeal}")
    own, another = (
        begun.person(person(f"auditor of {season}"), Grant.of("auditor", season=season)) for season in ("2020", "2021")
    )
    await another.fails(404, "not-found", "GET", f"/v1/appeals/{appeal}")
    for reader in (begun.secretary, begun.secretariat, contact_of(begun, ids[3]), begun.auditor, own):
        listed = await reader.reads("/v1/appeals", season="2020", province="75", category="KABKOTA")
        assert [item["appeal"] for item in listed["items"]] == [appeal]
        assert (await reader.reads(f"/v1/appeals/{appeal}"))["grounds"]["text"] == GROUNDS
    for reader in (begun.admin, begun.person(person("juror"), Grant.of("juror", committee="00"))):
        assert "text" not in (await reader.reads(f"/v1/appeals/{appeal}"))["grounds"]
    assert (await begun.auditor.reads("/v1/appeals", category="BESAR"))["items"] == []


@pytest.mark.parametrize(
    ("figure", "path"),
    [
        ({"value": "1.250"}, "verdict.figures[0].value"),
        ({"marks": ["80", "87.5"]}, "verdict.figures[0].marks[1]"),
    ],
)
async def test_figures_follow_the_locale_and_are_never_guessed(begun: World, figure: dict[str, Any], path: str):
    meeting, ids = await decided(begun)
    lodged = await begun.secretariat.posts("/v1/appeals", appeal_against(meeting, ids[3]))
    body = verdict(lodged["appeal"], figures=[{"aspect": "kinerja", **figure}])
    problem = await begun.secretary.fails(422, "invalid-request", "POST", f"{meeting}/motions", body)
    assert problem["errors"][0]["field"] == path


async def test_a_motion_on_an_appeal_names_it_and_its_verdict(begun: World):
    meeting, _ = await decided(begun)
    for body, path in (({}, "appeal"), ({"appeal": person("appeal")}, "verdict")):
        asked = {**ITEM, "kind": "decide-appeal", **body}
        problem = await begun.secretary.fails(422, "invalid-request", "POST", f"{meeting}/motions", asked)
        assert problem["errors"][0]["field"] == path


async def test_a_value_may_be_a_fraction_that_is_not_in_lowest_terms(begun: World):
    meeting, ids = await decided(begun)
    lodged = await begun.secretariat.posts("/v1/appeals", appeal_against(meeting, ids[3]))
    body = verdict(lodged["appeal"], figures=[{"aspect": "kinerja", "value": "524/6"}])
    await begun.secretary.posts(f"{meeting}/motions", body)
    opened = await begun.last(f"plenary/{meeting.rpartition('/')[2]}")
    assert opened["data"]["verdict"]["figures"] == [{"aspect": "kinerja", "value": "262/3"}]


def test_the_rubric_of_these_tests_is_that_of_the_rulebook():
    stage = rulebook().stage(AT.tier, AT.category, AT.stage)
    assert tuple(aspect.code for aspect in rulebook().rubric(stage).aspects) == ASPECTS
