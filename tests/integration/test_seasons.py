"""Seasons over HTTP on a real database: rehearsed, amended, extended, frozen by two, and what was exceptional."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest

from kernel.rebuild import rebuild
from kernel.tokens import Grant
from schemas.codec import CODEC
from schemas.rulebook import rulebook_hash
from schemas.scoring import ScoringExtended
from services.nomination.projections.exceptions import Exceptions
from tests.integration.test_nomination import (
    AFTER,
    CHAIR,
    COMMITTEE,
    INSIDE,
    ITEM,
    YAML,
    Caller,
    World,
    begun,
    committee,
    nomination,
    world,
)
from tests.unit.nomination.scene import AT, BODY, REGENCIES, person, rulebook

__all__ = ["begun", "world"]

AMENDED = YAML.replace("version: 1\n", "version: 2\n", 1).replace("places: 7", "places: 8", 1)
WHY = {"reason": "Keputusan rapat 7 Januari"}
SECOND = "Second-Authorization"


async def second_of(world: World, *grants: Grant, who: str = "admin2") -> str:
    """Return what a second person sends."""
    headers: Any = world.person(person(who), *grants)._headers
    return str(headers["Authorization"])


async def together(world: World, what: str, *, key: str | None = None) -> Any:
    """Ask two administrators' command and return the answer."""
    second = await second_of(world, Grant.of("season-admin"))
    return await world.admin.asks("POST", f"/v1/seasons/2020/{what}", WHY, key, **{SECOND: second})


async def refusals(world: World, actor: str) -> int:
    """Return how many refusals of a person are recorded."""
    return int(
        await world.service.pool.fetchval(
            "select count(*) from events where stream like 'refusal/nomination/' || $1 || '/%'", person(actor)
        )
    )


async def texts(world: World) -> int:
    return int(await world.service.pool.fetchval("select count(*) from texts"))


# --- rehearsing -------------------------------------------------------------------------------------------------------


async def test_a_dry_run_opens_nothing_and_says_what_it_would_do(world: World):
    said = await world.admin.posts("/v1/seasons?dry_run=true", {"rulebook": YAML})
    assert said["dry_run"] is True
    assert said["season"] == "2020"
    assert [event["type"].rsplit(".", 2)[-2] for event in said["events"]] == ["SeasonOpened", "RulebookPublished"]
    assert await world.version("season/2020") == 0
    await world.admin.posts("/v1/seasons", {"rulebook": YAML})
    await world.admin.fails(409, "season-already-open", "POST", "/v1/seasons?dry_run=true", {"rulebook": YAML})
    assert await refusals(world, "admin") == 0


async def test_a_dry_run_of_an_amendment_keeps_nothing(begun: World):
    body = {"rulebook": AMENDED, **WHY}
    said = await begun.admin.posts("/v1/seasons/2020/amend?dry_run=true", body)
    assert [event["type"].rsplit(".", 2)[-2] for event in said["events"]] == ["RulebookAmended"]
    wrong = {"rulebook": YAML, **WHY}
    await begun.admin.fails(409, "version-not-next", "POST", "/v1/seasons/2020/amend?dry_run=true", wrong)
    assert (await begun.version("season/2020"), await texts(begun), await refusals(begun, "admin")) == (2, 0, 0)


async def test_a_rehearsed_command_can_be_asked_in_earnest_by_the_same_key(begun: World):
    body = {"rulebook": AMENDED, **WHY}
    path = "/v1/seasons/2020/amend"
    assert (await begun.admin.asks("POST", f"{path}?dry_run=true", body, "one")).status_code == 200
    assert (await begun.admin.asks("POST", path, body, "one")).status_code == 200
    assert await begun.version("season/2020") == 3


# --- who administers ------------------------------------------------------------------------------------------------


async def test_who_administers_another_season_changes_nothing_of_this_one(begun: World):
    other = begun.person(person("admin-2021"), Grant.of("season-admin", season="2021"))
    for path, body in (
        ("/v1/seasons", {"rulebook": AMENDED}),
        ("/v1/seasons/2020/amend", {"rulebook": AMENDED, **WHY}),
        ("/v1/seasons/2020/extend", {"until": "2021-02-28", **WHY}),
        ("/v1/committees/2020/75/panitia-9/members", {"office": "ketua-apindo", "person": person("x")}),
    ):
        await other.fails(403, "forbidden", "POST", path, body)
    second = await second_of(begun, Grant.of("season-admin", season="2021"))
    refused = await begun.admin.asks("POST", "/v1/seasons/2020/freeze", WHY, **{SECOND: second})
    assert refused.status_code == 403
    own = begun.person(person("admin-2020"), Grant.of("season-admin", season="2020"))
    await own.posts("/v1/seasons/2020/amend", {"rulebook": AMENDED, **WHY})


