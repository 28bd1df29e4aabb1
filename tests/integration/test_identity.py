"""Identity on a real database: signing in, what tokens say, persons and their erasure, grants, keys and secrets."""

from __future__ import annotations

import asyncio
import stat
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from joserfc.jwk import OKPKey

from kernel.settings import StartFailed
from kernel.tokens import Grant, LocalJwks, Person, ServiceToken, TokenVerifier, issue, service_person
from services.identity.app import create_app
from services.identity.development import development_persons, person_id
from services.identity.settings import PASSWORD_FILE, IdentitySettings


class Running:
    """A running identity service and what one asks of it."""

    def __init__(self, app: FastAPI, client: httpx.AsyncClient, keys: Path, login_url: str) -> None:
        self.app, self.client, self.keys, self.login_url = app, client, keys, login_url

    @property
    def password(self) -> str:
        return (self.keys / PASSWORD_FILE).read_text()

    async def sign_in(self, login: str, password: str | None = None) -> httpx.Response:
        body = {"login": login, "password": self.password if password is None else password}
        return await self.client.post("/v1/sign-in", json=body)

    async def bearer(self, login: str) -> dict[str, str]:
        answered = await self.sign_in(login)
        assert answered.status_code == 200, answered.text
        return {"Authorization": f"Bearer {answered.json()['token']}"}

    async def service(self, name: str = "notifications") -> dict[str, str]:
        secret = (self.keys / f"{name}.secret").read_text()
        answered = await self.client.post("/v1/service-token", json={"service": name, "secret": secret})
        assert answered.status_code == 200, answered.text
        return {"Authorization": f"Bearer {answered.json()['token']}"}

    async def command(
        self, method: str, path: str, who: dict[str, str], body: Any = None, key: str | None = None
    ) -> httpx.Response:
        headers = {**who, "Idempotency-Key": key or str(uuid.uuid4())}
        return await self.client.request(method, path, headers=headers, **({} if body is None else {"json": body}))


Start = Callable[..., Awaitable[Running]]


@pytest_asyncio.fixture
async def start(database, tmp_path: Path) -> AsyncIterator[Start]:
    """Start identity; a second start with the same folder and database is a restart."""
    async with AsyncExitStack() as running:
        urls: list[str] = []

        async def begin(*, embedded: bool = True, **options: Any) -> Running:
            if not urls:
                urls.append((await database("identity")).login_url)
            settings = IdentitySettings.load(
                database_url=urls[0], port=8085, keys=tmp_path / "keys", embedded=embedded, **options
            )
            app = create_app(settings)
            await running.enter_async_context(app.router.lifespan_context(app))
            transport = httpx.ASGITransport(app, client=("127.0.0.1", 50_000))
            client = await running.enter_async_context(
                httpx.AsyncClient(transport=transport, base_url="http://identity")
            )
            return Running(app, client, tmp_path / "keys", urls[0])

        yield begin


@pytest_asyncio.fixture
async def identity(start: Start) -> Running:
    return await start()


def code_of(answered: httpx.Response) -> tuple[int, str]:
    assert answered.headers["content-type"] == "application/problem+json", answered.text
    return answered.status_code, answered.json()["type"].removeprefix("/problems/")


CONTACT = {"name": "Kontak Perusahaan Contoh", "email": "kontak@example.org", "locale": "id"}


# --- signing in ---


async def test_a_development_person_signs_in_and_the_token_verifies_against_the_published_keys(identity) -> None:
    answered = (await identity.sign_in("panitia-13-1")).json()
    jwks = (await identity.client.get("/.well-known/jwks.json")).json()
    assert "d" not in jwks["keys"][0]
    person = await TokenVerifier(LocalJwks(lambda: jwks)).verify(answered["token"])
    assert person.id == str(person_id("panitia-13-1"))
    assert person.may("member", committee="13", season="2021")
    assert person.may("chair", committee="13")
    assert not person.may("member", committee="75")
    assert answered["expires"].endswith("Z")


async def test_a_login_is_told_from_another_whatever_its_case(identity) -> None:
    assert (await identity.sign_in("Admin")).status_code == 200


async def test_a_wrong_password_and_an_unknown_login_get_the_same_answer(identity) -> None:
    wrong, unknown = await identity.sign_in("auditor", "wrong"), await identity.sign_in("nobody", "wrong")
    assert code_of(wrong) == code_of(unknown) == (401, "sign-in-failed")
    assert wrong.json()["detail"] == unknown.json()["detail"]


