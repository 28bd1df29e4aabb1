"""Keys that follow each other: who holds the database alone brings in none, and a replaced one signs no more."""

from __future__ import annotations

from base64 import b64encode
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.audit import app
from cli.output import WrongUse
from kernel.canonical import Ed25519Signer
from kernel.tlog.notes import NoteKey, VerifierKey
from kernel.tlog.successions import Succession
from schemas.service import ServiceKeyPublished
from services.audit.report import Report
from services.audit.trust import LATE, TOLERANCE, key_id_of
from services.audit.verify import verify
from tests.unit.audit.exported import (
    NOMINATION,
    SHEET,
    Log,
    TreeOf,
    new_signer,
    next_key,
    scored,
    small_log,
    write_export,
)

SERVICE = "service/scoring"
OTHER = "018f0000-0000-7000-8000-0000000000bb"
LOG_KEY = NoteKey.generate("test.example/log")


def report_of(log: Log, folder: Path, **given: set[str]) -> Report:
    write_export(log, folder / "export")
    return verify(folder / "export", workers=1, service_keys=given)


def codes(report: Report) -> set[str]:
    return {finding.code for finding in report.findings}


def state(report: Report) -> str:
    return next(one.state for one in report.checks if one.check.key == "rotations")


def trust(report: Report) -> dict[str, str]:
    return {key["key_id"]: key["trust"] for key in report.keys if key["service"] == "scoring"}


def begun_anew(log: Log) -> Ed25519Signer:
    """Publish a key of scoring for which none vouches, as a holder of the database can; it is not used yet."""
    signer = new_signer()
    key = b64encode(signer.public_key).decode()
    event = ServiceKeyPublished(
        service="scoring", key_id=signer.key_id, algorithm="Ed25519", use="events", public_key=key
    )
    log.append(SERVICE, event)
    return signer


# --- a chain of keys


def test_a_log_whose_keys_were_never_changed_has_nothing_to_check(tmp_path: Path) -> None:
    report = report_of(small_log(), tmp_path)
    assert report.good
    assert state(report) == "not-applicable"
    assert set(trust(report).values()) == {"first"}


def test_keys_that_vouch_for_each_other_pass_and_the_report_says_so(tmp_path: Path) -> None:
    log = small_log()
    first = log.rotate("scoring")
    log.append(SHEET, scored(mark="90"))
    second = log.rotate("scoring")
    log.append(SHEET, scored(mark="91"))
    report = report_of(log, tmp_path)
    assert report.good, report.findings
    assert state(report) == "passed"
    third = log.signers["scoring"]
    assert trust(report) == {
        first.key_id: "first", second.key_id: "countersigned", third.key_id: "countersigned"
    }  # fmt: skip


def test_a_given_key_vouches_for_those_before_and_after_it(tmp_path: Path) -> None:
    log = small_log()
    first = log.rotate("scoring")
    second = log.rotate("scoring")
    log.append(SHEET, scored(mark="91"))
    write_export(log, tmp_path / "export")
    for given in (first, second, log.signers["scoring"]):
        report = verify(tmp_path / "export", workers=1, service_keys={"scoring": {given.key_id}})
        assert report.good, report.findings
        assert trust(report)[given.key_id] == "given"


def test_a_given_key_that_the_log_does_not_have_is_found_and_then_no_other_is_trusted(tmp_path: Path) -> None:
    report = report_of(small_log(), tmp_path, scoring={"00" * 8})
    assert codes(report) == {"rotation", "unknown-key"}
    assert set(trust(report).values()) == {"none"}
    assert any("is not published in this log" in finding.what for finding in report.findings)


# --- who holds the database


