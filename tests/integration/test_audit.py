"""Audit on a real database: what auditors are given, and an export through HTTP that verifies offline."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import orjson
import pytest
import pytest_asyncio
from fastapi import FastAPI
from joserfc.jwk import OKPKey
from typer.testing import CliRunner

from cli.audit import app as program
from cli.output import Finding, WrongUse
from kernel.canonical import envelope_of
from kernel.log import NO_HEAD, Append, Entry, Head, append
from kernel.tlog.checkpoints import Checkpoint
from kernel.tlog.notes import NoteKey, VerifierKey
from kernel.tlog.trees import GrowingTree, leaf_hash
from kernel.tokens import Grant, LocalJwks, Person, TokenVerifier, issue
from services.audit.app import create_service
from services.audit.log.leaves import Leaf
from services.audit.log.store import LogStore
from services.audit.settings import AuditSettings
from services.audit.verify import verify
from tests.support.serving import serving
from tests.unit.audit.exported import DELIVERY, NOMINATION, SHEET, Log, delivered, small_log
from tests.unit.audit.forging import rules
from tests.unit.audit.played import whole

KEY = OKPKey.generate_key("Ed25519", parameters={"kid": "test", "use": "sig"})


def bearer(*roles: str) -> str:
    person = Person(str(UUID(int=1)), tuple(Grant.of(role) for role in roles))
    return issue(KEY, person, lifetime=600).token


def headers(*roles: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {bearer(*roles)}"}


@dataclass
class Store:
    """Audit's log, filled by hand as the receiver fills it, and its API."""

    pool: asyncpg.Pool
    url: str
    client: httpx.AsyncClient
    state: Any
    taken: dict[str, int]

    async def receive(self, log: Log, *streams: str) -> None:
        """Take what a log has beyond what was taken before; all streams, or those named."""
        for stream in streams or log.documents:
            for version in range(self.taken.get(stream, 0) + 1, len(log.documents[stream]) + 1):
                await self._take(stream, version, log.documents[stream][version - 1], log)
                self.taken[stream] = version

    async def _take(self, stream: str, version: int, document: str, log: Log) -> None:
        doc = orjson.loads(document)
        following = orjson.loads(log.documents[stream][version]) if version < len(log.documents[stream]) else None
        digest = bytes.fromhex(following["prevhash"]) if following else log.hashes[stream]
        before = Head(version - 1, bytes.fromhex(doc["prevhash"])) if "prevhash" in doc else NO_HEAD
        entry = Entry(stream, version, doc["id"], doc["type"], digest, document, 0, version)
        async with self.pool.acquire() as connection:
            times = {stream: datetime.fromisoformat(doc["time"])}
            await append(connection, Append([entry], {stream: before}, times, own=False))

    async def get(self, path: str, *roles: str) -> Any:
        answer = await self.client.get(path, headers=headers(*(roles or ("auditor",))))
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def status_of(self, path: str, *roles: str) -> int:
        return (await self.client.get(path, headers=headers(*roles) if roles else {})).status_code


@pytest_asyncio.fixture
async def store(database: Any, tmp_path: Path) -> AsyncIterator[Store]:
    _, login_url = await database("audit")
    service = create_service(AuditSettings.load(database_url=login_url, keys=tmp_path / "keys", embedded=True))
    service.app.state.verifier = TokenVerifier(LocalJwks(lambda: {"keys": [KEY.as_dict(private=False)]}))
    async with serving(service.app) as url, httpx.AsyncClient(base_url=url, trust_env=False) as client:
        yield Store(service.pool, url, client, service.app.state, {})


def run(*arguments: str) -> Any:
    return CliRunner().invoke(program, [*arguments])


async def export(store: Store, folder: Path, *arguments: str, role: str = "auditor") -> Any:
    return await asyncio.to_thread(
        run, "export", str(folder), "--url", store.url, "--token", bearer(role), "--json", *arguments
    )


async def test_status_counts_streams_and_events_by_topic(store):
    await store.receive(small_log())
    found = await store.get("/v1/status", "operator")
    assert (found["streams"], found["events"], found["waiting"]) == (7, 10, 0)
    topics = {one["topic"]: (one["streams"], one["events"]) for one in found["topics"]}
    assert topics["paritrana.scores.v1"] == (1, 3)
    assert topics["paritrana.nomination.v1"] == (3, 3)
    assert topics["paritrana.notifications.v1"] == (2, 3)
    assert topics["paritrana.audit.v1"] == (0, 0)


async def test_only_auditors_read_events_and_heads(store):
    for path in ("/v1/events", "/v1/heads", "/v1/export?until=1-1-1"):
        assert await store.status_of(path) == 401
        assert await store.status_of(path, "operator", "member", "season-admin") == 403
    assert await store.status_of("/v1/status", "member") == 403


