"""What one administrator must not do alone: give power over others' acts, or come to act as somebody else.

Freezing, unfreezing and closing a season take two administrators. If one could appoint another, that one could appoint
a puppet and be both; so no one appoints an administrator alone, nor an auditor, who would watch them, nor an operator,
who changes the keys that tokens are signed with. The same holds for what comes to the same: taking such a role away,
giving its holder a further account (whose password the giver knows), and erasing its holder. And nobody gives such a
role to themselves, whoever takes part.

A member's sheet and vote must be the member's. Who opens an account knows its password, so a further account of
somebody who has one already, and any account of somebody who sits in a body, take two administrators as well; the first
account of anybody else is an act of one. The roles that a seat brings come with the seat, by an appointment that the
log keeps with its decree; two administrators give one without a seat, and the role of a secretariat, which nominates
and withdraws for a government. To take one back is no power over what others rely on, and takes one. Nobody grants
anything to themselves. Erasing a member of a body takes two as well: it ends whom the body can hear.

An installation begins with one administrator, the one of the password file, who has nobody to ask: that one acts alone
for as long as no other person who can sign in is a season administrator, and so also chooses the second one alone.
The history of acts then names no second person, which an auditor sees. On the embedded stack the development persons
`admin` and `admin2` are there from the start, so nobody ever acts alone.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from uuid import UUID

from kernel.decider import FieldFault, Text
from kernel.problems import Problem, forbidden
from kernel.tokens import SECOND_AUTHORIZATION

ADMINISTRATOR: Final = "season-admin"
POWERFUL: Final = frozenset({ADMINISTRATOR, "auditor", "operator"})
SEATED: Final = frozenset({"member", "chair", "secretary", "verifier", "juror"})
"""The roles that seats bring: who holds one signs sheets, votes, or keeps a body's records."""
GOVERNING: Final = "secretariat"
"""Who nominates, withdraws and appeals for a government."""
GIVEN_BY_TWO: Final = POWERFUL | SEATED | {GOVERNING}


@dataclass(frozen=True, slots=True)
class Askers:
    """Who asks, and the second person who takes part, if any does."""

    first: UUID
    second: UUID | None = None


def check_two(askers: Askers, administrators: AbstractSet[UUID]) -> None:
    """Refuse what takes two administrators unless two different ones ask, or the only one there is.

    `administrators` are those who hold the role now and can sign in: a token may say what has been taken back since.
    """
    if askers.first not in administrators:
        raise forbidden(
            Text(
                "You are no season administrator any more; your token was issued before that.",
                "Anda bukan lagi administrator musim; token Anda diterbitkan sebelum itu.",
            )
        )
    others = administrators - {askers.first}
    if askers.second in others or (askers.second is None and not others):
        return
    remedy = Text(
        f"Let a second administrator sign in, and send that token in the header {SECOND_AUTHORIZATION}.",
        f"Minta administrator kedua masuk, lalu kirim tokennya pada header {SECOND_AUTHORIZATION}.",
    )
    raise Problem(
        HTTPStatus.FORBIDDEN,
        "two-persons-needed",
        Text(
            "This takes two different season administrators, both still in office",
            "Tindakan ini memerlukan dua administrator musim yang berbeda dan masih menjabat",
        ),
        remedy,
        errors=(FieldFault(f"header.{SECOND_AUTHORIZATION}", None, remedy),),
    )


def check_not_own(askers: Askers, person: UUID) -> None:
    """Refuse a powerful role for one of those who ask for it."""
    if person not in (askers.first, askers.second):
        return
    remedy = Text(
        "Let two other administrators grant it, or name another person.",
        "Minta dua administrator lain memberikannya, atau sebutkan orang lain.",
    )
    raise Problem(
        HTTPStatus.FORBIDDEN,
        "own-grant",
        Text(
            "Nobody takes part in granting this role to themselves",
            "Tidak seorang pun boleh ikut memberikan peran ini kepada dirinya sendiri",
        ),
        remedy,
        errors=(FieldFault("person", str(person), remedy),),
    )