# --- amending and extending -------------------------------------------------------------------------------------------


async def test_an_amendment_is_shown_beside_the_version_before(begun: World):
    receipt = await begun.admin.posts("/v1/seasons/2020/amend", {"rulebook": AMENDED, **WHY})
    shown = await begun.auditor.reads("/v1/public/seasons/2020", at_least=receipt["position"])
    assert [one["version"] for one in shown["versions"]] == [1, 2]
    assert shown["versions"][0]["hash"] == rulebook_hash(rulebook())
    newest = await begun.auditor.reads("/v1/public/seasons/2020/rulebook")
    assert newest["content"]["stages"][0]["quota"]["places"] == 8


async def test_a_wrong_amendment_is_told_by_line(begun: World):
    body = {"rulebook": AMENDED.replace("places: 8", "places: eight"), **WHY}
    problem = await begun.admin.fails(422, "invalid-request", "POST", "/v1/seasons/2020/amend", body)
    assert problem["errors"][0]["field"].startswith("rulebook:")
    assert "stages[0].quota.places" in problem["errors"][0]["field"]


async def test_two_amendments_at_once_make_one_version(begun: World):
    other = AMENDED.replace("places: 8", "places: 9", 1)
    path = "/v1/seasons/2020/amend"
    answers = await asyncio.gather(
        *(begun.admin.asks("POST", path, {"rulebook": text, **WHY}) for text in (AMENDED, other))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert await begun.version("season/2020") == 3


async def test_nominations_are_received_until_the_extended_end(begun: World):
    begun.clock.moment = datetime(2021, 2, 3, tzinfo=UTC)
    await begun.secretariat.fails(409, "window-closed", "POST", "/v1/nominations", nomination("75.71"))
    receipt = await begun.admin.posts("/v1/seasons/2020/extend", {"until": "2021-02-07", "province": "75", **WHY})
    await begun.secretariat.posts("/v1/nominations", nomination("75.71"))
    shown = await begun.auditor.reads("/v1/public/seasons/2020", at_least=receipt["position"])
    (extension,) = shown["extensions"]
    assert (extension["province"], extension["until"]) == ("75", "2021-02-07T15:59:59.999999Z")


@pytest.mark.parametrize("until", ["7 Februari", "2021-02-30", 1612656000, "2021-02-07T16:00:00Z", None, ""])
async def test_an_extension_is_a_local_date_or_time(begun: World, until: Any):
    problem = await begun.admin.fails(
        422, "invalid-request", "POST", "/v1/seasons/2020/extend", {"until": until, **WHY}
    )
    assert [error["field"] for error in problem["errors"]] == ["until"]


# --- by two persons ---------------------------------------------------------------------------------------------------


async def test_two_administrators_freeze_and_unfreeze_in_one_command_each(begun: World):
    frozen = await together(begun, "freeze")
    assert frozen.status_code == 200, frozen.text
    event = await begun.last("season/2020")
    assert event["data"]["first"] == person("admin")
    assert event["data"]["second"] == person("admin2")
    await begun.secretariat.fails(409, "season-frozen", "POST", "/v1/nominations", nomination("75.71"))
    shown = await begun.auditor.reads("/v1/public/seasons/2020", at_least=frozen.json()["position"])
    assert shown["standing"] == "frozen"
    assert (await together(begun, "unfreeze")).status_code == 200
    await begun.secretariat.posts("/v1/nominations", nomination("75.71"))


async def test_a_second_person_must_be_there_be_an_administrator_and_be_another(begun: World):
    path = "/v1/seasons/2020/freeze"
    problem = await begun.admin.fails(422, "invalid-request", "POST", path, WHY)
    assert [error["field"] for error in problem["errors"]] == [f"header.{SECOND}"]
    for wrong in ("Bearer ", "Bearer x.y.z", "Basic YTpi"):
        answer = await begun.admin.asks("POST", path, WHY, **{SECOND: wrong})
        assert answer.status_code == 401
        assert SECOND in answer.json()["detail"]
    stranger = await second_of(begun, Grant.of("auditor"))
    assert (await begun.admin.asks("POST", path, WHY, **{SECOND: stranger})).status_code == 403
    same = await second_of(begun, Grant.of("season-admin"), who="admin")
    answer = await begun.admin.asks("POST", path, WHY, **{SECOND: same})
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/two-persons-needed")
    assert await refusals(begun, "admin") == 1
    second = await second_of(begun, Grant.of("season-admin"))
    refused = await begun.auditor.asks("POST", path, WHY, **{SECOND: second})
    assert refused.status_code == 403
    assert await begun.version("season/2020") == 2


async def test_a_season_is_closed_after_its_last_window(begun: World):
    assert (await together(begun, "close")).json()["type"] == "/problems/season-under-way"
    begun.clock.moment = datetime(2022, 1, 1, tzinfo=UTC)
    assert (await together(begun, "close")).status_code == 200
    assert (await together(begun, "unfreeze")).json()["type"] == "/problems/season-closed"


async def test_a_freeze_and_a_nomination_at_once_come_one_after_the_other(begun: World):
    """Whichever is first: nothing is recorded of the season between its freeze and the end of it."""
    asked = [begun.secretariat.asks("POST", "/v1/nominations", nomination(code)) for code in REGENCIES]
    answers = await asyncio.gather(together(begun, "freeze"), *asked)
    assert answers[0].status_code == 200
    assert {answer.status_code for answer in answers[1:]} <= {200, 409}
    after = await begun.service.pool.fetchval(
        """select count(*) from events e, events f where f.stream = 'season/2020' and f.type like '%SeasonFrozen%'
           and e.stream like 'nomination/%' and e.xid > f.xid and e.epoch = f.epoch"""
    )
    accepted = sum(answer.status_code == 200 for answer in answers[1:])
    found = await begun.service.pool.fetchval("select count(*) from events where stream like 'nomination/%'")
    assert (after, found) == (0, accepted)


# --- committees -------------------------------------------------------------------------------------------------------


async def test_a_committee_shows_who_was_replaced_renewed_lifted_and_flagged(begun: World):
    (id_,) = await begun.nominated("75.71")
    conflict = {"category": "KABKOTA", "nomination": id_, "person": CHAIR, "kind": "family", **WHY}
    await begun.secretary.posts(f"{COMMITTEE}/conflicts", conflict)
    lifted = {name: conflict[name] for name in ("category", "nomination", "person", "reason")}
    await begun.secretary.posts(f"{COMMITTEE}/conflicts/lift", lifted)
    new = person("new")
    await begun.knows(new)
    successor = {"successor": new, "government": "75.71", "employer": "NPP-1", **WHY}
    receipt = await begun.secretary.posts(f"{COMMITTEE}/members/{CHAIR}/replace", successor)
    assert [event["type"].rsplit(".", 2)[-2] for event in receipt["events"]] == ["MemberRemoved", "MemberAppointed"]
    later = {"decree": "SK 1/2022", "term_from": "2022-01-01", "term_until": "2022-06-30"}
    receipt = await begun.secretary.posts("/v1/committees", committee(**later))
    await begun.service.reached("nominations", receipt["position"])
    (body,) = (await begun.auditor.reads("/v1/committees/2020/75", at_least=receipt["position"]))["bodies"]
    assert [decree["decree"] for decree in body["decrees"]] == ["SK 12/2021", "SK 1/2022"]
    assert [(one["person"], one["office"]) for one in body["former"]] == [(CHAIR, "sekretaris-daerah")]
    assert body["conflicts"][0]["lifted"] is not None
    own = {"person": new, "nomination": id_, "kind": "own-government", "category": "KABKOTA"}
    assert (body["refused"], body["flagged"]) == ([own], [])
    (listed,) = (await begun.auditor.reads("/v1/committees"))["items"]
    assert listed == body


async def test_a_member_whose_government_is_the_candidate_does_not_vote(begun: World):
    ids = await begun.nominated("75.71", "75.03")
    member = {"office": "anggota-kesembilan", "person": person("ninth"), "government": "75.71"}
    await begun.knows(person("ninth"))
    await begun.secretary.posts(f"{COMMITTEE}/members", member)
    begun.clock.moment = AFTER
    await begun.seal(ids)
    path = await begun.convene()
    ninth = begun.member("ninth")
    await ninth.posts(f"{path}/attendance", {})
    await begun.secretary.posts(f"{path}/table", ITEM)
    await begun.secretary.posts(f"{path}/motions", ITEM)
    await ninth.fails(403, "recused", "POST", f"{path}/motions/1/votes", {"vote": "for"})


async def test_a_members_employer_is_written_as_a_number(begun: World):
    body = {"office": "anggota-kesembilan", "person": person("ninth"), "employer": "npp kecil"}
    problem = await begun.secretary.fails(422, "invalid-request", "POST", f"{COMMITTEE}/members", body)
    assert [error["field"] for error in problem["errors"]] == ["employer"]


# --- exceptions -------------------------------------------------------------------------------------------------------


async def exceptional(begun: World) -> str:
    """Let some go otherwise than the rules foresee; return the position of the last."""
    ids = await begun.nominated(*REGENCIES[:2])
    await begun.admin.posts("/v1/seasons/2020/extend", {"until": "2021-02-07", "province": "13", "reason": "Banjir"})
    await begun.secretary.posts(f"{COMMITTEE}/members/{person('ketua-spsi')}/remove", {"reason": "Pensiun"})
    await begun.admin.posts("/v1/seasons/2020/amend", {"rulebook": AMENDED, "reason": "SK 7/2021"})
    begun.clock.moment = AFTER
    extended = ScoringExtended(at=AT, previous=INSIDE, until=AFTER, reason_digest="ab" * 32)
    await begun.receives(AT.ranking, extended)
    await begun.seal(ids)
    body = {"season": "2020", "province": "75", "body": BODY, "scheduled": "2021-03-02T01:00:00Z", "agenda": [ITEM]}
    await begun.secretary.posts("/v1/plenaries", body)
    frozen = await together(begun, "freeze")
    assert frozen.status_code == 200
    return str(frozen.json()["position"])


def events_of(page: Any) -> list[str]:
    return [item["event"] for item in page["items"]]


async def test_one_list_shows_all_exceptions_with_their_reasons(begun: World):
    position = await exceptional(begun)
    page = await begun.admin.reads("/v1/seasons/2020/exceptions", at_least=position)
    assert sorted(events_of(page)) == [
        "DeadlineExtended", "MemberRemoved", "RulebookAmended", "ScoringExtended", "SeasonFrozen",
    ]  # fmt: skip
    reasons = {item["event"]: item["reason"] for item in page["items"]}
    assert reasons["MemberRemoved"] == "Pensiun"
    assert reasons["ScoringExtended"] is None
    times = [item["time"] for item in page["items"]]
    assert times == sorted(times)
    only = await begun.auditor.reads("/v1/seasons/2020/exceptions", kind="extension")
    assert sorted(events_of(only)) == ["DeadlineExtended", "ScoringExtended"]
    first = await begun.auditor.reads("/v1/seasons/2020/exceptions", limit=3)
    second = await begun.auditor.reads("/v1/seasons/2020/exceptions", limit=3, cursor=first["next"])
    assert events_of(first) + events_of(second) == events_of(page)
    await begun.auditor.fails(404, "not-found", "GET", "/v1/seasons/2021/exceptions")


async def test_a_secretary_sees_the_exceptions_of_the_place_and_the_season(begun: World):
    position = await exceptional(begun)

    async def seen(who: Caller) -> list[str]:
        return sorted(events_of(await who.reads("/v1/seasons/2020/exceptions", at_least=position)))

    everything = ["DeadlineExtended", "MemberRemoved", "RulebookAmended", "ScoringExtended", "SeasonFrozen"]
    wide = ["RulebookAmended", "SeasonFrozen"]
    assert await seen(begun.secretary) == sorted([*wide, "MemberRemoved", "ScoringExtended"])
    of_13 = begun.person(
        person("sekretaris-13"), Grant.of("secretary", committee="13"), Grant.of("member", committee="75")
    )
    assert await seen(of_13) == sorted([*wide, "DeadlineExtended"])
    assert await seen(begun.person(person("nation"), Grant.of("secretary", committee="00"))) == everything
    await begun.secretariat.fails(403, "forbidden", "GET", "/v1/seasons/2020/exceptions")


async def test_a_rebuild_of_the_exceptions_gives_the_same_rows(begun: World):
    position = await exceptional(begun)
    assert await begun.service.reached("exceptions", position)
    login = urlsplit(begun.service.settings.database_url).username
    assert login is not None
    found = await rebuild(begun.owner_url, Exceptions(), CODEC, login)
    assert found.same
    assert found.rows == 5
