"""What is printed, as plain texts that are ready to be laid out: nothing here needs a zone, a rule or a look-up.

Sheets cross from the service to the process that lays them out, as JSON. Texts are never markup.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel, ConfigDict


class Sheet(BaseModel):
    """The base of what is printed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def texts(self) -> Iterator[str]:
        """Return every text that is printed of it."""
        yield from _texts_in(self.model_dump())


def _texts_in(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _texts_in(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _texts_in(part)


class CertificateSheet(Sheet):
    """A certificate (piagam)."""

    award: str
    """The award and its season, for example `Paritrana Award 2020-2021`."""
    title: str = "Piagam Penghargaan"
    """What the rulebook calls this certificate."""
    number: str
    candidate: str
    honoured_as: str
    category: str
    prize: str | None = None
    """What the rank brings; None for a finalist, and for a rank without a prize."""
    level: str
    """The tier, and the province's name at the provincial one."""
    place_and_date: str
    body: str
    office: str
    signer: str | None = None
    """Who held the office when the certificate was issued; None where nobody did, or the name was erased."""
    check_url: str
    sample: bool = False
    revoked: str | None = None
    """The date on which it was revoked."""


class Fact(Sheet):
    """One line of what is known, with its label."""

    label: str
    text: str


class Attendant(Sheet):
    """One seat of the body: who held it, whether and how they took part. `name` is None for a vacant seat."""

    office: str
    name: str | None
    mode: str
    movements: str


class RankLine(Sheet):
    """One nominee of the tabled ranking; `rank` is a dash where there is none, `note` says why or what parted a tie."""

    rank: str
    candidate: str
    total: str
    note: str


class Tabling(Sheet):
    """A sealed ranking that was laid before the meeting."""

    time: str
    seal: str
    digest: str


class VoteLine(Sheet):
    """How one member took part in a motion."""

    office: str
    name: str
    vote: str


class MotionSheet(Sheet):
    """A question that was put, how it was voted on, and what followed."""

    title: str
    question: str
    points: tuple[str, ...] = ()
    votes: tuple[VoteLine, ...] = ()
    facts: tuple[Fact, ...] = ()
    outcome: str
    carried: bool | None = None
    followed: tuple[str, ...] = ()
    ranking: tuple[RankLine, ...] = ()
    """The ranking that the decision made, where it made one."""


class ItemSheet(Sheet):
    """One item of the agenda: what was tabled, and what was decided on it."""

    title: str
    tabled: tuple[Tabling, ...] = ()
    ranking: tuple[RankLine, ...] = ()
    notes: tuple[str, ...] = ()
    """What to know of the ranking, a sentence each: conflicts after the seal, ties that other meetings broke."""
    motions: tuple[MotionSheet, ...] = ()


class Corrigendum(Sheet):
    """A correction of the minutes, added later."""

    number: int
    time: str
    text: str


class Signature(Sheet):
    """A line to be signed; `name` is None where nobody holds the office."""

    office: str
    name: str | None


class Proof(Sheet):
    """How the record is checked: where its stream ends, what it rests on, which keys signed it."""

    stream: str
    version: int
    hash: str
    seals: tuple[Fact, ...]
    keys: tuple[str, ...]
    """SHA-256 of each raw public key, in hex."""
    qr: str


class MinutesSheet(Sheet):
    """The minutes of a plenary (berita acara)."""

    award: str
    body: str
    place: str
    plenary: str
    number: str
    opening: str
    facts: tuple[Fact, ...]
    draft: str | None = None
    """What the document lacks as long as the meeting goes on."""
    attendance: tuple[Attendant, ...]
    summary: str
    items: tuple[ItemSheet, ...]
    corrigenda: tuple[Corrigendum, ...] = ()
    closing: str
    heads: tuple[Signature, ...]
    """The chair and the secretary."""
    members: tuple[Signature, ...]
    proof: Proof
    sample: bool = False
