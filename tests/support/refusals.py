"""What an answer to a bad request must be: a problem document that says what to change, and never our fault."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Final

import httpx

from tests.support.malformed import Sent
from tests.support.whole import PROBLEM, Json, Whole

AT_ONCE: Final = 8


def fault_of(status: int, headers: httpx.Headers, content: Callable[[], Json]) -> str | None:
    """Return what is wrong with an answer to a bad request, or None: 4xx, RFC 9457, and a remedy."""
    if not HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return f"status {status}"
    if headers.get("content-type") != PROBLEM:
        return f"no problem document but {headers.get('content-type')}"
    problem = content()
    if problem.get("status") != status or not str(problem.get("type")).startswith("/problems/"):
        return f"status and type are {problem.get('status')} and {problem.get('type')}"
    errors = problem.get("errors", [])
    if not problem.get("title") or not (problem.get("detail") or errors):
        return "it does not say what to change"
    if any(not error.get("field") or not error.get("remedy") for error in errors):
        return f"an error names no field or no remedy: {errors}"
    return None


def refusal(answer: httpx.Response) -> Json:
    """Return the problem document of an answer; fail unless it is as it must be."""
    fault = fault_of(answer.status_code, answer.headers, answer.json)
    assert fault is None, f"{answer.request.method} {answer.request.url}: {fault}: {answer.text[:300]}"
    problem: Json = answer.json()
    return problem


async def faults_among(whole: Whole, token: str | None, requests: Iterable[Sent]) -> tuple[int, list[str]]:
    """Send requests that must all be refused, several at once; return how many there were and what was wrong."""
    found: list[str] = []
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(sent: Sent) -> None:
        async with gate:
            answer = await send(whole, token, sent)
        fault = fault_of(answer.status_code, answer.headers, answer.json)
        if fault is not None:
            found.append(f"{sent}: {fault}: {answer.text[:200]}")

    tasks = [asyncio.create_task(one(sent)) for sent in requests]
    await asyncio.gather(*tasks)
    return len(tasks), found


async def send(whole: Whole, token: str | None, sent: Sent) -> httpx.Response:
    """Send one request as it is, with bytes that no client library would let through in a header."""
    headers = ({"Authorization": f"Bearer {token}"} if token else {}) | sent.headers
    encoded = {name.encode("ascii"): value.encode("latin-1") for name, value in headers.items()}
    url = whole.url(sent.route.service, sent.target)
    return await whole.http.request(sent.method, url, content=sent.content, headers=encoded)