async def test_guessing_is_stopped_for_that_login_and_address_only(identity) -> None:
    for _ in range(5):
        assert (await identity.sign_in("auditor", "wrong")).status_code == 401
    stopped = await identity.sign_in("auditor")
    assert code_of(stopped) == (429, "too-many-requests")
    assert int(stopped.headers["retry-after"]) > 0
    assert (await identity.sign_in("operator")).status_code == 200
    elsewhere = httpx.ASGITransport(identity.app, client=("192.0.2.9", 50_000))
    async with httpx.AsyncClient(transport=elsewhere, base_url="http://identity") as client:
        body = {"login": "auditor", "password": identity.password}
        assert (await client.post("/v1/sign-in", json=body)).status_code == 200


async def test_guessing_at_persons_locks_no_service_out(identity) -> None:
    for number in range(60):
        await identity.sign_in("service:scoring" if number < 5 else f"guess-{number}", "wrong")
    assert code_of(await identity.sign_in("auditor")) == (429, "too-many-requests")
    await identity.service("scoring")


async def test_an_outage_of_the_database_locks_nobody_out_afterwards(identity, monkeypatch) -> None:
    async def away(*_: object) -> None:
        raise asyncpg.CannotConnectNowError("the database system is starting up")

    with monkeypatch.context() as during:
        during.setattr("services.identity.api.find_account", away)
        for number in range(60):
            assert (await identity.sign_in(f"panitia-13-{number % 9 + 1}")).status_code == 503
    assert (await identity.sign_in("panitia-13-1")).status_code == 200


async def test_guesses_at_once_do_not_slip_through(identity) -> None:
    answered = await asyncio.gather(*(identity.sign_in("auditor", f"guess {n}") for n in range(30)))
    assert sum(each.status_code == 401 for each in answered) == 5


async def test_signing_in_often_is_no_guessing(identity) -> None:
    for _ in range(60):
        assert (await identity.sign_in("admin")).status_code == 200


async def test_me_tells_who_is_signed_in(identity) -> None:
    said = (await identity.client.get("/v1/me", headers=await identity.bearer("sekretariat-75"))).json()
    assert said["id"] == str(person_id("sekretariat-75"))
    assert said["email"] == "sekretariat-75@paritrana.example"
    assert said["roles"] == [{"role": "secretariat", "scope": {"province": "75"}}]


# --- the embedded stack's persons ---


async def test_every_role_has_a_development_person(identity) -> None:
    roles = {grant.role for person in development_persons() for grant in person.grants}
    assert roles >= {
        "season-admin", "auditor", "operator", "secretariat", "member", "chair", "secretary", "verifier", "juror",
        "publisher",
    }  # fmt: skip
    assert len(development_persons()) == 7 + 12 + 38 * 11
    for login in ("admin2", "sekretariat-81", "sekretaris-92", "panitia-11-9", "verifikator-5", "juri-5"):
        assert (await identity.sign_in(login)).status_code == 200


async def test_a_restart_makes_nothing_twice_and_a_new_password_file_holds(start) -> None:
    first = await start()
    connection = await asyncpg.connect(first.login_url)
    try:
        counts = (
            "SELECT (SELECT count(*) FROM person), (SELECT count(*) FROM account), (SELECT count(*) FROM role_grant)"
        )
        before = await connection.fetchrow(counts)
        hashes = await connection.fetch("SELECT login, password_hash, xmin::text FROM account ORDER BY login")
        started = time.perf_counter()
        await start()
        assert time.perf_counter() - started < 2
        assert await connection.fetchrow(counts) == before
        assert await connection.fetch("SELECT login, password_hash, xmin::text FROM account ORDER BY login") == hashes
        (first.keys / PASSWORD_FILE).unlink()
        again = await start()
        assert (await again.sign_in("juri-1")).status_code == 200
    finally:
        await connection.close()


