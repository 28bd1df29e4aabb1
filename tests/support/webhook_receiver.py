"""A receiver of webhooks as anybody would write one with the `standardwebhooks` library, on loopback.

It verifies the signature, keeps every message once by its `webhook-id`, and can be told to misbehave first.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, Final

from fastapi import FastAPI, Request
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
from starlette.responses import Response

SLOW: Final = 0
"""An answer that does not come: the caller has to leave."""


@dataclass
class WebhookReceiver:
    """What came, and what is answered first: statuses, or SLOW. `secret` is what its owner was given."""

    secret: str = ""
    url: str = ""
    answers: list[int] = field(default_factory=list)
    location: str | None = None
    body: bytes = b""
    tries: list[tuple[str, bytes]] = field(default_factory=list)
    """Every request: its `webhook-id` and its body."""
    kept: dict[str, Any] = field(default_factory=dict)
    """What was taken, by `webhook-id`."""
    hosts: list[str] = field(default_factory=list)

    def app(self) -> FastAPI:
        """Return the application."""
        app = FastAPI()
        app.add_api_route("/{path:path}", self.receive, methods=["GET", "POST"])
        return app

    async def receive(self, request: Request) -> Response:
        """Take one message, unless it is not signed as it must be."""
        sent = await request.body()
        id_ = request.headers.get("webhook-id", "")
        self.tries.append((id_, sent))
        self.hosts.append(request.headers["host"])
        answer = self.answers.pop(0) if self.answers else 200
        if answer == SLOW:
            while not await request.is_disconnected():  # noqa: ASYNC110 - Starlette tells nobody
                await asyncio.sleep(0.01)
        if 300 <= answer < 400:
            return Response(status_code=answer, headers={"Location": self.location or "/elsewhere"})
        if not 200 <= answer < 300:
            return Response(status_code=answer or 200)
        try:
            self.kept[id_] = Webhook(self.secret).verify(sent, dict(request.headers))
        except WebhookVerificationError:
            return Response(status_code=401)
        return Response(self.body, status_code=answer)
