"""A log's key gives its name to another: a note that both have signed, which whoever knows the first one can follow.

C2SP knows no such note; to other tools the log just has two keys of one name, which signed-note allows. The text is
four lines: what it is, the origin, and the verifier keys of the one before and of the one after. Its first line has
spaces, so that no checkpoint's text is like it: a checkpoint begins with its origin, which names a key and has none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from kernel.tlog.encodings import Malformed
from kernel.tlog.notes import ED25519, NoteKey, NotSigned, SignedNote, VerifierKey, signed, verified

TITLE: Final = "paritrana log key succession v1"
SUCCESSION: Final = ".succession"
"""How the name of such a note's file ends, beside a signer's keys and in an exported folder."""


@dataclass(frozen=True, slots=True)
class Succession:
    """One key of a log and the one that follows it, by a note that both signed."""

    before: VerifierKey
    after: VerifierKey
    note: SignedNote

    @classmethod
    def make(cls, before: NoteKey, after: NoteKey) -> Self:
        """Sign that `after` follows `before`. Raises Malformed when they are not two keys of one log."""
        text = f"{TITLE}\n{before.name}\n{before.verifier.text}\n{after.verifier.text}\n"
        _check(before.verifier, after.verifier, before.name)
        return cls(before.verifier, after.verifier, signed(text, before, after))

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read a succession and verify both signatures. Raises Malformed or NotSigned."""
        note = SignedNote.parse(raw)
        lines = note.text.split("\n")
        if len(lines) != 5 or lines[0] != TITLE:
            raise Malformed(f"a succession is {TITLE!r}, the origin and two verifier keys, each on a line")
        before, after = VerifierKey.parse(lines[2]), VerifierKey.parse(lines[3])
        _check(before, after, lines[1])
        if len(verified(note, (before, after))) != 2:
            raise NotSigned("a succession is signed by the key before and by the key after")
        return cls(before, after, note)


def _check(before: VerifierKey, after: VerifierKey, origin: str) -> None:
    if {before.name, after.name} != {origin} or {before.kind, after.kind} != {ED25519}:
        raise Malformed(f"both keys of a succession are of the log {origin!r} itself (type 0x01)")
    if before == after:
        raise Malformed("a key cannot follow itself")


def following(known: Iterable[VerifierKey], successions: Iterable[Succession]) -> tuple[VerifierKey, ...]:
    """Return the keys that follow known ones, step by step, without the known ones themselves."""
    return _reached(known, ((one.before, one.after) for one in successions))


def preceding(known: Iterable[VerifierKey], successions: Iterable[Succession]) -> tuple[VerifierKey, ...]:
    """Return the keys that known ones follow, step by step, without the known ones themselves."""
    return _reached(known, ((one.after, one.before) for one in successions))


def _reached(known: Iterable[VerifierKey], steps: Iterable[tuple[VerifierKey, VerifierKey]]) -> tuple[VerifierKey, ...]:
    reached = dict.fromkeys(known)
    begun = len(reached)
    beyond: dict[VerifierKey, list[VerifierKey]] = {}
    for here, there in steps:
        beyond.setdefault(here, []).append(there)
    waiting = list(reached)
    while waiting:
        for key in beyond.get(waiting.pop(), ()):
            if key not in reached:
                reached[key] = None
                waiting.append(key)
    return tuple(reached)[begun:]
