"""Where an export is written: a folder, or an archive that is packed from one when it is complete."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from services.audit.archive import SUFFIX, begins_as_archive, pack
from services.audit.export import NotExported, prepare_folder


@contextmanager
def target_of(path: Path, *, replace: bool, say: Callable[[str], None]) -> Iterator[Path]:
    """Return the folder to export into; where `path` is that of an archive, pack it afterwards.

    Nothing is at the archive's path before it is whole. Raises NotExported, and OSError when it cannot be written.
    """
    if not path.name.endswith(SUFFIX):
        prepare_folder(path, replace=replace)
        yield path
        return
    _check(path, replace=replace)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Beside the archive, where there is room for it and for nobody else to look.
    with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as made:
        folder, packed = Path(made) / "export", Path(made) / "packed"
        folder.mkdir()
        yield folder
        say(f"packing {path.name}")
        with os.fdopen(os.open(packed, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            pack(folder, file)
        packed.replace(path)


def _check(path: Path, *, replace: bool) -> None:
    if not path.exists() and not path.is_symlink():
        return
    if not replace:
        raise NotExported(f"{path} is there already: choose another name, or --force to replace the archive")
    if path.is_symlink() or not path.is_file() or not begins_as_archive(path):
        raise NotExported(f"{path} is no archive: choose another name")
