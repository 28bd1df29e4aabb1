"""A cancellation that was lost on the way.

asyncio throws a cancellation into a task once. A library may put another error in its place: asyncpg does where a
statement is cut off and its transaction cannot be rolled back, since the database has gone. Or it may drop it: until
Python 3.12 `asyncio.wait_for` does when the answer comes at the same moment. Whatever meets errors by trying again
would then go on for ever, and who ends it would wait for ever.
"""

from __future__ import annotations

import asyncio


def end_if_cancelled() -> None:
    """End the running task if somebody has asked it to end; for loops that go on after an error."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
