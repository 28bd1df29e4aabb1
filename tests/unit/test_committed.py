"""When a folder knows how far it has folded: while its checkpoint was read over a connection that still lives."""

from __future__ import annotations

from typing import Any, cast

from prometheus_client import CollectorRegistry

from kernel.decider import Position
from kernel.log import Connection
from kernel.measures import LogMeasures
from kernel.reactor import ProjectionFolder
from schemas.codec import CODEC
from services.scoring.projections import RankingProjection

AT = (1, 761, 42)


class Database:
    """A connection to a database that has one checkpoint."""

    def __init__(self) -> None:
        self.closed = False

    def is_closed(self) -> bool:
        return self.closed

    async def execute(self, *_given: Any) -> str:
        return ""

    async def fetchrow(self, *_given: Any) -> Any:
        return Row((*AT, *AT, 1))

    async def fetch(self, *_given: Any) -> list[Any]:
        return []


class Row(tuple[Any, ...]):
    __slots__ = ()

    def __getitem__(self, key: Any) -> Any:
        return 1 if key == "generation" else super().__getitem__(key)


def a_folder() -> ProjectionFolder[Any]:
    return ProjectionFolder(RankingProjection(), CODEC, LogMeasures(CollectorRegistry()))


async def test_a_checkpoint_that_was_read_is_known_while_its_connection_lives():
    folder, database = a_folder(), Database()
    connection = cast("Connection", database)
    assert folder.committed() is None
    with folder.over(connection):
        assert folder.committed() is None
        await folder.start(connection)
        assert folder.committed() == Position(*AT)
        database.closed = True
        assert folder.committed() is None


async def test_what_was_known_ends_with_the_loop_and_is_read_anew():
    folder, connection = a_folder(), cast("Connection", Database())
    with folder.over(connection):
        await folder.start(connection)
    assert folder.committed() is None
    with folder.over(connection):
        assert folder.committed() is None
        await folder.start(connection)
        assert folder.committed() == Position(*AT)
