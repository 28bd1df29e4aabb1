"""An export is whole or says what is missing, and never touches what is not its own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import orjson
import pytest

from services.audit.export import Exported, NotExported, Source, StoreStatus, export, prepare_folder
from services.audit.folder import MANIFEST
from services.audit.verify import verify
from tests.unit.audit.exported import DELIVERY, NOMINATION, Log, delivered, nominated, small_log, write_export


def quiet(_line: str) -> None:
    """Say nothing."""


def test_the_digest_is_that_of_the_manifest(tmp_path):
    result = write_export(small_log(), tmp_path / "export")
    assert result.digest == hashlib.sha256((tmp_path / "export" / MANIFEST).read_bytes()).hexdigest()


def test_the_manifest_lists_every_file_every_count_and_the_published_keys(tmp_path):
    log = small_log()
    write_export(log, tmp_path / "export")
    manifest = orjson.loads((tmp_path / "export" / MANIFEST).read_bytes())
    on_disk = {path.relative_to(tmp_path / "export").as_posix() for path in (tmp_path / "export").rglob("*.*l")}
    assert {entry["path"] for entry in manifest["files"]} == on_disk | {"README.md"}
    assert (manifest["events"], manifest["streams"]) == (10, 7)
    assert {key["key_id"] for key in manifest["keys"]} == {signer.key_id for signer in log.signers.values()}


class Late:
    """A store that receives the cause of an event only after it was first read."""

    def __init__(self) -> None:
        whole = Log()
        for service in ("nomination", "notifications"):
            whole.open(service)
        cause = whole.append(f"nomination/{NOMINATION}", nominated())
        whole.append(DELIVERY, delivered(cause, "nominated"), cause=cause)
        self.whole = whole
        self.reads = 0

    def status(self) -> StoreStatus:
        return StoreStatus(f"1-700-{self.reads}", 4)

    def tree(self, until: str) -> None:
        """Return nothing: nothing was signed."""

    def chosen(self, until: str, selections: Sequence[str], *, first: bool = False) -> Iterator[Exported]:
        """Return nothing: no part is asked for."""
        return iter(())

    def events(self, until: str) -> Iterator[Exported]:
        self.reads += 1
        for event in self.whole.events(until):
            if self.reads > 1 or event.stream != f"nomination/{NOMINATION}":
                yield event


def test_an_export_waits_for_a_cause_that_is_still_on_its_way(tmp_path):
    store: Source = Late()
    result = export(store, tmp_path, quiet, wait=60)
    assert result.open_ends == ()
    assert result.events == 4
    assert verify(tmp_path, result.digest).good


def test_an_export_that_waited_in_vain_is_written_and_says_what_is_missing(tmp_path):
    result = export(Late(), tmp_path, quiet, wait=0)
    assert len(result.open_ends) == 1
    assert DELIVERY in result.open_ends[0]
    assert not verify(tmp_path, result.digest).good


def test_a_folder_that_is_not_empty_is_refused_unless_it_is_to_be_replaced(tmp_path):
    folder = tmp_path / "export"
    write_export(small_log(), folder)
    with pytest.raises(NotExported, match="not empty"):
        prepare_folder(folder, replace=False)
    prepare_folder(folder, replace=True)
    assert list(folder.iterdir()) == []


def test_a_folder_that_is_made_for_an_export_is_its_owners_alone(tmp_path):
    prepare_folder(tmp_path / "made", replace=False)
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o700


def test_what_no_export_has_is_never_replaced(tmp_path):
    write_export(small_log(), tmp_path / "export")
    (tmp_path / "export" / "thesis.odt").write_text("years of work")
    with pytest.raises(NotExported, match=r"thesis\.odt"):
        prepare_folder(tmp_path / "export", replace=True)
    (tmp_path / "export" / "thesis.odt").rename(tmp_path / "export" / "events" / "thesis.odt")
    with pytest.raises(NotExported, match="cannot be used"):
        prepare_folder(tmp_path / "export", replace=True)
    assert (tmp_path / "export" / "events" / "thesis.odt").read_text() == "years of work"


def test_a_folder_behind_a_link_is_never_emptied(tmp_path):
    write_export(small_log(), tmp_path / "other")
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "events").symlink_to(tmp_path / "other" / "events")
    with pytest.raises(NotExported, match="symbolic link"):
        prepare_folder(tmp_path / "export", replace=True)
    assert verify(tmp_path / "other").good


def test_a_store_whose_row_is_not_its_event_is_not_exported(tmp_path):
    class Lying(Log):
        def events(self, until: str) -> Iterator[Exported]:
            for event in super().events(until):
                yield event._replace(version=event.version + 1)

    log = Lying()
    log.open("audit")
    with pytest.raises(NotExported, match=r"service/audit@2 holds service/audit@1"):
        export(log, tmp_path, quiet, wait=0)
