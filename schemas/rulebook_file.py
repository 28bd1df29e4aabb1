"""A rulebook file (YAML) read with its line numbers: a rulebook, or everything that is wrong with it, as data.

YAML is read by PyYAML's composer only, so no object is ever constructed by a tag, and its 1.1 surprises are left out:
dates, `on`, `yes` and `12:30` are texts, `010` is one too. Duplicate keys, aliases, tags and unquoted decimals are
errors with a remedy. No file, however bad, raises: size, depth and time are bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import yaml
from yaml.composer import Composer
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.parser import Parser
from yaml.reader import Reader, ReaderError
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner

from schemas.rulebook import Rulebook
from schemas.rulebook_checks import Finding, Path, check_content
from schemas.rulebook_messages import message

MAX_BYTES: Final = 256 * 1024
MAX_DEPTH: Final = 50
MAX_ENTRIES: Final = 20_000
MAX_ERRORS: Final = 200

_TAG: Final = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class RulebookError:
    """One thing that is wrong with a file: where (line from 1, path), what, and what to write, in both languages."""

    line: int
    path: str
    code: str
    message_en: str
    message_id: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What became of a file: a rulebook and no errors, or errors in the order of their lines and no rulebook."""

    rulebook: Rulebook | None
    errors: tuple[RulebookError, ...]


class _Resolver(BaseResolver):
    """Only what JSON has: everything else that is written without quotes is a text."""


for _name, _pattern, _starts in (
    ("bool", r"^(?:true|false)$", "tf"),
    ("null", r"^(?:~|null|)$", ["~", "n", ""]),
    ("int", r"^-?(?:0|[1-9][0-9]{0,14})$", "-0123456789"),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?$", "-+.0123456789"),
):
    _Resolver.add_implicit_resolver(_TAG + _name, re.compile(_pattern), list(_starts))


class _Refused(Exception):
    """The text cannot be composed at all."""

    def __init__(self, line: int, code: str, **values: object) -> None:
        self.line = line
        self.code = code
        self.values = values
        super().__init__(code)


class _Loader(Reader, Scanner, Parser, Composer, _Resolver):
    """PyYAML up to its node graph, without aliases and with a bounded depth."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        _Resolver.__init__(self)
        self.depth = 0
        self.entries = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            raise _Refused(line, "alias", value=event.anchor)
        if self.depth >= MAX_DEPTH:
            raise _Refused(line, "too_deep")
        self.entries += 1
        if self.entries > MAX_ENTRIES:
            raise _Refused(line, "too_many", value=MAX_ENTRIES)
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


class _Plain:
    """Turns the node graph into plain values, and remembers the line of every path."""

    def __init__(self) -> None:
        self.lines: dict[Path, int] = {}
        self.findings: list[tuple[int, Finding]] = []

    def value(self, node: Node, path: Path) -> Any:
        """Return the node's plain value; what cannot be one becomes a finding and a harmless stand-in."""
        self.lines.setdefault(path, node.start_mark.line + 1)
        match node:
            case MappingNode():
                return self._mapping(node, path)
            case SequenceNode():
                self._known_tag(node, path, "seq")
                return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
            case ScalarNode():
                return self._scalar(node, path)
            case _:
                raise AssertionError("PyYAML composes scalars, sequences and mappings")

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        self._known_tag(node, path, "map")
        plain: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, ScalarNode) or key_node.tag != _TAG + "str":
                self._find(line, path, "key_not_text", getattr(key_node, "value", None))
                continue
            key = key_node.value
            if key in plain:
                self._find(line, (*path, key), "duplicate_key", key)
                continue
            self.lines[(*path, key)] = line
            plain[key] = self.value(value_node, (*path, key))
        return plain

    def _scalar(self, node: ScalarNode, path: Path) -> object:
        text: str = node.value
        match node.tag.removeprefix(_TAG):
            case "int":
                return int(text)
            case "bool":
                return text == "true"
            case "null":
                return None
            case "float":
                self._find(node.start_mark.line + 1, path, "float_bare", text)
                return text
            case _:
                self._known_tag(node, path, "str")
                return text

    def _known_tag(self, node: Node, path: Path, kind: str) -> None:
        if node.tag != _TAG + kind:
            self._find(node.start_mark.line + 1, path, "tag", node.tag)

    def _find(self, line: int, path: Path, code: str, value: object) -> None:
        self.findings.append((line, Finding(path, code, {"value": value})))

    def line_of(self, path: Path) -> int:
        """Return the line of the path, or of the nearest entry that holds it."""
        while path not in self.lines and path:
            path = path[:-1]
        return self.lines.get(path, 1)


def read_rulebook(data: bytes) -> Reading:
    """Read a rulebook file. Never raises: whatever is wrong is in the reading's errors, all of it that can be seen."""
    try:
        text = _decoded(data)
        root = _composed(text)
    except _Refused as refused:
        return Reading(None, (_error(refused.line, Finding((), refused.code, refused.values)),))
    plain = _Plain()
    content = plain.value(root, ())
    rulebook, findings = check_content(content)
    placed = [(plain.line_of(finding.path), finding) for finding in findings]
    # A decimal where a whole number is asked for lacks no quotes, so only the second is said.
    whole = {finding.path for finding in findings if finding.code == "int_type"}
    written = [(line, one) for line, one in plain.findings if one.code != "float_bare" or one.path not in whole]
    errors = _unique([_error(line, finding) for line, finding in (*written, *placed)])
    return Reading(None if errors else rulebook, tuple(errors)[:MAX_ERRORS])


def _decoded(data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise _Refused(1, "too_large", value=len(data), other=MAX_BYTES)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        raise _Refused(data.count(b"\n", 0, wrong.start) + 1, "not_utf8") from None


def _composed(text: str) -> Node:
    try:
        loader = _Loader(text)
        root: Node | None = loader.get_single_node()
    except ReaderError as wrong:
        line = text.count("\n", 0, wrong.position) + 1
        raise _Refused(line, "control_character", value=f"U+{ord(text[wrong.position]):04X}") from None
    except yaml.MarkedYAMLError as wrong:
        mark = wrong.problem_mark or wrong.context_mark
        raise _Refused(mark.line + 1 if mark else 1, "yaml", value=wrong.problem or "?") from None
    except (yaml.YAMLError, ValueError, OverflowError) as wrong:
        raise _Refused(1, "yaml", value=str(wrong)) from None
    if root is None:
        raise _Refused(1, "empty")
    return root


def _error(line: int, finding: Finding) -> RulebookError:
    english, indonesian = message(finding.code, finding.values)
    return RulebookError(line, path_text(finding.path), finding.code, english, indonesian)


def path_text(path: Path) -> str:
    """Write a path as people read it: `rubrics[0].aspects[1].weight`."""
    return "".join(_steps(path)).removeprefix(".")


def _steps(path: Path) -> Iterator[str]:
    for step in path:
        yield f"[{step}]" if isinstance(step, int) else f".{step}"


def _unique(errors: list[RulebookError]) -> list[RulebookError]:
    """Keep one error per place and kind, in the order of lines."""
    kept = {(error.path, error.code, error.message_en): error for error in reversed(errors)}
    return sorted(kept.values(), key=lambda error: (error.line, error.path, error.code))
