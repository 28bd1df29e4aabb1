"""Every setting of the system, with its meaning and default: one table for the supervisor, the CLI and the README."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from deploy.local.child import StackError
from deploy.local.folders import default_data_folder
from schemas.topics import SERVICES


@dataclass(frozen=True, slots=True)
class Setting:
    """One environment variable: what it means, and what holds when it is not set."""

    name: str
    meaning: str
    default: str


# Started in this order, each when the one before is ready; stopped in the reverse one.
START_ORDER: Final = ("identity", "nomination", "scoring", "notifications", "audit")
assert set(START_ORDER) == set(SERVICES)  # noqa: S101 - a service that is never started would be noticed late

PORTS: Final[Mapping[str, tuple[str, int]]] = {
    "nomination": ("PARITRANA_NOMINATION_PORT", 8081),
    "scoring": ("PARITRANA_SCORING_PORT", 8082),
    "notifications": ("PARITRANA_NOTIFICATIONS_PORT", 8083),
    "audit": ("PARITRANA_AUDIT_PORT", 8084),
    "identity": ("PARITRANA_IDENTITY_PORT", 8085),
    "ingest": ("PARITRANA_INGEST_PORT", 8086),
    "signer": ("PARITRANA_SIGNER_PORT", 8087),
    "kafka": ("PARITRANA_KAFKA_PORT", 9092),
    "kafka-controller": ("PARITRANA_KAFKA_CONTROLLER_PORT", 9093),
    "postgresql": ("PARITRANA_POSTGRES_PORT", 5432),
    "mail-sink": ("PARITRANA_MAIL_PORT", 8025),
    "control": ("PARITRANA_CONTROL_PORT", 8079),
}

# The other program of a service: it runs over that service's database, with its keys.
PROGRAM_OF: Final[Mapping[str, str]] = {"ingest": "scoring"}

# What the audit's log is called on the embedded stack.
LOG_ORIGIN: Final = "paritrana.localhost/log"

# A second scoring process listens this far above the first, a third twice as far.
REPLICA_STEP: Final = 100

SETTINGS: Final = (
    Setting("KAFKA_BOOTSTRAP_SERVERS", "A broker to use instead of the embedded one: host:port[,host:port].", ""),
    Setting("DATABASE_URL", "A PostgreSQL administrator's URL to use instead of the embedded server.", ""),
    Setting("PARITRANA_DATA", "The one folder that holds all data, logs, keys and secrets of the stack.", "per user"),
    Setting("PARITRANA_CLOCK", "The clock of record: `system`, `test` (the stack's own), or `test:<file>`.", "system"),
    Setting("PARITRANA_HOST", "The address that services listen on.", "127.0.0.1"),
    Setting("PARITRANA_SMTP_URL", "Where mail is handed in: smtp://host:port. Without it no mail is sent.", ""),
    Setting("PARITRANA_WAIT_SECONDS", "How long to wait for a broker or database that is not embedded.", "30"),
    Setting(
        "PARITRANA_POSTGRES_USER", "Whom the embedded PostgreSQL runs as when root starts it.", "postgres or nobody"
    ),
    Setting("XDG_CACHE_HOME", "Where downloaded jars are kept, below `paritrana`.", "~/.cache"),
    *(Setting(name, f"The loopback port of {what}.", str(default)) for what, (name, default) in PORTS.items()),
    Setting("PARITRANA_PORT", "Set for each service by the supervisor: the port it listens on.", ""),
    Setting("PARITRANA_KEYS", "Set by the supervisor: the folder of signing keys (mode 0700).", ""),
    Setting("PARITRANA_EMBEDDED", "Set by the supervisor: `1` where development persons exist.", ""),
    Setting("PARITRANA_IDENTITY_URL", "Set by the supervisor: where identity answers.", ""),
    Setting("PARITRANA_NOMINATION_URL", "Set by the supervisor: where nomination answers.", ""),
    Setting("PARITRANA_SCORING_URL", "Set by the supervisor: where scoring answers.", ""),
    Setting("PARITRANA_SIGNER_URL", "Set by the supervisor: where the log's signer answers.", ""),
    Setting("PARITRANA_SIGNER_FOLDER", "Set by the supervisor: the signer's keys and what it signed last.", ""),
    Setting("PARITRANA_SIGNER_SUBMITTERS", "Set by the supervisor: verifier keys of who may hand in checkpoints.", ""),
    Setting("PARITRANA_LOG_ORIGIN", "What the audit's log is called, for ever: a URL without its scheme.", LOG_ORIGIN),
    Setting("PARITRANA_NOTIFICATIONS_URL", "Set by the supervisor: where notifications answers.", ""),
    Setting("PARITRANA_WATCH_SECONDS", "Seconds between two looks of the audit at feeds, topics and its tree.", "10"),
    Setting("PARITRANA_WITNESSES", "Witnesses of the log: URL and verifier key of each, with commas between.", ""),
)


@dataclass(frozen=True, slots=True)
class StackOptions:
    """What a stack is started with; `clock` is `system`, `test`, or `test:<file>`."""

    data: Path
    ports: Mapping[str, int] = field(default_factory=lambda: {name: port for name, (_, port) in PORTS.items()})
    clock: str = "system"
    kafka: str | None = None
    database_url: str | None = None
    smtp_url: str | None = None
    mail_sink: bool = False
    scoring: int = 1
    ingest: int = 1
    services: tuple[str, ...] = START_ORDER
    wait_seconds: float = 30.0
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def log_origin(self) -> str:
        """Return what the audit's log is called."""
        return self.environment.get("PARITRANA_LOG_ORIGIN") or os.environ.get("PARITRANA_LOG_ORIGIN") or LOG_ORIGIN

    @property
    def consumers(self) -> int:
        """Return how many fact consumers run: none without the service whose ledger they fill."""
        return self.ingest if PROGRAM_OF["ingest"] in self.services else 0