def test_a_key_that_the_databases_owner_inserted_is_found_and_signs_nothing(tmp_path: Path) -> None:
    log = small_log()
    log.signers["scoring"] = begun_anew(log)
    log.append(SHEET, scored(mark="100"))
    report = report_of(log, tmp_path)
    assert codes(report) == {"rotation", "unknown-key"}
    by_code = {finding.code: finding for finding in report.findings}
    assert (by_code["rotation"].place.stream, by_code["rotation"].place.version) == (SERVICE, 2)
    assert (by_code["unknown-key"].place.stream, by_code["unknown-key"].place.version) == (SHEET, 4)
    assert "no key of scoring vouches for it" in by_code["unknown-key"].what
    assert state(report) == "failed"


def test_an_inserted_key_does_not_keep_the_services_own_from_being_changed(tmp_path: Path) -> None:
    log = small_log()
    inserted = begun_anew(log)
    log.rotate("scoring")
    log.append(SHEET, scored(mark="90"))
    report = report_of(log, tmp_path)
    assert [finding.code for finding in report.findings] == ["rotation"]
    assert trust(report)[inserted.key_id] == "none"


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"proof": None}, "does not prove that it is held"),
        ({"proof": b64encode(bytes(64)).decode()}, "does not prove that it is held"),
        ({"replaces": "00" * 8}, "does not prove that it is held"),
    ],
)
def test_a_key_that_its_publisher_need_not_hold_is_found(tmp_path: Path, changed: dict[str, str], what: str) -> None:
    log = small_log()
    log.rotate("scoring", **changed)
    report = report_of(log, tmp_path)
    assert [(finding.code, finding.place.version) for finding in report.findings] == [("rotation", 2)]
    assert what in report.findings[0].what


def test_a_key_that_replaces_one_that_is_not_there_is_found(tmp_path: Path) -> None:
    log = small_log()
    log.append(SERVICE, next_key("scoring", new_signer(), new_signer()), signed=True)
    report = report_of(log, tmp_path)
    assert codes(report) == {"rotation"}
    assert "did not publish before" in report.findings[0].what


def test_a_countersignature_by_another_services_key_is_found(tmp_path: Path) -> None:
    log = small_log()
    own, others = log.signers["scoring"], log.signers["nomination"]
    log.signers["scoring"] = others
    log.append(SERVICE, next_key("scoring", own, after := new_signer()), signed=True)
    log.signers["scoring"] = after
    log.append(SHEET, scored(mark="90"))
    report = report_of(log, tmp_path)
    # The signature itself is by a key that scoring never published.
    assert codes(report) == {"rotation", "unknown-key"}
    assert any("is not countersigned by" in finding.what for finding in report.findings)
    assert trust(report)[after.key_id] == "none"


def test_a_countersignature_by_the_new_key_itself_is_found(tmp_path: Path) -> None:
    log = small_log()
    own = log.signers["scoring"]
    log.signers["scoring"] = new_signer()
    log.append(SERVICE, next_key("scoring", own, log.signers["scoring"]), signed=True)
    assert "rotation" in codes(report_of(log, tmp_path))


def test_a_second_key_in_the_place_of_one_is_found(tmp_path: Path) -> None:
    log = small_log()
    first = log.rotate("scoring")
    second = log.signers["scoring"]
    log.signers["scoring"] = first
    log.append(SERVICE, next_key("scoring", first, new_signer()), signed=True)
    log.signers["scoring"] = second
    log.append(SHEET, scored(mark="90"))
    report = report_of(log, tmp_path)
    assert [finding.code for finding in report.findings] == ["rotation"]
    assert f"which {second.key_id} has replaced already" in report.findings[0].what


def test_a_change_of_keys_that_was_cut_out_is_found(tmp_path: Path) -> None:
    log = small_log()
    log.rotate("scoring")
    log.append(SHEET, scored(mark="90"))
    # The stream ends with the change, so that chain and heads can be made to fit without it.
    log.documents[SERVICE].pop()
    log.hashes[SERVICE] = b""
    report = report_of(log, tmp_path)
    assert "unknown-key" in codes(report)
    assert any((finding.place.stream, finding.place.version) == (SHEET, 4) for finding in report.findings)


