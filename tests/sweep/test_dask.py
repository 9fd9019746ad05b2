"""Workers of a Dask cluster: the same store as without one, and what is said where something is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from chipweave.errors import InputError
from chipweave.store.content import content
from chipweave.store.store import Store
from chipweave.sweep import dask
from chipweave.sweep.dask import dask_workers
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
    for address in ("tcp://127.0.0.1:9", "nonsense://x", "slurm"):
        with pytest.raises(InputError, match=f"--dask {address}: no scheduler answers there"):
            dask_workers(address, 2)
