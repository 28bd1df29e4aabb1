"""How commands ask the scoring service: where it answers, whose token is sent, pages, and answers that are none."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Annotated, Any

import httpx
import typer

from cli.addresses import address_of
from cli.login import token_for
from cli.output import WrongUse
from cli.sessions import signed_in

Scoring = Annotated[
    str | None,
    typer.Option("--scoring", help="Where scoring answers; else PARITRANA_SCORING_URL, else as the stack says."),
]


def scoring_at(given: str | None, token: str | None, language: str = "en") -> httpx.Client:
    """Return a client of the scoring service that speaks for the owner of the token, if there is one."""
    headers = {"Accept-Language": language} | ({"Authorization": f"Bearer {token}"} if token else {})
    return httpx.Client(base_url=address_of("scoring", given), headers=headers, timeout=15.0, trust_env=False)


def token_if_any() -> str | None:
    """Return the caller's token, None when nobody has signed in."""
    if given := os.environ.get("PARITRANA_TOKEN"):
        return given
    session = signed_in(address_of("identity"))
    return None if session is None else str(session["token"])


def token_of(login: str | None) -> str:
    """Return the token of a development person, else the caller's; raise WrongUse when nobody has signed in."""
    return os.environ.get("PARITRANA_TOKEN") or token_for() if login is None else token_for(login)


def pages(client: httpx.Client, path: str, query: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Yield the items of every page of a list."""
    while True:
        page = checked(asked(client, path, query))
        yield from page["items"]
        if page["next"] is None:
            return
        query = {**query, "cursor": page["next"]}


def asked(client: httpx.Client, path: str, query: dict[str, str]) -> httpx.Response:
    """Ask once; raise WrongUse when nobody answers."""
    try:
        return client.get(path, params=query)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise WrongUse(
            f"scoring does not answer at {client.base_url} ({type(error).__name__}): start the stack with "
            "`paritrana up`, or correct PARITRANA_SCORING_URL"
        ) from None


def checked(answer: httpx.Response) -> dict[str, Any]:
    """Return the body of a good answer; raise WrongUse for a refusal, and for what does not come from scoring."""
    try:
        said: dict[str, Any] = answer.json()
    except ValueError:
        raise WrongUse(f"what answers at {answer.url} is not scoring; correct PARITRANA_SCORING_URL") from None
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        raise WrongUse(f"{said.get('detail')} Run `paritrana login` again.")
    if answer.status_code != httpx.codes.OK:
        raise WrongUse(f"{said.get('title', 'refused')}: {said.get('detail', answer.status_code)}")
    return said
