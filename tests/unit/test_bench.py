"""The bench's rows: their form, what their ratios claim, when a goal is met, and where their table is placed."""

from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import latency
from bench.rows import BEGIN, END, Row, cells, markdown, placed, read_rows, rounded, write_rows

KEYS = {
    "name", "value", "unit", "limit", "peer", "peer_name", "goal_of_limit", "goal_of_peer", "smaller_is_better",
    "runs", "min", "max",
}  # fmt: skip


def rate(value: float = 80.0, **given: Any) -> Row:
    return Row.of("append", "events/s", [value], **given)


def wait(value: float, **given: Any) -> Row:
    return Row.of("latency", "ms", [value], smaller_is_better=True, **given)


def test_a_row_has_the_keys_that_readers_of_the_file_rely_on():
    assert {field.name for field in fields(Row)} == KEYS


def test_a_row_holds_the_medians_and_the_least_and_greatest_value():
    row = Row.of("append", "events/s", [90.0, 10.0, 50.0], limits=[100.0, 300.0, 200.0], peers=[1.0, 3.0, 2.0])
    assert (row.value, row.min, row.max, row.runs) == (50.0, 10.0, 90.0, 3)
    assert (row.limit, row.peer) == (200.0, 2.0)


def test_without_limit_or_peer_there_is_no_ratio_and_nothing_to_meet():
    row = rate()
    assert (row.of_limit, row.of_peer, row.met) == (None, None, None)


@pytest.mark.parametrize(("value", "met"), [(70.0, True), (69.9, False), (500.0, True)])
def test_a_rate_meets_its_goal_from_that_part_of_the_limit_on(value: float, met: bool):
    assert rate(value, limits=[100.0], goal_of_limit=0.7).met is met


@pytest.mark.parametrize(("value", "met"), [(50.0, True), (50.1, False), (1.0, True)])
def test_a_time_meets_its_goal_up_to_that_multiple_of_the_limit(value: float, met: bool):
    assert wait(value, limits=[10.0], goal_of_limit=5.0).met is met


@pytest.mark.parametrize(("peer", "met"), [(25.0, True), (40.0, False)])
def test_against_a_peer_more_is_better_for_rates(peer: float, met: bool):
    row = rate(75.0, limits=[100.0], peers=[peer], goal_of_limit=0.7, goal_of_peer=3.0)
    assert row.of_peer == 75.0 / peer
    assert row.met is met


def test_against_a_peer_less_is_better_for_times():
    assert wait(10.0, peers=[30.0]).of_peer == 3.0


def test_a_goal_whose_other_side_was_not_measured_counts_neither_way():
    assert rate(80.0, limits=[100.0], goal_of_limit=0.7, goal_of_peer=3.0).met is True
    assert rate(80.0, goal_of_limit=0.7).met is None


def test_a_limit_of_zero_has_no_ratio():
    assert rate(limits=[0.0]).of_limit is None


@given(st.floats(min_value=1e-6, max_value=1e9))
def test_rounding_changes_a_figure_by_less_than_a_thousandth(figure: float):
    assert abs(rounded(figure) - figure) <= figure / 1000


def test_rows_are_read_as_they_were_written(tmp_path: Path):
    rows = [rate(limits=[100.0], goal_of_limit=0.7), wait(3.0, peers=[4.0], peer_name="another")]
    write_rows(tmp_path / "results.json", rows)
    assert orjson.loads((tmp_path / "results.json").read_bytes()) == [asdict(row) for row in rows]
    assert read_rows(tmp_path / "results.json") == rows


@pytest.mark.parametrize("content", [b"{}", b"[1]", b'[{"name": "append"}]'])
def test_a_file_of_another_form_is_refused(tmp_path: Path, content: bytes):
    (tmp_path / "results.json").write_bytes(content)
    with pytest.raises(ValueError, match="no list of rows"):
        read_rows(tmp_path / "results.json")


def test_the_kept_results_have_the_form_and_a_row_for_every_measure():
    rows = {row.name: row for row in read_rows(Path(__file__).resolve().parents[2] / "bench" / "results.json")}
    goals = {"append_single": 0.7, "append_batch": 0.7, "relay": 0.7, "rebuild": 0.4, "latency": 5.0}
    assert {name: rows[name].goal_of_limit for name in goals} == goals
    assert all(rows[name].limit and rows[name].runs >= 3 for name in goals)
    assert all(row.min <= row.value <= row.max for row in rows.values())


def test_the_table_says_of_each_row_whether_its_goals_are_met():
    table = markdown([rate(limits=[100.0], goal_of_limit=0.7), wait(60.0, limits=[10.0], goal_of_limit=5.0)])
    head, line, first, second = table.splitlines()
    assert {text.count("|") for text in (head, line, first, second)} == {10}
    assert first.startswith("| append | 80 events/s | 100 | 0.80 | ≥ 0.7 |")
    assert first.endswith("| yes |")
    assert "| 6.00 | ≤ 5 |" in second
    assert second.endswith("| no |")


def test_a_row_without_a_peer_leaves_its_cells_empty():
    assert cells(rate())[5:] == ("", "", "", "")


def test_the_table_replaces_what_stands_between_its_marks_and_nothing_else():
    text = f"before\n{BEGIN}\nold\n{END}\nafter"
    once = placed(text, "| new |\n")
    assert once == f"before\n{BEGIN}\n\n| new |\n\n{END}\nafter"
    assert placed(once, "| new |\n") == once


@pytest.mark.parametrize("text", ["no marks", f"only {BEGIN}", f"only {END}"])
def test_a_text_without_both_marks_stays_as_it_is(text: str):
    assert placed(text, "| new |") == text


def test_a_percentile_is_the_least_time_that_so_many_do_not_exceed():
    times = [number / 1000 for number in range(1, 101)]
    assert latency.percentile(times, 0.99) == 99.0
    assert latency.percentile(times, 0.5) == 50.0
    assert latency.percentile([0.004], 0.99) == 4.0
