"""Notifications on a real database, a real identity and a real mail server: told once, whatever dies in between."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cache
from pathlib import Path
from typing import Any, cast

import asyncpg
import httpx
import orjson
import pytest
import pytest_asyncio
import uvicorn
from aiosmtpd.controller import Controller
from prometheus_client import CollectorRegistry

from deploy.local.ports import free_ports
from kernel.clock import SystemClock
from kernel.commands import BUSY, Executor, Receipt
from kernel.decider import START, Refusal
from kernel.log import NO_HEAD, Append, Entry, Head, Wake, append, read_stream
from kernel.measures import LogMeasures
from kernel.reactor import HandlerFolder, enable
from schemas.codec import CODEC
from schemas.envelope import Stage
from schemas.nomination import (
    Announced,
    Candidate,
    CandidateNominated,
    NominationEliminated,
    RankingAnnounced,
    RulebookPublished,
    StageAdvanced,
)
from schemas.rulebook import Rulebook, rulebook_content, rulebook_hash
from schemas.rulebook_file import read_rulebook
from services.identity.app import create_app as create_identity
from services.identity.development import person_id
from services.identity.settings import IdentitySettings
from services.notifications.app import create_service
from services.notifications.directory import Directory, DirectoryAway
from services.notifications.domain.intents import message_id
from services.notifications.handler import IntentHandler
from services.notifications.mail import MailServer, ServerAway
from services.notifications.sender import MailSender, NotRecorded, outcomes_counter
from services.notifications.settings import NotificationsSettings
from tests.unit.audit.exported import Log

BODY, CONTACT = str(person_id("sekretariat-75")), str(person_id("panitia-75-1"))
NOMINATION, OTHER = "018f0000-0000-7000-8000-000000000001", "018f0000-0000-7000-8000-000000000002"
PLENARY = "018f0000-0000-7000-8000-0000000000aa"
SENDER = "award@paritrana.example"


@cache
def rulebook() -> Rulebook:
    found = read_rulebook(Path("rulebooks/2020.yaml").read_bytes()).rulebook
    assert found is not None
    return found


def stage(index: int) -> Stage:
    """Return a stage of the regencies' and cities' path, from 0."""
    step = rulebook().entry_stage("KABKOTA")
    for _ in range(index):
        step = rulebook().next_stage(step) or step
    province = "75" if step.tier == "provincial" else "00"
    return Stage(season="2020", tier=step.tier, province=province, category="KABKOTA", stage=step.code)


def published() -> RulebookPublished:
    book = rulebook()
    return RulebookPublished(season="2020", version=1, hash=rulebook_hash(book), content=rulebook_content(book))


def nominated(nomination: str = NOMINATION, *, by: str = BODY, contact: str = CONTACT) -> CandidateNominated:
    return CandidateNominated(
        nomination=nomination,
        entry=stage(0),
        candidate=Candidate(kind="regency", code="75.03", name="Kabupaten Bone Bolango"),
        nominating_body="75",
        nominated_by=by,
        contact=contact,
        sample=True,
    )


def advanced() -> StageAdvanced:
    return StageAdvanced(
        nomination=NOMINATION, left=stage(0), reached=stage(1), rank=1, plenary=PLENARY, motion=1, seal=PLENARY
    )


def eliminated() -> NominationEliminated:
    return NominationEliminated(
        nomination=NOMINATION, at=stage(1), rank=5, reason="below-quota", plenary=PLENARY, motion=2, seal=PLENARY
    )


def announced(*nominations: str) -> RankingAnnounced:
    lines = tuple(
        Announced(nomination=one, candidate="Kabupaten Bone Bolango", rank=rank, outcome="advanced")
        for rank, one in enumerate(nominations, start=1)
    )
    return RankingAnnounced(at=stage(0), plenary=PLENARY, motion=1, seal=PLENARY, digest="0" * 64, lines=lines)


# --- what it runs with


class Mailbox:
    """A mail server on loopback that keeps what it takes; `answers` are given first, one a message."""

    def __init__(self) -> None:
        self.kept: list[EmailMessage] = []
        self.answers: list[str] = []
        self._lock = threading.Lock()
        self.controller = Controller(self, hostname="127.0.0.1", port=free_ports(1)[0])

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        with self._lock:
            answer = self.answers.pop(0) if self.answers else "250 kept"
            if answer.startswith("250"):
                self.kept.append(message_from_bytes(envelope.content, policy=policy.default))
        return answer

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.controller.port}"

    def ids(self) -> list[str]:
        return sorted(str(mail["Message-ID"]) for mail in self.kept)

    def to(self, login: str) -> list[EmailMessage]:
        return [mail for mail in self.kept if login in str(mail["To"])]


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    box = Mailbox()
    box.controller.start()
    yield box
    box.controller.stop()


@dataclass
class House:
    """Notifications' log, folded and sent by hand, so that a test says what happens when."""

    pool: asyncpg.Pool
    owner_url: str
    login_url: str
    executor: Executor
    identity: str
    keys: Path
    mailbox: Mailbox
    log: Log = field(default_factory=Log)
    folder: HandlerFolder = field(init=False)
    sender: MailSender = field(init=False)

    def __post_init__(self) -> None:
        self.folder = self.new_folder()
        self.sender = self.new_sender()
        self.log.open("nomination")

    def new_folder(self) -> HandlerFolder:
        return HandlerFolder(IntentHandler(lambda: None), CODEC, LogMeasures(CollectorRegistry()))

    def new_sender(self, *, identity: str | None = None, smtp: str | None = None) -> MailSender:
        """Return a sender as a fresh process would make it."""
        return MailSender(
            pool=self.pool,
            executor=self.executor,
            clock=SystemClock(),
            directory=Directory(identity or self.identity, self.keys / "notifications.secret"),
            server=MailServer(smtp or self.mailbox.url, SENDER),
            domain="paritrana.example",
            outcomes=outcomes_counter(CollectorRegistry()),
        )

    async def enable(self) -> None:
        async with self.pool.acquire() as connection:
            await enable(self.folder, self.executor, connection)

    async def receive(self, stream: str, event: Any) -> str:
        """Take an event of the nomination service into the log, as the receiver does; return its id."""
        id_ = self.log.append(stream, event)
        documents = self.log.documents[stream]
        doc = orjson.loads(documents[-1])
        before = Head(len(documents) - 1, bytes.fromhex(doc["prevhash"])) if "prevhash" in doc else NO_HEAD
        entry = Entry(stream, len(documents), id_, doc["type"], self.log.hashes[stream], documents[-1], 0, 0)
        async with self.pool.acquire() as connection:
            times = {stream: datetime.fromisoformat(doc["time"])}
            await append(connection, Append([entry], {stream: before}, times, own=False))
        return id_

    async def fold(self) -> None:
        async with self.pool.acquire() as connection:
            while await self.folder.step(connection):
                continue

    async def settle(self) -> None:
        """Fold and send until nothing is due."""
        await self.fold()
        while await self.sender.round():
            continue

    async def nominate(self) -> str:
        await self.enable()
        await self.receive("season/2020", published())
        return await self.receive(f"nomination/{NOMINATION}", nominated())

    async def states(self) -> dict[str, int]:
        rows = await self.pool.fetch("select state, count(*) as number from intents group by state")
        return {row["state"]: row["number"] for row in rows}

    async def deliveries(self, person: str) -> list[Any]:
        async with self.pool.acquire() as connection:
            return await read_stream(connection, f"delivery/{person}")

    async def owner(self, statement: str) -> None:
        connection = await asyncpg.connect(self.owner_url)
        await connection.execute(statement)
        await connection.close()


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[str]:
    """Serve an application on loopback while the context is open."""
    port = free_ports(1)[0]
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None))
    task = asyncio.create_task(server.serve())
    while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn tells nobody
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    await task


