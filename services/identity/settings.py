"""What identity reads from its environment beside what every service reads."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import Field

from kernel.settings import Port, ServiceSettings

PASSWORD_FILE: Final = "development.password"  # noqa: S105 - a file's name
"""Beside the keys: the one password of all development persons on the embedded stack."""


class IdentitySettings(ServiceSettings):
    """Identity's settings."""

    port: Port = Field(default=8085, validation_alias="PARITRANA_PORT", description="Port to listen on.")
    token_minutes: int = Field(
        default=480,
        ge=1,
        le=1440,
        validation_alias="PARITRANA_TOKEN_MINUTES",
        description="For how many minutes a person's token is valid.",
    )
    admin_password_file: Path | None = Field(
        default=None,
        validation_alias="PARITRANA_ADMIN_PASSWORD_FILE",
        description="File with the password of the account `admin`, made while no season administrator has an account.",
    )
