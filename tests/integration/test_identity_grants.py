"""The powerful roles on a real database: no administrator makes a puppet, and every act is there for an auditor."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from kernel.tokens import Grant, Person, issue
from services.identity.development import person_id
from services.identity.powers import SEATED
from tests.conftest import DatabaseFactory
from tests.integration.test_identity import CONTACT, Running, Start, code_of, identity, start

__all__ = ["identity", "start"]

POWERFUL = ("season-admin", "auditor", "operator")
FIRST = "a long first password"
PASSWORD = "another long password"
TWO = (403, "two-persons-needed")


class Office:
    """Persons who ask identity by name, alone or two together."""

    def __init__(self, identity: Running) -> None:
        self.identity = identity
        self.tokens: dict[str, str] = {}

    async def token(self, login: str) -> str:
        """Return the authorization of a person, who signs in once."""
        if login not in self.tokens:
            self.tokens[login] = (await self.identity.bearer(login))["Authorization"]
        return self.tokens[login]

    async def ask(
        self, who: str, method: str, path: str, body: Any = None, *, second: str | None = None, key: str | None = None
    ) -> httpx.Response:
        """Ask for something as somebody, with a second person beside them where one is named."""
        headers = {"Authorization": await self.token(who)}
        if second is not None:
            headers["Second-Authorization"] = await self.token(second)
        return await self.identity.command(method, path, headers, body, key)

    async def person(self, by: str = "admin") -> str:
        """Register somebody and return the id."""
        return str((await self.ask(by, "POST", "/v1/persons", CONTACT)).json()["id"])

    async def account(self, person: str, login: str, *, by: str = "admin", second: str | None = None) -> httpx.Response:
        """Let somebody sign in by a name; the password is `PASSWORD`."""
        body = {"person": person, "login": login, "password": PASSWORD}
        answered = await self.ask(by, "POST", "/v1/accounts", body, second=second)
        if answered.is_success:
            said = (await self.identity.sign_in(login, PASSWORD)).json()
            self.tokens[login] = f"Bearer {said['token']}"
        return answered

    async def grant(
        self, person: str, role: str, *, by: str = "admin", second: str | None = None, **scope: str
    ) -> httpx.Response:
        """Grant a role."""
        body = {"person": person, "role": role, "scope": scope}
        return await self.ask(by, "POST", "/v1/grants", body, second=second)

    async def history(self, query: str = "?limit=200", who: str = "auditor") -> list[dict[str, Any]]:
        """Return a page of what was done."""
        answered = await self.identity.client.get(
            f"/v1/grants/history{query}", headers={"Authorization": await self.token(who)}
        )
        assert answered.status_code == 200, answered.text
        return list(answered.json()["items"])

    async def whole_history(self) -> list[dict[str, Any]]:
        """Return all that was ever done, page by page."""
        acts: list[dict[str, Any]] = []
        headers, cursor = {"Authorization": await self.token("auditor")}, ""
        while True:
            answered = await self.identity.client.get(f"/v1/grants/history?limit=150{cursor}", headers=headers)
            acts += answered.json()["items"]
            if answered.json()["next"] is None:
                return acts
            cursor = f"&cursor={answered.json()['next']}"


@pytest.fixture
def office(identity: Running) -> Office:
    """The embedded stack's persons, of whom two are administrators."""
    return Office(identity)


async def a_beginning(start: Start, tmp_path: Path) -> Office:
    """Return an installation in which only the first administrator is."""
    (tmp_path / "password").write_text(FIRST)
    begun = Office(await start(embedded=False, admin_password_file=tmp_path / "password"))
    answered = await begun.identity.sign_in("admin", FIRST)
    begun.tokens["admin"] = f"Bearer {answered.json()['token']}"
    return begun


@asynccontextmanager
async def database_of(identity: Running) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(identity.login_url)
    try:
        yield connection
    finally:
        await connection.close()


