"""Notifications on a real database, a real identity and a real mail server: told once, whatever dies in between."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import threading
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cache
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit
from uuid import NAMESPACE_OID, UUID, uuid5

import asyncpg
import httpx
import orjson
import pytest
import pytest_asyncio
from aiosmtpd.controller import Controller
from prometheus_client import CollectorRegistry

from deploy.local.ports import free_ports
from deploy.local.provision import migrations_of
from kernel.canonical import uuid7
from kernel.clock import SystemClock
from kernel.commands import BUSY, Ask, Executor, Receipt
from kernel.decider import START, Refusal
from kernel.log import NO_HEAD, Append, Entry, Head, Wake, append, read_stream
from kernel.measures import LogMeasures
from kernel.migrate import migrate
from kernel.reactor import HandlerFolder, enable
from kernel.settings import LOOPBACK
from schemas.codec import CODEC
from schemas.envelope import Stage
from schemas.nomination import (
    AgendaItem,
    Announced,
    Candidate,
    CandidateNominated,
    ConflictDeclared,
    Defect,
    FigureDisputed,
    InterviewScheduled,
    MemberAppointed,
    MemberRemoved,
    NominationEliminated,
    NominationReturned,
    PlenaryConvened,
    RankingAnnounced,
    RulebookPublished,
    SeasonFrozen,
    SeasonOpened,
    StageAdvanced,
    StageFrozen,
)
from schemas.rulebook import Notice, Rulebook, rulebook_content, rulebook_hash
from schemas.rulebook_file import read_rulebook
from schemas.scoring import ScoringOpened
from services.identity.development import development_persons, person_id
from services.notifications.addresses import AddressBook
from services.notifications.app import create_service
from services.notifications.daily import Daily
from services.notifications.directory import MOST_IDS, Addressee, Directory, DirectoryAway
from services.notifications.domain.intents import message_id, place
from services.notifications.domain.subscription import DELIVERIES, Choose, Rotate, decide, stream_of
from services.notifications.domain.templates import GROUPS
from services.notifications.erasure import Erasure
from services.notifications.handler import IntentHandler
from services.notifications.mail import MailServer, ServerAway
from services.notifications.outbox import SQL, NotRecorded, Outbox, outcomes_counter
from services.notifications.roll import Roll
from services.notifications.sender import MailSender
from services.notifications.settings import NotificationsSettings
from services.notifications.webhooks import Caller, WebhookSender, digest_of_endpoint, new_secret
from tests.support.people import acquaint, erase, serving_identity
from tests.support.serving import serving
from tests.support.webhook_receiver import SLOW, WebhookReceiver
from tests.unit.audit.exported import BEGIN, Log

BODY, CONTACT = str(person_id("sekretariat-75")), str(person_id("panitia-75-1"))
NOMINATION, OTHER = "018f0000-0000-7000-8000-000000000001", "018f0000-0000-7000-8000-000000000002"
PLENARY = "018f0000-0000-7000-8000-0000000000aa"
SENDER = "award@paritrana.example"
YOUNGER = {"sekretariat-93", "sekretariat-94", "sekretariat-95", "sekretariat-96"}
"""Of provinces that the season of these tests does not know."""
SECRETARIATS = sorted({one.login for one in development_persons() if one.grants[0].role == "secretariat"} - YOUNGER)
"""Of every province of the season one, whom identity gave the role."""


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


def season_opened() -> SeasonOpened:
    book = rulebook()
    return SeasonOpened(season="2020", title=book.title.id, rulebook_version=1, rulebook_hash=rulebook_hash(book))


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


def announced(*nominations: str, motion: int = 1) -> RankingAnnounced:
    lines = tuple(
        Announced(nomination=one, candidate="Kabupaten Bone Bolango", rank=rank, outcome="advanced")
        for rank, one in enumerate(nominations, start=1)
    )
    at = stage(motion - 1)
    return RankingAnnounced(at=at, plenary=PLENARY, motion=motion, seal=PLENARY, digest="0" * 64, lines=lines)


def appointed(office: str, login: str, **belongs: str) -> MemberAppointed:
    return MemberAppointed(**_seat(office, login), **belongs)


def removed(office: str, login: str) -> MemberRemoved:
    return MemberRemoved(**_seat(office, login), reason_digest="0" * 64)


def _seat(office: str, login: str) -> dict[str, Any]:
    where = {"season": "2020", "province": "75", "body": "panitia-9", "office": office, "seat": 1}
    return where | {"person": str(person_id(login))}


def convened(days: int = 30) -> PlenaryConvened:
    return PlenaryConvened(
        plenary=PLENARY,
        season="2020",
        tier="provincial",
        province="75",
        body="panitia-9",
        scheduled=BEGIN + timedelta(days=days),
        agenda=(AgendaItem(category="KABKOTA", stage=stage(0).stage),),
    )


def conflict(login: str, nomination: str) -> ConflictDeclared:
    where = {"season": "2020", "province": "75", "body": "panitia-9", "category": "KABKOTA"}
    person = str(person_id(login))
    return ConflictDeclared(**where, person=person, nomination=nomination, kind="family", reason_digest="0" * 64)


def opened(closes: datetime, **rules_: Any) -> ScoringOpened:
    aspect = {"code": "kinerja", "share": "1/1", "origin": "judged", "least": "0", "greatest": "100", "step": "1"}
    rules = {
        "aspects": [aspect],
        "method": "mean",
        "complete_sheet": "every-judged-aspect",
        "least_sheets": 1,
        "marks_of_removed": "counted",
        "tie_break": ["vote"],
        "places": 2,
        "rounding": "half-up",
        "conflict_scope": "candidate",
        "scoring_offices": ["kepala-bps"],
        "sealing_offices": ["sekretaris-panitia"],
    }
    head = {"at": stage(0), "body": "panitia-9", "rubric": "pemerintah-daerah", "rulebook_version": 1}
    return ScoringOpened.model_validate(
        head | {"rulebook_hash": "0" * 64, "opens": BEGIN, "closes": closes, "rules": rules | rules_}
    )


# --- what it runs with


@dataclass
class FixedClock:
    """A test clock that stands."""

    instant: datetime
    name: str = "test"

    def now(self) -> datetime:
        return self.instant


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
    people_url: str
    """The owner's URL of identity's database."""
    keys: Path
    mailbox: Mailbox
    log: Log = field(default_factory=Log)
    folder: HandlerFolder = field(init=False)
    sender: MailSender = field(init=False)
    poster: WebhookSender = field(init=False)
    roll: Roll = field(init=False)

    def __post_init__(self) -> None:
        self.folder = self.new_folder()
        self.sender = self.new_sender()
        self.poster = self.new_poster()
        self.roll = self.new_roll()
        self.log.open("nomination")

    def new_folder(self) -> HandlerFolder:
        return HandlerFolder(IntentHandler(lambda: None), CODEC, LogMeasures(CollectorRegistry()))

    def new_sender(self, *, identity: str | None = None, smtp: str | None = None) -> MailSender:
        """Return a sender as a fresh process would make it."""
        return MailSender(
            self.new_outbox(),
            self.directory(identity),
            MailServer(smtp or self.mailbox.url, SENDER),
        )

    def new_poster(self, book: AddressBook | None = None, *, seconds: float = 30.0) -> WebhookSender:
        """Return a sender of webhooks that may call loopback, and waits so long for an answer."""
        caller = Caller(book or AddressBook(LOOPBACK), seconds=seconds)
        return WebhookSender(self.new_outbox(), self.directory(), caller)

    def daily(self, at: datetime) -> Daily:
        return Daily(self.pool, self.executor, FixedClock(at), self.directory(), "paritrana.example", 17)

    def directory(self, identity: str | None = None) -> Directory:
        return Directory(identity or self.identity, self.keys / "notifications.secret")

    def new_roll(self) -> Roll:
        """Return who answers calls, as a fresh process would make it."""
        return Roll(self.pool, self.directory(), lambda: None)

    async def day(self, at: datetime) -> None:
        """Let the clock bring what it brings at an instant, and send it."""
        self.stands(at)
        await self.settle()
        await self.daily(at).round()
        await self.settle()

    def stands(self, at: datetime) -> None:
        """Let the award's clock stand at an instant for whoever sends."""
        self.sender.outbox.clock = self.poster.outbox.clock = FixedClock(at)

    async def chooses(self, person: str, hook: WebhookReceiver | None, **channels: Any) -> None:
        """Let a person choose, as the API does; the receiver learns its secret."""
        digest = None if hook is None else await self._endpoint(person, hook)
        every: dict[Any, Any] = dict.fromkeys(GROUPS, "mail")
        chosen = Choose(person, every | channels, "Asia/Jakarta", digest)
        await self.changes(chosen)

    async def rotates(self, person: str, hook: WebhookReceiver) -> None:
        state = await self.executor.state(DELIVERIES, stream_of(person))
        digest = await self._endpoint(person, hook)
        await self.changes(Rotate(person, state.subscription.webhook, digest, datetime.now(UTC)))

    async def changes(self, command: Choose | Rotate) -> None:
        async def program(loader: Any) -> Any:
            return decide((await loader.load(DELIVERIES, stream_of(command.person))).subscription, command)

        ask = Ask(command.person, "PUT", uuid7(), b"", datetime.now(UTC))
        assert isinstance(await self.executor.execute(ask, program), Receipt)

    async def _endpoint(self, person: str, hook: WebhookReceiver) -> str:
        hook.secret = new_secret()
        digest = digest_of_endpoint(b"salt", hook.url, hook.secret)
        await self.pool.execute(SQL["keep_endpoint"], digest, UUID(person), b"salt".hex(), hook.url, hook.secret)
        return digest

    def new_outbox(self) -> Outbox:
        counter = outcomes_counter(CollectorRegistry())
        return Outbox(self.pool, self.executor, SystemClock(), "paritrana.example", counter)

    async def enable(self) -> None:
        async with self.pool.acquire() as connection:
            await enable(self.folder, self.executor, connection)

    async def receive(self, stream: str, event: Any) -> str:
        """Take an event of the nomination service into the log, as the receiver does; return its id."""
        id_ = self.log.append(stream, event)
        await self.take(stream)
        return id_

    async def take(self, stream: str) -> None:
        """Take the last event that was recorded in a stream into the log."""
        documents = self.log.documents[stream]
        doc = orjson.loads(documents[-1])
        before = Head(len(documents) - 1, bytes.fromhex(doc["prevhash"])) if "prevhash" in doc else NO_HEAD
        entry = Entry(stream, len(documents), doc["id"], doc["type"], self.log.hashes[stream], documents[-1], 0, 0)
        async with self.pool.acquire() as connection:
            times = {stream: datetime.fromisoformat(doc["time"])}
            await append(connection, Append([entry], {stream: before}, times, own=False))

    async def fold(self) -> None:
        async with self.pool.acquire() as connection:
            while await self.folder.step(connection):
                continue

    async def settle(self) -> None:
        """Fold, answer calls and send until nothing is due."""
        await self.fold()
        while await self.roll.round() + await self.sender.round() + await self.poster.round():
            await self.fold()

    async def later(self) -> None:
        """Let every pause be over, then send."""
        await self.fold()
        await self.owner("update intents set next_try = clock_timestamp() where state = 'pending'")
        await self.settle()

    async def nominate(self) -> str:
        await self.enable()
        await self.receive("season/2020", published())
        return await self.receive(f"nomination/{NOMINATION}", nominated())

    async def advance(self) -> str:
        """Let the nominee advance by a decision whose announcement is here, and names nobody else."""
        await self.receive("award/2020/provincial/75/KABKOTA", announced())
        return await self.receive(f"nomination/{NOMINATION}", advanced())

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


