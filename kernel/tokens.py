"""Bearer tokens: who is asking, in which roles, over which scope, and proof that identity said so.

JWT (RFC 7519) in the form of RFC 9068 (`at+jwt`), signed with Ed25519 (RFC 8037; the algorithm's name is RFC 9864's)
and with nothing else: the algorithm is ours to choose, never the token's. Keys are identity's JWKS (RFC 7517), fetched
over HTTP and kept, so that a service goes on while identity is away. Tokens always use the system's clock, also where
the award is played on a test clock.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple, Protocol, get_args

import httpx
from fastapi import Depends, Header, Request
from fastapi.openapi.models import HTTPBearer as HTTPBearerModel
from fastapi.security.base import SecurityBase
from fastapi.security.utils import get_authorization_scheme_param
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from pydantic import BaseModel, ConfigDict, Strict, ValidationError

from kernel.decider import Text
from kernel.problems import Problem, forbidden, unauthenticated, unavailable

ALGORITHM: Final = "Ed25519"
TOKEN_TYPE: Final = "at+jwt"  # noqa: S105 - the media type of RFC 9068, no secret
ISSUER: Final = "paritrana-identity"
AUDIENCE: Final = "paritrana"
LONGEST_TOKEN: Final = 8192
SECOND_AUTHORIZATION: Final = "Second-Authorization"
"""The header in which a command that takes two persons has the token of the second."""
Scope = Literal["province", "committee", "nomination", "publisher", "season"]
SCOPES: Final = get_args(Scope)
# A season narrows a grant in time; the other scopes say over whom it reaches.
_NARROWING: Final = frozenset({"season"})
_KNOWN_TOKENS: Final = 4096
"""Verified tokens that are kept: to verify one takes as long as all else that a read does."""
_SKEW_SECONDS: Final = 30
_OF_SERVICES: Final = "service"
"""The role that identity gives to services, and to nobody else."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Grant:
    """One role and where it holds: pairs of a scope's name and value, sorted; none means everywhere."""

    role: str
    scope: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, role: str, **scope: str | None) -> Grant:
        """Return a grant of `role` with those scopes that are not None."""
        unknown = set(scope) - set(SCOPES)
        if unknown:
            raise ValueError(f"unknown scope {', '.join(sorted(unknown))}; known are {', '.join(SCOPES)}")
        return cls(role, tuple(sorted((name, value) for name, value in scope.items() if value is not None)))

    def value(self, name: str) -> str | None:
        """Return the scope called `name`, None where the grant does not state it."""
        return dict(self.scope).get(name)

    def covers(self, asked: Mapping[str, str]) -> bool:
        """Tell whether the grant reaches all of `asked`.

        A stated scope must be equal. One that is not stated reaches everything only when the grant states no scope at
        all (a season apart, which only narrows), so a grant over a province is none over a nomination. A grant for one
        season reaches nothing in particular unless the season is asked too: who does not ask cannot tell.
        """
        own = dict(self.scope)
        unbounded = not set(own) - _NARROWING
        if asked and not _NARROWING & own.keys() <= asked.keys():
            return False
        return all(
            own[name] == value if name in own else unbounded or name in _NARROWING for name, value in asked.items()
        )

    def document(self) -> dict[str, object]:
        """Return the grant as it stands in a token."""
        return {"role": self.role, "scope": dict(self.scope)}


@dataclass(frozen=True, slots=True)
class Person:
    """Who is asking: a pseudonymous id and what identity granted it."""

    id: str
    grants: tuple[Grant, ...]

    @property
    def roles(self) -> frozenset[str]:
        """Return the names of the roles, whatever their scope."""
        return frozenset(grant.role for grant in self.grants)

    def may(self, role: str, **scope: str) -> bool:
        """Tell whether the person has `role` over all of `scope`; with no scope: whether anywhere at all."""
        return any(grant.role == role and grant.covers(scope) for grant in self.grants)

    def throughout(self, role: str, season: str | None = None) -> bool:
        """Tell whether the person has `role` over all of a season, or of every season when none is named."""
        reaching = (() if season is None else (("season", season),), ())
        return any(grant.role == role and grant.scope in reaching for grant in self.grants)

    def scopes(self, role: str, name: str, season: str | None = None) -> frozenset[str] | None:
        """Return the values of the scope `name` in which the person has `role`, None for everywhere.

        That is in every season, or in one if it is named.
        """
        if self.throughout(role, season):
            return None
        grants = (grant for grant in self.grants if grant.role == role and grant.value("season") in (None, season))
        return frozenset(value for grant in grants if (value := grant.value(name)) is not None)

    def scopes_ever(self, role: str, name: str) -> frozenset[str] | None:
        """Return the values of the scope `name` in which the person has `role` in some season, None for everywhere."""
        if self.throughout(role):
            return None
        grants = (grant for grant in self.grants if grant.role == role)
        return frozenset(value for grant in grants if (value := grant.value(name)) is not None)


