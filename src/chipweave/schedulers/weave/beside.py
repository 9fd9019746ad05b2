"""A proof that is made while its schedule is still looked for: what is proven of a space does not depend on what is
found in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent import futures
from contextlib import contextmanager
from threading import Event

from chipweave.evaluation.lines import least, lines_of_pipelines
from chipweave.plan.certificate import Line, Proof, Prover, Space
from chipweave.schedulers.weave.best import Best

EVERY_S = 0.5
"""So often the gap is told, once there is nothing else to tell."""


@contextmanager
def proof_beside(best: Best) -> Iterator[Callable[[], Proof]]:
    """Prove what whole pipelines say of schedules with one chiplet a stage, in threads beside the search of the block.

    What the block gets waits for the proof, which has no limit of time. Until then one of the request's threads is left
    to the search; a block that ends without it ends the proof as well.
    """
    ready, request = best.judge.ready, best.request
    searched, over = Event(), Event()

    def enough() -> bool:
        return over.is_set() or request.stop()

    def told(lines: Sequence[Line]) -> None:
        best.prove(least(request.objective, lines)[0])

    with futures.ThreadPoolExecutor(1) as pool:
        proof = pool.submit(lines_of_pipelines, ready, request.objective, request.jobs, enough, told, searched)

        def wait() -> Proof:
            searched.set()
            while not proof.done():
                best.tell(60, "proving")
                futures.wait([proof], EVERY_S)
            return Proof(Space.ONE_CHIPLET, Prover.OPTIMAL, proof.result())

        try:
            yield wait
        finally:
            over.set()
            searched.set()
