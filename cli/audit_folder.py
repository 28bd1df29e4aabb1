"""The folder that the offline commands of `paritrana audit` answer from, and how they end without an answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from cli.output import Finding, WrongUse
from services.audit.folder import holds_export
from services.audit.replay.reading import Damaged, Folder

ExportFolder = Annotated[
    Path, typer.Argument(metavar="DIR", help="The folder of an export, as `audit export` made it.")
]


@contextmanager
def answered(path: Path) -> Iterator[Folder]:
    """Open an export; a folder that is none is wrong use (2), a damaged one is a finding (1)."""
    if not path.is_dir():
        raise WrongUse(f"{path} is no folder: give the folder of an export")
    try:
        if not holds_export(path):
            raise WrongUse(f"{path} has no manifest: is this an export? make one with paritrana audit export {path}")
        yield Folder.open(path)
    except Damaged as error:
        raise Finding(str(error)) from None
    except OSError as error:
        raise WrongUse(f"the folder cannot be read: {error}") from None
