"""Identity over HTTP: keys, signing in, persons and what is granted to them.

Open to all are the key set (RFC 7517), signing in, and fetching a service's token with its secret. Names and addresses
go to services only; everything that changes something is a command with an Idempotency-Key.
"""

from __future__ import annotations

import hmac
import json
import math
import re
import unicodedata
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias, cast
from uuid import UUID, uuid4

import asyncpg
from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from pydantic import AfterValidator, BaseModel, Field, StringConstraints, model_validator

from kernel.body import RequestBody, digest_of
from kernel.canonical import instant
from kernel.decider import FieldFault, Text
from kernel.http import CommandRequest, command_by
from kernel.paging import Paged, PageRequest, page_of
from kernel.problems import Problem, Unfit, conflict, forbidden, invalid, not_found, too_many_requests
from kernel.tokens import (
    Grant,
    IssuedToken,
    Person,
    SignedIn,
    allow_second,
    issue,
    require,
    require_throughout,
    service_person,
)
from schemas.envelope import SeasonCode, clean_name, no_formula
from services.identity.keys import KeyRing, read_secret
from services.identity.passwords import LONGEST_PASSWORD, Attempts, Passwords
from services.identity.powers import ADMINISTRATOR, GIVEN_BY_TWO, POWERFUL, Askers, check_not_own, check_two
from services.identity.store import SQL, Account, Answer, find_account, find_grants, find_season_admins, once

Role = Literal[
    "secretariat", "member", "secretary", "chair", "verifier", "juror", "contact", "season-admin", "auditor",
    "operator", "publisher",
]  # fmt: skip
# The scope that a role must state; a season may narrow any of them.
_SCOPE_OF: Final = {
    "secretariat": "province",
    "member": "committee",
    "secretary": "committee",
    "chair": "committee",
    "verifier": "committee",
    "juror": "committee",
    "contact": "nomination",
    "publisher": "publisher",
}
_SERVICE_TOKEN_SECONDS: Final = 3600
_MOST_IDS: Final = 200
_HISTORY: Final = "grant-history"
_EMAIL: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")


Connection: TypeAlias = asyncpg.pool.PoolConnectionProxy
Act: TypeAlias = Callable[[Connection], Awaitable[tuple[Answer, UUID | None]]]
Witness: TypeAlias = tuple[str, UUID | None, str]
"""What is kept of who asked for an act: who, the second person, and in which office."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What the routes work with; put into `app.state.identity` by the composition root."""

    pool: asyncpg.Pool
    keys: KeyRing
    keys_folder: Path
    passwords: Passwords
    token_seconds: int
    by_login: Attempts
    by_address: Attempts


async def _identity(request: Request) -> Identity:
    return cast("Identity", request.app.state.identity)


Here = Annotated[Identity, Depends(_identity)]


def _beyond_its_season() -> Problem:
    return forbidden(
        Text(
            "You administer single seasons; this reaches beyond them. Ask an administrator of every season.",
            "Anda administrator musim tertentu; tindakan ini melampauinya. Hubungi administrator seluruh musim.",
        )
    )


