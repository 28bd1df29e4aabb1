"""What nomination reads from its environment beside what every service reads."""

from __future__ import annotations

from pydantic import Field

from kernel.settings import Port, ServiceSettings


class NominationSettings(ServiceSettings):
    """Nomination's settings."""

    port: Port = Field(default=8081, validation_alias="PARITRANA_PORT", description="Port to listen on.")
