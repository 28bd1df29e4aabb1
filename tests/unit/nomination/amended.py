"""Rulebooks of a season that is under way, changed in one place; and a loader that folds a scene's streams."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from kernel.decider import Aggregate, Loader
from schemas.rulebook import Rulebook, rulebook_content
from tests.unit.nomination.scene import Scene, rulebook

S = TypeVar("S")
Content = dict[str, Any]


def amended(change: Callable[[Content], object] = lambda _content: None, version: int = 2) -> Rulebook:
    """Return the rulebook of 2020 as another version, after `change` was made to its content."""
    content = rulebook_content(rulebook())
    content["version"] = version
    change(content)
    return Rulebook.from_content(content)


def with_title(content: Content) -> None:
    """Change what takes nothing away."""
    content["title"]["id"] = "Paritrana Award 2020 (perubahan)"


def body_in(content: Content, code: str) -> Content:
    """Return a body of a rulebook's content."""
    found: Content = next(body for body in content["bodies"] if body["code"] == code)
    return found


def office_in(content: Content, body: str, code: str) -> Content:
    """Return an office of a rulebook's content."""
    found: Content = next(office for office in body_in(content, body)["offices"] if office["code"] == code)
    return found


class SceneLoader(Loader):
    """Loads what happened in a scene, for whole programs."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.loaded: set[str] = set()

    async def load(self, aggregate: Aggregate[S], stream: str, *, guard: bool = True) -> S:
        if guard:
            self.loaded.add(stream)
        return self.scene.fold(aggregate, stream)

    def version(self, stream: str) -> int:
        return self.scene.version(stream)