async def test_events_come_in_pages_in_the_stores_order_and_by_stream(store):
    log = small_log()
    await store.receive(log)
    seen: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = await store.get(f"/v1/events?limit=3{cursor}")
        seen += page["items"]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert sorted(one["document"] for one in seen) == sorted(d for found in log.documents.values() for d in found)
    sheet = await store.get(f"/v1/events?stream={SHEET}&limit=2")
    rest = await store.get(f"/v1/events?stream={SHEET}&limit=2&cursor={sheet['next']}")
    assert [one["version"] for one in sheet["items"] + rest["items"]] == [1, 2, 3]
    assert rest["next"] is None


async def test_heads_come_in_pages_and_by_stream(store):
    log = small_log()
    await store.receive(log)
    first = await store.get("/v1/heads?limit=4")
    second = await store.get(f"/v1/heads?limit=4&cursor={first['next']}")
    assert [one["stream"] for one in first["items"] + second["items"]] == sorted(log.documents)
    assert (await store.get(f"/v1/heads?stream={SHEET}"))["items"][0]["hash"] == log.hashes[SHEET].hex()
    assert (await store.get("/v1/heads?stream=sheet/unknown"))["items"] == []


@pytest.mark.parametrize(
    "path",
    [
        "/v1/export",
        "/v1/export?until=x",
        "/v1/export?until=9-9-9",
        "/v1/export?until=1-1-1&cursor=x",
        "/v1/export?until=1-1-1&limit=0",
        "/v1/events?cursor=x",
        "/v1/events?stream=%00",
        "/v1/heads?stream=Nonsense",
        "/v1/events?limit=100000",
        "/v1/export?until=" + "9" * 100,
    ],
)
async def test_wrong_questions_are_told_what_to_change(store, path):
    answer = await store.client.get(path, headers=headers("auditor"))
    assert 400 <= answer.status_code < 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"]


async def test_an_export_does_not_move_while_events_arrive(store):
    log = small_log()
    await store.receive(log)
    until = (await store.get("/v1/status"))["position"]
    first = await store.get(f"/v1/export?until={until}&limit=4")
    log.append(DELIVERY, delivered("018f0000-0000-7000-8000-000000000009", "late"))
    await store.receive(log)
    rest = await store.get(f"/v1/export?until={until}&limit=100&cursor={first['next']}")
    assert len(first["items"]) + len(rest["items"]) == 10
    listed = [(one["stream"], one["version"]) for one in first["items"] + rest["items"]]
    assert listed == sorted(listed)


async def test_an_export_through_http_verifies_offline_and_a_change_is_found(store, tmp_path):
    log = small_log()
    await store.receive(log)
    ended = await export(store, tmp_path / "export")
    assert ended.exit_code == 0, ended.output
    result = orjson.loads(ended.output[ended.output.index("{\n") :])
    assert (result["events"], result["streams"]) == (10, 7)
    assert verify(tmp_path / "export", result["digest"]).good
    path = tmp_path / "export/events/paritrana.scores.v1/sheet.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"87.5"', b'"97.5"'))
    changed = await asyncio.to_thread(run, "verify", str(tmp_path / "export"), "--digest", result["digest"])
    assert isinstance(changed.exception, Finding)
    assert f"{SHEET}@3" in changed.output


async def grow(store: Store, log: Log, signing: NoteKey) -> None:
    """Take everything of a log, and make its tree and a checkpoint, as the sequencer and the signer do."""
    await store.receive(log)
    kept, tree = LogStore(store.pool), GrowingTree()
    envelopes = [orjson.loads(entry) for entry in log.entries]
    leaves = [
        Leaf(said["subject"], said["streamversion"], leaf_hash(entry))
        for said, entry in zip(envelopes, log.entries, strict=True)
    ]
    tiles = [*tree.append(leaf.hash for leaf in leaves), *tree.partial()]
    end = await kept.end()
    await kept.integrate(end, leaves, dict(tiles), end._replace(next_offset=len(leaves), digest=b"0" * 32, cluster="c"))
    note = Checkpoint(signing.name, len(leaves), tree.root).signed(signing).raw.decode()
    assert await kept.sign(len(leaves), note, datetime.now(UTC))

    async def verifiers() -> list[VerifierKey]:
        return [signing.verifier]

    store.state.log_signing = SimpleNamespace(verifiers=verifiers, successions=())


