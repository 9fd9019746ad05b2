"""kill -9 of clients and of the server at random moments: nothing finished is lost, nothing finished is computed again,
nothing is half written, and what is left in the end is what an undisturbed sweep leaves."""

from __future__ import annotations

import multiprocessing
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from chipweave.store.content import content
from chipweave.store.store import Store
from tests.store import postgres
from tests.store.made_up import answer, points
from tests.support import seeds

COUNT = 60
CLAIMED_S = 0.3


def client(place: str, log: str, owner: str) -> None:
    """A sweep's client; what it computes it notes first."""
    asked = {point.key: point for point in points(COUNT)}
    with Store.open(place) as store, open(log, "a", buffering=1) as noted:
        store.add_sweep("s", "text", asked.values())
        while len(store.finished(asked)) < COUNT:
            for key in store.claim(list(asked), owner, CLAIMED_S, 4):
                noted.write(key + "\n")
                time.sleep(0.002)
                store.put(answer(asked[key], worker=owner))
            time.sleep(0.005)


def begun(place: str, log: Path, owner: str) -> BaseProcess:
    process = multiprocessing.get_context("fork").Process(target=client, args=(place, str(log), owner))
    process.start()
    return process


def killed(process: BaseProcess) -> None:
    process.kill()
    process.join()


def finished(place: str) -> set[str]:
    with Store.open(place) as store:
        return store.finished([point.key for point in points(COUNT)])


def disturbed(place: str, log: Path, rng: random.Random, kills: int, disturb: Callable[[BaseProcess], None]) -> None:
    """Let clients work on a store and `disturb` them; each time hold what is there against what was there."""
    log.touch()
    done: set[str] = set()
    at = 0
    for number in range(kills):
        process = begun(place, log, f"client {number}")
        time.sleep(rng.uniform(0.0, 0.3))
        disturb(process)
        now = finished(place)
        assert done <= now, "what is finished stays"
        computed = log.read_text().split()
        assert not done & set(computed[at:]), "what is finished is not computed again"
        done, at = finished(place), len(log.read_text().split())
        killed(process)
    process = begun(place, log, "last")
    process.join(120)
    assert process.exitcode == 0
    assert not done & set(log.read_text().split()[at:])


def calm(place: str) -> list[tuple[object, ...]]:
    asked = points(COUNT)
    with Store.open(place) as store:
        store.add_sweep("s", "text", asked)
        for point in asked:
            store.put(answer(point))
        return content(store)


@pytest.mark.parametrize("seed", seeds(2, 30))
def test_clients_that_are_killed(new_place: Callable[[], str], tmp_path: Path, seed: int) -> None:
    place = new_place()
    disturbed(place, tmp_path / "log", random.Random(seed), 4, killed)
    with Store.open(place) as store:
        assert content(store) == calm(new_place())
    if "://" not in place:
        with sqlite3.connect(place) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.close()


@pytest.fixture
def own_server() -> Iterator[postgres.Server]:
    if postgres.binaries() is None:
        pytest.skip(postgres.ABSENT)
    with postgres.running() as running:
        yield running


@pytest.mark.parametrize("seed", seeds(1, 30))
def test_a_server_that_is_killed(own_server: postgres.Server, tmp_path: Path, seed: int) -> None:
    """The clients go on when it is back."""
    place = own_server.url()
    with Store.open(place):  # it is there before anything happens to it
        pass

    log = tmp_path / "log"

    def disturb(process: BaseProcess) -> None:
        before = log.read_text()
        while log.read_text() == before and process.is_alive():
            time.sleep(0.01)
        own_server.kill()
        time.sleep(0.05)
        own_server.start()
        time.sleep(0.3)
        assert process.is_alive() or process.exitcode == 0

    disturbed(place, log, random.Random(seed), 3, disturb)
    with Store.open(place) as store:
        assert content(store) == calm(own_server.new_schema("calm"))
