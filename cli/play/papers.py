"""Some of the papers that a season ends with, as PDF; all others can be had by `paritrana certificate get`.

Each is laid out in a process of its own, so only those that the story tells of are printed: the winners' certificates
of the category that was appealed against, revoked ones too, what candidates hold whom an article names, and the minutes
of the jury's meetings.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from cli.play.client import Client, Json
from cli.play.outcome import AUDITOR, Played

_AT_ONCE: Final = 2
"""As many as the service makes side by side: more would only wait there, and for too long on a busy machine."""
_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9]+")


async def print_papers(played: Played, client: Client, folder: Path) -> list[Path]:
    """Print the story's certificates and minutes into a folder, and return the files.

    A revoked certificate is printed too: it says across the page that it is none any more.
    """
    certificates = [
        (f"/v1/certificates/{one['certificate']}.pdf", _name("piagam", one["number"], one["candidate"]))
        for one in _told_of(played)
    ]
    minutes = [
        (f"/v1/plenaries/{plenary}/minutes.pdf", _name("berita-acara", where)) for where, plenary in _meetings(played)
    ]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(path: str, file: Path) -> Path:
        async with gate:
            pdf = await client.fetch(AUDITOR, "nomination", path)
        await asyncio.to_thread(file.write_bytes, pdf)
        return file

    return list(await asyncio.gather(*(one(path, folder / name) for path, name in (*certificates, *minutes))))


def _told_of(played: Played) -> Iterable[Json]:
    """Yield the certificates that the story tells of."""
    nation = played.script.nation
    contested = None if nation is None else nation.appeal.category
    given = {played.nominations[one.code] for one in played.script.nominees if one.given}
    for one in played.certificates:
        won = one["given_to"] == "winner" and one["at"]["category"] == contested
        if won or one["nomination"] in given:
            yield one


def _meetings(played: Played) -> Iterable[tuple[str, str]]:
    """Yield the jury's meetings, the one on the appeal last."""
    if (nation := played.script.nation) is not None:
        jury = nation.jury
        yield jury.body, played.plenaries[jury.province, jury.body]
        yield f"{jury.body} sanggah", played.reviewed


def _name(*words: str) -> str:
    return f"{'-'.join(_NOT_IN_NAMES.sub('-', word).strip('-').lower() for word in words)}.pdf"