@pytest_asyncio.fixture
async def house(database: Any, tmp_path: Path, mailbox: Mailbox) -> AsyncIterator[House]:
    people = await database("identity")
    owner_url, login_url = await database("notifications")
    pool = await asyncpg.create_pool(login_url, min_size=1, max_size=8)
    executor = Executor("notifications", pool, CODEC, SystemClock(), Wake())
    async with serving_identity(people, tmp_path / "keys") as identity:
        yield House(pool, owner_url, login_url, executor, identity, people.owner_url, tmp_path / "keys", mailbox)
    await pool.close()


# --- told, once


async def test_both_are_told_of_each_event_once_and_it_is_recorded(house, mailbox):
    cause = await house.nominate()
    for event in (advanced(), eliminated()):
        await house.receive(f"nomination/{NOMINATION}", event)
    await house.settle()
    assert await house.states() == {"sent": 2}
    # Nobody hears of a result before it is announced; and what waits for that outlives the process.
    house.folder = house.new_folder()
    await house.receive("award/2020/provincial/75/KABKOTA", announced(NOMINATION))
    await house.receive("award/2020/national/00/KABKOTA", announced(motion=2))
    await house.settle()
    assert await house.states() == {"sent": 8}
    assert await house.pool.fetchval("select count(*) from waiting") == 0
    assert len(mailbox.kept) == 8
    assert len(set(mailbox.ids())) == 8
    for person, login in ((BODY, "sekretariat-75"), (CONTACT, "panitia-75-1")):
        recorded = await house.deliveries(person)
        assert [event.data["template"] for event in recorded] == ["nominated", "announced", "advanced", "eliminated"]
        assert sorted(event.data["message_id"] for event in recorded) == sorted(
            str(mail["Message-ID"]) for mail in mailbox.to(login)
        )
        assert recorded[0].doc["causationid"] == cause
        assert recorded[0].data["message_id"] == f"<{message_id(cause, person, 'nominated')}@paritrana.example>"


