"""Who may ask what: every route of the running system, by every role, in the right place and in another one.

The table below has a row for every route of the OpenAPI documents; a route without one fails. Who gets past the door of
a command is seen without carrying it out, by a command that does not name itself.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlencode

import httpx
import pytest
import pytest_asyncio
from joserfc import jwt
from joserfc.jwk import OKPKey

from kernel.tokens import ALGORITHM, AUDIENCE, ISSUER, TOKEN_TYPE, Grant
from schemas.topics import SERVICES
from tests.support.malformed import VALUES
from tests.support.refusals import AT_ONCE, refusal
from tests.support.whole import BODY, DOCUMENTS, OPERATION, Json, Route, Whole, person_of, whole_system

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]

STAGE: Final = "2020/provincial/75/KABKOTA/seleksi"

EVERYBODY: Final = "everybody"
"""Also those without a token."""
SCORERS: Final = ("member", "chair", "verifier", "juror")
MEETING: Final = (*SCORERS, "secretary")
READERS: Final = (*MEETING, "secretariat", "contact", "season-admin", "auditor")
FOR_FACTS: Final = ("publisher", "operator", "auditor")
VIEWERS: Final = (*MEETING, "secretariat", "auditor")
OWN: Final = (*READERS, "operator", "publisher")
"""Everybody who is a person."""
ROLES: Final = (*OWN, "service")

RIGHTS: Final[Mapping[str, str | tuple[str, ...]]] = {
    **{f"{service} GET {path}": EVERYBODY for service in SERVICES for path in OPERATION},
    "identity GET /.well-known/jwks.json": EVERYBODY,
    "identity POST /v1/sign-in": EVERYBODY,
    "identity POST /v1/sign-in/password": EVERYBODY,  # whoever knows the password
    "identity POST /v1/service-token": EVERYBODY,  # a service's sign-in
    "identity POST /v1/token-keys": ("operator",),
    "identity POST /v1/persons": ("season-admin", "secretariat"),
    "identity GET /v1/persons": ("service",),
    "identity GET /v1/persons/lookup": ("season-admin", "secretary", "secretariat"),
    "identity GET /v1/persons/names": ("auditor",),
    "identity DELETE /v1/persons/{person}/data": ("season-admin",),  # and, of a powerful person, a second one
    "identity GET /v1/me": ROLES,
    "identity POST /v1/accounts": ("season-admin",),  # and, but for a new person, a second one
    "identity POST /v1/grants": ("season-admin",),  # and, of a powerful role or a seat's, a second one
    "identity DELETE /v1/grants/{grant}": ("season-admin",),  # and, of a powerful role, a second one
    "identity GET /v1/grants/history": ("auditor",),
    "nomination POST /v1/seasons": ("season-admin",),
    "nomination POST /v1/seasons/{season}/amend": ("season-admin",),
    "nomination POST /v1/seasons/{season}/extend": ("season-admin",),
    "nomination POST /v1/seasons/{season}/freeze": ("season-admin",),  # and a second one
    "nomination POST /v1/seasons/{season}/unfreeze": ("season-admin",),  # and a second one
    "nomination POST /v1/seasons/{season}/close": ("season-admin",),  # and a second one
    "nomination GET /v1/seasons/{season}/exceptions": ("season-admin", "auditor", "secretary"),
    "nomination POST /v1/committees": ("season-admin", "secretary"),
    "nomination GET /v1/committees": READERS,
    "nomination GET /v1/committees/{season}/{province}": READERS,
    "nomination POST /v1/committees/{season}/{province}/{body}/members": ("season-admin", "secretary"),
    "nomination POST /v1/committees/{season}/{province}/{body}/members/{person}/remove": ("season-admin", "secretary"),
    "nomination POST /v1/committees/{season}/{province}/{body}/members/{person}/replace": ("season-admin", "secretary"),
    "nomination POST /v1/committees/{season}/{province}/{body}/conflicts": MEETING,
    "nomination POST /v1/committees/{season}/{province}/{body}/conflicts/lift": MEETING,
    "nomination POST /v1/nominations": ("secretariat",),
    "nomination GET /v1/nominations": READERS,
    "nomination GET /v1/nominations/{nomination}": READERS,
    "nomination POST /v1/nominations/late": ("secretariat",),
    "nomination POST /v1/nominations/import": ("secretariat",),
    "nomination POST /v1/nominations/{nomination}/amend": ("secretariat",),
    "nomination POST /v1/nominations/{nomination}/withdraw": ("secretariat",),
    "nomination POST /v1/nominations/{nomination}/evidence": ("secretariat", "contact"),
    "nomination GET /v1/nominations/{nomination}/evidence": READERS,
    "nomination GET /v1/evidence/{sha256}": READERS,
    "nomination POST /v1/nominations/{nomination}/disputes": ("secretariat", "contact"),
    "nomination GET /v1/disputes": ("publisher", "secretariat", "auditor"),
    "nomination POST /v1/nominations/{nomination}/verify": MEETING,
    "nomination POST /v1/nominations/{nomination}/return": MEETING,
    "nomination POST /v1/nominations/{nomination}/resubmit": ("secretariat",),
    "nomination POST /v1/nominations/{nomination}/reject": MEETING,
    "nomination POST /v1/nominations/{nomination}/interview": MEETING,
    "nomination GET /v1/interviews": READERS,
    "nomination POST /v1/plenaries": MEETING,
    "nomination GET /v1/plenaries": READERS,
    "nomination GET /v1/plenaries/{plenary}": READERS,
    "nomination POST /v1/plenaries/{plenary}/attendance": MEETING,
    "nomination POST /v1/plenaries/{plenary}/table": MEETING,
    "nomination POST /v1/plenaries/{plenary}/motions": MEETING,
    "nomination POST /v1/plenaries/{plenary}/motions/{motion}/votes": MEETING,
    "nomination POST /v1/plenaries/{plenary}/motions/{motion}/tally": MEETING,
    "nomination POST /v1/plenaries/{plenary}/motions/{motion}/confirm": MEETING,
    "nomination POST /v1/plenaries/{plenary}/motions/{motion}/decide": MEETING,
    "nomination POST /v1/plenaries/{plenary}/motions/{motion}/announce": MEETING,
    "nomination POST /v1/plenaries/{plenary}/adjourn": MEETING,
    "nomination POST /v1/appeals": ("contact", "secretariat"),
    "nomination GET /v1/appeals": READERS,
    "nomination GET /v1/appeals/{appeal}": READERS,
    "nomination GET /v1/public/appeals/{season}": EVERYBODY,
    "nomination POST /v1/plenaries/{plenary}/corrigenda": MEETING,
    "nomination GET /v1/plenaries/{plenary}/checklist": ("secretary", "chair", "auditor"),
    "nomination GET /v1/plenaries/{plenary}/minutes": READERS,
    "nomination GET /v1/plenaries/{plenary}/minutes.pdf": READERS,
    "nomination POST /v1/awards/{season}/{tier}/{province}/{category}/certificates": MEETING,
    "nomination GET /v1/certificates": READERS,
    "nomination GET /v1/certificates/{certificate}.pdf": READERS,
    "nomination GET /v1/public/certificates/{certificate}": EVERYBODY,
    "nomination GET /v1/public/seasons": EVERYBODY,
    "nomination GET /v1/public/seasons/{season}": EVERYBODY,
    "nomination GET /v1/public/seasons/{season}/rulebook": EVERYBODY,
    "nomination GET /v1/public/results/{season}": EVERYBODY,
    "scoring POST /v1/rankings/{season}/{tier}/{province}/{category}/{stage}/open": ("secretary",),
    "scoring POST /v1/rankings/{season}/{tier}/{province}/{category}/{stage}/close": ("secretary",),
    "scoring POST /v1/rankings/{season}/{tier}/{province}/{category}/{stage}/seal": ("secretary",),
    "scoring POST /v1/rankings/{season}/{tier}/{province}/{category}/{stage}/assign": ("secretary",),
    "scoring POST /v1/rankings/{season}/{tier}/{province}/{category}/{stage}/extend": ("secretary", "season-admin"),
    "scoring GET /v1/rankings/{season}/{tier}/{province}/{category}/{stage}/checklist": ("secretary", "auditor"),
    "scoring GET /v1/rankings": VIEWERS,
    # Unsealed, as here, it is for who has no sheet in it; sealed, for the people of the place.
    "scoring GET /v1/rankings/{season}/{tier}/{province}/{category}/{stage}": ("secretary", "auditor"),
    "scoring GET /v1/rankings/{season}/{tier}/{province}/{category}/{stage}/progress": ("secretary", "auditor"),
    "scoring GET /v1/sheets": SCORERS,
    "scoring GET /v1/sheets/{nomination}/{tier}/{stage}": SCORERS,
    "scoring GET /v1/sheets/{nomination}/{tier}/{stage}/{member}": ("secretary", "auditor"),
    "scoring PUT /v1/sheets/{nomination}/{tier}/{stage}/marks/{aspect}": SCORERS,
    "scoring POST /v1/sheets/{nomination}/{tier}/{stage}": SCORERS,
    "scoring POST /v1/sheets/{nomination}/{tier}/{stage}/marks/{aspect}/revise": SCORERS,
    "scoring POST /v1/sheets/{nomination}/{tier}/{stage}/submit": SCORERS,
    "scoring POST /v1/sheets/{nomination}/{tier}/{stage}/void": SCORERS,
    "scoring GET /v1/public/rankings": EVERYBODY,
    "scoring GET /v1/public/rankings/{season}/{tier}/{province}/{category}/{stage}": EVERYBODY,
    "scoring POST /v1/facts/repairs": ("operator",),
    "scoring POST /v1/facts/repairs/{repair}/approve": ("operator", "publisher"),
    "scoring POST /v1/facts/check": ("operator", "publisher"),  # a publisher: of its own topics
    "scoring POST /v1/facts/checks": ("operator", "publisher"),  # each message by itself, of a publisher's own topics
    "scoring GET /v1/facts/sandbox": FOR_FACTS,  # an operator: without what they say
    "scoring GET /v1/facts/sandbox/{publisher}/{fact}": FOR_FACTS,
    "scoring GET /v1/facts/repairs": FOR_FACTS,
    "scoring GET /v1/facts/repairs/{repair}": FOR_FACTS,
    "scoring GET /v1/facts/report": FOR_FACTS,  # a publisher: of its own topics
    "scoring GET /v1/facts/missing": ("publisher", "auditor"),
    "scoring GET /v1/facts/{publisher}/{fact}": FOR_FACTS,  # an operator: without what it says
    "scoring GET /v1/employers/{npp}/months/{month}": ("publisher", "auditor"),
    "scoring GET /v1/nominations/{nomination}/measures": ("secretariat", "contact", "auditor"),  # of its own nominee
    "scoring GET /v1/ledger/batches/{topic}/{partition}/{version}": ("auditor",),
    "notifications GET /v1/deliveries": ROLES,  # one's own
    "notifications GET /v1/subscriptions": ROLES,  # one's own, as all of these
    "notifications PUT /v1/subscriptions": OWN,
    "notifications POST /v1/subscriptions/webhook/rotate": OWN,
    "notifications GET /v1/preview/{template}": ("season-admin", "secretary", "auditor"),
    "audit GET /v1/status": ("auditor", "operator"),  # how much the store holds
    "audit GET /v1/heads": ("auditor",),
    "audit GET /v1/events": ("auditor",),
    "audit GET /v1/export": ("auditor",),
    "audit GET /v1/alarms": ("auditor", "operator"),
    "audit POST /v1/alarms/{alarm}/acknowledge": ("operator",),
    "audit GET /v1/reads": ("auditor",),
    "audit GET /v1/refusals": ("auditor",),
    **{f"{service} GET /v1/feed": ("auditor",) for service in SERVICES},  # and the audit service, by its own token
    "audit GET /checkpoint": EVERYBODY,
    "audit GET /tile/{level}/{path}": EVERYBODY,
    "audit GET /tile/entries/{path}": ("auditor",),
    "audit GET /v1/log/keys": EVERYBODY,
    "audit GET /v1/log/successions": EVERYBODY,
    "audit GET /v1/log/checkpoints": EVERYBODY,
    "audit GET /v1/log/checkpoints/{size}": EVERYBODY,
    "audit GET /v1/log/consistency": EVERYBODY,
    "audit GET /v1/log/inclusion": ("auditor",),
    "audit GET /v1/log/inclusion/{index}": EVERYBODY,
    "audit GET /v1/log/inclusion/{index}/proof": EVERYBODY,
}
_HIDDEN: Final = {
    "nomination GET /v1/nominations/{nomination}": (*MEETING, "secretariat", "contact"),
    "nomination GET /v1/nominations/{nomination}/evidence": (*MEETING, "secretariat", "contact"),
    "nomination GET /v1/committees/{season}/{province}": (*MEETING, "secretariat", "contact"),
    "nomination GET /v1/plenaries/{plenary}": (*MEETING, "secretariat", "contact"),
    "nomination GET /v1/plenaries/{plenary}/checklist": ("secretary", "chair"),
    "nomination GET /v1/plenaries/{plenary}/minutes": (*MEETING, "secretariat"),
    "nomination GET /v1/plenaries/{plenary}/minutes.pdf": (*MEETING, "secretariat", "contact"),
    "scoring GET /v1/rankings/{season}/{tier}/{province}/{category}/{stage}": ("secretary",),
    "scoring GET /v1/rankings/{season}/{tier}/{province}/{category}/{stage}/progress": ("secretary",),
    "scoring GET /v1/rankings/{season}/{tier}/{province}/{category}/{stage}/checklist": ("secretary",),
    "scoring GET /v1/sheets/{nomination}/{tier}/{stage}/{member}": ("secretary",),
    "scoring GET /v1/nominations/{nomination}/measures": ("secretariat", "contact"),
}
"""What of Gorontalo (75) its own people read and the same roles of West Sumatra (13) do not."""


OF_ALL_SEASONS: Final = (
    ("operator", "POST", "identity", "/v1/token-keys"),
    ("auditor", "GET", "identity", "/v1/grants/history"),
    ("auditor", "GET", "audit", "/v1/status"),
    ("operator", "GET", "audit", "/v1/status"),
    ("auditor", "GET", "audit", "/v1/alarms"),
    ("operator", "GET", "audit", "/v1/alarms"),
    ("operator", "POST", "audit", "/v1/alarms/1/acknowledge"),
    ("auditor", "GET", "audit", "/v1/reads?season=2020"),
    ("auditor", "GET", "audit", "/v1/refusals"),
    *(("auditor", "GET", service, "/v1/feed") for service in SERVICES),
    ("auditor", "GET", "audit", "/v1/heads"),
    ("auditor", "GET", "audit", "/v1/events"),
    ("auditor", "GET", "audit", "/v1/events?stream=season/2020"),
    ("auditor", "GET", "audit", "/v1/export?until=1.1.1"),
    ("operator", "POST", "scoring", "/v1/facts/repairs"),
    ("operator", "POST", "scoring", "/v1/facts/check"),
    ("operator", "POST", "scoring", "/v1/facts/checks"),
    ("operator", "GET", "scoring", "/v1/facts/sandbox"),
    ("auditor", "GET", "scoring", "/v1/facts/sandbox/sipp/p-1"),
    ("auditor", "GET", "scoring", "/v1/facts/repairs"),
    ("operator", "GET", "scoring", "/v1/facts/report?day=2021-04-13"),
    ("auditor", "GET", "scoring", "/v1/facts/report?day=2021-04-13"),
    ("auditor", "GET", "scoring", "/v1/facts/missing?day=2021-04-13"),
    ("auditor", "GET", "scoring", "/v1/facts/sipp/p-1"),
    ("auditor", "GET", "scoring", "/v1/employers/NPP-1/months/2021-03"),
    ("auditor", "GET", "scoring", "/v1/ledger/batches/bpjs.contributions.v1/0/1"),
)
"""What is read, or done, across seasons."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def whole() -> AsyncIterator[Whole]:
    """Everything runs; it is February, sheets are filed, a plenary of each place is convened."""
    async with whole_system() as system:
        await system.january()
        await system.february()
        for province in ("75", "13"):
            meeting = {"season": "2020", "province": province, "body": BODY, "scheduled": "2021-03-01T02:00:00Z"}
            agenda = {"agenda": [{"category": "KABKOTA", "stage": "seleksi"}]}
            receipt = await system.does(system.clerk(province), "nomination", "POST", "/v1/plenaries", meeting | agenda)
            system.plenaries[province] = receipt["plenary"]
        await system.arrived("audit", *system.heads)
        yield system


