"""What notifications reads from its environment beside what every service reads."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from kernel.settings import Port, ServiceSettings

_ADDRESS: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")


def _address(value: str) -> str:
    if len(value) > 254 or not _ADDRESS.fullmatch(value):
        raise ValueError("must be an address like award@example.org")
    return value


class NotificationsSettings(ServiceSettings):
    """Notifications' settings."""

    port: Port = Field(default=8083, validation_alias="PARITRANA_PORT", description="Port to listen on.")
    mail_from: Annotated[str, AfterValidator(_address)] = Field(
        default="no-reply@paritrana.invalid",
        validation_alias="PARITRANA_MAIL_FROM",
        description="Address that mail is sent from; its domain also ends every Message-ID.",
    )

    @property
    def mail_domain(self) -> str:
        """Return the domain of the sending address."""
        return self.mail_from.rpartition("@")[2]