class _Asked:
    """A command on somebody's role, account or data, by an administrator and, where that takes two, by a second one."""

    def __init__(
        self,
        here: Here,
        command: Annotated[CommandRequest, Depends(command_by(ADMINISTRATOR))],
        second: Annotated[Person | None, Depends(allow_second(ADMINISTRATOR))],
    ) -> None:
        self.here, self.command, self._second = here, command, second
        self.askers = Askers(UUID(command.actor), None if second is None else UUID(second.id))

    async def once(self, act: Act, digest: bytes | None = None) -> Answer:
        """Do the command once, and no other of these commands meanwhile: what it checks stays so until it is done.

        `digest` is what the command is told from another by; None for all of the request.
        """

        async def in_turn(connection: Connection) -> tuple[Answer, UUID | None]:
            await connection.execute(SQL["take_turns"])
            return await act(connection)

        return await once(self.here.pool, replace(self.command, digest=digest or self.command.digest), in_turn)

    def reaches(self, season: str | None = None) -> None:
        """Refuse whoever administers single seasons only, unless this is about one of those.

        Persons and their accounts belong to no single season.
        """
        for person in (self.command.person, *([] if self._second is None else [self._second])):
            if not person.throughout(ADMINISTRATOR, season):
                raise _beyond_its_season()

    async def by_two(self, connection: Connection, season: str | None = None) -> Witness:
        """Refuse unless two administrators (of a season) ask, or the only one; return what is kept of who asked."""
        check_two(self.askers, await find_season_admins(connection, season))
        return (self.command.actor, self.askers.second, ADMINISTRATOR)

    async def by_two_if_powerful(self, connection: Connection, person: UUID) -> Witness:
        """Refuse as `by_two` does when the person has a powerful role; return what is kept of who asked."""
        if await connection.fetchval(SQL["holds_any"], person, list(POWERFUL)):
            return await self.by_two(connection)
        return self.by_one

    async def by_two_unless_new(self, connection: Connection, person: UUID) -> Witness:
        """Refuse as `by_two` does when an account would let one administrator act as somebody who acts already."""
        if await connection.fetchval(SQL["acts_already"], person, list(GIVEN_BY_TWO)):
            return await self.by_two(connection)
        return self.by_one

    @property
    def by_one(self) -> Witness:
        """What is kept of who asked, where one is enough."""
        return (self.command.actor, None, ADMINISTRATOR)


Asked = Annotated[_Asked, Depends()]

router = APIRouter()


# --- keys and tokens ------------------------------------------------------------------------------------------------


@router.get("/.well-known/jwks.json", tags=["tokens"])
async def jwks(request: Request, response: Response) -> dict[str, Any]:
    """Return the public keys that tokens are verified with."""
    keys: KeyRing = request.app.state.keys
    response.headers["Cache-Control"] = "public, max-age=60"
    return keys.jwks()


class SignIn(RequestBody):
    """A login name and its password."""

    login: str = Field(min_length=1, max_length=128)
    password: str = Field(min_length=1, max_length=LONGEST_PASSWORD)


class TokenAnswer(BaseModel):
    """A bearer token and the instant from which on it is refused."""

    token: str
    expires: datetime

    @classmethod
    def of(cls, issued: IssuedToken) -> TokenAnswer:
        """Return the answer for an issued token."""
        return cls(token=issued.token, expires=datetime.fromtimestamp(issued.expires, UTC))


@router.post("/v1/sign-in", tags=["tokens"])
async def sign_in(body: SignIn, request: Request, here: Here) -> TokenAnswer:
    """Give a token for a login name and password; guessing is slowed by login and address."""
    login = body.login.casefold()
    account = await _recognized(here, request, login, body.password)
    if here.passwords.is_outdated(account.password_hash):
        stronger = await here.passwords.hash(body.password)
        await here.pool.execute(SQL["rehash_account"], login, stronger, account.password_hash)
    person = Person(str(account.person), await find_grants(here.pool, account.person))
    return TokenAnswer.of(issue(here.keys.signing(), person, lifetime=here.token_seconds))


class NewPassword(SignIn):
    """A login name, its password, and the one that it shall have from now on."""

    replacement: str = Field(min_length=12, max_length=LONGEST_PASSWORD)


@router.post("/v1/sign-in/password", tags=["tokens"])
async def change_password(body: NewPassword, request: Request, here: Here) -> Answer:
    """Put another password in the place of one's own; guessing is slowed as at signing in.

    Whoever opened the account knew the first one. Tokens that were given before stay valid until they end.
    """
    login = body.login.casefold()
    account = await _recognized(here, request, login, body.password)
    if body.replacement == body.password:
        remedy = Text("Send another password than the one it has.", "Kirim kata sandi lain dari yang sekarang.")
        raise invalid((FieldFault("replacement", None, remedy),))
    replacement = await here.passwords.hash(body.replacement)
    async with here.pool.acquire() as connection, connection.transaction():
        changed = await connection.fetchval(SQL["change_password"], login, replacement, account.password_hash)
        if changed is None:
            # Somebody changed it since it was compared: what was sent is right no more.
            raise _sign_in_failed()
        await connection.execute(SQL["keep_act"], "password-changed", account.person, str(account.person), None, "self")
    return {"login": login}


