"""Workers of a Dask cluster. They need no disk in common: cases travel to them, answers travel back, and the client
alone writes."""

from __future__ import annotations

import logging
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

from chipweave.cost.loopnest import cache
from chipweave.errors import InputError
from chipweave.store.answer import Answer, Failure, Kind, failure_of
from chipweave.sweep.circulation import Circulation
from chipweave.sweep.local import one_thread
from chipweave.sweep.parcel import Answering, Parcel, answered

CONNECT_S = 20
GONE_S = 15
"""How long a scheduler may be silent."""

COUNT_EVERY_S = 2.0
"""How often the cluster's threads are counted, and its workers given the mappings that others found."""

FIRST = 1
"""Priority of what is to be done before the cases that wait at a worker."""

LOCAL, SLURM = "local", "slurm"


def dask_workers(
    address: str, jobs: int, say: Callable[[str], None] = lambda _: None, answer: Answering = answered
) -> DaskWorkers:
    """The workers of the scheduler at an address, such as `tcp://host:8786`, or of one that is started here (`local`:
    processes of this machine; `slurm`: jobs of SLURM).

    Args:
        jobs: workers of a cluster that is started here.
        say: hears that there are no workers yet.

    Raises:
        InputError: `distributed` is missing, no scheduler answers or can be started, or a worker has other versions
            than this process.
    """
    try:
        import distributed as loaded
    except ImportError as error:
        raise InputError(
            f"--dask {address}: needs distributed ({error}); install it with: pip install 'chipweave[cluster]'"
        ) from None
    distributed: Any = loaded  # it says little of its types
    for name in [each for each in logging.root.manager.loggerDict if each.startswith("distributed")]:
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what goes wrong is said here, in a line
    cluster = _started(distributed, address, jobs)
    try:
        client = distributed.Client(cluster or address, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        said = " ".join(str(error).split())[:200]
        raise InputError(
            f"--dask {address}: no scheduler answers there ({said}); give an address such as tcp://HOST:8786, or local"
        ) from None
    workers = DaskWorkers(client, cluster, address, answer)
    try:
        workers.wait_for_first(say)
        workers.require_versions()
    except BaseException:
        workers.close()
        raise
    return workers


def _started(distributed: Any, address: str, jobs: int) -> Any:
    """A cluster that is started here; None where one is at the address."""
    if address == LOCAL:
        with one_thread():
            return distributed.LocalCluster(
                n_workers=jobs,
                threads_per_worker=1,
                processes=True,
                dashboard_address=None,
                silence_logs=logging.CRITICAL,
            )
    if address != SLURM:
        return None
    try:
        from dask_jobqueue import SLURMCluster
    except ImportError as error:
        raise InputError(
            f"--dask slurm: needs dask-jobqueue ({error}); install it with: pip install dask-jobqueue"
        ) from None
    if shutil.which("sbatch") is None:
        raise InputError("--dask slurm: there is no 'sbatch' on this machine; run it where jobs are submitted")
    try:
        cluster = SLURMCluster(silence_logs=logging.CRITICAL)
    except (OSError, ValueError, TypeError) as error:
        said = " ".join(str(error).split())[:200]
        raise InputError(
            f"--dask slurm: {said}; say what a job is under 'jobqueue: slurm:' in ~/.config/dask/jobqueue.yaml"
        ) from None
    cluster.scale(jobs)
    return cluster


def versions() -> dict[str, str]:
    """What must be the same wherever cases are answered."""
    from chipweave.files.schedule_spec import LAW
    from chipweave.version import __version__

    return {
        "chipweave": __version__,
        "law": str(LAW),
        "loopnest": str(cache.VERSION),
        "Python": ".".join(map(str, sys.version_info[:2])),
    }


class OtherVersionsError(Exception):
    """A worker has other versions than the client."""


@dataclass(frozen=True)
class Reply:
    """What a worker sends back.

    Args:
        mappings: of layers that it had to search, as entries of a cache.
    """

    outcome: Answer | Failure
    mappings: Mapping[bytes, bytes]


def checked(parcel: Parcel, wanted: dict[str, str], answer: Answering) -> Reply:
    """What comes of a case on a worker, which may have joined later than the versions were checked."""
    if versions() != wanted:
        raise OtherVersionsError(_difference(versions(), wanted))
    with cache.noting() as found:
        outcome = answer(parcel)
    return Reply(outcome, found)


def _difference(found: dict[str, str], wanted: dict[str, str]) -> str:
    differ = [name for name in wanted if found.get(name) != wanted[name]]
    return ", ".join(f"{name} {found.get(name)} where the client has {wanted[name]}" for name in differ)


class DaskWorkers:
    """The workers that a client of Dask reaches; see `dask_workers`."""

    def __init__(self, client: Any, cluster: Any, address: str, answer: Answering) -> None:
        self._client = client
        self._cluster = cluster
        self._address = address
        self._answer = answer
        self._versions = versions()
        self._done: SimpleQueue[Any] = SimpleQueue()
        self._at_work: dict[str, tuple[Parcel, Any]] = {}
        self._mappings = Circulation()
        self._giving: dict[str, Any] = {}
        self._threads = 0
        self._counted_s = self._heard_s = time.monotonic()
        self._count = 0

    @property
    def room(self) -> int:
        """How many more parcels may be handed in now: as many as threads are free. (None is ahead of the workers: of
        several that a worker has when it ends, nobody knows which one ended it.)"""
        now_s = time.monotonic()
        if not self._threads or now_s - self._counted_s > COUNT_EVERY_S:
            with suppress(Exception):  # `outcomes` says that the scheduler is gone
                threads = self._client.nthreads()
                self._threads = sum(threads.values())
                self._give(threads)
            self._counted_s = now_s
        return max(0, self._threads - len(self._at_work))

    def submit(self, parcel: Parcel) -> None:
        """Hand a parcel in."""
        self._count += 1
        name = f"{parcel.key}-{self._count}"
        try:
            future = self._client.submit(checked, parcel, self._versions, self._answer, key=name, pure=False)
        except Exception as error:  # whatever Dask says where its scheduler is gone
            raise InputError(self._gone()) from error
        self._at_work[name] = parcel, future
        future.add_done_callback(self._done.put)

    def outcomes(self, wait_s: float) -> list[Answer | Failure]:
        """What came of parcels since the last call; where there is nothing, wait so long for the first.

        Raises:
            InputError: the scheduler is gone, or a worker has other versions.
        """
        futures: list[Any] = []
        with suppress(Empty):
            futures.append(self._done.get(timeout=wait_s))
            while True:
                futures.append(self._done.get_nowait())
        self._require_scheduler()
        return [self._outcome(future) for future in futures if future.key in self._at_work]

    def close(self) -> None:
        """Leave what is at work, and the cluster; one that was started here ends."""
        futures = [*(future for _, future in self._at_work.values()), *self._giving.values()]
        self._at_work.clear()
        self._giving.clear()
        with suppress(Exception):
            if self._client.status == "running":
                self._client.cancel(futures, force=True)
        with suppress(Exception):
            self._client.close(timeout=2)
        if self._cluster is not None:
            with suppress(Exception):
                self._cluster.close(timeout=5)

    def wait_for_first(self, say: Callable[[str], None]) -> None:
        """Until there is a worker."""
        said = False
        while not self._client.nthreads():
            self._require_scheduler()
            if not said:
                say(f"--dask {self._address}: there are no workers yet; waiting for the first")
            said = True
            time.sleep(0.2)

    def require_versions(self) -> None:
        """Hold the versions of every worker against this process's.

        Raises:
            InputError: some differ, or chipweave cannot be loaded there.
        """
        try:
            found = self._client.run(versions)
        except Exception as error:
            raise InputError(
                f"--dask {self._address}: chipweave cannot be loaded by the workers ({type(error).__name__}: {error}); "
                "install the same version there"
            ) from None
        wrong = {worker: theirs for worker, theirs in found.items() if theirs != self._versions}
        if wrong:
            raise InputError(
                [
                    f"--dask {self._address}: worker {worker} has {_difference(theirs, self._versions)}; install the "
                    "same there"
                    for worker, theirs in wrong.items()
                ]
            )

    def _give(self, workers: Iterable[str]) -> None:
        """Give the workers the mappings that they have not been given, and that they search themselves otherwise; those
        that are still at the last ones later. One that joins gets all."""
        self._giving = {worker: future for worker, future in self._giving.items() if not future.done()}
        for worker, entries in self._mappings.due(each for each in workers if each not in self._giving).items():
            self._giving[worker] = self._client.submit(
                cache.add, entries, workers=[worker], priority=FIRST, pure=False
            )

    def _outcome(self, future: Any) -> Answer | Failure:
        from distributed.scheduler import KilledWorker

        parcel, _ = self._at_work.pop(future.key)
        if future.status == "cancelled" or future.status == "lost":
            raise InputError(self._gone())
        try:
            reply: Reply = future.result(timeout=CONNECT_S)
        except KilledWorker as error:
            reason = f"the workers that tried it ended, last {error.last_worker.address}"
            return Failure(parcel.key, Kind.KILLED, reason, 0.0, str(error.last_worker.address))
        except OtherVersionsError as error:
            raise InputError(f"--dask {self._address}: a worker has {error}; install the same there") from None
        except Exception as error:
            self._require_scheduler()
            return failure_of(parcel.key, error, 0.0, self._address)
        finally:
            future.release()
        self._mappings.hear(reply.mappings)
        return reply.outcome

    def _require_scheduler(self) -> None:
        now_s = time.monotonic()
        if self._client.status == "running":
            self._heard_s = now_s
        elif self._client.status in ("closed", "closing") or now_s - self._heard_s > GONE_S:
            raise InputError(self._gone())

    def _gone(self) -> str:
        return (
            f"--dask {self._address}: the scheduler is gone; what is finished stays: start it, and run the same "
            "command again"
        )
