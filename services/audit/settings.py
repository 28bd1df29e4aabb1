"""What audit reads from its environment beside what every service reads."""

from __future__ import annotations

from pydantic import Field

from kernel.settings import Port, ServiceSettings


class AuditSettings(ServiceSettings):
    """Audit's settings."""

    port: Port = Field(default=8084, validation_alias="PARITRANA_PORT", description="Port to listen on.")
