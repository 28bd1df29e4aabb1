"""The page of example requests: every address is a route, and every body is one that its route takes."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel

from cli.checks import REPOSITORY
from services.audit.live.api import router as audit
from services.identity.api import add_routes as identity
from services.nomination.api import add_routes as nomination
from services.nomination.api.motions import MotionBody
from services.notifications.api import add_routes as notifications
from services.scoring.api import add_routes as scoring
from services.wiring import feed_of

PAGE = (REPOSITORY / "docs" / "requests.md").read_text(encoding="utf-8")
ADDRESS = re.compile(r"`(GET|POST|PUT|DELETE) (/v1/[^`]*)`")
EXAMPLE = re.compile(
    r"^`(POST|PUT) (/v1/[^`]*)`((?:(?!```|\n`(?:POST|PUT) ).)*)```json\n(.*?)```", re.MULTILINE | re.DOTALL
)


class Rooms(FastAPI):
    """Takes the routers of a service as they are."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[APIRoute] = []

    def include_router(self, router: APIRouter, **_: Any) -> None:
        self.found += [route for route in router.routes if isinstance(route, APIRoute)]


def routes() -> dict[tuple[str, str], APIRoute]:
    rooms = Rooms()
    for add in (identity, nomination, scoring, notifications):
        add(rooms)
    rooms.include_router(audit)
    rooms.include_router(feed_of("audit"))
    return {(method, route.path): route for route in rooms.found for method in route.methods or ()}


ROUTES = routes()
EXAMPLES = [(method, path, json.loads(body)) for method, path, _, body in EXAMPLE.findall(PAGE)]


def body_of(method: str, path: str) -> type[BaseModel]:
    field = ROUTES[method, path].body_field
    assert field is not None, f"{method} {path} takes no body"
    model = field.field_info.annotation
    assert isinstance(model, type)
    assert issubclass(model, BaseModel)
    return model


@pytest.mark.parametrize(("method", "path"), sorted(set(ADDRESS.findall(PAGE))))
def test_an_address_is_a_route(method: str, path: str) -> None:
    assert (method, path) in ROUTES


@pytest.mark.parametrize(("method", "path", "body"), EXAMPLES)
def test_a_body_is_taken_by_its_route(method: str, path: str, body: dict[str, Any]) -> None:
    said = body_of(method, path).model_validate(body)
    if isinstance(said, MotionBody):
        assert said.asked


def test_every_body_on_the_page_is_checked() -> None:
    assert len(EXAMPLES) == PAGE.count("```json")


def test_there_is_a_motion_of_each_kind() -> None:
    kinds = {body["kind"] for _, path, body in EXAMPLES if path.endswith("/motions")}
    assert kinds == {"propose", "break-tie", "admit-late", "decide-appeal"}


@pytest.mark.parametrize(
    "name", ["disputes", "interview", "attendance", "tally", "confirm", "appeals", "subscriptions"]
)
def test_what_is_hard_to_guess_is_on_the_page(name: str) -> None:
    assert any(path.rpartition("/")[2] == name for _, path, _ in EXAMPLES)
