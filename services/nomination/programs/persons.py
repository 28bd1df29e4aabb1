"""Programs that bring a person in: decided as they are, and accepted only of persons who are known."""

from __future__ import annotations

from collections.abc import Mapping

from kernel.commands import Program
from kernel.decider import Decision, Loader
from services.nomination.domain.persons import Register, of_known_persons


def bringing_in(program: Program, named: Mapping[str, str], register: Register) -> Program:
    """Run a program that brings in the persons `named` (ids by field), of whom `register` says what identity said."""

    async def checked(load: Loader) -> Decision:
        return of_known_persons(await program(load), named, register)

    return checked
