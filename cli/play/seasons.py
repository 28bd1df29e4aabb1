"""The steps of a season: what its people do, in the order and on the dates of the script.

Everything goes through the public HTTP APIs, each command by the person whose office it is; what one service decides
reaches the next through Kafka. Places of the same tier act side by side, as they would. At the end everything that came
out is read back from the services and compared with the script, fraction by fraction (`cli.play.outcome`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from cli.play.client import Client, Json, Unexpected
from cli.play.outcome import Played, read_back
from cli.play.script import Code, Interest, Nominee, Place, RefusedMark, Round, Script, Seat
from schemas.envelope import Stage
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

    async def play(self) -> Played:
        """Play the provincial tier and, where the script has one, the national tier up to its last desk stage."""
        script, clock = self._script, self._script.clock
        await self._at(clock.opens, "the season is opened")
        await self._open_season()
        await self._at(clock.nominates, f"committees are formed, {len(script.nominees)} candidates are nominated")
        await self._side_by_side(self._nominate)
        await self._at(clock.scores, "the members score")
        await self._side_by_side(self._score)
        await self._at(clock.decides, "scoring is closed, rankings are sealed, the plenaries decide")
        await self._side_by_side(self._decide)
        if script.nation is not None and clock.national_scores and clock.national_decides:
            await self._at(clock.national_scores, "the national team verifies and scores those who advanced")
            await self._form(script.nation)
            await self._score(script.nation)
            await self._at(clock.national_decides, "the national team decides")
            await self._decide(script.nation)
        await read_back(self._played, self._client)
        return self._played

    async def _at(self, moment: datetime, what: str) -> None:
        await self._set_clock(moment)
        self._say(f"  {moment:%d/%m/%Y %H.%M} UTC{moment:%z}  {what}")

    async def _side_by_side(self, step: Callable[[Place], Awaitable[None]]) -> None:
        await asyncio.gather(*(step(place) for place in self._script.provinces))

    # --- the season ------------------------------------------------------------------------------------------------

    async def _open_season(self) -> None:
        await self._client.command(
            "admin", "nomination", "/v1/seasons", {"rulebook": self._text}, key=self._key("season")
        )

    # --- committees and nominations --------------------------------------------------------------------------------

    async def _nominate(self, place: Place) -> None:
        await asyncio.gather(self._form(place), *(self._nominate_one(place, one) for one in place.nominations))

    async def _form(self, place: Place) -> None:
        """Form the body and give its seats; one after the other, since all are events of one stream."""
        formed = {
            "season": self._script.season,
            "province": place.province,
            "body": place.body,
            "decree": place.decree,
            "term_from": place.term.first.isoformat(),
            "term_until": place.term.last.isoformat(),
        }
        key = self._key("form", place.province)
        await self._client.command("admin", "nomination", "/v1/committees", formed, key=key)
        body = self._played.rulebook.body(place.body)
        clerk = next(office.code for office in body.offices if office.role == "clerk")
        for seat in (*place.seats, Seat(office=clerk, number=1, login=place.secretary)):
            sent = {"office": seat.office, "seat": seat.number, "person": str(seat.person)}
            key = self._key("appoint", place.province, seat.office, seat.number)
            await self._client.command("admin", "nomination", f"{self._body(place)}/members", sent, key=key)

    async def _nominate_one(self, place: Place, one: Nominee) -> None:
        """Register the nominee's contact and nominate; a script may ask for the nomination to be sent twice."""
        contact = await self._register_contact(place, one)
        sent = {
            "season": self._script.season,
            "category": one.category,
            "candidate": one.candidate,
            "nominating_body": place.province,
            "contact": contact,
            "sample": not one.given,
        }
        key = self._key("nominate", one.code)
        receipt = await self._client.command(place.secretariat, "nomination", "/v1/nominations", sent, key=key)
        self._played.contacts[one.code] = contact
        self._played.nominations[one.code] = str(receipt["nomination"])
        if one.sent_twice:
            again = await self._client.command(place.secretariat, "nomination", "/v1/nominations", sent, key=key)
            if again != receipt:
                raise Unexpected(f"the nomination of {one.name} was sent twice and answered in two ways")
            self._played.repeated = receipt

    async def _register_contact(self, place: Place, one: Nominee) -> str:
        address = f"narahubung-{one.code.lower().replace('.', '-')}-{self._script.season}@paritrana.example"
        sent = {"name": f"Narahubung {one.name} (contoh)", "email": address, "locale": one.contact_reads}
        key = self._key("contact", one.code)
        answer = await self._client.command(place.secretariat, "identity", "/v1/persons", sent, key=key)
        return str(answer["id"])

    # --- scoring ---------------------------------------------------------------------------------------------------

    async def _score(self, place: Place) -> None:
        """Open every stage of the place and file every sheet of the script."""
        await self._scoring_knows(place, [f"season/{self._script.season}", self._committee(place)])
        await asyncio.gather(*(self._of_ranking(place, round_, "open") for round_ in place.stages))
        nominations = (f"nomination/{self._nomination(code)}" for round_ in place.stages for code in round_.marks)
        await self._scoring_knows(place, nominations)
        if place.refused_mark is not None:
            await self._try_mark_off_scale(place, place.refused_mark)
        await asyncio.gather(
            *(
                self._file_sheet(place, round_, code, place.seats[seat], marks)
                for round_ in place.stages
                for code in round_.marks
                for seat, marks in round_.sheets(code)
            )
        )
        if place.conflict is not None:
            await self._declare_conflict(place, place.conflict)

    async def _of_ranking(self, place: Place, round_: Round, verb: str) -> None:
        at = self._stage(place, round_)
        path = f"/v1/rankings/{at.season}/{at.tier}/{at.province}/{at.category}/{at.stage}/{verb}"
        await self._client.command(place.secretary, "scoring", path, key=self._key(at.ranking, verb))

    async def _file_sheet(self, place: Place, round_: Round, code: Code, seat: Seat, marks: Mapping[str, str]) -> None:
        sent = {"marks": dict(marks), "locale": "id", "submit": True, "sample": True}
        key = self._key("sheet", place.tier, round_.stage, code, seat.login)
        await self._client.command(seat.login, "scoring", self._sheet(place, round_.stage, code), sent, key=key)

    async def _try_mark_off_scale(self, place: Place, wrong: RefusedMark) -> None:
        """Send one mark off its scale: it is refused, the refusal is recorded, and nothing else changes."""
        round_ = next(one for one in place.stages if one.category == wrong.category)
        seat = place.seat(wrong.office)
        path = f"{self._sheet(place, round_.stage, wrong.candidate)}/marks/{wrong.aspect}"
        sent = {"mark": wrong.mark, "locale": "id", "sample": True}
        key = self._key("off-scale", wrong.candidate, seat.login)
        self._played.refused = await self._client.refusal(
            seat.login, "scoring", path, sent, key=key, code="out-of-scale", method="PUT"
        )

    async def _declare_conflict(self, place: Place, interest: Interest) -> None:
        seat = place.seat(interest.office)
        sent = {
            "category": interest.category,
            "nomination": self._nomination(interest.candidate),
            "kind": interest.kind,
            "reason": "Memiliki saham pada perusahaan ini (contoh).",
        }
        key = self._key("conflict", interest.candidate, seat.login)
        await self._client.command(seat.login, "nomination", f"{self._body(place)}/conflicts", sent, key=key)

    # --- sealing and deciding --------------------------------------------------------------------------------------

    async def _decide(self, place: Place) -> None:
        """Close and seal every stage of the place, then decide on all of them in one plenary."""
        await self._scoring_knows(place, [self._committee(place)])
        await asyncio.gather(*(self._close_and_seal(place, round_) for round_ in place.stages))
        plenary = await self._convene(place)
        for seat in place.seats:
            await self._in_plenary(seat.login, plenary, "attendance", {"present": True})
        seals = (self._stage(place, round_).ranking for round_ in place.stages)
        await self._client.arrived(place.secretary, "nomination", "/v1/plenaries", seals)
        for number, round_ in enumerate(place.stages, start=1):
            await self._decide_round(place, round_, plenary, number)
        await self._in_plenary(place.secretary, plenary, "adjourn")
        self._played.plenaries[place.province] = plenary

    async def _close_and_seal(self, place: Place, round_: Round) -> None:
        await self._of_ranking(place, round_, "close")
        await self._of_ranking(place, round_, "seal")

    async def _convene(self, place: Place) -> str:
        clock = self._script.clock
        scheduled = clock.decides if place.tier == "provincial" else clock.national_decides or clock.decides
        sent = {
            "season": self._script.season,
            "province": place.province,
            "body": place.body,
            "scheduled": scheduled.isoformat(),
            "agenda": [{"category": one.category, "stage": one.stage} for one in place.stages],
        }
        key = self._key("convene", place.province)
        receipt = await self._client.command(place.secretary, "nomination", "/v1/plenaries", sent, key=key)
        return str(receipt["plenary"])

    async def _decide_round(self, place: Place, round_: Round, plenary: str, number: int) -> None:
        """Table the seal, put the motion, vote, decide, announce. Who has an interest in the category abstains."""
        item, chair = {"category": round_.category, "stage": round_.stage}, place.seats[0].login
        await self._in_plenary(place.secretary, plenary, "table", item)
        await self._in_plenary(chair, plenary, "motions", item)
        interest = place.conflict
        for seat in place.seats:
            if interest is None or (interest.category, interest.office) != (round_.category, seat.office):
                await self._in_plenary(seat.login, plenary, f"motions/{number}/votes", {"vote": "for"})
        await self._in_plenary(chair, plenary, f"motions/{number}/decide")
        await self._in_plenary(chair, plenary, f"motions/{number}/announce")

    async def _in_plenary(self, who: str, plenary: str, what: str, sent: Json | None = None) -> None:
        key = self._key(plenary, what, who, *(sent or {}).values())
        await self._client.command(who, "nomination", f"/v1/plenaries/{plenary}/{what}", sent, key=key)

    # --- words of every step ---------------------------------------------------------------------------------------

    def _key(self, *parts: object) -> str:
        """Return the Idempotency-Key of a command: the same whenever this script is played."""
        return str(uuid5(NAMESPACE_URL, "/".join(("urn:paritrana:play", self._script.season, *map(str, parts)))))

    def _stage(self, place: Place, round_: Round) -> Stage:
        return round_.at(self._script.season, place)

    def _committee(self, place: Place) -> str:
        return f"committee/{self._script.season}/{place.province}"

    def _body(self, place: Place) -> str:
        return f"/v1/committees/{self._script.season}/{place.province}/{place.body}"

    def _nomination(self, code: Code) -> str:
        return self._played.nominations[code]

    def _sheet(self, place: Place, stage: str, code: Code) -> str:
        return f"/v1/sheets/{self._nomination(code)}/{place.tier}/{stage}"

    async def _scoring_knows(self, place: Place, streams: Iterable[str]) -> None:
        """Wait until scoring has received and folded what the streams hold so far."""
        await self._client.arrived(place.secretary, "scoring", "/v1/rankings", streams)
