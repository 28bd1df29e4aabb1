"""What scoring reads from its environment beside what every service reads."""

from __future__ import annotations

from pydantic import Field

from kernel.settings import Port, ServiceSettings


class ScoringSettings(ServiceSettings):
    """Scoring's settings."""

    port: Port = Field(default=8082, validation_alias="PARITRANA_PORT", description="Port to listen on.")


class IngestSettings(ServiceSettings):
    """Settings of a fact consumer, scoring's second program."""

    port: Port = Field(default=8086, validation_alias="PARITRANA_PORT", description="Port to listen on.")
