"""Killed at a named point, between two durable steps, and started again: nothing is lost, nothing is done twice.

`make crash` hits these points only by chance; here each is hit for certain, with the same checker.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from prometheus_client import CollectorRegistry

from deploy.local.ports import free_ports
from deploy.local.service import Service
from kernel.broker import Publisher, Record
from kernel.clock import SystemClock
from kernel.commands import Receipt
from kernel.decider import Decision, Emit, Happened, Loader, Position
from kernel.inbox import Arrival, Move, Plan
from kernel.log import Connection
from kernel.reactor import SERVICE_STREAM, Demand, HandlerFolder, ReactionFolder, enable
from kernel.receiver import Receiver
from kernel.relay import Relay
from schemas.codec import CODEC
from schemas.envelope import Event, Stage
from schemas.nomination import Candidate, CandidateNominated, PlenaryAdjourned, RulebookPublished
from schemas.rulebook import rulebook_content, rulebook_hash
from schemas.rulebook_file import read_rulebook
from schemas.topics import NOMINATION, NOTIFICATIONS, SCORING
from services.identity.development import person_id
from services.notifications.directory import Addressee, Directory
from services.notifications.handler import IntentHandler
from services.notifications.mail import MailServer
from services.notifications.outbox import Due, Outbox, State, outcomes_counter
from services.notifications.sender import MailSender
from tests.conftest import DatabaseFactory, TopicFactory
from tests.crash.checker import Mailing, Store, World, check
from tests.crash.two_logs import (
    A,
    B,
    DiesAcknowledged,
    DiesStored,
    Dying,
    TwoLogs,
    adjourning,
    found,
    running,
    side,
    until_dead,
)
from tests.support.delivery import produce, records_of, wire_for


class DiesUnsent(Dying, Relay):
    """Killed after it has read what was appended, before it publishes anything of it."""

    async def _send(self, publisher: Publisher, queued: Any) -> Any:
        await self.die()


async def test_killed_between_the_append_and_the_broker(two_logs: TwoLogs) -> None:
    await two_logs.say(A)
    await until_dead(two_logs.sender.relay(DiesUnsent))
    await two_logs.say(A)
    await two_logs.settle()
    report = await two_logs.check()
    assert found(report) == {}
    assert report.counted["published again"] == 0


async def test_killed_between_the_brokers_answer_and_the_relays_checkpoint(two_logs: TwoLogs) -> None:
    await two_logs.say(A)
    for _ in range(2):
        await until_dead(two_logs.sender.relay(DiesAcknowledged))
        await two_logs.say(A)
    await two_logs.settle()
    report = await two_logs.check()
    assert found(report) == {}
    # One event lay there twice when the second relay published it with the next, and the third all of them.
    assert report.counted["published again"] == 3


async def test_killed_between_the_events_and_the_receivers_position(two_logs: TwoLogs) -> None:
    await two_logs.say(A)
    async with running(two_logs.sender.relay()):
        await until_dead(two_logs.copy.receiver(DiesStored))
    await two_logs.say(A)
    await two_logs.settle()
    assert found(await two_logs.check()) == {}


class DiesPosted(Dying, Receiver):
    """Killed after a dead letter was acknowledged, before the position has moved past its message."""

    async def _commit(self, arrivals: Sequence[Arrival], moves: Sequence[Move], closed: Sequence[str]) -> Plan:
        await self.die()


async def test_killed_between_a_dead_letter_and_the_receivers_position(two_logs: TwoLogs) -> None:
    (topic,) = two_logs.copy.topics
    (offset,) = await produce(two_logs.sender.broker, topic, Record(b"nobody", b"no event", []), partition=1)
    two_logs.world = replace(two_logs.world, strangers=frozenset({(topic, 1, offset)}))
    await until_dead(two_logs.copy.receiver(DiesPosted))
    await two_logs.say(A)
    await two_logs.say(B)
    await two_logs.settle()
    assert found(await two_logs.check()) == {}
    letters = await records_of(two_logs.sender.broker, f"{topic}.dead-letter")
    places = [(dict(letter.headers)["partition"], dict(letter.headers)["offset"]) for letter in letters]
    assert places == [(b"1", str(offset).encode())] * 2, "told twice, by the same place"


# --- reactions -----------------------------------------------------------------------------------------------------


class Echo:
    """A reaction: what ends at A ends at B too."""

    name = "echo"
    types = frozenset({PlenaryAdjourned.type_name()})

    def demands(self, event: Happened) -> Iterable[Demand]:
        return [Demand(B, adjourning(B))] if event.stream == A else []


class Died(BaseException):
    """The process was killed here: nothing that handles errors may handle this."""


class DiesReacting(ReactionFolder):
    """Killed after its event is appended and its checkpoint is moved, before that is committed."""

    async def move(self, connection: Connection, to: Position, how: str = "move_checkpoint") -> None:
        await super().move(connection, to, how)
        raise Died


async def react(logs: TwoLogs, kind: type[ReactionFolder]) -> None:
    executor = logs.sender.executor()
    folder = kind(Echo(), executor, logs.sender.measures)
    async with logs.sender.pool.acquire() as connection:
        await enable(folder, executor, connection)
        while await folder.step(connection):
            pass


async def test_killed_between_a_reactions_event_and_its_commit(two_logs: TwoLogs) -> None:
    store = replace(two_logs.sender.store, reactions=(Echo(),))
    two_logs.world = replace(two_logs.world, stores=(store, two_logs.copy.store))
    await react(two_logs, ReactionFolder)
    await two_logs.say(A)
    await two_logs.say(A)
    with pytest.raises(Died):
        await react(two_logs, DiesReacting)
    await react(two_logs, ReactionFolder)
    await two_logs.settle()
    await react(two_logs, ReactionFolder)
    report = await two_logs.check()
    assert found(report) == {}
    assert report.counted["demands"] == 2


async def test_sabotage_a_reaction_whose_checkpoint_moves_first_is_found(two_logs: TwoLogs) -> None:
    class MovesFirst(ReactionFolder):
        async def _do(self, connection: Any, cause: Any, demands: Any, to: Position | None) -> None:
            assert to is not None
            await self.move(connection, to)
            raise Died

    store = replace(two_logs.sender.store, reactions=(Echo(),))
    two_logs.world = replace(two_logs.world, stores=(store, two_logs.copy.store))
    await react(two_logs, ReactionFolder)
    await two_logs.say(A)
    with pytest.raises(Died):
        await react(two_logs, MovesFirst)
    await react(two_logs, ReactionFolder)
    await two_logs.settle()
    assert found(await two_logs.check()) == {"lost": [f"lost: nomination's log, {A}@1: echo did nothing about {B}"]}


# --- mail ----------------------------------------------------------------------------------------------------------

DOMAIN = "paritrana.example"
NOMINEE = "018f0000-0000-7000-8000-000000000001"


class ByHeart(Directory):
    """A directory that knows everybody by heart: identity is not what dies here."""

    async def find(self, persons: Iterable[UUID]) -> dict[UUID, Addressee]:
        return {person: Addressee("Contoh", f"{person}@{DOMAIN}", "id") for person in persons}


class DiesTaken(Outbox):
    """Killed after the mail server has taken a message, before that is recorded."""

    async def _conclude(self, one: Due, events: object) -> None:
        raise Died


class DiesRecorded(Outbox):
    """Killed after a message is recorded as delivered, before its intent is marked."""

    async def _settle(self, one: Due, state: State) -> None:
        raise Died


class Post:
    """Nomination, notifications and a mail server, worked by hand."""

    def __init__(self, logs: TwoLogs, folder: Path, port: int) -> None:
        self.logs = logs
        self.folder = folder
        self._url = f"smtp://127.0.0.1:{port}"
        store = Store(logs.copy.wire, logs.copy.urls.owner_url, logs.copy.topics, handlers=(IntentHandler.name,))
        mailing = Mailing("notifications", IntentHandler.name, folder, DOMAIN)
        self.world = World((logs.sender.bare, store), logs.sender.broker, logs.history, mailing)

    async def say(self, stream: str, event: Event) -> None:
        async def program(load: Loader) -> Decision:
            await load.load(SERVICE_STREAM, stream)
            return [Emit(stream, event)]

        ask = self.logs.ask()
        receipt = await self.logs.sender.executor().execute(ask, program)
        assert isinstance(receipt, Receipt)
        self.logs.acknowledge(ask, receipt)

    async def fold(self) -> None:
        executor = self.logs.copy.executor()
        folder = HandlerFolder(IntentHandler(lambda: None), CODEC, self.logs.copy.measures)
        async with self.logs.copy.pool.acquire() as connection:
            await enable(folder, executor, connection)
            while await folder.step(connection):
                pass

    async def send(self, kind: type[Outbox]) -> None:
        copy, counter = self.logs.copy, outcomes_counter(CollectorRegistry())
        outbox = kind(copy.pool, copy.executor(), SystemClock(), DOMAIN, counter)
        server = MailServer(self._url, f"award@{DOMAIN}")
        sender = MailSender(outbox, ByHeart("http://127.0.0.1", self.folder), server)
        while await sender.round():
            pass


@pytest_asyncio.fixture
async def post(
    database: DatabaseFactory, kafka_bootstrap: str, topic_prefix: str, make_topic: TopicFactory, tmp_path: Path
) -> AsyncIterator[Post]:
    topics = (await make_topic(NOMINATION, 2), await make_topic(SCORING, 1))
    await make_topic(NOTIFICATIONS, 2)
    sender = await side(database, kafka_bootstrap, wire_for("nomination", topic_prefix))
    copy = await side(database, kafka_bootstrap, wire_for("notifications", topic_prefix), topics)
    folder, (port,) = tmp_path / "mail", free_ports(1)
    command = [sys.executable, "-m", "deploy.local.mail_sink", str(folder), str(port)]
    server = Service("mail-sink", command, {"PATH": ""}, port, log=tmp_path / "mail-sink.log", http=False)
    await server.start()
    yield Post(TwoLogs(sender, copy), folder, port)
    await server.stop()
    for each in (sender, copy):
        await each.broker.close()
        await each.pool.close()


def published() -> RulebookPublished:
    book = read_rulebook(Path("rulebooks/2020.yaml").read_bytes()).rulebook
    assert book is not None
    content = rulebook_content(book)
    return RulebookPublished(season="2020", version=1, hash=rulebook_hash(book), content=content)


def nominated() -> CandidateNominated:
    return CandidateNominated(
        nomination=NOMINEE,
        entry=Stage(season="2020", tier="provincial", province="75", category="KABKOTA", stage="seleksi"),
        candidate=Candidate(kind="regency", code="75.03", name="Kabupaten Bone Bolango"),
        nominating_body="75",
        nominated_by=str(person_id("sekretariat-75")),
        contact=str(person_id("panitia-75-1")),
        sample=True,
    )


@pytest.mark.parametrize(("kind", "copies"), [(DiesTaken, 1), (DiesRecorded, 0)])
async def test_killed_between_the_mail_servers_answer_and_the_mark(post: Post, kind: type[Outbox], copies: int) -> None:
    await post.fold()
    await post.say("season/2020", published())
    await post.say(f"nomination/{NOMINEE}", nominated())
    async with running(post.logs.sender.relay(), post.logs.copy.relay(), post.logs.copy.receiver()):
        await post.logs.settled()
        await post.fold()
        with pytest.raises(Died):
            await post.send(kind)
        await post.send(Outbox)
        await post.logs.settled()
        await post.fold()
    report = await check(post.world)
    assert found(report) == {}
    assert (report.counted["mails"], report.counted["copies of mails"]) == (2, copies)
