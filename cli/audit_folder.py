"""The export that the offline commands of `paritrana audit` answer from, a folder or an archive of one.

Here is also how they end without an answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.output import Finding, WrongUse, show
from cli.wanted import category_code, province_code, season_code
from services.audit.archive import Refused, unpacked
from services.audit.folder import holds_export
from services.audit.persons import NotNamed, read_names, with_names
from services.audit.replay.reading import Damaged, Folder
from services.audit.replay.state import Shown

ExportFolder = Annotated[
    Path, typer.Argument(metavar="DIR", help="The folder or .tar.zst of an export, as `audit export` made it.")
]

OnlySeason = Annotated[str | None, typer.Option("--season", help="Show one season only, for example 2021.")]
OnlyCategory = Annotated[str | None, typer.Option("--category", help="Show one category only: KABKOTA.")]
OnlyProvince = Annotated[
    str | None, typer.Option("--province", help="Show one province only, two digits; 00 for the nation.")
]

Names = Annotated[
    Path | None,
    typer.Option("--names", metavar="FILE", help="Show names beside pseudonyms, as audit export --names wrote them."),
]


def names_in(file: Path | None) -> dict[str, str]:
    """Return the names that are to be shown; none without a file."""
    try:
        return {} if file is None else read_names(file)
    except NotNamed as error:
        raise WrongUse(f"--names {error}") from None


def show_named(said: Mapping[str, Any], lines: Iterable[str], names: Mapping[str, str], *, as_json: bool) -> None:
    """Print an answer with the names that were asked for: behind pseudonyms, in JSON as a table of their own."""
    show(
        {**said, "names": dict(names)} if names else said, with_names(lines, names) if names else lines, as_json=as_json
    )


def shown_of(season: str | None, category: str | None, province: str | None) -> Shown:
    """Return what is to be shown. Raises WrongUse for what names no season, category or province."""
    return Shown(
        None if season is None else season_code(season),
        None if category is None else category_code(category),
        province_code(province),
    )


@contextmanager
def folder_of(path: Path) -> Iterator[Path]:
    """Return the folder of an export, that of an archive for as long as it is looked at.

    What is no export is wrong use (2), an archive that must not be unpacked a finding (1).
    """
    if not path.is_file():
        if not path.is_dir():
            raise WrongUse(f"{path} is no folder and no archive: give the folder or the .tar.zst of an export")
        yield _with_export(path, path)
        return
    try:
        with unpacked(path) as folder:
            yield _with_export(folder, path)
    except Refused as error:
        raise Finding(f"{path} was not unpacked, since it is none that audit export made: {error}") from None


def _with_export(folder: Path, path: Path) -> Path:
    if holds_export(folder):
        return folder
    remedy = "" if path == folder else " at its top"
    raise WrongUse(f"{path} has no manifest{remedy}: is this an export? make one with paritrana audit export {path}")


@contextmanager
def answered(path: Path) -> Iterator[Folder]:
    """Open an export; a folder that is none is wrong use (2), a damaged one is a finding (1)."""
    try:
        with folder_of(path) as folder:
            try:
                yield Folder.open(folder)
            except Damaged as error:
                raise Finding(str(error).replace(str(folder), str(path))) from None
    except OSError as error:
        raise WrongUse(f"the export cannot be read: {error}") from None
