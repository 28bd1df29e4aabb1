"""The order of a season: what its people do first and what next, on the dates of the script.

Places of the same tier act side by side, as they would. At the end everything that came out is read back from the
services and compared with the script, fraction by fraction (`cli.play.outcome`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from cli.play.centre import Centre
from cli.play.client import Client, Unexpected
from cli.play.outcome import Played, read_back
from cli.play.script import Nation, Place, Script
from cli.play.steps import Steps
from schemas.rulebook import Rulebook
from schemas.rulebook_file import read_rulebook

RULEBOOKS: Final = Path(__file__).resolve().parents[2] / "rulebooks"

Say = Callable[[str], None]
SetClock = Callable[[datetime], Awaitable[object]]


async def play(script: Script, client: Client, set_clock: SetClock, say: Say) -> Played:
    """Play one season to its end. Raises Unexpected at the first thing that differs from the script."""
    return await _Season(script, client, set_clock, say).play()


def _rules(script: Script) -> tuple[str, Rulebook]:
    """Return the text of the season's rulebook file and what it says."""
    text = (RULEBOOKS / script.rulebook).read_text(encoding="utf-8")
    reading = read_rulebook(text.encode("utf-8"))
    if reading.rulebook is None:
        raise Unexpected(f"{script.rulebook} is no rulebook: {reading.errors[0].message_en}")
    return text, reading.rulebook


class _Season:
    """One season while it is played."""

    def __init__(self, script: Script, client: Client, set_clock: SetClock, say: Say) -> None:
        self._script, self._client, self._set_clock, self._say = script, client, set_clock, say
        self._text, rulebook = _rules(script)
        self._played = Played(script, rulebook)
        self._steps = Steps(script, client, self._played)

    async def play(self) -> Played:
        """Play the provincial tier and, where the script has one, the national tier up to its certificates."""
        script, clock, steps = self._script, self._script.clock, self._steps
        await self._at(clock.opens, "the season is opened")
        await steps.open_season(self._text)
        await self._at(clock.nominates, f"committees are formed, {len(script.nominees)} candidates are nominated")
        await self._side_by_side(steps.nominate)
        await self._at(clock.scores, "the members score")
        await self._side_by_side(steps.score)
        await self._at(clock.decides, "scoring is closed, rankings are sealed, the plenaries decide")
        await self._side_by_side(lambda place: steps.decide(place, clock.decides))
        if script.nation is not None:
            await self._at_the_centre(script.nation, Centre(steps, script.nation))
        await read_back(self._played, self._client)
        return self._played

    async def _at_the_centre(self, nation: Nation, centre: Centre) -> None:
        clock, steps, jury = nation.clock, self._steps, nation.jury
        handed, rejected, appellant = (
            self._played.named(one.candidate) for one in (nation.handed_back, nation.rejected, nation.appeal)
        )
        await self._at(clock.verifies, f"the centre verifies: {handed} is handed back, {rejected} is rejected")
        await centre.verify()
        await self._at(clock.mends, f"{handed} attaches what was missing and is found in order")
        await centre.mend()
        await self._at(clock.scores, "the national team scores those who are verified")
        await steps.score(nation.verifiers)
        await self._at(clock.decides, "the national team decides who is heard; who has no interview has won")
        await steps.decide(nation.verifiers, clock.decides)
        await self._at(clock.invites, "the jury is formed, and every finalist gets a slot of its own")
        await centre.invite()
        await self._at(clock.judges, "the finalists were heard; the jury scores, and what the desk gave is carried")
        await steps.score(jury)
        await self._at(clock.chooses, "the jury chooses the winners; certificates are issued")
        await steps.decide(jury, clock.chooses)
        await centre.certify()
        await self._at(clock.appeals, f"{appellant} appeals against its rank")
        await centre.appeal()
        await self._at(clock.reviews, "the appeal is upheld: ranked anew, two certificates revoked and issued anew")
        await centre.review()

    async def _at(self, moment: datetime, what: str) -> None:
        await self._set_clock(moment)
        self._say(f"  {moment:%d/%m/%Y %H.%M} UTC{moment:%z}  {what}")

    async def _side_by_side(self, step: Callable[[Place], Awaitable[None]]) -> None:
        await asyncio.gather(*(step(place) for place in self._script.provinces))
