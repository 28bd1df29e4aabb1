"""An export as one file, `.tar.zst`: written so that the same folder gives the same bytes, and read trusting nothing.

The tar has regular files alone, sorted, with no owner, mode or time of their own, in the plain ustar form; so its bytes
follow from the folder's, and the manifest's digest is that of the folder. Whoever hands an archive over may have made
it to do harm: members are read one after another by their headers, each must be a plain file or folder with a plain
path below the folder, and sizes, ratio, number and lengths are bounded before anything is written. It is unpacked into
a folder of its own, which is removed afterwards; what is refused names the member.
"""

from __future__ import annotations

import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

from services.audit.folder import open_regular, paths_below

SUFFIX: Final = ".tar.zst"
_MAGIC: Final = b"\x28\xb5\x2f\xfd"
"""With what a zstd frame begins."""
_LEVEL: Final = 9
_WINDOW_LOG: Final = 27
"""Memory that a frame may ask for to be read, as a power of two: 128 MiB, what `zstd` takes without being told."""
_BLOCK: Final = tarfile.BLOCKSIZE
_CHUNK: Final = 1 << 20
_KINDS: Final = {
    tarfile.LNKTYPE: "a hard link",
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a named pipe",
    tarfile.GNUTYPE_SPARSE: "a sparse file",
    tarfile.XHDTYPE: "an extended header",
    tarfile.XGLTYPE: "an extended header",
    tarfile.GNUTYPE_LONGNAME: "an extended header",
    tarfile.GNUTYPE_LONGLINK: "an extended header",
}


class Refused(Exception):
    """An archive that is not unpacked; the message names the member and says why."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What an archive may hold at most. An export of ten million events has below 100,000 files and 20 GB."""

    total: int = 64 << 30
    """Bytes of all members and headers."""
    ratio: int = 200
    """Bytes for each byte of the archive; events are compressed to a tenth."""
    free: int = 64 << 20
    """Bytes for which the ratio does not matter."""
    members: int = 500_000
    path: int = 255


BOUNDS: Final = Bounds()


# --- writing ----------------------------------------------------------------------------------------------------------


def pack(folder: Path, target: BinaryIO) -> None:
    """Write the files of a folder that this program made as an archive. The same files give the same bytes."""
    with zstd.ZstdFile(target, "wb", level=_LEVEL) as packed:
        for path in sorted(paths_below(folder)):
            with open_regular(folder, path) as source:
                size = source.seek(0, 2)
                source.seek(0)
                packed.write(_header(path, size))
                while chunk := source.read(_CHUNK):
                    packed.write(chunk)
            packed.write(bytes(-size % _BLOCK))
        packed.write(bytes(2 * _BLOCK))


def _header(path: str, size: int) -> bytes:
    info = tarfile.TarInfo(path)
    info.size, info.mode = size, 0o600
    return info.tobuf(tarfile.USTAR_FORMAT, "ascii", "strict")


# --- reading ----------------------------------------------------------------------------------------------------------


def begins_as_archive(path: Path) -> bool:
    """Tell whether a file begins as an archive does, so that it may be replaced by another."""
    with path.open("rb") as source:
        return source.read(len(_MAGIC)) == _MAGIC


@contextmanager
def unpacked(archive: Path, bounds: Bounds = BOUNDS) -> Iterator[Path]:
    """Unpack an archive into a folder that is removed afterwards. Raises Refused, and OSError when there is no room."""
    with tempfile.TemporaryDirectory(prefix="paritrana-audit-") as made:
        folder = Path(made)
        with archive.open("rb") as raw:
            _unpack(_Bounded(raw, bounds), folder, bounds)
        yield folder


class _Bounded:
    """Reads what is compressed, never more than it may be."""

    def __init__(self, raw: BinaryIO, bounds: Bounds) -> None:
        self._raw = raw
        self._bounds = bounds
        self._taken = 0
        self.member = "the archive"
        """Which member is being read, for who asks what was refused."""
        options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: _WINDOW_LOG}
        self._file = zstd.ZstdFile(raw, "rb", options=options)

    def exactly(self, size: int, where: str) -> bytes:
        """Return so many bytes. Raises Refused where there are fewer."""
        parts: list[bytes] = []
        left = size
        while left:
            part = self._read(min(left, _CHUNK))
            if not part:
                raise Refused(f"{self.member}: the archive ends within {where}: it was cut")
            parts.append(part)
            left -= len(part)
        return b"".join(parts)

    def rest(self) -> Iterator[bytes]:
        """Yield what is left."""
        while part := self._read(_CHUNK):
            yield part

    def _read(self, size: int) -> bytes:
        try:
            part: bytes = self._file.read(size)
        except (zstd.ZstdError, EOFError) as error:
            raise Refused(f"{self.member}: the archive cannot be decompressed: {error}") from None
        self._taken += len(part)
        if self._taken > self._bounds.total:
            raise Refused(f"{self.member}: the archive unpacks to more than {self._bounds.total} bytes")
        allowed = max(self._bounds.free, self._bounds.ratio * self._raw.tell())
        if self._taken > allowed:
            raise Refused(f"{self.member}: the archive unpacks to more than {self._bounds.ratio} times its size")
        return part


