"""The ledger is held to what was told of it: whatever a superuser does to a row is found, with its batch."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
import pytest_asyncio

from cli import ledger as commands
from cli.output import Finding
from kernel.broker import Record
from kernel.process import close_pool, open_pool
from services.scoring.verifying import Fault, Scope, Verified, Wrong, altered, verify
from tests.conftest import TopicFactory
from tests.support.facts import Consumer, due, message, paid, payments, publish, until_taken
from tests.support.ledger import owner, urls
from tests.unit.cli.fake_stack import run

__all__ = ["owner", "urls"]

PARTITIONS = 3
WHOLE = Scope()


@asynccontextmanager
async def taking(urls: Any, servers: str, topic: str, prefix: str) -> AsyncIterator[asyncpg.Pool]:
    """Ingest a topic while the context is open, in batches of a few facts."""
    async with (
        asyncpg.create_pool(urls.login_url, min_size=1, max_size=16) as pool,
        Consumer(servers, pool, (topic,), f"{prefix}i", prefix, most=150).running(),
    ):
        yield pool


@pytest_asyncio.fixture
async def ledger(
    urls: Any, kafka_bootstrap: str, owner: asyncpg.Connection, make_topic: TopicFactory, topic_prefix: str
) -> str:
    """A ledger of 1,200 facts about two months in some batches, and the topic that they came by."""
    await make_topic("bpjs.contributions.v1.dead-letter")
    topic = await make_topic("bpjs.contributions.v1", PARTITIONS)
    await publish(kafka_bootstrap, topic, payments(1_200, months=("2021-03", "2021-04")), partitions=PARTITIONS)
    async with taking(urls, kafka_bootstrap, topic, topic_prefix) as pool:
        await until_taken(pool, 1_200)
    await guarded(owner, guarded=False)
    return topic


async def guarded(owner: asyncpg.Connection, *, guarded: bool) -> None:
    """Switch the triggers that refuse changes on or off, as whoever changes rows would."""
    for table in ("facts", "facts_2021_03", "facts_2021_04", "events", "heads"):
        await owner.execute(f"alter table {table} {'enable' if guarded else 'disable'} trigger all")


async def held(owner: asyncpg.Connection, prefix: str, scope: Scope = WHOLE) -> tuple[Verified, list[Fault]]:
    """Verify behind triggers that are on again, so that only what was done in between is found."""
    found: list[Fault] = []
    await guarded(owner, guarded=True)
    try:
        return await verify(owner, found.append, scope=scope, prefix=prefix), found
    finally:
        await guarded(owner, guarded=False)


async def row_of(owner: asyncpg.Connection, id_: str) -> Any:
    return await owner.fetchrow("select f.*, p.partition from facts f join places p using (place) where id = $1", id_)


def kinds(found: list[Fault]) -> Counter[Wrong]:
    return Counter(fault.what for fault in found)


async def test_a_ledger_as_it_was_told_is_found_to_be_so(
    owner: asyncpg.Connection, ledger: str, topic_prefix: str
) -> None:
    count, found = await held(owner, topic_prefix)
    assert (count.rows, found) == (1_200, [])
    assert count.batches == await owner.fetchval("select count(*) from events where stream like 'ingest/%'") > 5
    assert count.rate > 0


async def test_a_changed_row_is_found_by_its_batch(owner: asyncpg.Connection, ledger: str, topic_prefix: str) -> None:
    row = await row_of(owner, "p1-17")
    await owner.execute(
        "update facts set document = replace(document, '\"amount\":', '\"amount\":1') where id = 'p1-17'"
    )
    _, (fault,) = await held(owner, topic_prefix)
    assert (fault.what, fault.topic, fault.partition, fault.batch) == (
        Wrong.CHANGED, ledger, row["partition"], row["batch"],
    )  # fmt: skip
    assert fault.first is not None
    assert fault.last is not None
    assert fault.first <= row["kafka_offset"] <= fault.last
    assert f"{row['month']:%Y-%m}" in fault.months
    for scope in (Scope(f"{row['month']:%Y-%m}"), Scope(sample=10_000)):
        assert (await held(owner, topic_prefix, scope))[1] == [fault]
    assert kinds((await held(owner, topic_prefix, Scope("2020-01")))[1]) == {}


async def test_a_removed_and_an_added_row_are_found(owner: asyncpg.Connection, ledger: str, topic_prefix: str) -> None:
    removed, copied = await row_of(owner, "p1-5"), await row_of(owner, "p1-6")
    await owner.execute("delete from facts where id = 'p1-5'")
    _, (fault,) = await held(owner, topic_prefix)
    assert (fault.what, fault.partition, fault.batch) == (Wrong.REMOVED, removed["partition"], removed["batch"])
    await owner.execute(
        "insert into facts (month, kafka_offset, batch, place, publisher, id, kind, subject, target, document)"
        " select month, kafka_offset, batch, place, publisher, 'p1-new', kind, subject, target,"
        " replace(document, '\"p1-6\"', '\"p1-new\"') from facts where id = 'p1-6'"
    )
    _, found = await held(owner, topic_prefix)
    same = [fault for fault in found if fault.what is Wrong.MISPLACED]
    assert [(fault.first, fault.batch) for fault in same] == [(copied["kafka_offset"], copied["batch"])]
    if (removed["partition"], removed["batch"]) == (copied["partition"], copied["batch"]):
        assert kinds(found) == {Wrong.CHANGED: 1, Wrong.MISPLACED: 1}
    else:
        assert kinds(found) == {Wrong.REMOVED: 1, Wrong.ADDED: 1, Wrong.MISPLACED: 1}
        assert {fault.batch for fault in found} == {removed["batch"], copied["batch"]}


async def test_two_rows_of_a_batch_at_one_offset_are_found(
    owner: asyncpg.Connection, ledger: str, topic_prefix: str
) -> None:
    """Of two rows at one offset either may be the first, so the root may be as it was told."""
    first, second = await owner.fetch(
        "select f.place, f.batch, f.kafka_offset, p.partition from facts f join places p using (place)"
        " where (f.place, f.batch) in (select place, batch from facts group by 1, 2 having count(*) > 2 limit 1)"
        " order by f.kafka_offset limit 2"
    )
    offset = first["kafka_offset"]
    await owner.execute(
        "update facts set kafka_offset = $1 where place = $2 and kafka_offset = $3",
        offset, first["place"], second["kafka_offset"],
    )  # fmt: skip
    _, found = await held(owner, topic_prefix)
    (fault,) = [fault for fault in found if fault.what is Wrong.MISPLACED]
    assert (fault.partition, fault.batch, fault.first) == (first["partition"], first["batch"], offset)
    assert fault.detail.endswith("another row of its batch has the same offset")
    assert {fault.batch for fault in found} == {first["batch"]}


async def test_rows_that_no_event_tells_of_are_found(owner: asyncpg.Connection, ledger: str, topic_prefix: str) -> None:
    row = await row_of(owner, "p1-6")
    await owner.execute("update facts set batch = 99999 where id = 'p1-6'")
    await owner.execute("update facts set place = 999 where id = 'p1-7'")
    _, found = await held(owner, topic_prefix)
    assert [fault.batch for fault in found if fault.what is Wrong.UNTOLD] == [99999, None]
    assert row["batch"] in {fault.batch for fault in found if fault.what is Wrong.REMOVED}


async def test_an_event_that_is_gone_is_found_with_its_rows(
    owner: asyncpg.Connection, ledger: str, topic_prefix: str
) -> None:
    row = await row_of(owner, "p1-6")
    stream = f"ingest/{ledger}/{row['partition']}"
    await owner.execute("delete from events where stream = $1 and version = $2", stream, row["batch"])
    _, found = await held(owner, topic_prefix)
    assert kinds(found) == {Wrong.UNTOLD: 1, Wrong.UNLOGGED: 1}
    assert {fault.partition for fault in found} == {row["partition"]}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("month = case month when '2021-03-01' then date '2021-04-01' else '2021-03-01' end", "month 2021-0"),
        ("subject = '99999999'", "not about 99999999"),
        ("publisher = 'other'", "publisher other where its document says sipp"),
        ("id = 'other'", "id other"),
        ("kind = 'ContributionDue'", "kind ContributionDue"),
        ("target = 'p1-1'", "target p1-1"),
    ],
)
async def test_what_stands_beside_a_document_is_held_to_it(
    owner: asyncpg.Connection, ledger: str, topic_prefix: str, change: str, says: str
) -> None:
    row = await row_of(owner, "p1-6")
    await owner.execute(f"update facts set {change} where id = 'p1-6'")
    _, (fault,) = await held(owner, topic_prefix)
    assert (fault.what, fault.partition, fault.batch) == (Wrong.MISPLACED, row["partition"], row["batch"])
    assert fault.first == fault.last == row["kafka_offset"]
    assert says in fault.detail


async def test_the_months_that_were_told_of_a_batch_are_held_to_its_rows(
    owner: asyncpg.Connection, ledger: str, topic_prefix: str
) -> None:
    row = await row_of(owner, "p1-6")
    told = f"{row['month']:%Y-%m}"
    await owner.execute(
        f"update events set document = replace(document, '\"{told}\"', '\"2020-12\"')"
        " where stream = $1 and version = $2",
        f"ingest/{ledger}/{row['partition']}", row["batch"],
    )  # fmt: skip
    _, (fault,) = await held(owner, topic_prefix)
    assert (fault.what, fault.partition, fault.batch) == (Wrong.MISPLACED, row["partition"], row["batch"])
    assert "2020-12" in fault.detail
    assert {told, "2020-12"} <= {*fault.months}


async def test_a_document_that_the_gate_would_not_take_is_found(
    owner: asyncpg.Connection, ledger: str, topic_prefix: str
) -> None:
    await owner.execute(
        "update facts set document = replace(document, '\"amount\":', '\"amount\":-') where id = 'p1-6'"
    )
    await owner.execute("update facts set document = replace(document, ',\"id\"', ' ,\"id\"') where id = 'p1-7'")
    _, found = await held(owner, topic_prefix)
    details = sorted(fault.detail for fault in found if fault.what is Wrong.UNREADABLE)
    assert details[0].startswith("sipp p1-6: data.amount: write whole rupiah")
    assert details[1] == "sipp p1-7: the gate would keep it in another form"


async def test_an_id_in_two_months_is_told_with_both_places(
    owner: asyncpg.Connection, ledger: str, topic_prefix: str, urls: Any, kafka_bootstrap: str
) -> None:
    again = [
        paid("17000001", "2021-05", 500, "2021-04-01", id_="p1-6"),
        paid("17000001", "2021-05", 1, "2021-04-01", id_="x"),
        due("17000001", "2021-06", 500, id_="p1-6"),
    ]  # fmt: skip
    async with taking(urls, kafka_bootstrap, ledger, topic_prefix) as pool:
        await publish(kafka_bootstrap, ledger, again, partitions=PARTITIONS)
        assert (await until_taken(pool, 1_203))["refused"] == 0
    for scope in (Scope(), Scope("2021-05")):
        _, (fault,) = await held(owner, topic_prefix, scope)
        assert fault.what is Wrong.TWICE
        assert fault.months[1:] == ("2021-05", "2021-06")
        assert fault.detail.count(f"{ledger}/") == 3
    assert kinds((await held(owner, topic_prefix, Scope("2021-07")))[1]) == {}


NPP = "17000001"


def report(id_: str, as_of: str, *, revision: int = 1, **whom: str) -> Record:
    data = dict.fromkeys(
        ("wage_workers_covered", "wage_workers_total", "non_wage_workers_covered", "non_wage_workers_total"), 1
    )
    return message("CoverageReported", id_, data | {"as_of": as_of, "revision": revision} | (whom or {"employer": NPP}))


def digital(id_: str, month: str, revision: int = 1) -> Record:
    data = {"employer": NPP, "month": month, "transactions": 9, "digital_transactions": 1, "revision": revision}
    return message("DigitalChannelUsed", id_, data)


def naming(kind: str, id_: str, month: str, **said: Any) -> Record:
    return message(kind, id_, {"employer": NPP, "month": month, **said})


def known_since(employer: str, month: str, id_: str = "x") -> Record:
    data = {"employer": employer, "size_class": "small", "region": "75.71", "obliged_from": "2021-01"}
    return message("EmployerRegistered", id_, data, time=f"{month}-02T03:00:00Z")


REVERSES = naming("ContributionReversed", "r", "2021-06", reverses="x")
CORRECTING = [
    naming("ContributionCorrected", "x", "2021-05", corrects="a", revision=1),
    naming("ContributionCorrected", "x", "2021-06", corrects="b", revision=1),
]


@pytest.mark.parametrize(
    ("twice", "settles"),
    [
        pytest.param(
            [paid(NPP, "2021-05", 5, "2021-04-01", id_="x"), due(NPP, "2021-06", 5, id_="x")],
            [REVERSES],
            id="dues-and-payments",
        ),
        pytest.param(
            [report("x", "2021-01-31"), report("x", "2021-02-28")],
            [report("y", "2021-02-28", revision=2)],
            id="reports",
        ),
        pytest.param([digital("x", "2021-05"), digital("x", "2021-06")], [digital("y", "2021-05", 2)], id="channels"),
        pytest.param(
            CORRECTING, [naming("ContributionCorrected", "y", "2021-05", corrects="a", revision=2)], id="corrections"
        ),
        pytest.param(
            CORRECTING, [naming("ContributionReversed", "y", "2021-06", reverses="b")], id="corrections-of-what-is-not"
        ),
        pytest.param(
            [known_since(NPP, "2021-01"), known_since("17000002", "2021-02")],
            [known_since(NPP, "2021-03", "y")],
            id="registrations",
        ),
        pytest.param([report("x", "2021-03-31"), due(NPP, "2021-06", 5, id_="x")], [REVERSES], id="kinds"),
        pytest.param(
            [],
            [naming("ContributionReversed", "x", month, reverses=month) for month in ("2021-07", "2021-08")],
            id="reversals",
        ),
        pytest.param([], [known_since(NPP, "2021-01"), known_since(NPP, "2021-02")], id="one-after-another"),
    ],
)
async def test_an_id_in_two_months_of_which_one_fact_counts_is_a_remark(
    owner: asyncpg.Connection,
    ledger: str,
    topic_prefix: str,
    urls: Any,
    kafka_bootstrap: str,
    twice: list[Record],
    settles: list[Record],
) -> None:
    """Whatever kind of fact it is, something that can still be sent ends the alarm."""
    taken = 1_200 + len(twice)
    async with taking(urls, kafka_bootstrap, ledger, topic_prefix) as pool:
        if twice:
            await publish(kafka_bootstrap, ledger, twice, partitions=PARTITIONS)
            assert (await until_taken(pool, taken))["refused"] == 0
            _, (fault,) = await held(owner, topic_prefix)
            assert (fault.what, len(fault.months)) == (Wrong.TWICE, 2)
        await publish(kafka_bootstrap, ledger, settles, partitions=PARTITIONS)
        assert (await until_taken(pool, taken + len(settles)))["refused"] == 0
        count, (remark,) = await held(owner, topic_prefix)
        assert (remark.what, count.remarks, count.faults) == (Wrong.SETTLED, 1, {})
        assert (await held(owner, topic_prefix, Scope(remark.months[0])))[1] == [remark]


async def test_an_id_in_two_topics_is_no_finding(
    owner: asyncpg.Connection,
    ledger: str,
    topic_prefix: str,
    urls: Any,
    kafka_bootstrap: str,
    make_topic: TopicFactory,
) -> None:
    coverage = await make_topic("bpjs.coverage.v1", 1)
    async with (
        taking(urls, kafka_bootstrap, ledger, topic_prefix) as pool,
        Consumer(kafka_bootstrap, pool, (coverage,), f"{topic_prefix}c", topic_prefix).running(),
    ):
        await publish(kafka_bootstrap, ledger, [due(NPP, "2021-06", 5, id_="x")], partitions=PARTITIONS)
        own = [report("x", "2021-03-31", region="75.71"), report("x", "2021-02-28", region="75.71")]
        await publish(kafka_bootstrap, coverage, own[:1], partitions=1)
        assert (await until_taken(pool, 1_202))["refused"] == 0
        for scope in (Scope(), Scope("2021-03"), Scope("2021-06")):
            assert (await held(owner, topic_prefix, scope))[1] == []
        await publish(kafka_bootstrap, coverage, own[1:], partitions=1)
        # A reversal on the other topic names a due or payment there, never this report.
        await publish(
            kafka_bootstrap, ledger, [naming("ContributionReversed", "r", "2021-06", reverses="x")],
            partitions=PARTITIONS,
        )  # fmt: skip
        assert (await until_taken(pool, 1_204))["refused"] == 0
    _, (fault,) = await held(owner, topic_prefix)
    assert (fault.what, fault.topic, fault.months) == (Wrong.TWICE, coverage, ("2021-02", "2021-03"))
    assert (await held(owner, topic_prefix, Scope("2021-06")))[1] == []


async def superuser(urls: Any, admin_url: str) -> asyncpg.Connection:
    return await asyncpg.connect(admin_url.rpartition("/")[0] + "/" + urls.owner_url.rpartition("/")[2])


@pytest.mark.parametrize(
    ("statements", "sentence"),
    [
        (("create schema {login}", "create view {login}.facts as select * from public.facts"), "{login}.facts has the"),
        (("create schema other", "create table other.facts_2021_03 (id text)"), "other.facts_2021_03 has the name"),
        (("create rule gone as on insert to places do instead nothing",), "public.places has the rule gone"),
        (("alter table facts_2021_03 enable row level security",), "public.facts_2021_03 has row-level security"),
        (("create policy apart on facts using (id <> 'p1-5')",), "public.facts has row-level security"),
        (
            ("create trigger mine before insert on facts for each row execute function refuse_change()",),
            "public.facts has a trigger that no migration makes: CREATE TRIGGER mine",
        ),
        (
            (
                "drop trigger facts_rows on facts",
                "create trigger facts_rows before delete on facts for each row execute function refuse_change()",
            ),
            "public.facts has a trigger that no migration makes: CREATE TRIGGER facts_rows",
        ),
        (("drop trigger facts_2021_03_truncate on facts_2021_03",), "lacks the trigger facts_2021_03_truncate"),
        (("alter table events disable trigger events_rows",), "events_rows, which is switched off"),
        (
            ("alter table measured_batches rename to was", "create view measured_batches as select * from was"),
            "public.measured_batches is no table",
        ),
        (("drop table watched",), "public.watched is not there"),
    ],
)
async def test_what_stands_between_the_tables_and_their_readers_is_found(
    statements: tuple[str, ...], sentence: str, urls: Any, postgres_admin_url: str
) -> None:
    admin, login = await superuser(urls, postgres_admin_url), urlsplit(urls.login_url).username
    try:
        await admin.execute("select ensure_month('2021-03-01')")
        assert await altered(admin) == []
        for statement in statements:
            await admin.execute(statement.format(login=login))
        found: list[Fault] = []
        await verify(admin, found.append)
    finally:
        await admin.close()
    assert set(kinds(found)) == {Wrong.ALTERED}
    assert any(sentence.format(login=login) in fault.detail for fault in found), found


async def test_a_view_under_the_logins_name_is_not_found_first(urls: Any, postgres_admin_url: str) -> None:
    admin, login = await superuser(urls, postgres_admin_url), urlsplit(urls.login_url).username
    try:
        for role in (login, f"{login}_owner"):
            await admin.execute(f"create schema {role}")
            await admin.execute(f"grant usage on schema {role} to public")
            await admin.execute(f"create view {role}.facts as select * from public.facts where false")
        database = urls.owner_url.rpartition("/")[2]
        await admin.execute(f'alter role {login} in database {database} set search_path = "$user", public')
        pool = await open_pool(urls.login_url, service="scoring", size=1)
        connection = await asyncpg.connect(urls.owner_url)
        for one in (pool, connection):
            assert await one.fetchval("select 'facts'::regclass = 'public.facts'::regclass")
        await close_pool(pool)
        await connection.close()
    finally:
        await admin.close()


async def test_a_sample_is_what_its_seed_draws(owner: asyncpg.Connection, ledger: str, topic_prefix: str) -> None:
    first, second, other = [
        (await held(owner, topic_prefix, Scope(sample=2, seed=seed)))[0] for seed in (1, 1, 3)
    ]  # fmt: skip
    assert first.batches == second.batches == other.batches == 2
    assert first.rows == second.rows < 1_200


async def test_the_command_says_what_is_wrong_and_ends_with_1(
    owner: asyncpg.Connection, ledger: str, topic_prefix: str, urls: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def of_test(connection: Any, found: Any, told: Any, scope: Any) -> Verified:
        return await verify(connection, found, told, scope, topic_prefix)

    monkeypatch.setattr(commands, "verify", of_test)
    monkeypatch.setattr(commands, "owner_url", lambda *_: urls.owner_url)
    await guarded(owner, guarded=True)
    good = await asyncio.to_thread(run, "ledger", "verify")
    assert (good.exit_code, "every row is as it was told" in good.output) == (0, True)
    assert "audit" in good.output
    row = await row_of(owner, "p1-5")
    await guarded(owner, guarded=False)
    await owner.execute("delete from facts where id = 'p1-5'")
    await guarded(owner, guarded=True)
    bad = await asyncio.to_thread(run, "ledger", "verify", "--json")
    told = json.loads(bad.output)
    assert isinstance(bad.exception, Finding)
    assert "1 removed" in str(bad.exception)
    assert [(one["what"], one["batch"]) for one in told["faults"]] == [("removed", row["batch"])]
    await owner.execute("alter table facts enable row level security")
    assert "altered: public.facts has row-level" in (await asyncio.to_thread(run, "ledger", "verify")).output
    assert "removed: " in (await asyncio.to_thread(run, "ledger", "verify", "--sample", "1000", "--seed", "4")).output
