"""The publishers' page says what the gate does: every type and field, every reason, and messages that are taken."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from cli.checks import REPOSITORY
from deploy.local.kafka import MESSAGE_MAX_BYTES
from kernel.decompression import MOST_BYTES, MOST_RECORDS
from schemas.fact_reading import FactReason, ReadFact, read_fact
from schemas.facts import FACT_PREFIX, MODELS, TOPICS_OF, Fact
from schemas.topics import CONTRIBUTIONS, COVERAGE, DAY_MS, FACT_TOPICS

PAGE = (REPOSITORY / "docs" / "publisher.md").read_text(encoding="utf-8")
MESSAGES = [json.loads(block) for block in re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)]
PATHS = sorted(set(re.findall(r"`(schemas/[a-z_./]+)`", PAGE)))
LINKS = sorted(set(re.findall(r"\]\(([^)#:]+)\)", PAGE)))
NOW = datetime(2021, 6, 1, tzinfo=UTC)


def row_of(name: str) -> str:
    """Return the line of a table that begins with a name."""
    return next(line for line in PAGE.splitlines() if line.startswith(f"| `{name}` |"))


@pytest.mark.parametrize("model", MODELS)
def test_a_type_stands_there_with_its_fields_and_with_those_that_may_be_left_out(model: type[Fact]) -> None:
    fields = row_of(model.__name__).split("|")[3]
    said = re.findall(r"(\*?)`([a-z][a-z_]*)`", fields)
    known = {field.name: "" if field.required else "*" for field in msgspec.structs.fields(model)}
    assert {name: mark for mark, name in said if name in known} == known
    assert {name for _, name in said} - known.keys() <= {"large", "medium", "small", "micro", "transactions"}


def test_which_types_go_where_is_as_the_page_says() -> None:
    both = {model.__name__ for model in MODELS if TOPICS_OF[model] == (CONTRIBUTIONS, COVERAGE)}
    assert both == {"CoverageReported", "AssistanceReported"}
    assert all(TOPICS_OF[model] == (CONTRIBUTIONS,) for model in MODELS if model.__name__ not in both)
    assert f"`{FACT_PREFIX}.`" in PAGE


@pytest.mark.parametrize("topic", FACT_TOPICS, ids=lambda topic: topic.name)
def test_a_topic_stands_there_with_its_partitions_and_days(topic: Any) -> None:
    cells = [cell.strip() for cell in row_of(topic.name).split("|")]
    assert cells[-3:-1] == [str(topic.partitions), f"{topic.retention_ms // DAY_MS} days"]


@pytest.mark.parametrize("reason", FactReason)
def test_a_reason_is_explained(reason: FactReason) -> None:
    assert len(row_of(reason).split("|")) == 5


def test_both_example_messages_are_taken_and_are_one_fact() -> None:
    binary, structured = (_read(message) for message in MESSAGES)
    assert len(MESSAGES[0]["headers"]) > len(MESSAGES[1]["headers"]) == 1
    assert binary == structured


def _read(message: dict[str, Any]) -> ReadFact:
    headers = [(name, text.encode()) for name, text in message["headers"].items()]
    return read_fact(message["topic"], message["key"].encode(), message["value"].encode(), headers, NOW)


@pytest.mark.parametrize("link", LINKS)
def test_a_link_leads_somewhere(link: str) -> None:
    assert (REPOSITORY / "docs" / link).exists()


@pytest.mark.parametrize("path", PATHS)
def test_a_path_exists(path: str) -> None:
    assert (REPOSITORY / path).exists()


def test_the_page_says_what_a_batch_may_be() -> None:
    sent, expanded = MESSAGE_MAX_BYTES // 1024**2, MOST_BYTES // 1024**2
    (said,) = re.findall(r"A record batch may be ([0-9]+) MiB .* to ([0-9]+) MiB, and may hold ([0-9,]+) records", PAGE)
    assert said == (f"{sent}", f"{expanded}", f"{MOST_RECORDS:,}")