def test_a_key_in_another_stream_than_its_services_own_counts_for_nothing(tmp_path: Path) -> None:
    log = small_log()
    before = log.signers["scoring"]
    log.append(SHEET, next_key("scoring", before, after := new_signer()), signed=True)
    log.signers["scoring"] = after
    log.append(SHEET, scored(mark="90"))
    found = report_of(log, tmp_path)
    assert {"key", "unknown-key"} <= codes(found)


# --- a key that was replaced


def test_what_a_replaced_key_signs_afterwards_is_found_by_its_time(tmp_path: Path) -> None:
    log = small_log()
    before = log.rotate("scoring")
    now, log.signers["scoring"] = log.signers["scoring"], before
    log.now += TOLERANCE
    log.append(SHEET, scored(mark="100"))
    log.signers["scoring"] = now
    report = report_of(log, tmp_path)
    assert [(finding.code, finding.place.version) for finding in report.findings] == [("retired-key", 4)]


def test_what_another_process_signed_in_the_same_seconds_is_no_finding(tmp_path: Path) -> None:
    log = small_log()
    before = log.rotate("scoring")
    now, log.signers["scoring"] = log.signers["scoring"], before
    log.append(SHEET, scored(mark="90"))
    log.signers["scoring"] = now
    log.append(SHEET, scored(mark="91"))
    assert report_of(log, tmp_path).good


def backdated(log: Log, *, days: float) -> None:
    """Let a thief of the replaced key write a sheet into the past, when the log has gone on for some days."""
    before = log.rotate("scoring")
    rotated, now = log.now, log.signers["scoring"]
    log.now += timedelta(days=days)
    log.append(SHEET, scored(mark="90"))
    log.now, log.signers["scoring"] = rotated - timedelta(minutes=1), before
    log.append(SHEET.replace(NOMINATION, OTHER), scored(OTHER, mark="100"))
    log.signers["scoring"] = now


def test_what_a_replaced_key_signs_into_the_past_is_found_by_the_logs_order(tmp_path: Path) -> None:
    log = small_log()
    log.key = LOG_KEY
    backdated(log, days=LATE.days + 1)
    report = report_of(log, tmp_path)
    assert codes(report) == {"retired-key"}
    assert report.findings[0].place.file.startswith("tile/entries/")


def test_what_was_on_its_way_when_the_key_was_replaced_is_no_finding(tmp_path: Path) -> None:
    log = small_log()
    log.key = LOG_KEY
    backdated(log, days=LATE.days / 2)
    assert report_of(log, tmp_path).good


# --- a lost key


def test_a_key_that_begins_anew_passes_for_who_was_given_its_id_and_ends_the_one_before(tmp_path: Path) -> None:
    log = small_log()
    first = log.signers["scoring"]
    log.signers["scoring"] = begun_anew(log)
    log.append(SHEET, scored(mark="90"))
    write_export(log, tmp_path / "export")
    both = {"scoring": {first.key_id, log.signers["scoring"].key_id}}
    report = verify(tmp_path / "export", workers=1, service_keys=both)
    assert report.good, report.findings
    assert set(trust(report).values()) == {"given"}
    assert codes(verify(tmp_path / "export", workers=1)) == {"rotation", "unknown-key"}
    log.now += TOLERANCE
    log.signers["scoring"] = first
    log.append(SHEET, scored(mark="91"))
    write_export(log, tmp_path / "later")
    assert codes(verify(tmp_path / "later", workers=1, service_keys=both)) == {"retired-key"}


# --- token keys


def token_key(signer: Ed25519Signer) -> ServiceKeyPublished:
    key = b64encode(signer.public_key).decode()
    return ServiceKeyPublished(
        service="identity", key_id=key_id_of(signer.public_key, "tokens"), algorithm="Ed25519", use="tokens",
        public_key=key,
    )  # fmt: skip


