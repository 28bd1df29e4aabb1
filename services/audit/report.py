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
WITHOUT_KEY: Final = Said(
    "Tanpa --vkey: apakah kunci log di folder ini memang kunci log itu. Berikan kunci yang Anda peroleh dari tempat "
    "lain.",
    "Without --vkey: whether the log's key in this folder is the log's. Pass the key that you have from elsewhere.",
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
    keys_given: bool = False
    """Whether the log's key came from elsewhere than from the folder."""
    checkpoint: str | None = None
    """Origin, size and root of the checkpoint, in one line."""
    events: int = 0
    streams: int = 0
    signatures: int = 0
    rankings: int = 0
    decisions: int = 0
    checks: list[Outcome] = field(default_factory=list)
    """How every check ended, in the order of their numbers."""
    keys: list[dict[str, str]] = field(default_factory=list)
    """The services' keys; `trust` is `first` (taken as it came), `countersigned`, `given`, or `none`."""
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
        said = list(UNSEEN)
        if self.checkpoint is not None and not self.keys_given:
            said.insert(0, WITHOUT_KEY)
        if not self.digest_given and not self.keys_given:
            said.insert(0, WITHOUT_DIGEST)
        return said

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        return {
            "good": self.good,
            "digest": self.digest,
            "digest_given": self.digest_given,
            "checkpoint": self.checkpoint,
            "keys_given": self.keys_given,
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
