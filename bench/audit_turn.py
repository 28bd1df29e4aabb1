"""One turn of the offline audit, in a process of its own: `python -m bench.audit_turn WORK FOLDER [WORKERS]`.

A process for each turn, so that its greatest memory is that of the turn, and so that its folder's pages can be dropped
from memory before. It says as JSON what it took: events, seconds, processor seconds and the greatest resident memory,
those of its children included.
"""

from __future__ import annotations

import hashlib
import os
import resource
import sys
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import orjson

from bench.exports import BEFORE_SEALS
from kernel.tlog.tiles import bundles_of, read_bundle
from services.audit.folder import MANIFEST, is_event_file
from services.audit.replay.answers import replayed
from services.audit.replay.moments import moment_of
from services.audit.replay.reading import Folder
from services.audit.replay.state import Shown
from services.audit.signatures import holds
from services.audit.verify import verify

_SIGNED: Final = b'"signature":"'
_SORTED: Final = orjson.OPT_SORT_KEYS


def _verify(folder: Path, workers: int) -> int:
    report = verify(folder, workers=workers)
    if not report.good:
        raise AssertionError(f"the bench's own export is not good: {report.findings[0]}")
    return report.events


def _replay(folder: Path, _workers: int) -> int:
    opened = Folder.open(folder)
    moment = moment_of("--as-of", BEFORE_SEALS, opened, None)
    return int(replayed(opened, moment, Shown())["counted"]["events"])


def _limit(folder: Path, _workers: int) -> int:
    """Parse, write with sorted keys and hash every event and every entry of the log's bundles, and nothing else."""
    count = 0
    for line in _events(folder):
        _parsed_and_hashed(line)
        count += 1
    for entry in _entries(folder, count):
        _parsed_and_hashed(entry)
    return count


def _signed_limit(folder: Path, workers: int) -> int:
    """Do what the limit does, and check the signature of every event that has one, over bytes that are at hand."""
    count = _limit(folder, workers)
    known = {(one["service"], one["key_id"]): b64decode(one["public_key"]) for one in _manifest(folder)["keys"]}
    for line in _events(folder):
        if _SIGNED in line:
            document = orjson.loads(line)
            signature = b64decode(document.pop("signature"))
            del document["data"]
            public = known[document["source"].rpartition("/")[2], document["signaturekey"]]
            if not holds(public, signature, orjson.dumps(document, option=_SORTED)):
                raise AssertionError("the bench's own export has a bad signature")
    return count


def _parsed_and_hashed(raw: bytes) -> None:
    orjson.dumps(orjson.loads(raw), option=_SORTED)
    hashlib.sha256(raw).digest()


def _manifest(folder: Path) -> Any:
    return orjson.loads((folder / MANIFEST).read_bytes())


def _events(folder: Path) -> Iterator[bytes]:
    for one in _manifest(folder)["files"]:
        if is_event_file(one["path"]):
            with closing((folder / one["path"]).open("rb", buffering=1 << 20)) as file:
                yield from (line[:-1] for line in file)


def _entries(folder: Path, size: int) -> Iterator[bytes]:
    for bundle in bundles_of(size):
        yield from read_bundle((folder / bundle.path).read_bytes(), bundle)


WORKS: Final[dict[str, Callable[[Path, int], int]]] = {
    "verify": _verify,
    "replay": _replay,
    "limit": _limit,
    "signed_limit": _signed_limit,
}


def dropped(folder: Path) -> None:
    """Let the system forget the folder's pages, as after it was copied from elsewhere."""
    if hasattr(os, "posix_fadvise"):
        for path in folder.rglob("*"):
            if path.is_file():
                with path.open("rb") as file:
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def main(work: str, folder: Path, workers: int) -> dict[str, float]:
    """Do the work and return what it took."""
    began = time.perf_counter()
    spent = _processor()
    events = WORKS[work](folder, workers)
    return {
        "events": events,
        "seconds": time.perf_counter() - began,
        "processor": _processor() - spent,
        "megabytes": max(_usage(whose).ru_maxrss for whose in _WHOSE) * 1024 / 1_000_000,
    }


_WHOSE: Final = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


def _usage(whose: int) -> resource.struct_rusage:
    return resource.getrusage(whose)


def _processor() -> float:
    return sum(_usage(whose).ru_utime + _usage(whose).ru_stime for whose in _WHOSE)


if __name__ == "__main__":
    sys.stdout.buffer.write(orjson.dumps(main(sys.argv[1], Path(sys.argv[2]), int((*sys.argv, "1")[3]))))
