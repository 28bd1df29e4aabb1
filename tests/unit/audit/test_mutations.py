"""Small exports, whole and in part, changed one step at a time by who holds them: each change is found and located.

Who makes heads and manifest anew after a change has an export of another digest that fits itself, but not the log's
key; so all that is left to tell of it is the tree. The long run flips every bit of every byte.
"""

from __future__ import annotations

import hashlib
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from cli.audit import app
from cli.output import Finding as Found
from kernel.canonical import canonical
from kernel.tlog.notes import NoteKey
from schemas.nomination import DeadlineExtended
from services.audit.excerpts import Excerpt
from services.audit.findings import Finding
from services.audit.folder import MANIFEST, leaves_of
from services.audit.report import Report
from services.audit.verify import verify
from tests.unit.audit.exported import (
    BEGIN,
    NOMINATION,
    SHEET,
    Log,
    event_files,
    head_line,
    nominated,
    relist,
    scored,
    write_export,
)

KEY = NoteKey.generate("test.example/log")
PART = Excerpt("2020", None, NOMINATION)
OTHER = "018f0000-0000-7000-8000-000000000002"


def small() -> Log:
    """Return a season, a nomination of it with two marks, and one of somebody else."""
    log = Log(key=KEY)
    log.open("nomination")
    log.open("scoring")
    log.append("season/2020", DeadlineExtended(season="2020", window="nomination", until=BEGIN, reason_digest="0" * 64))
    log.append(f"nomination/{NOMINATION}", nominated())
    log.append(f"nomination/{OTHER}", nominated(OTHER, code="75.02"))
    for mark in ("80", "85"):
        log.append(SHEET, scored(mark=mark))
    return log


