"""Keys change on the running system while events flow, and an auditor follows; a database's owner brings in none."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner

import cli.audit
from kernel.canonical import Ed25519Signer
from kernel.clock import TestClock
from kernel.commands import Ask, Executor, Receipt
from kernel.decider import Decision, Emit, Loader
from kernel.keys import make_next_key, note_key, succeeding_key
from kernel.log import Wake
from kernel.tlog.encodings import to_base64
from kernel.tlog.notes import SignedNote, VerifierKey
from kernel.tokens import Grant
from schemas.codec import CODEC
from schemas.envelope import Event
from schemas.nomination import SeasonClosed
from schemas.service import ServiceKeyPublished
from services.audit.report import Report
from services.audit.verify import verify
from tests.support.whole import Whole, until, whole_system

pytestmark = pytest.mark.timeout(400, func_only=False)
PERSON = "01890000-0000-7000-8000-000000000001"
MARKS = {"marks": {"kebijakan": "80", "peraturan": "70", "kinerja": "90"}, "submit": True}


async def published(whole: Whole, service: str, key_id: str) -> None:
    """Wait until a service has published a key."""

    async def said() -> bool:
        rows = await whole.rows(
            service, "select document::json #>> '{data,key_id}' as key from events where stream = $1",
            f"service/{service}",
        )  # fmt: skip
        return key_id in {row["key"] for row in rows}

    await until(said, f"{service} does not publish {key_id}")


async def rotated(whole: Whole, service: str) -> str:
    """Make a service's next key, as the command does, and wait for nothing."""
    return make_next_key(whole.stack.options.data / "keys", service)[0].key_id


async def sheet(whole: Whole, office: str, province: str, code: str) -> None:
    await whole.does(whole.member(office, province), "scoring", "POST", whole.sheet_path(code), MARKS)


async def exported(whole: Whole, folder: Path) -> Path:
    """Export as an auditor does, everything that was told until now included."""
    heads = [f"--at-least={stream}@{version}" for stream, version in whole.heads.items()]
    ended = await asyncio.to_thread(
        CliRunner().invoke,
        cli.audit.app,
        ["export", str(folder), "--url", whole.url("audit"), "--token", whole.token(Grant.of("auditor")), *heads],
    )
    assert ended.exit_code == 0, (ended.output, ended.exception)
    return folder


def found(report: Report) -> set[str]:
    return {finding.code for finding in report.findings}


def rotations(report: Report) -> tuple[str, int]:
    outcome = next(one for one in report.checks if one.check.key == "rotations")
    return outcome.state, outcome.looked_at


def signing(folder: Path) -> set[bytes]:
    note = SignedNote.parse((folder / "checkpoint").read_bytes())
    return {line.key_id for line in note.signatures}


async def signs(whole: Whole, *keys: VerifierKey) -> None:
    """Wait until just these keys sign the newest checkpoint; what is refused meanwhile lets the log grow."""

    async def signed() -> bool:
        again = await whole.ask(whole.member("kepala-bps", "13"), "scoring", "POST", whole.sheet_path("13.71"), MARKS)
        assert again.status_code == 409, again.text
        await asyncio.sleep(1)
        note = (await whole.http.get(whole.url("audit", "/checkpoint"))).content
        return {line.key_id for line in SignedNote.parse(note).signatures} == {key.key_id for key in keys}

    await until(signed, f"no checkpoint is signed by {keys}", within=30)


async def test_keys_are_changed_while_events_flow_and_the_databases_owner_is_found(tmp_path: Path) -> None:
    async with whole_system() as whole:
        await whole.january()
        await whole.february()
        # Of two services at once, one of them with ingest beside it, while sheets come in.
        keys = {service: await rotated(whole, service) for service in ("scoring", "nomination", "audit")}
        for number, office in enumerate(("kepala-bps", "ketua-apindo") * 2):
            province, code = (("13", "13.72"), ("75", "75.71"))[number // 2]
            await sheet(whole, office, province, code)
        for service, key_id in keys.items():
            await published(whole, service, key_id)
        await asyncio.sleep(1)  # every process has looked by now
        await sheet(whole, "sekretaris-daerah", "13", "13.71")
        await sheet(whole, "sekretaris-daerah", "75", "75.03")

        folder = await exported(whole, tmp_path / "first")
        report = verify(folder)
        assert report.good, report.findings
        assert rotations(report) == ("passed", 3)
        trust = {(key["service"], key["key_id"]): key["trust"] for key in report.keys}
        assert all(trust[service, key_id] == "countersigned" for service, key_id in keys.items())
        pinned = verify(folder, service_keys={service: {key_id} for service, key_id in keys.items()})
        assert pinned.good, pinned.findings

        # The log's key: both sign, then the new one alone.
        signer = whole.stack.options.data / "signer"
        first = note_key(signer / "log.key", whole.stack.options.log_origin).verifier
        second = succeeding_key(signer / "log.key", signer / "log-2.key").after
        await restarted(whole)
        await signs(whole, first, second)
        both = await exported(whole, tmp_path / "both")
        assert signing(both) == {first.key_id, second.key_id}
        (signer / "log.key").unlink()
        await restarted(whole)
        await signs(whole, second)
        one = await exported(whole, tmp_path / "one")
        for number, held in enumerate((both, one)):
            for vkey in (first, second):
                told = verify(held, keys=[vkey])
                assert told.good, (number, told.findings)
                assert rotations(told) == ("passed", 4)
        assert {path.stem for path in (one / "keys").glob("*.vkey")} == {
            key.key_id.hex() for key in (first, second)
        }  # fmt: skip

        await attacked(whole, tmp_path)


async def restarted(whole: Whole) -> None:
    whole.stack.kill("signer")
    await whole.stack.ready("signer")


async def attacked(whole: Whole, folder: Path) -> None:
    """Let nomination's database's owner publish a key of theirs, and close the season with it."""
    thief = Ed25519Signer(Ed25519PrivateKey.generate())
    public = b64encode(thief.public_key).decode()
    key = ServiceKeyPublished(
        service="nomination", key_id=thief.key_id, algorithm="Ed25519", use="events", public_key=public,
        proof=to_base64(thief.sign(CODEC.key_statement("nomination", thief.key_id, public, None))),
    )  # fmt: skip
    pool = await asyncpg.create_pool(whole.stack.databases["nomination"].owner_url, min_size=1, max_size=2)
    try:
        clock = TestClock(whole.stack.options.data / "clock.json")
        executor = Executor("nomination", pool, CODEC, clock, Wake(), thief)
        for number, (stream, event) in enumerate(
            (("service/nomination", key), ("season/2020", SeasonClosed(season="2020", first=PERSON, second=PERSON)))
        ):
            receipt = await executor.execute(asked(clock.now(), number), says(stream, event))
            assert isinstance(receipt, Receipt)
            whole.heads[stream] = receipt.events[0].version
    finally:
        await pool.close()
    report = verify(await exported(whole, folder / "attacked"))
    assert {"rotation", "unknown-key"} <= found(report)
    at = {finding.code: finding.place.stream for finding in report.findings}
    assert at["rotation"] == "service/nomination"
    assert at["unknown-key"] == "season/2020"
    assert thief.key_id in {key["key_id"] for key in report.keys if key["trust"] == "none"}


def asked(now: datetime, number: int) -> Ask:
    return Ask(PERSON, "POST /v1/things", f"thief-{number}", b"digest", now.astimezone(UTC))


def says(stream: str, event: Event):
    async def program(_load: Loader) -> Decision:
        return [Emit(stream, event)]

    return program
