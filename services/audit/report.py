"""What a verification did and found: the checks one by one, the findings, and what nobody could see from the folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from services.audit.checklist import Outcome, Said
from services.audit.findings import Finding

WITHOUT_DIGEST: Final = Said(
    "Tanpa --digest: ekspor yang dibuat ulang seluruhnya, dengan manifes, heads, dan kuncinya sendiri, atau yang "
    "peristiwa terbarunya dipotong sebelum manifes dibuat. Berikan sidik yang dicetak `audit export`, dari tempat Anda "
    "menyimpannya, dan bandingkan id kunci dengan yang Anda kenal.",
    "Without --digest: an export that was made anew as a whole, with its own manifest, heads and keys, or "
    "whose newest events were cut off before the manifest was made. Pass the digest that `audit export` "
    "printed, from where you kept it, and compare the key ids above with those you know.",
)
UNSEEN: Final = (
    Said(
        "Apakah orang di balik pseudonim memang orangnya, dan apakah suatu nilai memang pantas.",
        "Whether the persons behind the pseudonyms are who they say, and whether a score is deserved.",
    ),
    Said(
        "Peristiwa yang tidak pernah diterbitkan layanan, atau diterbitkan setelah ekspor ini.",
        "Events that the services never published, or published after this export.",
    ),
)


@dataclass(slots=True)
class Report:
    """What a verification did and found."""

    digest: str | None
    digest_given: bool
    events: int = 0
    streams: int = 0
    signatures: int = 0
    rankings: int = 0
    decisions: int = 0
    checks: list[Outcome] = field(default_factory=list)
    """How every check ended, in the order of their numbers."""
    keys: list[dict[str, str]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    left_out: int = 0
    remarks: list[Finding] = field(default_factory=list)
    """What an auditor should know of and is no fault: a service had not heard yet of what it acted against."""
    remarks_left_out: int = 0

    @property
    def found(self) -> int:
        """Return how many findings there are, those left out of the list included."""
        return len(self.findings) + self.left_out

    @property
    def good(self) -> bool:
        """Tell whether nothing was found."""
        return not self.findings

    @property
    def unseen(self) -> list[str]:
        """Say what this verification could not see."""
        return [said.en for said in self.unseen_in_both]

    @property
    def unseen_in_both(self) -> list[Said]:
        """Say what this verification could not see, in both languages."""
        return [*UNSEEN] if self.digest_given else [WITHOUT_DIGEST, *UNSEEN]

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        return {
            "good": self.good,
            "digest": self.digest,
            "digest_given": self.digest_given,
            "events": self.events,
            "streams": self.streams,
            "signatures": self.signatures,
            "rankings": self.rankings,
            "decisions": self.decisions,
            "checks": [check.as_json() for check in self.checks],
            "keys": self.keys,
            "findings": [finding.as_json() for finding in self.findings],
            "findings_left_out": self.left_out,
            "remarks": [remark.as_json() for remark in self.remarks],
            "remarks_left_out": self.remarks_left_out,
            "unseen": self.unseen,
        }
