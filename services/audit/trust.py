"""Which of the keys that a log publishes are a service's own: a chain of keys, each of which answers for the next.

Whoever holds a database can publish a key, so that being published proves nothing. A service's first key is trusted as
it comes, or because the auditor was given its id; each later one when the key before it signed its publication and it
proves itself that it is held. Such a bond holds both ways: a given key vouches for those before it by its own proof. A
key without that bond begins a chain anew, which is trusted only when the auditor was given one of its ids.

From its successor on a key signs no more. Two things show when it does: the recorded time of what it signed, which a
stream's chain keeps from going back; and the log's order, since what somebody writes back into a past time is
sequenced when it is written.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from typing import Final, Literal, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from kernel.canonical import Json, from_instant, instant, signature_holds
from schemas.service import key_statement
from schemas.topics import source_of

Trust = Literal["first", "countersigned", "given", "none"]
TOLERANCE: Final = timedelta(seconds=10)
"""How long processes of a service may sign with the key before: as long as clock readings are let differ elsewhere."""
LATE: Final = timedelta(days=1)
"""How far the log may have gone on before it takes in what a replaced key signed: streams reach it apart."""


class Publication(NamedTuple):
    """An event that publishes a key: where it stands, when it was recorded, and its document."""

    stream: str
    version: int
    time: str
    doc: Json


class Replaced(NamedTuple):
    """A key that another took the place of: whose, which, and after which recorded time the log takes it no more."""

    source: str
    key_id: str
    until: str


@dataclass(slots=True, eq=False)
class _Key:
    owner: str
    key_id: str
    public: bytes
    said: Publication
    beginning: str
    """The id of the key at which its chain begins: its own, or that of the one that vouches for it."""
    after: str | None = None
    """The id of the key that took its place."""


@dataclass(slots=True)
class Chains:
    """The keys of every service as its log publishes them, taken in the order of their stream."""

    given: Mapping[str, Collection[str]] = field(default_factory=dict)
    """Ids of keys that the auditor had from elsewhere, by service."""
    _keys: dict[tuple[str, str], _Key] = field(default_factory=dict)
    _of: dict[str, list[_Key]] = field(default_factory=dict)
    """The same by service, in the order in which they were published."""
    _begun: dict[str, frozenset[str]] = field(default_factory=dict)
    """The beginnings of trusted chains by service, as far as they were asked for."""
    _faults: dict[tuple[str, int], list[tuple[str, str]]] = field(default_factory=dict)
    _taken: set[tuple[str, int]] = field(default_factory=set)
    _token_keys_signed: set[str] = field(default_factory=set)

    @property
    def rotations(self) -> int:
        """How many keys were published after their services' first."""
        return len(self._keys) - len(self._of)

    def take(self, said: Publication, owner: str) -> None:
        """Take a publication in a topic of `owner`; the first at a place counts."""
        at = (said.stream, said.version)
        if at in self._taken:
            return
        self._taken.add(at)
        self._begun.pop(owner, None)
        self._faults[at] = list(self._judged(said, owner))

    def _judged(self, said: Publication, owner: str) -> Iterator[tuple[str, str]]:
        data = said.doc["data"]
        public = _public_key(data)
        if public is None:
            yield "key", "the published key cannot be read"
        elif data["service"] != owner or said.stream != f"service/{owner}":
            yield "key", f"the key of {data['service']!r} is published in {said.stream}, a stream of {owner}"
        elif data["key_id"] != key_id_of(public, data["use"]):
            yield "key", "the key id is not the one that follows from the key"
        elif data["use"] == "tokens":
            yield from self._token_key(said, owner)
        elif data["use"] == "events":
            yield from self._event_key(said, owner, public)

    def _token_key(self, said: Publication, owner: str) -> Iterator[tuple[str, str]]:
        """A token key is signed as events are, from the first one on that was."""
        if "signature" in said.doc:
            self._token_keys_signed.add(owner)
        elif owner in self._token_keys_signed:
            yield "rotation", f"this token key is not signed by {owner}, and one before it was"

    def _event_key(self, said: Publication, owner: str, public: bytes) -> Iterator[tuple[str, str]]:
        data = said.doc["data"]
        key = _Key(owner, data["key_id"], public, said, beginning=data["key_id"])
        if (owner, key.key_id) in self._keys:
            yield "rotation", "this key was published before"
            return
        fault = self._bond_fault(key, data)
        if fault is not None:
            yield "rotation", fault
        self._keys[owner, key.key_id] = key
        self._of.setdefault(owner, []).append(key)

    def _bond_fault(self, key: _Key, data: Json) -> str | None:
        """Bind a key to the one that it replaces, or say why it is not bound."""
        replaces, proof = data.get("replaces"), data.get("proof")
        if (replaces, proof) == (None, None):
            return None  # as a service's first key was published before keys could be replaced
        if not _proves(key, data, replaces, proof):
            return "it does not prove that it is held: who published it need not hold it"
        if replaces is None:
            return None
        before = self._keys.get((key.owner, replaces))
        if before is None:
            return f"it replaces {replaces!r}, which {key.owner} did not publish before"
        return self._bind(key, before)

    def _bind(self, key: _Key, before: _Key) -> str | None:
        said = key.said.doc
        if said.get("signaturekey") != before.key_id or not signature_holds(said, before.public):
            return (
                f"it is not countersigned by {before.key_id}, which it replaces: whoever holds the database can do that"
            )
        if before.after is not None:
            return f"it replaces {before.key_id}, which {before.after} has replaced already"
        key.beginning, before.after = before.beginning, key.key_id
        return None

    def knows(self, owner: str, key_id: object) -> bool:
        """Tell whether a key was published, whoever vouches for it."""
        return (owner, key_id) in self._keys

    # --- asking

    def faults(self, said: Publication, owner: str) -> Iterator[tuple[str, str]]:
        """Return what is wrong with a publication, once all were taken."""
        known = self._faults.get((said.stream, said.version))
        if known is None:
            alone = Chains()
            alone.take(said, owner)
            known = alone._faults[said.stream, said.version]
        yield from known
        key_id = said.doc["data"].get("key_id")
        key = self._keys.get((owner, key_id)) if isinstance(key_id, str) else None
        if key is None or known or (key.said.stream, key.said.version) != (said.stream, said.version):
            return
        if key.beginning == key.key_id and not self._trusts(key):
            yield "rotation", self._strange(owner, key)

    def _strange(self, owner: str, key: _Key) -> str:
        if self._of[owner][0] is key:
            return f"it is the first key of {owner}, and none that was given, nor one that a given one vouches for"
        return (
            f"it begins anew: no key of {owner} before it vouches for it. If the operators say that theirs was lost, "
            f"and tell this id on another way, give --service-key {owner}:{key.key_id} and {owner}:<the first key's id>"
        )

    def missing(self) -> Iterator[tuple[str, str]]:
        """Return the given keys that the log does not publish, as service and id."""
        for owner, ids in sorted(self.given.items()):
            yield from ((owner, key_id) for key_id in sorted(ids) if (owner, key_id) not in self._keys)

    def trusted(self) -> dict[tuple[str, str], bytes]:
        """Return the keys that sign for their services, by service and id."""
        return {at: key.public for at, key in self._keys.items() if self._trusts(key)}

    def replaced(self) -> dict[tuple[str, str], tuple[_Key, str]]:
        """Return for every trusted key that another followed: that one, and when it was recorded."""
        found: dict[tuple[str, str], tuple[_Key, str]] = {}
        for owner, keys in self._of.items():
            trusted = [key for key in keys if self._trusts(key)]
            for key, later in pairwise(trusted):
                found[owner, key.key_id] = (later, later.said.time)
        return found

    def no_longer(self) -> dict[tuple[str, str], str]:
        """Return for every trusted key that another followed the last recorded time at which it may sign."""
        return {at: _later(time, TOLERANCE) for at, (_, time) in self.replaced().items()}

    def by_place(self) -> dict[tuple[str, int], Replaced]:
        """Return by stream and version of a publication which key the log takes no more from there on."""
        return {
            (later.said.stream, later.said.version): Replaced(source_of(owner), key_id, _later(time, LATE))
            for (owner, key_id), (later, time) in self.replaced().items()
        }

    def listed(self) -> list[tuple[str, str, bytes, Trust]]:
        """Return every key published for events, in order: its service, its id, the key, and why it is trusted."""
        return [(owner, key_id, key.public, self._why(key)) for (owner, key_id), key in sorted(self._keys.items())]

    def _why(self, key: _Key) -> Trust:
        if not self._trusts(key):
            return "none"
        if key.key_id in self.given.get(key.owner, ()):
            return "given"
        return "first" if key.beginning == key.key_id else "countersigned"

    def _trusts(self, key: _Key) -> bool:
        begun = self._begun.get(key.owner)
        if begun is None:
            keys, given = self._of[key.owner], self.given.get(key.owner)
            known = [one for one in keys if one.key_id in given] if given else keys[:1]
            begun = self._begun[key.owner] = frozenset(one.beginning for one in known)
        return key.beginning in begun


