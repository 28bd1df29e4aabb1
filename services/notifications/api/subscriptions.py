"""How one wants to be told: read, chosen whole, and a webhook's secret replaced; every person for themselves.

A secret is made here, shown in the answer that made it and never again; it and the URL are kept beside the events,
which hold their salted digest. A choice that repeats the URL in use keeps its secret.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field, StringConstraints

from kernel.body import RequestBody
from kernel.canonical import SALT_BYTES, Json
from kernel.commands import Program
from kernel.decider import Decision, FieldFault, Loader, Text
from kernel.http import CommandRequest, answer, command_by
from kernel.problems import invalid
from kernel.reads import Here
from kernel.service import Service
from kernel.tokens import SignedIn
from schemas.notifications import Channel, Group, Zone
from services.notifications.addresses import LONGEST_URL, AddressBook, AddressRefused, HostUnknown
from services.notifications.api.parts import SQL
from services.notifications.domain.subscription import (
    DELIVERIES,
    NO_WEBHOOK,
    Choose,
    Rotate,
    Subscription,
    decide,
    stream_of,
)
from services.notifications.domain.templates import GROUPS, LEGAL
from services.notifications.webhooks import digest_of_endpoint, new_secret

_EVERYBODY: Final = (
    "secretariat", "member", "secretary", "chair", "verifier", "juror", "contact", "season-admin", "auditor",
    "operator", "publisher",
)  # fmt: skip
OwnCommand = Annotated[CommandRequest, Depends(command_by(*_EVERYBODY))]
router = APIRouter(prefix="/v1")


# --- reading -------------------------------------------------------------------------------------------------------


class WebhookShown(BaseModel):
    """A webhook without its secret. Until `former_secret_until` the secret before the last rotation signs too."""

    url: str
    since: datetime
    former_secret_until: datetime | None = None


class SubscriptionShown(BaseModel):
    """One's own choice. `cannot_be_none` are the groups that can be moved to another channel and not switched off.

    The language is that of the person at identity; the day's digest comes at `digest_hour` in `zone`.
    """

    channels: dict[Group, Channel]
    cannot_be_none: list[Group]
    zone: Zone
    digest_hour: int
    webhook: WebhookShown | None


@router.get("/subscriptions", tags=["subscriptions"], summary="Show how one is told of what")
async def show(request: Request, person: SignedIn, here: Here) -> SubscriptionShown:
    """Return one's own choice, as it is in force now."""
    chosen = await _chosen(here, person.id)
    return SubscriptionShown(
        channels={group: chosen.channels[group] for group in GROUPS},
        cannot_be_none=[group for group in GROUPS if group in LEGAL],
        zone=chosen.zone,
        digest_hour=request.app.state.digest_hour,
        webhook=await _webhook_of(here, chosen),
    )


async def _chosen(here: Service, person: str) -> Subscription:
    return (await here.executor.state(DELIVERIES, stream_of(person))).subscription


async def _webhook_of(here: Service, chosen: Subscription) -> WebhookShown | None:
    row = None if chosen.webhook is None else await here.pool.fetchrow(SQL["endpoint"], chosen.webhook)
    if row is None:
        return None
    return WebhookShown(url=row["url"], since=row["made"], former_secret_until=chosen.previous_until)


# --- choosing ------------------------------------------------------------------------------------------------------


class Channels(RequestBody):
    """A channel for every group: mail, webhook, digest (one mail a day), or none.

    `results` and `appeals` are legal notices, which tell of what begins a period: they can be moved to another channel,
    and `none` is refused for them.
    """

    steps: Channel
    deadlines: Channel
    meetings: Channel
    results: Annotated[Channel, Field(description="Decisions on nominees; `none` is refused.")]
    appeals: Annotated[Channel, Field(description="Appeals and their verdicts; `none` is refused.")]


class WebhookSent(RequestBody):
    """Where messages are to be posted."""

    url: Annotated[str, StringConstraints(min_length=9, max_length=LONGEST_URL)] = Field(
        examples=["https://hooks.example.org/paritrana"]
    )


class SubscriptionSent(RequestBody):
    """One's whole new choice; without `webhook` there is none."""

    channels: Channels
    zone: Zone = "Asia/Jakarta"
    webhook: WebhookSent | None = None


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """A webhook's digest, and what was made for it: nothing when it was in use already."""

    digest: str
    url: str
    secret: str | None = None


