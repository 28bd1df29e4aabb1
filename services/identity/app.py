"""Identity's composition root: the only place where its parts are wired, and the program that runs it."""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64decode
from functools import partial
from typing import Final

from fastapi import FastAPI

from kernel.process import Background, one_line
from kernel.service import Parts, Service
from kernel.settings import StartFailed
from kernel.tokens import Grant, LocalJwks, TokenVerifier
from schemas.codec import CODEC
from schemas.generate import asyncapi_of
from schemas.topics import NOMINATION, SERVICES
from services.identity.api import Identity, add_routes
from services.identity.appointments import AppointmentHandler
from services.identity.development import FirstPerson, development_persons, person_id
from services.identity.keys import KeyRing, kept_secret, read_secret
from services.identity.passwords import Attempts, Passwords
from services.identity.settings import PASSWORD_FILE, IdentitySettings
from services.identity.store import find_account, put_first_administrator, put_first_persons
from services.wiring import feed_of, wire_of

SERVICE: Final = "identity"
_FIRST_ADMINISTRATOR: Final = "admin"
_ROTATION_SECONDS: Final = 5.0


def create_service(settings: IdentitySettings) -> Service:
    """Return the service with its routes; opening its database makes the first persons.

    Raises StartFailed when the keys folder or the clock cannot be used.
    """
    keys = KeyRing(settings.keys_folder)

    async def opened(service: Service) -> None:
        service.app.state.identity = identity = Identity(
            pool=service.pool,
            keys=keys,
            keys_folder=settings.keys_folder,
            passwords=Passwords(cheap=settings.embedded),
            token_seconds=60 * settings.token_minutes,
            by_login=Attempts(most=5, seconds=60),
            by_address=Attempts(most=50, seconds=60),
        )
        await _make_first_persons(identity, settings)

    service = Service(
        Parts(
            wire=wire_of(SERVICE),
            codec=CODEC,
            title="Paritrana: identity",
            receives=(NOMINATION,),
            handlers=lambda _: (AppointmentHandler(),),
            asyncapi=asyncapi_of(SERVICE),
            opened=opened,
            background=lambda service: [Background("token keys", partial(_publish_token_keys, service, keys))],
        ),
        settings,
        verifier=TokenVerifier(LocalJwks(keys.jwks), pause=0.0),
    )
    service.app.state.keys = keys
    add_routes(service.app)
    service.app.include_router(feed_of(SERVICE))
    return service


def create_app(settings: IdentitySettings) -> FastAPI:
    """Return the application."""
    return create_service(settings).app


async def _publish_token_keys(service: Service, keys: KeyRing) -> None:
    """Put every key that tokens are signed with into the log, once; a rotation is noticed within seconds."""
    published: set[str] = set()
    while True:
        for key in keys.jwks()["keys"]:
            if key["kid"] not in published:
                await service.publish_key(key["kid"], _raw(key["x"]), "tokens")
                published.add(key["kid"])
        await asyncio.sleep(_ROTATION_SECONDS)


def _raw(base64url: str) -> bytes:
    return urlsafe_b64decode(base64url + "=" * (-len(base64url) % 4))


async def _make_first_persons(here: Identity, settings: IdentitySettings) -> None:
    if settings.embedded:
        for service in SERVICES:
            kept_secret(here.keys_folder / f"{service}.secret")
        password = kept_secret(here.keys_folder / PASSWORD_FILE)
        await put_first_persons(here.pool, development_persons(), await _development_hash(here, password))
    elif settings.admin_password_file is not None:
        try:
            password = read_secret(settings.admin_password_file)
        except OSError as error:
            raise StartFailed(f"PARITRANA_ADMIN_PASSWORD_FILE cannot be read: {error}") from None
        administrator = FirstPerson(_FIRST_ADMINISTRATOR, "Administrator", (Grant.of("season-admin"),))
        await put_first_administrator(here.pool, administrator, await here.passwords.hash(password))


async def _development_hash(here: Identity, password: str) -> str:
    """Return one hash for all development persons: the one in use while it fits the password, so nothing is written."""
    account = await find_account(here.pool, _FIRST_ADMINISTRATOR)
    if account is not None and account.person == person_id(_FIRST_ADMINISTRATOR):
        fits = await here.passwords.matches(account.password_hash, password)
        if fits and not here.passwords.is_outdated(account.password_hash):
            return account.password_hash
    return await here.passwords.hash(password)


def run() -> None:
    """Run identity until SIGTERM; exit with 2 and one line when it cannot start."""
    with one_line(SERVICE):
        create_service(IdentitySettings.load()).run()
