"""Notifications' composition root: the only place where its parts are wired."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import structlog
from fastapi import FastAPI

from kernel.lead import Lead
from kernel.process import Background, one_line
from kernel.service import Parts, Service
from kernel.tokens import HttpJwks, TokenVerifier
from schemas.codec import CODEC
from schemas.generate import asyncapi_of
from schemas.topics import NOMINATION, SCORING
from services.notifications.api import router
from services.notifications.directory import Directory
from services.notifications.handler import IntentHandler
from services.notifications.mail import MailServer
from services.notifications.sender import MailSender, outcomes_counter
from services.notifications.settings import NotificationsSettings
from services.wiring import wire_of

SERVICE: Final = "notifications"
_log = structlog.get_logger(SERVICE)


class Sending:
    """The sender, made when the service is open; the handler wakes it in whatever process it runs."""

    def __init__(self, settings: NotificationsSettings) -> None:
        self._settings = settings
        self._sender: MailSender | None = None

    def wake(self) -> None:
        """Look for due messages now, if this process sends."""
        if self._sender is not None:
            self._sender.wake()

    def background(self, service: Service) -> Sequence[Background]:
        """Return the sending as work beside the requests, under its lead."""
        outcomes = outcomes_counter(service.app.state.metrics.registry)
        settings, url = self._settings, self._settings.smtp_url
        if url is None:
            _log.warning("PARITRANA_SMTP_URL is not set: messages wait until it is")
            return []

        async def send() -> None:
            # Kept when it has to begin again: it remembers what the mail server took already.
            self._sender = sender = self._sender or MailSender(
                pool=service.pool,
                executor=service.executor,
                clock=service.clock,
                directory=Directory(settings.identity_url, settings.keys_folder / f"{SERVICE}.secret"),
                server=MailServer(url, settings.mail_from),
                domain=settings.mail_domain,
                outcomes=outcomes,
            )
            await Lead(settings.database_url, f"{SERVICE}/sender").run(sender.run)

        return [Background("sender", send)]


def create_service(settings: NotificationsSettings) -> Service:
    """Return the service with its routes. Raises StartFailed when keys or clock cannot be used."""
    sending = Sending(settings)
    service = Service(
        Parts(
            wire=wire_of(SERVICE),
            codec=CODEC,
            title="Paritrana: notifications",
            receives=(NOMINATION, SCORING),
            handlers=(IntentHandler(sending.wake),),
            asyncapi=asyncapi_of(SERVICE),
            background=sending.background,
        ),
        settings,
        verifier=TokenVerifier(HttpJwks(settings.identity_url)),
    )
    service.app.include_router(router)
    return service


def create_app(settings: NotificationsSettings) -> FastAPI:
    """Return the application."""
    return create_service(settings).app


def run() -> None:
    """Run notifications until SIGTERM; exit with 2 and one line when it cannot start."""
    with one_line(SERVICE):
        create_service(NotificationsSettings.load()).run()
