"""What is done beside a process is what it would have done itself, in the same order, however it ends."""

from __future__ import annotations

import os
from functools import partial

import pytest

from services.audit.beside import meanwhile, told_of

PARENT = os.getpid()
MANY = 600
"""More than a task may say apart."""


@pytest.mark.parametrize("workers", [1, 2])
def test_a_work_gives_its_result_wherever_it_is_done(workers: int):
    assert meanwhile(lambda: ["said", {"a": 1}], workers)() == ["said", {"a": 1}]


def test_several_workers_are_other_processes():
    assert meanwhile(os.getpid, 1)() == PARENT
    assert meanwhile(os.getpid, 2)() != PARENT


def test_a_work_whose_process_was_ended_is_done_here():
    def ended() -> str:
        if os.getpid() != PARENT:
            os._exit(1)
        return "done here"

    assert meanwhile(ended, 2)() == "done here"


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_tasks_are_told_in_their_order(workers: int):
    tasks = [partial(range, number, number + 3) for number in range(20)]
    assert [list(said) for said in told_of(tasks, workers)] == [list(task()) for task in tasks]


def test_a_task_that_says_much_says_it_here_and_whole():
    tasks = [lambda: (os.getpid() for _ in range(MANY)), lambda: (os.getpid() for _ in range(3))]
    much, little = (list(said) for said in told_of(tasks, 2))
    assert much == [PARENT] * MANY
    assert len(little) == 3
    assert PARENT not in little
