"""Ed25519 signatures as the audit checks them, millions in a season: with libsodium, and by OpenSSL what that refuses.

libsodium takes little more than half of OpenSSL's time. It is the stricter of the two: both refuse an S that is not
reduced and compare R's bytes (RFC 8032 without cofactors), and libsodium refuses keys and R of small order too. So
whatever it takes OpenSSL takes, and asking OpenSSL about the rest gives OpenSSL's verdict, which is the services'.
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from nacl.bindings import crypto_sign_open
from nacl.exceptions import CryptoError

_BYTES: Final = 64


def holds(public: bytes, signature: bytes, signed: bytes) -> bool:
    """Tell whether a signature is that of a key of 32 bytes over what was signed."""
    if len(signature) != _BYTES:
        return False
    try:
        crypto_sign_open(signature + signed, public)
    except (CryptoError, ValueError):
        return _by_openssl(public, signature, signed)
    return True


def _by_openssl(public: bytes, signature: bytes, signed: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, signed)
    except (InvalidSignature, ValueError):
        return False
    return True