async def test_a_message_says_what_it_must_and_names_no_person_in_its_body(house, mailbox):
    day = datetime(2021, 1, 6, 3, tzinfo=UTC)
    house.stands(day)
    await house.nominate()
    await house.settle()
    mail = mailbox.to("sekretariat-75")[0]
    assert mail["Date"].datetime == day
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
    await house.advance()
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


async def test_who_had_advanced_before_a_freeze_is_told_of_it_when_the_advance_is_received(house, mailbox):
    await house.nominate()
    await house.receive("award/2020/provincial/75/KABKOTA", announced())
    house.log.append(f"nomination/{NOMINATION}", advanced())
    held = StageFrozen(at=stage(0), stages=(stage(1),), appeal=OTHER)
    await house.receive("award/2020/provincial/75/KABKOTA", held)
    await house.settle()
    assert await house.states() == {"sent": 2}
    await house.take(f"nomination/{NOMINATION}")
    await house.settle()
    for person in (BODY, CONTACT):
        recorded = await house.deliveries(person)
        assert sorted(event.data["template"] for event in recorded) == ["advanced", "nominated", "stage-frozen"]
    assert len(set(mailbox.ids())) == len(mailbox.kept) == 6


async def test_a_message_waits_for_its_rulebook(house, mailbox):
    await house.enable()
    await house.receive(f"nomination/{NOMINATION}", nominated())
    await house.settle()
    assert await house.states() == {}
    assert await house.pool.fetchval("select count(*) from waiting") == 1
    await house.receive("season/2020", published())
    await house.settle()
    assert len(mailbox.kept) == 2
    assert await house.pool.fetchval("select count(*) from waiting") == 0


@pytest.mark.parametrize(("notices", "told"), [((), 2), ((("CandidateNominated", ("contact",)),), 1)])
async def test_the_defaults_tell_whom_a_silent_rulebook_does_not_name_and_a_rulebook_goes_before_them(
    house, mailbox, notices, told
):
    listed = tuple(Notice(event=event, to=to, assumed=True) for event, to in notices)
    ruled = rulebook().model_copy(update={"notices": listed})
    content = rulebook_content(ruled)
    await house.enable()
    await house.receive(
        "season/2020", RulebookPublished(season="2020", version=1, hash=rulebook_hash(ruled), content=content)
    )
    await house.receive(f"nomination/{NOMINATION}", nominated())
    await house.settle()
    assert len(mailbox.kept) == told
    assert mailbox.to("panitia-75-1")


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
    dying.outbox.executor = cast("Executor", Dies())
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
    executor, house.sender.outbox.executor = house.sender.outbox.executor, cast("Executor", Dies())
    with pytest.raises(ConnectionError):
        await house.sender.round()
    house.sender.outbox.executor = executor
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
    house.sender.outbox.executor = cast("Executor", Busy())
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
    executor, house.sender.outbox.executor = (
        house.sender.outbox.executor,
        cast("Executor", Fails(house.executor, CONTACT)),
    )
    await house.settle()
    assert await house.states() == {"pending": 1, "sent": 1}
    for _ in range(3):
        await house.owner("update intents set next_try = clock_timestamp()")
        assert await house.sender.round() == 1
    assert len(mailbox.kept) == 2
    house.sender.outbox.executor = executor
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


