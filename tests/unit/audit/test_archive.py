"""An export as one file: the same bytes for the same folder, and nothing of an archive of whoever's making believed."""

from __future__ import annotations

import io
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from cli.audit import app
from cli.output import Finding, WrongUse
from services.audit.archive import Bounds, Refused, pack, unpacked
from services.audit.export import NotExported
from services.audit.folder import paths_below
from services.audit.target import target_of
from services.audit.verify import verify
from tests.unit.audit.exported import small_log, write_export

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

SMALL = Bounds(total=1 << 20, ratio=50, free=1 << 16, members=40, path=60)


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let temporary folders be made where the test can see that they are gone."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_export(small_log(), tmp_path / "export")
    return tmp_path / "export"


def packed(folder: Path, target: Path) -> Path:
    with target.open("wb") as file:
        pack(folder, file)
    return target


def member(name: str, content: bytes = b"x", kind: bytes = tarfile.REGTYPE, **more: object) -> bytes:
    """Return a member's header and content, in the form that a harmful archive may have."""
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, len(content)
    for attribute, value in more.items():
        setattr(info, attribute, value)
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape") + content + bytes(-len(content) % 512)


def archive(folder: Path, *members: bytes, end: bytes = bytes(1024)) -> Path:
    made = folder / "made.tar.zst"
    made.write_bytes(zstd.compress(b"".join(members) + end))
    return made


def refusal(made: Path, bounds: Bounds = SMALL) -> str:
    with pytest.raises(Refused) as caught, unpacked(made, bounds):
        pytest.fail("it was unpacked")
    return str(caught.value)


# --- what is written --------------------------------------------------------------------------------------------------


def test_an_archive_holds_the_folder_and_its_digest(folder: Path, tmp_path: Path, temporary: Path) -> None:
    made = packed(folder, tmp_path / "one.tar.zst")
    with unpacked(made) as inside:
        assert list(paths_below(inside)) == list(paths_below(folder))
        for path in paths_below(folder):
            assert (inside / path).read_bytes() == (folder / path).read_bytes()
        assert verify(inside, workers=1).digest == verify(folder, workers=1).digest
        assert inside.stat().st_mode & 0o777 == 0o700
    assert not list(temporary.iterdir())


def test_the_same_files_give_the_same_bytes_whoever_made_them_and_when(folder: Path, tmp_path: Path) -> None:
    first = packed(folder, tmp_path / "one.tar.zst").read_bytes()
    for path in folder.rglob("*"):
        path.touch()
        path.chmod(0o700)
    assert packed(folder, tmp_path / "two.tar.zst").read_bytes() == first


def test_an_archive_is_what_tar_reads(folder: Path, tmp_path: Path) -> None:
    raw = zstd.decompress(packed(folder, tmp_path / "one.tar.zst").read_bytes())
    with tarfile.open(fileobj=io.BytesIO(raw)) as read:
        members = read.getmembers()
    assert [one.name for one in members] == sorted(one.name for one in members)
    assert {(one.uid, one.gid, one.uname, one.gname, one.mtime, one.mode) for one in members} == {
        (0, 0, "", "", 0, 0o600)
    }


def test_an_archive_that_tar_packed_of_the_folder_is_read(folder: Path, tmp_path: Path) -> None:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.GNU_FORMAT) as written:
        written.add(folder, ".")
    (tmp_path / "other.tar.zst").write_bytes(zstd.compress(raw.getvalue()))
    with unpacked(tmp_path / "other.tar.zst") as inside:
        assert verify(inside, workers=1).good


def quiet(_line: str) -> None:
    """Say nothing."""


def interrupted(target: Path) -> None:
    with target_of(target, replace=False, say=quiet) as folder:
        (folder / "begun").write_text("x")
        raise NotExported("the service went away")


def test_an_archive_is_there_only_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "made" / "export.tar.zst"
    with pytest.raises(NotExported):
        interrupted(target)
    assert not list(target.parent.iterdir())
    with target_of(target, replace=False, say=quiet) as folder:
        (folder / "manifest.json").write_text("{}")
    assert list(target.parent.iterdir()) == [target]
    assert target.stat().st_mode & 0o777 == 0o600


