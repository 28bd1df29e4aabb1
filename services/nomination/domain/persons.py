"""Persons whom a command brings in: somebody whom nobody knows can neither sit, nor be counted, nor be written to.

Who exists is identity's to say, and it says so in no event; it is asked before a command is decided, and what it said
arrives in the decision. What is refused or already so by the rules stays that, whatever identity says: a command that
is sent again after its person was erased gets the answer that it got, and nobody learns here who exists who could not
have brought that person in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from kernel.decider import Decision, Refusal, Text
from services.nomination.domain.refusals import refuse


@dataclass(frozen=True, slots=True)
class Register:
    """What identity said of the persons that it was asked for.

    `strangers` are those whom it does not know, or whose data it has erased; None when it did not answer.
    """

    strangers: frozenset[str] | None = frozenset()

    def knows(self, person: str) -> bool:
        """Tell whether nothing was said against a person."""
        return self.strangers is None or person not in self.strangers


PERSONS_AWAY: Final = Refusal(
    code="persons-away",
    status=503,
    recorded=False,
    detail=Text(
        en="Identity does not answer, so nobody can be appointed or named as a contact just now. Nothing was done; "
        "repeat the same request with the same Idempotency-Key.",
        id="Layanan identitas tidak menjawab, sehingga penunjukan dan penetapan narahubung belum dapat dilakukan. "
        "Tidak ada yang disimpan; ulangi permintaan yang sama dengan Idempotency-Key yang sama.",
    ),
)


def of_known_persons(decision: Decision, named: Mapping[str, str], register: Register) -> Decision:
    """Return the decision if every person that it brings in is known; `named` are their ids by the command's field."""
    if isinstance(decision, Refusal) or not decision:
        return decision
    if register.strangers is None:
        return PERSONS_AWAY if named else decision
    unknown = next(((path, person) for path, person in named.items() if not register.knows(person)), None)
    return decision if unknown is None else refuse("person-unknown", *unknown).refusal
