"""Bad input of every kind against the whole system: told, recorded or set aside, and everything goes on.

One stack for the module, every service a process. The tests run in the season's order: nomination is open in January,
scoring in February.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio

from deploy.local.ports import free_ports
from deploy.local.service import Service
from deploy.local.settings import PORTS, StackOptions, environment_of
from kernel.broker import Broker, Record
from kernel.canonical import canonical, instant
from kernel.dead_letters import SUFFIX, Reason
from kernel.log import Entry, Head
from kernel.partition import partition_of
from kernel.tokens import Grant
from schemas.nomination import CandidateNominated, NominationWithdrawn
from schemas.registry import schema_uri
from schemas.topics import (
    AUDIT,
    EVENT_TOPICS,
    IDENTITY,
    NOMINATION,
    NOTIFICATIONS,
    SCORES,
    SCORING,
    SERVICES,
    source_of,
    topic_of,
)
from tests.support.delivery import Chain, produce, produce_undecodable, record_of, records_of
from tests.support.malformed import (
    TEN_MEGABYTES,
    UNKNOWN,
    every_way,
    forged_cursors,
    instance,
    right,
)
from tests.support.refusals import fault_of, faults_among, refusal, send
from tests.support.whole import BODY, ROOT, Json, Route, Whole, person_of, until, whole_system

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]

ROLES: Final = (
    "secretariat", "member", "secretary", "chair", "verifier", "juror", "contact", "season-admin", "auditor",
    "operator", "publisher", "service",
)  # fmt: skip
RANKING: Final = "/v1/rankings/2020/provincial/75/KABKOTA/seleksi"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def whole() -> AsyncIterator[Whole]:
    """Everything runs, and it is January 2021."""
    async with whole_system() as system:
        yield await system.january()


@pytest.fixture
def everybody(whole: Whole) -> str:
    """A token of every role everywhere, so that nothing is refused for want of a right."""
    return whole.token(*(Grant.of(role) for role in ROLES), person=UNKNOWN)


@pytest_asyncio.fixture(loop_scope="module")
async def nothing_happens(whole: Whole) -> AsyncIterator[None]:
    """Nothing but refusals is recorded meanwhile, no process dies, and every service is ready afterwards."""
    before, pids = await _recorded(whole), whole.stack.pids()
    yield
    await whole.all_ready()
    assert whole.stack.pids() == pids
    assert await _recorded(whole) == before


async def _recorded(whole: Whole) -> Json:
    """Return where every stream ends but those of refusals, and what identity keeps beside its log."""
    heads = {service: await whole.own_heads(service) for service in SERVICES}
    found: Json = {
        service: {stream: version for stream, version in own.items() if not stream.startswith("refusal/")}
        for service, own in heads.items()
    }
    for table in ("person", "account", "role_grant", "act"):
        (row,) = await whole.rows("identity", f"select count(*) as rows from {table}")
        found[table] = row["rows"]
    return found


def _route(whole: Whole, name: str) -> Route:
    return next(route for route in whole.routes if route.name == name)


# --- HTTP -----------------------------------------------------------------------------------------------------------


async def test_every_malformed_request_to_every_route_is_a_problem_that_says_what_to_change(
    whole: Whole, everybody: str, nothing_happens: None
) -> None:
    count, faults = 0, list[str]()
    for route in whole.routes:
        sent, found = await faults_among(whole, everybody, every_way(route))
        count, faults = count + sent, faults + found
    assert faults == []
    assert count > 40 * len(whole.routes) // 2


async def test_what_does_not_exist_is_not_found(whole: Whole, everybody: str, nothing_happens: None) -> None:
    asked = Counter[int]()
    for route in whole.routes:
        if {"nomination", "plenary", "person", "grant", "member"}.isdisjoint(route.names("path")):
            continue
        answer = await send(whole, everybody, right(route))
        problem = refusal(answer)
        asked[answer.status_code] += 1
        if answer.status_code != 404:
            assert problem["errors"], route.name
    assert asked[404] >= 15
    for path in ("/v1/public/seasons/1999", "/v1/public/seasons/1999/rulebook", "/v1/committees/1999/75"):
        assert refusal(await whole.ask(everybody, "nomination", "GET", path))["status"] == 404
    for path in (RANKING, f"/v1/public{RANKING.removeprefix('/v1')}"):
        assert refusal(await whole.ask(everybody, "scoring", "GET", path))["status"] == 404
    assert refusal(await whole.ask(everybody, "identity", "GET", "/nothing"))["type"] == "/problems/not-found"


_LISTS: Final = {
    "nomination": {
        "/v1/nominations": "nominations/None/None/None/None",
        "/v1/committees": "committees/None/None",
        "/v1/plenaries": "plenaries/None/None",
        "/v1/disputes": "disputes/None",
        "/v1/interviews": "interviews/None/None",
        "/v1/certificates": "certificates/None/None",
        "/v1/appeals": "appeals/None/None/None",
        "/v1/public/appeals/2020": "public-appeals/2020",
        "/v1/public/seasons": "seasons",
        "/v1/seasons/2020/exceptions": "exceptions/2020/None",
        "/v1/public/results/2020": "results/2020",
        "/v1/feed": "feed",
    },
    "scoring": {
        "/v1/sheets": f"sheets/{UNKNOWN}/None/False",
        "/v1/rankings": "rankings/None/None",
        f"{RANKING}/progress": "progress/ranking/2020/provincial/75/KABKOTA/seleksi",
        "/v1/public/rankings": "public/None",
        "/v1/facts/repairs": "repairs/False",
        "/v1/facts/sandbox": "sandbox/None",
        "/v1/facts/report?day=2021-04-13": "facts-report/2021-04-13/None",
        "/v1/facts/missing?day=2021-04-13": "facts-missing/2021-04-13/None",
        "/v1/feed": "feed",
    },
    "notifications": {"/v1/deliveries": "deliveries", "/v1/feed": "feed"},
    "identity": {
        "/v1/grants/history": "grant-history",
        "/v1/persons?role=secretariat": "holders/secretariat",
        "/v1/feed": "feed",
    },
    "audit": {
        "/v1/alarms": "alarms/False",
        "/v1/reads": "reads/None/None/None/None",
        "/v1/refusals": "refusals/None/None/None/None",
        "/v1/feed": "feed",
        "/v1/feed?order=stream": "feed/streams",
        "/v1/feed?stream=service/audit": "feed of service/audit",
        "/v1/heads": "heads",
        "/v1/events": "events",
        "/v1/events?stream=season/2020": "events of season/2020",
        "/v1/log/checkpoints": "checkpoints",
    },
}
"""How each list calls itself in its cursors: it is no secret, so anybody can make one up."""


async def test_a_cursor_that_was_made_up_never_fails(whole: Whole, everybody: str, nothing_happens: None) -> None:
    paged = {f"{route.service} {route.template}" for route in whole.routes if "cursor" in route.names("query")}
    told = {f"{service} {path.partition('?')[0]}" for service, paths in _LISTS.items() for path in paths}
    assert len(told) + 1 == len(paged), "a list is missing above (audit's export checks its cursor against `until`)"
    for service, paths in _LISTS.items():
        for path, listing in paths.items():
            queries = [f"{'&' if '?' in path else '?'}cursor={cursor}" for cursor in forged_cursors(listing)]
            answers = await asyncio.gather(*(whole.ask(everybody, service, "GET", path + each) for each in queries))
            problems = [refusal(answer) for answer in answers if answer.status_code != 200]
            assert len(problems) > 15, path


@pytest.mark.parametrize(
    "instant", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1612137600", "-1", "1e9", "2021-02-01"]
)
async def test_an_instant_that_nobody_can_mean_is_refused(
    whole: Whole, everybody: str, nothing_happens: None, instant: str
) -> None:
    query = str(httpx.QueryParams(as_of=instant))
    assert refusal(await whole.ask(everybody, "scoring", "GET", f"{RANKING}?{query}"))["errors"]
    meeting = instance(_route(whole, "nomination POST /v1/plenaries")) | {"scheduled": instant}
    problem = refusal(await whole.ask(everybody, "nomination", "POST", "/v1/plenaries", meeting))
    assert [error["field"] for error in problem["errors"]] == ["scheduled"]


async def test_a_meeting_in_the_year_1_stops_nothing(whole: Whole) -> None:
    meeting = instance(_route(whole, "nomination POST /v1/plenaries")) | {"scheduled": "0001-01-01T00:00:00Z"}
    problem = refusal(await whole.ask(whole.clerk("75"), "nomination", "POST", "/v1/plenaries", meeting))
    assert problem["type"] == "/problems/outside-term"
    ages = instance(_route(whole, "nomination POST /v1/committees")) | {
        "decree": "Keputusan sejak tahun 1", "term_from": "0001-01-01", "term_until": "9999-12-31",
    }  # fmt: skip
    await whole.does(whole.clerk("75"), "nomination", "POST", "/v1/committees", ages)
    receipt = await whole.does(whole.clerk("75"), "nomination", "POST", "/v1/plenaries", meeting)
    point = f"{receipt['events'][0]['stream']}@1"
    answer = await whole.ask(
        whole.clerk("75"), "nomination", "GET", f"/v1/plenaries/{receipt['plenary']}?at_least={point}"
    )
    assert answer.json()["scheduled"] == "0001-01-01T00:00:00.000000Z"
    await whole.all_ready()


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer x", "Bearer a.b.c", "Basic eDp5", "Bearer eyJhbGciOiJub25lIn0.e30.", "Bearer \u00e9",
     f"Bearer {'x' * 9000}", "Token x", "Bearer x y"],
)  # fmt: skip
async def test_no_text_in_the_place_of_a_token_is_more_than_a_401(whole: Whole, authorization: str) -> None:
    for service in SERVICES:
        route = next(each for each in _closed(whole) if each.service == service and each.method == "GET")
        answer = await send(whole, None, replace(right(route), headers={"Authorization": authorization}))
        assert refusal(answer)["type"] == "/problems/unauthenticated"
        assert answer.headers["www-authenticate"].startswith("Bearer")


def _closed(whole: Whole) -> list[Route]:
    opened = ("/v1/public/", "/v1/sign-in", "/v1/service-token")
    return [each for each in whole.routes if each.template.startswith("/v1/") and not each.template.startswith(opened)]


async def test_ten_megabytes_in_pieces_are_refused_by_every_service(
    whole: Whole, everybody: str, nothing_happens: None
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b'{"rulebook": "'
        for _ in range(TEN_MEGABYTES >> 16):
            yield b"x" * (1 << 16)

    for service in SERVICES:
        route = next((each for each in whole.routes if each.service == service and each.is_command), None)
        path = "/v1/status" if route is None else right(route).path
        headers = {"Authorization": f"Bearer {everybody}", "Content-Type": "application/json"}
        answer = await whole.http.post(whole.url(service, path), content=pieces(), headers=headers)
        assert refusal(answer)["type"] == "/problems/body-too-large"


_UNREADABLE: Final = {
    "no request": b"hello\r\n\r\n",
    "a NUL in a header": b"GET /v1/me HTTP/1.1\r\nHost: x\r\nAccept-Language: i\0d\r\n\r\n",
    "a NUL in the path": b"GET /v1/\0 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a path that is no ASCII": b"GET /v1/\xff HTTP/1.1\r\nHost: x\r\n\r\n",
    "a name of a header that is none": b"GET / HTTP/1.1\r\nHost: x\r\na b: c\r\n\r\n",
    "no host": b"GET /v1/me HTTP/1.1\r\n\r\n",
    "a length that is none": b"POST /v1/sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
    "two lengths": b"POST /v1/sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "pieces of no length": b"POST /v1/sign-in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
    "another version": b"GET /v1/me HTTP/3.0\r\nHost: x\r\n\r\n",
    "a path of 100 kB": b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "headers of 100 kB": b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
    "TLS": bytes.fromhex("16030100f8010000f40303") + bytes(230),
}


@pytest.mark.parametrize("wrong", _UNREADABLE)
async def test_what_is_no_http_request_is_a_problem_too(whole: Whole, wrong: str) -> None:
    for service in SERVICES:
        status, headers, body = await _spoken(whole.url(service), _UNREADABLE[wrong])
        assert fault_of(status, headers, partial(json.loads, body)) is None, (service, status, body[:200])
    await whole.all_ready()


async def _spoken(url: str, raw: bytes) -> tuple[int, httpx.Headers, bytes]:
    """Send bytes to a service and return the answer that it hangs up with."""
    address = httpx.URL(url)
    reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        writer.write(raw)
        async with asyncio.timeout(60):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = httpx.Headers([(line.partition(": ")[0], line.partition(": ")[2]) for line in head[1:] if line])
            body = await reader.readexactly(int(headers["content-length"]))
    finally:
        writer.close()
    return int(head[0].split()[1]), headers, body


async def test_half_a_request_that_ends_leaves_nothing(whole: Whole, nothing_happens: None) -> None:
    for service in SERVICES:
        address = httpx.URL(whole.url(service))
        for raw in (b"", b"POST /v1/x HT", b"POST /v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{"):
            _, writer = await asyncio.open_connection(address.host, address.port)
            writer.write(raw)
            writer.close()


# --- Kafka ----------------------------------------------------------------------------------------------------------

_RECEIVERS: Final = {
    NOMINATION: ("identity", "scoring", "notifications", "audit"),
    SCORING: ("nomination", "notifications", "audit"),
    SCORES: ("audit",),
    NOTIFICATIONS: ("audit",),
    IDENTITY: ("audit",),
    AUDIT: (),
}
"""Who receives what; nobody receives what audit says of itself, so nobody judges what lies there."""
_STREAMS: Final = {
    NOMINATION: "season/1990",
    SCORING: "indicator/nobody",
    SCORES: "sheet/nobody/provincial-seleksi/nobody",
    NOTIFICATIONS: "delivery/nobody",
    IDENTITY: "account/nobody",
    AUDIT: "refusal/audit/system/1990-01-01",
}
"""A stream of each topic that no service has written."""
_OWNERS: Final = {topic.name: topic.owner for topic in EVENT_TOPICS}


@dataclass(frozen=True, slots=True)
class Alien:
    """A record that no service of ours wrote, where it was produced, and why it must be set aside."""

    what: str
    reason: Reason
    record: Record


async def test_an_alien_message_is_set_aside_with_its_reason_and_its_partition_goes_on(whole: Whole) -> None:
    async with _broker(whole) as broker:
        placed = {topic: await _invade(whole, broker, topic) for topic in _RECEIVERS}
        await _something_happens(whole)
        await _everywhere(whole)
        for topic, aliens in placed.items():
            await _set_aside(broker, topic, aliens)
    await asyncio.gather(*(whole.stack.restart(service) for service in SERVICES))
    await whole.all_ready()
    for service in SERVICES:
        assert len(await whole.rows(service, "select epoch from epochs")) == 1, f"{service} opened an epoch"
        assert not set(_STREAMS.values()) & (await whole.known_heads(service)).keys()
    await whole.nominate("13", "13.73")
    await whole.told()
    await whole.february()
    await _everywhere(whole)


@asynccontextmanager
async def _broker(whole: Whole) -> AsyncIterator[Broker]:
    broker = Broker(whole.stack.bootstrap_servers, "alien")
    try:
        yield broker
    finally:
        await broker.close()


async def _invade(whole: Whole, broker: Broker, topic: str) -> list[tuple[Alien, int, int]]:
    """Produce every kind of alien message to a topic, over all its partitions, with copies of what is there already."""
    known = await records_of(broker, topic)
    count = (await broker.cluster()).partitions[topic]
    placed: list[tuple[Alien, int, int]] = []
    ours = json.loads((known or await records_of(broker, NOMINATION))[-1].value)
    for number, alien in enumerate(_aliens(topic, ours, whole.now())):
        partition = number % count
        (offset,) = await produce(broker, topic, alien.record, partition=partition)
        placed.append((alien, partition, offset))
    undecodable = Alien("a batch that expands to more than is read", Reason.UNDECODABLE, Record(None, None, []))
    first = await produce_undecodable(broker, topic)
    placed.append((undecodable, 0, first))
    again = [Record(each.key, each.value, list(each.headers)) for each in reversed(known)]
    gap = Chain(f"{_STREAMS[topic]}-gap", _OWNERS[topic], started=whole.now() - timedelta(hours=1))
    gap.next()
    await produce(broker, topic, *again, record_of(gap.next()))
    return placed


def _aliens(topic: str, ours: Json, now: datetime) -> Iterator[Alien]:
    """Yield what each check of the receiver must catch; `ours` is an event of the topic, or of another one."""

    def chain(stream: str = _STREAMS[topic], owner: str = _OWNERS[topic], **given: Any) -> Chain:
        return Chain(stream, owner, started=now - timedelta(hours=1), **given)

    fine = chain().next()
    document = json.loads(fine.document)
    key = fine.stream.encode()
    other = NOMINATION if topic != NOMINATION else SCORING

    def event(what: str, reason: Reason, entry: Entry, **given: Any) -> Alien:
        return Alien(what, reason, record_of(entry, **given))

    def content(what: str, reason: Reason, value: Any) -> Alien:
        return Alien(what, reason, Record(key, value if isinstance(value, bytes) else canonical(value), []))

    yield content("garbage", Reason.NOT_CANONICAL, b"\x00\xff\xfe garbage")
    yield content("an empty value", Reason.EMPTY, b"")
    yield Alien("a tombstone", Reason.EMPTY, Record(key, None, []))
    yield Alien("a header that is no UTF-8", Reason.NOT_CANONICAL, Record(key, b"{", [("type", b"\xff\xfe\x00")]))
    yield event("another key", Reason.WRONG_KEY, fine, key=b"another")
    yield event("no key", Reason.WRONG_KEY, fine, key=None)
    yield event("a stream of another topic", Reason.NOT_THE_OWNER, chain(_STREAMS[other], _OWNERS[other]).next())
    yield event("another source", Reason.NOT_AN_EVENT, chain().next(source=source_of(_OWNERS[other])))
    yield content("spaces", Reason.NOT_CANONICAL, json.dumps(document).encode())
    yield content("a float", Reason.NOT_CANONICAL, fine.document.replace('"number":1', '"number":1.5').encode())
    yield content(
        "a huge integer", Reason.NOT_CANONICAL, fine.document.replace('"number":1', f'"number":{2**63}').encode()
    )
    yield content("deep nesting", Reason.NOT_CANONICAL, b"[" * 100_000)
    yield content("a name twice", Reason.NOT_CANONICAL, b'{"a":1,"a":1}')
    yield content("another datahash", Reason.NOT_AN_EVENT, document | {"datahash": "0" * 64})
    yield content("other data", Reason.NOT_AN_EVENT, document | {"data": document["data"] | {"number": 2}})
    yield content("no data", Reason.NOT_AN_EVENT, {name: value for name, value in document.items() if name != "data"})
    yield content("a version that is none", Reason.NOT_AN_EVENT, document | {"streamversion": 0})
    yield content("a time that is none", Reason.NOT_AN_EVENT, document | {"time": "2021-02-30T00:00:00.000000Z"})
    yield content("a subject of no kind", Reason.NOT_AN_EVENT, document | {"subject": "nothing/1"})
    yield event("the future", Reason.FUTURE_DATED, chain().next(time=instant(now + timedelta(days=3650))))
    if topic_of(ours["subject"]) == topic:
        wrong = Head(ours["streamversion"], b"\1" * 32, now)
        yield event("another chain", Reason.WRONG_CHAIN, chain(ours["subject"], head=wrong).next())
    yield event("an id that is taken", Reason.USED_ID, chain().next(id=ours["id"]))
    yield content("a megabyte", Reason.NOT_CANONICAL, b"x" * (1 << 20))


async def _set_aside(broker: Broker, topic: str, aliens: Sequence[tuple[Alien, int, int]]) -> None:
    """Wait until every receiver has posted each alien; fail for another reason, and for anything else there."""
    receivers = len(_RECEIVERS[topic])
    expected = {(partition, offset): alien for alien, partition, offset in aliens} if receivers else {}

    async def posted() -> Counter[tuple[int, int]]:
        return Counter(_place(letter) for letter in await records_of(broker, topic + SUFFIX))

    async def complete() -> bool:
        found = await posted()
        return all(found[place] >= receivers for place in expected)

    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(180):
            await until(complete, "", within=300)
    found = await posted()
    named = {place: expected[place].what if place in expected else "no alien" for place in found.keys() | expected}
    assert {named[place]: found[place] for place in named} == dict.fromkeys(named.values(), receivers), topic
    for letter in await records_of(broker, topic + SUFFIX):
        _is_kept(expected[_place(letter)], letter)


def _place(letter: Any) -> tuple[int, int]:
    told = dict(letter.headers)
    return int(told["partition"]), int(told["offset"])


def _is_kept(alien: Alien, letter: Any) -> None:
    """Fail unless a letter has its reason and holds what was produced, but for what nobody can read."""
    told = {name: value for name, value in letter.headers if value is not None}
    assert told["reason"].decode() == alien.reason, alien.what
    if alien.reason is not Reason.UNDECODABLE:
        assert letter.key == alien.record.key, alien.what
        assert (letter.value or b"") == (alien.record.value or b""), alien.what


async def _something_happens(whole: Whole) -> None:
    """Let every service but audit record something, by what its users do in January."""
    await whole.nominate("75", "75.01")
    await whole.told()
    operator = whole.token(Grant.of("operator"))
    await whole.does(operator, "identity", "POST", "/v1/token-keys")
    await whole.open("75")

    async def published() -> bool:
        return (await whole.own_heads("identity"))["service/identity"] >= 3

    await until(published, "identity has not published its new key")


async def _everywhere(whole: Whole) -> None:
    """Wait until whoever receives a topic has all that its owner recorded."""
    own = {service: await whole.own_heads(service) for service in SERVICES}
    wanted = {
        service: {
            stream: version
            for heads in own.values()
            for stream, version in heads.items()
            if service in _RECEIVERS[topic_of(stream)]
        }
        for service in SERVICES
    }

    async def arrived() -> bool:
        for service, streams in wanted.items():
            known = await whole.known_heads(service)
            if any(known.get(stream, 0) < version for stream, version in streams.items()):
                return False
        return True

    await until(arrived, "something has not arrived everywhere", within=120)


async def test_an_event_of_ours_that_nobody_can_read_holds_only_its_stream(whole: Whole) -> None:
    known = CandidateNominated.type_name()
    unknown_type, unknown_version, unfit = (_chain(kind, whole) for kind in ("season", "plenary", "nomination"))
    entries = [
        unknown_type.next(),
        unknown_type.next(),
        _typed(unknown_version, known.replace(".v1", ".v9")),
        _typed(unfit, known, data={"number": 1}),
        _typed(unfit, NominationWithdrawn.type_name(), data={"nomination": "\0"}),
    ]
    streams = {entry.stream for entry in entries}
    async with _broker(whole) as broker:
        offsets = await produce(broker, NOMINATION, *map(record_of, entries))
        places = {(partition_of(entry.stream.encode(), 4), at) for entry, at in zip(entries, offsets, strict=True)}
        await _appoint(whole, "kepala-bpjs-ketenagakerjaan")
        await _everywhere(whole)
        for service in _RECEIVERS[NOMINATION]:
            await until(partial(_knows, whole, service, streams), f"{service} has not received what was forged")
            await _holds_only(whole, service, streams)
        await whole.stack.restart("nomination")
        (epoch,) = await whole.rows("nomination", "select reason from epochs where epoch > 1")
        assert epoch["reason"] == "restored"
        assert streams <= (await whole.own_heads("nomination")).keys()
        await _appoint(whole, "ketua-spsi")
        await _everywhere(whole)
        await _holds_only(whole, "nomination", streams)
        assert places.isdisjoint(_place(letter) for letter in await records_of(broker, NOMINATION + SUFFIX))
    await whole.all_ready()


def _chain(kind: str, whole: Whole) -> Chain:
    """Return a stream of nomination's in a partition where nothing else is published meanwhile.

    What lies before the last record that the broker acknowledged to nomination is not looked at by its next start.
    """
    busy = {partition_of(stream.encode(), 4) for stream in ("committee/2020/75", "service/nomination")}
    names = (f"{kind}/{person_of(str(number))}" for number in range(100))
    stream = next(name for name in names if partition_of(name.encode(), 4) not in busy)
    return Chain(stream, "nomination", started=whole.now() - timedelta(hours=1))


def _typed(chain: Chain, type_name: str, **given: Any) -> Entry:
    return chain.next(type=type_name, dataschema=schema_uri(type_name), **given)


async def _appoint(whole: Whole, office: str) -> None:
    """Let the committee of 75 change once more."""
    sent = {"office": office, "seat": 1, "person": person_of(f"{office}-75")}
    admin = whole.token(Grant.of("season-admin"))
    await whole.knows(person_of(f"{office}-75"))
    await whole.does(admin, "nomination", "POST", f"/v1/committees/2020/75/{BODY}/members", sent)


async def _knows(whole: Whole, service: str, streams: set[str]) -> bool:
    return streams <= (await whole.known_heads(service)).keys()


async def _holds_only(whole: Whole, service: str, streams: set[str]) -> None:
    """Wait until a service's handlers have come to the end, and fail unless they hold just some of `streams`."""
    read = "select handler, (epoch, xid, position) >= (select epoch, xid, position from events"
    ends = f"{read} order by epoch desc, xid desc, position desc limit 1) as ended from checkpoints"

    async def ended() -> bool:
        return all(row["ended"] for row in await whole.rows(service, ends))

    await until(ended, f"{service} does not fold on")
    held = {row["stream"] for row in await whole.rows(service, "select distinct stream from stalled")}
    handlers = await whole.rows(service, "select handler from checkpoints")
    assert held <= streams, service
    assert bool(held) == bool(handlers), f"{service} holds nothing"
    if held:
        metrics = (await whole.http.get(whole.url(service, "/metrics"))).text
        assert re.search(r'^paritrana_stalled_streams\{handler="[^"]+"\} [1-9]', metrics, re.MULTILINE)


