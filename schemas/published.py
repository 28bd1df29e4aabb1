"""What the contracts of events and of facts are both made of: words from the source, the cluster, Kafka's bindings."""

from __future__ import annotations

import ast
import inspect
import sys
from functools import cache
from typing import Any, Final

from schemas.topics import FOR_EVER, Topic

BINDING: Final = "0.5.0"
"""The version of AsyncAPI's Kafka bindings."""


@cache
def field_notes(module: str) -> dict[str, dict[str, str]]:
    """Return the docstrings below the fields of a module's classes, by class and field."""
    notes: dict[str, dict[str, str]] = {}
    for node in ast.parse(inspect.getsource(sys.modules[module])).body:
        if isinstance(node, ast.ClassDef):
            for field, note in zip(node.body, node.body[1:], strict=False):
                match field, note:
                    case (
                        ast.AnnAssign(target=ast.Name(id=name)),
                        ast.Expr(value=ast.Constant(value=str(text))),
                    ):
                        notes.setdefault(node.name, {})[name] = inspect.cleandoc(text)
    return notes


def kafka_server() -> dict[str, Any]:
    """Return the one cluster, as AsyncAPI says it."""
    return {
        "host": "{bootstrap}",
        "protocol": "kafka",
        "description": "The cluster that KAFKA_BOOTSTRAP_SERVERS names.",
        "variables": {"bootstrap": {"default": "127.0.0.1:9092", "description": "One of its brokers."}},
    }


def kept(topic: Topic) -> str:
    """Say for how long a topic keeps its records."""
    return "for ever" if topic.retention_ms == FOR_EVER else f"for {topic.retention_ms} ms"


def topic_binding(topic: Topic) -> dict[str, Any]:
    """Return how a topic is set up."""
    return {
        "kafka": {
            "topic": topic.name,
            "partitions": topic.partitions,
            "topicConfiguration": {"cleanup.policy": ["delete"], "retention.ms": topic.retention_ms}
            | ({"retention.bytes": FOR_EVER} if topic.retention_ms == FOR_EVER else {}),
            "bindingVersion": BINDING,
        }
    }


def key_binding(key: dict[str, Any]) -> dict[str, Any]:
    """Return what a message's key is."""
    return {"kafka": {"key": key, "bindingVersion": BINDING}}
