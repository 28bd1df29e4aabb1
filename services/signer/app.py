"""The signer's composition root: C2SP tlog-witness over HTTP, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final

from fastapi import FastAPI, Request, Response

from kernel.clock import SystemClock
from kernel.http import Limits, create_api
from kernel.process import one_line, run_service
from kernel.tlog.encodings import Malformed
from services.signer.book import Book
from services.signer.settings import SignerSettings
from services.signer.signing import NotGranted, OtherSize, Signing, Submission

SERVICE: Final = "signer"
_LONGEST_REQUEST: Final = 1 << 16
_SIZE_TYPE: Final = "text/x.tlog.size"


def create_app(settings: SignerSettings) -> FastAPI:
    """Return the application; its folder is opened, and held, as long as it lives. Raises StartFailed."""
    book = Book(settings.folder)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        try:
            yield
        finally:
            book.close()

    app = create_api(
        SERVICE,
        title="Paritrana: the log's signer",
        clock=SystemClock(),
        lifespan=lifespan,
        # A client of the protocol need not say what it sends, and ours says nothing else than any other.
        limits=Limits(
            body=_LONGEST_REQUEST,
            accepts=("text/plain", "application/octet-stream", ""),
            metrics_networks=settings.metrics_networks,
        ),
    )
    _add_routes(app, Signing(book, settings.submitters))
    return app


def _add_routes(app: FastAPI, signing: Signing) -> None:
    one_at_a_time = asyncio.Lock()

    @app.post("/add-checkpoint", tags=["signer"], response_class=Response)
    async def add_checkpoint(request: Request) -> Response:
        """Sign a checkpoint that continues the last one that was signed (C2SP tlog-witness)."""
        body = await request.body()
        async with one_at_a_time:
            return await asyncio.to_thread(_answer, signing, body)

    @app.get("/vkeys", tags=["signer"], response_class=Response)
    async def vkeys() -> Response:
        """Show the verifier keys, one a line."""
        return _text("".join(f"{key.text}\n" for key in signing.verifiers))

    @app.get("/successions", tags=["signer"])
    async def successions() -> list[str]:
        """Show the notes by which one key of a log follows another, each signed by both."""
        return [one.note.raw.decode() for one in signing.successions]

    @app.get("/{origin}/checkpoint", tags=["signer"], response_class=Response)
    async def checkpoint(origin: str) -> Response:
        """Show the last signed checkpoint of the log whose origin has this SHA-256, in lowercase hex."""
        last = await asyncio.to_thread(signing.last, origin)
        if last is None:
            return _text("nothing was signed of that log\n", HTTPStatus.NOT_FOUND)
        return Response(last.raw, media_type="text/plain; charset=utf-8")


def _answer(signing: Signing, body: bytes) -> Response:
    try:
        signatures = signing.sign(Submission.parse(body))
    except Malformed as error:
        return _text(f"{error}\n", HTTPStatus.BAD_REQUEST)
    except NotGranted as error:
        return _text(f"{error}\n", error.status)
    except OtherSize as error:
        return Response(f"{error.size}\n", HTTPStatus.CONFLICT, media_type=_SIZE_TYPE)
    return _text("".join(signature.line for signature in signatures))


def _text(text: str, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(text, status, media_type="text/plain; charset=utf-8")


def run() -> None:
    """Sign until SIGTERM; exit with 2 and one line when it cannot start."""
    with one_line(SERVICE):
        settings = SignerSettings.load()
        run_service(create_app(settings), settings.host, settings.port, log_level=settings.log_level)