async def test_a_message_that_breaks_the_conversation_off_for_days_is_given_up(house, mailbox):
    await house.nominate()
    await house.fold()
    await house.owner("update intents set attempts = 104")
    mailbox.answers = ["421 shutting down"] * 2
    await house.settle()
    assert await house.states() == {"failed": 2}


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
    async with asyncio.timeout(60):
        while await house.states() != {"sent": 2}:
            ticket = house.executor.wake.ticket()
            await house.executor.wake.wait(ticket, 0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(mailbox.kept) == 2


# --- who holds a role


async def test_every_secretariat_is_told_once_that_a_season_opens_and_again_by_no_rebuild(house, mailbox):
    await house.enable()
    await house.receive("season/2020", season_opened())
    await house.receive("season/2020", published())
    await house.fold()
    assert await house.states() == {}
    # Two processes at once, and one that comes later.
    answered = await asyncio.gather(*(house.new_roll().round() for _ in range(2)))
    assert set(answered) <= {0, 1}
    assert await house.new_roll().round() == 0
    await house.settle()
    told = sorted(str(mail["To"].addresses[0].username) for mail in mailbox.kept)
    assert told == SECRETARIATS
    assert {str(mail["X-Paritrana-Template"]) for mail in mailbox.kept} == {"season-opened"}
    assert "WITA" in mailbox.to("sekretariat-75")[0].get_content()
    house.folder = house.new_folder()
    await house.owner("update checkpoints set epoch = 0, xid = '0', position = 0, generation = generation + 1")
    await house.settle()
    assert len(mailbox.kept) == len(SECRETARIATS)
    assert await house.pool.fetchval("select count(*) from calls") == 1


async def test_whoever_is_given_the_role_later_is_not_told_by_a_rebuild(house, mailbox):
    await house.nominate()
    await house.settle()
    await grants(house, "panitia-75-3", "secretariat", province="75")
    await house.owner("update checkpoints set epoch = 0, xid = '0', position = 0, generation = generation + 1")
    house.folder = house.new_folder()
    await house.settle()
    assert mailbox.to("panitia-75-3") == []
    await house.advance()
    await house.settle()
    assert [str(mail["X-Paritrana-Template"]) for mail in mailbox.to("panitia-75-3")] == ["advanced"]
    assert len(mailbox.to("sekretariat-75")) == 2


async def test_a_disputed_figure_goes_to_whoever_publishes_it(house, mailbox):
    await grants(house, "panitia-75-2", "publisher", publisher="bpjs.coverage")
    await grants(house, "panitia-75-3", "publisher", publisher="bpjs.contributions")
    await house.nominate()
    disputed = FigureDisputed(
        nomination=NOMINATION, aspect="kinerja", measure=rulebook().measures[0].code, reason_digest="0" * 64
    )
    await house.receive(f"nomination/{NOMINATION}", disputed)
    await house.settle()
    (mail,) = mailbox.to("panitia-75-2")
    assert str(mail["X-Paritrana-Template"]) == "dispute-filed"
    assert "Kabupaten Bone Bolango" in mail.get_content()
    assert mailbox.to("panitia-75-3") == []


async def test_while_identity_is_away_a_call_waits_and_one_that_dies_in_between_tells_nobody_twice(house, mailbox):
    await house.enable()
    await house.receive("season/2020", season_opened())
    await house.receive("season/2020", published())
    await house.fold()
    with pytest.raises(DirectoryAway):
        await Roll(house.pool, house.directory(f"http://127.0.0.1:{free_ports(1)[0]}"), lambda: None).round()
    # A transaction that ends before its last intent leaves the call, and no intent.
    last = max(UUID(str(person_id(login))) for login in SECRETARIATS)
    await house.owner(f"alter table intents add constraint none check (person <> '{last}')")
    assert await house.roll.round() == 1
    assert await house.states() == {}
    await house.owner("alter table intents drop constraint none; update calls set next_try = clock_timestamp()")
    await house.settle()
    assert sorted(str(mail["To"].addresses[0].username) for mail in mailbox.kept) == SECRETARIATS


# --- more people, and everything folded again


async def test_a_body_is_told_of_its_meeting_whichever_was_received_first(house, mailbox):
    await house.enable()
    await house.receive("season/2020", published())
    await house.receive("committee/2020/75", appointed("kepala-bps", "panitia-75-1"))
    await house.receive(f"plenary/{PLENARY}", convened())
    await house.receive("committee/2020/75", appointed("ketua-apindo", "panitia-75-2"))
    await house.receive("committee/2020/75", appointed("sekretaris-panitia", "sekretaris-75"))
    await house.settle()
    for login in ("panitia-75-1", "panitia-75-2", "sekretaris-75"):
        assert {str(mail["X-Paritrana-Template"]) for mail in mailbox.to(login)} == {"appointed", "convened"}
    assert len(mailbox.kept) == 6


async def test_folding_all_again_sends_nothing_again_whoever_sits_there_now(house, mailbox):
    await house.enable()
    await house.receive("season/2020", published())
    await house.receive("committee/2020/75", appointed("kepala-bps", "panitia-75-1"))
    await house.receive(f"plenary/{PLENARY}", convened(days=-1))
    await house.receive(f"nomination/{NOMINATION}", nominated())
    await house.receive("award/2020/provincial/75/KABKOTA", announced(NOMINATION))
    await house.receive("committee/2020/75", removed("kepala-bps", "panitia-75-1"))
    await house.receive("committee/2020/75", appointed("kepala-bps", "panitia-75-3"))
    await house.receive("award/2020/provincial/75/KABKOTA", announced(NOMINATION))
    await house.settle()
    templates = sorted(str(mail["X-Paritrana-Template"]) for mail in mailbox.kept)
    assert templates == sorted(
        ["appointed", "convened", "removed", "succeeded", *["nominated", "announced", "corrected"] * 2]
    )
    rows = await house.pool.fetch("select * from intents order by message_id")
    for table in ("nominations", "seats", "plenaries", "announced", "seasons"):
        assert await house.pool.fetchval(f"select count(*) from {table}") == 1, table
    await house.owner("update checkpoints set epoch = 0, xid = '0', position = 0")
    house.folder, house.sender = house.new_folder(), house.new_sender()
    await house.settle()
    assert await house.pool.fetch("select * from intents order by message_id") == rows
    assert len(mailbox.kept) == len(templates)


# --- webhooks


@pytest_asyncio.fixture
async def hook() -> AsyncIterator[WebhookReceiver]:
    receiver = WebhookReceiver()
    async with serving(receiver.app()) as url:
        receiver.location = f"{url}/private"
        receiver.url = f"{url}/hook"
        yield receiver


async def test_a_webhook_is_posted_signed_and_recorded_once(house, mailbox, hook):
    await house.chooses(BODY, hook, steps="webhook")
    cause = await house.nominate()
    await house.settle()
    message = str(message_id(cause, BODY, "nominated"))
    assert list(hook.kept) == [message]
    sent = hook.kept[message]
    assert sent["type"] == "paritrana.nominated"
    assert sent["data"]["nominations"] == [NOMINATION]
    assert "Kabupaten Bone Bolango" in sent["data"]["text"]
    assert len(mailbox.kept) == 1
    recorded = (await house.deliveries(BODY))[-1].data
    assert (recorded["channel"], recorded["template"]) == ("webhook", "nominated")
    assert recorded["digest"] == hashlib.sha256(hook.tries[0][1]).hexdigest()
    await house.later()
    assert len(hook.tries) == 1


async def test_a_webhook_that_fails_is_tried_again_under_the_same_id_with_the_same_body(house, hook):
    await house.chooses(BODY, hook, steps="webhook")
    await house.nominate()
    hook.answers = [500, 503, 301]
    for tries in range(1, 4):
        await house.later()
        assert (len(hook.tries), len(hook.kept)) == (tries, 0)
    hook.answers, house.poster = [SLOW], house.new_poster(seconds=1)
    await house.later()
    assert await house.states() == {"pending": 1, "sent": 1}
    hook.answers, house.poster = [], house.new_poster()
    await house.later()
    assert len(hook.kept) == 1
    assert len(set(hook.tries)) == 1
    assert await house.states() == {"sent": 2}


async def test_a_redirect_is_not_followed(house, hook):
    await house.chooses(BODY, hook, steps="webhook")
    await house.nominate()
    hook.answers = [307]
    await house.settle()
    assert len(hook.tries) == 1
    assert await house.states() == {"pending": 1, "sent": 1}


async def test_a_long_answer_is_not_read_to_its_end(house, hook):
    hook.body = b"x" * (8 << 20)
    await house.chooses(BODY, hook, steps="webhook")
    await house.nominate()
    await house.settle()
    assert await house.states() == {"sent": 2}


async def test_a_webhook_that_is_gone_ends_the_subscription_and_its_messages_are_mailed(house, mailbox, hook):
    await house.chooses(BODY, hook, steps="webhook", results="webhook")
    await house.nominate()
    await house.advance()
    hook.answers = [410]
    await house.later()
    await house.later()
    assert len(hook.tries) == 1
    assert len(mailbox.to("sekretariat-75")) == 2
    assert await house.states() == {"sent": 4}
    changed = [event.data for event in await house.deliveries(BODY) if "SubscriptionChanged" in event.type]
    assert [one["reason"] for one in changed] == ["chosen", "gone"]
    assert "webhook" not in {choice["channel"] for choice in changed[-1]["channels"]}
    assert await house.pool.fetchval("select count(*) from endpoints") == 0


async def test_after_three_days_a_message_is_given_up_and_a_legal_notice_is_mailed(house, mailbox, hook):
    await house.chooses(BODY, hook, steps="webhook", results="webhook")
    await house.nominate()
    cause = await house.advance()
    hook.answers = [500] * 9
    await house.later()
    # The days count for both, though the second was never tried: its notice is not mailed three days after the first's.
    await house.owner("update intents set first_failed = first_failed - interval '4 days' where state = 'pending'")
    for _ in range(3):
        await house.later()
    failed = [event.data for event in await house.deliveries(BODY) if event.type.endswith("NotificationFailed.v1")]
    assert {(one["template"], one["channel"], one["reason"]) for one in failed} == {
        ("nominated", "webhook", "unanswered"),
        ("advanced", "webhook", "unanswered"),
    }
    (mail,) = mailbox.to("sekretariat-75")
    assert str(mail["Message-ID"]).startswith(f"<{uuid5(message_id(cause, BODY, 'advanced'), 'mail')}@")


async def test_a_process_that_dies_after_the_answer_posts_the_same_message_again_and_records_it_once(house, hook):
    await house.chooses(BODY, hook, steps="webhook")
    await house.nominate()
    await house.fold()
    dying = house.new_poster()
    dying.outbox.executor = cast("Executor", Dies())
    with pytest.raises(ConnectionError):
        await dying.round()
    assert len(hook.kept) == 1
    await house.later()
    assert len(hook.tries) == 2
    assert len(hook.kept) == 1
    assert len(await house.deliveries(BODY)) == 2


async def test_a_process_that_dies_between_the_append_and_the_mark_posts_nothing_again(house, hook):
    await house.chooses(BODY, hook, steps="webhook")
    await house.nominate()
    await house.settle()
    await house.owner("update intents set state = 'pending', settled = null, channel = null")
    house.sender, house.poster = house.new_sender(), house.new_poster()
    await house.settle()
    assert len(hook.tries) == 1
    assert len(house.mailbox.kept) == 1
    assert await house.states() == {"sent": 2}


async def test_a_private_address_is_never_called_and_one_dead_webhook_holds_up_no_other(house, hook):
    dead = WebhookReceiver()
    dead.url = f"http://127.0.0.1:{free_ports(1)[0]}/hook"
    await house.chooses(BODY, dead, steps="webhook")
    await house.chooses(CONTACT, hook, steps="webhook")
    await house.nominate()
    await house.later()
    assert len(hook.kept) == 1
    assert await house.states() == {"pending": 1, "sent": 1}
    await house.owner("update intents set state = 'pending' where state = 'sent'")
    await house.advance()
    strict = house.new_poster(AddressBook())
    await house.fold()
    await strict.round()
    assert len(hook.tries) == 1


class Dying(Directory):
    """A directory whose process dies at one of its questions: before the answer is here, or just after."""

    dies_at: tuple[int, str] | None = None
    asked: int = 0

    async def find(self, persons: Iterable[UUID]) -> dict[UUID, Addressee]:
        self.asked += 1
        if self.dies_at == (self.asked, "before"):
            raise SystemError("died before it was answered")
        found = await super().find(persons)
        if self.dies_at == (self.asked, "after"):
            raise SystemError("died before it erased")
        return found


@pytest.mark.parametrize(("batch", "when"), list(itertools.product((1, 2, 3), ("before", "after"))))
async def test_an_erasure_that_dies_between_two_batches_is_ended_by_the_next(house, batch, when):
    """Whose batch was done stays erased, the others' are erased then, and nobody else's is touched."""
    owners = [uuid5(NAMESPACE_OID, f"owner {number}") for number in range(2 * MOST_IDS + 50)]
    await acquaint(house.people_url, *map(str, owners))
    kept = set(owners[::7])
    gone = sorted(set(owners) - kept)
    await erase(house.people_url, *map(str, gone))
    rows = [(f"{number:064x}", owner, "00", "https://example.org/", "s") for number, owner in enumerate(owners)]
    await house.pool.executemany(SQL["keep_endpoint"], rows)

    async def left() -> set[UUID]:
        return {row["person"] for row in await house.pool.fetch("select person from endpoints")}

    first = Dying(house.identity, house.keys / "notifications.secret")
    first.dies_at = (batch, when)
    with pytest.raises(SystemError):
        await Erasure(house.pool, house.executor, first).round()
    await first.close()
    done = set(sorted(owners)[: (batch - 1) * MOST_IDS]) & set(gone)
    assert await left() == set(owners) - done
    directory = house.directory()
    assert await Erasure(house.pool, house.executor, directory).round() == len(set(gone) - done)
    assert await left() == kept
    assert await Erasure(house.pool, house.executor, directory).round() == 0
    await directory.close()


async def test_two_erasures_at_once_erase_the_same(house):
    owners = [uuid5(NAMESPACE_OID, f"owner {number}") for number in range(MOST_IDS + 1)]
    await acquaint(house.people_url, *map(str, owners))
    await erase(house.people_url, *map(str, owners[1:]))
    rows = [(f"{number:064x}", owner, "00", "https://example.org/", "s") for number, owner in enumerate(owners)]
    await house.pool.executemany(SQL["keep_endpoint"], rows)
    directories = [house.directory() for _ in range(2)]
    await asyncio.gather(*(Erasure(house.pool, house.executor, one).round() for one in directories))
    assert [row["person"] for row in await house.pool.fetch("select person from endpoints")] == owners[:1]
    for one in directories:
        await one.close()


async def test_a_webhook_is_erased_with_its_person_and_without_any_message(house, hook):
    await house.enable()
    for person in (BODY, CONTACT):
        await house.chooses(person, hook, steps="webhook")
    await house.fold()
    # What was made for a choice that was never accepted goes after a day; what a choice cites stays.
    await house._endpoint(BODY, hook)
    await house.owner("update endpoints set made = made - interval '2 days'")
    erasure = Erasure(house.pool, house.executor, Directory(house.identity, house.keys / "notifications.secret"))
    assert await erasure.round() == 0
    assert len(await house.pool.fetch("select from endpoints")) == 2
    headers = await bearer(house, "admin") | {"Idempotency-Key": uuid7()}
    async with httpx.AsyncClient() as client:
        answer = await client.delete(f"{house.identity}/v1/persons/{BODY}/data", headers=headers)
    assert answer.status_code == 200, answer.text
    assert await erasure.round() == 1
    assert [str(row["person"]) for row in await house.pool.fetch("select person from endpoints")] == [CONTACT]
    await erasure.directory.close()


async def test_after_a_rotation_a_message_is_signed_with_both_secrets(house, hook):
    await house.chooses(BODY, hook, steps="webhook")
    former = hook.secret
    await house.rotates(BODY, hook)
    assert hook.secret != former
    await house.nominate()
    await house.settle()
    hook.secret, new = former, hook.secret
    assert len(hook.kept) == 1
    await house.receive(f"nomination/{OTHER}", nominated(OTHER))
    await house.settle()
    assert len(hook.kept) == 2
    hook.secret = new


async def test_who_switches_steps_off_is_not_told_of_them_but_of_decisions(house, mailbox):
    await house.chooses(BODY, None, steps="none")
    await house.nominate()
    await house.advance()
    await house.settle()
    assert [str(mail["X-Paritrana-Template"]) for mail in mailbox.to("sekretariat-75")] == ["advanced"]
    assert await house.states() == {"omitted": 1, "sent": 3}


async def test_what_is_not_sent_yet_follows_a_new_choice(house, mailbox, hook):
    await house.chooses(BODY, hook, steps="webhook")
    await house.nominate()
    hook.answers = [500]
    await house.settle()
    await house.chooses(BODY, None)
    await house.settle()
    assert len(mailbox.to("sekretariat-75")) == 1
    assert len(hook.tries) == 1


# --- the day


async def test_a_digest_holds_everything_of_the_day_and_comes_once(house, mailbox):
    await house.chooses(BODY, None, steps="digest", results="digest")
    await house.nominate()
    await house.advance()
    await house.settle()
    assert mailbox.to("sekretariat-75") == []
    assert await house.states() == {"held": 2, "sent": 2}
    # 17.00 of the day that the test's log is written on, 6 January 2021, in Jakarta.
    for at, mails in ((9, 0), (10, 1), (11, 1), (34, 1), (200, 1)):
        await house.day(datetime(2021, 1, 6, tzinfo=UTC) + timedelta(hours=at))
        assert len(mailbox.to("sekretariat-75")) == mails, at
    mail = mailbox.to("sekretariat-75")[0]
    assert "2 pesan" in str(mail["Subject"])
    body = mail.get_content()
    assert "Pengusulan diterima" in body
    assert "menempati peringkat 1" in body
    assert await house.states() == {"sent": 5}
    recorded = [event.data for event in await house.deliveries(BODY) if "Delivered" in event.type]
    assert [(one["template"], one["channel"]) for one in recorded] == [
        ("digest", "mail"),
        ("nominated", "digest"),
        ("advanced", "digest"),
    ]


async def test_what_finds_no_room_in_a_digest_goes_by_itself(house, mailbox, monkeypatch):
    monkeypatch.setattr("services.notifications.sender._LONGEST_DIGEST", 100)
    await house.chooses(BODY, None, steps="digest", results="digest")
    await house.nominate()
    await house.advance()
    for at in (10, 11):
        await house.day(datetime(2021, 1, 6, at, tzinfo=UTC))
    subjects = [str(mail["Subject"]) for mail in mailbox.to("sekretariat-75")]
    assert len(subjects) == 2
    assert "1 pesan" in subjects[0]
    assert "Bone Bolango" in subjects[1]
    assert await house.states() == {"sent": 5}


async def test_a_digest_that_is_refused_is_recorded_with_all_that_it_held(house, mailbox):
    await house.chooses(BODY, None, steps="digest", results="digest")
    await house.nominate()
    await house.advance()
    await house.settle()
    mailbox.answers = ["552 too large"]
    await house.day(datetime(2021, 1, 6, 10, tzinfo=UTC))
    failed = [event.data for event in await house.deliveries(BODY) if event.type.endswith("NotificationFailed.v1")]
    assert [(one["template"], one["reason"]) for one in failed] == [
        ("digest", "refused"),
        ("nominated", "refused"),
        ("advanced", "refused"),
    ]
    assert await house.states() == {"sent": 2, "failed": 3}


async def test_a_digest_is_sent_once_whatever_dies(house, mailbox):
    await house.chooses(BODY, None, steps="digest")
    await house.nominate()
    await house.settle()
    evening = datetime(2021, 1, 6, 10, tzinfo=UTC)
    dying = house.new_sender()
    dying.outbox.executor = cast("Executor", Dies())
    assert await house.daily(evening).round() == 1
    assert await house.daily(evening).round() == 0
    with pytest.raises(ConnectionError):
        await dying.round()
    await house.settle()
    assert len(mailbox.to("sekretariat-75")) == 2
    assert len({str(mail["Message-ID"]) for mail in mailbox.to("sekretariat-75")}) == 1
    # Restored from before the digest: what the log says was delivered is in no digest again.
    await house.owner("delete from intents where template = 'digest'")
    await house.owner("update intents set state = 'held', digest = null where channel = 'digest'")
    await house.day(evening + timedelta(days=1))
    assert len(mailbox.to("sekretariat-75")) == 2
    assert await house.states() == {"sent": 2}


async def test_members_are_reminded_once_a_day_of_all_their_sheets(house, mailbox):
    await house.enable()
    await house.receive("season/2020", published())
    await house.receive("committee/2020/75", appointed("kepala-bps", "panitia-75-2"))
    await house.receive("committee/2020/75", appointed("sekretaris-panitia", "sekretaris-75"))
    for nomination in (NOMINATION, OTHER):
        await house.receive(f"nomination/{nomination}", nominated(nomination))
    closes = datetime(2021, 2, 28, 15, 59, 59, tzinfo=UTC)
    await house.receive(stage(0).ranking, opened(closes))
    await house.settle()
    mailbox.kept.clear()
    # Too early, too early in the day, then once a day; a jump over days sends one, and after the deadline none.
    for at, mails in (
        (datetime(2021, 2, 20, 3, tzinfo=UTC), 0),
        (datetime(2021, 2, 25, 0, tzinfo=UTC), 0),
        (datetime(2021, 2, 25, 3, tzinfo=UTC), 1),
        (datetime(2021, 2, 25, 9, tzinfo=UTC), 1),
        (datetime(2021, 2, 28, 3, tzinfo=UTC), 2),
        (datetime(2021, 3, 1, 3, tzinfo=UTC), 2),
    ):
        await house.day(at)
        assert len(mailbox.to("panitia-75-2")) == mails, at
    assert len(mailbox.kept) == 2
    body = mailbox.kept[0].get_content()
    assert "Lembar nilai: 2 calon" in body
    assert "28 Februari 2021 pukul 23.59 WITA" in body


@pytest.mark.parametrize(
    ("rules", "belongs", "conflicts", "left"),
    [
        ({"conflict_scope": "candidate"}, {}, [NOMINATION], 1),
        ({"conflict_scope": "category"}, {}, [NOMINATION], 0),
        ({"own_government": "refused"}, {"government": "75.03"}, [], 0),
        ({"own_government": "flagged"}, {"government": "75.03"}, [], 2),
        ({"own_government": "refused"}, {"government": "75"}, [], 2),
        ({"own_employer": "refused"}, {"employer": "12345678"}, [], 2),
    ],
)
async def test_a_member_is_reminded_of_no_sheet_that_an_interest_keeps_from_them(
    house, mailbox, rules, belongs, conflicts, left
):
    await house.enable()
    await house.receive("season/2020", published())
    await house.receive("committee/2020/75", appointed("kepala-bps", "panitia-75-2", **belongs))
    for nomination in (NOMINATION, OTHER):
        await house.receive(f"nomination/{nomination}", nominated(nomination))
    for nomination in conflicts:
        await house.receive("committee/2020/75", conflict("panitia-75-2", nomination))
    closes = datetime(2021, 2, 28, 15, 59, 59, tzinfo=UTC)
    await house.receive(stage(0).ranking, opened(closes, **rules))
    await house.settle()
    mailbox.kept.clear()
    await house.day(closes - timedelta(days=1))
    told = [mail.get_content() for mail in mailbox.to("panitia-75-2")]
    assert [f"Lembar nilai: {left} calon" in text for text in told] == [True] * bool(left)


async def test_a_rebuild_reminds_nobody(house, mailbox):
    await house.nominate()
    await house.receive(stage(0).ranking, opened(datetime(2021, 2, 28, 15, 59, 59, tzinfo=UTC)))
    await house.receive("committee/2020/75", appointed("kepala-bps", "panitia-75-2"))
    near = datetime(2021, 2, 27, 3, tzinfo=UTC)
    assert await house.daily(near).round() == 0, "the fold is not at the end of the log"
    await house.settle()
    assert await house.daily(near).round() == 1
    assert await house.daily(near).round() == 0, "another process of the same day"


async def test_a_reminder_is_sent_once_whichever_process_looks_and_dies_and_not_after_its_day(house, mailbox):
    await house.nominate()
    await house.settle()
    mailbox.kept.clear()
    closes = datetime(2021, 1, 31, 15, 59, 59, tzinfo=UTC)
    near = closes - timedelta(days=2, hours=8)
    every = len(SECRETARIATS)
    assert await house.daily(near).round() == every
    assert await asyncio.gather(*(house.daily(near + timedelta(hours=1)).round() for _ in range(2))) == [0, 0]
    # The server is away until the second day: of the two reminders only that day's is sent.
    assert await house.daily(near + timedelta(days=1)).round() == every
    house.stands(near + timedelta(days=1))
    await house.settle()
    (mail,) = mailbox.to("sekretariat-75")
    assert "31 Januari 2021 pukul 23.59 WITA" in mail.get_content()
    assert await house.states() == {"sent": 2 + every, "omitted": every}
    # A process that died between the server's answer and the append sends the same message again, and no other.
    await house.daily(closes - timedelta(hours=8)).round()
    house.sender = house.new_sender()
    house.stands(closes - timedelta(hours=8))
    await house.settle()
    assert len(set(mailbox.ids())) == len(mailbox.kept) == 2 * every


async def test_who_nominates_is_reminded_of_the_window_before_the_first_nomination(house, mailbox):
    """Every secretariat, who did a season before, and the secretary of the province's committee; one mail a day."""
    await house.enable()
    book = rulebook_content(rulebook())
    before = RulebookPublished(season="2019", version=1, hash="0" * 64, content=book | {"season": "2019"})
    await house.receive("season/2019", before)
    await house.receive("season/2020", published())
    earlier = [
        nominated(one, by=CONTACT).model_copy(update={"entry": stage(0).model_copy(update={"season": "2019"})})
        for one in (NOMINATION, OTHER)
    ]
    for event in earlier:
        await house.receive(f"nomination/{event.nomination}", event)
    ended = SeasonFrozen(season="2019", first=BODY, second=CONTACT, reason_digest="0" * 64)
    await house.receive("season/2019", ended)
    await house.receive("committee/2020/75", appointed("sekretaris-panitia", "sekretaris-75"))
    await house.receive("committee/2020/75", appointed("kepala-bps", "panitia-75-2"))
    await house.settle()
    mailbox.kept.clear()
    await house.day(datetime(2021, 1, 30, 3, tzinfo=UTC))
    told = [str(mail["To"].addresses[0].username) for mail in mailbox.kept]
    assert sorted(told) == sorted([*SECRETARIATS, "panitia-75-1", "sekretaris-75"])
    for mail in mailbox.kept:
        assert mail.get_content().count("Pengusulan musim 2020") == 1


async def test_a_returned_nomination_an_interview_and_an_appeal_window_are_reminded_of(house, mailbox):
    await house.nominate()
    at = datetime(2021, 3, 1, 2, tzinfo=UTC)
    returned = NominationReturned(
        nomination=NOMINATION,
        at=stage(0),
        verifier=CONTACT,
        office="ketua-tim",
        defects=(Defect(part="evidence", text_digest="0" * 64),),
        until=at + timedelta(days=2),
    )
    await house.receive(f"nomination/{NOMINATION}", returned)
    await house.receive(f"nomination/{OTHER}", nominated(OTHER))
    interview = {"begins": at + timedelta(days=1), "ends": at + timedelta(days=1, hours=1), "mode": "remote"}
    await house.receive(f"nomination/{OTHER}", InterviewScheduled(nomination=OTHER, at=stage(0), **interview))
    await house.settle()
    mailbox.kept.clear()
    await house.day(at)
    (mail,) = mailbox.to("sekretariat-75")
    body = mail.get_content()
    assert "dikembalikan" in body
    assert "2 Maret 2021 pukul 09.00 WIB / 10.00 WITA / 11.00 WIT" in body
    assert len(mailbox.kept) == 2


async def test_a_store_of_before_the_subscriptions_is_carried_over_and_folded_anew(house, mailbox):
    """What waited is told when it can be, what was passed is not, and seats that were passed are known."""
    every = migrations_of("notifications")
    old = [one for one in every if one.name.startswith("kernel/") or "/001_" in one.name]
    await house.owner("drop schema public cascade; create schema public; grant usage on schema public to public")
    login = urlsplit(house.login_url).username or ""
    await house.pool.expire_connections()
    await migrate(house.owner_url, old, login=login)
    await house.enable()
    await house.receive("season/2020", published())
    await house.receive("committee/2020/75", appointed("kepala-bps", "panitia-75-2"))
    async with house.pool.acquire() as connection:
        last = await connection.fetchrow("select epoch, xid, position from events order by position desc limit 1")
        moved = "update checkpoints set epoch = $1, xid = $2, position = $3 where handler = 'notifications/intents'"
        await connection.execute(moved, *last)
        row = (UUID(PLENARY), UUID(NOMINATION), "2020", "nominated", orjson.dumps({"at": place(stage(0))}).decode())
        insert = "insert into waiting (cause, nomination, season, template, params, sample, recorded)"
        await connection.execute(f"{insert} values ($1, $2, $3, $4, $5, true, $6)", *row, BEGIN)
    await migrate(house.owner_url, every, login=login)
    await house.pool.expire_connections()
    house.folder = house.new_folder()
    await house.receive(f"nomination/{NOMINATION}", nominated())
    await house.receive(stage(0).ranking, opened(datetime(2021, 2, 28, 15, 59, 59, tzinfo=UTC)))
    await house.settle()
    templates = sorted(str(mail["X-Paritrana-Template"]) for mail in mailbox.kept)
    assert templates == ["nominated"] * 4
    await house.day(datetime(2021, 2, 27, 3, tzinfo=UTC))
    assert len(mailbox.to("panitia-75-2")) == 1


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
        database_url=house.login_url,
        keys=house.keys,
        embedded=True,
        identity_url=house.identity,
        webhook_networks="127.0.0.0/8",
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


async def grants(house: House, login: str, role: str, **scope: str) -> None:
    """Let identity give a role to a development person."""
    body = {"person": str(person_id(login)), "role": role, "scope": scope}
    second = (await bearer(house, "admin2"))["Authorization"]
    headers = await bearer(house, "admin") | {"Second-Authorization": second, "Idempotency-Key": uuid7()}
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"{house.identity}/v1/grants", json=body, headers=headers)
    assert answer.status_code == 201, answer.text