@pytest.fixture(scope="module", params=["whole", "part"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an export."""
    folder: Path = tmp_path_factory.mktemp(request.param) / "export"
    write_export(small(), folder, None if request.param == "whole" else PART)
    return folder


@pytest.fixture(scope="module")
def before(made: Path) -> Report:
    """Return what is said of the untouched export: its season was never opened, and nothing else."""
    report = verify(made, digest_of(made), keys=[KEY.verifier], workers=1)
    assert {finding.code for finding in report.findings} == {"season"}
    return report


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "export")
    return tmp_path / "export"


def digest_of(folder: Path) -> str:
    return hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()


def found(folder: Path, digest: str | None, before: Report) -> list[Finding]:
    """Return what is found that was not found before."""
    known = {str(finding) for finding in before.findings}
    report = verify(folder, digest, keys=[KEY.verifier], workers=1)
    return [finding for finding in report.findings if str(finding) not in known]


def names(name: str, told: list[Finding]) -> bool:
    """Tell whether a finding names a file; of entries and their hashes, which fit no more, either."""
    return any(
        one.place.file == name or (name.startswith("tile/") and one.place.file.startswith("tile/")) for one in told
    )


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


# --- events, with heads and manifest made anew ------------------------------------------------------------------------


def removed(lines: list[bytes], at: int) -> None:
    del lines[at]


def doubled(lines: list[bytes], at: int) -> None:
    lines.insert(at, lines[at])


def swapped(lines: list[bytes], at: int) -> None:
    lines[at - 1 : at + 1] = lines[at - 1 : at + 1][::-1]


def moved(lines: list[bytes], at: int) -> None:
    """Let an event be the first of another stream of its kind; what follows it in its own moves up."""
    said = orjson.loads(lines.pop(at))
    stream = said["subject"][:-1] + "f"
    own = {name: value for name, value in said.items() if name != "prevhash"}
    lines.append(canonical({**own, "subject": stream, "streamversion": 1}))


def chained(lines: list[bytes]) -> list[bytes]:
    """Return documents with versions and hashes of before as their streams have them now."""
    done: list[bytes] = []
    last: dict[str, tuple[int, str]] = {}
    for line in lines:
        said = orjson.loads(line)
        version, hash_ = last.get(said["subject"], (0, ""))
        said = {name: value for name, value in said.items() if name != "prevhash"} | {"streamversion": version + 1}
        done.append(canonical(said | ({"prevhash": hash_} if version else {})))
        last[said["subject"]] = (version + 1, orjson.loads(head_line(done[-1]))["hash"])
    return done


def mutations(folder: Path) -> Iterator[tuple[Path, int, str, list[bytes]]]:
    """Yield every file of events with every event of it changed in every way, as it is and chained anew."""
    for path in event_files(folder):
        lines = path.read_bytes().splitlines()
        for at in range(len(lines)):
            for change in (removed, doubled, swapped, moved):
                if change is swapped and at == 0:
                    continue
                changed = [*lines]
                change(changed, at)
                yield path, at, change.__name__, changed
                if (again := chained(changed)) != changed and again != lines:
                    yield path, at, f"{change.__name__} and chained", again


def test_each_changed_event_is_found_by_the_tree_though_all_else_was_made_to_fit(folder: Path, before: Report) -> None:
    count = unseen = 0
    originals = {path: path.read_bytes() for path in files(folder)}
    for path, at, name, lines in mutations(folder):
        streams = {orjson.loads(line)["subject"] for line in [*lines, *originals[path].splitlines()]}
        path.write_bytes(b"".join(line + b"\n" for line in lines))
        if (leaves := folder / leaves_of(path.relative_to(folder).as_posix())).exists():
            fit(leaves, lines)
        told = found(folder, relist(folder), before)
        relative = path.relative_to(folder).as_posix()
        here = [one for one in told if one.place.file in (relative, leaves_of(relative)) or one.place.stream in streams]
        if not here and last_of_a_part(folder, name, lines, originals[path]):
            unseen += 1  # what a part cannot show: its digest does
            assert "digest" in {one.code for one in found(folder, before.digest, before)}
        else:
            assert here, (relative, at, name, told)
        count += 1
        for each, raw in originals.items():
            each.write_bytes(raw)
    assert count > 20
    assert bool(unseen) is (folder / "leaves").exists()


def fit(leaves: Path, lines: list[bytes]) -> None:
    """Say of each event of a part which leaf it was, or is not."""
    known = {
        (one["stream"], one["version"]): one["index"] for one in map(orjson.loads, leaves.read_bytes().splitlines())
    }
    said = []
    for line in map(orjson.loads, lines):
        point = line["subject"], line["streamversion"]
        said.append({"index": known.get(point, 0), "stream": point[0], "version": point[1]})
    leaves.write_bytes(b"".join(canonical(one) + b"\n" for one in said))


def last_of_a_part(folder: Path, name: str, lines: list[bytes], original: bytes) -> bool:
    """Tell whether all that was done to a part is that streams end sooner, or are not there."""
    if not (folder / "leaves").exists() or name != "removed":
        return False
    kept = {orjson.loads(line)["subject"]: orjson.loads(line)["streamversion"] for line in lines}
    return [line for line in original.splitlines() if line not in lines] == [
        line for line in original.splitlines() if beyond(orjson.loads(line), kept)
    ]


def beyond(event: dict[str, object], kept: dict[str, int]) -> bool:
    version = event["streamversion"]
    return isinstance(version, int) and version > kept.get(str(event["subject"]), 0)


# --- files ------------------------------------------------------------------------------------------------------------


def boundaries(path: Path, raw: bytes) -> set[int]:
    """Return where something ends in a file: lines, hashes, entries, and one byte beside each."""
    ends = {0, len(raw) // 2, *(at + 1 for at, byte in enumerate(raw) if byte == ord("\n"))}
    if "tile" in path.parts:
        ends |= set(range(0, len(raw), 32))
    if "entries" in path.parts:
        at = 0
        while at < len(raw):
            at += 2 + int.from_bytes(raw[at : at + 2])
            ends.add(at)
    return {at for end in ends for at in (end - 1, end, end + 1) if 0 <= at < len(raw)}


def test_a_file_cut_at_any_boundary_is_found_and_located(folder: Path, before: Report) -> None:
    digest = before.digest
    for path in files(folder):
        raw, name = path.read_bytes(), path.relative_to(folder).as_posix()
        for at in sorted(boundaries(path, raw)):
            path.write_bytes(raw[:at])
            assert names(name, found(folder, digest, before)), (name, at)
        path.unlink()
        assert names(name, found(folder, digest, before)), name
        path.write_bytes(raw)


def test_something_after_the_last_entry_of_any_file_is_found_and_located(folder: Path, before: Report) -> None:
    for path in files(folder):
        raw, name = path.read_bytes(), path.relative_to(folder).as_posix()
        for more in (b"\n", b"{}\n", raw.splitlines(keepends=True)[-1], bytes(32), b"\x00\x02{}"):
            path.write_bytes(raw + more)
            assert names(name, found(folder, before.digest, before)), (name, more)
        path.write_bytes(raw)


def test_the_command_ends_with_1_and_no_traceback(folder: Path, before: Report) -> None:
    for path in files(folder):
        raw = path.read_bytes()
        path.write_bytes(raw[: len(raw) // 2])
        ended = CliRunner().invoke(app, ["verify", str(folder), "--digest", str(before.digest)])
        assert isinstance(ended.exception, Found), (path, ended.exception)
        path.write_bytes(raw)


# --- bytes ------------------------------------------------------------------------------------------------------------


@pytest.mark.timeout(3600)
def test_every_bit_of_every_byte_flipped_is_found_and_located(
    request: pytest.FixtureRequest, folder: Path, before: Report
) -> None:
    """In the suite `test_verify` flips a bit of each byte of an export; here are some more, and in the long run all."""
    everything = request.config.getoption("--hypothesis-profile") == "long"
    seed = random.randrange(2**32)
    draw = random.Random(seed)
    for path in files(folder):
        raw, name = path.read_bytes(), path.relative_to(folder).as_posix()
        if name == "README.md":
            continue
        flips = [(at, bit) for at in range(len(raw)) for bit in range(8)]
        for at, bit in flips if everything else draw.sample(flips, 12):
            path.write_bytes(raw[:at] + bytes((raw[at] ^ 1 << bit,)) + raw[at + 1 :])
            assert names(name, found(folder, before.digest, before)), (seed, name, at, bit)
        path.write_bytes(raw)
