"""A full disk: PostgreSQL says so, and what it had acknowledged is there when there is room again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from deploy.local.ports import free_ports
from deploy.local.postgres import Postgres
from tests.support.stack import remove_folder, temporary_folder

_SIZE = "160m"
_SPARE_BYTES = 48 * 1024 * 1024
_MOST_ROWS = 5_000


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A tmpfs of 160 MB."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("a full disk is tried on a small tmpfs, and only root can mount one")
    folder = temporary_folder()
    disk = folder / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={_SIZE},mode=755", "tmpfs", disk],
        check=False,
        capture_output=True,
        text=True,
    )
    if mounted.returncode != 0:
        remove_folder(folder)
        pytest.skip(f"a full disk is tried on a small tmpfs, and this machine mounts none: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", disk], check=True)
    remove_folder(folder)


async def test_a_full_disk_is_a_clear_error_and_loses_nothing_committed(small_disk: Path) -> None:
    (small_disk / "spare").write_bytes(bytes(_SPARE_BYTES))
    log = small_disk.parent / "postgresql.log"
    server = Postgres(
        small_disk / "postgresql",
        free_ports(1)[0],
        log=log,
        settings={"max_wal_size": "32MB", "min_wal_size": "32MB", "shared_buffers": "16MB"},
    )
    await server.start()
    try:
        acknowledged, error = await _fill(server.admin_url)
        assert "No space left on device" in log.read_text()
        assert isinstance(error, asyncpg.DiskFullError | asyncpg.PostgresConnectionError | OSError)
        (small_disk / "spare").unlink()
        if server.child is None or not server.child.running:
            await server.start()
        # One more may be there: committed, and its acknowledgement lost with the connection.
        found = await _rows(server.admin_url)
        assert found[: len(acknowledged)] == acknowledged
        assert len(found) <= len(acknowledged) + 1
    finally:
        await server.stop()


async def _fill(url: str) -> tuple[list[int], Exception]:
    acknowledged: list[int] = []
    try:
        connection = await asyncpg.connect(url)
        await connection.execute("CREATE TABLE filled (number int, bulk bytea)")
        await connection.execute("ALTER TABLE filled ALTER bulk SET STORAGE EXTERNAL")
        for number in range(_MOST_ROWS):
            await connection.execute("INSERT INTO filled VALUES ($1, $2)", number, os.urandom(256 * 1024))
            acknowledged.append(number)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        connection.terminate()
        return acknowledged, error
    raise AssertionError("the disk did not fill")


async def _rows(url: str) -> list[int]:
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                connection = await asyncpg.connect(url)
                try:
                    return [row["number"] for row in await connection.fetch("SELECT number FROM filled ORDER BY 1")]
                finally:
                    await connection.close()
            await asyncio.sleep(0.1)
