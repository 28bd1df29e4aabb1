"""What signs the log: checkpoints come in time, the signer and every witness answer and sign."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import asyncpg
import httpx

from kernel.clock import SystemClock
from services.audit.live.alarms import SQL, Alarms
from services.audit.log.checkpoints import Asked, CheckpointSigning
from services.audit.log.sequencer import Sequencer
from services.audit.log.store import LogStore

PROMISED: Final = timedelta(seconds=60)
"""Within which an event is under a signed checkpoint."""
_GAP_SECONDS: Final = 30.0
_MOST: Final = 1000
_ANSWER_SECONDS: Final = 5.0


@dataclass(slots=True)
class Signers:
    """Looks after the checkpoints of one log."""

    store: LogStore
    signing: CheckpointSigning
    alarms: Alarms
    promised: timedelta = PROMISED
    unsigned_since: datetime | None = field(init=False, default=None)
    _noted: int = field(init=False, default=0)
    _away: dict[str, datetime] = field(init=False, default_factory=dict)
    _http: httpx.AsyncClient = field(
        init=False, default_factory=lambda: httpx.AsyncClient(timeout=_ANSWER_SECONDS, trust_env=False)
    )

    @property
    def unsigned_seconds(self) -> float:
        """Return for how long events have waited for a checkpoint."""
        return 0.0 if self.unsigned_since is None else (SystemClock().now() - self.unsigned_since).total_seconds()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def look(self) -> None:
        """See whether all is signed in time, and whether everybody answers who signs."""
        now = SystemClock().now()
        await self._checkpoint(now)
        await self._answers(now, "signer-away", [self.signing.signer])
        await self._answers(now, "witness-away", self.signing.witnesses)

    async def _checkpoint(self, now: datetime) -> None:
        """Say how long leaves have waited for a checkpoint: those that were there when it began, not later ones."""
        newest, size = await self.store.newest(), (await self.store.end()).size
        signed = newest.size if newest else 0
        if self.unsigned_since is None or signed >= self._noted:
            self._noted = size
            self.unsigned_since = now if size > signed else None
        since = self.unsigned_since
        old = since is not None and now - since > self.promised
        what = f"{size - signed} events, waiting since {since:%Y-%m-%dT%H:%M:%SZ}" if since else ""
        await self.alarms.stand("checkpoint-old", {self.signing.origin: what} if old else {})

    async def _answers(self, now: datetime, kind: str, asked: Any) -> None:
        standing: dict[str, str] = {}
        for one in asked:
            why = await self._why_not(one)
            if why is None:
                self._away.pop(one.url, None)
            elif now - self._away.setdefault(one.url, now) >= self.promised / 2:
                standing[one.url] = why
        await self.alarms.stand(kind, standing)

    async def _why_not(self, asked: Asked) -> str | None:
        """Return why somebody does not sign, None where he did when he was asked last and answers now."""
        try:
            answer = await self._http.get(f"{asked.url}/vkeys")
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return f"{type(error).__name__}: {error}".removesuffix(": ")
        if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            return f"it answers {answer.status_code}"
        return self.signing.refusals.get(asked.url)


@dataclass(slots=True)
class Log:
    """Looks after what is received and what is sequenced."""

    sequencer: Callable[[], Sequencer | None]
    origin: str
    pool: asyncpg.Pool[Any]
    alarms: Alarms

    async def look(self) -> None:
        """See whether a stream lacks an event, and whether the log goes on."""
        rows = await self.pool.fetch(SQL["gaps"], _GAP_SECONDS, _MOST)
        gaps = {row["stream"]: f"the event before version {row['version']} is not there" for row in rows}
        await self.alarms.stand("gap", gaps)
        sequencer = self.sequencer()
        stands, awaits = (sequencer.stands, sequencer.awaits) if sequencer else (None, None)
        await self.alarms.stand("log-stands", {self.origin: stands} if stands else {})
        await self.alarms.stand("log-waits", {self.origin: awaits} if awaits else {})
