"""The steps that only the centre takes: verification, interviews, certificates, and an appeal with its re-ranking.

Each is done by the person whose office it is, as in `cli.play.steps`: verifiers find nominations in order or hand them
back, the secretary gives slots and issues certificates, the nominating body appeals, the jury decides in plenary.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Final

from cli.play.client import Json
from cli.play.script import Code, Nation, Place
from cli.play.steps import Steps

_A_DAY: Final = 6
"""Hearings a day."""
_APART: Final = timedelta(hours=1)


class Centre:
    """The national tier of a season while it is played."""

    def __init__(self, steps: Steps, nation: Nation) -> None:
        """Play a script's nation by these steps."""
        self._steps, self._nation = steps, nation
        self._client, self._played = steps.client, steps.played

    # --- verification ----------------------------------------------------------------------------------------------

    async def verify(self) -> None:
        """Form the team and find everybody in order but one who is handed back and one who is rejected."""
        team, handed, rejected = self._nation.verifiers, self._nation.handed_back, self._nation.rejected
        await self._steps.form(team)
        found = [code for round_ in team.stages for code in round_.marks if code != handed.candidate]
        await asyncio.gather(*(self._judge(code, "verify") for code in found))
        defects = {"defects": [{"part": handed.part, "text": handed.defect}]}
        await self._judge(handed.candidate, "return", defects)
        await self._judge(rejected.candidate, "reject", {"reason": rejected.reason})
        # Its seat stays empty at the seal, which scoring makes from what it knows by then.
        await self._steps.scoring_knows(team, [f"nomination/{self._steps.nomination(rejected.candidate)}"])

    async def mend(self) -> None:
        """Attach what was missing, hand the nomination in again, and find it in order."""
        handed = self._nation.handed_back
        secretariat, path = self._secretariat(handed.candidate), self._path(handed.candidate)
        document = handed.document.model_dump()
        await self._client.attach(
            secretariat, f"{path}/evidence", _document(handed.document.title), document, key=self._key("attach")
        )
        await self._client.command(secretariat, "nomination", f"{path}/resubmit", key=self._key("resubmit"))
        await self._judge(handed.candidate, "verify")

    async def _judge(self, code: Code, verb: str, sent: Json | None = None) -> None:
        verifier = self._nation.verifiers.seats[1].login
        key = self._key(verb, code)
        await self._client.command(verifier, "nomination", f"{self._path(code)}/{verb}", sent, key=key)

    # --- interviews ------------------------------------------------------------------------------------------------

    async def invite(self) -> None:
        """Form the jury and give every finalist a slot, one after the other."""
        jury = self._nation.jury
        await self._steps.form(jury)
        finalists = [code for round_ in jury.stages for code in round_.marks]
        for number, code in enumerate(finalists):
            begins = self._slot(number)
            sent = {"begins": begins.isoformat(), "mode": "in-person"}
            path = f"{self._path(code)}/interview"
            await self._client.command(jury.secretary, "nomination", path, sent, key=self._key("slot", code))
            self._played.slots[code] = begins

    def _slot(self, number: int) -> datetime:
        day, hour = divmod(number, _A_DAY)
        return self._nation.clock.hears + timedelta(days=day) + hour * _APART

    # --- certificates, and the appeal ------------------------------------------------------------------------------

    async def certify(self) -> None:
        """Issue what is due in every category that ends at the centre."""
        rules, season = self._played.rulebook, self._played.script.season
        ends = [
            (place, round_.category)
            for place in (self._nation.verifiers, self._nation.jury)
            for round_ in place.stages
            if rules.next_stage(rules.stage(place.tier, round_.category, round_.stage)) is None
        ]
        for place, category in ends:
            await self._issue(place, season, category, "first")

    async def _issue(self, place: Place, season: str, category: str, time: str) -> None:
        path = f"/v1/awards/{season}/{place.tier}/{place.province}/{category}/certificates"
        await self._client.command(place.secretary, "nomination", path, key=self._key("issue", category, time))

    async def appeal(self) -> None:
        """Contest the jury's decision as the body that nominated."""
        contested, jury = self._nation.appeal, self._nation.jury
        motion = next(
            number for number, round_ in enumerate(jury.stages, start=1) if round_.category == contested.category
        )
        sent = {
            "nomination": self._steps.nomination(contested.candidate),
            "plenary": self._played.plenaries[jury.province, jury.body],
            "motion": motion,
            "aspect": contested.aspect,
            "grounds": contested.grounds,
        }
        who = self._secretariat(contested.candidate)
        receipt = await self._client.command(who, "nomination", "/v1/appeals", sent, key=self._key("appeal"))
        self._played.appeal = str(receipt["appeal"])

    async def review(self) -> None:
        """Uphold the appeal in a plenary of its own, announce the new ranking, and issue what it makes due."""
        contested, jury = self._nation.appeal, self._nation.jury
        round_ = next(one for one in jury.stages if one.category == contested.category)
        plenary = await self._steps.convene(jury, self._nation.clock.reviews, [round_])
        figure = {"aspect": contested.aspect, "marks": list(contested.marks)}
        motion = {
            "category": contested.category,
            "stage": contested.stage,
            "kind": "decide-appeal",
            "appeal": self._played.appeal,
            "verdict": {"outcome": "upheld", "figures": [figure], "locale": "id"},
        }
        await self._steps.carry(jury, plenary, 1, motion)
        await self._steps.in_plenary(jury.secretary, plenary, "adjourn")
        self._played.reviewed = plenary
        await self._issue(jury, self._played.script.season, contested.category, "anew")

    # --- words of every step ---------------------------------------------------------------------------------------

    def _secretariat(self, code: Code) -> str:
        """Return the login of who nominated a candidate."""
        places = self._played.script.provinces
        return next(place.secretariat for place in places if any(one.code == code for one in place.nominations))

    def _path(self, code: Code) -> str:
        return f"/v1/nominations/{self._steps.nomination(code)}"

    def _key(self, *parts: object) -> str:
        return self._steps.key("centre", *parts)


def _document(title: str) -> bytes:
    """Return a sample document: a PDF as far as its first and last line, which say that it is one."""
    return f"%PDF-1.7\n% {title}\n%%EOF\n".encode()
