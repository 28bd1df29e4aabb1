"""Programs in other languages, which tests build and run where the language is installed."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

import pytest

from tests.support.programs import until_ended

PATIENCE: Final = 240.0
"""For a first build, which downloads the modules and compiles them."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A program that has ended."""

    code: int | None
    out: str
    err: str


async def run(command: Sequence[str | Path], *, folder: Path, **environment: str) -> Ended:
    """Run a program to its end."""
    program = await asyncio.create_subprocess_exec(
        *map(str, command),
        cwd=folder,
        env={**os.environ, **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await until_ended(program, PATIENCE)
    return Ended(program.returncode, out.decode(), err.decode())


def missing(what: str) -> NoReturn:
    """Skip for want of a tool; where the clients are required, as in CI, fail."""
    reason = f"install {what}: without it this language's example is not tested"
    if os.environ.get("PARITRANA_REQUIRE_CLIENTS") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


async def needs_go(module: Path) -> None:
    """Skip, or fail, unless there is a Go as new as the module in a folder asks for."""
    wanted = re.search(r"^go (\S+)$", (module / "go.mod").read_text("utf-8"), re.MULTILINE)
    assert wanted is not None
    advice = f"Go {wanted[1]} or later (Debian, Ubuntu: golang-go, where it is as new)"
    if shutil.which("go") is None:
        missing(advice)
    # Go itself says whether it is new enough, or can fetch one that is.
    asked = await run(["go", "list", "-m"], folder=module, GOFLAGS="-mod=readonly")
    if asked.code != 0 and ("go >= " in asked.err or "invalid go version" in asked.err):
        missing(advice)


async def build_go(module: Path, program: Path) -> Path:
    """Build a module's program from the modules that its `go.sum` names, and return where it is."""
    await needs_go(module)
    built = await run(["go", "build", "-mod=readonly", "-buildvcs=false", "-o", program, "."], folder=module)
    assert built.code == 0, built.err
    return program