# --- issuing, identity's part ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A signed token and the instant, in seconds of the Unix epoch, from which on it is refused."""

    token: str
    expires: int


def issue(key: OKPKey, person: Person, *, lifetime: int, now: float | None = None) -> IssuedToken:
    """Return a token for `person`, signed with the private `key` (which has a kid), valid for `lifetime` seconds."""
    issued = int(time.time() if now is None else now)
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": person.id,
        "iat": issued,
        "exp": issued + lifetime,
        "jti": str(uuid.uuid4()),
        "roles": [grant.document() for grant in person.grants],
    }
    header = {"alg": ALGORITHM, "typ": TOKEN_TYPE, "kid": str(key.kid)}
    return IssuedToken(jwt.encode(header, claims, key, algorithms=[ALGORITHM]), issued + lifetime)


# --- verifying, everybody's part ------------------------------------------------------------------------------------


class JwksSource(Protocol):
    """Where the public keys come from."""

    async def fetch(self) -> Mapping[str, Any]:
        """Return the JWK set; raise OSError, httpx.HTTPError or ValueError when it cannot be had."""
        ...


@dataclass(frozen=True, slots=True)
class HttpJwks:
    """Identity's published key set."""

    identity_url: str

    async def fetch(self) -> Mapping[str, Any]:
        """Fetch `/.well-known/jwks.json`; the network's proxies are not asked."""
        async with httpx.AsyncClient(timeout=3.0, trust_env=False) as client:
            answer = await client.get(f"{self.identity_url.rstrip('/')}/.well-known/jwks.json")
            answer.raise_for_status()
            found: Mapping[str, Any] = answer.json()
            return found


@dataclass(frozen=True, slots=True)
class LocalJwks:
    """A key set at hand: identity's own, or a test's."""

    read: Callable[[], Mapping[str, Any]]

    async def fetch(self) -> Mapping[str, Any]:
        """Return what is at hand."""
        return self.read()


def public_keys(jwks: Mapping[str, Any]) -> dict[str, OKPKey]:
    """Return the Ed25519 keys of a JWK set by kid; every other key is passed over."""
    entries = jwks.get("keys") if isinstance(jwks, Mapping) else None
    if not isinstance(entries, list):
        raise ValueError("the JWK set has no list of keys")  # noqa: TRY004 - what was received is wrong, not a call
    keys: dict[str, OKPKey] = {}
    for entry in entries:
        if isinstance(entry, dict) and entry.get("crv") == "Ed25519" and isinstance(entry.get("kid"), str):
            public = {name: entry[name] for name in ("kty", "crv", "x", "kid") if name in entry}
            keys[entry["kid"]] = OKPKey.import_key(public)
    return keys


class _Known(NamedTuple):
    """A token that was verified: by which key, until when it is valid (seconds since 1970), and who it speaks of."""

    kid: str
    key: OKPKey
    expires: float
    person: Person


