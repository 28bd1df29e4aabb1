"""The log over HTTP: C2SP tlog-tiles for tools that others wrote, and proofs that are made for who has none.

Checkpoints and hash tiles are open to all: they say how much there is and nothing of what. Entries are envelopes, with
streams, offices and pseudonyms, and so are for auditors, as is the question which leaf an event is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final, cast

import structlog
from fastapi import APIRouter, Depends, Query, Request, Response

from kernel.canonical import envelope_of
from kernel.decider import FieldFault, Text
from kernel.paging import Paged, page_of
from kernel.problems import Problem, invalid, not_found
from kernel.tlog.encodings import Malformed
from kernel.tlog.notes import SignedNote, VerifierKey
from kernel.tlog.proofs import Consistency, Inclusion, LogProof
from kernel.tlog.tiles import WIDTH, Bundle, Tile, parse_path, tile_width, write_bundle
from kernel.tlog.trees import Proof, consistency_tiles, inclusion_tiles, prove_consistency, prove_inclusion
from kernel.tokens import require_throughout
from schemas.envelope import StreamName
from services.audit.events import parse
from services.audit.log.checkpoints import SIGNER_AWAY, CheckpointSigning, NotSignedYet
from services.audit.log.store import LogStore, Signed

router = APIRouter()
_log = structlog.get_logger("log")
_TEXT: Final = "text/plain; charset=utf-8"
_BYTES: Final = "application/octet-stream"
_FOR_EVER: Final = {"Cache-Control": "public, max-age=31536000, immutable"}
_MUTABLE: Final = {"Cache-Control": "no-cache"}
_PRIVATE: Final = {"Cache-Control": "private, max-age=31536000, immutable"}
_MOST: Final = 2**53 - 1

_auditors = require_throughout("auditor")


async def _store(request: Request) -> LogStore:
    return cast("LogStore", request.app.state.log_store)


Store = Annotated[LogStore, Depends(_store)]
Size = Annotated[int | None, Query(ge=1, le=_MOST, description="The size of a signed checkpoint; else the newest one.")]


# --- C2SP tlog-tiles --------------------------------------------------------------------------------------------------


@router.get("/checkpoint", tags=["log"], response_class=Response)
async def checkpoint(store: Store) -> Response:
    """Show the newest checkpoint: a signed note, with the lines of witnesses."""
    return Response((await _newest(store)).note, media_type=_TEXT, headers=_MUTABLE)


@router.get("/tile/entries/{path:path}", tags=["log"], response_class=Response, dependencies=[Depends(_auditors)])
async def entries(path: str, store: Store) -> Response:
    """Show a bundle of entries, as far as a checkpoint was signed."""
    place = _place(f"tile/entries/{path}")
    await _check_signed(store, 0, place.number, place.width)
    return Response(await bundle(store, place), media_type=_BYTES, headers=_PRIVATE)


@router.get("/tile/{level}/{path:path}", tags=["log"], response_class=Response)
async def tile(level: str, path: str, store: Store) -> Response:
    """Show a tile of hashes, as far as a checkpoint was signed."""
    place = _place(f"tile/{level}/{path}")
    if not isinstance(place, Tile):
        raise _no_tile()
    await _check_signed(store, *place)
    held = await store.tile(place)
    if held is None:
        raise _no_tile()
    return Response(held, media_type=_BYTES, headers=_FOR_EVER)


def _place(path: str) -> Tile | Bundle:
    try:
        return parse_path(path)
    except Malformed as error:
        raise not_found(Text(str(error), f"Bukan nama petak log: {path[:80]}")) from None


async def _check_signed(store: LogStore, level: int, number: int, width: int) -> None:
    newest = await store.newest()
    if width > tile_width(newest.size if newest else 0, level, number):
        raise _no_tile()


async def bundle(store: LogStore, place: Tile | Bundle) -> bytes:
    """Return the entries of a bundle: envelopes, from the documents as they were received."""
    first = place.number * WIDTH
    documents = await store.documents(first, first + place.width)
    return write_bundle(envelope_of(parse(document.encode()).doc) for document in documents)


def _no_tile() -> Problem:
    return not_found(
        Text(
            "The log has no such tile under a checkpoint yet: read /checkpoint first.",
            "Log belum memiliki petak itu di bawah sebuah checkpoint: baca /checkpoint lebih dahulu.",
        )
    )


# --- proofs -----------------------------------------------------------------------------------------------------------


@router.get("/v1/log/inclusion", tags=["log"], dependencies=[Depends(_auditors)])
async def inclusion_of_event(
    stream: Annotated[StreamName, Query(description="The event's stream.")],
    version: Annotated[int, Query(ge=1, le=_MOST, description="Its version there.")],
    store: Store,
    size: Size = None,
) -> dict[str, Any]:
    """Prove that an event is in the log."""
    index = await store.index_of(stream, version)
    if index is None:
        raise not_found(Text("The log does not have this event.", "Log tidak memiliki peristiwa ini."))
    return _inclusion_json(index, *await _inclusion(store, index, size))


@router.get("/v1/log/inclusion/{index}", tags=["log"])
async def inclusion_of_leaf(index: int, store: Store, size: Size = None) -> dict[str, Any]:
    """Prove that a leaf is in the log: its hash is in the tile."""
    return _inclusion_json(index, *await _inclusion(store, index, size))


@router.get("/v1/log/inclusion/{index}/proof", tags=["log"], response_class=Response)
async def inclusion_file(index: int, store: Store, size: Size = None) -> Response:
    """The same as a file that can be checked offline (C2SP tlog-proof)."""
    proof, at = await _inclusion(store, index, size)
    return Response(LogProof(index, proof, SignedNote.parse(at.note.encode())).raw, media_type=_TEXT)


@router.get("/v1/log/consistency", tags=["log"])
async def consistency(
    old: Annotated[int, Query(ge=1, le=_MOST, description="The size of an earlier checkpoint.")],
    store: Store,
    size: Size = None,
) -> dict[str, Any]:
    """Prove that the log of one checkpoint begins with that of an earlier one."""
    at = await _at(store, size)
    if old > at.size:
        remedy = Text(f"Give a size up to {at.size}.", f"Beri ukuran sampai {at.size}.")
        raise invalid((FieldFault("query.old", str(old), remedy),))
    proof = prove_consistency(old, at.size, await store.tiles(consistency_tiles(old, at.size)))
    return {**Consistency(old, at.size, proof).json, "checkpoint": at.note}


async def _inclusion(store: LogStore, index: int, size: int | None) -> tuple[Proof, Signed]:
    at = await _at(store, size)
    if not 0 <= index < at.size:
        raise not_found(
            Text(
                f"The checkpoint of {at.size} leaves has no leaf {index}: the next may have it.",
                f"Checkpoint dengan {at.size} daun tidak memiliki daun {index}: mungkin yang berikutnya.",
            )
        )
    return prove_inclusion(index, at.size, await store.tiles(inclusion_tiles(index, at.size))), at


def _inclusion_json(index: int, proof: Proof, at: Signed) -> dict[str, Any]:
    return {**Inclusion(index, at.size, proof).json, "checkpoint": at.note}


@router.get("/v1/log/keys", tags=["log"], response_class=Response)
async def verifier_keys(request: Request) -> Response:
    """Show the verifier keys of the log and of its witnesses, one a line; compare them with those you know."""
    keys = await _known(request.app.state.log_signing)
    return Response("".join(f"{key.text}\n" for key in keys), media_type=_TEXT)


@router.get("/v1/log/successions", tags=["log"])
async def successions(request: Request) -> dict[str, list[str]]:
    """List the notes by which a key of the log follows another, each signed by both; most logs have none."""
    signing: CheckpointSigning = request.app.state.log_signing
    await _known(signing)
    return {"items": [one.note.raw.decode() for one in signing.successions]}


async def _known(signing: CheckpointSigning) -> Sequence[VerifierKey]:
    try:
        return await signing.verifiers()
    except (NotSignedYet, *SIGNER_AWAY) as error:
        _log.warning("the log's keys are not known", error=str(error) or repr(error))
        raise not_found(
            Text(
                "The log's signer does not answer, so its keys are not known here yet: ask again later.",
                "Penanda tangan log tidak menjawab, sehingga kuncinya belum diketahui di sini: coba lagi nanti.",
            )
        ) from None


# --- checkpoints ------------------------------------------------------------------------------------------------------


@router.get("/v1/log/checkpoints", tags=["log"])
async def checkpoints(page: Paged, store: Store) -> dict[str, Any]:
    """List every checkpoint that was signed, from the smallest tree to the largest."""
    after = page.after("checkpoints", int)
    found = await store.checkpoints(after[0] if after else 0, page.limit + 1)
    rows: list[dict[str, Any]] = [
        {"size": one.size, "signed": one.signed.isoformat(), "note": one.note} for one in found
    ]
    return page_of(rows, page, "checkpoints", lambda row: (row["size"],))


@router.get("/v1/log/checkpoints/{size}", tags=["log"], response_class=Response)
async def checkpoint_of(size: int, store: Store) -> Response:
    """Show the checkpoint of a size."""
    return Response((await _at(store, size)).note, media_type=_TEXT)


async def _newest(store: LogStore) -> Signed:
    newest = await store.newest()
    if newest is None:
        raise not_found(
            Text(
                "No checkpoint was signed yet: the signer must run, and something must have happened.",
                "Belum ada checkpoint yang ditandatangani: penanda tangan harus berjalan, dan harus ada peristiwa.",
            )
        )
    return newest


async def _at(store: LogStore, size: int | None) -> Signed:
    if size is None:
        return await _newest(store)
    found = await store.checkpoint(size) if 1 <= size <= _MOST else None
    if found is None:
        raise not_found(
            Text(
                f"No checkpoint of size {size} was signed: /v1/log/checkpoints lists them.",
                f"Tidak ada checkpoint berukuran {size}: /v1/log/checkpoints memuat daftarnya.",
            )
        )
    return found