def data_folder(environment: Mapping[str, str], given: Path | None = None) -> Path:
    """Return the data folder: the given one, else PARITRANA_DATA, else the user's default."""
    chosen = given or (Path(environment["PARITRANA_DATA"]) if environment.get("PARITRANA_DATA") else None)
    return (chosen or default_data_folder()).expanduser().absolute()


def ports_from(environment: Mapping[str, str]) -> dict[str, int]:
    """Return every port, from its setting or its default; raise StackError for one that is no port."""
    return {what: _number(environment, name, default, at_most=65_535) for what, (name, default) in PORTS.items()}


def options_from(environment: Mapping[str, str], *, data: Path | None = None) -> StackOptions:
    """Read the settings of `up` from the environment; raise StackError for a malformed one."""
    clock = environment.get("PARITRANA_CLOCK") or "system"
    if clock not in ("system", "test") and not clock.startswith("test:"):
        raise StackError(f"PARITRANA_CLOCK is {clock!r}: use system, test, or test:<path of the clock file>")
    return StackOptions(
        data=data_folder(environment, data),
        ports=ports_from(environment),
        clock=clock,
        kafka=environment.get("KAFKA_BOOTSTRAP_SERVERS") or None,
        database_url=environment.get("DATABASE_URL") or None,
        smtp_url=environment.get("PARITRANA_SMTP_URL") or None,
        wait_seconds=_number(environment, "PARITRANA_WAIT_SECONDS", 30, at_most=3_600),
    )


def environment_of(options: StackOptions) -> dict[str, str]:
    """Return the settings that `options_from` would read `options` from, the data folder included."""
    given = {
        "PARITRANA_DATA": str(options.data),
        "PARITRANA_CLOCK": options.clock,
        "PARITRANA_WAIT_SECONDS": f"{options.wait_seconds:.0f}",
        "KAFKA_BOOTSTRAP_SERVERS": options.kafka or "",
        "DATABASE_URL": options.database_url or "",
        "PARITRANA_SMTP_URL": options.smtp_url or "",
    }
    return {**given, **{name: str(options.ports[what]) for what, (name, _) in PORTS.items()}, **options.environment}


def _number(environment: Mapping[str, str], name: str, default: int, *, at_most: int) -> int:
    text = environment.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= at_most):
        raise StackError(f"{name} is {text!r}: use a whole number from 1 to {at_most}")
    return int(text)
