"""Signed notes: a text, a blank line, and signature lines by keys that have names (C2SP signed-note v1.0.0).

Two of its signature types are here: Ed25519 (0x01), by which a log signs its checkpoint, and the timestamped Ed25519
cosignature (0x04, C2SP tlog-cosignature), by which a witness says that it saw the checkpoint and nothing against it.

A note is read strictly, so that its bytes and what was read from them are one: `SignedNote.parse(raw).raw == raw`.
What a note says is nothing before `verified` has found a signature by a key that the reader knows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal, Self, cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from kernel.tlog.encodings import MAX_NUMBER, Malformed, check_characters, from_base64, shown, to_base64, to_text

MAX_SIGNATURES: Final = 64
"""Signature lines of a note at most; the specification asks for at least 16."""
MAX_NOTE_BYTES: Final = 1 << 20
"""Bytes of a note at most: 64 signatures of the longest kind that is specified, and a text beside them."""

Kind = Literal[0x01, 0x04]
ED25519: Final = 0x01
COSIGNATURE: Final = 0x04

_DASH: Final = "\u2014 "
_KINDS: Final = (ED25519, COSIGNATURE)
_ID_BYTES: Final = 4
_KEY_BYTES: Final = 32
_TIME_BYTES: Final = 8
_SIGNATURE_BYTES: Final = 64
_PRIVATE: Final = "PRIVATE+KEY+"


class NotSigned(ValueError):
    """A note that no known key has signed, or one that bears a known key's name over a signature that is not its."""