class ServiceSignIn(RequestBody):
    """A service's name and its secret."""

    service: str = Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")
    secret: str = Field(min_length=1, max_length=LONGEST_PASSWORD)


@router.post("/v1/service-token", tags=["tokens"])
async def service_token(body: ServiceSignIn, request: Request, here: Here) -> TokenAnswer:
    """Give a service its token for the secret in its file."""
    with _attempt(here, request, "service", body.service):
        try:
            secret = read_secret(here.keys_folder / f"{body.service}.secret")
        except OSError:
            secret = ""
        matches = hmac.compare_digest(secret.encode(), body.secret.encode())
        if not secret or not matches:
            raise _sign_in_failed()
    person = Person(service_person(body.service), (Grant.of("service"),))
    return TokenAnswer.of(issue(here.keys.signing(), person, lifetime=_SERVICE_TOKEN_SECONDS))


async def _recognized(here: Identity, request: Request, login: str, password: str) -> Account:
    """Return the account of a login name (case folded) whose password this is; raise a 401, and slow down guessing."""
    with _attempt(here, request, "person", login):
        account = await find_account(here.pool, login)
        known = account.password_hash if account else None
        if not await here.passwords.matches(known, password) or account is None:
            raise _sign_in_failed()
    return account


@contextmanager
def _attempt(here: Identity, request: Request, kind: Literal["person", "service"], name: str) -> Iterator[None]:
    """Count an attempt by address and name; one that succeeds, or that a fault of ours cut short, is taken back.

    Persons and services are counted apart: nobody locks a service out by guessing at a person's password.
    """
    address = f"{kind} {_address(request)}"
    of_login = f"{address} {name}"
    _refuse(here.by_address.begin(address))
    try:
        _refuse(here.by_login.begin(of_login))
    except Problem:
        here.by_address.took_back(address)
        raise
    try:
        yield
    except Problem:
        raise
    except Exception:
        # An outage of the database must not lock everybody out when it is over.
        here.by_login.took_back(of_login)
        here.by_address.took_back(address)
        raise
    here.by_login.succeeded(of_login)
    here.by_address.took_back(address)


def _refuse(wait: float) -> None:
    if wait:
        raise too_many_requests(math.ceil(wait))


def _address(request: Request) -> str:
    return request.client.host if request.client else "unknown"


def _sign_in_failed() -> Problem:
    return Problem(
        HTTPStatus.UNAUTHORIZED,
        "sign-in-failed",
        Text("Name or password is wrong", "Nama atau kata sandi salah"),
        Text("Check both and try again.", "Periksa keduanya dan coba lagi."),
        headers={"WWW-Authenticate": 'Bearer realm="paritrana"'},
    )


# Keys sign the tokens of every season.
@router.post("/v1/token-keys", tags=["tokens"], dependencies=[Depends(require_throughout("operator"))])
async def rotate_key(command: Annotated[CommandRequest, Depends(command_by("operator"))], here: Here) -> Answer:
    """Put a new signing key in use; tokens signed with the old one stay valid until they expire."""

    async def act(_: Connection) -> tuple[Answer, None]:
        return {"kid": here.keys.rotate()}, None

    return await once(here.pool, command, act)


# --- persons --------------------------------------------------------------------------------------------------------


def _name(value: str) -> str:
    name = unicodedata.normalize("NFC", value)
    if not 1 <= len(name) <= 255:
        raise Unfit("Send a name of 1 to 255 characters.", "Kirim nama berisi 1 sampai 255 karakter.")
    return no_formula(clean_name(name))


def _email(value: str) -> str:
    if len(value) > 254 or not _EMAIL.fullmatch(value) or ".." in value:
        raise Unfit("Send an address like name@example.org.", "Kirim alamat seperti nama@example.org.")
    return value


