"""What audit reads from its environment beside what every service reads."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic_settings import NoDecode

from kernel.settings import HttpUrl, Port, ServiceSettings
from kernel.tlog.encodings import Malformed
from kernel.tlog.notes import VerifierKey, check_name


def _origin(value: Any) -> Any:
    try:
        check_name(value)
    except Malformed as error:
        raise ValueError(str(error)) from None
    return value


def _witnesses(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    found = []
    for part in filter(None, (part.strip() for part in value.split(","))):
        url, _, key = part.partition(" ")
        try:
            found.append((url.rstrip("/"), VerifierKey.parse(key.strip())))
        except Malformed as error:
            raise ValueError(f"write URL and verifier key with a space between: {error}") from None
    return tuple(found)


class AuditSettings(ServiceSettings):
    """Audit's settings."""

    port: Port = Field(default=8084, validation_alias="PARITRANA_PORT", description="Port to listen on.")
    log_origin: Annotated[str, BeforeValidator(_origin)] = Field(
        default="paritrana.localhost/log",
        validation_alias="PARITRANA_LOG_ORIGIN",
        description="What the audit's log is called for ever: a URL without its scheme, and the name of its key.",
    )
    signer_url: HttpUrl = Field(
        default="http://127.0.0.1:8087",
        validation_alias="PARITRANA_SIGNER_URL",
        description="Where the log's signer answers.",
    )
    nomination_url: HttpUrl = Field(
        default="http://127.0.0.1:8081",
        validation_alias="PARITRANA_NOMINATION_URL",
        description="Where the nomination service answers.",
    )
    scoring_url: HttpUrl = Field(
        default="http://127.0.0.1:8082",
        validation_alias="PARITRANA_SCORING_URL",
        description="Where the scoring service answers.",
    )
    notifications_url: HttpUrl = Field(
        default="http://127.0.0.1:8083",
        validation_alias="PARITRANA_NOTIFICATIONS_URL",
        description="Where the notifications service answers.",
    )
    watch_seconds: Annotated[float, Field(ge=0.1, le=3600)] = Field(
        default=10.0,
        validation_alias="PARITRANA_WATCH_SECONDS",
        description="Seconds between two looks of the audit at feeds, topics, signers and its own tree.",
    )
    witnesses: Annotated[tuple[tuple[str, VerifierKey], ...], NoDecode, BeforeValidator(_witnesses)] = Field(
        default=(),
        validation_alias="PARITRANA_WITNESSES",
        description="Witnesses of the log (C2SP tlog-witness): URL and verifier key of each, with commas between.",
    )
