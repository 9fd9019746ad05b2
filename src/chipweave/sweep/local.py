"""Workers on this machine: a process each, which may end at any time without an end to the others.

(`concurrent.futures` gives up all processes where one is killed.)
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from math import ceil
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from queue import SimpleQueue
from typing import Any

from chipweave.errors import InputError
from chipweave.store.answer import Answer, Failure, Kind
from chipweave.sweep.parcel import Answering, Parcel, answered

MOST_PARCELS = 8
"""That a worker has: one that it works on, and some to go on with while the client writes or does nothing."""

AHEAD_S = 0.3
"""About so much work a worker has ahead; of cases that take longer there is one ahead."""

LAST = 16
"""Cases from which it follows how long cases take."""

TRIES = 2
"""How often a case is begun whose process ends."""

MOST_STILLBORN = 3
"""Processes in a row that end before they are ready, until it is said that none can be started."""

READY = "ready"
ONE_THREAD = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass
class _Worker:
    """A process, and the parcels that it has, the one that it works on first."""

    process: BaseProcess
    connection: Any
    ready: bool = False
    parcels: deque[Parcel] = field(default_factory=deque)


class LocalWorkers:
    """So many processes of this machine.

    Args:
        jobs: processes.
        answer: what they do with a parcel: a function that can be imported by its name.
    """

    def __init__(self, jobs: int, answer: Answering = answered) -> None:
        self._answer = answer
        self._context = get_context("spawn")
        self._tries: dict[str, int] = {}
        self._stillborn = 0
        self._again: deque[Parcel] = deque()
        self._failures: list[Answer | Failure] = []
        self._took_s: deque[float] = deque(maxlen=LAST)
        self._workers: list[_Worker] = []
        with one_thread():
            self._workers += (self._started() for _ in range(jobs))

    @property
    def room(self) -> int:
        """How many more parcels may be handed in now."""
        most = self._most_parcels
        return max(0, sum(most - len(worker.parcels) for worker in self._workers) - len(self._again))

    def submit(self, parcel: Parcel) -> None:
        """Hand a parcel in."""
        worker = min(self._workers, key=lambda each: len(each.parcels))
        worker.parcels.append(parcel)
        with suppress(OSError):  # one that has ended since: `outcomes` finds that out
            worker.connection.send(parcel)

    def outcomes(self, wait_s: float) -> list[Answer | Failure]:
        """What came of parcels since the last call; where there is nothing, wait so long for the first, and for more
        as long as all have enough to do: this process shares its core with them, and what comes together takes it less.

        Raises:
            InputError: no process can be started.
        """
        while self._again and any(len(worker.parcels) < self._most_parcels for worker in self._workers):
            self.submit(self._again.popleft())
        found = self._failures
        self._failures = []
        by_connection = {worker.connection: worker for worker in self._workers}
        heard = wait(list(by_connection), 0 if found else wait_s)
        if heard and (idle_s := min(wait_s, self._idle_s)):
            time.sleep(idle_s)
            heard = wait(list(by_connection), 0)
        for connection in heard:
            found += self._heard(by_connection[connection])
        self._took_s.extend(outcome.seconds for outcome in found)
        return found

    def close(self) -> None:
        """End the processes, and what they are at."""
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.join()
            worker.connection.close()
        self._workers.clear()

    @property
    def processes(self) -> list[int]:
        """Their numbers."""
        return [worker.process.pid or 0 for worker in self._workers]

    @property
    def _most_parcels(self) -> int:
        mean_s = sum(self._took_s) / len(self._took_s) if self._took_s else AHEAD_S
        return min(MOST_PARCELS, 1 + ceil(AHEAD_S / max(mean_s, 1e-6)))

    @property
    def _idle_s(self) -> float:
        """For how long none runs out of parcels, if cases take as long as the shortest of the last ones: each is at
        one, and of one the client has not heard yet that it is finished."""
        fewest = min(len(worker.parcels) for worker in self._workers)
        return max(0, fewest - 2) * min(self._took_s, default=0.0)

    def _heard(self, worker: _Worker) -> list[Answer | Failure]:
        """All that a worker has said, or what follows from its end."""
        outcomes: list[Answer | Failure] = []
        try:
            while worker.connection.poll():
                said = worker.connection.recv()
                if said == READY:
                    worker.ready, self._stillborn = True, 0
                    continue
                parcel = worker.parcels.popleft()
                self._tries.pop(parcel.key, None)
                outcomes.append(said)
        except (EOFError, OSError):
            self._replace(worker)
        return outcomes

    def _replace(self, worker: _Worker) -> None:
        """Another process in the place of one that has ended. The case that it was at is tried again, as it may have
        ended for another reason; then it has failed."""
        worker.process.join()
        worker.connection.close()
        code = worker.process.exitcode or 0
        self._stillborn = 0 if worker.ready else self._stillborn + 1
        if self._stillborn >= MOST_STILLBORN:
            raise InputError(f"processes of the sweep end before they are ready ({_ended(code)}); look at their memory")
        at_work = worker.parcels.popleft() if worker.ready and worker.parcels else None
        self._again.extend(worker.parcels)
        if at_work is not None:
            self._tries[at_work.key] = self._tries.get(at_work.key, 0) + 1
            if self._tries[at_work.key] < TRIES:
                self._again.appendleft(at_work)
            else:
                del self._tries[at_work.key]
                reason = f"its process ended {TRIES} times, last by {_ended(code)}"
                self._failures.append(Failure(at_work.key, Kind.KILLED, reason, 0.0, f"process {worker.process.pid}"))
        with one_thread():
            self._workers[self._workers.index(worker)] = self._started()

    def _started(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_work, args=(theirs, self._answer), daemon=True)
        process.start()
        theirs.close()
        return _Worker(process, ours)


def _ended(code: int) -> str:
    """The end of a process in words."""
    if code >= 0:
        return f"exit code {code}"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else "unknown"
    more = ", as where memory is short" if name == "SIGKILL" else ""
    return f"signal {-code} ({name}{more})"


@contextmanager
def one_thread() -> Iterator[None]:
    """Processes that are started meanwhile compute on one thread each, and leave Ctrl-C to this one."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    main = threading.current_thread() is threading.main_thread()
    heard = signal.signal(signal.SIGINT, signal.SIG_IGN) if main else None
    os.environ.update({name: "1" for name, value in before.items() if value is None})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
        if main:
            signal.signal(signal.SIGINT, heard)


def _work(connection: Connection, answer: Answering) -> None:
    """What a worker's process does until the client's has ended, or has hung up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parcels: SimpleQueue[Parcel] = SimpleQueue()

    def receive() -> None:
        while True:
            try:
                parcels.put(connection.recv())
            except (EOFError, OSError):
                os._exit(1)  # whatever it is at: nobody waits for it

    connection.send(READY)
    threading.Thread(target=receive, daemon=True).start()
    while True:
        outcome = answer(parcels.get())
        try:
            connection.send(outcome)
        except OSError:
            os._exit(1)