def _unpack(source: _Bounded, folder: Path, bounds: Bounds) -> None:
    names = _Names(bounds)
    while True:
        raw = source.exactly(_BLOCK, "a header")
        if not raw.strip(b"\0"):
            break
        info = _member(raw, names, folder)
        source.member = info.name
        if info.isdir():
            continue
        target = folder / info.name
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as written:
            left = info.size
            while left:
                part = source.exactly(min(left, _CHUNK), "this member")
                written.write(part)
                left -= len(part)
        if any(source.exactly(-info.size % _BLOCK, "this member")):
            raise Refused(f"{info.name}: something stands between its end and the next member")
    source.member = "the archive"
    if any(any(part) for part in source.rest()):
        raise Refused("the archive: something stands after its end")


def _member(raw: bytes, names: _Names, folder: Path) -> tarfile.TarInfo:
    """Return a member by its header. Raises Refused for what no export's archive has."""
    try:
        info = tarfile.TarInfo.frombuf(raw, "utf-8", "surrogateescape")
    except (tarfile.HeaderError, ValueError) as error:
        raise Refused(f"member {names.count + 1}: its header cannot be read: {error}") from None
    shown = _shown(info.name)
    if (kind := _KINDS.get(info.type)) is not None:
        remedy = "; pack it anew as plain ustar" if info.type in tarfile.GNU_TYPES or kind.endswith("header") else ""
        raise Refused(f"{shown}: it is {kind}, and an export has only files{remedy}")
    if info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE):
        raise Refused(f"{shown}: it is of an unknown kind, and an export has only files")
    if info.size < 0 or (info.isdir() and info.size):
        raise Refused(f"{shown}: its size is {info.size}")
    info.name = names.take(info.name, folder=info.isdir())
    if (also := getattr(tarfile, "data_filter", None)) is not None:  # Python's own rules too, from 3.11.4 on
        try:
            also(info, str(folder))
        except tarfile.TarError as error:
            raise Refused(f"{shown}: {error}") from None
    return info


@dataclass(slots=True)
class _Names:
    """The names that were taken so far, each once, and none that a file system would take for another."""

    bounds: Bounds
    count: int = 0
    _files: set[str] = field(default_factory=set)
    _folders: dict[str, str] = field(default_factory=dict)
    """As they are written, by how a file system without upper case has them."""

    def take(self, said: str, *, folder: bool) -> str:
        """Return the path of a member below the folder. Raises Refused."""
        shown = _shown(said)
        self.count += 1
        if self.count > self.bounds.members:
            raise Refused(f"{shown}: the archive has more than {self.bounds.members} members")
        if len(said) > self.bounds.path:
            raise Refused(f"{shown}: its path is longer than {self.bounds.path} characters")
        if said.startswith("/") or said[1:2] == ":":
            raise Refused(f"{shown}: its path is absolute, and would leave the folder")
        name = said.removeprefix("./").removesuffix("/")
        if folder and name in ("", "."):
            return "."
        steps = name.split("/")
        if ".." in steps:
            raise Refused(f"{shown}: its path has `..`, and would leave the folder")
        if not name.isascii() or not name.isprintable() or "\\" in name or {"", "."} & set(steps):
            raise Refused(f"{shown}: its path is not a plain one")
        self._check_folders(steps if folder else steps[:-1], shown)
        if not folder:
            self._take_file(name, shown)
        return name

    def _check_folders(self, steps: list[str], shown: str) -> None:
        for end in range(1, len(steps) + 1):
            name = "/".join(steps[:end])
            known = self._folders.setdefault(name.casefold(), name)
            if known != name:
                raise Refused(f"{shown}: its folder differs from {known} in upper and lower case alone")
            if name.casefold() in self._files:
                raise Refused(f"{shown}: {name} is a file already")

    def _take_file(self, name: str, shown: str) -> None:
        folded = name.casefold()
        if folded in self._folders:
            raise Refused(f"{shown}: it is a folder already")
        if folded in self._files:
            raise Refused(f"{shown}: it is there twice, or differs from another in upper and lower case alone")
        self._files.add(folded)


def _shown(name: str) -> str:
    """Return a name of whoever's choosing as one that a terminal can show."""
    plain = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in name)
    return plain if len(plain) <= 80 else f"{plain[:77]}…"