def test_token_keys_are_signed_from_the_first_on_that_was(tmp_path: Path) -> None:
    log = small_log()
    log.open("identity")
    log.append("service/identity", token_key(new_signer()), signed=False)
    log.append("service/identity", token_key(new_signer()))
    write_export(log, tmp_path / "export")
    assert verify(tmp_path / "export", workers=1).good
    log.append("service/identity", token_key(new_signer()), signed=False)
    report = report_of(log, tmp_path / "later")
    assert [(finding.code, finding.place.version) for finding in report.findings] == [("rotation", 4)]


# --- the log's key


class Followed(TreeOf):
    """A tree whose log's key was followed by another, which signs."""

    def __init__(self, log: Log, keys: list[NoteKey], successions: list[Succession], signing: NoteKey) -> None:
        super().__init__(log.entries, signing)
        self.keys: list[VerifierKey] = [key.verifier for key in keys]
        self.successions = successions


def followed(folder: Path, *successions: Succession, signing: NoteKey) -> Path:
    log = small_log()
    log.key = signing
    log.tree = lambda until: Followed(log, [LOG_KEY, signing], list(successions), signing)  # type: ignore[method-assign]
    write_export(log, folder / "export")
    return folder / "export"


def test_who_knows_the_old_key_of_the_log_follows_it_to_the_new_one(tmp_path: Path) -> None:
    second, third = (NoteKey.generate(LOG_KEY.name) for _ in range(2))
    folder = followed(tmp_path, Succession.make(LOG_KEY, second), Succession.make(second, third), signing=third)
    for known in (LOG_KEY, second, third):
        report = verify(folder, workers=1, keys=[known.verifier])
        assert report.good, report.findings
        assert state(report) == "passed"
    assert verify(folder, workers=1).good


def test_a_key_of_the_log_for_which_none_vouches_is_no_key_for_who_knows_the_old_one(tmp_path: Path) -> None:
    second, thief = NoteKey.generate(LOG_KEY.name), NoteKey.generate(LOG_KEY.name)
    folder = followed(tmp_path, Succession.make(LOG_KEY, second), signing=thief)
    assert codes(verify(folder, workers=1, keys=[LOG_KEY.verifier])) == {"checkpoint"}


def test_a_changed_note_between_two_keys_of_the_log_is_found(tmp_path: Path) -> None:
    second = NoteKey.generate(LOG_KEY.name)
    made = Succession.make(LOG_KEY, second)
    folder = followed(tmp_path, made, signing=second)
    path = folder / "keys" / f"{second.verifier.key_id.hex()}.succession"
    raw = path.read_bytes()
    for at in range(0, len(raw), 7):
        path.write_bytes(raw[:at] + bytes((raw[at] ^ 2,)) + raw[at + 1 :])
        report = verify(folder, workers=1, keys=[LOG_KEY.verifier])
        assert "checkpoint" in codes(report), at
    path.write_bytes(raw)
    assert verify(folder, workers=1, keys=[LOG_KEY.verifier]).good


# --- the command


def test_the_command_takes_keys_and_prints_why_each_is_trusted(tmp_path: Path) -> None:
    log = small_log()
    before = log.rotate("scoring")
    write_export(log, tmp_path / "export")
    told = CliRunner().invoke(app, ["verify", str(tmp_path / "export"), "--service-key", f"scoring:{before.key_id}"])
    assert told.exit_code == 0, told.output
    assert f"{before.key_id} (" in told.output
    assert "), as given" in told.output
    assert "), the one before vouches for it" in told.output
    assert "), its first, trusted as it came" in told.output


@pytest.mark.parametrize("text", ["scoring", "scoring:xyz", "nobody:0011223344556677", ":", "scoring:0011"])
def test_what_is_no_key_of_a_service_is_a_wrong_use(tmp_path: Path, text: str) -> None:
    write_export(small_log(), tmp_path / "export")
    ended = CliRunner().invoke(app, ["verify", str(tmp_path / "export"), "--service-key", text])
    assert isinstance(ended.exception, WrongUse)
