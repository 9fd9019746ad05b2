"""Compiles the kernels that many tests need, each once, before the tests start: `python -m tests.kernels WORKERS`.

Workers that start where nothing is compiled yet would each compile nearly all of them. A kernel that no job here runs
is compiled by the first test that needs it, in each worker: slower, but not wrong.
"""

from __future__ import annotations

import gc
import os
import random
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from chipweave.cost.interface import CostModel
from chipweave.cost.loopnest.model import LoopnestCostModel
from chipweave.cost.maestro.model import MaestroCostModel
from chipweave.evaluation.exact.ground import prepare
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.dataflow import Dataflow, Style
from chipweave.plan.objective import objective
from chipweave.plan.problem import Fidelity
from chipweave.schedulers import scheduler
from chipweave.schedulers.search import Request
from chipweave.simulation.engine import run as simulate
from chipweave.simulation.operations import Discipline, Operation, Packets, Resources
from chipweave.workload.layer import Layer, Op
from tests.support import random_problem

JOBS = ("scar", "loopnest", "scope", "maestro", "optimal", "simulation")
"""The longest first; those that call kernels of others behind them."""


def run(job: str) -> None:
    gc.disable()  # collecting takes an eighth of the time
    if job == "loopnest":
        cost(LoopnestCostModel())
    elif job == "maestro":
        cost(MaestroCostModel())
    elif job == "simulation":
        for discipline in Discipline:
            simulate([Operation(0, 10.0, 0)], Resources((10.0,), (((0, 1.0),),)), discipline, Packets())
    else:
        for seed in (1, 2):  # from here on no kernel is new
            problem = random_problem(random.Random(seed), Fidelity.DETAILED)
            scheduler(job)(prepare(problem), Request(objective("edp"), jobs=1))


def cost(model: CostModel) -> None:
    layers = [Layer("maps", Op.CONV, K=4, C=4, Y=6, X=6, R=3, S=3), Layer("rows", Op.GEMM, K=4, C=4, Y=6)]
    for style in (Style.NVDLA, Style.SHIDIANNAO, Style.EYERISS):
        model.costs(layers, Chiplet(style, Dataflow(style), num_pes=16, noc_bandwidth=4))


def main(arguments: Sequence[str]) -> None:
    os.environ["CHIPWEAVE_CACHE"] = "off"  # a mapping that is known needs no kernel
    with ProcessPoolExecutor(int(arguments[0]), get_context("spawn")) as pool:
        list(pool.map(run, JOBS))


if __name__ == "__main__":
    main(sys.argv[1:])
