"""Sweeps that are over in a moment, and what answers them in odd ways."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chipweave.files.sweep_file import Sweep, load_sweep
from chipweave.store.answer import Answer, Failure
from chipweave.sweep.parcel import Parcel, answered, case_of
from tests.store import made_up

TINY = "{name: tiny, models: [{model: {name: tiny, layers: [{name: a, op: gemm, K: 2, C: 3, Y: 4}]}}]}"
FILE = f"""name: small
scenario: {TINY}
package: het-2x2
scheduler: standalone
cost_model: maestro
axes:
  package.link_bandwidth_bytes_s: [50e9, 100e9]
  chiplets.*.l2_bytes: [1000000, 2000000, 3000000]
  seed: {{range: [1, COUNT, 1]}}
"""
NOTES = "CHIPWEAVE_TEST_NOTES"
"""Names a file to which the keys of cases are added as they are begun."""


def sweep(folder: Path, seeds: int = 2, text: str = FILE) -> Sweep:
    """6 cases a seed."""
    path = folder / "small.yaml"
    path.write_text(text.replace("COUNT", str(seeds)))
    return load_sweep(path)


def note(parcel: Parcel) -> None:
    """Say that a case is begun. One write that is added to a file is never torn."""
    if NOTES in os.environ:
        handle = os.open(os.environ[NOTES], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(handle, f"{parcel.key}\n".encode())
        os.close(handle)


def noted(parcel: Parcel) -> Answer | Failure:
    """As a worker does it, after it has said so; slowly, so that there is something to be killed."""
    note(parcel)
    time.sleep(0.03)
    return answered(parcel)


def made_of_nothing(parcel: Parcel) -> Answer | Failure:
    """An answer that follows from the seed, without any search."""
    note(parcel)
    from chipweave.store.point import Point

    return made_up.answer(Point(0, case_of(parcel), parcel.key, {}))


def said_to_take(parcel: Parcel) -> Answer | Failure:
    """Cases of seed 1 a moment, by what their answers say, and all others half a minute."""
    from chipweave.store.point import Point

    case = case_of(parcel)
    return made_up.answer(Point(0, case, parcel.key, {}), seconds=0.001 if case.seed == 1 else 30.0)


def deadly(parcel: Parcel) -> Answer | Failure:
    """Cases of seed 2 end their process, as the system does where memory is short."""
    if case_of(parcel).seed == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return made_of_nothing(parcel)


def deadly_once(parcel: Parcel) -> Answer | Failure:
    """The first that gets there ends its process."""
    note(parcel)
    marker = Path(os.environ[NOTES] + ".died")
    try:
        marker.touch(exist_ok=False)
    except FileExistsError:
        return made_of_nothing(parcel)
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("it has been killed")


def stillborn(parcel: Parcel) -> Answer | Failure:
    raise AssertionError("it cannot be loaded")


def unloadable() -> Any:
    """A function that can be sent to a process, and not be loaded there."""
    return _Unloadable()


class _Unloadable:
    def __reduce__(self) -> tuple[Any, tuple[int]]:
        return os._exit, (3,)

    def __call__(self, parcel: Parcel) -> Answer | Failure:
        raise AssertionError


@dataclass
class AtOnce:
    """Workers that answer in this process, when they are asked what came of their parcels.

    Args:
        stop_after: answers, after which `stopped` says so.
    """

    answer: Any = made_of_nothing
    stop_after: int = 10**9
    room: int = 2
    parcels: list[Parcel] = field(default_factory=list)
    answers: int = 0

    @property
    def stopped(self) -> bool:
        return self.answers >= self.stop_after

    def submit(self, parcel: Parcel) -> None:
        self.parcels.append(parcel)

    def outcomes(self, wait_s: float) -> list[Answer | Failure]:
        if not self.parcels:
            return []
        self.answers += 1
        return [self.answer(self.parcels.pop(0))]

    def close(self) -> None: ...
