"""The client and its workers: every case once, whoever dies, and the same store however it went."""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from chipweave.errors import InputError
from chipweave.store.answer import Answer, Failure
from chipweave.store.content import content
from chipweave.store.engine import GoneError
from chipweave.store.store import Store
from chipweave.sweep import run as client
from chipweave.sweep.axes import Points
from chipweave.sweep.local import LAST, MOST_PARCELS, LocalWorkers
from chipweave.sweep.owner import has_ended, this_owner
from chipweave.sweep.parcel import parcel_of
from chipweave.sweep.run import run_sweep
from tests.sweep import small
from tests.sweep.small import AtOnce


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "notes"
    path.touch()
    monkeypatch.setenv(small.NOTES, str(path))
    return path


def test_two_processes_or_none(tmp_path: Path) -> None:
    """Real answers."""
    asked = small.sweep(tmp_path)
    found = []
    for jobs in (0, 2):
        with Store.open(tmp_path / f"{jobs}.db") as store:
            workers = AtOnce(small.noted) if jobs == 0 else LocalWorkers(jobs)
            standing = run_sweep(asked, store, lambda _, w=workers: w)  # type: ignore[misc]
            assert (standing.cases, standing.answered, standing.failed) == (12, 12, 0)
            found.append(content(store))
    assert found[0] == found[1]
    assert len([row for row in found[0] if row[0] == "results"]) == 12


def test_what_is_finished_is_not_begun_again(tmp_path: Path, notes: Path) -> None:
    asked = small.sweep(tmp_path, seeds=3)
    with Store.open(tmp_path / "s.db") as store:
        first = AtOnce(stop_after=5)
        assert run_sweep(asked, store, lambda _: first, stop=lambda: first.stopped).answered == 5
        assert store.owners() == []
        standing = run_sweep(asked, store, lambda _: AtOnce())
        assert (standing.known, standing.answered) == (5, 13)
        again = run_sweep(asked, store, lambda _: pytest.fail("there is nothing to do"))
        assert (again.known, again.answered, again.left) == (18, 0, 0)
    begun = notes.read_text().split()
    assert len(begun) == len(set(begun)) == 18


def test_a_case_that_ends_its_process(tmp_path: Path) -> None:
    text = small.FILE.replace("[50e9, 100e9]", "[50e9]").replace("1000000, 2000000, ", "")
    asked = small.sweep(tmp_path, seeds=3, text=text)
    with Store.open(tmp_path / "s.db") as store:
        standing = run_sweep(asked, store, lambda _: LocalWorkers(1, small.deadly))
        assert (standing.answered, standing.failed) == (2, 1)
        (failure,) = store.failed(store.keys("small")).values()
        assert failure.kind == "killed"
        assert "2 times, last by signal 9 (SIGKILL" in failure.reason
        assert run_sweep(asked, store, lambda _: pytest.fail("failed cases are left")).left == 0
        standing = run_sweep(asked, store, lambda _: AtOnce(), retry_failed=True)
        assert (standing.known, standing.answered) == (2, 1)
        assert store.failed(store.keys("small")) == {}


def test_of_long_cases_one_waits_at_a_process_and_of_short_ones_some(tmp_path: Path) -> None:
    points = Points(small.sweep(tmp_path))
    workers = LocalWorkers(1, small.said_to_take)
    try:
        assert workers.room == 2
        for seed, room in ((2, 2), (1, MOST_PARCELS)):
            case = replace(points.case(points.choice(0)), seed=seed)
            for number in range(LAST):
                workers.submit(parcel_of(f"{seed} {number}", case))
            heard = 0
            while heard < LAST:
                heard += len(workers.outcomes(0.1))
            assert workers.room == room
    finally:
        workers.close()


def test_a_process_that_ends_once_does_not_fail_its_case(tmp_path: Path, notes: Path) -> None:
    asked = small.sweep(tmp_path)
    with Store.open(tmp_path / "s.db") as store:
        standing = run_sweep(asked, store, lambda _: LocalWorkers(2, small.deadly_once))
        assert (standing.answered, standing.failed) == (12, 0)
    assert Path(f"{notes}.died").exists()


def test_processes_that_cannot_start(tmp_path: Path) -> None:
    asked = small.sweep(tmp_path)
    with Store.open(tmp_path / "s.db") as store, pytest.raises(InputError) as caught:
        run_sweep(asked, store, lambda _: LocalWorkers(1, small.unloadable()))
    assert "processes of the sweep end before they are ready (exit code 3)" in str(caught.value)


def test_two_clients_do_each_case_once(tmp_path: Path, notes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "LOOK_S", 0.05)
    asked = small.sweep(tmp_path, seeds=20)
    standings = []

    def work() -> None:
        with Store.open(tmp_path / "s.db") as store:
            standings.append(run_sweep(asked, store, lambda _: AtOnce()))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    begun = notes.read_text().split()
    assert len(begun) == len(set(begun)) == 120
    assert sum(standing.answered for standing in standings) == 120
    assert all(standing.left == 0 for standing in standings)