@pytest_asyncio.fixture
async def house(database: Any, tmp_path: Path, mailbox: Mailbox) -> AsyncIterator[House]:
    identity_url = (await database("identity")).login_url
    owner_url, login_url = await database("notifications")
    settings = IdentitySettings.load(database_url=identity_url, port=8085, keys=tmp_path / "keys", embedded=True)
    pool = await asyncpg.create_pool(login_url, min_size=1, max_size=8)
    executor = Executor("notifications", pool, CODEC, SystemClock(), Wake())
    async with serving(create_identity(settings)) as identity:
        yield House(pool, owner_url, login_url, executor, identity, tmp_path / "keys", mailbox)
    await pool.close()


# --- told, once


async def test_both_are_told_of_each_event_once_and_it_is_recorded(house, mailbox):
    cause = await house.nominate()
    for event in (advanced(), eliminated()):
        await house.receive(f"nomination/{NOMINATION}", event)
    await house.receive("award/2020/provincial/75/KABKOTA", announced(NOMINATION))
    await house.settle()
    assert await house.states() == {"sent": 8}
    assert len(mailbox.kept) == 8
    assert len(set(mailbox.ids())) == 8
    for person, login in ((BODY, "sekretariat-75"), (CONTACT, "panitia-75-1")):
        recorded = await house.deliveries(person)
        assert [event.data["template"] for event in recorded] == ["nominated", "advanced", "eliminated", "announced"]
        assert sorted(event.data["message_id"] for event in recorded) == sorted(
            str(mail["Message-ID"]) for mail in mailbox.to(login)
        )
        assert recorded[0].doc["causationid"] == cause
        assert recorded[0].data["message_id"] == f"<{message_id(cause, person, 'nominated')}@paritrana.example>"


