"""Notifications' composition root: the only place where its parts are wired."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final

import structlog
from fastapi import FastAPI
from prometheus_client import Counter

from kernel.lead import Lead
from kernel.process import Background, one_line
from kernel.service import Parts, Service
from kernel.tokens import HttpJwks, TokenVerifier
from schemas.codec import CODEC
from schemas.generate import asyncapi_of
from schemas.topics import NOMINATION, SCORING
from services.notifications.addresses import AddressBook
from services.notifications.api import add_routes
from services.notifications.daily import Daily
from services.notifications.directory import Directory
from services.notifications.erasure import Erasure
from services.notifications.handler import IntentHandler
from services.notifications.mail import MailServer
from services.notifications.outbox import Outbox, outcomes_counter
from services.notifications.roll import Roll
from services.notifications.sender import MailSender
from services.notifications.settings import NotificationsSettings
from services.notifications.webhooks import Caller, WebhookSender
from services.wiring import feed_of, wire_of

SERVICE: Final = "notifications"
_log = structlog.get_logger(SERVICE)


class Sending:
    """The senders, made when the service is open; the handler wakes them in whatever process it runs."""

    def __init__(self, settings: NotificationsSettings) -> None:
        self._settings = settings
        self._senders: list[MailSender | WebhookSender | Roll] = []

    def wake(self) -> None:
        """Look for due messages now, if this process sends."""
        for sender in self._senders:
            sender.wake()

    def background(self, service: Service) -> Sequence[Background]:
        """Return the sending as work beside the requests, each channel and the calendar under a lead of its own."""
        settings, outcomes = self._settings, outcomes_counter(service.app.state.metrics.registry)
        senders = _Senders(settings, service, outcomes, self._senders)
        work = {"webhooks": senders.post, "roll": senders.call, "daily": senders.look, "erasure": senders.erase}
        if settings.smtp_url is None:
            _log.warning("PARITRANA_SMTP_URL is not set: mail waits until it is")
        else:
            work["sender"] = senders.mail
        return [Background(name, partial(self._led, name, run)) for name, run in work.items()]

    async def _led(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        await Lead(self._settings.database_url, f"{SERVICE}/{name}").run(run)


class _Senders:
    """Makes each sender when its work begins, and keeps it: it remembers what its channel took already."""

    def __init__(
        self,
        settings: NotificationsSettings,
        service: Service,
        outcomes: Counter,
        woken: list[MailSender | WebhookSender | Roll],
    ) -> None:
        self._settings = settings
        self._service = service
        self._outcomes = outcomes
        self._woken = woken
        self._mail: MailSender | None = None
        self._webhooks: WebhookSender | None = None
        self._roll: Roll | None = None

    async def mail(self) -> None:
        """Send mail until cancelled."""
        if self._mail is None:
            server = MailServer(self._settings.smtp_url or "", self._settings.mail_from)
            self._mail = MailSender(self._outbox(), self._directory(), server)
            self._woken.append(self._mail)
        await self._mail.run()

    async def post(self) -> None:
        """Call webhooks until cancelled."""
        if self._webhooks is None:
            caller = Caller(AddressBook(self._settings.webhook_networks))
            self._webhooks = WebhookSender(self._outbox(), self._directory(), caller)
            self._woken.append(self._webhooks)
        await self._webhooks.run()

    async def call(self) -> None:
        """Tell those who hold a role, until cancelled."""
        if self._roll is None:
            self._roll = Roll(self._service.pool, self._directory(), self._ring)
            self._woken.append(self._roll)
        await self._roll.run()

    def _ring(self) -> None:
        for sender in self._woken:
            if sender is not self._roll:
                sender.wake()

    async def look(self) -> None:
        """Commit what each day brings until cancelled."""
        service, settings = self._service, self._settings
        await Daily(
            service.pool,
            service.executor,
            service.clock,
            self._directory(),
            settings.mail_domain,
            settings.digest_hour,
        ).run()

    async def erase(self) -> None:
        """Erase what lies here of erased persons until cancelled."""
        await Erasure(self._service.pool, self._service.executor, self._directory()).run()

    def _outbox(self) -> Outbox:
        service = self._service
        return Outbox(service.pool, service.executor, service.clock, self._settings.mail_domain, self._outcomes)

    def _directory(self) -> Directory:
        return Directory(self._settings.identity_url, self._settings.keys_folder / f"{SERVICE}.secret")


def create_service(settings: NotificationsSettings) -> Service:
    """Return the service with its routes. Raises StartFailed when keys or clock cannot be used."""
    sending = Sending(settings)
    service = Service(
        Parts(
            wire=wire_of(SERVICE),
            codec=CODEC,
            title="Paritrana: notifications",
            receives=(NOMINATION, SCORING),
            handlers=lambda _: (IntentHandler(sending.wake),),
            asyncapi=asyncapi_of(SERVICE),
            background=sending.background,
        ),
        settings,
        verifier=TokenVerifier(HttpJwks(settings.identity_url)),
    )
    service.app.state.address_book = AddressBook(settings.webhook_networks)
    service.app.state.digest_hour = settings.digest_hour
    add_routes(service.app)
    service.app.include_router(feed_of(SERVICE))
    return service


def create_app(settings: NotificationsSettings) -> FastAPI:
    """Return the application."""
    return create_service(settings).app


def run() -> None:
    """Run notifications until SIGTERM; exit with 2 and one line when it cannot start."""
    with one_line(SERVICE):
        create_service(NotificationsSettings.load()).run()
