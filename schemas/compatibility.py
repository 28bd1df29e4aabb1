"""What may change in a published schema: nothing that an old reader or an old event would not survive.

Compatibility is full (new readers read old events, old readers read new ones) and, because no step may take back what
an earlier one gave, transitive: to compare with the last committed schema is to compare with all before it. What
remains allowed is a new optional field, and better words. Anything else is a new version of the event with an upcaster
from the old one, whose schema and example stay for ever.

Facts are held to the same, though only the gate reads an old one by a new schema: publishers' programs outlive our
builds, and who else reads the topics does so by the published schema. What the gate says beyond the schemas is held by
the golden examples (`tests/contract/test_fact_contract.py`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from schemas.document import Json
from schemas.fact_contract import DOCUMENT, grown
from schemas.generate import ROOT, event_path, generated_schemas
from schemas.upcasters import UPCASTERS

_WORDS: Final = frozenset(
    {"$schema", "$id", "$defs", "$comment", "title", "description", "examples", "x-stream", "x-type", "format"}
)
"""Keywords that only say something to people, or name the schema."""
_STRUCTURE: Final = frozenset(
    {"$ref", "properties", "required", "items", "anyOf", "enum", "const", "additionalProperties"}
)
_LOCAL: Final = "#/$defs/"
_GROWING: Final = "json/document.v1.json"
_FACTS: Final = "json/facts/"
_RULEBOOK: Final = "json/rulebook.schema.json"


def incompatibilities(old: Json, new: Json) -> list[str]:
    """Return each change from `old` to `new` that breaks full compatibility, as `path: what and why`."""
    return list(_compared("data", _Node(old, old), _Node(new, new)))


def broken_schemas(root: Path = ROOT, made: Mapping[str, Json] | None = None) -> list[str]:
    """Return each way in which the schemas made now break the ones committed below `root`, as `file: path: what`.

    The rulebook's schema is left out: a rulebook is read by the build that knows it, and its events carry it whole.
    """
    made = generated_schemas() if made is None else made
    superseded = {f"json/{event_path(name)}.json" for name in UPCASTERS}
    broken: list[str] = []
    for file in sorted((root / "json").rglob("*.json")):
        path = file.relative_to(root).as_posix()
        if path == _RULEBOOK or path in superseded:
            continue
        if path not in made:
            broken.append(
                f"{path}: the {'fact' if path.startswith(_FACTS) else 'event'} was removed; what was ever written must "
                "stay readable, so keep its model"
            )
            continue
        old, new = json.loads(file.read_bytes()), dict(made[path])
        if path == _GROWING:
            old.pop("allOf", None)
            new.pop("allOf", None)
        elif path == DOCUMENT:
            old, new = grown(old, new)
        broken += [f"{path}: {change}" for change in incompatibilities(old, new)]
    return broken + list(_resigned(made))


def _resigned(made: Mapping[str, Json]) -> Iterator[str]:
    """All versions of an event are signed, or none, so that an old version is no way around a signature."""
    for old_type, (new_type, _) in UPCASTERS.items():
        old, new = (made[f"json/{event_path(name)}.json"] for name in (old_type, new_type))
        if old["x-signed"] != new["x-signed"]:
            yield f"json/{event_path(new_type)}.json: x-signed differs from {old_type}; give the event another name"


class _Node:
    """A part of a schema with the document its references point into."""

    def __init__(self, schema: Any, root: Json) -> None:
        self.root = root
        self.schema: Json = self._resolved(schema)

    def _resolved(self, schema: Any) -> Json:
        if not isinstance(schema, dict):
            # `true`, or nothing said, admits everything; `false` admits nothing.
            return {} if schema in (True, None) else {"not": {}}
        target: str = schema.get("$ref", "")
        return self._resolved(self.root["$defs"][target[len(_LOCAL) :]]) if target.startswith(_LOCAL) else schema

    def at(self, part: Any) -> _Node:
        return _Node(part, self.root)


def _compared(path: str, old: _Node, new: _Node) -> Iterator[str]:
    yield from _keywords(path, old.schema, new.schema)
    yield from _values(path, _allowed(old.schema), _allowed(new.schema))
    yield from _fields(path, old, new)
    if "items" in old.schema or "items" in new.schema:
        yield from _compared(f"{path}[]", old.at(old.schema.get("items")), new.at(new.schema.get("items")))
    if "additionalProperties" in old.schema or "additionalProperties" in new.schema:
        parts = (node.at(node.schema.get("additionalProperties")) for node in (old, new))
        yield from _compared(f"{path}.*", *parts)
    yield from _alternatives(path, old, new)


def _keywords(path: str, old: Json, new: Json) -> Iterator[str]:
    """Whatever restricts a value must stay as it was: tighter refuses old events, looser is refused by old readers."""
    for word in sorted((old.keys() | new.keys()) - _WORDS - _STRUCTURE):
        if old.get(word) != new.get(word):
            yield f"{path}: {word} changed from {_said(old, word)} to {_said(new, word)}"


def _said(schema: Json, word: str) -> str:
    return json.dumps(schema[word], ensure_ascii=False) if word in schema else "nothing"


def _allowed(schema: Json) -> set[str] | None:
    """Return the values that `enum` or `const` admit, as JSON texts; None when any value is admitted."""
    if "const" in schema:
        return {json.dumps(schema["const"], ensure_ascii=False)}
    return {json.dumps(value, ensure_ascii=False) for value in schema["enum"]} if "enum" in schema else None


def _values(path: str, old: set[str] | None, new: set[str] | None) -> Iterator[str]:
    if old is None and new is None:
        return
    if old is None or new is None:
        yield f"{path}: the list of allowed values was {'added' if old is None else 'dropped'}"
        return
    if gone := old - new:
        yield f"{path}: removed the value {', '.join(sorted(gone))}, which old events hold"
    if added := new - old:
        yield f"{path}: added the value {', '.join(sorted(added))}, which old readers refuse"


def _fields(path: str, old: _Node, new: _Node) -> Iterator[str]:
    before, after = old.schema.get("properties", {}), new.schema.get("properties", {})
    was, is_now = set(old.schema.get("required", ())), set(new.schema.get("required", ()))
    for name in sorted(before.keys() - after.keys()):
        yield f"{path}.{name}: removed a {'required' if name in was else 'published'} field"
    for name in sorted(is_now - was):
        what = "became required" if name in before else "added as required"
        yield f"{path}.{name}: {what}, and old events do not have it"
    for name in sorted((was - is_now) & after.keys()):
        yield f"{path}.{name}: no longer required, and old readers need it"
    for name in sorted(before.keys() & after.keys()):
        yield from _compared(f"{path}.{name}", old.at(before[name]), new.at(after[name]))


def _alternatives(path: str, old: _Node, new: _Node) -> Iterator[str]:
    before, after = old.schema.get("anyOf", []), new.schema.get("anyOf", [])
    if len(before) != len(after):
        yield f"{path}: the number of alternatives changed from {len(before)} to {len(after)}"
        return
    for number, (one, other) in enumerate(zip(before, after, strict=True), start=1):
        yield from _compared(f"{path}(alternative {number})", old.at(one), new.at(other))
