"""Every cited event is shown to be a leaf of the log and found again on Kafka; its proof holds alone."""

from __future__ import annotations

import shutil
from base64 import b64decode
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from cli.audit import app
from cli.output import Finding, WrongUse
from kernel.tlog.notes import ED25519, NoteKey
from kernel.tlog.proofs import Inclusion
from kernel.tlog.trees import leaf_hash
from services.audit.excerpts import Excerpt
from services.audit.export import Exported, StoreStatus, export
from services.audit.folder import PLACES, Unusable
from services.audit.places import PlaceWriter, Read, places_of
from services.audit.verify import verify
from tests.unit.audit.exported import Log, TreeOf
from tests.unit.audit.forging import rules
from tests.unit.audit.played import whole
from tests.unit.audit.test_explain import citations

KEY = NoteKey.generate("audit.example/log", ED25519)
OTHER = NoteKey.generate("audit.example/log", ED25519)


class Placed:
    """A store that says where it read each event, but for its service's own."""

    def __init__(self, log: Log) -> None:
        self.log = log

    def status(self) -> StoreStatus:
        return self.log.status()

    def tree(self, until: str) -> TreeOf | None:
        return self.log.tree(until)

    def events(self, until: str) -> Iterator[Exported]:
        for number, one in enumerate(self.log.events(until)):
            read = None if one.stream.startswith("service/") else Read(len(one.stream) % 3, 10 * number)
            yield one._replace(read=read)

    def chosen(self, until: str, selections: Sequence[str], *, first: bool = False) -> Iterator[Exported]:
        reads = {(one.stream, one.version): one.read for one in self.events(until)}
        for one in self.log.chosen(until, selections, first=first):
            yield one._replace(read=reads[one.stream, one.version])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    log = whole(rules()).log
    log.key = KEY
    folder: Path = tmp_path_factory.mktemp("trail") / "export"
    folder.mkdir()
    export(Placed(log), folder, lambda _line: None, wait=0)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "export"))


def run(*arguments: object):
    return CliRunner().invoke(app, [str(one) for one in arguments])


def explained(folder: Path) -> dict[str, Any]:
    said: dict[str, Any] = orjson.loads(run("explain", folder, "75.01", "--json").stdout)
    return said


def proofs(folder: Path, into: Path) -> Path:
    ended = run("explain", folder, "75.01", "--proofs", into)
    assert ended.exit_code == 0, ended.output
    assert ended.output.splitlines()[-1].startswith(f"{len(list(into.glob('*.tlog-proof')))} proofs; next: ")
    return into


def test_every_cited_event_is_proven_to_be_a_leaf(folder):
    said = explained(folder)
    log = said["log"]
    assert log["checkpoint"] == (folder / "checkpoint").read_text("utf-8")
    by_event = {one["event"]: one for one in log["proofs"]}
    cited = list(citations(said))
    assert len({one["event"] for one in cited}) == len(by_event) > 20
    lines = {path: path.read_bytes().splitlines() for path in folder.glob("events/*/*.jsonl")}
    for one in cited:
        path, _, line = one["found"].rpartition(":")
        document = orjson.loads(lines[folder / path][int(line) - 1])
        del document["data"]
        proof = {key: value for key, value in by_event[one["event"]].items() if key != "event"}
        assert one["leaf"] == proof["leaf_index"]
        # The document without its data, in the one form that there is, is the entry.
        entry = orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
        Inclusion.from_json(proof).verify(leaf_hash(entry), b64decode(log["root"]))


def test_every_cited_event_is_found_on_kafka_again(folder):
    by_place = {event: number for number, event in enumerate(whole_stream(folder))}
    for one in citations(explained(folder)):
        assert one["offset"] == 10 * by_place[one["event"]]
        assert one["partition"] == len(one["event"].rpartition("@")[0]) % 3


def whole_stream(folder: Path) -> list[str]:
    """Return every event of a folder in the order of stream and version."""
    found = []
    for path in folder.glob("events/*/*.jsonl"):
        found += [(one["subject"], one["streamversion"]) for one in map(orjson.loads, path.read_bytes().splitlines())]
    return [f"{stream}@{version}" for stream, version in sorted(found)]


