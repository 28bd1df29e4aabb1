"""The environment of a service, read once; a missing or wrong setting is one clear line.

Each setting is described where it is declared, so that the program can list them all. Names are those people rely on:
`DATABASE_URL` and `KAFKA_BOOTSTRAP_SERVERS` as everywhere, ours with `PARITRANA_` before them.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from kernel.clock import Clock, clock_from

IpNetwork: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
LOOPBACK: Final[tuple[IpNetwork, ...]] = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


class StartFailed(Exception):
    """A service cannot start; the message is one line for the person who started it."""


class SettingsError(StartFailed):
    """A setting is missing or wrong."""


def _url(*schemes: str) -> AfterValidator:
    def check(value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in schemes or not parts.hostname:
            raise ValueError(f"must be a URL like {schemes[0]}://host:port")
        return value

    return AfterValidator(check)


def _bootstrap(value: str) -> str:
    for server in value.split(","):
        if not re.fullmatch(r"[^\s:,]+:\d{1,5}|\[[0-9a-fA-F:]+\]:\d{1,5}", server.strip()):
            raise ValueError("must be host:port, several with commas between")
    return value


def _clock(value: str) -> str:
    if value != "system" and not re.fullmatch(r"test:.+", value):
        raise ValueError("must be 'system' or 'test:<path of the clock file>'")
    return value


def _networks(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return tuple(ipaddress.ip_network(part.strip()) for part in value.split(",") if part.strip())


HttpUrl = Annotated[str, _url("http", "https")]
Port = Annotated[int, Field(ge=1, le=65535)]


class ProcessSettings(BaseSettings):
    """What every process of ours that answers over HTTP reads.

    Each field is read from the environment variable that is its `validation_alias`.
    """

    model_config = SettingsConfigDict(extra="ignore", frozen=True, populate_by_name=True, env_ignore_empty=True)

    host: str = Field(default="127.0.0.1", validation_alias="PARITRANA_HOST", description="Address to listen on.")
    port: Port = Field(validation_alias="PARITRANA_PORT", description="Port to listen on.")
    metrics_networks: Annotated[tuple[IpNetwork, ...], NoDecode, BeforeValidator(_networks)] = Field(
        default=LOOPBACK,
        validation_alias="PARITRANA_METRICS_NETWORKS",
        description="Networks that may read /metrics, in CIDR form with commas between.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", validation_alias="PARITRANA_LOG_LEVEL", description="The least level that is logged."
    )

    @classmethod
    def load(cls, **given: Any) -> Self:
        """Read the environment; `given` values by field name go before it. Raise SettingsError with one line."""
        try:
            return cls(**given)
        except ValidationError as error:
            raise SettingsError("; ".join(_line(cls, dict(each)) for each in error.errors())) from None


class ServiceSettings(ProcessSettings):
    """What every service reads; a service adds its own in a subclass."""

    database_url: Annotated[str, _url("postgresql", "postgres")] = Field(
        validation_alias="DATABASE_URL", description="PostgreSQL database of the service, as its login role."
    )
    kafka_bootstrap_servers: Annotated[str, AfterValidator(_bootstrap)] = Field(
        default="127.0.0.1:9092",
        validation_alias="KAFKA_BOOTSTRAP_SERVERS",
        description="Kafka's bootstrap servers, host:port, several with commas between.",
    )
    data: Path | None = Field(
        default=None, validation_alias="PARITRANA_DATA", description="Folder of the embedded stack's data."
    )
    clock: Annotated[str, AfterValidator(_clock)] = Field(
        default="system",
        validation_alias="PARITRANA_CLOCK",
        description="The clock of the award: 'system', or 'test:<file>' on the embedded stack.",
    )
    identity_url: HttpUrl = Field(
        default="http://127.0.0.1:8085",
        validation_alias="PARITRANA_IDENTITY_URL",
        description="Where the identity service answers.",
    )
    keys: Path | None = Field(
        default=None,
        validation_alias="PARITRANA_KEYS",
        description="Folder of signing keys and service secrets; the folder `keys` in PARITRANA_DATA when unset.",
    )
    embedded: bool = Field(
        default=False,
        validation_alias="PARITRANA_EMBEDDED",
        description="1 on the embedded stack: development persons and secrets are made at first start.",
    )
    wait_seconds: Annotated[float, Field(gt=0, le=3600)] = Field(
        default=60.0,
        validation_alias="PARITRANA_WAIT_SECONDS",
        description="How long to wait at a start for a database or broker that does not answer.",
    )
    smtp_url: Annotated[str, _url("smtp", "smtps")] | None = Field(
        default=None,
        validation_alias="PARITRANA_SMTP_URL",
        description="Mail server to hand mail to, smtp://host:port; without it no mail is sent.",
    )

    @property
    def keys_folder(self) -> Path:
        """Return the folder of keys and secrets; raise SettingsError when none is set."""
        if self.keys is not None:
            return self.keys
        if self.data is not None:
            return self.data / "keys"
        raise SettingsError("PARITRANA_KEYS is not set; set it to the folder of keys and secrets")

    def make_clock(self) -> Clock:
        """Return the clock that PARITRANA_CLOCK names; raise SettingsError when its file cannot be read."""
        try:
            clock = clock_from(self.clock)
            clock.now()
        except (OSError, ValueError, KeyError) as error:
            raise SettingsError(f"PARITRANA_CLOCK is {self.clock!r}, which cannot be used: {error}") from None
        return clock


def _line(settings: type[BaseSettings], error: dict[str, Any]) -> str:
    first = str(error["loc"][0])
    field = settings.model_fields.get(first)
    name = first if field is None else environment_name(first, field)
    if error["type"] == "missing":
        about = next(
            (each.description for key, each in settings.model_fields.items() if name == environment_name(key, each)), ""
        )
        return f"{name} is not set; set it: {about}"
    said = str(error["msg"]).removeprefix("Value error, ")
    shown = "" if name == "DATABASE_URL" else f" {error['input']!r}"  # it holds a password
    return f"{name}{shown} is wrong: {said}"


def environment_name(name: str, field: FieldInfo) -> str:
    """Return the environment variable that a settings field is read from."""
    return field.validation_alias if isinstance(field.validation_alias, str) else name.upper()


@dataclass(frozen=True, slots=True)
class DescribedSetting:
    """One setting as it is listed: its variable, its default (None: must be set) and what it is for."""

    name: str
    default: str | None
    description: str


def describe(*settings: type[BaseSettings]) -> list[DescribedSetting]:
    """Return every setting of the given classes once, in order of their names."""
    found: dict[str, DescribedSetting] = {}
    for each in settings:
        for name, field in each.model_fields.items():
            variable = environment_name(name, field)
            found.setdefault(variable, DescribedSetting(variable, _default(field), field.description or ""))
    return sorted(found.values(), key=lambda setting: setting.name)


def _default(field: FieldInfo) -> str | None:
    if field.default is PydanticUndefined:
        return None
    if isinstance(field.default, tuple):
        return ",".join(str(part) for part in field.default)
    return "" if field.default is None else str(field.default)