def told(acts: Sequence[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Return of each act what was done, with whom, and who asked."""
    return [(act["act"], act["person"], act["role"], act["asked_by"], act["second"], act["office"]) for act in acts]


ADMIN, ADMIN2 = str(person_id("admin")), str(person_id("admin2"))
PERSON = uuid.uuid4()
MIGRATION = Path(__file__).parents[2] / "services" / "identity" / "migrations" / "003_acts.sql"


# --- no puppets ---


@pytest.mark.parametrize("role", POWERFUL)
async def test_one_administrator_gives_nobody_a_powerful_role(office: Office, role: str) -> None:
    puppet = await office.person()
    assert (await office.account(puppet, "boneka")).status_code == 201
    for second in (None, "admin"):
        refused = await office.grant(puppet, role, second=second)
        assert code_of(refused) == TWO
        assert [error["field"] for error in refused.json()["errors"]] == ["header.Second-Authorization"]
    assert (await office.grant(puppet, role, second="admin2")).status_code == 201
    signed_in = (await office.identity.sign_in("boneka", PASSWORD)).json()["token"]
    said = await office.identity.client.get("/v1/me", headers={"Authorization": f"Bearer {signed_in}"})
    assert said.json()["roles"] == [{"role": role, "scope": {}}]


async def test_the_second_person_must_be_an_administrator_with_a_valid_token(office: Office) -> None:
    puppet = await office.person()
    for second in ("auditor", "sekretaris-75"):
        assert code_of(await office.grant(puppet, "auditor", second=second)) == (403, "forbidden")
    for wrong in ("Bearer ", "Bearer x.y.z", "Basic YTpi", "x"):
        headers = {"Authorization": await office.token("admin"), "Second-Authorization": wrong}
        body = {"person": puppet, "role": "auditor"}
        refused = await office.identity.command("POST", "/v1/grants", headers, body)
        assert code_of(refused) == (401, "unauthenticated")
        assert "Second-Authorization" in refused.json()["detail"]


async def test_nobody_takes_part_in_granting_themselves_a_role(office: Office) -> None:
    for role in POWERFUL:
        for own in (ADMIN, ADMIN2):
            for second in (None, "admin2"):
                refused = await office.grant(own, role, second=second)
                assert code_of(refused) == ((403, "own-grant") if second or own == ADMIN else TWO)
    for role, scope in (("secretariat", {"province": "75"}), ("contact", {"nomination": "n-1"})):
        assert code_of(await office.grant(ADMIN, role, second="admin2", **scope)) == (403, "own-grant")


async def test_a_refusal_is_told_in_indonesian(office: Office) -> None:
    headers = {"Authorization": await office.token("admin"), "Accept-Language": "id"}
    for person, title in (
        (ADMIN, "Tidak seorang pun boleh ikut memberikan peran ini kepada dirinya sendiri"),
        (str(person_id("juri-1")), "Tindakan ini memerlukan dua administrator musim yang berbeda dan masih menjabat"),
    ):
        body = {"person": person, "role": "auditor"}
        assert (await office.identity.command("POST", "/v1/grants", headers, body)).json()["title"] == title


async def test_one_administrator_takes_no_powerful_role_away(office: Office) -> None:
    held = {act["person"]: act["grant"] for act in await office.whole_history() if act["role"] in POWERFUL}
    second, auditor = held[ADMIN2], held[str(person_id("auditor"))]
    for grant in (second, auditor):
        assert code_of(await office.ask("admin", "DELETE", f"/v1/grants/{grant}")) == TWO
    assert (await office.ask("admin", "DELETE", f"/v1/grants/{auditor}", second="admin2")).status_code == 200
    leaving = await office.ask("admin", "DELETE", f"/v1/grants/{second}", second="admin2")
    assert leaving.status_code == 200, "who leaves may be the second"
    assert code_of(await office.ask("admin2", "DELETE", f"/v1/grants/{held[ADMIN]}")) == (403, "forbidden")
    stale = await office.grant(str(person_id("juri-1")), "auditor", second="admin2")
    assert code_of(stale) == TWO, "the second's token is older than the end of the role"


async def test_one_administrator_opens_no_account_of_a_powerful_person(office: Office) -> None:
    for number, login in enumerate(("admin", "admin2", "auditor", "operator")):
        person = str(person_id(login))
        assert code_of(await office.account(person, f"lagi-{number}")) == TWO
        assert (await office.account(person, f"lagi-{number}", second="admin2")).status_code == 201


async def test_one_administrator_opens_no_further_account_of_anybody(office: Office) -> None:
    contact = await office.person()
    assert (await office.account(contact, "narahubung")).status_code == 201, "the first is an act of one"
    for number, person in enumerate((contact, str(person_id("panitia-75-1")), str(person_id("sekretariat-75")))):
        login = f"menyamar-{number}"
        for second in (None, "admin"):
            refused = await office.account(person, login, second=second)
            assert code_of(refused) == TWO
            assert [error["field"] for error in refused.json()["errors"]] == ["header.Second-Authorization"]
        assert (await office.identity.sign_in(login, PASSWORD)).status_code == 401
        assert (await office.account(person, login, second="admin2")).status_code == 201
        assert told(await office.history("?limit=1")) == [
            ("account-opened", person, None, ADMIN, ADMIN2, "season-admin")
        ]


async def test_one_administrator_opens_no_first_account_of_who_has_a_seats_role(office: Office) -> None:
    for role in (*sorted(SEATED), "secretariat"):
        person, scope = await office.person(), {"province" if role == "secretariat" else "committee": "75"}
        assert code_of(await office.grant(person, role, **scope)) == TWO
        assert (await office.grant(person, role, second="admin2", **scope)).status_code == 201
        assert code_of(await office.account(person, f"anggota-{role}")) == TWO
        assert (await office.account(person, f"anggota-{role}", second="admin2")).status_code == 201
    person = await office.person()
    assert (await office.grant(person, "contact", nomination="n-1")).status_code == 201
    assert (await office.account(person, "orang-contact")).status_code == 201


async def test_one_administrator_erases_nobody_who_sits(office: Office) -> None:
    person = await office.person()
    async with database_of(office.identity) as connection:
        seat = "INSERT INTO seat VALUES ('2020', '75', 'panitia-9', 'kepala-bps', 2, $1)"
        await connection.execute(seat, uuid.UUID(person))
    path = f"/v1/persons/{person}/data"
    assert code_of(await office.ask("admin", "DELETE", path)) == TWO
    assert (await office.ask("admin", "DELETE", path, second="admin2")).status_code == 200


async def test_one_administrator_opens_no_first_account_of_who_sits_already(office: Office) -> None:
    person = await office.person()
    async with database_of(office.identity) as connection:
        seat = "INSERT INTO seat VALUES ('2020', '75', 'panitia-9', 'kepala-bps', 1, $1)"
        await connection.execute(seat, uuid.UUID(person))
    assert code_of(await office.account(person, "duduk")) == TWO, "the rulebook may say later what the office brings"
    assert (await office.account(person, "duduk", second="admin2")).status_code == 201


async def test_of_two_first_accounts_of_a_person_opened_at_once_only_one_is(office: Office) -> None:
    person = await office.person()
    await office.token("admin2")
    opened = (office.account(person, f"serentak-{number}", by=by) for number, by in enumerate(("admin", "admin2")))
    assert sorted([each.status_code for each in await asyncio.gather(*opened)]) == [201, 403]


async def test_one_administrator_gives_nobody_a_seats_role_without_a_seat(office: Office) -> None:
    for role in sorted(SEATED):
        assert code_of(await office.grant(ADMIN, role, second="admin2", committee="75")) == (403, "own-grant")
        person = await office.person()
        for second in (None, "admin"):
            assert code_of(await office.grant(person, role, second=second, committee="75")) == TWO
        granted = await office.grant(person, role, second="admin2", committee="75")
        assert granted.status_code == 201
        assert told(await office.history("?limit=1")) == [("granted", person, role, ADMIN, ADMIN2, "season-admin")]
        assert (await office.ask("admin", "DELETE", f"/v1/grants/{granted.json()['id']}")).status_code == 200


async def test_one_administrator_erases_no_powerful_person(office: Office) -> None:
    path = f"/v1/persons/{ADMIN2}/data"
    assert code_of(await office.ask("admin", "DELETE", path)) == TWO
    assert (await office.ask("admin", "DELETE", path, second="admin2")).status_code == 200
    assert (await office.identity.sign_in("admin2")).status_code == 401
    alone = await office.grant(str(person_id("juri-1")), "season-admin")
    assert alone.status_code == 201, "the other administrator left by both their hands"


async def test_a_repeated_command_gets_its_first_answer_and_the_second_person_is_not_asked_again(
    office: Office,
) -> None:
    body = {"person": await office.person(), "role": "operator", "scope": {}}
    first = await office.ask("admin", "POST", "/v1/grants", body, second="admin2", key="once")
    again = await office.ask("admin", "POST", "/v1/grants", body, key="once")
    assert (first.status_code, again.json()) == (201, first.json())
    assert told(await office.history("?limit=1")) == [("granted", body["person"], "operator", ADMIN, ADMIN2,
                                                       "season-admin")]  # fmt: skip


# --- an installation's beginning ---


async def test_the_first_administrator_acts_alone_until_there_is_a_second(start: Start, tmp_path: Path) -> None:
    begun = await a_beginning(start, tmp_path)
    second, auditor = await begun.person(), await begun.person()
    # The role before the account: who cannot sign in yet cannot take part either.
    assert (await begun.grant(second, "season-admin")).status_code == 201
    assert code_of(await begun.grant(ADMIN, "auditor")) == (403, "own-grant")
    assert (await begun.account(second, "kedua")).status_code == 201
    assert code_of(await begun.grant(auditor, "auditor")) == TWO
    assert (await begun.grant(auditor, "auditor", second="kedua")).status_code == 201
    assert (await begun.account(auditor, "pengawas", second="kedua")).status_code == 201
    acts = await begun.history(who="pengawas")
    assert told(acts) == [
        ("account-opened", auditor, None, ADMIN, second, "season-admin"),
        ("granted", auditor, "auditor", ADMIN, second, "season-admin"),
        ("account-opened", second, None, ADMIN, None, "season-admin"),
        ("granted", second, "season-admin", ADMIN, None, "season-admin"),
        ("granted", ADMIN, "season-admin", "password-file", None, None),
    ]


async def test_of_two_second_administrators_appointed_at_once_only_one_is(start: Start, tmp_path: Path) -> None:
    begun = await a_beginning(start, tmp_path)
    persons = [await begun.person() for _ in range(4)]
    for number, person in enumerate(persons):
        assert (await begun.account(person, f"kedua-{number}")).status_code == 201
    answered = await asyncio.gather(*(begun.grant(person, "season-admin") for person in persons))
    assert sorted(each.status_code for each in answered) == [201, 403, 403, 403]


async def test_a_token_of_whom_identity_does_not_know_appoints_nobody(identity: Running) -> None:
    stranger = Person(str(uuid.uuid4()), (Grant.of("season-admin"),))
    token = issue(identity.app.state.keys.signing(), stranger, lifetime=60).token
    body = {"person": str(person_id("juri-1")), "role": "auditor"}
    headers = {"Authorization": f"Bearer {token}", "Second-Authorization": await Office(identity).token("admin2")}
    assert code_of(await identity.command("POST", "/v1/grants", headers, body)) == (403, "forbidden")


# --- the history ---


async def test_every_act_is_kept_with_who_asked_and_only_what_changed(office: Office) -> None:
    person = await office.person()
    for _ in range(2):
        granted = await office.grant(person, "contact", nomination="n-1", season="2021")
    assert (await office.account(person, "kontak-9")).status_code == 201
    assert (await office.ask("admin2", "DELETE", f"/v1/grants/{granted.json()['id']}")).status_code == 200
    for _ in range(2):
        await office.ask("admin", "DELETE", f"/v1/persons/{person}/data")
    erased, revoked, opened, given, before = await office.history("?limit=5")
    assert told([erased, revoked, opened, given]) == [
        ("erased", person, None, ADMIN, None, "season-admin"),
        ("revoked", person, "contact", ADMIN2, None, "season-admin"),
        ("account-opened", person, None, ADMIN, None, "season-admin"),
        ("granted", person, "contact", ADMIN, None, "season-admin"),
    ]
    assert given["scope"] == revoked["scope"] == {"nomination": "n-1", "season": "2021"}
    assert given["grant"] == revoked["grant"] == granted.json()["id"]
    assert (before["asked_by"], before["office"]) == ("development", None)
    assert given["at"] < opened["at"] < revoked["at"] < erased["at"]
    assert "kontak-9" not in str([erased, revoked, opened, given]), "a login name can be erased, an act cannot"


async def test_whose_names_an_auditor_was_told_is_kept_and_an_erased_person_has_none(office: Office) -> None:
    here, gone, strange = await office.person(), await office.person(), str(uuid.uuid4())
    assert (await office.ask("admin", "DELETE", f"/v1/persons/{gone}/data")).status_code == 200
    path, auditor = f"/v1/persons/names?ids={here},{gone},{strange}", str(person_id("auditor"))
    answer = (await office.ask("auditor", "GET", path)).json()
    assert {one["id"]: (one["name"], one["erased"]) for one in answer["persons"]} == {
        here: (CONTACT["name"], False),
        gone: (None, True),
    }
    assert answer["unknown"] == [strange]
    assert CONTACT["email"] not in str(answer)
    kept, before = await office.history("?limit=2")
    assert told([kept]) == [("named", here, None, auditor, None, "auditor")]
    assert before["act"] == "erased"
    assert CONTACT["name"] not in str(kept)
    for login in ("admin", "sekretariat-75", "operator"):
        assert code_of(await office.ask(login, "GET", path)) == (403, "forbidden")
    assert await office.history("?limit=1") == [kept], "who is refused was told nothing"


async def test_the_history_is_auditors_alone_and_comes_in_pages(office: Office) -> None:
    acts = await office.whole_history()
    async with database_of(office.identity) as connection:
        assert len(acts) == await connection.fetchval("SELECT count(*) FROM role_grant")
    assert len({act["grant"] for act in acts}) == len(acts)
    for login in ("admin", "operator", "sekretaris-75"):
        headers = {"Authorization": await office.token(login)}
        refused = await office.identity.client.get("/v1/grants/history", headers=headers)
        assert code_of(refused) == (403, "forbidden")


async def test_the_service_itself_can_change_nothing_of_the_history(office: Office) -> None:
    async with database_of(office.identity) as connection:
        for statement in ("UPDATE act SET second = NULL", "DELETE FROM act", "TRUNCATE act"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)


async def test_what_was_granted_before_a_history_was_kept_stands_in_it(database: DatabaseFactory) -> None:
    connection = await asyncpg.connect((await database("identity")).owner_url)
    try:
        await connection.execute("DROP TABLE act; DROP FUNCTION scope_of(role_grant)")
        await connection.execute("INSERT INTO person (id, name, registered_by) VALUES ($1, 'Contoh', 'test')", PERSON)
        for role, place, origin in (("secretary", "75", ADMIN), ("season-admin", None, "development")):
            grant = "INSERT INTO role_grant (person_id, role, committee, origin) VALUES ($1, $2, $3, $4)"
            await connection.execute(grant, PERSON, role, place, origin)
        await connection.execute(MIGRATION.read_text("utf-8").replace("{login}", "CURRENT_USER"))
        acts = await connection.fetch("SELECT * FROM act ORDER BY id")
        times = await connection.fetch("SELECT granted_at FROM role_grant ORDER BY granted_at")
    finally:
        await connection.close()
    kept = [(act["kind"], act["role"], act["scope"], act["asked_by"], act["office"]) for act in acts]
    assert kept == [
        ("granted", "secretary", '{"committee": "75"}', ADMIN, "season-admin"),
        ("granted", "season-admin", "{}", "development", None),
    ]
    assert [act["at"] for act in acts] == [row["granted_at"] for row in times]