class NewPerson(RequestBody):
    """Somebody to be known by a pseudonymous id from now on."""

    name: Annotated[str, AfterValidator(_name)]
    email: Annotated[str, AfterValidator(_email)] | None = None
    locale: Literal["id", "en"] = "id"


@router.post("/v1/persons", tags=["persons"], status_code=HTTPStatus.CREATED)
async def register(
    body: NewPerson,
    command: Annotated[CommandRequest, Depends(command_by("season-admin", "secretariat"))],
    here: Here,
) -> Answer:
    """Register a person, as a nominee's contact, and return the id that events know them by."""

    async def act(connection: Connection) -> tuple[Answer, UUID]:
        person = uuid4()
        await connection.execute(SQL["insert_person"], person, body.name, body.email, body.locale, command.actor)
        return {"id": str(person)}, person

    return await once(here.pool, command, act)


@router.get("/v1/persons", tags=["persons"])
async def persons(
    _: Annotated[Person, Depends(require("service"))],
    here: Here,
    paged: Paged,
    ids: Annotated[
        str | None, Query(min_length=1, max_length=40 * _MOST_IDS, description="Ids with commas between.")
    ] = None,
    role: Annotated[Role | None, Query(description="Instead of ids: all who have this role.")] = None,
) -> Answer:
    """Return names and addresses of up to 200 persons, or the ids of all who have a role, for services only.

    Whom a role tells is listed in pages by id, each with the scopes of the role; erased persons have none.
    """
    if (ids is None) is (role is None):
        remedy = Text("Send either ids or role.", "Kirim ids atau role, salah satu saja.")
        raise invalid((FieldFault("query.ids", None, remedy),))
    if ids is None:
        return await _holders(here, paged, cast("str", role))
    asked = _ids(ids)
    found = [dict(row) for row in await here.pool.fetch(SQL["find_persons"], asked)]
    known = {row["id"] for row in found}
    return {"persons": found, "unknown": [each for each in dict.fromkeys(asked) if each not in known]}


async def _holders(here: Identity, paged: PageRequest, role: str) -> Answer:
    listing = f"holders/{role}"
    after = paged.after(listing, UUID)
    rows = await here.pool.fetch(SQL["find_holders"], role, after and after[0], paged.limit + 1)
    page = page_of(rows, paged, listing, lambda row: (str(row["id"]),))
    held = [{"id": row["id"], "scopes": [json.loads(scope) for scope in row["scopes"]]} for row in page["items"]]
    return {"persons": held, "next": page["next"]}


