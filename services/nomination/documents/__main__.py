"""Lays out one sheet and ends: `python -m services.nomination.documents certificate|minutes`, JSON in, PDF out.

Its memory and time are bounded from the beginning, whatever it is given.
"""

from __future__ import annotations

import resource
import sys
from typing import Final

from services.nomination.documents import certificate, minutes
from services.nomination.documents.sheets import CertificateSheet, MinutesSheet

_MEMORY: Final = 768 * 1024 * 1024
_SECONDS: Final = 30


def main(kind: str) -> None:
    """Read a sheet from standard input and write its PDF to standard output."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    said = sys.stdin.buffer.read()
    match kind:
        case "certificate":
            pdf = certificate.lay_out(CertificateSheet.model_validate_json(said))
        case "minutes":
            pdf = minutes.lay_out(MinutesSheet.model_validate_json(said))
        case _:
            sys.exit(f"there is no document {kind!r}: ask for certificate or minutes")
    sys.stdout.buffer.write(pdf)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) == 2 else "")
