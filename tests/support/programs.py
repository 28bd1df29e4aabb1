"""Programs that tests start: waited for, and ended when they do not end."""

from __future__ import annotations

import asyncio


async def until_ended(program: asyncio.subprocess.Process, within: float) -> tuple[bytes, bytes]:
    """Return what a program wrote to its output and its errors, once it has ended; kill it when that is too late."""
    try:
        out, errors = await asyncio.wait_for(program.communicate(), within)
    finally:
        if program.returncode is None:
            program.kill()
            await program.wait()
    return out or b"", errors or b""