def test_an_archive_is_replaced_by_force_and_nothing_else_is(tmp_path: Path) -> None:
    held, other = tmp_path / "export.tar.zst", tmp_path / "thesis.tar.zst"
    other.write_text("years of work")
    for _ in range(2):
        with target_of(held, replace=held.exists(), say=quiet) as folder:
            (folder / "manifest.json").write_text("{}")
    for path, replace in ((held, False), (other, False), (other, True)):
        with pytest.raises(NotExported, match=path.name), target_of(path, replace=replace, say=quiet):
            pytest.fail("it was taken")
    assert other.read_text() == "years of work"


# --- what is refused --------------------------------------------------------------------------------------------------


def harmful() -> Iterator[tuple[str, list[bytes], str]]:
    """Return archives of somebody who means harm: a name, their members, and what must be said."""
    yield "absolute", [member("/tmp/evil")], "/tmp/evil: its path is absolute"
    yield "drive", [member("C:/evil")], "C:/evil: its path is absolute"
    yield "above", [member("../evil")], "../evil: its path has `..`"
    yield "above within", [member("events/../../evil")], "events/../../evil: its path has `..`"
    yield "backslash", [member("events\\..\\evil")], "is not a plain one"
    yield "empty step", [member("events//evil")], "events//evil: its path is not a plain one"
    yield "dot step", [member("events/./evil")], "events/./evil: its path is not a plain one"
    yield "control", [member("ev\x1b[2Jil")], r"ev\x1b[2Jil: its path is not a plain one"
    yield "letters", [member("evìl")], "its path is not a plain one"
    yield "surrogate", [member("ev\udcffil")], r"ev\udcffil: its path is not a plain one"
    yield "symlink", [member("events", b"", tarfile.SYMTYPE, linkname="/etc")], "events: it is a symbolic link"
    yield "hard link", [member("a"), member("b", b"", tarfile.LNKTYPE, linkname="a")], "b: it is a hard link"
    yield "character device", [member("tty", b"", tarfile.CHRTYPE, devmajor=5)], "tty: it is a device"
    yield "block device", [member("sda", b"", tarfile.BLKTYPE, devmajor=8)], "sda: it is a device"
    yield "pipe", [member("pipe", b"", tarfile.FIFOTYPE)], "pipe: it is a named pipe"
    yield "sparse", [member("holes", b"", tarfile.GNUTYPE_SPARSE)], "holes: it is a sparse file"
    yield "extended", [member("pax", b"12 size=999\n", tarfile.XHDTYPE)], "pax: it is an extended header"
    yield "global", [member("pax", b"12 path=../x", tarfile.XGLTYPE)], "pax: it is an extended header"
    yield "long name", [member("l", b"../x", tarfile.GNUTYPE_LONGNAME)], "l: it is an extended header"
    yield "unknown", [member("what", b"", b"Z")], "what: it is of an unknown kind"
    yield "twice", [member("a"), member("a")], "a: it is there twice"
    yield "twice, by another name", [member("a"), member("./a")], "./a: it is there twice"
    yield "case", [member("README.md"), member("readme.md")], "readme.md: it is there twice, or differs"
    yield "folder's case", [member("keys/a"), member("Keys/b")], "Keys/b: its folder differs from keys"
    yield "below a file", [member("a"), member("a/b")], "a/b: a is a file already"
    yield "over a folder", [member("a/b"), member("a")], "a: it is a folder already"
    yield "folder over a file", [member("a"), member("a/", b"", tarfile.DIRTYPE)], "a is a file already"
    yield "folder with content", [member("a", b"x", tarfile.DIRTYPE)], "a: its size is 1"
    yield "long path", [member("a" * 61)], "its path is longer than 60"
    yield "many", [member(f"m{number}") for number in range(41)], "m40: the archive has more than 40 members"
    yield "large", [member("zeros", bytes(1 << 17))], "zeros: the archive unpacks to more than 50 times its size"
    noise = bytes(range(256)) * 64
    yield "larger", [member(f"m{n}", noise) for n in range(30)], "the archive unpacks to more than 50 times its size"
    yield "claims more", [member("short", b"x", size=9999)], "short: the archive ends within this member"
    yield "no tar", [b"\x01" * 512], "member 1: its header cannot be read"
    yield "stuffed", [member("a", b"x")[:-1] + b"!"], "a: something stands between its end"


HARMFUL = list(harmful())


@pytest.mark.parametrize(("members", "what"), [one[1:] for one in HARMFUL], ids=[one[0] for one in HARMFUL])
def test_a_harmful_archive_is_refused_by_the_member_and_leaves_nothing(
    tmp_path: Path, temporary: Path, members: list[bytes], what: str
) -> None:
    made = archive(tmp_path, *members)
    before = sorted(path.name for path in tmp_path.iterdir())
    assert what in refusal(made)
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert not list(temporary.iterdir())


