"""How far the work has come: the progress of each sheet, and who competes at which stage. No marks are here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from kernel.log import Recorded
from kernel.reactor import Table
from schemas.nomination import (
    CandidateNominated,
    NominationAmended,
    NominationEliminated,
    NominationReinstated,
    NominationRejected,
    NominationWithdrawn,
    StageAdvanced,
    StageAdvanceWithdrawn,
)
from schemas.scoring import AspectScored, AspectScoreRevised, ScoreSheetSubmitted, ScoreSheetVoided
from services.scoring.domain.sheet import Status
from services.scoring.projections import Json, Row, ranking_of, types_of

# --- sheets --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class SheetProgress:
    """How far one sheet has come; no marks."""

    data: Json | None = None
    status: Status = "blank"
    aspects: set[str] = field(default_factory=set)
    changed: str = ""
    sample: bool = False


class SheetProjection:
    """The progress of each sheet: who has filed how many marks for whom, and whether it counts. It holds no marks."""

    name = "sheets"
    table = Table(
        "sheets",
        (
            "grp", "id", "ranking", "season", "province", "nomination", "tier", "stage", "member", "status", "filed",
            "changed", "sample",
        ),
    )  # fmt: skip
    types = types_of(AspectScored, AspectScoreRevised, ScoreSheetSubmitted, ScoreSheetVoided)

    def groups(self, event: Recorded) -> tuple[str, ...]:
        """Return the sheet's stream: each sheet is a group of its own."""
        return (event.stream,)

    def initial(self, group: str) -> SheetProgress:  # noqa: ARG002 - every sheet begins the same
        """Return a sheet without marks."""
        return SheetProgress()

    def fold(self, state: SheetProgress, event: Recorded, group: str) -> SheetProgress:  # noqa: ARG002 - one sheet
        """Fold one event of the sheet."""
        data = event.data
        state.data, state.changed = data, event.attributes["time"]
        state.sample = state.sample or bool(data.get("sample"))
        match event.type:
            case _SheetTypes.SCORED:
                if state.status != "submitted":
                    state.aspects = set() if state.status == "voided" else state.aspects
                    state.status = "draft"
                state.aspects.add(data["mark"]["aspect"])
            case _SheetTypes.REVISED:
                state.aspects.add(data["mark"]["aspect"])
            case _SheetTypes.SUBMITTED:
                state.status = "submitted"
            case _:
                state.status = "voided"
        return state

    def rows(self, group: str, state: SheetProgress) -> Iterable[Row]:
        """Return the one row of a sheet."""
        data = state.data
        if data is None:
            return ()
        at = data["at"]
        return (
            (
                group, data["member"], ranking_of(at), at["season"], at["province"], data["nomination"], at["tier"],
                at["stage"], data["member"], state.status, len(state.aspects), state.changed, state.sample,
            ),
        )  # fmt: skip


class _SheetTypes:
    SCORED: Final = AspectScored.type_name()
    REVISED: Final = AspectScoreRevised.type_name()
    SUBMITTED: Final = ScoreSheetSubmitted.type_name()


# --- who competes where --------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Way:
    """One nomination's way: the stages it reached, in order, and how it ended.

    `fallen` are stages that an upheld appeal took back.
    """

    path: list[Json] = field(default_factory=list)
    fallen: list[Json] = field(default_factory=list)
    candidate: Json = field(default_factory=dict)
    standing: str = "competing"
    sample: bool = False


class StageMemberProjection:
    """Which nominations reached which stage, and whether they still compete there."""

    name = "stage_members"
    table = Table(
        "stage_members",
        (
            "grp", "id", "season", "province", "category", "tier", "stage", "nomination", "candidate", "name",
            "standing", "here", "sample", "kind",
        ),
    )  # fmt: skip
    types = types_of(
        CandidateNominated, NominationAmended, StageAdvanced, StageAdvanceWithdrawn, NominationWithdrawn,
        NominationEliminated, NominationReinstated, NominationRejected,
    )  # fmt: skip

    def groups(self, event: Recorded) -> tuple[str, ...]:
        """Return the nomination's stream: each nomination is a group of its own."""
        return (event.stream,)

    def initial(self, group: str) -> Way:  # noqa: ARG002 - every way begins the same
        """Return a way without a stage."""
        return Way()

    def fold(self, state: Way, event: Recorded, group: str) -> Way:  # noqa: ARG002 - one nomination
        """Fold one event of the nomination."""
        data = event.data
        match event.type:
            case _WayTypes.NOMINATED:
                state.path, state.candidate = [data["entry"]], data["candidate"]
                state.sample = bool(data.get("sample"))
            case _WayTypes.AMENDED:
                state.candidate = data["candidate"]
            case _WayTypes.ADVANCED:
                state.path.append(data["reached"])
                state.fallen = [at for at in state.fallen if at != data["reached"]]
                state.standing = "competing"
            case _WayTypes.RETURNED:
                _fall_back(state, data["returned"])
            case other:
                state.standing = _STANDINGS[other]
        return state

    def rows(self, group: str, state: Way) -> Iterator[Row]:
        """Return a row per stage reached; `id` is the stage's ranking stream."""
        nomination = group.rpartition("/")[2]
        candidate = state.candidate
        for at in (*state.path, *state.fallen):
            yield (
                group, ranking_of(at), at["season"], at["province"], at["category"], at["tier"], at["stage"],
                nomination, candidate.get("code", ""), candidate.get("name", ""), state.standing,
                at is state.path[-1], state.sample, candidate.get("kind", ""),
            )  # fmt: skip


def _fall_back(state: Way, to: Json) -> None:
    """Take back the stages after one of the way; it ends there, below the quota unless it had ended before."""
    kept = state.path[: state.path.index(to) + 1] if to in state.path else state.path
    state.fallen += state.path[len(kept) :]
    state.path = kept
    state.standing = "eliminated" if state.standing == "competing" else state.standing


class _WayTypes:
    NOMINATED: Final = CandidateNominated.type_name()
    AMENDED: Final = NominationAmended.type_name()
    ADVANCED: Final = StageAdvanced.type_name()
    RETURNED: Final = StageAdvanceWithdrawn.type_name()


_STANDINGS: Final = {
    NominationWithdrawn.type_name(): "withdrawn",
    NominationEliminated.type_name(): "eliminated",
    NominationReinstated.type_name(): "competing",
    NominationRejected.type_name(): "rejected",
}