async def test_a_message_says_what_it_must_and_names_no_person_in_its_body(house, mailbox):
    await house.nominate()
    await house.settle()
    mail = mailbox.to("sekretariat-75")[0]
    assert mail["To"].addresses[0].display_name == "Sekretariat Daerah Provinsi Gorontalo"
    assert "Kabupaten Bone Bolango" in str(mail["Subject"])
    assert "[DATA CONTOH]" in str(mail["Subject"])
    assert mail["Content-Language"] == "id"
    body = mail.get_content().replace("\r\n", "\n")
    assert "Sekretariat" not in body
    recorded = (await house.deliveries(BODY))[0]
    # The digest is over what the letter said, and holds no name.
    subject = str(mail["Subject"])
    assert recorded.data["digest"] == hashlib.sha256(f"{subject}\n{body}".encode()).hexdigest()


async def test_a_person_who_nominates_and_is_the_contact_is_told_once(house, mailbox):
    await house.enable()
    await house.receive("season/2020", published())
    await house.receive(f"nomination/{NOMINATION}", nominated(by=BODY, contact=BODY))
    await house.settle()
    assert len(mailbox.kept) == 1


async def test_folding_all_again_sends_nothing_again(house, mailbox):
    await house.nominate()
    await house.settle()
    await house.owner("update checkpoints set epoch = 0, xid = '0', position = 0")
    house.folder = house.new_folder()
    house.sender = house.new_sender()
    await house.settle()
    assert len(mailbox.kept) == 2
    assert await house.states() == {"sent": 2}


async def test_what_came_before_the_handler_was_enabled_is_known_and_tells_nobody(house, mailbox):
    await house.receive("season/2020", published())
    await house.receive(f"nomination/{NOMINATION}", nominated())
    await house.enable()
    await house.settle()
    assert mailbox.kept == []
    await house.receive(f"nomination/{NOMINATION}", advanced())
    await house.settle()
    assert len(mailbox.kept) == 2
    assert all("Lolos" in str(mail["Subject"]) for mail in mailbox.kept)


