"""Checkpoints: asked for at the signer, which is apart from this host, and kept before they are served.

What is handed in is signed by the sequencer's own key, so that the signer knows who asks; what comes back is checked
before it is kept. Witnesses are asked in the same way (C2SP tlog-witness) and may be away: their lines are added when
they come, and a checkpoint is served without.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

import httpx
import structlog

from kernel.backoff import Pauses
from kernel.cancellation import end_if_cancelled
from kernel.clock import Clock
from kernel.lead import STORE_AWAY
from kernel.tlog.checkpoints import Checkpoint
from kernel.tlog.encodings import Malformed, from_decimal, to_base64
from kernel.tlog.notes import NoteKey, NotSigned, Signature, SignedNote, VerifierKey, parse_signatures, verified
from kernel.tlog.successions import Succession, following, preceding
from kernel.tlog.trees import consistency_tiles, prove_consistency
from services.audit.log.measures import SequencerMeasures
from services.audit.log.store import LogStore

_ANSWER_SECONDS: Final = 10.0
_CHECKPOINT_SECONDS: Final = 1.0
"""Seconds between two checkpoints, but for one at once after each seal and each decision."""
_LONGEST_PAUSE: Final = 10.0
_LONGEST_ANSWER: Final = 1 << 16
SIGNER_AWAY: Final = (httpx.HTTPError, OSError, TimeoutError)

_log = structlog.get_logger("log")


class NotSignedYet(Exception):
    """The signer did not sign; the message says why."""


class Ahead(NotSignedYet):
    """The signer has signed a larger tree than this one: the log here is behind, and must read on first."""


@dataclass(slots=True)
class Asked:
    """A signer or witness: where it answers, and what its keys are. Its last size is learned from its answers."""

    url: str
    keys: Sequence[VerifierKey]
    size: int = 0


@dataclass(slots=True)
class CheckpointSigning:
    """Has the checkpoints of one log signed, beside its growing, so that a signer that is away holds nothing up."""

    store: LogStore
    origin: str
    key: NoteKey
    """The sequencer's own, by which the signer knows who asks."""
    signer: Asked
    witnesses: Sequence[Asked]
    clock: Clock
    measures: SequencerMeasures
    refusals: dict[str, str] = field(init=False, default_factory=dict)
    """Why a signer or witness did not sign when it was asked last, by its URL; those that did are not in it."""
    successions: Sequence[Succession] = ()
    """How the log's key was changed, as the signer tells it."""
    _top: tuple[int, bytes] | None = field(init=False, default=None)
    _signed: int = field(init=False, default=0)
    _grown: asyncio.Event = field(init=False, default_factory=asyncio.Event)
    _hurry: asyncio.Event = field(init=False, default_factory=asyncio.Event)
    _fresh: asyncio.Event = field(init=False, default_factory=asyncio.Event)
    client: httpx.AsyncClient = field(
        # No proxy of the environment: the signer is on the operators' own network.
        default_factory=lambda: httpx.AsyncClient(timeout=_ANSWER_SECONDS, trust_env=False)
    )

    def reached(self, size: int, root: bytes, *, at_once: bool) -> None:
        """Note that the tree has grown: a checkpoint is made within a second, or at once."""
        if size == 0:
            return
        self._top = (size, root)
        self._grown.set()
        if at_once:
            self._hurry.set()

    async def run(self) -> None:
        """Sign what was reached, and have it witnessed, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._sign_for_ever(), name="checkpoints")
            if self.witnesses:
                group.create_task(self._witness_for_ever(), name="witnesses")

    async def _sign_for_ever(self) -> None:
        pauses = Pauses(_CHECKPOINT_SECONDS, _LONGEST_PAUSE)
        while True:
            await self._grown.wait()
            self._grown.clear()
            self._hurry.clear()
            pauses.begin()
            try:
                await self._sign()
            except (NotSignedYet, *SIGNER_AWAY, *STORE_AWAY) as error:
                end_if_cancelled()
                self._grown.set()
                if isinstance(error, (NotSignedYet, httpx.HTTPError)):
                    self.refusals[self.signer.url] = str(error) or repr(error)
                self.measures.unsigned.set(self._top[0] - self._signed if self._top else 0)
                _log.warning("no checkpoint", error=str(error) or repr(error))
                await pauses.rest()
                continue
            pauses = Pauses(_CHECKPOINT_SECONDS, _LONGEST_PAUSE)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CHECKPOINT_SECONDS):
                    await self._hurry.wait()

    async def _sign(self) -> None:
        if self._top is None:
            return
        size, root = self._top
        newest = await self.store.newest()
        self._signed = newest.size if newest else 0
        if size > self._signed:
            if not self.signer.keys:
                await self.learn_keys()
            await self.make(size, root)
            self._signed = size
        self.refusals.pop(self.signer.url, None)
        self.measures.unsigned.set(0)
        self.measures.signed.set(self._signed)
        self.measures.signed_at.set_to_current_time()
        self._fresh.set()

    async def _witness_for_ever(self) -> None:
        """Ask the witnesses for the newest checkpoint; those between are left out when they are slow."""
        while True:
            await self._fresh.wait()
            self._fresh.clear()
            try:
                newest = await self.store.newest()
                if newest is not None:
                    await self.have_witnessed(newest.size, newest.note)
            except STORE_AWAY as error:
                end_if_cancelled()
                _log.warning("a checkpoint is not witnessed", error=repr(error))
            await asyncio.sleep(_CHECKPOINT_SECONDS)

    async def verifiers(self) -> list[VerifierKey]:
        """Return the keys of the log, those that signed before included, and of its witnesses; as `learn_keys`."""
        if not self.signer.keys:
            await self.learn_keys()
        earlier = preceding(self.signer.keys, self.successions)
        return [*self.signer.keys, *earlier, *(key for witness in self.witnesses for key in witness.keys)]

    async def learn_keys(self) -> None:
        """Ask the signer for its keys, and take those of this log. Raises one of SIGNER_AWAY, or NotSignedYet.

        Once keys are known, only those are taken that follow one of them.
        """
        try:
            keys = [VerifierKey.parse(line) for line in (await self._asked_for("/vkeys")).text.splitlines()]
            notes = (await self._asked_for("/successions")).json()
            successions = [Succession.parse(str(note).encode()) for note in notes]
        except (Malformed, NotSigned, ValueError, TypeError) as error:
            raise NotSignedYet(f"what answers at {self.signer.url} is no signer: {error}") from None
        keys = [key for key in keys if key.name == self.origin]
        if not keys:
            raise NotSignedYet(f"the signer at {self.signer.url} has no key named {self.origin}")
        known = self.signer.keys
        if known and not {*keys} <= {*known, *following(known, successions)}:
            raise NotSignedYet(
                f"the signer at {self.signer.url} has another key, and none that it had before vouches for it: if the "
                "old one is lost and all were told the new one, start audit anew"
            )
        self.signer.keys, self.successions = keys, successions

    async def _asked_for(self, path: str) -> httpx.Response:
        answer = await self.client.get(f"{self.signer.url}{path}")
        answer.raise_for_status()
        return answer

    async def make(self, size: int, root: bytes) -> str:
        """Have a checkpoint signed, keep it, and return its note. Raises NotSignedYet or one of SIGNER_AWAY."""
        handed = Checkpoint(self.origin, size, root).signed(self.key)
        lines = await self._ask(self.signer, size, handed)
        note = SignedNote(handed.text, tuple(lines))
        if not await self.store.sign(size, note.raw.decode(), self.clock.now()):
            raise NotSignedYet("another process has kept a larger checkpoint")
        return note.raw.decode()

    async def have_witnessed(self, size: int, note: str) -> None:
        """Ask every witness for its line under a checkpoint; one that is away or refuses is logged, and left out."""
        for witness in self.witnesses:
            try:
                lines = await self._ask(witness, size, SignedNote.parse(note.encode()))
            except (NotSignedYet, *SIGNER_AWAY) as error:
                _log.warning("a witness did not sign", witness=witness.url, error=str(error) or repr(error))
                self.refusals[witness.url] = str(error) or repr(error)
                continue
            self.refusals.pop(witness.url, None)
            for line in lines:
                await self.store.cosign(size, line.name, line.line, self.clock.now())

    async def _ask(self, asked: Asked, size: int, note: SignedNote) -> list[Signature]:
        """Return the lines of an asked one's keys; when it was at another size than we thought, ask once more."""
        answer = await self._post(asked, size, note)
        if answer.status_code == HTTPStatus.CONFLICT:
            asked.size = _size_of(answer)
            if asked.size > size:
                raise Ahead(f"{asked.url} has signed a tree of {asked.size} leaves, and this one has {size}")
            answer = await self._post(asked, size, note)
        if answer.status_code != HTTPStatus.OK:
            raise NotSignedYet(f"{asked.url} answered {answer.status_code}: {answer.text[:200].strip()}")
        try:
            lines = parse_signatures(answer.content)
            await self._know(asked, lines)
            verified(SignedNote(note.text, lines), asked.keys)
        except (Malformed, NotSigned) as error:
            raise NotSignedYet(f"{asked.url} answered what is no signature of its key: {error}") from None
        asked.size = size
        known = {(key.name, key.key_id) for key in asked.keys}
        return [line for line in lines if (line.name, line.key_id) in known]

    async def _know(self, asked: Asked, lines: Sequence[Signature]) -> None:
        """Learn the signer's keys anew when it signs by one that is not known yet."""
        known = {key.key_id for key in asked.keys}
        if asked is self.signer and any(line.name == self.origin and line.key_id not in known for line in lines):
            await self.learn_keys()

    async def _post(self, asked: Asked, size: int, note: SignedNote) -> httpx.Response:
        tiles = await self.store.tiles(consistency_tiles(asked.size, size))
        proof = prove_consistency(asked.size, size, tiles)
        head = "".join([f"old {asked.size}\n", *(f"{to_base64(one)}\n" for one in proof), "\n"])
        headers = {"Content-Type": "text/plain"}
        return await self.client.post(f"{asked.url}/add-checkpoint", content=head.encode() + note.raw, headers=headers)


def _size_of(answer: httpx.Response) -> int:
    try:
        return from_decimal(answer.text.removesuffix("\n"), "the size in the answer")
    except Malformed as error:
        raise NotSignedYet(str(error)) from None