class TokenVerifier:
    """Verifies tokens against a cached key set.

    The set is fetched when first needed, again every `refresh` seconds, and when a token names an unknown key, but
    then at most once in `pause` seconds, so that forged tokens cannot make us ask identity at will. While identity is
    away the cached keys go on.
    """

    def __init__(
        self,
        source: JwksSource,
        *,
        audience: str = AUDIENCE,
        refresh: float = 300.0,
        pause: float = 5.0,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._source = source
        self._audience = audience
        self._refresh, self._pause = refresh, pause
        self._monotonic, self._wall = monotonic, wall
        self._keys: dict[str, OKPKey] = {}
        self._fetched: float | None = None
        self._tried: float | None = None
        self._lock = asyncio.Lock()
        self._refreshing: asyncio.Task[None] | None = None
        self._known: OrderedDict[str, _Known] = OrderedDict()

    async def verify(self, token: str) -> Person:
        """Return who the token speaks of; raise a 401 Problem, or a 503 while no key was ever had.

        A token that was verified is known again while its key is in the set as it was fetched last.
        """
        known = self._known.get(token)
        kid = _key_id(token) if known is None else known.kid
        key = await self._key(kid)
        if known is not None and known.key is key and known.expires > self._wall():
            return known.person
        try:
            claims = jwt.decode(token, key, algorithms=[ALGORITHM]).claims
        except (JoseError, ValueError, TypeError, RecursionError):
            raise _refused() from None
        person = self._person(claims)
        self._known[token] = _Known(kid, key, claims["exp"], person)
        if len(self._known) > _KNOWN_TOKENS:
            self._known.popitem(last=False)
        return person

    async def _key(self, kid: str) -> OKPKey:
        found = self._keys.get(kid)
        if found is not None:
            if self._is_stale() and (self._refreshing is None or self._refreshing.done()):
                self._refreshing = asyncio.create_task(self._fetch_unless_just_tried())
            return found
        await self._fetch_unless_just_tried()
        found = self._keys.get(kid)
        if found is not None:
            return found
        if self._fetched is None:
            raise unavailable(
                "identity-unavailable",
                Text("Tokens cannot be verified at the moment", "Token sedang tidak dapat diperiksa"),
                Text("The identity service does not answer yet.", "Layanan identitas belum menjawab."),
            )
        raise _refused()

    def _is_stale(self) -> bool:
        return self._fetched is None or self._monotonic() - self._fetched >= self._refresh

    async def _fetch_unless_just_tried(self) -> None:
        async with self._lock:
            if self._tried is not None and self._monotonic() - self._tried < self._pause:
                return
            self._tried = self._monotonic()
            try:
                found = public_keys(await self._source.fetch())
            except (OSError, httpx.HTTPError, ValueError, JoseError) as error:
                _log.warning("identity's key set cannot be had (%s); %d cached", type(error).__name__, len(self._keys))
                return
            self._fetched = self._tried
            if found.keys() != self._keys.keys():
                # Keys are being changed, which no forger can bring about: the next may be looked for at once.
                self._tried = None
            self._keys = found

    def _person(self, raw: Mapping[str, Any]) -> Person:
        try:
            claims = _Claims.model_validate(raw)
        except ValidationError:
            raise _refused() from None
        now = self._wall()
        audience = [claims.aud] if isinstance(claims.aud, str) else claims.aud
        if self._audience not in audience or max(claims.iat, claims.nbf) > now + _SKEW_SECONDS:
            raise _refused()
        if claims.exp <= now:
            raise unauthenticated(
                "The token has expired; sign in again.", "Masa berlaku token telah habis; masuk kembali."
            )
        return Person(str(claims.sub), tuple(Grant.of(entry.role, **entry.scope) for entry in claims.roles))


class _RoleClaim(BaseModel):
    model_config = ConfigDict(strict=True)

    role: str
    scope: dict[Scope, str] = {}


class _Claims(BaseModel):
    model_config = ConfigDict(strict=True)

    iss: Literal["paritrana-identity"]
    aud: str | list[str]
    sub: Annotated[uuid.UUID, Strict(strict=False)]
    iat: int
    exp: int
    nbf: int = 0
    jti: str
    roles: list[_RoleClaim]


def _refused() -> Problem:
    return unauthenticated("The token is not valid; sign in again.", "Token tidak sah; masuk kembali.")


def _key_id(token: str) -> str:
    """Return the key id in the token's header, refusing all that is not of our form before any key is touched."""
    if len(token) > LONGEST_TOKEN or not token.isascii():
        raise _refused()
    try:
        header = jws.extract_compact(token.encode("ascii")).headers()
    except (JoseError, ValueError, TypeError, AttributeError, RecursionError):
        raise _refused() from None
    kid = header.get("kid")
    if header.get("alg") != ALGORITHM or header.get("typ") != TOKEN_TYPE or not isinstance(kid, str):
        raise _refused()
    return kid


# --- dependencies for FastAPI ---------------------------------------------------------------------------------------


class _Asking(SecurityBase):
    """Gives the person of the request's bearer token; a 401 Problem without a valid one, a 403 when no role fits.

    One dependency for all questions: FastAPI takes longer over each than the questions themselves.
    """

    scheme_name = "HTTPBearer"
    model = HTTPBearerModel(bearerFormat="JWT", description="`paritrana token LOGIN` prints one.")

    def __init__(self, *roles: str, throughout: bool = False, service: str | None = None) -> None:
        self._roles = frozenset(roles)
        self._named = ", ".join(roles)
        self._throughout = throughout
        self._service = None if service is None else service_person(service)

    async def __call__(self, request: Request) -> Person:
        scheme, token = get_authorization_scheme_param(request.headers.get("authorization"))
        if scheme.lower() != "bearer" or not token:
            raise unauthenticated(
                "Send the header Authorization: Bearer <token>.", "Kirim header Authorization: Bearer <token>."
            )
        verifier: TokenVerifier = request.app.state.verifier
        person = await verifier.verify(token)
        request.state.actor = person.id
        if self._service == person.id and person.may(_OF_SERVICES):
            return person
        if self._roles and person.roles.isdisjoint(self._roles):
            raise forbidden(
                Text(f"This needs one of the roles: {self._named}.", f"Dibutuhkan salah satu peran: {self._named}.")
            )
        if self._throughout and not any(person.throughout(role) for role in self._roles):
            raise _for_one_season_only(", ".join(sorted(person.roles & self._roles)))
        return person


def _for_one_season_only(role: str) -> Problem:
    return forbidden(
        Text(
            f"Your grant as {role} is for one season only, and this concerns all seasons; ask the season "
            "administrators for a grant that names no season.",
            f"Peran {role} diberikan kepada Anda hanya untuk satu musim, sedangkan ini menyangkut semua musim; "
            "mintalah administrator musim memberikan peran tanpa batasan musim.",
        )
    )


def require(role: str, *others: str) -> Callable[[Request], Awaitable[Person]]:
    """Return a dependency that gives the person, or a 403 Problem when it has none of the roles in any scope.

    The scope is the handler's to ask (`person.may(role, province=…)`): only it knows what the request is about.
    """
    return _Asking(role, *others)


def require_throughout(role: str, *others: str, service: str | None = None) -> Callable[[Request], Awaitable[Person]]:
    """Return a dependency as `require` does, for what holds all seasons: a role granted for one season is not enough.

    Whoever has one of the roles, yet for single seasons only, gets a 403 Problem that says so. `service` names a
    service of ours that is let in too, by its own token.
    """
    return _Asking(role, *others, throughout=True, service=service)


signed_in: Final[Callable[[Request], Awaitable[Person]]] = _Asking()
"""Gives the person of a request, in whatever roles: as a dependency, and where only the head of a request is here."""
SignedIn = Annotated[Person, Depends(signed_in)]

_SECOND: Final = Header(
    alias=SECOND_AUTHORIZATION,
    min_length=1,
    description="`Bearer` and the token of a second person in the same role, who takes part in this.",
)


def require_second(role: str) -> Callable[..., Awaitable[Person]]:
    """Return a dependency that gives the second person of a command that always takes two.

    A 422 Problem without the header, a 401 when its token is not valid, a 403 when that person lacks the role. That
    the two are different persons is the decision's to see: only it can record the refusal.
    """

    async def second(request: Request, sent: Annotated[str, _SECOND]) -> Person:
        return await _second_person(request, sent, role)

    return second


def allow_second(role: str) -> Callable[..., Awaitable[Person | None]]:
    """Return a dependency as `require_second` does, for commands that take two persons only now and then."""

    async def second(request: Request, sent: Annotated[str | None, _SECOND] = None) -> Person | None:
        return None if sent is None else await _second_person(request, sent, role)

    return second


async def _second_person(request: Request, sent: str, role: str) -> Person:
    scheme, token = get_authorization_scheme_param(sent)
    verifier: TokenVerifier = request.app.state.verifier
    try:
        # Whatever is no bearer token is verified as the token that it is not.
        person = await verifier.verify(token.strip() if scheme.lower() == "bearer" else "")
    except Problem as problem:
        if problem.status != HTTPStatus.UNAUTHORIZED:
            raise
        raise unauthenticated(
            f"The token in {SECOND_AUTHORIZATION} is not valid; let the second person sign in again.",
            f"Token pada {SECOND_AUTHORIZATION} tidak sah; minta orang kedua masuk kembali.",
        ) from None
    if not person.may(role):
        raise forbidden(
            Text(
                f"The second person needs the role {role} too; let another one take part.",
                f"Orang kedua juga harus berperan {role}; minta orang lain untuk ikut serta.",
            )
        )
    return person


# --- a service's own token ------------------------------------------------------------------------------------------


def service_person(service: str) -> str:
    """Return the fixed pseudonymous id under which `service` acts."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"paritrana:service:{service}"))


class ServiceToken:
    """A service's own bearer token, fetched with its secret and kept until a minute before it expires."""

    def __init__(self, identity_url: str, service: str, secret_file: Path) -> None:
        self._url = f"{identity_url.rstrip('/')}/v1/service-token"
        self._service = service
        self._secret_file = secret_file
        self._held: IssuedToken | None = None
        self._lock = asyncio.Lock()

    async def bearer(self) -> str:
        """Return a valid token; raise OSError or httpx.HTTPError when identity or the secret cannot be had."""
        async with self._lock:
            if self._held is None or self._held.expires < time.time() + 60:
                self._held = await self._fetch()
            return self._held.token

    async def _fetch(self) -> IssuedToken:
        secret = self._secret_file.read_text(encoding="ascii").strip()
        async with httpx.AsyncClient(timeout=5.0, trust_env=False) as client:
            answer = await client.post(self._url, json={"service": self._service, "secret": secret})
            answer.raise_for_status()
        issued = answer.json()
        return IssuedToken(issued["token"], int(datetime.fromisoformat(issued["expires"]).timestamp()))
