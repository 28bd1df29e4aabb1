"""Does beside this process what rests on more than a part of a folder: the log's tree, and what decisions rest on.

It is done apart only by a fork, which has all that was read without being sent it; elsewhere it is done here.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import islice
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Final, TypeVar

T = TypeVar("T")
_MOST: Final = 500
"""What a task may say apart: one that says more says it in this process, so that it need not be held as a whole."""


def can_fork() -> bool:
    """Tell whether a process can be made that has what this one has."""
    return "fork" in multiprocessing.get_all_start_methods()


def meanwhile(work: Callable[[], T], workers: int) -> Callable[[], T]:
    """Begin a work beside this process, where there are several; return what waits for it and returns its result."""
    if workers < 2 or not can_fork():
        return work
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(work, theirs), daemon=True)
    process.start()
    theirs.close()
    return partial(_received, ours, process, work)


def _send(work: Callable[[], object], to: Connection) -> None:
    to.send(work())


def _received(ours: Connection, process: BaseProcess, work: Callable[[], T]) -> T:
    with ours:
        try:
            found: T = ours.recv()
        except EOFError:  # it was ended, by whomever
            found = work()
    process.join()
    return found


def told_of(tasks: Sequence[Callable[[], Iterable[T]]], workers: int) -> Iterator[Iterable[T]]:
    """Yield what each task says, in their order. A task must say the same wherever and however often it is begun.

    The last ones are begun first: it is well to have the long ones there.
    """
    if workers < 2 or not can_fork():
        yield from (task() for task in tasks)
        return
    with ProcessPoolExecutor(workers, multiprocessing.get_context("fork"), _hold, (tasks,)) as pool:
        begun = [pool.submit(_first_of, number) for number in reversed(range(len(tasks)))]
        for task, future in zip(tasks, reversed(begun), strict=True):
            said = future.result()
            yield task() if said is None else said


_TASKS: list[Callable[[], Iterable[Any]]] = []


def _hold(tasks: Sequence[Callable[[], Iterable[Any]]]) -> None:
    _TASKS[:] = tasks


def _first_of(number: int) -> list[Any] | None:
    said = list(islice(_TASKS[number](), _MOST + 1))
    return said if len(said) <= _MOST else None