async def test_a_person_sees_their_own_messages_in_pages_and_no_counts(house, api):
    await house.nominate()
    await house.advance()
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


async def test_a_template_is_previewed_by_who_may_and_nothing_is_sent(house, api, mailbox):
    path, admin = "/v1/preview/announced?lang=en", await bearer(house, "admin")
    assert (await api.get(path)).status_code == 401
    assert (await api.get(path, headers=await bearer(house, "sekretariat-75"))).status_code == 403
    assert (await api.get(path, headers=admin)).status_code == 404
    await house.receive("season/2020", published())
    await house.fold()
    for login in ("admin", "auditor", "sekretaris-75"):
        found = (await api.get(path, headers=await bearer(house, login))).json()
        assert "[SAMPLE DATA]" in found["subject"]
        assert "was announced on" in found["body"]
    await house.settle()
    assert mailbox.kept == []
    for wrong in ("/v1/preview/other", "/v1/preview/announced?lang=fr", "/v1/deliveries?cursor=x"):
        assert 400 <= (await api.get(wrong, headers=admin)).status_code < 500


async def put(api: httpx.AsyncClient, who: dict[str, str], key: str, **sent: Any) -> httpx.Response:
    body = {"channels": dict.fromkeys(GROUPS, "mail") | sent.pop("channels", {})} | sent
    return await api.put("/v1/subscriptions", json=body, headers=who | {"Idempotency-Key": key})


