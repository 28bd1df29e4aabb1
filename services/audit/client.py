"""The audit service, and the ledger of facts, over HTTP as the export reads them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from kernel.tlog.checkpoints import Checkpoint
from kernel.tlog.encodings import Malformed
from kernel.tlog.notes import NotSigned, SignedNote, VerifierKey
from kernel.tlog.successions import Succession
from kernel.tlog.tiles import Tile, bundles_of, tiles_of
from services.audit.export import Exported, NotExported, StoreStatus
from services.audit.places import Read
from services.audit.selections import MOST_SELECTED

_PAGE: Final = 500
_OF_LOG: Final = "log:"
_PAUSE: Final = 0.5


class _Status(BaseModel):
    position: str
    events: int


class _Head(BaseModel):
    version: int


class _Heads(BaseModel):
    items: list[_Head]


class _Event(BaseModel):
    stream: str
    version: int
    document: str
    index: int | None = None
    partition: int | None = None
    offset: int | None = None

    @property
    def read(self) -> Read | None:
        """Where the audit service read it; nothing of its own events, nor from an older service."""
        return None if self.partition is None or self.offset is None else Read(self.partition, self.offset)


class _Batch(BaseModel):
    documents: list[str]


class _Successions(BaseModel):
    items: list[str]


class _Page(BaseModel):
    items: list[_Event]
    next: str | None


Body = TypeVar("Body", bound=BaseModel)
Query = Mapping[str, str | list[str]]


@dataclass(frozen=True, slots=True)
class LogTree:
    """The log's tree under one checkpoint, read from the service tile by tile."""

    note: bytes
    keys: Sequence[VerifierKey]
    successions: Sequence[Succession]
    size: int
    read: Callable[[str], bytes]

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Return every tile and bundle by its path."""
        for tile in tiles_of(self.size):
            yield tile.path, self.read(tile.path)
        for bundle in bundles_of(self.size):
            yield bundle.path, self.read(bundle.path)

    def tile(self, tile: Tile) -> bytes:
        """Return one tile."""
        return self.read(tile.path)


class _Client:
    """Asks one service as an auditor. Every fault is a NotExported that says what to do."""

    name = ""
    """What the service is called in sentences."""
    remedy = ""
    """What to do where it does not answer."""

    def __init__(self, url: str, token: str, *, patience: float) -> None:
        """Read from the service at `url` with a bearer token; wait `patience` seconds for one that is away."""
        self._patience = patience
        self._url = url.rstrip("/")
        # No proxy of the environment: the service is on this machine or the operators' own network.
        self._client = httpx.Client(timeout=60.0, trust_env=False, headers={"Authorization": f"Bearer {token}"})

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _get(self, path: str, query: Query, model: type[Body]) -> Body:
        try:
            return model.model_validate_json(self._content(path, self._ask(path, query)))
        except ValidationError:
            raise NotExported(f"what answers {path} at {self._url} is not the {self.name} service") from None

    def _bytes(self, path: str) -> bytes:
        return self._content(path, self._ask(f"/{path.removeprefix('/')}", {}))

    def _ask(self, path: str, query: Query) -> httpx.Response:
        deadline = time.monotonic() + self._patience
        while True:
            try:
                answer = self._client.get(f"{self._url}{path}", params=query)
            except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
                raise NotExported(f"{self._url!r} is no URL of a service: {error}") from None
            except httpx.HTTPError as error:
                said = type(error).__name__
            else:
                if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                    return answer
                said = "it is not ready"
            if time.monotonic() >= deadline:
                raise NotExported(f"the {self.name} service at {self._url} does not answer ({said}): {self.remedy}")
            time.sleep(_PAUSE)

    def _content(self, path: str, answer: httpx.Response) -> bytes:
        match answer.status_code:
            case httpx.codes.OK:
                return answer.content
            case httpx.codes.UNAUTHORIZED:
                raise NotExported("the token is not accepted: sign in as an auditor and give the token anew")
            case httpx.codes.FORBIDDEN:
                raise NotExported("this person is no auditor: export with an auditor's token")
            case status:
                raise NotExported(
                    f"the {self.name} service answered {path} with {status}: is {self._url} the right place?"
                )


class AuditClient(_Client):
    """The audit service's store."""

    name = "audit"
    remedy = "start it, or give --url"

    def status(self) -> StoreStatus:
        """Return the newest checkpoint, once it covers what the store held when it was asked, and how many events.

        Where none covers that in time, it is the newest there is; without any, the end of the store.
        """
        body = self._get("/v1/status", {}, _Status)
        deadline = time.monotonic() + self._patience
        while (size := self._signed()) is not None:
            if size >= body.events or time.monotonic() >= deadline:
                return StoreStatus(f"{_OF_LOG}{size}", size)
            time.sleep(_PAUSE)
        return StoreStatus(body.position, body.events)

    def _signed(self) -> int | None:
        """Return the size of the newest checkpoint, None where none was ever signed."""
        answer = self._ask("/checkpoint", {})
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        return self._checkpoint(answer).size

    def _checkpoint(self, answer: httpx.Response) -> Checkpoint:
        try:
            return Checkpoint.parse(SignedNote.parse(self._content("/checkpoint", answer)).text)
        except Malformed as error:
            raise NotExported(f"what answers /checkpoint at {self._url} is no log: {error}") from None

    def holds(self, stream: str, version: int) -> bool:
        """Tell whether an event is in the log under a checkpoint, or in the store where nothing was ever signed."""
        if self._signed() is None:
            return self.heads(stream) >= version
        asked = {"stream": stream, "version": str(version)}
        answer = self._ask("/v1/log/inclusion", asked)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return False
        self._content("/v1/log/inclusion", answer)
        return True

    def tree(self, until: str) -> LogTree | None:
        """Return the log's tree at a position that `status` gave."""
        if not until.startswith(_OF_LOG):
            return None
        size = int(until.removeprefix(_OF_LOG))
        note = self._bytes(f"/v1/log/checkpoints/{size}")
        try:
            keys = [VerifierKey.parse(line) for line in self._bytes("/v1/log/keys").decode().splitlines()]
            notes = self._get("/v1/log/successions", {}, _Successions).items
            successions = [Succession.parse(one.encode()) for one in notes]
        except (Malformed, NotSigned, UnicodeError) as error:
            raise NotExported(f"the log's keys at {self._url} cannot be read: {error}") from None
        return LogTree(note, keys, successions, size, self._bytes)

    def heads(self, stream: str) -> int:
        """Return the version at which the store has a stream, 0 when it does not know it."""
        items = self._get("/v1/heads", {"stream": stream}, _Heads).items
        return items[0].version if items else 0

    def events(self, until: str) -> Iterator[Exported]:
        """Return every event up to a position, in the order of (stream, version)."""
        yield from self._pages({"until": until})

    def chosen(self, until: str, selections: Sequence[str], *, first: bool = False) -> Iterator[Exported]:
        """Return the events of chosen streams, in order; `selections` are in order, and none holds another's."""
        for start in range(0, len(selections), MOST_SELECTED):
            some = list(selections[start : start + MOST_SELECTED])
            yield from self._pages({"until": until, "of": some, "first": str(first).lower()})

    def _pages(self, asked: Query) -> Iterator[Exported]:
        cursor: str | None = None
        while True:
            body = self._get(
                "/v1/export", {**asked, "limit": str(_PAGE)} | ({"cursor": cursor} if cursor else {}), _Page
            )
            for item in body.items:
                yield Exported(item.stream, item.version, item.document, item.index, item.read)
            cursor = body.next
            if cursor is None:
                return


class LedgerClient(_Client):
    """The ledger of facts, which the scoring service keeps."""

    name = "scoring"
    remedy = "start it, set PARITRANA_SCORING_URL, or export --without-facts"

    def batch(self, stream: str, version: int) -> Sequence[str]:
        """Return the documents of a batch in the order of their offsets."""
        _, topic, partition = stream.split("/")
        return self._get(f"/v1/ledger/batches/{topic}/{partition}/{version}", {}, _Batch).documents