@router.put("/subscriptions", tags=["subscriptions"], summary="Choose how one is told of what")
async def choose(body: SubscriptionSent, command: OwnCommand, here: Here, request: Request) -> Json:
    """Choose anew. The answer shows a new webhook's signing secret once: keep it, it cannot be read again.

    `results` and `appeals` cannot be `none` (`legal-notice`): they tell of what begins a period, such as that for an
    appeal. A legal notice that a webhook does not take for three days is mailed.
    """
    if (first := await _first_answer(here, command)) is not None:
        return first
    channels: dict[Group, Channel] = {group: getattr(body.channels, group) for group in GROUPS}
    endpoint = await _endpoint(request, here, command.actor, body.webhook)
    chosen = Choose(
        command.actor,
        channels,
        body.zone,
        None if endpoint is None else endpoint.digest,
        kept=endpoint is not None and endpoint.secret is None,
    )
    receipt = answer(await here.executor.execute(command.ask(), _program(chosen)))
    return receipt | _made(endpoint)


@router.post("/subscriptions/webhook/rotate", tags=["subscriptions"], summary="Replace one's webhook's secret")
async def rotate(command: OwnCommand, here: Here) -> Json:
    """Make a new signing secret, shown once; for a day messages are signed with both."""
    if (first := await _first_answer(here, command)) is not None:
        return first
    chosen = await _chosen(here, command.actor)
    row = None if chosen.webhook is None else await here.pool.fetchrow(SQL["endpoint"], chosen.webhook)
    if row is None:
        return answer(NO_WEBHOOK)
    made = await _keep(here, command.actor, row["url"])
    rotation = Rotate(command.actor, chosen.webhook, made.digest, command.received)
    receipt = answer(await here.executor.execute(command.ask(), _program(rotation)))
    return receipt | _made(made)


async def _first_answer(here: Service, command: CommandRequest) -> Json | None:
    """Return the answer that a repeated command got, without the secret: that is shown once."""
    async with here.pool.acquire() as connection:
        first = await here.executor.remembered(connection, command.ask())
    return None if first is None else answer(first)


def _program(command: Choose | Rotate) -> Program:
    async def program(loader: Loader) -> Decision:
        state = await loader.load(DELIVERIES, stream_of(command.person))
        return decide(state.subscription, command)

    return program


async def _endpoint(request: Request, here: Service, person: str, sent: WebhookSent | None) -> _Endpoint | None:
    """Return the webhook that was asked for: the one in use if its URL is the same, else a new one."""
    if sent is None:
        return None
    await _must_be_public(request, sent.url)
    chosen = await _chosen(here, person)
    if chosen.webhook is not None:
        row = await here.pool.fetchrow(SQL["endpoint"], chosen.webhook)
        if row is not None and row["url"] == sent.url:
            return _Endpoint(chosen.webhook, sent.url)
    return await _keep(here, person, sent.url)


_NOT_FOUND: Final = Text(
    "The host's name was not found. Check its spelling; a new name may take some hours until it is found everywhere.",
    "Nama host tidak ditemukan. Periksa ejaannya; nama baru mungkin perlu beberapa jam sampai dapat ditemukan.",
)
_NOT_PUBLIC: Final = Text(
    "Send an https URL, at port 443, of a host with public addresses only.",
    "Kirim URL https pada port 443 dengan host yang seluruh alamatnya publik.",
)


async def _must_be_public(request: Request, url: str) -> None:
    """Refuse a URL that does not lead to public addresses; which ones it leads to is nobody's to learn here."""
    book: AddressBook = request.app.state.address_book
    try:
        await book.target(url)
    except HostUnknown:
        raise invalid((FieldFault("webhook.url", None, _NOT_FOUND),)) from None
    except AddressRefused:
        raise invalid((FieldFault("webhook.url", None, _NOT_PUBLIC),)) from None


async def _keep(here: Service, person: str, url: str) -> _Endpoint:
    """Keep a URL with a fresh secret, before the event that holds their digest; uncited ones do nothing."""
    salt, secret = secrets.token_bytes(SALT_BYTES), new_secret()
    digest = digest_of_endpoint(salt, url, secret)
    await here.pool.execute(SQL["keep_endpoint"], digest, UUID(person), salt.hex(), url, secret)
    return _Endpoint(digest, url, secret)


def _made(endpoint: _Endpoint | None) -> dict[str, Any]:
    if endpoint is None or endpoint.secret is None:
        return {}
    return {"webhook": {"url": endpoint.url, "secret": endpoint.secret}}