def test_the_lines_name_leaf_and_offset_and_say_what_is_proven(folder):
    said = run("explain", folder, "75.01").output
    assert "log: audit.example/log, " in said
    assert "its word, which nothing proves" in said
    (nominated,) = [line for line in said.splitlines() if "CandidateNominated" in line]
    assert ", paritrana.nomination.v1/" in nominated
    assert ", leaf " in nominated


def test_without_a_tree_and_without_places_it_says_so(tmp_path):
    log = whole(rules()).log
    (tmp_path / "export").mkdir()
    export(log, tmp_path / "export", lambda _line: None, wait=0)
    assert not (tmp_path / "export" / PLACES).exists()
    said = run("explain", tmp_path / "export", "75.01").output
    assert "log: there is no checkpoint in this folder" in said
    assert ", leaf " not in said
    ended = run("explain", tmp_path / "export", "75.01", "--proofs", tmp_path / "proofs")
    assert isinstance(ended.exception, WrongUse)


def test_a_part_of_the_log_tells_the_same_leaves_and_places_as_the_whole(folder, tmp_path):
    log = whole(rules()).log
    log.key = KEY
    for name, excerpt in (("whole", None), ("part", Excerpt("2020", "75"))):
        (tmp_path / name).mkdir()
        export(Placed(log), tmp_path / name, lambda _line: None, wait=0, excerpt=excerpt)
    assert not (tmp_path / "part/tile/entries").exists()
    told = [
        {one["event"]: (one["leaf"], one["partition"], one["offset"]) for one in citations(explained(tmp_path / name))}
        for name in ("whole", "part")
    ]
    assert told[0] == told[1]
    assert all(leaf is not None and offset is not None for leaf, _, offset in told[0].values())


def test_places_are_a_file_of_the_manifest_and_found_by_verify_when_changed(folder):
    assert verify(folder, workers=1).good
    path = folder / PLACES
    path.write_bytes(path.read_bytes().replace(b'"partition":0', b'"partition":1', 1))
    assert [(one.code, one.place.file) for one in verify(folder, workers=1).findings] == [("file", PLACES)]


@pytest.mark.parametrize("line", [b"[]", b'{"from":0,"offsets":[],"partition":0,"stream":"a/b"}', b"\xff", b"{"])
def test_places_that_cannot_be_read_are_damage(folder, line):
    (folder / PLACES).write_bytes(line + b"\n")
    with pytest.raises(Unusable, match=f"{PLACES}:1"):
        places_of(folder, {("a/b", 1)})
    assert isinstance(run("explain", folder, "75.01").exception, Finding)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 2), st.booleans()), max_size=40))
def test_what_is_written_of_places_is_read_again(tmp_path_factory, steps):
    ends: dict[str, int] = {}
    told: dict[tuple[str, int], Read | None] = {}
    for number, (name, partition, own) in enumerate(steps):
        stream = f"{name}/1"
        ends[stream] = ends.get(stream, 0) + 1
        told[stream, ends[stream]] = None if own else Read(partition, number)
    writer = PlaceWriter()
    lines: list[bytes] = []
    for (stream, version), read in sorted(told.items(), key=lambda one: one[0]):
        lines += writer.take(stream, version, read)
    lines += writer.end()
    folder = tmp_path_factory.mktemp("places")
    (folder / PLACES).write_bytes(b"".join(line + b"\n" for line in lines))
    assert places_of(folder, told.keys()) == {point: read for point, read in told.items() if read is not None}


def test_a_long_stream_is_told_in_runs(tmp_path):
    writer = PlaceWriter()
    lines = [line for version in range(1, 2502) for line in writer.take("a/b", version, Read(0, version))]
    lines += writer.end()
    assert [len(orjson.loads(line)["offsets"]) for line in lines] == [1000, 1000, 501]


