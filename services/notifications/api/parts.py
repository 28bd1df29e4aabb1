"""What all routes of the service share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

from fastapi import Depends, Request

from kernel.service import Service
from kernel.sql import queries

SQL: Final = queries(Path(__file__).parents[1] / "queries.sql")


async def _service(request: Request) -> Service:
    service: Service = request.app.state.service_parts
    return service


Here = Annotated[Service, Depends(_service)]