def _grant(role: str, place: str, nomination: str) -> Grant:
    """Return a role in a place: the nation's roles in the nation, but for the other place in that."""
    match role:
        case "secretariat":
            return Grant.of(role, province=place)
        case "member" | "secretary" | "chair":
            return Grant.of(role, committee=place)
        case "verifier" | "juror":
            return Grant.of(role, committee="00" if place == "75" else place)
        case "contact":
            return Grant.of(role, nomination=nomination)
        case "publisher":
            return Grant.of(role, publisher=f"system-{place}")
        case _:
            return Grant.of(role)


def _of(whole: Whole, role: str, place: str = "75") -> str:
    """Return the token of somebody who has a role in a place and nothing else, and no seat."""
    code = {"75": "75.03", "13": "13.71"}[place]
    return whole.token(_grant(role, place, whole.nominations[code]), person=person_of(f"{role} of {place}"))


async def _at_the_door(whole: Whole, token: str | None, route: Route) -> httpx.Response:
    """Ask for what belongs to Gorontalo: read it, or command without naming the command."""
    mine = {
        "nomination": whole.nominations["75.03"],
        "plenary": whole.plenaries["75"],
        "member": person_of("kepala-bps-75"),
    }
    path = route.path({name: str((VALUES | mine)[name]) for name in route.names("path")})
    needed = [each["name"] for each in route.parameters if each["in"] == "query" and each.get("required")]
    query = f"?{urlencode({name: VALUES[name] for name in needed})}" if needed else ""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return await whole.http.request(route.method, whole.url(route.service, path + query), headers=headers)