@pytest.mark.parametrize(
    "mark", ["100.5", "-0.5", "187", "87.55", "1e2", "NaN", "Infinity", "\u0668\u0660", "87,5", "", "0x50", "9" * 40]
)
async def test_a_mark_off_its_scale_is_refused_and_the_refusal_recorded_without_it(whole: Whole, mark: str) -> None:
    if not any(stream.startswith("sheet/") for stream in whole.heads):
        await whole.february()
    before = await _recorded(whole)
    member = person_of("sekretaris-daerah-75")
    sent = {"mark": mark, "locale": "en"}
    answer = await whole.ask(
        whole.member("sekretaris-daerah", "75"), "scoring", "PUT", f"{whole.sheet_path('75.71')}/marks/kinerja", sent
    )
    problem = refusal(answer)
    assert (problem["status"], [error["field"] for error in problem["errors"]]) == (422, ["mark"])
    assert await _recorded(whole) == before
    (last,) = await whole.rows(
        "scoring",
        "select document from events where stream like $1 order by version desc limit 1",
        f"refusal/scoring/{member}/%",
    )
    told = json.loads(last["document"])["data"]
    assert (told["code"], told["fields"]) == (problem["type"].removeprefix("/problems/"), ["mark"])
    assert told.keys() == {"service", "route", "code", "fields", "closing", "salt"}


