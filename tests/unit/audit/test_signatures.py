"""Signatures as the audit checks them have OpenSSL's verdict, which is the services', on what seldom is signed too.

The odd ones are made here from the curve's own equations (RFC 8032 section 5.1), since no library makes them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from nacl.bindings import crypto_sign_open
from nacl.exceptions import CryptoError

from services.audit.signatures import holds

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
MESSAGE = b"an envelope"
Point = tuple[int, int]
NEUTRAL: Point = (0, 1)


def with_y(y: int) -> Point:
    """Return the point with this y and an even x; raise ValueError when there is none."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P:
        raise ValueError("no such point")
    return (P - x if x % 2 else x), y


def added(one: Point, other: Point) -> Point:
    k = D * one[0] * other[0] * one[1] * other[1] % P
    x = (one[0] * other[1] + other[0] * one[1]) * pow(1 + k, -1, P)
    y = (one[1] * other[1] + one[0] * other[0]) * pow(1 - k, -1, P)
    return x % P, y % P


def times(number: int, point: Point) -> Point:
    found = NEUTRAL
    while number:
        found = added(found, point) if number & 1 else found
        point, number = added(point, point), number >> 1
    return found


BASE = with_y(4 * pow(5, -1, P) % P)


def of_order_8() -> Point:
    for y in range(2, 100):
        try:
            found = times(L, with_y(y))
        except ValueError:
            continue
        if times(4, found) != NEUTRAL:
            return found
    raise AssertionError


def encoded(point: Point) -> bytes:
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


@dataclass
class Odd:
    """A key, a signature and what OpenSSL says of them."""

    public: bytes
    signature: bytes
    good: bool


SECRET, NONCE = 7**90 % L, 5**100 % L
PUBLIC, COMMITTED = times(SECRET, BASE), times(NONCE, BASE)


def signed(public: bytes, committed: bytes, nonce: int = NONCE, beyond: int = 0) -> bytes:
    k = int.from_bytes(hashlib.sha512(committed + public + MESSAGE).digest(), "little")
    return committed + ((nonce + k * SECRET) % L + beyond).to_bytes(32, "little")


A, R, ONE = encoded(PUBLIC), encoded(COMMITTED), encoded(NEUTRAL)
BENT = encoded(added(COMMITTED, of_order_8()))
ODD = {
    "plain": Odd(A, signed(A, R), good=True),
    "S not reduced": Odd(A, signed(A, R, beyond=L), good=False),
    "R with a part of small order": Odd(A, signed(A, BENT), good=False),
    "R of small order": Odd(A, signed(A, ONE, nonce=0), good=True),
    "key of small order": Odd(ONE, R + NONCE.to_bytes(32, "little"), good=True),
    "key not canonical": Odd((P + 1).to_bytes(32, "little"), R + NONCE.to_bytes(32, "little"), good=True),
    "key that is no point": Odd((2).to_bytes(32, "little"), signed(A, R), good=False),
    "another message's": Odd(A, signed(A, R)[:-1] + b"\0", good=False),
    "too short": Odd(A, signed(A, R)[:-1], good=False),
    "too long": Odd(A, signed(A, R) + b"\0", good=False),
    "none": Odd(A, b"", good=False),
}


def openssl(odd: Odd) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(odd.public).verify(odd.signature, MESSAGE)
    except (InvalidSignature, ValueError):
        return False
    return True


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_the_verdict_is_openssls(odd: Odd):
    assert openssl(odd) is odd.good
    assert holds(odd.public, odd.signature, MESSAGE) is odd.good


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_libsodium_takes_nothing_that_openssl_refuses(odd: Odd):
    try:
        crypto_sign_open(odd.signature + MESSAGE, odd.public)
    except (CryptoError, ValueError):
        return
    if len(odd.signature) == len(ODD["plain"].signature):
        assert openssl(odd)


def test_a_signature_of_a_common_key_holds_and_of_another_message_does_not():
    key = Ed25519PrivateKey.generate()
    public, signature = key.public_key().public_bytes_raw(), key.sign(MESSAGE)
    assert holds(public, signature, MESSAGE)
    assert not holds(public, signature, MESSAGE + b".")
