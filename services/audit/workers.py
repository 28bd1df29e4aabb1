"""Reads the parts of a folder in this process or in several, and hands on what they say in the order of the parts.

Processes and not threads, since the work is Python's own; a fork, where there is one, so that nothing is loaded twice.
At most a few parts are on their way, so that memory does not grow with the folder.
"""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import chain, islice
from typing import Any, Final

from services.audit.beside import can_fork
from services.audit.reading import Part, Reader
from services.audit.segments import Segment

_AHEAD: Final = 2
"""Parts that wait for each worker."""


class Later:
    """Something to say in its turn, when all that comes before it was said."""

    def __init__(self, what: Callable[..., object], *arguments: Any) -> None:
        self._what, self._arguments = what, arguments

    def say(self) -> None:
        """Say it."""
        self._what(*self._arguments)


def read_parts(reader: Reader, parts: Iterable[Segment | Later], workers: int, worth: int) -> Iterator[Part | Later]:
    """Yield what every part says, and whatever is to be said between them, in order.

    Processes are started when the first parts have `worth` bytes: for less, starting them takes longer than reading.
    """
    parts = iter(parts)
    first = list(islice(parts, 4 * workers)) if workers > 1 else []
    sizes = [each.size for each in first if isinstance(each, Segment)]
    rest = chain(first, parts)
    return _by_processes(reader, rest, workers) if len(sizes) > 1 and sum(sizes) >= worth else _here(reader, rest)


def _here(reader: Reader, parts: Iterable[Segment | Later]) -> Iterator[Part | Later]:
    for part in parts:
        yield reader.read(part) if isinstance(part, Segment) else part


def _by_processes(reader: Reader, parts: Iterable[Segment | Later], workers: int) -> Iterator[Part | Later]:
    context = multiprocessing.get_context("fork" if can_fork() else None)
    waiting: deque[Future[Part] | Later] = deque()
    with ProcessPoolExecutor(workers, context, _begin, (reader,)) as pool:
        for part in parts:
            waiting.append(pool.submit(_read, part) if isinstance(part, Segment) else part)
            while len(waiting) > workers * _AHEAD:
                yield _said(waiting.popleft())
        while waiting:
            yield _said(waiting.popleft())


def _said(one: Future[Part] | Later) -> Part | Later:
    return one if isinstance(one, Later) else one.result()


_READERS: list[Reader] = []


def _begin(reader: Reader) -> None:
    _READERS[:] = [reader]


def _read(segment: Segment) -> Part:
    return _READERS[0].read(segment)