# --- operations -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended, and what it wrote."""

    code: int
    out: str
    err: str

    def says_one_line(self, *parts: str) -> None:
        """Fail unless it ended with 2, and the only line that it wrote holds the parts and no traceback."""
        told = f"{self.out}\n{self.err}".strip()
        assert self.code == 2, told
        assert "Traceback" not in told
        (line,) = (line for line in self.err.splitlines() if line.strip())
        for part in parts:
            assert part in line, told


async def _ended(*arguments: str, **environment: str) -> Ended:
    """Run a program of ours to its end."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PARITRANA_", "DATABASE_"))}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        *arguments,
        cwd=ROOT,
        env=inherited | environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(180):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Ended(process.returncode or 0, out.decode(), err.decode())


async def test_a_service_that_cannot_start_says_why_in_one_line(whole: Whole) -> None:
    taken = whole.stack.options.ports["audit"]
    (free,) = free_ports(1)
    mine = whole.stack._environment("scoring", free)
    login = urlsplit(mine["DATABASE_URL"])
    wrong = login._replace(netloc=login.netloc.replace(login.password or "", "wrong")).geturl()
    nowhere = login._replace(netloc=f"{login.username}:{login.password}@127.0.0.1:1").geturl()
    soon = {"PARITRANA_WAIT_SECONDS": "1"}
    ends = await asyncio.gather(
        _ended("cli.serve", "audit", **whole.stack._environment("audit", taken)),
        _ended("cli.serve", "scoring", **mine | soon | {"DATABASE_URL": wrong}),
        _ended("cli.serve", "scoring", **mine | soon | {"DATABASE_URL": nowhere}),
        _ended("cli.serve", "scoring", **mine | soon | {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}),
        _ended("cli.serve", "scoring", **mine | {"PARITRANA_CLOCK": "tomorrow"}),
        _ended("cli.serve", "nothing"),
    )
    port, password, database, broker, clock, unknown = ends
    port.says_one_line("audit", str(taken), "in use", "PARITRANA_PORT")
    password.says_one_line("scoring", "refuses", "DATABASE_URL")
    assert "wrong" not in password.err.replace("wrong password", "")
    database.says_one_line("scoring", "127.0.0.1:1", "within 1 s", "DATABASE_URL")
    broker.says_one_line("scoring", "127.0.0.1:1", "waited 1 s", "KAFKA_BOOTSTRAP_SERVERS")
    clock.says_one_line("PARITRANA_CLOCK", "tomorrow")
    unknown.says_one_line("nothing", "choose one of")
    await whole.all_ready()


async def test_a_stack_that_cannot_start_says_why_in_one_line(whole: Whole) -> None:
    beside = whole.stack.options.data.parent
    ports = environment_of(replace(whole.stack.options, data=beside / "first"))
    others = iter(free_ports(3 * len(PORTS)))

    def other(name: str, **environment: str) -> dict[str, str]:
        options = StackOptions(beside / name, {what: next(others) for what in PORTS}, wait_seconds=1)
        return environment_of(options) | environment

    in_use, database, broker, wrong = await asyncio.gather(
        _ended("cli.main", "up", **ports),
        _ended("cli.main", "up", **other("second", DATABASE_URL="postgresql://nobody:secret@127.0.0.1:1/postgres")),
        _ended("cli.main", "up", **other("third", KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")),
        _ended("cli.main", "up", **other("fourth", PARITRANA_SCORING_PORT="many")),
    )
    in_use.says_one_line("in use", "PARITRANA_")
    for end in (database, broker, wrong):
        assert end.code == 2
        assert "Traceback" not in end.out + end.err
    assert "127.0.0.1:1" in database.err
    assert "secret" not in database.err
    assert "127.0.0.1:1" in broker.err
    assert "PARITRANA_SCORING_PORT" in wrong.err


_RULEBOOK: Final = (ROOT / "rulebooks" / "2021.yaml").read_bytes()
_WRONG_RULEBOOKS: Final = {
    "no end": (b"season: [2021\n", 2),
    "no UTF-8": (b"season: 2021\ntitle: \xff\xfe\n", 2),
    "nothing": (b"", 1),
    "an alias": (b"a: &a [1]\nb: *a\n", 2),
    "another key": (
        _RULEBOOK.replace(b"calendar:", b"calender:", 1),
        1 + _RULEBOOK[: _RULEBOOK.index(b"calendar:")].count(b"\n"),
    ),
    "deep nesting": (b"[" * 10_000, 1),
}
"""Files that are no rulebook, and the line that the first or second error names."""


@pytest.mark.parametrize("wrong", _WRONG_RULEBOOKS)
async def test_a_wrong_rulebook_is_told_by_its_lines(whole: Whole, wrong: str) -> None:
    content, line = _WRONG_RULEBOOKS[wrong]
    admin = whole.token(Grant.of("season-admin"))
    body = {"rulebook": content.decode("utf-8", "replace") or " "}
    errors = refusal(await whole.ask(admin, "nomination", "POST", "/v1/seasons", body))["errors"]
    assert any(error["field"].split(":")[1] == str(line) for error in errors) or wrong == "no UTF-8"


async def test_the_program_tells_a_wrong_rulebook_file_by_its_lines(tmp_path: Path) -> None:
    async def told(wrong: str) -> None:
        content, line = _WRONG_RULEBOOKS[wrong]
        file = tmp_path / f"{wrong}.yaml"
        file.write_bytes(content)
        end = await _ended("cli.main", "season", "open", str(file), "--dry-run")
        assert end.code == 2
        assert "Traceback" not in end.out + end.err
        assert f"{file}:{line}: " in end.out + end.err

    await asyncio.gather(*map(told, ("no UTF-8", "another key")))
    missing = await _ended("cli.main", "season", "open", str(tmp_path / "missing.yaml"), "--dry-run")
    missing.says_one_line("missing.yaml", "cannot be read")


class Cable:
    """The way to a port of this machine, which can be cut and mended."""

    def __init__(self, target: int) -> None:
        self.target = target
        (self.port,) = free_ports(1)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def mend(self) -> None:
        """Let connections through."""
        self._server = await asyncio.start_server(self._through, "127.0.0.1", self.port)

    async def cut(self) -> None:
        """End every connection and refuse new ones."""
        if self._server is not None:
            self._server.close()
            for writer in tuple(self._writers):
                writer.transport.abort()
            await self._server.wait_closed()
            self._server = None

    async def _through(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there = await asyncio.open_connection("127.0.0.1", self.target)
        self._writers |= {writer, there}
        try:
            await asyncio.gather(_pump(reader, there), _pump(there_reader, writer))
        finally:
            self._writers -= {writer, there}


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await reader.read(1 << 16):
            writer.write(piece)
            await writer.drain()
    writer.close()


async def test_a_running_service_that_loses_its_database_says_so_and_comes_back(whole: Whole) -> None:
    cable = Cable(whole.stack.options.ports["postgresql"])
    (port,) = free_ports(1)
    environment = whole.stack._environment("scoring", port)
    login = urlsplit(environment["DATABASE_URL"])
    environment["DATABASE_URL"] = login._replace(
        netloc=login.netloc.replace(f":{login.port}", f":{cable.port}")
    ).geturl()
    await cable.mend()
    unit = Service("scoring-behind-a-cable", [sys.executable, "-m", "cli.serve", "scoring"], environment, port,
                   log=whole.stack.options.data / "log" / "cable.log")  # fmt: skip
    url = f"http://127.0.0.1:{port}"

    async def check(name: str) -> bool:
        answer = await whole.http.get(f"{url}/health/ready")
        return answer.status_code == 503 and not answer.json()["checks"][name]["ok"]

    async def ready() -> bool:
        return (await whole.http.get(f"{url}/health/ready")).status_code == 200

    try:
        await unit.start()
        await cable.cut()
        await until(lambda: check("database"), "the service has not noticed that its database is away")
        lost = await whole.http.get(f"{url}/v1/public/rankings")
        assert (lost.status_code, lost.json()["type"]) == (503, "/problems/store-unavailable")
        assert int(lost.headers["retry-after"]) > 0
        await cable.mend()
        await until(ready, "the service has not come back", within=120)
        assert (await whole.http.get(f"{url}/v1/public/rankings")).status_code == 200
    finally:
        await unit.stop()
        await cable.cut()
    assert unit.child is not None
    assert unit.child.exit_code == 0


async def test_services_that_lose_the_broker_say_so_take_commands_and_come_back(whole: Whole) -> None:
    await _everywhere(whole)
    whole.stack.kill("kafka")

    noticed = set[str]()

    async def all_noticed() -> bool:
        unready = await whole.unready()
        noticed.update(service for service, said in unready.items() if not said["checks"]["broker"]["ok"])
        return noticed == set(SERVICES)

    await until(all_noticed, "some service has not noticed that the broker is away")
    await _appoint(whole, "asisten-pemerintahan-kesra")
    await whole.stack.ready("kafka")

    async def back() -> bool:
        return await whole.unready() == {}

    await until(back, "some service has not come back", within=180)
    await _everywhere(whole)