async def test_an_announcement_waits_for_the_nominations_that_it_names(house, mailbox):
    await house.nominate()
    await house.receive("award/2020/provincial/75/KABKOTA", announced(NOMINATION, OTHER))
    await house.settle()
    assert len(mailbox.kept) == 2
    await house.receive(f"nomination/{OTHER}", nominated(OTHER, by=BODY, contact=str(person_id("sekretaris-75"))))
    await house.settle()
    # Two more of the second nomination, and one announcement to each of three persons.
    assert len(mailbox.kept) == 2 + 2 + 3
    assert await house.pool.fetchval("select count(*) from waiting") == 0
    lines = mailbox.to("sekretaris-75")[-1].get_content()
    assert "1. Kabupaten Bone Bolango" in lines
    assert "2. Kabupaten Bone Bolango" in lines


async def test_a_message_waits_for_its_rulebook(house, mailbox):
    await house.enable()
    await house.receive(f"nomination/{NOMINATION}", nominated())
    await house.settle()
    assert await house.states() == {"pending": 2}
    await house.receive("season/2020", published())
    await house.settle()
    assert len(mailbox.kept) == 2


async def test_nobody_is_told_of_what_the_rulebook_does_not_list(house, mailbox):
    silent = rulebook().model_copy(update={"notices": ()})
    content = rulebook_content(silent)
    await house.enable()
    await house.receive(
        "season/2020", RulebookPublished(season="2020", version=1, hash=rulebook_hash(silent), content=content)
    )
    await house.receive(f"nomination/{NOMINATION}", nominated())
    await house.settle()
    assert mailbox.kept == []
    assert await house.states() == {"omitted": 2}


# --- what goes wrong


class Dies:
    """An executor whose process dies before it can append."""

    async def remembered(self, *_given: Any) -> Receipt | Refusal | None:
        return None

    async def execute(self, *_given: Any) -> Receipt | Refusal:
        raise ConnectionError("the process is gone")


async def test_a_process_that_dies_between_the_server_and_the_append_sends_the_same_message_again(house, mailbox):
    await house.nominate()
    await house.fold()
    dying = house.new_sender()
    dying.executor = cast("Executor", Dies())
    with pytest.raises(ConnectionError):
        await dying.round()
    assert len(mailbox.kept) == 1
    await house.settle()
    assert len(mailbox.kept) == 3
    assert len(set(mailbox.ids())) == 2
    assert len(await house.deliveries(BODY)) + len(await house.deliveries(CONTACT)) == 2


async def test_a_process_that_lives_on_does_not_send_again_what_the_server_took(house, mailbox):
    await house.nominate()
    await house.fold()
    executor, house.sender.executor = house.sender.executor, cast("Executor", Dies())
    with pytest.raises(ConnectionError):
        await house.sender.round()
    house.sender.executor = executor
    await house.settle()
    assert len(mailbox.kept) == 2


async def test_a_process_that_dies_between_the_append_and_the_mark_sends_nothing_again(house, mailbox):
    await house.nominate()
    await house.settle()
    await house.owner("update intents set state = 'pending', settled = null")
    house.sender = house.new_sender()
    await house.settle()
    assert len(mailbox.kept) == 2
    assert await house.states() == {"sent": 2}
    assert len(await house.deliveries(BODY)) == 1


class Busy:
    """An executor that cannot append now."""

    async def remembered(self, *_given: Any) -> Receipt | Refusal | None:
        return None

    async def execute(self, *_given: Any) -> Receipt | Refusal:
        return BUSY


async def test_an_append_that_is_refused_is_loud(house):
    await house.nominate()
    await house.fold()
    house.sender.executor = cast("Executor", Busy())
    with pytest.raises(NotRecorded):
        await house.sender.round()