async def test_parts_of_the_log_come_through_http_and_verify_offline(store, tmp_path):
    log, signing = whole(rules()).log, NoteKey.generate("test.example/log")
    await grow(store, log, signing)
    nomination = next(stream for stream in log.documents if stream.startswith("nomination/")).partition("/")[2]
    for name, part in {
        "season": ("--season", "2020"),
        "province.tar.zst": ("--season", "2020", "--province", "75"),
        "nomination": ("--season", "2020", "--nomination", nomination),
    }.items():
        ended = await export(store, tmp_path / name, *part)
        assert ended.exit_code == 0, (ended.output, ended.exception)
        result = orjson.loads(ended.output[ended.output.index("{\n") :])
        assert 0 < result["events"] <= len(log.entries)
        assert result["withheld"] == len(log.entries) - result["events"]
        arguments = ("--digest", result["digest"], "--vkey", signing.verifier.text)
        told = await asyncio.to_thread(run, "verify", str(tmp_path / name), *arguments)
        assert told.exit_code == 0, told.output
        assert "PART " in told.output
    for strange in (("--season", "1999"), ("--season", "2020", "--nomination", str(UUID(int=7 << 76 | 2 << 62)))):
        ended = await export(store, tmp_path / "none", *strange)
        assert isinstance(ended.exception, WrongUse)
        assert "the log has no" in str(ended.exception)


async def test_streams_are_chosen_and_only_under_a_checkpoint(store):
    log = small_log()
    await grow(store, log, NoteKey.generate("test.example/log"))
    until = f"log:{len(log.entries)}"

    async def chosen(*of: str, more: str = "") -> list[tuple[str, int]]:
        query = "".join(f"&of={one}" for one in of)
        found = await store.get(f"/v1/export?until={until}{query}{more}")
        return [(one["stream"], one["version"]) for one in found["items"]]

    assert await chosen(SHEET) == [(SHEET, 1), (SHEET, 2), (SHEET, 3)]
    assert await chosen(SHEET[:-1]) == []
    assert await chosen("sheet/*", DELIVERY, more="&first=true") == [(DELIVERY, 1), (SHEET, 1)]
    page = await store.get(f"/v1/export?until={until}&of=sheet/*&limit=2")
    rest = await store.get(f"/v1/export?until={until}&of=sheet/*&cursor={page['next']}")
    assert [one["version"] for one in page["items"] + rest["items"]] == [1, 2, 3]
    for item in page["items"]:
        assert log.entries[item["index"]] == envelope_of(orjson.loads(item["document"]))
    for strange in ("of=*", "of=x", "of=a*b", f"of={'&of='.join(['season/2020'] * 21)}", f"cursor={page['next']}"):
        assert await store.status_of(f"/v1/export?until={until}&{strange}", "auditor") in (400, 422), strange
    assert await store.status_of("/v1/export?until=1-1-1&of=sheet/*", "auditor") == 422


async def test_two_exports_of_one_store_hold_the_same_events(store, tmp_path):
    await store.receive(small_log())
    for name in ("one", "two"):
        assert (await export(store, tmp_path / name)).exit_code == 0
    for path in sorted((tmp_path / "one" / "events").glob("*/*")):
        assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()


async def test_an_export_is_refused_to_others_than_auditors(store, tmp_path):
    ended = await export(store, tmp_path / "export", "--wait", "0", role="operator")
    assert isinstance(ended.exception, WrongUse)
    assert "auditor" in str(ended.exception)


async def test_another_service_at_the_url_is_told(store, tmp_path):
    other = FastAPI()
    other.get("/v1/status")(lambda: {"hello": "world"})
    async with serving(other) as url:
        arguments = ("export", str(tmp_path / "export"), "--url", url, "--token", "t", "--wait", "0")
        ended = await asyncio.to_thread(run, *arguments)
    assert isinstance(ended.exception, WrongUse)
    assert "not the audit service" in str(ended.exception)


async def test_an_export_waits_for_the_event_that_it_must_hold(store, tmp_path):
    log = small_log()
    await store.receive(log)
    waiting = asyncio.create_task(export(store, tmp_path / "export", "--at-least", f"{DELIVERY}@3"))
    log.append(DELIVERY, delivered(orjson.loads(log.documents[f"nomination/{NOMINATION}"][0])["id"], "late"))
    await store.receive(log)
    ended = await waiting
    assert ended.exit_code == 0, ended.output
    assert b'"streamversion":3' in (tmp_path / "export/events/paritrana.notifications.v1/delivery.jsonl").read_bytes()
    late = await export(store, tmp_path / "late", "--at-least", f"{DELIVERY}@9", "--wait", "0")
    assert isinstance(late.exception, WrongUse)


async def test_an_export_without_a_cause_is_a_finding_and_says_which(store, tmp_path):
    log = small_log()
    await store.receive(log, *(stream for stream in log.documents if not stream.startswith("nomination/")))
    ended = await export(store, tmp_path / "export", "--wait", "0")
    assert isinstance(ended.exception, Finding)
    assert DELIVERY in str(ended.exception)


async def test_nothing_in_the_store_can_be_changed_by_the_service(store):
    await store.receive(small_log())
    for statement in ("update events set document = 'x'", "delete from events", "truncate events"):
        with pytest.raises(asyncpg.PostgresError):
            await store.pool.execute(statement)
