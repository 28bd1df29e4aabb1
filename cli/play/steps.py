"""The steps that every tier takes: bodies formed, sheets filed, rankings sealed, plenaries held.

Everything goes through the public HTTP APIs, each command by the person whose office it is; what one service decides
reaches the next through Kafka, and is waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from cli.play.client import Client, Json, Unexpected
from cli.play.outcome import Played
from cli.play.script import Code, Interest, Nominee, Place, RefusedMark, Round, Script, Seat
from schemas.envelope import Stage


class Steps:
    """What people do in a season, one method a step."""

    def __init__(self, script: Script, client: Client, played: Played) -> None:
        """Play for a script; what is learned on the way goes into `played`."""
        self.script, self.client, self.played = script, client, played

    # --- the season ------------------------------------------------------------------------------------------------

    async def open_season(self, rulebook: str) -> None:
        """Open the season by its rulebook's file."""
        await self.client.command("admin", "nomination", "/v1/seasons", {"rulebook": rulebook}, key=self.key("season"))

    # --- committees and nominations --------------------------------------------------------------------------------

    async def nominate(self, place: Place) -> None:
        """Form the place's body and nominate its candidates, side by side."""
        await asyncio.gather(self.form(place), *(self.nominate_one(place, one) for one in place.nominations))

    async def form(self, place: Place) -> None:
        """Form the body and give its seats; one after the other, since all are events of one stream."""
        formed = {
            "season": self.script.season,
            "province": place.province,
            "body": place.body,
            "decree": place.decree,
            "term_from": place.term.first.isoformat(),
            "term_until": place.term.last.isoformat(),
        }
        key = self.key("form", place.province, place.body)
        await self.client.command("admin", "nomination", "/v1/committees", formed, key=key)
        body = self.played.rulebook.body(place.body)
        clerk = next(office.code for office in body.offices if office.role == "clerk")
        for seat in (*place.seats, Seat(office=clerk, number=1, login=place.secretary)):
            sent = {"office": seat.office, "seat": seat.number, "person": str(seat.person)}
            key = self.key("appoint", place.province, place.body, seat.office, seat.number)
            await self.client.command("admin", "nomination", f"{self.body(place)}/members", sent, key=key)

    async def nominate_one(self, place: Place, one: Nominee) -> None:
        """Register the nominee's contact and nominate; a script may ask for the nomination to be sent twice."""
        contact = await self._register_contact(place, one)
        sent = {
            "season": self.script.season,
            "category": one.category,
            "candidate": one.candidate,
            "nominating_body": place.province,
            "contact": contact,
            "sample": not one.given,
        }
        key = self.key("nominate", one.code)
        receipt = await self.client.command(place.secretariat, "nomination", "/v1/nominations", sent, key=key)
        self.played.contacts[one.code] = contact
        self.played.nominations[one.code] = str(receipt["nomination"])
        if one.sent_twice:
            again = await self.client.command(place.secretariat, "nomination", "/v1/nominations", sent, key=key)
            if again != receipt:
                raise Unexpected(f"the nomination of {one.name} was sent twice and answered in two ways")
            self.played.repeated = receipt

    async def _register_contact(self, place: Place, one: Nominee) -> str:
        address = f"narahubung-{one.code.lower().replace('.', '-')}-{self.script.season}@paritrana.example"
        sent = {"name": f"Narahubung {one.name} (contoh)", "email": address, "locale": one.contact_reads}
        key = self.key("contact", one.code)
        answer = await self.client.command(place.secretariat, "identity", "/v1/persons", sent, key=key)
        return str(answer["id"])

    # --- scoring ---------------------------------------------------------------------------------------------------

    async def score(self, place: Place) -> None:
        """Open every stage of the place and file every sheet of the script."""
        await self.scoring_knows(place, [f"season/{self.script.season}", self.committee(place)])
        await asyncio.gather(*(self.of_ranking(place, round_, "open") for round_ in place.stages))
        nominations = (f"nomination/{self.nomination(code)}" for round_ in place.stages for code in round_.marks)
        await self.scoring_knows(place, nominations)
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

    async def of_ranking(self, place: Place, round_: Round, verb: str) -> None:
        """Open, close or seal a stage, as its secretary."""
        at = self.stage(place, round_)
        path = f"/v1/rankings/{at.season}/{at.tier}/{at.province}/{at.category}/{at.stage}/{verb}"
        await self.client.command(place.secretary, "scoring", path, key=self.key(at.ranking, verb))

    async def _file_sheet(self, place: Place, round_: Round, code: Code, seat: Seat, marks: Mapping[str, str]) -> None:
        sent = {"marks": dict(marks), "locale": "id", "submit": True, "sample": True}
        key = self.key("sheet", place.tier, round_.stage, code, seat.login)
        await self.client.command(seat.login, "scoring", self.sheet(place, round_.stage, code), sent, key=key)

    async def _try_mark_off_scale(self, place: Place, wrong: RefusedMark) -> None:
        """Send one mark off its scale: it is refused, the refusal is recorded, and nothing else changes."""
        round_ = next(one for one in place.stages if one.category == wrong.category)
        seat = place.seat(wrong.office)
        path = f"{self.sheet(place, round_.stage, wrong.candidate)}/marks/{wrong.aspect}"
        sent = {"mark": wrong.mark, "locale": "id", "sample": True}
        key = self.key("off-scale", wrong.candidate, seat.login)
        self.played.refused = await self.client.refusal(
            seat.login, "scoring", path, sent, key=key, code="out-of-scale", method="PUT"
        )

    async def _declare_conflict(self, place: Place, interest: Interest) -> None:
        seat = place.seat(interest.office)
        sent = {
            "category": interest.category,
            "nomination": self.nomination(interest.candidate),
            "kind": interest.kind,
            "reason": "Memiliki saham pada perusahaan ini (contoh).",
        }
        key = self.key("conflict", interest.candidate, seat.login)
        await self.client.command(seat.login, "nomination", f"{self.body(place)}/conflicts", sent, key=key)

    # --- sealing and deciding --------------------------------------------------------------------------------------

    async def decide(self, place: Place, scheduled: datetime) -> None:
        """Close and seal every stage of the place, then decide on all of them in one plenary."""
        await self.scoring_knows(place, [self.committee(place)])
        await asyncio.gather(*(self._close_and_seal(place, round_) for round_ in place.stages))
        plenary = await self.convene(place, scheduled, place.stages)
        seals = (self.stage(place, round_).ranking for round_ in place.stages)
        await self.client.arrived(place.secretary, "nomination", "/v1/plenaries", seals)
        for number, round_ in enumerate(place.stages, start=1):
            await self._decide_round(place, round_, plenary, number)
        await self.in_plenary(place.secretary, plenary, "adjourn")
        self.played.plenaries[place.province, place.body] = plenary

    async def _close_and_seal(self, place: Place, round_: Round) -> None:
        await self.of_ranking(place, round_, "close")
        await self.of_ranking(place, round_, "seal")

    async def convene(self, place: Place, scheduled: datetime, agenda: Sequence[Round]) -> str:
        """Call a meeting, to which everybody comes; return its id."""
        sent = {
            "season": self.script.season,
            "province": place.province,
            "body": place.body,
            "scheduled": scheduled.isoformat(),
            "agenda": [{"category": one.category, "stage": one.stage} for one in agenda],
        }
        key = self.key("convene", place.province, place.body, scheduled)
        receipt = await self.client.command(place.secretary, "nomination", "/v1/plenaries", sent, key=key)
        plenary = str(receipt["plenary"])
        for seat in place.seats:
            await self.in_plenary(seat.login, plenary, "attendance", {"present": True})
        return plenary

    async def _decide_round(self, place: Place, round_: Round, plenary: str, number: int) -> None:
        """Table the seal and put the motion that the quota advances."""
        item = {"category": round_.category, "stage": round_.stage}
        await self.in_plenary(place.secretary, plenary, "table", item)
        await self.carry(place, plenary, number, item)

    async def carry(self, place: Place, plenary: str, number: int, motion: Json) -> None:
        """Put a motion, vote, decide, announce. Who has an interest in the category abstains."""
        chair, interest = place.seats[0].login, place.conflict
        await self.in_plenary(chair, plenary, "motions", motion)
        for seat in place.seats:
            if interest is None or (interest.category, interest.office) != (motion["category"], seat.office):
                await self.in_plenary(seat.login, plenary, f"motions/{number}/votes", {"vote": "for"})
        await self.in_plenary(chair, plenary, f"motions/{number}/decide")
        await self.in_plenary(chair, plenary, f"motions/{number}/announce")

    async def in_plenary(self, who: str, plenary: str, what: str, sent: Json | None = None) -> None:
        """Do something in a meeting."""
        key = self.key(plenary, what, who, *(sent or {}).values())
        await self.client.command(who, "nomination", f"/v1/plenaries/{plenary}/{what}", sent, key=key)

    # --- words of every step ---------------------------------------------------------------------------------------

    def key(self, *parts: object) -> str:
        """Return the Idempotency-Key of a command: the same whenever this script is played."""
        return str(uuid5(NAMESPACE_URL, "/".join(("urn:paritrana:play", self.script.season, *map(str, parts)))))

    def stage(self, place: Place, round_: Round) -> Stage:
        """Return a round's stage."""
        return round_.at(self.script.season, place)

    def committee(self, place: Place) -> str:
        """Return the stream of a place's committees."""
        return f"committee/{self.script.season}/{place.province}"

    def body(self, place: Place) -> str:
        """Return the path of a body."""
        return f"/v1/committees/{self.script.season}/{place.province}/{place.body}"

    def nomination(self, code: Code) -> str:
        """Return a candidate's nomination id."""
        return self.played.nominations[code]

    def sheet(self, place: Place, stage: str, code: Code) -> str:
        """Return the path of one's own sheet for a candidate."""
        return f"/v1/sheets/{self.nomination(code)}/{place.tier}/{stage}"

    async def scoring_knows(self, place: Place, streams: Iterable[str]) -> None:
        """Wait until scoring has received and folded what the streams hold so far."""
        await self.client.arrived(place.secretary, "scoring", "/v1/rankings", streams)