class Fails:
    """An executor that cannot record what is sent to one person."""

    def __init__(self, executor: Executor, person: str) -> None:
        self._executor = executor
        self._person = person

    async def remembered(self, connection: Any, ask: Any) -> Receipt | Refusal | None:
        return await self._executor.remembered(connection, ask)

    async def execute(self, ask: Any, program: Any) -> Receipt | Refusal:
        async def refusing(loader: Any) -> Any:
            emits = await program(loader)
            if any(emit.stream == f"delivery/{self._person}" for emit in emits):
                raise TypeError("this cannot be recorded")
            return emits

        return await self._executor.execute(ask, refusing)


async def test_a_message_that_fails_by_itself_stops_no_other_and_is_not_sent_again_and_again(house, mailbox):
    await house.nominate()
    executor, house.sender.executor = house.sender.executor, cast("Executor", Fails(house.executor, CONTACT))
    await house.settle()
    assert await house.states() == {"pending": 1, "sent": 1}
    for _ in range(3):
        await house.owner("update intents set next_try = clock_timestamp()")
        assert await house.sender.round() == 1
    assert len(mailbox.kept) == 2
    house.sender.executor = executor
    await house.owner("update intents set next_try = clock_timestamp()")
    await house.settle()
    assert await house.states() == {"sent": 2}
    assert len(mailbox.kept) == 2


async def test_a_4xx_is_tried_again_later_and_others_are_not_held_up(house, mailbox):
    await house.nominate()
    mailbox.answers = ["451 try later"]
    await house.settle()
    assert await house.states() == {"pending": 1, "sent": 1}
    assert await house.pool.fetchval("select attempts from intents where state = 'pending'") == 1
    await house.owner("update intents set next_try = clock_timestamp()")
    await house.settle()
    assert await house.states() == {"sent": 2}
    assert len(set(mailbox.ids())) == 2


async def test_a_message_that_is_put_off_for_days_is_given_up(house, mailbox):
    await house.nominate()
    await house.fold()
    await house.owner("update intents set attempts = 104")
    mailbox.answers = ["451 try later"] * 2
    await house.settle()
    assert await house.states() == {"failed": 2}


async def test_a_5xx_is_given_up_and_recorded(house, mailbox):
    await house.nominate()
    mailbox.answers = ["550 no such mailbox"]
    await house.settle()
    assert await house.states() == {"failed": 1, "sent": 1}
    events = [*await house.deliveries(BODY), *await house.deliveries(CONTACT)]
    failed = [event for event in events if event.type.endswith("NotificationFailed.v1")]
    assert [event.data["reason"] for event in failed] == ["refused"]


async def test_a_person_whom_identity_does_not_know_is_given_up_and_the_other_is_told(house, mailbox):
    await house.enable()
    await house.receive("season/2020", published())
    await house.receive(f"nomination/{NOMINATION}", nominated(contact=OTHER))
    await house.settle()
    assert len(mailbox.kept) == 1
    assert [event.data["reason"] for event in await house.deliveries(OTHER)] == ["no-address"]


async def test_a_server_that_is_away_loses_nothing(house, mailbox):
    await house.nominate()
    await house.fold()
    with pytest.raises(ServerAway):
        await house.new_sender(smtp=f"smtp://127.0.0.1:{free_ports(1)[0]}").round()
    assert await house.states() == {"pending": 2}
    await house.settle()
    assert len(mailbox.kept) == 2


async def test_a_server_that_breaks_off_puts_the_message_off(house, mailbox):
    await house.nominate()
    mailbox.answers = ["421 shutting down"]
    await house.settle()
    assert await house.states() in ({"pending": 1, "sent": 1}, {"pending": 2})
    await house.owner("update intents set next_try = clock_timestamp()")
    await house.settle()
    assert await house.states() == {"sent": 2}


async def test_an_identity_that_is_away_loses_nothing(house, mailbox):
    await house.nominate()
    await house.fold()
    with pytest.raises(DirectoryAway):
        await house.new_sender(identity=f"http://127.0.0.1:{free_ports(1)[0]}").round()
    assert await house.states() == {"pending": 2}
    await house.settle()
    assert len(mailbox.kept) == 2


