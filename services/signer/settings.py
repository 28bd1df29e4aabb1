"""What the signer reads from its environment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

from pydantic import BeforeValidator, Field
from pydantic_settings import NoDecode

from kernel.settings import Port, ProcessSettings
from kernel.tlog.encodings import Malformed
from kernel.tlog.notes import VerifierKey

DEFAULT_PORT: Final = 8087


def _verifier_keys(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return tuple(VerifierKey.parse(part) for part in value.split())
    except Malformed as error:
        raise ValueError(str(error)) from None


class SignerSettings(ProcessSettings):
    """The signer's settings."""

    port: Port = Field(default=DEFAULT_PORT, validation_alias="PARITRANA_PORT", description="Port to listen on.")
    folder: Path = Field(
        validation_alias="PARITRANA_SIGNER_FOLDER",
        description="The signer's own folder: its private keys (`*.key`) and what it signed last (`signed/`).",
    )
    submitters: Annotated[tuple[VerifierKey, ...], NoDecode, BeforeValidator(_verifier_keys)] = Field(
        validation_alias="PARITRANA_SIGNER_SUBMITTERS",
        description="Verifier keys of who may hand in checkpoints, spaces between; `<origin>/sequencer` for a log.",
    )
