"""A verifier in Go, written from the specifications alone, takes the folders that kernel/tlog makes and no spoilt one.

It is `tests/foreign/audit`: Go's own packages for signed notes and tiled trees, and nothing of ours.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from kernel.tlog.checkpoints import Checkpoint
from kernel.tlog.notes import COSIGNATURE, NoteKey, SignedNote
from kernel.tlog.proofs import LogProof
from kernel.tlog.tiles import Bundle, Tile, read_bundle, write_bundle
from kernel.tlog.trees import EMPTY_ROOT, prove_inclusion
from tests.support.foreign import Ended, build_go, needs_go, run
from tests.support.stack import remove_folder, temporary_folder
from tests.support.transparency import note_key, write_log

AUDIT: Final = Path(__file__).parent / "audit"
LOG: Final = note_key("log.example/award")
WITNESS: Final = note_key("witness.example", COSIGNATURE, seed=2)
SIZES: Final = (0, 1, 255, 256, 257, 70_000)
_SPOILT: Final = 70_000
"""The size of the folder that is spoilt: full and partial tiles on three levels."""


def entries(size: int) -> list[bytes]:
    return [b'{"id":"%d","subject":"nomination/%d"}' % (number, number % 97) for number in range(size)]


class Built:
    """The program, and a folder for each size; both are made when first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def audit(self, folder: Path, *more: str) -> Ended:
        program = self.folder / "audit"
        if not program.exists():
            await build_go(AUDIT, program)
        return await run([program, folder, *more], folder=self.folder)

    async def proofs(self, folder: Path, *keys: str) -> Ended:
        await self.audit(folder)  # so that it is built
        return await run([self.folder / "audit", "-proofs", folder, *keys], folder=self.folder)

    def log(self, size: int) -> Path:
        folder = self.folder / str(size)
        if not folder.exists():
            write_log(folder, entries(size), LOG, WITNESS, at=1_790_000_000)
        return folder


@pytest.fixture(scope="module")
def built() -> Iterator[Built]:
    folder = temporary_folder("paritrana-test-audit-")
    try:
        yield Built(folder)
    finally:
        remove_folder(folder)


@pytest.fixture
def place(built: Built) -> Iterator[Path]:
    """A folder of the test's own, beside the logs, so that a copy of one can be made of links."""
    folder = Path(tempfile.mkdtemp(dir=built.folder))
    try:
        yield folder
    finally:
        remove_folder(folder)


@pytest.mark.parametrize("size", SIZES)
async def test_a_log_that_we_write_is_taken_by_a_verifier_that_we_share_nothing_with(size: int, built: Built) -> None:
    ended = await built.audit(built.log(size))
    assert (ended.code, ended.err) == (0, ""), ended.out
    lines = ended.out.splitlines()
    assert lines[:2] == ["ok   keys: 2 read", "ok   signatures: 2 hold, 0 by unknown keys"]
    assert lines[2].startswith(f"ok   checkpoint: log.example/award, {size} entries, root ")
    assert lines[3] == f"ok   entries: {size} in {-(-size // 256)} bundles"
    assert all(line.startswith("ok   ") for line in lines)


async def test_a_log_may_keep_the_partial_tiles_of_its_earlier_sizes(built: Built, place: Path) -> None:
    folder = _copy(built.log(257), place)
    for size in (3, 200, 256):
        shutil.copytree(built.log(size) / "tile", folder / "tile", dirs_exist_ok=True)
    ended = await built.audit(folder)
    assert ended.code == 0, ended.out
    assert "ok   extra: nothing beyond the size; 4 partial tiles of smaller sizes" in ended.out


# --- proofs alone ---------------------------------------------------------------------------------------------------


