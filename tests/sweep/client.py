"""A client of a sweep whose workers say what they begin: what `kill` kills. Ends as the command line does.

Usage: client.py FILE STORE local|ADDRESS
"""

from __future__ import annotations

import sys

from chipweave.errors import ChipweaveError
from chipweave.files.sweep_file import load_sweep
from chipweave.store import engine
from chipweave.store.store import Store
from chipweave.sweep.local import LocalWorkers
from chipweave.sweep.run import run_sweep
from tests.sweep import small

PATIENCE_S = 8
"""For a database that is gone; less than is usual, so that many can be killed one after another."""


def main(file: str, where: str, workers: str) -> int:
    engine.PATIENCE_S = PATIENCE_S
    try:
        with Store.open(where) as store:
            if workers == "local":
                run_sweep(load_sweep(file), store, lambda _: LocalWorkers(2, small.noted), retry_failed=True)
            else:
                from chipweave.sweep.dask import dask_workers

                run_sweep(
                    load_sweep(file), store, lambda _: dask_workers(workers, 2, answer=small.noted), retry_failed=True
                )
    except ChipweaveError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
