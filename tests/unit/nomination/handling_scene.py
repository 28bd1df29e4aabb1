"""The scene for what is done with nominations: amended, filed late, supported, disputed, verified, interviewed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

from kernel.decider import Decision, Refusal
from schemas.envelope import Stage
from schemas.nomination import Defect
from schemas.rulebook import Rulebook
from services.nomination.domain.candidate import CandidateAsked
from services.nomination.domain.committee import FormCommittee, form_committee
from services.nomination.domain.handling import (
    Amend,
    AttachEvidence,
    DisputeFigure,
    amend,
    attach_evidence,
    dispute_figure,
)
from services.nomination.domain.importing import Imported, ImportList, import_list, judge_list
from services.nomination.domain.interview import CALENDAR, EXTENSION, ScheduleInterview, schedule, settle_slot
from services.nomination.domain.late import file_late, settle_late
from services.nomination.domain.nomination import Handler, Nominate, Nomination, Settled
from services.nomination.domain.persons import Register
from services.nomination.domain.spreadsheet import Line, Row, Value, lines_of
from services.nomination.domain.verification import (
    Reject,
    Resubmit,
    Return,
    Verify,
    reject,
    resubmit,
    return_nomination,
    verify,
)
from tests.unit.nomination.scene import CONTACT, GORONTALO, IN_WINDOW, REASON, Scene, person, rulebook

SECRETARIAT = Handler(person("secretariat"), frozenset({GORONTALO}))
CONTACT_PERSON = Handler(CONTACT, frozenset())
STRANGER = Handler(person("stranger"), frozenset({"13"}))
EMPLOYER = CandidateAsked("employer", "NPP12345", "PT Tepi Laut", "large", "75.71")
AFTER_WINDOW = datetime(2021, 2, 3, 3, tzinfo=UTC)
VERIFYING = Stage(season="2020", tier="national", province="00", category="KABKOTA", stage="verifikasi")
HEARING = Stage(season="2020", tier="national", province="00", category="KABKOTA", stage="wawancara")
VERIFIER, SECOND = person("verifikator-1"), person("verifikator-2")
CHECKED_AT = datetime(2021, 3, 5, 3, tzinfo=UTC)
DAYS_TO_MEND, MINUTES = 7, 45
NATIONAL_SECRETARY = person("sekretaris-nasional")
HEARD_AT = datetime(2021, 5, 3, 2, tzinfo=UTC)
HEADINGS = ("kategori", "jenis", "kode", "nama", "skala", "wilayah", "pengusul", "narahubung", "contoh")


@cache
def with_checks() -> Rulebook:
    """Return the rulebook with verification, interviews of 45 minutes and a measured aspect."""
    content = rulebook().model_dump(mode="json", exclude_none=True)
    for rubric in content["rubrics"]:
        for aspect in rubric["aspects"]:
            if aspect["code"] == "kepatuhan":
                aspect |= {"origin": "measured", "measure": "kepatuhan-iuran"}
    for stage in content["stages"]:
        if stage["code"] == "verifikasi":
            stage["verification"] = {"days_to_mend": DAYS_TO_MEND, "assumed": True}
        if stage["code"] == "wawancara":
            stage["interview"] = {"minutes": MINUTES, "assumed": True}
    return Rulebook.from_content(content)


class Handled(Scene):
    """A scene in which nominations are handled."""

    def employer(self, **also: Any) -> str:
        """Nominate an employer; return the nomination's id."""
        (event,) = self.given(self.nominate(category="BESAR", candidate=replace(EMPLOYER, **also)))
        id_: str = event.nomination  # type: ignore[attr-defined]
        return id_

    def team(self) -> None:
        """Form and seat the national team and the jury."""
        for body in ("tim-verifikasi", "dewan-juri"):
            asked = FormCommittee("2020", "00", body, "SK 1/2021", date(2021, 1, 1), date(2021, 12, 31))
            self.given(form_committee(asked, self.season(), self.committee("00")))
        for seat, who in enumerate((VERIFIER, SECOND), start=1):
            self.given(self.appoint("verifikator", who, seat, "tim-verifikasi", "00"))
        self.given(self.appoint("sekretaris-tim", person("sekretaris-tim"), 1, "tim-verifikasi", "00"))

    # --- what is done

    def amend(self, id_: str, **also: Any) -> Decision:
        asked = replace(Amend(id_, SECRETARIAT, IN_WINDOW, REASON), **also)
        return amend(asked, self.nomination(id_), self.season())

    def attach(self, id_: str, evidence: str = "cd" * 32, **also: Any) -> Decision:
        asked = replace(AttachEvidence(id_, SECRETARIAT, evidence, "application/pdf", 1234, "regulation"), **also)
        return attach_evidence(asked, self.nomination(id_), self.season())

    def dispute(self, id_: str, aspect: str, **also: Any) -> Decision:
        asked = replace(DisputeFigure(id_, SECRETARIAT, aspect, REASON), **also)
        return dispute_figure(asked, self.nomination(id_), self.season())

    def file_late(self, code: str = "75.71", **also: Any) -> Decision:
        asked = Nominate(
            "2020",
            "KABKOTA",
            CandidateAsked("city" if int(code[3:]) > 70 else "regency", code),
            GORONTALO,
            person("secretariat"),
            CONTACT,
            sample=False,
            received=AFTER_WINDOW,
            scopes=frozenset({GORONTALO}),
        )
        command = replace(asked, **also)
        settled = settle_late(command, self.season(command.season))
        if isinstance(settled, Refusal):
            return settled
        return self._file(command, settled)

    def _file(self, command: Nominate, settled: Settled) -> Decision:
        state, ranking = self.nomination(settled.nomination), self.ranking(settled.entry)
        return file_late(command, settled, state, ranking, REASON)

    def verify(self, id_: str, who: str = VERIFIER, **also: Any) -> Decision:
        asked = replace(Verify(id_, who, CHECKED_AT), **also)
        return verify(asked, self.nomination(id_), self.season(), self.committee("00"))

    def send_back(self, id_: str, who: str = VERIFIER, **also: Any) -> Decision:
        defects = (Defect(part="evidence", text_digest=REASON),)
        asked = replace(Return(id_, who, CHECKED_AT, defects), **also)
        return return_nomination(asked, self.nomination(id_), self.season(), self.committee("00"))

    def resubmit(self, id_: str, **also: Any) -> Decision:
        asked = replace(Resubmit(id_, SECRETARIAT, CHECKED_AT), **also)
        return resubmit(asked, self.nomination(id_), self.season())

    def reject(self, id_: str, who: str = VERIFIER, **also: Any) -> Decision:
        asked = replace(Reject(id_, who, CHECKED_AT, REASON), **also)
        return reject(asked, self.nomination(id_), self.season(), self.committee("00"))

    def schedule(self, id_: str, begins: datetime = HEARD_AT, **also: Any) -> Decision:
        keeps = frozenset({"00"})
        command = ScheduleInterview(id_, begins, "in-person", NATIONAL_SECRETARY, keeps, HEARD_AT - timedelta(days=9))
        state = self.nomination(id_)
        at = state.at if isinstance(state, Nomination) else HEARING
        extended = self.fold(EXTENSION, at.ranking)
        asked = settle_slot(replace(command, **also), state, self.season(), self.committee(at.province), extended)
        if isinstance(asked, Refusal):
            return asked
        return schedule(asked, self.fold(CALENDAR, asked.stream), self.nominations())

    # --- lists

    def lines(self, *rows: tuple[Value, ...], headings: tuple[Value, ...] = HEADINGS) -> list[Line]:
        """Return rows as they are read of a sheet whose first one has the headings."""
        found = lines_of([Row(number, cells) for number, cells in enumerate((headings, *rows), start=1)])
        lines = [line for line in found if isinstance(line, Line)]
        assert len(lines) == len(found), found
        return lines

    def import_rows(self, *rows: tuple[Value, ...], headings: tuple[Value, ...] = HEADINGS, **also: Any) -> Imported:
        """Import rows below headings, as they stand in a sheet from row 1 on."""
        lines = self.lines(*rows, headings=headings)
        asked = ImportList(
            "2020", lines, "skip-bad", person("secretariat"), IN_WINDOW, frozenset({GORONTALO}), Register()
        )  # fmt: skip
        command = replace(asked, **also)
        judged = judge_list(command, self.season(command.season))
        assert not isinstance(judged, Refusal), judged
        settled = [one.settled for one in judged if one.settled is not None]
        states = {one.nomination: self.nomination(one.nomination) for one in settled}
        return import_list(command, judged, states, {one.entry.ranking: self.ranking(one.entry) for one in settled})


def handled(rules: Rulebook | None = None) -> Handled:
    """Return a scene with an open season whose stages verify and interview."""
    scene = Handled()
    scene.open(rules or with_checks())
    return scene


def row(code: Value = "75.71", kind: str = "kota", **also: Value) -> tuple[Value, ...]:
    """Return a row of a list under `HEADINGS`."""
    cells: dict[str, Value] = {"kategori": "KABKOTA", "jenis": kind, "kode": code, "pengusul": "75"}
    cells |= {"narahubung": CONTACT, **also}
    return tuple(cells.get(heading) for heading in HEADINGS)


def at_verification(*codes: str) -> tuple[Handled, list[str]]:
    """Return a scene whose nominations stand at verification, with the national team seated."""
    scene = handled()
    ids = scene.nominated(*(codes or ("75.71",)))
    scene.team()
    for id_ in ids:
        scene.advanced(id_, VERIFYING)
    return scene, ids


def at_interview(*codes: str) -> tuple[Handled, list[str]]:
    """Return a scene whose nominations stand at the interview, with the jury formed."""
    scene, ids = at_verification(*codes)
    for id_ in ids:
        scene.advanced(id_, HEARING)
    return scene, ids
