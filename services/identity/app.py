"""Identity's composition root: the only place where its parts are wired, and the program that runs it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from fastapi import FastAPI

from kernel.http import Limits, create_api
from kernel.process import close_pool, database_checks, one_line, open_pool, run_service
from kernel.settings import StartFailed
from kernel.tokens import Grant, LocalJwks, TokenVerifier
from schemas.generate import asyncapi_of
from schemas.topics import SERVICES
from services.identity.api import Identity, add_routes
from services.identity.development import PASSWORD_FILE, FirstPerson, development_persons, person_id
from services.identity.keys import KeyRing, kept_secret, read_secret
from services.identity.passwords import Attempts, Passwords
from services.identity.settings import IdentitySettings
from services.identity.store import find_account, put_first_administrator, put_first_persons

SERVICE: Final = "identity"
_FIRST_ADMINISTRATOR: Final = "admin"


def create_app(settings: IdentitySettings) -> FastAPI:
    """Return the application; its lifespan opens the database and makes the first persons.

    Raises StartFailed when the keys folder or the clock cannot be used, and so does the lifespan for the database.
    """
    keys = KeyRing(settings.keys_folder)
    clock = settings.make_clock()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        pool = await open_pool(settings.database_url, service=SERVICE)
        try:
            app.state.identity = identity = Identity(
                pool=pool,
                keys=keys,
                keys_folder=settings.keys_folder,
                passwords=Passwords(cheap=settings.embedded),
                token_seconds=60 * settings.token_minutes,
                by_login=Attempts(most=5, seconds=60),
                by_address=Attempts(most=50, seconds=60),
            )
            app.state.checks.update(database_checks(pool, clock))
            await _make_first_persons(identity, settings)
            yield
        finally:
            await close_pool(pool)

    app = create_api(
        SERVICE,
        title="Paritrana: identity",
        clock=clock,
        verifier=TokenVerifier(LocalJwks(keys.jwks), pause=0.0),
        asyncapi=asyncapi_of(SERVICE),
        lifespan=lifespan,
        limits=Limits(metrics_networks=settings.metrics_networks),
    )
    app.state.keys = keys
    add_routes(app)
    return app


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
        settings = IdentitySettings.load()
        run_service(create_app(settings), settings.host, settings.port, log_level=settings.log_level)