async def test_the_running_sender_is_woken_and_stops_when_cancelled(house, mailbox):
    task = asyncio.create_task(house.sender.run())
    await house.nominate()
    await house.fold()
    house.sender.wake()
    async with asyncio.timeout(30):
        while await house.states() != {"sent": 2}:
            ticket = house.executor.wake.ticket()
            await house.executor.wake.wait(ticket, 0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(mailbox.kept) == 2


# --- the checkpoint and the rows move together


async def test_a_fold_that_is_not_committed_leaves_nothing(house):
    await house.nominate()
    assert house.folder.checkpoint == START
    await house.owner("alter table intents add constraint none check (template <> 'nominated')")
    with pytest.raises(asyncpg.CheckViolationError):
        await house.fold()
    assert await house.pool.fetchval("select count(*) from nominations") == 0
    await house.owner("alter table intents drop constraint none")
    await house.fold()
    assert await house.states() == {"pending": 2}


# --- over HTTP


@pytest_asyncio.fixture
async def api(house: House) -> AsyncIterator[httpx.AsyncClient]:
    settings = NotificationsSettings.load(
        database_url=house.login_url, keys=house.keys, embedded=True, identity_url=house.identity
    )
    service = create_service(settings)
    async with service.app.router.lifespan_context(service.app):
        transport = httpx.ASGITransport(service.app, client=("127.0.0.1", 50_000))
        async with httpx.AsyncClient(transport=transport, base_url="http://notifications") as client:
            yield client


async def bearer(house: House, login: str) -> dict[str, str]:
    password = (house.keys / "development.password").read_text()
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"{house.identity}/v1/sign-in", json={"login": login, "password": password})
    return {"Authorization": f"Bearer {answer.json()['token']}"}


async def test_a_person_sees_their_own_messages_in_pages_and_no_counts(house, api):
    await house.nominate()
    await house.receive(f"nomination/{NOMINATION}", advanced())
    await house.settle()
    who = await bearer(house, "sekretariat-75")
    first = (await api.get("/v1/deliveries?limit=1", headers=who)).json()
    second = (await api.get(f"/v1/deliveries?limit=1&cursor={first['next']}", headers=who)).json()
    assert [first["items"][0]["template"], second["items"][0]["template"]] == ["advanced", "nominated"]
    assert second["next"] is None
    assert first["counts"] is None
    assert (await api.get("/v1/deliveries", headers=await bearer(house, "auditor"))).json()["items"] == []


async def test_an_operator_sees_counts_and_nobodys_messages(house, api):
    await house.nominate()
    await house.settle()
    found = (await api.get("/v1/deliveries", headers=await bearer(house, "operator"))).json()
    assert found["counts"] == [{"template": "nominated", "state": "sent", "messages": 2}]
    assert found["oldest_due_seconds"] == 0
    assert found["items"] == []
    assert BODY not in str(found)


async def test_a_template_is_previewed_by_operators_only_and_needs_a_season(house, api):
    path, operator = "/v1/templates/announced/preview?locale=en", await bearer(house, "operator")
    assert (await api.get(path)).status_code == 401
    assert (await api.get(path, headers=await bearer(house, "auditor"))).status_code == 403
    assert (await api.get(path, headers=operator)).status_code == 404
    await house.receive("season/2020", published())
    await house.fold()
    found = (await api.get(path, headers=operator)).json()
    assert "[SAMPLE DATA]" in found["subject"]
    assert "was announced on" in found["body"]
    for wrong in (
        "/v1/templates/other/preview",
        "/v1/templates/announced/preview?locale=fr",
        "/v1/deliveries?cursor=x",
    ):
        assert 400 <= (await api.get(wrong, headers=operator)).status_code < 500
