"""Workers of a Dask cluster: the same store as without one, and what is said where something is wrong."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from chipweave.cost.loopnest import cache
from chipweave.errors import InputError
from chipweave.store.answer import Answer
from chipweave.store.content import content
from chipweave.store.store import Store
from chipweave.sweep import dask
from chipweave.sweep.axes import Points
from chipweave.sweep.circulation import Circulation
from chipweave.sweep.dask import dask_workers
from chipweave.sweep.parcel import parcel_of
from chipweave.sweep.run import run_sweep
from tests.sweep import small
from tests.sweep.small import AtOnce

pytest.importorskip("distributed", reason="clusters need distributed")


def test_a_cluster_of_two_processes_leaves_the_same_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = small.sweep(tmp_path)
    with Store.open(tmp_path / "local.db") as store:
        run_sweep(asked, store, lambda _: AtOnce(small.noted))
        local = content(store)
    with Store.open(tmp_path / "dask.db") as store:
        standing = run_sweep(asked, store, lambda _: dask_workers("local", 2, answer=small.noted))
        assert (standing.answered, standing.failed) == (12, 0)
        assert content(store) == local


def test_a_case_that_ends_its_workers_fails_and_the_others_do_not(tmp_path: Path) -> None:
    asked = small.sweep(tmp_path, text=small.FILE.replace("[50e9, 100e9]", "[50e9]").replace("1000000, 2000000, ", ""))
    with Store.open(tmp_path / "dask.db") as store:
        standing = run_sweep(asked, store, lambda _: dask_workers("local", 2, answer=small.deadly))
        assert (standing.answered, standing.failed) == (1, 1)
        (failure,) = store.failed(store.keys("small")).values()
        assert failure.kind == "killed"
        assert "the workers that tried it ended" in failure.reason


def with_a_cache_of_its_own(folder: str) -> str:
    """As if this process had a disk of its own."""
    os.environ["CHIPWEAVE_CACHE"] = f"{folder}/{os.getpid()}"
    return str(cache.file())


def test_what_a_worker_maps_reaches_all_others_without_a_disk_in_common(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from distributed import Client, LocalCluster

    monkeypatch.setenv("CHIPWEAVE_CACHE", str(tmp_path / "client"))
    monkeypatch.setattr(dask, "COUNT_EVERY_S", 0.0)
    points = Points(small.sweep(tmp_path, text=small.FILE.replace("maestro", "loopnest")))
    case = points.case(points.choice(0))
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as watching,
    ):
        files = set(watching.run(with_a_cache_of_its_own, str(tmp_path)).values())
        workers = dask_workers(cluster.scheduler_address, 2)
        try:
            workers.submit(parcel_of("key", case))  # which one worker answers
            (answer,) = workers.outcomes(300.0)
            assert isinstance(answer, Answer), answer
            found = cache.entries()
            assert found
            assert [_entries(file) for file in sorted(files)].count(found) == 1
            assert _reach(workers, files, found)
        finally:
            workers.close()


def _entries(file: str) -> dict[bytes, bytes]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHIPWEAVE_CACHE", str(Path(file).parent))
        return cache.entries()


def _reach(workers: dask.DaskWorkers, files: set[str], found: dict[bytes, bytes]) -> bool:
    """Whether all files hold what was found, after a while in which the client looks around."""
    end_s = time.monotonic() + 30.0
    while time.monotonic() < end_s:
        assert workers.room
        if all(_entries(file) == found for file in files):
            return True
        time.sleep(0.1)
    return False


def test_each_worker_is_given_each_mapping_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHIPWEAVE_CACHE", str(tmp_path))
    known = Circulation()
    assert known.due(["a", "b"]) == {}
    known.hear({b"1": b"one"})
    assert known.due(["a", "b"]) == {"a": {b"1": b"one"}, "b": {b"1": b"one"}}
    known.hear({b"1": b"one", b"2": b"two"})
    assert known.due(["a", "c"]) == {"a": {b"2": b"two"}, "c": {b"1": b"one", b"2": b"two"}}
    assert known.due(["a", "b", "c"]) == {"b": {b"2": b"two"}}


def test_other_versions_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = dask.versions()
    parcel = object()
    with pytest.raises(dask.OtherVersionsError, match="law 3 where the client has 99" if ours["law"] == "3" else "law"):
        dask.checked(parcel, {**ours, "law": "99"}, small.stillborn)  # type: ignore[arg-type]

    class Client:
        status = "running"

        def run(self, function: object) -> dict[str, dict[str, str]]:
            return {"tcp://a:1": ours, "tcp://b:2": {**ours, "Python": "3.0", "chipweave": "0.0.9"}}

    workers = dask.DaskWorkers(Client(), None, "tcp://x:8786", small.stillborn)
    with pytest.raises(InputError) as caught:
        workers.require_versions()
    assert caught.value.problems == (
        f"--dask tcp://x:8786: worker tcp://b:2 has chipweave 0.0.9 where the client has {ours['chipweave']}, Python "
        f"3.0 where the client has {ours['Python']}; install the same there",
    )


def test_no_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask, "CONNECT_S", 0.5)
    for address in ("tcp://127.0.0.1:9", "nonsense://x", "slum"):
        with pytest.raises(InputError, match=f"--dask {address}: no scheduler answers there"):
            dask_workers(address, 2)


def test_slurm_needs_dask_jobqueue_sbatch_and_what_a_job_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class SLURMCluster:
        def __init__(self, **_: object) -> None:
            raise ValueError("You must specify cores and memory")

    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "dask_jobqueue", None)
    with pytest.raises(InputError, match=r"--dask slurm: needs dask-jobqueue .*pip install dask-jobqueue"):
        dask_workers("slurm", 2)
    monkeypatch.setitem(sys.modules, "dask_jobqueue", SimpleNamespace(SLURMCluster=SLURMCluster))
    with pytest.raises(InputError, match="--dask slurm: there is no 'sbatch' on this machine"):
        dask_workers("slurm", 2)
    (tmp_path / "sbatch").touch(0o755)
    with pytest.raises(InputError, match="--dask slurm: You must specify cores and memory; say what a job is"):
        dask_workers("slurm", 2)