@router.get("/v1/persons/lookup", tags=["persons"])
async def look_up(
    _: Annotated[Person, Depends(require("season-admin", "secretary", "secretariat"))],
    login: Annotated[str, Query(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$", description="A whole login name.")],
    here: Here,
) -> Answer:
    """Return id and name of who signs in by a name, for those who appoint members or name contacts."""
    row = await here.pool.fetchrow(SQL["find_person_by_login"], login)
    if row is None:
        raise not_found(Text("Nobody signs in by this name.", "Tidak ada yang masuk dengan nama ini."))
    return dict(row)


def _ids(text: str) -> list[UUID]:
    parts = text.split(",")
    try:
        if len(parts) <= _MOST_IDS:
            return [UUID(part) for part in parts]
    except ValueError:
        pass
    remedy = Text(f"Send 1 to {_MOST_IDS} UUIDs with commas between.", f"Kirim 1 sampai {_MOST_IDS} UUID dengan koma.")
    raise invalid((FieldFault("query.ids", None, remedy),))


@router.get("/v1/persons/names", tags=["persons"])
async def names(
    asks: Annotated[Person, Depends(require_throughout("auditor"))],
    here: Here,
    ids: Annotated[str, Query(min_length=1, max_length=40 * _MOST_IDS, description="Ids with commas between.")],
) -> Answer:
    """Return the names of up to 200 persons to an auditor, who has only their pseudonyms in an export.

    Every name that is told is an act in the history, by whom and of whom; an erased person has none to tell.
    """
    asked = _ids(ids)
    found = [dict(row) for row in await here.pool.fetch(SQL["tell_names"], asked, asks.id, "auditor")]
    known = {row["id"] for row in found}
    return {"persons": found, "unknown": [each for each in dict.fromkeys(asked) if each not in known]}


@router.delete("/v1/persons/{person}/data", tags=["persons"])
async def erase(person: UUID, asked: Asked) -> Answer:
    """Erase name, address and account; the id stays, so every event and proof does too.

    Of a season administrator, an auditor, an operator or a member of a body it takes two administrators.
    """
    asked.reaches()

    async def act(connection: Connection) -> tuple[Answer, UUID]:
        known = await _known(connection, person)
        seated = await connection.fetchval(SQL["is_seated"], person)
        witness = await (asked.by_two(connection) if seated else asked.by_two_if_powerful(connection, person))
        await connection.execute(SQL["erase_person"], person)
        await connection.execute(SQL["erase_accounts"], person)
        await connection.execute(SQL["erase_digests"], person)
        if not known["erased"]:
            await connection.execute(SQL["keep_act"], "erased", person, *witness)
        return {"id": str(person), "erased": True}, person

    return await asked.once(act)


@router.get("/v1/me", tags=["persons"])
async def me(person: SignedIn, here: Here) -> Answer:
    """Return who is signed in, by name, with the roles of the token."""
    row = await here.pool.fetchrow(SQL["find_persons"], [UUID(person.id)])
    known = {"name": None, "email": None, "locale": "id"} if row is None else row
    shown = {name: known[name] for name in ("name", "email", "locale")}
    return {"id": person.id, **shown, "roles": [grant.document() for grant in person.grants]}


def _no_such_person() -> Problem:
    return not_found(Text("There is no person with this id.", "Tidak ada orang dengan id ini."))


# --- accounts and grants --------------------------------------------------------------------------------------------


class NewAccount(RequestBody):
    """How a registered person shall sign in."""

    person: UUID
    login: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    password: str = Field(min_length=12, max_length=LONGEST_PASSWORD)


@router.post("/v1/accounts", tags=["grants"], status_code=HTTPStatus.CREATED)
async def open_account(body: NewAccount, asked: Asked) -> Answer:
    """Give a registered person a login name and password; a further one when the first are forgotten.

    Who opens an account knows its password. So it takes two administrators for whoever has an account already, sits in
    a body or has a role as from a seat, or is a season administrator, an auditor or an operator.
    """
    asked.reaches()
    # A digest over the password could be guessed, so the command is told from another by the rest.
    digest = digest_of("POST", "/v1/accounts", b"", b"", {"person": str(body.person), "login": body.login})
    password_hash = await asked.here.passwords.hash(body.password)

    async def act(connection: Connection) -> tuple[Answer, UUID]:
        await _must_be_known(connection, body.person)
        witness = await asked.by_two_unless_new(connection, body.person)
        if await connection.fetchval(SQL["insert_account"], body.login, body.person, password_hash) is None:
            raise conflict(
                "login-taken",
                Text("This login name is taken", "Nama masuk ini sudah dipakai"),
                Text("Choose another one.", "Pilih nama lain."),
            )
        await connection.execute(SQL["keep_act"], "account-opened", body.person, *witness)
        return {"login": body.login}, body.person

    return await asked.once(act, digest)


ProvinceCode = Annotated[str, StringConstraints(pattern=r"^[0-9]{2}$")]


PlaceCode = Annotated[str, StringConstraints(pattern=r"^[0-9]{2}(\.[0-9]{2})?$")]


class Scope(RequestBody):
    """Where a role holds. A secretariat's `province` may be a regency or city (`75.71`): then that one's alone."""

    province: PlaceCode | None = None
    committee: ProvinceCode | None = None
    nomination: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = None
    publisher: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = None
    season: SeasonCode | None = None


class NewGrant(RequestBody):
    """A role for a person, over the scope that such a role has."""

    person: UUID
    role: Role
    scope: Scope = Scope()

    @model_validator(mode="after")
    def _scope_fits(self) -> NewGrant:
        stated = {name for name, value in self.scope if value is not None} - {"season"}
        needed = {_SCOPE_OF[self.role]} if self.role in _SCOPE_OF else set()
        if stated != needed:
            name = next(iter(needed), None)
            raise Unfit(
                f"For {self.role} state the scope {name} and no other." if name else f"{self.role} takes no scope.",
                f"Untuk {self.role} sebutkan cakupan {name} saja." if name else f"{self.role} tanpa cakupan.",
            )
        return self


@router.post("/v1/grants", tags=["grants"], status_code=HTTPStatus.CREATED)
async def grant_role(body: NewGrant, asked: Asked) -> Answer:
    """Grant a role; it stands in the tokens that the person is given from now on.

    The roles `season-admin`, `auditor`, `operator` and `secretariat` take two administrators. Those that seats bring
    (`member`, `chair`, `secretary`, `verifier`, `juror`) take two when they are given without a seat. Nobody grants a
    role to themselves.
    Who administers one season alone grants roles for that season only.
    """
    scope = body.scope
    asked.reaches(scope.season)

    async def act(connection: Connection) -> tuple[Answer, None]:
        await _must_be_known(connection, body.person)
        check_not_own(asked.askers, body.person)
        witness = await asked.by_two(connection, scope.season) if body.role in GIVEN_BY_TWO else asked.by_one
        values = (scope.province, scope.committee, scope.nomination, scope.publisher, scope.season)
        found = await connection.fetchval(SQL["insert_grant"], body.person, body.role, *values, *witness)
        return {"id": str(found)}, None

    return await asked.once(act)


@router.delete("/v1/grants/{grant}", tags=["grants"])
async def revoke(grant: UUID, asked: Asked) -> Answer:
    """Take a grant back; tokens that were given already hold it until they expire.

    The roles `season-admin`, `auditor` and `operator` take two administrators; one of them may be the person.
    """
    asked.reaches()

    async def act(connection: Connection) -> tuple[Answer, None]:
        powerful = await connection.fetchval(SQL["find_role"], grant) in POWERFUL
        witness = await asked.by_two(connection) if powerful else asked.by_one
        if await connection.fetchval(SQL["delete_grant"], grant, *witness) is None:
            raise not_found(Text("There is no grant with this id.", "Tidak ada pemberian peran dengan id ini."))
        return {"id": str(grant), "revoked": True}, None

    return await asked.once(act)


@router.get("/v1/grants/history", tags=["grants"])
async def history(_: Annotated[Person, Depends(require_throughout("auditor"))], paged: Paged, here: Here) -> Answer:
    """List what was granted and revoked, accounts opened, names told to auditors and persons erased, the latest first.

    Each act says who asked (a person's id; `appointment`, `development` or `password-file` where none did), the second
    administrator, and in which office.
    """
    after = paged.after(_HISTORY, int)
    rows = await here.pool.fetch(SQL["find_acts"], after and after[0], paged.limit + 1)
    page = page_of(rows, paged, _HISTORY, lambda row: (row["id"],))
    return {**page, "items": [_act(row) for row in page["items"]]}


def _act(row: asyncpg.Record) -> Answer:
    return {
        "at": instant(row["at"]),
        "act": row["kind"],
        "person": row["person_id"],
        "grant": row["grant_id"],
        "role": row["role"],
        "scope": None if row["scope"] is None else json.loads(row["scope"]),
        "asked_by": row["asked_by"],
        "second": row["second"],
        "office": row["office"],
    }


async def _known(connection: Connection, person: UUID) -> asyncpg.Record:
    row = await connection.fetchrow(SQL["find_persons"], [person])
    if row is None:
        raise _no_such_person()
    return row


async def _must_be_known(connection: Connection, person: UUID) -> None:
    if (await _known(connection, person))["erased"]:
        raise _no_such_person()


def add_routes(app: FastAPI) -> None:
    """Add identity's routes to the application."""
    app.include_router(router)