def test_an_archive_of_more_bytes_than_any_export_is_refused(tmp_path: Path) -> None:
    made = archive(tmp_path, *(member(f"m{number}", bytes(1 << 16)) for number in range(17)))
    bounds = Bounds(total=1 << 20, ratio=10**6)
    assert "unpacks to more than 1048576 bytes" in refusal(made, bounds)


def test_what_stands_after_the_end_is_refused(tmp_path: Path) -> None:
    assert "after its end" in refusal(archive(tmp_path, member("a"), end=bytes(1024) + member("b")))


def test_an_archive_without_an_end_is_refused(tmp_path: Path) -> None:
    assert "ends within a header" in refusal(archive(tmp_path, member("a"), end=b""))


def test_a_window_that_would_take_all_memory_is_refused(tmp_path: Path) -> None:
    made = tmp_path / "window.tar.zst"
    options: dict[int, int] = {zstd.CompressionParameter.window_log: 30}
    with zstd.ZstdFile(made, "wb", options=options) as file:
        file.write(member("a", bytes(1024)) + bytes(1024))
    assert "cannot be decompressed" in refusal(made)


@pytest.mark.timeout(3600)
def test_an_archive_cut_anywhere_is_refused_and_a_flipped_byte_refused_or_found(
    request: pytest.FixtureRequest, folder: Path, tmp_path: Path, temporary: Path
) -> None:
    """At every byte in the long run, else at every 61st."""
    step = 1 if request.config.getoption("--hypothesis-profile") == "long" else 61
    raw = packed(folder, tmp_path / "one.tar.zst").read_bytes()
    made = tmp_path / "broken.tar.zst"
    for at in range(0, len(raw), step):
        made.write_bytes(raw[:at])
        assert refusal(made)
    digest = verify(folder, workers=1).digest
    for at in range(0, len(raw), step):
        made.write_bytes(raw[:at] + bytes((raw[at] ^ 16,)) + raw[at + 1 :])
        try:
            with unpacked(made) as inside:
                # What the decompressor does not look at, such as an unused bit of a header, gives the same folder.
                assert not verify(inside, digest, workers=1).good or same(inside, folder)
        except Refused:
            pass
    assert not list(temporary.iterdir())


def same(one: Path, other: Path) -> bool:
    paths = list(paths_below(one))
    return paths == list(paths_below(other)) and all(
        (one / path).read_bytes() == (other / path).read_bytes() for path in paths
    )


# --- commands ---------------------------------------------------------------------------------------------------------


def run(*arguments: object):
    return CliRunner().invoke(app, [str(one) for one in arguments])


def test_every_command_reads_an_archive_as_it_does_the_folder(folder: Path, tmp_path: Path, temporary: Path) -> None:
    made = packed(folder, tmp_path / "one.tar.zst")
    whole = orjson.loads(run("verify", folder, "--json").output)
    ended = run("verify", made, "--digest", whole["digest"], "--json")
    assert ended.exit_code == 0
    assert orjson.loads(ended.output)["events"] == whole["events"]
    for command in (("replay", "--as-of", "2021-06-12T16:00:00+08:00"), ("explain", "75.01")):
        name, *options = command
        assert run(name, made, *options).output == run(name, folder, *options).output
    assert not list(temporary.iterdir())


@pytest.mark.parametrize("command", [("verify",), ("replay", "--decisions"), ("explain", "75.01")])
def test_a_harmful_archive_is_a_finding_of_every_command(tmp_path: Path, command: tuple[str, ...]) -> None:
    made = archive(tmp_path, member("../evil"))
    name, *options = command
    ended = run(name, made, *options)
    assert isinstance(ended.exception, Finding)
    assert "../evil: its path has `..`" in str(ended.exception)
    assert not (tmp_path / "evil").exists()


def test_a_file_that_is_no_archive_is_a_finding_and_an_archive_of_something_else_wrong_use(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    assert isinstance(run("verify", tmp_path / "notes.txt").exception, Finding)
    made = archive(tmp_path, member("export/manifest.json"))
    ended = run("verify", made)
    assert isinstance(ended.exception, WrongUse)
    assert "no manifest at its top" in str(ended.exception)
