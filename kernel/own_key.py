"""The key by which a service signs its events: published before it signs, and changed while the service runs.

Whoever holds the database can write that a key is the service's; so a key that takes another's place is published
under the signature of that other one, and proves by its own that it is held. Every process of a service does the same
when it finds the file of a next key: publish it, once for all of them; move it into place; sign with it. A process that
ends anywhere in between is followed by one that goes on where it ended.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import structlog

from kernel.canonical import Ed25519Signer
from kernel.codec import Codec
from kernel.commands import Executor
from kernel.decider import Aggregate, Decision, Emit, Happened, Loader, Refusal
from kernel.keys import begins_anew, event_key_file, event_signer, next_key_file, stored_signer
from kernel.reactor import service_ask
from kernel.settings import StartFailed

_log = structlog.get_logger("key")

Published = Mapping[str, str | None]
"""The keys that the log knows: by the id of each, that of the one that replaced it."""


class KeyNotUsable(Exception):
    """The key at hand must not sign; the message says why and what to do."""


class OwnKey:
    """One service's key in one process. `signer` is the one in use."""

    def __init__(self, folder: Path, service: str, codec: Codec) -> None:
        """Read the key in use, making it at the service's first start. Raises StartFailed."""
        self._folder, self._service, self._codec = folder, service, codec
        self._current, self._next = event_key_file(folder, service), next_key_file(folder, service)
        self._stamp: object = None
        self._published = Aggregate[Published](initial=dict, evolve=self._evolve, kind="service keys")
        self.signer: Ed25519Signer = event_signer(folder, service)

    def changed(self) -> bool:
        """Tell whether the files are others than when `settle` last came to its end."""
        return self._stamp != self._stamps()

    async def settle(self, executor: Executor) -> None:
        """Let the executor sign with the key in use, and with the next one, once published, where there is one.

        Raises KeyNotUsable when the log says that the key is not the service's, or StartFailed for a file that cannot
        be read; what signed until now goes on.
        """
        stamp = self._stamps()
        # The next one is read first: where another process has just moved it, the one in use is read as the new one.
        following = stored_signer(self._next)
        # A file that was taken away is still held by whoever runs: it can countersign another.
        signer = stored_signer(self._current) or self.signer
        known = await executor.state(self._published, self._stream)
        if following is None or known.get(signer.key_id) != following.key_id:
            await self._publish(executor, signer, None, following)
            self._use(executor, signer)
            if following is not None and following.key_id != signer.key_id:
                await self._publish(executor, following, signer)
        if following is not None:
            self._put_in_place()
            stamp = self._stamps()
            self._use(executor, following)
        self._stamp = stamp

    def _use(self, executor: Executor, signer: Ed25519Signer) -> None:
        if signer.key_id != self.signer.key_id:
            _log.info("another key signs", key=signer.key_id, before=self.signer.key_id)
            self.signer = signer
        executor.signer = self.signer

    async def _publish(
        self,
        executor: Executor,
        signer: Ed25519Signer,
        before: Ed25519Signer | None,
        following: Ed25519Signer | None = None,
    ) -> None:
        """Publish a key once for ever: a first one, one begun anew, or one that `before`, which signs, vouches for.

        A process beside may have published `following` in its place a moment ago.
        """
        event = self._event(signer, before)

        async def program(load: Loader) -> Decision:
            known = await load.load(self._published, self._stream)
            if signer.key_id in known:
                if following is None or known.get(signer.key_id) != following.key_id:
                    self._check_current(known, signer.key_id)
                return []
            if before is not None:
                self._check_current(known, before.key_id)
            elif known and not begins_anew(self._folder, self._service, signer.key_id):
                raise KeyNotUsable(self._unknown(known, signer.key_id))
            return [Emit(self._stream, event)]

        done = await executor.execute(service_ask(executor, f"key/events/{signer.key_id}"), program)
        if isinstance(done, Refusal):
            raise KeyNotUsable(f"the key {signer.key_id} could not be published yet: {done.code}")

    def _event(self, signer: Ed25519Signer, before: Ed25519Signer | None) -> Any:
        public = b64encode(signer.public_key).decode("ascii")
        replaces = before.key_id if before else None
        statement = self._codec.key_statement(self._service, signer.key_id, public, replaces)
        proof = b64encode(signer.sign(statement)).decode("ascii")
        return self._codec.key_published(self._service, signer.key_id, public, "events", replaces=replaces, proof=proof)

    def _check_current(self, known: Published, key_id: str) -> None:
        if (replaced := known.get(key_id)) is not None:
            raise KeyNotUsable(
                f"the key {key_id} was replaced by {replaced}: put the file of that key at {self._current}; if nobody "
                "replaced it, somebody wrote to the database, and paritrana audit verify tells"
            )

    def _unknown(self, known: Published, key_id: str) -> str:
        current = ", ".join(sorted(key for key, replaced in known.items() if replaced is None))
        return (
            f"the log has the key {current} of {self._service}, and {self._current} holds {key_id}: put the file of "
            f"the former there; if it is lost for good, paritrana keys rotate {self._service} --lost"
        )

    def _put_in_place(self) -> None:
        """Move the next key to where the one in use lies; the other processes then find it there."""
        try:
            self._next.replace(self._current)
        except FileNotFoundError:
            return  # another process has done it
        except OSError as error:
            _log.warning("the new key signs; move its file by hand", file=str(self._next), error=error.strerror)

    def _stamps(self) -> object:
        return [_stamp(self._current), _stamp(self._next)]

    @property
    def _stream(self) -> str:
        return f"service/{self._service}"

    def _evolve(self, state: Published, happened: Happened) -> Published:
        found = self._codec.published_key(happened.event)
        if found is None:
            return state
        key_id, replaces = found
        return {**state, **({replaces: key_id} if replaces else {}), key_id: state.get(key_id)}


def _stamp(path: Path) -> object:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino


UNUSABLE: Final = (KeyNotUsable, StartFailed)
"""Why a key cannot be used: by what the log says, or by its file."""
