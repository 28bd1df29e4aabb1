"""Audit's composition root: it receives every topic, puts every event into the log, and folds nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from fastapi import FastAPI

from kernel.http import CheckResult
from kernel.keys import note_key
from kernel.lead import Lead
from kernel.process import Background, one_line
from kernel.service import Parts, Service
from kernel.tokens import HttpJwks, TokenVerifier
from schemas.codec import CODEC
from schemas.generate import asyncapi_of
from schemas.nomination import AdmissionDecided, AppealDecided, PlenaryDecided
from schemas.scoring import RankingSealed, RankingSuperseded
from schemas.topics import EVENT_TOPICS, LOG
from services.audit.api import router
from services.audit.live import api as live_api
from services.audit.live.alarms import Alarms
from services.audit.live.asking import FeedClient
from services.audit.live.feeds import Feed
from services.audit.live.signing import Log, Signers
from services.audit.live.topics import Topics
from services.audit.live.tree import Tree
from services.audit.live.watch import LiveMeasures, Watch, odd
from services.audit.log import api as log_api
from services.audit.log.checkpoints import Asked, CheckpointSigning
from services.audit.log.measures import SequencerMeasures
from services.audit.log.sequencer import Sequencer
from services.audit.log.store import LogStore
from services.audit.settings import AuditSettings
from services.wiring import feed_of, wire_of

SERVICE: Final = "audit"
_PACE: Final = 0.1
"""Seconds between two batches: nobody waits for audit, and what it takes at once costs it, and the database, less."""
_RECEIVES: Final = tuple(topic.name for topic in EVENT_TOPICS if topic.owner != SERVICE)
_SEQUENCER_KEY: Final = "audit.sequencer.key"
_DECISIVE: Final = frozenset(
    event.type_name() for event in (RankingSealed, RankingSuperseded, PlenaryDecided, AdmissionDecided, AppealDecided)
)
"""Events after which a checkpoint is signed at once."""


def create_service(settings: AuditSettings) -> Service:
    """Return the service with its routes. Raises StartFailed when keys or clock cannot be used."""
    service = Service(
        Parts(
            wire=wire_of(SERVICE),
            codec=CODEC,
            title="Paritrana: audit",
            receives=_RECEIVES,
            receive_pace=_PACE,
            odd=lambda service: odd(Alarms(service.pool)),
            asyncapi=asyncapi_of(SERVICE),
            opened=_opening(settings),
            background=lambda service: (
                Background("sequencer", partial(_sequence, service)),
                Background("watch", partial(_watch, service, settings)),
            ),
        ),
        settings,
        verifier=TokenVerifier(HttpJwks(settings.identity_url)),
    )
    service.app.include_router(router)
    service.app.include_router(log_api.router)
    service.app.include_router(live_api.router)
    service.app.include_router(feed_of(SERVICE))
    return service


def _opening(settings: AuditSettings) -> Callable[[Service], Awaitable[None]]:
    """Return what opens the log when the database is open."""
    key = note_key(settings.keys_folder / _SEQUENCER_KEY, f"{settings.log_origin}/sequencer")

    async def open_log(service: Service) -> None:
        state = service.app.state
        state.log_store = LogStore(service.pool)
        state.alarms = Alarms(service.pool)
        state.live_measures = LiveMeasures(state.metrics.registry)
        state.log_measures = SequencerMeasures(state.metrics.registry)
        state.log_signing = CheckpointSigning(
            store=state.log_store,
            origin=settings.log_origin,
            key=key,
            signer=Asked(settings.signer_url.rstrip("/"), ()),
            witnesses=[Asked(url, (witness,)) for url, witness in settings.witnesses],
            clock=service.clock,
            measures=state.log_measures,
        )

    return open_log


async def _sequence(service: Service) -> None:
    """Put events into the log and have it signed, until cancelled."""
    state = service.app.state
    sequencer = Sequencer(
        topic=LOG,
        store=state.log_store,
        broker=service.broker,
        wake=service.wake,
        lead=Lead(service.settings.database_url, f"{SERVICE}/sequencer"),
        measures=state.log_measures,
        signing=state.log_signing,
        decisive=_DECISIVE,
    )

    async def check() -> CheckResult:
        return sequencer.check()

    state.checks["log"] = check
    state.sequencer = sequencer
    await sequencer.run()


async def _watch(service: Service, settings: AuditSettings) -> None:
    """Verify all that goes on, until cancelled."""
    state, pool, alarms = service.app.state, service.pool, service.app.state.alarms
    client = FeedClient(settings.identity_url, SERVICE, settings.keys_folder / f"{SERVICE}.secret")
    urls = {
        "identity": settings.identity_url,
        "nomination": settings.nomination_url,
        "scoring": settings.scoring_url,
        "notifications": settings.notifications_url,
    }
    signers = Signers(state.log_store, state.log_signing, alarms)
    try:
        await Watch(
            feeds=[Feed(name, url, client, pool, alarms) for name, url in urls.items()],
            topics=Topics((*(topic.name for topic in EVENT_TOPICS), LOG), _RECEIVES, service.broker, pool, alarms),
            tree=Tree(state.log_store, pool, alarms),
            log=Log(lambda: getattr(state, "sequencer", None), settings.log_origin, pool, alarms),
            signers=signers,
            alarms=alarms,
            lead=Lead(service.settings.database_url, f"{SERVICE}/watch"),
            measures=state.live_measures,
            seconds=settings.watch_seconds,
        ).run()
    finally:
        await client.close()
        await signers.close()


def create_app(settings: AuditSettings) -> FastAPI:
    """Return the application."""
    return create_service(settings).app


def run() -> None:
    """Run audit until SIGTERM; exit with 2 and one line when it cannot start."""
    with one_line(SERVICE):
        create_service(AuditSettings.load()).run()
