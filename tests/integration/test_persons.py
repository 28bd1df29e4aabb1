"""Persons whom commands bring in are looked up at a real identity; whom it does not know is refused, and recorded."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from services.nomination.domain.spreadsheet import CSV
from tests.conftest import DatabaseFactory
from tests.integration.test_nomination import CHAIR, COMMITTEE, CONTACT, World, a_world, nomination
from tests.integration.test_nominations_handled import HEAD, row, sends
from tests.support.people import erase
from tests.unit.nomination.scene import person

STRANGER = person("nobody")
SEAT = {"office": "anggota-kesembilan", "person": STRANGER}
WHY = {"reason": "SK 7/2021"}
LATE = {**WHY, **nomination("75.02", contact=STRANGER)}
NOWHERE = "http://127.0.0.1:1"
IMPORT = "/v1/nominations/import"


@pytest_asyncio.fixture
async def begun(database: DatabaseFactory, tmp_path: Path) -> AsyncIterator[World]:
    """An open season with a seated committee."""
    async with a_world(database, tmp_path) as made:
        await made.begin()
        yield made


async def count(world: World, *kinds: str) -> int:
    """Return how many events there are in streams of some kinds."""
    rows = await world.service.pool.fetch("select stream from events where own")
    return sum(row["stream"].partition("/")[0] in kinds for row in rows)


def away(world: World) -> None:
    """Let identity be where nobody answers."""
    world.service.app.state.directory._url = NOWHERE


async def test_a_stranger_is_neither_seated_nor_named_as_a_contact(begun: World):
    (id_,) = await begun.nominated("75.71")
    seated = await begun.version("committee/2020/75")
    for caller, path, body, field in (
        (begun.secretary, f"{COMMITTEE}/members", SEAT, "person"),
        (begun.secretary, f"{COMMITTEE}/members/{CHAIR}/replace", {"successor": STRANGER, **WHY}, "successor"),
        (begun.secretariat, "/v1/nominations", nomination("75.03", contact=STRANGER), "contact"),
        (begun.secretariat, f"/v1/nominations/{id_}/amend", {"contact": STRANGER, **WHY}, "contact"),
    ):
        problem = await caller.fails(422, "person-unknown", "POST", path, body)
        assert [(error["field"], error["value"]) for error in problem["errors"]] == [(field, STRANGER)]
    # After the window, and while the stage that it would enter is still scored.
    begun.clock.moment = datetime(2021, 2, 2, 1, tzinfo=UTC)
    await begun.secretariat.fails(422, "person-unknown", "POST", "/v1/nominations/late", LATE)
    assert await begun.version("committee/2020/75") == seated
    assert await count(begun, "nomination") == 1
    assert await count(begun, "refusal") == 5
    recorded = await begun.last(f"refusal/nomination/{begun.secretariat.id}/2021-02-02")
    assert (recorded["data"]["code"], recorded["data"]["fields"]) == ("person-unknown", ["contact"])
    assert STRANGER not in str(recorded)


async def test_an_erased_person_is_a_stranger(begun: World):
    await erase(begun.people_url, CONTACT)
    await begun.secretariat.fails(422, "person-unknown", "POST", "/v1/nominations", nomination())
    await begun.secretary.fails(422, "person-unknown", "POST", f"{COMMITTEE}/members", {**SEAT, "person": CONTACT})


async def test_a_command_sent_again_gets_its_answer_though_its_person_was_erased_since(begun: World):
    member = {**SEAT, "person": CONTACT}
    sent = [
        (begun.secretary, f"{COMMITTEE}/members", member, str(uuid4())),
        (begun.secretariat, "/v1/nominations", nomination(), str(uuid4())),
    ]
    listed = (begun.secretariat, IMPORT, f"{HEAD}{row('75.03', 'kabupaten')}".encode(), CSV)
    first = [(await caller.asks("POST", path, body, key)).json() for caller, path, body, key in sent]
    imported = (await sends(*listed, key="list", season="2020")).json()
    await erase(begun.people_url, CONTACT)
    again = [(await caller.asks("POST", path, body, key)).json() for caller, path, body, key in sent]
    assert again == first
    list_again = (await sends(*listed, key="list", season="2020")).json()
    assert (list_again["command"], list_again["position"]) == (imported["command"], imported["position"])
    assert await count(begun, "refusal") == 0
    # By another key, the list finds its candidate nominated, and that is no fault of the contact's.
    by_another = (await sends(*listed, season="2020")).json()
    assert [one["status"] for one in by_another["rows"]] == ["already"]


async def test_without_identity_nothing_changes_and_the_same_command_is_accepted_later(begun: World):
    found = begun.service.app.state.directory._url
    away(begun)
    before = await count(begun, "committee", "nomination", "refusal")
    asked: list[tuple[Any, str, dict[str, Any], str]] = [
        (begun.secretary, f"{COMMITTEE}/members", {**SEAT, "person": CONTACT}, "seat"),
        (begun.secretariat, "/v1/nominations", nomination(), "nomination"),
    ]
    for caller, path, body, key in asked:
        answer = await caller.asks("POST", path, body, key)
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/persons-away"), answer.text
        assert int(answer.headers["Retry-After"]) > 0
    listed = (begun.secretariat, IMPORT, f"{HEAD}{row('75.03', 'kabupaten')}".encode(), CSV)
    assert (await sends(*listed, season="2020")).status_code == 503
    assert (await sends(*listed, season="2020", dry_run="true")).status_code == 503
    assert await count(begun, "committee", "nomination", "refusal") == before
    begun.service.app.state.directory._url = found
    for caller, path, body, key in asked:
        assert (await caller.asks("POST", path, body, key)).status_code == 200


async def test_without_identity_is_said_what_needs_nobody_to_be_looked_up(begun: World):
    (id_,) = await begun.nominated("75.71")
    away(begun)
    taken = {"office": "kepala-bps", "person": STRANGER}
    await begun.secretary.fails(409, "seat-taken", "POST", f"{COMMITTEE}/members", taken)
    await begun.secretariat.fails(409, "nominated-already", "POST", "/v1/nominations", nomination())
    conflict = {"category": "KABKOTA", "nomination": id_, "kind": "family", **WHY}
    await begun.chair.posts(f"{COMMITTEE}/conflicts", conflict)
    await begun.secretariat.posts(f"/v1/nominations/{id_}/withdraw", WHY)


async def test_in_a_conflict_only_who_sits_in_the_body_can_be_named(begun: World):
    conflict = {"category": "KABKOTA", "kind": "family", "person": STRANGER, **WHY}
    await begun.secretary.fails(409, "person-not-seated", "POST", f"{COMMITTEE}/conflicts", conflict)


async def test_a_list_asks_for_all_of_its_contacts_at_once(begun: World, monkeypatch: pytest.MonkeyPatch):
    contacts = [person(f"contact {number}") for number in range(401)]
    await begun.knows(*contacts[1:])
    asked: list[int] = []
    get = httpx.AsyncClient.get

    async def counted(client: httpx.AsyncClient, url: Any, **more: Any) -> httpx.Response:
        asked.append(more["params"]["ids"].count(",") + 1)
        return await get(client, url, **more)

    monkeypatch.setattr(httpx.AsyncClient, "get", counted)
    head = "kategori;jenis;kode;nama;skala;wilayah;pengusul;narahubung\n"
    rows = "".join(
        f"BESAR;perusahaan;NPP{number};PT {number};besar;75.71;75;{contact}\n"
        for number, contact in enumerate([*contacts, *contacts])
    )
    answer = await sends(begun.secretariat, IMPORT, (head + rows).encode(), CSV, season="2020", mode="skip-bad")
    report = answer.json()
    assert answer.status_code == 200, answer.text
    assert report["counts"] == {"nominated": 800, "already": 0, "bad": 2, "skipped": 0}
    bad = [(one["row"], one["errors"][0]["code"], one["errors"][0]["cell"]) for one in report["rows"] if one["errors"]]
    assert bad == [(2, "person-unknown", "H2"), (403, "person-unknown", "H403")]
    assert asked == [200, 200, 1]
