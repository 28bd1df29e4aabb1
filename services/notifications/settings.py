"""What notifications reads from its environment beside what every service reads."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo
from pydantic_settings import NoDecode

from kernel.settings import LOOPBACK, IpNetwork, Port, ServiceSettings
from services.notifications.mail import is_address


def _address(value: str) -> str:
    if not is_address(value):
        raise ValueError("must be an address like award@example.org")
    return value


def _networks(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return tuple(ipaddress.ip_network(part.strip()) for part in value.split(",") if part.strip())


def _loopback_only(value: tuple[IpNetwork, ...], info: ValidationInfo) -> tuple[IpNetwork, ...]:
    if value and not info.data.get("embedded"):
        raise ValueError("is for the embedded stack only; leave it out")
    for network in value:
        if not any(network.version == own.version and network.subnet_of(own) for own in LOOPBACK):  # type: ignore[arg-type]
            raise ValueError("may hold loopback networks only, such as 127.0.0.0/8")
    return value


class NotificationsSettings(ServiceSettings):
    """Notifications' settings."""

    port: Port = Field(default=8083, validation_alias="PARITRANA_PORT", description="Port to listen on.")
    mail_from: Annotated[str, AfterValidator(_address)] = Field(
        default="no-reply@paritrana.invalid",
        validation_alias="PARITRANA_MAIL_FROM",
        description="Address that mail is sent from; its domain also ends every Message-ID.",
    )
    webhook_networks: Annotated[
        tuple[IpNetwork, ...], NoDecode, BeforeValidator(_networks), AfterValidator(_loopback_only)
    ] = Field(
        default=(),
        validation_alias="PARITRANA_WEBHOOK_NETWORKS",
        description="Loopback networks, in CIDR form, that webhooks may reach by plain http and at any port; for tests "
        "on the embedded stack only. Every other private address is refused.",
    )
    digest_hour: Annotated[int, Field(ge=0, le=23)] = Field(
        default=17,
        validation_alias="PARITRANA_DIGEST_HOUR",
        description="The hour of the person's day, 0 to 23, at which the daily digest is sent.",
    )

    @property
    def mail_domain(self) -> str:
        """Return the domain of the sending address."""
        return self.mail_from.rpartition("@")[2]