# --- keys ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with the name of who signs by it and the type of its signatures."""

    name: str
    kind: Kind
    public: bytes

    def __post_init__(self) -> None:
        check_name(self.name)
        if self.kind not in _KINDS:
            raise Malformed(f"the signature type is {self.kind:#04x}; known are 0x01 (Ed25519) and 0x04 (cosignature)")
        if len(self.public) != _KEY_BYTES:
            raise Malformed(f"the public key has {len(self.public)} bytes; an Ed25519 key has {_KEY_BYTES}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `<name>+<key id in hex>+<base64 of type and key>`, without a line end. Raises Malformed."""
        name, key_id, encoded = _parts(text, "a verifier key")
        raw = from_base64(encoded, "the key of a verifier key")
        key = cls(name, cast("Kind", raw[0]) if raw else cast("Kind", 0), raw[1:])
        _check_id(key, key_id)
        return key

    @property
    def text(self) -> str:
        """The key in one line of text, as it is published."""
        return f"{self.name}+{self.key_id.hex()}+{to_base64(bytes((self.kind,)) + self.public)}"

    @property
    def key_id(self) -> bytes:
        """The four bytes that with the name tell whose a signature is."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes((self.kind,)) + self.public).digest()[:_ID_BYTES]

    def checked(self, text: str, signature: bytes) -> Verified | None:
        """Return what `signature` says of a note's text, or nothing when this key did not make it."""
        timestamp: int | None = None
        message = text.encode()
        if self.kind == COSIGNATURE:
            if len(signature) != _TIME_BYTES + _SIGNATURE_BYTES:
                return None
            timestamp, signature = int.from_bytes(signature[:_TIME_BYTES]), signature[_TIME_BYTES:]
            if timestamp > MAX_NUMBER:
                return None
            message = cosigned(text, timestamp)
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return None
        return Verified(self, timestamp)


@dataclass(frozen=True, slots=True)
class Verified:
    """A signature that holds: by which key, and when it was made if it says so (POSIX seconds)."""

    key: VerifierKey
    timestamp: int | None = None


@dataclass(frozen=True, slots=True)
class NoteKey:
    """The private half of a verifier key."""

    name: str
    kind: Kind
    private: Ed25519PrivateKey = field(repr=False)

    def __post_init__(self) -> None:
        _ = self.verifier  # refuses a name or type that no key may have

    @classmethod
    def generate(cls, name: str, kind: Kind = ED25519) -> Self:
        """Make a new key."""
        return cls(name, kind, Ed25519PrivateKey.generate())

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `PRIVATE+KEY+<name>+<key id in hex>+<base64 of type and seed>`, as Go's `note` writes it.

        Raises Malformed, which never shows the text.
        """
        if not text.startswith(_PRIVATE):
            raise Malformed(f"a private key starts with {_PRIVATE}")
        try:
            name, key_id, encoded = _parts(text.removeprefix(_PRIVATE), "a private key")
            raw = from_base64(encoded, "the seed")
        except Malformed:
            raise Malformed("the private key is not <name>+<key id>+<base64> after its first two words") from None
        if len(raw) != 1 + _KEY_BYTES:
            raise Malformed(f"the seed of a private key has {_KEY_BYTES} bytes after its type")
        key = cls(name, cast("Kind", raw[0]), Ed25519PrivateKey.from_private_bytes(raw[1:]))
        _check_id(key.verifier, key_id)
        return key

    @property
    def text(self) -> str:
        """The key in one line of text: a secret."""
        seed = to_base64(bytes((self.kind,)) + self.private.private_bytes_raw())
        return f"{_PRIVATE}{self.name}+{self.verifier.key_id.hex()}+{seed}"

    @property
    def verifier(self) -> VerifierKey:
        """The public half."""
        return VerifierKey(self.name, self.kind, self.private.public_key().public_bytes_raw())

    def sign(self, text: str) -> Signature:
        """Return this key's signature of a note's text, which ends in LF; for keys of type 0x01."""
        self._check_kind(ED25519)
        _check_text(text)
        return Signature(self.name, self.verifier.key_id, self.private.sign(text.encode()))

    def cosign(self, text: str, timestamp: int) -> Signature:
        """Return this witness's signature of a checkpoint's text at a time in POSIX seconds; for keys of type 0x04."""
        self._check_kind(COSIGNATURE)
        _check_text(text)
        if not 0 < timestamp <= MAX_NUMBER:
            raise ValueError(f"a cosignature's time is {timestamp}; it is in seconds from 1970 on")
        signature = self.private.sign(cosigned(text, timestamp))
        return Signature(self.name, self.verifier.key_id, timestamp.to_bytes(_TIME_BYTES) + signature)

    def _check_kind(self, kind: int) -> None:
        if self.kind != kind:
            raise ValueError(f"the key {self.name} makes signatures of type {self.kind:#04x}, not {kind:#04x}")


def cosigned(text: str, timestamp: int) -> bytes:
    """Return the message that a cosignature of version 1 signs."""
    return f"cosignature/v1\ntime {timestamp}\n{text}".encode()


def check_name(name: str) -> None:
    """Refuse what cannot name a key. Raises Malformed."""
    if not name:
        raise Malformed("the key name is empty")
    if "+" in name or any(character.isspace() for character in name):
        raise Malformed(f"the key name {shown(name)} has a space or a plus sign")
    check_characters(name, "the key name")
    _check_unicode(name, "the key name")


def _parts(text: str, what: str) -> tuple[str, str, str]:
    match text.split("+", 2):
        case [name, key_id, encoded]:
            return name, key_id, encoded
        case _:
            raise Malformed(f"{what} is <name>+<key id>+<base64>, and not {shown(text)}")


def _check_id(key: VerifierKey, said: str) -> None:
    if said != key.key_id.hex():
        raise Malformed(f"the key id of {shown(key.name)} is {shown(said)}, by its key it is {key.key_id.hex()}")


# --- notes ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature line: who says to have signed, by which key, and the bytes."""

    name: str
    key_id: bytes
    signature: bytes

    def __post_init__(self) -> None:
        check_name(self.name)
        if len(self.key_id) != _ID_BYTES:
            raise Malformed(f"the key id of {shown(self.name)} has {len(self.key_id)} bytes, not {_ID_BYTES}")
        if not self.signature:
            raise Malformed(f"the signature of {shown(self.name)} is empty")

    @property
    def line(self) -> str:
        """The line with its LF."""
        return f"{_DASH}{self.name} {to_base64(self.key_id + self.signature)}\n"


@dataclass(frozen=True, slots=True)
class SignedNote:
    """A text that ends in LF, and its signatures in their order. Nothing here is verified."""

    text: str
    signatures: tuple[Signature, ...]

    def __post_init__(self) -> None:
        _check_text(self.text)
        if not self.signatures:
            raise Malformed("the note has no signature line")
        if len(self.signatures) > MAX_SIGNATURES:
            raise Malformed(f"the note has {len(self.signatures)} signatures; at most {MAX_SIGNATURES} are read")

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read a note, whose signatures are not verified yet. Raises Malformed."""
        _check_length(raw)
        text = to_text(raw, "the note")
        end = text.rfind("\n\n")
        if end < 0:
            raise Malformed("the note has no blank line between its text and its signatures")
        body = text[: end + 1]
        return cls(body, _signatures(text[end + 2 :], first=body.count("\n") + 2))

    @property
    def raw(self) -> bytes:
        """The note as bytes, as it is published."""
        return (self.text + "\n" + "".join(signature.line for signature in self.signatures)).encode()

    def adding(self, *signatures: Signature) -> Self:
        """Return the note with more signatures; one by the same key takes the earlier one's place."""
        lines = {(line.name, line.key_id): line for line in (*self.signatures, *signatures)}
        return type(self)(self.text, tuple(lines.values()))


def signed(text: str, *keys: NoteKey) -> SignedNote:
    """Return a text signed by keys of type 0x01."""
    return SignedNote(text, tuple(key.sign(text) for key in keys))


def parse_signatures(raw: bytes) -> tuple[Signature, ...]:
    """Read signature lines alone, as a witness answers them. Raises Malformed."""
    _check_length(raw)
    return _signatures(to_text(raw, "the answer"), first=1)


def verified(note: SignedNote, keys: Iterable[VerifierKey]) -> tuple[Verified, ...]:
    """Return what known keys signed, each key once, in the order of the lines.

    Raises NotSigned when a line bears a known key's name and id and does not hold, or when no known key signed;
    signatures by other keys are passed over. Two known keys of one name and id are a ValueError.
    """
    known = _by_id(keys)
    found: dict[VerifierKey, Verified] = {}
    for line in note.signatures:
        key = known.get((line.name, line.key_id))
        if key is None:
            continue
        checked = key.checked(note.text, line.signature)
        if checked is None:
            raise NotSigned(f"the signature of {shown(key.name)} (key {key.key_id.hex()}) is not over this text")
        found.setdefault(key, checked)
    if not found:
        raise NotSigned(f"none of the {len(note.signatures)} signatures is by a known key ({_listed(known.values())})")
    return tuple(found.values())


def _by_id(keys: Iterable[VerifierKey]) -> dict[tuple[str, bytes], VerifierKey]:
    known: dict[tuple[str, bytes], VerifierKey] = {}
    for key in keys:
        if known.setdefault((key.name, key.key_id), key) != key:
            raise ValueError(f"two keys are called {key.name}+{key.key_id.hex()}: take one of them away")
    return known


def _listed(keys: Iterable[VerifierKey]) -> str:
    return ", ".join(f"{shown(key.name)} {key.key_id.hex()}" for key in keys) or "none was given"


def _signatures(text: str, *, first: int) -> tuple[Signature, ...]:
    if not text:
        raise Malformed("there is no signature line")
    if not text.endswith("\n"):
        raise Malformed("the last signature line does not end in LF")
    lines = text[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise Malformed(f"there are {len(lines)} signatures; at most {MAX_SIGNATURES} are read")
    return tuple(_signature(line, number) for number, line in enumerate(lines, first))


def _signature(line: str, number: int) -> Signature:
    if not line.startswith(_DASH):
        raise Malformed(f"line {number}: a signature line starts with an em dash (U+2014) and a space: {shown(line)}")
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not space:
        raise Malformed(f"line {number}: a signature line has a key name, a space and base64: {shown(line)}")
    raw = from_base64(encoded, f"line {number}: the signature")
    if len(raw) <= _ID_BYTES:
        raise Malformed(f"line {number}: the signature has {len(raw)} bytes; a key id alone has {_ID_BYTES}")
    try:
        return Signature(name, raw[:_ID_BYTES], raw[_ID_BYTES:])
    except Malformed as error:
        raise Malformed(f"line {number}: {error}") from None


def _check_text(text: str) -> None:
    if not text.endswith("\n"):
        raise Malformed("the note's text does not end in LF")
    check_characters(text, "the note's text")
    _check_unicode(text, "the note's text")


def _check_unicode(text: str, what: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Malformed(f"{what} has a lone surrogate at character {error.start}") from None


def _check_length(raw: bytes) -> None:
    if len(raw) > MAX_NOTE_BYTES:
        raise Malformed(f"the note has {len(raw)} bytes; at most {MAX_NOTE_BYTES} are read")
