"""What nomination reads from its environment beside what every service reads."""

from __future__ import annotations

from pydantic import Field

from kernel.settings import HttpUrl, Port, ServiceSettings


class NominationSettings(ServiceSettings):
    """Nomination's settings."""

    port: Port = Field(default=8081, validation_alias="PARITRANA_PORT", description="Port to listen on.")
    public_url: HttpUrl | None = Field(
        default=None,
        validation_alias="PARITRANA_PUBLIC_URL",
        description="Where everybody reaches nomination, for printed documents; the service's own address if unset.",
    )

    @property
    def public_address(self) -> str:
        """Return the address under which everybody may check a certificate, without a slash at its end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (self.public_url or f"http://{host}:{self.port}").rstrip("/")