async def test_everybody_reads_and_chooses_for_themselves(house, api):
    who = await bearer(house, "sekretariat-75")
    before = (await api.get("/v1/subscriptions", headers=who)).json()
    assert before["channels"] == dict.fromkeys(GROUPS, "mail")
    assert before["cannot_be_none"] == ["results", "appeals"]
    assert before["webhook"] is None
    assert (await api.get("/v1/subscriptions")).status_code == 401
    chosen = {"steps": "none", "meetings": "digest"}
    assert (await put(api, who, "one", channels=chosen, zone="Asia/Makassar")).status_code == 200
    after = (await api.get("/v1/subscriptions", headers=who)).json()
    assert after["channels"] == dict.fromkeys(GROUPS, "mail") | chosen
    assert after["zone"] == "Asia/Makassar"
    other = (await api.get("/v1/subscriptions", headers=await bearer(house, "panitia-75-1"))).json()
    assert other == before


async def test_a_secret_is_shown_once_and_kept_beside_the_events(house, api):
    who = await bearer(house, "sekretariat-75")
    sent = {"channels": {"steps": "webhook"}, "webhook": {"url": "http://127.0.0.1:9/hook"}}
    made = (await put(api, who, "one", **sent)).json()
    assert made["webhook"]["secret"].startswith("whsec_")
    repeated = (await put(api, who, "one", **sent)).json()
    assert "webhook" not in repeated
    assert repeated["events"] == made["events"]
    shown = (await api.get("/v1/subscriptions", headers=who)).json()["webhook"]
    assert shown["url"] == "http://127.0.0.1:9/hook"
    assert "secret" not in shown
    # The same URL keeps its secret; a rotation makes another one, and for a day both sign.
    assert "webhook" not in (await put(api, who, "two", **sent, zone="Asia/Jayapura")).json()
    path = "/v1/subscriptions/webhook/rotate"
    rotated = (await api.post(path, headers=who | {"Idempotency-Key": "three"})).json()
    assert rotated["webhook"]["secret"] not in (made["webhook"]["secret"], None)
    assert (await api.get("/v1/subscriptions", headers=who)).json()["webhook"]["former_secret_until"]
    for event in await house.deliveries(BODY):
        document = str(event.doc)
        assert "127.0.0.1" not in document
        assert "whsec_" not in document
        assert made["webhook"]["secret"][6:] not in document
    await house.fold()
    assert await house.pool.fetchval("select count(*) from endpoints") == 2
    # Without a webhook, what was kept of it is gone.
    assert (await put(api, who, "four")).status_code == 200
    await house.fold()
    assert await house.pool.fetchval("select count(*) from endpoints") == 0