def key_id_of(public: bytes, use: object) -> str:
    """Return the id of a published key: a token key's is its thumbprint (RFC 7638), an event key's is shorter."""
    if use == "tokens":
        x = urlsafe_b64encode(public).rstrip(b"=").decode()
        thumb = hashlib.sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'.encode()).digest()
        return urlsafe_b64encode(thumb).rstrip(b"=").decode()
    return hashlib.sha256(public).hexdigest()[:16]


def _public_key(data: Json) -> bytes | None:
    try:
        if not all(isinstance(data[name], str) for name in ("service", "key_id", "use", "public_key")):
            return None
        public = b64decode(data["public_key"], validate=True)
    except (KeyError, TypeError, ValueError):
        return None
    return public if len(public) == 32 else None


def _proves(key: _Key, data: Json, replaces: object, proof: object) -> bool:
    if not isinstance(proof, str) or not isinstance(replaces, str | None):
        return False
    try:
        statement = key_statement(key.owner, key.key_id, data["public_key"], replaces)
        Ed25519PublicKey.from_public_bytes(key.public).verify(b64decode(proof, validate=True), statement)
    except (InvalidSignature, ValueError):
        return False
    return True


def _later(time: str, by: timedelta) -> str:
    try:
        return instant(from_instant(time) + by)
    except OverflowError:
        return time