def test_a_changed_line_is_not_shown_to_be_a_leaf(folder):
    path = folder / "events/paritrana.nomination.v1/nomination.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"actor":"', b'"actor":"x'))
    ended = run("explain", folder, "75.01")
    assert isinstance(ended.exception, Finding)
    assert "run paritrana audit verify" in str(ended.exception)


def test_a_changed_tile_or_a_missing_bundle_ends_the_answer(folder):
    tile = next((folder / "tile/0").rglob("*.p/*"), None) or next(
        p for p in (folder / "tile/0").rglob("*") if p.is_file()
    )
    raw = bytearray(tile.read_bytes())
    raw[0] ^= 1
    tile.write_bytes(raw)
    assert isinstance(run("explain", folder, "75.01").exception, Finding)
    shutil.rmtree(folder / "tile/entries")
    assert isinstance(run("explain", folder, "75.01").exception, Finding)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_no_changed_byte_of_a_folder_leads_to_a_traceback(made, tmp_path_factory, data):
    folder = Path(shutil.copytree(made, tmp_path_factory.mktemp("flip") / "export"))
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    # Half of them where proofs and places come from: most bytes are of events.
    few = [path for path in files if "events" not in path.parts]
    path = data.draw(st.one_of(st.sampled_from(few), st.sampled_from(files)))
    raw = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(raw)
    ended = run("explain", folder, "75.01", "--json")
    assert ended.exception is None or isinstance(ended.exception, Finding | WrongUse), ended.exception


# --- proofs alone ----------------------------------------------------------------------------------------------------


def test_proofs_hold_with_nothing_else_at_hand(folder, tmp_path):
    made = proofs(folder, tmp_path / "proofs")
    shutil.rmtree(folder)
    ended = run("proof", "check", made, "--vkey", KEY.verifier.text)
    assert ended.exit_code == 0
    assert "of audit.example/log: nomination/" in ended.output
    one = next(iter(sorted(made.glob("*.tlog-proof"))))
    said = orjson.loads(run("proof", "check", one, "--vkey", KEY.verifier.text, "--json").output)
    assert said["proofs"][0]["log"] == "audit.example/log"


def test_a_proof_of_another_log_or_entry_does_not_hold(folder, tmp_path):
    made = proofs(folder, tmp_path / "proofs")
    many = len(list(made.glob("*.tlog-proof")))
    ended = run("proof", "check", made, "--vkey", OTHER.verifier.text)
    assert isinstance(ended.exception, Finding)
    assert str(ended.exception).startswith(f"{many} of {many} proofs do not hold")
    first, second = sorted(made.glob("*.json"))[:2]
    first.write_bytes(second.read_bytes())
    ended = run("proof", "check", made, "--vkey", KEY.verifier.text)
    assert isinstance(ended.exception, Finding)
    assert str(ended.exception).startswith(f"1 of {many} proofs do not hold")


def test_wrong_uses_of_proofs_say_what_to_do(folder, tmp_path):
    made = proofs(folder, tmp_path / "proofs")
    (tmp_path / "empty").mkdir()
    lonely = next(iter(made.glob("*.tlog-proof")))
    lonely.with_suffix(".json").unlink()
    for arguments, told in (
        ([made, "--vkey", "no key"], "--vkey is no verifier key"),
        ([tmp_path / "empty", "--vkey", KEY.verifier.text], "make some with paritrana audit explain"),
        ([lonely, "--vkey", KEY.verifier.text], "a proof needs its entry beside it"),
    ):
        ended = run("proof", "check", *arguments)
        assert isinstance(ended.exception, WrongUse)
        assert told in str(ended.exception)
    assert isinstance(run("explain", folder, "75.01", "--proofs", made).exception, WrongUse)


@given(data=st.data())
def test_no_changed_byte_of_a_proof_or_its_entry_goes_unseen(made, tmp_path_factory, data):
    there = tmp_path_factory.mktemp("flip") / "proofs"
    proofs(made, there)
    path = data.draw(st.sampled_from(sorted(there.iterdir())))
    raw = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(raw)
    ended = run("proof", "check", there, "--vkey", KEY.verifier.text)
    assert isinstance(ended.exception, Finding)
