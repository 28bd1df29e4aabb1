"""Whom identity knows, asked before a command that brings persons in is decided.

It is asked before anything is loaded: no connection to the database waits for another service. What it said is part of
the command's decision (`domain.persons`), so that a repeated command is answered as it was, known person or not.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import structlog
from fastapi import Depends, Request

from kernel.commands import Program
from kernel.persons import Directory, DirectoryAway
from services.nomination.domain.persons import Register
from services.nomination.programs.persons import bringing_in

_LOG = structlog.get_logger(__name__)


async def _directory(request: Request) -> Directory:
    directory: Directory = request.app.state.directory
    return directory


People = Annotated[Directory, Depends(_directory)]


async def register_of(people: Directory, persons: Iterable[str]) -> Register:
    """Return what identity says of some persons, all asked for at once; also that it does not answer."""
    try:
        return Register(await people.strangers(persons))
    except DirectoryAway as error:
        _LOG.warning("identity does not say who exists", reason=str(error))
        return Register(None)


async def with_known(people: Directory, program: Program, named: dict[str, str]) -> Program:
    """Return a program that is accepted only if identity knows all persons `named`: their ids by the body's field."""
    return bringing_in(program, named, await register_of(people, named.values())) if named else program