async def test_keys_and_secrets_are_their_owners_alone(identity) -> None:
    files = list(identity.keys.iterdir())
    assert {path.name for path in files} >= {"token-signing.jwk", "development.password", "scoring.secret"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


async def test_outside_of_the_embedded_stack_nobody_is_made(start) -> None:
    service = await start(embedded=False)
    assert not (service.keys / PASSWORD_FILE).exists()
    assert code_of(await service.sign_in("admin", "anything")) == (401, "sign-in-failed")


async def test_the_first_administrator_comes_from_a_file_once(start, tmp_path) -> None:
    (tmp_path / "password").write_text("a long first password\n")
    service = await start(embedded=False, admin_password_file=tmp_path / "password")
    assert (await service.sign_in("admin", "a long first password")).status_code == 200
    (tmp_path / "password").write_text("another password")
    service = await start(embedded=False, admin_password_file=tmp_path / "password")
    assert (await service.sign_in("admin", "another password")).status_code == 401
    assert (await service.sign_in("admin", "a long first password")).status_code == 200


async def test_a_keys_folder_that_cannot_be_used_is_one_line(start, tmp_path) -> None:
    (tmp_path / "keys").write_text("a file, no folder")
    with pytest.raises(StartFailed, match="PARITRANA_KEYS"):
        await start()


# --- persons ---


async def test_a_contact_is_registered_once_and_told_to_services_only(identity) -> None:
    secretariat = await identity.bearer("sekretariat-75")
    first = await identity.command("POST", "/v1/persons", secretariat, CONTACT, key="contact-1")
    again = await identity.command("POST", "/v1/persons", secretariat, CONTACT, key="contact-1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    person, stranger = first.json()["id"], str(uuid.uuid4())
    ids = {"ids": f"{person},{stranger}"}
    told = (await identity.client.get("/v1/persons", params=ids, headers=await identity.service())).json()
    assert told == {"persons": [{"id": person, **CONTACT, "erased": False}], "unknown": [stranger]}
    for login in ("auditor", "admin", "operator", "sekretariat-75"):
        refused = await identity.client.get("/v1/persons", params=ids, headers=await identity.bearer(login))
        assert code_of(refused) == (403, "forbidden")


async def test_who_has_a_role_is_listed_with_its_scopes_for_services_only(identity) -> None:
    admin, service = await identity.bearer("admin"), await identity.service()
    secretariat = await identity.bearer("sekretariat-75")
    person = (await identity.command("POST", "/v1/persons", secretariat, CONTACT)).json()["id"]

    async def holders(role: str, limit: int = 200) -> dict[str, list[dict[str, str]]]:
        found: dict[str, list[dict[str, str]]] = {}
        asked: dict[str, Any] = {"role": role, "limit": limit}
        while True:
            page = (await identity.client.get("/v1/persons", params=asked, headers=service)).json()
            found |= {one["id"]: one["scopes"] for one in page["persons"]}
            if page["next"] is None:
                return found
            asked["cursor"] = page["next"]

    assert await holders("publisher") == {
        str(person_id("penerbit-iuran")): [{"publisher": "bpjs.contributions"}],
        str(person_id("penerbit-kepesertaan")): [{"publisher": "bpjs.coverage"}],
    }
    assert await holders("secretariat") == await holders("secretariat", limit=7)
    assert (await holders("secretariat"))[str(person_id("sekretariat-75"))] == [{"province": "75"}]
    for scope in ({"province": "75.71"}, {"province": "75.03", "season": "2021"}):
        body = {"person": person, "role": "secretariat", "scope": scope}
        both = admin | {"Second-Authorization": (await identity.bearer("admin2"))["Authorization"]}
        assert (await identity.command("POST", "/v1/grants", both, body)).status_code == 201
    scopes = (await holders("secretariat"))[person]
    assert sorted(scopes, key=lambda scope: scope["province"]) == [
        {"province": "75.03", "season": "2021"},
        {"province": "75.71"},
    ]
    erased = await identity.command("DELETE", f"/v1/persons/{person}/data", admin)
    assert erased.status_code == 200
    assert person not in await holders("secretariat")
    for login in ("auditor", "admin", "sekretariat-75"):
        refused = await identity.client.get(
            "/v1/persons", params={"role": "secretariat"}, headers=await identity.bearer(login)
        )
        assert code_of(refused) == (403, "forbidden")
    for asked in ({}, {"role": "secretariat", "ids": person}, {"role": "king"}):
        refused = await identity.client.get("/v1/persons", params=asked, headers=service)
        assert code_of(refused) == (422, "invalid-request")


async def test_a_key_with_another_content_is_refused_and_anothers_key_is_its_own(identity) -> None:
    secretariat = await identity.bearer("sekretariat-75")
    first = await identity.command("POST", "/v1/persons", secretariat, CONTACT, key="k")
    other = await identity.command("POST", "/v1/persons", secretariat, {**CONTACT, "name": "Lain"}, key="k")
    assert code_of(other) == (422, "idempotency-key-reused")
    elsewhere = await identity.command("POST", "/v1/persons", await identity.bearer("sekretariat-13"), CONTACT, key="k")
    assert elsewhere.status_code == 201
    assert elsewhere.json() != first.json()


async def test_the_same_command_many_times_at_once_makes_one_person(identity) -> None:
    secretariat = await identity.bearer("sekretariat-75")
    answered = await asyncio.gather(
        *(identity.command("POST", "/v1/persons", secretariat, CONTACT, key="together") for _ in range(8))
    )
    assert len({each.text for each in answered}) == 1
    assert {each.status_code for each in answered} == {201}


UNFIT_PERSONS: tuple[tuple[dict[str, Any], str], ...] = (
    ({"name": ""}, "name"),
    ({"name": "x" * 256}, "name"),
    ({"name": "a\nb"}, "name"),
    ({"name": "a\u200bb"}, "name"),
    ({"name": " a"}, "name"),
    ({"name": "\u3164"}, "name"),
    ({"name": 7}, "name"),
    ({"email": "nobody"}, "email"),
    ({"email": "a@example.org\r\nBcc: b@example.org"}, "email"),
    ({"locale": "fr"}, "locale"),
    ({"id": str(uuid.uuid4())}, "id"),
)


async def test_a_person_that_cannot_be_is_refused_by_field(identity) -> None:
    who = await identity.bearer("sekretariat-75")
    for changed, field in UNFIT_PERSONS:
        refused = await identity.command("POST", "/v1/persons", who, {**CONTACT, **changed})
        assert code_of(refused) == (422, "invalid-request")
        assert [error["field"] for error in refused.json()["errors"]] == [field]


async def test_ids_that_are_none_are_422(identity) -> None:
    who = await identity.service()
    for ids in ("", "x", ",", f"{uuid.uuid4()},", ",".join([str(uuid.uuid4())] * 201)):
        answered = await identity.client.get("/v1/persons", params={"ids": ids}, headers=who)
        assert code_of(answered) == (422, "invalid-request")


async def test_erasure_takes_name_address_account_and_digest_and_keeps_the_id(identity) -> None:
    secretariat, admin = await identity.bearer("sekretariat-75"), await identity.bearer("admin")
    person = (await identity.command("POST", "/v1/persons", secretariat, CONTACT, key="e")).json()["id"]
    account = {"person": person, "login": "kontak-1", "password": "a long enough password"}
    assert (await identity.command("POST", "/v1/accounts", admin, account)).status_code == 201
    assert code_of(await identity.command("DELETE", f"/v1/persons/{person}/data", secretariat))[0] == 403
    for _ in range(2):
        erased = await identity.command("DELETE", f"/v1/persons/{person}/data", admin)
        assert erased.json() == {"id": person, "erased": True}
    told = await identity.client.get("/v1/persons", params={"ids": person}, headers=await identity.service())
    assert told.json()["persons"] == [{"id": person, "name": None, "email": None, "locale": "id", "erased": True}]
    assert (await identity.sign_in("kontak-1", account["password"])).status_code == 401
    assert (await identity.command("POST", "/v1/persons", secretariat, CONTACT, key="e")).json() == {"id": person}
    connection = await asyncpg.connect(identity.login_url)
    try:
        assert await connection.fetchval("SELECT count(*) FROM answered WHERE person_id = $1 AND digest IS NOT NULL "
                                         "AND route NOT LIKE 'DELETE%'", uuid.UUID(person)) == 0  # fmt: skip
    finally:
        await connection.close()
    assert code_of(await identity.command("DELETE", f"/v1/persons/{uuid.uuid4()}/data", admin)) == (404, "not-found")


# --- grants, accounts ---


async def test_a_granted_role_stands_in_the_next_token_and_a_revoked_one_does_not(identity) -> None:
    admin = await identity.bearer("admin")
    person = (await identity.command("POST", "/v1/persons", admin, CONTACT)).json()["id"]
    login = {"person": person, "login": "kontak-2", "password": "a long enough password"}
    assert (await identity.command("POST", "/v1/accounts", admin, login)).status_code == 201
    body = {"person": person, "role": "contact", "scope": {"nomination": "n-1", "season": "2021"}}
    granted = await identity.command("POST", "/v1/grants", admin, body)
    same = await identity.command("POST", "/v1/grants", admin, body)
    assert granted.status_code == 201
    assert granted.json() == same.json()

    async def roles() -> list[Any]:
        token = (await identity.sign_in("kontak-2", login["password"])).json()["token"]
        said = await identity.client.get("/v1/me", headers={"Authorization": f"Bearer {token}"})
        return list(said.json()["roles"])

    assert await roles() == [{"role": "contact", "scope": {"nomination": "n-1", "season": "2021"}}]
    assert (await identity.command("DELETE", f"/v1/grants/{granted.json()['id']}", admin)).status_code == 200
    assert await roles() == []
    second = {"Second-Authorization": (await identity.bearer("admin2"))["Authorization"]}
    again = {**login, "password": "another long password"}
    assert code_of(await identity.command("POST", "/v1/accounts", admin | second, again)) == (409, "login-taken")


UNFIT_GRANTS: tuple[tuple[str, dict[str, str]], ...] = (
    ("member", {}),
    ("member", {"province": "75"}),
    ("secretariat", {"province": "7"}),
    ("auditor", {"province": "75"}),
    ("service", {}),
    ("king", {}),
    ("contact", {"nomination": ""}),
    ("member", {"committee": "75", "planet": "x"}),
)


async def test_a_grant_whose_scope_does_not_fit_its_role_is_422(identity) -> None:
    admin = await identity.bearer("admin")
    for role, scope in UNFIT_GRANTS:
        body = {"person": str(person_id("juri-1")), "role": role, "scope": scope}
        assert code_of(await identity.command("POST", "/v1/grants", admin, body)) == (422, "invalid-request")


async def test_only_a_season_administrator_grants(identity) -> None:
    body = {"person": str(person_id("juri-1")), "role": "auditor"}
    for who in (await identity.bearer("sekretariat-75"), await identity.bearer("auditor"), await identity.service()):
        assert code_of(await identity.command("POST", "/v1/grants", who, body)) == (403, "forbidden")


async def test_who_administers_one_season_grants_in_that_one_and_touches_nobodys_account(identity) -> None:
    admin, juror = await identity.bearer("admin"), str(person_id("juri-1"))
    once = {"person": juror, "role": "season-admin", "scope": {"season": "2020-ulang"}}
    second = {"Second-Authorization": (await identity.bearer("admin2"))["Authorization"]}
    assert (await identity.command("POST", "/v1/grants", admin | second, once)).status_code == 201
    narrowed = await identity.bearer("juri-1")
    other = str(person_id("juri-2"))
    in_season = {"person": other, "role": "member", "scope": {"committee": "75", "season": "2020-ulang"}}
    granted = await identity.command("POST", "/v1/grants", narrowed | second, in_season)
    assert granted.status_code == 201
    for scope in ({}, {"season": "2021"}):
        body = {"person": juror, "role": "season-admin", "scope": scope}
        assert code_of(await identity.command("POST", "/v1/grants", narrowed, body)) == (403, "forbidden")
    account = {"person": juror, "login": "mine", "password": "twelve characters"}
    assert code_of(await identity.command("POST", "/v1/accounts", narrowed, account)) == (403, "forbidden")
    for path in (f"/v1/grants/{granted.json()['id']}", f"/v1/persons/{juror}/data"):
        assert code_of(await identity.command("DELETE", path, narrowed)) == (403, "forbidden")


async def test_nobody_unknown_is_granted_a_role(identity) -> None:
    body = {"person": str(uuid.uuid4()), "role": "auditor"}
    refused = await identity.command("POST", "/v1/grants", await identity.bearer("admin"), body)
    assert code_of(refused) == (404, "not-found")


# --- passwords ---


async def test_a_password_is_changed_by_who_knows_it_and_the_act_is_kept(identity) -> None:
    old = (identity.keys / "development.password").read_text().strip()
    new = "kata sandi lain yang panjang"
    asked = {"login": "Verifikator-4", "password": old, "replacement": new}

    async def change(**other: str) -> Any:
        return await identity.client.post("/v1/sign-in/password", json=asked | other)

    for wrong in ({"password": "not it at all"}, {"login": "nobody-here"}):
        assert code_of(await change(**wrong)) == (401, "sign-in-failed")
    for unfit in ("short", old):
        assert code_of(await change(replacement=unfit)) == (422, "invalid-request")
    changed = await change()
    assert (changed.status_code, changed.json()) == (200, {"login": "verifikator-4"})
    assert code_of(await change()) == (401, "sign-in-failed"), "the old one is right no more"
    assert (await identity.sign_in("verifikator-4")).status_code == 401
    signed_in = await identity.client.post("/v1/sign-in", json={"login": "verifikator-4", "password": new})
    assert signed_in.status_code == 200
    history = await identity.client.get("/v1/grants/history?limit=1", headers=await identity.bearer("auditor"))
    (act,) = history.json()["items"]
    person = str(person_id("verifikator-4"))
    assert (act["act"], act["person"], act["asked_by"]) == ("password-changed", person, person)


# --- keys and services ---


async def test_after_a_rotation_old_tokens_stay_valid_and_new_ones_have_the_new_key(identity) -> None:
    old = await identity.bearer("auditor")
    rotated = await identity.command("POST", "/v1/token-keys", await identity.bearer("operator"), key="rotate")
    keys = (await identity.client.get("/.well-known/jwks.json")).json()["keys"]
    assert next(key["kid"] for key in keys) == rotated.json()["kid"]
    assert len(keys) == 2
    assert not any("d" in key for key in keys)
    for who in (old, await identity.bearer("auditor")):
        assert (await identity.client.get("/v1/me", headers=who)).status_code == 200
    repeated = await identity.command("POST", "/v1/token-keys", await identity.bearer("operator"), key="rotate")
    assert repeated.json() == rotated.json()
    assert code_of(await identity.command("POST", "/v1/token-keys", old))[0] == 403


async def test_a_token_of_a_foreign_key_is_refused(identity) -> None:
    foreign = OKPKey.generate_key("Ed25519", parameters={"kid": "x"})
    token = issue(foreign, Person(str(uuid.uuid4()), (Grant.of("season-admin"),)), lifetime=60).token
    answered = await identity.client.get("/v1/me", headers={"Authorization": f"Bearer {token}"})
    assert code_of(answered) == (401, "unauthenticated")


async def test_a_service_gets_its_own_token_for_its_secret(identity) -> None:
    answered = await identity.service("scoring")
    me = (await identity.client.get("/v1/me", headers=answered)).json()
    assert me["id"] == service_person("scoring")
    assert me["roles"] == [{"role": "service", "scope": {}}]


async def test_a_wrong_secret_or_name_gets_no_token(identity) -> None:
    for service in ("../keys/scoring", "scoring", "nobody", "", "development.password"):
        body = {"service": service, "secret": identity.password}
        answered = await identity.client.post("/v1/service-token", json=body)
        assert answered.status_code in (401, 422)
        assert "token" not in answered.json()


# --- operation ---


async def test_it_is_ready_while_the_database_answers_and_heals(identity) -> None:
    ready = (await identity.client.get("/health/ready")).json()
    assert ready["status"] == "ready"
    assert set(ready["checks"]) == {"database", "clock"}
    connection = await asyncpg.connect(identity.login_url)
    try:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
            "AND usename = current_user AND datname = current_database()"
        )
    finally:
        await connection.close()
    async with asyncio.timeout(60):
        while (await identity.sign_in("admin")).status_code != 200:  # noqa: ASYNC110 - as a client would
            await asyncio.sleep(0.01)
    assert (await identity.client.get("/health/ready")).status_code == 200


async def test_its_documents_are_served(identity) -> None:
    assert "/v1/sign-in" in (await identity.client.get("/openapi.json")).json()["paths"]
    assert (await identity.client.get("/asyncapi.json")).json()["asyncapi"] == "3.0.0"


async def test_a_service_token_client_needs_its_secret_file(tmp_path) -> None:
    with pytest.raises(FileNotFoundError):
        await ServiceToken("http://127.0.0.1:1", "scoring", tmp_path / "scoring.secret").bearer()


async def test_who_appoints_finds_a_person_by_a_whole_login_name(start):
    identity = await start()
    secretary = await identity.bearer("sekretaris-75")
    found = await identity.client.get("/v1/persons/lookup", params={"login": "panitia-75-1"}, headers=secretary)
    assert found.json()["id"] == str(person_id("panitia-75-1"))
    nobody = await identity.client.get("/v1/persons/lookup", params={"login": "panitia-75"}, headers=secretary)
    assert code_of(nobody) == (404, "not-found")
    member = await identity.bearer("panitia-75-1")
    refused = await identity.client.get("/v1/persons/lookup", params={"login": "admin"}, headers=member)
    assert refused.status_code == 403
