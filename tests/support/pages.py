"""Pages that tell their reader what to type and what is seen then: their blocks, and what came of following them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from tests.support.programs import until_ended

PATIENCE: Final = 600.0


def blocks_of(page: Path, language: str) -> Iterator[tuple[str, str]]:
    """Yield the fenced blocks of a language, each with its page and line."""
    text = page.read_text("utf-8")
    for block in re.finditer(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        yield f"{page.name}, line {text.count(chr(10), 0, block.start()) + 1}", block[1]


def script_of(blocks: Iterable[tuple[str, str]]) -> str:
    """Return blocks as one script, which says where it is."""
    return "".join(f"echo '{where}' >&2\n{block}" for where, block in blocks)


async def follow(script: Path, folder: Path, environment: Mapping[str, str]) -> tuple[int | None, str]:
    """Run a script in a folder as its reader would, and return the exit code and all that was shown."""
    bash = await asyncio.create_subprocess_exec(
        *("bash", "-euo", "pipefail", str(script)),
        cwd=folder,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    shown, _ = await until_ended(bash, PATIENCE)
    return bash.returncode, shown.decode()


def not_seen(said: Iterable[str], shown: str) -> str | None:
    """Return the first of the lines said that was not shown in this order; `…` stands for anything in one."""
    lines = (line.rstrip() for line in shown.splitlines())
    for expected in said:
        pattern = re.compile(".*".join(map(re.escape, expected.rstrip().split("…"))))
        if not any(pattern.fullmatch(line) for line in lines):
            return expected
    return None