def test_claims_of_the_dead_are_released_and_those_of_the_living_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "LOOK_S", 0.05)
    asked = small.sweep(tmp_path)
    with Store.open(tmp_path / "s.db") as store:
        run_sweep(asked, store, lambda _: AtOnce(), stop=lambda: True)
        keys = store.keys("small")
        machine = this_owner().partition("|")[0]
        store.claim(keys[:4], f"{machine}|{2**22 + 1}|77|dead", 3600, 4)
        store.claim(keys[4:6], "elsewhere|1|1|alive", 0.5, 2)
        waiting = AtOnce()
        waited: list[int] = []
        run_sweep(asked, store, lambda _: waiting, hear=lambda standing: waited.append(standing.elsewhere))
        assert len(store.finished(keys)) == 12
        assert max(waited) == 2


def test_who_has_ended() -> None:
    mine = this_owner()
    machine, number, started, _ = mine.split("|")
    assert mine != this_owner()
    assert not has_ended(mine)
    assert has_ended(f"{machine}|{number}|{started}0|x")
    assert not has_ended(f"another{machine}|{number}|{started}0|x")
    assert not has_ended("a name of another kind")
    child = os.fork()
    if not child:
        time.sleep(60)
        os._exit(0)
    owner = f"{machine}|{child}|{Path(f'/proc/{child}/stat').read_text().rpartition(')')[2].split()[19]}|x"
    assert not has_ended(owner)
    os.kill(child, signal.SIGKILL)
    for _ in range(100):
        if has_ended(owner):  # a process that is dead and not waited for, too
            break
        time.sleep(0.01)
    assert has_ended(owner)
    os.waitpid(child, 0)
    assert has_ended(owner)


def test_what_workers_answered_is_kept_where_they_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers that wait to be written are, whatever ends the sweep."""
    monkeypatch.setattr(client, "HEAR_S", 3600.0)
    workers = AtOnce()

    def outcomes(wait_s: float) -> list[Answer | Failure]:
        if workers.answers == 3:
            raise InputError("the workers are gone")
        return AtOnce.outcomes(workers, wait_s)

    monkeypatch.setattr(workers, "outcomes", outcomes, raising=False)
    with Store.open(tmp_path / "s.db") as store:
        with pytest.raises(InputError, match="the workers are gone"):
            run_sweep(small.sweep(tmp_path), store, lambda _: workers)
        assert len(store.finished_of("small")) == 3
        assert store.owners() == []


def test_answers_are_written_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as come within a moment, and all of them in the end."""
    monkeypatch.setattr(client, "HEAR_S", 3600.0)
    put_all = Store.put_all
    sizes: list[int] = []

    def put(store: Store, outcomes: list[Answer | Failure]) -> set[str]:
        sizes.append(len(outcomes))
        return put_all(store, outcomes)

    monkeypatch.setattr(Store, "put_all", put)
    with Store.open(tmp_path / "s.db") as store:
        standing = run_sweep(small.sweep(tmp_path), store, lambda _: AtOnce(room=5))
        assert (standing.answered, len(store.finished_of("small"))) == (12, 12)
    assert sum(sizes) == 12
    assert len(sizes) < 12


def test_a_database_that_is_gone_is_not_waited_for_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(store: Store, outcomes: object) -> set[str]:
        raise GoneError("the server is gone")

    with Store.open(tmp_path / "s.db") as store:
        monkeypatch.setattr(Store, "put_all", gone)
        monkeypatch.setattr(Store, "release", lambda *_: pytest.fail("it is asked again"))
        with pytest.raises(GoneError):
            run_sweep(small.sweep(tmp_path), store, lambda _: AtOnce())


def test_claims_are_renewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "RENEW_S", 0.0)
    monkeypatch.setattr(client, "CLAIM_S", 1.0)
    renewed = []
    monkeypatch.setattr(Store, "renew", lambda self, owner, for_s: renewed.append((owner, for_s)))
    with Store.open(tmp_path / "s.db") as store:
        run_sweep(small.sweep(tmp_path), store, lambda _: AtOnce())
    assert renewed
    assert {for_s for _, for_s in renewed} == {1.0}


def test_a_changed_sweep_needs_another_name_and_takes_what_is_known(tmp_path: Path, notes: Path) -> None:
    with Store.open(tmp_path / "s.db") as store:
        run_sweep(small.sweep(tmp_path, seeds=2), store, lambda _: AtOnce())
        with pytest.raises(InputError, match="another name"):
            run_sweep(small.sweep(tmp_path, seeds=3), store, lambda _: AtOnce())
        renamed = small.sweep(tmp_path, seeds=3, text=small.FILE.replace("name: small", "name: larger"))
        standing = run_sweep(renamed, store, lambda _: AtOnce())
        assert (standing.known, standing.answered) == (12, 6)
    assert len(notes.read_text().split()) == 18


def test_nothing_is_written_where_a_point_is_wrong(tmp_path: Path) -> None:
    text = small.FILE.replace("  seed:", "  chiplets.A.array: [[64, 64], [1, 1]]\n  seed:")
    with Store.open(tmp_path / "s.db") as store:
        with pytest.raises(InputError, match="leave them out by `where`"):
            run_sweep(small.sweep(tmp_path, text=text), store, lambda _: AtOnce())
        assert store.sweeps() == []