class _Tiles:
    """Reads the tiles of a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, level: int, number: int, width: int) -> bytes:
        return (self._folder / Tile(level, number, width).path).read_bytes()


def _proofs(log: Path, size: int, place: Path) -> Path:
    """Write a proof beside its entry for some leaves of a log."""
    note, made = SignedNote.parse((log / "checkpoint").read_bytes()), entries(size)
    for index in {0, size // 2, size - 1}:
        proof = LogProof(index, prove_inclusion(index, size, _Tiles(log)), note, b"extra" if index else None)
        _put(place / f"leaf-{index}.tlog-proof", proof.raw)
        _put(place / f"leaf-{index}.json", made[index])
    return place


@pytest.mark.parametrize("size", SIZES[1:])
async def test_proofs_that_we_write_are_taken_with_a_key_and_nothing_else(size: int, built: Built, place: Path) -> None:
    proofs = _proofs(built.log(size), size, place)
    ended = await built.proofs(proofs, LOG.verifier.text, WITNESS.verifier.text)
    assert (ended.code, ended.out) == (0, f"ok   proofs: {len({0, size // 2, size - 1})} hold\n")


@pytest.mark.parametrize("name", ["leaf-0.json", "leaf-0.tlog-proof"])
async def test_a_changed_proof_or_entry_is_found(name: str, built: Built, place: Path) -> None:
    proofs = _proofs(built.log(257), 257, place)
    raw = (proofs / name).read_bytes()
    # A changed line of a witness may be another's signature, which nobody has to know (C2SP signed-note).
    for at in range(0, raw.find("— witness.example".encode()) if b"\n\n" in raw else len(raw), 7):
        _put(proofs / name, _flip(at)(raw))
        ended = await built.proofs(proofs, LOG.verifier.text, WITNESS.verifier.text)
        assert ended.code == 1, (at, ended.out)


async def test_proofs_by_another_key_do_not_hold(built: Built, place: Path) -> None:
    proofs = _proofs(built.log(257), 257, place)
    assert (await built.proofs(proofs, note_key("log.example/award", seed=9).verifier.text)).code == 1
    assert (await built.proofs(proofs, WITNESS.verifier.text)).code == 1


# --- what must be found ---------------------------------------------------------------------------------------------

Spoil = Callable[[Path], None]


def _copy(folder: Path, to: Path) -> Path:
    """Copy a folder by links: a file is replaced by who spoils it and never written to."""
    return Path(shutil.copytree(folder, to / "log", copy_function=os.link))


def _put(path: Path, raw: bytes) -> None:
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)


def _change(path: str, change: Callable[[bytes], bytes]) -> Spoil:
    return lambda folder: _put(folder / path, change((folder / path).read_bytes()))


def _flip(at: int) -> Callable[[bytes], bytes]:
    return lambda raw: raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]


def _exchange(one: str, other: str) -> Spoil:
    def exchange(folder: Path) -> None:
        first, second = (folder / one).read_bytes(), (folder / other).read_bytes()
        _put(folder / one, second)
        _put(folder / other, first)

    return exchange


def _entries(change: Callable[[list[bytes]], list[bytes]], bundle: Bundle) -> Spoil:
    return _change(bundle.path, lambda raw: write_bundle(change(read_bundle(raw, bundle))))


def _say(**said: object) -> Spoil:
    """Let the log itself sign something else than it has."""

    def say(folder: Path) -> None:
        checkpoint = Checkpoint.parse(SignedNote.parse((folder / "checkpoint").read_bytes()).text)
        fields = {"origin": checkpoint.origin, "size": checkpoint.size, "root": checkpoint.root} | said
        _put(folder / "checkpoint", Checkpoint(**fields).signed(LOG).raw)  # type: ignore[arg-type]

    return say


def _text(change: Callable[[str], str]) -> Spoil:
    def say(folder: Path) -> None:
        text = change(SignedNote.parse((folder / "checkpoint").read_bytes()).text)
        _put(folder / "checkpoint", SignedNote(text, (LOG.sign(text),)).raw)

    return say


def _unsigned_by(key: NoteKey) -> Spoil:
    def leave(folder: Path) -> None:
        note = SignedNote.parse((folder / "checkpoint").read_bytes())
        kept = tuple(line for line in note.signatures if line.name != key.name)
        _put(folder / "checkpoint", SignedNote(note.text, kept).raw)

    return leave


def _false_cosignature(folder: Path) -> None:
    note = SignedNote.parse((folder / "checkpoint").read_bytes())
    _put(folder / "checkpoint", note.adding(WITNESS.cosign("another\n", 5)).raw)


def _later_cosignature(raw: bytes) -> bytes:
    note = SignedNote.parse(raw)
    own, line = note.signatures
    later = type(line)(line.name, line.key_id, bytes(8) + line.signature[8:])
    return SignedNote(note.text, (own, later)).raw


def _other_key(folder: Path) -> None:
    _put(folder / "keys" / "0.vkey", f"{note_key(LOG.name, seed=3).verifier.text}\n".encode())


def _remove(path: str) -> Spoil:
    return lambda folder: (folder / path).unlink()


def _add(path: str, raw: bytes) -> Spoil:
    return lambda folder: _put(folder / path, raw)


def _link(folder: Path) -> None:
    path = folder / Tile(0, 7).path
    _put(folder / "elsewhere", path.read_bytes())
    path.unlink()
    path.symlink_to(folder / "elsewhere")


_LAST: Final = Bundle(273, 112)
_SPOILS: Final[dict[str, tuple[Spoil, str]]] = {
    "a bit of a leaf hash": (_change("tile/0/005", _flip(64)), "tile/0/005: hash 2 is not that of entry 1282"),
    "a bit of a partial tile": (_change("tile/0/273.p/112", _flip(0)), "tile/0/273.p/112: hash 0 is not that of entry"),
    "a bit of a node": (_change("tile/1/000", _flip(8191)), "tile/1/000: hash 255 is not that of the entries 65280 to"),
    "a bit of the top": (_change("tile/2/000.p/1", _flip(3)), "tile/2/000.p/1: hash 0 is not that of the entries 0 to"),
    "a bit of an entry": (_change("tile/entries/100", _flip(9)), "tile/0/100: hash 0 is not that of entry 25600"),
    "a bit of a length": (_change("tile/entries/100", _flip(1)), "tile/entries/100: it "),
    "a shorter tile": (_change("tile/0/005", lambda raw: raw[:-32]), "tile/0/005: it has 8160 bytes"),
    "a longer tile": (_change("tile/0/005", lambda raw: raw + bytes(32)), "tile/0/005: it has 8224 bytes"),
    "an empty tile": (_change("tile/0/005", lambda _: b""), "tile/0/005: it has 0 bytes"),
    "a shorter bundle": (_change("tile/entries/000", lambda raw: raw[:-1]), "tile/entries/000: it ends at byte"),
    "a half length": (_change(_LAST.path, lambda raw: raw[: 2 + raw[1] + 1]), f"{_LAST.path}: it ends at byte"),
    "a byte after a bundle": (
        _change("tile/entries/000", lambda raw: raw + b"x"),
        "tile/entries/000: it has 1 bytes after",
    ),
    "an entry after the last": (
        _change(_LAST.path, lambda raw: raw + b"\0\1x"),
        f"{_LAST.path}: it has 3 bytes after its 112",
    ),
    "one entry less": (_entries(lambda all_: all_[:-1], _LAST), f"{_LAST.path}: it ends at byte"),
    "an entry twice": (
        _entries(lambda all_: [all_[1], *all_[1:]], Bundle(9)),
        "tile/0/009: hash 0 is not that of entry 2304",
    ),
    "two entries exchanged": (_entries(lambda all_: [all_[1], all_[0], *all_[2:]], Bundle(9)), "tile/0/009: hash 0"),
    "two bundles exchanged": (
        _exchange("tile/entries/003", "tile/entries/004"),
        "tile/0/003: hash 0 is not that of entry 768",
    ),
    "two tiles exchanged": (_exchange("tile/0/003", "tile/0/004"), "tile/0/003: hash 0 is not that of entry 768"),
    "a tile away": (_remove("tile/1/001.p/17"), "tile/1/001.p/17: the file is missing"),
    "a bundle away": (_remove("tile/entries/200"), "tile/entries/200: the file is missing"),
    "the last bundle away": (_remove(_LAST.path), f"{_LAST.path}: the file is missing"),
    "a link for a tile": (_link, "tile/0/007: it is not a regular file"),
    "a tile beyond the size": (
        _add("tile/0/274.p/1", bytes(32)),
        "tile/0/274.p/1: a log of 70000 entries does not have it",
    ),
    "a wider last tile": (
        _add("tile/0/273.p/113", bytes(113 * 32)),
        "tile/0/273.p/113: a log of 70000 entries does not",
    ),
    "a full last tile": (_add("tile/0/273", bytes(8192)), "tile/0/273: a log of 70000 entries does not have it"),
    "a level beyond": (_add("tile/3/000.p/1", bytes(32)), "tile/3/000.p/1: a log of 70000 entries does not have it"),
    "a bundle beyond": (
        _add("tile/entries/274.p/1", b"\0\1x"),
        "tile/entries/274.p/1: a log of 70000 entries does not",
    ),
    "a wider last bundle": (_add("tile/entries/273.p/113", b"\0\0" * 113), "tile/entries/273.p/113: a log of 70000"),
    "an earlier tile that is another": (
        _add("tile/0/273.p/2", bytes(64)),
        "tile/0/273.p/2: hash 0 is not that of entry",
    ),
    "an earlier bundle that is another": (
        _add("tile/entries/002.p/1", b"\0\1x"),
        "tile/entries/002.p/1: entry 0 is not",
    ),
    "an earlier bundle that is cut": (
        _add("tile/entries/002.p/9", b"\0\1x"),
        "tile/entries/002.p/9: it ends at byte 3",
    ),
    "another file": (_add("tile/0/notes.txt", b""), "tile/0/notes.txt: this is not the name of a tile"),
    "another name for a tile": (
        _add("tile/0/x000/005", bytes(8192)),
        "tile/0/x000/005: this is not the name of a tile",
    ),
    "no checkpoint": (_remove("checkpoint"), "checkpoint: the file is missing"),
    "a size that was changed": (
        _change("checkpoint", lambda raw: raw.replace(b"70000", b"69999")),
        "invalid signature",
    ),
    "a bit of the note": (_change("checkpoint", _flip(60)), "FAIL signatures: checkpoint: "),
    "lines of Windows": (_change("checkpoint", lambda raw: raw.replace(b"\n", b"\r\n")), "malformed note"),
    "a hyphen": (_change("checkpoint", lambda raw: raw.replace("\u2014".encode(), b"-")), "malformed note"),
    "no blank line": (_change("checkpoint", lambda raw: raw.replace(b"\n\n", b"\n")), "malformed note"),
    "no last line end": (_change("checkpoint", lambda raw: raw[:-1]), "malformed note"),
    "an empty checkpoint": (_change("checkpoint", lambda _: b""), "malformed note"),
    "a witness alone": (_unsigned_by(LOG), 'no key of the log "log.example/award" itself has signed'),
    "a false cosignature": (_false_cosignature, "invalid signature for key witness.example"),
    "a cosignature of another time": (
        _change("checkpoint", _later_cosignature),
        "invalid signature for key witness.example",
    ),
    "another key": (_other_key, 'no key of the log "log.example/award" itself has signed'),
    "no key": (lambda folder: shutil.rmtree(folder / "keys"), "keys/: there is no verifier key"),
    "a spoilt key": (_change("keys/1.vkey", _flip(3)), "keys/1.vkey: the key id is not that of the key"),
    "another log's name": (_say(origin="log.example/other"), 'no key of the log "log.example/other" itself has signed'),
    "another root": (_say(root=bytes(32)), "FAIL root: checkpoint: the root is"),
    "an entry more than is said": (_say(size=_SPOILT - 1), "tile/entries/273.p/111: the file is missing"),
    "an entry less than is said": (_say(size=_SPOILT + 1), "tile/entries/273.p/113: the file is missing"),
    "an empty log with entries": (_say(size=0, root=EMPTY_ROOT), "tile/0/000: a log of 0 entries does not have it"),
    "an empty log with a root": (_say(size=0), "FAIL root: checkpoint: the root is"),
    "the largest size": (_say(size=2**63 - 1), "tile/entries/273: the file is missing"),
    "an extension": (_text(lambda text: f"{text}more\n"), "it has 4 lines and not three"),
    "a size with a zero": (_text(lambda text: text.replace("70000", "070000")), 'line 2: "070000" is not a size'),
    "a negative size": (_text(lambda text: text.replace("70000", "-70000")), 'line 2: "-70000" is not a size'),
    "a root that is short": (_text(lambda text: text[:-6] + "\n"), "line 3: "),
}


@pytest.mark.parametrize("what", _SPOILS)
async def test_a_spoilt_folder_is_refused_and_the_place_is_told(what: str, built: Built, place: Path) -> None:
    spoil, told = _SPOILS[what]
    folder = _copy(built.log(_SPOILT), place)
    spoil(folder)
    ended = await built.audit(folder)
    assert (ended.code, ended.err) == (1, ""), ended.out
    assert told in ended.out
    assert told in "\n".join(line for line in ended.out.splitlines() if line.startswith("FAIL ")), ended.out


async def test_entries_and_tiles_that_were_written_anew_together_have_another_root(built: Built, place: Path) -> None:
    folder = _copy(built.log(_SPOILT), place)
    again = entries(_SPOILT)
    again[40_000] = again[40_000].replace(b"nomination", b"naminotion")
    kept = (folder / "checkpoint").read_bytes()
    await asyncio.to_thread(shutil.rmtree, folder)
    write_log(folder, again, LOG, WITNESS)
    _put(folder / "checkpoint", kept)
    ended = await built.audit(folder)
    assert ended.code == 1
    assert [line for line in ended.out.splitlines() if line.startswith("FAIL")] == [
        line for line in ended.out.splitlines() if "the 70000 entries have" in line
    ]
    assert "ok   tiles: 277 have the hashes of the entries" in ended.out


async def test_the_verifier_says_how_it_is_used(built: Built, place: Path) -> None:
    for folder, more in ((place, ("more",)), (place / "none", ())):
        ended = await built.audit(folder, *more)
        assert ended.code == 2
        assert "usage: audit FOLDER" in ended.err or "is not a folder" in ended.err


async def test_the_verifier_is_as_gofmt_and_vet_want_it_and_needs_one_module() -> None:
    await needs_go(AUDIT)
    assert await run(["gofmt", "-l", "."], folder=AUDIT) == Ended(0, "", "")
    vetted = await run(["go", "vet", "./..."], folder=AUDIT)
    assert vetted.code == 0, vetted.err
    tidy = await run(["go", "mod", "tidy", "-diff"], folder=AUDIT)
    assert tidy.code == 0, tidy.out + tidy.err
    listed = await run(["go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "."], folder=AUDIT)
    assert set(listed.out.split()) == {"example.org/paritrana/audit", "golang.org/x/mod"}
