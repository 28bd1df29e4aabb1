"""Every test has a home of its own, and no setting of whoever runs it."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.unit.cli.fake_stack import FakeStack, fake_stack

# Each client of the program's reads every certificate of the machine anew, though these tests speak plain HTTP.
read_certificates = cache(ssl.create_default_context)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("PARITRANA_")]:
        monkeypatch.delenv(name)
    for name in ("DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(ssl, "create_default_context", read_certificates)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeStack]:
    """A running stack, known by nothing but PARITRANA_DATA."""
    monkeypatch.setenv("PARITRANA_DATA", str(tmp_path / "data"))
    with fake_stack(tmp_path / "data") as running:
        yield running