async def test_choices_that_cannot_be_are_refused_with_what_to_do(house, api):
    who = await bearer(house, "sekretariat-75")
    hook = {"webhook": {"url": "http://127.0.0.1:9/hook"}}
    for sent, code, field_path in (
        ({"channels": {"results": "none"}}, "legal-notice", "channels.results"),
        ({"channels": {"appeals": "none"}}, "legal-notice", "channels.appeals"),
        ({"channels": {"steps": "webhook"}}, "webhook-missing", "channels.steps"),
        ({"webhook": {"url": "https://10.0.0.1/hook"}}, "invalid", "webhook.url"),
        ({"webhook": {"url": "https://[::ffff:127.0.0.1]/hook"}}, "invalid", "webhook.url"),
        ({"webhook": {"url": "http://169.254.169.254/latest"}}, "invalid", "webhook.url"),
        ({"webhook": {"url": "ftp://127.0.0.1/hook"}}, "invalid", "webhook.url"),
        ({"webhook": {"url": "https://no-such-host.invalid/hook"}}, "invalid", "webhook.url"),
        (hook | {"channels": {"steps": "pigeon"}}, "invalid", "channels.steps"),
    ):
        answer = await put(api, who, uuid7(), **sent)
        found = answer.json()
        assert answer.status_code == 422, found
        assert code in found["type"], found
        assert found["errors"][0]["field"] == field_path
        if field_path == "webhook.url":
            assert ("was not found" in found["errors"][0]["remedy"]) is ("no-such-host" in sent["webhook"]["url"])
    answer = await api.post("/v1/subscriptions/webhook/rotate", headers=who | {"Idempotency-Key": "none"})
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (409, "no-webhook")