async def _all(requests: Iterable[Awaitable[httpx.Response]]) -> list[httpx.Response]:
    """Send requests, several at once, and return their answers in order."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(request: Awaitable[httpx.Response]) -> httpx.Response:
        async with gate:
            return await request

    return list(await asyncio.gather(*map(one, requests)))


def _is_let_in(answer: httpx.Response) -> bool:
    if answer.is_success:
        return True
    problem = refusal(answer)
    return bool(problem["type"] not in ("/problems/unauthenticated", "/problems/forbidden"))


# --- the table ------------------------------------------------------------------------------------------------------


async def test_every_route_has_its_row(whole: Whole) -> None:
    assert sorted(route.name for route in whole.routes) == sorted(RIGHTS)


async def test_open_to_all_is_what_the_interfaces_list_and_nothing_else(whole: Whole) -> None:
    opened = {name for name, who in RIGHTS.items() if who == EVERYBODY}
    listed = (*OPERATION, "/.well-known/jwks.json", "/v1/sign-in", "/v1/sign-in/password", "/v1/service-token")
    public = ("/v1/public/", "/checkpoint", "/tile/{level}/", "/v1/log/")
    assert all(name.split()[2] in listed or name.split()[2].startswith(public) for name in opened)
    for route in whole.routes:
        answer = await _at_the_door(whole, None, route)
        if route.name in opened:
            assert answer.status_code not in (401, 403), route.name
        else:
            assert refusal(answer)["type"] == "/problems/unauthenticated", route.name
    for service in SERVICES:
        for path in DOCUMENTS:
            assert (await whole.http.get(whole.url(service, path))).status_code == 200
    contract = await whole.http.get(whole.url("scoring", "/asyncapi/facts.json"))
    assert set(contract.json()["channels"]) == {"bpjs.contributions.v1", "bpjs.coverage.v1"}


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_gets_past_the_doors_of_its_rows_and_no_others(whole: Whole, role: str) -> None:
    token = _of(whole, role)
    answers = await _all(_at_the_door(whole, token, route) for route in whole.routes)
    let_in = {route.name for route, answer in zip(whole.routes, answers, strict=True) if _is_let_in(answer)}
    assert let_in == {name for name, who in RIGHTS.items() if who == EVERYBODY or role in who}


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_of_another_place_reads_nothing_of_this_one(whole: Whole, role: str) -> None:
    for route in whole.routes:
        if route.method != "GET" or route.name not in _HIDDEN or role not in _HIDDEN[route.name]:
            continue
        mine = await _at_the_door(whole, _of(whole, role), route)
        assert mine.is_success or role == "contact", route.name
        refused = await _at_the_door(whole, _of(whole, role, "13"), route)
        assert refusal(refused)["status"] in (403, 404), route.name


async def test_a_role_of_another_place_lists_nothing_of_this_one(whole: Whole) -> None:
    for role in (*MEETING, "secretariat"):
        for path in ("/v1/nominations", "/v1/committees", "/v1/plenaries"):
            listed = (await whole.ask(_of(whole, role, "13"), "nomination", "GET", path)).json()["items"]
            assert listed, (role, path)
            assert "75" not in {_place_of(item) for item in listed}, (role, path)
            narrowed = await whole.ask(_of(whole, role, "13"), "nomination", "GET", f"{path}?province=75")
            assert narrowed.json()["items"] == []
        if role in VIEWERS:
            listed = (await whole.ask(_of(whole, role, "13"), "scoring", "GET", "/v1/rankings")).json()["items"]
            assert [item["ranking"].split("/")[3] for item in listed] == ["13"], role


def _place_of(item: Json) -> str:
    return str(item["province"] if "province" in item else item["candidate"]["code"][:2])


# --- tokens ---------------------------------------------------------------------------------------------------------


def _claims(**changed: Any) -> Json:
    now = int(time.time())
    roles: list[Json] = [{"role": role, "scope": {}} for role in ROLES]
    claims: Json = {"iss": ISSUER, "aud": AUDIENCE, "sub": str(uuid.uuid4()), "iat": now - 60, "exp": now + 600}
    return {
        name: value for name, value in (claims | {"jti": "1", "roles": roles} | changed).items() if value is not None
    }


def _signed(key: OKPKey, claims: Json, **header: str) -> str:
    return jwt.encode(
        {"alg": ALGORITHM, "typ": TOKEN_TYPE, "kid": str(key.kid)} | header, claims, key, algorithms=[ALGORITHM]
    )


def _none(claims: Json, alg: str) -> str:
    def part(value: Json) -> str:
        return urlsafe_b64encode(httpx.Request("POST", "http://x", json=value).content).rstrip(b"=").decode()

    return f"{part({'alg': alg, 'typ': TOKEN_TYPE, 'kid': 'x'})}.{part(claims)}."


async def test_a_token_that_is_not_identitys_opens_no_route(whole: Whole) -> None:
    now = int(time.time())
    foreign = OKPKey.generate_key("Ed25519", parameters={"kid": str(whole.key.kid)})
    good = _signed(whole.key, _claims())
    tokens = {
        "expired": _signed(whole.key, _claims(exp=now - 1)),
        "for another audience": _signed(whole.key, _claims(aud="another")),
        "of another issuer": _signed(whole.key, _claims(iss="another")),
        "not yet issued": _signed(whole.key, _claims(iat=now + 3600, exp=now + 7200)),
        "without an end": _signed(whole.key, _claims(exp=None)),
        "without a subject": _signed(whole.key, _claims(sub=None)),
        "of no person": _signed(whole.key, _claims(sub="root")),
        "of a scope that is none": _signed(whole.key, _claims(roles=[{"role": "auditor", "scope": {"planet": "x"}}])),
        "of another type": _signed(whole.key, _claims(), typ="JWT"),
        "by another key": _signed(foreign, _claims()),
        "by no algorithm": _none(_claims(), "none"),
        "by an empty signature": _none(_claims(), ALGORITHM),
        "cut": good[:-4],
    }
    closed = [route for route in whole.routes if RIGHTS[route.name] != EVERYBODY]
    assert _is_let_in(await _at_the_door(whole, good, closed[0]))
    first = {route.service: route for route in reversed(closed)}
    asked = [(route, what) for route in closed for what in ("expired", "for another audience", "by no algorithm")]
    asked += [(route, what) for route in first.values() for what in tokens]
    answers = await _all(_at_the_door(whole, tokens[what], route) for route, what in asked)
    for (route, what), answer in zip(asked, answers, strict=True):
        assert refusal(answer)["type"] == "/problems/unauthenticated", (route.name, what)


# --- what a role may do with it -------------------------------------------------------------------------------------


@pytest_asyncio.fixture(loop_scope="module")
async def nothing_is_decided(whole: Whole) -> AsyncIterator[None]:
    """Nothing but refusals is recorded meanwhile."""
    await whole.told()
    before = {each: await _decided(whole, each) for each in SERVICES}
    yield
    assert {each: await _decided(whole, each) for each in SERVICES} == before


async def _refused(whole: Whole, token: str, service: str, path: str, body: Any = None, method: str = "POST") -> Json:
    """Send a command that must be refused, and return the problem."""
    return refusal(await whole.ask(token, service, method, path, body))


async def _decided(whole: Whole, service: str) -> dict[str, int]:
    own = await whole.own_heads(service)
    return {stream: version for stream, version in own.items() if not stream.startswith(("refusal/", "delivery/"))}


async def test_a_secretariat_acts_for_its_own_province_only(whole: Whole, nothing_is_decided: None) -> None:
    sent = {
        "season": "2020", "category": "KABKOTA", "candidate": {"kind": "regency", "code": "75.02"},
        "nominating_body": "75", "contact": person_of("somebody"),
    }  # fmt: skip
    theirs = whole.secretariat("13")
    assert (await _refused(whole, theirs, "nomination", "/v1/nominations", sent))["status"] in (403, 422)
    await _refused(whole, theirs, "nomination", "/v1/nominations", sent | {"nominating_body": "13"})
    withdrawal = f"/v1/nominations/{whole.nominations['75.71']}/withdraw"
    assert (await _refused(whole, theirs, "nomination", withdrawal, {"reason": "x"}))["status"] == 403


async def test_a_secretary_acts_in_its_own_place_only(whole: Whole, nothing_is_decided: None) -> None:
    theirs = whole.clerk("13")
    for verb in ("open", "close", "seal"):
        assert (await _refused(whole, theirs, "scoring", f"/v1/rankings/{STAGE}/{verb}"))["status"] == 403
    seat = {"office": "ketua-spsi", "seat": 1, "person": person_of("somebody")}
    body = f"/v1/committees/2020/75/{BODY}"
    for path, sent in (
        ("/v1/committees", {"season": "2020", "province": "75", "body": BODY, "decree": "x",
                            "term_from": "2021-01-04", "term_until": "2021-12-31"}),
        (f"{body}/members", seat),
        (f"{body}/members/{person_of('kepala-bps-75')}/remove", {"reason": "x"}),
    ):  # fmt: skip
        assert (await _refused(whole, theirs, "nomination", path, sent))["status"] == 403


async def test_nobody_of_another_place_takes_part_in_a_meeting(whole: Whole, nothing_is_decided: None) -> None:
    meeting = f"/v1/plenaries/{whole.plenaries['75']}"
    item = {"category": "KABKOTA", "stage": "seleksi"}
    interest = {"category": "KABKOTA", "kind": "family", "reason": "x", "person": person_of("kepala-bps-75")}
    for token in (
        whole.clerk("13"),
        whole.member("sekretaris-daerah", "13"),
        _of(whole, "juror"),
        _of(whole, "member"),
    ):
        for path, sent in (
            ("attendance", {"present": True}),
            ("attendance", {"present": True, "person": person_of("kepala-bps-75")}),
            ("table", item),
            ("motions", item),
            ("motions/1/votes", {"vote": "for"}),
            ("motions/1/decide", None),
            ("motions/1/announce", None),
            ("adjourn", None),
        ):
            await _refused(whole, token, "nomination", f"{meeting}/{path}", sent)
        await _refused(whole, token, "nomination", f"/v1/committees/2020/75/{BODY}/conflicts", interest)


async def test_only_a_seated_member_files_a_sheet_and_only_its_own(whole: Whole, nothing_is_decided: None) -> None:
    sheet = whole.sheet_path("75.71")
    marks = {"marks": {"kebijakan": "80", "peraturan": "70", "kinerja": "90"}, "submit": True}
    for token in (_of(whole, "member"), _of(whole, "chair"), _of(whole, "juror"), whole.member("kepala-bps", "13")):
        for method, path, sent in (
            ("POST", sheet, marks),
            ("PUT", f"{sheet}/marks/kinerja", {"mark": "80"}),
            ("POST", f"{sheet}/marks/kinerja/revise", {"mark": "80", "reason": "x"}),
            ("POST", f"{sheet}/submit", None),
            ("POST", f"{sheet}/void", {"reason": "x"}),
        ):
            await _refused(whole, token, "scoring", path, sent, method)


async def test_before_the_seal_no_member_sees_anothers_sheet_or_any_aggregate(whole: Whole) -> None:
    other = f"{whole.sheet_path('75.03')}/{person_of('kepala-bps-75')}"
    scorers = [whole.member("ketua-apindo", "75"), whole.member("sekretaris-daerah", "75"), _of(whole, "chair")]
    both = Grant.of("secretary", committee="75"), Grant.of("member", committee="75")
    scorers.append(whole.token(*both, person=person_of("ketua-apindo-75")))
    scorers.append(whole.token(both[0], person=person_of("ketua-apindo-75")))
    for token in (*scorers, whole.secretariat("75"), whole.clerk("13")):
        for path in (other, f"/v1/rankings/{STAGE}", f"/v1/rankings/{STAGE}?as_of=2021-02-08T12:00:00Z"):
            assert refusal(await whole.ask(token, "scoring", "GET", path))["status"] == 403, path
        listed = await whole.ask(token, "scoring", "GET", "/v1/rankings")
        assert "standings" not in listed.text
        assert "total" not in listed.text
    own = await whole.ask(whole.member("kepala-bps", "75"), "scoring", "GET", other)
    assert own.json()["status"] == "submitted"
    stream = f"sheet/{whole.nominations['75.03']}/provincial-seleksi/{person_of('kepala-bps-75')}"
    before = (await whole.own_heads("scoring"))[stream]
    for token in (whole.clerk("75"), _of(whole, "auditor")):
        assert (await whole.ask(token, "scoring", "GET", other)).json()["marks"]
        assert (await whole.ask(token, "scoring", "GET", f"/v1/rankings/{STAGE}")).json()["status"] == "provisional"
    assert (await whole.own_heads("scoring"))[stream] == before + 2, "each read of an unsealed sheet is recorded"


async def test_an_operator_sees_no_scores_no_names_and_no_events(whole: Whole) -> None:
    operator = _of(whole, "operator")
    seen = {
        route.name
        for route in whole.routes
        if RIGHTS[route.name] != EVERYBODY and (await _at_the_door(whole, operator, route)).is_success
    }
    assert seen == {
        "identity GET /v1/me",
        "notifications GET /v1/deliveries",
        "notifications GET /v1/subscriptions",
        "audit GET /v1/status",
        "audit GET /v1/alarms",  # what does not fit, by streams and hashes
        "scoring GET /v1/facts/repairs",  # what was refused, and what is to stand in its place
        "scoring GET /v1/facts/report",
        "scoring GET /v1/facts/sandbox",  # what was tried, and why it was refused
    }
    deliveries = (await whole.ask(operator, "notifications", "GET", "/v1/deliveries")).json()
    assert deliveries["items"] == []
    assert {count.keys() == {"template", "state", "messages"} for count in deliveries["counts"]} == {True}
    status = (await whole.ask(operator, "audit", "GET", "/v1/status")).json()
    assert status.keys() == {"position", "streams", "events", "waiting", "alarms", "log", "feeds", "topics"}


async def test_an_auditor_reads_and_changes_nothing(whole: Whole) -> None:
    auditor = _of(whole, "auditor")
    before = {service: await _decided(whole, service) for service in SERVICES}
    for route in whole.routes:
        answer = await _at_the_door(whole, auditor, route)
        if route.method == "GET" and (RIGHTS[route.name] == EVERYBODY or "auditor" in RIGHTS[route.name]):
            assert answer.is_success or answer.status_code == 404, route.name
        elif RIGHTS[route.name] not in (EVERYBODY, OWN):
            assert refusal(answer)["type"] == "/problems/forbidden", route.name
    after = {service: await _decided(whole, service) for service in SERVICES}
    changed = {stream for each in SERVICES for stream, _ in after[each].items() - before[each].items()}
    assert all(stream.startswith("sheet/") for stream in changed), "only the reading of sheets leaves a record"


async def test_a_contact_sees_its_nomination_only(whole: Whole) -> None:
    contact = _of(whole, "contact")
    mine = await whole.ask(contact, "nomination", "GET", f"/v1/nominations/{whole.nominations['75.03']}")
    assert mine.json()["candidate"]["code"] == "75.03"
    other = await whole.ask(contact, "nomination", "GET", f"/v1/nominations/{whole.nominations['75.71']}")
    assert refusal(other)["status"] == 404
    for path in ("/v1/nominations", "/v1/committees", "/v1/plenaries"):
        assert (await whole.ask(contact, "nomination", "GET", path)).json()["items"] == []


async def test_everybody_reads_their_own_messages_and_no_others(whole: Whole) -> None:
    told = whole.token(Grant.of("contact", nomination=whole.nominations["75.03"]), person=person_of("contact-75.03"))
    (message,) = (await whole.ask(told, "notifications", "GET", "/v1/deliveries")).json()["items"]
    assert message["nominations"] == [whole.nominations["75.03"]]
    for role in ROLES:
        assert (await whole.ask(_of(whole, role), "notifications", "GET", "/v1/deliveries")).json()["items"] == []


async def test_a_grant_for_another_season_is_none_in_this_one(whole: Whole, nothing_is_decided: None) -> None:
    once = whole.token(Grant.of("secretary", committee="75", season="2019"), person=person_of("sekretaris-panitia-75"))
    assert (await _refused(whole, once, "scoring", f"/v1/rankings/{STAGE}/close"))["status"] == 403
    for path in (f"/v1/rankings/{STAGE}", f"/v1/rankings/{STAGE}/progress"):
        assert refusal(await whole.ask(once, "scoring", "GET", path))["status"] == 403
    nominating = whole.token(Grant.of("secretariat", province="75", season="2019"))
    withdrawal = f"/v1/nominations/{whole.nominations['75.71']}/withdraw"
    assert (await _refused(whole, nominating, "nomination", withdrawal, {"reason": "x"}))["status"] == 403


@pytest.mark.parametrize(("role", "method", "service", "path"), OF_ALL_SEASONS)
async def test_a_grant_for_one_season_opens_nothing_that_holds_all_seasons(
    whole: Whole, role: str, method: str, service: str, path: str
) -> None:
    narrowed = whole.token(Grant.of(role, season="2020"), Grant.of(role, season="2021"))
    refused = refusal(await whole.ask(narrowed, service, method, path))
    assert (refused["status"], refused["type"]) == (403, "/problems/forbidden")
    assert refused["detail"].startswith(f"Your grant as {role} is for one season only")


async def test_the_public_sees_what_was_announced_and_nothing_before(whole: Whole) -> None:
    for path in (f"/v1/public/rankings/{STAGE}",):
        assert refusal(await whole.ask(None, "scoring", "GET", path))["status"] == 404
    assert (await whole.ask(None, "scoring", "GET", "/v1/public/rankings")).json()["items"] == []
    assert (await whole.ask(None, "nomination", "GET", "/v1/public/results/2020")).json()["items"] == []
    (season,) = (await whole.ask(None, "nomination", "GET", "/v1/public/seasons")).json()["items"]
    assert season["season"] == "2020"
