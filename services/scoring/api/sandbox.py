"""For publishers who try their messages: the dry run of one, and what the sandbox said of those that were sent there.

Nothing of it reaches the ledger, the dead letters or an event.
"""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, Final, Literal, Self

from fastapi import APIRouter
from pydantic import AfterValidator, Field, StringConstraints, model_validator

from kernel.canonical import Json
from kernel.decider import Text
from kernel.paging import Paged, a_moment, page_of
from kernel.problems import Unfit, forbidden, not_found
from kernel.reads import Here
from services.scoring.api.ledger import FactPath, OfPublisher, PublisherPath
from services.scoring.api.parts import Body
from services.scoring.dry_run import Said, dry_run, dry_runs
from services.scoring.rights import FactReader, FactSender, topics_mended, topics_published, topics_refused, topics_told
from services.scoring.sandbox_reads import latest_verdicts, verdicts_on

router = APIRouter()

MOST_MESSAGES: Final = 200
"""Messages that are judged at once: as many as one request may take the service's time for."""
_LONGEST_VALUE: Final = 131_072
"""Characters of a value: twice what a message may have, so that the gate itself says that one is too large."""


def _base64(text: str) -> str:
    try:
        base64.b64decode(text, validate=True)
    except binascii.Error:
        raise Unfit("Send Base64 (RFC 4648, section 4).", "Kirim Base64 (RFC 4648, bagian 4).") from None
    return text


HeaderName = Annotated[str, StringConstraints(min_length=1, max_length=200)]
HeaderText = Annotated[str, StringConstraints(max_length=4096)]


class MessageBody(Body):
    """A Kafka message as it would be sent."""

    topic: Annotated[
        Literal["bpjs.contributions.v1", "bpjs.coverage.v1"], Field(description="The topic that it would go to.")
    ]
    key: Annotated[
        Annotated[str, StringConstraints(min_length=1, max_length=1024)] | None,
        Field(description="Its key: the employer's number or the region's code. null: none.", examples=["NPP-75001"]),
    ]
    headers: Annotated[
        dict[HeaderName, HeaderText | None],
        Field(max_length=100, description="Its headers: content-type and, in binary mode, ce_id, ce_source, …"),
    ]
    value: Annotated[
        Annotated[str, StringConstraints(min_length=1, max_length=_LONGEST_VALUE)] | None,
        Field(description="Its value as text, sent as UTF-8."),
    ] = None
    value_base64: Annotated[
        Annotated[str, StringConstraints(min_length=1, max_length=4 * _LONGEST_VALUE // 3), AfterValidator(_base64)]
        | None,
        Field(description="Its value as bytes in Base64, instead of `value`."),
    ] = None

    @model_validator(mode="after")
    def _one_value(self) -> Self:
        if self.value is not None and self.value_base64 is not None:
            raise Unfit(
                "Send `value` or `value_base64`, not both.", "Kirim `value` atau `value_base64`, tidak keduanya."
            )
        return self

    @property
    def said(self) -> Said:
        """Return the message that it stands for."""
        value = None if self.value is None else self.value.encode()
        if self.value_base64 is not None:
            value = base64.b64decode(self.value_base64)
        headers = {name: None if text is None else text.encode() for name, text in self.headers.items()}
        return Said(self.topic, None if self.key is None else self.key.encode(), value, headers)


class MessagesBody(Body):
    """Kafka messages as they would be sent."""

    messages: Annotated[
        list[MessageBody],
        Field(min_length=1, max_length=MOST_MESSAGES, description="The messages; the whole body has 1 MiB at most."),
    ]
    sending: Annotated[
        bool,
        Field(description="They are to be sent: a topic that you do not publish to is refused, to operators as well."),
    ] = False


@router.post("/v1/facts/check", tags=["facts"], summary="Say what would become of a message, and write nothing")
async def check(here: Here, person: FactSender, body: MessageBody) -> Any:
    """Judge a message as ingest would if it came now: a dry run, which needs no Idempotency-Key.

    `accepted` is false with a `fault` for what would be set aside. Else `status` is `new`, `duplicate` (it is there
    already and would be dropped) or `waiting` (`waits_for` its `target` or the employer's `registration`), and `state`
    and `by` say what it would come to among the facts that are there; `in_vain` says why it would wait for ever, where
    what it names is there and can be no target: a correction, a report, or another source's. An id that has another
    content is `used-id`.
    """
    if body.topic not in topics_mended(person):
        raise forbidden(_not_yours(body.topic))
    found: Json = await dry_run(here, body.said, here.clock.now())
    return found


@router.post("/v1/facts/checks", tags=["facts"], summary="Say what would become of many messages, and write nothing")
async def check_many(here: Here, person: FactSender, body: MessagesBody) -> Json:
    """Judge messages as `/v1/facts/check` does, each against the ledger as it is and none against the others here.

    `verdicts` has one for each message, in their order. A message for a topic that is not yours costs only itself: its
    fault has the reason `forbidden`. `address` says where a fact lies that is there already.
    """
    allowed = topics_published(person) if body.sending else topics_mended(person)
    mine = [one.said for one in body.messages if one.topic in allowed]
    found = iter(await dry_runs(here, mine, here.clock.now()))
    return {"verdicts": [next(found) if one.topic in allowed else _forbidden(one.topic) for one in body.messages]}


def _forbidden(topic: str) -> Json:
    text = _not_yours(topic)
    fault = {"reason": "forbidden", "field": "topic", "value": topic, "detail": {"en": text.en, "id": text.id}}
    return {"accepted": False, "status": "forbidden", "fault": fault}


def _not_yours(topic: str) -> Text:
    return Text(f"You do not publish to {topic}.", f"Anda bukan penerbit {topic}.")


# --- the sandbox ---------------------------------------------------------------------------------------------------


@router.get("/v1/facts/sandbox", tags=["facts"], summary="List what was tried in the sandbox")
async def list_verdicts(here: Here, person: FactReader, paged: Paged, publisher: OfPublisher = None) -> Json:
    """List what the gate said of messages in the sandbox of one's topics, the newest first; kept for 7 days at most.

    `accepted` with the `fact` that a message would be, or its `fault`. Nothing of it counts.
    """
    told = topics_told(person)
    listing = f"sandbox/{publisher}"
    after = paged.after(listing, a_moment, str, int, int)
    topics = told or topics_refused(person)
    items = await latest_verdicts(here, topics, publisher, after, paged.limit + 1, whole=bool(told))
    return page_of(items, paged, listing, lambda one: (one["received"], one["topic"], one["partition"], one["offset"]))


@router.get("/v1/facts/sandbox/{publisher}/{fact}", tags=["facts"], summary="Show what the sandbox said of a fact")
async def show_verdicts(here: Here, person: FactReader, publisher: PublisherPath, fact: FactPath) -> Json:
    """Show what the gate said of messages in the sandbox under a publisher's id, the newest first, at most 100.

    `accepted` is that of the newest one.
    """
    told = topics_told(person)
    found = await verdicts_on(here, (publisher, fact), told or topics_refused(person), whole=bool(told))
    if not found:
        raise not_found(
            Text(
                f"The sandbox of your topics has nothing of {publisher} under the id {fact}; it keeps 7 days.",
                f"Kotak pasir topik Anda tidak memiliki {publisher} dengan id {fact}; disimpan 7 hari.",
            )
        )
    return {"publisher": publisher, "id": fact, "accepted": found[0]["accepted"], "verdicts": found}
