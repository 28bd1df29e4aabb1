"""`paritrana certificate …`: fetch a certificate (piagam) as PDF, and check one as anybody can.

A certificate is named by its number, as it is printed, by its id, or by the address in its QR code. Whoever checks one
by id or address needs no sign-in, only the paper; by number it is looked up among those that one may see.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import UUID

import typer

from cli.output import AsJson, Finding, WrongUse, show
from cli.service import Login, Nomination, NominationUrl, Refused

_ADDRESS: Final = re.compile(r"https?://.*/v1/public/certificates/(?P<id>[0-9a-fA-F-]{36})")
_NUMBER: Final = re.compile(r"[0-9]{3,}/.+/PA-(?P<season>[0-9]{4}(-[a-z0-9]{1,16})?)")
_MOST: Final = "200"

Named = Annotated[
    str, typer.Argument(metavar="NUMBER", help="The printed number, the id, or the address in the QR code.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    certificates = typer.Typer(help="Certificates: fetch, check.", no_args_is_help=True, rich_markup_mode=None)
    certificates.callback()(_of_certificates)
    certificates.command(
        "get",
        help="Fetch a certificate as PDF, as its nominee's contact, its home's people, the award's, or an auditor.\n\n"
        "Example: paritrana certificate get 001/PIAGAM-PEMENANG/KABKOTA/PA-2020 --out piagam.pdf --login auditor",
        no_args_is_help=True,
    )(get_certificate)
    certificates.command(
        "check",
        help="Say whether a certificate is in force and what must be written on it; ends with 1 when it is not.\n\n"
        "Example: paritrana certificate check 018f3a52-7c1e-7d43-9a55-0c1f2b7c9d10",
        no_args_is_help=True,
    )(check_certificate)
    app.add_typer(certificates, name="certificate")


def _of_certificates() -> None:
    """Fetch and check certificates."""


def get_certificate(
    named: Named,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="A file that is not there yet.")],
    login: Login = None,
    nomination: NominationUrl = None,
    as_json: AsJson = False,
) -> None:
    """Fetch a certificate into a file."""
    if out.exists():
        raise WrongUse(f"{out} is there already: choose another file")
    service = Nomination.as_person(login, nomination)
    id_ = _id(named) or _found(service, named)
    pdf = service.document(f"/v1/certificates/{id_}.pdf")
    try:
        with out.open("xb") as file:
            file.write(pdf)
    except OSError as error:
        raise WrongUse(f"{out} cannot be written: {error.strerror}") from None
    show({"certificate": id_, "file": str(out), "bytes": len(pdf)}, [f"{out}: {len(pdf)} bytes"], as_json=as_json)


def check_certificate(
    named: Named, login: Login = None, nomination: NominationUrl = None, as_json: AsJson = False
) -> None:
    """Check a certificate."""
    id_ = _id(named)
    service = Nomination.as_anybody(nomination) if id_ else Nomination.as_person(login, nomination)
    try:
        found = service.read(f"/v1/public/certificates/{id_ or _found(service, named)}")
    except Refused as refused:
        if refused.code == "not-found":
            raise Finding(f"there is no certificate {named}: nobody was given it here") from None
        raise
    show(found, _lines(found), as_json=as_json)
    if found["revoked"] is not None:
        raise Finding(f"the certificate {found['number']} is revoked since {found['revoked']}")


# --- what it is named by -------------------------------------------------------------------------------------------


def _id(named: str) -> str | None:
    """Return the id that is named directly or by an address; None for a number."""
    address = _ADDRESS.fullmatch(named)
    try:
        return str(UUID(address["id"] if address else named))
    except ValueError:
        return None


def _found(service: Nomination, named: str) -> str:
    """Return the id of a number, looked up among the certificates that one may see."""
    number = _NUMBER.fullmatch(named)
    if number is None:
        raise WrongUse(f"{named!r} is no certificate: write its number, its id, or the address in its QR code")
    listed = service.pages("/v1/certificates", season=number["season"], limit=_MOST)
    found = next((one["certificate"] for one in listed if one["number"] == named), None)
    if found is None:
        raise Finding(
            f"no certificate {named} is there for you to see; by the address in its QR code anybody can check"
        )
    return str(found)


# --- showing -------------------------------------------------------------------------------------------------------


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    since = "" if found["revoked"] is None else f" since {found['revoked']}"
    yield f"{found['number']}: {found['status']}{since}"
    yield f"  {found['kind']['title']['en']}, {found['season']['title']['en']}"
    rank = "" if found["rank"] is None else f", rank {found['rank']}"
    yield f"  {found['candidate']}, {found['category']['title']['en']}{rank}, dated {found['dated']}"
    if found["sample"]:
        yield "  a sample: no office vouches for it"
