"""What a verification did and found: the checks one by one, the findings, and what nobody could see from the folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from services.audit.checklist import Outcome, Said
from services.audit.excerpts import Excerpt
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


OF_PART: Final = (
    Said(
        "Ini bagian log: {0}. {1} dari {2} entri log tidak dimuat. Bahwa suatu alur tidak berlanjut setelah peristiwa "
        "terakhirnya di sini, dan bahwa tidak ada alur bagian ini yang ditinggalkan, hanya dikatakan oleh heads.jsonl "
        "dan pengekspornya; ekspor utuh membuktikannya.",
        "This is a part of the log: {0}. {1} of the log's {2} entries are withheld. That a stream does not go on after "
        "its last event here, and that no stream of this part was left out, is said by heads.jsonl and by who exported "
        "it; a whole export proves it.",
    ),
    Said(
        "Apakah log melanjutkan titik periksa yang lebih awal: bagian log tidak memuat ubin untuk itu. Minta bukti "
        "konsistensi, atau ekspor utuh.",
        "Whether the log continues the earlier checkpoint: a part does not have the tiles for it. Ask for a "
        "consistency proof (/v1/log/consistency), or for a whole export.",
    ),
)


WITHHELD: Final = Said(
    "Nama orang dan bunyi alasan tidak ada dalam log dan tidak dalam folder ini: orang adalah pseudonim, alasan adalah "
    "sidik bergaram. Keduanya dapat dihapus menurut UU PDP tanpa mengubah satu pun pemeriksaan di atas.",
    "Names of persons and the words of reasons are not in the log and not in this folder: persons are pseudonyms, "
    "reasons are salted digests. Both can be erased by law (UU PDP) and every check above stays as it is.",
)


@dataclass(frozen=True, slots=True)
class Given:
    """What the auditor brought from elsewhere, in the words of the command: nothing of it is taken from the folder."""

    digest: str | None = None
    keys: tuple[str, ...] = ()
    checkpoints: tuple[str, ...] = ()
    """Origin, size and root of each, in one line."""

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"digest": self.digest, "vkeys": list(self.keys), "checkpoints": list(self.checkpoints)}


@dataclass(slots=True)
class Report:
    """What a verification did and found."""

    digest: str | None
    digest_given: bool
    given: Given = Given()
    """What was brought from elsewhere; whoever asked for the verification says it."""
    keys_given: bool = False
    """Whether the log's key came from elsewhere than from the folder."""
    checkpoint: str | None = None
    """Origin, size and root of the checkpoint, in one line."""
    part: Excerpt | None = None
    """Which part of the log this is; None of the whole."""
    withheld: int = 0
    """Entries of the log that the part does not hold."""
    uncompared: int = 0
    """Earlier checkpoints with which a part cannot be compared."""
    signers: tuple[str, ...] = ()
    """The verifier keys of the log and of witnesses by which its signatures hold."""
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
        said = [*UNSEEN, WITHHELD]
        if self.checkpoint is not None and not self.keys_given:
            said.insert(0, WITHOUT_KEY)
        if not self.digest_given and not self.keys_given:
            said.insert(0, WITHOUT_DIGEST)
        if self.part is not None:
            of, more = OF_PART
            about = (self.part.named, self.withheld, self.events + self.withheld)
            said = [Said(of.id.format(*about), of.en.format(*about)), *([more] if self.uncompared else ()), *said]
        return said

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        return {
            "good": self.good,
            "digest": self.digest,
            "digest_given": self.digest_given,
            "given": self.given.as_json(),
            "checkpoint": self.checkpoint,
            "signers": list(self.signers),
            "keys_given": self.keys_given,
            "part": None if self.part is None else self.part.as_json(),
            "withheld": self.withheld,
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
