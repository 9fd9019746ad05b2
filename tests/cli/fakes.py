"""Schedulers that misbehave in one way each."""

from __future__ import annotations

import os
import signal
import time

from chipweave.evaluation.exact.ground import Prepared
from chipweave.plan.schedule import Pipeline, Schedule, Stage, Window
from chipweave.schedulers import Entry
from chipweave.schedulers.search import Found, Request

FAKES = {name: Entry(f"tests.cli.fakes:{name}", "") for name in ("interrupted", "hopeless", "broken", "wrong")}


def one_by_one(problem: Prepared) -> Schedule:
    """Every task whole on chiplet 0, one after another."""
    return Schedule(
        tuple(
            Window((Pipeline(index, (Stage(0, len(task.model.layers) - 1, (0,)),)),))
            for index, task in enumerate(problem.tasks)
        )
    )


def interrupted(problem: Prepared, request: Request) -> Found:
    """Ctrl-C comes while it searches; it stops when it looks."""
    assert not request.out_of_time
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.01)
    assert request.out_of_time
    return Found(one_by_one(problem), 1, (), complete=False)


def hopeless(problem: Prepared, request: Request) -> Found:
    """Ctrl-C comes twice, and it never looks."""
    for _ in range(2):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
    raise AssertionError("the second interrupt did not arrive")


def broken(problem: Prepared, request: Request) -> Found:
    """It has a bug."""
    raise ZeroDivisionError("by zero")


def wrong(problem: Prepared, request: Request) -> Found:
    """It forgets the last task."""
    return Found(Schedule(one_by_one(problem).windows[:-1]), 1, ())
